//! Braze's REST API, as far as the bridge needs it. Never chooses a text or its recipient: the worker does.
//!
//! Facts are from <https://www.braze.com/docs/api/> and from recorded traffic. Braze has no idempotency for messages: a
//! send whose answer was lost may have gone out ([`Failure::Lose`]), and [`Braze::receipts`] finds out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use crate::clock::Clock;
use crate::domain::breaker::Breaker;
use crate::domain::budget::{Budgets, Level, Reached, UserKey};
use crate::domain::cause;
use crate::domain::lanes::Need;
use crate::domain::refusals::Object;
use crate::ports::Failure;
use crate::vendors::braze;
use crate::vendors::braze::limits::{self, LIMITS};
use crate::vendors::http::exchange::{Answer, Effect, Exchange, Request, secret_header};
use crate::vendors::http::{Held, Transport, error_phrases};

pub mod details;

/// The profile attribute that a send writes beside the text, so that a later look can tell whether it went out. On a further
/// line of the customer's its name goes on with an underscore and digits.
pub const RECEIPT_ATTRIBUTE: &str = "tandem_receipt";

/// Braze's address and tandem's credential.
pub struct BrazeOptions {
    /// The REST host of the workspace, such as `https://rest.iad-01.braze.com`.
    pub url: Url,
    /// A REST API key.
    pub api_key: SecretString,
}

/// A client for one Braze workspace.
pub struct Braze {
    exchange: Exchange,
    api_key: RwLock<SecretString>,
}

/// A message that Braze accepted. It may still never reach a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Braze's name for the send; absent when Braze only queued the request, as it does during maintenance.
    pub dispatch_id: Option<String>,
}

/// A customer's name at Braze.
#[derive(Clone, PartialEq, Eq)]
pub enum Recipient {
    /// The external user id.
    External(String),
    /// Braze's own id; the only one that an anonymous profile has.
    Braze(String),
}

impl Braze {
    /// A client with budgets of its own; nothing is called yet.
    #[must_use]
    pub fn new(options: BrazeOptions, transport: Arc<dyn Transport>, clock: Clock) -> Self {
        let exchange = Exchange {
            vendor: "Braze",
            base: options.url,
            transport,
            budgets: Arc::new(Mutex::new(Budgets::new(&LIMITS))),
            told: limits::told,
            breaker: Mutex::default(),
            clock,
            tells_time: false,
            held: None,
        };
        Self { exchange, api_key: RwLock::new(options.api_key) }
    }

    /// Uses another key from the next call on.
    pub fn set_api_key(&self, api_key: SecretString) {
        *self.api_key.write().unwrap_or_else(PoisonError::into_inner) = api_key;
    }

    /// The same client, which makes no call while this returns true.
    #[must_use]
    pub fn held_while(mut self, held: Held) -> Self {
        self.exchange.held = Some(held);
        self
    }

    /// The calls left under each of Braze's limits.
    #[must_use]
    pub fn levels(&self) -> Vec<Level> {
        self.exchange.levels()
    }

    /// The limits of Braze that hold calls back now.
    #[must_use]
    pub fn reached(&self) -> Vec<Reached> {
        self.exchange.reached()
    }

    /// When the rate budget has room for work with this need; `None` means now.
    #[must_use]
    pub fn opens_for(&self, need: Need) -> Option<Timestamp> {
        self.exchange.opens_for(need)
    }

    /// Reads or changes Braze's breaker.
    pub fn with_breaker<T>(&self, look: impl FnOnce(&mut Breaker) -> T) -> T {
        self.exchange.with_breaker(look)
    }

    /// Sends one message through an API-triggered campaign. `body` is the whole request, with one recipient, because
    /// Braze sends one message only to a recipient who stands twice in a request.
    ///
    /// # Errors
    /// [`Failure::Forbid`] with [`Object::Campaign`] when the campaign does not exist, is archived or is paused, and
    /// with [`Object::Recipient`] for any other refusal that may be of this message alone. [`Failure::GiveUp`] also
    /// when Braze accepted the request but reported problems: the message may have gone out, so a repetition could
    /// reach the customer twice. [`Failure::Broke`] where Braze failed with the request in hand.
    pub async fn trigger_send(&self, body: &Value) -> Result<Sent, Failure> {
        let request = Request::post(limits::SEND, Effect::Lasting, "/campaigns/trigger/send", body)
            .about(Object::Recipient(recipient_key(&body["recipients"][0])));
        let (answer, json) = self.call(&request).await?;
        let message = json["message"].as_str();
        let reject = |what: &str| {
            let status = answer.status.as_u16();
            let said =
                error_phrases::behind(what, &braze::error_phrases::said(Some(&json), status, &request.personal()));
            self.exchange.hear(&request, &answer);
            Failure::GiveUp { cause: error_phrases::cause("Braze", status, &said) }
        };
        if !is_empty(&json["errors"]) {
            return Err(reject(cause::WITH_PROBLEMS));
        }
        match message {
            Some(word) if word.eq_ignore_ascii_case("success") || word.eq_ignore_ascii_case("queued") => {
                Ok(Sent { dispatch_id: json["dispatch_id"].as_str().filter(|id| !id.is_empty()).map(str::to_owned) })
            }
            Some(_) => Err(reject(cause::NOT_SENT)),
            None => Err(self.exchange.unreadable(&request, &answer, "no message")),
        }
    }

