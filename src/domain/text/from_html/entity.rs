//! Decodes HTML entities: every number, and the names of HTML 4 that people meet in prose. Editors write anything
//! else as the character itself; a name that is not known stays as it was written.

/// The names of U+00A0 to U+00FF, in order.
const LATIN_1: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn \
sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml \
Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times \
Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute \
ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml \
yacute thorn yuml";

const OTHERS: [(&str, char); 44] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("euro", '€'),
    ("hellip", '…'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("sbquo", '‚'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bdquo", '„'),
    ("lsaquo", '‹'),
    ("rsaquo", '›'),
    ("bull", '•'),
    ("trade", '™'),
    ("dagger", '†'),
    ("Dagger", '‡'),
    ("permil", '‰'),
    ("prime", '′'),
    ("Prime", '″'),
    ("minus", '−'),
    ("ne", '≠'),
    ("le", '≤'),
    ("ge", '≥'),
    ("asymp", '≈'),
    ("infin", '∞'),
    ("larr", '←'),
    ("uarr", '↑'),
    ("rarr", '→'),
    ("darr", '↓'),
    ("hearts", '♥'),
    ("OElig", 'Œ'),
    ("oelig", 'œ'),
    ("Scaron", 'Š'),
    ("scaron", 'š'),
    ("Yuml", 'Ÿ'),
    ("ensp", '\u{2002}'),
    ("emsp", '\u{2003}'),
    ("thinsp", '\u{2009}'),
    ("zwj", '\u{200d}'),
];

/// What the numbers 128 to 159 mean to browsers: Windows-1252, where it has a character.
const WINDOWS_1252: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// The longest name known, and more digits than any character has. Bounds the look ahead.
const ENTITY_MAX_BYTES: usize = 10;

/// The text with its entities decoded.
pub(super) fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        decoded.push_str(before);
        let (character, length) = entity(after).unwrap_or(('&', 0));
        decoded.push(character);
        rest = after.get(length..).unwrap_or_default();
    }
    decoded.push_str(rest);
    decoded
}

/// The character that an entity stands for and how long the entity is, without its `&`.
fn entity(text: &str) -> Option<(char, usize)> {
    if let Some(number) = text.strip_prefix('#') {
        let (digits, radix, before) =
            number.strip_prefix(['x', 'X']).map_or((number, 10, 1), |hexadecimal| (hexadecimal, 16, 2));
        let length = digits.bytes().take(ENTITY_MAX_BYTES).take_while(|b| char::from(*b).is_digit(radix)).count();
        let value = u32::from_str_radix(digits.get(..length)?, radix);
        // Too large a number is a number all the same; no digits are not.
        let character = if length == 0 { return None } else { numbered(value.unwrap_or(u32::MAX)) };
        let semicolon = usize::from(digits.as_bytes().get(length) == Some(&b';'));
        return Some((character, before + length + semicolon));
    }
    let length = text.bytes().take(ENTITY_MAX_BYTES).position(|b| b == b';')?;
    let name = text.get(..length)?;
    Some((named(name)?, length + 1))
}

fn numbered(value: u32) -> char {
    match value {
        0 => char::REPLACEMENT_CHARACTER,
        0x80..=0x9f => usize::try_from(value - 0x80)
            .ok()
            .and_then(|index| WINDOWS_1252.chars().nth(index))
            .unwrap_or(char::REPLACEMENT_CHARACTER),
        _ => char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

fn named(name: &str) -> Option<char> {
    if let Some((_, character)) = OTHERS.iter().find(|(known, _)| *known == name) {
        return Some(*character);
    }
    let index = LATIN_1.split_ascii_whitespace().position(|known| known == name)?;
    char::from_u32(0xa0 + u32::try_from(index).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_aligned() {
        assert_eq!(LATIN_1.split_ascii_whitespace().count(), 96);
        assert_eq!(WINDOWS_1252.chars().count(), 32);
        for (name, expected) in [("nbsp", '\u{a0}'), ("szlig", 'ß'), ("yuml", 'ÿ'), ("times", '×'), ("eacute", 'é')]
        {
            assert_eq!(named(name), Some(expected), "{name}");
        }
        let longest = OTHERS.iter().map(|(name, _)| name.len()).chain(LATIN_1.split_ascii_whitespace().map(str::len));
        assert!(longest.max() < Some(ENTITY_MAX_BYTES));
    }

    #[test]
    fn absurd_numbers_are_one_character() {
        let cases = [
            ("&#xD800;", "\u{fffd}"),
            ("&#x110000;", "\u{fffd}"),
            ("&#4294967296;", "\u{fffd}"),
            ("&#65x", "Ax"),
            ("&#0000000065;", "A"),
            ("&amp", "&amp"),
            ("&é;", "&é;"),
            ("&ampampampampamp;", "&ampampampampamp;"),
        ];
        for (text, expected) in cases {
            assert_eq!(decode(text), expected, "{text}");
        }
    }
}
