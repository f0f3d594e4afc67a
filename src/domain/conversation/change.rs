//! What is learnt about a conversation, one thing at a time. What each means for what stands, [`super::Conversation::apply`]
//! says.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Opening, Subscription, TicketStatus};
use crate::domain::event::{CommentId, Customer, EventId, Sighting, TicketId, UserId};
use crate::domain::reading::{Census, Counted, Shown};

/// Something learnt about a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Newer particulars of the customer; blanks change nothing.
    Customer(Customer),
    /// The line the customer writes to.
    Line(String),
    /// The customer is this Zendesk user.
    Requester(UserId),
    /// The ticket, and its status since then. Another ticket than before takes its place.
    Ticket(TicketId, TicketStatus, Timestamp),
    /// A ticket of the customer's was read.
    TakenUp(TakenUp),
    /// We are about to open a ticket.
    Opening(Opening),
    /// It was refused, or has come about and is known.
    NotOpened,
    /// The ticket that the bridge set out to open for this text has been found, or the text elsewhere.
    OpenedInDoubt(EventId),
    /// The vendor's own time of the ticket's last change that is known.
    Stamp(TicketId, Timestamp),
    /// A look for missed webhooks saw the ticket.
    Sighted(TicketId, Sighting),
    /// The customer was told that the ticket is solved.
    ClosingTold(TicketId),
    /// The ticket is gone.
    TicketGone(TicketId),
    /// The ticket is another customer's from now on; texts may stand on it.
    TicketLeft(TicketId),
    /// A webhook told of the ticket's status. A late word about an older ticket says nothing about where the next text goes.
    Status(TicketId, TicketStatus),
    /// A text is being written on a ticket that the conversation goes to only when that succeeds.
    MayStandOn(TicketId),
    /// The customer's words stand on this ticket as this comment. Where nothing is known of the ticket's replies yet, those
    /// after it are new.
    Stands(TicketId, CommentId),
    /// The ticket was opened with this comment, and holds no other yet.
    OpenedWith(TicketId, CommentId),
    /// The bridge has written this comment on the ticket.
    Commented(TicketId, Counted),
    /// The ticket's comments were read.
    Read(TicketId, Shown),
    /// The vendor has counted the ticket's comments, which were all known.
    Recounted(TicketId, Census),
    /// Agents' comments on the ticket have been seen up to the one, and these of them go to the phone.
    Forwarded(TicketId, CommentId, Vec<CommentId>),
    /// A reply goes to the phone of which nobody can tell which comment it was.
    RepliedUnnumbered,
    /// The ticket's comments were read at this time, up to the newest.
    RepliesRead(TicketId, Timestamp),
    /// A subscription keyword came.
    Subscription(Subscription),
    /// Braze was asked for the subscription at this time. A keyword that came since counts more.
    SubscriptionAsked(Subscription, Timestamp),
    /// We are about to write this text ([`super::fingerprint`]) on the ticket.
    Wrote(String),
}

/// A ticket of the customer's, as it was read. The conversation goes there, unless the bridge has heard of its ticket since
/// the read was begun: that is newer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenUp {
    /// Its number.
    pub ticket: TicketId,
    /// Its status.
    pub status: TicketStatus,
    /// Since when it has that.
    pub since: Timestamp,
    /// As which of their users the customer writes there, where the read told.
    pub requester: Option<UserId>,
    /// When the read was begun.
    pub asked_at: Timestamp,
}
