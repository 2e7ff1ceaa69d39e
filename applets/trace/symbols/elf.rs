//! Function symbols of an ELF file: just enough of the format, read piece by piece.
//!
//! Only 64-bit little-endian files, which is what the targets run; a 32-bit process keeps its numbers. The file
//! belongs to whoever is traced, so every number in it is distrusted.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Symbol and string tables beyond this are not read.
const MAX_TABLE: u64 = 256 << 20;
const MAX_HEADERS: usize = 64 * 1024;

const SYMTAB: u32 = 2;
const DYNSYM: u32 = 11;
const LOAD: u32 = 1;
const FUNC: u8 = 2;
const GNU_IFUNC: u8 = 10;

/// Functions of a file, by address in the file's own terms.
#[derive(Debug, Default)]
pub(super) struct Functions {
    /// Ascending: start, size, start of the name in `names`.
    list: Vec<(u64, u64, u32)>,
    /// Each ends with a NUL.
    names: Vec<u8>,
    segments: Vec<Segment>,
}

/// A loadable piece: file offsets to addresses.
#[derive(Clone, Copy, Debug)]
struct Segment {
    offset: u64,
    size: u64,
    address: u64,
}

impl Functions {
    pub(super) fn open(path: &Path) -> io::Result<Functions> {
        Functions::read(&File::open(path)?)
    }

    fn read(file: &impl FileExt) -> io::Result<Functions> {
        let mut header = [0; 64];
        file.read_exact_at(&mut header, 0)?;
        if !header.starts_with(b"\x7fELF\x02\x01") {
            return Ok(Functions::default());
        }
        let (programs, sections) = (u64_at(&header, 32), u64_at(&header, 40));
        let (program_count, section_count) = (u16_at(&header, 56), u16_at(&header, 60));
        let mut functions = Functions::default();
        for entry in table(file, programs, program_count, 56)?.chunks_exact(56) {
            if u32_at(entry, 0) == LOAD {
                functions.segments.push(Segment {
                    offset: u64_at(entry, 8),
                    size: u64_at(entry, 32),
                    address: u64_at(entry, 16),
                });
            }
        }
        let sections = table(file, sections, section_count, 64)?;
        let section = |at: usize| sections.chunks_exact(64).nth(at);
        let of_kind = |kind| sections.chunks_exact(64).find(|entry| u32_at(entry, 4) == kind);
        // The full table contains what the dynamic one does.
        if let Some(symbols) = of_kind(SYMTAB).or_else(|| of_kind(DYNSYM))
            && let Some(strings) = section(u32_at(symbols, 40) as usize)
        {
            functions.fill(&content(file, symbols)?, &content(file, strings)?);
        }
        Ok(functions)
    }

    fn fill(&mut self, symbols: &[u8], strings: &[u8]) {
        for symbol in symbols.chunks_exact(24) {
            let (kind, section, address) = (symbol[4] & 15, u16_at(symbol, 6), u64_at(symbol, 8));
            if !matches!(kind, FUNC | GNU_IFUNC) || section == 0 || address == 0 {
                continue;
            }
            let name = strings.get(u32_at(symbol, 0) as usize..).unwrap_or(&[]);
            let name = name.split(|b| *b == 0).next().unwrap_or(&[]);
            if name.is_empty() {
                continue;
            }
            self.list.push((address, u64_at(symbol, 16), self.names.len() as u32));
            self.names.extend_from_slice(name);
            self.names.push(0);
        }
        #[allow(clippy::disallowed_methods, reason = "hundreds of thousands of symbols")]
        self.list.sort_by_key(|(address, size, _)| (*address, std::cmp::Reverse(*size)));
        self.list.dedup_by_key(|(address, ..)| *address);
        self.list.shrink_to_fit();
        self.names.shrink_to_fit();
    }

    /// The function at an offset of the file, and how far in it lies.
    pub(super) fn at_file_offset(&self, offset: u64) -> Option<(&[u8], u64)> {
        let segment =
            self.segments.iter().find(|s| offset.checked_sub(s.offset).is_some_and(|into| into < s.size))?;
        let address = segment.address.checked_add(offset - segment.offset)?;
        let at = self.list.partition_point(|(start, ..)| *start <= address).checked_sub(1)?;
        let (start, size, name) = *self.list.get(at)?;
        let into = address - start;
        // Hand-written assembly often has no size.
        if size != 0 && into >= size {
            return None;
        }
        Some((self.names.get(name as usize..)?.split(|b| *b == 0).next()?, into))
    }
}

