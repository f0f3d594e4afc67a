//! The end of a pause in an operator's words: a time, an hour of the day, or a length. Pure.

use jiff::civil::Time;
use jiff::{Span, Timestamp, ToSpan, Zoned};

/// What the words may be.
const FORMS: &str = "a time such as 2026-11-29T17:30:00Z, an hour of the day in this machine's time zone such as 17:30, or a length \
                     such as 2h or 30m";

/// The time that the words mean.
///
/// # Errors
/// What they may be, or that the time is over.
pub(super) fn read(words: &str, now: &Zoned) -> Result<Timestamp, String> {
    let words = words.trim();
    let at = time(words).or_else(|| next(words, now)).or_else(|| after(words, now));
    let at = at.ok_or_else(|| format!("must be {FORMS}"))?;
    if at > now.timestamp() { Ok(at) } else { Err(format!("must lie ahead, and {at} is over")) }
}

fn time(words: &str) -> Option<Timestamp> {
    words.parse().ok()
}

/// The next time that the clock on the wall shows this: today, or tomorrow.
fn next(words: &str, now: &Zoned) -> Option<Timestamp> {
    let (hour, minute) = words.split_once(':')?;
    let is_short = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|digit| digit.is_ascii_digit());
    if !is_short(hour) || !is_short(minute) {
        return None;
    }
    let time = Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()?;
    let on = |date: jiff::civil::Date| date.to_datetime(time).to_zoned(now.time_zone().clone()).ok();
    let today = on(now.date())?;
    let found = if today > *now { today } else { on(now.date().checked_add(1.day()).ok()?)? };
    Some(found.timestamp())
}

fn after(words: &str, now: &Zoned) -> Option<Timestamp> {
    let length: Span = words.parse().ok()?;
    now.checked_add(length).ok().map(|at| at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_an_hour_and_a_length_are_understood() {
        let now: Zoned = "2026-11-29T16:00:30+01:00[Europe/Berlin]".parse().unwrap();
        for (words, expected) in [
            ("2026-11-29T17:30:00Z", Some("2026-11-29T17:30:00Z")),
            ("2026-11-29T17:30:00+01:00", Some("2026-11-29T16:30:00Z")),
            ("17:30", Some("2026-11-29T16:30:00Z")),
            ("9:05", Some("2026-11-30T08:05:00Z")),
            ("16:00", Some("2026-11-30T15:00:00Z")),
            ("2h", Some("2026-11-29T17:00:30Z")),
            ("1h30m", Some("2026-11-29T16:30:30Z")),
            (" 45m ", Some("2026-11-29T15:45:30Z")),
            ("1d", Some("2026-11-30T15:00:30Z")),
            ("2026-11-29T14:00:00Z", None),
            ("2h ago", None),
            ("0h", None),
            ("25:00", None),
            ("17:3o", None),
            ("tomorrow", None),
            ("30", None),
            ("", None),
        ] {
            let expected = expected.map(|at| at.parse::<Timestamp>().unwrap());
            assert_eq!(read(words, &now).ok(), expected, "{words}");
        }
    }

    #[test]
    fn an_hour_that_summer_time_leaves_out_is_the_next_that_there_is() {
        let now: Zoned = "2026-03-28T23:00:00+01:00[Europe/Berlin]".parse().unwrap();
        assert_eq!(read("02:30", &now), Ok("2026-03-29T01:30:00Z".parse().unwrap()));
    }
}
