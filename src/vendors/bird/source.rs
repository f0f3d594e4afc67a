//! The source of Bird's webhooks. A body is a customer's text, or the status of a text.
//!
//! The API is young and its shapes change, so an unknown type, field or code is passed over. Events come in any order and
//! more than once: a text is told by its own id, beside the webhook's, and a status is a report that finds its text by the
//! bridge's mark. A body without its type or its customer is unreadable, because nothing here is guessed.

use std::sync::Arc;

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::domain::account::AccountId;
use crate::domain::event::{CustomerText, DedupeKey, EventKind};
use crate::domain::inbound::Door;
use crate::domain::line::Channel;
use crate::domain::phone;
use crate::domain::receipt::{Failure, Mark, Report, Reported};
use crate::intake::fields::{self, unreadable};
use crate::intake::signature::Verified;
use crate::intake::{Batch, Credential, Posted, RawWebhook, Reading, Refusal, Source, Stop};
use crate::vendors::bird::mark::{MARK, mark_of, tag};
use crate::vendors::bird::signature::{self, Signed, Terms};

mod content;
mod message;
mod second;

pub use message::Numbers;
use message::{NOT_USED, customer_text, person};

/// The direction of a customer's message.
pub(super) const INBOUND: &str = "inbound";

/// The longest code of a failure that is kept.
const CODE_MAX_CHARS: usize = 40;

/// The webhooks of one account.
pub struct Webhooks {
    /// The numbers to which customers write.
    pub numbers: Numbers,
    /// The terms on which a signature counts.
    pub terms: Arc<Terms>,
}

impl Source for Webhooks {
    fn admit(&self, _door: Door, headers: &HeaderMap) -> Result<Credential, Refusal> {
        Signed::of(headers, &self.terms).map(|signed| Credential::Seal(Box::new(signed)))
    }

    fn read(&self, posted: &Posted<'_>) -> Reading {
        match posted.door {
            Door::Carrier => {
                let read =
                    read(posted.verified, self.numbers.carrier, posted.at).unwrap_or_else(|stop| Err(stop).into());
                self.on_lines(read)
            }
            Door::Desk | Door::RecipeSend | Door::RecipeNewTicket | Door::RecipeAppend | Door::Reports => {
                Reading::unreadable("this carrier posts nothing there")
            }
        }
    }

    fn call_keys(&self, webhook: &RawWebhook) -> Vec<DedupeKey> {
        let id = signature::id(&webhook.headers);
        id.map(|id| DedupeKey::CarrierReport(format!("webhook:{id}"))).into_iter().collect()
    }
}

impl Webhooks {
    /// The same with the line of a customer's text.
    fn on_lines(&self, Reading { dedupe, outcome }: Reading) -> Reading {
        let outcome = match outcome {
            Ok(EventKind::CustomerText(text)) => self.numbers.on_its_line(text).map(EventKind::CustomerText),
            other => other,
        };
        Reading { dedupe, outcome }
    }
}

/// Reads a body of the third generation; one of the second, where that is taken, names its event otherwise.
fn read(verified: &Verified<'_>, carrier: AccountId, received_at: Timestamp) -> Result<Reading, Stop> {
    let body = fields::object(verified.body())?;
    if body.contains_key("event") && !body.contains_key("type") {
        return second::read(&body);
    }
    let Some(kind) = fields::line(&body, "type") else { return Err(unreadable("`type` names no event")) };
    let Some((channel, what)) = kind.split_once('.') else { return Err(Stop::Ignored(NOT_USED)) };
    let Some(channel) = Channel::of_word(channel) else { return Err(Stop::Ignored(NOT_USED)) };
    if what != "received" && !is_status(what) {
        return Err(Stop::Ignored(NOT_USED));
    }
    let Some(data) = body.get("data").and_then(Value::as_object) else {
        return Err(unreadable("`data` is not an object"));
    };
    let message = Message { data, channel, id: id(data, channel)? };
    if what == "received" {
        return Ok(Reading { dedupe: vec![message.key()], outcome: Ok(EventKind::CustomerText(message.text()?)) });
    }
    let at = body.get("timestamp").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let reports = message.reports(what, &kind, at.unwrap_or(received_at), carrier)?;
    let batch = match message.mark() {
        Some(_) => Batch { ours: reports, ..Batch::default() },
        None => Batch { others: reports, ..Batch::default() },
    };
    Err(Stop::Reports(batch))
}

/// A customer's message, as an entry of the list of a channel's messages shows it, with the key that its webhook has.
pub(super) fn listed(entry: &Value, channel: Channel, numbers: &Numbers) -> Option<(DedupeKey, CustomerText)> {
    let data = entry.as_object().filter(|data| data.get("direction").is_some_and(|direction| direction == INBOUND))?;
    let message = Message { data, channel, id: fields::id(data, "id").ok()?? };
    let text = message.text().and_then(|text| numbers.on_its_line(text));
    Some((message.key(), text.ok()?))
}

