//! Static content with byte ranges: a file, or bytes built into the binary.
//!
//! HEAD, conditional requests (304), one range a request (206, 416), `If-Range`. The tag is strong:
//! for a file it is made of inode, length and time of change in nanoseconds. Neighbours: `range.rs`
//! reads the headers, `reply.rs` holds the body.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED,
};
use hyper::{HeaderMap, Method, StatusCode};
use tokio::task::JoinHandle;

use crate::date;
use crate::range::{ContentRange, Span, Wanted, requested};
use crate::reply::{Reply, empty, text, with_body};

/// Bytes read at a time.
const PIECE: usize = 64 * 1024;

/// Something to serve.
#[derive(Clone, Debug)]
pub struct Content {
    source: Source,
    length: u64,
    /// With its quotes.
    tag: String,
    modified: Option<String>,
    media: &'static str,
}

#[derive(Clone, Debug)]
enum Source {
    File(Arc<File>),
    Memory(Bytes),
}

impl Content {
    /// An open regular file, as it is now: one that is cut short while it is sent breaks the connection.
    pub fn file(file: File, media: &'static str) -> io::Result<Content> {
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let seconds = u64::try_from(about.mtime()).unwrap_or(0);
        Ok(Content {
            length: about.len(),
            tag: format!(
                "\"{:x}-{:x}-{:x}.{:x}\"",
                about.ino(),
                about.len(),
                about.mtime(),
                about.mtime_nsec()
            ),
            modified: Some(date::format(Duration::from_secs(seconds))),
            source: Source::File(Arc::new(file)),
            media,
        })
    }

    /// Bytes at hand; `version` is different for different bytes and holds no quote.
    pub fn bytes(bytes: impl Into<Bytes>, version: &str, media: &'static str) -> Content {
        let bytes = bytes.into();
        let version: String = version.chars().filter(|c| c.is_ascii_graphic() && *c != '"').collect();
        Content {
            length: bytes.len() as u64,
            source: Source::Memory(bytes),
            tag: format!("\"{version}\""),
            modified: None,
            media,
        }
    }

    /// Its entity tag, with the quotes.
    pub fn tag(&self) -> &str {
        &self.tag
    }
}

/// Answers a request for `content`.
pub fn serve(content: &Content, method: &Method, headers: &HeaderMap) -> Reply {
    if method != Method::GET && method != Method::HEAD {
        let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
        reply.headers_mut().insert(hyper::header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return reply;
    }
    let whole =
        (StatusCode::OK, (content.length > 0).then(|| Span { first: 0, last: content.length - 1 }), None);
    let (status, span, about) = if is_known(content, headers) {
        (StatusCode::NOT_MODIFIED, None, None)
    } else {
        // Ranges are defined for GET only (RFC 9110 §14.2).
        let wanted = match *method == Method::GET {
            true => requested(headers, content.length, &content.tag, content.modified.as_deref()),
            false => Wanted::All,
        };
        match wanted {
            Wanted::All => whole,
            Wanted::Part(span) => (
                StatusCode::PARTIAL_CONTENT,
                Some(span),
                Some(ContentRange::Part(span, Some(content.length))),
            ),
            Wanted::Outside => {
                (StatusCode::RANGE_NOT_SATISFIABLE, None, Some(ContentRange::None(content.length)))
            }
        }
    };
    let mut reply = match span.filter(|_| method == Method::GET) {
        Some(span) => with_body(status, content.source.body(span)),
        None => empty(status),
    };
    let mut add = |name, value: &str| {
        // All of them are made of digits, dates and printable tags.
        if let Ok(value) = HeaderValue::from_str(value) {
            reply.headers_mut().insert(name, value);
        }
    };
    add(ETAG, &content.tag);
    if let Some(modified) = &content.modified {
        add(LAST_MODIFIED, modified);
    }
    if status != StatusCode::NOT_MODIFIED {
        add(ACCEPT_RANGES, "bytes");
        add(CONTENT_LENGTH, &span.map_or(0, |span| span.length()).to_string());
    }
    if status.is_success() {
        add(CONTENT_TYPE, content.media);
    }
    if let Some(about) = about {
        add(CONTENT_RANGE, &about.to_string());
    }
    reply
}

/// True if the client has this version already (RFC 9110 §13.2.2).
fn is_known(content: &Content, headers: &HeaderMap) -> bool {
    if headers.contains_key(IF_NONE_MATCH) {
        return headers
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == content.tag);
    }
    let read = |text: &str| date::parse(text);
    let since = headers.get(IF_MODIFIED_SINCE).and_then(|value| read(value.to_str().ok()?));
    let modified = content.modified.as_deref().and_then(read);
    matches!((since, modified), (Some(since), Some(modified)) if modified <= since)
}

impl Source {
    fn body(&self, span: Span) -> crate::ReplyBody {
        match self {
            Source::Memory(bytes) => {
                let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(bytes.len());
                let part = bytes.slice(at(span.first)..at(span.last.saturating_add(1)));
                http_body_util::Full::new(part).map_err(|never| match never {}).boxed_unsync()
            }
            Source::File(file) => {
                Pieces { file: Arc::clone(file), next: span.first, left: span.length(), reading: None }
                    .boxed_unsync()
            }
        }
    }
}

/// A part of a file, read on a blocking thread piece by piece.
struct Pieces {
    file: Arc<File>,
    next: u64,
    left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let (file, at, left) = (&this.file, this.next, this.left);
        let reading = this.reading.get_or_insert_with(|| {
            let file = Arc::clone(file);
            tokio::task::spawn_blocking(move || read(&file, at, left))
        });
        let done = match Pin::new(reading).poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(done) => done.map_err(io::Error::other).and_then(|read| read),
        };
        this.reading = None;
        Poll::Ready(Some(done.map(|piece| {
            this.next += piece.len() as u64;
            this.left -= piece.len() as u64;
            Frame::data(piece)
        })))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

fn read(file: &File, at: u64, left: u64) -> io::Result<Bytes> {
    let length = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
    let mut piece = vec![0; length];
    file.read_exact_at(&mut piece, at)?;
    Ok(piece.into())
}
