//! Phone numbers. The bytes are a supposed number.

use tandem::domain::phone::{self, Phone};

/// It is a number in E.164, a short code or nothing; reading it twice changes nothing; and of five digits or more at most
/// two are shown.
pub fn check(data: &[u8]) {
    let raw = String::from_utf8_lossy(data);
    let shown = phone::redacted(&raw);
    let digits = phone::digits(&raw);
    let shown_digits = phone::digits(&shown);
    assert!(shown.starts_with('…') && shown_digits.len() <= 2 && digits.ends_with(&shown_digits), "{shown}");
    assert!(shown_digits.is_empty() || digits.len() > 4, "{shown}");
    let Some(phone) = phone::parse(&raw) else { return };
    let number = phone.as_str();
    match &phone {
        Phone::E164(number) => {
            let digits = number.strip_prefix('+').unwrap();
            assert!((8..=15).contains(&digits.len()) && !digits.starts_with('0'), "{number}");
            assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{number}");
        }
        Phone::ShortCode(number) => {
            assert!((3..=8).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()), "{number}");
        }
    }
    assert_eq!(phone::parse(number).as_ref(), Some(&phone));
    // Nothing is made up: every digit stands in the input, in order, but for the 9 of Argentina's mobiles and for a
    // country code that a parameter gives. Digits of other scripts are none to `digits`.
    let code = raw.to_lowercase().split_once("phone-context=").map(|(_, code)| phone::digits(code)).unwrap_or_default();
    let mut given = code.chars().chain(digits.chars());
    let known = phone::digits(number.strip_prefix("+549").unwrap_or(number));
    let is_latin = raw.chars().all(|c| c.is_ascii_digit() || !c.is_numeric());
    assert!(!is_latin || known.chars().all(|digit| given.any(|other| other == digit)), "{number} of {raw:?}");
}
