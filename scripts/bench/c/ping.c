/* The stop-watch of row 1.4: opens a path, then spins on the tracer's output until the line is there.
 *
 *   ping COUNT GAP_US SPREAD_US < tracer's output    COUNT times, GAP_US and up to SPREAD_US more apart; prints the ns
 *
 * The tracer traces this process alone; both are pinned to their own CPU. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	static char buf[65536];
	int i, count = argc > 1 ? atoi(argv[1]) : 1000, gap = argc > 2 ? atoi(argv[2]) : 100;
	int spread = argc > 3 ? atoi(argv[3]) : 97;

	setvbuf(stdout, NULL, _IOFBF, 1 << 20);
	fcntl(0, F_SETFL, O_NONBLOCK);
	for (i = 0; i < count; i++) {
		long long t0, give_up;
		ssize_t n;
		/* A pause of changing length, so that the tracer is asleep in every phase of its own timers. */
		long long until = now() + gap * 1000LL + (i % spread) * 1000LL;
		while (now() < until)
			;
		while (read(0, buf, sizeof(buf)) > 0)
			;
		t0 = now();
		give_up = t0 + 1000000000LL;
		openat(AT_FDCWD, "/nonexistent/ping", O_RDONLY);
		for (;;) {
			n = read(0, buf, sizeof(buf));
			if (n > 0 && memchr(buf, '\n', n))
				break;
			if (n == 0 || (n < 0 && errno != EAGAIN) || now() > give_up)
				return 1;
		}
		printf("%lld\n", now() - t0);
	}
	return 0;
}
