//! One run of a program, from empty kernel to last line.
//!
//! Order: maps, programs, control words, `begin`, probes, the child's go; then the loop; then probes off, `end`,
//! what is left in the ring, maps, ledger. The loop sleeps on the ring itself, so that an event wakes it without
//! a timer's delay, and drains in bursts with one flush a burst. Neighbours: `load`, `attach`, `events`.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use edgekit_bpf::emit::Code;
use edgekit_bpf::ring::{Poller, Ring};
use edgekit_core::Clock;
use edgekit_rt::Signals;
use edgekit_rt::child::Child;

use super::attach::{self, AttachError, Attached};
use super::burst::Burst;
use super::control::Control;
use super::events::{Events, Failure, Parts};
use super::judge::{Judge, Lost};
use super::load::{LoadedProgram, Maps};
use super::loss::{self, Cause, Line};
use super::reject::first_place;
use super::tables::Tables;
use crate::diag::SourceMap;
use crate::output::{FormatError, HelperFailure, LossRow, Output, Place, Resolver, View, loss_name};
use crate::plan::{Loss, Plan, control};
use crate::probes::Probes;
use crate::tree::Attach;

/// How often the loss counters are looked at while nothing else happens.
const TICK: Duration = Duration::from_secs(1);

/// Tokens of the poller.
const RING: u64 = 0;
const SIGNAL: u64 = 1;
const CHILD: u64 = 2;
const PROCESS: u64 = 3;

/// What the command line says about the run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Only what the program prints.
    pub quiet: bool,
    pub warnings: bool,
    /// Flush when the ring is drained (not with `-B full`).
    pub flush: bool,
    /// Show failed reads in the ledger too.
    pub faults: bool,
    pub max_cat_bytes: u64,
    /// Print a line on standard output when all is attached: bpftrace's test suite waits for it.
    pub notify: bool,
}

