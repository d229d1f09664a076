#ifndef SLUICE_CLINUX_SHIM_H
#define SLUICE_CLINUX_SHIM_H

#include <errno.h>
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

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1U << 1)
#endif
// Gives the calling thread a descriptor table of its own that holds only the descriptors below `first`.
static inline int sluice_unshare_descriptors(unsigned int first) {
    return close_range(first, ~0U, CLOSE_RANGE_UNSHARE);
}

#endif
