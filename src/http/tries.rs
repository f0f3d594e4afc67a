//! The limits on wrong tokens, at the console's sign-in and the API together: of one address, and of all.
//!
//! Each address has a count of its own, so that a broken script affects only itself. Never reads the clock, and never
//! turns a right token away: callers ask about wrong ones only.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::connections::Source;

/// The number of wrong tokens of one address in [`PERIOD`] that are answered and logged one by one. A person mistypes
/// twice.
const OF_ONE_MAX: usize = 10;

/// The same number for all addresses together, so that many addresses cannot fill the log.
const OF_ALL_MAX: usize = 100;

/// See [`OF_ONE_MAX`].
const PERIOD: SignedDuration = SignedDuration::from_secs(60);

/// Too many wrong tokens came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany {
    /// The seconds until a wrong token is answered like a first one.
    pub(super) wait_seconds: u64,
    /// Whether it is the first above the limit. Only that one is logged.
    pub(super) is_news: bool,
}

/// The wrong tokens of the last [`PERIOD`].
#[derive(Default)]
pub(super) struct Tries(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    all: Few,
    /// `None` is a caller without a connection.
    of: BTreeMap<Option<Source>, Few>,
}

/// Wrong tokens, oldest first.
#[derive(Default)]
struct Few {
    at: VecDeque<Timestamp>,
    /// Whether a [`TooMany`] was returned since the last wrong token below the limit.
    told: bool,
}

impl Few {
    /// Drops times more than [`PERIOD`] away, also future ones: a clock that was set back would keep those for ever.
    fn forget_old(&mut self, now: Timestamp) {
        self.at.retain(|at| now.duration_since(*at).abs() < PERIOD);
    }

    fn too_many(&mut self, max: usize, now: Timestamp) -> Option<TooMany> {
        let oldest = self.at.front().filter(|_| self.at.len() >= max)?;
        let wait = oldest.checked_add(PERIOD).unwrap_or(now).duration_since(now);
        let is_news = !std::mem::replace(&mut self.told, true);
        Some(TooMany { wait_seconds: wait.as_secs().max(0).unsigned_abs() + 1, is_news })
    }

    fn add(&mut self, now: Timestamp) {
        self.at.push_back(now);
        self.told = false;
    }
}

impl Tries {
    /// Counts a wrong token from this address. `Err` where too many came before it.
    pub(super) fn wrong_token(&self, from: Option<Source>, now: Timestamp) -> Result<(), TooMany> {
        // Each statement leaves the lists consistent, so a poisoned lock still holds good ones.
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { all, of } = &mut *inner;
        all.forget_old(now);
        of.values_mut().for_each(|few| few.forget_old(now));
        // Empty lists are dropped, so that there are never more addresses than wrong tokens.
        of.retain(|_, few| !few.at.is_empty());
        let of_one = of.get_mut(&from).and_then(|few| few.too_many(OF_ONE_MAX, now));
        if let Some(too_many) = of_one.or_else(|| all.too_many(OF_ALL_MAX, now)) {
            return Err(too_many);
        }
        of.entry(from).or_default().add(now);
        all.add(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(10_000 + second).unwrap()
    }

    fn from(address: &str) -> Option<Source> {
        Some(Source::of_all(address.parse().unwrap()))
    }

    #[test]
    fn ten_wrong_tokens_a_minute_are_answered_one_by_one() {
        let (tries, here) = (Tries::default(), from("192.0.2.1"));
        for _ in 0..OF_ONE_MAX {
            assert_eq!(tries.wrong_token(here, at(0)), Ok(()));
        }
        assert_eq!(tries.wrong_token(here, at(0)), Err(TooMany { wait_seconds: 61, is_news: true }));
        assert_eq!(tries.wrong_token(here, at(0)), Err(TooMany { wait_seconds: 61, is_news: false }));
        assert_eq!(tries.wrong_token(here, at(60)), Ok(()));
        for _ in 1..OF_ONE_MAX {
            assert_eq!(tries.wrong_token(here, at(60)), Ok(()));
        }
        assert_eq!(tries.wrong_token(here, at(60)).map_err(|too_many| too_many.is_news), Err(true), "again");
        assert_eq!(tries.wrong_token(here, at(-500)), Ok(()), "the clock was set back");
    }

    #[test]
    fn one_address_answers_for_itself() {
        let tries = Tries::default();
        for _ in 0..=OF_ONE_MAX {
            tries.wrong_token(from("192.0.2.1"), at(0)).ok();
        }
        for (address, is_locked) in
            [("192.0.2.1", true), ("::ffff:192.0.2.1", true), ("192.0.2.2", false), ("2001:db8::1", false)]
        {
            assert_eq!(tries.wrong_token(from(address), at(0)).is_err(), is_locked, "{address}");
        }
        for _ in 1..OF_ONE_MAX {
            assert_eq!(tries.wrong_token(from("2001:db8::2"), at(0)), Ok(()));
        }
        assert!(tries.wrong_token(from("2001:db8::3"), at(0)).is_err(), "one network of 64 bits is one subscriber");
    }

    #[test]
    fn a_crowd_of_addresses_is_bounded_in_answers_and_in_memory() {
        let tries = Tries::default();
        for number in 0..OF_ALL_MAX {
            assert_eq!(tries.wrong_token(from(&format!("10.0.{}.{}", number / 200, number % 200)), at(0)), Ok(()));
        }
        for number in 0..3 {
            let found = tries.wrong_token(from(&format!("10.9.0.{number}")), at(1));
            assert_eq!(found, Err(TooMany { wait_seconds: 60, is_news: number == 0 }), "{number}");
        }
        assert!(tries.0.lock().unwrap().of.len() <= OF_ALL_MAX);
        assert_eq!(tries.wrong_token(from("10.9.0.9"), at(60)), Ok(()));
        assert_eq!(tries.0.lock().unwrap().of.len(), 1, "old ones are forgotten");
    }
}
