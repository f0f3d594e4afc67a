//! Bird's limits: the pools, the calls that draw on them, and the headers that tell of them. Never counts a call:
//! [`crate::domain::budget`] does.
//!
//! Bird publishes no figures. The pools begin with more than a bridge needs, so that the bridge holds nothing back before an
//! answer tells better or refuses.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;

use crate::domain::budget::{Call, CallKind, Draw, Limits, Pool, Told};
use crate::domain::lanes::Need;
use crate::vendors::http::headers::{number, seconds_after};

const MINUTE: Duration = Duration::from_secs(60);

static SENDS: Pool = Pool::new("texts", 30_000, MINUTE);

static READS: Pool = Pool::new("reads", 3_000, MINUTE);

/// All limits of a workspace.
pub(super) static LIMITS: Limits = Limits { pools: &[&SENDS, &READS], needs };

fn needs(need: Need) -> &'static [Draw] {
    match need {
        Need::Text => const { &[Draw::on(&SENDS)] },
        Need::Nothing | Need::KnownTicket | Need::NewTicket | Need::Note | Need::Comments => &[],
    }
}

/// A message to one customer.
pub(super) const SEND: Call = Call {
    key: None,
    kind: &CallKind { name: "send", draws: &[Draw::on(&SENDS)], refusal_holds: &SENDS, told: Some(&SENDS) },
};

/// A read of messages or suppressions. They may have limits of their own, so the numbers of one do not count for another.
pub(super) const READ: Call =
    Call { key: None, kind: &CallKind { name: "read", draws: &[Draw::on(&READS)], refusal_holds: &READS, told: None } };

/// The limits in the headers of an answer. Only the remaining calls are sure to be told; the reset is in seconds.
pub(super) fn told(headers: &HeaderMap, call: Call, now: Timestamp) -> Vec<Told> {
    let limit = number(headers, &["ratelimit-limit"]);
    let remaining = number(headers, &["ratelimit-remaining"]);
    let resets_at = number(headers, &["ratelimit-reset"]).map(|seconds| seconds_after(now, seconds));
    let pool = call.kind.told.filter(|_| limit.is_some() || remaining.is_some());
    pool.map(|pool| Told { pool, limit, remaining, resets_at }).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use jiff::SignedDuration;

    use super::*;
    use crate::domain::budget::{Budgets, Permit};

    fn now() -> Timestamp {
        Timestamp::from_second(1_796_030_102).unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn the_numbers_of_a_send_count_for_sends_and_those_of_a_read_for_nothing() {
        let all = headers(&[("ratelimit-limit", "100"), ("ratelimit-remaining", "0"), ("ratelimit-reset", "7")]);
        let until = now() + SignedDuration::from_secs(7);
        let expected = Told { pool: &SENDS, limit: Some(100), remaining: Some(0), resets_at: Some(until) };
        assert_eq!(told(&all, SEND, now()), [expected]);
        let alone = Told { pool: &SENDS, limit: None, remaining: Some(3), resets_at: None };
        assert_eq!(told(&headers(&[("ratelimit-remaining", "3")]), SEND, now()), [alone]);
        assert_eq!(told(&headers(&[("ratelimit-reset", "3")]), SEND, now()), []);
        assert_eq!(told(&all, READ, now()), []);
    }

    #[test]
    fn nothing_is_held_back_before_an_answer_tells() {
        let mut budgets = Budgets::new(&LIMITS);
        assert_eq!((0..1_000).filter(|_| budgets.take(SEND, now()) == Permit::Go).count(), 1_000);
    }

    #[test]
    fn spent_sends_hold_texts_until_the_reset_and_no_read() {
        let mut budgets = Budgets::new(&LIMITS);
        let all = headers(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "7")]);
        told(&all, SEND, now()).iter().for_each(|told| budgets.learn(told, now()));
        let mut opens_for = |need| budgets.gates(&[need], 1, now()).open_at();
        assert!(opens_for(Need::Text).is_some() && opens_for(Need::Comments).is_none());
        assert_eq!(budgets.take(READ, now()), Permit::Go);
        assert_eq!(budgets.take(SEND, now() + SignedDuration::from_secs(8)), Permit::Go);
    }
}
