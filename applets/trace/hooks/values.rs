//! What a program prints, as a script sees it: numbers stay numbers, tuples are lists, records are maps.
//!
//! The shapes are those of `--json`, so that what is learned there holds here. What only a person reads (a symbol,
//! an address, a stack) is its text. Neighbours: `output::value` knows the bytes, `mod.rs` hands the values over.

use edgekit_rules::{Str, Value as Lua};

use crate::output::map::bars;
use crate::output::value::{
    Value, array_parts, buf_bytes, str_bytes, struct_fields, tuple_parts, with_member,
};
use crate::output::{Folded, Resolver, View};
use crate::ty::{Agg, Ty};

/// A value of an event or the key of an entry.
pub(super) fn of(value: &Value<'_>, resolver: &dyn Resolver) -> Lua {
    let each = |parts: &mut dyn Iterator<Item = Value<'_>>| {
        Lua::List(parts.map(|part| of(&part, resolver)).collect())
    };
    match value.ty {
        Ty::Void => Lua::Nil,
        Ty::Bool => Lua::Bool(value.as_bits() != Some(0)),
        Ty::Int(_) | Ty::Ptr(..) | Ty::Enum(_) => number(value),
        Ty::Str(size) => Lua::from(str_bytes(value.bytes, *size as usize).0),
        Ty::Buf(_) => Lua::from(buf_bytes(value.bytes)),
        Ty::Array(element, count) => each(&mut array_parts(element, *count, value.bytes)),
        Ty::Tuple(tuple) if tuple.is_record() => {
            let names = tuple.fields.iter().map(|field| field.name.as_deref().unwrap_or("").into());
            let parts = tuple_parts(tuple, value.bytes).map(|part| of(&part, resolver));
            Lua::Map(names.zip(parts).collect())
        }
        Ty::Tuple(tuple) => each(&mut tuple_parts(tuple, value.bytes)),
        Ty::Struct(def) => {
            let mut members = Vec::new();
            for field in struct_fields(def, resolver).iter() {
                with_member(field, value.bytes, |member| {
                    members.push((field.name.as_str().into(), of(&member, resolver)));
                });
            }
            Lua::Map(members)
        }
        Ty::Agg(_) => number(value),
        _ => text(value, resolver),
    }
}

/// A map's value.
pub(super) fn folded(ty: &Ty, value: &Folded, resolver: &dyn Resolver) -> Lua {
    match (value, ty) {
        (Folded::Plain(bytes), _) => of(&Value::new(ty, bytes), resolver),
        (Folded::Number(number), _) => whole(*number),
        (Folded::Stats { count, total }, Ty::Agg(Agg::Stats { .. })) => Lua::from([
            ("count", Lua::from(*count)),
            ("average", whole(value.average())),
            ("total", whole(*total)),
        ]),
        (Folded::Stats { .. }, _) => whole(value.average()),
        (Folded::Buckets(counts), Ty::Agg(agg)) => {
            let bars = bars(agg, counts, View::default()).into_iter().map(|bar| {
                let bounds = [("min", bar.bounds.lo), ("max", bar.bounds.hi.map(|hi| hi - 1))];
                let bounds = bounds.into_iter().filter_map(|(name, at)| Some((Str::from(name), whole(at?))));
                Lua::Map(bounds.chain([("count".into(), Lua::from(bar.count))]).collect())
            });
            Lua::List(bars.collect())
        }
        (Folded::Series(series), Ty::Agg(Agg::TSeries { interval_ns, buckets, .. })) => {
            let last = series.last().unwrap_or(0);
            let points = series.recorded(last, *buckets, *interval_ns, resolver);
            let point = |(start, value)| Lua::from([("start_ns", whole(start)), ("value", whole(value))]);
            Lua::List(points.map(point).collect())
        }
        _ => Lua::Nil,
    }
}

fn number(value: &Value<'_>) -> Lua {
    let bits = value.as_bits().unwrap_or_default();
    if value.ty.is_signed() { Lua::Int(bits as i64) } else { Lua::from(bits) }
}

/// What 64 bits hold is exact; a total beyond them is as near as a double comes.
fn whole(number: i128) -> Lua {
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => Lua::Int(number),
        (_, Ok(number)) => Lua::UInt(number),
        _ => Lua::Num(number as f64),
    }
}

fn text(value: &Value<'_>, resolver: &dyn Resolver) -> Lua {
    let mut text = Vec::new();
    value.write_text(&mut text, resolver);
    Lua::Str(text.into())
}
