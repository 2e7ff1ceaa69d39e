//! C definitions: sizes and offsets as the compiler of the kernel lays them out.

use super::*;
use crate::diag::{Diagnostics, SourceMap};
use crate::syntax::{dump, parse};

fn script(text: &str) -> Script {
    let mut sources = SourceMap::new();
    let mut diags = Diagnostics::default();
    let script = parse(&mut sources, "stdin", text, &[], &mut diags).expect("fits");
    assert_eq!(diags.render(&sources, false), "", "{text}");
    script
}

/// `size/align name@offset:shift+width …` of the last struct or union.
fn layout(text: &str) -> String {
    let script = script(text);
    let types = CTypes::new(&script.cdefs);
    let last = script.cdefs.iter().rev().find_map(|d| match d {
        CDef::Aggregate(def) => Some(def),
        _ => None,
    });
    match types.layout(last.expect("a struct"), &NoKernelTypes) {
        Err(error) => error.to_string(),
        Ok(layout) => {
            let mut out = format!("{}/{}", layout.size, layout.align);
            for field in &layout.fields {
                out.push_str(&format!(" {}@{}", field.name, field.offset));
                if let Some(bits) = field.bits {
                    out.push_str(&format!(":{}+{}/{}", bits.shift, bits.width, bits.bytes));
                }
            }
            out
        }
    }
}

#[test]
fn definitions_parse() {
    let cases = [
        ("struct Foo { int x, y; char *str; }", "struct Foo {x:int y:int str:char*}"),
        ("struct Foo { int n };", "struct Foo {n:int}"),
        (
            "struct A { struct { int x; } b; };",
            "struct A::(anonymous 1) {x:int}\nstruct A {b:struct A::(anonymous 1)}",
        ),
        ("struct A { struct B { int x; } *b[2][3]; };", "struct B {x:int}\nstruct A {b:struct B*[3][2]}"),
        (
            "struct __attribute__((packed)) A { long long unsigned x; }",
            "struct A packed {x:unsigned long long}",
        ),
        ("struct A { } __attribute__ ((__packed__, aligned(1)))", "struct A packed {}"),
        ("union U { u8 a : 3, : 5; unsigned b:1; };", "union U {a:u8:3 _:u8:5 b:unsigned int:1}"),
        ("struct A { const char (*f)(int (*)(void), char); int (*p)[4]; };", "struct A {f:void* p:void*}"),
        ("enum { ONE = 1, TWO, TEN = TWO * 5, };", "enum _ {ONE=1 TWO=2 TEN=10}"),
        ("enum E { A = -1, B }; struct S { int x[B + 2]; }", "enum E {A=-1 B=0}\nstruct S {x:int[2]}"),
        ("#define N (1 << 2)\nstruct S { char c[N + sizeof(long)]; }", "#define N\nstruct S {c:char[12]}"),
        (
            "typedef struct { int x; } p_t, *pp_t;",
            "struct (anonymous 1) {x:int}\ntypedef p_t struct (anonymous 1)\n\
          typedef pp_t struct (anonymous 1)*",
        ),
        ("struct A;", ""),
        ("struct A { enum { X = 7 }; int y; };", "enum A::(anonymous 1) {X=7}\nstruct A {y:int}"),
        ("struct A { int x; /* } */ int y; // }\n}", "struct A {x:int y:int}"),
    ];
    for (text, want) in cases {
        assert_eq!(dump::script(&script(text)), want, "{text}");
    }
}

