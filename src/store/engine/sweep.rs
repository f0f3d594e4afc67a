//! For finding deliveries to move or to erase, beside the writer. Each look is short and says where the next one
//! begins, so that it needs little memory and delays no other call.
//!
//! Unlike a list, a look counts nothing beyond its finds. Nothing here writes.

use jiff::Timestamp;
use serde::Deserialize;

use crate::domain::account::{AccountId, Ends};
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::{Shelf, StateName};
use crate::domain::event::EventId;
use crate::domain::kind::KindName;
use crate::domain::lanes::Position;
use crate::store::engine::tree::Look;
use crate::store::engine::{layout, lists};
use crate::store::{StoreError, Sweep};

/// The most records one look reads: some tens of milliseconds, where matches are rare.
const LOOKED_AT_MAX: usize = 20_000;

/// The result of one look.
#[derive(Debug, Default)]
pub(in crate::store) struct Step {
    /// The positions found, in order.
    pub(in crate::store) positions: Vec<Position>,
    /// Where the look ended; `None` at the end of all records.
    pub(in crate::store) up_to: Option<Position>,
}

/// The part of a delivery's record that a look reads.
#[derive(Deserialize)]
pub(in crate::store) struct SweepFields {
    pub(in crate::store) id: EventId,
    conversation: ConversationKey,
    pub(in crate::store) kind: KindName,
    #[serde(default)]
    pub(in crate::store) ends: Ends,
    #[serde(default)]
    posted_to: Option<AccountId>,
    accepted_at: Timestamp,
    state: Is,
}

#[derive(Deserialize)]
struct Is {
    is: StateName,
}

/// The next deliveries of a sweep, in order. Positions grow with acceptance, so a caller who moves them in order moves
/// each lane in its order.
pub(in crate::store) fn next(look: &dyn Look, sweep: &Sweep) -> Result<Step, StoreError> {
    let after = sweep.after.map(Position::of);
    let wanted = |_, record: &[u8]| {
        let fields: SweepFields = layout::decode("delivery", record)?;
        let account = fields.posted_to.unwrap_or(fields.kind.route(fields.ends).account);
        Ok(fields.state.is == sweep.state
            && fields.accepted_at <= sweep.accepted_by
            && sweep.conversation.as_ref().is_none_or(|key| *key == fields.conversation)
            && sweep.account.is_none_or(|wanted| wanted == account))
    };
    let on = |shelf, prefix| {
        if sweep.state.lies_in(shelf) { through(look, prefix, after, wanted) } else { Ok(Step::default()) }
    };
    Ok(joined(on(Shelf::Lanes, layout::PENDING)?, on(Shelf::Settled, layout::HISTORY)?))
}

/// Two looks as one: as far as both have gone, and no more than one step takes.
fn joined(mut one: Step, other: Step) -> Step {
    one.positions.extend(other.positions);
    one.positions.sort_unstable();
    let up_to = [one.up_to, other.up_to].into_iter().flatten().min();
    if let Some(up_to) = up_to {
        one.positions.retain(|position| *position <= up_to);
    }
    if one.positions.len() <= lists::STEP_MAX {
        return Step { up_to, ..one };
    }
    one.positions.truncate(lists::STEP_MAX);
    let up_to = one.positions.last().copied();
    Step { positions: one.positions, up_to }
}

/// Looks through the waiting deliveries, or the settled ones, after this position.
pub(in crate::store) fn through(
    look: &dyn Look,
    prefix: u8,
    after: Option<Position>,
    mut wanted: impl FnMut(Position, &[u8]) -> Result<bool, StoreError>,
) -> Result<Step, StoreError> {
    let start = layout::at_position(prefix, after.map_or(Position(0), |after| Position(after.0.saturating_add(1))));
    let mut found = Step::default();
    for (looked_at, entry) in look.range(&start, &[prefix + 1]).enumerate() {
        let (key, value) = entry?;
        let position = layout::position_of(&key).ok_or_else(lists::not_ours)?;
        let Some(record) = lists::whole(look, &key, value)? else { continue };
        if wanted(position, &record)? {
            found.positions.push(position);
        }
        if found.positions.len() == lists::STEP_MAX || looked_at + 1 == LOOKED_AT_MAX {
            found.up_to = Some(position);
            break;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(positions: &[u64], up_to: Option<u64>) -> Step {
        Step { positions: positions.iter().copied().map(Position).collect(), up_to: up_to.map(Position) }
    }

    #[test]
    fn two_looks_go_as_far_as_both_have_gone() {
        for (one, other, positions, up_to) in [
            (step(&[1, 4], None), step(&[2, 9], None), vec![1, 2, 4, 9], None),
            (step(&[1, 4], Some(4)), step(&[2, 9], None), vec![1, 2, 4], Some(4)),
            (step(&[1, 4], Some(4)), step(&[2, 9], Some(3)), vec![1, 2], Some(3)),
            (step(&[], Some(4)), step(&[2], None), vec![2], Some(4)),
        ] {
            let both = joined(one, other);
            assert_eq!(both.positions.iter().map(|position| position.0).collect::<Vec<_>>(), positions);
            assert_eq!(both.up_to.map(|position| position.0), up_to);
        }
    }

    #[test]
    fn a_step_is_no_longer_than_a_step() {
        let all: Vec<u64> = (1..=300).collect();
        let (odd, even): (Vec<u64>, Vec<u64>) = all.iter().partition(|position| *position % 2 == 1);
        let both = joined(step(&odd, None), step(&even, None));
        assert_eq!(both.positions.len(), lists::STEP_MAX);
        assert_eq!(both.up_to, both.positions.last().copied());
    }
}
