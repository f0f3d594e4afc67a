//! Requests on their way to the transactions. A request is a function that can be run again: a run whose reads were not all
//! loaded is void, and so is one whose transaction another one has come before.

use tokio::sync::oneshot;

use crate::store::StoreError;
use crate::store::engine::core::Core;

/// A request that waits for its commit.
pub(super) trait Request: Send {
    /// Runs it, without the commit. An earlier run is void.
    fn run(&mut self, core: &mut Core);
    /// Answers the caller, after the commit.
    fn answer(self: Box<Self>, committed: &Result<(), StoreError>);
}

/// A request that is a function.
pub(super) struct Ask<F, T> {
    work: F,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Ask<F, T> {
    pub(super) fn new(work: F) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { work, outcome: None, reply }, answer)
    }
}

impl<F, T> Request for Ask<F, T>
where
    F: FnOnce(&mut Core) -> Result<T, StoreError> + Clone + Send,
    T: Send,
{
    fn run(&mut self, core: &mut Core) {
        // A caller that has given up waiting wants nothing claimed or written.
        self.outcome = (!self.reply.is_closed()).then(|| core.attempt(self.work.clone()));
    }

    fn answer(self: Box<Self>, committed: &Result<(), StoreError>) {
        let Self { outcome, reply, .. } = *self;
        let outcome = match committed {
            Ok(()) => outcome,
            Err(error) => Some(Err(error.clone())),
        };
        // A caller may be gone: the request is done all the same, and a repeated request is told so.
        if let Some(outcome) = outcome {
            reply.send(outcome).ok();
        }
    }
}
