//! Which slot runs, as the kernel knows it.
//!
//! First the command line: `edgekit.slot=`, or `rauc.slot=` as boot scripts made for RAUC have it. Where neither is
//! there, the device `/` is mounted from, if it is one of those the components are written to. A root that is an
//! overlay, a verity or a mapped device says nothing, and the error says what would. Neighbours: the loaders ask.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::{Name, Pair};
use crate::fault::Fault;

/// Words of the command line that name a slot.
const WORDS: [&str; 2] = ["edgekit.slot=", "rauc.slot="];

/// Where it is looked up.
#[derive(Clone, Debug)]
pub struct Running {
    /// The kernel's command line.
    cmdline: PathBuf,
    /// What is mounted as the root.
    root: PathBuf,
    /// What the loader calls the slots.
    names: Pair<String>,
    /// Devices of each slot.
    devices: Pair<Vec<PathBuf>>,
}

impl Running {
    /// By the machine's own command line and root.
    pub fn new(names: Pair<String>, devices: Pair<Vec<PathBuf>>) -> Running {
        Running { cmdline: "/proc/cmdline".into(), root: "/".into(), names, devices }
    }

    /// The same with another command line and root; for tests and images that are looked at from outside.
    pub fn at(mut self, cmdline: &Path, root: &Path) -> Running {
        (self.cmdline, self.root) = (cmdline.to_path_buf(), root.to_path_buf());
        self
    }

    /// The slot that runs.
    ///
    /// # Errors
    /// [`Fault::Config`] where nothing names it.
    pub fn slot(&self) -> Result<Name, Fault> {
        let line = fs::read_to_string(&self.cmdline).map_err(Fault::io("read", &self.cmdline))?;
        let said = line
            .split_ascii_whitespace()
            .find_map(|word| WORDS.iter().find_map(|key| word.strip_prefix(key).map(|slot| (*key, slot))));
        if let Some((key, word)) = said {
            return self.names.slot(word).or_else(|| Name::of(word)).ok_or_else(|| {
                Fault::Config(
                    format!("the kernel was started with '{key}{word}', which is neither slot"),
                    format!(
                        "the slots are called '{}' and '{}': see boot.a and boot.b",
                        self.names.a, self.names.b
                    ),
                )
            });
        }
        self.by_root()?.ok_or_else(|| {
            Fault::Config(
                "nothing says which slot runs: no word of the kernel's command line, and the root is on no device of a \
                 component"
                    .to_owned(),
                format!(
                    "have the boot loader start the kernel with edgekit.slot={} or edgekit.slot={}",
                    self.names.a, self.names.b
                ),
            )
        })
    }

    fn by_root(&self) -> Result<Option<Name>, Fault> {
        let root = fs::metadata(&self.root).map_err(Fault::io("look at", &self.root))?.dev();
        let is_root = |device: &PathBuf| {
            fs::metadata(device).is_ok_and(|meta| meta.file_type().is_block_device() && meta.rdev() == root)
        };
        Ok(Name::BOTH.into_iter().find(|slot| self.devices.of(*slot).iter().any(is_root)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_store::proof::Scratch;

    fn running(line: &str) -> Result<Name, String> {
        let scratch = Scratch::new();
        let path = scratch.path("cmdline");
        fs::write(&path, line).expect("written");
        let names = Pair { a: "A".to_owned(), b: "system1".to_owned() };
        let running = Running::new(names, Pair::default()).at(&path, Path::new("/proc"));
        running.slot().map_err(|fault| fault.to_string())
    }

    #[test]
    fn the_command_line_names_the_slot() {
        assert_eq!(running("quiet rauc.slot=A root=/dev/x\n"), Ok(Name::A));
        assert_eq!(running("edgekit.slot=system1"), Ok(Name::B));
        assert_eq!(running("edgekit.slot=b rauc.slot=A"), Ok(Name::B), "by its own word too");
        let error = running("quiet rauc.slot=R").unwrap_err();
        assert!(error.contains("'rauc.slot=R', which is neither slot"), "{error}");
        let error = running("quiet root=/dev/x").unwrap_err();
        assert!(error.contains("nothing says which slot runs"), "{error}");
    }
}
