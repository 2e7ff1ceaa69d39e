//! Telemetry on its way to collectors that take it, refuse it, or are away.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use edgekit_http::otlp::{Piece, Queue, Signal, Target, proto, queue};
use edgekit_http::{Limits, Options, Request, StatusCode, Url, header, text};
use edgekit_rt::metrics::Metrics;

use crate::peers::serve;

const PATIENCE: Duration = Duration::from_secs(10);

fn target(url: &str) -> Arc<Target> {
    Arc::new(Target {
        url: Url::parse(url).unwrap(),
        headers: vec![(header::AUTHORIZATION, "Bearer x".parse().unwrap())],
        resource: vec![("service.name", "test".to_owned())],
        options: Options::default(),
    })
}

fn piece(name: &str) -> Piece {
    let mut piece = Piece { items: Vec::new(), count: 1 };
    let span = proto::begin(&mut piece.items, 2);
    proto::text(&mut piece.items, 5, name.as_bytes());
    proto::end(&mut piece.items, span);
    piece
}

fn start(url: &str) -> (Queue, Metrics) {
    let metrics = Metrics::default();
    let (queue, exporter) = queue(Signal::Traces, 4, metrics.clone());
    queue.send_to(Some(target(url)));
    tokio::spawn(exporter.run());
    (queue, metrics)
}

fn items(metrics: &Metrics, outcome: &str) -> u64 {
    metrics.counter("edgekit_otlp_items_total", "", &[("signal", "traces"), ("outcome", outcome)]).get()
}

/// A collector that answers request number n with `statuses[n]`, the last one from then on.
fn collector(statuses: &'static [u16]) -> (String, Arc<Mutex<Vec<Vec<u8>>>>) {
    let (bodies, asked) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
    let seen = bodies.clone();
    let handler = move |request: Request| {
        let (seen, asked) = (seen.clone(), asked.clone());
        async move {
            assert_eq!(request.headers[header::CONTENT_TYPE], "application/x-protobuf");
            assert_eq!(request.headers[header::AUTHORIZATION], "Bearer x");
            let number = asked.fetch_add(1, Ordering::SeqCst).min(statuses.len() - 1);
            let body = request.body.bytes().await.unwrap().to_vec();
            seen.lock().unwrap().push(body);
            text(StatusCode::from_u16(statuses[number]).unwrap(), "")
        }
    };
    let (address, _) = serve(handler, Limits::default());
    (format!("http://{address}/v1/traces"), bodies)
}

#[tokio::test]
async fn what_is_offered_arrives_wrapped() {
    let (url, bodies) = collector(&[200]);
    let (queue, metrics) = start(&url);
    queue.offer(piece("one")).unwrap();
    queue.offer(piece("two")).unwrap();
    queue.settle(PATIENCE).await;
    let body = bodies.lock().unwrap().concat();
    let mut resource = Vec::new();
    proto::attribute(&mut resource, 1, "service.name", proto::Value::Text(b"test"));
    for wanted in [&resource[..], &piece("one").items, &piece("two").items] {
        assert!(body.windows(wanted.len()).any(|window| window == wanted), "{body:?}");
    }
    assert_eq!((items(&metrics, "sent"), items(&metrics, "dropped")), (2, 0));
}

#[tokio::test]
async fn a_collector_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let (url, bodies) = collector(&[503, 429, 200]);
    let (queue, metrics) = start(&url);
    queue.offer(piece("one")).unwrap();
    queue.settle(PATIENCE).await;
    assert_eq!((items(&metrics, "sent"), bodies.lock().unwrap().len()), (1, 3));
    let (url, bodies) = collector(&[400]);
    queue.send_to(Some(target(&url)));
    queue.offer(piece("two")).unwrap();
    queue.settle(PATIENCE).await;
    assert_eq!((items(&metrics, "dropped"), bodies.lock().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn nobody_waits_for_a_collector_that_is_away() {
    // Nobody listens there.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (queue, metrics) = start(&format!("http://{address}/"));
    let refused = (0..100).filter(|_| queue.offer(piece("x")).is_err()).count();
    assert!(refused >= 90, "{refused}");
    queue.settle(Duration::from_millis(50)).await;
    // Another one gets what comes from then on.
    let (url, bodies) = collector(&[200]);
    queue.send_to(Some(target(&url)));
    queue.settle(PATIENCE).await;
    queue.offer(piece("late")).unwrap();
    queue.settle(PATIENCE).await;
    assert!(items(&metrics, "sent") >= 1 && !bodies.lock().unwrap().is_empty());
    queue.send_to(None);
    let before = items(&metrics, "dropped");
    queue.offer(piece("nowhere")).unwrap();
    queue.settle(PATIENCE).await;
    assert_eq!(items(&metrics, "dropped"), before + 1);
}
