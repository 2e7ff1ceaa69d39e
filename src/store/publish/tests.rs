//! Publishing on the machine's own disk: bits, owners, links, left-overs. Power cuts are the proof's.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
};

use super::*;
use crate::{Disk, proof::Scratch};

#[test]
fn a_file_keeps_its_bits_and_its_link() {
    let scratch = Scratch::new();
    let (real, link) = (scratch.path("key.pem"), scratch.path("link.pem"));
    file(&Disk, &real, b"one", 0o640).unwrap();
    assert_eq!(fs::metadata(&real).unwrap().mode() & 0o777, 0o640);
    fs::set_permissions(&real, fs::Permissions::from_mode(0o604)).unwrap();
    symlink("key.pem", &link).unwrap();
    file(&Disk, &link, b"two", 0o600).unwrap();
    assert_eq!(fs::read(&real).unwrap(), b"two");
    assert_eq!(fs::metadata(&real).unwrap().mode() & 0o777, 0o604);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn an_owner_is_kept_where_we_may() {
    let scratch = Scratch::new();
    let path = scratch.path("key.pem");
    fs::write(&path, b"one").unwrap();
    if std::os::unix::fs::chown(&path, Some(4711), Some(4712)).is_ok() {
        file(&Disk, &path, b"two", 0o600).unwrap();
        let meta = fs::metadata(&path).unwrap();
        assert_eq!((meta.uid(), meta.gid(), meta.len()), (4711, 4712, 3));
    }
}

#[test]
fn an_unfinished_draft_leaves_nothing() {
    let scratch = Scratch::new();
    let path = scratch.path("image");
    file(&Disk, &path, b"old", 0o600).unwrap();
    let mut draft = Draft::new(&Disk, &path, 0o600).unwrap();
    draft.append(b"half").unwrap();
    drop(draft);
    // A process that was killed could not clean up; the next one does. Process 0 is never alive.
    fs::write(scratch.path(".image.0-7.new"), b"half").unwrap();
    // Nor could one that had our id, as the first process of a container has each time.
    let other = format!(".image.{}-{}.new", std::process::id(), u64::MAX);
    fs::write(scratch.path(&other), b"half").unwrap();
    fs::write(scratch.path(".image.backup.new"), b"not ours").unwrap();
    file(&Disk, &path, b"new", 0o600).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    let mut names = Disk.list(scratch.folder()).unwrap();
    edgekit_core::sort::natural(&mut names);
    assert_eq!(names, [".image.backup.new", "image"]);
}

#[test]
fn what_is_no_file_is_refused() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("folder")).unwrap();
    let error = file(&Disk, &scratch.path("folder"), b"x", 0o600).unwrap_err().to_string();
    assert!(error.ends_with("folder': not a regular file"), "{error}");
    symlink("round", scratch.path("round")).unwrap();
    let error = file(&Disk, &scratch.path("round"), b"x", 0o600).unwrap_err().to_string();
    assert!(error.ends_with("there are too many"), "{error}");
    let error = file(&Disk, &scratch.path("no/such"), b"x", 0o600).unwrap_err();
    assert_eq!(error.exit(), edgekit_core::Exit::NO_INPUT);
}

#[test]
fn generations_follow_each_other_and_old_ones_go() {
    let scratch = Scratch::new();
    let folder = Folder::new(&Disk, scratch.folder(), 2);
    assert_eq!(folder.current().unwrap(), None);
    for n in 1..=4u8 {
        let made = folder.publish(|stage| stage.write("cert.pem", &[n], 0o644)).unwrap();
        assert_eq!((made.number, folder.current().unwrap()), (n.into(), Some(made.clone())));
        assert_eq!(fs::read(scratch.path("current/cert.pem")).unwrap(), [n]);
    }
    let mut names = Disk.list(scratch.folder()).unwrap();
    edgekit_core::sort::natural(&mut names);
    assert_eq!(names, ["current", "gen-3", "gen-4"]);
}

#[test]
fn a_refused_generation_leaves_the_old_one() {
    let scratch = Scratch::new();
    let folder = Folder::new(&Disk, scratch.folder(), 1);
    let first = folder.publish(|stage| stage.write("a", b"1", 0o600)).unwrap();
    for name in ["", "..", "a/b"] {
        let error =
            folder.publish(|stage| stage.write("ok", b"2", 0o600).and(stage.write(name, b"2", 0o600)));
        assert_eq!(error.unwrap_err().to_string(), format!("'{name}' is not a file name"));
    }
    assert_eq!(folder.current().unwrap(), Some(first));
    assert_eq!(Disk.list(scratch.folder()).unwrap().len(), 2);
}

#[test]
fn what_an_interrupted_publish_left_is_cleared() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("gen-9")).unwrap();
    fs::write(scratch.path("gen-9/half"), b"x").unwrap();
    symlink("gen-3", scratch.path(".current.new")).unwrap();
    symlink("gen-8", scratch.path("current")).unwrap();
    let folder = Folder::new(&Disk, scratch.folder(), 3);
    let error = folder.current().unwrap_err().to_string();
    assert!(error.ends_with("the generation it leads to is gone"), "{error}");
    assert_eq!(folder.publish(|stage| stage.write("a", b"1", 0o600)).unwrap().number, 9);
    assert_eq!(folder.current().unwrap().unwrap().number, 9);
    assert_eq!(Disk.list(scratch.folder()).unwrap().len(), 2);
}
