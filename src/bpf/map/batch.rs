//! The whole content of a map: one system call for thousands of elements where the kernel can (5.6 for hashes
//! and arrays, 5.13 for per-CPU arrays), an element at a time where it cannot.

use std::os::fd::AsFd;

use super::Map;
use crate::{
    error::Result,
    sys::{self, Batch, ENOTSUPP, Elem},
};

/// Elements fetched by one call, unless their values are so large that [`CHUNK_BYTES`] is reached first.
const CHUNK: usize = 4096;
const CHUNK_BYTES: usize = 1 << 20;

/// Keys and values at one moment, packed one after the other.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    key_size: usize,
    stride: usize,
    keys: Vec<u8>,
    values: Vec<u8>,
}

impl Entries {
    pub fn len(&self) -> usize {
        self.keys.len().checked_div(self.key_size).unwrap_or(0)
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Key and value of element `i`.
    pub fn get(&self, i: usize) -> Option<(&[u8], &[u8])> {
        let key = self.keys.get(i * self.key_size..(i + 1) * self.key_size)?;
        let value = self.values.get(i * self.stride..(i + 1) * self.stride)?;
        Some((key, value))
    }

    /// Keys with their values, in the map's order, which means nothing for a hash.
    pub fn iter(&self) -> EntryIter<'_> {
        EntryIter { entries: self, next: 0 }
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = EntryIter<'a>;

    fn into_iter(self) -> EntryIter<'a> {
        self.iter()
    }
}

/// See [`Entries::iter`].
#[derive(Clone, Debug)]
pub struct EntryIter<'a> {
    entries: &'a Entries,
    next: usize,
}

impl<'a> Iterator for EntryIter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.entries.get(self.next)?;
        self.next += 1;
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.entries.len() - self.next.min(self.entries.len());
        (left, Some(left))
    }
}

impl ExactSizeIterator for EntryIter<'_> {}

impl Map {
    /// Everything in the map.
    pub fn entries(&self) -> Result<Entries> {
        match self.batched(false)? {
            Some(entries) => Ok(entries),
            None => self.walk(),
        }
    }

    /// Takes everything out of the map. From a hash each element leaves in one step, so that no update falls
    /// between reading and removing it; an array is read and then set to zero.
    pub fn drain(&self) -> Result<Entries> {
        if !self.spec.kind.is_hash() {
            let entries = self.entries()?;
            self.zero()?;
            return Ok(entries);
        }
        match self.batched(true)? {
            Some(entries) => Ok(entries),
            None => self.walk_out(),
        }
    }

    /// Removes every key of a hash; sets an array to zero.
    pub fn clear(&self) -> Result<()> {
        match self.spec.kind.is_hash() {
            true => self.drain().map(drop),
            false => self.zero(),
        }
    }

    /// Sets every value to zero and keeps the keys.
    pub fn zero(&self) -> Result<()> {
        let zeros = vec![0; self.stride];
        if self.spec.kind.is_array() {
            for i in 0..self.spec.max_entries {
                self.update(&i.to_ne_bytes(), &zeros)?;
            }
            return Ok(());
        }
        // Keys first: an update moves its element to the front of its bucket, and a walk would meet it again.
        for (key, _) in &self.entries()? {
            self.replace(key, &zeros)?;
        }
        Ok(())
    }

    fn nothing(&self) -> Entries {
        Entries { key_size: self.spec.key_size as usize, stride: self.stride, ..Entries::default() }
    }

    /// `None` when the kernel cannot do this for this kind of map.
    fn batched(&self, delete: bool) -> Result<Option<Entries>> {
        let mut out = self.nothing();
        let mut room = CHUNK.min(CHUNK_BYTES / self.stride.max(1)).clamp(16, CHUNK);
        room = room.min(self.spec.max_entries as usize).max(1);
        let mut cursor = vec![0; out.key_size.max(8)];
        let mut first = true;
        loop {
            let (keys, values) = (out.keys.len(), out.values.len());
            out.keys.resize(keys + room * out.key_size, 0);
            out.values.resize(values + room * out.stride, 0);
            let batch = Batch {
                cursor: &mut cursor,
                first,
                keys: &mut out.keys[keys..],
                values: &mut out.values[values..],
                room: room as u32,
            };
            // SAFETY: both buffers hold `room` elements of this map's sizes, the cursor a key and 8 bytes.
            let (count, result) = unsafe { sys::map_batch(self.as_fd(), delete, batch) };
            out.keys.truncate(keys + count as usize * out.key_size);
            out.values.truncate(values + count as usize * out.stride);
            match result {
                Ok(true) => first = false,
                Ok(false) => return Ok(Some(out)),
                Err(e) => match e.raw_os_error() {
                    // One bucket holds more elements than there is room for.
                    Some(libc::ENOSPC) if room <= self.spec.max_entries as usize => {
                        first = first && count == 0;
                        room *= 2;
                    }
                    Some(libc::EINVAL | libc::EOPNOTSUPP | ENOTSUPP) if first => return Ok(None),
                    _ => return Err(self.error("read")(e)),
                },
            }
        }
    }

    /// Reads an element at a time.
    pub(super) fn walk(&self) -> Result<Entries> {
        let mut out = self.nothing();
        let mut key: Option<Vec<u8>> = None;
        let mut value = vec![0; self.stride];
        // Bounded: keys deleted under us restart the walk.
        for _ in 0..self.spec.max_entries {
            let Some(next) = self.get_next_key(key.as_deref())? else { break };
            if self.lookup_into(&next, &mut value)? {
                out.keys.extend_from_slice(&next);
                out.values.extend_from_slice(&value);
            }
            key = Some(next);
        }
        Ok(out)
    }

    /// Takes an element at a time, in one step from kernel 5.14, in two before: an update in between is lost
    /// there, and nothing in those kernels avoids it.
    pub(super) fn walk_out(&self) -> Result<Entries> {
        let mut out = self.nothing();
        let mut value = vec![0; self.stride];
        let mut one_step = true;
        for _ in 0..self.spec.max_entries {
            // Always the first key: the one before has just gone.
            let Some(key) = self.get_next_key(None)? else { break };
            let op = if one_step { Elem::LookupAndDelete } else { Elem::Lookup };
            // SAFETY: the key comes from this map, the value has this map's stride.
            match unsafe { sys::map_elem(op, self.as_fd(), &key, &mut value, 0) } {
                Ok(there) => {
                    if !one_step {
                        self.delete(&key)?;
                    }
                    if there {
                        out.keys.extend_from_slice(&key);
                        out.values.extend_from_slice(&value);
                    }
                }
                Err(e) if one_step && matches!(e.raw_os_error(), Some(libc::EINVAL | ENOTSUPP)) => {
                    one_step = false;
                }
                Err(e) => return Err(self.error("read")(e)),
            }
        }
        Ok(out)
    }
}
