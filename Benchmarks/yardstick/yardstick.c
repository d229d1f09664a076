// The least a server for this job can do, to measure others by: epoll, hiredis' reader, an HS256 check at the handshake, a
// hash table from channel to sockets, XREAD of the global stream, and one write() per delivery. With --gather one writev()
// per socket and XREAD reply.
//
// It is no server to use: no log, no replay, no pings, no limits, no deadlines, and a reader that is slow is dropped. Errors
// at the start end it with a sentence.
//
// Usage: JWT_SECRET=... yardstick --port 8081 --redis-socket /path/redis.sock [--gather]

#define _GNU_SOURCE
#include <errno.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define STREAM "async-events-full"
#define HEAD_LIMIT 16384
#define BUCKETS (1 << 16)
#define FRAME_HEADER 10

struct channel;

struct client {
    int fd;
    struct channel *channel;  // NULL until the handshake is done
    struct client *next, **link;
    char *head;  // only until then
    size_t head_length;
};

struct slice {
    size_t offset, length;
};

struct channel {
    struct channel *next;
    struct client *clients;
    struct slice *frames;  // of the reply that is being read, when gathering
    size_t frame_count, frame_capacity;
    size_t name_length;
    char name[];
};

static struct channel *table[BUCKETS];
static struct client **clients;  // by descriptor
static size_t client_capacity;
static int poller;
static int gathers;
static const char *secret;

static char *arena;  // the frames of one reply
static size_t arena_length, arena_capacity;
static struct channel **touched;
static size_t touched_count, touched_capacity;

static void fail(const char *what) {
    fprintf(stderr, "yardstick: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *grow(void *block, size_t size) {
    void *grown = realloc(block, size);
    if (!grown) fail("out of memory");
    return grown;
}

static struct channel **find_channel(const char *name, size_t length) {
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)name[i]) * 1099511628211u;
    struct channel **place = &table[hash & (BUCKETS - 1)];
    while (*place && ((*place)->name_length != length || memcmp((*place)->name, name, length) != 0))
        place = &(*place)->next;
    return place;
}

static void watch(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

static void drop(struct client *client) {
    if (client->channel) {
        *client->link = client->next;
        if (client->next) client->next->link = client->link;
    }
    clients[client->fd] = NULL;
    close(client->fd);
    free(client->head);
    free(client);
}

// MARK: The handshake

static size_t decode_base64url(const char *text, size_t length, unsigned char *out) {
    size_t count = 0;
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                    : c >= 'a' && c <= 'z' ? c - 'a' + 26
                    : c >= '0' && c <= '9' ? c - '0' + 52
                    : c == '-'             ? 62
                    : c == '_'             ? 63
                                           : -1;
        if (value < 0) return 0;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) out[count++] = (unsigned char)(bits >> (have -= 8));
    }
    return count;
}

// The channel that a token gives a right to; its length, or 0 for a token that is not good.
static size_t verify(const char *token, size_t length, char *channel, size_t capacity) {
    const char *dot = memchr(token, '.', length);
    const char *last = dot ? memchr(dot + 1, '.', length - (size_t)(dot + 1 - token)) : NULL;
    unsigned char decoded[HEAD_LIMIT], code[EVP_MAX_MD_SIZE];
    unsigned int code_length = 0;
    if (!last) return 0;
    size_t count = decode_base64url(token, (size_t)(dot - token), decoded);
    if (!memmem(decoded, count, "\"HS256\"", 7)) return 0;
    HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)token, (size_t)(last - token), code, &code_length);
    count = decode_base64url(last + 1, length - (size_t)(last + 1 - token), decoded);
    if (count != code_length || CRYPTO_memcmp(decoded, code, count) != 0) return 0;
    count = decode_base64url(dot + 1, (size_t)(last - dot - 1), decoded);
    const char *claim = memmem(decoded, count, "\"channel\":\"", 11);
    if (!claim) return 0;
    claim += 11;
    const char *end = memchr(claim, '"', count - (size_t)(claim - (const char *)decoded));
    if (!end || (size_t)(end - claim) > capacity) return 0;
    memcpy(channel, claim, (size_t)(end - claim));
    return (size_t)(end - claim);
}

