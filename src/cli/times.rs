//! Times in an operator's words: the end of a pause, which lies ahead, and the bounds of a list, which lie behind.
//! Pure.
//!
//! Both accept times as the lists print them. Words without a zone mean the local time of this machine.

use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, Timestamp, ToSpan, Zoned};

use super::table;

/// The forms of a time, beside a length or an age.
const FORMS: &str = "a time such as 2026-11-29T17:30:00Z or, in this machine's time zone, 2026-11-29T17:30, an hour of the day \
                     there such as 17:30, or";

/// The time ahead that the words mean: a time, the next occurrence of an hour of the day, or a length from now.
///
/// # Errors
/// The forms that they may have, or that the time is over.
pub(super) fn ahead(words: &str, now: &Zoned) -> Result<Timestamp, String> {
    let words = words.trim();
    let at = time(words, now).or_else(|| hour(words).and_then(|hour| next(hour, now)));
    let at = at.or_else(|| Some(now.checked_add(length(words)?).ok()?.timestamp()));
    let at = at.ok_or_else(|| format!("must be {FORMS} a length such as 2h or 30m"))?;
    match at > now.timestamp() {
        true => Ok(at),
        false => Err(format!("must lie ahead, and {} is over", table::time(at, now.time_zone()))),
    }
}

/// The time that the words mean where a list begins: a time, the last occurrence of an hour of the day, or an age.
///
/// # Errors
/// The forms that the words may have.
pub(super) fn past(words: &str, now: &Zoned) -> Result<Timestamp, String> {
    let words = words.trim();
    let at = time(words, now).or_else(|| hour(words).and_then(|hour| last(hour, now)));
    let at = at.or_else(|| Some(now.checked_sub(length(words)?.abs()).ok()?.timestamp()));
    at.ok_or_else(|| format!("must be {FORMS} an age such as 90m, 1h or 2d"))
}

/// Whether the words for the bound of a list are an age, and not a time.
pub(super) fn is_age(words: &str) -> bool {
    let words = words.trim();
    hour(words).is_none() && length(words).is_some()
}

/// The time that the words mean where a list ends. An hour of the day is its first occurrence after the beginning of
/// the list, where the list has one.
///
/// # Errors
/// The forms that the words may have.
pub(super) fn end(words: &str, since: Option<Timestamp>, now: &Zoned) -> Result<Timestamp, String> {
    let after = |since: Timestamp| next(hour(words.trim())?, &since.to_zoned(now.time_zone().clone()));
    since.and_then(after).map_or_else(|| past(words, now), Ok)
}

/// A time with its zone, or without one as this machine's local time.
fn time(words: &str, now: &Zoned) -> Option<Timestamp> {
    let civil = || Some(words.parse::<DateTime>().ok()?.to_zoned(now.time_zone().clone()).ok()?.timestamp());
    words.parse().ok().or_else(civil)
}

/// An hour of the day, such as `7:05` or `17:30`, perhaps with its seconds.
fn hour(words: &str) -> Option<Time> {
    let is_short = |part: &&str| (1..=2).contains(&part.len()) && part.bytes().all(|digit| digit.is_ascii_digit());
    let parts = words.split(':').map(|part| Some(part).filter(is_short)?.parse().ok());
    match parts.collect::<Option<Vec<i8>>>()?.as_slice() {
        [hour, minute] => Time::new(*hour, *minute, 0, 0).ok(),
        [hour, minute, second] => Time::new(*hour, *minute, *second, 0).ok(),
        _ => None,
    }
}

fn length(words: &str) -> Option<Span> {
    words.parse().ok()
}

/// The next occurrence of this local time: today, or tomorrow.
fn next(time: Time, now: &Zoned) -> Option<Timestamp> {
    let today = on(now.date(), time, now)?;
    let found = if today > *now { today } else { on(now.date().checked_add(1.day()).ok()?, time, now)? };
    Some(found.timestamp())
}

/// The last occurrence of this local time: today, or yesterday.
fn last(time: Time, now: &Zoned) -> Option<Timestamp> {
    let today = on(now.date(), time, now)?;
    let found = if today <= *now { today } else { on(now.date().checked_sub(1.day()).ok()?, time, now)? };
    Some(found.timestamp())
}

