//! A download that survives its connections.
//!
//! It goes on where it broke, by `Range` and `If-Range` with a strong validator, and believes no
//! answer that it cannot check: a part must start where the last one ended and belong to the same
//! version. What changed on the server starts over; what has no strong validator starts over, too.
//! Memory is one piece of at most 64 KiB or so. Neighbours: `client.rs`, `range.rs`,
//! `retry.rs`; `sink.rs` for where it goes on disk.

use std::io;

use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};

use crate::client::Call;
use crate::error::{Error, Kind};
use crate::range::{self, ContentRange, Validator, content_range, part};
use crate::{Answer, Client, PartFile, Retry};

/// A new version on the server more often than this within one download ends it.
const MAX_RESTARTS: u32 = 3;

/// Progress that makes the retry policy start over: less may be a link that never gets anywhere.
const PROGRESS: u64 = 64 * 1024;

/// Where a download goes. Its pieces come in order; what was accepted is never sent again unless
/// [`Sink::restart`] was called.
pub trait Sink: Send {
    /// What comes next is byte 0 of this version; `None` if the server names none that a later run could go on
    /// with. A sink that outlives the process keeps it ([`Download::resume`]); by default nothing is kept.
    fn begin(&mut self, version: Option<&Validator>) -> impl Future<Output = io::Result<()>> + Send {
        let _unkept = version;
        std::future::ready(Ok(()))
    }

    /// Takes the next piece.
    fn write(&mut self, piece: Bytes) -> impl Future<Output = io::Result<()>> + Send;

    /// Forgets everything: what comes next starts at byte 0 of another version.
    fn restart(&mut self) -> impl Future<Output = io::Result<()>> + Send;
}

/// How far a download is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Bytes stored.
    pub done: u64,
    /// Bytes in all, where the server says so.
    pub total: Option<u64>,
    /// Attempts so far; above 1 something broke.
    pub attempts: u32,
}

/// How a download ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Downloaded {
    /// Length of what was downloaded.
    pub length: u64,
    /// Bytes of bodies that arrived for it in this run, those of given-up versions included.
    pub fetched: u64,
    /// Connections that were tried.
    pub attempts: u32,
    /// Times it started over.
    pub restarts: u32,
    /// Which version it is.
    pub validator: Option<Validator>,
}

/// What to download and how.
#[derive(Clone, Debug)]
pub struct Download {
    call: Call,
    retry: Retry,
    max: u64,
    from: u64,
    validator: Option<Validator>,
}

impl Download {
    /// Of `url`, from its start, of any length.
    pub fn new(url: &str) -> Result<Download, Error> {
        let call = Call::new(Method::GET, url)?;
        Ok(Download { call, retry: Retry::default(), max: u64::MAX, from: 0, validator: None })
    }

    /// A header of every request, such as credentials (which do not follow a redirect to another host).
    pub fn header(mut self, name: hyper::header::HeaderName, value: HeaderValue) -> Download {
        self.call = self.call.header(name, value);
        self
    }

    /// When to give up: attempts and waiting without progress.
    pub fn retry(mut self, retry: Retry) -> Download {
        self.retry = retry;
        self
    }

    /// Refuses anything longer.
    pub fn max(mut self, bytes: u64) -> Download {
        self.max = bytes;
        self
    }

    /// Goes on with an earlier run: the sink holds `done` bytes of this version.
    pub fn resume(mut self, done: u64, validator: Validator) -> Download {
        self.from = done;
        self.validator = Some(validator);
        self
    }

    /// Goes on with what an earlier run left in `file`, if it left anything.
    pub fn resume_file(self, file: &PartFile) -> Download {
        match file.held() {
            Some((done, version)) => self.resume(done, version),
            None => self,
        }
    }

    /// Runs until it is complete or the policy ends. `progress` is told of each piece.
    pub async fn run(
        self,
        client: &Client,
        sink: &mut impl Sink,
        progress: impl FnMut(Progress) + Send,
    ) -> Result<Downloaded, Error> {
        let mut attempts = self.retry.start();
        let mut run = Run {
            place: self.call.place(),
            done: self.from,
            total: None,
            fetched: 0,
            restarts: 0,
            attempts: 1,
            validator: self.validator.clone(),
            plan: &self,
            sink,
            progress,
        };
        // Waiting starts over at this many bytes, counted over the whole run.
        let mut milestone = PROGRESS;
        loop {
            match run.attempt(client).await {
                Ok(true) => return Ok(run.end()),
                Ok(false) => {}
                Err(error) if error.is_temporary() => {
                    if run.fetched >= milestone {
                        attempts.progressed();
                        milestone = run.fetched.saturating_add(PROGRESS);
                    }
                    let Some(wait) = attempts.next_wait(error.retry_after()) else {
                        return Err(error.after(attempts.made()));
                    };
                    tokio::time::sleep(wait).await;
                }
                Err(error) => return Err(error),
            }
            run.attempts = run.attempts.saturating_add(1);
        }
    }
}

