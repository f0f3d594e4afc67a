//! Lists, read beside the writer: from a look at what is committed, without stopping anybody.
//!
//! A list is a look at a moving thing: a delivery that settles while it is read may be missing from that page. Nothing
//! here writes.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, VecDeque};

use sled::IVec;

use crate::domain::conversation::{Conversation, ConversationKey};
use crate::domain::delivery::Delivery;
use crate::domain::find::Search;
use crate::domain::lanes::Place;
use crate::store::engine::directory::key_in;
use crate::store::engine::layout;
use crate::store::engine::tree::Look;
use crate::store::engine::upkeep::Cut;
use crate::store::{DeliveryFilter, PEOPLE_MAX, Page, StoreError};

/// The longest page, whatever was asked for: a few megabytes.
pub(in crate::store) const PAGE_MAX: usize = 1000;

/// How often a record is read again that was replaced while it was being read.
const READS_MAX: u32 = 5;

/// What one step of expiry or of a sweep takes: a few milliseconds of the writer's time.
pub(in crate::store) const STEP_MAX: usize = 256;

/// Whose deliveries a filter wants; `None` for everybody's.
fn whose(look: &dyn Look, filter: &DeliveryFilter) -> Result<Option<BTreeSet<ConversationKey>>, StoreError> {
    let mut whose = filter.conversation.clone().map(|key| BTreeSet::from([key]));
    let mut also = |keys: BTreeSet<ConversationKey>| {
        let both = whose.as_ref().map(|whose| whose.intersection(&keys).cloned().collect());
        whose = Some(both.unwrap_or(keys));
    };
    if let Some(ticket) = filter.ticket {
        let leads_to = look.get(&layout::ticket(ticket))?.map(|value| key_in(&value));
        also(leads_to.into_iter().chain([ConversationKey::provisional(ticket)]).collect());
    }
    if let Some(end) = &filter.phone_end {
        let found = find_conversations(look, Some(&Search::PhoneEnd(end.clone())), None, PEOPLE_MAX)?;
        also(found.items.into_iter().map(|conversation| conversation.key).collect());
    }
    Ok(whose)
}

/// A page of deliveries in the making. It is given all of them, oldest first, whichever end it begins at.
struct Deliveries {
    after: Option<Place>,
    newest_first: bool,
    limit: usize,
    found: VecDeque<(IVec, IVec)>,
    total: u64,
    more: bool,
}

impl Deliveries {
    /// Whether the page takes this one: else it is only counted.
    fn takes(&mut self, place: Place) -> bool {
        self.total += 1;
        let is_behind = |after| if self.newest_first { place < after } else { place > after };
        let behind = self.after.is_none_or(is_behind);
        let full = self.found.len() >= self.limit;
        self.more |= behind && full;
        behind && (self.newest_first || !full)
    }

    fn take(&mut self, key: IVec, value: IVec) {
        self.found.push_back((key, value));
        if self.found.len() > self.limit {
            self.found.pop_front();
        }
    }
}

/// [`crate::store::Store::deliveries`].
pub(in crate::store) fn deliveries(look: &dyn Look, filter: &DeliveryFilter) -> Result<Page<Delivery>, StoreError> {
    let mut page = Deliveries {
        after: filter.after.map(Place::of),
        newest_first: filter.newest_first,
        limit: filter.limit.min(PAGE_MAX),
        found: VecDeque::new(),
        total: 0,
        more: false,
    };
    let whose = whose(look, filter)?;
    // Both halves are in the order of places, so merging them is too.
    let mut waiting = look.with_prefix(&[layout::PENDING]).peekable();
    let mut history = look.with_prefix(&[layout::HISTORY]).peekable();
    let mut last = None;
    loop {
        let from_waiting = match (waiting.peek(), history.peek()) {
            (None, None) => break,
            (Some(Ok((a, _))), Some(Ok((b, _)))) => a[1..] <= b[1..],
            (waiting, history) => history.is_none() || matches!(waiting, Some(Err(_))),
        };
        let next = if from_waiting { waiting.next() } else { history.next() };
        let Some((key, value)) = next.transpose()? else { break };
        let place = layout::place_of(&key).ok_or_else(not_ours)?;
        if last.replace(place) == Some(place) {
            // It settled while we looked.
            continue;
        }
        let Some(record) = whole(look, &key, value.clone())? else { continue };
        let delivery: Delivery = layout::decode("delivery", &record)?;
        let is_theirs = whose.as_ref().is_none_or(|whose| whose.contains(&delivery.conversation));
        if is_theirs && filter.wants(&delivery) && page.takes(place) {
            page.take(key, value);
        }
    }
    let mut items = Vec::with_capacity(page.found.len());
    for (key, value) in page.found {
        // Whole only now: of those that a page going backwards lets go again, nothing more need be read.
        if let Some(record) = whole(look, &key, value)? {
            items.push(layout::decode("delivery", &record)?);
        }
    }
    if filter.newest_first {
        items.reverse();
    }
    Ok(Page { items, total: page.total, more: page.more })
}

