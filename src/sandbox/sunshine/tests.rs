//! The embedded Sunshine Conversations against its documents.

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::sender::{AttemptResult, Rules};
use super::super::server::Request;
use super::super::server::Vendor as _;
use super::*;
use crate::clock::Clock;

const ADA: &str = "+15550123456";

fn start() -> Timestamp {
    Timestamp::from_second(1_796_030_102).unwrap()
}

async fn sunshine() -> (Sunshine, Clock) {
    sunshine_with(SunshineOptions::default()).await
}

async fn sunshine_with(options: SunshineOptions) -> (Sunshine, Clock) {
    let clock = Clock::manual(start(), 1);
    let sunshine = Sunshine::start(options, clock.clone()).await.unwrap();
    sunshine.pause_webhooks();
    (sunshine, clock)
}

async fn send(sunshine: &Sunshine, method: &str, target: &str, kind: &str, body: Vec<u8>) -> (u16, Value) {
    let mut request = http::Request::new(bytes::Bytes::from(body));
    *request.method_mut() = method.parse().unwrap();
    *request.uri_mut() = target.parse().unwrap();
    let options = SunshineOptions::default();
    let key = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("{}:{}", options.key_id, options.secret),
    );
    request.headers_mut().insert("authorization", format!("Basic {key}").parse().unwrap());
    request.headers_mut().insert("content-type", kind.parse().unwrap());
    let answer = sunshine.inner.answer(&Request::from(request)).await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

async fn ask(sunshine: &Sunshine, method: &str, path: &str, body: Value) -> (u16, Value) {
    let target = format!("/sc/v2/apps/5d8cff3cd55b040010928b5b/{path}");
    send(sunshine, method, &target, "application/json", body.to_string().into_bytes()).await
}

async fn ask_first(sunshine: &Sunshine, method: &str, path: &str, body: Value) -> (u16, Value) {
    let target = format!("/sc/v1.1/apps/5d8cff3cd55b040010928b5b/{path}");
    send(sunshine, method, &target, "application/json", body.to_string().into_bytes()).await
}

/// A text of the business.
fn words(text: &str) -> Value {
    json!({"author": {"type": "business"}, "content": {"type": "text", "text": text}})
}

async fn post(sunshine: &Sunshine, conversation: &str, change: Value) -> (u16, Value) {
    let mut body = words("Hi");
    model::extend(&mut body, change);
    ask(sunshine, "POST", &format!("conversations/{conversation}/messages"), body).await
}

/// The bodies of the held webhooks.
fn bodies(sunshine: &Sunshine) -> Vec<Value> {
    sunshine.take_held_webhooks().iter().map(|webhook| serde_json::from_str(&webhook.body).unwrap()).collect()
}

