//! Shapes of trees, texts of errors, and input nobody would write.

use crate::diag::{Diagnostics, SourceMap};
use crate::syntax::{MAX_SCRIPT_BYTES, ast::Script, dump, parse, parse_bytes};

fn read(text: &str, params: &[&str]) -> (Script, String) {
    let params: Vec<String> = params.iter().map(|p| (*p).to_owned()).collect();
    let mut sources = SourceMap::new();
    let mut diags = Diagnostics::default();
    let script = parse(&mut sources, "stdin", text, &params, &mut diags).expect("fits");
    (script, diags.render(&sources, false))
}

/// The dump of a program without errors.
fn tree(text: &str) -> String {
    let (script, errors) = read(text, &[]);
    assert_eq!(errors, "", "{text}");
    dump::script(&script)
}

/// The dump of one expression.
fn expr(text: &str) -> String {
    let tree = tree(&format!("begin {{ $r = {text}; }}"));
    tree.strip_prefix("begin {$r = ").and_then(|t| t.strip_suffix('}')).unwrap_or(&tree).to_owned()
}

/// The header lines of a program's errors.
fn errors(text: &str) -> Vec<String> {
    let (_, errors) = read(text, &[]);
    errors.lines().filter(|l| l.starts_with("stdin:")).map(|l| l["stdin:".len()..].to_owned()).collect()
}

#[test]
fn precedence() {
    let cases = [
        ("2 + 3 * 4", "(+ 2 (* 3 4))"),
        ("10 - 5 - 2", "(- (- 10 5) 2)"),
        ("1 + 2 << 3", "(<< (+ 1 2) 3)"),
        ("8 > 2 << 1", "(> 8 (<< 2 1))"),
        ("5 > 3 == 1", "(== (> 5 3) 1)"),
        ("5 == 5 & 1", "(& (== 5 5) 1)"),
        ("1 & 3 ^ 2 | 4", "(| (^ (& 1 3) 2) 4)"),
        ("0 && 1 || 2 && 3", "(|| (&& 0 1) (&& 2 3))"),
        ("1 || 0 ? 5 : 10", "(? (|| 1 0) 5 10)"),
        ("1 ? 2 ? 3 : 4 : 5", "(? 1 (? 2 3 4) 5)"),
        ("$x ?: 10", "(? $x _ 10)"),
        ("!$x && -1 < ~2", "(&& (! $x) (< (- 1) (~ 2)))"),
        ("*@x**@y", "(* (* @x) (* @y))"),
        ("*@x.f + 1", "(+ (* (. @x f)) 1)"),
        ("$x++ + --@y[1]", "(+ ($x++) (--@y[1]))"),
        ("&$x", "(& $x)"),
    ];
    for (text, want) in cases {
        assert_eq!(expr(text), want, "{text}");
    }
}

#[test]
fn postfix_and_primaries() {
    let cases = [
        ("$a.0.1", "(. (. $a 0) 1)"),
        ("args.filename", "(. args filename)"),
        ("$p->if", "(. $p if)"),
        ("x[1][$i]", "([] ([] x 1) $i)"),
        ("@[pid, comm][1]", "([] @[pid comm] 1)"),
        ("f()", "f()"),
        ("greet!()", "greet()"),
        ("f(1, \"a\\n\")", "f(1 \"a\\n\")"),
        ("()", "(tuple )"),
        ("(1)", "1"),
        ("(1,)", "(tuple 1)"),
        ("(1, (2, 3),)", "(tuple 1 (tuple 2 3))"),
        ("(a=1, b=(c=\"x\"))", "(record a=1 b=(record c=\"x\"))"),
        ("$1 + $#", "(+ $1 $#)"),
        ("{ let $b = 1; $b }", "{let $b = 1; => $b}"),
        ("if $x { 1 } else if $y { 2 } else { 3 }", "if $x {=> 1} else if $y {=> 2} else {=> 3}"),
        ("comptime $x ? 1 : 2", "(? (comptime $x) 1 2)"),
        ("comptime", "comptime"),
        ("5ms", "5000000"),
        ("0xffffffffffffffff", "18446744073709551615"),
    ];
    for (text, want) in cases {
        assert_eq!(expr(text), want, "{text}");
    }
}

