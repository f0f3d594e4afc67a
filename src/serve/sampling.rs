//! Takes the samples of the console's plots, as long as the bridge runs.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::store::Store;
use crate::telemetry::{Metrics, SAMPLE_EVERY, Sample, Samples};

/// The states in which something is still to happen.
const UNSETTLED: [&str; 4] = ["pending", "sending", "waiting", "unconfirmed"];

/// Takes a sample now and then, until told to stop.
pub(super) async fn run(
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    clock: Clock,
    samples: Arc<Samples>,
    stop: CancellationToken,
) {
    loop {
        let now = clock.now();
        let counts = store.counts();
        let unsettled = UNSETTLED.iter().filter_map(|state| counts.by_state.get(state)).sum();
        samples.take(Sample { at: now, tallies: metrics.tallies(), unsettled });
        let next = now.saturating_add(SAMPLE_EVERY).unwrap_or(now);
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(next) => {}
        }
    }
}
