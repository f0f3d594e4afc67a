//! Zendesk's access tokens, by client credentials: fetched when first needed, and renewed before they expire. Never
//! fetches two at once, and never writes a token anywhere.
//!
//! From <https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/>: there is no refresh token;
//! `expires_in` must be more than 300 and less than 172,800 seconds, and may be missing from the answer unless it was
//! asked for.

use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::ports::Failure;
use crate::vendors::http::Personal;
use crate::vendors::http::exchange::{Answer, Effect, Exchange, Request, secret_header};
use crate::vendors::zendesk::{error_phrases, limits};

/// The life asked for: long enough that renewals are rare, short enough that a stolen token is soon worthless.
const LIFE_SECONDS: i64 = 7200;

/// The longest life that is believed, which is Zendesk's own limit.
const LIFE_SECONDS_MAX: i64 = 172_800;

/// The time before its end at which a token is renewed, so that no request is under way when it ends. At most half of
/// its life, so that a short-lived token is not renewed for every call.
const MARGIN_SECONDS: i64 = 60;

/// The scope that the bridge needs. The audits can only be read with the global `read`.
const SCOPE: &str = "read tickets:write users:write";

/// Keeps one access token.
pub(super) struct Tokens {
    client_id: String,
    client_secret: SecretString,
    /// The scope that is asked for.
    scope: &'static str,
    state: Mutex<State>,
    /// Counts finished requests for a token. A caller reads it before and after waiting for the lock; where it has
    /// changed, the other request's failure is the caller's as well.
    finished: AtomicU64,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    serial: u64,
    failure: Option<Box<Failure>>,
}

struct Token {
    secret: SecretString,
    renew_at: Timestamp,
    /// The scopes that were asked for and not given.
    missing: Vec<String>,
}

/// A token to present, and its number.
pub(super) struct Bearer {
    pub(super) header: HeaderValue,
    pub(super) serial: u64,
}

impl Tokens {
    pub(super) fn new(client_id: String, client_secret: SecretString) -> Self {
        Self { client_id, client_secret, scope: SCOPE, state: Mutex::default(), finished: AtomicU64::new(0) }
    }

    /// Asks for another scope from now on.
    pub(super) fn ask_for(&mut self, scope: &'static str) {
        self.scope = scope;
    }

    /// The scopes that were asked for and not given; empty where Zendesk does not say which it gave.
    pub(super) async fn scopes_missing(&self, exchange: &Exchange) -> Result<Vec<String>, Failure> {
        self.bearer(exchange, None).await?;
        Ok(self.state.lock().await.token.as_ref().map(|token| token.missing.clone()).unwrap_or_default())
    }

    /// A valid token other than number `expired`, which Zendesk called invalid. One caller fetches; the others wait for
    /// its token or failure.
    pub(super) async fn bearer(&self, exchange: &Exchange, expired: Option<u64>) -> Result<Bearer, Failure> {
        let finished_before = self.finished.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        let serial = state.serial;
        if let Some(token) = &state.token
            && exchange.clock.now() < token.renew_at
            && expired != Some(serial)
        {
            return bearer(&token.secret, serial);
        }
        if let Some(failure) = &state.failure
            && self.finished.load(Ordering::Acquire) != finished_before
        {
            return Err(Failure::clone(failure));
        }
        let fetched = self.fetch(exchange).await;
        self.finished.fetch_add(1, Ordering::AcqRel);
        match fetched {
            Ok(token) => {
                state.serial = serial.wrapping_add(1);
                state.failure = None;
                let bearer = bearer(&token.secret, state.serial);
                state.token = Some(token);
                bearer
            }
            Err(failure) => {
                // The old token is of no use either: it is due for renewal, or Zendesk called it invalid.
                state.token = None;
                state.failure = Some(Box::new(failure.clone()));
                Err(failure)
            }
        }
    }

