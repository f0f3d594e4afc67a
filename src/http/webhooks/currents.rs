//! From a batch of Currents to durable reports, and the answer that tells the connector so.
//!
//! Never answers 400, because Braze splits a refused batch and drops events of it: a body that nothing can be read from is
//! kept for the operator and acknowledged. A wrong token is answered 401, which holds the connector's stream until an
//! operator mends it; trouble of our own is answered 503, and Braze sends the batch again.

use std::sync::Arc;

use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;

use super::handling::{Answer, HandlerState, Obstacle, Share, named, read_body};
use crate::domain::account::End;
use crate::domain::inbound::{Door, Endpoint, Otherwise};
use crate::domain::receipt::Report;
use crate::http::answers::{Acknowledgement, Batch as Told};
use crate::http::connections;
use crate::http::error::{self, json_answer, panic_caught, unknown_path};
use crate::intake::{CurrentsOptions, RawWebhook, Refusal};
use crate::store::Accepted;
use crate::store::Taken;
use crate::vendors::sources::{self, BATCH_MAX_BYTES, Batch};

/// [`BATCH_MAX_BYTES`] in words.
const BATCH_MAX: &str = "1 MiB";

/// The outcome of a batch that was taken in.
struct Outcome {
    /// How many events it had.
    events: u64,
    taken: Taken,
}

/// The endpoint for reports that the path names.
fn carrier(handler: &HandlerState, request: &Request) -> Option<Endpoint> {
    let named = named(handler, request, Door::Reports);
    named.filter(|(_, end)| *end == End::Carrier).map(|(account, _)| Endpoint { door: Door::Reports, account })
}

pub(super) async fn take(State(handler): State<Arc<HandlerState>>, mut request: Request) -> Response {
    match carrier(&handler, &request) {
        Some(endpoint) => panic_caught(take_in(&handler, endpoint, &mut request), &handler.state.clock).await,
        None => unknown_path().await,
    }
}

pub(super) async fn wrong_method(State(handler): State<Arc<HandlerState>>, request: Request) -> Response {
    if carrier(&handler, &request).is_some() { error::wrong_method().await } else { unknown_path().await }
}

async fn take_in(handler: &HandlerState, endpoint: Endpoint, request: &mut Request) -> Response {
    let taken = tokio::time::timeout(handler.patience, receive(handler, endpoint, request)).await;
    let slow = || Obstacle::new("store_slow", "the batch was not stored in time").into();
    match taken.unwrap_or_else(|_| Err(slow())) {
        Ok(outcome) => {
            count(handler, endpoint, &outcome);
            let Outcome { events, taken: Taken { new, repeated, foreign } } = outcome;
            let account = endpoint.account.name();
            tracing::info!(
                account,
                events,
                new,
                repeated,
                foreign,
                "reports.taken: {new} of a batch of {events} are new"
            );
            json_answer(StatusCode::OK, &Told::accepted(events))
        }
        Err(answer) => {
            answer.count(endpoint, None, handler);
            answer.log(endpoint);
            if let Answer::Taken(Acknowledgement::Quarantined { .. }) = answer {
                return json_answer(StatusCode::OK, &Told::accepted(0));
            }
            answer.into_response(handler)
        }
    }
}

