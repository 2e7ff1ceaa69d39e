//! An array map whose values user space and programs share as memory: control flags, counters of losses.

use std::{os::fd::AsFd, sync::atomic::AtomicU64};

use super::{F_MMAPABLE, Map, MapKind};
use crate::{
    error::Result,
    sys::mapping::{Mapping, page_size},
};

/// The values of an array map made with [`F_MMAPABLE`], as 64-bit words. One element takes
/// `value_size` rounded up to 8 bytes; reading and writing costs no system call.
#[derive(Debug)]
pub struct SharedArray {
    mapping: Mapping,
    words: usize,
}

impl Map {
    /// Maps the values of this array into memory (kernel 5.5, [`F_MMAPABLE`]).
    pub fn share(&self) -> Result<SharedArray> {
        let refuse = |errno| self.error("share the memory of")(std::io::Error::from_raw_os_error(errno));
        if self.spec.kind != MapKind::Array || self.spec.flags & F_MMAPABLE == 0 {
            return Err(refuse(libc::EINVAL));
        }
        let size = (self.spec.value_size as usize)
            .next_multiple_of(8)
            .checked_mul(self.spec.max_entries as usize)
            .ok_or_else(|| refuse(libc::EOVERFLOW))?;
        let len = size.next_multiple_of(page_size());
        let mapping = Mapping::new(self.data.fd().as_fd(), len, 0, true, true)
            .map_err(self.error("share the memory of"))?;
        Ok(SharedArray { mapping, words: size / 8 })
    }
}

impl SharedArray {
    /// All values as words; programs change them at any time, hence atomics.
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page-aligned, readable and writable, at least `words * 8` bytes long, lives as
        // long as `self`, and every access from here goes through atomics.
        unsafe { std::slice::from_raw_parts(self.mapping.start().as_ptr().cast(), self.words) }
    }

    /// The word at byte `offset` of the array, when that is a multiple of 8 inside it.
    pub fn word(&self, offset: usize) -> Option<&AtomicU64> {
        if !offset.is_multiple_of(8) {
            return None;
        }
        self.words().get(offset / 8)
    }
}
