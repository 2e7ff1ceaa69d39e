//! Sources, spans and diagnostics of a trace program.
//!
//! Every phase of the compiler points into the program's text, and the user
//! sees one shape of message: `stdin:1:12-26: ERROR: message`, the line, a row
//! of `~` under the culprit, then hints. The shape is bpftrace's, because
//! editors and its test suite read it. Neighbours: `syntax` fills spans in,
//! the semantic analyser and the run-time (`errorf`, helper errors) report
//! through [`Diagnostics`] and [`render`].
//!
//! All sources share one offset space (script, imports, built-in macros), so a
//! [`Span`] needs no file number; and a span carries the macro call it came
//! through, so "expanded from" is printed without any phase thinking of it.

use std::fmt::Write as _;

/// Widest excerpt of a source line that is printed; longer lines are windowed
/// around the culprit so that a one-line megabyte stays readable.
const EXCERPT_WIDTH: usize = 400;
/// Lines printed for a span that covers several.
const EXCERPT_LINES: usize = 6;
/// Macro call sites printed below one message.
const EXPANSION_NOTES: usize = 8;
/// Diagnostics kept by a collector before it only counts.
const DEFAULT_CAP: usize = 20;

/// The macro call a piece of the tree came through. `ROOT` is "written there".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ExpansionId(u32);

impl ExpansionId {
    pub const ROOT: ExpansionId = ExpansionId(0);
}

/// A byte range in the shared offset space of a [`SourceMap`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    pub start: u32,
    pub end: u32,
    pub expansion: ExpansionId,
}

impl Span {
    /// Of what stands in no source: the command line, the environment.
    pub const NOWHERE: Span = Span { start: u32::MAX, end: u32::MAX, expansion: ExpansionId::ROOT };

    pub fn new(start: u32, end: u32) -> Span {
        Span { start, end, expansion: ExpansionId::ROOT }
    }

    /// From the start of `self` to the end of `other`.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start, end: other.end.max(self.start), expansion: self.expansion }
    }

    /// The empty span just behind `self`.
    pub fn after(self) -> Span {
        Span { start: self.end, ..self }
    }

    pub fn in_expansion(self, expansion: ExpansionId) -> Span {
        Span { expansion, ..self }
    }
}

/// One text: the script, an import, the built-in macros.
#[derive(Debug)]
pub struct Source {
    pub name: String,
    pub text: String,
    base: u32,
    line_starts: Vec<u32>,
}

impl Source {
    /// Offset of the text's first byte in the shared space.
    pub fn base(&self) -> u32 {
        self.base
    }

    fn end(&self) -> u32 {
        self.base + self.text.len() as u32
    }

    /// Zero-based line of a local offset.
    fn line_of(&self, offset: u32) -> usize {
        self.line_starts.partition_point(|&start| start <= offset).saturating_sub(1)
    }

    fn line_text(&self, line: usize) -> &str {
        let start = self.line_starts.get(line).map_or(self.text.len(), |&s| s as usize);
        let end = self.line_starts.get(line + 1).map_or(self.text.len(), |&s| s as usize);
        self.text.get(start..end).unwrap_or("").trim_end_matches(['\n', '\r'])
    }

    /// Characters between the start of `line` and a local offset.
    fn column(&self, line: usize, offset: u32) -> usize {
        let start = self.line_starts.get(line).map_or(0, |&s| s as usize);
        let bytes = self.text.as_bytes().get(start..offset as usize).unwrap_or(&[]);
        // Counts the bytes that begin a character: offsets need not lie on one.
        bytes.iter().filter(|&&b| b & 0xC0 != 0x80).count()
    }
}

/// A place as people count it: lines and columns from 1, `end_column` exclusive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location<'a> {
    pub name: &'a str,
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    pub end_column: usize,
}

#[derive(Debug)]
struct Expansion {
    name: String,
    call: Span,
}

#[derive(Debug, thiserror::Error)]
#[error("the program text is too big: {total} bytes in all, the limit is 4 GiB")]
pub struct SourceSpaceFull {
    total: u64,
}

/// All texts of one program, and the macro calls made while expanding it.
#[derive(Debug, Default)]
pub struct SourceMap {
    sources: Vec<Source>,
    expansions: Vec<Expansion>,
}

impl SourceMap {
    pub fn new() -> SourceMap {
        SourceMap::default()
    }

