//! The callers of the embedded Zendesk: OAuth client credentials, and the legacy API token.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::super::options::SandboxOptions;
use super::super::server::{Answer, Request};
use super::super::text;
use crate::clock::Clock;

/// The access tokens that were issued.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    issued: HashMap<String, Token>,
    /// Scopes that no token covers, such as `triggers:read`.
    withheld: Vec<String>,
}

#[derive(Debug)]
struct Token {
    expires_at: Timestamp,
    scope: String,
}

impl Tokens {
    /// `POST /oauth/tokens`.
    pub(super) fn issue(&mut self, request: &Request, options: &SandboxOptions, clock: &Clock) -> Answer {
        let body = request.json();
        let refuse =
            |status, error: &str, why: &str| Answer::json(status, &json!({"error": error, "error_description": why}));
        if body["grant_type"] != "client_credentials" {
            return refuse(400, "unsupported_grant_type", "The authorization grant type is not supported.");
        }
        if body["client_id"] != options.zendesk_client_id || body["client_secret"] != options.zendesk_client_secret {
            return refuse(401, "invalid_client", "Client authentication failed.");
        }
        let asked = body["expires_in"].as_i64();
        if asked.is_some_and(|seconds| seconds <= 300 || seconds >= 172_800) {
            return refuse(400, "invalid_request", "expires_in is out of range.");
        }
        let lifetime = asked.map_or(options.token_lifetime, SignedDuration::from_secs);
        let expires_at = clock.now().saturating_add(lifetime).unwrap_or(Timestamp::MAX);
        // A token is issued for any scope; the calls are then forbidden.
        let scope = body["scope"].as_str().unwrap_or("read write").to_owned();
        let access_token = text::random_hex(clock, 64);
        let mut answer = json!({"access_token": access_token, "token_type": "bearer", "scope": scope});
        if let Some(asked) = asked {
            answer["expires_in"] = asked.into();
        }
        self.issued.insert(access_token, Token { expires_at, scope });
        Answer::json(200, &answer)
    }

    /// Forgets every token, as when an administrator revokes the client.
    pub(super) fn revoke(&mut self) {
        self.issued.clear();
    }

    /// Takes a scope from the client.
    pub(super) fn withhold(&mut self, scope: &str) {
        self.withheld.push(scope.to_owned());
    }

    /// Lets the caller in, or answers for Zendesk.
    pub(super) fn check(&self, request: &Request, options: &SandboxOptions, now: Timestamp) -> Result<(), Answer> {
        let header = request.header("authorization").unwrap_or("");
        if let Some(token) = header.strip_prefix("Bearer ") {
            return match self.issued.get(token) {
                Some(token) if now < token.expires_at => self.allow(&token.scope, request),
                _ => Err(Answer::json(
                    401,
                    &json!({"error": "invalid_token", "error_description":
                        "The access token provided is expired, revoked, malformed or invalid for other reasons."}),
                )),
            };
        }
        let expected = format!("{}/token:{}", options.zendesk_email, options.zendesk_api_token);
        if header.strip_prefix("Basic ").is_some_and(|given| given == BASE64.encode(expected)) {
            return Ok(());
        }
        if request.path.trim_end_matches(".json") == "/api/v2/users/me" {
            // The recorded trap: wrong credentials get 200 and an anonymous user.
            return Err(Answer::json(200, &json!({"user": {"name": "Anonymous user", "role": "end-user"}})));
        }
        Err(Answer::json(401, &json!({"error": "Couldn't authenticate you"})))
    }

    /// Whether a token's scope covers the request. Ticket audits need the global `read`.
    fn allow(&self, scope: &str, request: &Request) -> Result<(), Answer> {
        let (global, verb) = if request.method == Method::GET { ("read", "read") } else { ("write", "write") };
        let fine = format!("{}:{verb}", family(&request.path));
        let is_audits = request.path.contains("/audits");
        let covered = scope.split_whitespace().any(|word| word == global || (!is_audits && word == fine));
        if covered && !self.withheld.contains(&fine) {
            return Ok(());
        }
        Err(Answer::json(
            403,
            &json!({"error": "Forbidden", "description": "You do not have access to this page. Please contact the \
                account owner of this help desk for further help."}),
        ))
    }
}

/// The first word of the scope that covers this path.
fn family(path: &str) -> &str {
    match path.split('/').nth(3).unwrap_or("").trim_end_matches(".json") {
        // Uploads have no scope of their own.
        "uploads" => "tickets",
        // That `users` covers the fields of users is unconfirmed; a scope of their own is not listed.
        "user_fields" => "users",
        "trigger_categories" => "triggers",
        family => family,
    }
}
