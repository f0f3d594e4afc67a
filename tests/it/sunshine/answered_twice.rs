//! Zendesk's own responder in front of a running bridge: the account's texts wait in the store, in order, the operator is told,
//! other accounts go on, and the texts are taken in once the responder is changed.

use std::time::Duration;

use serde_json::{Value, json};
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::sunshine::{SMS, SunshineOptions};

use super::{ADA, BOB, Site};
use crate::alarm::Receiver;
use crate::support::{answer, http_client};

/// The embedded app's switchboard, and its places.
const BOARD: &str = "5f0c0000000000000000005b";
const NATIVE: &str = "5f0c000000000000000000a1";
const OURS: &str = "5f0c000000000000000000a2";

/// Has a member of the switchboard answer an integration first.
async fn answered_by(site: &Site, member: &str) {
    change(site, &format!("/integrations/{SMS}"), json!({ "defaultResponderId": member })).await;
}

async fn change(site: &Site, path: &str, to: Value) {
    let SunshineOptions { app_id, key_id, secret, .. } = SunshineOptions::default();
    let request = http_client()
        .patch(format!("{}/v2/apps/{app_id}{path}", site.sunshine.url()))
        .basic_auth(key_id, Some(secret))
        .header("Content-Type", "application/json")
        .body(to.to_string());
    assert_eq!(answer(request).await.0, 200);
}

/// The alarms of this kind.
fn alarms(receiver: &Receiver, kind: &str) -> Vec<Value> {
    let all = receiver.posts().into_iter().flat_map(|post| post["alarms"].as_array().unwrap().clone());
    all.filter(|alarm| alarm["kind"] == kind).collect()
}

/// A bridge with this receiver of alarms, which hears texts on standby, as `tandem setup` makes it.
async fn told(receiver: &Receiver) -> Site {
    let url = receiver.start().await;
    let site = Site::start_on("", "", &format!("[alarm]\nurl = \"{url}\"\n")).await;
    let ours = format!("/switchboards/{BOARD}/switchboardIntegrations/{OURS}");
    change(&site, &ours, json!({"deliverStandbyEvents": true})).await;
    site
}

#[tokio::test]
async fn texts_that_would_become_two_tickets_wait_in_order_while_other_accounts_go_on() {
    let receiver = Receiver::default();
    let site = told(&receiver).await;
    let ticket = site.talking().await;
    answered_by(&site, NATIVE).await;
    site.bridge.until("the alarm", |_| !alarms(&receiver, "answered_twice").is_empty()).await;
    let [alarm] = &alarms(&receiver, "answered_twice")[..] else { panic!("one alarm") };
    let cause = alarm["cause"].as_str().unwrap();
    assert_eq!(alarm["destination"], "sunshine");
    for words in ["line sunshine-sms", "zd:agentWorkspace", "second ticket", "tandem setup sunshine --take-over"] {
        assert!(cause.contains(words), "{words}: {cause}");
    }
    let ready = async || answer(site.bridge.http.get(format!("{}/readyz", site.bridge.operator))).await;
    let (status, body) = ready().await;
    assert_eq!(status, 200, "webhooks of all accounts are still taken: {body}");
    assert!(body["notes"].to_string().contains(&format!("sunshine: texts wait: {cause}")), "{body}");
    let console = site.bridge.http.get(format!("{}/console", site.bridge.operator)).send().await.unwrap();
    assert!(console.text().await.unwrap().contains("another responder opens tickets too"));

    for words in ["one", "two", "three"] {
        site.sunshine.text(SMS, ADA, words);
    }
    site.sunshine.text(SMS, BOB, "mine");
    site.bridge.until("they are accepted", |_| site.sunshine.is_idle()).await;
    let of_braze = site.bridge.customer("ada");
    site.bridge.sandbox.phone.text(&of_braze, "over Braze");
    site.bridge.until("the other account's ticket", |bridge| bridge.sandbox.zendesk.tickets().len() == 2).await;
    // An agent's reply still goes out.
    site.reply(ticket, "Hi Ada");
    site.bridge.until("the reply", |_| site.sunshine.reached(ADA) == ["Hi Ada"]).await;
    let now = site.bridge.clock.now();
    site.bridge.until("five minutes", |bridge| bridge.clock.now().duration_since(now).as_secs() > 300).await;
    assert_eq!(site.bridge.comments(ticket), ["Hello", "Hi Ada"]);
    assert_eq!(site.bridge.sandbox.zendesk.tickets().len(), 2);
    let waiting = site.bridge.deliveries("state=waiting").await;
    assert!(
        !waiting.is_empty() && waiting.iter().all(|one| one["cause"].as_str().unwrap().contains(cause)),
        "{waiting:#?}"
    );
    assert_eq!(alarms(&receiver, "answered_twice").len(), 1, "it is told once");

    answered_by(&site, OURS).await;
    site.settled().await;
    let comments = site.bridge.comments(ticket);
    let words: Vec<&str> = comments.iter().flat_map(|comment| comment.split_whitespace()).collect();
    let order: Vec<usize> =
        ["one", "two", "three"].iter().map(|text| words.iter().position(|word| word == text).unwrap()).collect();
    assert!(order.is_sorted() && words.len() == 6, "{comments:?}");
    assert_eq!(site.bridge.sandbox.zendesk.tickets().len(), 3, "one ticket for Bob as well");
    site.bridge.until("its end is told", |_| !alarms(&receiver, "answered_alone").is_empty()).await;
    assert!(!ready().await.1["notes"].to_string().contains("texts wait"));
    site.finish(0).await;
}

