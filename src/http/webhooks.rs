//! From a request to a durable event, and the answer that tells its sender so.
//!
//! Never answers 202 before the store has confirmed the event, and never answers a genuine webhook with a status that
//! makes its sender give up: Zendesk and Braze repeat a 503 with `Retry-After`, but not a 400, a 404 or a 500. Logs one
//! line for each webhook: its endpoint, its outcome and the event's id.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{post, put};
use bytes::BytesMut;
use futures_util::future::BoxFuture;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::Timestamp;
use tokio::sync::SemaphorePermit;
use tracing::field::Empty;
use tracing::{Span, debug_span};

use super::PublicState;
use super::answers::Acknowledgement;
use super::connections;
use super::error::{error_answer, json_answer, panic_caught, unauthorized, unavailable};
use super::memory::SHARE_BYTES;
use crate::clock::Clock;
use crate::domain::account::Ends;
use crate::domain::event::EventId;
use crate::domain::inbound::{Door, Otherwise, Slot};
use crate::failpoint;
use crate::intake::{Endpoint, Intake, IntakeOptions, RawWebhook, Refusal};
use crate::store::{Accepted, StoreError};
use crate::vendors::sources;

/// The limit on a body. Zendesk cuts comments at 64 KiB, and Braze's texts are far shorter.
const BODY_MAX_BYTES: usize = 256 * 1024;

/// The time for a webhook, from its headers to its place on disk. Zendesk gives up after 10 to 12 seconds, so the
/// answer with its `Retry-After` arrives before that.
const PATIENCE: Duration = Duration::from_secs(8);

/// The state that every endpoint's handler shares.
struct HandlerState {
    state: PublicState,
    /// [`PATIENCE`]; tests have less.
    patience: Duration,
}

/// The webhook endpoints: tandem's own two, and those of the published recipe.
pub(super) fn routes(state: PublicState) -> Router {
    routes_with(state, PATIENCE)
}

fn routes_with(state: PublicState, patience: Duration) -> Router {
    Router::new()
        .route("/webhooks/zendesk", post(zendesk))
        .route("/webhooks/braze", post(braze))
        .route("/campaigns/trigger/send", post(recipe_send))
        .route("/campaign/trigger/send", post(recipe_send))
        .route("/api/v2/tickets", post(recipe_new_ticket))
        .route("/api/v2/tickets.json", post(recipe_new_ticket))
        .route("/api/v2/tickets/", put(recipe_append))
        .route("/api/v2/tickets/{id}", put(recipe_append))
        .with_state(Arc::new(HandlerState { state, patience }))
}

fn zendesk(State(handler): State<Arc<HandlerState>>, request: Request) -> impl Future<Output = Response> {
    take(handler, Endpoint::Zendesk, request)
}

fn braze(State(handler): State<Arc<HandlerState>>, request: Request) -> impl Future<Output = Response> {
    take(handler, Endpoint::Braze, request)
}

fn recipe_send(State(handler): State<Arc<HandlerState>>, request: Request) -> impl Future<Output = Response> {
    take(handler, Endpoint::RecipeSend, request)
}

fn recipe_new_ticket(State(handler): State<Arc<HandlerState>>, request: Request) -> impl Future<Output = Response> {
    take(handler, Endpoint::RecipeNewTicket, request)
}

/// The ticket is the text that the recipe's template made of the customer's attribute, often an empty one. It is taken
/// from the raw path, so that this route accepts every text; the intake decides whether it is a number.
fn recipe_append(State(handler): State<Arc<HandlerState>>, request: Request) -> impl Future<Output = Response> {
    let name = request.uri().path().strip_prefix("/api/v2/tickets/").unwrap_or_default();
    let ticket = name.strip_suffix(".json").unwrap_or(name).to_owned();
    take(handler, Endpoint::RecipeAppend { ticket }, request)
}

