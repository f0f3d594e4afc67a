//! Talks: the conversations that a carrier keeps with people under names of its own. Never looks for one itself.

use jiff::Timestamp;

use crate::domain::account::AccountId;
use crate::domain::event::{TicketId, UserId};

/// A talk that a carrier keeps with a person.
#[derive(Clone, PartialEq, Eq)]
pub struct Talk {
    /// The carrier's name for it.
    pub thread: String,
    /// The carrier's id of the person, where a look told it.
    pub person: Option<String>,
    /// The carrier's name of the line that the person wrote on last.
    pub line: Option<String>,
    /// The person's number on that line, where the channel has told it.
    pub number: Option<String>,
    /// When they wrote last, as far as a look told.
    pub heard_at: Option<Timestamp>,
}

/// A person to whom an agent writes before they have written.
#[derive(Clone, Copy)]
pub struct FirstContact<'a> {
    /// The desk of the ticket.
    pub desk: AccountId,
    /// The ticket.
    pub ticket: TicketId,
    /// The person's user there.
    pub user: UserId,
    /// Their name there.
    pub name: &'a str,
    /// Their number there, with its country code.
    pub number: &'a str,
    /// The address of the line that the text goes out on.
    pub line: &'a str,
}
