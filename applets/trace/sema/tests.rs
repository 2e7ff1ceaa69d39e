//! Programs against a made-up machine: what tree they become, what is said about them.

mod pretty;

use std::rc::Rc;

use super::{Member, Options, World, analyse};
use crate::diag::{Diagnostics, SourceMap};
use crate::probes::{Error, Format};
use crate::syntax;
use crate::tree::{Attach, MapKind, Tree};
use crate::ty::{EnumDef, Int, Space, Struct, Ty};

/// Two tracepoints, one struct, one symbol.
struct Machine;

const OPENAT: &str = "name: sys_enter_openat\nID: 1\nformat:\n\
    \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\
    \tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n\
    \tfield:int dfd;\toffset:16;\tsize:8;\tsigned:0;\n\
    \tfield:const char * filename;\toffset:24;\tsize:8;\tsigned:0;\n";
const SWITCH: &str = "name: sched_switch\nID: 2\nformat:\n\
    \tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n\
    \tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;\n\
    \tfield:__data_loc char[] name;\toffset:28;\tsize:4;\tsigned:0;\n";

impl World for Machine {
    fn tracepoint(&self, category: &str, event: &str) -> Result<Option<Rc<Format>>, Error> {
        let text = match (category, event) {
            ("syscalls", "sys_enter_openat") => OPENAT,
            ("sched", "sched_switch") => SWITCH,
            _ => return Ok(None),
        };
        Ok(Some(Rc::new(Format::parse(text.as_bytes()).expect("well formed"))))
    }

    fn tracepoints(&self, category: &str, event: &str) -> Result<Vec<(String, String)>, Error> {
        let all = [("sched", "sched_switch"), ("syscalls", "sys_enter_openat")];
        let matches = crate::probes::matches;
        let found = all.iter().filter(|(c, e)| matches(category, c) && matches(event, e));
        Ok(found.map(|(c, e)| ((*c).to_owned(), (*e).to_owned())).collect())
    }

    fn near_tracepoints(&self, _: &str, _: &str) -> Vec<String> {
        vec!["sched:sched_switch".to_owned()]
    }

    fn raw_tracepoints(&self) -> Result<Vec<String>, Error> {
        Ok(vec!["sys_exit".to_owned()])
    }

    fn raw_tracepoint_args(&self, _: &str) -> Option<Vec<(String, Ty)>> {
        let task = Ty::Struct(Rc::new(self.kernel_struct("struct task_struct")?));
        let task = Ty::Ptr(Rc::new(task), Space::Kernel);
        Some(vec![("task".to_owned(), task), ("ret".to_owned(), Ty::I32)])
    }

    fn has_types(&self) -> bool {
        true
    }

    fn kernel_struct(&self, name: &str) -> Option<Struct> {
        let named =
            |size| Struct { name: name.to_owned(), size, align: 8, fields: Vec::new(), btf_id: Some(1) };
        (name == "struct task_struct").then(|| named(64))
    }

    fn kernel_member(&self, _: &Struct, name: &str) -> Option<Member> {
        let (ty, offset) = match name {
            "pid" => (Ty::I32, 8),
            "comm" => (Ty::Array(Rc::new(Ty::Int(Int::I8)), 16), 16),
            "parent" => {
                let task = Ty::Struct(Rc::new(self.kernel_struct("struct task_struct")?));
                (Ty::Ptr(Rc::new(task), Space::Kernel), 32)
            }
            _ => return None,
        };
        Some(Member { ty, offset, bits: None })
    }

    fn kernel_member_names(&self, _: &Struct) -> Vec<String> {
        ["pid", "comm", "parent"].map(str::to_owned).to_vec()
    }

    fn kernel_enum(&self, _: &str) -> Option<Rc<EnumDef>> {
        None
    }

    fn kernel_constant(&self, _: &str) -> Option<(Rc<EnumDef>, u64)> {
        None
    }

    fn kernel_typedef(&self, _: &str) -> Option<Ty> {
        None
    }

    fn kernel_variable(&self, _: &str) -> Option<Ty> {
        None
    }

    fn kernel_symbol(&self, name: &str) -> Option<u64> {
        (name == "jiffies").then_some(0xff00)
    }

    fn possible_cpus(&self) -> u32 {
        4
    }

    fn cgroup_id(&self, _: &str) -> Option<u64> {
        None
    }
}

