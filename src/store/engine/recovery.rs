//! For taking up where the last process stopped: records fill the memory, and deliveries that were being sent are
//! marked to be looked for. In a store put back from a backup, so are the waiting ones that may have been sent since.
//!
//! The store accepts nothing before this is done, so an interrupted start begins again from the beginning.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::domain::account::Ends;
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::Delivery;
use crate::domain::event::{Customer, Event};
use crate::domain::inbound;
use crate::domain::kind::KindName;
use crate::domain::lanes::Position;
use crate::store::engine::bytes::Bytes;
use crate::store::engine::core::Core;
use crate::store::engine::disk::Disk;
use crate::store::engine::epochs::{Epochs, Opening};
use crate::store::engine::journal::Journal;
use crate::store::engine::layout;
use crate::store::engine::people::Person;
use crate::store::engine::tree::{Look, Tree};
use crate::store::rules::doubt;
use crate::store::rules::lanes::{entry_of, lane_of};
use crate::store::{LostTime, StoreError, StoreLimits};

/// How long a lost time matters: catch-up fetches the agents' replies of that time within it, or never.
const LOST_TIME_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How far an opening's time may lie before the last known time: a corrected clock may differ by as much.
const BACK_MAX: SignedDuration = SignedDuration::from_secs(60);

/// How far it may lie after that time. A longer rest counts as a set clock: old records then stay for as long again as
/// they are kept, which costs some room, and none is dropped too soon.
const REST_MAX: SignedDuration = SignedDuration::from_hours(84);

/// The same for waiting deliveries, which are given up after a day: after a longer rest they have a day again.
const REST_OF_WAITING_MAX: SignedDuration = SignedDuration::from_hours(1);

/// The number of deliveries marked in one commit.
const DOUBTED_AT_ONCE: usize = 1_000;

/// The dates in the records.
#[derive(Default)]
struct Dates {
    /// The latest date of all records.
    latest: Option<Timestamp>,
    /// The last record, and when it was accepted.
    last: Option<(Position, Timestamp)>,
}

/// The fields of a conversation that the index keeps.
#[derive(Deserialize)]
struct IndexedFields {
    key: ConversationKey,
    #[serde(default)]
    ends: Ends,
    customer: Customer,
}

/// An opening's own values.
pub(in crate::store) struct Start {
    /// Drawn at random: the epoch of this opening.
    pub(in crate::store) epoch: u32,
    /// The time.
    pub(in crate::store) now: Timestamp,
    /// The store's home; `None` on a medium that cannot be copied back.
    pub(in crate::store) home: Option<Home>,
}

/// The place of a store, by which a copy that was put back differs from its original.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Home {
    /// The file system's identity of the store's own file. A copy has another one.
    pub(in crate::store) identity: Vec<u8>,
    /// The epochs of the openings that left a mark there.
    pub(in crate::store) marks: Vec<u32>,
    /// Whether the operator says that the store was put back.
    pub(in crate::store) told: bool,
}

/// Takes up the records in a tree, or begins a new store in an empty one, and commits.
pub(in crate::store) fn take_up(
    tree: Box<dyn Tree>,
    disk: Disk,
    limits: &StoreLimits,
    start: Start,
) -> Result<Core, StoreError> {
    let next = first_unused(&*tree)?;
    let before = openings(&*tree)?;
    let last_opened = before.iter().map(|opening| opening.at).max();
    let kept = first_needed(&*tree, &before)?;
    let present = Opening { first: next, epoch: start.epoch, at: start.now };
    let epochs = Epochs::begin(before.get(kept..).unwrap_or_default().to_vec(), present);
    let was_put_back = match &start.home {
        Some(home) => !before.is_empty() && is_put_back(&*tree, home, &before)?,
        None => false,
    };
    let view = tree.view();
    let mut core = Core::new(Journal::new(tree, next), epochs, limits.clone(), disk);
    let Dates { latest, last } = recover(&*view, &mut core, start.now)?;
    let last_known = latest.max(last_opened).unwrap_or(start.now).min(start.now);
    core.time_since = time(&*view, layout::META_TIME)?.unwrap_or(Timestamp::MIN);
    // Under one number the order in time is: the opening, the record that the clock runs on, the acceptance.
    let opened = before.last().filter(|opening| opening.at > Timestamp::MIN);
    let told = [
        opened.map(|opening| (opening.first, 0, opening.at)),
        alive(&*view)?.map(|(number, at)| (number, 1, at)),
        last.map(|(position, at)| (position.0 >> 16, 2, at)),
    ];
    let told_last = last_told(told);
    core.ages_since = time(&*view, layout::META_AGES)?.unwrap_or(Timestamp::MIN);
    if told_last.is_some_and(|told| does_not_follow(start.now, told, REST_MAX)) {
        core.set_time_since(start.now);
    } else if told_last.is_some_and(|told| does_not_follow(start.now, told, REST_OF_WAITING_MAX)) {
        core.set_ages_since(start.now);
    }
    core.lost_time = known_lost_time(&*view, start.now)?;
    if was_put_back {
        let doubted = doubt_waiting(&*view, &mut core, start.now)?;
        let since = core.lost_time.map_or(last_known, |lost| lost.since.min(last_known));
        core.lost_time = Some(LostTime { since, until: start.now, doubted: Some(doubted) });
    }
    core.recover_pauses(&*view)?;
    write_start(&mut core, &before, kept, &start)?;
    core.commit()?;
    Ok(core)
}

