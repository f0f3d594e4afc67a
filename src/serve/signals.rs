//! The signals that a bridge heeds: SIGHUP has it read its configuration again, SIGTERM and Ctrl-C end it.
//!
//! It hands on the configuration, and never takes it over.

use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{error, warn};

use crate::config::{Config, Faults, Warning};

/// Reads the configuration as it is now, with its warnings, or returns its faults.
pub type Read = Arc<dyn Fn() -> Result<(Config, Vec<Warning>), Faults> + Send + Sync>;

/// The source of a running bridge's later configurations.
pub struct Reloads {
    /// Configurations that were read anew, or their faults.
    pub read: mpsc::Receiver<Result<Config, Faults>>,
    /// Reads the configuration for a check without taking it over; `None` where it is not from a file.
    pub check: Option<Read>,
}

/// Every SIGHUP since this was made. A process without a handler dies of that signal, so `serve` makes this before it
/// reads its configuration.
#[derive(Debug)]
pub struct Hangups(Signal);

impl Hangups {
    /// Installs the handler. Needs a runtime.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn new() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }
}

pub(super) fn log_warnings(warnings: &[Warning]) {
    for warning in warnings {
        warn!("config.warning: {warning}");
    }
}

/// Reads the configuration again at each hangup.
pub(super) fn reloads(
    mut hangups: Hangups,
    read: impl Fn() -> Result<(Config, Vec<Warning>), Faults> + Send + Sync + 'static,
) -> Reloads {
    let (send, reloads) = mpsc::channel(1);
    let read: Read = Arc::new(read);
    let check = Some(Arc::clone(&read));
    tokio::spawn(async move {
        while hangups.0.recv().await.is_some() {
            let read = Arc::clone(&read);
            let read = match tokio::task::spawn_blocking(move || read()).await {
                Ok(read) => read,
                Err(error) => {
                    error!(%error, "config.not_read: reading the configuration failed; the one before stays in force");
                    continue;
                }
            };
            let read = read.map(|(config, warnings)| {
                log_warnings(&warnings);
                config
            });
            if send.send(read).await.is_err() {
                return;
            }
        }
    });
    Reloads { read: reloads, check }
}

/// Ends on SIGTERM or Ctrl-C. Installed before the store is opened, so that a stop at the start is a stop in order.
pub(crate) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
