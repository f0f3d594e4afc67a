//! The numbers and times in the headers of an answer, in the spellings that vendors share. Never bounds a foreign number:
//! the rule that uses it does ([`crate::domain::budget`]). The names of one vendor's limits stand in its own folder.

use std::time::Duration;

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};

use crate::domain::budget::{HOLD_MAX, HOLD_MIN};

/// The delay that the vendor asks for, from 1 s to 1 h: `Retry-After` (seconds or a date), or else its reset time where
/// the calls are spent.
pub(crate) fn hint(headers: &HeaderMap, is_spent: bool, now: Timestamp) -> Option<Duration> {
    let reset = || {
        let seconds = number(headers, &["ratelimit-reset", "rate-limit-reset"]);
        seconds.map(|seconds| seconds_after(now, seconds)).or_else(|| reset_time(headers))
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

/// A reset as a time in seconds.
pub(crate) fn reset_time(headers: &HeaderMap) -> Option<Timestamp> {
    let seconds = number(headers, &["x-ratelimit-reset"])?;
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

/// The first of these headers that holds a whole number.
pub(crate) fn number(headers: &HeaderMap, names: &[&str]) -> Option<u64> {
    names.iter().find_map(|name| headers.get(*name)?.to_str().ok()?.trim().parse().ok())
}

/// So many seconds from now.
pub(crate) fn seconds_after(now: Timestamp, seconds: u64) -> Timestamp {
    now.saturating_add(Duration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_592_424_240).unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn nonsense_is_not_understood_and_does_no_harm() {
        for value in ["", "-1", "abc", "1e9", "99999999999999999999999", "18446744073709551615", "é"] {
            for name in ["ratelimit-reset", "x-ratelimit-reset", "retry-after"] {
                let mut pairs = HeaderMap::new();
                pairs.insert(name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
                let wait = hint(&pairs, true, now());
                assert!(wait.is_none_or(|wait| wait >= HOLD_MIN && wait <= HOLD_MAX), "{name}: {value}: {wait:?}");
            }
        }
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
