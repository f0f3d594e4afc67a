//! The store's side that is read: conversations, deliveries, reports, the audit and the numbers. No call here changes
//! anything.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::counts::Counts;
use super::error::StoreError;
use super::filter::DeliveryFilter;
use super::moves::{Found, Sweep};
use super::page::Page;
use crate::domain::account::AccountId;
use crate::domain::answer::Answers;
use crate::domain::conversation::{Conversation, ConversationKey};
use crate::domain::delivery::Delivery;
use crate::domain::event::{Event, EventId};
use crate::domain::find::Search;
use crate::domain::inbound::Arrivals;
use crate::domain::operator::{AuditEntry, Pause};
use crate::domain::receipt::Kept;

/// Shows what is stored. See [`super::Store`] for the promises of every call.
#[async_trait]
pub trait Archive: Send + Sync + 'static {
    /// One conversation, with everything committed before the call.
    async fn conversation(&self, key: &ConversationKey) -> Result<Option<Conversation>, StoreError>;

    /// Those of these conversations that exist, in one look beside all other calls, like [`Archive::conversations`].
    async fn conversations_named(&self, keys: BTreeSet<ConversationKey>) -> Result<Vec<Conversation>, StoreError>;

    /// At most `limit` conversations (sled: never more than 1000) in the order of their keys, after `after`. A list is
    /// a look at a moving thing: a record that changes meanwhile may be missing from the page.
    async fn conversations(
        &self,
        after: Option<&ConversationKey>,
        limit: usize,
    ) -> Result<Page<Conversation>, StoreError>;

    /// Conversations from the one with the newest delivery to the one with the oldest, then those without deliveries in
    /// the order of their keys. With a search, only its conversations are listed and counted.
    async fn find_conversations(
        &self,
        search: Option<Search>,
        after: Option<&ConversationKey>,
        limit: usize,
    ) -> Result<Page<Conversation>, StoreError>;

    /// One delivery with its event.
    async fn delivery(&self, id: EventId) -> Result<Option<(Delivery, Event)>, StoreError>;

    /// The vendor's answers to the failed attempts of a delivery, with everything committed before the call; none for
    /// an unknown delivery. They may repeat a customer's text, so [`super::Control::note_seen`] comes first.
    async fn answers(&self, id: EventId) -> Result<Answers, StoreError>;

    /// Deliveries, oldest first unless asked otherwise; a look at a moving thing, like [`Archive::conversations`].
    async fn deliveries(&self, filter: DeliveryFilter) -> Result<Page<Delivery>, StoreError>;

    /// Takes a short look for deliveries to move, beside all other calls, and says where the next look begins. A
    /// delivery may have moved on before the caller uses its id.
    async fn sweep(&self, sweep: Sweep) -> Result<Found, StoreError>;

    /// The operators' acts, newest first, behind this number: one entry for the changes of each order above. The newest
    /// [`super::StoreLimits::audit_max`] are kept.
    async fn audit(&self, after: Option<u64>, limit: usize) -> Result<Page<AuditEntry>, StoreError>;

    /// Reports of which no delivery is known, the newest first, after this number.
    ///
    /// # Errors
    /// As every call.
    async fn unbound_reports(&self, after: Option<u64>, limit: usize) -> Result<Page<Kept>, StoreError>;

    /// How many reports of each carrier there are of which no delivery is known. A carrier without any may be left out.
    fn unbound(&self) -> BTreeMap<AccountId, u64>;

    /// The pause of a destination, as of the last commit. Cheap to ask. A pause whose end has come
    /// ([`Pause::has_ended`]) is about to be resumed.
    fn paused(&self, account: AccountId) -> Option<Pause> {
        self.pauses().remove(&account)
    }

    /// Every pause of the operators', as of the last commit. Cheap to ask.
    fn pauses(&self) -> BTreeMap<AccountId, Pause>;

    /// The account of webhooks stored last. An account that this version cannot read is an error, and loses no other
    /// record.
    async fn arrivals(&self) -> Result<Option<Arrivals>, StoreError>;

    /// Numbers for metrics, as of the last commit.
    fn counts(&self) -> Counts;
}
