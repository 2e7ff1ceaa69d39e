//! Round trips of pairs that are alike in every way images are, and of pairs that are not.

use proptest::prelude::*;

use super::*;
use crate::bundle::tree::{self, PAGE};
use crate::image::Image;

/// The blocks of a delta, with the searching that was asked for.
fn blocks(old: &[u8], new: &[u8], method: Method) -> Vec<Block> {
    let covers = covers(method, &old, &new, &mut |_| {}).expect("searched");
    let mut end = 0;
    for cover in &covers {
        assert!(cover.new >= end && cover.len > 0, "in order and apart: {cover:?}");
        end = cover.new + cover.len;
        assert!(end <= new.len() as u64 && cover.old + cover.len <= old.len() as u64, "inside: {cover:?}");
    }
    let mut blocks = Vec::new();
    let mut keep = |block| {
        blocks.push(block);
        Ok(())
    };
    encode(&new, &old, &covers, &mut keep, &mut |_| {}).expect("encoded");
    blocks
}

/// The new image again, from the blocks and the old one.
fn apply(old: &[u8], size: u64, blocks: &[Block]) -> Vec<u8> {
    let mut decoder = Decoder::new().expect("memory");
    let (mut out, mut number) = (Vec::new(), 0);
    for block in blocks {
        decoder.begin(&block.stored, number * PAGE as u64).expect("a block");
        for _ in 0..block.pages {
            let mut page = vec![0xAA; tree::page_len(size, number)];
            decoder.page(&old, &mut page).expect("a page");
            out.extend(page);
            number += 1;
        }
        decoder.end().expect("nothing is left");
    }
    out
}

fn stored(blocks: &[Block]) -> usize {
    blocks.iter().map(|block| block.stored.len()).sum()
}

#[track_caller]
fn round(old: &[u8], new: &[u8]) -> [usize; 3] {
    Method::ALL.map(|method| {
        let blocks = blocks(old, new, method);
        assert!(apply(old, new.len() as u64, &blocks) == new, "{method:?}");
        stored(&blocks)
    })
}

/// Bytes like chance.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(len).collect()
}

/// What happens to an image between two versions.
#[derive(Clone, Debug)]
enum Edit {
    Replace(usize, Vec<u8>),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Zeros(usize, usize),
    Repeat(usize, u8, usize),
    Move(usize, usize, usize),
    /// Every so manieth byte changes by one, as addresses in code do.
    Shift(usize, usize, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let place = 0_usize..1 << 21;
    let bytes = proptest::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        (place.clone(), bytes.clone()).prop_map(|(at, bytes)| Edit::Replace(at, bytes)),
        (place.clone(), bytes).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (place.clone(), 0_usize..9000).prop_map(|(at, len)| Edit::Remove(at, len)),
        (place.clone(), 0_usize..90_000).prop_map(|(at, len)| Edit::Zeros(at, len)),
        (place.clone(), any::<u8>(), 0_usize..90_000).prop_map(|(at, byte, len)| Edit::Repeat(at, byte, len)),
        (place.clone(), place.clone(), 0_usize..50_000).prop_map(|(at, to, len)| Edit::Move(at, to, len)),
        (place, 0_usize..100_000, 3_usize..40).prop_map(|(at, len, step)| Edit::Shift(at, len, step)),
    ]
}

fn edited(image: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut new = image.to_vec();
    for edit in edits {
        let cap = |at: usize| at.min(new.len());
        match edit {
            Edit::Replace(at, bytes) => {
                let at = cap(*at);
                let end = cap(at + bytes.len());
                new.splice(at..end, bytes.iter().copied());
            }
            Edit::Insert(at, bytes) => drop(new.splice(cap(*at)..cap(*at), bytes.iter().copied())),
            Edit::Remove(at, len) => drop(new.drain(cap(*at)..cap(at + len))),
            Edit::Zeros(at, len) => drop(new.splice(cap(*at)..cap(*at), std::iter::repeat_n(0, *len))),
            Edit::Repeat(at, byte, len) => {
                let pattern = [*byte, byte.wrapping_add(1), 7].into_iter().cycle().take(*len);
                drop(new.splice(cap(*at)..cap(*at), pattern));
            }
            Edit::Move(at, to, len) => {
                let piece: Vec<u8> = new.drain(cap(*at)..cap(at + len)).collect();
                let to = (*to).min(new.len());
                new.splice(to..to, piece);
            }
            Edit::Shift(at, len, step) => {
                let (at, end) = (cap(*at), cap(at + len));
                new[at..end].iter_mut().step_by(*step).for_each(|byte| *byte = byte.wrapping_add(1));
            }
        }
    }
    new
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_edits_come_out_again(
        seed: u64,
        // Now and then of several pages.
        len in prop_oneof![5 => 0_usize..200_000, 1 => 1_usize << 20..5 << 18],
        edits in proptest::collection::vec(edit(), 0..12),
    ) {
        let old = noise(seed, len);
        let new = edited(&old, &edits);
        round(&old, &new);
        round(&new, &old);
    }

    #[test]
    fn blocks_that_were_damaged_are_refused_or_come_out_wrong(at: usize, bit in 0_u32..8) {
        let old = noise(5, 300_000);
        let new = edited(&old, &[Edit::Shift(1000, 250_000, 9), Edit::Insert(77_777, vec![9; 500])]);
        let mut all = blocks(&old, &new, Method::Binary);
        let block = &mut all[0];
        let at = at % block.stored.len();
        block.stored[at] ^= 1 << bit;
        let mut decoder = Decoder::new().expect("memory");
        let mut page = vec![0; new.len()];
        // Whatever it says, it is bounded, and it does not panic.
        let _ = decoder.begin(&block.stored, 0).and_then(|()| decoder.page(&&old[..], &mut page));
    }
}

