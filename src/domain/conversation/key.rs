//! The name of a conversation, under which its record and its lanes lie. It never finds the name of an event's conversation,
//! which [`crate::domain::address`] does.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::account::{AccountId, Ends};
use crate::domain::event::{TicketId, TicketRef};

/// The name of a conversation: the brand's id of the customer, or else the carrier's, with `@` and the line's address
/// behind it for every line but the default one ([`crate::domain::address`]). An id that cannot be a key is replaced by
/// its digest
/// ([`crate::domain::address::Identity::key`]). Tickets carry the key as their `external_id`, so that they are found
/// again when the store is lost.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConversationKey(pub String);

/// Stands before the number in the key of a ticket whose customer is not known yet.
const PROVISIONAL: &str = "ticket:";

impl ConversationKey {
    /// The key under which events of a ticket wait until its customer is known.
    #[must_use]
    pub fn provisional(ticket: TicketRef) -> Self {
        Self(format!("{PROVISIONAL}{}", ticket.account.scoped(&ticket.id.to_string())))
    }

    /// The key for events that name neither customer nor ticket. No ticket has the number 0, so no customer ever has it.
    #[must_use]
    pub fn nobody() -> Self {
        Self::provisional(TicketRef { account: Ends::FIRST.desk, id: TicketId(0) })
    }

    /// Whether the key stands for a ticket whose customer is not known yet.
    #[must_use]
    pub fn is_provisional(&self) -> bool {
        self.0.strip_prefix(PROVISIONAL).is_some_and(|rest| {
            let (_, number) = AccountId::split(rest);
            number.bytes().all(|byte| byte.is_ascii_digit())
        })
    }

    /// Whether the key stands for a ticket whose customer is not known yet, or would once a desk has the name in it.
    #[must_use]
    pub fn may_become_provisional(&self) -> bool {
        self.0.strip_prefix(PROVISIONAL).is_some_and(|rest| {
            let number = rest.rsplit_once(':').map_or(rest, |(_, number)| number);
            number.bytes().all(|byte| byte.is_ascii_digit())
        })
    }

    /// The ticket whose customer is not known yet; `None` for every other key.
    #[must_use]
    pub fn provisional_ticket(&self) -> Option<TicketRef> {
        let (account, number) = AccountId::split(self.0.strip_prefix(PROVISIONAL)?);
        Some(TicketRef { account: account.unwrap_or(Ends::FIRST.desk), id: TicketId(number.parse().ok()?) })
    }

    /// The key of this customer's conversation on another line.
    #[must_use]
    pub fn on_line(&self, line: &str) -> Self {
        Self(format!("{}@{line}", self.0))
    }
}

impl fmt::Display for ConversationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ConversationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
