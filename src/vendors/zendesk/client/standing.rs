//! The state of Zendesk without a call: its rate limits, and its breaker. Never calls Zendesk.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use crate::domain::account::End;
use crate::domain::breaker::Breaker;
use crate::domain::budget::{Budgets, Level, Reached};
use crate::domain::lanes::Need;
use crate::vendors::zendesk::Zendesk;

impl Zendesk {
    /// The calls left under each of Zendesk's limits.
    #[must_use]
    pub fn levels(&self) -> Vec<Level> {
        self.exchange.levels(End::Desk)
    }

    /// The limits of Zendesk that hold calls back now.
    #[must_use]
    pub fn reached(&self) -> Vec<Reached> {
        self.exchange.reached(End::Desk)
    }

    /// Whether little is left of the account's rate budget, so that less urgent work should wait.
    #[must_use]
    pub fn is_budget_low(&self) -> bool {
        self.exchange.is_budget_low(End::Desk)
    }

    /// When the rate budget has room for work with this need; `None` means now.
    #[must_use]
    pub fn opens_for(&self, need: Need) -> Option<Timestamp> {
        self.exchange.opens_for(need)
    }

    /// The rate budgets, for other readers.
    #[must_use]
    pub fn budgets(&self) -> Arc<Mutex<Budgets>> {
        Arc::clone(&self.exchange.budgets)
    }

    /// Reads or changes Zendesk's breaker.
    pub fn with_breaker<T>(&self, look: impl FnOnce(&mut Breaker) -> T) -> T {
        self.exchange.with_breaker(look)
    }
}
