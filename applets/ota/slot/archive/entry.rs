//! One name of an archive: what it may be, and the one way its header is written.
//!
//! Neighbours: `unpack` reads headers, `walk` writes them. What is refused here cannot lead out of the folder: no `..`,
//! nothing absolute, links only to what lies inside, and nothing below a link, because what a name lies in must be a
//! folder of the same archive.

use std::cmp::Ordering;

use super::BLOCK;

/// Bytes of a path and of a link's target, and of one name in it, at most: PATH_MAX and NAME_MAX of Linux.
const MAX_PATH: usize = 4095;
const MAX_NAME: usize = 255;
/// Bytes of an extended header, at most: two paths and four numbers fit.
const MAX_PAX: usize = 16 << 10;
/// What fits the fields of 8 and of 12 bytes.
const MAX_SHORT: u64 = 0o7_777_777;
const MAX_LONG: u64 = 0o77_777_777_777;
/// The name of an extended header, which some tools show.
const PAX_NAME: &str = "././@PaxHeader";

/// What a name stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum What {
    Folder,
    /// Bytes.
    File(u64),
    /// Where it leads.
    Link(String),
}

/// A name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    /// Below the folder, without a slash at either end; empty for the folder itself.
    pub(crate) path: String,
    pub(crate) what: What,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Seconds since 1970; 0 for folders.
    pub(crate) mtime: u64,
}

impl Entry {
    /// Bytes that follow the header, without those that fill up the last block.
    pub(crate) fn size(&self) -> u64 {
        match self.what {
            What::File(size) => size,
            _ => 0,
        }
    }

    /// Why it cannot be in an archive, if it cannot.
    pub(crate) fn fault(&self) -> Option<String> {
        let path = &self.path;
        if path.is_empty() {
            return (self.what != What::Folder).then(|| "the first entry is no folder".to_owned());
        }
        if path.len() > MAX_PATH {
            return Some(format!("a name is longer than {MAX_PATH} bytes"));
        }
        for name in path.split('/') {
            if matches!(name, "" | "." | "..") || name.len() > MAX_NAME || name.contains('\0') {
                return Some(format!("'{}' is no path below a folder", path.escape_default()));
            }
        }
        match &self.what {
            What::Link(target) if leads_out(path, target) => Some(format!(
                "the link '{}' leads out of the folder, to '{}'",
                path.escape_default(),
                target.escape_default()
            )),
            _ => None,
        }
    }

    /// Whether it may stand after another one; `None` for the first.
    pub(crate) fn follows(&self, last: Option<(&str, bool)>) -> Result<(), String> {
        let path = self.path.escape_default();
        let Some((last, is_folder)) = last else {
            return if self.path.is_empty() {
                Ok(())
            } else {
                Err("the first entry is not the folder itself".to_owned())
            };
        };
        match order(last, &self.path) {
            Ordering::Less => {}
            Ordering::Equal => return Err(format!("'{path}' is there twice")),
            Ordering::Greater => return Err(format!("'{path}' does not stand in its order")),
        }
        let above = self.path.rsplit_once('/').map_or("", |(above, _)| above);
        let is_below = last.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
        match above.is_empty() || is_below || (last == above && is_folder) {
            true => Ok(()),
            false => Err(format!("'{path}' lies in what is no folder of the archive")),
        }
    }

