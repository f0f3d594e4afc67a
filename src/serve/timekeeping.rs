//! Reports times that cannot be trusted: a wrong clock, and a time that the store has lost.
//!
//! It never corrects them: [`crate::clock`] follows a wrong clock, and the store knows the lost time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::{Clock, Trouble};
use crate::store::{LostTime, Store, StoreError};
use crate::telemetry::Readiness;
use crate::worker::Supervisor;

/// The time between two looks: a wrong clock is seen well within a minute.
const EVERY: Duration = Duration::from_secs(15);

/// The time between two questions whether the store has failed.
const FAILURE_EVERY: Duration = Duration::from_secs(1);

/// The most by which a date may lie ahead, because its clock is corrected a little.
const AHEAD_MAX: SignedDuration = SignedDuration::from_secs(60);

/// Looks every [`EVERY`] until `stop`.
pub(super) async fn run(store: &dyn Store, supervisor: &Supervisor, stop: &CancellationToken) {
    let Supervisor { clock, metrics, readiness } = supervisor;
    let mut said = false;
    loop {
        let trouble = clock.trouble();
        metrics.set_clock_off(match trouble {
            Some(Trouble::Set(by) | Trouble::Differs(by)) => by,
            None => SignedDuration::ZERO,
        });
        let note = trouble.map(told).or_else(|| dated_ahead(store.counts().oldest_unsettled, clock.now()));
        match note {
            Some(note) => {
                if !said {
                    warn!("clock.wrong: {note}");
                }
                said = true;
                readiness.set_note("clock", note);
            }
            None if said => {
                said = false;
                info!("clock.right: nothing is wrong with this machine's clock any more");
                readiness.clear_note("clock");
            }
            None => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(EVERY) => {}
        }
    }
}

/// Reports the time that the store has lost, at the start that follows a restore.
pub(super) fn tell_of_lost_time(store: &dyn Store, readiness: &Readiness) {
    let Some(LostTime { since, until, doubted: Some(doubted) }) = store.lost_time() else { return };
    let note = format!(
        "put back from a backup: nothing is known of what was accepted and sent between {since} and {until}. {doubted} \
         deliveries that waited in the backup are looked for at the vendors before they are sent again; a customer's \
         open ticket is found again by its external_id; agents' replies since then are caught up with"
    );
    warn!("store.put_back: {note}");
    readiness.set_note("store", note);
}

/// Waits until the store has failed, and returns its error. Its memory may then differ from its medium, so only
/// another start mends it.
pub(super) async fn failure(store: &dyn Store, clock: &Clock) -> StoreError {
    loop {
        if let Err(error @ StoreError::Failed(_)) = store.health() {
            return error;
        }
        clock.sleep(FAILURE_EVERY).await;
    }
}

fn told(trouble: Trouble) -> String {
    let way = |by: SignedDuration| if by.is_negative() { "back" } else { "ahead" };
    match trouble {
        Trouble::Set(by) => format!(
            "this machine's clock was set {} s {} at a stroke; tandem goes by its own count until Zendesk's time, or \
             ten minutes, tell which is right",
            by.abs().as_secs(),
            way(by)
        ),
        Trouble::Differs(by) => format!(
            "this machine's clock is {} s {} Zendesk's; Zendesk's webhooks are refused where that is more than their \
             tolerance, and nothing is given up for its age meanwhile",
            by.abs().as_secs(),
            if by.is_negative() { "behind" } else { "ahead of" }
        ),
    }
}

fn dated_ahead(oldest: Option<Timestamp>, now: Timestamp) -> Option<String> {
    let ahead = oldest?.duration_since(now);
    let seconds = ahead.as_secs();
    (ahead > AHEAD_MAX).then(|| {
        format!(
            "the oldest waiting delivery is dated {seconds} s ahead: this machine's clock was wrong then, or is now"
        )
    })
}
