//! The agents' comments on one ticket that went to the phone. It never decides which comments go.

use serde::{Deserialize, Serialize};

use crate::domain::event::{CommentId, TicketId};
use crate::domain::reading::Reading;

/// The agents' comments on one ticket that have gone to the phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwarded {
    /// The ticket.
    pub ticket_id: TicketId,
    /// The last comment that is not new: every later one is.
    pub up_to: CommentId,
    /// The comments that went out last, so that a comment which became readable late is told from one that went out.
    pub recent: Vec<CommentId>,
    /// The comments that were read, which are more than those that went out.
    #[serde(default)]
    pub reading: Reading,
}

/// The most comments that [`Forwarded::recent`] keeps: far more than can overtake a late one.
pub(super) const RECENT_COMMENTS_MAX: usize = 64;

impl Forwarded {
    /// A ticket of which no comment has gone out yet, and those after this one are new.
    pub(super) fn new(ticket_id: TicketId, up_to: CommentId) -> Self {
        Self { ticket_id, up_to, recent: Vec::new(), reading: Reading::default() }
    }

    /// Adds the comments that went out by way of another conversation.
    pub(super) fn join(&mut self, other: Self) {
        self.recent.extend(other.recent);
        self.recent.sort_unstable();
        self.recent.dedup();
        self.add(other.up_to, &[]);
    }

    /// Whether this comment went out already, or stood on the ticket before the bridge took it up.
    #[must_use]
    pub fn covers(&self, comment: CommentId) -> bool {
        let forgotten = self.recent.len() >= RECENT_COMMENTS_MAX && self.recent.iter().all(|id| *id > comment);
        comment <= self.up_to && (self.recent.contains(&comment) || forgotten)
    }

    /// These went out, and every comment up to `up_to` is not new.
    pub(super) fn add(&mut self, up_to: CommentId, comments: &[CommentId]) {
        self.up_to = self.up_to.max(up_to);
        self.recent.extend(comments);
        let surplus = self.recent.len().saturating_sub(RECENT_COMMENTS_MAX);
        self.recent.drain(..surplus);
    }

    /// Whether this comment was written after one that went out, so that it is newer than the ticket's take-up. `false`
    /// once some of the comments that went out are forgotten.
    #[must_use]
    pub fn is_behind_a_reply(&self, comment: CommentId) -> bool {
        self.recent.len() < RECENT_COMMENTS_MAX && self.recent.iter().any(|id| *id < comment)
    }
}
