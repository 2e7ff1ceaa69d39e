//! A blob of types, found by id and by name without a table of names.
//!
//! Opening walks the records once and notes where every eighth starts, 4 bytes each: 64 KiB for a whole kernel.
//! An id is reached from the mark before it; a name by walking again and comparing. One such walk over a kernel's
//! 126,000 types takes well under a millisecond, less than building any table of them.

use std::{fs::File, io, os::fd::AsFd, path::Path, sync::Arc};

use super::{
    HEADER, MAGIC,
    types::{Kind, Type, word},
};
use crate::{
    error::{Error, Result},
    sys::mapping::Mapping,
};

/// Types between two marks.
const STRIDE: u32 = 8;
/// Largest blob taken: offsets are 32 bits, and those of base and module together must stay so.
const MAX: usize = 1 << 30;
/// Longest name believed; the kernel's own limit for symbols is 512.
const NAME_MAX: usize = 1024;
/// Longest chain of typedefs and modifiers followed; real ones stay under 10.
const CHAIN_MAX: usize = 64;
const KERNEL: &str = "/sys/kernel/btf/vmlinux";

enum Data {
    Mapped(Mapping),
    Owned(Vec<u8>),
}

impl Data {
    fn bytes(&self) -> &[u8] {
        match self {
            // SAFETY: only the kernel's own type information is mapped, which never changes while it runs.
            Data::Mapped(m) => unsafe { m.bytes() },
            Data::Owned(v) => v,
        }
    }
}

/// The types of the kernel, of one of its modules, or of any blob.
pub struct Index {
    data: Data,
    /// Where the type records and the strings lie in the data.
    types: (usize, usize),
    strings: (usize, usize),
    /// For a module: the kernel's types, whose ids and strings come before this blob's own.
    base: Option<Arc<Index>>,
    first_id: u32,
    first_string: u32,
    count: u32,
    /// Offsets of the records `first_id`, `first_id + STRIDE`, …
    marks: Vec<u32>,
}

/// The three words that start every record.
struct Record {
    name_off: u32,
    info: u32,
    word: u32,
    kind: Kind,
    end: usize,
}

impl Index {
    /// The running kernel's types. Mapped where the kernel allows it (6.16), read otherwise.
    pub fn vmlinux() -> Result<Index> {
        Self::build(open(Path::new(KERNEL))?, None)
    }

    /// A module's types on top of the kernel's.
    pub fn module(base: Arc<Index>, name: &str) -> Result<Index> {
        let path = Path::new(KERNEL).with_file_name(name);
        Self::build(open(&path)?, Some(base))
    }

    /// A blob in this machine's byte order.
    pub fn parse(bytes: Vec<u8>) -> Result<Index> {
        Self::build(Data::Owned(bytes), None)
    }

    /// A blob whose ids and strings continue those of `base`.
    pub fn parse_split(base: Arc<Index>, bytes: Vec<u8>) -> Result<Index> {
        Self::build(Data::Owned(bytes), Some(base))
    }

    fn build(data: Data, base: Option<Arc<Index>>) -> Result<Index> {
        let bad = |what, at| Err(Error::BtfData { what, at });
        let b = data.bytes();
        if b.len() < HEADER {
            return bad("too short for a header", b.len());
        }
        if b.len() > MAX {
            return bad("longer than any kernel's", b.len());
        }
        match u16::from_ne_bytes([b[0], b[1]]) {
            MAGIC => {}
            m if m == MAGIC.swap_bytes() => return bad("written for the other byte order", 0),
            _ => return bad("not type information", 0),
        }
        if b[2] != 1 {
            return bad("unknown version", 2);
        }
        let header = word(b, 4) as usize;
        if header < HEADER {
            return bad("header too short", 4);
        }
        let section = |at: usize| {
            let start = header.checked_add(word(b, at) as usize)?;
            let end = start.checked_add(word(b, at + 4) as usize)?;
            (end <= b.len()).then_some((start, end))
        };
        let Some(types) = section(8) else { return bad("types reach beyond the end", 8) };
        let Some(strings) = section(16) else { return bad("strings reach beyond the end", 16) };
        let first_id = base.as_ref().map_or(1, |b| b.end_id());
        let first_string = base.as_ref().map_or(0, |b| b.first_string + (b.strings.1 - b.strings.0) as u32);
        let mut index =
            Index { data, types, strings, base, first_id, first_string, count: 0, marks: Vec::new() };
        index.mark()?;
        Ok(index)
    }

    /// Walks all records: fills `marks` and `count`, and proves that every record lies inside the blob.
    fn mark(&mut self) -> Result<()> {
        let mut marks = Vec::new();
        let (mut at, mut count) = (self.types.0, 0u32);
        while at < self.types.1 {
            if count % STRIDE == 0 {
                marks.push(at as u32);
            }
            at = self.record(at)?.end;
            count += 1;
        }
        if self.first_id.checked_add(count).is_none() {
            return Err(Error::BtfData { what: "too many types", at });
        }
        marks.shrink_to_fit();
        (self.marks, self.count) = (marks, count);
        Ok(())
    }

