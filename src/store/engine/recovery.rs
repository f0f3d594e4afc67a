//! Taking up where the last process stopped: what the records say is put back into memory, and what was being sent is
//! to be looked for.
//!
//! It only reads and stages; whoever opens the store commits.

use jiff::Timestamp;
use sled::IVec;

use crate::domain::delivery::{Delivery, State};
use crate::domain::lanes::Place;
use crate::store::engine::claims::lose;
use crate::store::engine::core::{Core, entry_of, lane_of};
use crate::store::engine::journal::Journal;
use crate::store::engine::layout;
use crate::store::engine::shared::Disk;
use crate::store::engine::tree::{Look, Tree};
use crate::store::{StoreError, StoreLimits};

/// Takes up what lies in a tree, or begins a new store in an empty one, and commits.
pub(in crate::store) fn take_up(
    tree: Box<dyn Tree>,
    disk: Disk,
    limits: &StoreLimits,
    epoch_if_new: u32,
    now: Timestamp,
) -> Result<Core, StoreError> {
    let (epoch, next) = meta(&*tree, epoch_if_new)?;
    let view = tree.view();
    let mut core = Core::new(Journal::new(tree, next), epoch, limits.clone(), disk);
    core.journal.put(layout::META_EPOCH.into(), IVec::from(&epoch.to_be_bytes()));
    core.keep();
    recover(&*view, &mut core, now)?;
    core.recover_pauses()?;
    core.commit()?;
    Ok(core)
}

/// The epoch, and the first number that was never used.
fn meta(look: &dyn Look, epoch_if_new: u32) -> Result<(u32, u64), StoreError> {
    let unreadable = |cause: &str| StoreError::Failed(cause.to_owned());
    let number = |key: &[u8]| -> Result<Option<u64>, StoreError> {
        let Some(value) = look.get(key)? else { return Ok(None) };
        if value.is_empty() || value.len() > 8 {
            return Err(unreadable("a number has the wrong length"));
        }
        Ok(Some(value.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))))
    };
    let word = |number: u64| u32::try_from(number).map_err(|_| unreadable("a number is too large"));

    let epoch = number(layout::META_EPOCH)?.map(word).transpose()?.unwrap_or(epoch_if_new);

    let mut next = number(layout::META_NEXT)?.unwrap_or(1).max(1);
    let placed = layout::PLACED.map(|prefix| (prefix, 16));
    for (prefix, shift) in placed.into_iter().chain([(layout::PART, 0), (layout::AUDIT, 0)]) {
        let last = look.last_with_prefix(&[prefix])?;
        if let Some(Place(used)) = last.and_then(|(key, _)| layout::place_of(&key)) {
            next = next.max((used >> shift) + 1);
        }
    }
    Ok((epoch, next))
}

/// Fills the lanes, counts what stands, and learns the dedupe keys. What was being sent when the bridge stopped may
/// have happened.
fn recover(look: &dyn Look, core: &mut Core, now: Timestamp) -> Result<(), StoreError> {
    let lease = jiff::SignedDuration::try_from(core.limits.lease).unwrap_or(jiff::SignedDuration::MAX);
    for entry in look.with_prefix(&[layout::PENDING]) {
        let mut delivery = stored(entry?, look)?;
        let (place, lane) = (Place::of(delivery.id), lane_of(&delivery));
        core.count(None, Some(delivery.state.name()));
        core.lanes.insert(&lane, entry_of(&delivery));
        if let Some(head) = delivery.merged_into {
            core.groups.entry(Place::of(head)).or_default().push(place);
        }
        if let State::Sending { lease_until, .. } = delivery.state {
            let before = delivery.clone();
            let since = lease_until.saturating_sub(lease).unwrap_or(now).min(now);
            lose(&mut delivery, now, "the bridge stopped while calling")?;
            if let State::Unconfirmed { since: lost_at, .. } = &mut delivery.state {
                *lost_at = since;
            }
            core.write(&before, &delivery)?;
            core.keep();
        }
    }
    for entry in look.with_prefix(&[layout::HISTORY]) {
        let delivery = stored(entry?, look)?;
        core.count(None, Some(delivery.state.name()));
    }
    for entry in look.with_prefix(&[layout::DEDUPE]) {
        let (_, value) = entry?;
        let known = layout::read_remembered(&value);
        let known = known.ok_or_else(|| StoreError::Failed("a dedupe record is not one".into()))?;
        known.iter().for_each(|known| core.known.learn(known));
    }
    Ok(())
}

/// The delivery in an entry.
fn stored((_, value): (IVec, IVec), look: &dyn Look) -> Result<Delivery, StoreError> {
    let record = layout::assemble(value, |part| look.get(part))?;
    let record = record.ok_or_else(|| StoreError::Failed("a part of a long record is missing".into()))?;
    layout::decode("delivery", &record)
}
