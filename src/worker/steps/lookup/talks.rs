//! Finds the talk with a ticket's requester, at a carrier that keeps talks. The requester decides: a talk of another person
//! is never theirs, although the ticket carries its key. Never learns a conversation.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::account::{AccountId, Ends};
use crate::domain::cause;
use crate::domain::conversation::Conversation;
use crate::domain::delivery::Outcome;
use crate::domain::event::{Customer, TicketId};
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
}

/// A talk with a requester, who is this customer of its carrier's.
pub(in crate::worker) struct Found {
    pub(in crate::worker) customer: Customer,
    pub(in crate::worker) talk: Talk,
}

impl Talks<'_> {
    /// The talk with the requester, who is `named` by their own ids at the carrier, or else by the number of a talk that the
    /// store knows: the one that the ticket names where it is theirs, or else the one that they wrote in last.
    pub(in crate::worker) async fn with_requester(
        &self,
        wanted: Wanted<'_>,
        named: Option<Customer>,
    ) -> Result<Option<Found>, Outcome> {
        let Some(carrier) = self.carriers.get(&wanted.carrier) else { return Ok(None) };
        let customer = match named {
            Some(customer) => Some(customer),
            None => self.known_by_number(wanted).await?,
        };
        let Some(customer) = customer else { return Ok(None) };
        let talks = carrier.talks_with(&customer).await.map_err(|failure| outcome(failure, wanted.carrier))?;
        let keyed = talks.iter().position(|talk| wanted.keyed == Some(&talk.thread));
        let Some(talk) = talks.into_iter().nth(keyed.unwrap_or_default()) else { return Ok(None) };
        // The key of a ticket that the bridge has opened tells the talk by itself.
        if keyed.is_none() {
            self.paired(wanted.carrier, &talk, wanted.ticket.id).await?;
        }
        let carrier_id = customer.carrier_id.or_else(|| talk.person.clone());
        let customer = Customer { thread: Some(talk.thread.clone()), carrier_id, ..customer };
        Ok(Some(Found { customer, talk }))
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
        let thread = Some(talk.thread.clone());
        let customer =
            Customer { thread, carrier_id: talk.person.clone(), phone: Some(number.clone()), ..Customer::default() };
        self.paired(carrier, &talk, ticket.id).await?;
        Ok(Ok(Found { customer, talk }))
    }

    async fn paired(&self, carrier: AccountId, talk: &Talk, ticket: TicketId) -> Result<(), Outcome> {
        let Some(client) = self.carriers.get(&carrier) else { return Ok(()) };
        client.pair(&talk.thread, ticket).await.map_err(|failure| outcome(failure, carrier))
    }

    /// The requester as the customer of a known talk with their number. A desk's user whom another id names is theirs only
    /// where the talk has that very user.
    async fn known_by_number(&self, wanted: Wanted<'_>) -> Result<Option<Customer>, Outcome> {
        let number = wanted.ticket.requester.as_ref().and_then(users::number_of);
        let Some(number) = number else { return Ok(None) };
        let mut theirs = self.with_number(&number, wanted.carrier).await?;
        theirs.retain(|known| self.is_theirs(known, wanted));
        let newest = theirs.into_iter().max_by_key(|known| (known.window.heard_at, known.updated_at));
        Ok(newest.map(|known| known.customer).filter(|customer| customer.carrier_id.is_some()))
    }

    fn is_theirs(&self, known: &Conversation, Wanted { ticket, carrier, .. }: Wanted<'_>) -> bool {
        let is = |user| self.customers.is_customer(user, &known.customer, carrier);
        known.requester_id == Some(ticket.requester_id) || ticket.requester.as_ref().and_then(is) == Some(true)
    }

    /// The carrier's known conversations with a number, of any customer.
    async fn with_number(&self, number: &str, carrier: AccountId) -> Result<Vec<Conversation>, Outcome> {
        let search = Search::PhoneEnd(phone::digits(number));
        let found = self.store.find_conversations(Some(search), None, SAME_NUMBER_MAX).await;
        let found = found.map_err(|error: StoreError| Outcome::Retry { cause: error.to_string(), after: None })?;
        let is_same = |known: &Conversation| {
            let ends = Ends { carrier, ..self.customers.ends };
            known.ends == ends && known.customer.phone.as_deref() == Some(number)
        };
        Ok(found.items.into_iter().filter(is_same).collect())
    }
}
