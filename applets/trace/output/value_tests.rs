//! Bytes and a type to text, one type at a time.

use super::*;
use crate::output::json::Numbers;
use crate::output::testing::{Fake, Noise, padded, words};
use crate::ty::{Agg, Space};

fn text(ty: &Ty, bytes: &[u8]) -> String {
    let mut out = Vec::new();
    Value::new(ty, bytes).write_text(&mut out, &Fake);
    String::from_utf8(out).unwrap()
}

fn json(ty: &Ty, bytes: &[u8]) -> String {
    let mut out = Vec::new();
    Value::new(ty, bytes).write_json(&mut out, &Fake, Numbers::Doubles);
    String::from_utf8(out).unwrap()
}

fn key(ty: &Ty, bytes: &[u8]) -> (String, String) {
    let (mut plain, mut quoted) = (Vec::new(), Vec::new());
    Value::new(ty, bytes).write_key(&mut plain, &Fake);
    Value::new(ty, bytes).write_json_key(&mut quoted, &Fake);
    (String::from_utf8(plain).unwrap(), String::from_utf8(quoted).unwrap())
}

#[test]
fn integers_of_each_width_and_sign() {
    let all = [0xff; 8];
    for (int, expected) in [
        (Int::I8, "-1"),
        (Int::U8, "255"),
        (Int::I16, "-1"),
        (Int::U16, "65535"),
        (Int::I32, "-1"),
        (Int::U32, "4294967295"),
        (Int::I64, "-1"),
        (Int::U64, "18446744073709551615"),
    ] {
        let bytes = &all[..int.bytes.into()];
        assert_eq!(text(&Ty::Int(int), bytes), expected);
    }
    assert_eq!(json(&Ty::U64, &all), "\"18446744073709551615\"");
    // The record ended early: zero.
    assert_eq!(text(&Ty::U32, &[5]), "5");
    assert_eq!(text(&Ty::U64, &[]), "0");
}

#[test]
fn strings_end_at_the_nul_or_say_that_they_were_cut() {
    assert_eq!(text(&Ty::Str(8), b"abc\0xyz\0"), "abc");
    assert_eq!(text(&Ty::Str(4), b"abcd"), "abcd..");
    assert_eq!(text(&Ty::Str(64), b"abcd"), "abcd");
    assert_eq!(text(&Ty::Str(4), b"\0\0\0\0"), "");
    assert_eq!(json(&Ty::Str(8), b"a\"\n\0\0\0\0\0"), "\"a\\\"\\n\"");
    let mut out = Vec::new();
    Value::new(&Ty::Str(4), b"\xff\xfe\0\0").write_text(&mut out, &Fake);
    assert_eq!(out, b"\xff\xfe");
}

#[test]
fn buffers() {
    let mut bytes = 3u32.to_ne_bytes().to_vec();
    bytes.extend(b"h\x01\xffrest");
    assert_eq!(text(&Ty::Buf(16), &bytes), "h\\x01\\xff");
    assert_eq!(json(&Ty::Buf(16), &bytes), "[104,1,255]");
    // A length that lies is clipped.
    let lying = [0xff, 0xff, 0xff, 0xff, b'a'];
    assert_eq!(text(&Ty::Buf(16), &lying), "a");
}

#[test]
fn compound_values() {
    let pair = Ty::Tuple(Rc::new(Tuple::of([Ty::U32, Ty::Str(4)])));
    let tuple = Ty::Tuple(Rc::new(Tuple::of([Ty::U64, pair])));
    let mut bytes = words(&[1]);
    bytes.extend(2u32.to_ne_bytes());
    bytes.extend(padded("hi", 4));
    assert_eq!(text(&tuple, &bytes), "(1, (2, hi))");
    assert_eq!(json(&tuple, &bytes), "[1,[2,\"hi\"]]");
    assert_eq!(key(&tuple, &bytes), ("1, (2, hi)".into(), "\"1,(2,hi)\"".into()));

    let named = |name: &str, ty| (Some(name.to_owned()), ty);
    let record = Ty::Tuple(Rc::new(Tuple::new([named("a", Ty::U64), named("b", Ty::Bool)])));
    let bytes = words(&[5, 1]);
    assert_eq!(text(&record, &bytes), "{ .a = 5, .b = true }");
    assert_eq!(json(&record, &bytes), "{\"a\": 5, \"b\": true}");

    let array = Ty::Array(Rc::new(Ty::I32), 3);
    assert_eq!(text(&array, &[1, 0, 0, 0, 255, 255, 255, 255]), "[1,-1,0]");
    assert_eq!(text(&Ty::Str(3), b" a"), " a");
    assert_eq!(key(&Ty::Str(8), &padded("a b", 8)).1, "\"a b\"");
}

#[test]
fn structs_and_their_bitfields() {
    let bits = |shift, width| Some(Bits { shift, width });
    let field = |name: &str, ty, offset, bits| Field { name: name.into(), ty, offset, bits };
    let def = |fields, btf_id| {
        Ty::Struct(Rc::new(Struct { name: "struct s".into(), size: 8, align: 4, fields, btf_id }))
    };
    let fields = vec![
        field("low", Ty::U32, 0, bits(0, 3)),
        field("signed", Ty::I32, 0, bits(3, 2)),
        field("next", Ty::U32, 4, None),
    ];
    let bytes = [0b0001_1101, 0, 0, 0, 9, 0, 0, 0];
    assert_eq!(text(&def(fields.clone(), None), &bytes), "{ .low = 5, .signed = -1, .next = 9 }");
    assert_eq!(json(&def(fields, None), &bytes), "{\"low\": 5, \"signed\": -1, \"next\": 9}");
    assert_eq!(text(&def(Vec::new(), Some(9)), &bytes), "{ .pid = 9 }");
    assert_eq!(text(&def(Vec::new(), None), &bytes), "{}");
}

