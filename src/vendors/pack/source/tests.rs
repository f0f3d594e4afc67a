//! Bodies of the made-up vendor's webhooks.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::domain::account::Ends;
use crate::intake::signature::Verified;
use crate::vendors::pack::plan::Plan;

const ADA: &str = "+15550123456";
const NUMBER: &str = "+15550100100";

fn source() -> Webhooks {
    source_of(include_str!("../shelf/acme.toml"))
}

fn source_of(pack: &str) -> Webhooks {
    let plan = Plan::parse("acme.toml", pack);
    let plan = Arc::new(plan.unwrap_or_else(|flaw| panic!("{flaw:?}")));
    let terms = Terms { plan, secrets: Vec::new(), tolerance: Duration::from_secs(300), webhook_url: None };
    Webhooks {
        carrier: Ends::FIRST.carrier,
        sender: NUMBER.into(),
        lines: Lines::new(Vec::new()),
        terms: Arc::new(terms),
        told: Some(States::default()),
    }
}

fn read(body: &Value) -> Reading {
    read_by(&source(), body)
}

fn read_by(source: &Webhooks, body: &Value) -> Reading {
    let body = body.to_string();
    let verified = Verified::when_it_came(body.as_bytes());
    let posted = Posted { verified: &verified, door: Door::Carrier, path: "/webhooks/acme", at: Timestamp::UNIX_EPOCH };
    source.read(&posted)
}

fn text(fields: &Value) -> Value {
    let mut message = json!({"id": "m1", "from": ADA, "to": NUMBER, "text": "Hi"});
    for (name, value) in fields.as_object().unwrap() {
        message[name.as_str()] = value.clone();
    }
    json!({ "message": message })
}

