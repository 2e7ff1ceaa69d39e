//! What is counted: each worker counts for itself, the registry adds up when it is asked.
//!
//! A worker's numbers have one writer, so that counting is a plain addition; a series appears in the
//! registry with its first use. Neighbour: `edgekit_rt::metrics`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edgekit_rt::metrics::{BUCKETS, MAX_SERIES, Metrics, OTHER};

use crate::http1::Fault;
use crate::http2::Abuse;

/// Routes that are counted by name: each may have a series for every class of status. What comes
/// later is counted together.
const MAX_ROUTES: usize = MAX_SERIES / 6;

/// A number with one writer.
#[derive(Default, Debug)]
pub struct Cell(AtomicU64);

impl Cell {
    /// Adds `amount`; gives what it was before. Only the owning worker may call it.
    pub fn add(&self, amount: u64) -> u64 {
        let before = self.0.load(Ordering::Relaxed);
        self.0.store(before.wrapping_add(amount), Ordering::Relaxed);
        before
    }

    /// Takes `amount` away. Only the owning worker may call it.
    pub fn subtract(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_sub(amount), Ordering::Relaxed);
    }

    /// Lets it stand at `value`. Only the owning worker may call it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// What it stands at.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one worker counts of one route.
#[repr(align(64))]
#[derive(Default, Debug)]
pub(crate) struct RouteCells {
    /// By the first digit of the status.
    classes: [Cell; 6],
    buckets: [Cell; BUCKETS.len() + 1],
    nanoseconds: Cell,
}

/// A route's numbers, a share a worker.
#[derive(Debug)]
pub struct RouteStats {
    name: String,
    shares: Box<[RouteCells]>,
}

/// What one worker counts whatever the route.
#[repr(align(64))]
#[derive(Default, Debug)]
pub struct WorkerCells {
    /// Connections of clients, now.
    pub open: Cell,
    /// And since the start.
    pub accepted: Cell,
    /// Closed at once: there are too many.
    pub turned_away: Cell,
    /// Connections that a hook refused.
    pub judged: Cell,
    /// accept(2) failed.
    pub accept_errors: Cell,
    /// Connections made to endpoints.
    pub connects: Cell,
    /// Connections to endpoints that could not be made.
    pub connect_errors: Cell,
    /// Exchanges on a connection that was kept.
    pub reuses: Cell,
    /// Exchanges begun again because such a connection was dead.
    pub retries: Cell,
    /// Bytes of bodies from clients.
    pub received: Cell,
    /// Bytes of bodies to clients.
    pub sent: Cell,
    /// Answers that broke off.
    pub broken: Cell,
    /// Upgraded connections.
    pub tunnels: Cell,
    /// Connections that did not begin with the PROXY header they must have.
    pub header_errors: Cell,
    /// Connections passed on as they are.
    pub streams: Cell,
    /// Requests of clients whom a route is not for: refused, and only counted.
    pub denied: [Cell; 2],
    /// Connections of clients that were secured.
    pub handshakes: Cell,
    /// Those that could not be.
    pub handshake_errors: Cell,
    /// Connections of clients that speak HTTP/2.
    pub http2: Cell,
    /// Streams that their clients reset before the answer was out.
    pub cancelled: Cell,
    /// Lines of the access log that found no room.
    pub lines_lost: Cell,
    abuses: [Cell; Abuse::ALL.len()],
    /// Requests delayed or refused on purpose.
    pub injected: Cell,
    /// Endpoints left out because of how they answered.
    pub ejections: Cell,
    /// Requests that waited for their turn.
    pub queued: Cell,
    /// Requests refused for want of memory.
    pub memory_refusals: Cell,
    /// Exchanges cut for want of memory.
    pub memory_cuts: Cell,
    /// Exchanges in use, now.
    pub exchanges: Cell,
    /// Copies of requests that were sent.
    pub mirrored: Cell,
    /// Copies of requests that were not: too many, too long, or their cluster does not answer.
    pub mirrors_lost: Cell,
    faults: Faults,
}

/// One a reason.
#[derive(Debug)]
struct Faults([Cell; Fault::ALL.len()]);

impl Default for Faults {
    fn default() -> Faults {
        Faults(std::array::from_fn(|_| Cell::default()))
    }
}

type Read = fn(&WorkerCells) -> &Cell;