/// Records this opening. Comes last: until then the next start finds the store as this one did.
fn write_start(core: &mut Core, before: &[Opening], kept: usize, start: &Start) -> Result<(), StoreError> {
    for opening in before.get(..kept).unwrap_or_default() {
        core.journal.remove(layout::opened(opening.first))?;
    }
    let present = core.epochs.present();
    // The epoch of a store of an earlier version becomes the first of the list.
    if let Some(first) = before.get(kept..).unwrap_or_default().first().filter(|first| first.first == 0) {
        core.journal.put(layout::opened(0), opening_record(*first));
    }
    core.journal.remove(layout::META_EPOCH.into())?;
    core.journal.put(layout::opened(present.first), opening_record(present));
    if let Some(home) = &start.home {
        core.journal.put(layout::META_HOME.into(), Bytes::from(home.identity.as_slice()));
        let marks: Vec<u8> = home.marks.iter().flat_map(|mark| mark.to_be_bytes()).collect();
        core.journal.put(layout::META_MARKS.into(), Bytes::from(marks));
    }
    match &core.lost_time {
        Some(lost) => {
            let record = layout::encode("lost time", &(lost.since, lost.until))?;
            core.journal.put(layout::META_LOST.into(), Bytes::from(record));
        }
        None => core.journal.remove(layout::META_LOST.into())?,
    }
    core.keep();
    Ok(())
}

fn unreadable(cause: &str) -> StoreError {
    StoreError::Failed(cause.to_owned())
}

/// The first unused number.
fn first_unused(look: &dyn Look) -> Result<u64, StoreError> {
    let mut next = number(look, layout::META_NEXT)?.unwrap_or(1).max(1);
    let positioned = layout::POSITIONED.map(|prefix| (prefix, 16));
    for (prefix, shift) in positioned.into_iter().chain([(layout::PART, 0), (layout::AUDIT, 0)]) {
        let last = look.last_with_prefix(&[prefix])?;
        if let Some(Position(used)) = last.and_then(|(key, _)| layout::position_of(&key)) {
            next = next.max((used >> shift) + 1);
        }
    }
    Ok(next)
}

fn number(look: &dyn Look, key: &[u8]) -> Result<Option<u64>, StoreError> {
    let Some(value) = look.get(key)? else { return Ok(None) };
    if value.is_empty() || value.len() > 8 {
        return Err(unreadable("a number has the wrong length"));
    }
    Ok(Some(value.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))))
}

fn opening_record(opening: Opening) -> Bytes {
    let mut record = opening.epoch.to_be_bytes().to_vec();
    record.extend_from_slice(&opening.at.as_second().to_be_bytes());
    Bytes::from(record)
}

/// The openings in the store, in order.
fn openings(look: &dyn Look) -> Result<Vec<Opening>, StoreError> {
    let mut found = Vec::new();
    if let Some(epoch) = number(look, layout::META_EPOCH)? {
        let epoch = u32::try_from(epoch).map_err(|_| unreadable("a number is too large"))?;
        found.push(Opening { first: 0, epoch, at: Timestamp::MIN });
    }
    for entry in look.with_prefix(layout::OPENED) {
        let (key, value) = entry?;
        found.push(opening_in(&key, &value)?);
    }
    Ok(found)
}

/// The key and the record of an opening.
pub(in crate::store) fn opening_entry(opening: Opening) -> (Bytes, Bytes) {
    (layout::opened(opening.first), opening_record(opening))
}

