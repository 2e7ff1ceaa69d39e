//! Attach points: what each names, whether it exists, and how many programs a body needs.
//!
//! The attach points of one provider share a program unless the body depends on which one fired (`args`, `probe`
//! …); then each gets its own. Neighbours: `crate::probes` expands names, `builtins` marks a body dependent.

use std::rc::Rc;

use super::Sema;
use super::config::Missing;
use crate::diag::{Diagnostic, Span};
use crate::probes::{self, Format, PerfEvent, has_wildcard, matches};
use crate::syntax::ast::{self, IntSuffix, Provider};
use crate::syntax::literal;
use crate::tree::{Attach, Rate};
use crate::ty::Ty;

/// A body and the attach points that share its program.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) ast: &'a ast::Probe,
    pub(super) name: String,
    pub(super) attach: Vec<Attach>,
    /// Of each attach point, as `probe` names it.
    names: Vec<String>,
    provider: Provider,
    /// The body asked which attach point it runs for.
    pub(super) dependent: bool,
}

/// The program that is being walked.
#[derive(Debug, Default)]
pub(super) struct ProbeCx {
    pub(super) index: usize,
    pub(super) name: String,
    provider: Option<Provider>,
    pub(super) args: Args,
    /// Pointers in the record point to user memory.
    pub(super) user_pointers: bool,
    pub(super) dependent: bool,
}

/// What `args` is.
#[derive(Clone, Debug, Default)]
pub(super) enum Args {
    #[default]
    None,
    /// Not looked up yet.
    Tracepoint {
        category: String,
        event: String,
    },
    RawTracepoint {
        event: String,
    },
    /// Looked up in vain; that was reported.
    Missing,
    Record(Rc<Format>),
    Raw(Rc<Vec<(String, Ty)>>),
    RawUnknown,
}

impl ProbeCx {
    pub(super) fn kind(&self) -> &'static str {
        match self.provider {
            Some(Provider::Begin | Provider::End | Provider::SelfProbe) | None => "special",
            Some(provider) => provider.name(),
        }
    }

    pub(super) fn is_raw(&self) -> bool {
        self.provider == Some(Provider::RawTracepoint)
    }

    /// The context holds the registers of what was interrupted.
    pub(super) fn has_registers(&self) -> bool {
        use Provider::{Hardware, Interval, Profile, Software};
        self.provider.is_some_and(|p| matches!(p, Hardware | Interval | Profile | Software))
    }

    /// A pid filter is about probes that fire in some process.
    pub(super) fn filtered_by_pid(&self) -> bool {
        use Provider::{Hardware, Profile, RawTracepoint, Software, Tracepoint};
        self.provider.is_some_and(|p| matches!(p, Hardware | Profile | RawTracepoint | Software | Tracepoint))
    }
}

impl Group<'_> {
    pub(super) fn context(&self, index: usize) -> ProbeCx {
        let args = match self.attach.first() {
            Some(Attach::Tracepoint { category, event }) => {
                Args::Tracepoint { category: category.clone(), event: event.clone() }
            }
            Some(Attach::RawTracepoint { event }) => Args::RawTracepoint { event: event.clone() },
            _ => Args::None,
        };
        let syscalls = matches!(&args, Args::Tracepoint { category, .. } if category == "syscalls");
        ProbeCx {
            index,
            name: self.names.first().cloned().unwrap_or_default(),
            provider: Some(self.provider),
            args,
            user_pointers: syscalls,
            dependent: false,
        }
    }
}

/// Gives every attach point of a dependent body its own program. True when one was split.
pub(super) fn split_dependent(groups: &mut Vec<Group<'_>>) -> bool {
    if !groups.iter().any(|g| g.dependent && g.attach.len() > 1) {
        return false;
    }
    let before = std::mem::take(groups);
    for group in before {
        if !group.dependent {
            groups.push(group);
            continue;
        }
        let Group { ast, provider, .. } = group;
        for (attach, name) in group.attach.into_iter().zip(group.names) {
            let names = vec![name.clone()];
            groups.push(Group { ast, name, attach: vec![attach], names, provider, dependent: true });
        }
    }
    true
}

