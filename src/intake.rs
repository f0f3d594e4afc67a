//! From a raw webhook to an event, as a pure function.
//!
//! [`read`] verifies the raw bytes first ([`signature`]) and only then looks inside. It never stores, answers or logs,
//! and it never guesses a text's sender. A body from a verified sender that cannot be read is kept whole for the
//! operator ([`Intake::Quarantined`]), with a cause that quotes none of it.
//!
//! The shapes of the bodies: [`zendesk`] and [`braze`] for the bridge's own triggers and campaigns, [`recipe`] for the
//! published Zendesk–Braze recipe.

mod braze;
mod fields;
mod form;
mod lenient_json;
mod recipe;
pub mod signature;
mod zendesk;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Uri};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use sha2::{Digest, Sha256};

use self::signature::Verified;
pub use self::zendesk::CHECK_EVENT;
use crate::domain::event::{DedupeKey, Event, EventKind, Unreadable};
use crate::domain::inbound::Door;

/// Names one call of a Zendesk webhook, and is the same for every attempt of it. Opaque.
const ZENDESK_INVOCATION: &str = "x-zendesk-webhook-invocation-id";

/// The longest invocation id that is indexed. Zendesk's have 26 characters today.
const INVOCATION_MAX_BYTES: usize = 200;

/// A webhook as it was received. It has no `Debug` form, because every part of it may be secret or personal.
pub struct RawWebhook {
    /// The endpoint that it was posted to.
    pub endpoint: Endpoint,
    /// The HTTP method.
    pub method: Method,
    /// The address as received; only its path is read.
    pub uri: Uri,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, bounded by the receiver.
    pub body: Bytes,
    /// When the whole of it was received.
    pub received_at: Timestamp,
}

/// An endpoint for webhooks, with the part of the path that carries data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/webhooks/zendesk`.
    Zendesk,
    /// `/webhooks/braze`.
    Braze,
    /// `/campaigns/trigger/send`: the recipe's Zendesk triggers.
    RecipeSend,
    /// `/api/v2/tickets[.json]`: the recipe's first Braze campaign.
    RecipeNewTicket,
    /// `/api/v2/tickets/{ticket}[.json]`: the recipe's second Braze campaign.
    RecipeAppend {
        /// The path's last segment as received: perhaps empty, perhaps with `.json`.
        ticket: String,
    },
}

impl Endpoint {
    /// The door that a path leads to.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let path = path.split_once('?').map_or(path, |(path, _query)| path);
        Some(match path {
            "/webhooks/zendesk" => Self::Zendesk,
            "/webhooks/braze" => Self::Braze,
            // The recipe's own page spells it both ways.
            "/campaigns/trigger/send" | "/campaign/trigger/send" => Self::RecipeSend,
            "/api/v2/tickets" | "/api/v2/tickets.json" => Self::RecipeNewTicket,
            _ => {
                let ticket = path.strip_prefix("/api/v2/tickets/").filter(|ticket| !ticket.contains('/'))?;
                Self::RecipeAppend { ticket: ticket.to_owned() }
            }
        })
    }

    /// The endpoint without the data in its path.
    #[must_use]
    pub fn door(&self) -> Door {
        match self {
            Self::Zendesk => Door::Zendesk,
            Self::Braze => Door::Braze,
            Self::RecipeSend => Door::RecipeSend,
            Self::RecipeNewTicket => Door::RecipeNewTicket,
            Self::RecipeAppend { .. } => Door::RecipeAppend,
        }
    }

    /// Whether Zendesk posts here; otherwise Braze does.
    #[must_use]
    pub fn is_zendesk(&self) -> bool {
        self.door().is_zendesk()
    }
}

