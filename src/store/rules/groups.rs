//! Groups: the deliveries that go out as one, their leader, and those that an operator moves together.
//!
//! It never forms a group: [`super::merging`] says which deliveries may.

use crate::domain::delivery::Delivery;
use crate::domain::event::EventId;
use crate::domain::lanes::Position;

/// Deliveries that go out as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Group {
    /// The delivery that leads.
    pub(in crate::store) head: Position,
    /// The others, in order.
    pub(in crate::store) others: Vec<Position>,
}

impl Group {
    /// The head, and then the others.
    pub(in crate::store) fn all(&self) -> impl Iterator<Item = Position> {
        [self.head].into_iter().chain(self.others.iter().copied())
    }

    /// The group without these. The first of the rest leads when the head is gone; `None` when all are gone.
    pub(in crate::store) fn without(&self, gone: &[Position]) -> Option<Self> {
        let mut rest = self.all().filter(|position| !gone.contains(position));
        Some(Self { head: rest.next()?, others: rest.collect() })
    }
}

/// The head of the group that a delivery is in, or was in when it was set aside: itself, where it leads or stands alone.
pub(in crate::store) fn head_of(delivery: &Delivery) -> Position {
    Position::of(delivery.merged_into.unwrap_or(delivery.id))
}

/// The heads of the groups that these deliveries leave.
pub(in crate::store) fn heads_of(gone: &[Delivery]) -> Vec<Position> {
    let mut heads: Vec<Position> = gone.iter().map(head_of).collect();
    heads.dedup();
    heads
}

/// A delivery of a group, under this leader from now on.
pub(in crate::store) fn led_by(leader: EventId, delivery: &Delivery) -> Delivery {
    Delivery { merged_into: (delivery.id != leader).then_some(leader), ..delivery.clone() }
}

/// All deliveries that an operator moves with the chosen one, in order: those that would go out with it. Those that were
/// set aside together count too, although no head leads them any more; `set_aside` reads the ones of its conversation.
///
/// # Errors
/// The errors of `set_aside`.
pub(in crate::store) fn together<E>(
    chosen: &Delivery,
    group: Option<&Group>,
    set_aside: impl FnOnce() -> Result<Vec<Delivery>, E>,
) -> Result<Vec<Position>, E> {
    let mut together = vec![Position::of(chosen.id)];
    if let Some(group) = group {
        together.extend(group.all());
    } else if chosen.state.is_set_aside() {
        let with_it = |other: &Delivery| (head_of(other) == head_of(chosen)).then(|| Position::of(other.id));
        together.extend(set_aside()?.iter().filter_map(with_it));
    }
    together.sort_unstable();
    together.dedup();
    Ok(together)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::domain::delivery::State;
    use crate::store::rules::testing::{delivery, id, set_aside};

    fn at(sequences: &[u64]) -> Vec<Position> {
        sequences.iter().map(|sequence| Position::of(id(*sequence))).collect()
    }

    fn group(sequences: &[u64]) -> Group {
        let mut all = at(sequences);
        Group { head: all.remove(0), others: all }
    }

    #[test]
    fn the_first_of_the_rest_leads() {
        for (gone, rest) in [
            (&[][..], Some(group(&[1, 2, 3]))),
            (&[2], Some(group(&[1, 3]))),
            (&[2, 3], Some(group(&[1]))),
            (&[1], Some(group(&[2, 3]))),
            (&[1, 2], Some(group(&[3]))),
            (&[1, 2, 3], None),
            (&[9], Some(group(&[1, 2, 3]))),
        ] {
            assert_eq!(group(&[1, 2, 3]).without(&at(gone)), rest, "without {gone:?}");
        }
    }

    #[test]
    fn a_leader_names_no_other_and_the_others_name_it() {
        let was_led = Delivery { merged_into: Some(id(1)), ..delivery(2, State::Pending) };
        assert_eq!(led_by(id(2), &was_led).merged_into, None);
        assert_eq!(led_by(id(3), &was_led).merged_into, Some(id(3)));
        let alone = delivery(4, State::Pending);
        assert_eq!(heads_of(&[was_led.clone(), Delivery { id: id(1), ..alone.clone() }, alone]), at(&[1, 4]));
    }

    #[test]
    fn an_operator_moves_a_group_whole_also_one_that_was_set_aside() {
        let read_nothing = || -> Result<Vec<Delivery>, Infallible> { panic!("a group in the lane is known") };
        let chosen = Delivery { merged_into: Some(id(1)), ..delivery(3, State::Pending) };
        assert_eq!(together(&chosen, Some(&group(&[1, 2, 3])), read_nothing), Ok(at(&[1, 2, 3])));
        assert_eq!(together(&chosen, None, read_nothing), Ok(at(&[3])), "a delivery that waits alone");
        let aside = |sequence, head: Option<u64>| Delivery { merged_into: head.map(id), ..set_aside(sequence) };
        let all = || Ok::<_, Infallible>(vec![aside(1, None), aside(2, Some(1)), aside(3, Some(1)), aside(4, None)]);
        assert_eq!(together(&aside(2, Some(1)), None, all), Ok(at(&[1, 2, 3])));
        assert_eq!(together(&aside(1, None), None, all), Ok(at(&[1, 2, 3])));
        assert_eq!(together(&aside(4, None), None, all), Ok(at(&[4])));
    }
}
