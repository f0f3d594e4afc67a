//! The operator's actions. The API and the console call the same functions, so that both keep the same rules and leave
//! the same lines in the audit.
//!
//! Never knows the form of a request or of an answer. Never logs a reason or a key, because people write names into
//! them.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::account::{AccountId, Ends};
use crate::domain::answer::Answers;
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::{Arrived, Delivery, State as Standing, StateName, Transition};
use crate::domain::event::{DedupeKey, Event, EventId, EventKind};
use crate::domain::line::Place;
use crate::domain::operator::{Order, PAUSE_REASON_MAX_CHARS, PauseTerms, Seen, digest};
use crate::domain::parts;
use crate::http::OperatorState;
use crate::http::reports::{Reports, TakenIn};
use crate::intake::{Entry, Intake, no_line};
use crate::store::{Accepted, Compaction, Forgotten, Found, IllegalMove, Moves, StoreError, Sweep, Taken};

/// A reason is a sentence. The store keeps it as long as the delivery.
pub(in crate::http) const REASON_MAX_CHARS: usize = 500;

/// The reason without outer white space.
///
/// # Errors
/// The fault in words: the reason is empty or too long.
pub(in crate::http) fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("a reason is needed".to_owned()),
        1..=REASON_MAX_CHARS => Ok(text.to_owned()),
        _ => Err(format!("the reason is longer than {REASON_MAX_CHARS} characters")),
    }
}

