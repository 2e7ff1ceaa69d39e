//! What `rules.toml` may hold: one description for the struct, the checks, the manual and the schema.
//!
//! Neighbours: `entry` loads it, `settings` turns it into the words of the engine, `service` reloads what is live.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use edgekit_core::units::Size;

edgekit_core::words! {
    /// What rules may ask the host for.
    pub enum Grant {
        /// Lines in the log.
        Log = "log",
        /// Counters, gauges and histograms.
        Metric = "metric",
        /// Messages to whoever watches.
        Publish = "publish",
        /// Programs, by their words and without a shell.
        Exec = "exec",
        /// Calls over HTTP.
        Http = "http",
        /// Values of a device shadow.
        Shadow = "shadow",
        /// State across workers.
        Shared = "shared",
    }
}

edgekit_core::config! {
    /// Lua rules
    pub struct Rules {
        /// The folder of rules: its files *.luau, and *_test.toml beside them
        restart folder: Option<PathBuf>, like "/etc/edgekit/rules";
        /// Topics that come from outside, for rules to read; NAME.* stands for all that begin with NAME
        restart topics: Vec<String> = ["trace.*", "proxy.*", "cert.*", "shadow.*", "ota.*", "app.*"];
        /// What rules may ask for; a rule that declares more is refused at load
        restart grants: Vec<Grant> = ["log", "metric", "publish", "shadow", "shared"];
        /// Where Prometheus may ask for the metrics, at /metrics, without TLS or password; nowhere without
        restart metrics_listen: Option<SocketAddr>, like "127.0.0.1:9100";
        /// Programs that rules may run
        live exec: Exec;
        /// Calls that rules may make
        live http: Http;
        /// What a rule may use
        restart limits: Limits;
        /// How events come in
        restart bus: Bus;
    }
}

edgekit_core::config! {
    /// Programs that rules may run
    pub struct Exec {
        /// Paths of these programs, and no others; any program if the list is empty
        live programs: Vec<PathBuf> = [];
        /// How long one may run before it is ended
        live deadline: Duration = "10s", in "10ms"..="1h";
        /// How many may run at a time; more are refused
        live running: u16 = 4, in 1..=64;
    }
}

edgekit_core::config! {
    /// Calls that rules may make
    pub struct Http {
        /// Hosts that may be called, and no others; any host if the list is empty
        live hosts: Vec<String> = [];
        /// How long one may take
        live deadline: Duration = "10s", in "10ms"..="1h";
        /// How many may be under way at a time; more are refused
        live running: u16 = 4, in 1..=64;
    }
}

edgekit_core::config! {
    /// What a rule may use
    pub struct Limits {
        /// How long one call of a rule may take
        restart deadline: Duration = "50ms", in "100us"..="1m";
        /// Steps (calls and turns of loops) one call of a rule may take
        restart steps: u64 = 10000000, in 1000..=1000000000;
        /// Memory of one rule
        restart memory: Size = "4MiB", in "64KiB"..="1GiB";
        /// Memory of all rules together
        restart total: Size = "64MiB", in "1MiB"..="4GiB";
    }
}

edgekit_core::config! {
    /// How events come in
    pub struct Bus {
        /// Events that may wait; then the oldest is dropped and counted
        restart events: u32 = 65536, in 16..=1048576;
        /// Bytes of events that may wait, about
        restart bytes: Size = "16MiB", in "64KiB"..="1GiB";
        /// Messages a watcher may lag behind; then it is let go
        restart watchers: u32 = 4096, in 16..=65536;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_core::config::{self, Settings};

    #[test]
    fn an_empty_file_is_a_whole_configuration() {
        let loaded = config::parse(Rules::SECTION, "rules", "rules.toml", Vec::new()).expect("it is sound");
        let rules: Rules = loaded.get().expect("it is ours");
        assert_eq!(rules.grants, [Grant::Log, Grant::Metric, Grant::Publish, Grant::Shadow, Grant::Shared]);
        assert_eq!(rules.exec.deadline, Duration::from_secs(10));
        assert_eq!(rules.bus.events, 65_536);
    }

    #[test]
    fn an_unknown_grant_is_named() {
        let text = b"grants = [\"log\", \"exce\"]\n".to_vec();
        let problems = config::parse(Rules::SECTION, "rules", "rules.toml", text).expect_err("it is wrong");
        assert!(problems.0[0].to_string().contains("rules.toml:1"), "{}", problems.0[0]);
    }
}
