//! How many CPUs there can be (the width of per-CPU values) and which run now (where to open clocks).

use std::{io, sync::OnceLock};

use crate::error::{Error, Result};

/// The number of CPUs the kernel can ever have; per-CPU values have that many slots.
pub fn possible_cpus() -> Result<usize> {
    static COUNT: OnceLock<usize> = OnceLock::new();
    if let Some(&n) = COUNT.get() {
        return Ok(n);
    }
    let list = read("possible")?;
    // Slots are indexed by CPU number, so a list with gaps counts up to its last CPU.
    let n = list.iter().max().map_or(1, |&last| last as usize + 1);
    Ok(*COUNT.get_or_init(|| n))
}

/// The numbers of the CPUs that run now.
pub fn online_cpus() -> Result<Vec<u32>> {
    read("online")
}

fn read(which: &str) -> Result<Vec<u32>> {
    let path = format!("/sys/devices/system/cpu/{which}");
    let failed = |source| Error::System { op: "count the CPUs (is /sys mounted?)", source };
    let text = std::fs::read_to_string(path).map_err(failed)?;
    match parse(text.trim()) {
        Some(cpus) if !cpus.is_empty() => Ok(cpus),
        _ => Err(failed(io::Error::from(io::ErrorKind::InvalidData))),
    }
}

/// `0-3,5,8-9`. Bounded: no machine has a million CPUs, and the text is not ours.
fn parse(list: &str) -> Option<Vec<u32>> {
    let mut cpus = Vec::new();
    for part in list.split(',').filter(|p| !p.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if last >= 1 << 20 {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_lists() {
        assert_eq!(parse("0-3,5,8-9"), Some(vec![0, 1, 2, 3, 5, 8, 9]));
        assert_eq!(parse("0"), Some(vec![0]));
        assert_eq!(parse("0-4294967295"), None);
        assert_eq!(parse("x"), None);
    }
}
