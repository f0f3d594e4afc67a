//! Compares a ticket as the desk shows it with the bridge's knowledge of it, and tells whether a comment may be new.
//! Pure.
//!
//! A ticket is settled without being read only on proof: it has not changed since everything on it was read, or
//! the desk counts as many comments as the bridge knows. The time of the bridge's own last write is no proof, because
//! an agent may have written just before it, or in the same second.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::conversation::{Change, Conversation, Ticket};
use crate::domain::event::Sighting;
use crate::domain::reading::Reading;
use crate::domain::retry::{before, later};
use crate::ports::desk::TicketView;

/// How old a change must be before the desk's answer counts as complete up to it. Its times are whole seconds, and a
/// comment may become readable late, which a minute covers.
const SETTLES_AFTER: Duration = Duration::from_secs(60);

/// How far the desk's clock may be from ours before a change is overlooked. A ticket that changed this shortly before
/// the look is rung once more than is needed.
const CLOCKS_APART: Duration = Duration::from_secs(60);

/// The finding from a search's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// Everything on the ticket is known.
    Settled,
    /// It changed, and the number of its comments tells more.
    Doubtful,
    /// It changed, and only reading it tells more.
    Unread,
    /// The store does not follow its comments.
    Stranger,
}

/// The finding from a ticket's present state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Everything on the ticket is known.
    Settled,
    /// No comment is new, but the ticket has changed.
    Changed,
    /// A comment may be new.
    Unread,
}

/// The sighting of a ticket that was seen at `as_of` by our clock, in an answer of `answered_at` by the desk's.
pub(super) fn sighting(ticket: &TicketView, as_of: Timestamp, answered_at: Option<Timestamp>) -> Sighting {
    let all_there_to = answered_at.map(|at| before(at, SETTLES_AFTER).min(ticket.updated_at));
    let merged = ticket.merged;
    Sighting { status: Some(ticket.status), updated_at: ticket.updated_at, as_of, all_there_to, merged, heir: false }
}

/// The finding from an entry of the search index, which may be behind.
pub(super) fn listed(known: Option<&Conversation>, ticket: &TicketView) -> Listed {
    let Some((known, reading)) = known.and_then(|known| Some((known, reading(known, ticket)?))) else {
        return Listed::Stranger;
    };
    if is_newly_merged(known, ticket) {
        return Listed::Unread;
    }
    match (reading.covers(ticket.updated_at) && !has_new_status(known, ticket), reading.is_counted()) {
        (true, _) => Listed::Settled,
        (false, true) => Listed::Doubtful,
        (false, false) => Listed::Unread,
    }
}

/// The finding from the ticket's present state. `is_listed`: a search has named it.
pub(super) fn shown(known: &Conversation, ticket: &TicketView, is_listed: bool) -> Finding {
    if is_newly_merged(known, ticket) {
        return Finding::Unread;
    }
    let reading = reading(known, ticket);
    let is_covered = reading.is_some_and(|reading| reading.covers(ticket.updated_at));
    let counted = reading.filter(|reading| reading.is_counted()).zip(ticket.comment_count);
    let is_all = is_covered || counted.is_some_and(|(reading, count)| reading.is_all_of(count));
    if is_all {
        let is_news = !is_covered || has_new_status(known, ticket);
        return if is_news { Finding::Changed } else { Finding::Settled };
    }
    let has_changed = || known.ticket.as_ref().is_some_and(|heard| has_changed(ticket, heard));
    if counted.is_some() || is_listed || has_changed() { Finding::Unread } else { Finding::Settled }
}

/// The change that the desk's count of the ticket's comments teaches where all of them are known.
pub(super) fn recounted(known: &Conversation, ticket: &TicketView) -> Option<Change> {
    let census = reading(known, ticket)?.learn_from(ticket.comment_count?, ticket.updated_at)?;
    Some(Change::Recounted(ticket.id, census))
}

fn reading<'a>(known: &'a Conversation, ticket: &TicketView) -> Option<&'a Reading> {
    known.forwarded_on(ticket.id).map(|forwarded| &forwarded.reading)
}

/// Whether the conversation's ticket was merged since: the ring follows it to the heir.
fn is_newly_merged(known: &Conversation, ticket: &TicketView) -> bool {
    ticket.merged && has_new_status(known, ticket)
}

fn has_new_status(known: &Conversation, ticket: &TicketView) -> bool {
    known.ticket.as_ref().is_some_and(|current| current.id == ticket.id && current.status != ticket.status)
}

