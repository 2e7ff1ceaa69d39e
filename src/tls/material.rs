//! What a refresh of files found, and the task that refreshes when they change.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use edgekit_rt::Watch;
use tokio::time::{Instant, timeout};

use crate::error::{Error, Problem, Warning};
use crate::pair::Pair;
use crate::time::{ClockTime, utc};
use crate::trust::{Anchors, Trust};

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
    /// Trust taken into use.
    pub(crate) fn trust(anchors: &Anchors) -> Report {
        let what = format!(
            "{} trusted root certificates and {} revocation lists",
            anchors.roots.len(),
            anchors.crls.len()
        );
        let outcome = Outcome::Swapped { what, warnings: anchors.warnings.clone() };
        Report { path: anchors.path.clone(), outcome }
    }

    /// Looks at trust again with `look` if one of its files is among the changed.
    pub(crate) fn of_trust(
        trust: &Trust,
        changed: Option<&[PathBuf]>,
        look: impl FnOnce() -> Result<Option<Report>, Error>,
    ) -> Option<Report> {
        let paths = trust.paths();
        if changed.is_some_and(|changed| !paths.iter().any(|path| changed.contains(path))) {
            return None;
        }
        let path = paths.into_iter().next().unwrap_or_default();
        Some(match look() {
            Ok(Some(report)) => report,
            Ok(None) => Report { path, outcome: Outcome::Unchanged },
            Err(error) => Report { path, outcome: Outcome::Kept(error) },
        })
    }

    fn may_pass(&self) -> bool {
        matches!(&self.outcome, Outcome::Kept(error) if error.may_pass())
    }

    fn is_early(&self) -> bool {
        matches!(&self.outcome, Outcome::Kept(error) if matches!(error.problem(), Problem::NotYetValid { .. }))
    }

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
/// How often something that is not valid yet is looked at again: its time may come, or the clock be set.
const NOT_YET: Duration = Duration::from_secs(60);

/// Refreshes `material` whenever its files change, for ever. Spawn it in the service's scope.
///
/// A pair that does not match is looked at again, first when a file changes and else after growing
/// pauses, for up to five seconds: the one who writes it may be half way. Then the reason is logged,
/// once, and the next change begins anew. A pair that is not valid yet is looked at every minute; a
/// task with nothing to wait for but files does not wake up by itself.
///
/// # Errors
/// Those of the watch ([`Watch::new`]).
pub async fn keep(material: Arc<dyn Material>) -> io::Result<Infallible> {
    let mut watch = Watch::new(material.paths())?;
    // All of it: what changed between loading and now raised no event.
    let mut early = settle(&*material, &mut watch, None).await?;
    loop {
        if !early {
            let changed = watch.changed().await?;
            early = settle(&*material, &mut watch, Some(changed)).await?;
        } else if let Ok(changed) = timeout(NOT_YET, watch.changed()).await {
            early = settle(&*material, &mut watch, Some(changed?)).await?;
        } else {
            // It was told when it was first seen; what is new is that it is in use.
            let reports = material.refresh(None);
            reports.iter().filter(|report| !matches!(report.outcome, Outcome::Kept(_))).for_each(Report::log);
            early = reports.iter().any(Report::is_early);
        }
    }
}

/// Looks until nothing is refused that may pass, or patience ends; true if something is not valid yet.
async fn settle(
    material: &dyn Material,
    watch: &mut Watch,
    mut changed: Option<Vec<PathBuf>>,
) -> io::Result<bool> {
    let (give_up, mut pause) = (Instant::now() + PATIENCE, AGAIN);
    loop {
        let reports = material.refresh(changed.as_deref());
        let again = Instant::now() < give_up && reports.iter().any(Report::may_pass);
        reports.iter().filter(|report| !(again && report.may_pass())).for_each(Report::log);
        if !again {
            return Ok(reports.iter().any(Report::is_early));
        }
        match timeout(pause, watch.changed()).await {
            Ok(more) => {
                let more = more?;
                if let Some(changed) = &mut changed {
                    changed.extend(more);
                }
            }
            Err(_) => pause *= 2,
        }
    }
}
