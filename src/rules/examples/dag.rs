//! Row 4.2: events a second through a graph of ten rules on one core.
//!
//! ```text
//! ev ─▶ filter (3 fields) ─▶ rate ─▶ tag ─┬─▶ per_host (window) ─┐
//!                      └─▶ size ──────────┴─▶ per_path (window) ─┴─▶ join ─▶ total (aggregate) ─▶ shape ─▶ report
//! ```
//! Events have eight fields, and nine in ten pass the filter. Prints one JSON object: the median of five runs.

use std::{error::Error, sync::Arc, time::Duration};

use edgekit_core::Clock;
use edgekit_rules::{Engine, Event, Generation, Options, Script, Value, timer::Now};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

const EVENTS: u64 = 200_000;
const RUNS: usize = 5;

const RULES: &str = r#"
rule { name = "filter", inputs = { "ev" }, outputs = { "slow" }, on = function(e)
    if e.status == 200 and e.size > 100 and e.host ~= "none" then return e end
end }
rule { name = "rate", inputs = { "slow" }, outputs = { "rated" }, on = function(e)
    return { host = e.host, path = e.path, rate = e.size / e.took, size = e.size }
end }
rule { name = "size", inputs = { "slow" }, outputs = { "sized" }, on = function(e)
    return { path = e.path, kib = e.size / 1024 }
end }
rule { name = "tag", inputs = { "rated" }, outputs = { "tagged" }, on = function(e)
    return { host = e.host, rate = e.rate, class = if e.rate > 100 then "fast" else "slow" }
end }
local per_host = window.tumbling("1s", {
    key = function(e) return e.host end,
    fold = function(sum, e) return (sum or 0) + e.rate end,
    close = function(sum, key) return { key = key, sum = sum } end,
})
rule { name = "per_host", inputs = { "tagged" }, outputs = { "hosts" }, on = function(e) per_host:add(e) end }
local per_path = window.tumbling("1s", {
    key = function(e) return e.path end,
    fold = function(sum, e) return (sum or 0) + e.kib end,
    close = function(sum, key) return { key = key, sum = sum } end,
})
rule { name = "per_path", inputs = { "sized" }, outputs = { "paths" }, on = function(e) per_path:add(e) end }
local both = join("1s", {
    key = function(e) return "all" end,
    match = function(left, right) return { host = left.key, path = right.key, sum = left.sum + right.sum } end,
})
rule { name = "join", inputs = { "hosts", "paths" }, outputs = { "joined" }, on = function(e, ctx)
    if ctx.topic == "hosts" then both:left(e) else both:right(e) end
end }
rule { name = "total", inputs = { "joined" }, outputs = { "totals" }, state = { count = 0, sum = 0 },
    on = function(e, ctx)
        local state = ctx.state
        state.count += 1
        state.sum += e.sum
        return { count = state.count, mean = state.sum / state.count }
    end }
rule { name = "shape", inputs = { "totals" }, outputs = { "shaped" }, on = function(e)
    return { text = string.format("%d %.1f", e.count, e.mean) }
end }
rule { name = "report", inputs = { "shaped" }, capabilities = { "metric" }, on = function(e)
    metric.count("reports", 1)
end }
"#;

fn event(id: u64, at: Duration, topic: &Arc<str>, names: &[Value]) -> Event {
    let fields = [
        ("host", names[(id % 4) as usize].clone()),
        ("path", names[4 + (id % 5) as usize].clone()),
        ("status", Value::Int(if id % 10 == 9 { 500 } else { 200 })),
        ("size", Value::from(200 + id % 4000)),
        ("took", Value::Num(0.5 + (id % 7) as f64)),
        ("pid", Value::from(1000 + id % 100)),
        ("ok", Value::Bool(id % 10 != 9)),
        ("method", names[9].clone()),
    ];
    Event { topic: topic.clone(), id, at, data: Value::from(fields) }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::default();
    let script = Script::new("dag.luau", RULES);
    let clock = Clock::system();
    let topic: Arc<str> = "ev".into();
    let names =
        ["a.example", "b.example", "c.example", "d.example", "/", "/in", "/out", "/status", "/x", "GET"];
    let names: Vec<Value> = names.into_iter().map(Value::from).collect();
    let (mut rates, mut reports, mut faults, mut rules) = (Vec::new(), 0, Vec::new(), 0);
    for _ in 0..RUNS {
        let generation = Generation::build(vec![script.clone()], &options).map_err(told)?;
        let mut engine = Engine::new(options.clone(), generation, None).map_err(told)?;
        rules = engine.graph().nodes().len();
        let start = Now::of(&clock);
        let (mut spent, mut id) = (Duration::ZERO, 0);
        while id < EVENTS {
            // 20,000 events a second of their own time: the run lasts ten windows. Making the events is not measured,
            // nor is what others take of the core.
            let now = Now {
                boot: start.boot + Duration::from_micros(id * 50),
                wall: start.wall + Duration::from_micros(id * 50),
            };
            for _ in 0..2000 {
                engine.offer(event(id, now.wall, &topic, &names));
                id += 1;
            }
            let from = on_core();
            while engine.step(now).busy {}
            spent += on_core().saturating_sub(from);
            reports += engine.take_actions().len();
        }
        faults.extend(engine.take_faults());
        rates.push(EVENTS as f64 / spent.as_secs_f64());
        if std::env::var_os("DAG_RULES").is_some() {
            for (name, rule) in engine.metrics().rules {
                eprintln!("{name}: in {} out {} {:?}", rule.events_in, rule.events_out, rule.time);
            }
        }
    }
    edgekit_core::sort::by(&mut rates, f64::total_cmp);
    let line = json!({
        "row": "4.2",
        "unit": "events/s a core",
        "events_per_second": rates[RUNS / 2].round(),
        "least": rates[0].round(),
        "most": rates[RUNS - 1].round(),
        "rules": rules,
        "fields": 8,
        "passed_by_filter": 0.9,
        "reports": reports,
        "faults": faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    println!("{line}");
    Ok(())
}

/// How long this thread was on a core.
fn on_core() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), spent.tv_nsec as u32)
}

fn told(faults: Vec<edgekit_rules::Fault>) -> String {
    faults.iter().map(|fault| format!("{fault}\n")).collect()
}
