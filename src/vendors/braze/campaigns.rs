//! Reads the bodies that the bridge's own Braze webhook campaigns post to `/webhooks/braze`: a form, or a flat JSON
//! object with the same keys.
//!
//! Marketers type these templates, so the `Content-Type` is never trusted: the body itself shows which of the two it
//! is.

use serde_json::{Map, Value};
use url::Url;

use crate::domain::conversation::Keyword;
use crate::domain::event::{Customer, CustomerText, DedupeKey, EventKind, TicketFields};
use crate::domain::line::Channel;
use crate::domain::phone;
use crate::intake::fields::{self, unreadable};
use crate::intake::signature::Verified;
use crate::intake::{Reading, Stop, form};

mod chat;

/// Braze's dispatch id in a test send.
const TEST_DISPATCH: &str = "dispatch_id_for_unsent_campaign";

/// The most pictures kept of one text. Carriers allow ten media to a message.
const MEDIA_MAX: usize = 10;

/// The longest link kept, because browsers and proxies refuse longer ones.
const MEDIA_URL_MAX_CHARS: usize = 2048;

/// The longest e-mail address (RFC 5321). A longer one is dropped, because a cut one would belong to another person.
const EMAIL_MAX_CHARS: usize = 254;

/// The longest text that may be meant as a phone number.
const PHONE_MAX_CHARS: usize = 40;

/// The keys of the bridge's own campaigns. A body with none of them comes from another.
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

pub(super) fn read(verified: &Verified<'_>) -> Reading {
    match flat_object(verified.body()) {
        Ok(body) => Reading { dedupe: dedupe(&body), outcome: read_object(&body) },
        Err(stop) => Err(stop).into(),
    }
}

fn flat_object(body: &[u8]) -> Result<Map<String, Value>, Stop> {
    let trimmed = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body).trim_ascii_start();
    match trimmed.first() {
        None => Err(unreadable("the body is empty")),
        Some(b'{' | b'[') => fields::object(body),
        Some(_) => {
            let form = form::parse(trimmed, "media")?;
            if form.keys().any(|key| KEYS.contains(&key.as_str())) {
                Ok(form)
            } else {
                Err(unreadable("the body is neither a JSON object nor a form with a key of ours"))
            }
        }
    }
}

/// The dedupe key: the dispatch and the customer, because several customers may share a dispatch id. The text is no
/// part of it, because people do say the same thing twice.
fn dedupe(body: &Map<String, Value>) -> Vec<DedupeKey> {
    let id = |key| fields::id(body, key).ok().flatten();
    match (id("dispatch"), id("braze_id").or_else(|| id("external_id"))) {
        (Some(dispatch), Some(customer)) => {
            vec![DedupeKey::Dispatch { campaign: id("campaign").unwrap_or_default(), dispatch, customer }]
        }
        _ => Vec::new(),
    }
}

fn read_object(body: &Map<String, Value>) -> Result<EventKind, Stop> {
    if fields::id(body, "dispatch")?.as_deref() == Some(TEST_DISPATCH) {
        return Err(Stop::Ignored("test"));
    }
    // An unreadable campaign id must stop here, because the dedupe key would silently lack it.
    fields::id(body, "campaign")?;
    let customer = customer(body)?;
    if customer.external_id.is_none() && customer.carrier_id.is_none() {
        return Err(unreadable("`external_id` and `braze_id` are both blank: nobody to say it is from"));
    }
    let channel = fields::line(body, "channel").map_or_else(|| "sms".to_owned(), |channel| channel.to_lowercase());
    let is_chat = Channel::of_word(&channel) == Some(Channel::Whatsapp);
    let text = chat::words(body)?;
    let media = media(body.get("media"));
    let text = match text {
        Some(text) => text,
        None if !media.is_empty() => String::new(),
        None if is_chat => chat::NOT_PASSED_ON.to_owned(),
        None => return Err(unreadable("`text` is blank and `media` holds no link: nothing to pass on")),
    };
    let category = fields::line(body, "category").unwrap_or_else(|| "other".to_owned());
    let keyword = keyword(&category).or_else(|| chat::keyword(&text).filter(|_| is_chat));
    Ok(EventKind::CustomerText(CustomerText {
        customer,
        line: fields::id(body, "group")?,
        text,
        media,
        channel,
        keyword,
        category,
        ticket_id: None,
        fields: TicketFields::default(),
        answers: Vec::new(),
    }))
}

fn customer(body: &Map<String, Value>) -> Result<Customer, Stop> {
    let phone = fields::line(body, "phone").filter(|phone| phone.chars().count() <= PHONE_MAX_CHARS);
    Ok(Customer {
        external_id: fields::id(body, "external_id")?,
        carrier_id: fields::id(body, "braze_id")?,
        phone: phone.map(|raw| phone::normalise(&raw).unwrap_or(raw)),
        email: fields::line(body, "email").filter(|email| email.chars().count() <= EMAIL_MAX_CHARS),
        first_name: fields::line(body, "first_name"),
        last_name: fields::line(body, "last_name"),
        display_name: fields::line(body, "name"),
        ..Customer::default()
    })
}

/// The keyword of a category. Marketers type the category by hand into each campaign, so its spelling is read
/// leniently: an opt-out taken for an ordinary word would let texts go on.
fn keyword(category: &str) -> Option<Keyword> {
    let letters: String = category.chars().filter(char::is_ascii_alphanumeric).collect();
    match letters.to_ascii_lowercase().as_str() {
        "optin" => Some(Keyword::OptIn),
        "optout" => Some(Keyword::OptOut),
        "help" => Some(Keyword::Help),
        _ => None,
    }
}

/// The links in the rendered media tag of Braze: one link, several with white space or commas between, a JSON list, or
/// the text of a list, because Braze does not document how several items render. Anything else than a web link is left
/// out.
fn media(value: Option<&Value>) -> Vec<String> {
    let texts: Vec<&str> = match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
    };
    links(texts.into_iter())
}

/// The web links in these texts, each once and not too many.
pub(super) fn links<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut links: Vec<String> = Vec::new();
    for link in texts.flat_map(|text| text.split_whitespace()).flat_map(split_at_schemes) {
        let link = link.trim_matches(['"', '\'', ',', '[', '<', '>']);
        // A closing bracket that the link does not open belongs to the list around it.
        let link = if link.contains('[') { link } else { link.trim_end_matches([']', '"', '\'', ',']) };
        let is_new = !links.iter().any(|known| known == link);
        if is_new && is_web_link(link) && links.len() < MEDIA_MAX {
            links.push(link.to_owned());
        }
    }
    links
}

/// Splits at each comma before a new link. Every other comma is part of a link.
fn split_at_schemes(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (comma, _) in word.match_indices(',') {
        let rest = word.get(comma + 1..).unwrap_or_default().trim_start_matches(['"', '\'', '[']);
        if has_web_scheme(rest) {
            parts.push(word.get(start..comma).unwrap_or_default());
            start = comma + 1;
        }
    }
    parts.push(word.get(start..).unwrap_or_default());
    parts
}

fn is_web_link(link: &str) -> bool {
    has_web_scheme(link)
        && link.chars().nth(MEDIA_URL_MAX_CHARS).is_none()
        && !link.chars().any(char::is_control)
        && Url::parse(link).is_ok_and(|url| url.has_host())
}

fn has_web_scheme(text: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}
