//! systemd-boot: entries whose names count their tries.
//!
//! A slot's entry is a file `edgekit-GENERATION-SLOT.conf` in `loader/entries`, or `.efi` in `EFI/Linux`; while it is
//! on trial its name is `edgekit-7-b+3.conf`, and systemd-boot makes `+2-1` of it as it starts it. It starts the
//! entry whose name is the highest, those with no tries left last, so the generation says which slot is wanted, and
//! every change here is one rename. A rejected entry is called `….conf.off`, which systemd-boot does not look at.
//!
//! For that the two entries have no `sort-key` and no `version` of different value (for `.efi`, images that a newer
//! one replaces), and `default` in `loader.conf` is `edgekit-*` or absent. Sources: the Boot Loader Specification,
//! systemd `src/boot/boot.c`, "Automatic Boot Assessment". Neighbours: `efi::vars` has what the loader says back,
//! `copies` what is needed to write an entry anew that the loader lost as it counted.

mod copies;
mod entry;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgekit_store::{Fs, Kind, Table, publish};

use self::copies::Copies;
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
    copies: Copies,
}

/// An entry and the folder it is in.
#[derive(Clone, Debug)]
struct Found {
    folder: PathBuf,
    file: String,
    /// Bytes.
    size: u64,
    entry: Entry,
}

impl SystemdBoot {
    /// A loader with the entries of that partition; `table` is the state's, for copies of them.
    pub fn new(
        fs: Arc<dyn Fs>,
        partition: &Path,
        names: Pair<String>,
        vars: Box<dyn Variables>,
        running: Running,
        table: Arc<Table>,
    ) -> SystemdBoot {
        let copies = Copies(table);
        SystemdBoot { fs, partition: partition.to_path_buf(), names, vars, running, copies }
    }

