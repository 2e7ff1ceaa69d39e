//! Lines as somebody wants them: a text with names in it, read once and written for each request.
//!
//! `$status` or `${status}` stands for a value, `${header:x-id}` for a header of the request, `$$` for a dollar.
//! Values are escaped as in JSON, so that a template may be one object a line; what is empty is `-`.

use std::fmt;

use edgekit_core::text;

use super::{Line, decimal, escape, milliseconds, or_dash, push, time};
use crate::dates::Dates;
use crate::http1::is_token;

/// Headers of a request that a template may name: what they say is kept until the request's end.
const MAX_HEADERS: usize = 16;

macro_rules! items {
    ($($item:ident = $word:literal,)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        enum Item { $($item),* }

        const ITEMS: &[(&str, Item)] = &[$(($word, Item::$item)),*];
    };
}

items! {
    Time = "time",
    Client = "client",
    Identity = "identity",
    Method = "method",
    Target = "target",
    Path = "path",
    Query = "query",
    Host = "host",
    Agent = "agent",
    Status = "status",
    Sent = "sent",
    Duration = "duration_ms",
    Route = "route",
    Endpoint = "endpoint",
    Fault = "fault",
    Trace = "trace",
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Text(Box<str>),
    Item(Item),
    /// Of those that are kept, the one at this position.
    Header(usize),
}

/// A template that was read.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
    headers: Vec<String>,
}

impl Template {
    /// Reads one.
    ///
    /// # Errors
    /// A name that stands for nothing, or none at all.
    pub fn parse(source: &str) -> Result<Template, String> {
        let mut template = Template { source: source.to_owned(), ..Template::default() };
        let (mut rest, mut plain) = (source, String::new());
        if source.contains(['\n', '\r']) {
            return Err("a line has no end of line in it".to_owned());
        }
        while let Some((before, after)) = rest.split_once('$') {
            plain.push_str(before);
            let name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            let word = match after.as_bytes() {
                [b'$', ..] => {
                    plain.push('$');
                    rest = &after[1..];
                    continue;
                }
                [b'{', ..] => {
                    let (word, after) = after[1..].split_once('}').ok_or("a '${' has no '}'")?;
                    rest = after;
                    word
                }
                bytes => {
                    let end = bytes.iter().position(|byte| !name(*byte)).unwrap_or(bytes.len());
                    rest = &after[end..];
                    &after[..end]
                }
            };
            if !plain.is_empty() {
                template.parts.push(Part::Text(std::mem::take(&mut plain).into()));
            }
            let part = template.part(word)?;
            template.parts.push(part);
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            template.parts.push(Part::Text(plain.into()));
        }
        if template.parts.is_empty() { Err("it is empty".to_owned()) } else { Ok(template) }
    }

    fn part(&mut self, word: &str) -> Result<Part, String> {
        if let Some((_, item)) = ITEMS.iter().find(|(name, _)| *name == word) {
            return Ok(Part::Item(*item));
        }
        let Some(name) = word.strip_prefix("header:") else {
            let near = text::nearest(word, ITEMS.iter().map(|(name, _)| *name));
            let near = near.map_or(String::new(), |near| format!(" (did you mean '${near}'?)"));
            return Err(format!("'${word}' stands for nothing{near}"));
        };
        let name = name.to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(format!("'{name}' is not the name of a header"));
        }
        let known = self.headers.iter().position(|known| *known == name);
        let at = known.unwrap_or(self.headers.len());
        if at >= MAX_HEADERS {
            return Err(format!("it names more than {MAX_HEADERS} headers"));
        }
        if known.is_none() {
            self.headers.push(name);
        }
        Ok(Part::Header(at))
    }

    /// Names of headers whose values are to be kept, in lower case.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// Writes a line.
    pub(super) fn write(&self, out: &mut Vec<u8>, dates: &mut Dates, line: &Line<'_>) {
        let [method, target, host, agent] = line.parts();
        let query = memchr::memchr(b'?', target);
        for part in &self.parts {
            let value = match part {
                Part::Text(text) => {
                    push(out, &[text.as_bytes()]);
                    continue;
                }
                Part::Header(at) => line.header(*at),
                Part::Item(item) => match item {
                    Item::Time => {
                        time(out, dates);
                        continue;
                    }
                    Item::Status => {
                        decimal(out, u64::from(line.status));
                        continue;
                    }
                    Item::Sent => {
                        decimal(out, line.sent);
                        continue;
                    }
                    Item::Duration => {
                        milliseconds(out, line.took);
                        continue;
                    }
                    Item::Trace => {
                        match line.trace {
                            Some(trace) => push(out, &[&trace.name()]),
                            None => out.push(b'-'),
                        }
                        continue;
                    }
                    Item::Client => line.client.as_bytes(),
                    Item::Identity => line.identity.as_bytes(),
                    Item::Method => method,
                    Item::Target => target,
                    Item::Path => &target[..query.unwrap_or(target.len())],
                    Item::Query => query.map_or(&b""[..], |at| &target[at + 1..]),
                    Item::Host => host,
                    Item::Agent => agent,
                    Item::Route => line.route.as_bytes(),
                    Item::Endpoint => line.endpoint,
                    Item::Fault => line.fault.as_bytes(),
                },
            };
            escape(out, or_dash(value));
        }
        out.push(b'\n');
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::line;
    use super::*;
    use edgekit_core::Clock;
    use std::time::Duration;

    fn written(source: &str) -> String {
        let mut dates = Dates::new(Clock::fixed(Duration::from_millis(784_111_777_042)));
        let mut out = Vec::new();
        Template::parse(source).unwrap().write(&mut out, &mut dates, &line());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_as_somebody_wants_them() {
        assert_eq!(
            written(
                "$time $client ${method}:$path?$query $status $sent $duration_ms $route $endpoint $fault"
            ),
            "1994-11-06T08:49:37.042Z ::1 GET:/a?b 200 1234 1.045 all 127.0.0.1:9000 -\n"
        );
        assert_eq!(written("$$5 $host$$ ${identity}x $trace"), "$5 example.com$ -x -\n");
        let json = written("{\"agent\":\"$agent\",\"status\":$status}");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value, serde_json::json!({ "agent": "x\"\n\u{fffd}", "status": 200 }));
        assert_eq!(written("${header:X-Id}|${header:referer}|${header:x-id}"), "7|-|7\n");
    }

    #[test]
    fn names_that_stand_for_nothing_are_refused() {
        for (source, wanted) in [
            ("$statu", "'$statu' stands for nothing (did you mean '$status'?)"),
            ("${status", "a '${' has no '}'"),
            ("$", "'$' stands for nothing"),
            ("$ x", "'$' stands for nothing"),
            ("${header:a b}", "'a b' is not the name of a header"),
            ("${header:}", "'' is not the name of a header"),
            ("", "it is empty"),
            ("a\nb", "a line has no end of line in it"),
        ] {
            assert_eq!(Template::parse(source).unwrap_err(), wanted, "{source}");
        }
        let many: String = (0..17).map(|number| format!("${{header:x-{number}}}")).collect();
        assert_eq!(Template::parse(&many).unwrap_err(), "it names more than 16 headers");
    }
}
