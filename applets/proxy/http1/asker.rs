//! The side that asks, as an exchange sees it: how an answer's head is told to it.
//!
//! What a request is, where it goes, how often it is tried and what is said of it in the log is
//! decided once, in `session.rs` and `exchange.rs`, on heads that are positions in a buffer. A
//! protocol brings those heads and takes them: HTTP/1.x here, as text, HTTP/2 in `http2`. Bodies go
//! by the [`Wire`] itself, which may frame them.

use super::field::Field;
use super::response::ResponseHead;
use super::write::{self, Ending};
use crate::route::Edits;
use crate::wire::Wire;

/// An answer of our own.
#[derive(Clone, Copy)]
pub struct Own<'a> {
    /// The status code.
    pub status: u16,
    /// The text.
    pub body: &'a [u8],
    /// It tells what went wrong, and is no answer somebody has written.
    pub is_fault: bool,
    /// The text stays here, only its length is told.
    pub to_head: bool,
    /// Whole lines (`name: value`, CR LF) of its head, such as Location or Retry-After.
    pub lines: &'a [u8],
    /// Lines of the route.
    pub edits: Option<&'a Edits>,
}

/// A client, by the protocol it speaks. As written here it is HTTP/1.x.
pub trait Asker: Wire {
    /// Bodies of unknown length go out in chunks; where not, the wire frames them.
    const CHUNKS: bool = true;

    /// Tells the head of an answer: appends it to `out`, or hands it to the wire.
    #[expect(clippy::too_many_arguments, reason = "all that an answer is")]
    fn answer(
        &mut self,
        out: &mut Vec<u8>,
        bytes: &[u8],
        head: &ResponseHead,
        fields: &[Field],
        edits: &Edits,
        chunked: bool,
        ending: Ending,
    ) {
        write::response(out, bytes, head, fields, edits, chunked, ending);
    }

    /// Tells an answer of our own: appends what of it is to be written to `out`.
    fn own(&mut self, out: &mut Vec<u8>, own: &Own<'_>, date: &[u8], ending: Ending) {
        write::answer(out, own, date, ending);
    }
}

impl Asker for crate::wire::Stream {}
