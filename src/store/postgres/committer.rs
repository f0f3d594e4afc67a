//! The transactions: takes requests, runs them on the rows that they ask for, commits them together, answers them.
//!
//! A caller is answered only after the commit with its writes. A transaction leaves its number in its bridge's row, so that a
//! commit whose answer was lost is known once the database is back; and a bridge that the others have counted as gone finds no
//! row, and commits nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use tokio::sync::mpsc;

use crate::domain::event::EventId;
use crate::store::StoreError;
use crate::store::engine::core::Core;
use crate::store::engine::part::Want;
use crate::store::lock::lock;

use super::common::Common;
use super::connect::Client;
use super::gauges::Standing;
use super::halt::Halt;
use super::load::Loader;
use super::requests::Request;
use super::save::{Plan, Tally};
use super::scene::Scene;
use super::write;

/// The most requests in one transaction.
const BATCH_MAX: usize = 128;

/// The most runs for one transaction: each loads what the one before it wanted.
const RUNS_MAX: usize = 64;

/// How often a transaction is tried again that another one has come before. Then its requests are tried one by one.
const RACES_MAX: usize = 20;

/// The longest pause before a transaction is tried again.
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// A commit that is done.
struct Committed {
    core: Core,
    tally: Tally,
    /// The texts that it has ended.
    over: Vec<EventId>,
    standing: Option<Standing>,
}

/// Serves requests until there are no more.
pub(super) async fn serve(common: Arc<Common>, mut requests: mpsc::Receiver<Box<dyn Request>>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while requests.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let all = std::mem::replace(&mut batch, Vec::with_capacity(BATCH_MAX));
        commit(&common, all).await;
    }
}

/// Commits these requests, together where that goes well, and answers them.
async fn commit(common: &Common, batch: Vec<Box<dyn Request>>) {
    let mut waiting = vec![batch];
    while let Some(mut batch) = waiting.pop() {
        let _counted_once = common.counting.read().await;
        let committed = transact(common, &mut batch).await;
        match committed {
            Ok(committed) => done(common, committed, batch),
            // One of them spoils it for the others.
            Err(_) if batch.len() > 1 => waiting.extend(batch.into_iter().rev().map(|one| vec![one])),
            Err(error) => batch.into_iter().for_each(|request| request.answer(&Err(error.clone()))),
        }
    }
}

fn done(common: &Common, mut committed: Committed, batch: Vec<Box<dyn Request>>) {
    {
        let mut base = lock(&common.base);
        base.operator.newest.clone_from(&committed.core.operator.newest);
        base.time_since = committed.core.time_since;
        base.ages_since = committed.core.ages_since;
        base.alive_at = committed.core.alive_at;
    }
    if let Some(standing) = &committed.standing {
        lock(&common.numbers).add(&committed.tally);
        common.pictures.drop_of(&committed.over);
        common.show(standing);
    }
    if committed.core.stop {
        common.shared.stop();
    }
    batch.into_iter().for_each(|request| request.answer(&Ok(())));
    common.shared.wake(&mut committed.core);
}

