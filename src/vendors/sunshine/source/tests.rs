//! Bodies of the webhooks, as they come.

use serde_json::json;

use super::*;
use crate::domain::account::{AccountId, Ends};
use crate::domain::conversation::Keyword;
use crate::domain::event::{Customer, CustomerText, EventId, TicketId, Unreadable};
use crate::domain::line::{Channel, Forms, Line, Lines};
use crate::domain::receipt::{Failure, Mark, Report, Reported};
use crate::intake::Intake;

const TEXTS: &str = "5f0c0000000000000000000a";
const CHATS: &str = "5f0c0000000000000000000b";

fn received_at() -> Timestamp {
    Timestamp::from_second(1_796_030_102).unwrap()
}

fn account() -> AccountId {
    "sun".parse().unwrap()
}

fn webhooks() -> Webhooks {
    let ends = Ends { carrier: account(), ..Ends::FIRST };
    let default = Line::default_of(ends, Forms::default());
    let line = |name: &str, channel, address: &str| Line {
        name: name.to_owned(),
        channel,
        address: Some(address.to_owned()),
        ..default.clone()
    };
    let lines = vec![line("texts", Channel::Sms, TEXTS), line("chats", Channel::Whatsapp, CHATS), default.clone()];
    let reader = Reader { account: account(), lines: Lines::new(lines) };
    Webhooks { reader, secrets: vec!["0123456789abcdef".into()] }
}

fn read_raw(body: &[u8]) -> Intake {
    let reading = webhooks().read(&Posted {
        verified: &Verified::when_it_came(body),
        door: Door::Carrier,
        path: "/webhooks/sun",
        at: received_at(),
    });
    let kept = || Unreadable { path: String::new(), method: String::new(), content_type: None, body: String::new() };
    reading.into_intake(received_at(), kept)
}

fn batch_of(events: &Value) -> Batch {
    let body = json!({"app": {"id": "a1"}, "webhook": {"id": "w1", "version": "v2"}, "events": events});
    let read = read_raw(body.to_string().as_bytes());
    let Intake::Reports(batch) = read else { panic!("{read:?}") };
    batch
}

fn event(kind: &str, payload: Value) -> Value {
    json!({"id": "e1", "type": kind, "createdAt": "2026-11-28T10:00:01.200Z", "payload": payload})
}

/// The event of the facts.
fn said(content: Value) -> Value {
    let client = json!({"id": "k1", "type": "twilio", "status": "active", "externalId": "+15550123456",
        "info": {"phoneNumber": "+15550123456", "country": "US"}, "raw": {"From": "+15550123456"}});
    event(
        "conversation:message",
        json!({
            "conversation": {"id": "c1", "type": "personal", "metadata": {"tandem_ticket": "42"}, "brandId": "77"},
            "message": {
                "id": "m1", "received": "2026-11-28T10:00:01.000Z",
                "author": {"type": "user", "userId": "u1", "displayName": "+1 555-012-3456",
                    "user": {"id": "u1", "externalId": "zd:4711", "authenticated": false}},
                "content": content,
                "source": {"type": "twilio", "integrationId": TEXTS, "originalMessageId": "SM1",
                    "originalMessageTimestamp": "2026-11-28T10:00:00.000Z", "client": client},
                "metadata": null, "quotedMessage": null,
            },
            "recentNotifications": [],
        }),
    )
}

fn hello() -> Value {
    said(json!({"type": "text", "text": "hello"}))
}

/// The hello with another value at this place.
fn with(path: &str, value: Value) -> Value {
    let mut event = hello();
    let (above, name) = path.rsplit_once('/').unwrap();
    event.pointer_mut(above).unwrap()[name] = value;
    event
}

/// The only text, with its time and its keys.
fn text_of(event: Value) -> (CustomerText, Timestamp, Vec<DedupeKey>) {
    let mut batch = batch_of(&json!([event]));
    let Entry { kind: Ok(EventKind::CustomerText(text)), at, dedupe, .. } = batch.entries.remove(0) else {
        panic!("no text")
    };
    (text, at, dedupe)
}

fn cause_of(event: Value) -> String {
    let mut batch = batch_of(&json!([event]));
    match batch.entries.remove(0).kind {
        Err(cause) => cause,
        Ok(kind) => panic!("{kind:?}"),
    }
}

