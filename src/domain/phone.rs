//! Phone numbers: E.164, short codes, and the part of one that may be shown.
//!
//! A number counts only in international form. There is no default country, because the same national number belongs to
//! another person elsewhere. The number tables are loaded at the first use, which takes some 50 ms.
//!
//! People and programs decorate numbers: contact cards put direction marks around them and pauses behind them, forms
//! put parentheses around the country code, keyboards put in dashes and digits of other scripts. [`parse`] takes the
//! decoration off and leaves the digits to the library, which knows each country's own prefixes.

mod decoration;

use std::fmt;

use phonenumber::metadata::{DATABASE, Descriptor};
use phonenumber::{Metadata, Mode, PhoneNumber, Type};

use self::decoration::Bare;

/// The longest text that is read. E.164 has 15 digits, so 80 characters are plenty with prefix, punctuation, marks and
/// an extension.
const RAW_MAX_CHARS: usize = 80;

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
///
/// Decoration goes, and so does an extension, which no text reaches. Letters in place of digits are not read, because
/// such numbers belong to companies' lines.
#[must_use]
pub fn parse(raw: &str) -> Option<Phone> {
    if raw.len() > RAW_MAX_CHARS && raw.chars().nth(RAW_MAX_CHARS).is_some() {
        return None;
    }
    let Bare { digits, is_international, has_trunk_zero, is_plain, first_group } = decoration::take_off(raw)?;
    if is_international {
        return e164(&digits, has_trunk_zero).map(Phone::E164);
    }
    if let Some(international) = digits.strip_prefix("00") {
        return e164(international, has_trunk_zero).map(Phone::E164);
    }
    match digits.len() {
        3..=8 if is_plain => Some(Phone::ShortCode(digits)),
        11..=15 => without_plus(&digits, first_group).map(Phone::E164),
        _ => None,
    }
}

/// A number whose `+` was lost, if these digits are valid with a country code. The first group of digits must hold the
/// whole code: `8 495 …` is from Moscow and not from Vietnam, whose code is 84.
fn without_plus(digits: &str, first_group: usize) -> Option<String> {
    let number = Number::split(digits)?;
    if first_group < digits.len() - number.national.len() {
        return None;
    }
    if number.is_valid() || may_be_north_american(digits) {
        return Some(format!("+{digits}"));
    }
    number.without_national_prefix()
}

/// The number as it is stored: E.164, or the digits of a short code.
#[must_use]
pub fn normalise(raw: &str) -> Option<String> {
    parse(raw).map(|phone| phone.as_str().to_owned())
}

/// The last two digits, for logs and lists; none of a number so short that two digits would be half of it.
#[must_use]
pub fn redacted(number: &str) -> String {
    let digits = digits(number);
    match digits.len().checked_sub(2) {
        Some(hidden) if hidden > 2 => format!("…{}", digits.get(hidden..).unwrap_or_default()),
        _ => "…".to_owned(),
    }
}

/// The digits alone, as a desk's search wants them.
#[must_use]
pub fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

/// The phone number in these digits, which begin with a country code; `None` where there is no such country, or too few
/// or too many digits.
///
/// The first of these that applies:
///
/// 1. Valid digits stay unchanged, because the library takes a national prefix out even of numbers to which the digit
///    belongs, and twice out of some.
/// 2. The digits without their country's national prefix, such as the `0` of `+44 07911 …`, where these are valid.
/// 3. The library's reading, where that is valid and has no digits more; it knows the `15` of Argentina's mobiles.
/// 4. The digits unchanged, because the tables may be older than a number; but a zero in parentheses goes, because it
///    is never dialled from abroad.
fn e164(digits: &str, has_trunk_zero: bool) -> Option<String> {
    let number = Number::split(digits)?;
    let as_it_is = || format!("+{digits}");
    let chosen = if number.is_valid() {
        as_it_is()
    } else if let Some(shorter) = number.without_national_prefix() {
        shorter
    } else if let Some(read) = read_by_library(digits) {
        read
    } else if has_trunk_zero && let Some(national) = number.national.strip_prefix('0') {
        format!("+{}{national}", number.code)
    } else {
        as_it_is()
    };
    // The tables hold numbers that are longer than E.164 allows.
    (9..=16).contains(&chosen.len()).then_some(chosen)
}

