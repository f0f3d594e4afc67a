//! For texts on a chat channel that takes some characters for formatting: keeps such a character as the agent wrote it.
//!
//! Such a channel formats the words between two marks (`*`, `_`, `~`, a backtick) where the first one stands before a word
//! and touches it, and takes a line that begins with `>` for a quotation. A thin space behind the mark, or before the `>`,
//! ends that and is hardly seen. No character is lost, and no address is ever touched.

/// A space that every channel takes for white space, and that is the thinnest to see.
const THIN: char = '\u{200a}';

/// The marks that come in pairs.
const MARKS: [char; 4] = ['*', '_', '~', '`'];

/// The text, of which the channel formats nothing.
#[must_use]
pub fn unmarked_up(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            plain.push('\n');
        }
        if line.starts_with('>') {
            plain.push(THIN);
        }
        for word in line.split_inclusive(char::is_whitespace) {
            push(&mut plain, word);
        }
    }
    plain
}

fn push(plain: &mut String, word: &str) {
    let is_address = word.contains("://") || word.contains('@') || word.starts_with("www.");
    if is_address {
        return plain.push_str(word);
    }
    let mut is_inside_word = false;
    let mut characters = word.chars().peekable();
    while let Some(character) = characters.next() {
        plain.push(character);
        let touches = characters.peek().is_some_and(|next| !next.is_whitespace());
        if MARKS.contains(&character) && !is_inside_word && touches {
            plain.push(THIN);
        }
        is_inside_word = character.is_alphanumeric();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mark_before_a_word_touches_it_no_more() {
        for (text, plain) in [
            ("dial *100#, then *200#", "dial *\u{200a}100#, then *\u{200a}200#"),
            ("_really_ (~not~)", "_\u{200a}really_ (~\u{200a}not~)"),
            ("`code` ```x```", "`\u{200a}code` `\u{200a}`\u{200a}`\u{200a}x``\u{200a}`"),
            ("> 5 items\n>6", "\u{200a}> 5 items\n\u{200a}>6"),
            ("2*3*4 and 5 * 6 * 7", "2*3*4 and 5 * 6 * 7"),
            ("https://shop.example/_a_/*b* me@x_y_.example", "https://shop.example/_a_/*b* me@x_y_.example"),
            ("", ""),
        ] {
            assert_eq!(unmarked_up(text), plain, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_character_is_lost_and_a_second_time_changes_nothing(text in "([a-z*_~`> \n]|https://a_b|é|😀){0,60}") {
            let plain = unmarked_up(&text);
            prop_assert_eq!(plain.replace(THIN, ""), text.clone());
            prop_assert_eq!(unmarked_up(&plain), plain);
        }
    }
}
