//! The levers and views of a test: lags, limits, triggers, webhooks, faults and calls.

use jiff::SignedDuration;

use super::super::sender::{Attempt, Webhook};
use super::super::server::{Call, Fault};
use super::super::triggers::TriggerBodies;
use super::{HeaderSpelling, Zendesk};

impl Zendesk {
    /// How far the search index (`users/search?query=`) and the ticket list are behind, by the sandbox's clock.
    pub fn set_lag(&self, search: SignedDuration, list: SignedDuration) {
        self.act(|state, _| (state.switches.search_lag, state.switches.list_lag) = (search, list));
    }

    /// Whether the published rate limits are enforced; off at first.
    pub fn enforce_limits(&self, enforced: bool) {
        self.act(|state, _| state.limits.enforced = enforced);
    }

    /// How the rate-limit headers are spelt.
    pub fn spell_headers(&self, spelling: HeaderSpelling) {
        self.act(|state, _| state.limits.spelling = spelling);
    }

    /// Drops the files that wait for a comment, as if their tokens had run out.
    pub fn drop_uploads(&self) {
        self.act(|state, _| state.uploads.clear());
    }

    /// Sets the installed triggers.
    pub fn install_triggers(&self, bodies: TriggerBodies) {
        self.act(|state, _| state.switches.bodies = bodies);
    }

    /// Whether triggers also fire on writes through the API, our own included; off at first.
    pub fn fire_on_api_writes(&self, fire: bool) {
        self.act(|state, _| state.switches.fire_on_api_writes = fire);
    }

    /// Whether each trigger fires twice, as two different invocations; off at first.
    pub fn duplicate_webhooks(&self, twice: bool) {
        self.act(|state, _| state.switches.fire_twice = twice);
    }

    /// Has every webhook sign with this secret from now on.
    pub fn sign_with(&self, secret: &str) {
        self.act(|state, _| state.admin.sign_with(secret));
    }

    /// Takes a scope from the OAuth client, such as `triggers:read`: calls that need it are forbidden from now on,
    /// though tokens are issued as before.
    pub fn withhold_scope(&self, scope: &str) {
        self.act(|state, _| state.tokens.withhold(scope));
    }

    /// Sets the clock of Zendesk's servers this far ahead of the sandbox's.
    pub fn set_clock_ahead(&self, ahead: SignedDuration) {
        self.0.traffic.set_ahead(ahead);
    }

    /// Holds webhooks back from now on.
    pub fn pause_webhooks(&self) {
        self.0.sender.pause();
    }

    /// Sends the held webhooks, in order, and holds no more.
    pub fn resume_webhooks(&self) {
        self.0.sender.resume();
    }

    /// The held webhooks.
    #[must_use]
    pub fn held_webhooks(&self) -> Vec<Webhook> {
        self.0.sender.held()
    }

    /// Takes out the held webhooks, to send them in another order with [`Zendesk::send_webhook`], or never.
    #[must_use]
    pub fn take_held_webhooks(&self) -> Vec<Webhook> {
        self.0.sender.take_held()
    }

    /// Sends a webhook, paused or not.
    pub fn send_webhook(&self, webhook: Webhook) {
        self.0.sender.send_now(webhook);
    }

    /// Sends the webhook with this invocation id again; false when there was none.
    pub fn repeat_webhook(&self, invocation: &str) -> bool {
        self.0.sender.repeat(invocation)
    }

    /// Opens or closes the circuit breaker: while it is open, webhooks are dropped for good.
    pub fn open_circuit(&self, open: bool) {
        self.0.sender.open_circuit(open);
    }

    /// From now on the circuit breaker opens by itself: when 70 % of the webhooks of five minutes failed, for a minute.
    pub fn guard_circuit(&self) {
        self.0.sender.guard_circuit();
    }

    /// Answers every request for webhooks with this status, as Zendesk answers a caller without access to the pages.
    pub fn close_log(&self, status: u16) {
        self.act(|state, _| state.switches.log_closed = Some(status));
    }

    /// Whether the log also holds the bodies of webhooks that never left, which no record shows; off at first.
    pub fn log_unsent_bodies(&self, logged: bool) {
        self.act(|state, _| state.switches.log_unsent = logged);
    }

    /// Every attempt to hand over a webhook, with the bridge's answer.
    #[must_use]
    pub fn webhooks_delivered(&self) -> Vec<Attempt> {
        self.0.sender.attempts()
    }

    /// Whether no webhook is under way or waiting to be tried again.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.0.sender.is_idle()
    }

    /// Every request received.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.0.traffic.calls()
    }

    /// Lets something go wrong.
    pub fn fail(&self, fault: Fault) {
        self.0.traffic.fail(fault);
    }

    /// Forgets all faults.
    pub fn clear_faults(&self) {
        self.0.traffic.clear_faults();
    }
}
