//! The type of all that hears of log lines and spans, and the error of setting it up for traces. It never listens itself.

use tracing_subscriber::Registry;
use tracing_subscriber::layer::Layer;

/// A receiver of log lines and spans.
pub(super) type Ear = Box<dyn Layer<Registry> + Send + Sync>;

/// Traces could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("traces cannot be sent: {0}; correct the OTEL_ variables, or remove OTEL_EXPORTER_OTLP_ENDPOINT")]
pub struct TracesError(pub(super) String);
