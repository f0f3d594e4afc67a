//! The report of an attempt: its outcome and the knowledge gained on the way. It never decides the next step.

use crate::domain::account::Ends;
use crate::domain::conversation::{Change, ConversationKey};
use crate::domain::delivery::Outcome;
use crate::domain::event::{Event, EventId};

use super::completion::Completion;

/// The outcome of one claim, and the knowledge gained on the way.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) outcome: Outcome,
    pub(super) learnt: Learnt,
}

/// The knowledge gained on the way, which is recorded with every outcome.
#[derive(Debug, Default)]
pub(super) struct Learnt {
    pub(super) changes: Vec<Change>,
    pub(super) instead: Vec<Event>,
    /// Further events, each for the end of its own lane.
    pub(super) besides: Vec<Event>,
    pub(super) belongs_to: Option<ConversationKey>,
    /// The accounts of that conversation, should it be a new one.
    pub(super) ends: Option<Ends>,
    pub(super) parts_sent: Option<u32>,
    /// The claimed deliveries that are rightly not done although others are, each with the reason.
    pub(super) dropped: Vec<(EventId, String)>,
    /// The deliveries that a note has just reported as not arrived.
    pub(super) noted: Vec<EventId>,
    /// The data that the customer's user at the desk lacks; it is written once the text is there.
    pub(super) completion: Option<Completion>,
}
