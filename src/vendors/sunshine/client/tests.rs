//! The client against a scripted service on this machine, over real HTTP.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::clock::Clock;
use crate::domain::account::Ends;
use crate::domain::event::{Customer, EventId, TicketId};
use crate::domain::line::{Channel, Forms, Line, Lines};
use crate::domain::outgoing::{Part, Recipient};
use crate::ports::{Carrier, Look, Sent, Sought, Text};
use crate::vendors::http::scripted::{self, Reply, Scripted};
use crate::vendors::sunshine::notification::stand_in;

fn account() -> crate::domain::account::AccountId {
    "sunshine".parse().unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_796_030_102).unwrap()
}

fn client_at(url: &Url, clock: &Clock) -> Sunshine {
    let options = SunshineOptions {
        url: url.join("/sc").unwrap(),
        app_id: "a1".into(),
        key: "app_1:s3cret".into(),
        messages_per_second: 5,
        first_contact: FirstContactBy::Client,
    };
    Sunshine::new(options, scripted::reach(clock))
}

fn client(url: &Url) -> Sunshine {
    client_at(url, &Clock::manual(now(), 1))
}

fn part(number: u32, of: u32) -> Part {
    Part { id: EventId { epoch: 1, sequence: 2, sub: 0 }, number, of }
}

async fn send_over(client: &Sunshine, line: Option<&str>, part: Part) -> Result<Sent, Failure> {
    let to = Recipient::OfCarrier("c1".into());
    let (channel, ticket) = (Channel::Sms, Some(TicketId(7)));
    let (words, template, body) = ("Hello", None, None);
    let (number, refused_at, doubted_since) = (None, None, None);
    let text = Text { to: &to, channel, line, words, template, part, body, ticket, number, refused_at, doubted_since };
    client.send(&text).await
}

async fn look(client: &Sunshine, parts: u32) -> Result<BTreeMap<String, String>, Failure> {
    let sought = Sought { id: part(1, 1).id, parts, since: now(), channel: Channel::Sms };
    client.receipts(&Recipient::OfCarrier("c1".into()), &sought).await
}

fn shown(result: Result<Sent, Failure>) -> String {
    match result {
        Ok(Sent { dispatch }) => format!("Sent {dispatch:?}"),
        Err(Failure::Retry { cause, after }) => format!("Retry {after:?}: {cause}"),
        Err(Failure::Lose { cause }) => format!("Lose: {cause}"),
        Err(Failure::GiveUp { cause }) => format!("GiveUp: {cause}"),
        Err(Failure::Pause { cause, status }) => format!("Pause {status}: {cause}"),
        Err(Failure::Forbid { cause, status, .. }) => format!("Forbid {status}: {cause}"),
        Err(other) => panic!("{other:?}"),
    }
}

fn taken() -> Reply {
    Reply::json(201, &json!({"messages": [{"id": "m1", "received": "2026-11-30T07:15:02.000Z"}]}))
}

#[tokio::test]
async fn a_part_is_one_message_on_its_lines_integration_with_its_mark_in_the_metadata() {
    let server = Scripted::answers(vec![taken(), taken()]).await;
    let client = client(&server.url);
    let sent = send_over(&client, Some("i1"), part(2, 3)).await.unwrap();
    assert_eq!(sent.dispatch.as_deref(), Some("m1"));
    send_over(&client, None, part(1, 1)).await.unwrap();
    let [first, second] = &server.seen()[..] else { panic!("two calls") };
    assert_eq!((first.method.as_str(), first.target.as_str()), ("POST", "/sc/v2/apps/a1/conversations/c1/messages"));
    assert_eq!(first.headers["authorization"], format!("Basic {}", STANDARD.encode("app_1:s3cret")));
    let expected = json!({
        "author": {"type": "business"}, "content": {"type": "text", "text": "Hello"},
        "destination": {"integrationId": "i1"},
        "metadata": {"tandem": "evt_000000010000000000020000.2", "tandem_ticket": "7"},
    });
    assert_eq!(first.json(), expected);
    assert_eq!(second.json().get("destination"), None, "the service chooses where no line is known");
}

