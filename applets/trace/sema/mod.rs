//! Meaning: syntax tree → typed tree, with everything explained that the user got wrong.
//!
//! The analyser walks the whole program again and again, building typed nodes and learning the types of maps and
//! variables as it goes ([`env`]), until a walk teaches nothing new; the last walk's tree and findings count.
//! So inference and checking are one piece of code and cannot disagree.
//! Rooms: `probes` (attach points), `stmts`, `exprs` with `ops`, `convert`, `access` and `builtins`, `calls` (a
//! table of functions over its own rooms), `maps` and `vars`, `ctypes` and `consts` (types and constants of
//! script and kernel), `config`, `library` (macros every program may call), `world` (what is asked of the machine) and `kernel`
//! (this machine).
//! Neighbours: `syntax` before, `lower` behind.

mod access;
mod builtins;
mod calls;
mod config;
mod consts;
mod convert;
mod ctypes;
mod env;
mod exprs;
mod infer;
mod kernel;
mod library;
mod maps;
mod ops;
mod probes;
mod stmts;
#[cfg(test)]
mod tests;
mod value;
mod vars;
mod world;

use std::collections::HashSet;

pub use kernel::KernelWorld;
pub use library::library;
pub use world::{Member, World};

use crate::diag::{Diagnostic, Diagnostics, Severity, Span};
use crate::syntax::ast;
use crate::tree::{Config, EventDef, EventId, EventKind, MapDef, MapKind, Probe, Tree, VarDef};
use crate::ty::Ty;
use env::Env;
use probes::{Group, ProbeCx};
use vars::Scope;

/// Walks over the program before giving up on types that keep growing; real programs settle in three or four.
const MAX_PASSES: usize = 64;

/// What the command line says about the program.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--unsafe`
    pub allow_unsafe: bool,
    /// `-p`
    pub pid: Option<u32>,
    /// A child is started with `-c`.
    pub has_child: bool,
    /// `-k`
    pub check_helpers: bool,
    /// `$1`, `$2`, …
    pub params: Vec<String>,
    /// `--name=value` or `--name` behind `--`.
    pub named: Vec<(String, Option<String>)>,
    /// Settings from the environment, which win over the script's: names as in `config = { … }`.
    pub config: Vec<(String, String)>,
    /// `--no-warnings`: `warnf` says nothing.
    pub no_warnings: bool,
}

/// Analyses a script. `None` when `diags` got an error.
pub fn analyse(
    script: &ast::Script,
    world: &dyn World,
    options: &Options,
    diags: &mut Diagnostics,
) -> Option<Tree> {
    let mut sema = Sema::new(script, world, options);
    sema.config();
    sema.declare_types();
    sema.declare_maps();
    sema.refuse_functions();
    let mut groups = sema.attach_groups();
    let setup = std::mem::take(&mut sema.diags);
    let failed = setup.has_errors();
    let probes = sema.settle(&mut groups);
    sema.check_named_params();
    sema.check_declared();
    let pass = std::mem::take(&mut sema.diags);
    for finding in setup.iter().chain(pass.iter()) {
        diags.push(finding.clone());
    }
    let probes = probes?;
    if failed || pass.has_errors() {
        return None;
    }
    Some(sema.finish(probes))
}

/// Names that mean something without a macro: builtins and functions.
pub fn is_builtin(name: &str) -> bool {
    let name = name.strip_prefix("__builtin_").unwrap_or(name);
    let argument =
        name.strip_prefix("arg").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    argument || builtins::NAMES.contains(&name) || calls::is_function(name)
}

struct Sema<'a> {
    script: &'a ast::Script,
    world: &'a dyn World,
    options: &'a Options,
    config: Config,
    settings: config::Settings,
    ctypes: ctypes::CTypes<'a>,
    env: Env,
    /// Findings of the current walk.
    diags: Diagnostics,
    events: Vec<EventDef>,
    /// The program being walked.
    probe: ProbeCx,
    scopes: Vec<Scope>,
    /// `for` bodies around the current place.
    for_depth: usize,
    /// Loops around the current place, for break and continue.
    loop_depth: usize,
    /// Inside sizeof and the like, where nothing is evaluated.
    type_only: usize,
    /// `getopt` names seen: what `--help` and unknown options list.
    getopts: Vec<(String, Option<String>)>,
    /// Findings already made in this walk, so that one probe with many attach points says a thing once.
    said: HashSet<(Span, String)>,
}

