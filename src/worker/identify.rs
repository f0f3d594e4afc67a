//! Whose ticket it is: finds the customer behind a ticket that the bridge does not know yet.

use crate::clients::Failure;
use crate::clients::zendesk::TicketView;
use crate::domain::conversation::{Change, Conversation, ConversationKey};
use crate::domain::delivery::Outcome;
use crate::domain::event::{Customer, Destination, TicketId};
use crate::store::{Claim, StoreError};

use super::{Learnt, Worker};

/// The tag by which an agent (or the bridge) says that a ticket is a text conversation.
pub(super) const SMS_TAG: &str = "sms";

/// What stands before the `external_id` of a Zendesk user who is known by `braze_id` only, so that nobody takes it for
/// an external id: Braze answers "success" to a text for an external id that does not exist.
const ANONYMOUS: &str = "braze:";

impl Worker {
    /// Makes sure that the ticket is a text conversation and that the claim is its customer's.
    ///
    /// A ticket that the bridge does not know is read, and must carry the tag `sms`. When that tells whose it is, all
    /// that waits for the ticket moves to the customer's own lane and is claimed afresh there, so that nothing is ever
    /// sent beside that lane or without knowing what the conversation knows. `named` is the customer as the webhook
    /// called them.
    pub(super) async fn identify(
        &self,
        claim: &Claim,
        ticket: TicketId,
        named: Option<&str>,
        learnt: &mut Learnt,
    ) -> Result<(), Outcome> {
        if knows(claim.conversation.as_ref(), ticket) {
            return Ok(());
        }
        let view = match self.zendesk.ticket(ticket).await {
            Ok(view) => view,
            Err(Failure::NotFound { .. }) => {
                return Err(Outcome::Skip { reason: format!("ticket {ticket} does not exist") });
            }
            Err(failure) => return Err(self.outcome(failure, Destination::Zendesk)),
        };
        if !view.tags.iter().any(|tag| tag == SMS_TAG) {
            return Err(Outcome::Skip {
                reason: format!("ticket {ticket} is not a text conversation: it has no tag {SMS_TAG}"),
            });
        }
        if !claim.key.is_provisional() {
            learnt.changes.extend(taken_up(claim.conversation.as_ref(), &view));
            return Ok(());
        }
        if self.adopt(&view, named, learnt).await? {
            return Err(self.found());
        }
        Err(Outcome::Reject {
            cause: "the requester has no Braze user id: fill the external id of the user in Zendesk".to_owned(),
        })
    }

    /// Learns whose conversation an unknown ticket belongs to; false when nobody named the customer and the requester
    /// has no id in Braze.
    pub(super) async fn adopt(
        &self,
        ticket: &TicketView,
        named: Option<&str>,
        learnt: &mut Learnt,
    ) -> Result<bool, Outcome> {
        let retry = |error: StoreError| Outcome::Retry { cause: error.to_string(), after: None };
        // A key that the bridge knows says more than the user does: the customer may have several names and lines.
        let mut known = match &ticket.external_id {
            Some(key) => self.store.conversation(&ConversationKey(key.clone())).await.map_err(retry)?,
            None => None,
        };
        let key = match &known {
            Some(conversation) => conversation.key.clone(),
            None => {
                let named = named.map(|id| Customer { external_id: Some(id.to_owned()), ..Customer::default() });
                let behind = || customer_behind(ticket, &self.options.user_field);
                let Some(customer) = named.or_else(behind) else { return Ok(false) };
                let line = line_of(ticket, &customer);
                let key = self.store.key_of(&customer, line).await.map_err(retry)?;
                known = self.store.conversation(&key).await.map_err(retry)?;
                learnt.changes.extend(line.map(|line| Change::Line(line.to_owned())));
                learnt.changes.push(Change::Customer(customer));
                key
            }
        };
        learnt.changes.extend(taken_up(known.as_ref(), ticket));
        learnt.belongs_to = Some(key);
        Ok(true)
    }

    /// The claim goes on in the customer's own lane, at once.
    pub(super) fn found(&self) -> Outcome {
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

/// What a ticket that was just read teaches about its conversation. One that is done does not take the place of
/// another: the customer's next text belongs where work goes on.
fn taken_up(conversation: Option<&Conversation>, ticket: &TicketView) -> Vec<Change> {
    let current = conversation.and_then(|known| known.ticket.as_ref());
    let mut changes = Vec::new();
    if conversation.is_none_or(|known| known.requester_id.is_none()) {
        changes.push(Change::Requester(ticket.requester_id));
    }
    if ticket.status.is_unsolved() || current.is_none_or(|current| current.id == ticket.id) {
        changes.push(Change::Ticket(ticket.id, ticket.status, ticket.updated_at));
        changes.push(Change::Stamp(ticket.id, ticket.updated_at));
    }
    changes
}

/// What a customer is called as a Zendesk user's `external_id`.
pub(super) fn user_external_id(customer: &Customer) -> Option<String> {
    let anonymous = || customer.braze_id.as_deref().map(|id| format!("{ANONYMOUS}{id}"));
    customer.external_id.clone().or_else(anonymous)
}

/// Who the requester is in Braze. The recipe's own field speaks of nothing else; the external id is the bridge's or the
/// brand's. A ticket's key alone says too little: nobody can tell an external id from a `braze_id` by its looks, and a
/// text to an external id that does not exist is answered with success.
fn customer_behind(ticket: &TicketView, user_field: &str) -> Option<Customer> {
    let user = ticket.requester.as_ref()?;
    let mut customer = Customer { phone: user.phone.clone(), ..Customer::default() };
    let field = user.user_fields.get(user_field).and_then(|field| field.as_str()).filter(|field| !field.is_empty());
    match (field, user.external_id.as_deref()) {
        (Some(id), _) => customer.external_id = Some(id.to_owned()),
        (None, Some(id)) => match id.strip_prefix(ANONYMOUS) {
            Some(id) => customer.braze_id = Some(id.to_owned()),
            None => customer.external_id = Some(id.to_owned()),
        },
        (None, None) => return None,
    }
    Some(customer)
}

/// The line that the ticket's own key names behind the customer's id.
fn line_of<'a>(ticket: &'a TicketView, customer: &Customer) -> Option<&'a str> {
    let id = customer.external_id.as_deref().or(customer.braze_id.as_deref())?;
    ticket.external_id.as_deref()?.strip_prefix(id)?.strip_prefix('@')
}
