//! Both sources together: the events of every kind of webhook, and the refusals, in tables.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;
use serde_json::json;
use sha2::{Digest, Sha256};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::*;
use crate::domain::conversation::Keyword;
use crate::domain::event::{
    AgentReply, CommentId, Customer, CustomerText, DedupeKey, EventKind, PhoneText, TicketChange, TicketFields,
    TicketId, Unreadable, UserId,
};
use crate::domain::kind::KindName;
use crate::intake::{self, Intake, RawWebhook, Refusal};
use crate::vendors::zendesk::source::ZENDESK_INVOCATION;

const SECRET: &str = "HRkRd4BeOAoUkfZr-mhauJT64rvBASlJRoIyPsd3zeA=";
const TOKEN: &str = "a-long-token:with-a-colon";
const SIGNED_AT: &str = "2026-03-01T10:00:00Z";

fn now() -> Timestamp {
    SIGNED_AT.parse().unwrap()
}

fn options() -> FirstAccounts {
    FirstAccounts {
        zendesk_secrets: vec!["another secret".into(), SECRET.into()],
        zendesk_tolerance: Duration::from_secs(600),
        braze_tokens: vec!["another token".into(), TOKEN.into()],
        user_field: "braze_external_id".into(),
        currents: Default::default(),
    }
}