#[test]
fn a_text_is_of_a_user_in_a_talk_on_the_line_of_its_integration_from_the_time_of_its_sending() {
    let (text, at, dedupe) = text_of(hello());
    let customer = Customer {
        external_id: Some("zd:4711".into()),
        carrier_id: Some("u1".into()),
        thread: Some("c1".into()),
        phone: Some("+15550123456".into()),
        ..Customer::default()
    };
    assert!(text.customer == customer, "a number is no name");
    assert_eq!((text.line.as_deref(), text.channel.as_str(), text.text.as_str()), (Some(TEXTS), "sms", "hello"));
    assert_eq!((text.category.as_str(), text.keyword), ("other", None));
    assert_eq!(at, "2026-11-28T10:00:00Z".parse().unwrap());
    let keys = ["event:e1", "message:m1"].map(|key| DedupeKey::CarrierReport(key.to_owned()));
    assert_eq!(dedupe, keys);
}

#[test]
fn a_person_on_whatsapp_may_be_without_a_number_and_a_profile_names_them() {
    let mut event = with(
        "/payload/message/source",
        json!({"type": "whatsapp", "integrationId": CHATS,
        "client": {"externalId": "US.a1b2", "additionalIdentifiers": [{"key": "parentUserId", "value": "US.ENT.9"}]}}),
    );
    event["payload"]["message"]["author"] = json!({"type": "user", "userId": "u2", "displayName": "Ada L",
        "user": {"id": "u2", "profile": {"givenName": "Ada", "surname": "Lovelace", "email": "ada@example.com"}}});
    let (text, at, _) = text_of(event.clone());
    assert_eq!(
        (text.channel.as_str(), text.line.as_deref(), text.customer.phone.clone()),
        ("whatsapp", Some(CHATS), None)
    );
    let names =
        [&text.customer.first_name, &text.customer.last_name, &text.customer.display_name, &text.customer.email];
    assert_eq!(names.map(|name| name.as_deref().unwrap()), ["Ada", "Lovelace", "Ada L", "ada@example.com"]);
    assert_eq!(at, "2026-11-28T10:00:01Z".parse().unwrap(), "when it was received");
    event["payload"]["message"]["received"] = json!(null);
    assert_eq!(text_of(event.clone()).1, "2026-11-28T10:00:01.200Z".parse().unwrap(), "when it was told");
    event["createdAt"] = json!("yesterday");
    assert_eq!(text_of(event.clone()).1, received_at(), "when its webhook came");
    for (client, number) in [
        (json!({"externalId": "15550123456"}), Some("+15550123456")),
        (
            json!({"externalId": "US.1", "additionalIdentifiers": [{"key": "phoneNumber", "value": "+15550123456"}]}),
            Some("+15550123456"),
        ),
        (json!({"externalId": "US.15550123456"}), None),
        (json!(null), None),
    ] {
        event["payload"]["message"]["source"]["client"] = client.clone();
        assert_eq!(text_of(event.clone()).0.customer.phone.as_deref(), number, "{client}");
    }
}

#[test]
fn every_kind_of_content_becomes_words_or_a_picture() {
    for (content, words, media) in [
        (json!({"type": "text", "text": " Hi\r\nyou "}), " Hi\nyou ", None),
        (
            json!({"type": "image", "mediaUrl": "https://x.example/1.jpg", "mediaType": "image/jpeg", "text": "mine"}),
            "mine",
            Some("https://x.example/1.jpg"),
        ),
        (
            json!({"type": "file", "mediaUrl": "https://x.example/1.pdf", "altText": "the bill"}),
            "the bill",
            Some("https://x.example/1.pdf"),
        ),
        (json!({"type": "image", "mediaUrl": "https://x.example/2.jpg"}), "", Some("https://x.example/2.jpg")),
        (
            json!({"type": "location", "coordinates": {"lat": 52.5, "long": 13.4}, "location": {"name": "Mitte"}}),
            "[The customer sent a location: Mitte; 52.5, 13.4]",
            None,
        ),
        (
            json!({"type": "formResponse", "fields": [{"type": "text", "label": "Order", "text": "7"}, {"type": "select", "name": "size", "select": [{"label": "L"}]}]}),
            "Order: 7\nsize: L",
            None,
        ),
        (json!({"type": "hologram"}), content::UNKNOWN, None),
        (json!({"type": "text", "text": "  "}), content::UNKNOWN, None),
        (json!({"type": "image"}), content::UNKNOWN, None),
        (json!(null), content::UNKNOWN, None),
    ] {
        let (text, ..) = text_of(said(content.clone()));
        assert_eq!((text.text.as_str(), text.media.first().map(String::as_str)), (words, media), "{content}");
    }
}

