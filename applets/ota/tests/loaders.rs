//! Row 8.6: the environments of boot loaders beside the tools that come with them.
//!
//! Random changes are made by both, each in files of its own, and after each the files are compared byte by byte; then
//! each reads, and goes on with, what the other has written. A tool that is not on this machine is named and passed
//! over. The line `states compared` is what `scripts/bench/ota` reads.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use edgekit_ota::boot::grub::block::Block;
use edgekit_ota::boot::uboot::copies::Copies;
use edgekit_ota::boot::uboot::env::{Env, Flag, current, following};
use edgekit_store::Disk;
use edgekit_store::proof::{Dice, Scratch};

/// True if there is such a program; says so if not.
fn is_there(tool: &str, package: &str) -> bool {
    let found = Command::new(tool).arg("--help").output().is_ok();
    if !found {
        println!("passed over: there is no '{tool}' here; it is in Debian's {package}");
    }
    found
}

/// Runs a tool in a folder, to its success.
#[track_caller]
fn run(tool: &str, words: &[&str], folder: &Path) -> String {
    let done = Command::new(tool).args(words).current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{tool} {words:?}: {said}");
    String::from_utf8(done.stdout).unwrap()
}

/// Names and values that try what a format minds.
struct Words(Dice);

impl Words {
    fn name(&mut self) -> String {
        let names = ["a", "ab", "B", "bootcount", "BOOT_ORDER", "BOOT_a_LEFT", "z9", "_x", "aa", "A"];
        names[self.0.below(names.len() as u64) as usize].to_owned()
    }

    fn value(&mut self, odd: &[&str]) -> String {
        let len = self.0.below(30) as usize;
        let mut value: String = (0..len).map(|_| char::from(b'!' + self.0.below(90) as u8)).collect();
        if self.0.below(3) == 0 {
            value.insert_str(0, odd[self.0.below(odd.len() as u64) as usize]);
        }
        // A tool takes a word that begins with a dash for an option.
        value.trim_start_matches('-').to_owned()
    }
}

