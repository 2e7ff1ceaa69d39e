//! Macros: hygiene, parameters, cycles, arity.

use crate::diag::{Diagnostics, SourceMap};
use crate::syntax::ast::{Expr, ExprKind, Macro, NodeId, Script, StmtKind};
use crate::syntax::{dump, expand, parse};

const LIBRARY: &str = "macro comm() { __builtin_comm } macro comm($pid) { by_pid($pid) } macro comm(p) { let $p = p; comm($p) } \
                       macro len(s) { assert_text(s); fail(s); 2 } macro assert_text(s) { s }";

fn run(text: &str) -> (Script, String) {
    let mut sources = SourceMap::new();
    let mut diags = Diagnostics::default();
    let library = parse(&mut sources, "library", LIBRARY, &[], &mut diags).expect("fits");
    let script = parse(&mut sources, "stdin", text, &[], &mut diags).expect("fits");
    assert!(!diags.has_errors(), "{text}: {}", diags.render(&sources, false));
    let library: Vec<Macro> = library.macros;
    let builtin = |name: &str| matches!(name, "print" | "cpu" | "fail" | "pid");
    let script = expand(script, &library, &builtin, &mut sources, &mut diags);
    (script, diags.render(&sources, false))
}

/// The body of the first probe, expanded.
fn body(text: &str) -> String {
    let (script, errors) = run(text);
    assert_eq!(errors, "", "{text}");
    dump::block(&script.probes[0].body)
}

fn headers(text: &str) -> Vec<String> {
    let (_, errors) = run(text);
    errors.lines().filter(|l| l.starts_with("stdin:")).map(|l| l["stdin:".len()..].to_owned()).collect()
}

#[test]
fn substitution() {
    let cases = [
        ("macro one() { 1 } begin { print(one()); print(one); }", "{print(1); print(1)}"),
        ("macro add(x, y) { x + y } begin { print(add(1, 2 * 3)); }", "{print((+ 1 (* 2 3)))}"),
        ("macro inc($x) { $x += 1; } begin { inc($a); }", "{{$a += 1}}"),
        ("macro inc($x) { $x += 1; $x } begin { $b = inc($a); }", "{$b = {$a += 1; => $a}}"),
        ("macro set(@m, k) { @m[k] = 1 } begin { set(@a, pid); set(@, 2); }", "{{@a[pid] = 1}; {@[2] = 1}}"),
        ("macro at(m) { m[1] } begin { print(at(@a)); print(at($a)); }", "{print(@a[1]); print(([] $a 1))}"),
        (
            "macro sum(@m) { for ($kv : @m) { print($kv.1) } } begin { sum(@a); }",
            "{{for $kv#1 @a {print((. $kv#1 1))}}}",
        ),
        ("macro each(m) { for ($kv : m) { } } begin { each(@a); }", "{{for $kv#1 @a {}}}"),
        (
            "macro a(x) { x + 1 } macro b(x) { a(x) + a(x) } begin { print(b(a(2))); }",
            "{print((+ (+ (+ 2 1) 1) (+ (+ 2 1) 1)))}",
        ),
        (
            "macro own(x) { let $y = x; $y + $y } begin { $y = 1; print(own($y)); }",
            "{$y = 1; print({let $y#1 = $y; => (+ $y#1 $y#1)})}",
        ),
        (
            "macro second(a, b) { print((a, b)); } macro first(@b, $x) { second(@b, $x); } begin { first(@d, $y); }",
            "{{{print((tuple @d $y))}}}",
        ),
        ("macro twice(x) { x; x; } begin { twice({ print(1) }); }", "{{{=> print(1)}; {=> print(1)}}}"),
        (
            "macro f(x) { if (x) { 1 } else { 2 } } begin { print(f(pid)); }",
            "{print(if pid {=> 1} else {=> 2})}",
        ),
        ("macro one() { 2 } macro id(one) { one } begin { print(id(1)); }", "{print(1)}"),
    ];
    for (text, want) in cases {
        assert_eq!(body(text), want, "{text}");
    }
}

