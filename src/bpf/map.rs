//! Maps: made through aya, read and written by bytes, whole tables fetched a batch at a time.
//!
//! The tracer's keys and values have a shape known only at run time, so aya's typed maps do not fit; and aya has
//! no batch operations, which are what makes printing a large map cheap. [`MapSpec`] says what to make, [`Map`]
//! is the thing, [`Entries`] is its content at one moment. Neighbours: `sys` makes the calls, `ring` consumes a
//! ring buffer map, `prog` refers to maps by [`Map::raw_fd`].

mod batch;
mod cpus;
mod shared;

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};

use aya::maps::{MapData, MapError};
use aya_obj::generated::bpf_map_type;

pub use self::{
    batch::{Entries, EntryIter},
    cpus::{online_cpus, possible_cpus},
    shared::SharedArray,
};
use crate::{
    error::{Error, Result},
    sys::{self, Elem},
};

/// Let user space map the array's values (kernel 5.5).
pub const F_MMAPABLE: u32 = 1 << 10;
/// Do not allocate all elements up front: less memory, dearer updates.
pub const F_NO_PREALLOC: u32 = 1;
/// User space reads only; programs may still write.
pub const F_RDONLY: u32 = 1 << 3;
/// Programs read only; user space may still write.
pub const F_RDONLY_PROG: u32 = 1 << 7;

/// The kinds of map a tracer uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MapKind {
    Hash,
    LruHash,
    PerCpuHash,
    LruPerCpuHash,
    Array,
    PerCpuArray,
    RingBuf,
    StackTrace,
    PerfEventArray,
}

impl MapKind {
    /// As it is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            MapKind::Hash => "hash",
            MapKind::LruHash => "LRU hash",
            MapKind::PerCpuHash => "per-CPU hash",
            MapKind::LruPerCpuHash => "per-CPU LRU hash",
            MapKind::Array => "array",
            MapKind::PerCpuArray => "per-CPU array",
            MapKind::RingBuf => "ring buffer",
            MapKind::StackTrace => "stack trace",
            MapKind::PerfEventArray => "perf event array",
        }
    }

    fn number(self) -> u32 {
        (match self {
            MapKind::Hash => bpf_map_type::BPF_MAP_TYPE_HASH,
            MapKind::LruHash => bpf_map_type::BPF_MAP_TYPE_LRU_HASH,
            MapKind::PerCpuHash => bpf_map_type::BPF_MAP_TYPE_PERCPU_HASH,
            MapKind::LruPerCpuHash => bpf_map_type::BPF_MAP_TYPE_LRU_PERCPU_HASH,
            MapKind::Array => bpf_map_type::BPF_MAP_TYPE_ARRAY,
            MapKind::PerCpuArray => bpf_map_type::BPF_MAP_TYPE_PERCPU_ARRAY,
            MapKind::RingBuf => bpf_map_type::BPF_MAP_TYPE_RINGBUF,
            MapKind::StackTrace => bpf_map_type::BPF_MAP_TYPE_STACK_TRACE,
            MapKind::PerfEventArray => bpf_map_type::BPF_MAP_TYPE_PERF_EVENT_ARRAY,
        }) as u32
    }

    /// Whether every CPU has a value of its own.
    pub fn per_cpu(self) -> bool {
        matches!(self, MapKind::PerCpuHash | MapKind::LruPerCpuHash | MapKind::PerCpuArray)
    }

    /// Whether keys are indices that always exist.
    pub fn is_array(self) -> bool {
        matches!(self, MapKind::Array | MapKind::PerCpuArray)
    }

    fn is_hash(self) -> bool {
        matches!(self, MapKind::Hash | MapKind::LruHash | MapKind::PerCpuHash | MapKind::LruPerCpuHash)
    }
}

/// What to create. Ring buffers have no key and no value, their size in bytes is `max_entries` (see
/// [`ring_bytes`]); arrays have a key of 4 bytes.
#[derive(Clone, Debug)]
pub struct MapSpec {
    pub name: String,
    pub kind: MapKind,
    pub key_size: u32,
    pub value_size: u32,
    pub max_entries: u32,
    pub flags: u32,
}

impl MapSpec {
    /// A map of one of the hash kinds.
    pub fn hash(name: impl Into<String>, kind: MapKind, key: u32, value: u32, max_entries: u32) -> MapSpec {
        MapSpec { name: name.into(), kind, key_size: key, value_size: value, max_entries, flags: 0 }
    }

    /// An array, plain or per CPU.
    pub fn array(name: impl Into<String>, kind: MapKind, value: u32, max_entries: u32) -> MapSpec {
        MapSpec::hash(name, kind, 4, value, max_entries)
    }

    /// A ring buffer of at least `bytes`.
    pub fn ring(name: impl Into<String>, bytes: u32) -> MapSpec {
        MapSpec::hash(name, MapKind::RingBuf, 0, 0, ring_bytes(bytes))
    }
}

/// The next size the kernel takes for a ring: a power of two and whole pages.
pub fn ring_bytes(wanted: u32) -> u32 {
    let page = sys::mapping::page_size() as u32;
    wanted.max(page).checked_next_power_of_two().unwrap_or(1 << 31)
}

/// A map in the kernel. It goes away with the last descriptor, this one or a program's.
#[derive(Debug)]
pub struct Map {
    spec: MapSpec,
    data: MapData,
    /// Bytes the kernel copies for one value: the value, or all CPUs' values rounded up to 8.
    stride: usize,
}

