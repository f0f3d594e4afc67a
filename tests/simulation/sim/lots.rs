//! Lots drawn from a seed: everything that chance decides in a simulation.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::Timestamp;
use tandem::clock::Clock;

/// A stream of lots. Cheap to clone; the clones draw from the same stream.
#[derive(Clone, Debug)]
pub(crate) struct Lots(Clock);

impl Lots {
    pub(crate) fn of(seed: u64) -> Self {
        Self(Clock::manual(Timestamp::UNIX_EPOCH, seed))
    }

    /// True so often.
    pub(crate) fn chance(&self, often: f64) -> bool {
        often > 0.0 && self.0.draw() < often
    }

    pub(crate) fn number(&self, range: RangeInclusive<u64>) -> u64 {
        let span = range.end().saturating_sub(*range.start()).saturating_add(1);
        range.start() + u64::from(self.0.draw_u32()) % span.max(1)
    }

    pub(crate) fn millis(&self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.number(range))
    }

    pub(crate) fn seconds(&self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(range))
    }

    /// One of these; there must be one.
    pub(crate) fn pick<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.number(0..=of.len() as u64 - 1)).unwrap()]
    }
}