    /// Adds a text and gives it its range of offsets.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        text: impl Into<String>,
    ) -> Result<&Source, SourceSpaceFull> {
        let text = text.into();
        // One byte between two texts keeps an end-of-file span inside its own.
        let base = self.sources.last().map_or(0, |last| u64::from(last.end()) + 1);
        let total = base + text.len() as u64;
        if total >= u64::from(u32::MAX) {
            return Err(SourceSpaceFull { total });
        }
        let newlines = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(i, _)| i as u32 + 1)).collect();
        let at = self.sources.len();
        self.sources.push(Source { name: name.into(), text, base: base as u32, line_starts });
        Ok(&self.sources[at])
    }

    pub fn source_at(&self, span: Span) -> Option<&Source> {
        let at = self.sources.partition_point(|s| s.base <= span.start).checked_sub(1)?;
        self.sources.get(at)
    }

    /// The text a span covers.
    pub fn snippet(&self, span: Span) -> &str {
        let Some(source) = self.source_at(span) else { return "" };
        let start = (span.start - source.base) as usize;
        let end = span.end.saturating_sub(source.base) as usize;
        source.text.get(start..end).unwrap_or("")
    }

    pub fn locate(&self, span: Span) -> Option<Location<'_>> {
        if span == Span::NOWHERE {
            return None;
        }
        let source = self.source_at(span)?;
        let length = source.text.len() as u32;
        let start = (span.start - source.base).min(length);
        let end = span.end.saturating_sub(source.base).clamp(start, length);
        let line = source.line_of(start);
        // A span that stops right behind a line break ends on the line before.
        let mut end_line = source.line_of(if end > start { end - 1 } else { end });
        end_line = end_line.max(line);
        Some(Location {
            name: &source.name,
            line: line + 1,
            column: source.column(line, start) + 1,
            end_line: end_line + 1,
            end_column: source.column(end_line, end) + 1,
        })
    }

    /// Records a macro call; spans made [`Span::in_expansion`] of it report it.
    pub fn add_expansion(&mut self, name: impl Into<String>, call: Span) -> ExpansionId {
        self.expansions.push(Expansion { name: name.into(), call });
        ExpansionId(self.expansions.len() as u32)
    }

    /// The call sites a span came through, innermost first: macro name and place.
    pub fn expansion_chain(&self, span: Span) -> impl Iterator<Item = (&str, Span)> {
        let mut at = span.expansion;
        std::iter::from_fn(move || {
            let expansion = self.expansions.get(at.0.checked_sub(1)? as usize)?;
            at = expansion.call.expansion;
            Some((expansion.name.as_str(), expansion.call))
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

impl Severity {
    fn label(self) -> &'static str {
        match self {
            Severity::Error => "ERROR",
            Severity::Warning => "WARNING",
        }
    }

    fn color(self) -> &'static str {
        match self {
            Severity::Error => "\x1b[31m",
            Severity::Warning => "\x1b[33m",
        }
    }
}

/// One finding. Build it with [`Diagnostic::error`] and the `with_…` methods.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub severity: Severity,
    pub message: String,
    pub span: Span,
    pub hint: Option<String>,
    /// Other places that matter, each with its own excerpt.
    pub notes: Vec<(Span, String)>,
}

impl Diagnostic {
    pub fn error(span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Error, message: message.into(), span, hint: None, notes: Vec::new() }
    }

    pub fn warning(span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(span, message) }
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    pub fn with_note(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.notes.push((span, text.into()));
        self
    }
}

/// Collects findings up to a cap, so that hostile input cannot flood a terminal.
#[derive(Debug)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    cap: usize,
    errors: usize,
    suppressed: usize,
}

impl Default for Diagnostics {
    fn default() -> Self {
        Diagnostics::with_cap(DEFAULT_CAP)
    }
}

