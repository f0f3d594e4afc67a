//! The answers of the two routers, as types. The routers send these types and [`super::openapi`] describes them, so
//! that the two cannot disagree. Never shows a credential, and of a record only the fields that its reader may see.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::account::AccountId;
use crate::domain::delivery::{self, State};
use crate::domain::event::EventId;
use crate::domain::kind::KindName;
use crate::domain::line::Lines;
use crate::domain::operator::{self, Access, Act};
use crate::store;

mod conversation;
mod forgotten;
mod inbound;
mod reports;
mod vendor;

pub(super) use conversation::{Conversation, ConversationWithCustomer};
pub(super) use forgotten::Forgotten;
pub(super) use inbound::Inbound;
pub(super) use reports::{Batch, Receipt, UnboundReport};
pub(super) use vendor::{VendorAnswer, VendorAnswers};

/// The outcome of an authentic webhook.
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
    /// The reasons against it, each as `source: reason`; only there when it is not ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(super) reasons: Vec<String>,
    /// Troubles that turn no webhook away, such as a vendor that refuses calls, each as `source: note`.
    pub(super) notes: Vec<String>,
}

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// The items.
    pub(super) items: Vec<T>,
    /// How many items all pages have, at the time of this request. From 10,000 on, a search or a list with several
    /// filters gives a lower bound.
    pub(super) total: u64,
    /// The value of `after` for the next page; `null` on the last page.
    #[schema(required)]
    pub(super) next: Option<String>,
}

/// A delivery, as lists show it: without the text of its message.
#[derive(Serialize, ToSchema)]
pub(super) struct Delivery {
    /// Its name: `evt_` and 24 hexadecimal digits.
    #[schema(value_type = String)]
    id: EventId,
    /// `pending`, `sending`, `waiting`, `unconfirmed`, `delivered`, `skipped`, `dead` or `quarantined`.
    state: &'static str,
    /// `customer_text`, `agent_reply`, `phone_text`, `ticket_solved`, `ticket_reopened`, `note` or `unreadable`.
    #[schema(value_type = String)]
    kind: KindName,
    /// The key of its conversation; `null` for an unreadable body, whose customer is not known.
    #[schema(required)]
    conversation: Option<String>,
    /// The name of the line that its conversation runs on, where the configuration has it.
    #[schema(required)]
    line_name: Option<String>,
    /// The account that it calls, such as `zendesk` or `braze`; of an unreadable body, the one that it was posted to.
    #[schema(value_type = String)]
    destination: AccountId,
    /// Attempts made; counted from one again after a redrive.
    attempts: u32,
    /// Why it is in this state; `null` when there is nothing to say.
    #[schema(required)]
    cause: Option<String>,
    /// The vendor's name for the delivered message; `null` until it is delivered.
    #[schema(required)]
    receipt: Option<String>,
    /// When the webhook was accepted.
    #[schema(value_type = String, format = DateTime)]
    accepted_at: Timestamp,
    /// When tandem acts next; `null` when it will not, or will as soon as the lane is free.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
    /// When a worker first took it in hand.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    first_sent_at: Option<Timestamp>,
    /// How many parts of a long text are known to be sent.
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
    /// The carrier's reports, part by part; empty where Currents tells nothing of it.
    receipts: Vec<Receipt>,
}

impl Delivery {
    /// The delivery, on the line of this name.
    pub(super) fn of(delivery: &delivery::Delivery, line_name: Option<&str>) -> Self {
        let (receipt, cause) = if let State::Delivered { receipt } = &delivery.state {
            (Some(receipt.clone()), "")
        } else {
            (None, delivery.state.cause())
        };
        Self {
            id: delivery.id,
            state: delivery.state.name().word(),
            kind: delivery.kind,
            conversation: delivery.whose().map(|key| key.0.clone()),
            line_name: line_name.map(str::to_owned),
            destination: delivery.route().account,
            attempts: delivery.attempts,
            cause: Some(cause.to_owned()).filter(|cause| !cause.is_empty()),
            receipt,
            accepted_at: delivery.accepted_at,
            // A pending delivery is due as soon as its lane is free, which is no time to show.
            due_at: delivery.state.due_at().filter(|due| *due > Timestamp::MIN),
            first_sent_at: delivery.first_sent_at,
            parts_sent: delivery.parts_sent,
            merged_into: delivery.merged_into,
            parent: delivery.parent,
            settled_at: delivery.settled_at,
            receipts: delivery.receipts.iter().map(Receipt::from).collect(),
        }
    }
}

/// A delivery with its event, which holds the customer's or the agent's words.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryWithEvent {
    #[serde(flatten)]
    pub(super) delivery: Delivery,
    /// In how many parts it is delivered: 1 for all but a long reply. While it is `unconfirmed`, the part after
    /// `parts_sent` is in doubt.
    pub(super) parts: u32,
    /// The event as it is stored. Its fields follow its kind, and may change from one version to the next.
    #[schema(value_type = Object)]
    pub(super) event: Value,
}

