//! From the folder to the engine: read, try dry, hand over whole, or say why not and leave the old one in peace.
//!
//! What serves is also kept on disk as the last good one: a service that starts over a folder with a fault in it
//! serves that, and says so. Compiling blocks, so it runs beside the control runtime. Neighbours: `watching.rs`
//! tells when the folder changed, the Host when somebody asked; the `worker` swaps.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use edgekit_core::{Error, ErrorContext, Exit};
use edgekit_http::Events;
use edgekit_rules::{Generation, Options};
use edgekit_store::{Disk, publish};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::worker::Ask;
use crate::folder::{MAX_FILES, Source};
use crate::load;
use crate::problem::{self, Problem};

/// The file of the last good rules, below the folder of state.
const LAST_GOOD: &str = "last-good.json";
/// Its format.
const FORMAT: u64 = 1;

/// A set of rules that was read and found good.
pub(super) struct Good {
    pub(super) sources: Vec<Source>,
    pub(super) generation: Generation,
}

/// How the last reload went, for the status.
#[derive(Clone, Debug)]
pub(super) struct Last {
    pub(super) generation: u64,
    pub(super) rules: usize,
    pub(super) hooks: usize,
    /// Why what is in the folder does not serve, if it does not.
    pub(super) refused: Option<String>,
    /// When that was decided, since 1970.
    pub(super) at: std::time::Duration,
}

/// What became of a reload.
#[derive(Debug)]
pub(super) enum Outcome {
    Unchanged,
    Swapped { generation: u64, rules: usize },
}

/// Takes new rules over. One for the service, used by the Host and by the watcher.
pub(super) struct Reloader {
    pub(super) folder: PathBuf,
    pub(super) state: PathBuf,
    pub(super) options: Options,
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) watchers: Events,
    last: Mutex<Last>,
    /// What serves, and one reload at a time.
    serving: tokio::sync::Mutex<Vec<Source>>,
}

impl Reloader {
    pub(super) fn new(
        folder: PathBuf,
        state: PathBuf,
        options: Options,
        asks: mpsc::Sender<Ask>,
        watchers: Events,
        last: Last,
        sources: Vec<Source>,
    ) -> Reloader {
        let (last, serving) = (Mutex::new(last), tokio::sync::Mutex::new(sources));
        Reloader { folder, state, options, asks, watchers, last, serving }
    }