#[tokio::test]
async fn each_answer_has_its_meaning() {
    let error = |code: &str| json!({"errors": [{"code": code, "title": "to +15550123456"}]});
    for (reply, expected) in [
        (taken(), "Sent Some(\"m1\")"),
        (Reply::json(201, &json!({"messages": []})), "Lose: Sunshine Conversations answered 201 with no id"),
        (Reply::text(201, "no JSON"), "Lose: Sunshine Conversations answered 201 with no JSON object"),
        (Reply::json(400, &error("bad_request")), "GiveUp: Sunshine Conversations answered 400 bad_request"),
        (Reply::json(401, &error("unauthorized")), "Pause 401: Sunshine Conversations answered 401 unauthorized"),
        (Reply::json(402, &error("payment_required")), "Pause 402: "),
        (
            Reply::json(403, &error("forbidden")),
            "Forbid 403: Sunshine Conversations answered 403 forbidden for this customer",
        ),
        (Reply::json(404, &error("app_not_found")), "Pause 404: "),
        (Reply::json(404, &error("conversation_not_found")), "GiveUp: "),
        (Reply::json(404, &error("not_found")), "Forbid 404: "),
        (Reply::json(408, &json!({})), "Lose: "),
        (Reply::json(413, &json!({})), "GiveUp: "),
        (
            Reply::json(423, &error("locked")),
            "GiveUp: Sunshine Conversations answered 423 locked: the conversation holds",
        ),
        (Reply::json(429, &json!({})).header("retry-after", "7"), "Retry Some(7s): "),
        (Reply::json(500, &json!({})), "Lose: "),
        (Reply::json(503, &json!({})), "Lose: "),
    ] {
        let server = Scripted::answers(vec![reply]).await;
        let told = shown(send_over(&client(&server.url), Some("i1"), part(1, 1)).await);
        assert!(told.starts_with(expected), "{told} and not {expected}");
        assert!(!told.contains("555"), "{told}");
        assert_eq!(server.seen().len(), 1, "a text is sent once");
    }
}

/// A text to a number, of which no talk is known.
async fn send_to_number(client: &Sunshine, number: Option<&str>) -> Result<Sent, Failure> {
    let to = Recipient::OfCarrier(stand_in("i1", "+15550100001"));
    let (channel, ticket, part) = (Channel::Sms, Some(TicketId(7)), part(1, 1));
    let text = Text {
        to: &to,
        channel,
        line: Some("i1"),
        words: "Hello",
        template: None,
        part,
        body: None,
        ticket,
        number,
        refused_at: None,
        doubted_since: None,
    };
    client.send(&text).await
}

