//! Who else has a place: what the kernel says of mounts, holders, loop devices and read-only disks.
//!
//! Read before the first write. The kernel refuses most of it by itself when a block device is opened exclusively, but
//! with one word for everything; here each reason has its name. A place that is not on this machine, as on the disk in
//! memory of the proof, has nobody.
//!
//! Sources: proc_pid_mountinfo(5); Documentation/ABI/testing/sysfs-block (`ro`, `holders`), `loop/backing_file` of
//! drivers/block/loop.c; open(2) on `O_EXCL` without `O_CREAT`.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use edgekit_core::units::Size;
use edgekit_store::{Access, Disk, Fs};

use super::plain::folder_of;
use crate::fault::Fault;

/// A block device, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Device {
    major: u32,
    minor: u32,
}

impl Device {
    /// The block device at a path; `None` for anything else, and for nothing.
    pub(crate) fn of(path: &Path) -> Result<Option<Device>, Fault> {
        let meta = match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            meta => meta.map_err(Fault::io("look at", path))?,
        };
        if !meta.file_type().is_block_device() {
            return Ok(None);
        }
        let number = meta.rdev();
        Ok(Some(Device { major: rustix::fs::major(number), minor: rustix::fs::minor(number) }))
    }

    /// Whether an image of `size` bytes can be written to it.
    pub(super) fn check(self, path: &Path, size: u64) -> Result<(), Fault> {
        let place = path.display();
        if let Some(point) = mounts(&read("/proc/self/mountinfo")?, path, self) {
            let (what, hint) = match point.as_str() {
                "/" => (
                    format!("'{place}' is the root file system that runs"),
                    "the slot that runs is never written; check 'a' and 'b' of the configuration",
                ),
                point => (format!("'{place}' is mounted at '{point}'"), "unmount it first"),
            };
            return Err(Fault::Target(what, hint.to_owned()));
        }
        if let Some(holder) = self.holder() {
            return Err(Fault::Target(
                format!("'{place}' is part of the device '{holder}'"),
                format!("name '/dev/{holder}' in the configuration, or stop it"),
            ));
        }
        if self.fact("ro").as_deref() == Some("1") {
            return Err(Fault::Target(
                format!("'{place}' is read-only"),
                "'blockdev --setrw' may change that, or a switch at the card".to_owned(),
            ));
        }
        // Exclusively, but only to be read: closing a device that was open for writing wakes udev.
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::EXCL | rustix::fs::OFlags::CLOEXEC;
        match rustix::fs::open(path, flags, rustix::fs::Mode::empty()) {
            Err(rustix::io::Errno::BUSY) => {
                return Err(Fault::Target(
                    format!("'{place}' is in use"),
                    "'lsblk' and '/proc/swaps' show by whom".to_owned(),
                ));
            }
            opened => drop(opened.map_err(|errno| Fault::io("open", path)(errno.into()))?),
        }
        let file = Disk.open(path, Access::Image).map_err(Fault::io("open", path))?;
        let room = file.size().map_err(Fault::io("measure", path))?;
        if room < size {
            return Err(Fault::Target(
                format!("'{place}' has {room} bytes, and the image has {size}"),
                "it needs a larger partition, or a smaller image".to_owned(),
            ));
        }
        Ok(())
    }

    fn fact(self, name: &str) -> Option<String> {
        let path = format!("/sys/dev/block/{}:{}/{name}", self.major, self.minor);
        Some(std::fs::read_to_string(path).ok()?.trim().to_owned())
    }

    /// A device made of this one: dm-crypt, LVM, a RAID.
    fn holder(self) -> Option<String> {
        let folder = format!("/sys/dev/block/{}:{}/holders", self.major, self.minor);
        let mut names = std::fs::read_dir(folder).ok()?.flatten();
        names.next().map(|entry| entry.file_name().to_string_lossy().into_owned())
    }
}