/// The events of the held webhooks.
fn events(sunshine: &Sunshine) -> Vec<Value> {
    bodies(sunshine).iter().flat_map(|body| body["events"].as_array().cloned().unwrap_or_default()).collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// Ada has written, and her conversation is known.
async fn talking(sunshine: &Sunshine, integration: &str) -> String {
    sunshine.text(integration, ADA, "Hello");
    drop(sunshine.take_held_webhooks());
    sunshine.conversation_of(integration, ADA).unwrap()
}

#[tokio::test]
async fn a_customers_first_text_makes_a_user_and_a_conversation_and_comes_with_its_phone() {
    let (sunshine, _) = sunshine().await;
    let message = sunshine.text(SMS, ADA, "Hello");
    let held = sunshine.take_held_webhooks();
    let [webhook] = &held[..] else { panic!("one body") };
    assert_eq!(
        webhook.headers(start()),
        [("x-api-key".to_owned(), SunshineOptions::default().webhook_secret)],
        "nothing is signed"
    );
    let body: Value = serde_json::from_str(&webhook.body).unwrap();
    assert_eq!((&body["app"]["id"], &body["webhook"]["version"]), (&json!("5d8cff3cd55b040010928b5b"), &json!("v2")));
    let events = body["events"].as_array().unwrap();
    assert_eq!(kinds(events), ["conversation:create", "conversation:message"]);
    let payload = &events[1]["payload"];
    assert_eq!(payload["message"]["id"], message);
    assert_eq!(payload["message"]["author"]["type"], "user");
    assert_eq!(payload["message"]["source"]["client"]["externalId"], ADA);
    assert_eq!(payload["message"]["source"]["originalMessageTimestamp"], "2026-11-30T09:15:02.000Z");
    assert_eq!(payload["conversation"]["activeSwitchboardIntegration"]["name"], "tandem");
    sunshine.text(SMS, ADA, "And more");
    assert_eq!(kinds(&self::events(&sunshine)), ["conversation:message"]);
    assert_eq!(sunshine.native_tickets(), [""; 0]);
}

#[tokio::test]
async fn a_key_an_app_and_a_body_of_json_are_needed_and_refusals_speak_the_generations_words() {
    let (sunshine, _) = sunshine().await;
    let target = "/sc/v2/apps/5d8cff3cd55b040010928b5b/users";
    let mut request = http::Request::new(bytes::Bytes::new());
    *request.uri_mut() = target.parse().unwrap();
    let answer = sunshine.inner.answer(&Request::from(request)).await;
    let told: Value = serde_json::from_slice(&answer.body).unwrap();
    let refusal = json!({"errors": [{"code": "unauthorized", "title": "Authorization is required"}]});
    assert_eq!((answer.status, told), (401, refusal));
    let other = send(&sunshine, "GET", "/sc/v2/apps/other/users", "application/json", Vec::new()).await;
    assert_eq!((other.0, &other.1["errors"][0]["code"]), (404, &json!("app_not_found")));
    let conversation = talking(&sunshine, SMS).await;
    let path = format!("/sc/v2/apps/5d8cff3cd55b040010928b5b/conversations/{conversation}/messages");
    let body = words("Hi").to_string().into_bytes();
    assert_eq!(send(&sunshine, "POST", &path, "text/plain", body).await.0, 400);
    let (status, told) = ask_first(&sunshine, "GET", "integrations/other/messageTemplates", Value::Null).await;
    assert_eq!(
        (status, told),
        (400, json!({"error": {"code": "bad_request", "description": "Integration not found"}}))
    );
    let long = post(&sunshine, &conversation, json!({"unknown": "a".repeat(100 * 1024)})).await;
    assert_eq!(long.0, 413);
    sunshine.limit_calls(Some(1));
    assert_eq!(post(&sunshine, &conversation, json!({})).await.0, 201);
    assert_eq!(post(&sunshine, &conversation, json!({})).await.0, 429);
    sunshine.limit_calls(None);
    assert_eq!(post(&sunshine, &conversation, json!({})).await.0, 201);
}

#[tokio::test]
async fn a_posted_message_keeps_its_metadata_reaches_the_phone_and_comes_back_as_events() {
    let (sunshine, _) = sunshine().await;
    let conversation = talking(&sunshine, SMS).await;
    let change = json!({"destination": {"integrationId": SMS}, "metadata": {"tandem": "dlv_1"}});
    let (status, told) = post(&sunshine, &conversation, change.clone()).await;
    let message = &told["messages"][0];
    assert_eq!((status, &message["metadata"]["tandem"]), (201, &json!("dlv_1")));
    assert_eq!(message["source"]["type"], "api:conversations");
    let events = events(&sunshine);
    let delivery = "conversation:message:delivery";
    assert_eq!(kinds(&events), ["conversation:message", &format!("{delivery}:channel"), &format!("{delivery}:user")]);
    assert_eq!(events[0]["payload"]["message"]["author"]["type"], "business");
    assert_eq!(events[1]["payload"]["message"]["id"], message["id"]);
    let finals: Vec<&Value> = events.iter().map(|event| &event["payload"]["isFinalEvent"]).collect();
    assert_eq!(finals, [&Value::Null, &json!(false), &json!(true)]);
    assert_eq!(sunshine.reached(ADA), ["Hi"]);
    // An equal call is another text.
    post(&sunshine, &conversation, change).await;
    assert_eq!(sunshine.reached(ADA), ["Hi", "Hi"]);
}

#[tokio::test]
async fn a_message_that_does_not_fit_is_refused() {
    let (sunshine, _) = sunshine().await;
    let conversation = talking(&sunshine, SMS).await;
    let text = |text: String| json!({"content": {"type": "text", "text": text}});
    for change in [
        text(String::new()),
        text("é".repeat(4097)),
        json!({"author": {"type": "agent"}}),
        json!({"content": {"type": "video"}}),
        json!({"content": {"type": "image"}}),
        json!({"content": {"type": "template", "template": {"name": "order_shipped"}}}),
        json!({"destination": {"integrationId": WHATSAPP}}),
        json!({"destination": {"integrationType": "whatsapp"}}),
        json!({"metadata": {"deep": {}}}),
        json!({"metadata": {"long": "a".repeat(4096)}}),
    ] {
        let (status, told) = post(&sunshine, &conversation, change.clone()).await;
        assert_eq!((status, &told["errors"][0]["code"]), (400, &json!("bad_request")), "{change}");
    }
    assert_eq!(post(&sunshine, "other", json!({})).await.1["errors"][0]["code"], "conversation_not_found");
    assert_eq!(post(&sunshine, &conversation, json!({"destination": {"integrationType": "none"}})).await.0, 201);
    assert_eq!(sunshine.texts(), [], "a silent message is stored only");
    sunshine.limit_messages(2);
    assert_eq!(post(&sunshine, &conversation, json!({})).await.1["errors"][0]["code"], "locked");
    ask(&sunshine, "DELETE", &format!("conversations/{conversation}/messages"), Value::Null).await;
    assert_eq!(post(&sunshine, &conversation, text("é".repeat(4096))).await.0, 201);
}

#[tokio::test]
async fn messages_are_listed_from_the_end_a_hundred_on_a_page_and_not_before_their_time() {
    let (sunshine, clock) = sunshine().await;
    let conversation = talking(&sunshine, SMS).await;
    for number in 1..=120 {
        assert_eq!(post(&sunshine, &conversation, json!({"metadata": {"number": number}})).await.0, 201);
    }
    let list = async |query: &str| {
        let path = format!("conversations/{conversation}/messages{query}");
        let (status, page) = ask(&sunshine, "GET", &path, Value::Null).await;
        assert_eq!(status, 200, "{page}");
        let numbers = page["messages"].as_array().unwrap().iter().map(|one| one["metadata"]["number"].clone());
        (numbers.collect::<Vec<_>>(), page["meta"].clone())
    };
    let (newest, meta) = list("").await;
    assert_eq!((newest.len(), &newest[0], &newest[99]), (100, &json!(21), &json!(120)));
    assert_eq!((&meta["hasMore"], &meta["afterCursor"]), (&json!(true), &Value::Null));
    let cursor = meta["beforeCursor"].as_str().unwrap();
    let (older, meta) = list(&format!("?page[before]={cursor}")).await;
    // The first is the customer's own.
    assert_eq!((older.len(), &older[0], &older[20]), (21, &Value::Null, &json!(20)));
    assert_eq!((&meta["hasMore"], &meta["beforeCursor"]), (&json!(false), &Value::Null));
    let cursor = meta["afterCursor"].as_str().unwrap();
    assert_eq!(list(&format!("?page[after]={cursor}")).await.0[0], 21);
    let absent = ask(&sunshine, "GET", "conversations/other/messages", Value::Null).await;
    assert_eq!((absent.0, &absent.1["errors"][0]["code"]), (404, &json!("not_found")));
    sunshine.set_list_lag(SignedDuration::from_secs(5));
    assert_eq!(list("").await.0, [Value::Null; 0]);
    clock.advance(SignedDuration::from_secs(5));
    assert_eq!(list("").await.0.len(), 100);
}

#[tokio::test]
async fn free_text_goes_on_whatsapp_for_a_day_after_the_customer_sent_and_is_refused_late() {
    let (sunshine, clock) = sunshine().await;
    let sent = start().checked_sub(SignedDuration::from_hours(23)).unwrap();
    sunshine.text_sent_at(sent, WHATSAPP, ADA, "Hello");
    let conversation = sunshine.conversation_of(WHATSAPP, ADA).unwrap();
    assert_eq!(post(&sunshine, &conversation, json!({})).await.0, 201);
    clock.advance(SignedDuration::from_hours(1));
    drop(sunshine.take_held_webhooks());
    assert_eq!(post(&sunshine, &conversation, json!({})).await.0, 201, "the API takes it all the same");
    let events = events(&sunshine);
    assert_eq!(kinds(&events), ["conversation:message", "conversation:message:delivery:failure"]);
    let error = &events[1]["payload"]["error"];
    assert_eq!(
        (&error["code"], &error["underlyingError"]["errors"][0]["code"]),
        (&json!("uncategorized_error"), &json!(131_047))
    );
    // A template goes, and does not open the window.
    assert_eq!(template(&sunshine, &conversation, "order_shipped", "en_US", &["7", "Ada"]).await, 201);
    assert_eq!(post(&sunshine, &conversation, json!({})).await.0, 201);
    assert_eq!(sunshine.reached(ADA), ["Hi", "Your order 7 is on its way to Ada."]);
}

async fn template(sunshine: &Sunshine, conversation: &str, name: &str, language: &str, parameters: &[&str]) -> u16 {
    let parameters: Vec<Value> = parameters.iter().map(|text| json!({"type": "text", "text": text})).collect();
    let template = json!({"name": name, "language": {"policy": "deterministic", "code": language},
        "components": [{"type": "body", "parameters": parameters}]});
    let content = json!({"type": "template", "template": template});
    post(sunshine, conversation, json!({"schema": "whatsapp", "content": content})).await.0
}

#[tokio::test]
async fn a_template_goes_out_when_it_is_approved_in_its_language_with_its_parameters() {
    let (sunshine, _) = sunshine().await;
    let conversation = talking(&sunshine, WHATSAPP).await;
    let code = async |name: &str, language: &str, parameters: &[&str]| {
        assert_eq!(template(&sunshine, &conversation, name, language, parameters).await, 201);
        let told = events(&sunshine);
        told[1]["payload"]["error"]["underlyingError"]["errors"][0]["code"].as_u64()
    };
    assert_eq!(code("please_write_again", "en_US", &[]).await, None);
    assert_eq!(code("order_shipped", "en_US", &["7", "Ada"]).await, None);
    assert_eq!(code("order_shipped", "en_US", &["7"]).await, Some(132_000));
    assert_eq!(code("order_shipped", "en_US", &["7", "Ada\nLovelace"]).await, Some(132_012));
    assert_eq!(code("order_shipped", "en", &["7", "Ada"]).await, Some(132_001));
    assert_eq!(code("other", "en_US", &[]).await, Some(132_001));
    for (status, refusal) in [("REJECTED", 132_001), ("PAUSED", 132_015), ("DISABLED", 132_016)] {
        sunshine.set_template_status("please_write_again", status);
        assert_eq!(code("please_write_again", "en_US", &[]).await, Some(refusal), "{status}");
    }
    // A new one waits for Meta, and is listed with its status and behind a cursor.
    let path = format!("integrations/{WHATSAPP}/messageTemplates");
    let new = json!({"name": "hello", "language": "de", "category": "UTILITY", "components": [{"type": "BODY", "text": "Hallo"}]});
    let (status, made) = ask_first(&sunshine, "POST", &path, new).await;
    assert_eq!((status, &made["messageTemplate"]["status"]), (201, &json!("PENDING")));
    assert_eq!(code("hello", "de", &[]).await, Some(132_001));
    sunshine.set_template_status("hello", "APPROVED");
    assert_eq!(code("hello", "de", &[]).await, None);
    let (_, page) = ask_first(&sunshine, "GET", &format!("{path}?limit=2"), Value::Null).await;
    let (after, names) = (page["after"].as_str().unwrap(), page["messageTemplates"].as_array().unwrap().len());
    assert_eq!(names, 2);
    let (_, page) = ask_first(&sunshine, "GET", &format!("{path}?limit=2&after={after}"), Value::Null).await;
    assert_eq!((&page["messageTemplates"][0]["name"], &page["after"]), (&json!("hello"), &Value::Null));
    let approved = ask_first(&sunshine, "GET", &format!("{path}?status=APPROVED"), Value::Null).await.1;
    assert_eq!(approved["messageTemplates"].as_array().unwrap().len(), 2);
}

/// A user with a conversation, made by the API; gives both ids.
async fn made(sunshine: &Sunshine, external_id: &str) -> (String, String) {
    let (status, user) = ask(sunshine, "POST", "users", json!({"externalId": external_id})).await;
    assert_eq!(status, 201, "{user}");
    let body = json!({"type": "personal", "participants": [{"userExternalId": external_id}], "metadata": {"tandem_ticket": "42"}});
    let (status, conversation) = ask(sunshine, "POST", "conversations", body).await;
    assert_eq!((status, &conversation["conversation"]["isDefault"]), (201, &json!(true)));
    let id = |object: &Value| object["id"].as_str().unwrap().to_owned();
    (id(&user["user"]), id(&conversation["conversation"]))
}

async fn link(sunshine: &Sunshine, user: &str, conversation: &str, number: &str) -> (u16, Value) {
    let body = json!({"matchCriteria": {"type": "twilio", "integrationId": SMS, "phoneNumber": number},
        "confirmation": {"type": "immediate"}, "target": {"conversationId": conversation}});
    ask(sunshine, "POST", &format!("users/{user}/clients"), body).await
}

#[tokio::test]
async fn a_user_is_made_once_and_found_by_either_id() {
    let (sunshine, _) = sunshine().await;
    let (user, conversation) = made(&sunshine, "zd:4711").await;
    let (status, told) = ask(&sunshine, "POST", "users", json!({"externalId": "zd:4711"})).await;
    assert_eq!((status, &told["errors"][0]["code"]), (409, &json!("conflict")));
    for id in [user.as_str(), "zd:4711", "zd%3A4711"] {
        assert_eq!(ask(&sunshine, "GET", &format!("users/{id}"), Value::Null).await.1["user"]["id"], user, "{id}");
    }
    let list = async |query: &str| ask(&sunshine, "GET", &format!("conversations{query}"), Value::Null).await;
    let (_, page) = list("?filter[userExternalId]=zd:4711").await;
    assert_eq!(page["conversations"][0]["id"], conversation);
    assert_eq!((list("").await.0, list("?filter[userId]=other").await.0), (400, 404));
    let path = format!("conversations/{conversation}");
    let (_, changed) = ask(&sunshine, "PATCH", &path, json!({"metadata": {"other": 1}})).await;
    assert_eq!(changed["conversation"]["metadata"], json!({"other": 1}), "metadata is replaced");
    assert_eq!(ask(&sunshine, "DELETE", &path, Value::Null).await.0, 400, "the default one stays");
}

#[tokio::test]
async fn a_link_is_pending_until_it_is_confirmed_and_takes_the_number_from_another_user() {
    let (sunshine, _) = sunshine().await;
    let old = talking(&sunshine, SMS).await;
    let (user, conversation) = made(&sunshine, "zd:4711").await;
    for number in ["15550123456", "+1", "Ada"] {
        assert_eq!(link(&sunshine, &user, &conversation, number).await.0, 400, "{number}");
    }
    assert_eq!(link(&sunshine, &user, &old, ADA).await.0, 404, "the conversation is another's");
    sunshine.set_linking(Linking::Waits);
    drop(sunshine.take_held_webhooks());
    let (status, told) = link(&sunshine, &user, &conversation, "+1 555-012-3456").await;
    assert_eq!((status, &told["client"]["status"]), (201, &json!("pending")));
    assert_eq!(link(&sunshine, &user, &conversation, ADA).await.0, 400, "a link is asked for once");
    assert_eq!(kinds(&events(&sunshine)), ["client:add"]);
    // Nothing comes of a message to a pending client.
    assert_eq!(post(&sunshine, &conversation, json!({"destination": {"integrationId": SMS}})).await.0, 201);
    assert_eq!((sunshine.texts(), kinds(&events(&sunshine))), (Vec::new(), vec!["conversation:message"]));
    sunshine.end_link(&sunshine.pending_links()[0], true);
    let told = events(&sunshine);
    assert_eq!(kinds(&told), ["client:remove", "client:update", "client:update"]);
    let reasons: Vec<&Value> = told.iter().map(|event| &event["payload"]["reason"]).collect();
    assert_eq!(reasons, ["theft", "matched", "confirmed"]);
    assert_eq!(
        (&told[0]["payload"]["conversation"]["id"], &told[2]["payload"]["client"]["status"]),
        (&json!(old), &json!("active"))
    );
    post(&sunshine, &conversation, json!({})).await;
    assert_eq!(sunshine.reached(ADA), ["Hi"]);
    sunshine.text(SMS, ADA, "To the new one");
    assert_eq!(sunshine.messages(&conversation).last().unwrap().1, "To the new one");
}

#[tokio::test]
async fn a_link_that_fails_is_removed_with_its_error() {
    let (sunshine, _) = sunshine().await;
    let (user, conversation) = made(&sunshine, "zd:4711").await;
    sunshine.set_linking(Linking::Fails);
    drop(sunshine.take_held_webhooks());
    assert_eq!(link(&sunshine, &user, &conversation, ADA).await.0, 201);
    let told = events(&sunshine);
    assert_eq!(kinds(&told), ["client:add", "client:remove"]);
    assert_eq!(told[1]["payload"]["reason"], "linkFailed");
    let clients = ask(&sunshine, "GET", &format!("users/{user}/clients"), Value::Null).await.1;
    assert_eq!(clients["clients"], json!([]));
}

#[tokio::test]
async fn stop_is_kept_by_the_provider_and_its_first_sign_is_a_failure() {
    let (sunshine, _) = sunshine().await;
    let conversation = talking(&sunshine, SMS).await;
    sunshine.text(SMS, ADA, "stop");
    assert_eq!(sunshine.take_held_webhooks().len(), 0);
    post(&sunshine, &conversation, json!({})).await;
    let told = events(&sunshine);
    let error = &told[1]["payload"]["error"];
    assert!(error["message"].as_str().unwrap().contains("21610") && error["underlyingError"].is_null(), "{error}");
    sunshine.text(SMS, ADA, "START");
    post(&sunshine, &conversation, json!({})).await;
    assert_eq!(sunshine.reached(ADA), ["Hi"]);
    // On WhatsApp it is a text as any other.
    sunshine.text(WHATSAPP, ADA, "STOP");
    assert_eq!(sunshine.messages(&sunshine.conversation_of(WHATSAPP, ADA).unwrap())[0].1, "STOP");
}

#[tokio::test]
async fn a_delivery_ends_as_it_is_told_at_once_later_or_never() {
    let (sunshine, _) = sunshine().await;
    let conversation = talking(&sunshine, SMS).await;
    for (end, steps, reaches) in [
        (End::Arrives, &["channel", "user"][..], true),
        (End::Taken, &["channel"], true),
        (End::Fails(30005), &["failure"], false),
        (End::FailsLate(30005), &["channel", "failure"], false),
        (End::Silent, &[], true),
    ] {
        let before = sunshine.texts().len();
        sunshine.set_end(end.clone());
        post(&sunshine, &conversation, json!({})).await;
        let told = events(&sunshine);
        let told: Vec<&str> =
            kinds(&told).iter().filter_map(|kind| kind.strip_prefix("conversation:message:delivery:")).collect();
        assert_eq!((told.as_slice(), sunshine.texts().len() > before), (steps, reaches), "{end:?}");
    }
    let last = sunshine.texts().last().unwrap().id.clone();
    sunshine.fail_delivery(&last, 30008);
    let told = events(&sunshine);
    assert_eq!(
        (kinds(&told), &told[0]["payload"]["message"]["id"]),
        (vec!["conversation:message:delivery:failure"], &json!(last))
    );
    sunshine.block(SMS, ADA, true);
    assert_eq!(events(&sunshine)[0]["payload"]["reason"], "blocked");
    post(&sunshine, &conversation, json!({})).await;
    assert_eq!(events(&sunshine)[1]["payload"]["error"]["code"], "blocked");
}

#[tokio::test]
async fn a_notification_meets_a_number_and_tells_of_itself_in_the_first_generations_words() {
    let (sunshine, _) = sunshine().await;
    let notify = async |integration: &str, to: &str, change: Value| {
        let mut body = json!({"destination": {"integrationId": integration, "destinationId": to},
            "author": {"role": "appMaker"}, "message": {"type": "text", "text": "Hi"}, "metadata": {"tandem": "a"}});
        model::extend(&mut body, change);
        ask_first(&sunshine, "POST", "notifications", body).await
    };
    for (integration, to, change) in [
        ("other", ADA, json!({})),
        (SMS, "15550123456", json!({})),
        (SMS, "US.abc", json!({})),
        (SMS, ADA, json!({"author": {"type": "business"}})),
        (SMS, ADA, json!({"messageSchema": "whatsapp"})),
        (WHATSAPP, ADA, json!({"message": {"type": "template", "template": {"name": "order_shipped"}}})),
    ] {
        let (status, told) = notify(integration, to, change.clone()).await;
        assert_eq!((status, &told["error"]["code"]), (400, &json!("bad_request")), "{integration} {to} {change}");
    }
    let (status, told) = notify(SMS, ADA, json!({})).await;
    let id = told["notification"]["_id"].as_str().unwrap();
    assert_eq!((status, id.len()), (201, 36));
    let told = bodies(&sunshine);
    let triggers: Vec<&str> = told.iter().filter_map(|body| body["trigger"].as_str()).collect();
    assert_eq!(triggers, ["notification:delivery:channel", "notification:delivery:user"], "each in a body of its own");
    let conversation = sunshine.conversation_of(SMS, ADA).unwrap();
    let first = told.iter().find(|body| body["trigger"].is_string()).unwrap();
    assert_eq!(
        (&first["notification"]["_id"], &first["matchResult"]["conversation"]["_id"]),
        (&json!(id), &json!(conversation))
    );
    assert_eq!((&first["destination"]["destinationId"], &first["events"]), (&json!("15550123456"), &Value::Null));
    assert_eq!(sunshine.messages(&conversation), [], "it is not listed before an answer");
    sunshine.text(SMS, ADA, "Thanks");
    let recent = &events(&sunshine)[0]["payload"]["recentNotifications"];
    assert_eq!(recent[0]["id"], id);
    // WhatsApp: outside of the window a template only, and some people are not found.
    assert_eq!(notify(WHATSAPP, ADA, json!({})).await.0, 201);
    assert_eq!(bodies(&sunshine).last().unwrap()["trigger"], "notification:delivery:failure");
    let template = json!({"type": "template", "template": {"name": "please_write_again",
        "language": {"policy": "deterministic", "code": "en_US"}}});
    assert_eq!(notify(WHATSAPP, ADA, json!({"messageSchema": "whatsapp", "message": template})).await.0, 201);
    assert!(sunshine.reached(ADA).last().unwrap().starts_with("We have an answer"), "{:?}", sunshine.reached(ADA));
    sunshine.hide_from_notifications("US.abc");
    drop(sunshine.take_held_webhooks());
    assert_eq!(notify(WHATSAPP, "US.abc", json!({})).await.0, 201);
    assert_eq!(bodies(&sunshine)[0]["trigger"], "notification:match:failure");
}

#[tokio::test]
async fn webhooks_are_set_up_by_the_api_and_bring_what_they_ask_for() {
    let (sunshine, _) = sunshine_with(SunshineOptions { is_set_up: false, ..SunshineOptions::default() }).await;
    sunshine.text(SMS, ADA, "Before");
    let conversation = sunshine.conversation_of(SMS, ADA).unwrap();
    assert_eq!((sunshine.native_tickets(), sunshine.take_held_webhooks().len()), (vec![conversation], 0));
    let (_, channels) = ask(&sunshine, "GET", "integrations?filter[types]=twilio,whatsapp", Value::Null).await;
    let channels = channels["integrations"].as_array().unwrap();
    assert_eq!((channels.len(), &channels[0]["defaultResponder"]["integrationType"]), (2, &json!("zd:agentWorkspace")));
    let hook = |triggers: &[&str]| json!({"target": "http://127.0.0.1:9/hook", "triggers": triggers});
    let custom = |hooks: Vec<Value>| json!({"type": "custom", "displayName": "tandem", "webhooks": hooks});
    for refused in [
        custom(Vec::new()),
        custom(vec![hook(&["Conversation:message"])]),
        custom(vec![hook(&[])]),
        json!({"type": "x"}),
    ] {
        assert_eq!(ask(&sunshine, "POST", "integrations", refused.clone()).await.0, 400, "{refused}");
    }
    let (status, made) = ask(&sunshine, "POST", "integrations", custom(vec![hook(&["conversation:message"])])).await;
    let webhook = &made["integration"]["webhooks"][0];
    assert_eq!((status, webhook["secret"].as_str().unwrap().len()), (201, 40));
    let id = made["integration"]["id"].as_str().unwrap();
    let (_, hooks) = ask(&sunshine, "GET", &format!("integrations/{id}/webhooks"), Value::Null).await;
    assert_eq!(hooks["webhooks"][0], *webhook, "the secret can be read again");
    sunshine.text(SMS, "+15550123999", "Hello");
    let held = sunshine.take_held_webhooks();
    assert_eq!((held.len(), held[0].path.as_str()), (1, "http://127.0.0.1:9/hook"));
    let body: Value = serde_json::from_str(&held[0].body).unwrap();
    let message = &body["events"][0]["payload"]["message"];
    assert_eq!(kinds(body["events"].as_array().unwrap()), ["conversation:message"]);
    assert!(message["source"]["client"].is_null() && message["author"]["user"]["profile"].is_null(), "{message}");
    // The first generation's are shown as custom integrations, and both count.
    let notifications = hook(&["notification:delivery:failure"]);
    let (status, first) = ask_first(&sunshine, "POST", "webhooks", notifications.clone()).await;
    assert_eq!((status, &first["webhook"]["version"]), (201, &json!("v1.1")));
    for _ in 0..8 {
        assert_eq!(ask_first(&sunshine, "POST", "webhooks", notifications.clone()).await.0, 201);
    }
    assert_eq!(ask_first(&sunshine, "POST", "webhooks", notifications).await.0, 400);
    let (_, shown) = ask(&sunshine, "GET", "integrations?filter[types]=custom&page[size]=100", Value::Null).await;
    assert_eq!(shown["integrations"].as_array().unwrap().len(), 10);
    let first = first["webhook"]["_id"].as_str().unwrap();
    assert_eq!(ask_first(&sunshine, "DELETE", &format!("webhooks/{first}"), Value::Null).await.0, 200);
}

#[tokio::test]
async fn a_member_of_the_switchboard_takes_a_channel_over_and_hears_the_rest_on_standby_only() {
    let (sunshine, _) = sunshine_with(SunshineOptions { is_set_up: false, ..SunshineOptions::default() }).await;
    let hook = json!({"target": "/hook", "triggers": ["conversation:message", "switchboard:passControl"]});
    let custom = json!({"type": "custom", "displayName": "tandem", "webhooks": [hook]});
    let made = ask(&sunshine, "POST", "integrations", custom).await.1;
    let (_, boards) = ask(&sunshine, "GET", "switchboards", Value::Null).await;
    let board = format!("switchboards/{}/switchboardIntegrations", boards["switchboards"][0]["id"].as_str().unwrap());
    let member = json!({"name": "tandem", "integrationId": made["integration"]["id"], "deliverStandbyEvents": false});
    let (status, member) = ask(&sunshine, "POST", &board, member).await;
    assert_eq!(status, 201);
    sunshine.text(SMS, ADA, "In Zendesk's hands");
    assert_eq!(sunshine.take_held_webhooks().len(), 0, "no events on standby");
    let responder = json!({"defaultResponderId": member["switchboardIntegration"]["id"]});
    let (_, changed) = ask(&sunshine, "PATCH", &format!("integrations/{SMS}"), responder).await;
    let responder = &changed["integration"]["defaultResponder"];
    assert_eq!((&responder["name"], &responder["inherited"]), (&json!("tandem"), &json!(false)));
    sunshine.text(SMS, "+15550123999", "In ours");
    assert_eq!(kinds(&events(&sunshine)), ["conversation:message"]);
    let ours = sunshine.conversation_of(SMS, "+15550123999").unwrap();
    assert!(!sunshine.native_tickets().contains(&ours));
    sunshine.pass_control(&ours, "zd-agentWorkspace", Some("ticketClosed"));
    let told = events(&sunshine);
    assert_eq!(
        (kinds(&told), &told[0]["payload"]["reason"]),
        (vec!["switchboard:passControl"], &json!("ticketClosed"))
    );
    assert!(sunshine.native_tickets().contains(&ours));
    let path = format!("conversations/{ours}");
    let pass = json!({"switchboardIntegration": "tandem"});
    assert_eq!(ask(&sunshine, "POST", &format!("{path}/passControl"), pass).await, (200, json!({})));
    assert_eq!(ask(&sunshine, "POST", &format!("{path}/acceptControl"), json!({})).await.0, 403);
    assert_eq!(ask(&sunshine, "POST", &format!("{path}/releaseControl"), json!({})).await.0, 200);
    let (_, shown) = ask(&sunshine, "GET", &path, Value::Null).await;
    assert_eq!(shown["conversation"]["activeSwitchboardIntegration"], Value::Null);
}

#[tokio::test]
async fn events_of_several_acts_come_in_one_body() {
    let (sunshine, _) = sunshine().await;
    let conversation = talking(&sunshine, SMS).await;
    let last = sunshine.together(|sunshine| {
        sunshine.text(SMS, ADA, "one");
        sunshine.text(WHATSAPP, "US.abc", "two");
        sunshine.tap_postback(SMS, ADA, "yes");
        sunshine.read(SMS, ADA);
        let posted = post(sunshine, &conversation, json!({})).now_or_never().expect("an answer without a wait");
        assert_eq!(posted.0, 201);
        sunshine.tap_reply(SMS, ADA, "Yes", "yes")
    });
    let bodies = bodies(&sunshine);
    assert_eq!(bodies.len(), 1);
    let events = bodies[0]["events"].as_array().unwrap();
    assert_eq!(
        kinds(events),
        [
            "conversation:message",
            "conversation:create",
            "conversation:message",
            "conversation:postback",
            "conversation:read",
            "conversation:message",
            "conversation:message:delivery:channel",
            "conversation:message:delivery:user",
            "conversation:message"
        ]
    );
    let message = &events[8]["payload"]["message"];
    assert_eq!((&message["id"], &message["content"]["payload"]), (&json!(last), &json!("yes")));
    assert_eq!(events[3]["payload"]["conversation"]["id"], conversation);
    let ids: std::collections::BTreeSet<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 9);
}

