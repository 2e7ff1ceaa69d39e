//! The last good time on disk, so that a box without a battery starts where it stopped and not in 1970.
//!
//! A note in the state directory (`edgekit_store::Note`): a checksum guards it, since a flipped digit would put the
//! floor years ahead. Daemons share the file: whoever finds it a day old writes it. The Host restores it before
//! anything asks for the time, and keeps it by [`keep_on`]; what is done with it is `edgekit_core::Clock`'s to decide.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use edgekit_core::{Clock, Error, Exit, LastGood};
use edgekit_store::Disk;
use edgekit_store::note::{Found, Note};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::sys;

/// The name of the file in the state directory.
const FILE: &str = "clock";
const FORMAT: u32 = 1;

/// The file of a state directory: seconds since 1970.
#[derive(Clone, Debug)]
pub(crate) struct LastGoodFile {
    note: Note<Disk>,
}

impl LastGoodFile {
    pub(crate) fn new(state: &Path) -> LastGoodFile {
        LastGoodFile { note: Note::new(Disk, &state.join(FILE), "clock", FORMAT) }
    }

    /// Why there is a file and no time in it.
    pub(crate) fn problem(&self) -> Option<Error> {
        let problem = |what: &str, next: &str| {
            Some(Error::new(Exit::DATA, format!("'{}' {what}", self.note.path().display())).hint(next))
        };
        match self.note.read() {
            Ok(Found::Damage) => problem(
                "is damaged, the last good time is not known",
                "it is set aside once the machine's clock is right; check the disk",
            ),
            Ok(Found::Newer(_)) => problem(
                "is of a newer edgekit, the last good time is not known",
                "it is left as it is; the machine's clock alone counts",
            ),
            Ok(_) => None,
            Err(error) => Some(error.into()),
        }
    }
}

impl LastGood for LastGoodFile {
    fn load(&self) -> Option<Duration> {
        match self.note.read() {
            Ok(Found::Text(seconds)) => seconds.parse().ok().map(Duration::from_secs),
            _ => None,
        }
    }

    fn keep(&mut self, time: Duration) -> io::Result<()> {
        let path = self.note.path();
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let kept = self.note.write(&time.as_secs().to_string(), 0o644).map_err(io::Error::other)?;
        if let Some(kept) = kept {
            tracing::error!(kept = %kept.display(), "'{}' was damaged, and is set aside", path.display());
        }
        Ok(())
    }
}

/// Keeps the time as last good if it is, `every` after the last; says so when the disk refuses.
pub(crate) fn keep(clock: &Clock, file: &mut LastGoodFile, every: Duration) {
    match clock.keep(file, every) {
        Ok(true) => tracing::debug!("the time is kept as last good"),
        Ok(false) => {}
        Err(error) => {
            tracing::warn!("cannot keep the last good time in '{}': {error}", file.note.path().display())
        }
    }
}

/// Keeps the time now, each day, and as soon as somebody sets the machine's clock; sleeps in between.
pub(crate) async fn keep_on(clock: Clock, file: LastGoodFile) -> io::Result<()> {
    let alarm = sys::readable(timerfd_create(
        TimerfdClockId::Realtime,
        TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
    )?)?;
    let mut trusted = clock.is_trusted();
    loop {
        set(alarm.get_ref())?;
        let (time, mut kept) = (clock.clone(), file.clone());
        let work = tokio::task::spawn_blocking(move || keep(&time, &mut kept, Clock::KEEP_EVERY));
        work.await.map_err(io::Error::other)?;
        if clock.is_trusted() != trusted {
            trusted = !trusted;
            match trusted {
                true => tracing::info!("the machine's clock is right now"),
                false => tracing::warn!("{}", wrong(&clock)),
            }
        }
        rang(&alarm).await?;
    }
}

/// What to say of a machine whose clock is not believed.
pub(crate) fn wrong(clock: &Clock) -> String {
    let (machine, told) = (clock.machine().as_secs(), clock.wall().as_secs());
    format!(
        "the machine's clock is wrong, it says @{machine}; time is counted on from @{told} until it is set"
    )
}

/// A day from now by the machine's clock, or before that if it is set.
fn set(alarm: &OwnedFd) -> io::Result<()> {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let day = i64::try_from(Clock::KEEP_EVERY.as_secs()).unwrap_or(i64::MAX);
    let none = Timespec { tv_sec: 0, tv_nsec: 0 };
    let at = Itimerspec {
        it_interval: none,
        it_value: Timespec { tv_sec: now.tv_sec.saturating_add(day), tv_nsec: 0 },
    };
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    timerfd_settime(alarm, flags, &at)?;
    Ok(())
}

/// Returns when the alarm rang, or the machine's clock was set.
async fn rang(alarm: &tokio::io::unix::AsyncFd<OwnedFd>) -> io::Result<()> {
    loop {
        let mut ready = alarm.readable().await?;
        match rustix::io::read(alarm.get_ref(), &mut [0; 8]) {
            // The second: somebody set the clock (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET).
            Ok(_) | Err(Errno::CANCELED) => return Ok(()),
            Err(Errno::AGAIN) => ready.clear_ready(),
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let path = std::env::temp_dir().join(format!("edgekit-clock-{}-{name}", std::process::id()));
            Scratch(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn what_is_kept_is_restored_by_the_next_start() {
        let scratch = Scratch::new("kept");
        let mut file = LastGoodFile::new(&scratch.0);
        assert_eq!(file.load(), None);
        assert!(file.problem().is_none());
        let (clock, hands) = Clock::fake(Duration::from_secs(1_790_000_000));
        let mut clock = clock.built(Clock::EPOCH);
        keep(&clock, &mut file, Clock::KEEP_EVERY);
        let text = fs::read_to_string(scratch.0.join(FILE)).unwrap();
        assert!(text.starts_with("edgekit clock 1 1790000000 "), "{text}");
        hands.set_wall(Duration::ZERO);
        assert!(clock.restore(&file));
        assert_eq!(clock.wall(), Duration::from_secs(1_790_000_000));
    }
}
