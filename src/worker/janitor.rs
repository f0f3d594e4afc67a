//! Drops records that settled long ago, and dedupe keys that no vendor can still need. It never trusts a date while
//! the clock is unsure.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::domain::retry::later;
use crate::store::{Compaction, Store};

use super::Retention;

/// How often the janitor comes round.
const ROUND: Duration = Duration::from_secs(600);

/// Cleans up every [`ROUND`] until `stop`.
pub(super) async fn keep_house(store: &dyn Store, clock: &Clock, retention: &Retention, stop: &CancellationToken) {
    let (mut sets, mut noted) = (clock.sets(), 0);
    loop {
        let now = clock.now();
        let set = *sets.borrow_and_update();
        if set != noted {
            match store.time_was_set(clock.now()).await {
                Ok(()) => noted = set,
                Err(error) => warn!(%error, "store.time_not_noted: tried again"),
            }
        }
        // A clock that is ahead would make every record old, and a dropped record does not come back.
        let expired = match clock.is_sure() && set == noted {
            true => store.expire(now, retention.settled, retention.dedupe).await,
            false => Ok(0),
        };
        match expired {
            Ok(0) => {}
            Ok(records) => info!(records, "store.expired: dropped {records} old records"),
            Err(error) => warn!(%error, "store.expire_failed: old records stay for now"),
        }
        if let Err(error) = store.compact(Compaction::WhenBloated).await {
            warn!(%error, "store.compact_failed: the store's files stay as large as they are");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            Ok(()) = sets.changed() => {}
            () = clock.sleep_until(later(now, ROUND)) => {}
        }
    }
}
