//! The conversation policy: the next step for a customer's text, from the facts known so far.
//!
//! [`Facts`] grow with every look at the desk, and [`plan`] names the next look or write. Pure: the worker takes the
//! step, adds the result to the facts, and asks again until a write is done.
//!
//! | the customer's text finds | the bridge |
//! |---|---|
//! | no ticket known, or it was deleted | appends to an unsolved ticket with the conversation's key, else opens one |
//! | a ticket whose requester is another user now | treats it as deleted, so that the text goes to the customer's own |
//! | new, open, pending, on hold | appends |
//! | solved, within the reopening time | appends and so reopens |
//! | solved for longer | appends to another unsolved one, else opens a new one that names the old |
//! | closed | appends to another unsolved one, else follows up |
//! | closed by a merge | the same, but tries the ticket that the merge names first |
//! | full: the desk takes no more comments on it | treats it as solved for longer |
//!
//! A text is only ever written on a ticket whose requester is the customer's user. The conversation remembers that
//! user. Where a ticket that was just read has another requester, the user is looked for afresh, because an agent may
//! have merged users.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::conversation::{Conversation, Opening, TicketStatus};
use crate::domain::event::{Customer, TicketId, UserId};
use crate::domain::ticket::Tagging;
use crate::domain::user_match::UserMatch;

/// How long a ticket's status is trusted. Webhooks tell of solving and reopening, so this only bounds how long a lost
/// webhook misleads. A later write is conditional on no change of the ticket since its last known one. Where that time
/// is unknown, the ticket is read first.
const STATUS_LIFE: Duration = Duration::from_secs(600);

/// A ticket, as this run knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTicket {
    /// Its number.
    pub id: TicketId,
    /// Its status; `None` when only the number is known.
    pub status: Option<TicketStatus>,
    /// Since when it has that status, as far as known.
    pub since: Timestamp,
    /// Whether the status is young enough to act on.
    pub fresh: bool,
    /// The known time of its last change, by the vendor's own clock. With it, a write can trust an old status on the
    /// condition that the ticket has not changed since.
    pub stamp: Option<Timestamp>,
    /// Whether it was merged into another.
    pub merged: bool,
    /// Its requester.
    pub requester: Option<UserId>,
    /// Whether the desk showed it in this run.
    pub read: bool,
    /// The tags to write along with a comment, where the ticket lacks the tag of text conversations.
    pub tagging: Option<Tagging>,
}

/// The facts that decide the ticket for a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    now: Timestamp,
    reopen: Duration,
    matches: Vec<UserMatch>,
    ticket: Option<KnownTicket>,
    previous: Option<TicketId>,
    searched: bool,
    hinted: bool,
    requester: Option<UserId>,
    /// Whether the requester was looked for in this run.
    verified: bool,
    /// Whether the requester was created in this run, and so has no ticket.
    is_new: bool,
    id_taken: Option<bool>,
    matches_tried: usize,
    renewed: bool,
    left: Option<TicketId>,
    full: Option<TicketId>,
}

/// The next step for a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Look for tickets that carry the conversation's key.
    FindTickets,
    /// Read a ticket.
    ReadTicket(TicketId),
    /// Read a merged ticket's last comment, which may name the ticket that it went into.
    ReadMergeHint(TicketId),
    /// Look for the customer among the users.
    FindRequester(UserMatch),
    /// Create a user for the customer.
    CreateRequester {
        /// Whether another user has the customer's id as their own; `None` before the first look.
        id_taken: Option<bool>,
    },
    /// Open a ticket.
    Open {
        /// Its requester.
        requester: UserId,
        /// The ticket that it succeeds: one solved too long ago to reopen, or one that is full.
        previous: Option<TicketId>,
    },
    /// Open a follow-up of a closed ticket.
    FollowUp {
        /// Its requester.
        requester: UserId,
        /// The closed ticket.
        closed: TicketId,
    },
    /// Add a comment.
    Append {
        /// Its author.
        requester: UserId,
        /// The ticket.
        ticket: TicketId,
        /// The condition of the write: no change of the ticket since this time, by the vendor's clock. Where that
        /// fails, the ticket is read first.
        unchanged_since: Option<Timestamp>,
        /// Tags to write along.
        tagging: Option<Tagging>,
    },
}