#[test]
fn a_word_that_ends_texts_is_the_whole_text() {
    for (words, keyword) in [
        (" stop ", Some(Keyword::OptOut)),
        ("Start", Some(Keyword::OptIn)),
        ("UNSTOP", Some(Keyword::OptIn)),
        ("please stop", None),
    ] {
        assert_eq!(text_of(said(json!({"type": "text", "text": words}))).0.keyword, keyword, "{words}");
    }
}

#[test]
fn a_tap_on_a_button_is_a_text() {
    let payload = json!({"conversation": {"id": "c1"}, "postback": {"payload": "YES"},
        "user": {"id": "u1"}, "source": {"type": "whatsapp", "integrationId": CHATS}});
    let (text, at, dedupe) = text_of(event("conversation:postback", payload));
    assert_eq!((text.text.as_str(), text.channel.as_str()), ("[The customer tapped a button: YES]", "whatsapp"));
    assert_eq!((text.customer.carrier_id.as_deref(), text.customer.thread.as_deref()), (Some("u1"), Some("c1")));
    assert_eq!(at, "2026-11-28T10:00:01.2Z".parse().unwrap());
    assert_eq!(dedupe, [DedupeKey::CarrierReport("event:e1".to_owned())]);
}

#[test]
fn our_own_message_tells_that_it_is_out_and_those_of_others_tell_nothing() {
    let own = |author: &str, source: &str, metadata: Value| {
        let mut event = hello();
        let message = &mut event["payload"]["message"];
        message["author"] = json!({"type": author, "displayName": "Mia"});
        message["source"] = json!({"type": source});
        message["metadata"] = metadata;
        batch_of(&json!([event]))
    };
    let mark = "evt_000000010000000000020000.2";
    let batch = own("business", "api:conversations", json!({"tandem": mark}));
    let [report] = &batch.ours[..] else { panic!("{batch:?}") };
    let expected = Mark { id: EventId { epoch: 1, sequence: 2, sub: 0 }, part: 2 };
    assert_eq!(report.what, Reported::Sent { mark: Some(expected) });
    assert_eq!((report.dispatch.as_deref(), report.carrier), (Some("m1"), account()));
    for (author, source, metadata) in [
        ("business", "zd:agentWorkspace", json!(null)),
        ("business", "zd:answerBot", json!({"tandem": "x"})),
        ("business", "api:conversations", json!({"other": mark})),
        ("user", "web", json!(null)),
        ("user", "api:conversations", json!({"tandem": mark})),
    ] {
        let batch = own(author, source, metadata);
        assert_eq!((batch.passed_over, batch.entries.len(), batch.ours.len()), (1, 0, 0), "{author} {source}");
    }
}

fn delivery(what: &str, more: Value) -> Batch {
    let mut payload = json!({"user": {"id": "u1"}, "conversation": {"id": "c1"}, "message": {"id": "m9"},
        "destination": {"type": "twilio", "integrationId": TEXTS}, "externalMessages": [{"id": "SM1"}], "isFinalEvent": true});
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    batch_of(&json!([event(&format!("conversation:message:delivery:{what}"), payload)]))
}

#[test]
fn a_delivery_is_a_report_that_finds_its_text_by_the_messages_id() {
    for (what, reported) in [("channel", "sent"), ("user", "delivered"), ("failure", "failed")] {
        let batch = delivery(what, json!({}));
        let [report] = &batch.ours[..] else { panic!("{batch:?}") };
        assert_eq!(
            (report.what.name(), report.id.as_str(), report.dispatch.as_deref()),
            (reported, "delivery:e1", Some("m9"))
        );
        assert_eq!((report.line.as_deref(), report.at), (Some(TEXTS), "2026-11-28T10:00:01.2Z".parse().unwrap()));
        assert_eq!(
            (report.customer.thread.as_deref(), report.customer.carrier_id.as_deref()),
            (Some("c1"), Some("u1"))
        );
    }
    let of_web = delivery("user", json!({"destination": {"type": "web", "integrationId": "5f0c00"}}));
    assert_eq!((of_web.ours.len(), of_web.passed_over), (0, 1), "another channel's");
}

