//! For loading what the requests of a transaction want: first the locks of the conversations, then the rows, because a row that
//! is read in the statement which waits for its lock may be older than the lock.
//!
//! It decides nothing: the engine runs on the loaded scene.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::domain::account::Route;
use crate::domain::conversation::ConversationKey;
use crate::domain::lanes::{NOTES_AT_ONCE, Need, Position, WAIT_MAX};
use crate::store::engine::layout;
use crate::store::engine::part::{Loaded, Want};
use crate::store::lock::lock;

use super::columns;
use super::halt::Halt;
use super::reader::Reader;
use super::rows::{Conversations, Named, Other, Records};
use super::scene::{Base, Scene};
use super::sorted::Sorted;
use super::statement::Tables;

/// How many numbers are drawn at once, at least.
const NUMBERS_AT_ONCE: usize = 16;

/// A transaction's reads.
pub(super) struct Loader<'a> {
    reader: Reader<'a>,
    pub(super) base: &'a Base,
    /// Whether the conversations are locked: not for a request that only reads.
    pub(super) locks: bool,
    /// The wants that the scene answers.
    known: BTreeSet<Want>,
    locked: BTreeSet<ConversationKey>,
    numbers: usize,
}

impl<'a> Loader<'a> {
    pub(super) fn new(client: &'a Client, tables: &'a Tables, base: &'a Base, locks: bool) -> Self {
        let (known, locked, numbers) = (BTreeSet::new(), BTreeSet::new(), 0);
        Self { reader: Reader { client, tables }, base, locks, known, locked, numbers }
    }

    /// Extends the scene by these wants. Where that takes a further lock, all is read again: a row that was read before may
    /// have changed until then.
    pub(super) async fn extend(&mut self, scene: &mut Scene, wants: BTreeSet<Want>) -> Result<(), Halt> {
        let mut new: BTreeSet<Want> = wants.difference(&self.known).cloned().collect();
        let mut is_locked = self.locks && self.lock(&new).await?;
        let due = self.due(&mut new).await?;
        is_locked |= !due.is_empty();
        self.known.extend(new.iter().cloned());
        if wants.contains(&Want::Numbers) {
            self.numbers = self.numbers.saturating_mul(2).max(NUMBERS_AT_ONCE);
        }
        if is_locked {
            let answers: Vec<(Want, Loaded)> = {
                let part = lock(&scene.part);
                part.answers.iter().filter(|(want, _)| matches!(want, Want::Due(..))).map(owned).collect()
            };
            *scene = Scene::default();
            lock(&scene.part).answers.extend(answers);
            self.load(scene, &self.known.clone()).await?;
        } else {
            self.load(scene, &new).await?;
        }
        lock(&scene.part).answers.extend(due);
        self.load_heads(scene).await?;
        // Drawn behind every lock: a number that was drawn before one would be no order.
        if self.numbers > scene.numbers.len() || is_locked {
            scene.numbers = self.draw().await?;
        }
        Ok(())
    }

    /// Loads the records of the heads that a claim may hand out: the requests would ask for them one after the other.
    async fn load_heads(&mut self, scene: &mut Scene) -> Result<(), Halt> {
        if !self.known.iter().any(|want| matches!(want, Want::Due(..))) {
            return Ok(());
        }
        let lanes = scene.conversations.values().flat_map(|rows| rows.lanes.values());
        let heads = lanes.filter(|row| row.lease.is_none()).filter_map(|row| row.head);
        let want = |at: &Position| Want::Record(layout::at_position(layout::PENDING, *at));
        let heads: BTreeSet<Position> = heads.filter(|at| !self.known.contains(&want(at))).collect();
        self.known.extend(heads.iter().map(want));
        Records::read(&self.reader, &heads).await?.enter(scene, &heads)
    }

    async fn draw(&self) -> Result<Vec<u64>, Halt> {
        if self.numbers == 0 {
            return Ok(Vec::new());
        }
        let many = i64::try_from(self.numbers).unwrap_or(i64::MAX);
        let sql = "select nextval('tandem.place') from generate_series(1, $1::bigint)";
        let rows = self.reader.rows(sql, &[(&many, Type::INT8)]).await?;
        rows.iter().map(|row| Ok(columns::number(row.try_get(0)?))).collect()
    }

    /// The lanes to serve next. Their conversations are locked, and those that another transaction has locked are passed over.
    async fn due(&mut self, new: &mut BTreeSet<Want>) -> Result<Vec<(Want, Loaded)>, Halt> {
        let mut answers = Vec::new();
        let wanted: Vec<Want> = new.iter().filter(|want| matches!(want, Want::Due(..))).cloned().collect();
        for want in wanted {
            let Want::Due(route, now, shut, many) = &want else { continue };
            let keys = self.due_of(*route, *now, shut, *many).await?;
            answers.push((want.clone(), Loaded::Due(keys.len())));
            self.locked.extend(keys.iter().cloned());
            new.extend(keys.into_iter().map(Want::Conversation));
        }
        Ok(answers)
    }