/// Names, words and places of the numbers that are always shown.
const SHOWN: &[(&str, &str, Read)] = &[
    ("edgekit_proxy_connections_total", "Connections of clients.", |cells| &cells.accepted),
    ("edgekit_proxy_hook_refused_connections_total", "Connections that a hook refused.", |cells| {
        &cells.judged
    }),
    ("edgekit_proxy_turned_away_total", "Connections closed because there were too many.", |cells| {
        &cells.turned_away
    }),
    ("edgekit_proxy_accept_errors_total", "Connections that could not be accepted.", |cells| {
        &cells.accept_errors
    }),
    ("edgekit_proxy_connects_total", "Connections made to endpoints.", |cells| &cells.connects),
    ("edgekit_proxy_connect_errors_total", "Connections to endpoints that failed.", |cells| {
        &cells.connect_errors
    }),
    ("edgekit_proxy_reuses_total", "Exchanges on a connection that was kept.", |cells| &cells.reuses),
    ("edgekit_proxy_retries_total", "Exchanges begun again on another connection.", |cells| &cells.retries),
    ("edgekit_proxy_received_bytes_total", "Bytes of bodies from clients.", |cells| &cells.received),
    ("edgekit_proxy_sent_bytes_total", "Bytes of bodies to clients.", |cells| &cells.sent),
    ("edgekit_proxy_broken_total", "Answers that broke off.", |cells| &cells.broken),
    ("edgekit_proxy_tunnels_total", "Connections that were upgraded.", |cells| &cells.tunnels),
    ("edgekit_proxy_header_errors_total", "Connections without the PROXY header they must have.", |cells| {
        &cells.header_errors
    }),
    ("edgekit_proxy_streams_total", "Connections passed on as they are.", |cells| &cells.streams),
    ("edgekit_proxy_denied_total", "Requests refused because of who asked.", |cells| &cells.denied[0]),
    ("edgekit_proxy_would_deny_total", "Requests that a shadow list would refuse.", |cells| &cells.denied[1]),
    ("edgekit_proxy_handshakes_total", "TLS handshakes of clients.", |cells| &cells.handshakes),
    ("edgekit_proxy_handshake_errors_total", "TLS handshakes of clients that failed.", |cells| {
        &cells.handshake_errors
    }),
    ("edgekit_proxy_http2_connections_total", "Connections of clients that speak HTTP/2.", |cells| {
        &cells.http2
    }),
    ("edgekit_proxy_cancelled_total", "Streams that were reset by their clients.", |cells| &cells.cancelled),
    ("edgekit_proxy_log_lines_lost_total", "Lines of the access log that found no room.", |cells| {
        &cells.lines_lost
    }),
    ("edgekit_proxy_injected_faults_total", "Requests delayed or refused on purpose.", |cells| {
        &cells.injected
    }),
    ("edgekit_proxy_ejections_total", "Endpoints left out because of how they answered.", |cells| {
        &cells.ejections
    }),
    ("edgekit_proxy_queued_total", "Requests that waited for their turn.", |cells| &cells.queued),
    ("edgekit_proxy_memory_refusals_total", "Requests refused for want of memory.", |cells| {
        &cells.memory_refusals
    }),
    ("edgekit_proxy_memory_cuts_total", "Exchanges that stood still, cut for want of memory.", |cells| {
        &cells.memory_cuts
    }),
    ("edgekit_proxy_mirrored_total", "Copies of requests that were answered.", |cells| &cells.mirrored),
    ("edgekit_proxy_mirrors_lost_total", "Copies of requests that were not sent or answered.", |cells| {
        &cells.mirrors_lost
    }),
];

/// All numbers of a proxy.
pub struct Stats {
    metrics: Metrics,
    workers: Arc<[WorkerCells]>,
    routes: Mutex<HashMap<String, Arc<RouteStats>>>,
}

impl Stats {
    /// For so many workers, shown by `metrics`.
    pub fn new(metrics: Metrics, workers: usize) -> Stats {
        let workers: Arc<[WorkerCells]> = (0..workers).map(|_| WorkerCells::default()).collect();
        for (name, help, read) in SHOWN {
            let cells = workers.clone();
            let sum = move || cells.iter().map(|cells| read(cells).get()).sum();
            metrics.counter_from(name, help, &[], sum);
        }
        let cells = workers.clone();
        let open = move || cells.iter().map(|cells| cells.open.get()).sum();
        metrics.gauge_from("edgekit_proxy_open_connections", "Connections of clients, now.", &[], open);
        Stats { metrics, workers, routes: Mutex::default() }
    }

