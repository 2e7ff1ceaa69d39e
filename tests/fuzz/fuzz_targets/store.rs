//! Any bytes as a journal: read, cut short, with a bit put elsewhere; nothing may panic, and nothing is made up.
#![no_main]

use edgekit_store::journal::inspect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok((records, _)) = inspect(data) else { return };
    let held: usize = records.iter().map(|record| record.len()).sum();
    assert!(held <= data.len(), "more was read than is there");
    let _ = inspect(&data[..data.len() / 2]);
});
