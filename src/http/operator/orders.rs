//! The operator's orders over many deliveries, over a customer and over a destination, and the list of all orders.
//!
//! An order over many deliveries is carried out in steps, one a request: each is bounded, each is durable when it is
//! answered, and each says where the next one begins. Whoever stops asking has stopped the order there.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::{HeaderMap, Uri};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{OperatorState, Query, Refusal, answer, order_of, page_json, parse_id, read_again, read_reason, to_json};
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::Transition;
use crate::domain::event::{Destination, EventId};
use crate::domain::operator::{AuditEntry, Order, digest};
use crate::http::answers;
use crate::store::{Compaction, Found, Moves, StoreError, Sweep};

/// The states from which many deliveries can be put back at once.
const REDRIVEN: [&str; 4] = ["waiting", "unconfirmed", "dead", "quarantined"];

/// The states from which many deliveries can be dropped at once.
const DISCARDED: [&str; 5] = ["pending", "waiting", "unconfirmed", "dead", "quarantined"];

/// Both, by the name that the path gives them.
const DESTINATIONS: [Destination; 2] = [Destination::Zendesk, Destination::Braze];

/// `POST /api/deliveries/redrive`: one step.
pub(super) async fn redrive_all(State(state): State<OperatorState>, uri: Uri, headers: HeaderMap) -> Response {
    let moved = async {
        let order = order_of(&state, &headers)?;
        let sweep = read_sweep(&uri, &REDRIVEN, &order)?;
        let order = Order { accepted_by: Some(sweep.accepted_by), ..order };
        let found = state.store.sweep(sweep.clone()).await?;
        let moves = if sweep.state == "quarantined" {
            read_all_again(&state, &found.ids, &order).await?
        } else {
            state.store.operate_each(found.ids.clone(), sweep.state.clone(), Transition::Redrive, &order).await?
        };
        Ok(step_json("redrive", &sweep, &found, &moves, &order))
    };
    answer(moved.await, &state)
}

/// `POST /api/deliveries/discard`: one step.
pub(super) async fn discard_all(State(state): State<OperatorState>, uri: Uri, request: Request) -> Response {
    let moved = async {
        let order = order_of(&state, request.headers())?;
        let sweep = read_sweep(&uri, &DISCARDED, &order)?;
        let order = Order { accepted_by: Some(sweep.accepted_by), ..order };
        let transition = Transition::Discard { reason: read_reason(request).await? };
        let found = state.store.sweep(sweep.clone()).await?;
        let moves = state.store.operate_each(found.ids.clone(), sweep.state.clone(), transition, &order).await?;
        Ok(step_json("discard", &sweep, &found, &moves, &order))
    };
    answer(moved.await, &state)
}

/// Reads each of these bodies again, oldest first. One that is taken in comes before the next one is looked at.
async fn read_all_again(state: &OperatorState, ids: &[EventId], order: &Order) -> Result<Moves, Refusal> {
    let mut moves = Moves::default();
    for id in ids {
        let Some((_, event)) = state.store.delivery(*id).await? else { continue };
        let read = read_again(state, *id, event).await;
        let moved = match read {
            Ok(transition) => state.store.operate(*id, transition, order).await,
            Err(Refusal::Store(error)) => Err(error),
            Err(refusal @ Refusal::Bad(_)) => return Err(refusal),
        };
        match moved {
            Ok(()) => moves.moved += 1,
            Err(StoreError::Illegal(illegal)) => moves.refused.push(illegal),
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(moves)
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
        accepted_by: accepted_by.unwrap_or(order.given_at),
        after: query.take("after").map(|id| parse_id(&id)).transpose()?,
    })
}

/// Answers a step, and leaves its line in the log.
fn step_json(action: &'static str, sweep: &Sweep, found: &Found, moves: &Moves, order: &Order) -> Value {
    let (moved, refused, state) = (moves.moved, moves.refused.len(), &sweep.state);
    if moved > 0 || refused > 0 {
        let by = order.operator.by.as_deref();
        tracing::info!(
            target: "tandem::audit", action, access = order.operator.access.name(), by, state, moved, refused,
            "operator: {action} all {state}: {moved} moved, {refused} could not be"
        );
    }
    let refused = moves.refused.iter().map(Into::into).collect();
    to_json(&answers::Step { moved, refused, next: found.next, accepted_by: sweep.accepted_by })
}

/// `POST /api/conversation/forget`.
pub(super) async fn forget(State(state): State<OperatorState>, uri: Uri, headers: HeaderMap) -> Response {
    let forgotten = async {
        let order = order_of(&state, &headers)?;
        let key = Query::read(&uri, &["key"])?.take("key").map(ConversationKey);
        let key = key.ok_or_else(|| Refusal::Bad("the parameter key is missing".to_owned()))?;
        let forgotten = state.store.forget(&key, &order).await?;
        let (conversation, by) = (digest(&key), order.operator.by.as_deref());
        let erased = forgotten.settled + forgotten.waiting + forgotten.unreadable;
        tracing::info!(
            target: "tandem::audit", action = "forget", access = order.operator.access.name(), by, conversation,
            erased, in_hand = forgotten.in_hand, "operator: forget {conversation}: {erased} deliveries erased"
        );
        write_anew(&state);
        Ok(to_json(&answers::Forgotten::of(&key, &forgotten)))
    };
    answer(forgotten.await, &state)
}

/// Has the store's files written anew, so that what was erased is not left in them. Nobody waits: that takes as long as
/// the store is large.
fn write_anew(state: &OperatorState) {
    let store = Arc::clone(&state.store);
    tokio::spawn(async move {
        if let Err(error) = store.compact(Compaction::Now).await {
            tracing::warn!(%error, "store.compact_failed: what was erased is still in the files");
        }
    });
}

/// `GET /api/destinations`.
pub(super) async fn list_destinations(State(state): State<OperatorState>) -> Response {
    let items = DESTINATIONS.map(|destination| destination_json(&state, destination));
    answer(Ok(json!({ "items": items, "total": items.len(), "next": null })), &state)
}

/// `POST /api/destinations/{destination}/pause`.
pub(super) async fn pause(
    State(state): State<OperatorState>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    answer(set_paused(&state, &name, &headers, true).await, &state)
}

/// `POST /api/destinations/{destination}/resume`.
pub(super) async fn resume(
    State(state): State<OperatorState>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    answer(set_paused(&state, &name, &headers, false).await, &state)
}

async fn set_paused(state: &OperatorState, name: &str, headers: &HeaderMap, paused: bool) -> Result<Value, Refusal> {
    let order = order_of(state, headers)?;
    let destination = DESTINATIONS.into_iter().find(|destination| destination.name() == name);
    let destination = destination.ok_or_else(|| StoreError::NotFound("destination of that name".to_owned()))?;
    let changed = state.store.pause(destination, paused, &order).await?;
    let action = if paused { "pause" } else { "resume" };
    let result = if changed { "done" } else { "it was so already" };
    let by = order.operator.by.as_deref();
    tracing::info!(
        target: "tandem::audit", action, access = order.operator.access.name(), by, destination = name, result,
        "operator: {action} {name}: {result}"
    );
    Ok(destination_json(state, destination))
}

/// A destination: what the operator has decided, and beside it whether the vendor refuses us.
fn destination_json(state: &OperatorState, destination: Destination) -> Value {
    let pause = state.store.paused(destination);
    to_json(&answers::DestinationStanding {
        destination,
        paused: pause.is_some(),
        since: pause.as_ref().map(|pause| pause.since),
        by: pause.and_then(|pause| pause.operator.by),
        refused: state.readiness.note(destination.name()),
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
