//! A terminal while numbers are shown in it, and how they are laid out.
//!
//! The terminal is given back as it was when this is dropped, whatever ended it.

use std::io::{self, Write};

use edgekit_core::Out;
use edgekit_core::units::show_duration;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::time::Duration;

use super::rates::{Rate, Rates};

/// The other screen, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
/// As it was.
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// To the first place, and each line to its end.
const HOME: &str = "\x1b[H";
const REST_OF_LINE: &str = "\x1b[K";
const REST: &str = "\x1b[J";

/// A terminal that reads key by key.
pub(super) struct Keys {
    before: Option<Termios>,
}

impl Keys {
    /// Of standard input; nothing changes where that is no terminal.
    pub(super) fn new() -> Keys {
        let Ok(before) = tcgetattr(io::stdin()) else { return Keys { before: None } };
        let mut raw = before.clone();
        raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        let changed = tcsetattr(io::stdin(), OptionalActions::Now, &raw);
        Keys { before: changed.is_ok().then_some(before) }
    }

    /// True if there are keys to be read.
    pub(super) fn is_there(&self) -> bool {
        self.before.is_some()
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // A terminal that is gone needs nothing given back.
            let _gone = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// A screen of its own on a terminal.
pub(super) struct Screen {
    out: Out,
}

impl Screen {
    pub(super) fn new(mut out: Out) -> io::Result<Screen> {
        out.write_all(ENTER.as_bytes())?;
        Ok(Screen { out })
    }

    /// Shows as much as fits.
    pub(super) fn show(&mut self, rates: &Rates, (columns, rows): (usize, usize)) -> io::Result<()> {
        let mut text = HOME.to_owned();
        let shown = lines(rates, Some(rows.saturating_sub(1)));
        for line in shown {
            let fits: String = line.chars().take(columns).collect();
            text += &format!("{fits}{REST_OF_LINE}\r\n");
        }
        text += REST;
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing given back.
        let _gone = self.out.write_all(LEAVE.as_bytes()).and_then(|()| self.out.flush());
    }
}

/// A table; of so many lines at most, so that both kinds have some.
pub(super) fn lines(rates: &Rates, most: Option<usize>) -> Vec<String> {
    let Rates { whole, open, resident, .. } = rates;
    let quantiles = quantiles(whole);
    let mut lines = vec![format!(
        "{:.1} requests/s, {:.1} failed/s, half within {}, 99 % within {}; {open} connections, {:.1} MiB",
        whole.requests,
        whole.failed,
        quantiles[0],
        quantiles[1],
        *resident as f64 / f64::from(1 << 20),
    )];
    let room = most.map_or(usize::MAX, |most| most.saturating_sub(5));
    let clusters = rates.clusters.len().min((room / 2).max(room.saturating_sub(rates.routes.len())));
    let tables = [("ROUTE", &rates.routes, room - clusters), ("CLUSTER", &rates.clusters, clusters)];
    for (kind, all, room) in tables {
        if all.is_empty() {
            continue;
        }
        let shown = &all[..all.len().min(room)];
        let width = shown.iter().map(|rate| rate.name.chars().count()).max().unwrap_or(0).clamp(12, 40);
        let budget =
            if kind == "ROUTE" && all.iter().any(|rate| rate.budget.is_some()) { "  BUDGET" } else { "" };
        lines.push(String::new());
        lines.push(format!(
            "{kind:width$} {:>10} {:>9} {:>8} {:>8}{budget}",
            "REQ/S", "FAILED/S", "P50", "P99"
        ));
        for rate in shown {
            let name: String = rate.name.chars().take(width).collect();
            let [half, most] = self::quantiles(rate);
            let line =
                format!("{name:width$} {:>10.1} {:>9.1} {half:>8} {most:>8}", rate.requests, rate.failed);
            lines.push(line + &standing(rate));
        }
    }
    lines
}

fn standing(rate: &Rate) -> String {
    let Some(left) = rate.budget else { return String::new() };
    let mut text = format!("  {:.1} %", left * 100.0);
    if let Some(seconds) = rate.past {
        text += &format!(", past it for {}", show_duration(Duration::from_secs(seconds as u64)));
    }
    text
}

fn quantiles(rate: &Rate) -> [String; 2] {
    match rate.quantiles {
        Some(quantiles) => quantiles.map(seconds),
        None => ["-".to_owned(), "-".to_owned()],
    }
}

fn seconds(seconds: f64) -> String {
    match seconds {
        short if short < 0.1 => format!("{:.1} ms", short * 1e3),
        short if short < 1.0 => format!("{:.0} ms", short * 1e3),
        long => format!("{long:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(name: &str, budget: Option<f64>) -> Rate {
        let quantiles = Some([0.0012, 1.25]);
        Rate {
            name: name.to_owned(),
            requests: 10.0,
            failed: 0.5,
            quantiles,
            budget,
            past: budget.map(|_| 62.9),
        }
    }

    #[test]
    fn tables_fit() {
        let rates = Rates {
            routes: (0..50).map(|number| rate(&format!("route-{number}"), None)).collect(),
            clusters: (0..50).map(|number| rate(&format!("cluster-{number}"), None)).collect(),
            ..Rates::default()
        };
        for most in [0, 1, 5, 6, 24, 30] {
            assert!(lines(&rates, Some(most)).len() <= most.max(5), "{most}");
        }
        let shown = lines(&rates, Some(25));
        assert!(shown.iter().any(|line| line.starts_with("route-9 ")), "{shown:?}");
        assert!(shown.iter().any(|line| line.starts_with("cluster-9 ")), "{shown:?}");
        assert_eq!(lines(&rates, None).len(), 105);
    }

    #[test]
    fn a_line_says_all() {
        let rates = Rates { routes: vec![rate("all", Some(-0.125))], ..Rates::default() };
        let shown = lines(&rates, None);
        assert_eq!(shown[2], "ROUTE             REQ/S  FAILED/S      P50      P99  BUDGET");
        assert_eq!(
            shown[3],
            "all                10.0       0.5   1.2 ms    1.2 s  -12.5 %, past it for 1m2s"
        );
    }
}
