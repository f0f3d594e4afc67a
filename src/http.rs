//! The two routers. The public one takes webhooks in. The operator's one shows and moves deliveries, for programs (the
//! operator API) and for people (the console).
//!
//! Never calls a vendor, and never decides the meaning of a webhook: [`crate::intake`] does. A handler extracts, asks,
//! stores and answers. The public router shows no stored record.

use std::sync::Arc;

use axum::Router;

use crate::clock::Clock;

mod answers;
mod auth;
mod caller;
mod connections;
mod console;
mod error;
mod health;
mod inbound;
mod memory;
mod network;
pub mod openapi;
mod operator;
mod reports;
mod roles;
mod state;
mod tries;
mod webhooks;

pub(crate) use auth::{is_for_this_machine, is_same_site};
pub(crate) use console::guarded;
pub use console::{
    Allowance, Allowances, Begun, Check, Checked, Console, ConsoleOptions, PreviewCampaigns, Provider, Setting,
    SettingsGroup, ShownMappings, SignOn, SignedOn,
};

#[cfg(test)]
pub(crate) mod testing;

pub use connections::{Admission, serve};
pub use inbound::Inbound;
pub use memory::Memory;
pub use network::{Network, NotANetwork};
pub use state::{OperatorState, PublicState};

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
