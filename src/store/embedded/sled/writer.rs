//! The writer thread: takes requests, runs them on the core, commits them together, answers them.
//!
//! A caller is answered only after the commit with its writes is on the medium, and no caller is told "good" after a
//! failed commit.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::failpoint;
use crate::store::StoreError;
use crate::store::engine::album::Album;
use crate::store::engine::core::Core;
use crate::store::engine::shared::Shared;

/// The most requests that wait for the writer; later callers wait for room. Four commits' worth: enough to keep the
/// writer busy, and at 64 KiB of event each (an extreme) still no more than a container has.
pub(super) const QUEUE_MAX: usize = 4096;

/// The most requests in one commit. More gains nothing (libraries measured the cost of a sync to be gone by 256), and
/// makes the first request wait for the last.
const BATCH_MAX: usize = 1024;

/// A request on its way through the writer thread.
pub(super) trait Request: Send {
    /// Runs the request, without the commit.
    fn execute(&mut self, core: &mut Core);
    /// Answers the caller, after the commit.
    fn answer(self: Box<Self>, committed: &Result<(), StoreError>);
}

/// A request that is a function.
pub(super) struct Ask<F, T> {
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Ask<F, T> {
    pub(super) fn new(work: F) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { work: Some(work), outcome: None, reply }, answer)
    }
}

impl<F, T> Request for Ask<F, T>
where
    F: FnOnce(&mut Core) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn execute(&mut self, core: &mut Core) {
        // A caller that has given up waiting wants nothing claimed or written.
        let Some(work) = self.work.take().filter(|_| !self.reply.is_closed()) else { return };
        self.outcome = Some(core.attempt(work));
    }

    fn answer(self: Box<Self>, committed: &Result<(), StoreError>) {
        let Some(outcome) = self.outcome else { return };
        let outcome = committed.clone().and(outcome);
        // A caller may be gone: the request is done all the same, and a repeated request is told so.
        self.reply.send(outcome).ok();
    }
}

/// The thread's body; returns when the store is closed or dropped.
pub(super) fn run(
    mut core: Core,
    mut requests: mpsc::Receiver<Box<dyn Request>>,
    (shared, album): (&Arc<Shared>, &Arc<Album>),
    runtime: &Handle,
) {
    let served = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        serve(&mut core, &mut requests, (shared, album), runtime)
    }));
    if served.is_err() {
        // The closed channel answers waiting callers; the medium holds all acknowledged writes.
        shared.fail(StoreError::Failed("the writer thread panicked".into()));
    }
}

fn serve(
    core: &mut Core,
    requests: &mut mpsc::Receiver<Box<dyn Request>>,
    (shared, album): (&Shared, &Arc<Album>),
    runtime: &Handle,
) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while requests.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        let mut committed = shared_failure(shared);
        if committed.is_ok() {
            for request in &mut batch {
                request.execute(core);
            }
            failpoint::reach("store.executed");
            committed = commit(core, shared, batch.len());
            failpoint::reach("store.committed");
        }
        if committed.is_ok() && album.drop_of(&std::mem::take(&mut core.over)) {
            let album = Arc::clone(album);
            runtime.spawn_blocking(move || album.remove_left());
        }
        shared.publish(core);
        if core.stop {
            // Requests queued by now are still served; later ones are not.
            requests.close();
        }
        answer(&mut batch, committed, runtime);
        shared.wake(core);
    }
}

/// Answers the callers. Waking a task from outside the runtime is dear, so one task inside wakes several.
fn answer(batch: &mut Vec<Box<dyn Request>>, committed: Result<(), StoreError>, runtime: &Handle) {
    if batch.len() == 1 {
        batch.drain(..).for_each(|request| request.answer(&committed));
        return;
    }
    let answered = std::mem::replace(batch, Vec::with_capacity(batch.len() * 2));
    runtime.spawn(async move { answered.into_iter().for_each(|request| request.answer(&committed)) });
}

fn commit(core: &mut Core, shared: &Shared, requests: usize) -> Result<(), StoreError> {
    let started = Instant::now();
    match core.commit() {
        Ok(true) => {
            shared.measured(requests, started.elapsed());
            Ok(())
        }
        Ok(false) => Ok(()),
        Err(error) => {
            tracing::error!(%error, "The store failed and does nothing more until it is opened again.");
            shared.fail(error.clone());
            Err(error)
        }
    }
}

/// Requests queued when the store failed are answered with its failure; those queued before it was closed are served.
fn shared_failure(shared: &Shared) -> Result<(), StoreError> {
    if shared.closed.load(Ordering::Acquire) {
        return Ok(());
    }
    shared.alive()
}