#[test]
fn nothing_becomes_something_and_back() {
    let some = noise(1, 5000);
    for (old, new) in [(&[][..], &[][..]), (&[], &some), (&some, &[]), (&some, &some), (&[0], &[0; 9])] {
        round(old, new);
    }
}

#[test]
fn what_is_equal_costs_next_to_nothing() {
    let old = noise(2, 6 << 20);
    let mut new = noise(3, 4096 * 3);
    new.extend_from_slice(&old);
    let [binary, chunks, blocks] = round(&old, &new);
    assert!(binary < 13_000 && chunks < 13_000 && blocks < 13_000, "{binary} {chunks} {blocks}");
    let shifted = [&[7][..], &old].concat();
    let [binary, chunks, blocks] = round(&old, &shifted);
    assert!(binary < 500 && chunks < 500 && blocks < 500, "{binary} {chunks} {blocks}");
}

#[test]
fn code_whose_addresses_moved_is_near() {
    let old = noise(4, 2 << 20);
    let new = edited(&old, &[Edit::Shift(0, 2 << 20, 23)]);
    let [binary, chunks, _] = round(&old, &new);
    assert!(binary < 9000, "{binary}");
    assert!(chunks > 1 << 20, "{chunks}: equal pieces are none");
}

#[test]
fn zeros_and_repeats_are_quick_and_small() {
    let mut old = vec![0; 24 << 20];
    old.extend_from_slice(&noise(6, 100_000));
    old.extend(std::iter::repeat_n([1_u8, 2, 3], 2 << 20).flatten());
    let mut new = vec![0; 25 << 20];
    new[9 << 20..(9 << 20) + 100_000].copy_from_slice(&noise(6, 100_000));
    new.extend(std::iter::repeat_n([1_u8, 2, 3], 3 << 20).flatten());
    new.extend(std::iter::repeat_n([1_u8, 2, 3, 4, 5], 1 << 20).flatten());
    let (clock, _) = (edgekit_core::Clock::system(), ());
    let start = clock.monotonic();
    let sizes = round(&old, &new);
    assert!(sizes[0] < 10_000, "{sizes:?}");
    // Seconds, where what is not bounded takes hours.
    assert!((clock.monotonic() - start).as_secs() < 60);
}

#[test]
fn a_block_stays_within_its_bounds() {
    let new = noise(8, 9 << 20);
    let blocks = blocks(&[], &new, Method::Chunks);
    assert_eq!(blocks.iter().map(|block| block.pages).sum::<u64>(), 9);
    assert!(blocks.iter().all(|block| block.stored.len() <= MAX_STORED), "{blocks:?}");
    let zeros = vec![0; 64 << 20];
    let blocks = self::blocks(&[], &zeros, Method::Chunks);
    assert!(blocks.len() == 1 && blocks[0].stored.len() < 500, "{}", blocks.len());
}

#[test]
fn an_old_image_is_never_read_outside() {
    let old = noise(9, 100_000);
    let blocks = blocks(&old, &old, Method::Binary);
    let mut decoder = Decoder::new().expect("memory");
    decoder.begin(&blocks[0].stored, 0).expect("a block");
    let mut page = vec![0; old.len()];
    let wrong = decoder.page(&&old[..99_999], &mut page).expect_err("outside");
    assert!(matches!(wrong, Wrong::Block(what) if what.contains("outside")), "{wrong:?}");
    assert!((&&old[..] as &dyn Image).read(99_999, &mut [0; 2]).is_err());
}

/// An image of 6 GiB that holds its own places: every eight bytes say where they are.
struct Places;

impl Image for Places {
    fn size(&self) -> u64 {
        6 << 30
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), crate::fault::Fault> {
        for (offset, byte) in (at..).zip(into) {
            *byte = (offset / 8).to_le_bytes()[(offset % 8) as usize];
        }
        Ok(())
    }
}

#[test]
fn places_past_four_gigabytes() {
    let covers = [(0, 5 << 30), (200_000, 8), ((1 << 20) + 5, (6 << 30) - 500_000), (1_900_000, 3)]
        .map(|(new, old)| Cover { new, old, len: 150_000 });
    let mut new = vec![0xEE; 2 << 20];
    for cover in covers {
        Places.read(cover.old, &mut new[cover.new as usize..][..150_000]).expect("inside");
    }
    let mut blocks = Vec::new();
    let mut keep = |block| {
        blocks.push(block);
        Ok(())
    };
    encode(&&new[..], &Places, &covers, &mut keep, &mut |_| {}).expect("encoded");
    assert!(stored(&blocks) < 200, "{}", stored(&blocks));
    let mut decoder = Decoder::new().expect("memory");
    decoder.begin(&blocks[0].stored, 0).expect("a block");
    let mut page = vec![0; PAGE];
    for half in new.chunks(PAGE) {
        decoder.page(&Places, &mut page).expect("a page");
        assert!(page == half);
    }
    decoder.end().expect("nothing is left");
}
