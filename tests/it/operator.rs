//! The operator's API over HTTP: lists with true totals, single deliveries, redrive and discard, health, metrics.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use jiff::Timestamp;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tandem::domain::account::Ends;
use tandem::domain::event::{DedupeKey, Event, EventKind, Unreadable};
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::store::embedded::sled::SledStore;
use tandem::store::{Accepted, Inbox, Store, StoreLimits};

use crate::bulk::operator_over;
use crate::support::{TestBridge, answer, http_client, start_of_time};
use crate::webhooks::{assert_accepted, braze_post, form, limited, quiet_bridge, ticket_of};

/// The words for a delivery's state.
const STATES: [&str; 8] =
    ["pending", "sending", "waiting", "unconfirmed", "delivered", "skipped", "dead", "quarantined"];

fn ask(bridge: &TestBridge, path: &str) -> RequestBuilder {
    bridge.http.get(format!("{}{path}", bridge.operator))
}

async fn get(bridge: &TestBridge, path: &str) -> (u16, Value) {
    answer(ask(bridge, path)).await
}

async fn post(bridge: &TestBridge, path: &str, body: &str) -> (u16, Value) {
    answer(bridge.http.post(format!("{}{path}", bridge.operator)).body(body.to_owned())).await
}

/// A bridge with `count` customers, each with one delivered text.
async fn with_customers(count: usize) -> TestBridge {
    let bridge = quiet_bridge().await;
    for number in 0..count {
        let body = form(&[("external_id", &format!("customer-{number}")), ("text", "Hello")]);
        assert_accepted(&answer(braze_post(&bridge, &body)).await);
    }
    bridge.settled().await;
    bridge
}

// ------------------------------------------------------------------------------------------------------------ lists

