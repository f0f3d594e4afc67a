//! Bodies of Bird's webhooks, as they come.

use serde_json::json;

use super::*;
use crate::domain::account::Ends;
use crate::domain::conversation::Keyword;
use crate::domain::event::{Customer, Event, EventId, Unreadable};
use crate::domain::line::{Forms, Line, Lines};
use crate::intake::Intake;

fn received_at() -> Timestamp {
    Timestamp::from_second(1_796_030_102).unwrap()
}

fn read_raw(body: &[u8]) -> Intake {
    let reading = super::read(&Verified::when_it_came(body), Ends::FIRST.carrier, received_at());
    let kept = || Unreadable { path: String::new(), method: String::new(), content_type: None, body: String::new() };
    reading.unwrap_or_else(|stop| Err(stop).into()).into_intake(received_at(), kept)
}

fn read(body: &Value) -> Intake {
    read_raw(body.to_string().as_bytes())
}

fn event(kind: &str, data: Value) -> Value {
    json!({"type": kind, "timestamp": "2026-11-28T09:15:02Z", "data": data})
}

fn text_of(body: &Value) -> CustomerText {
    let read = read(body);
    let Intake::Event { event: Event { kind: EventKind::CustomerText(text), .. }, .. } = read else {
        panic!("{read:?}")
    };
    text
}

fn reports_of(body: &Value) -> Vec<Report> {
    let read = read(body);
    let Intake::Reports(Batch { ours, others, .. }) = read else { panic!("{read:?}") };
    ours.into_iter().chain(others).collect()
}

fn unreadable_of(body: &Value) -> String {
    let read = read(body);
    let Intake::Quarantined { cause, .. } = read else { panic!("{read:?}") };
    cause
}

#[test]
fn a_text_is_read_from_the_bytes_of_the_vector() {
    let body = br#"{"type":"sms.received","timestamp":"2026-11-28T09:15:02Z","data":{"sms_id":"sms_01kb5n3w8rx0f2v7q4m9d6c1ae","to":"+15550100100","from":"+15550123456","text":"Hi"}}"#;
    let Intake::Event { event: Event { kind: EventKind::CustomerText(text), .. }, dedupe } = read_raw(body) else {
        panic!("no text")
    };
    let customer =
        Customer { carrier_id: Some("+15550123456".into()), phone: Some("+15550123456".into()), ..Customer::default() };
    assert!(text.customer == customer);
    assert_eq!((text.line.as_deref(), text.channel.as_str()), (Some("+15550100100"), "sms"));
    assert_eq!((text.text.as_str(), text.category.as_str(), text.keyword), ("Hi", "other", None));
    assert_eq!(dedupe, [DedupeKey::CarrierReport("sms.received:sms_01kb5n3w8rx0f2v7q4m9d6c1ae".to_owned())]);
}

#[test]
fn unknown_fields_are_passed_over_and_numbers_may_be_written_in_any_way() {
    let text = text_of(&json!({
        "type": "sms.received", "new": {"er": [1]}, "data": {
            "sms_id": "sms_1", "workspace_id": "w", "to": "15550100100", "from": "+1 555-012-3456", "text": " Hi\r\nyou ",
            "subject": "Order", "segments": {"count": 1}, "carrier": null, "cost": {"amount": "0.01"}, "tags": null,
        },
    }));
    assert_eq!(text.text, "Order\n Hi\nyou ");
    assert_eq!(text.customer.phone.as_deref(), Some("+15550123456"));
    let code = text_of(&event("sms.received", json!({"sms_id": "s", "to": "30300", "from": "72345", "text": "x"})));
    assert_eq!((code.line.as_deref(), code.customer.carrier_id.as_deref()), (Some("30300"), Some("72345")));
}

#[test]
fn a_text_with_files_alone_says_so() {
    for text in [json!(null), json!(""), json!("  ")] {
        let body =
            event("sms.received", json!({"sms_id": "s", "to": "+15550100100", "from": "+15550123456", "text": text}));
        assert!(text_of(&body).text.starts_with("[The customer sent a file"), "{text}");
    }
}

