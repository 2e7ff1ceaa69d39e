//! U-Boot: which variables of its environment choose a slot.
//!
//! | scheme | variables | who else knows them |
//! |---|---|---|
//! | `edgekit` | `BOOT_ORDER="a b"`, `BOOT_a_LEFT=3` (hexadecimal), `BOOT_a_OK=1`: started without counting | the script in edgekit-boot(7) |
//! | `rauc` | the same without `OK`: every start is counted, and each boot confirms itself | RAUC's boot scripts |
//! | `mender` | `mender_boot_part=2`, `upgrade_available=1`, `bootcount`, `bootlimit` | Mender's and many of SWUpdate's |
//!
//! One change is one copy of the environment, whole or not there, so every method is atomic (`proof.rs`).
//! Neighbours: `copies` reads and writes, `super::running` knows what runs.

pub mod config;
pub mod copies;
pub mod env;
#[cfg(test)]
mod proof;

use self::copies::Copies;
use self::env::Env;
use super::running::Running;
use super::{Boot, Name, Next, Pair, Scheme};
use crate::fault::Fault;

/// A device started by U-Boot.
#[derive(Debug)]
pub struct UBoot {
    copies: Copies,
    scheme: Scheme,
    /// What the variables call the slots.
    names: Pair<String>,
    running: Running,
}

/// Changes of variables, in order.
type Changes = Vec<(String, Option<String>)>;

impl UBoot {
    /// A loader with that environment.
    pub fn new(copies: Copies, scheme: Scheme, names: Pair<String>, running: Running) -> UBoot {
        UBoot { copies, scheme, names, running }
    }

    fn left_of(&self, slot: Name) -> String {
        format!("BOOT_{}_LEFT", self.names.of(slot))
    }

    fn ok_of(&self, slot: Name) -> String {
        format!("BOOT_{}_OK", self.names.of(slot))
    }

    /// The slots in the order they are looked at; one that is not named comes last.
    fn order(&self, env: &Env) -> [Name; 2] {
        let order = env.get("BOOT_ORDER").unwrap_or_default();
        let first = order.split_ascii_whitespace().find_map(|word| self.names.slot(word)).unwrap_or(Name::A);
        [first, first.other()]
    }

    fn state(&self, env: &Env, slot: Name) -> Starts {
        let left = env.get(&self.left_of(slot)).and_then(|left| u32::from_str_radix(&left, 16).ok());
        let ok = env.get(&self.ok_of(slot)).as_deref() == Some("1");
        Starts { ok, left: left.unwrap_or(0), counts_all: self.scheme == Scheme::Rauc }
    }

    /// The changes that put a slot first.
    fn first(&self, slot: Name) -> (String, Option<String>) {
        set("BOOT_ORDER", format!("{} {}", self.names.of(slot), self.names.of(slot.other())))
    }

    fn mender(&self, slot: Name, on_trial: bool) -> Changes {
        let part = self.names.of(slot);
        let mut changes = vec![
            set("mender_boot_part", part.clone()),
            set("upgrade_available", u8::from(on_trial)),
            set("bootcount", 0),
        ];
        if let Ok(number) = part.parse::<u32>() {
            changes.push(set("mender_boot_part_hex", format!("{number:x}")));
        }
        changes
    }

    fn mender_next(&self, env: &Env) -> Result<Next, Fault> {
        let part = env.get("mender_boot_part").unwrap_or_default();
        let slot = self.names.slot(&part).ok_or_else(|| {
            Fault::Config(
                format!("mender_boot_part is '{part}' in '{}', which is neither slot", self.copies.place()),
                "say in boot.a and boot.b what the variable holds for each slot".to_owned(),
            )
        })?;
        if env.get("upgrade_available").as_deref() != Some("1") {
            return Ok(Next { slot, tries_left: None });
        }
        let number = |name: &str| env.get(name).and_then(|text| text.parse::<u32>().ok());
        let limit = number("bootlimit").unwrap_or(1);
        match limit.checked_sub(number("bootcount").unwrap_or(0)) {
            // U-Boot counts before it compares, and goes to `altbootcmd` above the limit.
            Some(left @ 1..) => Ok(Next { slot, tries_left: Some(left) }),
            _ => Ok(Next { slot: slot.other(), tries_left: None }),
        }
    }
}

fn set(name: &str, value: impl ToString) -> (String, Option<String>) {
    (name.to_owned(), Some(value.to_string()))
}

/// What an order knows of one slot.
#[derive(Clone, Copy)]
struct Starts {
    ok: bool,
    left: u32,
    counts_all: bool,
}

impl Starts {
    fn may(self) -> bool {
        self.left > 0 || (self.ok && !self.counts_all)
    }
}

impl Boot for UBoot {
    fn place(&self) -> String {
        format!("U-Boot's environment in '{}'", self.copies.place())
    }

    fn running(&self) -> Result<Name, Fault> {
        self.running.slot()
    }

    fn next(&self) -> Result<Next, Fault> {
        let env = self.copies.read()?;
        if self.scheme == Scheme::Mender {
            return self.mender_next(&env);
        }
        let order = self.order(&env);
        let Some(slot) = order.into_iter().find(|slot| self.state(&env, *slot).may()) else {
            // Nothing is known of either, or nothing good: the script starts the first, however often.
            return Ok(Next { slot: order[0], tries_left: None });
        };
        let starts = self.state(&env, slot);
        Ok(Next { slot, tries_left: (!starts.ok).then_some(starts.left) })
    }

    fn attempt(&mut self, slot: Name, tries: u32) -> Result<(), Fault> {
        if self.scheme == Scheme::Mender {
            let mut changes = self.mender(slot, true);
            changes.push(set("bootlimit", tries));
            return self.copies.change(&changes);
        }
        let other = slot.other();
        let mut changes =
            vec![set(&self.left_of(slot), format!("{tries:x}")), set(&self.ok_of(slot), 0), self.first(slot)];
        // On a device that was never asked, what runs is what is fallen back to.
        let env = self.copies.read()?;
        if env.get(&self.left_of(other)).is_none() && env.get(&self.ok_of(other)).is_none() {
            changes.extend([set(&self.left_of(other), format!("{tries:x}")), set(&self.ok_of(other), 1)]);
        }
        self.copies.change(&changes)
    }

    fn confirm(&mut self, slot: Name) -> Result<(), Fault> {
        if self.scheme == Scheme::Mender {
            return self.copies.change(&self.mender(slot, false));
        }
        // A script that counts every start has some to count down.
        let changes = [set(&self.left_of(slot), 3), set(&self.ok_of(slot), 1), self.first(slot)];
        self.copies.change(&changes)
    }

    fn reject(&mut self, slot: Name) -> Result<(), Fault> {
        if self.scheme == Scheme::Mender {
            let next = self.next()?;
            return match next.slot == slot || next.tries_left.is_some() {
                true => self.copies.change(&self.mender(slot.other(), false)),
                false => Ok(()),
            };
        }
        let mut changes =
            vec![set(&self.left_of(slot), 0), set(&self.ok_of(slot), 0), self.first(slot.other())];
        let (env, other) = (self.copies.read()?, slot.other());
        if env.get(&self.left_of(other)).is_none() && env.get(&self.ok_of(other)).is_none() {
            changes.extend([set(&self.left_of(other), 3), set(&self.ok_of(other), 1)]);
        }
        self.copies.change(&changes)
    }
}