#[test]
fn enums_by_name_and_by_number() {
    let variants = vec![("ONE".into(), 1), ("MINUS".into(), u64::MAX)];
    let ty = Ty::Enum(Rc::new(EnumDef { name: "e".into(), int: Int::I32, variants }));
    assert_eq!(text(&ty, &1u32.to_ne_bytes()), "ONE");
    assert_eq!(text(&ty, &(-1i32).to_ne_bytes()), "MINUS");
    assert_eq!(text(&ty, &7u32.to_ne_bytes()), "7");
    assert_eq!(json(&ty, &1u32.to_ne_bytes()), "1");
}

#[test]
fn numbers_with_a_meaning() {
    assert_eq!(text(&Ty::Ptr(Rc::new(Ty::Void), Space::Kernel), &words(&[0xabc])), "0xabc");
    assert_eq!(json(&Ty::Ptr(Rc::new(Ty::Void), Space::Kernel), &words(&[0x32])), "50");
    assert_eq!(text(&Ty::KSym, &words(&[0xf010])), "do_thing");
    assert_eq!(text(&Ty::KSym, &words(&[0x10])), "0x10");
    assert_eq!(text(&Ty::USym, &words(&[0x4010, 7])), "main");
    assert_eq!(text(&Ty::USym, &words(&[0x4010, 8])), "0x4010");
    assert_eq!(text(&Ty::Username, &words(&[0])), "root");
    assert_eq!(text(&Ty::Username, &words(&[12])), "12");
    assert_eq!(text(&Ty::CgroupPath, &words(&[1])), "unified:/");
    assert_eq!(text(&Ty::Named(Naming::Signal), &words(&[2])), "Interrupt");
    let time = Ty::Timestamp { format: "%H:%M:%S.%f".into(), clock: Clock::Boot };
    assert_eq!(text(&time, &words(&[61_000_007_000])), "00:01:01.000007");
    assert_eq!(text(&Ty::Agg(Agg::Count), &words(&[3])), "3");
}

#[test]
fn network_addresses() {
    let mut v4 = 2u32.to_ne_bytes().to_vec();
    v4.extend([127, 0, 0, 1]);
    assert_eq!(text(&Ty::Inet, &v4), "127.0.0.1");
    let mut v6 = 10u32.to_ne_bytes().to_vec();
    v6.extend([0; 15]);
    v6.push(1);
    assert_eq!(text(&Ty::Inet, &v6), "::1");
    assert_eq!(text(&Ty::Inet, &[0; 20]), "");
    assert_eq!(text(&Ty::Mac, &[0x18, 0xc0, 0x4d, 8, 0x2e, 0xbb]), "18:C0:4D:08:2E:BB");
}

#[test]
fn stacks_in_each_style() {
    let stack = |user, style| Ty::Stack(Stack { user, style, depth: 4 });
    let bytes = [1u32.to_ne_bytes(), 7u32.to_ne_bytes()].concat();
    assert_eq!(text(&stack(false, StackStyle::Bpftrace), &bytes), "\n        do_thing+5\n        0x10\n");
    assert_eq!(text(&stack(false, StackStyle::Perf), &bytes), "\n\tf005 do_thing+5\n\t10 0x10\n");
    assert_eq!(text(&stack(false, StackStyle::Raw), &bytes), "\nf005\n10\n");
    let user = text(&stack(true, StackStyle::Perf), &bytes);
    assert_eq!(user, "\n\tf005 main+45061 (/bin/prog)\n\t10 0x10 ([unknown])\n");
    let failed = [(-14i32).to_ne_bytes(), [0; 4]].concat();
    assert_eq!(text(&stack(false, StackStyle::Bpftrace), &failed), "\n");
}

/// Whatever the bytes are, and however few, nothing panics and JSON stays JSON.
#[test]
fn any_bytes_of_any_type() {
    let tuple = Ty::Tuple(Rc::new(Tuple::of([Ty::Bool, Ty::Str(5), Ty::Buf(7), Ty::U64])));
    let types = [
        Ty::Void,
        Ty::Bool,
        Ty::Str(9),
        Ty::Buf(9),
        Ty::Array(Rc::new(tuple.clone()), 3),
        tuple,
        Ty::KSym,
        Ty::USym,
        Ty::Inet,
        Ty::Mac,
        Ty::Stack(Stack { user: true, style: StackStyle::Bpftrace, depth: 9 }),
        Ty::Timestamp { format: "%c %f".into(), clock: Clock::Wall },
        Ty::Named(Naming::Errno),
    ];
    let mut noise = Noise(88172645463325252);
    for _ in 0..2000 {
        for ty in &types {
            let length = noise.below(u64::from(ty.size()) + 3) as usize;
            let bytes = noise.bytes(length);
            let mut out = Vec::new();
            Value::new(ty, &bytes).write_text(&mut out, &Fake);
            out.clear();
            Value::new(ty, &bytes).write_json(&mut out, &Fake, Numbers::Exact);
            let parsed: Result<serde_json::Value, _> = serde_json::from_slice(&out);
            assert!(parsed.is_ok(), "{ty:?} {bytes:?} {}", String::from_utf8_lossy(&out));
        }
    }
}
