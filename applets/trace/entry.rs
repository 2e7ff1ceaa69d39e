//! From the command line to the verb: the applet's entry.
//!
//! Neighbours: `cli` reads the options, `compile` makes the plan, `run` runs it; `list`, `doctor` and `tools` are
//! the verbs that trace nothing.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::rc::Rc;

use clap::ArgMatches;
use edgekit_core::{Ctx, Error, ErrorContext, Exit, json, text};

use crate::cli::{Buffering, OutputFormat, Refused, Request, Script};
use crate::compile::{self, Compiled};
use crate::output::{BpftraceJson, Output, OwnJson, Sink, Text};
use crate::probes::Probes;
use crate::run::judge::Judge;
use crate::run::reject::{self, Refusal};
use crate::run::session::{self, Job, Options, RunError};
use crate::run::{load, target};
use crate::script::{self, ReadError};
use crate::sema::{KernelWorld, Member, World};
use crate::symbols::System;
use crate::ty::{Field, Struct};
use crate::{doctor, list, tools};

/// Bytes that cat() reads at most, unless the environment says otherwise.
const MAX_CAT_BYTES: u64 = 10 * 1024;

pub(crate) fn entry(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    match matches.subcommand() {
        Some(("doctor", sub)) => return doctor::run(ctx, sub.get_flag("json")),
        Some(("list", sub)) => {
            let pattern = sub.get_one::<String>("pattern").map(String::as_str);
            return list_probes(ctx, pattern, sub.get_flag("verbose"));
        }
        Some(("tools", sub)) => return list_tools(ctx, sub.get_flag("json")),
        Some(("explain", sub)) => {
            return explain(ctx, sub.get_one::<String>("tool").map_or("", String::as_str));
        }
        _ if matches.get_flag("info") => return doctor::info(ctx),
        _ => {}
    }
    let request = match Request::from_matches(matches) {
        Ok(request) => request,
        Err(Refused::Ours(error)) => return Err(error),
        Err(Refused::Theirs(message)) => return Err(in_their_words(ctx, &message, Exit::USAGE)),
    };
    match (&request.script, request.list) {
        (None, _) => list_probes(ctx, None, request.verbose),
        (Some(Script::File(path)), true) if !path.exists() => {
            list_probes(ctx, Some(&path.to_string_lossy()), request.verbose)
        }
        (Some(script), true) => list_program(ctx, &request, script),
        (Some(script), false) => trace(ctx, &request, script),
    }
}

/// A message that programs written for bpftrace look for.
fn in_their_words(ctx: &mut Ctx, message: &str, exit: Exit) -> Error {
    ctx.say(format_args!("ERROR: {message}"));
    Error::already_shown(exit)
}

fn list_probes(ctx: &mut Ctx, pattern: Option<&str>, verbose: bool) -> Result<Exit, Error> {
    let found = list::list(&Probes::new(), pattern, verbose, ctx.out()?)?;
    Ok(if found { Exit::OK } else { Exit::NO })
}

/// `-l` with a program: the probes it would attach.
fn list_program(ctx: &mut Ctx, request: &Request, script: &Script) -> Result<Exit, Error> {
    let probes = Probes::new();
    let Compiled { plan, .. } = compile(ctx, request, script, &probes, &KernelWorld::new(&probes))?;
    list::of_plan(&probes, &plan, request.verbose, ctx.out()?)?;
    Ok(Exit::OK)
}

fn list_tools(ctx: &mut Ctx, as_json: bool) -> Result<Exit, Error> {
    let out = ctx.out()?;
    for tool in tools::TOOLS {
        if as_json {
            let value = serde_json::json!({ "name": tool.name, "about": tool.about() });
            json::write_line(out, "trace.tool", value)?;
        } else {
            writeln!(out, "{:<12} {}", tool.name, tool.about())?;
        }
    }
    Ok(Exit::OK)
}

