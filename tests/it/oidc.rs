//! Signing in at an identity provider, the whole way over real HTTP, and every sign-in that must fail.
//!
//! The provider is one of our own ([`crate::provider`]).

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::console::{Browser, Page, TOKEN};
use crate::provider::{Asked, CLIENT, Lie, Provider, ada};
use crate::support::TestBridge;
use crate::webhooks::quiet_bridge;

/// The token of Grace, who needs no provider.
const GRACE: &str = "the-token-of-grace-is-not-real-and-32-bytes-long";

/// A bridge whose operators sign in at this provider.
async fn bridge_and_provider() -> (TestBridge, Provider) {
    let mut bridge = quiet_bridge().await;
    let provider = Provider::start_at("127.0.0.1", bridge.clock.clone()).await;
    let above = format!("operator_token = \"{TOKEN}\"\nconsole_url = \"https://tandem.internal.example\"\n");
    let grace = format!("[[operators]]\nname = \"grace\"\ntoken = \"{GRACE}\"\nrole = \"read\"\n");
    bridge.restart_with(|settings| format!("{above}{settings}\n{}{grace}", provider.settings())).await;
    (bridge, provider)
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
    assert_eq!(asked.get("redirect_uri"), "https://tandem.internal.example/console/sign-in/callback");
    asked
}

/// The browser comes back, as from another site.
async fn come_back(browser: &Browser<'_>, query: &str) -> Page {
    let from = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    browser.send(Method::GET, &format!("/console/sign-in/callback?{query}"), &[], &from).await
}

/// The query with which the provider leads a browser back.
fn query(provider: &Provider, asked: Asked, claims: &Value) -> String {
    let state = asked.get("state").to_owned();
    format!("code={}&state={state}", provider.code(asked, claims))
}

async fn sign_in(provider: &Provider, browser: &mut Browser<'_>, claims: &Value) -> Page {
    let asked = begin(browser).await;
    come_back(browser, &query(provider, asked, claims)).await
}

fn assert_refused(page: &Page, why: &str) {
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{why}: {}", page.text);
    assert!(page.text.contains(why), "{why}: {}", page.text);
    assert_eq!(page.header("set-cookie"), "", "{why}");
    assert!(!page.text.contains("acme.example") && !page.text.contains("code-"), "{}", page.text);
}

#[tokio::test]
async fn an_operator_signs_in_acts_under_the_proven_name_and_is_signed_out_with_the_token_of_the_provider() {
    let (mut bridge, provider) = bridge_and_provider().await;
    let mut browser = Browser::new(&bridge);
    let form = browser.get("/console/sign-in?next=%2Fconsole%2Faudit").await.text;
    assert!(form.contains("/console/sign-in/provider?next=") && form.contains("Operator token"), "{form}");
    let page = sign_in(&provider, &mut browser, &ada()).await;
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
    // The ID token is good for an hour, less than the session's age; the operator looks at the page meanwhile.
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
    let (mut bridge, provider) = bridge_and_provider().await;
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
        assert_refused(&sign_in(&provider, &mut Browser::new(&bridge), &ada()).await, why);
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
        let page = sign_in(&provider, &mut Browser::new(&bridge), &claims).await;
        assert_refused(&page, why);
        assert!(!page.text.contains("guests"), "{}", page.text);
    }
    bridge.stop().await;
}

#[tokio::test]
async fn a_sign_in_ends_once_in_time_and_in_the_browser_that_began_it() {
    let (mut bridge, provider) = bridge_and_provider().await;
    let over = "was not begun in this browser, is over, or took too long";
    let mut browser = Browser::new(&bridge);
    let asked = begin(&mut browser).await;
    let first = query(&provider, asked.clone(), &ada());
    assert_eq!(come_back(&browser, &first).await.status, StatusCode::OK);
    let second = query(&provider, asked, &ada());
    assert_refused(&come_back(&browser, &second).await, over);

    let asked = begin(&mut browser).await;
    let theirs = query(&provider, asked, &ada());
    let mut other = Browser::new(&bridge);
    assert_refused(&come_back(&other, &theirs).await, over);
    let asked = begin(&mut browser).await;
    let theirs = query(&provider, asked, &ada());
    begin(&mut other).await;
    assert_refused(&come_back(&other, &theirs).await, over);

    let asked = begin(&mut browser).await;
    let late = query(&provider, asked, &ada());
    bridge.clock.advance(SignedDuration::from_mins(10));
    assert_refused(&come_back(&browser, &late).await, over);

    let asked = begin(&mut browser).await;
    let refused = format!("error=access_denied&error_description=ada%40acme.example&state={}", asked.get("state"));
    assert_refused(&come_back(&browser, &refused).await, "did not let you sign in (access_denied)");
    let never_given = format!("code=never-given&state={}", begin(&mut browser).await.get("state"));
    assert_refused(&come_back(&browser, &never_given).await, "answered 400 with invalid_grant");
    bridge.stop().await;
}

#[tokio::test]
async fn a_provider_that_cannot_be_used_leaves_the_sign_in_with_a_token() {
    let (mut bridge, provider) = bridge_and_provider().await;
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
