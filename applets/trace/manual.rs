//! What the long help and the man page say beyond the options.

use edgekit_core::{Example, Manual};

pub(crate) const MANUAL: Manual = Manual {
    paragraph: "Runs a program in bpftrace's language inside the kernel and prints what it says. The program is \
                compiled on this machine, to eBPF, by edgekit itself: no LLVM, no headers, no package. It runs \
                until Ctrl-C, exit(), the end of the command of -c or of the process of -p, and then prints its \
                maps. Needs root, or CAP_BPF and CAP_PERFMON and read access to tracefs.",
    examples: &[
        Example {
            command: "edgekit trace -c true 'tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }'",
            does: "count opened files by program, while a command runs",
        },
        Example {
            command: "edgekit trace 'begin { printf(\"hello\\n\"); exit(); }'",
            does: "the smallest program",
        },
        Example {
            command: "edgekit trace -c 'ls /' -f json 'tracepoint:raw_syscalls:sys_enter /pid == cpid/ { @ = count(); }'",
            does: "count the system calls of a command, as JSON",
        },
        Example {
            command: "edgekit trace opensnoop -c 'cat /etc/hostname'",
            does: "an embedded tool; 'edgekit trace tools' lists them all",
        },
        Example {
            command: "edgekit trace -e 'interval:ms:10 { print(getopt(\"n\", 1)); exit(); }' -- --n=3",
            does: "options of the program come after --",
        },
        Example {
            command: "echo 'hook { name = \"h\", on = \"trace.event\", run = drop }' > h.luau; edgekit trace opensnoop -c ls --hook h.luau",
            does: "let a hook in Lua judge each line (this one drops all); edgekit-rules(7) has the fields of an event",
        },
        Example {
            command: "edgekit trace -lv 'tracepoint:sched:sched_switch'",
            does: "list probes and their arguments",
        },
        Example { command: "edgekit trace doctor", does: "what this kernel can do, and why not the rest" },
    ],
    files: &[
        ("/sys/kernel/tracing", "tracepoints; mounted there when it is not and the process may"),
        ("/sys/kernel/btf/vmlinux", "types of the kernel, read only when a program names one"),
        ("/proc/kallsyms", "kernel symbols, read only when one is printed"),
    ],
    environment: &[
        (
            "EDGEKIT_TRACE_<NAME>",
            "a setting of 'config = { name = ... }', such as EDGEKIT_TRACE_MAX_STRLEN=256",
        ),
        ("BPFTRACE_<NAME>", "the same, by bpftrace's name"),
        ("TZ", "the time zone of time() and strftime()"),
    ],
    exits: &[
        (0, "the program ran to its end; exit(N) in it makes it N"),
        (1, "doctor: tracing is not possible here; list: no such probe"),
        (65, "the program is wrong, or this kernel does not accept it"),
        (66, "the file, or the process of -p, is not there"),
        (69, "this kernel lacks something; 'edgekit trace doctor' says what"),
        (77, "a capability is missing"),
    ],
};
