//! Row 4.6: Luau's own conformance files, each in a sandbox of its own, as a script's top level.
//!
//! `conformance FILE...` prints a JSON object a file. A file runs statement by statement of its top level: one that
//! fails is taken out and named, and the file runs again without it until it comes to its end, so that one function
//! the sandbox takes away does not hide the lines after it. What was taken out is judged by
//! `scripts/bench/frame/conformance.py`. The limits are wide: what fails fails for what the sandbox takes away and
//! not for what it meters.

use std::{error::Error, fs, ops::Range, path::Path, sync::Arc, time::Duration};

use edgekit_core::Clock;
use edgekit_rules::{Grants, Limits, Script, Shared, Vm};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let limits = Limits {
        load_time: Duration::from_secs(60),
        steps: 1 << 40,
        call_memory: 1 << 30,
        rule_memory: 1 << 30,
        vm_memory: 1 << 30,
        value_size: 1 << 28,
        ..Limits::default()
    };
    for path in std::env::args_os().skip(1) {
        let name = Path::new(&path).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = in_utf8(&fs::read(&path)?);
        println!("{}", File::new(&name, &text).run(&limits));
    }
    Ok(())
}

/// What Luau's own runner gives its files, beside the collector's switch and silence. No line is added before them.
const BEFORE: &str = "local function print() end local function collectgarbage() return 0 end \
                      local function is_native_if_supported() return true end local at = 0 \
                      coroutine.wrap(function(...) local ok, fault = pcall(function(...) ";
/// The number of the statement that failed stands before its fault.
const AFTER: &str = "\nend, ...) if not ok then error(`<{at}>{fault}`, 0) end end)()";

struct File<'a> {
    name: &'a str,
    lines: Vec<&'a str>,
    /// Lines of each statement of the top level.
    statements: Vec<Range<usize>>,
}

impl<'a> File<'a> {
    fn new(name: &'a str, text: &'a str) -> File<'a> {
        let lines: Vec<&str> = text.lines().collect();
        let compiles = |range: Range<usize>| Script::new(name, lines[range].join("\n")).compile().is_ok();
        let mut statements: Vec<Range<usize>> = Vec::new();
        let mut start = 0;
        while start < lines.len() {
            match (start + 1..=lines.len()).find(|&end| compiles(start..end)) {
                Some(end) => {
                    statements.push(start..end);
                    start = end;
                }
                // It belongs to the statement before, as the second line of `a` and `.. b` does.
                None => match statements.pop() {
                    Some(before) => {
                        let longer = (start + 1..=lines.len()).find(|&end| compiles(before.start..end));
                        let end = longer.unwrap_or(lines.len());
                        statements.push(before.start..end);
                        start = end;
                    }
                    None => {
                        statements.push(start..lines.len());
                        start = lines.len();
                    }
                },
            }
        }
        File { name, lines, statements }
    }

    fn run(&self, limits: &Limits) -> serde_json::Value {
        let mut out = vec![None::<String>; self.statements.len()];
        loop {
            match self.once(limits, &out) {
                Ok(()) => break,
                Err((at, fault)) => match at.and_then(|at| out.get_mut(at)) {
                    Some(place @ None) => *place = Some(fault),
                    // It never got as far as to a statement.
                    _ => return json!({ "file": self.name, "fault": fault }),
                },
            }
        }
        let statements = self.statements.iter().zip(out).map(|(lines, fault)| {
            json!({ "line": lines.start + 1, "text": self.lines[lines.clone()].join("\n"), "fault": fault })
        });
        json!({ "file": self.name, "statements": statements.collect::<Vec<_>>() })
    }

    /// One run without the statements that are `out`; the number of the one that fails, and why.
    fn once(&self, limits: &Limits, out: &[Option<String>]) -> Result<(), (Option<usize>, String)> {
        let mut text = BEFORE.to_owned();
        for (number, lines) in self.statements.iter().enumerate() {
            let body = self.lines[lines.clone()].join("\n");
            match out[number] {
                Some(_) => text.extend(body.matches('\n')),
                // Nothing may stand between a `return` and the comments after it.
                None if body.is_empty() || body.starts_with("--") => text.push_str(&body),
                None => text.push_str(&format!("at={number};{body}")),
            }
            text.push('\n');
        }
        text.push_str(AFTER);
        let vm = Vm::new(*limits, Clock::system(), Arc::new(Shared::default()), Grants::DEFAULT);
        let ran = vm.and_then(|vm| vm.load(&Script::new(self.name, text).compile()?).map(drop));
        ran.map_err(|fault| {
            let fault = fault.to_string();
            let number = fault.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
            match number.and_then(|(number, why)| Some((number.parse().ok()?, why.to_owned()))) {
                Some((number, why)) => (Some(number), why),
                None => (None, fault),
            }
        })
    }
}

/// The same script in UTF-8: bytes that are not stand as escapes, which means the same in a quoted string.
fn in_utf8(text: &[u8]) -> String {
    let mut written = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        written.push_str(chunk.valid());
        for byte in chunk.invalid() {
            written.push_str(&format!("\\{byte:03}"));
        }
    }
    written
}
