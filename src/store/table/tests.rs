//! The table: its limit, what a rewrite costs, batches.

use std::sync::Arc;

use super::*;
use crate::{
    Disk,
    proof::{Op, Recorder, Scratch},
};

#[test]
fn keeps_what_was_put_in_order() {
    let scratch = Scratch::new();
    let path = scratch.path("table");
    let table = Table::open(Arc::new(Disk), &path, Options::default()).unwrap();
    let mut batch = Batch::new();
    batch.put(b"b", b"2").put(b"a", b"1").put(b"c", b"3").delete(b"c");
    table.apply(&batch).unwrap();
    table.put(b"b", b"4").unwrap();
    table.delete(b"none").unwrap();
    drop(table);
    let table = Table::open(Arc::new(Disk), &path, Options::default()).unwrap();
    assert_eq!((table.get(b"a"), table.get(b"c")), (Some(b"1".to_vec()), None));
    table.read(|entries| assert!(entries.keys().eq([b"a", b"b"])));
    assert_eq!(table.used(), 2 * (2 + ENTRY as u64));
}

#[test]
fn is_full_at_two_fifths_and_takes_deletes_then() {
    let options = Options { cap: 64 << 10, ..Options::default() };
    let table = Table::open(Arc::new(Recorder::new(1)), Path::new("/table"), options).unwrap();
    let error = (0..=255u8).find_map(|n| table.put(&[n], &[n; 1000]).err()).unwrap();
    assert!(matches!(error, Error::Full { limit: 24_576 | 26_214, .. }), "{error}");
    assert!(matches!(table.put(b"large", &[0; 9000]), Err(Error::Full { .. } | Error::TooLarge { .. })));
    for n in 0..=255u8 {
        table.delete(&[n]).unwrap();
    }
    assert_eq!(table.used(), 0);
    table.put(b"a", &[1; 1000]).unwrap();
}

#[test]
fn writes_less_than_three_bytes_for_one() {
    let disk = Recorder::new(1);
    let options = Options { cap: 256 << 10, ..Options::default() };
    let table = Table::open(Arc::new(disk.clone()), Path::new("/table"), options).unwrap();
    let mut accepted = 0;
    for n in 0..4000u32 {
        table.put(&(n % 90).to_le_bytes(), &[n as u8; 1000]).unwrap();
        accepted += 1004;
    }
    let written: usize = disk
        .steps()
        .iter()
        .map(|step| if let Op::Write(_, _, bytes) = &step.op { bytes.len() } else { 0 })
        .sum();
    assert!(written < accepted * 3, "{written} for {accepted}");
}
