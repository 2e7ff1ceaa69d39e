//! The output side: bytes of maps and events, with their types, to text or JSON.
//!
//! It knows neither the compiler nor the kernel: `run` reads maps and the ring and hands the bytes over, `lower`
//! and this room agree on layouts through `ty`, `plan` and the bucket numbers of [`hist`]. `sema` uses
//! [`format`] to check calls of printf. What bytes do not tell is asked of a [`Resolver`], see `symbols`.
//!
//! The way of an event: `run` finds its [`crate::plan::Event`], hands the record to one of the methods of
//! [`Output`], which formats it into a [`Sink`]; when the ring is drained `run` calls [`Output::flush`].

use std::io;

mod cursor;
pub mod event;
pub mod format;
pub mod gfp;
pub mod hist;
pub mod json;
pub mod lines;
pub mod map;
pub mod number;
pub mod sink;
#[cfg(test)]
mod testing;
pub mod text;
pub mod time;
pub mod tseries;
pub mod value;
mod zone;

use crate::diag::{SourceMap, Span};
use crate::plan::Loss;
use crate::tree::PrintLevel;
pub use event::CompiledFormat;
pub use format::{Format, FormatError};
pub use lines::{BpftraceJson, OwnJson};
pub use map::{Folded, MapDump, Shape, View};
pub use sink::Sink;
pub use text::Text;
pub use value::{Resolver, Symbol, Value};

/// A place in the program that a message is about.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub sources: &'a SourceMap,
    pub span: Span,
}

/// Text that another program or the clock made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `time()`, printed as it is.
    Time,
    /// `cat()`, printed as it is.
    Cat,
    /// `join()`, a line.
    Join,
    /// `system()`, a line more than the command wrote.
    System,
}

/// A kernel helper that failed, or a key that was not there, under `-k`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelperFailure<'a> {
    /// The helper as the kernel calls it, without `bpf_`: `probe_read_user`, `map_lookup_elem`.
    pub helper: &'a str,
    /// 0 or a negative errno.
    pub code: i32,
}

/// One row of the loss ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossRow<'a> {
    pub probe: &'a str,
    pub cause: Loss,
    pub count: u64,
}

/// Where everything goes that a running program says. Data goes to the output, messages to the error output;
/// the JSON outputs put both on the output, a line each.
pub trait Output {
    /// `printf` of one ring record, header included.
    fn printf(&mut self, format: &CompiledFormat, record: &[u8], resolver: &dyn Resolver) -> io::Result<()>;

    /// `errorf` and `warnf`: the text is formatted already.
    fn report(&mut self, level: PrintLevel, place: Place<'_>, text: &[u8]) -> io::Result<()>;

    /// `print` of a value.
    fn value(&mut self, value: Value<'_>, resolver: &dyn Resolver) -> io::Result<()>;

    /// `print` of a map, and the maps at the end. An empty map says nothing; see [`MapDump::or_zero`].
    fn map(&mut self, dump: &mut MapDump<'_>, view: View, resolver: &dyn Resolver) -> io::Result<()>;

    /// `print` of one entry of an aggregation: the dump holds only that one, see [`MapDump::keep`].
    fn entry(&mut self, dump: &mut MapDump<'_>, view: View, resolver: &dyn Resolver) -> io::Result<()>;

    fn text(&mut self, origin: Origin, text: &[u8]) -> io::Result<()>;

    fn attached(&mut self, probes: usize) -> io::Result<()>;

    /// Events were lost since the last time; said while the program runs.
    fn lost(&mut self, events: u64) -> io::Result<()>;

    /// The ledger at the end: rows that are not zero.
    fn ledger(&mut self, rows: &[LossRow<'_>]) -> io::Result<()>;

    fn helper_failed(&mut self, failure: HelperFailure<'_>, place: Place<'_>) -> io::Result<()>;

    /// The program has ended; its maps come next.
    fn end(&mut self) -> io::Result<()>;

    fn flush(&mut self) -> io::Result<()>;
}

/// A cause's name in JSON and in the events of hooks.
pub(crate) fn loss_name(cause: Loss) -> &'static str {
    match cause {
        Loss::RingFull => "ring_full",
        Loss::MapFull => "map_full",
        Loss::Stack => "stack",
        Loss::Fault => "fault",
    }
}

/// The words behind a count of them in text.
fn loss_words(cause: Loss, count: u64) -> &'static str {
    match (cause, count) {
        (Loss::RingFull, 1) => "event did not fit the ring",
        (Loss::RingFull, _) => "events did not fit the ring",
        (Loss::MapFull, 1) => "update of a full map",
        (Loss::MapFull, _) => "updates of a full map",
        (Loss::Stack, 1) => "stack could not be kept",
        (Loss::Stack, _) => "stacks could not be kept",
        (Loss::Fault, 1) => "read of memory failed",
        (Loss::Fault, _) => "reads of memory failed",
    }
}
