/* The user half of the hand-written peer: libbpf, ring_buffer__poll, a 64 KiB output buffer.
 *
 *   consumer OBJECT RING_BYTES PID FLUSH    PID 0: everyone; FLUSH 1: write after each poll (latency), 0: when full
 *
 * Says on stderr when it is attached and, at its end, how many events the ring lost. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "record.h"

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int on_event(void *ctx, void *data, size_t size)
{
	const struct record *r = data;
	(void)ctx;
	(void)size;
	printf("%-7llu %-16s %s\n", r->pid, r->comm, size > 32 ? r->path : "");
	return 0;
}

static unsigned long long lost_events(struct bpf_object *obj)
{
	unsigned long long values[512] = { 0 }, sum = 0;
	unsigned int zero = 0;
	int i, n = libbpf_num_possible_cpus();

	if (bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(obj, "lost"), &zero, values))
		return 0;
	for (i = 0; i < n && i < 512; i++)
		sum += values[i];
	return sum;
}

int main(int argc, char **argv)
{
	static char out[64 * 1024];
	struct bpf_object *obj;
	struct bpf_program *prog;
	struct bpf_map *map;
	struct bpf_link *link;
	struct ring_buffer *rb;
	int flush, only_pid;

	if (argc != 5)
		return 2;
	flush = atoi(argv[4]);
	only_pid = atoi(argv[3]);
	setvbuf(stdout, out, _IOFBF, sizeof(out));
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL & ~LIBBPF_STRICT_AUTO_RLIMIT_MEMLOCK);
	obj = bpf_object__open_file(argv[1], NULL);
	if (!obj)
		return 1;
	map = bpf_object__find_map_by_name(obj, "events");
	bpf_map__set_max_entries(map, atoi(argv[2]));
	bpf_object__for_each_map(map, obj) {
		if (strstr(bpf_map__name(map), ".rodata"))
			bpf_map__set_initial_value(map, &only_pid, sizeof(only_pid));
	}
	if (bpf_object__load(obj))
		return 1;
	prog = bpf_object__find_program_by_name(obj, "on_openat");
	link = bpf_program__attach(prog);
	if (!link)
		return 1;
	rb = ring_buffer__new(bpf_object__find_map_fd_by_name(obj, "events"), on_event, NULL, NULL);
	if (!rb)
		return 1;
	fprintf(stderr, "__BPFTRACE_NOTIFY_PROBES_ATTACHED\n");
	while (!stop) {
		int n = ring_buffer__poll(rb, 100);
		if (n < 0 && n != -EINTR)
			break;
		if (flush && n > 0)
			fflush(stdout);
	}
	bpf_link__destroy(link);
	ring_buffer__consume(rb);
	fflush(stdout);
	fprintf(stderr, "lost %llu\n", lost_events(obj));
	return 0;
}
