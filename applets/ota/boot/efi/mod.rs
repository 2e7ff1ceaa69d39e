//! EFI without a boot loader: the firmware starts a slot's entry itself.
//!
//! An attempt is `BootNext`, which the firmware takes away as it starts it: one try, whatever `boot.tries` says, and
//! then `BootOrder` decides again. A commit puts the slot first in `BootOrder`; a slot that is rejected is in neither.
//! Entries are named by their number (`0003`) or by their description, and made by `efibootmgr`. Source: UEFI 2.10 §3.3.
//! Neighbours: `vars` holds the variables.

pub mod vars;

use self::vars::{GLOBAL, Variables, utf16};
use super::running::Running;
use super::{Boot, Name, Next, Pair};
use crate::fault::Fault;

/// A device whose firmware starts the slots.
#[derive(Debug)]
pub struct Efi {
    vars: Box<dyn Variables>,
    /// Numbers or descriptions of the entries.
    names: Pair<String>,
    running: Running,
}

impl Efi {
    /// A loader with those variables.
    pub fn new(vars: Box<dyn Variables>, names: Pair<String>, running: Running) -> Efi {
        Efi { vars, names, running }
    }

    /// The entry of a slot.
    fn entry(&self, slot: Name) -> Result<u16, Fault> {
        let name = self.names.of(slot);
        if let (4, Ok(number)) = (name.len(), u16::from_str_radix(name, 16)) {
            return Ok(number);
        }
        let mut found = Vec::new();
        for variable in self.vars.names()? {
            let Some(number) = variable.strip_prefix("Boot").filter(|digits| digits.len() == 4) else {
                continue;
            };
            let Ok(number) = u16::from_str_radix(number, 16) else { continue };
            if let Some(option) = self.vars.get(&variable, GLOBAL)?
                && description(&option).as_ref() == Some(name)
            {
                found.push(number);
            }
        }
        match found[..] {
            [number] => Ok(number),
            _ => Err(Fault::Config(
                format!("the firmware has {} boot entries called '{name}'", found.len()),
                "make one with 'efibootmgr --create', or give its number, such as 0003, in boot.a or boot.b"
                    .to_owned(),
            )),
        }
    }

    fn number(&self, variable: &str) -> Result<Option<u16>, Fault> {
        let value = self.vars.get(variable, GLOBAL)?;
        Ok(value.as_deref().and_then(<[u8]>::first_chunk).map(|bytes| u16::from_le_bytes(*bytes)))
    }

    fn order(&self) -> Result<Vec<u16>, Fault> {
        let value = self.vars.get("BootOrder", GLOBAL)?.unwrap_or_default();
        Ok(value.as_chunks::<2>().0.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect())
    }

    fn set_order(&self, order: &[u16]) -> Result<(), Fault> {
        if self.order()? == order {
            return Ok(());
        }
        let bytes: Vec<u8> = order.iter().copied().flat_map(u16::to_le_bytes).collect();
        self.vars.set("BootOrder", GLOBAL, Some(&bytes))
    }

    /// Takes `BootNext` away if it is this entry.
    fn forget(&self, entry: u16) -> Result<(), Fault> {
        match self.number("BootNext")? == Some(entry) {
            true => self.vars.set("BootNext", GLOBAL, None),
            false => Ok(()),
        }
    }
}

/// What an entry is called (`EFI_LOAD_OPTION`, UEFI 2.10 §3.1.3).
fn description(option: &[u8]) -> Option<String> {
    option.get(6..).map(utf16)
}

/// An order that begins with an entry.
fn first(entry: u16, order: &[u16]) -> Vec<u16> {
    [entry].into_iter().chain(order.iter().copied().filter(|other| *other != entry)).collect()
}

impl Boot for Efi {
    fn place(&self) -> String {
        "the variables of the firmware".to_owned()
    }

    fn running(&self) -> Result<Name, Fault> {
        let current = self.number("BootCurrent")?;
        for slot in Name::BOTH {
            if current.is_some() && self.entry(slot).ok() == current {
                return Ok(slot);
            }
        }
        self.running.slot()
    }

