//! Routes for the same requests: which one would win is nobody's to guess.
//!
//! Two routes of one host and path clash if some method is meant by both alike, and neither the
//! headers and parameters of one include all of the other's (then it is closer) nor do the two
//! exclude each other. Neighbour: `router.rs` tries the closer one first.

use std::collections::HashMap;

use super::condition::Conditions;
use crate::config::{Config, Route};

/// What a route matches at one place, beside that place.
struct Claim<'a> {
    name: &'a str,
    methods: Option<&'a [String]>,
    conditions: Option<Box<Conditions>>,
}

impl Claim<'_> {
    fn clashes(&self, other: &Claim<'_>) -> bool {
        let alike = match (self.methods, other.methods) {
            (None, None) => true,
            (Some(one), Some(other)) => one.iter().any(|method| other.contains(method)),
            // Who names methods is closer.
            _ => false,
        };
        alike
            && match (&self.conditions, &other.conditions) {
                (None, None) => true,
                (Some(one), Some(other)) => {
                    let (more, less) = (one.include(other), other.include(one));
                    more == less && !one.exclude(other)
                }
                // Who asks for something is closer than who asks for nothing.
                _ => false,
            }
    }
}

/// The first two routes that clash: the later one of the file, then the other.
pub(crate) fn find(config: &Config) -> Option<(&str, &str)> {
    let mut seen: HashMap<[String; 3], Vec<Claim<'_>>> = HashMap::new();
    for (name, route) in &config.route {
        let hosts = match route.hosts.as_deref() {
            None | Some([]) => vec!["*".to_owned()],
            Some(hosts) => hosts.iter().map(ToString::to_string).collect(),
        };
        let listeners = match route.listeners.as_ref().filter(|list| !list.is_empty()) {
            Some(list) => list.clone(),
            None => config.listener.keys().cloned().collect(),
        };
        for listener in &listeners {
            for host in &hosts {
                let claims = seen.entry([listener.clone(), host.clone(), path(route)]).or_default();
                let claim = Claim {
                    name,
                    methods: route.methods.as_deref().filter(|methods| !methods.is_empty()),
                    conditions: Conditions::new(route.headers.as_deref(), route.query.as_deref()),
                };
                let clash = claims.iter().find(|other| other.name != name && other.clashes(&claim));
                if let Some(other) = clash {
                    return Some((name, other.name));
                }
                claims.push(claim);
            }
        }
    }
    None
}

/// The path of a route, its kind among it.
fn path(route: &Route) -> String {
    match (&route.path_exact, &route.path_regex, &route.path) {
        (Some(path), ..) => format!("={}", path.0),
        (None, Some(pattern), _) => format!("~{}", pattern.text()),
        (None, None, path) => path.as_ref().map_or("", |path| path.prefix()).to_owned(),
    }
}
