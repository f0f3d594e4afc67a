//! The findings about an installation at Sunshine Conversations: channels with their first responders and templates, the
//! webhook with its secret, and the switchboard. Pure. A wrong line carries its remedy; no line ever holds a secret.

use secrecy::SecretString;

use super::integrations::{Integration, Member, Notifying, Switchboard, Webhook};
use super::remedies;
use super::setup;
use crate::domain::account_table::AccountTable;
use crate::domain::line::{Channel, Line, is_one_line};
use crate::ports::Failure;
use crate::vendors::checkup::{Line as Finding, Sender, State};
use crate::vendors::setup::is_among;

/// The side of the findings.
pub const SIDE: &str = "Sunshine Conversations";

/// Its webhooks.
pub const SENDER: Sender = Sender {
    side: SIDE,
    what: "inbound texts",
    remedies: remedies::REMEDIES,
    never: "the custom integration may not have been made, or its webhook posts elsewhere",
    remedy: |of| format!("Run {} and text the number", of.setup()),
    name_never: "no customer may have written so",
    // One webhook brings every word.
    expected: &["other"],
};

/// The types of integrations that carry a channel.
const fn types(channel: Channel) -> &'static [&'static str] {
    match channel {
        Channel::Sms => &setup::SMS,
        Channel::Whatsapp => &["whatsapp"],
        // The configuration refuses such a line.
        Channel::Rcs => &[],
    }
}

fn good(what: &str, said: impl Into<String>) -> Finding {
    Finding::new(SIDE, what, State::Good, said)
}

fn wrong(what: &str, said: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding::wrong(SIDE, what, said, remedy)
}

/// The finding of a read that failed.
#[must_use]
pub fn unread(of: AccountTable, what: &str, failure: &Failure) -> Finding {
    let is_refused = matches!(failure, Failure::Pause { .. } | Failure::Forbid { .. } | Failure::GiveUp { .. });
    let remedy = match is_refused {
        true => (remedies::REMEDIES.of_refusal)(of, failure.cause()),
        false => (remedies::REMEDIES.of_silence)(of),
    };
    wrong(what, failure.cause(), remedy)
}

/// Whether the integration of a line is there, carries the line's channel and works.
#[must_use]
pub fn channel(line: &Line, address: &str, listed: &[Integration]) -> Finding {
    let what = format!("line {}", line.name);
    let fitting = types(line.channel);
    let Some(found) = listed.iter().find(|found| is_one_line(address, &found.id)) else {
        let there = listed.iter().filter(|other| fitting.contains(&other.kind.as_str()));
        let there: Vec<String> = there.map(|other| format!("{} ({})", other.id, other.kind)).collect();
        let (channel, there) = (line.channel, if there.is_empty() { "none".to_owned() } else { there.join(", ") });
        let remedy = format!(
            "Set the line's address to the id of an integration that carries {channel}; the app has {there}, and Admin \
             Center, Channels, Messaging connects one"
        );
        return wrong(&what, format!("the app has no integration {address}"), remedy);
    };
    if !fitting.contains(&found.kind.as_str()) {
        let said = format!("its integration is of the type {}, which does not carry {}", found.kind, line.channel);
        return wrong(
            &what,
            said,
            format!("Set the line's address to an integration of the type {}", fitting.join(" or ")),
        );
    }
    match found.status.as_deref() {
        Some("active") | None => good(&what, format!("its integration is there, of the type {}", found.kind)),
        Some(other) => {
            let said = format!("its integration has the status {other}, so that it carries nothing");
            wrong(&what, said, "Connect the channel again in Admin Center, Channels, Messaging")
        }
    }
}

/// Whether Zendesk's own messaging answers a channel as well; `line` is the name of the line that takes its texts.
#[must_use]
pub fn responder(of: AccountTable, line: &str, channel: &Integration) -> Finding {
    let what = format!("responder of line {line} ({})", channel.id);
    match (setup::second_ticket(channel), &channel.default_responder) {
        (Some(fault), _) => wrong(&what, format!("the channel {fault}"), setup::remedy(of)),
        (None, Some(responder)) => good(&what, format!("{} answers first", responder.shown())),
        (None, None) => good(&what, "none of Zendesk's own answers"),
    }
}

/// Whether exactly one webhook posts to us, and brings enough.
#[must_use]
pub fn webhook<'a>(of: AccountTable, found: &'a [Webhook], endpoint: &str) -> (Finding, Option<&'a Webhook>) {
    let (what, run_setup) = ("webhook", format!("Run {}", of.setup()));
    let posting = setup::at(found, endpoint);
    let Some(webhook) = posting.first().copied() else {
        return (wrong(what, format!("none posts to {endpoint}"), run_setup), None);
    };
    if posting.len() > 1 {
        let holders: Vec<String> = posting.iter().map(|webhook| setup::shown(&webhook.integration)).collect();
        let said = format!("{} post to {endpoint}, so that each text comes as often", holders.join(" and "));
        return (wrong(what, said, "Delete all of these custom integrations but one"), Some(webhook));
    }
    let faults = setup::webhook_faults(webhook);
    let finding = match faults.is_empty() {
        true => good(what, format!("{} posts to {endpoint}", setup::shown(&webhook.integration))),
        false => {
            wrong(what, format!("that of {} {}", setup::shown(&webhook.integration), faults.join(" and ")), run_setup)
        }
    };
    (finding, Some(webhook))
}

