//! Zendesk's Support API, as far as the bridge needs it. Never chooses a ticket, a user or a text: the worker does.
//! The client is a [`crate::ports::Desk`], each side of which lies in a file of its own.
//!
//! Facts are from <https://developer.zendesk.com/api-reference/ticketing/introduction/> and from recorded traffic. A
//! body written here never holds `via`, which would fire triggers that are meant for people.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::domain::event::UserId;
use crate::ports::Failure;
use crate::ports::desk::UserView;
use crate::vendors::http::exchange::{Answer, Exchange, Exchanging, Request, secret_header};
use crate::vendors::http::{Reach, error_phrases};
use crate::vendors::zendesk;
use crate::vendors::zendesk::limits::{self, LIMITS};
use crate::vendors::zendesk::oauth::{self, Tokens};
use crate::vendors::zendesk::views::UserJson;

pub mod admin;
mod comments;
mod invocations;
mod standing;
mod tickets;
mod users;

pub use invocations::GIVEN_UP;

/// Records on one page: Zendesk's maximum.
const PAGE: usize = 100;

/// Zendesk's address and tandem's credential.
pub struct ZendeskOptions {
    /// `https://SUBDOMAIN.zendesk.com`.
    pub url: Url,
    /// The credential.
    pub auth: Auth,
}

/// A credential for Zendesk.
pub enum Auth {
    /// A confidential OAuth client; the recommended way.
    OAuth {
        /// The client's unique identifier.
        client_id: String,
        /// Its secret.
        client_secret: SecretString,
    },
    /// An API token, which Zendesk switches off for good on 2027-04-30.
    ApiToken {
        /// The agent whom the token acts as.
        email: String,
        /// The token.
        token: SecretString,
    },
}

/// A client for one Zendesk account.
pub struct Zendesk {
    pub(super) exchange: Exchange,
    credential: RwLock<Arc<Credential>>,
    /// The key of the user field that holds customers' external ids; blank where none does.
    customer_field: String,
}

enum Credential {
    OAuth(Tokens),
    Basic(SecretString),
}

impl Credential {
    fn of(auth: Auth) -> Self {
        match auth {
            Auth::OAuth { client_id, client_secret } => Self::OAuth(Tokens::new(client_id, client_secret)),
            Auth::ApiToken { email, token } => {
                let pair = format!("{email}/token:{}", token.expose_secret());
                Self::Basic(format!("Basic {}", BASE64.encode(pair)).into())
            }
        }
    }
}

impl Exchanging for Zendesk {
    fn exchange(&self) -> &Exchange {
        &self.exchange
    }
}

impl Zendesk {
    /// A client with budgets of its own; nothing is called yet, not even for a token.
    #[must_use]
    pub fn new(options: ZendeskOptions, reach: Reach) -> Self {
        let credential = RwLock::new(Arc::new(Credential::of(options.auth)));
        let exchange = Exchange::new("Zendesk", options.url, reach, &LIMITS, limits::told);
        Self { exchange: Exchange { tells_time: true, ..exchange }, credential, customer_field: String::new() }
    }

    /// The same client, for which the user field of this key holds customers' external ids.
    #[must_use]
    pub fn with_customer_field(mut self, key: &str) -> Self {
        key.clone_into(&mut self.customer_field);
        self
    }

    /// Uses another credential from the next call on.
    pub fn set_auth(&self, auth: Auth) {
        *self.credential.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Credential::of(auth));
    }

    /// Asks for another scope than the bridge's own; an API token has none.
    #[must_use]
    pub fn with_scope(mut self, scope: &'static str) -> Self {
        let credential = self.credential.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(Credential::OAuth(tokens)) = Arc::get_mut(credential) {
            tokens.ask_for(scope);
        }
        self
    }

    /// Makes the call, and repeats it once where Zendesk refused it only because the token had expired. Returns a
    /// success.
    async fn call(&self, request: &Request) -> Result<Answer, Failure> {
        let credential = Arc::clone(&self.credential.read().unwrap_or_else(PoisonError::into_inner));
        let answer = match &*credential {
            Credential::Basic(header) => {
                let unusable = || Failure::Pause { cause: "the API token cannot be sent".into(), status: 401 };
                let header = secret_header(header.expose_secret()).ok_or_else(unusable)?;
                self.exchange.ask(request, header).await?
            }
            Credential::OAuth(tokens) => {
                let bearer = tokens.bearer(&self.exchange, None).await?;
                let answer = self.exchange.ask(request, bearer.header).await?;
                if oauth::is_expired(answer.status, &answer.headers, answer.json.as_ref()) {
                    let renewed = tokens.bearer(&self.exchange, Some(bearer.serial)).await?;
                    self.exchange.ask(request, renewed.header).await?
                } else {
                    answer
                }
            }
        };
        if answer.status.is_success() {
            return Ok(answer);
        }
        self.exchange.hear(request, &answer);
        Err(self.failure(request, &answer))
    }

    /// The failure for a status, by Zendesk's meanings.
    fn failure(&self, request: &Request, answer: &Answer) -> Failure {
        let status = answer.status.as_u16();
        let said = zendesk::error_phrases::said(answer.json.as_ref(), status, &request.personal());
        let cause = error_phrases::cause("Zendesk", status, &said);
        let error = answer.json.as_ref().and_then(|json| json["error"].as_str()).unwrap_or_default();
        match status {
            400 if error == "IdempotentRequestError" => Failure::IdempotencyMismatch { cause },
            409 if error == "UpdateConflict" => Failure::Changed { cause },
            404 if error == "RecordNotFound" => Failure::NotFound { cause },
            // A missing API and no missing record: a wrong subdomain answers so.
            404 => self.exchange.forbidden(request, status, cause),
            422 if answer.json.as_ref().is_some_and(is_closed) => Failure::Closed { cause },
            _ => self.exchange.failure(request, answer, &said),
        }
    }

    /// One named part of a successful answer.
    fn part<T: DeserializeOwned>(&self, request: &Request, answer: &Answer, name: &str) -> Result<T, Failure> {
        let part = answer.json.as_ref().and_then(|json| json.get(name)).cloned();
        let part = part.and_then(|part| serde_json::from_value(part).ok());
        part.ok_or_else(|| self.exchange.unreadable(request, answer, &format!("no readable {name}")))
    }

    /// The side-loaded users of an answer. An unreadable one is left out, because nothing depends on it.
    fn users(&self, answer: &Answer) -> HashMap<UserId, UserView> {
        let users = answer.json.as_ref().and_then(|json| json["users"].as_array());
        let read = |user: &Value| serde_json::from_value::<UserJson>(user.clone()).ok();
        let users = users.into_iter().flatten().filter_map(read);
        users.map(|user| (UserId(user.id), user.view(&self.customer_field))).collect()
    }
}

/// Whether a 422 says that the ticket is closed. The text stands under `status` or `base`, sometimes with a code. The
/// words before the colon are translated, so the end is compared; a customer's words inside a text do not match.
fn is_closed(json: &Value) -> bool {
    let says_so = |text: &&str| *text == "ClosedTicket" || text.ends_with("closed prevents ticket update");
    error_phrases::texts(json).iter().any(says_so)
}

#[cfg(test)]
mod tests;
