//! `ota keygen`, `ota keys create`, `ota keys sign`: pairs of keys, and lists of those that count.

use std::path::PathBuf;

use clap::ArgMatches;
use edgekit_core::{Ctx, Error, Exit, json};
use edgekit_store::{Disk, publish};

use crate::entry::{file, secrets, value};
use crate::fault::Fault;
use crate::keys::list::{Keys, List};
use crate::keys::{generate, read_public, secrecy};
use crate::{cli, trust};

pub(crate) fn keygen(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let name = file(sub, "name");
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

pub(crate) fn create(sub: &ArgMatches) -> Result<Exit, Error> {
    let before = sub.get_one::<PathBuf>("after").map(|path| trust::read_list(path)).transpose()?;
    let keys = cli::paths(sub, "key").iter().map(|path| read_public(path)).collect::<Result<Vec<_>, _>>()?;
    let keys = Keys {
        format: 1,
        number: before.map_or(1, |before| before.keys.number + 1),
        threshold: sub.get_one::<u32>("threshold").copied().unwrap_or(1),
        expires: value(sub, "expires")?,
        keys,
    };
    let mut list = List::new(keys)?;
    secrets(sub)?.iter().for_each(|key| list.signed.sign(key));
    write(&file(sub, cli::FILE), &list)
}

pub(crate) fn sign(sub: &ArgMatches) -> Result<Exit, Error> {
    let path = file(sub, cli::FILE);
    let mut list = trust::read_list(&path)?;
    secrets(sub)?.iter().for_each(|key| list.signed.sign(key));
    write(&path, &list)
}

fn write(path: &std::path::Path, list: &List) -> Result<Exit, Error> {
    publish::file(&Disk, path, list.signed.to_text().as_bytes(), 0o644).map_err(Fault::from)?;
    Ok(Exit::OK)
}
