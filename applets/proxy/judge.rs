//! Who may judge what passes: the contract between the hot path and the hooks.
//!
//! The hot path knows no Lua. Where a snapshot brings a [`Source`], each worker makes a [`Judge`] of it and asks it
//! at the points it has hooks for; without one, nothing is asked and nothing is paid. Neighbours: `hooks/` is the
//! judge in a build with rules, `http1/rewrite.rs` puts changes into heads.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::hooks::Deeds;
use crate::http1::Field;
use crate::log::Line;
use crate::peer::Peer;

/// Where a judge is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Point {
    /// A connection was accepted, its handshake done.
    Connection,
    /// The head of a request was read; no route was looked for.
    Request,
    /// The body of a request is here, whole.
    RequestBody,
    /// The head of a server's answer was read.
    Response,
    /// The body of a server's answer is here, whole.
    ResponseBody,
    /// An exchange is over.
    Log,
}

/// A head as a judge sees it: field lines as positions in bytes.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    /// What the positions are in.
    pub bytes: &'a [u8],
    /// The lines.
    pub fields: &'a [Field],
}

/// A request that was read.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a [u8],
    /// The path it asks for, without a query.
    pub path: &'a [u8],
    /// What comes after `?`.
    pub query: &'a [u8],
    /// The host with its port.
    pub host: &'a [u8],
    /// Its fields.
    pub head: Head<'a>,
    /// Who asks.
    pub peer: &'a Peer,
    /// By which listener.
    pub listener: &'a str,
}

/// A server's answer.
#[derive(Clone, Copy)]
pub struct Response<'a> {
    /// Its status.
    pub status: u16,
    /// Its fields.
    pub head: Head<'a>,
    /// The route the request took.
    pub route: &'a str,
    /// Who asked.
    pub peer: &'a Peer,
}

/// What is to be changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// Of a request: it is answered with this; of an answer: its new status.
    pub status: Option<u16>,
    /// The text of an answer instead of a server's; where bodies are judged, the body instead.
    pub body: Option<Vec<u8>>,
    /// Path and query.
    pub target: Option<Vec<u8>>,
    /// Host.
    pub host: Option<Vec<u8>>,
    /// Fields that are set, or without a value taken away; names in lower case, none that frames a message.
    pub fields: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// What a judge decides.
#[derive(PartialEq, Eq, Debug)]
pub enum Ruling {
    /// It goes on as it is.
    Pass,
    /// It does not.
    Refuse,
    /// It goes on, changed.
    Change(Box<Changes>),
}

/// How much of a body is taken in to be judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bodies {
    /// Bytes.
    pub most: u64,
    /// One that says it is longer goes on unjudged; else it is refused.
    pub passes: bool,
}

/// Judges on one worker.
pub trait Judge {
    /// Whether it is to be asked at a point.
    fn asks(&self, point: Point) -> bool;
    /// Whether a connection is served.
    fn connection(&self, peer: &Peer, listener: &str) -> bool;
    /// What becomes of a request.
    fn request(&self, request: &Request<'_>) -> Ruling;
    /// What becomes of an answer.
    fn response(&self, response: &Response<'_>) -> Ruling;
    /// What becomes of a request whose body is here; nothing is routed anew.
    fn request_body(&self, request: &Request<'_>, body: &[u8]) -> Ruling;
    /// What becomes of an answer whose body is here.
    fn response_body(&self, response: &Response<'_>, body: &[u8]) -> Ruling;
    /// How much of a body is taken in.
    fn bodies(&self) -> Bodies;
    /// Whether the access log gets a line.
    fn log(&self, line: &Line<'_>) -> bool;
}

/// Makes the judges of all workers.
pub trait Make: Send + Sync {
    /// One, for the calling thread, that has done by `deeds` what takes time; none if it cannot be made, which is logged.
    fn judge(&self, deeds: &Deeds) -> Option<Rc<dyn Judge>>;
}

/// What a snapshot holds of them: compared by identity.
#[derive(Clone)]
pub struct Source(pub Arc<dyn Make>);

impl PartialEq for Source {
    fn eq(&self, other: &Source) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}
