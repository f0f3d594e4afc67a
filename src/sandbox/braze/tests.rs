//! The API over real HTTP.

use serde_json::json;

use super::super::Sandbox;
use super::super::tests::{Caller, clock, sandbox};
use super::*;

async fn start() -> (Clock, Sandbox, Caller) {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    let caller = Caller::new(sandbox.braze.url(), &format!("Bearer {}", SandboxOptions::default().braze_api_key));
    (clock, sandbox, caller)
}

fn customer(sandbox: &Sandbox) -> String {
    sandbox.braze.add_profile(Profile {
        external_id: Some("cust-1".into()),
        phone: Some("+15550100001".into()),
        ..Profile::default()
    })
}

fn send(recipients: Value) -> Value {
    json!({"campaign_id": SandboxOptions::default().campaign_agent_reply, "recipients": recipients})
}

fn text(text: &str) -> Value {
    json!({"external_user_id": "cust-1", "trigger_properties": {"text": text, "msg_body": text},
        "attributes": {"tandem_receipt": "evt_1"}})
}

const SEND: &str = "/campaigns/trigger/send";

#[tokio::test]
async fn a_send_reaches_the_phone_and_writes_the_receipt() {
    let (_clock, sandbox, caller) = start().await;
    let profile = customer(&sandbox);
    let answer = caller.post(SEND, send(json!([text("Hello")]))).await;
    assert_eq!((answer.status, answer.body["message"].as_str()), (201, Some("success")));
    let texts = sandbox.braze.texts();
    assert_eq!(texts.len(), 1);
    assert_eq!((texts[0].body.as_str(), texts[0].msg_body.as_deref()), ("Hello", Some("Hello")));
    assert_eq!(answer.body["dispatch_id"], texts[0].dispatch_id);
    assert_eq!(sandbox.braze.profile(&profile).unwrap().attributes["tandem_receipt"], "evt_1");
    assert_eq!(answer.headers["x-ratelimit-remaining"], "249999");
    // 2026-11-21T13:00:00Z, the end of the fixed hour.
    assert_eq!(answer.headers["x-ratelimit-reset"], "1795266000");
    let by_braze_id = json!([{"braze_id": profile, "trigger_properties": {"text": "Hi"}}]);
    assert_eq!(caller.post(SEND, send(by_braze_id.clone())).await.status, 201);
    assert_eq!(sandbox.braze.texts().len(), 2);
    sandbox.braze.refuse_braze_id(true);
    assert_eq!(caller.post(SEND, send(by_braze_id)).await.status, 400);
}

#[tokio::test]
async fn success_is_not_a_send() {
    let (_clock, sandbox, caller) = start().await;
    let profile = customer(&sandbox);
    let campaign = SandboxOptions::default().campaign_agent_reply;
    let unknown = json!([{"external_user_id": "nobody", "trigger_properties": {"text": "x"}}]);
    assert_eq!(caller.post(SEND, send(unknown)).await.status, 201);
    let untold = json!([{"external_user_id": "cust-1", "trigger_properties": {"other": "x"}}]);
    assert_eq!(caller.post(SEND, send(untold)).await.status, 201);
    sandbox.braze.set_opted_out(&profile, true);
    assert_eq!(caller.post(SEND, send(json!([text("x")]))).await.status, 201);
    assert_eq!(sandbox.braze.profile(&profile).unwrap().attributes["tandem_receipt"], "evt_1");
    sandbox.braze.set_opted_out(&profile, false);
    let script = SendAnswer::Errors { errors: vec![json!("trouble")], delivered: false };
    sandbox.braze.script_send(script);
    assert_eq!(caller.post(SEND, send(json!([text("x")]))).await.body["errors"][0], "trouble");
    sandbox.braze.script_send(SendAnswer::Queued { delivered: false });
    let queued = caller.post(SEND, send(json!([text("x")]))).await;
    assert_eq!((queued.status, queued.body), (202, json!({"message": "queued"})));
    assert!(sandbox.braze.texts().is_empty());
    sandbox.braze.script_send(SendAnswer::Queued { delivered: true });
    caller.post(SEND, send(json!([text("queued")]))).await;
    assert_eq!(sandbox.braze.texts().len(), 1);
    sandbox.braze.set_once_only(&campaign, true);
    assert_eq!(caller.post(SEND, send(json!([text("again")]))).await.status, 201);
    assert_eq!(sandbox.braze.texts().len(), 1);
}