#[tokio::test]
async fn a_merge_ends_a_conversation_and_moves_its_phone_and_a_removed_user_ends_it_too() {
    let (sunshine, _) = sunshine().await;
    let (kept, lost) = (talking(&sunshine, SMS).await, talking(&sunshine, WHATSAPP).await);
    sunshine.merge(&kept, &lost);
    let told = events(&sunshine);
    let merged = &told[0]["payload"]["mergedConversations"];
    assert_eq!(
        (kinds(&told), &merged["surviving"]["id"], &merged["discarded"]["id"]),
        (vec!["user:merge"], &json!(kept), &json!(lost))
    );
    assert_eq!(post(&sunshine, &lost, json!({})).await.0, 404);
    assert_eq!(post(&sunshine, &kept, json!({"destination": {"integrationId": WHATSAPP}})).await.0, 201);
    assert_eq!(sunshine.texts()[0].integration, WHATSAPP);
    drop(sunshine.take_held_webhooks());
    sunshine.remove_user_of(&kept);
    assert_eq!(kinds(&events(&sunshine)), ["user:remove", "conversation:remove"]);
    assert_eq!(sunshine.conversation_of(SMS, ADA), None);
}

#[tokio::test]
async fn whatsapp_names_a_customer_by_an_id_of_its_own_with_or_without_the_number() {
    let (sunshine, _) = sunshine().await;
    let client =
        |sunshine: &Sunshine| events(sunshine).last().unwrap()["payload"]["message"]["source"]["client"].clone();
    sunshine.text(WHATSAPP, ADA, "one");
    assert_eq!(client(&sunshine)["externalId"], "15550123456");
    sunshine.name_on_whatsapp(ADA, "US.13491208655302741918");
    sunshine.text(WHATSAPP, ADA, "two");
    let named = client(&sunshine);
    assert_eq!(named["externalId"], "US.13491208655302741918");
    assert_eq!(named["additionalIdentifiers"], json!([{"key": "phoneNumber", "value": ADA}]));
    sunshine.text(WHATSAPP, "US.abc", "three");
    let hidden = client(&sunshine);
    assert_eq!(
        (&hidden["externalId"], &hidden["info"], &hidden["additionalIdentifiers"]),
        (&json!("US.abc"), &json!({}), &Value::Null)
    );
}

