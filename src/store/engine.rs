//! What a store with one writer does, whatever its records lie on: lanes, claims, dedupe, the operator's moves, lists.
//!
//! A [`backend::Backend`] owns a [`core::Core`] over a [`tree::Tree`], lets one request after the other at it, commits,
//! and answers; [`shared::Shared`] is what everybody may see meanwhile. Nothing here opens a file, spawns a thread or knows what
//! *durable* costs: that is the tree's.

pub(super) mod backend;
pub(super) mod claims;
pub(super) mod core;
mod directory;
pub(super) mod epochs;
mod find;
mod forget;
mod hand;
mod index;
pub(super) mod journal;
mod known;
pub(super) mod layout;
pub(super) mod lists;
mod merging;
mod people;
mod records;
pub(super) mod recovery;
pub(super) mod shared;
mod sweep;
pub(super) mod tree;
mod upkeep;
