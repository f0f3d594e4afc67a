//! Finds the customer among the desk's users, or makes a user for them.
//!
//! Staff are never taken for a customer, and neither is another customer: an address, a number or an id that differs
//! in case only proves nothing. A user's values are never overwritten.

use std::time::Duration;

use crate::clock::Clock;
use crate::domain::account::Ends;
use crate::domain::delivery::Outcome;
use crate::domain::event::Customer;
use crate::domain::retry::later;
use crate::domain::user_match::UserMatch;
use crate::policy::inbound::Facts;
use crate::ports::desk::{IdHolder, Saved, UserQuery, UserView};
use crate::ports::{Desk, Failure};
use crate::store::{Claim, Store, StoreError};

use super::in_the_making::{InTheMaking, Making};
use crate::worker::context::{bare_user, new_user};
use crate::worker::outcome;
use crate::worker::steps::lookup::customers::Customers;
use crate::worker::steps::lookup::users::{from_desk, is_customer, named_by, second_external_id, user_external_id};

/// The wait of a text while another claim looks for its customer's id.
const MAKING_WAIT: Duration = Duration::from_secs(1);

/// The customers of one carrier among the users of one desk.
#[derive(Clone, Copy)]
pub(in crate::worker) struct Requesters<'a> {
    pub(in crate::worker) desk: &'a dyn Desk,
    pub(in crate::worker) store: &'a dyn Store,
    pub(in crate::worker) customers: Customers<'a>,
    pub(in crate::worker) in_the_making: &'a InTheMaking,
    pub(in crate::worker) ends: Ends,
    pub(in crate::worker) clock: &'a Clock,
}

impl<'a> Requesters<'a> {
    /// Keeps the id of a customer, as the desk knows them, while their user there is unknown.
    ///
    /// # Errors
    /// A wait, while another claim has the id, or one that differs in case only.
    pub(in crate::worker) fn keep_id(&self, claim: &Claim, customer: &Customer) -> Result<Option<Making<'a>>, Outcome> {
        let is_known = claim.conversation.as_ref().is_some_and(|known| known.requester_id.is_some());
        let Some(id) = user_external_id(customer).filter(|_| !is_known) else { return Ok(None) };
        let cause = "another customer of this id is being made a user".to_owned();
        let until = later(self.clock.now(), MAKING_WAIT);
        self.in_the_making.enter(&id).map(Some).ok_or(Outcome::Postpone { cause, until, for_budget: false })
    }

    /// The customer among the desk's users, by one way of looking.
    pub(in crate::worker) async fn find(
        &self,
        by: UserMatch,
        customer: &Customer,
        facts: &mut Facts,
    ) -> Result<Option<UserView>, Outcome> {
        let failed = |failure| outcome(failure, self.ends.desk);
        let query = match by {
            UserMatch::ExternalId => {
                let Some(id) = user_external_id(customer) else { return Ok(None) };
                let (found, taken) = self.find_by_id(&id).await.map_err(failed)?;
                facts.id_looked_up(taken);
                return Ok(found);
            }
            UserMatch::UserField => customer.external_id.clone().map(UserQuery::CustomerId),
            UserMatch::Email => customer.email.clone().map(UserQuery::Email),
            UserMatch::Phone => customer.phone.clone().map(UserQuery::Phone),
        };
        let Some(query) = query else { return Ok(None) };
        let mut found = self.desk.find_users(&query).await.map_err(failed)?;
        if matches!(by, UserMatch::Email | UserMatch::Phone) {
            let mut theirs = Vec::new();
            for user in found {
                if !self.is_another_customer(&user, customer).await? {
                    theirs.push(user);
                } else if by == UserMatch::Phone {
                    // Two customers share the number, so it identifies neither.
                    return Ok(None);
                }
            }
            found = theirs;
        }
        // A number that several people share identifies none of them; the other ways are unique.
        match (by, found.len()) {
            (UserMatch::Phone, 2..) | (_, 0) => Ok(None),
            _ => Ok(Some(found.swap_remove(0))),
        }
    }

    /// The user with the customer's external id, and whether another user has that id, so that the customer cannot be
    /// saved under it. The customer may then be known under their second id.
    async fn find_by_id(&self, id: &str) -> Result<(Option<UserView>, bool), Failure> {
        match self.desk.holder_of(id).await? {
            IdHolder::EndUser(user) => Ok((Some(user), false)),
            IdHolder::Free => Ok((None, false)),
            IdHolder::Another => match self.desk.holder_of(&second_external_id(id)).await? {
                IdHolder::EndUser(user) => Ok((Some(user), true)),
                IdHolder::Another | IdHolder::Free => Ok((None, true)),
            },
        }
    }

    /// Whether a user with the customer's number or address is another of the carrier's customers all the same. The brand
    /// may have given an external id itself; it proves a customer only where the bridge knows a conversation by it.
    async fn is_another_customer(&self, user: &UserView, customer: &Customer) -> Result<bool, Outcome> {
        let Some(named) = named_by(user) else { return Ok(false) };
        if is_customer(user, customer) == Some(true) {
            return Ok(false);
        }
        if named.carrier_id.is_some() || user.customer_id.is_some() {
            return Ok(true);
        }
        let retry = |error: StoreError| Outcome::Retry { cause: error.to_string(), after: None };
        let (carrier, named) = from_desk(named);
        for key in self
            .customers
            .keys_of(&named, carrier.unwrap_or_else(|| self.customers.home_carrier()))
            .await
            .map_err(retry)?
        {
            if self.store.conversation(&key).await.map_err(retry)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes the customer a user: with all known values, or else with those that the desk cannot refuse, and under
    /// their own external id where it is free. An answer that shows another user is not believed.
    pub(in crate::worker) async fn create(
        &self,
        id_taken: Option<bool>,
        customer: &Customer,
    ) -> Result<Saved, Outcome> {
        let failed = |failure| outcome(failure, self.ends.desk);
        let Some(id) = user_external_id(customer) else {
            return self.save(customer, None).await.map_err(failed);
        };
        let taken = match id_taken {
            Some(taken) => taken,
            None => match self.find_by_id(&id).await.map_err(failed)? {
                (Some(user), _) => return Ok(Saved { user, is_new: false }),
                (None, taken) => taken,
            },
        };
        let second = second_external_id(&id);
        let names = if taken { vec![second] } else { vec![id, second] };
        for name in names {
            let saved = self.save(customer, Some(name.clone())).await.map_err(failed)?;
            if !saved.user.is_agent && saved.user.external_id.as_ref() == Some(&name) {
                return Ok(saved);
            }
        }
        let vendor = self.desk.vendor();
        let cause = format!("{vendor} takes the customer for another user, who has their external id");
        Err(Outcome::GiveUp { cause })
    }

    async fn save(&self, customer: &Customer, id: Option<String>) -> Result<Saved, Failure> {
        match self.desk.save_user(&new_user(customer, id.clone())).await {
            // A number that the desk refuses must not keep the text from its ticket.
            Err(Failure::GiveUp { .. }) => self.desk.save_user(&bare_user(customer, id)).await.map_err(harmless),
            saved => saved.map_err(harmless),
        }
    }
}

/// Saving a user twice saves the same user, so a lost answer is as good as a refusal.
fn harmless(failure: Failure) -> Failure {
    if let Failure::Lose { cause } = failure { Failure::Retry { cause, after: None } } else { failure }
}
