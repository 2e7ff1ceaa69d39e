//! The look-up: tables by host, and in each tables by path.
//!
//! A look-up costs one hash a label of the host and one a distinct length of prefix, however many
//! routes there are, and allocates nothing. Regular expressions are tried one after the other, and
//! only where a host has some.

use std::collections::HashMap;
use std::sync::Arc;

use super::Route;
use super::condition::{Asking, Conditions, Pattern};
use super::pattern::HostPattern;

/// The longest host there is (RFC 1035 §2.3.4), with room for brackets.
const LONGEST_HOST: usize = 256;

/// Routes of one listener.
#[derive(PartialEq, Debug, Default)]
pub struct Router {
    exact: HashMap<Box<[u8]>, Paths>,
    /// By `.example.com`.
    suffixes: HashMap<Box<[u8]>, Paths>,
    any: Option<Paths>,
}

#[derive(PartialEq, Debug, Default)]
struct Paths {
    exact: Table,
    /// The longest first.
    patterns: Vec<(Pattern, Vec<Entry>)>,
    /// By length, the longest first.
    prefixes: Vec<(usize, Table)>,
}

/// Routes by path or prefix.
type Table = HashMap<Box<[u8]>, Vec<Entry>>;

#[derive(PartialEq, Debug)]
struct Entry {
    /// None is all.
    methods: Option<Box<[Box<[u8]>]>>,
    /// Beside host, path and method.
    conditions: Option<Box<Conditions>>,
    route: usize,
}

impl Entry {
    /// How close it is: the higher come first.
    fn rank(&self) -> (bool, usize) {
        (self.methods.is_some(), self.conditions.as_ref().map_or(0, |conditions| conditions.count()))
    }

    fn fits(&self, asked: &Asking<'_>) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.iter().any(|one| **one == *asked.method))
            && self.conditions.as_ref().is_none_or(|conditions| conditions.hold(asked))
    }
}

impl Router {
    /// The routes that are for the listener `name`.
    pub fn build(name: &str, routes: &[Arc<Route>]) -> Router {
        let mut router = Router::default();
        for (position, route) in routes.iter().enumerate() {
            let settings = &route.settings;
            let is_for = settings.listeners.as_ref().is_none_or(|names| names.iter().any(|one| one == name));
            if !is_for {
                continue;
            }
            match settings.hosts.as_deref() {
                None | Some([]) => router.any.get_or_insert_default().add(position, route),
                Some(hosts) => {
                    for host in hosts {
                        let paths = match host {
                            HostPattern::Any => router.any.get_or_insert_default(),
                            HostPattern::Exact(host) => {
                                router.exact.entry(host.as_bytes().into()).or_default()
                            }
                            HostPattern::Suffix(host) => {
                                router.suffixes.entry(host.as_bytes().into()).or_default()
                            }
                        };
                        paths.add(position, route);
                    }
                }
            }
        }
        router
    }

    /// The position of the route for a request.
    pub fn find(&self, asked: &Asking<'_>) -> Option<usize> {
        self.paths(asked.host)?.find(asked)
    }

    fn paths(&self, host: &[u8]) -> Option<&Paths> {
        if self.exact.is_empty() && self.suffixes.is_empty() {
            return self.any.as_ref();
        }
        let name = without_port(host);
        let mut lower = [0; LONGEST_HOST];
        let Some(lower) = lower.get_mut(..name.len()) else { return self.any.as_ref() };
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        // A name with its final dot is the same name.
        let lower = lower.strip_suffix(b".").unwrap_or(lower);
        if let Some(paths) = self.exact.get(lower) {
            return Some(paths);
        }
        if !self.suffixes.is_empty() {
            for dot in memchr::memchr_iter(b'.', lower).filter(|at| *at > 0) {
                if let Some(paths) = self.suffixes.get(&lower[dot..]) {
                    return Some(paths);
                }
            }
        }
        self.any.as_ref()
    }
}

impl Paths {
    fn add(&mut self, position: usize, route: &Route) {
        let settings = &route.settings;
        let methods = settings.methods.as_deref().filter(|methods| !methods.is_empty());
        let methods = methods.map(|list| list.iter().map(|method| method.as_bytes().into()).collect());
        let conditions = Conditions::new(settings.headers.as_deref(), settings.query.as_deref());
        let entries = match (&settings.path_exact, &settings.path_regex) {
            (Some(path), _) => self.exact.entry(path.0.as_bytes().into()).or_default(),
            (None, Some(pattern)) => {
                let order = |other: &Pattern| {
                    let (one, other) = (pattern.text(), other.text());
                    one.len().cmp(&other.len()).then_with(|| other.cmp(one))
                };
                let at = match self.patterns.binary_search_by(|(other, _)| order(other)) {
                    Ok(at) => at,
                    Err(at) => {
                        self.patterns.insert(at, (pattern.clone(), Vec::new()));
                        at
                    }
                };
                &mut self.patterns[at].1
            }
            (None, None) => {
                let prefix = settings.path.as_ref().map_or("", |path| path.prefix()).as_bytes();
                let at = match self.prefixes.binary_search_by(|(length, _)| prefix.len().cmp(length)) {
                    Ok(at) => at,
                    Err(at) => {
                        self.prefixes.insert(at, (prefix.len(), HashMap::new()));
                        at
                    }
                };
                self.prefixes[at].1.entry(prefix.into()).or_default()
            }
        };
        let entry = Entry { methods, conditions, route: position };
        let at = entries.partition_point(|other| other.rank() >= entry.rank());
        entries.insert(at, entry);
    }

