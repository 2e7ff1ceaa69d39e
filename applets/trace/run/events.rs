//! What user space does for each event that a program sends.
//!
//! [`Events::handle`] is the hot path: the number of the event leads to a handler that was prepared before the
//! first probe was attached; printf formats the record straight into the output buffer, without a call, an
//! allocation or a copy of the record. Everything else is rare and may take its time. Neighbours: `session` feeds
//! it from the ring, `output` prints, `tables` reads maps.

use std::io;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use edgekit_core::Clock;

use super::actions;
use super::judge::{Judge, Line, Lost, Ruling, Shown};
use super::tables::Tables;
use crate::diag::{SourceMap, Span};
use crate::output::event::argument;
use crate::output::value::u64_at;
use crate::output::{
    CompiledFormat, Format, FormatError, HelperFailure, MapDump, Origin, Output, Place, Resolver, Value, View,
};
use crate::plan::{Event, Plan};
use crate::tree::{EventKind, MapId, PrintLevel};
use crate::ty;

/// Why the loop has to stop.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    #[error(transparent)]
    Kernel(#[from] edgekit_bpf::Error),
}

enum Handler {
    Printf(CompiledFormat),
    Report { level: PrintLevel, format: CompiledFormat, span: Span },
    Value,
    Map { map: MapId, view: View },
    Entry { map: MapId, view: View },
    Clear(MapId),
    Zero(MapId),
    DeleteKey(MapId),
    Time(Rc<str>),
    Join(Rc<str>),
    Cat(CompiledFormat),
    System(CompiledFormat),
    Exit,
    Helper { what: Rc<str>, span: Span },
}

/// Everything an event may need.
pub(super) struct Events<'s> {
    plan: &'s Plan,
    sources: &'s SourceMap,
    handlers: Vec<Handler>,
    pub(super) tables: Tables<'s>,
    pub(super) output: Box<dyn Output + 's>,
    resolver: &'s dyn Resolver,
    clock: Clock,
    max_cat_bytes: u64,
    scratch: Vec<u8>,
    judge: Option<Box<dyn Judge + 's>>,
    /// Set by exit(): the code to end with. Later events belong to no run any more.
    pub(super) exit: Option<u8>,
    pub(super) failure: Option<Failure>,
}

/// What [`Events`] is made of.
pub(super) struct Parts<'s> {
    pub(super) plan: &'s Plan,
    pub(super) sources: &'s SourceMap,
    pub(super) tables: Tables<'s>,
    pub(super) output: Box<dyn Output + 's>,
    pub(super) resolver: &'s dyn Resolver,
    pub(super) clock: Clock,
    pub(super) max_cat_bytes: u64,
    pub(super) judge: Option<Box<dyn Judge + 's>>,
}

