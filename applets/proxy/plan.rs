//! From a checked file to resources, and the checks that need more than one value.

mod promise;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use edgekit_core::config::{Loaded, Named, Problem, Problems};
use edgekit_core::{Error, sort, text};

use crate::config::{Config, Introduction, LogFormat, Preface, Route, Served, Spoken};
use crate::health::Kind;
use crate::route::clash;
use crate::snapshot::{Address, Endpoint, Name, Resources, Seat};
use crate::traces;

/// The resources of a file. A cluster has those endpoints whose address is known; names are looked up
/// later (`names.rs`).
pub(crate) fn resources(config: &Config) -> Resources {
    fn shared<T: Clone>(named: &Named<T>) -> BTreeMap<Name, Arc<T>> {
        sort::map(named.iter().map(|(name, value)| (Name::from(name.as_str()), Arc::new(value.clone()))))
    }
    let known = |seat: &Seat| match &seat.address {
        Address::Socket(address) => Some(seat.at(*address)),
        Address::Name(..) => None,
    };
    let endpoints = config.cluster.iter().map(|(name, cluster)| {
        let known: Vec<Endpoint> = cluster.endpoints.iter().filter_map(known).collect();
        (Name::from(name.as_str()), Arc::from(known))
    });
    Resources {
        listeners: shared(&config.listener),
        routes: shared(&config.route),
        clusters: shared(&config.cluster),
        endpoints: sort::map(endpoints),
        zone: config.zone.clone(),
        ..Resources::default()
    }
}

/// The struct of a file, if its parts fit each other.
///
/// # Errors
/// Every fault found, each at its place.
pub(crate) fn checked(loaded: &Loaded) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let config: Config = match loaded.get() {
        Ok(config) => config,
        Err(error) => {
            problems.push(Problem::new(Error::to_string(&error)));
            return Err(problems);
        }
    };
    listeners(loaded, &config, &mut problems);
    secured(loaded, &config, &mut problems);
    passed(loaded, &config, &mut problems);
    for (name, route) in &config.route {
        let complain = |key: &str, message: String| loaded.problem(&place("route", name, key), message);
        targets(&config, name, route, &complain, &mut problems);
        promise::check(&config, name, route, &complain, &mut problems);
        let known =
            |names: &[String]| names.iter().find(|name| !config.listener.contains_key(*name)).cloned();
        if let Some(unknown) = route.listeners.as_deref().and_then(known) {
            let problem = complain("listeners", format!("there is no listener '{unknown}'"));
            problems.push(near(problem, &unknown, config.listener.keys()));
        }
        let token =
            |method: &String| !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
        if let Some(wrong) = route.methods.iter().flatten().find(|method| !token(method)) {
            let problem = complain("methods", format!("'{wrong}' is not a method"));
            problems.push(problem.hint("methods are written in capitals"));
        }
    }
    for (name, cluster) in &config.cluster {
        if cluster.health.kind == Some(Kind::Grpc) && cluster.protocol != Served::Http2 {
            let message = "checks of kind 'grpc' are HTTP/2, which this cluster does not speak";
            let problem = loaded.problem(&place("cluster", name, "health.kind"), message);
            problems.push(problem.hint("add protocol = \"h2\" to the cluster"));
        }
        if cluster.protocol == Served::Auto && !cluster.tls.enabled {
            let message = "in the clear nothing is agreed on: there is no handshake";
            let problem = loaded.problem(&place("cluster", name, "protocol"), message);
            problems.push(problem.hint("add tls.enabled = true, or say which protocol"));
        }
        if cluster.health.service.is_some() && cluster.health.kind != Some(Kind::Grpc) {
            let message = "only checks of kind 'grpc' ask for a service";
            problems.push(loaded.problem(&place("cluster", name, "health.service"), message));
        }
        if cluster.outlier.eject > cluster.outlier.eject_max {
            let message = "the longest time left out is shorter than the first";
            problems.push(loaded.problem(&place("cluster", name, "outlier.eject"), message));
        }
        if cluster.endpoints.is_empty() {
            let message = format!("cluster '{name}' has no endpoints");
            problems.push(loaded.problem(&place("cluster", name, "endpoints"), message));
        }
    }
    traces::check(loaded, &config.tracing, &mut problems);
    if config.access_log.template.is_some() && config.access_log.format == LogFormat::Json {
        let problem = loaded.problem("access_log.template", "lines are JSON, or as the template says");
        problems.push(problem.hint("leave 'format' out; a template may look like JSON itself"));
    }
    same_matches(loaded, &config, &mut problems);
    problems.or(config)
}

