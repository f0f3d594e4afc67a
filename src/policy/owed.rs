//! Which of a ticket's comments become texts, and why the others do not.
//!
//! Only words that an agent wrote go to the phone. An unknown author counts as a stranger, so that a missing user can
//! only keep a text back and never send one. [`super::merges`] knows the comments that merges leave.
//!
//! | a new public comment, not by the customer | named by the webhook | not named |
//! |---|---|---|
//! | written by staff | goes | goes |
//! | written by an end user who was seen as staff | goes | stays |
//! | written by another end user, or an author who is unknown | stays, and the agent is told | stays |
//! | made by the desk, the record of a call, left by a merge | stays | stays |
//! | written when the ticket was another customer's | stays, and the agent is told | stays, and the agent is told |

use jiff::Timestamp;

use crate::domain::comment::{Author, CommentView, Made};
use crate::domain::conversation::{Change, Forwarded};
use crate::domain::delivery::Outcome;
use crate::domain::event::{CommentId, PhoneText, TicketId, UserId};
use crate::domain::reading::{Counted, Shown};
use crate::domain::text;

/// The purpose of a look at a ticket's comments.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// The ticket.
    pub ticket: TicketId,
    /// The comment that the webhook named.
    pub named: Option<CommentId>,
    /// The comments that have gone to the phone; `None` for a ticket that the bridge did not know.
    pub forwarded: Option<&'a Forwarded>,
    /// The customer's external id, where the webhook named it.
    pub external_user_id: Option<&'a str>,
    /// The requester at the time of the webhook, of the search, or of the ticket's reading.
    pub told: Option<UserId>,
    /// The time up to which the search saw the ticket, where a search rang.
    pub seen_to: Option<Timestamp>,
    /// Whether a search rang.
    pub caught_up: bool,
}

impl Look<'_> {
    /// Whether the requester that the webhook or the search named had the ticket when this comment was written. That
    /// holds up to the comment that rang, or up to where the search saw.
    #[must_use]
    pub fn vouches_for(&self, comment: &CommentView) -> bool {
        match self.named {
            Some(named) => comment.id <= named,
            None => comment.created_at.zip(self.seen_to).is_some_and(|(created_at, seen)| created_at <= seen),
        }
    }

    /// Whether it takes every comment that is newer than the forwarded ones, and not only the named one: see [`sort`].
    #[must_use]
    pub fn takes_newer(&self) -> bool {
        self.forwarded.is_some_and(|forwarded| self.named.is_none_or(|named| named > forwarded.up_to))
    }

    /// The text that a comment becomes.
    #[must_use]
    pub fn text_of(&self, comment: &CommentView) -> PhoneText {
        PhoneText {
            ticket_id: Some(self.ticket),
            comment_id: Some(comment.id),
            external_user_id: self.external_user_id.map(str::to_owned),
            requester_id: self.told,
            text: text::plain_from_html(&comment.html_body),
            agent_name: comment.author_name.clone(),
            attachments: comment.attachments.clone(),
            recipe: None,
            caught_up: self.caught_up,
            written_at: comment.created_at,
        }
    }
}

/// Why a public comment is no text to the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// Its author is unknown.
    Stranger,
    /// An end user wrote it.
    EndUser,
    /// It is the record of a phone call.
    Call,
    /// A merge of tickets left it.
    Merge,
    /// The desk made it.
    Made,
    /// It was written when the ticket was another customer's.
    Foreign,
}

impl LeftOut {
    /// The end of a sentence whose subject is the comment.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Stranger => "is by an author who is not known to be staff",
            Self::EndUser => "is by an end user",
            Self::Call => "is the record of a phone call",
            Self::Merge => "holds the words of a merge of tickets",
            Self::Made => "was made by the desk itself",
            Self::Foreign => "was written when the ticket's requester was no longer the conversation's customer",
        }
    }
}

/// The comments of a ticket that concern the phone, oldest first.
#[derive(Debug, Default)]
pub struct Sorted<'a> {
    /// To be texted.
    pub due: Vec<&'a CommentView>,
    /// Not to be texted, though they are new, public and not the customer's.
    pub left_out: Vec<(CommentId, LeftOut)>,
}

