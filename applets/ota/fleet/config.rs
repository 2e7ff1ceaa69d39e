//! What a file may say of when and from where: `[window]`, `[poll]` and `[hawkbit]` of `ota.toml`.
//!
//! Neighbours: the applet's `config` holds these sections, `rules` goes by them, `service` takes over what changes.

use std::path::PathBuf;
use std::time::Duration;

use edgekit_core::config::SecretFile;
use edgekit_core::units::Size;

use super::rules::Share;
use super::times::{Offset, Times};
use crate::moment::Moment;

edgekit_core::words! {
    /// When an update is fetched and written.
    pub enum Early {
        /// As soon as it is offered.
        Early = "early",
        /// In a window.
        Window = "window",
    }
}

edgekit_core::words! {
    /// When the device is restarted into an update.
    pub enum Restart {
        /// Once it is written.
        Now = "now",
        /// In a window.
        Window = "window",
        /// By somebody else: in a window it is made the next to start, and that is all.
        Never = "never",
    }
}

edgekit_core::words! {
    /// How a server that asks for consent is answered.
    pub enum Consent {
        /// Yes.
        Yes = "yes",
        /// No.
        No = "no",
        /// As a person says: `edgekit ota consent`.
        Ask = "ask",
    }
}

edgekit_core::words! {
    /// What becomes of attributes that a server knows and this device does not tell.
    pub enum Attributes {
        /// They stay; those that were told once and are not any more are taken back.
        Merge = "merge",
        /// They go.
        Replace = "replace",
    }
}

edgekit_core::config! {
    /// When updates are taken
    pub struct Window {
        /// Times of the week; any time if there are none. One past midnight belongs to the day it begins on
        live when: Vec<Times> = [], like ["Mon-Fri 02:00-04:00"];
        /// How far the clock of these times is ahead of UTC; there is no summer time
        live offset: Offset = "UTC";
        /// Percent of the fleet that takes part: devices whose place, drawn anew for each deployment, is not above
        live phase: u8 = 100, in 1..=100;
        /// When it begins; nobody takes part before
        live phase_start: Option<Moment>, like "2026-12-01T06:00:00Z";
        /// How long the share takes to grow from phase to all, from phase_start on
        live phase_lasts: Duration = "0s", in "0s"..="52w";
        /// Devices begin to fetch up to this much later, each at its own time
        live jitter: Duration = "0s", in "0s"..="7d";
        /// While one of these files is there, or a folder of these holds something, nothing is written or switched
        live inhibit: Vec<PathBuf> = [], like ["/run/edgekit/inhibit-ota"];
        /// While this file is there, the link is paid for by the byte
        live metered: Option<PathBuf>, like "/run/edgekit/metered";
        /// Bytes that one update may fetch over such a link; with 0 it waits for another
        live metered_bytes: Size = "0";
        /// When an update is fetched and written: early, or in a window only
        live download: Early = "early";
        /// When the device is restarted into it: now (once it is written), in a window, or never (by somebody else)
        live reboot: Restart = "window";
        /// What restarts the device; systemctl reboot, or reboot where there is no systemd
        live reboot_command: Vec<String> = [], like ["/sbin/reboot"];
    }
}

edgekit_core::config! {
    /// Updates offered by a file, on an HTTP server or in a folder
    pub struct Poll {
        /// The offer or the bundle itself: an address of HTTP, or a file or folder of this device (a USB stick)
        live url: Option<String>, like "https://updates.example/gw.toml";
        /// How often to look; each time up to a tenth later
        live every: Duration = "1h", in "1s"..="30d";
        /// How often an update is begun that does not come through, until it is given up
        live attempts: u32 = 10, in 1..=1000;
    }
}

edgekit_core::config! {
    /// Updates assigned by a hawkBit server (its Direct Device Integration API)
    pub struct Hawkbit {
        /// The server, without tenant and controller
        live url: Option<String>, like "https://hawkbit.example";
        /// The tenant
        live tenant: String = "DEFAULT";
        /// The name of this device there [its device id]
        live controller: Option<String>, like "gw-17";
        /// A file with this device's token
        live target_token_file: Option<SecretFile>, like "/etc/edgekit/ota/hawkbit.token";
        /// A file with the token of a gateway, which may speak for any device
        live gateway_token_file: Option<SecretFile>, like "/etc/edgekit/ota/gateway.token";
        /// How often to ask, whatever the server wants; without it, as the server says
        live every: Option<Duration>, in "1s"..="30d", like "5m";
        /// How often to ask for a cancellation while an update is written
        live watch: Duration = "4s", in "1s"..="10m";
        /// How a request for consent is answered: yes, no, or ask (wait for 'edgekit ota consent')
        live consent: Consent = "yes";
        /// Have the server consent by itself from now on, or no longer; as it is there without
        live auto_confirm: Option<bool>, like true;
        /// More that the server is told of this device, as NAME=VALUE
        live attributes: Vec<String> = [], like ["site=berlin"];
        /// What becomes of attributes that are not told here: merge (they stay) or replace
        live attributes_mode: Attributes = "merge";
        /// Messages of an action's history to ask for, for the log
        live history: u8 = 0, in 0..=50;
    }
}

impl Window {
    /// The part of the fleet that takes part.
    pub(crate) fn share(&self) -> Share {
        Share { phase: self.phase, start: self.phase_start, lasts: self.phase_lasts }
    }
}

#[cfg(test)]
impl Window {
    /// As a file has it.
    pub(crate) fn read(text: &str) -> Window {
        use edgekit_core::config::{self, Settings};
        let loaded = config::parse(Window::SECTION, "ota", "ota.toml", text.as_bytes().to_vec());
        loaded.expect("it is sound").get().expect("it is ours")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_core::config::{self, Settings};

    #[test]
    fn what_makes_no_sense_is_told_with_its_place() {
        for (text, why) in [
            ("when = ['Mon 02:00']", "'Mon 02:00' is not a window of time"),
            ("when = ['02:00-02:00']", "never opens: a whole day is 00:00-24:00"),
            ("offset = 'CET'", "'CET' is not an offset from UTC"),
            ("phase = 0", "phase"),
            ("phase_start = 'tomorrow'", "is not a point in time"),
        ] {
            let problems = config::parse(Window::SECTION, "ota", "ota.toml", text.as_bytes().to_vec());
            let said = problems.expect_err(text).0[0].to_string();
            assert!(said.contains(why) && said.contains("ota.toml:1"), "{said}");
        }
    }
}