/// The outcome of a webhook.
enum Answer {
    Accepted(EventId),
    Duplicate(EventId),
    Ignored(&'static str),
    Quarantined(EventId),
    /// The sender is not authentic.
    Refused(&'static str),
    TooLarge,
    /// The body did not come in time, or not whole.
    Cut,
    /// The bridge cannot take it now.
    Unavailable(Obstacle),
}

/// The reason why the bridge cannot take a webhook now: a word for the metrics, and a sentence for the log.
struct Obstacle {
    reason: &'static str,
    cause: String,
}

impl Obstacle {
    fn new(reason: &'static str, cause: &str) -> Self {
        Self { reason, cause: cause.to_owned() }
    }
}

impl From<StoreError> for Obstacle {
    fn from(error: StoreError) -> Self {
        let reason = match &error {
            StoreError::BacklogFull(_) => "backlog",
            StoreError::DiskLow { .. } => "disk",
            StoreError::Closed => "stopping",
            StoreError::StaleClaim(_) | StoreError::NotFound(_) | StoreError::Illegal(_) | StoreError::Failed(_) => {
                "store_failed"
            }
        };
        Self { reason, cause: error.to_string() }
    }
}

impl From<Obstacle> for Answer {
    fn from(obstacle: Obstacle) -> Self {
        Self::Unavailable(obstacle)
    }
}

/// The handler of every endpoint. Its future is kept small, because each waiting webhook has one. The request is lent
/// until it is read, so that a future that waits for the store holds nothing of it.
#[expect(clippy::manual_async_fn, reason = "an async fn would hold the request twice")]
fn take(handler: Arc<HandlerState>, endpoint: Endpoint, mut request: Request) -> impl Future<Output = Response> {
    async move { panic_caught(take_in(&handler, endpoint, &mut request), &handler.state.clock).await }
}

async fn take_in(handler: &HandlerState, endpoint: Endpoint, request: &mut Request) -> Response {
    let door = endpoint.door();
    let name = door.name();
    let span = debug_span!("webhook", endpoint = name, outcome = Empty, event_id = Empty);
    // One deadline for the body and the store together, because the sender waits for both.
    let mut arrived = None;
    let answer = tokio::time::timeout(handler.patience, answer(handler, endpoint, request, &mut arrived));
    let answer = match answer.await {
        Ok(answer) => answer.unwrap_or_else(|answer| answer),
        // The event may still be stored. Its sender then repeats it and gets `duplicate`.
        Err(_) if arrived.is_some() => Obstacle::new("store_slow", "the store did not answer in time").into(),
        Err(_) => Answer::Cut,
    };
    answer.count(door, arrived, handler);
    answer.log(name);
    answer.trace(&span);
    failpoint::reach("http.answering");
    answer.into_response(handler)
}

/// A webhook that was read and goes to the store.
#[derive(Clone, Copy)]
struct Arrived {
    at: Timestamp,
    /// The slot of its name in the account.
    slot: Option<Slot>,
}

async fn answer(
    handler: &HandlerState,
    endpoint: Endpoint,
    request: &mut Request,
    arrived: &mut Option<Arrived>,
) -> Result<Answer, Answer> {
    let (storing, _share) = receive(handler, endpoint, request).await?;
    *arrived = Some(storing.arrived);
    match storing.stored.await {
        Ok(Accepted::New(id)) => Ok((storing.new)(id)),
        Ok(Accepted::Duplicate(id)) => Ok(Answer::Duplicate(id)),
        Ok(Accepted::Echo) => Ok(Answer::Ignored("echo")),
        Err(error) => Err(Obstacle::from(error).into()),
    }
}

/// Checks the headers, then waits for the body, then reads it. A sender that announces too long a body, or whose
/// headers cannot be authentic, is refused before the body is read.
async fn receive<'a>(
    handler: &'a HandlerState,
    endpoint: Endpoint,
    request: &mut Request,
) -> Result<(Storing<'a>, Share<'a>), Answer> {
    let options = Arc::clone(&handler.state.intake.borrow());
    let (parts, body) = std::mem::take(request).into_parts();
    if body.size_hint().lower() > BODY_MAX_BYTES as u64 {
        return Err(Answer::TooLarge);
    }
    sources::glance(&endpoint, &parts.headers, &options).map_err(|why| Answer::Refused(why.name()))?;
    let door = endpoint.door();
    let mut share = Share { handler, taken: None };
    let body = read_body(body, &mut share).await?;
    let received_at = handler.state.clock.now();
    let webhook =
        RawWebhook { endpoint, method: parts.method, uri: parts.uri, headers: parts.headers, body, received_at };
    let (intake, received_at) = read(&handler.state.clock, webhook, &options);
    Ok((store(handler, door, intake, received_at)?, share))
}

/// Reads a webhook, and returns the time of its arrival. A signature that is stale by the bridge's time but fresh by
/// the machine's clock shows that the machine's clock was set right, so the bridge adopts it.
fn read(clock: &Clock, mut webhook: RawWebhook, options: &IntakeOptions) -> (Intake, Timestamp) {
    let intake = sources::read(&webhook, options);
    if matches!(intake, Intake::Refused { why: Refusal::Stale }) && clock.trouble().is_some() {
        webhook.received_at = clock.wall();
        let again = sources::read(&webhook, options);
        if !matches!(again, Intake::Refused { .. }) {
            clock.adopt_wall();
            return (again, webhook.received_at);
        }
    }
    let received_at = clock.now();
    (intake, received_at)
}

/// An event on its way into the store.
struct Storing<'a> {
    stored: BoxFuture<'a, Result<Accepted, StoreError>>,
    /// The outcome if the event is new.
    new: fn(EventId) -> Answer,
    arrived: Arrived,
}

