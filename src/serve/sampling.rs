//! Takes the samples of the console's plots, as long as the bridge runs.

use tokio_util::sync::CancellationToken;

use crate::store::Store;
use crate::telemetry::{SAMPLE_EVERY, Sample, Samples};
use crate::worker::Supervisor;

/// The states in which something is still to happen.
const UNSETTLED: [&str; 4] = ["pending", "sending", "waiting", "unconfirmed"];

/// Takes a sample now and then, until told to stop.
pub(super) async fn run(store: &dyn Store, supervisor: &Supervisor, samples: &Samples, stop: &CancellationToken) {
    let Supervisor { clock, metrics, .. } = supervisor;
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