/// The typed tree, or everything that was said.
fn tree_with(program: &str, options: &Options) -> Result<Tree, String> {
    let mut sources = SourceMap::new();
    let mut diags = Diagnostics::default();
    let script = syntax::parse(&mut sources, "t", program, &options.params, &mut diags).expect("small");
    let library = super::library(&mut sources).expect("small");
    let script = syntax::expand(script, &library, &super::is_builtin, &mut sources, &mut diags);
    assert!(!diags.has_errors(), "{program}: {}", diags.render(&sources, false));
    analyse(&script, &Machine, options, &mut diags).ok_or_else(|| diags.render(&sources, false))
}

fn tree(program: &str) -> Tree {
    tree_with(program, &Options::default()).unwrap_or_else(|said| panic!("{program}\n{said}"))
}

/// The first program's statements.
fn body(program: &str) -> String {
    let tree = tree(program);
    pretty::stmts(&tree, &tree.probes[0].body)
}

/// First line of the messages.
fn said(program: &str) -> String {
    let Err(text) = tree_with(program, &Options::default()) else { panic!("accepted: {program}") };
    text.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn bodies() {
    let table = [
        ("begin { printf(\"hello %d\\n\", 1); }", "emit#0(1:int8)"),
        ("begin { @[comm] = count(); }", "@[comm:string[16]] <- count"),
        // Literals fold and take the smallest type.
        ("begin { $a = 1 + 2 * 3; $b = -300; }", "$a = 7:int8; $b = -300:int16"),
        // The widest of all uses.
        ("begin { $a = 1; $a = (uint64)2; }", "$a = 1:uint64; $a = 2:uint64"),
        ("begin { $a = 1; $a++; print($a); }", "$a = 1:int64; post($a+1); emit#0($a:int64)"),
        ("begin { @a++; }", "post(@a+1)"),
        ("begin { @a += 2; }", "@a = (@a:int64 + 2:int64)"),
        ("begin { @s = \"ab\"; @s = \"abcd\"; $x = @s; }", "@s = \"ab\"; @s = \"abcd\"; $x = @s:string[5]"),
        // Subtraction is signed.
        ("begin { $a = pid - tid; }", "$a = ((pid:uint32 as int64) - (tid:uint32 as int64))"),
        // A narrower unsigned number compares like a signed one.
        ("begin { $a = pid > 5; }", "$a = ((pid:uint32 as uint64) > 5:uint64)"),
        // A known condition leaves one branch.
        ("begin { if ($# == 0) { print(1) } else { print(2) } }", "emit#0(1:int8)"),
        ("begin { exit(); }", "emit#0(); return"),
        // Pointers step by what they point to.
        (
            "begin { $p = (int32*)8; $p += 2; }",
            "$p = 8:int32 *; $p = ((($p:int32 * as uint64) + 8:uint64) as int32 *)",
        ),
        (
            "begin { $c = curtask.parent.pid; }",
            "$c = *(*(curtask:struct task_struct *+32:struct task_struct *)+8:int32)",
        ),
        ("begin { $c = curtask.comm; }", "$c = *(curtask:struct task_struct *+16:string[16])"),
        ("begin { $t = (1, \"a\"); print($t.1); }", "$t = (1:int8, \"a\"); emit#0($t.+1:string[2])"),
        (
            "begin { @[1] = 5; for ($kv : @) { print($kv.1); } }",
            "@[1:int8] = 5:int8; for $kv in @ { emit#0($kv.+1:int8) }",
        ),
    ];
    for (program, wanted) in table {
        assert_eq!(body(program), wanted, "{program}");
    }
}

#[test]
fn messages() {
    let table = [
        ("begin { print($x); }", "t:1:15-17: ERROR: Undefined or undeclared variable: $x"),
        ("begin { print(@x); }", "t:1:15-17: ERROR: Undefined map: @x"),
        (
            "begin { $a = 1; $a = \"x\"; }",
            "t:1:17-25: ERROR: Type mismatch for $a: trying to assign value of type 'string[2]' when variable already has a type 'int8'",
        ),
        (
            "begin { @g[1, \"hi\"] = 2; if (has_key(@g, (1, 2))) { } }",
            "t:1:30-49: ERROR: Argument mismatch for @g: trying to access with arguments: '(int8,int8)' when map expects arguments: '(int8,string[3])'",
        ),
        (
            "begin { @ = 0; $n = len(@); }",
            "t:1:21-27: ERROR: call to len() expects a map with explicit keys (non-scalar map)",
        ),
        ("begin { unroll(101) { } }", "t:1:16-19: ERROR: unroll maximum value is 100"),
        (
            "begin { printf(\"%d %d\", 1); }",
            "t:1:9-27: ERROR: printf: not enough arguments for format string (1 supplied, 2 expected)",
        ),
        (
            "config = { bad_config=raw } begin {}",
            "t:1:12-26: ERROR: bad_config: not a known configuration option",
        ),
        (
            "begin { system(\"ls\"); }",
            "t:1:9-21: ERROR: system() is unsafe. To use you need the --unsafe flag",
        ),
        ("begin { break; }", "t:1:9-14: ERROR: break is not within a loop"),
        ("begin { $a = count(); }", "t:1:14-21: ERROR: count() should be assigned to a map directly"),
        (
            "begin { @a = count(); @a = 1; }",
            "t:1:23-29: ERROR: Type mismatch for @a: trying to assign value of type 'int8' when map already has a type 'count_t'",
        ),
        ("begin { $x = prinf(1); }", "t:1:14-19: ERROR: Unknown function: 'prinf'"),
        (
            "begin { let $a: uint8 = 256; }",
            "t:1:9-28: ERROR: Type mismatch for $a: the value 256 does not fit its type 'uint8'",
        ),
        ("tracepoint:sched:sched_swich { }", "t:1:1-29: ERROR: No matches for tracepoint sched:sched_swich."),
        (
            "tracepoint:sched:sched_switch { print(args.prev_pi); }",
            "t:1:44-51: ERROR: the arguments of tracepoint:sched:sched_switch does not contain a field named 'prev_pi'",
        ),
        (
            "begin { print(args.x); }",
            "t:1:15-19: ERROR: The args builtin can not be used with 'special' probes",
        ),
        (
            "kprobe:vfs_read { }",
            "t:1:1-16: ERROR: kprobe probes are not supported by this version of edgekit trace",
        ),
        (
            "begin { $a = curtask.pidd; }",
            "t:1:22-26: ERROR: struct task_struct does not contain a field named 'pidd'",
        ),
        ("begin { fail(\"no %d\", 3); }", "t:1:9-25: ERROR: no 3"),
        (
            "struct f { int a[4]; } begin { $x = ((struct f*)0).a[5]; }",
            "t:1:38-56: ERROR: the index 5 is out of bounds for array of size 4",
        ),
        ("macro m() { $x } begin { print(m()); }", "t:1:13-15: ERROR: Undefined or undeclared variable: $x"),
    ];
    for (program, wanted) in table {
        let first = said(program);
        assert!(first.starts_with(wanted), "{program}\n got {first}\nwant {wanted}");
    }
}

#[test]
fn several_findings_in_one_run_with_near_names() {
    let Err(text) = tree_with("begin { printff(1); $abc = 1; print($abd); nosuch }", &Options::default())
    else {
        panic!("accepted")
    };
    assert_eq!(text.matches("ERROR").count(), 3, "{text}");
    assert!(text.contains("HINT: did you mean printf?"), "{text}");
    assert!(text.contains("HINT: did you mean $abc?"), "{text}");
}

#[test]
fn attach_points_share_a_program_until_the_body_asks_which() {
    let shared = tree("tracepoint:*:* { @ = count(); }");
    assert_eq!(shared.probes.len(), 1);
    assert_eq!(shared.probes[0].attach.len(), 2);
    assert_eq!(shared.probes[0].name, "tracepoint:*:*");
    let apart = tree("tracepoint:*:* { @[probe] = count(); }");
    let names: Vec<&str> = apart.probes.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["tracepoint:sched:sched_switch", "tracepoint:syscalls:sys_enter_openat"]);
    assert_eq!(tree("begin, end { print(1); }").probes.len(), 2);
}