#[test]
fn casts_and_types() {
    let cases = [
        ("(int32)arg0", "(cast int32 arg0)"),
        ("(int32)-1", "(cast int32 (- 1))"),
        ("(struct a*)arg0->b", "(cast struct a* (. arg0 b))"),
        ("(struct a)arg0 + 1", "(+ (cast struct a arg0) 1)"),
        ("(int32*[4]*)arg0", "(cast int32*[4]* arg0)"),
        ("(int8[])\"s\"", "(cast int8[] \"s\")"),
        ("(string[64])arg0", "(cast string<64> arg0)"),
        ("(unsigned long long)$x", "(cast unsigned long long $x)"),
        ("(long unsigned int*)$x", "(cast unsigned long* $x)"),
        ("(typeof($y))$x", "(cast typeof($y) $x)"),
        ("(typeof(struct a*))$x", "(cast struct a* $x)"),
        ("(uint64)(uint8)1", "(cast uint64 (cast uint8 1))"),
        ("(arg1)*arg0", "(* arg1 arg0)"),
        ("(pid)*tid", "(* pid tid)"),
        ("(mytype)*arg0", "(cast mytype (* arg0))"),
        ("(myident)", "myident"),
        ("(myident) + 1", "(+ myident 1)"),
        ("(a*b)", "(* a b)"),
        ("(a[0])", "([] a 0)"),
        ("sizeof(int32)", "(sizeof <int32>)"),
        ("sizeof(mytype)", "(sizeof <mytype>)"),
        ("sizeof(mymacro())", "(sizeof mymacro())"),
        ("sizeof(arg0)", "(sizeof arg0)"),
        ("sizeof(uint32*[10])", "(sizeof <uint32*[10]>)"),
        ("sizeof(exp[0])", "(sizeof <exp[0]>)"),
        ("sizeof((exp)[0])", "(sizeof ([] exp 0))"),
        ("sizeof((exp[0]))", "(sizeof ([] exp 0))"),
        ("sizeof(*$x)", "(sizeof (* $x))"),
        ("offsetof(struct a, b.c)", "(offsetof <struct a> b.c)"),
        ("offsetof(*$x, while)", "(offsetof (* $x) while)"),
        ("typeinfo($x).base_type", "(. (typeinfo $x) base_type)"),
        ("f(1, typeof(uint64*))", "f(1 (typeof <uint64*>))"),
    ];
    for (text, want) in cases {
        assert_eq!(expr(text), want, "{text}");
    }
}

#[test]
fn statements() {
    let cases = [
        ("@x = 1; $y <<= 2; @[a] |= 3", "{@x = 1; $y <<= 2; @[a] |= 3}"),
        ("let $x; let $y: struct a * = 0; let $z = 1", "{let $x; let $y: struct a* = 0; let $z = 1}"),
        (
            "if ($a == 1) { $b = 2 } else if pid { 3 } else { }",
            "{if (== $a 1) {$b = 2} else if pid {3} else {}}",
        ),
        ("if !pid { f(); } 1", "{if (! pid) {f()}; 1}"),
        ("if comptime (x != 1) { } ", "{if (comptime (!= x 1)) {}}"),
        ("while($a < 10) { $a++ }", "{while (< $a 10) {($a++)}}"),
        ("unroll (3) { 1; } unroll 2 { }", "{unroll 3 {1}; unroll 2 {}}"),
        ("for ($kv : @map) { print($kv) }", "{for $kv @map {print($kv)}}"),
        ("for $i : 0..ncpus { break; continue }", "{for $i 0..ncpus {break; continue}}"),
        ("for ($i : $a.x..(1+1)) { }", "{for $i (. $a x)..(+ 1 1) {}}"),
        ("return; return 1 + 1", "{return; return (+ 1 1)}"),
        ("_ = f(); import \"a.h\";", "{_ = f(); import a.h}"),
        ("{ $a = 1; { 2 } } ;; 3", "{{$a = 1; {2}}; 3}"),
        ("$x = { $a = 1; count() }; exit()", "{$x = {$a = 1; => count()}; exit()}"),
        ("$a == 1 ? print(1) : print(2);", "{(? (== $a 1) print(1) print(2))}"),
        ("/* } */ 1 // }\n", "{1}"),
    ];
    for (text, want) in cases {
        assert_eq!(tree(&format!("begin {{ {text} }}")), format!("begin {want}"), "{text}");
    }
}