fn explain(ctx: &mut Ctx, name: &str) -> Result<Exit, Error> {
    let Some(tool) = tools::find(name) else {
        let error = Error::new(Exit::NO_INPUT, format!("there is no tool '{name}'"));
        return Err(match text::nearest(name, tools::TOOLS.iter().map(|tool| tool.name)) {
            Some(near) => error.hint(format!("did you mean '{near}'?")),
            None => error.hint("'edgekit trace tools' lists them"),
        });
    };
    write!(ctx.out()?, "{}\n{}", tool.manual(), tool.program())?;
    Ok(Exit::OK)
}

/// Text to plan; everything wrong with the program has been said when this fails.
fn compile(
    ctx: &mut Ctx,
    request: &Request,
    script: &Script,
    probes: &Probes,
    world: &KernelWorld<'_>,
) -> Result<Compiled, Error> {
    let source = match script::read(script) {
        Ok(source) => source,
        Err(ReadError::Open(message)) => {
            let error = in_their_words(ctx, &message, Exit::NO_INPUT);
            if let Some(name) = meant(script) {
                ctx.say(format_args!("HINT: did you mean '{name}'?"));
            }
            return Err(error);
        }
        Err(ReadError::Other(error)) => return Err(error),
    };
    compile::compile(ctx, request, source, probes, world)
}

/// The tool or verb that a file that is not there may have meant.
fn meant(script: &Script) -> Option<&'static str> {
    let Script::File(path) = script else { return None };
    let names = tools::TOOLS.iter().map(|tool| tool.name).chain(["doctor", "list", "tools", "explain"]);
    text::nearest(path.to_str()?, names)
}

fn trace(ctx: &mut Ctx, request: &Request, script: &Script) -> Result<Exit, Error> {
    let probes = Probes::new();
    let process = request.pid.map(target::watch).transpose()?.flatten();
    let world = KernelWorld::new(&probes);
    let compiled = compile(ctx, request, script, &probes, &world)?;
    let Compiled { sources, plan, codes, .. } = &compiled;
    if !request.stages.is_empty() {
        return Ok(Exit::OK);
    }
    let judge = if request.hooks.is_empty() { None } else { Some(judge(ctx, request)?) };
    let maps = match load::Maps::create(plan, codes, request.ring_bytes) {
        Ok(maps) => maps,
        Err(error) => return refused(ctx, request, error, &compiled),
    };
    let programs = load::programs(plan, codes, &maps, request.verbose);
    let programs = match programs {
        Ok(programs) => programs,
        Err(error) => return refused(ctx, request, error, &compiled),
    };
    for loaded in programs.iter().filter(|_| request.verbose) {
        ctx.say(format_args!("{}:\n{}", loaded.program.name(), loaded.log.trim_end()));
    }
    if request.dry_run {
        return Ok(Exit::OK);
    }
    let frames = |id: u32| frames(plan, &maps, id);
    let timezone = std::env::var("TZ").ok();
    let members = |id: u32| members(&world, id);
    let resolver = System::new(ctx.clock(), timezone).with_frames(frames).with_members(members);
    let job = Job {
        plan,
        codes,
        sources,
        probes: &probes,
        maps: &maps,
        programs,
        resolver: &resolver,
        output: output(ctx, request)?,
        clock: ctx.clock().clone(),
        child: request.command.as_deref().map(target::child).transpose()?,
        process,
        judge,
        options: Options {
            quiet: request.quiet,
            warnings: request.warnings,
            flush: request.buffering != Buffering::Full,
            faults: request.check_helpers || request.verbose,
            max_cat_bytes: max_cat_bytes(),
            notify: std::env::var_os("__BPFTRACE_NOTIFY_PROBES_ATTACHED").is_some(),
        },
    };
    match session::run(job) {
        Ok(code) => Ok(Exit::code(code)),
        Err(error) => failed(error),
    }
}

/// What the hooks make of the run's output.
#[cfg(feature = "hooks")]
fn judge(ctx: &mut Ctx, request: &Request) -> Result<Box<dyn Judge>, Error> {
    crate::hooks::open(ctx, &request.hooks, &request.hook_allow)
}

