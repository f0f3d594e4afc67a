//! From a request to a durable event, and the answer that tells its sender so.
//!
//! Never answers 202 before the store has confirmed the event, and never answers a genuine webhook with a status that
//! makes its sender give up: Zendesk and Braze repeat a 503 with `Retry-After`, but not a 400, a 404 or a 500, and Braze drops
//! events of a batch that was answered 400. Logs one line for each webhook: its endpoint, its outcome, and the event's id or the numbers
//! of a batch.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{post, put};
use futures_util::future::{BoxFuture, Either};
use http::Method;
use jiff::Timestamp;
use serde_json::Value;
use tracing::debug_span;
use tracing::field::Empty;

use super::PublicState;
use super::answers::Acknowledgement;
use super::connections;
use super::error::{panic_caught, unknown_path, wrong_method};
use super::reports::{Reports, TakenIn};
use crate::domain::account::{AccountId, End};
use crate::domain::event::EventId;
use crate::domain::inbound::{Door, Endpoint};
use crate::domain::line::Place;
use crate::failpoint;
use crate::intake::{self, Credential, Intake, RawWebhook, Refusal, Sender, Senders, Source};
use crate::store::{Accepted, StoreError};

mod handling;

use handling::{Answer, Arrived, HandlerState, Obstacle, Share, named, read_body};

/// The time for a webhook, from its headers to its place on disk. Zendesk gives up after 10 to 12 seconds, so the
/// answer with its `Retry-After` arrives before that.
const PATIENCE: Duration = Duration::from_secs(8);

/// The webhook endpoints: one for each account, and those of the published recipe.
pub(super) fn routes(state: PublicState) -> Router {
    routes_with(state, PATIENCE)
}

fn routes_with(state: PublicState, patience: Duration) -> Router {
    let path = |door: Door| door.paths().first().copied().unwrap_or_default();
    let mut router = Router::new();
    for door in [Door::Carrier, Door::Reports] {
        let handler = move |State(handler): State<Arc<HandlerState>>, request: Request| own(handler, door, request);
        let wrong_method = move |State(handler): State<Arc<HandlerState>>, request: Request| async move {
            if own_endpoint(&handler, door, &request).is_some() { wrong_method().await } else { unknown_path().await }
        };
        let route = post(handler).fallback(wrong_method);
        router = router.route(path(door), route.clone());
        // The accounts of the start have routes of their own, because the router keeps the open part of a path in a table of the
        // request.
        if door == Door::Carrier {
            let first = [Door::Desk, Door::Carrier].map(|door| Endpoint::from(door).path());
            let paths: BTreeSet<String> = first.into_iter().chain(own_paths(&state)).collect();
            router = paths.iter().fold(router, |router, path| router.route(path, route.clone()));
        }
    }
    for door in Door::RECIPE {
        let handler =
            move |State(handler): State<Arc<HandlerState>>, request: Request| take(handler, door.into(), request);
        let route = if door.method() == Method::PUT { put(handler) } else { post(handler) };
        router = door.paths().iter().fold(router, |router, path| router.route(path, route.clone()));
    }
    router.with_state(Arc::new(HandlerState { state, patience }))
}

/// The own paths of the accounts that are configured now.
fn own_paths(state: &PublicState) -> Vec<String> {
    let senders = state.intake.borrow();
    let path =
        |(account, sender): (&AccountId, &Sender)| Endpoint { door: Door::own(sender.end), account: *account }.path();
    senders.accounts.iter().map(path).collect()
}

/// An endpoint of the account that the path names. A name that is no account's is answered as any unknown path.
fn own(handler: Arc<HandlerState>, door: Door, request: Request) -> impl Future<Output = Response> {
    match own_endpoint(&handler, door, &request) {
        Some(endpoint) => Either::Left(take(handler, endpoint, request)),
        None => Either::Right(unknown_path()),
    }
}

