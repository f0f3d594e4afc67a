//! For writing the changes of a transaction's requests: the records, and the columns that are taken from them. All statements go
//! out at once, in the order in which every bridge takes its locks. Nothing here decides anything.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::account::{AccountId, Route};
use crate::domain::conversation::{Conversation, ConversationKey};
use crate::domain::delivery::{Delivery, StateName};
use crate::domain::event::EventId;
use crate::domain::lanes::{LaneName, Position};
use crate::domain::receipt::Kept;
use crate::store::StoreError;
use crate::store::engine::bytes::Bytes;
use crate::store::engine::core::Core;
use crate::store::engine::index::Entry as Indexed;
use crate::store::engine::layout::{self, Digest, Remembered};
use crate::store::engine::part::Want;
use crate::store::engine::people::Person;
use crate::store::engine::tree::Changes;
use crate::store::lock::lock;
use crate::store::rules::lanes::{entry_of, lane_of};
use crate::store::rules::reports;

use super::scene::{LaneRow, Scene};

/// A delivery's record with its columns.
pub(super) struct Row {
    pub(super) position: Position,
    pub(super) delivery: Delivery,
    pub(super) indexed: Indexed,
    pub(super) record: Bytes,
}

/// The changes of a transaction, by table.
#[derive(Default)]
pub(super) struct Plan {
    /// Conversations that have no row yet.
    pub(super) begun: BTreeSet<ConversationKey>,
    /// Records of conversations, `None` for one that is dropped.
    pub(super) conversations: BTreeMap<ConversationKey, Option<(Bytes, Person)>>,
    /// The newest delivery that each conversation was given.
    pub(super) newest: BTreeMap<ConversationKey, Position>,
    /// Conversations that a delivery has left.
    pub(super) left: BTreeSet<ConversationKey>,
    /// Conversations of which nothing is left.
    pub(super) empty: BTreeSet<ConversationKey>,
    /// Names and tickets; the flag tells whether the name was read and not there.
    pub(super) names: BTreeMap<Bytes, Option<Bytes>>,
    /// Of the names, those that were read and not there.
    pub(super) unknown: BTreeSet<Bytes>,
    pub(super) lanes: BTreeMap<LaneName, Option<LaneRow>>,
    pub(super) waiting: BTreeMap<Position, Option<Row>>,
    pub(super) settled: BTreeMap<Position, Option<Row>>,
    pub(super) events: BTreeMap<Position, Option<Bytes>>,
    pub(super) answers: BTreeMap<Position, Option<Bytes>>,
    pub(super) seen: Vec<(Digest, Position, i64)>,
    /// The positions of which the dedupe keys are dropped.
    pub(super) unlearnt: Vec<Position>,
    /// The vendors' names of sends, as they were and as they are from now on.
    named_before: BTreeMap<Position, BTreeSet<u64>>,
    named: BTreeMap<Position, BTreeSet<u64>>,
    pub(super) reports: BTreeMap<u64, Option<(Bytes, Kept)>>,
    pub(super) audit: BTreeMap<u64, Option<Bytes>>,
    pub(super) meta: BTreeMap<Bytes, Option<Bytes>>,
    /// The texts whose pictures go.
    pub(super) over: Vec<EventId>,
    pub(super) tally: Tally,
}

/// How the numbers of the store change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) by_state: BTreeMap<StateName, i64>,
    pub(super) waiting: BTreeMap<AccountId, i64>,
    pub(super) due_reports: i64,
    pub(super) unbound: BTreeMap<AccountId, i64>,
    pub(super) people: i64,
}