/// The part of the configuration that the intake needs.
#[derive(Clone, Debug)]
pub struct IntakeOptions {
    /// Zendesk's signing secrets; several during a rotation. An empty secret matches nothing.
    pub zendesk_secrets: Vec<SecretString>,
    /// How far the signature's timestamp may be from now, either way.
    pub zendesk_tolerance: Duration,
    /// The tokens that Braze's webhook campaigns may present. An empty token matches nothing.
    pub braze_tokens: Vec<SecretString>,
    /// The recipe's custom user field, which holds the customer's external id.
    pub user_field: String,
}

/// The result of reading a webhook.
#[derive(Debug, PartialEq, Eq)]
pub enum Intake {
    /// A new event.
    Event {
        /// The event.
        event: Event,
        /// The keys that identify a repeat of this webhook.
        dedupe: Vec<DedupeKey>,
    },
    /// Authentic, but nothing to do.
    Ignored {
        /// Why, in the words of the answer.
        reason: &'static str,
    },
    /// Authentic, but unreadable.
    Quarantined {
        /// The body, kept whole: always [`EventKind::Unreadable`].
        event: Event,
        /// The reason, in words that quote none of it.
        cause: String,
        /// The keys that identify a repeat of this webhook.
        dedupe: Vec<DedupeKey>,
    },
    /// Not authentic.
    Refused {
        /// The reason, for metrics only, because the sender gets the same answer for every reason.
        why: Refusal,
    },
}

/// Why a webhook was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No signature, or no timestamp to it.
    MissingSignature,
    /// The signature matches no configured secret.
    WrongSignature,
    /// The signature is right, but the timestamp is not a time.
    BadTimestamp,
    /// The signature is right, but too old or too far ahead.
    Stale,
    /// No token.
    MissingToken,
    /// The token is not a configured one.
    WrongToken,
}

impl Refusal {
    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingSignature => "missing_signature",
            Self::WrongSignature => "wrong_signature",
            Self::BadTimestamp => "bad_timestamp",
            Self::Stale => "stale",
            Self::MissingToken => "missing_token",
            Self::WrongToken => "wrong_token",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Checks the headers alone, before the body is awaited. For Braze it checks the token, for Zendesk only the presence
/// and the form of a signature, because the signature itself covers the body ([`read`]).
///
/// # Errors
/// The reason to refuse the webhook without its body.
pub fn glance(endpoint: &Endpoint, headers: &HeaderMap, options: &IntakeOptions) -> Result<(), Refusal> {
    if endpoint.is_zendesk() { signature::seal(headers).map(|_| ()) } else { signature::check_token(headers, options) }
}

/// Verifies a webhook and reads it.
#[must_use]
pub fn read(webhook: &RawWebhook, options: &IntakeOptions) -> Intake {
    let verified = if webhook.endpoint.is_zendesk() {
        signature::verify_zendesk(webhook, options)
    } else {
        signature::verify_braze(webhook, options)
    };
    let verified = match verified {
        Ok(verified) => verified,
        Err(why) => return Intake::Refused { why },
    };
    let mut reading = read_verified(&verified, &webhook.endpoint, options);
    if webhook.endpoint.is_zendesk() {
        reading.dedupe.splice(0..0, zendesk_keys(webhook));
    }
    let kept = || Unreadable {
        path: webhook.uri.path().to_owned(),
        method: webhook.method.to_string(),
        content_type: webhook.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned),
        body: STANDARD.encode(&webhook.body),
    };
    reading.into_intake(webhook.received_at, kept)
}

/// Reads a quarantined body again, after the configuration or the bridge was mended. It was verified when it came, so
/// it is not verified again, and its timestamp may have any age.
///
/// The dedupe keys are those of the body alone, because the quarantined event holds those of the headers already.
#[must_use]
pub fn reread(unreadable: &Unreadable, received_at: Timestamp, options: &IntakeOptions) -> Intake {
    let reading = match (Endpoint::of_path(&unreadable.path), STANDARD.decode(&unreadable.body)) {
        (Some(endpoint), Ok(body)) => read_verified(&Verified::when_it_came(&body), &endpoint, options),
        (None, _) => Reading::unreadable("nothing is read at the path that it was posted to"),
        (_, Err(_)) => Reading::unreadable("the kept body is not base64"),
    };
    reading.into_intake(received_at, || unreadable.clone())
}

