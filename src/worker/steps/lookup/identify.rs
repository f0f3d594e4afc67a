//! Finds the customer behind a ticket that the bridge does not know yet. [`super::theirs`] tells whether a known
//! ticket is still its customer's, and [`super::merged`] where a merged ticket leads.

use jiff::Timestamp;

use crate::clock::Clock;
use crate::domain::account::Ends;
use crate::domain::cause;
use crate::domain::conversation::{Change, Conversation, ConversationKey};
use crate::domain::delivery::Outcome;
use crate::domain::event::{Customer, TicketId, UserId};
use crate::domain::line::{By, Channel, Lines, Place};
use crate::policy::taking_up::{knows, origin_of, taken_up};
use crate::ports::desk::{CONVERSATION_TAG, TicketView};
use crate::ports::{Desk, Failure};
use crate::store::{Claim, Store, StoreError, Verdict};

use super::customers::Customers;
use super::merged::Merges;
use super::tickets::seen;
use super::users::{customer_behind, from_desk};
use crate::worker::outcome;

/// The end of a look for the customer behind an unknown ticket.
pub(in crate::worker) enum Behind {
    /// The conversation is learnt.
    Found,
    /// Neither the webhook nor the requester tells a name by which the carrier knows customers.
    Nameless(By),
}

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
        if claim.conversation.as_ref().is_some_and(|known| knows(known, ticket)) {
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
            learnt.changes.extend(taken_up(known, &seen(&view, asked_at), self.is_requester(known, &view)));
            return Ok(Some(view.requester_id));
        }
        let vendor = self.desk.vendor();
        Err(match self.adopt(&view, named, asked_at, learnt).await? {
            Behind::Found => self.found(),
            Behind::Nameless(By::Id) => Outcome::GiveUp {
                cause: format!("{}: fill the external id of the user in {vendor}", cause::NO_CARRIER_ID),
            },
            Behind::Nameless(By::Phone) => Outcome::GiveUp {
                cause: format!(
                    "{}: fill in the phone number of the user in {vendor}, with its country code, as in +15550100100",
                    cause::NO_NUMBER
                ),
            },
            Behind::Nameless(By::Thread) => Outcome::GiveUp {
                cause: format!("{}: reply on a ticket that their own message has opened", cause::NO_THREAD),
            },
        })
    }

    /// Learns the conversation of an unknown ticket that was read at `asked_at`.
    pub(in crate::worker) async fn adopt(
        &self,
        ticket: &TicketView,
        named: Option<&str>,
        asked_at: Timestamp,
        learnt: &mut Verdict,
    ) -> Result<Behind, Outcome> {
        let retry = |error: StoreError| Outcome::Retry { cause: error.to_string(), after: None };
        // A known key tells more than the user does, because the customer may have several names and lines. It does
        // not count where the ticket's requester is another customer by now.
        let mut known = match &ticket.external_id {
            Some(key) => self.store.conversation(&ConversationKey(key.clone())).await.map_err(retry)?,
            None => None,
        };
        let has_key = known.is_some();
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
                let named = named.or_else(|| customer_behind(ticket)).map(from_desk);
                let whose = named.as_ref().and_then(|(whose, _)| *whose);
                let by_id = named.as_ref().map(|(_, customer)| customer);
                let (carrier, line) = ticket.external_id.as_deref().map_or((None, None), |key| origin_of(key, by_id));
                // A ticket that an agent has opened names no line, but its brand may have one.
                let of_brand = self.lines.of_brand(self.ends.desk, ticket.brand_id);
                let of_brand = of_brand.filter(|_| ticket.external_id.is_none());
                let carrier = carrier.or(whose).or(of_brand.map(|line| line.ends.carrier));
                let carrier = carrier.unwrap_or_else(|| self.customers.home_carrier());
                // A known talk stays its customer's, whoever the ticket was given to.
                let is_of_another = has_key && self.lines.knows_by(carrier) == By::Thread;
                let customer = self.customers.at_carrier(named, ticket, carrier).filter(|_| !is_of_another);
                let Some(customer) = customer else { return Ok(Behind::Nameless(self.lines.knows_by(carrier))) };
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
        learnt.changes.extend(taken_up(known.as_ref(), &seen(ticket, asked_at), is_theirs));
        learnt.belongs_to = Some(key);
        Ok(Behind::Found)
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
