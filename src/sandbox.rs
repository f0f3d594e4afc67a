//! An embedded Zendesk and an embedded Braze that speak real HTTP on 127.0.0.1, for `tandem demo` and for tests.
//!
//! They behave as the vendors' documents say, faults included: they refuse or silently ignore a request where the
//! real API does. Where a fact about a vendor is unconfirmed, the less generous reading was taken, and a comment
//! beside the code says so. The people in here are invented, so their names and texts may be printed.
//!
//! The sandbox knows nothing of the bridge: it uses none of the other modules but [`crate::clock`], and it computes
//! its own signatures, so that a mistake in ours is found and not shared. It never reaches outside the loopback
//! address that [`Sandbox::connect`] was given.

pub mod braze;
mod changes;
pub mod phone;
pub mod sender;
pub mod server;
mod text;
pub mod triggers;
pub mod zendesk;

use std::io;
use std::time::Duration;

use jiff::SignedDuration;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::clock::Clock;
use braze::Braze;
use changes::Changes;
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
    /// [`Braze::take_held_webhooks`]) and carries them to the bridge. Must be called inside a tokio runtime.
    #[must_use]
    pub fn in_process(options: SandboxOptions, clock: Clock) -> Self {
        let stop = CancellationToken::new();
        let changes = Changes::default();
        let sender =
            |rules| Sender::new(None, rules, options.retry_spacing, clock.clone(), changes.clone(), stop.clone());
        let (from_zendesk, from_braze) = (sender(Rules::Zendesk), sender(Rules::Braze));
        let (stop_zendesk, stop_braze) = (stop.clone(), stop.clone());
        let zendesk = Zendesk::new(
            "https://zendesk.sandbox.invalid",
            options.clone(),
            clock.clone(),
            changes.clone(),
            from_zendesk,
            stop_zendesk,
        );
        let braze =
            Braze::new("https://braze.sandbox.invalid", options, clock, changes.clone(), from_braze, stop_braze);
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

/// How the sandbox is set up. The default values are obviously not real ones.
#[derive(Clone)]
pub struct SandboxOptions {
    /// The OAuth client that Zendesk knows.
    pub zendesk_client_id: String,
    /// Its secret.
    pub zendesk_client_secret: String,
    /// The agent on whose behalf the bridge acts: the user of the OAuth client, and of the legacy API token.
    pub zendesk_email: String,
    /// The legacy API token.
    pub zendesk_api_token: String,
    /// The signing secret of the Zendesk webhook, used as printed.
    pub zendesk_webhook_secret: String,
    /// The life of an access token for which the request names none.
    pub token_lifetime: SignedDuration,
    /// The REST API key that Braze knows.
    pub braze_api_key: String,
    /// The token that Braze's webhook campaigns present to the bridge.
    pub braze_webhook_token: String,
    /// The API-triggered campaign that carries an agent's reply.
    pub campaign_agent_reply: String,
    /// The API-triggered campaign that carries the closing text.
    pub campaign_ticket_solved: String,
    /// The webhook campaign that carries a customer's text.
    pub campaign_inbound: String,
    /// The one subscription group.
    pub subscription_group: String,
    /// One-word texts that have a keyword category of their own, in any case.
    pub custom_keywords: Vec<String>,
    /// The pause before a webhook is tried again. The vendors' own spacing is minutes; tests need not wait for it.
    pub retry_spacing: Duration,
    /// How long Zendesk waits for an answer to a webhook: the lower of the two published values.
    pub zendesk_webhook_timeout: Duration,
    /// How long Braze waits for an answer to a webhook.
    pub braze_webhook_timeout: Duration,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            zendesk_client_id: "sandbox_client".into(),
            zendesk_client_secret: "sandbox-client-secret-not-real".into(),
            zendesk_email: "bridge@sandbox.invalid".into(),
            zendesk_api_token: "sandbox-api-token-not-real".into(),
            zendesk_webhook_secret: "c2FuZGJveC1zaWduaW5nLXNlY3JldC1ub3QtcmVhbA==".into(),
            token_lifetime: SignedDuration::from_mins(30),
            braze_api_key: "sandbox-braze-key-not-real".into(),
            braze_webhook_token: "sandbox-braze-webhook-token-not-real".into(),
            campaign_agent_reply: "00000000-0000-4000-8000-00000000a9e7".into(),
            campaign_ticket_solved: "00000000-0000-4000-8000-000000005017".into(),
            campaign_inbound: "00000000-0000-4000-8000-0000000014b0".into(),
            subscription_group: "00000000-0000-4000-8000-000000006709".into(),
            custom_keywords: vec!["SUPPORT".into()],
            retry_spacing: Duration::from_millis(20),
            zendesk_webhook_timeout: Duration::from_secs(10),
            braze_webhook_timeout: Duration::from_secs(90),
        }
    }
}

/// A poisoned lock means that a test failed elsewhere; its state is still whole.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
