//! The only reader of the clock and of randomness: the system's, or a hand-set one in tests.
//!
//! Everything that decides takes the time as an argument; only thin shells hold a [`Clock`].

use std::sync::Arc;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Tells the time and draws lots.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    System,
    Manual { now: Mutex<Timestamp>, rng: Mutex<Box<StdRng>> },
}

impl Clock {
    /// The system's clock and randomness.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Source::System))
    }

    /// A clock that stands at `now` until it is [`Clock::advance`]d, and whose lots follow from `seed`.
    #[must_use]
    pub fn manual(now: Timestamp, seed: u64) -> Self {
        Self(Arc::new(Source::Manual { now: Mutex::new(now), rng: Mutex::new(Box::new(StdRng::seed_from_u64(seed))) }))
    }

    /// The time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    pub fn now(&self) -> Timestamp {
        match &*self.0 {
            Source::System => Timestamp::now(),
            Source::Manual { now, .. } => *lock(now),
        }
    }

    /// A number from 0 up to, but not including, 1.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    pub fn draw(&self) -> f64 {
        match &*self.0 {
            Source::System => rand::random(),
            Source::Manual { rng, .. } => lock(rng).random(),
        }
    }

    /// 32 random bits.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    pub fn draw_u32(&self) -> u32 {
        match &*self.0 {
            Source::System => rand::random(),
            Source::Manual { rng, .. } => lock(rng).random(),
        }
    }

    /// Moves a manual clock on; the system's clock is left alone.
    pub fn advance(&self, by: SignedDuration) {
        if let Source::Manual { now, .. } = &*self.0 {
            let mut now = lock(now);
            *now = now.saturating_add(by).unwrap_or(Timestamp::MAX);
        }
    }
}

/// A poisoned lock here holds a number that is still a number.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
