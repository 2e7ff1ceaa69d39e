//! The pipeline: text → syntax tree → typed tree → plan → bytecode.
//!
//! Each phase is a room of its own; here they are put in a row, their findings shown, and what `-d` asks for
//! printed. Neighbours: `syntax`, `sema`, `lower`, `edgekit_bpf::emit`; `entry` runs what comes out.

use std::io::Write;

use edgekit_bpf::disasm;
use edgekit_bpf::emit::Code;
use edgekit_bpf::map::possible_cpus;
use edgekit_core::{Ctx, Error, Exit};

use crate::cli::Request;
use crate::diag::{Diagnostic, Diagnostics, Severity, SourceMap, render};
use crate::plan::Plan;
use crate::probes::Probes;
use crate::run::attach::name_of;
use crate::run::load;
use crate::run::reject::{self, Refusal};
use crate::script::Source;
use crate::sema::{self, KernelWorld};
use crate::syntax::{self, ast};
use crate::tree::{Attach, Tree};
use crate::{filter, lower};

/// A program ready for the kernel.
pub(crate) struct Compiled {
    pub sources: SourceMap,
    pub plan: Plan,
    pub codes: Vec<Code>,
}

/// Settings that the environment may give, by their names in `config = { … }`.
const SETTINGS: &[&str] = &[
    "cache_user_symbols",
    "cpp_demangle",
    "lazy_symbolication",
    "license",
    "log_size",
    "max_bpf_progs",
    "max_cat_bytes",
    "max_map_keys",
    "max_probes",
    "max_strlen",
    "missing_probes",
    "on_stack_limit",
    "perf_rb_pages",
    "print_maps_on_exit",
    "show_debug_info",
    "stack_mode",
    "str_trunc_trailer",
    "unstable_tseries",
];

/// Compiles a program. What is wrong with it has been shown when this fails.
pub(crate) fn compile(
    ctx: &mut Ctx,
    request: &Request,
    source: Source,
    probes: &Probes,
    world: &KernelWorld<'_>,
) -> Result<Compiled, Error> {
    let mut sources = SourceMap::new();
    let mut diags = Diagnostics::default();
    let script = parse(request, source, &mut sources, &mut diags)?;
    let tree = match script {
        Some(script) => {
            show_stage(ctx, request, "ast", &script)?;
            sema::analyse(&script, world, &options(request), &mut diags)
        }
        None => None,
    };
    // "No such tracepoint" would be a lie when none could be looked up.
    if tree.is_none()
        && let Some(error) = probes.failure()
    {
        return Err(reject::of_probes(&error));
    }
    tell(ctx, request, &diags, &sources);
    let Some(mut tree) = tree else { return Err(Error::already_shown(Exit::DATA)) };
    if let Some(pattern) = &request.probe_filter {
        leave_out(&mut tree, pattern)?;
    }
    show_stage(ctx, request, "tree", &tree)?;
    let plan = match lower::lower(tree, &target()?) {
        Ok(plan) => plan,
        Err(error) => {
            show(ctx, &Diagnostic::error(error.span(), error.to_string()), &sources);
            return Err(Error::already_shown(Exit::DATA));
        }
    };
    for program in &plan.programs {
        show_stage(ctx, request, "ir", &program.code)?;
    }
    let codes = match load::compile(&plan) {
        Ok(codes) => codes,
        Err(error) => match reject::of_load(error, &plan, &[]) {
            Refusal::Machine(error) => return Err(error),
            Refusal::Script { diagnostic, .. } => {
                show(ctx, &diagnostic, &sources);
                return Err(Error::already_shown(Exit::DATA));
            }
        },
    };
    if wants(request, "asm") {
        show_bytecode(ctx, &plan, &codes)?;
    }
    Ok(Compiled { sources, plan, codes })
}

fn parse(
    request: &Request,
    source: Source,
    sources: &mut SourceMap,
    diags: &mut Diagnostics,
) -> Result<Option<ast::Script>, Error> {
    let too_much = |e: crate::diag::SourceSpaceFull| Error::new(Exit::DATA, e.to_string());
    let script = syntax::parse_bytes(sources, &source.name, &source.bytes, &request.positional, diags)
        .map_err(too_much)?;
    if diags.has_errors() {
        return Ok(None);
    }
    let library = sema::library(sources).map_err(too_much)?;
    let script = syntax::expand(script, &library, &sema::is_builtin, sources, diags);
    Ok((!diags.has_errors()).then_some(script))
}

