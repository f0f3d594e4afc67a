//! The steps of setting up Sunshine Conversations: a custom integration with a webhook, the webhook of notifications, its place
//! in the switchboard, and the first responder of each channel. Pure.
//!
//! Our webhook is recognised by the address that it posts to, because a second one would bring each text twice under another
//! secret. No other integration is ever part of a step that writes, but for a channel whose first responder is asked to change.

use http::Method;
use serde_json::json;

use crate::domain::account_table::AccountTable;
use crate::domain::line::is_one_line;
use crate::vendors::setup::{Does, Step, Write};
use crate::vendors::sunshine::integrations::{Integration, Member, Notifying, Switchboard, Webhook};
use crate::vendors::sunshine::triggers::{NOTIFICATIONS, TRIGGERS};

/// The name of our integration, and of its place in the switchboard.
pub const NAME: &str = "tandem";

/// The option that makes the bridge the first responder.
pub const TAKE_OVER: &str = "--take-over";

/// The types of integrations that carry text messages.
pub const SMS: [&str; 2] = ["twilio", "messagebird"];

/// Those of the listed integrations whose texts the bridge takes: those at these addresses. Where no line has an address, all
/// that carry text messages, because the default line takes theirs.
#[must_use]
pub fn bridged<'a>(listed: &'a [Integration], addresses: &[&str]) -> Vec<&'a Integration> {
    let is_line = |found: &Integration| addresses.iter().any(|address| is_one_line(address, &found.id));
    let is_taken = |found: &&Integration| match addresses {
        [] => SMS.contains(&found.kind.as_str()),
        [..] => is_line(found),
    };
    listed.iter().filter(is_taken).collect()
}

/// How a webhook differs from ours, each as the end of a sentence that starts with it.
#[must_use]
pub fn webhook_faults(webhook: &Webhook) -> Vec<String> {
    let mut faults = Vec::new();
    let missing: Vec<&str> = missing(webhook).collect();
    if !missing.is_empty() {
        faults.push(format!("does not bring {}", missing.join(", ")));
    }
    for (tells, name) in [(webhook.tells_user, "includeFullUser"), (webhook.tells_source, "includeFullSource")] {
        if !tells {
            faults.push(format!("is without {name}"));
        }
    }
    faults
}

fn missing(webhook: &Webhook) -> impl Iterator<Item = &'static str> {
    lacking(TRIGGERS, &webhook.triggers)
}

fn lacking<const N: usize>(wanted: [&'static str; N], triggers: &[String]) -> impl Iterator<Item = &'static str> {
    wanted.into_iter().filter(|wanted| !triggers.iter().any(|trigger| trigger == wanted))
}

/// The webhooks that post to this address.
#[must_use]
pub fn at<'a>(found: &'a [Webhook], endpoint: &str) -> Vec<&'a Webhook> {
    found.iter().filter(|webhook| webhook.target == endpoint).collect()
}

/// The custom integration of a webhook, for people.
#[must_use]
pub fn shown(integration: &Integration) -> String {
    format!("{:?} ({})", integration.display_name.as_deref().unwrap_or_default(), integration.id)
}

/// The steps for the custom integration with its webhook, of which the first is that of ours. `app` is the path of the app.
#[must_use]
pub fn webhook(app: &str, found: &[Webhook], endpoint: &str) -> Vec<Step> {
    let what = format!("custom integration {NAME:?} with its webhook");
    let posting = at(found, endpoint);
    let Some((ours, others)) = posting.split_first() else {
        let webhook =
            json!({"target": endpoint, "triggers": TRIGGERS, "includeFullUser": true, "includeFullSource": true});
        let body = json!({"type": "custom", "displayName": NAME, "webhooks": [webhook]});
        return vec![Step::create(what, &format!("{app}/integrations"), body)];
    };
    let (id, faults) = (&ours.integration.id, webhook_faults(ours));
    let own = if faults.is_empty() {
        Step::keep(what, id)
    } else {
        // Triggers that a person added stay.
        let mut triggers = ours.triggers.clone();
        triggers.extend(missing(ours).map(str::to_owned));
        let body =
            json!({"target": endpoint, "triggers": triggers, "includeFullUser": true, "includeFullSource": true});
        let path = format!("{app}/integrations/{id}/webhooks/{}", ours.id);
        Step::mend(what, id, faults, Write { method: Method::PATCH, path, body: Some(body) })
    };
    let twice = |other: &&Webhook| {
        let what = format!("custom integration {}", shown(&other.integration));
        let why = "posts to the same address, so that each text comes twice".to_owned();
        Step::untouched(what, &other.integration.id, Does::Refuses(why))
    };
    std::iter::once(own).chain(others.iter().map(twice)).collect()
}

