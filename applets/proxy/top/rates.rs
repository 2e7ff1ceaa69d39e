//! What changed between two looks at a running proxy: pure, from the JSON of its status.

use edgekit_rt::metrics::BUCKETS;
use serde_json::{Value, json};

/// What a route or cluster has counted.
#[derive(Clone, PartialEq, Default, Debug)]
struct Counted {
    name: String,
    requests: u64,
    failed: u64,
    buckets: Vec<u64>,
}

/// One look.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Look {
    /// Seconds of the daemon's clock.
    at: f64,
    open: u64,
    resident: u64,
    routes: Vec<Counted>,
    clusters: Vec<Counted>,
    /// Name, what is left of the budget, seconds past it.
    budgets: Vec<(String, f64, Option<f64>)>,
}

/// What one of them does now.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Rate {
    pub(super) name: String,
    /// Requests a second.
    pub(super) requests: f64,
    /// Of them, those that were answered with 500 to 599.
    pub(super) failed: f64,
    /// Seconds within which half were answered, and 99 of 100; none without a request.
    pub(super) quantiles: Option<[f64; 2]>,
    /// Share of the error budget that is left.
    pub(super) budget: Option<f64>,
    /// How long it has been past it.
    pub(super) past: Option<f64>,
}

/// What all of them do.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Rates {
    /// Seconds between the looks.
    pub(super) seconds: f64,
    pub(super) open: u64,
    pub(super) resident: u64,
    pub(super) whole: Rate,
    /// The busiest first.
    pub(super) routes: Vec<Rate>,
    pub(super) clusters: Vec<Rate>,
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_default()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

impl Look {
    /// Reads the detail of a proxy's status.
    pub(super) fn of(detail: &Value) -> Look {
        let counted = |kind: &str| {
            let all = detail["traffic"][kind].as_array().into_iter().flatten();
            let one = |value: &Value| Counted {
                name: text(value, "name"),
                requests: number(value, "requests"),
                failed: number(value, "failed"),
                buckets: value["buckets"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_u64)
                    .collect(),
            };
            all.map(one).collect()
        };
        let budget = |route: &Value| {
            let left = route["objective"]["budget_left"].as_f64()?;
            Some((text(route, "name"), left, route["objective"]["past_seconds"].as_f64()))
        };
        Look {
            at: detail["traffic"]["at_seconds"].as_f64().unwrap_or_default(),
            open: number(detail, "open"),
            resident: number(&detail["traffic"], "resident_bytes"),
            routes: counted("routes"),
            clusters: counted("clusters"),
            budgets: detail["routes"].as_array().into_iter().flatten().filter_map(budget).collect(),
        }
    }

    /// What happened since `before`. A daemon that was started again in between has nothing to compare.
    pub(super) fn since(&self, before: &Look) -> Rates {
        let seconds = self.at - before.at;
        let mut whole = Counted { buckets: vec![0; BUCKETS.len() + 1], ..Counted::default() };
        let mut rates = |now: &[Counted], before: &[Counted], adds: bool| -> Vec<Rate> {
            let mut all = Vec::new();
            for one in now {
                let old = before.iter().find(|old| old.name == one.name);
                let gone = one.without(old.unwrap_or(&Counted::default()));
                if adds {
                    whole.add(&gone);
                }
                all.push(gone.rate(seconds));
            }
            edgekit_core::sort::by(&mut all, |a, b| {
                b.requests.total_cmp(&a.requests).then(a.name.cmp(&b.name))
            });
            all
        };
        let mut routes = rates(&self.routes, &before.routes, true);
        let clusters = rates(&self.clusters, &before.clusters, false);
        for (name, left, past) in &self.budgets {
            let shown = match routes.iter().position(|route| route.name == *name) {
                Some(at) => &mut routes[at],
                None => {
                    routes.push(Rate { name: name.clone(), ..Rate::default() });
                    let last = routes.len() - 1;
                    &mut routes[last]
                }
            };
            (shown.budget, shown.past) = (Some(*left), *past);
        }
        let (open, resident) = (self.open, self.resident);
        Rates { seconds, open, resident, whole: whole.rate(seconds), routes, clusters }
    }
}

