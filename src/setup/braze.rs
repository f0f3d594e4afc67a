//! Braze's side: what a person has to type there, because campaigns cannot be made through the API.
//!
//! Which token to paste is said by its place and its first letters; the token itself is not known here.

use serde::Serialize;
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::endpoint;

/// The body of a text campaign that prints what it is given and nothing else.
pub const TEXT_TEMPLATE: &str = "{{api_trigger_properties.${text}}}";

/// Keyword categories that every subscription group has, beside the custom ones.
const GLOBAL_CATEGORIES: [(&str, &str); 4] =
    [("Other", "other"), ("Opt-in", "opt_in"), ("Opt-out", "opt_out"), ("Help", "help")];

/// Braze's variables in the body, by the name that the bridge reads. Each value is encoded where it is filled in, so that
/// nothing that a customer types can break or change the body.
const FIELDS: [(&str, &str); 10] = [
    ("campaign", "{{campaign.${api_id}}}"),
    ("dispatch", "{{campaign.${dispatch_id}}}"),
    ("braze_id", "{{${braze_id}}}"),
    ("external_id", "{{${user_id} | url_encode}}"),
    ("phone", "{{${phone_number} | url_encode}}"),
    ("email", "{{${email_address} | url_encode}}"),
    ("first_name", "{{${first_name} | url_encode}}"),
    ("last_name", "{{${last_name} | url_encode}}"),
    ("text", "{{sms.${inbound_message_body} | url_encode}}"),
    ("media", "{{sms.${inbound_media_urls} | url_encode}}"),
];

/// What is known of the workspace.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Where Braze reaches the bridge.
    pub public_url: Url,
    /// The id of the campaign that texts replies.
    pub agent_reply: String,
    /// The id of the campaign for the closing text, if there is one.
    pub ticket_solved: Option<String>,
    /// The SMS subscription group's id, if it is known.
    pub group: Option<String>,
    /// Whether the bridge asks Braze for the customer's state before each text.
    pub asks_for_state: bool,
    /// Names of custom keyword categories.
    pub categories: Vec<String>,
    /// The token to paste, described.
    pub token: String,
}

/// One thing to set up, with everything to type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Block {
    /// What to make.
    pub title: String,
    /// Name and content of each field, in the order in which Braze asks.
    pub fields: Vec<(String, String)>,
}

/// Everything to type, in the order in which it is needed.
#[must_use]
pub fn blocks(workspace: &Workspace) -> Vec<Block> {
    let mut blocks = vec![
        key(workspace),
        text_campaign("agent replies", "braze.campaigns.agent_reply", Some(&workspace.agent_reply)),
    ];
    blocks.push(text_campaign(
        "closing text (optional)",
        "braze.campaigns.ticket_solved",
        workspace.ticket_solved.as_deref(),
    ));
    let global = GLOBAL_CATEGORIES.map(|(shown, name)| (shown.to_owned(), name.to_owned()));
    let custom = workspace.categories.iter().map(|name| (name.clone(), name.clone()));
    blocks.extend(global.into_iter().chain(custom).map(|(shown, name)| webhook_campaign(workspace, &shown, &name)));
    blocks
}

/// The body of a webhook campaign, in one line: form-encoded.
#[must_use]
pub fn body(category: &str, group: &str) -> String {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let constants = [("channel", "sms".to_owned()), ("category", encoded(category)), ("group", encoded(group))];
    let fields = FIELDS.iter().map(|(name, liquid)| format!("{name}={liquid}"));
    constants.into_iter().map(|(name, value)| format!("{name}={value}")).chain(fields).collect::<Vec<_>>().join("&")
}

fn key(workspace: &Workspace) -> Block {
    let mut permissions = vec!["campaigns.trigger.send", "users.export.ids", "campaigns.details"];
    if workspace.asks_for_state {
        permissions.push("subscription.status.get");
    }
    let why = "sends texts; finds out after a lost answer whether one went out; lets tandem check --live look";
    Block {
        title: "REST API key".to_owned(),
        fields: fields([
            ("Permissions", permissions.join(", ")),
            ("For", why.to_owned()),
            ("Then", "put the key into TANDEM_BRAZE__API_KEY".to_owned()),
        ]),
    }
}

