//! The steps for each finding.

use super::*;

const ENDPOINT: &str = "https://bridge.example/webhooks/zendesk";

fn wanted() -> Wanted {
    Wanted { endpoint: ENDPOINT.into(), user_field: "braze_external_id".into() }
}

fn hook(name: &str, endpoint: &str) -> WebhookView {
    let text = str::to_owned;
    let subscriptions = Some(vec![text(SUBSCRIPTION)]);
    let (http_method, request_format, status) = (text("POST"), text("json"), text("active"));
    let (id, name, endpoint) = (format!("id-of-{name}"), text(name), text(endpoint));
    WebhookView { id, name, endpoint, http_method, request_format, status, subscriptions }
}

/// The triggers as Zendesk would show them after they were made.
fn installed() -> Vec<TriggerView> {
    let shown = |(step, id): (Step, u64)| {
        let mut trigger = step.write.unwrap().body.unwrap()["trigger"].clone();
        trigger["id"] = id.into();
        serde_json::from_value(trigger).unwrap()
    };
    triggers(&[], "hook", "cat").into_iter().zip(1..).map(shown).collect()
}

fn mended(steps: &[Step]) -> Vec<(&str, String)> {
    let faults = |step: &Step| {
        if let Does::Mends(faults) = &step.does { faults.join(", ") } else { format!("{:?}", step.does) }
    };
    steps.iter().filter(|step| step.does != Does::Keeps).map(|step| (step.what.as_str(), faults(step))).collect()
}

#[test]
fn what_was_made_is_as_wanted_the_second_time() {
    assert_eq!(mended(&triggers(&installed(), "hook", "cat")), []);
    let created = webhook(&[], &wanted()).write.unwrap().body.unwrap();
    let mut created = created["webhook"].clone();
    created["id"] = "hook".into();
    let created: WebhookView = serde_json::from_value(created).unwrap();
    assert_eq!(webhook(&[created], &wanted()).does, Does::Keeps);
}

#[test]
fn every_drift_of_a_trigger_is_told_and_put_right() {
    type Drift = fn(&mut TriggerView);
    let cases: [(Drift, &str); 10] = [
        (|trigger| trigger.active = false, "is inactive"),
        (|trigger| trigger.conditions["all"][0]["value"] = "x".into(), "has other conditions"),
        (|trigger| trigger.conditions["all"] = json!([]), "has other conditions"),
        (|trigger| trigger.conditions["any"] = trigger.conditions["all"].clone(), "has other conditions"),
        (|trigger| trigger.actions[0]["value"][0] = "other".into(), "notifies another webhook"),
        (|trigger| trigger.actions[0]["value"][1] = "{}".into(), "posts another body"),
        (
            |trigger| {
                let before = r#"{"event":"ticket_solved","ticket_id":"{{ticket.id}}"}"#;
                trigger.actions[0]["value"][1] = before.into();
            },
            OUTDATED_BODY,
        ),
        (|trigger| trigger.actions[0]["field"] = "status".into(), "has other actions"),
        (|trigger| trigger.actions = json!([]), "has other actions"),
        (|trigger| trigger.category_id = None, "stands in another category"),
    ];
    for (drift, fault) in cases {
        let mut found = installed();
        drift(&mut found[1]);
        let steps = triggers(&found, "hook", "cat");
        assert_eq!(mended(&steps), [("trigger \"tandem: ticket solved\"", fault.to_owned())]);
        let write = steps[1].write.as_ref().unwrap();
        assert_eq!((write.method.as_str(), write.path.as_str()), ("PUT", "/api/v2/triggers/2"));
        // Zendesk clears both lists when one of them is written, so both are.
        let body = &write.body.as_ref().unwrap()["trigger"];
        assert!(body["conditions"]["all"].is_array() && body["actions"].is_array(), "{body}");
    }
}

#[test]
fn how_zendesk_writes_a_condition_or_indents_a_body_is_no_drift() {
    let mut found = installed();
    found[0].conditions["all"][0]["operator"] = Value::Null;
    found[0].conditions["all"].as_array_mut().unwrap().reverse();
    let body: Value = serde_json::from_str(TRIGGERS[0].body).unwrap();
    found[0].actions[0]["value"][1] = format!("{body:#}").into();
    assert_eq!(mended(&triggers(&found, "hook", "cat")), []);
}

