//! The client: one request, its redirects, its retries.
//!
//! A connection serves one exchange and is closed with it: what edgekit asks for is rare, and a
//! connection that was idle is a connection that may be dead. Neighbours: `connect.rs` below,
//! `download.rs` above, `body.rs` for what comes back.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use edgekit_core::Clock;
use edgekit_rt::Resolver;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use crate::body::{Allowance, Driver, within};
use crate::connect::Connector;
use crate::error::{Error, Kind, Phase, from_hyper, is_temporary_status};
use crate::{Body, Proxies, Proxy, Retry, Url, date};

/// What hyper reads at a time, at most: the memory of a connection.
const BUFFER: usize = 64 * 1024;

/// How a client behaves; the defaults suit a small box on a slow link.
#[derive(Clone)]
pub struct Options {
    /// See [`Timeouts`].
    pub timeouts: Timeouts,
    /// Largest head of an answer, in bytes: 16 KiB.
    pub max_head: usize,
    /// Largest body of an answer, in bytes: 16 MiB. [`Body::limit`] changes it for one answer.
    pub max_body: u64,
    /// Redirects followed: 10; with 0 the redirect itself is the answer.
    pub redirects: u32,
    /// None; see [`Proxies::from_env`].
    pub proxies: Proxies,
    /// Where names are looked up.
    pub resolver: Resolver,
    /// Whom to trust; without it `https` is refused.
    pub tls: Option<Arc<edgekit_tls::Client>>,
    /// Every request goes to this socket; the host of the address is only the `Host` header.
    pub unix: Option<PathBuf>,
    /// What time it is, for a `Retry-After` that is a date.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            timeouts: Timeouts::default(),
            max_head: 16 * 1024,
            max_body: 16 * 1024 * 1024,
            redirects: 10,
            proxies: Proxies::none(),
            resolver: Resolver::system(),
            tls: None,
            unix: None,
            clock: Clock::system(),
        }
    }
}

/// How long to wait for what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// Name, connection, proxy and TLS together: 15 s.
    pub connect: Duration,
    /// From there to the head of the answer: 30 s.
    pub first_byte: Duration,
    /// Between two pieces of the body: 30 s.
    pub idle: Duration,
    /// Everything, redirects included, retries not: no limit.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let seconds = Duration::from_secs;
        Timeouts { connect: seconds(15), first_byte: seconds(30), idle: seconds(30), total: None }
    }
}

/// A request that can be sent more than once.
#[derive(Clone, Debug)]
pub struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    /// A request without a body.
    pub fn new(method: Method, url: &str) -> Result<Call, Error> {
        let url = Url::parse(url).map_err(|reason| {
            // The text may hold a secret behind its '?', and is not an address to be shortened by parts.
            let shown = url.split(['?', '#']).next().unwrap_or_default();
            Error::new(format!("{method} '{shown}'"), Kind::Url(reason))
        })?;
        Ok(Call { method, url, headers: HeaderMap::new(), body: Bytes::new() })
    }

    /// Adds a header, in place of one with the same name.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Call {
        self.headers.insert(name, value);
        self
    }

    /// Sets the body and its type.
    pub fn body(mut self, media: &'static str, body: impl Into<Bytes>) -> Call {
        self.body = body.into();
        self.header(header::CONTENT_TYPE, HeaderValue::from_static(media))
    }

    /// Sets a JSON body.
    pub fn json(self, value: &impl serde::Serialize) -> Result<Call, Error> {
        match serde_json::to_vec(value) {
            Ok(body) => Ok(self.body("application/json", body)),
            Err(error) => Err(Error::new(self.place(), Kind::Json(error.to_string()))),
        }
    }

    /// Method and address, for people.
    pub(crate) fn place(&self) -> String {
        format!("{} {}", self.method, self.url)
    }

    /// Doing it twice is the same as once (RFC 9110 §9.2.2).
    fn is_idempotent(&self) -> bool {
        [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS].contains(&self.method)
    }
}

