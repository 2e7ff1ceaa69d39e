//! A body that arrives: limited in size and time, and driving its own connection.
//!
//! The connection of an answer is polled by whoever reads the body: no task runs beside it, and
//! dropping the body closes the socket. Neighbours: `client.rs` makes bodies of answers, `server.rs`
//! bodies of requests (whose connection the server drives).

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;

use crate::error::{Error, Kind, Phase, from_hyper};

/// The future that moves a connection's bytes.
pub(crate) type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// What a body may use.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    /// Bytes in all.
    pub(crate) limit: u64,
    /// Silence between two pieces.
    pub(crate) idle: Duration,
    /// The end of the whole exchange, and how long that was when it began.
    pub(crate) deadline: Option<(Instant, Duration)>,
}

/// A body, read piece by piece or whole.
pub struct Body {
    incoming: Incoming,
    driver: Option<Driver>,
    allowed: Allowance,
    read: u64,
    place: Box<str>,
}

impl Body {
    pub(crate) fn new(incoming: Incoming, driver: Option<Driver>, allowed: Allowance, place: String) -> Body {
        Body { incoming, driver, allowed, read: 0, place: place.into() }
    }

    /// Changes how many bytes may come in all.
    pub fn limit(mut self, limit: u64) -> Body {
        self.allowed.limit = limit;
        self
    }

    /// Bytes still to come, where the peer said how many.
    pub fn announced(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// The next piece, `None` at the end. Pieces are as they arrive, at most 64 KiB or so.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let next = within(Phase::Idle, self.allowed.idle, self.allowed.deadline, self.frame()).await;
            let Some(frame) = next.and_then(Option::transpose).map_err(|kind| self.error(kind))? else {
                return Ok(None);
            };
            // Trailers say nothing we need.
            let Ok(piece) = frame.into_data() else { continue };
            self.read += piece.len() as u64;
            if self.read > self.allowed.limit {
                return Err(self.error(Kind::TooLarge { what: "body", limit: self.allowed.limit }));
            }
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }

    /// All of it.
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.chunk().await? else { return Ok(first) };
        let mut all = BytesMut::from(first);
        all.extend_from_slice(&second);
        while let Some(piece) = self.chunk().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// All of it, as JSON.
    pub async fn json<T: serde::de::DeserializeOwned>(self) -> Result<T, Error> {
        let place = self.place.clone();
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::new(place, Kind::Json(error.to_string())))
    }

    async fn frame(&mut self) -> Option<Result<hyper::body::Frame<Bytes>, Kind>> {
        poll_fn(|cx| {
            // An error of the connection reaches us through the body, which it ends.
            if let Some(driver) = &mut self.driver
                && driver.as_mut().poll(cx).is_ready()
            {
                self.driver = None;
            }
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Ready(frame) => Poll::Ready(frame.map(|frame| frame.map_err(|e| from_hyper(&e, 0)))),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    fn error(&self, kind: Kind) -> Error {
        Error::new(self.place.clone(), kind)
    }
}

/// Waits for `work`, at most `after` and never past the deadline.
pub(crate) async fn within<T>(
    phase: Phase,
    after: Duration,
    deadline: Option<(Instant, Duration)>,
    work: impl Future<Output = T>,
) -> Result<T, Kind> {
    let now = Instant::now();
    let own = now.checked_add(after);
    let (end, kind) = match (own, deadline) {
        (Some(own), Some((end, total))) if end < own => {
            (end, Kind::Timeout { phase: Phase::Total, after: total })
        }
        (None, Some((end, total))) => (end, Kind::Timeout { phase: Phase::Total, after: total }),
        (Some(own), _) => (own, Kind::Timeout { phase, after }),
        (None, None) => return Ok(work.await),
    };
    tokio::time::timeout_at(end, work).await.map_err(|_| kind)
}
