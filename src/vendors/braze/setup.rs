//! Braze's side: the fields that a person has to type there, because campaigns cannot be made through the API.
//!
//! The common part of all webhook campaigns is given once, then each difference. The token to paste is described by
//! its place and its first letters, unless the caller gives the token itself.

use serde::Serialize;
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::domain::account_table::AccountTable;
use crate::domain::inbound::GROUP_PLACEHOLDER;
use crate::domain::line::Channel;
use crate::intake::public_address;

/// The body of a text campaign that prints the text it is given, and no other.
pub const TEXT_TEMPLATE: &str = "{{api_trigger_properties.${text}}}";

/// The tag that stands before the text in a campaign: it passes the mark of a send on to the report of that send.
pub const TAG_LINE: &str = "{% message_extras :key tandem :value {{api_trigger_properties.${tandem}}} %}";

/// The events that the Currents connector is to send.
const EVENTS: &str = "of SMS, RCS and WhatsApp: Send, Delivery, Delivery Failure, Rejection, Failure, Abort, \
    Read, Inbound Receive; and Subscription Group State Change; no others";

/// Keyword categories that every subscription group has, beside the custom ones.
const GLOBAL_CATEGORIES: [(&str, &str); 4] =
    [("Other", "other"), ("Opt-in", "opt_in"), ("Opt-out", "opt_out"), ("Help", "help")];

/// Braze's variables in the body, by the name that the bridge reads. Each value is encoded where it is filled in, so
/// that a customer's text can never break or change the body.
const FIELDS: [(&str, &str); 8] = [
    ("campaign", "{{campaign.${api_id}}}"),
    ("dispatch", "{{campaign.${dispatch_id}}}"),
    ("braze_id", "{{${braze_id}}}"),
    ("external_id", "{{${user_id} | url_encode}}"),
    ("phone", "{{${phone_number} | url_encode}}"),
    ("email", "{{${email_address} | url_encode}}"),
    ("first_name", "{{${first_name} | url_encode}}"),
    ("last_name", "{{${last_name} | url_encode}}"),
];

/// Braze's variables of a text message, which is also the form of RCS.
const FIELDS_OF_SMS: [(&str, &str); 2] =
    [("text", "{{sms.${inbound_message_body} | url_encode}}"), ("media", "{{sms.${inbound_media_urls} | url_encode}}")];

/// Braze's variables of a WhatsApp message.
const FIELDS_OF_WHATSAPP: [(&str, &str); 6] = [
    ("name", "{{whats_app.${inbound_profile_name} | url_encode}}"),
    ("text", "{{whats_app.${inbound_message_body} | url_encode}}"),
    ("media", "{{whats_app.${inbound_media_urls} | url_encode}}"),
    ("flow", "{{whats_app.${inbound_flow_response} | url_encode}}"),
    ("product", "{{whats_app.${inbound_product_id} | url_encode}}"),
    ("catalog", "{{whats_app.${inbound_catalog_id} | url_encode}}"),
];

/// The names of a template's variables in the mapping `template`.
const TEMPLATE_VARIABLES: [&str; 3] = ["first_name", "name", "ticket"];

/// The keyword category of a message where the channel has none.
const NO_CATEGORY: (&str, &str) = ("every message", "other");

/// The known facts of the workspace.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The account's table.
    pub table: AccountTable,
    /// The line that the sheet was asked for by its name.
    pub line: Option<String>,
    /// The address at which Braze reaches the bridge.
    pub public_url: Url,
    /// The id of the campaign that texts replies, if it is made.
    pub agent_reply: Option<String>,
    /// The id of the campaign for the closing text, if there is one.
    pub ticket_solved: Option<String>,
    /// The id of the campaign with the WhatsApp template, if there is one.
    pub template: Option<String>,
    /// The kind of the messages that the sheet is for.
    pub channel: Channel,
    /// The table of the campaigns' keys, such as `braze.campaigns` or `lines.uk`.
    pub keys: String,
    /// The subscription group's id, if it is known.
    pub group: Option<String>,
    /// The name of a line with a subscription group of its own, by which its campaigns are told from those of others.
    pub beside: Option<String>,
    /// Whether a line of a group of its own sends its texts through the account's campaigns.
    pub shares_campaigns: bool,
    /// Whether the bridge asks Braze for the customer's state before each text.
    pub asks_for_state: bool,
    /// Names of custom keyword categories.
    pub categories: Vec<String>,
    /// The token to paste, or its description between angle brackets where it must not be written down.
    pub token: String,
    /// The connector's token in the same form; `None` where none is configured.
    pub currents: Option<String>,
}