/// An answer: its head, and a body to be read.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// The address it came from, after redirects.
    pub url: Url,
    /// Its body; dropping it closes the connection.
    pub body: Body,
    place: String,
    retry_after: Option<Duration>,
}

impl Answer {
    /// Itself if its status is 2xx, else an error.
    pub fn ok(self) -> Result<Answer, Error> {
        if self.status.is_success() { Ok(self) } else { Err(self.refusal()) }
    }

    /// Its status as an error.
    pub(crate) fn refusal(&self) -> Error {
        Error::new(self.place.as_str(), Kind::Status { status: self.status, retry_after: self.retry_after })
    }

    /// The body as JSON.
    pub async fn json<T: serde::de::DeserializeOwned>(self) -> Result<T, Error> {
        self.body.json().await
    }
}

/// A client; cloning it is cheap.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    connector: Connector,
    timeouts: Timeouts,
    max_head: usize,
    max_body: u64,
    redirects: u32,
    clock: Clock,
}

impl Client {
    /// A client that behaves as told.
    pub fn new(options: Options) -> Client {
        let Options { timeouts, max_head, max_body, redirects, proxies, resolver, tls, unix, clock } =
            options;
        let connector = Connector { resolver, tls, proxies, unix };
        Client { shared: Arc::new(Shared { connector, timeouts, max_head, max_body, redirects, clock }) }
    }

    /// GET, by `retry`; a status other than 2xx is an error.
    pub async fn get(&self, url: &str, retry: &Retry) -> Result<Answer, Error> {
        self.send(&Call::new(Method::GET, url)?, retry).await?.ok()
    }

    /// Sends `call`, again by `retry` where that is safe: the method is idempotent, or the request never
    /// left. The last answer is returned whatever its status.
    pub async fn send(&self, call: &Call, retry: &Retry) -> Result<Answer, Error> {
        let mut attempts = retry.start();
        loop {
            let result = self.once(call).await;
            let (again, told) = match &result {
                Ok(answer) => {
                    (call.is_idempotent() && is_temporary_status(answer.status), answer.retry_after)
                }
                Err(error) => {
                    let safe = call.is_idempotent() || error.kind().is_before_request();
                    (safe && error.is_temporary(), None)
                }
            };
            let wait = if again { attempts.next_wait(told) } else { None };
            let Some(wait) = wait else {
                return result.map_err(|error| error.after(attempts.made()));
            };
            drop(result);
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends `call` once and follows its redirects.
    pub(crate) async fn once(&self, call: &Call) -> Result<Answer, Error> {
        let shared = &*self.shared;
        let total = shared.timeouts.total;
        let deadline = total.and_then(|total| Some((Instant::now().checked_add(total)?, total)));
        let mut answer = shared.exchange(call, deadline).await?;
        if shared.redirects == 0 || !is_redirect(&answer) {
            return Ok(answer);
        }
        let mut call = call.clone();
        for _ in 0..shared.redirects {
            let location = answer.headers.get(header::LOCATION).map(HeaderValue::as_bytes);
            let location = String::from_utf8_lossy(location.unwrap_or_default()).into_owned();
            let shown = location.split(['?', '#']).next().unwrap_or_default().to_owned();
            let stays = shared.connector.unix.is_some();
            redirect(&mut call, answer.status, &location, stays)
                .map_err(|reason| Error::new(answer.place.as_str(), Kind::Redirect { to: shown, reason }))?;
            drop(answer);
            answer = shared.exchange(&call, deadline).await?;
            if !is_redirect(&answer) {
                return Ok(answer);
            }
        }
        let reason = "too many redirects";
        Err(Error::new(call.place(), Kind::Redirect { to: call.url.to_string(), reason }))
    }
}

/// Statuses with a `Location` to follow.
fn is_redirect(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308)
        && answer.headers.contains_key(header::LOCATION)
}

/// Turns `call` into the one `location` asks for (RFC 9110 §15.4).
fn redirect(call: &mut Call, status: StatusCode, location: &str, stays: bool) -> Result<(), &'static str> {
    let next = call.url.join(location)?;
    if call.url.is_https() && !next.is_https() {
        return Err("it leads from https to http");
    }
    if !call.url.is_same_origin(&next) {
        if stays {
            return Err("it leads away from the socket");
        }
        for secret in [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION] {
            call.headers.remove(secret);
        }
    }
    let becomes_get = match status.as_u16() {
        303 => call.method != Method::HEAD,
        301 | 302 => call.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        call.method = Method::GET;
        call.body = Bytes::new();
        call.headers.remove(header::CONTENT_TYPE);
    }
    call.url = next;
    Ok(())
}

