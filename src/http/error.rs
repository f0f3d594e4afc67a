//! Refusals, in the same form everywhere: a status, `{"error": "…"}`, and `Retry-After` where waiting helps.
//!
//! Never an answer in 3xx, and never a word about which check failed to a caller who is not let in.

use std::panic::AssertUnwindSafe;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{FutureExt, TryFutureExt};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::answers;
use crate::clock::Clock;

/// Zendesk repeats a 503 only when `Retry-After` is under 60 seconds, so 5 to 55.
const RETRY_AFTER_MIN_SECONDS: f64 = 5.0;
/// Exclusive, so that 55 is the greatest.
const RETRY_AFTER_SPAN_SECONDS: f64 = 51.0;

/// An answer with a JSON body.
pub(super) fn json_answer(status: StatusCode, body: &impl Serialize) -> Response {
    // The answers' types have text as keys and cannot fail to serialize. `null` is at least valid JSON.
    let body = serde_json::to_string(body).unwrap_or_else(|_| "null".to_owned());
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// A refusal with its reason.
pub(super) fn error_answer(status: StatusCode, error: &str) -> Response {
    json_answer(status, &answers::Error { error: error.to_owned() })
}

/// 401, in the same words for every cause, so that a stranger learns nothing from a guess.
pub(super) fn unauthorized() -> Response {
    let mut answer = error_answer(StatusCode::UNAUTHORIZED, "not authorized");
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

/// 503, which asks the sender to repeat the request. `Retry-After` is drawn at random, so that senders who were turned
/// away together do not come back together.
pub(super) fn unavailable(clock: &Clock) -> Response {
    let mut answer = error_answer(StatusCode::SERVICE_UNAVAILABLE, "cannot take this now; please try again");
    answer.headers_mut().insert(header::RETRY_AFTER, retry_after(clock.draw()));
    answer
}

fn retry_after(lot: f64) -> HeaderValue {
    let seconds = RETRY_AFTER_MIN_SECONDS + (lot * RETRY_AFTER_SPAN_SECONDS).floor();
    HeaderValue::from_str(&seconds.to_string()).unwrap_or(HeaderValue::from_static("30"))
}

/// 404 for a path that the router does not have.
pub(super) async fn unknown_path() -> Response {
    error_answer(StatusCode::NOT_FOUND, "there is nothing at this path")
}

/// 405; the router adds `Allow`.
pub(super) async fn wrong_method() -> Response {
    error_answer(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method")
}

/// [`panic_caught`] as a layer.
pub(super) async fn catch_panic(State(clock): State<Clock>, request: Request, next: Next) -> Response {
    panic_caught(next.run(request), &clock).await
}

/// Turns a panic in a handler into a 503, because senders repeat a 503 but neither a 500 nor a dropped connection. The
/// panic hook has logged the place.
pub(super) fn panic_caught(answering: impl Future<Output = Response>, clock: &Clock) -> impl Future<Output = Response> {
    AssertUnwindSafe(answering).catch_unwind().unwrap_or_else(|_| {
        tracing::error!("a request could not be handled because of a panic");
        unavailable(clock)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_stays_between_5_and_55() {
        for (lot, seconds) in [(0.0, "5"), (0.5, "30"), (0.999_999_999, "55")] {
            assert_eq!(retry_after(lot), seconds, "lot {lot}");
        }
    }
}