/// The library's reading of digits that begin with a country code, where that is valid. A reading with more digits than
/// were given is none: of `+1 473 0000` the library makes a number in Grenada.
fn read_by_library(digits: &str) -> Option<String> {
    let read = phonenumber::parse(None, format!("+{digits}")).ok().filter(PhoneNumber::is_valid)?;
    let read = read.format().mode(Mode::E164).to_string();
    (read.len() <= digits.len() + 1).then_some(read)
}

/// A country code and the digits behind it.
struct Number<'a> {
    code: u16,
    national: &'a str,
    /// The countries that share the code, the main one first.
    countries: Vec<&'static Metadata>,
}

impl<'a> Number<'a> {
    /// Splits digits behind the country code. No code is the beginning of another.
    fn split(digits: &'a str) -> Option<Self> {
        (1..=3).find_map(|length| {
            let (code, national) = digits.split_at_checked(length)?;
            let code = code.parse().ok().filter(|_| !code.starts_with('0'))?;
            Some(Self { code, national, countries: DATABASE.by_code(&code)? })
        })
    }

    /// Whether a country has given out the number as it is.
    fn is_valid(&self) -> bool {
        const TYPES: [Type; 10] = [
            Type::Mobile,
            Type::FixedLine,
            Type::Voip,
            Type::PersonalNumber,
            Type::TollFree,
            Type::SharedCost,
            Type::PremiumRate,
            Type::Pager,
            Type::Uan,
            Type::Voicemail,
        ];
        self.countries.iter().any(|country| {
            // Where several countries share a code, most are known by their first digits.
            let is_elsewhere = country.leading_digits().is_some_and(|leading| {
                self.countries.len() > 1 && leading.find(self.national).is_none_or(|found| found.start() > 0)
            });
            let numbers = country.descriptors();
            let is_of = |kind: &Type| numbers.get(*kind).is_some_and(|numbers| is_one_of(numbers, self.national));
            !is_elsewhere && numbers.general().is_match(self.national) && TYPES.iter().any(is_of)
        })
    }

    /// The number without the prefix that is dialled only within its country, if that makes it valid.
    fn without_national_prefix(&self) -> Option<String> {
        let main = self.countries.iter().find(|country| country.is_main_country_for_code());
        let main = main.or(self.countries.first())?;
        // Where a prefix is rewritten and not only removed, the library knows the rule.
        if main.national_prefix_transform_rule().is_some() {
            return None;
        }
        let national = match main.national_prefix_for_parsing() {
            Some(prefix) => prefix
                .find(self.national)
                .filter(|found| found.start() == 0)
                .and_then(|found| self.national.get(found.end()..)),
            None => self.national.strip_prefix(main.national_prefix()?),
        }?;
        let shorter = Self { code: self.code, national, countries: self.countries.clone() };
        shorter.is_valid().then(|| format!("+{}{national}", self.code))
    }
}

/// Whether the whole number is one of these. The library's own match looks only at the beginning, so it accepts some
/// numbers that are too long.
fn is_one_of(numbers: &Descriptor, national: &str) -> bool {
    let pattern = numbers.national_number();
    numbers.is_match(national) && pattern.find(national).is_some_and(|found| found.end() == national.len())
}

