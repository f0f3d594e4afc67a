//! For reading the rows of each table, and entering them in the scene. The statements take no lock: [`super::load`] has them.

use std::collections::BTreeSet;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::domain::conversation::{Conversation, ConversationKey};
use crate::domain::lanes::{Entry, Lease, Position};
use crate::domain::receipt::Kept;
use crate::store::engine::bytes::Bytes;
use crate::store::engine::layout::{self, Remembered};
use crate::store::engine::part::{Loaded, Want};
use crate::store::engine::people::Person;
use crate::store::engine::reports::at_number;
use crate::store::lock::lock;

use super::columns;
use super::halt::Halt;
use super::lists;
use super::reader::Reader;
use super::scene::{LaneRow, Rows, Scene};
use super::sorted::Sorted;

/// The rows of conversations, of their lanes and of the deliveries in these.
pub(super) struct Conversations {
    records: Vec<Row>,
    lanes: Vec<Row>,
    entries: Vec<Row>,
}

impl Conversations {
    pub(super) async fn read(reader: &Reader<'_>, keys: &[ConversationKey]) -> Result<Self, Halt> {
        let bytes: Vec<&[u8]> = keys.iter().map(|key| key.0.as_bytes()).collect();
        let (records, lanes, entries) = futures_util::try_join!(
            reader.by("select key, record from tandem.conversation where key = any($1)", &bytes, Type::BYTEA_ARRAY),
            reader.by(
                "select conversation, direction, track, account, head, ready_at, is_timed, oldest, apart, fence, until, held
                from tandem.lane where conversation = any($1)",
                &bytes,
                Type::BYTEA_ARRAY,
            ),
            reader.by(
                "select conversation, direction, track, account, position, accepted_at, due_at, goes_first, leader
                from tandem.waiting where conversation = any($1) order by position",
                &bytes,
                Type::BYTEA_ARRAY,
            ),
        )?;
        Ok(Self { records, lanes, entries })
    }

    pub(super) fn enter(self, scene: &mut Scene, keys: &[ConversationKey]) -> Result<(), Halt> {
        let mut part = lock(&scene.part);
        for key in keys {
            scene.conversations.insert(key.clone(), Rows::default());
            part.records.insert(layout::conversation(key), None);
        }
        for row in &self.records {
            let key = columns::key(row.try_get(0)?);
            let record: Option<&[u8]> = row.try_get(1)?;
            let rows = scene.conversations.entry(key.clone()).or_default();
            rows.exists = true;
            if let Some(record) = record {
                rows.person = Some(Person::of(&layout::decode::<Conversation>("conversation", record)?));
                part.records.insert(layout::conversation(&key), Some(record.into()));
            }
        }
        drop(part);
        for row in &self.lanes {
            let key = columns::key(row.try_get(0)?);
            let name = columns::lane(&key, (row.try_get(1)?, row.try_get(2)?))?;
            scene.conversations.entry(key).or_default().lanes.insert(name, lane_row(row)?);
        }
        for row in &self.entries {
            let key = columns::key(row.try_get(0)?);
            let name = columns::lane(&key, (row.try_get(1)?, row.try_get(2)?))?;
            let due_at: Option<i64> = row.try_get(6)?;
            let leader: Option<i64> = row.try_get(8)?;
            let entry = Entry {
                position: columns::position(row.try_get(4)?),
                accepted_at: columns::time(row.try_get(5)?),
                due_at: due_at.map_or(jiff::Timestamp::MIN, columns::time),
                goes_first: row.try_get(7)?,
                account: columns::account(row.try_get(3)?)?,
            };
            scene.conversations.entry(key).or_default().entries.push((name, entry, leader.map(columns::position)));
        }
        Ok(())
    }
}

