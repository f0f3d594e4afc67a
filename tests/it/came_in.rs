//! The account of webhooks: by endpoint, name and reason, across a stop and a kill, and as the commands look at it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::process::{self, Process, run, tandem};
use crate::support::{TestBridge, answer, start_of_time};
use crate::webhooks::{assert_accepted, braze_post, form, quiet_bridge};

/// `GET /api/inbound`.
async fn account(bridge: &TestBridge) -> Value {
    let (status, account) = answer(bridge.http.get(format!("{}/api/inbound", bridge.operator))).await;
    assert_eq!(status, 200, "{account}");
    account
}

/// The account of one endpoint.
fn at<'a>(account: &'a Value, endpoint: &str) -> &'a Value {
    let endpoints = account["endpoints"].as_array().unwrap();
    endpoints.iter().find(|at| at["endpoint"] == endpoint).unwrap_or_else(|| panic!("{endpoint}: {account}"))
}

/// Number and last time under a name at an endpoint.
fn named(account: &Value, endpoint: &str, name: &str) -> (Value, Value, Value) {
    let names = at(account, endpoint)["names"].as_array().unwrap();
    let named = names.iter().find(|named| named["name"] == name).unwrap_or_else(|| panic!("{name}: {account}"));
    (named["line"].clone(), named["count"].clone(), named["last"].clone())
}

async fn text(bridge: &TestBridge, category: &str, dispatch: &str) {
    bridge.customer("ada");
    let body = form(&[
        ("category", category),
        ("group", "group-1"),
        ("dispatch", dispatch),
        ("external_id", "ada"),
        ("text", "Where is my engine?"),
    ]);
    assert_accepted(&answer(braze_post(bridge, &body)).await);
}

