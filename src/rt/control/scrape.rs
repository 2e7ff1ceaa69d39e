//! `GET /metrics` over TCP, for a Prometheus that is not on this machine: nothing else of the control socket is
//! there, and nobody is asked who he is.
//!
//! As small and bounded as the control socket, and on the control runtime as it is, so that no worker notices a
//! scrape. Neighbours: `callers.rs` lets them in, `server.rs` reads requests, `../metrics` writes the text.

use std::io;
use std::task::Context;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::server::{close, read_in_time};
use super::wire::{Head, Response};
use super::{Turn, callers};
use crate::BoxFuture;
use crate::metrics::Metrics;

/// Callers served at a time.
const MAX_CALLERS: usize = 4;

/// Serves while it is our turn; those who have called are answered still.
///
/// # Errors
/// The socket cannot be waited for.
pub(crate) async fn serve(
    socket: std::net::TcpListener,
    metrics: Metrics,
    mut turn: watch::Receiver<Turn>,
) -> io::Result<()> {
    // Until then the process before us answers, whose numbers are those that count.
    drop(turn.wait_for(|turn| *turn != Turn::Waits).await);
    let listener = TcpListener::from_std(socket)?;
    let accept = move |context: &mut Context<'_>| listener.poll_accept(context).map_ok(|(stream, _)| stream);
    let answer = |stream| -> BoxFuture<'static, io::Result<()>> {
        let metrics = metrics.clone();
        Box::pin(async move { answer(stream, &metrics).await })
    };
    callers::serve("the metrics", MAX_CALLERS, turn, accept, answer).await;
    Ok(())
}

async fn answer(mut stream: TcpStream, metrics: &Metrics) -> io::Result<()> {
    let response = match read_in_time(&mut stream).await? {
        Ok((head, _)) => respond(&head, metrics),
        Err(refused) => refused,
    };
    close(&mut stream, &response).await
}

fn respond(head: &Head, metrics: &Metrics) -> Response {
    match (head.path.split('?').next().unwrap_or_default(), head.method.as_str()) {
        ("/metrics", "GET") => Response::text(metrics.to_text()),
        ("/metrics", _) => Response::wrong_method("GET"),
        _ => Response::error(404, "there is: /metrics"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_metrics_are_there() {
        let metrics = Metrics::default();
        metrics.counter("a_total", "A.", &[]).add_one();
        let ask = |method: &str, path: &str| {
            let head = Head { method: method.to_owned(), path: path.to_owned(), body: 0 };
            respond(&head, &metrics).status
        };
        assert_eq!(ask("GET", "/metrics"), 200);
        assert_eq!(ask("GET", "/metrics?name=a"), 200);
        assert_eq!(ask("POST", "/metrics"), 405);
        for (method, path) in [("GET", "/status"), ("POST", "/drain"), ("PUT", "/log-level"), ("GET", "/")] {
            assert_eq!(ask(method, path), 404, "{path}");
        }
    }
}
