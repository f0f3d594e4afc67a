//! The operator API: metrics, deliveries, conversations and destinations, to show and to move.
//!
//! A caller presents an operator's token. Where the roster is empty, only this machine can connect, and [`guard`] keeps
//! out the web pages that the operator visits. Each route needs a role ([`super::roles`]). Every action leaves an audit
//! line in the log, for success and failure alike, and the store records each change with its author. The name in both
//! is the token's, or that of the header `X-Tandem-By` where several people share the token. Never changes a record
//! except through the store's own rules.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::OperatorState;
use super::answers;
use super::error::{error_answer, json_answer, unavailable};
use super::roles::{self, Caller, Row};
use crate::clock::Clock;
use crate::domain::access::Role;
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::{Delivery, State as Standing};
use crate::domain::event::EventId;
use crate::domain::parts;
use crate::domain::text;
use crate::store::{COMMIT_MICROS, COMMIT_REQUESTS, CommitStats, Page, StoreError};
use crate::telemetry::{Distribution, exposition};

pub(super) mod actions;
pub(super) mod guard;
pub(super) mod lists;
mod orders;

pub(crate) use guard::{is_for_this_machine, is_same_site};

/// Items in a page, unless asked otherwise.
const PAGE_DEFAULT: usize = 50;

/// Items in a page at most. A page is held in memory whole, and a conversation can have several KiB.
const PAGE_MAX: usize = 500;

/// The body of an action: a reason and its JSON.
const ACTION_MAX_BYTES: usize = 8 * 1024;

/// The time for an action's body to arrive. Operators are nearby, so a slower body is given up.
const ACTION_PATIENCE: Duration = Duration::from_secs(10);

/// `GET /metrics` and everything under `/api/`.
pub(super) fn routes(state: OperatorState) -> Router {
    let forbidden = |why: &str| error_answer(StatusCode::FORBIDDEN, why);
    roles::router(table(), forbidden).route_layer(from_fn_with_state(state.clone(), guard::let_in)).with_state(state)
}

/// Every route, with the role that it needs. A route that shows customers' words needs a role that may act.
pub(super) fn table() -> Vec<Row> {
    use Role::{Act, Admin, Read};
    vec![
        Row::get(Read, "/metrics", metrics),
        Row::get(Read, "/api/deliveries", lists::deliveries),
        Row::post(Admin, "/api/deliveries/redrive", orders::redrive_all),
        Row::post(Admin, "/api/deliveries/discard", orders::discard_all),
        Row::get(Act, "/api/deliveries/{id}", show_delivery),
        Row::post(Act, "/api/deliveries/{id}/redrive", redrive),
        Row::post(Act, "/api/deliveries/{id}/discard", discard),
        Row::post(Act, "/api/deliveries/{id}/settle", settle),
        Row::post(Act, "/api/deliveries/{id}/answers", show_answers),
        Row::get(Read, "/api/conversations", lists::conversations),
        // The key is a parameter and no part of the path, because it is the brand's own name of a customer, also `..`.
        Row::get(Act, "/api/conversation", show_conversation),
        Row::post(Admin, "/api/conversation/forget", orders::forget),
        Row::get(Read, "/api/inbound", show_inbound),
        Row::get(Read, "/api/find", lists::find),
        Row::get(Read, "/api/destinations", orders::list_destinations),
        Row::post(Act, "/api/destinations/{destination}/pause", orders::pause),
        Row::post(Act, "/api/destinations/{destination}/resume", orders::resume),
        Row::get(Read, "/api/audit", orders::list_orders),
    ]
}

