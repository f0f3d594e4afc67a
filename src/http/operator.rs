//! The operator API: metrics, deliveries, conversations and destinations, to show and to move.
//!
//! A caller presents an operator's token. Where the roster is empty, only this machine can connect, and [`auth`] keeps
//! out the web pages that the operator visits. Each route needs a role ([`super::roles`]). Every action leaves an audit
//! line in the log, for success and failure alike, and the store records each change with its author. The name in both
//! is the token's, or that of the header `X-Tandem-By` where several people share the token. Never changes a record
//! except through the store's own rules.

use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use http::{HeaderMap, StatusCode, Uri, header};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answers;
use super::auth;
use super::caller::Caller;
use super::error::error_answer;
use super::roles::{self, Row};
use super::state::OperatorState;
use crate::clock::Clock;
use crate::domain::access::Role;
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::StateName;
use crate::domain::event::EventId;
use crate::domain::parts;
use crate::domain::text;
use crate::store::{COMMIT_MICROS, COMMIT_REQUESTS, CommitStats, StoreError};
use crate::telemetry::{Distribution, exposition};

pub(super) mod actions;
mod audit;
mod bulk;
mod destinations;
pub(super) mod lists;
mod requests;

use lists::{LineNames, delivery_json};
pub(super) use requests::{Query, Refusal};
use requests::{answer, parse_id, read_body, read_reason, to_json};

/// `GET /metrics` and everything under `/api/`.
pub(super) fn routes(state: OperatorState) -> Router {
    let forbidden = |why: &str| error_answer(StatusCode::FORBIDDEN, why);
    roles::router(table(), forbidden).route_layer(from_fn_with_state(state.clone(), auth::let_in)).with_state(state)
}

/// Every route, with the role that it needs. A route that shows customers' words needs a role that may act.
pub(super) fn table() -> Vec<Row> {
    use Role::{Act, Admin, Read};
    vec![
        Row::get(Read, "/metrics", metrics),
        Row::get(Read, "/api/deliveries", lists::deliveries),
        Row::post(Admin, "/api/deliveries/redrive", bulk::redrive_all),
        Row::post(Admin, "/api/deliveries/discard", bulk::discard_all),
        Row::get(Act, "/api/deliveries/{id}", show_delivery),
        Row::post(Act, "/api/deliveries/{id}/redrive", redrive),
        Row::post(Act, "/api/deliveries/{id}/discard", discard),
        Row::post(Act, "/api/deliveries/{id}/settle", settle),
        Row::post(Act, "/api/deliveries/{id}/answers", show_answers),
        Row::get(Read, "/api/conversations", lists::conversations),
        // The key is a parameter and no part of the path, because it is the brand's own name of a customer, also `..`.
        Row::get(Act, "/api/conversation", show_conversation),
        Row::post(Admin, "/api/conversation/forget", bulk::forget),
        Row::get(Read, "/api/inbound", show_inbound),
        Row::get(Read, "/api/reports", lists::unbound_reports),
        Row::get(Read, "/api/find", lists::find),
        Row::get(Read, "/api/destinations", destinations::list),
        Row::post(Act, "/api/destinations/{destination}/pause", destinations::pause),
        Row::post(Act, "/api/destinations/{destination}/resume", destinations::resume),
        Row::get(Read, "/api/audit", audit::list),
    ]
}

async fn metrics(State(state): State<OperatorState>, headers: HeaderMap) -> Response {
    let counts = state.store.counts();
    let oldest = counts.oldest_unsettled.map_or(Duration::ZERO, |since| shown_age(&state.clock, since));
    // A state without deliveries is shown as 0, so that an alarm on it can end.
    let by_state = StateName::ALL.map(|name| (name.word(), counts.of(name)));
    state.metrics.set_deliveries(by_state, oldest);
    state.metrics.set_backlog_max(counts.room.backlog_max);
    state.metrics.set_unbound(&state.store.unbound());
    state.metrics.set_pictures_kept(state.store.pictures_bytes());
    for account in state.accounts.keys().copied() {
        state.metrics.set_paused_by_operator(account, state.store.paused(account).is_some());
    }
    for at in state.inbound.shown().endpoints {
        let Some(last) = at.accepted.last else { continue };
        state.metrics.set_last_accepted(at.endpoint.name(), last);
    }
    let (seconds, requests) = distributions(&counts.commits);
    state.metrics.set_commits(seconds, requests);
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (content_type, page) = if accept.into_iter().any(exposition::takes_openmetrics) {
        (exposition::OPENMETRICS, state.metrics.render())
    } else {
        (exposition::CLASSIC, state.metrics.render_classic())
    };
    ([(header::CONTENT_TYPE, content_type), (header::VARY, "accept")], page).into_response()
}

