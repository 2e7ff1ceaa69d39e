//! `config = { … }` and its twins in the environment.
//!
//! Every name bpftrace knows is accepted, so that its scripts run; a setting that means nothing here is checked and
//! then left alone. Neighbours: `tree::Config` carries what later rooms need, [`Settings`] what only `sema` does.

use super::Sema;
use super::value::Value;
use crate::diag::{Diagnostic, Span};
use crate::syntax::ast::{ConfigItem, ConfigValue};
use crate::ty::StackStyle;

/// What to do when a probe does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Error,
    Warn,
    Ignore,
}

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) missing: Missing,
    pub(super) stack_style: StackStyle,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { missing: Missing::Error, stack_style: StackStyle::Bpftrace }
    }
}

const LICENSES: &[&str] =
    &["Dual MIT/GPL", "Dual BSD/GPL", "Dual MPL/GPL", "GPL and additional rights", "GPL v2", "GPL"];
const PAGE: u64 = 4096;
/// A ring of more would not be allocated.
const MAX_RING_PAGES: u64 = 1 << 18;
const MAX_STRLEN: u64 = 1 << 16;

/// What a setting takes.
#[derive(Clone, Copy)]
enum Takes {
    Int { min: u64, max: u64 },
    Bool,
    Text,
    Word(&'static [&'static str]),
}

const ANY: Takes = Takes::Int { min: 0, max: u64::MAX };
const UNSTABLE: Takes = Takes::Word(&["error", "warn", "enable"]);

const SETTINGS: &[(&str, Takes)] = &[
    ("cache_user_symbols", Takes::Word(&["PER_PROGRAM", "PER_PID", "NONE"])),
    ("cpp_demangle", Takes::Bool),
    ("lazy_symbolication", Takes::Bool),
    ("license", Takes::Text),
    ("log_size", ANY),
    ("max_bpf_progs", ANY),
    ("max_cat_bytes", ANY),
    ("max_map_keys", Takes::Int { min: 1, max: u32::MAX as u64 }),
    ("max_probes", ANY),
    ("max_strlen", Takes::Int { min: 1, max: MAX_STRLEN }),
    ("max_type_res_iterations", ANY),
    ("missing_probes", Takes::Word(&["error", "warn", "ignore"])),
    ("on_stack_limit", ANY),
    ("perf_rb_pages", Takes::Int { min: 1, max: MAX_RING_PAGES }),
    ("print_maps_on_exit", Takes::Bool),
    ("show_debug_info", Takes::Bool),
    ("stack_mode", Takes::Word(&["bpftrace", "perf", "raw", "build_id"])),
    ("str_trunc_trailer", Takes::Text),
    ("symbol_source", Takes::Text),
    ("unstable_dw_ustack", UNSTABLE),
    ("unstable_import", UNSTABLE),
    ("unstable_macro", UNSTABLE),
    ("unstable_map_decl", UNSTABLE),
    ("unstable_tseries", UNSTABLE),
    ("unstable_typeinfo", UNSTABLE),
    ("use_blazesym", Takes::Bool),
];

/// A value read by what its setting takes.
enum Read {
    Int(u64),
    Bool(bool),
    Text(String),
}

