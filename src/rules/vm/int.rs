//! Whole numbers beyond ±2^53, exact.
//!
//! A double counts one by one up to 2^53. A whole number within is a plain number of Luau; beyond, it is an
//! [`Int`]: one value, one form, so that `==` is right between any two of them. What an operator gives is exact, or
//! an error that says so, never rounded. Luau compares only values of one type, so that a number and an `int` are
//! told apart by `int.compare`. Neighbours: `convert.rs` makes them at the boundary, `int("…")` in scripts.

use std::cmp::Ordering;

use mlua::{Lua, MetaMethod, UserData, UserDataMethods, Value as Lv, Variadic};

use super::{State, convert::kind_of, fault::Raised, guard::function};
use crate::{FaultKind, Value};

/// The whole numbers a double holds one by one.
pub(crate) const EXACT: i128 = 1 << 53;
const LOWEST: i128 = i64::MIN as i128;
const HIGHEST: i128 = u64::MAX as i128;

/// A whole number from `i64::MIN` to `u64::MAX`, beyond ±2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Int(i128);

type Binary = fn(i128, i128) -> mlua::Result<i128>;

impl Int {
    /// The one form of a whole number.
    pub(crate) fn push(lua: &Lua, number: i128) -> mlua::Result<Lv> {
        if number.abs() <= EXACT {
            return Ok(Lv::Number(number as f64));
        }
        if !(LOWEST..=HIGHEST).contains(&number) {
            return Err(beyond());
        }
        Ok(Lv::UserData(lua.create_userdata(Int(number))?))
    }

    /// The value of a userdata, if it is one of these.
    pub(crate) fn pull(value: &Lv) -> mlua::Result<Value> {
        match number_in(value) {
            Some(number) => Ok(i64::try_from(number).map_or(Value::UInt(number as u64), Value::Int)),
            None => {
                let message = format!("a {} is no value of an event", kind_of(value));
                Err(Raised::error(FaultKind::Type, message))
            }
        }
    }
}

fn number_in(value: &Lv) -> Option<i128> {
    let Lv::UserData(data) = value else { return None };
    data.borrow_scoped(|int: &Int| int.0).ok()
}

/// What `..` joins.
fn word(value: &Lv) -> mlua::Result<Vec<u8>> {
    Ok(match (value, number_in(value)) {
        (_, Some(number)) => number.to_string().into_bytes(),
        (Lv::String(text), None) => text.as_bytes().to_vec(),
        (Lv::Number(_) | Lv::Integer(_), None) => value.to_string()?.into_bytes(),
        (other, None) => {
            let message = format!("a whole number cannot be joined with a {}", kind_of(other));
            return Err(Raised::error(FaultKind::Type, message));
        }
    })
}

fn beyond() -> mlua::Error {
    Raised::error(FaultKind::Runtime, "a whole number goes beyond 64 bits")
}

/// The whole number of an operand.
pub(crate) fn whole(value: &Lv) -> mlua::Result<i128> {
    let message = match value {
        Lv::Integer(number) if i128::from(*number).abs() <= EXACT => return Ok(i128::from(*number)),
        Lv::Number(number) if *number == 0.0 => return Ok(0),
        Lv::Number(number) if number.fract() != 0.0 => format!("{number} is no whole number; round it first"),
        Lv::Integer(_) | Lv::Number(_) => {
            format!("{} may have been rounded already: beyond 2^53 write int(\"…\")", value.to_string()?)
        }
        other => match number_in(other) {
            Some(number) => return Ok(number),
            None => format!("expected a whole number, got a {}", kind_of(other)),
        },
    };
    Err(Raised::error(FaultKind::Type, message))
}

fn divided(left: i128, right: i128) -> mlua::Result<i128> {
    if right == 0 {
        return Err(Raised::error(FaultKind::Runtime, "a whole number is divided by zero"));
    }
    Ok(left.div_euclid(right))
}

/// As `//` of Luau: towards minus infinity.
fn floored(left: i128, right: i128) -> mlua::Result<i128> {
    let quotient = divided(left, right)?;
    // Euclid's rest is never negative, Luau's has the sign of the divisor.
    Ok(if right < 0 && left.rem_euclid(right) != 0 { quotient - 1 } else { quotient })
}

fn rest(left: i128, right: i128) -> mlua::Result<i128> {
    Ok(left - floored(left, right)? * right)
}

/// As `/`, where it is exact.
fn exact(left: i128, right: i128) -> mlua::Result<i128> {
    let quotient = divided(left, right)?;
    if left.rem_euclid(right) == 0 {
        return Ok(quotient);
    }
    Err(Raised::error(FaultKind::Runtime, format!("{left} / {right} is not whole; use // or %")))
}

fn power(base: i128, exponent: i128) -> mlua::Result<i128> {
    let exponent = u32::try_from(exponent).map_err(|_| beyond())?;
    base.checked_pow(exponent).ok_or_else(beyond)
}

