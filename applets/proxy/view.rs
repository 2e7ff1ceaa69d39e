//! `edgekit proxy routes` and `clusters`: what a running proxy serves by, and how its endpoints are.
//!
//! The service tells through its status; the commands ask over the control socket.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use clap::ArgMatches;
use edgekit_core::units::show_duration;
use edgekit_core::{Ctx, Error, Exit, json};
use serde_json::{Value, json};

use crate::health::{ClusterState, States};
use crate::objective::Objectives;
use crate::resilience::resident;
use crate::route::{Action, Route};
use crate::running;
use crate::snapshot::{Cluster, Endpoint, Snapshot};
use crate::stats::{Table, Tally};
use crate::worker::Shared;

/// The routes of a snapshot, one object each.
pub(crate) fn routes(snapshot: &Snapshot, objectives: &Objectives, now: Duration) -> Vec<Value> {
    let one = |route: &Arc<Route>| {
        let mut value = one_route(route);
        if let Some(objective) = objectives.known(&route.name) {
            value["objective"] = objective.show(now);
        }
        value
    };
    snapshot.routes.iter().map(one).collect()
}

fn one_route(route: &Route) -> Value {
    let settings = &route.settings;
    let texts = |list: Option<Vec<String>>| list.filter(|list| !list.is_empty());
    let path = match (&settings.path_exact, &settings.path_regex, &settings.path) {
        (Some(path), ..) => format!("= {}", path.0),
        (None, Some(pattern), _) => format!("~ {}", pattern.text()),
        (None, None, Some(path)) => format!("{}/*", path.prefix()),
        (None, None, None) => "/*".to_owned(),
    };
    let does = match &route.action {
        Action::Direct { status, .. } => format!("answer {status}"),
        Action::Redirect { status, .. } => format!("redirect {status}"),
        Action::Forward(_) => settings.cluster.clone().unwrap_or_default(),
        Action::Split(_) => {
            let shares = settings.clusters.iter().flatten().map(ToString::to_string);
            shares.collect::<Vec<_>>().join(" ")
        }
    };
    json!({
        "name": &*route.name,
        "listeners": texts(settings.listeners.clone()),
        "hosts": texts(settings.hosts.as_ref().map(|list| list.iter().map(ToString::to_string).collect())),
        "path": path,
        "methods": texts(settings.methods.clone()),
        "headers": texts(settings.headers.as_ref().map(|list| list.iter().map(ToString::to_string).collect())),
        "query": texts(settings.query.as_ref().map(|list| list.iter().map(ToString::to_string).collect())),
        "does": does,
    })
}

/// The clusters of a snapshot with their endpoints, one object each.
pub(crate) fn clusters(snapshot: &Snapshot, states: &States, now: Duration) -> Vec<Value> {
    snapshot.clusters.iter().map(|cluster| one_cluster(cluster, states.of(cluster).as_deref(), now)).collect()
}

fn one_cluster(cluster: &Cluster, state: Option<&ClusterState>, now: Duration) -> Value {
    let endpoints: Vec<Value> =
        cluster.endpoints.iter().map(|endpoint| one_endpoint(endpoint, state, now)).collect();
    let mut value = json!({
        "name": &*cluster.name,
        "balance": cluster.settings.balance.word(),
        "endpoints": endpoints,
    });
    if let Some(zone) = &cluster.zone {
        value["zone"] = json!(zone.to_string());
        value["stays"] = json!(state.and_then(ClusterState::stays));
    }
    if let Some(state) = state {
        let breakers = &state.breakers;
        value["limits"] = json!({
            "connections": breakers.connections.inside(),
            "pending": breakers.pending.inside(),
            "requests": breakers.requests.inside(),
            "retries": breakers.retries.inside(),
            "waiting": breakers.shedder.waiting(),
        });
    }
    value
}

fn one_endpoint(endpoint: &Endpoint, state: Option<&ClusterState>, now: Duration) -> Value {
    let mut value = json!({
        "address": endpoint.address.to_string(),
        "weight": endpoint.weight,
        "priority": endpoint.priority,
    });
    if let Some(zone) = &endpoint.zone {
        value["zone"] = json!(zone.to_string());
    }
    if let Some(known) = state.and_then(|state| state.known(endpoint.address)) {
        let ejected = known.ejected_until(now).map(|until| (until - now).as_secs_f64());
        value["health"] = json!(match ejected {
            Some(_) => "ejected",
            None if known.is_failing() => "ill",
            None => "well",
        });
        value["ejected_seconds"] = json!(ejected);
        value["in_flight"] = json!(known.in_flight());
        value["latency_seconds"] = json!(known.latency());
    }
    value
}

