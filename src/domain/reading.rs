//! The bridge's reading of one ticket, by which the catch-up on lost webhooks can tell whether the ticket has a new
//! comment without reading the comments again.
//!
//! Two facts tell, and each is believed only as far as it proves something. A time says that every comment up to then
//! was read. It is a time of the vendor's own clock and lies before the read, because a comment written in the same
//! second may appear later. A [`Tally`] counts the comments that are known by their numbers. The bridge's own write
//! raises the count by one, so it never hides an agent's comment written just before.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::event::CommentId;

/// The most comments beyond the counted ones that are remembered by number. A ticket that gets more without a reply to
/// the phone is no longer counted, and is read whenever it changes.
const BEYOND_MAX: usize = 128;

/// The reading of a ticket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The time, by the vendor's clock, up to which every comment is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// The newest known comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<CommentId>,
    /// When the comments were last read up to the newest, by the bridge's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The number of known comments; `None` where the number of earlier comments is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tally: Option<Tally>,
}

/// The vendor's count of a ticket's comments, taken while all of them were known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// The vendor's count. Its documents do not tell whether internal comments are in it.
    pub comments: u32,
    /// The newest comment then.
    pub newest: CommentId,
}

/// A comment, as the count sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Its number; later ones are larger.
    pub id: CommentId,
    /// Whether the customer may see it.
    pub public: bool,
}

/// The result of one read of a ticket's comments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The comments, in any order.
    pub comments: Vec<Counted>,
    /// Whether these are all comments of the ticket, rather than those after one of them.
    pub whole: bool,
    /// The time, by the vendor's clock, up to which these are complete.
    pub to: Option<Timestamp>,
}

/// The known comments of a ticket: a count up to one of them, as the vendor counts, and the later ones by number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Tally {
    counted_to: CommentId,
    counted: u32,
    beyond: Vec<Counted>,
}

impl Reading {
    /// The ticket was opened with this comment of the bridge's own and holds no other.
    pub fn opened_with(&mut self, comment: CommentId) {
        if self.tally.is_none() {
            self.tally = Some(Tally { counted_to: comment, counted: 1, beyond: Vec::new() });
        }
        self.newest = self.newest.max(Some(comment));
    }

    /// The bridge has written this comment.
    pub fn wrote(&mut self, comment: Counted) {
        self.add(&[comment]);
    }

    /// The ticket's comments have been read. Those up to `up_to` are only counted from now on.
    pub fn read(&mut self, shown: &Shown, up_to: CommentId) {
        if shown.whole {
            let beyond = self.tally.take().map(|tally| tally.beyond).unwrap_or_default();
            self.tally = Some(Tally { counted_to: CommentId(0), counted: 0, beyond: Vec::new() });
            self.add(&beyond);
        }
        self.newest = self.newest.max(Some(up_to));
        self.add(&shown.comments);
        if let Some(tally) = &mut self.tally {
            tally.count_to(up_to);
        }
        self.to = self.to.max(shown.to);
    }

    /// The vendor has counted the comments while all of them were known.
    pub fn recount(&mut self, census: Census) {
        let beyond = self.tally.take().map(|tally| tally.beyond).unwrap_or_default();
        self.tally = Some(Tally { counted_to: census.newest, counted: census.comments, beyond: Vec::new() });
        self.add(&beyond);
    }

    /// The census to keep from the vendor's count of a ticket that last changed at `updated_at`. `None` unless every
    /// comment is known, and where the count is the expected one.
    #[must_use]
    pub fn learn_from(&self, comments: u32, updated_at: Timestamp) -> Option<Census> {
        let newest = self.newest.filter(|_| self.covers(updated_at) && !self.is_all_of(comments))?;
        Some(Census { comments, newest })
    }

    /// Whether every comment of a ticket that last changed at `updated_at` is known.
    #[must_use]
    pub fn covers(&self, updated_at: Timestamp) -> bool {
        self.to.is_some_and(|to| to >= updated_at)
    }

    /// Whether a ticket with this vendor's count holds no new public comment. The vendor's documents do not tell
    /// whether internal comments are counted, so only the last census plus the public comments since proves it either
    /// way.
    #[must_use]
    pub fn is_all_of(&self, count: u32) -> bool {
        self.tally.as_ref().is_some_and(|tally| tally.public() == count)
    }

    /// Whether the comments are counted.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.tally.is_some()
    }

    fn add(&mut self, comments: &[Counted]) {
        self.newest = self.newest.max(comments.iter().map(|comment| comment.id).max());
        let Some(tally) = &mut self.tally else { return };
        for comment in comments {
            let is_new = comment.id > tally.counted_to && tally.beyond.iter().all(|known| known.id != comment.id);
            if is_new {
                tally.beyond.push(*comment);
            }
        }
        if tally.beyond.len() > BEYOND_MAX {
            self.tally = None;
        }
    }
}

