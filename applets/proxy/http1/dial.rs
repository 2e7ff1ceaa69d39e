//! A connection to one of a cluster's endpoints, for one try of a request.
//!
//! Which endpoint is asked is `balance`'s to say, how many connections there may be `resilience`'s.
//! An endpoint that cannot be connected to is spared for a moment and the next one asked.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::asker::Asker;
use super::fault::Fault;
use super::session::Session;
use crate::balance::{Choice, Chooser, Pick, Tried};
use crate::config::Served;
use crate::health::{ClusterState, Report, Visit};
use crate::resilience::{Budget, Means, Permit, Retry};
use crate::route::Route;
use crate::snapshot::{Cluster, Listener};
use crate::upstream::{self, Kept};
use crate::wire::{Stream, Wire as _};

/// Endpoints that are tried when connections cannot be made.
const TRIES: usize = 3;

/// Where a request goes, and what decides about it.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) listener: &'a Listener,
    pub(super) route: &'a Route,
    pub(super) cluster: &'a Cluster,
    pub(super) chooser: &'a Chooser,
    /// When it is tried again, if at all.
    pub(super) retry: Option<&'a Retry>,
    /// Second tries there may be; none where there are none.
    pub(super) budget: Option<&'a Budget>,
    /// Of the request's key, for rings and tables.
    pub(super) hash: Option<u64>,
    /// When the whole of it must be over.
    pub(super) until: Duration,
}

impl<'a> Way<'a> {
    /// What second tries draw on.
    pub(super) fn means(&self) -> Means<'a> {
        Means { cluster: self.cluster, state: self.chooser.state(), budget: self.budget }
    }

    /// `patience`, or less where the whole must be over before.
    pub(super) fn patience(&self, now: Duration, patience: Duration) -> Duration {
        patience.min(self.until.saturating_sub(now))
    }

    /// Counts how a visit ended; true if its endpoint is left out from now on.
    pub(super) fn report(&self, visit: Option<&Visit>, report: Report, now: Duration) -> bool {
        match (self.chooser.state(), visit) {
            (Some(state), Some(visit)) => state.report(self.cluster, visit, report, now),
            _ => false,
        }
    }
}

/// A connection to an endpoint.
pub(super) struct Server {
    pub(super) stream: Stream,
    pub(super) endpoint: SocketAddr,
    /// It was kept from an exchange before: the server may have closed it by now.
    pub(super) is_kept: bool,
    /// Counted at its endpoint, where somebody wants to know.
    pub(super) visit: Option<Visit>,
    /// Its place among the cluster's connections, where they are limited.
    pub(super) permit: Option<Permit>,
}

/// What to make of an endpoint.
enum Place {
    /// A new connection, with its permit where they are limited.
    New(Option<Permit>),
    /// One that was given back meanwhile.
    Kept(Kept),
}

