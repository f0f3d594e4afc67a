//! The client against a scripted Bird on this machine, over real HTTP.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::*;
use crate::clock::Clock;
use crate::domain::account::Ends;
use crate::domain::event::{EventId, TicketId};
use crate::domain::line::{Channel, Forms, Line, Lines};
use crate::domain::outgoing::{Part, Recipient};
use crate::ports::{Carrier, Look, Sent, Sought, Text};
use crate::vendors::bird::carrier::PAGES_MAX;
use crate::vendors::http::scripted::{self, Reply, Scripted};

const TO: &str = "+15550123456";

fn now() -> Timestamp {
    Timestamp::from_second(1_796_030_102).unwrap()
}

fn bird(url: &Url) -> Bird {
    let options = BirdOptions { url: url.clone(), api_key: "bk_eu1_k3y".into(), sender: "+15550100100".into() };
    Bird::new(options, scripted::reach(&Clock::manual(now(), 1)))
}

fn part(number: u32, of: u32) -> Part {
    Part { id: EventId { epoch: 1, sequence: 2, sub: 0 }, number, of }
}

/// Sends one part over a line of this address.
async fn send_over(client: &Bird, line: Option<&str>, part: Part, ticket: Option<TicketId>) -> Result<Sent, Failure> {
    let to = Recipient::OfCarrier(TO.into());
    let channel = Channel::Sms;
    let (words, template, body) = ("Hello", None, None);
    let (number, refused_at, doubted_since) = (None, None, None);
    let text = Text { to: &to, channel, line, words, template, part, body, ticket, number, refused_at, doubted_since };
    client.send(&text).await
}

async fn look(client: &Bird, parts: u32) -> Result<BTreeMap<String, String>, Failure> {
    let sought = Sought { id: part(1, 1).id, parts, since: now(), channel: Channel::Sms };
    client.receipts(&Recipient::OfCarrier(TO.into()), &sought).await
}

async fn send(reply: Reply) -> String {
    let server = Scripted::answers(vec![reply]).await;
    let result = send_over(&bird(&server.url), None, part(1, 1), None).await;
    assert_eq!(server.seen().len(), 1, "a text is sent once");
    shown(result)
}

fn shown(result: Result<Sent, Failure>) -> String {
    match result {
        Ok(Sent { dispatch }) => format!("Sent {dispatch:?}"),
        Err(Failure::Retry { cause, after }) => format!("Retry {after:?}: {cause}"),
        Err(Failure::Broke { cause, after }) => format!("Broke {after:?}: {cause}"),
        Err(Failure::Lose { cause }) => format!("Lose: {cause}"),
        Err(Failure::GiveUp { cause }) => format!("GiveUp: {cause}"),
        Err(Failure::Pause { cause, status }) => format!("Pause {status}: {cause}"),
        Err(Failure::Forbid { cause, status, .. }) => format!("Forbid {status}: {cause}"),
        Err(Failure::IdempotencyMismatch { cause }) => format!("Mismatch: {cause}"),
        Err(other) => panic!("{other:?}"),
    }
}

fn error(kind: &str, code: &str, name: &str) -> Value {
    json!({"error": {"type": kind, "code": code, "name": name, "message": "to +15550123456", "request_id": "r"}})
}

