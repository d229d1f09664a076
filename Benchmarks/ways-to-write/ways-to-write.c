// What does it cost the sending thread to get a 350-byte message to each of N loopback TCP sockets, by the ways
// Linux has for it; and what does a wake of the loop cost, level- or edge-triggered?
//
//     cc -std=c11 -O2 -Wall -Wextra -o /tmp/ways-to-write ways-to-write.c
//     /tmp/ways-to-write [sockets=4000] [rounds=11]
//
// What is measured is CPU time, not time on the wall: the machine may have other work. The sockets are taken in blocks,
// and each block of a pass by another way; in the next pass the ways move on by one, and when each way has had each
// block, that is a round. So drift hits all alike, and a way can be compared to the first within every round.
//
// The receiver is another process on another core, told by a pipe what has been sent: it sleeps on that pipe and
// never on a socket, so that no send pays for waking it. What every way does pay for is loopback itself: the kernel
// runs the receiving half of TCP in the sender's context. With a network card it would not.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 350, EVENTS = 100, BLOCK = 512, RING = 512, MAX_ROUNDS = 101, WAKES = 20000 };

static int sockets = 4000, rounds = 11, refused;  // refused: why there is no io_uring; its ways then send without, unreported
static int *fds;                                  // the sending ends
static char events[EVENTS][512];                  // apart from each other, as events in a gateway are: no two touch
static char joined[EVENTS * SIZE];                // the same, copied together
static struct iovec gathered[EVENTS], one[1];
static struct msghdr manyMessage = {.msg_iov = gathered, .msg_iovlen = EVENTS};
static struct msghdr oneMessage = {.msg_iov = one, .msg_iovlen = 1};
static struct msghdr joinedMessage = {.msg_iov = &(struct iovec){joined, sizeof joined}, .msg_iovlen = 1};

#define CHECK(expression) check((expression), #expression, __LINE__)
static long check(long result, const char *what, int line) {
    if (result >= 0) return result;
    fprintf(stderr, "line %d: %s: %s (errno %d)\n", line, what, strerror(errno), errno);
    exit(1);
}
static void expect(long count, long wanted) {     // a short write would make the numbers mean something else
    if (count == wanted) return;
    fprintf(stderr, "sent %ld of %ld: %s\n", count, wanted, count < 0 ? strerror(errno) : "short");
    exit(1);
}
static double threadTime(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}
// With io_uring's workers, which are threads of this process; and with the kernel's softirq thread on this core. To that
// one the kernel may hand the receiving half of loopback when somebody else wants the core, and it does so far more
// often in the midst of one long call than of many short ones: left out, io_uring would look cheaper than it is.
static int softirqThread = -1;
static double allTime(void) {
    struct rusage usage;
    char text[64] = "";
    getrusage(RUSAGE_SELF, &usage);
    if (softirqThread >= 0) CHECK(pread(softirqThread, text, sizeof text - 1, 0));
    return ((double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec) * 1e9 +
           ((double)usage.ru_utime.tv_usec + (double)usage.ru_stime.tv_usec) * 1e3 + atof(text);
}
static void findSoftirqThread(void) {             // its schedstat begins with its CPU time in ns
    int pid = -1;
    char path[64];
    FILE *found = popen("pgrep -x ksoftirqd/0", "r");
    if (found && fscanf(found, "%d", &pid) == 1) snprintf(path, sizeof path, "/proc/%d/schedstat", pid), softirqThread = open(path, O_RDONLY);
    if (found) pclose(found);
    if (softirqThread < 0) puts("ksoftirqd/0 not found: what it does is not in \"all\"");
}
static void pin(int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    CHECK(sched_setaffinity(0, sizeof set, &set));
}

// MARK: io_uring, by hand

static struct { int fd; unsigned flags, *sqTail, *cqHead, *cqTail, mask; struct io_uring_sqe *sqes;
                struct io_uring_cqe *cqes; } ring;

static int openRing(void) {
    // With these two the kernel defers completion work to the very call that asks for completions, and takes no lock
    // against other submitters: the cheapest form there is (6.1). Older kernels answer EINVAL: then without.
    struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    ring.fd = (int)syscall(SYS_io_uring_setup, RING, &p);
    if (ring.fd < 0 && errno == EINVAL) {
        p = (struct io_uring_params){0};
        ring.fd = (int)syscall(SYS_io_uring_setup, RING, &p);
    }
    if (ring.fd < 0) return -errno;
    ring.flags = p.flags;
    size_t sqLength = p.sq_off.array + p.sq_entries * sizeof(unsigned);
    size_t cqLength = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    int protection = PROT_READ | PROT_WRITE, kind = MAP_SHARED | MAP_POPULATE;
    char *sq = mmap(NULL, sqLength, protection, kind, ring.fd, IORING_OFF_SQ_RING);
    char *cq = mmap(NULL, cqLength, protection, kind, ring.fd, IORING_OFF_CQ_RING);
    ring.sqes = mmap(NULL, p.sq_entries * sizeof *ring.sqes, protection, kind, ring.fd, IORING_OFF_SQES);
    if (sq == MAP_FAILED || cq == MAP_FAILED || (void *)ring.sqes == MAP_FAILED) return -errno;
    ring.sqTail = (unsigned *)(sq + p.sq_off.tail);
    ring.cqHead = (unsigned *)(cq + p.cq_off.head);
    ring.cqTail = (unsigned *)(cq + p.cq_off.tail);
    ring.mask = *(unsigned *)(cq + p.cq_off.ring_mask);
    ring.cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
    for (unsigned i = 0; i < p.sq_entries; i++) ((unsigned *)(sq + p.sq_off.array))[i] = i;
    // Registered files: an SQE then names a slot, and no reference on the file is taken and dropped per operation.
    CHECK(syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES, fds, sockets));
    return 0;
}