    /// The header: blocks of 512 bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (kind, link) = match &self.what {
            What::Folder => (b'5', ""),
            What::File(_) => (b'0', ""),
            What::Link(target) => (b'2', target.as_str()),
        };
        let name = match (&self.what, self.path.as_str()) {
            (_, "") => "./".to_owned(),
            (What::Folder, path) => format!("{path}/"),
            (_, path) => path.to_owned(),
        };
        let mut pax = String::new();
        let mut long = |key: &str, value: String| pax.push_str(&record(key, &value));
        if u64::from(self.gid) > MAX_SHORT {
            long("gid", self.gid.to_string());
        }
        if link.len() > 100 {
            long("linkpath", link.to_owned());
        }
        if name.len() > 100 {
            long("path", name.clone());
        }
        if self.size() > MAX_LONG {
            long("size", self.size().to_string());
        }
        if u64::from(self.uid) > MAX_SHORT {
            long("uid", self.uid.to_string());
        }
        let mut bytes = Vec::new();
        if !pax.is_empty() {
            bytes.extend(header(PAX_NAME, b'x', "", [0o644, 0, 0, pax.len() as u64, 0]));
            bytes.extend(pax.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        }
        let short = |value: u32| if u64::from(value) > MAX_SHORT { 0 } else { u64::from(value) };
        let size = if self.size() > MAX_LONG { 0 } else { self.size() };
        let numbers =
            [u64::from(self.mode & 0o7777), short(self.uid), short(self.gid), size, self.mtime.min(MAX_LONG)];
        bytes.extend(header(cut(&name), kind, cut(link), numbers));
        bytes
    }

    /// How many bytes the header has that begins like this, once that can be told.
    pub(crate) fn header_len(begin: &[u8]) -> Result<usize, String> {
        match begin.get(..BLOCK) {
            Some(block) if block[156] == b'x' => {
                let len = usize::try_from(number(&block[124..136])?).unwrap_or(usize::MAX);
                match len {
                    1..=MAX_PAX => Ok(2 * BLOCK + len.next_multiple_of(BLOCK)),
                    _ => Err("an extended header has a length that none can have".to_owned()),
                }
            }
            _ => Ok(BLOCK),
        }
    }

    /// Reads a whole header, and refuses what [`Entry::encode`] would have written otherwise.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Entry, String> {
        let at = bytes.len().checked_sub(BLOCK).ok_or("a header is cut short")?;
        let (front, block) = bytes.split_at(at);
        let mut values = Vec::new();
        if let Some(text) = front.get(BLOCK..) {
            let len = usize::try_from(number(&front[124..136])?).unwrap_or(usize::MAX);
            values = records(text.get(..len).ok_or("an extended header is cut short")?)?;
        }
        let long = |key: &str| values.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
        let name = match long("path") {
            Some(path) => path,
            None => string(&block[..100])?,
        };
        let numeric = |key: &str, field: &[u8]| match long(key) {
            Some(text) => {
                text.parse::<u64>().map_err(|_| format!("'{key}' of an extended header is no number"))
            }
            None => number(field),
        };
        let narrow = |value: u64| u32::try_from(value).map_err(|_| "a number is too large".to_owned());
        let what = match block[156] {
            b'0' => What::File(numeric("size", &block[124..136])?),
            b'2' => What::Link(match long("linkpath") {
                Some(target) => target,
                None => string(&block[157..257])?,
            }),
            b'5' => What::Folder,
            kind => {
                return Err(format!(
                    "'{}' is of kind {kind}: only files, folders and links are unpacked",
                    name.escape_default()
                ));
            }
        };
        let path = match (&what, name.as_str()) {
            (What::Folder, "./") => String::new(),
            (What::Folder, name) => name.strip_suffix('/').unwrap_or(name).to_owned(),
            (_, name) => name.to_owned(),
        };
        let entry = Entry {
            path,
            what,
            mode: narrow(number(&block[100..108])?)?,
            uid: narrow(numeric("uid", &block[108..116])?)?,
            gid: narrow(numeric("gid", &block[116..124])?)?,
            mtime: number(&block[136..148])?,
        };
        if let Some(fault) = entry.fault() {
            return Err(fault);
        }
        match entry.encode() == bytes {
            true => Ok(entry),
            false => Err(format!(
                "the header of '{}' is not as 'edgekit ota bundle create' writes it",
                entry.path.escape_default()
            )),
        }
    }
}

/// Component by component, so that a folder stands right before what is in it.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.split('/').cmp(b.split('/')),
    }
}

/// True for a target that is not surely inside. `..` counts only in front: behind a name, which may be a link, it could
/// lead anywhere.
fn leads_out(path: &str, target: &str) -> bool {
    if target.is_empty() || target.starts_with('/') || target.len() > MAX_PATH || target.contains('\0') {
        return true;
    }
    let depth = path.split('/').count() - 1;
    let mut names = target.split('/').filter(|name| !matches!(*name, "" | ".")).peekable();
    let mut up = 0;
    while names.next_if(|name| *name == "..").is_some() {
        up += 1;
    }
    up > depth || names.any(|name| name == "..")
}

/// A block of the ustar layout: mode, owner, group, size and time in octal digits.
fn header(name: &str, kind: u8, link: &str, [mode, uid, gid, size, mtime]: [u64; 5]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    for (at, value) in [(100, mode), (108, uid), (116, gid), (329, 0), (337, 0)] {
        put(at, format!("{value:07o}").as_bytes());
    }
    put(124, format!("{size:011o}").as_bytes());
    put(136, format!("{mtime:011o}").as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// As much of a text as its field takes, without half a letter.
fn cut(text: &str) -> &str {
    let mut len = text.len().min(100);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    &text[..len]
}

/// A line of an extended header, which begins with its own length.
fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut len = rest + 1;
    while len != rest + len.to_string().len() {
        len += 1;
    }
    format!("{len} {key}={value}\n")
}

fn records(mut bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
    let wrong = || "an extended header cannot be read".to_owned();
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().take(8).position(|byte| *byte == b' ').ok_or_else(wrong)?;
        let len: usize =
            std::str::from_utf8(&bytes[..space]).ok().and_then(|len| len.parse().ok()).ok_or_else(wrong)?;
        let (line, rest) = bytes.split_at_checked(len).ok_or_else(wrong)?;
        let line = line.get(space + 1..).and_then(|line| line.strip_suffix(b"\n")).ok_or_else(wrong)?;
        let (key, value) =
            std::str::from_utf8(line).ok().and_then(|line| line.split_once('=')).ok_or_else(wrong)?;
        records.push((key.to_owned(), value.to_owned()));
        bytes = rest;
    }
    Ok(records)
}