    /// The numbers of one worker.
    pub fn worker(&self, index: usize) -> &WorkerCells {
        &self.workers[index]
    }

    /// A sum over the workers.
    pub fn sum(&self, read: impl Fn(&WorkerCells) -> &Cell) -> u64 {
        self.workers.iter().map(|cells| read(cells).get()).sum()
    }

    /// The numbers of a route; they outlive a reload.
    pub fn route(&self, name: &str) -> Arc<RouteStats> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let name = if routes.len() < MAX_ROUTES || routes.contains_key(name) { name } else { OTHER };
        let made = || {
            let shares = self.workers.iter().map(|_| RouteCells::default()).collect();
            Arc::new(RouteStats { name: name.to_owned(), shares })
        };
        routes.entry(name.to_owned()).or_insert_with(made).clone()
    }

    /// Counts an answered request.
    pub fn answered(&self, route: &Arc<RouteStats>, worker: usize, status: u16, took: Duration) {
        let share = &route.shares[worker];
        let class = usize::from(status / 100).min(5);
        if share.classes[class].add(1) == 0 {
            self.show(route, class);
        }
        let seconds = took.as_secs_f64();
        share.buckets[BUCKETS.partition_point(|bound| *bound < seconds)].add(1);
        share.nanoseconds.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Counts a fault.
    pub fn fault(&self, worker: usize, fault: Fault) {
        let place = fault as usize;
        if self.workers[worker].faults.0[place].add(1) == 0 {
            let cells = self.workers.clone();
            let sum = move || cells.iter().map(|cells| cells.faults.0[place].get()).sum();
            let help = "Requests that were not answered by a server, by reason.";
            self.metrics.counter_from("edgekit_proxy_faults_total", help, &[("reason", fault.word())], sum);
        }
    }

    /// Counts a connection of HTTP/2 that was ended because of what was done with it.
    pub fn abuse(&self, worker: usize, abuse: Abuse) {
        let place = abuse as usize;
        if self.workers[worker].abuses[place].add(1) == 0 {
            let cells = self.workers.clone();
            let sum = move || cells.iter().map(|cells| cells.abuses[place].get()).sum();
            let help = "Connections of HTTP/2 ended for costing too much, by what.";
            self.metrics.counter_from(
                "edgekit_proxy_http2_abuse_total",
                help,
                &[("reason", abuse.word())],
                sum,
            );
        }
    }

    fn show(&self, route: &Arc<RouteStats>, class: usize) {
        let words = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];
        let labels = [("route", route.name.as_str()), ("status", words[class])];
        let shown = route.clone();
        let sum = move || shown.shares.iter().map(|share| share.classes[class].get()).sum();
        self.metrics.counter_from("edgekit_proxy_requests_total", "Requests answered.", &labels, sum);
        let shown = route.clone();
        let observed = move || {
            let mut buckets = [0; BUCKETS.len() + 1];
            let mut nanoseconds = 0_u64;
            for share in &shown.shares {
                for (sum, cell) in buckets.iter_mut().zip(&share.buckets) {
                    *sum += cell.get();
                }
                nanoseconds = nanoseconds.wrapping_add(share.nanoseconds.get());
            }
            (buckets, nanoseconds)
        };
        let help = "From the request's head to the end of its answer.";
        let labels = [("route", route.name.as_str())];
        self.metrics.histogram_from("edgekit_proxy_request_duration_seconds", help, &labels, observed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_added_up() {
        let metrics = Metrics::default();
        let stats = Stats::new(metrics.clone(), 2);
        stats.worker(0).accepted.add(2);
        stats.worker(1).accepted.add(3);
        let route = stats.route("all");
        stats.answered(&route, 0, 200, Duration::from_millis(3));
        stats.answered(&stats.route("all"), 1, 204, Duration::from_millis(3));
        stats.fault(1, Fault::BareLf);
        let text = metrics.to_text();
        for line in [
            "edgekit_proxy_connections_total 5\n",
            "edgekit_proxy_requests_total{route=\"all\",status=\"2xx\"} 2\n",
            "edgekit_proxy_request_duration_seconds_count{route=\"all\"} 2\n",
            "edgekit_proxy_faults_total{reason=\"bare_lf\"} 1\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert!(!text.contains("5xx"));
    }
}