fn lane_row(row: &Row) -> Result<LaneRow, Halt> {
    let head: Option<i64> = row.try_get(4)?;
    let apart: Option<i16> = row.try_get(8)?;
    let fence: Option<i64> = row.try_get(9)?;
    let until: Option<i64> = row.try_get(10)?;
    let held: Option<Vec<i64>> = row.try_get(11)?;
    let lease = fence.map(|fence| Lease {
        fence: columns::number(fence),
        until: std::time::Duration::from_micros(columns::number(until.unwrap_or(0))),
        positions: held.unwrap_or_default().into_iter().map(columns::position).collect(),
    });
    Ok(LaneRow {
        account: columns::account(row.try_get(3)?)?,
        head: head.map(columns::position),
        ready_at: row.try_get(5)?,
        is_timed: row.try_get(6)?,
        oldest: row.try_get(7)?,
        apart: apart.map(columns::need_in).transpose()?,
        lease,
    })
}

/// The records of deliveries, of long events and of vendors' answers.
pub(super) struct Records([Vec<Row>; 4]);

impl Records {
    pub(super) async fn read(reader: &Reader<'_>, positions: &BTreeSet<Position>) -> Result<Self, Halt> {
        let places: Vec<i64> = positions.iter().map(|at| columns::place(*at)).collect();
        let read = |statement| reader.by(statement, &places, Type::INT8_ARRAY);
        let (waiting, settled, events, answers) = futures_util::try_join!(
            read("select position, record from tandem.waiting where position = any($1)"),
            read("select position, record from tandem.settled where position = any($1)"),
            read("select position, record from tandem.event where position = any($1)"),
            read("select position, record from tandem.answer where position = any($1)"),
        )?;
        Ok(Self([waiting, settled, events, answers]))
    }

    pub(super) fn enter(self, scene: &mut Scene, positions: &BTreeSet<Position>) -> Result<(), Halt> {
        let mut part = lock(&scene.part);
        let prefixes = [layout::PENDING, layout::HISTORY, layout::EVENT, layout::ANSWERS];
        for position in positions {
            for prefix in prefixes {
                let key = layout::at_position(prefix, *position);
                part.answers.insert(Want::Record(key.clone()), Loaded::Rows);
                part.records.insert(key, None);
            }
        }
        for (prefix, rows) in prefixes.into_iter().zip(self.0) {
            for row in &rows {
                let key = layout::at_position(prefix, columns::position(row.try_get(0)?));
                let record: &[u8] = row.try_get(1)?;
                part.records.insert(key, Some(record.into()));
            }
        }
        Ok(())
    }
}

/// The rows that are found by a key of their own.
pub(super) struct Named {
    names: Vec<Row>,
    meta: Vec<Row>,
    remembered: Vec<Row>,
    reports: Vec<Row>,
    entries: Vec<Row>,
    seen: Vec<Row>,
    dispatches: Vec<Row>,
    under: Vec<Row>,
}

impl Named {
    pub(super) async fn read(reader: &Reader<'_>, sorted: &Sorted) -> Result<Self, Halt> {
        let names: Vec<&[u8]> = sorted.names.iter().map(|key| &**key).collect();
        let meta: Vec<&[u8]> = sorted.meta.iter().map(|key| &**key).collect();
        let seen: Vec<&[u8]> = sorted.seen.iter().map(|digest| digest.as_slice()).collect();
        let remembered: Vec<i64> = sorted.remembered.iter().map(|at| columns::place(*at)).collect();
        let [reports, entries, dispatches] = [&sorted.reports, &sorted.entries, &sorted.dispatches]
            .map(|all| all.iter().map(|number| columns::bits(*number)).collect::<Vec<i64>>());
        let (names, meta, remembered, reports, entries, seen, dispatches, under) = futures_util::try_join!(
            reader.by("select at, conversation from tandem.name where at = any($1)", &names, Type::BYTEA_ARRAY),
            reader.by("select at, value from tandem.meta where at = any($1)", &meta, Type::BYTEA_ARRAY),
            reader.by(
                "select digest, position, since from tandem.seen where position = any($1)",
                &remembered,
                Type::INT8_ARRAY
            ),
            reader.by("select record from tandem.report where number = any($1)", &reports, Type::INT8_ARRAY),
            reader.by("select number, record from tandem.audit where number = any($1)", &entries, Type::INT8_ARRAY),
            reader.by("select digest, position from tandem.seen where digest = any($1)", &seen, Type::BYTEA_ARRAY),
            reader.by(
                "select dispatch, position from tandem.dispatch where dispatch = any($1)",
                &dispatches,
                Type::INT8_ARRAY
            ),
            reader.by("select record from tandem.report where dispatch = any($1)", &dispatches, Type::INT8_ARRAY),
        )?;
        Ok(Self { names, meta, remembered, reports, entries, seen, dispatches, under })
    }

