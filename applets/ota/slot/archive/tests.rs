//! Folders as archives and back, in pieces of any size, and archives that lie.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use edgekit_store::proof::{Dice, Recorder, Scratch};
use edgekit_store::{Access, Disk, Dress, Fs};

use super::entry::{Entry, What};
use super::unpack::Unpacker;
use super::walk::Archive;
use super::{BLOCK, END};
use crate::image::Image;

/// A folder with a bit of everything.
fn fill(fs: &dyn Fs, folder: &Path) {
    let at = |name: &str| folder.join(name);
    let dress = |path: &Path, mode, mtime| {
        let stat = fs.stat(path).expect("looked").expect("there");
        fs.dress(path, &Dress { mode, uid: stat.uid, gid: stat.gid, mtime: Some(mtime) }).expect("dressed");
    };
    fs.make_folder(folder, 0o755).expect("made");
    fs.make_folder(&at("bin"), 0o755).expect("made");
    fs.make_folder(&at("empty"), 0o700).expect("made");
    let long = "n".repeat(140);
    for (name, len) in [("bin/tool", 1300), ("bin-x", 512), ("none", 0), (long.as_str(), 77)] {
        let file = fs.open(&at(name), Access::New(0o644)).expect("made");
        file.write_at(0, &vec![b'x'; len]).expect("written");
        drop(file);
        dress(&at(name), 0o751, 1_700_000_000 + len as i64);
    }
    fs.make_link(Path::new("../bin-x"), &at("bin/link")).expect("made");
    dress(&at("bin/link"), 0o777, 5);
    dress(&at("bin"), 0o750, 0);
}

fn bytes(image: &dyn Image) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(image.size()).expect("small")];
    image.read(0, &mut bytes).expect("read");
    bytes
}

fn archive(fs: &Arc<dyn Fs>, folder: &str) -> Archive {
    Archive::of(fs.clone(), Path::new(folder)).expect("an archive")
}

#[test]
fn a_folder_comes_back_whatever_the_pieces() {
    let fs: Arc<dyn Fs> = Arc::new(Recorder::new(1));
    fill(&*fs, Path::new("/old"));
    let archive_ = archive(&fs, "/old");
    let whole = bytes(&archive_);
    let mut dice = Dice(7);
    for _ in 0..200 {
        let from = dice.below(whole.len() as u64) as usize;
        let until = from + dice.below((whole.len() - from) as u64 + 1) as usize;
        let mut piece = vec![9; until - from];
        archive_.read(from as u64, &mut piece).expect("read");
        assert_eq!(piece, whole[from..until], "{from} {until}");
    }
    for round in 0..40 {
        let folder = format!("/new-{round}");
        let mut unpacker = Unpacker::new(fs.clone(), Path::new(&folder));
        let mut at = 0;
        while at < whole.len() {
            let len = (1 + dice.below(900) as usize).min(whole.len() - at);
            unpacker.feed(&whole[at..at + len]).expect("an archive");
            at += len;
            if dice.below(3) == 0 {
                // What came after the memo is made anew.
                let memo = unpacker.memo();
                let more = (dice.below(3000) as usize).min(whole.len() - at);
                unpacker.feed(&whole[at..at + more]).expect("an archive");
                unpacker = Unpacker::resume(fs.clone(), Path::new(&folder), &memo).expect("resumed");
            }
        }
        unpacker.finish().expect("whole");
        assert_eq!(bytes(&archive(&fs, &folder)), whole);
    }
}

#[test]
fn changed_archives_are_refused_or_come_back_as_they_are() {
    let fs: Arc<dyn Fs> = Arc::new(Recorder::new(1));
    fill(&*fs, Path::new("/old"));
    let whole = bytes(&archive(&fs, "/old"));
    let mut dice = Dice(3);
    let mut accepted = 0;
    for _ in 0..1500 {
        let fs: Arc<dyn Fs> = Arc::new(Recorder::new(1));
        let mut changed = whole.clone();
        for _ in 0..=dice.below(2) {
            let at = dice.below(changed.len() as u64) as usize;
            changed[at] ^= 1 << dice.below(8);
        }
        if dice.below(4) == 0 {
            changed.truncate(dice.below(changed.len() as u64) as usize);
        }
        let mut unpacker = Unpacker::new(fs.clone(), Path::new("/new"));
        let came = changed.chunks(700).try_for_each(|piece| {
            unpacker.feed(piece)?;
            unpacker = Unpacker::resume(fs.clone(), Path::new("/new"), &unpacker.memo())?;
            Ok::<(), crate::Fault>(())
        });
        if came.is_ok() && unpacker.finish().is_ok() {
            assert_eq!(bytes(&archive(&fs, "/new")), changed);
            accepted += 1;
        }
    }
    // What is in files may be anything.
    assert!((10..1400).contains(&accepted), "{accepted}");
}

