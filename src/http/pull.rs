//! Something that is read when its reader wants, forwards, over as many connections as it takes.
//!
//! `download.rs` pushes a whole file into a sink; here the reader pulls, passes over what it does not need, and stops
//! when it has enough. Nothing is read ahead: a reader that is slow leaves the bytes in the socket, and the sender
//! waits. The first request asks for a small part, so that a reader that jumps right after a head has not paid for more;
//! a connection that breaks is followed by a range from the very byte that is missing, with `If-Range` where the server
//! names a strong validator.
//!
//! An answer is believed only where it can be: a part must start where it was asked for, and every answer must be of
//! the length and version the first one named. Another version ends it, since what was read before cannot be taken
//! back. A server without ranges is read over from its first byte, a few times at most. Neighbours: `client.rs`,
//! `range.rs`, `retry.rs`, `pace.rs`.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_ENCODING, ETAG, HeaderName, HeaderValue, LAST_MODIFIED};
use hyper::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

use crate::client::Call;
use crate::error::{Error, Kind, Phase};
use crate::pace::Pace;
use crate::range::{self, ContentRange, Validator};
use crate::retry::Attempts;
use crate::{Body, Client, Retry};

/// What the first request asks for: the head of what is read, as a rule.
const FIRST: u64 = 8 * 1024;

/// Passing over more is a new request, over less is read: about what a new connection costs on a slow link.
const READ_OVER: u64 = 128 * 1024;

/// Times a server that has no ranges is read from its first byte again.
const MAX_AGAIN: u32 = 3;

/// What to read and how.
#[derive(Clone, Debug)]
pub struct Terms {
    /// When to give up: attempts and waiting without progress.
    pub retry: Retry,
    /// Bytes of bodies that may be fetched in all, whatever happens to them.
    pub max_bytes: u64,
    /// From the first request to the last byte, without the time nobody reads.
    pub max_time: Option<Duration>,
    /// Bytes a second that are fetched at most; 0 for no limit.
    pub rate: u64,
    /// A connection that brings less than this in [`Terms::stall`] is given up for a new one; one that brought it
    /// makes the retry policy start over.
    pub least: u64,
    /// Waiting for bytes, in all, after which [`Terms::least`] must have come.
    pub stall: Duration,
}

impl Default for Terms {
    /// As [`Retry`] says, no limits, and at least 16 KiB in 30 s.
    fn default() -> Terms {
        Terms {
            retry: Retry::default(),
            max_bytes: u64::MAX,
            max_time: None,
            rate: 0,
            least: 16 * 1024,
            stall: Duration::from_secs(30),
        }
    }
}

/// Something that is being read.
pub struct Pull {
    client: Client,
    call: Call,
    terms: Terms,
    attempts: Attempts,
    open: Option<Open>,
    /// The next byte the reader gets, and bytes before it that are not wanted.
    at: u64,
    skip: u64,
    known: Option<Known>,
    fetched: u64,
    /// So much fetched is progress.
    milestone: u64,
    again: u32,
    waited: Duration,
    pace: Option<Pace>,
    paid: Option<Instant>,
}

/// An answer whose body is being read.
struct Open {
    body: Body,
    /// Where its next byte lies, and behind its last one if it says.
    at: u64,
    end: Option<u64>,
    /// Waited for bytes of it since so many had come.
    waited: Duration,
    came: u64,
}

/// What the first answer said of what is read.
#[derive(Clone, Debug)]
struct Known {
    total: Option<u64>,
    tag: Option<HeaderValue>,
    modified: Option<HeaderValue>,
    validator: Option<Validator>,
    ranges: bool,
}

impl Pull {
    /// Of `url`, from its first byte. Nothing is sent yet.
    ///
    /// # Errors
    /// An address that makes no sense.
    pub fn new(client: Client, url: &str, terms: Terms) -> Result<Pull, Error> {
        let call = Call::new(Method::GET, url)?;
        Ok(Pull {
            client,
            call,
            attempts: terms.retry.start(),
            pace: (terms.rate > 0).then(|| Pace::new(terms.rate)),
            milestone: terms.least,
            terms,
            open: None,
            at: 0,
            skip: 0,
            known: None,
            fetched: 0,
            again: 0,
            waited: Duration::ZERO,
            paid: None,
        })
    }

    /// A header of every request, such as credentials (which do not follow a redirect to another host).
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Pull {
        self.call = self.call.header(name, value);
        self
    }

    /// Bytes of bodies that were fetched, those that were passed over or came twice included.
    pub fn fetched(&self) -> u64 {
        self.fetched
    }

