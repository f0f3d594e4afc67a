//! The steps for each finding.

use super::*;
use crate::vendors::sunshine::integrations::Responder;

const ENDPOINT: &str = "https://bridge.example/webhooks/sunshine";
const APP: &str = "/v2/apps/a1";

/// An integration whose new conversations are answered by one of this type.
fn integration(id: &str, kind: &str, answered_by: Option<&str>) -> Integration {
    let responder = answered_by.map(|kind| Responder {
        name: Some("zd-agentWorkspace".into()),
        integration_id: None,
        integration_type: Some(kind.into()),
    });
    Integration {
        id: id.into(),
        kind: kind.into(),
        status: Some("active".into()),
        display_name: Some("tandem".into()),
        default_responder: responder,
    }
}

fn posting(id: &str, target: &str) -> Webhook {
    Webhook {
        id: format!("w{id}"),
        integration: integration(id, "custom", None),
        target: target.into(),
        triggers: TRIGGERS.map(str::to_owned).into(),
        secret: "s".into(),
        tells_user: true,
        tells_source: true,
    }
}

#[test]
fn a_webhook_is_ours_by_its_address_alone_and_is_made_where_there_is_none() {
    let elsewhere = [posting("i1", "https://other.example/webhooks/sunshine")];
    let [step] = &webhook(APP, &elsewhere, ENDPOINT)[..] else { panic!("one step") };
    let write = step.write.as_ref().unwrap();
    assert_eq!((&step.does, write.path.as_str()), (&Does::Creates, "/v2/apps/a1/integrations"));
    let made = &write.body.as_ref().unwrap()["webhooks"][0];
    assert_eq!((&made["target"], &made["triggers"]), (&json!(ENDPOINT), &json!(TRIGGERS)));
    let there = [elsewhere[0].clone(), posting("i2", ENDPOINT)];
    let [step] = &webhook(APP, &there, ENDPOINT)[..] else { panic!("one step") };
    assert_eq!((&step.does, step.id.as_deref()), (&Does::Keeps, Some("i2")));
}

#[test]
fn a_webhook_that_brings_too_little_is_mended_and_keeps_its_other_triggers() {
    let mut ours = posting("i1", ENDPOINT);
    ours.triggers = vec!["conversation:message".into(), "conversation:read".into()];
    ours.tells_source = false;
    let [step] = &webhook(APP, &[ours], ENDPOINT)[..] else { panic!("one step") };
    let Does::Mends(faults) = &step.does else { panic!("{step:?}") };
    assert!(faults[0].contains("conversation:postback") && faults[1].contains("includeFullSource"), "{faults:?}");
    let write = step.write.as_ref().unwrap();
    assert_eq!((&write.method, write.path.as_str()), (&Method::PATCH, "/v2/apps/a1/integrations/i1/webhooks/wi1"));
    let triggers = write.body.as_ref().unwrap()["triggers"].as_array().unwrap();
    assert!(triggers.contains(&json!("conversation:read")), "{triggers:?}");
    assert!(TRIGGERS.iter().all(|trigger| triggers.contains(&json!(trigger))), "{triggers:?}");
}

#[test]
fn a_second_webhook_at_the_address_is_left_to_a_person() {
    let steps = webhook(APP, &[posting("i1", ENDPOINT), posting("i2", ENDPOINT)], ENDPOINT);
    let [ours, other] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!(ours.does, Does::Keeps);
    assert!(matches!(&other.does, Does::Refuses(why) if why.contains("twice")), "{other:?}");
}

#[test]
fn a_channel_that_zendesk_answers_is_refused_and_changed_only_where_that_is_asked_for() {
    let channel = |by| integration("c1", "twilio", by);
    for by in [None, Some("custom")] {
        assert_eq!(responder(APP, "sms", &channel(by), "m1", true).does, Does::Keeps);
    }
    for by in ["zd:agentWorkspace", "zd:answerBot"] {
        let refused = responder(APP, "sms", &channel(Some(by)), "m1", false);
        let Does::Refuses(why) = &refused.does else { panic!("{refused:?}") };
        assert!(
            why.contains(by) && why.contains(r#"PATCH /v2/apps/a1/integrations/c1 {"defaultResponderId":"m1"}"#),
            "{why}"
        );
        assert_eq!(refused.write, None);
        let taken = responder(APP, "sms", &channel(Some(by)), "m1", true).write.unwrap();
        assert_eq!((taken.method, taken.body), (Method::PATCH, Some(json!({"defaultResponderId": "m1"}))));
    }
}

#[test]
fn the_place_in_the_switchboard_is_found_by_the_integration() {
    let board = Switchboard { id: "b1".into(), enabled: true };
    let members = [Member { id: "m0".into(), integration_id: Some("i0".into()) }];
    assert_eq!(member(APP, &board, &members, "i0").does, Does::Keeps);
    let made = member(APP, &board, &members, "i1").write.unwrap();
    assert_eq!(made.path, "/v2/apps/a1/switchboards/b1/switchboardIntegrations");
    assert_eq!(made.body.unwrap()["integrationId"], "i1");
}

#[test]
fn every_number_counts_until_a_line_has_an_address_and_other_channels_never() {
    let listed = ["twilio", "whatsapp", "web", "messagebird", "custom"].map(|kind| Integration {
        id: format!("of-{kind}"),
        kind: kind.into(),
        status: None,
        display_name: None,
        default_responder: None,
    });
    let ids = |addresses: &[&str]| -> Vec<String> {
        bridged(&listed, addresses).into_iter().map(|found| found.kind.clone()).collect()
    };
    assert_eq!(ids(&[]), ["twilio", "messagebird"]);
    assert_eq!(ids(&["OF-WHATSAPP"]), ["whatsapp"]);
}
