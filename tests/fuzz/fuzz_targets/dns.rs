//! A name server's answer: any bytes, for a name that is itself part of the input.
#![no_main]

use edgekit_rt::resolve::wire::{Kind, answer, question};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for name in ["a.example", "broker.lan"] {
        for kind in [Kind::A, Kind::Aaaa] {
            // The number and the question of the message are made right half of the time, so that
            // the records behind them are reached.
            let _ = answer(data, 7, name, kind);
            let Some(mut message) = question(7, name, kind) else { continue };
            message[2] |= 0x80;
            if let Some((counts, records)) = data.split_at_checked(3) {
                message[3] = counts[0];
                message[7] = counts[1] & 0xf;
                message[9] = counts[2] & 0xf;
                message.extend(records);
            }
            let _ = answer(&message, 7, name, kind);
        }
    }
});
