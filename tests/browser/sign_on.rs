//! Signing in at an identity provider in a real browser: the button, the way there and back across two sites, and the page
//! in between, without which the session's cookie would stay behind.
//!
//! Ports make no sites, addresses do: so the provider has another address than the bridge.

use std::path::PathBuf;

use serde_json::json;

use crate::browser::Browser;
use crate::console::{TOKEN, check, take};
use crate::provider::Provider;
use crate::support::{OPERATOR, TestBridge};

const BUTTON: &str = "main a.button";

/// A bridge whose operators sign in at this provider.
async fn bridge_and_provider() -> (TestBridge, Provider) {
    let mut bridge = TestBridge::start().await;
    let provider = Provider::start_at("127.0.0.2", bridge.clock.clone()).await;
    let above = format!("operator_token = \"{TOKEN}\"\nconsole_url = \"{OPERATOR}\"\n");
    bridge.restart_with(|settings| format!("{above}{settings}\n{}", provider.settings())).await;
    (bridge, provider)
}

/// Clicks through the sign-in, from the page that the operator wanted, and ends there.
async fn sign_in(browser: &Browser, wanted: &str) {
    browser.goto(wanted).await;
    assert_eq!(browser.text(BUTTON).await, "Sign in with your organisation’s account");
    browser.click(BUTTON).await;
    browser.click("a").await;
    browser.until_at(wanted).await;
    assert_eq!(browser.text(".who strong").await, "ada-at-acme.example");
}

/// Fails when a page complained, or made a request to another origin than the bridge and the provider.
async fn assert_quiet(browser: &Browser, bridge: &TestBridge, provider: &Provider) {
    let asked_provider = format!("asked for {}/authorize?", provider.0.issuer);
    let faults = browser.faults(&bridge.operator).await;
    let (there, others): (Vec<_>, Vec<_>) = faults.into_iter().partition(|fault| fault.starts_with(&asked_provider));
    assert_eq!((there.len(), others), (1, Vec::<String>::new()), "the pages are not quiet");
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn an_operator_comes_back_from_the_provider_signed_in_where_they_wanted_to_be() {
    let (mut bridge, provider) = bridge_and_provider().await;
    for browser in [Browser::open().await, Browser::without_scripts().await] {
        let wanted = format!("{}/console/audit", bridge.operator);
        sign_in(&browser, &wanted).await;
        assert_quiet(&browser, &bridge, &provider).await;
        // The session lasts, and ends here when it is told to.
        browser.click("nav a[href='/console/deliveries']").await;
        browser.until_at(&format!("{}/console/deliveries", bridge.operator)).await;
        browser.click("form[action='/console/sign-out'] button").await;
        browser.until_at(&format!("{}/console/sign-in", bridge.operator)).await;
        assert_eq!(browser.text("h1").await, "Sign in");
    }
    bridge.stop().await;
}

/// With `SCREENSHOTS=DIRECTORY`, it leaves pictures of them there.
#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn the_pages_of_a_sign_in_are_for_everybody_and_fit_on_a_phone() {
    let (mut bridge, provider) = bridge_and_provider().await;
    let directory = std::env::var_os("SCREENSHOTS").map(PathBuf::from);
    let browser = Browser::open().await;
    let sign_in = format!("{}/console/sign-in", bridge.operator);
    browser.goto(&sign_in).await;
    let colours = "return ['main a.button', 'main form button'].map(one =>
         getComputedStyle(document.querySelector(one)).backgroundColor)";
    let colours = browser.run(colours, &json!([])).await;
    assert_ne!(colours[0], colours[1], "the way of the organisation stands out");
    look(&browser, directory.as_ref(), "sign-in-provider").await;
    stay_on_the_way(&browser, &sign_in).await;
    assert_eq!(browser.text("main").await, "Signed in\nGo on");
    look(&browser, directory.as_ref(), "signed-on").await;
    browser.click("main a").await;
    browser.until_at(&format!("{}/console", bridge.operator)).await;
    assert_eq!(browser.text(".who strong").await, "ada-at-acme.example");
    assert_quiet(&browser, &bridge, &provider).await;
    browser.goto(&format!("{sign_in}/callback?state=another&code=another")).await;
    assert!(browser.text("main").await.contains("was not begun in this browser"));
    look(&browser, directory.as_ref(), "sign-in-refused").await;
    bridge.stop().await;
}

async fn look(browser: &Browser, directory: Option<&PathBuf>, name: &str) {
    check(browser).await;
    if let Some(directory) = directory {
        take(browser, directory, name).await;
    }
}

/// Signs in, and stays on the page that leads on: its body is put into the sign-in page, whose head leads nowhere.
async fn stay_on_the_way(browser: &Browser, sign_in: &str) {
    browser.goto(sign_in).await;
    browser.click(BUTTON).await;
    browser.until("the provider's page is there", "document.title === 'Provider'").await;
    let back = browser.run("return document.querySelector('a').href", &json!([])).await;
    browser.goto(sign_in).await;
    let script = "const done = arguments[0];
         fetch(ADDRESS).then(answer => answer.text()).then(text => {
             const page = new DOMParser().parseFromString(text, 'text/html');
             document.title = page.title;
             document.body.replaceWith(page.body);
             done(page.querySelector('meta[http-equiv=refresh]').content);
         });";
    assert_eq!(browser.run_until_done(&script.replace("ADDRESS", &back.to_string())).await, "0;url=/console");
    browser.drawn().await;
}
