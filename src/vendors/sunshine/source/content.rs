//! The words and the pictures of a customer's message. A kind that is not known becomes a line that says so. Never drops a
//! message.

use super::parts::within;
use crate::intake::Stop;
use crate::intake::fields;
use crate::intake::json::{Json, Object};

/// The line for a message of which nothing can be shown.
pub(super) const UNKNOWN: &str =
    "[The customer sent something that Sunshine Conversations does not pass on. Ask for it in words.]";

/// The longest link that is kept.
const LINK_MAX_CHARS: usize = 2048;

/// The words and the links of a message.
pub(super) fn of(content: Option<&Object<'_>>) -> Result<(String, Vec<String>), Stop> {
    let Some(content) = content else { return Ok((UNKNOWN.to_owned(), Vec::new())) };
    let words = fields::text(content, "text")?;
    match fields::word(content, "type").as_deref() {
        Some("image" | "file") => Ok(file(content, words)),
        Some("location") => Ok((location(content), Vec::new())),
        Some("formResponse") => Ok((form(content).unwrap_or_else(|| UNKNOWN.to_owned()), Vec::new())),
        Some(_) | None => {
            let words = words.or(fields::text(content, "textFallback")?);
            Ok((words.unwrap_or_else(|| UNKNOWN.to_owned()), Vec::new()))
        }
    }
}

fn file(content: &Object<'_>, words: Option<String>) -> (String, Vec<String>) {
    let link = content.get("mediaUrl").and_then(Json::as_str).filter(|link| link.len() <= LINK_MAX_CHARS);
    let words = words.or_else(|| fields::line(content, "altText"));
    match link.and_then(|link| fields::one_line(link, LINK_MAX_CHARS)) {
        Some(link) => (words.unwrap_or_default(), vec![link]),
        None => (words.unwrap_or_else(|| UNKNOWN.to_owned()), Vec::new()),
    }
}

fn location(content: &Object<'_>) -> String {
    let named = within(content, "location");
    let named = ["name", "address"].into_iter().filter_map(|field| fields::line(named?, field));
    let number = |name: &str| within(content, "coordinates")?.get(name)?.as_f64();
    let at = number("lat").zip(number("long")).map(|(north, east)| format!("{north}, {east}"));
    let words: Vec<String> = named.chain(at).collect();
    format!("[The customer sent a location: {}]", words.join("; "))
}

/// The answers to a form, one a line.
fn form(content: &Object<'_>) -> Option<String> {
    let answers = content.get("fields")?.as_list()?.iter().filter_map(|field| {
        let field = field.as_object()?;
        let label = fields::line(field, "label").or_else(|| fields::line(field, "name"))?;
        let chosen = || field.get("select")?.as_list()?.first()?.get("label")?.as_str().map(str::to_owned);
        let answer = fields::line(field, "text").or_else(|| fields::line(field, "email")).or_else(chosen)?;
        Some(format!("{label}: {answer}"))
    });
    let answers: Vec<String> = answers.collect();
    (!answers.is_empty()).then(|| answers.join("\n"))
}
