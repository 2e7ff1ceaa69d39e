//! Each algorithm spreads as it says, whoever is ill, new or heavier than others.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use edgekit_core::config::{Settings, parse};

use super::*;
use crate::config::Config;
use crate::health::{EndpointState, Report, Visit};
use crate::plan;
use crate::snapshot::Snapshot;

pub(crate) fn config(text: &str) -> Config {
    let loaded = parse(Config::SECTION, "proxy", "file", text.as_bytes().to_vec()).unwrap();
    loaded.get().unwrap()
}

/// A cluster with these keys.
pub(crate) fn cluster(keys: &str) -> Arc<Cluster> {
    in_zone("", keys)
}

/// The same, of a proxy with these keys of its own.
fn in_zone(own: &str, keys: &str) -> Arc<Cluster> {
    let snapshot = Snapshot::build(plan::resources(&config(&format!("{own}\n[cluster.c]\n{keys}\n"))));
    snapshot.clusters[0].clone()
}

/// Its chooser, with a state of its own.
pub(crate) fn managed(cluster: &Cluster, seed: u64) -> Chooser {
    Chooser::new(cluster.settings.balance, seed, Some(Arc::default()))
}

pub(super) fn members(weights: &[u32]) -> Vec<Member> {
    let member = |(at, weight): (usize, &u32)| Member {
        at,
        address: SocketAddr::from(([10, 0, 0, at as u8], 80)),
        weight: *weight,
        state: Arc::<EndpointState>::default(),
    };
    weights.iter().enumerate().map(member).collect()
}

/// Which share of many hashes each of `count` gets.
pub(super) fn shares(count: usize, find: impl Fn(u64) -> usize) -> Vec<f64> {
    let mut counts = vec![0_u32; count];
    for key in 0..50_000_u64 {
        counts[find(xxh64(&key.to_le_bytes(), 7))] += 1;
    }
    counts.into_iter().map(|count| f64::from(count) / 50_000.0).collect()
}

const NOW: Duration = Duration::from_secs(1000);

fn keyed(key: u64) -> Pick {
    Pick { hash: Some(xxh64(&key.to_le_bytes(), 0)), is_again: false }
}

/// How often each endpoint is chosen in so many picks.
fn picks(chooser: &Chooser, cluster: &Cluster, times: usize, now: Duration) -> Vec<usize> {
    let mut counts = vec![0; cluster.endpoints.len()];
    for key in 0..times as u64 {
        counts[chooser.pick(cluster, keyed(key), now, |_| false).unwrap().at] += 1;
    }
    counts
}

/// χ² of counts beside their shares; 24.3 is passed in one case of a thousand with seven degrees.
fn chi(counts: &[usize], weights: &[usize]) -> f64 {
    let (all, whole) = (counts.iter().sum::<usize>() as f64, weights.iter().sum::<usize>() as f64);
    let wanted = weights.iter().map(|weight| *weight as f64 / whole * all);
    counts.iter().zip(wanted).map(|(count, wanted)| (*count as f64 - wanted).powi(2) / wanted).sum()
}

const EIGHT: &str = r#"endpoints = ["10.0.0.1:1 weight=1", "10.0.0.2:1 weight=2", "10.0.0.3:1 weight=3",
    "10.0.0.4:1 weight=4", "10.0.0.5:1 weight=1", "10.0.0.6:1 weight=2", "10.0.0.7:1 weight=3", "10.0.0.8:1 weight=4"]"#;
const WEIGHTS: [usize; 8] = [1, 2, 3, 4, 1, 2, 3, 4];

#[test]
fn plain_ones_need_no_state() {
    let cluster = cluster("endpoints = [\"10.0.0.1:1\", \"10.0.0.2:1\", \"10.0.0.3:1\"]");
    assert!(!cluster.is_managed);
    let chooser = Chooser::new(config::Balance::RoundRobin, 7, None);
    assert_eq!(picks(&chooser, &cluster, 300, NOW), [100, 100, 100]);
    assert_eq!(chooser.pick(&cluster, Pick::default(), NOW, |at| at != 1).unwrap().at, 1);
    assert!(chooser.pick(&cluster, Pick::default(), NOW, |_| true).is_none());
    let chooser = Chooser::new(config::Balance::Random, 7, None);
    assert!(chi(&picks(&chooser, &cluster, 60_000, NOW), &[1, 1, 1]) < 13.9);
}

