//! Zendesk: the source of its webhooks, its client, its setup and its checkup. Never names another vendor.

pub mod checkup;
mod client;
mod error_phrases;
mod folder;
mod installation;
pub mod keys;
mod limits;
mod oauth;
mod recipe;
pub mod remedies;
mod search;
pub mod setup;
pub mod signature;
pub mod source;
mod views;

pub use client::{Auth, GIVEN_UP, Zendesk, ZendeskOptions, admin};
pub use installation::Installation;
