//! Kernel helper numbers (`include/uapi/linux/bpf.h`, `__BPF_FUNC_MAPPER`) and the flags passed to them.

pub(super) const MAP_LOOKUP_ELEM: u32 = 1;
pub(super) const MAP_UPDATE_ELEM: u32 = 2;
pub(super) const MAP_DELETE_ELEM: u32 = 3;
pub(super) const KTIME_GET_NS: u32 = 5;
pub(super) const TRACE_PRINTK: u32 = 6;
pub(super) const GET_PRANDOM_U32: u32 = 7;
pub(super) const GET_SMP_PROCESSOR_ID: u32 = 8;
pub(super) const GET_CURRENT_PID_TGID: u32 = 14;
pub(super) const GET_CURRENT_UID_GID: u32 = 15;
pub(super) const GET_CURRENT_COMM: u32 = 16;
pub(super) const GET_STACKID: u32 = 27;
pub(super) const GET_CURRENT_TASK: u32 = 35;
pub(super) const GET_NUMA_NODE_ID: u32 = 42;
pub(super) const OVERRIDE_RETURN: u32 = 58;
pub(super) const GET_CURRENT_CGROUP_ID: u32 = 80;
pub(super) const SEND_SIGNAL: u32 = 109;
pub(super) const PROBE_READ_USER: u32 = 112;
pub(super) const PROBE_READ_KERNEL: u32 = 113;
pub(super) const PROBE_READ_USER_STR: u32 = 114;
pub(super) const PROBE_READ_KERNEL_STR: u32 = 115;
pub(super) const JIFFIES64: u32 = 118;
pub(super) const KTIME_GET_BOOT_NS: u32 = 125;
pub(super) const RINGBUF_OUTPUT: u32 = 130;
pub(super) const RINGBUF_RESERVE: u32 = 131;
pub(super) const RINGBUF_SUBMIT: u32 = 132;
pub(super) const FOR_EACH_MAP_ELEM: u32 = 164;
pub(super) const LOOP: u32 = 181;
pub(super) const MAP_LOOKUP_PERCPU_ELEM: u32 = 195;
pub(super) const KTIME_GET_TAI_NS: u32 = 208;

/// `bpf_map_update_elem`: create or replace / only create.
pub(super) const BPF_ANY: i32 = 0;
pub(super) const BPF_NOEXIST: i32 = 1;

/// `bpf_get_stackid`: take the user stack; keep the new trace when two hash alike.
pub(super) const BPF_F_USER_STACK: i32 = 1 << 8;
pub(super) const BPF_F_FAST_STACK_CMP: i32 = 1 << 9;

/// Most iterations `bpf_loop` accepts.
pub(super) const BPF_MAX_LOOPS: i32 = 1 << 23;

/// Errors of helpers that programs look for (`asm-generic/errno-base.h`).
pub(super) const ENOMEM: i32 = 12;
pub(super) const EEXIST: i32 = 17;