/// The next step, given the facts.
#[must_use]
pub fn plan(facts: &Facts) -> Step {
    let Some(ticket) = &facts.ticket else {
        return if facts.searched || facts.is_new { facts.open() } else { facts.find_tickets() };
    };
    let may_act = ticket.fresh || ticket.stamp.is_some();
    let Some(status) = ticket.status.filter(|_| may_act) else { return Step::ReadTicket(ticket.id) };
    match status {
        TicketStatus::New | TicketStatus::Open | TicketStatus::Pending | TicketStatus::Hold => facts.append(ticket),
        TicketStatus::Solved if facts.may_reopen(ticket) => facts.append(ticket),
        // The next write goes elsewhere, so it cannot be conditional on this ticket.
        TicketStatus::Solved | TicketStatus::Closed if !ticket.fresh => Step::ReadTicket(ticket.id),
        // An unsolved ticket of the conversation is better than a new one, and the list shows this one as well.
        TicketStatus::Solved | TicketStatus::Closed if !facts.searched => facts.find_tickets(),
        TicketStatus::Solved => facts.open(),
        // The read tells whether it was merged.
        TicketStatus::Closed if !ticket.read => Step::ReadTicket(ticket.id),
        TicketStatus::Closed if ticket.merged && !facts.hinted => Step::ReadMergeHint(ticket.id),
        TicketStatus::Closed => facts.with_requester(|requester| Step::FollowUp { requester, closed: ticket.id }),
    }
}

impl Facts {
    /// The facts before the first look.
    ///
    /// `named` is the ticket that the sender named, for a conversation without one.
    #[must_use]
    pub fn new(
        conversation: Option<&Conversation>,
        named: Option<TicketId>,
        customer: &Customer,
        matches: &[UserMatch],
        reopen: Duration,
        now: Timestamp,
    ) -> Self {
        let remembered = conversation.and_then(|conversation| conversation.ticket.as_ref()).map(|ticket| KnownTicket {
            id: ticket.id,
            status: Some(ticket.status),
            since: ticket.since,
            fresh: ticket.seen_at.saturating_add(STATUS_LIFE).is_ok_and(|end| now <= end),
            // A ticket last heard of longer ago has probably changed, so that the condition would only cost a call.
            stamp: ticket.stamp.filter(|_| ticket.seen_at.saturating_add(reopen).is_ok_and(|end| now <= end)),
            merged: false,
            requester: conversation.and_then(|conversation| conversation.requester_id),
            read: false,
            tagging: None,
        });
        let named = named.map(|id| KnownTicket {
            id,
            status: None,
            since: now,
            fresh: false,
            stamp: None,
            merged: false,
            requester: None,
            read: false,
            tagging: None,
        });
        Self {
            now,
            reopen,
            matches: matches.iter().copied().filter(|by| has(customer, *by)).collect(),
            ticket: remembered.or(named),
            previous: None,
            searched: false,
            hinted: false,
            requester: conversation.and_then(|conversation| conversation.requester_id),
            verified: false,
            is_new: false,
            id_taken: None,
            matches_tried: 0,
            renewed: false,
            left: None,
            full: None,
        }
    }

    /// The same facts at a later time.
    #[must_use]
    pub fn as_of(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }

    /// An earlier attempt set out to open a ticket, with an unknown result. The same request is made again, even if
    /// other tickets are known since: by the idempotency key, the desk answers with the ticket if it exists.
    pub fn opening_in_doubt(&mut self, opening: &Opening) {
        (self.searched, self.hinted) = (true, true);
        self.previous = opening.after.filter(|_| !opening.follows_up);
        self.ticket = opening.after.filter(|_| opening.follows_up).map(|id| KnownTicket {
            id,
            status: Some(TicketStatus::Closed),
            since: self.now,
            fresh: true,
            stamp: None,
            merged: false,
            requester: self.requester,
            read: true,
            tagging: None,
        });
    }

    /// The ticket was read.
    pub fn ticket_read(&mut self, mut read: KnownTicket) {
        if let Some(known) = self.ticket.as_ref().filter(|known| known.id == read.id && known.status == read.status) {
            read.since = known.since.min(read.since);
        }
        // The requester of a ticket that the sender named, or whose requester was unknown, is the customer.
        self.requester = self.requester.or(read.requester.filter(|_| !self.verified && self.matches_tried == 0));
        self.ticket = Some(KnownTicket { fresh: true, read: true, ..read });
        self.compare_owners();
    }

