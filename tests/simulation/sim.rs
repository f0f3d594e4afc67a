//! A seeded simulation of everything that can go wrong between two vendors and a bridge, in one thread and in virtual
//! time.
//!
//! The real bridge runs, put together by [`tandem::serve::assemble`]: its routers, intake, worker, policies, mappings and
//! clients. The vendors are those of [`tandem::sandbox`], without their sockets. Between them are a
//! network that loses requests and answers, a post that loses, repeats and reorders webhooks, and a store that outlives
//! the bridge, which may die at every step that it takes outside of itself.
//!
//! Time is that of a paused tokio runtime, which jumps from one timer to the next; chance is drawn from the seed. So a
//! seed is a run, and the same seed gives the same run, line for line.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

mod actors;
mod further;
mod life;
mod lots;
mod network;
pub(crate) mod plan;
mod post;
mod trace;
mod verdict;
mod world;

use plan::Plan;
use tandem::domain::delivery::StateName;
use tandem::store::{DeliveryFilter, Store};
use world::World;

/// The time in which every delivery must settle. More than a day, so that one without success is given up by then.
const REST_MAX: Duration = Duration::from_secs(30 * 3600);

/// The time without any work after which the world is at rest: two rounds of the catch-up.
const QUIET: Duration = Duration::from_secs(660);

/// How often the world is looked at.
const LOOK: Duration = Duration::from_secs(20);

/// The result of a run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    /// Nothing, when all is well.
    pub(crate) faults: Vec<String>,
    /// The number of events of each kind.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// Steps that the bridge has taken outside of itself.
    pub(crate) steps: u64,
    /// Deliveries that waited when the last fault ended.
    pub(crate) waited: u64,
    /// Virtual time, from the last fault until everything was delivered.
    pub(crate) drained_in: Duration,
    /// Virtual time in all.
    pub(crate) lasted: Duration,
    /// The history, line by line, if it was asked for.
    pub(crate) trace: String,
}

impl Run {
    /// How often something happened.
    pub(crate) fn count(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (texts, replies, waited) = (self.count("texts"), self.count("replies"), self.waited);
        let (drained_in, lasted, calls) = (self.drained_in, self.lasted, self.count("calls"));
        write!(f, "{texts} texts and {replies} replies in {lasted:.0?}, {calls} calls; ")?;
        write!(f, "{waited} deliveries waited at the end of the fault, all done {drained_in:.0?} after it")
    }
}

/// Runs a plan.
pub(crate) fn run(plan: &Plan, traced: bool) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::new(plan.clone(), traced);
        let run = live(&world).await;
        world.leave();
        run
    })
}

/// Runs the plans of these seeds, on every core, and hands each run to `see` until that says that it has seen enough.
pub(crate) fn run_all(
    seeds: std::ops::Range<u64>,
    plan: impl Fn(u64) -> Plan + Sync,
    mut see: impl FnMut(Run) -> bool,
) {
    let next = AtomicU64::new(seeds.start);
    let (sender, runs) = std::sync::mpsc::sync_channel(64);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            let (sender, next, plan) = (sender.clone(), &next, &plan);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || sender.send(run(&plan(seed), false)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        // The threads end when the receiver is gone.
        let mut runs = runs.into_iter();
        while runs.next().is_some_and(&mut see) {}
        drop(runs);
    });
}

async fn live(world: &Arc<World>) -> Run {
    tokio::spawn(Arc::clone(world).keep_alive());
    tokio::spawn(Arc::clone(world).set_clocks());
    tokio::spawn(post::report(Arc::clone(world)));
    actors::play(world).await;
    let span = world.plan.span();
    tokio::time::sleep(span.saturating_sub(world.passed())).await;
    world.put_out();
    let out_at = world.passed();
    let waited = world.store().map_or(0, |store| waiting(&*store));
    let mut faults = Vec::new();
    let rested = rest(world).await;
    let drained_in = rested.unwrap_or(REST_MAX).saturating_sub(out_at);
    // Every customer gets a new text through.
    for customer in 0..world.customers.len() {
        if world.script.lock().unwrap().opted_out.get(&customer) == Some(&None) {
            actors::opt(world, customer, false);
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        actors::text(world, customer);
        tokio::time::sleep(Duration::from_secs(60)).await;
        actors::reply(world, customer);
    }
    if rested.is_none() || rest(world).await.is_none() {
        faults.push(format!("after {REST_MAX:?} there is still something to do"));
    }
    faults.extend(verdict::faults(world).await);
    Run {
        seed: world.plan.seed,
        faults,
        counts: world.trace.counts(),
        steps: world.steps(),
        waited,
        drained_in,
        lasted: world.passed(),
        trace: world.trace.lines(),
    }
}

/// Waits until there is nothing left to do, and nothing new has come for a while; when the last of it was done.
async fn rest(world: &Arc<World>) -> Option<Duration> {
    let started = world.passed();
    let mut done_at = None;
    while world.passed().saturating_sub(started) < REST_MAX {
        tokio::time::sleep(LOOK).await;
        actors::answer_templates(world).await;
        if !world.is_post_empty() || has_work(world).await {
            done_at = None;
            continue;
        }
        let done_at = *done_at.get_or_insert(world.passed());
        if world.passed().saturating_sub(done_at) >= QUIET {
            return Some(done_at);
        }
    }
    None
}

/// Deliveries that wait for something other than a look.
fn waiting(store: &dyn Store) -> u64 {
    let counts = store.counts();
    [StateName::Pending, StateName::Sending, StateName::Waiting].map(|state| counts.of(state)).iter().sum()
}

/// Whether the bridge is down, or has something that holds a lane.
async fn has_work(world: &World) -> bool {
    let Some(store) = world.store() else { return true };
    if waiting(&*store) > 0 {
        return true;
    }
    let state = Some(StateName::Unconfirmed);
    let filter = DeliveryFilter { state, limit: 1000, ..DeliveryFilter::default() };
    let unconfirmed = store.deliveries(filter).await.unwrap().items;
    unconfirmed.iter().any(|delivery| delivery.state.holds_lane())
}
