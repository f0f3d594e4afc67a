//! The SMS segments of a text, and the cuts of a text that takes too many.
//!
//! A text in the GSM alphabet has 160 septets, or 153 in each of several segments; any other character turns the whole
//! text into UCS-2, with 70 and 67 units of 16 bits. A character is never divided between two segments.

use serde::Serialize;
use unicode_segmentation::GraphemeCursor;

use super::gsm;

/// The alphabet that a text travels in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// The GSM 7-bit alphabet with its extension table.
    Gsm7,
    /// 16-bit units; characters beyond the basic plane take two.
    Ucs2,
}

impl Encoding {
    /// Units in a text of one segment, and in each of several, which lose 6 bytes to the header that joins them.
    fn capacities(self) -> (usize, usize) {
        match self {
            Self::Gsm7 => (160, 153),
            Self::Ucs2 => (70, 67),
        }
    }
}

/// The size of a text in segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Segments {
    /// The alphabet.
    pub encoding: Encoding,
    /// Septets or 16-bit units, without the unused ones at a segment's end.
    pub units: usize,
    /// Segments; 0 for an empty text.
    pub segments: usize,
}

/// Counts a text as carriers do.
#[must_use]
pub fn segments(text: &str) -> Segments {
    let mut meter = Meter::default();
    text.chars().for_each(|character| meter.add(character));
    meter.reading()
}

/// Cuts a text into parts of at most `max_segments` each (at least 1): at a line break if one is near enough to the end
/// of the part, else between words. A word is cut only when it alone is too long, and never inside an emoji or a letter
/// with its accents. White space at the cuts and at both ends goes; no other character is lost, and no part is empty.
#[must_use]
pub fn split(text: &str, max_segments: usize) -> Vec<String> {
    parts(text, |rest| fitting_bytes(rest, max_segments.max(1)))
}

/// Cuts a text like [`split`], into parts of at most `max` characters each (at least 2). A character beyond the basic plane
/// counts as two, because a channel may count so.
#[must_use]
pub fn split_characters(text: &str, max: usize) -> Vec<String> {
    parts(text, |rest| {
        let mut units: usize = 0;
        let surplus = rest.char_indices().find(|(_, character)| {
            units = units.saturating_add(character.len_utf16());
            units > max.max(2)
        });
        surplus.map_or(rest.len(), |(at, _)| at)
    })
}

fn parts(text: &str, fitting: impl Fn(&str) -> usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (part, after) = rest.split_at(cut(rest, fitting(rest)));
        parts.push(part.trim_end().to_owned());
        rest = after.trim_start();
    }
    parts
}

/// The length of the longest beginning of `text` that fits. Never 0 for a text that is not empty, because one character
/// takes two units at most.
fn fitting_bytes(text: &str, max_segments: usize) -> usize {
    let mut meter = Meter::default();
    for (at, character) in text.char_indices() {
        meter.add(character);
        if meter.reading().segments > max_segments {
            return at;
        }
    }
    text.len()
}

/// The position at which to cut a text whose first `fitting` bytes fit.
fn cut(text: &str, fitting: usize) -> usize {
    let (Some(head), Some(tail)) = (text.get(..fitting), text.get(fitting..)) else { return text.len() };
    if tail.is_empty() || tail.starts_with('\n') {
        return fitting;
    }
    // A line break in the second half is worth a shorter part; one before that is not.
    if let Some(line_end) = head.rfind('\n').filter(|at| *at > fitting / 2) {
        return line_end;
    }
    if tail.starts_with(is_gap) {
        return fitting;
    }
    // The text is trimmed, so at least one character stands before a gap.
    if let Some(word_end) = head.rfind(is_gap) {
        return word_end;
    }
    whole_character_end(text, fitting)
}

/// White space at which a line may be broken.
fn is_gap(character: char) -> bool {
    character.is_whitespace() && !matches!(character, '\u{a0}' | '\u{2007}' | '\u{202f}')
}

/// `end`, or the beginning of the composed character that `end` divides. A part is never empty, so a composed character
/// that is longer than a part is divided all the same.
fn whole_character_end(text: &str, end: usize) -> usize {
    let mut cursor = GraphemeCursor::new(end, text.len(), true);
    if cursor.is_boundary(text, 0).unwrap_or(true) {
        return end;
    }
    cursor.prev_boundary(text, 0).ok().flatten().filter(|at| *at > 0).unwrap_or(end)
}

