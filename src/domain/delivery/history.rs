//! The history of a delivery: its failed attempts and its detours, each with time and cause.
//!
//! A state tells only the present. The history beside it answers why a text came late. A delivery that arrived at once
//! has none.
//!
//! A carrier that remembers its answer to a key gives a refusal again for as long as it remembers. So a text goes under a further
//! key once it was refused, and never while an earlier attempt is in doubt, because only the same key is then the same text.
//! Both are read from the history.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::transition::Transition;
use crate::domain::cause::{GIVEN_UP, PUT_BACK};

/// The most entries that a history keeps: more than the attempts before a delivery is given up.
pub const HISTORY_MAX: usize = 32;

/// An entry of the history: an event in a delivery's life that its state tells no longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When it happened; for several joined into one entry, the last time.
    pub at: Timestamp,
    /// Its kind.
    pub what: Fate,
    /// Why, in words; empty where there is nothing to explain. Never personal data.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cause: String,
}

/// The kinds of history entries. The words in records and at the API are older than some of these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// An attempt was refused before any effect.
    #[serde(rename = "refused")]
    Retried,
    /// No attempt was made: it was put off.
    #[serde(rename = "put_off")]
    Postponed,
    /// An attempt was made and its answer was lost.
    #[serde(rename = "answer_lost")]
    Lost,
    /// The effect was looked for and not seen.
    NotSeen,
    /// It was set aside for the operator.
    SetAside,
    /// It was given up.
    GivenUp,
    /// The operator put it back.
    Redriven,
}

