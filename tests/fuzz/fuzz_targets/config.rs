//! Whole configuration files, and single values as the environment and flags give them.
#![no_main]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use edgekit_core::config::{self, Flag, Inputs, Named, SecretFile, Settings};
use edgekit_core::units::{ByteRate, Rate, Size};
use edgekit_core::{Ctx, Environment, Paths};
use libfuzzer_sys::fuzz_target;

edgekit_core::config! {
    /// One place to listen at
    struct Listener {
        /// Address and port
        restart address: SocketAddr, like "0.0.0.0:443";
        /// How long a connection may be idle
        live idle: Duration = "5m", in "1s"..="1d";
        /// Requests let in
        live rate: Option<Rate>, like "100/s";
    }
}

edgekit_core::config! {
    /// Certificates and keys
    struct Tls {
        /// The key
        live key_file: Option<SecretFile>, like "/etc/edgekit/key.pem";
        /// Where the roots are
        restart roots: PathBuf = "/etc/ssl/certs";
    }
}

edgekit_core::config! {
    /// Every kind there is
    struct Probe {
        /// Threads
        restart workers: u16 = 1, in 1..=64;
        /// Share of errors
        live threshold: f64 = 0.5, in 0.0..=1.0;
        /// Whether to say more
        live verbose: bool = false;
        /// Memory
        restart memory: Size = "64MiB", in "1MiB"..="4GiB";
        /// Bytes a second
        live bandwidth: Option<ByteRate>, like "2MiB/s";
        /// Ports
        live ports: Vec<u16> = [80, 443];
        /// Certificates
        live tls: Tls;
        /// Where it listens
        live listener: Named<Listener>;
    }
}

fuzz_target!(|data: &[u8]| {
    let section = <Probe as Settings>::SECTION;
    match config::parse(section, "probe", "probe.toml", data.to_vec()) {
        Ok(loaded) => {
            let first: Probe = loaded.get().expect("what was checked fits");
            let shown: String =
                loaded.rows().iter().map(|row| format!("{} = {}\n", row.key, row.value)).collect();
            let again = config::parse(section, "probe", "shown", shown.into_bytes()).expect("it reads back");
            // A table without a key of its own is not shown; all have one here.
            assert_eq!(again.get::<Probe>().expect("fits"), first);
            assert!(config::diff(&loaded, &again).is_empty());
        }
        Err(problems) => {
            assert!(!problems.0.is_empty());
            problems.show(&mut Ctx::capturing(&[]));
        }
    }
    let Some((key, value)) = std::str::from_utf8(data).ok().and_then(|text| text.split_once('=')) else {
        return;
    };
    let paths = Paths::below("/nonexistent".as_ref());
    let flag = Flag {
        name: "--flag".to_owned(),
        key: key.split('.').map(str::to_owned).collect(),
        value: value.to_owned(),
    };
    let environment = Environment::of([(format!("EDGEKIT_PROBE_{key}"), value)]);
    let inputs =
        Inputs { applet: "probe", paths: &paths, environment: &environment, flags: &[flag], file: None };
    if let Ok(loaded) = config::load(section, &inputs) {
        loaded.get::<Probe>().expect("what was checked fits");
    }
});
