//! For opening the store on a database: the tables, the epoch of the ids, the row of this bridge, and the loops that serve it.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::domain::delivery::Delivery;
use crate::store::engine::core::Core;
use crate::store::engine::disk::Disk;
use crate::store::engine::epochs::{Epochs, Opening};
use crate::store::engine::layout;
use crate::store::engine::part::{Elsewhere, Part};
use crate::store::engine::partial::core_over;
use crate::store::engine::recovery;
use crate::store::engine::shared::Shared;
use crate::store::{StoreError, StoreLimits};

use super::PostgresStore;
use super::committer;
use super::common::Common;
use super::connect::{Connections, Options};
use super::gauges::{Numbers, Standing};
use super::halt::Halt;
use super::pictures::Pictures;
use super::presence::{self, Presence};
use super::scene::{Base, Memory};
use super::statement::Tables;
use super::{columns, watch};
use crate::store::engine::backend::Backend as _;

/// The statements that make the tables.
const TABLES: &str = include_str!("schema.sql");

/// The most requests that wait; later callers wait for room.
const QUEUE_MAX: usize = 4096;

impl PostgresStore {
    /// Opens the store in a schema of a database, or makes one there. The caller draws `epoch` at random: it is the epoch of a
    /// new store's ids.
    ///
    /// # Errors
    /// [`StoreError::Away`] where the database cannot be reached, and [`StoreError::Failed`] where it refuses.
    pub async fn open(
        options: &Options,
        limits: StoreLimits,
        (epoch, now): (u32, Timestamp),
    ) -> Result<Self, StoreError> {
        let connections = Connections::new(options).map_err(StoreError::Failed)?;
        Box::pin(Self::begin(connections, Tables::of(&options.schema), limits, (epoch, now)))
            .await
            .map_err(StoreError::from)
    }

    async fn begin(
        connections: Connections,
        tables: Tables,
        limits: StoreLimits,
        (epoch, now): (u32, Timestamp),
    ) -> Result<Self, Halt> {
        let client = connections.get().await?;
        make_tables(&client, &tables).await?;
        let opening = first_opening(&client, &tables, Opening { first: 0, epoch, at: now }).await?;
        let numbers = Numbers::count(&client, &tables).await?;
        let standing = Standing::read(&client, &tables, &numbers.routes).await?;
        let bridge = presence::sign_up(&client, &tables).await?;
        drop(client);
        let limits = StoreLimits { backlog_bytes: None, disk_floor_bytes: 0, ..limits };
        let base = Base {
            epochs: Epochs::begin(Vec::new(), opening),
            disk: Disk::measured_by(|| Ok(u64::MAX)),
            lost_time: None,
            time_since: Timestamp::MIN,
            ages_since: Timestamp::MIN,
            alive_at: None,
            operator: Memory::default(),
            commits: 0,
            whole: Elsewhere::default(),
            limits: limits.clone(),
        };
        let part = Arc::new(Mutex::new(Part::default()));
        let core = core_over(&part, base.epochs.clone(), limits.clone(), base.disk.clone());
        let common = Arc::new(Common {
            pictures: Pictures::default(),
            pictures_bytes: limits.pictures_bytes,
            connections,
            tables,
            shared: Shared::new(limits, &core),
            base: Mutex::new(base),
            numbers: Mutex::new(numbers),
            presence: Presence::new(bridge),
            counting: tokio::sync::RwLock::default(),
        });
        common.show(&standing);
        common.pictures.refresh(&*common.client().await?, &common.tables).await?;
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        let serving = tokio::spawn(committer::serve(Arc::clone(&common), receiver));
        let watching = tokio::spawn(watch::watch(Arc::clone(&common), sender.downgrade()));
        let store = Self { requests: Some(sender), common, tasks: vec![serving, watching] };
        let (alive, last) = last_known(&store.common).await?;
        let follow = move |core: &mut Core| recovery::follows(core, opening, (alive.as_deref(), last), now);
        store.ask(follow).await?;
        // The calls that a gone bridge has under way are looked for before anything else is done.
        let (leases, _) = presence::sign(&*store.common.client().await?, &store.common.tables, bridge).await?;
        if !leases.is_empty() {
            store.ask(move |core| core.take_back(&leases, now)).await?;
        }
        Ok(store)
    }
}

/// Makes the tables, where there are none. Two bridges that find an empty database wait for each other.
async fn make_tables(client: &Client, tables: &Tables) -> Result<(), Halt> {
    let name = tables.name();
    client.batch_execute("begin").await?;
    client.batch_execute(&format!("select pg_advisory_xact_lock(hashtext('tandem tables of {name}'))")).await?;
    let sql = "select 1 from information_schema.tables where table_schema = $1 and table_name = 'meta'";
    if client.query_typed(sql, &[(&name, Type::TEXT)]).await?.is_empty() {
        client.batch_execute(&format!("create schema if not exists {name}")).await?;
        client.batch_execute(&tables.sql(TABLES)).await?;
    }
    client.batch_execute("commit").await?;
    Ok(())
}

/// When the clock was last seen to run on, and the last delivery with the time of its acceptance.
async fn last_known(common: &Common) -> Result<(Option<Vec<u8>>, recovery::LastTaken), Halt> {
    let client = common.client().await?;
    let (alive, waiting, settled) = futures_util::try_join!(
        common.tables.rows(&client, "select value from tandem.meta where at = 'malive'", &[]),
        common.tables.rows(&client, "select position, record from tandem.waiting order by position desc limit 1", &[]),
        common.tables.rows(&client, "select position, record from tandem.settled order by position desc limit 1", &[]),
    )?;
    let mut last = None;
    for row in waiting.iter().chain(&settled) {
        let delivery: Delivery = layout::decode("delivery", row.try_get(1)?)?;
        last = last.max(Some((columns::position(row.try_get(0)?), delivery.accepted_at)));
    }
    Ok((alive.first().map(|row| row.try_get(0)).transpose()?, last))
}

/// The opening that began this store: the one in the database, or this one.
async fn first_opening(client: &Client, tables: &Tables, this: Opening) -> Result<Opening, Halt> {
    let (at, value) = recovery::opening_entry(this);
    let sql = "insert into tandem.meta (at, value) select $1, $2 where not exists
        (select 1 from tandem.meta where at between 'mopened ' and 'mopened!') on conflict do nothing";
    tables.rows(client, sql, &[(&&*at, Type::BYTEA), (&&*value, Type::BYTEA)]).await?;
    let sql = "select at, value from tandem.meta where at between 'mopened ' and 'mopened!' order by at";
    let rows = tables.rows(client, sql, &[]).await?;
    let entry = rows.first().ok_or_else(|| StoreError::Failed("the store has no opening".into()))?;
    Ok(recovery::opening_in(entry.try_get(0)?, entry.try_get(1)?)?)
}