/// Where a device is mounted, by its number or, where a file system has a number of its own, by the name of its source.
fn mounts(table: &str, path: &Path, device: Device) -> Option<String> {
    let number = format!("{}:{}", device.major, device.minor);
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    table.lines().find_map(|line| {
        let (front, back) = line.split_once(" - ")?;
        let mut fields = front.split(' ').skip(2);
        let (of, _root, point) = (fields.next()?, fields.next()?, fields.next()?);
        let source = back.split(' ').nth(1).map(unescape)?;
        (of == number || Path::new(&source) == real).then(|| unescape(point))
    })
}

/// `\040` and its like, as the kernel writes spaces, tabs, line ends and backslashes.
fn unescape(field: &str) -> String {
    let mut out = String::new();
    let mut rest = field;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let code = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        out.push(code.map_or('\\', char::from));
        rest = code.map_or(after, |_| &after[3..]);
    }
    out + rest
}

/// Whether no loop device shows an image file, which would change under whoever has it mounted.
pub(super) fn is_free_file(path: &Path) -> Result<(), Fault> {
    let Ok(real) = std::fs::canonicalize(path) else { return Ok(()) };
    let Ok(devices) = std::fs::read_dir("/sys/block") else { return Ok(()) };
    for device in devices.flatten() {
        let backing = std::fs::read_to_string(device.path().join("loop/backing_file"));
        if backing.is_ok_and(|backing| Path::new(backing.trim_end()) == real) {
            let name = device.file_name();
            return Err(Fault::Target(
                format!("'{}' is in use by the loop device '{}'", path.display(), name.display()),
                format!("unmount it, then 'losetup -d /dev/{}'", name.display()),
            ));
        }
    }
    Ok(())
}

/// Whether two places are two: names that lead to the same file or device, by links or otherwise, are one place.
pub(crate) fn is_another(place: &str, running: &str) -> Result<(), Fault> {
    match is_one(place.as_ref(), running.as_ref()) {
        true => Err(Fault::Target(
            format!("'{place}' and '{running}' are the same, and what runs is in it"),
            "the slot that runs is never written; check 'a' and 'b' of the configuration".to_owned(),
        )),
        false => Ok(()),
    }
}

/// True if both names lead to the same file or device.
pub(crate) fn is_one(one: &Path, other: &Path) -> bool {
    let of = |path: &Path| {
        let meta = std::fs::metadata(path).ok()?;
        let is_device = meta.file_type().is_block_device();
        Some(if is_device { (true, 0, meta.rdev()) } else { (false, meta.dev(), meta.ino()) })
    };
    of(one).is_some_and(|one| of(other) == Some(one))
}

/// Whether so many bytes more fit where a path is, or will be.
pub(super) fn has_space(fs: &dyn Fs, path: &Path, bytes: u64) -> Result<(), Fault> {
    let mut folder = folder_of(path);
    // What is not there yet is made below what is.
    while fs.stat(folder).map_err(Fault::io("look at", folder))?.is_none() {
        folder = match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => break,
        };
    }
    let space = fs.space(folder).map_err(Fault::io("measure the space of", folder))?;
    if space < bytes {
        return Err(Fault::Target(
            format!("'{}' needs {} more, and {} are free", path.display(), Size(bytes), Size(space)),
            format!("free some space below '{}'", folder.display()),
        ));
    }
    Ok(())
}

fn read(path: &str) -> Result<String, Fault> {
    std::fs::read_to_string(path).map_err(Fault::io("read", PathBuf::from(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_found_by_number_and_by_source() {
        let table = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n\
                     40 35 0:33 / /mnt/a\\040b rw - btrfs /dev/null rw\nnonsense\n";
        let at = |major, minor, path: &str| mounts(table, Path::new(path), Device { major, minor });
        assert_eq!(at(98, 0, "/dev/sda1").as_deref(), Some("/mnt2"));
        assert_eq!(at(1, 3, "/dev/null").as_deref(), Some("/mnt/a b"));
        assert_eq!(at(98, 1, "/dev/sda2"), None);
        assert_eq!(unescape("a\\\\134b\\"), "a\\\\b\\");
    }
}