static void sendByRing(int first, int count, int batch, int fixed, struct msghdr *message, long size) {
    for (int done = 0; done < count;) {
        int n = count - done < batch ? count - done : batch;
        unsigned tail = *ring.sqTail, head = *ring.cqHead;
        for (int i = 0; i < n; i++) {
            int index = first + done + i;
            struct io_uring_sqe *sqe = &ring.sqes[(tail + (unsigned)i) & (RING - 1)];
            memset(sqe, 0, sizeof *sqe);
            sqe->opcode = message ? IORING_OP_SENDMSG : IORING_OP_SEND;
            sqe->fd = fixed ? index : fds[index];
            sqe->flags = fixed ? IOSQE_FIXED_FILE : 0;
            sqe->addr = (unsigned long)(message ? (void *)message : (void *)events[0]);
            sqe->len = message ? 1 : SIZE;
            sqe->msg_flags = MSG_NOSIGNAL;
            sqe->user_data = (unsigned long)index;
        }
        __atomic_store_n(ring.sqTail, tail + (unsigned)n, __ATOMIC_RELEASE);
        expect(syscall(SYS_io_uring_enter, ring.fd, n, n, IORING_ENTER_GETEVENTS, NULL, 0), n);
        expect((int)(__atomic_load_n(ring.cqTail, __ATOMIC_ACQUIRE) - head), n);
        for (int i = 0; i < n; i++) {             // every result has to be looked at: a short write is a success too
            long result = ring.cqes[head++ & ring.mask].res;
            if (result < 0) errno = (int)-result;
            expect(result, size);
        }
        __atomic_store_n(ring.cqHead, head, __ATOMIC_RELEASE);
        done += n;
    }
}

// MARK: MSG_ZEROCOPY

static long notified, copied;                     // sends the kernel reported on; those of them it had copied after all
static double reaping;                            // how much of the CPU time went into reading the reports

// Until the report is there the bytes must not be touched, so a sender has to read it. Over loopback it is there when
// the call returns, and always says "copied": a packet that turns back to this host is copied before it is queued.
static void reapReports(int first, int count) {
    double start = threadTime();
    for (int i = first; i < first + count; i++) {
        union { char bytes[128]; struct cmsghdr align; } control;
        for (long seen = 0; seen < 1;) {
            struct msghdr report = {.msg_control = &control, .msg_controllen = sizeof control};
            if (recvmsg(fds[i], &report, MSG_ERRQUEUE) < 0) {
                if (errno != EAGAIN) CHECK(-1);
                continue;                         // not over yet: look again
            }
            struct sock_extended_err error;
            memcpy(&error, CMSG_DATA(CMSG_FIRSTHDR(&report)), sizeof error);
            if (error.ee_origin != SO_EE_ORIGIN_ZEROCOPY) continue;
            long n = (long)(error.ee_data - error.ee_info) + 1;
            seen += n, notified += n;
            if (error.ee_code & SO_EE_CODE_ZEROCOPY_COPIED) copied += n;
        }
    }
    reaping += threadTime() - start;
}

