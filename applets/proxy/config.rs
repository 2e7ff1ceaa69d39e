//! What `proxy.toml` may hold: the one description of it, and the shapes of its texts.
//!
//! Neighbour: `plan.rs` checks what one value cannot tell of another (a route to a cluster that is
//! not there) and turns it into the resources of a snapshot.

use std::time::Duration;

use edgekit_core::config::{Format, Named, Reading};
use edgekit_core::text_type;
use edgekit_core::units::Size;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::balance::HashKey;
use crate::health::{HealthCheck, Outlier};
use crate::l4::Passage;
use crate::log::Template;
use crate::objective::Promise;
use crate::resilience::{Limits, RateLimit, Retry, Shed};
use crate::route::{
    Authority, HeaderLine, HeaderName, HeaderTest, HostPattern, Injection, Mirror, PathPattern, Pattern,
    Percent, QueryTest, Redirect, Rewrite, Weighted,
};
use crate::secure::Who;
use crate::snapshot::{Address, Seat, Zone};
use crate::traces::Tracing;

edgekit_core::config! {
    /// A proxy
    pub struct Config {
        /// Threads that carry traffic; 0 is one a core, two at most
        restart workers: u16 = 0, in 0..=256;
        /// Where it listens
        restart listener: Named<Listener>;
        /// Which requests go where; the closest host and path wins
        live route: Named<Route>;
        /// Servers that answer alike
        live cluster: Named<Cluster>;
        /// Where the proxy stands; endpoints of the same zone are asked first, as far as enough of them are well
        live zone: Option<Zone>, like "eu-1";
        /// How long what runs may take to finish, once the process is to end or another has taken over
        restart drain_timeout: Duration = "30s", in "0s"..="7d";
        /// Memory the process may hold; at its end requests are refused rather than more taken
        live max_rss: Option<Size>, in "8MiB"..="1TiB", like "64MiB";
        /// Where Prometheus may ask for the metrics, at /metrics, without TLS or password; nowhere without
        restart metrics_listen: Option<SocketAddr>, like "127.0.0.1:9100";
        /// A line for each request
        live access_log: AccessLog;
        /// Which requests are followed through several servers
        live tracing: Tracing;
        /// Files of Lua hooks, asked in this order: edgekit-rules(7)
        live hooks: Option<Vec<PathBuf>>, like ["/etc/edgekit/hooks/site.luau"];
        /// Programs that hooks may start by exec, as they name them; none without
        live hook_programs: Option<Vec<PathBuf>>, like ["/usr/local/bin/alarm"];
        /// Bodies for those of them that ask
        live hook_body: HookBody;
    }
}

edgekit_core::config! {
    /// How bodies come to hooks that ask for them
    pub struct HookBody {
        /// The longest body that is taken in
        live max: Size = "64KiB", in "1KiB"..="1MiB";
        /// What becomes of one that says it is longer; one that turns out to be is refused, with 413 or 502
        live over: Over = "refuse";
    }
}

edgekit_core::words! {
    /// What becomes of a long body.
    pub enum Over {
        /// It is refused.
        Refuse = "refuse",
        /// It goes on without the hook.
        Pass = "pass",
    }
}

