//! The comments of a ticket, and the writes that made them. Never decides which comment goes to the phone.

use async_trait::async_trait;

use super::tickets::Written;
use crate::domain::comment::CommentView;
use crate::domain::event::{CommentId, EventId, TicketId};
use crate::ports::Failure;

/// The comments of a desk's tickets.
#[async_trait]
pub trait Comments: Send + Sync {
    /// The comments that came after this one, oldest first; with `None`, the newest.
    ///
    /// # Errors
    /// As for every read, and [`Failure::NotFound`] for a ticket that is gone.
    async fn comments_after(&self, ticket: TicketId, after: Option<CommentId>) -> Result<CommentsRead, Failure>;

    /// The newest write on a ticket that carries this event's id, with the ticket as it is now.
    ///
    /// # Errors
    /// As for every read, and [`Failure::NotFound`] for a ticket that is gone.
    async fn find_own_write(&self, ticket: TicketId, event: EventId) -> Result<Option<Written>, Failure>;

    /// Those of these comments that were written before the ticket was given to its present requester. A comment
    /// whose time cannot be told counts among them.
    ///
    /// # Errors
    /// As for every read, and [`Failure::NotFound`] for a ticket that is gone.
    async fn before_hand_over(&self, ticket: TicketId, comments: &[CommentId]) -> Result<Vec<CommentId>, Failure>;

    /// The public comment in the update that last solved the ticket, if it has one.
    ///
    /// # Errors
    /// As for every read, and [`Failure::NotFound`] for a ticket that is gone.
    async fn comment_that_solved(&self, ticket: TicketId) -> Result<Option<CommentId>, Failure>;
}

/// Comments that were read.
#[derive(Clone, Debug, PartialEq)]
pub struct CommentsRead {
    /// The comments, oldest first.
    pub comments: Vec<CommentView>,
    /// Whether they reach back to the ticket's first comment.
    pub from_the_first: bool,
}