    /// The receipts that the last sends wrote on the customer's profile, by attribute: one for each line of ours. None for a
    /// profile without any, or without a profile. Profiles become consistent only after a moment, so look twice.
    ///
    /// # Errors
    /// As for every read. [`Failure::Forbid`] when the key lacks `users.export.ids`.
    pub async fn receipts(&self, recipient: &Recipient) -> Result<BTreeMap<String, String>, Failure> {
        let fields = json!(["external_id", "braze_id", "custom_attributes"]);
        let (key, id, body) = match recipient {
            Recipient::External(id) => ("external_id", id, json!({"external_ids": [id], "fields_to_export": fields})),
            Recipient::Braze(id) => ("braze_id", id, json!({"braze_id": id, "fields_to_export": fields})),
        };
        let request = Request::post(limits::EXPORT, Effect::None, "/users/export/ids", &body)
            .about(Object::Recipient(UserKey::of(id)));
        let (answer, json) = self.call(&request).await?;
        let Some(users) = json["users"].as_array() else {
            return Err(self.exchange.unreadable(&request, &answer, "no list of users"));
        };
        let user = users.iter().find(|user| user[key] == **id);
        let attributes = user.and_then(|user| user["custom_attributes"].as_object()).into_iter().flatten();
        let receipts = attributes.filter(|(name, _)| name.starts_with(RECEIPT_ATTRIBUTE));
        Ok(receipts.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect())
    }

    /// Whether the customer is subscribed to this SMS subscription group; `None` when Braze does not know, and for a
    /// recipient without external id, because Braze takes no other id here.
    ///
    /// # Errors
    /// As for every read. [`Failure::GiveUp`] for a group that does not exist.
    pub async fn subscription(&self, group: &str, recipient: &Recipient) -> Result<Option<bool>, Failure> {
        let Recipient::External(id) = recipient else { return Ok(None) };
        let request = Request::get(limits::READ, "/subscription/status/get")
            .query("subscription_group_id", group)
            .query("external_id[]", id.as_str());
        let (answer, json) = self.call(&request).await?;
        let Some(statuses) = json["status"].as_object() else {
            return Err(self.exchange.unreadable(&request, &answer, "no status"));
        };
        // Documented capitalised, recorded in lower case.
        let status = statuses.get(id).and_then(Value::as_str).map(str::to_ascii_lowercase);
        Ok(match status.as_deref() {
            Some("subscribed") => Some(true),
            Some("unsubscribed") => Some(false),
            _ => None,
        })
    }

    /// Makes the call once and returns a success with its JSON object.
    async fn call(&self, request: &Request) -> Result<(Answer, Value), Failure> {
        let unusable = || Failure::Pause { cause: "the API key cannot be sent".into(), status: 401 };
        let api_key = self.api_key.read().unwrap_or_else(PoisonError::into_inner).clone();
        let header = secret_header(&format!("Bearer {}", api_key.expose_secret())).ok_or_else(unusable)?;
        let mut answer = self.exchange.ask(request, header).await?;
        if !answer.status.is_success() {
            self.exchange.hear(request, &answer);
            return Err(self.failure(request, &answer));
        }
        match answer.json.take() {
            Some(json) if json.is_object() => Ok((answer, json)),
            _ => Err(self.exchange.unreadable(request, &answer, "no JSON object")),
        }
    }

    /// The failure for a status, by Braze's meanings: <https://www.braze.com/docs/api/errors/>.
    fn failure(&self, request: &Request, answer: &Answer) -> Failure {
        let status = answer.status.as_u16();
        let said = braze::error_phrases::said(answer.json.as_ref(), status, &request.personal());
        let message = answer.json.as_ref().and_then(|json| json["message"].as_str()).unwrap_or_default();
        match status {
            // A wrong address, or in Braze's older answers an unknown key.
            404 => self.exchange.forbidden(request, status, error_phrases::cause("Braze", status, &said)),
            400 if is_about_key(message) => {
                Failure::Pause { cause: error_phrases::cause("Braze", status, &said), status }
            }
            400 if is_about_campaign(message) => {
                let campaign = request.campaign().unwrap_or_default();
                let cause = format!("{} {}{campaign})", error_phrases::cause("Braze", status, &said), cause::CAMPAIGN);
                Failure::Forbid { cause, status, object: Object::Campaign(campaign) }
            }
            // The only 5xx that is surely before any effect: the request did not reach Braze's own machines.
            502 => Failure::Retry {
                cause: error_phrases::cause("Braze", status, &said),
                after: self.exchange.hint(answer),
            },
            _ => self.exchange.failure(request, answer, &said),
        }
    }
}

/// Whether a 400 is about the campaign rather than this one message. Braze has no codes, so the check looks for its
/// documented words.
fn is_about_campaign(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("campaign")
        && ["invalid campaign id", "not exist", "archived", "paused", "api identifier", "valid campaign"]
            .iter()
            .any(|words| message.contains(words))
}

/// Whether a 400 is about the key, by Braze's documented words.
fn is_about_key(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["authenticating credentials", "whitelisted ip", "permission"].iter().any(|words| message.contains(words))
}

/// A digest in place of the recipient of a send.
fn recipient_key(recipient: &Value) -> UserKey {
    let id = |name: &str| recipient[name].as_str();
    UserKey::of(id("external_user_id").or_else(|| id("braze_id")).unwrap_or_default())
}

/// Braze's `errors` are a list of texts or of objects, and usually absent.
fn is_empty(errors: &Value) -> bool {
    match errors {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests;