impl<'a> Sema<'a> {
    pub(super) fn attach_groups(&mut self) -> Vec<Group<'a>> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        for ast in &self.script.probes {
            let first = groups.len();
            let mut ignored = false;
            for point in &ast.attach_points {
                if matches!(point.provider, Provider::Test | Provider::Bench) {
                    let kind = point.provider.name();
                    self.warn(
                        point.span,
                        format!("{kind} probes run only in {kind} mode and are ignored here"),
                    );
                    ignored = true;
                    continue;
                }
                let Some(found) = self.attach_point(point) else { continue };
                let at = groups[first..].iter().position(|g| g.provider == point.provider);
                let group = match at {
                    Some(at) => &mut groups[first + at],
                    None => {
                        groups.push(Group {
                            ast,
                            name: String::new(),
                            attach: Vec::new(),
                            names: Vec::new(),
                            provider: point.provider,
                            dependent: false,
                        });
                        let last = groups.len() - 1;
                        &mut groups[last]
                    }
                };
                for (attach, name) in found {
                    if !group.attach.contains(&attach)
                        || !matches!(attach, Attach::Tracepoint { .. } | Attach::RawTracepoint { .. })
                    {
                        group.attach.push(attach);
                        group.names.push(name);
                    }
                }
                if !group.name.is_empty() {
                    group.name.push(',');
                }
                group.name.push_str(&point.canonical());
            }
            let empty = groups[first..].iter().all(|g| g.attach.is_empty());
            groups.retain(|g| !g.attach.is_empty());
            if empty && !ignored {
                self.no_attach_points(ast.span);
            }
        }
        if self.script.probes.is_empty() {
            if self.script.functions.is_empty() {
                self.error(Span::default(), "the program has no probes");
            }
        } else if groups.is_empty() && !self.diags.has_errors() {
            self.error(self.script.probes[0].span, "No probes to attach");
        }
        groups
    }

    fn no_attach_points(&mut self, span: Span) {
        match self.settings.missing {
            Missing::Error => {
                // What is missing was reported already.
                if !self.diags.has_errors() {
                    self.error(span, "Probe has no valid attach points.");
                }
            }
            Missing::Warn => self.warn(
                span,
                "Probe has no valid attach points. It is being removed which may cause issues with program behavior.",
            ),
            Missing::Ignore => {}
        }
    }

    /// What one attach point hangs on, each with its full name. `None`: nothing, which was said.
    fn attach_point(&mut self, point: &ast::AttachPoint) -> Option<Vec<(Attach, String)>> {
        let args: Vec<&str> = point.args.iter().map(|a| a.text.as_str()).collect();
        let name = point.canonical();
        let one = |attach| Some(vec![(attach, name.clone())]);
        match (point.provider, args.as_slice()) {
            (Provider::Begin, _) => one(Attach::Begin),
            (Provider::End, _) => one(Attach::End),
            (Provider::Tracepoint, [category, event]) => self.tracepoints(category, event, point.span),
            (Provider::RawTracepoint, [event]) => self.raw_tracepoints(None, event, point.span),
            (Provider::RawTracepoint, [module, event]) => {
                self.raw_tracepoints(Some(module), event, point.span)
            }
            (Provider::Interval, args) => one(Attach::Interval(self.rate("interval", args, point.span)?)),
            (Provider::Profile, args) => one(Attach::Profile(self.rate("profile", args, point.span)?)),
            (Provider::Software, args) => {
                let (event, count) = self.perf_event(args, probes::SOFTWARE, "software", point.span)?;
                let name = event.name.to_owned();
                one(Attach::Software { config: event.config, count, name })
            }
            (Provider::Hardware, args) => {
                let (event, count) = self.perf_event(args, probes::HARDWARE, "hardware", point.span)?;
                let name = event.name.to_owned();
                one(Attach::Hardware { config: event.config, count, name })
            }
            (provider, _) => {
                let instead = match provider {
                    Provider::Kprobe | Provider::Kretprobe | Provider::Fentry | Provider::Fexit => {
                        "use a tracepoint near it; edgekit trace -l 'tracepoint:*' lists them"
                    }
                    Provider::Uprobe | Provider::Uretprobe | Provider::Usdt => {
                        "use the tracepoints of the system calls that the program makes: tracepoint:syscalls:*"
                    }
                    Provider::Iter => "use interval with tracepoint:sched:* to follow tasks",
                    _ => "edgekit trace doctor tells which kinds of probe work here",
                };
                let kind = provider.name();
                self.fail_hint(
                    point.span,
                    format!("{kind} probes are not supported by this version of edgekit trace"),
                    instead,
                )
            }
        }
    }

    fn tracepoints(&mut self, category: &str, event: &str, span: Span) -> Option<Vec<(Attach, String)>> {
        let found = match self.world.tracepoints(category, event) {
            Ok(found) => found,
            Err(error) => return self.probes_error(span, &error),
        };
        if found.is_empty() {
            let near = match has_wildcard(category) || has_wildcard(event) {
                true => Vec::new(),
                false => self.world.near_tracepoints(category, event),
            };
            return self.missing(&format!("tracepoint {category}:{event}"), "tracepoint:", &near, span);
        }
        let points = found.into_iter().map(|(category, event)| {
            let name = format!("tracepoint:{category}:{event}");
            (Attach::Tracepoint { category, event }, name)
        });
        Some(points.collect())
    }

    /// Modules other than the kernel itself cannot be told apart by their tracepoints.
    fn raw_tracepoints(
        &mut self,
        module: Option<&str>,
        event: &str,
        span: Span,
    ) -> Option<Vec<(Attach, String)>> {
        let full = module.map_or_else(|| event.to_owned(), |module| format!("{module}:{event}"));
        let kernel = module.is_none_or(|module| matches(module, "vmlinux"));
        let known = match self.world.raw_tracepoints() {
            Ok(known) => known,
            Err(error) if has_wildcard(event) => return self.probes_error(span, &error),
            // Without a list the kernel itself says whether it has one of this name.
            Err(_) => vec![event.to_owned()],
        };
        let found: Vec<&String> = known.iter().filter(|name| kernel && matches(event, name)).collect();
        if found.is_empty() {
            let near = edgekit_core::text::near(event, known.iter().map(String::as_str), 3);
            let near: Vec<String> = near.into_iter().map(str::to_owned).collect();
            return self.missing(&format!("rawtracepoint {full}"), "rawtracepoint:", &near, span);
        }
        let points = found.into_iter().map(|event| {
            (Attach::RawTracepoint { event: event.clone() }, format!("rawtracepoint:vmlinux:{event}"))
        });
        Some(points.collect())
    }

    fn probes_error<T>(&mut self, span: Span, error: &probes::Error) -> Option<T> {
        let finding = Diagnostic::error(span, error.to_string());
        self.report(match error.hint() {
            Some(hint) => finding.with_hint(hint),
            None => finding,
        });
        None
    }

    fn missing<T>(&mut self, what: &str, prefix: &str, near: &[String], span: Span) -> Option<T> {
        match self.settings.missing {
            Missing::Error => {
                let message = format!("No matches for {what}.");
                match near {
                    [] => self.error(span, message),
                    near => {
                        let names: Vec<String> = near.iter().map(|n| format!("{prefix}{n}")).collect();
                        let hint = format!("did you mean {}?", names.join(" or "));
                        self.report(Diagnostic::error(span, message).with_hint(hint));
                    }
                }
            }
            Missing::Warn => self.warn(span, format!("No matches for {what}. Skipping.")),
            Missing::Ignore => {}
        }
        None
    }

    /// `s:1`, `hz:99`, `100ms`, `1000000` (nanoseconds).
    fn rate(&mut self, kind: &str, args: &[&str], span: Span) -> Option<Rate> {
        let (unit, text) = match args {
            [text] => ("ns", *text),
            [unit, text] => (*unit, *text),
            _ => return self.fail(span, format!("{kind} needs a time: {kind}:s:1 or {kind}:100ms")),
        };
        let Some(number) = literal::number(text).ok() else {
            return self.fail_hint(
                span,
                format!("Invalid rate of {kind} probe: '{text}' is not a number"),
                format!("write it as {kind}:s:1, {kind}:hz:99 or {kind}:100ms"),
            );
        };
        if number.suffix == IntSuffix::Duration && unit != "ns" {
            return self.fail(span, format!("{kind}:{unit}:{text} names its unit twice"));
        }
        if number.value == 0 {
            return self.fail(span, format!("{kind} frequency should be a positive integer"));
        }
        let scale = match unit {
            "hz" => return Some(Rate::Hz(number.value)),
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            _ => {
                let hint = format!("one of {}", probes::TIME_UNITS.join(", "));
                return self.fail_hint(span, format!("{unit} is not an accepted unit"), hint);
            }
        };
        match number.value.checked_mul(scale) {
            Some(ns) => Some(Rate::Ns(ns)),
            None => self.fail(span, format!("{kind}:{unit}:{text} is too long a time")),
        }
    }

    fn perf_event(
        &mut self,
        args: &[&str],
        table: &[PerfEvent],
        kind: &str,
        span: Span,
    ) -> Option<(PerfEvent, u64)> {
        let name = args.first().copied().unwrap_or_default();
        let found = table.iter().find(|e| e.name == name || (!e.alias.is_empty() && e.alias == name));
        let Some(event) = found.copied() else {
            let message = format!("No matches for {kind} {name}.");
            return match edgekit_core::text::nearest(name, table.iter().map(|e| e.name)) {
                Some(near) => self.fail_hint(span, message, format!("did you mean {kind}:{near}?")),
                None => {
                    let names: Vec<&str> = table.iter().map(|e| e.name).collect();
                    self.fail_hint(span, message, format!("there are {}", names.join(", ")))
                }
            };
        };
        let count = match args.get(1).filter(|text| !text.is_empty()) {
            None => event.every,
            Some(text) => match literal::number(text) {
                Ok(number) if number.value > 0 => number.value,
                _ => {
                    return self
                        .fail(span, format!("{kind} count should be a positive integer, not '{text}'"));
                }
            },
        };
        Some((event, count))
    }

    /// What `args` is in this program, looked up when it is first asked for.
    pub(super) fn args(&mut self, span: Span) -> Args {
        let found = match &self.probe.args {
            Args::Tracepoint { category, event } => match self.world.tracepoint(category, event) {
                Ok(Some(format)) => Args::Record(format),
                Ok(None) => Args::None,
                Err(error) => {
                    let _: Option<()> = self.probes_error(span, &error);
                    Args::Missing
                }
            },
            Args::RawTracepoint { event } => match self.world.raw_tracepoint_args(event) {
                Some(args) => Args::Raw(Rc::new(args)),
                None => Args::RawUnknown,
            },
            known => known.clone(),
        };
        self.probe.args = found.clone();
        found
    }
}