#[test]
fn a_word_that_ends_texts_is_the_whole_text() {
    for (text, keyword) in [
        (" stop ", Some(Keyword::OptOut)),
        ("Start", Some(Keyword::OptIn)),
        ("UNSTOP", Some(Keyword::OptIn)),
        ("please stop", None),
        ("end", None),
    ] {
        let body =
            event("sms.received", json!({"sms_id": "s", "to": "+15550100100", "from": "+15550123456", "text": text}));
        assert_eq!(text_of(&body).keyword, keyword, "{text}");
    }
}

#[test]
fn a_whatsapp_message_becomes_words_and_its_sender_may_be_without_a_number() {
    let whatsapp = |from: Value, content: Value| {
        let mut data = json!({"whatsapp_id": "wam_1", "direction": "inbound", "from": from, "to": {"phone_number": "+15550100100"}});
        data.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
        text_of(&event("whatsapp.received", data))
    };
    let ada = json!({"phone_number": "+15550123456", "bsuid": "US.123"});
    let text = whatsapp(ada.clone(), json!({"text": {"body": "Hi"}}));
    assert_eq!((text.text.as_str(), text.channel.as_str()), ("Hi", "whatsapp"));
    assert_eq!(
        (text.line.as_deref(), text.customer.carrier_id.as_deref()),
        (Some("+15550100100"), Some("+15550123456"))
    );
    let nameless = whatsapp(json!({"bsuid": "US.123"}), json!({"text": {"body": "Hi"}}));
    assert_eq!((nameless.customer.carrier_id.as_deref(), nameless.customer.phone), (Some("US.123"), None));
    for (content, words) in [
        (
            json!({"image": {"id": "i", "url": "https://x", "mime_type": "image/png", "caption": "Mine"}}),
            "[The customer sent a picture that Bird does not pass on.]\nMine",
        ),
        (
            json!({"location": {"latitude": 52.5, "longitude": 13.4, "name": "Mitte"}}),
            "[The customer sent a location: Mitte; 52.5, 13.4]",
        ),
        (
            json!({"contact_cards": [{"origin": "contact_request", "phone_numbers": [{"phone_number": "+15550177777"}]}]}),
            "[The customer shared their own contact: +15550177777]",
        ),
        (
            json!({"contact_cards": [{"origin": "other", "name": {"formatted_name": "Grace\nHopper"},
                "phone_numbers": [{"phone_number": "+15550166666", "type": "cell"}], "emails": [{"email": "g@example.org"}]}, {}]}),
            "[The customer shared a contact: Grace Hopper; +15550166666; g@example.org]\n\
             [The customer shared a contact without a name or number.]",
        ),
        (
            json!({"interactive_reply": {"type": "button", "button": {"slug": "yes", "text": "Yes, please"}}}),
            "Yes, please",
        ),
        (json!({"interactive_reply": {"type": "list", "list": {"slug": "monday", "text": ""}}}), "monday"),
        (
            json!({"interactive_reply": {"type": "wheel"}}),
            "[The customer sent something that Bird does not pass on. Ask for it in words.]",
        ),
        (
            json!({"unsupported": {"type": "poll"}}),
            "[The customer sent something that Bird does not pass on. Ask for it in words.]",
        ),
    ] {
        assert_eq!(whatsapp(ada.clone(), content).text, words);
    }
}

#[test]
fn a_status_binds_by_the_mark_in_its_tags_or_in_its_metadata() {
    let mark = Mark { id: EventId { epoch: 1, sequence: 2, sub: 0 }, part: 2 };
    let tag = json!([{"name": "other", "value": "x"}, {"name": "tandem", "value": "evt_000000010000000000020000-2"}]);
    let metadata = json!({"tandem": "evt_000000010000000000020000-2", "ticket": "7"});
    for (tags, metadata) in [(tag.clone(), json!(null)), (json!(null), metadata), (tag, json!({"tandem": "x"}))] {
        let data = json!({"sms_id": "sms_1", "to": "+15550123456", "from": "+15550100100", "tags": tags, "metadata": metadata});
        let reports = reports_of(&event("sms.delivered", data));
        let [sent, delivered] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!(sent.what, Reported::Sent { mark: Some(mark) });
        assert_eq!(delivered.what, Reported::Delivered);
        assert_eq!((sent.id.as_str(), delivered.id.as_str()), ("sms.delivered:sms_1:sent", "sms.delivered:sms_1"));
        assert_eq!((delivered.dispatch.as_deref(), delivered.line.as_deref()), (Some("sms_1"), Some("+15550100100")));
        assert_eq!(delivered.at, "2026-11-28T09:15:02Z".parse().unwrap());
        assert_eq!(delivered.customer.carrier_id.as_deref(), Some("+15550123456"));
    }
}