#[test]
fn fields_of_records() {
    let openat = "tracepoint:syscalls:sys_enter_openat { $a = args.dfd; $b = str(args.filename); }";
    assert_eq!(body(openat), "$a = ctx+16:int32; $b = struser(ctx+24:int8 *, 1024:uint64)");
    let switch =
        "tracepoint:sched:sched_switch { $a = args.prev_comm; $b = args.name; $c = str(args.name, 7); }";
    assert_eq!(
        body(switch),
        "$a = bytes+8:string[16]; $b = strkernel(loc+28:int8 *, 1024:uint64); $c = strkernel(loc+28:int8 *, 8:uint64)"
    );
    let raw = "rawtracepoint:sys_exit { $a = arg1; $b = args.ret; $c = args.task.pid; }";
    assert_eq!(
        body(raw),
        "$a = ctx+8:uint64; $b = (ctx+8:uint64 as int32); $c = *((ctx+0:uint64 as struct task_struct *)+8:int32)"
    );
}

#[test]
fn maps_get_kind_key_and_value() {
    let tree = tree(
        "let @d = lruhash(5); begin { @a = 1; @b[1] = count(); @c = sum(-1); @d[1, \"x\"] = 1; @e[2] = \"s\"; }",
    );
    let got: Vec<String> = tree.maps.iter().map(pretty::map).collect();
    assert_eq!(
        got,
        [
            "@d[(int8,string[2])]: int8 LruHash 5",
            "@a: int8 Array 1",
            "@b[int8]: count_t PerCpuHash 4096",
            "@c: sum_t PerCpuArray 1",
            "@e[int8]: string[2] Hash 4096",
        ]
    );
    assert!(matches!(tree.maps[0].kind, MapKind::LruHash));
}

