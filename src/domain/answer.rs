//! The vendor's answers to failed attempts, as an operator may ask to see them.
//!
//! An answer is evidence: no rule reads it, and no cause, log line, metric or trace holds any of it. It may repeat a
//! customer's words, so it is shown only by an audited act and erased with its delivery.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The longest [`Answer::body`], in bytes. Both vendors' error bodies are far shorter; a gateway's page is cut.
pub const BODY_BYTES_MAX: usize = 1024;

/// The longest [`Answer::call`] and [`Answer::content_type`], in bytes.
const WORD_BYTES_MAX: usize = 128;

/// The most answers that are kept of one delivery: with [`BODY_BYTES_MAX`] at most 22 KiB in the store, if every
/// character of every body must be escaped.
pub const ANSWERS_MAX: usize = 8;

/// A vendor's answer to the call at which an attempt failed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// When it came; for several equal answers in a row, the last time.
    pub at: Timestamp,
    /// The number of equal answers in a row.
    pub times: u32,
    /// The call, by its method and path.
    pub call: String,
    /// The HTTP status.
    pub status: u16,
    /// The header `Content-Type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The beginning of the body, [`visible`] and at most [`BODY_BYTES_MAX`] long.
    pub body: String,
    /// The length of the whole body in bytes.
    pub length: u64,
}

impl Answer {
    /// An answer; `body` is the known part of its body, `length` the length of the whole body in bytes.
    #[must_use]
    pub fn new(at: Timestamp, call: &str, status: u16, content_type: Option<&str>, body: &str, length: u64) -> Self {
        let word = |word: &str| visible(word, WORD_BYTES_MAX);
        Self {
            at,
            times: 1,
            call: word(call),
            status,
            content_type: content_type.map(word),
            body: visible(body, BODY_BYTES_MAX),
            length,
        }
    }

    /// Whether the vendor gave the same answer to the same call.
    fn equals(&self, other: &Self) -> bool {
        let said = |answer: &Self| (answer.status, answer.length);
        said(self) == said(other)
            && self.call == other.call
            && self.content_type == other.content_type
            && self.body == other.body
    }
}

/// A vendor's words stay out of logs and panics, so only the call and the status are shown.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}: {}, …)", self.call, self.status)
    }
}

/// The answers of one delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// The number of older answers that were dropped.
    #[serde(default)]
    pub older: u64,
    /// The newest [`ANSWERS_MAX`], oldest first; equal answers in a row are one entry.
    pub kept: Vec<Answer>,
}

impl Answers {
    /// Adds an answer as the newest.
    pub fn add(&mut self, answer: Answer) {
        match self.kept.last_mut() {
            Some(last) if last.equals(&answer) => {
                last.at = answer.at;
                last.times = last.times.saturating_add(answer.times);
            }
            Some(_) | None => self.kept.push(answer),
        }
        let surplus = self.kept.len().saturating_sub(ANSWERS_MAX);
        self.older = self.kept.drain(..surplus).fold(self.older, |older, gone| older + u64::from(gone.times));
    }

    /// Whether no attempt was answered by a refusal.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

/// The beginning of a text that fits into so many bytes. Each invisible character, and each that changes how others
/// look, is replaced by a visible one. Line ends stay.
#[must_use]
pub fn visible(text: &str, bytes_max: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(bytes_max));
    for character in text.chars() {
        let before = shown.len();
        match character {
            '\n' => shown.push('\n'),
            // Unicode's pictures of the control characters stand in the same order as these.
            '\0'..='\u{1f}' => shown.extend(char::from_u32(0x2400 + u32::from(character))),
            '\u{7f}' => shown.push('\u{2421}'),
            // Further controls, direction marks, separators that end a line, the byte order mark.
            '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
        if shown.len() > bytes_max {
            shown.truncate(before);
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn answer(second: i64, body: &str) -> Answer {
        Answer::new(at(second), "POST /campaigns/trigger/send", 400, Some("application/json"), body, 9)
    }

    #[test]
    fn a_body_is_cut_at_a_character_and_hides_nothing() {
        for (body, shown) in [
            ("", ""),
            ("{\"message\":\"no\"}\n", "{\"message\":\"no\"}\n"),
            ("a\r\n\tb\0\u{1b}[31mred\u{7f}", "a␍\n␉b␀␛[31mred␡"),
            ("\u{85}\u{202e}txt\u{feff}", "\\u{85}\\u{202e}txt\\u{feff}"),
        ] {
            assert_eq!(answer(1, body).body, shown, "{body:?}");
        }
        assert_eq!(answer(1, &"x".repeat(1025)).body, "x".repeat(1024));
        assert_eq!(answer(1, &format!("x{}", "é".repeat(600))).body, format!("x{}", "é".repeat(511)));
        assert_eq!(visible("é", 1), "");
    }

    #[test]
    fn the_newest_are_kept_equal_ones_as_one_and_older_ones_are_counted() {
        let mut answers = Answers::default();
        for second in 0..4 {
            answers.add(answer(second, "busy"));
        }
        let told: Vec<_> = answers.kept.iter().map(|answer| (answer.at, answer.times)).collect();
        assert_eq!((told, answers.older), (vec![(at(3), 4)], 0));
        for second in 4..13 {
            answers.add(answer(second, &format!("request {second}")));
        }
        assert_eq!((answers.kept.len(), answers.older), (ANSWERS_MAX, 4 + 1));
        assert_eq!(answers.kept.last().map(|answer| answer.at), Some(at(12)));
        assert_eq!(answers.kept.first().map(|answer| answer.at), Some(at(5)));
    }

    proptest! {
        #[test]
        fn what_is_kept_is_bounded_and_shows(body in "\\PC{0,40}|[\\x00-\\u{a0}\\u{2028}\\u{202e}x]{0,2000}") {
            let kept = answer(1, &body).body;
            prop_assert!(kept.len() <= BODY_BYTES_MAX);
            prop_assert!(kept.chars().all(|c| c == '\n' || !c.is_control()), "{kept:?}");
        }
    }

    #[test]
    fn the_answers_of_a_delivery_take_little_room_whatever_they_are() {
        let mut answers = Answers::default();
        let quotes = "\"".repeat(5000);
        for second in 0..100 {
            answers.add(Answer::new(
                at(second),
                &quotes,
                599,
                Some(&quotes),
                &quotes,
                u64::MAX - second.unsigned_abs(),
            ));
        }
        let record = serde_json::to_vec(&answers).unwrap();
        assert!(record.len() <= 22 * 1024, "{}", record.len());
    }

    #[test]
    fn no_debug_output_holds_the_vendors_words() {
        let mut answers = Answers::default();
        answers.add(answer(1, "ada@acme.com"));
        assert!(!format!("{answers:?}").contains("ada@"), "{answers:?}");
    }
}