async fn receive(handler: &HandlerState, endpoint: Endpoint, request: &mut Request) -> Result<Outcome, Answer> {
    let account = endpoint.account;
    let senders = Arc::clone(&handler.state.intake.borrow());
    let options = senders.options(account).ok_or(Answer::Refused(Refusal::WrongToken.name()))?;
    let (parts, body) = std::mem::take(request).into_parts();
    if body.size_hint().lower() > BATCH_MAX_BYTES as u64 {
        return Err(Answer::TooLarge(BATCH_MAX));
    }
    let token = sources::admit_batch(&parts.headers, &options.currents).map_err(|why| Answer::Refused(why.name()))?;
    connections::prove();
    let mut share = Share { handler, taken: None };
    let body = read_body(body, (BATCH_MAX_BYTES, BATCH_MAX), &mut share).await?;
    let now = handler.state.clock.now();
    let webhook =
        RawWebhook { endpoint, method: parts.method, uri: parts.uri, headers: parts.headers, body, received_at: now };
    match sources::read_batch(&webhook, &token) {
        Ok(batch) => keep(handler, batch.of(account), endpoint, &options.currents, now).await,
        Err(cause) => {
            let kept = handler
                .state
                .store
                .quarantine(sources::kept_whole(&webhook), senders.ends(account).into(), cause, Vec::new(), now)
                .await;
            match kept.map_err(Obstacle::from)? {
                Accepted::New(id) | Accepted::Duplicate(id) => Err(Answer::Taken(Acknowledgement::Quarantined { id })),
                Accepted::Echo => Err(Answer::ignored("echo")),
            }
        }
    }
}

async fn keep(
    handler: &HandlerState,
    batch: Batch,
    endpoint: Endpoint,
    options: &CurrentsOptions,
    now: Timestamp,
) -> Result<Outcome, Answer> {
    let events = batch.passed_over + batch.reports.len() as u64;
    let lines = handler.state.inbound.lines(endpoint.account);
    let (inbound, outbound): (Vec<Report>, Vec<Report>) = batch.reports.into_iter().partition(Report::is_inbound);
    let (mut ours, others): (Vec<Report>, Vec<Report>) =
        outbound.into_iter().partition(|report| report.is_of(&options.campaigns));
    let (inbound, elsewhere): (Vec<Report>, Vec<Report>) =
        inbound.into_iter().partition(|report| is_our_line(report.line.as_deref(), options, &lines));
    ours.extend(inbound);
    let mut taken = Taken::default();
    if !ours.is_empty() || !others.is_empty() {
        taken = handler.state.store.take_reports(ours, others, now).await.map_err(Obstacle::from)?;
    }
    taken.foreign += batch.passed_over + elsewhere.len() as u64;
    Ok(Outcome { events, taken })
}

/// Whether a customer wrote to this bridge: on a line of the configuration, or else on one that webhooks have told of.
/// Where the default line's address is not known, every line may be ours.
fn is_our_line(line: Option<&str>, options: &CurrentsOptions, told: &[String]) -> bool {
    let Some(line) = line else { return true };
    let is_told = || told.is_empty() || told.iter().any(|told| told == line);
    options.lines.iter().any(|ours| ours == line) || !options.names_all && is_told()
}

fn count(handler: &HandlerState, endpoint: Endpoint, outcome: &Outcome) {
    let Taken { new, repeated, foreign } = outcome.taken;
    let (metrics, now) = (&handler.state.metrics, handler.state.clock.now());
    metrics.reports_taken(new, repeated, foreign);
    // In the account of webhooks a batch is one.
    if new > 0 || outcome.events == 0 {
        handler.state.inbound.accepted(endpoint, None, now);
    } else if repeated > 0 {
        handler.state.inbound.answered(endpoint, Otherwise::Duplicate, "", now);
    } else {
        handler.state.inbound.answered(endpoint, Otherwise::Ignored, "others' sends", now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_line_is_ours_by_the_configuration_or_else_by_the_webhooks_that_came() {
        let told = ["a".to_owned()];
        for (line, configured, told, ours) in [
            (Some("a"), Some("a"), &told[..], true),
            (Some("b"), Some("a"), &told, false),
            (Some("a"), None, &told, true),
            (Some("b"), None, &told, false),
            (Some("b"), None, &[], true),
            (None, Some("a"), &told, true),
        ] {
            let lines = configured.into_iter().map(str::to_owned).collect();
            let options = CurrentsOptions { lines, names_all: configured.is_some(), ..CurrentsOptions::default() };
            assert_eq!(is_our_line(line, &options, told), ours, "{line:?} {configured:?}");
        }
    }
}