fn webhook(path: &str, headers: &[(&str, &str)], body: &[u8]) -> RawWebhook {
    let headers = headers
        .iter()
        .map(|(name, value)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .collect::<HeaderMap>();
    RawWebhook {
        endpoint: Senders::from(FirstAccounts::default()).at(path.split('?').next().unwrap()).unwrap(),
        method: Method::POST,
        uri: path.parse().unwrap(),
        headers,
        body: Bytes::copy_from_slice(body),
        received_at: now(),
    }
}

fn from_zendesk(path: &str, body: &[u8]) -> RawWebhook {
    let signature = zendesk::signature::zendesk_signature(&SECRET.into(), SIGNED_AT, body);
    let headers = [
        (zendesk::signature::ZENDESK_SIGNATURE, signature.as_str()),
        (zendesk::signature::ZENDESK_TIMESTAMP, SIGNED_AT),
        (ZENDESK_INVOCATION, "01HANA2B5D5W9XSJS3NE5SQA1J"),
    ];
    webhook(path, &headers, body)
}

fn from_braze(path: &str, body: &[u8]) -> RawWebhook {
    webhook(path, &[("x-tandem-token", TOKEN), ("content-type", "application/JSON")], body)
}

/// Reads a webhook as a request is read: the headers first.
fn read(webhook: &RawWebhook, options: &FirstAccounts) -> Intake {
    let senders = Senders::from(options.clone());
    let source = senders.source(webhook.endpoint.account).unwrap();
    match source.admit(webhook.endpoint.door, &webhook.headers) {
        Ok(credential) => intake::read(webhook, &credential, source),
        Err(why) => Intake::Refused { why },
    }
}

fn refusal(webhook: &RawWebhook, options: &FirstAccounts) -> Option<Refusal> {
    match read(webhook, options) {
        Intake::Refused { why } => Some(why),
        Intake::Event { .. } | Intake::Reports(_) | Intake::Ignored { .. } | Intake::Quarantined { .. } => None,
    }
}

/// Reads a body that must become an event, and gives its kind and its dedupe keys.
fn event(webhook: &RawWebhook) -> (EventKind, Vec<DedupeKey>) {
    let Intake::Event { event, dedupe } = read(webhook, &options()) else { panic!("no event") };
    assert_eq!(event.received_at, now());
    (event.kind, dedupe)
}

/// The dedupe keys of each Zendesk request, besides those of its body.
fn call_keys(webhook: &RawWebhook) -> Vec<DedupeKey> {
    let signed = [SIGNED_AT.as_bytes(), webhook.body.as_ref()].concat();
    let digest = Sha256::digest(signed).iter().map(|byte| format!("{byte:02x}")).collect();
    vec![DedupeKey::Invocation("01HANA2B5D5W9XSJS3NE5SQA1J".into()), DedupeKey::SignedRequest(digest)]
}

/// Reads a body that must be quarantined, checks that it is kept whole, and gives the cause.
fn quarantined(webhook: &RawWebhook) -> String {
    let Intake::Quarantined { event, cause, .. } = read(webhook, &options()) else {
        panic!("not quarantined: {}", String::from_utf8_lossy(&webhook.body))
    };
    let EventKind::Unreadable(kept) = &event.kind else { panic!("{event:?}") };
    assert_eq!(STANDARD.decode(&kept.body).unwrap(), webhook.body);
    assert_eq!((kept.path.as_str(), kept.method.as_str()), (webhook.uri.path(), webhook.method.as_str()));
    cause
}

fn customer_text(customer: Customer, text: &str) -> CustomerText {
    CustomerText {
        customer,
        line: None,
        text: text.into(),
        media: vec![],
        channel: "sms".into(),
        category: "other".into(),
        keyword: None,
        ticket_id: None,
        fields: TicketFields::default(),
        answers: Vec::new(),
    }
}

fn known_as(external_id: &str) -> Customer {
    Customer { external_id: Some(external_id.into()), ..Customer::default() }
}

#[test]
fn known_signatures_agree() {
    // Constructed for the order that Zendesk documents now: timestamp, then body.
    let test_secret = zendesk::signature::ZENDESK_TEST_SECRET.into();
    let body = br#"{"event":"ticket.updated","id":123}"#;
    assert_eq!(
        zendesk::signature::zendesk_signature(&test_secret, "2021-03-25T05:09:27Z", body),
        "S/RDdU2ERmj7LHDDoWJ2onPYH+t7/f2+LTM4dL7UiLM="
    );
    // Zendesk's own old vector is for body, then timestamp. It proves that the key is the text as printed ...
    let (old, body, timestamp) =
        ("tRDSF7URY8BLCDlaBcQ7FHu051Zk+aAB0NKMP53teMw=", r#"{"say": "hello"}"#, "2021-07-25T10:00:00Z");
    assert_eq!(zendesk::signature::zendesk_signature(&SECRET.into(), body, timestamp.as_bytes()), old);
    // ... and that order is refused.
    let headers = [(zendesk::signature::ZENDESK_SIGNATURE, old), (zendesk::signature::ZENDESK_TIMESTAMP, timestamp)];
    let mut raw = webhook("/webhooks/zendesk", &headers, body.as_bytes());
    raw.received_at = timestamp.parse().unwrap();
    assert_eq!(read(&raw, &options()), Intake::Refused { why: Refusal::WrongSignature });
}

#[test]
fn zendesk_gets_in_by_signature_only() {
    let body = br#"{"event":"ticket_solved","ticket_id":"1"}"#;
    let good = zendesk::signature::zendesk_signature(&SECRET.into(), SIGNED_AT, body);
    let unpadded = good.trim_end_matches('=').to_owned();
    let of_test_secret =
        zendesk::signature::zendesk_signature(&zendesk::signature::ZENDESK_TEST_SECRET.into(), SIGNED_AT, body);
    let of_no_secret = zendesk::signature::zendesk_signature(&"".into(), SIGNED_AT, body);
    let of_first_secret = zendesk::signature::zendesk_signature(&"another secret".into(), SIGNED_AT, body);
    let of_other_body = zendesk::signature::zendesk_signature(&SECRET.into(), SIGNED_AT, b"{}");
    let mut options = options();
    options.zendesk_secrets.extend([zendesk::signature::ZENDESK_TEST_SECRET.into(), "".into()]);
    let (s, t) = (zendesk::signature::ZENDESK_SIGNATURE, zendesk::signature::ZENDESK_TIMESTAMP);
    let wrong = Some(Refusal::WrongSignature);
    let missing = Some(Refusal::MissingSignature);
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<Refusal>);
    let cases: [Case<'_>; 17] = [
        ("good", &[(s, &good), (t, SIGNED_AT)], None),
        ("without padding", &[(s, &unpadded), (t, SIGNED_AT)], None),
        ("by the other secret", &[(s, &of_first_secret), (t, SIGNED_AT)], None),
        ("no header", &[], missing),
        ("no signature", &[(t, SIGNED_AT)], missing),
        ("no timestamp", &[(s, &good)], missing),
        ("blank signature", &[(s, " "), (t, SIGNED_AT)], missing),
        ("blank timestamp", &[(s, &good), (t, "")], missing),
        ("two signatures", &[(s, &good), (s, &good), (t, SIGNED_AT)], wrong),
        ("two timestamps", &[(s, &good), (t, SIGNED_AT), (t, SIGNED_AT)], wrong),
        ("not base64", &[(s, "!!!"), (t, SIGNED_AT)], wrong),
        ("truncated", &[(s, &good[..20]), (t, SIGNED_AT)], wrong),
        ("of another body", &[(s, &of_other_body), (t, SIGNED_AT)], wrong),
        ("of another time", &[(s, &good), (t, "2026-03-01T10:00:01Z")], wrong),
        ("the same time, otherwise written", &[(s, &good), (t, "2026-03-01T10:00:00+00:00")], wrong),
        ("the published test secret", &[(s, &of_test_secret), (t, SIGNED_AT)], wrong),
        ("an empty secret", &[(s, &of_no_secret), (t, SIGNED_AT)], wrong),
    ];
    for (what, headers, expected) in cases {
        let got = refusal(&webhook("/webhooks/zendesk", headers, body), &options);
        assert_eq!(got, expected, "{what}");
    }
    // It fails closed without secrets. And a Braze token is no signature.
    options.zendesk_secrets.clear();
    let signed = webhook("/webhooks/zendesk", &[(s, &good), (t, SIGNED_AT)], body);
    assert_eq!(read(&signed, &options), Intake::Refused { why: Refusal::WrongSignature });
    let with_token = from_braze("/campaigns/trigger/send", body);
    assert_eq!(read(&with_token, &options), Intake::Refused { why: Refusal::MissingSignature });
}

#[test]
fn timestamps_are_times_and_fresh() {
    let body = br#"{"event":"ticket_solved","ticket_id":"1"}"#;
    let cases = [
        ("2026-03-01T09:50:00Z", None),
        ("2026-03-01T10:10:00Z", None),
        ("2026-03-01T09:49:59.999Z", Some(Refusal::Stale)),
        ("2026-03-01T10:10:00.001Z", Some(Refusal::Stale)),
        ("2026-03-01T10:00:00.123456789Z", None),
        ("2026-03-01T15:30:00+05:30", None),
        ("2026-03-01T10:00:00+05:30", Some(Refusal::Stale)),
        ("1970-01-01T00:00:00Z", Some(Refusal::Stale)),
        ("9999-12-30T00:00:00Z", Some(Refusal::Stale)),
        ("-009998-01-02T00:00:00Z", Some(Refusal::Stale)),
        ("2026-03-01T10:00:00", Some(Refusal::BadTimestamp)),
        ("1772359200", Some(Refusal::BadTimestamp)),
        ("yesterday", Some(Refusal::BadTimestamp)),
        ("2026-13-01T10:00:00Z", Some(Refusal::BadTimestamp)),
    ];
    for (timestamp, expected) in cases {
        let signature = zendesk::signature::zendesk_signature(&SECRET.into(), timestamp, body);
        let headers = [
            (zendesk::signature::ZENDESK_SIGNATURE, signature.as_str()),
            (zendesk::signature::ZENDESK_TIMESTAMP, timestamp),
        ];
        let got = refusal(&webhook("/webhooks/zendesk", &headers, body), &options());
        assert_eq!(got, expected, "{timestamp}");
    }
}

#[test]
fn braze_gets_in_by_token_only() {
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let wrong = Some(Refusal::WrongToken);
    let missing = Some(Refusal::MissingToken);
    type Case = (&'static str, Vec<(&'static str, String)>, Option<Refusal>);
    let cases: Vec<Case> = vec![
        ("bearer", vec![("authorization", format!("Bearer {TOKEN}"))], None),
        ("bearer in another case", vec![("authorization", format!("bEARER   {TOKEN} "))], None),
        ("the other token", vec![("authorization", "Bearer another token".into())], None),
        ("basic, whole text", vec![("authorization", basic(TOKEN))], None),
        ("basic, password", vec![("authorization", basic(&format!("me@a.example/token:{TOKEN}")))], None),
        ("basic, no padding", vec![("authorization", basic(TOKEN).trim_end_matches('=').into())], None),
        ("own header", vec![("x-tandem-token", TOKEN.into())], None),
        (
            "own header beside a wrong one",
            vec![("authorization", "Bearer x".into()), ("x-tandem-token", TOKEN.into())],
            None,
        ),
        ("nothing", vec![], missing),
        ("wrong", vec![("authorization", "Bearer x".into())], wrong),
        ("blank", vec![("authorization", "Bearer ".into()), ("x-tandem-token", String::new())], wrong),
        ("no scheme", vec![("authorization", TOKEN.into())], wrong),
        ("another scheme", vec![("authorization", format!("Digest {TOKEN}"))], wrong),
        ("basic, not encoded", vec![("authorization", format!("Basic {TOKEN}"))], wrong),
        ("basic, user name", vec![("authorization", basic(&format!("{TOKEN}:x")))], wrong),
        ("basic, empty password", vec![("authorization", basic("me:"))], wrong),
        ("in part", vec![("authorization", format!("Bearer {}", &TOKEN[..TOKEN.len() - 1]))], wrong),
        ("with more behind it", vec![("authorization", format!("Bearer {TOKEN}x"))], wrong),
        ("in another case", vec![("authorization", format!("Bearer {}", TOKEN.to_uppercase()))], wrong),
    ];
    let mut options = options();
    options.braze_tokens.push("".into());
    for (what, headers, expected) in cases {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let got = refusal(&webhook("/webhooks/braze", &headers, b"external_id=7&text=hi"), &options);
        assert_eq!(got, expected, "{what}");
    }
    options.braze_tokens = vec!["".into()];
    let blank = webhook("/webhooks/braze", &[("authorization", "Basic Og==")], b"external_id=7&text=hi");
    assert_eq!(read(&blank, &options), Intake::Refused { why: Refusal::WrongToken });
    // A Zendesk signature is no token.
    let signed = from_zendesk("/webhooks/braze", b"external_id=7&text=hi");
    assert_eq!(read(&signed, &options), Intake::Refused { why: Refusal::MissingToken });
}

