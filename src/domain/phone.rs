//! Phone numbers: E.164, short codes, and how much of one may be shown.
//!
//! A number is known only in international form. There is no default country: a national number would be somebody
//! else's in another one. The number tables are loaded at the first use, which takes some 50 ms.

use std::fmt;

use phonenumber::Mode;
use phonenumber::metadata::DATABASE;

/// The longest text that is looked at. E.164 has 15 digits; with a prefix and punctuation 40 characters are plenty.
const RAW_MAX_CHARS: usize = 40;

/// A number that can be texted.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Phone {
    /// `+` and 8 to 15 digits.
    E164(String),
    /// 3 to 8 digits, meaningful only within one country.
    ShortCode(String),
}

impl Phone {
    /// The number as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::E164(number) | Self::ShortCode(number) => number,
        }
    }
}

/// A phone number is personal data, so only its end is shown.
impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(self.as_str()))
    }
}

/// Reads a phone number: with `+` or `00` and a country code; as 11 to 15 bare digits, if they are a valid number with
/// its country code (10 digits are too often a national number); or as a short code. `None` for anything else.
#[must_use]
pub fn parse(raw: &str) -> Option<Phone> {
    if raw.chars().nth(RAW_MAX_CHARS).is_some() {
        return None;
    }
    let number = without_scheme(raw.trim());
    let is_punctuation = |c: char| matches!(c, '(' | ')' | '-' | '.' | '/') || c.is_whitespace();
    if !number.chars().enumerate().all(|(at, c)| c.is_ascii_digit() || is_punctuation(c) || (at == 0 && c == '+')) {
        return None;
    }
    let all = digits(number);
    if number.starts_with('+') {
        return e164(number, &all).map(Phone::E164);
    }
    if let Some(international) = all.strip_prefix("00") {
        let start = number.find("00").unwrap_or_default();
        let number = format!("+{}", number.get(start + 2..).unwrap_or_default());
        return e164(&number, international).map(Phone::E164);
    }
    match all.len() {
        3..=8 if all.len() == number.len() => Some(Phone::ShortCode(all)),
        11..=15 => {
            let plus = format!("+{all}");
            phonenumber::parse(None, &plus).ok().filter(phonenumber::PhoneNumber::is_valid)?;
            e164(&plus, &all).map(Phone::E164)
        }
        _ => None,
    }
}

/// The number as it is stored: E.164, or the digits of a short code.
#[must_use]
pub fn normalise(raw: &str) -> Option<String> {
    parse(raw).map(|phone| phone.as_str().to_owned())
}

/// The last two digits, for logs and lists; nothing at all of a number so short that two digits would be half of it.
#[must_use]
pub fn redacted(number: &str) -> String {
    let digits = digits(number);
    match digits.len().checked_sub(2) {
        Some(hidden) if hidden > 2 => format!("…{}", digits.get(hidden..).unwrap_or_default()),
        _ => "…".to_owned(),
    }
}

/// The digits alone, as Zendesk's search wants them.
#[must_use]
pub fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

/// `number` starts with `+`; `digits` are its digits.
///
/// The library judges the country code, and takes out a national prefix such as the `(0)` of `+44 (0)20`; but it may
/// also take out a digit that belongs, and its tables may be older than a number. So its answer counts only where the
/// result is a valid number, and otherwise the digits stand as they are. Its tables hold numbers that are longer than
/// E.164 allows, so the length is looked at in either case.
fn e164(number: &str, digits: &str) -> Option<String> {
    let parsed = phonenumber::parse(None, format!("+{digits}")).ok()?;
    // Not `country().id()`: that is blank for numbers that no carrier has been given, such as those for fiction.
    DATABASE.by_code(&parsed.code().value())?;
    let canonical = parsed.format().mode(Mode::E164).to_string();
    let has_trunk_prefix = number.contains("(0)");
    let chosen = if has_trunk_prefix && parsed.is_valid() { canonical } else { format!("+{digits}") };
    (9..=16).contains(&chosen.len()).then_some(chosen)
}

/// Without the scheme that links and messaging services put before a number.
fn without_scheme(raw: &str) -> &str {
    ["tel:", "sms:", "whatsapp:"]
        .iter()
        .find_map(|scheme| {
            let (start, rest) = raw.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then(|| rest.trim_start())
        })
        .unwrap_or(raw)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_known() {
        let cases = [
            ("+15550001111", "+15550001111"),
            ("+1 (415) 555-2671", "+14155552671"),
            (" +49 30 1234567 ", "+49301234567"),
            ("+44 (0)20 7946 0958", "+442079460958"),
            ("0044 20 7946 0958", "+442079460958"),
            ("+7 800 123-45-67", "+78001234567"),
            ("+39 06 698 1234", "+39066981234"),
            ("tel:+14155552671", "+14155552671"),
            ("WhatsApp:+14155552671", "+14155552671"),
            // A form that forgot to encode the plus.
            (" 14155552671", "+14155552671"),
            ("14155552671", "+14155552671"),
            ("442079460958", "+442079460958"),
        ];
        for (raw, expected) in cases {
            assert_eq!(parse(raw), Some(Phone::E164(expected.into())), "{raw}");
        }
        for code in ["123", "32665", "12345678"] {
            assert_eq!(parse(code), Some(Phone::ShortCode(code.into())));
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        let cases = [
            "",
            " ",
            "+",
            "00",
            "12",
            "+12",
            "555-0100",
            "415 555 2671",
            "4155552671",
            "07911123456",
            "020 7946 0958",
            "+999123456789",
            "+0123456789",
            "00000000000",
            "+1234567890123456",
            "+49 (0)30 1234566666667",
            "1234567890123456",
            "++14155552671",
            "+1415555CALL",
            "anonymous",
            "null",
            "+1415555267١",
            "＋14155552671",
            "14155552671 x5",
            "+1 415 555 2671 (and a long story behind it)",
            "\u{0}+14155552671",
        ];
        for raw in cases {
            assert_eq!(parse(raw), None, "{raw}");
        }
    }

    #[test]
    fn only_the_end_is_shown() {
        for (number, expected) in
            [("+15550001111", "…11"), ("32665", "…65"), ("1234", "…"), ("12", "…"), ("", "…"), ("no", "…")]
        {
            assert_eq!(redacted(number), expected);
        }
        assert_eq!(format!("{:?}", Phone::E164("+15550001111".into())), "…11");
        assert_eq!(digits("+1 (415) 555-2671"), "14155552671");
    }

    proptest! {
        #[test]
        fn anything_is_a_number_or_none(raw in prop_oneof![any::<String>(), "(\\+|00|tel:)?[0-9 ().\\-]{0,24}"]) {
            if let Some(phone) = parse(&raw) {
                let number = phone.as_str().to_owned();
                match &phone {
                    Phone::E164(number) => prop_assert!(number.starts_with('+') && (9..=16).contains(&number.len())),
                    Phone::ShortCode(number) => prop_assert!((3..=8).contains(&number.len())),
                }
                prop_assert!(number.trim_start_matches('+').bytes().all(|b| b.is_ascii_digit()));
                // Normalising twice changes nothing.
                prop_assert_eq!(normalise(&number), Some(number));
            }
        }
    }
}