/// The finds for an operator's words.
#[derive(Serialize, ToSchema)]
pub(super) struct Finds {
    /// The finds by the meaning of the words, the surest meaning first. A meaning without finds is left out.
    groups: Vec<FoundGroup>,
}

/// The finds under one meaning of the words.
#[derive(Serialize, ToSchema)]
struct FoundGroup {
    /// The meaning: `event`, `dispatch`, `ticket`, `phone`, `name` or `id`.
    by: &'static str,
    /// The deliveries that they name; empty where they mean people.
    deliveries: Vec<Delivery>,
    /// The people that these deliveries belong to, or that the words mean; newest first.
    people: Vec<FoundPerson>,
    /// The number of people that the words mean; from 10,000 on a lower bound.
    total: u64,
    /// Whether the words mean more people than are here.
    more: bool,
}

/// A conversation with its latest deliveries.
#[derive(Serialize, ToSchema)]
struct FoundPerson {
    #[serde(flatten)]
    conversation: Conversation,
    /// The deliveries that need an operator (`dead`, `unconfirmed`, `waiting`: three of each at most), then the three
    /// newest texts, without notes and without answered doorbells. Newest first in each.
    latest: Vec<Delivery>,
}

impl Finds {
    /// The finds, on these lines.
    pub(super) fn of(found: &store::Finds, lines: &Lines) -> Self {
        let deliveries = |known: &[delivery::Delivery], people: &[store::Person]| {
            let whose = |one: &delivery::Delivery| {
                people.iter().map(|person| &person.conversation).find(|known| known.key == one.conversation)
            };
            let line = |one: &delivery::Delivery| whose(one).and_then(|known| known.line_name(lines));
            known.iter().map(|one| Delivery::of(one, line(one))).collect()
        };
        let person = |person: &store::Person| FoundPerson {
            conversation: Conversation::of(&person.conversation, lines),
            latest: deliveries(&person.latest, std::slice::from_ref(person)),
        };
        let group = |group: &store::Group| FoundGroup {
            by: group.by.name(),
            deliveries: deliveries(&group.deliveries, &group.people),
            people: group.people.iter().map(person).collect(),
            total: group.total,
            more: group.more,
        };
        Self { groups: found.groups.iter().map(group).collect() }
    }
}

/// The result of one step of an order over many deliveries.
#[derive(Serialize, ToSchema)]
pub(super) struct Step {
    /// How many were moved.
    pub(super) moved: u64,
    /// The deliveries that could not be moved, each with the reason.
    pub(super) refused: Vec<Refused>,
    /// The value of `after` for the next step; `null` when the order is carried out.
    #[schema(required, value_type = Option<String>)]
    pub(super) next: Option<EventId>,
    /// The value of `accepted_by` for the next step: the order leaves out deliveries that were accepted later.
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

/// A vendor: whether an operator has paused it, and whether it refuses tandem.
#[derive(Serialize, ToSchema)]
pub(super) struct DestinationStanding {
    /// `zendesk` or `braze`.
    #[schema(value_type = String)]
    pub(super) destination: AccountId,
    /// Whether an operator has paused it, so that it is not called.
    pub(super) paused: bool,
    /// When the pause began.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub(super) since: Option<Timestamp>,
    /// The operator who paused it, or last changed the reason or the end.
    #[schema(required)]
    pub(super) by: Option<String>,
    /// The reason for the pause; `null` where it is not paused or no reason was given.
    #[schema(required)]
    pub(super) reason: Option<String>,
    /// When the pause ends by itself; `null` where it lasts until an operator resumes.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub(super) until: Option<Timestamp>,
    /// The vendor's refusal; `null` while it takes calls.
    #[schema(required)]
    pub(super) refused: Option<String>,
}

/// The audit's entry for one order.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditEntry {
    /// Grows from entry to entry, with gaps.
    number: u64,
    /// When the order was given.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// For an order over many deliveries: it covers the deliveries that were accepted by this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    accepted_by: Option<Timestamp>,
    /// How the operator came in: `token`, `console`, `oidc` or `loopback`; `bridge` for a pause that came to its end.
    #[schema(value_type = String)]
    access: Access,
    /// The operator's name.
    #[schema(required)]
    by: Option<String>,
    /// Whether a token of one person proved that name. An unproven name is one that the operator typed.
    proven: bool,
    /// `redrive`, `discard`, `settle`, `forget`, `pause` or `resume`; `reveal`, `reveal_answers`, `reveal_phone` or
    /// `read` where the operator was shown something.
    action: &'static str,
    /// How many deliveries were moved or erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// The oldest delivery that was moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    first: Option<EventId>,
    /// The newest delivery that was moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    last: Option<EventId>,
    /// The vendor that was paused or resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    destination: Option<AccountId>,
    /// When the pause was to end by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// A digest of the key of the customer who was forgotten, or whose conversation or number was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<String>,
    /// The delivery whose text or vendor's answers were shown.
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
            Act::Pause { account: held, until: end } => (destination, until) = (Some(*held), *end),
            Act::Resume { account: held } => destination = Some(*held),
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
