//! A webhook as it was received, the options for reading it, and the reasons to refuse it. It never looks inside a body.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

use crate::domain::account::{AccountId, End, Ends};
use crate::domain::inbound::Door;

/// The address of an endpoint below the one at which the vendors reach the bridge.
#[must_use]
pub fn public_address(public_url: &Url, path: &str) -> String {
    format!("{}{path}", public_url.as_str().trim_end_matches('/'))
}

/// A webhook as it was received. It has no `Debug` form, because every part of it may be secret or personal.
pub struct RawWebhook {
    /// The endpoint that it was posted to.
    pub endpoint: Endpoint,
    /// The HTTP method.
    pub method: Method,
    /// The address as received; only its path is read.
    pub uri: Uri,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, bounded by the receiver.
    pub body: Bytes,
    /// When the whole of it was received.
    pub received_at: Timestamp,
}

/// An endpoint for webhooks, with the part of the path that carries data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/webhooks/{account}` of a Zendesk account.
    Zendesk,
    /// `/webhooks/{account}` of a Braze account.
    Braze,
    /// `/campaigns/trigger/send`: the recipe's Zendesk triggers.
    RecipeSend,
    /// `/api/v2/tickets[.json]`: the recipe's first Braze campaign.
    RecipeNewTicket,
    /// `/api/v2/tickets/{ticket}[.json]`: the recipe's second Braze campaign.
    RecipeAppend {
        /// The path's last segment as received: perhaps empty, perhaps with `.json`.
        ticket: String,
    },
}

impl Endpoint {
    /// The endpoint at a path of the first accounts.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let path = path.split_once('?').map_or(path, |(path, _query)| path);
        Some(match path {
            "/webhooks/zendesk" => Self::Zendesk,
            "/webhooks/braze" => Self::Braze,
            // The recipe's own page spells it both ways.
            "/campaigns/trigger/send" | "/campaign/trigger/send" => Self::RecipeSend,
            "/api/v2/tickets" | "/api/v2/tickets.json" => Self::RecipeNewTicket,
            _ => {
                let ticket = path.strip_prefix("/api/v2/tickets/").filter(|ticket| !ticket.contains('/'))?;
                Self::RecipeAppend { ticket: ticket.to_owned() }
            }
        })
    }

    /// The own endpoint of an account at this end.
    #[must_use]
    pub const fn of(end: End) -> Self {
        match end {
            End::Desk => Self::Zendesk,
            End::Carrier => Self::Braze,
        }
    }

    /// The account of this endpoint where the path names none: the recipe knows one of each vendor.
    #[must_use]
    pub fn first_account(&self) -> AccountId {
        Ends::FIRST.at(if self.is_zendesk() { End::Desk } else { End::Carrier })
    }

    /// Its name in logs and metrics: the account's own where the path names the account.
    #[must_use]
    pub fn name(&self, account: AccountId) -> &'static str {
        match self {
            Self::Zendesk | Self::Braze => account.name(),
            Self::RecipeSend | Self::RecipeNewTicket | Self::RecipeAppend { .. } => self.door().name(),
        }
    }

    /// The endpoint without the data in its path.
    #[must_use]
    pub fn door(&self) -> Door {
        match self {
            Self::Zendesk => Door::Desk,
            Self::Braze => Door::Carrier,
            Self::RecipeSend => Door::RecipeSend,
            Self::RecipeNewTicket => Door::RecipeNewTicket,
            Self::RecipeAppend { .. } => Door::RecipeAppend,
        }
    }

    /// Whether Zendesk posts here; otherwise Braze does.
    #[must_use]
    pub fn is_zendesk(&self) -> bool {
        self.door().end() == End::Desk
    }
}

/// The part of the configuration that Currents needs.
#[derive(Clone, Debug, Default)]
pub struct CurrentsOptions {
    /// The bearer tokens that the connector may present. None, or an empty one, matches nothing.
    pub tokens: Vec<SecretString>,
    /// The campaigns that this bridge sends texts with. A report about another one is not about its texts.
    pub campaigns: Vec<String>,
    /// The lines whose inbound texts are this bridge's, as far as the configuration names them.
    pub lines: Vec<String>,
    /// Whether the configuration names the default line's address as well, so that no other line is this bridge's.
    pub names_all: bool,
}

/// The part of the configuration that the intake needs of one account. An account at one end leaves the secrets of the
/// other end empty.
#[derive(Clone, Debug, Default)]
pub struct IntakeOptions {
    /// Zendesk's signing secrets; several during a rotation. An empty secret matches nothing.
    pub zendesk_secrets: Vec<SecretString>,
    /// How far the signature's timestamp may be from now, either way.
    pub zendesk_tolerance: Duration,
    /// The tokens that Braze's webhook campaigns may present. An empty token matches nothing.
    pub braze_tokens: Vec<SecretString>,
    /// The recipe's custom user field, which holds the customer's external id.
    pub user_field: String,
    /// For the reports of the carrier.
    pub currents: CurrentsOptions,
}

/// Why a webhook was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No signature, or no timestamp to it.
    MissingSignature,
    /// The signature matches no configured secret.
    WrongSignature,
    /// The signature is right, but the timestamp is not a time.
    BadTimestamp,
    /// The signature is right, but too old or too far ahead.
    Stale,
    /// No token.
    MissingToken,
    /// The token is not a configured one.
    WrongToken,
}

impl Refusal {
    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingSignature => "missing_signature",
            Self::WrongSignature => "wrong_signature",
            Self::BadTimestamp => "bad_timestamp",
            Self::Stale => "stale",
            Self::MissingToken => "missing_token",
            Self::WrongToken => "wrong_token",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
