//! `edgekit rules check`: everything that would keep rules from being served, without serving them.
//!
//! Neighbours: `load` compiles and orders, `problem` shows.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use edgekit_core::{Ctx, Environment, Error, Exit, Finding, Paths, Status, json};
use edgekit_rules::{Generation, Options};
use serde_json::json;

use crate::folder::{self, Source};
use crate::problem::{self, Problem};
use crate::{config, entry, load};

/// The name of standard input, in faults.
const STDIN: &str = "stdin";

/// Checks `paths`; `-` is standard input.
pub(crate) fn run(ctx: &mut Ctx, paths: &[PathBuf], options: &Options, as_json: bool) -> Result<Exit, Error> {
    let sources = match sources(paths) {
        Ok(sources) => sources,
        Err(problems) => return Err(problem::show(ctx, &problems, &[], as_json)),
    };
    let generation = match load::generation(&sources, options) {
        Ok(generation) => generation,
        Err(problems) => return Err(problem::show(ctx, &problems, &sources, as_json)),
    };
    say(ctx, &generation, as_json)
}

fn sources(paths: &[PathBuf]) -> Result<Vec<Source>, Vec<Problem>> {
    if paths == [PathBuf::from("-")] {
        return Ok(vec![standard_input().map_err(|problem| vec![problem])?]);
    }
    load::some_sources(paths)
}

fn standard_input() -> Result<Source, Problem> {
    let mut text = String::new();
    let read = io::stdin().take(folder::MAX_FILE + 1).read_to_string(&mut text);
    match read {
        Ok(_) if text.len() as u64 > folder::MAX_FILE => Err(Problem::new(
            "unreadable",
            format!("standard input is larger than {} bytes", folder::MAX_FILE),
        )),
        Ok(_) => Ok(Source { name: STDIN.to_owned(), text }),
        Err(error) => {
            Err(Problem::new("unreadable", format!("cannot read standard input: {}", Error::from(error))))
        }
    }
}

fn say(ctx: &mut Ctx, generation: &Generation, as_json: bool) -> Result<Exit, Error> {
    let (files, rules, hooks) = (generation.scripts(), generation.rules().len(), generation.hooks().len());
    let out = ctx.out()?;
    if as_json {
        let value = json!({ "ok": true, "files": files, "rules": rules, "hooks": hooks });
        json::write_line(out, "rules.check", value)?;
    } else {
        writeln!(
            out,
            "{}, {}, {}: no fault",
            count(files, "file"),
            count(rules, "rule"),
            count(hooks, "hook")
        )?;
    }
    Ok(Exit::OK)
}

/// `1 rule`, `2 rules`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// What `edgekit doctor` shows: whether the configuration and the rules of this machine are sound.
pub(crate) fn doctor(ctx: &mut Ctx) -> Vec<Finding> {
    let places = Paths::process();
    let faulty = |fault: String| {
        let finding = Finding::new("rules", Status::Limited, fault);
        vec![finding.hint("'edgekit rules check' shows every fault")]
    };
    let config = match entry::read(&places, &Environment::process(), None) {
        Ok(loaded) => loaded.get::<config::Rules>().map_err(|error| error.to_string()),
        Err(problems) => Err(problems.0.first().map(ToString::to_string).unwrap_or_default()),
    };
    let config = match config {
        Ok(config) => config,
        Err(fault) => return faulty(fault),
    };
    let folder = load::folder(&config, &places.config);
    let shown = folder.display();
    if !folder.exists() {
        return vec![Finding::new("rules", Status::Works, format!("no folder '{shown}' yet"))];
    }
    let options = load::options(&config, ctx.clock());
    let checked =
        load::sources(std::slice::from_ref(&folder)).and_then(|sources| load::generation(&sources, &options));
    match checked {
        Ok(generation) => {
            let rules = count(generation.rules().len(), "rule");
            vec![Finding::new("rules", Status::Works, format!("{rules} in '{shown}'"))]
        }
        Err(problems) => faulty(problem::summary(&problems)),
    }
}
