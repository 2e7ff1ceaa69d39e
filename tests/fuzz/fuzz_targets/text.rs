//! The small readers: printf formats with values of every type, format files of tracepoints, verifier logs.
#![no_main]

use std::rc::Rc;

use edgekit_bpf::verifier;
use edgekit_core::Clock;
use edgekit_trace::output::{Format, Value};
use edgekit_trace::probes;
use edgekit_trace::symbols::System;
use edgekit_trace::ty::{Int, Tuple, Ty};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = probes::Format::parse(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = verifier::explain(text);
    let Ok(format) = Format::parse(text) else { return };
    let types = [
        Ty::Int(Int::I8),
        Ty::U64,
        Ty::Str(16),
        Ty::Buf(8),
        Ty::Bool,
        Ty::Inet,
        Ty::Mac,
        Ty::Tuple(Rc::new(Tuple::of([Ty::U32, Ty::Str(8)]))),
    ];
    let system = System::new(&Clock::system(), None);
    let mut out = Vec::new();
    for ty in &types {
        let args: Vec<Value<'_>> = (0..8).map(|_| Value::new(ty, data)).collect();
        out.clear();
        format.write(&mut out, &args, &system);
    }
});
