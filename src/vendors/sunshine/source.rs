//! The source of Sunshine Conversations' webhooks. A body holds any number of events, of any customers.
//!
//! A customer's message becomes a text. A message of the bridge's own comes back with its mark, and tells that it is out; the
//! messages of agents and bots at Zendesk are nobody's of this bridge's and are passed over. A delivery is a report, which
//! finds its text by the message's id. Unknown events, fields and channels are passed over, because the service adds some at
//! any time. An event that cannot be read is kept alone, and the others of its body go their way.

use http::HeaderMap;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use crate::domain::account::AccountId;
use crate::domain::event::{DedupeKey, EventKind, TicketId};
use crate::domain::inbound::Door;
use crate::domain::line::{Channel, Lines};
use crate::domain::receipt::{Mark, Report, Reported};
use crate::intake::fields::{self, unreadable};
use crate::intake::signature::{Verified, by_header};
use crate::intake::{Batch, Credential, Entry, Posted, Reading, Refusal, Source, Stop};
use crate::vendors::sunshine::keys::is_id;
use crate::vendors::sunshine::{MARK, TICKET};

mod content;
mod failure;
mod message;
mod parts;

use message::Message;
pub(super) use message::number;
use parts::{OnLine, id, time, within};

/// The header of the secret that a webhook presents.
pub const KEY: &str = "x-api-key";

/// The longest body.
const BODY_MAX: usize = 1024 * 1024;

/// An event that the bridge makes no use of.
const NOT_USED: &str = "not used";

/// The webhooks of one account.
pub struct Webhooks {
    /// The account.
    pub account: AccountId,
    /// The lines.
    pub lines: Lines,
    /// The secrets of its webhooks. An empty secret matches nothing.
    pub secrets: Vec<SecretString>,
}

impl Source for Webhooks {
    fn body_max(&self, _door: Door) -> usize {
        BODY_MAX
    }

    fn admit(&self, _door: Door, headers: &HeaderMap) -> Result<Credential, Refusal> {
        by_header(headers, KEY, &self.secrets).map(Credential::Token)
    }

    fn asks_again(&self) -> bool {
        true
    }

    fn read(&self, posted: &Posted<'_>) -> Reading {
        match posted.door {
            Door::Carrier => self.read_body(posted.verified, posted.at).map_or_else(|stop| Err(stop).into(), reports),
            Door::Desk | Door::RecipeSend | Door::RecipeNewTicket | Door::RecipeAppend | Door::Reports => {
                Reading::unreadable("this carrier posts nothing there")
            }
        }
    }
}

fn reports(batch: Batch) -> Reading {
    Err(Stop::Reports(batch)).into()
}

/// The meaning of one event.
enum Meant {
    Text(Message),
    /// A report about a text of this bridge's, or about one that may be.
    Report(Report),
    /// Nothing to this bridge.
    Nothing,
}

impl Webhooks {
    fn read_body(&self, verified: &Verified<'_>, at: Timestamp) -> Result<Batch, Stop> {
        let mut body = fields::object(verified.body())?;
        let Some(Value::Array(events)) = body.remove("events") else {
            // The first generation posts one event under `trigger`.
            return Err(match body.contains_key("trigger") {
                true => Stop::Ignored(NOT_USED),
                false => unreadable("`events` is not a list"),
            });
        };
        let mut batch = Batch::default();
        for event in events {
            self.read_event(event, at, &mut batch);
        }
        Ok(batch)
    }

    fn read_event(&self, event: Value, at: Timestamp, batch: &mut Batch) {
        let id = event.get("id").and_then(Value::as_str).filter(|id| is_id(id));
        let own = id.map(|id| DedupeKey::CarrierReport(format!("event:{id}")));
        let meant = match event.as_object() {
            Some(fields) => self.meaning(fields, at),
            None => Err(unreadable("an event is not an object")),
        };
        let entry = match meant {
            Ok(Meant::Report(report)) => return batch.ours.push(report),
            Ok(Meant::Nothing) | Err(Stop::Ignored(_) | Stop::Reports(_)) => return batch.passed_over += 1,
            Ok(Meant::Text(Message { key, text, at })) => {
                let dedupe = own.into_iter().chain(key).collect();
                (at, Ok(EventKind::CustomerText(text)), dedupe)
            }
            Err(Stop::Unreadable(cause)) => (at, Err(cause), own.into_iter().collect()),
        };
        let (at, kind, dedupe) = entry;
        let alone = json!({ "events": [event] }).to_string().into_bytes();
        batch.entries.push(Entry { at, kind, dedupe, alone });
    }

    fn meaning(&self, event: &Map<String, Value>, at: Timestamp) -> Result<Meant, Stop> {
        let Some(kind) = fields::line(event, "type") else { return Err(unreadable("`type` names no event")) };
        let at = time(event.get("createdAt")).unwrap_or(at);
        let payload = || within(event, "payload").ok_or_else(|| unreadable("`payload` is not an object"));
        match kind.as_str() {
            "conversation:message" => self.message(payload()?, at),
            "conversation:postback" => self.postback(payload()?, at),
            "conversation:message:delivery:channel" => self.delivery(event, Reported::Sent { mark: None }, at),
            "conversation:message:delivery:user" => self.delivery(event, Reported::Delivered, at),
            "conversation:message:delivery:failure" => {
                let why = failure::of(payload()?.get("error"));
                self.delivery(event, Reported::Failed(why), at)
            }
            _ => Ok(Meant::Nothing),
        }
    }

