//! Frames that wait to be written, all streams' in one piece: one write takes them all.

/// More than this waits for nothing but control frames and heads.
const ROOM: usize = 64 * 1024;
/// Beyond this nothing is read either: the other side makes us answer and takes no answers.
const CLOGGED: usize = 256 * 1024;
/// An empty one keeps no more memory.
const KEPT: usize = 64 * 1024;

/// The frames.
#[derive(Default, Debug)]
pub(in crate::http2) struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
    /// So far it was offered to be written: part of it may be sealed in a record already.
    offered: usize,
    /// Bytes that were in it before [`Outbox::bytes`] began.
    before: u64,
}

impl Outbox {
    /// Where frames are appended.
    pub(in crate::http2) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What is to be written.
    pub(in crate::http2) fn unsent(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// All of it was offered to a writer that has to wait.
    pub(in crate::http2) fn offered(&mut self) {
        self.offered = self.bytes.len();
    }

    /// Counts what was written.
    pub(in crate::http2) fn wrote(&mut self, bytes: usize) {
        self.sent += bytes;
        if self.sent >= self.bytes.len() {
            self.before += self.bytes.len() as u64;
            self.bytes.clear();
            (self.sent, self.offered) = (0, 0);
            if self.bytes.capacity() > KEPT {
                self.bytes = Vec::new();
            }
        }
    }

    /// Bytes of DATA that may be added now.
    pub(in crate::http2) fn room(&self) -> usize {
        ROOM.saturating_sub(self.unsent().len())
    }

    /// True if the other side has to take something before we listen to it.
    pub(in crate::http2) fn is_clogged(&self) -> bool {
        self.unsent().len() > CLOGGED
    }

    /// The place where the next frame will be.
    pub(in crate::http2) fn mark(&self) -> u64 {
        self.before + self.bytes.len() as u64
    }

    /// The frame at `mark`, if no byte of it has gone or been offered.
    pub(in crate::http2) fn frame(&mut self, mark: u64) -> Option<&mut [u8]> {
        let at = usize::try_from(mark.checked_sub(self.before)?).ok()?;
        if at < self.sent.max(self.offered) { None } else { self.bytes.get_mut(at..) }
    }

    /// Lets go of memory, if nothing waits.
    pub(in crate::http2) fn rest(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
    }
}
