//! The history of a delivery: its failed attempts and its detours, each with time and cause.
//!
//! A state tells only the present. The history beside it answers why a text came late. A delivery that arrived at once
//! has none.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::transition::Transition;

/// The most entries that a history keeps: more than the attempts before a delivery is given up.
pub const PAST_MAX: usize = 32;

/// An entry of the history: an event in a delivery's life that its state tells no longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// When it happened; for several joined into one entry, the last time.
    pub at: Timestamp,
    /// Its kind.
    pub what: Happened,
    /// Why, in words; empty where there is nothing to explain. Never personal data.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cause: String,
}

/// The kinds of history entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// An attempt was refused before any effect.
    Refused,
    /// No attempt was made: it was put off.
    PutOff,
    /// An attempt was made and its answer was lost.
    AnswerLost,
    /// The effect was looked for and not seen.
    NotSeen,
    /// It was set aside for the operator.
    SetAside,
    /// It was given up.
    GivenUp,
    /// The operator put it back.
    Redriven,
}

impl Past {
    /// The entry of this move; `None` for a claim, and for a move whose state is final and tells the same.
    pub(super) fn of(transition: &Transition, at: Timestamp) -> Option<Self> {
        let found;
        let (what, cause) = match transition {
            Transition::Retry { cause, .. } => (Happened::Refused, cause.as_str()),
            Transition::Postpone { cause, .. } | Transition::Doubt { cause, .. } => (Happened::PutOff, cause.as_str()),
            Transition::Lose { cause, .. } => (Happened::AnswerLost, cause.as_str()),
            Transition::LookAgain { cause, .. } => (Happened::NotSeen, cause.as_str()),
            Transition::SetAside { cause } => (Happened::SetAside, cause.as_str()),
            Transition::Kill { cause } => (Happened::GivenUp, cause.as_str()),
            Transition::Redrive => (Happened::Redriven, ""),
            Transition::Settle { out, of } if out < of => {
                found = format!("{out} of {of} parts are out, as an operator found");
                (Happened::Redriven, found.as_str())
            }
            Transition::Claim { .. }
            | Transition::Deliver { .. }
            | Transition::Skip { .. }
            | Transition::ReadAgain { .. }
            | Transition::Settle { .. }
            | Transition::Discard { .. } => return None,
        };
        Some(Self { at, what, cause: cause.to_owned() })
    }

    /// Adds the entry to a history, and drops the oldest beyond [`PAST_MAX`].
    pub(super) fn join(self, before: &mut Vec<Self>) {
        match before.last_mut() {
            // A delivery may be put off for one reason many times, which is one entry.
            Some(last) if self.what == Happened::PutOff && (last.what, &last.cause) == (self.what, &self.cause) => {
                last.at = self.at;
            }
            Some(_) | None => before.push(self),
        }
        let surplus = before.len().saturating_sub(PAST_MAX);
        before.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn past(what: Happened, cause: &str, second: i64) -> Past {
        Past { at: at(second), what, cause: cause.into() }
    }

    #[test]
    fn waits_for_one_reason_are_told_as_one_and_attempts_are_not() {
        let mut before = Vec::new();
        for (what, cause, second) in [
            (Happened::PutOff, "budget", 1),
            (Happened::PutOff, "budget", 2),
            (Happened::Refused, "503", 3),
            (Happened::Refused, "503", 4),
            (Happened::PutOff, "budget", 5),
            (Happened::PutOff, "paused", 6),
        ] {
            past(what, cause, second).join(&mut before);
        }
        let told: Vec<_> = before.iter().map(|past| past.at.as_second()).collect();
        assert_eq!(told, [2, 3, 4, 5, 6]);
    }

    #[test]
    fn the_newest_are_kept() {
        let mut before = Vec::new();
        for second in 0..100 {
            past(Happened::Refused, "503", second).join(&mut before);
        }
        assert_eq!((before.len(), before.last().map(|past| past.at)), (PAST_MAX, Some(at(99))));
    }

    #[test]
    fn what_is_delivered_at_once_leaves_nothing() {
        for transition in [
            Transition::Claim { lease_until: at(1) },
            Transition::Deliver { receipt: "comment 9".into() },
            Transition::Skip { reason: "nothing to do".into() },
        ] {
            assert_eq!(Past::of(&transition, at(1)), None, "{transition:?}");
        }
        let lost = Transition::Lose { since: at(0), look_at: at(9), cause: "no answer".into() };
        assert_eq!(Past::of(&lost, at(1)), Some(past(Happened::AnswerLost, "no answer", 1)));
    }
}
