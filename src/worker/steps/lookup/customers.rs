//! A carrier's customers, as a desk's users and as the store's conversations. Never calls a vendor.

use crate::domain::account::{AccountId, Ends};
use crate::domain::conversation::ConversationKey;
use crate::domain::event::Customer;
use crate::domain::find::Search;
use crate::domain::line::{By, Lines};
use crate::domain::phone;
use crate::ports::desk::{TicketView, UserView};
use crate::store::{Store, StoreError};

use super::users;

/// As many conversations of one customer are looked at: far more than a brand has lines.
const LINES_MAX: usize = 100;

/// The customers of the carriers at one desk.
#[derive(Clone, Copy)]
pub(in crate::worker) struct Customers<'a> {
    pub(in crate::worker) store: &'a dyn Store,
    pub(in crate::worker) lines: &'a Lines,
    pub(in crate::worker) ends: Ends,
    /// The carrier whose customers the desk knows by their ids as they are.
    pub(in crate::worker) home: Option<AccountId>,
}

impl Customers<'_> {
    /// This customer of a carrier's as the desk knows them.
    pub(in crate::worker) fn at_desk(&self, customer: &Customer, carrier: AccountId) -> Customer {
        let is_first = self.home.is_none_or(|home| home == carrier);
        users::at_desk(customer, (!is_first).then_some(carrier))
    }

    /// The carrier of a customer whom the desk knows by an id without an account in front, or else this worker's.
    pub(in crate::worker) fn home_carrier(&self) -> AccountId {
        self.home.unwrap_or(self.ends.carrier)
    }

    /// Whether ids that the desk has, of this carrier's or of the first one's, are names at a carrier.
    pub(in crate::worker) fn is_own(&self, whose: Option<AccountId>, carrier: AccountId) -> bool {
        whose.unwrap_or_else(|| self.home_carrier()) == carrier
    }

    /// Whether a user of the desk's is this customer of a carrier's; `None` where the user has no data to tell by. At a
    /// carrier that knows numbers, every user with the customer's number is the customer, whatever ids they have.
    pub(in crate::worker) fn is_customer(
        &self,
        user: &UserView,
        customer: &Customer,
        carrier: AccountId,
    ) -> Option<bool> {
        let has_number = match self.lines.knows_by(carrier) {
            By::Id | By::Thread => false,
            By::Phone => !user.is_agent && users::number_of(user).is_some_and(|number| Some(number) == customer.phone),
        };
        if has_number { Some(true) } else { users::is_customer(user, &self.at_desk(customer, carrier)) }
    }

    /// Whether a text conversation's ticket may be this customer's, by its requester's ids or number.
    pub(in crate::worker) fn may_be(&self, ticket: &TicketView, customer: &Customer, carrier: AccountId) -> bool {
        let Some(requester) = ticket.requester.as_ref().filter(|_| ticket.is_conversation()) else { return false };
        let has_number =
            !requester.is_agent && users::number_of(requester).is_some_and(|one| Some(one) == customer.phone);
        has_number || self.is_customer(requester, customer, carrier) == Some(true)
    }

    /// The requester as this carrier knows them: by the ids that the desk has, with the further carrier whose they are, or
    /// by their number where the carrier knows nothing else. Their own texts name the number alone, so that an id of the
    /// brand's would make another conversation of the answer. A talk is named by the ticket's key alone. `None` where no name of
    /// theirs is one at the carrier.
    pub(in crate::worker) fn at_carrier(
        &self,
        named: Option<(Option<AccountId>, Customer)>,
        ticket: &TicketView,
        carrier: AccountId,
    ) -> Option<Customer> {
        let is_own = |whose: Option<AccountId>| self.is_own(whose, carrier);
        match self.lines.knows_by(carrier) {
            By::Id => return named.map(|(_, customer)| customer),
            By::Thread => {
                // An agent may have given the ticket to a person of another carrier, or of none: the talk is not theirs.
                let (_, customer) = named.filter(|(whose, _)| is_own(*whose))?;
                let thread = ticket.external_id.as_deref()?.strip_prefix(&carrier.scoped(""))?;
                return Some(Customer { thread: Some(thread.to_owned()), ..customer });
            }
            By::Phone => {}
        }
        let requester = ticket.requester.as_ref();
        // A customer who wrote first has the carrier's own id, which is no number where they hide theirs.
        let own = named.filter(|(whose, _)| is_own(*whose)).and_then(|(_, customer)| customer.carrier_id);
        let number = requester.and_then(users::number_of);
        let id = own.or_else(|| number.clone())?;
        let phone = phone::normalise(&id).or(number);
        Some(Customer { carrier_id: Some(id), phone, ..Customer::default() })
    }

    /// The keys of a customer's conversations over a carrier: the base key, those on the lines that are configured, and
    /// those on lines that the carrier told of before.
    pub(in crate::worker) async fn keys_of(
        &self,
        customer: &Customer,
        carrier: AccountId,
    ) -> Result<Vec<ConversationKey>, StoreError> {
        let anywhere = Ends { carrier, ..self.ends }.into();
        let base = self.store.key_of(customer, &anywhere, None).await?;
        let mut keys = vec![base.clone()];
        for line in self.lines.of_carrier(carrier) {
            if let Some(place) = self.lines.place(carrier, line.address.as_deref(), line.channel) {
                keys.push(self.store.key_of(customer, &place, line.address.as_deref()).await?);
            }
        }
        let on_lines = Search::Key(base.on_line("").0);
        for known in self.store.find_conversations(Some(on_lines), None, LINES_MAX).await?.items {
            // An id with an `@` looks like the key of another customer's line.
            let is_theirs =
                known.ends.carrier == carrier && self.store.key_of(&known.customer, &anywhere, None).await? == base;
            keys.extend(is_theirs.then_some(known.key));
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }
}
