//! Who this box is: one name for certificates, topics and reports, the same for its whole life.
//!
//! In this order: `--device-id`; the file `device-id` in the configuration directory
//! (`/etc/edgekit/device-id`); the same in the state directory. Where none of them says, an id is made
//! and written: to the configuration directory, or where that is read-only, to the state directory. It
//! is derived from the machine-id by HMAC-SHA256 with a constant of edgekit, so that the raw
//! machine-id, which machine-id(5) asks to keep confidential, never leaves the box: what
//! `systemd-id128 machine-id --app-specific=…` prints for that constant. A box without machine-id
//! (OpenWrt) gets a random one.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Arg;
use sha2::{Digest, Sha256};

use crate::{Error, Exit, Paths, text};

/// The name of the file, in either directory.
const FILE: &str = "device-id";

/// Longest id, in letters: it is a common name of certificates (RFC 5280: 64).
const LONGEST: usize = 64;

/// edgekit's own constant: 8f0b6c52-94d1-4e0a-b7a3-2d61c5e9f417.
const APPLICATION: [u8; 16] =
    [0x8f, 0x0b, 0x6c, 0x52, 0x94, 0xd1, 0x4e, 0x0a, 0xb7, 0xa3, 0x2d, 0x61, 0xc5, 0xe9, 0xf4, 0x17];

/// Where the machine-id is: systemd's place, then that of D-Bus.
const MACHINE_IDS: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/// A name of letters, digits, `_`, `-`, `.` and `:`, at most 64: it fits a file name, an MQTT topic and
/// a certificate.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DeviceId(String);

/// Who said it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IdOrigin {
    /// `--device-id`.
    Flag,
    /// This file was there.
    File(PathBuf),
    /// Derived from the machine-id and written to this file.
    Derived(PathBuf),
    /// Made at random, for want of a machine-id, and written to this file.
    Random(PathBuf),
}

impl DeviceId {
    /// The id of the shared option.
    pub const ARG: &str = "device-id";

    /// `--device-id ID`, for every command that speaks in the name of the box.
    pub fn arg() -> Arg {
        Arg::new(DeviceId::ARG)
            .long(DeviceId::ARG)
            .value_name("ID")
            .help("The name of this box [/etc/edgekit/device-id, else made from the machine-id]")
    }

