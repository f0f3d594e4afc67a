//! The vendors: one folder each, with all that is true of that vendor alone. [`registry`] lists them, and
//! [`folder`] says what each gives. [`http`] is the way in which all of them are called, [`sources`] reads bodies for people
//! who try one out, and [`checkup`] is the form in which each judges an installation. Never holds a rule
//! about messages or conversations: [`crate::domain`] does.

pub mod bird;
pub mod braze;
pub mod checkup;
pub mod folder;
pub mod http;
pub mod pack;
pub mod registry;
pub mod sources;
pub mod sunshine;
pub mod zendesk;
