//! What a server answers with: small bodies whole, large ones piece by piece.
//!
//! Neighbours: `files.rs` and `sse.rs` make the bodies that come in pieces, `server.rs` sends them.

use std::io;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

/// A body to send.
pub type ReplyBody = UnsyncBoxBody<Bytes, io::Error>;

/// An answer.
pub type Reply = Response<ReplyBody>;

/// An answer without a body.
pub fn empty(status: StatusCode) -> Reply {
    with_body(status, Empty::new().map_err(|never| match never {}).boxed_unsync())
}

/// An answer whose body is at hand.
pub fn full(status: StatusCode, media: &'static str, body: impl Into<Bytes>) -> Reply {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    let mut reply = with_body(status, body);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    reply
}

/// A line or more for people; a newline is added.
pub fn text(status: StatusCode, words: &str) -> Reply {
    full(status, "text/plain; charset=utf-8", format!("{words}\n"))
}

/// A value as JSON, ended by a newline. One that cannot be written (a map with keys that are no
/// strings, say) is a 500 that says so.
pub fn json(status: StatusCode, value: &impl serde::Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(mut body) => {
            body.push(b'\n');
            full(status, "application/json", body)
        }
        Err(error) => {
            text(StatusCode::INTERNAL_SERVER_ERROR, &format!("the answer cannot be written as JSON: {error}"))
        }
    }
}

pub(crate) fn with_body(status: StatusCode, body: ReplyBody) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    reply
}
