//! Covers of equal bytes made as long as they can be: a block or a piece that was found says where, and not how far.
//!
//! Neighbours: `blocks` and `chunks` find, `encode` writes down.

use super::matcher::Cover;
use crate::fault::Fault;
use crate::image::Image;

/// Bytes that are compared at once.
const STEP: usize = 4096;

/// Lets each cover grow to both sides while bytes are equal, up to its neighbours.
///
/// # Errors
/// Those of reading.
pub(super) fn all(old: &dyn Image, new: &dyn Image, covers: &mut [Cover]) -> Result<(), Fault> {
    let mut bytes = Pair { old, new, a: [0; STEP], b: [0; STEP] };
    let mut done = 0;
    for at in 0..covers.len() {
        let next = covers.get(at + 1).map_or(new.size(), |next| next.new);
        let Some(cover) = covers.get_mut(at) else { break };
        let back = bytes.equal_before(*cover, (cover.new - done).min(cover.old))?;
        (cover.new, cover.old, cover.len) = (cover.new - back, cover.old - back, cover.len + back);
        let room = (next - cover.new - cover.len).min(old.size() - cover.old - cover.len);
        cover.len += bytes.equal_after(*cover, room)?;
        done = cover.new + cover.len;
    }
    Ok(())
}

/// The two images.
struct Pair<'a> {
    old: &'a dyn Image,
    new: &'a dyn Image,
    a: [u8; STEP],
    b: [u8; STEP],
}

impl Pair<'_> {
    /// So many bytes of both, from these places.
    fn read(&mut self, old: u64, new: u64, len: usize) -> Result<(&[u8], &[u8]), Fault> {
        let (a, b) = (&mut self.a[..len], &mut self.b[..len]);
        self.old.read(old, a)?;
        self.new.read(new, b)?;
        Ok((a, b))
    }

    /// How many bytes after a cover are equal, of `room`.
    fn equal_after(&mut self, cover: Cover, room: u64) -> Result<u64, Fault> {
        let mut found = 0;
        while found < room {
            let len = step(room - found);
            let (a, b) = self.read(cover.old + cover.len + found, cover.new + cover.len + found, len)?;
            let equal = a.iter().zip(b).take_while(|(a, b)| a == b).count();
            found += equal as u64;
            if equal < len {
                break;
            }
        }
        Ok(found)
    }

    /// How many bytes before it.
    fn equal_before(&mut self, cover: Cover, room: u64) -> Result<u64, Fault> {
        let mut found = 0;
        while found < room {
            let len = step(room - found);
            let before = found + len as u64;
            let (a, b) = self.read(cover.old - before, cover.new - before, len)?;
            let equal = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
            found += equal as u64;
            if equal < len {
                break;
            }
        }
        Ok(found)
    }
}

fn step(room: u64) -> usize {
    usize::try_from(room).unwrap_or(STEP).min(STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cover_grows_to_both_sides_and_stops_at_its_neighbours() {
        // The middle of the new image is that of the old; the second cover begins where the first may not go.
        let old: Vec<u8> = (0..30_000_u32).map(|at| ((at * at) >> 7) as u8).collect();
        let mut new = old.clone();
        (new[0], new[29_999]) = (!old[0], !old[29_999]);
        let (old, new): (&[u8], &[u8]) = (&old, &new);
        let cover = |at, len| Cover { new: at, old: at, len };
        let mut covers = [cover(9_000, 100), cover(20_000, 1)];
        all(&old, &new, &mut covers).expect("read");
        assert_eq!(covers, [cover(1, 19_999), cover(20_000, 9_999)]);
    }
}