impl Counted {
    fn without(&self, before: &Counted) -> Counted {
        let old = |at: usize| before.buckets.get(at).copied().unwrap_or_default();
        let bucket = |(at, count): (usize, &u64)| count.saturating_sub(old(at));
        Counted {
            name: self.name.clone(),
            requests: self.requests.saturating_sub(before.requests),
            failed: self.failed.saturating_sub(before.failed),
            buckets: self.buckets.iter().enumerate().map(bucket).collect(),
        }
    }

    fn add(&mut self, other: &Counted) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(sum, count)| *sum += count);
    }

    fn rate(&self, seconds: f64) -> Rate {
        let a_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let all: u64 = self.buckets.iter().sum();
        Rate {
            name: self.name.clone(),
            requests: a_second(self.requests),
            failed: a_second(self.failed),
            quantiles: (all > 0).then(|| [quantile(&self.buckets, 0.5), quantile(&self.buckets, 0.99)]),
            ..Rate::default()
        }
    }
}

/// Seconds within which a share of the durations was: within a bucket they are taken to be even. What is
/// beyond the last bound is said to be that bound.
fn quantile(buckets: &[u64], share: f64) -> f64 {
    let rank = share * buckets.iter().sum::<u64>() as f64;
    let (mut below, mut low) = (0.0, 0.0);
    for (count, high) in buckets.iter().zip(BUCKETS) {
        let count = *count as f64;
        if count > 0.0 && below + count >= rank {
            return low + (high - low) * ((rank - below) / count);
        }
        (below, low) = (below + count, high);
    }
    low
}

impl Rates {
    /// As one object.
    pub(super) fn json(&self) -> Value {
        let one = |rate: &Rate| {
            json!({
                "name": rate.name,
                "requests_per_second": rate.requests,
                "failed_per_second": rate.failed,
                "p50_seconds": rate.quantiles.map(|[half, _]| half),
                "p99_seconds": rate.quantiles.map(|[_, most]| most),
                "budget_left": rate.budget,
                "past_seconds": rate.past,
            })
        };
        json!({
            "seconds": self.seconds,
            "open": self.open,
            "resident_bytes": self.resident,
            "requests_per_second": self.whole.requests,
            "failed_per_second": self.whole.failed,
            "routes": self.routes.iter().map(one).collect::<Vec<_>>(),
            "clusters": self.clusters.iter().map(one).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(at: f64, requests: u64, buckets: &[u64]) -> Value {
        json!({
            "open": 3,
            "traffic": {
                "at_seconds": at,
                "resident_bytes": 1000,
                "routes": [{ "name": "a", "requests": requests, "failed": requests / 10, "buckets": buckets }],
                "clusters": [],
            },
            "routes": [
                { "name": "a", "objective": { "budget_left": 0.5, "past_seconds": null } },
                { "name": "b", "objective": { "budget_left": -0.5, "past_seconds": 3.0 } },
            ],
        })
    }

    #[test]
    fn two_looks_make_rates() {
        let before = Look::of(&detail(10.0, 100, &[90, 10]));
        let rates = Look::of(&detail(12.0, 300, &[190, 110])).since(&before);
        let route = &rates.routes[0];
        assert_eq!((rates.seconds, route.requests, route.failed), (2.0, 100.0, 10.0));
        // Half within the first bucket, the rest evenly in the second.
        assert_eq!(route.quantiles, Some([0.0005, 0.00099]));
        assert_eq!((rates.whole.requests, rates.open, rates.resident), (100.0, 3, 1000));
        assert_eq!((route.budget, rates.routes[1].past), (Some(0.5), Some(3.0)));
        assert_eq!(rates.json()["routes"][1]["budget_left"], -0.5);
    }

    #[test]
    fn nothing_and_a_new_start_are_no_rates() {
        assert_eq!(Look::of(&json!({})).since(&Look::default()).whole, Rate::default());
        let rates = Look::of(&detail(1.0, 5, &[5])).since(&Look::of(&detail(9.0, 100, &[100])));
        assert_eq!((rates.whole.requests, rates.whole.quantiles), (0.0, None));
    }

    #[test]
    fn quantiles_stay_within_their_buckets() {
        let mut buckets = [0; BUCKETS.len() + 1];
        buckets[BUCKETS.len()] = 7;
        assert_eq!(quantile(&buckets, 0.99), 10.0);
        buckets[0] = 1000;
        assert!(quantile(&buckets, 0.99) <= 0.0005);
    }
}
