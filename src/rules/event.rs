//! The one event of all applets, and the tables that say what is in it.
//!
//! An applet describes each of its hook points by a static [`Schema`] (the fields, in order, with a line of manual
//! each) beside the code that raises it; nothing about proxies or shadows is written here. A hook gets the fields
//! as borrowed values in the schema's order (`hook.rs`); what goes over the bus to rules is an owned [`Event`].

use std::{sync::Arc, time::Duration};

use crate::Value;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// Any number.
    Num,
    /// Bytes, mostly text.
    Str,
    /// Values in order.
    List,
    /// Values by name.
    Map,
    /// Whatever the event has there.
    Any,
}

impl Kind {
    /// The word of the manual.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Bool => "boolean",
            Kind::Int => "integer",
            Kind::Num => "number",
            Kind::Str => "string",
            Kind::List => "list",
            Kind::Map => "map",
            Kind::Any => "any",
        }
    }
}

/// One field of an event.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// As a script writes it: `event.NAME`. An identifier of Luau.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// One line of manual.
    pub about: &'static str,
}

/// What a hook point lets a hook decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdicts {
    /// `drop()` does something.
    pub drop: bool,
    /// `change{…}` does something; only these fields may be changed.
    pub change: &'static [&'static str],
}

/// A hook point: its name, its fields in the order they are handed over, what may be decided.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// As a script writes it: `trace.event`.
    pub name: &'static str,
    /// One line of manual.
    pub about: &'static str,
    /// The fields, in order.
    pub fields: &'static [Field],
    /// What may be decided.
    pub verdicts: Verdicts,
}

impl Schema {
    /// Where a field stands among the others.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }
}

/// Something that happened, on its way to the rules that asked for its topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What happened: `trace.event`, or the output of a rule.
    pub topic: Arc<str>,
    /// Goes with everything that comes of it, so that one can be followed through the graph.
    pub id: u64,
    /// When, since 1970: what `now()` tells while it is handled.
    pub at: Duration,
    /// Its fields: a [`Value::Map`].
    pub data: Value,
}
