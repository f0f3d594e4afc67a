//! The API's answer to an order to forget a customer: numbers, and the key that the caller named. Never shows an erased
//! record.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::conversation::ConversationKey;
use crate::store;

/// The records of a customer that were erased, by number.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Forgotten {
    /// The key that was named.
    key: String,
    /// Whether no delivery was left in hand; when it is false, give the order again.
    complete: bool,
    /// Conversations, the customer's on every line.
    conversations: u64,
    /// Names and tickets that led to them.
    names: u64,
    /// Settled deliveries.
    settled: u64,
    /// Deliveries that still waited; they will not be sent.
    waiting: u64,
    /// Unreadable bodies in which the customer was named.
    unreadable: u64,
    /// Deliveries whose call is under way; they were left.
    in_hand: u64,
    /// Unreadable bodies that name no customer; they were left.
    unattributed: u64,
}

impl Forgotten {
    pub(in crate::http) fn of(key: &ConversationKey, forgotten: &store::Forgotten) -> Self {
        Self {
            key: key.0.clone(),
            complete: forgotten.in_hand == 0,
            conversations: forgotten.conversations,
            names: forgotten.names,
            settled: forgotten.settled,
            waiting: forgotten.waiting,
            unreadable: forgotten.unreadable,
            in_hand: forgotten.in_hand,
            unattributed: forgotten.unattributed,
        }
    }
}
