//! The operator's requests over many deliveries and over one customer.
//!
//! A request over many deliveries is one bounded step, durable when it is answered, and its answer says where the next
//! step begins. The order ends where the caller stops asking. Never runs a step by itself.

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use http::Uri;
use jiff::Timestamp;
use serde_json::Value;

use super::actions;
use super::requests::{Query, Refusal, answer, parse_id, read_reason, to_json};
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::StateName;
use crate::domain::operator::Order;
use crate::http::answers;
use crate::http::caller::Caller;
use crate::http::state::OperatorState;
use crate::store::{Found, Moves, Sweep};

/// `POST /api/deliveries/redrive`: one step.
pub(super) async fn redrive_all(
    State(state): State<OperatorState>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Response {
    let moved = async {
        let order = caller.order(&state.clock);
        let sweep = read_sweep(&uri, &StateName::REDRIVEN, &order)?;
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
        let sweep = read_sweep(&uri, &StateName::DISCARDED, &order)?;
        let reason = read_reason(request).await?;
        let (found, moves) = actions::discard_step(&state, &sweep, reason, &order).await?;
        Ok(step_json(&sweep, &found, &moves))
    };
    answer(moved.await, &state)
}

fn read_sweep(uri: &Uri, states: &[StateName], order: &Order) -> Result<Sweep, Refusal> {
    let mut query = Query::read(uri, &["state", "conversation", "accepted_by", "after"])?;
    let state = query.take("state").and_then(|word| word.parse().ok()).filter(|state| states.contains(state));
    let state = state.ok_or_else(|| {
        let words: Vec<&str> = states.iter().map(|state| state.word()).collect();
        Refusal::Bad(format!("state is needed: one of {}", words.join(", ")))
    })?;
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
