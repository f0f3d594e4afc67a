//! What the two routers answer with, as types: they are what is sent, and what [`super::openapi`] describes, so that the
//! two cannot disagree. They show of a record what its reader may see, and never a credential.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::delivery::{self, State};
use crate::domain::event::{Destination, EventId};
use crate::domain::operator::{self, Access, Act};
use crate::domain::{conversation as known, phone};
use crate::store;

mod forgotten;
mod inbound;
mod vendor;

pub(super) use forgotten::Forgotten;
pub(super) use inbound::Inbound;
pub(super) use vendor::{VendorAnswer, VendorAnswers};

/// What became of an authentic webhook.
#[derive(Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(super) enum Acknowledgement {
    /// It is on disk, synced.
    Accepted {
        /// The event's name, for the log and the operator API.
        #[schema(value_type = String)]
        id: EventId,
    },
    /// The same event came before.
    Duplicate {
        /// The first one's name.
        #[schema(value_type = String)]
        id: EventId,
    },
    /// There is nothing to do.
    Ignored {
        /// Why, in a fixed word or two.
        reason: &'static str,
    },
    /// It could not be read; the raw body is kept for the operator.
    Quarantined {
        /// The name under which it is kept.
        #[schema(value_type = String)]
        id: EventId,
    },
}

/// Why a request was not served.
#[derive(Serialize, ToSchema)]
pub(super) struct Error {
    /// In a sentence, for people.
    pub(super) error: String,
}

/// Whether the process lives.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// Always `alive`.
    pub(super) status: &'static str,
}

/// Whether the next webhook would be taken.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// `ready` or `not ready`.
    pub(super) status: &'static str,
    /// What stands against it, each as `source: reason`; only there when it is not ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(super) reasons: Vec<String>,
    /// What turns no webhook away and should be seen all the same, each as `source: note`.
    pub(super) notes: Vec<String>,
}

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// The items.
    pub(super) items: Vec<T>,
    /// How many there are in all pages, at the time of this look; where a list is filtered by more than one thing, or
    /// searched, from 10,000 on: at least so many.
    pub(super) total: u64,
    /// What to give as `after` for the page behind this one; `null` when there is none.
    #[schema(required)]
    pub(super) next: Option<String>,
}

/// A delivery, as lists show it: nothing of what was written.
#[derive(Serialize, ToSchema)]
pub(super) struct Delivery {
    /// Its name: `evt_` and 24 hexadecimal digits.
    #[schema(value_type = String)]
    id: EventId,
    /// `pending`, `sending`, `waiting`, `unconfirmed`, `delivered`, `skipped`, `dead` or `quarantined`.
    state: &'static str,
    /// `customer_text`, `agent_reply`, `phone_text`, `ticket_solved`, `ticket_reopened`, `note` or `unreadable`.
    kind: String,
    /// The key of its conversation.
    conversation: String,
    /// The vendor that it calls: `zendesk` or `braze`.
    #[schema(value_type = String)]
    destination: Destination,
    /// Attempts made; counted from one again after a redrive.
    attempts: u32,
    /// Why it stands where it stands; `null` when there is nothing to say.
    #[schema(required)]
    cause: Option<String>,
    /// What the other side called it; `null` until it is delivered.
    #[schema(required)]
    receipt: Option<String>,
    /// When the webhook was accepted.
    #[schema(value_type = String, format = DateTime)]
    accepted_at: Timestamp,
    /// When something will happen by itself; `null` when nothing will, or as soon as its lane is free.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
    /// When a worker first took it in hand.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    first_sent_at: Option<Timestamp>,
    /// How many parts of a long text are known to be out.
    parts_sent: u32,
    /// The delivery whose comment carries this text as well.
    #[schema(required, value_type = Option<String>)]
    merged_into: Option<EventId>,
    /// The delivery that gave rise to this one.
    #[schema(required, value_type = Option<String>)]
    parent: Option<EventId>,
    /// When it settled; `null` while it holds its lane.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    settled_at: Option<Timestamp>,
}

impl From<&delivery::Delivery> for Delivery {
    fn from(delivery: &delivery::Delivery) -> Self {
        let (receipt, cause) = if let State::Delivered { receipt } = &delivery.state {
            (Some(receipt.clone()), "")
        } else {
            (None, delivery.state.cause())
        };
        Self {
            id: delivery.id,
            state: delivery.state.name(),
            kind: delivery.kind.clone(),
            conversation: delivery.conversation.0.clone(),
            destination: delivery.destination,
            attempts: delivery.attempts,
            cause: Some(cause.to_owned()).filter(|cause| !cause.is_empty()),
            receipt,
            accepted_at: delivery.accepted_at,
            // A pending delivery is due whenever its lane is, which is no time to show.
            due_at: delivery.state.due_at().filter(|due| *due > Timestamp::MIN),
            first_sent_at: delivery.first_sent_at,
            parts_sent: delivery.parts_sent,
            merged_into: delivery.merged_into,
            parent: delivery.parent,
            settled_at: delivery.settled_at,
        }
    }
}

