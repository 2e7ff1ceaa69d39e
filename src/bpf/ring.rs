//! The reading end of a ring buffer map: records in place, no copy, no call per record.
//!
//! aya's `RingBuf` (like libbpf's consumer) tells the kernel after each record. That store lands on a cache line
//! which every producer reads; and whenever a producer sees that the consumer has caught up it sends a wake-up,
//! which costs both sides more than the record itself. [`Ring`] tells the kernel once per 32nd of the ring, and
//! while sleeps are short it looks a little longer before it says that it has caught up ([`linger`]). Measured
//! beside a C consumer on libbpf, two CPUs, 64-byte records (`scripts/bench/trace`, row 1.3): through 16 KiB 1.5
//! to 1.6 times the events and half to three quarters of its losses, some 60 sleeps in 400,000 events against
//! 77,000. Neighbours: `map` makes the ring, `sys::mapping` maps it.

use std::{
    io,
    ops::ControlFlow,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence},
    time::Duration,
};

use edgekit_core::Clock;

use crate::{
    error::{Error, Result},
    map::{Map, MapKind, online_cpus},
    sys::mapping::{Mapping, page_size},
};

mod linger;

use linger::{Linger, Next};

/// The producer has reserved the record and not finished it.
const BUSY: u32 = 1 << 31;
/// The producer has thrown the record away.
const DISCARD: u32 = 1 << 30;
/// Length word and page offset before each record.
const RECORD_HEADER: usize = 8;

/// What a ring is read into; a closure over the record will do.
pub trait Reader {
    /// Takes a record; breaks off when no further one is wanted.
    fn record(&mut self, bytes: &[u8]) -> ControlFlow<()>;

    /// Nothing has come for `silence` and more is expected within microseconds: the moment to hand on what was
    /// held back, quickly, because the ring fills meanwhile.
    fn idle(&mut self, silence: Duration) {
        let _ = silence;
    }
}

impl<F: FnMut(&[u8]) -> ControlFlow<()>> Reader for F {
    fn record(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        self(bytes)
    }
}

/// A consumer of one ring buffer map. There must be only one for a map.
#[derive(Debug)]
pub struct Ring {
    name: String,
    /// Keeps the map; polled for new records.
    fd: OwnedFd,
    /// One page, ours to write: how far we have read.
    consumer: Mapping,
    /// One page with the producers' position, then the data twice in a row, so that no record wraps around.
    producer: Mapping,
    page: usize,
    size: usize,
    /// How far we have read, and how much of that the kernel knows.
    pos: usize,
    told: usize,
    /// Bytes read before the kernel is told.
    step: usize,
    linger: Linger,
    discarded: u64,
}

impl Ring {
    /// Maps the ring of a map of kind [`MapKind::RingBuf`]; by `clock` it decides when a sleep pays.
    pub fn new(map: &Map, clock: &Clock) -> Result<Ring> {
        let spec = map.spec();
        let failed = |source| Error::Ring { name: spec.name.clone(), source };
        if spec.kind != MapKind::RingBuf {
            return Err(failed(io::Error::from_raw_os_error(libc::EINVAL)));
        }
        let (page, size) = (page_size(), spec.max_entries as usize);
        let fd = map.as_fd().try_clone_to_owned().map_err(failed)?;
        let consumer = Mapping::new(fd.as_fd(), page, 0, true, true).map_err(failed)?;
        let producer = Mapping::new(fd.as_fd(), page + 2 * size, page, false, true).map_err(failed)?;
        let name = spec.name.clone();
        let step = size / 32;
        let linger = Linger::new(clock.clone(), online_cpus().is_ok_and(|cpus| cpus.len() > 1));
        let mut ring =
            Ring { name, fd, consumer, producer, page, size, pos: 0, told: 0, step, linger, discarded: 0 };
        ring.pos = ring.consumer_pos().load(Ordering::Relaxed);
        ring.told = ring.pos;
        Ok(ring)
    }

    fn consumer_pos(&self) -> &AtomicUsize {
        // SAFETY: the page starts with this word, is aligned, mapped writable and lives as long as `self`.
        unsafe { self.consumer.start().cast().as_ref() }
    }

    fn producer_pos(&self) -> &AtomicUsize {
        // SAFETY: the page starts with this word, is aligned and lives as long as `self`; it is only loaded.
        unsafe { self.producer.start().cast().as_ref() }
    }

    fn header(&self, pos: usize) -> &AtomicU32 {
        let at = self.page + (pos & (self.size - 1));
        // SAFETY: records start at multiples of 8, so the word is aligned and inside the first copy of the data;
        // the kernel writes it atomically and we only load it.
        unsafe { self.producer.start().add(at).cast().as_ref() }
    }

