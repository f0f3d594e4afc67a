//! The sources of webhooks: which vendor's reader verifies and reads a webhook, by its endpoint. Pure.
//!
//! [`read`] verifies the raw bytes first ([`signature`]) and only then looks inside. It never stores, answers or logs,
//! and it never guesses a text's sender.
//!
//! The shapes of the bodies: [`zendesk::source`] and [`braze::source`] for the bridge's own triggers and campaigns,
//! [`braze::recipe`] for the published Zendesk–Braze recipe.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use serde_json::Value;

use crate::domain::account::{AccountId, End};
use crate::domain::event::{Event, EventKind, Unreadable};
use crate::domain::inbound::{Door, Endpoint, Otherwise};
use crate::intake::signature::{self, Token, Verified};
use crate::intake::{Intake, IntakeOptions, RawWebhook, Reading, Refusal, Senders, fields};
use crate::vendors::zendesk::signature::Seal;
use crate::vendors::{braze, zendesk};

pub use crate::vendors::braze::currents::{
    BODY_MAX_BYTES as BATCH_MAX_BYTES, Batch, admit as admit_batch, read as read_batch,
};

/// The share of the proof that stands in the headers. With it, [`read`] takes the body.
pub enum Credential {
    /// A signature of the right form, which the body has to bear out.
    Seal(Seal),
    /// A right token.
    Token(Token),
}

/// Checks the headers alone, before the body is awaited. For Braze it checks the token, for Zendesk only the presence
/// and the form of a signature, because the signature itself covers the body.
///
/// # Errors
/// The reason to refuse the webhook without its body.
pub fn glance(endpoint: Endpoint, headers: &HeaderMap, options: &IntakeOptions) -> Result<Credential, Refusal> {
    match endpoint.end() {
        End::Desk => Seal::of(headers).map(Credential::Seal),
        End::Carrier => signature::by_token(headers, &options.braze_tokens).map(Credential::Token),
    }
}

/// Verifies a webhook and reads it.
#[must_use]
pub fn read(webhook: &RawWebhook, credential: &Credential, options: &IntakeOptions) -> Intake {
    let verified = match credential {
        Credential::Seal(seal) => seal.verify(&webhook.body, webhook.received_at, options),
        Credential::Token(token) => Ok(token.vouch_for(&webhook.body)),
    };
    let verified = match verified {
        Ok(verified) => verified,
        Err(why) => return Intake::Refused { why },
    };
    let mut reading = read_verified(&verified, (webhook.endpoint.door, webhook.uri.path()), options);
    if webhook.endpoint.end() == End::Desk {
        reading.dedupe.splice(0..0, zendesk::source::call_keys(webhook));
    }
    reading.into_intake(webhook.received_at, || whole(webhook))
}

/// A verified webhook that cannot be read, kept whole.
#[must_use]
pub fn kept_whole(webhook: &RawWebhook) -> Event {
    Event { received_at: webhook.received_at, kind: EventKind::Unreadable(whole(webhook)) }
}

fn whole(webhook: &RawWebhook) -> Unreadable {
    Unreadable {
        path: webhook.uri.path().to_owned(),
        method: webhook.method.to_string(),
        content_type: webhook.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned),
        body: STANDARD.encode(&webhook.body),
    }
}

/// Reads a quarantined body again, after the configuration or the bridge was mended. It was verified when it came, so
/// it is not verified again, and its timestamp may have any age.
///
/// The dedupe keys are those of the body alone, because the quarantined event holds those of the headers already.
#[must_use]
pub fn reread(unreadable: &Unreadable, received_at: Timestamp, senders: &Senders) -> Intake {
    let path = unreadable.path.as_str();
    let at = senders.at(path).and_then(|endpoint| Some((endpoint.door, senders.options(endpoint.account)?)));
    let reading = match (at, STANDARD.decode(&unreadable.body)) {
        (Some((door, options)), Ok(body)) => read_verified(&Verified::when_it_came(&body), (door, path), options),
        (None, _) => Reading::unreadable("nothing is read at the path that it was posted to"),
        (_, Err(_)) => Reading::unreadable("the kept body is not base64"),
    };
    reading.into_intake(received_at, || unreadable.clone())
}

/// Why a readable text is kept for the operator: its line is not configured, and the carrier has no default line.
#[must_use]
pub fn no_line(carrier: AccountId) -> String {
    format!("the text names no line of {carrier} that is configured, and {carrier} has no default line")
}

/// The remedy for webhooks that were answered so at this endpoint, as a clause; `None` where none is needed.
#[must_use]
pub fn remedy(endpoint: Endpoint, outcome: Otherwise, reason: &str) -> Option<String> {
    let of = endpoint.table();
    match endpoint.end() {
        End::Desk => zendesk::remedies::of_webhooks(of, outcome, reason),
        End::Carrier => braze::remedies::of_webhooks(of, endpoint.door, outcome, reason),
    }
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

/// Reads a body that was posted through this door, to this raw path.
fn read_verified(verified: &Verified<'_>, (door, path): (Door, &str), options: &IntakeOptions) -> Reading {
    match door {
        Door::Desk => zendesk::source::read(verified),
        Door::Carrier => braze::source::read(verified),
        Door::RecipeSend => braze::recipe::read_send(verified),
        Door::RecipeNewTicket => braze::recipe::read_new_ticket(verified, &options.user_field),
        // The ticket is the text that the recipe's template made of the customer's attribute, often an empty one.
        Door::RecipeAppend => braze::recipe::read_append(verified, door.open_part(path).unwrap_or_default()),
        Door::Reports => Reading::unreadable("reports come in batches"),
    }
}

#[cfg(test)]
mod tests;