edgekit_core::config! {
    /// One address that is listened at
    pub struct Listener {
        /// Address and port
        restart address: SocketAddr, like "0.0.0.0:8080";
        /// Where tcp and udp go
        live cluster: Option<String>, like "database";
        /// Where tcp goes by the host a TLS client asks for, unopened: HOST=CLUSTER
        live server_names: Option<Vec<Passage>>, like ["db.example.com=database", "*.example.com=web"];
        /// How long tcp waits for a client to ask for a host, which may wait for its server to speak first
        live detect_timeout: Duration = "100ms", in "10ms"..="10s";
        /// How long a connection of tcp may last; none is without limit
        live max_lifetime: Option<Duration>, in "1s"..="30d", like "1d";
        /// How long a client of udp may be silent, and its endpoint, until it is forgotten
        live flow_timeout: Duration = "30s", in "100ms"..="1d";
        /// Clients of udp at a time; datagrams of others are dropped
        live max_flows: u32 = 4096, in 1..=1000000;
        /// Whether each connection begins with a PROXY header, which is then believed
        live proxy_protocol: Preface = "none";
        /// How long a client may keep a connection without a request
        live idle_timeout: Duration = "75s", in "1s"..="1d";
        /// How long a client may take to send the head of a request
        live head_timeout: Duration = "10s", in "100ms"..="10m";
        /// How long an exchange may stand still once it has begun
        live stall_timeout: Duration = "60s", in "100ms"..="1d";
        /// How long an upgraded connection (WebSocket) may be silent
        live tunnel_timeout: Duration = "1h", in "1s"..="7d";
        /// The longest head of a request
        live max_head: Size = "16KiB", in "1KiB"..="16KiB";
        /// The longest body of a request; none is without limit
        live max_body: Option<Size>, like "10MiB";
        /// What clients speak, where TLS does not say it; 'auto' looks, 'tcp' passes bytes on as they are, 'udp' datagrams
        live protocol: Spoken = "auto";
        /// What servers are told about the client
        live forwarded: Forwarded = "x-forwarded";
        /// Whether what a client says it was forwarded for is passed on, for proxies behind proxies
        live trust_forwarded: bool = false;
        /// How it speaks TLS; without a certificate it does not
        live tls: ListenerTls;
    }
}

edgekit_core::config! {
    /// TLS with clients
    pub struct ListenerTls {
        /// Certificates with what leads to their roots; the host a client names chooses, the first is for the rest
        live cert_files: Option<Vec<PathBuf>>, like ["/etc/edgekit/tls/site.pem"];
        /// The key of each, in the same order; none if the same file holds it
        live key_files: Option<Vec<PathBuf>>, like ["/etc/edgekit/tls/site.key"];
        /// Clients prove themselves with a certificate that one of these issued
        live client_ca_file: Option<PathBuf>, like "/etc/edgekit/tls/clients.pem";
        /// Whether a client without a certificate is refused
        live client_auth: ClientAuth = "require";
        /// Lists of certificates that no longer count
        live client_crl_files: Option<Vec<PathBuf>>, like ["/etc/edgekit/tls/clients.crl"];
        /// Protocols offered, the preferred one first
        live alpn: Vec<Protocol> = ["h2", "http/1.1"];
        /// The oldest version accepted
        live min_version: TlsVersion = "1.2";
    }
}