fn on(date: Date, time: Time, now: &Zoned) -> Option<Zoned> {
    date.to_datetime(time).to_zoned(now.time_zone().clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        "2026-11-29T16:00:30+01:00[Europe/Berlin]".parse().unwrap()
    }

    fn at(words: &str) -> Timestamp {
        words.parse().unwrap()
    }

    #[test]
    fn a_time_an_hour_and_a_length_are_understood() {
        for (words, expected) in [
            ("2026-11-29T17:30:00Z", Some("2026-11-29T17:30:00Z")),
            ("2026-11-29T17:30:00+01:00", Some("2026-11-29T16:30:00Z")),
            ("2026-11-29T17:30", Some("2026-11-29T16:30:00Z")),
            ("2026-11-29 17:30:00+01:00", Some("2026-11-29T16:30:00Z")),
            ("2026-11-30", Some("2026-11-29T23:00:00Z")),
            ("17:30", Some("2026-11-29T16:30:00Z")),
            ("9:05", Some("2026-11-30T08:05:00Z")),
            ("16:00", Some("2026-11-30T15:00:00Z")),
            ("2h", Some("2026-11-29T17:00:30Z")),
            ("1h30m", Some("2026-11-29T16:30:30Z")),
            (" 45m ", Some("2026-11-29T15:45:30Z")),
            ("1d", Some("2026-11-30T15:00:30Z")),
            ("2026-11-29T14:00:00Z", None),
            ("2026-11-29T16:00", None),
            ("2h ago", None),
            ("0h", None),
            ("25:00", None),
            ("17:3o", None),
            ("tomorrow", None),
            ("30", None),
            ("", None),
        ] {
            assert_eq!(ahead(words, &now()).ok(), expected.map(at), "{words}");
        }
        let over = ahead("2026-11-29T14:00:00Z", &now()).unwrap_err();
        assert_eq!(over, "must lie ahead, and 2026-11-29 15:00:00+01:00 is over");
    }

    #[test]
    fn a_list_begins_at_a_time_an_hour_or_an_age_behind() {
        for (words, expected) in [
            ("2026-11-29T07:00:00Z", Some("2026-11-29T07:00:00Z")),
            ("2026-11-29T07:00", Some("2026-11-29T06:00:00Z")),
            ("2026-11-29 07:23:59+01:00", Some("2026-11-29T06:23:59Z")),
            ("2026-11-29 06:23:59Z", Some("2026-11-29T06:23:59Z")),
            ("2026-11-29", Some("2026-11-28T23:00:00Z")),
            ("07:00", Some("2026-11-29T06:00:00Z")),
            ("16:00", Some("2026-11-29T15:00:00Z")),
            ("07:23:59", Some("2026-11-29T06:23:59Z")),
            ("17:30", Some("2026-11-28T16:30:00Z")),
            (" 90m ", Some("2026-11-29T13:30:30Z")),
            ("-1h", Some("2026-11-29T14:00:30Z")),
            ("2d", Some("2026-11-27T15:00:30Z")),
            ("yesterday", None),
            ("24:00", None),
            ("", None),
        ] {
            assert_eq!(past(words, &now()).ok(), expected.map(at), "{words}");
            let is_age = ["90m", "1h", "2d"].iter().any(|age| words.trim().ends_with(age));
            assert_eq!(super::is_age(words), is_age, "{words}");
        }
    }

    #[test]
    fn a_list_ends_at_the_first_such_hour_after_its_beginning() {
        let morning = Some("2026-11-28T06:00:00Z");
        for (words, since, expected) in [
            ("09:00", morning, "2026-11-28T08:00:00Z"),
            ("06:30", morning, "2026-11-29T05:30:00Z"),
            ("09:00", None, "2026-11-29T08:00:00Z"),
            ("1h", morning, "2026-11-29T14:00:30Z"),
        ] {
            assert_eq!(end(words, since.map(at), &now()), Ok(at(expected)), "{words} {since:?}");
        }
    }

    #[test]
    fn an_hour_that_summer_time_leaves_out_is_the_next_that_there_is() {
        let now: Zoned = "2026-03-28T23:00:00+01:00[Europe/Berlin]".parse().unwrap();
        assert_eq!(ahead("02:30", &now), Ok(at("2026-03-29T01:30:00Z")));
    }
}
