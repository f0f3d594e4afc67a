//! Carrier packs: a carrier out of one file, for an HTTP API that needs no code. The file tells the call, its authentication, the
//! meanings of answers and the form of webhooks; this folder runs it. Never names another vendor.

mod call;
mod carrier;
pub mod checkup;
mod client;
mod error_phrases;
mod file;
mod folder;
pub mod keys;
mod limits;
mod parts;
mod plan;
pub mod remedies;
mod samples;
mod shelf;
pub mod signature;
pub mod source;
mod states;

pub use client::Packed;
pub use plan::Plan;
pub use shelf::shipped;