edgekit_core::config! {
    /// Requests that are treated alike
    pub struct Route {
        /// Listeners it is for; none is all
        live listeners: Option<Vec<String>>, like ["web"];
        /// Hosts: a name, '*.example.com' or '*'; none is all
        live hosts: Option<Vec<HostPattern>>, like ["example.com", "*.example.com"];
        /// The path begins with these segments
        live path: Option<PathPattern>, like "/api";
        /// The path is exactly this
        live path_exact: Option<PathPattern>, like "/health";
        /// The path fits this regular expression
        live path_regex: Option<Pattern>, like "^/users/[0-9]+$";
        /// Methods; none is all
        live methods: Option<Vec<String>>, like ["GET", "HEAD"];
        /// Headers it must have: a name, a name and a value, a name ~ an expression (a blank before ~), or !name for none
        live headers: Option<Vec<HeaderTest>>, like ["x-env: test", "x-user ~ ^[0-9]+$"];
        /// Parameters its query must have, in the same way
        live query: Option<Vec<QueryTest>>, like ["v=2", "!debug"];
        /// The cluster that answers
        live cluster: Option<String>, like "app";
        /// Clusters that answer, each with its share
        live clusters: Option<Vec<Weighted>>, like ["blue=90", "green=10"];
        /// Another path or host on the way to the server
        live rewrite: Rewrite;
        /// Send the client elsewhere instead of asking a cluster
        live redirect: Redirect;
        /// Copies for another cluster
        live mirror: Mirror;
        /// Faults made on purpose
        live fault: Injection;
        /// Who may
        live access: Access;
        /// Answer with this status instead of asking a cluster
        live status: Option<u16>, in 200..=599, like 404;
        /// The text of that answer
        live body: Option<String>, like "not here\n";
        /// How long a request may take until its answer has arrived; none is as long as it moves
        live timeout: Option<Duration>, in "10ms"..="1d", like "30s";
        /// When a request is tried again
        live retry: Retry;
        /// How many requests it takes
        live limit: RateLimit;
        /// What it promises
        live objective: Promise;
        /// Protocols a client may upgrade to
        live upgrade: Vec<String> = ["websocket"];
        /// Headers set on the way to the server
        live request_headers: Option<Vec<HeaderLine>>, like ["x-edge: berlin"];
        /// Headers added to those of the same name on the way to the server
        live request_headers_add: Option<Vec<HeaderLine>>, like ["x-seen: edge"];
        /// Headers taken away on the way to the server
        live request_headers_remove: Option<Vec<HeaderName>>, like ["x-debug"];
        /// Headers set on the way back
        live response_headers: Option<Vec<HeaderLine>>, like ["x-frame-options: DENY"];
        /// Headers added to those of the same name on the way back
        live response_headers_add: Option<Vec<HeaderLine>>, like ["set-cookie: edge=1"];
        /// Headers taken away on the way back
        live response_headers_remove: Option<Vec<HeaderName>>, like ["server"];
    }
}

edgekit_core::config! {
    /// Who may: certified, names of verified certificates, sha256:FINGERPRINT, networks
    pub struct Access {
        /// These may, and nobody else; none is everybody
        live allow: Option<Vec<Who>>, like ["spiffe://example.com/*", "10.0.0.0/8"];
        /// These may not, whoever else may
        live deny: Option<Vec<Who>>, like ["spiffe://example.com/guest"];
        /// Only count whom it would refuse
        live shadow: bool = false;
    }
}

edgekit_core::config! {
    /// Servers that answer alike
    pub struct Cluster {
        /// Addresses or names with their ports
        live endpoints: Vec<Seat>, like ["127.0.0.1:9000", "127.0.0.1:9001 weight=3 priority=1 zone=eu-1"];
        /// What they speak; 'h2' in the clear too, over connections that requests share; 'auto' as each connection agrees on in its TLS handshake
        live protocol: Served = "http/1.1";
        /// How one is chosen
        live balance: Balance = "round-robin";
        /// How long a connection may take to be made
        live connect_timeout: Duration = "5s", in "10ms"..="5m";
        /// How long a server may take until its answer begins
        live response_timeout: Duration = "60s", in "10ms"..="1d";
        /// How long a connection that nobody uses is kept
        live idle_timeout: Duration = "60s", in "1s"..="1h";
        /// Connections that nobody uses, for each worker and endpoint
        live max_idle: u32 = 256, in 0..=100000;
        /// What of a request decides, for ring and maglev: source, path, header:NAME or cookie:NAME
        live hash: HashKey = "source";
        /// How long a new endpoint takes to get its full share; none is at once
        live slow_start: Option<Duration>, in "100ms"..="1h", like "30s";
        /// The share of endpoints that must be well for the others to be left out
        live panic: Percent = "50%";
        /// How endpoints are asked whether they are well
        live health: HealthCheck;
        /// When an endpoint is left out because of how it answers
        live outlier: Outlier;
        /// How much of it may be in use at a time
        live limits: Limits;
        /// How much work it gets at a time
        live shed: Shed;
        /// How it speaks TLS
        live tls: ClusterTls;
        /// Tell servers of tcp whose connection it is, by a PROXY header
        live proxy_protocol: Introduction = "none";
    }
}