/// The triggers of notifications that a webhook does not bring.
pub fn untold(webhook: &Notifying) -> impl Iterator<Item = &'static str> {
    lacking(NOTIFICATIONS, &webhook.triggers)
}

/// The webhooks of notifications that post to this address.
#[must_use]
pub fn notifying_at<'a>(found: &'a [Notifying], endpoint: &str) -> Vec<&'a Notifying> {
    found.iter().filter(|webhook| webhook.target == endpoint).collect()
}

/// The steps for the webhook of notifications, which the first generation of the API keeps at this path.
#[must_use]
pub fn notifications(path: &str, found: &[Notifying], endpoint: &str) -> Vec<Step> {
    let what = "webhook of notifications";
    let posting = notifying_at(found, endpoint);
    let Some((ours, others)) = posting.split_first() else {
        return vec![Step::create(what.to_owned(), path, json!({"target": endpoint, "triggers": NOTIFICATIONS}))];
    };
    let missing: Vec<&str> = untold(ours).collect();
    let own = if missing.is_empty() {
        Step::keep(what.to_owned(), &ours.id)
    } else {
        let mut triggers = ours.triggers.clone();
        triggers.extend(missing.iter().map(|trigger| (*trigger).to_owned()));
        let body = json!({"target": endpoint, "triggers": triggers});
        let write = Write { method: Method::PUT, path: format!("{path}/{}", ours.id), body: Some(body) };
        Step::mend(what.to_owned(), &ours.id, vec![format!("does not bring {}", missing.join(", "))], write)
    };
    let twice = |other: &&Notifying| {
        let why = "posts to the same address, so that each event comes twice".to_owned();
        Step::untouched(format!("{what} {}", other.id), &other.id, Does::Refuses(why))
    };
    std::iter::once(own).chain(others.iter().map(twice)).collect()
}

/// The member of the switchboard for this integration.
#[must_use]
pub fn find_member<'a>(members: &'a [Member], integration: &str) -> Option<&'a Member> {
    members.iter().find(|member| member.integration_id.as_deref() == Some(integration))
}

/// The step for our place in the switchboard.
#[must_use]
pub fn member(app: &str, board: &Switchboard, members: &[Member], integration: &str) -> Step {
    let what = format!("member {NAME:?} of the switchboard");
    match find_member(members, integration) {
        Some(member) => Step::keep(what, &member.id),
        None => {
            // On standby it hears a text of a talk that was passed to an agent at Zendesk.
            let body = json!({"name": NAME, "integrationId": integration, "deliverStandbyEvents": true});
            Step::create(what, &format!("{app}/switchboards/{}/switchboardIntegrations", board.id), body)
        }
    }
}

/// Why a channel's texts would become two tickets each, as the end of a sentence that starts with the channel.
#[must_use]
pub fn second_ticket(channel: &Integration) -> Option<String> {
    let responder = channel.default_responder.as_ref().filter(|responder| responder.is_native())?;
    Some(format!("is answered first by Zendesk's own {}, which opens a second ticket for each text", responder.shown()))
}

/// The remedy for it: a sentence without its full stop.
#[must_use]
pub fn remedy(of: AccountTable) -> String {
    let setup = of.setup();
    format!(
        "Run {setup} {TAKE_OVER}, which makes tandem the channel's first responder, or move the number out of the app"
    )
}

/// The step for the first responder of a channel, called by its line; `member` is our place in the switchboard.
#[must_use]
pub fn responder(app: &str, line: &str, channel: &Integration, member: &str, takes_over: bool) -> Step {
    let what = format!("first responder of line {line} ({} {})", channel.kind, channel.id);
    let Some(fault) = second_ticket(channel) else { return Step::keep(what, &channel.id) };
    let path = format!("{app}/integrations/{}", channel.id);
    let body = json!({ "defaultResponderId": member });
    if takes_over {
        return Step::mend(what, &channel.id, vec![fault], Write { method: Method::PATCH, path, body: Some(body) });
    }
    let why = format!("{fault}; {TAKE_OVER} changes it, by PATCH {path} {body}");
    Step::untouched(what, &channel.id, Does::Refuses(why))
}

#[cfg(test)]
mod tests;
