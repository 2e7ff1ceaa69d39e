//! Calls over HTTP that rules make: once, to hosts that were allowed, with nothing followed.
//!
//! A redirect is the answer: following it would lead to a host nobody allowed. Neighbour: `mod.rs` bounds how
//! many run at a time.

use std::sync::Arc;
use std::time::Duration;

use edgekit_core::Clock;
use edgekit_http::header::{HeaderName, HeaderValue};
use edgekit_http::{Call, Client, Method, Options, Retry, Timeouts, Url};
use edgekit_rt::Resolver;
use edgekit_rules::Str;
use edgekit_tls::ClientOptions;
use tokio::sync::OnceCell;

/// Bytes of an answer that are read: nobody looks at them.
const MAX_ANSWER: u64 = 1 << 20;

/// A request as a rule wrote it.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: Arc<str>,
    pub(super) url: Arc<str>,
    pub(super) headers: Vec<(Arc<str>, Str)>,
    pub(super) body: Option<Str>,
}

/// Makes calls; cheap to clone.
#[derive(Clone)]
pub(super) struct Caller {
    clock: Clock,
    resolver: Resolver,
    /// Roots are read when the first call needs them.
    tls: Arc<OnceCell<Arc<edgekit_tls::Client>>>,
}

impl Caller {
    pub(super) fn new(clock: Clock, resolver: Resolver) -> Caller {
        Caller { clock, resolver, tls: Arc::default() }
    }

    /// Sends `request`; `hosts` are those that may be called, any if there are none.
    ///
    /// # Errors
    /// What is wrong with the request, why it did not get there, or a status other than 2xx.
    pub(super) async fn send(
        &self,
        request: Request,
        hosts: &[String],
        deadline: Duration,
    ) -> Result<(), String> {
        let call = call(&request, hosts)?;
        let tls = match request.url.starts_with("https:") {
            true => Some(self.tls().await?),
            false => None,
        };
        let client = Client::new(Options {
            timeouts: Timeouts { total: Some(deadline), ..Timeouts::default() },
            max_body: MAX_ANSWER,
            redirects: 0,
            resolver: self.resolver.clone(),
            tls,
            clock: self.clock.clone(),
            ..Options::default()
        });
        let answer = client.send(&call, &Retry::never()).await.map_err(|error| error.to_string())?;
        answer.ok().map(drop).map_err(|error| error.to_string())
    }

    async fn tls(&self) -> Result<Arc<edgekit_tls::Client>, String> {
        let load = async || {
            let clock = self.clock.clone();
            let load = move || edgekit_tls::Client::load(ClientOptions::default(), clock);
            let loaded = tokio::task::spawn_blocking(load).await.map_err(|error| error.to_string())?;
            loaded.map(|(client, _)| Arc::new(client)).map_err(|error| error.to_string())
        };
        self.tls.get_or_try_init(load).await.cloned()
    }
}

fn call(request: &Request, hosts: &[String]) -> Result<Call, String> {
    let Request { method, url, headers, body } = request;
    let parsed = Url::parse(url).map_err(|reason| format!("'{url}' is no address: {reason}"))?;
    if !hosts.is_empty() && !hosts.iter().any(|host| host.eq_ignore_ascii_case(parsed.host())) {
        return Err(format!("host '{}' is not in 'http.hosts' of rules.toml", parsed.host()));
    }
    let method =
        Method::from_bytes(method.as_bytes()).map_err(|_| format!("'{method}' is no method of HTTP"))?;
    let mut call = Call::new(method, url).map_err(|error| error.to_string())?;
    if let Some(body) = body {
        call = call.body("application/octet-stream", body.to_vec());
    }
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("'{name}' is no header"))?;
        let value = HeaderValue::from_bytes(value)
            .map_err(|_| format!("the header '{name}' holds what a header cannot"))?;
        call = call.header(name, value);
    }
    Ok(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, url: &str, headers: &[(&str, &str)]) -> Request {
        let headers = headers.iter().map(|(name, value)| (Arc::from(*name), Str::from(*value))).collect();
        Request { method: Arc::from(method), url: Arc::from(url), headers, body: None }
    }

    #[test]
    fn only_sound_requests_to_allowed_hosts_leave() {
        let hosts = ["box.example".to_owned()];
        let refused = |request: Request, hosts: &[String]| call(&request, hosts).err().unwrap_or_default();
        assert_eq!(refused(request("GET", "http://BOX.example/a", &[("X-A", "1")]), &hosts), "");
        assert_eq!(refused(request("GET", "http://other.example/", &[]), &[]), "");
        let said = refused(request("GET", "http://other.example/", &[]), &hosts);
        assert_eq!(said, "host 'other.example' is not in 'http.hosts' of rules.toml");
        assert!(refused(request("G T", "http://box.example/", &[]), &hosts).contains("no method"));
        assert!(refused(request("GET", "box.example", &[]), &hosts).contains("no address"));
        assert!(
            refused(request("GET", "http://box.example/", &[("a b", "x")]), &hosts).contains("no header")
        );
        let split = refused(request("GET", "http://box.example/", &[("a", "x\r\nb: y")]), &hosts);
        assert!(split.contains("holds what a header cannot"), "{split}");
    }
}
