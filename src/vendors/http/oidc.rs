//! The identity provider of the console: OpenID Connect's authorization code flow with PKCE, and the checks of an ID
//! token.
//!
//! From <https://openid.net/specs/openid-connect-core-1_0.html> (3.1: the flow and the checks of an ID token),
//! <https://openid.net/specs/openid-connect-discovery-1_0.html> and RFC 7636. `jsonwebtoken` checks signatures. Never
//! decides an operator's role, never keeps a token after the sign-in, and never puts a token, a code or a claim's value
//! into a cause.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use url::{Host, Url};

use crate::clock::Clock;
use crate::domain::access::provider_error;

/// A provider's description and its keys are some KiB.
const ANSWER_MAX_BYTES: usize = 1024 * 1024;

/// The time for which a description is used, so that strangers cannot make tandem ask the provider again and again.
const DESCRIPTION_AGE_MAX: SignedDuration = SignedDuration::from_mins(1);

/// The time for which a failed provider is not asked again.
const FAILURE_AGE_MAX: SignedDuration = SignedDuration::from_secs(5);

/// The difference that the provider's clock may have.
const CLOCK_DIFFERENCE_MAX: SignedDuration = SignedDuration::from_mins(1);

/// The algorithms that may sign an ID token: asymmetric ones only, because the secret of a symmetric one is the
/// client's password, and `none` signs nothing.
const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// The settings of a provider.
#[derive(Clone, Debug)]
pub struct OidcOptions {
    /// The provider's identifier, letter by letter; its description lies below it.
    pub issuer: String,
    /// The identifier of the client that was registered there for tandem.
    pub client_id: String,
    /// The secret of that client.
    pub client_secret: SecretString,
    /// The address that the provider sends the browser back to.
    pub redirect: String,
    /// The claim that names the operator.
    pub name_claim: String,
    /// The claim that lists the operator's groups or roles.
    pub roles_claim: String,
}

/// A sign-in that has begun.
pub struct Begun {
    /// The address that the browser is sent to.
    pub url: String,
    /// The OAuth `state` that the provider sends back with the browser: 256 random bits.
    pub state: String,
    /// The secrets that [`Provider::finish`] needs.
    pub secrets: Secrets,
}

/// The proof that the end of a sign-in belongs to its beginning.
pub struct Secrets {
    nonce: String,
    verifier: String,
}

/// The claims of a valid ID token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The value of the claim that names the operator; `None` where it is missing or no text.
    pub name: Option<String>,
    /// The texts of the claim that lists groups or roles.
    pub groups: Vec<String>,
    /// When the token expires.
    pub expires_at: Timestamp,
}

/// Why a sign-in failed, in words for operators that hold no part of a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    /// The provider cannot be reached, or its answer is unusable.
    #[error("the identity provider cannot be used: {0}")]
    Unavailable(String),
    /// The provider's answer cannot be trusted, or is a refusal.
    #[error("the identity provider's answer is refused: {0}")]
    Refused(String),
}

fn unavailable(why: impl Into<String>) -> OidcError {
    OidcError::Unavailable(why.into())
}

fn refused(why: impl Into<String>) -> OidcError {
    OidcError::Refused(why.into())
}

/// The used fields of a provider's description of itself.
#[derive(Clone, Deserialize)]
struct Description {
    issuer: String,
    #[serde(deserialize_with = "address")]
    authorization_endpoint: Url,
    #[serde(deserialize_with = "address")]
    token_endpoint: Url,
    #[serde(deserialize_with = "address")]
    jwks_uri: Url,
    /// Basic authentication where it is missing, by the specification.
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    id_token_signing_alg_values_supported: Vec<String>,
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    Url::parse(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// The last description, or why there is none, with the time of the request.
type Described = Option<(Timestamp, Result<Description, OidcError>)>;

/// A client of the provider. It reads the provider's keys for each sign-in, after the provider has accepted the code,
/// so it never keeps an old key.
#[derive(Clone)]
pub struct Provider {
    options: Arc<OidcOptions>,
    http: reqwest::Client,
    clock: Clock,
    described: Arc<Mutex<Described>>,
}

impl Provider {
    /// The provider of these options, asked by this client ([`crate::vendors::http::http_client`]), which follows no
    /// redirects.
    #[must_use]
    pub fn new(options: OidcOptions, http: reqwest::Client, clock: Clock) -> Self {
        Self { options: Arc::new(options), http, clock, described: Arc::default() }
    }

    /// Whether the provider can be used: it describes itself, as the issuer that is configured.
    ///
    /// # Errors
    /// [`OidcError::Unavailable`].
    pub async fn check(&self) -> Result<(), OidcError> {
        self.description().await.map(drop)
    }

    /// Begins a sign-in.
    ///
    /// # Errors
    /// [`OidcError::Unavailable`].
    pub async fn begin(&self) -> Result<Begun, OidcError> {
        let mut url = self.description().await?.authorization_endpoint;
        let (state, nonce, verifier) = (self.clock.draw_secret(), self.clock.draw_secret(), self.clock.draw_secret());
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.options.client_id)
            .append_pair("redirect_uri", &self.options.redirect)
            .append_pair("scope", "openid profile email")
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge(&verifier))
            .append_pair("code_challenge_method", "S256");
        Ok(Begun { url: url.into(), state, secrets: Secrets { nonce, verifier } })
    }

