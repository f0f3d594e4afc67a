//! The two routers. The public one takes webhooks in. The operator's one shows and moves deliveries, for programs (the
//! operator API) and for people (the console).
//!
//! Never calls a vendor, and never decides the meaning of a webhook: [`crate::intake`] does. A handler extracts, asks,
//! stores and answers. The public router shows no stored record.

use std::sync::Arc;

use axum::Router;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::domain::access::Roster;
use crate::domain::account::Ends;
use crate::intake::IntakeOptions;
use crate::store::Store;
use crate::telemetry::{Metrics, Readiness};

mod answers;
mod connections;
mod console;
mod error;
mod health;
mod inbound;
mod memory;
mod network;
pub mod openapi;
mod operator;
mod roles;
mod tries;
mod webhooks;

pub(crate) use console::guarded;
pub use console::{
    Allowance, Allowances, Begun, Check, Checked, Console, ConsoleOptions, PreviewCampaigns, Provider, Setting,
    SettingsGroup, ShownMappings, SignOn, SignedOn,
};
pub(crate) use operator::{is_for_this_machine, is_same_site};

#[cfg(test)]
pub(crate) mod testing;

pub use connections::{Admission, serve};
pub use inbound::Inbound;
pub use memory::Memory;
pub use network::{Network, NotANetwork};

/// The state of the public router.
#[derive(Clone)]
pub struct PublicState {
    /// The store that accepts events.
    pub store: Arc<dyn Store>,
    /// The secrets and rules that verify webhooks; a reload of the configuration changes them.
    pub intake: watch::Receiver<Arc<IntakeOptions>>,
    /// The time.
    pub clock: Clock,
    /// The metrics that webhooks are counted in.
    pub metrics: Arc<Metrics>,
    /// The account of webhooks.
    pub inbound: Arc<Inbound>,
    /// The reasons against readiness.
    pub readiness: Arc<Readiness>,
    /// The memory that long bodies share.
    pub memory: Arc<Memory>,
}

/// The state of the operator's router.
#[derive(Clone)]
pub struct OperatorState {
    /// The store whose records are shown and moved.
    pub store: Arc<dyn Store>,
    /// The rules by which quarantined bodies are read again; a reload of the configuration changes them.
    pub intake: watch::Receiver<Arc<IntakeOptions>>,
    /// The time.
    pub clock: Clock,
    /// The metrics that `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// The account of webhooks.
    pub inbound: Arc<Inbound>,
    /// The reasons against readiness.
    pub readiness: Arc<Readiness>,
    /// The operators and their tokens; empty only where the listener is on a loopback address. A reload of the
    /// configuration changes it.
    pub roster: watch::Receiver<Arc<Roster>>,
    /// The console's own state.
    pub console: Console,
    /// The accounts between which conversations run.
    pub ends: Ends,
    /// Whether typographic characters are replaced before a reply is cut in parts, as for the worker.
    pub gsm7: bool,
}

/// The router on `listen`: webhooks and health.
pub fn public_router(state: PublicState) -> Router {
    let health = health::routes(Arc::clone(&state.store), Arc::clone(&state.readiness));
    let health = panics_caught(health, state.clock.clone());
    // Webhooks catch their own panics, because the layer would add noticeably to the cost of a webhook.
    in_json(webhooks::routes(state).merge(health))
}

/// The router on `operator_listen`: metrics, health, the operator API and the console.
pub fn operator_router(state: OperatorState) -> Router {
    let clock = state.clock.clone();
    let health = health::routes(Arc::clone(&state.store), Arc::clone(&state.readiness));
    let routes = operator::routes(state.clone()).merge(console::routes(state)).merge(health);
    in_json(panics_caught(routes, clock))
}

/// JSON for unknown paths and methods.
fn in_json(router: Router) -> Router {
    router.fallback(error::unknown_path).method_not_allowed_fallback(error::wrong_method)
}

/// No panic of these routes reaches the connection.
fn panics_caught(router: Router, clock: Clock) -> Router {
    router.layer(axum::middleware::from_fn_with_state(clock, error::catch_panic))
}
