//! An embedded Zendesk and an embedded Braze that speak real HTTP on 127.0.0.1, for `tandem demo` and for tests.
//!
//! They behave as the vendors' documents say, faults included: they refuse or silently ignore a request where the
//! real API does. Where a fact about a vendor is unconfirmed, the less generous reading was taken, and a comment
//! beside the code says so. The people in here are invented, so their names and texts may be printed. Beside them,
//! [`postgres`] runs a real database server.
//!
//! The sandbox knows nothing of the bridge: it uses none of the other modules but [`crate::clock`], and it computes
//! its own signatures, so that a mistake in ours is found and not shared. It never reaches outside the loopback
//! address that [`Sandbox::connect`] was given.

pub mod bird;
pub mod braze;
mod changes;
mod lock;
mod options;
pub mod pack;
pub mod phone;
pub mod postgres;
pub mod sender;
pub mod server;
pub mod sunshine;
mod text;
pub mod triggers;
pub mod zendesk;

use std::io;
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::clock::Clock;
use braze::Braze;
use changes::Changes;
pub use options::SandboxOptions;
use phone::Phone;
use sender::{Rules, Sender};
use zendesk::Zendesk;

/// Both vendors and the customers' phones. The servers stop when this is dropped; the handles may be cloned freely.
pub struct Sandbox {
    /// The help desk.
    pub zendesk: Zendesk,
    /// The messaging service.
    pub braze: Braze,
    /// The customers' phones.
    pub phone: Phone,
    changes: Changes,
    _stop: DropGuard,
}

impl Sandbox {
    /// Starts both servers, each on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be had, or the HTTP client that sends the webhooks cannot be built.
    pub async fn start(options: SandboxOptions, clock: Clock) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let changes = Changes::default();
        let sender = |rules, timeout| {
            let client = Some(sender::client(timeout).map_err(io::Error::other)?);
            Ok::<_, io::Error>(Sender::new(
                client,
                rules,
                options.retry_spacing,
                clock.clone(),
                changes.clone(),
                stop.clone(),
            ))
        };
        let from_zendesk = sender(Rules::Zendesk, options.zendesk_webhook_timeout)?;
        let from_braze = sender(Rules::Braze, options.braze_webhook_timeout)?;
        let zendesk =
            Zendesk::start(options.clone(), clock.clone(), changes.clone(), from_zendesk, stop.clone()).await?;
        let braze = Braze::start(options, clock, changes.clone(), from_braze, stop.clone()).await?;
        let phone = Phone::new(braze.clone());
        Ok(Self { zendesk, braze, phone, changes, _stop: stop.drop_guard() })
    }

    /// Both vendors without a network. The caller hands requests to [`Zendesk::answer`] and [`Braze::answer`].
    /// Webhooks are held until the caller takes them out ([`Zendesk::take_held_webhooks`],
    /// [`Braze::take_held_webhooks`]) and carries them to the bridge. Each host is the
    /// account's name, below `sandbox.invalid`. Must be called inside a tokio runtime.
    #[must_use]
    pub fn in_process(options: SandboxOptions, clock: Clock) -> Self {
        let stop = CancellationToken::new();
        let changes = Changes::default();
        let sender =
            |rules| Sender::new(None, rules, options.retry_spacing, clock.clone(), changes.clone(), stop.clone());
        let (from_zendesk, from_braze) = (sender(Rules::Zendesk), sender(Rules::Braze));
        let (stop_zendesk, stop_braze) = (stop.clone(), stop.clone());
        let zendesk = Zendesk::new(
            &format!("https://{}.sandbox.invalid", options.zendesk_account),
            options.clone(),
            clock.clone(),
            changes.clone(),
            from_zendesk,
            stop_zendesk,
        );
        let url = format!("https://{}.sandbox.invalid", options.braze_account);
        let braze = Braze::new(&url, options, clock, changes.clone(), from_braze, stop_braze);
        let phone = Phone::new(braze.clone());
        Self { zendesk, braze, phone, changes, _stop: stop.drop_guard() }
    }

    /// Sets the address of webhooks: `{bridge_url}/webhooks/zendesk`, `{bridge_url}/webhooks/braze`, and the drop-in
    /// paths.
    ///
    /// Earlier webhooks are logged as unreachable.
    pub fn connect(&self, bridge_url: &str) {
        self.zendesk.sender().connect(bridge_url);
        self.braze.sender().connect(bridge_url);
    }

    /// Waits until `predicate` holds, looking again whenever anything changes in the sandbox; false when it still does
    /// not hold after `deadline`.
    pub async fn wait_until(&self, deadline: Duration, predicate: impl FnMut() -> bool) -> bool {
        self.changes.wait_until(deadline, predicate).await
    }

    /// Reports every change from now on. A change carries no content; the receiver looks at the sandbox.
    #[must_use]
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

#[cfg(test)]
mod tests;
