//! The client against a scripted Braze on this machine, over real HTTP.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::*;
use crate::clock::Clock;
use crate::domain::event::EventId;
use crate::domain::lanes::Need;
use crate::domain::line::Channel;
use crate::domain::outgoing::{Part, Recipient};
use crate::ports::{Carrier, Sent, Sought, Text};
use crate::vendors::http::scripted::{self, Reply, Scripted};
use crate::vendors::http::{Attempt, Personal};

fn start() -> Timestamp {
    // As recorded: a call at 20:04, whose window ends at 21:00.
    Timestamp::from_second(1_592_424_240).unwrap()
}

fn client(url: &Url, clock: &Clock) -> Braze {
    let options = BrazeOptions { url: url.clone(), api_key: "k3y".into() };
    Braze::new(options, scripted::reach(clock))
}

fn braze(url: &Url) -> Braze {
    client(url, &Clock::manual(start(), 1))
}

fn body() -> Value {
    json!({"campaign_id": "c", "recipients": [{"external_user_id": "u1"}]})
}

/// Sends the body as a text of one part.
async fn sending(braze: &Braze) -> Result<Sent, Failure> {
    let (to, body) = (Recipient::External("u1".into()), body());
    let part = Part { id: EventId { epoch: 1, sequence: 1, sub: 0 }, number: 1, of: 1 };
    let (channel, body) = (Channel::Sms, Some(&body));
    let (line, words, template, ticket) = (None, "", None, None);
    let (number, refused_at, doubted_since) = (None, None, None);
    let text = Text { to: &to, channel, line, words, template, part, body, ticket, number, refused_at, doubted_since };
    braze.send(&text).await
}

async fn receipts(braze: &Braze, of: &Recipient) -> Result<BTreeMap<String, String>, Failure> {
    let sought =
        Sought { id: EventId { epoch: 1, sequence: 1, sub: 0 }, parts: 1, since: start(), channel: Channel::Sms };
    braze.receipts(of, &sought).await
}

async fn send(reply: Reply) -> Result<Sent, Failure> {
    let server = Scripted::answers(vec![reply]).await;
    let result = sending(&braze(&server.url)).await;
    assert_eq!(server.seen().len(), 1, "a text is sent once");
    result
}

