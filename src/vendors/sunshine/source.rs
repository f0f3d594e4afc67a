//! The source of Sunshine Conversations' webhooks. A body holds any number of events, of any customers.
//!
//! A customer's message becomes a text. A message of the bridge's own comes back with its mark, and tells that it is out; the
//! messages of agents and bots at Zendesk are nobody's of this bridge's and are passed over. A delivery is a report, which
//! finds its text by the message's id. A talk that is merged into another one or removed, and a phone that is blocked or goes to
//! another user, are reports as well, and so are the events of notifications. Unknown events, fields and channels are passed over, because the service adds some at
//! any time. An event that cannot be read is kept alone, and the others of its body go their way.

use http::HeaderMap;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::domain::event::{DedupeKey, EventKind};
use crate::domain::inbound::Door;
use crate::intake::fields::{self, unreadable};
use crate::intake::json::Json;
use crate::intake::signature::{Verified, by_header};
use crate::intake::{Batch, Credential, Entry, Posted, Reading, Refusal, Source, Stop};
use crate::vendors::sunshine::keys::is_id;

mod content;
mod failure;
mod fate;
mod message;
mod notification;
mod parts;
mod reader;

use message::Message;
pub(super) use message::number;
use reader::Meant;
pub use reader::Reader;

/// The header of the secret that a webhook presents.
pub const KEY: &str = "x-api-key";

/// The longest body.
const BODY_MAX: usize = 1024 * 1024;

/// The event of a message in a talk.
const MESSAGE: &str = "conversation:message";

/// An event that the bridge makes no use of.
const NOT_USED: &str = "not used";

/// The webhooks of one account.
pub struct Webhooks {
    /// The reader of its events.
    pub reader: Reader,
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

impl Webhooks {
    fn read_body(&self, verified: &Verified<'_>, at: Timestamp) -> Result<Batch, Stop> {
        let body = fields::lent(verified.body())?;
        let Some(events) = body.get("events").and_then(Json::as_list) else {
            // The first generation posts one event under `trigger`.
            return match body.get("trigger").is_some() {
                true => Ok(Batch { ours: self.reader.notification(&body, at)?, ..Batch::default() }),
                false => Err(unreadable("`events` is not a list")),
            };
        };
        let mut batch = Batch::default();
        for event in events {
            self.read_event(event, at, &mut batch);
        }
        Ok(batch)
    }

    fn read_event(&self, event: &Json<'_>, at: Timestamp, batch: &mut Batch) {
        let id = event.get("id").and_then(Json::as_str).filter(|id| is_id(id));
        let own = id.map(|id| DedupeKey::CarrierReport(format!("event:{id}")));
        let meant = match event.as_object() {
            Some(fields) => self.reader.meaning(fields, at),
            None => Err(unreadable("an event is not an object")),
        };
        let (at, kind, dedupe, is_kept) = match meant {
            Ok(Meant::Report(report)) => return batch.ours.push(report),
            Ok(Meant::Nothing) | Err(Stop::Ignored(_) | Stop::Reports(_)) => return batch.passed_over += 1,
            Ok(Meant::Text(Message { key, text, at })) => {
                let (dedupe, is_kept) = (own.into_iter().chain(key).collect(), !self.reader.has_line_of(&text));
                (at, Ok(EventKind::CustomerText(text)), dedupe, is_kept)
            }
            Err(Stop::Unreadable(cause)) => {
                // The list of the talk holds it as well.
                (at, Err(cause), own.into_iter().chain(message_key(event)).collect(), true)
            }
        };
        let alone = is_kept.then(|| json!({ "events": [Value::from(event)] }));
        batch.entries.push(Entry { at, kind, dedupe, alone });
    }
}

/// The key of the message in an event that tells of one.
fn message_key(event: &Json<'_>) -> Option<DedupeKey> {
    let id = event.get("payload")?.get("message")?.get("id")?.as_str()?;
    let is_told = is_id(id) && event.get("type")?.is(MESSAGE);
    is_told.then(|| message::key(id))
}

#[cfg(test)]
mod tests;
