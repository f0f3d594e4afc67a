//! The tickets of a desk: found, read, opened, added to. Never decides which one a text goes to.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::users::UserView;
use crate::domain::conversation::TicketStatus;
use crate::domain::event::{CommentId, EventId, TicketId, UserId};
use crate::domain::line::TicketSettings;
use crate::domain::ticket::Tagging;
use crate::ports::Failure;

/// The tag by which an agent (or the bridge) says that a ticket is a text conversation.
pub const CONVERSATION_TAG: &str = "sms";

/// The most tickets that [`Tickets::tickets`] reads at once.
pub const TICKETS_AT_ONCE: usize = 100;

/// The tickets of a desk.
#[async_trait]
pub trait Tickets: Send + Sync {
    /// The tickets with exactly this conversation key, deleted ones left out, in the desk's order. A new ticket may be
    /// missing for a while.
    ///
    /// # Errors
    /// As for every read.
    async fn find_tickets(&self, key: &str) -> Result<Vec<TicketView>, Failure>;

    /// Text conversations that were updated after `since`, oldest update first. A desk may bound the list, and the
    /// newest are then left out ([`TicketsUpdated::cut_off_at`]). It may lag by minutes, so choose an earlier `since`
    /// than is needed.
    ///
    /// # Errors
    /// As for every read.
    async fn tickets_updated(&self, since: Timestamp) -> Result<TicketsUpdated, Failure>;

    /// The first [`TICKETS_AT_ONCE`] of these tickets as they are now, in one call, with the number of their comments.
    /// Deleted tickets are left out.
    ///
    /// # Errors
    /// As for every read.
    async fn tickets(&self, ids: &[TicketId]) -> Result<TicketsRead, Failure>;

    /// One ticket, with its requester and the number of its comments.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when it does not exist or is deleted; otherwise as for every read.
    async fn ticket(&self, id: TicketId) -> Result<TicketView, Failure>;

    /// Opens a ticket. The same event and body make no second ticket for as long as the desk knows its event.
    ///
    /// # Errors
    /// [`Failure::IdempotencyMismatch`] when the event has opened a ticket from another body; otherwise as for every
    /// write.
    async fn open(&self, ticket: &NewTicket<'_>) -> Result<Written, Failure>;

    /// Adds to a ticket, usually a comment.
    ///
    /// # Errors
    /// [`Failure::Closed`] and [`Failure::NotFound`]; [`Failure::Changed`] where the ticket has changed since the time
    /// that the addition names; otherwise as for every write. A desk need not know a repetition, so an addition that
    /// was lost is looked for before it is made again.
    async fn add(&self, ticket: TicketId, addition: &Addition<'_>) -> Result<Written, Failure>;

    /// Gives a ticket the tags, unless it has changed since they were read.
    ///
    /// # Errors
    /// As for [`Tickets::add`].
    async fn tag(&self, ticket: TicketId, tagging: &Tagging) -> Result<(), Failure>;

    /// Uploads a file and returns the token by which one comment takes it. An upload that no comment uses is invisible,
    /// so a lost one may be repeated.
    ///
    /// # Errors
    /// As for every read; [`Failure::GiveUp`] for a content type that cannot be sent.
    async fn upload(&self, file: File) -> Result<String, Failure>;
}

/// A ticket to open.
#[derive(Clone, Copy, Debug)]
pub struct NewTicket<'a> {
    /// The event that opens it.
    pub event: EventId,
    /// The body that the mapping has rendered.
    pub body: &'a Value,
    /// The settings of the conversation's line. A value that the mapping has set stays.
    pub settings: Option<&'a TicketSettings>,
}

/// An addition to a ticket.
#[derive(Clone, Copy, Debug)]
pub struct Addition<'a> {
    /// The body that the mapping has rendered.
    pub body: &'a Value,
    /// The tags to write along, where the ticket lacks the tag of text conversations. Tags that the mapping sends stand
    /// instead, with the missing one.
    pub tagging: Option<&'a Tagging>,
    /// The time since which the ticket must not have changed, by the desk's clock.
    pub unchanged_since: Option<Timestamp>,
    /// Its share of the rate budget.
    pub urgency: Urgency,
}

impl<'a> Addition<'a> {
    /// An addition that says something of the customer's.
    #[must_use]
    pub const fn text(body: &'a Value) -> Self {
        Self { body, tagging: None, unchanged_since: None, urgency: Urgency::Text }
    }

    /// A note of the bridge's own.
    #[must_use]
    pub const fn note(body: &'a Value) -> Self {
        Self { urgency: Urgency::Note, ..Self::text(body) }
    }
}

/// The share of the rate budget that an addition may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// All of it.
    Text,
    /// The rest that texts leave.
    Note,
}

/// A file to upload.
#[derive(Clone, Debug)]
pub struct File {
    /// The name to show.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// A ticket as it is now.
#[derive(Clone, PartialEq)]
pub struct TicketView {
    /// Its number.
    pub id: TicketId,
    /// Its status.
    pub status: TicketStatus,
    /// The conversation's key, on tickets that the bridge opened.
    pub external_id: Option<String>,
    /// The customer.
    pub requester_id: UserId,
    /// Its tags.
    pub tags: Vec<String>,
    /// Whether it is closed because it was merged into another.
    pub merged: bool,
    /// Its brand.
    pub brand_id: Option<u64>,
    /// When it last changed, by the desk's clock.
    pub updated_at: Timestamp,
    /// The number of its comments, where the answer has it: that of [`Tickets::tickets`] and [`Tickets::ticket`]. A desk
    /// need not count internal comments.
    pub comment_count: Option<u32>,
    /// Whether it has as many comments as the desk takes.
    pub is_full: bool,
    /// The customer, where the answer has the user: that of [`Tickets::ticket`] only.
    pub requester: Option<UserView>,
}

impl TicketView {
    /// Whether it has the tag of text conversations.
    #[must_use]
    pub fn is_conversation(&self) -> bool {
        self.tags.iter().any(|tag| tag == CONVERSATION_TAG)
    }

    /// The tags to write with the next comment; `None` where the ticket has the tag of text conversations.
    #[must_use]
    pub fn tagging(&self) -> Option<Tagging> {
        (!self.is_conversation()).then(|| Tagging {
            tags: self.tags.iter().cloned().chain([CONVERSATION_TAG.to_owned()]).collect(),
            updated_at: self.updated_at,
        })
    }
}

/// Personal data stays out of logs and panics.
impl fmt::Debug for TicketView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketView({}, …)", self.id)
    }
}

/// Recently updated tickets.
#[derive(Clone, Debug, PartialEq)]
pub struct TicketsUpdated {
    /// The tickets, oldest update first.
    pub tickets: Vec<TicketView>,
    /// The update time of the last ticket, where the desk's limit cut the list off.
    pub cut_off_at: Option<Timestamp>,
    /// When the desk answered, by its own clock.
    pub answered_at: Option<Timestamp>,
}

/// Tickets that were asked for by their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct TicketsRead {
    /// Those that exist.
    pub tickets: Vec<TicketView>,
    /// When the desk answered, by its own clock.
    pub answered_at: Option<Timestamp>,
}

/// The result of a write.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The ticket after it.
    pub ticket: TicketView,
    /// The comment that it made, if it made one.
    pub comment_id: Option<CommentId>,
    /// Whether the answer says that the customer may see that comment.
    pub is_public: bool,
}