#[tokio::test]
async fn the_same_customer_twice_in_a_request_gets_one_text() {
    let (_clock, sandbox, caller) = start().await;
    let profile = customer(&sandbox);
    let by_braze_id = json!({"braze_id": profile, "trigger_properties": {"text": "three"}});
    caller.post(SEND, send(json!([text("one"), text("two"), by_braze_id]))).await;
    let bodies: Vec<String> = sandbox.braze.texts().into_iter().map(|text| text.body).collect();
    assert_eq!(bodies, ["one"]);
}

#[tokio::test]
async fn what_the_real_api_refuses_is_refused() {
    let (_clock, sandbox, mut caller) = start().await;
    customer(&sandbox);
    let many: Vec<Value> = (0..51).map(|n| json!({"external_user_id": n})).collect();
    let unnamed = json!([{"trigger_properties": {}}]);
    let named_twice = json!([{"external_user_id": "a", "braze_id": "b"}]);
    let large = json!([{"external_user_id": "cust-1", "trigger_properties": {"text": "x".repeat(60_000)}}]);
    for (body, says) in [
        (json!("not an object"), "Bad Request"),
        (json!({"campaign_id": "unknown", "recipients": [text("x")]}), "Invalid Campaign ID"),
        (send(json!([])), "No Recipients"),
        (send(json!(many)), "max number"),
        (send(unnamed), "Bad Request"),
        (send(named_twice), "Bad Request"),
        (send(large), "Bad Request"),
    ] {
        let answer = caller.post(SEND, body).await;
        assert_eq!(answer.status, 400, "{says}");
        assert!(answer.body["message"].as_str().unwrap().contains(says), "{}", answer.body);
    }
    let campaign = SandboxOptions::default().campaign_agent_reply;
    for (state, status) in [(CampaignState::Paused, 400), (CampaignState::Archived, 400), (CampaignState::Active, 201)]
    {
        sandbox.braze.set_campaign_state(&campaign, state);
        assert_eq!(caller.post(SEND, send(json!([text("x")]))).await.status, status, "{state:?}");
    }
    assert_eq!(sandbox.braze.texts().len(), 1);
    assert_eq!(caller.post("/campaign/trigger/send", send(json!([text("x")]))).await.status, 404);
    sandbox.braze.set_sends_left(0);
    assert_eq!(caller.post(SEND, send(json!([text("x")]))).await.status, 429);
    sandbox.braze.deny("users.export.ids");
    assert_eq!(caller.post("/users/export/ids", json!({"external_ids": ["cust-1"]})).await.status, 403);
    sandbox.braze.permit_all();
    assert_eq!(caller.post("/users/export/ids", json!({"external_ids": ["cust-1"]})).await.status, 201);
    caller.authorization = "Bearer wrong".into();
    let refused = caller.post(SEND, send(json!([text("x")]))).await;
    assert_eq!((refused.status, refused.headers["x-ratelimit-reset"].to_str().unwrap()), (401, ""));
}

