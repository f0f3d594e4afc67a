//! The GSM 7-bit alphabet (3GPP TS 23.038 §6.2.1), and the spelling of common typography in it.

use super::invisible::visible;

/// The basic table: one septet each. The escape code is left out, because it is no character.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// The extension table: an escape and a septet, two together.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// The number of septets of a character; `None` when the alphabet does not have it.
pub(super) fn septets(character: char) -> Option<usize> {
    if character.is_ascii_alphanumeric() || character == ' ' || BASIC.contains(character) {
        Some(1)
    } else if EXTENSION.contains(character) {
        Some(2)
    } else {
        None
    }
}

/// Writes typographic quotation marks, dashes, spaces, bullets and the like in the GSM alphabet, so that one of them
/// does not double the price of a text, and drops invisible characters ([`visible`]). A character without a plain
/// spelling stays, because it is content.
#[must_use]
pub fn to_gsm7(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match spelling(character) {
            Some(spelling) if septets(character).is_none() => plain.push_str(spelling),
            _ => plain.push(character),
        }
    }
    // A replaced sign may leave its variation selector behind.
    visible(&plain)
}

fn spelling(character: char) -> Option<&'static str> {
    Some(match character {
        '‘' | '’' | '‚' | '‛' | '′' | '´' | '`' | '‹' | '›' | 'ʼ' => "'",
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' => "\"",
        '‐' | '\u{2011}' | '‒' | '–' | '—' | '―' | '−' => "-",
        '…' => "...",
        '\t' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => " ",
        '\u{2028}' | '\u{85}' => "\n",
        '\u{2029}' => "\n\n",
        '•' | '‣' | '●' | '▪' | '◦' | '·' => "-",
        '⁄' => "/",
        '×' => "x",
        '→' => "->",
        '←' => "<-",
        '½' => "1/2",
        '¼' => "1/4",
        '¾' => "3/4",
        '©' => "(c)",
        '®' => "(R)",
        '™' => "(TM)",
        '№' => "No.",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_tables_have_their_size() {
        assert_eq!(BASIC.chars().count(), 127, "128 codes less the escape");
        assert_eq!(EXTENSION.chars().count(), 10);
        for (index, character) in BASIC.chars().enumerate() {
            assert_eq!(BASIC.chars().position(|c| c == character), Some(index), "{character:?} stands twice");
        }
    }

    #[test]
    fn characters_take_their_septets() {
        for (character, expected) in [
            ('a', Some(1)),
            ('Z', Some(1)),
            ('0', Some(1)),
            (' ', Some(1)),
            ('\n', Some(1)),
            ('\r', Some(1)),
            ('@', Some(1)),
            ('à', Some(1)),
            ('Ç', Some(1)),
            ('Δ', Some(1)),
            ('¤', Some(1)),
            ('€', Some(2)),
            ('{', Some(2)),
            ('\\', Some(2)),
            ('\u{c}', Some(2)),
            ('ç', None),
            ('`', None),
            ('\t', None),
            ('á', None),
            ('’', None),
            ('😀', None),
            ('\u{1b}', None),
        ] {
            assert_eq!(septets(character), expected, "{character:?}");
        }
    }

    #[test]
    fn typography_becomes_plain() {
        let cases = [
            ("“It’s” – she said… • now\u{a0}!", "\"It's\" - she said... - now !"),
            ("½ cup × 2 → ok™", "1/2 cup x 2 -> ok(TM)"),
            ("a\u{200b}b\u{feff}c\u{ad}d", "abcd"),
            ("a\u{200c}b \u{200d}c\u{202d}d\u{202c}e\u{2060}f", "ab cdef"),
            ("▪\u{fe0f} one ™\u{fe0f}", "- one (TM)"),
            ("one\ttwo", "one two"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("ça va à la fête 😀 👩\u{200d}👧", "ça va à la fête 😀 👩\u{200d}👧"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(to_gsm7(text), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_gsm_already_never_changes(indices in prop::collection::vec(0usize..137, 0..60)) {
            let text: String = indices.iter().map(|i| BASIC.chars().chain(EXTENSION.chars()).nth(*i).unwrap()).collect();
            prop_assert_eq!(to_gsm7(&text), text);
        }

        #[test]
        fn twice_is_once(text: String) {
            let once = to_gsm7(&text);
            prop_assert_eq!(to_gsm7(&once), once);
        }
    }
}