/// The path that a body is most likely meant for, by its keys alone. It serves people who try a body out; a real
/// webhook has a path.
#[must_use]
pub fn likely_path(body: &[u8]) -> &'static str {
    let Ok(object) = fields::object(body) else { return "/webhooks/braze" };
    let has = |key: &str, is: fn(&Value) -> bool| object.get(key).is_some_and(is);
    if has("event", Value::is_string) {
        "/webhooks/zendesk"
    } else if has("recipients", Value::is_array) {
        "/campaigns/trigger/send"
    } else if has("ticket", Value::is_object) {
        "/api/v2/tickets"
    } else {
        "/webhooks/braze"
    }
}

fn read_verified(verified: &Verified<'_>, endpoint: &Endpoint, options: &IntakeOptions) -> Reading {
    match endpoint {
        Endpoint::Zendesk => zendesk::read(verified),
        Endpoint::Braze => braze::read(verified),
        Endpoint::RecipeSend => recipe::read_send(verified),
        Endpoint::RecipeNewTicket => recipe::read_new_ticket(verified, &options.user_field),
        Endpoint::RecipeAppend { ticket } => recipe::read_append(verified, ticket),
    }
}

/// The result of a reader.
struct Reading {
    dedupe: Vec<DedupeKey>,
    outcome: Result<EventKind, Stop>,
}

/// The reason why a body does not become an event of its own.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    Ignored(&'static str),
    Unreadable(String),
}

impl Reading {
    fn unreadable(cause: &str) -> Self {
        Self { dedupe: Vec::new(), outcome: Err(Stop::Unreadable(cause.to_owned())) }
    }

    fn into_intake(self, received_at: Timestamp, kept: impl FnOnce() -> Unreadable) -> Intake {
        let dedupe = self.dedupe;
        match self.outcome {
            Ok(kind) => Intake::Event { event: Event { received_at, kind }, dedupe },
            Err(Stop::Ignored(reason)) => Intake::Ignored { reason },
            Err(Stop::Unreadable(cause)) => {
                let event = Event { received_at, kind: EventKind::Unreadable(kept()) };
                Intake::Quarantined { event, cause, dedupe }
            }
        }
    }
}

impl From<Result<EventKind, Stop>> for Reading {
    fn from(outcome: Result<EventKind, Stop>) -> Self {
        Self { dedupe: Vec::new(), outcome }
    }
}

/// The dedupe keys of one call of a Zendesk webhook: its invocation id, which every attempt repeats under a new
/// signature, and the signed bytes. The signature does not cover the invocation id, so a recorded request may come
/// again under another id.
fn zendesk_keys(webhook: &RawWebhook) -> impl Iterator<Item = DedupeKey> {
    let invocation = webhook
        .headers
        .get(ZENDESK_INVOCATION)
        .and_then(|value| value.to_str().ok())
        .map(str::trim)
        .filter(|id| !id.is_empty() && id.len() <= INVOCATION_MAX_BYTES);
    let invocation = invocation.map(|id| DedupeKey::ZendeskInvocation(id.to_owned()));
    invocation.into_iter().chain([DedupeKey::ZendeskRequest(signed_digest(webhook))])
}

/// SHA-256 over the timestamp and the body, in the signed order, in hexadecimal.
fn signed_digest(webhook: &RawWebhook) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut hasher = Sha256::new();
    if let Some(timestamp) = webhook.headers.get(signature::ZENDESK_TIMESTAMP) {
        hasher.update(timestamp.as_bytes());
    }
    hasher.update(&webhook.body);
    let digest = hasher.finalize();
    let mut text = String::with_capacity(2 * digest.len());
    text.extend(digest.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]));
    text
}

#[cfg(test)]
mod tests;
