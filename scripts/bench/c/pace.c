// Asks at a steady pace over some connections, and prints a line for every port: the median and the 99th percentile of
// the time from the moment a request was due until its answer was there, in microseconds.
//
//     pace CONNECTIONS REQUESTS_A_SECOND SECONDS PORT...
//
// The ports are asked in turn, each for SECONDS in all, so that a bad moment of the machine meets all alike: where the
// machine stands still for a hundredth of every second, that is just the 99th percentile. Open loop: a slow answer does not put off the next request, it only makes it wait on its connection.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char ASK[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

static long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static int order(const void *a, const void *b) {
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

// The connections to a port, those that are free in the order they became so, and how long its answers took.
struct to {
    int port, *fds, *free;
    unsigned long freed, used;
    long *due, *took, done;
};

static void open_all(struct to *to, int connections, int epoll, unsigned place) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(to->port), .sin_addr.s_addr = htonl(0x7f000001)};
    to->fds = calloc(connections, sizeof *to->fds);
    to->free = calloc(connections, sizeof *to->free);
    to->due = calloc(connections, sizeof *to->due);
    for (int i = 0, one = 1; i < connections; i++) {
        to->fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(to->fds[i], (struct sockaddr *)&at, sizeof at)) fail("connect");
        setsockopt(to->fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = (unsigned long)place << 32 | i};
        epoll_ctl(epoll, EPOLL_CTL_ADD, to->fds[i], &event);
        to->free[to->freed++] = i;
    }
}

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    int connections = atoi(argv[1]), ports = argc - 4, epoll = epoll_create1(0);
    long rate = atol(argv[2]), each = rate * atol(argv[3]), total = each * ports, step = 1000000000L / rate;
    // The first tenth warms up.
    long warm = total / 10;
    struct to *all = calloc(ports, sizeof *all);
    for (int p = 0; p < ports; p++) {
        all[p].port = atoi(argv[4 + p]);
        all[p].took = calloc(total, sizeof *all[p].took);
        open_all(&all[p], connections, epoll, p);
    }
    long begin = now() + 10000000L, sent = 0, answered = 0;
    while (answered < total) {
        // Looks on instead of sleeping: a wake-up costs more than what is measured.
        while (sent < total && now() >= begin + sent * step) {
            struct to *to = &all[sent % ports];
            if (to->used == to->freed) break;
            int i = to->free[to->used++ % connections];
            to->due[i] = begin + sent++ * step;
            if (write(to->fds[i], ASK, sizeof ASK - 1) != sizeof ASK - 1) fail("write");
        }
        struct epoll_event events[64];
        int count = epoll_wait(epoll, events, 64, 0);
        for (int e = 0; e < count; e++) {
            struct to *to = &all[events[e].data.u64 >> 32];
            int i = (int)events[e].data.u64;
            char answer[4096];
            ssize_t length = read(to->fds[i], answer, sizeof answer);
            if (length <= 0) fail("read");
            // Small answers come whole.
            if (strncmp(answer, "HTTP/1.1 200", 12)) return 3;
            if (answered++ >= warm) to->took[to->done++] = now() - to->due[i];
            to->free[to->freed++ % connections] = i;
        }
    }
    for (int p = 0; p < ports; p++) {
        struct to *to = &all[p];
        qsort(to->took, to->done, sizeof *to->took, order);
        printf("%.1f %.1f\n", to->took[to->done / 2] / 1e3, to->took[to->done * 99 / 100] / 1e3);
    }
    return 0;
}
