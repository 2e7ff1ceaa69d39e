//! 64 bits in, the same 64 bits out.

use proptest::prelude::*;

use super::{AT, eval, handle, rule, vm};
use crate::{Effects, Payload, Value};

const EDGES: [i128; 13] = [
    0,
    1,
    -1,
    (1 << 53) - 1,
    1 << 53,
    (1 << 53) + 1,
    -(1 << 53),
    -(1 << 53) - 1,
    i64::MAX as i128,
    i64::MIN as i128,
    i64::MIN as i128 + 1,
    i64::MAX as i128 + 1,
    u64::MAX as i128,
];

fn value_of(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| Value::UInt(u64::try_from(number).unwrap()), Value::Int)
}

fn whole() -> impl Strategy<Value = i128> {
    prop_oneof![
        proptest::sample::select(&EDGES[..]),
        any::<i64>().prop_map(i128::from),
        any::<u64>().prop_map(i128::from),
        (-5_i128..5).prop_map(|near| (1 << 53) + near),
        -1000_i128..1000,
    ]
}

#[test]
fn whole_numbers_pass_through_a_script_unchanged() {
    let vm = vm();
    let rule = rule(
        &vm,
        "rule { name = 'r', inputs = { 'in' }, outputs = { 'out' }, on = function(event) \
         return { same = event.n, text = tostring(event.n), again = int(tostring(event.n)) } end }",
    );
    proptest!(|(number in whole())| {
        let mut effects = Effects::default();
        let data = Value::from([("n", value_of(number))]);
        rule.on("in", &Payload::from(data), AT, &mut effects).unwrap();
        let out = effects.emits[0].data.value().unwrap().clone();
        prop_assert_eq!(out.get("same"), Some(&value_of(number)));
        prop_assert_eq!(out.get("again"), Some(&value_of(number)));
        // A plain number prints as Luau prints it: exact up to 2^53.
        if number.abs() > 1 << 53 {
            prop_assert_eq!(out.get("text"), Some(&Value::from(number.to_string())));
        }
    });
}

#[test]
fn arithmetic_is_exact_or_an_error() {
    let vm = vm();
    let rule = rule(
        &vm,
        "local operators = {
             add = function(a, b) return a + b end, sub = function(a, b) return a - b end,
             mul = function(a, b) return a * b end, idiv = function(a, b) return a // b end,
             mod = function(a, b) return a % b end }
         rule { name = 'r', inputs = { 'in' }, outputs = { 'out' }, on = function(event)
             local out = {}
             for name, operate in operators do
                 local fine, result = pcall(operate, event.a, event.b)
                 if fine then out[name] = result end
             end
             out.order = int.compare(event.a, event.b)
             out.same = event.a == event.b
             return out
         end }",
    );
    proptest!(|(left in whole(), right in whole())| {
        // Two plain numbers are Luau's business: doubles. One `int` makes it ours.
        prop_assume!(left.abs() > 1 << 53 || right.abs() > 1 << 53);
        let mut effects = Effects::default();
        let data = Value::from([("a", value_of(left)), ("b", value_of(right))]);
        rule.on("in", &Payload::from(data), AT, &mut effects).unwrap();
        let out = effects.emits[0].data.value().unwrap().clone();
        let fits = |number: i128| (i64::MIN as i128..=u64::MAX as i128).contains(&number).then(|| value_of(number));
        let floor = |a: i128, b: i128| a / b - i128::from(a % b != 0 && (a < 0) != (b < 0));
        let expected = [
            ("add", fits(left + right)),
            ("sub", fits(left - right)),
            ("mul", left.checked_mul(right).and_then(fits)),
            ("idiv", (right != 0).then(|| floor(left, right)).and_then(fits)),
            ("mod", (right != 0).then(|| left - floor(left, right) * right).and_then(fits)),
        ];
        for (name, value) in expected {
            prop_assert_eq!(out.get(name), value.as_ref(), "{} {} {}", left, name, right);
        }
        prop_assert_eq!(out.get("order"), Some(&Value::Int(left.cmp(&right) as i64)));
        prop_assert_eq!(out.get("same"), Some(&Value::Bool(left == right)));
    });
}

#[test]
fn what_cannot_be_exact_says_so() {
    let vm = vm();
    let cases = [
        ("return int('99999999999999999') + 0.5", "0.5 is no whole number; round it first"),
        ("return int(2 ^ 60)", "may have been rounded already"),
        ("return int('x')", "'x' is no whole number of 64 bits"),
        ("return int('18446744073709551616')", "is no whole number of 64 bits"),
        ("return int('18446744073709551615') / 2", "is not whole; use // or %"),
        ("return int('18446744073709551615') + 1", "goes beyond 64 bits"),
        ("return int('99999999999999999') // 0", "divided by zero"),
        ("return int('99999999999999999') .. {}", "cannot be joined with a table"),
    ];
    for (body, message) in cases {
        let fault = eval(&vm, body).unwrap_err();
        assert!(fault.message.contains(message), "{body}: {fault}");
    }
    assert_eq!(eval(&vm, "return -int('9223372036854775808')").unwrap(), Value::Int(i64::MIN));
    assert_eq!(eval(&vm, "return int('0xffffffffffffffff')").unwrap(), Value::UInt(u64::MAX));
    assert_eq!(eval(&vm, "return int('18446744073709551614') / 2").unwrap(), Value::Int(i64::MAX));
    assert_eq!(
        eval(&vm, "return int.bxor(int('0xffffffffffffffff'), 1)").unwrap(),
        Value::UInt(u64::MAX - 1)
    );
    assert_eq!(eval(&vm, "return int.shl(1, 63)").unwrap(), Value::UInt(1 << 63));
    assert_eq!(
        eval(&vm, "return 'n=' .. int('9007199254740993')").unwrap(),
        Value::from("n=9007199254740993")
    );
}

#[test]
fn odd_numbers_and_bytes_pass_through() {
    let vm = vm();
    let long = vec![0xff_u8; 1 << 20];
    for value in [
        Value::Num(f64::NAN),
        Value::Num(f64::INFINITY),
        Value::Num(-0.0),
        Value::Num(9_223_372_036_854_775_808.0),
        Value::Num(0.1),
        Value::from(&b"\xff\x00\xfe"[..]),
        Value::from(&*long),
        Value::List(Vec::new()),
        Value::List(vec![Value::Nil, Value::Bool(false)]),
        Value::from([("deep", Value::from([("er", Value::List(vec![Value::Int(1)]))]))]),
    ] {
        let data = Value::from([("v", value.clone())]);
        let effects = handle(&vm, "return { v = event.v }", data).unwrap();
        assert_eq!(effects.emits[0].data.value().unwrap().get("v"), Some(&value));
    }
}
