//! The Raspberry Pi: `autoboot.txt` names the boot partition, and another one for a single try.
//!
//! ```text
//! [all]                 the partition that is started
//! tryboot_a_b=1
//! boot_partition=2
//! [tryboot]             and the one that is tried, when the kernel was restarted with "0 tryboot"
//! boot_partition=3
//! ```
//! The firmware forgets the word with the next restart, so an attempt is one try. That one is asked for stands in a
//! remark of the file, with the boot it was asked in: once the machine was started again it was made, or missed.
//! systemd takes the word from `/run/systemd/reboot-param`; whoever restarts otherwise asks
//! [`Boot::restart_argument`](super::Boot::restart_argument). The file is replaced as a whole. Source: Raspberry Pi
//! documentation, "autoboot.txt" and "Fail-safe OS updates (tryboot)". Neighbours: `file` edits the text.

mod file;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgekit_store::{Fs, publish};

use self::file::Autoboot;
use super::running::Running;
use super::uboot::copies::read;
use super::{Boot, Name, Next, Pair};
use crate::fault::Fault;

/// What the firmware reads of the file, in bytes.
const MAX_SIZE: usize = 512;
/// What the firmware says of this start, big endian.
const PARTITION: &str = "/proc/device-tree/chosen/bootloader/partition";
/// Where systemd looks for the word it restarts the kernel with.
const PARAMETER: &str = "/run/systemd/reboot-param";
/// That word.
const TRYBOOT: &str = "0 tryboot";

/// A Raspberry Pi.
#[derive(Debug)]
pub struct Rpi {
    fs: Arc<dyn Fs>,
    /// `autoboot.txt`.
    path: PathBuf,
    /// Numbers of the boot partitions.
    names: Pair<String>,
    boot_id: String,
    running: Running,
}

impl Rpi {
    /// A loader with the file in that folder.
    ///
    /// # Errors
    /// [`Fault::Config`] for slots that are no numbers of partitions.
    pub fn new(
        fs: Arc<dyn Fs>,
        folder: &Path,
        names: Pair<String>,
        boot_id: &str,
        running: Running,
    ) -> Result<Rpi, Fault> {
        if let Some(wrong) = [&names.a, &names.b].into_iter().find(|name| name.parse::<u32>().is_err()) {
            return Err(Fault::Config(
                format!("'{wrong}' is no number of a boot partition"),
                "say in boot.a and boot.b which partitions the firmware starts, such as 2 and 3".to_owned(),
            ));
        }
        Ok(Rpi { fs, path: folder.join("autoboot.txt"), names, boot_id: boot_id.to_owned(), running })
    }

    fn read(&self) -> Result<Autoboot, Fault> {
        match self.fs.stat(&self.path).map_err(Fault::io("look at", &self.path))? {
            Some(_) => Ok(Autoboot::parse(&String::from_utf8_lossy(&read(&*self.fs, &self.path, MAX_SIZE)?))),
            None => Ok(Autoboot::default()),
        }
    }

    fn good(&self, file: &Autoboot) -> Name {
        file.get("all", "boot_partition").and_then(|number| self.names.slot(number)).unwrap_or(Name::A)
    }

    /// Names the slot that is started, and the one that is to be tried.
    fn write(&self, good: Name, asked: Option<Name>) -> Result<(), Fault> {
        let before = self.read()?;
        let mut file = before.clone();
        file.set("all", "tryboot_a_b", "1");
        file.set("all", "boot_partition", self.names.of(good));
        file.set("tryboot", "boot_partition", self.names.of(good.other()));
        file.ask(asked.map(|slot| (slot.word(), &*self.boot_id)));
        let text = file.to_string();
        if text.len() > MAX_SIZE {
            return Err(Fault::Input {
                place: self.path.display().to_string(),
                what: format!("would have {} bytes, and the firmware reads {MAX_SIZE}", text.len()),
                hint: "take remarks out of it",
            });
        }
        if file != before {
            publish::file(&*self.fs, &self.path, text.as_bytes(), 0o644)?;
        }
        Ok(())
    }

    /// Has systemd restart the kernel with the word that is needed, or without.
    fn parameter(&self, wanted: bool) -> Result<(), Fault> {
        let path = Path::new(PARAMETER);
        let there = |path: &Path| -> Result<bool, Fault> {
            Ok(self.fs.stat(path).map_err(Fault::io("look at", path))?.is_some())
        };
        match (wanted, there(path.parent().unwrap_or(path))?) {
            (true, true) => Ok(publish::file(&*self.fs, path, TRYBOOT.as_bytes(), 0o644)?),
            (false, true) if there(path)? => self.fs.remove(path).map_err(Fault::io("remove", path)),
            _ => Ok(()),
        }
    }
}

