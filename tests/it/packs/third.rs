//! A pack in a file of its own, by the example of Sinch's: it works against a fake whose shapes are those of Sinch's own client, which
//! also recorded the samples beside the pack. The whole client stands behind the fake of `sinch_client`.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{ADA, NUMBER};
use crate::support::{TestBridge, answer};

/// The words of a text that holds nothing for people.
pub(super) const NOTHING: &str = "[The customer sent something that is not passed on. Ask for it in words.]";

/// The path of the pack's file.
fn pack() -> String {
    format!("{}/packs/sinch.toml", env!("CARGO_MANIFEST_DIR"))
}

/// The account of this pack at the API of this address, with a line of its own, and Braze's beside it.
pub(super) fn account(pack: &str, url: &str) -> String {
    format!(
        "\n[accounts.sinch]\nvendor = \"pack\"\npack = \"{pack}\"\nurl = \"{url}\"\naccount_id = \"plan1\"\n\
         secret = \"an-api-token\"\nsigning_secrets = [\"a-webhook-secret\"]\nsender = \"{NUMBER}\"\n\
         webhook_url = \"https://bridge.example.org/webhooks/sinch\"\n\
         [[lines]]\nname = \"main\"\ncarrier = \"braze\"\n\
         [[lines]]\nname = \"third\"\ncarrier = \"sinch\"\naddress = \"{NUMBER}\"\n"
    )
}

/// The batches that the fake has taken.
type Batches = Arc<Mutex<Vec<Value>>>;

async fn batch(State(batches): State<Batches>, address: Uri, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let is_let_in = headers.get("authorization").is_some_and(|value| value == "Bearer an-api-token");
    if address.path() != "/xms/v1/plan1/batches" || !is_let_in {
        return (StatusCode::UNAUTHORIZED, json!({"code": "unauthorized"}).to_string());
    }
    let mut batches = batches.lock().unwrap();
    let id = format!("01FC{}", batches.len());
    batches.push(serde_json::from_slice(&body).unwrap());
    (StatusCode::CREATED, json!({"id": id, "type": "mt_text"}).to_string())
}

/// Starts the fake; gives its address.
async fn fake(batches: &Batches) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(post(batch)).with_state(Arc::clone(batches));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Posts an event as Sinch signs it.
async fn event(bridge: &TestBridge, body: &Value) -> (u16, Value) {
    let (body, time) = (body.to_string(), bridge.clock.now().as_second().to_string());
    let mut mac = Hmac::<Sha256>::new_from_slice(b"a-webhook-secret").unwrap();
    mac.update(format!("{body}.nonce1.{time}").as_bytes());
    let signature = BASE64.encode(mac.finalize().into_bytes());
    let request = bridge.http.post(format!("{}/webhooks/sinch", bridge.public)).body(body);
    let request = request.header("x-sinch-webhook-signature", signature);
    let request = request.header("x-sinch-webhook-signature-nonce", "nonce1");
    answer(request.header("x-sinch-webhook-signature-timestamp", time)).await
}

