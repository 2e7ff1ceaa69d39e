//! What keeps one trouble from becoming many: second tries, budgets, limits, queues, time-outs.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use edgekit_core::Clock;

use super::daemon::{Client, Proxy};
use super::origin::{Origin, read_request};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const ILL: &str = "HTTP/1.1 503 Ill\r\nContent-Length: 3\r\n\r\nill";

fn ask(client: &mut Client, line: &str, more: &str) -> (u16, String) {
    client.send(format!("{line} HTTP/1.1\r\nHost: a\r\n{more}").as_bytes());
    client.answer()
}

fn get(client: &mut Client) -> (u16, String) {
    ask(client, "GET /", "\r\n")
}

/// A proxy to these endpoints, with keys of the route and of the cluster.
fn proxy(endpoints: &[String], route: &str, cluster: &str) -> Proxy {
    Proxy::with(&format!(
        "[route.all]\ncluster = \"app\"\n{route}\n[cluster.app]\nendpoints = {endpoints:?}\n{cluster}\n"
    ))
}

fn at(origin: &Origin) -> String {
    origin.address.to_string()
}

/// Nobody listens there.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Waits until a series stands at `wanted`: it is counted after the answer is out.
#[track_caller]
fn settles(proxy: &Proxy, series: &str, wanted: u64) {
    for _ in 0..200 {
        if proxy.metric(series) == wanted {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(proxy.metric(series), wanted, "{series}");
}

#[test]
fn another_endpoint_is_tried() {
    let (ill, well) = (Origin::saying(ILL), Origin::mirror());
    let route = "retry = { on = [\"5xx\"], attempts = 1, backoff = \"1ms\", budget_least = 1000 }";
    let tried = proxy(&[at(&ill), at(&well)], route, "");
    let mut client = tried.client();
    for _ in 0..20 {
        assert_eq!(get(&mut client).0, 200);
    }
    settles(&tried, "edgekit_proxy_retries_total", 10);
    // A body that is small is sent again, where the method does no harm twice.
    for _ in 0..10 {
        let (status, body) = ask(&mut client, "PUT /x", "Content-Length: 4\r\n\r\nbody");
        assert!(status == 200 && body.ends_with("\r\n\r\nbody"), "{status} {body}");
    }
    // As is one in chunks, whose end came with its head, with what follows it.
    for _ in 0..10 {
        client.send(b"PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2;x\r\ndy\r\n0\r\n\r\n");
        let (status, body) = client.answer();
        assert!(status == 200 && body.ends_with("\r\n\r\n4\r\nbody\r\n0\r\n\r\n"), "{status} {body}");
    }
    // One that is not all here goes as it comes, to one server.
    let mut statuses = Vec::new();
    for _ in 0..4 {
        client.send(b"PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n");
        std::thread::sleep(Duration::from_millis(50));
        client.send(b"2\r\ndy\r\n0\r\n\r\n");
        statuses.push(client.answer().0);
    }
    assert!(statuses.contains(&503) && statuses.contains(&200), "{statuses:?}");
    // And a POST is not.
    let posts = (0..10).filter(|_| ask(&mut client, "POST /x", "Content-Length: 4\r\n\r\nbody").0 == 503);
    assert_eq!(posts.count(), 5);
    let plain = proxy(&[at(&ill), at(&well)], "", "");
    let mut client = plain.client();
    assert_eq!((0..20).filter(|_| get(&mut client).0 == 503).count(), 10);
}

#[test]
fn only_what_is_configured_is_tried_again() {
    let gone = Origin::new(|mut stream| drop(read_request(&mut stream, &mut Vec::new())));
    let well = Origin::saying(OK);
    for (on, wanted) in [("[\"reset\"]", 0), ("[\"5xx\"]", 10)] {
        let route = format!("retry = {{ on = {on}, backoff = \"1ms\", budget_least = 1000 }}");
        let proxy = proxy(&[at(&gone), at(&well)], &route, "");
        let mut client = proxy.client();
        assert_eq!((0..20).filter(|_| get(&mut client).0 == 502).count(), wanted, "{on}");
    }
}

#[test]
fn second_tries_have_a_budget() {
    let ill = Origin::saying(ILL);
    let route =
        "retry = { on = [\"5xx\"], attempts = 3, backoff = \"0\", budget = \"10%\", budget_least = 0 }";
    let proxy = proxy(&[at(&ill)], route, "");
    let mut client = proxy.client();
    for _ in 0..200 {
        assert_eq!(get(&mut client), (503, "ill".to_owned()));
    }
    let retries = proxy.metric("edgekit_proxy_retries_total");
    assert!((10..=20).contains(&retries), "{retries}");
}

#[test]
fn a_request_and_a_try_have_their_time() {
    let slow = Origin::new(|mut stream| {
        let mut seen = Vec::new();
        while read_request(&mut stream, &mut seen).is_some() {
            std::thread::sleep(Duration::from_secs(3));
            if stream.write_all(OK.as_bytes()).is_err() {
                return;
            }
        }
    });
    let well = Origin::saying(OK);
    let whole = proxy(&[at(&slow)], "timeout = \"200ms\"", "");
    let began = Clock::system().monotonic();
    assert_eq!(get(&mut whole.client()).0, 504);
    assert!(
        (200..1500).contains(&(Clock::system().monotonic() - began).as_millis()),
        "{:?}",
        (Clock::system().monotonic() - began)
    );
    settles(&whole, "edgekit_proxy_faults_total{reason=\"request_timeout\"}", 1);
    let route = "retry = { on = [\"timeout\"], try_timeout = \"100ms\", budget_least = 1000 }";
    let tried = proxy(&[at(&slow), at(&well)], route, "");
    let mut client = tried.client();
    for _ in 0..4 {
        assert_eq!(get(&mut client).0, 200);
    }
    settles(&tried, "edgekit_proxy_retries_total", 2);
}

/// Counts connections and requests that are there at a time.
fn counting(pause: Duration) -> (Origin, Arc<[AtomicUsize; 4]>) {
    let counts: Arc<[AtomicUsize; 4]> = Arc::default();
    let own = counts.clone();
    let enter = move |now: usize, most: usize| {
        let count = own[now].fetch_add(1, Ordering::SeqCst) + 1;
        own[most].fetch_max(count, Ordering::SeqCst);
    };
    let own = counts.clone();
    let origin = Origin::new(move |mut stream| {
        enter(0, 1);
        let mut seen = Vec::new();
        while read_request(&mut stream, &mut seen).is_some() {
            enter(2, 3);
            std::thread::sleep(pause);
            own[2].fetch_sub(1, Ordering::SeqCst);
            if stream.write_all(OK.as_bytes()).is_err() {
                break;
            }
        }
        own[0].fetch_sub(1, Ordering::SeqCst);
    });
    (origin, counts)
}

/// So many clients ask so often; the statuses.
fn load(proxy: &Proxy, clients: usize, times: usize) -> Vec<u16> {
    let clients: Vec<Client> = (0..clients).map(|_| proxy.client()).collect();
    std::thread::scope(|scope| {
        let each = clients.into_iter().map(|mut client| {
            scope.spawn(move || (0..times).map(|_| get(&mut client).0).collect::<Vec<_>>())
        });
        let each: Vec<_> = each.collect();
        each.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

#[test]
fn connections_are_never_more_than_allowed() {
    let (origin, counts) = counting(Duration::from_millis(2));
    let proxy = Proxy::with(&format!(
        "[route.all]\ncluster = \"app\"\n[cluster.app]\nendpoints = [\"{}\"]\nlimits.max_connections = 10\n",
        origin.address
    ));
    let statuses = load(&proxy, 40, 25);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert!((2..=10).contains(&counts[3].load(Ordering::SeqCst)));
    // The origin learns a little late that one was closed.
    let most = counts[1].load(Ordering::SeqCst);
    assert!((2..=13).contains(&most), "{most}");
}

#[test]
fn what_is_too_much_is_refused_at_once() {
    let (origin, counts) = counting(Duration::from_millis(100));
    let proxy = proxy(&[at(&origin)], "", "limits.max_requests = 4");
    let statuses = load(&proxy, 16, 2);
    let refused = statuses.iter().filter(|status| **status == 503).count();
    assert!(refused > 0 && statuses.iter().all(|status| matches!(status, 200 | 503)), "{statuses:?}");
    assert_eq!(counts[3].load(Ordering::SeqCst), 4);
    settles(&proxy, "edgekit_proxy_faults_total{reason=\"overflow\"}", refused as u64);
}

#[test]
fn rates_are_held() {
    let limited =
        Proxy::with("[route.all]\nstatus = 200\nlimit = { rate = \"6/m\", burst = 5, by = \"client\" }\n");
    let mut client = limited.client();
    let statuses: Vec<u16> = (0..8).map(|_| get(&mut client).0).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429, 429]);
    // Also on another connection, and by the other worker.
    for _ in 0..4 {
        let mut client = limited.client();
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 429 ") && head.contains("retry-after: 10\r\n"), "{head}");
    }
}

#[test]
fn the_excess_waits_in_order_or_is_refused() {
    let (origin, counts) = counting(Duration::from_millis(5));
    let queued = proxy(&[at(&origin)], "", "shed = { permits = 4 }");
    let statuses = load(&queued, 24, 4);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(counts[3].load(Ordering::SeqCst), 4);
    assert!(queued.metric("edgekit_proxy_queued_total") > 0);
    let mut client = queued.client();
    // A body that came with the head waits with it.
    let (status, _) = ask(&mut client, "POST /", "Content-Length: 4\r\n\r\nbody");
    assert_eq!(status, 200);
    let (slow, _) = counting(Duration::from_millis(200));
    let full = proxy(&[at(&slow)], "", "shed = { permits = 1, queue = 1, wait = \"10s\" }");
    let mut statuses = load(&full, 4, 1);
    edgekit_core::sort::natural(&mut statuses);
    assert_eq!(statuses, [200, 200, 503, 503]);
}

#[test]
fn who_cannot_be_connected_to_is_passed_over() {
    let well = Origin::saying(OK);
    let proxy = proxy(&[nobody(), at(&well)], "", "outlier = { connect_errors = 1, eject = \"1m\" }");
    let mut client = proxy.client();
    for _ in 0..20 {
        assert_eq!(get(&mut client).0, 200);
    }
    settles(&proxy, "edgekit_proxy_ejections_total", 1);
}

#[test]
fn memory_is_held_under_slow_readers() {
    // Answers more than any socket takes.
    let origin = Origin::new(|mut stream| {
        let mut seen = Vec::new();
        while read_request(&mut stream, &mut seen).is_some() {
            let body = vec![b'x'; 16 << 20];
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).is_err() {
                return;
            }
        }
    });
    let text = format!(
        "[cluster.app]\nendpoints = [\"{}\"]\n[route.all]\nstatus = 200\n[route.big]\npath = \"/big\"\ncluster = \"app\"\n",
        origin.address
    );
    let proxy = Proxy::with(&text);
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", proxy.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().trim();
        line.strip_suffix(" kB").unwrap().parse::<u64>().unwrap()
    };
    // What this build needs at rest, and room for some forty exchanges.
    assert_eq!(get(&mut proxy.client()).0, 200);
    let limit = resident() * 100 / 79 + 1500;
    let text = format!("max_rss = \"{limit}KiB\"\n[listener.web]\naddress = \"127.0.0.1:0\"\n{text}");
    std::fs::write(proxy.scratch.join("proxy.toml"), text).unwrap();
    proxy.reload().ends(0);
    let mut readers: Vec<Client> = Vec::new();
    for _ in 0..300 {
        let mut client = proxy.client();
        // Turned away at once, or later.
        if client.stream.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").is_ok() {
            readers.push(client);
        }
    }
    let began = Clock::system().monotonic();
    let mut most = 0;
    while (Clock::system().monotonic() - began) < Duration::from_millis(2500) {
        most = most.max(resident());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(most < limit * 110 / 100, "{most} of {limit}");
    let acted = ["refusals", "cuts"].map(|word| proxy.metric(&format!("edgekit_proxy_memory_{word}_total")));
    assert!(
        acted.iter().sum::<u64>() > 0 || proxy.metric("edgekit_proxy_turned_away_total") > 0,
        "{acted:?}"
    );
    drop(readers);
    // And it serves again.
    let began = Clock::system().monotonic();
    loop {
        let mut client = proxy.client();
        let sent = client.stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let ended = client.stream.shutdown(std::net::Shutdown::Write);
        if sent.is_ok() && ended.is_ok() && client.rest().starts_with("HTTP/1.1 200 ") {
            break;
        }
        assert!((Clock::system().monotonic() - began) < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(100));
    }
}