impl Boot for Rpi {
    fn place(&self) -> String {
        format!("'{}'", self.path.display())
    }

    fn running(&self) -> Result<Name, Fault> {
        let path = Path::new(PARTITION);
        if self.fs.stat(path).map_err(Fault::io("look at", path))?.is_some() {
            let bytes = read(&*self.fs, path, 16)?;
            let number = bytes.first_chunk().map(|bytes| u32::from_be_bytes(*bytes).to_string());
            if let Some(slot) = number.and_then(|number| self.names.slot(&number)) {
                return Ok(slot);
            }
        }
        self.running.slot()
    }

    fn next(&self) -> Result<Next, Fault> {
        let file = self.read()?;
        if let Some((slot, boot)) = file.asked()
            && boot == self.boot_id
            && let Some(slot) = Name::of(slot)
        {
            return Ok(Next { slot, tries_left: Some(1) });
        }
        Ok(Next { slot: self.good(&file), tries_left: None })
    }

    fn attempt(&mut self, slot: Name, _: u32) -> Result<(), Fault> {
        self.write(slot.other(), Some(slot))?;
        self.parameter(true)
    }

    fn confirm(&mut self, slot: Name) -> Result<(), Fault> {
        self.write(slot, None)?;
        self.parameter(false)
    }

    fn reject(&mut self, slot: Name) -> Result<(), Fault> {
        self.write(slot.other(), None)?;
        self.parameter(false)
    }

    fn restart_argument(&self) -> Option<&'static str> {
        self.next().is_ok_and(|next| next.tries_left.is_some()).then_some(TRYBOOT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::proof::{LIFE, Proof, file};
    use edgekit_store::proof::Recorder;

    const TEXT: &[u8] = b"[all]\ntryboot_a_b=1\nboot_partition=2\n# mine\n[tryboot]\nboot_partition=3\n";

    fn card(disk: &Recorder) {
        file(disk, "/boot/autoboot.txt", TEXT);
    }

    fn open_at(disk: &Recorder, boot: &str) -> Rpi {
        let names = Pair { a: "2".to_owned(), b: "3".to_owned() };
        let running = Running::new(names.clone(), Pair::default());
        Rpi::new(Arc::new(disk.clone()), Path::new("/boot"), names, boot, running).expect("numbers")
    }

    fn text(disk: &Recorder) -> String {
        String::from_utf8(read(disk, Path::new("/boot/autoboot.txt"), 600).expect("read")).expect("text")
    }

    #[test]
    fn a_try_is_for_the_next_start_only() {
        let disk = Recorder::new(1);
        card(&disk);
        file(&disk, "/run/systemd/other", b"");
        let mut boot = open_at(&disk, "one");
        boot.attempt(Name::B, 3).expect("tried");
        assert_eq!(boot.next().expect("known"), Next { slot: Name::B, tries_left: Some(1) });
        assert_eq!(boot.restart_argument(), Some("0 tryboot"));
        assert_eq!(read(&disk, Path::new(PARAMETER), 64).expect("there"), TRYBOOT.as_bytes());
        assert!(text(&disk).starts_with("# edgekit: try b one\n[all]\n"), "{}", text(&disk));
        let mut after = open_at(&disk, "two");
        assert_eq!(after.next().expect("known"), Next { slot: Name::A, tries_left: None });
        after.confirm(Name::B).expect("confirmed");
        let expected = "[all]\ntryboot_a_b=1\nboot_partition=3\n# mine\n[tryboot]\nboot_partition=2\n";
        assert_eq!(text(&disk), expected);
        assert_eq!(disk.stat(Path::new(PARAMETER)).expect("looked"), None);
        file(&disk, PARTITION, &[0, 0, 0, 3]);
        assert_eq!(after.running().expect("known"), Name::B);
    }

    #[test]
    fn no_power_cut_breaks_the_file() {
        let open = |disk: &Recorder| -> Box<dyn Boot> { Box::new(open_at(disk, "one")) };
        let proof = Proof { disk: Recorder::fat, start: card, open, life: LIFE.to_vec(), sound: |_| Ok(()) };
        assert!(proof.holds(2) > 500);
        proof.finds_mistakes(3, &[]);
    }
}
