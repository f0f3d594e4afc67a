//! The words of a customer's message. Bird hands out media only to holders of the API key, and only for a time, so that a
//! message with media becomes a line that says so. Never drops a message.

use serde_json::{Map, Value};

use crate::intake::Stop;
use crate::intake::fields;

/// The line for a text message of which only its files are left.
const FILES: &str =
    "[The customer sent a file that Bird does not pass on. Ask for it by e-mail, or for its contents in words.]";

/// The kinds of content on WhatsApp that are files, and their names to agents.
const WITH_FILES: [(&str, &str); 5] = [
    ("image", "a picture"),
    ("video", "a video"),
    ("audio", "a recording"),
    ("document", "a document"),
    ("sticker", "a sticker"),
];

/// The longest part of a contact card that is passed on.
const CARD_PART_MAX_CHARS: usize = 200;

/// The words of a text message, with its subject before them.
pub(super) fn of_sms(data: &Map<String, Value>) -> Result<String, Stop> {
    let parts = [fields::line(data, "subject"), fields::text(data, "text")?];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    Ok(if parts.is_empty() { FILES.to_owned() } else { parts.join("\n") })
}

/// The words of a WhatsApp message, and a line for each of its other contents.
pub(super) fn of_whatsapp(data: &Map<String, Value>) -> Result<String, Stop> {
    let mut lines: Vec<String> = Vec::new();
    match data.get("text") {
        Some(Value::Object(text)) => lines.extend(fields::text(text, "body")?),
        Some(_) | None => lines.extend(fields::text(data, "text")?),
    }
    for (kind, name) in WITH_FILES {
        let Some(file) = data.get(kind).and_then(Value::as_object) else { continue };
        lines.push(format!("[The customer sent {name} that Bird does not pass on.]"));
        lines.extend(["filename", "caption"].into_iter().filter_map(|field| fields::line(file, field)));
    }
    if let Some(place) = data.get("location").and_then(Value::as_object) {
        lines.push(location(place));
    }
    lines.extend(data.get("contact_cards").and_then(Value::as_array).into_iter().flatten().map(card));
    lines.extend(data.get("interactive_reply").and_then(tapped));
    if lines.is_empty() {
        lines.push("[The customer sent something that Bird does not pass on. Ask for it in words.]".to_owned());
    }
    Ok(lines.join("\n"))
}

/// The words of the button or of the row of a list that the customer tapped, whose kind names the field that holds it.
fn tapped(reply: &Value) -> Option<String> {
    let tapped = reply.get(reply.get("type")?.as_str()?)?.as_object()?;
    fields::line(tapped, "text").or_else(|| fields::line(tapped, "slug"))
}

/// A contact card, of which any part may be absent. The customer's own number comes so by the button that asks for it.
fn card(card: &Value) -> String {
    let one_line = |value: &Value| value.as_str().and_then(|text| fields::one_line(text, CARD_PART_MAX_CHARS));
    let of_each = |list: &str, field: &str| {
        let parts = card.get(list).and_then(Value::as_array).into_iter().flatten();
        parts.filter_map(|part| part.get(field).and_then(one_line)).collect::<Vec<_>>()
    };
    let name = card.pointer("/name/formatted_name").and_then(one_line);
    let parts = name.into_iter().chain(of_each("phone_numbers", "phone_number")).chain(of_each("emails", "email"));
    let parts: Vec<String> = parts.collect();
    match (card.get("origin").and_then(Value::as_str), parts.is_empty()) {
        (_, true) => "[The customer shared a contact without a name or number.]".to_owned(),
        (Some("contact_request"), false) => format!("[The customer shared their own contact: {}]", parts.join("; ")),
        (_, false) => format!("[The customer shared a contact: {}]", parts.join("; ")),
    }
}

fn location(place: &Map<String, Value>) -> String {
    let number = |name: &str| place.get(name).and_then(Value::as_f64);
    let named = ["name", "address"].into_iter().filter_map(|field| fields::line(place, field));
    let at = number("latitude").zip(number("longitude")).map(|(north, east)| format!("{north}, {east}"));
    let words: Vec<String> = named.chain(at).collect();
    format!("[The customer sent a location: {}]", words.join("; "))
}
