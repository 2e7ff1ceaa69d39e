//! Any bytes as a file of certificates and keys: as a pair, and as what a reader of certificates sees.
#![no_main]

use std::time::Duration;

use edgekit_core::Clock;
use edgekit_tls::{Certificate, ClockTime, Usage, from_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let time = ClockTime(Clock::fixed(Duration::from_secs(1_800_000_000)));
    match from_bytes(data, Usage::Server, &time) {
        Ok(pair) => {
            // Only a key that signs for its certificate ever gets this far.
            assert!(pair.certified().keys_match().is_ok());
            let _ = (pair.out_of_time(&time).map(|error| error.to_string()), format!("{pair:?}"));
        }
        Err(error) => {
            let _ = (error.to_string(), error.hint());
        }
    }
    if let Some(certificate) = Certificate::parse(data.to_vec().into()) {
        let _ = format!("{certificate:?}");
    }
});
