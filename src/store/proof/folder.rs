//! The same for what is published: a file and a folder of two files that belong together.

use std::{ops::ControlFlow, path::Path};

use super::{
    Op, Recorder,
    power::{Cut, cuts, faults, with_fault},
};
use crate::{
    Access, Fs,
    fs::read_all,
    publish::{self, Folder},
};

const LAST: u64 = 6;

/// Bytes of a state, longer than a sector, so that they can tear.
fn bytes(state: u64) -> Vec<u8> {
    vec![state as u8; 700 + state as usize]
}

fn read(disk: &Recorder, path: &Path) -> Option<Vec<u8>> {
    read_all(&*disk.open(path, Access::Read).ok()?, u64::MAX).ok()
}

/// A disk with the folder that generations go into.
fn start() -> Recorder {
    let disk = Recorder::new(7);
    disk.make_folder(Path::new("/certs"), 0o700).unwrap();
    disk.again(7)
}

/// Publishes states 1 to 6, each as a file and as a folder.
fn record() -> Recorder {
    let disk = start();
    for state in 1..=LAST {
        disk.mark(Op::Handed(state));
        publish::file(&disk, Path::new("/file"), &bytes(state), 0o600).unwrap();
        let folder = Folder::new(&disk, Path::new("/certs"), 2);
        let made = folder.publish(|stage| {
            stage.write("cert", &bytes(state), 0o600)?;
            stage.write("key", &bytes(state), 0o600)
        });
        assert_eq!(made.unwrap().number, state);
        disk.mark(Op::Told(state));
    }
    disk
}

fn look(cut: &Cut) -> Result<(), String> {
    let fits = |state: u64| (cut.told..=cut.handed).contains(&state);
    let file = read(&cut.disk, Path::new("/file"));
    let state = file.as_ref().and_then(|file| file.first()).map_or(0, |byte| u64::from(*byte));
    if !fits(state) || file.is_some_and(|file| file != bytes(state)) {
        return Err(format!("step {}: the file is not as published", cut.step));
    }
    let folder = Folder::new(&cut.disk, Path::new("/certs"), 2);
    let current = folder.current().map_err(|error| error.to_string())?;
    let state = current.as_ref().map_or(0, |current| current.number);
    let whole = current.is_none_or(|current| {
        ["cert", "key"].iter().all(|name| read(&cut.disk, &current.path.join(name)) == Some(bytes(state)))
    });
    if !fits(state) || !whole {
        return Err(format!("step {}: generation {state} is not as published", cut.step));
    }
    // What was left over is in nobody's way.
    let next =
        folder.publish(|stage| stage.write("cert", b"next", 0o600)).map_err(|error| error.to_string())?;
    publish::file(&cut.disk, Path::new("/file"), b"next", 0o600).map_err(|error| error.to_string())?;
    let names = cut.disk.list(Path::new("/certs")).map_err(|error| error.to_string())?;
    match folder.current() {
        Ok(Some(current)) if current == next && names.len() <= 3 => Ok(()),
        other => Err(format!("step {}: after the next publish {other:?}, {names:?}", cut.step)),
    }
}

/// Cuts looked at, and what was wrong after the last of them.
fn first_wrong(steps: &[super::Step]) -> (u64, Option<String>) {
    let mut points = 0;
    let wrong = cuts(&start(), steps, 7, |cut| {
        points += 1;
        look(&cut).map_or_else(ControlFlow::Break, ControlFlow::Continue)
    });
    (points, wrong)
}

#[test]
fn no_power_cut_breaks_what_is_published() {
    let (points, wrong) = first_wrong(&record().steps());
    assert_eq!(wrong, None);
    assert!(points > 2_000, "{points}");
}

#[test]
fn every_mistake_in_order_is_found() {
    let steps = record().steps();
    let all = faults(&steps);
    assert!(all.len() >= 10, "{all:?}");
    let missed: Vec<_> =
        all.iter().filter(|fault| first_wrong(&with_fault(&steps, fault)).1.is_none()).collect();
    assert!(missed.is_empty(), "{missed:?}");
}
