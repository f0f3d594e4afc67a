//! Finds the customer behind a ticket that the bridge does not know yet. [`super::theirs`] tells whether a known
//! ticket is still its customer's, and [`super::merged`] where a merged ticket leads.

use jiff::Timestamp;

use crate::clients::Failure;
use crate::clients::zendesk::{TicketView, UserView};
use crate::domain::account::End;
use crate::domain::cause;
use crate::domain::conversation::{Change, Conversation, ConversationKey, TakenUp, fingerprint};
use crate::domain::delivery::Outcome;
use crate::domain::event::{Customer, TicketId, UserId};
use crate::domain::phone::digits;
use crate::store::{Claim, StoreError};

use super::merged::{SMS_TAG, is_tagged};
use super::{Learnt, Worker};

/// The prefix in the `external_id` of a Zendesk user who is known by `braze_id` only, so that it is never taken for
/// an external id: Braze answers "success" to a text for an external id that does not exist.
const ANONYMOUS: &str = "braze:";

impl Worker {
    /// Makes sure that the ticket is a text conversation and that the claim is its customer's.
    ///
    /// A ticket that the bridge does not know is read, and must carry the tag `sms`. When it names its customer, all
    /// deliveries that wait for the ticket move to the customer's own lane and are claimed afresh there, so that
    /// every text goes through that lane and knows its conversation. `named` is the customer in the webhook's words.
    /// Gives the ticket's requester where the ticket had to be read.
    pub(super) async fn identify(
        &self,
        claim: &Claim,
        ticket: TicketId,
        named: Option<&str>,
        learnt: &mut Learnt,
    ) -> Result<Option<UserId>, Outcome> {
        if knows(claim.conversation.as_ref(), ticket) {
            return Ok(None);
        }
        let asked_at = self.clock.now();
        let view = match self.zendesk.ticket(ticket).await {
            Ok(view) => view,
            Err(Failure::NotFound { .. }) => {
                return Err(Outcome::Skip { reason: format!("ticket {ticket} does not exist") });
            }
            Err(failure) => return Err(self.outcome(failure, End::Desk)),
        };
        if !is_tagged(&view) && !self.follows_merge(&view).await? {
            return Err(Outcome::Skip {
                reason: format!("ticket {ticket} is not a text conversation: it has no tag {SMS_TAG}"),
            });
        }
        if !claim.key.is_provisional() {
            learnt.changes.extend(taken_up(claim.conversation.as_ref(), &view, &self.options.user_field, asked_at));
            return Ok(Some(view.requester_id));
        }
        if self.adopt(&view, named, asked_at, learnt).await? {
            return Err(self.found());
        }
        Err(Outcome::Reject { cause: format!("{}: fill the external id of the user in Zendesk", cause::NO_BRAZE_ID) })
    }

    /// Learns the conversation of an unknown ticket that was read at `asked_at`. False when the webhook names no
    /// customer and the requester has no id in Braze.
    pub(super) async fn adopt(
        &self,
        ticket: &TicketView,
        named: Option<&str>,
        asked_at: Timestamp,
        learnt: &mut Learnt,
    ) -> Result<bool, Outcome> {
        let retry = |error: StoreError| Outcome::Retry { cause: error.to_string(), after: None };
        // A known key tells more than the user does, because the customer may have several names and lines. It does
        // not count where the ticket's requester is another customer by now.
        let mut known = match &ticket.external_id {
            Some(key) => self.store.conversation(&ConversationKey(key.clone())).await.map_err(retry)?,
            None => None,
        };
        known = known.filter(|known| {
            let is = |user| is_customer(user, &known.customer, &self.options.user_field);
            known.requester_id == Some(ticket.requester_id) || ticket.requester.as_ref().and_then(is) != Some(false)
        });
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
        learnt.changes.extend(taken_up(known.as_ref(), ticket, &self.options.user_field, asked_at));
        learnt.belongs_to = Some(key);
        Ok(true)
    }

