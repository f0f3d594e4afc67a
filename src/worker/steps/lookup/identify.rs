//! Finds the customer behind a ticket that the bridge does not know yet. [`super::theirs`] tells whether a known
//! ticket is still its customer's, and [`super::merged`] where a merged ticket leads.

use jiff::Timestamp;

use crate::clock::Clock;
use crate::domain::account::{AccountId, Ends};
use crate::domain::cause;
use crate::domain::conversation::{Change, Conversation, ConversationKey};
use crate::domain::delivery::Outcome;
use crate::domain::event::{Customer, TicketId, UserId};
use crate::domain::line::{Channel, Lines, Place};
use crate::ports::desk::{CONVERSATION_TAG, TicketView};
use crate::ports::{Desk, Failure};
use crate::store::{Claim, Store, StoreError, Verdict};

use super::customers::Customers;
use super::merged::Merges;
use super::tickets::taken;
use super::users::{customer_behind, from_desk};
use crate::worker::outcome;

/// Looks for the customers behind unknown tickets.
#[derive(Clone, Copy)]
pub(in crate::worker) struct Finder<'a> {
    pub(in crate::worker) desk: &'a dyn Desk,
    pub(in crate::worker) store: &'a dyn Store,
    pub(in crate::worker) lines: &'a Lines,
    pub(in crate::worker) customers: Customers<'a>,
    pub(in crate::worker) merges: Merges<'a>,
    pub(in crate::worker) ends: Ends,
    pub(in crate::worker) clock: &'a Clock,
}

impl Finder<'_> {
    /// Makes sure that the ticket is a text conversation and that the claim is its customer's.
    ///
    /// A ticket that the bridge does not know is read, and must carry the tag `sms`. When it names its customer, all
    /// deliveries that wait for the ticket move to the customer's own lane and are claimed afresh there, so that
    /// every text goes through that lane and knows its conversation. `named` is the customer in the webhook's words.
    /// Gives the ticket's requester where the ticket had to be read.
    pub(in crate::worker) async fn identify(
        &self,
        claim: &Claim,
        ticket: TicketId,
        named: Option<&str>,
        learnt: &mut Verdict,
    ) -> Result<Option<UserId>, Outcome> {
        if knows(claim.conversation.as_ref(), ticket) {
            return Ok(None);
        }
        let asked_at = self.clock.now();
        let view = match self.desk.ticket(ticket).await {
            Ok(view) => view,
            Err(Failure::NotFound { .. }) => {
                return Err(Outcome::Skip { reason: format!("ticket {ticket} does not exist") });
            }
            Err(failure) => return Err(outcome(failure, self.ends.desk)),
        };
        if !view.is_conversation() && !self.merges.follows_merge(&view).await? {
            return Err(Outcome::Skip {
                reason: format!("ticket {ticket} is not a text conversation: it has no tag {CONVERSATION_TAG}"),
            });
        }
        if !claim.key.is_provisional() {
            let known = claim.conversation.as_ref();
            learnt.changes.extend(taken_up(known, &view, self.is_requester(known, &view), asked_at));
            return Ok(Some(view.requester_id));
        }
        if self.adopt(&view, named, asked_at, learnt).await? {
            return Err(self.found());
        }
        let vendor = self.desk.vendor();
        Err(Outcome::GiveUp {
            cause: format!("{}: fill the external id of the user in {vendor}", cause::NO_CARRIER_ID),
        })
    }

    /// Learns the conversation of an unknown ticket that was read at `asked_at`. False when the webhook names no
    /// customer and the requester has no id at the carrier.
    pub(in crate::worker) async fn adopt(
        &self,
        ticket: &TicketView,
        named: Option<&str>,
        asked_at: Timestamp,
        learnt: &mut Verdict,
    ) -> Result<bool, Outcome> {
        let retry = |error: StoreError| Outcome::Retry { cause: error.to_string(), after: None };
        // A known key tells more than the user does, because the customer may have several names and lines. It does
        // not count where the ticket's requester is another customer by now.
        let mut known = match &ticket.external_id {
            Some(key) => self.store.conversation(&ConversationKey(key.clone())).await.map_err(retry)?,
            None => None,
        };
        known = known.filter(|known| {
            let is = |user| self.customers.is_customer(user, &known.customer, known.ends.carrier);
            known.ends.desk == self.ends.desk
                && (known.requester_id == Some(ticket.requester_id)
                    || ticket.requester.as_ref().and_then(is) != Some(false))
        });
        let key = match &known {
            Some(conversation) => conversation.key.clone(),
            None => {
                let named = named.map(|id| Customer { external_id: Some(id.to_owned()), ..Customer::default() });
                let behind = || customer_behind(ticket);
                let Some((whose, customer)) = named.or_else(behind).map(from_desk) else { return Ok(false) };
                let (carrier, line) = origin_of(ticket, &customer);
                // A ticket that an agent has opened names no line, but its brand may have one.
                let of_brand = self.lines.of_brand(self.ends.desk, ticket.brand_id);
                let of_brand = of_brand.filter(|_| ticket.external_id.is_none());
                let carrier = carrier.or(whose).or(of_brand.map(|line| line.ends.carrier));
                let carrier = carrier.unwrap_or_else(|| self.customers.home_carrier());
                let of_brand = of_brand.filter(|line| line.ends.carrier == carrier);
                let line = line.or(of_brand.and_then(|line| line.address.as_deref()));
                let place = self.lines.place(carrier, line, Channel::default());
                let place = place.unwrap_or_else(|| Ends { carrier, ..self.ends }.into());
                // The ticket stands at this desk, also where its line goes to another by now.
                let place = Place { ends: Ends { desk: self.ends.desk, ..place.ends }, ..place };
                let key = self.store.key_of(&customer, &place, line).await.map_err(retry)?;
                known = self.store.conversation(&key).await.map_err(retry)?;
                // A conversation stays with the desk at which it began. A ticket of another desk would be taken for the
                // ticket of that number at its own.
                if known.as_ref().is_some_and(|known| known.ends.desk != self.ends.desk) {
                    return Err(Outcome::GiveUp { cause: cause::AT_ANOTHER_DESK.to_owned() });
                }
                learnt.changes.extend(line.map(|line| Change::Line(line.to_owned())));
                learnt.ends = Some(place.ends);
                learnt.changes.push(Change::Customer(customer));
                key
            }
        };
        let is_theirs = self.is_requester(known.as_ref(), ticket);
        learnt.changes.extend(taken_up(known.as_ref(), ticket, is_theirs, asked_at));
        learnt.belongs_to = Some(key);
        Ok(true)
    }

    /// Whether the ticket's requester is this conversation's customer; `None` where nothing tells.
    fn is_requester(&self, known: Option<&Conversation>, ticket: &TicketView) -> Option<bool> {
        let known = known?;
        self.customers.is_customer(ticket.requester.as_ref()?, &known.customer, known.ends.carrier)
    }

    /// The outcome of a claim that goes on in the customer's own lane, at once.
    pub(in crate::worker) fn found(&self) -> Outcome {
        Outcome::Postpone {
            cause: "the ticket's customer has been found".to_owned(),
            until: self.clock.now(),
            for_budget: false,
        }
    }
}