/// A delivery with its event, which holds the customer's or the agent's words.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryWithEvent {
    #[serde(flatten)]
    pub(super) delivery: Delivery,
    /// In how many parts it is delivered: 1 for all but a long reply. Unconfirmed, the one behind `parts_sent` is in doubt.
    pub(super) parts: u32,
    /// The event as it is stored. Its fields follow its kind, and may change from one version to the next.
    #[schema(value_type = Object)]
    pub(super) event: Value,
}

/// A conversation, as lists show it: its name, its ticket, nothing else of the customer.
#[derive(Serialize, ToSchema)]
pub(super) struct Conversation {
    /// Its name: the customer's external id or Braze id, with `@line` behind it for further lines.
    key: String,
    /// The ticket that it goes to now.
    #[schema(required)]
    ticket_id: Option<u64>,
    /// The ticket's status, as last heard of, in Zendesk's word.
    #[schema(required)]
    ticket_state: Option<&'static str>,
    /// Since when it has that status, as far as tandem knows.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    ticket_state_since: Option<Timestamp>,
    /// The line that the customer writes to, where Braze told.
    #[schema(required)]
    line: Option<String>,
    /// The end of the customer's number, as lists may show it, such as `…33`; `null` where no number is known.
    #[schema(required)]
    phone_end: Option<String>,
    /// `unknown`, `in` or `out`.
    #[schema(value_type = String)]
    subscription: known::Subscription,
    /// When anything of it changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<&known::Conversation> for Conversation {
    fn from(conversation: &known::Conversation) -> Self {
        let ticket = conversation.ticket.as_ref();
        Self {
            key: conversation.key.0.clone(),
            ticket_id: ticket.map(|ticket| ticket.id.0),
            ticket_state: ticket.map(|ticket| ticket.status.name()),
            ticket_state_since: ticket.map(|ticket| ticket.since),
            line: conversation.line.clone(),
            phone_end: conversation.customer.phone.as_deref().map(phone::redacted),
            subscription: conversation.subscription,
            updated_at: conversation.updated_at,
        }
    }
}

/// What an operator's words led to.
#[derive(Serialize, ToSchema)]
pub(super) struct Finds {
    /// By what the words were taken for, the surest first; a meaning under which nothing was found is left out.
    groups: Vec<FoundGroup>,
}

/// What one meaning of the words led to.
#[derive(Serialize, ToSchema)]
struct FoundGroup {
    /// What they were taken for: `event`, `dispatch`, `ticket`, `phone`, `name` or `id`.
    by: &'static str,
    /// The deliveries that they name; empty where they mean people.
    deliveries: Vec<Delivery>,
    /// Whose these are, or the people that are meant; newest first.
    people: Vec<FoundPerson>,
    /// How many people are meant; from 10,000 on, at least so many.
    total: u64,
    /// Whether more are meant than are here.
    more: bool,
}

/// A conversation, and what became of the latest of it.
#[derive(Serialize, ToSchema)]
struct FoundPerson {
    #[serde(flatten)]
    conversation: Conversation,
    /// What needs an operator (`dead`, `unconfirmed`, `waiting`: three of each at most), then its three newest texts, without
    /// notes and without doorbells that were answered. Newest first in each.
    latest: Vec<Delivery>,
}

impl From<&store::Finds> for Finds {
    fn from(found: &store::Finds) -> Self {
        let deliveries = |known: &[delivery::Delivery]| known.iter().map(Delivery::from).collect();
        let person = |person: &store::Person| FoundPerson {
            conversation: (&person.conversation).into(),
            latest: deliveries(&person.latest),
        };
        let group = |group: &store::Group| FoundGroup {
            by: group.by.name(),
            deliveries: deliveries(&group.deliveries),
            people: group.people.iter().map(person).collect(),
            total: group.total,
            more: group.more,
        };
        Self { groups: found.groups.iter().map(group).collect() }
    }
}