impl<W: Asker> Session<'_, W> {
    /// A connection to one of the endpoints: one that was kept, if it may be, or a new one. Those that
    /// were `tried` are skipped, and this one is remembered there.
    pub(super) async fn dial(
        &mut self,
        way: &Way<'_>,
        tried: &mut Tried,
        now: Duration,
        may_be_kept: bool,
    ) -> Result<Server, Fault> {
        let worker = self.worker;
        let Way { cluster, chooser, hash, .. } = *way;
        if cluster.endpoints.is_empty() {
            return Err(Fault::NoEndpoint);
        }
        for _ in 0..TRIES {
            let address = |at: usize| cluster.endpoints.get(at).map(|endpoint| endpoint.address);
            let is_down = |at: usize| address(at).is_none_or(|address| worker.pool.is_down(address, now));
            let pick = |is_again| Pick { hash, is_again };
            let chosen = chooser
                .pick(cluster, pick(tried.count() > 0), now, |at| tried.has(at) || is_down(at))
                .or_else(|| chooser.pick(cluster, pick(true), now, |at| tried.has(at)));
            let Some(Choice { at, state }) = chosen else { break };
            let Some(endpoint) = address(at) else { break };
            tried.add(at);
            let visit = state.map(|state| Visit::new(state, now));
            if may_be_kept && let Some(kept) = worker.pool.take(endpoint, &cluster.tls, now) {
                return Ok(self.kept(kept, endpoint, visit));
            }
            let permit = match cluster.settings.limits.max_connections {
                None => None,
                // Rare: its memory is not every exchange's.
                Some(most) => match Box::pin(self.place(way, most, endpoint)).await? {
                    Place::Kept(kept) => return Ok(self.kept(kept, endpoint, visit)),
                    Place::New(permit) => permit,
                },
            };
            let began = worker.timers.now();
            let patience = way.patience(began, cluster.settings.connect_timeout);
            worker.timers.arm(self.timer, began, patience);
            match self.connect(cluster, endpoint).await {
                Some(stream) => {
                    // A stream of a shared connection may be one of many.
                    let (is_kept, cells) = (stream.is_kept(), worker.cells());
                    if is_kept { &cells.reuses } else { &cells.connects }.add(1);
                    // A stream takes no place, whatever it was looked for with.
                    let permit = permit.filter(|_| !stream.frames());
                    return Ok(Server { stream, endpoint, is_kept, visit, permit });
                }
                None => {
                    worker.cells().connect_errors.add(1);
                    let now = worker.timers.now();
                    worker.pool.failed(endpoint, now);
                    self.told(way, visit.as_ref(), Report::Refused, now);
                    if now >= way.until {
                        return Err(Fault::RequestTimeout);
                    }
                }
            }
        }
        Err(Fault::Connect)
    }

    fn kept(&self, kept: Kept, endpoint: SocketAddr, visit: Option<Visit>) -> Server {
        self.worker.cells().reuses.add(1);
        Server { stream: kept.stream, endpoint, is_kept: true, visit, permit: kept.permit }
    }

    /// Reports how a visit ended, and counts endpoints that are left out for it.
    pub(super) fn told(&self, way: &Way<'_>, visit: Option<&Visit>, report: Report, now: Duration) {
        if way.report(visit, report, now) {
            self.worker.cells().ejections.add(1);
        }
    }

    async fn connect(&self, cluster: &Cluster, endpoint: SocketAddr) -> Option<Stream> {
        let mut connecting = pin!(upstream::connect(self.worker, cluster, endpoint));
        poll_fn(|context| match connecting.as_mut().poll(context) {
            Poll::Pending if self.worker.timers.expired(self.timer) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
            Poll::Ready(made) => Poll::Ready(made.ok()),
        })
        .await
    }

    /// A place for one more connection of `most`, once there is one.
    async fn place(&self, way: &Way<'_>, most: u32, endpoint: SocketAddr) -> Result<Place, Fault> {
        let limits = &way.cluster.settings.limits;
        if way.cluster.settings.protocol == Served::Http2 {
            // Streams are limited as requests are; their connections by what servers allow.
            return Ok(Place::New(None));
        }
        let Some(state) = way.chooser.state() else { return Ok(Place::New(None)) };
        if let Some(permit) = Permit::new(state, |breakers| &breakers.connections, most) {
            return Ok(Place::New(Some(permit)));
        }
        let waits = Permit::new(state, |breakers| &breakers.pending, limits.max_pending);
        let _waits = waits.ok_or(Fault::Overflow)?;
        let _here = self.worker.pool.wait();
        let now = self.worker.timers.now();
        let patience = way.patience(now, way.cluster.settings.connect_timeout);
        self.worker.timers.arm(self.timer, now, patience);
        // Connections of ours that idle elsewhere make room; other workers' do within a second.
        self.worker.pool.release();
        self.wait_for_place(way, state, most, endpoint).await
    }

    async fn wait_for_place(
        &self,
        way: &Way<'_>,
        state: &Arc<ClusterState>,
        most: u32,
        endpoint: SocketAddr,
    ) -> Result<Place, Fault> {
        loop {
            let mut freed = pin!(state.breakers.freed.notified());
            // From here on nothing that is freed is missed.
            freed.as_mut().enable();
            let now = self.worker.timers.recent();
            if let Some(kept) = self.worker.pool.take(endpoint, &way.cluster.tls, now) {
                return Ok(Place::Kept(kept));
            }
            if let Some(permit) = Permit::new(state, |breakers| &breakers.connections, most) {
                return Ok(Place::New(Some(permit)));
            }
            let in_time = poll_fn(|context| match freed.as_mut().poll(context) {
                Poll::Pending if self.worker.timers.expired(self.timer) => Poll::Ready(false),
                freed => freed.map(|()| true),
            });
            if !in_time.await {
                return Err(Fault::Overflow);
            }
        }
    }
}