#[test]
fn weights_are_kept() {
    let turns = cluster(EIGHT);
    assert!(turns.is_managed);
    let wanted: Vec<usize> = WEIGHTS.iter().map(|weight| weight * 100).collect();
    assert_eq!(picks(&managed(&turns, 1), &turns, 2000, NOW), wanted);
    let random = cluster(&format!("{EIGHT}\nbalance = \"random\""));
    let counts = picks(&managed(&random, 1), &random, 80_000, NOW);
    assert!(chi(&counts, &WEIGHTS) < 24.3, "{counts:?}");
    for kind in ["ring", "maglev"] {
        let hashed = cluster(&format!("{EIGHT}\nbalance = \"{kind}\""));
        let counts = picks(&managed(&hashed, 1), &hashed, 80_000, NOW);
        for (count, weight) in counts.iter().zip(WEIGHTS) {
            let share = *count as f64 / 4000.0 / weight as f64;
            assert!((0.7..1.3).contains(&share), "{kind} {counts:?}");
        }
    }
}

#[test]
fn the_less_loaded_of_two_is_taken() {
    let cluster = cluster(
        "endpoints = [\"10.0.0.1:1\", \"10.0.0.2:1\", \"10.0.0.3:1\", \"10.0.0.4:1\"]\nbalance = \"least-request\"",
    );
    let chooser = managed(&cluster, 3);
    let state = chooser.state().unwrap().clone();
    let mut visits = Vec::new();
    // Nobody answers: what is in flight stays even, and far more so than by chance alone.
    for _ in 0..4000 {
        let at = chooser.pick(&cluster, Pick::default(), NOW, |_| false).unwrap().at;
        visits.push(Visit::new(state.endpoint(cluster.endpoints[at].address, NOW), NOW));
    }
    let flights: Vec<u32> =
        cluster.endpoints.iter().map(|endpoint| state.endpoint(endpoint.address, NOW).in_flight()).collect();
    assert!(flights.iter().all(|count| (990..=1010).contains(count)), "{flights:?}");
}

#[test]
fn the_faster_one_gets_more() {
    let cluster = cluster("endpoints = [\"10.0.0.1:1\", \"10.0.0.2:1\"]\nbalance = \"peak-ewma\"");
    let chooser = managed(&cluster, 3);
    let state = chooser.state().unwrap().clone();
    let slow = state.endpoint(cluster.endpoints[0].address, NOW);
    slow.took(Duration::from_millis(100), NOW);
    state.endpoint(cluster.endpoints[1].address, NOW).took(Duration::from_millis(10), NOW);
    let counts = picks(&chooser, &cluster, 1000, NOW);
    assert!(counts[0] == 0, "{counts:?}");
    // Nine requests in flight make up for it.
    let fast = state.endpoint(cluster.endpoints[1].address, NOW);
    let _visits: Vec<Visit> = (0..10).map(|_| Visit::new(fast.clone(), NOW)).collect();
    assert_eq!(picks(&chooser, &cluster, 100, NOW), [100, 0]);
}

#[test]
fn keys_stay_where_they_were() {
    for kind in ["ring", "maglev"] {
        let cluster = cluster(&format!("{EIGHT}\nbalance = \"{kind}\""));
        let (one, other) = (managed(&cluster, 1), managed(&cluster, 2));
        let find = |chooser: &Chooser, key: u64, spared: Option<usize>| {
            chooser.pick(&cluster, keyed(key), NOW, |at| Some(at) == spared).unwrap().at
        };
        for key in 0..1000 {
            // All workers say the same.
            let at = find(&one, key, None);
            assert_eq!(at, find(&other, key, None));
            let next = find(&one, key, Some(at));
            assert!(next != at && next == find(&other, key, Some(at)));
        }
    }
}

