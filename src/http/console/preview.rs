//! The request that a mapping makes of an event, without sending it. Pure.
//!
//! The event becomes a context as on the command line ([`mapping::suppose`]), with facts of the conversation and the
//! configuration. Facts that only a vendor's answer gives, such as the requester or a new ticket's number, come from
//! the mapping's sample and are marked so. Shows the form of a request and never decides anything.

use serde_json::Value;

use crate::domain::conversation::Conversation;
use crate::domain::delivery::Delivery;
use crate::domain::event::{Event, EventKind};
use crate::http::Console;
use crate::mapping::{self, Context, Mappings, Name};

use super::mask::{self, Field};

/// A request.
pub(super) struct Preview {
    /// The mapping's name.
    pub(super) name: &'static str,
    /// Method and path.
    pub(super) line: String,
    /// Whether the path names a ticket of the sample's.
    pub(super) line_has_sample: bool,
    pub(super) fields: Vec<Field>,
    /// Why there is no request; empty when there is one.
    pub(super) problem: String,
}

impl Preview {
    /// No request, and why.
    pub(super) fn none(name: Name, problem: String) -> Self {
        Self { name: name.as_str(), line: String::new(), line_has_sample: false, fields: Vec::new(), problem }
    }

    /// Whether anything in it is the sample's.
    pub(super) fn has_sample(&self) -> bool {
        self.line_has_sample || self.fields.iter().any(|field| field.sample)
    }
}

/// The request that the mappings in force make of an event; `None` for an event without a mapping.
pub(super) fn of_event(
    console: &Console,
    delivery: &Delivery,
    event: &Event,
    conversation: Option<&Conversation>,
    reveal: bool,
) -> Option<Preview> {
    let (name, mappings) = (name_for(event, conversation)?, &console.mappings()?);
    let filled = |sample| filled(console, mappings, name, sample, delivery, event, conversation).ok();
    let sample = mapping::sample(name).ok()?;
    // A value that changes with the sample comes from the sample.
    let other = altered(&sample).and_then(&filled).map(|context| rendered(mappings, name, &context, true));
    let context = filled(sample)?;
    let mut preview = rendered(mappings, name, &context, true);
    if let Some(other) = other {
        preview.line_has_sample = preview.line != other.line;
        mark(&mut preview.fields, other.fields);
    }
    if !reveal {
        let hidden = rendered(mappings, name, &context, false);
        for (field, hidden) in preview.fields.iter_mut().zip(hidden.fields) {
            *field = Field { sample: field.sample, ..hidden };
        }
    }
    Some(preview)
}

/// Marks the fields that the other request does not have, or has with another value.
fn mark(fields: &mut [Field], others: Vec<Field>) {
    let mut left = others;
    for field in fields {
        let same = left.iter().position(|other| (&other.name, &other.value) == (&field.name, &field.value));
        field.sample = same.map(|at| left.remove(at)).is_none();
    }
}

/// The sample with every value changed, except in the event itself.
fn altered(sample: &Context) -> Option<Context> {
    let mut record = serde_json::to_value(sample).ok()?;
    // The fields are left out, because they have fixed forms that a changed text would break.
    *record.pointer_mut("/note/fields")? = Value::Object(serde_json::Map::new());
    record.as_object_mut()?.iter_mut().filter(|(part, _)| *part != "event").for_each(|(_, value)| alter(value));
    serde_json::from_value(record).ok()
}

fn alter(value: &mut Value) {
    match value {
        Value::String(text) => text.push('~'),
        Value::Number(number) => *value = Value::from(number.as_u64().unwrap_or_default().saturating_add(1)),
        Value::Array(items) => items.iter_mut().for_each(alter),
        Value::Object(fields) => fields.values_mut().for_each(alter),
        Value::Null | Value::Bool(_) => {}
    }
}

/// The request that a mapping makes of its own sample, which holds no personal data.
pub(super) fn of_sample(mappings: &Mappings, name: Name) -> Option<Preview> {
    Some(rendered(mappings, name, &mappings.sample(name).ok()?, true))
}

/// The request that a mapping makes of a context.
pub(super) fn rendered(mappings: &Mappings, name: Name, context: &Context, reveal: bool) -> Preview {
    let line = mappings.request_line(name).to_string();
    let line = line.replace("{id}", &context.ticket.id.map(|id| id.to_string()).unwrap_or_default());
    let (fields, problem) = match mappings.render(name, context) {
        Ok(body) => (mask::fields(&body, reveal), String::new()),
        Err(error) => (Vec::new(), error.to_string()),
    };
    Preview { name: name.as_str(), line, line_has_sample: false, fields, problem }
}

