//! GRUB: which variables of its environment block choose a slot.
//!
//! | scheme | variables | who else knows them |
//! |---|---|---|
//! | `edgekit` | `ORDER="a b"`, `a_OK=1`: started without counting, `a_LEFT=3`: tries left, at most 9 | the fragment in edgekit-boot(7) |
//! | `rauc` | `ORDER`, `A_OK=1`, `A_TRY=0`: one try, and each boot confirms itself | RAUC's `grub.cfg` |
//! | `entry` | `saved_entry`, `next_entry`: identifiers of menu entries, one try | the `grub.cfg` of distributions |
//!
//! GRUB finds the block by the sectors it was in, so it is written in place and never made anew. It has no checksum:
//! each variable is changed by itself and is durable before the next, the one that decides comes last, and it differs
//! in one byte, or a mixture of both values means one of them: `"b b"`, torn between `"a b"` and `"b a"`, is `b` first
//! (`proof.rs`). Neighbours: `block` edits the bytes, `super::running` knows what runs.

pub mod block;
#[cfg(test)]
mod proof;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgekit_store::{Access, Fs};

use self::block::{Block, MAX_SIZE, Wrong};
use super::running::Running;
use super::uboot::copies::{read, resolved};
use super::{Boot, Name, Next, Pair, Scheme};
use crate::fault::Fault;

/// A device started by GRUB.
#[derive(Debug)]
pub struct Grub {
    fs: Arc<dyn Fs>,
    path: PathBuf,
    scheme: Scheme,
    /// What the variables call the slots.
    names: Pair<String>,
    running: Running,
}

impl Grub {
    /// A loader with the block in that file.
    ///
    /// # Errors
    /// [`Fault::Config`] for names that the scheme cannot tell apart after a torn write.
    pub fn new(
        fs: Arc<dyn Fs>,
        path: &Path,
        scheme: Scheme,
        names: Pair<String>,
        running: Running,
    ) -> Result<Grub, Fault> {
        let differing = names.a.bytes().zip(names.b.bytes()).filter(|(a, b)| a != b).count();
        let one_byte = names.a.len() == names.b.len() && differing == 1;
        let words = names.a.len() == 1;
        if !one_byte || (scheme != Scheme::Entry && !words) {
            return Err(Fault::Config(
                format!("GRUB cannot be told safely between slots called '{}' and '{}'", names.a, names.b),
                match scheme {
                    Scheme::Entry => "give the menu entries identifiers that differ in one letter, with --id: edgekit-a and edgekit-b",
                    _ => "call them by one letter each, such as a and b, in boot.a and boot.b",
                }
                .to_owned(),
            ));
        }
        let path = resolved(&*fs, path)?;
        Ok(Grub { fs, path, scheme, names, running })
    }

    fn read(&self) -> Result<Block, Fault> {
        let bytes = read(&*self.fs, &self.path, MAX_SIZE)?;
        Block::open(bytes).map_err(|why| self.wrong(why))
    }

    fn wrong(&self, why: Wrong) -> Fault {
        Fault::Input {
            place: self.path.display().to_string(),
            what: why.to_string(),
            hint: "look at it with 'grub-editenv FILE list'; 'grub-editenv FILE create' makes a new one",
        }
    }

    /// Sets a variable, durably.
    fn put(&self, name: &str, value: &str) -> Result<(), Fault> {
        let mut now = self.read()?;
        for step in now.steps(name, value).map_err(|why| self.wrong(why))? {
            let differs = |at: &usize| now.bytes()[*at] != step.bytes()[*at];
            let mut places = (0..now.bytes().len()).filter(differs);
            if let Some(first) = places.next() {
                let last = places.next_back().unwrap_or(first);
                let file = self.fs.open(&self.path, Access::Change).map_err(Fault::io("open", &self.path))?;
                file.write_at(first as u64, &step.bytes()[first..=last])
                    .map_err(Fault::io("write", &self.path))?;
                file.sync().map_err(Fault::io("flush", &self.path))?;
            }
            now = step;
        }
        Ok(())
    }

    fn key(&self, slot: Name, what: &str) -> String {
        format!("{}_{what}", self.names.of(slot))
    }

    fn order(&self, block: &Block) -> [Name; 2] {
        let order = block.get("ORDER").unwrap_or_default();
        let first = order.split_ascii_whitespace().find_map(|word| self.names.slot(word)).unwrap_or(Name::A);
        [first, first.other()]
    }

    fn first(&self, slot: Name) -> String {
        format!("{} {}", self.names.of(slot), self.names.of(slot.other()))
    }

    /// Whether a slot is good, and how often it is tried; where nothing is said, `a` is good.
    fn state(&self, block: &Block, slot: Name) -> (bool, u32) {
        let ok = block.get(&self.key(slot, "OK")).map_or(slot == Name::A, |ok| ok == "1");
        let number = |what: &str| block.get(&self.key(slot, what)).and_then(|text| text.parse::<u32>().ok());
        match self.scheme {
            Scheme::Rauc => (false, u32::from(ok && number("TRY").unwrap_or(0) == 0)),
            _ => (ok, number("LEFT").unwrap_or(0)),
        }
    }

