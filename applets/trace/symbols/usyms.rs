//! User symbols: an address of a process to the function of the file mapped there.
//!
//! Mappings come from /proc/PID/maps, files are opened through /proc/PID/root so that a container's are found.
//! Both are kept, within limits: a process is looked at again when an address lies in no known mapping.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::elf::Functions;
use crate::output::Symbol;

/// Processes and files kept before all are forgotten and read anew.
const MAX_PROCESSES: usize = 256;
const MAX_FILES: usize = 128;

#[derive(Debug, Default)]
pub struct Usyms {
    processes: HashMap<u32, Vec<Mapping>>,
    /// By device and inode as the maps file gives them.
    files: HashMap<(u64, u64), Rc<Functions>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mapping {
    start: u64,
    end: u64,
    offset: u64,
    device: u64,
    inode: u64,
    path: Rc<str>,
}

impl Usyms {
    pub fn find(&mut self, tgid: u32, address: u64) -> Option<Symbol> {
        let mapping = self.mapping(tgid, address)?;
        let functions = self.functions(tgid, &mapping);
        let (name, offset) = functions.at_file_offset(address - mapping.start + mapping.offset)?;
        let name = String::from_utf8_lossy(name).into();
        Some(Symbol { name, offset, module: Some(mapping.path) })
    }

    fn mapping(&mut self, tgid: u32, address: u64) -> Option<Mapping> {
        let within = |list: &Vec<Mapping>| list.iter().find(|m| (m.start..m.end).contains(&address)).cloned();
        if let Some(found) = self.processes.get(&tgid).and_then(within) {
            return Some(found);
        }
        let text = fs::read(format!("/proc/{tgid}/maps")).ok()?;
        let list = parse_maps(&String::from_utf8_lossy(&text));
        if self.processes.len() >= MAX_PROCESSES {
            self.processes.clear();
        }
        let found = within(&list);
        self.processes.insert(tgid, list);
        found
    }

    fn functions(&mut self, tgid: u32, mapping: &Mapping) -> Rc<Functions> {
        let id = (mapping.device, mapping.inode);
        if let Some(known) = self.files.get(&id) {
            return known.clone();
        }
        let inside = PathBuf::from(format!("/proc/{tgid}/root{}", mapping.path));
        let functions = Functions::open(&inside)
            .or_else(|_| Functions::open(Path::new(&*mapping.path)))
            .unwrap_or_default();
        if self.files.len() >= MAX_FILES {
            self.files.clear();
        }
        let functions = Rc::new(functions);
        self.files.insert(id, functions.clone());
        functions
    }
}

/// The executable mappings of files.
fn parse_maps(text: &str) -> Vec<Mapping> {
    text.lines().filter_map(parse_line).collect()
}

/// `55d0c0a00000-55d0c0a01000 r-xp 00001000 08:01 1234   /usr/bin/true`
fn parse_line(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let executable = words.next()?.as_bytes().get(2) == Some(&b'x');
    let offset = words.next()?;
    let (major, minor) = words.next()?.split_once(':')?;
    let inode = words.next()?;
    let path = words.next()?.trim_start();
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    let hex = |word: &str| u64::from_str_radix(word, 16).ok();
    if !executable || !path.starts_with('/') {
        return None;
    }
    Some(Mapping {
        start: hex(start)?,
        end: hex(end)?,
        offset: hex(offset)?,
        device: hex(major)? << 32 | hex(minor)?,
        inode: inode.parse().ok()?,
        path: path.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_lines() {
        let line = "55d0c0a00000-55d0c0a01000 r-xp 00001000 08:01 1234                       /usr/bin/a b";
        let mapping = parse_line(line).unwrap();
        assert_eq!((mapping.start, mapping.offset, mapping.inode), (0x55d0_c0a0_0000, 0x1000, 1234));
        assert_eq!(&*mapping.path, "/usr/bin/a b");
        assert_eq!(
            parse_line("7ffc0000-7ffd0000 rw-p 00000000 00:00 0                          [stack]"),
            None
        );
        assert_eq!(parse_line("nonsense"), None);
    }

    #[test]
    fn a_function_of_this_process() {
        let address = a_function_of_this_process as fn() as usize as u64;
        let symbol = Usyms::default().find(std::process::id(), address + 1).unwrap();
        assert!(symbol.name.contains("a_function_of_this_process"), "{}", symbol.name);
        assert_eq!(symbol.offset, 1);
        assert_eq!(Usyms::default().find(std::process::id(), 16), None);
    }
}
