//! The names of a delivery's states, for lists, filters, sweeps, counts and metrics. Never decides a move, which
//! [`super::apply`] does.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a [`super::State`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// No attempt has been made.
    Pending,
    /// A worker is calling.
    Sending,
    /// To be tried again.
    Waiting,
    /// Its fate is unknown.
    Unconfirmed,
    /// It arrived.
    Delivered,
    /// Rightly not done.
    Skipped,
    /// Given up.
    Dead,
    /// A body that could not be read.
    Quarantined,
}

/// The two places of a store in which deliveries lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Those that hold their lane ([`super::State::holds_lane`]).
    Lanes,
    /// Those that are settled, and those set aside for the operator.
    Settled,
}

impl StateName {
    /// All names, in the order of a delivery's life.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Sending,
        Self::Waiting,
        Self::Unconfirmed,
        Self::Delivered,
        Self::Skipped,
        Self::Dead,
        Self::Quarantined,
    ];

    /// The states in which a delivery may hold its lane.
    pub const UNSETTLED: [Self; 4] = [Self::Pending, Self::Sending, Self::Waiting, Self::Unconfirmed];

    /// The states from which an operator may redrive. A quarantined body is read again instead.
    pub const REDRIVEN: [Self; 4] = [Self::Waiting, Self::Unconfirmed, Self::Dead, Self::Quarantined];

    /// The states from which an operator may discard.
    pub const DISCARDED: [Self; 5] = [Self::Pending, Self::Waiting, Self::Unconfirmed, Self::Dead, Self::Quarantined];

    /// The word in records, addresses, lists, logs and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Waiting => "waiting",
            Self::Unconfirmed => "unconfirmed",
            Self::Delivered => "delivered",
            Self::Skipped => "skipped",
            Self::Dead => "dead",
            Self::Quarantined => "quarantined",
        }
    }

    /// Its position in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether deliveries in this state lie on this shelf. `unconfirmed` ones lie on both: those that are looked for
    /// hold their lane, and those set aside do not.
    #[must_use]
    pub fn lies_in(self, shelf: Shelf) -> bool {
        match shelf {
            Shelf::Lanes => Self::UNSETTLED.contains(&self),
            Shelf::Settled => self == Self::Unconfirmed || !Self::UNSETTLED.contains(&self),
        }
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A word that names no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown state; known ones: {}", StateName::ALL.map(StateName::word).join(", "))]
pub struct UnknownState;

impl FromStr for StateName {
    type Err = UnknownState;

    fn from_str(word: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|name| name.word() == word).ok_or(UnknownState)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, states, word};
    use super::super::{State, Transition, apply};
    use super::*;

    #[test]
    fn a_state_is_stored_under_the_word_of_its_name() {
        for (state, name) in states().iter().zip(StateName::ALL) {
            assert_eq!((state.name(), name.word().parse(), name.to_string()), (name, Ok(name), name.word().to_owned()));
            assert_eq!(serde_json::to_value(state).unwrap()["is"], name.word());
            assert_eq!(serde_json::to_value(name).unwrap(), name.word());
            assert_eq!(StateName::ALL[name.index()], name);
        }
        assert_eq!(format!("{:<8}|", StateName::Dead), "dead    |", "a column of a list");
        let unknown = "ded".parse::<StateName>().unwrap_err().to_string();
        assert!(
            unknown
                .ends_with("known ones: pending, sending, waiting, unconfirmed, delivered, skipped, dead, quarantined")
        );
    }

    #[test]
    fn a_sweep_looks_on_every_shelf_where_its_state_may_lie() {
        let set_aside = State::Unconfirmed { attempt: 1, since: at(1), look_at: None, looks: 1, cause: word() };
        let all = [states(), vec![set_aside]].concat();
        for name in StateName::ALL {
            for (shelf, holds_lane) in [(Shelf::Lanes, true), (Shelf::Settled, false)] {
                let lies = all.iter().any(|state| state.name() == name && state.holds_lane() == holds_lane);
                assert_eq!(name.lies_in(shelf), lies, "{name} {shelf:?}");
            }
        }
    }

    #[test]
    fn the_operators_moves_are_offered_from_the_states_that_allow_them() {
        let from = |moves: &[Transition]| -> Vec<StateName> {
            let allowed = |state: &&State| moves.iter().any(|transition| apply(state, transition.clone()).is_ok());
            states().iter().filter(allowed).map(State::name).collect()
        };
        let read_again = Transition::ReadAgain { reason: word() };
        assert_eq!(from(&[Transition::Redrive, read_again]), StateName::REDRIVEN);
        assert_eq!(from(&[Transition::Discard { reason: word() }]), StateName::DISCARDED);
    }
}
