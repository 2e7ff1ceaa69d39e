//! Any bytes as a trace program: parsed, expanded, laid out, every message drawn.
#![no_main]

use edgekit_trace::diag::{Diagnostics, SourceMap};
use edgekit_trace::syntax::ast::CDef;
use edgekit_trace::syntax::cdef::{CTypes, NoKernelTypes};
use edgekit_trace::syntax::{expand, parse_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let params = ["1".to_owned(), "kprobe:f".to_owned()];
    let mut sources = SourceMap::new();
    let mut diags = Diagnostics::default();
    let Ok(mut script) = parse_bytes(&mut sources, "fuzz", data, &params, &mut diags) else { return };
    if !diags.has_errors() {
        script = expand(script, &[], &|name| name == "print", &mut sources, &mut diags);
        let types = CTypes::new(&script.cdefs);
        for def in &script.cdefs {
            if let CDef::Aggregate(def) = def {
                let _ = types.layout(def, &NoKernelTypes);
            }
        }
    }
    diags.render(&sources, false);
});