#[tokio::test]
async fn a_text_to_a_number_is_one_notification_with_its_mark_and_nothing_is_looked_for() {
    let taken = || Reply::json(201, &json!({"notification": {"_id": "n1"}}));
    let server = Scripted::answers(vec![taken()]).await;
    let client = client(&server.url);
    let sent = send_to_number(&client, Some("+15550100001")).await.unwrap();
    assert_eq!(sent.dispatch.as_deref(), Some("n1"));
    let to = stand_in("i1", "+15550100001");
    let sought = Sought { id: part(1, 1).id, parts: 1, since: now(), channel: Channel::Sms };
    assert_eq!(client.receipts(&Recipient::OfCarrier(to.clone()), &sought).await.unwrap(), BTreeMap::new());
    client.pair(&to, TicketId(7)).await.unwrap();
    let look = Look { account: account(), lines: &Lines::default(), since: now(), talk: Some(&to) };
    assert!(client.texts_since(&look).await.unwrap().unwrap().texts.is_empty());
    let [call] = &server.seen()[..] else { panic!("one call") };
    assert_eq!((call.method.as_str(), call.target.as_str()), ("POST", "/sc/v1.1/apps/a1/notifications"));
    let expected = json!({
        "destination": {"integrationId": "i1", "destinationId": "+15550100001"},
        "author": {"role": "appMaker"},
        "message": {"type": "text", "text": "Hello"},
        "metadata": {"tandem": "evt_000000010000000000020000.1", "tandem_ticket": "7"},
    });
    assert_eq!(call.json(), expected);
    let unknown = shown(send_to_number(&client, None).await);
    assert!(unknown.starts_with("GiveUp: the requester has no phone number"), "{unknown}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn each_answer_to_a_notification_has_its_meaning() {
    let error = |code: &str| json!({"error": {"code": code, "description": "to +15550100001"}});
    for (reply, expected) in [
        (Reply::json(200, &json!({"notification": {"_id": "n1"}})), "Sent Some(\"n1\")"),
        (Reply::json(201, &json!({"notification": {}})), "Lose: Sunshine Conversations answered 201 with no id"),
        (Reply::text(201, "no JSON"), "Lose: "),
        (Reply::json(400, &error("bad_request")), "GiveUp: Sunshine Conversations answered 400 bad_request"),
        (Reply::json(401, &error("unauthorized")), "Pause 401: "),
        (Reply::json(403, &error("forbidden")), "Forbid 403: "),
        (Reply::json(404, &error("app_not_found")), "Pause 404: "),
        (Reply::json(408, &json!({})), "Lose: "),
        (Reply::json(429, &json!({})).header("retry-after", "7"), "Retry Some(7s): "),
        (Reply::json(500, &json!({})), "Lose: "),
        (Reply::json(503, &json!({})), "Lose: "),
    ] {
        let server = Scripted::answers(vec![reply]).await;
        let told = shown(send_to_number(&client(&server.url), Some("+15550100001")).await);
        assert!(told.starts_with(expected), "{told} and not {expected}");
        assert!(!told.contains("555"), "{told}");
        assert_eq!(server.seen().len(), 1, "a text is sent once");
    }
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_page_by_page_back_to_before_the_text() {
    let listed = |id: &str, mark: Option<&str>, received: &str| {
        let metadata = mark.map(|mark| json!({"tandem": mark, "tandem_ticket": "7"}));
        json!({"id": id, "received": received, "metadata": metadata})
    };
    let page = |messages: Vec<Value>, before: Option<&str>| {
        Reply::json(200, &json!({"messages": messages, "meta": {"hasMore": before.is_some(), "beforeCursor": before}}))
    };
    let late = "2026-12-24T07:16:00.000Z";
    let newest = vec![listed("m8", None, late), listed("m9", Some("evt_000000010000000000020000.2"), late)];
    let older = vec![
        listed("m4", Some("evt_000000010000000000030000.1"), late),
        listed("m5", Some("evt_000000010000000000020000.1"), late),
    ];
    let before = vec![listed("m2", Some("evt_000000010000000000020000.3"), "2020-01-01T00:00:00Z")];
    let server =
        Scripted::answers(vec![page(newest, Some("m8")), page(older, Some("m4")), page(before, Some("m2"))]).await;
    let found = look(&client(&server.url), 2).await.unwrap();
    let receipts: Vec<&str> = found.values().map(String::as_str).collect();
    assert_eq!(receipts, ["evt_000000010000000000020000.1", "evt_000000010000000000020000.2"]);
    let asked: Vec<Option<String>> = server.seen().iter().map(|seen| seen.query("page[before]")).collect();
    assert_eq!(asked, [None, Some("m8".to_owned()), Some("m4".to_owned())]);
    let nothing = Scripted::answers(vec![page(Vec::new(), None)]).await;
    assert_eq!(look(&client(&nothing.url), 1).await, Ok(BTreeMap::new()));
}

#[tokio::test]
async fn a_talk_that_never_ends_tells_nothing_of_a_text_that_was_not_found() {
    let late = json!([{"id": "m1", "received": "2026-12-24T07:16:00.000Z"}]);
    let page = Reply::json(200, &json!({"messages": late, "meta": {"hasMore": true, "beforeCursor": "m1"}}));
    let server = Scripted::by(move |_| page.clone()).await;
    let failure = look(&client(&server.url), 1).await.unwrap_err();
    assert!(matches!(&failure, Failure::GiveUp { cause } if cause.contains("50 pages")), "{failure:?}");
    assert_eq!(server.seen().len(), 50);
}

#[tokio::test]
async fn a_refusal_slows_texts_down() {
    let server = Scripted::by(|seen| if seen.target.contains("/c9/") { Reply::text(429, "") } else { taken() }).await;
    let clock = Clock::manual(now(), 1);
    let client = client_at(&server.url, &clock);
    let level = |client: &Sunshine| client.exchange.levels().iter().find(|level| level.name == "texts").unwrap().of;
    assert_eq!(level(&client), 5);
    let to = Recipient::OfCarrier("c9".into());
    let text = Text {
        to: &to,
        channel: Channel::Sms,
        line: None,
        words: "x",
        template: None,
        part: part(1, 1),
        body: None,
        ticket: None,
        number: None,
        refused_at: None,
        doubted_since: None,
    };
    assert!(matches!(client.send(&text).await, Err(Failure::Retry { .. })));
    assert_eq!(level(&client), 2);
}

#[tokio::test]
async fn only_links_of_the_api_are_opened_with_its_key() {
    let client = client(&Url::parse("https://acme.zendesk.example/").unwrap());
    assert!(client.opens("https://acme.zendesk.example/sc/attachments/v2/1.jpg").is_some());
    for link in [
        "https://evil.example/sc/attachments/v2/1.jpg",
        "http://acme.zendesk.example/sc/attachments/v2/1.jpg",
        "https://acme.zendesk.example.evil.example/1.jpg",
        "https://acme.zendesk.example:8443/1.jpg",
        "https://acme.zendesk.example@evil.example/1.jpg",
        "no link",
    ] {
        assert_eq!(client.opens(link), None, "{link}");
    }
}

#[tokio::test]
async fn a_key_of_another_is_used_from_the_next_call_on() {
    let server = Scripted::answers(vec![taken(), taken()]).await;
    let client = client(&server.url);
    send_over(&client, None, part(1, 1)).await.unwrap();
    client.use_key("app_2:other".into());
    send_over(&client, None, part(1, 1)).await.unwrap();
    let presented: Vec<String> =
        server.seen().iter().map(|seen| seen.headers["authorization"].to_str().unwrap().to_owned()).collect();
    assert_eq!(presented, ["app_1:s3cret", "app_2:other"].map(|key| format!("Basic {}", STANDARD.encode(key))));
}

#[tokio::test]
async fn of_a_customers_talks_the_one_that_they_wrote_in_last_comes_first() {
    let talk = |id: &str, at: &str| json!({"id": id, "type": "personal", "lastUpdatedAt": at});
    let message = |who: &str, at: &str| {
        json!({"id": "m", "received": at, "author": {"type": who, "userId": "u1"},
            "source": {"type": "twilio", "integrationId": "i1", "originalMessageTimestamp": at}})
    };
    let page =
        |messages: serde_json::Value| Reply::json(200, &json!({"messages": messages, "meta": {"hasMore": false}}));
    let [early, late, now] = ["2026-11-28T10:00:00.000Z", "2026-11-29T10:00:00.000Z", "2026-11-30T07:00:00.000Z"];
    let one = |line: &str, number: &str| json!({"id": "k1", "integrationId": line, "externalId": number});
    let clients = json!({"clients": [one("i9", "+15550123457"), one("i1", "+15550123456")]});
    let first = json!({"conversations": [talk("c1", now)], "meta": {"hasMore": true, "afterCursor": "c1"}});
    let second = json!({"conversations": [talk("c2", late), talk("c3", early)], "meta": {"hasMore": false}});
    let server = Scripted::answers(vec![
        Reply::json(200, &first),
        Reply::json(200, &second),
        // The business wrote last in the first one, the customer in the second one.
        page(json!([message("user", early), message("business", now)])),
        page(json!([message("user", late)])),
        page(json!([])),
        Reply::json(200, &clients),
    ])
    .await;
    let ada = Customer { carrier_id: Some("u1".into()), ..Customer::default() };
    let talks = client(&server.url).talks_with(&ada, account(), &Lines::default()).await.unwrap();
    let told: Vec<_> = talks.iter().map(|talk| (talk.thread.as_str(), talk.line.as_deref())).collect();
    assert_eq!(told, [("c2", Some("i1")), ("c1", Some("i1"))], "nobody has written in the third one");
    assert_eq!(talks[0].number.as_deref(), Some("+15550123456"), "that of the line");
    assert_eq!((talks[0].person.as_deref(), talks[0].heard_at), (Some("u1"), Some(late.parse().unwrap())));
    let asked: Vec<_> = server.seen().iter().take(2).map(|call| call.target.clone()).collect();
    assert!(asked[0].contains("userId") && asked[1].contains("after"), "{asked:?}");
}

#[tokio::test]
async fn a_customer_whom_the_service_does_not_know_has_no_talk() {
    let absent = json!({"errors": [{"code": "user_not_found", "title": "User not found"}]});
    let server = Scripted::answers(vec![Reply::json(404, &absent)]).await;
    let ada = Customer { external_id: Some("ada".into()), ..Customer::default() };
    let client = client(&server.url);
    let talks = async |who: &Customer| client.talks_with(who, account(), &Lines::default()).await.unwrap();
    assert!(talks(&ada).await.is_empty());
    assert!(talks(&Customer::default()).await.is_empty(), "no call is made");
}

#[tokio::test]
async fn a_message_on_another_channel_tells_no_line_and_a_group_or_a_talk_that_is_gone_is_no_talk() {
    let talk = |id: &str, kind: &str| json!({"id": id, "type": kind, "lastUpdatedAt": "2026-11-30T07:00:00.000Z"});
    let message = |channel: &str, line: &str| {
        json!({"id": "m", "received": "2026-11-30T07:00:00.000Z", "author": {"type": "user", "userId": "u1"},
            "source": {"type": channel, "integrationId": line}})
    };
    let page =
        |messages: serde_json::Value| Reply::json(200, &json!({"messages": messages, "meta": {"hasMore": false}}));
    let talks = [talk("c1", "sdkGroup"), talk("c2", "personal"), talk("c3", "personal"), talk("c4", "personal")];
    let server = Scripted::answers(vec![
        Reply::json(200, &json!({"conversations": talks, "meta": {"hasMore": false}})),
        page(json!([message("twilio", "i1"), message("web", "i2")])),
        page(json!([message("web", "i2")])),
        Reply::json(404, &json!({"errors": [{"code": "not_found", "title": "Resource not found"}]})),
        Reply::json(200, &json!({"clients": []})),
    ])
    .await;
    let ada = Customer { carrier_id: Some("u1".into()), ..Customer::default() };
    let talks = client(&server.url).talks_with(&ada, account(), &Lines::default()).await.unwrap();
    let told: Vec<_> = talks.iter().map(|talk| (talk.thread.as_str(), talk.line.as_deref())).collect();
    assert_eq!(told, [("c2", Some("i1"))]);
    assert!(!server.seen().iter().any(|call| call.target.contains("/c1/")), "the group is not read");
}

/// The texts of a talk since now: their words, and how many cannot be read.
async fn texts(client: &Sunshine, talk: Option<&str>) -> Result<Option<(Vec<String>, usize)>, Failure> {
    let lines = Lines::new(vec![Line::default_of(Ends::FIRST, Forms::default())]);
    let look = Look { account: Ends::FIRST.carrier, lines: &lines, since: now(), talk };
    let came_in = client.texts_since(&look).await?;
    Ok(came_in.map(|came_in| {
        let words = came_in.texts.into_iter().map(|text| text.text.text).collect();
        (words, came_in.unreadable + came_in.unread.len())
    }))
}

/// Whether a talk has had a message lately.
fn updated(seconds: i64) -> Reply {
    let at = Timestamp::from_second(now().as_second() + seconds).unwrap();
    Reply::json(200, &json!({"conversation": {"id": "c1", "lastUpdatedAt": at.to_string()}}))
}

/// A customer's message of so many seconds from now.
fn message(id: &str, seconds: i64, words: &str) -> Value {
    let at = Timestamp::from_second(now().as_second() + seconds).unwrap();
    json!({"id": id, "received": at.to_string(), "author": {"type": "user", "userId": "u1"},
        "content": {"type": "text", "text": words}, "source": {"type": "twilio", "integrationId": "i1"}})
}

#[tokio::test]
async fn a_talk_is_read_back_over_the_time_since_where_it_tells_of_a_later_message() {
    let own = json!({"id": "m9", "received": now().to_string(), "author": {"type": "business"}, "content": {}});
    let newest = json!({"messages": [message("m3", 2, "three"), own, json!({"author": {"type": "user"}}), message("m4", 3, "four")],
        "meta": {"hasMore": true, "beforeCursor": "m3"}});
    let oldest = json!({"messages": [message("m1", -1, "known"), message("m2", 1, "two")],
        "meta": {"hasMore": true, "beforeCursor": "m1"}});
    let server = Scripted::answers(vec![updated(3), Reply::json(200, &newest), Reply::json(200, &oldest)]).await;
    let words = ["two", "three", "four"].map(str::to_owned).to_vec();
    assert_eq!(texts(&client(&server.url), Some("c1")).await, Ok(Some((words, 1))));
    let seen = server.seen();
    assert_eq!(seen[0].target, "/sc/v2/apps/a1/conversations/c1");
    assert_eq!(seen[2].query("page[before]").as_deref(), Some("m3"));
    assert_eq!(seen.len(), 3, "no page from before that time");
}

#[tokio::test]
async fn no_list_is_read_of_a_talk_without_news_or_that_is_gone_and_none_without_a_talk() {
    let gone = Reply::json(404, &json!({"errors": [{"code": "conversation_not_found", "title": "x"}]}));
    let server = Scripted::answers(vec![updated(-1), gone]).await;
    let client = client(&server.url);
    for _ in 0..2 {
        assert_eq!(texts(&client, Some("c1")).await, Ok(Some((Vec::new(), 0))));
    }
    assert_eq!(texts(&client, None).await, Ok(None));
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn talks_are_asked_for_at_five_a_second() {
    let server = Scripted::answers(vec![updated(-1); 6]).await;
    let clock = Clock::manual(now(), 1);
    let client = client_at(&server.url, &clock);
    for _ in 0..5 {
        assert_eq!(texts(&client, Some("c1")).await, Ok(Some((Vec::new(), 0))));
    }
    let Err(Failure::Postpone { until, for_budget: true, .. }) = texts(&client, Some("c1")).await else {
        panic!("a sixth in one second")
    };
    clock.advance(until.duration_since(now()));
    assert_eq!(texts(&client, Some("c1")).await, Ok(Some((Vec::new(), 0))));
}

#[tokio::test]
async fn the_list_of_the_first_generation_may_show_webhooks_of_the_second_and_records_in_another_form() {
    let listed = json!({"webhooks": [
        {"id": "w2", "version": "v2", "target": "https://t.example/webhooks/sunshine", "triggers": ["conversation:message"]},
        {"_id": 7, "target": null},
        {"_id": "w1", "version": "v1.1", "target": "https://t.example/webhooks/sunshine", "secret": "s"},
    ]});
    let server = Scripted::answers(vec![Reply::json(200, &listed)]).await;
    let found = client(&server.url).notifying().await.unwrap();
    assert_eq!(found.iter().map(|webhook| webhook.id.as_str()).collect::<Vec<_>>(), ["w1"]);
}
