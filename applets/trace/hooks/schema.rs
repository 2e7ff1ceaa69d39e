//! The hook points of the tracer: what a hook is told, in which order, and what it may decide.
//!
//! The manual (`edgekit-rules.7`) is made of these tables, and `mod.rs` fills the fields in their order.

use edgekit_rules::{Field, Kind, Schema, Verdicts};

const fn field(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, about }
}

/// A line that the program prints.
pub static EVENT: Schema = Schema {
    name: "trace.event",
    about: "A line that the traced program prints, before it is printed",
    fields: &[
        field("probe", Kind::Str, "the probe that printed it, as the program names it"),
        field("kind", Kind::Str, "printf, warnf, errorf, print, time, join, cat or system"),
        field("text", Kind::Str, "the line, without the newline at its end"),
        field("args", Kind::List, "the values behind the line, with their types"),
        field("named", Kind::Map, "the same by the name the program gives them: named.fd for $fd"),
        field("pid", Kind::Int, "process id, where the line has it"),
        field("comm", Kind::Str, "name of the process, where the line has it"),
        field("cpu", Kind::Int, "processor, where the line has it"),
        field("nsecs", Kind::Int, "time of the event in ns, where the line has it"),
    ],
    verdicts: Verdicts { drop: true, change: &["text"] },
};

/// An entry of a map that is printed.
pub static MAP: Schema = Schema {
    name: "trace.map",
    about: "An entry of a map, before it is printed: by print(), or at the end",
    fields: &[
        field("name", Kind::Str, "the map, with its @"),
        field("kind", Kind::Str, "map, stats, hist or tseries"),
        field("key", Kind::Any, "the key: a list when it is a tuple; nil when the map has none"),
        field("value", Kind::Any, "a number, or what stats(), hist() and their like have counted"),
        field("place", Kind::Int, "which entry it is, from 1, in the order they are printed"),
        field("entries", Kind::Int, "how many are printed"),
        field("last", Kind::Bool, "the program has ended; false when print() asks for the map"),
    ],
    verdicts: Verdicts { drop: true, change: &[] },
};

/// Something was lost.
pub static LOST: Schema = Schema {
    name: "trace.lost",
    about: "What a probe could not say or keep, looked at once a second; always reported as well",
    fields: &[
        field("probe", Kind::Str, "the probe, as the program names it"),
        field("cause", Kind::Str, "ring_full, map_full, stack or fault"),
        field("count", Kind::Int, "how much since the last time"),
        field("total", Kind::Int, "how much since the program began"),
    ],
    verdicts: Verdicts { drop: false, change: &[] },
};

/// All of them.
pub static SCHEMAS: [&Schema; 3] = [&EVENT, &MAP, &LOST];
