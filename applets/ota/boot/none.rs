//! No boot loader: a line in the state says which slot is in use, and a switch needs no reboot.
//!
//! For boxes where only folders and files are updated, or images that programs open. The count is that of a loader
//! all the same: the switch is the first try, and each boot of the machine before the commit takes another, by the
//! kernel's boot id; when none is left the other slot is in use again. The line holds `SLOT TRIES-LEFT BOOT-ID`, with
//! `-` for no count. Neighbours: `super` for the trait, `apply::state` whose table the line is in.

use std::sync::Arc;

use edgekit_store::Table;

use super::{Boot, Name, Next};
use crate::fault::Fault;

/// Where the line is.
const KEY: &[u8] = b"boot";

/// The line, and the boot that reads it.
#[derive(Debug)]
pub struct NoLoader {
    table: Arc<Table>,
    /// Of this boot of the machine.
    boot_id: String,
    next: Next,
}

impl NoLoader {
    /// Reads the line and takes a try if the machine was started since; a table that is open for reading only is left
    /// as it is, and the try counts for this process. Without a line, slot `a` is in use.
    ///
    /// # Errors
    /// Those of writing, and [`Fault::Text`] for a line nobody here wrote.
    pub fn open(table: Arc<Table>, boot_id: &str) -> Result<NoLoader, Fault> {
        let first = Next { slot: Name::A, tries_left: None };
        let mut loader = NoLoader { boot_id: boot_id.to_owned(), next: first, table };
        let Some(line) = loader.table.get(KEY) else { return Ok(loader) };
        let (next, of) = parse(&line).ok_or_else(|| {
            Fault::Text(format!("the line '{}' of the state names no slot", String::from_utf8_lossy(&line)))
        })?;
        loader.next = next;
        if let Some(left) = next.tries_left.filter(|_| of != boot_id) {
            let next = match left.checked_sub(1) {
                Some(left) => Next { slot: next.slot, tries_left: Some(left) },
                None => Next { slot: next.slot.other(), tries_left: None },
            };
            match loader.set(next) {
                Err(Fault::Store(edgekit_store::Error::ReadOnly { .. })) => loader.next = next,
                other => other?,
            }
        }
        Ok(loader)
    }

    fn set(&mut self, next: Next) -> Result<(), Fault> {
        let left = next.tries_left.map_or("-".to_owned(), |left| left.to_string());
        let line = format!("{} {left} {}", next.slot, self.boot_id);
        if self.table.get(KEY).is_none_or(|now| now != line.as_bytes()) {
            self.table.put(KEY, line.as_bytes())?;
        }
        self.next = next;
        Ok(())
    }
}

fn parse(line: &[u8]) -> Option<(Next, &str)> {
    let mut words = std::str::from_utf8(line).ok()?.splitn(3, ' ');
    let slot = Name::of(words.next()?)?;
    let tries_left = match words.next()? {
        "-" => None,
        left => Some(left.parse().ok()?),
    };
    Some((Next { slot, tries_left }, words.next()?))
}

impl Boot for NoLoader {
    fn place(&self) -> String {
        "the state".to_owned()
    }

    fn running(&self) -> Result<Name, Fault> {
        Ok(self.next.slot)
    }

    fn next(&self) -> Result<Next, Fault> {
        Ok(self.next)
    }

    fn attempt(&mut self, slot: Name, tries: u32) -> Result<(), Fault> {
        self.set(Next { slot, tries_left: Some(tries.saturating_sub(1)) })
    }

    fn confirm(&mut self, slot: Name) -> Result<(), Fault> {
        self.set(Next { slot, tries_left: None })
    }

    fn reject(&mut self, slot: Name) -> Result<(), Fault> {
        match self.next.slot == slot {
            true => self.set(Next { slot: slot.other(), tries_left: None }),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_store::Options;
    use edgekit_store::proof::Recorder;
    use std::path::Path;

    fn table() -> Arc<Table> {
        let options = Options::default();
        Arc::new(Table::open(Arc::new(Recorder::new(1)), Path::new("/state"), options).expect("opened"))
    }

    fn next(slot: Name, tries_left: Option<u32>) -> Next {
        Next { slot, tries_left }
    }

    #[test]
    fn each_boot_before_the_commit_takes_a_try() {
        let table = table();
        let at = |boot: &str| NoLoader::open(table.clone(), boot).expect("opened");
        assert_eq!(at("1").next().expect("known"), next(Name::A, None));
        at("1").attempt(Name::B, 2).expect("tried");
        for (boot, expected) in [
            ("1", next(Name::B, Some(1))),
            ("2", next(Name::B, Some(0))),
            ("2", next(Name::B, Some(0))),
            ("3", next(Name::A, None)),
            ("4", next(Name::A, None)),
        ] {
            assert_eq!(at(boot).next().expect("known"), expected, "{boot}");
            assert_eq!(at(boot).running().expect("known"), expected.slot);
        }
    }

    #[test]
    fn what_is_confirmed_stays_and_what_is_rejected_is_left() {
        let table = table();
        let at = |boot: &str| NoLoader::open(table.clone(), boot).expect("opened");
        at("1").attempt(Name::B, 1).expect("tried");
        at("1").confirm(Name::B).expect("confirmed");
        assert_eq!(at("9").next().expect("known"), next(Name::B, None));
        at("9").reject(Name::A).expect("nothing to do");
        assert_eq!(at("9").next().expect("known"), next(Name::B, None));
        at("9").reject(Name::B).expect("rejected");
        assert_eq!(at("9").next().expect("known"), next(Name::A, None));
    }
}