pub(crate) fn place(kind: &str, name: &str, key: &str) -> String {
    let plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter));
    if plain { format!("{kind}.{name}.{key}") } else { format!("{kind}.\"{name}\".{key}") }
}

fn near<'a>(problem: Problem, wanted: &str, names: impl Iterator<Item = &'a String>) -> Problem {
    let names: Vec<&str> = names.map(String::as_str).collect();
    match text::nearest(wanted, names.iter().copied()) {
        Some(near) => problem.hint(format!("did you mean '{near}'?")),
        None if names.is_empty() => problem.hint("the file has none"),
        None => problem.hint(format!("there are: {}", names.join(", "))),
    }
}

fn listeners(loaded: &Loaded, config: &Config, problems: &mut Problems) {
    if config.listener.is_empty() {
        let hint = "add, for example: [listener.web] with address = \"0.0.0.0:8080\"";
        problems.push(Problem::new("there is no listener").hint(hint));
    }
    let mut seen: Vec<(&String, SocketAddr, bool)> = Vec::new();
    for (name, listener) in &config.listener {
        let (address, is_udp) = (listener.address, listener.protocol == Spoken::Udp);
        // Port 0 is a new one each time.
        let clash = |other: &&(&String, SocketAddr, bool)| {
            let (a, b) = (other.1, address);
            let same_ip = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
            // The one for any address of IPv6 takes those of IPv4 as well.
            let all = |one: SocketAddr| one.is_ipv6() && one.ip().is_unspecified();
            let same_family = a.is_ipv4() == b.is_ipv4() || all(a) || all(b);
            a.port() == b.port() && a.port() != 0 && same_family && same_ip && other.2 == is_udp
        };
        if let Some((other, ..)) = seen.iter().find(clash) {
            let message = format!("listener '{other}' has this address already");
            problems.push(loaded.problem(&place("listener", name, "address"), message));
        }
        seen.push((name, address, is_udp));
    }
}

/// What is said of connections that are passed on goes together.
fn passed(loaded: &Loaded, config: &Config, problems: &mut Problems) {
    for (name, listener) in &config.listener {
        let complain = |key: &str, message: String| loaded.problem(&place("listener", name, key), message);
        let hosts = listener.server_names.as_deref().unwrap_or_default();
        let is_tcp = listener.protocol.is_passed_on();
        let said = [("cluster", listener.cluster.is_some()), ("server_names", !hosts.is_empty())];
        match said.iter().find(|(_, said)| *said) {
            Some((key, _)) if !is_tcp => {
                let message = format!("listener '{name}' speaks HTTP, whose requests go by routes");
                problems.push(complain(key, message).hint("add protocol = \"tcp\", or a route"));
            }
            None if is_tcp => {
                let message = format!("listener '{name}' says nowhere to pass connections on to");
                problems.push(complain("protocol", message).hint("add cluster = \"NAME\""));
            }
            _ => {}
        }
        if listener.protocol == Spoken::Udp {
            let tls = listener.tls.cert_files.is_some();
            let introduced = listener.proxy_protocol != Preface::None;
            let keys = [
                ("server_names", !hosts.is_empty()),
                ("tls.cert_files", tls),
                ("proxy_protocol", introduced),
            ];
            if let Some((key, _)) = keys.iter().find(|(_, said)| *said) {
                let message = format!("listener '{name}' passes datagrams on: it has no connections");
                problems.push(complain(key, message));
            }
        }
        let clusters = hosts.iter().map(|passage| ("server_names", &passage.cluster));
        for (key, cluster) in clusters.chain(listener.cluster.iter().map(|cluster| ("cluster", cluster))) {
            if !config.cluster.contains_key(cluster) {
                let problem = complain(key, format!("there is no cluster '{cluster}'"));
                problems.push(near(problem, cluster, config.cluster.keys()));
            }
        }
        let wanted = |route: &Route| route.listeners.as_ref().is_some_and(|names| names.contains(name));
        if let Some((route, _)) = config.route.iter().find(|(_, route)| is_tcp && wanted(route)) {
            let message = format!("listener '{name}' passes connections on: it has no requests");
            problems.push(loaded.problem(&place("route", route, "listeners"), message));
        }
    }
    for (name, cluster) in &config.cluster {
        let asked = |route: &Route| {
            let shares = route.clusters.iter().flatten();
            route.cluster.as_ref() == Some(name) || shares.into_iter().any(|share| share.cluster == *name)
        };
        if cluster.proxy_protocol != Introduction::None && config.route.values().any(asked) {
            let message = "a route asks this cluster: its connections carry requests of many clients";
            let problem = loaded.problem(&place("cluster", name, "proxy_protocol"), message);
            problems.push(problem.hint("requests say whose they are: see the key forwarded of the listener"));
        }
    }
}

