//! The program's text: from the command line, a file, standard input, or the tools inside.
//!
//! Read with a limit, so that a device or a huge file costs no more than the largest program. Neighbours: `cli`
//! says where from, `compile` parses it.

use std::fs::File;
use std::io::{self, Read};

use edgekit_core::Error;

use crate::cli::Script;
use crate::run::os_words;
use crate::syntax::MAX_SCRIPT_BYTES;

/// A program as it was read, and the name it goes by in messages. Whether it is text at all is for `syntax` to
/// say, which can show the place.
#[derive(Debug)]
pub(crate) struct Source {
    pub name: String,
    pub bytes: Vec<u8>,
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
        Script::Inline(text) => Ok(Source { name: "stdin".to_owned(), bytes: text.clone().into_bytes() }),
        Script::Tool(tool) => Ok(Source { name: format!("{}.bt", tool.name), bytes: tool.text.into() }),
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
    let mut bytes = Vec::new();
    // One byte more than is taken, so that the parser sees that it is too much.
    let read = reader.take(MAX_SCRIPT_BYTES as u64 + 1).read_to_end(&mut bytes);
    match read {
        Ok(_) => Ok(Source { name, bytes }),
        Err(e) => Err(ReadError::Other(Error::from(e).context(format!("cannot read '{name}'")))),
    }
}