/// Hands the event to the store, or returns the outcome where there is no event.
fn store(handler: &HandlerState, door: Door, intake: Intake, now: Timestamp) -> Result<Storing<'_>, Answer> {
    let store = &handler.state.store;
    // The paths of these endpoints are those of the first accounts.
    let ends = Ends::FIRST;
    if !matches!(intake, Intake::Refused { .. }) {
        connections::prove();
    }
    match intake {
        Intake::Refused { why } => Err(Answer::Refused(why.name())),
        Intake::Ignored { reason } => Err(Answer::Ignored(reason)),
        Intake::Event { event, dedupe } => {
            let slot = handler.state.inbound.slot(door, &event.kind);
            let arrived = Arrived { at: now, slot };
            Ok(Storing { stored: store.accept(event, ends, dedupe, now), new: Answer::Accepted, arrived })
        }
        Intake::Quarantined { event, cause, dedupe } => {
            let arrived = Arrived { at: now, slot: None };
            let stored = store.quarantine(event, ends, cause, dedupe, now);
            Ok(Storing { stored, new: Answer::Quarantined, arrived })
        }
    }
}

/// A body's share of the common memory, until it is dropped.
struct Share<'a> {
    handler: &'a HandlerState,
    taken: Option<SemaphorePermit<'a>>,
}