#[test]
fn a_reply_fires_before_the_solving_of_the_same_update() {
    let mut found = installed();
    found[0].position = Some(7);
    let steps = triggers(&found, "hook", "cat");
    assert_eq!(mended(&steps).len(), 3, "{steps:?}");
    let positions =
        steps.iter().map(|step| step.write.as_ref().unwrap().body.as_ref().unwrap()["trigger"]["position"].clone());
    assert_eq!(positions.collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn the_webhook_is_known_by_its_endpoint_or_its_name() {
    let (ours, old) = (hook("tandem", ENDPOINT), hook("tandem", "https://old.example/webhooks/zendesk"));
    let (by_hand, foreign) = (hook("by hand", ENDPOINT), hook("foreign", "https://crm.example"));
    let events = WebhookView { subscriptions: Some(vec!["zen:event-type:user.deleted".into()]), ..ours.clone() };
    for (found, does) in [
        (vec![foreign.clone()], "Creates"),
        (vec![events.clone()], "Creates"),
        (vec![foreign.clone(), ours.clone()], "Keeps"),
        (vec![by_hand.clone()], "Keeps"),
        (vec![old.clone(), by_hand.clone()], "Keeps"),
        (vec![foreign, old.clone()], "Mends"),
        (vec![WebhookView { status: "inactive".into(), ..ours.clone() }], "Mends"),
        (vec![WebhookView { request_format: "xml".into(), ..ours }], "Mends"),
    ] {
        let step = webhook(&found, &wanted());
        assert!(format!("{:?}", step.does).starts_with(does), "{found:?}: {step:?}");
    }
    let write = webhook(&[old], &wanted()).write.unwrap();
    assert_eq!((write.method.as_str(), write.path.as_str()), ("PATCH", "/api/v2/webhooks/id-of-tandem"));
}

#[test]
fn only_what_is_ours_is_removed() {
    let mut found = installed();
    let foreign =
        TriggerView { id: 9, title: "Notify requester".into(), category_id: Some("10026".into()), ..found[0].clone() };
    let category = |id: &str, name: &str| CategoryView { id: id.into(), name: name.into(), position: None };
    let categories = [category("10026", "Notifications"), category("cat", "tandem")];
    let field = |description: &str| UserFieldView {
        id: 5,
        key: "braze_external_id".into(),
        kind: "text".into(),
        description: Some(description.into()),
        active: None,
    };
    let webhooks =
        [hook("foreign", "https://crm.example"), WebhookView { id: "hook".into(), ..hook("tandem", ENDPOINT) }];
    let removed = |triggers: &[TriggerView], field: UserFieldView| -> Vec<String> {
        let steps = removal(&webhooks, &categories, triggers, &[field], &wanted());
        steps.into_iter().filter_map(|step| Some(step.write?.path)).collect()
    };
    let ours = [1, 2, 3].map(|id| format!("/api/v2/triggers/{id}"));
    let all = ["/api/v2/trigger_categories/cat", "/api/v2/webhooks/hook", "/api/v2/user_fields/5"].map(str::to_owned);
    assert_eq!(removed(&found, field(FIELD_DESCRIPTION)), [&ours[..], &all].concat());
    assert_eq!(removed(&found, field("the recipe's")), [&ours[..], &all[..2]].concat());
    // A foreign trigger that stands in our category, or notifies our webhook, holds both.
    found.push(TriggerView { category_id: Some("cat".into()), ..foreign });
    assert_eq!(removed(&found, field(FIELD_DESCRIPTION)), [&ours[..], &all[2..]].concat());
}

#[test]
fn conditions_that_the_account_does_not_offer_are_named() {
    let condition = |subject: &str, operators: &[&str], values: &[&str]| {
        let list = |words: &[&str]| words.iter().map(|word| json!({"value": word})).collect::<Vec<_>>();
        json!({"subject": subject, "operators": list(operators), "values": list(values)})
    };
    let status = condition("status", &["value", "not_value", "value_previous"], &["solved", "closed"]);
    let role = condition("role", &["is", "is_not"], &["end_user"]);
    let public = condition("comment_is_public", &[], &["requester_can_see_comment"]);
    let tags = condition("current_tags", &["includes"], &[]);
    let definitions = |list: &[&Value]| json!({ "conditions_all": list });
    let missing = |list: &[&Value]| conditions_not_offered(&definitions(list));
    assert_eq!(missing(&[&status, &role, &public, &tags]), Some(vec![]));
    assert_eq!(missing(&[&status, &public, &tags]), Some(vec!["role is_not end_user".to_owned()]));
    let closed = condition("status", &["value", "not_value", "value_previous"], &["solved"]);
    assert_eq!(missing(&[&closed, &role, &public, &tags]), Some(vec!["status not_value closed".to_owned()]));
    for silent in [definitions(&[]), json!({}), Value::Null] {
        assert_eq!(conditions_not_offered(&silent), None, "an account that lists nothing says nothing");
    }
}

#[test]
fn a_field_of_another_type_is_left_to_a_person() {
    let field = |kind: &str, active| UserFieldView {
        id: 5,
        key: "braze_external_id".into(),
        kind: kind.into(),
        description: None,
        active,
    };
    assert_eq!(user_field(&[field("text", Some(true))], "braze_external_id").does, Does::Keeps);
    for found in [field("integer", None), field("text", Some(false))] {
        let step = user_field(&[found], "braze_external_id");
        assert!(matches!(step.does, Does::Refuses(_)) && step.write.is_none(), "{step:?}");
    }
    assert_eq!(user_field(&[field("text", None)], "another").does, Does::Creates);
}
