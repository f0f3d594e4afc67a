//! The state of Zendesk without a call: its rate limits, and its breaker. Never calls Zendesk.

use std::sync::{Arc, PoisonError};

use jiff::Timestamp;

use crate::domain::breaker::Breaker;
use crate::domain::budget::{Level, Reached};
use crate::domain::ids::TicketId;
use crate::domain::lanes::Need;
use crate::vendors::zendesk::Zendesk;
use crate::vendors::zendesk::limits::ONE_TICKET;

impl Zendesk {
    /// The calls left under each of Zendesk's limits.
    #[must_use]
    pub fn levels(&self) -> Vec<Level> {
        self.exchange.levels()
    }

    /// The limits of Zendesk that hold calls back now.
    #[must_use]
    pub fn reached(&self) -> Vec<Reached> {
        self.exchange.reached()
    }

    /// Whether little is left of the account's rate budget, so that less urgent work should wait.
    #[must_use]
    pub fn is_budget_low(&self) -> bool {
        self.exchange.is_budget_low()
    }

    /// When the rate budget has room for work with this need; `None` means now.
    #[must_use]
    pub fn opens_for(&self, need: Need) -> Option<Timestamp> {
        self.exchange.opens_for(need)
    }

    /// Asks whether so many texts that wait for a ticket had better go as one, at this time: they would take more than
    /// half of the updates that the ticket has left, or a third of its updates are used already.
    pub fn is_short(&self, now: Timestamp) -> impl Fn(TicketId, usize) -> bool + Send + Sync + 'static {
        let budgets = Arc::clone(&self.exchange.budgets);
        move |ticket, waiting| {
            // A poisoned lock holds numbers that are still numbers.
            let mut budgets = budgets.lock().unwrap_or_else(PoisonError::into_inner);
            budgets.is_short(&ONE_TICKET, ticket.0, waiting, now)
        }
    }

    /// Reads or changes Zendesk's breaker.
    pub fn with_breaker<T>(&self, look: impl FnOnce(&mut Breaker) -> T) -> T {
        self.exchange.with_breaker(look)
    }
}
