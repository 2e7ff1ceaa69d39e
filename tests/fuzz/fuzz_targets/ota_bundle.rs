//! Any bytes as a bundle, a signed text, a block of a delta: refused or read, within bounds, and never a panic.
#![no_main]

use edgekit_ota::bundle::read;
use edgekit_ota::bundle::source::BytesSource;
use edgekit_ota::bundle::tree::PAGE;
use edgekit_ota::delta::Decoder;
use edgekit_ota::{Version, glob};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&kind, data)) = data.split_first() else { return };
    match kind % 3 {
        // A whole bundle, its checksum as it comes.
        0 => bundle(data),
        // A manifest with whatever follows it, under a head that fits: what the checksum would keep out.
        1 => bundle(&under_a_head(data)),
        _ => block(data),
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let version: Result<Version, _> = text.parse();
        if let Ok(version) = version {
            assert!(version.order(&version).is_eq());
        }
        glob::matches(text, "gateway-2b");
    }
});

fn bundle(bytes: &[u8]) {
    let mut source = BytesSource(bytes);
    if let Ok(mut bundle) = read::open(&mut source).and_then(read::Opened::unchecked) {
        let mut told = 0_u64;
        let _ = bundle.prove_all(&mut |bytes| told += bytes);
    }
}

fn under_a_head(data: &[u8]) -> Vec<u8> {
    let at = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (text, body) = data.split_at(at);
    let mut head = b"\x8fEKB\r\n\x1a\n\x01\0\0\0".to_vec();
    head.extend((text.len() as u32).to_le_bytes());
    head.extend([0; 8]);
    let mut hasher = blake3::Hasher::new();
    let sum = hasher.update(&head).update(text).finalize();
    [&head[..], sum.as_bytes(), text, body.get(1..).unwrap_or_default()].concat()
}

/// A block is the bytes as zstd would have packed them, and the bytes themselves.
fn block(data: &[u8]) {
    let Ok(mut decoder) = Decoder::new() else { return };
    let old: &[u8] = &[7; 5000];
    let mut page = vec![0; PAGE];
    let raw = [&frame(data)[..], data].map(<[u8]>::to_vec);
    for stored in raw {
        if decoder.begin(&stored, 0).is_ok() {
            for _ in 0..4 {
                if decoder.page(&old, &mut page).is_err() {
                    break;
                }
            }
            let _ = decoder.end();
        }
    }
}

/// A frame of zstd with one block that is not compressed (RFC 8878 §3.1.1), of at most 64 KiB.
fn frame(data: &[u8]) -> Vec<u8> {
    let data = &data[..data.len().min(0xffff)];
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    frame.extend((data.len() as u32).to_le_bytes());
    frame.extend(&((data.len() as u32) << 3 | 1).to_le_bytes()[..3]);
    frame.extend(data);
    frame
}
