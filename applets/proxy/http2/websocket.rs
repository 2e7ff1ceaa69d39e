//! What a WebSocket's handshake over HTTP/1.1 proves and HTTP/2 has no need of (RFC 8441 §5): the key of
//! who asks and the answer to it (RFC 6455 §4), made up where one side speaks the one and one the other.

use edgekit_tls::sha1;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// What every server adds to a key (RFC 6455 §1.3).
const ADDED: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A key: 16 bytes nobody has to guess, in base 64.
pub(super) fn key() -> [u8; 24] {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let random = || RandomState::new().build_hasher().finish().to_be_bytes();
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&random());
    bytes[8..].copy_from_slice(&random());
    let mut key = [b'='; 24];
    base64(&bytes, &mut key);
    key
}

/// What a server answers to a key.
pub(super) fn accept(key: &[u8]) -> [u8; 28] {
    let mut accept = [b'='; 28];
    base64(&sha1(&[key, ADDED].concat()), &mut accept);
    accept
}

/// Writes letters over the padding that `into` is filled with.
fn base64(bytes: &[u8], into: &mut [u8]) {
    for (three, letters) in bytes.chunks(3).zip(into.chunks_mut(4)) {
        let bits = three.iter().zip([16, 8, 0]).fold(0, |bits, (byte, by)| bits | u32::from(*byte) << by);
        for (letter, by) in letters.iter_mut().take(three.len() + 1).zip([18, 12, 6, 0]) {
            *letter = LETTERS[(bits >> by & 63) as usize];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_protocol() {
        assert_eq!(&accept(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let mut sample = [b'='; 24];
        base64(b"the sample nonce", &mut sample);
        assert_eq!(&sample, b"dGhlIHNhbXBsZSBub25jZQ==");
        let (one, other) = (key(), key());
        assert!(one.ends_with(b"==") && one != other);
    }
}