    async fn due_of(
        &self,
        route: Route,
        now: Timestamp,
        shut: &[Need],
        many: usize,
    ) -> Result<Vec<ConversationKey>, Halt> {
        let account = route.account.name();
        let direction = columns::direction(route.direction);
        let latest = now.saturating_add(WAIT_MAX).unwrap_or(Timestamp::MAX).as_microsecond();
        let now = now.as_microsecond();
        let steady = steady(self.base.limits.steady.now());
        let shut: Vec<i16> = shut.iter().map(|need| columns::need(*need)).collect();
        let many = i64::try_from(many).unwrap_or(i64::MAX);
        let notes = i64::try_from(NOTES_AT_ONCE).unwrap_or(i64::MAX);
        // A lane whose lease has ended may have any route; its head is found in the next run.
        let sql = "
            with free as (
                select greatest(0, $7 - count(*)) many from tandem.lane
                where account = $1 and direction = $2 and track = 1 and fence is not null and until > $6
            ), lanes as (
                (select conversation, -1 track, 0 ready_at, 0 head from tandem.lane where fence is not null and until <= $6 limit $5)
                union all
                (select conversation, 0, ready_at, head from tandem.lane
                    where account = $1 and direction = $2 and track = 0 and fence is null and head is not null and not is_timed
                    and (apart is null or not apart = any($4)) order by ready_at, head limit $5)
                union all
                (select conversation, 0, ready_at, head from tandem.lane
                    where account = $1 and direction = $2 and track = 0 and fence is null and head is not null and is_timed
                    and ready_at <= $3 and (apart is null or not apart = any($4)) order by ready_at, head limit $5)
                union all
                (select conversation, 0, ready_at, head from tandem.lane
                    where account = $1 and direction = $2 and track = 0 and fence is null and head is not null and is_timed
                    and ready_at > $8 and (apart is null or not apart = any($4)) order by ready_at, head limit $5)
                union all
                (select conversation, 1, ready_at, head from tandem.lane
                    where account = $1 and direction = $2 and track = 1 and fence is null and head is not null
                    and (not is_timed or ready_at <= $3 or ready_at > $8)
                    and (apart is null or not apart = any($4)) order by is_timed, ready_at, head limit (select many from free))
            ), first as (
                select conversation from lanes group by conversation order by min(track), min(ready_at), min(head) limit $5
            )
            select key from tandem.conversation where key in (select conversation from first)
            order by key for no key update skip locked";
        let rows = self
            .reader
            .rows(
                sql,
                &[
                    (&account, Type::TEXT),
                    (&direction, Type::INT2),
                    (&now, Type::INT8),
                    (&shut, Type::INT2_ARRAY),
                    (&many, Type::INT8),
                    (&steady, Type::INT8),
                    (&notes, Type::INT8),
                    (&latest, Type::INT8),
                ],
            )
            .await?;
        rows.iter().map(|row| Ok(columns::key(row.try_get(0)?))).collect()
    }

    /// Locks the conversations of these wants that have a row. Tells whether there was one. Beyond the first locks, none is waited
    /// for: the keys would no longer be locked in the order that all bridges keep to.
    async fn lock(&mut self, wants: &BTreeSet<Want>) -> Result<bool, Halt> {
        let mut keys = Vec::new();
        for want in wants {
            if let Want::Conversation(key) = want
                && !self.locked.contains(key)
            {
                keys.push(key.clone());
            }
        }
        if keys.is_empty() {
            return Ok(false);
        }
        let bytes: Vec<&[u8]> = keys.iter().map(|key| key.0.as_bytes()).collect();
        let is_first = self.locked.is_empty();
        let sql = "select key from tandem.conversation where key = any($1) order by key for no key update";
        let sql = if is_first { sql.to_owned() } else { format!("{sql} nowait") };
        let rows = self.reader.rows(&sql, &[(&bytes, Type::BYTEA_ARRAY)]).await?;
        for row in &rows {
            self.locked.insert(columns::key(row.try_get(0)?));
        }
        Ok(!rows.is_empty())
    }

    async fn load(&self, scene: &mut Scene, wants: &BTreeSet<Want>) -> Result<(), Halt> {
        let sorted = Sorted::of(wants);
        let conversations = Conversations::read(&self.reader, &sorted.conversations);
        let records = Records::read(&self.reader, &sorted.positions);
        let named = Named::read(&self.reader, &sorted);
        let others = try_join_all(sorted.others.iter().map(|want| Other::read(&self.reader, want)));
        let (conversations, records, named, others) = futures_util::try_join!(conversations, records, named, others)?;
        conversations.enter(scene, &sorted.conversations)?;
        records.enter(scene, &sorted.positions)?;
        named.enter(scene, &sorted)?;
        for (want, other) in sorted.others.iter().zip(others) {
            other.enter(scene, want)?;
        }
        let mut part = lock(&scene.part);
        for want in wants {
            if matches!(want, Want::Conversation(_) | Want::Record(_) | Want::Dispatch(_)) {
                part.answers.insert(want.clone(), Loaded::Rows);
            }
        }
        Ok(())
    }
}

fn owned((want, loaded): (&Want, &Loaded)) -> (Want, Loaded) {
    (want.clone(), loaded.clone())
}

/// A time of the clock that cannot be set, as a column.
pub(super) fn steady(at: std::time::Duration) -> i64 {
    i64::try_from(at.as_micros()).unwrap_or(i64::MAX)
}