#[test]
fn a_failure_has_the_channels_own_code_wherever_it_stands_and_no_words() {
    let told = |error: Value| match &delivery("failure", json!({ "error": error })).ours[..] {
        [Report { what: Reported::Failed(Failure { code, said, .. }), .. }] => (code.clone().unwrap(), said.clone()),
        other => panic!("{other:?}"),
    };
    let own = Some("uncategorized_error".to_owned());
    for (error, code, said) in [
        (
            json!({"code": "uncategorized_error", "underlyingError": {"errors": [{"code": 131_047, "title": "Ada"}]}}),
            "131047",
            own.clone(),
        ),
        (json!({"code": "uncategorized_error", "underlyingError": {"code": 21_610}}), "21610", own.clone()),
        (
            json!({"code": "forbidden", "underlyingError": {"error_code": 403, "description": "Ada"}}),
            "403",
            Some("forbidden".to_owned()),
        ),
        (json!({"code": "uncategorized_error", "message": "Twilio said 30006 to us"}), "30006", own.clone()),
        (
            json!({"code": "uncategorized_error", "message": "the number +15550123456 is 12345 or 30006"}),
            "uncategorized_error",
            None,
        ),
        (json!({"code": "blocked"}), "blocked", None),
        (json!({"code": "Ada Lovelace"}), "failed", None),
        (json!(null), "failed", None),
    ] {
        assert_eq!(told(error.clone()), (code.to_owned(), said), "{error}");
    }
}

#[test]
fn a_message_takes_the_line_of_its_integration_or_none() {
    let on = |kind: &str, integration: Value| {
        with("/payload/message/source", json!({"type": kind, "integrationId": integration}))
    };
    for (kind, integration, channel) in
        [("twilio", json!(TEXTS), "sms"), ("whatsapp", json!(CHATS), "whatsapp"), ("messenger", json!(TEXTS), "sms")]
    {
        let (text, ..) = text_of(on(kind, integration.clone()));
        assert_eq!((text.channel.as_str(), json!(text.line)), (channel, integration));
    }
    for kind in ["twilio", "messagebird", "whatsapp", "web", "messenger"] {
        for integration in [json!("5f0c01"), json!(null)] {
            assert_eq!(batch_of(&json!([on(kind, integration)])).passed_over, 1, "{kind}: the company's other numbers");
        }
    }
    let of_another = delivery("user", json!({"destination": {"type": "twilio", "integrationId": "5f0c01"}}));
    assert_eq!((of_another.ours.len(), of_another.passed_over), (0, 1), "a text of Zendesk's own messaging");
}

#[test]
fn an_account_without_an_integrations_id_takes_every_text_message_and_keeps_whatsapp_for_a_line() {
    let lines = Lines::new(vec![Line::default_of(Ends { carrier: account(), ..Ends::FIRST }, Forms::default())]);
    let reader = Reader { account: account(), lines };
    let meaning = |kind: &str| {
        let source = json!({"type": kind, "integrationId": "5f0c01"});
        reader.meaning(&with("/payload/message/source", source).as_object().unwrap().into(), received_at())
    };
    for kind in ["twilio", "messagebird"] {
        let Ok(reader::Meant::Text(Message { text, .. })) = meaning(kind) else { panic!("{kind}") };
        assert_eq!((text.channel.as_str(), text.line.as_deref()), ("sms", Some("5f0c01")), "{kind}");
    }
    assert!(matches!(meaning("messenger"), Ok(reader::Meant::Nothing)));
    let Err(Stop::Unreadable(cause)) = meaning("whatsapp") else { panic!("no fault") };
    assert!(cause.contains("carrier = \"sun\"") && cause.contains("whatsapp"), "{cause}");
}

/// An app without any line yet: its texts wait for the operator, who configures one.
#[test]
fn a_text_is_written_out_alone_where_no_line_of_its_account_is_configured_and_only_there() {
    let said = hello();
    let body = json!({"events": [said, with("/payload/message/id", json!("m2"))]}).to_string();
    let alone = |webhooks: &Webhooks| -> Vec<Option<Value>> {
        let batch = webhooks.read_body(&Verified::when_it_came(body.as_bytes()), received_at()).unwrap();
        batch.entries.into_iter().map(|entry| entry.kind.map(|_| entry.alone).unwrap()).collect()
    };
    assert_eq!(alone(&webhooks()), [None, None]);
    let reader = Reader { account: account(), lines: Lines::default() };
    let kept = alone(&Webhooks { reader, secrets: Vec::new() });
    assert_eq!(kept[0], Some(json!({"events": [said]})));
    assert!(kept[1].as_ref().is_some_and(|alone| *alone != json!({"events": [said]})));
}

