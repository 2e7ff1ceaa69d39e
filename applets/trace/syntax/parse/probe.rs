//! `provider:argument:…, … /predicate/ { body }`.
//!
//! Attach points are raw text with rules of their own (paths, wildcards,
//! quotes, positional parameters), so they are read from the text byte by byte.

use edgekit_core::text::nearest;

use super::super::ast::*;
use super::super::lexer::{Punct, Tok, is_ident_byte};
use super::super::literal;
use super::{Failed, Parsed, Parser};
use crate::diag::{Diagnostic, Span};

/// An attach point cut at its colons, before it means anything.
struct Pieces {
    label: Option<Ident>,
    args: Vec<AttachArg>,
    span: Span,
}

impl Parser<'_> {
    pub(super) fn probe(&mut self) -> Parsed<()> {
        let start = self.tok.start;
        let mut attach_points = Vec::new();
        loop {
            let pieces = self.attach_text()?;
            self.attach_point(pieces, &mut attach_points);
            if !self.eat(Punct::Comma) {
                break;
            }
            if self.at_end() || self.at(Punct::LBrace) {
                return Err(self.expected("a probe after ','"));
            }
        }
        let predicate = if self.at(Punct::Slash) { Some(self.predicate()?) } else { None };
        if !self.at(Punct::LBrace) {
            return Err(self.expected("'{'"));
        }
        let body = self.body()?;
        let span = self.since(start);
        self.script.probes.push(Probe { attach_points, predicate, body, span });
        Ok(())
    }

    fn predicate(&mut self) -> Parsed<Expr> {
        self.bump();
        self.in_predicate = true;
        let expr = self.expr();
        self.in_predicate = false;
        let expr = expr?;
        if !self.eat(Punct::Slash) {
            return Err(self.expected("'/' to close predicate"));
        }
        Ok(expr)
    }

    /// Takes the text of one attach point from the current token on.
    fn attach_text(&mut self) -> Parsed<Pieces> {
        let start = self.tok.start;
        let mut reader = Reader { bytes: self.text.as_bytes(), pos: start, paths: false };
        let mut cut = Cut::new(start);
        while let Some(byte) = reader.peek() {
            match byte {
                b':' => {
                    reader.pos += 1;
                    cut.next_arg(reader.pos);
                    reader.paths = cut.args.first().is_some_and(|provider| takes_paths(&provider.text));
                }
                b'"' => self.attach_quoted(&mut reader, &mut cut)?,
                b'$' => self.attach_param(start, &mut reader, &mut cut)?,
                b'=' if cut.is_label() => {
                    reader.pos += 1;
                    cut.take_label(reader.pos);
                }
                _ => {
                    cut.text.push(byte);
                    reader.pos += 1;
                }
            }
        }
        cut.next_arg(reader.pos + 1);
        self.resume_at(reader.pos);
        if reader.pos == start {
            return Err(self.expected("a probe"));
        }
        let span = self.range(start, reader.pos);
        let place = |s: usize, e: usize| self.range(s, e);
        let args = cut.args.into_iter();
        let args =
            args.map(|a| AttachArg { text: a.text, quoted: a.quoted, span: place(a.start, a.end) }).collect();
        let label = cut.label.map(|(name, end)| Ident { name, span: place(start, end) });
        Ok(Pieces { label, args, span })
    }

    fn attach_quoted(&mut self, reader: &mut Reader, cut: &mut Cut) -> Parsed<()> {
        let start = reader.pos;
        self.resume_at(start);
        if self.tok.kind != Tok::Str {
            return Err(self.expected("a closing quote"));
        }
        let (bytes, errors) = literal::string(self.text_of(self.tok));
        for bad in errors {
            let span = self.range(start + bad.at.start, start + bad.at.end);
            self.error(span, bad.message);
        }
        reader.pos = self.tok.end;
        cut.text.extend_from_slice(&bytes);
        cut.quoted = true;
        Ok(())
    }

    fn attach_param(&mut self, start: usize, reader: &mut Reader, cut: &mut Cut) -> Parsed<()> {
        let rest = &reader.bytes[reader.pos + 1..];
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let digits = &self.text[reader.pos + 1..reader.pos + 1 + digits];
        let bad = if digits.is_empty() || digits == "0" {
            let name = rest.iter().take_while(|&&b| is_ident_byte(b) || b == b'#').count();
            let name = &self.text[reader.pos + 1..reader.pos + 1 + name];
            Some(format!(
                "invalid trailing character for positional param: {name}. \
                 Try quoting this entire part if this is intentional e.g. \"${name}\"."
            ))
        } else if digits.parse::<u64>().is_err() {
            let max = u64::MAX;
            Some(format!(
                "positional parameter is not valid: overflow error, maximum value is {max}: {digits}"
            ))
        } else {
            None
        };
        if let Some(message) = bad {
            let span = self.range(start, reader.attach_end());
            self.resume_at(reader.attach_end());
            return Err(self.report(Diagnostic::error(span, message)));
        }
        let at = reader.pos;
        reader.pos += 1 + digits.len();
        let number: usize = digits.parse().unwrap_or(usize::MAX);
        let value = number.checked_sub(1).and_then(|i| self.params.get(i)).map_or("", String::as_str);
        // A parameter may hold several parts, or a whole attach point.
        let mut parts = value.split(':');
        cut.text.extend_from_slice(parts.next().unwrap_or("").as_bytes());
        for part in parts {
            cut.next_arg(reader.pos + 1);
            cut.start = at;
            cut.text.extend_from_slice(part.as_bytes());
        }
        reader.paths = cut.args.first().is_some_and(|provider| takes_paths(&provider.text));
        Ok(())
    }

    /// Gives the pieces their meaning; wrong ones are reported, not fatal.
    fn attach_point(&mut self, pieces: Pieces, out: &mut Vec<AttachPoint>) {
        let Pieces { label, mut args, span } = pieces;
        let name = if args.is_empty() { String::new() } else { args.remove(0).text };
        if name.is_empty() {
            self.report(Diagnostic::error(span, "No attach points for probe"));
            return;
        }
        let wild = name.contains(['*', '?', '[']);
        let providers: Vec<Provider> = if wild {
            let fits = |p: &Provider| wildcard_fits(*p, &name, &args);
            Provider::all().filter(fits).collect()
        } else {
            Provider::from_name(&name).into_iter().collect()
        };
        if providers.is_empty() {
            self.unknown_provider(&name, span, wild);
            return;
        }
        for provider in providers {
            match normal_args(provider, args.clone()) {
                Ok(args) => out.push(AttachPoint { label: label.clone(), provider, args, span }),
                Err(message) => {
                    self.report(Diagnostic::error(span, message));
                }
            }
        }
    }

    fn unknown_provider(&mut self, name: &str, span: Span, wild: bool) -> Failed {
        if wild {
            let message = format!("No probe type matches {name} with these arguments");
            return self.report(Diagnostic::error(span, message));
        }
        let mut diagnostic = Diagnostic::error(span, format!("Invalid probe type: {}", name.escape_debug()));
        if let Some(near) = nearest(name, Provider::all().map(Provider::name)) {
            diagnostic = diagnostic.with_hint(format!("did you mean '{near}'?"));
        }
        self.report(diagnostic)
    }
}

