//! What is known of Zendesk without asking it: what its rate limits leave, and whether it answers. Nothing here calls.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use crate::clients::zendesk::Zendesk;
use crate::domain::breaker::Breaker;
use crate::domain::budget::{Budgets, Level, Reached};
use crate::domain::event::Destination;
use crate::domain::lanes::Need;

impl Zendesk {
    /// How much is left of what Zendesk allows.
    #[must_use]
    pub fn levels(&self) -> Vec<Level> {
        self.exchange.levels(Destination::Zendesk)
    }

    /// The limits of Zendesk that hold calls back now.
    #[must_use]
    pub fn reached(&self) -> Vec<Reached> {
        self.exchange.reached(Destination::Zendesk)
    }

    /// Whether little is left of the account's rate budget, so that what can wait should.
    #[must_use]
    pub fn is_budget_low(&self) -> bool {
        self.exchange.is_budget_low(Destination::Zendesk)
    }

    /// When work with this need may be taken in hand, by our rate budget; `None` means now.
    #[must_use]
    pub fn opens_for(&self, need: Need) -> Option<Timestamp> {
        self.exchange.opens_for(need)
    }

    /// The rate budgets, for questions that are asked elsewhere.
    #[must_use]
    pub fn budgets(&self) -> Arc<Mutex<Budgets>> {
        Arc::clone(&self.exchange.budgets)
    }

    /// Looks at, or changes, what is known of Zendesk's answers.
    pub fn with_breaker<T>(&self, look: impl FnOnce(&mut Breaker) -> T) -> T {
        self.exchange.with_breaker(look)
    }
}
