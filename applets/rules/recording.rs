//! `edgekit rules record`: what a running service sees and does, in a file.
//!
//! The lines are those of `edgekit_rules::record`, as they come from the service; each is on its way to the disk when
//! the next one is asked for, and a file that was cut off can be replayed up to there. Neighbours: `client` listens,
//! `replay` reads.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use edgekit_core::{Ctx, Error, ErrorContext, Exit, json};
use edgekit_rt::Signals;
use serde_json::Value;

use crate::check::count;
use crate::client::{Happenings, Service};
use crate::live;

/// What to record, and until when.
pub(crate) struct Wanted {
    pub(crate) file: PathBuf,
    pub(crate) instance: Option<String>,
    pub(crate) lasts: Option<Duration>,
    pub(crate) events: Option<u64>,
}

/// How much there is.
#[derive(Default)]
struct Written {
    events: u64,
    actions: u64,
    /// Events too large to be shown whole: their data is not in the file.
    cut: u64,
}

/// Records until the time or the number is reached, somebody interrupts, or the service ends.
pub(crate) fn record(ctx: &mut Ctx, wanted: &Wanted) -> Result<Exit, Error> {
    let service = Service::find(wanted.instance.as_deref(), ctx.clock())?;
    let file = create(&wanted.file)?;
    let mut out = BufWriter::new(file);
    let mut written = Written::default();
    let ended = live::runtime()?.block_on(async {
        let mut happenings = service.watch().await?;
        ctx.say(format_args!("recording to '{}'; Ctrl-C ends it", wanted.file.display()));
        let following = follow(&mut happenings, &mut out, &mut written, wanted.events);
        let interrupted = interruption()?;
        tokio::select! {
            ended = following => ended,
            () = pause(wanted.lasts) => Ok(true),
            interrupted = interrupted => interrupted.map(|()| true).map_err(Error::from),
        }
    });
    let context = || format!("cannot write '{}'", wanted.file.display());
    out.flush().with_context(context)?;
    out.get_ref().sync_all().with_context(context)?;
    let is_whole = ended?;
    let Written { events, actions, cut } = written;
    let of = |number: u64, thing| count(usize::try_from(number).unwrap_or(usize::MAX), thing);
    ctx.say(format_args!("{}, {}", of(events, "event"), of(actions, "action")));
    if cut > 0 {
        ctx.warn(format_args!("{} too large, recorded without data", of(cut, "event")));
    }
    if !is_whole {
        ctx.warn("the service ended, or we were too slow for it: what came after is not in the file");
    }
    Ok(if is_whole && cut == 0 { Exit::OK } else { Exit::NO })
}

fn create(path: &Path) -> Result<File, Error> {
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    made.map_err(|error| {
        let is_there = error.kind() == io::ErrorKind::AlreadyExists;
        let error = Error::from(error).with_exit(Exit::CANT_CREATE);
        let error = error.context(format!("cannot create '{}'", path.display()));
        if is_there { error.hint("name a file that is not there yet") } else { error }
    })
}

/// Writes what happens; true once there are enough events, false when there is no more to come.
async fn follow(
    happenings: &mut Happenings,
    out: &mut impl Write,
    written: &mut Written,
    most: Option<u64>,
) -> Result<bool, Error> {
    while let Some((_, said)) = happenings.next().await? {
        match said["kind"].as_str() {
            Some("event") => {
                // The one before is whole only now: its actions came after it.
                if most.is_some_and(|most| written.events >= most) {
                    return Ok(true);
                }
                written.events += 1;
                written.cut += u64::from(said.get("bytes").is_some_and(Value::is_u64));
            }
            Some("action") => written.actions += 1,
            _ => continue,
        }
        json::write_line(out, "rules.record", said)?;
        if !happenings.has_more() {
            out.flush()?;
        }
    }
    Ok(false)
}

async fn pause(lasts: Option<Duration>) {
    match lasts {
        Some(lasts) => tokio::time::sleep(lasts).await,
        None => std::future::pending().await,
    }
}

/// Becomes ready when somebody interrupts us.
fn interruption() -> Result<impl Future<Output = io::Result<()>>, Error> {
    const INT: i32 = 2;
    const TERM: i32 = 15;
    let signals = Signals::new(&[INT, TERM]).context("cannot take over the signals")?;
    Ok(async move {
        loop {
            if signals.read()?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
}
