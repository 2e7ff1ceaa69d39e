//! The caller's side of a control socket, blocking: one request, one answer, in bounded time.
//!
//! Without a runtime, because `edgekit status` is a tool like any other.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use edgekit_core::{Error, ErrorContext, Exit};
use serde_json::Value;

use super::wire;

/// A reload may take as long as a service needs to read its files, an upgrade as long as a process to start.
const PATIENCE: Duration = Duration::from_secs(45);
/// Longest answer that is read.
const MAX_ANSWER: u64 = 16 << 20;

/// A daemon found by its socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Daemon {
    /// The applet that runs, `run` for several in one process.
    pub applet: String,
    /// `NAME` of `--instance NAME`.
    pub instance: Option<String>,
    /// Its socket.
    pub path: PathBuf,
}

/// The daemons with a socket in `directory` (`/run/edgekit`), by name; a socket may be stale.
pub fn daemons(directory: &Path) -> Result<Vec<Daemon>, Error> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).context(format!("cannot read '{}'", directory.display())),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".sock")) else {
            continue;
        };
        let (applet, instance) = match name.split_once('@') {
            Some((applet, instance)) => (applet, Some(instance.to_owned())),
            None => (name, None),
        };
        found.push(Daemon { applet: applet.to_owned(), instance, path: path.clone() });
    }
    edgekit_core::sort::by(&mut found, |a, b| (&a.applet, &a.instance).cmp(&(&b.applet, &b.instance)));
    Ok(found)
}

impl Daemon {
    /// `proxy` or `proxy@INSTANCE`.
    pub fn name(&self) -> String {
        match &self.instance {
            Some(instance) => format!("{}@{instance}", self.applet),
            None => self.applet.clone(),
        }
    }

    /// Asks for `path`; gives the JSON of the answer.
    ///
    /// # Errors
    /// Exit 69 where nobody listens, 77 where we may not ask, 76 for an answer that makes no sense;
    /// else what the daemon says, with its hint.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        self.ask_within(method, path, body, Duration::ZERO)
    }

    /// The same, of a daemon that needs `longer` for it than for most.
    ///
    /// # Errors
    /// As [`Daemon::ask`].
    pub fn ask_within(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        longer: Duration,
    ) -> Result<Value, Error> {
        let exchanged = self.exchange(method, path, body, PATIENCE + longer).map_err(|error| {
            let (kind, error) = (error.kind(), Error::from(error));
            match kind {
                io::ErrorKind::PermissionDenied => {
                    error.hint(format!("ask as root, or as a member of group '{}'", super::GROUP))
                }
                io::ErrorKind::NotFound => error.with_exit(Exit::UNAVAILABLE).hint("it does not run"),
                io::ErrorKind::ConnectionRefused => error.hint("the daemon has died; start it again"),
                _ => error,
            }
        });
        let bytes = exchanged.with_context(|| format!("cannot ask '{}'", self.path.display()))?;
        let answer = wire::parse_response(&bytes)
            .and_then(|(status, body)| Some((status, serde_json::from_slice::<Value>(body).ok()?)));
        let Some((status, value)) = answer else {
            return Err(Error::new(
                Exit::PROTOCOL,
                format!("'{}' sent no proper answer", self.path.display()),
            ));
        };
        if status == 200 {
            return Ok(value);
        }
        let words = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let exit = match status {
            403 => Exit::NO_PERMISSION,
            503 => Exit::TEMPORARY,
            404 => Exit::NO_INPUT,
            _ => Exit::USAGE,
        };
        let error = Error::new(exit, words("error").unwrap_or_else(|| format!("status {status}")));
        let error = error.context(format!("'{}' refused", self.name()));
        Err(match words("hint") {
            Some(hint) => error.hint(hint),
            None => error,
        })
    }

    fn exchange(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        patience: Duration,
    ) -> io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(&self.path)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let length = body.len();
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: edgekit\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
        Ok(answer)
    }
}
