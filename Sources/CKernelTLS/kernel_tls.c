#include "kernel_tls.h"

#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

int sluice_ktls_attach(int descriptor) {
    static const char name[] = "tls";
    int result = setsockopt(descriptor, IPPROTO_TCP, TCP_ULP, name, sizeof(name));
    return result != 0 && errno == EEXIST ? 0 : result;
}

int sluice_ktls_start_sending(int descriptor, const void *key) {
    socklen_t size;
    switch (((const struct tls_crypto_info *)key)->cipher_type) {
    case TLS_CIPHER_AES_GCM_128: size = sizeof(struct tls12_crypto_info_aes_gcm_128); break;
    case TLS_CIPHER_AES_GCM_256: size = sizeof(struct tls12_crypto_info_aes_gcm_256); break;
#ifdef TLS_CIPHER_CHACHA20_POLY1305
    case TLS_CIPHER_CHACHA20_POLY1305: size = sizeof(struct tls12_crypto_info_chacha20_poly1305); break;
#endif
    default: errno = EOPNOTSUPP; return -1;
    }
    return setsockopt(descriptor, SOL_TLS, TLS_TX, key, size);
}

ptrdiff_t sluice_ktls_send_record(int descriptor, unsigned char type, const void *bytes, size_t count, int flags) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(type))];
    } control;
    memset(&control, 0, sizeof(control));
    struct iovec slice = {(void *)bytes, count};
    struct msghdr message = {
        .msg_iov = &slice, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_TLS;
    header->cmsg_type = TLS_SET_RECORD_TYPE;
    header->cmsg_len = CMSG_LEN(sizeof(type));
    *CMSG_DATA(header) = type;
    message.msg_controllen = header->cmsg_len;
    return sendmsg(descriptor, &message, flags);
}
