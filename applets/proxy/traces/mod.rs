//! Traces: a request's place in one is passed on, and what was sampled is told to a collector.
//!
//! Without `[tracing]` none of it is looked at, and `traceparent` passes like any other header. With it each
//! request goes on with the trace it names or begins one (`context.rs`); one that is sampled becomes a span
//! (`span.rs`) in memory of its worker, which hands spans over in pieces and waits for nobody. Neighbours:
//! `http1/session.rs` asks, `http1/write.rs` writes the line, `edgekit_http::otlp` sends.

mod context;
mod span;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use edgekit_core::config::{Loaded, Problems};
use edgekit_core::{Clock, Error, ErrorContext, Exit};
use edgekit_http::otlp::{self, Exporter, Queue, Signal, Target};
use edgekit_http::{Options, Url, header};
use edgekit_rt::Resolver;
use edgekit_rt::metrics::Metrics;
use edgekit_tls::{ClientOptions, Roots, Trust};

pub(crate) use context::{Ids, Trace};
pub(crate) use span::Spans;

use crate::route::Percent;

/// Pieces that may wait for the collector: a megabyte.
const WAITING: usize = 64;
/// The longest file of headers.
const MAX_HEADERS: u64 = 64 * 1024;

edgekit_core::config! {
    /// Which requests are followed, and who is told
    pub struct Tracing {
        /// Check traceparent, pass it on with a span of ours, begin a trace where there is none
        live enabled: bool = false;
        /// How many of the traces that begin here are recorded
        live sample: Percent = "1%";
        /// Whether traces of clients are gone on with, and recorded if they say so
        live trust: bool = true;
        /// The collector that is told what was recorded: OTLP over HTTP
        live otlp: Option<String>, like "http://127.0.0.1:4318/v1/traces";
        /// A file with headers for it, a line each, such as 'authorization: Bearer …'
        live otlp_headers_file: Option<PathBuf>, like "/etc/edgekit/otlp.headers";
        /// Who issues its certificate: system, bundled or a file
        live otlp_roots: String = "system";
        /// What this proxy is called there
        live service: String = "edgekit-proxy";
    }
}

/// What workers do, in one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mode(u64);

impl Mode {
    const ON: u64 = 1;
    const TRUSTS: u64 = 2;
    const TELLS: u64 = 4;

    /// `sample` in thousandths of a per cent.
    fn new(on: bool, trusts: bool, tells: bool, sample: u64) -> Mode {
        let bit = |is: bool, bit| if is { bit } else { 0 };
        Mode(bit(on, Mode::ON) | bit(trusts, Mode::TRUSTS) | bit(tells, Mode::TELLS) | sample << 8)
    }

    /// Requests are followed.
    pub fn is_on(self) -> bool {
        self.0 & Mode::ON != 0
    }

    fn trusts(self) -> bool {
        self.0 & Mode::TRUSTS != 0
    }

    /// What is sampled is told to somebody.
    pub fn tells(self) -> bool {
        self.0 & Mode::TELLS != 0
    }

    /// Whether a trace that begins is sampled; `dice` is any number.
    fn takes(self, dice: u64) -> bool {
        ((u128::from(dice) * 100_000) >> 64) < u128::from(self.0 >> 8)
    }
}

/// What all workers share of it.
pub struct Traces {
    mode: AtomicU64,
    /// Where spans are offered.
    pub queue: Queue,
}

impl Traces {
    /// Off; the exporter is to be run.
    pub fn new(metrics: Metrics) -> (Traces, Exporter) {
        let (queue, exporter) = otlp::queue(Signal::Traces, WAITING, metrics);
        (Traces { mode: AtomicU64::new(0), queue }, exporter)
    }

    /// What is done now. One load: all that it costs where nothing is done.
    pub fn mode(&self) -> Mode {
        Mode(self.mode.load(Ordering::Relaxed))
    }

    /// Goes over to other settings.
    pub fn follow(&self, settings: &Tracing, collector: Option<Arc<Target>>) {
        let sample = settings.sample.of(100_000);
        let mode = Mode::new(settings.enabled, settings.trust, collector.is_some(), sample);
        self.mode.store(if settings.enabled { mode.0 } else { 0 }, Ordering::Relaxed);
        self.queue.send_to(collector);
    }
}

/// The collector of a configuration, with what its files say.
///
/// # Errors
/// A file that cannot be read, or that says what a header cannot.
pub(crate) async fn collector(
    settings: &Tracing,
    resolver: Resolver,
    clock: Clock,
) -> Result<Option<Arc<Target>>, Error> {
    let Some(text) = settings.otlp.as_ref().filter(|_| settings.enabled) else { return Ok(None) };
    let url = Url::parse(text)
        .map_err(|reason| Error::new(Exit::CONFIG, format!("cannot send traces to '{text}': {reason}")))?;
    let mut headers = Vec::new();
    if let Some(path) = &settings.otlp_headers_file {
        let place = || format!("cannot read the headers in '{}'", path.display());
        let length = std::fs::metadata(path).with_context(place)?.len();
        if length > MAX_HEADERS {
            return Err(Error::new(Exit::CONFIG, format!("'{}' has {length} bytes", path.display())));
        }
        let text = std::fs::read_to_string(path).with_context(place)?;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let pair = line.split_once(':').and_then(|(name, value)| {
                let name = header::HeaderName::try_from(name.trim()).ok()?;
                Some((name, header::HeaderValue::try_from(value.trim()).ok()?))
            });
            // The line may be a secret.
            let wrong = || format!("{}:{}: this is no header", path.display(), number + 1);
            headers.push(pair.ok_or_else(|| Error::new(Exit::CONFIG, wrong()).hint("write NAME: VALUE"))?);
        }
    }
    let tls = if url.is_https() { Some(trust(settings, clock.clone()).await?) } else { None };
    let options = Options { resolver, tls, clock, ..Options::default() };
    let resource = vec![
        ("service.name", settings.service.clone()),
        ("telemetry.sdk.name", "edgekit".to_owned()),
        ("telemetry.sdk.language", "rust".to_owned()),
        ("telemetry.sdk.version", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    Ok(Some(Arc::new(Target { url, headers, resource, options })))
}

async fn trust(settings: &Tracing, clock: Clock) -> Result<Arc<edgekit_tls::Client>, Error> {
    let trust = Trust { roots: Roots::from(settings.otlp_roots.as_str()), ..Trust::default() };
    let options = ClientOptions { trust, ..ClientOptions::default() };
    // The roots of a system are a hundred files.
    let loaded = tokio::task::spawn_blocking(move || edgekit_tls::Client::load(options, clock)).await;
    let loaded = loaded.map_err(|error| Error::new(Exit::BUG, error.to_string()))?;
    let (client, said) = loaded.context("cannot trust the collector of traces")?;
    said.iter().for_each(edgekit_tls::Report::log);
    Ok(Arc::new(client))
}

/// Finds what of the section does not fit together.
pub(crate) fn check(loaded: &Loaded, settings: &Tracing, problems: &mut Problems) {
    let Some(text) = &settings.otlp else { return };
    if let Err(reason) = Url::parse(text) {
        let problem = loaded.problem("tracing.otlp", format!("cannot send traces to '{text}': {reason}"));
        problems.push(problem.hint("write it as http://HOST:4318/v1/traces"));
    }
    if !settings.enabled {
        let problem = loaded.problem("tracing.otlp", "nothing is followed that could be told");
        problems.push(problem.hint("add enabled = true"));
    }
}

/// How long a drain waits for spans to be sent.
pub(crate) const SETTLES: Duration = Duration::from_secs(2);
