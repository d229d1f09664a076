#ifndef SLUICE_CHIREDIS_SHIM_H
#define SLUICE_CHIREDIS_SHIM_H

// hiredis serves as a codec only: its reader and its command formatter, over our own sockets.
// 0.14 (Debian 12) and 1.x differ in some types; what Swift sees is the same for both.

#include <hiredis/hiredis.h>
#include <stddef.h>
#include <stdint.h>

// What the reader tells while it parses: each is called once for a part of a reply, in the order of the wire.
typedef struct sluice_reply_sink {
    void *context;
    // `type` is REDIS_REPLY_STRING, REDIS_REPLY_STATUS or REDIS_REPLY_ERROR; the bytes are valid during the call.
    void (*string)(void *context, int type, const char *bytes, size_t length);
    void (*array)(void *context, int64_t count);
    void (*integer)(void *context, int64_t value);
    void (*nil)(void *context);
} sluice_reply_sink;

// hiredis takes a null object for "out of memory", so every part is represented by the same non-null one.
static inline void *sluice_reply_part(void) {
    static char part;
    return &part;
}

static void *sluice_reply_string(const redisReadTask *task, char *bytes, size_t length) {
    sluice_reply_sink *sink = (sluice_reply_sink *)task->privdata;
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
    sink->nil(sink->context);
    return sluice_reply_part();
}

static void sluice_reply_free(void *object) { (void)object; }

static redisReplyObjectFunctions sluice_reply_functions = {
    .createString = sluice_reply_string,
    .createArray = sluice_reply_array,
    .createInteger = sluice_reply_integer,
    .createNil = sluice_reply_nil,
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

// Parses on. 1: a reply is complete; 0: more bytes are needed; -1: not RESP, see sluice_reader_error.
static inline int sluice_reader_next(redisReader *reader) {
    void *reply = NULL;
    if (redisReaderGetReply(reader, &reply) != REDIS_OK) return -1;
    return reply != NULL;
}

static inline const char *sluice_reader_error(const redisReader *reader) { return reader->errstr; }

// The command's bytes in `target`, to be given back with redisFreeCommand; its length, or -1 without memory.
static inline int64_t sluice_format_command(char **target, int count, const char **arguments, const size_t *lengths) {
    return (int64_t)redisFormatCommandArgv(target, count, arguments, lengths);
}

#endif