#[test]
fn an_event_that_cannot_be_read_is_kept_alone_and_the_others_go_their_way() {
    let broken = with("/payload/message/author/userId", json!({"x": 1}));
    let mut broken = broken;
    broken["id"] = json!("e2");
    broken["payload"]["message"]["author"]["user"] = json!(null);
    let batch = batch_of(&json!([hello(), broken, 7, event("user:dance", json!({}))]));
    assert_eq!((batch.events(), batch.entries.len(), batch.passed_over), (4, 3, 1));
    assert!(batch.entries[0].kind.is_ok() && batch.entries[2].kind.is_err());
    let kept = &batch.entries[1];
    assert!(kept.kind.is_err());
    let keys = ["event:e2", "message:m1"].map(|key| DedupeKey::CarrierReport(key.to_owned()));
    assert_eq!(kept.dedupe, keys, "the talk's list holds the message as well");
    let alone = kept.alone.as_ref().unwrap();
    assert_eq!(*alone, json!({"events": [broken]}));
    let Intake::Reports(again) = read_raw(alone.to_string().as_bytes()) else { panic!("it is read as a body") };
    assert!(again.entries[0].kind.is_err());
}

#[test]
fn each_thing_that_a_message_cannot_do_without_is_named_where_it_is_missing() {
    for (event, cause) in [
        (json!({"id": "e1"}), "`type` names no event"),
        (json!({"id": "e1", "type": "conversation:message"}), "`payload` is not an object"),
        (with("/payload/message", json!(7)), "`message` is not an object"),
        (with("/payload/message/id", json!("")), "`id` is blank"),
        (with("/payload/message/id", json!("../../users")), "`id` is no id"),
        (with("/payload/conversation", json!(null)), "`conversation` is not an object"),
        (with("/payload/conversation/id", json!("c1/messages")), "`id` is no id"),
        (with("/payload/message/author", json!(null)), "`author` is not an object"),
        (with("/payload/message/author/type", json!(null)), "`author.type` is blank"),
        (with("/payload/message/author", json!({"type": "user"})), "`author.userId` is blank"),
        (with("/payload/message/source", json!(null)), "`source` is not an object"),
        (said(json!({"type": "text", "text": "x".repeat(40_000)})), "`text` is longer"),
        (
            event("conversation:postback", json!({"source": {"type": "twilio", "integrationId": TEXTS}})),
            "`user` is not an object",
        ),
        (event("conversation:message:delivery:user", json!({})), "`message` is not an object"),
    ] {
        let told = cause_of(event.clone());
        assert!(told.starts_with(cause), "{event}: {told}");
    }
}

#[test]
fn a_body_without_events_is_unreadable_and_one_of_the_first_generation_is_ignored_but_for_notifications() {
    for body in [&b"not JSON"[..], b"", b"[]", b"{}", b"{\"events\":7}", b"{\"events\":[],\"events\":[]}", b"\xff"] {
        assert!(matches!(read_raw(body), Intake::Quarantined { .. }), "{}", String::from_utf8_lossy(body));
    }
    let first = |trigger: &str| json!({"trigger": trigger, "version": "v1.1", "app": {"_id": "a1"}}).to_string();
    assert_eq!(read_raw(first("message:delivery:user").as_bytes()), Intake::Ignored { reason: NOT_USED });
    let broken = read_raw(first("notification:delivery:user").as_bytes());
    assert!(matches!(broken, Intake::Quarantined { .. }), "{broken:?}");
    assert_eq!(batch_of(&json!([])).events(), 0);
}

#[test]
fn only_the_one_header_with_a_secret_lets_a_body_in() {
    let admit = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(KEY, value.parse().unwrap());
        }
        webhooks().admit(Door::Carrier, &headers).map(drop)
    };
    assert_eq!(admit(&["0123456789abcdef"]), Ok(()));
    assert_eq!(admit(&[]), Err(Refusal::MissingToken));
    for values in [&["0123456789abcdeF"][..], &["0123456789abcde"], &["0123456789abcdef", "0123456789abcdef"]] {
        assert_eq!(admit(values), Err(Refusal::WrongToken), "{values:?}");
    }
    let mut without = webhooks();
    without.secrets = vec!["".into()];
    let mut headers = HeaderMap::new();
    headers.insert(KEY, "".parse().unwrap());
    assert!(without.admit(Door::Carrier, &headers).is_err(), "an empty secret matches nothing");
}

