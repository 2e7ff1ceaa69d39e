//! Links: made once, removed again, never over what is not ours.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Said, Scratch, binary, say};

/// A copy of the file in a directory of its own, as on a box.
fn on_a_box() -> (Scratch, PathBuf) {
    let scratch = Scratch::new();
    let file = scratch.join("edgekit");
    // A hard link is as good as a copy and costs nothing; another file system needs the copy.
    fs::hard_link(binary(), &file).or_else(|_| fs::copy(binary(), &file).map(drop)).expect("a copy");
    (scratch, file)
}

fn install(file: &Path, arguments: &[&str]) -> Said {
    say(Command::new(file).arg("--install").args(arguments))
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("the directory");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    edgekit_core::sort::natural(&mut names);
    names
}

fn expected(prefix: &str) -> Vec<String> {
    let applets = edgekit::APPLETS.iter().map(|applet| format!("{prefix}{}", applet.name));
    let mut names: Vec<String> = std::iter::once("edgekit".to_owned()).chain(applets).collect();
    edgekit_core::sort::natural(&mut names);
    names
}

#[test]
fn twice_is_once_and_uninstall_leaves_the_file() {
    for kind in ["--symlink", "--hardlink"] {
        let (scratch, file) = on_a_box();
        let first = install(&file, &[kind]).ends(0);
        assert_eq!(first.out.lines().count(), edgekit::APPLETS.len());
        assert_eq!(names(scratch.path()), expected("edgekit-"));
        assert_eq!(install(&file, &[kind]).ends(0).out, "");
        if let Some(applet) = edgekit::APPLETS.first() {
            let link = scratch.join(&format!("edgekit-{}", applet.name));
            say(Command::new(&link).arg("-h")).ends(0);
            let same = fs::metadata(&link).expect("it leads somewhere").ino()
                == fs::metadata(&file).expect("it").ino();
            assert!(same);
        }
        install(&file, &["--uninstall"]).ends(0);
        assert_eq!(names(scratch.path()), ["edgekit"]);
    }
}

#[test]
fn bare_names_and_another_directory() {
    let (_scratch, file) = on_a_box();
    let other = Scratch::new();
    let directory = other.path().to_string_lossy().into_owned();
    install(&file, &["--bare", &directory]).ends(0);
    assert_eq!(names(other.path()), expected(""));
    let led_to = fs::canonicalize(other.join("edgekit")).expect("it leads somewhere");
    assert_eq!(led_to, file);
    install(&file, &["--bare", "--uninstall", &directory]).ends(0);
    assert_eq!(names(other.path()), Vec::<String>::new());
}

#[test]
fn a_dry_run_does_nothing() {
    let (_scratch, file) = on_a_box();
    let other = Scratch::new();
    let directory = other.path().to_string_lossy().into_owned();
    let said = install(&file, &["--dry-run", &directory]).ends(0);
    assert!(said.out.lines().all(|line| line.starts_with("would make ")), "{}", said.out);
    assert_eq!(names(other.path()), Vec::<String>::new());
}

#[test]
fn a_foreign_file_is_named_and_stays() {
    let (_scratch, file) = on_a_box();
    let other = Scratch::new();
    fs::write(other.join("edgekit"), "mine").expect("a file");
    let directory = other.path().to_string_lossy().into_owned();
    for arguments in [&[directory.as_str()][..], &["--hardlink", &directory], &["--uninstall", &directory]] {
        let said = install(&file, arguments).ends(1);
        assert!(said.err.contains("edgekit' is not a link to this file, left alone"), "{}", said.err);
    }
    assert_eq!(fs::read_to_string(other.join("edgekit")).expect("it stays"), "mine");
}