/// Whether it is a status that tells the bridge something. `undelivered` may clear by itself: a later `delivered` counts then.
fn is_status(what: &str) -> bool {
    const FAILURES: [&str; 5] = ["undelivered", "failed", "rejected", "expired", "canceled"];
    matches!(what, "accepted" | "sent" | "delivered" | "read") || FAILURES.contains(&what)
}

/// The id of a message, which stands under a name of its channel's.
fn id(data: &Map<String, Value>, channel: Channel) -> Result<String, Stop> {
    let name = match channel {
        Channel::Whatsapp => "whatsapp_id",
        Channel::Sms | Channel::Rcs => "sms_id",
    };
    fields::id(data, name)?.ok_or_else(|| Stop::Unreadable(format!("`{name}` is blank")))
}

/// A message in an event.
struct Message<'a> {
    data: &'a Map<String, Value>,
    channel: Channel,
    id: String,
}

impl Message<'_> {
    /// The key of a customer's message, the same by every webhook and in the list.
    fn key(&self) -> DedupeKey {
        DedupeKey::CarrierReport(format!("{}.received:{}", self.channel, self.id))
    }

    fn text(&self) -> Result<CustomerText, Stop> {
        let customer = person(self.data.get("from"))?.ok_or_else(|| unreadable("`from` names nobody"))?;
        let text = match self.channel {
            Channel::Sms | Channel::Rcs => content::of_sms(self.data)?,
            Channel::Whatsapp => content::of_whatsapp(self.data)?,
        };
        Ok(customer_text(customer, line(self.data.get("to")), text, self.channel))
    }

    /// The reports of a status: that the text went out, by the mark in it, and then the status itself.
    fn reports(&self, what: &str, kind: &str, at: Timestamp, carrier: AccountId) -> Result<Vec<Report>, Stop> {
        let customer = person(self.data.get("to"))?.unwrap_or_default();
        let report = |id: String, what| Report {
            id,
            at,
            customer: customer.clone(),
            campaign: None,
            dispatch: Some(self.id.clone()),
            line: line(self.data.get("from")),
            carrier,
            what,
        };
        let own = format!("{kind}:{}", self.id);
        let status = match what {
            "delivered" => Some(Reported::Delivered),
            "read" => Some(Reported::Read),
            "accepted" | "sent" => None,
            _ => Some(Reported::Failed(self.failure(what))),
        };
        let mark = self.mark();
        // Only the report of a send binds by its mark, and that of an earlier time may be lost or come later.
        let sent = (mark.is_some() || status.is_none()).then(|| report(format!("{own}:sent"), Reported::Sent { mark }));
        let status = status.map(|status| report(own, status));
        Ok(sent.into_iter().chain(status).collect())
    }

    /// The bridge's mark, among the tags or in the metadata.
    fn mark(&self) -> Option<Mark> {
        let tagged = self.data.get("tags").and_then(|tags| tag(tags, MARK));
        mark_of(tagged.or_else(|| self.data.get("metadata")?.get(MARK)?.as_str())?)
    }

    /// Why it did not arrive. The shape of the error is not documented: its code is looked for in the usual places, and its
    /// words are left out, because they may name a person.
    fn failure(&self, what: &str) -> Failure {
        let error = self.data.get("error");
        let within = |name: &str| error.and_then(|error| error.get(name));
        let codes = [within("code"), self.data.get("error_code"), error, self.data.get("reason")];
        let carriers = ["carrier_error_code", "meta_error_code"];
        let carriers = carriers.map(|name| within(name).or_else(|| self.data.get(name)));
        Failure {
            code: codes.into_iter().flatten().find_map(code).or_else(|| Some(what.to_owned())),
            said: carriers.into_iter().flatten().find_map(code),
            falls_back: false,
        }
    }
}

/// A code: a word without spaces.
fn code(value: &Value) -> Option<String> {
    let word = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) if number.is_u64() => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let is_plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':'));
    (is_plain && !word.is_empty() && word.len() <= CODE_MAX_CHARS).then_some(word)
}

/// Our side of a message: the number or the name of a line. A number as Bird shows it stays as it is, because no table of
/// countries' numbers is needed to compare it with the configuration's.
fn line(named: Option<&Value>) -> Option<String> {
    let number = named?.get("phone_number").or(named)?.as_str()?;
    let number = fields::one_line(number, fields::ID_MAX_CHARS)?;
    let is_shown_so = number.strip_prefix('+').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    Some(if is_shown_so { number } else { phone::normalise(&number).unwrap_or(number) })
}

#[cfg(test)]
mod tests;
