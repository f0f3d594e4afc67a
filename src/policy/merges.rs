//! The comments that merges of tickets leave, and the tickets that such comments name. It never merges: the desk does.

use jiff::{SignedDuration, Timestamp};

use crate::domain::comment::CommentView;
use crate::domain::event::TicketId;

/// How far the comment of a merge and the closing of the merged ticket lie apart at most: one job writes both.
const MERGE_LASTS: SignedDuration = SignedDuration::from_secs(120);

/// Tickets that a comment may name before it is no merge's: desks merge five at once.
const MERGED_MAX: usize = 5;

/// Whether a comment's words are the ones that a merge leaves on both tickets.
#[derive(Debug, PartialEq, Eq)]
pub enum MergeWords {
    /// They are not.
    No,
    /// They are, in the desk's own English.
    Yes,
    /// They name these tickets, as a merge's words do in every language. The tickets can tell.
    Perhaps(Vec<TicketId>),
}

/// Reads a comment's first line, in which a merge names its tickets; no desk documents another mark of such
/// comments.
#[must_use]
pub fn merge_words(comment: &CommentView) -> MergeWords {
    let line = comment.plain_body.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let into = line.starts_with("This request was closed and merged into request #");
    let from = line.starts_with("Request") && line.contains(" closed and merged into this request");
    if into || from {
        return MergeWords::Yes;
    }
    let named: Vec<TicketId> = numbers(line).collect();
    if named.is_empty() || named.len() > MERGED_MAX { MergeWords::No } else { MergeWords::Perhaps(named) }
}

fn leading_number(text: &str) -> Option<TicketId> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok().map(TicketId)
}

/// Whether a comment was written at the moment in which a merge closed a ticket: the comment's own, or one that it names.
#[must_use]
pub fn is_of_a_merge(written_at: Option<Timestamp>, merged_at: impl IntoIterator<Item = Timestamp>) -> bool {
    let Some(written_at) = written_at else { return false };
    merged_at.into_iter().any(|merged_at| merged_at.duration_since(written_at).abs() <= MERGE_LASTS)
}

/// The ticket into which this one was merged, by the comment that a merge leaves, in any language.
#[must_use]
pub fn named_heir(comment: &str, merged: TicketId) -> Option<TicketId> {
    numbers(comment).find(|id| *id != merged)
}

/// The numbers behind each `#`.
fn numbers(text: &str) -> impl Iterator<Item = TicketId> {
    text.split('#').skip(1).filter_map(leading_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::comment::{Author, Made};
    use crate::domain::event::{CommentId, UserId};

    fn comment(text: &str) -> CommentView {
        CommentView {
            id: CommentId(1),
            author_id: UserId(7),
            author: Author::Staff,
            author_name: None,
            public: true,
            made: Made::Written,
            created_at: None,
            html_body: String::new(),
            plain_body: text.to_owned(),
            attachments: Vec::new(),
            withheld: Vec::new(),
        }
    }

    #[test]
    fn the_words_of_a_merge_are_known_in_english_and_suspected_in_other_languages() {
        let words = |text: &str| merge_words(&comment(text));
        let perhaps = |ids: &[u64]| MergeWords::Perhaps(ids.iter().copied().map(TicketId).collect());
        let cases = [
            ("This request was closed and merged into request #1005 \"E-mail ticket\".", MergeWords::Yes),
            ("\nRequest #1022 \"x\" was closed and merged into this request. Last comment …\n\nHello", MergeWords::Yes),
            ("Requests #10, #11 were closed and merged into this request.", MergeWords::Yes),
            ("Die Anfrage #77 \"x\" wurde geschlossen und in diese Anfrage überführt.", perhaps(&[77])),
            ("Your order #4711 is on its way", perhaps(&[4711])),
            ("See you at 5\n#12", MergeWords::No),
            ("# 12 and #", MergeWords::No),
            ("#1 #2 #3 #4 #5 #6", MergeWords::No),
            ("", MergeWords::No),
        ];
        for (text, expected) in cases {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn a_suspected_merge_is_one_where_a_ticket_was_closed_by_it_in_that_moment() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        for (merged, expected) in [
            (vec![at(1_000)], true),
            (vec![at(1_120)], true),
            (vec![at(1_121)], false),
            (vec![at(880)], true),
            (vec![at(879)], false),
            (vec![at(2_000), at(1_000)], true),
            (vec![], false),
        ] {
            assert_eq!(is_of_a_merge(Some(at(1_000)), merged.clone()), expected, "{merged:?}");
            assert!(!is_of_a_merge(None, merged));
        }
    }

    #[test]
    fn the_heir_of_a_merged_ticket_is_read_from_the_comment() {
        let named = |comment| named_heir(comment, TicketId(5));
        assert_eq!(named("This request was closed and merged into request #12 \"Help\"."), Some(TicketId(12)));
        assert_eq!(named("Request #5 was merged into #77"), Some(TicketId(77)), "not the ticket itself");
        for nothing in ["", "#", "# 12", "number 12", "#99999999999999999999999"] {
            assert_eq!(named(nothing), None, "{nothing}");
        }
    }
}
