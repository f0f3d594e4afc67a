//! A bridge's presence on a shared store: its row, which it signs every two seconds, and the leases of bridges that are gone.
//!
//! The row is the fence. A bridge that was silent for too long loses it, and each of its transactions looks for it: so it commits
//! nothing after the others have taken its lanes back, and begins anew under another number.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::domain::lanes::LaneName;
use crate::store::lock::lock;

use super::columns;
use super::halt::Halt;
use super::statement::Tables;

/// How long a bridge may be silent before the others take its lanes.
const GONE_AFTER: Duration = Duration::from_secs(8);

/// How long the database may be away before the store says so.
const AWAY_AFTER: Duration = Duration::from_secs(5);

/// The most leases that are taken back at once.
const TAKEN_BACK_MAX: i64 = 256;

/// The row of this bridge.
pub(super) struct Presence {
    bridge: AtomicI32,
    number: AtomicI64,
    /// Since when the database is away.
    away: Mutex<Option<(Instant, String)>>,
    /// Signed first by a bridge that begins anew: two transactions may find that it is gone.
    beginning: tokio::sync::Mutex<()>,
}

impl Presence {
    /// The presence of the bridge with this row.
    pub(super) fn new(bridge: i32) -> Self {
        Self {
            bridge: AtomicI32::new(bridge),
            number: AtomicI64::new(1),
            away: Mutex::default(),
            beginning: tokio::sync::Mutex::default(),
        }
    }

    /// The number of the bridge.
    pub(super) fn bridge(&self) -> i32 {
        self.bridge.load(Ordering::Acquire)
    }

    /// The number of the next transaction.
    pub(super) fn next(&self) -> i64 {
        self.number.fetch_add(1, Ordering::AcqRel)
    }

    /// Notes that the database was away, and why. After some seconds, the store's health tells of it.
    pub(super) fn is_away(&self, why: String) {
        lock(&self.away).get_or_insert_with(|| (Instant::now(), why));
    }

    /// The cause, once the database has been away for too long.
    pub(super) fn away(&self) -> Option<String> {
        let away = lock(&self.away);
        away.as_ref().filter(|(since, _)| since.elapsed() >= AWAY_AFTER).map(|(_, why)| why.clone())
    }

    /// Notes that the database is there.
    pub(super) fn is_back(&self) {
        *lock(&self.away) = None;
    }

    /// Begins anew with a row of its own, where this bridge has lost it.
    pub(super) async fn begin(&self, client: &Client, tables: &Tables) {
        let lost = self.bridge();
        let _one_at_a_time = self.beginning.lock().await;
        if self.bridge() != lost {
            return;
        }
        match sign_up(client, tables).await {
            Ok(bridge) => self.bridge.store(bridge, Ordering::Release),
            Err(halt) => tracing::warn!(?halt, "store.bridge_lost: no row for this bridge yet"),
        }
    }

    /// The number of the last transaction of this bridge; `None` where it is gone. Waits for one that is under way.
    pub(super) async fn written(&self, client: &Client, tables: &Tables) -> Result<Option<i64>, Halt> {
        let sql = "select written from tandem.bridge where id = $1 for update";
        let rows = tables.rows(client, sql, &[(&self.bridge(), Type::INT4)]).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
    }
}

/// Makes a row for a bridge, and gives its number.
pub(super) async fn sign_up(client: &Client, tables: &Tables) -> Result<i32, Halt> {
    let sql = "insert into tandem.bridge (name, version) values ($1, $2) returning id";
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&name, Type::TEXT), (&env!("CARGO_PKG_VERSION"), Type::TEXT)];
    let rows = tables.rows(client, sql, &values).await?;
    let row = rows.first().ok_or_else(|| columns::not_ours("no row for this bridge"))?;
    Ok(row.try_get(0)?)
}

/// Signs this bridge's row, and takes away the rows of bridges that have been silent for too long. Gives the leases that no
/// bridge holds any more, and the time of the database.
pub(super) async fn sign(
    client: &Client,
    tables: &Tables,
    bridge: i32,
) -> Result<(Vec<(LaneName, u64)>, Timestamp), Halt> {
    let sql = "update tandem.bridge set seen_at = clock_timestamp() where id = $1 returning id";
    if tables.rows(client, sql, &[(&bridge, Type::INT4)]).await?.is_empty() {
        return Err(Halt::Gone);
    }
    let silent = GONE_AFTER.as_secs_f64();
    let sql = "delete from tandem.bridge where id <> $1 and seen_at < clock_timestamp() - make_interval(secs => $2)";
    tables.rows(client, sql, &[(&bridge, Type::INT4), (&silent, Type::FLOAT8)]).await?;
    let leases = ownerless(client, tables).await?;
    let sql = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint";
    let rows = tables.rows(client, sql, &[]).await?;
    let now = rows.first().ok_or_else(|| columns::not_ours("no time"))?;
    Ok((leases, columns::time(now.try_get(0)?)))
}

async fn ownerless(client: &Client, tables: &Tables) -> Result<Vec<(LaneName, u64)>, Halt> {
    let sql = "select conversation, direction, track, fence from tandem.lane l
        where fence is not null and not exists (select 1 from tandem.bridge b where b.id = l.bridge) limit $1";
    let rows = tables.rows(client, sql, &[(&TAKEN_BACK_MAX, Type::INT8)]).await?;
    let mut leases = Vec::new();
    for row in &rows {
        let lane = columns::lane(&columns::key(row.try_get(0)?), (row.try_get(1)?, row.try_get(2)?))?;
        leases.push((lane, columns::number(row.try_get(3)?)));
    }
    Ok(leases)
}

/// Takes away this bridge's row, because it closes.
pub(super) async fn sign_off(client: &Client, tables: &Tables, bridge: i32) -> Result<(), Halt> {
    let sql = "delete from tandem.bridge where id = $1";
    tables.rows(client, sql, &[(&bridge, Type::INT4)]).await?;
    Ok(())
}
