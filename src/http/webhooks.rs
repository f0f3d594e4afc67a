//! From a request to a durable event, and the answer that tells its sender so.
//!
//! Never answers 202 for anything that the store has not confirmed, and never a status that makes a sender give up on
//! something it could have meant: Zendesk and Braze repeat a 503 with `Retry-After`, but not a 400, a 404 or a 500.
//! Logs one line for each webhook: its endpoint, what came of it, the event's id.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{post, put};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::json;
use tokio::sync::Semaphore;

use super::PublicState;
use super::error::{error_answer, json_answer, unauthorized, unavailable};
use crate::domain::event::EventId;
use crate::intake::{self, Endpoint, Intake, RawWebhook};
use crate::store::{Accepted, StoreError};

/// The contract's limit on a body. Zendesk cuts comments at 64 KiB, and Braze's texts are far shorter.
const BODY_MAX_BYTES: usize = 256 * 1024;

/// Webhooks in hand at the same time; with [`BODY_MAX_BYTES`] this bounds their memory to 128 MiB.
const IN_HAND_MAX: usize = 512;

/// How long we wait, each with its reason; tests wait less.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// For the body. Zendesk gives up on the whole call after 10 to 12 seconds.
    body: Duration,
    /// For the store. Before Zendesk gives up, so that our answer, with its `Retry-After`, is the one that counts.
    store: Duration,
}

const PATIENCE: Patience = Patience { body: Duration::from_secs(10), store: Duration::from_secs(8) };

#[derive(Clone)]
struct Desk {
    state: PublicState,
    permits: Arc<Semaphore>,
    patience: Patience,
}

/// The webhook endpoints: our own two, and those of the published recipe.
pub(super) fn routes(state: PublicState) -> Router {
    routes_with(state, PATIENCE, IN_HAND_MAX)
}

fn routes_with(state: PublicState, patience: Patience, in_hand_max: usize) -> Router {
    Router::new()
        .route("/webhooks/zendesk", post(zendesk))
        .route("/webhooks/braze", post(braze))
        .route("/campaigns/trigger/send", post(recipe_send))
        .route("/campaign/trigger/send", post(recipe_send))
        .route("/api/v2/tickets", post(recipe_new_ticket))
        .route("/api/v2/tickets.json", post(recipe_new_ticket))
        .route("/api/v2/tickets/", put(recipe_append))
        .route("/api/v2/tickets/{id}", put(recipe_append))
        .with_state(Desk { state, permits: Arc::new(Semaphore::new(in_hand_max)), patience })
}

async fn zendesk(State(desk): State<Desk>, request: Request) -> Response {
    take(desk, Endpoint::Zendesk, request).await
}

async fn braze(State(desk): State<Desk>, request: Request) -> Response {
    take(desk, Endpoint::Braze, request).await
}

async fn recipe_send(State(desk): State<Desk>, request: Request) -> Response {
    take(desk, Endpoint::RecipeSend, request).await
}

async fn recipe_new_ticket(State(desk): State<Desk>, request: Request) -> Response {
    take(desk, Endpoint::RecipeNewTicket, request).await
}

/// The ticket is whatever the recipe's template made of the customer's attribute, often nothing at all. It is taken
/// from the raw path, so that no way of writing it is refused here: whether it is a number is the intake's question.
async fn recipe_append(State(desk): State<Desk>, request: Request) -> Response {
    let name = request.uri().path().strip_prefix("/api/v2/tickets/").unwrap_or_default();
    let ticket = name.strip_suffix(".json").unwrap_or(name).to_owned();
    take(desk, Endpoint::RecipeAppend { ticket }, request).await
}

