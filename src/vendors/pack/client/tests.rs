//! The client of a made-up vendor against a scripted server on this machine.

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::clock::Clock;
use crate::domain::event::EventId;
use crate::domain::line::Channel;
use crate::domain::outgoing::{Part, Recipient};
use crate::ports::{Carrier as _, Sent, Text};
use crate::vendors::http::scripted::{self, Reply, Scripted};

const AT: i64 = 1_796_030_102;

/// A client of the made-up vendor, with this in the place of that.
fn client(url: &Url, that: &str, this: &str) -> Packed {
    let text = include_str!("../shelf/acme.toml");
    assert!(text.contains(that), "{that}");
    let plan = Plan::parse("acme.toml", &text.replacen(that, this, 1));
    let options = Options {
        plan: Arc::new(plan.unwrap_or_else(|flaw| panic!("{flaw:?}"))),
        url: Some(url.clone()),
        account_id: Some("a1".into()),
        key_id: None,
        secret: "s3cret".into(),
        webhook_url: None,
        sender: "+15550100100".into(),
    };
    Packed::new(options, scripted::reach(&Clock::manual(Timestamp::from_second(AT).unwrap(), 1)))
}

async fn send(client: &Packed) -> Result<Sent, Failure> {
    send_in_doubt_since(client, None).await
}

async fn send_in_doubt_since(client: &Packed, doubted_since: Option<Timestamp>) -> Result<Sent, Failure> {
    send_words(client, "Hello", doubted_since).await
}

async fn send_words(client: &Packed, words: &str, doubted_since: Option<Timestamp>) -> Result<Sent, Failure> {
    let to = Recipient::OfCarrier("+15550123456".into());
    let part = Part { id: EventId { epoch: 1, sequence: 2, sub: 0 }, number: 1, of: 1 };
    let channel = Channel::Sms;
    let (line, template, body, ticket) = (None, None, None, None);
    let (number, refused_at) = (None, None);
    let text = Text { to: &to, channel, line, words, template, part, body, ticket, number, refused_at, doubted_since };
    client.send(&text).await
}

#[tokio::test]
async fn each_authentication_presents_the_secret_in_its_own_way() {
    let hmac_auth = "scheme = \"hmac\"\nname = \"X-Mac\"\nbefore = \"v1=\"\nsigned = \"{method} {path} {timestamp} {body}\"\ntimestamp = \"X-Time\"";
    for (auth, name, value) in [
        ("scheme = \"bearer\"", "authorization", Some("Bearer s3cret")),
        ("scheme = \"header\"\nname = \"X-Key\"", "x-key", Some("s3cret")),
        ("scheme = \"header\"\nname = \"Authorization\"\nbefore = \"App \"", "authorization", Some("App s3cret")),
        (hmac_auth, "x-mac", None),
    ] {
        let server = Scripted::answers(vec![Reply::json(201, &json!({"id": "m1"}))]).await;
        let sent = send(&client(&server.url, "scheme = \"bearer\"", auth)).await;
        assert_eq!(sent.unwrap().dispatch.as_deref(), Some("m1"));
        let seen = &server.seen()[0];
        let mac = hmac(b"s3cret", &[format!("POST /messages {AT} ").as_bytes(), &seen.body]).unwrap();
        let signature = format!("v1={}", spelled(&mac, Letters::Hex));
        assert_eq!(seen.headers[name], value.unwrap_or(&signature), "{auth}");
        assert_eq!(seen.headers["idempotency-key"], "tandem-evt_000000010000000000020000-1");
    }
}

#[tokio::test]
async fn a_lost_answer_is_tried_again_only_where_the_key_outlives_the_tries() {
    let key = "idempotency = { header = \"Idempotency-Key\", hours = 48 }";
    for (this, is_tried) in [(key.to_owned(), true), (key.replace("48", "29"), false), (String::new(), false)] {
        let server = Scripted::answers(vec![Reply::text(500, "")]).await;
        let failure = send(&client(&server.url, key, &this)).await.unwrap_err();
        assert_eq!(matches!(failure, Failure::Retry { .. }), is_tried, "{this}: {failure:?}");
        assert_eq!(matches!(failure, Failure::Lose { .. }), !is_tried, "{this}: {failure:?}");
        assert_eq!(server.seen().len(), 1, "a call is made once");
    }
}