#[test]
fn attach_points() {
    let cases = [
        ("BEGIN", "begin"),
        ("t:sched:sched_*,rt:x,k:f+0x10", "tracepoint:sched:sched_*,rawtracepoint:x,kprobe:f+0x10"),
        ("i:s:1 , p:hz:99\n,", "interval:s:1,profile:hz:99"),
        ("u:/a/b-c.so:f,ur:./t:\"A::f, g\"+1", "uprobe:/a/b-c.so:f,uretprobe:./t:A::f, g+1"),
        ("U:/with#hash:ns:p*", "usdt:/with#hash:ns:p*"),
        ("tracepoint:*", "tracepoint:*:*"),
        ("usdt:*", "usdt:*:*"),
        ("h:cache-misses:1e6,hardware:cycles:", "hardware:cache-misses:1e6,hardware:cycles"),
        ("name=kprobe:f", "kprobe:f"),
        ("kprobe:[Ss]ys_read", "kprobe:[Ss]ys_read"),
        ("t*point:sched:sched_switch", "tracepoint:sched:sched_switch"),
        ("*ware:*", "hardware:*,software:*"),
        ("*:/bin/sh:*", "uprobe:/bin/sh:*,usdt:/bin/sh:*"),
        ("iter:task:/sys/fs/bpf/x,self:signal:SIGUSR1", "iter:task:/sys/fs/bpf/x,self:signal:SIGUSR1"),
    ];
    for (text, want) in cases {
        let text = text.trim_end_matches(',');
        assert_eq!(tree(&format!("{text} {{ }}")), format!("{want} {{}}"), "{text}");
    }
}

#[test]
fn positional_parameters_in_attach_points() {
    let cases = [
        ("kprobe:$1", "kprobe:foo"),
        ("kprobe:$1\"here\"", "kprobe:foohere"),
        ("uprobe:/$1/bash:readline", "uprobe:/foo/bash:readline"),
        ("uprobe:\"zz\"$2\"zz\":\"aa\"$1", "uprobe:zzbarzz:aafoo"),
        ("uprobe:\"$1\":$2", "uprobe:$1:bar"),
        ("uprobe:$1:$2func$9", "uprobe:foo:barfunc"),
        ("$3", "interval:ms:1"),
        ("BEG$4", "begin"),
    ];
    for (text, want) in cases {
        let (script, errors) = read(&format!("{text} {{ 1 }}"), &["foo", "bar", "i:ms:1", "IN"]);
        assert_eq!(errors, "", "{text}");
        assert_eq!(dump::script(&script), format!("{want} {{1}}"), "{text}");
    }
}

#[test]
fn predicates() {
    assert_eq!(tree("k:f / @x / { 1; }"), "kprobe:f /@x/ {1}");
    assert_eq!(tree("k:f /100/25/ { 1 }"), "kprobe:f /(/ 100 25)/ {1}");
    assert_eq!(tree("k:f/pid==1/{1}"), "kprobe:f /(== pid 1)/ {1}");
    assert_eq!(tree("k:f / (1 / {2}) / x / { }"), "kprobe:f /(/ (/ 1 {=> 2}) x)/ {}");
}