/// A conversation with the customer's particulars.
#[derive(Serialize, ToSchema)]
pub(super) struct ConversationWithCustomer {
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

/// Who a conversation is with, as far as it is known.
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

impl From<&known::Conversation> for ConversationWithCustomer {
    fn from(conversation: &known::Conversation) -> Self {
        let customer = conversation.customer.clone();
        Self {
            conversation: conversation.into(),
            customer: Customer {
                external_id: customer.external_id,
                braze_id: customer.braze_id,
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

/// What one step of an order over many deliveries did.
#[derive(Serialize, ToSchema)]
pub(super) struct Step {
    /// How many were moved.
    pub(super) moved: u64,
    /// Those that could not be, each with its reason.
    pub(super) refused: Vec<Refused>,
    /// What to give as `after` for the next step; `null` when the order is carried out.
    #[schema(required, value_type = Option<String>)]
    pub(super) next: Option<EventId>,
    /// What to give as `accepted_by` with the next step: deliveries accepted later are not meant.
    #[schema(value_type = String, format = DateTime)]
    pub(super) accepted_by: Timestamp,
}

/// A delivery that could not be moved.
#[derive(Serialize, ToSchema)]
pub(super) struct Refused {
    #[schema(value_type = String)]
    id: EventId,
    reason: String,
}

impl From<&store::IllegalMove> for Refused {
    fn from(refused: &store::IllegalMove) -> Self {
        Self { id: refused.id, reason: refused.reason.clone() }
    }
}

/// A vendor: what the operator has decided, and beside it whether the vendor refuses tandem.
#[derive(Serialize, ToSchema)]
pub(super) struct DestinationStanding {
    /// `zendesk` or `braze`.
    #[schema(value_type = String)]
    pub(super) destination: Destination,
    /// Whether the operator keeps it from being called.
    pub(super) paused: bool,
    /// Since when.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub(super) since: Option<Timestamp>,
    /// Who paused it, or changed the reason or the end since.
    #[schema(required)]
    pub(super) by: Option<String>,
    /// Why; `null` where it is not paused or no reason was given.
    #[schema(required)]
    pub(super) reason: Option<String>,
    /// When the pause ends by itself; `null` where it lasts until it is resumed.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub(super) until: Option<Timestamp>,
    /// The vendor's refusal; `null` while it takes calls.
    #[schema(required)]
    pub(super) refused: Option<String>,
}

/// What is remembered of one order.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditEntry {
    /// Grows from entry to entry, with gaps.
    number: u64,
    /// When the order was given.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Of an order over many deliveries: what had been accepted by then was meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    accepted_by: Option<Timestamp>,
    /// How they came in: `token`, `console`, `oidc` or `loopback`; `bridge` for a pause that came to its end.
    #[schema(value_type = String)]
    access: Access,
    /// Who gave it.
    #[schema(required)]
    by: Option<String>,
    /// Whether a token of one person proved that name; where it did not, the name is what the operator called themselves.
    proven: bool,
    /// `redrive`, `discard`, `settle`, `forget`, `pause`, `resume`, or of what an operator was shown `reveal`,
    /// `reveal_answers`, `reveal_phone` or `read`.
    action: &'static str,
    /// How many deliveries were moved or erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// The oldest delivery that was moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    first: Option<EventId>,
    /// The newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    last: Option<EventId>,
    /// The vendor that was paused or resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    destination: Option<Destination>,
    /// When the pause was to end by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// A digest of the key that was forgotten, or whose conversation was read, or whose number was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<String>,
    /// The delivery of which was revealed what had been written, or what the vendor had answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    event: Option<EventId>,
}

impl From<&operator::AuditEntry> for AuditEntry {
    fn from(entry: &operator::AuditEntry) -> Self {
        let (mut count, mut first, mut last, mut destination, mut conversation) = (None, None, None, None, None);
        let (mut event, mut until) = (None, None);
        match &entry.act {
            Act::Redrive(moved) | Act::Discard(moved) | Act::Settle(moved) => {
                (count, first, last) = (Some(moved.count), Some(moved.first), Some(moved.last));
            }
            Act::Forget { conversation: digest, count: erased } => {
                (conversation, count) = (Some(digest.clone()), Some(*erased));
            }
            Act::Pause { destination: held, until: end } => (destination, until) = (Some(*held), *end),
            Act::Resume { destination: held } => destination = Some(*held),
            Act::Reveal { event: revealed } | Act::RevealAnswers { event: revealed } => event = Some(*revealed),
            Act::Read { conversation: digest } | Act::RevealPhone { conversation: digest } => {
                conversation = Some(digest.clone());
            }
        }
        Self {
            number: entry.number,
            at: entry.at,
            accepted_by: entry.accepted_by,
            access: entry.operator.access,
            by: entry.operator.by.clone(),
            proven: entry.operator.is_proven,
            action: entry.act.name(),
            count,
            first,
            last,
            destination,
            until,
            conversation,
            event,
        }
    }
}
