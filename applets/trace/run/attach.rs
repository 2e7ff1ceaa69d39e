//! Hanging loaded programs on their probes.
//!
//! Timers come last, so that the first tick already sees every other probe. Neighbours: `load` made the programs, `probes` knows the numbers of tracepoints.

use edgekit_bpf::link::{self, Event, Link, Sample};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::load::{LoadedProgram, kind_of_attach};
use crate::plan::Plan;
use crate::probes::{self, Probes};
use crate::tree::{Attach, Rate};

#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    #[error("unable to attach probe {name}: {source}")]
    Kernel { name: String, source: edgekit_bpf::Error },
    #[error("unable to attach probe {name}: {source}")]
    Probes { name: String, source: probes::Error },
    #[error("unable to attach probe {name}: this kernel has no such tracepoint")]
    Missing { name: String, near: Vec<String> },
}

/// Attach points beyond which the usual limit of 1,024 descriptors is too low.
const MANY: usize = 200;

/// Probes that are live.
#[derive(Debug, Default)]
pub struct Attached {
    links: Vec<Link>,
    /// Attach points, `begin` and `end` not among them.
    pub count: usize,
}

impl Attached {
    /// Takes all probes down; none of their programs runs any more when this returns.
    pub fn detach(self) {
        link::detach_all(self.links);
    }
}

/// Attaches everything but `begin` and `end`.
pub fn attach(plan: &Plan, programs: &[LoadedProgram], probes: &Probes) -> Result<Attached, AttachError> {
    let mut attached = Attached::default();
    match attach_into(&mut attached, plan, programs, probes) {
        Ok(()) => Ok(attached),
        Err(error) => {
            attached.detach();
            Err(error)
        }
    }
}

fn attach_into(
    attached: &mut Attached,
    plan: &Plan,
    programs: &[LoadedProgram],
    probes: &Probes,
) -> Result<(), AttachError> {
    let points: usize = plan.programs.iter().map(|program| program.attach.len()).sum();
    if points > MANY {
        allow_descriptors();
    }
    for last in [false, true] {
        for loaded in programs {
            let Some(planned) = plan.programs.get(loaded.index) else { continue };
            for at in &planned.attach {
                let ours = kind_of_attach(at) == loaded.kind && is_timer(at) == last;
                if ours && !matches!(at, Attach::Begin | Attach::End) {
                    one(at, loaded, probes, &mut attached.links)?;
                    attached.count += 1;
                }
            }
        }
    }
    Ok(())
}

/// Asks for all the descriptors we may have: a probe takes two. Where that fails, attaching says so.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

fn is_timer(at: &Attach) -> bool {
    matches!(at, Attach::Profile(_) | Attach::Interval(_))
}

fn one(
    at: &Attach,
    loaded: &LoadedProgram,
    probes: &Probes,
    links: &mut Vec<Link>,
) -> Result<(), AttachError> {
    let program = &loaded.program;
    let made = match at {
        Attach::Begin | Attach::End => Ok(Vec::new()),
        Attach::Tracepoint { category, event } => {
            let id = tracepoint_id(at, category, event, probes)?;
            link::tracepoint(program, id).map(|link| vec![link])
        }
        Attach::RawTracepoint { event } => match link::raw_tracepoint(program, event) {
            Err(e) if e.errno() == Some(libc::ENOENT) => {
                let near = probes.near_raw(event).iter().map(|n| format!("rawtracepoint:{n}")).collect();
                return Err(AttachError::Missing { name: name_of(at), near });
            }
            made => made.map(|link| vec![link]),
        },
        Attach::Profile(rate) => link::profile(program, sample(*rate)),
        Attach::Interval(rate) => link::interval(program, sample(*rate)).map(|link| vec![link]),
        Attach::Software { config, count, .. } => {
            link::event_everywhere(program, Event::Software(*config), Sample::Period(*count))
        }
        Attach::Hardware { config, count, .. } => {
            link::event_everywhere(program, Event::Hardware(*config), Sample::Period(*count))
        }
    };
    links.extend(made.map_err(|source| AttachError::Kernel { name: name_of(at), source })?);
    Ok(())
}

fn tracepoint_id(at: &Attach, category: &str, event: &str, probes: &Probes) -> Result<u64, AttachError> {
    match probes.format(category, event) {
        Ok(Some(format)) => Ok(format.id),
        Ok(None) => {
            let near = probes.near(category, event).iter().map(|n| format!("tracepoint:{n}")).collect();
            Err(AttachError::Missing { name: name_of(at), near })
        }
        Err(source) => Err(AttachError::Probes { name: name_of(at), source }),
    }
}

/// A timer's period as the kernel's clock event takes it.
fn sample(rate: Rate) -> Sample {
    match rate {
        Rate::Hz(hz) => Sample::Frequency(hz),
        Rate::Ns(ns) => Sample::Period(ns),
    }
}

/// The probe as a script writes it.
pub fn name_of(at: &Attach) -> String {
    let timer = |kind: &str, rate: &Rate| match *rate {
        Rate::Hz(hz) => format!("{kind}:hz:{hz}"),
        Rate::Ns(ns) if ns % 1_000_000_000 == 0 => format!("{kind}:s:{}", ns / 1_000_000_000),
        Rate::Ns(ns) if ns % 1_000_000 == 0 => format!("{kind}:ms:{}", ns / 1_000_000),
        Rate::Ns(ns) => format!("{kind}:us:{}", ns / 1_000),
    };
    match at {
        Attach::Begin => "begin".to_owned(),
        Attach::End => "end".to_owned(),
        Attach::Tracepoint { category, event } => format!("tracepoint:{category}:{event}"),
        Attach::RawTracepoint { event } => format!("rawtracepoint:{event}"),
        Attach::Profile(rate) => timer("profile", rate),
        Attach::Interval(rate) => timer("interval", rate),
        Attach::Software { name, count, .. } => format!("software:{name}:{count}"),
        Attach::Hardware { name, count, .. } => format!("hardware:{name}:{count}"),
    }
}