/// A download under way.
struct Run<'a, S, P> {
    plan: &'a Download,
    place: String,
    sink: &'a mut S,
    progress: P,
    done: u64,
    total: Option<u64>,
    validator: Option<Validator>,
    fetched: u64,
    restarts: u32,
    attempts: u32,
}

impl<S: Sink, P: FnMut(Progress)> Run<'_, S, P> {
    /// One request. True if the download is complete, false if it is to be asked for anew at once.
    async fn attempt(&mut self, client: &Client) -> Result<bool, Error> {
        if self.done > 0 && self.validator.is_none() {
            self.start_over().await?;
        }
        let answer = client.once(&self.request()?).await?;
        match answer.status {
            StatusCode::OK => {
                // All of it although a part was asked for: another version, or a server without ranges.
                if self.done > 0 {
                    self.start_over().await?;
                }
                self.total = answer.body.announced();
                self.validator = Validator::of(&answer.headers);
                let began = self.sink.begin(self.validator.as_ref()).await;
                began.map_err(|error| self.error(Kind::Sink(error)))?;
            }
            StatusCode::PARTIAL_CONTENT => {
                if !self.accept_part(&answer)? {
                    self.start_over().await?;
                    return Ok(false);
                }
            }
            StatusCode::RANGE_NOT_SATISFIABLE if self.done > 0 => {
                // Nothing behind what we have: it is complete, unless it became shorter.
                if content_range(&answer.headers) == Some(ContentRange::None(self.done)) {
                    return Ok(true);
                }
                self.start_over().await?;
                return Ok(false);
            }
            _ => return Err(answer.refusal()),
        }
        if self.total.is_some_and(|total| total > self.plan.max) {
            return Err(self.too_large());
        }
        self.receive(answer).await
    }

    /// The request for what is missing.
    fn request(&self) -> Result<Call, Error> {
        let call = &self.plan.call;
        match self.validator.as_ref().filter(|_| self.done > 0) {
            Some(version) => range::ask(call, self.done, None, Some(version))
                .map_err(|reason| self.error(Kind::Protocol(reason))),
            None => Ok(call.clone()),
        }
    }

    /// Checks a 206. False if it belongs to another version, against what `If-Range` asked for.
    fn accept_part(&mut self, answer: &Answer) -> Result<bool, Error> {
        let wrong = |reason: String| self.error(Kind::Protocol(reason));
        let Some(validator) = self.validator.as_ref().filter(|_| self.done > 0) else {
            return Err(wrong("it sent a part, nobody asked for one".to_owned()));
        };
        let other = |total: Option<u64>| total.is_some() && self.total.is_some() && total != self.total;
        if let Some(ContentRange::Part(_, total)) = content_range(&answer.headers)
            && (validator.contradicts(&answer.headers) || other(total))
        {
            return Ok(false);
        }
        let (_, total) = part(&answer.headers, answer.body.announced(), self.done).map_err(wrong)?;
        // Fewer bytes than asked for are allowed; the rest is asked for next.
        self.total = total.or(self.total);
        Ok(true)
    }

    /// Stores the body. True if that was all.
    async fn receive(&mut self, answer: Answer) -> Result<bool, Error> {
        let bound = match content_range(&answer.headers) {
            Some(ContentRange::Part(span, _)) if answer.status == StatusCode::PARTIAL_CONTENT => {
                Some(span.last.saturating_add(1))
            }
            _ => self.total,
        };
        let before = self.done;
        let mut body = answer.body.limit(u64::MAX);
        while let Some(piece) = body.chunk().await? {
            let length = piece.len() as u64;
            self.fetched += length;
            if self.done + length > self.plan.max {
                return Err(self.too_large());
            }
            if bound.is_some_and(|bound| self.done + length > bound) {
                return Err(self.error(Kind::Protocol("more bytes than it announced".to_owned())));
            }
            self.sink.write(piece).await.map_err(|error| self.error(Kind::Sink(error)))?;
            self.done += length;
            (self.progress)(Progress { done: self.done, total: self.total, attempts: self.attempts });
        }
        match self.total {
            Some(total) if self.done < total && self.done == before => {
                Err(self.error(Kind::Broken("an empty part".to_owned())))
            }
            Some(total) => Ok(self.done >= total),
            None => {
                self.total = Some(self.done);
                Ok(true)
            }
        }
    }

    async fn start_over(&mut self) -> Result<(), Error> {
        if self.restarts == MAX_RESTARTS {
            return Err(self.error(Kind::Changed(self.restarts)));
        }
        self.restarts += 1;
        (self.done, self.total, self.validator) = (0, None, None);
        self.sink.restart().await.map_err(|error| self.error(Kind::Sink(error)))
    }

    fn too_large(&self) -> Error {
        self.error(Kind::TooLarge { what: "body", limit: self.plan.max })
    }

    fn error(&self, kind: Kind) -> Error {
        Error::new(self.place.as_str(), kind)
    }

    fn end(self) -> Downloaded {
        Downloaded {
            length: self.done,
            fetched: self.fetched,
            attempts: self.attempts,
            restarts: self.restarts,
            validator: self.validator,
        }
    }
}
