//! Reads the bodies that the Braze campaigns of the published Zendesk–Braze recipe post, for teams that change only the host
//! name: bodies for a desk's `/api/v2/tickets`.
//!
//! They carry no dispatch id, so a repeat looks like a customer who says the same twice. Hence they have no dedupe key, and
//! both are delivered.

use serde_json::{Map, Value};

use crate::domain::event::{Customer, CustomerText, EventKind, TicketFields, TicketId};
use crate::domain::{phone, text};
use crate::intake::fields::{self, LINE_MAX_CHARS, unreadable};
use crate::intake::signature::Verified;
use crate::intake::{Reading, Stop, form};

/// Zendesk's ticket priorities and types. Zendesk refuses the whole ticket for any other word.
const PRIORITIES: [&str; 4] = ["low", "normal", "high", "urgent"];
const TYPES: [&str; 4] = ["problem", "incident", "question", "task"];

/// `POST /api/v2/tickets`: a customer's first text. `user_field` holds the customer's external id.
pub(super) fn read_new_ticket(verified: &Verified<'_>, user_field: &str) -> Reading {
    fields::object(verified.body())
        .and_then(|body| match occurrences(&body, user_field) {
            0 | 1 => ticket(body),
            _ => Err(Stop::Unreadable(format!(
                "`{user_field}` stands twice in the body; a text may have broken out of its quotation marks"
            ))),
        })
        .and_then(|ticket| new_ticket(&ticket, user_field))
        .into()
}

/// `PUT /api/v2/tickets/{id}`: a customer's further text. `segment` is the path's last segment.
pub(super) fn read_append(verified: &Verified<'_>, segment: &str) -> Reading {
    fields::object(verified.body()).and_then(ticket).and_then(|ticket| append(&ticket, segment)).into()
}

/// The `ticket` object of a body for `/api/v2/tickets`.
fn ticket(mut body: Map<String, Value>) -> Result<Map<String, Value>, Stop> {
    match body.remove("ticket") {
        Some(Value::Object(ticket)) => Ok(ticket),
        _ => Err(unreadable("`ticket` is missing, or not an object")),
    }
}

/// The number of times that this key stands in the whole body. Braze fills texts and names in unescaped, so an attacker
/// can write JSON into one and put another id where the customer's belongs. Braces can move the customer's own id into
/// another object, where it is no repeated key, but it still stands in the body and gives the attack away.
fn occurrences(body: &Map<String, Value>, key: &str) -> usize {
    fn within(value: &Value, key: &str) -> usize {
        match value {
            Value::Object(map) => occurrences(map, key),
            Value::Array(items) => items.iter().map(|item| within(item, key)).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
    }
    body.iter().map(|(name, value)| usize::from(name == key) + within(value, key)).sum()
}

fn new_ticket(ticket: &Map<String, Value>, user_field: &str) -> Result<EventKind, Stop> {
    let empty = Map::new();
    let requester = inner(ticket, "requester").unwrap_or(&empty);
    let external_id = match inner(requester, "user_fields") {
        Some(user_fields) => fields::id(user_fields, user_field)?,
        None => None,
    };
    if external_id.is_none() {
        return Err(Stop::Unreadable(format!("the requester's `{user_field}` is blank: nobody to say it is from")));
    }
    let (first_name, last_name) = names(requester);
    let raw_phone = fields::line(requester, "phone");
    let customer = Customer {
        external_id,
        phone: raw_phone.and_then(|raw| phone::normalise(&raw)),
        email: fields::line(requester, "email"),
        first_name,
        last_name,
        ..Customer::default()
    };
    let fields = TicketFields {
        subject: fields::line(ticket, "subject"),
        priority: one_of(ticket, "priority", &PRIORITIES),
        kind: one_of(ticket, "type", &TYPES),
    };
    Ok(customer_text(customer, comment(ticket)?, None, fields))
}

fn append(ticket: &Map<String, Value>, segment: &str) -> Result<EventKind, Stop> {
    // The id comes from a Liquid expression, which may leave white space around it.
    let decoded = form::decode(segment.as_bytes())?;
    let id = decoded.trim();
    let id = id.strip_suffix(".json").unwrap_or(id);
    if id.trim().is_empty() {
        return Err(unreadable("the path names no ticket: the profile's `zendesk_ticket` was blank"));
    }
    let id = fields::positive(id).ok_or_else(|| unreadable("the ticket in the path is not a positive whole number"))?;
    Ok(customer_text(Customer::default(), comment(ticket)?, Some(TicketId(id)), TicketFields::default()))
}

fn customer_text(customer: Customer, text: String, ticket_id: Option<TicketId>, fields: TicketFields) -> EventKind {
    EventKind::CustomerText(CustomerText {
        customer,
        line: None,
        text,
        media: Vec::new(),
        channel: "sms".to_owned(),
        category: "other".to_owned(),
        keyword: None,
        ticket_id,
        fields,
        answers: Vec::new(),
    })
}

/// The customer's text, as sent.
fn comment(ticket: &Map<String, Value>) -> Result<String, Stop> {
    let comment = inner(ticket, "comment").ok_or_else(|| unreadable("`comment` is missing, or not an object"))?;
    if let Some(text) = fields::text(comment, "body")? {
        return Ok(text);
    }
    let html = fields::text(comment, "html_body")?.map(|html| text::plain_from_html(&html));
    html.filter(|text| !text.trim().is_empty()).ok_or_else(|| unreadable("the comment's `body` is blank"))
}

/// The first word of the name, and the rest.
fn names(requester: &Map<String, Value>) -> (Option<String>, Option<String>) {
    let Some(name) = fields::line(requester, "name") else { return (None, None) };
    match name.split_once(' ') {
        Some((first, rest)) => (Some(first.to_owned()), fields::one_line(rest, LINE_MAX_CHARS)),
        None => (Some(name), None),
    }
}

fn one_of(ticket: &Map<String, Value>, key: &str, words: &[&str]) -> Option<String> {
    let word = fields::line(ticket, key)?.to_ascii_lowercase();
    words.contains(&word.as_str()).then_some(word)
}

fn inner<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a Map<String, Value>> {
    map.get(key)?.as_object()
}
