//! From the command line to the verb: the applet's entry.
//!
//! Neighbours: `cli` says what may be typed; each verb has a room of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ArgMatches;
use edgekit_core::config::{self as configuration, Inputs, Loaded, Settings as _};
use edgekit_core::{Ctx, Environment, Error, Exit, Paths, units};
use edgekit_rt::{Definition, Host, Settings};
use edgekit_rules::Options;

use crate::service::{self, Places, Reread, Rules};
use crate::{check, cli, config, examples, explain, fixture, live, load, recording, replay};

pub(crate) fn entry(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    match matches.subcommand() {
        Some(("check", sub)) => {
            let setting = Setting::load(sub, ctx)?;
            check::run(ctx, &setting.paths(sub), &setting.options(ctx), sub.get_flag(cli::JSON))
        }
        Some(("test", sub)) => {
            let setting = Setting::load(sub, ctx)?;
            let wanted = fixture::Wanted {
                paths: setting.paths(sub),
                junit: sub.get_one::<PathBuf>("junit").cloned(),
                coverage: sub.get_flag("coverage"),
                json: sub.get_flag(cli::JSON),
            };
            fixture::run(ctx, &wanted, &setting.config)
        }
        Some(("run", sub)) => run(sub, ctx),
        Some(("list", sub)) => live::list(ctx, cli::text(sub, cli::INSTANCE), sub.get_flag(cli::JSON)),
        Some(("watch", sub)) => {
            let wanted = live::Wanted {
                instance: cli::text(sub, cli::INSTANCE).map(str::to_owned),
                only: sub.get_many::<String>("only").into_iter().flatten().cloned().collect(),
                count: sub.get_one::<u64>("count").copied(),
                json: sub.get_flag(cli::JSON),
            };
            live::watch(ctx, &wanted)
        }
        Some(("explain", sub)) => {
            let setting = Setting::load(sub, ctx)?;
            let format = cli::text(sub, "format").unwrap_or("text");
            explain::run(ctx, &setting.paths(sub), &setting.options(ctx), format)
        }
        Some(("record", sub)) => {
            let wanted = recording::Wanted {
                file: file(sub)?,
                instance: cli::text(sub, cli::INSTANCE).map(str::to_owned),
                lasts: cli::text(sub, "for").map(|text| duration("for", text)).transpose()?,
                events: sub.get_one::<u64>("events").copied(),
            };
            recording::record(ctx, &wanted)
        }
        Some(("replay", sub)) => {
            let setting = Setting::load(sub, ctx)?;
            let against = sub.get_one::<PathBuf>("against").cloned();
            let folder = against.unwrap_or_else(|| setting.folder());
            replay::run(ctx, &file(sub)?, &folder, &setting.config, sub.get_flag(cli::JSON))
        }
        Some(("examples", sub)) => match (sub.get_one::<PathBuf>("write"), cli::text(sub, "name")) {
            (Some(folder), _) => examples::write(ctx, folder),
            (None, Some(name)) => examples::print(ctx, name),
            (None, None) => examples::list(ctx),
        },
        _ => Err(Error::new(Exit::USAGE, "no verb").hint("see 'edgekit rules --help'")),
    }
}

fn file(sub: &ArgMatches) -> Result<PathBuf, Error> {
    sub.get_one::<PathBuf>("file").cloned().ok_or_else(|| Error::new(Exit::USAGE, "no file"))
}

fn duration(option: &str, text: &str) -> Result<Duration, Error> {
    units::parse_duration(text).map_err(|error| Error::new(Exit::USAGE, format!("--{option}: {error}")))
}

/// The configuration as a verb finds it.
struct Setting {
    config: config::Rules,
    places: Paths,
}

impl Setting {
    fn load(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Setting, Error> {
        let places = Paths::process();
        let config = loaded(sub, &places, ctx)?.get()?;
        Ok(Setting { config, places })
    }

    fn folder(&self) -> PathBuf {
        load::folder(&self.config, &self.places.config)
    }

    /// The paths that were given, else the folder.
    fn paths(&self, sub: &ArgMatches) -> Vec<PathBuf> {
        match cli::given_paths(sub) {
            given if given.is_empty() => vec![self.folder()],
            given => given,
        }
    }

    fn options(&self, ctx: &Ctx) -> Options {
        load::options(&self.config, ctx.clock())
    }
}

fn loaded(sub: &ArgMatches, places: &Paths, ctx: &mut Ctx) -> Result<Loaded, Error> {
    let environment = Environment::process();
    let file = sub.get_one::<PathBuf>(configuration::FILE_ARG).map(PathBuf::as_path);
    read(places, &environment, file).map_err(|problems| problems.show(ctx))
}

/// The configuration of this place.
pub(crate) fn read(
    places: &Paths,
    environment: &Environment,
    file: Option<&std::path::Path>,
) -> Result<Loaded, configuration::Problems> {
    let inputs = Inputs { applet: "rules", paths: places, environment, flags: &[], file };
    configuration::load(config::Rules::SECTION, &inputs)
}

fn run(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let places = Paths::process();
    let loaded = loaded(sub, &places, ctx)?;
    let config: config::Rules = loaded.get()?;
    let instance = cli::text(sub, cli::INSTANCE).map(str::to_owned);
    let mut settings = Settings::new(service::NAME);
    settings.metrics = config.metrics_listen;
    settings.control = Some(places.run.clone());
    settings.instance.clone_from(&instance);
    if let Some(drain) = cli::text(sub, "drain") {
        settings.drain = duration("drain", drain)?;
    }
    if let Some(format) = cli::text(sub, "log-format") {
        settings.log_format = format.parse()?;
    }
    if let Some(level) = cli::text(sub, "log-level") {
        level.clone_into(&mut settings.log_level);
    }
    let state = match &instance {
        Some(instance) => format!("rules@{instance}"),
        None => "rules".to_owned(),
    };
    let here = Places {
        folder: load::folder(&config, &places.config),
        state: places.state.join(state),
        bus: places.run.join(service::file_name(instance.as_deref())),
    };
    let file = sub.get_one::<PathBuf>(configuration::FILE_ARG).cloned();
    let places = Arc::new(places);
    let make = move || {
        let (places, file) = (Arc::clone(&places), file.clone());
        let reread: Reread = Box::new(move || {
            let read = read(&places, &Environment::process(), file.as_deref());
            read.map_err(|problems| {
                let first = problems.0.first().map(ToString::to_string).unwrap_or_default();
                Error::new(Exit::CONFIG, first).hint("'edgekit config show rules' shows every fault")
            })
        });
        // Made anew after a failure: with the configuration as it is then.
        let loaded = match reread() {
            Ok(now) => now,
            Err(error) => {
                tracing::warn!("the configuration has faults, that of the start is used: {error}");
                loaded.clone()
            }
        };
        Ok(Box::new(Rules::new(here.clone(), loaded, reread)) as Box<dyn edgekit_rt::Service>)
    };
    Host::new(settings, ctx.clock().clone(), vec![Definition::new(service::NAME, make)])?.run()
}
