//! What is asked of GRUB's environment block, under every power cut (`boot::proof`): sectors that are there or not,
//! and sectors torn inside.

use std::path::Path;
use std::sync::Arc;

use edgekit_store::Fs;
use edgekit_store::proof::Recorder;

use super::Grub;
use super::block::Block;
use crate::boot::proof::{LIFE, Proof, any_life, file};
use crate::boot::running::Running;
use crate::boot::{Boot, Name, Next, Pair, Scheme};

const PATH: &str = "/boot/grub/grubenv";

fn block(pairs: &[(&str, &str)]) -> Block {
    let mut block = Block::empty();
    pairs.iter().for_each(|(name, value)| block.set(name, value).expect("it fits"));
    block
}

/// As `grub-editenv create` and a distribution leave it.
fn fresh(disk: &Recorder) {
    file(disk, PATH, block(&[("kernelopts", "root=/dev/sda2 ro quiet"), ("boot_success", "1")]).bytes());
}

/// So full that ours lie in the second sector, and across both.
fn crowded(disk: &Recorder) {
    file(disk, PATH, block(&[("kernelopts", &"x".repeat(460))]).bytes());
}

fn open(disk: &Recorder, scheme: Scheme, names: [&str; 2]) -> Box<dyn Boot> {
    let names = Pair { a: names[0].to_owned(), b: names[1].to_owned() };
    let running = Running::new(names.clone(), Pair::default());
    let grub = Grub::new(Arc::new(disk.clone()), Path::new(PATH), scheme, names, running);
    Box::new(grub.expect("one letter each"))
}

/// What is not ours is as it was, and the file has its size.
fn sound(disk: &Recorder) -> Result<(), String> {
    let bytes = super::read(disk, Path::new(PATH), 4096).map_err(|fault| fault.to_string())?;
    let block = Block::open(bytes).map_err(|wrong| wrong.to_string())?;
    let kept = block.get("kernelopts").is_some_and(|value| value.len() > 20) && block.bytes().len() == 1024;
    kept.then_some(()).ok_or_else(|| format!("a variable of others is lost: {:?}", block.pairs()))
}

fn proof() -> Proof {
    Proof {
        disk: Recorder::new,
        start: fresh,
        open: |disk| open(disk, Scheme::Edgekit, ["a", "b"]),
        life: LIFE.to_vec(),
        sound,
    }
}

#[test]
fn no_power_cut_breaks_an_order() {
    assert!(proof().holds(6) > 5000);
    assert!(Proof { start: crowded, life: any_life(5, 20), ..proof() }.holds(2) > 3000);
    assert!(Proof { open: |disk| open(disk, Scheme::Rauc, ["A", "B"]), ..proof() }.holds(2) > 1000);
}

#[test]
fn no_power_cut_breaks_entries() {
    let entries = |disk: &Recorder| open(disk, Scheme::Entry, ["edgekit-a", "edgekit-b"]);
    // Ours last, and with a variable of another tool behind.
    let last = |disk: &Recorder| {
        let ours =
            [("kernelopts", "root=/dev/sda2 ro quiet"), ("saved_entry", "edgekit-a"), ("next_entry", "")];
        file(disk, PATH, block(&ours).bytes());
    };
    let between = |disk: &Recorder| {
        let ours =
            [("saved_entry", "edgekit-a"), ("next_entry", ""), ("kernelopts", "root=/dev/sda2 ro quiet")];
        file(disk, PATH, block(&ours).bytes());
    };
    for start in [last as fn(&Recorder), between] {
        assert!(Proof { start, open: entries, ..proof() }.holds(3) > 500);
    }
}

#[test]
fn every_mistake_in_order_is_found() {
    proof().finds_mistakes(2, &[]);
}

#[test]
fn names_that_a_torn_write_mixes_are_refused() {
    let disk = Recorder::new(1);
    fresh(&disk);
    for (scheme, names) in
        [(Scheme::Edgekit, ["aa", "bb"]), (Scheme::Entry, ["old", "new"]), (Scheme::Entry, ["a", "ab"])]
    {
        let names = Pair { a: names[0].to_owned(), b: names[1].to_owned() };
        let running = Running::new(names.clone(), Pair::default());
        let fs: Arc<dyn Fs> = Arc::new(disk.clone());
        let fault = Grub::new(fs, Path::new(PATH), scheme, names, running).unwrap_err();
        assert!(fault.to_string().contains("cannot be told safely"), "{fault}");
    }
}

#[test]
fn where_nothing_is_good_the_first_of_the_order_starts_uncounted() {
    let disk = Recorder::new(1);
    let nothing = [("ORDER", "b a"), ("a_OK", "0"), ("a_LEFT", "0"), ("b_OK", "0"), ("b_LEFT", "0")];
    file(&disk, PATH, block(&nothing).bytes());
    let boot = open(&disk, Scheme::Edgekit, ["a", "b"]);
    assert_eq!(boot.next().expect("a slot"), Next { slot: Name::B, tries_left: None });
}