// MARK: The ways

struct way {
    const char *name;
    struct msghdr *message;                       // NULL: plain send(2)
    int perSocket, zeroCopy, batch, fixed;        // a batch: by the ring, so many operations a call
    double thread[MAX_ROUNDS], all[MAX_ROUNDS], ratio[MAX_ROUNDS], reaping[MAX_ROUNDS];
};
static struct way ways[] = {
    {"sendmsg, one slice", &oneMessage, .perSocket = 1},
    {"send", NULL, .perSocket = 1},
    {"io_uring SEND, 64 a call", NULL, .perSocket = 1, .batch = 64},
    {"io_uring SEND, 512 a call", NULL, .perSocket = 1, .batch = 512},
    {"io_uring SEND, 64, fixed files", NULL, .perSocket = 1, .batch = 64, .fixed = 1},
    {"io_uring SEND, 512, fixed files", NULL, .perSocket = 1, .batch = 512, .fixed = 1},
    {"sendmsg, 100 slices", &manyMessage, .perSocket = EVENTS},  // writev(2) is the same way through the kernel
    {"sendmsg, 100 slices, ZEROCOPY", &manyMessage, .perSocket = EVENTS, .zeroCopy = 1},
    {"sendmsg, 35 KB in one slice", &joinedMessage, .perSocket = EVENTS},
    {"sendmsg, 35 KB, ZEROCOPY", &joinedMessage, .perSocket = EVENTS, .zeroCopy = 1},
    {"io_uring SENDMSG, 100, 64, fixed", &manyMessage, .perSocket = EVENTS, .batch = 64, .fixed = 1},
};
enum { WAYS = sizeof ways / sizeof *ways, SMALL = 6 };

struct order { int first, count; long bytes; };   // to the receiver: take this much from each of these