/// Whether the ticket is, or lately was, this conversation's.
fn knows(conversation: Option<&Conversation>, ticket: TicketId) -> bool {
    conversation.is_some_and(|known| {
        known.ticket.as_ref().is_some_and(|current| current.id == ticket) || known.forwarded_on(ticket).is_some()
    })
}

/// The changes that a ticket read at `asked_at` teaches its conversation: none where it is another customer's. A
/// ticket that is done does not take the place of another, because the customer's next text belongs where work goes
/// on.
fn taken_up(
    conversation: Option<&Conversation>,
    ticket: &TicketView,
    is_theirs: Option<bool>,
    asked_at: Timestamp,
) -> Vec<Change> {
    let current = conversation.and_then(|known| known.ticket.as_ref());
    let becomes_current = ticket.status.is_unsolved() || current.is_none_or(|current| current.id == ticket.id);
    if is_theirs == Some(false) && conversation.is_some_and(|known| known.requester_id != Some(ticket.requester_id)) {
        return Vec::new();
    }
    let mut changes = Vec::new();
    // A customer may be two users, and writes on each ticket as its requester.
    let is_unknown = conversation.is_none_or(|known| known.requester_id.is_none());
    let requester = (is_unknown || is_theirs == Some(true)).then_some(ticket.requester_id);
    if becomes_current {
        changes.push(Change::TakenUp(taken(ticket, requester, asked_at)));
        changes.push(Change::Stamp(ticket.id, ticket.updated_at));
    } else if is_unknown {
        changes.push(Change::Requester(ticket.requester_id));
    }
    changes
}

/// The carrier and the line's address that the ticket's own key names before and behind the customer's id.
fn origin_of<'a>(ticket: &'a TicketView, customer: &Customer) -> (Option<AccountId>, Option<&'a str>) {
    let Some(key) = ticket.external_id.as_deref() else { return (None, None) };
    let (carrier, key) = AccountId::split(key);
    let id = customer.external_id.as_deref().or(customer.carrier_id.as_deref());
    let line = id.and_then(|id| key.strip_prefix(id)?.strip_prefix('@')).filter(|line| !line.is_empty());
    (carrier, line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::TicketStatus;
    use crate::ports::desk::UserView;

    #[test]
    fn a_customer_who_is_two_users_writes_on_the_ticket_taken_up_as_the_one_whose_it_is() {
        let now = Timestamp::UNIX_EPOCH;
        let mut known = Conversation::new(ConversationKey("ada".into()), Ends::FIRST, now);
        let ada = Customer { external_id: Some("ada".into()), ..Customer::default() };
        for change in
            [Change::Customer(ada), Change::Requester(UserId(1)), Change::Ticket(TicketId(4), TicketStatus::Open, now)]
        {
            known.apply(change, now);
        }
        let requester_after = |status, name: &str| {
            let ticket = TicketView {
                id: TicketId(5),
                status,
                external_id: None,
                requester_id: UserId(2),
                tags: Vec::new(),
                updated_at: now,
                brand_id: None,
                merged: false,
                comment_count: None,
                is_full: false,
                requester: Some(UserView {
                    id: UserId(2),
                    name: "Ada".into(),
                    external_id: Some(name.into()),
                    email: None,
                    phone: None,
                    active: true,
                    customer_id: None,
                    is_agent: false,
                }),
            };
            let mut after = known.clone();
            taken_up(Some(&known), &ticket, Some(name == "ada"), now)
                .into_iter()
                .for_each(|change| after.apply(change, now));
            (after.ticket.map(|ticket| ticket.id.0), after.requester_id)
        };
        assert_eq!(requester_after(TicketStatus::Open, "ada"), (Some(5), Some(UserId(2))));
        assert_eq!(requester_after(TicketStatus::Open, "bob"), (Some(4), Some(UserId(1))), "another customer's");
        assert_eq!(requester_after(TicketStatus::Solved, "ada"), (Some(4), Some(UserId(1))), "not the current ticket");
    }
}
