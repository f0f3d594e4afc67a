//! The result of reading a webhook: of one reader, and of intake as a whole. It never reads.

use jiff::Timestamp;
use serde_json::Value;

use super::webhook::Refusal;
use crate::domain::event::{DedupeKey, Event, EventKind, Unreadable};
use crate::domain::receipt::Report;

/// The result of reading a webhook.
#[derive(Debug, PartialEq, Eq)]
pub enum Intake {
    /// A new event.
    Event {
        /// The event.
        event: Event,
        /// The keys that identify a repeat of this webhook.
        dedupe: Vec<DedupeKey>,
    },
    /// A body of several events: reports of texts, and events of other kinds.
    Reports(Batch),
    /// Authentic, but nothing to do.
    Ignored {
        /// Why, in the words of the answer.
        reason: &'static str,
    },
    /// Authentic, but unreadable.
    Quarantined {
        /// The body, kept whole: always [`EventKind::Unreadable`].
        event: Event,
        /// The reason, in words that quote none of it.
        cause: String,
        /// The keys that identify a repeat of this webhook.
        dedupe: Vec<DedupeKey>,
    },
    /// Not authentic.
    Refused {
        /// The reason, for metrics only, because the sender gets the same answer for every reason.
        why: Refusal,
    },
}

/// The reports of one body, in its order, by their concern for this bridge, and the events beside them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The reports about this bridge's texts and lines.
    pub ours: Vec<Report>,
    /// The reports about texts of other senders, which may still explain one of this bridge's.
    pub others: Vec<Report>,
    /// The reports of customers on lines of which only earlier webhooks can tell whether they are this bridge's.
    pub unsure: Vec<Report>,
    /// The events of other kinds, in the body's order.
    pub entries: Vec<Entry>,
    /// How many further events there were.
    pub passed_over: u64,
}

/// One event of a body that holds several.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it happened, by the carrier's clock.
    pub at: Timestamp,
    /// The event; or why it cannot be read, in words that quote none of it.
    pub kind: Result<EventKind, String>,
    /// The keys that identify a repeat of it.
    pub dedupe: Vec<DedupeKey>,
    /// A body that holds this event alone, for the operator. A reader writes it out only of an event that it cannot read or
    /// whose line it does not know, because nearly every event needs none. Without it the whole body would be kept.
    pub alone: Option<Value>,
}

impl Batch {
    /// How many events the body had.
    #[must_use]
    pub fn events(&self) -> u64 {
        let told = self.ours.len() + self.others.len() + self.unsure.len() + self.entries.len();
        self.passed_over + told as u64
    }
}

/// The result of a reader.
pub struct Reading {
    pub(crate) dedupe: Vec<DedupeKey>,
    pub(crate) outcome: Result<EventKind, Stop>,
}

/// The reason why a body does not become an event of its own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Ignored(&'static str),
    Unreadable(String),
    /// It holds reports.
    Reports(Batch),
}

impl Reading {
    pub(crate) fn unreadable(cause: &str) -> Self {
        Self { dedupe: Vec::new(), outcome: Err(Stop::Unreadable(cause.to_owned())) }
    }

    pub(crate) fn into_intake(self, received_at: Timestamp, kept: impl FnOnce() -> Unreadable) -> Intake {
        let dedupe = self.dedupe;
        match self.outcome {
            Ok(kind) => Intake::Event { event: Event { received_at, kind }, dedupe },
            Err(Stop::Reports(batch)) => Intake::Reports(batch),
            Err(Stop::Ignored(reason)) => Intake::Ignored { reason },
            Err(Stop::Unreadable(cause)) => {
                let event = Event { received_at, kind: EventKind::Unreadable(kept()) };
                Intake::Quarantined { event, cause, dedupe }
            }
        }
    }
}

impl From<Result<EventKind, Stop>> for Reading {
    fn from(outcome: Result<EventKind, Stop>) -> Self {
        Self { dedupe: Vec::new(), outcome }
    }
}