    fn record(&self, at: usize) -> Result<Record> {
        let b = &self.data.bytes()[..self.types.1];
        let Some(head) = b.get(at..).and_then(<[u8]>::first_chunk::<12>) else {
            return Err(Error::BtfData { what: "a type is cut off", at });
        };
        let info = word(head, 4);
        let Some(kind) = Kind::of_info(info).filter(|&k| k != Kind::Void) else {
            return Err(Error::BtfData { what: "a type of unknown kind", at });
        };
        let (fixed, each) = kind.extra();
        let end = at + 12 + fixed + each * (info & 0xffff) as usize;
        if end > b.len() {
            return Err(Error::BtfData { what: "a type is cut off", at });
        }
        Ok(Record { name_off: word(head, 0), info, word: word(head, 8), kind, end })
    }

    fn view(&self, id: u32, at: usize, r: &Record) -> Type<'_> {
        let tail = &self.data.bytes()[at + 12..r.end];
        Type { owner: self, id, kind: r.kind, name_off: r.name_off, info: r.info, word: r.word, tail }
    }

    /// One more than the last id.
    pub fn end_id(&self) -> u32 {
        self.first_id + self.count
    }

    /// The type with this id; id 0 is `void`.
    pub fn get(&self, id: u32) -> Result<Type<'_>> {
        if id == 0 {
            return Ok(Type { owner: self, id, kind: Kind::Void, name_off: 0, info: 0, word: 0, tail: &[] });
        }
        if let (Some(base), true) = (&self.base, id < self.first_id) {
            return base.get(id);
        }
        let n = id - self.first_id;
        let missing = Error::BtfData { what: "no type has this id", at: id as usize };
        if n >= self.count {
            return Err(missing);
        }
        let Some(&mark) = self.marks.get((n / STRIDE) as usize) else { return Err(missing) };
        let mut at = mark as usize;
        for _ in 0..n % STRIDE {
            at = self.record(at)?.end;
        }
        Ok(self.view(id, at, &self.record(at)?))
    }

    /// All types of this blob (not of its base), in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = Type<'_>> {
        let mut at = self.types.0;
        (self.first_id..self.end_id()).map_while(move |id| {
            let r = self.record(at).ok()?;
            let ty = self.view(id, at, &r);
            at = r.end;
            Some(ty)
        })
    }

    /// Ids and names of all types of a kind, of the base first. Nameless ones are left out.
    pub fn iter_names(&self, kind: Kind) -> Box<dyn Iterator<Item = (u32, &str)> + '_> {
        let own = self
            .iter()
            .filter(move |t| t.kind == kind && t.name_off != 0)
            .map(|t| (t.id, t.name()))
            .filter(|(_, name)| !name.is_empty());
        match &self.base {
            Some(base) => Box::new(base.iter_names(kind).chain(own)),
            None => Box::new(own),
        }
    }

    /// The type of this kind and name; a module's own before the kernel's.
    pub fn find(&self, kind: Kind, name: &str) -> Option<Type<'_>> {
        self.find_by(name, |k| k == kind)
    }

    fn find_by(&self, name: &str, want: impl Fn(Kind) -> bool + Copy) -> Option<Type<'_>> {
        if name.is_empty() || name.len() >= NAME_MAX || name.as_bytes().contains(&0) {
            return None;
        }
        let own = self.iter().find(|t| want(t.kind) && self.is_called(t.name_off, name));
        own.or_else(|| self.base.as_ref()?.find_by(name, want))
    }

    /// The first type for each pair, in one walk.
    pub fn find_all<'s>(&'s self, wanted: &[(Kind, &str)]) -> Vec<Option<Type<'s>>> {
        let mut found = match &self.base {
            Some(base) => base.find_all(wanted),
            None => vec![None; wanted.len()],
        };
        let mut open: Vec<usize> = (0..wanted.len()).filter(|&i| !wanted[i].1.is_empty()).collect();
        for ty in self.iter() {
            if open.is_empty() {
                break;
            }
            open.retain(|&i| {
                let (kind, name) = wanted[i];
                let hit = ty.kind == kind && self.is_called(ty.name_off, name);
                if hit {
                    found[i] = Some(ty);
                }
                !hit
            });
        }
        found
    }

    /// A struct or union by name.
    pub fn struct_named(&self, name: &str) -> Option<Type<'_>> {
        self.find_by(name, Kind::is_composite)
    }

    pub fn func_named(&self, name: &str) -> Option<Type<'_>> {
        self.find(Kind::Func, name)
    }

    pub fn typedef_named(&self, name: &str) -> Option<Type<'_>> {
        self.find(Kind::Typedef, name)
    }

    /// An enum of either width by name.
    pub fn enum_named(&self, name: &str) -> Option<Type<'_>> {
        self.find_by(name, |k| matches!(k, Kind::Enum | Kind::Enum64))
    }

    /// The value of an enum's constant, whichever enum it is of, with that enum.
    pub fn constant(&self, name: &str) -> Option<(u64, Type<'_>)> {
        let enums = self.iter().filter(|t| matches!(t.kind, Kind::Enum | Kind::Enum64));
        let own = enums.filter_map(|t| Some((t.values().find(|v| v.name == name)?.value, t))).next();
        own.or_else(|| self.base.as_ref()?.constant(name))
    }

    /// Past `const`, `volatile`, `restrict` and tags.
    pub fn strip(&self, id: u32) -> Result<Type<'_>> {
        self.follow(id, Kind::is_modifier)
    }

    /// Past modifiers and typedefs, to what the type is made of.
    pub fn resolve(&self, id: u32) -> Result<Type<'_>> {
        self.follow(id, |k| k.is_modifier() || k == Kind::Typedef)
    }

    fn follow(&self, mut id: u32, through: impl Fn(Kind) -> bool) -> Result<Type<'_>> {
        for _ in 0..CHAIN_MAX {
            let ty = self.get(id)?;
            if !through(ty.kind) {
                return Ok(ty);
            }
            id = ty.word;
        }
        Err(Error::BtfData { what: "a type refers to itself", at: id as usize })
    }

    /// The prototype of a function, of a pointer to one, or of a typedef of either.
    pub fn proto_of(&self, id: u32) -> Result<Option<Type<'_>>> {
        let ty =
            self.follow(id, |k| k.is_modifier() || matches!(k, Kind::Typedef | Kind::Ptr | Kind::Func))?;
        Ok((ty.kind == Kind::FuncProto).then_some(ty))
    }

    /// Bytes that a value of this type takes; an error for what has no size (`void`, a function, a forward
    /// declaration).
    pub fn size_of(&self, id: u32) -> Result<u64> {
        let unsized_type = Error::BtfData { what: "a type has no size", at: id as usize };
        let (mut id, mut times) = (id, 1u64);
        for _ in 0..CHAIN_MAX {
            let ty = self.get(id)?;
            let size = match ty.kind {
                Kind::Ptr => size_of::<usize>() as u64,
                Kind::Array => {
                    let Some(a) = ty.array() else { return Err(unsized_type) };
                    let Some(t) = times.checked_mul(u64::from(a.len)) else { return Err(unsized_type) };
                    (times, id) = (t, a.elem);
                    continue;
                }
                k if k.is_modifier() || matches!(k, Kind::Typedef | Kind::Var) => {
                    id = ty.word;
                    continue;
                }
                _ => match ty.size() {
                    Some(size) => u64::from(size),
                    None => return Err(unsized_type),
                },
            };
            return times.checked_mul(size).ok_or(unsized_type);
        }
        Err(Error::BtfData { what: "a type refers to itself", at: id as usize })
    }

    fn string_bytes(&self, offset: u32) -> Option<&[u8]> {
        if let (Some(base), true) = (&self.base, offset < self.first_string) {
            return base.string_bytes(offset);
        }
        let start = self.strings.0.checked_add((offset - self.first_string) as usize)?;
        self.data.bytes().get(start..self.strings.1)
    }

    fn is_called(&self, offset: u32, name: &str) -> bool {
        let Some(s) = self.string_bytes(offset) else { return false };
        s.len() > name.len() && s[name.len()] == 0 && &s[..name.len()] == name.as_bytes()
    }

    /// The string at an offset; empty where there is none or it is not text.
    pub(crate) fn string(&self, offset: u32) -> &str {
        let Some(s) = self.string_bytes(offset) else { return "" };
        let s = &s[..s.len().min(NAME_MAX)];
        let Some(end) = s.iter().position(|&b| b == 0) else { return "" };
        std::str::from_utf8(&s[..end]).unwrap_or("")
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Index({} types)", self.count)
    }
}

fn open(path: &Path) -> Result<Data> {
    let failed = |source| Error::BtfOpen { path: path.display().to_string(), source };
    let file = File::open(path).map_err(failed)?;
    let len = file.metadata().map_err(failed)?.len() as usize;
    // The kernel refuses a shared or writable mapping.
    match Mapping::new(file.as_fd(), len, 0, false, false) {
        Ok(mapping) => Ok(Data::Mapped(mapping)),
        Err(_) => read(file, len).map(Data::Owned).map_err(failed),
    }
}

fn read(mut file: File, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(len);
    io::Read::read_to_end(&mut file, &mut bytes)?;
    Ok(bytes)
}
