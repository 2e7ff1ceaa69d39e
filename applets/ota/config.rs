//! What `ota.toml` may hold: one description for the struct, the checks, the manual and the schema.
//!
//! Each section stands in the room it is about; here they meet. Neighbours: `device` turns it into slots and a boot
//! loader, `entry` loads it.

use std::net::SocketAddr;
use std::path::PathBuf;

use edgekit_core::config::{Named, SecretFile};

use crate::boot::Loader;
use crate::bundle::source::terms::Download;
use crate::fleet::config::{Hawkbit, Poll, Window};
use crate::health::Health;
use crate::judge::Hooks;
use crate::slot::Home;

edgekit_core::config! {
    /// Updates of this device
    pub struct Ota {
        /// What the device is, as bundles name the hardware they are for
        live hardware: Option<String>, like "gw-2b";
        /// A file whose first line or string is that, where it is not said here
        live hardware_file: Option<PathBuf>, like "/sys/firmware/devicetree/base/compatible";
        /// Where folders and files are: in a and b below it, with current for the one in use [STATE/ota/sets]
        live root: Option<PathBuf>, like "/var/lib/edgekit/ota/sets";
        /// The secret key that opens bundles encrypted to this device
        live decrypt_file: Option<SecretFile>, like "/etc/edgekit/ota/device.key";
        /// How many updates may be sent back, with none committed in between, before no more is switched to
        live rollbacks: u32 = 3, in 1..=100;
        /// What is updated, by name
        live component: Named<Home>;
        /// How a slot is started
        live boot: Loader;
        /// What must hold before a new version is kept
        live health: Health;
        /// Who else decides
        live hooks: Hooks;
        /// How bundles are fetched
        live download: Download;
        /// When updates are taken
        live window: Window;
        /// Updates offered by a file
        live poll: Poll;
        /// Updates assigned by a hawkBit server
        live hawkbit: Hawkbit;
        /// Where Prometheus may ask for the metrics of the daemon, at /metrics, without TLS or password; nowhere without
        restart metrics_listen: Option<SocketAddr>, like "127.0.0.1:9104";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::Kind;
    use edgekit_core::config::{self, Settings};

    #[test]
    fn an_empty_file_is_a_whole_configuration() {
        let loaded = config::parse(Ota::SECTION, "ota", "ota.toml", Vec::new()).expect("it is sound");
        let ota: Ota = loaded.get().expect("it is ours");
        assert!(ota.component.is_empty() && ota.download.full_fallback && ota.boot.tries == 3);
    }

    #[test]
    fn components_are_tables() {
        let text = b"[component.rootfs]\nkind = \"device\"\na = \"/dev/a\"\nb = \"/dev/b\"\n".to_vec();
        let loaded = config::parse(Ota::SECTION, "ota", "ota.toml", text).expect("it is sound");
        let ota: Ota = loaded.get().expect("it is ours");
        assert_eq!(ota.component["rootfs"].kind, Kind::Device);
    }
}
