//! The client for the API of Sunshine Conversations, and the meanings of its answers. Never chooses a call: [`super::carrier`]
//! does.
//!
//! The API knows no idempotency key. An answer that does not tell whether a message was taken ends as
//! [`Failure::Lose`], also where it is an error of the server, because the conversation's own list tells.

use std::sync::{Mutex, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use crate::domain::budget::Told;
use crate::ports::Failure;
use crate::vendors::http::exchange::{Answer, Effect, Exchange, Exchanging, Request, secret_header};
use crate::vendors::http::{Reach, error_phrases, headers};
use crate::vendors::sunshine::error_phrases as own;
use crate::vendors::sunshine::keys::FirstContactBy;
use crate::vendors::sunshine::limits::{self, LIMITS, Pace, SENDS};

/// The address of the API and the bridge's credential.
pub struct SunshineOptions {
    /// The address.
    pub url: Url,
    /// The app's id.
    pub app_id: String,
    /// The key's id and its secret, with a colon between them.
    pub key: SecretString,
    /// The most texts a second.
    pub messages_per_second: u32,
    /// The way of a first text.
    pub first_contact: FirstContactBy,
}

/// A client for one app.
pub struct Sunshine {
    pub(super) exchange: Exchange,
    pub(super) app_id: String,
    pub(super) first_contact: FirstContactBy,
    key: RwLock<SecretString>,
    pace: Mutex<Pace>,
}

impl Exchanging for Sunshine {
    fn exchange(&self) -> &Exchange {
        &self.exchange
    }
}

impl Sunshine {
    /// A client with budgets of its own; nothing is called yet.
    #[must_use]
    pub fn new(options: SunshineOptions, reach: Reach) -> Self {
        let SunshineOptions { url, app_id, key, messages_per_second, first_contact } = options;
        let exchange = Exchange::new("Sunshine Conversations", url, reach, &LIMITS, limits::told);
        let pace = Mutex::new(Pace::new(messages_per_second));
        let client = Self { exchange, app_id, first_contact, key: RwLock::new(key), pace };
        client.at_pace(|pace| pace);
        client
    }

    /// Uses another key from the next call on.
    pub(super) fn use_key(&self, key: SecretString) {
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = key;
    }

    /// The path of something in the app.
    pub(super) fn path(&self, rest: &str) -> String {
        format!("/v2/apps/{}{rest}", self.app_id)
    }

    /// The same in the first generation of the API, for what the second does not have.
    pub(super) fn first_path(&self, rest: &str) -> String {
        format!("/v1.1/apps/{}{rest}", self.app_id)
    }

    /// The header that presents the key.
    pub(super) fn credential(&self) -> Option<HeaderValue> {
        let key = self.key.read().unwrap_or_else(PoisonError::into_inner).clone();
        secret_header(&format!("Basic {}", STANDARD.encode(key.expose_secret())))
    }

    /// Makes the call once and returns a success with its JSON object.
    pub(super) async fn call(&self, request: &Request) -> Result<(Answer, Value), Failure> {
        let unusable = || Failure::Pause { cause: "the key cannot be sent".into(), status: 401 };
        let credential = self.credential().ok_or_else(unusable)?;
        let is_send = request.call == limits::SEND;
        let answered = self.exchange.object(request, credential, |answer| {
            if is_send && answer.status.as_u16() == 429 {
                self.at_pace(Pace::refused);
            }
            self.failure(request, answer)
        });
        let answered = answered.await?;
        if is_send {
            self.at_pace(Pace::taken);
        }
        Ok(answered)
    }

    /// Makes the call once; `None` where the service answers that the talk or the customer is not there.
    pub(super) async fn find(&self, request: &Request) -> Result<Option<(Answer, Value)>, Failure> {
        match self.call(request).await {
            Err(Failure::NotFound { .. }) => Ok(None),
            answered => answered.map(Some),
        }
    }

    /// Asks for something small, to see whether the account is let in; gives the time of the answer by the vendor's clock.
    ///
    /// # Errors
    /// As for every read.
    pub(super) async fn ask_whether_let_in(&self) -> Result<Option<Timestamp>, Failure> {
        let request = Request::get(limits::READ, self.path("")).asking_whether_it_answers();
        self.call(&request).await.map(|(answer, _)| headers::date(&answer.headers))
    }

    /// Changes the pace of texts.
    fn at_pace(&self, change: impl FnOnce(Pace) -> Pace) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        *pace = change(*pace);
        let limit = Some(u64::from(pace.a_second()));
        let told = Told { pool: &SENDS, limit, remaining: None, resets_at: None };
        self.exchange.learn(&told);
    }

    fn failure(&self, request: &Request, answer: &Answer) -> Failure {
        let status = answer.status.as_u16();
        let said = own::said(answer.json.as_ref(), &request.personal());
        let cause = error_phrases::cause("Sunshine Conversations", status, &said);
        let codes = own::codes(answer.json.as_ref());
        let is_of_app = codes.contains(&own::APP_NOT_FOUND);
        // A talk or a customer that was removed does not come back, and says nothing of the account.
        let is_removed = codes.iter().any(|code| own::REMOVED.contains(code));
        match status {
            401 | 402 => Failure::Pause { cause, status },
            404 if is_of_app => Failure::Pause { cause, status },
            404 if is_removed && request.effect == Effect::None => Failure::NotFound { cause },
            404 if is_removed => Failure::GiveUp { cause },
            403 | 404 => self.exchange.forbidden(request, status, cause),
            // It was made since the look for it.
            409 => Failure::Retry { cause, after: None },
            429 => self.exchange.failure(request, answer, &said),
            // The request may have been read before its time was over.
            408 | 500..=599 if request.effect == Effect::Lasting => Failure::Lose { cause },
            408 | 500..=599 => self.exchange.failure(request, answer, &said),
            400..=499 => Failure::GiveUp { cause },
            _ => self.exchange.failure(request, answer, &said),
        }
    }
}

#[cfg(test)]
mod tests;
