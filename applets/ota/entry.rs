//! From the command line to the verb: the applet's entry, and how its words are read.
//!
//! Neighbours: `cli` says what may be typed; each verb has a room of its own in `verbs`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::ArgMatches;
use edgekit_core::config::{self as configuration, FILE_ARG, Flag, Inputs, Settings as _};
use edgekit_core::{Ctx, Environment, Error, Exit, Paths};

use crate::bundle::source::{self, Fetching, FileSource, HttpSource, Source};
use crate::config::Ota;
use crate::device::Updater;
use crate::fault::Fault;
use crate::halt::Halt;
use crate::keys::list::List;
use crate::keys::{self, Opener, SecretKey};
use crate::moment::Moment;
use crate::trust::{self, KeyTrust};
use crate::{cli, verbs};

pub(crate) fn entry(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let none = || Error::new(Exit::USAGE, "no verb").hint("see 'edgekit ota --help'");
    match matches.subcommand() {
        Some(("keygen", sub)) => verbs::keys::keygen(sub, ctx),
        Some(("keys", sub)) => match sub.subcommand() {
            Some(("create", sub)) => verbs::keys::create(sub, ctx),
            Some(("sign", sub)) => verbs::keys::sign(sub, ctx),
            _ => Err(none()),
        },
        Some(("apply", sub)) => verbs::apply::apply(sub, ctx),
        Some(("plan", sub)) => verbs::apply::plan(sub, ctx),
        Some(("simulate", sub)) => verbs::simulate::run(sub, ctx),
        Some(("status", sub)) => verbs::status::run(sub, ctx),
        Some(("commit", sub)) => verbs::decide::commit(sub, ctx),
        Some(("rollback", sub)) => verbs::decide::rollback(sub, ctx),
        Some(("mark-bad", sub)) => verbs::decide::mark_bad(sub, ctx),
        Some(("unblock", sub)) => verbs::decide::unblock(sub, ctx),
        Some(("settle", sub)) => verbs::decide::settle(sub, ctx),
        Some(("run", sub)) => verbs::run::run(sub, ctx),
        Some(("consent", sub)) => verbs::run::consent(sub, ctx),
        Some(("bundle", sub)) => match sub.subcommand() {
            Some(("create", sub)) => verbs::create::run(sub, ctx),
            Some(("sign", sub)) => verbs::sign::sign(sub, ctx),
            Some(("resign", sub)) => verbs::sign::resign(sub, ctx),
            Some(("verify", sub)) => verbs::verify::run(sub, ctx),
            Some(("inspect", sub)) => verbs::inspect::run(sub, ctx),
            Some(("diff", sub)) => verbs::diff::run(sub, ctx),
            Some(("extract", sub)) => verbs::extract::run(sub, ctx),
            _ => Err(none()),
        },
        _ => Err(none()),
    }
}

/// The device as it is configured, for verbs that take no bundle: nobody is asked whom to believe. `is_read` changes
/// nothing.
pub(crate) fn updater(sub: &ArgMatches, ctx: &mut Ctx, is_read: bool) -> Result<Updater, Error> {
    let updater = Updater::open(config(sub, ctx)?, &Paths::process(), ctx.clock(), is_read)?;
    updater.state.notes().iter().for_each(|note| ctx.warn(note));
    Ok(updater)
}

/// The same, believing whom the command line or the configuration says.
pub(crate) fn believer(sub: &ArgMatches, ctx: &mut Ctx, is_read: bool) -> Result<Updater, Error> {
    let paths = Paths::process();
    let mut updater = updater(sub, ctx, is_read)?;
    if sub.contains_id("key") || sub.contains_id("keys") {
        updater.trust = Some(Box::new(trusted(sub)?));
        updater.openers = updater.opener(&paths)?;
    } else {
        updater.believe(&paths)?;
        updater.trust.as_ref().ok_or_else(|| nobody(&paths))?;
    }
    if sub.contains_id(cli::DECRYPT) {
        updater.openers = openers(sub)?;
    }
    Ok(updater)
}

/// The path that a verb is about.
pub(crate) fn file(sub: &ArgMatches, id: &str) -> PathBuf {
    sub.get_one::<PathBuf>(id).cloned().unwrap_or_default()
}

/// The value of an option, if it was given.
pub(crate) fn value<T: FromStr<Err = String>>(sub: &ArgMatches, id: &str) -> Result<Option<T>, Error> {
    named(sub, id, &format!("--{id}"))
}

/// The value of an option or a word, called so in messages.
pub(crate) fn named<T: FromStr<Err = String>>(
    sub: &ArgMatches,
    id: &str,
    name: &str,
) -> Result<Option<T>, Error> {
    let usage = |error| Error::new(Exit::USAGE, format!("{name}: {error}"));
    cli::text(sub, id).map(|text| text.parse().map_err(usage)).transpose()
}

