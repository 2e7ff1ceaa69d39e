//! Facts for the reasons: kernel version, build options, lockdown, sysctls and capabilities of this process.

use std::fs;

use aya::util::KernelVersion;

/// Whether the running kernel is at least this version, by what it reports.
pub fn kernel_at_least(major: u8, minor: u8) -> bool {
    KernelVersion::current().is_ok_and(|v| v >= KernelVersion::new(major, minor, 0))
}

/// The lockdown mode in force (`integrity` or `confidentiality`), where the kernel has one and says so.
pub fn lockdown() -> Option<String> {
    let text = fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    let mode = text.split('[').nth(1)?.split(']').next()?;
    (mode != "none").then(|| mode.to_owned())
}

/// Which of the capabilities for tracing this process lacks. CAP_SYS_ADMIN stands in for all of them; before 5.8
/// it is the only one there is.
pub fn missing_capabilities() -> Vec<&'static str> {
    const SYS_ADMIN: u64 = 1 << 21;
    const PERFMON: u64 = 1 << 38;
    const BPF: u64 = 1 << 39;
    let Some(have) = effective_capabilities() else { return Vec::new() };
    if have & SYS_ADMIN != 0 {
        return Vec::new();
    }
    if !kernel_at_least(5, 8) {
        return vec!["CAP_SYS_ADMIN"];
    }
    [("CAP_BPF", BPF), ("CAP_PERFMON", PERFMON)]
        .into_iter()
        .filter(|c| have & c.1 == 0)
        .map(|c| c.0)
        .collect()
}

fn effective_capabilities() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let hex = status.lines().find_map(|l| l.strip_prefix("CapEff:"))?;
    u64::from_str_radix(hex.trim(), 16).ok()
}