/// Providers whose arguments are paths, so that a `/` in them ends nothing.
fn takes_paths(provider: &str) -> bool {
    use Provider::{Iter, Uprobe, Uretprobe, Usdt};
    match Provider::from_name(provider) {
        Some(provider) => matches!(provider, Uprobe | Uretprobe | Usdt | Iter),
        None => true,
    }
}

/// A wildcard provider takes only what its candidates can mean. Return probes
/// are meant only by patterns that name them.
fn wildcard_fits(provider: Provider, pattern: &str, args: &[AttachArg]) -> bool {
    let returns = matches!(provider, Provider::Kretprobe | Provider::Uretprobe | Provider::Fexit);
    let (min, max) = provider.arg_range();
    let is_path = |arg: &AttachArg| !arg.quoted && arg.text.contains('/');
    matches_wildcard(pattern, provider.name())
        && (!returns || pattern.contains("ret") || pattern.contains("exit"))
        && (min..=max).contains(&args.len())
        && (matches!(provider, Provider::Uprobe | Provider::Uretprobe | Provider::Usdt)
            || !args.iter().any(is_path))
}

fn normal_args(provider: Provider, mut args: Vec<AttachArg>) -> Result<Vec<AttachArg>, String> {
    match provider {
        // `tracepoint:*` is every event of every category.
        Provider::Tracepoint if args.len() == 1 && args[0].text == "*" => args.push(args[0].clone()),
        // `usdt:*` is every probe of the process given by its id.
        Provider::Usdt if args.len() == 1 && args[0].text == "*" => args.push(args[0].clone()),
        // `hardware:event:` leaves the count to us.
        Provider::Hardware | Provider::Software if args.last().is_some_and(|a| a.text.is_empty()) => {
            args.pop();
        }
        _ => {}
    }
    let (min, max) = provider.arg_range();
    if (min..=max).contains(&args.len()) {
        return Ok(args);
    }
    let counts: Vec<String> = (min..=max).map(|n| n.to_string()).collect();
    let counts = counts.join(" or ");
    Err(format!("{} probe type requires {counts} arguments, found {}", provider.name(), args.len()))
}

