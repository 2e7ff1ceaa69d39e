//! Requests followed: `traceparent` in and out, and spans for a collector.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::daemon::Proxy;
use super::origin::{Origin, find, read_request};
use super::world::until;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn proxy(origin: &Origin, tracing: &str) -> Proxy {
    Proxy::with(&format!(
        "[cluster.app]\nendpoints = [\"{}\"]\n[route.all]\ncluster = \"app\"\n{tracing}",
        origin.address
    ))
}

/// What the server was told, in lower case.
fn told(proxy: &Proxy, lines: &str) -> String {
    let request = format!("GET /a?b=c HTTP/1.1\r\nHost: a\r\n{lines}Connection: close\r\n\r\n");
    proxy.exchange(request.as_bytes()).to_ascii_lowercase()
}

fn line<'a>(told: &'a str, name: &str) -> Option<&'a str> {
    told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn without_a_word_about_it_traces_pass() {
    let origin = Origin::mirror();
    let plain = proxy(&origin, "");
    let lines = "Traceparent: whatever\r\nTracestate: =\r\n";
    let passed = told(&plain, lines);
    assert_eq!((line(&passed, "traceparent"), line(&passed, "tracestate")), (Some("whatever"), Some("=")));
    assert_eq!(line(&told(&plain, ""), "traceparent"), None);
}

#[test]
fn traces_go_on_or_begin() {
    let origin = Origin::mirror();
    let followed = proxy(&origin, "[tracing]\nenabled = true\nsample = \"0%\"\n");
    let passed = told(&followed, &format!("traceparent: {PARENT}\r\ntracestate: a=1\r\nTracestate: b=2\r\n"));
    let ours = line(&passed, "traceparent").expect("a parent");
    assert!(ours.starts_with(&PARENT[..36]) && ours.ends_with("-01"), "{ours}");
    assert_ne!(ours[36..52], PARENT[36..52]);
    assert!(passed.contains("\r\ntracestate: a=1\r\ntracestate: b=2\r\n"), "{passed}");
    assert_eq!(passed.matches("traceparent").count(), 1);
    // Not sampled stays so; a state that is none is not passed on.
    let quiet = PARENT.replace("-01", "-00");
    let passed = told(&followed, &format!("traceparent: {quiet}\r\ntracestate: a\r\n"));
    assert!(line(&passed, "traceparent").expect("a parent").ends_with("-00"));
    assert_eq!(line(&passed, "tracestate"), None);
    // What is malformed, or said twice, is begun anew.
    let twice = format!("traceparent: {PARENT}\r\ntraceparent: {PARENT}\r\ntracestate: a=1\r\n");
    for lines in ["", "traceparent: 00-xyz\r\ntracestate: a=1\r\n", &twice] {
        let passed = told(&followed, lines);
        let ours = line(&passed, "traceparent").expect("a parent");
        assert!(ours.len() == 55 && ours.ends_with("-00") && !ours.contains(&PARENT[3..35]), "{ours}");
        assert!(passed.matches("traceparent").count() == 1 && !passed.contains("tracestate"), "{passed}");
    }
    let wary = proxy(&origin, "[tracing]\nenabled = true\ntrust = false\nsample = \"100%\"\n");
    let passed = told(&wary, &format!("traceparent: {PARENT}\r\n"));
    let ours = line(&passed, "traceparent").expect("a parent");
    assert!(ours.ends_with("-01") && !ours.contains(&PARENT[3..35]), "{ours}");
}

/// A collector: the bodies it got, each the whole request.
fn collector(answer: &'static str) -> (Origin, Arc<Mutex<Vec<u8>>>) {
    let got = Arc::new(Mutex::new(Vec::new()));
    let keeps = got.clone();
    let origin = Origin::new(move |mut stream| {
        let mut seen = Vec::new();
        while let Some(request) = read_request(&mut stream, &mut seen) {
            keeps.lock().unwrap().extend_from_slice(&request);
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    (origin, got)
}

/// One field of a protobuf message.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        number |= u64::from(byte & 127) << shift;
        if byte < 128 {
            break;
        }
    }
    number
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let taken = match tag & 7 {
            0 => {
                found.push((tag >> 3, Field::Number(varint(&mut bytes))));
                continue;
            }
            1 => 8,
            5 => 4,
            2 => usize::try_from(varint(&mut bytes)).unwrap(),
            kind => panic!("no field has kind {kind}"),
        };
        found.push((tag >> 3, Field::Bytes(&bytes[..taken])));
        bytes = &bytes[taken..];
    }
    found
}

/// Nested messages of a message, by their field.
fn inner(bytes: &[u8], wanted: u64) -> Vec<&[u8]> {
    let nested = |(number, field)| match field {
        Field::Bytes(bytes) if number == wanted => Some(bytes),
        _ => None,
    };
    fields(bytes).into_iter().filter_map(nested).collect()
}

/// Attributes of a span or resource as text; numbers are written out.
fn attributes(bytes: &[u8], field: u64) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let value = |any: &[u8]| match fields(any).remove(0).1 {
        Field::Bytes(bytes) => text(bytes),
        Field::Number(number) => number.to_string(),
    };
    let pair = |pair: &[u8]| (text(inner(pair, 1)[0]), value(inner(pair, 2)[0]));
    inner(bytes, field).into_iter().map(pair).collect()
}