/// What is said of TLS goes together.
fn secured(loaded: &Loaded, config: &Config, problems: &mut Problems) {
    for (name, listener) in &config.listener {
        let tls = &listener.tls;
        let complain = |key: &str, message: String| {
            loaded.problem(&place("listener", name, &format!("tls.{key}")), message)
        };
        let count = |list: &Option<Vec<_>>| list.as_ref().map_or(0, Vec::len);
        let (chains, keys) = (count(&tls.cert_files), count(&tls.key_files));
        if keys > 0 && chains == 0 {
            problems.push(complain("key_files", "there are keys, and no certificates".to_owned()));
        } else if keys > 0 && keys != chains {
            let problem = complain("key_files", format!("there are {chains} certificates and {keys} keys"));
            problems.push(problem.hint("one key for each certificate, in the same order"));
        }
        if tls.client_ca_file.is_some() && chains == 0 {
            let message = "clients are to prove themselves, and the listener has no certificate";
            let problem = complain("client_ca_file", message.to_owned());
            problems.push(problem.hint("add cert_files: without it the listener does not speak TLS"));
        }
        if tls.client_crl_files.is_some() && tls.client_ca_file.is_none() {
            problems.push(complain("client_crl_files", "there is no client_ca_file".to_owned()));
        }
    }
    for (name, cluster) in &config.cluster {
        let tls = &cluster.tls;
        let complain = |key: &str, message: &str| {
            loaded.problem(&place("cluster", name, &format!("tls.{key}")), message)
        };
        if tls.key_file.is_some() && tls.cert_file.is_none() {
            problems.push(complain("key_file", "there is a key, and no certificate"));
        }
        if tls.server_name.as_ref().is_some_and(|host| edgekit_tls::server_name(host).is_err()) {
            problems.push(complain("server_name", "this is neither a host nor an address"));
        }
        let said = [("server_name", tls.server_name.is_some()), ("cert_file", tls.cert_file.is_some())];
        if let Some((key, _)) = said.iter().find(|(_, said)| *said && !tls.enabled) {
            let problem = complain(key, "the cluster is not spoken TLS with");
            problems.push(problem.hint("add enabled = true"));
        }
        let mut hosts: Vec<&str> = cluster
            .endpoints
            .iter()
            .filter_map(|seat| match &seat.address {
                Address::Name(host, _) => Some(host.as_str()),
                Address::Socket(_) => None,
            })
            .collect();
        hosts.dedup();
        let has_name = tls.server_name.is_some() || tls.server_identities.is_some();
        if tls.enabled && !has_name && hosts.len() > 1 {
            let message = "the endpoints have several names: which one are the certificates for?";
            problems.push(complain("enabled", message).hint("add server_name = \"HOST\""));
        }
    }
}

