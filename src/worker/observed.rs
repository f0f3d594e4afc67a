//! Watches the calls to one vendor: a line in the log and a number for each.
//!
//! The line stands within the span of the delivery that the call is for, so it carries that event's id. It never holds
//! more of a request than its method and its path: what is personal travels in queries and bodies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use tracing::{info, warn};

use crate::clients::{Transport, TransportError};
use crate::domain::event::Destination;
use crate::telemetry::Metrics;

/// A transport that tells what it sees.
pub struct ObservedTransport {
    /// The one that carries.
    pub inner: Arc<dyn Transport>,
    /// Whom it calls.
    pub destination: Destination,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

#[async_trait]
impl Transport for ObservedTransport {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let vendor = self.destination.name();
        let asked_at = Instant::now();
        let answer = self.inner.send(request).await;
        let took = asked_at.elapsed();
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match &answer {
            Ok(answer) => {
                let status = answer.status().as_u16();
                self.metrics.called(self.destination, Some(status), took);
                info!(%method, path, vendor, status, duration_ms, "call.answered: {vendor} {method} {path}: {status}");
            }
            Err(error) => {
                self.metrics.called(self.destination, None, took);
                let cause = error.to_string();
                warn!(%method, path, vendor, cause, duration_ms, "call.failed: {vendor} {method} {path}: {cause}");
            }
        }
        answer
    }

    fn waited(&self, wait: Duration) {
        self.metrics.waited_for_budget(self.destination, wait);
    }
}
