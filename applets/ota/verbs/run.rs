//! `edgekit ota run`, the daemon, and `edgekit ota consent`, a person's word to it.
//!
//! Neighbours: `fleet::service` is what runs.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ArgMatches;
use edgekit_core::config::{self, FILE_ARG, Inputs, Loaded, Problems, Settings as _};
use edgekit_core::{Ctx, Environment, Error, ErrorContext, Exit, Paths, text, units};
use edgekit_rt::{Definition, Host, Service, Settings};

use crate::cli;
use crate::config::Ota;
use crate::fleet::service::{self, Fleet, Reread};

/// The configuration as it is on disk.
fn read(paths: &Paths, file: Option<&Path>) -> Result<Loaded, Problems> {
    let environment = Environment::process();
    config::load(Ota::SECTION, &Inputs { applet: "ota", paths, environment: &environment, flags: &[], file })
}

/// `edgekit ota run`.
pub(crate) fn run(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let paths = Arc::new(Paths::process());
    let file = sub.get_one::<PathBuf>(FILE_ARG).cloned();
    let loaded = read(&paths, file.as_deref()).map_err(|problems| problems.show(ctx))?;
    let config = service::checked(&loaded).map_err(|problems| problems.show(ctx))?;
    let mut settings = Settings::new(service::NAME);
    settings.metrics = config.metrics_listen;
    settings.control = Some(paths.run.clone());
    if let Some(drain) = cli::text(sub, "drain") {
        let usage = |error| Error::new(Exit::USAGE, format!("--drain: {error}"));
        settings.drain = units::parse_duration(drain).map_err(usage)?;
    }
    if let Some(format) = cli::text(sub, "log-format") {
        settings.log_format = format.parse()?;
    }
    if let Some(level) = cli::text(sub, "log-level") {
        level.clone_into(&mut settings.log_level);
    }
    let make = move || {
        let (again, file) = (Arc::clone(&paths), file.clone());
        let reread: Reread =
            Box::new(move || read(&again, file.as_deref()).map_err(|problems| service::first(&problems)));
        // Made anew after a failure: with the configuration as it is then.
        let loaded = match reread() {
            Ok(now) => now,
            Err(error) => {
                tracing::warn!("the configuration has faults, that of the start is used: {error}");
                loaded.clone()
            }
        };
        Ok(Box::new(Fleet::new(paths.as_ref().clone(), loaded, reread)) as Box<dyn Service>)
    };
    Host::new(settings, ctx.clock().clone(), vec![Definition::new(service::NAME, make)])?.run()
}

/// `edgekit ota consent`: a file beside the control socket, which the daemon takes.
pub(crate) fn consent(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let word = cli::text(sub, "word").unwrap_or("no");
    let action = cli::text(sub, "action").unwrap_or_default();
    let paths = Paths::process();
    let socket = paths.run.join(format!("{}.sock", service::NAME));
    if let Err(error) = UnixStream::connect(&socket) {
        let reason = text::io_reason(&error);
        return Err(Error::new(
            Exit::UNAVAILABLE,
            format!("no daemon listens at '{}': {reason}", socket.display()),
        )
        .hint(
            "'edgekit ota run' asks for consent when a server wants it; 'edgekit status' shows what waits",
        ));
    }
    let path = service::consent(&paths);
    let context = || format!("cannot leave the word for the daemon at '{}'", path.display());
    let beside = path.with_extension("new");
    std::fs::write(&beside, format!("{word} {action}\n")).with_context(context)?;
    std::fs::rename(&beside, &path).with_context(context)?;
    writeln!(ctx.out()?, "the server is told '{word}' when it is asked next")?;
    Ok(Exit::OK)
}
