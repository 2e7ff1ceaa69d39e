//! The crate from outside: what it says of files, whom it lets in, what it does while files change.
#![cfg(test)]

mod files;
mod serve;
mod swaps;
mod trust;
mod world;

#[test]
fn swaps_under_handshakes_lose_none() {
    let tally = swaps::run(2000, 60);
    assert!(tally.handshakes >= 2000, "{tally:?}");
    assert_eq!((tally.failed, tally.foreign, tally.missed, tally.swaps), (0, 0, 0, 60), "{tally:?}");
    // Handshakes go on all the time, so clients meet nearly every pair there was.
    assert!(tally.seen > 45, "{tally:?}");
}

/// Row 2.5 of the chassis, one JSON object on standard output; `scripts/bench/chassis` runs it:
/// `cargo test --release -p edgekit-tls --test tls -- --ignored --exact --nocapture row_2_5`.
#[test]
#[ignore = "a minute of work, in release"]
fn row_2_5() {
    let tally = swaps::run(100_000, 1000);
    println!(
        "{{\"handshakes\":{},\"failed\":{},\"mismatched\":{},\"swaps\":{},\"missed\":{},\"seen\":{}}}",
        tally.handshakes, tally.failed, tally.foreign, tally.swaps, tally.missed, tally.seen
    );
    assert_eq!((tally.failed, tally.foreign, tally.missed), (0, 0, 0));
}