    pub(super) fn enter(self, scene: &mut Scene, sorted: &Sorted) -> Result<(), Halt> {
        let mut part = lock(&scene.part);
        for key in sorted.names.iter().chain(&sorted.meta) {
            part.records.insert(key.clone(), None);
        }
        for row in self.names.iter().chain(&self.meta) {
            let (key, value): (&[u8], &[u8]) = (row.try_get(0)?, row.try_get(1)?);
            part.records.insert(key.into(), Some(value.into()));
        }
        for position in &sorted.remembered {
            let mut known = Vec::new();
            for row in &self.remembered {
                let (digest, at): (&[u8], i64) = (row.try_get(0)?, row.try_get(1)?);
                if columns::position(at) == *position {
                    let digest = digest.try_into().map_err(|_| columns::not_ours("a digest"))?;
                    known.push(Remembered { position: *position, since: row.try_get(2)?, digest });
                }
            }
            let record = (!known.is_empty()).then(|| layout::remembered(&known));
            part.records.insert(layout::at_position(layout::DEDUPE, *position), record);
        }
        for number in &sorted.reports {
            part.records.insert(at_number(*number), None);
        }
        for number in &sorted.entries {
            part.records.insert(layout::audit(*number), None);
        }
        for row in &self.entries {
            let record: &[u8] = row.try_get(1)?;
            part.records.insert(layout::audit(columns::number(row.try_get(0)?)), Some(record.into()));
        }
        for digest in &sorted.seen {
            part.answers.insert(Want::Seen(*digest), Loaded::Seen(None));
        }
        for row in &self.seen {
            let digest: &[u8] = row.try_get(0)?;
            let digest = digest.try_into().map_err(|_| columns::not_ours("a digest"))?;
            part.answers.insert(Want::Seen(digest), Loaded::Seen(Some(columns::position(row.try_get(1)?))));
        }
        drop(part);
        for row in &self.dispatches {
            let found = (columns::number(row.try_get(0)?), columns::position(row.try_get(1)?));
            if !scene.dispatches.contains(&found) {
                scene.dispatches.push(found);
            }
        }
        for row in self.reports.iter().chain(&self.under) {
            enter_report(scene, row.try_get(0)?)?;
        }
        Ok(())
    }
}

fn enter_report(scene: &mut Scene, record: &[u8]) -> Result<(), Halt> {
    let kept: Kept = layout::decode("report", record)?;
    lock(&scene.part).records.insert(at_number(kept.number), Some(record.into()));
    scene.reports.insert(kept.number, kept);
    Ok(())
}

/// The answer to one of the rarer wants.
pub(super) enum Other {
    Reports(Vec<Row>),
    Loaded(Loaded),
    /// Keys, with the newest delivery of each.
    Ranked(Vec<std::sync::Arc<str>>, Vec<(u64, Option<Position>)>),
}

impl Other {
    pub(super) async fn read(reader: &Reader<'_>, want: &Want) -> Result<Self, Halt> {
        let (client, tables) = (reader.client, reader.tables);
        Ok(match want {
            Want::Last(prefix) => Self::Loaded(Loaded::Last(last(reader, prefix).await?)),
            Want::Words(_)
            | Want::DueReports(..)
            | Want::Unbound(..)
            | Want::OldestUnbound
            | Want::OldestReports(_) => Self::Reports(reports(reader, want).await?),
            Want::Listed(wanted) => Self::Loaded(Loaded::Listed(lists::listed(client, tables, wanted).await?)),
            Want::Found(search, limit) => {
                let keys = lists::found(client, tables, search, *limit).await?;
                let digests: Vec<u64> = keys.iter().map(|key| layout::short_digest(key)).collect();
                let newest = lists::newest_of(client, tables, &digests).await?;
                Self::Ranked(keys, newest)
            }
            Want::User(user) => Self::Loaded(Loaded::Keys(lists::user(client, tables, user).await?)),
            Want::Newest(after, many) => {
                Self::Loaded(Loaded::Keys(lists::newest(client, tables, after.as_deref(), *many).await?))
            }
            Want::NewestOf(digest) => {
                let newest = lists::newest_of(client, tables, &[*digest]).await?;
                Self::Loaded(Loaded::Newest(newest.first().and_then(|(_, newest)| *newest)))
            }
            Want::Conversation(_)
            | Want::Record(_)
            | Want::Seen(_)
            | Want::Dispatch(_)
            | Want::Due(..)
            | Want::Numbers => Self::Loaded(Loaded::Rows),
        })
    }

