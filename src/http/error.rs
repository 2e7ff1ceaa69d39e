//! What can go wrong in an exchange, where, and whether trying again may help.
//!
//! One type for client and download: the place (method and address, never the query, which may hold
//! a secret) and the kind. It becomes `edgekit_core::Error`, with hint and exit code, at the edge.

use std::fmt;
use std::io;
use std::time::Duration;

use edgekit_core::{Exit, text};
use edgekit_rt::ResolveError;
use hyper::StatusCode;

/// A failed exchange.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {kind}")]
pub struct Error {
    place: Box<str>,
    kind: Box<Kind>,
}

/// Why it failed.
#[derive(Debug, thiserror::Error)]
pub enum Kind {
    /// The address makes no sense or is of a kind we do not speak.
    #[error("{0}")]
    Url(&'static str),
    /// The host has no address.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// No address of the host accepts a connection.
    #[error("cannot connect to {to}: {}", text::io_reason(.source))]
    Connect {
        /// The last address tried.
        to: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The TLS handshake failed: certificate, name, version.
    #[error("TLS with '{host}' failed: {reason}")]
    Tls {
        /// The name the certificate must hold.
        host: String,
        /// What rustls said.
        reason: String,
        /// The connection broke, rather than trust.
        broken: bool,
    },
    /// The proxy refuses, or its variable makes no sense.
    #[error("proxy {proxy}: {reason}")]
    Proxy {
        /// Host and port, without credentials; or the name of the variable.
        proxy: String,
        /// What it did.
        reason: String,
        /// Another attempt may help.
        temporary: bool,
    },
    /// Nothing happened for too long.
    #[error("{phase} took longer than {:.1} s", .after.as_secs_f64())]
    Timeout {
        /// What was waited for.
        phase: Phase,
        /// The limit.
        after: Duration,
    },
    /// A limit on size was met.
    #[error("the {what} is larger than {limit} bytes")]
    TooLarge {
        /// `head` or `body`.
        what: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
    /// A redirect that is not followed.
    #[error("redirect to '{to}' not followed: {reason}")]
    Redirect {
        /// The address, without its query.
        to: String,
        /// Why not.
        reason: &'static str,
    },
    /// The peer does not speak HTTP as written.
    #[error("the server broke the protocol: {0}")]
    Protocol(String),
    /// The connection ended in the middle of an answer.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// An answer, but not the wanted one.
    #[error("the server answered {status}")]
    Status {
        /// Its code.
        status: StatusCode,
        /// When to come back, if it said so.
        retry_after: Option<Duration>,
    },
    /// What is downloaded changed on the server, so often.
    #[error("it changed on the server {}during the download", times(*.0))]
    Changed(u32),
    /// All that may be fetched was.
    #[error("more than the {limit} bytes that may be fetched would be needed")]
    Spent {
        /// Bytes, in all.
        limit: u64,
    },
    /// The receiver of a download failed.
    #[error("cannot store it: {}", text::io_reason(.0))]
    Sink(io::Error),
    /// The body is not the JSON it should be.
    #[error("not the expected JSON: {0}")]
    Json(String),
    /// The retry policy is used up.
    #[error("gave up after {attempts} attempts: {last}")]
    GaveUp {
        /// Attempts made.
        attempts: u32,
        /// The last failure.
        last: Box<Kind>,
    },
}

/// The part of an exchange a timeout belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Name lookup, connection, proxy and TLS together.
    Connect,
    /// From the request to the head of the answer.
    FirstByte,
    /// Between two pieces of a body.
    Idle,
    /// The exchange as a whole.
    Total,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Connect => "connecting",
            Phase::FirstByte => "the first byte of the answer",
            Phase::Idle => "the next piece of the body",
            Phase::Total => "the whole exchange",
        })
    }
}

impl Error {
    /// At `place`, a method and an address.
    pub fn new(place: impl Into<Box<str>>, kind: Kind) -> Error {
        Error { place: place.into(), kind: Box::new(kind) }
    }

    /// Why it failed.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// True if another attempt may succeed.
    pub fn is_temporary(&self) -> bool {
        self.kind.is_temporary()
    }

    /// How long the server wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match &*self.kind {
            Kind::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The same failure as the end of several attempts.
    pub(crate) fn after(self, attempts: u32) -> Error {
        if attempts < 2 {
            return self;
        }
        Error { place: self.place, kind: Box::new(Kind::GaveUp { attempts, last: self.kind }) }
    }
}

impl Kind {
    /// True if another attempt may succeed.
    pub fn is_temporary(&self) -> bool {
        match self {
            Kind::Resolve(error) => error.is_temporary(),
            Kind::Connect { source, .. } => {
                !matches!(source.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput)
            }
            Kind::Tls { broken, .. } => *broken,
            Kind::Proxy { temporary, .. } => *temporary,
            Kind::Timeout { phase, .. } => *phase != Phase::Total,
            Kind::Broken(_) => true,
            Kind::Status { status, .. } => is_temporary_status(*status),
            Kind::GaveUp { last, .. } => last.is_temporary(),
            _ => false,
        }
    }