    /// How the last one went.
    pub(super) fn last(&self) -> Last {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the folder, and takes over what is in it.
    ///
    /// # Errors
    /// Everything that is wrong; the old generation serves on.
    pub(super) async fn reload(&self) -> Result<Outcome, Vec<Problem>> {
        let mut serving = self.serving.lock().await;
        let outcome = self.exchange(&mut serving).await;
        let now = self.options.clock.wall();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &outcome {
            Ok(Outcome::Unchanged) => last.refused = None,
            Ok(Outcome::Swapped { generation, rules }) => {
                (last.generation, last.rules, last.refused) = (*generation, *rules, None);
                last.at = now;
            }
            Err(problems) => {
                let why = problem::summary(problems);
                let shown = json!({ "kind": "refused", "generation": last.generation, "error": why });
                self.watchers.send("reload", &shown.to_string());
                last.refused = Some(why);
                last.at = now;
            }
        }
        outcome
    }

    async fn exchange(&self, serving: &mut Vec<Source>) -> Result<Outcome, Vec<Problem>> {
        let (folder, options, before) = (self.folder.clone(), self.options.clone(), serving.clone());
        let good = blocking(move || {
            let sources = read(&folder)?;
            if sources == before {
                return Ok(None);
            }
            let generation = load::generation(&sources, &options)?;
            Ok(Some(Good { sources, generation }))
        });
        let Some(Good { sources, generation }) = good.await? else { return Ok(Outcome::Unchanged) };
        let rules = generation.rules().len();
        let hooks = generation.hooks().len();
        let (reply, answer) = oneshot::channel();
        let gone = || vec![Problem::new("stopping", "the service is stopping")];
        self.asks.send(Ask::Swap(Box::new(generation), reply)).await.map_err(|_| gone())?;
        let number = answer.await.map_err(|_| gone())??;
        serving.clone_from(&sources);
        self.last.lock().unwrap_or_else(PoisonError::into_inner).hooks = hooks;
        let state = self.state.clone();
        // Where keeping it fails it serves nevertheless: the next start reads the folder first.
        let kept = blocking(move || {
            keep(&state, &sources);
            Ok(())
        });
        if let Err(problems) = kept.await {
            tracing::warn!("cannot keep the last good rules: {}", problem::summary(&problems));
        }
        tracing::info!(target: "rules", generation = number, rules, hooks, "a new generation serves");
        Ok(Outcome::Swapped { generation: number, rules })
    }
}

/// What a service begins with: the folder as it is, else the last good rules, with what is wrong with the folder.
///
/// # Errors
/// The folder has faults, and nothing good was kept.
pub(super) fn first(
    folder: &Path,
    state: &Path,
    options: &Options,
) -> Result<(Good, Option<Vec<Problem>>), Vec<Problem>> {
    let read = read(folder).and_then(|sources| {
        let generation = load::generation(&sources, options)?;
        Ok(Good { sources, generation })
    });
    let problems = match read {
        Ok(good) => {
            keep(state, &good.sources);
            return Ok((good, None));
        }
        Err(problems) => problems,
    };
    let kept = kept(state).and_then(|sources| {
        let generation = load::generation(&sources, options).ok()?;
        Some(Good { sources, generation })
    });
    match kept {
        Some(good) => Ok((good, Some(problems))),
        None => Err(problems),
    }
}

/// The texts in the folder; none if it is not there: it may come.
fn read(folder: &Path) -> Result<Vec<Source>, Vec<Problem>> {
    match folder.try_exists() {
        Ok(false) => Ok(Vec::new()),
        _ => load::sources(&[folder.to_owned()]),
    }
}

fn keep(state: &Path, sources: &[Source]) {
    let files: Vec<Value> =
        sources.iter().map(|source| json!({ "name": source.name, "text": source.text })).collect();
    let text = json!({ "format": FORMAT, "files": files }).to_string();
    let path = state.join(LAST_GOOD);
    if let Err(error) = publish::file(&Disk, &path, text.as_bytes(), 0o600) {
        tracing::warn!("cannot keep the last good rules: {}", Error::from(error));
    }
}

fn kept(state: &Path) -> Option<Vec<Source>> {
    let text = std::fs::read(state.join(LAST_GOOD)).ok()?;
    let value: Value = serde_json::from_slice(&text).ok()?;
    if value["format"].as_u64() != Some(FORMAT) {
        return None;
    }
    let files = value["files"].as_array().filter(|files| files.len() <= MAX_FILES)?;
    let one = |file: &Value| {
        Some(Source { name: file["name"].as_str()?.to_owned(), text: file["text"].as_str()?.to_owned() })
    };
    files.iter().map(one).collect()
}

/// Runs what blocks beside the control runtime.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Vec<Problem>> + Send + 'static,
) -> Result<T, Vec<Problem>> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(vec![Problem::new("bug", format!("reading the rules failed: {error}"))]),
    }
}

/// Problems as the error of a start or a reload.
pub(super) fn error(problems: &[Problem]) -> Error {
    let hint = problems.first().and_then(|problem| problem.hint.clone());
    let error = Error::new(Exit::DATA, problem::summary(problems));
    error.hint(hint.unwrap_or_else(|| "'edgekit rules check' shows every fault with its place".to_owned()))
}

/// The folder of state, made if it is not there.
pub(super) fn make_state(state: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state);
    made.with_context(|| format!("cannot create '{}'", state.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("edgekit-reload-{}-{name}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).expect("a directory");
        path
    }

    const GOOD: &str = "rule { name = 'a', inputs = { 't' }, on = function() end }\n";

    #[test]
    fn the_last_good_rules_serve_where_the_folder_is_broken() {
        let (folder, state) = (scratch("folder"), scratch("state"));
        let options = Options::default();
        std::fs::write(folder.join("a.luau"), "rule {").expect("written");
        let problems = first(&folder, &state, &options).err().expect("nothing good was kept");
        assert_eq!(problems[0].kind, "syntax");
        std::fs::write(folder.join("a.luau"), GOOD).expect("written");
        let (good, wrong) = first(&folder, &state, &options).expect("it is good");
        assert!(good.generation.rules().len() == 1 && wrong.is_none());
        std::fs::write(folder.join("a.luau"), "rule {").expect("written");
        let (good, wrong) = first(&folder, &state, &options).expect("the last good one");
        assert_eq!((good.generation.rules().len(), wrong.map(|wrong| wrong[0].kind)), (1, Some("syntax")));
        std::fs::write(state.join(LAST_GOOD), "{\"format\":99}").expect("written");
        first(&folder, &state, &options).err().expect("a format of another version is not read");
        for folder in [folder, state] {
            std::fs::remove_dir_all(folder).expect("gone");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_rules() {
        let state = scratch("nothing");
        let (good, wrong) =
            first(Path::new("/nowhere/rules"), &state, &Options::default()).expect("it may come");
        assert!(good.sources.is_empty() && wrong.is_none());
        std::fs::remove_dir_all(state).expect("gone");
    }
}
