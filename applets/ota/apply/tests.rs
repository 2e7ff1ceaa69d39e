//! Installations on a device in memory: what is fetched, written, kept, refused and gone on with.

use edgekit_store::proof::{Op, Recorder};

use super::state::Stage;
use super::testing::{Heard, apply, bundle, bundle_with, noise, read, updater, write};
use super::*;
use crate::bundle::source::BytesSource;
use crate::fault::Fault;

const CONFIG: &str = "[component.rootfs]\nkind = 'device'\na = '/a.img'\nb = '/b.img'\n";

/// An old image and a new one that is like it.
fn images() -> (Vec<u8>, Vec<u8>) {
    // Few bytes like chance: making a bundle of them is quick.
    let mut old = vec![0; (2 << 20) + 70_000];
    old.splice(..50_000, noise(1, 50_000));
    old.splice((2 << 20).., noise(2, 70_000));
    let mut new = old.clone();
    new[1_200_000..1_200_100].fill(7);
    new.truncate(new.len() - 3000);
    (old, new)
}

/// A disk with the old image in slot a.
fn disk(old: &[u8]) -> Recorder {
    let disk = Recorder::new(1);
    write(&disk, "/a.img", old);
    disk
}

fn why<T: std::fmt::Debug>(result: Result<T, Fault>) -> String {
    result.expect_err("refused").to_string()
}

#[test]
fn a_delta_is_installed_started_and_kept() {
    let (old, new) = images();
    let disk = disk(&old);
    let ekb = bundle("1.4", &[("rootfs", &new)], &[("rootfs", &old)]);
    let mut device = updater(&disk, CONFIG, true).expect("opened");
    let mut heard = Heard::default();
    let installed =
        install(&mut device, &mut BytesSource(&ekb), &Terms::default(), &mut heard).expect("installed");
    assert_eq!((installed.outcome, installed.plan.slot), (Outcome::Reboot, Name::B));
    assert_eq!(installed.plan.items[0].way, Way::Delta("delta-1".to_owned()));
    assert!(heard.moved.fetched < 20_000, "{:?}", heard.moved);
    assert!(heard.moved.saved > 2_000_000, "{:?}", heard.moved);
    assert_eq!(read(&disk, "/b.img"), Some(new.clone()));
    assert_eq!(read(&disk, "/a.img"), Some(old));
    assert!(why(commit(&mut device)).contains("was not started yet"));
    let again = apply(&mut device, &ekb, &Terms::default()).expect("nothing to do");
    assert_eq!(again.outcome, Outcome::Reboot);
    super::testing::OneLine::new(&disk).start().expect("started");
    assert_eq!(settle(&mut device).expect("settled"), Settled::Nothing);
    assert_eq!(commit(&mut device).expect("kept").stage, Stage::Committed);
    assert_eq!(device.boot.next().expect("known"), crate::boot::Next { slot: Name::B, tries_left: None });
    assert_eq!(apply(&mut device, &ekb, &Terms::default()).expect("runs").outcome, Outcome::Runs);
}

#[test]
fn what_is_never_committed_is_sent_back_and_blocked() {
    let (old, new) = images();
    let disk = disk(&old);
    let ekb = bundle("1.4", &[("rootfs", &new)], &[]);
    let mut device = updater(&disk, &format!("rollbacks = 2\n{CONFIG}"), true).expect("opened");
    for round in 0..2 {
        let terms = Terms { force: round > 0, ..Terms::default() };
        apply(&mut device, &ekb, &terms).expect("installed");
        let loader = super::testing::OneLine::new(&disk);
        assert_eq!([(); 4].map(|()| loader.start().expect("started")), [Name::B, Name::B, Name::B, Name::A]);
        assert!(matches!(settle(&mut device), Ok(Settled::SentBack(_))));
        assert_eq!(device.state.deployment().expect("read").map(|last| last.stage), Some(Stage::Returned));
        if round == 0 {
            assert!(why(apply(&mut device, &ekb, &Terms::default())).contains("1.4 is blocked since"));
        }
    }
    let other = bundle("1.5", &[("rootfs", &new)], &[]);
    assert!(why(apply(&mut device, &other, &Terms::default())).contains("2 updates were sent back"));
    assert_eq!(unblock(&mut device, None).expect("unblocked"), 1);
    apply(&mut device, &other, &Terms::default()).expect("taken again");
}

#[test]
fn what_is_durable_is_not_written_again() {
    let (old, new) = images();
    let disk = disk(&old);
    let ekb = bundle("1.4", &[("rootfs", &new)], &[]);
    let mut device = updater(&disk, CONFIG, true).expect("opened");
    let mut heard = Heard { stop_after: Some(2), ..Heard::default() };
    let stopped = install(&mut device, &mut BytesSource(&ekb), &Terms::default(), &mut heard);
    assert!(matches!(stopped, Err(Fault::Stopped(_))), "{stopped:?}");
    drop(device);
    let before = disk.steps().len();
    let mut device = updater(&disk, CONFIG, true).expect("opened");
    let mut heard = Heard::default();
    let installed =
        install(&mut device, &mut BytesSource(&ekb), &Terms::default(), &mut heard).expect("gone on");
    assert_eq!(installed.plan.items[0].durable, 2);
    let written = disk.steps().split_off(before).into_iter().filter_map(|step| match step.op {
        Op::Write(_, at, bytes) if step.name == "b.img" => Some((at, bytes.len())),
        _ => None,
    });
    assert_eq!(written.collect::<Vec<_>>(), [(2 << 20, new.len() - (2 << 20))]);
    assert_eq!(read(&disk, "/b.img"), Some(new));
}

