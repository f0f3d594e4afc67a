//! From a raw webhook to an event, as a pure function.
//!
//! [`read`] first has the raw bytes verified ([`signature`]) and only then looks inside. It never stores, never
//! answers, never logs, and never guesses who a text is from: a body that its sender may have meant but that nobody
//! can read is kept whole for the operator ([`Intake::Quarantined`]), with a cause that quotes nothing of it.
//!
//! The shapes of the bodies: [`zendesk`] and [`braze`] for our own, [`recipe`] for the published Zendesk–Braze recipe.

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

/// Names one call of a Zendesk webhook; the same for every attempt of it. Opaque.
const ZENDESK_INVOCATION: &str = "x-zendesk-webhook-invocation-id";

/// An invocation id is 26 characters today. A longer one than this is not one that we want in an index.
const INVOCATION_MAX_BYTES: usize = 200;

/// A webhook as it was received. It has no `Debug` form, because every part of it may be secret or personal.
pub struct RawWebhook {
    /// What it was posted to.
    pub endpoint: Endpoint,
    /// The HTTP method.
    pub method: Method,
    /// The address as received; of it only the path is looked at.
    pub uri: Uri,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, bounded by whoever received it.
    pub body: Bytes,
    /// When it was received, with the whole of its body.
    pub received_at: Timestamp,
}

/// The doors.
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
            // The recipe's page spells it both ways.
            "/campaigns/trigger/send" | "/campaign/trigger/send" => Self::RecipeSend,
            "/api/v2/tickets" | "/api/v2/tickets.json" => Self::RecipeNewTicket,
            _ => {
                let ticket = path.strip_prefix("/api/v2/tickets/").filter(|ticket| !ticket.contains('/'))?;
                Self::RecipeAppend { ticket: ticket.to_owned() }
            }
        })
    }

    /// The endpoint without what its path carries.
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

    /// Whether Zendesk is the one who calls here; otherwise Braze is.
    #[must_use]
    pub fn is_zendesk(&self) -> bool {
        self.door().is_zendesk()
    }
}

/// What the intake needs of the configuration.
#[derive(Clone, Debug)]
pub struct IntakeOptions {
    /// Zendesk's signing secrets; several while one is being rotated. None, or an empty one, matches nothing.
    pub zendesk_secrets: Vec<SecretString>,
    /// How far the signature's timestamp may be from now, either way.
    pub zendesk_tolerance: Duration,
    /// The tokens that Braze's webhook campaigns may present. None, or an empty one, matches nothing.
    pub braze_tokens: Vec<SecretString>,
    /// The recipe's custom user field, which holds the customer's external id.
    pub user_field: String,
}

/// What a webhook turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Intake {
    /// Something to do.
    Event {
        /// What.
        event: Event,
        /// The facts by which the same webhook is known again.
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
        /// What is wrong with it, in words that quote nothing of it.
        cause: String,
        /// The facts by which the same webhook is known again.
        dedupe: Vec<DedupeKey>,
    },
    /// Not authentic.
    Refused {
        /// For metrics only: the sender is told the same words for every cause.
        why: Refusal,
    },
}

/// Why a webhook was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No signature, or no timestamp to it.
    MissingSignature,
    /// The signature is not one of ours.
    WrongSignature,
    /// Rightly signed, but the timestamp is not a time.
    BadTimestamp,
    /// Rightly signed, but too long ago or too far ahead.
    Stale,
    /// No token.
    MissingToken,
    /// The token is not one of ours.
    WrongToken,
}

impl Refusal {
    /// The word for it in metrics.
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

/// What the headers alone tell, before a body is waited for: Braze's token is in them, and Zendesk's signature is there
/// and has the form of one. Whether it is the right one only the body tells ([`read`]).
///
/// # Errors
/// Why it can be turned away without its body.
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

/// Reads a quarantined body again, after a mend on our side. It was verified when it came, so it is not verified now,
/// and its timestamp may be as old as it likes.
///
/// The dedupe keys are those that the body itself names; what stood in the headers is already held by the
/// quarantined event.
#[must_use]
pub fn reread(unreadable: &Unreadable, received_at: Timestamp, options: &IntakeOptions) -> Intake {
    let reading = match (Endpoint::of_path(&unreadable.path), STANDARD.decode(&unreadable.body)) {
        (Some(endpoint), Ok(body)) => read_verified(&Verified::when_it_came(&body), &endpoint, options),
        (None, _) => Reading::unreadable("nothing is read at the path that it was posted to"),
        (_, Err(_)) => Reading::unreadable("the kept body is not base64"),
    };
    reading.into_intake(received_at, || unreadable.clone())
}

/// The path that a body is most likely meant for, by its keys alone: for people who try a body out. A webhook says
/// itself where it was posted.
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

/// What a reader made of a body.
struct Reading {
    dedupe: Vec<DedupeKey>,
    outcome: Result<EventKind, Stop>,
}

/// Why a body does not become an event of its own.
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

/// The dedupe keys of one call of a Zendesk webhook: its invocation id, which every attempt of it repeats under a new
/// signature, and always the bytes that were signed. The signature does not cover the invocation id, so a recorded
/// request may come again under any other.
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

/// SHA-256 over the timestamp and the body, one after the other as they were signed, in hexadecimal.
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
