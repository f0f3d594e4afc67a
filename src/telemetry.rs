//! Logs, metrics, and traces where they are built in.
//!
//! What may be logged: event ids, kinds, states, counts, durations, conversation-free causes, names of files and
//! addresses that we listen on. What may never be: the text of a message, a whole phone number, a name, an e-mail
//! address, a token, a secret or a signature; not in a metric's label either. The types help: personal data and secrets
//! have no telling `Debug` form ([`crate::domain::event`], `secrecy`), so log values with `%` only where their
//! `Display` is known to be harmless. Whoever handles a thing logs it, once.
//!
//! An event is one thing to follow: its id is `event_id` of the line that takes the webhook in, and `span.event_id` of
//! every line about its delivery, down to the single call; what it gives rise to names it as `span.parent_id`. The same
//! spans become its trace ([`Traces`]).
//!
//! Metrics are an ordinary value: nothing here is global, so every test has its own.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::{EnvFilter, Registry, fmt, registry};

pub mod exposition;
mod metrics;
mod readiness;
mod samples;
#[cfg(feature = "otel")]
mod traces;
#[cfg(not(feature = "otel"))]
#[path = "telemetry/no_traces.rs"]
mod traces;

pub use metrics::{Distribution, Metrics};
pub use readiness::{Readiness, Since, Trouble};
pub use samples::{SAMPLE_EVERY, SAMPLES_MAX, Sample, Samples, Tallies};
pub use traces::{EXPORT_TIMEOUT, Traces};

/// Something that hears of log lines and spans.
type Ear = Box<dyn Layer<Registry> + Send + Sync>;

/// Logs could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The filter makes no sense.
    #[error("RUST_LOG is not a log filter: {0}; write it like info or tandem=debug")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Somebody set up logs before.
    #[error("logs are set up already")]
    Already,
}

/// Traces could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("traces cannot be sent: {0}; correct the OTEL_ variables, or remove OTEL_EXPORTER_OTLP_ENDPOINT")]
pub struct TracesError(String);

/// Starts logging to stderr: one JSON object a line when stderr is not a terminal, and lines for people when it is.
/// From then on a panic is a log line as well, without its message, which may hold anything. Spans go to `traces`,
/// whatever is logged.
///
/// `filter` is what `RUST_LOG` says ([`crate::config::log_filter`]).
///
/// # Errors
/// [`LogsError`]; nothing has changed then.
pub fn init_logs(filter: &str, traces: &Traces) -> Result<(), LogsError> {
    let filter = EnvFilter::try_new(filter)?;
    // A line that cannot be written is lost: whoever read them may be gone, and to say so on stderr would be a panic.
    let lines = fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    let lines: Ear = if std::io::stderr().is_terminal() {
        lines.with_filter(filter).boxed()
    } else {
        let lines = lines.json().flatten_event(true).with_current_span(true).with_span_list(false);
        lines.with_filter(filter).boxed()
    };
    let ears: Vec<Ear> = std::iter::once(lines).chain(traces.ear()).collect();
    tracing::subscriber::set_global_default(registry().with(ears)).map_err(|_| LogsError::Already)?;
    std::panic::set_hook(Box::new(log_panic));
    traces.announce();
    Ok(())
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    // A literal message is part of our source; a formatted one may hold a customer's words.
    let message = info.payload().downcast_ref::<&'static str>().copied().unwrap_or("a formatted message, not shown");
    tracing::error!(place, message_literal = message, "panic at {place}");
}