/// The spans of all requests a collector got.
fn spans(got: &[u8]) -> Vec<Vec<u8>> {
    let (mut spans, mut rest) = (Vec::new(), got);
    while let Some(end) = find(rest, b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&rest[..end]).to_ascii_lowercase();
        assert!(
            head.starts_with("post /v1/traces http/1.1") && head.contains("application/x-protobuf"),
            "{head}"
        );
        assert!(head.contains("\r\nx-key: secret"), "{head}");
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.expect("a length").parse().expect("a number");
        let (body, after) = rest[end + 4..].split_at(length);
        for resource in inner(body, 1) {
            let known = attributes(inner(resource, 1)[0], 1);
            assert!(known.contains(&("service.name".to_owned(), "edge".to_owned())), "{known:?}");
            for scope in inner(resource, 2) {
                spans.extend(inner(scope, 2).into_iter().map(<[u8]>::to_vec));
            }
        }
        rest = after;
    }
    spans
}

#[test]
fn a_collector_is_told_what_was_sampled() {
    let origin = Origin::mirror();
    let (collector, got) = collector("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let place = crate::harness::Scratch::new();
    let headers = super::world::write(&place, "headers", "x-key: secret\n");
    let log = place.join("access.log");
    let mut followed = proxy(
        &origin,
        &format!(
            "[tracing]\nenabled = true\nsample = \"0%\"\nservice = \"edge\"\n\
             otlp = \"http://{}/v1/traces\"\notlp_headers_file = {headers:?}\n[access_log]\npath = {log:?}\n",
            collector.address
        ),
    );
    told(&followed, "");
    let passed = told(&followed, &format!("traceparent: {PARENT}\r\nuser-agent: me\r\n"));
    let ours = line(&passed, "traceparent").expect("a parent").to_owned();
    until("a span arrives", || !spans(&got.lock().unwrap()).is_empty());
    let sent = spans(&got.lock().unwrap());
    assert_eq!(sent.len(), 1);
    let bytes =
        |field| inner(&sent[0], field)[0].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(format!("00-{}-{}-01", bytes(1), bytes(2)), ours);
    assert_eq!(bytes(4), PARENT[36..52]);
    assert_eq!(inner(&sent[0], 5), [b"GET all"]);
    let known = attributes(&sent[0], 9);
    for (key, value) in [
        ("http.request.method", "GET"),
        ("url.path", "/a"),
        ("url.query", "b=c"),
        ("client.address", "127.0.0.1"),
        ("user_agent.original", "me"),
        ("edgekit.route", "all"),
        ("edgekit.endpoint", &origin.address.to_string()),
        ("http.response.status_code", "200"),
    ] {
        assert!(known.contains(&(key.to_owned(), value.to_owned())), "{key} {known:?}");
    }
    until("it is counted", || {
        followed.metric("edgekit_otlp_items_total{signal=\"traces\",outcome=\"sent\"}") == 1
    });
    // A drain sends what is left, and the log names the trace.
    told(&followed, &format!("traceparent: {PARENT}\r\n"));
    followed.signal(rustix::process::Signal::TERM);
    assert_eq!(followed.ended(), Some(0));
    assert_eq!(spans(&got.lock().unwrap()).len(), 2);
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.matches(&format!("trace={}", &PARENT[3..35])).count(), 2, "{log}");
}

#[test]
fn a_collector_that_hangs_costs_nobody_time() {
    let origin = Origin::mirror();
    // It takes connections and says nothing.
    let deaf = Origin::new(|stream| {
        std::thread::sleep(super::origin::PATIENCE);
        drop(stream);
    });
    let followed = proxy(
        &origin,
        &format!(
            "[tracing]\nenabled = true\nsample = \"100%\"\notlp = \"http://{}/v1/traces\"\n",
            deaf.address
        ),
    );
    let mut client = followed.client();
    let target = "x".repeat(4000);
    for _ in 0..2000 {
        client.send(format!("GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        assert_eq!(client.answer().0, 200);
    }
    // Eight megabytes of spans for a queue of one.
    until("spans are given up", || followed.metric("edgekit_proxy_spans_lost_total") > 500);
}

#[test]
fn what_does_not_fit_is_said() {
    let place = crate::harness::Scratch::new();
    let check = |tracing: &str| {
        let file = place.join("proxy.toml");
        let rest = "[listener.web]\naddress = \"127.0.0.1:0\"\n[route.all]\nstatus = 200\n";
        std::fs::write(&file, format!("[tracing]\n{tracing}\n{rest}")).unwrap();
        let mut command = std::process::Command::new(crate::harness::binary());
        crate::harness::say(command.args(["proxy", "check", "--config"]).arg(file)).err
    };
    assert!(
        check("otlp = \"http://a/\"").contains(":2:1: nothing is followed"),
        "{}",
        check("otlp = \"http://a/\"")
    );
    assert!(check("enabled = true\notlp = \"a:1\"").contains("cannot send traces to 'a:1'"));
}