    /// The outcome of a claim that goes on in the customer's own lane, at once.
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

/// The changes that a ticket read at `asked_at` teaches its conversation: none where it is another customer's. A
/// ticket that is done does not take the place of another, because the customer's next text belongs where work goes
/// on.
fn taken_up(
    conversation: Option<&Conversation>,
    ticket: &TicketView,
    user_field: &str,
    asked_at: Timestamp,
) -> Vec<Change> {
    let current = conversation.and_then(|known| known.ticket.as_ref());
    let becomes_current = ticket.status.is_unsolved() || current.is_none_or(|current| current.id == ticket.id);
    let user = ticket.requester.as_ref();
    let is_theirs = conversation.and_then(|known| is_customer(user?, &known.customer, user_field));
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

/// A ticket that was read at `asked_at`, for its conversation to take up.
pub(super) fn taken(ticket: &TicketView, requester: Option<UserId>, asked_at: Timestamp) -> TakenUp {
    TakenUp { ticket: ticket.id, status: ticket.status, since: ticket.updated_at, requester, asked_at }
}

/// The customer's `external_id` as a Zendesk user.
pub(super) fn user_external_id(customer: &Customer) -> Option<String> {
    let anonymous = || customer.braze_id.as_deref().map(|id| format!("{ANONYMOUS}{id}"));
    customer.external_id.clone().or_else(anonymous)
}

/// The digits of an id's digest that tell it from an id that differs in case only.
const DIGEST_DIGITS: usize = 12;

/// The longest id that Zendesk takes with a digest behind it.
const PLAIN_CHARS_MAX: usize = 200;

/// The `external_id` of a customer whose own id another user has: one of the staff, or a customer whose id differs in
/// case only, which Zendesk takes for the same. The same customer gets the same second id every time.
pub(super) fn second_external_id(id: &str) -> String {
    let plain: String = id.chars().take(PLAIN_CHARS_MAX).collect();
    format!("{plain}~{}", digest_of(id))
}

/// The customer's own id in an `external_id` that may be their second one.
fn own_external_id(name: &str) -> &str {
    match name.rsplit_once('~') {
        Some((id, digest)) if digest == digest_of(id) => id,
        _ => name,
    }
}

fn digest_of(id: &str) -> String {
    fingerprint(id).chars().take(DIGEST_DIGITS).collect()
}

/// Whether the user is this customer; `None` where the user has no data to tell by.
pub(super) fn is_customer(user: &UserView, customer: &Customer, user_field: &str) -> Option<bool> {
    if user.is_agent() {
        return Some(false);
    }
    if let Some(named) = named_by(user, user_field) {
        let same_external = named.external_id.is_some() && named.external_id == customer.external_id;
        let same_braze = named.braze_id.is_some() && named.braze_id == customer.braze_id;
        return Some(same_external || same_braze);
    }
    let same_phone = user.phone.as_deref().map(digits).zip(customer.phone.as_deref().map(digits));
    let same_phone = same_phone.is_some_and(|(theirs, ours)| !ours.is_empty() && theirs == ours);
    let same_email = user.email.as_deref().zip(customer.email.as_deref());
    let same_email = same_email.is_some_and(|(theirs, ours)| theirs.eq_ignore_ascii_case(ours));
    (same_phone || same_email).then_some(true)
}

/// The requester's ids in Braze. The recipe's own field holds an external id and nothing else; a user's external id
/// is the bridge's or the brand's. A ticket's key alone does not do: an external id and a `braze_id` look the same,
/// and Braze answers "success" to a text for an external id that does not exist.
pub(super) fn customer_behind(ticket: &TicketView, user_field: &str) -> Option<Customer> {
    let user = ticket.requester.as_ref()?;
    Some(Customer { phone: user.phone.clone(), ..named_by(user, user_field)? })
}

/// The customer that the user's field or external id names, where one of the two is filled.
pub(super) fn named_by(user: &UserView, user_field: &str) -> Option<Customer> {
    let mut customer = Customer::default();
    let field = user.user_fields.get(user_field).and_then(|field| field.as_str()).filter(|field| !field.is_empty());
    match (field, user.external_id.as_deref()) {
        (Some(id), _) => customer.external_id = Some(id.to_owned()),
        (None, Some(name)) => {
            let id = own_external_id(name);
            match id.strip_prefix(ANONYMOUS) {
                Some(id) => customer.braze_id = Some(id.to_owned()),
                None => customer.external_id = Some(id.to_owned()),
            }
        }
        (None, None) => return None,
    }
    Some(customer)
}

/// The line that the ticket's own key names behind the customer's id.
fn line_of<'a>(ticket: &'a TicketView, customer: &Customer) -> Option<&'a str> {
    let id = customer.external_id.as_deref().or(customer.braze_id.as_deref())?;
    ticket.external_id.as_deref()?.strip_prefix(id)?.strip_prefix('@')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::conversation::TicketStatus;

