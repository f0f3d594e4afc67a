//! Takes the samples of the console's plots, as long as the bridge runs.

use tokio_util::sync::CancellationToken;

use crate::store::Archive;
use crate::telemetry::{SAMPLE_EVERY, Sample, Samples};
use crate::worker::Supervisor;

/// Takes a sample every [`SAMPLE_EVERY`] until `stop`.
pub(super) async fn run(store: &dyn Archive, supervisor: &Supervisor, samples: &Samples, stop: &CancellationToken) {
    let Supervisor { clock, metrics, .. } = supervisor;
    loop {
        let now = clock.now();
        let counts = store.counts();
        let under_way = counts.waiting.values().sum();
        samples.take(Sample { at: now, tallies: metrics.tallies(), under_way });
        let next = now.saturating_add(SAMPLE_EVERY).unwrap_or(now);
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(next) => {}
        }
    }
}
