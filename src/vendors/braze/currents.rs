//! For the batches that Braze Currents posts to `/webhooks/braze/currents`: the events of the whole workspace, of which a few
//! are about texts.
//!
//! Never refuses a batch for its contents, because Braze splits a refused batch and drops events of it. The schema
//! changes monthly: a missing field, a null and a blank read alike, and an unknown type or field is passed over. An event
//! that names no customer is passed over as well, because nothing here is guessed.

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::domain::account::AccountId;
use crate::domain::conversation::Keyword;
use crate::domain::event::{Customer, CustomerText, TicketFields};
use crate::domain::line::is_one_line;
use crate::domain::phone;
use crate::domain::receipt::{Failure, Mark, Report, Reported, Wrote};
use crate::intake::fields::{self, one_line};
use crate::intake::signature::Verified;
use crate::intake::{Batch, Reading, Stop, lenient_json};

/// The longest batch. An event has at most 900 KB, and longer ones Braze drops itself.
pub(super) const BODY_MAX_BYTES: usize = 1024 * 1024;

/// The name under which a campaign passes the mark of a send on.
pub const MARK: &str = "tandem";

/// The longest words of a carrier's that are kept.
const SAID_MAX_CHARS: usize = 200;

/// The longest code.
const CODE_MAX_CHARS: usize = 40;

/// As many digits may be a customer's number; a carrier's codes in words are shorter.
const DIGITS_MAX: usize = 6;

/// The channels of texts: every other one (e-mail, push) is passed over.
const CHANNELS: [&str; 4] = ["sms", "rcs", "whatsapp", "line"];

/// The connector of one account, with the settings by which this bridge's texts and lines are known.
#[derive(Clone, Debug, Default)]
pub struct Currents {
    /// The bearer tokens that the connector may present. None, or an empty one, matches nothing.
    pub tokens: Vec<SecretString>,
    /// The campaigns that this bridge sends texts with. A report about another one is not about its texts.
    pub campaigns: Vec<String>,
    /// The lines whose inbound texts are this bridge's, as far as the configuration names them.
    pub lines: Vec<String>,
    /// Whether the configuration names the default line's address as well, so that no other line is this bridge's.
    pub names_all: bool,
}

impl Currents {
    /// Reads a batch. The fault of a body quotes nothing of it.
    pub(super) fn read(&self, verified: &Verified<'_>, carrier: AccountId, at: Timestamp) -> Reading {
        let stop = match events(verified.body()) {
            Ok(events) => Stop::Reports(self.sorted(&events, carrier, at)),
            Err(cause) => Stop::Unreadable(cause),
        };
        Err(stop).into()
    }

    /// The reports among these events, each by its concern for this bridge.
    fn sorted(&self, events: &[Value], carrier: AccountId, at: Timestamp) -> Batch {
        let mut batch = Batch::default();
        for event in events {
            match event.as_object().and_then(|event| report(event, carrier, at)) {
                Some(report) if report.is_inbound() => match self.is_our_line(report.line.as_deref()) {
                    Some(true) => batch.ours.push(report),
                    Some(false) => batch.passed_over += 1,
                    None => batch.unsure.push(report),
                },
                Some(report) if report.is_of(&self.campaigns) => batch.ours.push(report),
                Some(report) => batch.others.push(report),
                None => batch.passed_over += 1,
            }
        }
        batch
    }

    /// Whether customers write to this bridge on this line; `None` where only earlier webhooks can tell.
    fn is_our_line(&self, line: Option<&str>) -> Option<bool> {
        match line {
            None => Some(true),
            Some(line) if self.lines.iter().any(|ours| is_one_line(ours, line)) => Some(true),
            Some(_) => self.names_all.then_some(false),
        }
    }
}

