//! Acceptance: the first record of a delivery, and the words by which an event may be an echo.
//!
//! The order of the questions at acceptance (a duplicate, an echo, a text that was taken in, no room) is the backend's.

use jiff::Timestamp;

use crate::domain::account::Ends;
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::{Delivery, State};
use crate::domain::event::{EventId, EventKind};
use crate::domain::kind::KindName;

/// The words by which an event may be an echo of the bridge's own. Only a text without a comment's number may: a comment is
/// recognised by its number.
pub(in crate::store) fn may_echo(event: &EventKind) -> Option<&str> {
    match event {
        EventKind::PhoneText(text) if text.comment_id.is_none() => Some(&text.text),
        EventKind::PhoneText(_)
        | EventKind::CustomerText(_)
        | EventKind::AgentReply(_)
        | EventKind::Template(_)
        | EventKind::TicketSolved(_)
        | EventKind::TicketReopened(_)
        | EventKind::Note(_)
        | EventKind::Unreadable(_) => None,
    }
}

/// A delivery as it is first recorded: pending in its lane, or quarantined and settled at once.
pub(in crate::store) fn first(
    id: EventId,
    kind: KindName,
    (conversation, ends): (ConversationKey, Ends),
    accepted_at: Timestamp,
    state: State,
) -> Delivery {
    Delivery {
        id,
        kind,
        conversation,
        ends,
        accepted_at,
        settled_at: state.is_settled().then_some(accepted_at),
        state,
        attempts: 0,
        posted_to: None,
        first_sent_at: None,
        parts_sent: 0,
        noted: false,
        merged_into: None,
        parent: None,
        dispatch: None,
        history: Vec::new(),
        receipts: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::CommentId;
    use crate::store::contract::{phone_text, text};
    use crate::store::rules::testing::{at, id};

    #[test]
    fn only_a_text_without_a_comments_number_may_be_an_echo() {
        let mut texted = phone_text(7, "Hello");
        assert_eq!(may_echo(&texted.kind), Some("Hello"));
        let EventKind::PhoneText(reply) = &mut texted.kind else { panic!("{texted:?}") };
        reply.comment_id = Some(CommentId(5));
        assert_eq!(may_echo(&texted.kind), None);
        assert_eq!(may_echo(&text("ada", "Hello").kind), None);
    }

    #[test]
    fn a_delivery_begins_in_its_lane_and_a_body_that_cannot_be_read_begins_settled() {
        let begun = |state| {
            let home = (ConversationKey("ada".into()), Ends::FIRST);
            first(id(7), KindName::PhoneText, home, at(5), state)
        };
        let pending = begun(State::Pending);
        assert_eq!((pending.id, pending.accepted_at, pending.settled_at, pending.attempts), (id(7), at(5), None, 0));
        assert_eq!(begun(State::Quarantined { cause: "no JSON".into() }).settled_at, Some(at(5)));
    }
}