/// What the workers counted, for those who compare two looks at it.
pub(crate) fn traffic(shared: &Shared) -> Value {
    let all = |table: &Table| -> Vec<Value> {
        let one = |tally: &Arc<Tally>| {
            let sum = tally.sum();
            json!({
                "name": tally.name(),
                "requests": sum.classes.iter().sum::<u64>(),
                "failed": sum.classes[5],
                "buckets": sum.durations.0,
                "seconds": sum.durations.1 as f64 / 1e9,
            })
        };
        table.used().iter().map(one).collect()
    };
    json!({
        "at_seconds": shared.clock.monotonic().as_secs_f64(),
        "resident_bytes": resident(),
        "routes": all(&shared.stats.routes),
        "clusters": all(&shared.stats.clusters),
    })
}

/// The command `routes` or `clusters`.
pub(crate) fn command(what: &'static str, matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let status = running::daemon(matches).ask("GET", "/status", None)?;
    let services = status.get("services").and_then(Value::as_array).into_iter().flatten();
    let found = services.filter_map(|service| service.get("detail")?.get(what)?.as_array());
    let schema = if what == "routes" { "proxy.route" } else { "proxy.cluster" };
    for one in found.flatten() {
        if matches.get_flag("json") {
            json::write_line(ctx.out()?, schema, one.clone())?;
        } else if what == "routes" {
            writeln!(ctx.out()?, "{}", route_line(one))?;
        } else {
            cluster_lines(one, ctx)?;
        }
    }
    Ok(Exit::OK)
}

fn words(value: &Value, all: &str, between: &str) -> String {
    match value.as_array() {
        Some(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(between),
        None => all.to_owned(),
    }
}

fn route_line(one: &Value) -> String {
    let text = |key: &str| one[key].as_str().unwrap_or_default();
    let mut line = format!("{}: ", text("name"));
    if !one["methods"].is_null() {
        line += &format!("{} ", words(&one["methods"], "", ","));
    }
    line += &format!("{} {}", words(&one["hosts"], "*", ","), text("path"));
    for (key, before) in [("headers", "headers"), ("query", "query"), ("listeners", "on")] {
        if !one[key].is_null() {
            line += &format!(", {before} {}", words(&one[key], "", "; "));
        }
    }
    line += &format!(" -> {}", text("does"));
    if let Some(left) = one["objective"]["budget_left"].as_f64() {
        let target = one["objective"]["target"].as_str().unwrap_or_default();
        line += &format!(", promises {target}, {:.1} % of the budget left", left * 100.0);
        if let Some(seconds) = one["objective"]["past_seconds"].as_f64() {
            line += &format!(", past it for {}", show_duration(Duration::from_secs(seconds as u64)));
        }
    }
    line
}

fn cluster_lines(one: &Value, ctx: &mut Ctx) -> Result<(), Error> {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let mut line = format!("{} ({})", text(one, "name"), text(one, "balance"));
    if let Some(stays) = one["stays"].as_f64() {
        line += &format!(", {:.0} % stay in zone {}", stays * 100.0, text(one, "zone"));
    }
    writeln!(ctx.out()?, "{line}")?;
    for endpoint in one["endpoints"].as_array().into_iter().flatten() {
        let mut line = format!("    {}", text(endpoint, "address"));
        for (key, plain) in [("weight", 1), ("priority", 0)] {
            if endpoint[key] != plain {
                line += &format!(" {key}={}", endpoint[key]);
            }
        }
        if let Some(zone) = endpoint["zone"].as_str() {
            line += &format!(" zone={zone}");
        }
        if let Some(health) = endpoint["health"].as_str() {
            line += &format!(" {health}, {} in flight", endpoint["in_flight"]);
        }
        if let Some(latency) = endpoint["latency_seconds"].as_f64() {
            line += &format!(", {:.1} ms", latency * 1e3);
        }
        if let Some(seconds) = endpoint["ejected_seconds"].as_f64() {
            line += &format!(", back in {}", show_duration(Duration::from_secs(seconds.ceil() as u64)));
        }
        writeln!(ctx.out()?, "{line}")?;
    }
    Ok(())
}
