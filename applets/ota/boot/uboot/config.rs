//! `fw_env.config`: where U-Boot's environment is.
//!
//! A line a copy, at most two: `DEVICE OFFSET SIZE [SECTOR [SECTORS [UNLOCKED]]]`, the offset as C reads numbers
//! (negative: from the end of a block device), sizes in hexadecimal. libubootenv's newer form in YAML is refused with
//! the way out. Source: libubootenv `docs/fw_env_config.md`. Neighbours: `copies` opens what is named here.

use std::path::{Path, PathBuf};

use super::env::MAX_SIZE;

/// Where one copy is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Location {
    /// A file or a device.
    pub path: PathBuf,
    /// The first byte; below 0 it is counted from the end of the device.
    pub offset: i64,
    /// Bytes, with checksum and flag.
    pub size: usize,
}

/// Reads the file: one copy or two.
///
/// # Errors
/// A line for the message, `line 3: …`, or without one.
pub fn parse(text: &str) -> Result<Vec<Location>, String> {
    let mut copies: Vec<Location> = Vec::new();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    for (number, line) in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [path, offset, size, ..] = words[..] else {
            if words.first().is_some_and(|word| word.ends_with(':')) {
                return Err("is in YAML, which is not read".to_owned());
            }
            continue;
        };
        let wrong = |what: &str, word: &str| format!("line {}: '{word}' is no {what}", number + 1);
        let offset = number_of_c(offset).ok_or_else(|| wrong("offset", offset))?;
        let bare = size.strip_prefix("0x").or_else(|| size.strip_prefix("0X")).unwrap_or(size);
        let size = usize::from_str_radix(bare, 16)
            .ok()
            .filter(|bytes| (16..=MAX_SIZE).contains(bytes))
            .ok_or_else(|| wrong("size of an environment, in hexadecimal", size))?;
        copies.push(Location { path: Path::new(path).to_path_buf(), offset, size });
        if copies.len() == 2 {
            break;
        }
    }
    match &copies[..] {
        [] => Err("names no environment".to_owned()),
        [first, second] if first.size != second.size => {
            Err(format!("has copies of {} and {} bytes, and they must be alike", first.size, second.size))
        }
        [first, second] if first.path == second.path && overlap(first, second) => {
            Err("has two copies that overlap".to_owned())
        }
        _ => Ok(copies),
    }
}

fn overlap(first: &Location, second: &Location) -> bool {
    first.offset.signum() * second.offset.signum() >= 0
        && first.offset.abs_diff(second.offset) < first.size as u64
}

/// As `%lli` reads it: decimal, `0x` hexadecimal, `0` octal.
fn number_of_c(word: &str) -> Option<i64> {
    let (sign, digits) = word.strip_prefix('-').map_or((1, word), |rest| (-1, rest));
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    i64::from_str_radix(digits, radix).ok().filter(|number| *number >= 0).map(|number| sign * number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_name_copies() {
        let text =
            "# comment\n/dev/mmcblk0 0x400000 0x20000\n\n/dev/mmcblk0\t-262144 20000 0x1 1 0\nmore 0 1000\n";
        let copies = parse(text).expect("two copies");
        let at: Vec<(i64, usize)> = copies.iter().map(|copy| (copy.offset, copy.size)).collect();
        assert_eq!(at, [(0x40_0000, 0x2_0000), (-262_144, 0x2_0000)]);
        assert_eq!(parse("/boot/uboot.env 010 4000").expect("one")[0].offset, 8);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (text, why) in [
            ("", "names no environment"),
            ("# /dev/x 0 1000", "names no environment"),
            ("/dev/x", "names no environment"),
            ("uboot:\n  size: 0x4000\n", "is in YAML"),
            ("/dev/x 5k 1000", "line 1: '5k' is no offset"),
            ("/dev/x 0 0", "'0' is no size"),
            ("/dev/x 0 fffffffff", "is no size"),
            ("/dev/x 0 1000\n/dev/y 0 2000", "copies of 4096 and 8192 bytes"),
            ("/dev/x 0 1000\n/dev/x 0x800 1000", "overlap"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
