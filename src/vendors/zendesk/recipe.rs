//! Reads the bodies that the triggers of the published Zendesk–Braze recipe post, for teams that change only the host name:
//! bodies for a carrier's `/campaigns/trigger/send`. Never names their recipient anew.

use serde_json::{Map, Value};

use crate::domain::event::{EventKind, PhoneText, RecipeSend, TicketId};
use crate::domain::text;
use crate::intake::fields::{self, unreadable};
use crate::intake::signature::Verified;
use crate::intake::{Reading, Stop};

/// `POST /campaigns/trigger/send`: a text to one phone.
pub(super) fn read_send(verified: &Verified<'_>) -> Reading {
    fields::object(verified.body()).and_then(|body| send(&body)).into()
}

fn send(body: &Map<String, Value>) -> Result<EventKind, Stop> {
    let campaign_id = fields::id(body, "campaign_id")?.ok_or_else(|| unreadable("`campaign_id` is blank"))?;
    let recipient = match body.get("recipients") {
        Some(Value::Array(recipients)) => match recipients.as_slice() {
            [Value::Object(recipient)] => recipient,
            [_] => return Err(unreadable("the recipient is not an object")),
            [] => return Err(unreadable("`recipients` is empty")),
            [_, _, ..] => return Err(unreadable("`recipients` names more than one; a reply goes to one customer")),
        },
        _ => return Err(unreadable("`recipients` is missing, or not a list")),
    };
    let external_user_id = fields::id(recipient, "external_user_id")?
        .ok_or_else(|| unreadable("`external_user_id` is blank: nobody to send to"))?;
    // Braze also takes properties beside the recipients, for all of them.
    let properties = [recipient, body].into_iter().find_map(|place| place.get("trigger_properties")?.as_object());
    let message = match properties {
        Some(properties) => fields::text(properties, "msg_body")?,
        None => None,
    };
    let message = message.ok_or_else(|| unreadable("`msg_body` is blank"))?;
    let stripped = text::strip_comment_header(&message);
    // Only the header is ever taken off, so equal lengths mean that there was none.
    let plain = stripped.len() == message.len();
    let message = text::visible(stripped);
    if message.trim().is_empty() {
        return Err(unreadable("`msg_body` holds nothing but Zendesk's comment header"));
    }
    let attributes = match recipient.get("attributes") {
        Some(Value::Object(attributes)) => attributes.clone(),
        Some(Value::Null) | None => Map::new(),
        Some(_) => return Err(unreadable("`attributes` is not an object")),
    };
    Ok(EventKind::PhoneText(PhoneText {
        ticket_id: fields::number(&attributes, "zendesk_ticket").ok().flatten().map(TicketId),
        comment_id: None,
        external_user_id: Some(external_user_id),
        requester_id: None,
        text: message,
        agent_name: None,
        attachments: Vec::new(),
        recipe: Some(RecipeSend { campaign_id, plain, attributes }),
        caught_up: false,
        written_at: None,
    }))
}
