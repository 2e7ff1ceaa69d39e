//! Any bytes as what a hawkBit server says, as an offer, as a window: refused or read, and never a panic.
#![no_main]

use edgekit_ota::fleet::hawkbit::wire;
use edgekit_ota::fleet::offer;
use edgekit_ota::fleet::times::{self, Offset, Times};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&kind, data)) = data.split_first() else { return };
    match kind % 3 {
        0 => answer(data),
        1 => drop(offer::parse("offer.toml", data)),
        _ => {
            let Ok(text) = std::str::from_utf8(data) else { return };
            let read: Result<Times, _> = text.parse();
            if let Ok(window) = read {
                assert_eq!(window.to_string().parse(), Ok(window));
                let _ = times::spot(&[window], Offset::UTC, data.len() as u64 * 7_777_777);
                let _ = times::shortest(&[window]);
            }
            let read: Result<Offset, _> = text.parse();
            if let Ok(offset) = read {
                assert_eq!(offset.to_string().parse(), Ok(offset));
            }
        }
    }
});

/// Whatever is taken from a text becomes part of an address: it must be fit for one.
fn answer(data: &[u8]) {
    let is_plain = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if let Ok(base) = wire::base(data) {
        let links = [base.deployment, base.cancel, base.confirmation, base.installed];
        assert!(links.iter().flatten().all(|link| is_plain(&link.id) && !link.query.contains('/')));
    }
    for key in ["deployment", "confirmation"] {
        if let Ok(deployment) = wire::deployment(data, key) {
            assert!(is_plain(&deployment.id));
        }
    }
    if let Ok(id) = wire::cancel(data) {
        assert!(is_plain(&id));
    }
    let _ = wire::confirmation(data);
}
