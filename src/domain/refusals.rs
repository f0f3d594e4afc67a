//! The meaning of a vendor's refusals: of one object, or of the whole account. Pure.
//!
//! A 403 looks the same whether an agent has moved one ticket out of the bridge's sight or an administrator has taken
//! its role away. One object's refusal ends its own delivery. Only proof holds an account: several different objects
//! are refused one after the other, the vendor accepts none in between, and it refuses the probe (the call that asks
//! for the bridge's own identity) as well.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::domain::budget::UserKey;
use crate::domain::delivery::State;
use crate::domain::event::TicketId;

/// The object of a call, to which a refusal may be limited. It holds no personal data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// A ticket, with its comments and audits.
    Ticket(TicketId),
    /// A user who is saved.
    User(UserKey),
    /// A customer who is texted, or whose profile is read.
    Recipient(UserKey),
    /// A campaign, by its id.
    Campaign(String),
    /// Anything else, by its kind: a new ticket, a list, a search, an upload.
    Other(&'static str),
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ticket(id) => write!(f, "ticket {id}"),
            Self::User(_) => f.write_str("the customer's user"),
            Self::Recipient(_) => f.write_str("this customer"),
            Self::Campaign(id) => write!(f, "campaign {id}"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// The number of different objects, refused one after the other, that may mean a refusal of the account.
const OBJECTS_MIN: usize = 2;

/// The number of different objects, refused one after the other without an acceptance, that are not given up after a
/// few tries, because an operator who took a permission away by mistake must not find every delivery dead.
const OBJECTS_MANY: usize = 3;

/// The most objects that are remembered, because more of them prove nothing more.
const OBJECTS_MAX: usize = 16;

/// How often a delivery with a refused object is tried. A refusal may pass, because an agent may be moving the ticket
/// or changing a permission at this moment.
const TRIES: u32 = 4;

/// How long the answer to a probe is believed.
const PROBE_LIFE: SignedDuration = SignedDuration::from_secs(10);

/// How long an accepted call proves that the account is let in.
const ACCEPTED_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// How long a look at a refused object is repeated, because looks count no attempts.
const LOOKS_LAST: SignedDuration = SignedDuration::from_secs(60);

/// The meaning of a refusal for its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Undecided: probe the vendor, note the answer ([`Refusals::probed`]), and weigh again.
    Probe,
    /// The refusal may pass: try the delivery again.
    Again,
    /// The vendor refuses this object, for good.
    Object,
    /// The vendor refuses the account.
    Account,
}

/// One vendor's refusals since it last accepted a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    objects: BTreeSet<Object>,
    accepted_at: Option<Timestamp>,
    /// When the vendor was last probed, and whether it let the bridge in.
    probed: Option<(Timestamp, bool)>,
}

impl Refusals {
    /// The vendor has accepted a call.
    pub fn accepted(&mut self, now: Timestamp) {
        self.objects.clear();
        self.accepted_at = Some(now);
    }

    /// The vendor was probed.
    pub fn probed(&mut self, is_let_in: bool, now: Timestamp) {
        self.probed = Some((now, is_let_in));
    }

    /// The meaning of this object's refusal. `is_over` tells whether its delivery was tried often enough
    /// ([`tries_are_over`]). `can_probe` tells whether the vendor has a call to probe with; without one, several
    /// different objects are the only proof.
    pub fn weigh(&mut self, object: &Object, is_over: bool, can_probe: bool, now: Timestamp) -> Weight {
        if self.objects.len() < OBJECTS_MAX {
            self.objects.insert(object.clone());
        }
        let several = self.objects.len() >= OBJECTS_MIN;
        let probed = self.probed.filter(|(at, _)| within(*at, PROBE_LIFE, now)).map(|(_, is_let_in)| is_let_in);
        if can_probe && probed.is_none() && (several || is_over) {
            return Weight::Probe;
        }
        let is_kept_out = probed == Some(false);
        let accepted_lately = self.accepted_at.is_some_and(|at| within(at, ACCEPTED_LIFE, now));
        if several && (is_kept_out || !can_probe) {
            Weight::Account
        } else if !is_over || is_kept_out || (self.objects.len() >= OBJECTS_MANY && !accepted_lately) {
            Weight::Again
        } else {
            Weight::Object
        }
    }
}

