//! Refusals of the kernel, in terms of the script: which place, why, and what to do.
//!
//! The verifier names an instruction; each instruction remembers where it came from ([`Code::origins`]), and the
//! plan remembers which place in the script that is. Neighbours: `load` and `attach` fail with these,
//! `edgekit_bpf::verifier` reads the log.

use std::io;

use edgekit_bpf::emit::{Code, EmitError};
use edgekit_bpf::verifier;
use edgekit_core::{Error, Exit};

use super::attach::AttachError;
use super::load::LoadError;
use crate::diag::{Diagnostic, Span};
use crate::plan::Plan;

/// What is wrong and with which code to end.
#[derive(Debug)]
pub enum Refusal {
    /// About a place in the script.
    Script { diagnostic: Box<Diagnostic>, log: Option<String> },
    /// About the machine.
    Machine(Error),
}

/// Explains why maps or programs could not be loaded.
pub fn of_load(error: LoadError, plan: &Plan, codes: &[Code]) -> Refusal {
    match error {
        LoadError::Program { program, insn, source: edgekit_bpf::Error::Verifier { log, errno, .. } } => {
            let why = verifier::explain(&log);
            let span = insn.or(why.insn).and_then(|insn| place(plan, codes, program, insn));
            let hint = match why.cause {
                "" => "the whole reason is shown with -v; it may be a fault of this compiler",
                cause => cause,
            };
            let message = match why.message {
                "" => io::Error::from_raw_os_error(errno).to_string(),
                message => message.to_owned(),
            };
            let name = plan.programs.get(program).map_or("", |p| p.name.as_str());
            let text = format!("the kernel does not accept the program of {name}: {message}");
            let span = span.or_else(|| first_place(plan, program)).unwrap_or_default();
            let diagnostic = Box::new(Diagnostic::error(span, text).with_hint(hint));
            Refusal::Script { diagnostic, log: Some(log) }
        }
        LoadError::Emit { program, source, name } => {
            let origin = match &source {
                EmitError::TooFar { origin, .. } | EmitError::Undefined { origin, .. } => *origin,
                EmitError::Stack { .. } | EmitError::Malformed { .. } => 0,
            };
            let span =
                span_of(plan, program, origin).or_else(|| first_place(plan, program)).unwrap_or_default();
            let text = format!("the program of {name} cannot be compiled: {source}");
            let hint = match &source {
                EmitError::Stack { .. } | EmitError::TooFar { .. } => {
                    "split the probe into two, or use fewer variables"
                }
                EmitError::Undefined { .. } | EmitError::Malformed { .. } => {
                    "this is a fault of edgekit; please report it"
                }
            };
            Refusal::Script { diagnostic: Box::new(Diagnostic::error(span, text).with_hint(hint)), log: None }
        }
        error @ LoadError::Key { .. } => Refusal::Machine(
            Error::new(Exit::UNAVAILABLE, error.to_string())
                .hint("cut strings in the key with str(x, 64), or set max_strlen lower"),
        ),
        LoadError::Program { source, .. } | LoadError::Kernel(source) => Refusal::Machine(of_kernel(source)),
    }
}

/// An error of the kernel's with its hint and the code it stands for.
pub fn of_kernel(error: edgekit_bpf::Error) -> Error {
    let exit = match error.errno() {
        _ if error.is_permission() => Exit::NO_PERMISSION,
        Some(libc::ENOMEM | libc::EMFILE | libc::ENFILE | libc::EAGAIN | libc::EBUSY) => Exit::TEMPORARY,
        _ => Exit::UNAVAILABLE,
    };
    let hint = error.hint();
    let out = Error::new(exit, error.to_string());
    match hint {
        Some(hint) => out.hint(hint),
        None => out,
    }
}

/// Explains why a probe could not be attached.
pub fn of_attach(error: AttachError) -> Error {
    let text = error.to_string();
    match error {
        AttachError::Kernel { name, source } => {
            // The kernel's words alone: which probe it is has been said.
            let words =
                source.errno().map(|n| edgekit_core::text::io_reason(&io::Error::from_raw_os_error(n)));
            let absent = matches!(source.errno(), Some(libc::ENOENT | libc::EOPNOTSUPP | libc::ENODEV));
            let inner = of_kernel(source);
            let text = words.map_or(text, |words| format!("unable to attach probe {name}: {words}"));
            let out = Error::new(inner.exit(), text);
            match inner.hint_text() {
                _ if absent && name.starts_with("hardware:") => {
                    out.hint("there are no hardware counters here, as in most virtual machines; software:* events work")
                }
                Some(hint) => out.hint(hint),
                None => out,
            }
        }
        AttachError::Probes { source, .. } => of_probes(&source).context(text),
        AttachError::Missing { near, .. } => {
            let out = Error::new(Exit::DATA, text);
            if near.is_empty() { out } else { out.hint(format!("did you mean {}?", near.join(" or "))) }
        }
    }
}

/// An error of looking probes up.
pub fn of_probes(error: &crate::probes::Error) -> Error {
    let exit = if error.is_permission() { Exit::NO_PERMISSION } else { Exit::UNAVAILABLE };
    let out = Error::new(exit, error.to_string());
    match error.hint() {
        Some(hint) => out.hint(hint),
        None => out,
    }
}

/// The place in the script of an instruction, or of the nearest before it that has one.
fn place(plan: &Plan, codes: &[Code], program: usize, insn: usize) -> Option<Span> {
    let origins = &codes.get(program)?.origins;
    let upto = origins.get(..=insn.min(origins.len().checked_sub(1)?))?;
    upto.iter().rev().find_map(|origin| span_of(plan, program, *origin))
}

fn span_of(plan: &Plan, program: usize, origin: u32) -> Option<Span> {
    plan.programs.get(program)?.origins.get((origin as usize).checked_sub(1)?).copied()
}

/// Where the program begins in the script.
pub fn first_place(plan: &Plan, program: usize) -> Option<Span> {
    plan.programs.get(program)?.origins.first().copied()
}