    /// Passes over bytes; what that costs is decided when the next one is wanted.
    pub fn pass(&mut self, bytes: u64) {
        self.skip = self.skip.saturating_add(bytes);
    }

    /// The next piece, `None` at the end. Pieces are as they arrive, at most 64 KiB or so. Once it has failed it is
    /// not to be asked again.
    ///
    /// # Errors
    /// What ended the last attempt, or why there is none; [`Kind::Changed`] where the server has another version now.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let mut began = Instant::now();
        if let Some(until) = self.paid.take() {
            tokio::time::sleep_until(until).await;
        }
        loop {
            self.waited = self.waited.saturating_add(began.elapsed());
            began = Instant::now();
            let step = match self.left() {
                Some(Duration::ZERO) => return Err(self.too_late()),
                Some(left) => match tokio::time::timeout(left, self.step()).await {
                    Ok(step) => step,
                    Err(_) => return Err(self.too_late()),
                },
                None => self.step().await,
            };
            self.waited = self.waited.saturating_add(began.elapsed());
            let error = match step {
                Ok(piece) => return Ok(piece),
                Err(error) if error.is_temporary() => error,
                Err(error) => return Err(error),
            };
            self.open = None;
            if self.fetched >= self.milestone {
                self.attempts.progressed();
                self.milestone = self.fetched.saturating_add(self.terms.least);
            }
            let wait = self.attempts.next_wait(error.retry_after());
            let Some(wait) = wait.filter(|wait| self.left().is_none_or(|left| *wait < left)) else {
                return Err(error.after(self.attempts.made()));
            };
            began = Instant::now();
            tokio::time::sleep(wait).await;
        }
    }

    /// What is left of the time that may be spent.
    fn left(&self) -> Option<Duration> {
        self.terms.max_time.map(|limit| limit.saturating_sub(self.waited))
    }

    fn too_late(&self) -> Error {
        let after = self.terms.max_time.unwrap_or_default();
        self.error(Kind::Timeout { phase: Phase::Total, after })
    }

    /// One piece, or the failure of one connection.
    async fn step(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            self.go_on();
            if self.known.as_ref().and_then(|known| known.total).is_some_and(|total| self.at >= total) {
                return Ok(None);
            }
            let mut open = match self.open.take() {
                Some(open) => open,
                None => match self.ask().await? {
                    Some(open) => open,
                    None => return Ok(None),
                },
            };
            let began = Instant::now();
            let left = self.terms.stall.saturating_sub(open.waited);
            let Ok(piece) = tokio::time::timeout(left, open.body.chunk()).await else {
                let (least, stall) = (self.terms.least, self.terms.stall.as_secs_f32());
                return Err(self.error(Kind::Broken(format!("fewer than {least} bytes came in {stall} s"))));
            };
            let piece = piece?;
            open.waited = open.waited.saturating_add(began.elapsed());
            let Some(mut piece) = piece else {
                match open.end {
                    Some(end) if open.at < end => {
                        return Err(self.error(Kind::Broken("it ended before its last byte".to_owned())));
                    }
                    // All of this part; the next one is asked for.
                    Some(_) => continue,
                    None => {
                        // A body without a length ends with its connection, and that was the end of it all.
                        let end = open.at;
                        self.known.iter_mut().for_each(|known| known.total = Some(end));
                        continue;
                    }
                }
            };
            self.count(&mut open, piece.len())?;
            // What lies before the place that is wanted: passed over, or sent by a server without ranges.
            let before = (self.at + self.skip).saturating_sub(open.at).min(piece.len() as u64);
            let lost = piece.split_to(usize::try_from(before).unwrap_or(piece.len()));
            let start = open.at + lost.len() as u64;
            open.at = start + piece.len() as u64;
            self.open = Some(open);
            if !piece.is_empty() {
                (self.at, self.skip) = (start + piece.len() as u64, 0);
                return Ok(Some(piece));
            }
        }
    }

    /// Decides what passing over costs: a new request, or reading.
    fn go_on(&mut self) {
        if self.skip == 0 {
            return;
        }
        let wanted = self.at.saturating_add(self.skip);
        let ranges = self.known.as_ref().is_some_and(|known| known.ranges);
        let far = self.open.as_ref().is_none_or(|open| {
            wanted.saturating_sub(open.at) > READ_OVER || open.end.is_some_and(|end| wanted >= end)
        });
        if far && (ranges || self.open.is_none()) {
            (self.at, self.skip) = (wanted, 0);
            self.open = None;
        }
    }

    /// Adds up what came, and waits where it came too fast.
    fn count(&mut self, open: &mut Open, bytes: usize) -> Result<(), Error> {
        self.fetched += bytes as u64;
        if self.fetched > self.terms.max_bytes {
            return Err(self.error(Kind::Spent { limit: self.terms.max_bytes }));
        }
        if open.end.is_some_and(|end| open.at + bytes as u64 > end) {
            return Err(self.error(Kind::Protocol("more bytes than it announced".to_owned())));
        }
        open.came += bytes as u64;
        if open.came >= self.terms.least {
            (open.came, open.waited) = (0, Duration::ZERO);
        }
        if let Some(pace) = &mut self.pace {
            self.paid = Some(pace.pay(bytes));
        }
        Ok(())
    }

    /// Asks for what is missing; `None` where there is nothing behind the place that is wanted.
    async fn ask(&mut self) -> Result<Option<Open>, Error> {
        let left = self.terms.max_bytes.saturating_sub(self.fetched);
        if left == 0 {
            return Err(self.error(Kind::Spent { limit: self.terms.max_bytes }));
        }
        // A part that is no longer than what may be fetched: more would be on its way before it could be stopped.
        let most = if self.known.is_none() { left.min(FIRST) } else { left };
        let total = self.known.as_ref().and_then(|known| known.total);
        let last = self.at.checked_add(most - 1).filter(|last| total.is_none_or(|total| *last < total - 1));
        let answer = self.client.once(&self.request(last)?).await?;
        if answer.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(
                self.error(Kind::Protocol("it sent an encoded body, nobody asked for one".to_owned()))
            );
        }
        match answer.status {
            StatusCode::OK => {
                let total = answer.body.announced();
                self.same(&answer.headers, total, false)?;
                if self.at > 0 {
                    self.again += 1;
                    if self.again > MAX_AGAIN {
                        let what = "it serves no ranges, and would be read from its first byte once more";
                        return Err(self.error(Kind::Protocol(what.to_owned())));
                    }
                }
                Ok(Some(Open::new(answer.body, 0, total)))
            }
            StatusCode::PARTIAL_CONTENT => {
                let (span, total) = range::part(&answer.headers, answer.body.announced(), self.at)
                    .map_err(|reason| self.error(Kind::Protocol(reason)))?;
                if last.is_some_and(|last| span.last > last) {
                    return Err(self.error(Kind::Protocol("it sent more than was asked for".to_owned())));
                }
                self.same(&answer.headers, total, true)?;
                Ok(Some(Open::new(answer.body, self.at, Some(span.last.saturating_add(1)))))
            }
            StatusCode::RANGE_NOT_SATISFIABLE => match range::content_range(&answer.headers) {
                Some(ContentRange::None(total)) if total <= self.at => {
                    self.same(&answer.headers, Some(total), true)?;
                    Ok(None)
                }
                _ => Err(answer.refusal()),
            },
            _ => Err(answer.refusal()),
        }
    }

    fn request(&self, last: Option<u64>) -> Result<Call, Error> {
        let version = self.known.as_ref().and_then(|known| known.validator.as_ref());
        range::ask(&self.call, self.at, last, version).map_err(|reason| self.error(Kind::Protocol(reason)))
    }

    /// Compares an answer with the first one, or remembers it.
    fn same(&mut self, headers: &HeaderMap, total: Option<u64>, ranges: bool) -> Result<(), Error> {
        let header = |name| headers.get(name).cloned();
        let (tag, modified) = (header(ETAG), header(LAST_MODIFIED));
        let Some(known) = &mut self.known else {
            let validator = Validator::of(headers);
            self.known = Some(Known { total, tag, modified, validator, ranges });
            return Ok(());
        };
        let differ =
            |a: &Option<HeaderValue>, b: &Option<HeaderValue>| matches!((a, b), (Some(a), Some(b)) if a != b);
        let lengths = matches!((known.total, total), (Some(a), Some(b)) if a != b);
        // A tag says more than a date: machines behind one name often agree on the first alone.
        let tagged = known.tag.is_some() && tag.is_some();
        if lengths || differ(&known.tag, &tag) || !tagged && differ(&known.modified, &modified) {
            return Err(self.error(Kind::Changed(1)));
        }
        known.total = known.total.or(total);
        known.ranges = ranges;
        Ok(())
    }

    fn error(&self, kind: Kind) -> Error {
        Error::new(self.call.place(), kind)
    }
}

impl Open {
    fn new(body: Body, at: u64, end: Option<u64>) -> Open {
        Open { body: body.limit(u64::MAX), at, end, waited: Duration::ZERO, came: 0 }
    }
}
