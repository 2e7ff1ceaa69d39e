//! What a refresh of files found, and the task that refreshes when they change.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use edgekit_rt::Watch;
use tokio::time::{Instant, timeout};

use crate::error::{Error, Warning};
use crate::pair::Pair;
use crate::time::{ClockTime, utc};

/// What became of one source of keys or trust.
#[derive(Debug)]
pub struct Report {
    /// Its (first) file.
    pub path: PathBuf,
    /// What was found.
    pub outcome: Outcome,
}

/// What a look at a source led to.
#[derive(Debug)]
pub enum Outcome {
    /// It is what is in use already.
    Unchanged,
    /// It is in use from now on.
    Swapped {
        /// What it is, for people.
        what: String,
        /// What should be looked at.
        warnings: Vec<Warning>,
    },
    /// It did not pass; the last good one stays in use.
    Kept(Error),
}

impl Outcome {
    pub(crate) fn swapped(pair: &Pair, time: &ClockTime) -> Outcome {
        let mut warnings = pair.warnings().to_vec();
        if let Some(error) = pair.out_of_time(time) {
            let text = format!("{}, and is served for want of a better one", error.problem());
            warnings.extend(error.place().map(|place| Warning { place: place.clone(), text }));
        }
        let (_, until) = pair.validity();
        let leaf = pair.leaf();
        let what = format!("{} issued by {}, valid until {}", leaf.subject(), leaf.issuer(), utc(until));
        Outcome::Swapped { what, warnings }
    }
}

impl Report {
    /// Writes it to the log: a swap as information, what needs a look as a warning.
    pub fn log(&self) {
        match &self.outcome {
            Outcome::Unchanged => {}
            Outcome::Swapped { what, warnings } => {
                tracing::info!(path = %self.path.display(), "now using {what}");
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
            }
            Outcome::Kept(error) => {
                let hint = error.hint().unwrap_or_default();
                tracing::warn!(hint, "{error}; the last good one stays in use");
            }
        }
    }
}

/// Something made of files that can look at them again.
pub trait Material: fmt::Debug + Send + Sync {
    /// The files to watch.
    fn paths(&self) -> Vec<PathBuf>;

    /// Looks again at what any of `changed` belongs to, or at everything without a list, and takes
    /// over what passes. Reads small files: microseconds to a few milliseconds.
    fn refresh(&self, changed: Option<&[PathBuf]>) -> Vec<Report>;
}

/// How long a writer of several files may take before what is wrong meanwhile is reported.
const PATIENCE: Duration = Duration::from_secs(5);
/// The first pause before another look; doubled each time.
const AGAIN: Duration = Duration::from_millis(50);

/// Refreshes `material` whenever its files change, for ever. Spawn it in the service's scope.
///
/// A pair that does not match is looked at again, first when a file changes and else after growing
/// pauses, for up to five seconds: the one who writes it may be half way. Then the reason is logged,
/// once, and the next change begins anew.
///
/// # Errors
/// Those of the watch ([`Watch::new`]).
pub async fn keep(material: Arc<dyn Material>) -> io::Result<Infallible> {
    let mut watch = Watch::new(material.paths())?;
    // What changed between loading and now raised no event.
    let mut changed = None;
    loop {
        settle(&*material, &mut watch, changed.take()).await?;
        changed = Some(watch.changed().await?);
    }
}

/// Looks until nothing is refused that may pass, or patience ends.
async fn settle(
    material: &dyn Material,
    watch: &mut Watch,
    mut changed: Option<Vec<PathBuf>>,
) -> io::Result<()> {
    let (give_up, mut pause) = (Instant::now() + PATIENCE, AGAIN);
    loop {
        let reports = material.refresh(changed.as_deref());
        let may_pass = |report: &Report| matches!(&report.outcome, Outcome::Kept(error) if error.may_pass());
        let again = Instant::now() < give_up && reports.iter().any(may_pass);
        for report in &reports {
            if !(again && may_pass(report)) {
                report.log();
            }
        }
        if !again {
            return Ok(());
        }
        match timeout(pause, watch.changed()).await {
            Ok(more) => {
                if let Some(changed) = &mut changed {
                    changed.extend(more?);
                }
            }
            Err(_) => pause *= 2,
        }
    }
}
