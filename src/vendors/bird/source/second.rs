//! Reads the bodies of the second generation's channel webhooks, which are taken only where the configuration asks for them.
//!
//! The customer's message alone is read; the statuses are of texts that the bridge has not sent. Their line is the default
//! one, because these bodies name a channel of that generation and not a number that the third can send from.

use serde_json::{Map, Value};

use super::message::{NOT_USED, customer_text, person};
use crate::domain::event::{DedupeKey, EventKind};
use crate::domain::line::Channel;
use crate::intake::fields::{self, unreadable};
use crate::intake::{Reading, Stop};

pub(super) fn read(body: &Map<String, Value>) -> Result<Reading, Stop> {
    let kind = fields::line(body, "event").unwrap_or_default();
    let channel = kind.strip_suffix(".inbound").and_then(Channel::of_word);
    let Some(channel) = channel else { return Err(Stop::Ignored(NOT_USED)) };
    let Some(message) = body.get("payload").and_then(Value::as_object) else {
        return Err(unreadable("`payload` is not an object"));
    };
    let id = fields::id(message, "id")?.ok_or_else(|| unreadable("`payload.id` is blank"))?;
    let at = |path: &str| message.get("sender").and_then(|sender| sender.pointer(path));
    let bsuid = message.get("meta").and_then(|meta| meta.pointer("/extraInformation/whatsappbsuid"));
    let customer = person(at("/contact/identifierValue"))?;
    let customer = match (customer, bsuid) {
        (Some(customer), _) => customer,
        // Since the summer of 2026 a WhatsApp user may be without a number.
        (None, Some(bsuid)) => person(Some(&serde_json::json!({ "bsuid": bsuid })))?.unwrap_or_default(),
        (None, None) => return Err(unreadable("`payload.sender.contact.identifierValue` is blank")),
    };
    let words = message.get("body").and_then(|body| body.get("text")?.as_object());
    let text = words.map(|words| fields::text(words, "text")).transpose()?.flatten();
    let text = text.unwrap_or_else(|| "[The customer sent something other than words. Bird shows it.]".to_owned());
    let dedupe = vec![DedupeKey::CarrierReport(format!("{kind}:{id}"))];
    Ok(Reading { dedupe, outcome: Ok(EventKind::CustomerText(customer_text(customer, None, text, channel))) })
}
