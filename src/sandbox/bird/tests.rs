//! The embedded Bird against its documents.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::server::Request;
use super::*;

fn start() -> Timestamp {
    Timestamp::from_second(1_796_030_102).unwrap()
}

async fn bird() -> (Bird, Clock) {
    let clock = Clock::manual(start(), 1);
    let bird = Bird::start(BirdOptions::default(), clock.clone()).await.unwrap();
    bird.pause_webhooks();
    (bird, clock)
}

async fn ask(bird: &Bird, method: &str, target: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
    let mut request = http::Request::new(bytes::Bytes::from(body.to_string()));
    *request.method_mut() = method.parse().unwrap();
    *request.uri_mut() = target.parse().unwrap();
    request.headers_mut().insert("authorization", "Bearer bk_eu1_sandbox-not-real".parse().unwrap());
    if let Some(key) = key {
        request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    }
    let answer = bird.inner.answer(&Request::from(request)).await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

fn text(words: &str) -> Value {
    json!({"to": "+15550123456", "from": "+15550100100", "text": words, "category": "service",
        "tags": [{"name": "tandem", "value": "a-1"}]})
}

#[tokio::test]
async fn a_key_replays_its_first_answer_for_three_hours_and_takes_no_other_body() {
    let (bird, clock) = bird().await;
    let send = async |words: &str| ask(&bird, "POST", "/v1/sms/messages", Some("k"), &text(words)).await;
    let first = send("Hi").await;
    assert_eq!((first.0, send("Hi").await), (202, first.clone()));
    let reused = send("Other").await;
    assert_eq!((reused.0, &reused.1["error"]["name"]), (409, &json!("idempotency_key_reuse")));
    clock.advance(SignedDuration::from_hours(3));
    let again = send("Hi").await;
    assert!(again.0 == 202 && again.1["id"] != first.1["id"] && bird.texts().len() == 2);
}

#[tokio::test]
async fn a_text_needs_a_sender_of_the_workspace_a_category_and_a_length_that_fits() {
    let (bird, _) = bird().await;
    let refusal = async |change: Value| {
        let mut body = text("Hi");
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, answer) = ask(&bird, "POST", "/v1/sms/messages", None, &body).await;
        assert_eq!(status, 422, "{change}");
        answer["error"]["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(refusal(json!({"from": null})).await, "SMSNoEligibleSender");
    assert_eq!(refusal(json!({"from": "+15550100999"})).await, "SMSNoEligibleSender");
    assert_eq!(refusal(json!({"to": "15550123456"})).await, "SMSInvalidRecipient");
    assert_eq!(refusal(json!({"category": null})).await, "MissingCategory");
    assert_eq!(refusal(json!({"media_urls": ["https://x"]})).await, "SMSUnsupportedFeature");
    assert_eq!(refusal(json!({"text": "a".repeat(1837)})).await, "ValueNotPermitted");
    assert_eq!(refusal(json!({"text": "é".repeat(805)})).await, "ValueNotPermitted");
    assert_eq!(refusal(json!({"tags": [{"name": "tandem", "value": "a.1"}]})).await, "ValueNotPermitted");
    assert_eq!(bird.texts(), []);
}

#[tokio::test]
async fn a_list_has_the_newest_first_and_every_filter_counts() {
    let (bird, clock) = bird().await;
    ask(&bird, "POST", "/v1/sms/messages", None, &text("one")).await;
    clock.advance(SignedDuration::from_secs(10));
    bird.text("+15550123456", "+15550100100", "two");
    let list = async |query: &str| {
        let (_, page) = ask(&bird, "GET", &format!("/v1/sms/messages?{query}"), None, &Value::Null).await;
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["text"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(list("").await, ["two", "one"]);
    assert_eq!(list("limit=1").await, ["two"]);
    assert_eq!(list("direction=outbound").await, ["one"]);
    assert_eq!(list("tag=tandem:a-1").await, ["one"]);
    assert_eq!(list("tag=tandem:a-2").await, [""; 0]);
    assert_eq!(list("to=%2B15550123456").await, ["one"]);
    assert_eq!(list("created_after=2026-11-30T09:15:05Z").await, ["two"]);
    let (_, page) = ask(&bird, "GET", "/v1/sms/messages?limit=1", None, &Value::Null).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(list(&format!("starting_after={cursor}")).await, ["one"]);
}

#[tokio::test]
async fn a_suppressed_text_is_accepted_and_then_rejected_and_statuses_are_signed_events() {
    let (bird, _) = bird().await;
    bird.text("+15550123456", "+15550100100", "stop");
    assert_eq!(ask(&bird, "POST", "/v1/sms/messages", None, &text("Hi")).await.0, 202);
    let held = bird.take_held_webhooks();
    let kinds: Vec<Value> = held.iter().map(|webhook| serde_json::from_str(&webhook.body).unwrap()).collect();
    let kinds: Vec<&str> = kinds.iter().map(|body: &Value| body["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["sms.received", "sms.accepted", "sms.rejected"]);
    assert_eq!(bird.texts(), []);
    let names: Vec<String> = held[0].headers(start()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["webhook-id", "webhook-timestamp", "webhook-signature"]);
    bird.text("+15550123456", "+15550100100", "START");
    ask(&bird, "POST", "/v1/sms/messages", None, &text("Hi")).await;
    assert!(bird.wait_until(Duration::from_secs(5), || bird.texts().len() == 1).await);
}

#[tokio::test]
async fn a_whatsapp_message_needs_a_sender_of_whatsapp_and_behind_the_window_a_template() {
    let (bird, clock) = bird().await;
    let send = async |content: Value| {
        let mut body = json!({"to": "US.123", "from": "+15550100200"});
        body.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
        ask(&bird, "POST", "/v1/whatsapp/messages", None, &body).await.0
    };
    let (words, template) = (json!({"text": {"body": "Hi"}}), json!({"template": {"slug": "please_write_again"}}));
    for refused in [
        json!({"text": {"body": "Hi"}, "from": "+15550100100"}),
        json!({"text": "Hi"}),
        json!({"template": {"slug": "other"}}),
        json!({}),
    ] {
        assert_eq!(send(refused.clone()).await, 422, "{refused}");
    }
    bird.whatsapp("US.123", "+15550100200", "Hello");
    assert_eq!(send(words.clone()).await, 202);
    clock.advance(SignedDuration::from_hours(24));
    assert_eq!((send(words).await, send(template).await), (202, 202));
    let statuses: Vec<&str> = bird.texts().iter().map(|text| text.status).collect();
    assert_eq!(statuses, ["delivered", "failed", "delivered"]);
}
