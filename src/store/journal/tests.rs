//! The journal with bad input: flipped bits, files cut short, formats from the future, full and read-only disks.

use std::{fs, path::PathBuf, sync::mpsc};

use super::*;
use crate::{Disk, proof::Recorder, proof::Scratch};

/// Keeps every record.
#[derive(Default)]
struct Lines(Vec<Vec<u8>>);

impl State for Lines {
    fn apply(&mut self, record: &[u8]) -> bool {
        self.0.push(record.to_vec());
        true
    }

    fn snapshot(&self, emit: &mut dyn FnMut(&[u8])) {
        self.0.iter().for_each(|record| emit(record));
    }
}

fn options() -> (Options, mpsc::Receiver<Event>) {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let on_event = Box::new(move |event: &Event| drop(hold(&tell).send(event.clone())));
    (Options { cap: 64 << 10, on_event, ..Options::default() }, told)
}

fn open(path: &Path) -> (Result<Journal<Lines>>, mpsc::Receiver<Event>) {
    let (options, told) = options();
    (Journal::open(Arc::new(Disk), path, options, Lines::default()), told)
}

/// A journal of five records in three groups.
fn sample(path: &Path) -> Vec<Vec<u8>> {
    let (journal, _) = open(path);
    let journal = journal.unwrap();
    let records: Vec<Vec<u8>> = (1..=5u8).map(|n| vec![n; 100 * usize::from(n)]).collect();
    journal.append(&records[0]).unwrap();
    let tickets: Vec<_> = records[1..4].iter().map(|record| journal.submit(record).unwrap()).collect();
    tickets.into_iter().for_each(|ticket| journal.wait(ticket).unwrap());
    journal.append(&records[4]).unwrap();
    records
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/store").join(name)
}

#[test]
fn what_was_appended_is_there_again() {
    let scratch = Scratch::new();
    let path = scratch.path("log");
    let records = sample(&path);
    let (journal, told) = open(&path);
    journal.unwrap().read(|lines| assert_eq!(lines.0, records));
    assert!(told.try_recv().is_err());
}

#[test]
fn a_flipped_bit_anywhere_is_set_aside_and_costs_one_record_at_most() {
    let scratch = Scratch::new();
    let path = scratch.path("log");
    let records = sample(&path);
    let whole = fs::read(&path).unwrap();
    let end = scan::scan(&whole).unwrap().end as usize;
    let last = end - 1024;
    for at in (0..32).chain((4096..end).step_by(7)) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        let Ok((found, damage)) = inspect(&flipped) else { panic!("byte {at}: taken for another format") };
        assert!(found.len() + 1 >= records.len(), "byte {at}: {} records", found.len());
        assert!(found.iter().all(|record| records.iter().any(|known| known == record)), "byte {at}");
        // What fills a block is not missed; the last group alone may be what a power cut left.
        assert!(found.len() == records.len() || !damage.is_empty() || at >= last, "byte {at} went unnoticed");
    }
    let mut flipped = whole.clone();
    flipped[4096 + 60] ^= 1;
    fs::write(&path, &flipped).unwrap();
    let (journal, told) = open(&path);
    let journal = journal.unwrap();
    journal.read(|lines| assert_eq!(lines.0, records[1..]));
    journal.append(b"on it goes").unwrap();
    assert_eq!(fs::read(scratch.path("log.corrupt-1")).unwrap(), flipped);
    assert!(matches!(told.recv().unwrap(), Event::Damaged { records: 4, .. }));
    drop(journal);
    let (journal, told) = open(&path);
    journal.unwrap().read(|lines| assert_eq!(lines.0.len(), 5));
    assert!(told.try_recv().is_err());
}