    /// All entries of both slots, the highest first. Those without a byte are none: systemd-boot passes over them too.
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
                let Some(slot) = self.names.slot(&entry.slot) else { continue };
                let path = folder.join(&file);
                let size =
                    self.fs.stat(&path).map_err(Fault::io("look at", &path))?.map_or(0, |stat| stat.len);
                if size > 0 {
                    all.push((slot, Found { folder: folder.clone(), file, size, entry }));
                }
            }
        }
        edgekit_core::sort::by(&mut all, |(_, one), (_, other)| other.entry.rank().cmp(&one.entry.rank()));
        Ok(all)
    }

    /// The entry of a slot that is to be changed, and the highest generation there is. Both slots' entries are kept
    /// before; one that is missing is written anew, out of the loader's sight until it has its next name. Nothing is
    /// removed: what a torn name left may be the same file.
    fn of(&self, slot: Name) -> Result<(Found, u64), Fault> {
        let all = self.entries()?;
        let first = |slot: Name| all.iter().find(|(of, _)| *of == slot).map(|(_, found)| found);
        for slot in Name::BOTH {
            first(slot).map_or(Ok(()), |found| self.copies.keep(&*self.fs, slot, found))?;
        }
        let highest = all.iter().map(|(_, found)| found.entry.generation).max().unwrap_or(0);
        if let Some(found) = first(slot) {
            return Ok((found.clone(), highest));
        }
        let copy = self.copies.get(slot).ok_or_else(|| self.absent(slot))?;
        let generation = highest + 1;
        let name = self.names.of(slot).clone();
        let entry = Entry { generation, slot: name, left: None, done: None, ending: copy.ending, off: true };
        let (folder, file) = (self.partition.join(copy.folder), entry.to_string());
        publish::file(&*self.fs, &folder.join(&file), &copy.text, 0o644)?;
        Ok((Found { folder, file, size: copy.text.len() as u64, entry }, generation))
    }

    fn absent(&self, slot: Name) -> Fault {
        let name = format!("edgekit-1-{}.conf", self.names.of(slot));
        Fault::Absent(
            format!("there is no boot entry of slot {slot} in '{}'", self.partition.display()),
            format!("write one, loader/entries/{name}: see edgekit-boot(7)"),
        )
    }

    /// Gives an entry another name, durably. A cut may leave old and new name, both of the same file
    /// ([`publish::rename`]); no name is used twice, as replacing one of them would take the file of the other.
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
        Ok(publish::rename(&*self.fs, &from, &to)?)
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
            None if all.iter().any(|(slot, _)| *slot == Name::A) => {
                Ok(Next { slot: Name::A, tries_left: Some(0) })
            }
            None => Err(self.absent(Name::A)),
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
    use edgekit_store::{Access, Options};

    fn partition(disk: &Recorder) {
        file(disk, "/efi/loader/entries/edgekit-2-a.conf", b"title a\nlinux /a\n");
        file(disk, "/efi/loader/entries/edgekit-1-b.conf", b"title b\nlinux /b\n");
        file(disk, "/efi/loader/entries/debian.conf", b"title rescue\n");
        file(disk, "/efivars/none", b"");
        file(disk, "/state/none", b"");
        drop(table(disk));
    }

    fn table(disk: &Recorder) -> Arc<Table> {
        let opened = Table::open(Arc::new(disk.clone()), Path::new("/state/table"), Options::default());
        Arc::new(opened.expect("opened"))
    }

    fn open(disk: &Recorder) -> Box<dyn Boot> {
        let names = Pair { a: "a".to_owned(), b: "b".to_owned() };
        let (fs, vars) = (Arc::new(disk.clone()), Box::new(Recorded(disk.clone())));
        let running = Running::new(names.clone(), Pair::default());
        Box::new(SystemdBoot::new(fs, Path::new("/efi"), names, vars, running, table(disk)))
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

    /// Takes the names of a slot's entries away, as a cut within systemd-boot's own counting can.
    fn lose(disk: &Recorder, slot: Name) {
        for name in names(disk) {
            if Entry::parse(&name).is_some_and(|entry| entry.slot == slot.word()) {
                disk.remove(&Path::new("/efi/loader/entries").join(name)).expect("removed");
            }
        }
    }

    fn text(disk: &Recorder, name: &str) -> Vec<u8> {
        crate::boot::uboot::copies::read(disk, &Path::new("/efi/loader/entries").join(name), 100)
            .expect("read")
    }

    #[test]
    fn an_entry_that_the_loader_lost_is_written_anew() {
        let disk = Recorder::new(1);
        partition(&disk);
        let fault = {
            let disk = disk.again(2);
            lose(&disk, Name::B);
            open(&disk).attempt(Name::B, 3).unwrap_err()
        };
        assert!(fault.to_string().contains("no boot entry of slot b"), "nothing is known of it yet: {fault}");
        open(&disk).reject(Name::B).expect("rejected");
        open(&disk).attempt(Name::B, 3).expect("tried");
        lose(&disk, Name::B);
        assert_eq!(open(&disk).next().expect("known"), Next { slot: Name::A, tries_left: None });
        for _ in 0..2 {
            open(&disk).reject(Name::B).expect("rejected");
            assert_eq!(names(&disk), ["debian.conf", "edgekit-2-a.conf", "edgekit-3-b.conf.off"]);
            assert_eq!(text(&disk, "edgekit-3-b.conf.off"), b"title b\nlinux /b\n");
        }
        lose(&disk, Name::B);
        file(&disk, "/efi/loader/entries/edgekit-4-b+2-1.conf", b"");
        let mut boot = open(&disk);
        boot.attempt(Name::B, 2).expect("tried");
        assert_eq!(text(&disk, "edgekit-4-b+2.conf"), b"title b\nlinux /b\n");
        assert_eq!(boot.next().expect("known"), Next { slot: Name::B, tries_left: Some(2) });
        lose(&disk, Name::B);
        boot.confirm(Name::B).expect("confirmed");
        assert_eq!(boot.next().expect("known"), Next { slot: Name::B, tries_left: None });
        // An edited one is what is kept from then on.
        let edited =
            disk.open(Path::new("/efi/loader/entries/edgekit-2-a.conf"), Access::Change).expect("there");
        edited.write_at(6, b"z").expect("written");
        boot.reject(Name::A).expect("rejected");
        lose(&disk, Name::A);
        boot.attempt(Name::A, 1).expect("tried");
        assert_eq!(boot.next().expect("known"), Next { slot: Name::A, tries_left: Some(1) });
        let first = names(&disk).into_iter().find(|name| name.ends_with("-a+1.conf")).expect("there");
        assert_eq!(text(&disk, &first), b"title z\nlinux /a\n");
    }

    #[test]
    fn no_power_cut_breaks_the_entries() {
        let sound = |disk: &Recorder| {
            let whole = |disk: &Recorder, slot: Name| {
                let of = |name: &String| Entry::parse(name).is_some_and(|entry| entry.slot == slot.word());
                let expected = format!("title {slot}\nlinux /{slot}\n");
                let found = names(disk).into_iter().filter(of).map(|name| text(disk, &name));
                let found: Vec<_> = found.filter(|text| !text.is_empty()).collect();
                !found.is_empty() && found.iter().all(|text| text == expected.as_bytes())
            };
            for slot in Name::BOTH {
                if !whole(disk, slot) {
                    return Err(format!("no whole entry of slot {slot} in {:?}", names(disk)));
                }
                // From the first change on, each of them may be lost to the loader.
                if !names(disk).contains(&"edgekit-1-b.conf".to_owned()) {
                    let less = disk.again(1);
                    lose(&less, slot);
                    open(&less).reject(slot).map_err(|fault| fault.to_string())?;
                    if !whole(&less, slot) {
                        return Err(format!("the entry of slot {slot} is not back"));
                    }
                }
            }
            Ok(())
        };
        let proof = Proof { disk: Recorder::fat, start: partition, open, life: LIFE.to_vec(), sound };
        assert!(proof.holds(4) > 500);
        // A slot that is rejected is not next, nor is it with both its names.
        let harmless = Mistake::Dropped("flush folder entries after edgekit-N-b.conf.off".to_owned());
        proof.finds_mistakes(4, &[harmless]);
        assert!(Proof { disk: Recorder::new, ..proof }.holds(2) > 500);
        let life = any_life(9, 40);
        assert!(Proof { disk: Recorder::fat, start: partition, open, life, sound }.holds(2) > 1000);
    }
}
