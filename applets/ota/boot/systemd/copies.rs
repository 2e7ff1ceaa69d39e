//! Copies of the entries, in the updater's state.
//!
//! systemd-boot counts a try by giving an entry another name. Where the folder has old and new name in two sectors, a
//! power cut in between can leave neither: the file is there, and no name that anybody starts. The device comes up in
//! its other slot, and the entry is to be written anew. So its text is kept before its name is changed for the first
//! time, and again once somebody edited it. Neighbours: `super` looks for entries and writes the missing one.

use std::sync::Arc;

use edgekit_store::{Fs, Table};

use super::entry::Entry;
use super::{FOLDERS, Found};
use crate::boot::Name;
use crate::boot::uboot::copies::read;
use crate::fault::Fault;

/// The largest entry that is kept, in bytes. Images of the kernel in `EFI/Linux` are larger: what brings those back is
/// the bundle they came from.
const MAX_SIZE: u64 = 16 << 10;

/// What is kept of both slots: a line with folder and ending, then the text of the file.
#[derive(Debug)]
pub(super) struct Copies(pub Arc<Table>);

/// An entry as it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Copy {
    pub folder: &'static str,
    pub ending: &'static str,
    pub text: Vec<u8>,
}

impl Copies {
    /// Keeps an entry, durably; what is kept already is not written again.
    ///
    /// # Errors
    /// Those of reading the entry and of writing the state.
    pub(super) fn keep(&self, fs: &dyn Fs, slot: Name, found: &Found) -> Result<(), Fault> {
        let Some(folder) = FOLDERS.iter().find(|folder| found.folder.ends_with(folder)) else {
            return Ok(());
        };
        if found.size > MAX_SIZE {
            return Ok(());
        }
        let text = read(fs, &found.folder.join(&found.file), MAX_SIZE as usize)?;
        let copy = [format!("{folder} {}\n", found.entry.ending).as_bytes(), &text].concat();
        let key = key(slot);
        if self.0.get(&key).is_none_or(|kept| kept != copy) {
            self.0.put(&key, &copy)?;
        }
        Ok(())
    }

    /// What is kept of a slot's entry.
    pub(super) fn get(&self, slot: Name) -> Option<Copy> {
        let kept = self.0.get(&key(slot))?;
        let line = kept.iter().position(|byte| *byte == b'\n')?;
        let (folder, ending) = std::str::from_utf8(&kept[..line]).ok()?.split_once(' ')?;
        let folder = FOLDERS.into_iter().find(|known| *known == folder)?;
        // The endings are those that names have.
        let ending = Entry::parse(&format!("edgekit-1-{slot}.{ending}"))?.ending;
        Some(Copy { folder, ending, text: kept[line + 1..].to_vec() })
    }
}

fn key(slot: Name) -> Vec<u8> {
    format!("boot/entry/{slot}").into_bytes()
}
