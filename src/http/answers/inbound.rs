//! The account of webhooks, as the operator API gives it. Never counts itself: [`crate::domain::inbound`] does.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::inbound::{self as known, Arrivals, Door};
use crate::vendors::sources::remedy;

/// The webhooks that came to `listen`, by endpoint.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Inbound {
    /// The time since which last times are kept: a `last` of `null` means never since then.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// The time since which counts are kept: the start of the bridge.
    #[schema(value_type = String, format = DateTime)]
    counting_since: Timestamp,
    /// All endpoints.
    endpoints: Vec<InboundEndpoint>,
}

/// The webhooks of one endpoint.
#[derive(Serialize, ToSchema)]
struct InboundEndpoint {
    /// `zendesk`, `braze`, `recipe_send`, `recipe_new_ticket` or `recipe_append`.
    endpoint: &'static str,
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
    remedy: Option<&'static str>,
}

impl From<&Arrivals> for Inbound {
    fn from(account: &Arrivals) -> Self {
        Self {
            since: account.since,
            counting_since: account.counting_since,
            endpoints: account.endpoints.iter().map(InboundEndpoint::from).collect(),
        }
    }
}

impl From<&known::At> for InboundEndpoint {
    fn from(at: &known::At) -> Self {
        Self {
            endpoint: at.endpoint.name(),
            path: at.endpoint.path(),
            accepted: InboundSeen { count: at.accepted.count, last: at.accepted.last },
            names: at.names.iter().map(InboundName::from).collect(),
            otherwise: at.otherwise.iter().map(|answered| answer(at.endpoint, answered)).collect(),
        }
    }
}

impl From<&known::Named> for InboundName {
    fn from(named: &known::Named) -> Self {
        let known::Named { name, line, seen } = named.clone();
        Self { name, line, count: seen.count, last: seen.last }
    }
}

fn answer(door: Door, answered: &known::Answered) -> InboundAnswer {
    InboundAnswer {
        outcome: answered.outcome.name(),
        reason: answered.reason.clone(),
        count: answered.seen.count,
        last: answered.seen.last,
        remedy: remedy(door, answered.outcome, &answered.reason),
    }
}