static void receive(int listener, int orders, int answers) {
    pin(1);
    int *ends = calloc((size_t)sockets, sizeof *ends);
    for (int i = 0; i < sockets; i++) ends[i] = (int)CHECK(accept(listener, NULL, NULL));
    static char buffer[1 << 16];
    for (struct order order; read(orders, &order, sizeof order) == sizeof order;) {
        for (int i = order.first; i < order.first + order.count; i++)
            for (long left = order.bytes; left > 0;) left -= 1 + CHECK(recv(ends[i], buffer, sizeof buffer, 0) - 1);
        CHECK(write(answers, "", 1));
    }
    struct linger hard = {1, 0};                  // reset, to leave no thousands of sockets in TIME_WAIT
    for (int i = 0; i < sockets; i++) setsockopt(ends[i], SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    _exit(0);
}

static void run(struct way *way, int first, int count) {
    long size = (long)way->perSocket * SIZE;
    int flags = MSG_NOSIGNAL | (way->zeroCopy ? MSG_ZEROCOPY : 0);
    if (way->batch && !refused) sendByRing(first, count, way->batch, way->fixed, way->message, size);
    else if (!way->message) for (int i = first; i < first + count; i++) expect(send(fds[i], events[0], SIZE, flags), size);
    else for (int i = first; i < first + count; i++) expect(sendmsg(fds[i], way->message, flags), size);
    if (way->zeroCopy) reapReports(first, count);
}

static void settle(int first, int count, long bytes, int orders, int answers) {
    struct order order = {first, count, bytes};
    char answer;
    CHECK(write(orders, &order, sizeof order));
    CHECK(read(answers, &answer, 1) - 1);
    usleep(100000);                               // so that TCP's delayed-ACK timers do not run in the next one's time
}

// A round of the ways from `from` up to `to`; round -1 goes to warm up.
static void deliver(int from, int to, int round, int orders, int answers) {
    double thread[WAYS] = {0}, all[WAYS] = {0}, reaped[WAYS] = {0};
    long bytes = (long)ways[from].perSocket * SIZE;
    for (int pass = 0; pass < to - from; pass++) {
        for (int first = 0; first < sockets; first += BLOCK) {
            int count = sockets - first < BLOCK ? sockets - first : BLOCK;
            int way = from + (pass + round + 1 + first / BLOCK) % (to - from);
            reaping = 0;
            double allStart = allTime(), start = threadTime();
            run(&ways[way], first, count);
            thread[way] += threadTime() - start;
            all[way] += allTime() - allStart;
            reaped[way] += reaping;
            // 35 KB for each of 4,000 would be 140 MB on the way: each block is taken before the next is sent.
            if (from > 0) settle(first, count, bytes, orders, answers);
        }
        if (from == 0) settle(0, sockets, bytes, orders, answers);
    }
    double messages = (double)sockets * ways[from].perSocket;
    for (int i = from; round >= 0 && i < to; i++) {
        ways[i].thread[round] = thread[i] / messages, ways[i].all[round] = all[i] / messages;
        ways[i].reaping[round] = reaped[i] / messages, ways[i].ratio[round] = all[i] / all[from];
    }
}

// MARK: Wakes

enum wake { PING_PONG, ALONE, EVENT };
static const char *wakeNames[] = {"ping-pong with another process", "alone: write, wait, read, wait(0)", "eventfd; edge: not read"};

// What is between two rounds of a loop: 350 bytes come, epoll_wait returns, one read takes them all (a short read says
// that there is no more), and back to epoll_wait. Level-triggered, that next epoll_wait finds the socket still on its
// ready list, asks it, and takes it off: this is the difference. PING_PONG sleeps in between, as a loop does; ALONE
// writes to itself and asks again with no patience, without the noise of sleeping. An eventfd that is edge-triggered
// need not be read at all: each write is an edge.
static double wake(enum wake kind, unsigned edge, int echo) {
    int poll = (int)CHECK(epoll_create1(0)), pair[2] = {echo, echo};
    if (kind == ALONE) CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
    if (kind == EVENT) pair[0] = pair[1] = (int)CHECK(eventfd(0, EFD_NONBLOCK));
    struct epoll_event event = {.events = EPOLLIN | edge};
    CHECK(epoll_ctl(poll, EPOLL_CTL_ADD, pair[0], &event));
    static char buffer[4096];
    unsigned long signal = 1;
    double start = threadTime();
    for (int i = 0; i < WAKES; i++) {
        if (kind == EVENT) expect(write(pair[1], &signal, 8), 8);
        else expect(write(pair[1], events[0], SIZE), SIZE);
        expect(epoll_wait(poll, &event, 1, -1), 1);
        if (kind != EVENT) expect(read(pair[0], buffer, sizeof buffer), SIZE);
        else if (!edge) expect(read(pair[0], buffer, sizeof buffer), 8);
        if (kind != PING_PONG) expect(epoll_wait(poll, &event, 1, 0), 0);
    }
    double perWake = (threadTime() - start) / WAKES;
    if (kind == ALONE) close(pair[1]);
    if (kind != PING_PONG) close(pair[0]);
    close(poll);
    return perWake;
}

static int ascending(const void *a, const void *b) { return (*(double *)a > *(double *)b) - (*(double *)a < *(double *)b); }
static double median(double *values) { qsort(values, (size_t)rounds, sizeof *values, ascending); return values[rounds / 2]; }

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) sockets = atoi(argv[1]);
    if (argc > 2) rounds = atoi(argv[2]);
    if (sockets < 1 || rounds < 1 || rounds > MAX_ROUNDS) return fprintf(stderr, "usage: %s [sockets] [rounds]\n", argv[0]), 2;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit));
    for (int i = 0; i < EVENTS; i++) gathered[i] = (struct iovec){memset(events[i], 'a' + i % 26, SIZE), SIZE};
    one[0] = gathered[0];

    int echo[2], orders[2], answers[2], yes = 1;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, echo));
    pid_t echoing = (pid_t)CHECK(fork());
    if (echoing == 0) {
        pin(1);
        close(echo[0]);
        static char buffer[4096];
        for (long n; (n = read(echo[1], buffer, sizeof buffer)) > 0;) expect(write(echo[1], buffer, (size_t)n), n);
        _exit(0);
    }
    close(echo[1]);
    CHECK(pipe(orders) | pipe(answers));
    int listener = (int)CHECK(socket(AF_INET, SOCK_STREAM, 0));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    CHECK(bind(listener, (struct sockaddr *)&address, length));
    CHECK(getsockname(listener, (struct sockaddr *)&address, &length));
    CHECK(listen(listener, 4096));
    pid_t receiving = (pid_t)CHECK(fork());
    if (receiving == 0) close(echo[0]), close(orders[1]), receive(listener, orders[0], answers[1]);
    pin(0), findSoftirqThread();
    close(orders[0]), close(answers[1]);
    fds = calloc((size_t)sockets, sizeof *fds);
    for (int i = 0; i < sockets; i++) {           // one after the other, so that they are accepted in this order
        fds[i] = (int)CHECK(socket(AF_INET, SOCK_STREAM, 0));
        CHECK(connect(fds[i], (struct sockaddr *)&address, length));
        CHECK(setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes));
        CHECK(setsockopt(fds[i], SOL_SOCKET, SO_ZEROCOPY, &yes, sizeof yes));
        // Not BBR, where that is the system's choice: it paces by a timer, and what a timer sends is on nobody's account.
        CHECK(setsockopt(fds[i], IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
        CHECK(fcntl(fds[i], F_SETFL, O_NONBLOCK)); // also keeps io_uring from waiting on a full socket on its own
    }
    double load[3] = {0};
    getloadavg(load, 3);
    printf("load %.2f %.2f %.2f, %d sockets, %d rounds\n", load[0], load[1], load[2], sockets, rounds);
    refused = openRing();
    if (refused) printf("io_uring: not permitted here: %s (errno %d)\n", strerror(-refused), -refused);
    else printf("io_uring: setup flags 0x%x (SINGLE_ISSUER 0x1000, DEFER_TASKRUN 0x2000)\n", ring.flags);
    double start = threadTime();                  // the most that sparing one system call can spare
    for (int i = 0; i < 1000000; i++) syscall(SYS_getppid);
    printf("a system call that does nothing: %.0f ns\n", (threadTime() - start) / 1e6);

    for (int round = -1; round < rounds; round++) {
        deliver(0, SMALL, round, orders[1], answers[0]);
        deliver(SMALL, WAYS, round, orders[1], answers[0]);
    }
    puts("CPU ns per message (median, least-most)  | thread | all | of it reaping | all, to the first of its kind in the same round");
    for (struct way *way = ways; way < ways + WAYS; way++) {
        if (way->batch && refused) continue;
        double thread = median(way->thread), all = median(way->all), ratio = median(way->ratio);
        int last = rounds - 1;
        printf("%32s | %.1f (%.1f-%.1f) | %.1f (%.1f-%.1f) | %.1f | %.3f (%.3f-%.3f)\n", way->name, thread, way->thread[0],
               way->thread[last], all, way->all[0], way->all[last], median(way->reaping), ratio, way->ratio[0], way->ratio[last]);
    }
    printf("MSG_ZEROCOPY: %ld sends reported on, of them SO_EE_CODE_ZEROCOPY_COPIED: %ld\n", notified, copied);

    puts("CPU ns per wake, level | edge (median, least, most)");
    for (int kind = PING_PONG; kind <= EVENT; kind++) {
        double times[2][MAX_ROUNDS];
        for (int round = -1; round < rounds; round++)
            for (int i = 0; i < 2; i++) {
                int edge = (i + round + 1) % 2;
                double time = wake((enum wake)kind, edge ? EPOLLET : 0, echo[0]);
                if (round >= 0) times[edge][round] = time;
            }
        double level = median(times[0]), edge = median(times[1]);
        printf("%34s | %.0f (%.0f-%.0f) | %.0f (%.0f-%.0f) | ratio %.3f\n", wakeNames[kind], level, times[0][0],
               times[0][rounds - 1], edge, times[1][0], times[1][rounds - 1], edge / level);
    }
    getloadavg(load, 3);
    printf("load at the end %.2f %.2f %.2f\n", load[0], load[1], load[2]);
    close(orders[1]), close(echo[0]);
    waitpid(receiving, NULL, 0), waitpid(echoing, NULL, 0);
    return 0;
}
