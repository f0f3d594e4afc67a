//! Logs and metrics.
//!
//! What may be logged: event ids, kinds, states, counts, durations, conversation-free causes, names of files and
//! addresses that we listen on. What may never be: the text of a message, a whole phone number, a name, an e-mail
//! address, a token, a secret or a signature; not in a metric's label either. The types help: personal data and secrets
//! have no telling `Debug` form ([`crate::domain::event`], `secrecy`), so log values with `%` only where their
//! `Display` is known to be harmless. Whoever handles a thing logs it, once.
//!
//! An event is one thing to follow: its id is `event_id` of the line that takes the webhook in, and `span.event_id` of
//! every line about its delivery, down to the single call; what it gives rise to names it as `span.parent_id`.
//!
//! Metrics are an ordinary value: nothing here is global, so every test has its own.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::SubscriberBuilder;

pub mod exposition;
mod metrics;
mod readiness;
mod samples;

pub use metrics::{Distribution, Metrics};
pub use readiness::Readiness;
pub use samples::{SAMPLE_EVERY, SAMPLES_MAX, Sample, Samples, Tallies};

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

/// Starts logging to stderr: one JSON object a line when stderr is not a terminal, and lines for people when it is.
/// From then on a panic is a log line as well, without its message, which may hold anything.
///
/// `filter` is what `RUST_LOG` says ([`crate::config::log_filter`]).
///
/// # Errors
/// [`LogsError`]; nothing has changed then.
pub fn init_logs(filter: &str) -> Result<(), LogsError> {
    let filter = EnvFilter::try_new(filter)?;
    let builder = SubscriberBuilder::default().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        tracing::subscriber::set_global_default(builder.finish())
    } else {
        tracing::subscriber::set_global_default(
            builder.json().flatten_event(true).with_current_span(true).with_span_list(false).finish(),
        )
    };
    started.map_err(|_| LogsError::Already)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    // A literal message is part of our source; a formatted one may hold a customer's words.
    let message = info.payload().downcast_ref::<&'static str>().copied().unwrap_or("a formatted message, not shown");
    tracing::error!(place, message_literal = message, "panic at {place}");
}
