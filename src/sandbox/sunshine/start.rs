//! The app as it stands at the start, and the triggers that its webhooks can hear.

use serde_json::{Value, json};

use super::model::{Hook, Integration, Member, State, Switchboard, Template, Version};
use super::options::{SMS, SunshineOptions, WHATSAPP};

/// The triggers of the second generation that the sandbox tells of.
pub(super) const TRIGGERS: [&str; 19] = [
    "client:add",
    "client:remove",
    "client:update",
    "conversation:create",
    "conversation:message",
    "conversation:message:delivery:channel",
    "conversation:message:delivery:failure",
    "conversation:message:delivery:user",
    "conversation:postback",
    "conversation:read",
    "conversation:remove",
    "switchboard:acceptControl",
    "switchboard:offerControl",
    "switchboard:passControl",
    "switchboard:passControl:failure",
    "switchboard:releaseControl",
    "user:merge",
    "user:remove",
    "user:update",
];

/// The triggers of the first generation that the sandbox tells of.
pub(super) const FIRST_TRIGGERS: [&str; 4] = [
    "notification:delivery:channel",
    "notification:delivery:failure",
    "notification:delivery:user",
    "notification:match:failure",
];

/// The app at the start: a number for text messages, one on WhatsApp with two templates, and Zendesk's own messaging; and
/// the bridge's integration, where that is set up.
pub(super) fn installed(options: &SunshineOptions) -> State {
    let id = |end: &str| format!("5f0c000000000000000000{end}");
    let channel = |id: &str, kind: &str, fields: Value| Integration {
        id: id.to_owned(),
        kind: kind.to_owned(),
        fields: fields.as_object().cloned().unwrap_or_default(),
        responder: None,
    };
    let member = |end: &str, name: &str, integration: &str, kind: &str| Member {
        id: id(end),
        name: name.to_owned(),
        integration: id(integration),
        kind: kind.to_owned(),
        on_standby: false,
        next: None,
        history: Value::Null,
    };
    let mut integrations = vec![
        channel(SMS, "twilio", json!({"displayName": "Texts", "accountSid": "AC0", "phoneNumberSid": "PN0"})),
        channel(
            WHATSAPP,
            "whatsapp",
            json!({"displayName": "WhatsApp", "phoneNumber": "+15550100300",
            "hsmFallbackLanguage": "en_US", "accountId": "1"}),
        ),
    ];
    let mut members = vec![member("a1", "zd-agentWorkspace", "0a", "zd:agentWorkspace")];
    let mut hooks = Vec::new();
    if options.is_set_up {
        let hook = |end: &str, version: Version, integration: &str, secret: &str, triggers: &[&str]| Hook {
            id: id(end),
            version,
            integration: id(integration),
            target: format!("/webhooks/{}", options.account),
            triggers: triggers.iter().map(|trigger| (*trigger).to_owned()).collect(),
            secret: secret.to_owned(),
            full_user: true,
            full_source: true,
        };
        let named = json!({"displayName": "tandem"});
        integrations.extend(["0c", "0d"].map(|end| channel(&id(end), "custom", named.clone())));
        hooks.push(hook("b1", Version::Second, "0c", &options.webhook_secret, &TRIGGERS));
        hooks.push(hook("b2", Version::First, "0d", &options.notification_secret, &FIRST_TRIGGERS));
        members.push(member("a2", "tandem", "0c", "custom"));
    }
    let default = members.last().map(|member| member.id.clone());
    let switchboard = Switchboard { id: id("5b"), enabled: true, default, members };
    let templates = vec![
        template(&id("e1"), "please_write_again", "We have an answer for you. Please write to us to read it."),
        template(&id("e2"), "order_shipped", "Your order {{1}} is on its way to {{2}}."),
    ];
    State::new(integrations, hooks, switchboard, templates)
}

/// A template that Meta has approved, in American English.
fn template(id: &str, name: &str, words: &str) -> Template {
    Template {
        id: id.to_owned(),
        integration: WHATSAPP.to_owned(),
        name: name.to_owned(),
        language: "en_US".to_owned(),
        status: "APPROVED".to_owned(),
        category: "UTILITY".to_owned(),
        components: json!([{"type": "BODY", "text": words}]),
    }
}