impl Workspace {
    /// The command that prints this sheet.
    #[must_use]
    pub fn command(&self) -> String {
        let line = self.line.as_ref().map(|line| format!(" --line {line}"));
        self.table.setup() + &line.unwrap_or_default()
    }

    /// The name of a campaign, such as `tandem uk: Other`.
    fn campaign(&self, what: &str) -> String {
        match &self.beside {
            Some(line) => format!("tandem {line}: {what}"),
            None => format!("tandem: {what}"),
        }
    }

    /// The name of a campaign that texts go through, which may be the account's.
    fn text_campaign(&self, what: &str) -> String {
        if self.shares_campaigns { format!("tandem: {what}") } else { self.campaign(what) }
    }
}

/// One thing to set up, with everything to type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Block {
    /// The object to make.
    pub title: String,
    /// Name and content of each field, in the order in which Braze asks.
    pub fields: Vec<(String, String)>,
}

/// One webhook campaign, as far as it differs from the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebhookCampaign {
    /// Its name.
    pub name: String,
    /// The keyword category of its trigger, as Braze shows it.
    pub category: String,
    /// Its own word in place of [`CATEGORY`] in the body.
    pub word: String,
    /// Its whole body.
    pub body: String,
}

/// Everything to type, in the order in which it is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sheet {
    /// The key, the text campaigns, and the common part of all webhook campaigns.
    pub blocks: Vec<Block>,
    /// The webhook campaigns: one for each keyword category.
    pub webhook_campaigns: Vec<WebhookCampaign>,
    /// The connector for delivery receipts.
    pub currents: Block,
}

/// Stands for a campaign's own word where the body is given once for all.
pub const CATEGORY: &str = "CATEGORY";

/// The sheet of a workspace.
#[must_use]
pub fn sheet(workspace: &Workspace) -> Sheet {
    let reply = text_campaign(workspace, ("agent replies", ""), "agent_reply", workspace.agent_reply.as_deref());
    let solved = ("closing text", " (optional)");
    let solved = text_campaign(workspace, solved, "ticket_solved", workspace.ticket_solved.as_deref());
    let template = (workspace.channel == Channel::Whatsapp).then(|| template_campaign(workspace));
    let group = group(workspace);
    let campaign = |shown: &str, category: &str| WebhookCampaign {
        name: workspace.campaign(shown),
        category: shown.to_owned(),
        word: encoded(category),
        body: body(workspace.channel, &encoded(category), group),
    };
    let global = match workspace.channel {
        Channel::Sms | Channel::Rcs => &GLOBAL_CATEGORIES[..],
        Channel::Whatsapp => &[NO_CATEGORY],
    };
    let global = global.iter().map(|(shown, category)| campaign(shown, category));
    let custom = workspace.categories.iter().map(|name| campaign(name, name));
    let webhook_campaigns: Vec<WebhookCampaign> = global.chain(custom).collect();
    // The body of the only campaign is given with its own word.
    let word = match webhook_campaigns.as_slice() {
        [only] => only.word.as_str(),
        _ => CATEGORY,
    };
    let texts = [key(workspace), reply, solved].into_iter().chain(template);
    let blocks = texts.chain([common(workspace, word)]).collect();
    Sheet { blocks, webhook_campaigns, currents: currents(workspace) }
}

/// The body of a webhook campaign, in one line: form-encoded. The word for the category is encoded already.
#[must_use]
pub fn body(channel: Channel, word: &str, group: &str) -> String {
    // Inbound RCS comes through the trigger of SMS, and says so.
    let (channel, of_channel) = match channel {
        Channel::Sms | Channel::Rcs => (Channel::Sms, &FIELDS_OF_SMS[..]),
        Channel::Whatsapp => (Channel::Whatsapp, &FIELDS_OF_WHATSAPP[..]),
    };
    let constants = [("channel", channel.word().to_owned()), ("category", word.to_owned()), ("group", encoded(group))];
    let fields = FIELDS.iter().chain(of_channel).map(|(name, liquid)| format!("{name}={liquid}"));
    constants.into_iter().map(|(name, value)| format!("{name}={value}")).chain(fields).collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn group(workspace: &Workspace) -> &str {
    workspace.group.as_deref().unwrap_or(GROUP_PLACEHOLDER)
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
            ("Then", format!("put the key into {}", workspace.table.variable("api_key"))),
        ]),
    }
}

