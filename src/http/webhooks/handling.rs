//! For the parts that all webhook endpoints share: their state, the bounded reading of a body, and the answer to the
//! sender. Never reads a body's contents.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use bytes::BytesMut;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::Timestamp;
use tokio::sync::SemaphorePermit;
use tracing::Span;

use crate::domain::account::{AccountId, End};
use crate::domain::event::EventId;
use crate::domain::inbound::{Door, Endpoint, Otherwise, Slot};
use crate::http::PublicState;
use crate::http::answers::{Acknowledgement, Batch as Told};
use crate::http::error::{error_answer, json_answer, unauthorized, unavailable};
use crate::http::memory::SHARE_BYTES;
use crate::http::reports::TakenIn;
use crate::intake::Source;
use crate::store::{StoreError, Taken};

/// The state that every endpoint's handler shares.
pub(super) struct HandlerState {
    pub(super) state: PublicState,
    /// [`super::PATIENCE`]; tests have less.
    pub(super) patience: Duration,
}

impl HandlerState {
    /// Whether the sender of this account's webhooks is asked to post a refused one again.
    fn asks_again(&self, account: AccountId) -> bool {
        self.state.intake.borrow().source(account).is_some_and(Source::asks_again)
    }
}

/// The account that the path of this door names. It is taken from the raw path, so that a name which cannot be decoded is
/// an unknown one.
pub(super) fn named(handler: &HandlerState, request: &Request, door: Door) -> Option<(AccountId, End)> {
    handler.state.intake.borrow().named(door.open_part(request.uri().path())?)
}