/// Whether exactly one webhook of the first generation posts to us, and brings all events of notifications.
#[must_use]
pub fn notifications<'a>(of: AccountTable, found: &'a [Notifying], endpoint: &str) -> (Finding, Option<&'a Notifying>) {
    let (what, run_setup) = ("notifications", format!("Run {}", of.setup()));
    let posting = setup::notifying_at(found, endpoint);
    let Some(webhook) = posting.first().copied() else {
        let said = format!("no webhook brings their events to {endpoint}, so that no failure is told");
        return (wrong(what, said, run_setup), None);
    };
    let missing: Vec<&str> = setup::untold(webhook).collect();
    let finding = match (posting.len(), missing.is_empty()) {
        (1, true) => good(what, format!("the webhook {} posts to {endpoint}", webhook.id)),
        (1, false) => {
            wrong(what, format!("the webhook {} does not bring {}", webhook.id, missing.join(", ")), run_setup)
        }
        (count, _) => {
            let said = format!("{count} webhooks bring their events to {endpoint}");
            wrong(what, said, "Delete all of these webhooks but one, by DELETE /v1.1/apps/APP_ID/webhooks/ID")
        }
    };
    (finding, Some(webhook))
}

/// Whether the secret that a webhook presents is one that is configured.
#[must_use]
pub fn secret(of: AccountTable, what: &str, presented: &SecretString, known: &[SecretString]) -> Finding {
    let key = of.key("webhook_secrets");
    if is_among(presented, known) {
        return good(what, format!("is among {key}"));
    }
    let said = format!(
        "the webhook presents a secret that is not among {key}: all it brings is refused, and tried again for a quarter of an hour only"
    );
    let remedy = format!(
        "Run {}, which shows the secret, add it to {} and restart tandem",
        of.setup(),
        of.variable("webhook_secrets")
    );
    wrong(what, said, remedy)
}

/// Whether the webhook's integration has a place in the switchboard, where that decides which integration hears a talk.
#[must_use]
pub fn switchboard(of: AccountTable, found: Option<&(Switchboard, Vec<Member>)>, webhook: &Webhook) -> Finding {
    let what = "switchboard";
    match found {
        None | Some((Switchboard { enabled: false, .. }, _)) => {
            good(what, "is not in force: each webhook hears all texts")
        }
        Some((_, members)) if setup::find_member(members, &webhook.integration.id).is_some() => {
            good(what, "the webhook's integration is a member")
        }
        Some(_) => {
            let said = "the webhook's integration is no member, so that it may hear no texts";
            wrong(what, said, format!("Run {}", of.setup()))
        }
    }
}

/// Whether the template of a line can go as it is. `fault` says why not.
#[must_use]
pub fn template(line: &Line, form: &str, fault: Option<String>) -> Finding {
    let what = format!("template of line {}", line.name);
    match fault {
        None => good(&what, format!("{form} is approved, and has no parameters")),
        Some(fault) => {
            let remedy =
                "Have a template without parameters approved for this channel, and name it as the line's template";
            wrong(&what, fault, remedy)
        }
    }
}

/// The findings behind the key, where that is not good.
#[must_use]
pub fn behind_the_key() -> [Finding; 3] {
    ["lines", "webhook", "switchboard"].map(|what| Finding::not_looked_at(SIDE, what, "the key is not good here"))
}

/// The finding where the bridge's address is not configured.
#[must_use]
pub fn no_public_url() -> Finding {
    Finding::not_looked_at(SIDE, "webhook", "public_url is not configured")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::line::Forms;

    #[test]
    fn a_channel_is_judged_by_its_id_its_type_and_its_status() {
        let line = |channel| Line { channel, ..Line::default_of(Ends::FIRST, Forms::default()) };
        let found = |kind: &str, status: Option<&str>| Integration {
            id: "i1".into(),
            kind: kind.into(),
            status: status.map(str::to_owned),
            display_name: None,
            default_responder: None,
        };
        for (of, listed, told) in [
            (Channel::Sms, found("twilio", Some("active")), None),
            (Channel::Sms, found("messagebird", None), None),
            (Channel::Whatsapp, found("whatsapp", Some("active")), None),
            (Channel::Sms, found("whatsapp", Some("active")), Some("does not carry sms")),
            (Channel::Whatsapp, found("twilio", Some("active")), Some("does not carry whatsapp")),
            (Channel::Sms, found("twilio", Some("inactive")), Some("status inactive")),
            (Channel::Sms, found("twilio", Some("error")), Some("status error")),
        ] {
            let finding = channel(&line(of), "I1", std::slice::from_ref(&listed));
            match told {
                None => assert_eq!(finding.state, State::Good, "{finding:?}"),
                Some(words) => assert!(finding.said.contains(words) && finding.remedy.is_some(), "{finding:?}"),
            }
        }
        let gone = channel(&line(Channel::Sms), "i2", &[found("twilio", None)]);
        assert!(gone.said.contains("no integration i2"), "{gone:?}");
        assert!(gone.remedy.unwrap().contains("the app has i1 (twilio)"));
    }
}
