//! The findings that are called wrong.

use serde_json::json;

use super::*;
use crate::domain::account::Ends;
use crate::domain::refusals::Object;
use crate::vendors::http::tls::TlsFault;

const ZENDESK: AccountTable = AccountTable(Ends::FIRST.desk);

/// The account is refused.
fn refused(status: u16) -> Failure {
    Failure::Pause { cause: format!("answered {status}"), status }
}

/// The call, or the object that it is about, is refused.
fn forbidden(status: u16) -> Failure {
    Failure::Forbid { cause: format!("answered {status}"), status, object: Object::Other("this call") }
}

fn check(line: &Line, state: State, says: &str) {
    assert_eq!(line.state, state, "{line:?}");
    assert_eq!(line.remedy.is_some(), state == State::Wrong, "what is wrong has a remedy: {line:?}");
    assert!(line.said.contains(says), "{line:?}");
}

#[test]
fn a_greeting_as_anonymous_user_is_a_failure() {
    let me = |id, role: &str| Ok(Me { id, role: role.into(), answered_at: None });
    check(&credentials(ZENDESK, &me(None, "end-user"), "the token"), State::Wrong, "Anonymous user");
    check(&credentials(ZENDESK, &me(Some(1), "end-user"), "the token"), State::Wrong, "end user");
    check(&credentials(ZENDESK, &me(Some(1), "agent"), "the token"), State::Good, "acting as agent");
    check(&credentials(ZENDESK, &Err(refused(401)), "the token"), State::Wrong, "401");
    let gone = Failure::Retry { cause: "could not be reached".into(), after: None };
    check(&credentials(ZENDESK, &Err(gone), "the token"), State::Wrong, "could not be reached");
}

#[test]
fn a_fault_of_tls_has_the_remedy_for_it() {
    let cause = |fault: TlsFault| format!("Zendesk could not be reached: {}", fault.cause());
    let failed = |cause: String| Failure::Retry { cause, after: None };
    for fault in [TlsFault::Expired, TlsFault::OtherName, TlsFault::UnknownIssuer, TlsFault::NotTls] {
        let zendesk = credentials(ZENDESK, &Err(failed(cause(fault))), "the token");
        check(&zendesk, State::Wrong, fault.cause());
        assert_eq!(zendesk.remedy, Some(fault.remedy("zendesk.url")));
    }
    let refused =
        credentials(ZENDESK, &Err(failed("Zendesk could not be reached: the connection was refused".into())), "it");
    assert!(refused.remedy.unwrap().contains("see whether it is up"));
}

#[test]
fn a_test_that_the_bridge_refuses_is_the_secrets_fault_where_that_is_known() {
    let answers = |status| Ok(WebhookTest { status });
    for (test, secret_is_known, state, says) in [
        (answers(Some(202)), true, State::Good, "took"),
        (answers(Some(401)), false, State::Good, "see the signing secret"),
        (answers(Some(401)), true, State::Wrong, "refuses the signature"),
        (answers(Some(404)), true, State::Wrong, "answers 404"),
        (answers(Some(302)), true, State::Wrong, "answers 302"),
        (answers(None), true, State::Wrong, "no answer"),
        (Err(forbidden(403)), true, State::Note, "webhooks:write"),
    ] {
        check(&reach(&test, "https://bridge.example", secret_is_known), state, says);
    }
}

#[test]
fn triggers_of_an_earlier_version_work_and_are_told() {
    let webhook = WebhookView {
        id: "hook".into(),
        name: setup::NAME.into(),
        endpoint: "https://bridge.example/webhooks/zendesk".into(),
        http_method: "POST".into(),
        request_format: "json".into(),
        status: "active".into(),
        subscriptions: None,
    };
    let installed = |body: fn(&str) -> String| -> Vec<TriggerView> {
        let made = |(step, id): (crate::vendors::setup::Step, u64)| {
            let mut trigger = step.write.unwrap().body.unwrap()["trigger"].clone();
            trigger["id"] = id.into();
            let posted = body(trigger["actions"][0]["value"][1].as_str().unwrap());
            trigger["actions"][0]["value"][1] = posted.into();
            serde_json::from_value(trigger).unwrap()
        };
        setup::triggers(&[], "hook", "cat").into_iter().zip(1..).map(made).collect()
    };
    let before = |body: &str| body.replace(r#","requester_id":"{{ticket.requester.id}}""#, "");
    for (found, state, says) in [
        (installed(str::to_owned), State::Good, "is active"),
        (installed(before), State::Note, "works, but posts the body of an earlier version"),
        (installed(|_| "{}".to_owned()), State::Wrong, "posts another body"),
    ] {
        let lines = triggers(ZENDESK, &Ok((found, Vec::new())), Some(&webhook));
        for line in lines.iter().take(TRIGGERS.len()) {
            check(line, state, says);
        }
    }
}

#[test]
fn a_trigger_that_tags_after_ours_have_looked_is_told() {
    let trigger = |id, title: &str, category: &str, position, actions| TriggerView {
        id,
        title: title.into(),
        active: true,
        position: Some(position),
        category_id: Some(category.into()),
        conditions: json!({}),
        actions,
    };
    let ours = trigger(1, TRIGGERS[0].title, "b", 1, json!([]));
    let tags = |category, position| {
        trigger(2, "Tag texts", category, position, json!([{"field": "current_tags", "value": "vip sms"}]))
    };
    let category = |id: &str, position| CategoryView { id: id.into(), name: id.into(), position: Some(position) };
    let categories = [category("a", 1), category("b", 2), category("c", 3)];
    for (other, state) in [
        (tags("a", 9), State::Good),
        (tags("b", 2), State::Wrong),
        (tags("c", 1), State::Wrong),
        (TriggerView { active: false, ..tags("c", 1) }, State::Good),
        (trigger(2, "Other tag", "c", 1, json!([{"field": "current_tags", "value": "smsx"}])), State::Good),
    ] {
        let line = order(ZENDESK, &[ours.clone(), other], &categories);
        check(&line, state, if state == State::Wrong { "Tag texts" } else { "too late" });
    }
}