impl Sema<'_> {
    pub(super) fn config(&mut self) {
        let script = self.script;
        for item in &script.config {
            self.config_item(item);
        }
        // The environment has the last word.
        let environment = self.options.config.clone();
        for (key, value) in environment {
            let value = match value.parse::<u64>() {
                Ok(n) => ConfigValue::Int(n),
                Err(_) => ConfigValue::Word(value),
            };
            self.setting(&key, &value, Span::NOWHERE);
        }
    }

    fn config_item(&mut self, item: &ConfigItem) {
        self.setting(&item.key.name, &item.value, item.key.span.to(item.value_span));
    }

    fn setting(&mut self, written: &str, value: &ConfigValue, span: Span) -> Option<()> {
        let lower = written.to_ascii_lowercase();
        let name = lower.strip_prefix("bpftrace_").unwrap_or(&lower);
        let Some((key, takes)) = SETTINGS.iter().find(|(key, _)| *key == name) else {
            let finding = Diagnostic::error(span, format!("{written}: not a known configuration option"));
            let near = edgekit_core::text::nearest(name, SETTINGS.iter().map(|(key, _)| *key));
            self.report(match near {
                Some(near) => finding.with_hint(format!("did you mean {near}?")),
                None => finding,
            });
            return None;
        };
        let read = self.read_setting(key, *takes, value, span)?;
        self.apply(key, read, span)
    }

    fn read_setting(&mut self, key: &str, takes: Takes, value: &ConfigValue, span: Span) -> Option<Read> {
        let (text, number) = match value {
            ConfigValue::Int(n) => (n.to_string(), Some(*n)),
            ConfigValue::Bool(b) => (b.to_string(), Some(u64::from(*b))),
            ConfigValue::Str(text) | ConfigValue::Word(text) => (text.clone(), None),
        };
        match takes {
            Takes::Text => Some(Read::Text(text)),
            Takes::Bool => match (text.as_str(), number) {
                (_, Some(0)) | ("false", _) => Some(Read::Bool(false)),
                (_, Some(1)) | ("true", _) => Some(Read::Bool(true)),
                _ => self
                    .fail(span, format!("Invalid value for {key}: needs to be true or false, not '{text}'")),
            },
            Takes::Int { min, max } => match number {
                Some(n) if (min..=max).contains(&n) => Some(Read::Int(n)),
                Some(n) => self
                    .fail(span, format!("Invalid value for {key}: {n}; it must be between {min} and {max}")),
                None => {
                    self.fail(span, format!("Invalid value for {key}: needs to be a number, not '{text}'"))
                }
            },
            Takes::Word(words) => match words.iter().find(|w| w.eq_ignore_ascii_case(&text)) {
                Some(word) => Some(Read::Text((*word).to_owned())),
                None => {
                    let words = words.join(", ");
                    self.fail(span, format!("Invalid value for {key}. Found: {text}. Valid values: {words}."))
                }
            },
        }
    }

    fn apply(&mut self, key: &str, read: Read, span: Span) -> Option<()> {
        match (key, read) {
            ("max_strlen", Read::Int(n)) => self.config.max_strlen = n as u32,
            ("max_map_keys", Read::Int(n)) => self.config.max_map_keys = n as u32,
            ("perf_rb_pages", Read::Int(n)) => {
                self.config.ring_bytes = (n.next_power_of_two() * PAGE).min(1 << 30) as u32;
            }
            ("print_maps_on_exit", Read::Bool(b)) => self.config.print_maps_on_exit = b,
            ("license", Read::Text(text)) => {
                if !LICENSES.contains(&text.as_str()) {
                    let valid = LICENSES.join(", ");
                    return self.fail(
                        span,
                        format!("Invalid value for license. Found: {text}. Valid values: {valid}."),
                    );
                }
                self.config.license = text;
            }
            ("missing_probes", Read::Text(word)) => {
                self.settings.missing = match word.as_str() {
                    "warn" => Missing::Warn,
                    "ignore" => Missing::Ignore,
                    _ => Missing::Error,
                };
            }
            ("stack_mode", Read::Text(word)) => {
                self.settings.stack_style = stack_style(&word).unwrap_or(StackStyle::Bpftrace);
            }
            _ => {}
        }
        Some(())
    }

    /// What `config()` shows.
    pub(super) fn settings_record(&self, span: Span) -> Vec<(&'static str, Value)> {
        let style = match self.settings.stack_style {
            StackStyle::Bpftrace => "bpftrace",
            StackStyle::Perf => "perf",
            StackStyle::Raw => "raw",
            StackStyle::BuildId => "build_id",
        };
        let missing = match self.settings.missing {
            Missing::Error => "error",
            Missing::Warn => "warn",
            Missing::Ignore => "ignore",
        };
        let config = &self.config;
        vec![
            ("cpp_demangle", Value::bool(true, span)),
            ("license", Value::str(config.license.as_bytes(), span)),
            ("max_map_keys", Value::uint(config.max_map_keys.into(), span)),
            ("max_strlen", Value::uint(config.max_strlen.into(), span)),
            ("missing_probes", Value::str(missing.as_bytes(), span)),
            ("perf_rb_pages", Value::uint(u64::from(config.ring_bytes) / PAGE, span)),
            ("print_maps_on_exit", Value::bool(config.print_maps_on_exit, span)),
            ("stack_mode", Value::str(style.as_bytes(), span)),
        ]
    }
}

pub(super) fn stack_style(word: &str) -> Option<StackStyle> {
    Some(match word {
        "bpftrace" => StackStyle::Bpftrace,
        "perf" => StackStyle::Perf,
        "raw" => StackStyle::Raw,
        "build_id" => StackStyle::BuildId,
        _ => return None,
    })
}