/// The requester as triggers tell it: as text, as a number, not at all, or in an impossible form.
#[test]
fn the_requester_is_read_where_it_is_told_and_never_makes_a_body_unreadable() {
    let told = |event: &str, requester: Value| {
        let mut body = json!({"event": event, "ticket_id": "35", "comment_id": "9", "requester_id": requester});
        if requester.is_null() {
            body.as_object_mut().unwrap().remove("requester_id");
        }
        let body = body.to_string();
        let Intake::Event { event, .. } = read(&from_zendesk("/webhooks/zendesk", body.as_bytes()), &options()) else {
            panic!("{body} is no event");
        };
        if let EventKind::AgentReply(reply) = &event.kind {
            return reply.requester_id;
        }
        let (EventKind::TicketSolved(change) | EventKind::TicketReopened(change)) = event.kind else {
            panic!("{body} is of another kind");
        };
        change.requester_id
    };
    for event in ["agent_reply", "ticket_solved", "ticket_reopened"] {
        for (requester, expected) in [
            (json!("361"), Some(UserId(361))),
            (json!(361), Some(UserId(361))),
            (json!(""), None),
            (Value::Null, None),
            (json!("{{ticket.requester.id}}"), None),
            (json!({"id": 361}), None),
            (json!(-1), None),
        ] {
            assert_eq!(told(event, requester.clone()), expected, "{event} {requester}");
        }
    }
}

#[test]
fn zendesk_events_are_read() {
    let reply = |comment: Option<u64>| {
        EventKind::AgentReply(AgentReply {
            ticket_id: TicketId(35),
            comment_id: comment.map(CommentId),
            external_user_id: None,
            requester_id: None,
            caught_up: None,
        })
    };
    let phone_text = |text: &str| {
        EventKind::PhoneText(PhoneText {
            ticket_id: Some(TicketId(35)),
            comment_id: None,
            external_user_id: Some("u-7".into()),
            requester_id: None,
            text: text.into(),
            agent_name: Some("Ada L.".into()),
            attachments: vec![],
            recipe: None,
            caught_up: false,
            written_at: None,
        })
    };
    let change = |user: Option<&str>| TicketChange {
        ticket_id: TicketId(35),
        external_user_id: user.map(Into::into),
        requester_id: None,
    };
    let comment = DedupeKey::Comment(TicketId(35), CommentId(9));
    let cases = [
        (json!({"event":"agent_reply","ticket_id":"35","comment_id":"9"}), reply(Some(9)), Some(comment.clone())),
        (
            json!({"event":"agent_reply","ticket_id":35,"comment_id":9,"text":"not this","more":{}}),
            reply(Some(9)),
            Some(comment),
        ),
        (json!({"event":"agent_reply","ticket_id":" #35 ","comment_id":" "}), reply(None), None),
        (json!({"event":"agent_reply","ticket_id":35,"comment_id":null,"text":"\n "}), reply(None), None),
        (
            json!({"event":"agent_reply","ticket_id":35,"text":"Hi\r\nyou\u{7}","external_user_id":"u-7","agent_name":"Ada L."}),
            phone_text("Hi\nyou"),
            None,
        ),
        (
            json!({"event":"agent_reply","ticket_id":35,"text":format!("{}\n\nAda L., Nov 21, 10:15\n\nHi", "-".repeat(46)),"external_user_id":"u-7","agent_name":"Ada L."}),
            phone_text("Hi"),
            None,
        ),
        (
            json!({"event":"ticket_solved","ticket_id":"35","external_user_id":"u-7"}),
            EventKind::TicketSolved(change(Some("u-7"))),
            None,
        ),
        (
            json!({"event":"ticket_reopened","ticket_id":35,"external_user_id":42}),
            EventKind::TicketReopened(change(Some("42"))),
            None,
        ),
    ];
    for (body, kind, own_key) in cases {
        let raw = from_zendesk("/webhooks/zendesk", body.to_string().as_bytes());
        let expected: Vec<DedupeKey> = call_keys(&raw).into_iter().chain(own_key).collect();
        assert_eq!(event(&raw), (kind, expected), "{body}");
    }
}

#[test]
fn zendesk_events_that_say_nothing_readable_are_kept() {
    let header_only = format!("{}\n\nAda, 1 May\n\n", "-".repeat(46));
    let header_only = json!({"event":"agent_reply","ticket_id":1,"text":header_only}).to_string();
    let long_text = json!({"event":"agent_reply","ticket_id":1,"text":"x".repeat(33_000)}).to_string();
    let long_id = json!({"event":"ticket_solved","ticket_id":1,"external_user_id":"x".repeat(256)}).to_string();
    let cases: [(&str, &str); 22] = [
        ("", "not JSON"),
        ("hello", "not JSON"),
        ("{\"event\":\"agent_reply\",\"ticket_id\":\"", "not JSON"),
        ("[]", "not an object"),
        ("\"agent_reply\"", "not an object"),
        ("{}", "`event`"),
        ("{\"event\":\" \"}", "`event`"),
        ("{\"event\":{},\"ticket_id\":1}", "`event`"),
        ("{\"event\":\"ticket_solved\"}", "`ticket_id` is blank"),
        ("{\"event\":\"ticket_solved\",\"ticket_id\":\"\"}", "`ticket_id` is blank"),
        ("{\"event\":\"ticket_solved\",\"ticket_id\":\"{{ticket.id}}\"}", "`ticket_id` is not"),
        ("{\"event\":\"ticket_solved\",\"ticket_id\":0}", "`ticket_id` is not"),
        ("{\"event\":\"ticket_solved\",\"ticket_id\":-5}", "`ticket_id` is not"),
        ("{\"event\":\"ticket_solved\",\"ticket_id\":1.5}", "`ticket_id` is not"),
        ("{\"event\":\"ticket_solved\",\"ticket_id\":\"99999999999999999999\"}", "`ticket_id` is not"),
        ("{\"event\":\"ticket_solved\",\"ticket_id\":[1]}", "`ticket_id` is neither"),
        ("{\"event\":\"agent_reply\",\"ticket_id\":1,\"comment_id\":\"x\"}", "`comment_id` is not"),
        ("{\"event\":\"agent_reply\",\"ticket_id\":1,\"text\":[\"x\"]}", "`text` is neither"),
        ("{\"event\":\"ticket_solved\",\"ticket_id\":1,\"ticket_id\":2}", "same key twice"),
        (&header_only, "nothing but"),
        (&long_text, "`text` is longer"),
        (&long_id, "`external_user_id` is longer"),
    ];
    for (body, cause) in cases {
        let got = quarantined(&from_zendesk("/webhooks/zendesk", body.as_bytes()));
        assert!(got.contains(cause), "{body}: {got}");
    }
    assert_eq!(quarantined(&from_zendesk("/webhooks/zendesk", b"{\"event\":\"\xff\"}")), "the body is not UTF-8");
    for body in [r#"{"event":"ticket.merged"}"#, r#"{"event":"AGENT_REPLY","ticket_id":"1"}"#, r#"{"event":7}"#] {
        let got = read(&from_zendesk("/webhooks/zendesk", body.as_bytes()), &options());
        assert_eq!(got, Intake::Ignored { reason: "unknown event" }, "{body}");
    }
}