impl Shared {
    /// One request, one answer, one connection.
    async fn exchange(&self, call: &Call, deadline: Option<(Instant, Duration)>) -> Result<Answer, Error> {
        let failed = |kind| Error::new(call.place(), kind);
        let connecting = self.connector.connect(&call.url);
        let connected =
            within(Phase::Connect, self.timeouts.connect, deadline, connecting).await.and_then(|done| done);
        let connected = connected.map_err(failed)?;
        let request = request(call, connected.forwarding).map_err(failed)?;
        let talk = talk(TokioIo::new(connected.stream), request, self.max_head);
        let answered =
            within(Phase::FirstByte, self.timeouts.first_byte, deadline, talk).await.and_then(|done| done);
        let (response, driver) = answered.map_err(failed)?;
        let (head, incoming) = response.into_parts();
        let place = call.place();
        let allowed = Allowance { limit: self.max_body, idle: self.timeouts.idle, deadline };
        let retry_after = head
            .headers
            .get(header::RETRY_AFTER)
            .and_then(|value| date::retry_after(value.to_str().ok()?, self.clock.wall()));
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            url: call.url.clone(),
            body: Body::new(incoming, driver, allowed, place.clone()),
            place,
            retry_after,
        })
    }
}

type Outgoing = hyper::Request<Full<Bytes>>;

/// The request as it goes on the wire.
fn request(call: &Call, forwarding: Option<&Proxy>) -> Result<Outgoing, Kind> {
    let invalid = |_| Kind::Url("the address cannot be sent");
    let target = match forwarding {
        Some(_) => call.url.absolute(),
        None => call.url.target().to_owned(),
    };
    let mut request = hyper::Request::new(Full::new(call.body.clone()));
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = target.parse().map_err(|_| Kind::Url("the address cannot be sent"))?;
    let headers = request.headers_mut();
    *headers = call.headers.clone();
    headers.insert(header::HOST, HeaderValue::try_from(call.url.authority()).map_err(invalid)?);
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let agent = HeaderValue::from_static(concat!("edgekit/", env!("CARGO_PKG_VERSION")));
    headers.entry(header::USER_AGENT).or_insert(agent);
    if let Some(authorization) = forwarding.and_then(Proxy::authorization) {
        headers.insert(header::PROXY_AUTHORIZATION, HeaderValue::try_from(authorization).map_err(invalid)?);
    }
    Ok(request)
}

/// Sends and waits for the head, driving the connection meanwhile.
async fn talk(
    io: TokioIo<crate::connect::Stream>,
    request: Outgoing,
    max_head: usize,
) -> Result<(hyper::Response<hyper::body::Incoming>, Option<Driver>), Kind> {
    let wrong = |error| from_hyper(&error, max_head);
    let mut builder = http1::Builder::new();
    builder.max_buf_size(BUFFER.max(max_head)).max_header_size(max_head);
    let (mut sender, connection) = builder.handshake(io).await.map_err(wrong)?;
    let mut driver: Option<Driver> = Some(Box::pin(connection));
    let mut response = pin!(sender.send_request(request));
    let response = std::future::poll_fn(|cx| {
        // Its error, if any, is the response's as well.
        if let Some(running) = &mut driver
            && running.as_mut().poll(cx).is_ready()
        {
            driver = None;
        }
        match response.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
    .map_err(wrong)?;
    Ok((response, driver))
}
