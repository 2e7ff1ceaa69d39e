//! Any bytes as what boot loaders keep: refused or read, what is read is written the same way again, and never a panic.
#![no_main]

use edgekit_ota::boot::barebox::state::State;
use edgekit_ota::boot::grub::block::{Block, SIGNATURE};
use edgekit_ota::boot::uboot::config;
use edgekit_ota::boot::uboot::env::{Env, MAX_SIZE};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&kind, data)) = data.split_first() else { return };
    match kind % 4 {
        0 => environment(data),
        1 => block(data),
        2 => state(data),
        _ => {
            let Ok(text) = std::str::from_utf8(data) else { return };
            if let Ok(copies) = config::parse(text) {
                assert!(copies.len() <= 2 && copies.iter().all(|copy| copy.size <= MAX_SIZE));
            }
        }
    }
});

/// Behind a checksum that would keep it out, and as the variables themselves.
fn environment(data: &[u8]) {
    let _ = Env::open(data, data.len() % 2 == 0);
    let Ok(mut env) = Env::parse(data) else { return };
    // The flags may be longer than they were: a variable of one letter has both of its own.
    // No larger than it need be, for the checksum is most of the work.
    let size = (data.len() * 4 + 64).min(MAX_SIZE);
    let sealed = env.seal(size, Some(7)).expect("it fits");
    assert_eq!(Env::open(&sealed, true), Ok((env.clone(), 7)));
    let before = env.clone();
    match env.set("BOOT_ORDER", Some("b a")) {
        Ok(()) => assert_eq!(env.get("BOOT_ORDER").as_deref(), Some("b a")),
        Err(_) => assert_eq!(env, before),
    }
}

fn block(data: &[u8]) {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend(data);
    let Ok(mut block) = Block::open(bytes) else { return };
    let before = block.clone();
    if let Some(whole) = block.repair() {
        assert_eq!((whole.pairs(), whole.repair()), (block.pairs(), None));
    }
    match block.set("ORDER", "b a") {
        Ok(()) => block.unset("ORDER"),
        Err(_) => assert_eq!(block, before),
    }
    assert_eq!(block.bytes().len(), before.bytes().len());
}

fn state(data: &[u8]) {
    let Some(mut state) = State::open(data, 0) else { return };
    state.set(4, 7);
    assert_eq!(State::open(&state.seal(), 0), Some(state));
}