#[tokio::test]
async fn a_part_is_one_request_under_a_key_of_its_own_with_its_mark_in_tags_and_metadata() {
    let accepted = Reply::json(202, &json!({"id": "sms_1", "status": "accepted"}));
    let server = Scripted::answers(vec![accepted.clone(), accepted]).await;
    let client = bird(&server.url);
    let sent = send_over(&client, Some("+15550100999"), part(2, 3), Some(TicketId(7))).await.unwrap();
    assert_eq!(sent.dispatch.as_deref(), Some("sms_1"));
    send_over(&client, None, part(1, 1), None).await.unwrap();
    let [first, second] = &server.seen()[..] else { panic!("two calls") };
    assert_eq!((first.method.as_str(), first.target.as_str()), ("POST", "/v1/sms/messages"));
    assert_eq!(first.headers["authorization"], "Bearer bk_eu1_k3y");
    assert_eq!(first.headers["idempotency-key"], "tandem-reply/evt_000000010000000000020000-2");
    let expected = json!({
        "to": TO, "from": "+15550100999", "text": "Hello", "category": "service",
        "metadata": {"tandem": "evt_000000010000000000020000-2", "ticket": "7"},
        "tags": [
            {"name": "tandem", "value": "evt_000000010000000000020000-2"},
            {"name": "tandem_delivery", "value": "evt_000000010000000000020000"},
        ],
    });
    assert_eq!(first.json(), expected);
    for tag in first.json()["tags"].as_array().unwrap() {
        let is_fine = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let (name, value) = (tag["name"].as_str().unwrap(), tag["value"].as_str().unwrap());
        assert!(is_fine(name) && name.len() <= 32 && is_fine(value) && value.len() <= 64, "{tag}");
    }
    assert_eq!(second.headers["idempotency-key"], "tandem-reply/evt_000000010000000000020000-1");
    assert_eq!((&second.json()["from"], second.json()["metadata"].get("ticket")), (&json!("+15550100100"), None));
}

#[tokio::test]
async fn a_whatsapp_message_has_words_or_a_template_and_another_channel_is_never_taken_for_it() {
    let accepted = Reply::json(202, &json!({"id": "wam_1", "status": "accepted"}));
    let no_right = Reply::json(403, &json!({}));
    let gone = Reply::json(404, &json!({}));
    let not_served = Reply::json(501, &json!({}));
    let server =
        Scripted::answers(vec![accepted.clone(), no_right, accepted.clone(), gone, not_served, accepted]).await;
    let (client, to, too_long) = (bird(&server.url), Recipient::OfCarrier("US.123".into()), "x".repeat(64));
    let text = |channel, template| Text {
        to: &to,
        channel,
        line: Some("+15550100200"),
        words: "Hello",
        template,
        part: part(1, 1),
        body: None,
        ticket: None,
        number: None,
        refused_at: None,
        doubted_since: None,
    };
    client.send(&text(Channel::Whatsapp, None)).await.unwrap();
    client.send(&text(Channel::Whatsapp, Some("please_write_again"))).await.unwrap();
    let told = shown(client.send(&text(Channel::Rcs, None)).await);
    assert_eq!(told, "GiveUp: Bird carries no RCS");
    let told = shown(client.send(&text(Channel::Whatsapp, Some("gone"))).await);
    assert!(told.starts_with("GiveUp: the workspace has no template gone"), "{told}");
    let told = shown(client.send(&text(Channel::Whatsapp, Some(&too_long))).await);
    assert_eq!(told, "GiveUp: no name of a template has more than 63 letters");
    client.send(&text(Channel::Whatsapp, Some("please_write_again"))).await.unwrap();
    let [words, read, template, _gone, _not_served, again] = &server.seen()[..] else {
        panic!("three messages and three reads")
    };
    assert_eq!(again.json()["template"], template.json()["template"], "Bird judges it");
    assert_eq!((read.method.as_str(), read.target.as_str()), ("GET", "/v1/whatsapp/templates/please_write_again"));
    for seen in [words, template] {
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v1/whatsapp/messages"));
        assert_eq!((&seen.json()["to"], &seen.json()["from"]), (&json!("US.123"), &json!("+15550100200")));
        assert_eq!(seen.headers["idempotency-key"], "tandem-reply/evt_000000010000000000020000-1");
        assert_eq!((seen.json().get("category"), seen.json()["tags"][0]["name"].as_str()), (None, Some("tandem")));
    }
    assert_eq!((&words.json()["text"], words.json().get("template")), (&json!({"body": "Hello"}), None));
    assert_eq!(
        (&template.json()["template"], template.json().get("text")),
        (&json!({"slug": "please_write_again"}), None)
    );
}

fn since_now(lines: &Lines) -> Look<'_> {
    Look { account: Ends::FIRST.carrier, lines, since: now(), talk: None }
}

