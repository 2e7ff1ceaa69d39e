//! What a route promises fits what it does, and what it falls back on is there.

use edgekit_core::config::{Problem, Problems};

use super::near;
use crate::config::{Config, Route};
use crate::objective::Degrade;

/// Finds the faults of one route's `objective`.
pub(super) fn check(
    config: &Config,
    name: &str,
    route: &Route,
    complain: &impl Fn(&str, String) -> Problem,
    problems: &mut Problems,
) {
    let promise = &route.objective;
    let complain = |key: &str, message: String| complain(&format!("objective.{key}"), message);
    if promise.target.is_some_and(|target| target.of(100_000) == 100_000) {
        let problem = complain("target", format!("route '{name}' promises that nothing ever fails"));
        problems.push(problem.hint("without a budget there is nothing to spend: write 99.99% or less"));
    }
    if promise.over > promise.window {
        let message = "burn rates are seen over a part of the window".to_owned();
        problems.push(complain("over", message).hint("write a shorter time, such as a 720th of the window"));
    }
    let (sheds, falls) = (promise.drops(Degrade::Shed), promise.drops(Degrade::Fallback));
    if sheds && falls {
        let message = "a share is either refused or answered by another cluster".to_owned();
        problems.push(complain("degrade", message));
    }
    if (sheds || falls) && promise.share.of(100_000) == 100_000 {
        let problem = complain("share", "no request would tell that all is well again".to_owned());
        problems.push(problem.hint("write 99% or less"));
    }
    match &promise.fallback {
        None if falls => {
            let problem = complain("degrade", "it names no cluster to fall back on".to_owned());
            problems.push(problem.hint("add fallback = \"NAME\""));
        }
        Some(_) if !falls => {
            let problem = complain("fallback", "nothing ever falls back on it".to_owned());
            problems.push(problem.hint("add degrade = [\"fallback\"]"));
        }
        Some(_) if route.cluster.is_none() && route.clusters.is_none() => {
            problems.push(complain("fallback", format!("route '{name}' asks no cluster")));
        }
        Some(cluster) if !config.cluster.contains_key(cluster) => {
            let problem = complain("fallback", format!("there is no cluster '{cluster}'"));
            problems.push(near(problem, cluster, config.cluster.keys()));
        }
        _ => {}
    }
}
