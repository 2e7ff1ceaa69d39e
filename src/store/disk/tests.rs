//! Disks that refuse: full ones and read-only ones, each a tmpfs in a mount namespace of the test's own.
//!
//! The proof looks at every order of writes on a disk in memory; this is the real [`Disk`] with what a kernel really
//! says. Without root there is nothing to mount, and each test says that it was skipped.

use std::{collections::BTreeMap, fs, process::Command, sync::Arc};

use super::*;
use crate::{
    Options, Table,
    proof::Scratch,
    publish::{self, Folder},
};
use edgekit_core::Exit;

/// Set in the process that has a mount namespace of its own.
const INSIDE: &str = "EDGEKIT_STORE_TEST_INSIDE";

/// A tmpfs.
struct Mount {
    scratch: Scratch,
}

impl Mount {
    /// Inside, an empty tmpfs of 512 KiB. Outside, runs the test `name` again inside, and gives nothing.
    fn new(name: &str) -> Option<Mount> {
        if std::env::var_os(INSIDE).is_some() {
            let mount = Mount { scratch: Scratch::new() };
            run(Command::new("mount")
                .args(["-t", "tmpfs", "-o", "size=512k,mode=755", "tmpfs"])
                .arg(mount.folder()));
            return Some(mount);
        }
        if Disk.user() != 0 {
            println!("skipped: only root mounts");
            return None;
        }
        let mut again = Command::new("unshare");
        again.args(["--mount", "--propagation", "private"]).arg(std::env::current_exe().unwrap());
        run(again.args(["--exact", &format!("disk::tests::{name}"), "--nocapture"]).env(INSIDE, "1"));
        None
    }

    fn folder(&self) -> &Path {
        self.scratch.folder()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path(name)
    }

    fn set_read_only(&self, yes: bool) {
        let option = if yes { "remount,ro" } else { "remount,rw" };
        run(Command::new("mount").args(["-o", option]).arg(self.folder()));
    }

    /// Takes all space that is left.
    fn fill(&self) {
        let mut bytes = 512 << 10;
        let mut filler = Vec::new();
        while bytes > 0 {
            filler.resize(filler.len() + bytes, 1);
            if fs::write(self.path("filler"), &filler).is_err() {
                filler.truncate(filler.len() - bytes);
                bytes /= 2;
            }
        }
        // What did not fit to the last byte is there all the same, and its last page is taken.
        assert!(fs::write(self.path("one more"), [1]).is_err());
        drop(fs::remove_file(self.path("one more")));
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        edgekit_core::sort::natural(&mut names);
        names
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        run(Command::new("umount").args(["-l"]).arg(self.folder()));
    }
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}{err}");
}

fn open(path: &Path) -> Result<Table, Error> {
    Table::open(Arc::new(Disk), path, Options { cap: 128 << 10, ..Options::default() })
}

fn contents(table: &Table) -> BTreeMap<Vec<u8>, Vec<u8>> {
    table.read(BTreeMap::clone)
}

#[track_caller]
fn says(error: &Error, exit: Exit, reason: &str, hint: &str) {
    let text = error.to_string();
    assert!(text.starts_with("cannot ") && text.ends_with(reason), "{text}");
    assert_eq!((error.exit(), error.hint().as_deref()), (exit, Some(hint)), "{text}");
}

#[test]
fn a_full_disk_refuses_says_so_and_loses_nothing() {
    let Some(mount) = Mount::new("a_full_disk_refuses_says_so_and_loses_nothing") else { return };
    let full = |error: &Error| {
        says(error, Exit::IO, "no space left on device", "free some space: everything acknowledged is kept");
    };
    let (path, file, root) = (mount.path("table"), mount.path("file"), mount.path("certs"));
    let table = open(&path).unwrap();
    let mut told = BTreeMap::new();
    let put = |table: &Table, told: &mut BTreeMap<Vec<u8>, Vec<u8>>, n: u8| {
        let (key, value) = (vec![n % 20], vec![n; 1000]);
        table.put(&key, &value).map(|()| drop(told.insert(key, value)))
    };
    (0..8).for_each(|n| put(&table, &mut told, n).unwrap());
    publish::file(&Disk, &file, b"old", 0o600).unwrap();
    fs::create_dir(&root).unwrap();
    let folder = Folder::new(&Disk, &root, 2);
    let first = folder.publish(|stage| stage.write("cert", b"old", 0o600)).unwrap();

    mount.fill();
    let before = mount.names();
    let refused = (8..=255).find_map(|n| put(&table, &mut told, n).err()).unwrap();
    full(&refused);
    assert_eq!(contents(&table), told);
    full(&publish::file(&Disk, &file, &[2; 9000], 0o600).unwrap_err());
    full(&folder.publish(|stage| stage.write("cert", &[2; 9000], 0o600)).unwrap_err());
    assert_eq!(fs::read(&file).unwrap(), b"old");
    assert_eq!(folder.current().unwrap(), Some(first));
    assert_eq!(mount.names(), before, "no half-made file is left");
    full(&open(&mount.path("another")).unwrap_err());
    drop(table);
    assert_eq!(contents(&open(&path).unwrap()), told, "opened on the full disk");

    fs::remove_file(mount.path("filler")).unwrap();
    let table = open(&path).unwrap();
    (0..=255).for_each(|n| put(&table, &mut told, n).unwrap());
    publish::file(&Disk, &file, b"new", 0o600).unwrap();
    assert_eq!(folder.publish(|stage| stage.write("cert", b"new", 0o600)).unwrap().number, 2);
    drop(table);
    assert_eq!(contents(&open(&path).unwrap()), told);
}