/// Everything a run needs, made before.
pub struct Job<'s> {
    pub plan: &'s Plan,
    pub codes: &'s [Code],
    pub sources: &'s SourceMap,
    pub probes: &'s Probes,
    pub maps: &'s Maps,
    pub programs: Vec<LoadedProgram>,
    pub resolver: &'s dyn Resolver,
    pub output: Box<dyn Output + 's>,
    pub clock: Clock,
    pub child: Option<Child>,
    pub process: Option<OwnedFd>,
    pub judge: Option<Box<dyn Judge + 's>>,
    pub options: Options,
}

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Attach(#[from] AttachError),
    #[error(transparent)]
    Kernel(#[from] edgekit_bpf::Error),
    #[error("cannot start the command: {0}")]
    Child(io::Error),
    #[error("cannot listen to signals: {0}")]
    Signals(io::Error),
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    #[error("a format that was checked before is wrong: {0}")]
    Format(#[from] FormatError),
}

impl From<Failure> for RunError {
    fn from(failure: Failure) -> RunError {
        match failure {
            Failure::Output(e) => RunError::Output(e),
            Failure::Kernel(e) => RunError::Kernel(e),
        }
    }
}

struct Session<'s> {
    plan: &'s Plan,
    sources: &'s SourceMap,
    maps: &'s Maps,
    programs: Vec<LoadedProgram>,
    control: Control<'s>,
    events: Events<'s>,
    ring: Option<Ring>,
    options: Options,
    /// Losses already spoken of, by probe and cause.
    told: Vec<Line>,
    lost: u64,
}

/// Runs the program to its end; gives the code of exit(), 0 without one.
pub fn run(job: Job<'_>) -> Result<u8, RunError> {
    let Job {
        plan,
        sources,
        maps,
        programs,
        probes,
        resolver,
        output,
        clock,
        child,
        process,
        judge,
        options,
        ..
    } = job;
    // Before anything runs, so that a Ctrl-C from here on still prints the maps.
    let signals = Signals::new(&[libc::SIGINT, libc::SIGTERM]).map_err(RunError::Signals)?;
    let ring = match plan.ring.and_then(|ring| maps.get(ring)) {
        Some(map) => Some(Ring::new(map, &clock)?),
        None => None,
    };
    let control = Control::new(plan, maps);
    prepare(&control, &clock, child.as_ref())?;
    let max_cat_bytes = options.max_cat_bytes;
    let tables = Tables::new(plan, maps);
    let events = Events::new(Parts { plan, sources, tables, output, resolver, clock, max_cat_bytes, judge })?;
    let told = Vec::new();
    let mut session =
        Session { plan, sources, maps, programs, control, events, ring, options, told, lost: 0 };

    session.by_hand(&Attach::Begin)?;
    let attached = attach::attach(plan, &session.programs, probes)?;
    session.announce(attached.count)?;
    let mut watched = Watched { signals: Some(signals), child, process };
    if let Some(child) = &mut watched.child {
        child.go().map_err(RunError::Child)?;
    }
    if attached.count > 0 || watched.child.is_some() {
        session.wait(&mut watched)?;
    } else {
        session.drain();
    }
    session.finish(attached, watched)
}

/// Writes the words that programs read.
fn prepare(control: &Control<'_>, clock: &Clock, child: Option<&Child>) -> Result<(), edgekit_bpf::Error> {
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let boot = nanos(clock.boot());
    control.set(control::START_NS, boot)?;
    control.set(control::WALL_OFFSET, nanos(clock.wall()).wrapping_sub(boot))?;
    if let Some(child) = child {
        control.set(control::CPID, u64::from(child.pid().unsigned_abs()))?;
    }
    Ok(())
}

/// What ends the loop from outside.
struct Watched {
    signals: Option<Signals>,
    child: Option<Child>,
    process: Option<OwnedFd>,
}

impl Watched {
    /// Takes the signal out of the queue; from here on a second one ends the process at once, whatever it is
    /// doing.
    fn calm(&mut self) -> Result<(), RunError> {
        if let Some(signals) = self.signals.take() {
            while signals.read().map_err(RunError::Signals)?.is_some() {}
        }
        Ok(())
    }
}

impl Session<'_> {
    /// Runs `begin` or `end` probes once each, in the script's order.
    fn by_hand(&mut self, which: &Attach) -> Result<(), RunError> {
        for loaded in &self.programs {
            let Some(planned) = self.plan.programs.get(loaded.index) else { continue };
            for _ in planned.attach.iter().filter(|at| *at == which) {
                loaded.program.test_run(&[])?;
            }
        }
        Ok(())
    }

    fn announce(&mut self, attached: usize) -> Result<(), RunError> {
        let by_hand = |at: &&Attach| matches!(at, Attach::Begin | Attach::End);
        let special = self.plan.programs.iter().flat_map(|p| &p.attach).filter(by_hand).count();
        self.control.set(control::READY, 1)?;
        if !self.options.quiet {
            self.events.output.attached(attached + special)?;
        }
        self.events.output.flush()?;
        if self.options.notify {
            super::actions::say_attached()?;
        }
        Ok(())
    }

    /// Sleeps and drains until something ends the run.
    fn wait(&mut self, watched: &mut Watched) -> Result<(), RunError> {
        let mut poller = Poller::new()?;
        if let Some(ring) = &self.ring {
            poller.add(ring, RING)?;
        }
        if let Some(signals) = &watched.signals {
            poller.add(signals, SIGNAL)?;
        }
        if let Some(child) = &watched.child {
            poller.add(child, CHILD)?;
        }
        if let Some(process) = &watched.process {
            poller.add(process, PROCESS)?;
        }
        let mut looked = self.events.now();
        loop {
            let drained = self.burst()?;
            if self.is_over() {
                return Ok(());
            }
            // With records left there is no time to sleep, only to see whether a signal came.
            let timeout = if drained { TICK } else { Duration::ZERO };
            let mut over = false;
            for token in poller.wait(Some(timeout))? {
                over |= token != RING;
            }
            if over {
                // What is still in the ring is read when the probes are off: now it may never be empty.
                return watched.calm();
            }
            let now = self.events.now();
            if now.saturating_sub(looked) >= TICK {
                looked = now;
                self.notice_losses()?;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.events.exit.is_some() || self.events.failure.is_some() || self.control.exit().is_some()
    }

    /// Handles what is in the ring, a ring's worth at most. True when nothing is left.
    fn burst(&mut self) -> Result<bool, RunError> {
        let Some(ring) = &mut self.ring else { return Ok(true) };
        let events = &mut self.events;
        ring.consume(&mut Burst::new(events, self.options.flush));
        let drained = ring.backlog() == 0;
        if drained && self.options.flush {
            self.events.output.flush()?;
        }
        self.events.pause();
        Ok(drained)
    }

    /// Handles everything in the ring. Only for when no program sends any more.
    fn drain(&mut self) {
        let Some(ring) = &mut self.ring else { return };
        let events = &mut self.events;
        while ring.consume(&mut |record: &[u8]| events.handle(record)) > 0 && !events.is_stopped() {}
    }

    /// Takes the probes off and says the last words.
    fn finish(mut self, attached: Attached, watched: Watched) -> Result<u8, RunError> {
        attached.detach();
        // A child that outlives the trace is told to end, as bpftrace does.
        if let Some(mut child) = watched.child
            && child.try_wait().map_err(RunError::Child)?.is_none()
        {
            child.signal(libc::SIGTERM).map_err(RunError::Child)?;
        }
        let code = self.events.exit.or(self.control.exit());
        match self.events.exit.take() {
            // What was sent after exit() is not part of the run.
            Some(_) => {
                if let Some(ring) = &mut self.ring {
                    while ring.consume(&mut |_: &[u8]| std::ops::ControlFlow::Continue(())) > 0 {}
                }
            }
            None => self.drain(),
        }
        self.by_hand(&Attach::End)?;
        self.drain();
        if let Some(failure) = self.events.failure.take() {
            return Err(failure.into());
        }
        self.last_words()?;
        Ok(code.or(self.control.exit()).unwrap_or(0))
    }

    fn last_words(&mut self) -> Result<(), RunError> {
        self.notice_losses()?;
        self.events.output.end()?;
        if self.plan.config.print_maps_on_exit {
            let dumps: Vec<_> = self.events.tables.at_end().collect();
            for dump in dumps {
                self.events.print_at_end(&mut dump?, View::default())?;
            }
        }
        self.ledger()?;
        self.events.output.flush()?;
        self.events.end();
        Ok(())
    }

    /// Speaks of losses that are new: of each full map once, of lost events each time.
    fn notice_losses(&mut self) -> Result<(), RunError> {
        let now = loss::read(self.plan, self.maps)?;
        let mut lost = 0;
        for line in &now {
            match line.cause {
                Cause::Counted(Loss::RingFull) => lost += line.count,
                Cause::Counted(Loss::MapFull) if self.options.warnings && !self.was_told(line) => {
                    let program = self.plan.programs.iter().position(|p| p.name == line.probe);
                    let span = program.and_then(|p| first_place(self.plan, p)).unwrap_or_default();
                    let failure = HelperFailure { helper: "map_update_elem", code: -libc::E2BIG };
                    let place = Place { sources: self.sources, span };
                    self.events.output.helper_failed(failure, place)?;
                }
                Cause::Counted(_) | Cause::Recursion => {}
            }
        }
        for line in &now {
            let Cause::Counted(cause) = line.cause else { continue };
            let told = self.told.iter().find(|told| told.probe == line.probe && told.cause == line.cause);
            let count = line.count.saturating_sub(told.map_or(0, |told| told.count));
            if count > 0 {
                let (probe, cause) = (line.probe.as_str(), loss_name(cause));
                self.events.tell_lost(Lost { probe, cause, count, total: line.count });
            }
        }
        if lost > self.lost {
            self.events.output.lost(lost - self.lost)?;
            self.lost = lost;
        }
        self.told = now;
        Ok(())
    }

    fn was_told(&self, line: &Line) -> bool {
        self.told.iter().any(|told| told.probe == line.probe && told.cause == line.cause)
    }

    /// What was lost in all, by probe and cause.
    fn ledger(&mut self) -> Result<(), RunError> {
        if !self.options.warnings {
            return Ok(());
        }
        let lines = loss::read(self.plan, self.maps)?;
        let rows: Vec<LossRow<'_>> = lines
            .iter()
            .filter_map(|line| match line.cause {
                Cause::Counted(Loss::Fault) if !self.options.faults => None,
                Cause::Counted(cause) => Some(LossRow { probe: &line.probe, cause, count: line.count }),
                Cause::Recursion => None,
            })
            .collect();
        self.events.output.ledger(&rows)?;
        for Line { probe, cause, count } in loss::recursion(self.plan, &self.programs) {
            super::actions::say_warning(&format!("{probe}: {count} runs were skipped: {}", cause.name()));
        }
        Ok(())
    }
}
