//! The answers about conversations. Never shows a customer's number in a list, save its end.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::account::AccountId;
use crate::domain::line::Lines;
use crate::domain::{conversation as known, phone};

/// A conversation, as lists show it: without the customer's name, address and whole number.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Conversation {
    /// Its name: the customer's external id or Braze id, with `@line` behind it for further lines.
    key: String,
    /// The account on whose tickets agents answer.
    #[schema(value_type = String)]
    desk: AccountId,
    /// The account that reaches the customer's phone.
    #[schema(value_type = String)]
    carrier: AccountId,
    /// The ticket of the desk that it goes to now.
    #[schema(required)]
    ticket_id: Option<u64>,
    /// The ticket's status in Zendesk's word, as tandem last learnt it.
    #[schema(required)]
    ticket_state: Option<&'static str>,
    /// Since when it has that status, as far as tandem knows.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    ticket_state_since: Option<Timestamp>,
    /// The line that the customer writes to, where Braze named it.
    #[schema(required)]
    line: Option<String>,
    /// The name of the line that it runs on, where the configuration has it.
    #[schema(required)]
    line_name: Option<String>,
    /// The end of the customer's number, as lists may show it, such as `…33`; `null` where no number is known.
    #[schema(required)]
    phone_end: Option<String>,
    /// `unknown`, `in` or `out`.
    #[schema(value_type = String)]
    subscription: known::Subscription,
    /// When any of its fields last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl Conversation {
    /// The conversation, on one of these lines.
    pub(in crate::http) fn of(conversation: &known::Conversation, lines: &Lines) -> Self {
        let ticket = conversation.ticket.as_ref();
        Self {
            key: conversation.key.0.clone(),
            desk: conversation.ends.desk,
            carrier: conversation.ends.carrier,
            ticket_id: ticket.map(|ticket| ticket.id.0),
            ticket_state: ticket.map(|ticket| ticket.status.name()),
            ticket_state_since: ticket.map(|ticket| ticket.since),
            line: conversation.line.clone(),
            line_name: conversation.line_name(lines).map(str::to_owned),
            phone_end: conversation.customer.phone.as_deref().map(phone::redacted),
            subscription: conversation.takes_texts(),
            updated_at: conversation.updated_at,
        }
    }
}

/// A conversation with the customer's particulars.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ConversationWithCustomer {
    #[serde(flatten)]
    conversation: Conversation,
    customer: Customer,
    /// The customer as a Zendesk user.
    #[schema(required)]
    requester_id: Option<u64>,
    /// Everything after this comment of the ticket is new.
    #[schema(required)]
    forwarded_comment_id: Option<u64>,
}

/// The customer of a conversation, as far as tandem knows them.
#[derive(Serialize, ToSchema)]
struct Customer {
    /// Braze's external user id.
    #[schema(required)]
    external_id: Option<String>,
    /// Braze's own id.
    #[schema(required)]
    braze_id: Option<String>,
    /// In international form where that is possible.
    #[schema(required)]
    phone: Option<String>,
    #[schema(required)]
    email: Option<String>,
    #[schema(required)]
    first_name: Option<String>,
    #[schema(required)]
    last_name: Option<String>,
}

impl ConversationWithCustomer {
    /// The conversation, on one of these lines.
    pub(in crate::http) fn of(conversation: &known::Conversation, lines: &Lines) -> Self {
        let customer = conversation.customer.clone();
        Self {
            conversation: Conversation::of(conversation, lines),
            customer: Customer {
                external_id: customer.external_id,
                braze_id: customer.carrier_id,
                phone: customer.phone,
                email: customer.email,
                first_name: customer.first_name,
                last_name: customer.last_name,
            },
            requester_id: conversation.requester_id.map(|id| id.0),
            forwarded_comment_id: conversation.forwarded.last().map(|forwarded| forwarded.up_to.0),
        }
    }
}
