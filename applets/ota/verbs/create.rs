//! `ota bundle create`: images become a bundle.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use edgekit_core::config::Named;
use edgekit_core::units::Size;
use edgekit_core::{Ctx, Error, Exit, Progress, json};

use crate::bundle::Manifest;
use crate::bundle::head::MAGIC;
use crate::bundle::write::{self, Ingredient, Made, Recipe};
use crate::cli;
use crate::delta::Method;
use crate::entry::{file, lists, secrets, value};
use crate::fault::Fault;
use crate::keys::secrecy;
use crate::version::Version;

pub(crate) fn run(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let out = file(sub, cli::FILE);
    replaces_a_bundle(&out)?;
    let version = value(sub, "version")?.ok_or_else(|| Error::new(Exit::USAGE, "no version"))?;
    let manifest = Manifest {
        format: 1,
        name: cli::text(sub, "name").unwrap_or_default().to_owned(),
        version,
        floor: value::<Version>(sub, "floor")?,
        min_source: value(sub, "min-source")?,
        expires: value(sub, "expires")?,
        compatible: cli::texts(sub, "compatible").into_iter().map(str::to_owned).collect(),
        lists: None,
        recipient: Named::new(),
        component: Named::new(),
    };
    let recipe = Recipe {
        manifest,
        lists: lists(sub)?,
        recipients: cli::paths(sub, "encrypt-to")
            .iter()
            .map(|path| secrecy::read_public(path))
            .collect::<Result<_, _>>()?,
        components: ingredients(sub)?,
        full: !sub.get_flag("no-full"),
        method: cli::text(sub, "method").and_then(method),
    };
    let keys = secrets(sub)?;
    let total = total(&recipe);
    let mut progress = Progress::new(ctx, sub);
    let made = write::create(recipe, &out, &keys, &mut |doing, bytes| {
        if progress.doing() != doing {
            progress.begin(doing, total);
        }
        progress.add(bytes);
    })?;
    drop(progress);
    tell(ctx, &out, &made, sub.get_flag(cli::JSON))?;
    if keys.is_empty() {
        ctx.warn("nobody has signed it; 'edgekit ota bundle sign' does");
    }
    Ok(Exit::OK)
}

/// A bundle replaces nothing that is none: an image, say, when two words were exchanged.
fn replaces_a_bundle(out: &Path) -> Result<(), Error> {
    let mut mark = [0; MAGIC.len()];
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(Fault::Target(
            format!("'{}' cannot be made: there is no folder '{}'", out.display(), folder.display()),
            "make the folder, or name another place".to_owned(),
        )
        .into());
    }
    let is_other = match out.metadata() {
        Ok(there) if there.is_file() && there.len() > 0 => {
            let mut file = File::open(out).map_err(Fault::io("open", out))?;
            file.read_exact(&mut mark).is_err() || mark != MAGIC
        }
        Ok(there) => !there.is_file(),
        Err(_) => false,
    };
    if is_other {
        return Err(Fault::Target(
            format!("'{}' is there already, and is no bundle", out.display()),
            "the bundle is the first word: name another file, or remove this one".to_owned(),
        )
        .into());
    }
    Ok(())
}

/// The method of this name.
pub(super) fn method(word: &str) -> Option<Method> {
    Method::ALL.into_iter().find(|method| method.word() == word)
}

/// Components and their sources, as they were typed.
fn ingredients(sub: &ArgMatches) -> Result<Vec<Ingredient>, Error> {
    let pair = |option: &str, text: &str| match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(path)))
        }
        _ => Err(Error::new(Exit::USAGE, format!("--{option}: '{text}' is not NAME=IMAGE"))
            .hint("NAME is what is replaced, IMAGE a file: --component rootfs=rootfs.ext4")),
    };
    let mut components: Vec<Ingredient> = Vec::new();
    for text in cli::texts(sub, "component") {
        let (name, image) = pair("component", text)?;
        if components.iter().any(|component| component.name == name) {
            return Err(Error::new(Exit::USAGE, format!("--component: there are two components '{name}'"))
                .hint("an old image of it, to make a delta against, is given by --source"));
        }
        components.push(Ingredient { name, image, sources: Vec::new() });
    }
    for text in cli::texts(sub, "source") {
        let (name, image) = pair("source", text)?;
        match components.iter_mut().find(|component| component.name == name) {
            Some(component) => component.sources.push(image),
            None => {
                let names: Vec<&str> = components.iter().map(|component| component.name.as_str()).collect();
                return Err(Error::new(Exit::USAGE, format!("--source: there is no component '{name}'"))
                    .hint(format!("components are: {}", names.join(", "))));
            }
        }
    }
    match sub.get_flag("no-full") {
        true => match components.iter().find(|component| component.sources.is_empty()) {
            Some(component) => Err(Error::new(
                Exit::USAGE,
                format!("--no-full leaves nothing of component '{}'", component.name),
            )
            .hint(format!("give an old image of it: --source {}=IMAGE", component.name))),
            None => Ok(components),
        },
        false => Ok(components),
    }
}

/// Bytes of each phase, if they are the same for all.
fn total(recipe: &Recipe) -> Option<u64> {
    match recipe.components.as_slice() {
        [only] if only.sources.len() + usize::from(recipe.full) == 1 => {
            only.image.metadata().ok().map(|data| data.len())
        }
        _ => None,
    }
}

fn tell(ctx: &mut Ctx, out: &Path, made: &[Made], as_json: bool) -> Result<(), Error> {
    for made in made {
        let source = made.source.as_ref().map(|path| path.display().to_string());
        let method = made.method.map(Method::word);
        if as_json {
            let value = serde_json::json!({
                "bundle": out.display().to_string(), "component": made.component, "payload": made.payload,
                "source": source, "method": method, "image_bytes": made.size, "stored_bytes": made.stored,
                "kept": made.is_kept,
            });
            json::write_line(ctx.out()?, "ota.bundle.payload", value)?;
            continue;
        }
        let (component, payload, stored, size) =
            (&made.component, &made.payload, made.stored, Size(made.size));
        let out = ctx.out()?;
        write!(out, "{component}: {payload}, {stored} bytes for an image of {size}")?;
        if let (Some(source), Some(method)) = (source, method) {
            write!(out, ", against '{source}' by {method}")?;
        }
        writeln!(out, "{}", if made.is_kept { "" } else { "; left out: the full image is no larger" })?;
    }
    Ok(())
}