#[test]
fn tar_reads_what_is_written() {
    let scratch = Scratch::new();
    let fs: Arc<dyn Fs> = Arc::new(Disk);
    fill(&Disk, &scratch.path("old"));
    let whole = bytes(&Archive::of(fs.clone(), &scratch.path("old")).expect("an archive"));
    std::fs::write(scratch.path("x.tar"), &whole).expect("written");
    std::fs::create_dir(scratch.path("new")).expect("made");
    let mut tar = Command::new("tar");
    let done =
        tar.arg("-xpf").arg(scratch.path("x.tar")).arg("-C").arg(scratch.path("new")).status().expect("tar");
    assert!(done.success());
    assert_eq!(bytes(&Archive::of(fs.clone(), &scratch.path("new")).expect("an archive")), whole);
    let mut unpacker = Unpacker::new(fs.clone(), &scratch.path("ours"));
    unpacker.feed(&whole).expect("an archive");
    unpacker.finish().expect("whole");
    assert_eq!(bytes(&Archive::of(fs, &scratch.path("ours")).expect("an archive")), whole);
}

#[test]
fn what_no_archive_holds_is_named() {
    let scratch = Scratch::new();
    let fs: Arc<dyn Fs> = Arc::new(Disk);
    let why = || Archive::of(fs.clone(), scratch.folder()).expect_err("refused").to_string();
    std::os::unix::fs::symlink("/etc", scratch.path("link")).expect("made");
    assert!(why().contains("leads out of the folder, to '/etc'"), "{}", why());
    std::fs::remove_file(scratch.path("link")).expect("removed");
    let _socket = std::os::unix::net::UnixListener::bind(scratch.path("socket")).expect("made");
    assert!(why().contains("is a device, a socket or a pipe"), "{}", why());
}

fn entry(path: &str, what: What) -> Vec<u8> {
    Entry { path: path.to_owned(), what, mode: 0o700, uid: 0, gid: 0, mtime: 0 }.encode()
}

#[test]
fn archives_that_lie_are_refused() {
    let root = || entry("", What::Folder);
    let file = |size: u64, bytes: usize| [entry("a", What::File(size)), vec![1; bytes]].concat();
    let end = vec![0; END];
    let block = vec![0; BLOCK];
    for (parts, why) in [
        (vec![root()], "ends too early"),
        (vec![root(), file(5, 5)], "ends too early"),
        (vec![root(), block.clone()], "ends too early"),
        (vec![end.clone()], "something follows its end"),
        (vec![root(), end.clone(), block.clone()], "something follows its end"),
        (vec![root(), block.clone(), entry("a", What::Folder)], "something follows its end"),
        (vec![root(), file(5, 6), vec![0; 506], end.clone()], "goes on after its end"),
        (vec![root(), file(5, 512), end.clone()], "goes on after its end"),
        (vec![entry("a", What::Folder), end.clone()], "not the folder itself"),
        (vec![root(), entry("a", What::Folder), entry("a", What::Folder), end.clone()], "there twice"),
        (vec![root(), entry("b", What::Folder), entry("a", What::Folder), end.clone()], "in its order"),
        (
            vec![root(), entry("a", What::Link("b".into())), entry("a/c", What::Folder), end.clone()],
            "no folder of",
        ),
        (vec![root(), entry("a", What::Link("..".into())), end.clone()], "leads out"),
        (vec![root(), entry("../a", What::Folder), end.clone()], "no path below"),
    ] {
        let fs: Arc<dyn Fs> = Arc::new(Recorder::new(1));
        let mut unpacker = Unpacker::new(fs, Path::new("/x"));
        let refused = parts.iter().try_for_each(|part| unpacker.feed(part)).and_then(|()| unpacker.finish());
        let refused = refused.expect_err(why).to_string();
        assert!(refused.contains(why), "{why}: {refused}");
    }
}