/// The endpoint that the path of this door names. Reports come from carriers only.
fn own_endpoint(handler: &HandlerState, door: Door, request: &Request) -> Option<Endpoint> {
    let (account, end) = named(handler, request, door)?;
    match door {
        Door::Reports => (end == End::Carrier).then_some(Endpoint { door, account }),
        Door::Desk | Door::Carrier | Door::RecipeSend | Door::RecipeNewTicket | Door::RecipeAppend => {
            Some(Endpoint { door: Door::own(end), account })
        }
    }
}

/// The handler of every endpoint. Its future is kept small, because each waiting webhook has one. The request is lent
/// until it is read, so that a future that waits for the store holds nothing of it.
#[expect(clippy::manual_async_fn, reason = "an async fn would hold the request twice")]
fn take(handler: Arc<HandlerState>, endpoint: Endpoint, mut request: Request) -> impl Future<Output = Response> {
    async move { panic_caught(take_in(&handler, endpoint, &mut request), &handler.state.clock).await }
}

async fn take_in(handler: &HandlerState, endpoint: Endpoint, request: &mut Request) -> Response {
    let name = endpoint.name();
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
    answer.count(endpoint, arrived, handler);
    answer.log(endpoint);
    answer.trace(&span);
    failpoint::reach("http.answering");
    answer.into_response(endpoint, handler)
}

async fn answer(
    handler: &HandlerState,
    endpoint: Endpoint,
    request: &mut Request,
    arrived: &mut Option<Arrived>,
) -> Result<Answer, Answer> {
    let (storing, _share) = receive(handler, endpoint, request).await?;
    *arrived = Some(storing.arrived);
    match storing.stored {
        Stored::Event { stored, new } => match stored.await {
            Ok(Accepted::New(id)) => Ok(Answer::Taken(new(id))),
            Ok(Accepted::Duplicate(id)) => Ok(Answer::Taken(Acknowledgement::Duplicate { id })),
            Ok(Accepted::Echo) => Ok(Answer::ignored("echo")),
            Err(error) => Err(Obstacle::from(error).into()),
        },
        Stored::Reports { stored, events } => {
            let taken = stored.await.map_err(Obstacle::from)?;
            Ok(Answer::Reports { events, taken })
        }
    }
}

/// Checks the headers, then waits for the body, then reads it. A sender that announces too long a body, or whose
/// headers cannot be authentic, is refused before the body is read.
async fn receive<'a>(
    handler: &'a HandlerState,
    endpoint: Endpoint,
    request: &mut Request,
) -> Result<(Storing<'a>, Share<'a>), Answer> {
    let senders = Arc::clone(&handler.state.intake.borrow());
    // Every path leads to a configured account, but for the recipe's paths where the account of that name is missing.
    let source = senders.source(endpoint.account).ok_or(Answer::Refused(Refusal::WrongToken.name()))?;
    let (parts, body) = std::mem::take(request).into_parts();
    let max = source.body_max(endpoint.door);
    if body.size_hint().lower() > max as u64 {
        return Err(Answer::TooLarge(max));
    }
    let credential = source.admit(endpoint.door, &parts.headers).map_err(|why| Answer::Refused(why.name()))?;
    let mut share = Share { handler, taken: None };
    let body = read_body(body, max, &mut share).await?;
    let received_at = handler.state.clock.now();
    let webhook =
        RawWebhook { endpoint, method: parts.method, uri: parts.uri, headers: parts.headers, body, received_at };
    let (intake, received_at) = read(handler, webhook, &credential, (&senders, source));
    Ok((store(handler, endpoint, intake, received_at)?, share))
}

/// Reads a webhook of this account, and returns the time of its arrival. A signature that is stale by the bridge's time
/// but fresh by the machine's clock shows that the machine's clock was set right, so the bridge adopts it.
fn read(
    handler: &HandlerState,
    mut webhook: RawWebhook,
    credential: &Credential,
    (senders, source): (&Senders, &dyn Source),
) -> (Placed, Timestamp) {
    let clock = &handler.state.clock;
    let intake = intake::read(&webhook, credential, source);
    if matches!(intake, Intake::Refused { why: Refusal::Stale }) && clock.trouble().is_some() {
        webhook.received_at = clock.wall();
        let again = intake::read(&webhook, credential, source);
        if !matches!(again, Intake::Refused { .. }) {
            clock.adopt_wall();
            return (placed(again, &webhook, senders, handler), webhook.received_at);
        }
    }
    let received_at = clock.now();
    (placed(intake, &webhook, senders, handler), received_at)
}

