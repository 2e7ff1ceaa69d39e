//! Fields as arguments: a call with as many as there are, each pushed without a detour.
//!
//! mlua pushes a tuple's members straight onto the stack. A tuple for each length would be a copy of all that for each,
//! so there is one of eight, filled up with nil, which a function of Luau drops; longer calls pay for a vector.

use std::array;

use mlua::{Either, Function, Lua, Value as Lv, Variadic};

use super::{
    State,
    convert::{self, Make},
    int::EXACT,
};
use crate::Ref;

/// Most fields that go as arguments.
pub(crate) const MOST: usize = 16;
/// Fields that go as a tuple.
const TUPLE: usize = 8;

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

/// Calls a function of Luau with these.
pub(crate) fn call(
    lua: &Lua,
    state: &State,
    function: &Function,
    fields: &[Ref<'_>],
    make: Make,
) -> mlua::Result<Lv> {
    let each = fields.iter().map(|field| argument(lua, state, *field, make));
    if fields.len() > TUPLE {
        return function.call(each.collect::<mlua::Result<Variadic<_>>>()?);
    }
    let mut arguments: [Argument<'_>; TUPLE] = array::from_fn(|_| Either::Right(Either::Right(Lv::Nil)));
    for (slot, made) in arguments.iter_mut().zip(each) {
        *slot = made?;
    }
    function.call::<Lv>(<(_, _, _, _, _, _, _, _)>::from(arguments))
}