#[tokio::test]
async fn the_list_of_customers_texts_is_read_to_its_end_and_given_from_its_oldest() {
    let entry = |id: &str, at: &str, words: &str| json!({"id": id, "direction": "inbound", "to": "+15550100100", "from": TO, "text": words, "created_at": at});
    let newest = [entry("sms_3", "2026-11-30T09:03:00Z", "three"), json!({"id": "sms_x"}), json!("nonsense")];
    let oldest = [entry("sms_2", "2026-11-30T09:02:00Z", "two"), entry("sms_1", "2026-11-30T09:01:00Z", "one")];
    let server = Scripted::answers(vec![
        Reply::json(200, &json!({"data": newest, "next_cursor": "sms_x"})),
        Reply::json(200, &json!({"data": oldest, "next_cursor": null})),
    ])
    .await;
    let lines = Lines::new(vec![Line::default_of(Ends::FIRST, Forms::default())]);
    let came_in = bird(&server.url).texts_since(&since_now(&lines)).await.unwrap().unwrap();
    let words: Vec<&str> = came_in.texts.iter().map(|text| text.text.text.as_str()).collect();
    assert_eq!((words, came_in.until, came_in.unreadable), (vec!["one", "two", "three"], None, 2));
    let seen = server.seen();
    let asked: Vec<_> = seen.iter().map(|seen| (seen.query("direction"), seen.query("starting_after"))).collect();
    let inbound = || Some("inbound".to_owned());
    assert_eq!(asked, [(inbound(), None), (inbound(), Some("sms_x".to_owned()))]);
}

#[tokio::test]
async fn of_a_list_with_too_many_pages_its_earlier_half_is_asked_for_and_the_rest_left() {
    let since = now().as_second();
    let page = |page: i64, next: Value| {
        let entry = |number: i64| {
            let at = Timestamp::from_second(since + 4_000 - page * 100 - number).unwrap();
            json!({"id": format!("sms_{page}_{number}"), "direction": "inbound", "to": "+15550100100", "from": TO, "text": "x", "created_at": at.to_string()})
        };
        let entries: Vec<Value> = (0..100).map(entry).collect();
        Reply::json(200, &json!({"data": entries, "next_cursor": next}))
    };
    let pages = (0..20).map(|number| page(number, json!(format!("sms_{number}_99"))));
    let server = Scripted::answers(pages.chain([page(39, json!(null))]).collect()).await;
    let lines = Lines::new(vec![Line::default_of(Ends::FIRST, Forms::default())]);
    let came_in = bird(&server.url).texts_since(&since_now(&lines)).await.unwrap().unwrap();
    // The oldest one seen came 2,001 s after the beginning.
    let half = now() + SignedDuration::from_millis(1_000_500);
    assert_eq!((came_in.texts.len(), came_in.until), (100, Some(half)));
    assert_eq!(came_in.texts[0].at, Timestamp::from_second(since + 1).unwrap());
    let seen = server.seen();
    assert_eq!((seen.len(), seen[19].query("created_before")), (21, None));
    assert_eq!((seen[20].query("created_before"), seen[20].query("starting_after")), (Some(half.to_string()), None));
}

#[tokio::test]
async fn a_list_that_never_ends_is_given_up() {
    let entry = json!({"id": "sms_1", "direction": "inbound", "to": "+15550100100", "from": TO, "text": "x", "created_at": now().to_string()});
    let server =
        Scripted::answers(vec![Reply::json(200, &json!({"data": [entry], "next_cursor": "sms_1"})); PAGES_MAX]).await;
    let lines = Lines::new(vec![Line::default_of(Ends::FIRST, Forms::default())]);
    let Err(failure) = bird(&server.url).texts_since(&since_now(&lines)).await else { panic!("an end") };
    assert_eq!(failure.cause(), format!("Bird's list has no end at {}", now()));
}

