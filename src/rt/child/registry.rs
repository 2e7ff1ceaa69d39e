//! Which children somebody waits for, so that collecting orphans takes no exit status from its owner.
//!
//! Process 1 of a box or a container inherits every orphan and must collect it, but a plain wait for any child
//! would also take those a service has started and waits for itself. Each child of ours is therefore entered here
//! while it is started, under the lock that [`reap`] takes, and only its owner collects it. One set a process,
//! as there is one table of children in the kernel.

use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;

use crate::scope::lock;
use crate::sys;

static CHILDREN: Mutex<Children> =
    Mutex::new(Children { owned: BTreeSet::new(), abandoned: BTreeSet::new() });

struct Children {
    /// Their owners collect them.
    owned: BTreeSet<i32>,
    /// Nobody waits for them any more; [`reap`] collects them in a process of any number.
    abandoned: BTreeSet<i32>,
}

/// A child that only its owner collects, until it is collected or this is dropped.
#[derive(Debug)]
pub(super) struct Owned {
    /// `None` once collected: the number may be another process's by then.
    pid: Option<i32>,
}

/// Starts a child by `start`, which gives its process id, out of sight of [`reap`].
pub(super) fn enter<T>(start: impl FnOnce() -> io::Result<(i32, T)>) -> io::Result<(Owned, T)> {
    let mut children = lock(&CHILDREN);
    let (pid, made) = start()?;
    children.owned.insert(pid);
    Ok((Owned { pid: Some(pid) }, made))
}

impl Owned {
    /// Collects it by `collect`, if it has ended; must not wait.
    pub(super) fn collect<T>(
        &mut self,
        collect: impl FnOnce() -> io::Result<Option<T>>,
    ) -> io::Result<Option<T>> {
        let mut children = lock(&CHILDREN);
        let got = collect()?;
        if let (Some(_), Some(pid)) = (&got, self.pid) {
            children.owned.remove(&pid);
            self.pid = None;
            // It may have hidden others. What fails now is tried again, and said, at the next SIGCHLD.
            drop(reap_orphans(&children));
        }
        Ok(got)
    }

    /// Leaves it to [`reap`].
    pub(super) fn abandon(&mut self) {
        if let Some(pid) = self.pid.take() {
            let mut children = lock(&CHILDREN);
            children.owned.remove(&pid);
            children.abandoned.insert(pid);
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(pid) = self.pid {
            lock(&CHILDREN).owned.remove(&pid);
        }
    }
}

/// Collects what has ended and nobody waits for: abandoned children, and orphans in process 1. To be called at
/// each SIGCHLD.
pub(crate) fn reap() -> io::Result<()> {
    let mut children = lock(&CHILDREN);
    let mut failed = None;
    children.abandoned.retain(|pid| match sys::collect(*pid) {
        Ok(ended) => !ended,
        Err(error) => {
            failed = Some(error);
            false
        }
    });
    reap_orphans(&children)?;
    failed.map_or(Ok(()), Err)
}

fn reap_orphans(children: &Children) -> io::Result<()> {
    if std::process::id() != 1 {
        // Any other process leaves children to those who started them.
        return Ok(());
    }
    while let Some(pid) = sys::ended_child()? {
        if children.owned.contains(&pid) {
            // The kernel shows the first that ended and no other; its owner's collecting goes on from here.
            return Ok(());
        }
        sys::collect(pid)?;
        tracing::debug!(pid, "an orphan was collected");
    }
    Ok(())
}