impl Sorted<'_> {
    /// Leaves these out for this reason.
    pub fn leave_out(&mut self, comments: &[CommentId], why: LeftOut) {
        self.due.retain(|comment| !comments.contains(&comment.id));
        self.left_out.extend(comments.iter().map(|id| (*id, why)));
    }

    /// The change that says which comments the look is done with. A reply to another requester is over all the same: a
    /// later requester must not get it. A ticket that the bridge did not know stays unknown where none is over.
    #[must_use]
    pub fn done_with(&self, look: &Look<'_>) -> Option<Change> {
        let due = || self.due.iter().map(|comment| comment.id);
        let newest = due().chain(self.left_out.iter().map(|(id, _)| *id)).max()?;
        let foreign = self.left_out.iter().filter(|(_, why)| *why == LeftOut::Foreign).map(|(id, _)| *id);
        let over: Vec<CommentId> = due().chain(foreign).collect();
        (look.forwarded.is_some() || !over.is_empty()).then_some(Change::Forwarded(look.ticket, newest, over))
    }

    /// The comment that the webhook named, where its author is not staff any more, or is unknown. A webhook names a
    /// comment by staff, so the agent is told.
    #[must_use]
    pub fn by_stranger(&self, look: &Look<'_>) -> Option<CommentId> {
        let is_told = |why: LeftOut| matches!(why, LeftOut::Stranger | LeftOut::EndUser);
        self.left_out.iter().find(|(id, why)| Some(*id) == look.named && is_told(*why)).map(|(id, _)| *id)
    }
}

/// Sorts the new public comments; on a ticket that the bridge did not know, only the named one.
///
/// A named comment that is older than the forwarded ones is also taken alone. Its doorbell may stand in the lane
/// before texts of later comments that have not gone yet (it may have waited under its ticket's name). Comments that
/// are newer than those would overtake them in its place; they have a doorbell of their own, behind them. A comment
/// between one that has gone out and the named one goes before the named one, because its own doorbell was overtaken
/// or lost.
///
/// The requester's comments are the customer's, also where the customer is one of the staff who tries it out: their
/// texts must not come back to their own phone. `was_staff` tells whether a user was seen as staff before.
#[must_use]
pub fn sort<'a>(
    look: &Look<'_>,
    comments: &'a [CommentView],
    requester: Option<UserId>,
    was_staff: &dyn Fn(UserId) -> bool,
) -> Sorted<'a> {
    let named = look.named;
    let is_new = |comment: &CommentView| {
        let is_named = Some(comment.id) == named;
        let Some(known) = look.forwarded else { return is_named };
        let is_newer = comment.id > known.up_to && look.takes_newer();
        let is_passed = named.is_some_and(|named| comment.id < named) && known.is_behind_a_reply(comment.id);
        (is_named || is_newer || is_passed) && !known.covers(comment.id)
    };
    let mut sorted = Sorted::default();
    let public = comments.iter().filter(|comment| comment.public && requester != Some(comment.author_id));
    for comment in public.filter(|comment| is_new(comment)) {
        match left_out(comment, Some(comment.id) == named, was_staff) {
            None => sorted.due.push(comment),
            Some(why) => sorted.left_out.push((comment.id, why)),
        }
    }
    sorted
}

fn left_out(comment: &CommentView, is_named: bool, was_staff: &dyn Fn(UserId) -> bool) -> Option<LeftOut> {
    match (comment.author, comment.made) {
        (Author::Desk, _) | (_, Made::ByRecord) => Some(LeftOut::Made),
        (_, Made::ByCall) => Some(LeftOut::Call),
        (_, Made::ByMerge) => Some(LeftOut::Merge),
        (Author::Staff, Made::Written) => None,
        (Author::EndUser, Made::Written) if is_named && was_staff(comment.author_id) => None,
        (Author::EndUser, Made::Written) => Some(LeftOut::EndUser),
        (Author::Unknown, Made::Written) => Some(LeftOut::Stranger),
    }
}

/// The outcome of a look that found `count` replies to text.
#[must_use]
pub fn came_to(count: usize, left_out: &[(CommentId, LeftOut)]) -> Outcome {
    let words: Vec<String> = left_out.iter().map(|(id, why)| format!("comment {id} {}", why.words())).collect();
    match (count, words.join(", ")) {
        (0, words) if words.is_empty() => Outcome::Skip { reason: "no public comment by an agent is new".to_owned() },
        (0, words) => Outcome::Skip { reason: words },
        (count, words) if words.is_empty() => Outcome::Deliver { receipt: format!("{count} to text") },
        (count, words) => Outcome::Deliver { receipt: format!("{count} to text; {words}") },
    }
}