impl HistoryEntry {
    /// The entry of this move; `None` for a claim, and for a move whose state is final and tells the same.
    pub(super) fn of(transition: &Transition, at: Timestamp) -> Option<Self> {
        let found;
        let (what, cause) = match transition {
            Transition::Retry { cause, .. } => (Fate::Retried, cause.as_str()),
            Transition::Postpone { cause, .. } | Transition::Doubt { cause, .. } => (Fate::Postponed, cause.as_str()),
            Transition::Lose { cause, .. } => (Fate::Lost, cause.as_str()),
            Transition::LookAgain { cause, .. } => (Fate::NotSeen, cause.as_str()),
            Transition::SetAside { cause } => (Fate::SetAside, cause.as_str()),
            Transition::GiveUp { cause } => (Fate::GivenUp, cause.as_str()),
            Transition::Redrive => (Fate::Redriven, ""),
            Transition::Settle { out, of } if out < of => {
                found = format!("{out} of {of} parts are out, as an operator found");
                (Fate::Redriven, found.as_str())
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

    /// Adds the entry to a history. Beyond [`HISTORY_MAX`] the oldest is dropped of those without which the others tell as much
    /// of refusals and doubts, because the key of the next attempt is made of them.
    pub(super) fn join(self, before: &mut Vec<Self>) {
        match before.last_mut() {
            // A delivery may be put off for one reason many times, which is one entry.
            Some(last) if self.what == Fate::Postponed && (last.what, &last.cause) == (self.what, &self.cause) => {
                last.at = self.at;
            }
            Some(_) | None => before.push(self),
        }
        if before.len() > HISTORY_MAX {
            let told = Told::of(before.iter());
            let without = |dropped: usize| before[..dropped].iter().chain(&before[dropped + 1..]);
            let spare = (0..before.len()).find(|dropped| Told::of(without(*dropped)) == told);
            before.remove(spare.unwrap_or(0));
        }
    }
}

/// All that a history tells of refusals and doubts, and all that later entries may be weighed with.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) refused: Option<Timestamp>,
    pub(super) doubted: Option<Timestamp>,
    given_up: Option<Timestamp>,
    is_in_doubt: bool,
}

impl Told {
    pub(super) fn of<'a>(history: impl IntoIterator<Item = &'a HistoryEntry>) -> Self {
        history.into_iter().fold(Self::default(), Self::with)
    }

    fn with(mut self, entry: &HistoryEntry) -> Self {
        match entry.what {
            Fate::Postponed if entry.cause == PUT_BACK => self.is_in_doubt = true,
            Fate::Postponed if self.is_in_doubt => {}
            Fate::Postponed => self.refused = Some(entry.at),
            // The bridge gave up by itself: that is no answer of the carrier's to the attempt in doubt.
            Fate::GivenUp if self.is_in_doubt && entry.cause.starts_with(GIVEN_UP) => {}
            Fate::GivenUp => self.given_up = Some(entry.at),
            // A busy answer may be one to an earlier request under the same key, which is still under way.
            Fate::Retried | Fate::Lost | Fate::NotSeen | Fate::SetAside => {
                self.doubted = self.doubted.or(Some(entry.at));
                self.is_in_doubt = true;
            }
            Fate::Redriven => self = Self { refused: self.given_up.or(self.refused), ..Self::default() },
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::Delivery;
    use crate::domain::delivery::tests::pending;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn entry(what: Fate, cause: &str, second: i64) -> HistoryEntry {
        HistoryEntry { at: at(second), what, cause: cause.into() }
    }

    #[test]
    fn waits_for_one_reason_are_told_as_one_and_attempts_are_not() {
        let mut before = Vec::new();
        for (what, cause, second) in [
            (Fate::Postponed, "budget", 1),
            (Fate::Postponed, "budget", 2),
            (Fate::Retried, "503", 3),
            (Fate::Retried, "503", 4),
            (Fate::Postponed, "budget", 5),
            (Fate::Postponed, "paused", 6),
        ] {
            entry(what, cause, second).join(&mut before);
        }
        let told: Vec<_> = before.iter().map(|entry| entry.at.as_second()).collect();
        assert_eq!(told, [2, 3, 4, 5, 6]);
    }

    #[test]
    fn the_words_in_records_and_at_the_api_do_not_change() {
        use Fate::{GivenUp, Lost, NotSeen, Postponed, Redriven, Retried, SetAside};
        for (fate, word) in [
            (Retried, "refused"),
            (Postponed, "put_off"),
            (Lost, "answer_lost"),
            (NotSeen, "not_seen"),
            (SetAside, "set_aside"),
            (GivenUp, "given_up"),
            (Redriven, "redriven"),
        ] {
            assert_eq!(serde_json::to_value(fate).unwrap(), word, "{fate:?}");
        }
        let delivery = Delivery { history: vec![entry(Postponed, "budget", 1)], ..pending() };
        let record = serde_json::to_value(&delivery).unwrap();
        assert_eq!(record["past"][0]["what"], "put_off");
        assert_eq!(serde_json::from_value::<Delivery>(record).unwrap(), delivery);
    }

    #[test]
    fn the_newest_are_kept() {
        let mut before = Vec::new();
        for second in 0..100 {
            entry(Fate::Retried, "503", second).join(&mut before);
        }
        assert_eq!((before.len(), before.last().map(|entry| entry.at)), (HISTORY_MAX, Some(at(99))));
    }

    #[test]
    fn a_full_history_tells_as_much_of_refusals_and_doubts_as_a_whole_one() {
        use Fate::{GivenUp, Lost, NotSeen, Postponed, Redriven, Retried, SetAside};
        for begun in [
            &[][..],
            &[Postponed],
            &[Lost],
            &[Postponed, Lost, SetAside],
            &[GivenUp, Redriven],
            &[Postponed, Retried, GivenUp],
        ] {
            for later in [&[Postponed][..], &[Retried, Postponed], &[NotSeen], &[Postponed, Lost, Redriven]] {
                let (mut kept, mut whole) = (Vec::new(), Vec::new());
                for (second, what) in (0..).zip(begun.iter().chain(later.iter().cycle()).take(100)) {
                    let entry = entry(*what, &format!("cause {second}"), second);
                    entry.clone().join(&mut kept);
                    whole.push(entry);
                    assert!(Told::of(&kept) == Told::of(&whole), "{second}: {begun:?}, {later:?}");
                    assert!(kept.len() <= HISTORY_MAX && kept.last() == whole.last(), "{second}: {begun:?}, {later:?}");
                }
            }
        }
    }

    #[test]
    fn the_last_refusal_counts_until_an_attempt_is_in_doubt_and_an_operator_ends_the_doubt() {
        use Fate::{GivenUp, Lost, NotSeen, Postponed, Redriven, Retried, SetAside};
        for (fates, expected) in [
            (&[][..], None),
            (&[Postponed], Some(1)),
            (&[Postponed, Postponed], Some(2)),
            (&[Lost, NotSeen, Retried, Postponed], None),
            (&[Retried, Postponed], None),
            (&[Postponed, Lost, NotSeen, Retried, Postponed], Some(1)),
            (&[GivenUp, Redriven], Some(1)),
            (&[Retried, GivenUp, Redriven, Postponed], Some(4)),
            (&[Postponed, Lost, SetAside, Redriven], Some(1)),
            (&[Lost, SetAside, Redriven, Postponed], Some(4)),
        ] {
            let entry = |(second, what): (i64, &Fate)| HistoryEntry { at: at(second), what: *what, cause: "c".into() };
            let history = (1..).zip(fates).map(entry).collect();
            let delivery = Delivery { history, ..pending() };
            assert_eq!(delivery.refused_at(), expected.map(at), "{fates:?}");
        }
    }

    #[test]
    fn a_text_that_was_given_up_in_doubt_keeps_its_key_unless_the_carrier_gave_its_answer() {
        let entry =
            |(second, (what, cause)): (i64, (Fate, &str))| HistoryEntry { at: at(second), what, cause: cause.into() };
        let refused = |fates: &[(Fate, &str)]| {
            let history = (1..).zip(fates.iter().copied()).map(entry).collect();
            Delivery { history, ..pending() }.refused_at()
        };
        let by_itself = (Fate::GivenUp, "given up after 5 attempts: the carrier shows no receipt of it");
        assert_eq!(refused(&[(Fate::Lost, ""), (Fate::NotSeen, ""), by_itself, (Fate::Redriven, "")]), None);
        assert_eq!(refused(&[(Fate::Retried, "busy"), by_itself, (Fate::Redriven, "")]), None);
        assert_eq!(refused(&[(Fate::Retried, "busy"), (Fate::GivenUp, "422"), (Fate::Redriven, "")]), Some(at(2)));
    }

    #[test]
    fn a_store_that_was_put_back_leaves_the_attempts_in_doubt_of_which_it_knows_nothing() {
        let entry = |second, cause: &str| HistoryEntry { at: at(second), what: Fate::Postponed, cause: cause.into() };
        let history = vec![entry(1, "402"), entry(2, PUT_BACK), entry(3, "402")];
        assert_eq!(Delivery { history, ..pending() }.refused_at(), Some(at(1)));
    }

    #[test]
    fn an_attempt_is_in_doubt_since_the_first_that_may_have_gone_out() {
        use Fate::{Lost, Postponed, Redriven, Retried};
        let of = |fates: &[Fate]| {
            let entry = |(second, what): (i64, &Fate)| HistoryEntry { at: at(second), what: *what, cause: "c".into() };
            Delivery { history: (1..).zip(fates).map(entry).collect(), ..pending() }
        };
        for (fates, expected) in [
            (&[Postponed][..], None),
            (&[Postponed, Retried, Postponed, Lost], Some(2)),
            (&[Lost, Redriven], None),
            (&[Lost, Redriven, Retried], Some(3)),
        ] {
            assert_eq!(of(fates).doubted_since(), expected.map(at), "{fates:?}");
        }
    }

    #[test]
    fn what_is_delivered_at_once_leaves_nothing() {
        for transition in [
            Transition::Claim { lease_until: at(1) },
            Transition::Deliver { receipt: "comment 9".into() },
            Transition::Skip { reason: "nothing to do".into() },
        ] {
            assert_eq!(HistoryEntry::of(&transition, at(1)), None, "{transition:?}");
        }
        let lost = Transition::Lose { since: at(0), look_at: at(9), cause: "no answer".into() };
        assert_eq!(HistoryEntry::of(&lost, at(1)), Some(entry(Fate::Lost, "no answer", 1)));
    }
}
