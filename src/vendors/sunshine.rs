//! Sunshine Conversations, second generation of its API: the source of its webhooks, its client and its limits. Never names
//! another vendor.

mod carrier;
pub mod checkup;
mod client;
mod error_phrases;
mod first_contact;
mod folder;
mod installation;
pub mod integrations;
pub mod keys;
mod limits;
mod look;
mod notification;
pub mod remedies;
mod responders;
pub mod setup;
mod shorthand;
pub mod source;
mod talks;
mod templates;
pub mod triggers;

pub use client::{Sunshine, SunshineOptions};
pub use installation::Installation;

/// The field of a message's metadata that holds the bridge's mark.
const MARK: &str = "tandem";

/// The field of a message's metadata, and of a conversation's, that holds the number of the ticket.
const TICKET: &str = "tandem_ticket";

/// Whether channels of this type carry SMS.
fn is_sms(channel: &str) -> bool {
    matches!(channel, "twilio" | "messagebird")
}

/// Stands before the external ids that the bridge gives to users, which are no ids of the brand's.
const OWN_USERS: &str = "tandem:";
