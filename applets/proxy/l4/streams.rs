//! Which cluster a connection goes to: by the host its client asks for, else the listener's own.

use std::fmt;

use crate::config::Listener;
use crate::route::HostPattern;

/// A host and where its connections go: `db.example.com=database`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passage {
    /// The host.
    pub host: HostPattern,
    /// The cluster.
    pub cluster: String,
}

impl Passage {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Passage, String> {
        let (host, cluster) = text.split_once('=').ok_or_else(|| format!("'{text}' names no cluster"))?;
        let cluster = cluster.trim().to_owned();
        match cluster.is_empty() {
            true => Err(format!("'{text}' names no cluster")),
            false => Ok(Passage { host: HostPattern::parse(host.trim())?, cluster }),
        }
    }
}

impl fmt::Display for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.host, self.cluster)
    }
}

/// Where a listener's connections go, clusters by their position.
#[derive(PartialEq, Debug)]
pub struct Streams {
    /// By host, the closest first.
    hosts: Vec<(HostPattern, Option<usize>)>,
    /// All else.
    rest: Option<usize>,
}

impl Streams {
    /// Of a listener; none if it speaks HTTP.
    pub fn build(settings: &Listener, place: impl Fn(&str) -> Option<usize>) -> Option<Streams> {
        if !settings.protocol.is_passed_on() {
            return None;
        }
        let hosts = settings.server_names.iter().flatten();
        let mut hosts: Vec<_> = hosts.map(|named| (named.host.clone(), place(&named.cluster))).collect();
        // The name itself, then the longest pattern, then all.
        edgekit_core::sort::by_key(&mut hosts, |(host, _)| match host {
            HostPattern::Exact(_) => (0, 0),
            HostPattern::Suffix(suffix) => (1, usize::MAX - suffix.len()),
            HostPattern::Any => (2, 0),
        });
        Some(Streams { hosts, rest: settings.cluster.as_deref().and_then(place) })
    }

    /// True if it depends on the host.
    pub(super) fn asks_for_names(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// The position of the cluster for a host.
    pub(super) fn cluster(&self, wanted: Option<&str>) -> Option<usize> {
        let Some(name) = wanted else { return self.rest };
        let fits = |host: &HostPattern| match host {
            HostPattern::Exact(exact) => exact == name,
            HostPattern::Suffix(suffix) => name.len() > suffix.len() && name.ends_with(suffix.as_str()),
            HostPattern::Any => true,
        };
        match self.hosts.iter().find(|(host, _)| fits(host)) {
            Some((_, cluster)) => *cluster,
            None => self.rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn the_closest_name_wins() {
        let mut settings = config::listener(([127, 0, 0, 1], 1).into());
        assert_eq!(Streams::build(&settings, |_| None), None);
        settings.protocol = config::Spoken::Tcp;
        settings.cluster = Some("3".to_owned());
        let said = ["*.example.com=0", "a.example.com = 1", "*.b.example.com=2"];
        settings.server_names = Some(said.iter().map(|text| Passage::parse(text).unwrap()).collect());
        let streams = Streams::build(&settings, |name| name.parse().ok()).unwrap();
        for (name, cluster) in
            [("a.example.com", 1), ("c.example.com", 0), ("x.b.example.com", 2), ("example.com", 3), ("x", 3)]
        {
            assert_eq!(streams.cluster(Some(name)), Some(cluster), "{name}");
        }
        assert_eq!(streams.cluster(None), Some(3));
        assert!(Passage::parse("a.example").is_err() && Passage::parse("a:1=b").is_err());
    }
}