/// The 64 bits of a whole number.
fn bits(number: i128) -> mlua::Result<u64> {
    match i64::try_from(number) {
        Ok(number) => Ok(number as u64),
        Err(_) => u64::try_from(number).map_err(|_| beyond()),
    }
}

fn shifted(number: i128, by: i128) -> mlua::Result<i128> {
    let number = bits(number)?;
    let moved = match u32::try_from(by.unsigned_abs()) {
        Ok(count) if by >= 0 => number.checked_shl(count),
        Ok(count) => number.checked_shr(count),
        Err(_) => None,
    };
    Ok(i128::from(moved.unwrap_or(0)))
}

const OPERATORS: [(MetaMethod, Binary); 7] = [
    (MetaMethod::Add, |left, right| left.checked_add(right).ok_or_else(beyond)),
    (MetaMethod::Sub, |left, right| left.checked_sub(right).ok_or_else(beyond)),
    (MetaMethod::Mul, |left, right| left.checked_mul(right).ok_or_else(beyond)),
    (MetaMethod::Div, exact),
    (MetaMethod::IDiv, floored),
    (MetaMethod::Mod, rest),
    (MetaMethod::Pow, power),
];

/// Functions of the table `int` that take two whole numbers.
const FUNCTIONS: [(&str, Binary); 5] = [
    ("band", |left, right| Ok(i128::from(bits(left)? & bits(right)?))),
    ("bor", |left, right| Ok(i128::from(bits(left)? | bits(right)?))),
    ("bxor", |left, right| Ok(i128::from(bits(left)? ^ bits(right)?))),
    ("shl", shifted),
    ("shr", |number, by| shifted(number, -by)),
];

impl UserData for Int {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        for (name, operator) in OPERATORS {
            methods.add_meta_function(name, move |lua, (left, right): (Lv, Lv)| {
                Int::push(lua, operator(whole(&left)?, whole(&right)?)?)
            });
        }
        methods.add_meta_function(MetaMethod::Unm, |lua, value: Lv| Int::push(lua, -whole(&value)?));
        methods.add_meta_function(MetaMethod::Eq, |_, (left, right): (Lv, Lv)| {
            Ok(number_in(&left).is_some() && number_in(&left) == number_in(&right))
        });
        methods.add_meta_function(MetaMethod::Lt, |_, (left, right): (Lv, Lv)| {
            Ok(whole(&left)? < whole(&right)?)
        });
        methods.add_meta_function(MetaMethod::Le, |_, (left, right): (Lv, Lv)| {
            Ok(whole(&left)? <= whole(&right)?)
        });
        methods.add_meta_function(MetaMethod::Concat, |lua, (left, right): (Lv, Lv)| {
            lua.create_string([word(&left)?, word(&right)?].concat())
        });
        methods.add_meta_method(MetaMethod::ToString, |_, this, ()| Ok(this.0.to_string()));
    }
}

/// Puts `int` into the globals: a table that is called.
pub(crate) fn install(lua: &Lua, state: &std::rc::Rc<State>) -> mlua::Result<()> {
    let int = lua.create_table()?;
    for (name, operate) in FUNCTIONS {
        int.raw_set(
            name,
            function(lua, state, move |lua, _, (left, right): (Lv, Lv)| {
                Int::push(lua, operate(whole(&left)?, whole(&right)?)?)
            })?,
        )?;
    }
    let not = function(lua, state, |lua, _, value: Lv| Int::push(lua, i128::from(!bits(whole(&value)?)?)))?;
    int.raw_set("bnot", not)?;
    let compare = function(lua, state, |_, _, (left, right): (Lv, Lv)| {
        Ok(match whole(&left)?.cmp(&whole(&right)?) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        })
    })?;
    int.raw_set("compare", compare)?;
    let metatable = lua.create_table()?;
    metatable.raw_set("__metatable", "int")?;
    let call = function(lua, state, |lua, _, arguments: Variadic<Lv>| match arguments.get(1) {
        Some(Lv::String(text)) => {
            let read = text.to_str().ok().and_then(|text| parse(&text));
            let number = read.ok_or_else(|| {
                let message = format!("'{}' is no whole number of 64 bits", text.to_string_lossy());
                Raised::error(FaultKind::Runtime, message)
            })?;
            Int::push(lua, number)
        }
        Some(other) => Int::push(lua, whole(other)?),
        None => Err(Raised::error(FaultKind::Type, "int takes a text or a whole number")),
    })?;
    metatable.raw_set("__call", call)?;
    metatable.set_readonly(true);
    int.set_metatable(Some(metatable))?;
    lua.globals().raw_set("int", int)
}

/// Decimal, or hexadecimal after `0x`.
fn parse(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (radix, digits) = match digits.strip_prefix("0x") {
        Some(digits) => (16, digits),
        None => (10, digits),
    };
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let number = sign * i128::from(u64::from_str_radix(digits, radix).ok()?);
    (LOWEST..=HIGHEST).contains(&number).then_some(number)
}
