//! Kernel symbols from /proc/kallsyms.
//!
//! The file has 120,000 lines that the kernel makes up as they are read, some 70 ms: so a table is built only when
//! a first address is to be printed, and a lookup by name reads the file and keeps nothing. The table holds
//! functions only, three vectors of 2 MB in all.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

const KALLSYMS: &str = "/proc/kallsyms";
/// Few system calls for the 5 MB; the kernel gives a page at a time all the same.
const BUFFER: usize = 64 * 1024;
/// An address further behind the nearest function than this belongs to none.
const REACH: u64 = 16 << 20;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {KALLSYMS}: {0}")]
    Read(#[from] io::Error),
    #[error("the kernel hides its symbols' addresses (kernel.kptr_restrict, or not root)")]
    Hidden,
}

/// Functions by address.
#[derive(Debug, Default)]
pub struct Ksyms {
    addresses: Vec<u64>,
    /// Start of each name in `names`; a name ends with a NUL.
    starts: Vec<u32>,
    names: Vec<u8>,
}

impl Ksyms {
    /// The running kernel's.
    pub fn load() -> Result<Ksyms, Error> {
        Ksyms::read(BufReader::with_capacity(BUFFER, File::open(KALLSYMS)?))
    }

    fn read(file: impl BufRead) -> Result<Ksyms, Error> {
        let mut names = Vec::new();
        let mut order: Vec<(u64, u32)> = Vec::new();
        let mut hidden = false;
        each_symbol(file, |address, kind, name| {
            if matches!(kind, b't' | b'T' | b'w' | b'W') {
                hidden |= address == 0;
                if address != 0 {
                    order.push((address, names.len() as u32));
                    names.extend_from_slice(name);
                    names.push(0);
                }
            }
            true
        })?;
        if order.is_empty() && hidden {
            return Err(Error::Hidden);
        }
        // Stable, so that of several names the one listed first stays.
        #[allow(clippy::disallowed_methods, reason = "hundreds of thousands of symbols")]
        order.sort_by_key(|(address, _)| *address);
        order.dedup_by_key(|(address, _)| *address);
        names.shrink_to_fit();
        Ok(Ksyms {
            addresses: order.iter().map(|(address, _)| *address).collect(),
            starts: order.iter().map(|(_, start)| *start).collect(),
            names,
        })
    }

    /// The function that holds an address, and how far in it lies.
    pub fn find(&self, address: u64) -> Option<(&str, u64)> {
        let at = self.addresses.partition_point(|start| *start <= address).checked_sub(1)?;
        let offset = address - self.addresses.get(at)?;
        let name = self.names.get(*self.starts.get(at)? as usize..)?.split(|b| *b == 0).next()?;
        if offset > REACH {
            return None;
        }
        Some((std::str::from_utf8(name).ok()?, offset))
    }

    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }
}

/// Address of a symbol, function or data, of the running kernel.
pub fn address_of(name: &str) -> Result<Option<u64>, Error> {
    find_address(BufReader::with_capacity(BUFFER, File::open(Path::new(KALLSYMS))?), name)
}

fn find_address(file: impl BufRead, wanted: &str) -> Result<Option<u64>, Error> {
    let mut found = None;
    let mut all_zero = true;
    each_symbol(file, |address, _, name| {
        all_zero &= address == 0;
        if found.is_none() && name == wanted.as_bytes() {
            found = Some(address);
        }
        // Zero may be the truth, of the first per-CPU variable: go on until an address shows they are told.
        found.is_none() || all_zero
    })?;
    if found.is_some() && all_zero { Err(Error::Hidden) } else { Ok(found) }
}

/// Calls `each` with address, kind and name of every line until it says stop.
fn each_symbol(mut file: impl BufRead, mut each: impl FnMut(u64, u8, &[u8]) -> bool) -> io::Result<()> {
    let mut line = Vec::new();
    while {
        line.clear();
        file.read_until(b'\n', &mut line)? > 0
    } {
        let mut words = line.split(|b| matches!(b, b' ' | b'\t' | b'\n')).filter(|word| !word.is_empty());
        let (Some(address), Some([kind]), Some(name)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let Some(address) = parse_hex(address) else { continue };
        if !each(address, *kind, name) {
            break;
        }
    }
    Ok(())
}

fn parse_hex(digits: &[u8]) -> Option<u64> {
    if digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000100 t do_one
ffffffff81000180 D a_variable
ffffffff81000200 W do_two
0000000000000000 A per_cpu_thing
0000000000001000 d cpu_number
ffffffffc0000000 t helper\t[module]
not a line
";

    #[test]
    fn addresses_to_names() {
        let table = Ksyms::read(TABLE.as_bytes()).unwrap();
        assert_eq!(table.len(), 4);
        assert_eq!(table.find(0xffff_ffff_8100_0000), Some(("_stext", 0)));
        assert_eq!(table.find(0xffff_ffff_8100_01ff), Some(("do_one", 0xff)));
        assert_eq!(table.find(0xffff_ffff_c000_0010), Some(("helper", 16)));
        assert_eq!(table.find(0xffff_ffff_80ff_ffff), None);
        assert_eq!(table.find(u64::MAX), None);
    }

    #[test]
    fn names_to_addresses() {
        assert_eq!(find_address(TABLE.as_bytes(), "a_variable").unwrap(), Some(0xffff_ffff_8100_0180));
        assert_eq!(find_address(TABLE.as_bytes(), "cpu_number").unwrap(), Some(0x1000));
        assert_eq!(find_address(TABLE.as_bytes(), "none").unwrap(), None);
    }

    #[test]
    fn hidden_addresses_are_told_apart_from_none() {
        let zeros = "0000000000000000 T _stext\n0000000000000000 t do_one\n";
        assert!(matches!(Ksyms::read(zeros.as_bytes()), Err(Error::Hidden)));
        assert!(matches!(find_address(zeros.as_bytes(), "do_one"), Err(Error::Hidden)));
        assert!(Ksyms::read(&b""[..]).unwrap().is_empty());
    }
}