#[cfg(not(feature = "hooks"))]
fn judge(_: &mut Ctx, _: &Request) -> Result<Box<dyn Judge>, Error> {
    Err(Error::new(Exit::USAGE, "--hook: this edgekit was built without rules"))
}

fn max_cat_bytes() -> u64 {
    let set = |name: &str| std::env::var(name).ok()?.parse().ok();
    set("EDGEKIT_TRACE_MAX_CAT_BYTES").or_else(|| set("BPFTRACE_MAX_CAT_BYTES")).unwrap_or(MAX_CAT_BYTES)
}

/// The addresses of a kept stack.
fn frames(plan: &crate::plan::Plan, maps: &load::Maps, id: u32) -> Option<Vec<u64>> {
    let value = maps.get(plan.stacks?)?.lookup(&id.to_ne_bytes()).ok()??;
    let words = value.chunks_exact(8).filter_map(|b| b.try_into().ok()).map(u64::from_ne_bytes);
    Some(words.take_while(|address| *address != 0).collect())
}

/// The members of a kernel type that a program prints whole.
fn members(world: &KernelWorld<'_>, id: u32) -> Option<Rc<[Field]>> {
    let of = Struct { name: String::new(), size: 0, align: 1, fields: Vec::new(), btf_id: Some(id) };
    let field = |name: String| {
        let Member { ty, offset, bits } = world.kernel_member(&of, &name)?;
        Some(Field { name, ty, offset, bits })
    };
    Some(world.kernel_member_names(&of).into_iter().filter_map(field).collect())
}

/// Where and how the run prints.
fn output(ctx: &mut Ctx, request: &Request) -> Result<Box<dyn Output>, Error> {
    let to = match &request.output {
        Some(path) => File::create(path).map_err(|e| {
            let error = Error::from(e).context(format!("cannot create '{}'", path.display()));
            error.with_exit(Exit::CANT_CREATE)
        })?,
        None => File::from(io::stdout().as_fd().try_clone_to_owned().context("standard output is closed")?),
    };
    let terminal = request.output.is_none() && ctx.stdout_is_tty();
    let eager = terminal || request.buffering == Buffering::None;
    let sink = Sink::new(to, eager);
    Ok(match request.format {
        OutputFormat::Text => {
            let errors = Sink::new(io::stderr(), true);
            Box::new(Text::new(sink, errors, ctx.stderr_paint().is_on()))
        }
        OutputFormat::Json => Box::new(BpftraceJson::new(sink)),
        OutputFormat::Schema => Box::new(OwnJson::new(sink)),
    })
}

/// Says why the kernel refused, at the place in the script where that is known.
fn refused(
    ctx: &mut Ctx,
    request: &Request,
    error: load::LoadError,
    compiled: &Compiled,
) -> Result<Exit, Error> {
    match reject::of_load(error, &compiled.plan, &compiled.codes) {
        Refusal::Script { diagnostic, log } => {
            if let Some(log) = log.filter(|_| request.verbose) {
                ctx.say(log.trim_end());
            }
            compile::show(ctx, &diagnostic, &compiled.sources);
            Err(Error::already_shown(Exit::DATA))
        }
        Refusal::Machine(error) if request.dry_run && error.exit() == Exit::NO_PERMISSION => {
            ctx.warn(format_args!("compiled, but not loaded: {error}"));
            Ok(Exit::OK)
        }
        Refusal::Machine(error) => Err(error),
    }
}

fn failed(error: RunError) -> Result<Exit, Error> {
    match error {
        // The reader has seen enough.
        RunError::Output(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::OK),
        RunError::Output(e) => Err(Error::from(e).context("cannot write the output").with_exit(Exit::IO)),
        RunError::Attach(e) => Err(reject::of_attach(e)),
        RunError::Kernel(e) => Err(reject::of_kernel(e)),
        RunError::Child(e) => Err(Error::from(e).context("cannot run the command")),
        RunError::Signals(e) => Err(Error::from(e).context("cannot listen to signals")),
        RunError::Format(e) => Err(Error::new(Exit::BUG, format!("a format that was checked is wrong: {e}"))),
    }
}
