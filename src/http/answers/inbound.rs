//! The account of webhooks, as the operator API gives it. Never counts itself: [`crate::domain::inbound`] does.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::inbound::{self as known, Arrivals, Endpoint};
use crate::domain::line::Lines;
use crate::intake::Senders;

/// The webhooks that came to `listen`, by endpoint.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Inbound {
    /// The time since which last times are kept: a `last` of `null` means never since then.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// The time since which counts are kept: the start of the bridge.
    #[schema(value_type = String, format = DateTime)]
    counting_since: Timestamp,
    /// The endpoints of all accounts.
    endpoints: Vec<InboundEndpoint>,
}

/// The webhooks of one endpoint.
#[derive(Serialize, ToSchema)]
struct InboundEndpoint {
    /// The kind of its bodies: `zendesk`, `braze`, `recipe_send`, `recipe_new_ticket`, `recipe_append` or `currents`.
    endpoint: &'static str,
    /// The account that posts there.
    account: &'static str,
    /// Its path on `listen`.
    path: String,
    /// Webhooks that became events.
    accepted: InboundSeen,
    /// The same by name, including names that are expected and never came.
    names: Vec<InboundName>,
    /// All other webhooks.
    otherwise: Vec<InboundAnswer>,
}

/// How often, and when.
#[derive(Serialize, ToSchema)]
struct InboundSeen {
    /// How often since the start.
    count: u64,
    /// When last, also before the start.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    last: Option<Timestamp>,
}

/// The webhooks of one name.
#[derive(Serialize, ToSchema)]
struct InboundName {
    /// An event of Zendesk's triggers, or a keyword category of Braze; `(others)` for any other word.
    name: String,
    /// Braze's subscription group, where the campaign names it.
    #[schema(required)]
    line: Option<String>,
    /// The name of that line, where the configuration has it.
    #[schema(required)]
    line_name: Option<String>,
    /// How often since the start.
    count: u64,
    /// When last, also before the start.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    last: Option<Timestamp>,
}

/// Webhooks that became no event, for one reason.
#[derive(Serialize, ToSchema)]
struct InboundAnswer {
    /// `duplicate`, `ignored`, `quarantined`, `refused` or `unavailable`.
    outcome: &'static str,
    /// A fixed word, such as `wrong_token`; empty where the outcome needs none.
    reason: String,
    /// How often since the start.
    count: u64,
    /// When last, also before the start.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    last: Option<Timestamp>,
    /// The remedy; `null` where none is needed.
    #[schema(required)]
    remedy: Option<String>,
}

impl Inbound {
    /// The account, with the names of the lines and the remedies of the vendors.
    pub(in crate::http) fn of(account: &Arrivals, senders: &Senders) -> Self {
        Self {
            since: account.since,
            counting_since: account.counting_since,
            endpoints: account.endpoints.iter().map(|at| endpoint(at, senders)).collect(),
        }
    }
}

fn endpoint(at: &known::At, senders: &Senders) -> InboundEndpoint {
    let known::At { endpoint, accepted, .. } = at;
    InboundEndpoint {
        endpoint: endpoint.door.name(),
        account: endpoint.account.name(),
        path: endpoint.path(),
        accepted: InboundSeen { count: accepted.count, last: accepted.last },
        names: at.names.iter().map(|named| name(*endpoint, named, &senders.lines)).collect(),
        otherwise: at.otherwise.iter().map(|answered| answer(*endpoint, answered, senders)).collect(),
    }
}

fn name(endpoint: Endpoint, named: &known::Named, lines: &Lines) -> InboundName {
    let known::Named { name, line, seen } = named.clone();
    let line_name = line.as_deref().and_then(|line| lines.name_at(endpoint.account, line)).map(str::to_owned);
    InboundName { name, line, line_name, count: seen.count, last: seen.last }
}

fn answer(endpoint: Endpoint, answered: &known::Answered, senders: &Senders) -> InboundAnswer {
    InboundAnswer {
        outcome: answered.outcome.name(),
        reason: answered.reason.clone(),
        count: answered.seen.count,
        last: answered.seen.last,
        remedy: senders.remedy(endpoint, answered.outcome, &answered.reason),
    }
}
