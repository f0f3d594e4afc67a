//! The limits in the headers of an answer. Never bounds a foreign number: the rule that uses it does
//! ([`crate::domain::budget`]).

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use jiff::{SignedDuration, Timestamp};

use crate::domain::budget::{Call, HOLD_MAX, HOLD_MIN, Pool, Told};

/// Zendesk's limits. Zendesk has written its headers in three ways: `x-rate-limit` (with no reset), `rate-limit`
/// (recorded 2023) and `ratelimit-limit` (recorded 2024). `zendesk-rate-limit-…` and `zendesk-ratelimit-…` are limits
/// of one endpoint, in the form `total=20; remaining=19; resets=59`. Resets are seconds from now.
///
/// The general headers count only on calls without a limit of their own, because on others they have been seen to show
/// that one.
pub(crate) fn zendesk(headers: &HeaderMap, call: Call, now: Timestamp) -> Vec<Told> {
    let mut told = Vec::new();
    let limit = number(headers, &["ratelimit-limit", "rate-limit", "x-rate-limit"]);
    let remaining = number(headers, &["ratelimit-remaining", "rate-limit-remaining", "x-rate-limit-remaining"]);
    let is_general = matches!(
        call,
        Call::ZendeskRead | Call::ZendeskCreateTicket | Call::ZendeskUpdateTicket(_) | Call::ZendeskNote(_)
    );
    if is_general && (limit.is_some() || remaining.is_some()) {
        let resets = number(headers, &["ratelimit-reset", "rate-limit-reset"]);
        let resets_at = resets.map(|seconds| seconds_after(now, seconds));
        told.push(Told { pool: Pool::ZendeskAccount, limit, remaining, resets_at });
    }
    for (name, value) in headers {
        let Some(pool) = zendesk_endpoint(name) else { continue };
        let Ok(value) = value.to_str() else { continue };
        let part = |wanted: &str| {
            let mut parts = value.split(';').filter_map(|part| part.split_once('='));
            parts.find(|(key, _)| key.trim() == wanted).and_then(|(_, value)| value.trim().parse().ok())
        };
        let resets_at = part("resets").map(|seconds| seconds_after(now, seconds));
        told.push(Told { pool, limit: part("total"), remaining: part("remaining"), resets_at });
    }
    told
}

/// Braze's limits. `X-RateLimit-*` concern the endpoint that answered, the reset is a UTC time in seconds, and all
/// three may be empty.
pub(crate) fn braze(headers: &HeaderMap, call: Call) -> Vec<Told> {
    let pool = match call {
        Call::BrazeSend => Pool::BrazeSends,
        Call::BrazeExport => Pool::BrazeExports,
        // Several endpoints with limits of their own share this pool, so the numbers of one do not count for it.
        Call::BrazeRead
        | Call::ZendeskRead
        | Call::ZendeskSearch
        | Call::ZendeskSearchUsers
        | Call::ZendeskListTickets
        | Call::ZendeskCreateTicket
        | Call::ZendeskUpdateTicket(_)
        | Call::ZendeskNote(_)
        | Call::ZendeskSaveUser(_) => return Vec::new(),
    };
    let limit = number(headers, &["x-ratelimit-limit"]);
    let remaining = number(headers, &["x-ratelimit-remaining"]);
    if limit.is_none() && remaining.is_none() {
        return Vec::new();
    }
    vec![Told { pool, limit, remaining, resets_at: braze_reset(headers) }]
}

/// The delay that the vendor asks for, from 1 s to 1 h: `Retry-After` (seconds or a date), or else its reset time where
/// the calls are spent.
pub(crate) fn hint(headers: &HeaderMap, is_spent: bool, now: Timestamp) -> Option<Duration> {
    let reset = || {
        let seconds = number(headers, &["ratelimit-reset", "rate-limit-reset"]);
        seconds.map(|seconds| seconds_after(now, seconds)).or_else(|| braze_reset(headers))
    };
    let until = retry_after(headers, now).or_else(|| is_spent.then(reset).flatten())?;
    let wait = until.duration_since(now).max(SignedDuration::ZERO).unsigned_abs();
    Some(wait.clamp(HOLD_MIN, HOLD_MAX))
}

fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    if let Some(seconds) = number(headers, &["retry-after"]) {
        return Some(seconds_after(now, seconds));
    }
    http_date(headers, "retry-after")
}

/// When the vendor answered, by its own clock.
pub(crate) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers, "date")
}

/// A date in any of the three forms that a recipient must accept (RFC 9110, 5.6.7). A wrong name of the weekday is
/// ignored, because the rest gives the date.
fn http_date(headers: &HeaderMap, name: &str) -> Option<Timestamp> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    let by = |form: &str, text: &str| {
        let civil = jiff::fmt::strtime::parse(form, text).and_then(|broken_down| broken_down.to_datetime()).ok()?;
        civil.in_tz("UTC").ok().map(|zoned| zoned.timestamp())
    };
    match text.split_once(", ") {
        Some((_weekday, rest)) => {
            let now_usual = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(rest).ok();
            now_usual.or_else(|| by("%d-%b-%y %H:%M:%S GMT", rest))
        }
        None => by("%b %e %H:%M:%S %Y", text.split_once(' ')?.1),
    }
}

fn braze_reset(headers: &HeaderMap) -> Option<Timestamp> {
    let seconds = number(headers, &["x-ratelimit-reset"])?;
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

fn zendesk_endpoint(name: &HeaderName) -> Option<Pool> {
    let name = name.as_str();
    let rest = name.strip_prefix("zendesk-ratelimit-").or_else(|| name.strip_prefix("zendesk-rate-limit-"))?;
    match rest {
        "tickets-update" => Some(Pool::ZendeskUpdates),
        "ticket-request-create-by-user-and-ip" => Some(Pool::ZendeskCreates),
        _ => None,
    }
}

/// The first of these headers that holds a whole number.
fn number(headers: &HeaderMap, names: &[&str]) -> Option<u64> {
    names.iter().find_map(|name| headers.get(*name)?.to_str().ok()?.trim().parse().ok())
}

fn seconds_after(now: Timestamp, seconds: u64) -> Timestamp {
    now.saturating_add(Duration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::TicketId;

    type Pairs<'a> = &'a [(&'static str, &'a str)];

    const UPDATE: Call = Call::ZendeskUpdateTicket(TicketId(1));

    fn now() -> Timestamp {
        Timestamp::from_second(1_592_424_240).unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn told(pool: Pool, limit: u64, remaining: u64, seconds: Option<i64>) -> Told {
        let resets_at = seconds.map(|seconds| now() + SignedDuration::from_secs(seconds));
        Told { pool, limit: Some(limit), remaining: Some(remaining), resets_at }
    }

    #[test]
    fn zendesk_is_understood_in_all_its_spellings() {
        let account = |seconds| told(Pool::ZendeskAccount, 700, 699, seconds);
        let cases: [(Pairs, Vec<Told>); 5] = [
            (&[("x-rate-limit", "700"), ("x-rate-limit-remaining", "699")], vec![account(None)]),
            (
                &[("rate-limit", "700"), ("rate-limit-remaining", "699"), ("rate-limit-reset", "48")],
                vec![account(Some(48))],
            ),
            (
                &[("ratelimit-limit", "700"), ("ratelimit-remaining", "699"), ("ratelimit-reset", "48")],
                vec![account(Some(48))],
            ),
            (
                &[("zendesk-rate-limit-tickets-update", "total=20; remaining=19; resets=59")],
                vec![told(Pool::ZendeskUpdates, 20, 19, Some(59))],
            ),
            (
                &[("zendesk-ratelimit-ticket-request-create-by-user-and-ip", "total=300; remaining=299; resets=50")],
                vec![told(Pool::ZendeskCreates, 300, 299, Some(50))],
            ),
        ];
        for (pairs, expected) in cases {
            assert_eq!(zendesk(&headers(pairs), UPDATE, now()), expected, "{pairs:?}");
        }
    }

    #[test]
    fn the_account_is_not_learned_from_calls_with_a_limit_of_their_own() {
        let pairs = headers(&[("ratelimit-limit", "100"), ("ratelimit-remaining", "3")]);
        for call in [Call::ZendeskListTickets, Call::ZendeskSearch] {
            assert_eq!(zendesk(&pairs, call, now()), []);
        }
    }

    #[test]
    fn braze_resets_at_a_time_and_may_say_nothing() {
        let said =
            [("x-ratelimit-limit", "250000"), ("x-ratelimit-remaining", "249999"), ("x-ratelimit-reset", "1592427600")];
        let expected = told(Pool::BrazeSends, 250_000, 249_999, Some(3360));
        assert_eq!(braze(&headers(&said), Call::BrazeSend), [expected]);
        let nothing = [("x-ratelimit-limit", ""), ("x-ratelimit-remaining", ""), ("x-ratelimit-reset", "")];
        assert_eq!(braze(&headers(&nothing), Call::BrazeSend), []);
    }

    #[test]
    fn nonsense_is_not_understood_and_hurts_nobody() {
        let values = ["", "-1", "abc", "1e9", "99999999999999999999999", "18446744073709551615", "é"];
        for value in values {
            for name in [
                "ratelimit-limit",
                "ratelimit-remaining",
                "ratelimit-reset",
                "x-ratelimit-remaining",
                "x-ratelimit-reset",
                "retry-after",
                "zendesk-ratelimit-tickets-update",
            ] {
                let pairs: HeaderMap =
                    [(HeaderName::from_static(name), http::HeaderValue::from_bytes(value.as_bytes()).unwrap())]
                        .into_iter()
                        .collect();
                let mut budgets = crate::domain::budget::Budgets::new();
                for told in zendesk(&pairs, UPDATE, now()).iter().chain(&braze(&pairs, Call::BrazeSend)) {
                    budgets.learn(told, now());
                }
                let wait = hint(&pairs, true, now());
                assert!(wait.is_none_or(|wait| wait >= HOLD_MIN && wait <= HOLD_MAX), "{name}: {value}: {wait:?}");
            }
        }
        let broken = headers(&[("zendesk-ratelimit-tickets-update", "remaining; =; total=; resets=x;;")]);
        let nothing = Told { pool: Pool::ZendeskUpdates, limit: None, remaining: None, resets_at: None };
        assert_eq!(zendesk(&broken, UPDATE, now()), [nothing]);
    }

    #[test]
    fn a_hint_is_seconds_or_a_date_or_the_reset_and_stays_in_bounds() {
        let cases: [(&'static str, &str, bool, Option<u64>); 16] = [
            ("retry-after", "38", false, Some(38)),
            ("retry-after", "0", false, Some(1)),
            ("retry-after", "86400", false, Some(3600)),
            ("retry-after", "Wed, 17 Jun 2020 20:05:00 GMT", false, Some(60)),
            ("retry-after", "Wed, 17 Jun 2015 20:05:00 GMT", false, Some(1)),
            ("retry-after", "Wednesday, 17-Jun-20 20:05:00 GMT", false, Some(60)),
            ("retry-after", "Wed Jun 17 20:05:00 2020", false, Some(60)),
            ("retry-after", "Mon, 17 Jun 2020 20:05:00 GMT", false, Some(60)),
            ("retry-after", "Wed, 17 Jun 2020 20:05:00 +0000", false, Some(60)),
            ("retry-after", "Monday, 17-Jun-20 20:05:00 GMT", false, Some(60)),
            ("retry-after", "Sat Jun  6 20:05:00 2020", false, Some(1)),
            ("retry-after", "soon", false, None),
            ("ratelimit-reset", "17", true, Some(17)),
            ("ratelimit-reset", "17", false, None),
            ("x-ratelimit-reset", "1592424300", true, Some(60)),
            ("x-ratelimit-reset", "", true, None),
        ];
        for (name, value, is_spent, seconds) in cases {
            let wait = hint(&headers(&[(name, value)]), is_spent, now());
            assert_eq!(wait, seconds.map(Duration::from_secs), "{name}: {value}");
        }
    }
}
