//! The changes that a ticket teaches the conversation of its customer, when a look at the desk has found it. It never looks
//! for the customer: the worker does.
//!
//! | the ticket | the conversation's current ticket | its requester |
//! |---|---|---|
//! | is another customer's, by its user and its number | stays | stays |
//! | is unsolved, or is the current one, or there is none | becomes this one | becomes this one's, where unknown or one of the customer's users |
//! | is solved or closed, beside another | stays, because the customer's next text belongs where work goes on | becomes this one's, where unknown |

use jiff::Timestamp;

use crate::domain::account::AccountId;
use crate::domain::conversation::{Change, Conversation, TakenUp, TicketStatus};
use crate::domain::event::{Customer, TicketId, UserId};

/// A ticket as a look has seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its number.
    pub ticket: TicketId,
    /// Its status.
    pub status: TicketStatus,
    /// When it last changed, by the desk's clock.
    pub updated_at: Timestamp,
    /// Its requester.
    pub requester: UserId,
    /// When the look began.
    pub asked_at: Timestamp,
}

/// Whether the ticket is, or lately was, this conversation's.
#[must_use]
pub fn knows(conversation: &Conversation, ticket: TicketId) -> bool {
    let is_current = conversation.ticket.as_ref().is_some_and(|current| current.id == ticket);
    is_current || conversation.forwarded_on(ticket).is_some()
}

/// The changes that the ticket teaches its conversation. `is_theirs` tells whether the ticket's requester, as a user, is the
/// conversation's customer, where the user has data to tell by.
#[must_use]
pub fn taken_up(conversation: Option<&Conversation>, seen: &Seen, is_theirs: Option<bool>) -> Vec<Change> {
    let Seen { ticket, status, updated_at, requester: user, asked_at } = *seen;
    if is_theirs == Some(false) && conversation.is_some_and(|known| known.requester_id != Some(user)) {
        return Vec::new();
    }
    let current = conversation.and_then(|known| known.ticket.as_ref());
    let becomes_current = status.is_unsolved() || current.is_none_or(|current| current.id == ticket);
    // A customer may be two users, and writes on each ticket as its requester.
    let is_unknown = conversation.is_none_or(|known| known.requester_id.is_none());
    let requester = (is_unknown || is_theirs == Some(true)).then_some(user);
    if becomes_current {
        let taken = TakenUp { ticket, status, since: updated_at, requester, asked_at };
        vec![Change::TakenUp(taken), Change::Stamp(ticket, updated_at)]
    } else if is_unknown {
        vec![Change::Requester(user)]
    } else {
        Vec::new()
    }
}

/// The carrier and the line's address that a ticket's own key names before and behind the id of the customer, where that is
/// known.
#[must_use]
pub fn origin_of<'a>(key: &'a str, customer: Option<&Customer>) -> (Option<AccountId>, Option<&'a str>) {
    let (carrier, key) = AccountId::split(key);
    let id = customer.and_then(|known| known.external_id.as_deref().or(known.carrier_id.as_deref()));
    let line = id.and_then(|id| key.strip_prefix(id)?.strip_prefix('@')).filter(|line| !line.is_empty());
    (carrier, line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::conversation::ConversationKey;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seen(ticket: u64, status: TicketStatus) -> Seen {
        Seen { ticket: TicketId(ticket), status, updated_at: at(7), requester: UserId(2), asked_at: at(9) }
    }

    /// A conversation whose customer is user 1 and whose current ticket is 4.
    fn known() -> Conversation {
        let mut known = Conversation::new(ConversationKey("ada".into()), Ends::FIRST, at(0));
        known.apply(Change::Requester(UserId(1)), at(0));
        known.apply(Change::Ticket(TicketId(4), TicketStatus::Open, at(0)), at(0));
        known
    }

    #[test]
    fn a_customer_who_is_two_users_writes_on_the_ticket_taken_up_as_the_one_whose_it_is() {
        let requester_after = |ticket, status, is_theirs| {
            let mut after = known();
            let changes = taken_up(Some(&after), &seen(ticket, status), is_theirs);
            changes.into_iter().for_each(|change| after.apply(change, at(9)));
            (after.ticket.map(|ticket| ticket.id.0), after.requester_id)
        };
        let (first, second) = (Some(UserId(1)), Some(UserId(2)));
        for (ticket, status, is_theirs, expected) in [
            (5, TicketStatus::Open, Some(true), (Some(5), second)),
            (5, TicketStatus::Open, None, (Some(5), first)),
            (5, TicketStatus::Open, Some(false), (Some(4), first)),
            (5, TicketStatus::Solved, Some(true), (Some(4), first)),
            (4, TicketStatus::Solved, Some(true), (Some(4), second)),
        ] {
            assert_eq!(requester_after(ticket, status, is_theirs), expected, "{ticket} {status:?} {is_theirs:?}");
        }
    }

    #[test]
    fn an_unknown_customer_is_learnt_from_any_ticket_and_only_work_that_goes_on_becomes_current() {
        let taken = |requester| {
            let (ticket, status) = (TicketId(5), TicketStatus::Open);
            Change::TakenUp(TakenUp { ticket, status, since: at(7), requester, asked_at: at(9) })
        };
        let stamp = Change::Stamp(TicketId(5), at(7));
        let open = seen(5, TicketStatus::Open);
        assert_eq!(taken_up(None, &open, None), [taken(Some(UserId(2))), stamp.clone()]);
        assert_eq!(taken_up(Some(&known()), &open, None), [taken(None), stamp]);
        let nameless = Conversation { requester_id: None, ..known() };
        let solved = seen(5, TicketStatus::Solved);
        assert_eq!(taken_up(Some(&nameless), &solved, None), [Change::Requester(UserId(2))]);
        assert_eq!(taken_up(Some(&nameless), &solved, Some(false)), [], "it is another customer's");
        assert_eq!(taken_up(Some(&known()), &solved, None), []);
        let same_user = Seen { requester: UserId(1), ..open };
        assert_eq!(taken_up(Some(&known()), &same_user, Some(false)).len(), 2, "the number tells more than the data");
    }

    #[test]
    fn a_ticket_is_known_while_it_is_current_or_replies_on_it_were_forwarded() {
        let mut known = known();
        assert!(knows(&known, TicketId(4)) && !knows(&known, TicketId(5)));
        known.apply(Change::Forwarded(TicketId(5), crate::domain::event::CommentId(1), Vec::new()), at(1));
        assert!(knows(&known, TicketId(5)));
    }

    #[test]
    fn a_tickets_key_names_its_carrier_and_its_line_around_the_customers_id() {
        let ada = Customer { external_id: Some("ada".into()), carrier_id: Some("b1".into()), ..Customer::default() };
        let anonymous = Customer { carrier_id: Some("b1".into()), ..Customer::default() };
        for (key, customer, line) in [
            ("ada", &ada, None),
            ("ada@uk", &ada, Some("uk")),
            ("ada@", &ada, None),
            ("b1@uk", &ada, None),
            ("b1@uk", &anonymous, Some("uk")),
            ("ada@uk", &Customer::default(), None),
        ] {
            assert_eq!(origin_of(key, Some(customer)), (None, line), "{key}");
        }
    }
}
