//! From the command line to the verb: the applet's entry.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::ArgMatches;
use edgekit_core::config::{self, FILE_ARG, Inputs, Loaded, Settings as _};
use edgekit_core::{Ctx, Environment, Error, Exit, Paths};
use edgekit_rt::{Definition, Host, Settings};
use edgekit_tls::Outcome;
use std::io::Write;

use crate::config::Config;
use crate::service::{Good, Proxy, Source, port, takes_datagrams};
use crate::{certs, cli, log, names, running, top, view};

pub(crate) fn entry(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    match matches.subcommand() {
        Some(("run", matches)) => {
            let source = Source::Files(matches.get_one::<PathBuf>(FILE_ARG).cloned());
            let good = load(&source, ctx)?;
            run(source, good, instance(matches), true, ctx)
        }
        Some(("certs", matches)) => certs::command(matches, ctx),
        Some(("top", matches)) => top::command(matches, ctx),
        Some(("routes", matches)) => view::command("routes", matches, ctx),
        Some(("clusters", matches)) => view::command("clusters", matches, ctx),
        Some(("status", matches)) => running::status(matches, ctx),
        Some(("drain", matches)) => running::drain(matches, ctx),
        Some(("check", matches)) => {
            let source = Source::Files(matches.get_one::<PathBuf>(FILE_ARG).cloned());
            if matches.get_flag("diff") {
                let good = load(&source, ctx)?;
                return running::difference(&good.loaded, matches, ctx);
            }
            check(source, ctx)
        }
        _ => {
            let source = Source::Text(cli::one_liner(matches)?);
            if matches.get_flag("dry-run") {
                return check(source, ctx);
            }
            let good = load(&source, ctx)?;
            let instance = instance(matches);
            let has_socket = instance.is_some();
            run(source, good, instance, has_socket, ctx)
        }
    }
}

fn instance(matches: &ArgMatches) -> Option<String> {
    matches.get_one::<String>("instance").cloned()
}

impl Source {
    /// Reads it as it is now.
    pub(crate) fn load(&self) -> Result<Loaded, config::Problems> {
        match self {
            Source::Text(text) => {
                config::parse(Config::SECTION, "proxy", "the command line", text.clone().into_bytes())
            }
            Source::Files(file) => {
                let (paths, environment) = (Paths::process(), Environment::process());
                let file = file.as_deref();
                let inputs =
                    Inputs { applet: "proxy", paths: &paths, environment: &environment, flags: &[], file };
                config::load(Config::SECTION, &inputs)
            }
        }
    }
}

fn load(source: &Source, ctx: &mut Ctx) -> Result<Good, Error> {
    let checked = source.load().and_then(|loaded| Good::check(loaded, None, ctx.clock()));
    checked.map_err(|problems| problems.show(ctx))
}

fn check(source: Source, ctx: &mut Ctx) -> Result<Exit, Error> {
    let Good { loaded, config, materials, said, .. } = load(&source, ctx)?;
    let expired = certs::expired(&loaded, &materials, ctx.clock());
    if let Err(problems) = expired.or(()) {
        return Err(problems.show(ctx));
    }
    for report in &said {
        if let Outcome::Swapped { warnings, .. } = &report.outcome {
            for warning in warnings {
                ctx.warn(warning);
            }
        }
    }
    for problem in names::unknown(&loaded, &config)? {
        ctx.warn(problem);
    }
    if let Some(path) = &config.access_log.path
        && let Err(reason) = log::can_open(path)
    {
        let mut problems = config::Problems::default();
        problems.push(loaded.problem("access_log.path", format!("cannot write the access log: {reason}")));
        return Err(problems.show(ctx));
    }
    let places = match &source {
        Source::Text(_) => "the command line".to_owned(),
        Source::Files(_) => {
            let files: Vec<String> = loaded.files().iter().map(|file| file.display().to_string()).collect();
            files.join(", ")
        }
    };
    let (listeners, routes, clusters) = (config.listener.len(), config.route.len(), config.cluster.len());
    let counts = format!("{listeners} listeners, {routes} routes, {clusters} clusters");
    writeln!(ctx.out()?, "{places}: no fault; {counts}")?;
    Ok(Exit::OK)
}

/// Threads that carry traffic, where the file leaves it to us.
fn workers(config: &Config) -> NonZeroUsize {
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(2);
    let wanted = if config.workers == 0 { cores() } else { usize::from(config.workers) };
    NonZeroUsize::new(wanted).unwrap_or(NonZeroUsize::MIN)
}

fn run(
    source: Source,
    good: Good,
    instance: Option<String>,
    has_socket: bool,
    ctx: &mut Ctx,
) -> Result<Exit, Error> {
    let mut settings = Settings::new("proxy");
    settings.instance = instance;
    settings.drain = good.config.drain_timeout;
    settings.metrics = good.config.metrics_listen;
    settings.control = has_socket.then(|| Paths::process().run);
    let workers = workers(&good.config);
    let addresses: Vec<_> = good
        .config
        .listener
        .iter()
        .map(|(name, listener)| (name.clone(), listener.address, takes_datagrams(listener)))
        .collect();
    let names = addresses.iter().map(|(name, ..)| Arc::from(name.as_str())).collect::<Vec<Arc<str>>>();
    let began_with = good.loaded.given();
    let good = Arc::new(Mutex::new(good.settled()));
    let make = move || {
        let proxy =
            Proxy::new(source.clone(), good.clone(), began_with.clone(), names.clone(), workers.get());
        Ok(Box::new(proxy) as Box<dyn edgekit_rt::Service>)
    };
    let definition = Definition::new("proxy", make).open(move |ports| {
        addresses.into_iter().try_for_each(|(name, address, is_udp)| match is_udp {
            true => ports.bind_udp(&port(&name), address),
            false => ports.listen_shared(&port(&name), address, workers),
        })
    });
    Host::new(settings, ctx.clock().clone(), vec![definition])?.run()
}