edgekit_core::config! {
    /// TLS with servers
    pub struct ClusterTls {
        /// Speak TLS
        live enabled: bool = false;
        /// The host the servers' certificates are for; none is that of the endpoints
        live server_name: Option<String>, like "app.internal";
        /// Names their certificates may have instead of a host's: SPIFFE IDs, '*.example.com'
        live server_identities: Option<Vec<String>>, like ["spiffe://example.com/app"];
        /// Who issues their certificates: system, bundled or a file
        live roots: String = "system";
        /// What we prove ourselves with, if asked
        live cert_file: Option<PathBuf>, like "/etc/edgekit/tls/proxy.pem";
        /// Its key; none if the same file holds it
        live key_file: Option<PathBuf>, like "/etc/edgekit/tls/proxy.key";
        /// Protocols offered, the preferred one first
        live alpn: Vec<Protocol> = ["http/1.1"];
        /// The oldest version offered
        live min_version: TlsVersion = "1.2";
    }
}

edgekit_core::config! {
    /// A line for each request
    pub struct AccessLog {
        /// The file lines are added to, opened again at each reload; none writes no lines
        live path: Option<PathBuf>, like "/var/log/edgekit/access.log";
        /// How a line looks
        live format: LogFormat = "text";
        /// A line of your own instead, of time client identity method target path query host agent status sent duration_ms route endpoint fault trace
        live template: Option<Template>, like "$client $method $path $status ${header:referer}";
    }
}

edgekit_core::words! {
    /// What servers are told about the client.
    pub enum Forwarded {
        /// X-Forwarded-For, -Proto and -Host.
        X = "x-forwarded",
        /// Forwarded, of RFC 7239.
        Standard = "forwarded",
        /// All of them.
        Both = "both",
        /// Nothing.
        None = "none",
    }
}

edgekit_core::words! {
    /// Whether clients need a certificate.
    pub enum ClientAuth {
        /// Without one they are refused.
        Require = "require",
        /// Without one they are nobody.
        Optional = "optional",
    }
}

edgekit_core::words! {
    /// What clients speak in the clear.
    pub enum Spoken {
        /// Whatever they begin with.
        Auto = "auto",
        /// HTTP/1.1 alone.
        Http1 = "http/1.1",
        /// HTTP/2 alone, without asking first.
        Http2 = "h2",
        /// Anything: bytes are passed on.
        Tcp = "tcp",
        /// Datagrams: each client's are passed on.
        Udp = "udp",
    }
}

impl Spoken {
    /// What comes is passed on, not read.
    pub fn is_passed_on(self) -> bool {
        matches!(self, Spoken::Tcp | Spoken::Udp)
    }
}

edgekit_core::words! {
    /// A protocol inside TLS (ALPN).
    pub enum Protocol {
        /// HTTP/1.1.
        Http1 = "http/1.1",
        /// HTTP/2.
        Http2 = "h2",
    }
}

edgekit_core::words! {
    /// What servers speak.
    pub enum Served {
        /// HTTP/1.1.
        Http1 = "http/1.1",
        /// HTTP/2, without asking first.
        Http2 = "h2",
        /// Either, as each connection agrees on (ALPN).
        Auto = "auto",
    }
}

edgekit_core::words! {
    /// A version of TLS.
    pub enum TlsVersion {
        /// TLS 1.2 and later.
        Tls12 = "1.2",
        /// TLS 1.3 alone.
        Tls13 = "1.3",
    }
}

edgekit_core::words! {
    /// Whether a PROXY header comes first.
    pub enum Preface {
        /// No: what looks like one is the client's.
        None = "none",
        /// Yes: a connection without one is closed.
        Require = "require",
    }
}

edgekit_core::words! {
    /// Which PROXY header is sent.
    pub enum Introduction {
        /// None.
        None = "none",
        /// A line of text.
        V1 = "v1",
        /// A block of bytes.
        V2 = "v2",
    }
}