fn text_campaign(name: &str, key: &str, id: Option<&str>) -> Block {
    let id = match id {
        Some(id) => format!("{key} = {id:?} is its id now; the campaign's own id must be the same"),
        None => format!("put its id into {key}; without it nothing of the kind is sent"),
    };
    let mut list = vec![
        ("Campaign", "SMS".to_owned()),
        ("Message", TEXT_TEMPLATE.to_owned()),
        ("Delivery", "API-triggered".to_owned()),
    ];
    list.extend(settings());
    list.push(("Then", id));
    Block { title: format!("SMS campaign: {name}"), fields: fields(list) }
}

fn webhook_campaign(workspace: &Workspace, shown: &str, category: &str) -> Block {
    let group = workspace.group.as_deref().unwrap_or("GROUP_ID");
    let mut list = vec![
        ("Campaign", "Webhook".to_owned()),
        ("URL", endpoint(&workspace.public_url, "/webhooks/braze")),
        ("Method", "POST".to_owned()),
        ("Header", format!("Authorization: Bearer <{}>", workspace.token)),
        ("Header", "Content-Type: application/x-www-form-urlencoded".to_owned()),
        ("Raw text", body(category, group)),
        (
            "Delivery",
            format!("action-based: sends inbound SMS to subscription group {group}, keyword category {shown}"),
        ),
    ];
    list.extend(settings());
    Block { title: format!("Webhook campaign: keyword category {shown}"), fields: fields(list) }
}

/// What a conversation needs of every campaign. Braze's defaults are the other way round, and a text that they hold back
/// looks like one that was sent.
fn settings() -> [(&'static str, String); 4] {
    [
        ("Re-eligibility", "on, after 0 minutes (by default each customer gets a campaign once ever)".to_owned()),
        ("Frequency capping", "off (on by default)".to_owned()),
        ("Quiet hours", "off, in the campaign and for the workspace".to_owned()),
        ("Audience", "all users; no rate limit".to_owned()),
    ]
}

fn fields(list: impl IntoIterator<Item = (&'static str, String)>) -> Vec<(String, String)> {
    list.into_iter().map(|(name, content)| (name.to_owned(), content)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        Workspace {
            public_url: Url::parse("https://bridge.example/in/").unwrap(),
            agent_reply: "reply-id".into(),
            ticket_solved: None,
            group: Some("group id&1".into()),
            asks_for_state: false,
            categories: vec!["Support & more".into()],
            token: "the first of braze.webhook_tokens".into(),
        }
    }

    #[test]
    fn there_is_a_webhook_campaign_for_every_category() {
        let titles: Vec<_> = blocks(&workspace()).into_iter().map(|block| block.title).collect();
        for category in ["Other", "Opt-in", "Opt-out", "Help", "Support & more"] {
            assert!(titles.contains(&format!("Webhook campaign: keyword category {category}")), "{titles:?}");
        }
        assert_eq!(titles.len(), 8);
    }

    #[test]
    fn what_we_fill_into_the_body_is_encoded_and_what_braze_fills_in_too() {
        let body = body("Support & more", "group id&1");
        assert!(body.starts_with("channel=sms&category=Support+%26+more&group=group+id%261&campaign={{"), "{body}");
        for field in body.split('&').filter(|field| field.contains("{{")) {
            let is_id = ["campaign=", "dispatch=", "braze_id="].iter().any(|name| field.starts_with(name));
            assert!(is_id || field.ends_with(" | url_encode}}"), "{field}");
        }
    }

    #[test]
    fn the_address_is_below_the_public_one() {
        let blocks = blocks(&workspace());
        let url = ("URL".to_owned(), "https://bridge.example/in/webhooks/braze".to_owned());
        assert!(blocks.last().unwrap().fields.contains(&url));
    }
}