#[test]
fn space_that_comes_back_is_used_without_a_restart() {
    let Some(mount) = Mount::new("space_that_comes_back_is_used_without_a_restart") else { return };
    let table = open(&mount.path("table")).unwrap();
    mount.fill();
    let refused = (0..=255).find(|n| table.put(&[n % 20], &[*n; 1000]).is_err()).unwrap();
    fs::remove_file(mount.path("filler")).unwrap();
    (refused..=255).for_each(|n| table.put(&[n % 20], &[n; 1000]).unwrap());
    assert_eq!(contents(&table).len(), 20);
}

#[test]
fn a_read_only_disk_is_read_and_refuses() {
    let Some(mount) = Mount::new("a_read_only_disk_is_read_and_refuses") else { return };
    let read_only = |error: &Error| {
        says(error, Exit::CANT_CREATE, "read-only file system", "mount the disk writable; reading works");
    };
    let (path, file, root) = (mount.path("table"), mount.path("file"), mount.path("certs"));
    open(&path).unwrap().put(b"key", b"value").unwrap();
    publish::file(&Disk, &file, b"old", 0o600).unwrap();
    fs::create_dir(&root).unwrap();
    let folder = Folder::new(&Disk, &root, 2);
    let first = folder.publish(|stage| stage.write("cert", b"old", 0o600)).unwrap();
    let before = mount.names();
    mount.set_read_only(true);

    read_only(&open(&path).unwrap_err());
    read_only(&publish::file(&Disk, &file, b"new", 0o600).unwrap_err());
    read_only(&folder.publish(|stage| stage.write("cert", b"new", 0o600)).unwrap_err());
    let reader = Table::open_to_read(Arc::new(Disk), &path, Box::new(|_| {})).unwrap();
    assert_eq!(reader.get(b"key"), Some(b"value".to_vec()));
    assert!(matches!(reader.put(b"key", b"new"), Err(Error::ReadOnly { .. })));
    assert_eq!(fs::read(&file).unwrap(), b"old");
    assert_eq!(folder.current().unwrap(), Some(first));
    assert_eq!(mount.names(), before);

    mount.set_read_only(false);
    open(&path).unwrap().put(b"key", b"new").unwrap();
}

#[test]
fn a_file_is_changed_where_it_is() {
    let scratch = Scratch::new();
    let path = scratch.path("block");
    fs::write(&path, b"0123456789").unwrap();
    let before = fs::metadata(&path).unwrap().ino();
    let file = Disk.open(&path, Access::Change).unwrap();
    file.write_at(3, b"abc").unwrap();
    file.sync().unwrap();
    assert_eq!((file.size().unwrap(), fs::read(&path).unwrap()), (10, b"012abc6789".to_vec()));
    assert_eq!(fs::metadata(&path).unwrap().ino(), before);
    assert_eq!(
        Disk.open(Path::new("/dev/null"), Access::Change).unwrap_err().kind(),
        io::ErrorKind::InvalidInput
    );
}

#[test]
fn images_are_opened_through_links_and_hold_what_archives_keep() {
    let scratch = Scratch::new();
    let (image, link) = (scratch.path("image"), scratch.path("link"));
    fs::write(&image, b"old image").unwrap();
    std::os::unix::fs::symlink("image", &link).unwrap();
    let file = Disk.open(&link, Access::Target).unwrap();
    file.write_at(4, b"IMAGE").unwrap();
    file.forget(0, 9);
    file.sync().unwrap();
    let mut bytes = [0; 9];
    let read = Disk.open(&link, Access::Image).unwrap();
    assert_eq!((read.size().unwrap(), read.read_at(0, &mut bytes).unwrap()), (9, 9));
    assert_eq!(&bytes, b"old IMAGE");
    assert!(Disk.open(scratch.folder(), Access::Image).is_err());
    assert!(Disk.open(&scratch.path("none"), Access::Target).is_err());

    let before = Disk.stat(&image).unwrap().unwrap();
    let dress = Dress { mode: 0o640, uid: before.uid, gid: before.gid, mtime: Some(1_000_000_007) };
    Disk.dress(&image, &dress).unwrap();
    Disk.dress(&link, &dress).unwrap();
    let after = Disk.stat(&image).unwrap().unwrap();
    assert_eq!((after.mode, after.mtime), (0o640, 1_000_000_007));
    assert_eq!(Disk.stat(&link).unwrap().unwrap().mtime, 1_000_000_007);
    Disk.link(&image, &scratch.path("same")).unwrap();
    assert_eq!(Disk.stat(&scratch.path("same")).unwrap().unwrap().id, after.id);
    Disk.sync_all(scratch.folder()).unwrap();
    assert!(Disk.space(scratch.folder()).unwrap() > 0);
}

#[test]
fn an_image_reads_the_same_past_the_page_cache_and_through_it() {
    let scratch = Scratch::new();
    let path = scratch.path("image");
    let bytes: Vec<u8> = (0..3 * 4096 + 777_u32).map(|at| (at % 251) as u8).collect();
    fs::write(&path, &bytes).unwrap();
    let image = Disk.open(&path, Access::Image).unwrap();
    let mut room = vec![0; 5 * 4096];
    let start = room.as_ptr().align_offset(4096);
    for (shift, offset, len) in
        [(0, 0, 8192), (0, 4096, 4096), (0, 4096, 3 * 4096), (1, 0, 8192), (0, 5, 100), (0, 8192, 4873)]
    {
        let into = &mut room[start + shift..][..len];
        let mut filled = 0;
        while filled < len {
            match image.read_at((offset + filled) as u64, &mut into[filled..]).unwrap() {
                0 => break,
                read => filled += read,
            }
        }
        let end = bytes.len().min(offset + len);
        assert_eq!((filled, &into[..filled]), (end - offset, &bytes[offset..end]), "{shift} {offset} {len}");
    }
}