    /// Makes every variable of the scheme, with what it means when it is not there, so that changes keep lengths.
    fn make(&self) -> Result<(), Fault> {
        let block = self.read()?;
        let running = self.running.slot().unwrap_or(Name::A);
        let count = if self.scheme == Scheme::Rauc { "TRY" } else { "LEFT" };
        let mut made = vec![("ORDER".to_owned(), self.first(running))];
        for slot in Name::BOTH {
            made.push((self.key(slot, count), "0".to_owned()));
            made.push((self.key(slot, "OK"), u8::from(slot == running).to_string()));
        }
        if self.scheme == Scheme::Entry {
            made = vec![
                ("saved_entry".to_owned(), self.names.of(running).clone()),
                ("next_entry".to_owned(), String::new()),
            ];
        }
        for (name, value) in made {
            if block.get(&name).is_none() {
                self.put(&name, &value)?;
            }
        }
        Ok(())
    }

    fn put_all(&self, changes: &[(String, String)]) -> Result<(), Fault> {
        self.make()?;
        changes.iter().try_for_each(|(name, value)| self.put(name, value))
    }

    fn entry_next(&self, block: &Block) -> Result<Next, Fault> {
        let slot_of = |name: &str| block.get(name).and_then(|id| self.names.slot(&id));
        if let Some(slot) = slot_of("next_entry") {
            return Ok(Next { slot, tries_left: Some(1) });
        }
        let slot = slot_of("saved_entry").map_or_else(|| self.running.slot(), Ok)?;
        Ok(Next { slot, tries_left: None })
    }
}

impl Boot for Grub {
    fn place(&self) -> String {
        format!("GRUB's environment block '{}'", self.path.display())
    }

    fn running(&self) -> Result<Name, Fault> {
        self.running.slot()
    }

    fn next(&self) -> Result<Next, Fault> {
        let block = self.read()?;
        if self.scheme == Scheme::Entry {
            return self.entry_next(&block);
        }
        let order = self.order(&block);
        let may = |slot: &Name| matches!(self.state(&block, *slot), (true, _) | (_, 1..));
        let Some(slot) = order.into_iter().find(may) else {
            // Nothing good: the fragment starts the first, however often.
            return Ok(Next { slot: order[0], tries_left: None });
        };
        let (ok, left) = self.state(&block, slot);
        let runs = self.scheme == Scheme::Rauc && self.running.slot().is_ok_and(|running| running == slot);
        Ok(Next { slot, tries_left: (!ok && !runs).then_some(left) })
    }

    fn attempt(&mut self, slot: Name, tries: u32) -> Result<(), Fault> {
        let changes = match self.scheme {
            Scheme::Edgekit => {
                vec![
                    (self.key(slot, "LEFT"), tries.min(9).to_string()),
                    (self.key(slot, "OK"), "0".to_owned()),
                ]
            }
            Scheme::Rauc => {
                vec![(self.key(slot, "TRY"), "0".to_owned()), (self.key(slot, "OK"), "1".to_owned())]
            }
            Scheme::Entry | Scheme::Mender => {
                return self.put_all(&[("next_entry".to_owned(), self.names.of(slot).clone())]);
            }
        };
        self.put_all(&changes)?;
        self.put("ORDER", &self.first(slot))
    }

    fn confirm(&mut self, slot: Name) -> Result<(), Fault> {
        let ok = (self.key(slot, "OK"), "1".to_owned());
        let order = ("ORDER".to_owned(), self.first(slot));
        match self.scheme {
            Scheme::Edgekit => self.put_all(&[ok, order, (self.key(slot, "LEFT"), "0".to_owned())]),
            Scheme::Rauc => self.put_all(&[(self.key(slot, "TRY"), "0".to_owned()), ok, order]),
            Scheme::Entry | Scheme::Mender => {
                let saved = ("saved_entry".to_owned(), self.names.of(slot).clone());
                self.put_all(&[saved, ("next_entry".to_owned(), String::new())])
            }
        }
    }

    fn reject(&mut self, slot: Name) -> Result<(), Fault> {
        let zero = |what: &str| (self.key(slot, what), "0".to_owned());
        let order = ("ORDER".to_owned(), self.first(slot.other()));
        match self.scheme {
            Scheme::Edgekit => self.put_all(&[order, zero("OK"), zero("LEFT")]),
            Scheme::Rauc => self.put_all(&[order, zero("OK"), zero("TRY")]),
            Scheme::Entry | Scheme::Mender => {
                let other = self.names.of(slot.other()).clone();
                let block = self.read()?;
                let mut changes = vec![("saved_entry".to_owned(), other)];
                if block.get("next_entry").and_then(|id| self.names.slot(&id)) == Some(slot) {
                    changes.push(("next_entry".to_owned(), String::new()));
                }
                self.put_all(&changes)
            }
        }
    }
}