#[test]
fn a_file_cut_short_keeps_what_is_before() {
    let scratch = Scratch::new();
    let records = sample(&scratch.path("log"));
    let whole = fs::read(scratch.path("log")).unwrap();
    for len in [0, 5, 31, 32, 4096, 4097, 4700, 5200, 6000, 8000] {
        let path = scratch.path("short");
        fs::write(&path, &whole[..len]).unwrap();
        let (journal, told) = open(&path);
        journal.unwrap().read(|lines| assert!(records.starts_with(&lines.0) || lines.0.len() < 5, "{len}"));
        assert_eq!(told.try_recv().is_ok(), len != 4096, "{len}");
        for name in Disk.list(scratch.folder()).unwrap().iter().filter(|name| name.starts_with("short")) {
            fs::remove_file(scratch.path(name)).unwrap();
        }
    }
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let scratch = Scratch::new();
    let path = scratch.path("log");
    fs::copy(fixture("format-future.journal"), &path).unwrap();
    let before = fs::read(&path).unwrap();
    let error = open(&path).0.unwrap_err();
    assert_eq!(error.exit(), edgekit_core::Exit::DATA);
    assert!(error.to_string().ends_with("is of format 4711, and this version reads up to 1"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn every_past_format_is_read() {
    let scratch = Scratch::new();
    let path = scratch.path("log");
    fs::copy(fixture("format-1.journal"), &path).unwrap();
    let (journal, told) = open(&path);
    let records: Vec<Vec<u8>> = (1..=5u8).map(|n| vec![n; 100 * usize::from(n)]).collect();
    journal.unwrap().read(|lines| assert_eq!(lines.0, records));
    assert!(told.try_recv().is_err());
}

#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let disk = Recorder::new(3);
    let (options, _) = options();
    let journal =
        Journal::open(Arc::new(disk.clone()), Path::new("/log"), options, Lines::default()).unwrap();
    journal.append(&[1; 7000]).unwrap();
    disk.set_space(0);
    let mut kept = 1;
    let error = loop {
        match journal.append(&[2; 7000]) {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(!error.to_string().is_empty());
    journal.read(|lines| assert_eq!(lines.0.len(), kept));
    drop(journal);
    let reader =
        Journal::open_to_read(Arc::new(disk.clone()), Path::new("/log"), Box::new(|_| {}), Lines::default());
    let reader = reader.unwrap();
    reader.read(|lines| assert_eq!(lines.0.len(), kept));
    assert!(matches!(reader.append(b"x"), Err(Error::ReadOnly { .. })));
    let none = Journal::open_to_read(Arc::new(disk), Path::new("/none"), Box::new(|_| {}), Lines::default());
    assert!(matches!(none.unwrap().append(b"x"), Err(Error::ReadOnly { .. })));
}

#[test]
fn a_second_process_and_a_foreign_owner_are_told() {
    let scratch = Scratch::new();
    let path = scratch.path("log");
    let (first, _) = open(&path);
    assert!(matches!(open(&path).0, Err(Error::Locked { holder: Some(_), .. })));
    drop(first);
    if std::os::unix::fs::chown(&path, Some(4711), None).is_ok() {
        let error = open(&path).0.unwrap_err();
        assert_eq!(error.exit(), edgekit_core::Exit::NO_PERMISSION);
        assert!(error.to_string().contains("belongs to user 4711"), "{error}");
    }
}

#[test]
fn many_writers_share_flushes_and_keep_their_order() {
    let scratch = Scratch::new();
    let path = scratch.path("log");
    let options = Options { cap: 1 << 20, ..Options::default() };
    let journal = Journal::open(Arc::new(Disk), &path, options, Lines::default()).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..8u8 {
            let journal = &journal;
            scope.spawn(move || (0..50u8).for_each(|n| journal.append(&[writer, n]).unwrap()));
        }
    });
    drop(journal);
    let (journal, _) = open(&path);
    journal.unwrap().read(|lines| {
        for writer in 0..8u8 {
            let of: Vec<u8> = lines.0.iter().filter(|line| line[0] == writer).map(|line| line[1]).collect();
            assert_eq!(of, (0..50).collect::<Vec<u8>>());
        }
    });
}
