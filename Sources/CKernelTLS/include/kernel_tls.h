#ifndef SLUICE_KERNEL_TLS_H
#define SLUICE_KERNEL_TLS_H

#include <stddef.h>

// A target of its own and not inline, because Swift would take the structures of sockets that these need for this module's
// and not for Glibc's, in whatever file it came upon them first.

// Hands a connected TCP socket to the kernel's TLS. 0, or -1 and errno: ENOENT where the kernel has none (or its module is
// not loaded), ENOTCONN for a socket without a connection.
int sluice_ktls_attach(int descriptor);

// Has the kernel encrypt what is written to an attached socket from now on. `key` is one of the structures of
// <linux/tls.h>, of which its beginning says which. 0, or -1 and errno.
int sluice_ktls_start_sending(int descriptor, const void *key);

// Sends a record that is not data: an alert, a message of the handshake. `flags` are sendmsg's. Its length, or -1 and errno.
ptrdiff_t sluice_ktls_send_record(int descriptor, unsigned char type, const void *bytes, size_t count, int flags);

#endif