// 1: done, 0: more bytes are needed, -1: refused.
static int answer(struct client *client) {
    char *head = client->head;
    if (client->head_length < 4 || !memmem(head, client->head_length, "\r\n\r\n", 4)) return 0;
    head[client->head_length] = 0;
    char *key = strcasestr(head, "\r\nSec-WebSocket-Key: "), *cookie = strcasestr(head, "\r\nCookie: ");
    if (!key || !cookie) return -1;
    key += 21;
    cookie = strstr(cookie, "async-token=");
    if (!cookie) return -1;
    cookie += 12;
    char name[1024];
    size_t length = verify(cookie, strcspn(cookie, ";\r"), name, sizeof name);
    if (length == 0) return -1;

    char keyed[128];
    unsigned char digest[SHA_DIGEST_LENGTH], accept[32];
    int keyed_length = snprintf(keyed, sizeof keyed, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)strcspn(key, "\r"), key);
    if (keyed_length >= (int)sizeof keyed) return -1;
    SHA1((unsigned char *)keyed, (size_t)keyed_length, digest);
    EVP_EncodeBlock(accept, digest, sizeof digest);
    char response[256];
    int response_length = snprintf(
        response, sizeof response,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
        accept);

    struct channel **place = find_channel(name, length), *channel = *place;
    if (!channel) {
        channel = calloc(1, sizeof *channel + length);
        if (!channel) fail("out of memory");
        memcpy(channel->name, name, length);
        channel->name_length = length;
        *place = channel;
    }
    client->channel = channel;
    client->next = channel->clients;
    client->link = &channel->clients;
    if (client->next) client->next->link = &client->next;
    channel->clients = client;
    free(client->head);
    client->head = NULL;
    return write(client->fd, response, (size_t)response_length) == response_length ? 1 : -1;
}

static void read_client(struct client *client) {
    char ignored[4096];
    if (client->channel) {
        ssize_t count = read(client->fd, ignored, sizeof ignored);
        if (count == 0 || (count < 0 && errno != EAGAIN)) drop(client);
        return;
    }
    if (!client->head) client->head = grow(NULL, HEAD_LIMIT + 1);
    ssize_t count = read(client->fd, client->head + client->head_length, HEAD_LIMIT - client->head_length);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return drop(client);
    client->head_length += (size_t)count;
    if (answer(client) < 0) drop(client);
}

static void accept_clients(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if ((size_t)fd >= client_capacity) {
            clients = grow(clients, ((size_t)fd + 1024) * sizeof *clients);
            memset(clients + client_capacity, 0, ((size_t)fd + 1024 - client_capacity) * sizeof *clients);
            client_capacity = (size_t)fd + 1024;
        }
        struct client *client = calloc(1, sizeof *client);
        if (!client) fail("out of memory");
        client->fd = fd;
        clients[fd] = client;
        watch(fd);
    }
}

// MARK: Events

static void deliver(struct channel *channel, const struct iovec *slices, int count, size_t length) {
    for (struct client *client = channel->clients, *next; client; client = next) {
        next = client->next;
        ssize_t wrote =
            count == 1 ? write(client->fd, slices[0].iov_base, slices[0].iov_len) : writev(client->fd, slices, count);
        if (wrote == (ssize_t)length) continue;
        fprintf(stderr, "yardstick: a reader was too slow, or gone, and is dropped\n");
        drop(client);
    }
}

// Writes the frame {"id":"<id>", <the rest of data> behind the arena's end.
static struct slice make_frame(const redisReply *id, const redisReply *data) {
    size_t payload = 7 + id->len + 3 + data->len - 1, start = arena_length;
    if (arena_capacity < arena_length + payload + FRAME_HEADER) {
        arena_capacity = 2 * (arena_length + payload + FRAME_HEADER);
        arena = grow(arena, arena_capacity);
    }
    unsigned char *out = (unsigned char *)arena + start;
    *out++ = 0x81;
    if (payload < 126) {
        *out++ = (unsigned char)payload;
    } else if (payload < 65536) {
        *out++ = 126;
        *out++ = (unsigned char)(payload >> 8);
        *out++ = (unsigned char)payload;
    } else {
        *out++ = 127;
        for (int shift = 56; shift >= 0; shift -= 8) *out++ = (unsigned char)(payload >> shift);
    }
    memcpy(out, "{\"id\":\"", 7);
    memcpy(out + 7, id->str, id->len);
    memcpy(out + 7 + id->len, "\", ", 3);
    memcpy(out + 10 + id->len, data->str + 1, data->len - 1);
    arena_length = (size_t)(out - (unsigned char *)arena) + payload;
    return (struct slice){start, arena_length - start};
}

static void take_event(const redisReply *id, const redisReply *data) {
    static const char key[] = "\"channel_id\"";
    const char *end = data->str + data->len, *name = memmem(data->str, data->len, key, sizeof key - 1);
    if (!name) return;
    name += sizeof key - 1;
    while (name < end && (*name == ':' || *name == ' ')) name++;
    if (name == end || *name++ != '"') return;
    const char *name_end = memchr(name, '"', (size_t)(end - name));
    if (!name_end) return;
    struct channel *channel = *find_channel(name, (size_t)(name_end - name));
    if (!channel || !channel->clients) return;

    if (!gathers) arena_length = 0;
    struct slice frame = make_frame(id, data);
    if (!gathers) {
        struct iovec slice = {arena, frame.length};
        return deliver(channel, &slice, 1, frame.length);
    }
    if (channel->frame_count == 0) {
        if (touched_count == touched_capacity) {
            touched_capacity = touched_capacity * 2 + 64;
            touched = grow(touched, touched_capacity * sizeof *touched);
        }
        touched[touched_count++] = channel;
    }
    if (channel->frame_count == channel->frame_capacity) {
        channel->frame_capacity = channel->frame_capacity * 2 + 4;
        channel->frames = grow(channel->frames, channel->frame_capacity * sizeof *channel->frames);
    }
    channel->frames[channel->frame_count++] = frame;
}

