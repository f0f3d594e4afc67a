//! Whose ticket it is: finds the customer behind a ticket that the bridge does not know yet.

use crate::clients::Failure;
use crate::clients::zendesk::{TicketView, UserView};
use crate::domain::conversation::{Change, ConversationKey};
use crate::domain::delivery::Outcome;
use crate::domain::event::{Customer, Destination, TicketId};
use crate::store::Claim;

use super::{Learnt, Worker};

/// The tag by which an agent (or the bridge) says that a ticket is a text conversation.
pub(super) const SMS_TAG: &str = "sms";

/// What stands before the `external_id` of a Zendesk user who is known by `braze_id` only, so that nobody takes it for
/// an external id: Braze answers "success" to a text for an external id that does not exist.
const ANONYMOUS: &str = "braze:";

impl Worker {
    /// Makes sure that the claim's customer is known. For a ticket that the bridge does not know, asks Zendesk whose it
    /// is and lets everything that waits for the ticket move to that customer's conversation.
    ///
    /// A ticket without the tag `sms` is nobody's conversation. `named` is the customer as the webhook called them.
    pub(super) async fn identify(
        &self,
        claim: &Claim,
        ticket: TicketId,
        named: Option<&str>,
        learnt: &mut Learnt,
    ) -> Result<(), Outcome> {
        if !claim.key.is_provisional() {
            return Ok(());
        }
        let view = self.zendesk.ticket(ticket).await.map_err(|failure| match failure {
            Failure::NotFound { .. } => Outcome::Skip { reason: format!("ticket {ticket} does not exist") },
            other => self.outcome(claim, other, Destination::Zendesk),
        })?;
        if !view.tags.iter().any(|tag| tag == SMS_TAG) {
            return Err(Outcome::Skip {
                reason: format!("ticket {ticket} is not a text conversation: it has no tag {SMS_TAG}"),
            });
        }
        self.adopt(&view, named, learnt).map(drop).ok_or_else(|| Outcome::Reject {
            cause: "the requester has no Braze user id: fill the external id of the user in Zendesk".to_owned(),
        })
    }

    /// The same, and then waits for the turn in the customer's own conversation: only there is it known whether they
    /// may be texted, and only there does nobody else text them meanwhile.
    pub(super) async fn find_home(
        &self,
        claim: &Claim,
        ticket: TicketId,
        named: Option<&str>,
        learnt: &mut Learnt,
    ) -> Result<(), Outcome> {
        self.identify(claim, ticket, named, learnt).await?;
        if !claim.key.is_provisional() {
            return Ok(());
        }
        let cause = "it has only now been found whose ticket it is".to_owned();
        Err(Outcome::Postpone { cause, until: self.clock.now(), for_budget: false })
    }

    /// Learns whose conversation an unknown ticket belongs to; `None` when nobody named the customer and the requester
    /// has no id in Braze.
    pub(super) fn adopt(&self, ticket: &TicketView, named: Option<&str>, learnt: &mut Learnt) -> Option<Customer> {
        let customer = match named {
            Some(id) => Customer { external_id: Some(id.to_owned()), ..Customer::default() },
            None => customer_behind(ticket, &self.options.user_field)?,
        };
        let id = customer.external_id.as_deref().or(customer.braze_id.as_deref())?;
        // The ticket's own key may name one of several lines of the customer.
        let line = ticket.external_id.as_deref().and_then(|key| key.strip_prefix(id)?.strip_prefix('@'));
        let key = ConversationKey(id.to_owned());
        learnt.belongs_to = Some(match line {
            Some(line) => key.on_line(line),
            None => key,
        });
        learnt.changes.extend(line.map(|line| Change::Line(line.to_owned())));
        learnt.changes.push(Change::Customer(customer.clone()));
        learnt.changes.push(Change::Requester(ticket.requester_id));
        learnt.changes.push(Change::Ticket(ticket.id, ticket.status, ticket.updated_at));
        Some(customer)
    }
}

/// What a customer is called as a Zendesk user's `external_id`.
pub(super) fn user_external_id(customer: &Customer) -> Option<String> {
    let anonymous = || customer.braze_id.as_deref().map(|id| format!("{ANONYMOUS}{id}"));
    customer.external_id.clone().or_else(anonymous)
}

fn customer_behind(ticket: &TicketView, user_field: &str) -> Option<Customer> {
    let mut customer = Customer::default();
    let user: Option<&UserView> = ticket.requester.as_ref();
    customer.phone = user.and_then(|user| user.phone.clone());
    let field = user.and_then(|user| user.user_fields.get(user_field)?.as_str());
    let external_id = user.and_then(|user| user.external_id.as_deref());
    match (external_id, field.filter(|field| !field.is_empty()), &ticket.external_id) {
        (Some(id), _, _) if id.starts_with(ANONYMOUS) => {
            customer.braze_id = id.strip_prefix(ANONYMOUS).map(str::to_owned);
        }
        (Some(id), _, _) | (None, Some(id), _) => customer.external_id = Some(id.to_owned()),
        // A ticket that the bridge opened carries the key even where the user could not be given one.
        (None, None, Some(key)) if ticket.tags.iter().any(|tag| tag == SMS_TAG) => {
            customer.external_id = Some(key.split('@').next().unwrap_or(key).to_owned());
        }
        (None, None, _) => return None,
    }
    Some(customer)
}
