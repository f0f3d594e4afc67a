//! The one table of configuration keys: names, kinds, defaults and purposes.
//!
//! Unknown-key checks, type checks, environment variables, defaults and the configuration reference all come from
//! here, so they cannot disagree. Rules *beyond* the kind of a value are in [`super::check`].

use std::fmt;

use crate::domain::access::{Right, Role};

/// The sort of value that a key takes. The kind decides how the file and the environment are read, and whether the value
/// may ever be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A text that is never shown.
    Secret,
    /// `true` or `false`.
    Flag,
    /// A whole number within bounds, both included.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of texts that are never shown.
    Secrets,
    /// A list of whole numbers, each within bounds, both included.
    Integers {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A list of these words.
    Words(&'static [&'static str]),
    /// A list of addresses and networks, which may be empty.
    Networks,
    /// A list of texts.
    Texts,
}

/// The kind in words, as the object of "expected".
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text | Self::Secret => f.write_str("a text in quotation marks"),
            Self::Flag => f.write_str("true or false"),
            Self::Integer { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Word(words) => write!(f, "one of {}", words.join(", ")),
            Self::Secrets | Self::Texts => f.write_str("a list of texts, such as [\"…\"]"),
            Self::Integers { min, max } => write!(f, "a list of whole numbers from {min} to {max}"),
            Self::Words(words) => write!(f, "a list of {}", words.join(", ")),
            Self::Networks => f.write_str("a list of addresses and networks, such as [\"10.0.0.5\", \"10.1.0.0/16\"]"),
        }
    }
}

/// One configuration key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its full name, levels separated by dots.
    pub name: &'static str,
    /// The sort of value that it takes.
    pub kind: Kind,
    /// The value when it is not given, written as in the file; `None` when there is none.
    pub default: Option<&'static str>,
    /// Its purpose: one sentence for the reference.
    pub doc: &'static str,
}

impl Key {
    /// The environment variable that overrides the key.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.name.replace('.', "__").to_ascii_uppercase())
    }
}

/// The beginning of every environment variable of ours.
pub const VARIABLE_PREFIX: &str = "TANDEM_";

/// The words of `zendesk.requester_match`.
pub(super) const REQUESTER_MATCH: &[&str] = &["external_id", "user_field", "email", "phone"];

/// The greatest `zendesk.signature_tolerance_seconds`. Dedupe keys are kept for days, so that a request which is
/// repeated while its signature is still good is always recognised; an hour keeps far away from that.
pub const SIGNATURE_TOLERANCE_MAX_SECONDS: u32 = 3600;

