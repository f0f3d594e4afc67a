//! Lookups for the address of an event: customers, their names and their tickets.
//!
//! It only reads.

use crate::domain::account::{AccountId, Ends};
use crate::domain::address::{Directory, Identity};
use crate::domain::conversation::{Conversation, ConversationKey};
use crate::domain::event::TicketRef;
use crate::store::StoreError;
use crate::store::engine::core::Core;
use crate::store::engine::layout;
use crate::store::engine::part::{Scope, Want};

impl Directory for Core {
    type Error = StoreError;

    fn by_identity(&self, identity: &Identity) -> Result<Option<ConversationKey>, StoreError> {
        Ok(self.journal.get(&layout::identity(identity))?.map(|value| key_in(&value)))
    }

    fn by_ticket(&self, ticket: TicketRef) -> Result<Option<ConversationKey>, StoreError> {
        Ok(self.journal.get(&layout::ticket(ticket))?.map(|value| key_in(&value)))
    }

    fn conversation(&self, key: &ConversationKey) -> Result<Option<Conversation>, StoreError> {
        let record = self.journal.load(&layout::conversation(key))?;
        record.map(|record| layout::decode("conversation", &record)).transpose()
    }
}

impl Core {
    /// [`crate::store::Queue::talks_of`].
    pub(in crate::store) fn talks_of(&self, carrier: AccountId, user: &str) -> Result<Vec<Conversation>, StoreError> {
        let keys = match &self.scope {
            Scope::Whole => self.index.people().of_user(user).cloned().collect(),
            Scope::Part(_) => self.scope.keys(|| Want::User(user.to_owned())),
        };
        let keys = keys.into_iter().map(|key| ConversationKey(key.to_string()));
        let known = keys.filter_map(|key| Directory::conversation(self, &key).transpose());
        known.filter(|known| known.as_ref().map_or(true, |known| known.ends.carrier == carrier)).collect()
    }

    /// The accounts of a conversation; those given for a conversation that is not known yet.
    pub(in crate::store) fn ends_of(&self, key: &ConversationKey, given: Ends) -> Result<Ends, StoreError> {
        if self.journal.is_staging(layout::CONVERSATION) {
            // The index follows a request once it is kept.
            return Ok(self.conversation(key)?.map_or(given, |known| known.ends));
        }
        self.scope.want(|| Want::Conversation(key.clone()));
        Ok(self.index.ends_of(key).unwrap_or(given))
    }
}

/// The key that a name or a ticket leads to.
pub(in crate::store) fn key_in(value: &[u8]) -> ConversationKey {
    ConversationKey(String::from_utf8_lossy(value).into_owned())
}