    fn message(&self, payload: &Map<String, Value>, at: Timestamp) -> Result<Meant, Stop> {
        let message = within(payload, "message").ok_or_else(|| unreadable("`message` is not an object"))?;
        let id = id(message, "id")?;
        let author = within(message, "author").ok_or_else(|| unreadable("`author` is not an object"))?;
        match fields::line(author, "type").as_deref() {
            Some("user") => {}
            Some(_) => return Ok(self.own(&id, message, payload, at)),
            None => return Err(unreadable("`author.type` is blank")),
        }
        if message.get("deleted").is_some_and(|deleted| deleted == true) {
            return Ok(Meant::Nothing);
        }
        let source = within(message, "source");
        let Some(line) = self.line(source)? else { return Ok(Meant::Nothing) };
        let at = source
            .and_then(|source| time(source.get("originalMessageTimestamp")))
            .or(time(message.get("received")))
            .unwrap_or(at);
        let customer = message::customer(&thread(payload)?, author, source)?;
        let (text, media) = content::of(within(message, "content"))?;
        Ok(Meant::Text(Message::new(Some(format!("message:{id}")), customer, line, (text, media), ticket(payload), at)))
    }

    /// A message of a business: the bridge's own, which tells that it is out, or another's.
    fn own(&self, id: &str, message: &Map<String, Value>, payload: &Map<String, Value>, at: Timestamp) -> Meant {
        let mark = message.get("metadata").and_then(|metadata| metadata.get(MARK)).and_then(Value::as_str);
        let mark: Option<Mark> = mark.and_then(|mark| mark.parse().ok());
        let Some(mark) = mark else { return Meant::Nothing };
        Meant::Report(Report {
            id: format!("message:{id}"),
            at: time(message.get("received")).unwrap_or(at),
            customer: message::talk(thread(payload).ok()),
            campaign: None,
            dispatch: Some(id.to_owned()),
            line: None,
            carrier: self.account,
            what: Reported::Sent { mark: Some(mark) },
        })
    }

    /// A tap on a button, which is no message.
    fn postback(&self, payload: &Map<String, Value>, at: Timestamp) -> Result<Meant, Stop> {
        let Some(line) = self.line(within(payload, "source"))? else { return Ok(Meant::Nothing) };
        let user = within(payload, "user").ok_or_else(|| unreadable("`user` is not an object"))?;
        let author = Map::from_iter([("user".to_owned(), Value::Object(user.clone()))]);
        let customer = message::customer(&thread(payload)?, &author, within(payload, "source"))?;
        let tapped = within(payload, "postback").and_then(|postback| fields::line(postback, "payload"));
        let words = format!("[The customer tapped a button: {}]", tapped.as_deref().unwrap_or("it has no name"));
        Ok(Meant::Text(Message::new(None, customer, line, (words, Vec::new()), ticket(payload), at)))
    }

    fn delivery(&self, event: &Map<String, Value>, what: Reported, at: Timestamp) -> Result<Meant, Stop> {
        let payload = within(event, "payload").ok_or_else(|| unreadable("`payload` is not an object"))?;
        let message = within(payload, "message").ok_or_else(|| unreadable("`message` is not an object"))?;
        let message = id(message, "id")?;
        let destination = within(payload, "destination");
        // The other channels of the app are not this bridge's.
        let line = match self.line(destination) {
            Ok(Some(line)) => line.integration,
            Err(Stop::Unreadable(_)) => destination.and_then(|destination| fields::line(destination, "integrationId")),
            Ok(None) | Err(Stop::Ignored(_) | Stop::Reports(_)) => return Ok(Meant::Nothing),
        };
        let mut customer = message::talk(thread(payload).ok());
        customer.carrier_id = within(payload, "user").and_then(|user| id(user, "id").ok());
        let own = id(event, "id").unwrap_or_else(|_| format!("{}:{message}", what.name()));
        Ok(Meant::Report(Report {
            id: format!("delivery:{own}"),
            at,
            customer,
            campaign: None,
            dispatch: Some(message),
            line,
            carrier: self.account,
            what,
        }))
    }

    /// The line of a channel's integration; `None` for a channel that is not this bridge's.
    ///
    /// # Errors
    /// A WhatsApp message to an integration that is no line, because its answer would leave by another channel.
    fn line(&self, source: Option<&Map<String, Value>>) -> Result<Option<OnLine>, Stop> {
        let Some(source) = source else { return Err(unreadable("`source` is not an object")) };
        let integration = fields::line(source, "integrationId");
        let configured = self.lines.of_carrier(self.account);
        let configured = integration.as_deref().and_then(|told| configured.into_iter().find(|line| line.is_at(told)));
        if let Some(line) = configured {
            return Ok(Some(OnLine { integration, channel: line.channel }));
        }
        match fields::line(source, "type").as_deref() {
            Some("twilio" | "messagebird") => Ok(Some(OnLine { integration, channel: Channel::Sms })),
            Some("whatsapp") => Err(Stop::Unreadable(format!(
                "a WhatsApp message came over an integration of which the configuration has no line: describe one with \
                 carrier = \"{}\", channel = \"whatsapp\" and the integration's id as its address",
                self.account
            ))),
            Some(_) | None => Ok(None),
        }
    }
}

/// The name of the talk.
fn thread(payload: &Map<String, Value>) -> Result<String, Stop> {
    let conversation = within(payload, "conversation").ok_or_else(|| unreadable("`conversation` is not an object"))?;
    id(conversation, "id")
}

/// The ticket that the bridge has noted on the talk.
fn ticket(payload: &Map<String, Value>) -> Option<TicketId> {
    let noted = within(within(payload, "conversation")?, "metadata")?.get(TICKET)?;
    noted.as_str()?.parse().ok().map(TicketId)
}

#[cfg(test)]
mod tests;