#[test]
fn root_items() {
    let text = "#!/usr/bin/env x\n#include <a.h>\nconfig = { max_strlen = 5; stack_mode=perf; a=\"b\"; c = true }\n\
                import \"x.bt\";\nlet @a = hash(5); macro m($x, @y, z) { z } macro n { 1 }\n\
                fn f($a : uint8, $b: struct x *): void { return 1; }\nbegin { }; i:s:1 { }";
    let (script, errors) = read(text, &[]);
    assert_eq!(errors, "");
    assert_eq!(script.config.len(), 4);
    assert_eq!(script.imports[0].path, "x.bt");
    assert_eq!(script.macros[0].params.len(), 3);
    assert_eq!(
        dump::script(&script),
        "#include a.h\n@a=hash(5)\nfn f($a:uint8 $b:struct x*):void {return 1}\nbegin {}\ninterval:s:1 {}"
    );
    assert_eq!(tree("#!/usr/bin/env x"), "");
}

#[test]
fn error_texts() {
    let cases: &[(&str, &[&str])] = &[
        ("begin { print(1) print(2); }", &["1:18-23: ERROR: syntax: expected ';', found 'print'"]),
        ("begin { let $x = 1 print(2); }", &["1:20-25: ERROR: syntax: expected ';', found 'print'"]),
        ("i:s:1 { < }", &["1:9-10: ERROR: syntax: expected an expression, found '<'"]),
        ("i:s:1\t\t\t$a", &["1:9-11: ERROR: syntax: expected '{', found '$a'"]),
        ("kprobe:f { \"asdf }", &["1:12-19: ERROR: syntax: unterminated string"]),
        ("k:f { /* }", &["1:7-9: ERROR: syntax: unterminated comment"]),
        ("k:f { $0 }", &["1:7-9: ERROR: syntax: param $0 is out of integer range [1, 9223372036854775807]"]),
        ("k:f { @=5++ }", &["1:10-12: ERROR: syntax: increment/decrement requires a variable or map"]),
        ("k:f { @=++5 }", &["1:11-12: ERROR: syntax: increment/decrement requires a variable or map"]),
        (
            "k:f { &1 }",
            &["1:8-9: ERROR: syntax: address-of operator (&) can only be used on a map or variable"],
        ),
        ("k:f { \"\\777\" }", &["1:8-12: ERROR: syntax: octal escape sequence out of range '\\777'"]),
        ("k:f { 5e-9 }", &["1:7-9: ERROR: syntax: invalid trailing bytes: 5e"]),
        ("k:f { (1, 0) = 0 }", &["1:14-15: ERROR: syntax: expected ';', found '='"]),
        (
            "k:f { $a.2 = 3; @b 4 }",
            &[
                "1:7-11: ERROR: syntax: Tuples and records are immutable once created. Consider creating a new value \
                 and assigning it instead.",
                "1:20-21: ERROR: syntax: expected ';', found '4'",
            ],
        ),
        (
            "k:f { (a=1,a=2) }",
            &[
                "1:12-15: ERROR: syntax: Named argument list already contains name: a",
                "1:8-9: ERROR: first used here",
            ],
        ),
        ("k:f { (a=1,5) }", &["1:12-13: ERROR: syntax: expected identifier, found '5'"]),
        ("k:f { if (x=1) {} }", &["1:12-13: ERROR: syntax: expected ')', found '='"]),
        ("k:f { while(\"a\", 2) {} }", &["1:12-20: ERROR: syntax: expected a condition, found a tuple"]),
        ("k:f { for ($i : 1+1..3) { } }", &["1:18-19: ERROR: syntax: expected ')', found '+'"]),
        ("k:f { for (@a : @b) { } }", &["1:12-14: ERROR: syntax: expected variable in for loop, found '@a'"]),
        ("k:f { f(struct a*); }", &["1:9-15: ERROR: syntax: expected an expression, found 'struct'"]),
        ("k:f { offsetof(struct a, b->c); }", &["1:27-29: ERROR: syntax: expected ')', found '->'"]),
        ("k:f /pid == 1 { 0; }", &["1:15-16: ERROR: syntax: expected '/' to close predicate, found '{'"]),
        (
            "k:f { 1",
            &[
                "1:8-8: ERROR: syntax: expected '}', found the end of the program",
                "1:5-6: ERROR: the block begins here",
            ],
        ),
        ("tracepont:a:b { }", &["1:1-14: ERROR: Invalid probe type: tracepont"]),
        ("k:f:: { 1 }", &["1:1-6: ERROR: kprobe probe type requires 1 or 2 arguments, found 3"]),
        ("tracepoint:f { 1 }", &["1:1-13: ERROR: tracepoint probe type requires 2 arguments, found 1"]),
        ("::k::f:: { 1 }", &["1:1-9: ERROR: No attach points for probe"]),
        (
            "uprobe:/bin/bash:$a { 1 }",
            &[
                "1:1-20: ERROR: invalid trailing character for positional param: a. Try quoting this entire part if \
               this is intentional e.g. \"$a\".",
            ],
        ),
        (
            "let @a = hash(); begin { }",
            &["1:15-16: ERROR: syntax: expected positive integer for map declaration max entries, found ')'"],
        ),
        ("import foo; begin { }", &["1:8-11: ERROR: syntax: expected string after 'import', found 'foo'"]),
        (
            "begin { } config = { a = 1 }",
            &["1:11-17: ERROR: syntax: config must appear before probes and functions"],
        ),
        ("config = { exit(); } i:s:1 { }", &["1:16-17: ERROR: syntax: expected '=', found '('"]),
        (
            "config = {}\n#include <a.h>\nbegin {}",
            &["2:1-15: ERROR: syntax: C definitions must appear before probes and functions"],
        ),
        ("macro m($x, $x) { 1 }", &["1:13-15: ERROR: Variable for macro argument has already been used: $x"]),
        ("macro m(pid) { 1 }", &["1:9-12: ERROR: syntax: builtin 'pid' can't be used as a macro argument"]),
        ("\u{1}\u{2} { }", &["1:1-3: ERROR: Invalid probe type: \\u{1}\\u{2}"]),
        ("begin { é }", &["1:9-10: ERROR: syntax: unexpected character 'é', expected an expression"]),
        (
            "begin { + } end { - } i:s:1 { ) }",
            &[
                "1:9-10: ERROR: syntax: expected an expression, found '+'",
                "1:21-22: ERROR: syntax: expected an expression, found '}'",
                "1:31-32: ERROR: syntax: expected an expression, found ')'",
            ],
        ),
    ];
    for (text, want) in cases {
        assert_eq!(errors(text), *want, "{text}");
    }
}

