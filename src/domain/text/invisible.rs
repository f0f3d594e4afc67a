//! Invisible characters, which every segment is charged for.
//!
//! One soft hyphen, joiner or direction mark turns a whole text from the GSM alphabet into UCS-2, which holds less than
//! half as much. Such a character stays only where it changes the look of the text: a joiner between letters of scripts
//! that join or within a composed emoji, a direction mark in a line with letters that run from right to left.

/// The text without characters that do not change its look. Hyphens and spaces that look like the plain ones become the
/// plain ones.
#[must_use]
pub fn visible(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut kept = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        add_line(&mut kept, line);
    }
    kept
}

fn add_line(kept: &mut String, line: &str) {
    let runs_both_ways = line.contains(is_right_to_left);
    let start = kept.len();
    let mut has_dropped = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let before = kept.get(start..).and_then(|line| line.chars().next_back());
        if !is_kept(character, before, characters.peek().copied(), runs_both_ways) {
            has_dropped = true;
            continue;
        }
        let character = plain(character);
        // Two blanks with only dropped characters between them become one.
        if !(has_dropped && character == ' ' && before == Some(' ')) {
            kept.push(character);
        }
        has_dropped = false;
    }
}

fn plain(character: char) -> char {
    match character {
        '\u{2010}' | '\u{2011}' => '-',
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' => ' ',
        _ => character,
    }
}

/// Whether a reader would miss a character between these two.
fn is_kept(character: char, before: Option<char>, after: Option<char>, runs_both_ways: bool) -> bool {
    let is = |other: Option<char>, what: fn(char) -> bool| other.is_some_and(what);
    match character {
        // Soft hyphen, zero-width space, word joiner, invisible operators, deprecated format characters, byte order
        // mark, annotations, shorthand and musical controls, the language tag.
        '\u{ad}'
        | '\u{200b}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0001}' => false,
        // The zero-width non-joiner parts letters that would join. The joiner shapes even a single letter, and joins
        // several emoji into one.
        '\u{200c}' => is(before, joins) && is(after, joins),
        '\u{200d}' => is(before, joins) || is(after, joins) || is(before, ends_emoji) && is(after, is_symbol),
        // Direction marks, embeddings, overrides and isolates.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => runs_both_ways,
        // Variation selectors, also between a digit and its keycap.
        '\u{fe00}'..='\u{fe0f}' => is(before, has_variations) || after == Some('\u{20e3}'),
        '\u{e0100}'..='\u{e01ef}' => is(before, |c| c >= '\u{2e80}'),
        '\u{180b}'..='\u{180f}' => is(before, |c| matches!(c, '\u{1800}'..='\u{18af}')),
        // The grapheme joiner keeps two marks of one letter in their order, which matters in Hebrew.
        '\u{34f}' => is(before, is_hebrew_mark) && is(after, is_hebrew_mark),
        // The letters of a flag's region.
        '\u{e0020}'..='\u{e007f}' => is(before, |c| matches!(c, '\u{1f3f4}' | '\u{e0020}'..='\u{e007f}')),
        _ => true,
    }
}

/// Letters, marks and digits of scripts whose letters join or change their shape beside each other: Arabic and its
/// neighbours, those of India, Southeast Asia and Tibet, Mongolian.
fn joins(character: char) -> bool {
    matches!(character,
        '\u{600}'..='\u{8ff}' | '\u{900}'..='\u{109f}' | '\u{1700}'..='\u{18af}' | '\u{1900}'..='\u{1cff}'
        | '\u{a840}'..='\u{a87f}' | '\u{a8e0}'..='\u{a8ff}' | '\u{a980}'..='\u{aaff}' | '\u{abc0}'..='\u{abff}'
        | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10a00}'..='\u{10fff}' | '\u{11000}'..='\u{11fff}')
        && character != '\u{61c}'
}

fn is_hebrew_mark(character: char) -> bool {
    matches!(character, '\u{591}'..='\u{5c7}')
}

fn ends_emoji(character: char) -> bool {
    is_symbol(character) || matches!(character, '\u{fe0f}' | '\u{e007f}')
}

/// Arrows, technical signs, dingbats and the characters of emoji.
fn is_symbol(character: char) -> bool {
    matches!(character, '\u{203c}' | '\u{2049}' | '\u{2100}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}'
        | '\u{3299}' | '\u{1f000}'..='\u{1fbff}')
}

/// Whether a variation selector may change how a character looks: a sign or emoji, or a letter beyond the European
/// ones.
fn has_variations(character: char) -> bool {
    is_symbol(character)
        || matches!(character, '©' | '®')
        || character >= '\u{900}' && character.is_alphanumeric()
        || matches!(character, '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff0f}')
}