/// The outcome of a webhook.
pub(super) enum Answer {
    /// The sender is told so, and need not send it again.
    Taken(Acknowledgement),
    /// The sender is not authentic.
    Refused(&'static str),
    /// Reports of texts are on disk, synced, as far as they concern this bridge.
    Reports {
        /// How many events the body had.
        events: u64,
        taken: TakenIn,
    },
    /// The longest body that is taken, in bytes.
    TooLarge(usize),
    /// The body did not come in time, or not whole.
    Cut,
    /// The bridge cannot take it now.
    Unavailable(Obstacle),
}

/// The reason why the bridge cannot take a webhook now: a word for the metrics, and a sentence for the log.
pub(super) struct Obstacle {
    pub(super) reason: &'static str,
    pub(super) cause: String,
}

impl Obstacle {
    pub(super) fn new(reason: &'static str, cause: &str) -> Self {
        Self { reason, cause: cause.to_owned() }
    }
}

impl From<StoreError> for Obstacle {
    fn from(error: StoreError) -> Self {
        let reason = match &error {
            StoreError::BacklogFull(_) => "backlog",
            StoreError::DiskLow { .. } | StoreError::DatabaseFull => "disk",
            StoreError::Away(_) => "store_away",
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

/// A webhook that was read and goes to the store.
#[derive(Clone, Copy)]
pub(super) struct Arrived {
    pub(super) at: Timestamp,
    /// The slot of its name in the account.
    pub(super) slot: Option<Slot>,
}

/// A body's share of the common memory, until it is dropped.
pub(super) struct Share<'a> {
    pub(super) handler: &'a HandlerState,
    pub(super) taken: Option<SemaphorePermit<'a>>,
}

impl Share<'_> {
    /// Makes room for a body of this length, which is never over the limit of its source.
    pub(super) fn grow_to(&mut self, bytes: usize) -> Result<(), Answer> {
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

/// Reads at most `max` bytes of the body, also where the headers claim a shorter one.
pub(super) async fn read_body(body: Body, max: usize, share: &mut Share<'_>) -> Result<Bytes, Answer> {
    let mut body = Limited::new(body, max);
    let mut read = Bytes::new();
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) if error.is::<LengthLimitError>() => return Err(Answer::TooLarge(max)),
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
    pub(super) fn ignored(reason: &'static str) -> Self {
        Self::Taken(Acknowledgement::Ignored { reason })
    }

    /// The event under which the webhook is kept, if it is.
    fn event(&self) -> Option<EventId> {
        match self {
            Self::Taken(
                Acknowledgement::Accepted { id }
                | Acknowledgement::Duplicate { id }
                | Acknowledgement::Quarantined { id },
            ) => Some(*id),
            Self::Taken(Acknowledgement::Ignored { .. })
            | Self::Reports { .. }
            | Self::Refused(_)
            | Self::TooLarge(_)
            | Self::Cut
            | Self::Unavailable(_) => None,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Taken(Acknowledgement::Accepted { .. }) | Self::Reports { .. } => "accepted",
            Self::Taken(Acknowledgement::Duplicate { .. }) => "duplicate",
            Self::Taken(Acknowledgement::Ignored { .. }) => "ignored",
            Self::Taken(Acknowledgement::Quarantined { .. }) => "quarantined",
            Self::Refused(_) => "refused",
            Self::TooLarge(_) => "too_large",
            Self::Cut => "cut",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// Counts it: in the metrics under the endpoint's name, and in the account of webhooks.
    pub(super) fn count(&self, at_endpoint: Endpoint, arrived: Option<Arrived>, handler: &HandlerState) {
        let endpoint = at_endpoint.name();
        let at = arrived.map_or_else(|| handler.state.clock.now(), |arrived| arrived.at);
        let metrics = &handler.state.metrics;
        let (outcome, reason) = match self {
            Self::Taken(Acknowledgement::Accepted { .. }) => {
                metrics.accepted(endpoint);
                return handler.state.inbound.accepted(at_endpoint, arrived.and_then(|arrived| arrived.slot), at);
            }
            Self::Taken(Acknowledgement::Duplicate { .. }) => {
                metrics.duplicate(endpoint);
                (Otherwise::Duplicate, "")
            }
            Self::Taken(Acknowledgement::Ignored { reason }) => {
                metrics.ignored(endpoint);
                (Otherwise::Ignored, *reason)
            }
            Self::Taken(Acknowledgement::Quarantined { .. }) => {
                metrics.quarantined(endpoint);
                (Otherwise::Quarantined, "")
            }
            Self::Reports { events, taken } => {
                let Taken { new, repeated, foreign } = taken.reports;
                if new + repeated + foreign > 0 {
                    metrics.reports_taken(at_endpoint.account, new, repeated, foreign);
                }
                let inbound = &handler.state.inbound;
                for slot in &taken.new {
                    metrics.accepted(endpoint);
                    inbound.accepted(at_endpoint, *slot, at);
                }
                for _ in 0..taken.quarantined {
                    metrics.quarantined(endpoint);
                    inbound.answered(at_endpoint, Otherwise::Quarantined, "", at);
                }
                (0..taken.repeated).for_each(|_| metrics.duplicate(endpoint));
                // In the account of webhooks the reports of a batch are one, and so are events that came before.
                match (taken.fresh(), taken.known()) {
                    (0, 0) if *events > 0 => (Otherwise::Ignored, "others' sends"),
                    (0, 1..) => (Otherwise::Duplicate, ""),
                    _ if taken.new.is_empty() && taken.quarantined == 0 => {
                        return inbound.accepted(at_endpoint, None, at);
                    }
                    _ => return,
                }
            }
            Self::Refused(cause) => {
                metrics.refused(endpoint, cause);
                (Otherwise::Refused, *cause)
            }
            Self::TooLarge(_) | Self::Cut => {
                metrics.refused(endpoint, self.name());
                (Otherwise::Refused, self.name())
            }
            Self::Unavailable(obstacle) => {
                metrics.unavailable(obstacle.reason);
                (Otherwise::Unavailable, obstacle.reason)
            }
        };
        handler.state.inbound.answered(at_endpoint, outcome, reason, at);
    }

    pub(super) fn log(&self, endpoint: Endpoint) {
        let (outcome, account, endpoint) = (self.name(), endpoint.account.name(), endpoint.name());
        if let Some(id) = self.event() {
            return tracing::info!(endpoint, account, outcome, event_id = %id, "webhook {outcome} as {id}");
        }
        match self {
            // A trigger with a misspelt event name would otherwise lose replies silently.
            Self::Taken(Acknowledgement::Ignored { reason: reason @ "unknown event" }) => {
                let known = "agent_reply, ticket_solved, ticket_reopened";
                tracing::warn!(
                    endpoint,
                    account,
                    outcome,
                    reason,
                    "webhook ignored: {reason}; the known ones are {known}"
                );
            }
            Self::Taken(Acknowledgement::Ignored { reason }) => {
                tracing::info!(endpoint, account, outcome, reason, "webhook ignored: {reason}");
            }
            Self::Taken(_) | Self::TooLarge(_) | Self::Cut => {
                tracing::info!(endpoint, account, outcome, "webhook {outcome}")
            }
            Self::Reports { events, taken } => {
                let (new, repeated, foreign) = (taken.fresh(), taken.known(), taken.reports.foreign);
                if taken.quarantined > 0 {
                    let kept = taken.quarantined;
                    tracing::warn!(
                        endpoint,
                        account,
                        kept,
                        "reports.kept: {kept} of a batch of {events} cannot be read"
                    );
                }
                tracing::info!(
                    endpoint,
                    account,
                    outcome,
                    events,
                    new,
                    repeated,
                    foreign,
                    "reports.taken: {new} of a batch of {events} are new"
                );
            }
            Self::Refused(cause) => tracing::warn!(endpoint, account, outcome, cause, "webhook refused: {cause}"),
            Self::Unavailable(Obstacle { reason, cause }) => {
                tracing::error!(endpoint, account, outcome, reason, cause, "webhook turned away: {cause}");
            }
        }
    }

    /// Records the outcome in the event's trace, if there is an event.
    pub(super) fn trace(&self, span: &Span) {
        if let Some(id) = self.event() {
            span.record("outcome", self.name()).record("event_id", tracing::field::display(id));
        }
    }

    pub(super) fn into_response(self, endpoint: Endpoint, handler: &HandlerState) -> Response {
        match self {
            // The sender of reports counts events, and knows no names of them.
            Self::Taken(Acknowledgement::Quarantined { .. }) if endpoint.door == Door::Reports => {
                json_answer(StatusCode::OK, &Told::accepted(0))
            }
            Self::Reports { events, .. } => json_answer(StatusCode::OK, &Told::accepted(events)),
            Self::Taken(told) => json_answer(StatusCode::ACCEPTED, &told),
            Self::Refused(_) if handler.asks_again(endpoint.account) => unavailable(&handler.state.clock),
            Self::Refused(_) => unauthorized(),
            Self::TooLarge(max) => {
                closing(error_answer(StatusCode::PAYLOAD_TOO_LARGE, &format!("the body is over {}", in_words(max))))
            }
            // 503 and not 408, because Zendesk does not repeat a 408.
            Self::Cut => closing(unavailable(&handler.state.clock)),
            Self::Unavailable(_) => unavailable(&handler.state.clock),
        }
    }
}

/// A limit in words.
fn in_words(bytes: usize) -> String {
    const MIB: usize = 1024 * 1024;
    if bytes.is_multiple_of(MIB) { format!("{} MiB", bytes / MIB) } else { format!("{} KiB", bytes / 1024) }
}

/// Closes the connection after this answer: the rest of the body is unread, so it cannot carry another request.
pub(super) fn closing(mut answer: Response) -> Response {
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}