#[test]
fn types() {
    let cases = [
        ("macro m(t) { sizeof(t) } begin { m(typeof(struct a)); }", "{(sizeof <struct a>)}"),
        ("macro m(t) { sizeof(t) } begin { m($x); m(uint8); }", "{(sizeof $x); (sizeof <uint8>)}"),
        ("macro m(t) { sizeof(t*[2]) } begin { m(typeof(uint64)); }", "{(sizeof <uint64*[2]>)}"),
        ("macro m(t) { sizeof(t[8]) } begin { m(typeof(string)); }", "{(sizeof <string<8>>)}"),
        (
            "macro m(t) { sizeof(struct t) } begin { m(typeof(task)); m(task); }",
            "{(sizeof <struct task>); (sizeof <struct task>)}",
        ),
        ("macro m(t) { (t*)0 } begin { m(typeof(uint8)); }", "{(cast uint8* 0)}"),
        (
            "macro m(t) { (typeof(t))0 } begin { m(typeof(int8*)); m($y); }",
            "{(cast int8* 0); (cast typeof($y) 0)}",
        ),
        ("macro m(t) { let $x: t = 0; } begin { m(typeof(uint32)); }", "{{let $x#1: uint32 = 0}}"),
        (
            "macro in(t) { sizeof(t) } macro out(z) { in(typeof(z)) } begin { out(typeof(int8*)); }",
            "{(sizeof <int8*>)}",
        ),
        (
            "macro in(t) { sizeof(t) } macro out(z) { in(z) } begin { out(typeof(int8*)); }",
            "{(sizeof <int8*>)}",
        ),
        (
            "macro m(t, f) { offsetof(t, f) } begin { m(typeof(struct a), x); m(typeof(struct a), b.c); }",
            "{(offsetof <struct a> x); (offsetof <struct a> b.c)}",
        ),
        (
            "macro int8() { 1 } begin { $x = sizeof(int8); $y = sizeof(int8()); }",
            "{$x = (sizeof <int8>); $y = (sizeof 1)}",
        ),
    ];
    for (text, want) in cases {
        assert_eq!(body(text), want, "{text}");
    }
}

#[test]
fn overloads_and_library() {
    let cases = [
        (
            "macro f($v) { 1 } macro f(@m) { 2 } macro f(e) { 3 } begin { f($a); f(@a); f(1); f(@a[1]); }",
            "{1; 2; 3; 3}",
        ),
        ("macro f() { 0 } macro f(x) { 1 } macro f(x, y) { 2 } begin { f; f(1); f(1, 2); }", "{0; 1; 2}"),
        ("macro f($x, y) { 1 } macro f(x, $y) { 2 } begin { f($a, 1); f(1, $a); }", "{1; 2}"),
        // The library's, unless the script has the same one.
        ("begin { comm; comm(pid); }", "{__builtin_comm; {let $p#2 = pid; => by_pid($p#2)}}"),
        (
            "macro comm() { \"me\" } begin { print(comm()); print(comm($x)); }",
            "{print(\"me\"); print(by_pid($x))}",
        ),
        // What the library calls is never the script's.
        (
            "macro assert_text(s) { boom(s) } macro fail(x) { x } begin { len(\"hi\"); }",
            "{{\"hi\"; fail(\"hi\"); => 2}}",
        ),
        // A builtin stays what it is for other arguments than the macro's.
        (
            "macro cpu(x) { x } begin { print(cpu(1)); print(cpu()); print(cpu); }",
            "{print(1); print(cpu()); print(cpu)}",
        ),
        ("begin { unknown(1); name }", "{unknown(1); name}"),
    ];
    for (text, want) in cases {
        assert_eq!(body(text), want, "{text}");
    }
}

#[test]
fn c_defines() {
    let defs =
        "#define N 2\n#define M (N + 1)\n#define S \"s\"\n#define F(x) x\n#define R R + 1\n#define B {\n";
    assert_eq!(
        body(&format!("{defs}begin {{ print(M * N); print(S); }}")),
        "{print((* (+ 2 1) 2)); print(\"s\")}"
    );
    assert_eq!(body(&format!("{defs}macro m(N) {{ N }} begin {{ m(7); }}")), "{7}");
    assert_eq!(
        headers(&format!("{defs}begin {{ R; }}")),
        [
            "5:11-16: ERROR: Macro recursion: R",
            "5:11-12: ERROR: expanded from",
            "7:9-10: ERROR: expanded from"
        ]
    );
    assert_eq!(
        headers(&format!("{defs}begin {{ B; }}")),
        ["7:9-10: ERROR: unable to expand macro as an expression: {"]
    );
    assert_eq!(
        headers(&format!("{defs}begin {{ F; }}")),
        ["7:9-10: ERROR: C macro 'F' takes arguments, which is not supported"]
    );
}