impl Map {
    /// Creates the map. The kernel's name for it is the spec's, reduced to what the kernel takes.
    pub fn create(spec: MapSpec) -> Result<Map> {
        let failed = |source| Error::MapCreate { name: spec.name.clone(), kind: spec.kind.name(), source };
        let stride = match spec.kind.per_cpu() {
            true => (spec.value_size as usize).next_multiple_of(8) * possible_cpus()?,
            false => spec.value_size as usize,
        };
        let obj = aya_obj::Map::new_from_params(
            spec.kind.number(),
            spec.key_size,
            spec.value_size,
            spec.max_entries,
            spec.flags,
        );
        let create = || MapData::create(obj.clone(), &kernel_name(&spec.name), None).map_err(os_error);
        let data = create().or_else(sys::retry_with_memlock(create)).map_err(failed)?;
        Ok(Map { spec, data, stride })
    }

    pub fn spec(&self) -> &MapSpec {
        &self.spec
    }

    /// The number to put into the instructions that refer to this map.
    pub fn raw_fd(&self) -> RawFd {
        self.data.fd().as_fd().as_raw_fd()
    }

    /// aya's view of the map, for its typed maps and its map information.
    pub fn data(&self) -> &MapData {
        &self.data
    }

    /// Bytes of one value as [`Map::lookup`] returns it.
    pub fn stride(&self) -> usize {
        self.stride
    }

    pub(crate) fn error(&self, op: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Map { op, name: self.spec.name.clone(), source }
    }

    fn check(&self, what: &'static str, got: usize, want: usize) -> Result<()> {
        if got == want {
            return Ok(());
        }
        Err(Error::MapSize { name: self.spec.name.clone(), what, got, want })
    }

    /// The value of `key`: for a per-CPU map the values of all possible CPUs, each starting at a multiple of 8.
    pub fn lookup(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut value = vec![0; self.stride];
        Ok(self.lookup_into(key, &mut value)?.then_some(value))
    }

    /// [`Map::lookup`] into a buffer of [`Map::stride`] bytes; `false` when the key is absent.
    pub fn lookup_into(&self, key: &[u8], value: &mut [u8]) -> Result<bool> {
        self.check("key", key.len(), self.spec.key_size as usize)?;
        self.check("value", value.len(), self.stride)?;
        // SAFETY: the sizes were checked.
        unsafe { sys::map_elem(Elem::Lookup, self.as_fd(), key, value, 0) }.map_err(self.error("read"))
    }

    /// Writes a value of [`Map::stride`] bytes.
    pub fn update(&self, key: &[u8], value: &[u8]) -> Result<()> {
        const ANY: u64 = 0;
        self.update_flags(key, value, ANY).map(drop)
    }

    /// Writes the value only where the key is already there; `false` when it is not.
    pub fn replace(&self, key: &[u8], value: &[u8]) -> Result<bool> {
        const EXIST: u64 = 2;
        self.update_flags(key, value, EXIST)
    }

    fn update_flags(&self, key: &[u8], value: &[u8], flags: u64) -> Result<bool> {
        self.check("key", key.len(), self.spec.key_size as usize)?;
        self.check("value", value.len(), self.stride)?;
        let mut value = value.to_vec();
        // SAFETY: the sizes were checked.
        unsafe { sys::map_elem(Elem::Update, self.as_fd(), key, &mut value, flags) }
            .map_err(self.error("write to"))
    }

    /// Removes a key; `false` when it was not there.
    pub fn delete(&self, key: &[u8]) -> Result<bool> {
        self.check("key", key.len(), self.spec.key_size as usize)?;
        // SAFETY: the size was checked; this command does not touch a value.
        unsafe { sys::map_elem(Elem::Delete, self.as_fd(), key, &mut [], 0) }
            .map_err(self.error("delete from"))
    }

    /// The key after `key`, or the first; `None` at the end. A key deleted meanwhile starts over at the first.
    pub fn get_next_key(&self, key: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
        let size = self.spec.key_size as usize;
        if let Some(key) = key {
            self.check("key", key.len(), size)?;
        }
        let mut next = vec![0; size];
        // SAFETY: the sizes were checked.
        let more = unsafe { sys::map_next_key(self.as_fd(), key, &mut next) }.map_err(self.error("read"))?;
        Ok(more.then_some(next))
    }

    /// Forbids user space to write from now on.
    pub fn freeze(&self) -> Result<()> {
        sys::map_freeze(self.as_fd()).map_err(self.error("freeze"))
    }

    /// Bytes of kernel memory this map takes, as the kernel accounts for it.
    pub fn memory(&self) -> Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", self.raw_fd()))
            .map_err(self.error("read the size of"))?;
        let bytes = text.lines().find_map(|l| l.strip_prefix("memlock:")?.trim().parse().ok());
        bytes.ok_or_else(|| self.error("read the size of")(io::Error::from(io::ErrorKind::InvalidData)))
    }
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.data.fd().as_fd()
    }
}

/// The kernel takes letters, digits, `_` and `.`; the tracer's maps start with `@`.
pub(crate) fn kernel_name(name: &str) -> String {
    let kept = name.trim_start_matches('@').chars();
    kept.map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).take(15).collect()
}

/// aya's error back to the kernel's answer.
fn os_error(error: MapError) -> io::Error {
    match error {
        MapError::CreateError { io_error, .. } => io_error,
        MapError::IoError(e) => e,
        MapError::SyscallError(e) => e.io_error,
        other => io::Error::other(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
