//! The page of one delivery in a real browser: the vendor's answer behind a button, and a text of unknown fate with its
//! two answers.

use std::path::PathBuf;

use serde_json::Value;
use tandem::sandbox::server::{Fault, FaultKind};

use crate::browser::Browser;
use crate::console::{check, customer, sign_in_at, take, ticket_of};
use crate::support::TestBridge;

const SEND: &str = "/campaigns/trigger/send";

/// Braze's answer for a number that takes no texts.
const REFUSAL: &str = r#"{"message":"Error 21614: the phone number +15555550142 is a landline","errors":[{"code":"invalid_phone_number"}]}"#;

/// A bridge that asks for its token, with a reply in doubt and one that was refused; their pages.
async fn with_trouble() -> (TestBridge, [(&'static str, String); 2]) {
    let mut bridge = TestBridge::start_with("", "on_unconfirmed = \"hold\"").await;
    let ada = customer(&bridge, "cust-20417", "Ada", "Lovelace", "+15555550142");
    bridge.sandbox.phone.text(&ada, "Hi! Where is my order?");
    bridge.settled().await;
    let ticket = ticket_of(&bridge, "cust-20417");
    let headers = vec![("content-type".into(), "application/json".into())];
    let refusal = FaultKind::Status { code: 400, headers, body: REFUSAL.to_owned() };
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refusal));
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>It left on Friday.</p>");
    bridge.settled().await;
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, FaultKind::LoseAnswer));
    bridge.sandbox.braze.deny("users.export.ids");
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>It comes tomorrow.</p>");
    bridge.until("the agent told", |bridge| bridge.notes(ticket).len() == 2).await;
    let busy = ["pending", "sending", "waiting"];
    let is_over = |deliveries: &[Value]| deliveries.iter().all(|one| !busy.contains(&one["state"].as_str().unwrap()));
    let deliveries = bridge.until_deliveries("the note recorded", is_over).await;
    let id = |state: &str| {
        let found = deliveries.iter().find(|delivery| delivery["state"] == state).expect(state);
        found["id"].as_str().unwrap().to_owned()
    };
    let (refused, doubtful) = (id("dead"), id("unconfirmed"));
    crate::console::ask_for_the_token(&mut bridge).await;
    let pages = [("delivery-refused", refused), ("delivery-unconfirmed", doubtful)];
    (bridge, pages)
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn an_operator_reads_the_vendors_answer_and_settles_a_text_that_arrived() {
    let (mut bridge, [(_, refused), (_, doubtful)]) = with_trouble().await;
    let browser = Browser::open().await;
    sign_in_at(&bridge, &browser).await;
    let at = |id: &str| format!("{}/console/deliveries/{id}", bridge.operator);
    browser.goto(&at(&refused)).await;
    assert!(browser.text(".said").await.contains("invalid_phone_number, 21614"));
    assert!(!browser.text("main").await.contains("landline"), "it is hidden");
    browser.click("form[action$=answers] button").await;
    browser.until_reads(".answers", "is a landline").await;
    browser.goto(&at(&doubtful)).await;
    assert!(browser.text("main").await.contains("It did not arrive: send again"));
    browser.click("form[action$=settle] button").await;
    browser.until_at(&format!("{}?done=settled", at(&doubtful))).await;
    browser.until_reads("#delivery .state", "delivered").await;
    browser.assert_quiet(&bridge.operator).await;
    bridge.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn a_text_that_did_not_arrive_is_sent_again_without_scripts() {
    let (mut bridge, [(_, refused), (_, doubtful)]) = with_trouble().await;
    let browser = Browser::without_scripts().await;
    sign_in_at(&bridge, &browser).await;
    let at = |id: &str| format!("{}/console/deliveries/{id}", bridge.operator);
    browser.goto(&at(&refused)).await;
    browser.click("form[action$=answers] button").await;
    browser.until_reads(".answers", "is a landline").await;
    browser.goto(&at(&doubtful)).await;
    browser.click("form[action$=redrive] button").await;
    browser.until_reads("[role=status]", "It was put back").await;
    bridge.until("the text again", |bridge| bridge.texts().len() == 2).await;
    bridge.stop().await;
}

/// With `SCREENSHOTS=DIRECTORY`, it leaves pictures of them there.
#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn the_pages_of_what_went_wrong_are_for_everybody_and_fit_on_a_phone() {
    let (mut bridge, pages) = with_trouble().await;
    let directory = std::env::var_os("SCREENSHOTS").map(PathBuf::from);
    let browser = Browser::open().await;
    sign_in_at(&bridge, &browser).await;
    for (name, id) in pages {
        browser.goto(&format!("{}/console/deliveries/{id}", bridge.operator)).await;
        check(&browser).await;
        if name == "delivery-refused" {
            browser.click("form[action$=answers] button").await;
            browser.until_reads(".answers", "is a landline").await;
            check(&browser).await;
        }
        if let Some(directory) = &directory {
            take(&browser, directory, name).await;
        }
    }
    browser.assert_quiet(&bridge.operator).await;
    bridge.stop().await;
}
