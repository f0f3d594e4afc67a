//! The log that Zendesk keeps of its webhooks: the webhook itself, its invocations and their attempts. Only reads.
//!
//! The shapes are those of recorded traffic. A host that cannot be reached is logged as Zendesk's own proxy answers
//! for it: 502, `terminated`. The log's content for a call that never left is unknown, so it holds no body, unless a
//! test wants the other reading ([`super::Zendesk::log_unsent_bodies`]).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::sender::{Attempt, AttemptResult, WEBHOOK_ID};
use super::super::server::{Answer, Request};
use super::model::time;
use super::state::State;
use super::{Inner, errors};

/// How long the log is kept.
const LOG_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Inner {
    /// `GET /webhooks` and everything below it.
    pub(super) fn webhooks(&self, state: &State, segments: &[&str], request: &Request, now: Timestamp) -> Answer {
        match state.switches.log_closed {
            Some(403) => return errors::error(403, "Forbidden", "You do not have access to this page."),
            Some(status) => return errors::error(status, "InvalidEndpoint", "Not found"),
            None => {}
        }
        let bridge = self.sender.bridge();
        match segments {
            ["webhooks"] if bridge.is_empty() => listed(state, "webhooks", Vec::new(), request),
            ["webhooks"] => listed(state, "webhooks", vec![webhook(&bridge)], request),
            ["webhooks", id, ..] if *id != WEBHOOK_ID || bridge.is_empty() => errors::not_found(),
            ["webhooks", _] => Answer::json(200, &json!({"webhook": webhook(&bridge)})),
            ["webhooks", _, "invocations"] => {
                let calls = invocations(&self.sender.attempts(), request, now);
                listed(state, "invocations", calls, request)
            }
            ["webhooks", _, "invocations", id, "attempts"] => {
                let attempts = self.sender.attempts().into_iter().filter(|attempt| attempt.id == *id);
                let logged = attempts.filter(|attempt| state.switches.log_unsent || is_sent(attempt));
                Answer::json(200, &json!({"attempts": logged.map(|attempt| shown(&attempt)).collect::<Vec<_>>()}))
            }
            _ => errors::invalid_endpoint(),
        }
    }
}

fn listed(state: &State, name: &str, records: Vec<Value>, request: &Request) -> Answer {
    state.cursor_page(name, records, request).map_or_else(|refusal| refusal, |body| Answer::json(200, &body))
}

fn webhook(bridge: &str) -> Value {
    json!({
        "id": WEBHOOK_ID, "name": "tandem", "status": "active", "endpoint": format!("{bridge}/webhooks/zendesk"),
        "http_method": "POST", "request_format": "json", "subscriptions": ["conditional_ticket_events"],
    })
}

/// Each call as its latest attempt left it, newest first, or oldest first where that is asked for.
fn invocations(attempts: &[Attempt], request: &Request, now: Timestamp) -> Vec<Value> {
    let time_of = |name: &str| request.param(name).and_then(|at| at.parse::<Timestamp>().ok());
    let (from, to) = (time_of("filter[from_ts]"), time_of("filter[to_ts]"));
    let mut latest: Vec<&Attempt> = Vec::new();
    for attempt in attempts {
        latest.retain(|known| known.id != attempt.id);
        latest.push(attempt);
    }
    latest.retain(|attempt| now.duration_since(attempt.at) <= LOG_LIFE);
    latest.retain(|attempt| from.is_none_or(|from| attempt.at >= from) && to.is_none_or(|to| attempt.at <= to));
    latest.retain(|attempt| request.param("filter[status]").is_none_or(|status| status_of(attempt).0 == status));
    if request.param("sort") != Some("latest_completed_at") {
        latest.reverse();
    }
    latest.into_iter().map(|attempt| with_status(attempt, json!({"id": attempt.id}), "latest_completed_at")).collect()
}

fn shown(attempt: &Attempt) -> Value {
    let pair = |(key, value): &(String, String)| json!({"key": key, "value": value});
    let headers: Vec<Value> = attempt.headers.iter().map(pair).collect();
    let mut shown = json!({
        "id": WEBHOOK_ID, "invocation_id": attempt.id,
        "request": {"headers": headers, "payload": attempt.body},
    });
    if let AttemptResult::Answered { body, .. } = &attempt.result {
        shown["response"] = json!({"headers": [], "payload": body});
    }
    with_status(attempt, shown, "completed_at")
}

fn with_status(attempt: &Attempt, mut shown: Value, completed: &str) -> Value {
    let (status, code) = status_of(attempt);
    shown["status"] = status.into();
    if let Some(code) = code {
        shown["status_code"] = code.into();
    }
    shown[completed] = time(attempt.at).into();
    shown
}

/// The log's word for the result of a call, and the HTTP status where there was an answer.
fn status_of(attempt: &Attempt) -> (&'static str, Option<u16>) {
    match &attempt.result {
        AttemptResult::Answered { status: status @ 200..300, .. } => ("success", Some(*status)),
        AttemptResult::Answered { status, .. } => ("terminated", Some(*status)),
        AttemptResult::Unreachable => ("terminated", Some(502)),
        AttemptResult::TimedOut => ("timeout", None),
        AttemptResult::CircuitBroken => ("circuit broken", None),
    }
}

fn is_sent(attempt: &Attempt) -> bool {
    attempt.result != AttemptResult::CircuitBroken
}
