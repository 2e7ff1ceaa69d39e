//! Registers and stack homes for a function of the low-level form.
//!
//! The rooms, in the order the function walks through them: `mir` (the form), `flow` (order of the blocks),
//! `live` (where values are alive), `coalesce` (copies become one register), `assign` and `split` (places).
//! Neighbours: `opt` before, `emit` after.

pub(crate) mod assign;
mod coalesce;
pub(crate) mod flow;
pub(crate) mod live;
pub(crate) mod mir;
mod split;

use assign::Placed;

/// Lays out `body` and places its registers.
pub(crate) fn allocate(body: mir::Body) -> Result<Placed, live::Undefined> {
    let mut flat = flow::layout(body);
    let mut ranges = live::ranges(&mut flat)?;
    let taken = assign::clobbers(&flat);
    coalesce::coalesce(&mut flat, &mut ranges, |r| assign::taken_in(&taken, r) != 0);
    Ok(assign::assign(flat, ranges, taken))
}