#[test]
fn parsing_ends_with_the_last_error_that_is_kept() {
    let text = "config = {}\n".to_owned() + &"#include <a.h>\n".repeat(50);
    assert_eq!(errors(&text).len(), 20);
    assert_eq!(errors(&format!("begin {{ {} }}", "+; ".repeat(50))).len(), 20);
}

#[test]
fn hints_are_given() {
    assert!(read("k:f { if (x=1) {} }", &[]).1.contains("HINT: did you mean '=='?"));
    assert!(read("tracepont:a:b { }", &[]).1.contains("HINT: did you mean 'tracepoint'?"));
}

#[test]
fn directives() {
    let cases = [
        (
            "#ifndef BPFTRACE_HAVE_BTF\n#include <a.h>\n#else\n#define A 1\n#endif\nbegin { }",
            "#define A\nbegin {}",
        ),
        ("#if 1 + 1 == 3\n#include <a.h>\n#elif defined(X)\n#else\n#include <b.h>\n#endif", "#include b.h"),
        (
            "#define N 4\n#if N > 3 && !defined(M)\nstruct a { int x[N * 2]; };\n#endif",
            "struct a {x:int[8]}\n#define N",
        ),
        ("#ifdef X\n#if 1\n#endif\n#define Y\n#endif\n#define A \\\n  1\n#undef A\n#define A 2", "#define A"),
    ];
    for (text, want) in cases {
        let mut got: Vec<String> = tree(text).lines().map(str::to_owned).collect();
        let mut want: Vec<&str> = want.lines().collect();
        edgekit_core::sort::natural(&mut got);
        edgekit_core::sort::natural(&mut want);
        assert_eq!(got, want, "{text}");
    }
    assert_eq!(errors("#if 1\n"), ["1:1-6: ERROR: syntax: #if without #endif"]);
    assert_eq!(errors("#endif\n"), ["1:1-7: ERROR: syntax: #endif without #if"]);
    assert_eq!(errors("#if x(\n#endif"), ["1:1-7: ERROR: syntax: cannot evaluate the condition of #if"]);
    assert_eq!(errors("#wrong\n"), ["1:1-7: ERROR: syntax: unknown directive '#wrong'"]);
}

