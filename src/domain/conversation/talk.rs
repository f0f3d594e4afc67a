//! The state of a conversation's talk at a carrier that keeps talks: over, blocked, or neither. It never decides the course of
//! a text.
//!
//! A carrier's reports come in any order, and late. So the latest time of each kind is kept, and a word of the customer's
//! outweighs every report of an earlier time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::key::ConversationKey;

/// The state of a talk, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Talk {
    /// When the carrier ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    over_at: Option<Timestamp>,
    /// When the customer blocked the line that they write on.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_at: Option<Timestamp>,
    /// When the customer last wrote in it, or lifted a block.
    #[serde(skip_serializing_if = "Option::is_none")]
    reached_at: Option<Timestamp>,
    /// The conversation in which the customer goes on, since their talks were merged.
    #[serde(skip_serializing_if = "Option::is_none")]
    joined_into: Option<ConversationKey>,
}

impl Talk {
    /// Whether nothing is known of it.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// Whether no text reaches the customer in it. No later word of theirs lifts the end of one that was joined into another.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.joined_into.is_some() || self.over_at.is_some() && self.over_at > self.reached_at
    }

    /// Whether the carrier has ended it after this time.
    #[must_use]
    pub fn has_ended_since(&self, at: Timestamp) -> bool {
        self.is_over() && self.over_at > Some(at)
    }

    /// The conversation in which the customer goes on, where this one was joined into it.
    #[must_use]
    pub fn joined_into(&self) -> Option<&ConversationKey> {
        self.joined_into.as_ref()
    }

    /// Whether the customer takes no texts on its line.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.blocked_at.is_some() && self.blocked_at > self.reached_at
    }

    /// The same where the customer blocked its line at this time.
    #[must_use]
    pub fn once_blocked(&self, at: Timestamp) -> Self {
        Self { blocked_at: self.blocked_at.max(Some(at)), ..self.clone() }
    }

    /// When the customer last wrote in it, or lifted a block.
    #[must_use]
    pub fn reached_at(&self) -> Option<Timestamp> {
        self.reached_at
    }

    /// It goes on in another talk: ends and blocks were those of the one of before.
    pub(super) fn go_on(&mut self) {
        *self = Self { reached_at: self.reached_at, joined_into: self.joined_into.take(), ..Self::default() };
    }

    pub(super) fn end(&mut self, at: Timestamp) {
        self.over_at = self.over_at.max(Some(at));
    }

    pub(super) fn join(&mut self, lasting: ConversationKey) {
        self.joined_into = Some(lasting);
    }

    pub(super) fn block(&mut self, at: Timestamp) {
        *self = self.once_blocked(at);
    }

    pub(super) fn reach(&mut self, at: Timestamp) {
        self.reached_at = self.reached_at.max(Some(at));
    }

    pub(super) fn hold_no_later_than(&mut self, now: Timestamp) {
        for at in [&mut self.over_at, &mut self.blocked_at, &mut self.reached_at] {
            *at = at.map(|at| at.min(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// The state after an end, a block and a word of the customer's at these times, in every order.
    fn after(over: i64, blocked: i64, reached: i64) -> (bool, bool) {
        let acts: [&dyn Fn(&mut Talk); 3] =
            [&|talk| talk.end(at(over)), &|talk| talk.block(at(blocked)), &|talk| talk.reach(at(reached))];
        let states = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].map(|order| {
            let mut talk = Talk::default();
            order.iter().for_each(|act| acts[*act](&mut talk));
            (talk.is_over(), talk.is_blocked())
        });
        assert!(states.iter().all(|state| *state == states[0]), "{states:?}");
        states[0]
    }

    #[test]
    fn the_latest_word_counts_in_whatever_order_reports_come() {
        assert_eq!(after(10, 20, 5), (true, true));
        assert_eq!(after(10, 20, 15), (false, true), "the customer wrote after the end");
        assert_eq!(after(30, 20, 25), (true, false), "the block was lifted");
        assert_eq!(after(10, 20, 20), (false, false), "a text of the same moment came through");
    }

    #[test]
    fn no_word_lifts_the_end_of_one_that_was_joined_into_another() {
        let mut talk = Talk::default();
        talk.join(ConversationKey("lasting".into()));
        talk.reach(at(1_000));
        talk.go_on();
        assert!(talk.is_over());
        let again: Talk = serde_json::from_value(serde_json::to_value(&talk).unwrap()).unwrap();
        assert_eq!(again.joined_into(), Some(&ConversationKey("lasting".into())));
    }

    #[test]
    fn a_time_from_a_clock_that_was_ahead_counts_for_no_more_than_now() {
        let mut talk = Talk::default();
        talk.end(at(1_000));
        talk.hold_no_later_than(at(100));
        talk.reach(at(101));
        assert!(!talk.is_over() && !talk.is_unknown());
    }
}