#[tokio::test]
async fn attributes_may_be_late_and_an_export_shows_what_can_be_read() {
    let (clock, sandbox, caller) = start().await;
    let profile = customer(&sandbox);
    sandbox.braze.set_attribute_lag(SignedDuration::from_secs(10));
    caller.post(SEND, send(json!([text("x")]))).await;
    let export =
        json!({"external_ids": ["cust-1", "nobody"], "fields_to_export": ["custom_attributes", "external_id"]});
    let early = caller.post("/users/export/ids", export.clone()).await;
    assert_eq!(early.status, 201);
    assert_eq!(early.body["users"], json!([{"custom_attributes": {}, "external_id": "cust-1"}]));
    assert_eq!(early.body["invalid_user_ids"], json!(["nobody"]));
    clock.advance(SignedDuration::from_secs(10));
    let late = caller.post("/users/export/ids", export).await;
    assert_eq!(late.body["users"][0]["custom_attributes"]["tandem_receipt"], "evt_1");
    for (by, found) in [
        (json!({"braze_id": profile}), 1),
        (json!({"phone": "+15550100001"}), 1),
        (json!({"phone": "+15550100002"}), 0),
        (json!({"braze_id": "unknown"}), 0),
    ] {
        let answer = caller.post("/users/export/ids", by.clone()).await;
        assert_eq!(answer.body["users"].as_array().unwrap().len(), found, "{by}");
    }
    assert_eq!(caller.post("/users/export/ids", json!({})).await.status, 400);
}

#[tokio::test]
async fn tracking_writes_attributes_and_creates_only_when_allowed() {
    let (_clock, sandbox, caller) = start().await;
    let profile = customer(&sandbox);
    let track = json!({"attributes": [
        {"external_id": "cust-1", "zendesk_ticket": "7", "first_name": "Carla"},
        {"phone": "+15550100001", "vip": true},
        {"external_id": "nobody", "_update_existing_only": true, "x": 1},
        {"external_id": "new", "x": 1},
    ]});
    let answer = caller.post("/users/track", track).await;
    assert_eq!((answer.status, &answer.body["attributes_processed"]), (201, &json!(3)));
    let carla = sandbox.braze.profile(&profile).unwrap();
    assert_eq!(Value::Object(carla.attributes), json!({"zendesk_ticket": "7", "vip": true}));
    assert_eq!(carla.first_name.as_deref(), Some("Carla"));
    assert_eq!(sandbox.braze.profiles().len(), 2);
    let many: Vec<Value> = (0..76).map(|n| json!({"external_id": n})).collect();
    assert_eq!(caller.post("/users/track", json!({"attributes": many})).await.status, 400);
}

#[tokio::test]
async fn subscription_state_and_campaigns_can_be_looked_up() {
    let (_clock, sandbox, caller) = start().await;
    let profile = customer(&sandbox);
    sandbox.braze.set_opted_out(&profile, true);
    let options = SandboxOptions::default();
    let path = format!("/subscription/status/get?subscription_group_id={}", options.subscription_group);
    let status = caller.get(&format!("{path}&external_id%5B%5D=cust-1&external_id%5B%5D=nobody")).await;
    assert_eq!(status.body["status"], json!({"cust-1": "Unsubscribed", "nobody": "unknown"}));
    assert_eq!(
        caller.get(&format!("{path}&phone=%2B15550100001")).await.body["status"]["+15550100001"],
        "Unsubscribed"
    );
    assert_eq!(caller.get("/subscription/status/get?subscription_group_id=x&phone=1").await.status, 400);
    sandbox.connect("http://127.0.0.1:9/");
    let details = async |id: &str| caller.get(&format!("/campaigns/details?campaign_id={id}")).await;
    let reply = details(&options.campaign_agent_reply).await.body;
    assert_eq!(reply["messages"]["variation-1"]["body"], "{{api_trigger_properties.${text}}}");
    let inbound = details(&options.campaign_inbound).await.body;
    let webhook = &inbound["messages"]["variation-1"];
    assert_eq!(webhook["url"], "http://127.0.0.1:9/webhooks/braze");
    assert!(webhook["body"].as_str().unwrap().ends_with("&media={{sms.${inbound_media_urls} | url_encode}}"));
    assert_eq!(details("unknown").await.status, 400);
}

#[tokio::test]
async fn the_recipes_template_prints_the_third_line_only() {
    let (_clock, sandbox, caller) = start().await;
    customer(&sandbox);
    sandbox.braze.set_template(Template::ThirdLine);
    caller.post(SEND, send(json!([text("----\n\nthird\nfourth")]))).await;
    let body = &sandbox.braze.texts()[0].body;
    assert!(body.contains("\nthird\n") && !body.contains("fourth"), "{body}");
}
