//! The vendors: one folder each, with all that is true of that vendor alone. [`registry`] lists them, and
//! [`folder`] says what each gives. [`http`] is the way in which all of them are called, [`sources`] reads bodies for people
//! who try one out, `shorthand` is that in which agents ask for a template, [`checkup`] is the form in which each judges an
//! installation, and [`setup`] that of the steps in which one is made. Never holds a rule
//! about messages or conversations: [`crate::domain`] does.

pub mod bird;
pub mod braze;
pub mod checkup;
pub mod folder;
pub mod http;
pub mod pack;
pub mod registry;
pub mod setup;
pub(crate) mod shorthand;
pub mod sources;
pub mod sunshine;
pub mod zendesk;