    /// The bytes of the record at `pos`.
    fn record(&self, pos: usize, len: usize) -> &[u8] {
        let at = self.page + (pos & (self.size - 1)) + RECORD_HEADER;
        let len = len.min(self.size - RECORD_HEADER);
        // SAFETY: at most `size` bytes from inside the first copy end inside the second; a finished record is not
        // written to until we tell the kernel that we are past it, which `consume` does after the slice is gone.
        unsafe { std::slice::from_raw_parts(self.producer.start().add(at).as_ptr(), len) }
    }

    fn tell(&mut self) {
        if self.told != self.pos {
            self.consumer_pos().store(self.pos, Ordering::Release);
            self.told = self.pos;
        }
    }

    /// Gives every finished record to `reader`, in order, until none is left, it breaks off, or a whole ring's worth
    /// has been read (so that the caller sees its signals and timers). Returns the number of records given.
    pub fn consume(&mut self, reader: &mut impl Reader) -> usize {
        let start = self.pos;
        let mut given = 0;
        self.linger.begin();
        // Whether the kernel has been told everything, with a full barrier, since the last record was read.
        let mut settled = false;
        let mut end = self.producer_pos().load(Ordering::Acquire);
        while self.pos.wrapping_sub(start) < self.size {
            let header = match self.pos == end {
                true => BUSY,
                false => self.header(self.pos).load(Ordering::Acquire),
            };
            if header & BUSY != 0 {
                if settled {
                    break;
                }
                let next = self.linger.next();
                if let Next::LookAfter(silence) = next {
                    reader.idle(silence);
                }
                if next != Next::Sleep {
                    end = self.producer_pos().load(Ordering::Acquire);
                    continue;
                }
                // A producer wakes us only when it sees that we have caught up. Tell, then look once more: either
                // we see its record now, or it sees our position.
                self.tell();
                fence(Ordering::SeqCst);
                settled = true;
                end = self.producer_pos().load(Ordering::Acquire);
                continue;
            }
            settled = false;
            self.linger.found();
            let len = (header & !DISCARD) as usize;
            let flow = if header & DISCARD == 0 {
                given += 1;
                reader.record(self.record(self.pos, len))
            } else {
                self.discarded += 1;
                ControlFlow::Continue(())
            };
            self.pos = self.pos.wrapping_add((len + RECORD_HEADER).next_multiple_of(8));
            if self.pos.wrapping_sub(self.told) >= self.step {
                self.tell();
            }
            if flow.is_break() {
                break;
            }
        }
        self.tell();
        self.linger.end();
        given
    }

    /// Bytes written and not yet read, finished or not.
    pub fn backlog(&self) -> usize {
        self.producer_pos().load(Ordering::Relaxed).wrapping_sub(self.pos)
    }

    /// Records that the producers threw away after reserving them.
    pub fn discarded(&self) -> u64 {
        self.discarded
    }

    /// Bytes of data the ring holds.
    pub fn size(&self) -> usize {
        self.size
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Waits for any of several descriptors: rings, signal and timer descriptors, pipes.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Poller {
    pub fn new() -> Result<Poller> {
        // SAFETY: takes a flag only.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(Error::System { op: "create an epoll", source: io::Error::last_os_error() });
        }
        // SAFETY: the kernel has just given us this descriptor, nobody else owns it.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Poller { epoll, events: vec![libc::epoll_event { events: 0, u64: 0 }; 16] })
    }

    /// Watches a descriptor for input; [`Poller::wait`] reports it by `token`. Closing it ends the watch.
    pub fn add(&mut self, fd: impl AsFd, token: u64) -> Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: token };
        // SAFETY: both descriptors are open, `event` is live.
        let r = unsafe {
            libc::epoll_ctl(
                self.epoll.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                fd.as_fd().as_raw_fd(),
                &raw mut event,
            )
        };
        match r {
            0 => Ok(()),
            _ => Err(Error::System { op: "watch a descriptor", source: io::Error::last_os_error() }),
        }
    }

    /// Sleeps until something is ready (its tokens are returned), the time is over or a signal came (none are).
    /// `None` waits for ever.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<impl Iterator<Item = u64> + '_> {
        // Rounded up: waking early would spin.
        let ms = timeout.map_or(-1, |t| i32::try_from(t.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX));
        // SAFETY: the array is live and as long as stated.
        let n = unsafe {
            libc::epoll_wait(self.epoll.as_raw_fd(), self.events.as_mut_ptr(), self.events.len() as i32, ms)
        };
        let n = match usize::try_from(n) {
            Ok(n) => n,
            Err(_) => match io::Error::last_os_error() {
                e if e.kind() == io::ErrorKind::Interrupted => 0,
                source => return Err(Error::System { op: "wait for events", source }),
            },
        };
        Ok(self.events.iter().take(n).map(|e| e.u64))
    }
}

#[cfg(test)]
mod tests;
