//! Bird, third generation: the source of its webhooks, its client and its limits. Never names another vendor.

mod carrier;
pub mod checkup;
mod client;
mod error_phrases;
mod folder;
mod idempotency;
pub mod keys;
mod limits;
mod mark;
pub mod remedies;
pub mod signature;
pub mod source;
mod templates;

pub use client::{Bird, BirdOptions, address_of};
