//! `ota bundle inspect`: what a bundle says of itself. It says so too where nobody has checked it.

use std::io::Write;

use clap::ArgMatches;
use edgekit_core::{Ctx, Error, Exit, json};
use serde_json::{Value, json};

use crate::bundle::{Component, read};
use crate::cli;
use crate::entry::bundle;
use crate::halt::Halt;

pub(crate) fn run(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let mut source = bundle(sub, ctx, Halt::default())?;
    let bundle = read::open(&mut *source)?.unchecked()?;
    let (head, manifest) = (&bundle.head, &bundle.manifest);
    let out = ctx.out()?;
    if sub.get_flag("manifest") {
        out.write_all(head.signed.to_text().as_bytes())?;
        return Ok(Exit::OK);
    }
    let signers: Vec<String> = head.signed.signers().map(|key| key.to_string()).collect();
    let lists: Vec<u64> = head.key_lists()?.iter().map(|list| list.keys.number).collect();
    let optional = |value: Option<String>| value.map_or(Value::Null, Value::String);
    if sub.get_flag(cli::JSON) {
        let components: Vec<Value> =
            manifest.component.iter().map(|(name, component)| shape(name, component)).collect();
        let value = json!({
            "name": manifest.name, "version": manifest.version.to_string(),
            "floor": optional(manifest.floor.as_ref().map(ToString::to_string)),
            "min_source": optional(manifest.min_source.as_ref().map(ToString::to_string)),
            "expires": optional(manifest.expires.map(|expires| expires.to_string())),
            "compatible": manifest.compatible, "components": components,
            "recipients": manifest.recipient.values().map(|recipient| recipient.to.to_string()).collect::<Vec<_>>(),
            "signers": signers, "lists": lists, "checked": false,
        });
        json::write_line(out, "ota.bundle", value)?;
        return Ok(Exit::OK);
    }
    writeln!(out, "{} {}", manifest.name, manifest.version)?;
    let mut line = |what: &str, text: Option<String>| match text {
        Some(text) => writeln!(out, "  {what:<12} {text}"),
        None => Ok(()),
    };
    let joined = |words: &[String]| (!words.is_empty()).then(|| words.join(", "));
    line("hardware", joined(&manifest.compatible))?;
    line("floor", manifest.floor.as_ref().map(ToString::to_string))?;
    line("needs", manifest.min_source.as_ref().map(ToString::to_string))?;
    line("expires", manifest.expires.map(|expires| expires.to_string()))?;
    for signer in &signers {
        line("signed by", Some(format!("{signer} (not checked)")))?;
    }
    for recipient in manifest.recipient.values() {
        line("encrypted to", Some(recipient.to.to_string()))?;
    }
    line("key lists", joined(&lists.iter().map(u64::to_string).collect::<Vec<_>>()))?;
    for (name, component) in &manifest.component {
        writeln!(out, "{name}: {} bytes, BLAKE3 {}", component.size, component.digest)?;
        for (name, payload) in &component.payload {
            let blocks = if payload.blocks == 1 { "block" } else { "blocks" };
            write!(out, "  {name:<12} {} bytes in {} {blocks}", payload.stored, payload.blocks)?;
            match payload.source {
                Some(source) => writeln!(out, ", against {source}")?,
                None => writeln!(out)?,
            }
        }
    }
    Ok(Exit::OK)
}

fn shape(name: &str, component: &Component) -> Value {
    let payloads: Vec<Value> = component
        .payload
        .iter()
        .map(|(name, payload)| {
            json!({
                "name": name, "source": payload.source.map(|source| source.to_string()),
                "source_bytes": payload.source_size, "stored_bytes": payload.stored, "blocks": payload.blocks,
            })
        })
        .collect();
    json!({ "name": name, "image_bytes": component.size, "blake3": component.digest.to_string(), "payloads": payloads })
}
