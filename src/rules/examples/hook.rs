//! What a hook costs (row 4.1): an empty hook, an event of eight fields, two of them strings, as an applet calls it,
//! memory limit on. Prints one line of JSON: nanoseconds a call. Run it from a release build.

use std::sync::Arc;

use edgekit_core::Clock;
use edgekit_rules::{
    Declared, Field, Grants, Hook, Kind, Limits, Ref, Schema, Script, Shared, Verdict, Verdicts, Vm,
};

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, about: "" }
}

static SCHEMA: Schema = Schema {
    name: "bench.event",
    about: "Eight fields.",
    fields: &[
        field("pid", Kind::Int),
        field("tid", Kind::Int),
        field("uid", Kind::Int),
        field("cpu", Kind::Int),
        field("nsecs", Kind::Int),
        field("ret", Kind::Int),
        field("comm", Kind::Str),
        field("path", Kind::Str),
    ],
    verdicts: Verdicts { drop: true, change: &[] },
};

/// Calls that warm up, and calls that are measured.
const WARM: usize = 20_000;
const CALLS: usize = 200_000;
/// Calls between two readings of the clock for the mean.
const GROUP: usize = 1000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock = Clock::system();
    let vm = Vm::new(Limits::default(), clock.clone(), Arc::new(Shared::default()), Grants::DEFAULT)?;
    let script =
        Script::new("hook.luau", "hook { name = 'empty', on = 'bench.event', run = function(event) end }");
    let Some(Declared::Hook(declared)) = vm.load(&script.compile()?)?.pop() else {
        return Err("the script declares no hook".into());
    };
    let mut hook = Hook::new(declared, &SCHEMA, clock.clone())?;
    let mut actions = Vec::new();
    let mut passed = 0_usize;
    let mut call = |number: i64| {
        let fields = [
            Ref::Int(number),
            Ref::Int(number + 1),
            Ref::Int(1000),
            Ref::Int(1),
            Ref::Int(1_000_000_007 * number),
            Ref::Int(-2),
            Ref::Str(if number % 2 == 0 { b"systemd-journal" } else { b"bash" }),
            Ref::Str(if number % 3 == 0 {
                b"/etc/ld.so.cache"
            } else {
                b"/usr/lib/x86_64-linux-gnu/libc.so.6"
            }),
        ];
        passed += usize::from(hook.call(&fields, &mut actions) == Verdict::Pass);
    };
    for number in 0..WARM as i64 {
        call(number);
    }
    let mut each = Vec::with_capacity(CALLS);
    for number in 0..CALLS as i64 {
        let before = clock.monotonic();
        call(number);
        each.push((clock.monotonic() - before).as_nanos());
    }
    edgekit_core::sort::natural(&mut each);
    let mut groups = Vec::new();
    for group in 0..CALLS / GROUP {
        let before = clock.monotonic();
        for number in 0..GROUP {
            call((group * GROUP + number) as i64);
        }
        groups.push((clock.monotonic() - before).as_nanos() / GROUP as u128);
    }
    edgekit_core::sort::natural(&mut groups);
    let at = |sorted: &[u128], share: f64| {
        let position = (sorted.len() as f64 * share) as usize;
        sorted.get(position).copied().unwrap_or_default() as u64
    };
    assert_eq!(passed, WARM + 2 * CALLS, "every event passes");
    let stats = hook.stats();
    if stats.faults > 0 || stats.skipped > 0 {
        return Err(format!("the machine is too busy: {stats:?}; what was skipped is not measured").into());
    }
    println!(
        "{}",
        serde_json::json!({
            "row": "4.1",
            "unit": "ns",
            "p50_ns": at(&each, 0.5),
            "p99_ns": at(&each, 0.99),
            "p999_ns": at(&each, 0.999),
            "mean_of_1000_p50_ns": at(&groups, 0.5),
        })
    );
    Ok(())
}