    /// Leaves a ticket that was read and belongs to another user. A requester who is only remembered may have been
    /// merged into that user, and is looked for first.
    fn compare_owners(&mut self) {
        let Some(requester) = self.requester else { return };
        let Some(ticket) = self.ticket.as_ref().filter(|ticket| ticket.read) else { return };
        if ticket.requester.is_none_or(|owner| owner == requester) {
            return;
        }
        if self.verified {
            self.left = Some(ticket.id);
            self.ticket = None;
        } else {
            self.look_afresh();
        }
    }

    fn look_afresh(&mut self) {
        (self.requester, self.verified, self.matches_tried, self.is_new) = (None, false, 0, false);
        // A merge of users moves their tickets.
        self.searched = false;
    }

    /// An earlier attempt failed, so no write may be conditional on a remembered time.
    pub fn tried_before(&mut self) {
        if let Some(ticket) = &mut self.ticket {
            ticket.stamp = None;
        }
    }

    /// The ticket has changed since the bridge last heard of it.
    pub fn ticket_changed(&mut self) {
        if let Some(ticket) = &mut self.ticket {
            (ticket.fresh, ticket.stamp) = (false, None);
        }
    }

    /// The ticket does not exist any more.
    pub fn ticket_gone(&mut self) {
        self.ticket = None;
    }

    /// The write was refused because the ticket is closed. The next step reads the ticket, or follows up if it was read
    /// as closed already.
    pub fn ticket_closed(&mut self) {
        if let Some(ticket) = &mut self.ticket {
            ticket.read &= ticket.status == Some(TicketStatus::Closed);
            (ticket.fresh, ticket.stamp) = (true, None);
            ticket.status = Some(TicketStatus::Closed);
        }
    }

    /// The ticket takes no more comments, in any status. The text goes to another ticket, or to a new one that names
    /// it.
    pub fn ticket_full(&mut self) {
        self.full = self.ticket.take().map(|ticket| ticket.id);
    }

    /// Tickets with the conversation's key, newest first.
    pub fn tickets_found(&mut self, found: Vec<KnownTicket>) {
        self.searched = true;
        // A list may lag behind, so a ticket known to be closed stays so.
        let same = |ticket: &&KnownTicket| {
            self.ticket.as_ref().is_some_and(|current| {
                current.id == ticket.id
                    && (current.status != Some(TicketStatus::Closed) || ticket.status == current.status)
            })
        };
        if let Some(read) = found.iter().find(same).cloned() {
            self.ticket_read(read);
        }
        let current = self.ticket.as_ref();
        let unsolved = found.into_iter().find(|ticket| {
            ticket.status.is_some_and(TicketStatus::is_unsolved)
                && current.is_none_or(|current| current.id != ticket.id)
                && ![self.left, self.full].contains(&Some(ticket.id))
                && ticket.requester == self.requester
        });
        match unsolved {
            Some(ticket) => self.ticket_read(ticket),
            None => {
                self.previous =
                    current.filter(|ticket| ticket.status == Some(TicketStatus::Solved)).map(|ticket| ticket.id);
            }
        }
    }

    /// Whether a ticket that the present one was merged into has the same requester.
    #[must_use]
    pub fn is_theirs(&self, requester: UserId) -> bool {
        self.ticket.as_ref().and_then(|ticket| ticket.requester) == Some(requester)
    }

    /// The ticket that a merged one went into, if there is one. The conversation moves to it if it is unsolved and has
    /// the same requester.
    pub fn merge_hint_read(&mut self, heir: Option<KnownTicket>) {
        self.hinted = true;
        let goes_there = |heir: &KnownTicket| {
            heir.status.is_some_and(TicketStatus::is_unsolved)
                && heir.requester.is_some_and(|requester| self.is_theirs(requester))
        };
        if let Some(heir) = heir.filter(goes_there) {
            self.ticket_read(heir);
        }
    }

    /// The last way of looking found this user, or none.
    pub fn requester_found(&mut self, user: Option<UserId>) {
        self.matches_tried += 1;
        self.requester = user;
        self.verified = user.is_some();
        self.compare_owners();
    }