/// Counts in both alphabets at once, because any character may turn out to be the first that GSM does not have.
#[derive(Default)]
struct Meter {
    gsm: Count,
    ucs2: Count,
    has_other: bool,
}

#[derive(Default)]
struct Count {
    units: usize,
    /// Segments filled before the current one, if this is one of several.
    full: usize,
    /// Units in the current one.
    current: usize,
}

impl Meter {
    fn add(&mut self, character: char) {
        match gsm::septets(character) {
            Some(septets) => self.gsm.add(septets, Encoding::Gsm7),
            None => self.has_other = true,
        }
        self.ucs2.add(character.len_utf16(), Encoding::Ucs2);
    }

    fn reading(&self) -> Segments {
        let (encoding, count) = if self.has_other { (Encoding::Ucs2, &self.ucs2) } else { (Encoding::Gsm7, &self.gsm) };
        let (single, _) = encoding.capacities();
        let segments = match count.units {
            0 => 0,
            units if units <= single => 1,
            _ => count.full + 1,
        };
        Segments { encoding, units: count.units, segments }
    }
}

impl Count {
    fn add(&mut self, units: usize, encoding: Encoding) {
        let (_, several) = encoding.capacities();
        self.units += units;
        if self.current + units > several {
            self.full += 1;
            self.current = 0;
        }
        self.current += units;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_take_their_segments() {
        let gsm = Encoding::Gsm7;
        let ucs2 = Encoding::Ucs2;
        let cases = [
            (String::new(), gsm, 0, 0),
            ("a".into(), gsm, 1, 1),
            ("a".repeat(160), gsm, 160, 1),
            ("a".repeat(161), gsm, 161, 2),
            ("a".repeat(306), gsm, 306, 2),
            ("a".repeat(307), gsm, 307, 3),
            ("a".repeat(1530), gsm, 1530, 10),
            ("a".repeat(1531), gsm, 1531, 11),
            ("€".repeat(80), gsm, 160, 1),
            ("€".repeat(81), gsm, 162, 2),
            // 153 is odd: the pair does not fit the last septet, so each segment holds 76 of them.
            ("€".repeat(152), gsm, 304, 2),
            ("€".repeat(153), gsm, 306, 3),
            (format!("{}€", "a".repeat(158)), gsm, 160, 1),
            (format!("{}€", "a".repeat(159)), gsm, 161, 2),
            ("я".repeat(70), ucs2, 70, 1),
            ("я".repeat(71), ucs2, 71, 2),
            ("я".repeat(134), ucs2, 134, 2),
            ("я".repeat(135), ucs2, 135, 3),
            ("я".repeat(670), ucs2, 670, 10),
            ("😀".repeat(35), ucs2, 70, 1),
            // 67 is odd as well: 33 pairs to a segment.
            ("😀".repeat(66), ucs2, 132, 2),
            ("😀".repeat(67), ucs2, 134, 3),
            (format!("{}’", "a".repeat(69)), ucs2, 70, 1),
            (format!("{}’", "a".repeat(70)), ucs2, 71, 2),
        ];
        for (text, encoding, units, count) in cases {
            let expected = Segments { encoding, units, segments: count };
            assert_eq!(segments(&text), expected, "{} characters", text.chars().count());
        }
    }

    #[test]
    fn a_text_that_fits_stays_whole() {
        for text in ["", " \n\u{a0} "] {
            assert!(split(text, 10).is_empty(), "{text:?}");
        }
        assert_eq!(split("  two words\nand a line ", 10), ["two words\nand a line"]);
        assert_eq!(split(&"a".repeat(1530), 10).len(), 1);
    }

    #[test]
    fn a_text_is_cut_by_its_characters_where_no_segments_count() {
        assert_eq!(split_characters(&"я".repeat(4096), 4096).len(), 1);
        assert_eq!(split_characters(&"я".repeat(4097), 4096), ["я".repeat(4096), "я".to_owned()]);
        assert_eq!(split_characters(&"😀".repeat(2049), 4096), ["😀".repeat(2048), "😀".to_owned()]);
        assert_eq!(split_characters("two words", 5), ["two", "words"]);
        assert_eq!(split_characters("😀😀", 0), ["😀", "😀"]);
    }

    #[test]
    fn cuts_prefer_lines_then_words() {
        let line = "x".repeat(100);
        assert_eq!(split(&format!("{line}\n{}\n\n{line}", "y y ".repeat(20).trim()), 1).len(), 3);
        assert_eq!(split(&format!("{line}\nword {line}"), 1), [line.clone(), format!("word {line}")]);
        // The line break is too far back to be worth it.
        let words = "word ".repeat(40);
        let parts = split(&format!("a\n{words}"), 1);
        assert!(parts[0].len() > 150 && parts[0].ends_with("word"), "{parts:?}");
        // A word that fits alone is not cut.
        assert_eq!(split(&format!("hi {}", "u".repeat(160)), 1), ["hi".to_owned(), "u".repeat(160)]);
        // A word that does not is cut, from the beginning of a part.
        assert_eq!(split(&"u".repeat(161), 1), ["u".repeat(160), "u".to_owned()]);
        // No-break spaces are not for breaking.
        let joined = format!("{} 10\u{a0}000", "a".repeat(66));
        assert_eq!(split(&joined, 1), ["a".repeat(66), "10\u{a0}000".to_owned()]);
    }

    #[test]
    fn the_part_decides_its_alphabet() {
        // The emoji is in the second part, so the first still travels in GSM.
        let parts = split(&format!("{} 😀", "a".repeat(160)), 1);
        assert_eq!(parts, ["a".repeat(160), "😀".to_owned()]);
    }

    #[test]
    fn what_is_shown_as_one_is_not_cut() {
        for unit in ["👨\u{200d}👩\u{200d}👧", "🇩🇪", "👍🏽", "e\u{301}", "❤\u{fe0f}", "\u{1112}\u{1161}\u{11ab}", "நி"]
        {
            for padding in 0..12 {
                let text = format!("{}{}", "я".repeat(padding), unit.repeat(60));
                for part in split(&text, 1) {
                    let units = part.trim_start_matches('я').replace(unit, "");
                    assert_eq!(units, "", "{unit:?} was cut with {padding} before it");
                }
            }
        }
    }

    #[test]
    fn absurd_limits_and_texts_end() {
        assert_eq!(split(&"a".repeat(161), 0), split(&"a".repeat(161), 1));
        assert_eq!(split("a b", usize::MAX), ["a b"]);
        let accents = "\u{301}".repeat(10_000);
        assert_eq!(split(&accents, 1).concat(), accents);
        assert_eq!(split(&"🇩".repeat(10_001), 1).concat(), "🇩".repeat(10_001));
        let long = "word ".repeat(60_000);
        assert_eq!(split(&long, 10).len(), 197);
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "([a-z€😀 \n\u{a0}]|🇩🇪|e\u{301}){0,400}", "[a-z {]{0,900}",]
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_every_part_fits(text in any_text(), max in 0usize..4) {
            let parts = split(&text, max);
            for part in &parts {
                prop_assert!(!part.trim().is_empty());
                prop_assert!(segments(part).segments <= max.max(1));
            }
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&parts.concat()), letters(&text));
            // Each part stands in the text unchanged, in order.
            let mut rest = text.as_str();
            for part in &parts {
                let at = rest.find(part.as_str());
                prop_assert!(at.is_some());
                rest = &rest[at.unwrap() + part.len()..];
            }
        }

        #[test]
        fn a_word_is_cut_only_where_it_alone_is_too_long(text in any_text(), max in 1usize..=10) {
            let parts = split(&text, max);
            let mut rest = text.trim();
            for part in &parts {
                prop_assert!(segments(part).segments <= max);
                let after = rest.strip_prefix(part.as_str()).unwrap();
                rest = after.trim_start();
                // No white space was dropped between this part and the next, so the cut is inside a word.
                if after.len() == rest.len() && !rest.is_empty() {
                    prop_assert!(!part.contains(is_gap), "{:?} goes on with {:?}", part, rest);
                }
            }
            prop_assert_eq!(rest, "");
        }

        #[test]
        fn the_count_agrees_with_a_slow_one(text in any_text()) {
            let sizes: Option<Vec<usize>> = text.chars().map(gsm::septets).collect();
            let (sizes, single, several) = match sizes {
                Some(sizes) => (sizes, 160, 153),
                None => (text.chars().map(char::len_utf16).collect(), 70, 67),
            };
            let units: usize = sizes.iter().sum();
            let mut filled = vec![0];
            for size in sizes {
                if filled.last().unwrap() + size > several { filled.push(0) }
                *filled.last_mut().unwrap() += size;
            }
            let expected = if units == 0 { 0 } else if units <= single { 1 } else { filled.len() };
            prop_assert_eq!(segments(&text).units, units);
            prop_assert_eq!(segments(&text).segments, expected);
        }
    }
}
