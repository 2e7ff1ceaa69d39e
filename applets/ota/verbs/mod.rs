//! What can be typed, one room a verb; none knows another.

pub(crate) mod apply;
pub(crate) mod create;
pub(crate) mod decide;
pub(crate) mod diff;
pub(crate) mod extract;
pub(crate) mod inspect;
mod interrupt;
pub(crate) mod keys;
pub(crate) mod run;
pub(crate) mod sign;
pub(crate) mod simulate;
pub(crate) mod status;
pub(crate) mod verify;
