//! From a checked file to resources, and the checks that need more than one value.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use edgekit_core::config::{Loaded, Named, Problem, Problems};
use edgekit_core::{Error, text};

use crate::config::{Config, Route};
use crate::snapshot::{Address, Name, Resources};

/// The resources of a file. A cluster has those endpoints whose address is known; names are looked up
/// later (`names.rs`).
pub(crate) fn resources(config: &Config) -> Resources {
    fn shared<T: Clone>(named: &Named<T>) -> BTreeMap<Name, Arc<T>> {
        named.iter().map(|(name, value)| (Name::from(name.as_str()), Arc::new(value.clone()))).collect()
    }
    let known = |address: &Address| match address {
        Address::Socket(address) => Some(*address),
        Address::Name(..) => None,
    };
    let endpoints = config.cluster.iter().map(|(name, cluster)| {
        let known: Vec<SocketAddr> = cluster.endpoints.iter().filter_map(known).collect();
        (Name::from(name.as_str()), Arc::from(known))
    });
    Resources {
        listeners: shared(&config.listener),
        routes: shared(&config.route),
        clusters: shared(&config.cluster),
        endpoints: endpoints.collect(),
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
    for (name, route) in &config.route {
        let complain = |key: &str, message: String| loaded.problem(&place("route", name, key), message);
        targets(&config, name, route, &complain, &mut problems);
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
        if cluster.endpoints.is_empty() {
            let message = format!("cluster '{name}' has no endpoints");
            problems.push(loaded.problem(&place("cluster", name, "endpoints"), message));
        }
    }
    same_matches(loaded, &config, &mut problems);
    problems.or(config)
}

fn place(kind: &str, name: &str, key: &str) -> String {
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
    let mut seen: Vec<(&String, SocketAddr)> = Vec::new();
    for (name, listener) in &config.listener {
        let address = listener.address;
        // Port 0 is a new one each time.
        let clash = |other: &&(&String, SocketAddr)| {
            let (a, b) = (other.1, address);
            let same_ip = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
            a.port() == b.port() && a.port() != 0 && a.is_ipv4() == b.is_ipv4() && same_ip
        };
        if let Some((other, _)) = seen.iter().find(clash) {
            let message = format!("listener '{other}' has this address already");
            problems.push(loaded.problem(&place("listener", name, "address"), message));
        }
        seen.push((name, address));
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
    match (&route.cluster, route.status) {
        (Some(_), Some(_)) => {
            problems.push(complain("status", format!("route '{name}' has a cluster and a status")));
        }
        (None, None) => {
            let problem = complain("path", format!("route '{name}' says neither cluster nor status"));
            problems.push(problem.hint("cluster = \"NAME\" forwards, status = 404 answers"));
        }
        (Some(cluster), None) if !config.cluster.contains_key(cluster) => {
            let problem = complain("cluster", format!("there is no cluster '{cluster}'"));
            problems.push(near(problem, cluster, config.cluster.keys()));
        }
        _ => {}
    }
    if route.body.is_some() && route.status.is_none() {
        problems.push(complain("body", format!("route '{name}' has a body without a status")));
    }
    if route.body.as_ref().is_some_and(|body| !body.is_empty()) && matches!(route.status, Some(204 | 304)) {
        problems.push(complain("body", "an answer of this status has no body".to_owned()));
    }
    if route.path.is_some() && route.path_exact.is_some() {
        problems.push(complain("path_exact", format!("route '{name}' has both path and path_exact")));
    }
}

/// Two routes for the same requests: which one would win is nobody's to guess.
fn same_matches(loaded: &Loaded, config: &Config, problems: &mut Problems) {
    let all = vec!["*".to_owned()];
    let mut seen: HashMap<[String; 4], &String> = HashMap::new();
    for (name, route) in &config.route {
        let hosts: Vec<String> = match route.hosts.as_deref() {
            None | Some([]) => all.clone(),
            Some(hosts) => hosts.iter().map(ToString::to_string).collect(),
        };
        let (kind, path) = match (&route.path_exact, &route.path) {
            (Some(path), _) => ("=", path.0.as_str()),
            (None, Some(path)) => ("", path.prefix()),
            (None, None) => ("", ""),
        };
        let or_all =
            |list: &Option<Vec<String>>| list.clone().filter(|list| !list.is_empty()).unwrap_or(all.clone());
        let listeners = match route.listeners.as_ref().filter(|list| !list.is_empty()) {
            Some(list) => list.clone(),
            None => config.listener.keys().cloned().collect(),
        };
        for listener in &listeners {
            for host in &hosts {
                for method in or_all(&route.methods) {
                    let key = [listener.clone(), host.clone(), format!("{kind}{path}"), method];
                    match seen.insert(key, name) {
                        Some(other) if other != name => {
                            let message = format!("route '{name}' is for the same requests as '{other}'");
                            let first = ["path_exact", "path", "hosts", "cluster", "status"]
                                .map(|key| loaded.problem(&place("route", name, key), message.clone()));
                            let placed = first.iter().find(|problem| problem.origin.is_some());
                            problems.push(placed.unwrap_or(&first[0]).clone());
                            return;
                        }
                        _ => {}
                    }
                }
            }
        }
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
            ("[listener.x]\naddress = \"0.0.0.0:1\"\n", "listener 'web' has this address already"),
            ("[cluster.x]\nendpoints = []\n", "cluster 'x' has no endpoints"),
        ];
        for (text, wanted) in cases {
            let found = faults(&format!("{WEB}{text}"));
            assert!(found.contains(wanted), "{text}\n{found}");
        }
        assert_eq!(faults(&format!("{WEB}[route.r]\ncluster = \"app\"\n")), "");
        assert!(faults("").contains("there is no listener"));
    }
}
