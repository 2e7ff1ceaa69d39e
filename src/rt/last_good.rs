//! The last good time on disk, so that a box without a battery starts where it stopped and not in 1970.
//!
//! One line in the state directory, `edgekit clock 1 1790000000 0123abcd`: a format number, seconds since 1970, and
//! (in every format) the CRC-32C of what is before it: a flipped digit would put the floor years ahead. Daemons share the file:
//! it is replaced atomically, and whoever finds it a day old writes it. The Host restores it before anything
//! asks for the time, and keeps it by [`keep_on`]; what is done with it is `edgekit_core::Clock`'s to decide.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use edgekit_core::{Clock, Error, Exit, LastGood};
use edgekit_store::{Access, Disk, Fs, crc32c, publish, set_aside};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::sys;

/// The name of the file in the state directory.
const FILE: &str = "clock";
/// What the file begins with, before its format number.
const WORDS: &str = "edgekit clock ";
const FORMAT: u32 = 1;
/// No file of ours is longer.
const LONGEST: usize = 128;

/// The file of a state directory.
#[derive(Clone, Debug)]
pub(crate) struct LastGoodFile {
    path: PathBuf,
}

/// What the file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    Nothing,
    Time(Duration),
    Damage,
    /// Written by a newer edgekit, which will want it back.
    Newer(u32),
}

impl LastGoodFile {
    pub(crate) fn new(state: &Path) -> LastGoodFile {
        LastGoodFile { path: state.join(FILE) }
    }

    /// Why there is a file and no time in it.
    pub(crate) fn problem(&self) -> Option<Error> {
        let place = self.path.display();
        match self.read() {
            Ok(Found::Nothing | Found::Time(_)) => None,
            Ok(Found::Damage) => Some(
                Error::new(Exit::DATA, format!("'{place}' is damaged, the last good time is not known"))
                    .hint("it is set aside once the machine's clock is right; check the disk"),
            ),
            Ok(Found::Newer(format)) => Some(newer(&self.path, format)),
            Err(error) => Some(Error::from(error).context(format!("cannot read '{place}'"))),
        }
    }

    fn read(&self) -> io::Result<Found> {
        let file = match Disk.open(&self.path, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            opened => opened?,
        };
        let mut bytes = [0; LONGEST];
        let length = file.read_at(0, &mut bytes)?;
        Ok(parse(&bytes[..length]))
    }
}

fn newer(path: &Path, format: u32) -> Error {
    let text = format!("'{}' is of format {format}, and this version knows {FORMAT}", path.display());
    Error::new(Exit::DATA, text).hint("it is left as it is; the machine's clock alone counts until then")
}

fn parse(bytes: &[u8]) -> Found {
    let Some((text, crc)) =
        str::from_utf8(bytes).ok().and_then(|text| text.strip_suffix('\n')?.rsplit_once(' '))
    else {
        return Found::Damage;
    };
    if crc != format!("{:08x}", crc32c(0, text.as_bytes())) {
        return Found::Damage;
    }
    let words = text.strip_prefix(WORDS).map(|rest| rest.split_once(' ').unwrap_or((rest, "")));
    match words.map(|(format, rest)| (format.parse(), rest.parse())) {
        Some((Ok(FORMAT), Ok(seconds))) => Found::Time(Duration::from_secs(seconds)),
        Some((Ok(format), _)) if format > FORMAT => Found::Newer(format),
        _ => Found::Damage,
    }
}

fn seal(text: &str) -> String {
    format!("{text} {:08x}\n", crc32c(0, text.as_bytes()))
}

impl LastGood for LastGoodFile {
    fn load(&self) -> Option<Duration> {
        match self.read() {
            Ok(Found::Time(time)) => Some(time),
            _ => None,
        }
    }

    fn keep(&mut self, time: Duration) -> io::Result<()> {
        match self.read()? {
            Found::Newer(format) => return Err(io::Error::other(newer(&self.path, format).to_string())),
            Found::Damage => {
                let kept = set_aside(&Disk, &self.path).map_err(io::Error::other)?;
                tracing::error!(kept = %kept.display(), "'{}' was damaged, and is set aside", self.path.display());
            }
            Found::Nothing | Found::Time(_) => {}
        }
        if let Some(directory) = self.path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let line = seal(&format!("{WORDS}{FORMAT} {}", time.as_secs()));
        publish::file(&Disk, &self.path, line.as_bytes(), 0o644).map_err(io::Error::other)
    }
}

/// Keeps the time as last good if it is, `every` after the last; says so when the disk refuses.
pub(crate) fn keep(clock: &Clock, file: &mut LastGoodFile, every: Duration) {
    match clock.keep(file, every) {
        Ok(true) => tracing::debug!("the time is kept as last good"),
        Ok(false) => {}
        Err(error) => tracing::warn!("cannot keep the last good time in '{}': {error}", file.path.display()),
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

    const DAY: Duration = Duration::from_secs(86_400);
    const LINE: &str = "edgekit clock 1 1790000000 ";

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
        assert!(text.starts_with(LINE) && text.len() == LINE.len() + 9, "{text}");
        hands.set_wall(Duration::ZERO);
        assert!(clock.restore(&file));
        assert_eq!(clock.wall(), Duration::from_secs(1_790_000_000));
    }

    #[test]
    fn a_flipped_bit_anywhere_is_damage_which_is_set_aside() {
        let scratch = Scratch::new("damage");
        let mut file = LastGoodFile::new(&scratch.0);
        file.keep(Duration::from_secs(1_790_000_000)).unwrap();
        let whole = fs::read(&file.path).unwrap();
        for at in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            assert_eq!(parse(&flipped), Found::Damage, "bit {at}");
        }
        for length in 0..whole.len() {
            assert_eq!(parse(&whole[..length]), Found::Damage, "{length} bytes");
        }
        let damaged = &whole[..whole.len() - 3];
        fs::write(&file.path, damaged).unwrap();
        assert!(file.problem().unwrap().to_string().contains("is damaged"));
        file.keep(Duration::from_secs(1_790_000_000) + DAY).unwrap();
        assert_eq!(file.load(), Some(Duration::from_secs(1_790_000_000) + DAY));
        assert_eq!(fs::read(scratch.0.join("clock.corrupt-1")).unwrap(), damaged);
    }

    #[test]
    fn a_newer_format_is_left_as_it_is() {
        let scratch = Scratch::new("newer");
        let mut file = LastGoodFile::new(&scratch.0);
        fs::create_dir_all(&scratch.0).unwrap();
        let text = seal("edgekit clock 2 something else");
        fs::write(&file.path, &text).unwrap();
        assert_eq!(file.load(), None);
        let error = file.keep(Duration::from_secs(1_790_000_000)).unwrap_err().to_string();
        assert!(error.ends_with("clock' is of format 2, and this version knows 1"), "{error}");
        assert_eq!(fs::read_to_string(&file.path).unwrap(), text);
    }
}
