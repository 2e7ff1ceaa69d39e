/* The kernel half of the hand-written peer of rows 1.3 and 1.4: as a C programmer would write it. */
#include <linux/bpf.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>
#include "record.h"

/* /sys/kernel/tracing/events/syscalls/sys_enter_openat/format */
struct sys_enter_openat {
	unsigned long long common;
	long nr;
	long dfd;
	const char *filename;
	long flags;
	long mode;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct record);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

const volatile int only_pid = 0;

SEC("tracepoint/syscalls/sys_enter_openat")
int on_openat(struct sys_enter_openat *ctx)
{
	__u32 zero = 0;
	struct record *r;
	__u64 *n;
	__u64 pid = bpf_get_current_pid_tgid() >> 32;
	long len;

	if (only_pid && pid != only_pid)
		return 0;
	r = bpf_map_lookup_elem(&scratch, &zero);
	if (!r)
		return 0;
	r->header = 0;
	r->pid = pid;
	bpf_get_current_comm(r->comm, sizeof(r->comm));
	len = bpf_probe_read_user_str(r->path, sizeof(r->path), ctx->filename);
	if (len < 0)
		len = 0;
	if (len > PATH_BYTES)
		return 0;
	if (bpf_ringbuf_output(&events, r, offsetof(struct record, path) + len, 0)) {
		n = bpf_map_lookup_elem(&lost, &zero);
		if (n)
			*n += 1;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