#[tokio::test]
async fn a_pack_of_ones_own_carries_texts_both_ways() {
    let mut bridge = TestBridge::start_with("", "").await;
    let batches = Batches::default();
    let url = fake(&batches).await;
    let account = account(&pack(), &url);
    bridge.restart_with(|settings| format!("{settings}{account}")).await;
    let text = json!({"type": "mo_text", "id": "in1", "from": &ADA[1..], "to": &NUMBER[1..], "body": "Hello",
        "received_at": "2026-11-28T09:15:02Z"});
    for told in ["accepted", "duplicate"] {
        let (status, answer) = event(&bridge, &text).await;
        assert_eq!((status, answer["status"].as_str()), (202, Some(told)), "{answer}");
    }
    bridge.settled().await;
    let ticket = bridge.sandbox.zendesk.tickets()[0].id;
    assert_eq!(bridge.comments(ticket), ["Hello"]);
    let binary = json!({"type": "mo_binary", "id": "in2", "from": &ADA[1..], "to": &NUMBER[1..], "body": "VGV4dA==",
        "udh": "050003000101", "received_at": "2026-11-28T09:15:03Z"});
    assert_eq!(event(&bridge, &binary).await.0, 202);
    bridge.settled().await;
    assert_eq!(bridge.comments(ticket), ["Hello", NOTHING], "no base64 reaches the agent");
    bridge.sandbox.zendesk.agent_reply(ticket, "Hi Ada");
    bridge.settled().await;
    let sent = batches.lock().unwrap().clone();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!((&sent[0]["to"], &sent[0]["body"]), (&json!([&ADA[1..]]), &json!("Hi Ada")));
    let report = json!({"type": "recipient_delivery_report_sms", "batch_id": "01FC0", "recipient": &ADA[1..], "code": 0,
        "status": "Delivered", "client_reference": sent[0]["client_reference"], "at": "2026-11-28T09:15:04Z"});
    assert_eq!(event(&bridge, &report).await.0, 200);
    let told = |all: &[Value]| all.iter().any(|one| !one["receipts"][0]["delivered_at"].is_null());
    bridge.until_deliveries("the arrival is told", told).await;
    assert_eq!(bridge.notes(ticket), [""; 0]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn check_proves_a_pack_of_ones_own_by_the_samples_beside_it() {
    let pack = pack();
    let (text, samples) = (std::fs::read_to_string(&pack).unwrap(), pack.replace(".toml", ".samples.toml"));
    let directory = tempfile::tempdir().unwrap();
    let here = |name: &str| directory.path().join(name);
    std::fs::copy(&samples, here("mine.samples.toml")).unwrap();
    let account = "[accounts.mine]\nvendor = \"pack\"\npack = \"mine.toml\"\naccount_id = \"p\"\nsecret = \"s\"\n\
                   webhook_url = \"https://a.example/hook\"\n\
                   signing_secrets = [\"w\"]\nsender = \"+15550100100\"\n";
    let faults = |text: &str| {
        std::fs::write(here("mine.toml"), text).unwrap();
        let parsed = tandem::config::parse(Some(account), [], directory.path());
        parsed.map_or_else(|faults| faults.to_string(), |_| String::new())
    };
    assert!(!faults(&text).contains("accounts.mine.pack"), "{}", faults(&text));
    let broken = faults(&text.replace("{body}.{nonce}.{timestamp}", "{body}.{timestamp}.{nonce}"));
    assert!(broken.contains("the sample \"a customer's text\" makes an event that is \"refused\""), "{broken}");
    let broken = faults(&text.replace("client_reference =", "client_ref ="));
    assert!(broken.contains("the sample \"a text\" makes the body"), "{broken}");
}

#[tokio::test]
async fn the_pack_of_the_cookbook_is_one() {
    let page = include_str!("../../../docs/packs.md");
    let block = |begins: &str| {
        let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split_once("```").map(|(block, _)| block));
        let mut found = blocks.filter(|block| block.starts_with(begins));
        found.next().unwrap_or_else(|| panic!("no block begins with {begins}")).to_owned()
    };
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("packs")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("packs/acme.toml", &block("title = \"Acme\""));
    write("packs/acme.samples.toml", &block("[[call]]"));
    let secrets = "secret = \"s\"\nsigning_secrets = [\"shared\"]\n";
    let account = |name: &str| format!("{}{secrets}", block(&format!("[accounts.{name}]")));
    for name in ["acme", "twilio"] {
        let parsed = tandem::config::parse(Some(&account(name)), [], directory.path());
        let faults = parsed.map_or_else(|faults| faults.to_string(), |_| String::new());
        assert!(!faults.contains("accounts."), "{faults}");
    }
    write("packs/acme.samples.toml", &block("[[call]]").replace("is     = \"sent\"", "is     = \"retry\""));
    let parsed = tandem::config::parse(Some(&account("acme")), [], directory.path());
    let faults = parsed.map_or_else(|faults| faults.to_string(), |_| String::new());
    assert!(faults.contains("the sample \"taken\" makes the text \"sent\""), "{faults}");
}