/// The options of [`cli::network`], and the keys they stand for.
const LIMITS: [(&str, &str); 3] = [("max-bytes", "max_bytes"), ("max-time", "max_time"), ("rate", "rate")];

/// The configuration, with the limits of the command line over it.
pub(crate) fn config(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Ota, Error> {
    let flag = |(id, key): (&str, &str)| {
        let value = sub.try_get_one::<String>(id).ok().flatten()?.clone();
        Some(Flag { name: format!("--{id}"), key: vec!["download".to_owned(), key.to_owned()], value })
    };
    let flags: Vec<Flag> = LIMITS.into_iter().filter_map(flag).collect();
    let (paths, environment) = (Paths::process(), Environment::process());
    let file = sub.get_one::<PathBuf>(FILE_ARG).map(PathBuf::as_path);
    let inputs = Inputs { applet: "ota", paths: &paths, environment: &environment, flags: &flags, file };
    let loaded = configuration::load(Ota::SECTION, &inputs).map_err(|problems| problems.show(ctx))?;
    loaded.get()
}

/// Where a bundle comes from: a file, standard input or a server. `halt` ends its waiting.
pub(crate) fn bundle(sub: &ArgMatches, ctx: &mut Ctx, halt: Halt) -> Result<Box<dyn Source>, Error> {
    let word = file(sub, cli::FILE);
    if !source::is_url(&word) {
        if let Some((scheme, _)) = word.to_string_lossy().split_once("://").filter(|_| !word.exists()) {
            return Err(Error::new(Exit::USAGE, format!("'{}' is no address of a bundle: '{scheme}' is not known", word.display()))
                .hint("bundles are fetched by http and https; anything else is fetched by its own program and piped in as -"));
        }
        return Ok(Box::new(FileSource::open(&word)?));
    }
    let config = config(sub, ctx)?;
    let fetching = Fetching::new(&config.download, &Paths::process(), ctx.clock())?;
    Ok(Box::new(HttpSource::open(&word.to_string_lossy(), &fetching, halt)?))
}

/// The keys to sign with.
pub(crate) fn secrets(sub: &ArgMatches) -> Result<Vec<SecretKey>, Fault> {
    cli::paths(sub, cli::SIGN).iter().map(|path| keys::read_secret(path)).collect()
}

/// The keys to open with.
pub(crate) fn openers(sub: &ArgMatches) -> Result<Vec<Opener>, Fault> {
    cli::paths(sub, cli::DECRYPT).iter().map(|path| keys::secrecy::read_secret(path)).collect()
}

/// The lists of keys to bring along.
pub(crate) fn lists(sub: &ArgMatches) -> Result<Vec<List>, Fault> {
    let lists: Vec<List> =
        cli::paths(sub, cli::LISTS).iter().map(|path| trust::read_list(path)).collect::<Result<_, _>>()?;
    for pair in lists.windows(2) {
        if !pair[1].follows(&pair[0].keys) {
            let (number, before) = (pair[1].keys.number, pair[0].keys.number);
            return Err(Fault::Untrusted(
                format!("list {number} of keys does not follow list {before}"),
                "sign it with enough keys of both: 'edgekit ota keys sign'",
            ));
        }
    }
    Ok(lists)
}

/// Whom to believe.
pub(crate) fn trusted(sub: &ArgMatches) -> Result<KeyTrust, Error> {
    let keys = cli::paths(sub, "key");
    if !keys.is_empty() {
        return Ok(KeyTrust::files(&keys, threshold(sub, keys.len())?)?);
    }
    let paths = Paths::process();
    let standard = trust::standard(&paths);
    match sub.get_one::<PathBuf>("keys") {
        Some(list) => Ok(KeyTrust::list(list)?),
        None if standard.exists() => Ok(KeyTrust::list(&standard)?),
        None => Err(nobody(&paths)),
    }
}

/// How many of so many keys must sign.
pub(crate) fn threshold(sub: &ArgMatches, keys: usize) -> Result<u32, Error> {
    match sub.get_one::<u32>("threshold").copied().unwrap_or(1) {
        many if many as usize > keys => {
            Err(Error::new(Exit::USAGE, format!("--threshold {many} is more than there are keys: {keys}"))
                .hint("give as many keys as have to sign, or more"))
        }
        threshold => Ok(threshold),
    }
}

/// Neither the command line nor a file says whom to believe.
fn nobody(paths: &Paths) -> Error {
    let standard = trust::standard(paths);
    Error::new(Exit::USAGE, "there is nobody to believe").hint(format!(
        "give --key FILE or --keys LIST, or put a list ('edgekit ota keys create') at '{}'",
        standard.display()
    ))
}

/// The time, in seconds.
pub(crate) fn now(ctx: &Ctx) -> Moment {
    Moment(ctx.clock().wall().as_secs())
}
