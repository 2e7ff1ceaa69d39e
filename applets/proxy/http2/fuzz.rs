//! The machine from outside, for the fuzz target: fed with bytes, and what it came to.

use std::time::Duration;

use super::connection::{Connection, Event, Limits, Role};

/// What a connection came to.
#[derive(PartialEq, Eq, Debug)]
pub struct Fed {
    /// Requests that came through, and their heads' bytes.
    pub requests: Vec<usize>,
    /// The code it ended with.
    pub end: Option<u32>,
    /// Bytes of DATA that wait for readers.
    pub held: usize,
    /// Bytes it would write.
    pub answered: usize,
    /// Streams in use.
    pub streams: usize,
}

/// Feeds one end with `input`, behind a greeting, in pieces. The time stands still.
pub fn feed(is_server: bool, input: &[u8], piece: usize) -> Fed {
    const GREETING: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
    let limits = Limits { streams: 16, head: 4096, window: 16_384, window_of_all: 65_535 };
    let role = if is_server { Role::Server } else { Role::Client };
    let mut connection = Connection::new(role, limits, Duration::ZERO);
    let mut fed = Fed { requests: Vec::new(), end: None, held: 0, answered: 0, streams: 0 };
    let mut whole = if is_server { super::frame::PREFACE.to_vec() } else { Vec::new() };
    whole.extend_from_slice(GREETING);
    whole.extend_from_slice(input);
    if !is_server {
        for _ in 0..4 {
            if let Some(place) = connection.open() {
                connection.send_head(place, |encoder, out| encoder.field(out, b":path", b"/"));
            }
        }
    }
    'all: for bytes in whole.chunks(piece.min(whole.len().max(1))) {
        let mut at = 0;
        loop {
            match connection.receive(bytes, &mut at, Duration::ZERO) {
                Ok(None) => break,
                Ok(Some(Event::Request { request, .. })) => fed.requests.push(request.head.length),
                Ok(Some(Event::Refused { .. })) => fed.requests.push(0),
                Err(end) => {
                    fed.end = Some(end.code as u32);
                    break 'all;
                }
            }
        }
    }
    fed.held = connection.streams.each().map(|stream| stream.data.len()).sum();
    fed.answered = connection.out.unsent().len();
    fed.streams = connection.streams.len();
    fed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Frames in any order, whole or broken: pieces make no difference, and all is bounded.
        #[test]
        fn pieces_make_no_difference(
            frames in proptest::collection::vec(
                (0_u8..11, any::<u8>(), 0_u32..6, 0_usize..5, proptest::collection::vec(any::<u8>(), 0..30)), 0..40,
            ),
            is_server in any::<bool>(),
            piece in 1_usize..20,
        ) {
            const BLOCKS: [&[u8]; 5] = [b"\x82\x86\x84\x41\x01a", b"\x88", b"\x82", b"\x00\x01x\x01y", b""];
            let mut input = Vec::new();
            for (kind, flags, stream, block, more) in frames {
                let payload = [BLOCKS[block], &more[..more.len() * (block / 4)]].concat();
                input.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
                input.extend_from_slice(&[kind, flags & 0x2d]);
                input.extend_from_slice(&stream.to_be_bytes());
                input.extend_from_slice(&payload);
            }
            let whole = feed(is_server, &input, usize::MAX);
            prop_assert_eq!(&whole, &feed(is_server, &input, piece));
            prop_assert!(whole.held <= 400_000 && whole.streams <= 16);
            prop_assert!(whole.answered <= 1000 + input.len() * 4);
        }
    }
}