impl Tally {
    /// Counts the public comments up to this one, and forgets their numbers. Internal ones wait for the vendor's next
    /// count, which may include them or not.
    fn count_to(&mut self, up_to: CommentId) {
        self.counted_to = self.counted_to.max(up_to);
        self.counted =
            self.counted.saturating_add(public(self.beyond.iter().filter(|known| known.id <= self.counted_to)));
        self.beyond.retain(|known| known.id > self.counted_to);
    }

    fn public(&self) -> u32 {
        self.counted.saturating_add(public(self.beyond.iter()))
    }
}

fn public<'a>(comments: impl Iterator<Item = &'a Counted>) -> u32 {
    u32::try_from(comments.filter(|comment| comment.public).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn public(id: u64) -> Counted {
        Counted { id: CommentId(id), public: true }
    }

    fn internal(id: u64) -> Counted {
        Counted { id: CommentId(id), public: false }
    }

    fn shown(comments: &[Counted], whole: bool) -> Shown {
        Shown { comments: comments.to_vec(), whole, to: None }
    }

    fn opened() -> Reading {
        let mut reading = Reading::default();
        reading.opened_with(CommentId(1));
        reading
    }

    #[test]
    fn own_writes_are_counted_once_whichever_of_write_and_reading_is_recorded_first() {
        let (mut read_first, mut written_first) = (opened(), opened());
        read_first.read(&shown(&[public(2), public(3)], false), CommentId(2));
        read_first.wrote(public(3));
        written_first.wrote(public(3));
        written_first.read(&shown(&[public(2)], false), CommentId(2));
        for reading in [read_first, written_first] {
            assert!(reading.is_all_of(3));
            assert!(!reading.is_all_of(4), "another comment is there");
        }
    }

    #[test]
    fn an_own_write_hides_no_comment_before_it() {
        let mut reading = opened();
        reading.wrote(public(5));
        assert!(reading.is_all_of(2));
        assert!(!reading.is_all_of(3), "an agent wrote 3 or 4, or a moment after 5");
        reading.read(&shown(&[public(4), public(5)], false), CommentId(4));
        assert!(reading.is_all_of(3));
    }

    #[test]
    fn a_reading_of_what_was_read_before_counts_nothing_twice() {
        let mut reading = opened();
        for _ in 0..3 {
            reading.read(&shown(&[public(2), public(4)], false), CommentId(2));
        }
        assert!(reading.is_all_of(3));
        reading.read(&shown(&[public(1), public(2), public(3), public(4)], true), CommentId(4));
        assert!(reading.is_all_of(4), "3 became readable late");
    }

    #[test]
    fn internal_comments_prove_nothing_while_nobody_knows_whether_they_are_counted() {
        let mut reading = opened();
        reading.wrote(internal(2));
        assert!(reading.is_all_of(1), "a count of public ones");
        assert!(!reading.is_all_of(2), "a count of all, or an unread public one");
    }

    #[test]
    fn an_unknown_number_of_comments_is_never_all_of_them_until_all_are_read() {
        let mut reading = Reading::default();
        reading.wrote(public(7));
        reading.read(&shown(&[public(8)], false), CommentId(8));
        assert!(!reading.is_counted() && !reading.is_all_of(1) && !reading.is_all_of(2));
        reading.read(&shown(&[public(6), public(7), public(8)], true), CommentId(8));
        assert!(reading.is_all_of(3));
    }

    #[test]
    fn once_all_is_known_the_vendors_own_count_is_what_new_comments_are_added_to() {
        let known_to = |reading: &mut Reading, ids: &[Counted]| {
            reading.read(&Shown { to: Some(at(9)), ..shown(ids, false) }, CommentId(1));
        };
        let (mut noted, mut uncounted) = (opened(), Reading::default());
        known_to(&mut noted, &[internal(2)]);
        known_to(&mut uncounted, &[public(2)]);
        for mut reading in [noted, uncounted] {
            assert_eq!(reading.learn_from(7, at(10)), None, "it has changed since");
            let census = reading.learn_from(7, at(9)).unwrap();
            // The bridge writes a comment meanwhile.
            reading.wrote(public(3));
            reading.recount(census);
            reading.wrote(public(3));
            known_to(&mut reading, &[public(2), public(3)]);
            assert!(reading.is_all_of(8) && !reading.is_all_of(7) && !reading.is_all_of(9));
            assert_eq!(reading.learn_from(8, at(9)), None, "it is what is expected");
        }
    }

    #[test]
    fn a_ticket_with_too_many_uncounted_comments_is_counted_no_more() {
        let mut reading = opened();
        for id in 2..200 {
            reading.wrote(public(id));
        }
        assert!(!reading.is_counted());
    }

    #[test]
    fn a_time_covers_what_changed_by_then_and_never_goes_back() {
        let mut reading = Reading::default();
        assert!(!reading.covers(at(0)));
        reading.read(&Shown { to: Some(at(9)), ..shown(&[], false) }, CommentId(0));
        reading.read(&Shown { to: Some(at(8)), ..shown(&[], false) }, CommentId(0));
        reading.read(&shown(&[], false), CommentId(0));
        assert!(reading.covers(at(9)) && !reading.covers(at(10)));
    }
}
