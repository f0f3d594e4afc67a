//! Tests of the settings against a scripted Zendesk on this machine.

use http::Method;

use super::*;
use crate::clock::Clock;
use crate::vendors::http::scripted::{self, Reply, Scripted};
use crate::vendors::zendesk::{Auth, ZendeskOptions};

/// A client of a Zendesk that gives these answers.
async fn asked(answers: Vec<Reply>) -> (Scripted, Zendesk) {
    let server = Scripted::answers(answers).await;
    let auth = Auth::ApiToken { email: "bot@brand.example".into(), token: "t0ken".into() };
    let options = ZendeskOptions { url: server.url.clone(), auth };
    let clock = Clock::manual("2026-11-21T12:00:00Z".parse().unwrap(), 1);
    let zendesk = Zendesk::new(options, scripted::reach(&clock));
    (server, zendesk)
}

fn ok(body: Value) -> Reply {
    Reply::json(200, &body)
}

#[tokio::test]
async fn lists_are_read_to_the_end_and_what_cannot_be_read_is_left_out() {
    let category = |id: &str| json!({"id": id, "name": "n"});
    let (server, zendesk) = asked(vec![
        ok(json!({"trigger_categories": [category("1"), {"id": 2}], "meta": {"has_more": true, "after_cursor": "x"}})),
        ok(json!({"trigger_categories": [category("3")], "meta": {"has_more": false}})),
    ])
    .await;
    let found = zendesk.trigger_categories().await.unwrap();
    assert_eq!(found.iter().map(|category| category.id.as_str()).collect::<Vec<_>>(), ["1", "3"]);
    assert_eq!(server.seen()[1].query("page[after]").as_deref(), Some("x"));
}

#[tokio::test]
async fn what_was_made_is_known_by_its_id_be_it_a_number_or_a_text() {
    let write = Write { method: Method::POST, path: "/api/v2/triggers".into(), body: Some(json!({"trigger": {}})) };
    for (reply, id) in [
        (Reply::json(201, &json!({"trigger": {"id": 25}})), Some("25")),
        (Reply::json(201, &json!({"webhook": {"id": "01AB"}})), Some("01AB")),
        (Reply::text(204, ""), None),
    ] {
        let (server, zendesk) = asked(vec![reply]).await;
        assert_eq!(zendesk.write(&write).await, Ok(id.map(str::to_owned)));
        assert_eq!(server.seen()[0].json(), json!({"trigger": {}}));
    }
    // A call whose answer is lost may have had its effect.
    let (_server, zendesk) = asked(vec![Reply::text(504, "")]).await;
    assert!(matches!(zendesk.write(&write).await, Err(Failure::Lose { .. })));
}

#[tokio::test]
async fn nobody_is_told_from_somebody_and_the_date_is_read() {
    let anonymous = ok(json!({"user": {"name": "Anonymous user", "role": "end-user"}}));
    let date = "Sat, 21 Nov 2026 12:03:04 GMT";
    let somebody = ok(json!({"user": {"id": 7, "role": "admin"}})).header("date", date);
    let (_server, zendesk) = asked(vec![anonymous, somebody]).await;
    assert_eq!(zendesk.me().await.unwrap().id, None);
    let me = zendesk.me().await.unwrap();
    let answered_at = Some("2026-11-21T12:03:04Z".parse().unwrap());
    assert_eq!(me, Me { id: Some(7), role: "admin".into(), answered_at });
}

#[tokio::test]
async fn a_test_without_an_answer_is_told_from_one_with() {
    let webhook: WebhookView = serde_json::from_value(json!({"id": "01AB", "name": "tandem", "status": "active",
        "endpoint": "https://bridge.example", "http_method": "POST", "request_format": "json"}))
    .unwrap();
    let answers = [(json!(202), Some(202)), (json!(0), None), (Value::Null, None)];
    for (status_code, status) in answers {
        let (server, zendesk) = asked(vec![ok(json!({"response": {"status_code": status_code}}))]).await;
        let test = zendesk.test_webhook(&webhook, &json!({"event": "e"})).await;
        assert_eq!(test, Ok(WebhookTest { status }));
        let seen = &server.seen()[0];
        assert_eq!(seen.query("webhook_id").as_deref(), Some("01AB"));
        assert_eq!(seen.json()["request"]["payload"], r#"{"event":"e"}"#);
    }
}