impl<'a> Sema<'a> {
    fn new(script: &'a ast::Script, world: &'a dyn World, options: &'a Options) -> Sema<'a> {
        Sema {
            script,
            world,
            options,
            config: Config { check_helpers: options.check_helpers, ..Config::default() },
            settings: config::Settings::default(),
            ctypes: ctypes::CTypes::default(),
            env: Env::default(),
            diags: Diagnostics::default(),
            events: Vec::new(),
            probe: ProbeCx::default(),
            scopes: Vec::new(),
            for_depth: 0,
            loop_depth: 0,
            type_only: 0,
            getopts: Vec::new(),
            said: HashSet::new(),
        }
    }

    /// Walks until types are settled, then returns the last walk's probes.
    fn settle(&mut self, groups: &mut Vec<Group<'a>>) -> Option<Vec<Probe>> {
        for _ in 0..MAX_PASSES {
            let probes = self.walk(groups);
            let split = probes::split_dependent(groups);
            if self.env.changed() || split || self.env.default_assigned() {
                continue;
            }
            return Some(probes);
        }
        let span = self.script.probes.first().map_or_else(Span::default, |p| p.span);
        self.error(span, "the types of this program do not settle: a value is made of itself and grows");
        None
    }

    fn walk(&mut self, groups: &mut [Group<'a>]) -> Vec<Probe> {
        self.diags = Diagnostics::default();
        self.said.clear();
        self.events.clear();
        self.getopts.clear();
        let mut probes = Vec::with_capacity(groups.len());
        for (index, group) in groups.iter_mut().enumerate() {
            probes.extend(self.walk_probe(index, group));
        }
        probes
    }

    fn walk_probe(&mut self, index: usize, group: &mut Group<'a>) -> Option<Probe> {
        self.probe = group.context(index);
        self.scopes.clear();
        (self.for_depth, self.loop_depth) = (0, 0);
        let ast = group.ast;
        self.push_scope(std::ptr::from_ref(ast).addr());
        let wanted = ast.predicate.as_ref().map(|p| self.condition(p, "predicate"));
        let mut body = Vec::new();
        self.probe_body(&ast.body, &mut body);
        self.pop_scope();
        group.dependent |= self.probe.dependent;
        let predicate = match wanted {
            Some(condition) => Some(condition?),
            None => None,
        };
        Some(Probe {
            name: group.name.clone(),
            attach: group.attach.clone(),
            predicate: self.with_pid_filter(predicate, ast.span),
            body,
            span: ast.span,
        })
    }

    fn finish(self, probes: Vec<Probe>) -> Tree {
        let maps = self.env.maps.into_iter().map(|entry| {
            let key = entry.key.map(|k| k.ty).filter(|_| entry.keyed.is_some_and(|(keyed, _)| keyed));
            let value = match (entry.agg, entry.value) {
                (Some(agg), _) => Ty::Agg(agg),
                (None, Some(value)) => value.ty,
                (None, None) => Ty::I64,
            };
            let default = match (&key, &value) {
                (Some(_), Ty::Agg(_)) => MapKind::PerCpuHash,
                (Some(_), _) => MapKind::Hash,
                (None, Ty::Agg(_)) => MapKind::PerCpuArray,
                (None, _) => MapKind::Array,
            };
            let (kind, max_entries) = match entry.declared {
                Some(declared) if key.is_some() => declared,
                _ => (default, if key.is_some() { self.config.max_map_keys } else { 1 }),
            };
            MapDef { name: entry.name, key, value, kind, max_entries, span: entry.span }
        });
        let vars = self.env.vars.into_iter().map(|entry| {
            let ty = entry.typed.map_or(Ty::I64, |t| t.ty);
            let in_memory = entry.in_memory || !ty.is_scalar();
            VarDef { name: entry.name, ty, in_memory }
        });
        Tree { probes, maps: maps.collect(), events: self.events, vars: vars.collect(), config: self.config }
    }

    fn refuse_functions(&mut self) {
        for function in &self.script.functions {
            self.report(
                Diagnostic::error(
                    function.name.span,
                    "functions (fn) are not supported by this version of edgekit trace",
                )
                .with_hint("a macro can do the same"),
            );
        }
    }

    /// Declared maps that nobody uses, or that cannot hold what they are given.
    fn check_declared(&mut self) {
        let unused = self.env.maps.iter().filter(|m| m.declared.is_some() && !m.used);
        let unused: Vec<(Span, String)> = unused.map(|m| (m.span, m.name.clone())).collect();
        for (span, name) in unused {
            self.warn(span, format!("Unused map: @{name}"));
        }
        let clashes = self.env.maps.iter().filter_map(|map| {
            let (kind, _) = map.declared.filter(|_| map.used)?;
            let per_cpu = matches!(kind, MapKind::PerCpuHash | MapKind::LruPerCpuHash);
            (per_cpu != map.agg.is_some()).then(|| (map.span, maps::kind_name(kind), per_cpu))
        });
        let clashes: Vec<(Span, &str, bool)> = clashes.collect();
        for (span, declared, per_cpu) in clashes {
            let found = if per_cpu { "hash" } else { "percpuhash" };
            self.error(
                span,
                format!(
                    "Incompatible map types. Type from declaration: {declared}. Type from value/key type: {found}"
                ),
            );
        }
    }

    fn event(&mut self, kind: EventKind, args: Vec<Ty>, span: Span) -> EventId {
        self.events.push(EventDef { kind, args, names: Vec::new(), span });
        EventId(self.events.len() as u32 - 1)
    }

    /// Reports an error, once a place and text.
    fn error(&mut self, span: Span, message: impl Into<String>) {
        self.report(Diagnostic::error(span, message));
    }

    fn warn(&mut self, span: Span, message: impl Into<String>) {
        self.report(Diagnostic::warning(span, message));
    }

    fn report(&mut self, finding: Diagnostic) {
        if finding.severity == Severity::Warning && self.type_only > 0 {
            return;
        }
        if self.said.insert((finding.span, finding.message.clone())) {
            self.diags.push(finding);
        }
    }

    /// Reports an error and is `None`, for `return self.fail(…)`.
    fn fail<T>(&mut self, span: Span, message: impl Into<String>) -> Option<T> {
        self.error(span, message);
        None
    }

    fn fail_hint<T>(&mut self, span: Span, message: impl Into<String>, hint: impl Into<String>) -> Option<T> {
        self.report(Diagnostic::error(span, message).with_hint(hint));
        None
    }
}
