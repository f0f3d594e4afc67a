//! The only reader of the clocks and of randomness: the system's, or in tests a clock that is set by hand or that
//! follows the runtime's own time.
//!
//! Code that decides takes the time as an argument; only thin shells hold a [`Clock`]. The wall clock may be set wrong
//! at any moment, so [`timeline`] decides when to believe it. Code that only measures a duration uses the monotonic
//! clock directly. Never keeps the time across a restart.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::sync::watch;

mod timeline;

use timeline::Timeline;
pub use timeline::Trouble;

/// Tells the time and draws random numbers.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Arc<Source>,
    timeline: Mutex<Timeline>,
    /// The number of times that the clock has changed to another time.
    sets: watch::Sender<u32>,
}

#[derive(Debug)]
enum Source {
    System { started: Instant },
    Manual { shown: watch::Sender<Shown>, rng: Mutex<Box<StdRng>> },
    Runtime { started: tokio::time::Instant, wall_at_start: Mutex<Timestamp>, rng: Mutex<Box<StdRng>> },
}

/// The two readings of a clock.
#[derive(Clone, Copy, Debug)]
struct Shown {
    wall: Timestamp,
    /// The time that has passed, which setting the wall clock does not change.
    steady: Duration,
}

/// The time since a fixed moment, by a clock that cannot be set.
#[derive(Clone)]
pub struct Steady(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Steady {
    /// The reading.
    #[must_use]
    pub fn now(&self) -> Duration {
        (self.0)()
    }
}

/// The monotonic clock of this process.
impl Default for Steady {
    fn default() -> Self {
        let started = Instant::now();
        Self(Arc::new(move || started.elapsed()))
    }
}

impl fmt::Debug for Steady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Steady(…)")
    }
}

impl Clock {
    /// The system's clock and randomness.
    #[must_use]
    pub fn system() -> Self {
        Self::of(Source::System { started: Instant::now() })
    }

    /// A clock that stands at `now` until it is [`Clock::advance`]d, and whose random numbers follow from `seed`.
    #[must_use]
    pub fn manual(now: Timestamp, seed: u64) -> Self {
        Self::of(Source::Manual {
            shown: watch::Sender::new(Shown { wall: now, steady: Duration::ZERO }),
            rng: Mutex::new(Box::new(StdRng::seed_from_u64(seed))),
        })
    }

    /// A clock that shows `now` and follows the time of the tokio runtime. A paused runtime jumps from one timer to the
    /// next, so that every wait and every time-out is on one virtual time. Its random numbers follow from `seed`.
    #[must_use]
    pub fn of_runtime(now: Timestamp, seed: u64) -> Self {
        Self::of(Source::Runtime {
            started: tokio::time::Instant::now(),
            wall_at_start: Mutex::new(now),
            rng: Mutex::new(Box::new(StdRng::seed_from_u64(seed))),
        })
    }

    /// The same clock as in another process: with a timeline of its own, which has heard no vendor yet.
    #[must_use]
    pub fn of_another_process(&self) -> Self {
        Self::over(Arc::clone(&self.0.source))
    }

    fn of(source: Source) -> Self {
        Self::over(Arc::new(source))
    }

    fn over(source: Arc<Source>) -> Self {
        let shown = source.shown();
        let timeline = Mutex::new(Timeline::begin(shown.wall, shown.steady));
        Self(Arc::new(Inner { source, timeline, sets: watch::Sender::new(0) }))
    }

    fn shown(&self) -> Shown {
        self.0.source.shown()
    }

    /// Reads the timeline, and signals a change to another time.
    fn with_timeline<T>(&self, look: impl FnOnce(&mut Timeline, Shown) -> T) -> T {
        let mut timeline = lock(&self.0.timeline);
        let seen = look(&mut timeline, self.shown());
        let sets = timeline.sets();
        if *self.0.sets.borrow() != sets {
            self.0.sets.send_replace(sets);
        }
        seen
    }

