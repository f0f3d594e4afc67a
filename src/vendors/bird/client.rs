//! The client for the API of Bird's third generation, and the meanings of its answers. Never chooses a call:
//! [`super::carrier`] does.
//!
//! The region stands in the key and chooses the host; a key at the host of another region is answered 421. Errors are told
//! apart by their `type`, and where an answer has none, by its status, because codes and names come and go.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use crate::ports::Failure;
use crate::vendors::bird::error_phrases as own;
use crate::vendors::bird::limits::{self, LIMITS};
use crate::vendors::http::bearer_key::BearerKey;
use crate::vendors::http::exchange::{Answer, Effect, Exchange, Exchanging, Request};
use crate::vendors::http::{Reach, error_phrases};

/// The beginning of a key; the region follows, up to the next underscore.
const KEY_PREFIX: &str = "bk_";

/// The end of every region's host.
const HOST: &str = "platform.bird.com";

/// How long another request under the same key holds the key at most.
const LOCKED_FOR: Duration = Duration::from_secs(30);

/// The status of a refusal before a request is looked at.
const UNAVAILABLE: u16 = 503;

/// Bird's address and tandem's credential.
pub struct BirdOptions {
    /// The host of the workspace's region.
    pub url: Url,
    /// An API key.
    pub api_key: SecretString,
    /// The sender of texts on a line without an address.
    pub sender: String,
}

/// The address of the region that a key names; `None` for a key of another form.
#[must_use]
pub fn address_of(api_key: &SecretString) -> Option<Url> {
    let (region, secret) = api_key.expose_secret().strip_prefix(KEY_PREFIX)?.split_once('_')?;
    let is_region = !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_whole = is_region && !secret.is_empty();
    is_whole.then(|| Url::parse(&format!("https://{region}.{HOST}")).ok()).flatten()
}

/// A client for one workspace.
pub struct Bird {
    pub(super) exchange: Exchange,
    pub(super) sender: String,
    pub(super) api_key: BearerKey,
}

impl Exchanging for Bird {
    fn exchange(&self) -> &Exchange {
        &self.exchange
    }
}

impl Bird {
    /// A client with budgets of its own; nothing is called yet.
    #[must_use]
    pub fn new(options: BirdOptions, reach: Reach) -> Self {
        let exchange = Exchange::new("Bird", options.url, reach, &LIMITS, limits::told);
        let api_key = BearerKey::new(options.api_key);
        Self { exchange, sender: options.sender, api_key }
    }

    /// Makes the call once and returns a success with its JSON object.
    pub(super) async fn call(&self, request: &Request) -> Result<(Answer, Value), Failure> {
        self.exchange.object(request, self.api_key.header()?, |answer| self.failure(request, answer)).await
    }

    fn failure(&self, request: &Request, answer: &Answer) -> Failure {
        let status = answer.status.as_u16();
        let error = own::error(answer.json.as_ref());
        let said = own::said(answer.json.as_ref(), &request.personal());
        let cause = error_phrases::cause("Bird", status, &said);
        let text = |field: &str| error.and_then(|error| error[field].as_str()).unwrap_or_default();
        match Kind::of(text("type"), status) {
            Kind::Account => Failure::Pause { cause, status },
            Kind::Object => self.exchange.forbidden(request, status, cause),
            // The first request's effect is there, or comes with its answer: the same key gets the same answer then.
            Kind::Conflict if own::is(error, own::IN_PROGRESS) => {
                Failure::Retry { cause, after: self.exchange.hint(answer).or(Some(LOCKED_FOR)) }
            }
            Kind::Conflict if own::is(error, own::KEY_REUSE) => Failure::IdempotencyMismatch { cause },
            Kind::Request => Failure::GiveUp { cause },
            // The text may be out, and a key is known for three hours only. Bird's list tells, so it is asked first.
            Kind::Other if request.effect == Effect::Lasting && status >= 500 && status != UNAVAILABLE => {
                Failure::Lose { cause }
            }
            Kind::Conflict | Kind::Other => self.exchange.failure(request, answer, &said),
        }
    }
}

/// The kind of an error, by the difference that it makes.
enum Kind {
    /// The account is refused as a whole: its key, its region or its balance.
    Account,
    /// The object of the call is refused, or does not exist.
    Object,
    /// Another request is in the way.
    Conflict,
    /// This request will never be taken.
    Request,
    /// The meaning is that of the status.
    Other,
}

impl Kind {
    fn of(word: &str, status: u16) -> Self {
        match word.trim_end_matches("_error") {
            "auth" | "billing" | "misdirected" => Self::Account,
            "permission" | "not_found" => Self::Object,
            "conflict" => Self::Conflict,
            "validation" | "bad_request" | "precondition" | "payload_too_large" | "not_implemented" | "gone" => {
                Self::Request
            }
            _ => match status {
                401 | 402 | 421 => Self::Account,
                403 | 404 => Self::Object,
                409 => Self::Conflict,
                400 | 410 | 412 | 413 | 422 | 428 | 501 => Self::Request,
                _ => Self::Other,
            },
        }
    }
}

#[cfg(test)]
mod tests;
