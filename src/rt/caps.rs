//! Which capabilities this process has, and how to say what is missing.
//!
//! Asked of the kernel itself, because an empty initramfs has no `/proc` to read.

use std::io;

use edgekit_core::Capability;

use crate::sys;

const VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The effective set as the kernel's bit mask.
pub fn effective() -> io::Result<u64> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut data = [Data::default(); 2];
    // SAFETY: version 3 asks for exactly two data blocks, which live through the call.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) };
    sys::check_long(result)?;
    Ok(u64::from(data[0].effective) | u64::from(data[1].effective) << 32)
}

/// True if `capability` is effective now. An unreadable set counts as not having it.
pub fn has(capability: Capability) -> bool {
    effective().is_ok_and(|set| set & (1 << capability.number()) != 0)
}

/// Those of `wanted` that are not effective.
pub fn missing(wanted: &[Capability]) -> Vec<Capability> {
    wanted.iter().copied().filter(|capability| !has(*capability)).collect()
}

/// Effective user id.
pub fn effective_user() -> u32 {
    // SAFETY: geteuid takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// The hint of an error about missing capabilities; `None` if none is missing.
pub fn hint(wanted: &[Capability]) -> Option<String> {
    let names: Vec<&str> = missing(wanted).into_iter().map(Capability::name).collect();
    (!names.is_empty()).then(|| format!("run it as root, or with {}", names.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_proc() {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
        assert_eq!(u64::from_str_radix(line.trim(), 16).unwrap(), effective().unwrap());
    }

    #[test]
    fn nothing_wanted_is_nothing_missing() {
        assert_eq!(hint(&[]), None);
    }
}
