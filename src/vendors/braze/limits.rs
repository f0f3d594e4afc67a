//! Braze's limits: the pools, the calls that draw on them, and the headers that tell of them. Never counts a call:
//! [`crate::domain::budget`] does. The numbers are Braze's published ones, and hold until an answer tells better.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;

use crate::domain::budget::{Call, CallKind, Draw, Limits, Pool, Told};
use crate::domain::lanes::Need;
use crate::vendors::http::headers::{number, reset_time};

const HOUR: Duration = Duration::from_secs(3600);

static SENDS: Pool = Pool::new("texts", 250_000, HOUR);

static READS: Pool = Pool::new("other reads", 250_000, HOUR);

/// Older workspaces have ten times as much, which their answers tell.
static EXPORTS: Pool = Pool::new("profile exports", 250, Duration::from_secs(60));

/// All limits of a workspace.
pub(super) static LIMITS: Limits = Limits { pools: &[&SENDS, &READS, &EXPORTS], needs };

fn needs(need: Need) -> &'static [Draw] {
    match need {
        Need::Text => const { &[Draw::on(&SENDS)] },
        Need::Nothing | Need::KnownTicket | Need::NewTicket | Need::Note | Need::Comments => &[],
    }
}

/// A message to one customer: 250,000 an hour.
pub(super) const SEND: Call = Call {
    key: None,
    kind: &CallKind { name: "send", draws: &[Draw::on(&SENDS)], refusal_holds: &SENDS, told: Some(&SENDS) },
};

/// Reading profiles: 250 a minute for most workspaces.
pub(super) const EXPORT: Call = Call {
    key: None,
    kind: &CallKind {
        name: "export of profiles",
        draws: &[Draw::on(&EXPORTS)],
        refusal_holds: &EXPORTS,
        told: Some(&EXPORTS),
    },
};

/// Any other read: 250,000 an hour. Several endpoints with limits of their own share this pool, so the numbers of one do
/// not count for it.
pub(super) const READ: Call =
    Call { key: None, kind: &CallKind { name: "read", draws: &[Draw::on(&READS)], refusal_holds: &READS, told: None } };

/// The limits in the headers of an answer. `X-RateLimit-*` concern the endpoint that answered, the reset is a UTC time in
/// seconds, and all three may be empty.
pub(super) fn told(headers: &HeaderMap, call: Call, _now: Timestamp) -> Vec<Told> {
    let limit = number(headers, &["x-ratelimit-limit"]);
    let remaining = number(headers, &["x-ratelimit-remaining"]);
    let pool = call.kind.told.filter(|_| limit.is_some() || remaining.is_some());
    pool.map(|pool| Told { pool, limit, remaining, resets_at: reset_time(headers) }).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use jiff::SignedDuration;

    use super::*;
    use crate::domain::budget::{Budgets, Permit};

    fn now() -> Timestamp {
        Timestamp::from_second(1_592_424_240).unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn told(pool: &'static Pool, limit: u64, remaining: u64, seconds: Option<i64>) -> Told {
        let resets_at = seconds.map(|seconds| now() + SignedDuration::from_secs(seconds));
        Told { pool, limit: Some(limit), remaining: Some(remaining), resets_at }
    }

    #[test]
    fn each_call_has_its_published_limit() {
        for (call, limit) in [(SEND, 250_000), (EXPORT, 250), (READ, 250_000)] {
            let mut budgets = Budgets::new(&LIMITS);
            let many = (0..300_000).take_while(|_| budgets.take(call, now()) == Permit::Go).count();
            assert_eq!(many, limit, "{call:?}");
        }
    }

    #[test]
    fn braze_resets_at_a_time_and_may_say_nothing() {
        let said =
            [("x-ratelimit-limit", "250000"), ("x-ratelimit-remaining", "249999"), ("x-ratelimit-reset", "1592427600")];
        let expected = told(&SENDS, 250_000, 249_999, Some(3360));
        assert_eq!(super::told(&headers(&said), SEND, now()), [expected]);
        let nothing = [("x-ratelimit-limit", ""), ("x-ratelimit-remaining", ""), ("x-ratelimit-reset", "")];
        assert_eq!(super::told(&headers(&nothing), SEND, now()), []);
    }

    #[test]
    fn the_reads_are_not_learned_from_one_endpoint() {
        assert_eq!(super::told(&headers(&[("x-ratelimit-limit", "50")]), READ, now()), []);
    }

    #[test]
    fn nonsense_is_not_understood_and_does_no_harm() {
        for value in ["", "-1", "abc", "1e9", "99999999999999999999999", "18446744073709551615", "é"] {
            for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
                let mut pairs = HeaderMap::new();
                pairs.insert(name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
                let mut budgets = Budgets::new(&LIMITS);
                for told in super::told(&pairs, SEND, now()) {
                    budgets.learn(&told, now());
                }
                assert_eq!(budgets.take(SEND, now() + SignedDuration::from_hours(1)), Permit::Go, "{name}: {value}");
            }
        }
    }
}