#[test]
fn terms_are_kept_before_the_first_write() {
    let (old, new) = images();
    let disk = disk(&noise(9, old.len()));
    let ekb = bundle("1.4", &[("rootfs", &new)], &[("rootfs", &old)]);
    let mut device = updater(&disk, CONFIG, true).expect("opened");
    let dry = Terms { dry_run: true, ..Terms::default() };
    let plan = apply(&mut device, &ekb, &dry).expect("planned").plan;
    assert!(
        plan.items[0].fallback.as_ref().is_some_and(|why| why.contains("no delta is against")),
        "{plan:?}"
    );
    let strict = Terms { full_fallback: false, ..Terms::default() };
    assert!(why(apply(&mut device, &ekb, &strict)).contains("would be fetched as a full image"));
    let few = Terms { max_bytes: Some(1000), ..Terms::default() };
    assert!(why(apply(&mut device, &ekb, &few)).contains("and 1000 are allowed"));
    disk.set_space(1 << 20);
    assert!(why(apply(&mut device, &ekb, &Terms::default())).contains("are free"));
    assert_eq!(read(&disk, "/b.img"), None);
    assert_eq!(device.state.deployment().expect("read"), None);
    let unknown = bundle("1.4", &[("rootfs", &new), ("x", b"x")], &[]);
    assert!(why(apply(&mut device, &unknown, &Terms::default())).contains("has a component 'x'"));
}

#[test]
fn the_floor_rises_when_both_slots_hold_it() {
    let (old, new) = images();
    let disk = disk(&old);
    let floor = |version: &str, floor: &str| {
        bundle_with(version, &[("rootfs", &new[..version.len()])], &[], |manifest| {
            manifest.floor = floor.parse().ok()
        })
    };
    let mut device = updater(&disk, CONFIG, false).expect("opened");
    for (version, sets, expected) in
        [("1.2", "1.2", None), ("1.30", "1.3", Some("1.2")), ("1.400", "1.1", Some("1.2"))]
    {
        let installed = apply(&mut device, &floor(version, sets), &Terms::default()).expect("installed");
        assert_eq!(installed.outcome, Outcome::InUse);
        commit(&mut device).expect("kept");
        assert_eq!(
            device.state.floor().expect("read").map(|floor| floor.to_string()).as_deref(),
            expected,
            "{version}"
        );
    }
    assert!(why(apply(&mut device, &floor("1.1", "1.0"), &Terms::default())).contains("nothing below that"));
    rollback(&mut device, "too new").expect("1.30 is there still");
    assert_eq!(device.boot.running().expect("known"), Name::A);
    assert!(why(rollback(&mut device, "again")).contains("nothing to go back from"));
}

#[test]
fn a_half_written_slot_is_never_gone_back_to() {
    let (old, new) = images();
    let disk = disk(&old);
    let mut device = updater(&disk, CONFIG, false).expect("opened");
    apply(&mut device, &bundle("1.4", &[("rootfs", &new)], &[]), &Terms::default()).expect("installed");
    commit(&mut device).expect("kept");
    let next = bundle("1.5", &[("rootfs", &old)], &[]);
    let mut heard = Heard { stop_after: Some(1), ..Heard::default() };
    install(&mut device, &mut BytesSource(&next), &Terms::default(), &mut heard).expect_err("stopped");
    assert!(why(rollback(&mut device, "x")).contains("is writing"));
    assert!(why(mark_bad(&mut device, Name::B, "x")).contains("slot a holds nothing whole"));
    mark_bad(&mut device, Name::A, "not wanted").expect("marked");
    assert!(why(apply(&mut device, &next, &Terms::default())).contains("is blocked"));
}

#[test]
fn what_does_not_read_back_is_not_started() {
    let (old, new) = images();
    let disk = disk(&old);
    let ekb = bundle("1.4", &[("rootfs", &new)], &[]);
    let mut device = updater(&disk, CONFIG, false).expect("opened");
    let mut heard = Heard { stop_after: Some(2), ..Heard::default() };
    install(&mut device, &mut BytesSource(&ekb), &Terms::default(), &mut heard).expect_err("stopped");
    let mut torn = read(&disk, "/b.img").expect("there");
    torn[5] ^= 1;
    write(&disk, "/b.img", &torn);
    assert!(why(apply(&mut device, &ekb, &Terms::default())).contains("does not read back"));
    assert_eq!(device.boot.running().expect("known"), Name::A);
    apply(&mut device, &ekb, &Terms::default()).expect("written anew");
    assert_eq!(read(&disk, "/b.img"), Some(new));
}
