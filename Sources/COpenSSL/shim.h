#ifndef SLUICE_COPENSSL_SHIM_H
#define SLUICE_COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

// Function-like macros do not cross into Swift.
static inline long sluice_SSL_set_tlsext_host_name(SSL *ssl, const char *name) {
    return SSL_set_tlsext_host_name(ssl, name);
}

static inline long sluice_SSL_CTX_set_min_proto_version(SSL_CTX *context, int version) {
    return SSL_CTX_set_min_proto_version(context, version);
}

static inline long sluice_SSL_CTX_set_mode(SSL_CTX *context, long mode) {
    return SSL_CTX_set_mode(context, mode);
}

static inline void sluice_SSL_CTX_refuse_renegotiation(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
}

static inline void sluice_SSL_CTX_offer_to_kernel(SSL_CTX *context) { SSL_CTX_set_options(context, SSL_OP_ENABLE_KTLS); }

// What OpenSSL asks of the BIO it writes to when it may leave encryption to the kernel. <openssl/bio.h> has the numbers in a
// comment only, for they are between OpenSSL and its own BIOs; they are the same in 3.0.22 and on its main branch. Where others
// counted, KernelTLS.isAvailable would say no.
enum {
    sluice_BIO_CTRL_SET_KTLS = 72,
    sluice_BIO_CTRL_SET_KTLS_RECORD_TYPE = 74,
    sluice_BIO_CTRL_CLEAR_KTLS_RECORD_TYPE = 75,
    sluice_BIO_FLAGS_KTLS_RECORD_TYPE = 0x1000,
};

static inline long sluice_SSL_CTX_set_session_cache_mode(SSL_CTX *context, long mode) {
    return SSL_CTX_set_session_cache_mode(context, mode);
}

static inline long sluice_SSL_CTX_add1_chain_cert(SSL_CTX *context, X509 *certificate) {
    return SSL_CTX_add1_chain_cert(context, certificate);
}

static inline void sluice_SSL_CTX_set_servername_callback(
    SSL_CTX *context, int (*callback)(SSL *, int *, void *), void *argument) {
    SSL_CTX_set_tlsext_servername_callback(context, callback);
    SSL_CTX_set_tlsext_servername_arg(context, argument);
}

static inline int sluice_SSL_in_init(SSL *ssl) { return SSL_in_init(ssl); }

// EVP_MAC parameters are an array that ends in a sentinel, made by functions that return structs.
static inline int sluice_EVP_MAC_CTX_set_hmac_sha256(EVP_MAC_CTX *context, unsigned char *key, size_t length) {
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, length),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(context, parameters);
}
static inline int sluice_EVP_PKEY_PUBLIC_KEY(void) { return EVP_PKEY_PUBLIC_KEY; }

static inline void sluice_BIO_set_retry_read(BIO *bio) { BIO_set_retry_read(bio); }
static inline void sluice_BIO_set_retry_write(BIO *bio) { BIO_set_retry_write(bio); }
static inline void sluice_BIO_clear_retry_flags(BIO *bio) { BIO_clear_retry_flags(bio); }

#endif
