//! The port of desks, on whose tickets agents answer. It has four sides, and each caller names those that it uses:
//! [`Tickets`], [`Comments`], [`Users`] and [`WebhookLog`]. Never decides which ticket or which user is the customer's.
//!
//! Reads and writes fail alike everywhere. A read never ends as [`Failure::Lose`] or [`Failure::Broke`], because it has
//! no effect. After a write that ends so, the effect is looked for ([`Comments::find_own_write`]).

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::event::TicketId;
use crate::ports::{Account, Failure};

mod comments;
mod tickets;
mod users;
mod webhook_log;

pub use comments::{Comments, CommentsRead};
pub use tickets::{
    Addition, CONVERSATION_TAG, File, NewTicket, TICKETS_AT_ONCE, TicketView, Tickets, TicketsRead, TicketsUpdated,
    Urgency, Written,
};
pub use users::{IdHolder, Saved, UserQuery, UserValues, UserView, Users};
pub use webhook_log::{Fate, Invocation, Invocations, LostWebhook, WebhookLog};

/// Asks whether so many texts that wait for a ticket had better go as one.
pub type IsShort = Arc<dyn Fn(TicketId, usize) -> bool + Send + Sync>;

/// An account on whose tickets agents answer.
#[async_trait]
pub trait Desk: Account + Tickets + Comments + Users + WebhookLog {
    /// Whether the desk accepts our credential, by a call that every credential may make.
    ///
    /// # Errors
    /// As for every read; [`Failure::Pause`], [`Failure::Forbid`] and [`Failure::GiveUp`] also mean that it does not.
    async fn lets_us_in(&self) -> Result<bool, Failure>;

    /// Whether little is left of the rate budget, so that less urgent work should wait.
    fn is_budget_low(&self) -> bool;

    /// The rate budgets of single tickets at this time: a ticket is short where the texts that wait for it would take
    /// more than half of the updates that it has left, or where a third of its updates is used already.
    fn is_short(&self, now: Timestamp) -> IsShort;
}
