//! Tells whether a message was lost or doubled: compares the messages of one side with those shown on the other.
//! Pure.
//!
//! Words are compared, not the bridge's own marks, so that the bridge cannot flatter itself.

use serde::Serialize;

/// The fates of all messages so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Account {
    /// Texts and public replies.
    pub(super) texted: usize,
    /// Of these, shown on the other side.
    pub(super) arrived: usize,
    /// Not shown yet, and still on the way.
    pub(super) on_the_way: usize,
    /// Refused, with a reason to read: most likely the customer has opted out.
    pub(super) refused: usize,
    /// Shown once too often, or shown and never written.
    pub(super) doubled: usize,
    /// Not shown, and not on the way any more.
    pub(super) lost: usize,
}

/// The fate of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fate {
    Arrived,
    OnTheWay,
    Refused,
    Lost,
}

impl Account {
    /// Adds up; `doubled` comes from [`match_up`].
    pub(super) fn of(fates: &[Fate], doubled: usize) -> Self {
        let count = |fate| fates.iter().filter(|other| **other == fate).count();
        Self {
            texted: fates.len(),
            arrived: count(Fate::Arrived),
            on_the_way: count(Fate::OnTheWay),
            refused: count(Fate::Refused),
            doubled,
            lost: count(Fate::Lost),
        }
    }
}

/// Finds each message among the shown ones, each of which stands for one message only. Returns with it the number of
/// shown ones left over, which are there twice or were never written. Only words are compared, not layout.
pub(super) fn match_up(said: &[&str], shown: &[&str]) -> (Vec<bool>, usize) {
    let mut left: Vec<String> = shown.iter().map(|words| bare(words)).collect();
    let find = |words: &&str| {
        let words = bare(words);
        let place = left.iter().position(|other| *other == words);
        place.map(|place| left.swap_remove(place)).is_some()
    };
    let found = said.iter().map(find).collect();
    (found, left.len())
}

/// The texts in a customer's comment: one, or several that waited together, each under a line with its time. Links to
/// `media` are left out.
pub(super) fn texts_in(comment: &str, media: &str) -> Vec<String> {
    let mut texts = vec![String::new()];
    for line in comment.lines().filter(|line| !line.starts_with(media)) {
        match texts.last_mut() {
            Some(last) if !is_time(line) => {
                last.push_str(line);
                last.push('\n');
            }
            _ => texts.push(String::new()),
        }
    }
    texts.retain(|text| !text.trim().is_empty());
    texts
}

/// The line that stands before each of several texts in one comment.
fn is_time(line: &str) -> bool {
    line.starts_with('[') && line.ends_with(" UTC]")
}

fn bare(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_is_too_many_is_found() {
        for (said, shown, found, left) in [
            (&["a", "b"][..], &["a", "b"][..], &[true, true][..], 0),
            (&["a", "a"], &["a"], &[true, false], 0),
            (&["a"], &["a", "a"], &[true], 1),
            (&["a"], &["b"], &[false], 1),
            (&[], &["b"], &[], 1),
            (&["two\nlines  here"], &["two lines\nhere "], &[true], 0),
        ] {
            assert_eq!(match_up(said, shown), (found.to_vec(), left), "{said:?} {shown:?}");
        }
    }

    #[test]
    fn merged_texts_are_told_apart_and_links_to_pictures_left_out() {
        let media = "http://127.0.0.1:1/media/";
        assert_eq!(texts_in("one\n\ntext", media), ["one\n\ntext\n"]);
        assert_eq!(texts_in("look\nhttp://127.0.0.1:1/media/p1.png", media), ["look\n"]);
        let merged = "[10:00:00 UTC]\none\n[10:00:09 UTC]\ntwo\nlines";
        assert_eq!(texts_in(merged, media), ["one\n", "two\nlines\n"]);
    }

    #[test]
    fn the_account_adds_up() {
        let fates = [Fate::Arrived, Fate::Lost, Fate::Arrived, Fate::Refused, Fate::OnTheWay];
        let account = Account { texted: 5, arrived: 2, on_the_way: 1, refused: 1, doubled: 3, lost: 1 };
        assert_eq!(Account::of(&fates, 3), account);
    }
}
