//! Bodies of webhooks as a stranger, a broken client or a busy app posts them.

use serde_json::{Value, json};
use tandem::sandbox::sunshine::{SMS, SunshineOptions, WHATSAPP};

use super::{ADA, Site};

const MIB: usize = 1024 * 1024;

impl Site {
    /// Posts a body with this secret.
    pub(super) async fn post(&self, secret: Option<&str>, body: String) -> (u16, Value) {
        let mut request = self.bridge.http.post(format!("{}/webhooks/sunshine", self.bridge.public)).body(body);
        if let Some(secret) = secret {
            request = request.header("x-api-key", secret);
        }
        crate::support::answer(request).await
    }

    pub(super) async fn post_events(&self, events: &Value) -> (u16, Value) {
        let body = json!({"app": {"id": "a1"}, "webhook": {"id": "w1", "version": "v2"}, "events": events});
        self.post(Some(&SunshineOptions::default().webhook_secret), body.to_string()).await
    }

    pub(super) async fn of_kind(&self, kind: &str) -> Vec<Value> {
        let mut deliveries = self.bridge.deliveries("").await;
        deliveries.retain(|delivery| delivery["kind"] == kind);
        deliveries
    }
}

/// A customer's message over an integration.
fn message(number: usize, kind: &str, integration: &str, words: &str) -> Value {
    json!({"id": format!("e{number}"), "type": "conversation:message", "createdAt": "2026-11-28T10:00:01.200Z", "payload": {
        "conversation": {"id": format!("c{}", number % 4), "type": "personal"},
        "message": {"id": format!("m{number}"), "received": "2026-11-28T10:00:01.000Z",
            "author": {"type": "user", "userId": format!("u{}", number % 4), "displayName": "Someone"},
            "content": {"type": "text", "text": words},
            "source": {"type": kind, "integrationId": integration}},
    }})
}

#[tokio::test]
async fn a_body_of_a_hundred_events_is_one_commit_and_a_repeat_of_it_writes_nothing() {
    let site = Site::start().await;
    let mut events: Vec<Value> =
        (0..60).map(|number| message(number, "twilio", SMS, &format!("text {number}"))).collect();
    events.extend((60..80).map(|number| json!({"id": format!("e{number}"), "type": "user:update", "payload": {}})));
    events.extend((80..99).map(|number| {
        json!({"id": format!("e{number}"), "type": "conversation:message:delivery:user", "payload": {
            "message": {"id": format!("m{number}")}, "conversation": {"id": "c1"},
            "destination": {"type": "twilio", "integrationId": SMS}}})
    }));
    events.push(json!({"id": "e99", "type": "conversation:message", "payload": {}}));
    for _ in 0..2 {
        assert_eq!(site.post_events(&json!(events)).await, (200, json!({"status": "accepted", "events": 100})));
    }
    site.settled().await;
    assert_eq!(site.of_kind("customer_text").await.len(), 60);
    let kept = site.of_kind("unreadable").await;
    assert_eq!(kept.len(), 1, "the broken one alone is kept, once");
    assert_eq!(kept[0]["state"], "quarantined");
    assert_eq!(site.bridge.sandbox.zendesk.tickets().len(), 4);
    site.bridge.discard(&kept[0]["id"]).await;
    site.finish(0).await;
}

#[tokio::test]
async fn a_body_without_the_secret_is_refused_and_writes_nothing() {
    let site = Site::start().await;
    let right = SunshineOptions::default().webhook_secret;
    let body = json!({"events": [message(1, "twilio", SMS, "forged")]}).to_string();
    for secret in [None, Some(""), Some("wrong"), Some(&right[1..]), Some("not-real")] {
        let (status, told) = site.post(secret, body.clone()).await;
        // A 401 would be the last attempt, also where the bridge's own secret is the wrong one.
        assert_eq!((status, told), (503, json!({"error": "cannot take this now; please try again"})), "{secret:?}");
    }
    let bearer = self::bearer(&site, &right, &body).await;
    assert_eq!(bearer, 503, "the secret has a header of its own");
    assert_eq!(site.of_kind("customer_text").await.len(), 0);
    site.finish(0).await;
}

async fn bearer(site: &Site, secret: &str, body: &str) -> u16 {
    let request = site.bridge.http.post(format!("{}/webhooks/sunshine", site.bridge.public)).body(body.to_owned());
    crate::support::answer(request.bearer_auth(secret)).await.0
}

