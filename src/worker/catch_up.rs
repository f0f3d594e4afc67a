//! Finds what webhooks did not bring: Zendesk does not repeat a webhook that found us closed, and its circuit breaker
//! drops them unsent.
//!
//! One search names the text conversations that changed of late; for each the doorbell is rung once more, and the
//! ordinary way does the rest: whatever agents wrote after the last comment forwarded goes out, in order, once. A
//! ticket that the bridge does not know gives nothing, because nobody can tell which of its comments are old.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clients::Failure;
use crate::clients::zendesk::TICKETS_FOUND_MAX;
use crate::domain::event::{AgentReply, Event, EventKind, TicketId};
use crate::domain::retry::later;

use super::Worker;
use super::identify::SMS_TAG;

/// How much further back each look goes than the last one: Zendesk's search index lags by up to a few minutes.
const OVERLAP: Duration = Duration::from_secs(600);

/// The pause between two rings, so that a catch-up after a long outage leaves most of the rate budget (200 calls a
/// minute on the smallest plan) to what is happening now. While little is left, nothing is rung at all.
const PACE: Duration = Duration::from_secs(1);

impl Worker {
    /// Catches up at once and then every so often until `stop`; `None` for never.
    pub(super) async fn catch_up(&self, stop: &CancellationToken) {
        let Some(every) = self.options.catch_up else { return };
        // How long we were down is not known; older than this, a reply would not be texted any more.
        let mut looked_at = before(self.clock.now(), self.options.retry.give_up_after);
        while !stop.is_cancelled() {
            let now = self.clock.now();
            match self.zendesk.tickets_updated(SMS_TAG, before(looked_at, OVERLAP)).await {
                Ok(tickets) => {
                    // The list is bounded and its oldest come first: where it was cut off, the next look goes on.
                    let newest = tickets.iter().map(|ticket| ticket.updated_at).max();
                    let seen_to = newest.filter(|_| tickets.len() >= TICKETS_FOUND_MAX).unwrap_or(now);
                    let tickets: Vec<TicketId> = tickets.iter().map(|ticket| ticket.id).collect();
                    if self.ring(&tickets, stop).await {
                        looked_at = seen_to;
                    }
                }
                Err(Failure::Postpone { .. }) => {}
                Err(failure) => warn!("catch_up.failed: {}; the next look covers the same time", failure.cause()),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep_until(later(now, every)) => {}
            }
        }
    }

    /// Rings once for each; false when not all could be rung.
    async fn ring(&self, tickets: &[TicketId], stop: &CancellationToken) -> bool {
        for (rung, ticket_id) in tickets.iter().enumerate() {
            while rung > 0 || self.zendesk.is_budget_low() {
                let next = later(self.clock.now(), PACE);
                tokio::select! {
                    () = stop.cancelled() => return false,
                    () = self.clock.sleep_until(next) => {}
                }
                if !self.zendesk.is_budget_low() {
                    break;
                }
            }
            let now = self.clock.now();
            let reply = AgentReply { ticket_id: *ticket_id, comment_id: None, external_user_id: None };
            let event = Event { received_at: now, kind: EventKind::AgentReply(reply) };
            if let Err(error) = self.store.accept(event, Vec::new(), now).await {
                warn!(%error, "catch_up.not_stored: the next look will find it");
                return false;
            }
        }
        if !tickets.is_empty() {
            info!("catch_up.rung: looked at {} tickets that changed of late", tickets.len());
        }
        true
    }
}

fn before(at: Timestamp, age: Duration) -> Timestamp {
    at.checked_sub(age).unwrap_or(Timestamp::MIN)
}
