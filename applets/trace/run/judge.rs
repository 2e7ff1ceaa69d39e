//! Who else has a say in what is printed: every line before it is, every entry of a map, every loss.
//!
//! A run without a judge pays nothing for this: its handlers are made without the question. With one, each line is
//! formatted first and then judged, because its text is part of what is judged. Neighbours: `events` and `session`
//! ask, `hooks` answers with Lua.

use crate::diag::Span;
use crate::output::value::Value;
use crate::output::{Folded, Resolver, Shape};
use crate::ty::Ty;

/// What becomes of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    Print,
    Drop,
    /// Printed with this text instead, which has no newline at its end.
    Replace(Vec<u8>),
}

/// A line that is about to be printed.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    /// The function that prints it: `printf`, `join` …
    pub kind: &'static str,
    /// The probe's name as the script gives it.
    pub probe: &'a str,
    pub span: Span,
    /// Without the newline at its end.
    pub text: &'a [u8],
    pub values: &'a [Value<'a>],
    /// What the script calls the values; may be shorter than they are.
    pub names: &'a [Option<std::rc::Rc<str>>],
    pub resolver: &'a dyn Resolver,
}

/// An entry of a map that is about to be printed.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// With its `@`.
    pub map: &'a str,
    pub shape: Shape,
    /// Among the last words, not asked for by the script.
    pub at_end: bool,
    /// `None` in a scalar map.
    pub key: Option<Value<'a>>,
    pub ty: &'a Ty,
    pub value: &'a Folded,
    /// Which entry of how many, from 1, in printing order.
    pub place: (usize, usize),
    pub resolver: &'a dyn Resolver,
}

/// Something that was lost since the judge was last told.
#[derive(Clone, Copy, Debug)]
pub struct Lost<'a> {
    pub probe: &'a str,
    /// As the ledger's JSON names it: `ring_full`, `map_full`, `stack`, `fault`.
    pub cause: &'static str,
    pub count: u64,
    /// Since the run began.
    pub total: u64,
}

pub trait Judge {
    fn line(&mut self, line: Line<'_>) -> Ruling;

    /// Whether the entry is printed.
    fn entry(&mut self, entry: Shown<'_>) -> bool;

    /// Nothing to rule: a loss is always reported.
    fn lost(&mut self, lost: Lost<'_>);

    /// Between two bursts of events: time for what may take a little.
    fn pause(&mut self);

    /// The run is over; what there is to say about the judging itself.
    fn end(self: Box<Self>);
}
