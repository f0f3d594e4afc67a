//! Batches in every shape that the connector or its next schema may send.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::account::Ends;
use crate::domain::event::EventId;
use crate::domain::inbound::Door;
use crate::intake::{self, Intake, RawWebhook, Refusal, Source};
use crate::vendors::braze::source::Webhooks;

fn now() -> Timestamp {
    Timestamp::from_second(1_796_031_000).unwrap()
}

fn currents() -> Currents {
    let tokens = vec!["a-connector-token".into(), "the-one-before".into()];
    Currents { tokens, campaigns: vec!["c-reply".into()], lines: vec!["g-1".into()], ..Currents::default() }
}

fn account(currents: Currents) -> Webhooks {
    let carrier = Ends::FIRST.carrier;
    Webhooks { carrier, tokens: Vec::new(), user_field: String::new(), currents }
}

fn headers(token: Option<&str>) -> HeaderMap {
    let authorization = token.map(|token| HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    authorization.map(|value| (AUTHORIZATION, value)).into_iter().collect()
}

fn admit(token: Option<&str>, currents: Currents) -> Option<Refusal> {
    account(currents).admit(Door::Reports, &headers(token)).err()
}

fn batch(body: impl Into<Bytes>) -> Result<Batch, String> {
    let body = body.into();
    let webhook = RawWebhook {
        endpoint: Door::Reports.into(),
        method: Method::POST,
        uri: "/webhooks/braze/currents".parse().unwrap(),
        headers: headers(Some("a-connector-token")),
        body,
        received_at: now(),
    };
    let source = account(currents());
    let credential = source.admit(Door::Reports, &webhook.headers).ok().unwrap();
    match intake::read(&webhook, &credential, &source) {
        Intake::Reports(batch) => Ok(batch),
        Intake::Quarantined { cause, .. } => Err(cause),
        other @ (Intake::Event { .. } | Intake::Ignored { .. } | Intake::Refused { .. }) => panic!("{other:?}"),
    }
}

/// The reports of a batch about ours and others' texts, in this order.
fn reports(batch: Batch) -> Vec<Report> {
    batch.ours.into_iter().chain(batch.others).chain(batch.unsure).collect()
}

/// The only report of a batch with this event.
fn only(event: &Value) -> Option<Report> {
    let batch = batch(json!({"events": [event]}).to_string()).unwrap();
    assert_eq!(batch.events(), 1);
    reports(batch).pop()
}

fn send() -> Value {
    json!({
        "event_type": "users.messages.sms.Send", "id": "5e0c1b7e-0d57-4d0e-9a53-2f6c1b0a0001", "time": 1_796_030_102,
        "user": {"user_id": "65a1f0c2b3d4e5f601020304", "external_user_id": "cust-17", "timezone": "Europe/Paris"},
        "properties": {
            "app_group_id": "0b1c", "campaign_id": "c-reply", "dispatch_id": "6749f0a1b2c3d4e5f6071829",
            "subscription_group_id": "g-1", "to_phone_number": "+15550123456",
            "message_extras": "{\"tandem\":\"evt_5eed00000000000000290000.2\"}",
        },
    })
}

#[test]
fn a_send_is_read_with_its_mark() {
    let report = only(&send()).unwrap();
    let id: EventId = "evt_5eed00000000000000290000".parse().unwrap();
    assert_eq!(report.what, Reported::Sent { mark: Some(Mark { id, part: 2 }) });
    assert_eq!((report.at.as_second(), report.id.as_str()), (1_796_030_102, "5e0c1b7e-0d57-4d0e-9a53-2f6c1b0a0001"));
    assert_eq!(report.campaign.as_deref(), Some("c-reply"));
    assert_eq!(report.dispatch.as_deref(), Some("6749f0a1b2c3d4e5f6071829"));
    let customer = report.customer;
    assert_eq!(customer.carrier_id.as_deref(), Some("65a1f0c2b3d4e5f601020304"));
    assert_eq!((customer.external_id.as_deref(), customer.phone.as_deref()), (Some("cust-17"), Some("+15550123456")));
}

#[test]
fn a_mark_that_is_none_of_ours_is_no_mark() {
    let strange = ["null", "\"\"", "\"{\"", "\"[]\"", "\"{\\\"tandem\\\":7}\"", "\"{\\\"tandem\\\":\\\"\\\"}\"", "7"];
    for extras in strange.map(|json| serde_json::from_str::<Value>(json).unwrap()) {
        let mut event = send();
        event["properties"]["message_extras"] = extras.clone();
        assert_eq!(only(&event).unwrap().what, Reported::Sent { mark: None }, "{extras}");
    }
    let mut event = send();
    event["properties"]["message_extras"] = json!({"tandem": "evt_5eed00000000000000290000"});
    assert!(matches!(only(&event).unwrap().what, Reported::Sent { mark: Some(Mark { part: 1, .. }) }), "an object");
}

#[test]
fn null_missing_and_blank_read_alike() {
    let mut blank = send();
    let mut null = send();
    let mut missing = send();
    for name in ["campaign_id", "dispatch_id", "subscription_group_id", "message_extras"] {
        blank["properties"][name] = json!(" ");
        null["properties"][name] = json!(null);
        missing["properties"].as_object_mut().unwrap().remove(name);
    }
    let read = [blank, null, missing].map(|event| only(&event).unwrap());
    assert!(read[0] == read[1] && read[1] == read[2]);
    assert_eq!((&read[0].campaign, &read[0].dispatch, &read[0].line), (&None, &None, &None));
}

#[test]
fn a_time_is_read_in_every_form_and_one_that_is_none_is_now() {
    for (time, second) in [
        (json!(1_796_030_102), 1_796_030_102),
        (json!(1_796_030_102.75), 1_796_030_102),
        (json!("1796030102"), 1_796_030_102),
        (json!(null), now().as_second()),
        (json!("yesterday"), now().as_second()),
        (json!(1_796_030_102_000_i64), now().as_second()),
        (json!(-5), now().as_second()),
    ] {
        let mut event = send();
        event["time"] = time.clone();
        assert_eq!(only(&event).unwrap().at.as_second(), second, "{time}");
    }
}

#[test]
fn every_type_about_texts_is_read_and_no_other() {
    for (kind, name) in [
        ("sms.Send", Some("sent")),
        ("sms.CarrierSend", None),
        ("rcs.Delivery", Some("delivered")),
        ("whatsapp.Read", Some("read")),
        ("sms.DeliveryFailure", Some("failed")),
        ("rcs.Rejection", Some("failed")),
        ("whatsapp.Failure", Some("failed")),
        ("sms.Abort", Some("held_back")),
        ("sms.Retry", None),
        ("rcs.Click", None),
        ("sms.ShortLinkClick", None),
        ("email.Send", None),
        ("pushnotification.Bounce", None),
        ("webhook.Failure", None),
        ("sms.SomethingNew", None),
    ] {
        let mut event = send();
        event["event_type"] = json!(format!("users.messages.{kind}"));
        assert_eq!(only(&event).map(|report| report.what.name()), name, "{kind}");
    }
    for event in [json!({}), json!(null), json!(7), json!({"event_type": "users"}), json!({"event_type": 7})] {
        assert!(only(&event).is_none(), "{event}");
    }
}

#[test]
fn a_failure_is_read_with_its_code_and_nothing_personal() {
    let mut event = send();
    event["event_type"] = json!("users.messages.sms.DeliveryFailure");
    event["properties"]["error"] =
        json!("Unknown handset +15550123456 of ada@example.com\nsee https://x.example/1 30005");
    event["properties"]["provider_error_code"] = json!(30005);
    event["properties"]["is_sms_fallback"] = json!(true);
    let said = Some("Unknown handset … of … see … 30005".to_owned());
    let code = Some("30005".to_owned());
    assert_eq!(
        only(&event).unwrap().what,
        Reported::Failed(Failure { code: code.clone(), said: said.clone(), falls_back: false }),
        "an SMS is the last way"
    );
    event["event_type"] = json!("users.messages.rcs.Rejection");
    assert_eq!(only(&event).unwrap().what, Reported::Failed(Failure { code, said, falls_back: true }));
    event["properties"]["is_sms_fallback"] = json!("false");
    event["properties"]["provider_error_code"] = json!("<script>");
    event["properties"]["error"] = json!(null);
    event["properties"]["provider_error_title"] = json!("Re-engagement message");
    let said = Some("Re-engagement message".to_owned());
    assert_eq!(only(&event).unwrap().what, Reported::Failed(Failure { code: None, said, falls_back: false }));
    event["event_type"] = json!("users.messages.sms.Abort");
    event["properties"]["abort_type"] = json!("Quiet Hours");
    let held = Failure { code: Some("Quiet Hours".into()), said: None, falls_back: false };
    assert_eq!(only(&event).unwrap().what, Reported::HeldBack(held));
}

#[test]
fn a_text_is_read_from_the_body_or_the_button_and_an_empty_one_is_none() {
    let event = |properties: Value| {
        json!({"event_type": "users.messages.whatsapp.InboundReceive", "id": "7d2a", "time": 1_796_030_200,
            "user": {"user_id": "65a1f0c2b3d4e5f601020305"}, "properties": properties})
    };
    let wrote = |properties| {
        let report = only(&event(properties))?;
        if let Reported::Wrote(wrote) = report.what { Some(wrote.0) } else { panic!("{report:?}") }
    };
    let text = wrote(json!({"action": "None", "message_body": null, "quick_reply_text": "Yes, please",
        "media_urls": ["https://media.example/abc", "no link"], "subscription_group_id": "wa-1"}));
    let text = text.unwrap();
    assert_eq!((text.text.as_str(), text.line.as_deref()), ("Yes, please", Some("wa-1")));
    assert_eq!((text.channel.as_str(), text.media), ("whatsapp", vec!["https://media.example/abc".to_owned()]));
    assert_eq!((text.keyword, text.category.as_str()), (None, "other"));
    let stop = wrote(json!({"action": "Unsubscribed", "message_body": "STOP"})).unwrap();
    assert_eq!((stop.keyword, stop.category.as_str()), (Some(Keyword::OptOut), "opt_out"));
    assert!(wrote(json!({"message_body": " ", "media_urls": []})).is_none());
    let nobody = json!({"event_type": "users.messages.sms.InboundReceive", "properties": {"message_body": "Hi"}});
    assert!(only(&nobody).is_none(), "it names nobody");
}

#[test]
fn only_the_end_of_a_subscription_to_texts_is_read() {
    let change = |channel: Value, status: &str| {
        let event = json!({"event_type": "users.behaviors.subscriptiongroup.StateChange", "id": "1",
            "time": 1_796_030_200, "user": {"user_id": "65a1"},
            "properties": {"channel": channel, "subscription_status": status, "subscription_group_id": "g-1"}});
        only(&event).map(|report| report.what)
    };
    assert_eq!(change(json!("sms"), "Unsubscribed"), Some(Reported::Unsubscribed));
    assert_eq!(change(json!(null), "unsubscribed"), Some(Reported::Unsubscribed));
    assert_eq!(change(json!("sms"), "Subscribed"), None);
    assert_eq!(change(json!("email"), "Unsubscribed"), None);
}

#[test]
fn a_batch_is_read_in_every_shape_and_keeps_its_order() {
    for body in ["", " ", "{}", "{\"events\":[]}", "{\"events\":null}", "[]", "null"] {
        assert_eq!(batch(body.to_owned()), Ok(Batch::default()), "{body}");
    }
    let mut second = send();
    second["id"] = json!("second");
    let ids = |body: String| reports(batch(body).unwrap()).into_iter().map(|report| report.id).collect::<Vec<_>>();
    let first = "5e0c1b7e-0d57-4d0e-9a53-2f6c1b0a0001";
    assert_eq!(ids(json!({"events": [send(), second, send()]}).to_string()), [first, "second", first]);
    assert_eq!(ids(json!([send()]).to_string()), [first], "a bare list");
    assert_eq!(ids(send().to_string()), [first], "a bare event");
    let raw = json!({"events": [send()]}).to_string().replace("Europe/Paris", "Europe/\tParis");
    assert_eq!(ids(raw), [first], "a raw control character");
    for body in ["not json", "7", "{\"events\":7}", "{\"events\":[{]}"] {
        let cause = batch(body.to_owned()).unwrap_err();
        assert!(!cause.is_empty() && !cause.contains("not json"), "{cause}");
    }
}

#[test]
fn an_event_without_an_id_is_known_again() {
    let mut event = send();
    event.as_object_mut().unwrap().remove("id");
    let (one, again) = (only(&event).unwrap().id, only(&event).unwrap().id);
    assert_eq!((one.len(), &one), (32, &again));
    event["time"] = json!(1_796_030_103);
    assert_ne!(only(&event).unwrap().id, one);
}

#[test]
fn only_a_token_of_the_connectors_lets_in() {
    for (token, refusal) in [
        (Some("a-connector-token"), None),
        (Some("the-one-before"), None),
        (Some("another"), Some(Refusal::WrongToken)),
        (None, Some(Refusal::MissingToken)),
    ] {
        assert_eq!(admit(token, currents()), refusal);
    }
    let refused = admit(Some("a"), Currents::default());
    assert_eq!(refused, Some(Refusal::WrongToken), "where none is configured");
}

#[test]
fn a_report_is_ours_by_its_campaign_mark_or_line_or_else_only_webhooks_can_tell() {
    let wrote = |line: Option<&str>| {
        json!({
            "event_type": "users.messages.sms.InboundReceive", "id": "w", "time": 1_796_030_102,
            "user_id": "65a1f0c2b3d4e5f601020304", "message_body": "hello", "subscription_group_id": line,
        })
    };
    let mut sent_elsewhere = send();
    sent_elsewhere["properties"]["campaign_id"] = json!("c-other");
    sent_elsewhere["properties"].as_object_mut().unwrap().remove("message_extras");
    for (event, names_all, expected) in [
        (send(), false, [1, 0, 0, 0]),
        (sent_elsewhere, false, [0, 1, 0, 0]),
        (wrote(Some("g-1")), false, [1, 0, 0, 0]),
        (wrote(Some("G-1")), true, [1, 0, 0, 0]),
        (wrote(None), true, [1, 0, 0, 0]),
        (wrote(Some("g-2")), false, [0, 0, 1, 0]),
        (wrote(Some("g-2")), true, [0, 0, 0, 1]),
    ] {
        let batch =
            Currents { names_all, ..currents() }.sorted(std::slice::from_ref(&event), Ends::FIRST.carrier, now());
        let counted = [batch.ours.len(), batch.others.len(), batch.unsure.len(), batch.passed_over as usize];
        assert_eq!(counted, expected, "{event}");
    }
}

proptest! {
    #[test]
    fn no_body_breaks_it(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        drop(batch(body));
    }

    #[test]
    fn no_value_in_any_place_breaks_it(at in 0..9_usize, value in "[^\\x00]{0,40}", number in any::<f64>()) {
        let names =
            ["event_type", "id", "time", "user", "properties", "campaign_id", "message_extras", "dispatch_id", "error"];
        for strange in [json!(value), json!(number), json!([value]), json!({"a": value}), json!(true)] {
            let mut event = send();
            if let Some(properties) = event["properties"].as_object_mut() {
                properties.insert(names[at].to_owned(), strange.clone());
            }
            event[names[at]] = strange;
            drop(only(&event));
        }
    }
}