/// `*` stands for any characters, `?` for one. Names are short, so the plain
/// way with one point to come back to is enough.
fn matches_wildcard(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n, mut retry) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, n));
                p += 1;
            }
            Some(&b) if b == b'?' || b == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                p = star + 1;
                n = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|&b| b == b'*')
}

struct Reader<'a> {
    bytes: &'a [u8],
    pos: usize,
    paths: bool,
}

impl Reader<'_> {
    /// The next byte of the attach point, `None` at its end.
    fn peek(&self) -> Option<u8> {
        let byte = *self.bytes.get(self.pos)?;
        let ends = byte.is_ascii_whitespace() || matches!(byte, b'{' | b',') || (byte == b'/' && !self.paths);
        (!ends).then_some(byte)
    }

    fn attach_end(&self) -> usize {
        let rest = &self.bytes[self.pos..];
        let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'{' | b',');
        self.pos + rest.iter().position(ends).unwrap_or(rest.len())
    }
}

struct CutArg {
    text: String,
    quoted: bool,
    start: usize,
    end: usize,
}

/// Gathers the argument being read.
struct Cut {
    label: Option<(String, usize)>,
    args: Vec<CutArg>,
    text: Vec<u8>,
    quoted: bool,
    start: usize,
}

impl Cut {
    fn new(start: usize) -> Cut {
        Cut { label: None, args: Vec::new(), text: Vec::new(), quoted: false, start }
    }

    /// Closes the argument; the next one starts at `next`, behind a colon.
    fn next_arg(&mut self, next: usize) {
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.text)).into_owned();
        let quoted = std::mem::take(&mut self.quoted);
        self.args.push(CutArg { text, quoted, start: self.start, end: next - 1 });
        self.start = next;
    }

    /// What was read so far may be the `name` of `name=provider`.
    fn is_label(&self) -> bool {
        self.label.is_none()
            && self.args.is_empty()
            && !self.quoted
            && !self.text.is_empty()
            && self.text.iter().all(|&b| is_ident_byte(b))
    }

    fn take_label(&mut self, next: usize) {
        let name = String::from_utf8_lossy(&std::mem::take(&mut self.text)).into_owned();
        self.label = Some((name, next - 1));
        self.start = next;
    }
}
