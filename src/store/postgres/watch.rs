//! For the loop beside the transactions: signs the bridge's row, takes back the leases of bridges that are gone, and looks for the
//! work that other bridges brought in. It hands out nothing itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::domain::account::Route;
use crate::domain::lanes::LaneName;
use crate::store::engine::core::Core;
use crate::store::lock::lock;

use super::committer::begin;
use super::common::Common;
use super::gauges::{Numbers, Standing};
use super::halt::Halt;
use super::presence;
use super::requests::{Ask, Request};

/// How often the work of others is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often the row is signed.
const SIGN_EVERY: Duration = Duration::from_secs(2);

/// How often everything is counted, at most; and how many times the time that this takes lies between.
const COUNT_EVERY: Duration = Duration::from_secs(5);
const COUNT_REST: u32 = 50;

/// How often the pictures are looked through.
const PICTURES_EVERY: Duration = Duration::from_secs(1);

/// The times of the next turns.
struct Turns {
    sign: Instant,
    count: Instant,
    pictures: Instant,
}

/// Watches until it is aborted.
pub(super) async fn watch(common: Arc<Common>, requests: mpsc::WeakSender<Box<dyn Request>>) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let now = Instant::now();
    let mut turns = Turns { sign: now + SIGN_EVERY, count: now + COUNT_EVERY, pictures: now };
    let mut seen = BTreeMap::new();
    loop {
        every.tick().await;
        match turn(&common, &requests, &mut turns, &mut seen).await {
            Ok(()) => common.presence.is_back(),
            Err(Halt::Away(why)) => common.presence.is_away(why),
            Err(Halt::Gone) => begin(&common).await,
            Err(Halt::Raced) => {}
            Err(Halt::Store(error)) => common.presence.is_away(error.to_string()),
        }
        common.shared.tell_away(common.presence.away());
    }
}

async fn turn(
    common: &Common,
    requests: &mpsc::WeakSender<Box<dyn Request>>,
    turns: &mut Turns,
    seen: &mut BTreeMap<Route, Timestamp>,
) -> Result<(), Halt> {
    let now = Instant::now();
    if now >= turns.sign {
        turns.sign = now + SIGN_EVERY;
        let (leases, now) = presence::sign(&*common.client().await?, &common.tables, common.presence.bridge()).await?;
        if !leases.is_empty() {
            take_back(requests, leases, now).await;
        }
    }
    if now >= turns.pictures {
        turns.pictures = now + PICTURES_EVERY;
        common.pictures.refresh(&*common.client().await?, &common.tables).await?;
    }
    let client = common.client().await?;
    if now >= turns.count {
        // No commit of this bridge may end meanwhile: it would be counted twice, or not at all.
        let counting = common.counting.write().await;
        let began = Instant::now();
        let numbers = Numbers::count(&client, &common.tables).await?;
        turns.count = Instant::now() + COUNT_EVERY.max(began.elapsed() * COUNT_REST);
        *lock(&common.numbers) = numbers;
        drop(counting);
    }
    let routes = lock(&common.numbers).routes.clone();
    let commits = common.commits();
    let standing = Standing::read(&client, &common.tables, &routes).await?;
    // A commit that ended meanwhile has shown newer numbers.
    common.show_of(&standing, commits);
    for (route, due) in &standing.next_due {
        if seen.get(route) != Some(due) {
            common.shared.bell(*route).notify_one();
        }
    }
    *seen = standing.next_due;
    Ok(())
}

/// Asks for the leases of gone bridges to be taken back, in a transaction as any other.
async fn take_back(requests: &mpsc::WeakSender<Box<dyn Request>>, leases: Vec<(LaneName, u64)>, now: Timestamp) {
    let Some(requests) = requests.upgrade() else { return };
    let (request, answer) = Ask::new(move |core: &mut Core| core.take_back(&leases, now));
    if requests.send(Box::new(request)).await.is_ok() {
        drop(requests);
        if let Ok(Err(error)) = answer.await {
            tracing::warn!(%error, "store.not_taken_back: the lanes of a bridge that is gone");
        }
    }
}
