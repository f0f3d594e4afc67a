//! The only reader of the wall clock and of randomness: the system's, or in tests one that is set by hand or that goes
//! with the runtime's own time.
//!
//! Everything that decides takes the time as an argument; only thin shells hold a [`Clock`]. What merely measures how
//! long something takes uses the monotonic clock where it is.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

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
    Runtime { started: tokio::time::Instant, at_start: Mutex<Timestamp>, rng: Mutex<Box<StdRng>> },
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

    /// A clock that shows `now` and goes on with the time of the tokio runtime, also where that is paused and jumps from
    /// one timer to the next: then every wait and every time-out lies on one virtual time. Its lots follow from `seed`.
    #[must_use]
    pub fn of_runtime(now: Timestamp, seed: u64) -> Self {
        Self(Arc::new(Source::Runtime {
            started: tokio::time::Instant::now(),
            at_start: Mutex::new(now),
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
            Source::Runtime { started, at_start, .. } => later(*lock(at_start), started.elapsed()),
        }
    }

    /// A number from 0 up to, but not including, 1.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    pub fn draw(&self) -> f64 {
        match &*self.0 {
            Source::System => rand::random(),
            Source::Manual { rng, .. } | Source::Runtime { rng, .. } => lock(rng).random(),
        }
    }

    /// 32 random bits.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    pub fn draw_u32(&self) -> u32 {
        match &*self.0 {
            Source::System => rand::random(),
            Source::Manual { rng, .. } | Source::Runtime { rng, .. } => lock(rng).random(),
        }
    }

    /// Waits until the time has come. May be a little late, never early.
    pub async fn sleep_until(&self, at: Timestamp) {
        match &*self.0 {
            Source::System | Source::Runtime { .. } => loop {
                let Ok(wait) = Duration::try_from(at.duration_since(self.now())) else { return };
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

    /// Waits this long, whatever the clock is set to meanwhile.
    pub async fn sleep(&self, by: Duration) {
        match &*self.0 {
            Source::System | Source::Runtime { .. } => tokio::time::sleep(by).await,
            Source::Manual { .. } => self.sleep_until(later(self.now(), by)).await,
        }
    }

    /// Moves a manual clock on and wakes who waits for it. One that goes with the runtime jumps, as a machine's clock
    /// does that is set: whoever sleeps finds out when he wakes. The system's clock is left alone.
    pub fn advance(&self, by: SignedDuration) {
        let moved = |from: Timestamp| from.saturating_add(by).unwrap_or(Timestamp::MAX);
        match &*self.0 {
            Source::System => {}
            Source::Manual { now, .. } => now.send_modify(|now| *now = moved(*now)),
            Source::Runtime { at_start, .. } => {
                let mut at_start = lock(at_start);
                *at_start = moved(*at_start);
            }
        }
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

/// A poisoned lock here holds a number that is still a number.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clock_of_the_runtime_goes_with_it_and_wakes_on_time() {
        let start: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let clock = Clock::of_runtime(start, 7);
        assert_eq!(clock.now(), start);
        clock.sleep_until(start + SignedDuration::from_hours(8)).await;
        assert_eq!(clock.now(), start + SignedDuration::from_hours(8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_of_the_runtime_that_is_set_wakes_nobody_early() {
        let start: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let clock = Clock::of_runtime(start, 7);
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(start + SignedDuration::from_mins(10)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(SignedDuration::from_mins(-5));
        waiting.await.unwrap();
        assert_eq!(clock.now(), start + SignedDuration::from_mins(10));
    }
}
