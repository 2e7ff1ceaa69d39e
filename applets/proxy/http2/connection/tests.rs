//! Both ends against each other in any pieces, and one end against frames nobody should send.

use std::io::IoSlice;
use std::task::Waker;

use proptest::prelude::*;

use super::*;
use crate::http2::frame::{ACK, END_HEADERS, END_STREAM, PADDED};

const LIMITS: Limits = Limits { streams: 8, head: 4096, window: 1000, window_of_all: 80_000 };

fn end(role: Role) -> Connection {
    Connection::new(role, LIMITS, Duration::from_secs(1))
}

/// Gives one end what the other has written, in pieces of `piece` bytes.
fn carry(
    from: &mut Connection,
    to: &mut Connection,
    piece: usize,
    mut each: impl FnMut(&mut Connection, Event),
) {
    let bytes = from.out.unsent().to_vec();
    from.out.wrote(bytes.len());
    from.unblock();
    for piece in bytes.chunks(piece.max(1)) {
        let mut at = 0;
        while let Some(event) = to.receive(piece, &mut at, Duration::from_secs(1)).unwrap() {
            each(to, event);
        }
        assert_eq!(at, piece.len());
    }
}

fn send(connection: &mut Connection, place: u32, body: &[u8]) -> usize {
    connection.send_data(place, &[IoSlice::new(body)], Waker::noop()).unwrap().unwrap_or(0)
}

fn ask(client: &mut Connection, path: &str) -> u32 {
    let place = client.open().unwrap();
    client.send_head(place, |encoder, out| {
        for (name, value) in [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "a")]
        {
            encoder.field(out, name.as_bytes(), value.as_bytes());
        }
    });
    place
}

proptest! {
    /// Bodies of any size go both ways at once, in frames and pieces of any size, within the windows.
    #[test]
    fn messages_arrive(
        bodies in proptest::collection::vec((0_usize..5000, 0_usize..5000), 1..8),
        piece in 1_usize..3000,
        reads in 1_usize..2000,
    ) {
        let (mut client, mut server) = (end(Role::Client), end(Role::Server));
        let text = |length: usize, seed: usize| -> Vec<u8> {
            (0..length).map(|at| (at * 7 + seed) as u8).collect()
        };
        struct Side { place: u32, body: Vec<u8>, sent: usize, is_done: bool, got: Vec<u8>, is_whole: bool }
        let side = |place, body| Side { place, body, sent: 0, is_done: false, got: Vec::new(), is_whole: false };
        let mut asking: Vec<Side> = Vec::new();
        let mut answering: Vec<Side> = Vec::new();
        for (number, (length, _)) in bodies.iter().enumerate() {
            let place = ask(&mut client, &format!("/{number}"));
            asking.push(side(place, text(*length, number)));
        }
        for _ in 0..10_000 {
            carry(&mut client, &mut server, piece, |server, event| {
                let Event::Request { place, request } = event else { panic!("{event:?}") };
                let path = request.head.target.of(&server.lines.bytes);
                let number: usize = std::str::from_utf8(&path[1..]).unwrap().parse().unwrap();
                answering.push(side(place, text(bodies[number].1, number + 100)));
                server.send_head(place, |encoder, out| encoder.field(out, b":status", b"200"));
            });
            carry(&mut server, &mut client, piece, |_, event| panic!("{event:?}"));
            let ends = asking.iter_mut().map(|side| (true, side));
            let ends = ends.chain(answering.iter_mut().map(|side| (false, side)));
            for (is_client, side) in ends {
                let connection = if is_client { &mut client } else { &mut server };
                if !side.is_done {
                    side.sent += send(connection, side.place, &side.body[side.sent..]);
                    if side.sent == side.body.len() {
                        connection.send_end(side.place, None).unwrap();
                        side.is_done = true;
                    }
                }
                let mut into = vec![0; reads];
                match connection.read(side.place, &mut into).unwrap() {
                    Some(0) => side.is_whole = true,
                    Some(bytes) => side.got.extend_from_slice(&into[..bytes]),
                    None => {}
                }
                let stream = connection.streams.peek(side.place);
                let most = LIMITS.window as usize;
                prop_assert!(stream.unread().len() <= most && stream.data.len() <= 2 * most);
            }
            if asking.iter().chain(&answering).all(|side| side.is_whole && side.is_done) {
                break;
            }
        }
        prop_assert_eq!(answering.len(), bodies.len());
        for (number, side) in asking.iter().enumerate() {
            prop_assert!(side.is_whole && side.got == text(bodies[number].1, number + 100));
        }
        for side in &answering {
            prop_assert!(side.is_whole && bodies.iter().enumerate().any(|(at, (length, _))| side.got == text(*length, at)));
        }
        for (mut connection, sides) in [(client, asking), (server, answering)] {
            sides.iter().for_each(|side| connection.release(side.place));
            prop_assert_eq!(connection.streams.len(), 0);
        }
    }

    /// Nothing makes it panic, and what it holds and answers stays bounded.
    #[test]
    fn any_frames(
        frames in proptest::collection::vec(
            (0_u8..11, any::<u8>(), 0_u32..8, proptest::collection::vec(any::<u8>(), 0..40)), 0..80,
        ),
        role in prop_oneof![Just(Role::Server), Just(Role::Client)],
    ) {
        let mut connection = end(role);
        let mut input = if role == Role::Server { frame::PREFACE.to_vec() } else { Vec::new() };
        if role == Role::Client {
            ask(&mut connection, "/");
        }
        frame::settings(&mut input, &[]);
        for (kind, flags, stream, payload) in frames {
            let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
            input.extend_from_slice(&[a, b, c, kind, flags]);
            input.extend_from_slice(&stream.to_be_bytes());
            input.extend_from_slice(&payload);
        }
        let mut at = 0;
        while let Ok(Some(_)) = connection.receive(&input, &mut at, Duration::from_secs(1)) {}
        prop_assert!(connection.out.unsent().len() < 200 + 40 * 80 && connection.streams.len() <= 8);
    }
}