/// The changes that reading a ticket's comments, the newest ones or those after one of them, teaches beside the
/// replies.
#[must_use]
pub fn what_was_read(
    ticket: TicketId,
    whole: bool,
    all_there_to: Option<Timestamp>,
    comments: &[&CommentView],
) -> Vec<Change> {
    let counted = comments.iter().map(|comment| Counted { id: comment.id, public: comment.public }).collect();
    let shown = Shown { comments: counted, whole, to: all_there_to };
    let written_at = comments.iter().filter_map(|comment| comment.created_at).max();
    let stamp = written_at.map(|at| Change::Stamp(ticket, at));
    std::iter::once(Change::Read(ticket, shown)).chain(stamp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reading::Reading;

    const AGENT: UserId = UserId(7);
    const CUSTOMER: UserId = UserId(8);
    const OTHER: UserId = UserId(9);

    fn comment(id: u64, author_id: UserId) -> CommentView {
        CommentView {
            id: CommentId(id),
            author_id,
            author: if author_id == AGENT { Author::Staff } else { Author::EndUser },
            author_name: None,
            public: true,
            made: Made::Written,
            created_at: None,
            html_body: String::new(),
            plain_body: String::new(),
            attachments: Vec::new(),
            withheld: Vec::new(),
        }
    }

    fn forwarded(up_to: u64, recent: &[u64]) -> Forwarded {
        let recent = recent.iter().copied().map(CommentId).collect();
        Forwarded { ticket_id: TicketId(1), up_to: CommentId(up_to), recent, reading: Reading::default() }
    }

    fn look(named: Option<u64>, forwarded: Option<&Forwarded>) -> Look<'_> {
        Look {
            ticket: TicketId(1),
            named: named.map(CommentId),
            forwarded,
            external_user_id: None,
            told: None,
            seen_to: None,
            caught_up: false,
        }
    }

    fn ids(sorted: &Sorted<'_>) -> Vec<u64> {
        sorted.due.iter().map(|comment| comment.id.0).collect()
    }

    /// The comments that a doorbell takes of a ticket that the customer opened with 1 and on which agents wrote 2 to
    /// 5, after `recent` were forwarded.
    fn taken(named: Option<u64>, up_to: u64, recent: &[u64]) -> Vec<u64> {
        let mut comments = vec![comment(1, CUSTOMER)];
        comments.extend((2..=5).map(|id| comment(id, AGENT)));
        let forwarded = forwarded(up_to, recent);
        ids(&sort(&look(named, Some(&forwarded)), &comments, Some(CUSTOMER), &|_| false))
    }

    #[test]
    fn a_doorbell_takes_everything_that_is_new_along() {
        assert_eq!(taken(Some(4), 2, &[2]), [3, 4, 5]);
        assert_eq!(taken(None, 2, &[2]), [3, 4, 5]);
    }

    #[test]
    fn a_late_doorbell_takes_along_what_lies_between_it_and_a_reply_that_went_out() {
        assert_eq!(taken(Some(4), 5, &[2]), [3, 4], "the doorbell of 3 was overtaken or lost");
        assert_eq!(taken(Some(4), 5, &[5]), [4], "2 and 3 may be older than what the bridge took up");
        assert_eq!(taken(Some(4), 5, &[2, 3]), [4]);
        let many: Vec<u64> = (2..3).chain(100..163).collect();
        assert_eq!(taken(Some(4), 200, &many), [4], "3 may have gone out and be forgotten");
    }

    #[test]
    fn a_late_doorbell_takes_nothing_that_is_newer_than_what_already_waits_behind_it() {
        assert_eq!(taken(Some(1), 2, &[2]), Vec::<u64>::new());
        assert_eq!(taken(Some(2), 3, &[3]), [2]);
    }

    #[test]
    fn only_what_staff_wrote_is_texted_and_each_other_comment_has_its_reason() {
        let was_staff = |user| user == AGENT;
        let by = |author, author_id| CommentView { author, author_id, ..comment(5, AGENT) };
        let made = |made| CommentView { made, ..comment(5, AGENT) };
        let cases = [
            (by(Author::Staff, AGENT), None, None),
            (by(Author::EndUser, OTHER), Some(LeftOut::EndUser), Some(LeftOut::EndUser)),
            // The author was staff when writing and is an end user now: the webhook is the witness.
            (by(Author::EndUser, AGENT), None, Some(LeftOut::EndUser)),
            (by(Author::Unknown, AGENT), Some(LeftOut::Stranger), Some(LeftOut::Stranger)),
            (by(Author::Desk, UserId(0)), Some(LeftOut::Made), Some(LeftOut::Made)),
            (made(Made::ByCall), Some(LeftOut::Call), Some(LeftOut::Call)),
            (made(Made::ByMerge), Some(LeftOut::Merge), Some(LeftOut::Merge)),
            (made(Made::ByRecord), Some(LeftOut::Made), Some(LeftOut::Made)),
        ];
        for (comment, named, unnamed) in cases {
            for (name, expected) in [(Some(5), named), (None, unnamed)] {
                let forwarded = forwarded(1, &[]);
                let comments = [comment.clone()];
                let sorted = sort(&look(name, Some(&forwarded)), &comments, Some(CUSTOMER), &was_staff);
                let why = sorted.left_out.first().map(|(_, why)| *why);
                assert_eq!(
                    (why, sorted.due.len()),
                    (expected, usize::from(expected.is_none())),
                    "{comment:?} {name:?}"
                );
            }
        }
        let private = [CommentView { public: false, ..comment(5, AGENT) }];
        let sorted = sort(&look(Some(5), None), &private, None, &was_staff);
        assert!(sorted.due.is_empty() && sorted.left_out.is_empty());
    }

    #[test]
    fn a_look_is_done_with_what_goes_and_with_what_was_anothers_and_tells_of_a_named_stranger() {
        let comments: Vec<CommentView> = (2..=4).map(|id| comment(id, AGENT)).collect();
        let known = forwarded(1, &[]);
        let over = |ids: &[u64]| ids.iter().copied().map(CommentId).collect::<Vec<_>>();
        let done = |named, forwarded, foreign: &[u64], merged: &[u64]| {
            let look = look(named, forwarded);
            let mut sorted = sort(&look, &comments, Some(CUSTOMER), &|_| false);
            sorted.leave_out(&over(foreign), LeftOut::Foreign);
            sorted.leave_out(&over(merged), LeftOut::Merge);
            sorted.done_with(&look)
        };
        let change = |newest, ids: &[u64]| Some(Change::Forwarded(TicketId(1), CommentId(newest), over(ids)));
        assert_eq!(done(None, Some(&known), &[], &[]), change(4, &[2, 3, 4]));
        assert_eq!(done(None, Some(&known), &[3], &[4]), change(4, &[2, 3]), "a merge's words are done with as well");
        assert_eq!(done(Some(3), None, &[], &[]), change(3, &[3]), "of an unknown ticket, the named one");
        assert_eq!(done(Some(3), None, &[3], &[]), change(3, &[3]), "a later requester must not get it");
        assert_eq!(done(Some(3), None, &[], &[3]), None, "the ticket stays unknown");
        assert_eq!(done(None, None, &[], &[]), None);

        for (author, named, told) in [
            (Author::Unknown, Some(5), Some(CommentId(5))),
            (Author::EndUser, Some(5), Some(CommentId(5))),
            (Author::Desk, Some(5), None),
            (Author::Unknown, Some(6), None),
            (Author::Staff, Some(5), None),
        ] {
            let comments = [CommentView { author, ..comment(5, OTHER) }];
            let look = look(named, Some(&known));
            assert_eq!(sort(&look, &comments, None, &|_| false).by_stranger(&look), told, "{author:?} {named:?}");
        }
    }

    #[test]
    fn a_requester_is_vouched_for_up_to_the_comment_that_rang_or_the_time_that_the_search_saw() {
        let at = |second: i64| Some(Timestamp::from_second(second).unwrap());
        for (named, seen_to, created_at, expected) in [
            (Some(5), None, None, true),
            (Some(4), at(9), at(1), false),
            (None, at(2), at(2), true),
            (None, at(2), at(3), false),
            (None, at(2), None, false),
            (None, None, at(2), false),
        ] {
            let look = Look { seen_to, ..look(named, None) };
            let comment = CommentView { created_at, ..comment(5, AGENT) };
            assert_eq!(look.vouches_for(&comment), expected, "{named:?} {seen_to:?} {created_at:?}");
        }
    }

    #[test]
    fn the_outcome_counts_the_texts_and_names_each_comment_that_stays() {
        let skip = |reason: &str| Outcome::Skip { reason: reason.to_owned() };
        let deliver = |receipt: &str| Outcome::Deliver { receipt: receipt.to_owned() };
        let call = (CommentId(5), LeftOut::Call);
        assert_eq!(came_to(0, &[]), skip("no public comment by an agent is new"));
        assert_eq!(came_to(0, &[call]), skip("comment 5 is the record of a phone call"));
        assert_eq!(came_to(2, &[]), deliver("2 to text"));
        assert_eq!(came_to(2, &[call]), deliver("2 to text; comment 5 is the record of a phone call"));
    }
}