    /// The users were asked for the customer's id. It may be taken by another user: a member of staff, or a customer
    /// whose id differs only in case.
    pub fn id_looked_up(&mut self, taken: bool) {
        self.id_taken = Some(taken);
    }

    /// A user whose id differs only in case may have been created since the last look-up.
    pub fn forget_id(&mut self) {
        self.id_taken = None;
    }

    /// The customer's user was saved: created just now, or found to exist.
    pub fn requester_saved(&mut self, user: UserId, is_new: bool) {
        self.is_new = is_new;
        self.requester_found(Some(user));
    }

    /// The customer's known user may be gone, so that it is looked for afresh. Tells whether that makes sense, which it
    /// does once.
    pub fn requester_gone(&mut self) -> bool {
        if self.renewed {
            return false;
        }
        self.renewed = true;
        let was_known = self.requester.is_some();
        self.look_afresh();
        was_known
    }

    fn may_reopen(&self, ticket: &KnownTicket) -> bool {
        ticket.since.saturating_add(self.reopen).is_ok_and(|end| self.now <= end)
    }

    fn open(&self) -> Step {
        self.with_requester(|requester| Step::Open { requester, previous: self.previous.or(self.full) })
    }

    fn find_tickets(&self) -> Step {
        self.with_requester(|_| Step::FindTickets)
    }

    fn append(&self, ticket: &KnownTicket) -> Step {
        self.with_requester(|requester| {
            // The user was looked for afresh, but the ticket was not read.
            if !ticket.read && ticket.requester != Some(requester) {
                return Step::ReadTicket(ticket.id);
            }
            let tagging = ticket.tagging.clone();
            let unchanged_since = match &tagging {
                Some(tagging) => Some(tagging.updated_at),
                None => ticket.stamp.filter(|_| !ticket.fresh),
            };
            Step::Append { requester, ticket: ticket.id, unchanged_since, tagging }
        })
    }

    fn with_requester(&self, write: impl FnOnce(UserId) -> Step) -> Step {
        match (self.requester, self.matches.get(self.matches_tried)) {
            (Some(requester), _) => write(requester),
            (None, Some(by)) => Step::FindRequester(*by),
            (None, None) => Step::CreateRequester { id_taken: self.id_taken },
        }
    }
}

