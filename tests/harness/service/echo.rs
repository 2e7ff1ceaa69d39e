//! A service with everything a real one has: a listener opened beforehand, a worker thread with tasks
//! that need not be `Send`, a watched file, counted connections.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use edgekit_core::{Error, ErrorContext, Exit};
use edgekit_rt::metrics::Gauge;
use edgekit_rt::{BoxFuture, Scope, Service, Verdict, Watch};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub(crate) struct Echo {
    file: PathBuf,
    text: String,
    scope: Option<Scope>,
    /// True once nothing new is to be accepted.
    draining: watch::Sender<bool>,
    open: Gauge,
}

impl Echo {
    pub(crate) fn new(file: PathBuf) -> Echo {
        let (draining, _) = watch::channel(false);
        Echo { file, text: String::new(), scope: None, draining, open: Gauge::default() }
    }

    fn read(&self) -> Result<String, Error> {
        let text = std::fs::read_to_string(&self.file);
        Ok(text.with_context(|| format!("cannot read '{}'", self.file.display()))?.trim().to_owned())
    }

    async fn reload(&mut self) -> Result<Verdict, Error> {
        let text = self.read()?;
        if text == self.text {
            return Ok(Verdict::unchanged());
        }
        match text.as_str() {
            "refuse" => {
                return Err(Error::new(Exit::CONFIG, "the text is 'refuse'").hint("write something else"));
            }
            "panic" => panic!("the text is 'panic'"),
            "fail" => {
                if let Some(scope) = &self.scope {
                    scope.spawn(async { Err(Error::new(Exit::IO, "the text is 'fail'")) });
                }
            }
            _ => {}
        }
        self.text = text;
        Ok(Verdict { applied: vec!["text".to_owned()], needs_restart: Vec::new() })
    }
}

impl Service for Echo {
    fn start<'a>(&'a mut self, scope: &'a Scope) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.text = self.read()?;
            self.scope = Some(scope.clone());
            let labels = [("service", scope.name())];
            self.open = scope.metrics().gauge("service_open_connections", "Connections open now.", &labels);
            self.open.set(0);
            let mut files = Watch::new([&self.file])?;
            let seen = scope.metrics().counter("service_file_changes_total", "Changes seen.", &labels);
            scope.spawn(async move {
                loop {
                    seen.add(files.changed().await?.len() as u64);
                }
            });
            let listener = scope.ports().listeners(scope.name())?.remove(0);
            let (draining, open) = (self.draining.subscribe(), self.open.clone());
            scope.worker(&format!("{}-worker", scope.name()), move || accept(listener, draining, open))?;
            Ok(())
        })
    }

    fn reload(&mut self) -> BoxFuture<'_, Result<Verdict, Error>> {
        Box::pin(Echo::reload(self))
    }

    fn drain(&mut self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.draining.send_replace(true);
            while self.open.get() > 0 || self.text == "hang" {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    }

    fn status(&self) -> Value {
        json!({ "text": self.text, "open": self.open.get() })
    }
}

/// The worker's life. Its tasks share an `Rc`: a future that is not `Send` is no obstacle.
async fn accept(
    listener: std::net::TcpListener,
    mut draining: watch::Receiver<bool>,
    open: Gauge,
) -> Result<(), Error> {
    let listener = TcpListener::from_std(listener)?;
    let shared = Rc::new(open);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                while connections.try_join_next().is_some() {}
                shared.add(1);
                let open = Rc::clone(&shared);
                connections.spawn_local(async move {
                    // A peer that goes away ends its own connection only.
                    drop(echo(stream).await);
                    open.add(-1);
                });
            }
            _ = draining.wait_for(|now| *now) => break,
        }
    }
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let length = stream.read(&mut bytes).await?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&bytes[..length]).await?;
    }
}