/// A route does one thing.
fn targets(
    config: &Config,
    name: &str,
    route: &Route,
    complain: &impl Fn(&str, String) -> Problem,
    problems: &mut Problems,
) {
    let does = [
        ("cluster", "a cluster", route.cluster.is_some()),
        ("clusters", "clusters", route.clusters.is_some()),
        ("status", "a status", route.status.is_some()),
        ("redirect", "a redirect", route.redirect.is_one()),
    ];
    let mut said = does.iter().filter(|(.., is_said)| *is_said);
    match (said.next(), said.next()) {
        (Some((_, one, _)), Some((key, other, _))) => {
            let key = if *key == "redirect" { redirect_key(route) } else { *key };
            problems.push(complain(key, format!("route '{name}' has {one} and {other}")));
        }
        (None, _) => {
            let problem = complain("path", format!("route '{name}' says neither cluster nor status"));
            problems.push(problem.hint("cluster = \"NAME\" forwards, status = 404 answers"));
        }
        _ => {}
    }
    let wanted = route.cluster.iter().map(|cluster| ("cluster", cluster));
    let shares = route.clusters.iter().flatten().map(|share| ("clusters", &share.cluster));
    let mirror = route.mirror.cluster.iter().map(|cluster| ("mirror.cluster", cluster));
    for (key, cluster) in wanted.chain(shares).chain(mirror) {
        if !config.cluster.contains_key(cluster) {
            let problem = complain(key, format!("there is no cluster '{cluster}'"));
            problems.push(near(problem, cluster, config.cluster.keys()));
        }
    }
    if route.clusters.as_ref().is_some_and(|shares| shares.iter().all(|share| share.weight == 0)) {
        let problem = complain("clusters", format!("no cluster of route '{name}' has a share"));
        problems.push(problem.hint("write a share above 0, such as clusters = [\"blue=90\", \"green=10\"]"));
    }
    if route.body.is_some() && route.status.is_none() {
        problems.push(complain("body", format!("route '{name}' has a body without a status")));
    }
    if route.body.as_ref().is_some_and(|body| !body.is_empty()) && matches!(route.status, Some(204 | 304)) {
        problems.push(complain("body", "an answer of this status has no body".to_owned()));
    }
    let paths = [
        ("path", route.path.is_some()),
        ("path_exact", route.path_exact.is_some()),
        ("path_regex", route.path_regex.is_some()),
    ];
    let mut paths = paths.iter().filter(|(_, is_said)| *is_said);
    if let (Some((one, _)), Some((other, _))) = (paths.next(), paths.next()) {
        problems.push(complain(other, format!("route '{name}' has both {one} and {other}")));
    }
    for (section, prefix, path) in [
        ("rewrite", route.rewrite.prefix.is_some(), route.rewrite.path.is_some()),
        ("redirect", route.redirect.prefix.is_some(), route.redirect.path.is_some()),
    ] {
        if prefix && path {
            let message = format!("route '{name}' has both {section}.prefix and {section}.path");
            problems.push(complain(&format!("{section}.path"), message));
        }
        if prefix && route.path_regex.is_some() {
            let problem = complain(
                &format!("{section}.prefix"),
                "a regular expression has no prefix that could be replaced".to_owned(),
            );
            problems.push(problem.hint(format!("{section}.path replaces the whole path")));
        }
    }
    if !matches!(route.redirect.status, None | Some(301 | 302 | 303 | 307 | 308)) {
        let problem = complain("redirect.status", "no redirect has this status".to_owned());
        problems.push(problem.hint("there are 301, 302, 303, 307 and 308"));
    }
    let forwards = route.cluster.is_some() || route.clusters.is_some();
    let rewrites =
        route.rewrite.prefix.is_some() || route.rewrite.path.is_some() || route.rewrite.host.is_some();
    if rewrites && !forwards {
        let keys = ["rewrite.prefix", "rewrite.path", "rewrite.host"];
        let problem = keys.map(|key| complain(key, format!("route '{name}' rewrites what no server sees")));
        problems.push(placed(problem));
    }
}