    const FIELD: &str = "braze_external_id";

    fn user(field: Option<&str>, external_id: Option<&str>) -> UserView {
        UserView {
            id: UserId(1),
            name: "Ada".into(),
            external_id: external_id.map(Into::into),
            email: None,
            phone: None,
            active: true,
            role: "end-user".into(),
            user_fields: json!({ FIELD: field }).as_object().unwrap().clone(),
        }
    }

    #[test]
    fn a_second_name_leads_back_to_the_customers_own_id_and_is_no_other_customers() {
        for id in ["cust-AbC", "cust-aBc", "braze:65f1", "a~b", "x~0123456789ab", &"é".repeat(200)] {
            let second = second_external_id(id);
            assert_eq!(own_external_id(&second), id);
            assert!(second.chars().count() <= 255, "{second}");
            assert_eq!(own_external_id(id), id, "nothing is cut off an id that is no second name");
        }
        let seconds = ["cust-AbC", "cust-aBc"].map(|id| second_external_id(id).to_lowercase());
        assert_ne!(seconds[0], seconds[1], "different also to Zendesk");
        let long = "x".repeat(255);
        assert!(second_external_id(&long).chars().count() <= 255);
    }

    #[test]
    fn a_user_is_a_customer_by_id_or_where_none_is_known_by_phone_and_address() {
        let ada = Customer {
            external_id: Some("ada".into()),
            braze_id: Some("b1".into()),
            phone: Some("+15555550123".into()),
            email: Some("ada@example.com".into()),
            ..Customer::default()
        };
        let second = second_external_id("ada");
        let blank = user(None, None);
        for (user, expected) in [
            (user(Some("ada"), Some("crm-7")), Some(true)),
            (user(Some("bob"), Some("ada")), Some(false)),
            (user(None, Some("ada")), Some(true)),
            (user(None, Some(&second)), Some(true)),
            (user(None, Some("Ada")), Some(false)),
            (user(None, Some("braze:b1")), Some(true)),
            (user(None, Some("braze:b2")), Some(false)),
            (UserView { phone: Some("+1 (555) 555-0123".into()), ..user(Some("bob"), None) }, Some(false)),
            (UserView { phone: Some("+1 (555) 555-0123".into()), ..blank.clone() }, Some(true)),
            (UserView { email: Some("ADA@example.com".into()), ..blank.clone() }, Some(true)),
            (UserView { phone: Some("+15555550199".into()), ..blank.clone() }, None),
            (UserView { role: "agent".into(), ..user(Some("ada"), Some("ada")) }, Some(false)),
            (blank, None),
        ] {
            assert_eq!(is_customer(&user, &ada, FIELD), expected, "{:?} {:?}", user.external_id, user.user_fields);
        }
    }

    #[test]
    fn a_customer_who_is_two_users_writes_on_the_ticket_taken_up_as_the_one_whose_it_is() {
        let now = Timestamp::UNIX_EPOCH;
        let mut known = Conversation::new(ConversationKey("ada".into()), now);
        let ada = Customer { external_id: Some("ada".into()), ..Customer::default() };
        for change in
            [Change::Customer(ada), Change::Requester(UserId(1)), Change::Ticket(TicketId(4), TicketStatus::Open, now)]
        {
            known.apply(change, now);
        }
        let requester_after = |status, name| {
            let ticket = TicketView {
                id: TicketId(5),
                status,
                external_id: None,
                requester_id: UserId(2),
                tags: Vec::new(),
                updated_at: now,
                comment_count: None,
                requester: Some(UserView { id: UserId(2), ..user(Some(name), None) }),
            };
            let mut after = known.clone();
            taken_up(Some(&known), &ticket, FIELD, now).into_iter().for_each(|change| after.apply(change, now));
            (after.ticket.map(|ticket| ticket.id.0), after.requester_id)
        };
        assert_eq!(requester_after(TicketStatus::Open, "ada"), (Some(5), Some(UserId(2))));
        assert_eq!(requester_after(TicketStatus::Open, "bob"), (Some(4), Some(UserId(1))), "another customer's");
        assert_eq!(requester_after(TicketStatus::Solved, "ada"), (Some(4), Some(UserId(1))), "not the current ticket");
    }
}
