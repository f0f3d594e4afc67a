//! Reading the requests of the operator API, and the form of its answers. Never asks the store.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde_json::Value;

use super::actions;
use crate::domain::delivery::{StateName, UnknownState};
use crate::domain::event::EventId;
use crate::domain::text;
use crate::http::answers;
use crate::http::error::{error_answer, json_answer, unavailable};
use crate::http::state::OperatorState;
use crate::store::{Page, StoreError};

/// Items in a page, unless asked otherwise.
const PAGE_DEFAULT: usize = 50;

/// Items in a page at most. A page is held in memory whole, and a conversation can have several KiB.
const PAGE_MAX: usize = 500;

/// The body of an action: a reason and its JSON.
const ACTION_MAX_BYTES: usize = 8 * 1024;

/// The time for an action's body to arrive. Operators are nearby, so a slower body is given up.
const ACTION_PATIENCE: Duration = Duration::from_secs(10);

/// Why a request was not served.
pub(in crate::http) enum Refusal {
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
    pub(super) fn answer(self, state: &OperatorState) -> Response {
        match self {
            Self::Bad(problem) => error_answer(StatusCode::BAD_REQUEST, &problem),
            Self::Store(error @ StoreError::NotFound(_)) => error_answer(StatusCode::NOT_FOUND, &error.to_string()),
            Self::Store(error @ (StoreError::Illegal(_) | StoreError::StaleClaim(_))) => {
                error_answer(StatusCode::CONFLICT, &error.to_string())
            }
            Self::Store(
                error @ (StoreError::BacklogFull(_)
                | StoreError::DiskLow { .. }
                | StoreError::DatabaseFull
                | StoreError::Away(_)
                | StoreError::Closed
                | StoreError::Failed(_)),
            ) => {
                tracing::error!(%error, "the store could not serve the operator: {error}");
                unavailable(&state.clock)
            }
        }
    }
}

pub(super) fn answer(result: Result<Value, Refusal>, state: &OperatorState) -> Response {
    let mut response = match result {
        Ok(body) => json_answer(StatusCode::OK, &body),
        Err(refusal) => refusal.answer(state),
    };
    // Customers' words must not stay in a browser's cache.
    response.headers_mut().insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    response
}

pub(super) async fn read_body(request: Request) -> Result<Bytes, Refusal> {
    let body = Limited::new(request.into_body(), ACTION_MAX_BYTES).collect();
    match tokio::time::timeout(ACTION_PATIENCE, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) | Err(_) => Err(Refusal::Bad("the body is too long or did not come".to_owned())),
    }
}

pub(super) async fn read_reason(request: Request) -> Result<String, Refusal> {
    let body = read_body(request).await?;
    let body: Value = serde_json::from_slice(text::unmarked(&body))
        .map_err(|_| Refusal::Bad("the body must be {\"reason\": \"…\"}".to_owned()))?;
    let reason = body.get("reason").and_then(Value::as_str).unwrap_or_default();
    actions::reason(reason).map_err(|problem| Refusal::Bad(format!("{problem}: {{\"reason\": \"…\"}}")))
}

pub(super) fn parse_id(id: &str) -> Result<EventId, Refusal> {
    EventId::from_str(id).map_err(|error| Refusal::Bad(error.to_string()))
}

/// A record as JSON. The records' types cannot fail to serialize.
pub(super) fn to_json<T: Serialize>(record: &T) -> Value {
    serde_json::to_value(record).unwrap_or_default()
}

pub(super) fn page_json<T>(page: &Page<T>, item: impl Fn(&T) -> Value, cursor: fn(&T) -> String) -> Value {
    let items: Vec<Value> = page.items.iter().map(item).collect();
    let next = page.items.last().filter(|_| page.more).map(cursor);
    to_json(&answers::Page { items, total: page.total, next })
}

/// The parameters of a request. An unknown one is refused, because a mistyped filter would list everything.
pub(in crate::http) struct Query(BTreeMap<String, String>);

impl Query {
    pub(in crate::http) fn read(uri: &Uri, known: &[&str]) -> Result<Self, Refusal> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Err(Refusal::Bad(format!("unknown parameter; known ones: {}", known.join(", "))));
            }
            parameters.insert(name.into_owned(), value.into_owned());
        }
        Ok(Self(parameters))
    }

    pub(in crate::http) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).filter(|value| !value.is_empty())
    }

    pub(super) fn state(&mut self) -> Result<Option<StateName>, Refusal> {
        let named = self.take("state").map(|word| word.parse());
        named.transpose().map_err(|unknown: UnknownState| Refusal::Bad(unknown.to_string()))
    }

    pub(super) fn limit(&mut self) -> Result<usize, Refusal> {
        self.number("limit", PAGE_DEFAULT, PAGE_MAX)
    }

    pub(super) fn number(&mut self, name: &str, unless_said: usize, max: usize) -> Result<usize, Refusal> {
        let Some(number) = self.take(name) else { return Ok(unless_said) };
        let number = number.parse().ok().filter(|number| (1..=max).contains(number));
        number.ok_or_else(|| Refusal::Bad(format!("{name} must be a number from 1 to {max}")))
    }
}