fn number(field: &[u8]) -> Result<u64, String> {
    let digits = field.iter().position(|byte| *byte == 0).map_or(field, |end| &field[..end]);
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    text.and_then(|text| u64::from_str_radix(text, 8).ok())
        .ok_or_else(|| "a number of a header cannot be read".to_owned())
}

fn string(field: &[u8]) -> Result<String, String> {
    let bytes = field.iter().position(|byte| *byte == 0).map_or(field, |end| &field[..end]);
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| "a name is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn entry(path: &str, what: What) -> Entry {
        Entry { path: path.to_owned(), what, mode: 0o750, uid: 7, gid: 8, mtime: 1_700_000_000 }
    }

    #[test]
    fn every_entry_reads_back() {
        let long = format!("{}/{}", "ü".repeat(90), "y".repeat(200));
        let mut large = entry("large", What::File(9 << 30));
        (large.uid, large.gid) = (u32::MAX, 3_000_000);
        for entry in [
            entry("", What::Folder),
            entry("bin", What::Folder),
            entry("bin/x", What::File(5)),
            entry("bin/y", What::Link("x".to_owned())),
            entry(&long, What::File(0)),
            entry(&long, What::Folder),
            entry("l", What::Link(format!("a/{}", "b".repeat(150)))),
            entry("l", What::File(u64::MAX >> 1)),
            large,
        ] {
            let bytes = entry.encode();
            assert_eq!((Entry::header_len(&bytes[..BLOCK]), bytes.len() % BLOCK), (Ok(bytes.len()), 0));
            assert_eq!(Entry::decode(&bytes), Ok(entry));
        }
    }

    #[test]
    fn what_could_lead_out_is_refused() {
        let link = |path: &str, target: &str| entry(path, What::Link(target.to_owned())).fault().is_some();
        for (path, target) in
            [("a", "b"), ("a", "./b/c"), ("d/a", "../b"), ("d/e/a", "../../b"), ("d/a", "..")]
        {
            assert!(!link(path, target), "{path} {target}");
        }
        for (path, target) in [
            ("a", "/etc"),
            ("a", ".."),
            ("a", "../b"),
            ("d/a", "../../b"),
            ("d/a", "x/../b"),
            ("a", ""),
            ("a", "b\0"),
        ] {
            assert!(link(path, target), "{path} {target}");
        }
        for path in ["..", "a/..", "/a", "a//b", "a/./b", "a/", "a\0b"] {
            assert!(entry(path, What::File(0)).fault().is_some(), "{path}");
        }
        assert!(entry(&"x".repeat(256), What::Folder).fault().is_some());
        assert!(entry(&"x/".repeat(2048), What::Folder).fault().is_some());
        assert!(entry("", What::File(0)).fault().is_some());
    }

    #[test]
    fn order_and_place_are_kept() {
        let follows = |last: &str, is_folder: bool, path: &str| {
            entry(path, What::Folder).follows(Some((last, is_folder))).is_ok()
        };
        assert!(follows("", true, "a") && follows("a", true, "a/b") && follows("a/b/c", false, "a/d"));
        assert!(follows("a/b", false, "a-b"), "a folder's names stand before its neighbours");
        assert!(!follows("a", false, "a/b"), "below a file or a link");
        assert!(!follows("a", true, "a") && !follows("b", true, "a") && !follows("a", true, "b/c"));
        assert!(!follows("ab", true, "a/c") && !follows("ab/c", false, "b/c"));
        assert!(entry("a", What::Folder).follows(None).is_err());
    }

    #[test]
    fn another_way_to_write_the_same_is_refused() {
        let good = entry("bin/x", What::File(5)).encode();
        for (at, byte) in [(263, b' '), (329, b'1'), (156, 0), (148, b' '), (500, 1), (265, b'r')] {
            let mut other = good.clone();
            other[at] = byte;
            assert!(Entry::decode(&other).is_err(), "{at}");
        }
        let mut device = good;
        device[156] = b'3';
        assert!(Entry::decode(&device).expect_err("a device").contains("only files, folders and links"));
    }
}