/// The opening in an entry.
pub(in crate::store) fn opening_in(key: &[u8], value: &[u8]) -> Result<Opening, StoreError> {
    let first = key.get(layout::OPENED.len()..).and_then(|rest| rest.try_into().ok()).map(u64::from_be_bytes);
    let record = value.split_first_chunk::<4>().and_then(|(epoch, at)| {
        let at = Timestamp::from_second(i64::from_be_bytes(at.try_into().ok()?)).ok()?;
        Some((u32::from_be_bytes(*epoch), at))
    });
    let (Some(first), Some((epoch, at))) = (first, record) else {
        return Err(unreadable("an opening is not as this version of tandem writes it"));
    };
    Ok(Opening { first, epoch, at })
}

/// The first of these openings to which a record or a dedupe key still belongs.
fn first_needed(look: &dyn Look, openings: &[Opening]) -> Result<usize, StoreError> {
    let mut oldest = u64::MAX;
    for prefix in [layout::PENDING, layout::HISTORY, layout::DEDUPE] {
        if let Some((key, _)) = look.with_prefix(&[prefix]).next().transpose()? {
            oldest = oldest.min(layout::position_of(&key).map_or(0, |position| position.0 >> 16));
        }
    }
    Ok(openings.partition_point(|opening| opening.first <= oldest).saturating_sub(1))
}

/// Whether this store is a copy, was overwritten with one, or is said to be one. A store last opened by a version that
/// recorded no home counts as unmoved.
fn is_put_back(look: &dyn Look, home: &Home, openings: &[Opening]) -> Result<bool, StoreError> {
    let is_elsewhere = look.get(layout::META_HOME)?.is_some_and(|then| *then != *home.identity);
    // An opening that gave out no id leaves no record, and its mark stays where the next one dies before it has left its own.
    let found = look.get(layout::META_MARKS)?.unwrap_or_else(|| Bytes::from(&[]));
    let was_found = |mark: &u32| found.as_chunks::<4>().0.contains(&mark.to_be_bytes());
    let is_unknown = |mark: &u32| !was_found(mark) && openings.iter().all(|opening| opening.epoch != *mark);
    Ok(home.told || is_elsewhere || home.marks.iter().any(is_unknown))
}

/// The lost time that an earlier opening found.
fn known_lost_time(look: &dyn Look, now: Timestamp) -> Result<Option<LostTime>, StoreError> {
    let Some(record) = look.get(layout::META_LOST)? else { return Ok(None) };
    let (since, until): (Timestamp, Timestamp) = layout::decode("lost time", &record)?;
    let lost = LostTime { since, until, doubted: None };
    Ok((now.duration_since(until) < LOST_TIME_LIFE).then_some(lost))
}

/// Fills the lanes, the index and the dedupe keys. A delivery that was being sent when the bridge stopped may have
/// happened, and is marked to be looked for.
fn recover(look: &dyn Look, core: &mut Core, now: Timestamp) -> Result<Dates, StoreError> {
    let lease = SignedDuration::try_from(core.limits.lease).unwrap_or(SignedDuration::MAX);
    let (mut latest, mut last) = (None, None);
    for entry in look.with_prefix(&[layout::PENDING]) {
        let delivery = stored(entry?, look)?;
        let (position, lane) = (Position::of(delivery.id), lane_of(&delivery));
        latest = latest.max(Some(delivery.accepted_at)).max(delivery.first_sent_at);
        last = last.max(Some((position, delivery.accepted_at)));
        core.index.insert(&core.index.entry(&delivery));
        core.lanes.loaded_mut().insert(&lane, entry_of(&delivery));
        if let Some(head) = delivery.merged_into {
            core.groups.entry(Position::of(head)).or_default().push(position);
        }
        if let Some(after) = doubt::bridge_stopped(&delivery, lease, now)? {
            core.write(&delivery, &after)?;
            core.keep();
        }
    }
    for entry in look.with_prefix(&[layout::HISTORY]) {
        let delivery = stored(entry?, look)?;
        latest = latest.max(Some(delivery.accepted_at)).max(delivery.settled_at);
        last = last.max(Some((Position::of(delivery.id), delivery.accepted_at)));
        core.index.insert(&core.index.entry(&delivery));
        tell_account(core, &delivery)?;
    }
    for entry in look.with_prefix(&[layout::CONVERSATION]) {
        let IndexedFields { key, ends, customer } = layout::decode("conversation", &record(entry?, look)?)?;
        core.index.know(None, Some(Person::new(&key, ends, &customer)));
    }
    core.recover_reports(look)?;
    for entry in look.with_prefix(&[layout::DEDUPE]) {
        let (_, value) = entry?;
        let known = layout::read_remembered(&value);
        let known = known.ok_or_else(|| StoreError::Failed("a dedupe record is damaged".into()))?;
        known.iter().for_each(|known| core.dedupe_index.learn(known));
    }
    Ok(Dates { latest, last })
}