#[test]
fn one_call_of_a_zendesk_webhook_has_its_id_and_always_what_was_signed_for_keys() {
    let body = br#"{"event":"ticket_solved","ticket_id":"1"}"#;
    let keys = |invocation: Option<&str>, body: &[u8]| {
        let mut raw = from_zendesk("/webhooks/zendesk", body);
        let [_, signed] = call_keys(&raw).try_into().unwrap();
        raw.headers.remove(ZENDESK_INVOCATION);
        if let Some(id) = invocation {
            raw.headers.insert(ZENDESK_INVOCATION, HeaderValue::from_bytes(id.as_bytes()).unwrap());
        }
        match read(&raw, &options()) {
            Intake::Event { dedupe, .. } | Intake::Quarantined { dedupe, .. } => (dedupe, signed),
            Intake::Reports(_) | Intake::Ignored { .. } | Intake::Refused { .. } => panic!("nothing to know again"),
        }
    };
    let id = "x".repeat(200);
    // An unreadable body is not quarantined twice either.
    for body in [&body[..], b"?"] {
        for (invocation, own) in [(" 8350205582 ", "8350205582"), (id.as_str(), id.as_str())] {
            let (dedupe, signed) = keys(Some(invocation), body);
            assert_eq!(dedupe, [DedupeKey::Invocation(own.into()), signed], "{invocation}");
        }
        for no_id in [None, Some(""), Some(" "), Some("é"), Some(format!("{id}x").as_str())] {
            let (dedupe, signed) = keys(no_id, body);
            assert_eq!(dedupe, [signed], "{no_id:?}");
        }
    }
    assert_ne!(keys(None, body).0, keys(None, br#"{"event":"ticket_solved","ticket_id":"2"}"#).0);
}

#[test]
fn braze_texts_are_read_from_forms_and_json() {
    let expected = EventKind::CustomerText(CustomerText {
        customer: Customer {
            external_id: Some("u-7".into()),
            carrier_id: Some("b-7".into()),
            phone: Some("+14155552671".into()),
            email: Some("a@b.example".into()),
            first_name: Some("Ada".into()),
            last_name: Some("L & \"M\"".into()),
            ..Customer::default()
        },
        line: Some("g-1".into()),
        text: "He said \"hi\" & left\nat 5+1 — 100%".into(),
        media: vec!["https://m.example/1".into(), "https://m.example/2,x".into()],
        channel: "sms".into(),
        category: "support".into(),
        keyword: None,
        ticket_id: None,
        fields: TicketFields::default(),
        answers: Vec::new(),
    });
    let key = DedupeKey::Dispatch { campaign: "c-1".into(), dispatch: "d-1".into(), customer: "b-7".into() };
    let form = "v=1&channel=sms&category=support&group=g-1&campaign=c-1&dispatch=d-1&braze_id=b-7&external_id=u-7\
        &phone=%2B1+415+555+2671&email=a%40b.example&first_name=Ada&last_name=L+%26+%22M%22\
        &text=He+said+%22hi%22+%26+left%0D%0Aat+5%2B1+%E2%80%94+100%\
        &media=https%3A%2F%2Fm.example%2F1%2Chttps%3A%2F%2Fm.example%2F2%2Cx\n";
    let json = "\u{feff} {\"channel\":\"SMS\",\"category\":\"support\",\"group\":\"g-1\",\"campaign\":\"c-1\",\"dispatch\":\"d-1\",\
        \"braze_id\":\"b-7\",\"external_id\":\"u-7\",\"phone\":\"14155552671\",\"email\":\"a@b.example\",\"first_name\":\" Ada \",\
        \"last_name\":\"L &\n\\\"M\\\"\",\"text\":\"He said \\\"hi\\\" & left\r\nat 5+1 — 100%\",\
        \"media\":[\"https://m.example/1\",\"https://m.example/2,x\"]}";
    for body in [form, json] {
        // With every label.
        for label in ["application/json", "application/x-www-form-urlencoded", "text/plain", "?"] {
            let raw =
                webhook("/webhooks/braze", &[("x-tandem-token", TOKEN), ("content-type", label)], body.as_bytes());
            let (kind, dedupe) = event(&raw);
            let (EventKind::CustomerText(got), EventKind::CustomerText(expected)) = (&kind, &expected) else {
                panic!()
            };
            assert_eq!(serde_json::to_value(got).unwrap(), serde_json::to_value(expected).unwrap());
            assert_eq!(dedupe, std::slice::from_ref(&key));
        }
    }
}

#[test]
fn braze_keywords_tests_and_defaults() {
    let read_one = |body: &str| match event(&from_braze("/webhooks/braze", body.as_bytes())) {
        (EventKind::CustomerText(text), dedupe) => (text, dedupe),
        (other, _) => panic!("{other:?}"),
    };
    for (category, keyword) in [
        ("opt_in", Some(Keyword::OptIn)),
        ("Opt-Out", Some(Keyword::OptOut)),
        ("opt out", Some(Keyword::OptOut)),
        ("OPT_OUT", Some(Keyword::OptOut)),
        ("Help", Some(Keyword::Help)),
        ("other", None),
        ("opt_in2", None),
    ] {
        let (text, dedupe) = read_one(&format!("external_id=7&text=STOP&category={category}"));
        assert_eq!((text.keyword, text.category.as_str()), (keyword, category));
        assert_eq!(dedupe, [], "never on the text alone");
    }
    let (text, dedupe) = read_one(r#"{"external_id":7,"text":"hi","dispatch":" ","category":null}"#);
    assert!(text == customer_text(known_as("7"), "hi"));
    assert_eq!(dedupe, []);
    let (text, dedupe) = read_one("braze_id=b&media=https://m.example/1&dispatch=d");
    assert_eq!((text.text.as_str(), text.media.len()), ("", 1));
    assert_eq!(dedupe, [DedupeKey::Dispatch { campaign: "".into(), dispatch: "d".into(), customer: "b".into() }]);
    let (text, _) = read_one(&format!(
        "external_id=7&text=hi&phone=nobody&first_name={}&email={}",
        "n".repeat(300),
        "e".repeat(255)
    ));
    assert_eq!(text.customer.phone.as_deref(), Some("nobody"), "as Braze gave it");
    assert_eq!(text.customer.first_name.map(|name| name.len()), Some(255));
    assert_eq!(text.customer.email, None);
    // Braze's test button, with an empty body or a full one.
    for body in
        ["dispatch=dispatch_id_for_unsent_campaign", r#"{"dispatch":"dispatch_id_for_unsent_campaign","text":"x"}"#]
    {
        let got = read(&from_braze("/webhooks/braze", body.as_bytes()), &options());
        assert_eq!(got, Intake::Ignored { reason: "test" });
    }
}

#[test]
fn whatsapp_messages_of_every_kind_are_read() {
    let read = |more: &str| {
        let body = format!("channel=WhatsApp&category=other&group=wa-1&campaign=c&dispatch=d&braze_id=b1&{more}");
        let (EventKind::CustomerText(text), _) = event(&from_braze("/webhooks/braze", body.as_bytes())) else {
            panic!("no text: {more}")
        };
        assert_eq!((text.channel.as_str(), text.line.as_deref()), ("whatsapp", Some("wa-1")));
        text
    };
    let text =
        read("phone=&external_id=&name=Ada+%F0%9F%92%99&text=hello&flow=&product=&catalog=&bsuid=FR.123&language=fr");
    let customer =
        Customer { carrier_id: Some("b1".into()), display_name: Some("Ada 💙".into()), ..Customer::default() };
    assert_eq!((&text.customer, text.text.as_str(), text.keyword), (&customer, "hello", None));
    assert_eq!(text.customer.name().as_deref(), Some("Ada 💙"));
    assert_eq!(read("first_name=Ada&name=ada99&text=x").customer.name().as_deref(), Some("Ada"));
    for (more, words) in [
        // A button, and a row of a list with its description.
        ("text=Yes%2C+please", "Yes, please"),
        ("text=Delivery%0Atomorrow", "Delivery\ntomorrow"),
        ("text=&flow=%7B%22size%22%3A42%7D", "[Answers of a form]\nsize: 42"),
        ("text=&product=sku-7&catalog=12", "[About product sku-7 of catalog 12]"),
        ("text=&media=https%3A%2F%2Fm.example%2F1", ""),
        (
            "text=&media=&flow=&product=&catalog=",
            "[The customer sent something that Braze does not pass on, such as a location, a contact or a sticker. Ask for \
             it in words.]",
        ),
    ] {
        assert_eq!(read(more).text, words, "{more}");
    }
    for (more, keyword) in [
        ("text=Stop", Some(Keyword::OptOut)),
        ("text=STOP+PROMOTIONS", Some(Keyword::OptOut)),
        ("text=start", Some(Keyword::OptIn)),
        ("text=stop+it", None),
        ("text=yes", None),
    ] {
        assert_eq!(read(more).keyword, keyword, "{more}");
    }
    let sms = |more: &str| from_braze("/webhooks/braze", format!("channel=sms&braze_id=b1&{more}").as_bytes());
    let (EventKind::CustomerText(text), _) = event(&sms("text=stop")) else { panic!("no text") };
    assert_eq!(text.keyword, None, "the carrier's categories tell");
    quarantined(&sms("text="));
}

#[test]
fn braze_media_is_found_however_it_renders() {
    let (a, b) = ("https://m.example/a,1?x=[2]", "http://m.example/b");
    let long = format!("https://m.example/{}", "x".repeat(2031));
    let many: Vec<String> = (0..12).map(|i| format!("https://m.example/{i}")).collect();
    let cases = [
        (json!(""), vec![]),
        (json!("[]"), vec![]),
        (json!(null), vec![]),
        (json!(7), vec![]),
        (json!({"a": 1}), vec![]),
        (json!("nil"), vec![]),
        (json!("ftp://m.example/a javascript:alert(1) https:// /a"), vec![]),
        (json!(a), vec![a]),
        (json!(format!("{a} {b}")), vec![a, b]),
        (json!(format!("{a},{b}")), vec![a, b]),
        (json!(format!("{a}, {b},\n")), vec![a, b]),
        (json!(format!("[\"{b}\", \"{b}2\"]")), vec![b, "http://m.example/b2"]),
        (json!(format!("[\"{b}\",\"{b}2\"]")), vec![b, "http://m.example/b2"]),
        (json!(format!("{b} {b}")), vec![b]),
        (json!([a, 7, null, b]), vec![a, b]),
        (json!(["HTTPS://M.example/A"]), vec!["HTTPS://M.example/A"]),
        (json!("https://p.example/?u=https://q.example"), vec!["https://p.example/?u=https://q.example"]),
        (json!(long[..2048]), vec![&long[..2048]]),
        (json!(long), vec![]),
        (json!(many), many.iter().take(10).map(String::as_str).collect()),
    ];
    for (media, expected) in cases {
        let body = json!({"external_id": "7", "text": "x", "media": media}).to_string();
        let (EventKind::CustomerText(text), _) = event(&from_braze("/webhooks/braze", body.as_bytes())) else {
            panic!()
        };
        assert_eq!(text.media, expected, "{media}");
    }
    let repeated = b"external_id=7&media=http://m.example/1&media=http://m.example/2&media=http://m.example/3";
    let (EventKind::CustomerText(text), _) = event(&from_braze("/webhooks/braze", repeated)) else { panic!() };
    assert_eq!(text.media.len(), 3);
}

#[test]
fn braze_bodies_that_say_nothing_readable_are_kept() {
    let long = "x".repeat(33_000);
    let many: String = (0..200).map(|i| format!("k{i}=v&")).collect();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "empty"),
        (b" \n".to_vec(), "empty"),
        (b"hello".to_vec(), "neither"),
        (b"<xml/>".to_vec(), "neither"),
        (b"&&&=&=".to_vec(), "twice"),
        (b"[{\"text\":\"x\"}]".to_vec(), "not an object"),
        (b"{\"external_id\":\"7\",\"text\":".to_vec(), "not JSON"),
        (b"{\"external_id\":\"7\",\"text\":\"\xff\"}".to_vec(), "UTF-8"),
        (b"external_id=7&text=\xff".to_vec(), "UTF-8"),
        (b"external_id=7&text=%FF%FE".to_vec(), "UTF-8"),
        (b"external_id=7".to_vec(), "`text` is blank"),
        (b"external_id=7&text=+%0A&media=none".to_vec(), "`text` is blank"),
        (b"external_id=7&text=%00%01".to_vec(), "`text` is blank"),
        (b"text=hi&phone=%2B14155552671".to_vec(), "both blank"),
        (b"text=hi&external_id=+&braze_id=".to_vec(), "both blank"),
        (b"external_id=7&text=a&b&external_id=8".to_vec(), "twice"),
        (b"{\"external_id\":\"7\",\"text\":\"x\",\"external_id\":\"8\"}".to_vec(), "same key twice"),
        (b"{\"external_id\":[\"7\"],\"text\":\"x\"}".to_vec(), "`external_id` is neither"),
        (b"{\"external_id\":\"7\",\"text\":{\"a\":1}}".to_vec(), "`text` is neither"),
        (format!("external_id=7&text={long}").into_bytes(), "`text` is longer"),
        (format!("external_id={}&text=hi", &long[..256]).into_bytes(), "`external_id` is longer"),
        (format!("external_id=7&text=hi&dispatch={}", &long[..256]).into_bytes(), "`dispatch` is longer"),
        (format!("external_id=7&text=hi&campaign={}", &long[..256]).into_bytes(), "`campaign` is longer"),
        (format!("external_id=7&text=hi&group={}", &long[..256]).into_bytes(), "`group` is longer"),
        (many.into_bytes(), "more than 100 fields"),
    ];
    for (body, cause) in cases {
        let got = quarantined(&from_braze("/webhooks/braze", &body));
        assert!(got.contains(cause), "{}: {got}", String::from_utf8_lossy(&body[..body.len().min(80)]));
    }
    // It still has the dedupe key of its dispatch.
    let raw = from_braze("/webhooks/braze", b"external_id=7&dispatch=d&campaign=c");
    let Intake::Quarantined { dedupe, .. } = read(&raw, &options()) else { panic!() };
    assert_eq!(dedupe, [DedupeKey::Dispatch { campaign: "c".into(), dispatch: "d".into(), customer: "7".into() }]);
}

const RECIPE_REPLY: &str = r#"{
    "campaign_id": "c-1",
    "recipients": [
        {
            "external_user_id": "u-7",
			"trigger_properties": {
    "msg_body": "MESSAGE"
		},
		"attributes": {
        "zendesk_ticket" : "35",
	"zendesk_ticket_open" : "true"
    }
        }
    ]
}"#;

/// As published: with two commas in a row.
const RECIPE_SOLVED: &str = r#"{
    "campaign_id": "c-1",
    "recipients": [
        {
            "external_user_id": "u-7",
"trigger_properties": {
    "msg_body": "Your ticket has been closed"
		},
,
			"attributes": {
	"zendesk_ticket_open" : "false"
    }
        }
    ]
}"#;

