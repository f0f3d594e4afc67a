//! The shorthand in a text that Sunshine Conversations takes for another kind of message: a WhatsApp template, a button, a
//! picture. On WhatsApp an agent's shorthand for a template is read ([`crate::vendors::shorthand`]) and sent as that template; every
//! other shorthand is refused, because it would reach the customer as something else, or not at all. Pure.

pub(super) use crate::vendors::shorthand::{Wanted, names_a_template, read};

/// Why a text cannot go as it is; `None` for words that mean themselves.
pub(super) fn refusal(words: &str) -> Option<&'static str> {
    if names_a_template(words) {
        return Some(
            "the text holds the shorthand of a WhatsApp template, `&((`, which is not passed on here: write the words \
             themselves, or take the two brackets out",
        );
    }
    (has_link(words, "%[") || has_link(words, "![")).then_some(
        "the text holds the shorthand of a button or a picture, such as `%[…](…)`, which would reach the customer as something \
         else: write the words and the address without the brackets",
    )
}

/// Whether the opening is followed by words in brackets and an address in parentheses.
fn has_link(words: &str, opening: &str) -> bool {
    words.match_indices(opening).any(|(at, _)| {
        let rest = words.get(at + opening.len()..).unwrap_or_default();
        rest.split_once("](").is_some_and(|(label, behind)| !label.contains(['[', '\n']) && behind.contains(')'))
    })
}

/// Whether it has the form of a template's name.
pub(super) fn is_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=512).contains(&text.len()) && text.bytes().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorthand_is_refused_and_words_that_look_like_it_are_not() {
        for (words, is_refused) in [
            ("&((namespace=[[n]] template=[[t]]))&", true),
            ("Hello &(( there", true),
            ("press %[Yes](reply:yes)", true),
            ("![](https://example.org/x.png)", true),
            ("![a cat](https://example.org/x.png) and more", true),
            ("100%[sic] of it", false),
            ("Wow![1] (really)", false),
            ("a [link](https://example.org)", false),
            ("you & ((me))", false),
            ("%[a\nb](c)", false),
            ("", false),
        ] {
            assert_eq!(refusal(words).is_some(), is_refused, "{words}");
        }
    }
}