#[tokio::test]
async fn a_body_of_a_mebibyte_is_taken_and_a_longer_one_is_not() {
    let site = Site::start().await;
    let secret = SunshineOptions::default().webhook_secret;
    let body = |length: usize| {
        let body = json!({"events": [message(1, "twilio", SMS, "long way")], "padding": ""}).to_string();
        body.replace("\"padding\":\"\"", &format!("\"padding\":\"{}\"", "x".repeat(length - body.len())))
    };
    assert_eq!(body(MIB).len(), MIB);
    assert_eq!(site.post(Some(&secret), body(MIB + 1)).await.0, 413);
    assert_eq!(site.post(Some(&secret), body(MIB)).await, (200, json!({"status": "accepted", "events": 1})));
    site.settled().await;
    assert_eq!(site.of_kind("customer_text").await.len(), 1);
    site.finish(0).await;
}

#[tokio::test]
async fn a_body_that_makes_no_sense_is_kept_and_one_of_nothing_is_ignored() {
    let site = Site::start().await;
    let secret = SunshineOptions::default().webhook_secret;
    for body in ["", "not JSON", "[]", "{\"events\":{}}", "{\"events\":\"x\"}"] {
        let (status, told) = site.post(Some(&secret), body.to_owned()).await;
        assert_eq!((status, &told["status"]), (202, &json!("quarantined")), "{body}");
    }
    let first = json!({"trigger": "message:appUser", "version": "v1.1", "messages": []}).to_string();
    assert_eq!(site.post(Some(&secret), first).await.1["status"], "ignored");
    assert_eq!(site.post_events(&json!([])).await, (200, json!({"status": "accepted", "events": 0})));
    let unknown =
        json!([{"id": "e1", "type": "conversation:typing", "payload": {"x": [1]}}, {"id": "e2", "type": "new:one"}]);
    assert_eq!(site.post_events(&unknown).await, (200, json!({"status": "accepted", "events": 2})));
    let kept = site.of_kind("unreadable").await;
    assert_eq!(kept.len(), 5);
    for one in &kept {
        site.bridge.discard(&one["id"]).await;
    }
    site.finish(0).await;
}

#[tokio::test]
async fn an_old_event_is_taken_with_its_own_time_and_opens_no_window() {
    let site = Site::start().await;
    let mut old = message(1, "whatsapp", WHATSAPP, "long ago");
    let before = site.bridge.clock.now() - jiff::SignedDuration::from_hours(30);
    old["payload"]["message"]["source"]["originalMessageTimestamp"] = json!(before.to_string());
    assert_eq!(site.post_events(&json!([old])).await.0, 200);
    site.settled().await;
    let ticket = site.bridge.sandbox.zendesk.tickets().remove(0).id;
    assert_eq!(site.bridge.comments(ticket), ["long ago"]);
    site.reply(ticket, "too late");
    site.settled().await;
    assert_eq!((site.sends(), site.text().await["state"].clone()), (0, json!("dead")));
    site.finish(1).await;
}

#[tokio::test]
async fn a_whatsapp_message_on_no_line_is_kept_and_taken_in_once_there_is_one() {
    let mut site = Site::start_with("", "", "").await;
    let other = "5f0c00000000000000000009";
    let event = message(1, "whatsapp", other, "anyone there?");
    for _ in 0..2 {
        assert_eq!(site.post_events(&json!([event])).await, (200, json!({"status": "accepted", "events": 1})));
    }
    let kept = site.of_kind("unreadable").await;
    assert_eq!(kept.len(), 1);
    assert!(kept[0]["cause"].as_str().unwrap().contains("channel = \"whatsapp\""), "{}", kept[0]);
    let line = format!(
        "\n[[lines]]\nname = \"other\"\ncarrier = \"sunshine\"\nchannel = \"whatsapp\"\naddress = \"{other}\"\n"
    );
    site.bridge.restart_with(|settings| format!("{settings}{line}")).await;
    site.sunshine.connect(&site.bridge.public);
    let id = kept[0]["id"].as_str().unwrap();
    let path = format!("{}/api/deliveries/{id}/redrive", site.bridge.operator);
    assert_eq!(crate::support::answer(site.bridge.http.post(path)).await.0, 200);
    site.settled().await;
    let ticket = site.bridge.sandbox.zendesk.tickets().remove(0).id;
    assert_eq!(site.bridge.comments(ticket), ["anyone there?"]);
    assert_eq!(site.post_events(&json!([event])).await.0, 200);
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket).len(), 1, "{ADA} wrote once");
    site.finish(0).await;
}

