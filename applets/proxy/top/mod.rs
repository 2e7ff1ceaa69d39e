//! `edgekit proxy top`: requests, failures and times by route and cluster, as they change.
//!
//! Two looks at the control socket make one picture (`rates.rs`). On a terminal it is drawn in place until `q`
//! or Ctrl-C (`screen.rs`); elsewhere, or with a count, each is a table of its own, with `--json` a line.

mod rates;
mod screen;

use std::io::Write;
use std::os::fd::AsFd;
use std::time::Duration;

use clap::ArgMatches;
use edgekit_core::{Clock, Ctx, Error, Exit, json, term};
use edgekit_rt::Signals;
use edgekit_rt::control::client::Daemon;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use serde_json::Value;

use crate::running;
use rates::{Look, Rates};
use screen::{Keys, Screen};

/// What ends the waiting.
enum Woken {
    ByTime,
    ByUser,
}

/// The command.
pub(crate) fn command(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let daemon = running::daemon(matches);
    let interval = matches.get_one::<Duration>("interval").copied().unwrap_or(Duration::from_secs(1));
    let once = matches.get_flag("once").then_some(1);
    let mut left = once.or_else(|| matches.get_one::<u64>("count").copied());
    let as_json = matches.get_flag("json");
    let draws = !as_json && left.is_none() && ctx.stdout_is_tty();
    // From here on a Ctrl-C is read like a key.
    let signals = Signals::new(&[Signal::INT.as_raw(), Signal::TERM.as_raw()])?;
    let clock = ctx.clock().clone();
    let mut before = look(&daemon)?;
    let keys = if draws { Some(Keys::new()) } else { None };
    let mut screen = if draws { Some(Screen::new(ctx.take_out()?)?) } else { None };
    if let Some(screen) = &mut screen {
        screen.show(&before.since(&before), term::size())?;
    }
    while left != Some(0) {
        if let Woken::ByUser = wait(&signals, keys.as_ref().filter(|keys| keys.is_there()), interval, &clock)?
        {
            break;
        }
        let now = look(&daemon)?;
        let rates = now.since(&before);
        before = now;
        left = left.map(|left| left - 1);
        match &mut screen {
            Some(screen) => screen.show(&rates, term::size())?,
            None => tell(&rates, as_json, left != Some(0), ctx)?,
        }
    }
    Ok(Exit::OK)
}

fn tell(rates: &Rates, as_json: bool, more: bool, ctx: &mut Ctx) -> Result<(), Error> {
    let out = ctx.out()?;
    if as_json {
        json::write_line(out, "proxy.top", rates.json())?;
    } else {
        for line in screen::lines(rates, None) {
            writeln!(out, "{line}")?;
        }
        if more {
            writeln!(out)?;
        }
    }
    // Whoever reads a pipe wants to see it now.
    Ok(out.flush()?)
}

fn look(daemon: &Daemon) -> Result<Look, Error> {
    let status = daemon.ask("GET", "/status", None)?;
    let services = status.get("services").and_then(Value::as_array).into_iter().flatten();
    let proxy =
        services.filter_map(|service| service.get("detail")).find(|detail| detail.get("traffic").is_some());
    let none = || Error::new(Exit::TEMPORARY, format!("'{}' serves no requests yet", daemon.name()));
    proxy.map(Look::of).ok_or_else(none)
}

/// Waits for the time to look again; ends at a signal, or at `q`.
fn wait(signals: &Signals, keys: Option<&Keys>, interval: Duration, clock: &Clock) -> Result<Woken, Error> {
    let until = clock.monotonic() + interval;
    let input = std::io::stdin();
    loop {
        let left = until.saturating_sub(clock.monotonic());
        if left.is_zero() {
            return Ok(Woken::ByTime);
        }
        let left = Timespec::try_from(left).ok();
        let mut watched = vec![PollFd::new(signals, PollFlags::IN)];
        let input = input.as_fd();
        if keys.is_some() {
            watched.push(PollFd::new(&input, PollFlags::IN));
        }
        match poll(&mut watched, left.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(std::io::Error::from(error).into()),
        }
        if signals.read()?.is_some() {
            return Ok(Woken::ByUser);
        }
        if watched.get(1).is_some_and(|input| !input.revents().is_empty()) {
            let mut key = [0; 16];
            let count = rustix::io::read(input, &mut key).map_err(std::io::Error::from)?;
            // A terminal that is gone says so by an end.
            if count == 0 || key[..count].iter().any(|key| b"qQ\x03".contains(key)) {
                return Ok(Woken::ByUser);
            }
        }
    }
}