async fn with_a_wrong_token(bridge: &TestBridge) {
    let wrong = bridge.http.post(format!("{}/webhooks/braze", bridge.public)).bearer_auth("wrong");
    assert_eq!(answer(wrong.body("external_id=ada&text=x")).await.0, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_in_is_told_by_endpoint_by_name_and_by_reason() {
    let bridge = quiet_bridge().await;
    let now = json!(start_of_time());
    let fresh = account(&bridge).await;
    assert_eq!((&fresh["since"], &fresh["counting_since"]), (&now, &now));
    for (endpoint, names) in [
        ("zendesk", &["agent_reply", "ticket_solved", "ticket_reopened"][..]),
        ("braze", &["other", "opt_in", "opt_out", "help"]),
    ] {
        let never = (Value::Null, json!(0), Value::Null);
        assert!(names.iter().all(|name| named(&fresh, endpoint, name) == never), "{fresh}");
    }

    text(&bridge, "other", "d1").await;
    text(&bridge, "Opt-Out", "d2").await;
    text(&bridge, "SUPPORT", "d3").await;
    text(&bridge, "SUPPORT", "d4").await;
    for _ in 0..3 {
        with_a_wrong_token(&bridge).await;
    }
    let reply = r#"{"event":"agent_reply","ticket_id":"1","comment_id":"2"}"#;
    assert_accepted(&bridge.zendesk_webhook(reply).await);
    assert_eq!(bridge.zendesk_webhook(r#"{"event":"agent_replied","ticket_id":"1"}"#).await.1["status"], "ignored");

    let told = account(&bridge).await;
    assert_eq!(at(&told, "braze")["accepted"], json!({"count": 4, "last": now}));
    let line = json!("group-1");
    assert_eq!(named(&told, "braze", "other"), (line.clone(), json!(1), now.clone()));
    assert_eq!(named(&told, "braze", "opt_out"), (line.clone(), json!(1), now.clone()));
    assert_eq!(named(&told, "braze", "SUPPORT"), (line, json!(2), now.clone()));
    assert_eq!(named(&told, "braze", "help"), (Value::Null, json!(0), Value::Null));
    assert_eq!(named(&told, "zendesk", "agent_reply"), (Value::Null, json!(1), now.clone()));
    let [refused] = at(&told, "braze")["otherwise"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!(
        (&refused["outcome"], &refused["reason"], &refused["count"], &refused["last"]),
        (&json!("refused"), &json!("wrong_token"), &json!(3), &now)
    );
    assert!(refused["remedy"].as_str().unwrap().contains("braze.webhook_tokens"), "{refused}");
    let [ignored] = at(&told, "zendesk")["otherwise"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!((&ignored["outcome"], &ignored["reason"]), (&json!("ignored"), &json!("unknown event")));
    assert!(!told.to_string().contains("engine") && !told.to_string().contains("ada"), "{told}");

    let page = bridge.http.get(format!("{}/metrics", bridge.operator)).send().await.unwrap().text().await.unwrap();
    let seconds = start_of_time().as_second();
    for line in [
        format!("tandem_last_accepted_timestamp_seconds{{endpoint=\"braze\"}} {seconds}.0"),
        format!("tandem_last_accepted_timestamp_seconds{{endpoint=\"zendesk\"}} {seconds}.0"),
        "tandem_refused_total{endpoint=\"braze\",cause=\"wrong_token\"} 3".to_owned(),
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not on the page:\n{page}");
    }
    assert!(!page.contains("timestamp_seconds{endpoint=\"recipe"), "absent where nothing ever came: {page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_that_was_stopped_remembers_when_and_counts_anew() {
    let mut bridge = quiet_bridge().await;
    text(&bridge, "SUPPORT", "d1").await;
    let came = account(&bridge).await["endpoints"][1]["accepted"]["last"].clone();
    with_a_wrong_token(&bridge).await;
    bridge.stop().await;
    bridge.clock.advance(jiff::SignedDuration::from_mins(3));
    bridge.run().await;
    let told = account(&bridge).await;
    assert_eq!(told["since"], json!(start_of_time()));
    assert_ne!(told["counting_since"], told["since"]);
    assert_eq!(at(&told, "braze")["accepted"], json!({"count": 0, "last": came}));
    assert_eq!(named(&told, "braze", "SUPPORT"), (json!("group-1"), json!(0), came));
    let refused = &at(&told, "braze")["otherwise"][0];
    assert_eq!((&refused["reason"], &refused["count"]), (&json!("wrong_token"), &json!(0)));
    assert!(refused["last"].is_string(), "{refused}");
    bridge.finish(0).await;
}

/// A kill takes the account of the last minute; the deliveries are there, and tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_that_was_killed_learns_from_its_deliveries_what_came() {
    let mut bridge = quiet_bridge().await;
    bridge.stop().await;
    bridge.run_apart().await;
    text(&bridge, "SUPPORT", "d1").await;
    bridge.settled().await;
    let before = account(&bridge).await;
    bridge.kill().await;
    bridge.run().await;
    let told = account(&bridge).await;
    let (line, count, last) = named(&told, "braze", "SUPPORT");
    assert_eq!((line, count), (json!("group-1"), json!(0)));
    assert_eq!((&last, last.is_string()), (&named(&before, "braze", "SUPPORT").2, true), "{told}");
    assert_eq!(at(&told, "braze")["accepted"]["last"], last);
    bridge.finish(0).await;
}

/// `tandem setup braze --wait …` on a bridge in a process of its own.
fn waiting(bridge: &process::Bridge, url: &str, arguments: &[&str]) -> Process {
    let config = bridge.host.config();
    let all = ["setup", "braze", "--wait", "--url", url, "--config", config.to_str().unwrap()];
    let mut command = tandem(&[&all[..], arguments].concat());
    command.env("TANDEM_PUBLIC_URL", &bridge.host.public);
    Process::spawn(command, "")
}

async fn post(bridge: &process::Bridge, token: &str, body: &str) -> u16 {
    let request = bridge.http.request(Method::POST, format!("{}/webhooks/braze", bridge.host.public));
    answer(request.bearer_auth(token).body(body.to_owned())).await.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_text_is_watched_and_what_is_refused_before_it_is_told() {
    let bridge = process::Bridge::start().await;
    let token = tandem::sandbox::SandboxOptions::default().braze_webhook_token;
    let mut waiting = waiting(&bridge, &bridge.host.operator, &["--timeout", "5m"]);
    assert!(waiting.prints("Watching the bridge").await.is_some(), "{:?}", waiting.log());
    assert_eq!(post(&bridge, "wrong", "external_id=ada&text=x").await, 401);
    let said = waiting.prints("refused: wrong token").await.unwrap();
    assert!(said.contains("braze.webhook_tokens"), "{said}");
    assert_eq!(post(&bridge, &token, "external_id=ada&dispatch=dispatch_id_for_unsent_campaign").await, 202);
    assert!(waiting.prints("Braze's test came in").await.unwrap().contains("Launch the campaign"));
    assert_eq!(post(&bridge, &token, "external_id=ada&category=opt_in&group=group-1&dispatch=d1&text=YES").await, 202);
    let said = waiting.prints("A text came in").await.unwrap();
    assert!(said.ends_with("category opt_in, line default (group group-1)."), "{said}");
    assert_eq!(waiting.exit().await, 0);
    assert!(!waiting.output().join("\n").contains(&token));
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_in_vain_is_told_where_to_look() {
    let bridge = process::Bridge::start().await;
    let mut over = waiting(&bridge, &bridge.host.operator, &["--timeout", "1ms"]);
    assert_eq!(over.exit().await, 1);
    let said = over.log().join("\n");
    assert!(said.contains("no text came in") && said.contains("Message Activity Log"), "{said}");

    let mut told = waiting(&bridge, &bridge.host.operator, &[]);
    assert!(told.prints("Watching the bridge").await.is_some());
    told.signal("INT");
    assert_eq!(told.exit().await, 1);
    assert!(told.log().join("\n").contains("re-eligibility"), "{:?}", told.log());

    let mut nowhere = waiting(&bridge, "http://127.0.0.1:1", &[]);
    assert!(nowhere.prints("waiting for it").await.unwrap().contains("http://127.0.0.1:1"));
    nowhere.signal("INT");
    assert_eq!(nowhere.exit().await, 1);
    let said = nowhere.log().join("\n");
    assert!(said.contains("no bridge answered before it was told to stop: no bridge answers at"), "{said}");
    assert!(!said.contains("no text came") && !said.contains("Message Activity Log"), "{said}");
    let said = run(tandem(&["setup", "braze", "--wait", "--timeout", "soon"])).await;
    assert!(said.code == 2 && said.err.contains("90s, 10m or 1h"), "{said:?}");
}
