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

/// CAP_SETPCAP, which only [`keep_only`] asks about.
const SETPCAP: u8 = 8;
/// Highest number a set has room for.
const LAST: u64 = 63;

/// The effective set as the kernel's bit mask.
pub fn effective() -> io::Result<u64> {
    let (_, data) = read()?;
    Ok(u64::from(data[0].effective) | u64::from(data[1].effective) << 32)
}

/// The sets of this thread.
fn read() -> io::Result<(Header, [Data; 2])> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut data = [Data::default(); 2];
    // SAFETY: version 3 asks for exactly two data blocks, which live through the call.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) };
    sys::check_long(result)?;
    Ok((header, data))
}

/// True if `capability` is effective now. An unreadable set counts as not having it.
pub fn has(capability: Capability) -> bool {
    has_number(capability.number())
}

fn has_number(number: u8) -> bool {
    effective().is_ok_and(|set| set & (1 << number) != 0)
}

/// Those of `wanted` that are not effective.
pub fn missing(wanted: &[Capability]) -> Vec<Capability> {
    wanted.iter().copied().filter(|capability| !has(*capability)).collect()
}

/// Gives up, for good, every capability that is not in `kept`: of this thread, of the threads it
/// starts from now on, and of the programs they run. Call it before any thread is started.
pub fn keep_only(kept: &[Capability]) -> io::Result<()> {
    let kept = kept.iter().fold(0, |set, capability| set | 1u64 << capability.number());
    let (mut header, mut data) = read()?;
    let permitted = u64::from(data[0].permitted) | u64::from(data[1].permitted) << 32;
    let set = permitted & kept;
    for (block, half) in data.iter_mut().zip([set as u32, (set >> 32) as u32]) {
        *block = Data { effective: half, permitted: half, inheritable: 0 };
    }
    // The bounding set goes first: shrinking it takes CAP_SETPCAP, which is about to go.
    if has_number(SETPCAP) {
        for number in (0..=LAST).filter(|number| kept & 1 << number == 0) {
            // SAFETY: takes integers; a number the kernel does not know is refused with EINVAL.
            let dropped = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) };
            match sys::check(dropped) {
                Err(error) if error.raw_os_error() != Some(libc::EINVAL) => return Err(error),
                _ => {}
            }
        }
    }
    // SAFETY: takes integers.
    sys::check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    // SAFETY: version 3 takes exactly two data blocks, which live through the call.
    sys::check_long(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) })?;
    Ok(())
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
    fn what_is_not_kept_is_gone_for_good() {
        // On a thread of its own: capabilities belong to threads, and this one's end here.
        let after = std::thread::spawn(|| {
            let before = effective().unwrap();
            keep_only(&[Capability::NetBindService]).unwrap();
            let after = effective().unwrap();
            assert_eq!(after, before & 1 << Capability::NetBindService.number());
            keep_only(&[Capability::SysAdmin]).unwrap();
            effective().unwrap()
        });
        assert_eq!(after.join().unwrap(), 0);
    }

    #[test]
    fn nothing_wanted_is_nothing_missing() {
        assert_eq!(hint(&[]), None);
    }
}
