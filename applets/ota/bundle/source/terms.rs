//! What the configuration says about fetching: how fast, how much, how long, by whom.
//!
//! Neighbours: `config` nests it as `[download]`, `http` goes by it.

use std::path::PathBuf;
use std::time::Duration;

use edgekit_core::config::{Named, SecretFile};
use edgekit_core::units::{ByteRate, Size};

edgekit_core::config! {
    /// How bundles are fetched
    pub struct Download {
        /// Bytes that may be fetched for one bundle, those that come twice included; no limit without
        live max_bytes: Option<Size>, in "64KiB"..="256GiB", like "200MiB";
        /// Time that may be spent on fetching one bundle; no limit without
        live max_time: Option<Duration>, in "1s"..="52w", like "6h";
        /// Bytes a second that are fetched at most; no limit without
        live rate: Option<ByteRate>, in "1K/s"..="1T/s", like "256K/s";
        /// Take the full image where no delta fits
        live full_fallback: bool = true;
        /// Waiting for a server that is away, without progress, after which a run gives up
        live patience: Duration = "10m", in "0s"..="1w";
        /// The longest wait between two attempts
        live pause: Duration = "1m", in "10ms"..="1d";
        /// A connection that brings less than 16 KiB in this time is given up for a new one
        live stall: Duration = "30s", in "100ms"..="1h";
        /// Who vouches for servers: system, bundled, or a file of certificates
        live roots: String = "system";
        /// What this device proves itself with: a file with its certificate and what leads to the root
        live certificate: Option<PathBuf>, like "/etc/edgekit/device.crt";
        /// The key of that certificate
        live key_file: Option<SecretFile>, like "/etc/edgekit/device.key";
        /// Servers that want a word with each request
        live login: Named<Login>;
    }
}

edgekit_core::config! {
    /// A server that wants a word with each request
    pub struct Login {
        /// Its address; other servers are not told, wherever it redirects to
        live url: String, like "https://updates.example";
        /// The file with what Authorization is to hold, such as Bearer and a token
        live authorization_file: SecretFile, like "/etc/edgekit/ota/token";
    }
}
