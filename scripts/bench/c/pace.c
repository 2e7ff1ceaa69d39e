// Asks at a steady pace over some connections, and prints the median and the 99th percentile of the
// time from the moment a request was due until its answer was there, in microseconds.
//
//     pace PORT CONNECTIONS REQUESTS_A_SECOND SECONDS
//
// Open loop: a slow answer does not put off the next request, it only makes it wait on its connection.
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

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    int port = atoi(argv[1]), connections = atoi(argv[2]), seconds = atoi(argv[4]);
    long rate = atol(argv[3]), total = rate * seconds, step = 1000000000L / rate;
    int *fds = calloc(connections, sizeof *fds);
    long *due = calloc(connections, sizeof *due), *took = calloc(total, sizeof *took);
    int epoll = epoll_create1(0), idle = connections, *free_list = calloc(connections, sizeof *free_list);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(0x7f000001)};
    for (int i = 0; i < connections; i++) {
        int one = 1;
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fds[i], (struct sockaddr *)&to, sizeof to)) fail("connect");
        setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event);
        free_list[i] = i;
    }
    long begin = now() + 10000000L, sent = 0, done = 0;
    while (done < total) {
        // Looks on instead of sleeping: a wake-up costs more than what is measured.
        while (sent < total && idle > 0 && now() >= begin + sent * step) {
            int i = free_list[--idle];
            due[i] = begin + sent++ * step;
            if (write(fds[i], ASK, sizeof ASK - 1) != sizeof ASK - 1) fail("write");
        }
        struct epoll_event events[64];
        int count = epoll_wait(epoll, events, 64, 0);
        for (int e = 0; e < count; e++) {
            int i = events[e].data.u32;
            char answer[4096];
            ssize_t length = read(fds[i], answer, sizeof answer);
            if (length <= 0) fail("read");
            // Small answers come whole.
            if (strncmp(answer, "HTTP/1.1 200", 12)) return 3;
            took[done++] = now() - due[i];
            free_list[idle++] = i;
        }
    }
    // The first tenth warms up.
    long from = total / 10;
    qsort(took + from, total - from, sizeof *took, order);
    printf("%.1f %.1f\n", took[from + (total - from) / 2] / 1e3, took[from + (total - from) * 99 / 100] / 1e3);
    return 0;
}