#[test]
fn each_status_has_its_meaning_and_one_that_is_not_final_has_none() {
    let whats = |kind: &str| match read(&event(kind, json!({"sms_id": "s", "whatsapp_id": "w", "to": "+15550123456"})))
    {
        Intake::Reports(Batch { others, .. }) => {
            others.iter().map(|report| report.what.name()).collect::<Vec<_>>().join(" ")
        }
        Intake::Ignored { reason } => reason.to_owned(),
        other @ (Intake::Event { .. } | Intake::Quarantined { .. } | Intake::Refused { .. }) => panic!("{other:?}"),
    };
    for (kind, told) in [
        ("sms.accepted", "sent"),
        ("sms.sent", "sent"),
        ("sms.delivered", "delivered"),
        ("sms.failed", "failed"),
        ("sms.rejected", "failed"),
        ("sms.expired", "failed"),
        ("whatsapp.read", "read"),
        ("sms.undelivered", "failed"),
        ("sms.new_one", NOT_USED),
        ("email.received", NOT_USED),
        ("ping", NOT_USED),
    ] {
        assert_eq!(whats(kind), told, "{kind}");
    }
}

#[test]
fn a_failure_has_the_code_wherever_it_stands_and_no_words() {
    let failure = |error: Value| {
        let mut data = json!({"sms_id": "s", "to": "+15550123456"});
        data.as_object_mut().unwrap().extend(error.as_object().unwrap().clone());
        match &reports_of(&event("sms.failed", data))[..] {
            [Report { what: Reported::Failed(Failure { code, said, .. }), .. }] => (code.clone(), said.clone()),
            other => panic!("{other:?}"),
        }
    };
    let told = |code: &str, said: Option<&str>| (Some(code.to_owned()), said.map(str::to_owned));
    for (error, expected) in [
        (json!({"error": {"code": "recipient_opted_out", "message": "Ada left"}}), told("recipient_opted_out", None)),
        (json!({"error": {"code": "unreachable", "carrier_error_code": "30003"}}), told("unreachable", Some("30003"))),
        (json!({"error_code": "blocked_by_carrier", "carrier_error_code": 7}), told("blocked_by_carrier", Some("7"))),
        (json!({"error": "unknown"}), told("unknown", None)),
        (json!({"error": {"code": "Ada Lovelace left"}}), told("failed", None)),
        (json!({}), told("failed", None)),
    ] {
        assert_eq!(failure(error.clone()), expected, "{error}");
    }
}