/// The events of a batch, in its order.
fn events(body: &[u8]) -> Result<Vec<Value>, String> {
    if body.trim_ascii().is_empty() {
        // How the connector tries its token.
        return Ok(Vec::new());
    }
    let parsed = serde_json::from_slice(body).or_else(|_| lenient_json::parse(body));
    let parsed: Value = parsed.map_err(|error| error.to_string())?;
    match parsed {
        Value::Object(mut batch) => match batch.remove("events") {
            Some(Value::Array(events)) => Ok(events),
            Some(Value::Null) | None if batch.contains_key("event_type") => Ok(vec![Value::Object(batch)]),
            Some(Value::Null) | None => Ok(Vec::new()),
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                Err("`events` is not a list".to_owned())
            }
        },
        Value::Array(events) => Ok(events),
        Value::Null => Ok(Vec::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Err("the body is JSON, but neither an object nor a list".to_owned())
        }
    }
}

/// The report that an event is; `None` for one that is not about a text.
fn report(event: &Map<String, Value>, carrier: AccountId, received_at: Timestamp) -> Option<Report> {
    let event = Event(event);
    let kind = event.text("event_type")?;
    let mut words = kind.rsplit('.');
    let (kind, channel) = (words.next()?, words.next()?.to_ascii_lowercase());
    let what = match kind.to_ascii_lowercase().as_str() {
        "statechange" => unsubscribed(&event, &channel)?,
        kind if CHANNELS.contains(&channel.as_str()) => reported(&event, kind, &channel)?,
        _ => return None,
    };
    let customer = event.customer();
    if customer.external_id.is_none() && customer.carrier_id.is_none() && customer.phone.is_none() {
        return None;
    }
    Some(Report {
        id: event.id(),
        at: event.time().unwrap_or(received_at),
        customer,
        campaign: event.word("campaign_id"),
        dispatch: event.word("dispatch_id"),
        line: event.word("subscription_group_id"),
        carrier,
        what,
    })
}

fn reported(event: &Event<'_>, kind: &str, channel: &str) -> Option<Reported> {
    Some(match kind {
        "send" => Reported::Sent { mark: event.mark() },
        "delivery" => Reported::Delivered,
        "read" => Reported::Read,
        "deliveryfailure" | "rejection" | "failure" => Reported::Failed(Failure {
            code: event.code("provider_error_code"),
            said: event.said("error").or_else(|| event.said("provider_error_title")),
            // An SMS is the last way: it falls back to no other.
            falls_back: channel == "rcs" && event.flag("is_sms_fallback"),
        }),
        "abort" => Reported::HeldBack(Failure {
            code: event.code("abort_type"),
            said: event.said("abort_log"),
            falls_back: false,
        }),
        "inboundreceive" => Reported::Wrote(Box::new(Wrote(wrote(event, channel)?))),
        _ => return None,
    })
}

/// A customer's text; `None` where nothing was written that can be passed on.
fn wrote(event: &Event<'_>, channel: &str) -> Option<CustomerText> {
    let text = event.text("message_body").or_else(|| event.text("quick_reply_text")).map(fields::clean);
    let text = text.filter(|text| text.len() <= fields::TEXT_MAX_BYTES).unwrap_or_default();
    let media: Vec<String> = match event.get("media_urls") {
        Some(Value::Array(links)) => links.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(link)) => vec![link.clone()],
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
    };
    let media = super::campaigns::links(media.iter().map(String::as_str));
    if text.trim().is_empty() && media.is_empty() {
        return None;
    }
    let keyword = match event.text("action").map(str::to_ascii_lowercase).as_deref() {
        Some("subscribed") => Some(Keyword::OptIn),
        Some("unsubscribed") => Some(Keyword::OptOut),
        Some(_) | None => None,
    };
    let category = match keyword {
        Some(Keyword::OptIn) => "opt_in",
        Some(Keyword::OptOut) => "opt_out",
        Some(Keyword::Help) | None => "other",
    };
    Some(CustomerText {
        customer: event.customer(),
        line: event.word("subscription_group_id"),
        text,
        media,
        channel: channel.to_owned(),
        category: category.to_owned(),
        keyword,
        ticket_id: None,
        fields: TicketFields::default(),
        answers: Vec::new(),
    })
}