/// Records the account of an unreadable body that an earlier version kept without it. Its path still tells.
fn tell_account(core: &mut Core, kept: &Delivery) -> Result<(), StoreError> {
    if kept.kind != KindName::Unreadable || kept.posted_to.is_some() {
        return Ok(());
    }
    let event: Event = layout::decode("event", &core.event_record(Position::of(kept.id))?)?;
    let posted_to = inbound::posted_to(&event.kind, kept.ends);
    if posted_to.is_some() {
        core.write(kept, &Delivery { posted_to, ..kept.clone() })?;
        core.keep();
    }
    Ok(())
}

/// The time that was told last, of those under the numbers of the store.
fn last_told(told: [Option<(u64, u8, Timestamp)>; 3]) -> Option<Timestamp> {
    told.into_iter().flatten().max().map(|(_, _, at)| at)
}

/// The last delivery, and when it was accepted.
pub(in crate::store) type LastTaken = Option<(Position, Timestamp)>;

/// How an opening's time follows the last known time of a store without a place of its own.
pub(in crate::store) fn follows(
    core: &mut Core,
    opened: Opening,
    (alive, last): (Option<&[u8]>, LastTaken),
    now: Timestamp,
) -> Result<(), StoreError> {
    let told = last_told([
        Some((opened.first, 0, opened.at)),
        alive.map(alive_in).transpose()?.map(|(number, at)| (number, 1, at)),
        last.map(|(position, at)| (position.0 >> 16, 2, at)),
    ]);
    if told.is_some_and(|told| does_not_follow(now, told, REST_MAX)) {
        core.set_time_since(now);
    } else if told.is_some_and(|told| does_not_follow(now, told, REST_OF_WAITING_MAX)) {
        core.set_ages_since(now);
    }
    Ok(())
}

/// Whether the time of an opening does not follow the last known time.
fn does_not_follow(now: Timestamp, told: Timestamp, rest_max: SignedDuration) -> bool {
    let passed = now.duration_since(told);
    passed < -BACK_MAX || passed > rest_max
}

/// The next number and the time when the clock was last seen to run on.
fn alive(look: &dyn Look) -> Result<Option<(u64, Timestamp)>, StoreError> {
    look.get(layout::META_ALIVE)?.map(|value| alive_in(&value)).transpose()
}

fn alive_in(value: &[u8]) -> Result<(u64, Timestamp), StoreError> {
    let known = value.split_first_chunk::<8>().and_then(|(number, at)| {
        let at = Timestamp::from_second(i64::from_be_bytes(at.try_into().ok()?)).ok()?;
        Some((u64::from_be_bytes(*number), at))
    });
    known.ok_or_else(|| unreadable("a time is not as this version of tandem writes it"))
}

/// The time in a record of seconds since 1970.
fn time(look: &dyn Look, key: &[u8]) -> Result<Option<Timestamp>, StoreError> {
    let Some(value) = look.get(key)? else { return Ok(None) };
    let seconds = value.as_ref().try_into().map(i64::from_be_bytes);
    let seconds = seconds.map_err(|_| unreadable("a time has the wrong length"))?;
    Timestamp::from_second(seconds).map(Some).map_err(|_| unreadable("a time is out of range"))
}

/// Marks the waiting deliveries that may have been delivered in the lost time to be looked for. Returns their number.
fn doubt_waiting(look: &dyn Look, core: &mut Core, now: Timestamp) -> Result<u64, StoreError> {
    let mut doubted = 0;
    for (number, entry) in look.with_prefix(&[layout::PENDING]).enumerate() {
        let position = Position::of(stored(entry?, look)?.id);
        let before = core.waiting(position)?;
        if let Some(after) = doubt::put_back(&before, now)? {
            core.write(&before, &after)?;
            core.keep();
            doubted += 1;
        }
        if number % DOUBTED_AT_ONCE == DOUBTED_AT_ONCE - 1 {
            core.commit()?;
        }
    }
    Ok(doubted)
}

/// The delivery in an entry.
fn stored(entry: (Bytes, Bytes), look: &dyn Look) -> Result<Delivery, StoreError> {
    layout::decode("delivery", &record(entry, look)?)
}

/// The whole record in an entry.
fn record((_, value): (Bytes, Bytes), look: &dyn Look) -> Result<Bytes, StoreError> {
    let record = layout::assemble(value, |part| look.get(part))?;
    record.ok_or_else(|| StoreError::Failed("a part of a long record is missing".into()))
}
