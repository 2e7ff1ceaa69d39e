//! Variables of an EFI firmware, as the kernel's efivarfs shows them.
//!
//! A file a variable, `NAME-GUID`: four bytes of attributes, then the value; one `write` replaces it whole. The kernel
//! guards most of them with the immutable flag (`chattr +i`), which is taken away for a write and given back.
//! Sources: Linux `Documentation/filesystems/efivarfs.rst`, `fs/efivarfs/`; UEFI 2.10 §8.2. Neighbours: `super` and
//! `boot::systemd` read and write, tests put a folder in its place.

use std::fmt;
use std::fs::{File, OpenOptions, read_dir, remove_file};
use std::io::{self, Read, Write};
use std::path::PathBuf;

use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

use crate::fault::Fault;

/// Of the variables UEFI defines: `BootNext`.
pub const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Of those systemd-boot shares with the system: `LoaderEntrySelected`.
pub const LOADER: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// Kept over a restart, for the firmware and for the system.
const ATTRIBUTES: [u8; 4] = 7_u32.to_le_bytes();
/// The largest value that is read, in bytes.
const MAX_VALUE: u64 = 64 << 10;

/// A firmware's variables. Each is written whole or not at all.
pub trait Variables: fmt::Debug + Send {
    /// A value, or `None` if there is no such variable.
    ///
    /// # Errors
    /// Those of reading.
    fn get(&self, name: &str, guid: &str) -> Result<Option<Vec<u8>>, Fault>;
    /// Sets a value; no value takes the variable away.
    ///
    /// # Errors
    /// Those of writing: a full store of the firmware, and one that is read-only.
    fn set(&self, name: &str, guid: &str, value: Option<&[u8]>) -> Result<(), Fault>;
    /// The names there are, of those UEFI defines.
    ///
    /// # Errors
    /// Those of listing.
    fn names(&self) -> Result<Vec<String>, Fault>;
}

/// The kernel's.
#[derive(Debug)]
pub struct EfiVarFs {
    folder: PathBuf,
}

impl Default for EfiVarFs {
    fn default() -> EfiVarFs {
        EfiVarFs::at("/sys/firmware/efi/efivars")
    }
}

impl EfiVarFs {
    /// In another folder.
    pub fn at(folder: impl Into<PathBuf>) -> EfiVarFs {
        EfiVarFs { folder: folder.into() }
    }

    fn path(&self, name: &str, guid: &str) -> PathBuf {
        self.folder.join(format!("{name}-{guid}"))
    }
}

impl Variables for EfiVarFs {
    fn get(&self, name: &str, guid: &str) -> Result<Option<Vec<u8>>, Fault> {
        let path = self.path(name, guid);
        let mut bytes = Vec::new();
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => {
                let file = file.map_err(Fault::io("open", &path))?;
                file.take(MAX_VALUE).read_to_end(&mut bytes).map_err(Fault::io("read", &path))?;
            }
        }
        Ok(bytes.get(ATTRIBUTES.len()..).map(<[u8]>::to_vec))
    }

    fn set(&self, name: &str, guid: &str, value: Option<&[u8]>) -> Result<(), Fault> {
        let path = self.path(name, guid);
        let guard = match File::open(&path) {
            Ok(file) => Guard::open(file).map_err(Fault::io("unlock", &path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && value.is_none() => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Guard(None),
            Err(error) => return Err(Fault::io("open", &path)(error)),
        };
        let Some(value) = value else {
            // The flag goes with the file.
            guard.forget();
            return remove_file(&path).map_err(Fault::io("remove", &path));
        };
        let bytes = [&ATTRIBUTES, value].concat();
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Fault::io("open", &path))?;
        match file.write(&bytes) {
            Ok(written) if written == bytes.len() => Ok(()),
            Ok(_) => Err(Fault::io("write", &path)(io::ErrorKind::WriteZero.into())),
            Err(error) => Err(Fault::io("write", &path)(error)),
        }
    }

    fn names(&self) -> Result<Vec<String>, Fault> {
        let all = read_dir(&self.folder).map_err(Fault::io("list", &self.folder))?;
        let mut names = Vec::new();
        for entry in all {
            let name = entry.map_err(Fault::io("list", &self.folder))?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(GLOBAL)?.strip_suffix('-'));
            names.extend(name.map(str::to_owned));
        }
        Ok(names)
    }
}

