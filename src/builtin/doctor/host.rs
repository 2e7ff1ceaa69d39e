//! Facts about this machine that more than one applet may care about.

use std::fs;
use std::io;
use std::path::Path;

use edgekit_core::{Capability, Finding, Status, text};
use edgekit_rt::{caps, host};

/// The capabilities any applet may want.
const CAPABILITIES: [Capability; 9] = [
    Capability::Bpf,
    Capability::Perfmon,
    Capability::SysAdmin,
    Capability::NetAdmin,
    Capability::NetBindService,
    Capability::SysPtrace,
    Capability::Syslog,
    Capability::SysResource,
    Capability::DacReadSearch,
];

const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// All of them, in the order they are shown.
pub(super) fn findings() -> Vec<Finding> {
    vec![kernel(), capabilities(), types(), tracefs(), bpf_fs(), lockdown(), locked_memory()]
}

fn kernel() -> Finding {
    let (release, machine) = host::kernel();
    Finding::new("kernel", Status::Works, format!("Linux {release} on {machine}"))
}

fn capabilities() -> Finding {
    let missing: Vec<&str> = caps::missing(&CAPABILITIES).into_iter().map(Capability::name).collect();
    let user = format!("effective user {}", caps::effective_user());
    if missing.is_empty() {
        return Finding::new("capabilities", Status::Works, format!("all that any applet asks for, {user}"));
    }
    let status = if missing.len() == CAPABILITIES.len() { Status::Missing } else { Status::Limited };
    let finding = Finding::new("capabilities", status, format!("{user}, without {}", missing.join(" ")));
    match caps::effective_user() {
        0 => finding,
        _ => finding.hint("run edgekit as root where an applet needs them"),
    }
}

fn types() -> Finding {
    let path = Path::new("/sys/kernel/btf/vmlinux");
    match fs::metadata(path) {
        Ok(found) => {
            Finding::new("btf", Status::Works, format!("{} KiB of kernel types", found.len() / 1024))
        }
        Err(error) => absent("btf", &error, path)
            .hint("a kernel built with CONFIG_DEBUG_INFO_BTF has it, with /sys mounted"),
    }
}

fn tracefs() -> Finding {
    let mut reason = None;
    for path in TRACEFS.map(Path::new) {
        match fs::read_dir(path.join("events")) {
            Ok(_) => return Finding::new("tracefs", Status::Works, path.display().to_string()),
            Err(error) => reason = reason.or(Some(absent("tracefs", &error, path))),
        }
    }
    let missing = reason.unwrap_or_else(|| Finding::new("tracefs", Status::Missing, "not mounted"));
    missing.hint("mount -t tracefs tracefs /sys/kernel/tracing")
}

fn bpf_fs() -> Finding {
    let path = Path::new("/sys/fs/bpf");
    match host::is_bpf_fs(path) {
        Ok(true) => Finding::new("bpffs", Status::Works, path.display().to_string()),
        Ok(false) => {
            Finding::new("bpffs", Status::Missing, "not mounted").hint("mount -t bpf bpf /sys/fs/bpf")
        }
        Err(error) => absent("bpffs", &error, path),
    }
}

fn lockdown() -> Finding {
    let path = Path::new("/sys/kernel/security/lockdown");
    match fs::read_to_string(path) {
        // The kernel puts the mode in force in brackets: "none [integrity] confidentiality".
        Ok(modes) => match modes.split(['[', ']']).nth(1) {
            Some("none") => Finding::new("lockdown", Status::Works, "none"),
            Some(mode) => Finding::new("lockdown", Status::Limited, mode)
                .hint("'confidentiality' forbids reading kernel memory, and so tracing"),
            None => Finding::new("lockdown", Status::Unknown, modes.trim()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Finding::new("lockdown", Status::Works, "not in this kernel, or securityfs is not mounted")
        }
        Err(error) => Finding::new("lockdown", Status::Unknown, text::io_reason(&error)),
    }
}

fn locked_memory() -> Finding {
    match host::locked_memory_limit() {
        None => Finding::new("memlock", Status::Works, "unlimited"),
        Some(limit) => Finding::new(
            "memlock",
            Status::Works,
            format!("{} KiB; kernels before 5.11 count BPF maps against it", limit / 1024),
        ),
    }
}

/// What could not be read: missing where it is not there, unknown where we may not look.
fn absent(name: &str, error: &io::Error, path: &Path) -> Finding {
    let status = match error.kind() {
        io::ErrorKind::PermissionDenied => Status::Unknown,
        _ => Status::Missing,
    };
    Finding::new(name, status, format!("{}: {}", path.display(), text::io_reason(error)))
}