/// Whether 11 digits without a `+` may be a North American number in an area code that the tables do not have yet.
/// Carriers read every number without a `+` as North American, and a form that forgot to encode the `+` of an E.164
/// number leaves such digits.
///
/// Area and exchange begin with 2 to 9 and do not end in 11. No area code has a 9 in the middle or begins with 37 or
/// 96, because the numbering plan reserves those.
fn may_be_north_american(digits: &str) -> bool {
    let Some(national) = digits.strip_prefix('1').filter(|national| national.len() == 10) else { return false };
    let (area, exchange) = (national.get(..3).unwrap_or_default(), national.get(3..6).unwrap_or_default());
    let is_code = |code: &str| !code.starts_with(['0', '1']) && !code.ends_with("11");
    let is_kept = area.get(1..2) == Some("9") || area.starts_with("37") || area.starts_with("96");
    is_code(area) && is_code(exchange) && !is_kept
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
            // A second plus means nothing.
            ("++14155552671", "+14155552671"),
            // Digits of other scripts, as the library reads them.
            ("＋１４１５５５５２６７１", "+14155552671"),
            ("+1415555267١", "+14155552671"),
            ("٠٠٤٤ ٢٠ ٧٩٤٦ ٠٩٥٨", "+442079460958"),
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
            "+1415555CALL",
            "+1-800-FLOWERS",
            "anonymous",
            "null",
            "32665 x5",
            "+44 7911 123456 (mobile)",
            "+14155552671; +14155552672",
            "tel:07911123456;phone-context=example.com",
            "+0044 20 7946 0958",
            "+1 415 555 2671 (and a long story behind it)",
            "\u{0}+14155552671",
        ];
        for raw in cases {
            assert_eq!(parse(raw), None, "{raw}");
        }
    }

    /// The right values are those of Google's library (phonenumbers 9.0.43) and of libphonenumber-js 1.13.16, which
    /// agree on all of them.
    #[test]
    fn national_prefixes_go_where_the_country_has_them() {
        let cases = [
            ("+44 07911 123456", "+447911123456"),
            ("0044 07911 123456", "+447911123456"),
            ("4407911123456", "+447911123456"),
            ("+234 0802 123 4567", "+2348021234567"),
            ("+54 11 15 2345-6789", "+5491123456789"),
            // Without its area code it is no number of Grenada's.
            ("+1 473-0000", "+14730000"),
            ("+54 9 11 2345-6789", "+5491123456789"),
            ("+55 0 11 91234-5678", "+5511912345678"),
            ("+55 (011) 91234-5678", "+5511912345678"),
            ("+7 8 800 123-45-67", "+78001234567"),
            ("+7 (8) 916 123-45-67", "+79161234567"),
            ("+36 06 20 123 4567", "+36201234567"),
            ("+1 1 415 555 2671", "+14155552671"),
            ("+1 (1) 268-464-1234", "+12684641234"),
            ("+375 8 029 123 45 67", "+375291234567"),
            ("+375 8 801 123 4567", "+3758011234567"),
            ("+370 8 612 34567", "+37061234567"),
            ("+61 (0)4 1234 5678", "+61412345678"),
            ("+64 (0) 21 123 456", "+6421123456"),
            ("+90 0 (532) 123 45 67", "+905321234567"),
            ("+91-0-98765-43210", "+919876543210"),
            ("+86 0139 1234 5678", "+8613912345678"),
            ("+81 090-1234-5678", "+819012345678"),
            ("+353 (0)85 123 4567", "+353851234567"),
            ("+380 (0)44 123 4567", "+380441234567"),
            ("+49 [0]30 1234567", "+49301234567"),
            // Digits that belong to the number.
            ("+39 (0)6 698 1234", "+39066981234"),
            ("+225 01 23 45 67 89", "+2250123456789"),
            ("+241 06 03 12 34", "+24106031234"),
            ("+78001234567", "+78001234567"),
            ("+3758011234567", "+3758011234567"),
            ("+233308858817", "+233308858817"),
            // Numbers that no table has stay unchanged, but for a zero in parentheses.
            ("+52 1 55 1234 5678", "+5215512345678"),
            ("+49 (0)151 99999999", "+4915199999999"),
            ("+44 (0)20 9999 99999", "+4420999999999"),
        ];
        for (raw, expected) in cases {
            assert_eq!(parse(raw), Some(Phone::E164(expected.into())), "{raw}");
        }
    }

    #[test]
    fn decoration_goes() {
        let cases = [
            ("(+44) 20 7946 0958", "+442079460958"),
            ("(0044) 20 7946 0958", "+442079460958"),
            ("+(44)(0)20 7946 0958", "+442079460958"),
            ("+ 44\u{a0}20\u{2009}7946\u{202f}0958", "+442079460958"),
            ("+49\u{2011}30\u{2011}1234567", "+49301234567"),
            ("+49 30 \u{2013} 123\u{2212}45\u{2014}67", "+49301234567"),
            ("+49（30）1234－567", "+49301234567"),
            ("\u{202d}+49 30 1234567\u{202c}", "+49301234567"),
            ("\u{200e}+1 415 555\u{ad} 2671\u{200f}\u{feff}", "+14155552671"),
            ("\u{2068}tel:+14155552671\u{2069}", "+14155552671"),
            ("+1 (415) 555-2671 x89", "+14155552671"),
            ("+1 (415) 555-2671 ext. 89", "+14155552671"),
            ("+1 (415) 555-2671, Extension: 89", "+14155552671"),
            ("+1 (415) 555-2671 #89", "+14155552671"),
            ("+34 912 345 678 anexo 12", "+34912345678"),
            ("+7 495 123-45-67 доб. 12", "+74951234567"),
            ("14155552671 x5", "+14155552671"),
            ("+14155552671,,123#", "+14155552671"),
            ("+14155552671p123", "+14155552671"),
            ("+14155552671;123#", "+14155552671"),
            ("tel:+1-415-555-2671;ext=89", "+14155552671"),
            ("TEL:+1-415-555-2671;isub=12;ext=89", "+14155552671"),
            ("tel:07911-123456;phone-context=+44", "+447911123456"),
            ("tel://+14155552671", "+14155552671"),
            ("callto:+14155552671", "+14155552671"),
        ];
        for (raw, expected) in cases {
            assert_eq!(parse(raw), Some(Phone::E164(expected.into())), "{raw:?}");
        }
        assert_eq!(parse("\u{2066}32665\u{2069}"), Some(Phone::ShortCode("32665".into())));
    }

    /// Carriers read digits without a `+` as North American; everything else must prove its country code.
    #[test]
    fn digits_without_a_plus_become_no_other_persons_number() {
        for (raw, expected) in [
            ("16212345678", "+16212345678"),
            ("1 621 234 5678", "+16212345678"),
            ("1 (415) 555-2671", "+14155552671"),
            ("44 20 7946 0958", "+442079460958"),
            ("84951234567", "+84951234567"),
        ] {
            assert_eq!(parse(raw), Some(Phone::E164(expected.into())), "{raw}");
        }
        for raw in [
            // China, as dialled within; no area code begins so.
            "13912345678",
            "19912345678",
            "13712345678",
            "11512345678",
            "16211234567",
            "16212115678",
            "14115552671",
            // Moscow, as dialled within; behind +84 it would be in Vietnam.
            "8 (495) 123-45-67",
            "8-495-123-45-67",
            // Florianópolis, as dialled within; behind +48 it would be in Stettin.
            "(48) 91234-5678",
            // Begins as an Israeli number does, but is too long.
            "97233142764978",
        ] {
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
        fn anything_is_a_number_or_none(raw in prop_oneof![
            any::<String>(),
            "(\\+|00|tel:)?[0-9 ().\\-]{0,24}",
            "\\(?(\\+|00)(1|44|49|54|375|7|39|225)\\)? ?\\(?[018]?\\)?[0-9 ]{6,12}( x[0-9]{1,3}|;ext=5|\u{202c})?",
        ]) {
            if let Some(phone) = parse(&raw) {
                let number = phone.as_str().to_owned();
                match &phone {
                    Phone::E164(number) => prop_assert!(number.starts_with('+') && (9..=16).contains(&number.len())),
                    Phone::ShortCode(number) => prop_assert!((3..=8).contains(&number.len())),
                }
                prop_assert!(number.trim_start_matches('+').bytes().all(|b| b.is_ascii_digit()));
                // No digit is added, but for the 9 that Argentina's mobiles have abroad.
                let mut given = digits(&raw.chars().map(decoration::plain).collect::<String>()).into_bytes().into_iter();
                let known = digits(number.strip_prefix("+549").unwrap_or(&number));
                prop_assert!(known.bytes().all(|digit| given.any(|other| other == digit)), "{} of {:?}", number, raw);
                // Normalising twice changes nothing.
                prop_assert_eq!(normalise(&number), Some(number));
            }
        }
    }
}
