//! Asks endpoints whether they are well: one task an endpoint that is checked, on the first worker,
//! which has what a TLS session needs.
//!
//! An endpoint is taken for well until a check says otherwise, and the first check says so alone;
//! later ones need several in a row. Neighbours: `state.rs` is told, and all workers with it.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::grpc;
use super::state::ClusterState;
use crate::balance::Dice;
use crate::route::{Authority, PathPattern};
use crate::snapshot::{Cluster, Snapshot};
use crate::upstream;
use crate::wire::{Stream, Wire};
use crate::worker::Worker;

edgekit_core::words! {
    /// How an endpoint is asked.
    pub enum Kind {
        /// It accepts a connection.
        Tcp = "tcp",
        /// It answers a GET with 200 to 399.
        Http = "http",
        /// It answers grpc.health.v1.Health/Check with SERVING; for clusters that speak h2.
        Grpc = "grpc",
    }
}

edgekit_core::config! {
    /// How endpoints are asked whether they are well
    pub struct HealthCheck {
        /// The way; none is not at all
        live kind: Option<Kind>, like "http";
        /// The path that is asked for
        live path: PathPattern = "/";
        /// The service that is asked for (gRPC); none is the server as a whole
        live service: Option<String>, like "shop.Cart";
        /// The host that is asked for; none is the name of the cluster
        live host: Option<Authority>, like "app.internal";
        /// The time between two checks
        live interval: Duration = "5s", in "10ms"..="1h";
        /// How long an answer may take
        live timeout: Duration = "2s", in "10ms"..="1m";
        /// Checks in a row that fail until it counts as ill
        live ill_after: u32 = 3, in 1..=100;
        /// Checks in a row that succeed until it counts as well
        live well_after: u32 = 2, in 1..=100;
    }
}

/// Bytes of an answer that are looked at.
const LONGEST: usize = 4096;

/// What is checked.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    cluster: Arc<str>,
    address: SocketAddr,
}

/// Keeps a task for each endpoint that is to be checked.
pub(crate) struct Checks {
    worker: Rc<Worker>,
    tasks: JoinSet<()>,
    running: HashMap<Key, (Arc<Cluster>, tokio::task::AbortHandle)>,
}

impl Checks {
    pub(crate) fn new(worker: Rc<Worker>) -> Checks {
        Checks { worker, tasks: JoinSet::new(), running: HashMap::new() }
    }

    /// Goes on until it is dropped.
    pub(crate) async fn run(mut self) {
        let worker = self.worker.clone();
        let cell = &worker.shared.snapshot;
        loop {
            let number = cell.number();
            self.follow(&cell.get());
            while self.tasks.try_join_next().is_some() {}
            cell.changed(number).await;
        }
    }

    fn follow(&mut self, snapshot: &Snapshot) {
        let checked = |cluster: &&Arc<Cluster>| cluster.settings.health.kind.is_some();
        let mut wanted: HashMap<Key, &Arc<Cluster>> = HashMap::new();
        for cluster in snapshot.clusters.iter().filter(checked) {
            for endpoint in cluster.endpoints.iter() {
                wanted.insert(Key { cluster: cluster.name.clone(), address: endpoint.address }, cluster);
            }
        }
        self.running.retain(|key, (cluster, task)| {
            let same = wanted.get(key).is_some_and(|now| Arc::ptr_eq(&now.settings, &cluster.settings));
            if !same {
                task.abort();
            }
            same
        });
        for (key, cluster) in wanted {
            if self.running.contains_key(&key) {
                continue;
            }
            let Some(state) = self.worker.shared.states.of(cluster) else { continue };
            let one =
                Check { worker: self.worker.clone(), cluster: cluster.clone(), state, address: key.address };
            let task = self.tasks.spawn_local(one.run());
            self.running.insert(key, (cluster.clone(), task));
        }
    }
}

struct Check {
    worker: Rc<Worker>,
    cluster: Arc<Cluster>,
    state: Arc<ClusterState>,
    address: SocketAddr,
}

