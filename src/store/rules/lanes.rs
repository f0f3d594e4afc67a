//! The lane of a delivery, its entry there, and the need that it has before it can go out.
//!
//! It never orders lanes: [`crate::domain::lanes`] does.

use jiff::{SignedDuration, Timestamp};

use crate::domain::conversation::{Conversation, TicketStatus};
use crate::domain::delivery::{Delivery, State};
use crate::domain::kind::KindName;
use crate::domain::lanes::{Entry, LaneName, Need, Position};

/// How long a head is expected after the time a rate budget gave it.
const EXPECTED: SignedDuration = SignedDuration::from_secs(10);

/// The lane of a delivery, by its kind and its conversation.
pub(in crate::store) fn lane_of(delivery: &Delivery) -> LaneName {
    LaneName {
        direction: delivery.kind.traits().direction,
        track: delivery.kind.traits().track,
        conversation: delivery.conversation.clone(),
    }
}

/// The entry of a delivery in its lane.
pub(in crate::store) fn entry_of(delivery: &Delivery) -> Entry {
    Entry {
        position: Position::of(delivery.id),
        accepted_at: delivery.accepted_at,
        // A delivery that is being sent has no due time: its lane is held, and the verdict or the end of the lease sets
        // one.
        due_at: delivery.state.due_at().unwrap_or(Timestamp::MIN),
        goes_first: delivery.kind.goes_first() || matches!(delivery.state, State::Unconfirmed { .. }),
        account: delivery.route().account,
    }
}

/// The need a delivery has before it can go out. A head that just came to its time in a rate budget, or that is looked
/// for, goes in any case.
pub(in crate::store) fn need_of(delivery: &Delivery, conversation: Option<&Conversation>, now: Timestamp) -> Need {
    if let State::Waiting { for_budget: true, due_at, .. } = &delivery.state
        && now.duration_since(*due_at) <= EXPECTED
    {
        return Need::Nothing;
    }
    if matches!(delivery.state, State::Unconfirmed { .. }) {
        return Need::Nothing;
    }
    let ticket = conversation.and_then(|known| known.ticket.as_ref());
    match delivery.kind {
        KindName::CustomerText if ticket.is_none_or(|ticket| ticket.status == TicketStatus::Closed) => Need::NewTicket,
        KindName::CustomerText => Need::KnownTicket,
        KindName::Note => Need::Note,
        KindName::AgentReply => Need::Comments,
        KindName::PhoneText | KindName::Template | KindName::TicketSolved => Need::Text,
        KindName::TicketReopened | KindName::Unreadable => Need::Nothing,
    }
}