    /// The time, as far as it can be believed.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.with_timeline(|timeline, shown| timeline.now(shown.wall, shown.steady))
    }

    /// The reading of the machine's clock, right or wrong.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        self.shown().wall
    }

    /// The time since this clock was made, by a clock that cannot be set.
    #[must_use]
    pub fn steady(&self) -> Steady {
        let clock = self.clone();
        Steady(Arc::new(move || clock.shown().steady))
    }

    /// The number of changes to another time since this clock was made. The receiver wakes at each change.
    #[must_use]
    pub fn sets(&self) -> watch::Receiver<u32> {
        self.0.sets.subscribe()
    }

    /// The age of a date, as far as this process or Zendesk's time confirms it. Never negative.
    #[must_use]
    pub fn age(&self, at: Timestamp) -> Duration {
        self.with_timeline(|timeline, shown| {
            timeline.now(shown.wall, shown.steady);
            timeline.age(at, shown.steady)
        })
    }

    /// Takes in the `Date` of an answer that Zendesk has just given.
    pub fn heard(&self, answered_at: Timestamp) {
        self.with_timeline(|timeline, shown| timeline.heard(answered_at, shown.wall, shown.steady));
    }

    /// Follows the machine's clock from now on, because unforgeable evidence, such as a fresh signature, agrees with it
    /// and not with the time so far.
    pub fn adopt_wall(&self) {
        self.with_timeline(|timeline, shown| timeline.adopt_wall(shown.wall, shown.steady));
    }

    /// Whether the time is confirmed, so that old records may be dropped for ever.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        self.with_timeline(|timeline, shown| {
            timeline.now(shown.wall, shown.steady);
            timeline.is_sure(shown.steady)
        })
    }

    /// The trouble with the machine's clock, if there is one.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.with_timeline(|timeline, shown| {
            timeline.now(shown.wall, shown.steady);
            timeline.trouble()
        })
    }

    /// Zendesk's time, where it is known to differ from the bridge's; else the bridge's.
    #[must_use]
    pub fn vendors_now(&self) -> Timestamp {
        self.with_timeline(|timeline, shown| {
            let now = timeline.now(shown.wall, shown.steady);
            timeline.vendors_time(shown.steady).unwrap_or(now)
        })
    }

    /// A number from 0 up to, but not including, 1.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    pub fn draw(&self) -> f64 {
        match &*self.0.source {
            Source::System { .. } => rand::random(),
            Source::Manual { rng, .. } | Source::Runtime { rng, .. } => lock(rng).random(),
        }
    }

    /// 32 random bits.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    pub fn draw_u32(&self) -> u32 {
        match &*self.0.source {
            Source::System { .. } => rand::random(),
            Source::Manual { rng, .. } | Source::Runtime { rng, .. } => lock(rng).random(),
        }
    }

    /// A secret of 256 random bits, in hexadecimal.
    #[must_use]
    pub fn draw_secret(&self) -> String {
        (0..8).map(|_| format!("{:08x}", self.draw_u32())).collect()
    }

    /// Waits for the present distance to `at`. A clock that is set meanwhile does not change the wait, so the caller
    /// checks the time afterwards.
    pub async fn sleep_until(&self, at: Timestamp) {
        let Ok(wait) = Duration::try_from(at.duration_since(self.now())) else { return };
        self.sleep(wait).await;
    }

    /// Waits this long, also if the clock is set meanwhile.
    pub async fn sleep(&self, by: Duration) {
        match &*self.0.source {
            Source::System { .. } | Source::Runtime { .. } => tokio::time::sleep(by).await,
            Source::Manual { shown, .. } => {
                let then = self.shown().steady.saturating_add(by);
                // The sender lives as long as this clock, so the wait ends only when the time has passed.
                shown.subscribe().wait_for(|shown| shown.steady >= then).await.ok();
            }
        }
    }

    /// Lets time pass on a manual clock, and wakes the waits that it ends. Other clocks go by themselves.
    pub fn advance(&self, by: SignedDuration) {
        if let Source::Manual { shown, .. } = &*self.0.source {
            let passed = Duration::try_from(by).unwrap_or_default();
            shown.send_modify(|shown| {
                shown.wall = moved(shown.wall, by);
                shown.steady = shown.steady.saturating_add(passed);
            });
        }
    }

    /// Sets a test's clock, as an operator or NTP sets a machine's: no time passes.
    pub fn set(&self, by: SignedDuration) {
        match &*self.0.source {
            Source::System { .. } => {}
            Source::Manual { shown, .. } => shown.send_modify(|shown| shown.wall = moved(shown.wall, by)),
            Source::Runtime { wall_at_start, .. } => {
                let mut wall = lock(wall_at_start);
                *wall = moved(*wall, by);
            }
        }
    }
}

impl Source {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    fn shown(&self) -> Shown {
        match self {
            Self::System { started } => Shown { wall: Timestamp::now(), steady: started.elapsed() },
            Self::Manual { shown, .. } => *shown.borrow(),
            Self::Runtime { started, wall_at_start, .. } => {
                let steady = started.elapsed();
                let signed = SignedDuration::try_from(steady).unwrap_or(SignedDuration::MAX);
                Shown { wall: moved(*lock(wall_at_start), signed), steady }
            }
        }
    }
}

fn moved(from: Timestamp, by: SignedDuration) -> Timestamp {
    let end = if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX };
    from.checked_add(by).unwrap_or(end)
}

/// A poisoned lock here still holds a usable value.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_secret_is_256_bits_of_its_own() {
        let (one, other) = (Clock::system().draw_secret(), Clock::system().draw_secret());
        assert_eq!((one.len(), other.len()), (64, 64));
        assert!(one.bytes().all(|b| b.is_ascii_hexdigit()) && one != other, "{one} {other}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_of_the_runtime_goes_with_it_and_wakes_on_time() {
        let start: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let clock = Clock::of_runtime(start, 7);
        assert_eq!(clock.now(), start);
        clock.sleep_until(start + SignedDuration::from_hours(8)).await;
        assert_eq!(clock.now(), start + SignedDuration::from_hours(8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_changes_no_wait_and_no_time() {
        let start: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for by in [SignedDuration::from_mins(-5), SignedDuration::from_hours(24 * 400)] {
            let clock = Clock::of_runtime(start, 7);
            let waiting = tokio::spawn({
                let clock = clock.clone();
                async move { clock.sleep_until(start + SignedDuration::from_mins(9)).await }
            });
            tokio::task::yield_now().await;
            clock.set(by);
            waiting.await.unwrap();
            assert_eq!(clock.now(), start + SignedDuration::from_mins(9));
            assert_eq!(clock.trouble(), Some(Trouble::Set(by)));
        }
    }

    #[tokio::test]
    async fn time_passes_on_a_manual_clock_by_hand() {
        let start: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let clock = Clock::manual(start, 7);
        let sleeping = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(60)).await }
        });
        tokio::task::yield_now().await;
        clock.set(SignedDuration::from_hours(1));
        clock.advance(SignedDuration::from_secs(59));
        tokio::task::yield_now().await;
        assert!(!sleeping.is_finished());
        clock.advance(SignedDuration::from_secs(1));
        sleeping.await.unwrap();
        assert_eq!(
            (clock.now(), clock.steady().now()),
            (start + SignedDuration::from_secs(60), Duration::from_secs(60))
        );
    }
}