fn shown(result: Result<Sent, Failure>) -> String {
    match result {
        Ok(Sent { dispatch }) => format!("Sent {dispatch:?}"),
        Err(Failure::Retry { cause, after }) => format!("Retry {after:?}: {cause}"),
        Err(Failure::Broke { cause, after }) => format!("Broke {after:?}: {cause}"),
        Err(Failure::Lose { cause }) => format!("Unknown: {cause}"),
        Err(Failure::GiveUp { cause }) => format!("Reject: {cause}"),
        Err(Failure::Pause { cause, status }) => format!("Refused {status}: {cause}"),
        Err(Failure::Forbid { cause, status, .. }) => format!("Forbidden {status}: {cause}"),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_send_is_one_request_with_the_key() {
    let answer = json!({"dispatch_id": "0123abcd", "message": "success"});
    let server = Scripted::answers(vec![Reply::json(201, &answer)]).await;
    let sent = sending(&braze(&server.url)).await.unwrap();
    assert_eq!(sent.dispatch.as_deref(), Some("0123abcd"));
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/campaigns/trigger/send"));
    assert_eq!(seen.headers["authorization"], "Bearer k3y");
    assert_eq!(seen.json(), body());
}

#[tokio::test]
async fn each_answer_to_a_send_has_its_meaning() {
    let message = |message: &str| json!({"message": message});
    let cases = [
        (201, json!({"message": "success"}), "Sent None"),
        (201, json!({"message": "success", "errors": []}), "Sent None"),
        (202, message("queued"), "Sent None"),
        (
            201,
            json!({"message": "success", "errors": ["alice is unknown"]}),
            "Reject: Braze answered 201 and accepted but reported problems",
        ),
        (
            201,
            json!({"message": "success", "errors": [{"type": "x", "input_array": "attributes", "index": 0}]}),
            "Reject: Braze answered 201 and accepted but reported problems",
        ),
        (201, message("something fatal about alice"), "Reject: Braze answered 201 but did not send"),
        (201, json!({}), "Unknown: Braze answered 201 with no message"),
        (200, json!([]), "Unknown: Braze answered 200 with no JSON object"),
        (400, message("Bad Request"), "Reject: Braze answered 400 Bad Request"),
        (400, message("No Recipients"), "Reject: Braze answered 400 No Recipients"),
        (400, message("Invalid Campaign ID"), "Forbidden 400: Braze answered 400 Invalid Campaign ID (campaign c)"),
        (
            400,
            message("The campaign is archived. Unarchive it."),
            "Forbidden 400: Braze answered 400 campaign is archived (campaign c)",
        ),
        (
            400,
            message("The campaign is paused. Resume it."),
            "Forbidden 400: Braze answered 400 campaign is paused (campaign c)",
        ),
        (
            400,
            message("The campaign does not exist"),
            "Forbidden 400: Braze answered 400 campaign does not exist (campaign c)",
        ),
        (400, message("My dog paused the film"), "Reject: Braze answered 400 paused"),
        (401, message("Invalid API key: k3y"), "Refused 401: Braze answered 401 Invalid API key"),
        (403, message("Access Denied"), "Forbidden 403: Braze answered 403 Access Denied for this customer"),
        (404, message("nothing here"), "Forbidden 404: Braze answered 404 for this customer"),
        (301, json!({}), "Forbidden 301: Braze answered 301, a redirect: is the address right?"),
        (409, json!({}), "Retry None: Braze answered 409"),
        (413, json!({}), "Reject: Braze answered 413"),
        (429, json!({}), "Retry None: Braze answered 429"),
        (500, json!({}), "Broke None: Braze answered 500"),
        (502, json!({}), "Retry None: Braze answered 502"),
        (503, json!({}), "Broke None: Braze answered 503"),
        (504, json!({}), "Unknown: Braze answered 504"),
    ];
    for (status, body, expected) in cases {
        assert_eq!(shown(send(Reply::json(status, &body)).await), expected);
    }
    assert_eq!(shown(send(Reply::text(200, "<html>")).await), "Unknown: Braze answered 200 with no JSON object");
    assert_eq!(shown(send(Reply::text(500, "<html>")).await), "Broke None: Braze answered 500");
}

#[tokio::test]
async fn a_lost_answer_may_have_gone_out_and_a_refused_connection_may_not() {
    let endings: [&[u8]; 2] = [b"", b"HTTP/1.1 201 Created\r\ncontent-length: 90\r\n\r\n{\"mess"];
    for ending in endings {
        let braze = braze(&scripted::raw(ending.to_vec()).await);
        let sent = shown(sending(&braze).await);
        assert_eq!(sent, "Unknown: Braze gave no whole answer: the connection broke off");
        let read = receipts(&braze, &Recipient::External("u1".into())).await;
        assert!(matches!(read, Err(Failure::Retry { .. })), "a read has no effect: {read:?}");
    }
    let sent = shown(sending(&braze(&scripted::nobody_listens().await)).await);
    assert_eq!(sent, "Retry None: Braze could not be reached: the connection was refused");
}

#[tokio::test]
async fn a_spent_hour_is_waited_for() {
    let clock = Clock::manual(start(), 1);
    let spent = Reply::json(429, &json!({"message": "rate limit"}))
        .header("X-Ratelimit-Limit", "250000")
        .header("X-Ratelimit-Remaining", "0")
        .header("X-Ratelimit-Reset", "1592427600");
    let server = Scripted::answers(vec![spent, Reply::json(201, &json!({"message": "success"}))]).await;
    let braze = client(&server.url, &clock);
    let wait = Duration::from_secs(3360);
    let failure = sending(&braze).await.unwrap_err();
    assert_eq!(failure, Failure::Retry { cause: "Braze answered 429 rate limit".into(), after: Some(wait) });
    let until = Timestamp::from_second(1_592_427_600).unwrap();
    let failure = sending(&braze).await.unwrap_err();
    assert_eq!(failure, Failure::Postpone { cause: "Braze answered 429".into(), until, for_budget: true });
    assert_eq!(server.seen().len(), 1);
    clock.advance(SignedDuration::from_secs(3360));
    sending(&braze).await.unwrap();
}

#[tokio::test]
async fn empty_rate_headers_change_nothing() {
    let answer = Reply::json(401, &json!({"message": "Invalid API key: x"}))
        .header("X-Ratelimit-Limit", "")
        .header("X-Ratelimit-Remaining", "")
        .header("X-Ratelimit-Reset", "");
    let server = Scripted::answers(vec![answer, Reply::json(201, &json!({"message": "success"}))]).await;
    let braze = braze(&server.url);
    assert!(matches!(sending(&braze).await, Err(Failure::Pause { status: 401, .. })));
    sending(&braze).await.unwrap();
}

#[tokio::test]
async fn the_receipt_is_read_from_the_right_profile() {
    let alice = Recipient::External("u1".into());
    let anonymous = Recipient::OfCarrier("b1".into());
    let user = |receipt: Value| {
        let other = if receipt.is_string() { json!("evt_2") } else { json!(null) };
        json!({"users": [
            {"external_id": "other", "braze_id": "other", "custom_attributes": {"tandem_receipt": "wrong"}},
            {"external_id": "u1", "braze_id": "b1", "custom_attributes":
                {"tandem_receipt": receipt, "tandem_receipt_0a1b2c3d": other, "plan": "gold"}},
        ]})
    };
    let cases = [
        (user(json!("evt_1")), Some("evt_1")),
        (user(json!(null)), None),
        (user(json!(7)), None),
        (json!({"users": [{"external_id": "u1", "braze_id": "b1"}]}), None),
        (json!({"users": [], "invalid_user_ids": ["u1"]}), None),
    ];
    for (body, expected) in cases {
        let server = Scripted::answers(vec![Reply::json(201, &body), Reply::json(201, &body)]).await;
        let braze = braze(&server.url);
        for recipient in [&alice, &anonymous] {
            let found = receipts(&braze, recipient).await.unwrap();
            let names: Vec<&str> = found.keys().map(String::as_str).collect();
            assert_eq!(found.get("tandem_receipt").map(String::as_str), expected, "{body}");
            assert_eq!(names.len(), usize::from(expected.is_some()) * 2, "{names:?}: {body}");
        }
        let seen = server.seen();
        let fields = json!(["external_id", "braze_id", "custom_attributes"]);
        assert_eq!(seen[0].json(), json!({"external_ids": ["u1"], "fields_to_export": fields}));
        assert_eq!(seen[1].json(), json!({"braze_id": "b1", "fields_to_export": fields}));
    }
    let server = Scripted::answers(vec![Reply::json(200, &json!({"message": "odd"})), Reply::text(403, "")]).await;
    let braze = braze(&server.url);
    assert!(matches!(receipts(&braze, &alice).await, Err(Failure::Retry { .. })), "no answer is not 'no receipt'");
    assert!(matches!(receipts(&braze, &alice).await, Err(Failure::Forbid { status: 403, .. })));
}

#[tokio::test]
async fn a_subscription_is_read_in_either_case() {
    let id = "u&1";
    let cases = [("Subscribed", Some(true)), ("unsubscribed", Some(false)), ("unknown", None), ("odd", None)];
    for (word, expected) in cases {
        let server =
            Scripted::answers(vec![Reply::json(200, &json!({"status": {id: word}, "message": "success"}))]).await;
        let found = braze(&server.url).takes_texts("group", Channel::Sms, &Recipient::External(id.into())).await;
        assert_eq!(found, Ok(expected), "{word}");
        assert_eq!(server.seen()[0].query("external_id[]").as_deref(), Some(id));
        assert_eq!(server.seen()[0].query("subscription_group_id").as_deref(), Some("group"));
    }
    let server = Scripted::answers(vec![Reply::json(400, &json!({"message": "Invalid subscription group ID"}))]).await;
    let braze = braze(&server.url);
    assert_eq!(braze.takes_texts("group", Channel::Sms, &Recipient::OfCarrier("b".into())).await, Ok(None));
    let failure = braze.takes_texts("group", Channel::Sms, &Recipient::External(id.into())).await.unwrap_err();
    assert_eq!(failure, Failure::GiveUp { cause: "Braze answered 400 Invalid subscription group ID".into() });
}

#[tokio::test]
async fn another_key_counts_from_the_next_call_on() {
    let success = || Reply::json(201, &json!({"message": "success"}));
    let server = Scripted::answers(vec![success(), success()]).await;
    let braze = braze(&server.url);
    sending(&braze).await.unwrap();
    braze.api_key.renew("an0ther".into());
    sending(&braze).await.unwrap();
    let presented: Vec<_> = server.seen().iter().map(|seen| seen.headers["authorization"].clone()).collect();
    assert_eq!(presented, ["Bearer k3y", "Bearer an0ther"]);
}

#[tokio::test]
async fn a_claim_counts_as_called_once_it_sends_and_not_by_a_read_before() {
    let answers = [json!({"users": []}), json!({"dispatch_id": "0123abcd", "message": "success"})];
    let server = Scripted::answers(answers.iter().map(|answer| Reply::json(201, answer)).collect()).await;
    let (braze, counted) = (braze(&server.url), Arc::new(Mutex::new(Vec::new())));
    let claim = Attempt::of_claim(Personal::default(), Need::Text, Arc::clone(&counted));
    let calls = async {
        receipts(&braze, &Recipient::External("u1".into())).await.unwrap();
        assert_eq!(*counted.lock().unwrap(), [0; 0], "a read draws on another pool");
        sending(&braze).await.unwrap();
        assert_ne!(*counted.lock().unwrap(), [0; 0]);
    };
    claim.listen(calls).await;
    assert_eq!(server.seen().len(), 2);
}
