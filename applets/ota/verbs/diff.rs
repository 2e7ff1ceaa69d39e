//! `ota bundle diff`: how large a delta between two images is, by each method.

use std::io::Write;

use clap::ArgMatches;
use edgekit_core::{Ctx, Error, Exit, Progress, json};

use crate::cli;
use crate::delta::{self, Method};
use crate::entry::file;
use crate::image;

pub(crate) fn run(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let (old, new) = (image::open(&file(sub, "old"))?, image::open(&file(sub, "new"))?);
    let wanted = cli::texts(sub, "method");
    let mut progress = Progress::new(ctx, sub);
    for method in Method::ALL {
        if !wanted.is_empty() && !wanted.contains(&method.word()) {
            continue;
        }
        if !method.takes(old.size(), new.size()) {
            ctx.warn(format_args!("{}: left out, the images do not fit into memory", method.word()));
            continue;
        }
        progress.begin("comparing", Some(new.size()));
        let covers = delta::covers(method, &*old, &*new, &mut |bytes| progress.add(bytes))?;
        let (mut stored, mut blocks) = (0, 0);
        progress.begin("packing", Some(new.size()));
        let mut count = |block: delta::Block| {
            stored += block.stored.len() as u64;
            blocks += 1;
            Ok(())
        };
        delta::encode(&*new, &*old, &covers, &mut count, &mut |bytes| progress.add(bytes))?;
        progress.end();
        let shared: u64 = covers.iter().map(|cover| cover.len).sum();
        let out = ctx.out()?;
        if sub.get_flag(cli::JSON) {
            let value = serde_json::json!({
                "method": method.word(), "stored_bytes": stored, "blocks": blocks, "image_bytes": new.size(),
                "covered_bytes": shared,
            });
            json::write_line(out, "ota.bundle.diff", value)?;
        } else {
            let word = if blocks == 1 { "block" } else { "blocks" };
            let share = stored as f64 / (new.size().max(1)) as f64 * 100.0;
            writeln!(
                out,
                "{:<8} {stored:>12} bytes, {share:.1} % of the image, in {blocks} {word}",
                method.word()
            )?;
        }
        out.flush()?;
    }
    Ok(Exit::OK)
}
