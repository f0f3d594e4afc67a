//! The filter `date`: times in strftime's notation, as Ruby writes them.
//!
//! Only letters that Ruby and this module write alike are taken; every other letter is refused by its name. There is no
//! `now`, because the same event must always make the same request, or Zendesk's idempotency key would refuse the
//! repeat.

use std::borrow::Cow;
use std::fmt::Write;

use jiff::Zoned;
use jiff::civil::Weekday;
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::{Offset, TimeZone};

/// The reason why a time could not be written.
pub(super) type Refusal = Cow<'static, str>;

/// The longest format. Each of its letters makes a few characters.
const MAX_FORMAT_BYTES: usize = 1024;

/// Writes the time `input`, which names its offset from UTC, in the notation `format`.
///
/// # Errors
/// The reason, which quotes at most one letter of the format.
pub(super) fn date(input: &str, format: &str) -> Result<String, Refusal> {
    let time = read(input)
        .ok_or("works on times such as `event.received_at`, written with their offset: 2026-11-21T09:30:00Z")?;
    if format.len() > MAX_FORMAT_BYTES {
        return Err("takes a format of at most 1024 bytes".into());
    }
    let mut written = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        written.push_str(before);
        let (flag, after) = match after.chars().next() {
            Some(flag @ ('-' | '_' | '0' | '^')) => (Some(flag), after.get(1..).unwrap_or_default()),
            _ => (None, after),
        };
        let Some(letter) = after.chars().next() else {
            return Err("takes a format that does not end within a `%…`; a percent sign is `%%`".into());
        };
        let field = field(&time, letter).ok_or_else(|| unknown(letter))?;
        written.push_str(&field.with(flag).ok_or_else(|| unknown(flag.unwrap_or(letter)))?);
        rest = after.get(letter.len_utf8()..).unwrap_or_default();
    }
    written.push_str(rest);
    Ok(written)
}

/// Only letters and signs of ASCII are quoted, because a format may come from a text.
fn unknown(letter: char) -> Refusal {
    if letter.is_ascii_graphic() {
        format!("does not know `%{letter}`; the table of filters names the letters that it knows").into()
    } else {
        "does not know a letter of its format; the table of filters names those that it knows".into()
    }
}

/// A time with its offset. A time without one is refused, because Ruby would take the time zone of the machine.
fn read(input: &str) -> Option<Zoned> {
    let pieces = Pieces::parse(input).ok()?;
    if pieces.time_zone_annotation().is_some() || input.contains(":60") {
        return None;
    }
    let zone = match pieces.offset()? {
        PiecesOffset::Zulu => TimeZone::UTC,
        PiecesOffset::Numeric(offset) if offset.is_negative() && offset.offset() == Offset::UTC => return None,
        PiecesOffset::Numeric(offset) => TimeZone::fixed(offset.offset()),
        _ => return None,
    };
    pieces.date().to_datetime(pieces.time()?).to_zoned(zone).ok()
}

/// The part of a time that one letter stands for.
enum Field {
    /// A number, at least so many digits, filled with zeros or blanks.
    Number(i64, usize, char),
    /// A word, which can be written in capitals.
    Word(String),
    /// Anything else; takes no flags.
    Plain(String),
}

impl Field {
    /// The field written with this flag; `None` where the flag is not for such a field.
    fn with(self, flag: Option<char>) -> Option<String> {
        let padded = |number: i64, width: usize, pad: char| match pad {
            '0' => format!("{number:0width$}"),
            _ => format!("{number:width$}"),
        };
        match (self, flag) {
            (Self::Number(number, width, pad), None) => Some(padded(number, width, pad)),
            (Self::Number(number, ..), Some('-')) => Some(number.to_string()),
            (Self::Number(number, width, _), Some('_')) => Some(padded(number, width, ' ')),
            (Self::Number(number, width, _), Some('0')) => Some(padded(number, width, '0')),
            (Self::Word(word), None) | (Self::Plain(word), None) => Some(word),
            (Self::Word(word), Some('^')) => Some(word.to_uppercase()),
            (Self::Number(..) | Self::Word(_) | Self::Plain(_), Some(_)) => None,
        }
    }
}