/// The reason and the end of a pause.
///
/// # Errors
/// The fault in words: the reason is too long, or the end does not lie ahead.
pub(in crate::http) fn pause_terms(
    reason: Option<&str>,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<PauseTerms, String> {
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    if reason.is_some_and(|reason| reason.chars().count() > PAUSE_REASON_MAX_CHARS) {
        return Err(format!("the reason is longer than {PAUSE_REASON_MAX_CHARS} characters"));
    }
    match until {
        Some(until) if until <= now => Err(format!("the end of the pause must lie ahead, and {until} is over")),
        until => Ok(PauseTerms { reason: reason.map(str::to_owned), until }),
    }
}

/// The configured account of that name.
///
/// # Errors
/// [`StoreError::NotFound`].
pub(in crate::http) fn account(state: &OperatorState, name: &str) -> Result<AccountId, StoreError> {
    let mut accounts = state.accounts.keys().copied();
    accounts.find(|account| account.name() == name).ok_or_else(|| {
        let known: Vec<&str> = state.accounts.keys().map(|account| account.name()).collect();
        let known = known.join(", ");
        StoreError::NotFound(format!("destination of that name; there are {known}"))
    })
}

/// One delivery with its event.
///
/// # Errors
/// [`StoreError::NotFound`].
pub(in crate::http) async fn delivery(state: &OperatorState, id: EventId) -> Result<(Delivery, Event), StoreError> {
    state.store.delivery(id).await?.ok_or_else(|| StoreError::NotFound(format!("delivery {id}")))
}

/// Puts a delivery back, or reads a quarantined body again.
///
/// # Errors
/// As [`crate::store::Control::operate`]; [`StoreError::Illegal`] also for a body that still cannot be read.
pub(in crate::http) async fn redrive(state: &OperatorState, id: EventId, order: &Order) -> Result<(), StoreError> {
    let transition = match state.store.delivery(id).await? {
        Some((delivery, event)) if matches!(delivery.state, Standing::Quarantined { .. }) => {
            read_again(state, id, event).await?
        }
        Some(_) | None => Transition::Redrive,
    };
    operate(state, "redrive", id, transition, order).await
}

/// Drops a delivery for this [`reason`].
///
/// # Errors
/// As [`crate::store::Control::operate`].
pub(in crate::http) async fn discard(
    state: &OperatorState,
    id: EventId,
    reason: String,
    order: &Order,
) -> Result<(), StoreError> {
    operate(state, "discard", id, Transition::Discard { reason }, order).await
}

/// Makes the operator's move, and writes the audit line for success and failure alike.
async fn operate(
    state: &OperatorState,
    action: &str,
    id: EventId,
    transition: Transition,
    order: &Order,
) -> Result<(), StoreError> {
    let done = state.store.operate(id, transition, order).await;
    note_move(action, id, &done, order);
    done
}

fn note_move(action: &str, id: EventId, done: &Result<(), StoreError>, order: &Order) {
    let result = match done {
        Ok(()) => "done".to_owned(),
        Err(error) => error.to_string(),
    };
    let (access, by) = (order.operator.access.name(), order.operator.by.as_deref());
    tracing::info!(
        target: "tandem::audit", action, access, by, event_id = %id, result, "operator: {action} {id}: {result}"
    );
}

/// Settles an unconfirmed delivery that the operator has found to have arrived: whole, or with `out` of its parts. An
/// agent who was told otherwise gets a note.
///
/// # Errors
/// As [`crate::store::Control::settle`].
pub(in crate::http) async fn settle(
    state: &OperatorState,
    id: EventId,
    out: Option<u32>,
    order: &Order,
) -> Result<(), StoreError> {
    let (delivery, event) = delivery(state, id).await?;
    let known = state.store.conversation(&delivery.conversation).await?;
    let cut = state.cut(known.as_ref(), &delivery);
    let arrived = Arrived { out, of: parts::count(&event.kind, cut) };
    let done = state.store.settle(id, arrived, order).await;
    note_move("settle", id, &done, order);
    done
}

/// The vendor's answers to the failed attempts of a delivery, after the audit has an entry of the reader.
///
/// # Errors
/// [`StoreError::NotFound`]; as [`crate::store::Control::note_seen`].
pub(in crate::http) async fn answers(state: &OperatorState, id: EventId, order: &Order) -> Result<Answers, StoreError> {
    delivery(state, id).await?;
    note_seen(state, Seen::Answers(id), order).await?;
    state.store.answers(id).await
}

/// Reads a quarantined body again, after a change of the bridge or its configuration. A readable body is accepted as an
/// event of its own and settled with that event's name; a batch's reports are taken in. An unreadable body stays
/// quarantined.
async fn read_again(state: &OperatorState, id: EventId, event: Event) -> Result<Transition, StoreError> {
    let unchanged = |reason: String| StoreError::Illegal(IllegalMove { id, reason });
    let EventKind::Unreadable(kept) = &event.kind else {
        return Err(unchanged("this is no kept body".to_owned()));
    };
    let senders = Arc::clone(&state.intake.borrow());
    let reason = match senders.reread(kept, event.received_at) {
        Intake::Event { event, dedupe } => {
            let account = senders.at(&kept.path).map_or(Ends::FIRST.desk, |endpoint| endpoint.account);
            let place = senders.place(account, &event.kind).ok_or_else(|| unchanged(no_line(account)))?;
            let own = DedupeKey::SignedRequest(format!("read again: {id}"));
            match take_in(state, id, event, place, (dedupe, own)).await? {
                Accepted::New(new) | Accepted::Duplicate(new) => format!("read again as {new}"),
                Accepted::Echo => "read again: our own comment coming back".to_owned(),
            }
        }
        Intake::Ignored { reason } => format!("read again: nothing to do ({reason})"),
        Intake::Reports(mut batch) => {
            let account = senders.at(&kept.path).map_or(Ends::FIRST.carrier, |endpoint| endpoint.account);
            let events = batch.events();
            // Reports that are kept already are kept once, so the same body may be read again.
            let entries = std::mem::take(&mut batch.entries);
            let mut several = Vec::with_capacity(entries.len());
            for Entry { kind, dedupe, at, .. } in entries {
                let kind = kind.map_err(|cause| unchanged(format!("it still cannot be read: {cause}")))?;
                let place = senders.place(account, &kind).ok_or_else(|| unchanged(no_line(account)))?;
                several.push((Event { received_at: at.min(event.received_at), kind }, place, dedupe));
            }
            let (mut fresh, mut known) = (0, 0);
            for (number, (event, place, dedupe)) in several.into_iter().enumerate() {
                let own = DedupeKey::SignedRequest(format!("read again: {id} {number}"));
                match take_in(state, id, event, place, (dedupe, own)).await? {
                    Accepted::New(_) => fresh += 1,
                    Accepted::Duplicate(_) | Accepted::Echo => known += 1,
                }
            }
            let reports = Reports::of(batch, account, &state.inbound, &senders, |_| kept.clone(), event.received_at);
            let TakenIn { reports: Taken { new, repeated, foreign }, .. } =
                reports.take(&*state.store, state.clock.now()).await?;
            let (new, repeated) = (new + fresh, repeated + known);
            format!("read again: {events} events, {new} of them new, {repeated} known and {foreign} of others")
        }
        Intake::Quarantined { cause, .. } => return Err(unchanged(format!("it still cannot be read: {cause}"))),
        Intake::Refused { why } => return Err(unchanged(format!("it is not authentic: {why}"))),
    };
    Ok(Transition::ReadAgain { reason })
}

/// Accepts the event of a quarantined body once, however often it is read again. The quarantined delivery may hold the
/// body's own keys, so the event gets one more key of its `own`, made of the delivery's name.
async fn take_in(
    state: &OperatorState,
    id: EventId,
    event: Event,
    place: Place,
    (mut dedupe, own): (Vec<DedupeKey>, DedupeKey),
) -> Result<Accepted, StoreError> {
    dedupe.push(own.clone());
    match state.store.accept(event.clone(), place.clone(), dedupe, state.clock.now()).await? {
        Accepted::Duplicate(holder) if holder == id => {
            state.store.accept(event, place, vec![own], state.clock.now()).await
        }
        accepted @ (Accepted::New(_) | Accepted::Duplicate(_) | Accepted::Echo) => Ok(accepted),
    }
}

/// Puts back the deliveries that one step of a sweep finds.
///
/// # Errors
/// As [`crate::store::Control::operate_each`].
pub(in crate::http) async fn redrive_step(
    state: &OperatorState,
    sweep: &Sweep,
    order: &Order,
) -> Result<(Found, Moves), StoreError> {
    let order = Order { accepted_by: Some(sweep.accepted_by), ..order.clone() };
    let found = state.store.sweep(sweep.clone()).await?;
    let moves = if sweep.state == StateName::Quarantined {
        read_all_again(state, &found.ids, &order).await?
    } else {
        state.store.operate_each(found.ids.clone(), sweep.state, Transition::Redrive, &order).await?
    };
    note_step("redrive", sweep, &moves, &order);
    Ok((found, moves))
}

/// Drops the deliveries that one step of a sweep finds, for this [`reason`].
///
/// # Errors
/// As [`crate::store::Control::operate_each`].
pub(in crate::http) async fn discard_step(
    state: &OperatorState,
    sweep: &Sweep,
    reason: String,
    order: &Order,
) -> Result<(Found, Moves), StoreError> {
    let order = Order { accepted_by: Some(sweep.accepted_by), ..order.clone() };
    let found = state.store.sweep(sweep.clone()).await?;
    let transition = Transition::Discard { reason };
    let moves = state.store.operate_each(found.ids.clone(), sweep.state, transition, &order).await?;
    note_step("discard", sweep, &moves, &order);
    Ok((found, moves))
}

/// Reads each of these bodies again, oldest first. A readable body is accepted before the next one is read.
async fn read_all_again(state: &OperatorState, ids: &[EventId], order: &Order) -> Result<Moves, StoreError> {
    let mut moves = Moves::default();
    for id in ids {
        let Some((_, event)) = state.store.delivery(*id).await? else { continue };
        let moved = match read_again(state, *id, event).await {
            Ok(transition) => state.store.operate(*id, transition, order).await,
            Err(error) => Err(error),
        };
        match moved {
            Ok(()) => moves.moved += 1,
            Err(StoreError::Illegal(illegal)) => moves.refused.push(illegal),
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(moves)
}

fn note_step(action: &'static str, sweep: &Sweep, moves: &Moves, order: &Order) {
    let (moved, refused, state) = (moves.moved, moves.refused.len(), sweep.state.word());
    if moved > 0 || refused > 0 {
        let by = order.operator.by.as_deref();
        tracing::info!(
            target: "tandem::audit", action, access = order.operator.access.name(), by, state, moved, refused,
            "operator: {action} all {state}: {moved} moved, {refused} could not be"
        );
    }
}

/// Erases a customer, and has the store's files rewritten.
///
/// # Errors
/// As [`crate::store::Control::forget`].
pub(in crate::http) async fn forget(
    state: &OperatorState,
    key: &ConversationKey,
    order: &Order,
) -> Result<Forgotten, StoreError> {
    let forgotten = state.store.forget(key, order).await?;
    let (conversation, by) = (digest(key), order.operator.by.as_deref());
    let erased = forgotten.settled + forgotten.waiting + forgotten.unreadable;
    tracing::info!(
        target: "tandem::audit", action = "forget", access = order.operator.access.name(), by, conversation,
        erased, in_hand = forgotten.in_hand, "operator: forget {conversation}: {erased} deliveries erased"
    );
    write_anew(state);
    Ok(forgotten)
}

/// Has the store's files rewritten in the background, so that erased records do not stay in them. The caller does not
/// wait, because the time grows with the size of the store.
fn write_anew(state: &OperatorState) {
    let store = Arc::clone(&state.store);
    tokio::spawn(async move {
        if let Err(error) = store.compact(Compaction::Now).await {
            tracing::warn!(%error, "store.compact_failed: what was erased is still in the files");
        }
    });
}

/// Pauses a destination on these [`pause_terms`], or resumes it.
///
/// # Errors
/// As [`crate::store::Control::pause`].
pub(in crate::http) async fn set_paused(
    state: &OperatorState,
    account: AccountId,
    terms: Option<PauseTerms>,
    order: &Order,
) -> Result<(), StoreError> {
    let (action, name) = (if terms.is_some() { "pause" } else { "resume" }, account.name());
    let changed = state.store.pause(account, terms, order).await?;
    let result = if changed { "done" } else { "it was so already" };
    let by = order.operator.by.as_deref();
    tracing::info!(
        target: "tandem::audit", action, access = order.operator.access.name(), by, destination = name, result,
        "operator: {action} {name}: {result}"
    );
    Ok(())
}

/// Writes into the audit that the operator is about to see a text, an answer or a number. When that fails, the operator
/// sees nothing.
///
/// # Errors
/// As [`crate::store::Control::note_seen`].
pub(in crate::http) async fn note_seen(state: &OperatorState, seen: Seen, order: &Order) -> Result<(), StoreError> {
    let (action, what) = match &seen {
        Seen::Event(event) => ("reveal", event.to_string()),
        Seen::Answers(event) => ("reveal_answers", event.to_string()),
        Seen::Conversation(key) => ("read", digest(key)),
        Seen::Phone(key) => ("reveal_phone", digest(key)),
    };
    state.store.note_seen(seen, order).await?;
    let (access, by) = (order.operator.access.name(), order.operator.by.as_deref());
    tracing::info!(target: "tandem::audit", action, access, by, what, "operator: {action} {what}");
    Ok(())
}