/// Where U-Boot's copies are in a test.
struct Place {
    folder: PathBuf,
    size: usize,
    lines: Vec<(&'static str, i64)>,
}

impl Place {
    fn new(scratch: &Scratch, name: &str, size: usize, lines: &[(&'static str, i64)]) -> Place {
        let folder = scratch.path(name);
        fs::create_dir(&folder).unwrap();
        let mut config = String::new();
        for (file, offset) in lines {
            let path = folder.join(file);
            let end = usize::try_from(*offset).unwrap() + size;
            let len = fs::metadata(&path).map_or(0, |meta| meta.len() as usize).max(end);
            fs::write(&path, vec![0; len]).unwrap();
            config += &format!("{} {offset:#x} {size:#x}\n", path.display());
        }
        fs::write(folder.join("fw_env.config"), config).unwrap();
        fs::write(folder.join("default"), "bootcmd=run me\nserial#=0815\n").unwrap();
        Place { folder, size, lines: lines.to_vec() }
    }

    fn setenv(&self, name: &str, value: Option<&str>) {
        let words = ["-c", "fw_env.config", "-f", "default", name];
        run("fw_setenv", &[&words[..], value.as_slice()].concat(), &self.folder);
    }

    fn copies(&self) -> Copies {
        Copies::open(Arc::new(Disk), &self.folder.join("fw_env.config"), true).unwrap()
    }

    fn bytes(&self) -> Vec<Vec<u8>> {
        self.lines.iter().map(|(file, _)| fs::read(self.folder.join(file)).unwrap()).collect()
    }

    /// The copies as they would be with zeros behind the last variable: what lies there is left over in the tool's
    /// memory, and sealed with the rest.
    fn clean(&self) -> Vec<Vec<u8>> {
        let redundant = self.lines.len() == 2;
        let copy = |(bytes, (_, offset)): (Vec<u8>, &(&str, i64))| {
            let bytes = &bytes[*offset as usize..][..self.size];
            match Env::open(bytes, redundant) {
                Ok((env, flag)) => env.seal(self.size, redundant.then_some(flag)).unwrap(),
                Err(_) => bytes.to_vec(),
            }
        };
        self.bytes().into_iter().zip(&self.lines).map(copy).collect()
    }
}

/// Changes both in the same way, and compares; how many states there were, and how many with the tool's left-overs.
fn compare_uboot(size: usize, lines: &[(&'static str, i64)], seed: u64, turns: u64) -> (u64, u64) {
    let scratch = Scratch::new();
    let (ours, theirs) =
        (Place::new(&scratch, "ours", size, lines), Place::new(&scratch, "theirs", size, lines));
    // The first environment is theirs in both: ours does not make one up.
    for place in [&ours, &theirs] {
        place.setenv("first", Some("1"));
    }
    let (mut words, mut dirty) = (Words(Dice(seed)), 0);
    for turn in 0..turns {
        let name = words.name();
        let value = (words.0.below(4) > 0).then(|| words.value(&["x=y", "=", "a b", "\n", "ä", "#"]));
        let value = value.filter(|value| !value.is_empty());
        ours.copies().change(&[(name.clone(), value.clone())]).unwrap();
        theirs.setenv(&name, value.as_deref());
        if ours.bytes() != theirs.bytes() {
            assert_eq!(ours.clean(), theirs.clean(), "seed {seed}, turn {turn}: {name}={value:?}");
            dirty += 1;
        }
        // Each reads the other's and goes on with it.
        let read = theirs.copies().read().unwrap();
        let said = run("fw_printenv", &["-c", "fw_env.config"], &ours.folder);
        let pairs: Vec<String> = read
            .pairs()
            .map(|(name, value)| {
                format!("{}={}\n", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
            })
            .collect();
        assert_eq!(said, pairs.concat());
        if turn % 8 == 0 {
            for ((file, _), bytes) in lines.iter().zip(theirs.bytes()) {
                fs::write(ours.folder.join(file), bytes).unwrap();
            }
        }
    }
    (turns, dirty)
}

#[test]
fn u_boots_environment_is_that_of_fw_setenv() {
    if !is_there("fw_setenv", "libubootenv-tool") {
        return;
    }
    let (mut states, mut dirty) = (0, 0);
    for (seed, size, lines) in [
        (1, 0x2_0000, &[("mmc", 0x1000), ("mmc", 0x3_0000)][..]),
        (2, 0x4_0000, &[("one", 0), ("two", 0x200)]),
        (3, 0x2_0000, &[("uboot.env", 0)]),
        (4, 0x1000, &[("one", 0), ("two", 0)]),
        (5, 0x400, &[("mmc", 0x200)]),
    ] {
        let (count, left) = compare_uboot(size, lines, seed, 60);
        // Memory of this size is the kernel's, and comes to the tool as zeros.
        assert!(size < 0x2_0000 || left == 0, "{left} states of {size} bytes are not equal in every byte");
        states += count;
        dirty += left;
    }
    println!(
        "states compared: {states} with fw_setenv, {dirty} of them with bytes of its memory behind the last variable"
    );
}

#[test]
fn the_copy_that_counts_is_the_one_fw_printenv_takes() {
    if !is_there("fw_setenv", "libubootenv-tool") {
        return;
    }
    let scratch = Scratch::new();
    let place = Place::new(&scratch, "flags", 0x1000, &[("one", 0), ("two", 0)]);
    let sealed = |value: &str, flag: u8| {
        let mut env = Env::default();
        env.set("v", Some(value)).unwrap();
        env.seal(0x1000, Some(flag)).unwrap()
    };
    let mut states = 0;
    for flags in [[1, 2], [2, 1], [255, 0], [0, 255], [254, 255], [7, 7], [128, 0]] {
        for broken in [None, Some(0), Some(1)] {
            for (at, file) in ["one", "two"].into_iter().enumerate() {
                let mut bytes = sealed(file, flags[at]);
                if broken == Some(at) {
                    bytes[100] ^= 1;
                }
                fs::write(place.folder.join(file), bytes).unwrap();
            }
            let said = run("fw_printenv", &["-c", "fw_env.config", "-n", "v"], &place.folder);
            let copies = place.copies();
            assert_eq!(copies.read().unwrap().get("v").as_deref(), Some(said.trim()), "{flags:?} {broken:?}");
            let whole = [0, 1].map(|at| (broken != Some(at)).then_some(flags[at]));
            let counts = current(whole, Flag::Incremental).unwrap();
            assert_eq!(["one", "two"][counts], said.trim());
            // And both write over the other one.
            copies.change(&[("w".to_owned(), Some("1".to_owned()))]).unwrap();
            let ours = place.bytes();
            assert_eq!(ours[1 - counts][4], following(flags[counts], Flag::Incremental));
            states += 1;
        }
    }
    println!("states compared: {states} of two copies");
}

#[test]
fn the_image_of_mkenvimage_is_read_and_written_again() {
    if !is_there("mkenvimage", "u-boot-tools") {
        return;
    }
    let scratch = Scratch::new();
    fs::write(scratch.path("text"), "a=1\nb=two words\n").unwrap();
    for redundant in [false, true] {
        let flag: &[&str] = if redundant { &["-r"] } else { &[] };
        run(
            "mkenvimage",
            &[flag, &["-s", "4096", "-p", "0", "-o", "image", "text"]].concat(),
            scratch.folder(),
        );
        let image = fs::read(scratch.path("image")).unwrap();
        let (env, found) = Env::open(&image, redundant).unwrap();
        assert_eq!(env.seal(4096, redundant.then_some(found)).unwrap(), image);
    }
    println!("states compared: 2 with mkenvimage");
}

#[test]
fn grubs_block_is_that_of_grub_editenv() {
    if !is_there("grub-editenv", "grub-common") {
        return;
    }
    let scratch = Scratch::new();
    let tool = |words: &[&str]| run("grub-editenv", &[&["block"], words].concat(), scratch.folder());
    let read = || Block::open(fs::read(scratch.path("block")).unwrap()).unwrap();
    let mut states = 0;
    for seed in 0..4 {
        tool(&["create"]);
        let mut words = Words(Dice(seed));
        let mut ours = read();
        for turn in 0..100 {
            let name = words.name();
            if words.0.below(4) == 0 {
                ours.unset(&name);
                tool(&["unset", &name]);
            } else {
                let value = words.value(&["back\\slash", "\\", "two\nlines", "a=b", "#", "ä", "\\\n"]);
                // What does not fit is refused by both, and changes nothing.
                let fits = ours.set(&name, &value).is_ok();
                let word = format!("{name}={value}");
                let mut done = Command::new("grub-editenv");
                done.args(["block", "set", &word]).current_dir(scratch.folder());
                assert_eq!(
                    done.output().unwrap().status.success(),
                    fits,
                    "seed {seed}, turn {turn}: {word:?}"
                );
            }
            assert!(ours == read(), "seed {seed}, turn {turn}: {name}");
            let listed: String =
                ours.pairs().iter().map(|(name, value)| format!("{name}={value}\n")).collect();
            assert_eq!(tool(&["list"]), listed);
            // The tool goes on with ours.
            fs::write(scratch.path("block"), ours.bytes()).unwrap();
            states += 1;
        }
    }
    println!("states compared: {states} with grub-editenv");
}

#[test]
fn the_scripts_of_the_page_are_sound() {
    let page = include_str!("../../../man/edgekit-boot.7").replace("\\-", "-").replace("\\e", "\\");
    let grub = include_str!("../boot/grub/edgekit.cfg");
    assert!(
        page.contains(grub) && page.contains(include_str!("../boot/uboot/edgekit.cmd")),
        "the page shows others"
    );
    if is_there("grub-script-check", "grub-common") {
        let scratch = Scratch::new();
        fs::write(scratch.path("grub.cfg"), grub).unwrap();
        run("grub-script-check", &["grub.cfg"], scratch.folder());
    }
}
