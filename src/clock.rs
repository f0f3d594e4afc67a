//! The only reader of the wall clock and of randomness: the system's, or a hand-set one in tests.
//!
//! Everything that decides takes the time as an argument; only thin shells hold a [`Clock`]. What merely measures how
//! long something takes uses the monotonic clock where it is.

use std::sync::Arc;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::sync::watch;

/// Tells the time and draws lots.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    System,
    Manual { now: watch::Sender<Timestamp>, rng: Mutex<Box<StdRng>> },
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
        Self(Arc::new(Source::Manual {
            now: watch::Sender::new(now),
            rng: Mutex::new(Box::new(StdRng::seed_from_u64(seed))),
        }))
    }

    /// The time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    pub fn now(&self) -> Timestamp {
        match &*self.0 {
            Source::System => Timestamp::now(),
            Source::Manual { now, .. } => *now.borrow(),
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

    /// Waits until the time has come. May be a little late, never early.
    pub async fn sleep_until(&self, at: Timestamp) {
        match &*self.0 {
            Source::System => loop {
                let Ok(wait) = std::time::Duration::try_from(at.duration_since(self.now())) else { return };
                if wait.is_zero() {
                    return;
                }
                tokio::time::sleep(wait).await;
            },
            Source::Manual { now, .. } => {
                // The sender lives as long as this clock, so the wait ends only when the time has come.
                now.subscribe().wait_for(|now| *now >= at).await.ok();
            }
        }
    }

    /// Moves a manual clock on and wakes who waits for it; the system's clock is left alone.
    pub fn advance(&self, by: SignedDuration) {
        if let Source::Manual { now, .. } = &*self.0 {
            now.send_modify(|now| *now = now.saturating_add(by).unwrap_or(Timestamp::MAX));
        }
    }
}

/// A poisoned lock here holds a number that is still a number.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