    async fn fetch(&self, exchange: &Exchange) -> Result<Token, Failure> {
        let asked_at = exchange.clock.now();
        let body = json!({
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret.expose_secret(),
            "scope": self.scope,
            "expires_in": LIFE_SECONDS,
        });
        let request = Request::post(limits::READ, Effect::None, "/oauth/tokens", &body);
        let answer = exchange.send(&request, None).await?;
        if !answer.status.is_success() {
            exchange.hear(&request, &answer);
            return Err(refusal(exchange, &request, &answer));
        }
        let secret = answer.json.as_ref().and_then(|json| json["access_token"].as_str()).map(SecretString::from);
        let Some(secret) = secret else {
            // The answer is not kept for the operator, because it may hold a token after all.
            let cause = format!("{} answered {} with no access token", exchange.vendor, answer.status.as_u16());
            return Err(Failure::Retry { cause, after: None });
        };
        let life = answer.json.as_ref().and_then(|json| json["expires_in"].as_i64()).unwrap_or(LIFE_SECONDS);
        let given = answer.json.as_ref().and_then(|json| json["scope"].as_str());
        let missing = given.map(|given| missing(self.scope, given)).unwrap_or_default();
        Ok(Token { secret, renew_at: renew_at(asked_at, life), missing })
    }
}

/// The words of `asked` that `given` does not cover: `tickets:write` is covered by itself and by `write`.
fn missing(asked: &str, given: &str) -> Vec<String> {
    let covers = |asked: &str, given: &str| given == asked || asked.rsplit(':').next() == Some(given);
    let is_missing = |word: &&str| !given.split_whitespace().any(|given| covers(word, given));
    asked.split_whitespace().filter(is_missing).map(str::to_owned).collect()
}

/// When to renew a token that lives for `life` seconds from `asked_at`.
fn renew_at(asked_at: Timestamp, life: i64) -> Timestamp {
    let life = life.clamp(1, LIFE_SECONDS_MAX);
    let used_for = life - MARGIN_SECONDS.min(life / 2);
    asked_at.saturating_add(SignedDuration::from_secs(used_for)).unwrap_or(Timestamp::MAX)
}

/// The failure of a request for a token. It has no lasting effect at any status; a plain 4xx says that the client is
/// wrong.
fn refusal(exchange: &Exchange, request: &Request, answer: &Answer) -> Failure {
    // The request holds no personal data.
    let said = error_phrases::said(answer.json.as_ref(), answer.status.as_u16(), &Personal::default());
    let said = said.trim_start_matches(": ");
    let failure = exchange.failure(request, answer, &format!("to the request for a token: {said}"));
    if let Failure::GiveUp { cause } | Failure::Forbid { cause, .. } = failure {
        return Failure::Pause { cause, status: answer.status.as_u16() };
    }
    failure
}

fn bearer(token: &SecretString, serial: u64) -> Result<Bearer, Failure> {
    let header = secret_header(&format!("Bearer {}", token.expose_secret()));
    let unusable = || Failure::Retry { cause: "Zendesk gave a token that cannot be sent".into(), after: None };
    Ok(Bearer { header: header.ok_or_else(unusable)?, serial })
}

/// Whether an answer says that the token has expired. A new token does not help with other refusals.
pub(super) fn is_expired(status: http::StatusCode, headers: &http::HeaderMap, json: Option<&Value>) -> bool {
    let names_it = json.is_some_and(|json| json["error"] == "invalid_token");
    let header = headers.get(http::header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    status == http::StatusCode::UNAUTHORIZED && (names_it || header.is_some_and(|text| text.contains("invalid_token")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_missing_when_neither_it_nor_the_global_one_was_given() {
        for (given, missing_then) in [
            (SCOPE, &[][..]),
            ("read write", &[]),
            ("tickets:write read", &["users:write"]),
            ("tickets:read users:read", &["read", "tickets:write", "users:write"]),
            ("", &["read", "tickets:write", "users:write"]),
        ] {
            assert_eq!(missing(SCOPE, given), missing_then, "{given}");
        }
    }

    #[test]
    fn a_token_is_renewed_a_minute_early_or_at_half_its_life() {
        let cases =
            [(7200, 7140), (1800, 1740), (100, 50), (1, 1), (0, 1), (-5, 1), (i64::MIN, 1), (i64::MAX, 172_740)];
        for (life, used_for) in cases {
            let expected = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(used_for);
            assert_eq!(renew_at(Timestamp::UNIX_EPOCH, life), expected, "{life}");
        }
        assert_eq!(renew_at(Timestamp::MAX, 7200), Timestamp::MAX);
    }
}
