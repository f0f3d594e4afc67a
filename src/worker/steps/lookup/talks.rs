//! Finds the talk with a ticket's requester, at a carrier that keeps talks. The requester decides: a talk of another person
//! is never theirs, although the ticket carries its key. Never learns a conversation.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::account::{AccountId, Ends};
use crate::domain::cause;
use crate::domain::conversation::Conversation;
use crate::domain::delivery::Outcome;
use crate::domain::event::Customer;
use crate::domain::find::Search;
use crate::domain::phone;
use crate::ports::desk::TicketView;
use crate::ports::{Carrier, FirstContact, Talk};
use crate::store::{Store, StoreError};

use super::customers::Customers;
use super::users;
use crate::worker::outcome;

/// As many conversations with one number are looked at: far more than one person has.
const SAME_NUMBER_MAX: usize = 100;

/// The talks of all carriers.
#[derive(Clone, Copy)]
pub(in crate::worker) struct Talks<'a> {
    pub(in crate::worker) store: &'a dyn Store,
    pub(in crate::worker) customers: Customers<'a>,
    pub(in crate::worker) carriers: &'a BTreeMap<AccountId, Arc<dyn Carrier>>,
}

/// A ticket, of whose requester a carrier may know a talk.
#[derive(Clone, Copy)]
pub(in crate::worker) struct Wanted<'a> {
    pub(in crate::worker) ticket: &'a TicketView,
    /// The carrier.
    pub(in crate::worker) carrier: AccountId,
    /// The talk that the ticket's key names, unless it is known to be another person's.
    pub(in crate::worker) keyed: Option<&'a str>,
    /// Whether an agent's reply waits for the talk.
    pub(in crate::worker) is_reply: bool,
}

/// A talk with a requester, who is this customer of its carrier's.
pub(in crate::worker) struct Found {
    pub(in crate::worker) customer: Customer,
    pub(in crate::worker) talk: Talk,
}

impl Found {
    /// The phone of one talk tells nothing of another one's.
    fn new(customer: Customer, talk: Talk) -> Self {
        let known = customer.phone.filter(|_| customer.thread.as_ref() == Some(&talk.thread));
        let customer = Customer {
            thread: Some(talk.thread.clone()),
            carrier_id: customer.carrier_id.or_else(|| talk.person.clone()),
            phone: talk.number.clone().or(known),
            ..customer
        };
        Self { customer, talk }
    }
}

