//! Spans for a collector, encoded by the worker that served them and handed over in pieces.

use std::time::Duration;

use edgekit_http::otlp::{Piece, Queue, proto};

use super::Trace;
use crate::log::Line;

/// Spans are handed over once there are so many bytes of them.
const PIECE: usize = 16 * 1024;
/// `SPAN_KIND_SERVER`.
const SERVER: u64 = 2;
/// `STATUS_CODE_ERROR`.
const FAILED: u64 = 2;
/// The parent, if any, is known to be another process's.
const REMOTE: u32 = 0x300;
/// Field of `Span` that holds attributes.
const ATTRIBUTES: u32 = 9;

/// The spans of one worker.
#[derive(Default)]
pub struct Spans(Piece);

impl Spans {
    /// Adds that of an exchange which ended `now`; gives how many were lost.
    pub fn add(&mut self, queue: &Queue, trace: &Trace, line: &Line<'_>, now: Duration) -> u64 {
        encode(&mut self.0.items, trace, line, now);
        self.0.count += 1;
        if self.0.items.len() >= PIECE { self.flush(queue) } else { 0 }
    }

    /// Hands over what is there; gives how many found no room.
    pub fn flush(&mut self, queue: &Queue) -> u64 {
        if self.is_empty() {
            return 0;
        }
        let Err(mut refused) = queue.offer(std::mem::take(&mut self.0)) else { return 0 };
        refused.items.clear();
        let lost = std::mem::take(&mut refused.count);
        self.0 = refused;
        lost
    }

    /// True if nothing waits to be handed over.
    pub fn is_empty(&self) -> bool {
        self.0.items.is_empty()
    }
}

/// Names of attributes are those of OpenTelemetry's semantic conventions for HTTP servers, and `edgekit.*`.
fn encode(out: &mut Vec<u8>, trace: &Trace, line: &Line<'_>, now: Duration) {
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let [method, target, host, agent] = line.parts();
    let span = proto::begin(out, 2);
    proto::bytes(out, 1, &trace.id);
    proto::bytes(out, 2, &trace.span);
    if let Some(parent) = &trace.parent {
        proto::bytes(out, 4, parent);
    }
    let name = [method, b" ", line.route.as_bytes()].concat();
    proto::text(out, 5, name.trim_ascii());
    proto::number(out, 6, SERVER);
    proto::fixed64(out, 7, nanoseconds(now.saturating_sub(line.took)));
    proto::fixed64(out, 8, nanoseconds(now));
    let query = memchr::memchr(b'?', target);
    let status = line.status.to_string();
    let failed = match line.fault {
        "" if line.status >= 500 => status.as_bytes(),
        fault => fault.as_bytes(),
    };
    for (key, value) in [
        ("http.request.method", method),
        ("url.path", &target[..query.unwrap_or(target.len())]),
        ("url.query", query.map_or(&b""[..], |at| &target[at + 1..])),
        ("server.address", host),
        ("client.address", line.client.as_bytes()),
        ("user_agent.original", agent),
        ("enduser.id", line.identity.as_bytes()),
        ("edgekit.route", line.route.as_bytes()),
        ("edgekit.endpoint", line.endpoint),
        ("error.type", failed),
    ] {
        if !value.is_empty() {
            proto::attribute(out, ATTRIBUTES, key, proto::Value::Text(value));
        }
    }
    let sizes =
        [("http.response.status_code", u64::from(line.status)), ("http.response.body.size", line.sent)];
    for (key, value) in sizes {
        proto::attribute(out, ATTRIBUTES, key, proto::Value::Int(value));
    }
    if line.status >= 500 {
        let outcome = proto::begin(out, 15);
        proto::number(out, 3, FAILED);
        proto::end(out, outcome);
    }
    proto::fixed32(out, 16, u32::from(trace.is_sampled) | if trace.parent.is_some() { REMOTE } else { 0 });
    proto::end(out, span);
}
