//! Finds the customer behind a ticket that the bridge does not know yet. [`super::theirs`] tells whether a known
//! ticket is still its customer's, and [`super::merged`] where a merged ticket leads.

use jiff::Timestamp;

use crate::clock::Clock;
use crate::domain::account::{AccountId, Ends};
use crate::domain::cause;
use crate::domain::conversation::{Change, Conversation, ConversationKey};
use crate::domain::delivery::Outcome;
use crate::domain::event::{Customer, TicketId, UserId};
use crate::domain::kind::KindName;
use crate::domain::line::{By, Channel, Lines, Place};
use crate::policy::taking_up::{knows, origin_of, taken_up};
use crate::ports::desk::{CONVERSATION_TAG, TicketView};
use crate::ports::{Desk, Failure};
use crate::store::{Claim, Store, StoreError, Verdict};

use super::customers::Customers;
use super::merged::Merges;
use super::talks::{Found, Talks, Wanted};
use super::tickets::seen;
use super::users::{customer_behind, from_desk, has_another_number};
use crate::worker::outcome;

/// The end of a look for the customer behind an unknown ticket.
pub(in crate::worker) enum Behind {
    /// The conversation is learnt.
    Found,
    /// Neither the webhook nor the requester tells a name by which the carrier knows customers. The cause says which name,
    /// and the remedy.
    Nameless(String),
}

/// A ticket's requester as a customer at a carrier.
struct AtCarrier {
    customer: Customer,
    place: Place,
    /// The line's address.
    line: Option<String>,
    /// When they wrote last, where the carrier told.
    heard_at: Option<Timestamp>,
    /// Whether their talk begins with the text that is to go out.
    begins: bool,
}

impl AtCarrier {
    /// Whether their talk over SMS is with another number than the desk has. One of the two is out of date, and its phone may
    /// be a stranger's by now. Other channels show numbers in forms of their own.
    fn has_another_phone(&self, ticket: &TicketView, known: Option<&Conversation>) -> bool {
        let told = self.customer.phone.as_deref().or(known.and_then(|known| known.customer.phone.as_deref()));
        let is_another = |requester| told.is_some_and(|told| has_another_number(requester, told));
        self.customer.thread.is_some()
            && self.place.channel.is_sms()
            && ticket.requester.as_ref().is_some_and(is_another)
    }

    /// The changes that they teach their conversation. A known one knows better when its customer
    /// wrote, and where.
    fn changes(self, known: Option<&Conversation>, now: Timestamp) -> Vec<Change> {
        let is_heard = known.is_none() && self.place.channel.has_window();
        let heard_at = self.heard_at.filter(|_| is_heard).map(Change::Heard);
        // A number whose last talk is over is written to afresh, on the line of the ticket.
        let is_other = |known: &Conversation| known.talk.is_over() && known.customer.thread != self.customer.thread;
        let begins_again = self.begins && known.is_some_and(is_other);
        let wrote_at = if begins_again { now } else { self.heard_at.unwrap_or(Timestamp::MIN) };
        let wrote_on = Change::wrote_on(self.line, Some(self.place.channel), wrote_at);
        let wrote_on = wrote_on.filter(|_| known.is_none() || begins_again);
        let customer = if begins_again { Change::TalkMoved } else { Change::Customer };
        let told = [wrote_on, heard_at, Some(customer(self.customer))];
        told.into_iter().flatten().collect()
    }
}

