//! The refusals and the doubts in the history of a delivery, by which a carrier tells a new attempt from those before it. Pure;
//! never judges an attempt.
//!
//! A carrier that remembers its answer to a key gives a refusal again for as long as it remembers. A text goes under a further
//! key once it was refused, and never while an earlier attempt is in doubt, because only the same key is then the same text.

use jiff::Timestamp;

use super::{Delivery, Fate, HistoryEntry};
use crate::domain::cause::{GIVEN_UP, PUT_BACK};

impl Delivery {
    /// The last time that it was refused or put off with no attempt in doubt, or given up and put back by an operator; `None`
    /// for one to which neither has happened. It is read from the record, so that a restart gives the same.
    #[must_use]
    pub fn refused_at(&self) -> Option<Timestamp> {
        Told::of(&self.history).refused
    }

    /// Since when an attempt may be in doubt, no earlier than it was made: one whose answer was lost, or was that it may be tried
    /// again. `None` where there is none since an operator put it back.
    #[must_use]
    pub fn doubted_since(&self) -> Option<Timestamp> {
        Told::of(&self.history).doubted
    }
}

/// All that a history tells of refusals and doubts, and all that later entries may be weighed with.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Told {
    refused: Option<Timestamp>,
    given_up: Option<Timestamp>,
    doubted: Option<Timestamp>,
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
    use crate::domain::delivery::HistoryEntry;
    use crate::domain::delivery::tests::pending;

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
            let entry = |(at, what): (i64, &Fate)| HistoryEntry { at: second(at), what: *what, cause: "c".into() };
            let history = (1..).zip(fates).map(entry).collect();
            let delivery = Delivery { history, ..pending() };
            assert_eq!(delivery.refused_at(), expected.map(second), "{fates:?}");
        }
    }

    #[test]
    fn a_text_that_was_given_up_in_doubt_keeps_its_key_unless_the_carrier_gave_its_answer() {
        let entry =
            |(at, (what, cause)): (i64, (Fate, &str))| HistoryEntry { at: second(at), what, cause: cause.into() };
        let refused = |fates: &[(Fate, &str)]| {
            let history = (1..).zip(fates.iter().copied()).map(entry).collect();
            Delivery { history, ..pending() }.refused_at()
        };
        let by_itself = (Fate::GivenUp, "given up after 5 attempts: the carrier shows no receipt of it");
        assert_eq!(refused(&[(Fate::Lost, ""), (Fate::NotSeen, ""), by_itself, (Fate::Redriven, "")]), None);
        assert_eq!(refused(&[(Fate::Retried, "busy"), by_itself, (Fate::Redriven, "")]), None);
        assert_eq!(refused(&[(Fate::Retried, "busy"), (Fate::GivenUp, "422"), (Fate::Redriven, "")]), Some(second(2)));
    }

    #[test]
    fn a_store_that_was_put_back_leaves_the_attempts_in_doubt_of_which_it_knows_nothing() {
        let entry = |at, cause: &str| HistoryEntry { at: second(at), what: Fate::Postponed, cause: cause.into() };
        let history = vec![entry(1, "402"), entry(2, PUT_BACK), entry(3, "402")];
        assert_eq!(Delivery { history, ..pending() }.refused_at(), Some(second(1)));
    }

    #[test]
    fn an_attempt_is_in_doubt_since_the_first_that_may_have_gone_out() {
        use Fate::{Lost, Postponed, Redriven, Retried};
        let of = |fates: &[Fate]| {
            let entry = |(at, what): (i64, &Fate)| HistoryEntry { at: second(at), what: *what, cause: "c".into() };
            Delivery { history: (1..).zip(fates).map(entry).collect(), ..pending() }
        };
        for (fates, expected) in [
            (&[Postponed][..], None),
            (&[Postponed, Retried, Postponed, Lost], Some(2)),
            (&[Lost, Redriven], None),
            (&[Lost, Redriven, Retried], Some(3)),
        ] {
            assert_eq!(of(fates).doubted_since(), expected.map(second), "{fates:?}");
        }
    }

    fn second(at: i64) -> Timestamp {
        Timestamp::from_second(at).unwrap()
    }
}
