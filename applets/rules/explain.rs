//! `edgekit rules explain`: the graph, drawn.

use std::io::Write;
use std::path::PathBuf;

use edgekit_core::{Ctx, Error, Exit};
use edgekit_rules::Options;

use crate::{load, problem};

/// Prints the graph of the rules at `paths` as `text`, `dot` or `svg`.
pub(crate) fn run(ctx: &mut Ctx, paths: &[PathBuf], options: &Options, format: &str) -> Result<Exit, Error> {
    let sources = match load::some_sources(paths) {
        Ok(sources) => sources,
        Err(problems) => return Err(problem::show(ctx, &problems, &[], false)),
    };
    let generation = match load::generation(&sources, options) {
        Ok(generation) => generation,
        Err(problems) => return Err(problem::show(ctx, &problems, &sources, false)),
    };
    let graph = generation.graph();
    let drawn = match format {
        "dot" => graph.dot(),
        "svg" => graph.svg(),
        _ => graph.text(),
    };
    let out = ctx.out()?;
    writeln!(out, "{}", drawn.trim_end())?;
    for hook in generation.hooks().iter().filter(|_| format == "text") {
        writeln!(out, "hook '{}' on {} ({}): runs where the event is", hook.name, hook.on, hook.place)?;
    }
    Ok(Exit::OK)
}
