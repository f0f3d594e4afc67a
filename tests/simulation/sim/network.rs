//! The way from the bridge to the vendors and back, on which requests and answers are lost.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;
use tandem::vendors::http::{TOTAL_TIMEOUT, Transport, TransportError};

use super::life::Life;
use super::plan::{Broken, ObjectKind, OutageKind, Vendor};
use super::post;
use super::world::{World, suffix};

/// The transport of one life of the bridge.
pub(crate) struct Network(pub(crate) Life);

/// The fate of a request.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Answered,
    /// There is no connection.
    Refused,
    /// It never arrives; no answer comes.
    RequestLost,
    /// It arrives, and its answer does not.
    AnswerLost,
    /// It is done, and the answer takes this long.
    Slow(Duration),
    /// This is answered, and nothing is done.
    Failed(u16, Option<u64>),
    /// It is done, and this is answered all the same.
    FailedAfter(u16),
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let Self(life) = self;
        let world = &life.world;
        world.trace.count("calls");
        let host = request.uri().host().unwrap_or_default().trim_end_matches(".sandbox.invalid");
        let vendor = match host {
            "bird" => Vendor::Bird,
            "sunshine" => Vendor::Sunshine,
            "twilio" => Vendor::Twilio,
            host if host.starts_with("zendesk") => Vendor::Zendesk,
            _ => Vendor::Braze,
        };
        let brand = (1..world.brands.len()).find(|brand| host.ends_with(suffix(*brand))).unwrap_or(0);
        let to = (brand, vendor);
        let line = format!("{} {}", request.method(), request.uri().path());
        life.step(&format!("before {line}")).await;
        let is_without_key = match world.plan.broken {
            Some(Broken::SendsNoIdempotencyKey) => true,
            Some(Broken::DoesNotLookForTheTag) => vendor == Vendor::Bird,
            _ => false,
        };
        if is_without_key {
            request.headers_mut().remove("idempotency-key");
        }
        // Sent in a task of its own: a request that has left arrives, also when its sender dies.
        let flight = tokio::spawn(fly(life.clone(), to, line.clone(), request));
        let result = match tokio::time::timeout(TOTAL_TIMEOUT, flight).await {
            Ok(result) => result.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())),
            Err(_) => Err(TransportError::Lost { cause: "no answer in time".to_owned() }),
        };
        life.step(&format!("after {line}")).await;
        let resends = world.plan.broken == Some(Broken::ResendsWhatCannotBeFound) && vendor == Vendor::Twilio;
        let result = match result {
            Err(TransportError::Lost { cause }) if resends => Err(TransportError::NotSent { cause }),
            result => result,
        };
        result.map(|answer| blinded(world, &line, answer))
    }
}

