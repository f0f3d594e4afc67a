//! Deliveries in each state, for the tables of the rules.

use jiff::Timestamp;

use crate::domain::account::Ends;
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::{Delivery, State};
use crate::domain::event::EventId;
use crate::domain::kind::KindName;

pub(in crate::store) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(in crate::store) fn id(sequence: u64) -> EventId {
    EventId { epoch: 1, sequence, sub: 0 }
}

/// A text to the phone.
pub(in crate::store) fn delivery(sequence: u64, state: State) -> Delivery {
    Delivery {
        id: id(sequence),
        kind: KindName::PhoneText,
        conversation: ConversationKey("ada".into()),
        ends: Ends::FIRST,
        accepted_at: at(0),
        attempts: state.attempts(),
        settled_at: state.is_settled().then(|| at(0)),
        state,
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

pub(in crate::store) fn sending(lease_until: i64) -> State {
    State::Sending { attempt: 1, lease_until: at(lease_until) }
}

pub(in crate::store) fn waiting(attempt: u32, due_at: i64) -> State {
    State::Waiting { attempt, due_at: at(due_at), cause: "503".into(), for_budget: false }
}

pub(in crate::store) fn looked_for(look_at: i64) -> State {
    State::Unconfirmed { attempt: 1, since: at(1), look_at: Some(at(look_at)), looks: 0, cause: "no answer".into() }
}

pub(in crate::store) fn set_aside(sequence: u64) -> Delivery {
    let cause = "not seen".to_owned();
    delivery(sequence, State::Unconfirmed { attempt: 1, since: at(1), look_at: None, looks: 3, cause })
}
