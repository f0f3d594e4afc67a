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
    let (attempts, home) = (state.attempts(), (ConversationKey("ada".into()), Ends::FIRST));
    Delivery { attempts, ..Delivery::accepted(id(sequence), KindName::PhoneText, home, at(0), state) }
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