/// Why a request was not served.
pub(super) enum Refusal {
    /// It makes no sense.
    Bad(String),
    /// The store said no.
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Refusal {
    fn answer(self, state: &OperatorState) -> Response {
        match self {
            Self::Bad(problem) => error_answer(StatusCode::BAD_REQUEST, &problem),
            Self::Store(error @ StoreError::NotFound(_)) => error_answer(StatusCode::NOT_FOUND, &error.to_string()),
            Self::Store(error @ (StoreError::Illegal(_) | StoreError::StaleClaim(_))) => {
                error_answer(StatusCode::CONFLICT, &error.to_string())
            }
            Self::Store(
                error @ (StoreError::BacklogFull(_)
                | StoreError::DiskLow { .. }
                | StoreError::Closed
                | StoreError::Failed(_)),
            ) => {
                tracing::error!(%error, "the store could not serve the operator: {error}");
                unavailable(&state.clock)
            }
        }
    }
}

fn answer(result: Result<Value, Refusal>, state: &OperatorState) -> Response {
    let mut response = match result {
        Ok(body) => json_answer(StatusCode::OK, &body),
        Err(refusal) => refusal.answer(state),
    };
    // Customers' words must not stay in a browser's cache.
    response.headers_mut().insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    response
}

async fn metrics(State(state): State<OperatorState>, headers: HeaderMap) -> Response {
    let counts = state.store.counts();
    let oldest = counts.oldest_unsettled.map_or(Duration::ZERO, |since| shown_age(&state.clock, since));
    // A state without deliveries is shown as 0, so that an alarm on it can end.
    let by_state = Standing::NAMES.map(|name| (name, counts.by_state.get(name).copied().unwrap_or(0)));
    state.metrics.set_deliveries(by_state, oldest);
    state.metrics.set_backlog_max(counts.room.backlog_max);
    for account in state.ends.accounts() {
        state.metrics.set_paused_by_operator(account, state.store.paused(account).is_some());
    }
    for at in state.inbound.shown().endpoints {
        at.accepted.last.into_iter().for_each(|last| state.metrics.set_last_accepted(at.endpoint.name(), last));
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
        let parts = parts::count(&event.kind, state.gsm7);
        Ok(to_json(&answers::DeliveryWithEvent { delivery: (&delivery).into(), parts, event: to_json(&event) }))
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
    let delivery = state.store.delivery(id).await?.map(|(delivery, _)| delivery);
    Ok(delivery.map_or_else(|| json!({ "id": id }), |delivery| delivery_json(&delivery)))
}

async fn read_body(request: Request) -> Result<Bytes, Refusal> {
    let body = Limited::new(request.into_body(), ACTION_MAX_BYTES).collect();
    match tokio::time::timeout(ACTION_PATIENCE, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) | Err(_) => Err(Refusal::Bad("the body is too long or did not come".to_owned())),
    }
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

async fn read_reason(request: Request) -> Result<String, Refusal> {
    let body = read_body(request).await?;
    let body: Value = serde_json::from_slice(text::unmarked(&body))
        .map_err(|_| Refusal::Bad("the body must be {\"reason\": \"…\"}".to_owned()))?;
    let reason = body.get("reason").and_then(Value::as_str).unwrap_or_default();
    actions::reason(reason).map_err(|problem| Refusal::Bad(format!("{problem}: {{\"reason\": \"…\"}}")))
}

async fn show_conversation(State(state): State<OperatorState>, uri: Uri) -> Response {
    let shown = async {
        let key = Query::read(&uri, &["key"])?.take("key").map(ConversationKey);
        let key = key.ok_or_else(|| Refusal::Bad("the parameter key is missing".to_owned()))?;
        let found = state.store.conversation(&key).await?;
        let conversation = found.ok_or_else(|| StoreError::NotFound(format!("conversation {key}")))?;
        Ok(to_json(&answers::ConversationWithCustomer::from(&conversation)))
    };
    answer(shown.await, &state)
}

async fn show_inbound(State(state): State<OperatorState>) -> Response {
    answer(Ok(to_json(&answers::Inbound::from(&state.inbound.shown()))), &state)
}

fn parse_id(id: &str) -> Result<EventId, Refusal> {
    EventId::from_str(id).map_err(|error| Refusal::Bad(error.to_string()))
}

/// A record as JSON. The records' types cannot fail to serialize.
fn to_json<T: Serialize>(record: &T) -> Value {
    serde_json::to_value(record).unwrap_or_default()
}

fn page_json<T>(page: &Page<T>, item: fn(&T) -> Value, cursor: fn(&T) -> String) -> Value {
    let items: Vec<Value> = page.items.iter().map(item).collect();
    let next = page.items.last().filter(|_| page.more).map(cursor);
    to_json(&answers::Page { items, total: page.total, next })
}

fn delivery_json(delivery: &Delivery) -> Value {
    to_json(&answers::Delivery::from(delivery))
}

/// The parameters of a request. An unknown one is refused, because a mistyped filter would list everything.
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn read(uri: &Uri, known: &[&str]) -> Result<Self, Refusal> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Err(Refusal::Bad(format!("unknown parameter; known ones: {}", known.join(", "))));
            }
            parameters.insert(name.into_owned(), value.into_owned());
        }
        Ok(Self(parameters))
    }

    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).filter(|value| !value.is_empty())
    }

    fn state_word(&mut self) -> Result<Option<String>, Refusal> {
        match self.take("state") {
            Some(word) if !Standing::NAMES.contains(&word.as_str()) => {
                Err(Refusal::Bad(format!("unknown state; known ones: {}", Standing::NAMES.join(", "))))
            }
            word => Ok(word),
        }
    }

    fn limit(&mut self) -> Result<usize, Refusal> {
        self.number("limit", PAGE_DEFAULT, PAGE_MAX)
    }

    fn number(&mut self, name: &str, unless_said: usize, max: usize) -> Result<usize, Refusal> {
        let Some(number) = self.take(name) else { return Ok(unless_said) };
        let number = number.parse().ok().filter(|number| (1..=max).contains(number));
        number.ok_or_else(|| Refusal::Bad(format!("{name} must be a number from 1 to {max}")))
    }
}

#[cfg(test)]
mod tests;