// Neighbours in the arena are one slice: a burst into one channel is one piece of memory.
static void flush(void) {
    static struct iovec slices[1024];
    for (size_t i = 0; i < touched_count; i++) {
        struct channel *channel = touched[i];
        int count = 0;
        size_t length = 0;
        for (size_t j = 0; j < channel->frame_count; j++) {
            struct slice frame = channel->frames[j];
            char *start = arena + frame.offset;
            if (count > 0 && (char *)slices[count - 1].iov_base + slices[count - 1].iov_len == start) {
                slices[count - 1].iov_len += frame.length;
            } else {
                if (count == 1024) {
                    deliver(channel, slices, count, length);
                    count = 0;
                    length = 0;
                }
                slices[count++] = (struct iovec){start, frame.length};
            }
            length += frame.length;
        }
        deliver(channel, slices, count, length);
        channel->frame_count = 0;
    }
    touched_count = 0;
    arena_length = 0;
}

// MARK: Redis

static int redis;
static redisReader *reader;
static char last_id[64] = "0-0";

static void ask(void) {
    char command[256];
    int length = snprintf(
        command, sizeof command,
        "*8\r\n$5\r\nXREAD\r\n$5\r\nCOUNT\r\n$4\r\n1000\r\n$5\r\nBLOCK\r\n$4\r\n5000\r\n$7\r\nSTREAMS\r\n"
        "$%zu\r\n" STREAM "\r\n$%zu\r\n%s\r\n",
        sizeof STREAM - 1, strlen(last_id), last_id);
    if (write(redis, command, (size_t)length) != length) fail("asking Redis");
}

// The entries of one stream: [[id, [field, value, …]], …]
static void take_entries(const redisReply *entries, int deliver_them) {
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *entry = entries->element[i];
        if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2) continue;
        snprintf(last_id, sizeof last_id, "%s", entry->element[0]->str);
        const redisReply *fields = entry->element[1];
        for (size_t j = 0; deliver_them && j + 1 < fields->elements; j += 2)
            if (strcmp(fields->element[j]->str, "data") == 0 && fields->element[j + 1]->len > 0)
                take_event(entry->element[0], fields->element[j + 1]);
    }
    if (gathers) flush();
}

static void read_redis(void) {
    static char buffer[256 << 10];
    ssize_t count = read(redis, buffer, sizeof buffer);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) fail("Redis closed the connection");
    redisReaderFeed(reader, buffer, (size_t)count);
    void *object;
    while (redisReaderGetReply(reader, &object) == REDIS_OK && object) {
        redisReply *reply = object;
        if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0)
            take_entries(reply->element[0]->element[1], 1);
        freeReplyObject(reply);
        ask();
    }
}

static void connect_redis(const char *path) {
    redisContext *context = redisConnectUnix(path);
    if (!context || context->err) fail("connecting to Redis");
    redisReply *reply = redisCommand(context, "XREVRANGE " STREAM " + - COUNT 1");
    if (!reply || reply->type != REDIS_REPLY_ARRAY) fail("asking Redis");
    take_entries(reply, 0);
    freeReplyObject(reply);
    // From here on the socket is ours; the context is kept only because freeing it would close it.
    redis = context->fd;
    reader = redisReaderCreate();
    watch(redis);
    ask();
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4096) != 0) fail("listening");
    watch(fd);
    return fd;
}

int main(int count, char **arguments) {
    int port = 0;
    const char *path = NULL;
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--gather") == 0) gathers = 1;
        else if (strcmp(arguments[i], "--port") == 0 && i + 1 < count) port = atoi(arguments[++i]);
        else if (strcmp(arguments[i], "--redis-socket") == 0 && i + 1 < count) path = arguments[++i];
    }
    secret = getenv("JWT_SECRET");
    if (!port || !path || !secret) {
        fprintf(stderr, "usage: JWT_SECRET=... yardstick --port N --redis-socket PATH [--gather]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);

    poller = epoll_create1(EPOLL_CLOEXEC);
    connect_redis(path);
    int listener = listen_on(port);
    struct epoll_event events[512];
    for (;;) {
        int ready = epoll_wait(poller, events, 512, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) accept_clients(listener);
            else if (fd == redis) read_redis();
            else if (clients[fd]) read_client(clients[fd]);
        }
    }
}