/// A webhook that was read, and its place.
type Placed = (Read, Place);

/// A webhook that was read.
#[expect(clippy::large_enum_variant, reason = "most webhooks are the large one, and none is kept")]
enum Read {
    /// It is one event at most.
    One(Intake),
    /// It holds several.
    Several {
        parts: Reports,
        /// How many events it has.
        events: u64,
    },
}

/// Finds the place of an event. A text that has none is kept whole for the operator, who can configure its line and
/// have it read again.
fn placed(intake: Intake, webhook: &RawWebhook, senders: &Senders, handler: &HandlerState) -> Placed {
    let account = webhook.endpoint.account;
    let of_account = || senders.ends(account).into();
    match intake {
        Intake::Event { event, dedupe } => match senders.place(account, &event.kind) {
            Some(place) => (Read::One(Intake::Event { event, dedupe }), place),
            None => {
                let (event, cause) = (intake::kept_whole(webhook), intake::no_line(account));
                (Read::One(Intake::Quarantined { event, cause, dedupe }), of_account())
            }
        },
        Intake::Reports(batch) => {
            let (events, posted) = (batch.events(), |alone: Option<&Value>| intake::kept(webhook, alone));
            let inbound = &handler.state.inbound;
            let parts = Reports::of(batch, account, inbound, senders, posted, webhook.received_at);
            (Read::Several { parts, events }, of_account())
        }
        Intake::Ignored { .. } | Intake::Quarantined { .. } | Intake::Refused { .. } => {
            (Read::One(intake), of_account())
        }
    }
}

/// A webhook on its way into the store.
struct Storing<'a> {
    stored: Stored<'a>,
    arrived: Arrived,
}

/// The call of the store that is awaited.
enum Stored<'a> {
    Event {
        stored: BoxFuture<'a, Result<Accepted, StoreError>>,
        /// The acknowledgement if the event is new.
        new: fn(EventId) -> Acknowledgement,
    },
    Reports {
        stored: BoxFuture<'a, Result<TakenIn, StoreError>>,
        /// How many events the body had.
        events: u64,
    },
}

/// Hands the event to the store, or returns the outcome where there is no event.
fn store(
    handler: &HandlerState,
    endpoint: Endpoint,
    (read, place): Placed,
    now: Timestamp,
) -> Result<Storing<'_>, Answer> {
    let store = &handler.state.store;
    let intake = match read {
        Read::One(intake) => intake,
        Read::Several { parts, events } => {
            connections::prove();
            let stored = Stored::Reports { stored: parts.take(store.as_ref(), now), events };
            return Ok(Storing { stored, arrived: Arrived { at: now, slot: None } });
        }
    };
    if !matches!(intake, Intake::Refused { .. }) {
        connections::prove();
    }
    let (stored, slot) = match intake {
        Intake::Refused { why } => return Err(Answer::Refused(why.name())),
        Intake::Ignored { reason } => return Err(Answer::ignored(reason)),
        Intake::Event { event, dedupe } => {
            let slot = handler.state.inbound.slot(endpoint, &event.kind);
            let stored = store.accept(event, place, dedupe, now);
            (Stored::Event { stored, new: |id| Acknowledgement::Accepted { id } }, slot)
        }
        Intake::Quarantined { event, cause, dedupe } => {
            let stored = store.quarantine(event, place, cause, dedupe, now);
            (Stored::Event { stored, new: |id| Acknowledgement::Quarantined { id } }, None)
        }
        // They are read as several.
        Intake::Reports(_) => return Err(Answer::ignored("reports")),
    };
    Ok(Storing { stored, arrived: Arrived { at: now, slot } })
}

#[cfg(test)]
mod tests;
