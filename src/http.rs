//! The two routers: the public one takes webhooks in, the operator's one shows and moves what is waiting, to programs
//! (the operator API) and to people (the console).
//!
//! Nothing here calls a vendor, and nothing here decides what a webhook means: that is [`crate::intake`]. A handler
//! extracts, asks, stores and answers. The public router shows nothing of what is stored.

use std::sync::Arc;

use axum::Router;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::domain::access::Roster;
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

/// What the public router works with.
#[derive(Clone)]
pub struct PublicState {
    /// Where accepted events go.
    pub store: Arc<dyn Store>,
    /// By what webhooks are verified; it may change at any time.
    pub intake: watch::Receiver<Arc<IntakeOptions>>,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The account of webhooks.
    pub inbound: Arc<Inbound>,
    /// Why we might not be ready.
    pub readiness: Arc<Readiness>,
    /// What long bodies take their memory from.
    pub memory: Arc<Memory>,
}

/// What the operator's router works with.
#[derive(Clone)]
pub struct OperatorState {
    /// What is shown and moved.
    pub store: Arc<dyn Store>,
    /// By what quarantined bodies are read again; it may change at any time.
    pub intake: watch::Receiver<Arc<IntakeOptions>>,
    /// The time.
    pub clock: Clock,
    /// What is shown.
    pub metrics: Arc<Metrics>,
    /// The account of webhooks.
    pub inbound: Arc<Inbound>,
    /// Why we might not be ready.
    pub readiness: Arc<Readiness>,
    /// Who may present which token; empty only where nobody but this machine can connect. It may change at any time.
    pub roster: watch::Receiver<Arc<Roster>>,
    /// What only the console works with.
    pub console: Console,
    /// Whether typographic characters are replaced before a reply is cut in parts, as for the worker.
    pub gsm7: bool,
}

/// Webhooks and health: what the contract's §3 and §5 promise on `listen`.
pub fn public_router(state: PublicState) -> Router {
    let health = health::routes(Arc::clone(&state.store), Arc::clone(&state.readiness));
    let health = panics_caught(health, state.clock.clone());
    // Webhooks catch their own panics: the layer would be a good part of what one costs.
    in_json(webhooks::routes(state).merge(health))
}

/// Metrics, health, the operator API and the console.
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
