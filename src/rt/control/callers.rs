//! Callers of a socket, one request each and a few at a time: those who come while there are too many wait in the
//! backlog. Neighbours: `server.rs` and `scrape.rs` say what is answered.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Turn;
use crate::BoxFuture;

/// Pause after a failed accept (out of descriptors, most often).
const PAUSE: Duration = Duration::from_millis(100);

/// Takes callers of `whom`, `most` at a time, while it is our turn; those who have called are answered still.
pub(super) async fn serve<S>(
    whom: &str,
    most: usize,
    mut turn: watch::Receiver<Turn>,
    accept: impl Fn(&mut Context<'_>) -> Poll<io::Result<S>>,
    answer: impl Fn(S) -> BoxFuture<'static, io::Result<()>>,
) {
    let callers = Arc::new(Semaphore::new(most));
    let mut calls = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&callers).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = poll_fn(&accept) => accepted,
            _ = turn.wait_for(|turn| *turn == Turn::Left) => break,
        };
        match accepted {
            Ok(stream) => {
                while calls.try_join_next().is_some() {}
                let (answered, whom) = (answer(stream), whom.to_owned());
                let call: BoxFuture<'static, ()> = Box::pin(async move {
                    if let Err(error) = answered.await {
                        tracing::debug!(%error, "a caller of {whom} went away");
                    }
                    drop(permit);
                });
                calls.spawn(call);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept callers of {whom}");
                sleep(PAUSE).await;
            }
        }
    }
    // Closed before the last callers are waited for.
    drop(accept);
    while calls.join_next().await.is_some() {}
}