fn field(time: &Zoned, letter: char) -> Option<Field> {
    let zeros = |number: i64, width: usize| Some(Field::Number(number, width, '0'));
    let blanks = |number: i8| Some(Field::Number(number.into(), 2, ' '));
    let word = |word: &str| Some(Field::Word(word.to_owned()));
    let day_of_year = i64::from(time.day_of_year()) - 1;
    let from_sunday = i64::from(time.weekday().to_sunday_zero_offset());
    let from_monday = i64::from(time.weekday().to_monday_zero_offset());
    let hour12 = (time.hour() + 11) % 12 + 1;
    let iso = time.date().iso_week_date();
    let is_morning = time.hour() < 12;
    match letter {
        'Y' => zeros(time.year().into(), 4),
        'C' => zeros(i64::from(time.year()).div_euclid(100), 2),
        'y' => zeros(i64::from(time.year()).rem_euclid(100), 2),
        'm' => zeros(time.month().into(), 2),
        'd' => zeros(time.day().into(), 2),
        'e' => blanks(time.day()),
        'j' => zeros(day_of_year + 1, 3),
        'H' => zeros(time.hour().into(), 2),
        'k' => blanks(time.hour()),
        'I' => zeros(hour12.into(), 2),
        'l' => blanks(hour12),
        'M' => zeros(time.minute().into(), 2),
        'S' => zeros(time.second().into(), 2),
        'u' => zeros(from_monday + 1, 1),
        'w' => zeros(from_sunday, 1),
        'U' => zeros((day_of_year + 7 - from_sunday) / 7, 2),
        'W' => zeros((day_of_year + 7 - from_monday) / 7, 2),
        'V' => zeros(iso.week().into(), 2),
        'G' => zeros(iso.year().into(), 4),
        'g' => zeros(i64::from(iso.year()).rem_euclid(100), 2),
        'A' => word(weekday(time.weekday())),
        'a' => word(weekday(time.weekday()).get(..3)?),
        'B' => word(month(time.month())?),
        'b' | 'h' => word(month(time.month())?.get(..3)?),
        'p' => word(if is_morning { "AM" } else { "PM" }),
        'P' => word(if is_morning { "am" } else { "pm" }),
        _ => plain(time, letter).map(Field::Plain),
    }
}

/// The letters that take no flags: fractions, zones, signs, and short forms of several letters.
fn plain(time: &Zoned, letter: char) -> Option<String> {
    let nanoseconds = time.subsec_nanosecond();
    let short = |format: &str| {
        let mut written = String::new();
        for letter in format.chars() {
            match field(time, letter) {
                Some(field) if letter.is_ascii_alphabetic() => written.push_str(&field.with(None)?),
                _ => written.push(letter),
            }
        }
        Some(written)
    };
    match letter {
        's' => Some(time.timestamp().as_second().to_string()),
        'L' => Some(format!("{:03}", nanoseconds / 1_000_000)),
        'N' => Some(format!("{nanoseconds:09}")),
        'z' => {
            let seconds = time.offset().seconds();
            let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.unsigned_abs() / 60);
            let mut written = String::new();
            write!(written, "{sign}{:02}{:02}", minutes / 60, minutes % 60).ok()?;
            Some(written)
        }
        // A bare offset has no name.
        'Z' => Some(if time.time_zone() == &TimeZone::UTC { "UTC".to_owned() } else { String::new() }),
        'c' => short("a b e H:M:S Y"),
        'D' | 'x' => short("m/d/y"),
        'F' => short("Y-m-d"),
        'T' | 'X' => short("H:M:S"),
        'R' => short("H:M"),
        'r' => short("I:M:S p"),
        'v' => Some(short("e-b-Y")?.to_uppercase()),
        'n' => Some("\n".to_owned()),
        't' => Some("\t".to_owned()),
        '%' => Some("%".to_owned()),
        _ => None,
    }
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

fn month(number: i8) -> Option<&'static str> {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    usize::try_from(number).ok().and_then(|number| MONTHS.get(number.checked_sub(1)?)).copied()
}
