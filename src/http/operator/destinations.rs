//! The operator's requests over destinations: their standing, pauses and resumptions. Never calls a vendor.

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::actions;
use super::requests::{Refusal, answer, read_body, to_json};
use crate::domain::account::AccountId;
use crate::domain::operator::PauseTerms;
use crate::domain::text;
use crate::http::answers;
use crate::http::caller::Caller;
use crate::http::state::OperatorState;
use crate::telemetry::Trouble;

/// `GET /api/destinations`.
pub(super) async fn list(State(state): State<OperatorState>) -> Response {
    let items: Vec<Value> = state.accounts.keys().map(|account| destination_json(&state, *account)).collect();
    answer(Ok(json!({ "items": items, "total": items.len(), "next": null })), &state)
}

/// `POST /api/destinations/{destination}/pause`.
pub(super) async fn pause(
    State(state): State<OperatorState>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let paused = async {
        let terms = read_terms(request, state.clock.now()).await?;
        set_paused(&state, &caller, &name, Some(terms)).await
    };
    answer(paused.await, &state)
}

/// `POST /api/destinations/{destination}/resume`.
pub(super) async fn resume(
    State(state): State<OperatorState>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Response {
    answer(set_paused(&state, &caller, &name, None).await, &state)
}

/// The body of a pause. It may be empty, because older programs send none.
async fn read_terms(request: Request, now: Timestamp) -> Result<PauseTerms, Refusal> {
    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        reason: Option<String>,
        until: Option<Timestamp>,
    }
    let body = read_body(request).await?;
    let body: Body = if body.trim_ascii().is_empty() {
        Body::default()
    } else {
        serde_json::from_slice(text::unmarked(&body)).map_err(|_| Refusal::Bad(PAUSE_BODY.to_owned()))?
    };
    actions::pause_terms(body.reason.as_deref(), body.until, now).map_err(Refusal::Bad)
}

const PAUSE_BODY: &str = "the body must be {\"reason\": \"…\", \"until\": \"2026-11-29T17:30:00Z\"}, or empty";

async fn set_paused(
    state: &OperatorState,
    caller: &Caller,
    name: &str,
    terms: Option<PauseTerms>,
) -> Result<Value, Refusal> {
    let order = caller.order(&state.clock);
    let account = actions::account(state, name)?;
    actions::set_paused(state, account, terms, &order).await?;
    Ok(destination_json(state, account))
}

/// A destination: whether an operator has paused it, and whether the vendor refuses the bridge.
fn destination_json(state: &OperatorState, account: AccountId) -> Value {
    let pause = state.store.paused(account);
    to_json(&answers::DestinationStanding {
        destination: account,
        paused: pause.is_some(),
        since: pause.as_ref().map(|pause| pause.since),
        by: pause.as_ref().and_then(|pause| pause.operator.by.clone()),
        until: pause.as_ref().and_then(|pause| pause.until),
        reason: pause.and_then(|pause| pause.reason),
        refused: state.readiness.trouble(account, Trouble::Refuses).map(|since| since.cause),
    })
}
