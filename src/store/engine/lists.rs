//! For reading lists beside the writer, from a view of the committed records.
//!
//! The index names the records of a page ([`super::find`]); this module reads them. A list is a look at a moving thing:
//! a record that goes while it is read is missing from that page. Nothing here writes.

use std::collections::BTreeSet;

use crate::domain::conversation::{Conversation, ConversationKey};
use crate::domain::delivery::Delivery;
use crate::domain::lanes::Position;
use crate::store::engine::bytes::Bytes;
use crate::store::engine::find::Matches;
use crate::store::engine::index::{Listed, PAGE_MAX};
use crate::store::engine::layout::{self, Remembered};
use crate::store::engine::tree::Look;
use crate::store::rules::expiry::Cut;
use crate::store::{DeliveryFilter, Page, StoreError};

/// How often a record is read again after it was replaced during the read.
const READS_MAX: u32 = 5;

/// The most records one step of expiry or of a sweep takes: a few milliseconds of the writer's time.
pub(in crate::store) const STEP_MAX: usize = 256;

/// [`crate::store::Archive::deliveries`].
pub(in crate::store) fn deliveries(
    look: &dyn Look,
    filter: &DeliveryFilter,
    listed: &Listed,
) -> Result<Page<Delivery>, StoreError> {
    let mut items = Vec::with_capacity(listed.positions.len());
    for position in &listed.positions {
        // The index may already know deliveries that are not committed yet.
        items.extend(delivery(look, *position)?.filter(|delivery| filter.wants(delivery)));
    }
    Ok(Page { items, total: listed.total, more: listed.more })
}

/// A delivery, waiting or settled.
fn delivery(look: &dyn Look, position: Position) -> Result<Option<Delivery>, StoreError> {
    for prefix in [layout::HISTORY, layout::PENDING] {
        if let Some(record) = record(look, &layout::at_position(prefix, position))? {
            return layout::decode("delivery", &record).map(Some);
        }
    }
    Ok(None)
}

/// A conversation.
fn conversation(look: &dyn Look, key: &ConversationKey) -> Result<Option<Conversation>, StoreError> {
    let record = record(look, &layout::conversation(key))?;
    record.map(|record| layout::decode("conversation", &record)).transpose()
}

fn record(look: &dyn Look, key: &Bytes) -> Result<Option<Bytes>, StoreError> {
    let Some(value) = look.get(key)? else { return Ok(None) };
    whole(look, key, value)
}

/// [`crate::store::Archive::conversations_named`].
pub(in crate::store) fn named(
    look: &dyn Look,
    keys: &BTreeSet<ConversationKey>,
) -> Result<Vec<Conversation>, StoreError> {
    keys.iter().filter_map(|key| conversation(look, key).transpose()).collect()
}

/// [`crate::store::Archive::find_conversations`].
pub(in crate::store) fn people(look: &dyn Look, matches: &Matches) -> Result<Page<Conversation>, StoreError> {
    let mut items = Vec::with_capacity(matches.keys.len());
    for key in &matches.keys {
        items.extend(conversation(look, &ConversationKey(key.to_string()))?);
    }
    Ok(Page { items, total: matches.total, more: matches.more })
}

/// [`crate::store::Archive::conversations`], of this many in all.
pub(in crate::store) fn conversations(
    look: &dyn Look,
    after: Option<&ConversationKey>,
    limit: usize,
    total: usize,
) -> Result<Page<Conversation>, StoreError> {
    let limit = limit.min(PAGE_MAX);
    let mut page = Page { items: Vec::new(), total: u64::try_from(total).unwrap_or(u64::MAX), more: false };
    let mut from = after.map_or_else(|| vec![layout::CONVERSATION], |after| layout::conversation(after).to_vec());
    // The first key behind that one.
    from.extend(after.map(|_| 0));
    for entry in look.range(&from, &[layout::CONVERSATION + 1]) {
        let (key, value) = entry?;
        if page.items.len() == limit {
            page.more = true;
            break;
        }
        if let Some(record) = whole(look, &key, value)? {
            page.items.push(layout::decode("conversation", &record)?);
        }
    }
    Ok(page)
}

/// Some deliveries older than the cut, after this position; none when there are no more.
pub(in crate::store) fn settled_before(
    look: &dyn Look,
    after: Option<Position>,
    cut: Cut,
) -> Result<Vec<Position>, StoreError> {
    let start =
        layout::at_position(layout::HISTORY, after.map_or(Position(0), |after| Position(after.0.saturating_add(1))));
    let mut found = Vec::new();
    for entry in look.range(&start, &[layout::HISTORY + 1]) {
        let (key, value) = entry?;
        let Some(record) = whole(look, &key, value)? else { continue };
        let delivery: Delivery = layout::decode("delivery", &record)?;
        if !cut.is_over(delivery.accepted_at) {
            // Deliveries lie in the order of acceptance, and none settles before it is accepted.
            break;
        }
        if cut.drops(delivery.settled_at) {
            found.push(Position::of(delivery.id));
        }
        if found.len() == STEP_MAX {
            break;
        }
    }
    Ok(found)
}

/// Some records of dedupe keys that are all older than the cut, after this one; none when there are no more.
pub(in crate::store) fn keys_before(
    look: &dyn Look,
    after: Option<&Bytes>,
    cut: Cut,
) -> Result<Vec<Bytes>, StoreError> {
    let start = after.cloned().unwrap_or_else(|| Bytes::from(&[layout::DEDUPE]));
    let mut found = Vec::new();
    for entry in look.range(&start, &[layout::DEDUPE + 1]) {
        let (key, value) = entry?;
        let known = layout::read_remembered(&value).ok_or_else(not_ours)?;
        if cut.drops_all(known.iter().map(Remembered::dated)) && after != Some(&key) {
            found.push(key);
        }
        if found.len() == STEP_MAX {
            break;
        }
    }
    Ok(found)
}

/// A record with its parts; `None` when it is gone by now.
pub(in crate::store) fn whole(look: &dyn Look, key: &Bytes, first: Bytes) -> Result<Option<Bytes>, StoreError> {
    let mut value = first;
    for _ in 0..READS_MAX {
        if let Some(record) = layout::assemble(value, |part| look.get(part))? {
            return Ok(Some(record));
        }
        match look.get(key)? {
            Some(again) => value = again,
            None => return Ok(None),
        }
    }
    Err(StoreError::Failed("a record changes faster than it can be read".into()))
}

pub(in crate::store) fn not_ours() -> StoreError {
    StoreError::Failed("a key or value is not as this version of tandem writes it".into())
}