#[test]
fn nesting_is_limited_and_reported_once() {
    let deep = |open: &str, n: usize| format!("begin {{ $x = {}", open.repeat(n));
    for open in
        ["(", "-", "!", "{", "@[", "f(", "(a)", "sizeof(", "(typeof(", "1?", "1?1:", "if (", "[", "(a="]
    {
        let (_, errors) = read(&deep(&format!("{open} "), 20_000), &[]);
        let first = errors.lines().next().unwrap_or_default();
        assert!(first.contains("nested too deeply") || first.contains("expected"), "{open}: {first}");
    }
    let balanced = format!("begin {{ $x = {}1{}; }}", "(".repeat(90), ")".repeat(90));
    assert_eq!(read(&balanced, &[]).1, "");
    for repeated in ["1 + ", "1 || ", "$x.y + "] {
        let (_, errors) = read(&format!("begin {{ $x = {}1 }}", repeated.repeat(20_000)), &[]);
        assert!(errors.contains("expression is too long"), "{repeated}: {errors}");
    }
    let chain = format!("begin {{ if 1 {{ }} {} }}", "else if 1 { } ".repeat(5_000));
    assert!(read(&chain, &[]).1.contains("expression is too long"));
    let fine = format!("begin {{ $x = {}1 }}", "1 + ".repeat(250));
    assert_eq!(read(&fine, &[]).1, "");
}

#[test]
fn big_and_binary_input_is_refused() {
    let (_, errors) = read(&" ".repeat(MAX_SCRIPT_BYTES + 1), &[]);
    assert!(
        errors.starts_with("stdin:1:1-1: ERROR: the program is 262145 bytes long, the limit is 262144\n")
    );
    let mut sources = SourceMap::new();
    let mut diags = Diagnostics::default();
    parse_bytes(&mut sources, "x.bt", b"begin {\n  \xff }", &[], &mut diags).expect("fits");
    let text = diags.render(&sources, false);
    assert!(text.starts_with("x.bt:2:3-4: ERROR: the program is not UTF-8 text: byte 0xff\n"), "{text}");
}

/// The corpus of the fuzz target, which must parse as it stands, and must not
/// bring the parser down whatever is cut out of it or put into it.
#[test]
fn corpus_and_its_mutations() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/corpus/trace_parse");
    let mut scripts: Vec<(String, String)> = Vec::new();
    for entry in std::fs::read_dir(dir).expect("corpus").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        scripts.push((name, std::fs::read_to_string(entry.path()).expect("text")));
    }
    edgekit_core::sort::natural(&mut scripts);
    assert!(scripts.len() >= 60, "{}", scripts.len());
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below.max(1) as u64) as usize
    };
    const PIECES: &[&str] =
        &["{", "}", "(", ")", "\"", "/*", "$", "@", "#", "/", ",", "\\", "é", "\0", "1e", "..", "if "];
    for (name, text) in &scripts {
        let (_, errors) = read(text, &[]);
        assert_eq!(errors, "", "{name}");
        for _ in 0..20 {
            let mut bytes = text.clone().into_bytes();
            for _ in 0..=next(4) {
                let at = next(bytes.len());
                let end = (at + next(12)).min(bytes.len());
                bytes.splice(at..end, PIECES[next(PIECES.len())].bytes());
            }
            // Only that it comes back, and with excerpts that can be drawn.
            read(&String::from_utf8_lossy(&bytes), &["a:b", "\""]);
        }
    }
}