/// The words of notes for each code, kind of cause and advice.
pub(super) fn of_words(mappings: &Mappings) -> Vec<Field> {
    let field = |(table, key, value): (&str, &str, String)| {
        let name = format!("{table}.{key}");
        Field { name, value, hidden: false, sample: false }
    };
    mappings.words().into_iter().map(field).collect()
}

/// The mapping that an event goes through.
fn name_for(event: &Event, conversation: Option<&Conversation>) -> Option<Name> {
    match &event.kind {
        EventKind::CustomerText(text) if text.keyword.is_some() => Some(Name::KeywordNote),
        EventKind::CustomerText(_) => {
            let has_ticket = conversation.is_some_and(|conversation| conversation.ticket.is_some());
            Some(if has_ticket { Name::AppendComment } else { Name::OpenTicket })
        }
        EventKind::PhoneText(_) => Some(Name::AgentReply),
        EventKind::Template(_) => Some(Name::Template),
        EventKind::TicketSolved(_) => Some(Name::TicketSolved),
        EventKind::Note(_) => Some(Name::FailureNote),
        EventKind::AgentReply(_) | EventKind::TicketReopened(_) | EventKind::Unreadable(_) => None,
    }
}

/// The mapping's sample, overlaid with the facts of the event, the conversation and the configuration.
///
/// # Errors
/// When the event does not go through the mapping: why.
pub(super) fn context(
    console: &Console,
    mappings: &Mappings,
    name: Name,
    delivery: &Delivery,
    event: &Event,
    conversation: Option<&Conversation>,
) -> Result<Context, String> {
    let sample = mapping::sample(name).map_err(|fault| fault.to_string())?;
    filled(console, mappings, name, sample, delivery, event, conversation)
}

fn filled(
    console: &Console,
    mappings: &Mappings,
    name: Name,
    sample: Context,
    delivery: &Delivery,
    event: &Event,
    conversation: Option<&Conversation>,
) -> Result<Context, String> {
    let receipt = sample.receipt.clone();
    let supposed = mapping::suppose(name, sample, event).map_err(|misfit| misfit.to_string())?;
    let mut context = supposed.context;
    context.event.id = delivery.id;
    context.event.ids = vec![delivery.id];
    context.event.received_at = event.received_at;
    context.receipt = delivery.id.to_string();
    for value in context.attributes.values_mut().filter(|value| **value == *receipt) {
        *value = Value::from(context.receipt.as_str());
    }
    // Only the call that copies a picture to Zendesk returns its token.
    context.message.uploads = Vec::new();
    context.customer.key = delivery.conversation.to_string();
    context.ticket.external_id = delivery.conversation.to_string();
    if let Some(conversation) = conversation {
        know(&mut context, conversation);
    }
    if let Some(ticket) = event.kind.ticket_id() {
        context.ticket.id = Some(ticket);
    }
    if supposed.sampled.contains(&"campaign.id") {
        let campaigns = &console.options.campaigns;
        let closes = name == Name::TicketSolved;
        let configured = if closes { &campaigns.ticket_solved } else { &campaigns.agent_reply };
        context.campaign.id = configured.clone().or(context.campaign.id);
    }
    mappings.word(&mut context)?;
    Ok(context)
}

fn know(context: &mut Context, conversation: &Conversation) {
    let customer = &conversation.customer;
    let part = &mut context.customer;
    part.external_id.clone_from(&customer.external_id);
    part.carrier_id.clone_from(&customer.carrier_id);
    part.phone.clone_from(&customer.phone);
    part.email.clone_from(&customer.email);
    part.first_name.clone_from(&customer.first_name);
    part.last_name.clone_from(&customer.last_name);
    part.name = customer.name();
    part.line.clone_from(&conversation.line);
    if context.recipient.external_user_id.is_some() || context.recipient.carrier_id.is_some() {
        context.recipient.external_user_id.clone_from(&customer.external_id);
        context.recipient.carrier_id = customer.carrier_id.clone().filter(|_| customer.external_id.is_none());
    }
    if let Some(requester) = conversation.requester_id {
        context.requester.id = context.requester.id.map(|_| requester);
    }
    if let Some(ticket) = &conversation.ticket {
        context.ticket.id = context.ticket.id.map(|_| ticket.id);
        context.ticket.status = Some(ticket.status.name().to_owned());
    }
}
