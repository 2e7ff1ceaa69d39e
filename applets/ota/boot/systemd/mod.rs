//! systemd-boot: entries whose names count their tries.
//!
//! A slot's entry is a file `edgekit-GENERATION-SLOT.conf` in `loader/entries`, or `.efi` in `EFI/Linux`; while it is
//! on trial its name is `edgekit-7-b+3.conf`, and systemd-boot makes `+2-1` of it as it starts it. It starts the
//! entry whose name is the highest, those with no tries left last, so the generation says which slot is wanted, and
//! every change here is one rename. A rejected entry is called `….conf.off`, which systemd-boot does not look at.
//!
//! For that the two entries have no `sort-key` and no `version` of different value (for `.efi`, images that a newer
//! one replaces), and `default` in `loader.conf` is `edgekit-*` or absent. Sources: the Boot Loader Specification,
//! systemd `src/boot/boot.c`, "Automatic Boot Assessment". Neighbours: `efi::vars` has what the loader says back.

mod entry;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgekit_store::{Access, Fs, Kind};

use self::entry::Entry;
use super::efi::vars::{LOADER, Variables, utf16};
use super::running::Running;
use super::{Boot, Name, Next, Pair};
use crate::fault::Fault;

/// Folders of the partition in which entries are.
const FOLDERS: [&str; 2] = ["loader/entries", "EFI/Linux"];

/// A device started by systemd-boot.
#[derive(Debug)]
pub struct SystemdBoot {
    fs: Arc<dyn Fs>,
    /// Where the EFI system partition, or the extended boot loader partition, is mounted.
    partition: PathBuf,
    names: Pair<String>,
    vars: Box<dyn Variables>,
    running: Running,
}

/// An entry and the folder it is in.
#[derive(Clone, Debug)]
struct Found {
    folder: PathBuf,
    file: String,
    entry: Entry,
}

impl SystemdBoot {
    /// A loader with the entries of that partition.
    pub fn new(
        fs: Arc<dyn Fs>,
        partition: &Path,
        names: Pair<String>,
        vars: Box<dyn Variables>,
        running: Running,
    ) -> SystemdBoot {
        SystemdBoot { fs, partition: partition.to_path_buf(), names, vars, running }
    }

    /// All entries of both slots, the highest first.
    fn entries(&self) -> Result<Vec<(Name, Found)>, Fault> {
        let mut all = Vec::new();
        for folder in FOLDERS {
            let folder = self.partition.join(folder);
            let stat = self.fs.stat(&folder).map_err(Fault::io("look at", &folder))?;
            if stat.is_none_or(|stat| stat.kind != Kind::Folder) {
                continue;
            }
            for file in self.fs.list(&folder).map_err(Fault::io("list", &folder))? {
                let Some(entry) = Entry::parse(&file) else { continue };
                if let Some(slot) = self.names.slot(&entry.slot) {
                    all.push((slot, Found { folder: folder.clone(), file, entry }));
                }
            }
        }
        edgekit_core::sort::by(&mut all, |(_, one), (_, other)| other.entry.rank().cmp(&one.entry.rank()));
        Ok(all)
    }

    fn of(&self, slot: Name) -> Result<(Found, u64), Fault> {
        let all = self.entries()?;
        let highest = all.iter().map(|(_, found)| found.entry.generation).max().unwrap_or(0);
        all.into_iter().find(|(of, _)| *of == slot).map(|(_, found)| (found, highest)).ok_or_else(|| {
            let name = format!("edgekit-1-{}.conf", self.names.of(slot));
            Fault::Absent(
                format!("there is no boot entry of slot {slot} in '{}'", self.partition.display()),
                format!("write one, loader/entries/{name}: see edgekit-boot(7)"),
            )
        })
    }