const RECIPE_NEW_TICKET: &str = r#"{
  "ticket": {
    "subject": "Action Needed",
    "comment": {
      "body": "MESSAGE"
    },
"requester":{
"name": "Ada King Lovelace",
"user_fields": {
"braze_external_id": "u-7"
}
},
    "priority": "normal",
    "type": "problem"
  }
}"#;

const RECIPE_APPEND: &str = r#"{
  "ticket": {
    "comment": {
      "body": "Inbound message from Ada Lovelace: MESSAGE"
    }
}
}"#;

#[test]
fn the_recipes_replies_are_read() {
    let header = format!("{}\n\nAda L., Nov 21, 10:15\n\n", "-".repeat(46));
    let escaped = |text: &str| serde_json::to_string(text).unwrap().trim_matches('"').to_owned();
    for (message, expected) in [
        ("Hi".to_owned(), "Hi"),
        (escaped(&format!("{header}Hi\nyou")), "Hi\nyou"),
        (format!("{header}Hi\r\nyou"), "Hi\nyou"),
        (format!("{header}Say \"hi\", \"ho\" and {{go}}.\tOk"), "Say \"hi\", \"ho\" and {go}.\tOk"),
    ] {
        let body = RECIPE_REPLY.replace("MESSAGE", &message);
        for path in ["/campaigns/trigger/send", "/campaign/trigger/send"] {
            let raw = from_zendesk(path, body.as_bytes());
            let (kind, dedupe) = event(&raw);
            let EventKind::PhoneText(text) = kind else { panic!() };
            assert_eq!(text.text, expected);
            assert_eq!((text.ticket_id, text.external_user_id.as_deref()), (Some(TicketId(35)), Some("u-7")));
            let recipe = text.recipe.unwrap();
            assert_eq!(recipe.campaign_id, "c-1");
            assert_eq!(
                serde_json::Value::Object(recipe.attributes),
                json!({"zendesk_ticket": "35", "zendesk_ticket_open": "true"})
            );
            assert_eq!(dedupe, call_keys(&raw));
        }
    }
    let (EventKind::PhoneText(text), _) = event(&from_zendesk("/campaigns/trigger/send", RECIPE_SOLVED.as_bytes()))
    else {
        panic!()
    };
    assert_eq!((text.text.as_str(), text.ticket_id), ("Your ticket has been closed", None));
    assert_eq!(serde_json::Value::Object(text.recipe.unwrap().attributes), json!({"zendesk_ticket_open": "false"}));
}