impl Check {
    async fn run(self) {
        let (settings, clock) = (&self.cluster.settings.health, &self.worker.shared.clock);
        let dice = Dice::new(clock.monotonic().as_nanos() as u64 ^ u64::from(self.address.port()));
        let endpoint = self.state.endpoint(self.address, clock.monotonic());
        let (mut in_row, mut last, mut is_first) = (0_u32, true, true);
        loop {
            let found = tokio::time::timeout(settings.timeout, self.ask()).await;
            let found = found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            let is_well = found.is_ok();
            in_row = if is_well == last { in_row.saturating_add(1) } else { 1 };
            last = is_well;
            let needed = if is_well { settings.well_after } else { settings.ill_after };
            if (is_first || in_row >= needed) && self.state.checked(&endpoint, is_well, clock.monotonic()) {
                let (cluster, endpoint) = (&*self.cluster.name, self.address);
                match found {
                    Ok(()) => tracing::info!(cluster, %endpoint, "an endpoint is well again"),
                    Err(reason) => tracing::warn!(cluster, %endpoint, %reason, "an endpoint is ill"),
                }
            }
            is_first = false;
            // Never all at once: a tenth sooner or later.
            let tenth = settings.interval / 10;
            let part = dice.below(2000) as u32;
            tokio::time::sleep(settings.interval - tenth + tenth * part / 1000).await;
        }
    }

    async fn ask(&self) -> io::Result<()> {
        let mut stream = upstream::connect(&self.worker, &self.cluster, self.address).await?;
        match self.cluster.settings.health.kind {
            Some(Kind::Http) => self.get(&mut stream).await,
            Some(Kind::Grpc) => self.call(&mut stream).await,
            Some(Kind::Tcp) | None => Ok(()),
        }
    }

    fn host(&self) -> &str {
        self.cluster.settings.health.host.as_ref().map_or(&*self.cluster.name, |host| &host.0)
    }

    async fn get(&self, stream: &mut Stream) -> io::Result<()> {
        let request = format!(
            "GET {} HTTP/1.1\r\nhost: {}\r\nuser-agent: edgekit-check\r\nconnection: close\r\n\r\n",
            self.cluster.settings.health.path.0,
            self.host()
        );
        send(stream, request.as_bytes()).await?;
        stream.finish(None)?;
        let mut answer = Vec::new();
        // `HTTP/1.1 200`: all that counts.
        while answer.len() < 12 {
            if !more(stream, &mut answer).await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        match status(&answer) {
            Some(200..=399) => Ok(()),
            Some(status) => Err(io::Error::other(format!("it answered {status}"))),
            None => Err(io::Error::other("its answer is no HTTP")),
        }
    }

    async fn call(&self, stream: &mut Stream) -> io::Result<()> {
        let service = self.cluster.settings.health.service.as_deref().unwrap_or_default();
        let (head, message) = grpc::call(self.host(), service);
        // A stream takes its head by itself.
        send(stream, head.as_bytes()).await?;
        send(stream, &message).await?;
        stream.finish(None)?;
        let mut answer = Vec::new();
        while answer.len() < LONGEST && more(stream, &mut answer).await? {}
        let end = memchr::memmem::find(&answer, b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        match status(&answer) {
            Some(200) => {}
            Some(status) => return Err(io::Error::other(format!("it answered {status}"))),
            None => return Err(io::Error::other("its answer is no HTTP")),
        }
        // An answer without a message has its status in the head.
        let head = String::from_utf8_lossy(&answer[..end]);
        let told = head.lines().find_map(|line| Some(line.strip_prefix("grpc-status: ")?.trim().to_owned()));
        let told = told.or_else(|| {
            let trailers = stream.trailers()?;
            let field = trailers.fields.iter().find(|field| field.name.of(&trailers.bytes) == b"grpc-status");
            field.map(|field| String::from_utf8_lossy(field.value.of(&trailers.bytes)).into_owned())
        });
        match told.as_deref() {
            Some("0") => grpc::serves(&answer[end + 4..]).map_err(io::Error::other),
            Some(code) => Err(io::Error::other(format!("it answered grpc-status {code}"))),
            None => Err(io::Error::other("its answer has no grpc-status")),
        }
    }
}

async fn send(stream: &mut Stream, mut left: &[u8]) -> io::Result<()> {
    while !left.is_empty() {
        match poll_fn(|context| stream.poll_write(context, &[IoSlice::new(left)])).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => left = &left[written..],
        }
    }
    Ok(())
}

/// Reads some more; false at the end.
async fn more(stream: &mut Stream, into: &mut Vec<u8>) -> io::Result<bool> {
    let mut piece = [0; 1024];
    let bytes = poll_fn(|context| stream.poll_read(context, &mut piece)).await?;
    into.extend_from_slice(&piece[..bytes]);
    Ok(bytes > 0)
}

/// The status an answer begins with.
fn status(answer: &[u8]) -> Option<u16> {
    let digits = answer.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    let fits = digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| fits)?.parse().ok()
}
