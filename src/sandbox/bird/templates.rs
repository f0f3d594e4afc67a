//! The WhatsApp templates of the embedded Bird: their reads, and the check of a message's values against their places.

use serde_json::{Value, json};

use super::super::server::Answer;

/// A template with places in each of its blocks. `de` waits for its approval.
pub const WITH_PLACES: &str = "order_shipped";

/// The version in service of every template.
const VERSION: &str = "wav_01kb5n3w8rx0f2v7q4m9d6c1ae";

/// The languages of a template with the blocks of each.
fn content(slug: &str) -> Value {
    if slug != WITH_PLACES {
        return json!({"en": {"status": "approved", "components": [{"type": "body", "text": "Please write again."}]}});
    }
    let blocks = |header: &str, body: &str, end: &str| {
        json!([{"type": "header", "format": "text", "text": header},
            {"type": "body", "text": body, "example_parameters": [{"type": "text", "text": "Ada"}]},
            {"type": "buttons", "buttons": [{"type": "url", "text": "Track", "url": format!("https://acme.example/{end}")}]}])
    };
    json!({"en": {"status": "approved", "components": blocks("Order {{1}}", "Hi {{1}}, {{2}} left today.", "{{1}}")},
        "nl": {"status": "approved", "components": blocks("Bestelling {{1}}", "Hallo {{first_name}}, {{item}} is weg.", "{{track}}")},
        "de": {"status": "pending", "components": blocks("Bestellung {{1}}", "Hallo {{1}}, {{2}} ist weg.", "{{1}}")}})
}

/// The languages in which a template can go.
fn served(slug: &str) -> Vec<String> {
    let content = content(slug);
    let languages = content.as_object().into_iter().flatten();
    languages.filter(|(_, language)| language["status"] == "approved").map(|(tag, _)| tag.clone()).collect()
}

/// The answer to the read of one of these templates, or of a version of one: `at` is the path behind that of all templates.
pub(super) fn read(known: &[String], at: &str) -> Option<Answer> {
    let (slug, version) = at.split_once("/versions/").map_or((at, None), |(slug, version)| (slug, Some(version)));
    known.iter().find(|known| *known == slug)?;
    match version {
        None => Some(Answer::json(
            200,
            &json!({"id": format!("wat_{slug}"), "slug": slug, "status": "active", "default_language": "en",
                "language_source_required": false, "available_languages": served(slug), "live_version_id": VERSION}),
        )),
        Some(VERSION) => Some(Answer::json(200, &json!({"id": VERSION, "languages": content(slug)}))),
        Some(_) => None,
    }
}

/// Whether the values of a message fit the places of its template.
pub(super) fn fits(template: &Value) -> bool {
    let slug = template["slug"].as_str().unwrap_or_default();
    let language = template["language"].as_str().unwrap_or("en");
    let content = content(slug);
    let Some(blocks) =
        content[language]["components"].as_array().filter(|_| served(slug).iter().any(|tag| tag == language))
    else {
        return false;
    };
    let values = |part: &str| -> Vec<Value> {
        let parts = template["components"].as_array().into_iter().flatten().filter(|one| one["type"] == part);
        parts.flat_map(|one| one["parameters"].as_array().cloned().unwrap_or_default()).collect()
    };
    let is_filled = |block: &Value, part: &str, text: &Value| {
        let text = text.as_str().unwrap_or_default();
        let places: Vec<&str> = text.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0)).collect();
        let values = values(part);
        let has_name = |place: &&str| {
            place.parse::<u8>().is_ok() || values.iter().any(|value| value["name"] == **place && !block.is_null())
        };
        values.len() == places.len() && places.iter().all(has_name)
    };
    blocks.iter().all(|block| match block["type"].as_str().unwrap_or_default() {
        "buttons" => is_filled(block, "button", &block["buttons"][0]["url"]),
        part => is_filled(block, part, &block["text"]),
    })
}