/// The first key of a redirect that is there.
fn redirect_key(route: &Route) -> &'static str {
    let redirect = &route.redirect;
    match () {
        () if redirect.status.is_some() => "redirect.status",
        () if redirect.scheme.is_some() => "redirect.scheme",
        () if redirect.host.is_some() => "redirect.host",
        () if redirect.prefix.is_some() => "redirect.prefix",
        () => "redirect.path",
    }
}

/// The first that has a place.
fn placed<const N: usize>(problems: [Problem; N]) -> Problem {
    let at = problems.iter().position(|problem| problem.origin.is_some()).unwrap_or(0);
    problems.into_iter().nth(at).unwrap_or_else(|| Problem::new("a fault without a place"))
}

/// Two routes for the same requests: which one would win is nobody's to guess.
fn same_matches(loaded: &Loaded, config: &Config, problems: &mut Problems) {
    if let Some((name, other)) = clash::find(config) {
        let message = format!("route '{name}' is for the same requests as '{other}'");
        let keys = ["path_exact", "path_regex", "path", "headers", "query", "hosts", "cluster", "status"];
        let problem = placed(keys.map(|key| loaded.problem(&place("route", name, key), message.clone())));
        problems.push(problem.hint("who asks for more headers or parameters than the other is tried first"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_core::config::{Settings, parse};

    fn faults(text: &str) -> String {
        let loaded = parse(Config::SECTION, "proxy", "f.toml", text.as_bytes().to_vec()).unwrap();
        checked(&loaded).map(|_| String::new()).unwrap_or_else(|problems| problems.to_string())
    }

    const WEB: &str = "[listener.web]\naddress = \"127.0.0.1:1\"\n[cluster.app]\nendpoints = [\"a:1\"]\n";

    #[test]
    fn the_description_has_no_faults() {
        assert_eq!(Config::SECTION.faults(), Vec::<String>::new());
    }

    #[test]
    fn parts_must_fit_each_other() {
        let cases = [
            ("[route.r]\ncluster = \"ap\"\n", "f.toml:6:1: there is no cluster 'ap' (did you mean 'app'?)"),
            ("[route.r]\npath = \"/\"\n", "f.toml:6:1: route 'r' says neither cluster nor status"),
            (
                "[route.r]\ncluster = \"app\"\nstatus = 200\n",
                "f.toml:7:1: route 'r' has a cluster and a status",
            ),
            (
                "[route.r]\nlisteners = [\"wep\"]\nstatus = 200\n",
                "there is no listener 'wep' (did you mean 'web'?)",
            ),
            ("[route.r]\nmethods = [\"get\"]\nstatus = 200\n", "'get' is not a method"),
            ("[route.r]\nstatus = 204\nbody = \"x\"\n", "an answer of this status has no body"),
            (
                "[route.r]\nstatus = 200\n[route.s]\npath = \"/\"\nstatus = 201\n",
                "is for the same requests as 'r'",
            ),
            (
                "[route.r]\nstatus = 200\nheaders = [\"a\"]\n[route.s]\nstatus = 201\nheaders = [\"b\"]\n",
                "route 's' is for the same requests as 'r'",
            ),
            ("[route.r]\nclusters = [\"app=0\"]\n", "f.toml:6:1: no cluster of route 'r' has a share"),
            (
                "[route.r]\nclusters = [\"app=1\", \"apq=1\"]\n",
                "there is no cluster 'apq' (did you mean 'app'?)",
            ),
            ("[route.r]\ncluster = \"app\"\nclusters = [\"app\"]\n", "has a cluster and clusters"),
            ("[route.r]\ncluster = \"app\"\nmirror.cluster = \"x\"\n", "f.toml:7:8: there is no cluster 'x'"),
            (
                "[route.r]\nstatus = 200\n[route.r.redirect]\nhost = \"a\"\n",
                "f.toml:8:1: route 'r' has a status and a redirect",
            ),
            ("[route.r]\nredirect.status = 304\n", "no redirect has this status"),
            (
                "[route.r]\nstatus = 200\nrewrite.path = \"/x\"\n",
                "f.toml:7:9: route 'r' rewrites what no server sees",
            ),
            ("[route.r]\ncluster = \"app\"\npath_regex = \"x\"\nrewrite.prefix = \"/x\"\n", "has no prefix"),
            ("[route.r]\ncluster = \"app\"\npath_regex = \"x\"\npath = \"/x\"\n", "both path and path_regex"),
            ("[listener.x]\naddress = \"0.0.0.0:1\"\n", "listener 'web' has this address already"),
            (
                "[listener.u]\naddress = \"127.0.0.1:1\"\nprotocol = \"udp\"\n",
                "f.toml:7:1: listener 'u' says nowhere to pass connections on to",
            ),
            (
                "[listener.u]\naddress = \"127.0.0.1:1\"\nprotocol = \"udp\"\ncluster = \"app\"\nproxy_protocol = \"require\"\n",
                "f.toml:9:1: listener 'u' passes datagrams on: it has no connections",
            ),
            (
                "[cluster.h]\nendpoints = [\"a:1\"]\nhealth.kind = \"grpc\"\n",
                "f.toml:7:8: checks of kind 'grpc' are HTTP/2",
            ),
            (
                "[cluster.h]\nendpoints = [\"a:1\"]\nhealth.kind = \"http\"\nhealth.service = \"x\"\n",
                "f.toml:8:8: only checks of kind 'grpc' ask for a service",
            ),
            (
                "[cluster.h]\nendpoints = [\"a:1\"]\noutlier.eject = \"6m\"\n",
                "f.toml:7:9: the longest time left out is shorter",
            ),
            (
                "[cluster.h]\nendpoints = [\"a:1\"]\nprotocol = \"auto\"\n",
                "f.toml:7:1: in the clear nothing is agreed on",
            ),
            ("[cluster.x]\nendpoints = []\n", "cluster 'x' has no endpoints"),
            (
                "[route.r]\ncluster = \"app\"\nobjective.target = \"100%\"\n",
                "f.toml:7:11: route 'r' promises that nothing ever fails",
            ),
            (
                "[route.r]\ncluster = \"app\"\nobjective = { over = \"2h\", window = \"1h\" }\n",
                "f.toml:7:15: burn rates are seen over a part of the window",
            ),
            (
                "[route.r]\ncluster = \"app\"\nobjective = { degrade = [\"shed\"], share = \"100%\" }\n",
                "no request would tell that all is well again",
            ),
            (
                "[route.r]\ncluster = \"app\"\nobjective.degrade = [\"fallback\"]\n",
                "it names no cluster to fall back on",
            ),
            (
                "[route.r]\ncluster = \"app\"\nobjective = { degrade = [\"fallback\"], fallback = \"ap\" }\n",
                "there is no cluster 'ap' (did you mean 'app'?)",
            ),
            ("[route.r]\ncluster = \"app\"\nobjective.fallback = \"app\"\n", "nothing ever falls back on it"),
            (
                "[route.r]\ncluster = \"app\"\nobjective = { degrade = [\"shed\", \"fallback\"], fallback = \"app\" }\n",
                "a share is either refused or answered by another cluster",
            ),
        ];
        for (text, wanted) in cases {
            let found = faults(&format!("{WEB}{text}"));
            assert!(found.contains(wanted), "{text}\n{found}");
        }
        for text in [
            "[route.r]\ncluster = \"app\"\n",
            "[route.r]\nstatus = 200\nheaders = [\"a: 1\"]\n[route.s]\nstatus = 201\nheaders = [\"a: 2\"]\n",
            "[route.r]\nstatus = 200\nheaders = [\"a\"]\n[route.s]\nstatus = 201\n",
            "[route.r]\nstatus = 200\nmethods = [\"GET\"]\nquery = [\"a\"]\n[route.s]\nstatus = 201\nquery = [\"b\"]\n",
            "[route.r]\nredirect.scheme = \"https\"\n",
        ] {
            assert_eq!(faults(&format!("{WEB}{text}")), "", "{text}");
        }
        assert!(faults("").contains("there is no listener"));
    }
}
