//! The epochs of a store: every opening begins one, and the id of a record keeps the epoch in which it was made.
//!
//! A store that is put back from a backup gives out numbers again that it had given out in the lost time. Their ids
//! differ all the same, because the epoch of an opening is drawn at random.
//!
//! The list is kept in the store, and goes back no further than the store's oldest record.

use jiff::Timestamp;

use crate::domain::event::EventId;
use crate::domain::lanes::Position;

/// One opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Opening {
    /// The first sequence of this opening.
    pub(in crate::store) first: u64,
    /// The epoch of the ids it gave out.
    pub(in crate::store) epoch: u32,
    /// When it began, by the clock at that time.
    pub(in crate::store) at: Timestamp,
}

/// The openings of a store, in order, the present one last. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Epochs {
    before: Vec<Opening>,
    present: Opening,
}

impl Epochs {
    /// Adds the present opening to those before it, with an epoch that none of them has.
    pub(in crate::store) fn begin(mut before: Vec<Opening>, mut present: Opening) -> Self {
        // An opening that gave out no id leaves its place to the next one.
        before.retain(|opening| opening.first < present.first);
        while before.iter().any(|opening| opening.epoch == present.epoch) {
            present.epoch = present.epoch.wrapping_add(1);
        }
        Self { before, present }
    }

    /// The epoch of new ids.
    pub(in crate::store) fn present(&self) -> Opening {
        self.present
    }

    /// The id of an event from outside at this position.
    pub(in crate::store) fn id(&self, position: Position) -> EventId {
        let sequence = position.0 >> 16;
        let mut openings = [self.present].into_iter().chain(self.before.iter().rev().copied());
        let opening = openings.find(|opening| opening.first <= sequence);
        position.id(opening.or(self.before.first().copied()).unwrap_or(self.present).epoch)
    }

    /// The earliest acceptance of the event at this position, against a wrong date in its record: the latest start of
    /// the openings up to its own, without those that lie ahead of `now`.
    pub(in crate::store) fn not_before(&self, position: Position, now: Timestamp) -> Timestamp {
        let openings = self.before.iter().chain([&self.present]).filter(|opening| opening.first <= position.0 >> 16);
        openings.map(|opening| opening.at).filter(|at| *at <= now).max().unwrap_or(Timestamp::MIN)
    }

    /// Whether an opening in this list gave out the id.
    pub(in crate::store) fn know(&self, id: EventId) -> bool {
        self.present.epoch == id.epoch || self.before.iter().any(|opening| opening.epoch == id.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn opening(first: u64, epoch: u32) -> Opening {
        Opening { first, epoch, at: at(0) }
    }

    #[test]
    fn nothing_is_older_than_the_opening_that_gave_it_out_and_no_wrong_date_counts() {
        // Right, a day behind, years ahead, right.
        let dated = [(1, 100), (2, 100 - 86_400), (3, 400 * 86_400), (4, 300)];
        let mut openings: Vec<Opening> =
            dated.iter().map(|(first, second)| Opening { at: at(*second), ..opening(*first, *first as u32) }).collect();
        let present = openings.pop().unwrap();
        let epochs = Epochs::begin(openings, present);
        for (sequence, expected) in [(0, Timestamp::MIN), (1, at(100)), (2, at(100)), (3, at(100)), (4, at(300))] {
            assert_eq!(epochs.not_before(Position(sequence << 16), at(400)), expected, "{sequence}");
        }
    }

    #[test]
    fn an_id_keeps_the_epoch_of_its_opening() {
        let epochs = Epochs::begin(vec![opening(0, 9), opening(5, 7)], opening(8, 3));
        for (sequence, epoch) in [(0, 9), (4, 9), (5, 7), (7, 7), (8, 3), (900, 3)] {
            let id = EventId { epoch, sequence, sub: 0 };
            assert_eq!(epochs.id(Position(sequence << 16)), id);
            assert!(epochs.know(id));
        }
        assert!(!epochs.know(EventId { epoch: 4, sequence: 5, sub: 0 }));
    }

    #[test]
    fn no_epoch_is_taken_twice_and_an_opening_that_gave_nothing_out_is_forgotten() {
        let epochs = Epochs::begin(vec![opening(0, 9), opening(5, u32::MAX), opening(8, 0)], opening(8, u32::MAX));
        assert_eq!(epochs, Epochs { before: vec![opening(0, 9), opening(5, u32::MAX)], present: opening(8, 0) });
    }
}
