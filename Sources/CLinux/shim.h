#ifndef SLUICE_CLINUX_SHIM_H
#define SLUICE_CLINUX_SHIM_H

#include <errno.h>
#include <linux/tls.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

// glibc hides these behind _GNU_SOURCE, which Swift's importer does not define; the prototypes are glibc's own.
extern int accept4(int, struct sockaddr *, socklen_t *, int);
extern int pthread_setname_np(pthread_t, const char *);
extern int close_range(unsigned int, unsigned int, int);
extern void *memmem(const void *, size_t, const void *, size_t);

// Enumerators of a named enum in glibc, so Swift would see them as a type without operators.
static const uint32_t sluice_epollin = EPOLLIN;
static const uint32_t sluice_epollpri = EPOLLPRI;
static const uint32_t sluice_epollout = EPOLLOUT;
static const uint32_t sluice_epollerr = EPOLLERR;
static const uint32_t sluice_epollhup = EPOLLHUP;
static const uint32_t sluice_epollrdhup = EPOLLRDHUP;
static const uint32_t sluice_epolloneshot = EPOLLONESHOT;

// strerror_r exists in two shapes under one name; the POSIX one has this symbol in glibc.
extern int __xpg_strerror_r(int, char *, size_t);
static inline void sluice_error_text(int code, char *text, size_t capacity) {
    if (__xpg_strerror_r(code, text, capacity) != 0 && capacity > 0) text[0] = 0;
}

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

// Hands a connected TCP socket to the kernel's TLS. 0, or -1 and errno: ENOENT where the kernel has none (or its module is
// not loaded), ENOTCONN for a socket without a connection.
static inline int sluice_ktls_attach(int descriptor) {
    static const char name[] = "tls";
    int result = setsockopt(descriptor, IPPROTO_TCP, TCP_ULP, name, sizeof(name));
    return result != 0 && errno == EEXIST ? 0 : result;
}

// Has the kernel encrypt what is written to an attached socket from now on. `key` is one of the structures of
// <linux/tls.h>, of which its beginning says which. 0, or -1 and errno.
static inline int sluice_ktls_start_sending(int descriptor, const void *key) {
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

// Sends a record that is not data: an alert, a message of the handshake. All of it, or -1 and errno.
static inline ssize_t sluice_ktls_send_record(
    int descriptor, unsigned char type, const void *bytes, size_t count, int flags) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(type))];
    } control;
    memset(&control, 0, sizeof(control));
    struct iovec slice = {(void *)bytes, count};
    struct msghdr message = {.msg_iov = &slice, .msg_iovlen = 1};
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_TLS;
    header->cmsg_type = TLS_SET_RECORD_TYPE;
    header->cmsg_len = CMSG_LEN(sizeof(type));
    *CMSG_DATA(header) = type;
    message.msg_controllen = header->cmsg_len;
    return sendmsg(descriptor, &message, flags);
}

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1U << 1)
#endif
// Gives the calling thread a descriptor table of its own that holds only the descriptors below `first`.
static inline int sluice_unshare_descriptors(unsigned int first) {
    return close_range(first, ~0U, CLOSE_RANGE_UNSHARE);
}

#endif