/// Gives a file its immutable flag back.
struct Guard(Option<(File, IFlags)>);

impl Guard {
    fn open(file: File) -> io::Result<Guard> {
        let flags = match ioctl_getflags(&file) {
            Ok(flags) => flags,
            // A folder that stands in for efivarfs may know no flags.
            Err(_) => return Ok(Guard(None)),
        };
        if !flags.contains(IFlags::IMMUTABLE) {
            return Ok(Guard(None));
        }
        ioctl_setflags(&file, flags - IFlags::IMMUTABLE)?;
        Ok(Guard(Some((file, flags))))
    }

    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some((file, flags)) = &self.0 {
            // The value is written; a variable without its guard is as safe as BootOrder, which has none.
            let _guarded = ioctl_setflags(file, *flags);
        }
    }
}

/// UTF-16 as the firmware stores text, up to its NUL.
pub(in crate::boot) fn utf16(bytes: &[u8]) -> String {
    let (units, _) = bytes.as_chunks::<2>();
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|unit| *unit != 0);
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Variables in memory, and on a recording disk where a power cut is to be looked at.
#[cfg(test)]
#[derive(Clone, Debug)]
pub(in crate::boot) struct Recorded(pub edgekit_store::proof::Recorder);

#[cfg(test)]
impl Variables for Recorded {
    fn get(&self, name: &str, guid: &str) -> Result<Option<Vec<u8>>, Fault> {
        use edgekit_store::Fs;
        let path = PathBuf::from(format!("/efivars/{name}-{guid}"));
        match self.0.stat(&path).expect("looked") {
            Some(_) => Ok(Some(crate::boot::uboot::copies::read(&self.0, &path, 4096)?)),
            None => Ok(None),
        }
    }

    fn set(&self, name: &str, guid: &str, value: Option<&[u8]>) -> Result<(), Fault> {
        use edgekit_store::Fs;
        let path = PathBuf::from(format!("/efivars/{name}-{guid}"));
        match value {
            Some(value) => Ok(edgekit_store::publish::file(&self.0, &path, value, 0o600)?),
            None if self.0.stat(&path).expect("looked").is_none() => Ok(()),
            None => {
                self.0.remove(&path).expect("removed");
                self.0.sync_folder(std::path::Path::new("/efivars")).map_err(Fault::io("flush", &path))
            }
        }
    }

    fn names(&self) -> Result<Vec<String>, Fault> {
        use edgekit_store::Fs;
        let all = self.0.list(std::path::Path::new("/efivars")).expect("listed");
        Ok(all
            .iter()
            .filter_map(|name| Some(name.strip_suffix(GLOBAL)?.strip_suffix('-')?.to_owned()))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_store::proof::Scratch;
    use std::fs;

    #[test]
    fn a_variable_is_attributes_and_a_value() {
        let scratch = Scratch::new();
        let vars = EfiVarFs::at(scratch.folder());
        assert_eq!(vars.get("BootNext", GLOBAL).expect("read"), None);
        vars.set("BootNext", GLOBAL, Some(&[1, 0])).expect("written");
        let path = scratch.path(&format!("BootNext-{GLOBAL}"));
        assert_eq!(fs::read(&path).expect("there"), [7, 0, 0, 0, 1, 0]);
        assert_eq!(vars.get("BootNext", GLOBAL).expect("read"), Some(vec![1, 0]));
        assert_eq!(vars.names().expect("listed"), ["BootNext"]);
        vars.set("BootNext", GLOBAL, None).expect("removed");
        vars.set("BootNext", GLOBAL, None).expect("nothing to do");
        assert!(!path.exists());
    }

    #[test]
    fn text_of_the_firmware_ends_at_its_nul() {
        let bytes: Vec<u8> = "edgekit-ä\0rest".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(utf16(&bytes), "edgekit-ä");
        assert_eq!(utf16(&[0x00, 0xd8, 1]), "\u{fffd}");
    }
}