fn text_campaign(workspace: &Workspace, (name, note): (&str, &str), key: &str, id: Option<&str>) -> Block {
    let tag = if workspace.currents.is_some() { TAG_LINE } else { "" };
    let kind = kind(workspace.channel);
    let mut list =
        vec![("Campaign", kind.to_owned()), ("Name", workspace.text_campaign(name)), ("From", from(workspace))];
    if workspace.channel == Channel::Whatsapp {
        list.push(("Message type", "response message".to_owned()));
    }
    list.push(("Message", format!("{tag}{TEXT_TEMPLATE}")));
    list.push(("Delivery", "API-triggered".to_owned()));
    list.extend(settings());
    list.push(("Then", place_of_id(workspace, key, id)));
    Block { title: format!("{kind} campaign: {name}{note}"), fields: fields(list) }
}

/// The campaign that asks a customer to write again, when WhatsApp takes no free text any more.
fn template_campaign(workspace: &Workspace) -> Block {
    let mut list = vec![
        ("Campaign", kind(workspace.channel).to_owned()),
        ("Name", workspace.campaign("request to write again")),
        ("From", from(workspace)),
        ("Message type", "template message: one that Meta has approved, which asks the customer to answer".to_owned()),
        ("Variables", variables()),
        ("Delivery", "API-triggered".to_owned()),
    ];
    list.extend(settings());
    list.push(("Then", place_of_id(workspace, "template", workspace.template.as_deref())));
    Block { title: "WhatsApp campaign: request to write again".to_owned(), fields: fields(list) }
}

/// The variables of the template, which the shipped mapping fills with words also where nothing is known.
fn variables() -> String {
    let variables = TEMPLATE_VARIABLES.map(|name| format!("{{{{api_trigger_properties.${{{name}}}}}}}"));
    let variables = variables.join(", ");
    format!("{variables}, as far as the template has any; by Meta's rule none stands first or last in its text")
}

/// The sender of a campaign's texts. In Braze the campaign chooses it.
fn from(workspace: &Workspace) -> String {
    match (&workspace.beside, workspace.shares_campaigns) {
        (Some(line), true) => format!(
            "the account's own subscription group, not {}: line {line} has no campaign of its own, so its texts leave \
             from there; lines.{line}.agent_reply gives it one",
            group(workspace)
        ),
        (Some(_) | None, _) => format!("subscription group {}", group(workspace)),
    }
}

/// Braze's name for the kind of a campaign.
const fn kind(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms | Channel::Rcs => "SMS",
        Channel::Whatsapp => "WhatsApp",
    }
}

/// Where the id of a campaign goes.
fn place_of_id(workspace: &Workspace, key: &str, id: Option<&str>) -> String {
    let key = format!("{}.{key}", workspace.keys);
    match id {
        Some(id) => format!("{key} = {id:?} is its id now; the campaign's own id must be the same"),
        None => format!("put its id into {key}; without it nothing of the kind is sent"),
    }
}

fn currents(workspace: &Workspace) -> Block {
    let make = || format!("<make one, and put it into {}>", workspace.table.variable("currents_tokens"));
    let path = format!("{}/currents", workspace.table.webhooks());
    Block {
        title: "Currents connector (optional): delivery receipts".to_owned(),
        fields: fields([
            ("Currents", "Custom Currents Export".to_owned()),
            ("URL", public_address(&workspace.public_url, &path)),
            ("Bearer token", workspace.currents.clone().unwrap_or_else(make)),
            ("Events", EVENTS.to_owned()),
            ("Tag line", TAG_LINE.to_owned()),
            ("Then", "put the tag line before the message of each SMS campaign above, in one line with it".to_owned()),
        ]),
    }
}

