//! A bundle that is fetched while it is read.
//!
//! Whoever reads waits here, on a small runtime of its own: nothing is fetched that nobody asked for yet, so a slow
//! disk leaves the bytes in the socket and the server waits, and a process that is killed has lost what the kernel held
//! for it and no more. Passing over much is a new range, resuming after a break is one too: `edgekit_http::Pull` does
//! both. Neighbours: `terms` says what is allowed, `halt` who may end the waiting.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use edgekit_core::{Clock, Error, Exit, Paths};
use edgekit_http::header::{AUTHORIZATION, HeaderValue};
use edgekit_http::{Client, Options, Proxies, Pull, Retry, Terms, Timeouts, Url};
use edgekit_tls::{ClientOptions, PairSource, Roots, Trust};
use tokio::runtime::Runtime;

use super::Source;
use super::terms::Download;
use crate::fault::Fault;
use crate::halt::Halt;

/// Between two looks whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// Bounds the first wait before another attempt; doubles from there.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// How this device fetches: made once from the configuration, used for any number of bundles.
#[derive(Clone)]
pub struct Fetching {
    client: Client,
    terms: Terms,
    logins: Vec<(Url, HeaderValue)>,
}

impl std::fmt::Debug for Fetching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetching").field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl Fetching {
    /// Reads what the configuration names: certificates, keys, words for servers.
    ///
    /// # Errors
    /// The first of them that cannot be used, and proxies of the environment that make no sense.
    pub fn new(config: &Download, paths: &Paths, clock: &Clock) -> Result<Fetching, Error> {
        let wrong = |what: String| Error::new(Exit::CONFIG, what);
        let identity = match (&config.certificate, &config.key_file) {
            (Some(chain), Some(key)) => Some(PairSource::files(chain, key.path(paths)?)),
            (None, None) => None,
            _ => {
                let what = "[download] has one of 'certificate' and 'key_file' without the other";
                return Err(wrong(what.to_owned()).hint("give both, or none"));
            }
        };
        let roots = Roots::from(config.roots.as_str());
        let must_have_roots = roots != Roots::System || identity.is_some();
        let trust = Trust { roots, ..Trust::default() };
        let options = ClientOptions { trust, identity, ..ClientOptions::default() };
        // A box without roots still fetches over http: the bundle proves itself.
        let tls = match edgekit_tls::Client::load(options, clock.clone()) {
            Ok((tls, _)) => Some(Arc::new(tls)),
            Err(error) if must_have_roots => return Err(error.into()),
            Err(_) => None,
        };
        let mut logins = Vec::new();
        for (name, login) in &config.login {
            let url = Url::parse(&login.url)
                .map_err(|what| wrong(format!("[download.login.{name}] 'url' is no address: {what}")))?;
            let secret = login.authorization_file.read(paths)?;
            let mut value = HeaderValue::from_bytes(secret.bytes()).map_err(|_| {
                wrong(format!("[download.login.{name}] 'authorization_file' holds what no header may"))
            })?;
            value.set_sensitive(true);
            logins.push((url, value));
        }
        let stall = config.stall;
        let connect = Timeouts::default().connect.min(stall);
        let timeouts = Timeouts { connect, first_byte: stall, idle: stall, total: None };
        let proxies = Proxies::from_env().map_err(wrong)?;
        let client =
            Client::new(Options { timeouts, proxies, tls, clock: clock.clone(), ..Options::default() });
        let retry = Retry {
            attempts: u32::MAX,
            base: FIRST_WAIT.min(config.pause),
            cap: config.pause,
            budget: config.patience,
        };
        let terms = Terms {
            retry,
            max_bytes: config.max_bytes.map_or(u64::MAX, |max| max.0),
            max_time: config.max_time,
            rate: config.rate.map_or(0, |rate| rate.0.0),
            stall,
            ..Terms::default()
        };
        Ok(Fetching { client, terms, logins })
    }

    /// A word that the server of `url` is to be told, and no other.
    pub fn login(&mut self, url: Url, authorization: HeaderValue) {
        self.logins.push((url, authorization));
    }

    /// The client, for what else is asked of servers.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

/// A bundle on a server.
pub struct HttpSource {
    runtime: Runtime,
    pull: Pull,
    piece: Bytes,
    place: String,
    halt: Halt,
}

impl HttpSource {
    /// Of `url`; nothing is sent before the first byte is wanted.
    ///
    /// # Errors
    /// An address that makes no sense, and a system that lets no runtime be made.
    pub fn open(url: &str, fetching: &Fetching, halt: Halt) -> Result<HttpSource, Fault> {
        let mut pull = Pull::new(fetching.client.clone(), url, fetching.terms.clone())?;
        // What follows is of the same address, so it parses.
        let parsed = Url::parse(url).ok();
        let login = |(of, _): &&(Url, HeaderValue)| parsed.as_ref().is_some_and(|url| of.is_same_origin(url));
        if let Some((_, value)) = fetching.logins.iter().find(login) {
            pull = pull.header(AUTHORIZATION, value.clone());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Fault::io("fetch", url))?;
        let place = parsed.map_or_else(String::new, |url| url.to_string());
        Ok(HttpSource { runtime, pull, piece: Bytes::new(), place, halt })
    }
}

impl Source for HttpSource {
    fn place(&self) -> &str {
        &self.place
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        if self.piece.is_empty() {
            let HttpSource { runtime, pull, halt, .. } = self;
            let piece = runtime.block_on(async {
                let mut work = std::pin::pin!(pull.chunk());
                loop {
                    if let Some(why) = halt.why() {
                        return Err(Fault::Stopped(why.to_owned()));
                    }
                    if let Ok(piece) = tokio::time::timeout(LOOK, &mut work).await {
                        return Ok(piece?);
                    }
                }
            })?;
            let Some(piece) = piece else { return Ok(0) };
            self.piece = piece;
        }
        let len = into.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut into[..len]);
        Ok(len)
    }

    fn pass(&mut self, bytes: u64) -> Result<(), Fault> {
        let here = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.piece.len());
        self.piece.advance(here);
        self.pull.pass(bytes - here as u64);
        Ok(())
    }

    fn fetched(&self) -> Option<u64> {
        Some(self.pull.fetched())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_core::config::{self, Settings};
    use std::net::TcpListener;

    #[test]
    fn somebody_who_asks_to_stop_is_heard_within_a_second() {
        // It takes connections and never answers.
        let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/x.ekb", silent.local_addr().expect("an address"));
        let download = config::parse(Download::SECTION, "ota", "ota.toml", Vec::new()).expect("it is sound");
        let download: Download = download.get().expect("it is ours");
        let clock = Clock::system();
        let fetching = Fetching::new(&download, &Paths::process(), &clock).expect("it fetches");
        let halt = Halt::default();
        let mut source = HttpSource::open(&url, &fetching, halt.clone()).expect("a source");
        let asking = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            halt.call("the server cancelled it");
        });
        let start = clock.monotonic();
        let error = source.read(&mut [0; 8]).expect_err("stopped");
        assert!(matches!(&error, Fault::Stopped(why) if why == "the server cancelled it"), "{error}");
        assert!(clock.monotonic() - start < Duration::from_millis(1300));
        asking.join().expect("it asked");
        assert!(source.read(&mut [0; 8]).is_err(), "and again");
    }
}
