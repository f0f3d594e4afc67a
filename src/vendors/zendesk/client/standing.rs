//! The state of Zendesk: its rate limits, its breaker, and whether it lets the bridge in. Only the latter takes a call.

use std::sync::{Arc, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::breaker::Breaker;
use crate::domain::lanes::Need;
use crate::ports::desk::IsShort;
use crate::ports::{Account, Desk, Failure};
use crate::vendors::zendesk::Zendesk;
use crate::vendors::zendesk::limits::ONE_TICKET;

impl Account for Zendesk {
    fn vendor(&self) -> &'static str {
        self.exchange.vendor
    }

    fn opens_for(&self, need: Need) -> Option<Timestamp> {
        self.exchange.opens_for(need)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.exchange.breaker()
    }
}

#[async_trait]
impl Desk for Zendesk {
    /// Zendesk may answer a wrong credential with an anonymous user.
    async fn lets_us_in(&self) -> Result<bool, Failure> {
        self.me().await.map(|me| me.id.is_some())
    }

    fn is_budget_low(&self) -> bool {
        self.exchange.is_budget_low()
    }

    fn is_short(&self, now: Timestamp) -> IsShort {
        let budgets = Arc::clone(&self.exchange.budgets);
        Arc::new(move |ticket, waiting| {
            // A poisoned lock holds numbers that are still numbers.
            let mut budgets = budgets.lock().unwrap_or_else(PoisonError::into_inner);
            budgets.is_short(&ONE_TICKET, ticket.0, waiting, now)
        })
    }
}