#[tokio::test]
async fn texts_and_reports_of_integrations_without_a_line_are_passed_over_where_others_have_one() {
    let site = Site::start().await;
    let other = "5f0c00000000000000000009";
    let report = |number: usize, integration: &str| {
        json!({"id": format!("e{number}"), "type": "conversation:message:delivery:user", "payload": {
            "message": {"id": format!("m{number}")}, "conversation": {"id": "c1"},
            "destination": {"type": "twilio", "integrationId": integration}}})
    };
    let events = json!([
        message(1, "twilio", other, "to sales"),
        message(2, "whatsapp", other, "to sales"),
        report(3, other),
        report(4, SMS),
    ]);
    assert_eq!(site.post_events(&events).await, (200, json!({"status": "accepted", "events": 4})));
    site.settled().await;
    assert_eq!(site.bridge.sandbox.zendesk.tickets().len(), 0);
    assert_eq!(site.bridge.deliveries("").await, [json!(null); 0]);
    site.bridge.clock.advance(jiff::SignedDuration::from_mins(11));
    let unbound = || crate::support::list(&site.bridge.http, &site.bridge.operator, "/api/reports", "");
    let started = site.bridge.clock.now();
    while unbound().await.is_empty() {
        assert!(site.bridge.clock.now().duration_since(started).as_mins() < 5, "one is shown unbound");
        site.bridge.sandbox.wait_until(crate::support::QUIET, || false).await;
        site.bridge.clock.advance(jiff::SignedDuration::from_secs(1));
    }
    assert_eq!(unbound().await.len(), 1, "the report on the line of this bridge alone");
    site.finish(0).await;
}

#[tokio::test]
async fn other_channels_of_the_app_are_nobodys_here() {
    let site = Site::start().await;
    let events = json!([
        message(1, "web", "5f0c0000000000000000000c", "on the page"),
        message(2, "messenger", "5f0c0000000000000000000d", "in the app")
    ]);
    assert_eq!(site.post_events(&events).await, (200, json!({"status": "accepted", "events": 2})));
    site.settled().await;
    assert_eq!(site.bridge.sandbox.zendesk.tickets().len(), 0);
    site.finish(0).await;
}

#[tokio::test]
async fn each_event_of_a_body_counts_as_a_webhook_of_its_own_and_one_that_cannot_be_read_is_seen() {
    let site = Site::start().await;
    let page = || async {
        let url = format!("{}/metrics", site.bridge.operator);
        site.bridge.http.get(url).send().await.unwrap().text().await.unwrap()
    };
    let broken = json!({"id": "e9", "type": "conversation:message", "payload": {}});
    let events = json!([message(1, "twilio", SMS, "one"), message(2, "whatsapp", WHATSAPP, "two"), broken]);
    for _ in 0..2 {
        assert_eq!(site.post_events(&events).await.0, 200);
    }
    let metrics = page().await;
    for line in [
        "tandem_accepted_total{endpoint=\"sunshine\"} 2",
        "tandem_quarantined_total{endpoint=\"sunshine\"} 1",
        "tandem_duplicates_total{endpoint=\"sunshine\"} 3",
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line}\n{metrics}");
    }
    let (_, account) =
        crate::support::answer(site.bridge.http.get(format!("{}/api/inbound", site.bridge.operator))).await;
    let at = account["endpoints"].as_array().unwrap().iter().find(|at| at["path"] == "/webhooks/sunshine").unwrap();
    let names = at["names"].as_array().unwrap();
    let on = |line: &str| {
        let named = names.iter().find(|named| named["name"] == "other" && named["line"] == line);
        named.map(|named| (named["count"].clone(), named["line_name"].clone()))
    };
    assert_eq!(on(SMS), Some((json!(1), json!("sunshine-sms"))), "{at}");
    assert_eq!(on(WHATSAPP), Some((json!(1), json!("sunshine-whatsapp"))), "{at}");
    let otherwise = at["otherwise"].as_array().unwrap();
    let count = |outcome: &str| otherwise.iter().find(|one| one["outcome"] == outcome).map(|one| one["count"].clone());
    assert_eq!((count("quarantined"), count("duplicate")), (Some(json!(1)), Some(json!(1))), "{at}");
    site.settled().await;
    for one in site.of_kind("unreadable").await {
        site.bridge.discard(&one["id"]).await;
    }
    site.finish(0).await;
}
