//! What is asked of U-Boot's environment, under every power cut (`boot::proof`).

use std::path::Path;
use std::sync::Arc;

use edgekit_store::proof::Recorder;

use super::UBoot;
use super::copies::{Copies, read};
use super::env::Env;
use crate::boot::proof::{LIFE, Proof, any_life, file};
use crate::boot::running::Running;
use crate::boot::{Boot, Name, Next, Pair, Scheme};

const SIZE: usize = 0x1000;

fn sealed(pairs: &[(&str, &str)], flag: Option<u8>) -> Vec<u8> {
    let mut env = Env::default();
    pairs.iter().for_each(|(name, value)| env.set(name, Some(value)).expect("a name"));
    env.seal(SIZE, flag).expect("it fits")
}

const FACTORY: [(&str, &str); 3] = [("bootcmd", "run edgekit"), ("serial#", "0815"), ("BOOT_ORDER", "a b")];

/// Both copies on one device, with something before and between.
fn two_copies(disk: &Recorder) {
    let copy = sealed(&FACTORY, Some(255));
    let image = [&[7; 512], &copy[..], &[7; 512], &[0xff; SIZE], &[7; 512]].concat();
    file(disk, "/device", &image);
    file(disk, "/fw_env.config", b"/device 0x200 0x1000\n/device 0x1400 0x1000\n");
}

fn one_file(disk: &Recorder) {
    file(disk, "/boot/uboot.env", &sealed(&FACTORY, None));
    file(disk, "/fw_env.config", b"/boot/uboot.env 0 0x1000\n");
}

fn open(disk: &Recorder, scheme: Scheme, names: [&str; 2]) -> Box<dyn Boot> {
    let copies = Copies::open(Arc::new(disk.clone()), Path::new("/fw_env.config"), false).expect("opened");
    let names = Pair { a: names[0].to_owned(), b: names[1].to_owned() };
    let running = Running::new(names.clone(), Pair::default());
    Box::new(UBoot::new(copies, scheme, names, running))
}

/// What is not ours is as it was.
fn sound(disk: &Recorder) -> Result<(), String> {
    let bytes = read(disk, Path::new("/device"), 1 << 16).map_err(|fault| fault.to_string())?;
    let around = [0..512, 0x1200..0x1400, 0x2400..0x2600];
    let kept = around.into_iter().all(|range| bytes[range] == [7; 512]);
    kept.then_some(()).ok_or_else(|| "bytes beside the copies were written".to_owned())
}

fn redundant() -> Proof {
    Proof {
        disk: Recorder::new,
        start: two_copies,
        open: |disk| open(disk, Scheme::Edgekit, ["a", "b"]),
        life: LIFE.to_vec(),
        sound,
    }
}

#[test]
fn no_power_cut_breaks_two_copies() {
    assert!(redundant().holds(4) > 1500);
    let life = any_life(3, 30);
    assert!(Proof { life, open: |disk| open(disk, Scheme::Rauc, ["a", "b"]), ..redundant() }.holds(2) > 1500);
    let life = LIFE.to_vec();
    let start = |disk: &Recorder| {
        let copy = sealed(&[("mender_boot_part", "2"), ("bootdelay", "0")], Some(0));
        let image = [&[7; 512], &copy[..], &[7; 512], &copy[..], &[7; 512]].concat();
        file(disk, "/device", &image);
        file(disk, "/fw_env.config", b"/device 0x200 0x1000\n/device -0x1200 0x1000\n");
    };
    let mender = Proof {
        disk: Recorder::new,
        life,
        start,
        open: |disk| open(disk, Scheme::Mender, ["2", "3"]),
        sound,
    };
    assert!(mender.holds(2) > 500);
}

#[test]
fn no_power_cut_breaks_a_file() {
    let proof = Proof { disk: Recorder::fat, start: one_file, sound: |_| Ok(()), ..redundant() };
    assert!(proof.holds(2) > 500);
    proof.finds_mistakes(3, &[]);
}

#[test]
fn every_mistake_in_order_is_found() {
    redundant().finds_mistakes(2, &[]);
}

#[test]
fn one_copy_on_a_device_is_written_only_if_asked() {
    let disk = Recorder::new(1);
    file(&disk, "/device", &[&sealed(&FACTORY, None)[..], &[0; 512]].concat());
    file(&disk, "/fw_env.config", b"/device 0 0x1000\n");
    let fault = open(&disk, Scheme::Edgekit, ["a", "b"]).attempt(Name::B, 3).unwrap_err();
    assert!(fault.to_string().contains("cannot be written safely"), "{fault}");
    let copies = Copies::open(Arc::new(disk.clone()), Path::new("/fw_env.config"), true).expect("opened");
    copies.change(&[("a".to_owned(), Some("1".to_owned()))]).expect("written");
    assert_eq!(copies.read().expect("whole").get("a").as_deref(), Some("1"));
}

#[test]
fn raw_flash_is_refused_with_the_way_out() {
    for device in ["/dev/mtd0", "/dev/ubi0_1", "/dev/ubi0:env"] {
        let disk = Recorder::new(1);
        file(&disk, "/fw_env.config", format!("{device} 0 0x1000\n").as_bytes());
        let fault = Copies::open(Arc::new(disk), Path::new("/fw_env.config"), false).unwrap_err();
        assert!(fault.to_string().contains("cannot be written: "), "{fault}");
    }
}

#[test]
fn nor_marks_the_older_copy_obsolete() {
    let disk = Recorder::new(1);
    file(&disk, "/sys/class/mtd/mtd3/type", b"nor\n");
    file(&disk, "/dev/mtdblock3", &[sealed(&FACTORY, Some(1)), sealed(&[], Some(0))].concat());
    file(&disk, "/fw_env.config", b"/dev/mtdblock3 0 0x1000\n/dev/mtdblock3 0x1000 0x1000\n");
    let mut boot = open(&disk, Scheme::Edgekit, ["a", "b"]);
    boot.attempt(Name::B, 3).expect("tried");
    let bytes = read(&disk, Path::new("/dev/mtdblock3"), 1 << 16).expect("read");
    assert_eq!((bytes[4], bytes[SIZE + 4]), (0, 1));
    assert_eq!(boot.next().expect("a slot").slot, Name::B);
    boot.confirm(Name::B).expect("confirmed");
    let bytes = read(&disk, Path::new("/dev/mtdblock3"), 1 << 16).expect("read");
    assert_eq!((bytes[4], bytes[SIZE + 4]), (1, 0));
}

#[test]
fn where_no_slot_may_start_the_first_of_the_order_is_started_without_counting() {
    let disk = Recorder::new(1);
    two_copies(&disk);
    let mut boot = open(&disk, Scheme::Edgekit, ["a", "b"]);
    assert_eq!(boot.next().expect("a slot"), Next { slot: Name::A, tries_left: None }, "as it came");
    boot.attempt(Name::B, 1).expect("tried");
    assert_eq!(boot.next().expect("a slot"), Next { slot: Name::B, tries_left: Some(1) });
    boot.reject(Name::A).expect("left");
    let copies = Copies::open(Arc::new(disk), Path::new("/fw_env.config"), false).expect("opened");
    copies.change(&[("BOOT_b_LEFT".to_owned(), Some("0".to_owned()))]).expect("as U-Boot counts");
    assert_eq!(boot.next().expect("a slot"), Next { slot: Name::B, tries_left: None });
}
