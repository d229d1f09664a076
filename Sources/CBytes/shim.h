#ifndef SLUICE_CBYTES_SHIM_H
#define SLUICE_CBYTES_SHIM_H

// Sixteen bytes at a time: Swift's own vectors have no way from a comparison to the place of its first hit that compiles to
// less than a comparison of each byte.

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef signed char sluice_vector __attribute__((vector_size(16)));

// How many of the first `length` bytes stand for themselves in a JSON string and are ASCII: neither a quote, nor a
// backslash, nor a control character (RFC 8259 section 7), nor a part of a longer scalar.
static inline size_t sluice_plain_length(const void *bytes, size_t length) {
    const unsigned char *start = (const unsigned char *)bytes;
    size_t position = 0;
    while (length - position >= 16) {
        sluice_vector vector;
        memcpy(&vector, start + position, sizeof vector);
        // As signed numbers, what is not ASCII is below 0x20 too.
        sluice_vector special = (vector == '"') | (vector == '\\') | (vector < 0x20);
#if defined(__SSE2__)
        unsigned mask = (unsigned)__builtin_ia32_pmovmskb128((__attribute__((vector_size(16))) char)special);
        if (mask != 0) return position + (size_t)__builtin_ctz(mask);
#else
        uint64_t halves[2];
        memcpy(halves, &special, sizeof halves);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        if (halves[0] != 0) return position + (size_t)__builtin_clzll(halves[0]) / 8;
        if (halves[1] != 0) return position + 8 + (size_t)__builtin_clzll(halves[1]) / 8;
#else
        if (halves[0] != 0) return position + (size_t)__builtin_ctzll(halves[0]) / 8;
        if (halves[1] != 0) return position + 8 + (size_t)__builtin_ctzll(halves[1]) / 8;
#endif
#endif
        position += 16;
    }
    while (position < length && start[position] >= 0x20 && start[position] < 0x80 && start[position] != '"' &&
           start[position] != '\\') {
        position++;
    }
    return position;
}

#endif