#[tokio::test]
async fn a_text_in_doubt_is_not_sent_again_under_a_key_that_the_vendor_may_have_forgotten() {
    let plain = "scheme = \"bearer\"";
    for (hours, is_sent) in [(46, true), (47, false), (72, false)] {
        let server = Scripted::answers(vec![Reply::json(201, &json!({"id": "m1"}))]).await;
        let since = Timestamp::from_second(AT - hours * 3600).unwrap();
        let sent = send_in_doubt_since(&client(&server.url, plain, plain), Some(since)).await;
        assert_eq!((sent.is_ok(), server.seen().len()), (is_sent, usize::from(is_sent)), "{hours}: {sent:?}");
        assert_eq!(matches!(sent, Err(Failure::Lose { .. })), !is_sent, "{hours}: {sent:?}");
    }
}

#[tokio::test]
async fn a_known_code_within_a_success_is_a_refusal_and_another_is_none() {
    let plain = "scheme = \"bearer\"";
    for (code, is_out) in [("stopped", false), ("unheard_of", true)] {
        let answer = json!({"id": "m1", "error": {"code": code}});
        let server = Scripted::answers(vec![Reply::json(200, &answer)]).await;
        let sent = send(&client(&server.url, plain, plain)).await;
        assert_eq!(sent.is_ok(), is_out, "{code}: {sent:?}");
        assert_eq!(matches!(&sent, Err(Failure::GiveUp { .. })), !is_out, "{code}: {sent:?}");
    }
}

#[tokio::test]
async fn a_call_under_a_key_that_is_in_use_is_made_again_and_one_without_a_key_is_refused() {
    let key = "idempotency = { header = \"Idempotency-Key\", hours = 48 }";
    for (this, is_tried) in [(key, true), ("", false)] {
        let server = Scripted::answers(vec![Reply::text(409, "")]).await;
        let failure = send(&client(&server.url, key, this)).await.unwrap_err();
        assert_eq!(matches!(failure, Failure::Retry { .. }), is_tried, "{this}: {failure:?}");
    }
}

#[tokio::test]
async fn a_query_behind_a_path_is_a_query() {
    let server = Scripted::answers(vec![Reply::json(200, &json!({})), Reply::json(201, &json!({"id": "m1"}))]).await;
    let probe = "[probe]\npath = \"/me?size=1&of={{ account_id | url_encode }}\"\n\n[webhook]\nencoding";
    client(&server.url, "[webhook]\nencoding", probe).ask_whether_let_in().await.unwrap();
    send(&client(&server.url, "path = \"/messages\"", "path = \"/messages?version=2\"")).await.unwrap();
    let targets: Vec<String> = server.seen().iter().map(|seen| seen.target.clone()).collect();
    assert_eq!(targets, ["/me?size=1&of=a1", "/messages?version=2"]);
}

#[tokio::test]
async fn a_value_in_a_query_is_that_value_and_a_signature_covers_the_path_as_it_is_sent() {
    let server = Scripted::answers(vec![Reply::json(201, &json!({"id": "m1"}))]).await;
    let that = "scheme = \"bearer\"\n\n[send]\npath = \"/messages\"";
    let this = "scheme = \"hmac\"\nname = \"X-Mac\"\nsigned = \"{method} {path} {body}\"\n\n[send]\n\
        path = \"/messages?flag&at=a@b&to={{ to | url_encode }}&text={{ text | url_encode }}\"";
    let client = client(&server.url, that, this);
    send_words(&client, "Tom & Jerry #1 at 50 % + more?", None).await.unwrap();
    let seen = &server.seen()[0];
    let (path, query) = seen.target.split_once('?').unwrap();
    let fields: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let words = ("text".to_owned(), "Tom & Jerry #1 at 50 % + more?".to_owned());
    assert_eq!((path, fields.len(), &fields[2].1, &fields[3]), ("/messages", 4, &"+15550123456".to_owned(), &words));
    let mac = hmac(b"s3cret", &[format!("POST {} ", seen.target).as_bytes(), &seen.body]).unwrap();
    assert_eq!(seen.headers["x-mac"], spelled(&mac, Letters::Hex));
}