fn common(workspace: &Workspace, word: &str) -> Block {
    let group = group(workspace);
    let trigger = match workspace.channel {
        Channel::Sms | Channel::Rcs => format!(
            "action-based: sends inbound SMS to subscription group {group}, in the campaign's own keyword category"
        ),
        Channel::Whatsapp => {
            format!("action-based: sends a WhatsApp inbound message to subscription group {group}, with any body")
        }
    };
    let mut list = vec![
        ("Campaign", "Webhook".to_owned()),
        ("URL", public_address(&workspace.public_url, &workspace.table.webhooks())),
        ("Method", "POST".to_owned()),
        ("Header", format!("Authorization: Bearer {}", workspace.token)),
        ("Header", "Content-Type: application/x-www-form-urlencoded".to_owned()),
        ("Raw text", body(workspace.channel, word, group)),
        ("Delivery", trigger),
    ];
    list.extend(settings());
    let title = match workspace.channel {
        Channel::Sms | Channel::Rcs => "Webhook campaigns, one for each keyword category: common to all",
        Channel::Whatsapp => "Webhook campaign: one for the whole group",
    };
    Block { title: title.to_owned(), fields: fields(list) }
}

/// The settings that a conversation needs of every campaign. Braze's defaults are the other way round, and a text
/// that they hold back looks like a sent one.
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
    use crate::domain::account::Ends;

    fn workspace() -> Workspace {
        Workspace {
            table: AccountTable(Ends::FIRST.carrier),
            line: None,
            public_url: Url::parse("https://bridge.example/in/").unwrap(),
            agent_reply: Some("reply-id".into()),
            ticket_solved: None,
            template: None,
            channel: Channel::Sms,
            keys: "braze.campaigns".into(),
            group: Some("group id&1".into()),
            beside: None,
            asks_for_state: false,
            shares_campaigns: false,
            categories: vec!["Support & more".into()],
            currents: None,
            token: "<the first of braze.webhook_tokens>".into(),
        }
    }

    #[test]
    fn there_is_a_webhook_campaign_for_every_category() {
        let campaigns = sheet(&workspace()).webhook_campaigns;
        let shown: Vec<_> = campaigns.iter().map(|campaign| (campaign.name.as_str(), campaign.word.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("tandem: Other", "other"),
                ("tandem: Opt-in", "opt_in"),
                ("tandem: Opt-out", "opt_out"),
                ("tandem: Help", "help"),
                ("tandem: Support & more", "Support+%26+more"),
            ]
        );
    }

    #[test]
    fn the_campaigns_of_two_lines_have_names_of_their_own_and_a_shared_one_has_the_accounts() {
        let names = |workspace: &Workspace| {
            let sheet = sheet(workspace);
            let fields = sheet.blocks.into_iter().flat_map(|block| block.fields);
            let own = fields.filter(|(name, _)| name == "Name").map(|(_, content)| content);
            own.chain(sheet.webhook_campaigns.into_iter().map(|campaign| campaign.name)).collect::<Vec<_>>()
        };
        let account = names(&workspace());
        assert_eq!(account[..3], ["tandem: agent replies", "tandem: closing text", "tandem: Other"]);
        let line = |name: &str| Workspace { beside: Some(name.to_owned()), ..workspace() };
        let (uk, fr) = (names(&line("uk")), names(&line("fr")));
        assert_eq!(uk[..3], ["tandem uk: agent replies", "tandem uk: closing text", "tandem uk: Other"]);
        assert!(uk.iter().all(|name| !fr.contains(name) && !account.contains(name)), "{uk:?} {fr:?}");
        let whatsapp = names(&Workspace { channel: Channel::Whatsapp, ..line("uk") });
        assert_eq!(whatsapp[2..4], ["tandem uk: request to write again", "tandem uk: every message"]);

        let shared = Workspace { shares_campaigns: true, ..line("uk") };
        assert_eq!(names(&shared)[..3], ["tandem: agent replies", "tandem: closing text", "tandem uk: Other"]);
        let fields = sheet(&shared).blocks.remove(1).fields;
        let from = &fields.iter().find(|(name, _)| name == "From").unwrap().1;
        for words in ["not group id&1", "line uk has no campaign of its own", "lines.uk.agent_reply"] {
            assert!(from.contains(words), "{words}: {from}");
        }
    }

    #[test]
    fn campaigns_differ_in_one_word_of_the_body_that_is_given_once() {
        let sheet = sheet(&workspace());
        let common = sheet.blocks.last().unwrap().fields.iter().find(|(name, _)| name == "Raw text").unwrap();
        for campaign in &sheet.webhook_campaigns {
            assert_eq!(campaign.body, common.1.replacen(CATEGORY, &campaign.word, 1));
        }
    }

    #[test]
    fn what_we_fill_into_the_body_is_encoded_and_what_braze_fills_in_too() {
        let campaign = sheet(&workspace()).webhook_campaigns.pop().unwrap();
        let body = campaign.body;
        assert!(body.starts_with("channel=sms&category=Support+%26+more&group=group+id%261&campaign={{"), "{body}");
        for field in body.split('&').filter(|field| field.contains("{{")) {
            let is_id = ["campaign=", "dispatch=", "braze_id="].iter().any(|name| field.starts_with(name));
            assert!(is_id || field.ends_with(" | url_encode}}"), "{field}");
        }
    }

    #[test]
    fn a_whatsapp_line_has_one_webhook_campaign_and_a_template() {
        let whatsapp = Workspace { channel: Channel::Whatsapp, keys: "lines.uk".into(), ..workspace() };
        let sheet = sheet(&Workspace { categories: Vec::new(), ..whatsapp });
        let [campaign] = sheet.webhook_campaigns.as_slice() else { panic!("{sheet:?}") };
        assert!(
            campaign.body.starts_with("channel=whatsapp&category=other&group=group+id%261&campaign={{"),
            "{sheet:?}"
        );
        for field in ["name", "text", "media", "flow", "product", "catalog"] {
            assert!(
                campaign.body.contains(&format!("&{field}={{{{whats_app.${{inbound_")),
                "{field}: {}",
                campaign.body
            );
        }
        assert!(!campaign.body.contains("sms."), "{}", campaign.body);
        let titles: Vec<_> = sheet.blocks.iter().map(|block| block.title.as_str()).collect();
        let expected = [
            "REST API key",
            "WhatsApp campaign: agent replies",
            "WhatsApp campaign: closing text (optional)",
            "WhatsApp campaign: request to write again",
            "Webhook campaign: one for the whole group",
        ];
        assert_eq!(titles, expected);
        let all = format!("{sheet:?}");
        assert!(all.contains("put its id into lines.uk.template") && all.contains("response message"), "{all}");
        let all: Vec<_> = sheet.blocks.iter().flat_map(|block| &block.fields).collect();
        let fields = |name: &'static str| all.iter().filter(move |(known, _)| known == name);
        let froms: Vec<_> = fields("From").map(|(_, content)| content.as_str()).collect();
        assert_eq!(froms, ["subscription group group id&1"; 3]);
        assert_eq!(fields("Raw text").next().unwrap().1, campaign.body, "no placeholder where there is one campaign");
        let mapping = include_str!("../../../mappings/template.toml");
        for name in TEMPLATE_VARIABLES {
            assert!(mapping.contains(&format!("\n{name} = \"")), "{name}");
            assert!(
                fields("Variables").next().unwrap().1.contains(&format!("api_trigger_properties.${{{name}}}")),
                "{name}"
            );
        }
    }

    #[test]
    fn the_address_is_below_the_public_one() {
        let blocks = sheet(&workspace()).blocks;
        let url = ("URL".to_owned(), "https://bridge.example/in/webhooks/braze".to_owned());
        assert!(blocks.last().unwrap().fields.contains(&url));
    }

    #[test]
    fn the_mark_is_asked_for_where_reports_are_taken_in_and_told_of_in_any_case() {
        let message = |workspace: &Workspace| {
            let blocks = sheet(workspace).blocks;
            let fields = blocks.into_iter().flat_map(|block| block.fields);
            fields.filter(|(name, _)| name == "Message").map(|(_, content)| content).collect::<Vec<_>>()
        };
        assert_eq!(message(&workspace()), [TEXT_TEMPLATE; 2]);
        let with = Workspace { currents: Some("<a token>".into()), ..workspace() };
        assert_eq!(message(&with), [format!("{TAG_LINE}{TEXT_TEMPLATE}"), format!("{TAG_LINE}{TEXT_TEMPLATE}")]);
        for (workspace, token) in [(workspace(), "CURRENTS_TOKENS"), (with, "<a token>")] {
            let fields = sheet(&workspace).currents.fields;
            let content = |name: &str| &fields.iter().find(|(known, _)| known == name).unwrap().1;
            assert_eq!(content("URL"), "https://bridge.example/in/webhooks/braze/currents");
            assert!(content("Bearer token").contains(token) && content("Tag line") == TAG_LINE);
        }
    }
}