/// A change of a subscription group for texts, where it is an end of the subscription.
fn unsubscribed(event: &Event<'_>, group: &str) -> Option<Reported> {
    let is_of_texts = event.text("channel").is_none_or(|channel| {
        let channel = channel.to_ascii_lowercase();
        CHANNELS.contains(&channel.as_str())
    });
    let state = ["subscription_status", "subscription_state", "status", "state"];
    let state = state.into_iter().find_map(|name| event.text(name))?;
    (group == "subscriptiongroup" && is_of_texts && state.eq_ignore_ascii_case("unsubscribed"))
        .then_some(Reported::Unsubscribed)
}

/// An event, as it came.
struct Event<'a>(&'a Map<String, Value>);

impl<'a> Event<'a> {
    /// A value, among the properties or beside them.
    fn get(&self, name: &str) -> Option<&'a Value> {
        let within = |part: &str| self.0.get(part)?.get(name);
        within("properties").or_else(|| within("user")).or_else(|| self.0.get(name))
    }

    /// A text that is not blank.
    fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str().filter(|text| !text.trim().is_empty())
    }

    /// An identifier: one line, never cut, also from a whole number.
    fn word(&self, name: &str) -> Option<String> {
        let word = match self.get(name)? {
            Value::String(text) => one_line(text, usize::MAX)?,
            Value::Number(number) if number.is_u64() || number.is_i64() => number.to_string(),
            Value::Number(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        word.chars().nth(fields::ID_MAX_CHARS).is_none().then_some(word)
    }

    fn flag(&self, name: &str) -> bool {
        match self.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(word)) => word.eq_ignore_ascii_case("true"),
            Some(Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_)) | None => false,
        }
    }

    /// The event's own name; of one without a name, the digest of all of it, which is the same when it comes again.
    fn id(&self) -> String {
        self.word("id").unwrap_or_else(|| {
            let bytes = serde_json::to_vec(self.0).unwrap_or_default();
            Sha256::digest(&bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
        })
    }

    /// Seconds since 1970, as a whole number, a fraction or a text.
    fn time(&self) -> Option<Timestamp> {
        let seconds = match self.get("time")? {
            Value::Number(number) => number.as_f64()?,
            Value::String(text) => text.trim().parse().ok()?,
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        // Dates of this bridge's century: beyond, the number counts something else.
        (1e9..1e10).contains(&seconds).then(|| Timestamp::from_second(seconds as i64).ok()).flatten()
    }

    fn customer(&self) -> Customer {
        let phone =
            ["user_phone_number", "to_phone_number", "phone_number"].into_iter().find_map(|name| self.word(name));
        Customer {
            external_id: self.word("external_user_id"),
            carrier_id: self.word("user_id"),
            phone: phone.map(|raw| phone::normalise(&raw).unwrap_or(raw)),
            ..Customer::default()
        }
    }

    /// The mark of a send, in the extras that the campaign passes on: the text of a JSON object.
    fn mark(&self) -> Option<Mark> {
        let extras = match self.get("message_extras")? {
            Value::String(text) => serde_json::from_str(text).ok()?,
            Value::Object(extras) => extras.clone(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return None,
        };
        Map::get(&extras, MARK)?.as_str()?.trim().parse().ok()
    }

    fn code(&self, name: &str) -> Option<String> {
        let word = self.word(name).and_then(|word| one_line(&word, CODE_MAX_CHARS))?;
        let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | ':'));
        is_plain.then_some(word)
    }

    /// The carrier's words, without anything in them that may name a person.
    fn said(&self, name: &str) -> Option<String> {
        let words = one_line(self.text(name)?, SAID_MAX_CHARS)?;
        let is_personal = |word: &&str| {
            word.contains('@') || word.contains("//") || word.chars().filter(char::is_ascii_digit).count() >= DIGITS_MAX
        };
        let words: Vec<&str> = words.split(' ').map(|word| if is_personal(&word) { "…" } else { word }).collect();
        Some(words.join(" "))
    }
}

#[cfg(test)]
mod tests;