    /// Gives an entry another name, durably.
    ///
    /// On FAT, where these are, a new name comes without the place and the size of its file: the kernel adds them when
    /// the file itself is flushed (`vfat_rename`, `fat_write_inode`). A folder that is flushed before holds an empty
    /// entry for good if the power fails then. So the file is first, and the sector goes to the disk whole; where old
    /// and new name are in two sectors, the old one is still there. For that case no name is used twice.
    fn rename(&self, found: &Found, entry: &Entry) -> Result<(), Fault> {
        let name = entry.to_string();
        if name == found.file {
            return Ok(());
        }
        let (from, mut to) = (found.folder.join(&found.file), found.folder.join(name));
        if self.fs.stat(&to).map_err(Fault::io("look at", &to))?.is_some() {
            let generation = self.highest()? + 1;
            to = found.folder.join(Entry { generation, ..entry.clone() }.to_string());
        }
        self.fs.rename(&from, &to).map_err(Fault::io("rename", &from))?;
        let file = self.fs.open(&to, Access::Change).map_err(Fault::io("open", &to))?;
        file.sync().map_err(Fault::io("flush", &to))?;
        self.fs.sync_folder(&found.folder).map_err(Fault::io("flush", &found.folder))
    }

    /// The highest generation there is.
    fn highest(&self) -> Result<u64, Fault> {
        Ok(self.entries()?.iter().map(|(_, found)| found.entry.generation).max().unwrap_or(0))
    }

    /// Nothing but the names decides.
    fn check_default(&self) -> Result<(), Fault> {
        let Some(value) = self.vars.get("LoaderEntryDefault", LOADER)? else { return Ok(()) };
        let pattern = utf16(&value);
        if pattern.is_empty() || pattern == "edgekit-*" {
            return Ok(());
        }
        Err(Fault::Config(
            format!("systemd-boot is told to start '{pattern}', whatever is tried"),
            "take that back: bootctl set-default \"\"".to_owned(),
        ))
    }
}

impl Boot for SystemdBoot {
    fn place(&self) -> String {
        format!("systemd-boot's entries in '{}'", self.partition.display())
    }

    fn running(&self) -> Result<Name, Fault> {
        let selected = self.vars.get("LoaderEntrySelected", LOADER)?.map(|value| utf16(&value));
        let entry = selected.and_then(|id| Entry::parse(&id));
        entry.and_then(|entry| self.names.slot(&entry.slot)).map_or_else(|| self.running.slot(), Ok)
    }

    fn next(&self) -> Result<Next, Fault> {
        let all = self.entries()?;
        match all.first().filter(|(_, found)| !found.entry.off) {
            Some((slot, found)) => Ok(Next { slot: *slot, tries_left: found.entry.left }),
            None => self.of(Name::A).map(|_| Next { slot: Name::A, tries_left: Some(0) }),
        }
    }

    fn attempt(&mut self, slot: Name, tries: u32) -> Result<(), Fault> {
        self.check_default()?;
        let (found, highest) = self.of(slot)?;
        // One that is the highest already only begins to count anew.
        let generation = found.entry.generation;
        let is_first = self.entries()?.first().is_some_and(|(of, _)| *of == slot) && generation == highest;
        let generation = if is_first { generation } else { highest + 1 };
        let entry = Entry { generation, left: Some(tries), done: None, off: false, ..found.entry.clone() };
        self.rename(&found, &entry)
    }

    fn confirm(&mut self, slot: Name) -> Result<(), Fault> {
        let (found, highest) = self.of(slot)?;
        let is_first = self.entries()?.first().is_some_and(|(of, _)| *of == slot);
        let generation = found.entry.generation;
        let generation = if is_first && generation == highest { generation } else { highest + 1 };
        let entry = Entry { generation, left: None, done: None, off: false, ..found.entry.clone() };
        self.rename(&found, &entry)
    }

