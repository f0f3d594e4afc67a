//! A desk's own log of the webhooks that it sent the bridge. Never holds the text of a webhook.

use async_trait::async_trait;
use jiff::Timestamp;
use url::Url;

use crate::domain::event::{CommentId, TicketId, UserId};
use crate::ports::Failure;

/// The log of a desk's webhooks.
#[async_trait]
pub trait WebhookLog: Send + Sync {
    /// The ids of the webhooks that post to this address or below it.
    ///
    /// # Errors
    /// As for every read; [`Failure::Forbid`] where the credential may not see webhooks.
    async fn webhooks_to(&self, address: &Url) -> Result<Vec<String>, Failure>;

    /// A webhook's calls since then with their ends, newest first.
    ///
    /// # Errors
    /// As for every read; [`Failure::Forbid`] where the credential may not see them, [`Failure::NotFound`] for a
    /// deleted webhook.
    async fn invocations(&self, webhook: &str, since: Timestamp) -> Result<Invocations, Failure>;

    /// The ids of a lost call, where the log holds its body and the body is one of the bridge's own triggers'.
    ///
    /// # Errors
    /// As for [`WebhookLog::invocations`].
    async fn lost_webhook(&self, call: &Invocation) -> Result<Option<LostWebhook>, Failure>;
}

/// The end of a call in the log, as far as the bridge needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Answered with success, still under way, or in an unknown state.
    Fine,
    /// Given up; the word is the desk's own.
    GivenUp(&'static str),
    /// Given up unsent, because earlier calls were not answered; the word is the desk's own.
    Withheld(&'static str),
}

impl Fate {
    /// The desk's word for a call that it gave up.
    #[must_use]
    pub const fn given_up(self) -> Option<&'static str> {
        match self {
            Self::Fine => None,
            Self::GivenUp(word) | Self::Withheld(word) => Some(word),
        }
    }
}

/// One call of a webhook in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The webhook.
    pub webhook: String,
    /// The id in [`crate::domain::event::DedupeKey::Invocation`].
    pub id: String,
    /// Its end.
    pub fate: Fate,
    /// When its last attempt ended.
    pub at: Timestamp,
}

/// A stretch of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocations {
    /// The calls, newest first.
    pub calls: Vec<Invocation>,
    /// Whether the oldest of the stretch were left out.
    pub more: bool,
}

/// The ids in the body of a lost call. The body's text is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostWebhook {
    /// The ticket.
    pub ticket_id: TicketId,
    /// The comment, where the call is about a reply.
    pub comment_id: Option<CommentId>,
    /// The ticket's requester when the comment was written, where the call is about a reply and names the requester.
    pub requester_id: Option<UserId>,
}