edgekit_core::words! {
    /// How an endpoint is chosen.
    pub enum Balance {
        /// Each in turn.
        RoundRobin = "round-robin",
        /// Any.
        Random = "random",
        /// The one of two with fewer requests in flight.
        LeastRequest = "least-request",
        /// The one of two that would answer sooner.
        PeakEwma = "peak-ewma",
        /// By a key of the request, on a ring.
        Ring = "ring",
        /// By a key of the request, in a table.
        Maglev = "maglev",
    }
}

edgekit_core::words! {
    /// How a line of the access log looks.
    pub enum LogFormat {
        /// Words and quotes, for people.
        Text = "text",
        /// One object a line.
        Json = "json",
    }
}

static ADDRESS: Format = Format {
    name: "an address or a name with a port",
    shape: "127.0.0.1:9000, [::1]:9000 or app.internal:9000",
    pattern: "^.+:[0-9]{1,5}$",
    numbers: false,
    read: |text| reading(Address::parse(text).map(|address| address.to_string())),
};

static SEAT: Format = Format {
    name: "an address or a name with a port",
    shape: "127.0.0.1:9000 or app.internal:9000 weight=3 priority=1 zone=eu-1",
    pattern: "^[^ ]+:[0-9]{1,5}( .*)?$",
    numbers: false,
    read: |text| reading(Seat::parse(text).map(|seat| seat.to_string())),
};

static ZONE: Format = Format {
    name: "the name of a zone",
    shape: "eu-1",
    pattern: "^[A-Za-z0-9._:/-]{1,64}$",
    numbers: false,
    read: |text| reading(Zone::parse(text).map(|zone| zone.to_string())),
};

static HASH_KEY: Format = Format {
    name: "a part of a request",
    shape: "source, path, header:x-user or cookie:session",
    pattern: "^(source|path|header:.+|cookie:.+)$",
    numbers: false,
    read: |text| reading(HashKey::parse(text).map(|key| key.to_string())),
};

static HOST: Format = Format {
    name: "a host",
    shape: "example.com, *.example.com or *",
    pattern: "^(\\*|(\\*\\.)?[A-Za-z0-9_.-]+|\\[[0-9A-Fa-f:.]+\\])$",
    numbers: false,
    read: |text| reading(HostPattern::parse(text).map(|host| host.to_string())),
};

static ROUTE_PATH: Format = Format {
    name: "a path",
    shape: "/ or /api",
    pattern: "^/",
    numbers: false,
    read: |text| reading(PathPattern::parse(text).map(|path| path.0)),
};

static HEADER_LINE: Format = Format {
    name: "a header",
    shape: "name: value",
    pattern: "^[^:]+:",
    numbers: false,
    read: |text| reading(HeaderLine::parse(text).map(|line| line.to_string())),
};

static PASSAGE: Format = Format {
    name: "a host and a cluster",
    shape: "db.example.com=database",
    pattern: "^[^=]+=.+$",
    numbers: false,
    read: |text| reading(Passage::parse(text).map(|passage| passage.to_string())),
};

static WHO: Format = Format {
    name: "somebody",
    shape: "certified, spiffe://example.com/*, *.example.com, sha256:… or 10.0.0.0/8",
    pattern: "^.+$",
    numbers: false,
    read: |text| reading(Who::parse(text).map(|who| who.to_string())),
};

static HEADER_NAME: Format = Format {
    name: "the name of a header",
    shape: "x-name",
    pattern: "^[^: ]+$",
    numbers: false,
    read: |text| reading(HeaderName::parse(text).map(|name| name.0)),
};

static PATTERN: Format = Format {
    name: "a regular expression",
    shape: "^/users/[0-9]+$",
    pattern: "",
    numbers: false,
    read: |text| reading(Pattern::parse(text).map(|pattern| pattern.text().to_owned())),
};

static HEADER_TEST: Format = Format {
    name: "a test of a header",
    shape: "name, !name, name: value or name ~ expression",
    pattern: "",
    numbers: false,
    read: |text| reading(HeaderTest::parse(text).map(|test| test.to_string())),
};