/// Every key, in the order of the reference.
pub const KEYS: &[Key] = &[
    key("listen", Kind::Text, Some("0.0.0.0:8080"), "Address and port for webhooks and health."),
    key(
        "operator_listen",
        Kind::Text,
        Some("127.0.0.1:8081"),
        "Address and port for the console, the operator API and metrics; never make it public.",
    ),
    key(
        "operator_token",
        Kind::Secret,
        None,
        "The token of operators without one of their own, as admins; this or an operator is required as soon as operator_listen is not a loopback address.",
    ),
    key(
        "public_url",
        Kind::Text,
        None,
        "How Zendesk and Braze reach `listen`; `serve` uses it only to find its webhooks in Zendesk's log of them.",
    ),
    key(
        "console_url",
        Kind::Text,
        None,
        "How operators reach the console, such as https://tandem.internal.example; alarms link to it.",
    ),
    key(
        "mappings",
        Kind::Text,
        None,
        "Directory of mapping files, relative to this file; without it the shipped mappings are used.",
    ),
    key(
        "catch_up_minutes",
        Kind::Integer { min: 0, max: 1440 },
        Some("5"),
        "Minutes between two looks for replies whose webhooks did not come; the first is at start. 0 means never.",
    ),
    key(
        "reopen_days",
        // Zendesk closes a solved ticket after 28 days at the latest; a longer wish could never come true.
        Kind::Integer { min: 0, max: 28 },
        Some("5"),
        "How long after it was solved a ticket is reopened by the customer's next text, instead of a new one opened.",
    ),
    key(
        "trusted_proxies",
        Kind::Networks,
        None,
        "Addresses and networks of our own proxies: their connections never count against the limit for one address.",
    ),
    key(
        "notes.language",
        Kind::Text,
        Some("en"),
        "The language of tandem's notes to agents: `en`, `fr`, or that of a file notes.LANGUAGE.toml of your own in `mappings`.",
    ),
    key(
        "store.url",
        Kind::Text,
        Some("sled:data"),
        "`sled:` and the directory of the store; a relative one is relative to this file.",
    ),
    key("zendesk.url", Kind::Text, None, "Address of the Zendesk account, such as https://acme.zendesk.com."),
    key("zendesk.client_id", Kind::Text, None, "Identifier of the OAuth client (client credentials)."),
    key("zendesk.client_secret", Kind::Secret, None, "Secret of the OAuth client."),
    key("zendesk.email", Kind::Text, None, "The agent of `api_token`: the legacy way, instead of an OAuth client."),
    key("zendesk.api_token", Kind::Secret, None, "A Zendesk API token; Zendesk ends these on 2027-04-30."),
    key(
        "zendesk.webhook_secrets",
        Kind::Secrets,
        None,
        "Signing secrets of the Zendesk webhooks; several while one is being rotated.",
    ),
    key(
        "zendesk.signature_tolerance_seconds",
        Kind::Integer { min: 30, max: SIGNATURE_TOLERANCE_MAX_SECONDS as i64 },
        Some("600"),
        "How far a signature's timestamp may be from our clock, either way.",
    ),
    key(
        "zendesk.requester_match",
        Kind::Words(REQUESTER_MATCH),
        Some("external_id, user_field, email, phone"),
        "The attributes by which a customer is looked for among Zendesk's users, in this order.",
    ),
    key(
        "zendesk.user_field",
        Kind::Text,
        Some("braze_external_id"),
        "Key of the custom user field that holds the Braze external id: searched, and filled on the requester.",
    ),
    key(
        "braze.url",
        Kind::Text,
        None,
        "The REST endpoint of the Braze workspace, such as https://rest.iad-01.braze.com.",
    ),
    key("braze.api_key", Kind::Secret, None, "A Braze REST API key."),
    key(
        "braze.webhook_tokens",
        Kind::Secrets,
        None,
        "Tokens of the Braze webhook campaigns: each presents one of these.",
    ),
    key(
        "braze.on_unconfirmed",
        Kind::Word(&["resend", "hold"]),
        Some("resend"),
        "For a text whose answer was lost and whose receipt is not found: send it again, or hold it for the operator.",
    ),
    key(
        "braze.confirm_after_seconds",
        Kind::Integers { min: 1, max: 300 },
        Some("5, 15"),
        "When to look for the receipt of a text whose answer was lost: 1 to 5 waits, ascending.",
    ),
    key(
        "braze.recipe_message",
        Kind::Word(&["third_line", "whole"]),
        Some("third_line"),
        "The msg_body of drop-in campaigns: the text on the third line, or the text itself.",
    ),
    key(
        "braze.gsm7",
        Kind::Flag,
        Some("false"),
        "Whether typographic quotation marks and dashes become plain ones, so that texts need fewer segments.",
    ),
    key(
        "braze.subscription_group",
        Kind::Text,
        None,
        "When set, Braze is asked for the customer's state in this subscription group once before each reply and each closing text. Its answer counts over the last STOP or START.",
    ),
    key(
        "braze.campaigns.agent_reply",
        Kind::Text,
        None,
        "Id of the API-triggered campaign that texts an agent's reply.",
    ),
    key(
        "braze.campaigns.ticket_solved",
        Kind::Text,
        None,
        "Id of the API-triggered campaign for the closing text; without it none is sent.",
    ),
    key(
        "alarm.url",
        Kind::Secret,
        None,
        "Address of the alarm receiver, which is told of dead letters, texts set aside as unconfirmed and paused destinations.",
    ),
    key("alarm.token", Kind::Secret, None, "Bearer token for the alarm receiver."),
    key(
        "oidc.issuer",
        Kind::Text,
        None,
        "The identity provider's identifier, as its description at ISSUER/.well-known/openid-configuration writes it. All of `[oidc]` needs a build with the feature `oidc`.",
    ),
    key("oidc.client_id", Kind::Text, None, "Identifier of the client that is registered there for tandem."),
    key("oidc.client_secret", Kind::Secret, None, "Secret of that client."),
    key(
        "oidc.name_claim",
        Kind::Text,
        Some("preferred_username"),
        "The claim of the ID token that names the operator for the audit; it must be unique at the provider.",
    ),
    key(
        "oidc.roles_claim",
        Kind::Text,
        Some("groups"),
        "The claim of the ID token that lists the operator's groups or roles.",
    ),
    key("oidc.roles.read", Kind::Texts, None, "The values of `roles_claim` that give the role `read`."),
    key("oidc.roles.act", Kind::Texts, None, "The values that give the role `act`."),
    key(
        "oidc.roles.admin",
        Kind::Texts,
        None,
        "The values that give the role `admin`; of several roles the greatest counts.",
    ),
];

/// The keys of each `[[operators]]`, in the order of the reference. A variable finds an operator by name:
/// `TANDEM_OPERATORS__ADA__TOKEN`, with capital letters, and `_` for `-` and `.`.
pub const OPERATOR_KEYS: &[Key] = &[
    key("name", Kind::Text, None, "The operator's handle in the audit and the log: letters, digits, `.`, `_`, `-`."),
    key("role", Kind::Word(Role::NAMES), None, "The operator's role; each includes the one before it."),
    key(
        "rights",
        Kind::Words(Right::NAMES),
        None,
        "Capabilities beside the role, which an admin has anyway; nothing asks for them yet.",
    ),
    key("token", Kind::Secret, None, "The operator's token: 16 characters or more, and unlike every other's."),
    key(
        "token_sha256",
        Kind::Secret,
        None,
        "Instead of `token`, its SHA-256 as 64 hexadecimal digits (`printf %s TOKEN | sha256sum`).",
    ),
];

/// The name of the tables that hold [`OPERATOR_KEYS`].
pub(super) const OPERATORS: &str = "operators";

const fn key(name: &'static str, kind: Kind, default: Option<&'static str>, doc: &'static str) -> Key {
    Key { name, kind, default, doc }
}

/// The key of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Whether keys stand below this name, so that it is a table.
pub(super) fn is_table(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// The names that may stand directly in this table ("" for the top), for the remedy of an unknown key.
pub(super) fn known_in(table: &str) -> Vec<&'static str> {
    let prefix = if table.is_empty() { String::new() } else { format!("{table}.") };
    let mut names: Vec<&'static str> = Vec::new();
    for name in KEYS.iter().filter_map(|key| key.name.strip_prefix(prefix.as_str())) {
        let first = name.split('.').next().unwrap_or(name);
        if !names.contains(&first) {
            names.push(first);
        }
    }
    names
}