/// [`crate::store::Store::conversations`].
pub(in crate::store) fn conversations(
    look: &dyn Look,
    after: Option<&ConversationKey>,
    limit: usize,
) -> Result<Page<Conversation>, StoreError> {
    let mut page = Page { items: Vec::new(), total: 0, more: false };
    for entry in look.with_prefix(&[layout::CONVERSATION]) {
        let (key, value) = entry?;
        page.total += 1;
        if after.is_some_and(|after| &key[1..] <= after.0.as_bytes()) {
            continue;
        }
        if page.items.len() == limit {
            page.more = true;
        } else if let Some(record) = whole(look, &key, value)? {
            page.items.push(layout::decode("conversation", &record)?);
        }
    }
    Ok(page)
}

/// [`crate::store::Store::find_conversations`].
pub(in crate::store) fn find_conversations(
    look: &dyn Look,
    search: Option<&Search>,
    after: Option<&ConversationKey>,
    limit: usize,
) -> Result<Page<Conversation>, StoreError> {
    let mut newest: HashMap<ConversationKey, Place> = HashMap::new();
    for prefix in [layout::PENDING, layout::HISTORY] {
        for entry in look.with_prefix(&[prefix]) {
            let (key, value) = entry?;
            let Some(record) = whole(look, &key, value)? else { continue };
            let delivery: Delivery = layout::decode("delivery", &record)?;
            let place = Place::of(delivery.id);
            newest.entry(delivery.conversation).and_modify(|newest| *newest = place.max(*newest)).or_insert(place);
        }
    }
    let of_ticket = match search {
        Some(Search::Ticket(ticket)) => look.get(&layout::ticket(*ticket))?.map(|value| key_in(&value)),
        _ => None,
    };
    let is_meant = |conversation: &Conversation| match search {
        None => true,
        Some(Search::Ticket(_)) => of_ticket.as_ref() == Some(&conversation.key),
        Some(search) => search.finds(conversation),
    };
    let mut found = conversations(look, None, usize::MAX)?.items;
    found.retain(is_meant);
    let order = |key: &ConversationKey| (Reverse(newest.get(key).copied()), key.clone());
    found.sort_by_cached_key(|conversation| order(&conversation.key));
    let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
    if let Some(after) = after.map(order) {
        found.retain(|conversation| order(&conversation.key) > after);
    }
    let more = found.len() > limit;
    found.truncate(limit);
    Ok(Page { items: found, total, more })
}

/// Some deliveries that settled long enough ago, after this place; none when there are no more.
pub(in crate::store) fn settled_before(
    look: &dyn Look,
    after: Option<Place>,
    cut: Cut,
) -> Result<Vec<Place>, StoreError> {
    let start = layout::at_place(layout::HISTORY, after.map_or(Place(0), |after| Place(after.0.saturating_add(1))));
    let mut found = Vec::new();
    for entry in look.range(&start, &[layout::HISTORY + 1]) {
        let (key, value) = entry?;
        let Some(record) = whole(look, &key, value)? else { continue };
        let delivery: Delivery = layout::decode("delivery", &record)?;
        if !cut.is_over(delivery.accepted_at) {
            // They are in the order of acceptance, and nothing settles before it is accepted.
            break;
        }
        if delivery.settled_at.is_some_and(|at| cut.is_over(at)) {
            found.push(Place::of(delivery.id));
        }
        if found.len() == STEP_MAX {
            break;
        }
    }
    Ok(found)
}

/// Some records of dedupe keys that are all older, after this one; none when there are no more.
pub(in crate::store) fn keys_before(look: &dyn Look, after: Option<&IVec>, cut: Cut) -> Result<Vec<IVec>, StoreError> {
    let start = after.cloned().unwrap_or_else(|| IVec::from(&[layout::DEDUPE]));
    let mut found = Vec::new();
    for entry in look.range(&start, &[layout::DEDUPE + 1]) {
        let (key, value) = entry?;
        let known = layout::read_remembered(&value).ok_or_else(not_ours)?;
        if known.iter().all(|known| cut.is_over(known.dated())) && after != Some(&key) {
            found.push(key);
        }
        if found.len() == STEP_MAX {
            break;
        }
    }
    Ok(found)
}

/// A record with its parts; `None` when it is gone by now.
pub(in crate::store) fn whole(look: &dyn Look, key: &IVec, first: IVec) -> Result<Option<IVec>, StoreError> {
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
