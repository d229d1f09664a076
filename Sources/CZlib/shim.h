#ifndef SLUICE_CZLIB_SHIM_H
#define SLUICE_CZLIB_SHIM_H

#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

// zlib's states point back to their z_stream, which may therefore not move: each is a block of its own. Negative window
// bits mean DEFLATE as it is (RFC 1951), without a header and a checksum.

// NULL if there is no memory, or if a parameter is out of range.
static inline z_stream *sluice_deflate_new(int level, int window_bits, int memory_level) {
    z_stream *stream = (z_stream *)calloc(1, sizeof(z_stream));
    if (stream && deflateInit2(stream, level, Z_DEFLATED, -window_bits, memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(stream);
        return NULL;
    }
    return stream;
}

static inline void sluice_deflate_free(z_stream *stream) {
    deflateEnd(stream);
    free(stream);
}

static inline z_stream *sluice_inflate_new(int window_bits) {
    z_stream *stream = (z_stream *)calloc(1, sizeof(z_stream));
    if (stream && inflateInit2(stream, -window_bits) != Z_OK) {
        free(stream);
        return NULL;
    }
    return stream;
}

static inline void sluice_inflate_free(z_stream *stream) {
    inflateEnd(stream);
    free(stream);
}

// zlib reads through next_in and never writes; it is const only if ZLIB_CONST is defined.
static inline void sluice_stream_input(z_stream *stream, const uint8_t *bytes, uint32_t count) {
    stream->next_in = (uint8_t *)bytes;
    stream->avail_in = count;
}

// Whether inflate stopped between two blocks (zlib.h, the bits of data_type).
static inline int sluice_inflate_is_between_blocks(const z_stream *stream) { return (stream->data_type & 128) != 0; }

#endif
