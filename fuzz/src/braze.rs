//! `/webhooks/braze`. The bytes are the body, a form or JSON.

use serde_json::{Map, Value};
use tandem::domain::event::{DedupeKey, Event, EventKind};
use tandem::intake::Intake;

use super::intake;

const KEYS: [&str; 13] = [
    "channel",
    "category",
    "group",
    "campaign",
    "dispatch",
    "braze_id",
    "external_id",
    "phone",
    "email",
    "first_name",
    "last_name",
    "text",
    "media",
];

/// The rules for every reading; only a customer's text comes out of it; and a JSON object of strings means the same as the
/// form with the same fields.
pub fn check(data: &[u8]) {
    let read = intake::checked("/webhooks/braze", data);
    if let Some(Intake::Event { event, dedupe }) = &read {
        let EventKind::CustomerText(text) = &event.kind else { panic!("Braze caused a {}", event.kind.name()) };
        assert!(text.ticket_id.is_none());
        let who = text.customer.carrier_id.as_ref().or(text.customer.external_id.as_ref());
        for key in dedupe {
            let DedupeKey::Dispatch { customer, .. } = key else { panic!("{key:?}") };
            assert_eq!(Some(customer), who, "a dispatch may be shared by several customers");
        }
    }
    if let Some(form) = as_form(data) {
        assert!(outcome(read) == outcome(intake::checked("/webhooks/braze", form.as_bytes())), "as a form: {form}");
    }
}

/// The form of a JSON object that holds nothing but our keys, each once, with strings. A blank form is no form.
fn as_form(data: &[u8]) -> Option<String> {
    let object: Map<String, Value> = serde_json::from_slice(data).ok()?;
    // A repeated key is an error for the intake, and unseen here: only a text as long as the object's own can be trusted.
    if object.is_empty() || data.iter().filter(|byte| **byte == b':').count() != object.len() {
        return None;
    }
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (key, value) in &object {
        form.append_pair(KEYS.iter().find(|known| *known == key)?, value.as_str()?);
    }
    Some(form.finish())
}

/// The reading, without the body that a quarantined one keeps.
fn outcome(read: Option<Intake>) -> Result<(Event, Vec<DedupeKey>), String> {
    match read {
        Some(Intake::Event { event, dedupe }) => Ok((event, dedupe)),
        Some(Intake::Ignored { reason }) => Err(reason.to_owned()),
        Some(Intake::Quarantined { cause, .. }) => Err(cause),
        Some(Intake::Reports(_) | Intake::Refused { .. }) | None => Err(String::new()),
    }
}