#[test]
fn a_variable_used_inside_a_for_body_lives_in_memory() {
    let tree = tree(
        "begin { $in = 1; $out = 2; $addr = 3; for ($i : 0..3) { $in += $i; } $p = &$addr; print($out); }",
    );
    let in_memory: Vec<(&str, bool)> = tree.vars.iter().map(|v| (v.name.as_str(), v.in_memory)).collect();
    assert_eq!(in_memory, [("$in", true), ("$out", false), ("$addr", true), ("$i", false), ("$p", false)]);
}

#[test]
fn parameters_and_options() {
    let options = Options {
        params: vec!["hello".into(), "0x10".into()],
        named: vec![("n".into(), Some("7".into())), ("flag".into(), None)],
        pid: Some(42),
        ..Options::default()
    };
    let program = "profile:hz:$2 { print((str($1 + 1), $2, $#, getopt(\"n\", 1), getopt(\"flag\"))); }";
    let tree = tree_with(program, &options).expect("fine");
    let body = pretty::stmts(&tree, &tree.probes[0].body);
    assert_eq!(body, "emit#0((\"ello\", 16:int8, 2:int8, 7:int8, 1:bool))");
    let filter = tree.probes[0].predicate.as_ref().map(|p| pretty::expr(&tree, p));
    assert_eq!(filter.as_deref(), Some("(pid:uint32 == 42:uint32)"));
    assert!(matches!(tree.probes[0].attach[0], Attach::Profile(crate::tree::Rate::Hz(16))));
    let unknown = Options { named: vec![("x".into(), None)], ..Options::default() };
    let text = tree_with("begin { print(getopt(\"n\", 1)); }", &unknown).err().unwrap_or_default();
    assert_eq!(
        text,
        "ERROR: unexpected program command line options: --x\nHINT: expected program options: --n\n"
    );
}

#[test]
fn types_that_never_settle_end() {
    let text = said("begin { @a[1] = (1, 1); $x = @a[1]; @a[1] = ($x, 1); }");
    assert!(text.contains("Type mismatch") || text.contains("do not settle"), "{text}");
}

#[test]
fn sizes_are_bounded() {
    for program in [
        "begin { let $a: int8[4000000000]; }",
        "begin { $a = (string[4000000000])\"x\"; }",
        "struct s { char a[2000000000]; char b[2000000000]; } begin { print(sizeof(struct s)); }",
        "begin { let $a: int8[600000]; $b = ($a, $a); }",
    ] {
        assert!(said(program).contains("too big"), "{program}");
    }
    body("begin { $p = (int8*)8; print($p[4294967295]); }");
}

#[test]
fn deep_trees_do_not_overflow() {
    let deep = format!("begin {{ $a = 1; $b = {}$a{}; }}", "(1 + ".repeat(60), ")".repeat(60));
    tree(&deep);
    let chain = format!("begin {{ $a = 1; $b = {}$a; }}", "$a * ".repeat(250));
    tree(&chain);
}