impl Plan {
    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.begun.is_empty()
            && self.conversations.is_empty()
            && self.names.is_empty()
            && self.lanes.is_empty()
            && self.waiting.is_empty()
            && self.settled.is_empty()
            && self.events.is_empty()
            && self.answers.is_empty()
            && self.seen.is_empty()
            && self.unlearnt.is_empty()
            && self.reports.is_empty()
            && self.audit.is_empty()
            && self.meta.is_empty()
    }

    /// The routes of the lanes that it writes.
    pub(super) fn routes(&self) -> impl Iterator<Item = Route> {
        let lanes = self.lanes.iter().filter_map(|(name, row)| Some((name.direction, row.as_ref()?.account)));
        lanes.map(|(direction, account)| Route { direction, account })
    }

    /// The changes of the requests that ran on this core. Gives the wants of the conversations that must be locked first, where
    /// there are such.
    pub(super) fn of(scene: &Scene, core: &mut Core) -> Result<Result<Self, BTreeSet<Want>>, StoreError> {
        let mut plan = Self { over: std::mem::take(&mut core.over), ..Self::default() };
        let unlocked = {
            let mut part = lock(&scene.part);
            let changes = std::mem::take(&mut part.changes);
            plan.enter(changes, &part.records, core, scene)?
        };
        if !unlocked.is_empty() {
            return Ok(Err(unlocked));
        }
        plan.find_lanes(scene, core);
        Ok(Ok(plan))
    }

    fn enter(
        &mut self,
        changes: Changes,
        before: &std::collections::HashMap<Bytes, Option<Bytes>>,
        core: &Core,
        scene: &Scene,
    ) -> Result<BTreeSet<Want>, StoreError> {
        let mut unlocked = BTreeSet::new();
        for (key, value) in changes {
            let old = before.get(&key).cloned().flatten();
            if old.is_none() && value.is_none() && before.contains_key(&key) {
                continue;
            }
            let at = layout::position_of(&key);
            match (key.first().copied(), at) {
                (Some(layout::CONVERSATION), _) => self.conversation(&key, old, value)?,
                (Some(layout::TICKET | layout::SCOPED_TICKET | layout::IDENTITY), _) => {
                    if matches!(before.get(&key), Some(None)) {
                        self.unknown.insert(key.clone());
                    }
                    self.names.insert(key, value);
                }
                (Some(prefix @ (layout::PENDING | layout::HISTORY)), Some(at)) => {
                    let lies = (prefix, at);
                    unlocked.extend(self.delivery(lies, old.as_ref(), value, (core, scene))?);
                }
                (Some(layout::EVENT), Some(at)) => drop(self.events.insert(at, value)),
                (Some(layout::ANSWERS), Some(at)) => drop(self.answers.insert(at, value)),
                (Some(layout::DEDUPE), Some(at)) => self.dedupe(at, value)?,
                (Some(layout::REPORT), Some(at)) => self.report(at.0 >> 16, old, value)?,
                (Some(layout::AUDIT), Some(Position(number))) => drop(self.audit.insert(number, value)),
                (Some(_) | None, _) => drop(self.meta.insert(key, value)),
            }
        }
        Ok(unlocked)
    }

    fn conversation(&mut self, key: &[u8], old: Option<Bytes>, value: Option<Bytes>) -> Result<(), StoreError> {
        let name = super::columns::key(key.get(1..).unwrap_or_default());
        self.tally.people += i64::from(value.is_some()) - i64::from(old.is_some());
        let after = match value {
            Some(record) => {
                let known: Conversation = layout::decode("conversation", &record)?;
                Some((record, Person::of(&known)))
            }
            None => None,
        };
        self.conversations.insert(name, after);
        Ok(())
    }

    /// A delivery's new record, or its end. Gives the want of its conversation where that is not locked.
    fn delivery(
        &mut self,
        (prefix, at): (u8, Position),
        old: Option<&Bytes>,
        value: Option<Bytes>,
        (core, scene): (&Core, &Scene),
    ) -> Result<BTreeSet<Want>, StoreError> {
        let is_waiting = prefix == layout::PENDING;
        let mut unlocked = BTreeSet::new();
        let mut must_be_locked = |delivery: &Delivery| {
            let key = &delivery.conversation;
            if *key != ConversationKey::nobody() && !scene.conversations.contains_key(key) {
                unlocked.insert(Want::Conversation(key.clone()));
            }
        };
        if let Some(old) = old {
            let delivery: Delivery = layout::decode("delivery", old)?;
            must_be_locked(&delivery);
            self.left.insert(delivery.conversation.clone());
            self.tally.count(&delivery, is_waiting, -1);
            self.named_before.entry(at).or_default().extend(core.index.entry(&delivery).dispatches);
        }
        let row = match value {
            Some(record) => {
                let delivery: Delivery = layout::decode("delivery", &record)?;
                must_be_locked(&delivery);
                self.tally.count(&delivery, is_waiting, 1);
                let newest = self.newest.entry(delivery.conversation.clone()).or_insert(at);
                *newest = at.max(*newest);
                let indexed = core.index.entry(&delivery);
                Some(Row { position: at, delivery, indexed, record })
            }
            None => None,
        };
        let names = row.iter().flat_map(|row| row.indexed.dispatches.iter().copied());
        self.named.entry(at).or_default().extend(names);
        if is_waiting {
            self.waiting.insert(at, row)
        } else {
            self.settled.insert(at, row)
        };
        Ok(unlocked)
    }

    fn dedupe(&mut self, at: Position, value: Option<Bytes>) -> Result<(), StoreError> {
        let Some(record) = value else {
            self.unlearnt.push(at);
            return Ok(());
        };
        let known = layout::read_remembered(&record).ok_or_else(|| super::columns::not_ours("dedupe keys"))?;
        self.seen.extend(known.iter().map(|Remembered { position, since, digest }| (*digest, *position, *since)));
        Ok(())
    }

    fn report(&mut self, number: u64, old: Option<Bytes>, value: Option<Bytes>) -> Result<(), StoreError> {
        if let Some(old) = old {
            self.tally.report(&layout::decode("report", &old)?, -1);
        }
        let after = match value {
            Some(record) => {
                let kept: Kept = layout::decode("report", &record)?;
                self.tally.report(&kept, 1);
                Some((record, kept))
            }
            None => None,
        };
        self.reports.insert(number, after);
        Ok(())
    }

    /// Compares the lanes of the scene's conversations with their rows.
    fn find_lanes(&mut self, scene: &Scene, core: &Core) {
        let lanes = core.lanes.loaded();
        for (key, rows) in &scene.conversations {
            let mut is_idle = true;
            for name in LaneName::all(key) {
                let after = lanes.standing(&name).map(LaneRow::of);
                is_idle &= after.is_none();
                if after.as_ref() != rows.lanes.get(&name) {
                    self.lanes.insert(name, after);
                }
            }
            let has_record = match self.conversations.get(key) {
                Some(after) => after.is_some(),
                None => rows.person.is_some(),
            };
            if !rows.exists && (has_record || !is_idle) {
                self.begun.insert(key.clone());
            }
            if rows.exists && !has_record && is_idle {
                self.empty.insert(key.clone());
            }
        }
        // A record that is dropped before it was ever written.
        self.conversations
            .retain(|key, after| after.is_some() || scene.conversations.get(key).is_some_and(|rows| rows.exists));
        // A delivery that only left a list behind needs no newer date of its conversation.
        self.newest.retain(|key, _| scene.conversations.contains_key(key));
        self.left.retain(|key| scene.conversations.contains_key(key));
    }

    /// The positions whose vendors' names of sends are written anew, and the names that they have from now on.
    pub(super) fn dispatches(&self) -> (Vec<Position>, Vec<(u64, Position)>) {
        let nothing = BTreeSet::new();
        let before = |at: &Position| self.named_before.get(at).unwrap_or(&nothing);
        let changed = || self.named.iter().filter(|(at, names)| before(at) != *names);
        let gone = changed().map(|(at, _)| *at).filter(|at| !before(at).is_empty()).collect();
        (gone, changed().flat_map(|(at, names)| names.iter().map(|name| (*name, *at))).collect())
    }
}

impl Tally {
    fn count(&mut self, delivery: &Delivery, is_waiting: bool, by: i64) {
        *self.by_state.entry(delivery.state.name()).or_default() += by;
        if is_waiting {
            *self.waiting.entry(delivery.route().account).or_default() += by;
        }
    }

    fn report(&mut self, kept: &Kept, by: i64) {
        match kept.due_at {
            Some(_) => self.due_reports += by,
            None => *self.unbound.entry(kept.report.carrier).or_default() += by,
        }
    }
}

/// The words by which a report of a text that was taken in is found.
pub(super) fn words_of(kept: &Kept) -> Option<String> {
    let taken = kept.taken_in.as_ref()?;
    Some(reports::words_of(&taken.conversation, &taken.words))
}

/// The lane and the columns of a waiting delivery.
pub(super) fn lane_columns(delivery: &Delivery) -> (LaneName, crate::domain::lanes::Entry) {
    (lane_of(delivery), entry_of(delivery))
}