#[test]
fn who_is_ill_is_left_out_until_too_many_are() {
    let cluster = cluster(
        "endpoints = [\"10.0.0.1:1\", \"10.0.0.2:1\", \"10.0.0.3:1\", \"10.0.0.4:1\"]\nhealth.kind = \"tcp\"",
    );
    let chooser = managed(&cluster, 1);
    let state = chooser.state().unwrap().clone();
    let ill = |at: usize, is_well| {
        let endpoint = state.endpoint(cluster.endpoints[at].address, NOW);
        state.checked(&endpoint, is_well, NOW)
    };
    assert!(ill(0, false) && !ill(0, false));
    assert_eq!(picks(&chooser, &cluster, 300, NOW), [0, 100, 100, 100]);
    ill(1, false);
    assert_eq!(picks(&chooser, &cluster, 300, NOW), [0, 0, 150, 150]);
    // More than half of them: all are asked, rather than to bury those left.
    ill(2, false);
    assert_eq!(picks(&chooser, &cluster, 400, NOW), [100, 100, 100, 100]);
    assert!(ill(2, true));
    assert_eq!(picks(&chooser, &cluster, 300, NOW), [0, 0, 150, 150]);
}

#[test]
fn the_second_choice_waits_for_the_first_to_fall() {
    let cluster = cluster(
        "endpoints = [\"10.0.0.1:1\", \"10.0.0.2:1\", \"10.0.0.3:1 priority=1\"]\nhealth.kind = \"tcp\"",
    );
    let chooser = managed(&cluster, 1);
    let state = chooser.state().unwrap().clone();
    assert_eq!(picks(&chooser, &cluster, 100, NOW), [50, 50, 0]);
    for at in 0..2 {
        state.checked(&state.endpoint(cluster.endpoints[at].address, NOW), false, NOW);
    }
    assert_eq!(picks(&chooser, &cluster, 100, NOW), [0, 0, 100]);
    state.checked(&state.endpoint(cluster.endpoints[2].address, NOW), false, NOW);
    assert_eq!(picks(&chooser, &cluster, 100, NOW), [50, 50, 0]);
}

/// Two zones, four endpoints here and four there.
fn zones(kind: &str) -> Arc<Cluster> {
    let one = |number| format!("\"10.0.0.{number}:1 zone={}\"", if number <= 4 { "here" } else { "there" });
    let list: Vec<String> = (1..=8).map(one).collect();
    let keys = format!("endpoints = [{}]\nbalance = \"{kind}\"\nhealth.kind = \"tcp\"", list.join(", "));
    in_zone("zone = \"here\"", &keys)
}

#[test]
fn requests_stay_in_their_zone_as_far_as_it_carries_them() {
    for kind in ["round-robin", "random", "least-request", "peak-ewma", "ring", "maglev"] {
        let cluster = zones(kind);
        let chooser = managed(&cluster, 1);
        let state = chooser.state().unwrap().clone();
        for (ill, wanted) in [(0, 1.0), (1, 1.0), (2, 0.7), (3, 0.35), (4, 0.0)] {
            for at in 0..ill {
                state.checked(&state.endpoint(cluster.endpoints[at].address, NOW), false, NOW);
            }
            let counts = picks(&chooser, &cluster, 20_000, NOW);
            let near = counts[..4].iter().sum::<usize>() as f64 / 20_000.0;
            assert!((near - wanted).abs() < 0.015, "{kind} {ill} {counts:?}");
            assert_eq!(counts[..ill].iter().sum::<usize>(), 0, "{kind} {counts:?}");
            assert!(wanted == 1.0 || counts[4..].iter().all(|count| *count > 500), "{kind} {counts:?}");
            let stays = if ill < 4 { Some(wanted) } else { None };
            assert_eq!(state.stays().map(|stays| (stays * 1e6).round() / 1e6), stays, "{kind}");
        }
    }
}

#[test]
fn a_zone_helps_out_where_nobody_is_left() {
    let cluster = zones("round-robin");
    let chooser = managed(&cluster, 1);
    // All of the zone were tried, or cannot be reached.
    let chosen = chooser.pick(&cluster, Pick::default(), NOW, |at| at < 4).unwrap();
    assert!(chosen.at >= 4);
    // Nobody can be trusted to be well: zones count no more than health does.
    let state = chooser.state().unwrap().clone();
    for at in (0..8).filter(|at| *at != 4) {
        state.checked(&state.endpoint(cluster.endpoints[at].address, NOW), false, NOW);
    }
    assert_eq!(picks(&chooser, &cluster, 800, NOW), [100; 8]);
}

