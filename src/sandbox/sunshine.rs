//! An embedded Sunshine Conversations: one app with its users, conversations, channels and switchboard over HTTP, its
//! webhooks of both generations, and its customers' phones.
//!
//! Beside the sandbox of Zendesk and Braze, for tests that need it. Everything follows the published description of the
//! second API (`zendesk/sunshine-conversations-api-spec`, 17.12.1), notifications and templates that of the first, which
//! alone has them. Where a fact is unconfirmed, the less generous reading is taken:
//!
//! * A `PATCH` replaces the metadata of a conversation, and a link that is asked for twice is refused.
//! * A message to a client whose link is not confirmed is stored, reaches no phone, and no webhook tells of it.
//! * A notification is not listed among the messages before its customer answers, and its metadata comes back nowhere.
//! * Webhooks have no order, and may overtake the answer of the call that they tell of.
//! * Providers' codes of text messages stand in the words of an error only; those of WhatsApp below `underlyingError`.
//! * Shorthand in a text is read: `&((…))&`, `%[…](…)`, `![…](…)`.
//!
//! One reading is the generous one: a custom integration that is no member of the switchboard hears every event, because
//! webhooks without a switchboard always did. There is no SDK, so that every conversation is a personal one.

mod api;
mod app;
mod attachments;
mod clients;
mod conversations;
mod delivery;
mod events;
mod integrations;
mod messages;
mod model;
mod notifications;
mod options;
mod phones;
mod start;
mod switchboard;
mod templates;
mod users;

pub use app::Sunshine;
pub use options::{End, Linking, SMS, SunshineOptions, Text, WHATSAPP};

#[cfg(test)]
mod tests;
