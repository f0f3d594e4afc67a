//! The client for Braze's REST API, and the meanings of its answers. Never chooses a call: [`super::carrier`] and the checks
//! do.
//!
//! Facts are from <https://www.braze.com/docs/api/> and from recorded traffic.

use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use crate::domain::cause;
use crate::domain::refusals::Object;
use crate::ports::Failure;
use crate::vendors::braze;
use crate::vendors::braze::limits::{self, LIMITS};
use crate::vendors::http::bearer_key::BearerKey;
use crate::vendors::http::exchange::{Answer, Exchange, Exchanging, Request};
use crate::vendors::http::{Reach, error_phrases};

pub mod details;

/// Braze's address and tandem's credential.
pub struct BrazeOptions {
    /// The REST host of the workspace, such as `https://rest.iad-01.braze.com`.
    pub url: Url,
    /// A REST API key.
    pub api_key: SecretString,
}

/// A client for one Braze workspace.
pub struct Braze {
    pub(super) exchange: Exchange,
    pub(super) api_key: BearerKey,
}

impl Exchanging for Braze {
    fn exchange(&self) -> &Exchange {
        &self.exchange
    }
}

impl Braze {
    /// A client with budgets of its own; nothing is called yet.
    #[must_use]
    pub fn new(options: BrazeOptions, reach: Reach) -> Self {
        let exchange = Exchange::new("Braze", options.url, reach, &LIMITS, limits::told);
        Self { exchange, api_key: BearerKey::new(options.api_key) }
    }

    /// Makes the call once and returns a success with its JSON object.
    pub(super) async fn call(&self, request: &Request) -> Result<(Answer, Value), Failure> {
        self.exchange.object(request, self.api_key.header()?, |answer| self.failure(request, answer)).await
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

#[cfg(test)]
mod tests;