/// Looks for the customers behind unknown tickets.
#[derive(Clone, Copy)]
pub(in crate::worker) struct Finder<'a> {
    pub(in crate::worker) desk: &'a dyn Desk,
    pub(in crate::worker) store: &'a dyn Store,
    pub(in crate::worker) lines: &'a Lines,
    pub(in crate::worker) customers: Customers<'a>,
    pub(in crate::worker) merges: Merges<'a>,
    pub(in crate::worker) talks: Talks<'a>,
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
        // A closing text is no reason to write to a person first.
        let is_reply = claim.work.first().is_some_and(|head| head.delivery.kind == KindName::AgentReply);
        Err(match self.adopt(&view, named, is_reply, asked_at, learnt).await? {
            Behind::Found => self.found(),
            Behind::Nameless(cause) => Outcome::GiveUp { cause },
        })
    }

    /// Learns the conversation of an unknown ticket that was read at `asked_at`. Only an agent's reply may be written to a
    /// person who has not written.
    pub(in crate::worker) async fn adopt(
        &self,
        ticket: &TicketView,
        named: Option<&str>,
        is_reply: bool,
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
                let of_requester = match self.of_requester(ticket, named, (has_key, is_reply)).await? {
                    Ok(of_requester) => of_requester,
                    Err(cause) => return Ok(Behind::Nameless(cause)),
                };
                let key = self
                    .store
                    .key_of(&of_requester.customer, &of_requester.place, of_requester.line.as_deref())
                    .await
                    .map_err(retry)?;
                known = self.store.conversation(&key).await.map_err(retry)?;
                // A conversation stays with the desk at which it began. A ticket of another desk would be taken for the
                // ticket of that number at its own.
                if known.as_ref().is_some_and(|known| known.ends.desk != self.ends.desk) {
                    return Err(Outcome::GiveUp { cause: cause::AT_ANOTHER_DESK.to_owned() });
                }
                // The ticket of the talk itself tells that it is theirs.
                if ticket.external_id.as_ref() != Some(&key.0) && of_requester.has_another_phone(ticket, known.as_ref())
                {
                    return Ok(Behind::Nameless(cause::ANOTHER_NUMBER.to_owned()));
                }
                learnt.ends = Some(of_requester.place.ends);
                learnt.changes.extend(of_requester.changes(known.as_ref(), self.clock.now()));
                key
            }
        };
        let is_theirs = self.is_requester(known.as_ref(), ticket);
        learnt.changes.extend(taken_up(known.as_ref(), &seen(ticket, asked_at), is_theirs));
        learnt.belongs_to = Some(key);
        Ok(Behind::Found)
    }

    /// The ticket's requester as a customer at a carrier, who is `named` by the desk. `Err` says why they are none.
    async fn of_requester(
        &self,
        ticket: &TicketView,
        named: Option<(Option<AccountId>, Customer)>,
        (has_key, is_reply): (bool, bool),
    ) -> Result<Result<AtCarrier, String>, Outcome> {
        let whose = named.as_ref().and_then(|(whose, _)| *whose);
        let by_id = named.as_ref().map(|(_, customer)| customer);
        let (carrier, line) = ticket.external_id.as_deref().map_or((None, None), |key| origin_of(key, by_id));
        // A ticket that an agent has opened names no line, but its brand may have one.
        let of_brand = self.lines.of_brand(self.ends.desk, ticket.brand_id);
        let of_brand = of_brand.filter(|_| ticket.external_id.is_none());
        let carrier = carrier.or(whose).or(of_brand.map(|line| line.ends.carrier));
        let carrier = carrier.unwrap_or_else(|| self.customers.home_carrier());
        let of_brand = of_brand.filter(|line| line.ends.carrier == carrier);
        let line = line.or(of_brand.and_then(|line| line.address.as_deref())).map(str::to_owned);
        let by = self.lines.knows_by(carrier);
        let (customer, line, heard_at, begins) = match by {
            By::Id | By::Phone => (self.customers.at_carrier(named, ticket, carrier), line, None, false),
            By::Thread => {
                let keyed = ticket.external_id.as_deref().and_then(|key| key.strip_prefix(&carrier.scoped("")));
                // A known talk stays its customer's, whoever the ticket was given to.
                let wanted = Wanted { ticket, carrier, keyed: keyed.filter(|_| !has_key), is_reply };
                let own = named.filter(|(whose, _)| self.customers.is_own(*whose, carrier)).map(|(_, own)| own);
                let (found, begins) = match Box::pin(self.talks.with_requester(wanted, own)).await? {
                    Some(found) => (found, false),
                    None if is_reply && ticket.external_id.is_none() => match self.begun(wanted, line).await? {
                        Ok(begun) => (begun, true),
                        Err(cause) => return Ok(Err(cause)),
                    },
                    None => return Ok(Err(self.nameless(by))),
                };
                (Some(found.customer), found.talk.line, found.talk.heard_at, begins)
            }
        };
        let Some(customer) = customer else { return Ok(Err(self.nameless(by))) };
        let place = self.lines.place(carrier, line.as_deref(), Channel::default());
        let place = place.unwrap_or_else(|| Ends { carrier, ..self.ends }.into());
        // The ticket stands at this desk, also where its line goes to another by now.
        let place = Place { ends: Ends { desk: self.ends.desk, ..place.ends }, ..place };
        Ok(Ok(AtCarrier { customer, place, line, heard_at, begins }))
    }

    /// A talk with a requester who has not written: on the line of the ticket's brand, or else on the carrier's first one.
    async fn begun(&self, wanted: Wanted<'_>, of_brand: Option<String>) -> Result<Result<Found, String>, Outcome> {
        let of_carrier = self.lines.of_carrier(wanted.carrier).filter(|line| line.ends.desk == self.ends.desk);
        let line = of_brand.or_else(|| of_carrier.into_iter().find_map(|line| line.address.clone()));
        let Some(line) = line else { return Ok(Err(cause::NO_FIRST_LINE.to_owned())) };
        let begun = self.talks.begun(wanted, &line).await?;
        Ok(begun.map_err(|cause| if cause == cause::NO_NUMBER { self.nameless(By::Phone) } else { cause }))
    }

    /// Why a requester cannot be texted whom no name of theirs tells at a carrier that knows customers so.
    fn nameless(&self, by: By) -> String {
        let vendor = self.desk.vendor();
        match by {
            By::Id => format!("{}: fill the external id of the user in {vendor}", cause::NO_CARRIER_ID),
            By::Phone => format!(
                "{}: fill in the phone number of the user in {vendor}, with its country code, as in +15550100100",
                cause::NO_NUMBER
            ),
            By::Thread => format!(
                "{}: reply on a ticket that their own message has opened, or on a new ticket for them",
                cause::NO_THREAD
            ),
        }
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
