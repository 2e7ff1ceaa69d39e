//! Copies of requests for another cluster: fire and forget.
//!
//! A copy is made only of what is there already (a head, and a body that came with it), goes over a
//! connection of its own, and its answer is thrown away. A worker sends only so many at a time; what
//! is beyond is counted and dropped, so that a slow mirror costs the real request nothing.

use std::cell::Cell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;

use crate::balance::{Chooser, Pick};
use crate::route::Percent;
use crate::snapshot::Cluster;
use crate::upstream;
use crate::wire::{Stream, Wire};
use crate::worker::Worker;

/// Copies on their way at a time, a worker.
const MOST: usize = 64;
/// Bytes of an answer that are read, at most.
const ANSWER: usize = 1 << 20;

/// A place among the copies that are on their way.
struct Place(Rc<Cell<usize>>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Sends a copy of a request to `cluster`, if it is among `share`. Without `body` it is too long.
pub(crate) fn copy(
    worker: &Rc<Worker>,
    cluster: Option<(&Arc<Cluster>, &Chooser)>,
    share: Percent,
    head: &[u8],
    body: Option<&[u8]>,
) {
    if !share.takes(worker.dice.roll()) {
        return;
    }
    let place = cluster.and_then(|(cluster, chooser)| {
        let chosen = chooser.pick(cluster, Pick::default(), worker.timers.recent(), |_| false)?;
        Some((cluster, cluster.endpoints.get(chosen.at)?.address))
    });
    let (Some((cluster, endpoint)), Some(body)) = (place, body) else {
        worker.cells().mirrors_lost.add(1);
        return;
    };
    let open = &worker.mirrors;
    if open.get() >= MOST || worker.is_draining() {
        worker.cells().mirrors_lost.add(1);
        return;
    }
    open.set(open.get() + 1);
    let place = Place(open.clone());
    let end = head.len().saturating_sub(2);
    // A stream takes its head by itself; on a connection both go together.
    let request = [&head[..end], b"connection: close\r\n\r\n", body].concat();
    let (worker, cluster) = (worker.clone(), cluster.clone());
    tokio::task::spawn_local(async move {
        let patience = cluster.settings.connect_timeout + cluster.settings.response_timeout;
        let sent = tokio::time::timeout(patience, async {
            let stream = upstream::connect(&worker, &cluster, endpoint).await?;
            exchange(stream, &request).await
        });
        let is_answered = matches!(sent.await, Ok(Ok(())));
        let cells = worker.cells();
        if is_answered {
            cells.mirrored.add(1)
        } else {
            cells.mirrors_lost.add(1)
        };
        drop(place);
    });
}

async fn exchange(mut stream: Stream, mut request: &[u8]) -> io::Result<()> {
    while !request.is_empty() {
        match poll_fn(|context| stream.poll_write(context, &[IoSlice::new(request)])).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => request = &request[written..],
        }
    }
    stream.finish(None)?;
    let (mut scratch, mut read) = ([0; 2048], 0);
    while read < ANSWER {
        match poll_fn(|context| stream.poll_read(context, &mut scratch)).await? {
            0 => break,
            bytes => read += bytes,
        }
    }
    if read > 0 { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
