//! Watches the calls to one vendor: a line in the log, a number and a span for each.
//!
//! The line stands within the span of its delivery, so it carries that event's id. It shows only a request's method
//! and path, because personal data travels in queries and bodies.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use tracing::field::Empty;
use tracing::{Instrument, debug_span, info, warn};

use crate::domain::account::AccountId;
use crate::telemetry::Metrics;
use crate::vendors::http::{Transport, TransportError};

/// A transport that reports its calls.
pub struct ObservedTransport {
    /// The transport that carries the calls.
    pub inner: Arc<dyn Transport>,
    /// The vendor that it calls.
    pub account: AccountId,
    /// The counters of calls.
    pub metrics: Arc<Metrics>,
}

/// The name of a call, without its object's id, so that calls of one kind share it: `GET /api/v2/tickets/{id}`. A
/// part of the path that holds a digit counts as an id, but for the version of the API.
fn route(method: &http::Method, path: &str) -> String {
    let is_key = |part: &str| part != "v2" && part.contains(|c: char| c.is_ascii_digit());
    let parts: Vec<&str> = path.split('/').map(|part| if is_key(part) { "{id}" } else { part }).collect();
    format!("{method} {}", parts.join("/"))
}

#[async_trait]
impl Transport for ObservedTransport {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let vendor = self.account.name();
        let asked_at = Instant::now();
        let span = debug_span!("call", vendor, call = route(&method, &path), status = Empty);
        let answer = self.inner.send(request).instrument(span.clone()).await;
        let took = asked_at.elapsed();
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match &answer {
            Ok(answer) => {
                let status = answer.status().as_u16();
                span.record("status", status);
                self.metrics.called(self.account, Some(status), took);
                info!(%method, path, vendor, status, duration_ms, "call.answered: {vendor} {method} {path}: {status}");
            }
            Err(error) => {
                self.metrics.called(self.account, None, took);
                let cause = error.to_string();
                warn!(%method, path, vendor, cause, duration_ms, "call.failed: {vendor} {method} {path}: {cause}");
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_named_without_what_it_is_about() {
        for (path, named) in [
            ("/api/v2/tickets", "GET /api/v2/tickets"),
            ("/api/v2/tickets/35436/comments", "GET /api/v2/tickets/{id}/comments"),
            (
                "/api/v2/webhooks/01H8XYZ/invocations/01J9/attempts",
                "GET /api/v2/webhooks/{id}/invocations/{id}/attempts",
            ),
            ("/users/export/ids", "GET /users/export/ids"),
        ] {
            assert_eq!(route(&http::Method::GET, path), named);
        }
    }
}