fn has(customer: &Customer, by: UserMatch) -> bool {
    match by {
        UserMatch::ExternalId => customer.external_id.is_some() || customer.carrier_id.is_some(),
        UserMatch::UserField => customer.external_id.is_some(),
        UserMatch::Email => customer.email.is_some(),
        UserMatch::Phone => customer.phone.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::conversation::{Change, ConversationKey};

    const DAY: i64 = 24 * 3600;
    const NOW: i64 = 100 * DAY;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn customer() -> Customer {
        Customer { external_id: Some("c1".into()), phone: Some("+15550001111".into()), ..Customer::default() }
    }

    /// A conversation whose ticket 1 got this status `days` ago and was last heard of `minutes` ago.
    fn facts(ticket: Option<(TicketStatus, i64, i64)>) -> Facts {
        let mut conversation = Conversation::new(ConversationKey("c1".into()), Ends::FIRST, at(0));
        conversation.apply(Change::Requester(UserId(9)), at(0));
        if let Some((status, days, minutes)) = ticket {
            let seen = at(NOW - minutes * 60);
            conversation.apply(Change::Ticket(TicketId(1), status, at(NOW - days * DAY)), seen);
        }
        new(Some(&conversation), None)
    }

    fn new(conversation: Option<&Conversation>, named: Option<TicketId>) -> Facts {
        let matches = [UserMatch::ExternalId, UserMatch::UserField, UserMatch::Email, UserMatch::Phone];
        let reopen = Duration::from_secs(5 * 24 * 3600);
        Facts::new(conversation, named, &customer(), &matches, reopen, at(NOW))
    }

    fn ticket(id: u64, status: TicketStatus) -> KnownTicket {
        KnownTicket {
            id: TicketId(id),
            status: Some(status),
            since: at(NOW),
            fresh: true,
            stamp: None,
            merged: false,
            requester: Some(UserId(9)),
            read: true,
            tagging: None,
        }
    }

    const OPEN: Step = Step::Open { requester: UserId(9), previous: None };

    fn append(ticket: u64) -> Step {
        Step::Append { requester: UserId(9), ticket: TicketId(ticket), unchanged_since: None, tagging: None }
    }

    fn follow_up(closed: u64) -> Step {
        Step::FollowUp { requester: UserId(9), closed: TicketId(closed) }
    }

    #[test]
    fn an_opening_in_doubt_is_asked_for_again_whatever_else_is_known_since() {
        let opening = |after, follows_up| Opening {
            event: crate::domain::event::EventId { epoch: 1, sequence: 1, sub: 0 },
            after,
            follows_up,
            at: at(NOW),
        };
        let next = |opening: &Opening| {
            let mut facts = facts(Some((TicketStatus::Open, 0, 0)));
            facts.opening_in_doubt(opening);
            plan(&facts)
        };
        assert_eq!(next(&opening(None, false)), OPEN);
        let previous = Some(TicketId(3));
        assert_eq!(next(&opening(previous, false)), Step::Open { requester: UserId(9), previous });
        assert_eq!(next(&opening(previous, true)), follow_up(3));
    }

    #[test]
    fn no_ticket_known_finds_one_or_opens_one() {
        let mut searched = facts(None);
        assert_eq!(plan(&searched), Step::FindTickets);
        searched.tickets_found(vec![]);
        assert_eq!(plan(&searched), OPEN);
        let mut found = facts(None);
        found.tickets_found(vec![ticket(4, TicketStatus::Solved), ticket(3, TicketStatus::Pending)]);
        assert_eq!(plan(&found), append(3), "the solved one is passed over");
    }

    #[test]
    fn an_unsolved_ticket_takes_the_text() {
        for status in [TicketStatus::New, TicketStatus::Open, TicketStatus::Pending, TicketStatus::Hold] {
            assert_eq!(plan(&facts(Some((status, 90, 1)))), append(1), "{status:?}");
        }
    }

    #[test]
    fn a_solved_ticket_reopens_only_within_its_time() {
        assert_eq!(plan(&facts(Some((TicketStatus::Solved, 5, 1)))), append(1), "on the last day");
        let mut late = facts(Some((TicketStatus::Solved, 6, 1)));
        assert_eq!(plan(&late), Step::FindTickets);
        late.tickets_found(vec![ticket(1, TicketStatus::Solved)]);
        assert_eq!(plan(&late), Step::Open { requester: UserId(9), previous: Some(TicketId(1)) });
    }

    #[test]
    fn an_old_status_is_read_again_before_it_is_acted_on() {
        let mut stale = facts(Some((TicketStatus::Open, 20, 11)));
        assert_eq!(plan(&stale), Step::ReadTicket(TicketId(1)));
        stale.ticket_read(KnownTicket { since: at(NOW - 6 * DAY), ..ticket(1, TicketStatus::Solved) });
        assert_eq!(plan(&stale), Step::FindTickets, "solved for longer than it may be reopened");
        assert_eq!(plan(&facts(Some((TicketStatus::Open, 20, 10)))), append(1), "ten minutes are fresh");
    }

    #[test]
    fn an_old_status_is_acted_on_under_the_condition_that_nothing_has_changed_since() {
        let heard = |status, days: i64, minutes: i64| {
            let mut conversation = Conversation::new(ConversationKey("c1".into()), Ends::FIRST, at(0));
            conversation.apply(Change::Requester(UserId(9)), at(0));
            let seen = at(NOW - minutes * 60);
            conversation.apply(Change::Ticket(TicketId(1), status, at(NOW - days * DAY)), seen);
            conversation.apply(Change::Stamp(TicketId(1), at(NOW - minutes * 60 - 2)), seen);
            new(Some(&conversation), None)
        };
        let unchanged_since = |second| Step::Append {
            requester: UserId(9),
            ticket: TicketId(1),
            unchanged_since: Some(at(second)),
            tagging: None,
        };
        let mut open = heard(TicketStatus::Open, 20, 11);
        assert_eq!(plan(&open), unchanged_since(NOW - 662));
        open.ticket_changed();
        assert_eq!(plan(&open), Step::ReadTicket(TicketId(1)));
        open.ticket_read(ticket(1, TicketStatus::Open));
        assert_eq!(plan(&open), append(1), "it was just read: without a condition, so that this ends");
        let mut again = heard(TicketStatus::Open, 20, 11);
        again.tried_before();
        assert_eq!(plan(&again), Step::ReadTicket(TicketId(1)));
        assert_eq!(plan(&heard(TicketStatus::Open, 20, 10)), append(1), "young");
        assert_eq!(plan(&heard(TicketStatus::Solved, 4, 11)), unchanged_since(NOW - 662));
        for (status, days, minutes) in
            [(TicketStatus::Solved, 6, 11), (TicketStatus::Closed, 1, 11), (TicketStatus::Open, 20, 5 * 24 * 60 + 1)]
        {
            let facts = heard(status, days, minutes);
            assert_eq!(plan(&facts), Step::ReadTicket(TicketId(1)), "{status:?} {days} {minutes}");
        }
    }

    #[test]
    fn a_closed_ticket_is_followed_up() {
        let mut closed = facts(Some((TicketStatus::Open, 1, 1)));
        closed.ticket_closed();
        assert_eq!(plan(&closed), Step::FindTickets);
        closed.tickets_found(vec![ticket(1, TicketStatus::Closed)]);
        assert_eq!(plan(&closed), follow_up(1), "the list tells that it was not merged");
        closed.ticket_closed();
        assert_eq!(plan(&closed), follow_up(1), "being told twice does not lead in a circle");
    }

    #[test]
    fn a_closed_ticket_that_the_list_does_not_tell_of_is_read() {
        for listed in [vec![], vec![ticket(1, TicketStatus::Open)]] {
            let mut closed = facts(Some((TicketStatus::Open, 1, 1)));
            closed.ticket_closed();
            closed.tickets_found(listed);
            assert_eq!(plan(&closed), Step::ReadTicket(TicketId(1)), "was it merged?");
            closed.ticket_read(ticket(1, TicketStatus::Closed));
            assert_eq!(plan(&closed), follow_up(1));
        }
    }

    fn anothers(id: u64, status: TicketStatus) -> KnownTicket {
        KnownTicket { requester: Some(UserId(8)), ..ticket(id, status) }
    }

    #[test]
    fn a_ticket_that_is_another_users_now_is_left_alone() {
        for status in [TicketStatus::Open, TicketStatus::Solved, TicketStatus::Closed] {
            let mut stale = facts(Some((TicketStatus::Open, 1, 11)));
            assert_eq!(plan(&stale), Step::ReadTicket(TicketId(1)));
            stale.ticket_read(anothers(1, status));
            assert_eq!(plan(&stale), Step::FindRequester(UserMatch::ExternalId), "were users merged? {status:?}");
            stale.requester_found(Some(UserId(9)));
            assert_eq!((plan(&stale), stale.left), (Step::FindTickets, Some(TicketId(1))), "{status:?}");
            stale.tickets_found(vec![anothers(4, TicketStatus::Open), anothers(1, status)]);
            assert_eq!(plan(&stale), OPEN, "neither it nor any other of theirs: {status:?}");
        }
    }

    #[test]
    fn a_ticket_that_the_list_shows_with_another_user_is_left_alone() {
        let mut late = facts(Some((TicketStatus::Solved, 6, 1)));
        late.tickets_found(vec![anothers(1, TicketStatus::Solved)]);
        assert_eq!(plan(&late), Step::FindRequester(UserMatch::ExternalId));
        late.requester_found(Some(UserId(9)));
        assert_eq!(plan(&late), Step::FindTickets);
        late.tickets_found(vec![anothers(1, TicketStatus::Solved), ticket(3, TicketStatus::Open)]);
        assert_eq!(plan(&late), append(3));
    }

    #[test]
    fn a_customer_whose_user_was_merged_keeps_the_ticket() {
        let append_as_8 =
            Step::Append { requester: UserId(8), ticket: TicketId(1), unchanged_since: None, tagging: None };
        // Told by the ticket, when it was read.
        let mut stale = facts(Some((TicketStatus::Open, 1, 11)));
        stale.ticket_read(anothers(1, TicketStatus::Open));
        stale.requester_found(None);
        stale.requester_found(Some(UserId(8)));
        assert_eq!((plan(&stale), stale.left), (append_as_8.clone(), None));
        // Told by the refusal of a comment in the name of a user who is gone.
        let mut fresh = facts(Some((TicketStatus::Open, 1, 1)));
        assert_eq!(plan(&fresh), append(1));
        assert!(fresh.requester_gone());
        fresh.requester_found(Some(UserId(8)));
        assert_eq!(plan(&fresh), Step::ReadTicket(TicketId(1)), "whose is it now?");
        fresh.ticket_read(anothers(1, TicketStatus::Open));
        assert_eq!(plan(&fresh), append_as_8);
    }

    #[test]
    fn a_ticket_without_the_tag_gets_it_with_the_comment() {
        let tagging = Tagging { tags: vec!["sms".into(), "vip".into()], updated_at: at(NOW) };
        let mut found = facts(None);
        found.tickets_found(vec![KnownTicket { tagging: Some(tagging.clone()), ..ticket(4, TicketStatus::Open) }]);
        let unchanged_since = Some(at(NOW));
        let expected =
            Step::Append { requester: UserId(9), ticket: TicketId(4), unchanged_since, tagging: Some(tagging) };
        assert_eq!(plan(&found), expected);
    }

    #[test]
    fn a_merged_ticket_leads_to_the_requesters_open_one() {
        let merged = || KnownTicket { merged: true, ..ticket(1, TicketStatus::Closed) };
        let start = || {
            let mut facts = facts(Some((TicketStatus::Open, 1, 1)));
            facts.ticket_closed();
            facts
        };
        let stranger = |id| anothers(id, TicketStatus::Open);

        let mut by_key = start();
        by_key.tickets_found(vec![stranger(6), ticket(5, TicketStatus::Open), merged()]);
        assert_eq!(plan(&by_key), append(5), "somebody else's ticket is passed over");

        let mut by_hint = start();
        by_hint.tickets_found(vec![merged()]);
        assert_eq!(plan(&by_hint), Step::ReadMergeHint(TicketId(1)));
        by_hint.merge_hint_read(Some(ticket(7, TicketStatus::Open)));
        assert_eq!(plan(&by_hint), append(7));

        for heir in [None, Some(stranger(7)), Some(ticket(7, TicketStatus::Closed))] {
            let mut none = start();
            none.tickets_found(vec![merged()]);
            none.merge_hint_read(heir);
            assert_eq!(plan(&none), follow_up(1));
        }
    }

    #[test]
    fn a_deleted_ticket_is_replaced() {
        let mut gone = facts(Some((TicketStatus::Open, 1, 1)));
        gone.ticket_gone();
        assert_eq!(plan(&gone), Step::FindTickets);
        gone.tickets_found(vec![]);
        assert_eq!(plan(&gone), OPEN);
    }

    #[test]
    fn the_requester_is_looked_for_in_order_and_made_last() {
        let mut unknown = new(None, None);
        for by in [UserMatch::ExternalId, UserMatch::UserField, UserMatch::Phone] {
            assert_eq!(plan(&unknown), Step::FindRequester(by), "the customer has no e-mail address");
            unknown.requester_found(None);
        }
        assert_eq!(plan(&unknown), Step::CreateRequester { id_taken: None });
        unknown.id_looked_up(true);
        assert_eq!(plan(&unknown), Step::CreateRequester { id_taken: Some(true) });
        let mut found = unknown.clone();
        found.requester_saved(UserId(9), false);
        assert_eq!(plan(&found), Step::FindTickets, "they were there before");
        unknown.requester_saved(UserId(9), true);
        assert_eq!(plan(&unknown), OPEN, "a new user has no ticket");
        assert!(unknown.requester_gone());
        assert_eq!(plan(&unknown), Step::FindRequester(UserMatch::ExternalId), "merged away: look afresh");
        unknown.requester_found(Some(UserId(9)));
        assert!(!unknown.requester_gone(), "once: whoever is found again is who it is");
    }

    #[test]
    fn a_ticket_that_the_sender_named_is_read_and_lends_its_requester() {
        let mut named = new(None, Some(TicketId(3)));
        assert_eq!(plan(&named), Step::ReadTicket(TicketId(3)));
        named.ticket_read(ticket(3, TicketStatus::Open));
        assert_eq!(plan(&named), append(3));
    }
}
