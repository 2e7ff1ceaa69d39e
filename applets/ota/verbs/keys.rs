//! `ota keygen`, `ota keys create`, `ota keys sign`: pairs of keys, and lists of those that count.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use edgekit_core::{Ctx, Error, Exit, json};
use edgekit_store::{Disk, publish};

use crate::entry::{file, secrets, threshold, value};
use crate::fault::Fault;
use crate::keys::list::{Keys, List};
use crate::keys::{generate, read_public, secrecy};
use crate::{cli, trust};

pub(crate) fn keygen(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let name = file(sub, "name");
    if let Some(ending) = name.extension().filter(|ending| *ending == "key" || *ending == "pub") {
        let without = name.with_extension("");
        return Err(Error::new(
            Exit::USAGE,
            format!("NAME is without an ending, and '{}' has .{}", name.display(), ending.display()),
        )
        .hint(format!("'edgekit ota keygen {}' makes both files", without.display())));
    }
    let ending = |ending: &str| {
        let mut path = name.clone().into_os_string();
        path.push(ending);
        PathBuf::from(path)
    };
    let (secret, public) = (ending(".key"), ending(".pub"));
    let reads = sub.get_flag("encryption");
    let made = if reads { secrecy::generate(&secret, &public) } else { generate(&secret, &public) };
    let key = made.map_err(|fault| match fault {
        Fault::Io { ref source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists => {
            Error::from(fault).hint("choose another name: no key is ever replaced")
        }
        fault => Error::from(fault),
    })?;
    if sub.get_flag(cli::JSON) {
        let value = serde_json::json!({
            "key": key.to_string(), "secret_file": secret.display().to_string(),
            "public_file": public.display().to_string(),
        });
        json::write_line(ctx.out()?, "ota.key", value)?;
    } else {
        use std::io::Write;
        writeln!(ctx.out()?, "{key}")?;
        let (does, secret, public) =
            (if reads { "opens" } else { "signs" }, secret.display(), public.display());
        ctx.say(format_args!("'{secret}' {does}; keep it secret. '{public}' is for everybody"));
    }
    Ok(Exit::OK)
}

pub(crate) fn create(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let out = file(sub, cli::FILE);
    if out.exists() && trust::read_list(&out).is_err() {
        return Err(Error::new(
            Exit::CANT_CREATE,
            format!("'{}' is there already, and is no list of keys", out.display()),
        )
        .hint("the list is the first word: name another file, or remove this one"));
    }
    let before = sub.get_one::<PathBuf>("after").map(|path| trust::read_list(path)).transpose()?;
    let keys = cli::paths(sub, "key").iter().map(|path| read_public(path)).collect::<Result<Vec<_>, _>>()?;
    let keys = Keys {
        format: 1,
        number: before.as_ref().map_or(1, |before| before.keys.number + 1),
        threshold: threshold(sub, keys.len())?,
        expires: value(sub, "expires")?,
        keys,
    };
    let mut list = List::new(keys)?;
    secrets(sub)?.iter().for_each(|key| list.signed.sign(key));
    write(&out, &list)?;
    count(ctx, &list, &list.keys, "its own keys");
    if let Some(before) = before {
        count(ctx, &list, &before.keys, "the keys of the list before it");
    }
    Ok(Exit::OK)
}

pub(crate) fn sign(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let path = file(sub, cli::FILE);
    let mut list = trust::read_list(&path)?;
    secrets(sub)?.iter().for_each(|key| list.signed.sign(key));
    write(&path, &list)?;
    count(ctx, &list, &list.keys, "its own keys");
    Ok(Exit::OK)
}

/// Says how many of the signatures it takes a list has.
fn count(ctx: &mut Ctx, list: &List, keys: &Keys, whose: &str) {
    let number = list.keys.number;
    match list.signed.count(&keys.keys) {
        Ok(count) => ctx.say(format_args!(
            "list {number} has {count} of the {} signatures of {whose} it takes",
            keys.threshold
        )),
        Err(key) => ctx.say(format_args!("list {number} is not what key {key} signed")),
    }
}

fn write(path: &Path, list: &List) -> Result<(), Error> {
    Ok(publish::file(&Disk, path, list.signed.to_text().as_bytes(), 0o644).map_err(Fault::from)?)
}
