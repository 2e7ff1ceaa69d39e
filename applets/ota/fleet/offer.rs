//! An offer as a file: a few lines of TOML that say where a bundle is and for whom it is meant when.
//!
//! It is not signed, and need not be: what is installed is decided by the head of the bundle, which is. Whoever
//! changes an offer on its way can name another genuine bundle, which the floor and the version that runs may refuse,
//! or keep a device from one, which taking the server away does too. Hints only make a device's own rules stricter.
//! Pure; neighbours: `poll` fetches it.

use std::time::Duration;

use edgekit_core::config::{self, Settings};

use super::origin::Offer;
use super::rules::{Hints, Share};
use super::times::Times;
use crate::moment::Moment;
use crate::version::Version;

/// Bytes of an offer.
pub(crate) const MAX: u64 = 64 << 10;

/// What begins a bundle.
pub(crate) const BUNDLE: &[u8] = b"\x8fEKB";

edgekit_core::config! {
    /// An offer
    pub struct Text {
        /// The number of this format
        restart format: u64 = 1, in 1..=1;
        /// Where the bundle is: an address, or a path from where this file is
        restart bundle: String, like "gw-1.5.0.ekb";
        /// Its version: a device that has it, or a newer one, fetches nothing
        restart version: Option<Version>, like "1.5.0";
        /// Percent of the fleet that takes part
        restart phase: Option<u8>, in 1..=100, like 25;
        /// When it begins
        restart phase_start: Option<Moment>, like "2026-12-01T06:00:00Z";
        /// How long the share takes to grow to all
        restart phase_lasts: Duration = "0s", in "0s"..="52w";
        /// Times of the week
        restart when: Vec<Times> = [], like ["02:00-04:00"];
    }
}

/// Reads an offer that came from `place`.
///
/// # Errors
/// What is wrong, with line and column.
pub fn parse(place: &str, bytes: &[u8]) -> Result<Text, String> {
    let loaded = config::parse(Text::SECTION, "ota", place, bytes.to_vec());
    let told = |problems: config::Problems| match problems.0.first() {
        Some(problem) => problem.to_string(),
        None => format!("'{place}' is no offer"),
    };
    loaded.map_err(told)?.get().map_err(|error| error.to_string())
}

impl Text {
    /// As an offer of the bundle at `bundle`.
    pub(crate) fn into_offer(self, bundle: String) -> Offer {
        let share = match (self.phase, self.phase_start) {
            (None, None) => None,
            (phase, start) => Some(Share { phase: phase.unwrap_or(100), start, lasts: self.phase_lasts }),
        };
        let hints = Hints { when: self.when, share, ..Hints::default() };
        Offer { version: self.version, hints, ..plain(bundle) }
    }
}

/// The offer of a bundle without a word about it.
pub(crate) fn plain(place: String) -> Offer {
    Offer {
        action: String::new(),
        place,
        mark: String::new(),
        login: None,
        version: None,
        hints: Hints::default(),
        may_write: true,
        may_switch: true,
        is_sound: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_reads_and_its_hints_are_kept() {
        let text = "format = 1\nbundle = 'x.ekb'\nversion = '1.5'\nphase = 25\nphase_start = '2026-12-01'\n\
                    phase_lasts = '2d'\nwhen = ['Sat 02:00-04:00']\n";
        let offer = parse("offer.toml", text.as_bytes()).expect("an offer").into_offer("/x.ekb".to_owned());
        assert_eq!(offer.place, "/x.ekb");
        assert_eq!(offer.version.map(|version| version.to_string()).as_deref(), Some("1.5"));
        let share = offer.hints.share.expect("a share");
        assert_eq!((share.phase, share.lasts), (25, Duration::from_secs(2 * 86_400)));
        assert_eq!(offer.hints.when.len(), 1);
        let bare = parse("offer.toml", b"bundle = 'x.ekb'").expect("an offer").into_offer(String::new());
        assert_eq!(bare.hints, Hints::default());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, why) in [
            ("", "bundle"),
            ("bundle = 'x'\nversoin = '1'", "offer.toml:2"),
            ("format = 2\nbundle = 'x'", "format"),
            ("bundle = 'x'\nphase = 0", "phase"),
            ("<html>", "offer.toml:1"),
            ("bundle = 'x'\nversion = 'new'", "is not a version"),
        ] {
            let said = parse("offer.toml", text.as_bytes()).expect_err(text);
            assert!(said.contains(why), "{text}: {said}");
        }
        assert!(parse("offer.toml", b"\xff\xfe").is_err());
    }
}
