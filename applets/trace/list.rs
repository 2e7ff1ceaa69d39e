//! Listing probes: `-l`, `edgekit trace list`, with `-v` also what a probe knows.
//!
//! Reads only what the pattern can match. Names and shapes are bpftrace's, so that scripts that read the list
//! work. Neighbours: `probes` knows the tracepoints, `syntax::ast::Provider` the names of kinds.

use std::io::{self, Write};

use edgekit_core::Error;

use crate::plan::Plan;
use crate::probes::{self, HARDWARE, PerfEvent, Probes, SOFTWARE, TIME_UNITS, matches};
use crate::run::attach::name_of;
use crate::run::reject;
use crate::syntax::ast::Provider;
use crate::tree::{Attach, Rate};

/// Kinds that this build can trace, in the order in which they are listed.
const KINDS: &[Provider] = &[
    Provider::Begin,
    Provider::End,
    Provider::Hardware,
    Provider::Interval,
    Provider::Profile,
    Provider::RawTracepoint,
    Provider::Software,
    Provider::Tracepoint,
];

/// Prints the probes that any of the comma-separated patterns matches, all without one. True when there was one.
pub fn list(
    probes: &Probes,
    patterns: Option<&str>,
    verbose: bool,
    out: &mut impl Write,
) -> Result<bool, Error> {
    let mut any = false;
    for pattern in patterns.unwrap_or("*").split(',').map(str::trim) {
        let pattern = whole(pattern);
        for kind in KINDS {
            any |= one_kind(probes, *kind, &pattern, verbose, out)?;
        }
    }
    Ok(any)
}

/// The pattern for whole names: a short kind is spelt out, a bare word is looked for anywhere.
fn whole(pattern: &str) -> String {
    match pattern.split_once(':') {
        Some((kind, rest)) => match Provider::from_name(kind) {
            Some(provider) => format!("{}:{rest}", provider.name()),
            None => pattern.to_owned(),
        },
        None if probes::has_wildcard(pattern) => pattern.to_owned(),
        None => match Provider::from_name(pattern) {
            Some(provider) => format!("{}*", provider.name()),
            None => format!("*{pattern}*"),
        },
    }
}

fn one_kind(
    probes: &Probes,
    kind: Provider,
    pattern: &str,
    verbose: bool,
    out: &mut impl Write,
) -> Result<bool, Error> {
    let name = kind.name();
    // Whether any probe of this kind can match is known before any is read.
    let reachable = match pattern.split_once(':') {
        Some((first, _)) => matches(first, name),
        None => {
            let fixed = pattern.split(['*', '?', '[']).next().unwrap_or_default();
            name.starts_with(fixed) || fixed.starts_with(name)
        }
    };
    if !reachable {
        return Ok(false);
    }
    let mut any = false;
    let mut print = |line: &str| -> io::Result<()> {
        if fits(pattern, line) || fits(pattern, line.trim_end_matches(':')) {
            any = true;
            writeln!(out, "{line}")?;
        }
        Ok(())
    };
    match kind {
        Provider::Hardware => events(name, HARDWARE, &mut print)?,
        Provider::Software => events(name, SOFTWARE, &mut print)?,
        Provider::Interval | Provider::Profile => {
            for unit in TIME_UNITS {
                print(&format!("{name}:{unit}:"))?;
            }
        }
        Provider::RawTracepoint => {
            for event in probes.raw().map_err(|e| reject::of_probes(&e))? {
                print(&format!("{name}:{event}"))?;
            }
        }
        Provider::Tracepoint => return tracepoints(probes, pattern, verbose, out),
        _ => print(name)?,
    }
    Ok(any)
}

/// A wildcard in the kind does not reach beyond it.
fn fits(pattern: &str, line: &str) -> bool {
    match (pattern.split_once(':'), line.split_once(':')) {
        (Some((kind, name)), Some((of, line))) => matches(kind, of) && matches(name, line),
        _ => matches(pattern, line),
    }
}

fn events(kind: &str, table: &[PerfEvent], print: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    for event in table {
        print(&format!("{kind}:{}:", event.name))?;
        if !event.alias.is_empty() {
            print(&format!("{kind}:{}:", event.alias))?;
        }
    }
    Ok(())
}

fn tracepoints(probes: &Probes, pattern: &str, verbose: bool, out: &mut impl Write) -> Result<bool, Error> {
    let mut parts = pattern.splitn(3, ':');
    let found = match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(category), Some(event)) => probes.expand(category, event),
        _ => probes.all().map(|all| {
            let wanted = |(c, e): &&(String, String)| fits(pattern, &format!("tracepoint:{c}:{e}"));
            all.iter().filter(wanted).cloned().collect()
        }),
    };
    let found = found.map_err(|e| reject::of_probes(&e))?;
    for (category, event) in &found {
        writeln!(out, "tracepoint:{category}:{event}")?;
        if verbose {
            arguments(probes, category, event, out)?;
        }
    }
    Ok(!found.is_empty())
}

/// The fields that `args` has at a tracepoint.
pub fn arguments(probes: &Probes, category: &str, event: &str, out: &mut impl Write) -> Result<(), Error> {
    if let Some(format) = probes.format(category, event).map_err(|e| reject::of_probes(&e))? {
        for field in format.arguments() {
            writeln!(out, "    {} {}", field.declared_type(), field.name)?;
        }
    }
    Ok(())
}

/// The probes a program would attach.
pub fn of_plan(probes: &Probes, plan: &Plan, verbose: bool, out: &mut impl Write) -> Result<(), Error> {
    for at in plan.programs.iter().flat_map(|program| &program.attach) {
        match at {
            Attach::Interval(rate) => writeln!(out, "interval:{}:", unit(*rate))?,
            Attach::Profile(rate) => writeln!(out, "profile:{}:", unit(*rate))?,
            Attach::Software { name, .. } => writeln!(out, "software:{name}:")?,
            Attach::Hardware { name, .. } => writeln!(out, "hardware:{name}:")?,
            _ => writeln!(out, "{}", name_of(at))?,
        }
        if let (Attach::Tracepoint { category, event }, true) = (at, verbose) {
            arguments(probes, category, event, out)?;
        }
    }
    Ok(())
}

fn unit(rate: Rate) -> &'static str {
    match rate {
        Rate::Hz(_) => "hz",
        Rate::Ns(ns) if ns % 1_000_000_000 == 0 => "s",
        Rate::Ns(ns) if ns % 1_000_000 == 0 => "ms",
        Rate::Ns(_) => "us",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(pattern: &str) -> String {
        let mut out = Vec::new();
        // No tracefs there: patterns that do not ask for tracepoints must not read it.
        list(&Probes::at("/nonexistent"), Some(pattern), false, &mut out).expect("needs no tracefs");
        String::from_utf8(out).expect("is text")
    }

    #[test]
    fn kinds_that_need_no_tracefs() {
        assert_eq!(listed("i:*"), "interval:hz:\ninterval:us:\ninterval:ms:\ninterval:s:\n");
        assert!(listed("*ware:*").contains("hardware:cpu-cycles:\n"));
        assert!(listed("software:*").contains("software:cpu:\n"));
        assert_eq!(listed("begin"), "begin\n");
        assert_eq!(listed("hardware:cache-misses"), "hardware:cache-misses:\n");
    }
}
