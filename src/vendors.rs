//! The vendors: one folder each, with all that is true of that vendor alone. [`http`] is the way in which all of them are
//! called, [`sources`] reads the webhooks of all of them, and [`checkup`] is the form in which each judges an installation. Never holds a rule
//! about messages or conversations: [`crate::domain`] does.

pub mod braze;
pub mod checkup;
pub mod http;
pub mod sources;
pub mod zendesk;