/// A server that was greeted.
fn server() -> Connection {
    let mut server = end(Role::Server);
    let mut greeting = frame::PREFACE.to_vec();
    frame::settings(&mut greeting, &[]);
    server.receive(&greeting, &mut 0, Duration::from_secs(1)).unwrap();
    let greeted = server.out.unsent().len();
    server.out.wrote(greeted);
    server
}

const GET: &[u8] = b"\x82\x86\x84\x41\x01a";

fn head(stream: u32, flags: u8) -> Vec<u8> {
    frame(Kind::Headers, flags | END_HEADERS, stream, GET)
}

fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame::head(&mut frame, payload.len(), kind, flags, stream);
    frame.extend_from_slice(payload);
    frame
}

/// What becomes of `frames`: the end of the connection, or the last stream that is reset.
fn fate(frames: &[Vec<u8>]) -> Result<Option<(u32, u32)>, End> {
    let mut server = server();
    let input = frames.concat();
    let mut at = 0;
    while server.receive(&input, &mut at, Duration::from_secs(1))?.is_some() {}
    let (mut rest, mut reset) = (server.out.unsent(), None);
    while let Some((head, after)) = rest.split_first_chunk() {
        let read = Frame::read(head);
        let (payload, next) = after.split_at(read.length as usize);
        if read.kind == Kind::Reset {
            reset = Some((read.stream, u32::from_be_bytes(payload.try_into().unwrap())));
        }
        rest = next;
    }
    Ok(reset)
}

#[test]
fn what_breaks_the_connection() {
    let settings = |number: u8, value: [u8; 4]| {
        let payload = [&[0, number][..], &value].concat();
        vec![frame(Kind::Settings, 0, 0, &payload)]
    };
    let cases = [
        (vec![frame(Kind::Data, 0, 1, b"x")], Code::Protocol),
        (vec![frame(Kind::Data, 0, 0, b"x")], Code::Protocol),
        (vec![head(2, 0)], Code::Protocol),
        (vec![head(3, END_STREAM), head(1, END_STREAM)], Code::Protocol),
        (vec![frame(Kind::Headers, 0, 1, GET), frame(Kind::Ping, 0, 0, &[0; 8])], Code::Protocol),
        (vec![frame(Kind::Headers, 0, 1, GET), frame(Kind::Continuation, 4, 3, b"")], Code::Protocol),
        (vec![frame(Kind::Continuation, 4, 1, b"")], Code::Protocol),
        (vec![frame(Kind::Headers, END_HEADERS | PADDED, 1, b"\x09\x82")], Code::Protocol),
        (vec![frame(Kind::Headers, END_HEADERS, 1, b"\x80")], Code::Compression),
        (vec![head(1, 0), frame(Kind::Data, PADDED, 1, b"\x05abc")], Code::Protocol),
        (vec![frame(Kind::Promise, 0, 1, &[0; 8])], Code::Protocol),
        (vec![frame(Kind::Settings, ACK, 0, &[0; 6])], Code::FrameSize),
        (vec![frame(Kind::Settings, 0, 0, &[0; 5])], Code::FrameSize),
        (settings(2, [0, 0, 0, 2]), Code::Protocol),
        (settings(4, [0x80, 0, 0, 0]), Code::FlowControl),
        (settings(5, [0, 0, 0x3f, 0xff]), Code::Protocol),
        (settings(8, [0, 0, 0, 2]), Code::Protocol),
        (vec![frame(Kind::Ping, 0, 0, &[0; 7])], Code::FrameSize),
        (vec![frame(Kind::Ping, 0, 1, &[0; 8])], Code::Protocol),
        (vec![frame(Kind::Window, 0, 0, &[0; 4])], Code::Protocol),
        (vec![frame(Kind::Window, 0, 0, &[0x7f, 0xff, 0xff, 0xff])], Code::FlowControl),
        (vec![frame(Kind::Window, 0, 1, &[0, 0, 0, 1])], Code::Protocol),
        (vec![frame(Kind::Reset, 0, 1, &[0; 4])], Code::Protocol),
        (vec![frame(Kind::GoAway, 0, 0, &[0; 7])], Code::FrameSize),
        (vec![[0, 0x40, 1, 0, 0, 0, 0, 0, 1].to_vec()], Code::FrameSize),
    ];
    for (frames, code) in cases {
        assert_eq!(fate(&frames).err(), Some(code.into()), "{frames:?}");
    }
    let mut server = end(Role::Server);
    assert!(server.receive(b"GET / HTTP/1.1\r\n\r\n", &mut 0, Duration::ZERO).is_err());
}

