//! A program that knows the loader: for raw flash, for what nobody here has heard of.
//!
//! | called with | does | says |
//! |---|---|---|
//! | `running` | | `a` or `b` |
//! | `next` | | `b 3` with the tries that are left, `a` if nothing is counted |
//! | `attempt b 3` | starts b next, 3 times at most, then a | |
//! | `confirm b` | starts b from now on | |
//! | `reject b` | does not start b any more | |
//!
//! Exit status 0 is success, and what was done is durable then; anything else is an error, whose reason it writes to
//! standard error. Said twice, a verb changes nothing the second time. Neighbours: `edgekit_rt` runs it.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use edgekit_rt::child::Program;

use super::running::Running;
use super::{Boot, Name, Next};
use crate::fault::Fault;

/// How much of an answer is kept, in bytes.
const MAX_ANSWER: usize = 4096;

/// A device whose loader a program knows.
#[derive(Debug)]
pub struct Script {
    program: PathBuf,
    time: Duration,
    running: Running,
}

impl Script {
    /// A loader behind that program, which has so long for each answer.
    pub fn new(program: PathBuf, time: Duration, running: Running) -> Script {
        Script { program, time, running }
    }

    fn ask(&self, words: &[&str]) -> Result<String, Fault> {
        let argv = [self.program.as_os_str()].into_iter().chain(words.iter().map(OsStr::new)).collect();
        let program = Program { argv, env: Vec::new(), deadline: self.time, keep: MAX_ANSWER };
        let ended =
            program.succeed_here().map_err(|why| self.wrong(&words.join(" "), format!("failed: {why}")))?;
        Ok(String::from_utf8_lossy(&ended.out).into_owned())
    }

    fn wrong(&self, verb: &str, what: String) -> Fault {
        Fault::Input {
            place: self.program.display().to_string(),
            what: format!("was asked '{verb}' and {what}"),
            hint: "run it by hand; what it is to say stands in edgekit-boot(7)",
        }
    }
}

/// Reads `b 3` or `b`.
fn parse(line: &str) -> Option<(Name, Option<u32>)> {
    let mut words = line.split_ascii_whitespace();
    let slot = Name::of(words.next()?)?;
    let tries = words.next().map(str::parse).transpose().ok()?;
    words.next().is_none().then_some((slot, tries))
}

impl Boot for Script {
    fn place(&self) -> String {
        format!("'{}'", self.program.display())
    }

    fn running(&self) -> Result<Name, Fault> {
        let said = self.ask(&["running"])?;
        match parse(&said) {
            Some((slot, None)) => Ok(slot),
            _ if said.trim().is_empty() => self.running.slot(),
            _ => Err(self.wrong("running", format!("said '{}'", said.trim()))),
        }
    }

    fn next(&self) -> Result<Next, Fault> {
        let said = self.ask(&["next"])?;
        let wrong = || self.wrong("next", format!("said '{}'", said.trim()));
        parse(&said).map(|(slot, tries_left)| Next { slot, tries_left }).ok_or_else(wrong)
    }

    fn attempt(&mut self, slot: Name, tries: u32) -> Result<(), Fault> {
        self.ask(&["attempt", slot.word(), &tries.to_string()]).map(drop)
    }

    fn confirm(&mut self, slot: Name) -> Result<(), Fault> {
        self.ask(&["confirm", slot.word()]).map(drop)
    }

    fn reject(&mut self, slot: Name) -> Result<(), Fault> {
        self.ask(&["reject", slot.word()]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::Pair;
    use edgekit_store::proof::Scratch;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn script(scratch: &Scratch, text: &str) -> Script {
        let path = scratch.path("loader");
        fs::write(&path, format!("#!/bin/sh\ncd {}\n{text}\n", scratch.folder().display())).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
        let running = Running::new(Pair::default(), Pair::default());
        Script::new(path, Duration::from_secs(10), running)
    }

    #[test]
    fn verbs_and_answers() {
        let scratch = Scratch::new();
        let text = "case $1 in running) echo a;; next) cat next;; confirm) echo $2 > next;; reject) exit 4;; *) echo $2 $3 > next;; esac";
        let mut boot = script(&scratch, text);
        assert_eq!(boot.running().expect("known"), Name::A);
        boot.attempt(Name::B, 3).expect("tried");
        assert_eq!(boot.next().expect("known"), Next { slot: Name::B, tries_left: Some(3) });
        boot.confirm(Name::B).expect("confirmed");
        assert_eq!(boot.next().expect("known"), Next { slot: Name::B, tries_left: None });
        let fault = boot.reject(Name::A).unwrap_err();
        assert!(
            fault.to_string().contains("was asked 'reject a' and failed: ")
                && fault.to_string().ends_with("exit status: 4"),
            "{fault}"
        );
        for answer in ["", "c", "b x", "b 1 2"] {
            fs::write(scratch.path("next"), answer).expect("written");
            let fault = boot.next().unwrap_err();
            assert!(fault.to_string().contains(&format!("said '{answer}'")), "{fault}");
        }
    }
}
