//! Where a bundle comes from: a file, standard input, a server; layers of a registry and a job's link later.
//!
//! A bundle is read forwards, and what is not needed is passed over: a source that can jump does, one that cannot
//! reads on. Going back is never asked for. `file` reads what is here, `http` fetches, `terms` is what the
//! configuration says about fetching. Neighbours: `head` and `read`.

mod file;
mod http;
pub mod terms;

pub use file::FileSource;
pub use http::{Fetching, HttpSource};

use std::path::Path;

use crate::fault::Fault;

/// The bytes of a bundle, in order.
pub trait Source {
    /// What it is called in messages.
    fn place(&self) -> &str;
    /// Reads up to a buffer's length; 0 at the end.
    ///
    /// # Errors
    /// What the system or the other side said; [`Fault::Stopped`] where somebody asked for that meanwhile.
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Fault>;
    /// Passes over bytes.
    ///
    /// # Errors
    /// As [`Source::read`]; the end may be found only by the next read.
    fn pass(&mut self, bytes: u64) -> Result<(), Fault>;
    /// Bytes that came over a network, those that came twice or were passed over included; none for what is here.
    fn fetched(&self) -> Option<u64> {
        None
    }
}

/// True for what is fetched rather than opened.
pub fn is_url(word: &Path) -> bool {
    word.to_str().is_some_and(|word| word.starts_with("http://") || word.starts_with("https://"))
}

/// A bundle in memory.
#[derive(Clone, Copy, Debug)]
pub struct BytesSource<'a>(pub &'a [u8]);

impl Source for BytesSource<'_> {
    fn place(&self) -> &str {
        "memory"
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        std::io::Read::read(&mut self.0, into).map_err(Fault::io("read", self.place()))
    }

    fn pass(&mut self, bytes: u64) -> Result<(), Fault> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.0.len());
        self.0 = &self.0[bytes..];
        Ok(())
    }
}

/// A source that counts, and says what is missing when the end comes early.
pub(crate) struct Reader<'a> {
    source: &'a mut dyn Source,
    at: u64,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(source: &'a mut dyn Source) -> Reader<'a> {
        Reader { source, at: 0 }
    }

    pub(crate) fn place(&self) -> &str {
        self.source.place()
    }

    /// Where the next byte lies.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Fills all of it; `what` is what would be incomplete.
    pub(crate) fn fill(&mut self, into: &mut [u8], what: &'static str) -> Result<(), Fault> {
        self.fill_with(into, what, &mut |_| {})
    }

    /// [`Reader::fill`], and tells of each piece as it comes.
    pub(crate) fn fill_with(
        &mut self,
        into: &mut [u8],
        what: &'static str,
        piece: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Fault> {
        let start = self.at;
        let mut filled = 0;
        while filled < into.len() {
            match self.read(&mut into[filled..])? {
                0 => {
                    let (place, end) = (self.place().to_owned(), self.at);
                    return Err(Fault::Short { place, what, at: start + into.len() as u64, end });
                }
                read => {
                    piece(&into[filled..filled + read]);
                    filled += read;
                }
            }
        }
        Ok(())
    }

    /// Goes on at a place, which lies ahead.
    pub(crate) fn go_to(&mut self, at: u64) -> Result<(), Fault> {
        let ahead = at.checked_sub(self.at);
        let ahead = ahead.ok_or_else(|| Fault::Machine("a bundle is read forwards only".to_owned()))?;
        if ahead > 0 {
            self.source.pass(ahead)?;
            self.at = at;
        }
        Ok(())
    }

    /// Nothing may follow.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        let at = self.at;
        match self.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(self.damaged(at, "the bundle ends here, and the file goes on")),
        }
    }

    pub(crate) fn damaged(&self, at: u64, what: impl Into<String>) -> Fault {
        Fault::Damaged { place: self.place().to_owned(), at, what: what.into() }
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        let read = self.source.read(into)?;
        self.at += read as u64;
        Ok(read)
    }
}