static QUERY_TEST: Format = Format {
    name: "a test of a parameter",
    shape: "name, !name, name=value or name ~ expression",
    pattern: "",
    numbers: false,
    read: |text| reading(QueryTest::parse(text).map(|test| test.to_string())),
};

static WEIGHTED: Format = Format {
    name: "a cluster with its share",
    shape: "blue=90",
    pattern: "^[^=]+(=[0-9 ]+)?$",
    numbers: false,
    read: |text| reading(Weighted::parse(text).map(|share| share.to_string())),
};

static TEMPLATE: Format = Format {
    name: "a line of the access log",
    shape: "$client $method $path $status ${header:referer}",
    pattern: "",
    numbers: false,
    read: |text| reading(Template::parse(text).map(|template| template.to_string())),
};

static PERCENT: Format = Format {
    name: "a share",
    shape: "5% or 0.5%",
    pattern: "^[0-9.]+ ?%$",
    numbers: false,
    read: |text| reading(Percent::parse(text).map(|share| share.to_string())),
};

static AUTHORITY: Format = Format {
    name: "a host, with a port if need be",
    shape: "example.com or example.com:8443",
    pattern: "^[^*/ ]+$",
    numbers: false,
    read: |text| reading(Authority::parse(text).map(|host| host.0)),
};

fn reading(canonical: Result<String, String>) -> Result<Reading, String> {
    canonical.map(|canonical| Reading { canonical, measure: None })
}

text_type!(Passage, &PASSAGE, |text| Passage::parse(text).ok());
text_type!(Who, &WHO, |text| Who::parse(text).ok());
text_type!(Address, &ADDRESS, |text| Address::parse(text).ok());
text_type!(Seat, &SEAT, |text| Seat::parse(text).ok());
text_type!(Zone, &ZONE, |text| Zone::parse(text).ok());
text_type!(HashKey, &HASH_KEY, |text| HashKey::parse(text).ok());
text_type!(HostPattern, &HOST, |text| HostPattern::parse(text).ok());
text_type!(PathPattern, &ROUTE_PATH, |text| PathPattern::parse(text).ok());
text_type!(HeaderLine, &HEADER_LINE, |text| HeaderLine::parse(text).ok());
text_type!(HeaderName, &HEADER_NAME, |text| HeaderName::parse(text).ok());
text_type!(Pattern, &PATTERN, |text| Pattern::parse(text).ok());
text_type!(HeaderTest, &HEADER_TEST, |text| HeaderTest::parse(text).ok());
text_type!(QueryTest, &QUERY_TEST, |text| QueryTest::parse(text).ok());
text_type!(Weighted, &WEIGHTED, |text| Weighted::parse(text).ok());
text_type!(Template, &TEMPLATE, |text| Template::parse(text).ok());
text_type!(Percent, &PERCENT, |text| Percent::parse(text).ok());
text_type!(Authority, &AUTHORITY, |text| Authority::parse(text).ok());

/// `listener.NAME` as one without a word about it.
pub fn listener(address: SocketAddr) -> Listener {
    Listener {
        address,
        cluster: None,
        server_names: None,
        detect_timeout: Duration::from_millis(100),
        max_lifetime: None,
        flow_timeout: Duration::from_secs(30),
        max_flows: 4096,
        proxy_protocol: Preface::None,
        idle_timeout: Duration::from_secs(75),
        head_timeout: Duration::from_secs(10),
        stall_timeout: Duration::from_secs(60),
        tunnel_timeout: Duration::from_secs(3600),
        max_head: Size(16 * 1024),
        max_body: None,
        protocol: Spoken::Auto,
        forwarded: Forwarded::X,
        trust_forwarded: false,
        tls: ListenerTls {
            cert_files: None,
            key_files: None,
            client_ca_file: None,
            client_auth: ClientAuth::Require,
            client_crl_files: None,
            alpn: vec![Protocol::Http2, Protocol::Http1],
            min_version: TlsVersion::Tls12,
        },
    }
}