impl Diagnostics {
    pub fn with_cap(cap: usize) -> Diagnostics {
        Diagnostics { list: Vec::new(), cap, errors: 0, suppressed: 0 }
    }

    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        if self.list.len() < self.cap {
            self.list.push(diagnostic);
        } else {
            self.suppressed += 1;
        }
    }

    pub fn error(&mut self, span: Span, message: impl Into<String>) {
        self.push(Diagnostic::error(span, message));
    }

    pub fn warning(&mut self, span: Span, message: impl Into<String>) {
        self.push(Diagnostic::warning(span, message));
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    pub fn error_count(&self) -> usize {
        self.errors
    }

    /// The cap is reached: looking for more findings is no use.
    pub fn is_full(&self) -> bool {
        self.list.len() >= self.cap
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// All findings in order, ready for standard error.
    pub fn render(&self, sources: &SourceMap, color: bool) -> String {
        let mut out = String::new();
        for diagnostic in &self.list {
            render_into(&mut out, diagnostic, sources, color);
        }
        if self.suppressed > 0 {
            let _ = writeln!(out, "… and {} more", self.suppressed);
        }
        out
    }
}

/// The header alone, then the macro call chain: what a program says about
/// itself (`errorf`) while it runs, where the excerpt would only repeat.
pub fn render_header(diagnostic: &Diagnostic, sources: &SourceMap, color: bool) -> String {
    let mut out = String::new();
    header(&mut out, sources, diagnostic.severity, diagnostic.span, &diagnostic.message, color);
    call_chain(&mut out, diagnostic, sources, color);
    out
}

/// One finding as text: header, excerpt, macro call chain, notes, hint.
pub fn render(diagnostic: &Diagnostic, sources: &SourceMap, color: bool) -> String {
    let mut out = String::new();
    render_into(&mut out, diagnostic, sources, color);
    out
}

fn render_into(out: &mut String, diagnostic: &Diagnostic, sources: &SourceMap, color: bool) {
    let severity = diagnostic.severity;
    part(out, sources, severity, diagnostic.span, &diagnostic.message, color);
    call_chain(out, diagnostic, sources, color);
    for (span, text) in &diagnostic.notes {
        part(out, sources, severity, *span, text, color);
    }
    if let Some(hint) = &diagnostic.hint {
        for (i, line) in hint.lines().enumerate() {
            let _ = writeln!(out, "{}{line}", if i == 0 { "HINT: " } else { "      " });
        }
    }
}

fn call_chain(out: &mut String, diagnostic: &Diagnostic, sources: &SourceMap, color: bool) {
    let mut chain = sources.expansion_chain(diagnostic.span);
    for (_, call) in chain.by_ref().take(EXPANSION_NOTES) {
        part(out, sources, diagnostic.severity, call, "expanded from", color);
    }
    let deeper = chain.count();
    if deeper > 0 {
        let _ = writeln!(out, "… through {deeper} more macro calls");
    }
}

fn part(out: &mut String, sources: &SourceMap, severity: Severity, span: Span, message: &str, color: bool) {
    header(out, sources, severity, span, message, color);
    let (Some(location), Some(source)) = (sources.locate(span), sources.source_at(span)) else { return };
    let Location { line, column, end_line, end_column, .. } = location;
    if line == end_line {
        return excerpt(out, source.line_text(line - 1), column - 1, end_column - 1);
    }
    for number in (line..=end_line).take(EXCERPT_LINES) {
        excerpt_line(out, source.line_text(number - 1).chars().take(EXCERPT_WIDTH));
        out.push('\n');
    }
    if end_line - line >= EXCERPT_LINES {
        out.push_str("…\n");
    }
}

fn header(out: &mut String, sources: &SourceMap, severity: Severity, span: Span, message: &str, color: bool) {
    let (on, off) = if color { (severity.color(), "\x1b[0m") } else { ("", "") };
    let label = severity.label();
    let place = match sources.locate(span) {
        None => String::new(),
        Some(Location { name, line, column, end_line, end_column }) if line == end_line => {
            format!("{name}:{line}:{column}-{end_column}: ")
        }
        Some(Location { name, line, end_line, .. }) => format!("{name}:{line}-{end_line}: "),
    };
    let _ = writeln!(out, "{on}{place}{label}: {message}{off}");
}

/// The line, and `~` under the characters `start..end`.
fn excerpt(out: &mut String, line: &str, start: usize, end: usize) {
    let skip = if line.len() > EXCERPT_WIDTH { start.saturating_sub(EXCERPT_WIDTH / 4) } else { 0 };
    let windowed = || line.chars().skip(skip).take(EXCERPT_WIDTH);
    excerpt_line(out, windowed());
    out.push('\n');
    for c in windowed().take(start - skip) {
        out.push_str(if c == '\t' { "    " } else { " " });
    }
    for _ in start..end.min(skip + EXCERPT_WIDTH) {
        out.push('~');
    }
    out.push('\n');
}

/// A tab becomes four columns, other control characters one visible one, so
/// that binary input cannot drive the terminal.
fn excerpt_line(out: &mut String, line: impl Iterator<Item = char>) {
    for c in line {
        match c {
            '\t' => out.push_str("    "),
            c if c.is_control() => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
#[path = "diag_tests.rs"]
mod tests;
