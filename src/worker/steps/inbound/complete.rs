//! Completes a desk's users with data that the carrier has: a number, the customer's id, an e-mail address.
//!
//! No text waits for that: the users are completed one after the other, outside of every lane, and each at most once.
//! A value that the desk refuses stays blank, and so does a value that the bridge had not written when it ended. No
//! value is ever overwritten.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::clock::Clock;
use crate::domain::event::UserId;
use crate::ports::{Desk, Failure};

use super::completion::{Completion, Completions};
use crate::worker::Worker;

/// The completion of one desk's users.
pub(in crate::worker) struct Completer {
    desk: Arc<dyn Desk>,
    completions: Arc<Completions>,
    clock: Clock,
}

impl Completer {
    /// The completion of users at the desk of this worker.
    pub(in crate::worker) fn of(lead: &Worker) -> Self {
        let completions = Arc::clone(&lead.users.completions);
        Self { desk: Arc::clone(&lead.desk), completions, clock: lead.clock.clone() }
    }

    /// Completes users until `stop`.
    pub(in crate::worker) async fn run(&self, stop: &CancellationToken) {
        loop {
            let Some(mut completion) = self.completions.take() else {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = self.completions.added.notified() => continue,
                }
            };
            while let Err(Failure::Postpone { until, .. }) = self.complete(&mut completion).await {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = self.clock.sleep_until(until) => {}
                }
            }
        }
    }

    /// Writes the parts that are not written yet.
    ///
    /// # Errors
    /// [`Failure::Postpone`] only: any other failure ends its part.
    async fn complete(&self, completion: &mut Completion) -> Result<(), Failure> {
        if let Some(values) = &completion.values {
            self.over(completion.user, self.desk.save_user(values).await.map(drop))?;
            completion.values = None;
        }
        if let Some(email) = &completion.email {
            self.over(completion.user, self.desk.add_email(completion.user, email).await)?;
            completion.email = None;
        }
        Ok(())
    }

    /// Ends a part of the completion unless it was postponed. A desk's words for a refusal may hold the address, so they
    /// are not logged.
    fn over(&self, user: UserId, result: Result<(), Failure>) -> Result<(), Failure> {
        match result {
            Err(failure @ Failure::Postpone { .. }) => Err(failure),
            Err(_) => {
                debug!("user.left_blank: {} did not take a value of user {user}", self.desk.vendor());
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}