    fn find(&self, asked: &Asking<'_>) -> Option<usize> {
        let fits =
            |entries: &Vec<Entry>| entries.iter().find(|entry| entry.fits(asked)).map(|entry| entry.route);
        let path = asked.path;
        if !self.exact.is_empty()
            && let Some(route) = self.exact.get(path).and_then(fits)
        {
            return Some(route);
        }
        for (pattern, entries) in &self.patterns {
            if pattern.fits(path)
                && let Some(route) = fits(entries)
            {
                return Some(route);
            }
        }
        self.prefixes.iter().find_map(|(length, prefixes)| {
            let whole = path.len() == *length || path.get(*length) == Some(&b'/') || *length == 0;
            if !whole || path.len() < *length {
                return None;
            }
            // What every path begins with is one entry: nothing need be hashed to find it.
            let entries =
                if *length == 0 { prefixes.values().next() } else { prefixes.get(&path[..*length]) };
            entries.and_then(fits)
        })
    }
}

/// `example.com:80` → `example.com`, `[::1]:80` → `[::1]`.
fn without_port(host: &[u8]) -> &[u8] {
    match memchr::memrchr(b':', host) {
        Some(at) if host.get(at - at.min(1)) == Some(&b']') || !host.starts_with(b"[") => &host[..at],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::Asking;
    use crate::config::Config;
    use crate::plan;
    use crate::snapshot::Snapshot;
    use edgekit_core::config::{Settings, parse};

    fn snapshot(text: &str) -> Snapshot {
        let text = format!("[listener.web]\naddress = \"127.0.0.1:1\"\n{text}");
        let loaded = parse(Config::SECTION, "proxy", "file", text.into_bytes()).unwrap();
        Snapshot::build(plan::resources(&loaded.get::<Config>().unwrap()))
    }

    fn find(snapshot: &Snapshot, host: &str, target: &str, method: &str) -> Option<usize> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let asked = Asking {
            host: host.as_bytes(),
            path: path.as_bytes(),
            query: query.as_bytes(),
            method: method.as_bytes(),
            bytes: &[],
            fields: &[],
        };
        snapshot.listeners[0].router.find(&asked)
    }

    const ROUTES: &str = r#"
        [route.all]
        status = 200
        [route.host]
        hosts = ["example.com", "[::1]"]
        status = 200
        [route.below]
        hosts = ["*.example.com"]
        status = 200
        [route.deep]
        hosts = ["*.deep.example.com"]
        status = 200
        [route.api]
        path = "/api/"
        status = 200
        [route.api-post]
        path = "/api"
        methods = ["POST"]
        status = 200
        [route.one]
        path_exact = "/api/one"
        status = 200
        [route.digits]
        path_regex = "^/api/[0-9]+$"
        status = 200
        [route.debug]
        path = "/api"
        query = ["debug"]
        status = 200
        [route.debug-two]
        path = "/api"
        query = ["debug", "v=2"]
        status = 200
    "#;

    #[test]
    fn the_closest_wins() {
        let snapshot = snapshot(ROUTES);
        let cases = [
            ("other.com", "/", "GET", "all"),
            ("", "/apix", "GET", "all"),
            ("example.com", "/api", "GET", "host"),
            ("EXAMPLE.com:8080", "/", "GET", "host"),
            ("example.com.", "/", "GET", "host"),
            ("[::1]", "/", "GET", "host"),
            ("[::1]:80", "/", "GET", "host"),
            ("a.example.com", "/", "GET", "below"),
            ("a.b.example.com", "/", "GET", "below"),
            ("a.deep.example.com", "/", "GET", "deep"),
            (".example.com", "/", "GET", "all"),
            ("x", "/api", "GET", "api"),
            ("x", "/api/two", "POST", "api-post"),
            ("x", "/api/one", "POST", "one"),
            ("x", "/api/one/", "GET", "api"),
            ("x", "/api/12", "GET", "digits"),
            ("x", "/api/12?debug", "GET", "digits"),
            ("x", "/api/12x", "GET", "api"),
            ("x", "/api/x?debug", "GET", "debug"),
            ("x", "/api/x?debug&v=2", "GET", "debug-two"),
            ("x", "/api/x?v=2", "GET", "api"),
            // Who names methods is closer than who names parameters.
            ("x", "/api/x?debug", "POST", "api-post"),
        ];
        for (host, path, method, wanted) in cases {
            let found = find(&snapshot, host, path, method);
            assert_eq!(found.map(|at| &*snapshot.routes[at].name), Some(wanted), "{host} {path} {method}");
        }
    }

    #[test]
    fn what_nothing_is_for_is_not_found() {
        let snapshot =
            snapshot("[route.a]\nhosts = [\"a\"]\npath = \"/x\"\nmethods = [\"GET\"]\nstatus = 200\n");
        assert_eq!(find(&snapshot, "a", "/x", "GET"), Some(0));
        for (host, path, method) in [("b", "/x", "GET"), ("a", "/", "GET"), ("a", "/x", "PUT")] {
            assert_eq!(find(&snapshot, host, path, method), None);
        }
        assert_eq!(find(&snapshot, &"a".repeat(5000), "/x", "GET"), None);
    }
}
