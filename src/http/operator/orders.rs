//! The operator's orders over many deliveries, over a customer and over a destination, and the list of all orders.
//!
//! An order over many deliveries is carried out in steps, one a request: each is bounded, durable when it is answered,
//! and says where the next one begins. The order ends where the caller stops asking. Never runs a step by itself.

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::Uri;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::{self, DISCARDED, REDRIVEN};
use super::requests::{Query, Refusal, answer, page_json, parse_id, read_body, read_reason, to_json};
use crate::domain::account::AccountId;
use crate::domain::conversation::ConversationKey;
use crate::domain::operator::{AuditEntry, Order, PauseTerms};
use crate::domain::text;
use crate::http::answers;
use crate::http::caller::Caller;
use crate::http::state::OperatorState;
use crate::store::{Found, Moves, Sweep};
use crate::telemetry::Trouble;

/// `POST /api/deliveries/redrive`: one step.
pub(super) async fn redrive_all(
    State(state): State<OperatorState>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Response {
    let moved = async {
        let order = caller.order(&state.clock);
        let sweep = read_sweep(&uri, &REDRIVEN, &order)?;
        let (found, moves) = actions::redrive_step(&state, &sweep, &order).await?;
        Ok(step_json(&sweep, &found, &moves))
    };
    answer(moved.await, &state)
}

/// `POST /api/deliveries/discard`: one step.
pub(super) async fn discard_all(
    State(state): State<OperatorState>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    request: Request,
) -> Response {
    let moved = async {
        let order = caller.order(&state.clock);
        let sweep = read_sweep(&uri, &DISCARDED, &order)?;
        let reason = read_reason(request).await?;
        let (found, moves) = actions::discard_step(&state, &sweep, reason, &order).await?;
        Ok(step_json(&sweep, &found, &moves))
    };
    answer(moved.await, &state)
}

fn read_sweep(uri: &Uri, states: &[&str], order: &Order) -> Result<Sweep, Refusal> {
    let mut query = Query::read(uri, &["state", "conversation", "accepted_by", "after"])?;
    let word = query.take("state").filter(|word| states.contains(&word.as_str()));
    let state = word.ok_or_else(|| Refusal::Bad(format!("state is needed: one of {}", states.join(", "))))?;
    let time = |word: String| {
        word.parse::<Timestamp>().map_err(|_| Refusal::Bad("accepted_by must be a time: 2026-11-21T12:00:00Z".into()))
    };
    let accepted_by = query.take("accepted_by").map(time).transpose()?;
    Ok(Sweep {
        state,
        conversation: query.take("conversation").map(ConversationKey),
        account: None,
        accepted_by: accepted_by.unwrap_or(order.given_at),
        after: query.take("after").map(|id| parse_id(&id)).transpose()?,
    })
}

fn step_json(sweep: &Sweep, found: &Found, moves: &Moves) -> Value {
    let refused = moves.refused.iter().map(Into::into).collect();
    to_json(&answers::Step { moved: moves.moved, refused, next: found.next, accepted_by: sweep.accepted_by })
}

/// `POST /api/conversation/forget`.
pub(super) async fn forget(
    State(state): State<OperatorState>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Response {
    let forgotten = async {
        let order = caller.order(&state.clock);
        let key = Query::read(&uri, &["key"])?.take("key").map(ConversationKey);
        let key = key.ok_or_else(|| Refusal::Bad("the parameter key is missing".to_owned()))?;
        let forgotten = actions::forget(&state, &key, &order).await?;
        Ok(to_json(&answers::Forgotten::of(&key, &forgotten)))
    };
    answer(forgotten.await, &state)
}

/// `GET /api/destinations`.
pub(super) async fn list_destinations(State(state): State<OperatorState>) -> Response {
    let items = state.ends.accounts().map(|account| destination_json(&state, account));
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

/// `GET /api/audit`: newest first.
pub(super) async fn list_orders(State(state): State<OperatorState>, uri: Uri) -> Response {
    let listed = async {
        let mut query = Query::read(&uri, &["after", "limit"])?;
        let number = |word: String| {
            word.parse::<u64>().map_err(|_| Refusal::Bad("after must be the number of an entry".to_owned()))
        };
        let after = query.take("after").map(number).transpose()?;
        let page = state.store.audit(after, query.limit()?).await?;
        let entry_json = |entry: &AuditEntry| to_json(&answers::AuditEntry::from(entry));
        Ok(page_json(&page, entry_json, |entry| entry.number.to_string()))
    };
    answer(listed.await, &state)
}