#[test]
fn what_breaks_a_stream() {
    let with = |field: &[u8]| frame(Kind::Headers, END_HEADERS | END_STREAM, 1, &[GET, field].concat());
    let data = |payload: &[u8]| frame(Kind::Data, END_STREAM, 1, payload);
    let length = |value: &[u8]| {
        frame(Kind::Headers, END_HEADERS, 1, &[GET, b"\x0f\x0d", &[value.len() as u8], value].concat())
    };
    let cases = [
        (vec![with(b"\x00\x01X\x01a")], Code::Protocol),
        (vec![with(b"\x00\x01x\x03a\r\n")], Code::Protocol),
        (vec![with(b"\x00\x11transfer-encoding\x07chunked")], Code::Protocol),
        (vec![head(1, END_STREAM), data(b"x")], Code::StreamClosed),
        (vec![head(1, 0), head(1, 0)], Code::Protocol),
        (vec![head(1, 0), frame(Kind::Headers, 5, 1, b"\x82")], Code::Protocol),
        (vec![length(b"3"), data(b"ab")], Code::Protocol),
        (vec![length(b"3"), data(b"abcd")], Code::Protocol),
        (vec![length(b"3"), frame(Kind::Headers, 5, 1, b"\x00\x01x\x01a")], Code::Protocol),
        (vec![head(1, 0), data(&[0; 1001])], Code::FlowControl),
        (vec![head(1, 0), frame(Kind::Window, 0, 1, &[0; 4])], Code::Protocol),
        (vec![head(1, 0), frame(Kind::Window, 0, 1, &[0x7f, 0xff, 0xff, 0xff])], Code::FlowControl),
        (vec![head(1, 0), frame(Kind::Priority, 0, 1, &[0, 0, 0, 1, 0])], Code::Protocol),
        (vec![head(1, 0), frame(Kind::Priority, 0, 1, &[0; 4])], Code::FrameSize),
        (vec![head(1, END_STREAM), frame(Kind::Reset, 0, 1, &[0; 4]), data(b"x")], Code::StreamClosed),
    ];
    for (frames, code) in cases {
        assert_eq!(fate(&frames), Ok(Some((1, code as u32))), "{frames:?}");
    }
    let many: Vec<_> = (0..9).map(|number| head(number * 2 + 1, 0)).collect();
    assert_eq!(fate(&many), Ok(Some((17, Code::Refused as u32))));
    for fine in [
        vec![length(b"3"), data(b"abc")],
        vec![head(1, 0), frame(Kind::Data, PADDED | END_STREAM, 1, b"\x02abc\0\0")],
        vec![frame(Kind::Unknown, 0, 1, b"x"), head(1, END_STREAM), frame(Kind::Window, 0, 1, &[0, 0, 0, 1])],
    ] {
        assert_eq!(fate(&fine), Ok(None), "{fine:?}");
    }
}