#[test]
fn error_texts() {
    let cases: &[(&str, &[&str])] = &[
        (
            "macro set($x) { $x } begin { set($a, 1); }",
            &[
                "1:30-40: ERROR: Call to set() has arguments that do not match any definition.",
                "1:7-14: ERROR: The closest definition of set() has a different number of arguments. Expected: 1 but got 2",
            ],
        ),
        (
            "macro a(x) { x } macro a(x, y) { y } begin { a(1, 1, 1); }",
            &[
                "1:46-56: ERROR: Call to a() has arguments that do not match any definition.",
                "1:24-31: ERROR: The closest definition of a() has a different number of arguments. Expected: 2 but got 3",
            ],
        ),
        (
            "macro add($x, y) { $x + 1 } begin { add(1, 1); }",
            &[
                "1:37-46: ERROR: Call to add() has arguments that do not match any definition.",
                "1:41-42: ERROR: Mismatched arg. add() expects a variable for arg $x but got an expression.",
                "1:11-13: ERROR: This is the argument in the closest definition.",
            ],
        ),
        (
            "macro s(@x) { @x } begin { s($a); }",
            &[
                "1:28-33: ERROR: Call to s() has arguments that do not match any definition.",
                "1:30-32: ERROR: Mismatched arg. s() expects a map for arg @x but got a variable.",
                "1:9-11: ERROR: This is the argument in the closest definition.",
            ],
        ),
        (
            "macro s($x) { 1 } macro s($y) { 2 } begin { }",
            &["1:25-30: ERROR: Redefinition of macro: s", "1:7-12: ERROR: first defined here"],
        ),
        (
            "macro a(x) { x + c(x) } macro b(x) { x + a(x) } macro c(x) { b(x) } begin { c(1); }",
            &[
                "1:18-22: ERROR: Recursive macro call detected. Call chain: c > b > a > c",
                "1:42-46: ERROR: expanded from",
                "1:62-66: ERROR: expanded from",
                "1:77-81: ERROR: expanded from",
            ],
        ),
        (
            "macro set() { @x[1] = 1; 1 } begin { set(); }",
            &[
                "1:15-20: ERROR: Unhygienic access to map: @x. Maps must be passed into the macro as arguments",
                "1:38-43: ERROR: expanded from",
            ],
        ),
        (
            "macro m($x) { let $x; $x } begin { m($y); }",
            &["1:19-21: ERROR: Variable declaration shadows macro arg $x", "1:36-41: ERROR: expanded from"],
        ),
        (
            "macro m(x) { x + 1 } begin { print(m(typeof(int8*))); }",
            &[
                "1:38-51: ERROR: When used as a call argument, `typeof` builtin only valid for macro calls that are \
             expecting a type parameter",
            ],
        ),
        (
            "begin { print(typeof(int8*)); }",
            &[
                "1:15-28: ERROR: When used as a call argument, `typeof` builtin only valid for macro calls that are \
             expecting a type parameter",
            ],
        ),
        (
            "macro m(t) { sizeof(struct t) } begin { m($x); }",
            &[
                "1:21-29: ERROR: Invalid replacement for macro 'm' type parameter 't' which makes up the type 'struct t'",
                "1:41-46: ERROR: expanded from",
            ],
        ),
        (
            "macro m(t, f) { offsetof(t, f) } begin { m(typeof(struct a), g().b); }",
            &[
                "1:62-67: ERROR: FieldAccess expressions must be made up entirely of idents (e.g. a.b.c) to replace the \
             second argument in `offsetof`",
            ],
        ),
        (
            "macro m(x) { x += 1 } begin { m(1 + 1); }",
            &["1:33-38: ERROR: only a variable or a map can be assigned to"],
        ),
    ];
    for (text, want) in cases {
        assert_eq!(headers(text), *want, "{text}");
    }
}

#[test]
fn expansion_is_bounded() {
    let doubling = |body: &str| {
        let macros: Vec<String> = (0..60)
            .map(|i| format!("macro a{i}(x) {{ {} }}", body.replace("NEXT", &format!("a{}", i + 1))))
            .collect();
        format!("{} macro a60(x) {{ x }} begin {{ a0(1); }}", macros.join(" "))
    };
    assert!(run(&doubling("NEXT(x) + NEXT(x)")).1.contains("macros expand to more than"));
    assert!(run(&doubling("NEXT({ x; x })")).1.contains("macros expand to more than"));
    let chain: Vec<String> = (0..1000).map(|i| format!("macro a{i}(x) {{ x; a{}(x); }}", i + 1)).collect();
    let deep = run(&format!("{} begin {{ a0(1); }}", chain.join(" "))).1;
    assert!(deep.contains("too complex once macros are expanded"), "{deep}");
}

/// Later phases keep tables by node number.
#[test]
fn node_numbers_are_unique() {
    fn visit(expr: &Expr, seen: &mut Vec<NodeId>) {
        seen.push(expr.id);
        match &expr.kind {
            ExprKind::Binary { left, right, .. } => {
                visit(left, seen);
                visit(right, seen);
            }
            ExprKind::Call(call) => call.args.iter().for_each(|arg| visit(arg, seen)),
            ExprKind::Tuple(items) => items.iter().for_each(|item| visit(item, seen)),
            _ => {}
        }
    }
    let (script, _) = run("macro m(x) { (x + x, x) } begin { print(m(m(1 + 2))); }");
    let mut seen = Vec::new();
    for stmt in &script.probes[0].body.stmts {
        if let StmtKind::Expr(expr) = &stmt.kind {
            visit(expr, &mut seen);
        }
    }
    assert!(seen.len() > 20);
    assert!(seen.iter().all(|id| id.0 < script.node_count));
    let all = seen.len();
    edgekit_core::sort::natural(&mut seen);
    seen.dedup();
    assert_eq!(seen.len(), all);
}
