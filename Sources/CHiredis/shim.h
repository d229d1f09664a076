#ifndef SLUICE_CHIREDIS_SHIM_H
#define SLUICE_CHIREDIS_SHIM_H

// hiredis serves as a codec only: its reader and its command formatter, over our own sockets.
// 0.14 (Debian 12) and 1.x differ in some types; what Swift sees is the same for both.

#include <hiredis/hiredis.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// What the reader tells while it parses: each is called once for a part of a reply, in the order of the wire.
typedef struct sluice_reply_sink {
    void *context;
    // `type` is REDIS_REPLY_STRING, REDIS_REPLY_STATUS or REDIS_REPLY_ERROR; the bytes are valid during the call.
    void (*string)(void *context, int type, const char *bytes, size_t length);
    void (*array)(void *context, int64_t count);
    void (*integer)(void *context, int64_t value);
    void (*null)(void *context);
} sluice_reply_sink;

// hiredis takes a null object for "out of memory", so every part is represented by the same non-null one.
static inline void *sluice_reply_part(void) {
    static char part;
    return &part;
}

static void *sluice_reply_string(const redisReadTask *task, char *bytes, size_t length) {
    sluice_reply_sink *sink = (sluice_reply_sink *)task->privdata;
#ifdef REDIS_REPLY_VERB
    // A verbatim string (RESP3) has its format in front: "txt:".
    if (task->type == REDIS_REPLY_VERB && length >= 4) {
        bytes += 4;
        length -= 4;
    }
#endif
    sink->string(sink->context, task->type, bytes, length);
    return sluice_reply_part();
}

#if HIREDIS_MAJOR >= 1
static void *sluice_reply_array(const redisReadTask *task, size_t count) {
#else
static void *sluice_reply_array(const redisReadTask *task, int count) {
#endif
    sluice_reply_sink *sink = (sluice_reply_sink *)task->privdata;
    sink->array(sink->context, (int64_t)count);
    return sluice_reply_part();
}

static void *sluice_reply_integer(const redisReadTask *task, long long value) {
    sluice_reply_sink *sink = (sluice_reply_sink *)task->privdata;
    sink->integer(sink->context, (int64_t)value);
    return sluice_reply_part();
}

static void *sluice_reply_nil(const redisReadTask *task) {
    sluice_reply_sink *sink = (sluice_reply_sink *)task->privdata;
    sink->null(sink->context);
    return sluice_reply_part();
}

#if HIREDIS_MAJOR >= 1
// RESP3 is never asked for. From a server that speaks it unasked these come as RESP2 would have sent them: hiredis would
// otherwise pass over them without a word, and the parts would no longer add up to the reply.
static void *sluice_reply_double(const redisReadTask *task, double value, char *bytes, size_t length) {
    (void)value;
    return sluice_reply_string(task, bytes, length);
}

static void *sluice_reply_bool(const redisReadTask *task, int value) { return sluice_reply_integer(task, value); }
#endif

static void sluice_reply_free(void *object) { (void)object; }

static redisReplyObjectFunctions sluice_reply_functions = {
    .createString = sluice_reply_string,
    .createArray = sluice_reply_array,
    .createInteger = sluice_reply_integer,
    .createNil = sluice_reply_nil,
#if HIREDIS_MAJOR >= 1
    .createDouble = sluice_reply_double,
    .createBool = sluice_reply_bool,
#endif
    .freeObject = sluice_reply_free,
};

// `sink` must live as long as the reader. Null when there is no memory.
static inline redisReader *sluice_reader_create(sluice_reply_sink *sink) {
    redisReader *reader = redisReaderCreateWithFunctions(&sluice_reply_functions);
    if (reader != NULL) {
        reader->privdata = sink;
        // The reader would give its buffer back whenever it is empty and larger than 16 KiB: with every reply here.
        reader->maxbuf = 1024 * 1024;
    }
    return reader;
}

// No line of Redis is longer: errors and states are sentences. hiredis looks for the end of an unfinished line from its
// start with every call, so without a limit the cost of an endless one would be quadratic.
#define SLUICE_MAXIMUM_LINE (64 * 1024)
// What Redis takes for a string by default (proto-max-bulk-len). hiredis itself would go on to the end of memory, and
// 0.14 counts in int.
#define SLUICE_MAXIMUM_STRING (512 * 1024 * 1024)
// As in Reply.maximumDepth. hiredis 0.14 stops at 7 levels; 1.x has no limit and allocates for each.
#define SLUICE_MAXIMUM_DEPTH 32

// Where a line ends, within its first SLUICE_MAXIMUM_LINE bytes, or null. A line feed alone does not end it for hiredis.
static inline const char *sluice_line_end(const char *line, size_t length) {
    if (length > SLUICE_MAXIMUM_LINE) length = SLUICE_MAXIMUM_LINE;
    const char *end = line + length;
    while (line < end && (line = (const char *)memchr(line, '\r', (size_t)(end - line))) != NULL) {
        if (line + 1 < end && line[1] == '\n') return line;
        line++;
    }
    return NULL;
}

// Why what waits for its end can never be a part of a reply, or null.
static inline const char *sluice_reader_excess(const redisReader *reader) {
    if (reader->ridx > SLUICE_MAXIMUM_DEPTH) return "a reply that is nested more than 32 levels deep";
    size_t waiting = reader->len - reader->pos;
    if (reader->buf == NULL || waiting == 0) return NULL;
    const char *line = reader->buf + reader->pos;
    const char *end = sluice_line_end(line, waiting);
    if (end == NULL) return waiting > SLUICE_MAXIMUM_LINE ? "a line of more than 64 KiB" : NULL;
    // Only a string waits with its first line complete, and that is its length, which hiredis has found to be a number.
    int64_t length = 0;
    for (; line < end && *line >= '0' && *line <= '9' && length <= SLUICE_MAXIMUM_STRING; line++) {
        length = length * 10 + (*line - '0');
    }
    return length > SLUICE_MAXIMUM_STRING ? "a string of more than 512 MiB" : NULL;
}

// Parses on. 1: a reply is complete; 0: more bytes are needed; -1: not RESP, see sluice_reader_error.
static inline int sluice_reader_next(redisReader *reader) {
    void *reply = NULL;
    if (redisReaderGetReply(reader, &reply) != REDIS_OK) return -1;
    if (reply != NULL) return 1;
    const char *excess = sluice_reader_excess(reader);
    if (excess == NULL) return 0;
    reader->err = REDIS_ERR_PROTOCOL;
    snprintf(reader->errstr, sizeof(reader->errstr), "%s", excess);
    return -1;
}

typedef struct sluice_bytes {
    const char *bytes;
    size_t length;
} sluice_bytes;

// What was fed and not parsed: valid until the reader is used again.
static inline sluice_bytes sluice_reader_unparsed(const redisReader *reader) {
    if (reader->buf == NULL || reader->len <= reader->pos) return (sluice_bytes){"", 0};
    return (sluice_bytes){reader->buf + reader->pos, reader->len - reader->pos};
}

// Makes the reader pass over what was fed: it gives its buffer back with the next reply, as it does with all it has parsed.
static inline void sluice_reader_forget(redisReader *reader) { reader->pos = reader->len; }

static inline const char *sluice_reader_error(const redisReader *reader) { return reader->errstr; }

// The command's bytes in `target`, to be given back with redisFreeCommand; its length, or -1 without memory.
static inline int64_t sluice_format_command(char **target, int count, const char **arguments, const size_t *lengths) {
    return (int64_t)redisFormatCommandArgv(target, count, arguments, lengths);
}

#endif
