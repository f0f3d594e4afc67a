//! The store's rules as plain functions of records, the same for every medium: acceptance, lanes, needs, moves, claims,
//! groups, doubt, learning, joining, reports, expiry, erasure and an operator's acts.
//!
//! A backend reads the records, asks a rule, and writes. Nothing here reads a record or names a medium.

pub(super) mod accepting;
pub(super) mod acts;
pub(super) mod claims;
pub(super) mod doubt;
pub(super) mod erasure;
pub(super) mod expiry;
pub(super) mod groups;
pub(super) mod joining;
pub(super) mod lanes;
pub(super) mod learning;
pub(super) mod merging;
pub(super) mod moves;
pub(super) mod reports;
#[cfg(test)]
pub(super) mod testing;
pub(super) mod window;