    /// Ends a sign-in with the code that the browser brought back.
    ///
    /// # Errors
    /// [`OidcError`].
    pub async fn finish(&self, code: &str, secrets: &Secrets) -> Result<Identity, OidcError> {
        let description = self.description().await?;
        let token = self.exchange(&description, code, &secrets.verifier).await?;
        let (_, keys) = self.ask(self.http.get(description.jwks_uri.clone()), "its keys").await?;
        let claims = signed_claims(&token, &description, &keys, &self.options)?;
        let expires_at = self.check_claims(&claims, &secrets.nonce)?;
        Ok(Identity {
            name: claims.get(&self.options.name_claim).and_then(Value::as_str).map(str::to_owned),
            groups: claims.get(&self.options.roles_claim).map(texts).unwrap_or_default(),
            expires_at,
        })
    }

    /// Exchanges the code for the ID token.
    async fn exchange(&self, description: &Description, code: &str, verifier: &str) -> Result<String, OidcError> {
        let request = self.token_request(description, code, verifier)?;
        let (status, answer) = self.ask(request, "its token endpoint").await?;
        if status != 200 {
            let error = answer.get("error").and_then(Value::as_str).map_or("no error of its own", provider_error);
            return Err(refused(format!("its token endpoint answered {status} with {error}")));
        }
        let token = answer.get("id_token").and_then(Value::as_str);
        token.map(str::to_owned).ok_or_else(|| refused("it sent no ID token"))
    }

    fn token_request(
        &self,
        description: &Description,
        code: &str,
        verifier: &str,
    ) -> Result<RequestBuilder, OidcError> {
        let OidcOptions { client_id, client_secret, redirect, .. } = &*self.options;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", redirect)
            .append_pair("code_verifier", verifier);
        let mut request = self.http.post(description.token_endpoint.clone());
        let methods = description.token_endpoint_auth_methods_supported.as_ref();
        let takes = |method: &str| methods.is_some_and(|methods| methods.iter().any(|known| known == method));
        if methods.is_none() || takes("client_secret_basic") {
            // Both are form-encoded first (RFC 6749, 2.3.1).
            let written = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            request = request.basic_auth(written(client_id), Some(written(client_secret.expose_secret())));
        } else if takes("client_secret_post") {
            form.append_pair("client_id", client_id).append_pair("client_secret", client_secret.expose_secret());
        } else {
            return Err(unavailable("it takes a client's secret neither by basic authentication nor by post"));
        }
        Ok(request.header("content-type", "application/x-www-form-urlencoded").body(form.finish()))
    }

    /// Checks the claims of an ID token beyond its signature, issuer and audience; returns its end.
    fn check_claims(&self, claims: &Map<String, Value>, nonce: &str) -> Result<Timestamp, OidcError> {
        if claims.get("nonce").and_then(Value::as_str) != Some(nonce) {
            return Err(refused("its ID token belongs to another sign-in (nonce)"));
        }
        if claims.get("azp").is_some_and(|party| party.as_str() != Some(&self.options.client_id)) {
            return Err(refused("its ID token is for another client (azp)"));
        }
        // A number, which may have a fraction.
        let end = claims.get("exp").and_then(|exp| exp.as_i64().or_else(|| exp.as_f64().map(|exp| exp as i64)));
        let end = end.and_then(|end| Timestamp::from_second(end).ok());
        let end = end.ok_or_else(|| refused("its ID token has no end (exp)"))?;
        // The end is by the provider's clock, which may be behind. The session ends at the same time.
        let end = end.saturating_add(CLOCK_DIFFERENCE_MAX).unwrap_or(Timestamp::MAX);
        if self.clock.now() >= end {
            return Err(refused("its ID token has expired, or the clocks differ (exp)"));
        }
        Ok(end)
    }

