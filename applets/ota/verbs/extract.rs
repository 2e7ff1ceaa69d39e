//! `ota bundle extract`: an image of a bundle becomes a file, whole or not at all.
//!
//! The delta is used whose source is exactly the old image that was given: its digest is taken first, at the speed
//! of reading. Pages of zeros are left out of the file where its file system can.

use std::io::Write;
use std::path::PathBuf;

use clap::ArgMatches;
use edgekit_core::{Ctx, Error, Exit, Progress, json};
use edgekit_store::Disk;
use edgekit_store::publish::Draft;

use crate::bundle::read::{self, Bundle};
use crate::bundle::tree;
use crate::bundle::write::NOTHING;
use crate::cli;
use crate::entry::{bundle, file, now, openers, trusted};
use crate::fault::Fault;
use crate::halt::Halt;
use crate::hex::Hex;
use crate::image::{self, FileImage, Image};
use crate::slot;

pub(crate) fn run(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let trust = trusted(sub)?;
    let out = file(sub, cli::OUTPUT);
    let inputs = [Some(file(sub, cli::FILE)), sub.get_one::<PathBuf>("source").cloned()];
    for input in inputs.iter().flatten() {
        if slot::is_one(&out, input) {
            return Err(Error::new(
                Exit::USAGE,
                format!("'{}' would be replaced by what is read from it", input.display()),
            )
            .hint("give another file as --output"));
        }
    }
    let mut source = bundle(sub, ctx, Halt::default())?;
    let (mut bundle, _) = read::open(&mut *source)?.check(&trust, now(ctx))?;
    bundle.unseal(&openers(sub)?)?;
    let component = component(&bundle, cli::text(sub, "component"))?;
    let old = sub.get_one::<PathBuf>("source").map(|path| FileImage::open(path)).transpose()?;
    let mut progress = Progress::new(ctx, sub);
    let payload = choose(&bundle, &component, old.as_ref(), sub.get_flag("no-full-fallback"), &mut progress)?;
    let size = bundle.component(&component)?.size;
    let stored = bundle.component(&component)?.payload.get(&payload).map_or(0, |payload| payload.stored);
    progress.begin("writing", Some(size));
    let pages = bundle.pages(&component)?;
    let mut draft = Draft::new(&Disk, &out, 0o644).map_err(Fault::from)?;
    let old: &dyn Image = match &old {
        Some(old) => old,
        None => &NOTHING,
    };
    bundle.pour(&component, &payload, &pages, old, &mut |_, bytes| {
        progress.add(bytes.len() as u64);
        if image::is_zero(bytes) {
            draft.skip(bytes.len() as u64);
            return Ok(());
        }
        Ok(draft.append(bytes)?)
    })?;
    draft.commit().map_err(Fault::from)?;
    drop(progress);
    if sub.get_flag(cli::JSON) {
        let value = serde_json::json!({
            "component": component, "payload": payload, "image_bytes": size, "stored_bytes": stored,
            "file": out.display().to_string(),
        });
        json::write_line(ctx.out()?, "ota.bundle.extracted", value)?;
    } else {
        writeln!(ctx.out()?, "{component}: {size} bytes from {payload}, {stored} bytes of the bundle")?;
    }
    Ok(Exit::OK)
}

fn component(bundle: &Bundle<'_>, name: Option<&str>) -> Result<String, Fault> {
    match (name, bundle.manifest.component.keys().collect::<Vec<_>>().as_slice()) {
        (Some(name), _) => bundle.component(name).map(|_| name.to_owned()),
        (None, [only]) => Ok((*only).clone()),
        (None, names) => {
            let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
            let what = format!("'{}' has several components", bundle.head.place);
            Err(Fault::Absent(what, format!("choose one with --component: {}", names.join(", "))))
        }
    }
}

/// The delta against the old image, else the full image.
fn choose(
    bundle: &Bundle<'_>,
    component: &str,
    old: Option<&FileImage>,
    must_fit: bool,
    progress: &mut Progress,
) -> Result<String, Fault> {
    let payloads = &bundle.component(component)?.payload;
    if let Some(old) = old.filter(|_| payloads.values().any(|payload| payload.source.is_some())) {
        progress.begin("reading the source", Some(old.size()));
        let digest = Hex(tree::digest(&image::pages(old, &mut |bytes| {
            progress.add(bytes);
            Ok(())
        })?));
        if let Some((name, _)) = payloads.iter().find(|(_, payload)| payload.source == Some(digest)) {
            return Ok(name.clone());
        }
        if must_fit {
            let place = old.place();
            return Err(Fault::Source(format!("no delta of '{component}' is against '{place}' ({digest})")));
        }
    } else if must_fit {
        return Err(Fault::Source(format!("'{component}' comes as a full image only")));
    }
    match payloads.iter().find(|(_, payload)| payload.source.is_none()) {
        Some((name, _)) => Ok(name.clone()),
        None => Err(Fault::Source(match old {
            Some(old) => {
                format!("'{component}' comes as deltas only, and none is against '{}'", old.place())
            }
            None => {
                format!("'{component}' comes as deltas only: give the image that is installed as --source")
            }
        })),
    }
}