impl<'s> Events<'s> {
    pub(super) fn new(parts: Parts<'s>) -> Result<Events<'s>, FormatError> {
        let Parts { plan, sources, tables, output, resolver, clock, max_cat_bytes, judge } = parts;
        let judged = judge.is_some();
        let handlers = plan.events.iter().map(|event| handler(event, judged)).collect::<Result<_, _>>()?;
        Ok(Events {
            plan,
            sources,
            handlers,
            tables,
            output,
            resolver,
            clock,
            max_cat_bytes,
            scratch: Vec::new(),
            judge,
            exit: None,
            failure: None,
        })
    }

    /// Does what one record asks for; breaks when the run is over.
    #[inline]
    pub(super) fn handle(&mut self, record: &[u8]) -> ControlFlow<()> {
        let done = match self.handlers.get(u64_at(record, 0) as u32 as usize) {
            Some(Handler::Printf(format)) => {
                self.output.printf(format, record, self.resolver).map_err(Failure::from)
            }
            Some(_) => self.rare(record),
            // No program of ours sends such a record.
            None => Ok(()),
        };
        if let Err(failure) = done {
            self.failure.get_or_insert(failure);
        }
        match self.is_stopped() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// Hands on what was printed; a failure ends the run as one in [`Self::handle`] does.
    pub(super) fn flush(&mut self) {
        if let Err(error) = self.output.flush() {
            self.failure.get_or_insert(Failure::from(error));
        }
    }

    fn rare(&mut self, record: &[u8]) -> Result<(), Failure> {
        let id = u64_at(record, 0) as u32 as usize;
        let (Some(handler), Some(event)) = (self.handlers.get(id), self.plan.events.get(id)) else {
            return Ok(());
        };
        let bytes = |index: usize| argument(event, index, record).map_or(&[][..], |value| value.bytes);
        let place = |span| Place { sources: self.sources, span };
        match handler {
            Handler::Printf(format) => self.output.printf(format, record, self.resolver)?,
            Handler::Report { level, format, span } => {
                self.scratch.clear();
                format.write(record, &mut self.scratch, self.resolver);
                let (level, span) = (*level, *span);
                if self.ruling(event, record) != Ruling::Drop {
                    self.output.report(level, place(span), &self.scratch)?;
                }
            }
            Handler::Value => {
                if let Some(value) = argument(event, 0, record) {
                    match self.ruling_of_value(event, record, &value) {
                        Ruling::Print => self.output.value(value, self.resolver)?,
                        Ruling::Drop => {}
                        Ruling::Replace(_) => {
                            self.output.report(PrintLevel::Out, place(event.def.span), &self.scratch)?;
                        }
                    }
                }
            }
            Handler::Map { map, view } => {
                let view = *view;
                if let Some(mut dump) = self.tables.dump(*map)? {
                    dump.or_zero();
                    self.judge_map(&mut dump, view, false);
                    self.output.map(&mut dump, view, self.resolver)?;
                }
            }
            Handler::Entry { map, view } => {
                let view = *view;
                if let Some(mut dump) = self.tables.dump_entry(*map, bytes(0))? {
                    self.judge_map(&mut dump, View::default(), false);
                    self.output.entry(&mut dump, view, self.resolver)?;
                }
            }
            Handler::Clear(map) => self.tables.clear(*map)?,
            Handler::Zero(map) => self.tables.zero(*map)?,
            Handler::DeleteKey(map) => self.tables.delete_key(*map, bytes(0))?,
            Handler::Time(format) => {
                self.scratch.clear();
                let now = u64::try_from(self.clock.wall().as_nanos()).unwrap_or(u64::MAX);
                self.resolver.time(ty::Clock::Wall, now, format, &mut self.scratch);
                self.print(Origin::Time, event, record)?;
            }
            Handler::Join(delim) => {
                actions::join(event, record, delim, &mut self.scratch);
                self.print(Origin::Join, event, record)?;
            }
            Handler::Cat(format) => {
                self.scratch.clear();
                format.write(record, &mut self.scratch, self.resolver);
                match actions::cat(&self.scratch, self.max_cat_bytes) {
                    Ok(content) => {
                        self.scratch = content;
                        self.print(Origin::Cat, event, record)?;
                    }
                    Err(message) => self.complain(&message)?,
                }
            }
            Handler::System(format) => {
                self.scratch.clear();
                format.write(record, &mut self.scratch, self.resolver);
                // What came before must be seen before what the command writes by itself.
                self.output.flush()?;
                match actions::system(&self.scratch) {
                    Ok(printed) => {
                        self.scratch = printed;
                        self.print(Origin::System, event, record)?;
                    }
                    Err(message) => self.complain(&message)?,
                }
            }
            Handler::Exit => {
                let code = argument(event, 0, record).and_then(|value| value.as_bits()).unwrap_or(0);
                self.exit.get_or_insert((code & 0xff) as u8);
            }
            Handler::Helper { what, span } => {
                let code = argument(event, 0, record).and_then(|value| value.as_bits()).unwrap_or(0) as i32;
                let failure = HelperFailure { helper: what, code };
                self.output.helper_failed(failure, place(*span))?;
            }
        }
        Ok(())
    }

    /// Time since boot without sleep, for intervals.
    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// A map among the last words.
    pub(super) fn print_at_end(&mut self, dump: &mut MapDump<'_>, view: View) -> io::Result<()> {
        self.judge_map(dump, view, true);
        self.output.map(dump, view, self.resolver)
    }

    /// Tells the judge, if there is one, what was lost.
    pub(super) fn tell_lost(&mut self, lost: Lost<'_>) {
        if let Some(judge) = &mut self.judge {
            judge.lost(lost);
        }
    }

    /// All that had arrived is handled.
    pub(super) fn pause(&mut self) {
        if let Some(judge) = &mut self.judge {
            judge.pause();
        }
    }

    /// Nothing is printed any more.
    pub(super) fn end(&mut self) {
        if let Some(judge) = self.judge.take() {
            judge.end();
        }
    }

    /// Prints the text in `scratch`, if the judge lets it.
    fn print(&mut self, origin: Origin, event: &Event, record: &[u8]) -> io::Result<()> {
        match self.ruling(event, record) {
            Ruling::Drop => Ok(()),
            Ruling::Print | Ruling::Replace(_) => self.output.text(origin, &self.scratch),
        }
    }

    fn ruling_of_value(&mut self, event: &Event, record: &[u8], value: &Value<'_>) -> Ruling {
        if self.judge.is_some() {
            self.scratch.clear();
            value.write_text(&mut self.scratch, self.resolver);
            self.scratch.push(b'\n');
        }
        self.ruling(event, record)
    }

    /// What the judge says of the text in `scratch`, which has the new one's place when it is replaced.
    fn ruling(&mut self, event: &Event, record: &[u8]) -> Ruling {
        let Some(judge) = &mut self.judge else { return Ruling::Print };
        let program = (u64_at(record, 0) >> 32) as usize;
        let values: Vec<Value<'_>> =
            (0..event.def.args.len()).filter_map(|index| argument(event, index, record)).collect();
        let text = self.scratch.strip_suffix(b"\n");
        let ruling = judge.line(Line {
            kind: event.def.kind.name(),
            probe: self.plan.programs.get(program).map_or("", |program| &program.name),
            span: event.def.span,
            text: text.unwrap_or(&self.scratch),
            values: &values,
            names: &event.def.names,
            resolver: self.resolver,
        });
        if let Ruling::Replace(new) = &ruling {
            let ended = text.is_some();
            self.scratch.clear();
            self.scratch.extend_from_slice(new);
            if ended {
                self.scratch.push(b'\n');
            }
        }
        ruling
    }

    fn judge_map(&mut self, dump: &mut MapDump<'_>, view: View, at_end: bool) {
        let Some(judge) = &mut self.judge else { return };
        let (name, shape, ty, resolver) = (dump.name(), dump.shape(), dump.value_type(), self.resolver);
        dump.keep_shown(view, |key, value, place| {
            judge.entry(Shown { map: &name, shape, at_end, key, ty, value, place, resolver })
        });
    }

    /// No further record is wanted.
    pub(super) fn is_stopped(&self) -> bool {
        self.exit.is_some() || self.failure.is_some()
    }

    /// A message that is about the machine, not about a place in the script.
    fn complain(&mut self, message: &str) -> Result<(), Failure> {
        self.output.flush()?;
        actions::say_error(message);
        Ok(())
    }
}

/// `judged`: nothing is formatted straight into the output.
fn handler(event: &Event, judged: bool) -> Result<Handler, FormatError> {
    let compiled = |format: &str| Ok(CompiledFormat::new(&Format::parse(format)?, event));
    let span = event.def.span;
    Ok(match &event.def.kind {
        EventKind::Printf { format, level: PrintLevel::Out } if !judged => Handler::Printf(compiled(format)?),
        EventKind::Printf { format, level } => {
            Handler::Report { level: *level, format: compiled(format)?, span }
        }
        EventKind::PrintValue => Handler::Value,
        EventKind::PrintMap { map, top, div } => {
            Handler::Map { map: *map, view: View { top: *top, div: *div } }
        }
        EventKind::PrintMapEntry { map, top, div } => {
            Handler::Entry { map: *map, view: View { top: *top, div: *div } }
        }
        EventKind::Clear { map } => Handler::Clear(*map),
        EventKind::Zero { map } => Handler::Zero(*map),
        EventKind::DeleteKey { map } => Handler::DeleteKey(*map),
        EventKind::Time { format } => Handler::Time(format.clone()),
        EventKind::Join { delim } => Handler::Join(delim.clone()),
        EventKind::Cat { format } => Handler::Cat(compiled(format)?),
        EventKind::System { format } => Handler::System(compiled(format)?),
        EventKind::Exit => Handler::Exit,
        EventKind::HelperError { what } => Handler::Helper { what: what.clone(), span },
    })
}