    /// True if no byte of the request can have reached the server's application.
    pub(crate) fn is_before_request(&self) -> bool {
        matches!(self, Kind::Resolve(_) | Kind::Connect { .. } | Kind::Tls { .. } | Kind::Proxy { .. })
            || matches!(self, Kind::Timeout { phase: Phase::Connect, .. })
    }

    fn exit(&self) -> Exit {
        match self {
            Kind::Url(_) => Exit::USAGE,
            Kind::TooLarge { .. } | Kind::Redirect { .. } | Kind::Protocol(_) | Kind::Json(_) => {
                Exit::PROTOCOL
            }
            Kind::Tls { broken: false, .. } => Exit::PROTOCOL,
            Kind::Sink(_) => Exit::IO,
            Kind::Spent { .. } => Exit::NO,
            Kind::Changed(_) => Exit::TEMPORARY,
            Kind::GaveUp { last, .. } => last.exit(),
            kind if kind.is_temporary() => Exit::TEMPORARY,
            _ => Exit::UNAVAILABLE,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Kind::Url(_) => Some("an address looks like https://host:port/path"),
            Kind::Resolve(_) => Some("check the name, /etc/hosts and the servers in /etc/resolv.conf"),
            Kind::Connect { .. } => Some("check that the host is up and that no firewall is in between"),
            Kind::Tls { broken: false, .. } => {
                Some("check the server's certificate, the trusted roots and this machine's clock")
            }
            Kind::Proxy { .. } => Some("check http_proxy, https_proxy and no_proxy"),
            Kind::Sink(_) => Some("check the free space and that the disk is writable"),
            Kind::Spent { .. } => Some("raise the limit on bytes, if that is worth it"),
            Kind::Changed(_) => Some("try again once the server has settled on one version"),
            Kind::Status { status, .. } => match status.as_u16() {
                401 | 403 => Some("check the credentials for this server"),
                404 | 410 => Some("check the address"),
                _ => None,
            },
            Kind::GaveUp { last, .. } => last.hint(),
            _ => None,
        }
    }
}

/// `3 times `; once goes without saying.
fn times(count: u32) -> String {
    if count == 1 { String::new() } else { format!("{count} times ") }
}

/// Statuses that say "not now": those of RFC 9110 §15 and RFC 6585 §4, and whatever a server or a machine before it
/// says of itself in 5xx, but for what will be no other tomorrow.
pub(crate) fn is_temporary_status(status: StatusCode) -> bool {
    match status.as_u16() {
        408 | 425 | 429 => true,
        501 | 505 | 506 | 508 | 510 | 511 => false,
        code => code >= 500,
    }
}

impl From<Error> for edgekit_core::Error {
    fn from(error: Error) -> edgekit_core::Error {
        let made = edgekit_core::Error::new(error.kind.exit(), error.to_string());
        match error.kind.hint() {
            Some(hint) => made.hint(hint),
            None => made,
        }
    }
}

/// What hyper's error means at this place.
pub(crate) fn from_hyper(error: &hyper::Error, head_limit: usize) -> Kind {
    if error.is_parse_too_large() {
        return Kind::TooLarge { what: "head", limit: head_limit as u64 };
    }
    let reason = innermost(error);
    if error.is_parse() {
        return Kind::Protocol(reason);
    }
    if error.is_incomplete_message() {
        return Kind::Broken("it ended before the answer was complete".to_owned());
    }
    Kind::Broken(reason)
}

/// The last sentence of a chain of errors: hyper's own are only headings.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    match last.downcast_ref::<io::Error>() {
        Some(io) => text::io_reason(io),
        None => last.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_place_reason_and_next_step() {
        let refused = io::Error::from_raw_os_error(111);
        let error =
            Error::new("GET http://box/x", Kind::Connect { to: "10.0.0.1:80".to_owned(), source: refused });
        assert!(error.is_temporary());
        let shown = edgekit_core::Error::from(error.after(3));
        assert_eq!(
            shown.to_string(),
            "GET http://box/x: gave up after 3 attempts: cannot connect to 10.0.0.1:80: connection refused"
        );
        assert_eq!(shown.exit(), Exit::TEMPORARY);
        assert!(shown.hint_text().is_some());
    }

    #[test]
    fn tells_what_may_be_tried_again() {
        let status = |code: u16| Kind::Status {
            status: StatusCode::from_u16(code).unwrap_or_default(),
            retry_after: None,
        };
        assert!(status(503).is_temporary() && status(429).is_temporary());
        assert!(!status(404).is_temporary() && !status(501).is_temporary());
        assert!(!Kind::Protocol("x".to_owned()).is_temporary());
        assert!(!Kind::Timeout { phase: Phase::Total, after: Duration::ZERO }.is_temporary());
    }
}