    pub(super) fn enter(self, scene: &mut Scene, want: &Want) -> Result<(), Halt> {
        let loaded = match self {
            Self::Reports(rows) => {
                for row in &rows {
                    enter_report(scene, row.try_get(0)?)?;
                }
                Loaded::Rows
            }
            Self::Loaded(loaded) => loaded,
            Self::Ranked(keys, newest) => {
                let mut part = lock(&scene.part);
                for (digest, newest) in newest {
                    part.answers.insert(Want::NewestOf(digest), Loaded::Newest(newest));
                }
                Loaded::Keys(keys)
            }
        };
        lock(&scene.part).answers.insert(want.clone(), loaded);
        Ok(())
    }
}

async fn reports(reader: &Reader<'_>, want: &Want) -> Result<Vec<Row>, Halt> {
    let many = |many: usize| i64::try_from(many).unwrap_or(i64::MAX);
    match want {
        Want::Words(digest) => {
            let digest = columns::bits(*digest);
            let sql = "select record from tandem.report where words = $1 order by number";
            reader.rows(sql, &[(&digest, Type::INT8)]).await
        }
        Want::DueReports(now, limit) => {
            let sql = "select record from tandem.report where due_at <= $1 order by due_at, number limit $2";
            // A report is due at its whole time: a column cuts off what is less than a microsecond.
            reader.rows(sql, &[(&now.as_microsecond(), Type::INT8), (&many(*limit), Type::INT8)]).await
        }
        Want::Unbound(before, limit) => {
            let before = i64::try_from(*before).unwrap_or(i64::MAX);
            let sql =
                "select record from tandem.report where due_at is null and number < $1 order by number desc limit $2";
            reader.rows(sql, &[(&before, Type::INT8), (&many(*limit), Type::INT8)]).await
        }
        Want::OldestUnbound => {
            reader.rows("select record from tandem.report where due_at is null order by number limit 1", &[]).await
        }
        Want::OldestReports(limit) => {
            let sql = "select record from tandem.report order by number limit $1";
            reader.rows(sql, &[(&many(*limit), Type::INT8)]).await
        }
        Want::Conversation(_)
        | Want::Record(_)
        | Want::Last(_)
        | Want::Seen(_)
        | Want::Dispatch(_)
        | Want::Due(..)
        | Want::Numbers
        | Want::Listed(_)
        | Want::Found(..)
        | Want::User(_)
        | Want::Newest(..)
        | Want::NewestOf(_) => Ok(Vec::new()),
    }
}

/// The last key with this prefix of a positioned record: its table, and the first six bytes of the position.
async fn last(reader: &Reader<'_>, prefix: &[u8]) -> Result<Option<Bytes>, Halt> {
    let Some((table, sequence)) = prefix.split_first() else { return Ok(None) };
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(sequence) {
        *to = *from;
    }
    let first = u64::from_be_bytes(first);
    let statement = match *table {
        layout::PENDING => "select max(position) from tandem.waiting where position between $1 and $2",
        layout::HISTORY => "select max(position) from tandem.settled where position between $1 and $2",
        layout::EVENT => "select max(position) from tandem.event where position between $1 and $2",
        // A report has a number of its own and no place in a lane.
        _ => return Ok(None),
    };
    let values = [columns::bits(first), columns::bits(first | 0xffff)];
    let rows = reader.rows(statement, &[(&values[0], Type::INT8), (&values[1], Type::INT8)]).await?;
    let found: Option<i64> = rows.first().map(|row| row.try_get(0)).transpose()?.flatten();
    Ok(found.map(|at| layout::at_position(*table, columns::position(at))))
}
