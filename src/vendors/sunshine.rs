//! Sunshine Conversations, second generation of its API: the source of its webhooks, its client and its limits. Never names
//! another vendor.

mod carrier;
pub mod checkup;
mod client;
mod error_phrases;
mod folder;
pub mod keys;
mod limits;
pub mod remedies;
mod shorthand;
pub mod source;
mod templates;

pub use client::{Sunshine, SunshineOptions};

/// The field of a message's metadata that holds the bridge's mark.
const MARK: &str = "tandem";
