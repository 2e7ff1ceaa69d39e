//! Health checks over HTTP/2: gRPC's own, and plain ones; and copies to servers that speak it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use super::daemon::Proxy;
use super::http2::{DATA, END_HEADERS, END_STREAM, Frame, HEADERS, field_of, frame};
use super::origin::{Origin, find};
use super::world::until;

/// What the server says of itself.
const SERVING: u8 = 1;
const NOT_SERVING: u8 = 2;
/// It has no such method.
const UNIMPLEMENTED: u8 = 12;

/// A server of HTTP/2 that answers health checks with `says`, and everything else with `hello`; it counts
/// what it was asked with each method.
fn server(says: &Arc<AtomicU8>, asked: &Arc<[AtomicUsize; 2]>) -> Origin {
    let (says, asked) = (says.clone(), asked.clone());
    Origin::new(move |mut stream| {
        let mut preface = [0; 24];
        if stream.read_exact(&mut preface).is_err() {
            return;
        }
        // Without a table (SETTINGS_HEADER_TABLE_SIZE 0) every path is there in letters.
        drop(stream.write_all(&frame(4, 0, 0, &[0, 1, 0, 0, 0, 0])));
        let mut is_check = false;
        while let Some(got) = Frame::read(&mut stream) {
            match got.kind {
                HEADERS => is_check = find(&got.payload, b"/grpc.health.v1.Health/Check").is_some(),
                4 if got.flags == 0 => drop(stream.write_all(&frame(4, 1, 0, &[]))),
                6 if got.flags == 0 => drop(stream.write_all(&frame(6, 1, 0, &got.payload))),
                _ => {}
            }
            if got.kind > HEADERS || got.flags & END_STREAM == 0 {
                continue;
            }
            asked[usize::from(is_check)].fetch_add(1, Ordering::SeqCst);
            answer(&mut stream, got.stream, is_check.then(|| says.load(Ordering::SeqCst)));
        }
    })
}

fn answer(stream: &mut TcpStream, id: u32, check: Option<u8>) {
    let mut head = vec![0x88];
    let mut said = Vec::new();
    match check {
        None => {
            said.extend(frame(HEADERS, END_HEADERS, id, &head));
            said.extend(frame(DATA, END_STREAM, id, b"hello"));
        }
        Some(UNIMPLEMENTED) => {
            head.extend(field_of(b"content-type", b"application/grpc"));
            head.extend(field_of(b"grpc-status", b"12"));
            said.extend(frame(HEADERS, END_HEADERS | END_STREAM, id, &head));
        }
        Some(status) => {
            head.extend(field_of(b"content-type", b"application/grpc"));
            said.extend(frame(HEADERS, END_HEADERS, id, &head));
            said.extend(frame(DATA, 0, id, &[0, 0, 0, 0, 2, 8, status]));
            said.extend(frame(HEADERS, END_HEADERS | END_STREAM, id, &field_of(b"grpc-status", b"0")));
        }
    }
    drop(stream.write_all(&said));
}

/// What the proxy says of the only endpoint of cluster app.
fn health(proxy: &Proxy) -> String {
    let mut command = std::process::Command::new(crate::harness::binary());
    command.args(["proxy", "clusters", "--json"]).env("RUNTIME_DIRECTORY", proxy.scratch.path());
    let said = crate::harness::say(&mut command).ends(0).out;
    let clusters = said.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let app = clusters.into_iter().find(|cluster| cluster["name"] == "app").expect("it is there");
    app["endpoints"][0]["health"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn servers_of_grpc_are_asked_whether_they_serve() {
    let (says, asked) = (Arc::new(AtomicU8::new(SERVING)), Arc::default());
    let origin = server(&says, &asked);
    let proxy = Proxy::with(&format!(
        "[route.all]\ncluster = \"app\"\n[cluster.app]\nendpoints = [\"{}\"]\nprotocol = \"h2\"\n\
         health = {{ kind = \"grpc\", service = \"shop.Cart\", interval = \"30ms\", ill_after = 1, well_after = 1 }}\n",
        origin.address
    ));
    until("the server was asked", || asked[1].load(Ordering::SeqCst) > 1);
    assert_eq!(health(&proxy), "well");
    for (status, said) in [(NOT_SERVING, "it says NOT_SERVING"), (UNIMPLEMENTED, "grpc-status 12")] {
        says.store(status, Ordering::SeqCst);
        until("it counts as ill", || health(&proxy) == "ill");
        assert!(proxy.log().contains(said), "{}", proxy.log());
        says.store(SERVING, Ordering::SeqCst);
        until("it counts as well", || health(&proxy) == "well");
    }
    // All of it went over one connection, and so do requests.
    let answer = proxy.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.ends_with("hello\r\n0\r\n\r\n"), "{answer}");
    assert!(origin.connections.load(Ordering::SeqCst) <= 3);
}

#[test]
fn checks_and_copies_go_to_servers_of_http2() {
    let (says, asked) = (Arc::new(AtomicU8::new(SERVING)), Arc::default());
    let origin = server(&says, &asked);
    let real = Origin::mirror();
    let proxy = Proxy::with(&format!(
        "[route.all]\ncluster = \"real\"\nmirror.cluster = \"app\"\n[cluster.real]\nendpoints = [\"{}\"]\n\
         [cluster.app]\nendpoints = [\"{}\"]\nprotocol = \"h2\"\n\
         health = {{ kind = \"http\", path = \"/well\", interval = \"30ms\" }}\n",
        real.address, origin.address
    ));
    until("the server was asked", || asked[0].load(Ordering::SeqCst) > 2);
    assert_eq!(health(&proxy), "well");
    let answer = proxy.exchange(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    assert!(answer.ends_with("body"), "{answer}");
    until("the copy was answered", || proxy.metric("edgekit_proxy_mirrored_total") == 1);
    assert_eq!(proxy.metric("edgekit_proxy_mirrors_lost_total"), 0);
}
