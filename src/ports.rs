//! The ports: the bridge's side of every account that it calls, in words that name no vendor.
//!
//! The worker calls accounts through ports only, and one folder a vendor implements them. A port says the facts that a
//! caller may rely on, and returns views: values with the fields that the bridge uses. A call that fails says the
//! caller's next step ([`Failure`]). A port never does I/O itself, and never chooses a ticket, a customer or a text.

mod account;
mod carrier;
pub mod desk;
mod failure;
mod responders;
mod talk;
mod terms;

pub use account::Account;
pub use carrier::{CameIn, Carrier, Illegible, Incoming, Look, Meant, RECEIPT, Sent, Sought, Text};
pub use desk::Desk;
pub use failure::Failure;
pub use responders::Responders;
pub use talk::{FirstContact, Talk};
pub use terms::{CarrierTerms, DeskTerms};

/// The side of every account that posts webhooks.
pub use crate::intake::Source;
