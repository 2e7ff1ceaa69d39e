//! ^C and TERM while a verb works on a device: the first one asks it to stop, the second one ends the process.
//!
//! A thread waits for the first, since whoever works may be waiting for a server or a disk; what it asks is heard
//! between two pages. After that it hears signals as any program does, so that the second one needs nobody's help.
//! Neighbours: `apply` and `simulate` make one; [`Halt`] carries the word.

use std::io;
use std::sync::{Arc, OnceLock};

use edgekit_core::{Error, ErrorContext, Exit};
use edgekit_rt::Signals;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::Signal;

use crate::fault::Fault;
use crate::halt::Halt;

/// Why it was stopped, for who is told by a [`Fault`].
const WHY: &str = "interrupted";

/// Somebody at a terminal, or a service manager, who may want an end.
#[derive(Debug)]
pub(super) struct Interrupts {
    pub(super) halt: Halt,
    signal: Arc<OnceLock<i32>>,
}

impl Interrupts {
    /// Listens from now on; before any other thread is started, which would hear the signals itself.
    pub(super) fn listen() -> Result<Interrupts, Error> {
        let listen = || {
            let signals = Signals::new(&[Signal::INT.as_raw(), Signal::TERM.as_raw()])?;
            let (halt, signal) = (Halt::default(), Arc::<OnceLock<i32>>::default());
            let (call, first) = (halt.clone(), signal.clone());
            let wait = move || {
                let Ok(number) = next(&signals) else { return };
                first.get_or_init(|| number);
                call.call(WHY);
                // They are let through to this thread again, which has to be there for the next one.
                drop(signals);
                loop {
                    std::thread::park();
                }
            };
            std::thread::Builder::new().name("interrupts".to_owned()).spawn(wait)?;
            Ok(Interrupts { halt, signal })
        };
        listen().map_err(|error: io::Error| Error::from(error)).context("cannot take over the signals")
    }

    /// The error of what was stopped by a signal, with how far it came; any other as it is.
    pub(super) fn explain(&self, fault: Fault, how_far: &str) -> Error {
        match (fault, self.signal.get()) {
            (Fault::Stopped(why), Some(signal)) if why == WHY => {
                Error::new(Exit::from_signal(*signal), format!("{why} {how_far}"))
            }
            (fault, _) => Error::from(fault),
        }
    }
}

/// Waits for the next signal.
fn next(signals: &Signals) -> io::Result<i32> {
    loop {
        match poll(&mut [PollFd::new(signals, PollFlags::IN)], None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(number) = signals.read()? {
            return Ok(number);
        }
    }
}
