//! HTTP/2 of the proxy: both ends of a connection, fed with whatever. Not only without a panic: pieces
//! make no difference, what is held and what is answered stays bounded, and what the encoder writes
//! reads the same.
#![no_main]

use edgekit_proxy::http2::fuzz::{Fed, feed};
use edgekit_proxy::http2::hpack::{Decoder, Encoder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    frames(data);
    blocks(data);
});

fn frames(data: &[u8]) {
    for is_server in [true, false] {
        let whole = feed(is_server, data, usize::MAX);
        let pieces = feed(is_server, data, usize::from(data.first().copied().unwrap_or(0) % 13) + 1);
        assert_eq!(whole, pieces);
        let Fed { held, answered, streams, .. } = whole;
        // The windows and one head bound what is held, what came bounds what is answered.
        assert!(held <= 400_000 && streams <= 16, "{held} bytes, {streams} streams");
        assert!(answered <= 1000 + data.len() * 4, "{answered} bytes for {}", data.len());
    }
}

fn blocks(data: &[u8]) {
    let (mut decoder, mut encoder, mut again) = (Decoder::new(4096), Encoder::default(), Decoder::new(4096));
    for block in data.chunks(64) {
        let mut fields: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut keep = |name: &[u8], value: &[u8]| fields.push((name.to_vec(), value.to_vec()));
        if decoder.decode(block, &mut Vec::new(), &mut keep).is_err() {
            return;
        }
        let mut written = Vec::new();
        encoder.allow(usize::from(block[0]) * 20);
        encoder.begin(&mut written);
        fields.iter().for_each(|(name, value)| encoder.field(&mut written, name, value));
        let mut read: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let keep = |name: &[u8], value: &[u8]| read.push((name.to_vec(), value.to_vec()));
        again.decode(&written, &mut Vec::new(), keep).expect("our own blocks are right");
        assert_eq!(fields, read);
    }
}
