//! Fields as arguments: a call with as many as there are, each pushed without a detour.
//!
//! mlua pushes a tuple's members straight onto the stack, and goes through a vector of handles for anything whose
//! length is known only at run time. Hence a tuple for each length up to [`MOST`].

use mlua::{Either, FromLuaMulti, Function, Lua, Value as Lv, Variadic};

use super::{
    State,
    convert::{self, Make},
    int::EXACT,
};
use crate::Ref;

/// Most fields that go as a tuple.
pub(crate) const MOST: usize = 16;

type Argument<'a> = Either<f64, Either<&'a str, Lv>>;

fn argument<'a>(lua: &Lua, state: &State, field: Ref<'a>, make: Make) -> mlua::Result<Argument<'a>> {
    Ok(match field {
        Ref::Int(number) if i128::from(number).abs() <= EXACT => Either::Left(number as f64),
        Ref::UInt(number) if i128::from(number) <= EXACT => Either::Left(number as f64),
        Ref::Num(number) => Either::Left(number),
        Ref::Str(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Either::Right(Either::Left(text)),
            Err(_) => Either::Right(Either::Right(Lv::String(lua.create_string(bytes)?))),
        },
        other => Either::Right(Either::Right(convert::push(lua, state, other, make)?)),
    })
}

macro_rules! tuples {
    ($lua:ident, $state:ident, $function:ident, $fields:ident, $make:ident; $($count:literal: $($index:literal)*,)*) => {
        match $fields.len() {
            $($count => $function.call(($(argument($lua, $state, $fields[$index], $make)?,)*)),)*
            _ => {
                let arguments = $fields.iter().map(|field| argument($lua, $state, *field, $make));
                $function.call(arguments.collect::<mlua::Result<Variadic<_>>>()?)
            }
        }
    };
}

/// Calls a function with these.
pub(crate) fn call<R: FromLuaMulti>(
    lua: &Lua,
    state: &State,
    function: &Function,
    fields: &[Ref<'_>],
    make: Make,
) -> mlua::Result<R> {
    tuples! { lua, state, function, fields, make;
        1: 0,
        2: 0 1,
        3: 0 1 2,
        4: 0 1 2 3,
        5: 0 1 2 3 4,
        6: 0 1 2 3 4 5,
        7: 0 1 2 3 4 5 6,
        8: 0 1 2 3 4 5 6 7,
        9: 0 1 2 3 4 5 6 7 8,
        10: 0 1 2 3 4 5 6 7 8 9,
        11: 0 1 2 3 4 5 6 7 8 9 10,
        12: 0 1 2 3 4 5 6 7 8 9 10 11,
        13: 0 1 2 3 4 5 6 7 8 9 10 11 12,
        14: 0 1 2 3 4 5 6 7 8 9 10 11 12 13,
        15: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14,
        16: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15,
    }
}
