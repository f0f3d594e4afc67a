//! The times at which a silent vendor is asked again. Pure.
//!
//! After several calls in a row without a connection or an answer, the vendor is asked by one small call at a time, at
//! growing intervals, and gets no other call. The waiting deliveries count no attempt and cost no write. A single
//! ticket or campaign that hangs does not open the breaker, because the small call is answered.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The number of calls in a row without an answer that makes the bridge ask.
const UNANSWERED_MAX: u32 = 5;

/// The first interval between two questions.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// The longest interval: how late the bridge may notice that a vendor is back.
const INTERVAL_MAX: Duration = Duration::from_secs(30);

/// The lanes that are served at once in the first second after a vendor is back; each later second doubles them.
const PLACES_FIRST: usize = 16;

/// The state of one vendor: whether it answers, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Calls without an answer since the last answered one.
    unanswered: u32,
    open: Option<Open>,
    /// When the vendor came back after a time without answers.
    back_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Open {
    ask_at: Timestamp,
    /// The interval after the last question; none before the first has failed.
    interval: Option<Duration>,
}

impl Breaker {
    /// A call found no connection, or its answer did not come.
    pub fn unanswered(&mut self, now: Timestamp) {
        self.unanswered = self.unanswered.saturating_add(1);
        if self.open.is_none() && self.unanswered >= UNANSWERED_MAX {
            self.open = Some(Open { ask_at: now, interval: None });
        }
    }

    /// A call was answered, by any status.
    pub fn answered(&mut self, now: Timestamp) {
        self.unanswered = 0;
        if self.open.take().is_some_and(|open| open.interval.is_some()) {
            self.back_at = Some(now);
        }
    }

    /// The small call was not answered either. Tells whether that is news.
    pub fn still_unanswered(&mut self, now: Timestamp) -> bool {
        let Some(open) = &mut self.open else { return false };
        let is_news = open.interval.is_none();
        let interval = open.interval.map_or(INTERVAL_MIN, |interval| interval.saturating_mul(2)).min(INTERVAL_MAX);
        *open = Open { ask_at: now.saturating_add(interval).unwrap_or(Timestamp::MAX), interval: Some(interval) };
        is_news
    }

    /// When to ask whether the vendor answers again; `None` while it is not in doubt. A time further ahead than the
    /// longest interval comes from a clock that has been set back since, and means at once.
    #[must_use]
    pub fn ask_at(&self, now: Timestamp) -> Option<Timestamp> {
        let latest = now.saturating_add(INTERVAL_MAX).unwrap_or(Timestamp::MAX);
        self.open.as_ref().map(|open| if open.ask_at > latest { now } else { open.ask_at })
    }

    /// Whether the vendor is known not to answer.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.interval.is_some())
    }

    /// How many lanes may be served at once, at most so many: few at first when the vendor has just come back.
    #[must_use]
    pub fn places(&self, most: usize, now: Timestamp) -> usize {
        let Some(back_at) = self.back_at else { return most };
        let since = now.duration_since(back_at).max(SignedDuration::ZERO).as_secs();
        let doublings = u32::try_from(since).unwrap_or(u32::MAX).min(usize::BITS / 2);
        PLACES_FIRST.saturating_mul(1 << doublings).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn silent(now: i64) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..UNANSWERED_MAX {
            assert_eq!(breaker.ask_at(at(now)), None);
            breaker.unanswered(at(now));
        }
        breaker
    }

    #[test]
    fn calls_in_a_row_without_an_answer_are_worth_a_question_and_that_decides() {
        let mut breaker = silent(0);
        assert_eq!((breaker.ask_at(at(0)), breaker.is_open()), (Some(at(0)), false));
        breaker.answered(at(0));
        assert_eq!((breaker.ask_at(at(0)), breaker.is_open()), (None, false));
        assert_eq!(breaker.places(1024, at(0)), 1024, "it was never away");
        for _ in 0..99 {
            breaker.unanswered(at(0));
            breaker.answered(at(0));
        }
        assert_eq!(breaker.ask_at(at(0)), None, "one that hangs among others says nothing");
    }

    #[test]
    fn it_is_asked_at_growing_intervals_until_it_answers() {
        let mut breaker = silent(0);
        let (mut now, mut waits, mut news) = (0, Vec::new(), 0);
        for _ in 0..8 {
            news += i32::from(breaker.still_unanswered(at(now)));
            assert!(breaker.is_open());
            let ask_at = breaker.ask_at(at(now)).unwrap();
            waits.push(ask_at.duration_since(at(now)).as_secs());
            now = ask_at.as_second() - 1_700_000_000;
        }
        assert_eq!((waits, news), (vec![1, 2, 4, 8, 16, 30, 30, 30], 1));
        breaker.answered(at(now));
        assert!(!breaker.is_open());
    }

    #[test]
    fn a_vendor_that_is_back_is_not_stormed() {
        let mut breaker = silent(0);
        breaker.still_unanswered(at(0));
        breaker.answered(at(10));
        let places: Vec<usize> = [9, 10, 11, 12, 15, 16, 17].map(|now| breaker.places(1024, at(now))).to_vec();
        assert_eq!(places, [16, 16, 32, 64, 512, 1024, 1024]);
        assert_eq!(breaker.places(1024, at(1_000_000)), 1024);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_put_the_question_off() {
        let mut breaker = silent(86_400);
        breaker.still_unanswered(at(86_400));
        for now in [0, 40, 80_000] {
            assert_eq!(breaker.ask_at(at(now)), Some(at(now)), "{now}");
        }
        assert_eq!(breaker.ask_at(at(86_399)), Some(at(86_401)), "set back by no more than an interval");
    }
}