    fn next(&self) -> Result<Next, Fault> {
        let (a, b, next) = (self.entry(Name::A)?, self.entry(Name::B)?, self.number("BootNext")?);
        let slot_of = |entry: u16| [(a, Name::A), (b, Name::B)].into_iter().find(|(of, _)| *of == entry);
        if let Some((_, slot)) = next.and_then(slot_of) {
            return Ok(Next { slot, tries_left: Some(1) });
        }
        let slot = self
            .order()?
            .into_iter()
            .find_map(slot_of)
            .map_or_else(|| self.running(), |(_, slot)| Ok(slot))?;
        Ok(Next { slot, tries_left: None })
    }

    fn attempt(&mut self, slot: Name, _: u32) -> Result<(), Fault> {
        let (entry, other) = (self.entry(slot)?, self.entry(slot.other())?);
        // Afterwards the other one is next, whatever was first before.
        self.set_order(&first(other, &self.order()?))?;
        match self.number("BootNext")? == Some(entry) {
            true => Ok(()),
            false => self.vars.set("BootNext", GLOBAL, Some(&entry.to_le_bytes())),
        }
    }

    fn confirm(&mut self, slot: Name) -> Result<(), Fault> {
        let entry = self.entry(slot)?;
        self.set_order(&first(entry, &self.order()?))?;
        self.forget(self.entry(slot.other())?)?;
        self.forget(entry)
    }

    fn reject(&mut self, slot: Name) -> Result<(), Fault> {
        let (entry, other) = (self.entry(slot)?, self.entry(slot.other())?);
        self.forget(entry)?;
        let rest: Vec<u16> = self.order()?.into_iter().filter(|number| *number != entry).collect();
        self.set_order(&first(other, &rest))
    }
}

#[cfg(test)]
mod tests {
    use super::vars::Recorded;
    use super::*;
    use crate::boot::proof::{LIFE, Proof, file};
    use edgekit_store::proof::Recorder;

    fn option(name: &str) -> Vec<u8> {
        let text = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes);
        [1, 0, 0, 0, 4, 0].into_iter().chain(text).chain([0x7f, 0xff, 4, 0]).collect()
    }

    fn firmware(disk: &Recorder) {
        let put = |name: &str, value: &[u8]| file(disk, &format!("/efivars/{name}-{GLOBAL}"), value);
        put("Boot0003", &option("edgekit-a"));
        put("Boot000A", &option("edgekit-b"));
        put("Boot0001", &option("USB"));
        put("BootOrder", &[3, 0, 1, 0]);
        put("BootCurrent", &[3, 0]);
    }

    fn open(disk: &Recorder) -> Box<dyn Boot> {
        let names = Pair { a: "edgekit-a".to_owned(), b: "000A".to_owned() };
        let running = Running::new(names.clone(), Pair::default());
        Box::new(Efi::new(Box::new(Recorded(disk.clone())), names, running))
    }

    #[test]
    fn an_attempt_is_one_and_a_commit_stays() {
        let disk = Recorder::new(1);
        firmware(&disk);
        let (mut boot, vars) = (open(&disk), Recorded(disk.clone()));
        assert_eq!(boot.running().expect("known"), Name::A);
        boot.attempt(Name::B, 3).expect("tried");
        assert_eq!(boot.next().expect("known"), Next { slot: Name::B, tries_left: Some(1) });
        assert_eq!(
            vars.get("BootOrder", GLOBAL).expect("read"),
            Some(vec![3, 0, 1, 0]),
            "others stay behind"
        );
        boot.confirm(Name::B).expect("confirmed");
        assert_eq!(vars.get("BootNext", GLOBAL).expect("read"), None);
        assert_eq!(vars.get("BootOrder", GLOBAL).expect("read"), Some(vec![10, 0, 3, 0, 1, 0]));
        boot.reject(Name::A).expect("rejected");
        assert_eq!(vars.get("BootOrder", GLOBAL).expect("read"), Some(vec![10, 0, 1, 0]));
    }

    #[test]
    fn no_power_cut_breaks_the_variables() {
        let proof =
            Proof { disk: Recorder::new, start: firmware, open, life: LIFE.to_vec(), sound: |_| Ok(()) };
        assert!(proof.holds(2) > 500);
    }

    #[test]
    fn an_entry_that_is_missing_is_named() {
        let disk = Recorder::new(1);
        firmware(&disk);
        let names = Pair { a: "edgekit-a".to_owned(), b: "gone".to_owned() };
        let running = Running::new(names.clone(), Pair::default());
        let fault = Efi::new(Box::new(Recorded(disk)), names, running).next().unwrap_err();
        assert_eq!(fault.to_string(), "the firmware has 0 boot entries called 'gone'");
    }
}