/// `count` headers of `size` bytes.
fn table(file: &impl FileExt, at: u64, count: u16, size: usize) -> io::Result<Vec<u8>> {
    let length = usize::from(count) * size;
    let mut bytes = vec![0; length.min(MAX_HEADERS * size)];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

/// What a section header points at.
fn content(file: &impl FileExt, section: &[u8]) -> io::Result<Vec<u8>> {
    let (at, size) = (u64_at(section, 24), u64_at(section, 32));
    if size > MAX_TABLE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "symbol table too big"));
    }
    let mut bytes = Vec::new();
    // In steps, so that a small file that claims a huge table does not cost the memory.
    while (bytes.len() as u64) < size {
        let done = bytes.len();
        bytes.resize(done + (size as usize - done).min(1 << 20), 0);
        file.read_exact_at(&mut bytes[done..], at.saturating_add(done as u64))?;
    }
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file in memory.
    struct Memory(Vec<u8>);

    impl FileExt for Memory {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            let rest = self.0.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or(&[]);
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            Ok(length)
        }

        fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
    }

    /// One segment (offset 0x1000 at address 0x401000), functions `main` and `helper`.
    fn file() -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        let put = |bytes: &mut Vec<u8>, at: usize, value: u64, width: usize| {
            bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        };
        put(&mut bytes, 32, 64, 8); // program headers
        put(&mut bytes, 40, 120, 8); // section headers
        put(&mut bytes, 56, 1, 2);
        put(&mut bytes, 60, 2, 2);
        bytes.resize(120 + 128, 0);
        for (at, value) in [(64, 1), (64 + 8, 0x1000), (64 + 16, 0x40_1000), (64 + 32, 0x100)] {
            let width = if at == 64 { 4 } else { 8 };
            put(&mut bytes, at, value, width);
        }
        let symbols = bytes.len() as u64;
        for (name, address, size) in [(1u64, 0x40_1000u64, 0x10u64), (6, 0x40_1010, 0)] {
            let at = bytes.len();
            bytes.resize(at + 24, 0);
            put(&mut bytes, at, name, 4);
            bytes[at + 4] = FUNC;
            put(&mut bytes, at + 6, 1, 2);
            put(&mut bytes, at + 8, address, 8);
            put(&mut bytes, at + 16, size, 8);
        }
        let strings = bytes.len() as u64;
        bytes.extend(b"\0main\0helper\0");
        put(&mut bytes, 120 + 4, 2, 4);
        put(&mut bytes, 120 + 24, symbols, 8);
        put(&mut bytes, 120 + 32, 48, 8);
        put(&mut bytes, 120 + 40, 1, 4);
        put(&mut bytes, 184 + 24, strings, 8);
        put(&mut bytes, 184 + 32, 13, 8);
        bytes
    }

    #[test]
    fn offsets_become_functions() {
        let functions = Functions::read(&Memory(file())).unwrap();
        assert_eq!(functions.at_file_offset(0x1004), Some((&b"main"[..], 4)));
        assert_eq!(functions.at_file_offset(0x1050), Some((&b"helper"[..], 0x40)));
        assert_eq!(functions.at_file_offset(0x1100), None);
        assert_eq!(functions.at_file_offset(0xfff), None);
    }

    #[test]
    fn damaged_files_never_panic() {
        let whole = file();
        for length in 0..whole.len() {
            let _ = Functions::read(&Memory(whole[..length].to_vec()))
                .map(|f| f.at_file_offset(0x1004).is_some());
        }
        for at in 0..whole.len() {
            for flip in [0xff, 0x80, 1] {
                let mut bad = whole.clone();
                bad[at] ^= flip;
                let _ = Functions::read(&Memory(bad)).map(|f| f.at_file_offset(0x1004).is_some());
            }
        }
    }

    #[test]
    fn this_very_program() {
        let functions = Functions::open(&std::env::current_exe().unwrap()).unwrap();
        assert!(functions.list.len() > 100);
    }
}