#[tokio::test]
async fn a_bridge_that_starts_in_front_of_it_opens_no_ticket_before_its_first_look() {
    let receiver = Receiver::default();
    let mut site = told(&receiver).await;
    answered_by(&site, NATIVE).await;
    site.bridge.stop().await;
    site.sunshine.fail(Fault::on("GET", "/integrations", FaultKind::Delay(Duration::from_secs(3))));
    site.bridge.run().await;
    site.sunshine.connect(&site.bridge.public);
    site.sunshine.text(SMS, ADA, "early");
    site.bridge.until("the alarm", |_| !alarms(&receiver, "answered_twice").is_empty()).await;
    assert_eq!(site.bridge.sandbox.zendesk.tickets().len(), 0);
    answered_by(&site, OURS).await;
    site.settled().await;
    let [ticket] = &site.bridge.sandbox.zendesk.tickets()[..] else { panic!("one ticket") };
    assert_eq!(site.bridge.comments(ticket.id), ["early"]);
    site.finish(0).await;
}

#[tokio::test]
async fn texts_that_waited_wait_on_after_a_restart_whose_first_looks_fail() {
    let receiver = Receiver::default();
    let mut site = told(&receiver).await;
    answered_by(&site, NATIVE).await;
    site.bridge.until("the alarm", |_| !alarms(&receiver, "answered_twice").is_empty()).await;
    site.sunshine.text(SMS, ADA, "early");
    site.bridge.until("it is accepted", |_| site.sunshine.is_idle()).await;
    site.bridge.stop().await;
    site.sunshine.fail(Fault::on("GET", "/integrations", FaultKind::status(500)).times(4));
    site.bridge.run().await;
    site.sunshine.connect(&site.bridge.public);
    site.bridge.until("the alarm of this start", |_| alarms(&receiver, "answered_twice").len() == 2).await;
    assert_eq!(site.bridge.sandbox.zendesk.tickets().len(), 0);
    answered_by(&site, OURS).await;
    site.settled().await;
    assert_eq!(site.bridge.sandbox.zendesk.tickets().len(), 1);
    site.finish(0).await;
}

#[tokio::test]
async fn a_look_that_fails_holds_no_text_up_and_lets_none_go() {
    let receiver = Receiver::default();
    let mut site = told(&receiver).await;
    let broken = || Fault::on("GET", "/integrations", FaultKind::status(500)).times(1000);
    site.bridge.stop().await;
    site.sunshine.fail(broken());
    site.bridge.run().await;
    site.sunshine.connect(&site.bridge.public);
    site.talking().await;
    site.bridge.stop().await;
    let mut site = told(&receiver).await;
    answered_by(&site, NATIVE).await;
    site.bridge.until("the alarm", |_| !alarms(&receiver, "answered_twice").is_empty()).await;
    answered_by(&site, OURS).await;
    site.sunshine.fail(broken());
    site.sunshine.text(SMS, ADA, "held");
    let now = site.bridge.clock.now();
    site.bridge.until("five minutes", |bridge| bridge.clock.now().duration_since(now).as_secs() > 300).await;
    assert_eq!(site.bridge.sandbox.zendesk.tickets().len(), 0);
    site.bridge.stop().await;
}
