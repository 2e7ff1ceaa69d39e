//! What a connection may begin with before anything is known of it: a PROXY header, a TLS ClientHello.
//! Not only without a panic: more bytes never change what was found, and fewer never find more.
#![no_main]

use edgekit_proxy::l4::{Header, write};
use edgekit_proxy::secure::hello::{Hello, MOST};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    header(data);
    hello(data);
});

fn header(data: &[u8]) {
    let found = Header::read(data);
    for cut in cuts(data) {
        match (Header::read(&data[..cut]), found) {
            (Header::Partial, _) => {}
            (Header::Wrong, whole) => assert_eq!(whole, Header::Wrong),
            (whole @ Header::Whole { length, .. }, again) => {
                assert!(length <= cut);
                assert_eq!(whole, again);
            }
        }
    }
    if let Header::Whole { length, ends } = found {
        assert!(length <= data.len());
        // What was read can be written, and says the same.
        if let Some((from, to)) = ends {
            for is_second in [false, true] {
                let mut bytes = Vec::new();
                write(&mut bytes, is_second, from, to);
                let Header::Whole { length, ends: Some(again) } = Header::read(&bytes) else {
                    panic!("our own header is wrong: {bytes:?}");
                };
                assert_eq!(length, bytes.len());
                let plain = |address: std::net::SocketAddr| (address.ip().to_canonical(), address.port());
                assert_eq!((plain(again.0), plain(again.1)), (plain(from), plain(to)));
            }
        }
    }
}

fn hello(data: &[u8]) {
    let found = Hello::read(data);
    if data.len() >= MOST {
        assert_ne!(found, Hello::Partial);
    }
    for cut in cuts(data) {
        match Hello::read(&data[..cut]) {
            Hello::Partial => {}
            known => assert_eq!(known, found),
        }
    }
    if let Hello::Whole(wanted) = found
        && let Some(name) = wanted.server_name
    {
        // It chooses where a connection goes, and is logged.
        assert!(!name.is_empty() && name.len() <= 253);
        assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
    }
}

fn cuts(data: &[u8]) -> impl Iterator<Item = usize> {
    (0..data.len()).step_by(data.len().max(1).div_ceil(32))
}
