//! The loaded part of a shared store, and the core that is made of it for each run of the requests.
//!
//! A scene only grows while its transaction holds the locks of its conversations. It never asks the database: [`super::load`]
//! fills it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use crate::domain::account::AccountId;
use crate::domain::conversation::ConversationKey;
use crate::domain::lanes::{Entry, LaneName, Lease, Need, Position, Standing};
use crate::domain::operator::Pause;
use crate::domain::receipt::Kept;
use crate::store::engine::core::Core;
use crate::store::engine::disk::Disk;
use crate::store::engine::epochs::Epochs;
use crate::store::engine::part::{Elsewhere, Part};
use crate::store::engine::partial::core_over;
use crate::store::engine::pauses::OperatorMemory;
use crate::store::engine::people::Person;
use crate::store::lock::lock;
use crate::store::{LostTime, StoreLimits};

/// The values that all requests of a bridge share, beside the rows.
#[derive(Clone)]
pub(super) struct Base {
    pub(super) epochs: Epochs,
    pub(super) limits: StoreLimits,
    pub(super) disk: Disk,
    pub(super) lost_time: Option<LostTime>,
    pub(super) time_since: Timestamp,
    pub(super) ages_since: Timestamp,
    pub(super) alive_at: Option<Timestamp>,
    pub(super) operator: Memory,
    /// The commits of this bridge so far.
    pub(super) commits: u64,
    /// The numbers of the whole store.
    pub(super) whole: Elsewhere,
}

/// The operator's pauses, and this bridge's newest entry of the audit.
#[derive(Clone, Default)]
pub(super) struct Memory {
    pub(super) pauses: BTreeMap<AccountId, Pause>,
    pub(super) newest: Option<Newest>,
}

/// The key and the entry of the newest audit record.
pub(super) type Newest = (crate::store::engine::bytes::Bytes, crate::domain::operator::AuditEntry);

/// The rows of a conversation.
#[derive(Default)]
pub(super) struct Rows {
    /// Whether it has a row of its own, which is locked then.
    pub(super) exists: bool,
    pub(super) person: Option<Person>,
    pub(super) lanes: BTreeMap<LaneName, LaneRow>,
    pub(super) entries: Vec<(LaneName, Entry, Option<Position>)>,
}

/// A lane's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LaneRow {
    pub(super) account: AccountId,
    pub(super) head: Option<Position>,
    pub(super) ready_at: Option<i64>,
    pub(super) is_timed: bool,
    pub(super) oldest: Option<i64>,
    pub(super) apart: Option<Need>,
    pub(super) lease: Option<Lease>,
}

impl LaneRow {
    /// The row of a lane that stands so.
    pub(super) fn of(standing: Standing) -> Self {
        let is_timed = standing.head.is_some_and(|head| head.due_at != Timestamp::MIN);
        let ready_at = standing.head.map(|head| if is_timed { head.due_at } else { head.accepted_at });
        Self {
            account: standing.account,
            head: standing.head.map(|head| head.position),
            ready_at: ready_at.map(Timestamp::as_microsecond),
            is_timed,
            oldest: standing.oldest.map(Timestamp::as_microsecond),
            apart: standing.apart,
            lease: standing.lease,
        }
    }
}

/// All that was loaded.
#[derive(Default)]
pub(super) struct Scene {
    pub(super) part: Arc<Mutex<Part>>,
    pub(super) conversations: BTreeMap<ConversationKey, Rows>,
    pub(super) dispatches: Vec<(u64, Position)>,
    pub(super) reports: BTreeMap<u64, Kept>,
    /// Numbers drawn since the last lock was taken.
    pub(super) numbers: Vec<u64>,
}

impl Scene {
    /// A core over this scene, as it was loaded: nothing of an earlier run is left.
    pub(super) fn core(&self, base: &Base) -> Core {
        {
            let mut part = lock(&self.part);
            part.wanted.clear();
            part.changes.clear();
            part.numbers = VecDeque::from(self.numbers.clone());
            part.elsewhere = self.elsewhere(&base.whole);
        }
        let mut core = core_over(&self.part, base.epochs.clone(), base.limits.clone(), base.disk.clone());
        core.lost_time = base.lost_time;
        core.time_since = base.time_since;
        core.ages_since = base.ages_since;
        core.alive_at = base.alive_at;
        core.operator = OperatorMemory { pauses: base.operator.pauses.clone(), newest: base.operator.newest.clone() };
        for rows in self.conversations.values() {
            core.index.know(None, rows.person.clone());
            for (name, entry, leader) in &rows.entries {
                core.lanes.loaded_mut().insert(name, *entry);
                if let Some(leader) = leader {
                    core.groups.entry(*leader).or_default().push(entry.position);
                }
            }
            for (name, row) in &rows.lanes {
                if let Some(lease) = &row.lease {
                    core.lanes.loaded_mut().take_up(name, row.account, lease.clone());
                } else if let Some(need) = row.apart {
                    core.lanes.loaded_mut().set_apart(name, need);
                }
            }
        }
        for (dispatch, position) in &self.dispatches {
            core.index.insert_dispatch(*dispatch, *position);
        }
        for kept in self.reports.values() {
            let brief = core.brief(kept);
            core.ledger.enter(&brief);
        }
        core
    }

    /// The numbers of the store without those of this scene.
    fn elsewhere(&self, whole: &Elsewhere) -> Elsewhere {
        let entries = self.conversations.values().map(|rows| rows.entries.len()).sum::<usize>();
        let people = self.conversations.values().filter(|rows| rows.person.is_some()).count();
        let due = self.reports.values().filter(|kept| kept.due_at.is_some()).count();
        Elsewhere {
            waiting: whole.waiting.saturating_sub(u64::try_from(entries).unwrap_or(u64::MAX)),
            due_reports: whole.due_reports.saturating_sub(due),
            unbound: whole.unbound.saturating_sub(self.reports.len() - due),
            people: whole.people.saturating_sub(people),
        }
    }
}