impl Share<'_> {
    /// Makes room for a body of this length, which is never over [`BODY_MAX_BYTES`].
    fn grow_to(&mut self, bytes: usize) -> Result<(), Answer> {
        let held = self.taken.as_ref().map_or(0, SemaphorePermit::num_permits);
        let more = (bytes / SHARE_BYTES).saturating_sub(held);
        if more == 0 {
            return Ok(());
        }
        let more = self.handler.state.memory.take(more).ok_or_else(|| {
            let cause = "the bodies that are on their way or being stored hold all the memory that there is for them";
            Obstacle::new("in_hand", cause)
        })?;
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

/// Reads at most [`BODY_MAX_BYTES`] of the body, also where the headers claim a shorter one.
async fn read_body(body: Body, share: &mut Share<'_>) -> Result<Bytes, Answer> {
    let mut body = Limited::new(body, BODY_MAX_BYTES);
    let mut read = Bytes::new();
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) if error.is::<LengthLimitError>() => return Err(Answer::TooLarge),
            Err(_) => return Err(Answer::Cut),
        };
        // Trailers are skipped.
        let Ok(data) = frame.into_data() else { continue };
        share.grow_to(read.len() + data.len())?;
        if read.is_empty() {
            // Nearly every body comes in one piece.
            read = data;
        } else {
            let mut longer = BytesMut::from(read);
            longer.extend_from_slice(&data);
            read = longer.freeze();
        }
    }
    Ok(read)
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

    /// Counts it, in the metrics and in the account of webhooks.
    fn count(&self, door: Door, arrived: Option<Arrived>, handler: &HandlerState) {
        let at = arrived.map_or_else(|| handler.state.clock.now(), |arrived| arrived.at);
        let (metrics, endpoint) = (&handler.state.metrics, door.name());
        let (outcome, reason) = match self {
            Self::Accepted(_) => {
                metrics.accepted(endpoint);
                return handler.state.inbound.accepted(door, arrived.and_then(|arrived| arrived.slot), at);
            }
            Self::Duplicate(_) => {
                metrics.duplicate(endpoint);
                (Otherwise::Duplicate, "")
            }
            Self::Ignored(reason) => {
                metrics.ignored(endpoint);
                (Otherwise::Ignored, *reason)
            }
            Self::Quarantined(_) => {
                metrics.quarantined(endpoint);
                (Otherwise::Quarantined, "")
            }
            Self::Refused(cause) => {
                metrics.refused(endpoint, cause);
                (Otherwise::Refused, *cause)
            }
            Self::TooLarge | Self::Cut => {
                metrics.refused(endpoint, self.name());
                (Otherwise::Refused, self.name())
            }
            Self::Unavailable(obstacle) => {
                metrics.unavailable(obstacle.reason);
                (Otherwise::Unavailable, obstacle.reason)
            }
        };
        handler.state.inbound.answered(door, outcome, reason, at);
    }

    fn log(&self, endpoint: &'static str) {
        let outcome = self.name();
        match self {
            Self::Accepted(id) | Self::Duplicate(id) | Self::Quarantined(id) => {
                tracing::info!(endpoint, outcome, event_id = %id, "webhook {outcome} as {id}");
            }
            // A trigger with a misspelt event name would otherwise lose replies silently.
            Self::Ignored(reason @ "unknown event") => {
                let known = "agent_reply, ticket_solved, ticket_reopened";
                tracing::warn!(endpoint, outcome, reason, "webhook ignored: {reason}; the known ones are {known}");
            }
            Self::Ignored(reason) => tracing::info!(endpoint, outcome, reason, "webhook ignored: {reason}"),
            Self::TooLarge | Self::Cut => tracing::info!(endpoint, outcome, "webhook {outcome}"),
            Self::Refused(cause) => tracing::warn!(endpoint, outcome, cause, "webhook refused: {cause}"),
            Self::Unavailable(Obstacle { reason, cause }) => {
                tracing::error!(endpoint, outcome, reason, cause, "webhook turned away: {cause}");
            }
        }
    }

    /// Records the outcome in the event's trace, if there is an event.
    fn trace(&self, span: &Span) {
        if let Self::Accepted(id) | Self::Duplicate(id) | Self::Quarantined(id) = self {
            span.record("outcome", self.name()).record("event_id", tracing::field::display(id));
        }
    }

    fn into_response(self, handler: &HandlerState) -> Response {
        let accepted = |told: Acknowledgement| json_answer(StatusCode::ACCEPTED, &told);
        match self {
            Self::Accepted(id) => accepted(Acknowledgement::Accepted { id }),
            Self::Duplicate(id) => accepted(Acknowledgement::Duplicate { id }),
            Self::Quarantined(id) => accepted(Acknowledgement::Quarantined { id }),
            Self::Ignored(reason) => accepted(Acknowledgement::Ignored { reason }),
            Self::Refused(_) => unauthorized(),
            Self::TooLarge => closing(error_answer(StatusCode::PAYLOAD_TOO_LARGE, "the body is over 256 KiB")),
            // 503 and not 408, because Zendesk does not repeat a 408.
            Self::Cut => closing(unavailable(&handler.state.clock)),
            Self::Unavailable(_) => unavailable(&handler.state.clock),
        }
    }
}

/// Closes the connection after this answer: the rest of the body is unread, so it cannot carry another request.
fn closing(mut answer: Response) -> Response {
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

#[cfg(test)]
mod tests;