#[test]
fn a_key_keeps_its_zone_and_its_endpoint() {
    for kind in ["ring", "maglev"] {
        let cluster = zones(kind);
        let chooser = managed(&cluster, 1);
        let state = chooser.state().unwrap().clone();
        let places = || -> Vec<usize> {
            let place = |key| chooser.pick(&cluster, keyed(key), NOW, |_| false).unwrap().at;
            (0..2000).map(place).collect()
        };
        let well = places();
        for at in 0..2 {
            state.checked(&state.endpoint(cluster.endpoints[at].address, NOW), false, NOW);
        }
        let half = places();
        assert_eq!(half, places(), "{kind}");
        // Who goes elsewhere are three in ten, and keys of endpoints that are ill.
        let moved = well.iter().zip(&half).filter(|(well, half)| well != half && **well >= 2).count();
        assert!(moved < 600, "{kind} {moved}");
    }
}

#[test]
fn zones_count_only_where_there_is_a_choice() {
    let endpoints = "endpoints = [\"10.0.0.1:1 zone=a\", \"10.0.0.2:1 zone=b\"]";
    assert!(!in_zone("", endpoints).is_managed, "the proxy stands nowhere");
    assert!(!in_zone("zone = \"c\"", endpoints).is_managed, "nobody is near");
    assert!(in_zone("zone = \"a\"", endpoints).is_managed);
    // Priorities come first: who is near but a second choice waits.
    let keys = "endpoints = [\"10.0.0.1:1 zone=b\", \"10.0.0.2:1 zone=a priority=1\"]";
    let cluster = in_zone("zone = \"a\"", keys);
    assert_eq!(picks(&managed(&cluster, 1), &cluster, 100, NOW), [100, 0]);
}

#[test]
fn bad_answers_cost_a_place_longer_each_time() {
    let cluster = cluster(
        "endpoints = [\"10.0.0.1:1\", \"10.0.0.2:1\", \"10.0.0.3:1\"]\n\
         outlier = { errors = 3, connect_errors = 2, eject = \"10s\", eject_max = \"25s\", share = \"40%\" }",
    );
    let chooser = managed(&cluster, 1);
    let state = chooser.state().unwrap().clone();
    let say = |at: usize, report, now| {
        let visit = Visit::new(state.endpoint(cluster.endpoints[at].address, now), now);
        state.report(&cluster, &visit, report, now)
    };
    assert_eq!(picks(&chooser, &cluster, 300, NOW), [100, 100, 100]);
    let mut now = NOW;
    let bad = Report::Answered(503);
    assert!(!say(0, bad, now) && !say(0, bad, now));
    // A good one in between begins anew.
    assert!(!say(0, Report::Answered(404), now));
    assert!(!say(0, bad, now) && !say(0, Report::Lost, now) && say(0, bad, now));
    assert_eq!(picks(&chooser, &cluster, 300, now), [0, 150, 150]);
    // A second one would be more than the share.
    assert!(!say(1, Report::Refused, now) && !say(1, Report::Refused, now));
    assert_eq!(picks(&chooser, &cluster, 300, now), [0, 150, 150]);
    for wanted in [20, 25, 25] {
        now += Duration::from_secs(30);
        assert_eq!(picks(&chooser, &cluster, 300, now), [100, 100, 100], "it is over");
        assert!((0..3).any(|_| say(0, bad, now)));
        let until = state.endpoint(cluster.endpoints[0].address, now).ejected_until(now);
        assert_eq!(until, Some(now + Duration::from_secs(wanted)));
    }
    // After a long good time the next is a first one again.
    now += Duration::from_secs(1000);
    assert!((0..3).any(|_| say(0, bad, now)));
    let until = state.endpoint(cluster.endpoints[0].address, now).ejected_until(now);
    assert_eq!(until, Some(now + Duration::from_secs(10)));
}

#[test]
fn who_is_new_begins_slowly() {
    let keys = "slow_start = \"100s\"\nendpoints = [\"10.0.0.1:1\", \"10.0.0.2:1\"]";
    let cluster = cluster(keys);
    let chooser = managed(&cluster, 1);
    let state = chooser.state().unwrap().clone();
    let _old = state.endpoint(cluster.endpoints[0].address, Duration::from_secs(1));
    let share = |now: u64| {
        let counts = picks(&chooser, &cluster, 10_000, Duration::from_secs(now));
        counts[1] as f64 / counts[0] as f64
    };
    assert!((0.09..0.11).contains(&share(1000)));
    let half = share(1050);
    assert!((0.45..0.56).contains(&half), "{half}");
    assert!((0.99..1.01).contains(&share(1101)));
}