fn options(request: &Request) -> sema::Options {
    sema::Options {
        allow_unsafe: request.is_unsafe,
        pid: request.pid.map(i32::unsigned_abs),
        has_child: request.command.is_some(),
        check_helpers: request.check_helpers,
        params: request.positional.clone(),
        named: request.named.clone(),
        config: settings(),
        no_warnings: !request.warnings,
    }
}

/// Settings of the environment: `EDGEKIT_TRACE_MAX_STRLEN`, and bpftrace's `BPFTRACE_MAX_STRLEN`.
fn settings() -> Vec<(String, String)> {
    let one = |name: &&str| {
        let upper = name.to_ascii_uppercase();
        let value = std::env::var(format!("EDGEKIT_TRACE_{upper}"));
        let value = value.or_else(|_| std::env::var(format!("BPFTRACE_{upper}"))).ok()?;
        Some(((*name).to_owned(), value))
    };
    SETTINGS.iter().filter_map(one).collect()
}

fn target() -> Result<lower::Target, Error> {
    let cpus = possible_cpus().map_err(reject::of_kernel)?;
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok());
    let kernel = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    Ok(lower::Target { cpus: u32::try_from(cpus).unwrap_or(u32::MAX), kernel })
}

/// `--probe-filter`: takes out the attach points that do not match, `begin` and `end` aside.
fn leave_out(tree: &mut Tree, pattern: &str) -> Result<(), Error> {
    let filter = filter::Filter::new(pattern)
        .map_err(|e| Error::new(Exit::USAGE, format!("--probe-filter '{pattern}': {e}")))?;
    for probe in &mut tree.probes {
        probe.attach.retain(|at| matches!(at, Attach::Begin | Attach::End) || filter.is_match(&name_of(at)));
    }
    tree.probes.retain(|probe| !probe.attach.is_empty());
    if tree.probes.is_empty() {
        return Err(Error::new(Exit::DATA, format!("no probe matches --probe-filter '{pattern}'")));
    }
    Ok(())
}

/// Shows the findings; warnings only where they are wanted.
fn tell(ctx: &mut Ctx, request: &Request, diags: &Diagnostics, sources: &SourceMap) {
    if request.warnings {
        let text = diags.render(sources, ctx.stderr_paint().is_on());
        if !text.is_empty() {
            ctx.say(text.trim_end_matches('\n'));
        }
        return;
    }
    for diagnostic in diags.iter().filter(|d| d.severity == Severity::Error) {
        show(ctx, diagnostic, sources);
    }
}

/// Shows one finding.
pub(crate) fn show(ctx: &mut Ctx, diagnostic: &Diagnostic, sources: &SourceMap) {
    let text = render(diagnostic, sources, ctx.stderr_paint().is_on());
    ctx.say(text.trim_end_matches('\n'));
}

fn wants(request: &Request, stage: &str) -> bool {
    request.stages.iter().any(|wanted| wanted == stage || wanted == "all")
}

fn show_stage(
    ctx: &mut Ctx,
    request: &Request,
    stage: &str,
    made: &dyn std::fmt::Debug,
) -> Result<(), Error> {
    if wants(request, stage) {
        writeln!(ctx.out()?, "{stage}:\n{made:#?}")?;
    }
    Ok(())
}

fn show_bytecode(ctx: &mut Ctx, plan: &Plan, codes: &[Code]) -> Result<(), Error> {
    let map_name = |map: edgekit_bpf::ir::MapRef| {
        plan.maps.get(map.0 as usize).map_or_else(String::new, |spec| spec.name.clone())
    };
    let out = ctx.out()?;
    for (program, code) in plan.programs.iter().zip(codes) {
        writeln!(out, "asm of {}:\n{}", program.name, disasm::listing(code, map_name))?;
    }
    Ok(())
}
