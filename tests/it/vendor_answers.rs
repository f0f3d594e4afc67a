//! A vendor's answer to a failed attempt is kept, hidden until an operator asks for it, written into the audit when one
//! does, and told nowhere else.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tandem::sandbox::SandboxOptions;
use tandem::sandbox::server::{Fault, FaultKind};

use crate::console::{Browser, TOKEN, ask_for_the_token};
use crate::process::{Bridge, run, tandem};
use crate::support::{TestBridge, answer};

const SEND: &str = "/campaigns/trigger/send";

/// A refusal that names the customer in every way that it can, and says why.
const REFUSAL: &str = r#"{"message":"Error 21614: '+1 555 555 0101' (ada-42) is a landline","errors":[{"code":"invalid_phone_number","user":"ada_42","text":"Your parcel left"}]}"#;

/// Words of the answer that may stand nowhere else.
const SECRET: [&str; 5] = ["555 0101", "landline", "ada_42", "Your parcel", "(ada-42)"];

fn refusal(code: u16, body: &str) -> FaultKind {
    let headers = vec![("content-type".into(), "application/json; charset=utf-8".into())];
    FaultKind::Status { code, headers, body: body.to_owned() }
}

/// A reply that Braze has refused: the bridge, its ticket, and the delivery.
async fn with_a_refused_reply() -> (TestBridge, u64, Value) {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada-42").await;
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refusal(400, REFUSAL)));
    bridge.sandbox.zendesk.agent_reply(ticket, "Your parcel left on Monday.");
    let deliveries = bridge.settled().await;
    let dead = deliveries.into_iter().find(|delivery| delivery["state"] == "dead").expect("it was refused");
    (bridge, ticket, dead)
}

fn ask(bridge: &TestBridge, id: &str) -> reqwest::RequestBuilder {
    let request = bridge.http.post(format!("{}/api/deliveries/{id}/answers", bridge.operator));
    request.header("x-tandem-by", "ada").bearer_auth(TOKEN)
}

#[tokio::test]
async fn a_refusal_is_told_by_its_codes_and_kept_whole_for_an_operator_who_asks() {
    let (bridge, ticket, dead) = with_a_refused_reply().await;
    let told = "Braze answered 400: invalid_phone_number, 21614";
    assert_eq!(dead["cause"], told);
    let notes = bridge.notes(ticket);
    assert!(notes.len() == 1 && notes[0].contains(told), "the agent is told the same: {notes:?}");
    let id = dead["id"].as_str().unwrap();
    let (status, answers) = answer(ask(&bridge, id)).await;
    let length = REFUSAL.len();
    assert_eq!(status, 200);
    let at = answers["items"][0]["at"].clone();
    let expected = json!({"items": [{
        "at": at, "times": 1, "call": format!("POST {SEND}"), "status": 400,
        "content_type": "application/json; charset=utf-8", "body": REFUSAL, "length": length,
    }], "older": 0});
    assert_eq!(answers, expected);
    let audit = answer(bridge.http.get(format!("{}/api/audit", bridge.operator))).await.1;
    let entry = &audit["items"][0];
    assert_eq!(
        (&entry["action"], &entry["by"], &entry["event"]),
        (&json!("reveal_answers"), &json!("ada"), &json!(id))
    );

    // Nowhere else.
    for path in ["/api/deliveries", &format!("/api/deliveries/{id}"), "/api/audit", "/metrics"] {
        let text = bridge.http.get(format!("{}{path}", bridge.operator)).send().await.unwrap().text().await.unwrap();
        // The event itself has the agent's words.
        for secret in SECRET.iter().filter(|secret| **secret != "Your parcel") {
            assert!(!text.contains(secret), "{secret} in {path}: {text}");
        }
    }
    let unknown = format!("evt_{}", "0".repeat(24));
    assert_eq!(answer(ask(&bridge, &unknown)).await.0, 404);
    assert_eq!(answer(ask(&bridge, "evt_1")).await.0, 400);
    let looked = answer(bridge.http.get(format!("{}/api/deliveries/{id}/answers", bridge.operator))).await.0;
    assert_eq!(looked, 405, "who only looks leaves no trace, and sees nothing");
    bridge.finish(1).await;
}

#[tokio::test]
async fn what_failed_and_what_was_tried_since_is_kept_equal_answers_as_one() {
    let bridge = TestBridge::start().await;
    let (_, ada) = bridge.talking("ada").await;
    let busy = || FaultKind::Status { code: 503, headers: Vec::new(), body: "<h1>Busy</h1>\r\n\u{1b}[31m".into() };
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets", busy()).times(3));
    bridge.sandbox.phone.text(&ada, "Hello again").unwrap();
    let deliveries = bridge.settled().await;
    let text = deliveries.iter().rfind(|delivery| delivery["kind"] == "customer_text").unwrap();
    assert_eq!(text["state"], "delivered");
    let answers = answer(ask(&bridge, text["id"].as_str().unwrap())).await.1;
    let [one] = answers["items"].as_array().unwrap().as_slice() else { panic!("{answers}") };
    assert_eq!((&one["times"], &one["status"]), (&json!(3), &json!(503)));
    assert_eq!(one["body"], "<h1>Busy</h1>␍\n␛[31m", "nothing in it can steer a terminal");
    let first = deliveries.iter().find(|delivery| delivery["kind"] == "customer_text").unwrap();
    let answers = answer(ask(&bridge, first["id"].as_str().unwrap())).await.1;
    assert_eq!(answers, json!({"items": [], "older": 0}), "it was delivered at once");
    bridge.finish(0).await;
}