async fn fly(
    life: Life,
    to: (usize, Vendor),
    line: String,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, TransportError> {
    let world = &life.world;
    tokio::time::sleep(world.lots.millis(5..=150)).await;
    let fate = fate(world, to, &line, &request);
    let (answer, wait) = match fate {
        Fate::Answered => (Ok(deliver(world, to, request).await), world.lots.millis(5..=400)),
        Fate::Slow(wait) => (Ok(deliver(world, to, request).await), wait),
        Fate::Refused => {
            let cause = "the connection was refused".to_owned();
            (Err(TransportError::NotSent { cause }), Duration::ZERO)
        }
        Fate::RequestLost => (Err(lost()), TOTAL_TIMEOUT),
        Fate::AnswerLost => {
            deliver(world, to, request).await;
            let reset = world.lots.chance(0.5);
            (Err(lost()), if reset { Duration::from_millis(50) } else { TOTAL_TIMEOUT })
        }
        Fate::Failed(status, hint) => (Ok(failure(status, hint)), world.lots.millis(5..=400)),
        Fate::FailedAfter(status) => {
            deliver(world, to, request).await;
            (Ok(failure(status, None)), world.lots.millis(5..=400))
        }
    };
    match (fate, &answer) {
        (Fate::Answered, Ok(answer)) => world.trace.say(|| format!("  {line} -> {}", answer.status().as_u16())),
        _ => world.trace.fault(name(fate), || format!("{line} ({fate:?})")),
    }
    tokio::time::sleep(wait).await;
    answer
}

async fn deliver(
    world: &std::sync::Arc<World>,
    (brand, vendor): (usize, Vendor),
    request: Request<Bytes>,
) -> Response<Bytes> {
    let answer = match vendor {
        Vendor::Zendesk => world.brands[brand].zendesk.answer(request).await,
        Vendor::Braze => world.brands[brand].braze.answer(request).await,
        Vendor::Bird | Vendor::Sunshine | Vendor::Twilio => world.over(vendor).answer(request).await,
    };
    post::collect(world);
    answer
}

fn fate(world: &World, (brand, vendor): (usize, Vendor), line: &str, request: &Request<Bytes>) -> Fate {
    let (lots, rates) = (&world.lots, &world.plan.rates);
    let struck = world.outages(brand, vendor).find_map(|kind| match kind {
        OutageKind::Down => Some(Fate::Refused),
        OutageKind::Silent => Some(Fate::RequestLost),
        OutageKind::Unavailable => Some(Fate::Failed(503, None)),
        OutageKind::Storm(hint) => Some(Fate::Failed(429, hint)),
        OutageKind::WebhooksGivenUp => None,
    });
    if let Some(fate) = struck {
        return fate;
    }
    if !world.is_on_fire() {
        return Fate::Answered;
    }
    match world.object_trouble(brand, request.uri().path()) {
        Some(ObjectKind::Hangs) => return Fate::RequestLost,
        Some(ObjectKind::Forbidden) => return Fate::Failed(403, None),
        None => {}
    }
    let reads = request.method() == http::Method::GET;
    if lots.chance(rates.lost_request) {
        return if lots.chance(0.5) { Fate::Refused } else { Fate::RequestLost };
    }
    if lots.chance(rates.lost_answer) {
        return Fate::AnswerLost;
    }
    if lots.chance(rates.slow) {
        return Fate::Slow(lots.millis(1_000..=30_000));
    }
    if lots.chance(rates.too_many) {
        return Fate::Failed(429, lots.chance(0.5).then(|| lots.number(1..=90)));
    }
    if lots.chance(rates.server_error) {
        // Without an idempotency key a pack takes a 409 for a refusal, and tells the agent.
        let statuses: &[u16] =
            if vendor == Vendor::Twilio { &[500, 502, 503, 504] } else { &[500, 502, 503, 504, 409] };
        let status = *lots.pick(statuses);
        // An error after the deed. Only where the bridge is to know: a gateway that gave up, or Zendesk, whose 5xx may
        // come after the commit, with a customer's text. (After a 5xx of Braze's the text has not gone.)
        let on_tickets = line.starts_with("POST /api/v2/tickets") || is_text(request);
        let after = !reads && (status == 504 || (vendor == Vendor::Zendesk && on_tickets && status != 409));
        return if after && lots.chance(0.3) { Fate::FailedAfter(status) } else { Fate::Failed(status, None) };
    }
    Fate::Answered
}

/// Whether this appends a customer's text, and not an internal comment.
fn is_text(request: &Request<Bytes>) -> bool {
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    body["ticket"]["comment"]["public"] == true
}

fn lost() -> TransportError {
    TransportError::Lost { cause: "no answer in time".to_owned() }
}

fn failure(status: u16, hint: Option<u64>) -> Response<Bytes> {
    let mut answer = Response::builder().status(status);
    if let Some(seconds) = hint {
        answer = answer.header("retry-after", seconds);
    }
    answer.body(Bytes::new()).unwrap()
}

fn name(fate: Fate) -> &'static str {
    match fate {
        Fate::Answered => "answered",
        Fate::Refused => "connection refused",
        Fate::RequestLost => "request lost",
        Fate::AnswerLost => "answer lost",
        Fate::Slow(_) => "slow answer",
        Fate::Failed(429, _) => "429",
        Fate::Failed(403, _) => "forbidden",
        Fate::Failed(..) => "5xx or 409",
        Fate::FailedAfter(_) => "5xx after the deed",
    }
}

/// The answer as a bridge sees it that does not look for the effect of its own calls.
fn blinded(world: &World, line: &str, answer: Response<Bytes>) -> Response<Bytes> {
    let empty = |key: &str, value: Value| {
        let mut body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        body[key] = value;
        Bytes::from(body.to_string())
    };
    let body = match world.plan.broken {
        Some(Broken::DoesNotLookForTheAudit) if line.ends_with("/audits") => empty("audits", Value::Array(Vec::new())),
        Some(Broken::DoesNotLookForTheTag) if line == "GET /v1/sms/messages" => empty("data", Value::Array(Vec::new())),
        Some(Broken::DoesNotLookForTheMark) if line.starts_with("GET /sc/") && line.ends_with("/messages") => {
            empty("messages", Value::Array(Vec::new()))
        }
        Some(Broken::DoesNotLookForTheReceipt) if line.ends_with("/users/export/ids") => {
            let mut body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            if let Some(users) = body["users"].as_array_mut() {
                users.iter_mut().for_each(|user| user["custom_attributes"] = Value::Object(serde_json::Map::new()));
            }
            Bytes::from(body.to_string())
        }
        _ => return answer,
    };
    let (head, _) = answer.into_parts();
    Response::from_parts(head, body)
}