/// What came of a webhook.
enum Answer {
    Accepted(EventId),
    Duplicate(EventId),
    Ignored(&'static str),
    Quarantined(EventId),
    /// Not who it should be.
    Refused(&'static str),
    TooLarge,
    /// The body did not come in time, or not whole.
    Cut,
    /// Why we cannot take it now; for the log only.
    Unavailable(String),
}

async fn take(desk: Desk, endpoint: Endpoint, request: Request) -> Response {
    let name = endpoint_name(&endpoint);
    let answer = match desk.permits.try_acquire() {
        Ok(_permit) => match receive(endpoint, request, &desk).await {
            Ok(webhook) => decide(&webhook, &desk).await,
            Err(answer) => answer,
        },
        Err(_) => Answer::Unavailable(format!("{IN_HAND_MAX} webhooks are in hand already")),
    };
    answer.count(name, &desk);
    answer.log(name);
    answer.into_response(&desk)
}

/// Reads the request, at most [`BODY_MAX_BYTES`] of it, whatever its headers claim.
async fn receive(endpoint: Endpoint, request: Request, desk: &Desk) -> Result<RawWebhook, Answer> {
    let received_at = desk.state.clock.now();
    let (parts, body) = request.into_parts();
    let body = read_body(body, desk.patience.body).await?;
    Ok(RawWebhook {
        endpoint,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body,
        received_at,
    })
}

async fn read_body(body: Body, patience: Duration) -> Result<Bytes, Answer> {
    if body.size_hint().lower() > BODY_MAX_BYTES as u64 {
        return Err(Answer::TooLarge);
    }
    match tokio::time::timeout(patience, Limited::new(body, BODY_MAX_BYTES).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Answer::TooLarge),
        Ok(Err(_)) | Err(_) => Err(Answer::Cut),
    }
}

async fn decide(webhook: &RawWebhook, desk: &Desk) -> Answer {
    let store = &desk.state.store;
    match intake::read(webhook, &desk.state.intake) {
        Intake::Refused { why } => Answer::Refused(why.name()),
        Intake::Ignored { reason } => Answer::Ignored(reason),
        Intake::Event { event, dedupe } => {
            let stored = store.accept(event, dedupe, desk.state.clock.now());
            settle(tokio::time::timeout(desk.patience.store, stored).await, Answer::Accepted)
        }
        Intake::Quarantined { event, cause, dedupe } => {
            let stored = store.quarantine(event, cause, dedupe, desk.state.clock.now());
            settle(tokio::time::timeout(desk.patience.store, stored).await, Answer::Quarantined)
        }
    }
}

/// A call that timed out may still be recorded; its sender repeats it then and is told that it is a duplicate.
fn settle(
    stored: Result<Result<Accepted, StoreError>, tokio::time::error::Elapsed>,
    new: fn(EventId) -> Answer,
) -> Answer {
    match stored {
        Ok(Ok(Accepted::New(id))) => new(id),
        Ok(Ok(Accepted::Duplicate(id))) => Answer::Duplicate(id),
        Ok(Ok(Accepted::Echo)) => Answer::Ignored("echo"),
        Ok(Err(error)) => Answer::Unavailable(error.to_string()),
        Err(_) => Answer::Unavailable("the store did not answer in time".to_owned()),
    }
}

impl Answer {
    fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Duplicate(_) => "duplicate",
            Self::Ignored(_) => "ignored",
            Self::Quarantined(_) => "quarantined",
            Self::Refused(_) => "refused",
            Self::TooLarge => "too_large",
            Self::Cut => "cut",
            Self::Unavailable(_) => "unavailable",
        }
    }

    fn count(&self, endpoint: &'static str, desk: &Desk) {
        let metrics = &desk.state.metrics;
        match self {
            Self::Accepted(_) => metrics.accepted(endpoint),
            Self::Duplicate(_) => metrics.duplicate(endpoint),
            Self::Ignored(_) => metrics.ignored(endpoint),
            Self::Quarantined(_) => metrics.quarantined(endpoint),
            Self::Refused(cause) => metrics.refused(cause),
            Self::TooLarge | Self::Cut => metrics.refused(self.name()),
            Self::Unavailable(_) => metrics.unavailable(),
        }
    }

    fn log(&self, endpoint: &'static str) {
        let outcome = self.name();
        match self {
            Self::Accepted(id) | Self::Duplicate(id) | Self::Quarantined(id) => {
                tracing::info!(endpoint, outcome, event_id = %id, "webhook {outcome} as {id}");
            }
            // A trigger whose event name is misspelt would otherwise lose replies without a word.
            Self::Ignored(reason @ "unknown event") => {
                let known = "agent_reply, ticket_solved, ticket_reopened";
                tracing::warn!(endpoint, outcome, reason, "webhook ignored: {reason}; the known ones are {known}");
            }
            Self::Ignored(reason) => tracing::info!(endpoint, outcome, reason, "webhook ignored: {reason}"),
            Self::TooLarge | Self::Cut => tracing::info!(endpoint, outcome, "webhook {outcome}"),
            Self::Refused(cause) => tracing::warn!(endpoint, outcome, cause, "webhook refused: {cause}"),
            Self::Unavailable(cause) => tracing::error!(endpoint, outcome, cause, "webhook turned away: {cause}"),
        }
    }

    fn into_response(self, desk: &Desk) -> Response {
        let status = self.name();
        let accepted = |body| json_answer(StatusCode::ACCEPTED, &body);
        match self {
            Self::Accepted(id) | Self::Duplicate(id) | Self::Quarantined(id) => {
                accepted(json!({ "status": status, "id": id }))
            }
            Self::Ignored(reason) => accepted(json!({ "status": status, "reason": reason })),
            Self::Refused(_) => unauthorized(),
            Self::TooLarge => closing(error_answer(StatusCode::PAYLOAD_TOO_LARGE, "the body is over 256 KiB")),
            // Not 408, which Zendesk does not repeat.
            Self::Cut => closing(unavailable(&desk.state.clock)),
            Self::Unavailable(_) => unavailable(&desk.state.clock),
        }
    }
}

/// The rest of the body is still on its way, so the connection cannot carry another request.
fn closing(mut answer: Response) -> Response {
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// The word for the endpoint, in logs and metrics.
fn endpoint_name(endpoint: &Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Zendesk => "zendesk",
        Endpoint::Braze => "braze",
        Endpoint::RecipeSend => "recipe_send",
        Endpoint::RecipeNewTicket => "recipe_new_ticket",
        Endpoint::RecipeAppend { .. } => "recipe_append",
    }
}

#[cfg(test)]
mod tests;