/// The age of a record with this date. A date that lies ahead shows that the clock was or is wrong and tells no age, so
/// the record counts as old as this process.
fn shown_age(clock: &Clock, dated: Timestamp) -> Duration {
    Duration::try_from(clock.now().duration_since(dated)).unwrap_or_else(|_| clock.steady().now())
}

/// The durations of the store's commits in seconds, and the numbers of requests that they answered.
fn distributions(stats: &CommitStats) -> (Distribution, Distribution) {
    let seconds = COMMIT_MICROS.iter().map(|micros| Duration::from_micros(*micros).as_secs_f64());
    // Every bound and sum here is far below the numbers that a float cannot hold.
    let requests = COMMIT_REQUESTS.iter().map(|requests| *requests as f64);
    let rest = [f64::INFINITY];
    let seconds = seconds.chain(rest).zip(stats.by_micros).collect();
    let requests = requests.chain(rest).zip(stats.by_requests).collect();
    (
        Distribution { buckets: seconds, sum: stats.busy.as_secs_f64() },
        Distribution { buckets: requests, sum: stats.requests as f64 },
    )
}

async fn show_delivery(State(state): State<OperatorState>, Path(id): Path<String>) -> Response {
    let shown = async {
        let id = parse_id(&id)?;
        let (delivery, event) = actions::delivery(&state, id).await?;
        let known = state.store.conversation(&delivery.conversation).await?;
        let cut = state.cut(known.as_ref(), &delivery);
        let parts = parts::count(&event.kind, cut);
        let line = known.as_ref().and_then(|known| known.line_name(&state.lines));
        let delivery = answers::Delivery::of(&delivery, line);
        Ok(to_json(&answers::DeliveryWithEvent { delivery, parts, event: to_json(&event) }))
    };
    answer(shown.await, &state)
}

async fn redrive(
    State(state): State<OperatorState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Response {
    let moved = async {
        let (id, order) = (parse_id(&id)?, caller.order(&state.clock));
        actions::redrive(&state, id, &order).await?;
        moved_json(&state, id).await
    };
    answer(moved.await, &state)
}

async fn discard(
    State(state): State<OperatorState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let moved = async {
        let (id, order) = (parse_id(&id)?, caller.order(&state.clock));
        let reason = read_reason(request).await?;
        actions::discard(&state, id, reason, &order).await?;
        moved_json(&state, id).await
    };
    answer(moved.await, &state)
}

async fn settle(
    State(state): State<OperatorState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let moved = async {
        let (id, order) = (parse_id(&id)?, caller.order(&state.clock));
        let out = read_parts(request).await?;
        actions::settle(&state, id, out, &order).await?;
        moved_json(&state, id).await
    };
    answer(moved.await, &state)
}

/// A POST, because the audit records the reader.
async fn show_answers(
    State(state): State<OperatorState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Response {
    let shown = async {
        let (id, order) = (parse_id(&id)?, caller.order(&state.clock));
        Ok(to_json(&answers::VendorAnswers::from(actions::answers(&state, id, &order).await?)))
    };
    answer(shown.await, &state)
}

/// A delivery that was just moved, as it stands now.
async fn moved_json(state: &OperatorState, id: EventId) -> Result<Value, Refusal> {
    let Some((delivery, _)) = state.store.delivery(id).await? else { return Ok(json!({ "id": id })) };
    let names = LineNames::find(state, std::slice::from_ref(&delivery)).await?;
    Ok(delivery_json(&delivery, &names))
}

/// The body of a settling, which may be left out.
async fn read_parts(request: Request) -> Result<Option<u32>, Refusal> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        parts: Option<u32>,
    }
    let body = read_body(request).await?;
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let body: Body = serde_json::from_slice(text::unmarked(&body))
        .map_err(|_| Refusal::Bad("the body must be {\"parts\": 2}, a whole number, or empty".to_owned()))?;
    Ok(body.parts)
}

async fn show_conversation(State(state): State<OperatorState>, uri: Uri) -> Response {
    let shown = async {
        let key = Query::read(&uri, &["key"])?.take("key").map(ConversationKey);
        let key = key.ok_or_else(|| Refusal::Bad("the parameter key is missing".to_owned()))?;
        let found = state.store.conversation(&key).await?;
        let conversation = found.ok_or_else(|| StoreError::NotFound(format!("conversation {key}")))?;
        Ok(to_json(&answers::ConversationWithCustomer::of(&conversation, &state.lines)))
    };
    answer(shown.await, &state)
}

async fn show_inbound(State(state): State<OperatorState>) -> Response {
    answer(Ok(to_json(&answers::Inbound::of(&state.inbound.shown(), &state.intake.borrow()))), &state)
}

#[cfg(test)]
mod tests;