fn customers(fields: &Value) -> CustomerText {
    match read(&text(fields)).outcome {
        Ok(EventKind::CustomerText(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn unreadable(body: &Value) -> String {
    match read(body).outcome {
        Err(Stop::Unreadable(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_has_its_sender_its_words_its_files_and_the_key_of_its_id() {
    let text = customers(&json!({"files": ["https://a.example/1", "https://a.example/2"]}));
    assert_eq!((text.customer.phone.as_deref(), text.line, text.text.as_str()), (Some(ADA), None, "Hi"));
    assert_eq!(text.media, ["https://a.example/1", "https://a.example/2"]);
    assert_eq!(customers(&json!({"files": "https://a.example/1", "text": ""})).text, "");
    assert_eq!(customers(&json!({"text": null})).text, NOTHING, "no message is dropped");
    assert_eq!(read(&self::text(&json!({}))).dedupe, [DedupeKey::CarrierReport("text:m1".to_owned())]);
}

/// A vendor whose words stand at one place as a text, and in texts of another kind in a table at the same place.
fn of_kinds() -> Webhooks {
    let pack = include_str!("../shelf/acme.toml");
    let words =
        "words = [\"/message/text\", \"/message/text/words\"]\nkind = \"/message/kind\"\nwordless = [\"binary\"]";
    let pack = pack.replace("words = [\"/message/text\"]", words);
    source_of(&pack.replace("media = [\"/message/files\"]", "media = [\"/message/text/files/*/url\"]"))
}

#[test]
fn the_words_of_one_place_may_be_a_table_of_words_and_files_in_texts_of_another_kind() {
    let read = |text: Value| match read_by(&of_kinds(), &self::text(&json!({ "text": text }))).outcome {
        Ok(EventKind::CustomerText(text)) => Ok((text.text, text.media)),
        Err(Stop::Unreadable(why)) => Err(why),
        other => panic!("{other:?}"),
    };
    assert_eq!(read(json!("Hi")), Ok(("Hi".to_owned(), vec![])));
    let files = json!([{"url": "https://a.example/1"}, {"status": "Failed"}, {"url": "https://a.example/2"}]);
    let both = vec!["https://a.example/1".to_owned(), "https://a.example/2".to_owned()];
    assert_eq!(read(json!({"words": "broken", "files": files})), Ok(("broken".to_owned(), both.clone())));
    assert_eq!(read(json!({ "files": files })), Ok((String::new(), both)));
    let lost = read(json!({"files": [{"status": "Failed"}]}));
    assert_eq!(lost, Ok((NOTHING.to_owned(), vec![])), "the agent asks the customer for it");
    let why = read(json!({"files": []})).unwrap_err();
    assert_eq!(why, "`/message/text` is neither text nor a number");
    let why = read(json!({"caption": "words at a place that the pack does not name"})).unwrap_err();
    assert_eq!(why, "`/message/text` is neither text nor a number", "it is kept until the pack knows the place");
    let why = read(json!({"words": true, "files": files})).unwrap_err();
    assert_eq!(why, "`/message/text/words` is neither text nor a number");
}

#[test]
fn a_text_of_a_kind_without_words_is_told_and_its_letters_are_not() {
    let read = |kind: &str| match read_by(&of_kinds(), &text(&json!({"kind": kind, "text": "VGV4dA=="}))).outcome {
        Ok(EventKind::CustomerText(text)) => text.text,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (read("text").as_str(), read("binary").as_str(), read("Binary").as_str()),
        ("VGV4dA==", NOTHING, NOTHING)
    );
}

#[test]
fn a_word_that_ends_texts_or_resumes_them_is_a_keyword_alone_and_in_any_case() {
    for (words, keyword) in [("stop ", Some(Keyword::OptOut)), ("Start", Some(Keyword::OptIn)), ("stop it", None)] {
        assert_eq!(customers(&json!({"text": words})).keyword, keyword, "{words}");
    }
}

#[test]
fn a_text_without_a_part_that_it_needs_is_kept_and_an_unknown_body_is_passed_over() {
    assert!(unreadable(&text(&json!({"from": ""}))).contains("/message/from"));
    assert!(unreadable(&text(&json!({"id": null}))).contains("/message/id"));
    assert!(unreadable(&text(&json!({"from": ["x"]}))).contains("/message/from"));
    assert!(unreadable(&text(&json!({"to": "+15550199999"}))).contains("has no line"));
    assert!(unreadable(&text(&json!({"to": null}))).contains("`/message/to` names no number"));
    assert!(matches!(read(&json!({"contact": {}})).outcome, Err(Stop::Ignored(NOT_USED))));
}

#[test]
fn a_text_with_a_state_beside_it_is_a_text_and_never_one_of_our_own_numbers() {
    let received = |from: &str, state: &str| {
        let mut body = text(&json!({ "from": from }));
        body["status"] = json!({"state": state, "id": "m1"});
        read(&body).outcome
    };
    for state in ["received", "queued"] {
        assert!(matches!(received(ADA, state), Ok(EventKind::CustomerText(_))), "{state}");
    }
    assert!(matches!(received(ADA, "delivered"), Err(Stop::Reports(_))), "a known state is a report");
    assert!(matches!(received(NUMBER, "partly_delivered"), Err(Stop::Ignored(NOT_USED))));
}

#[test]
fn a_report_of_a_vendor_without_marks_waits_for_the_answer_that_brings_the_id() {
    let pack = include_str!("../shelf/acme.toml").replace("mark = \"/status/reference\"\n", "");
    let failed = json!({"status": {"state": "failed", "id": "m9"}});
    let Err(Stop::Reports(batch)) = read_by(&source_of(&pack), &failed).outcome else { panic!("no report") };
    assert_eq!((batch.ours.len(), batch.others.len()), (1, 0));
}

fn reports(status: &Value) -> Batch {
    match read(&json!({ "status": status })).outcome {
        Err(Stop::Reports(batch)) => batch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_report_with_the_mark_binds_by_it_and_one_without_by_the_vendors_id() {
    let mark = "evt_000000000000000100000002-1";
    assert!(mark_of(mark).is_some());
    let told = |status: &Value| {
        let Batch { ours, others, .. } = reports(status);
        let name = |report: &Report| report.what.name();
        (ours.iter().map(name).collect::<Vec<_>>(), others.iter().map(name).collect::<Vec<_>>())
    };
    let with = |state: &str, reference: Value| json!({"state": state, "id": "m9", "to": ADA, "reference": reference});
    assert_eq!(told(&with("delivered", json!("not ours"))), (vec![], vec!["delivered"]));
    assert_eq!(told(&with("DELIVERED", json!(mark))), (vec!["sent", "delivered"], vec![]));
    assert_eq!(told(&with("sent", json!(mark))), (vec!["sent"], vec![]));
    let source = source();
    for (state, why) in [("unheard_of", UNKNOWN_STATE), ("Queued", NOT_USED)] {
        let outcome = read_by(&source, &json!({"status": with(state, json!(mark))})).outcome;
        assert!(matches!(&outcome, Err(Stop::Ignored(told)) if *told == why), "{state}: {outcome:?}");
    }
    assert_eq!(source.told.unwrap().told(), ["unheard_of"], "logged");
    assert!(matches!(read(&json!({"status": with("sent", json!(null))})).outcome, Err(Stop::Ignored(_))));
}

#[test]
fn a_failure_has_the_word_of_a_known_code_and_else_the_code_or_the_state() {
    for (code, told) in [
        (json!("stopped"), (Some("recipient_opted_out"), Some("stopped"))),
        (json!(30003), (Some("30003"), None)),
        (json!("a text of Ada's"), (Some("failed"), None)),
        (json!(null), (Some("failed"), None)),
    ] {
        let batch = reports(&json!({"state": "failed", "id": "m9", "code": code}));
        let [Report { what: Reported::Failed(why), dispatch, .. }] = &batch.others[..] else { panic!("{batch:?}") };
        assert_eq!((why.code.as_deref(), why.said.as_deref()), told);
        assert_eq!(dispatch.as_deref(), Some("m9"));
    }
}
