//! The client of a pack's API: the credential of a call, and the meanings of answers. Never chooses a call: [`super::carrier`] does.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::call::Fate;
use super::error_phrases::{Known, said};
use super::file::Auth;
use super::limits::{self, LIMITS};
use super::parts::Letters;
use super::plan::Plan;
use crate::domain::cause::OF_MAPPING;
use crate::intake::signature::hmac;
use crate::ports::Failure;
use crate::vendors::http::exchange::{Answer, Exchange, Exchanging, Request, secret_header};
use crate::vendors::http::{Reach, error_phrases};

/// The account's side of a pack.
pub struct Options {
    /// The pack.
    pub plan: Arc<Plan>,
    /// The address of the API, where it is not the pack's.
    pub url: Option<Url>,
    /// The vendor's name for the account.
    pub account_id: Option<String>,
    /// The user of basic authentication, where it is not the account.
    pub key_id: Option<String>,
    /// The secret of a call.
    pub secret: SecretString,
    /// The address to which the vendor posts, to the letter.
    pub webhook_url: Option<String>,
    /// The sender of texts on a line without an address.
    pub sender: String,
}

/// A client of one account.
pub struct Packed {
    pub(super) exchange: Exchange,
    pub(super) options: Options,
    secret: RwLock<SecretString>,
}

impl Exchanging for Packed {
    fn exchange(&self) -> &Exchange {
        &self.exchange
    }
}

impl Packed {
    /// A client with budgets of its own; nothing is called yet.
    #[must_use]
    pub fn new(options: Options, reach: Reach) -> Self {
        let url = options.url.clone().unwrap_or_else(|| options.plan.file.url.0.clone());
        let exchange = Exchange::new(options.plan.title, url, reach, &LIMITS, limits::told);
        let secret = RwLock::new(options.secret.clone());
        Self { exchange, options, secret }
    }

    /// Uses another secret from the next call on.
    pub(super) fn renew_secret(&self, secret: SecretString) {
        *self.secret.write().unwrap_or_else(PoisonError::into_inner) = secret;
    }

    /// The request with the account's credential: of this method and body, and of the path as it is sent.
    pub(super) fn signed(&self, request: Request, method: &str, body: &[u8]) -> Result<Request, Failure> {
        let secret = self.secret.read().unwrap_or_else(PoisonError::into_inner).clone();
        let secret = secret.expose_secret();
        let now = self.exchange.clock.now().as_second().to_string();
        let mut request = request;
        let (name, value) = match &self.options.plan.file.auth {
            Auth::Basic {} => {
                let user = self.options.key_id.as_ref().or(self.options.account_id.as_ref());
                let pair = format!("{}:{secret}", user.map(String::as_str).unwrap_or_default());
                (AUTHORIZATION, format!("Basic {}", BASE64.encode(pair)))
            }
            Auth::Bearer {} => (AUTHORIZATION, format!("Bearer {secret}")),
            Auth::Header { name, before } => (name.0.clone(), format!("{before}{secret}")),
            Auth::Hmac { name, before, signed, letters, timestamp } => {
                let path = self.exchange.target(&request);
                let parts = [
                    ("method", method.as_bytes()),
                    ("path", path.as_bytes()),
                    ("timestamp", now.as_bytes()),
                    ("body", body),
                ];
                let mac = hmac(secret.as_bytes(), &signed.pieces(&BTreeMap::from(parts))).unwrap_or_default();
                if let (Some(name), Ok(value)) = (timestamp, HeaderValue::from_str(&now)) {
                    request = request.header(name.0.clone(), value);
                }
                (name.0.clone(), format!("{before}{}", spelled(&mac, *letters)))
            }
        };
        let unusable = || Failure::Pause { cause: "the secret cannot be sent".into(), status: 401 };
        Ok(request.header(name, secret_header(&value).ok_or_else(unusable)?))
    }

    /// A template of the pack's failed, as it would again.
    pub(super) fn of_template(&self, what: &str) -> Failure {
        Failure::GiveUp { cause: format!("{} {}: {what}", OF_MAPPING, self.options.plan) }
    }

    /// The code in an answer.
    fn code(&self, json: Option<&Value>) -> Option<String> {
        self.options.plan.file.answer.code.as_ref()?.word(json?)
    }

    /// The meaning of a code, where the pack knows it.
    fn known(&self, code: Option<&str>) -> Option<Known> {
        Known::of(&self.options.plan.file.codes, code?)
    }

    /// Whether a success tells that the text in it was refused.
    pub(super) fn is_refused(&self, json: &Value) -> bool {
        self.known(self.code(Some(json)).as_deref()).is_some()
    }

    /// The meaning of an answer that is no success. `names` are the values of the request, which no cause repeats.
    pub(super) fn failure(&self, request: &Request, answer: &Answer, names: &Value) -> Failure {
        let (status, file) = (answer.status.as_u16(), &self.options.plan.file);
        let mut personal = request.personal();
        personal.add_json(names);
        let code = self.code(answer.json.as_ref());
        let known = self.known(code.as_deref());
        let said = said(code.as_deref(), known, answer.json.as_ref(), status, &personal);
        let cause = error_phrases::cause(self.exchange.vendor, status, &said);
        match Fate::of(file, status, known) {
            Fate::Known(_) | Fate::Reject => Failure::GiveUp { cause },
            Fate::Retry => Failure::Retry { cause, after: self.exchange.hint(answer) },
            Fate::Unknown => Failure::Lose { cause },
            Fate::Pause => Failure::Pause { cause, status },
            Fate::Forbid if (300..400).contains(&status) => self.exchange.failure(request, answer, &said),
            Fate::Forbid => self.exchange.forbidden(request, status, cause),
            Fate::Sent => self.exchange.unreadable(request, answer, "no id"),
        }
    }
}

/// A signature in these letters.
fn spelled(mac: &[u8], letters: Letters) -> String {
    match letters {
        Letters::Hex => mac.iter().map(|byte| format!("{byte:02x}")).collect(),
        Letters::Base64 => BASE64.encode(mac),
    }
}

#[cfg(test)]
mod tests;
