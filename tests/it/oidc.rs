//! Signing in at an identity provider, the whole way over real HTTP, and everything that must not let anybody in.
//!
//! The provider is one of our own: it signs with a real key, and lies where a test tells it to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use url::Url;

use crate::console::{Browser, Page, TOKEN};
use crate::support::TestBridge;
use crate::webhooks::quiet_bridge;

const CLIENT: &str = "tandem";
const SECRET: &str = "a-client-secret-that-is-not-real-and-32-bytes-long";

/// How an ID token differs from a good one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lie {
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

struct Inner {
    issuer: String,
    /// What the description calls itself.
    named: Mutex<String>,
    key: EncodingKey,
    other: EncodingKey,
    /// The claims of each code that was given out, and the challenge of its sign-in.
    codes: Mutex<BTreeMap<String, (Value, String)>>,
    lie: Mutex<Lie>,
}

#[derive(Clone)]
struct Provider(Arc<Inner>);

fn new_key() -> EncodingKey {
    EncodingKey::from_ec_der(&rcgen::KeyPair::generate().unwrap().serialize_der())
}

impl Provider {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let provider = Self(Arc::new(Inner {
            named: Mutex::new(issuer.clone()),
            issuer,
            key: new_key(),
            other: new_key(),
            codes: Mutex::default(),
            lie: Mutex::new(Lie::None),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/token", post(token))
            .route("/keys", get(keys))
            .with_state(provider.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        provider
    }

    /// A code for whom the claims are, given out to the browser that came with this address.
    fn code(&self, bridge: &TestBridge, asked: &Asked, claims: Value) -> String {
        let lie = *self.0.lie.lock().unwrap();
        let now = bridge.clock.now().as_second();
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
        codes.insert(code.clone(), (all, asked.get("code_challenge").to_owned()));
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

async fn keys(State(provider): State<Provider>) -> String {
    let mut key = Jwk::from_encoding_key(&provider.0.key, Algorithm::ES256).unwrap();
    key.common.key_id = Some("k1".to_owned());
    // A kind of key that nobody knows must not be in the way.
    json!({ "keys": [{"kty": "lattice", "kid": "k0"}, key] }).to_string()
}

async fn token(State(provider): State<Provider>, headers: http::HeaderMap, body: String) -> (StatusCode, String) {
    let form: BTreeMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{SECRET}")));
    let found = provider.0.codes.lock().unwrap().remove(&form["code"]);
    let Some((claims, challenge)) = found else {
        return (StatusCode::BAD_REQUEST, json!({"error": "invalid_grant"}).to_string());
    };
    assert_eq!(headers["authorization"], basic.as_str());
    assert_eq!(form["grant_type"], "authorization_code");
    assert_eq!(form["redirect_uri"], "https://tandem.internal.example/console/sign-in/callback");
    assert_eq!(URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"])), challenge, "PKCE");
    (
        StatusCode::OK,
        json!({"id_token": provider.sign(&claims), "access_token": "x", "token_type": "Bearer"}).to_string(),
    )
}

/// What the browser is sent to the provider with.
struct Asked(BTreeMap<String, String>);

impl Asked {
    fn get(&self, name: &str) -> &str {
        &self.0[name]
    }
}

/// A bridge whose operators sign in at this provider.
async fn bridge(provider: &Provider) -> TestBridge {
    let mut bridge = quiet_bridge().await;
    let oidc = format!(
        "[oidc]\nissuer = \"{}\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n\
         [oidc.roles]\nread = [\"staff\"]\nadmin = [\"sre\"]\n\
         [[operators]]\nname = \"grace\"\ntoken = \"{GRACE}\"\nrole = \"read\"\n",
        provider.0.issuer
    );
    let above = format!("operator_token = \"{TOKEN}\"\nconsole_url = \"https://tandem.internal.example\"\n");
    bridge.restart_with(|settings| format!("{above}{settings}\n{oidc}")).await;
    bridge
}

/// The browser is sent to the provider, and keeps the cookie of this sign-in.
async fn begin(browser: &mut Browser<'_>) -> Asked {
    let page = browser.get("/console/sign-in/provider?next=%2Fconsole%2Faudit").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    let cookie = page.header("set-cookie");
    assert!(cookie.ends_with("; Path=/console/sign-in; HttpOnly; SameSite=Lax; Max-Age=600; Secure"), "{cookie}");
    browser.cookie = cookie.split_once(';').map(|(cookie, _)| cookie.to_owned());
    let url = Url::parse(page.header("location")).unwrap();
    let asked = Asked(url.query_pairs().into_owned().collect());
    assert_eq!((url.path(), asked.get("response_type"), asked.get("client_id")), ("/authorize", "code", CLIENT));
    assert_eq!(asked.get("code_challenge_method"), "S256");
    asked
}

/// The browser comes back, as from another site.
async fn come_back(browser: &Browser<'_>, query: &str) -> Page {
    let from = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    browser.send(Method::GET, &format!("/console/sign-in/callback?{query}"), &[], &from).await
}

fn ada() -> Value {
    json!({"preferred_username": "ada@acme.example", "groups": ["staff", "sre"]})
}

async fn sign_in(provider: &Provider, browser: &mut Browser<'_>, bridge: &TestBridge, claims: Value) -> Page {
    let asked = begin(browser).await;
    let code = provider.code(bridge, &asked, claims);
    come_back(browser, &format!("code={code}&state={}", asked.get("state"))).await
}

fn assert_refused(page: &Page, why: &str) {
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{why}: {}", page.text);
    assert!(page.text.contains(why), "{why}: {}", page.text);
    assert_eq!(page.header("set-cookie"), "", "{why}");
    assert!(!page.text.contains("acme.example") && !page.text.contains("code-"), "{}", page.text);
}

#[tokio::test]
async fn an_operator_signs_in_acts_under_the_proven_name_and_is_signed_out_with_the_token_of_the_provider() {
    let provider = Provider::start().await;
    let mut bridge = bridge(&provider).await;
    let mut browser = Browser::new(&bridge);
    let form = browser.get("/console/sign-in?next=%2Fconsole%2Faudit").await.text;
    assert!(form.contains("/console/sign-in/provider?next=") && form.contains("Operator token"), "{form}");
    let page = sign_in(&provider, &mut browser, &bridge, ada()).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    // A redirect would not bring the session's cookie along, because another site led here.
    assert!(page.text.contains("content=\"0;url=/console/audit\""), "{}", page.text);
    let cookie = page.header("set-cookie");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
    let browser = browser_with(&bridge, cookie);
    let pause = "/console/destinations/braze/pause";
    assert_eq!(browser.post(pause, pause, &[("reason", "a look")]).await.status, StatusCode::SEE_OTHER);
    let name = "ada-at-acme.example".to_owned();
    assert_eq!(browser.audit().await[0], (name.clone(), "oidc".to_owned(), "pause".to_owned()));
    let audit = browser.get("/console/audit").await.text;
    assert!(audit.contains(&name) && audit.contains("Sign out"), "{audit}");
    // Its role follows the configuration at once.
    bridge.reload_with(|settings| settings.replace("admin = [\"sre\"]", "admin = [\"leads\"]")).await;
    let browser = browser_with(&bridge, cookie);
    let mut tries = 0;
    while browser.get(pause).await.status == StatusCode::OK {
        tries += 1;
        assert!(tries < 1000, "the role stays");
    }
    // The ID token is good for an hour, less than the session's age; somebody looks at the page meanwhile.
    for _ in 0..3 {
        bridge.clock.advance(SignedDuration::from_mins(19));
        assert_eq!(browser.get("/console").await.status, StatusCode::OK);
    }
    bridge.clock.advance(SignedDuration::from_mins(4));
    assert_eq!(browser.get("/console").await.status, StatusCode::SEE_OTHER, "the ID token is over");
    bridge.stop().await;
}

#[tokio::test]
async fn no_token_but_a_good_one_lets_anybody_in() {
    let provider = Provider::start().await;
    let mut bridge = bridge(&provider).await;
    for (lie, why) in [
        (Lie::Nonce, "another sign-in (nonce)"),
        (Lie::Audience, "InvalidAudience"),
        (Lie::Party, "another client (azp)"),
        (Lie::Issuer, "InvalidIssuer"),
        (Lie::Expired, "expired"),
        (Lie::OtherKey, "InvalidSignature"),
        (Lie::Unsigned, "signed by no algorithm"),
        (Lie::Symmetric, "an algorithm that is not allowed"),
        (Lie::Unlisted, "an algorithm that is not allowed"),
    ] {
        *provider.0.lie.lock().unwrap() = lie;
        // The description is read anew.
        bridge.clock.advance(SignedDuration::from_mins(1));
        assert_refused(&sign_in(&provider, &mut Browser::new(&bridge), &bridge, ada()).await, why);
    }
    *provider.0.lie.lock().unwrap() = Lie::None;
    bridge.clock.advance(SignedDuration::from_mins(1));
    for (claims, why) in [
        (json!({"preferred_username": "bob", "groups": ["guests"]}), "nothing in the claim groups"),
        (json!({"preferred_username": "bob"}), "nothing in the claim groups"),
        (json!({"groups": ["sre"]}), "the claim preferred_username of your ID token holds no name"),
        (json!({"preferred_username": "operator", "groups": ["sre"]}), "the claim preferred_username"),
        (json!({"preferred_username": "grace", "groups": ["sre"]}), "grace is the name of an operator who has a token"),
    ] {
        let page = sign_in(&provider, &mut Browser::new(&bridge), &bridge, claims).await;
        assert_refused(&page, why);
        assert!(!page.text.contains("guests"), "{}", page.text);
    }
    bridge.stop().await;
}

#[tokio::test]
async fn a_sign_in_ends_once_in_time_and_in_the_browser_that_began_it() {
    let provider = Provider::start().await;
    let mut bridge = bridge(&provider).await;
    let over = "was not begun in this browser, is over, or took too long";
    let mut browser = Browser::new(&bridge);
    let asked = begin(&mut browser).await;
    let query = |code: &str, asked: &Asked| format!("code={code}&state={}", asked.get("state"));
    let first = query(&provider.code(&bridge, &asked, ada()), &asked);
    assert_eq!(come_back(&browser, &first).await.status, StatusCode::OK);
    let second = query(&provider.code(&bridge, &asked, ada()), &asked);
    assert_refused(&come_back(&browser, &second).await, over);

    let asked = begin(&mut browser).await;
    let theirs = query(&provider.code(&bridge, &asked, ada()), &asked);
    let mut other = Browser::new(&bridge);
    assert_refused(&come_back(&other, &theirs).await, over);
    let asked = begin(&mut browser).await;
    let theirs = query(&provider.code(&bridge, &asked, ada()), &asked);
    begin(&mut other).await;
    assert_refused(&come_back(&other, &theirs).await, over);

    let asked = begin(&mut browser).await;
    let late = query(&provider.code(&bridge, &asked, ada()), &asked);
    bridge.clock.advance(SignedDuration::from_mins(10));
    assert_refused(&come_back(&browser, &late).await, over);

    let asked = begin(&mut browser).await;
    let refused = format!("error=access_denied&error_description=ada%40acme.example&state={}", asked.get("state"));
    assert_refused(&come_back(&browser, &refused).await, "did not let you sign in (access_denied)");
    let asked = begin(&mut browser).await;
    assert_refused(&come_back(&browser, &query("never-given", &asked)).await, "answered 400 with invalid_grant");
    bridge.stop().await;
}

#[tokio::test]
async fn a_provider_that_cannot_be_used_leaves_the_sign_in_with_a_token() {
    let provider = Provider::start().await;
    let mut bridge = bridge(&provider).await;
    *provider.0.named.lock().unwrap() = "https://another.example".to_owned();
    let page = Browser::new(&bridge).get("/console/sign-in/provider").await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert!(page.text.contains("another issuer than oidc.issuer"), "{}", page.text);
    Browser::signed_in(&bridge).await;
    bridge.stop().await;
}

fn browser_with<'a>(bridge: &'a TestBridge, cookie: &str) -> Browser<'a> {
    let mut browser = Browser::new(bridge);
    browser.cookie = cookie.split_once(';').map(|(cookie, _)| cookie.to_owned());
    browser
}
