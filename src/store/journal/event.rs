//! What a store tells the process it works for: nothing that fails, all of it worth a line in the log.

use std::{fmt, path::PathBuf};

use super::Damage;
use crate::Error;

/// Something found or done while a store was opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A write that nobody was told of was cut short by a power cut or a kill, and is gone. Expected after one.
    Cut {
        /// The store.
        path: PathBuf,
        /// Bytes that were cut.
        bytes: u64,
        /// Where they are, should they be asked for; the last cut only.
        kept: Option<PathBuf>,
    },
    /// The file is not as it was written. A copy is set aside, the store goes on with what is readable.
    Damaged {
        /// The store.
        path: PathBuf,
        /// The copy.
        kept: PathBuf,
        /// What is wrong, and where.
        damage: Vec<Damage>,
        /// Records that were read all the same.
        records: usize,
    },
    /// A repair could not be made, for want of space perhaps. The store can be read; the next write tries again.
    Unrepaired {
        /// Why.
        error: Error,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Cut { path, bytes, .. } => {
                write!(f, "'{}': an unfinished write of {bytes} bytes was cut", path.display())
            }
            Event::Damaged { path, kept, damage, records } => {
                write!(f, "'{}' is damaged: ", path.display())?;
                for (position, damage) in damage.iter().enumerate() {
                    let comma = if position > 0 { ", " } else { "" };
                    write!(f, "{comma}{damage}")?;
                }
                write!(f, "; {records} records were kept, and the file as it was is '{}'", kept.display())
            }
            Event::Unrepaired { error } => {
                write!(f, "{error}; the store can be read, and the next write tries again")
            }
        }
    }
}