/// Letters of Hebrew, Arabic and their neighbours.
fn is_right_to_left(character: char) -> bool {
    matches!(character,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}'
        | '\u{1e800}'..='\u{1efff}')
        && character != '\u{61c}'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Encoding, segments};
    use super::*;

    #[test]
    fn what_nobody_sees_goes() {
        let cases = [
            ("soft hyphen", "Liefer\u{ad}adresse", "Lieferadresse"),
            ("word joiner", "10\u{2060}000", "10000"),
            ("zero-width space and byte order mark", "a\u{200b}b\u{feff}c", "abc"),
            (
                "non-joiner between Latin letters and blanks",
                "besten \u{200c}Grüßen\u{200c}: a\u{200c}b",
                "besten Grüßen: ab",
            ),
            ("joiner between Latin letters", "a\u{200d}b", "ab"),
            ("blanks that only an unseen character parts", "a \u{200c} b \u{200e}\u{200f} c", "a b c"),
            ("blanks typed", "a  b", "a  b"),
            ("a number from a contact card", "\u{202d}+49 30 1234567\u{202c}", "+49 30 1234567"),
            ("isolates", "\u{2068}Ada\u{2069} and \u{2066}Bob\u{2069}", "Ada and Bob"),
            ("an override", "\u{202e}abc", "abc"),
            ("padding of newsletters", "Hi\u{34f} \u{200c} \u{34f} \u{200c} \u{34f}", "Hi "),
            ("a selector behind a letter", "a\u{fe0f}b\u{fe0e} \u{fe0f}", "ab "),
            ("a tag without its flag", "a\u{e0067}\u{e007f}\u{e0001}", "a"),
            (
                "hyphens and spaces that look plain",
                "A\u{2011}B\u{2010}C 10\u{202f}000\u{a0}€\u{2003}!",
                "A-B-C 10 000 € !",
            ),
            ("invisible operators", "f\u{2061}(x)\u{2062}y", "f(x)y"),
        ];
        for (what, text, expected) in cases {
            assert_eq!(visible(text), expected, "{what}");
            assert_eq!(segments(&visible(text)).encoding, Encoding::Gsm7, "{what}");
        }
    }

    #[test]
    fn what_changes_the_picture_stays() {
        let cases = [
            ("Persian", "می\u{200c}خواهم کتاب\u{200c}ها"),
            ("Arabic, a joiner that shapes a single letter", "ه\u{200d} هـ"),
            ("Hindi", "क्\u{200d}ष क्\u{200c}ष"),
            ("Malayalam, at a word's end", "ന്\u{200d} അവന്\u{200d}."),
            ("Sinhala", "ශ්\u{200d}රී"),
            ("Bengali", "র\u{200d}্যাব"),
            ("a family", "👩\u{200d}👩\u{200d}👧"),
            ("a heart on fire, a rainbow flag", "❤\u{fe0f}\u{200d}🔥 🏳\u{fe0f}\u{200d}🌈"),
            ("professions", "👩🏽\u{200d}⚕\u{fe0f} 🧑\u{200d}💻"),
            ("keycaps", "1\u{fe0f}\u{20e3} #\u{fe0f}\u{20e3}"),
            ("signs as emoji", "✔\u{fe0f} ☎\u{fe0f} ©\u{fe0f} ▪\u{fe0f} ❗\u{fe0e}"),
            ("the flag of England", "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}"),
            ("Hebrew with marks", "המספר \u{202d}+49 30\u{202c} שלי!\u{200f}"),
            ("Hebrew marks in their order", "מ\u{5b7}\u{34f}\u{5bd}"),
            ("an ideograph's variant", "葛\u{e0100}"),
            ("Mongolian", "ᠠ\u{180b}"),
        ];
        for (what, text) in cases {
            assert_eq!(visible(text), text, "{what}");
        }
    }

    /// A line has its own direction, so marks stay only in the lines that they serve.
    #[test]
    fn each_line_is_looked_at_alone() {
        assert_eq!(visible("a\u{200e}b\nשלום\u{200f}!\nc\u{200e}"), "ab\nשלום\u{200f}!\nc");
    }

    /// Every character that Unicode calls default-ignorable, one by one, among Latin letters.
    #[test]
    fn no_ignorable_character_makes_a_latin_text_dearer() {
        let ignorable = ["\u{ad}", "\u{34f}", "\u{61c}"].into_iter().map(str::to_owned);
        let ranges = [(0x180b, 0x180f), (0x200b, 0x200f), (0x202a, 0x202e), (0x2060, 0x206f), (0xfe00, 0xfe0f)];
        let others = [(0xfeff, 0xfeff), (0x1bca0, 0x1bca3), (0x1d173, 0x1d17a), (0xe0001, 0xe007f), (0xe0100, 0xe01ef)];
        let ranged = ranges.into_iter().chain(others).flat_map(|(first, last)| first..=last);
        let assigned = ranged.filter(|code| !(0xe0002..0xe0020).contains(code));
        for character in ignorable.chain(assigned.filter_map(char::from_u32).map(String::from)) {
            for text in
                [format!("a{character}b"), format!("{character}1 "), format!(" {character}"), format!("é{character}.")]
            {
                let seen = visible(&text);
                assert!(!seen.contains(&character), "{:?} stays in {text:?}", character);
                assert_eq!(segments(&seen).encoding, Encoding::Gsm7, "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn twice_is_once_and_nothing_seen_is_lost(text in prop_oneof![
            any::<String>(),
            "([a1 \n]|[مक👩❤]|\u{200c}|\u{200d}|\u{200e}|\u{ad}|\u{fe0f}|\u{20e3}|\u{34f}|\u{202d}|\u{e0067}|🏴){0,24}",
        ]) {
            let once = visible(&text);
            prop_assert_eq!(&visible(&once), &once);
            let seen = |text: &str| text.chars().filter(|c| c.is_alphanumeric() && is_kept(*c, None, None, false)).collect::<String>();
            prop_assert_eq!(seen(&once), seen(&text));
            prop_assert_eq!(once.matches('\n').count(), text.matches('\n').count());
            prop_assert!(segments(&once).segments <= segments(&text).segments);
        }
    }
}