    async fn description(&self) -> Result<Description, OidcError> {
        let mut described = self.described.lock().await;
        let now = self.clock.now();
        if let Some((at, found)) = &*described {
            let age_max = if found.is_ok() { DESCRIPTION_AGE_MAX } else { FAILURE_AGE_MAX };
            if now.duration_since(*at).abs() < age_max {
                return found.clone();
            }
        }
        let found = self.describe().await;
        *described = Some((self.clock.now(), found.clone()));
        found
    }

    async fn describe(&self) -> Result<Description, OidcError> {
        let issuer = &self.options.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let (status, answer) = self.ask(self.http.get(url), "its description").await?;
        if status != 200 {
            return Err(unavailable(format!("its description: the answer is {status}")));
        }
        let found: Description = serde_json::from_value(answer)
            .map_err(|_| unavailable("its description lacks an issuer, an endpoint or the address of the keys"))?;
        if found.issuer != *issuer {
            return Err(unavailable(
                "it describes itself as another issuer than oidc.issuer, which is compared letter by letter",
            ));
        }
        if ![&found.authorization_endpoint, &found.token_endpoint, &found.jwks_uri].into_iter().all(is_safe) {
            return Err(unavailable("its description names an address without https"));
        }
        Ok(found)
    }

    /// The status and the JSON of an answer.
    async fn ask(&self, request: RequestBuilder, what: &str) -> Result<(u16, Value), OidcError> {
        let failed = |why: &str| unavailable(format!("{what}: {why}"));
        let mut answer = request.header("accept", "application/json").send().await.map_err(|error| {
            failed(if error.is_timeout() { "no answer came in time" } else { "it cannot be reached" })
        })?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|_| failed("the answer broke off"))? {
            if bytes.len() + chunk.len() > ANSWER_MAX_BYTES {
                return Err(failed("the answer is too long"));
            }
            bytes.extend_from_slice(&chunk);
        }
        let status = answer.status().as_u16();
        match serde_json::from_slice(&bytes) {
            Ok(json) => Ok((status, json)),
            Err(_) if status == 200 => Err(failed("the answer is no JSON")),
            Err(_) => Ok((status, Value::Null)),
        }
    }
}

/// The challenge, which lets the provider check the verifier at the end without knowing it before (RFC 7636, S256).
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// Whether an address is encrypted, or is this machine's.
fn is_safe(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(domain)) => domain == "localhost",
        None => false,
    };
    url.scheme() == "https" || url.scheme() == "http" && is_loopback
}

/// The claims of a token that the provider signed, for this client.
fn signed_claims(
    token: &str,
    description: &Description,
    keys: &Value,
    options: &OidcOptions,
) -> Result<Map<String, Value>, OidcError> {
    let header =
        decode_header(token).map_err(|_| refused("its ID token cannot be read, or is signed by no algorithm"))?;
    let listed = &description.id_token_signing_alg_values_supported;
    let is_allowed = |(name, algorithm): &(&str, Algorithm)| {
        *algorithm == header.alg
            && (listed.iter().any(|listed| listed == name) || listed.is_empty() && *name == "RS256")
    };
    if !ALGORITHMS.iter().any(is_allowed) {
        return Err(refused("its ID token is signed by an algorithm that is not allowed"));
    }
    let keys: Vec<Jwk> =
        keys["keys"].as_array().into_iter().flatten().filter_map(|key| Jwk::deserialize(key).ok()).collect();
    let fits = |key: &&Jwk| {
        let is_for_signing = !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
        is_for_signing && header.kid.as_ref().is_none_or(|kid| key.common.key_id.as_ref() == Some(kid))
    };
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[&options.client_id]);
    validation.set_issuer(&[&options.issuer]);
    validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
    // `check_claims` checks it, by the bridge's own clock.
    validation.validate_exp = false;
    let mut problem = refused("its ID token is signed by a key that it does not publish");
    for key in keys.iter().filter(fits) {
        let Ok(key) = DecodingKey::from_jwk(key) else { continue };
        match decode::<Map<String, Value>>(token, &key, &validation) {
            Ok(found) => return Ok(found.claims),
            // The error names the wrong claim and never its value.
            Err(error) => problem = refused(format!("its ID token: {error}")),
        }
    }
    Err(problem)
}

/// A text or a list of texts.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn an_address_without_https_is_for_this_machine_only() {
        for (url, safe) in [
            ("https://id.example/token", true),
            ("http://127.0.0.1:9/token", true),
            ("http://[::1]/token", true),
            ("http://id.example/token", false),
            ("ftp://127.0.0.1/", false),
        ] {
            assert_eq!(is_safe(&Url::parse(url).unwrap()), safe, "{url}");
        }
    }
}
