//! The state of Zendesk: its rate limits, its breaker, and whether it lets the bridge in. Only the latter takes a call.

use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::ports::desk::IsShort;
use crate::ports::{Desk, Failure};
use crate::vendors::zendesk::Zendesk;
use crate::vendors::zendesk::limits::ONE_TICKET;

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