/// Runs a transaction until it is committed, or cannot be. While the database is away, it waits for it.
async fn transact(common: &Common, batch: &mut [Box<dyn Request>]) -> Result<Committed, StoreError> {
    let mut guess = BTreeSet::new();
    let mut races = 0;
    let mut pause = Duration::from_millis(5);
    loop {
        let halt = match attempt(common, batch, &mut guess).await {
            Ok(committed) => return Ok(committed),
            Err(halt) => halt,
        };
        match halt {
            Halt::Raced if races < RACES_MAX => races += 1,
            Halt::Raced => return Err(StoreError::Failed("other bridges came first too often".into())),
            Halt::Away(_) if common.shared.is_closed() => return Err(StoreError::Closed),
            Halt::Away(why) => {
                // The others of its sessions may be with a server that has become a standby.
                common.connections.drop_idle();
                common.presence.is_away(why);
            }
            Halt::Gone => begin(common).await,
            Halt::Store(error) => return Err(error),
        }
        let jitter = rand::rng().random_range(0.5..1.0);
        tokio::time::sleep(pause.mul_f64(jitter)).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

async fn attempt(
    common: &Common,
    batch: &mut [Box<dyn Request>],
    guess: &mut BTreeSet<Want>,
) -> Result<Committed, Halt> {
    let client = common.client().await?;
    client.batch_execute("begin").await?;
    match run(common, &client, batch, guess).await {
        Ok((committed, number)) if committed.standing.is_some() => {
            let started = Instant::now();
            let ended = client.batch_execute("commit").await;
            common.shared.measured(batch.len(), started.elapsed());
            match ended {
                Ok(()) => Ok(committed),
                Err(error) => in_doubt(common, error.into(), client, number).await.map(|()| committed),
            }
        }
        Ok((committed, _)) => {
            client.batch_execute("rollback").await?;
            Ok(committed)
        }
        Err(halt) => {
            // A connection that does not take the rollback is dropped: it may stand in the middle of anything.
            if client.batch_execute("rollback").await.is_err() {
                drop(Client::take(client));
            }
            Err(halt)
        }
    }
}

/// Whether a commit without an answer is there. The bridge's row tells: it is locked for as long as the commit is under way.
async fn in_doubt(common: &Common, halt: Halt, client: Client, number: i64) -> Result<(), Halt> {
    drop(Client::take(client));
    let Halt::Away(_) = halt else { return Err(halt) };
    loop {
        match written(common).await {
            Ok(Some(written)) if written >= number => return Ok(()),
            Ok(_) => return Err(Halt::Raced),
            Err(Halt::Away(why)) => common.presence.is_away(why),
            Err(halt) => return Err(halt),
        }
        tokio::time::sleep(PAUSE_MAX).await;
    }
}

/// Begins anew, where the others have counted this bridge as gone.
pub(super) async fn begin(common: &Common) {
    match common.client().await {
        Ok(client) => common.presence.begin(&client, &common.tables).await,
        Err(halt) => tracing::warn!(?halt, "store.bridge_lost: no row for this bridge yet"),
    }
}

async fn written(common: &Common) -> Result<Option<i64>, Halt> {
    common.presence.written(&*common.client().await?, &common.tables).await
}

/// Runs the requests until all that they read is loaded, and writes their changes.
async fn run(
    common: &Common,
    client: &Client,
    batch: &mut [Box<dyn Request>],
    guess: &mut BTreeSet<Want>,
) -> Result<(Committed, i64), Halt> {
    let base = common.base();
    let mut loader = Loader::new(client, &common.tables, &base, true);
    let mut scene = Scene::default();
    if !guess.is_empty() {
        loader.extend(&mut scene, guess.clone()).await?;
    }
    for _ in 0..RUNS_MAX {
        let mut core = scene.core(&base);
        batch.iter_mut().for_each(|request| request.run(&mut core));
        core.commit()?;
        let mut wants = std::mem::take(&mut lock(&scene.part).wanted);
        if wants.is_empty() {
            match Plan::of(&scene, &mut core)? {
                Ok(plan) => return finish(common, client, core, plan).await,
                Err(unlocked) => wants = unlocked,
            }
        }
        guess.extend(wants.iter().filter(|want| matches!(want, Want::Conversation(_))).cloned());
        loader.extend(&mut scene, wants).await?;
    }
    Err(StoreError::Failed("a request never has all that it reads".into()).into())
}

async fn finish(common: &Common, client: &Client, core: Core, plan: Plan) -> Result<(Committed, i64), Halt> {
    if plan.is_empty() {
        return Ok((Committed { core, tally: Tally::default(), over: Vec::new(), standing: None }, 0));
    }
    let routes = {
        let mut numbers = lock(&common.numbers);
        numbers.routes.extend(plan.routes());
        numbers.routes.clone()
    };
    let number = common.presence.next();
    let writing = write::write(client, &common.tables, &plan, (common.presence.bridge(), number));
    let reading = Standing::read(client, &common.tables, &routes);
    let ((), standing) = futures_util::future::try_join(writing, reading).await?;
    Ok((Committed { core, tally: plan.tally, over: plan.over, standing: Some(standing) }, number))
}