    /// Checks a name.
    ///
    /// # Errors
    /// Why it is none, in words that follow `'…' `.
    pub fn parse(name: &str) -> Result<DeviceId, &'static str> {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "_-.:".contains(letter);
        match name {
            "" => Err("is empty"),
            _ if name.len() > LONGEST => Err("is longer than 64 letters"),
            _ if !name.chars().all(fits) => Err("holds more than letters, digits, '_', '-', '.' and ':'"),
            _ if name.starts_with(['.', '-']) => Err("begins with a sign"),
            _ => Ok(DeviceId(name.to_owned())),
        }
    }

    /// The id of this box; made and written at the first call.
    ///
    /// # Errors
    /// [`Exit::USAGE`] for a wrong flag, [`Exit::CONFIG`] for a file that holds no id,
    /// [`Exit::CANT_CREATE`] where neither directory can be written: an id that changes with the next
    /// start would be worse than none.
    pub fn find(flag: Option<&str>, paths: &Paths) -> Result<(DeviceId, IdOrigin), Error> {
        find(flag, paths, &MACHINE_IDS.map(PathBuf::from))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn find(flag: Option<&str>, paths: &Paths, machine_ids: &[PathBuf]) -> Result<(DeviceId, IdOrigin), Error> {
    if let Some(name) = flag {
        let id = DeviceId::parse(name)
            .map_err(|why| Error::new(Exit::USAGE, format!("the device id '{name}' {why}")))?;
        return Ok((id, IdOrigin::Flag));
    }
    let places = [paths.config.join(FILE), paths.state.join(FILE)];
    for path in &places {
        if let Some(id) = read(path)? {
            return Ok((id, IdOrigin::File(path.clone())));
        }
    }
    let (made, is_random) = make(machine_ids)?;
    let mut reasons = Vec::new();
    for path in places {
        match write(&path, &made) {
            Ok(true) if is_random => return Ok((made, IdOrigin::Random(path))),
            Ok(true) => return Ok((made, IdOrigin::Derived(path))),
            // Another process was first; its id counts.
            Ok(false) => match read(&path)? {
                Some(id) => return Ok((id, IdOrigin::File(path))),
                None => reasons.push(format!("{}: it went away", path.display())),
            },
            Err(error) => reasons.push(format!("{}: {}", path.display(), text::io_reason(&error))),
        }
    }
    Err(Error::new(Exit::CANT_CREATE, format!("cannot write the device id to {}", reasons.join(", nor to ")))
        .hint("make one of the directories writable, or give --device-id"))
}

/// The id in a file; none if there is no file.
fn read(path: &Path) -> Result<Option<DeviceId>, Error> {
    let refused = |why: &str| {
        Error::new(Exit::CONFIG, format!("no device id in {}: {why}", path.display()))
            .hint("write a name into it, or remove it to have one made")
    };
    // One line; the rest of a larger file is not worth reading.
    let Some(bytes) = crate::config::read_small(path).map_err(|reason| refused(&reason))? else {
        return Ok(None);
    };
    let line = std::str::from_utf8(&bytes).map_err(|_| refused("not UTF-8 text"))?.trim();
    match DeviceId::parse(line) {
        Ok(id) => Ok(Some(id)),
        Err(why) if line.is_empty() => Err(refused(&format!("it {why}"))),
        Err(why) => Err(refused(&format!("'{}' {why}", line.lines().next().unwrap_or_default()))),
    }
}

/// From the machine-id, else at random; true if so.
fn make(machine_ids: &[PathBuf]) -> Result<(DeviceId, bool), Error> {
    for path in machine_ids {
        let Ok(line) = fs::read_to_string(path) else { continue };
        if let Some(machine) = hex(line.trim()) {
            return Ok((named(derive(&machine)), false));
        }
    }
    let bytes = random().map_err(|error| Error::from(error).context("cannot make a device id"))?;
    Ok((named(bytes), true))
}

/// From the kernel; at boot it waits until there is enough (getrandom(2)).
fn random() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())? {
        16 => Ok(bytes),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// 32 digits as 16 bytes; `uninitialized` and zeros are no machine-id.
fn hex(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u128::from_str_radix(text, 16).ok().filter(|number| *number != 0)?;
    Some(number.to_be_bytes())
}

/// HMAC-SHA256 (RFC 2104) of our constant under the machine-id, its first half.
fn derive(machine: &[u8; 16]) -> [u8; 16] {
    let mut inner = [0x36_u8; 64];
    let mut outer = [0x5c_u8; 64];
    for (position, byte) in machine.iter().enumerate() {
        inner[position] ^= byte;
        outer[position] ^= byte;
    }
    let message = Sha256::new().chain_update(inner).chain_update(APPLICATION).finalize();
    let whole = Sha256::new().chain_update(outer).chain_update(message).finalize();
    let mut half = [0; 16];
    half.copy_from_slice(&whole[..16]);
    half
}

/// 32 digits, marked as a UUID of version 4 as systemd does (sd_id128_get_machine_app_specific(3)).
fn named(mut bytes: [u8; 16]) -> DeviceId {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    DeviceId(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// The whole id or nothing, and never over one that is there: written beside, then linked. False if
/// one is there.
fn write(path: &Path, id: &DeviceId) -> io::Result<bool> {
    let Some(directory) = path.parent() else { return Err(io::ErrorKind::InvalidInput.into()) };
    fs::create_dir_all(directory)?;
    let beside = directory.join(format!(".{FILE}.{:032x}", u128::from_be_bytes(random()?)));
    let written = write_beside(&beside, id).and_then(|()| link(&beside, path));
    drop(fs::remove_file(&beside));
    let is_new = written?;
    File::open(directory)?.sync_all()?;
    Ok(is_new)
}

fn link(beside: &Path, path: &Path) -> io::Result<bool> {
    match fs::hard_link(beside, path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // No links on this file system (FAT): a rename is as whole, if less polite to a rival.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            fs::rename(beside, path).map(|()| true)
        }
        Err(error) => Err(error),
    }
}

fn write_beside(path: &Path, id: &DeviceId) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    writeln!(file, "{id}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine(PathBuf);

    impl Machine {
        fn new(name: &str) -> Machine {
            let root = std::env::temp_dir().join(format!("edgekit-id-{name}-{}", std::process::id()));
            drop(fs::remove_dir_all(&root));
            fs::create_dir_all(&root).unwrap();
            fs::write(root.join("machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
            Machine(root)
        }

        fn paths(&self) -> Paths {
            Paths::below(&self.0)
        }

        fn find(&self, flag: Option<&str>) -> Result<(DeviceId, IdOrigin), Error> {
            find(flag, &self.paths(), &[self.0.join("machine-id")])
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn derived_once_and_written() {
        let here = Machine::new("once");
        let (id, origin) = here.find(None).unwrap();
        let file = here.paths().config.join(FILE);
        assert_eq!(origin, IdOrigin::Derived(file.clone()));
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("{id}\n"));
        assert_eq!(fs::read_dir(here.paths().config).unwrap().count(), 1);
        // A new machine-id does not make a new device.
        fs::write(here.0.join("machine-id"), "ffffffffffffffffffffffffffffffff\n").unwrap();
        assert_eq!(here.find(None).unwrap(), (id, IdOrigin::File(file)));
    }

    #[test]
    fn the_machine_id_itself_is_not_told() {
        let machine = hex("0123456789abcdef0123456789abcdef").unwrap();
        let id = named(derive(&machine));
        // Python's hmac, and the two marks of a version 4 UUID.
        assert_eq!(id.as_str(), "bb6da62aa30b49c5ac41b73a4de90c9f");
        assert_eq!(hex("uninitialized"), None);
        assert_eq!(hex(&"0".repeat(32)), None);
    }

    #[test]
    fn without_a_machine_id_it_is_random_and_stays() {
        let here = Machine::new("random");
        fs::write(here.0.join("machine-id"), "uninitialized\n").unwrap();
        let (id, origin) = here.find(None).unwrap();
        assert_eq!(origin, IdOrigin::Random(here.paths().config.join(FILE)));
        assert_eq!(here.find(None).unwrap().0, id);
    }

    #[test]
    fn the_flag_then_etc_then_state() {
        let here = Machine::new("order");
        for (directory, name) in [(here.paths().state, "from-state"), (here.paths().config, "from-etc")] {
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join(FILE), name).unwrap();
            assert_eq!(here.find(None).unwrap().0.as_str(), name);
        }
        assert_eq!(here.find(Some("by-flag")).unwrap(), (DeviceId("by-flag".to_owned()), IdOrigin::Flag));
    }

    #[test]
    fn where_etc_cannot_be_written_the_state_directory_is() {
        let here = Machine::new("fallback");
        // A file in the place of the directory refuses root too.
        fs::write(here.paths().config, "").unwrap();
        let broken = here.find(None).unwrap_err();
        assert_eq!(broken.exit(), Exit::CONFIG);
        fs::remove_file(here.paths().config).unwrap();
        std::os::unix::fs::symlink("/proc/nowhere", here.paths().config).unwrap();
        let (_, origin) = here.find(None).unwrap();
        assert_eq!(origin, IdOrigin::Derived(here.paths().state.join(FILE)));
        fs::remove_dir_all(here.paths().state).unwrap();
        std::os::unix::fs::symlink("/proc/nowhere", here.paths().state).unwrap();
        let error = here.find(None).unwrap_err();
        assert_eq!(error.exit(), Exit::CANT_CREATE);
        assert!(error.to_string().contains("nor to"), "{error}");
    }

    #[test]
    fn a_file_that_holds_no_id_is_named() {
        let here = Machine::new("bad");
        let file = here.paths().config.join(FILE);
        fs::create_dir_all(here.paths().config).unwrap();
        for (content, why) in [
            (&b""[..], "it is empty"),
            (b"\n\n", "it is empty"),
            (b"a/b", "'a/b' holds more than letters"),
            (b"a\nb", "'a' holds more than"),
            (b"\xff\xfe", "not UTF-8"),
            (&[b'x'; 65], "longer than 64"),
            (&[b'x'; 1 << 20], "it is larger than"),
            (b"-x", "begins with a sign"),
        ] {
            fs::write(&file, content).unwrap();
            let error = here.find(None).unwrap_err();
            assert_eq!(error.exit(), Exit::CONFIG);
            assert!(error.to_string().contains(why), "{error}");
        }
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(here.find(None).unwrap_err().to_string().contains("it is a directory"));
        assert_eq!(here.find(Some("a b")).unwrap_err().exit(), Exit::USAGE);
    }

    #[test]
    fn of_two_at_once_one_wins_and_both_agree() {
        let here = Machine::new("race");
        fs::write(here.0.join("machine-id"), "").unwrap();
        let ids: Vec<DeviceId> = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..8).map(|_| scope.spawn(|| here.find(None).unwrap().0)).collect();
            tries.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
    }
}
