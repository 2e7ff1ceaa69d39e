//! From paths to a checked generation: what `check`, `test`, `explain`, `replay` and the service begin with.
//!
//! Neighbours: `folder` reads, `edgekit_rules::Generation` compiles, runs dry and puts in order, `problem` shows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgekit_core::{Clock, text};
use edgekit_rules::graph::Sources;
use edgekit_rules::{Capability, Fault, Generation, Grants, Limits, Options, Script, Shared};

use crate::config;
use crate::folder::{self, Source};
use crate::problem::Problem;

/// The words of the engine for a configuration.
pub(crate) fn options(config: &config::Rules, clock: &Clock) -> Options {
    let bytes = |size: edgekit_core::units::Size| usize::try_from(size.0).unwrap_or(usize::MAX);
    let limits = Limits {
        rule_time: config.limits.deadline,
        steps: config.limits.steps,
        rule_memory: bytes(config.limits.memory),
        vm_memory: bytes(config.limits.total),
        ..Limits::default()
    };
    Options {
        limits,
        grants: grants(config.grants.iter().map(|grant| grant.word())),
        sources: Sources::new(config.topics.iter().map(String::as_str)),
        clock: clock.clone(),
        shared: Arc::new(Shared::default()),
        coverage: false,
    }
}

/// The set of these words; those that are none are left out.
pub(crate) fn grants<'a>(words: impl IntoIterator<Item = &'a str>) -> Grants {
    words.into_iter().filter_map(Capability::of).collect()
}

/// The files of rules at `paths`, each once and in order.
pub(crate) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Vec<Problem>> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match folder::files(path, folder::is_rules) {
            Ok(found) => files.extend(found),
            Err(error) => problems.push(Problem::from(error)),
        }
    }
    edgekit_core::sort::natural(&mut files);
    files.dedup();
    if problems.is_empty() { Ok(files) } else { Err(problems) }
}

/// The texts of the files of rules at `paths`.
pub(crate) fn sources(paths: &[PathBuf]) -> Result<Vec<Source>, Vec<Problem>> {
    folder::read_all(&files(paths)?).map_err(|errors| errors.into_iter().map(Problem::from).collect())
}

/// As [`sources`], where none at all is a fault.
pub(crate) fn some_sources(paths: &[PathBuf]) -> Result<Vec<Source>, Vec<Problem>> {
    let sources = sources(paths)?;
    if sources.is_empty() {
        let shown: Vec<String> = paths.iter().map(|path| format!("'{}'", path.display())).collect();
        let mut problem = Problem::new("missing", format!("there are no rules in {}", shown.join(", ")));
        problem.hint =
            Some("rules are files *.luau; 'edgekit rules examples --write FOLDER' has some".to_owned());
        return Err(vec![problem]);
    }
    Ok(sources)
}

/// Compiles, runs dry and orders.
pub(crate) fn generation(sources: &[Source], options: &Options) -> Result<Generation, Vec<Problem>> {
    let scripts = sources.iter().map(|source| Script::new(source.name.as_str(), source.text.as_str()));
    Generation::build(scripts.collect(), options).map_err(|faults| problems(&faults))
}

/// Faults of the engine as they are shown.
pub(crate) fn problems(faults: &[Fault]) -> Vec<Problem> {
    faults.iter().map(problem).collect()
}

/// One of them.
pub(crate) fn problem(fault: &Fault) -> Problem {
    let line = usize::try_from(fault.line).unwrap_or(0);
    let shown = fault.to_string();
    let mut problem = Problem::placed(fault.kind.word(), Some(&fault.file), line, &shown);
    problem.hint = hint(fault);
    problem
}

/// The next step, where the fault does not say it itself.
fn hint(fault: &Fault) -> Option<String> {
    let ungranted = Capability::ALL.iter().find(|capability| {
        fault.kind == edgekit_rules::FaultKind::Capability
            && fault.message.contains(&format!("'{}'", capability.word()))
            && fault.message.contains("grant")
    })?;
    Some(format!("add \"{}\" to 'grants' in rules.toml if rules may do this", ungranted.word()))
}

/// A word that should be a capability, with the nearest.
pub(crate) fn capability(word: &str) -> Result<Capability, String> {
    Capability::of(word).ok_or_else(|| {
        let words = Capability::ALL.map(Capability::word);
        match text::nearest(word, words) {
            Some(near) => format!("unknown capability '{word}'; did you mean '{near}'?"),
            None => format!("unknown capability '{word}'; there are: {}", words.join(", ")),
        }
    })
}

/// The folder of rules of a configuration.
pub(crate) fn folder(config: &config::Rules, config_directory: &Path) -> PathBuf {
    config.folder.clone().unwrap_or_else(|| config_directory.join("rules"))
}