#[test]
fn the_ticket_that_the_bridge_has_noted_on_the_talk_comes_with_the_text_and_nothing_else_does() {
    assert_eq!(text_of(hello()).0.ticket_id, Some(TicketId(42)));
    for noted in
        [json!({}), json!(null), json!({"tandem_ticket": ""}), json!({"tandem_ticket": 42}), json!({"crm": "7"})]
    {
        assert_eq!(text_of(with("/payload/conversation/metadata", noted.clone())).0.ticket_id, None, "{noted}");
    }
}

#[test]
fn an_external_id_that_the_bridge_has_given_is_none_of_the_brands() {
    let customer = |id: &str| text_of(with("/payload/message/author/user/externalId", json!(id))).0.customer;
    assert_eq!(customer("cust-9").external_id.as_deref(), Some("cust-9"));
    let ours = customer("tandem:zendesk:4711");
    assert_eq!((ours.external_id, ours.carrier_id.as_deref()), (None, Some("u1")));
}

#[test]
fn a_merge_a_removal_a_block_and_a_phone_that_goes_away_are_reports_of_talks_and_all_else_tells_nothing() {
    let told = |kind: &str, payload: Value| {
        let batch = batch_of(&json!([event(kind, payload)]));
        assert!(batch.entries.is_empty(), "{kind}");
        batch.ours.into_iter().next().map(|report| {
            assert_eq!((report.id.as_str(), report.carrier, report.dispatch), ("event:e1", account(), None));
            (report.customer.thread, report.customer.carrier_id, report.line, report.what)
        })
    };
    let some = |text: &str| Some(text.to_owned());
    let users = json!({"surviving": {"id": "u1"}, "discarded": {"id": "u2"}});
    let talks = json!({"surviving": {"id": "c1"}, "discarded": {"id": "c2"}});
    let moved = Reported::TalkMoved { into: "c1".to_owned(), customer: some("u1") };
    assert_eq!(
        told("user:merge", json!({"mergedUsers": users, "mergedConversations": talks, "reason": "api"})),
        Some((some("c2"), None, None, moved))
    );
    let same = json!({"surviving": {"id": "c1"}, "discarded": {"id": "c1"}});
    for talks in [json!(null), json!({}), same, json!({"surviving": {"id": "c1"}, "discarded": {"id": "../x"}})] {
        assert_eq!(told("user:merge", json!({"mergedUsers": users, "mergedConversations": talks})), None, "{talks}");
    }
    assert_eq!(told("user:remove", json!({"user": {"id": "u1"}})), Some((None, some("u1"), None, Reported::TalkOver)));
    assert_eq!(
        told("conversation:remove", json!({"conversation": {"id": "c1"}})),
        Some((some("c1"), None, None, Reported::TalkOver))
    );
    let client = |reason: &str| json!({"reason": reason, "conversation": {"id": "c1"}, "user": {"id": "u1"}, "client": {"integrationId": CHATS}});
    for (kind, reason, what) in [
        ("client:remove", "theft", Some(Reported::TalkOver)),
        ("client:update", "blocked", Some(Reported::Unsubscribed)),
        ("client:update", "unblocked", Some(Reported::Resubscribed)),
        ("client:update", "confirmed", None),
        ("client:update", "theft", None),
        ("client:remove", "api", None),
        ("client:remove", "blocked", None),
        ("client:add", "channelLinking", None),
    ] {
        let expected = what.map(|what| (some("c1"), some("u1"), some(CHATS), what));
        assert_eq!(told(kind, client(reason)), expected, "{kind} {reason}");
    }
    // The talk is gone already.
    let mut gone = client("theft");
    gone["conversation"] = json!(null);
    assert_eq!(told("client:remove", gone), Some((None, some("u1"), some(CHATS), Reported::TalkOver)));
    for payload in [json!({}), json!({"user": {}}), json!({"conversation": 7, "client": null, "reason": "theft"})] {
        for kind in ["user:merge", "user:remove", "conversation:remove", "client:remove", "client:update"] {
            assert_eq!(told(kind, payload.clone()), None, "{kind}");
        }
    }
}
