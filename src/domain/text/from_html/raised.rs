//! Numbers that stand higher, lower or smaller than the number before them: cents, exponents, indices.
//!
//! A phone shows all letters alike, so `19<sup>99</sup>` would read as 1999. This module chooses the sign that tells
//! the two numbers apart as the agent's browser did.

/// The height of an element's text beside the text before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    Higher,
    Lower,
    Smaller,
}

impl Stand {
    /// The sign between a number and one of this height, until its text is known. Every sign is one byte.
    pub(super) fn sign(self) -> char {
        match self {
            Self::Higher => '^',
            Self::Lower => '_',
            Self::Smaller => ' ',
        }
    }

    /// The sign between the number at the end of `before` and `text`; `None` where the text is no number and may follow
    /// directly, as the dash of `19,-` does.
    ///
    /// Two digits, higher or smaller, are cents: `19.99`, or with a comma behind thousands that have points. Without a
    /// currency, 10 and 2 are taken for bases, so that `10^12` does not become a price.
    pub(super) fn sign_between(self, before: &str, text: &str) -> Option<char> {
        if !text.contains(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let goes_on = text.get(digits..).is_some_and(|rest| rest.starts_with(['.', ',']));
        if self == Self::Lower || digits != 2 || goes_on {
            return Some(self.sign());
        }
        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
        let start = before.trim_end_matches(is_part).len();
        let number = before.get(start..).unwrap_or_default();
        let has_currency = before.get(..start).is_some_and(|before| before.trim_end().ends_with(is_currency))
            || text.contains(is_currency);
        Some(match number {
            "10" | "2" if !has_currency => self.sign(),
            _ if number.contains('.') => ',',
            _ => '.',
        })
    }
}

fn is_currency(character: char) -> bool {
    matches!(character, '$' | '£' | '¥' | '¢' | '฿' | '\u{20a0}'..='\u{20cf}')
}
