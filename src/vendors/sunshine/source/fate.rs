//! The events of talks, users and phones that end a talk or move it: merges, removals, blocks. Never reads a message.

use super::message;
use super::parts::{id, within};
use crate::domain::event::Customer;
use crate::domain::receipt::Reported;
use crate::intake::fields;
use crate::intake::json::Object;

/// The customer of an event, the only line that it is about, and its meaning.
pub(super) type Told = (Customer, Option<String>, Reported);

/// The meaning of such an event; `None` of one that changes nothing here.
pub(super) fn of(kind: &str, payload: &Object<'_>) -> Option<Told> {
    match kind {
        "user:merge" => merge(payload),
        "user:remove" => {
            let user = id(within(payload, "user")?, "id").ok()?;
            Some((Customer { carrier_id: Some(user), ..Customer::default() }, None, Reported::TalkOver))
        }
        "conversation:remove" => Some((message::talk(Some(talk(payload, "conversation")?)), None, Reported::TalkOver)),
        _ => of_client(kind, payload),
    }
}

/// Users are merged, and often without their talks, which stay what they are then.
fn merge(payload: &Object<'_>) -> Option<Told> {
    let talks = within(payload, "mergedConversations")?;
    let (discarded, into) = (talk(talks, "discarded")?, talk(talks, "surviving")?);
    let users = within(payload, "mergedUsers");
    let customer = users.and_then(|users| id(within(users, "surviving")?, "id").ok());
    let moved = Reported::TalkMoved { into: into.clone(), customer };
    (discarded != into).then(|| (message::talk(Some(discarded)), None, moved))
}

/// A phone of a user on an integration. One that goes to another user leaves the talk without a way there.
fn of_client(kind: &str, payload: &Object<'_>) -> Option<Told> {
    let reason = fields::line(payload, "reason")?;
    let what = match (kind, reason.as_str()) {
        ("client:remove", "theft") => Reported::TalkOver,
        ("client:update", "blocked") => Reported::Unsubscribed,
        ("client:update", "unblocked") => Reported::Resubscribed,
        (_, _) => return None,
    };
    let line = fields::line(within(payload, "client")?, "integrationId")?;
    let mut customer = message::talk(talk(payload, "conversation"));
    customer.carrier_id = within(payload, "user").and_then(|user| id(user, "id").ok());
    (customer.thread.is_some() || customer.carrier_id.is_some()).then_some((customer, Some(line), what))
}

/// The name of the talk in a field.
fn talk(fields: &Object<'_>, name: &str) -> Option<String> {
    id(within(fields, name)?, "id").ok()
}
