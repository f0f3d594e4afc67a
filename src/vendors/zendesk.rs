//! Zendesk: the source of its webhooks, its client, its setup and its checkup. Never names another vendor.

pub mod checkup;
mod client;
mod error_phrases;
mod limits;
mod oauth;
pub mod remedies;
mod search;
pub mod setup;
pub mod signature;
pub mod source;
mod views;

pub use client::{
    Auth, COMMENTS_AT_ONCE, COMMENTS_MAX, Fate, Invocation, Invocations, LostWebhook, TICKETS_AT_ONCE, Zendesk,
    ZendeskOptions, admin,
};
pub use search::UserQuery;
pub use views::{
    Author, CommentView, IdHolder, Made, Saved, TicketView, TicketsRead, TicketsUpdated, UserView, Withheld, Written,
};