#[tokio::test]
async fn shorthand_in_a_text_is_read() {
    let (sunshine, _) = sunshine().await;
    let (texts, chats) = (talking(&sunshine, SMS).await, talking(&sunshine, WHATSAPP).await);
    let say = async |conversation: &str, text: &str| {
        let content = json!({"content": {"type": "text", "text": text}});
        post(&sunshine, conversation, content).await.1["messages"].as_array().unwrap().len()
    };
    assert_eq!(say(&texts, "See ![map](https://x/1.png) there").await, 3);
    assert_eq!(say(&texts, "Tap %[here](https://x)").await, 1);
    let shorthand = "&((namespace=[[n]] template=[[order_shipped]] fallback=[[Sorry]] language=[[en_US]] body_text=[[7]] body_text=[[Ada]]))&";
    assert_eq!((say(&texts, shorthand).await, say(&chats, shorthand).await), (1, 1));
    assert_eq!(
        sunshine.reached(ADA),
        ["See ", "https://x/1.png", " there", "Tap ", "Sorry", "Your order 7 is on its way to Ada."]
    );
}

#[tokio::test]
async fn a_file_goes_up_as_a_form_and_comes_down_with_the_key_only() {
    let (sunshine, _) = sunshine().await;
    let target = "/sc/v2/apps/5d8cff3cd55b040010928b5b/attachments";
    let form = b"--x\r\nContent-Disposition: form-data; name=\"source\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--x--\r\n";
    let up = async |query: &str| {
        send(&sunshine, "POST", &format!("{target}{query}"), "multipart/form-data; boundary=x", form.to_vec()).await
    };
    assert_eq!(up("").await.0, 400);
    let (status, told) = up("?access=public&for=message").await;
    assert_eq!((status, &told["attachment"]["mediaType"]), (201, &json!("image/png")));
    sunshine.picture(SMS, ADA, "image/jpeg", b"seen", "Look");
    let content = events(&sunshine).last().unwrap()["payload"]["message"]["content"].clone();
    assert_eq!(
        (&content["type"], &content["mediaSize"], &content["text"]),
        (&json!("image"), &json!(4), &json!("Look"))
    );
    for (address, bytes) in [(&told["attachment"]["mediaUrl"], &b"\x89PNG"[..]), (&content["mediaUrl"], b"seen")] {
        let path = address.as_str().unwrap().strip_prefix(sunshine.url()).unwrap();
        let mut request = http::Request::new(bytes::Bytes::new());
        *request.uri_mut() = format!("/sc{path}").parse().unwrap();
        assert_eq!(sunshine.inner.answer(&Request::from(request.clone())).await.status, 401);
        let options = SunshineOptions::default();
        let key = format!("{}:{}", options.key_id, options.secret);
        let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key);
        request.headers_mut().insert("authorization", format!("Basic {key}").parse().unwrap());
        let answer = sunshine.inner.answer(&Request::from(request)).await;
        assert_eq!((answer.status, &answer.body[..]), (200, bytes));
    }
}

#[test]
fn a_webhook_is_tried_five_times_and_not_again_after_an_answer_that_means_it() {
    let answered = |status| AttemptResult::Answered { status, retry_after: None, body: String::new() };
    for status in [200, 202, 204, 400, 401, 403, 404, 406] {
        assert!(!Rules::Sunshine.repeats(1, &answered(status)), "{status}");
    }
    for result in [
        answered(302),
        answered(409),
        answered(429),
        answered(500),
        answered(503),
        AttemptResult::TimedOut,
        AttemptResult::Unreachable,
    ] {
        assert!(Rules::Sunshine.repeats(4, &result) && !Rules::Sunshine.repeats(5, &result), "{result:?}");
    }
}
