//! For a store with one writer, on any medium: lanes, claims, dedupe, the operator's moves, lists.
//!
//! A [`backend::Backend`] owns a [`core::Core`] over a [`tree::Tree`], runs one request after the other on it, commits,
//! and answers; [`shared::Shared`] is its side that all threads see. Nothing here opens a file, spawns a thread or
//! knows the cost of *durable*: that is the tree's.

pub(super) mod album;
pub(super) mod backend;
pub(super) mod bytes;
pub(super) mod claims;
pub(super) mod core;
mod dedupe_index;
pub(super) mod directory;
pub(super) mod disk;
pub(super) mod epochs;
mod find;
mod forget;
mod homes;
pub(super) mod index;
mod joining;
pub(super) mod journal;
pub(super) mod layout;
pub(super) mod ledger;
pub(super) mod lists;
mod merging;
pub(super) mod operator;
pub(super) mod part;
pub(super) mod partial;
pub(super) mod pauses;
pub(super) mod people;
mod queues;
mod records;
pub(super) mod recovery;
pub(super) mod reports;
pub(super) mod shared;
mod sweep;
pub(super) mod tree;
mod upkeep;
