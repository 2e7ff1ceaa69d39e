//! A buffer whose bytes start at a page boundary, as reads and writes past the page cache need it.

/// The strictest address that storage asks for; a file's block divides it.
const PAGE: usize = 4096;

/// Bytes at an aligned address, kept between uses.
#[derive(Debug, Default)]
pub struct BlockBuf {
    room: Vec<u8>,
    start: usize,
    len: usize,
}

impl BlockBuf {
    /// A length in bytes, to be filled whole: what is in it may be of an earlier use.
    pub fn sized(&mut self, len: usize) -> &mut [u8] {
        if self.room.len() < len + PAGE {
            self.room = vec![0; len + PAGE];
            self.start = self.room.as_ptr().align_offset(PAGE).min(PAGE);
        }
        self.len = len;
        self.bytes_mut()
    }

    /// Zeros of a length, a multiple of the block.
    pub(crate) fn zeroed(&mut self, len: usize) -> &mut [u8] {
        let bytes = self.sized(len);
        bytes.fill(0);
        bytes
    }

    /// What was last asked for.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.room[self.start..self.start + self.len]
    }

    /// The same, to be filled.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.room[self.start..self.start + self.len]
    }

    /// Gives back room above a size, so that one large write does not stay in memory.
    pub(crate) fn shrink_over(&mut self, limit: usize) {
        if self.room.len() > limit + PAGE {
            *self = BlockBuf::default();
        }
    }
}

/// `n` up to the next multiple of a power of two.
pub(crate) fn round_up(n: u64, block: u64) -> u64 {
    n.div_ceil(block) * block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_at_a_page_and_is_zeroed_again() {
        let mut buf = BlockBuf::default();
        for len in [512, 8192, 1024] {
            let bytes = buf.zeroed(len);
            assert_eq!((bytes.as_ptr() as usize % PAGE, bytes.len()), (0, len));
            assert!(bytes.iter().all(|byte| *byte == 0));
            bytes.fill(7);
        }
        assert_eq!(round_up(513, 512), 1024);
    }
}