#[test]
fn the_recipes_replies_that_cannot_be_sent_are_kept() {
    let base =
        json!({"campaign_id": "c", "recipients": [{"external_user_id": "u", "trigger_properties": {"msg_body": "x"}}]});
    let cases = [
        ("/campaign_id", json!(" "), "`campaign_id` is blank"),
        ("/recipients", json!([]), "`recipients` is empty"),
        ("/recipients", json!([{}, {}]), "more than one"),
        ("/recipients", json!(["u"]), "not an object"),
        ("/recipients", json!(null), "`recipients` is missing"),
        ("/recipients/0/external_user_id", json!(""), "nobody to send to"),
        ("/recipients/0/external_user_id", json!(null), "nobody to send to"),
        ("/recipients/0/external_user_id", json!({}), "`external_user_id` is neither"),
        ("/recipients/0/trigger_properties", json!(null), "`msg_body` is blank"),
        ("/recipients/0/trigger_properties/msg_body", json!(" \n"), "`msg_body` is blank"),
        (
            "/recipients/0/trigger_properties/msg_body",
            json!(format!("{}\n\nAda, 1 May\n\n", "-".repeat(46))),
            "nothing but",
        ),
        ("/recipients/0/attributes", json!("x"), "`attributes` is not"),
    ];
    for (place, value, cause) in cases {
        let mut body = base.clone();
        let (parent, key) = place.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[key.to_owned()] = value;
        let got = quarantined(&from_zendesk("/campaigns/trigger/send", body.to_string().as_bytes()));
        assert!(got.contains(cause), "{place}: {got}");
    }
    for body in ["", "{", "[]", "msg_body=x"] {
        quarantined(&from_zendesk("/campaigns/trigger/send", body.as_bytes()));
    }
    // Unverified, it is not read, with any bearer.
    let raw = webhook("/campaigns/trigger/send", &[("authorization", "Bearer braze-key")], base.to_string().as_bytes());
    assert_eq!(read(&raw, &options()), Intake::Refused { why: Refusal::MissingSignature });
    let (EventKind::PhoneText(text), _) = event(&from_zendesk("/campaigns/trigger/send", base.to_string().as_bytes()))
    else {
        panic!()
    };
    assert!(text.recipe.unwrap().attributes.is_empty());
}

