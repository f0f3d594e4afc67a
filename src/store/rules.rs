//! The store's rules as plain functions of records: lanes, needs, moves and merging, the same for every medium.
//!
//! A backend reads the records, asks a rule, and writes. Nothing here reads a record or names a medium.

pub(super) mod lanes;
pub(super) mod merging;
pub(super) mod moves;
pub(super) mod window;