/// Whether the ticket may have changed since the bridge last heard of it, by our clock.
fn has_changed(ticket: &TicketView, heard: &Ticket) -> bool {
    ticket.status != heard.status || later(ticket.updated_at, CLOCKS_APART) > heard.seen_at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::conversation::{ConversationKey, TicketStatus};
    use crate::domain::event::{CommentId, TicketId, UserId};
    use crate::domain::reading::{Counted, Shown};

    const ID: TicketId = TicketId(7);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn ticket(status: TicketStatus, updated_at: i64, comment_count: Option<u32>) -> TicketView {
        TicketView {
            id: ID,
            status,
            external_id: None,
            requester_id: UserId(1),
            tags: Vec::new(),
            updated_at: at(updated_at),
            brand_id: None,
            merged: false,
            comment_count,
            is_full: false,
            requester: None,
        }
    }

    /// A conversation whose text opened the ticket in second 100 as comment 10.
    fn opened() -> Conversation {
        let mut known = Conversation::new(ConversationKey("c1".into()), Ends::FIRST, at(100));
        for change in [
            Change::Ticket(ID, TicketStatus::Open, at(100)),
            Change::Stamp(ID, at(100)),
            Change::Stands(ID, CommentId(10)),
            Change::OpenedWith(ID, CommentId(10)),
        ] {
            known.apply(change, at(100));
        }
        known
    }

    fn read(known: &mut Conversation, ids: &[u64], whole: bool, to: Option<i64>) {
        let comments = ids.iter().map(|id| Counted { id: CommentId(*id), public: true }).collect();
        known.apply(Change::Read(ID, Shown { comments, whole, to: to.map(at) }), at(200));
    }

    #[test]
    fn an_own_write_settles_nothing_until_the_comments_are_counted() {
        let mut known = opened();
        known.apply(Change::Commented(ID, Counted { id: CommentId(12), public: true }), at(150));
        known.apply(Change::Stamp(ID, at(150)), at(150));
        let now = |count| ticket(TicketStatus::Open, 150, count);
        assert_eq!(listed(Some(&known), &now(None)), Listed::Doubtful, "in the second of our own write");
        assert_eq!(shown(&known, &now(Some(2)), true), Finding::Changed);
        assert_eq!(shown(&known, &now(Some(3)), true), Finding::Unread, "an agent wrote 11, or 13 a moment later");
        assert_eq!(shown(&known, &now(Some(1)), true), Finding::Unread, "the count is behind");
        assert_eq!(shown(&known, &now(None), true), Finding::Unread, "no count was told");
    }

    #[test]
    fn what_was_read_to_the_last_change_is_settled_unless_its_status_is_news() {
        let mut known = opened();
        read(&mut known, &[11], false, Some(150));
        let seen = |status, second| ticket(status, second, Some(9));
        for (status, second, entry, finding) in [
            (TicketStatus::Open, 150, Listed::Settled, Finding::Settled),
            (TicketStatus::Open, 149, Listed::Settled, Finding::Settled),
            (TicketStatus::Solved, 150, Listed::Doubtful, Finding::Changed),
            (TicketStatus::Open, 151, Listed::Doubtful, Finding::Unread),
        ] {
            assert_eq!(listed(Some(&known), &seen(status, second)), entry, "{status:?} {second}");
            assert_eq!(shown(&known, &seen(status, second), true), finding, "{status:?} {second}");
        }
    }

    #[test]
    fn a_ticket_that_is_not_counted_is_read_when_it_is_listed_or_has_changed_since_it_was_heard_of() {
        let mut known = Conversation::new(ConversationKey("c1".into()), Ends::FIRST, at(100));
        known.apply(Change::Ticket(ID, TicketStatus::Open, at(100)), at(200));
        assert_eq!(listed(Some(&known), &ticket(TicketStatus::Open, 100, None)), Listed::Stranger);
        assert_eq!(listed(None, &ticket(TicketStatus::Open, 100, None)), Listed::Stranger);
        known.apply(Change::Stands(ID, CommentId(10)), at(200));
        assert_eq!(listed(Some(&known), &ticket(TicketStatus::Open, 100, None)), Listed::Unread);
        for (status, second, is_listed, finding) in [
            (TicketStatus::Open, 140, false, Finding::Settled),
            (TicketStatus::Open, 141, false, Finding::Unread),
            (TicketStatus::Pending, 100, false, Finding::Unread),
            (TicketStatus::Open, 140, true, Finding::Unread),
        ] {
            assert_eq!(shown(&known, &ticket(status, second, Some(1)), is_listed), finding, "{status:?} {second}");
        }
        read(&mut known, &[10, 11], true, None);
        assert_eq!(shown(&known, &ticket(TicketStatus::Open, 150, Some(2)), true), Finding::Changed, "all were read");
    }

    #[test]
    fn the_last_minute_is_never_taken_for_all_of_it() {
        let seen = |answered: Option<i64>| {
            sighting(&ticket(TicketStatus::Open, 100, None), at(0), answered.map(at)).all_there_to
        };
        assert_eq!(seen(Some(160)), Some(at(100)));
        assert_eq!(seen(Some(159)), Some(at(99)));
        assert_eq!(seen(None), None);
    }
}
