//! The compressor: zstd, a block at a time, each for itself.
//!
//! Neighbours: `encode` packs, `decode` unpacks.

use zstd_safe::{CCtx, CParameter, DCtx};

use crate::fault::Fault;

/// The level of what is stored: what takes long is done once, where bundles are made.
pub(crate) const BEST: i32 = 19;
/// The level that tells how large something will be, roughly and quickly.
pub(crate) const QUICK: i32 = 1;

/// A compressor of one level.
pub(crate) struct Packer(CCtx<'static>);

impl Packer {
    pub(crate) fn new(level: i32) -> Result<Packer, Fault> {
        let mut context = CCtx::try_create().ok_or_else(|| failed("set up", "no memory"))?;
        // One thread and no checksum (the block has a hash): the same input makes the same bytes.
        for parameter in [CParameter::CompressionLevel(level), CParameter::ChecksumFlag(false)] {
            context
                .set_parameter(parameter)
                .map_err(|code| failed("set up", zstd_safe::get_error_name(code)))?;
        }
        Ok(Packer(context))
    }

    /// One frame, which says how long it was.
    pub(crate) fn pack(&mut self, raw: &[u8], into: &mut Vec<u8>) -> Result<(), Fault> {
        into.clear();
        into.reserve(zstd_safe::compress_bound(raw.len()));
        self.0.compress2(into, raw).map_err(|code| failed("compress", zstd_safe::get_error_name(code)))?;
        Ok(())
    }
}

/// A decompressor.
pub(crate) struct Unpacker(DCtx<'static>);

impl Unpacker {
    pub(crate) fn new() -> Result<Unpacker, Fault> {
        DCtx::try_create().map(Unpacker).ok_or_else(|| failed("set up", "no memory"))
    }

    /// Unpacks one frame that fills `stored` and says it holds at most `limit` bytes; what is wrong otherwise.
    pub(crate) fn unpack(
        &mut self,
        stored: &[u8],
        limit: usize,
        raw: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        let size = match zstd_safe::get_frame_content_size(stored) {
            Ok(Some(size)) => size,
            Ok(None) => return Err("a block does not say how long it is"),
            Err(_) => return Err("a block is not compressed with zstd"),
        };
        let size = usize::try_from(size)
            .ok()
            .filter(|size| *size <= limit)
            .ok_or("a block is longer than one may be")?;
        if zstd_safe::find_frame_compressed_size(stored) != Ok(stored.len()) {
            return Err("something follows the compressed bytes of a block");
        }
        raw.clear();
        raw.reserve_exact(size);
        match self.0.decompress(raw, stored) {
            Ok(written) if written == size => Ok(()),
            _ => Err("a block cannot be decompressed"),
        }
    }
}

fn failed(doing: &str, why: &str) -> Fault {
    Fault::Machine(format!("the compressor could not {doing}: {why}"))
}
