//! An identity provider of the tests' own: it signs with a real key, and lies where a test tells it to.
//!
//! A test without a browser asks it for codes ([`Provider::code`]); in a browser its page is one link, which leads back as
//! Ada. It keeps no session and knows one client.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tandem::clock::Clock;
use tokio::net::TcpListener;

pub(crate) const CLIENT: &str = "tandem";
const SECRET: &str = "a-client-secret-that-is-not-real-and-32-bytes-long";

/// How an ID token differs from a good one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Lie {
    None,
    Nonce,
    Audience,
    Party,
    Issuer,
    Expired,
    OtherKey,
    Unsigned,
    Symmetric,
    Unlisted,
}

pub(crate) struct Inner {
    pub(crate) issuer: String,
    /// The issuer in its description.
    pub(crate) named: Mutex<String>,
    pub(crate) lie: Mutex<Lie>,
    clock: Clock,
    key: EncodingKey,
    other: EncodingKey,
    /// The claims of each code that was given out, and the sign-in that it is for.
    codes: Mutex<BTreeMap<String, (Value, Asked)>>,
}

#[derive(Clone)]
pub(crate) struct Provider(pub(crate) Arc<Inner>);

fn new_key() -> EncodingKey {
    EncodingKey::from_ec_der(&rcgen::KeyPair::generate().unwrap().serialize_der())
}

impl Provider {
    /// Starts one on a free port of this address, with the clock of its bridge.
    pub(crate) async fn start_at(address: &str, clock: Clock) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let provider = Self(Arc::new(Inner {
            named: Mutex::new(issuer.clone()),
            issuer,
            lie: Mutex::new(Lie::None),
            clock,
            key: new_key(),
            other: new_key(),
            codes: Mutex::default(),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/keys", get(keys))
            .with_state(provider.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        provider
    }

    /// A configuration's `[oidc]` for it: `staff` may read, `sre` may do everything.
    pub(crate) fn settings(&self) -> String {
        format!(
            "[oidc]\nissuer = \"{}\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n\
             [oidc.roles]\nread = [\"staff\"]\nadmin = [\"sre\"]\n",
            self.0.issuer
        )
    }

    /// A code for whom the claims are, given out to the browser that came with this address.
    pub(crate) fn code(&self, asked: Asked, claims: &Value) -> String {
        let lie = *self.0.lie.lock().unwrap();
        let now = self.0.clock.now().as_second();
        let told =
            |is: Lie, lie_value: &str, value: &str| if lie == is { lie_value.to_owned() } else { value.to_owned() };
        let mut all = json!({
            "iss": told(Lie::Issuer, "http://127.0.0.1:1", &self.0.issuer),
            "aud": told(Lie::Audience, "another", CLIENT),
            "sub": "1815",
            "nonce": told(Lie::Nonce, "another", asked.get("nonce")),
            "exp": if lie == Lie::Expired { now - 61 } else { now + 3600 },
        });
        if lie == Lie::Party {
            all["azp"] = json!("another");
        }
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let mut codes = self.0.codes.lock().unwrap();
        let code = format!("code-{}", codes.len());
        codes.insert(code.clone(), (all, asked));
        code
    }

    fn sign(&self, claims: &Value) -> String {
        let with = |algorithm, key: &EncodingKey| {
            let header = Header { kid: Some("k1".to_owned()), ..Header::new(algorithm) };
            encode(&header, claims, key).unwrap()
        };
        match *self.0.lie.lock().unwrap() {
            Lie::OtherKey => with(Algorithm::ES256, &self.0.other),
            Lie::Symmetric => with(Algorithm::HS256, &EncodingKey::from_secret(SECRET.as_bytes()).unwrap()),
            Lie::Unsigned => {
                let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
                format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(claims))
            }
            Lie::None | Lie::Nonce | Lie::Audience | Lie::Party | Lie::Issuer | Lie::Expired | Lie::Unlisted => {
                with(Algorithm::ES256, &self.0.key)
            }
        }
    }
}

async fn describe(State(provider): State<Provider>) -> String {
    let issuer = &provider.0.issuer;
    let algorithms = if *provider.0.lie.lock().unwrap() == Lie::Unlisted { ["RS256"] } else { ["ES256"] };
    json!({
        "issuer": *provider.0.named.lock().unwrap(),
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "id_token_signing_alg_values_supported": algorithms,
    })
    .to_string()
}

/// One link, because most providers' pages are left by a click: the browser comes back as from another site.
async fn authorize(State(provider): State<Provider>, RawQuery(query): RawQuery) -> Html<String> {
    let asked = Asked(form_urlencoded::parse(query.unwrap().as_bytes()).into_owned().collect());
    let (back, state) = (asked.get("redirect_uri").to_owned(), asked.get("state").to_owned());
    let code = provider.code(asked, &ada());
    Html(format!(
        "<!doctype html><html lang=en><title>Provider</title><link rel=icon href=data:,>\
         <a href=\"{back}?code={code}&amp;state={state}\">Go on as Ada</a>"
    ))
}

async fn keys(State(provider): State<Provider>) -> String {
    let mut key = Jwk::from_encoding_key(&provider.0.key, Algorithm::ES256).unwrap();
    key.common.key_id = Some("k1".to_owned());
    // A key of an unknown kind must not be in the way.
    json!({ "keys": [{"kty": "lattice", "kid": "k0"}, key] }).to_string()
}

async fn token(State(provider): State<Provider>, headers: http::HeaderMap, body: String) -> (StatusCode, String) {
    let form: BTreeMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{SECRET}")));
    let found = provider.0.codes.lock().unwrap().remove(&form["code"]);
    let Some((claims, asked)) = found else {
        return (StatusCode::BAD_REQUEST, json!({"error": "invalid_grant"}).to_string());
    };
    assert_eq!(headers["authorization"], basic.as_str());
    assert_eq!(form["grant_type"], "authorization_code");
    assert_eq!(form["redirect_uri"], asked.get("redirect_uri"));
    assert_eq!(URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"])), asked.get("code_challenge"), "PKCE");
    (
        StatusCode::OK,
        json!({"id_token": provider.sign(&claims), "access_token": "x", "token_type": "Bearer"}).to_string(),
    )
}

/// The parameters with which the browser is sent to the provider.
#[derive(Clone)]
pub(crate) struct Asked(pub(crate) BTreeMap<String, String>);

impl Asked {
    pub(crate) fn get(&self, name: &str) -> &str {
        &self.0[name]
    }
}

/// The claims of an operator who may do everything.
pub(crate) fn ada() -> Value {
    json!({"preferred_username": "ada@acme.example", "groups": ["staff", "sre"]})
}