#[test]
fn a_body_without_its_type_its_data_its_id_or_its_customer_is_unreadable() {
    for (body, cause) in [
        (json!({}), "`type` names no event"),
        (json!({"type": " ", "data": {}}), "`type` names no event"),
        (json!({"type": "sms.received"}), "`data` is not an object"),
        (event("sms.received", json!({"from": "+15550123456"})), "`sms_id` is blank"),
        (event("sms.delivered", json!({"whatsapp_id": "w"})), "`sms_id` is blank"),
        (event("whatsapp.received", json!({"sms_id": "w"})), "`whatsapp_id` is blank"),
        (event("sms.received", json!({"sms_id": "s", "text": "Hi"})), "`from` names nobody"),
        (
            event("sms.received", json!({"sms_id": "s", "from": ["+15550123456"], "text": "Hi"})),
            "`phone_number` is neither text nor a number",
        ),
    ] {
        let told = unreadable_of(&body);
        assert!(told.starts_with(cause), "{body}: {told}");
    }
    for body in [&b"not JSON"[..], b"", b"[]", b"{\"type\":\"sms.received\",\"type\":\"x\"}", b"\xff"] {
        assert!(matches!(read_raw(body), Intake::Quarantined { .. }), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn a_text_of_the_second_generation_names_the_default_line() {
    let body = json!({"service": "channels", "event": "sms.inbound", "payload": {
        "id": "m1", "channelId": "c", "direction": "incoming", "status": "delivered",
        "sender": {"contact": {"id": "p", "identifierKey": "phonenumber", "identifierValue": "+15550123456"}},
        "receiver": {"connector": {"id": "k"}}, "body": {"type": "text", "text": {"text": "Hi"}},
    }});
    let Intake::Event { event: Event { kind: EventKind::CustomerText(text), .. }, dedupe } = read(&body) else {
        panic!("no text")
    };
    assert_eq!((text.text.as_str(), text.line, text.channel.as_str()), ("Hi", None, "sms"));
    assert_eq!(text.customer.phone.as_deref(), Some("+15550123456"));
    assert_eq!(dedupe, [DedupeKey::CarrierReport("sms.inbound:m1".into())]);

    let mut picture = body.clone();
    picture["event"] = json!("whatsapp.inbound");
    picture["payload"]["body"] = json!({"type": "image"});
    picture["payload"]["sender"] = json!({});
    picture["payload"]["meta"] = json!({"extraInformation": {"whatsappbsuid": "US.9"}});
    let text = text_of(&picture);
    assert!(text.text.starts_with("[The customer sent") && text.customer.carrier_id.as_deref() == Some("US.9"));

    let mut outbound = body.clone();
    outbound["event"] = json!("sms.outbound");
    assert_eq!(read(&outbound), Intake::Ignored { reason: NOT_USED });
    let mut nobody = body;
    nobody["payload"]["sender"] = json!({});
    assert!(unreadable_of(&nobody).contains("identifierValue"));
}

#[test]
fn a_message_takes_the_line_of_its_number_and_channel_or_none() {
    let line = |name: &str, channel, address: Option<&str>| Line {
        name: name.into(),
        channel,
        address: address.map(str::to_owned),
        ..Line::default_of(Ends::FIRST, Forms::default())
    };
    let numbers = |lines: Vec<Line>| Numbers {
        carrier: Ends::FIRST.carrier,
        sender: "+15550100000".into(),
        lines: Lines::new(lines),
    };
    let (default, texts) = (line("default", Channel::Sms, None), line("texts", Channel::Sms, Some("+15550100100")));
    let chat = line("chat", Channel::Whatsapp, Some("+15550100200"));
    let on = |numbers: &Numbers, channel, to: Option<&str>| {
        let text = customer_text(Customer::default(), to.map(str::to_owned), "Hi".into(), channel);
        numbers.on_its_line(text).map(|text| text.line)
    };
    let all = numbers(vec![default.clone(), texts, chat]);
    for (channel, to, kept) in [
        (Channel::Sms, Some("+15550100100"), Some("+15550100100")),
        (Channel::Sms, Some("+15550100000"), None),
        (Channel::Sms, None, None),
        (Channel::Whatsapp, Some("+15550100200"), Some("+15550100200")),
        (Channel::Whatsapp, None, Some("+15550100200")),
    ] {
        assert_eq!(on(&all, channel, to), Ok(kept.map(str::to_owned)), "{channel} {to:?}");
    }
    for (channel, to) in [
        (Channel::Sms, "+15550100200"),
        (Channel::Sms, "+15550100300"),
        (Channel::Whatsapp, "+15550100100"),
        (Channel::Whatsapp, "+15550100000"),
        (Channel::Whatsapp, "+15550100300"),
    ] {
        let Err(Stop::Unreadable(cause)) = on(&all, channel, Some(to)) else { panic!("{channel} {to} has a line") };
        assert!(cause.contains(&format!("channel = \"{channel}\"")) && !cause.contains("+1555"), "{cause}");
    }
    let Err(Stop::Unreadable(cause)) = on(&numbers(vec![default]), Channel::Whatsapp, None) else { panic!("a line") };
    assert!(cause.contains("whatsapp.received"), "{cause}");
}
