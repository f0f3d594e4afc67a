//! The findings that are called wrong.

use super::*;
use crate::domain::account::Ends;
use crate::domain::refusals::Object;
use crate::vendors::http::tls::TlsFault;

const BRAZE: AccountTable = AccountTable(Ends::FIRST.carrier);

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
fn a_fault_of_tls_has_the_remedy_for_it() {
    for fault in [TlsFault::Expired, TlsFault::OtherName, TlsFault::UnknownIssuer, TlsFault::NotTls] {
        let cause = format!("Braze could not be reached: {}", fault.cause());
        let line = key(BRAZE, &Err(Failure::Retry { cause, after: None }), "rest.example");
        assert_eq!(line.remedy, Some(fault.remedy("braze.url")));
    }
}

#[test]
fn a_campaign_that_would_not_send_the_text_is_wrong() {
    let good = CampaignView {
        name: "Replies".into(),
        schedule: "api_triggered".into(),
        channels: vec!["sms".into()],
        bodies: vec!["{{api_trigger_properties.${text}}}".into()],
        ..CampaignView::default()
    };
    let recipes = vec!["{% assign body = {{api_trigger_properties.${msg_body}}} %}".to_owned()];
    for (campaign_now, state, says) in [
        (good.clone(), State::Good, "live"),
        (CampaignView { bodies: recipes, ..good.clone() }, State::Good, "live"),
        // Fields that Braze leaves out are no fault of the campaign.
        (
            CampaignView { bodies: vec![], channels: vec![], schedule: String::new(), ..good.clone() },
            State::Good,
            "live",
        ),
        (CampaignView { archived: true, ..good.clone() }, State::Wrong, "archived"),
        (CampaignView { draft: true, ..good.clone() }, State::Wrong, "never launched"),
        (CampaignView { enabled: Some(false), ..good.clone() }, State::Wrong, "stopped"),
        (CampaignView { channels: vec!["webhook".into()], ..good.clone() }, State::Wrong, "by webhook"),
        (CampaignView { schedule: "action_based".into(), ..good.clone() }, State::Wrong, "not API-triggered"),
        (CampaignView { bodies: vec!["Hello".into()], ..good }, State::Wrong, "never read the reply"),
    ] {
        check(&campaign(BRAZE, &Use::of_account(BRAZE, "agent_reply"), "id", &Ok(campaign_now)), state, says);
    }
    check(
        &campaign(BRAZE, &Use::of_account(BRAZE, "agent_reply"), "id", &Err(forbidden(400))),
        State::Wrong,
        "no campaign id",
    );
    check(
        &campaign(BRAZE, &Use::of_account(BRAZE, "agent_reply"), "id", &Err(forbidden(403))),
        State::Note,
        "campaigns.details",
    );
}

#[test]
fn a_key_that_the_host_does_not_know_may_be_at_home_elsewhere() {
    for (found, state, says) in [
        (Ok(CampaignView::default()), State::Good, "knows it"),
        (Err(refused(401)), State::Wrong, "does not know"),
        (Err(forbidden(404)), State::Wrong, "does not know"),
        (Err(forbidden(400)), State::Good, "knows it"),
        (Err(forbidden(403)), State::Good, "knows it"),
        (Err(Failure::Retry { cause: "no answer".into(), after: None }), State::Wrong, "no answer"),
    ] {
        check(&key(BRAZE, &found, "rest.iad-01.braze.com"), state, says);
    }
}

#[test]
fn a_campaign_of_a_line_sends_by_the_channel_of_the_line() {
    let of = |channels: &[&str], bodies: &[&str]| CampaignView {
        name: "Replies".into(),
        channels: channels.iter().map(|&word| word.to_owned()).collect(),
        bodies: bodies.iter().map(|&body| body.to_owned()).collect(),
        ..CampaignView::default()
    };
    let text = "{{api_trigger_properties.${text}}}";
    for (name, channel, view, state, says) in [
        ("agent_reply", Channel::Whatsapp, of(&["whats_app"], &[text]), State::Good, "prints the text"),
        ("agent_reply", Channel::Whatsapp, of(&["sms"], &[text]), State::Wrong, "sends by sms, not by WhatsApp"),
        ("agent_reply", Channel::Sms, of(&["whatsapp"], &[text]), State::Wrong, "sends by whatsapp, not by SMS"),
        ("agent_reply", Channel::Rcs, of(&["sms"], &[text]), State::Good, "prints the text"),
        ("agent_reply", Channel::Whatsapp, of(&["whatsapp"], &["Hello"]), State::Wrong, "never read the reply"),
        ("template", Channel::Whatsapp, of(&["whatsapp"], &["Hello"]), State::Good, "API-triggered"),
    ] {
        let found = campaign(BRAZE, &Use::of_line(name, "uk", channel), "id", &Ok(view));
        check(&found, state, says);
        assert_eq!(found.what, format!("campaign {name} of line uk"));
    }
}
