//! Any bytes as a trace program, all the way: analysed on a made-up machine, lowered, given registers and bytes.
//! Whatever the analyser accepts, the rest must compile or refuse; nothing may panic.
#![no_main]

use std::rc::Rc;

use edgekit_bpf::emit::emit;
use edgekit_trace::diag::{Diagnostics, SourceMap};
use edgekit_trace::lower::{Target, lower};
use edgekit_trace::probes::{Error, Format};
use edgekit_trace::sema::{Member, Options, World, analyse, is_builtin, library};
use edgekit_trace::syntax::{expand, parse_bytes};
use edgekit_trace::ty::{EnumDef, Struct, Ty};
use libfuzzer_sys::fuzz_target;

const RECORD: &[u8] = b"name: sys_enter_openat\nID: 1\nformat:\n\
    \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n\
    \tfield:int dfd;\toffset:16;\tsize:8;\tsigned:0;\n\
    \tfield:const char * filename;\toffset:24;\tsize:8;\tsigned:0;\n\
    \tfield:char comm[16];\toffset:32;\tsize:16;\tsigned:0;\n\
    \tfield:__data_loc char[] name;\toffset:48;\tsize:4;\tsigned:0;\n";

/// One tracepoint, no kernel types.
struct Machine;

impl World for Machine {
    fn tracepoint(&self, category: &str, event: &str) -> Result<Option<Rc<Format>>, Error> {
        let known = (category, event) == ("syscalls", "sys_enter_openat");
        Ok(known.then(|| Format::parse(RECORD).ok()).flatten().map(Rc::new))
    }
    fn tracepoints(&self, _: &str, _: &str) -> Result<Vec<(String, String)>, Error> {
        Ok(vec![("syscalls".to_owned(), "sys_enter_openat".to_owned())])
    }
    fn near_tracepoints(&self, _: &str, _: &str) -> Vec<String> {
        Vec::new()
    }
    fn raw_tracepoints(&self) -> Result<Vec<String>, Error> {
        Ok(vec!["sys_enter".to_owned()])
    }
    fn raw_tracepoint_args(&self, _: &str) -> Option<Vec<(String, Ty)>> {
        None
    }
    fn has_types(&self) -> bool {
        false
    }
    fn kernel_struct(&self, _: &str) -> Option<Struct> {
        None
    }
    fn kernel_member(&self, _: &Struct, _: &str) -> Option<Member> {
        None
    }
    fn kernel_member_names(&self, _: &Struct) -> Vec<String> {
        Vec::new()
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
    fn kernel_symbol(&self, _: &str) -> Option<u64> {
        None
    }
    fn possible_cpus(&self) -> u32 {
        4
    }
    fn cgroup_id(&self, _: &str) -> Option<u64> {
        None
    }
}

fuzz_target!(|data: &[u8]| {
    let params = ["1".to_owned(), "text".to_owned()];
    let mut sources = SourceMap::new();
    let mut diags = Diagnostics::default();
    let Ok(script) = parse_bytes(&mut sources, "fuzz", data, &params, &mut diags) else { return };
    if diags.has_errors() {
        return;
    }
    let Ok(library) = library(&mut sources) else { return };
    let script = expand(script, &library, &is_builtin, &mut sources, &mut diags);
    if diags.has_errors() {
        return;
    }
    let options = Options { allow_unsafe: true, params: params.to_vec(), ..Options::default() };
    let tree = analyse(&script, &Machine, &options, &mut diags);
    diags.render(&sources, false);
    let Some(tree) = tree else { return };
    let Ok(plan) = lower(tree, &Target { cpus: 4, kernel: (6, 12) }) else { return };
    for program in &plan.programs {
        if let Err(why) = emit(&program.code) {
            let why = why.to_string();
            assert!(!why.contains("malformed") && !why.contains("before it is written"), "{why}");
        }
    }
});