#[tokio::test]
async fn an_error_inside_a_success_is_kept_and_a_credential_is_not() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    let key = SandboxOptions::default().braze_api_key;
    let body = format!(r#"{{"message":"success","errors":["{key} may not send to limited_users"]}}"#);
    let reply = async |code: u16, body: &str, words: &str| {
        bridge.sandbox.braze.fail(Fault::on("POST", SEND, refusal(code, body)));
        bridge.sandbox.zendesk.agent_reply(ticket, words);
        let deliveries = bridge.settled().await;
        let dead = deliveries.into_iter().rfind(|delivery| delivery["state"] == "dead").unwrap();
        let answers = answer(ask(&bridge, dead["id"].as_str().unwrap())).await.1;
        (dead["cause"].clone(), answers["items"][0].clone())
    };
    let (cause, kept) = reply(201, &body, "one").await;
    assert_eq!(cause, "Braze answered 201 and accepted but reported problems: limited_users");
    assert_eq!(kept["status"], 201);
    assert!(kept["body"].as_str().unwrap().contains("[the credential] may not send"), "{kept}");
    let (_, kept) = reply(422, &format!("{key}{}", "é".repeat(4000)), "two").await;
    let shown = kept["body"].as_str().unwrap();
    assert!(shown.len() <= 1024 && shown.len() > 1000 && !shown.contains(&key), "{shown}");
    assert_eq!(kept["length"], key.len() + 8000);
    bridge.finish(2).await;
}

#[tokio::test]
async fn the_console_and_the_command_line_show_it_to_an_operator_who_asks() {
    let (mut bridge, _, dead) = with_a_refused_reply().await;
    let id = dead["id"].as_str().unwrap();
    ask_for_the_token(&mut bridge).await;
    let ada = Browser::signed_in(&bridge).await;
    let path = format!("/console/deliveries/{id}");
    let page = ada.get(&path).await;
    let hidden = format!("hidden, {} characters", REFUSAL.len());
    assert!(page.text.contains("Show the vendor’s answer") && page.text.contains(&hidden), "{}", page.text);
    assert!(page.text.contains("POST /campaigns/trigger/send"), "when and which call: {}", page.text);
    assert!(SECRET.iter().all(|secret| !page.text.contains(secret)), "{}", page.text);
    let shown = ada.post(&path, &format!("{path}/answers"), &[]).await;
    assert_eq!((shown.status, shown.header("location")), (StatusCode::SEE_OTHER, format!("{path}#answers").as_str()));
    let page = ada.get(&path).await;
    assert!(page.text.contains("is a landline") && !page.text.contains("Show the vendor"), "{}", page.text);
    assert!(!page.text.contains("Your parcel left on Monday"), "the text is asked for by itself: {}", page.text);
    let another = Browser::signed_in(&bridge).await;
    assert!(!another.get(&path).await.text.contains("landline"), "each session asks for itself");
    let audit = ada.audit().await;
    assert_eq!(audit, [("ada".to_owned(), "console".to_owned(), "reveal_answers".to_owned())]);
    let page = ada.get("/console/audit").await;
    assert!(page.text.contains("<strong>reveal_answers</strong>") && page.text.contains(id), "{}", page.text);

    let bridge_at = ["--url", &bridge.operator, "--token", TOKEN];
    let words = [&["deliveries", "show", id, "--answers", "--by", "bob"], &bridge_at[..]].concat();
    let said = run(tandem(&words)).await;
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains(&format!("POST {SEND}  400  application/json; charset=utf-8")), "{}", said.out);
    assert!(said.out.contains(&format!("\n  {REFUSAL}\n")), "{}", said.out);
    let said = run(tandem(&[&words[..], &["--json"]].concat())).await;
    let printed: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(printed["items"][0]["body"], REFUSAL);
    assert_eq!(ada.audit().await[0], ("bob".to_owned(), "token".to_owned(), "reveal_answers".to_owned()));
    // It goes with the customer.
    let forget = ada.post("/console/conversation/forget?key=ada-42", "/console/conversation/forget?key=ada-42", &[]);
    assert_eq!(forget.await.status, StatusCode::OK);
    assert_eq!(answer(ask(&bridge, id)).await.0, 404);
    bridge.stop().await;
}

#[tokio::test]
async fn no_line_of_the_log_has_any_of_it_also_when_it_was_shown() {
    let mut bridge = Bridge::start_with("catch_up_minutes = 0", "debug").await;
    let ada = bridge.customer("ada-42");
    bridge.text(&ada, "Hello").await;
    bridge.settled().await;
    let ticket = bridge.ticket_of("ada-42").await;
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refusal(400, REFUSAL)));
    bridge.sandbox.zendesk.agent_reply(ticket, "Your parcel left on Monday.");
    let deliveries = bridge.settled().await;
    let dead = deliveries.iter().find(|delivery| delivery["state"] == "dead").expect("it was refused");
    let said = bridge.host.ask(&["deliveries", "show", dead["id"].as_str().unwrap(), "--answers"]).await;
    assert!(said.code == 0 && said.out.contains("is a landline"), "{said:?}");
    let at = said.out.split("  ").next().unwrap();
    assert_eq!((&at[..2], at.get(10..11), at.contains('.')), ("20", Some(" "), false), "to the second: {at}");
    assert_eq!(bridge.host.stop().await, 0);
    let logged = bridge.host.logged().join("\n");
    assert!(logged.contains("invalid_phone_number, 21614") && logged.contains("reveal_answers"), "{logged}");
    for secret in ["landline", "ada_42", "Your parcel", "(ada-42)", "555 0101"] {
        assert!(!logged.contains(secret), "{secret}: {logged}");
    }
}