#[test]
fn the_recipes_customer_texts_are_read() {
    let new_ticket = CustomerText {
        fields: TicketFields {
            subject: Some("Action Needed".into()),
            priority: Some("normal".into()),
            kind: Some("problem".into()),
        },
        ..customer_text(
            Customer { first_name: Some("Ada".into()), last_name: Some("King Lovelace".into()), ..known_as("u-7") },
            "",
        )
    };
    let append = CustomerText { ticket_id: Some(TicketId(35)), ..customer_text(Customer::default(), "") };
    // Raw, as Braze fills it in.
    for message in [
        "Hi",
        "He said \"hi\" and left",
        "line\none\r\ntwo",
        "\"quoted\"",
        "a \"b\", \"c\"",
        "5\" x 6\"",
        "it's {{x}} \\o/",
        "tab\there",
    ] {
        let shown = message.replace("\r\n", "\n");
        let body = RECIPE_NEW_TICKET.replace("MESSAGE", message);
        for path in ["/api/v2/tickets", "/api/v2/tickets.json"] {
            let expected = CustomerText { text: shown.clone(), ..new_ticket.clone() };
            let got = event(&from_braze(path, body.as_bytes()));
            assert_eq!(got, (EventKind::CustomerText(expected), vec![]), "{message}");
        }
        let body = RECIPE_APPEND.replace("MESSAGE", message);
        for path in
            ["/api/v2/tickets/35", "/api/v2/tickets/35.json", "/api/v2/tickets/%2035%0A.json", "/api/v2/tickets/+35"]
        {
            let text = format!("Inbound message from Ada Lovelace: {shown}");
            let expected = CustomerText { text, ..append.clone() };
            let got = event(&from_braze(path, body.as_bytes()));
            assert_eq!(got, (EventKind::CustomerText(expected), vec![]), "{message}");
        }
    }
}

#[test]
fn the_recipes_names_and_fields_are_sensible() {
    let body = |requester: serde_json::Value, more: serde_json::Value| {
        let mut ticket = json!({"comment": {"body": "x"}, "requester": requester});
        ticket.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"ticket": ticket}).to_string()
    };
    let id = json!({"braze_external_id": 42});
    for (name, first, last) in [
        (json!(" "), None, None),
        (json!(null), None, None),
        (json!(["x"]), None, None),
        (json!(" Ada "), Some("Ada"), None),
        (json!("Ada  King Lovelace"), Some("Ada"), Some("King Lovelace")),
        (json!(" Lovelace"), Some("Lovelace"), None),
        (json!("\u{0} Lovelace"), Some("Lovelace"), None),
    ] {
        let body = body(
            json!({"name": name, "user_fields": id, "phone": "+1 415 555 2671", "email": "a@b.example"}),
            json!({}),
        );
        let (EventKind::CustomerText(text), _) = event(&from_braze("/api/v2/tickets", body.as_bytes())) else {
            panic!()
        };
        let customer = text.customer;
        assert_eq!((customer.first_name.as_deref(), customer.last_name.as_deref()), (first, last), "{name}");
        assert_eq!(customer.external_id.as_deref(), Some("42"));
        assert_eq!((customer.phone.as_deref(), customer.email.as_deref()), (Some("+14155552671"), Some("a@b.example")));
    }
    let (EventKind::CustomerText(text), _) = event(&from_braze(
        "/api/v2/tickets",
        body(json!({"user_fields": id}), json!({"priority": "URGENT", "type": "nonsense", "subject": "a\nb", "comment": {"html_body": "<p>Hi&amp;</p>"}})).as_bytes(),
    )) else {
        panic!()
    };
    assert_eq!(text.text, "Hi&");
    assert_eq!(text.fields, TicketFields { subject: Some("a b".into()), priority: Some("urgent".into()), kind: None });
    for (requester, more, cause) in [
        (json!({}), json!({}), "`braze_external_id` is blank"),
        (json!(null), json!({}), "`braze_external_id` is blank"),
        (json!({"user_fields": {"braze_external_id": " "}}), json!({}), "`braze_external_id` is blank"),
        (json!({"user_fields": {"other": "7"}}), json!({}), "`braze_external_id` is blank"),
        (json!({"user_fields": id}), json!({"comment": {"body": " "}}), "`body` is blank"),
        (json!({"user_fields": id}), json!({"comment": {"html_body": "<p> </p>"}}), "`body` is blank"),
        (json!({"user_fields": id}), json!({"comment": null}), "`comment` is missing"),
    ] {
        let got = quarantined(&from_braze("/api/v2/tickets", body(requester, more).as_bytes()));
        assert!(got.contains(cause), "{got}");
    }
    for body in ["", "{}", "[]", r#"{"ticket":[]}"#, "ticket=1"] {
        quarantined(&from_braze("/api/v2/tickets", body.as_bytes()));
    }
}

#[test]
fn the_recipes_ticket_must_be_one() {
    for segment in ["", ".json", "%20", "abc", "0", "-1", "1.5", "99999999999999999999", "35x", "%FF", "35.json.json"] {
        let path = format!("/api/v2/tickets/{segment}");
        let cause = quarantined(&from_braze(&path, RECIPE_APPEND.as_bytes()));
        assert!(cause.contains("ticket") || cause.contains("UTF-8"), "{segment}: {cause}");
    }
    quarantined(&from_braze(
        "/api/v2/tickets/35",
        RECIPE_APPEND.replace("Inbound message from Ada Lovelace: MESSAGE", "").as_bytes(),
    ));
}

