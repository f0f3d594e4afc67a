//! Changes of a conversation, one fact each. [`super::Conversation::apply`] carries them out.

use jiff::Timestamp;

use super::Forwarded;
use super::key::ConversationKey;
use super::opening::Opening;
use super::status::TicketStatus;
use super::subscription::Subscription;
use super::window::Stand;
use super::wrote::WroteOn;
use crate::domain::event::{CommentId, Customer, EventId, Sighting, TicketId, UserId};
use crate::domain::line::Channel;
use crate::domain::reading::{Census, Counted, Shown};

/// A fact learnt about a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Newer data of the customer; blanks change nothing.
    Customer(Customer),
    /// The customer wrote on this line and channel.
    WroteOn(WroteOn),
    /// The customer is this user of the desk.
    Requester(UserId),
    /// The current ticket, its status, and the time since when it has it. Another ticket than before becomes the
    /// current one.
    Ticket(TicketId, TicketStatus, Timestamp),
    /// One of the customer's tickets was read.
    TakenUp(TakenUp),
    /// The bridge is about to open a ticket.
    Opening(Opening),
    /// The opening was refused, or its ticket is known.
    NotOpened,
    /// The ticket that the bridge set out to open for this text was found, or the text was found on another ticket.
    OpenedInDoubt(EventId),
    /// The last known change of the ticket, by the vendor's own clock.
    Stamp(TicketId, Timestamp),
    /// The catch-up on missed webhooks saw the ticket.
    Sighted(TicketId, Sighting),
    /// The customer was told that the ticket is solved.
    ClosingTold(TicketId),
    /// The ticket is gone.
    TicketGone(TicketId),
    /// The ticket belongs to another customer from now on; texts of this one may stand on it.
    TicketLeft(TicketId),
    /// A webhook told the ticket's status. It changes nothing for any ticket but the current one, because it may come
    /// late.
    Status(TicketId, TicketStatus),
    /// A text is being written to a ticket that becomes the current one only if the write succeeds.
    MayStandOn(TicketId),
    /// The customer's text stands on this ticket as this comment. Where the ticket's forwarding is unknown, later
    /// comments are new.
    Stands(TicketId, CommentId),
    /// The ticket was opened with this comment, and holds no other yet.
    OpenedWith(TicketId, CommentId),
    /// The bridge has written this comment on the ticket.
    Commented(TicketId, Counted),
    /// The ticket's comments were read.
    Read(TicketId, Shown),
    /// The vendor has counted the ticket's comments, and all of them were known.
    Recounted(TicketId, Census),
    /// The ticket's comments have been seen up to this one, and the listed ones go to the phone.
    Forwarded(TicketId, CommentId, Vec<CommentId>),
    /// The ticket came from another conversation of the customer, by way of which these replies went out.
    Inherited(Forwarded),
    /// A reply goes to the phone without the number of its comment.
    RepliedUnnumbered,
    /// The ticket's comments were read at this time, up to the newest.
    RepliesRead(TicketId, Timestamp),
    /// A subscription keyword came at this time.
    Subscription(Subscription, Timestamp),
    /// The carrier was asked for the subscription at this time. A keyword that came since wins.
    SubscriptionAsked(Subscription, Timestamp),
    /// The customer wrote at this time, on a channel with a window.
    Heard(Timestamp),
    /// The carrier's talk goes on in another one, with this customer.
    TalkMoved(Customer),
    /// The carrier's talk was over at this time: it was removed, or its phone had gone to another customer.
    TalkOver(Timestamp),
    /// The customer goes on in this conversation for good, because their talks were merged.
    JoinedInto(ConversationKey),
    /// The customer had blocked the line of the talk at this time.
    Blocked(Timestamp),
    /// The customer wrote in the talk at this time, or lifted their block.
    Reached(Timestamp),
    /// The channel refused a free text that went out at this time, because the customer had written too long ago.
    Shut(Timestamp),
    /// The customer is to be asked to write again.
    Asked,
    /// The request to write again stands so.
    AskStands(Stand),
    /// This ticket was solved. It matters to texts that wait for the customer's answer, and to nothing else.
    SolvedMeanwhile(TicketId),
    /// The bridge is about to write this text ([`super::fingerprint`]) to the ticket.
    Wrote(String),
}

/// One of the customer's tickets, as it was read. It becomes the current one, unless the bridge has heard of the
/// current ticket since the read began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenUp {
    /// Its number.
    pub ticket: TicketId,
    /// Its status.
    pub status: TicketStatus,
    /// Since when it has that status.
    pub since: Timestamp,
    /// The ticket's requester, where the read told.
    pub requester: Option<UserId>,
    /// When the read began.
    pub asked_at: Timestamp,
}

impl Change {
    /// The customer wrote at this time where their text told; `None` where it told neither a line nor a channel.
    #[must_use]
    pub fn wrote_on(line: Option<String>, channel: Option<Channel>, at: Timestamp) -> Option<Self> {
        (line.is_some() || channel.is_some()).then_some(Self::WroteOn(WroteOn { line, channel, at }))
    }

    /// The ticket that the conversation goes to by this change.
    #[must_use]
    pub fn ticket_gone_to(&self) -> Option<TicketId> {
        if let Self::Ticket(id, ..) = self {
            Some(*id)
        } else if let Self::TakenUp(taken) = self {
            Some(taken.ticket)
        } else {
            None
        }
    }
}