#[test]
fn floods_end_the_connection() {
    let ping = frame(Kind::Ping, 0, 0, &[0; 8]);
    let settings = frame(Kind::Settings, 0, 0, &[]);
    let rapid = |number: u32| {
        [head(number * 2 + 1, END_STREAM), frame(Kind::Reset, 0, number * 2 + 1, &[0, 0, 0, 8])].concat()
    };
    let made =
        |number: u32| [head(number * 2 + 1, 0), frame(Kind::Window, 0, number * 2 + 1, &[0; 4])].concat();
    let floods: [(&str, Vec<Vec<u8>>); 7] = [
        ("ping", vec![ping; 1000]),
        ("settings", vec![settings; 1000]),
        ("rapid_reset", (0..1000).map(rapid).collect()),
        ("made_reset", (0..1000).map(made).collect()),
        ("window", [vec![head(1, 0)], vec![frame(Kind::Window, 0, 1, &[0, 0, 0, 1]); 2000]].concat()),
        ("empty", [vec![head(1, 0)], vec![frame(Kind::Data, 0, 1, b""); 1000]].concat()),
        (
            "continuation",
            [vec![frame(Kind::Headers, 0, 1, GET)], vec![frame(Kind::Continuation, 0, 1, b""); 1000]]
                .concat(),
        ),
    ];
    for (word, frames) in floods {
        let mut server = server();
        let end = frames.iter().find_map(|frame| {
            let mut at = 0;
            loop {
                match server.receive(frame, &mut at, Duration::from_secs(1)) {
                    // Its task sees the reset and lets go.
                    Ok(Some(Event::Request { place, .. })) if word.ends_with("reset") => {
                        while at < frame.len() {
                            match server.receive(frame, &mut at, Duration::from_secs(1)) {
                                Ok(_) => {}
                                Err(end) => return Some(end),
                            }
                        }
                        server.release(place);
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => return None,
                    Err(end) => return Some(end),
                }
            }
        });
        let abuse = end.and_then(|end| end.abuse).map(Abuse::word);
        assert_eq!(abuse, Some(word));
        assert!(server.out.unsent().len() < 20_000 && server.streams.len() <= 1);
    }
}

#[test]
fn after_both_have_reset_a_stream_nothing_may_follow() {
    // The answer was out before all of the request was in, so that we have reset it; what was under way is ignored,
    // and what follows their own reset is not (RFC 9113 §5.1).
    for is_held in [true, false] {
        let mut server = server();
        let hear = |server: &mut Connection, frame: &[u8]| {
            let mut events = Vec::new();
            let mut at = 0;
            while let Some(event) = server.receive(frame, &mut at, Duration::from_secs(1)).unwrap() {
                events.push(event);
            }
            events
        };
        let data = frame(Kind::Data, 0, 1, b"x");
        let events = hear(&mut server, &head(1, 0));
        let Some(Event::Request { place, .. }) = events.first() else { panic!("{events:?}") };
        server.reset(*place, Code::None);
        if !is_held {
            server.release(*place);
        }
        let before = server.out.unsent().len();
        hear(&mut server, &data);
        assert_eq!(server.out.unsent().len(), before, "what was under way is ignored");
        hear(&mut server, &frame(Kind::Reset, 0, 1, &[0, 0, 0, 8]));
        hear(&mut server, &data);
        let said = server.out.unsent();
        let closed = [0, 0, 4, Kind::Reset as u8, 0, 0, 0, 0, 1, 0, 0, 0, Code::StreamClosed as u8];
        assert!(said.windows(closed.len()).any(|bytes| bytes == closed), "{is_held}: {said:?}");
    }
}

#[test]
fn a_head_that_is_too_long_is_answered_and_forgotten() {
    let mut server = server();
    let mut block = GET.to_vec();
    for number in 0..100 {
        block.extend_from_slice(format!("\0\x04x-{number:02}\x64{}", "y".repeat(100)).as_bytes());
    }
    let mut frames = frame(Kind::Headers, END_STREAM, 1, &block[..6000]);
    frames.extend(frame(Kind::Continuation, END_HEADERS, 1, &block[6000..]));
    // A piece that does not fit the bound of memory stays out of it.
    let event = server.receive(&frames, &mut 0, Duration::from_secs(1)).unwrap();
    assert!(matches!(event, Some(Event::Refused { fault: Fault::HeadTooLong, .. })), "{event:?}");
    assert!(server.lines.bytes.len() <= 4096 && server.scratch.len() < 200);
}

#[test]
fn draining_takes_two_steps() {
    let mut server = server();
    server.leave(false);
    let mut at = 0;
    let request = server.receive(&head(1, END_STREAM), &mut at, Duration::from_secs(1)).unwrap();
    assert!(matches!(request, Some(Event::Request { .. })));
    server.leave(true);
    let late = server.receive(&head(3, END_STREAM), &mut 0, Duration::from_secs(1)).unwrap();
    assert!(late.is_none() && server.streams.len() == 1);
    let lasts: Vec<u8> = server.out.unsent().chunks(17).map(|frame| frame[12]).collect();
    assert_eq!(lasts, [0xff, 1]);
}

#[test]
fn a_server_that_leaves_has_done_nothing_with_later_streams() {
    let mut client = end(Role::Client);
    let (first, second) = (ask(&mut client, "/a"), ask(&mut client, "/b"));
    let mut input = Vec::new();
    frame::settings(&mut input, &[]);
    frame::go_away(&mut input, 1, Code::None);
    client.receive(&input, &mut 0, Duration::from_secs(1)).unwrap();
    assert_eq!(client.streams.peek(first).reset, None);
    assert_eq!(client.streams.peek(second).reset, Some(Code::Refused));
    assert!(client.open().is_none());
}