impl Talks<'_> {
    /// The talk with the requester, who is `named` by their own ids at the carrier, or else by the number of a talk that the
    /// store knows: the one that the ticket names where it is theirs, or else the one that they wrote in last.
    pub(in crate::worker) async fn with_requester(
        &self,
        wanted: Wanted<'_>,
        named: Option<Customer>,
    ) -> Result<Option<Found>, Outcome> {
        let Some(client) = self.carriers.get(&wanted.carrier) else { return Ok(None) };
        let client = client.as_ref();
        let mut found = None;
        if let Some(Customer { external_id, carrier_id, .. }) = named {
            // The number at the desk is an agent's word, and the phone of a talk is the channel's alone.
            let own = Customer { external_id, carrier_id, ..Customer::default() };
            found = self.latest(client, wanted, own).await?;
        }
        if found.is_none() {
            found = self.by_number(client, wanted).await?;
        }
        if found.is_none() {
            found = self.by_key(client, wanted).await?;
        }
        // The key of a ticket that the bridge has opened tells the talk by itself.
        if let Some(found) = found.as_ref().filter(|found| wanted.keyed != Some(&found.talk.thread)) {
            paired(client, wanted, &found.talk).await;
        }
        Ok(found)
    }

    /// The customer's talk that the ticket names, or else the one that they wrote in last.
    async fn latest(
        &self,
        client: &dyn Carrier,
        wanted: Wanted<'_>,
        customer: Customer,
    ) -> Result<Option<Found>, Outcome> {
        let talks = client.talks_with(&customer, wanted.carrier, self.customers.lines).await;
        let talks = talks.map_err(|failure| outcome(failure, wanted.carrier))?;
        let keyed = talks.iter().position(|talk| wanted.keyed == Some(&talk.thread));
        Ok(talks.into_iter().nth(keyed.unwrap_or_default()).map(|talk| Found::new(customer, talk)))
    }

    /// The talk that the requester's number is known to be theirs in. It stays the place to answer where the carrier lists no
    /// text of theirs, because a first text would take the number from it.
    async fn by_number(&self, client: &dyn Carrier, wanted: Wanted<'_>) -> Result<Option<Found>, Outcome> {
        let Some(number) = wanted.ticket.requester.as_ref().and_then(users::number_of) else { return Ok(None) };
        let Some(known) = self.known_by_number(&number, wanted).await? else { return Ok(None) };
        let Some(thread) = known.customer.thread.clone() else { return Ok(None) };
        // A later talk of theirs may be with another phone.
        let is_with_it = |found: &Found| found.talk.thread == thread || found.talk.number.as_ref() == Some(&number);
        if let Some(found) = self.latest(client, wanted, known.customer.clone()).await?.filter(is_with_it) {
            return Ok(Some(found));
        }
        let talk = Talk { thread, person: None, line: known.line, number: None, heard_at: None };
        Ok(Some(Found::new(known.customer, talk)))
    }

    /// The talk that the ticket's key names, where its phone has the requester's number. The key alone does not tell, because
    /// an agent may have given the ticket to another person.
    async fn by_key(&self, client: &dyn Carrier, wanted: Wanted<'_>) -> Result<Option<Found>, Outcome> {
        let requester = wanted.ticket.requester.as_ref().filter(|requester| !requester.is_agent);
        let number = requester.and_then(users::number_of);
        let Some((thread, number)) = wanted.keyed.zip(number) else { return Ok(None) };
        let talk = client.talk_named(thread, wanted.carrier, self.customers.lines).await;
        let talk = talk.map_err(|failure| outcome(failure, wanted.carrier))?;
        let talk = talk.filter(|talk| talk.number.as_ref() == Some(&number));
        Ok(talk.map(|talk| Found::new(Customer::default(), talk)))
    }

    /// A talk with a requester who has not written, on this line. `Err` says why they cannot be written to first.
    pub(in crate::worker) async fn begun(
        &self,
        wanted: Wanted<'_>,
        line: &str,
    ) -> Result<Result<Found, String>, Outcome> {
        let Wanted { ticket, carrier, .. } = wanted;
        let Some(client) = self.carriers.get(&carrier) else { return Ok(Err(cause::NO_THREAD.to_owned())) };
        let requester = ticket.requester.as_ref().filter(|requester| !requester.is_agent);
        let Some((requester, number)) = requester.and_then(|user| Some((user, users::number_of(user)?))) else {
            return Ok(Err(cause::NO_NUMBER.to_owned()));
        };
        // The link would take the number from the talk that its owner writes in.
        if self.with_number(&number, carrier).await?.iter().any(|known| !self.is_theirs(known, wanted)) {
            return Ok(Err(cause::NUMBER_OF_ANOTHER.to_owned()));
        }
        let with = FirstContact {
            desk: self.customers.ends.desk,
            ticket: ticket.id,
            user: ticket.requester_id,
            name: &requester.name,
            number: &number,
            line,
        };
        let talk = client.begin(&with).await.map_err(|failure| outcome(failure, carrier))?;
        paired(client.as_ref(), wanted, &talk).await;
        Ok(Ok(Found::new(Customer::default(), talk)))
    }

    /// The known talk with the requester's number, where it is theirs. A desk's user whom another id names is theirs only
    /// where the talk has that very user.
    async fn known_by_number(&self, number: &str, wanted: Wanted<'_>) -> Result<Option<Conversation>, Outcome> {
        let mut theirs = self.with_number(number, wanted.carrier).await?;
        theirs.retain(|known| self.is_theirs(known, wanted));
        Ok(theirs.into_iter().max_by_key(|known| (known.window.heard_at, known.updated_at)))
    }

    fn is_theirs(&self, known: &Conversation, Wanted { ticket, carrier, .. }: Wanted<'_>) -> bool {
        let is = |user| self.customers.is_customer(user, &known.customer, carrier);
        known.requester_id == Some(ticket.requester_id) || ticket.requester.as_ref().and_then(is) == Some(true)
    }

    /// The carrier's known conversations with a number, of any customer. One whose talk is over holds its number no more.
    async fn with_number(&self, number: &str, carrier: AccountId) -> Result<Vec<Conversation>, Outcome> {
        let search = Search::PhoneEnd(phone::digits(number));
        let found = self.store.find_conversations(Some(search), None, SAME_NUMBER_MAX).await;
        let found = found.map_err(|error: StoreError| Outcome::Retry { cause: error.to_string(), after: None })?;
        let is_same = |known: &Conversation| {
            let ends = Ends { carrier, ..self.customers.ends };
            let holds_it = known.ends == ends && !known.talk.is_over();
            holds_it && known.customer.phone.as_deref().and_then(phone::normalise).as_deref() == Some(number)
        };
        Ok(found.items.into_iter().filter(is_same).collect())
    }
}

/// Notes the ticket on the talk for a lost store. A failure is passed over, because the reply does not depend on it and the
/// next ticket's is noted again.
async fn paired(client: &dyn Carrier, wanted: Wanted<'_>, talk: &Talk) {
    if wanted.is_reply {
        drop(client.pair(&talk.thread, wanted.ticket.id).await);
    }
}
