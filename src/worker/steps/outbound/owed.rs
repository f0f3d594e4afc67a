//! Decides which of a ticket's comments become texts, and why the others do not. Pure, but for the staff that it
//! remembers.
//!
//! Only words that an agent wrote go to the phone. An unknown author counts as a stranger, so that a missing user can
//! only keep a text back and never send one.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::domain::conversation::Forwarded;
use crate::domain::event::{CommentId, TicketId, UserId};
use crate::ports::desk::{Author, CommentView, Made, TicketView};

/// How far the comment of a merge and the closing of the merged ticket lie apart at most: one job writes both.
const MERGE_LASTS: SignedDuration = SignedDuration::from_secs(120);

/// Tickets that a comment may name before it is no merge's: desks merge five at once.
const MERGED_MAX: usize = 5;

/// The most users remembered as staff. A help desk has fewer; beyond it, the memory begins anew.
const STAFF_MAX: usize = 10_000;

/// The users who were seen as staff since the start. Such a user who is an end user by the time that a webhook names
/// their comment was staff when they wrote it. For a user who was not seen, because of a restart in between, there is
/// no proof: their comment is not texted, and the agent is told.
#[derive(Debug, Default)]
pub struct StaffSeen(Mutex<HashSet<UserId>>);

impl StaffSeen {
    /// Remembers the comments' authors who are staff now.
    pub(in crate::worker) fn learn(&self, comments: &[CommentView]) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= STAFF_MAX {
            seen.clear();
        }
        seen.extend(comments.iter().filter(|comment| comment.author == Author::Staff).map(|comment| comment.author_id));
    }

    fn has(&self, user: UserId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&user)
    }
}

/// Why a public comment is no text to the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::worker) enum LeftOut {
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
    pub(in crate::worker) fn words(self) -> &'static str {
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
pub(in crate::worker) struct Sorted<'a> {
    /// To be texted.
    pub(in crate::worker) due: Vec<&'a CommentView>,
    /// Not to be texted, though they are new, public and not the customer's.
    pub(in crate::worker) left_out: Vec<(CommentId, LeftOut)>,
}

impl Sorted<'_> {
    /// Leaves these out, because the ticket was another customer's.
    pub(in crate::worker) fn leave_out(&mut self, foreign: &[CommentId]) {
        self.due.retain(|comment| !foreign.contains(&comment.id));
        self.left_out.extend(foreign.iter().map(|id| (*id, LeftOut::Foreign)));
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
/// texts must not come back to their own phone.
pub(in crate::worker) fn sort<'a>(
    comments: &'a [CommentView],
    named: Option<CommentId>,
    forwarded: Option<&Forwarded>,
    requester: Option<UserId>,
    staff: &StaffSeen,
) -> Sorted<'a> {
    let is_new = |comment: &CommentView| {
        let is_named = Some(comment.id) == named;
        let Some(known) = forwarded else { return is_named };
        let is_newer = comment.id > known.up_to && takes_newer(named, forwarded);
        let is_passed = named.is_some_and(|named| comment.id < named) && known.is_behind_a_reply(comment.id);
        (is_named || is_newer || is_passed) && !known.covers(comment.id)
    };
    let mut sorted = Sorted::default();
    let public = comments.iter().filter(|comment| comment.public && requester != Some(comment.author_id));
    for comment in public.filter(|comment| is_new(comment)) {
        match left_out(comment, Some(comment.id) == named, staff) {
            None => sorted.due.push(comment),
            Some(why) => sorted.left_out.push((comment.id, why)),
        }
    }
    sorted
}

/// Whether a look takes every comment that is newer than the forwarded ones, and not only the named one: see
/// [`sort`].
pub(in crate::worker) fn takes_newer(named: Option<CommentId>, forwarded: Option<&Forwarded>) -> bool {
    forwarded.is_some_and(|forwarded| named.is_none_or(|named| named > forwarded.up_to))
}

fn left_out(comment: &CommentView, is_named: bool, staff: &StaffSeen) -> Option<LeftOut> {
    match (comment.author, comment.made) {
        (Author::Desk, _) | (_, Made::ByRecord) => Some(LeftOut::Made),
        (_, Made::ByCall) => Some(LeftOut::Call),
        (_, Made::ByMerge) => Some(LeftOut::Merge),
        (Author::Staff, Made::Written) => None,
        (Author::EndUser, Made::Written) if is_named && staff.has(comment.author_id) => None,
        (Author::EndUser, Made::Written) => Some(LeftOut::EndUser),
        (Author::Unknown, Made::Written) => Some(LeftOut::Stranger),
    }
}