/// Whether a delivery whose object was just refused was tried often enough; `state` is its state before the attempt.
#[must_use]
pub fn tries_are_over(state: &State, now: Timestamp) -> bool {
    if let State::Unconfirmed { since, .. } = state {
        return !within(*since, LOOKS_LAST, now);
    }
    state.attempts().saturating_add(1) >= TRIES
}

/// Whether `at` lies no further back than this. A time ahead comes from a clock that was set back, and proves nothing.
fn within(at: Timestamp, life: SignedDuration, now: Timestamp) -> bool {
    let age = now.duration_since(at);
    !age.is_negative() && age <= life
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn ticket(id: u64) -> Object {
        Object::Ticket(TicketId(id))
    }

    /// Weighs with a vendor that answers a probe so.
    fn weighed(refusals: &mut Refusals, id: u64, attempt: u32, is_let_in: bool, now: i64) -> Weight {
        let weight = refusals.weigh(&ticket(id), attempt >= TRIES, true, at(now));
        if weight != Weight::Probe {
            return weight;
        }
        refusals.probed(is_let_in, at(now));
        refusals.weigh(&ticket(id), attempt >= TRIES, true, at(now))
    }

    #[test]
    fn one_object_is_tried_a_few_times_and_ends_alone() {
        let mut refusals = Refusals::default();
        let weights: Vec<Weight> =
            (1..=4).map(|attempt| weighed(&mut refusals, 1, attempt, true, i64::from(attempt))).collect();
        assert_eq!(weights, [Weight::Again, Weight::Again, Weight::Again, Weight::Object]);
    }

    #[test]
    fn several_objects_are_no_account_as_long_as_it_is_let_in() {
        let mut refusals = Refusals::default();
        refusals.accepted(at(0));
        for id in 1..100 {
            for attempt in 1..=4 {
                let expected = if attempt < 4 { Weight::Again } else { Weight::Object };
                assert_eq!(weighed(&mut refusals, id, attempt, true, 1), expected, "{id}, {attempt}");
            }
        }
    }

    #[test]
    fn an_account_is_held_when_several_objects_and_it_are_refused_and_nothing_was_accepted_between() {
        let mut refusals = Refusals::default();
        assert_eq!(weighed(&mut refusals, 1, 1, false, 0), Weight::Again, "one object proves nothing");
        assert_eq!(weighed(&mut refusals, 2, 1, false, 1), Weight::Account);
        refusals.accepted(at(2));
        assert_eq!(weighed(&mut refusals, 1, 2, false, 3), Weight::Again);
    }

    #[test]
    fn the_only_object_of_an_account_that_is_kept_out_is_not_given_up() {
        let mut refusals = Refusals::default();
        assert_eq!(weighed(&mut refusals, 1, 40, false, 0), Weight::Again);
    }

    #[test]
    fn nothing_is_given_up_soon_where_everything_is_refused() {
        let mut refusals = Refusals::default();
        for id in 1..=2 {
            weighed(&mut refusals, id, 1, true, 0);
        }
        assert_eq!(weighed(&mut refusals, 3, 9, true, 0), Weight::Again, "whoever may read may still not write");
        refusals.accepted(at(1));
        for id in 1..=2 {
            weighed(&mut refusals, id, 2, true, 2);
        }
        assert_eq!(weighed(&mut refusals, 3, 9, true, 600), Weight::Object);
        assert_eq!(weighed(&mut refusals, 3, 9, true, 602), Weight::Again, "that was too long ago");
    }

    #[test]
    fn a_vendor_that_cannot_be_asked_is_held_by_several_objects() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.weigh(&ticket(1), false, false, at(0)), Weight::Again);
        assert_eq!(refusals.weigh(&ticket(1), true, false, at(1)), Weight::Object);
        assert_eq!(refusals.weigh(&ticket(2), false, false, at(2)), Weight::Account);
    }

    #[test]
    fn the_answer_about_ourselves_is_asked_for_no_more_often_than_it_may_change() {
        let mut refusals = Refusals::default();
        refusals.weigh(&ticket(1), false, true, at(0));
        assert_eq!(refusals.weigh(&ticket(2), false, true, at(0)), Weight::Probe);
        refusals.probed(true, at(0));
        assert_eq!(refusals.weigh(&ticket(3), false, true, at(9)), Weight::Again);
        assert_eq!(refusals.weigh(&ticket(3), false, true, at(11)), Weight::Probe);
        assert_eq!(refusals.weigh(&ticket(3), false, true, at(-1)), Weight::Probe, "the clock was set back");
    }
}
