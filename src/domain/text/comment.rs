//! Two forms of an agent's comment that the published recipe's templates impose: the desk's dashed header before it, and
//! the carrier's template that prints one line of it. Never knows which template a text came from.

/// The shortest line of dashes that counts as a header's. A header's has 46; a person draws fewer.
const DASHES_MIN: usize = 20;

/// The longest "name, date" line. Names end at 255 characters; a paragraph of prose is longer.
const NAME_LINE_MAX_CHARS: usize = 300;

/// Takes off the block that a desk's comment placeholders put before a comment: a line of dashes, a blank line,
/// `Name, date`, a blank line. Any other text stays unchanged, and only the first of several blocks goes.
///
/// The date is in the agent's own language, so its only sign is a digit behind a comma. That digit, the blank line
/// behind it and the length of the dashes protect a message that merely starts with a line of dashes.
#[must_use]
pub fn strip_comment_header(text: &str) -> &str {
    after_header(text).unwrap_or(text)
}

fn after_header(text: &str) -> Option<&str> {
    let (dashes, rest) = line(skip_blank_lines(text))?;
    let dashes = dashes.trim();
    if dashes.len() < DASHES_MIN || !dashes.bytes().all(|b| b == b'-') {
        return None;
    }
    let (name_line, rest) = line(skip_blank_lines(rest))?;
    let (name, date) = name_line.split_once(',')?;
    let is_name_line = !name.trim().is_empty()
        && date.chars().any(char::is_numeric)
        && name_line.chars().nth(NAME_LINE_MAX_CHARS).is_none();
    // Without a comment behind it, the block may end with the name line.
    let is_followed_by_blank = rest.is_empty() || line(rest).is_some_and(|(next, _)| next.trim().is_empty());
    (is_name_line && is_followed_by_blank).then(|| skip_blank_lines(rest))
}

/// The first line without its line break, and the rest; `None` at the end.
fn line(text: &str) -> Option<(&str, &str)> {
    if text.is_empty() { None } else { Some(text.split_once('\n').unwrap_or((text, ""))) }
}

fn skip_blank_lines(mut text: &str) -> &str {
    while let Some((first, rest)) = line(text)
        && first.trim().is_empty()
    {
        text = rest;
    }
    text
}

/// The form of `msg_body` for drop-in campaigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipeMessage {
    /// The whole text on the third line ([`third_line`]), the one that the published template prints.
    ThirdLine,
    /// The text itself.
    Whole,
}

/// The dashes that open a desk's own header block.
const HEADER_DASHES: &str = "----------------------------------------------";

/// The whole text as the third line, where the published recipe's SMS template (`split` at line feeds, item 2) finds
/// it. Its own line breaks become single spaces, because that template drops everything behind the third line.
#[must_use]
pub fn third_line(text: &str) -> String {
    let is_break = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];
    let lines: Vec<&str> = text.split(is_break).map(str::trim).filter(|line| !line.is_empty()).collect();
    // The first line is the desk's own dashes, because a message that began with blank lines would lose them to any trim
    // on the way, and its third line would be empty.
    format!("{HEADER_DASHES}\n\n{}", lines.join(" "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DASHES: &str = HEADER_DASHES;

    #[test]
    fn the_header_goes_and_nothing_else() {
        let cases = [
            ("as published", format!("{DASHES}\n\nAda L., Nov 21, 10:15\n\nHello\n\nyou"), "Hello\n\nyou"),
            ("carriage returns", format!("{DASHES}\r\n\r\nAda L., Nov 21, 10:15\r\n\r\nHello\r\nyou"), "Hello\r\nyou"),
            ("another language", format!("{DASHES}\n\nÅsa Ö, 21. Nov. um 10:15\n\nHallo"), "Hallo"),
            ("other digits", format!("{DASHES}\n\nليلى, ٢١ نوفمبر\n\nمرحبا"), "مرحبا"),
            ("blank lines before", format!("\n \n{DASHES}\n\nAda, 1 May\n\nHi"), "Hi"),
            ("no blank line after the dashes", format!("{DASHES}\nAda, 1 May\n\nHi"), "Hi"),
            (
                "only the first of two",
                format!("{DASHES}\n\nAda, 1 May\n\n{DASHES}\n\nBob, 2 May\n\nHi"),
                "----------------------------------------------\n\nBob, 2 May\n\nHi",
            ),
            ("nothing behind it", format!("{DASHES}\n\nAda, 1 May\n\n"), ""),
            ("nothing at all behind it", format!("{DASHES}\n\nAda, 1 May"), ""),
        ];
        for (what, text, expected) in cases {
            assert_eq!(strip_comment_header(&text), expected, "{what}");
        }
    }

    #[test]
    fn a_message_that_only_looks_like_it_stays() {
        let long_name = format!("{DASHES}\n\n{}, 1 May\n\nHi", "x".repeat(300));
        let cases = [
            "".to_owned(),
            "\n\n".to_owned(),
            "Hello".to_owned(),
            DASHES.to_owned(),
            format!("{DASHES}\n\n"),
            format!("{DASHES}\nHello, here is your offer 5\nfor today"),
            format!("{DASHES}\n\nDear Ada, thank you\n\nBob"),
            format!("{DASHES}\n\nNo comma 5\n\nBob"),
            format!("{DASHES}\n\n, 5\n\nBob"),
            "---\n\nAda, 1 May\n\nHi".to_owned(),
            format!("{DASHES}x\n\nAda, 1 May\n\nHi"),
            format!("Hi\n{DASHES}\n\nAda, 1 May\n\nHi"),
            long_name,
        ];
        for text in cases {
            assert_eq!(strip_comment_header(&text), text);
        }
    }

    #[test]
    fn the_third_line_holds_everything() {
        let cases = [
            ("Hello", "Hello"),
            ("Hello\nyou", "Hello you"),
            ("Hello\r\n\r\n  you \rand\u{2028}me\n", "Hello you and me"),
            ("two  spaces", "two  spaces"),
            ("", ""),
        ];
        for (text, expected) in cases {
            let message = third_line(text);
            let lines: Vec<&str> = message.split('\n').collect();
            assert_eq!(lines, [HEADER_DASHES, "", expected], "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_left_is_always_the_end_of_the_text(text in "(-{0,25}|[a-z, 1]{0,6}|\r?\n| ){0,12}") {
            prop_assert!(text.ends_with(strip_comment_header(&text)));
            prop_assert_eq!(third_line(&text).matches('\n').count(), 2);
        }
    }
}