/// Whether a comment's words are the ones that a merge leaves on both tickets.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::worker) enum MergeWords {
    /// They are not.
    No,
    /// They are, in the desk's own English.
    Yes,
    /// They name these tickets, as a merge's words do in every language. The tickets can tell.
    Perhaps(Vec<TicketId>),
}

/// Reads a comment's first line, in which a merge names its tickets; no desk documents another mark of such
/// comments.
pub(in crate::worker) fn merge_words(comment: &CommentView) -> MergeWords {
    let line = comment.plain_body.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let into = line.starts_with("This request was closed and merged into request #");
    let from = line.starts_with("Request") && line.contains(" closed and merged into this request");
    if into || from {
        return MergeWords::Yes;
    }
    let named: Vec<TicketId> = line.split('#').skip(1).filter_map(leading_number).collect();
    if named.is_empty() || named.len() > MERGED_MAX { MergeWords::No } else { MergeWords::Perhaps(named) }
}

fn leading_number(text: &str) -> Option<TicketId> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok().map(TicketId)
}

/// Whether a merge closed one of these tickets, which are the comment's own and those that it names, at the moment in
/// which the comment was written.
pub(in crate::worker) fn is_of_a_merge(written_at: Option<Timestamp>, tickets: &[TicketView]) -> bool {
    let Some(written_at) = written_at else { return false };
    tickets.iter().any(|ticket| ticket.merged && ticket.updated_at.duration_since(written_at).abs() <= MERGE_LASTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::TicketStatus;
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

    fn ids(sorted: &Sorted<'_>) -> Vec<u64> {
        sorted.due.iter().map(|comment| comment.id.0).collect()
    }

    /// The comments that a doorbell takes of a ticket that the customer opened with 1 and on which agents wrote 2 to
    /// 5, after `recent` were forwarded.
    fn taken(named: Option<u64>, up_to: u64, recent: &[u64]) -> Vec<u64> {
        let mut comments = vec![comment(1, CUSTOMER)];
        comments.extend((2..=5).map(|id| comment(id, AGENT)));
        let forwarded = forwarded(up_to, recent);
        let staff = StaffSeen::default();
        ids(&sort(&comments, named.map(CommentId), Some(&forwarded), Some(CUSTOMER), &staff))
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
        let staff = StaffSeen::default();
        staff.learn(&[comment(1, AGENT)]);
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
            for (name, expected) in [(Some(CommentId(5)), named), (None, unnamed)] {
                let forwarded = forwarded(1, &[]);
                let comments = [comment.clone()];
                let sorted = sort(&comments, name, Some(&forwarded), Some(CUSTOMER), &staff);
                let why = sorted.left_out.first().map(|(_, why)| *why);
                assert_eq!(
                    (why, sorted.due.len()),
                    (expected, usize::from(expected.is_none())),
                    "{comment:?} {name:?}"
                );
            }
        }
        let private = [CommentView { public: false, ..comment(5, AGENT) }];
        let sorted = sort(&private, Some(CommentId(5)), None, None, &staff);
        assert!(sorted.due.is_empty() && sorted.left_out.is_empty());
    }

    #[test]
    fn the_words_of_a_merge_are_known_in_english_and_suspected_in_other_languages() {
        let words = |text: &str| merge_words(&CommentView { plain_body: text.into(), ..comment(1, AGENT) });
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
        let ticket = |merged, updated_at| TicketView {
            id: TicketId(77),
            status: TicketStatus::Closed,
            external_id: None,
            requester_id: CUSTOMER,
            tags: Vec::new(),
            merged,
            updated_at,
            brand_id: None,
            comment_count: None,
            is_full: false,
            requester: None,
        };
        let cases = [(true, 1_000, true), (true, 1_100, true), (true, 2_000, false), (false, 1_000, false)];
        for (merged, updated, expected) in cases {
            let tickets = [ticket(merged, at(updated))];
            assert_eq!(is_of_a_merge(Some(at(1_000)), &tickets), expected, "{merged} {updated}");
            assert!(!is_of_a_merge(None, &tickets));
        }
    }
}
