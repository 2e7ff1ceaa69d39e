//! Facts for the reasons: kernel version, build options, lockdown, sysctls and capabilities of this process.

use std::{fs, path::Path, sync::OnceLock};

use aya::util::KernelVersion;

/// No kernel's options are longer than this when unpacked.
const CONFIG_MAX: usize = 4 << 20;

/// Whether the running kernel is at least this version, by what it reports.
pub fn kernel_at_least(major: u8, minor: u8) -> bool {
    KernelVersion::current().is_ok_and(|v| v >= KernelVersion::new(major, minor, 0))
}

/// The release as `uname -r` prints it; empty without /proc.
pub fn kernel_version() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}

/// The value of a build option (`y`, `m`, a text, `n` when it is off), where the kernel or its package tells.
pub fn build_option(name: &str) -> Option<String> {
    static TEXT: OnceLock<Option<String>> = OnceLock::new();
    let text = TEXT.get_or_init(config_text).as_deref()?;
    let value = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('='));
    Some(value.map_or("n", |v| v.trim_matches('"')).to_owned())
}

fn config_text() -> Option<String> {
    if let Ok(packed) = fs::read("/proc/config.gz") {
        return gunzip(&packed);
    }
    let release = kernel_version();
    let places = [format!("/boot/config-{release}"), format!("/lib/modules/{release}/config")];
    places.iter().find_map(|p| fs::read_to_string(Path::new(p)).ok())
}

/// Enough of gzip for the file the kernel makes: one member, checksum not verified.
fn gunzip(packed: &[u8]) -> Option<String> {
    const NAME: u8 = 8;
    let [0x1f, 0x8b, 8, flags, _, _, _, _, _, _, rest @ ..] = packed else { return None };
    let body = match *flags {
        0 => rest,
        NAME => &rest[rest.iter().position(|&b| b == 0)? + 1..],
        _ => return None,
    };
    let bytes = miniz_oxide::inflate::decompress_to_vec_with_limit(body, CONFIG_MAX).ok()?;
    String::from_utf8(bytes).ok()
}

/// The lockdown mode in force (`integrity` or `confidentiality`); `None` when there is none or nobody tells.
/// Where securityfs is not mounted, the mode that was built in is told.
pub fn lockdown() -> Option<String> {
    if let Ok(text) = fs::read_to_string("/sys/kernel/security/lockdown") {
        let mode = text.split('[').nth(1)?.split(']').next()?;
        return (mode != "none").then(|| mode.to_owned());
    }
    ["confidentiality", "integrity"].into_iter().map(str::to_owned).find(|mode| {
        let option = format!("CONFIG_LOCK_DOWN_KERNEL_FORCE_{}", mode.to_uppercase());
        build_option(&option).is_some_and(|v| v == "y")
    })
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

fn sysctl(name: &str) -> Option<i32> {
    fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?.trim().parse().ok()
}

/// What stands between this process and a permission it was refused.
pub(super) fn gates() -> Vec<String> {
    let mut found = Vec::new();
    let missing = missing_capabilities();
    if !missing.is_empty() {
        found.push(format!("{} is missing", missing.join(" and ")));
        for (name, open_below) in [("unprivileged_bpf_disabled", 1), ("perf_event_paranoid", 0)] {
            if let Some(value) = sysctl(name).filter(|&v| v >= open_below) {
                found.push(format!("kernel.{name} is {value}"));
            }
        }
    }
    if let Some(mode) = lockdown() {
        found.push(format!("the kernel is locked down ({mode})"));
    }
    if found.is_empty() {
        found.push("the capabilities are there: a seccomp profile or an LSM forbids it".to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpacks_gzip() {
        // `printf 'CONFIG_BPF=y\n' | gzip -n`, stored: one literal block written by hand.
        let text = b"CONFIG_BPF=y\n";
        let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
        packed.extend_from_slice(&(text.len() as u16).to_le_bytes());
        packed.extend_from_slice(&(!(text.len() as u16)).to_le_bytes());
        packed.extend_from_slice(text);
        assert_eq!(gunzip(&packed).as_deref(), Some("CONFIG_BPF=y\n"));
        assert_eq!(gunzip(&packed[..12]), None);
        assert_eq!(gunzip(b"plain"), None);
    }
}