#[test]
fn a_text_that_breaks_out_of_its_quotes_does_not_choose_who_it_is_from() {
    let (twice, swallowed, not_json) = ("twice", "like a key inside a text", "not JSON");
    let texts = [
        (r#"x"}, "requester": {"user_fields": {"braze_external_id": "victim"}}, "y": {"z": ""#, twice),
        (r#"x", "body": "y"#, twice),
        // Valid JSON in which no object has a key twice: the customer's own id is in another ticket.
        (r#"x"}, "requester": {"user_fields": {"braze_external_id": "victim"}}}, "t": {"comment": {"body": "x"#, twice),
        // The customer's own id is inside an apparent key, or a string.
        (r#"x"}, "requester": {"user_fields": {"braze_external_id": "victim"}}, "q"#, not_json),
        (r#"x"}, "requester": {"user_fields": {"braze_external_id": "victim"}}, "q": ["r"#, swallowed),
    ];
    let names = [(r#"x", "user_fields": {"braze_external_id": "victim"}}, "y": {"z": ""#, twice)];
    let holes = [("MESSAGE", &texts[..]), ("Ada King Lovelace", &names[..])];
    for (hole, attacks) in holes {
        for (attack, expected) in attacks {
            let raw = from_braze("/api/v2/tickets", RECIPE_NEW_TICKET.replace(hole, attack).as_bytes());
            let cause = quarantined(&raw);
            assert!(cause.contains(expected), "{attack}: {cause}");
        }
    }
    let flat = r#"{"external_id":"u-7","text":"TEXT","media":""}"#;
    let cause =
        quarantined(&from_braze("/webhooks/braze", flat.replace("TEXT", r#"x","external_id":"victim"#).as_bytes()));
    assert!(cause.contains("same key twice"), "{cause}");
    // The id behind the text, and the text ends in a list or with a backslash.
    let flat = r#"{"text":"TEXT","external_id":"u-7","media":["https://m.example/1"]}"#;
    for attack in [r#"x","external_id":"victim","q":["r"#, r#"x","external_id":"victim","q":"r\"#] {
        let cause = quarantined(&from_braze("/webhooks/braze", flat.replace("TEXT", attack).as_bytes()));
        assert!(cause.contains(swallowed), "{attack}: {cause}");
    }
}

#[test]
fn what_was_quarantined_can_be_read_again() {
    // Quarantined for a user field of another name; the configuration is mended.
    let body = RECIPE_NEW_TICKET.replace("braze_external_id", "braze_id_field");
    let raw = from_braze("/api/v2/tickets.json", body.as_bytes());
    let Intake::Quarantined { event, .. } = read(&raw, &options()) else { panic!() };
    let EventKind::Unreadable(kept) = event.kind else { panic!() };
    assert_eq!(kept.content_type.as_deref(), Some("application/JSON"));
    let mended = FirstAccounts { user_field: "braze_id_field".into(), ..options() };
    let Intake::Event { event, dedupe } = Senders::from(mended.clone()).reread(&kept, now()) else { panic!() };
    assert_eq!(event.kind.name(), KindName::CustomerText);
    assert_eq!(dedupe, []);
    // Without the mend, it stays quarantined.
    let Intake::Quarantined { event, .. } = Senders::from(options()).reread(&kept, now()) else { panic!() };
    assert_eq!(event.kind, EventKind::Unreadable(kept.clone()));
    // And a store that gives back another value does no harm.
    for broken in [Unreadable { body: "!".into(), ..kept.clone() }, Unreadable { path: "/x".into(), ..kept.clone() }] {
        assert!(matches!(Senders::from(mended.clone()).reread(&broken, now()), Intake::Quarantined { .. }));
    }
}

#[test]
fn no_cause_quotes_the_body() {
    for (path, body) in [
        ("/webhooks/braze", r#"{"external_id":["s3cret"],"text":"s3cret"}"#),
        ("/webhooks/braze", "s3cret=s3cret"),
        ("/webhooks/braze", "external_id=s3cret"),
        ("/api/v2/tickets/s3cret", RECIPE_APPEND),
        ("/api/v2/tickets", r#"{"s3cret": "s3cret"#),
    ] {
        let raw = from_braze(path, body.as_bytes());
        assert!(!quarantined(&raw).contains("s3cret"));
        assert!(!format!("{:?}", read(&raw, &options())).contains("s3cret"));
    }
    assert!(!format!("{:?}", options()).contains(TOKEN));
}

proptest! {
    #[test]
    fn any_flipped_bit_is_refused(at in 0usize..1000, bit in 0u8..8) {
        let mut raw = from_zendesk("/webhooks/zendesk", br#"{"event":"ticket_solved","ticket_id":"1"}"#);
        let mut body = raw.body.to_vec();
        let at = at % body.len();
        body[at] ^= 1 << bit;
        raw.body = body.into();
        prop_assert_eq!(read(&raw, &options()), Intake::Refused { why: Refusal::WrongSignature });
    }

    #[test]
    fn every_authentic_body_becomes_something(
        body in prop_oneof![
            any::<Vec<u8>>(),
            "(\\{|\\}|\\[|\\]|\"|:|,|event|ticket_id|ticket|agent_reply|text|=|&|%|external_id|comment|body|1| ){0,60}".prop_map(String::into_bytes),
        ],
        path in prop_oneof![
            Just("/webhooks/zendesk"), Just("/webhooks/braze"), Just("/campaigns/trigger/send"),
            Just("/api/v2/tickets"), Just("/api/v2/tickets/1.json"), Just("/api/v2/tickets/"),
        ],
    ) {
        let mut raw = from_zendesk(path, &body);
        raw.headers.insert("x-tandem-token", HeaderValue::from_static(TOKEN));
        match read(&raw, &options()) {
            Intake::Refused { why } => prop_assert!(false, "{}", why),
            Intake::Quarantined { event, .. } => prop_assert_eq!(event.kind.name(), KindName::Unreadable),
            Intake::Event { event, .. } => prop_assert_ne!(event.kind.name(), KindName::Unreadable),
            Intake::Reports(_) | Intake::Ignored { .. } => {}
        }
    }

    #[test]
    fn nothing_unsigned_gets_in(body: Vec<u8>, header in "[ -~]{0,60}") {
        let headers = [
            ("authorization", header.as_str()), ("x-tandem-token", header.as_str()),
            (zendesk::signature::ZENDESK_SIGNATURE, header.as_str()), (zendesk::signature::ZENDESK_TIMESTAMP, SIGNED_AT),
        ];
        for path in ["/webhooks/zendesk", "/webhooks/braze"] {
            prop_assert!(matches!(read(&webhook(path, &headers, &body), &options()), Intake::Refused { .. }), "{}", path);
        }
    }
}
