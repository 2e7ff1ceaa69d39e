//! A service that runs programs: each leaves an orphan behind and ends with a code that is counted.

use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edgekit_core::{Error, Exit};
use edgekit_rt::child::Running;
use edgekit_rt::{BoxFuture, Scope, Service, Verdict};
use serde_json::{Value, json};

pub(crate) struct Runs {
    code: i32,
    ended: Arc<Mutex<u64>>,
}

impl Runs {
    pub(crate) fn new(code: i32) -> Runs {
        Runs { code, ended: Arc::default() }
    }
}

impl Service for Runs {
    fn start<'a>(&'a mut self, scope: &'a Scope) -> BoxFuture<'a, Result<(), Error>> {
        let (code, count) = (self.code, self.ended.clone());
        scope.spawn(async move {
            loop {
                let line = format!("sleep 0.01 & exit {code}");
                let mut running = Running::start(Command::new("sh").args(["-c", &line]))?;
                // Late on purpose: whoever collects too much has had the time to.
                tokio::time::sleep(Duration::from_millis(5)).await;
                let ended = running.ended().await?;
                if ended.code() != Some(code) {
                    return Err(Error::new(Exit::BUG, format!("it ended with {ended}, not {code}")));
                }
                *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            }
        });
        Box::pin(async { Ok(()) })
    }

    fn reload(&mut self) -> BoxFuture<'_, Result<Verdict, Error>> {
        Box::pin(async { Ok(Verdict::unchanged()) })
    }

    fn drain(&mut self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn status(&self) -> Value {
        json!({ "ended": *self.ended.lock().unwrap_or_else(PoisonError::into_inner) })
    }
}