#[test]
fn layouts() {
    // Expected values are what a C compiler gives on x86_64 and aarch64.
    let cases = [
        ("struct S { char a; int b; char c; long d; short e; };", "32/8 a@0 b@4 c@8 d@16 e@24"),
        ("struct S { int x; char y; int z; } __attribute__((packed));", "9/1 x@0 y@4 z@5"),
        ("struct S { int x; char y; } __attribute__((packed, aligned(4)));", "8/4 x@0 y@4"),
        ("union U { char a[5]; int b; };", "8/4 a@0 b@0"),
        ("struct S { char c; union { int i; long l; }; struct { char x, y; } p; };", "24/8 c@0 i@8 l@8 p@16"),
        (
            "struct S { unsigned a:4, b:8, c:3, d:1, e:16; };",
            "4/4 a@0:0+4/4 b@0:4+8/4 c@0:12+3/4 d@0:15+1/4 e@0:16+16/4",
        ),
        (
            "struct S { short a:4, b:8, c:3, d:1; int e:9, f:15, g:1, h:2, i:5 };",
            "8/4 a@0:0+4/2 b@0:4+8/2 c@0:12+3/2 d@0:15+1/2 e@0:16+9/4 f@4:0+15/4 g@4:15+1/4 h@4:16+2/4 i@4:18+5/4",
        ),
        ("struct S { int a:3; int :0; int b:2; char c; };", "8/4 a@0:0+3/4 b@4:0+2/4 c@5"),
        ("struct S { char a; int b:20; int c:20; };", "8/4 a@0 b@0:8+20/4 c@4:0+20/4"),
        ("struct S { char a:3; int b:30; } __attribute__((packed));", "5/1 a@0:0+3/1 b@0:3+30/8"),
        ("struct S { unsigned long long a:1; unsigned long long b:63; };", "8/8 a@0:0+1/8 b@0:1+63/8"),
        (
            "typedef unsigned short t; struct S { t x[3]; void *p; int (*f)(void); char tail[]; };",
            "24/8 x@0 p@8 f@16 tail@24",
        ),
        (
            "enum E { A, B = 1 << 31 }; enum W { X = 1 << 40 }; struct S { enum E a; enum W b; bool c; };",
            "24/8 a@0 b@8 c@16",
        ),
        ("struct In { char a; long b; }; struct S { char c; struct In in[2]; };", "40/8 c@0 in@8"),
        ("struct S { int a; struct S s; };", "'S' contains itself"),
        ("struct S { struct elsewhere e; };", "unknown type 'struct elsewhere'"),
        ("struct S { void v; };", "'void' has no size"),
        (
            "struct A { long x[4294967295]; }; struct B { struct A a[4294967295]; };",
            "'struct A[]' is too big",
        ),
        ("struct S { };", "0/1"),
        ("typedef b a; typedef a b; struct S { a x; };", "'b' contains itself"),
    ];
    for (text, want) in cases {
        assert_eq!(layout(text), want, "{text}");
    }
}

/// Sixty structs, each holding the one before it twice: quick only if each is
/// laid out once.
#[test]
fn repeated_members_take_no_exponential_time() {
    let mut text = String::from("struct s0 { char c; };");
    for i in 1..60 {
        text.push_str(&format!("struct s{i} {{ struct s{0} a; struct s{0} b; }};", i - 1));
    }
    assert!(layout(&text).starts_with(&format!("{}/1", 1u64 << 59)));
}

#[test]
fn kernel_types_are_asked() {
    struct Kernel;
    impl KernelTypes for Kernel {
        fn size_align(&self, kind: KernelKind, name: &str) -> Option<(u64, u64)> {
            ((kind, name) == (KernelKind::Struct, "list_head")).then_some((16, 8))
        }
    }
    let script = script("struct S { char a; struct list_head l; int b; };");
    let types = CTypes::new(&script.cdefs);
    let layout = types.layout(types.aggregate(false, "S").expect("S"), &Kernel).expect("known");
    assert_eq!((layout.size, layout.fields[1].offset, layout.fields[2].offset), (32, 8, 24));
}

#[test]
fn errors() {
    let cases = [
        ("struct S { int a:40; };", "width of a bit-field must be 1 to 32, found 40"),
        ("struct S { int a[-1]; };", "length of an array out of range: -1"),
        ("struct S { int a[n]; };", "the length of an array must be a constant expression"),
        ("struct S { struct T; };", "expected a field name, found ';'"),
        ("struct S { int; };", "expected a field name, found ';'"),
        ("struct S { int a };\nstruct { int b; ", "expected '}' to close this definition"),
        ("struct S {} __attribute__ begin {}", "__attribute__ syntax error, expected '(('"),
        (
            "struct S {} __attribute__ ((packed) begin {}",
            "__attribute__ syntax error, mismatched '(' and ')'",
        ),
        ("struct S {} __attribute__ ((aligned(3)))", "alignment must be a power of two, found 3"),
    ];
    for (text, want) in cases {
        let mut sources = SourceMap::new();
        let mut diags = Diagnostics::default();
        parse(&mut sources, "stdin", text, &[], &mut diags).expect("fits");
        let got = diags.render(&sources, false);
        assert!(got.contains(want), "{text}: {got}");
    }
}

#[test]
fn integer_names() {
    assert_eq!(canonical_int(&["long", "unsigned", "int"]), "unsigned long");
    assert_eq!(canonical_int(&["signed"]), "int");
    for words in
        [&["unsigned"][..], &["long", "long"], &["signed", "char"], &["short", "int"], &["unsigned", "char"]]
    {
        assert!(builtin_int(&canonical_int(words)).is_some(), "{words:?}");
    }
}