#[tokio::test]
async fn a_delivery_and_a_conversation_have_the_fields_of_the_contract() {
    let bridge = quiet_bridge().await;
    let ticket = ticket_of(&bridge, "ada").await;
    let (status, page) = get(&bridge, "/api/deliveries").await;
    assert_eq!((status, &page["total"], &page["next"]), (200, &json!(1), &Value::Null));
    assert_eq!(page.as_object().unwrap().len(), 3, "items, total and next: {page}");
    let delivery = &page["items"][0];
    assert!(delivery["id"].as_str().unwrap().starts_with("evt_"));
    assert_eq!((&delivery["state"], &delivery["kind"]), (&json!("delivered"), &json!("customer_text")));
    assert_eq!((&delivery["conversation"], &delivery["attempts"]), (&json!("ada"), &json!(1)));
    assert_eq!(delivery.get("cause"), Some(&Value::Null));
    let accepted_at: Timestamp = delivery["accepted_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(accepted_at, crate::support::start_of_time());
    assert!(!page.to_string().contains("Hello"), "a list shows nothing of what was written");

    let (status, shown) = get(&bridge, &format!("/api/deliveries/{}", delivery["id"].as_str().unwrap())).await;
    assert_eq!((status, &shown["id"], &shown["event"]["text"]), (200, &delivery["id"], &json!("Hello")));

    let (status, page) = get(&bridge, "/api/conversations").await;
    assert_eq!((status, &page["total"], &page["next"]), (200, &json!(1), &Value::Null));
    let conversation = &page["items"][0];
    assert_eq!((&conversation["key"], &conversation["ticket_id"]), (&json!("ada"), &json!(ticket)));
    assert_eq!(conversation["ticket_state"], "new");
    assert_eq!(get(&bridge, "/api/conversation?key=ada").await.1["key"], "ada");
    bridge.finish(0).await;
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap_and_name_the_true_total() {
    let bridge = with_customers(7).await;
    for list in ["deliveries", "conversations"] {
        let (_, whole) = get(&bridge, &format!("/api/{list}")).await;
        let name = if list == "deliveries" { "id" } else { "key" };
        let whole: Vec<Value> = whole["items"].as_array().unwrap().iter().map(|item| item[name].clone()).collect();
        assert_eq!(whole.len(), 7);
        for (limit, sizes) in [(1, vec![1; 7]), (3, vec![3, 3, 1]), (6, vec![6, 1]), (7, vec![7]), (500, vec![7])] {
            let (mut found, mut cursor, mut found_sizes) = (Vec::new(), String::new(), Vec::new());
            loop {
                let (status, page) = get(&bridge, &format!("/api/{list}?limit={limit}{cursor}")).await;
                assert_eq!((status, &page["total"]), (200, &json!(7)), "{page}");
                let items = page["items"].as_array().unwrap();
                found_sizes.push(items.len());
                found.extend(items.iter().map(|item| item[name].clone()));
                let Some(next) = page["next"].as_str() else { break };
                cursor = format!("&after={next}");
            }
            assert_eq!((&found, &found_sizes), (&whole, &sizes), "{list} by {limit}");
        }
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_filter_counts_what_it_lets_through() {
    let bridge = with_customers(3).await;
    for number in 0..2 {
        answer(braze_post(&bridge, &format!("nonsense {number}"))).await;
    }
    bridge.settled().await;
    for state in STATES {
        let expected = match state {
            "delivered" => 3,
            "quarantined" => 2,
            _ => 0,
        };
        let (status, page) = get(&bridge, &format!("/api/deliveries?state={state}&limit=1")).await;
        assert_eq!((status, &page["total"]), (200, &json!(expected)), "{state}");
        assert!(page["items"].as_array().unwrap().iter().all(|item| item["state"] == state), "{page}");
        assert_eq!(page["next"].is_null(), expected < 2, "{page}");
    }
    let (_, page) = get(&bridge, "/api/deliveries?conversation=customer-1").await;
    assert_eq!((&page["total"], &page["items"][0]["conversation"]), (&json!(1), &json!("customer-1")));
    let (_, page) = get(&bridge, "/api/deliveries?conversation=customer-1&state=dead").await;
    assert_eq!(page, json!({"items": [], "total": 0, "next": null}));
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_not_answered_with_everything() {
    let bridge = with_customers(1).await;
    for path in [
        "/api/deliveries?state=broken",
        "/api/deliveries?states=dead",
        "/api/deliveries?limit=0",
        "/api/deliveries?limit=501",
        "/api/deliveries?limit=-1",
        "/api/deliveries?limit=many",
        "/api/deliveries?after=yesterday",
        "/api/deliveries/evt_1",
        "/api/deliveries/..%2f..%2fetc",
        "/api/conversations?state=open",
        "/api/conversation",
        "/api/conversation?key=",
    ] {
        let (status, body) = get(&bridge, path).await;
        assert_eq!(status, 400, "{path}: {body}");
        assert!(body["error"].is_string(), "{path}: {body}");
    }
    let nobody = format!("/api/deliveries/evt_{}", "0".repeat(24));
    for path in [nobody.as_str(), "/api/conversation?key=nobody", "/api", "/api/nothing"] {
        let (status, body) = get(&bridge, path).await;
        assert_eq!((status, body["error"].is_string()), (404, true), "{path}: {body}");
    }
    for (method, path) in
        [(Method::POST, "/api/deliveries"), (Method::DELETE, "/api/conversations"), (Method::PUT, "/metrics")]
    {
        let (status, body) = answer(bridge.http.request(method.clone(), format!("{}{path}", bridge.operator))).await;
        assert_eq!((status, body["error"].is_string()), (405, true), "{method} {path}: {body}");
    }
    bridge.finish(0).await;
}

// ---------------------------------------------------------------------------------------------------------- actions

/// The id of a dead text, which names a ticket that does not exist.
async fn dead_letter(bridge: &TestBridge) -> String {
    let body = r#"{"ticket":{"comment":{"body":"Hello?"}}}"#;
    let id = assert_accepted(&answer(bridge.as_braze(Method::PUT, "/api/v2/tickets/404.json", body)).await);
    bridge.settled().await;
    assert_eq!(get(bridge, &format!("/api/deliveries/{id}")).await.1["state"], "dead");
    id
}

#[tokio::test]
async fn a_dead_letter_is_redriven_and_arrives_once_the_cause_is_gone() {
    let bridge = quiet_bridge().await;
    bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/tickets", FaultKind::status(422)));
    let body = form(&[("external_id", "ada"), ("text", "Hello")]);
    let id = assert_accepted(&answer(braze_post(&bridge, &body)).await);
    bridge.settled().await;
    let (_, shown) = get(&bridge, &format!("/api/deliveries/{id}")).await;
    assert_eq!(shown["state"], "dead", "{shown}");
    assert!(shown["cause"].as_str().is_some_and(|cause| !cause.is_empty()), "{shown}");
    let (status, moved) = post(&bridge, &format!("/api/deliveries/{id}/redrive"), "").await;
    assert_eq!((status, &moved["id"]), (200, &json!(id)), "{moved}");
    bridge.settled().await;
    assert_eq!(get(&bridge, &format!("/api/deliveries/{id}")).await.1["state"], "delivered");
    assert_eq!(bridge.comments(1), ["Hello"]);
    let (status, refused) = post(&bridge, &format!("/api/deliveries/{id}/redrive"), "").await;
    assert_eq!(status, 409, "what has arrived cannot be sent again: {refused}");
    bridge.settled().await;
    assert_eq!(bridge.comments(1), ["Hello"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn what_is_dead_or_unreadable_is_discarded_with_a_reason_and_only_with_one() {
    let bridge = quiet_bridge().await;
    let dead = dead_letter(&bridge).await;
    let unreadable = answer(braze_post(&bridge, "nonsense")).await.1["id"].as_str().unwrap().to_owned();
    for id in [dead, unreadable] {
        let path = format!("/api/deliveries/{id}/discard");
        let long = json!({"reason": "x".repeat(501)}).to_string();
        for body in ["", "{}", r#"{"reason":""}"#, r#"{"reason":"  "}"#, r#"{"reason":7}"#, "wrong number", &long] {
            let (status, refused) = post(&bridge, &path, body).await;
            assert_eq!(status, 400, "{body}: {refused}");
        }
        let (status, moved) = post(&bridge, &path, r#"{"reason":"wrong number"}"#).await;
        assert_eq!((status, &moved["state"]), (200, &json!("skipped")), "{moved}");
        assert!(moved["cause"].as_str().unwrap().contains("wrong number"), "{moved}");
        assert_eq!(post(&bridge, &path, r#"{"reason":"again"}"#).await.0, 409);
    }
    assert_eq!(
        post(&bridge, &format!("/api/deliveries/evt_{}/discard", "0".repeat(24)), r#"{"reason":"x"}"#).await.0,
        404
    );
    assert_eq!(post(&bridge, &format!("/api/deliveries/evt_{}/redrive", "0".repeat(24)), "").await.0, 404);
    // The note to the agent has no ticket to stand on either.
    bridge.finish(1).await;
}

#[tokio::test]
async fn an_unreadable_body_is_redriven_once_it_can_be_read_and_not_before() {
    let mut bridge = quiet_bridge().await;
    // A team whose user field has another name than the configuration says.
    let body = r#"{"ticket":{"comment":{"body":"Hello"},"requester":{"user_fields":{"loyalty_id":"ada"}}}}"#;
    let (_, told) = answer(bridge.as_braze(Method::POST, "/api/v2/tickets.json", body)).await;
    assert_eq!(told["status"], "quarantined");
    let id = told["id"].as_str().unwrap().to_owned();
    let path = format!("/api/deliveries/{id}");
    let (status, refused) = post(&bridge, &format!("{path}/redrive"), "").await;
    assert_eq!(status, 409, "{refused}");
    assert!(refused["error"].as_str().unwrap().contains("still cannot be read"), "{refused}");
    assert_eq!(get(&bridge, &path).await.1["state"], "quarantined");

    bridge.restart_with(|settings| settings.replace("[zendesk]", "[zendesk]\nuser_field = \"loyalty_id\"")).await;
    // Twice at once, as impatient people do.
    let again = format!("{path}/redrive");
    let (first, second) = tokio::join!(post(&bridge, &again, ""), post(&bridge, &again, ""));
    assert!(first.0 == 200 || second.0 == 200, "{first:?} {second:?}");
    let deliveries = bridge.settled().await;
    let states: Vec<_> = deliveries.iter().map(|delivery| &delivery["state"]).collect();
    assert_eq!(states, ["skipped", "delivered"]);
    let cause = deliveries[0]["cause"].as_str().unwrap();
    assert_eq!(cause, format!("read again as {}", deliveries[1]["id"].as_str().unwrap()));
    assert_eq!(bridge.comments(1), ["Hello"]);
    assert_eq!(post(&bridge, &format!("{path}/redrive"), "").await.0, 409, "it has been read");
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_body_whose_own_keys_are_its_own_is_read_again_all_the_same() {
    // Kept by an older release that could not read it, under the keys that it named.
    let directory = tempfile::tempdir().unwrap();
    let store = SledStore::open(directory.path(), StoreLimits::default(), 7, start_of_time()).await.unwrap();
    let body = form(&[("campaign", "c"), ("dispatch", "d1"), ("external_id", "ada"), ("text", "Hello")]);
    let key = || DedupeKey::Dispatch { campaign: "c".into(), dispatch: "d1".into(), customer: "ada".into() };
    let kept = Unreadable {
        path: "/webhooks/braze".to_owned(),
        method: "POST".to_owned(),
        content_type: None,
        body: STANDARD.encode(&body),
    };
    let event = Event { received_at: start_of_time(), kind: EventKind::Unreadable(kept) };
    let kept = store
        .quarantine(event, Ends::FIRST.into(), "unreadable".to_owned(), vec![key()], start_of_time())
        .await
        .unwrap();
    let Accepted::New(id) = kept else { panic!("{kept:?}") };
    let store: Arc<dyn Store> = Arc::new(store);
    let url = operator_over(Arc::clone(&store)).await;
    let client = http_client();
    let (status, moved) = answer(client.post(format!("{url}/api/deliveries/{id}/redrive"))).await;
    assert_eq!((status, &moved["state"]), (200, &json!("skipped")), "{moved}");
    let (_, page) = answer(client.get(format!("{url}/api/deliveries?conversation=ada"))).await;
    assert_eq!((&page["total"], &page["items"][0]["state"]), (&json!(1), &json!("pending")), "{page}");
    store.close().await;
}

// ----------------------------------------------------------------------------------------------------- who gets in

#[tokio::test]
async fn without_the_operators_token_nobody_reads_anything() {
    const TOKEN: &str = "an-operator-token-not-real";
    let mut bridge = TestBridge::start_with(&format!("catch_up_minutes = 0\noperator_token = \"{TOKEN}\""), "").await;
    let id = format!("evt_{}", "0".repeat(24));
    let reads = [
        "/api/deliveries",
        "/api/conversations",
        "/api/conversation?key=ada",
        "/api/destinations",
        "/api/audit",
        "/metrics",
    ]
    .map(|path| (Method::GET, path.to_owned()));
    let writes = [
        &format!("/api/deliveries/{id}/redrive"),
        &format!("/api/deliveries/{id}/discard"),
        "/api/deliveries/redrive?state=dead",
        "/api/deliveries/discard?state=dead",
        "/api/conversation/forget?key=ada",
        "/api/destinations/braze/pause",
        "/api/destinations/braze/resume",
    ]
    .map(|path| (Method::POST, path.to_owned()));
    let webhook_token = crate::webhooks::token();
    let mut words = Vec::new();
    for (method, path) in reads.iter().chain(&writes) {
        let url = format!("{}{path}", bridge.operator);
        let request = || bridge.http.request(method.clone(), &url);
        for wrong in [
            request(),
            request().bearer_auth(""),
            request().bearer_auth("wrong"),
            request().bearer_auth(&TOKEN[1..]),
            request().bearer_auth(format!("{TOKEN}x")),
            request().bearer_auth(&webhook_token),
            request().basic_auth("operator", Some(TOKEN)),
            request().header("x-tandem-token", TOKEN),
            bridge
                .http
                .request(method.clone(), format!("{url}{}token={TOKEN}", if path.contains('?') { '&' } else { '?' })),
        ] {
            let response = wrong.send().await.unwrap();
            assert_eq!(response.status(), 401, "{method} {path}");
            words.push(response.text().await.unwrap());
        }
        let status = request().bearer_auth(TOKEN).send().await.unwrap().status().as_u16();
        assert!([200, 400, 404].contains(&status), "{method} {path} with the token: {status}");
        // After ten wrong ones in a minute, the answer would be another.
        bridge.clock.advance(SignedDuration::from_secs(61));
    }
    words.dedup();
    assert_eq!(words.len(), 1, "the same words for every cause: {words:?}");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(&bridge, path).await.0, 200, "{path} says nothing of anybody");
    }
    bridge.stop().await;
}

#[tokio::test]
async fn without_a_token_only_this_machine_is_served_and_no_other_web_site() {
    let bridge = with_customers(1).await;
    let host = bridge.operator.strip_prefix("http://").unwrap().to_owned();
    for (header, value, status) in [
        ("host", host.as_str(), 200),
        ("host", "localhost:8081", 200),
        ("host", "evil.example:8081", 403),
        ("host", "127.0.0.1.evil.example", 403),
        ("origin", bridge.operator.as_str(), 200),
        ("origin", "http://evil.example", 403),
        ("origin", "null", 403),
    ] {
        for path in ["/api/deliveries", "/api/conversations", "/metrics"] {
            let response = ask(&bridge, path).header(header, value).send().await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{path} with {header}: {value}");
        }
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn the_public_listener_shows_nothing_of_what_is_stored() {
    let bridge = with_customers(1).await;
    let id = bridge.deliveries("").await[0]["id"].as_str().unwrap().to_owned();
    for path in
        ["/metrics", "/api/deliveries", "/api/conversations", &format!("/api/deliveries/{id}"), "/api/v2/tickets/1"]
    {
        let (status, body) = answer(bridge.http.get(format!("{}{path}", bridge.public))).await;
        assert!([404, 405].contains(&status), "{path}: {status} {body}");
        assert!(body["error"].is_string() && !body.to_string().contains("customer-0"), "{path}: {body}");
    }
    bridge.finish(0).await;
}

// --------------------------------------------------------------------------------------------------------- metrics

async fn metrics(bridge: &TestBridge) -> String {
    let response = ask(bridge, "/metrics").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(content_type.starts_with("text/plain"), "{content_type}");
    response.text().await.unwrap()
}

#[tokio::test]
async fn every_answer_is_counted_under_its_name() {
    let bridge = quiet_bridge().await;
    let ticket = ticket_of(&bridge, "ada").await;
    let text = form(&[("external_id", "ada"), ("dispatch", "d1"), ("text", "Secret words")]);
    for _ in 0..2 {
        answer(braze_post(&bridge, &text)).await;
    }
    answer(braze_post(&bridge, &form(&[("dispatch", "dispatch_id_for_unsent_campaign")]))).await;
    answer(braze_post(&bridge, "nonsense")).await;
    answer(braze_post(&bridge, &"x".repeat(300_000))).await;
    answer(bridge.http.post(format!("{}/webhooks/braze", bridge.public)).bearer_auth("wrong")).await;
    answer(bridge.http.post(format!("{}/webhooks/zendesk", bridge.public))).await;
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>Secret reply</p>");
    bridge.settled().await;
    let page = metrics(&bridge).await;
    for line in [
        "tandem_accepted_total{endpoint=\"braze\"} 2",
        "tandem_accepted_total{endpoint=\"zendesk\"} 1",
        "tandem_duplicates_total{endpoint=\"braze\"} 1",
        "tandem_ignored_total{endpoint=\"braze\"} 1",
        "tandem_quarantined_total{endpoint=\"braze\"} 1",
        "tandem_refused_total{endpoint=\"braze\",cause=\"wrong_token\"} 1",
        "tandem_refused_total{endpoint=\"zendesk\",cause=\"missing_signature\"} 1",
        "tandem_refused_total{endpoint=\"braze\",cause=\"too_large\"} 1",
        "tandem_unavailable_total{reason=\"backlog\"} 0",
        "tandem_attempts_total{destination=\"zendesk\",outcome=\"done\"} 3",
        "tandem_attempts_total{destination=\"braze\",outcome=\"done\"} 1",
        "tandem_deliveries{state=\"pending\"} 0",
        "tandem_deliveries{state=\"dead\"} 0",
        "tandem_deliveries{state=\"quarantined\"} 1",
        "tandem_oldest_unsettled_seconds 0.0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not on the page:\n{page}");
    }
    for state in STATES {
        assert!(
            page.contains(&format!("tandem_deliveries{{state=\"{state}\"}}")),
            "{state} is not on the page:\n{page}"
        );
    }
    for secret in ["Secret", "ada", "d1\"", "wrong\"", "nonsense"] {
        assert!(!page.contains(secret), "{secret} is on the page:\n{page}");
    }
    bridge.finish(0).await;
}

// ---------------------------------------------------------------------------------------------------------- health

#[tokio::test]
async fn a_running_bridge_is_alive_and_ready_on_both_listeners() {
    let bridge = quiet_bridge().await;
    for listener in [&bridge.public, &bridge.operator] {
        let (status, body) = answer(bridge.http.get(format!("{listener}/healthz"))).await;
        assert_eq!((status, body), (200, json!({"status": "alive"})));
        let (status, body) = answer(bridge.http.get(format!("{listener}/readyz"))).await;
        assert_eq!((status, body), (200, json!({"status": "ready", "notes": []})));
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_vendor_that_refuses_us_is_noted_and_keeps_no_webhook_out() {
    let bridge = quiet_bridge().await;
    let ticket = ticket_of(&bridge, "ada").await;
    let broken = Fault::on("POST", "/campaigns/trigger/send", FaultKind::status(401)).times(3);
    bridge.sandbox.braze.fail(broken);
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>Hello</p>");
    bridge
        .until("a refused text", |bridge| bridge.sandbox.braze.calls().iter().any(|call| call.status == Some(401)))
        .await;
    bridge
        .until_deliveries("the text put back", |deliveries| {
            deliveries.iter().any(|delivery| delivery["kind"] == "phone_text" && delivery["state"] == "waiting")
        })
        .await;
    let (status, body) = answer(bridge.http.get(format!("{}/readyz", bridge.public))).await;
    assert_eq!((status, &body["status"]), (200, &json!("ready")), "{body}");
    let notes = body["notes"].as_array().unwrap();
    assert!(notes.len() == 1 && notes[0].as_str().unwrap().starts_with("braze: refuses the bridge: "), "{body}");
    assert!(metrics(&bridge).await.contains("tandem_destination_paused{destination=\"braze\"} 1"));
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Hello"]);
    let (_, body) = answer(bridge.http.get(format!("{}/readyz", bridge.public))).await;
    assert_eq!(body["notes"], json!([]), "what is over is not noted any more");
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_bridge_that_cannot_store_is_alive_but_not_ready_and_says_why() {
    for (limits, close, reason) in [
        (StoreLimits { disk_floor_bytes: u64::MAX, ..StoreLimits::default() }, false, "MiB are free"),
        (StoreLimits { backlog_max: 0, ..StoreLimits::default() }, false, "the backlog is full"),
        (StoreLimits::default(), true, "shutting down"),
    ] {
        let limited = limited(limits).await;
        if close {
            limited.store.close().await;
        }
        let client = http_client();
        let (status, body) = answer(client.get(format!("{}/readyz", limited.url))).await;
        assert_eq!((status, &body["status"]), (503, &json!("not ready")), "{reason}: {body}");
        let reasons = body["reasons"].as_array().unwrap();
        assert!(reasons.len() == 1 && reasons[0].as_str().unwrap().contains(reason), "{body}");
        assert_eq!(answer(client.get(format!("{}/healthz", limited.url))).await.0, 200, "{reason}");
        limited.store.close().await;
    }
}