#[tokio::test]
async fn each_answer_to_a_send_has_its_meaning() {
    let cases = [
        (202, json!({"id": "sms_1", "status": "accepted"}), r#"Sent Some("sms_1")"#),
        (202, json!({"id": "sms_1", "status": "rejected"}), r#"Sent Some("sms_1")"#),
        (202, json!({"status": "accepted"}), "Lose: Bird answered 202 with no id"),
        (202, json!([]), "Lose: Bird answered 202 with no JSON object"),
        (401, error("auth_error", "E01001", "InvalidApiKey"), "Pause 401: Bird answered 401 InvalidApiKey (E01001)"),
        (402, error("billing_error", "E01002", "NoBalance"), "Pause 402: Bird answered 402 NoBalance (E01002)"),
        (421, error("misdirected_error", "E01003", "x"), "Pause 421: Bird answered 421 x (E01003)"),
        (403, error("permission_error", "E01006", "x"), "Forbid 403: Bird answered 403 x (E01006) for this customer"),
        (404, json!({}), "Forbid 404: Bird answered 404 for this customer"),
        (
            409,
            error("conflict_error", "E01004", "request_in_progress"),
            "Retry Some(30s): Bird answered 409 request_in_progress (E01004): an earlier try is still under way",
        ),
        (
            409,
            error("conflict_error", "E01005", "idempotency_key_reuse"),
            "Mismatch: Bird answered 409 idempotency_key_reuse (E01005): the text was taken before in another form",
        ),
        (
            409,
            error("conflict_error", "E01004", "RequestInProgress"),
            "Retry Some(30s): Bird answered 409 RequestInProgress (E01004)",
        ),
        (409, error("conflict_error", "E01005", "KeyReused"), "Mismatch: Bird answered 409 KeyReused (E01005)"),
        (409, error("conflict_error", "E01009", "Other"), "Retry None: Bird answered 409 Other (E01009)"),
        (
            422,
            error("validation_error", "E02001", "SMSInvalidRecipient"),
            "GiveUp: Bird answered 422 SMSInvalidRecipient (E02001): the customer's number cannot be texted",
        ),
        (422, error("validation_error", "E02009", "NewOne"), "GiveUp: Bird answered 422 NewOne (E02009)"),
        (425, error("too_early_error", "E0", "x"), "Retry None: Bird answered 425 x"),
        (428, error("precondition_error", "E01010", "x"), "GiveUp: Bird answered 428 x (E01010)"),
        (413, error("payload_too_large_error", "E01011", "x"), "GiveUp: Bird answered 413 x (E01011)"),
        (501, error("not_implemented_error", "E01012", "x"), "GiveUp: Bird answered 501 x (E01012)"),
        (500, error("internal_error", "E01013", "x"), "Lose: Bird answered 500 x (E01013)"),
        (503, json!({}), "Broke None: Bird answered 503"),
        (504, json!({}), "Lose: Bird answered 504"),
        // The type counts more than the status, with or without its ending.
        (400, error("validation", "E02009", "NewOne"), "GiveUp: Bird answered 400 NewOne (E02009)"),
        (400, error("misdirected", "E01003", "x"), "Pause 400: Bird answered 400 x (E01003)"),
        (307, json!({}), "Forbid 307: Bird answered 307, a redirect: is the address right?"),
    ];
    for (status, body, expected) in cases {
        assert_eq!(send(Reply::json(status, &body)).await, expected);
    }
    assert_eq!(send(Reply::text(202, "<html>")).await, "Lose: Bird answered 202 with no JSON object");
    assert_eq!(send(Reply::text(422, "<html>")).await, "GiveUp: Bird answered 422");
}

#[tokio::test]
async fn a_wait_is_as_long_as_bird_asks() {
    let busy = error("conflict_error", "E01004", "request_in_progress");
    for (status, body) in [(429, error("rate_limit_error", "E01000", "x")), (409, busy)] {
        let told = send(Reply::json(status, &body).header("retry-after", "9")).await;
        assert!(told.starts_with("Retry Some(9s): "), "{told}");
    }
}

#[tokio::test]
async fn a_send_whose_answer_is_lost_is_in_doubt_and_one_that_never_left_is_not() {
    let client = bird(&scripted::raw(b"HTTP/1.1 202 Accepted\r\ncontent-length: 99\r\n\r\n{".to_vec()).await);
    let told = shown(send_over(&client, None, part(1, 1), None).await);
    assert!(told.starts_with("Lose: Bird gave no whole answer"), "{told}");
    let told = shown(send_over(&bird(&scripted::nobody_listens().await), None, part(1, 1), None).await);
    assert!(told.starts_with("Retry None: Bird could not be reached"), "{told}");
}

#[tokio::test]
async fn a_look_finds_the_parts_that_were_taken_and_no_others() {
    let tagged =
        |value: &str| json!({"id": "sms_1", "tags": [{"name": "x", "value": "y"}, {"name": "tandem", "value": value}]});
    let items = [
        tagged("evt_000000010000000000020000-2"),
        tagged("evt_000000010000000000020000-1"),
        tagged("evt_000000010000000000020000-4"),
        tagged("evt_0000000100000000000a0000-3"),
        tagged("nonsense"),
        json!({"id": "sms_2", "tags": null}),
        json!("nonsense"),
    ];
    let server = Scripted::answers(vec![Reply::json(200, &json!({"data": items, "next_cursor": null}))]).await;
    let taken = look(&bird(&server.url), 3).await.unwrap();
    let taken: Vec<String> = taken.into_values().collect();
    assert_eq!(taken, ["evt_000000010000000000020000.1", "evt_000000010000000000020000.2"]);
    let seen = &server.seen()[0];
    assert!(seen.method == "GET" && seen.target.starts_with("/v1/sms/messages?"), "{}", seen.target);
    for (name, value) in [
        ("direction", "outbound"),
        ("tag", "tandem_delivery:evt_000000010000000000020000"),
        ("created_after", "2026-11-30T09:05:02Z"),
    ] {
        assert_eq!(seen.query(name).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_look_that_fails_is_repeated_and_one_that_may_not_look_says_so() {
    let look_at = async |reply| {
        let server = Scripted::answers(vec![reply]).await;
        let looked = look(&bird(&server.url), 1).await;
        looked.map(|receipts| receipts.len()).map_err(|failure| shown(Err(failure)))
    };
    assert_eq!(look_at(Reply::json(200, &json!({"data": []}))).await, Ok(0));
    let denied = look_at(Reply::json(403, &error("permission_error", "E01006", "x"))).await;
    assert_eq!(denied, Err("Forbid 403: Bird answered 403 x (E01006) for this customer".to_owned()));
    for (reply, said) in [
        (Reply::json(500, &json!({})), "Retry None: Bird answered 500"),
        (Reply::json(200, &json!({})), "Retry None: Bird answered 200 with no list"),
    ] {
        assert_eq!(look_at(reply).await, Err(said.to_owned()));
    }
}

#[tokio::test]
async fn a_suppressed_pair_takes_no_texts_and_its_absence_is_no_consent() {
    let pair = |to: &str, from: &str| json!({"destination": to, "originator": from, "reason": "keyword_stop"});
    let to = Recipient::OfCarrier(TO.into());
    let mut ended = pair(TO, "+15550100100");
    ended["blocking"] = json!(false);
    for (items, cursor, told) in [
        (vec![pair(TO, "+15550100100")], json!(null), Some(false)),
        (vec![pair(TO, "+15550100100")], json!("next"), Some(false)),
        (vec![pair(TO, "+15550100999"), pair("+15550123457", "+15550100100"), ended], json!(null), None),
        (vec![], json!("next"), None),
    ] {
        let page = Reply::json(200, &json!({"data": items, "next_cursor": cursor}));
        let server = Scripted::answers(vec![page]).await;
        assert_eq!(
            bird(&server.url).takes_texts("+15550100100", Channel::Sms, &to).await.unwrap(),
            told,
            "{items:?} {cursor}"
        );
        assert_eq!(server.seen()[0].query("originator").as_deref(), Some("+15550100100"));
    }
    let silent = bird(&scripted::nobody_listens().await);
    assert_eq!(silent.takes_texts("+15550100100", Channel::Whatsapp, &to).await, Ok(None), "no call is made");
}

#[test]
fn the_region_in_a_key_chooses_the_host() {
    for (key, host) in [
        ("bk_eu1_abc", Some("https://eu1.platform.bird.com/")),
        ("bk_us1_abc_def", Some("https://us1.platform.bird.com/")),
        ("bk_eu1", None),
        ("bk_eu1_", None),
        ("bk__abc", None),
        ("bk_evil.example/_abc", None),
        ("bk_EU1_abc", None),
        ("bird_live_abc", None),
    ] {
        assert_eq!(address_of(&key.into()).map(String::from).as_deref(), host, "{key}");
    }
}
