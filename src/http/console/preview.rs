//! What a mapping makes of an event: the request, before it is sent and without sending it. Pure.
//!
//! What only a call to a vendor would tell (who the requester is, what a new ticket is called) is the mapping's own
//! sample's, and marked so. It shows the form of a request and never decides anything.

use serde_json::Value;

use crate::domain::conversation::Conversation;
use crate::domain::delivery::Delivery;
use crate::domain::event::{Event, EventKind};
use crate::domain::note::Says;
use crate::domain::text;
use crate::http::{Console, PreviewCampaigns};
use crate::mapping::{self, Context, Mappings, Name};

use super::mask::{self, Field};

/// A request.
pub(super) struct Preview {
    /// Which mapping.
    pub(super) name: &'static str,
    /// Method and path.
    pub(super) line: String,
    /// Whether the path names a ticket of the sample's.
    pub(super) line_has_sample: bool,
    pub(super) fields: Vec<Field>,
    /// Why there is none; empty when there is.
    pub(super) problem: String,
}

impl Preview {
    /// Whether anything in it is the sample's.
    pub(super) fn has_sample(&self) -> bool {
        self.line_has_sample || self.fields.iter().any(|field| field.sample)
    }
}

/// The request that today's mappings would make of an event; `None` for an event that no mapping is for.
pub(super) fn of_event(
    console: &Console,
    delivery: &Delivery,
    event: &Event,
    conversation: Option<&Conversation>,
    reveal: bool,
) -> Option<Preview> {
    let (name, mappings) = (name_for(event, conversation)?, &console.mappings()?);
    let filled = |sample| filled(mappings, sample, delivery, event, conversation, &console.options.campaigns);
    let sample = mapping::sample(name).ok()?;
    // What is another with another sample is the sample's.
    let other = altered(&sample).map(&filled).map(|context| rendered(mappings, name, &context, true));
    let context = filled(sample);
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

/// The sample with another value in every place, but for what tells one event from another.
fn altered(sample: &Context) -> Option<Context> {
    let mut record = serde_json::to_value(sample).ok()?;
    // These hold ids and words of which not every other text is one.
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

/// The request that a mapping makes of its own sample, in which there is nobody to protect.
pub(super) fn of_sample(mappings: &Mappings, name: Name) -> Option<Preview> {
    Some(rendered(mappings, name, &mapping::sample(name).ok()?, true))
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

/// The mapping that an event goes through.
fn name_for(event: &Event, conversation: Option<&Conversation>) -> Option<Name> {
    match &event.kind {
        EventKind::CustomerText(text) if text.keyword.is_some() => Some(Name::KeywordNote),
        EventKind::CustomerText(_) => {
            let has_ticket = conversation.is_some_and(|conversation| conversation.ticket.is_some());
            Some(if has_ticket { Name::AppendComment } else { Name::OpenTicket })
        }
        EventKind::PhoneText(_) => Some(Name::AgentReply),
        EventKind::TicketSolved(_) => Some(Name::TicketSolved),
        EventKind::Note(_) => Some(Name::FailureNote),
        EventKind::AgentReply(_) | EventKind::TicketReopened(_) | EventKind::Unreadable(_) => None,
    }
}

/// The mapping's sample, with what the event and the conversation know in its place.
pub(super) fn context(
    mappings: &Mappings,
    name: Name,
    delivery: &Delivery,
    event: &Event,
    conversation: Option<&Conversation>,
) -> Option<Context> {
    Some(filled(mappings, mapping::sample(name).ok()?, delivery, event, conversation, &PreviewCampaigns::default()))
}

fn filled(
    mappings: &Mappings,
    sample: Context,
    delivery: &Delivery,
    event: &Event,
    conversation: Option<&Conversation>,
    campaigns: &PreviewCampaigns,
) -> Context {
    let mut context = sample;
    context.event.id = delivery.id;
    context.event.ids = vec![delivery.id];
    event.kind.name().clone_into(&mut context.event.kind);
    context.event.received_at = event.received_at;
    let sample = std::mem::replace(&mut context.receipt, delivery.id.to_string());
    for value in context.attributes.values_mut().filter(|value| **value == *sample) {
        *value = Value::from(context.receipt.as_str());
    }
    context.customer.key = delivery.conversation.to_string();
    context.ticket.external_id = delivery.conversation.to_string();
    if let Some(conversation) = conversation {
        know(&mut context, conversation);
    }
    if let Some(ticket) = event.kind.ticket_id() {
        context.ticket.id = Some(ticket);
    }
    if let Some(configured) = match &event.kind {
        EventKind::PhoneText(_) => &campaigns.agent_reply,
        EventKind::TicketSolved(_) => &campaigns.ticket_solved,
        EventKind::CustomerText(_)
        | EventKind::AgentReply(_)
        | EventKind::TicketReopened(_)
        | EventKind::Note(_)
        | EventKind::Unreadable(_) => &None,
    } {
        context.campaign.id = Some(configured.clone());
    }
    write(mappings, &mut context, event);
    context
}

fn know(context: &mut Context, conversation: &Conversation) {
    let customer = &conversation.customer;
    let part = &mut context.customer;
    part.external_id.clone_from(&customer.external_id);
    part.braze_id.clone_from(&customer.braze_id);
    part.phone.clone_from(&customer.phone);
    part.email.clone_from(&customer.email);
    part.first_name.clone_from(&customer.first_name);
    part.last_name.clone_from(&customer.last_name);
    part.name = customer.name();
    part.line.clone_from(&conversation.line);
    if context.recipient.external_user_id.is_some() || context.recipient.braze_id.is_some() {
        context.recipient.external_user_id.clone_from(&customer.external_id);
        context.recipient.braze_id = customer.braze_id.clone().filter(|_| customer.external_id.is_none());
    }
    if let Some(requester) = conversation.requester_id {
        context.requester.id = context.requester.id.map(|_| requester);
    }
    if let Some(ticket) = &conversation.ticket {
        context.ticket.id = context.ticket.id.map(|_| ticket.id);
        context.ticket.status = Some(ticket.status.name().to_owned());
    }
}

fn write(mappings: &Mappings, context: &mut Context, event: &Event) {
    let message = |context: &mut Context, words: &str| {
        words.clone_into(&mut context.message.text);
        words.clone_into(&mut context.message.msg_body);
        context.message.html = text::html_from_plain(words);
    };
    match &event.kind {
        EventKind::CustomerText(written) => {
            let lines: Vec<&str> = std::iter::once(written.text.as_str())
                .filter(|text| !text.is_empty())
                .chain(written.media.iter().map(String::as_str))
                .collect();
            message(context, &lines.join("\n"));
            context.message.media.clone_from(&written.media);
            context.message.uploads = Vec::new();
            context.event.channel = Some(written.channel.clone());
            context.event.category = Some(written.category.clone());
        }
        EventKind::PhoneText(owed) => {
            message(context, &owed.text);
            context.message.agent_name.clone_from(&owed.agent_name);
            context.message.media = owed.attachments.iter().map(|file| file.url.clone()).collect();
            if let Some(recipe) = &owed.recipe {
                context.campaign.id = Some(recipe.campaign_id.clone());
                context.attributes.extend(recipe.attributes.clone());
            }
        }
        EventKind::Note(note) => {
            context.note.text = mappings.say([note]);
            context.note.html = text::html_from_plain(&context.note.text);
            if let Says::Coded(saying) = &note.says {
                context.note.code = Some(saying.code().to_owned());
                context.note.codes = vec![saying.code().to_owned()];
                context.note.fields = saying.fields();
            }
        }
        EventKind::AgentReply(_)
        | EventKind::TicketSolved(_)
        | EventKind::TicketReopened(_)
        | EventKind::Unreadable(_) => {}
    }
}
