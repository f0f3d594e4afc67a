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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::{Direction, Ends};
    use crate::domain::conversation::{Change, ConversationKey};
    use crate::domain::event::TicketId;
    use crate::domain::kind::Track;
    use crate::store::rules::testing::{at, delivery, looked_for, sending, set_aside, waiting};

    fn of_kind(kind: KindName, state: State) -> Delivery {
        Delivery { kind, ..delivery(1, state) }
    }

    /// A conversation whose ticket is in this state.
    fn on_ticket(status: TicketStatus) -> Conversation {
        let mut known = Conversation::new(ConversationKey("ada".into()), Ends::FIRST, at(0));
        known.apply(Change::Ticket(TicketId(7), status, at(0)), at(0));
        known
    }

    #[test]
    fn texts_and_notes_of_a_conversation_have_lanes_of_their_own_in_each_direction() {
        for (kind, direction, track) in [
            (KindName::PhoneText, Direction::ToCustomer, Track::Texts),
            (KindName::CustomerText, Direction::ToDesk, Track::Texts),
            (KindName::Note, Direction::ToDesk, Track::Notes),
        ] {
            let lane = LaneName { direction, track, conversation: ConversationKey("ada".into()) };
            assert_eq!(lane_of(&of_kind(kind, State::Pending)), lane, "{kind}");
        }
    }

    #[test]
    fn a_template_and_a_delivery_in_doubt_go_before_the_rest_of_their_lane() {
        for (delivery, due_at, goes_first) in [
            (delivery(1, State::Pending), Timestamp::MIN, false),
            (delivery(1, waiting(1, 9)), at(9), false),
            (delivery(1, sending(90)), Timestamp::MIN, false),
            (delivery(1, looked_for(9)), at(9), true),
            (of_kind(KindName::Template, waiting(1, 9)), at(9), true),
            (of_kind(KindName::TicketSolved, State::Pending), Timestamp::MIN, false),
        ] {
            let entry = entry_of(&delivery);
            assert_eq!((entry.due_at, entry.goes_first), (due_at, goes_first), "{delivery:?}");
            assert_eq!((entry.position, entry.accepted_at), (Position::of(delivery.id), at(0)));
            assert_eq!(entry.account, Ends::FIRST.carrier);
        }
        assert_eq!(entry_of(&of_kind(KindName::AgentReply, State::Pending)).account, Ends::FIRST.desk);
    }

    #[test]
    fn each_kind_needs_the_side_that_it_calls() {
        for (kind, ticket, need) in [
            (KindName::CustomerText, None, Need::NewTicket),
            (KindName::CustomerText, Some(TicketStatus::Closed), Need::NewTicket),
            (KindName::CustomerText, Some(TicketStatus::Solved), Need::KnownTicket),
            (KindName::CustomerText, Some(TicketStatus::Open), Need::KnownTicket),
            (KindName::Note, Some(TicketStatus::Open), Need::Note),
            (KindName::AgentReply, Some(TicketStatus::Open), Need::Comments),
            (KindName::PhoneText, Some(TicketStatus::Open), Need::Text),
            (KindName::Template, Some(TicketStatus::Open), Need::Text),
            (KindName::TicketSolved, Some(TicketStatus::Solved), Need::Text),
            (KindName::TicketReopened, Some(TicketStatus::Open), Need::Nothing),
            (KindName::Unreadable, None, Need::Nothing),
        ] {
            let known = ticket.map(on_ticket);
            let found = need_of(&of_kind(kind, State::Pending), known.as_ref(), at(9));
            assert_eq!(found, need, "{kind} {ticket:?}");
        }
        let begun = Conversation::new(ConversationKey("ada".into()), Ends::FIRST, at(0));
        assert_eq!(need_of(&of_kind(KindName::CustomerText, State::Pending), Some(&begun), at(9)), Need::NewTicket);
    }

    #[test]
    fn a_head_whose_turn_has_come_and_one_that_is_looked_for_go_in_any_case() {
        let turn = State::Waiting { attempt: 0, due_at: at(100), cause: "full".into(), for_budget: true };
        for (state, now, need) in [
            (turn.clone(), 100, Need::Nothing),
            (turn.clone(), 110, Need::Nothing),
            (turn, 111, Need::Text),
            (waiting(1, 100), 100, Need::Text),
            (looked_for(100), 100, Need::Nothing),
            (set_aside(1).state, 100, Need::Nothing),
        ] {
            assert_eq!(need_of(&delivery(1, state.clone()), None, at(now)), need, "{state:?} {now}");
        }
    }
}
