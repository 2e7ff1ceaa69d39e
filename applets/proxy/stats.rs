//! What is counted: each worker counts for itself, the registry adds up when it is asked.
//!
//! A worker's numbers have one writer, so that counting is a plain addition; a series appears in the
//! registry with its first use. Neighbour: `edgekit_rt::metrics`.

mod tally;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use edgekit_rt::metrics::{Kind, Metrics};

pub(crate) use tally::{Ended, Table, Tally};

use crate::http1::Fault;
use crate::http2::Abuse;
use crate::objective::Objective;

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
    /// Clients of UDP that got a flow.
    pub flows: Cell,
    /// Those that got none: there are too many.
    pub flows_refused: Cell,
    /// Datagrams passed on, both ways.
    pub datagrams: Cell,
    /// Datagrams dropped: of clients without a flow, or a socket had no room.
    pub datagrams_lost: Cell,
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
    /// Spans that found no room.
    pub spans_lost: Cell,
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
    ("edgekit_proxy_flows_total", "Clients of UDP that were let in.", |cells| &cells.flows),
    ("edgekit_proxy_flows_refused_total", "Clients of UDP that were not.", |cells| &cells.flows_refused),
    ("edgekit_proxy_datagrams_total", "Datagrams passed on, both ways.", |cells| &cells.datagrams),
    ("edgekit_proxy_datagrams_lost_total", "Datagrams dropped.", |cells| &cells.datagrams_lost),
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
    ("edgekit_proxy_spans_lost_total", "Spans for the collector that found no room.", |cells| {
        &cells.spans_lost
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

/// What is counted of a route.
pub struct Numbers {
    /// Its requests.
    pub tally: Arc<Tally>,
    /// How it keeps what it promises, if it promises anything.
    pub objective: Option<Arc<Objective>>,
}

/// How long requests took, as it is shown.
const DURATION: &str = "edgekit_proxy_request_duration_seconds";
/// And those that were sent to a cluster.
const UPSTREAM: &str = "edgekit_proxy_upstream_duration_seconds";

/// All numbers of a proxy.
pub struct Stats {
    workers: Arc<[WorkerCells]>,
    /// Of routes.
    pub routes: Arc<Table>,
    /// Of clusters.
    pub clusters: Arc<Table>,
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
        let cells = workers.clone();
        let help = "Requests that were not answered by a server, by reason.";
        metrics.collect("edgekit_proxy_faults_total", help, Kind::Counter, move |rows| {
            for (place, fault) in Fault::ALL.into_iter().enumerate() {
                let count: u64 = cells.iter().map(|cells| cells.faults.0[place].get()).sum();
                if count > 0 {
                    rows.count(&[("reason", fault.word())], count);
                }
            }
        });
        let cells = workers.clone();
        let help = "Connections of HTTP/2 ended for costing too much, by what.";
        metrics.collect("edgekit_proxy_http2_abuse_total", help, Kind::Counter, move |rows| {
            for (place, abuse) in Abuse::ALL.into_iter().enumerate() {
                let count: u64 = cells.iter().map(|cells| cells.abuses[place].get()).sum();
                if count > 0 {
                    rows.count(&[("reason", abuse.word())], count);
                }
            }
        });
        let routes = Arc::new(Table::new(DURATION, metrics.clone(), workers.len()));
        let shown = routes.clone();
        metrics.collect("edgekit_proxy_requests_total", "Requests answered.", Kind::Counter, move |rows| {
            shown.counts("route", rows);
        });
        let shown = routes.clone();
        let help = "From a request's head to the end of its answer; retryable: sent twice it does no harm.";
        metrics.collect(DURATION, help, Kind::Histogram, move |rows| shown.durations("route", true, rows));
        let clusters = Arc::new(Table::new(UPSTREAM, metrics.clone(), workers.len()));
        let shown = clusters.clone();
        let help = "The same of requests that were for a cluster, all tries together.";
        metrics.collect(UPSTREAM, help, Kind::Histogram, move |rows| shown.durations("cluster", false, rows));
        Stats { workers, routes, clusters }
    }

    /// The numbers of one worker.
    pub fn worker(&self, index: usize) -> &WorkerCells {
        &self.workers[index]
    }

    /// A sum over the workers.
    pub fn sum(&self, read: impl Fn(&WorkerCells) -> &Cell) -> u64 {
        self.workers.iter().map(|cells| read(cells).get()).sum()
    }

    /// Counts a fault.
    pub fn fault(&self, worker: usize, fault: Fault) {
        self.workers[worker].faults.0[fault as usize].add(1);
    }

    /// Counts a connection of HTTP/2 that was ended because of what was done with it.
    pub fn abuse(&self, worker: usize, abuse: Abuse) {
        self.workers[worker].abuses[abuse as usize].add(1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::snapshot::Name;

    fn ended(status: u16, retryable: bool) -> Ended {
        Ended { status, retryable, took: Duration::from_millis(3) }
    }

    #[test]
    fn shares_are_added_up() {
        let metrics = Metrics::default();
        let stats = Stats::new(metrics.clone(), 2);
        stats.worker(0).accepted.add(2);
        stats.worker(1).accepted.add(3);
        assert!(!metrics.to_text().contains("duration"));
        let route = stats.routes.of(&Name::from("all"));
        stats.routes.add(&route, 0, ended(200, true));
        stats.routes.add(&stats.routes.of(&Name::from("all")), 1, ended(204, true));
        stats.routes.add(&route, 1, ended(204, false));
        stats.fault(1, Fault::BareLf);
        let text = metrics.to_text();
        for line in [
            "edgekit_proxy_connections_total 5\n",
            "edgekit_proxy_requests_total{route=\"all\",status=\"2xx\"} 3\n",
            "edgekit_proxy_request_duration_seconds_count{route=\"all\",status=\"2xx\",retryable=\"true\"} 2\n",
            "edgekit_proxy_request_duration_seconds_count{route=\"all\",status=\"2xx\",retryable=\"false\"} 1\n",
            "edgekit_proxy_faults_total{reason=\"bare_lf\"} 1\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert!(!text.contains("5xx") && !text.contains("abuse"));
        let sum = route.sum();
        assert_eq!((sum.classes, sum.durations.1), ([0, 0, 3, 0, 0, 0], 9_000_000));
    }

    #[test]
    fn what_is_too_much_is_counted_together() {
        let metrics = Metrics::default();
        let stats = Stats::new(metrics.clone(), 2);
        let extra = 30;
        for number in 0..tally::MAX_SETS + extra {
            let route = stats.routes.of(&Name::from(format!("r{number}")));
            stats.routes.add(&route, number % 2, ended(200, false));
            stats.routes.add(&route, 0, ended(200, false));
        }
        let text = metrics.to_text();
        let other = "{route=\"_other\",status=\"_other\",retryable=\"_other\"}";
        assert!(text.contains(&format!("{DURATION}_count{other} {}\n", 2 * extra)), "{text}");
        assert!(text.contains(&format!("edgekit_metrics_folded_total{{metric=\"{DURATION}\"}} {extra}\n")));
        let all = text.lines().filter(|line| line.starts_with("edgekit_proxy_requests_total{"));
        let all: u64 = all.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum();
        assert_eq!(all, 2 * (tally::MAX_SETS + extra) as u64);
    }
}
