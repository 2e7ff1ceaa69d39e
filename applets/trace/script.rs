//! The program's text: from the command line, a file, standard input, or the tools inside.
//!
//! Read with a limit, so that a device or a huge file costs no more than the largest program. Neighbours: `cli`
//! says where from, `compile` parses it.

use std::fs::File;
use std::io::{self, Read};

use edgekit_core::{Error, Exit};

use crate::cli::Script;
use crate::run::os_words;
use crate::syntax::MAX_SCRIPT_BYTES;

/// A text and the name it goes by in messages.
#[derive(Debug)]
pub(crate) struct Source {
    pub name: String,
    pub text: String,
}

/// Why there is no text. A file that cannot be opened is told in bpftrace's words, which scripts look for.
#[derive(Debug)]
pub(crate) enum ReadError {
    Open(String),
    Other(Error),
}

/// Reads the text. Programs of the command line and of standard input are called "stdin", as in bpftrace.
pub(crate) fn read(script: &Script) -> Result<Source, ReadError> {
    match script {
        Script::Inline(text) => Ok(Source { name: "stdin".to_owned(), text: text.clone() }),
        Script::Tool(tool) => Ok(Source { name: format!("{}.bt", tool.name), text: tool.text.to_owned() }),
        Script::Stdin => from_reader("stdin".to_owned(), io::stdin().lock()),
        Script::File(path) => {
            let name = path.display().to_string();
            let failed =
                |e: &io::Error| ReadError::Open(format!("failed to open file '{name}': {}", os_words(e)));
            let file = File::open(path).map_err(|e| failed(&e))?;
            if file.metadata().is_ok_and(|meta| meta.is_dir()) {
                return Err(failed(&io::Error::from_raw_os_error(libc::EISDIR)));
            }
            from_reader(name, file)
        }
    }
}

fn from_reader(name: String, reader: impl Read) -> Result<Source, ReadError> {
    let other = |error| ReadError::Other(error);
    let mut bytes = Vec::new();
    // One byte more than is taken, so that the parser sees that it is too much.
    let read = reader.take(MAX_SCRIPT_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|e| other(Error::from(e).context(format!("cannot read '{name}'"))))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { name, text }),
        Err(e) => {
            let at = e.utf8_error().valid_up_to();
            let line = e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
            let too_long = e.as_bytes().len() > MAX_SCRIPT_BYTES;
            let error = if too_long && at + 4 > MAX_SCRIPT_BYTES {
                Error::new(Exit::DATA, format!("'{name}' is longer than {MAX_SCRIPT_BYTES} bytes"))
            } else {
                Error::new(
                    Exit::DATA,
                    format!("'{name}' is not a program: byte {at}, in line {line}, is not UTF-8"),
                )
            };
            Err(other(error))
        }
    }
}
