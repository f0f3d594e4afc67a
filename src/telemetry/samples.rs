//! The last hour in numbers, for the console's plots.
//!
//! A ring of bounded size. Never survives a restart: `GET /metrics` serves collectors that keep numbers for longer.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// The time between two samples.
pub const SAMPLE_EVERY: Duration = Duration::from_secs(15);

/// An hour of samples, with both ends.
pub const SAMPLES_MAX: usize = 241;

/// The bridge's counts since its start. Every number only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallies {
    /// Webhooks that became events.
    pub accepted: u64,
    /// Deliveries that arrived.
    pub delivered: u64,
    /// Attempts that failed: refused, lost, rejected.
    pub troubled: u64,
}

/// The numbers at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The time of the sample.
    pub at: Timestamp,
    /// The counts at that time.
    pub tallies: Tallies,
    /// The number of unsettled deliveries at that time.
    pub under_way: u64,
}

/// The samples of the last hour.
#[derive(Debug, Default)]
pub struct Samples(Mutex<VecDeque<Sample>>);

impl Samples {
    /// Takes a sample in; the oldest makes room.
    pub fn take(&self, sample: Sample) {
        let mut samples = self.lock();
        if samples.len() == SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Sample> {
        self.lock().iter().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Sample>> {
        // A sample is in or out, so a poisoned lock still holds a good ring.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept() {
        let samples = Samples::default();
        for second in 0..1000 {
            let at = Timestamp::from_second(second).unwrap();
            samples.take(Sample { at, tallies: Tallies::default(), under_way: 0 });
        }
        let all = samples.all();
        assert_eq!((all.len(), all[0].at.as_second()), (SAMPLES_MAX, 1000 - SAMPLES_MAX as i64));
    }
}