    fn reject(&mut self, slot: Name) -> Result<(), Fault> {
        let (found, _) = self.of(slot)?;
        self.rename(&found, &Entry { left: None, done: None, off: true, ..found.entry.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::efi::vars::Recorded;
    use crate::boot::proof::{LIFE, Proof, any_life, file};
    use edgekit_store::proof::Recorder;
    use edgekit_store::proof::power::Fault as Mistake;

    fn partition(disk: &Recorder) {
        file(disk, "/efi/loader/entries/edgekit-2-a.conf", b"title a\nlinux /a\n");
        file(disk, "/efi/loader/entries/edgekit-1-b.conf", b"title b\nlinux /b\n");
        file(disk, "/efi/loader/entries/debian.conf", b"title rescue\n");
        file(disk, "/efivars/none", b"");
    }

    fn open(disk: &Recorder) -> Box<dyn Boot> {
        let names = Pair { a: "a".to_owned(), b: "b".to_owned() };
        let (fs, vars) = (Arc::new(disk.clone()), Box::new(Recorded(disk.clone())));
        let running = Running::new(names.clone(), Pair::default());
        Box::new(SystemdBoot::new(fs, Path::new("/efi"), names, vars, running))
    }

    fn names(disk: &Recorder) -> Vec<String> {
        let mut names = disk.list(Path::new("/efi/loader/entries")).expect("listed");
        edgekit_core::sort::natural(&mut names);
        names
    }

    #[test]
    fn names_count_and_the_highest_is_wanted() {
        let disk = Recorder::new(1);
        partition(&disk);
        let mut boot = open(&disk);
        boot.reject(Name::B).expect("rejected");
        assert_eq!(names(&disk), ["debian.conf", "edgekit-1-b.conf.off", "edgekit-2-a.conf"]);
        boot.attempt(Name::B, 3).expect("tried");
        assert_eq!(names(&disk), ["debian.conf", "edgekit-2-a.conf", "edgekit-3-b+3.conf"]);
        assert_eq!(boot.next().expect("known"), Next { slot: Name::B, tries_left: Some(3) });
        // What systemd-boot does as it starts it, until nothing is left.
        let at = |name: &str| PathBuf::from(format!("/efi/loader/entries/{name}"));
        disk.rename(&at("edgekit-3-b+3.conf"), &at("edgekit-3-b+2-1.conf")).expect("renamed");
        assert_eq!(boot.next().expect("known"), Next { slot: Name::B, tries_left: Some(2) });
        disk.rename(&at("edgekit-3-b+2-1.conf"), &at("edgekit-3-b+0-3.conf")).expect("renamed");
        assert_eq!(boot.next().expect("known"), Next { slot: Name::A, tries_left: None });
        boot.attempt(Name::B, 1).expect("tried again");
        boot.confirm(Name::B).expect("confirmed");
        assert_eq!(boot.next().expect("known"), Next { slot: Name::B, tries_left: None });
    }

    #[test]
    fn the_loader_says_what_runs_and_what_it_was_told() {
        let disk = Recorder::new(1);
        partition(&disk);
        let mut boot = open(&disk);
        let text =
            |text: &str| text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let vars = Recorded(disk.clone());
        vars.set("LoaderEntrySelected", LOADER, Some(&text("edgekit-1-b.conf"))).expect("written");
        assert_eq!(boot.running().expect("known"), Name::B);
        vars.set("LoaderEntryDefault", LOADER, Some(&text("debian.conf"))).expect("written");
        let fault = boot.attempt(Name::B, 3).unwrap_err();
        assert!(fault.to_string().contains("told to start 'debian.conf'"), "{fault}");
    }

    #[test]
    fn no_power_cut_breaks_the_entries() {
        let sound = |disk: &Recorder| {
            let kept = names(disk).len() == 3;
            kept.then_some(()).ok_or_else(|| format!("{:?}", names(disk)))
        };
        let proof = Proof { start: partition, open, life: LIFE.to_vec(), sound };
        assert!(proof.holds(4) > 500);
        // Names take their files along on the disk of the proof. That they do not on FAT is proven by scripts/vm-ota.
        let files: Vec<String> = ["a", "a+N", "b", "b+N"]
            .iter()
            .flat_map(|name| [format!("edgekit-N-{name}.conf"), format!("edgekit-N-{name}.conf.off")])
            .collect();
        let dropped = files.iter().map(|file| Mistake::Dropped(format!("flush {file}")));
        let pairs = files.iter().flat_map(|from| files.iter().map(move |to| (from, to)));
        let swapped =
            pairs.map(|(from, to)| Mistake::Swapped(format!("names {from}"), format!("flush {to}")));
        proof.finds_mistakes(1, &dropped.chain(swapped).collect::<Vec<_>>());
        assert!(Proof { life: any_life(9, 40), ..proof }.holds(2) > 1000);
    }
}
