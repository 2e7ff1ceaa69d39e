//! The relay's accidents, each seen from both ends.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use super::*;

/// A server that sends `length` bytes to each client and keeps the connection until the client ends it.
fn source(length: usize) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            thread::spawn(move || {
                drop(client.write_all(&vec![7; length]));
                drop(client.read(&mut [0; 1]));
            });
        }
    });
    address
}

/// What a client gets from `relay`: the bytes, and how the connection ended.
fn fetch(relay: &Relay, enough: usize) -> (usize, Option<io::ErrorKind>) {
    let mut client = TcpStream::connect(relay.address()).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut got = 0;
    let mut piece = [0; 4096];
    while got < enough {
        match client.read(&mut piece) {
            Ok(0) => return (got, None),
            Ok(length) => got += length,
            Err(error) => return (got, Some(error.kind())),
        }
    }
    (got, None)
}

#[test]
fn passes_everything_on_and_counts() {
    let relay = Relay::start(source(1_000_000), Plan::default()).unwrap();
    assert_eq!(fetch(&relay, 1_000_000), (1_000_000, None));
    assert_eq!((relay.down(), relay.connections()), (1_000_000, 1));
}

#[test]
fn resets_and_ends_after_the_bytes_said() {
    let upstream = source(1_000_000);
    let relay = Relay::choosing(upstream, |number| match number {
        0 => Plan { reset_after: Some(100_000), ..Plan::default() },
        1 => Plan { close_after: Some(100_000), ..Plan::default() },
        2 => Plan { stall_after: Some(100_000), ..Plan::default() },
        _ => Plan { drop: true, ..Plan::default() },
    })
    .unwrap();
    let (got, end) = fetch(&relay, usize::MAX);
    assert!(got <= 100_000, "{got}");
    assert_eq!(end, Some(io::ErrorKind::ConnectionReset));
    assert_eq!(fetch(&relay, usize::MAX), (100_000, None));
    assert_eq!(fetch(&relay, usize::MAX), (100_000, Some(io::ErrorKind::WouldBlock)));
    assert_eq!(fetch(&relay, usize::MAX).0, 0);
}

#[test]
fn holds_back_by_rate_and_delay() {
    let relay = Relay::start(source(100_000), Plan { rate: Some(500_000), ..Plan::default() }).unwrap();
    // The clock of the machine itself: what is measured is real sleep.
    let start = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    assert_eq!(fetch(&relay, 100_000), (100_000, None));
    let end = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let took = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1_000_000;
    // The last piece arrives before its pause: 16 KiB of 100 kB are not waited for.
    assert!(took >= 150, "{took} ms");
}

#[test]
fn a_cut_and_a_new_plan_take_effect() {
    let relay = Relay::start(source(10), Plan { stall_after: Some(5), ..Plan::default() }).unwrap();
    let mut client = TcpStream::connect(relay.address()).unwrap();
    client.read_exact(&mut [0; 5]).unwrap();
    relay.set(Plan::default());
    assert_eq!(fetch(&relay, 10), (10, None));
    relay.cut();
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let end = client.read(&mut [0; 1]);
    assert!(matches!(&end, Ok(0)) || end.is_err_and(|e| e.kind() == io::ErrorKind::ConnectionReset));
}
