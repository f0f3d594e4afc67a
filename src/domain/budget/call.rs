//! The calls that a budget counts, and the pools that they draw on. It never counts.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::domain::account::End;
use crate::domain::ids::TicketId;

/// A call that is about to be made, as its budget sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A read (or an upload) at Zendesk that counts against the account only.
    ZendeskRead,
    /// A call to Zendesk with a limit of its own that the bridge stays far below (search, audits, settings). Its
    /// headers may speak of that limit.
    ZendeskSearch,
    /// A search for a user, which counts against the account only.
    ZendeskSearchUsers,
    /// The list of tickets: 100 a minute.
    ZendeskListTickets,
    /// A new ticket.
    ZendeskCreateTicket,
    /// An update of this ticket: 30 in ten minutes, and 100 a minute for all tickets together.
    ZendeskUpdateTicket(TicketId),
    /// A note of the bridge's own on this ticket: an update that draws on the notes' share as well.
    ZendeskNote(TicketId),
    /// The upsert of this user: 5 a minute, and one a second for all users together.
    ZendeskSaveUser(UserKey),
    /// A message to one customer: 250,000 an hour.
    BrazeSend,
    /// Reading profiles: 250 a minute for most workspaces.
    BrazeExport,
    /// Any other read at Braze: 250,000 an hour.
    BrazeRead,
}

/// Stands for a user in a budget without keeping the user's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserKey(pub(super) u64);

impl UserKey {
    /// The key of the user whom this text names: an external id or an e-mail address.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self(hashed(&name))
    }
}

/// A limit that several calls share and that answers may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// All of Zendesk's Support API, per minute.
    ZendeskAccount,
    /// Ticket lists, per minute.
    ZendeskLists,
    /// New tickets, per minute.
    ZendeskCreates,
    /// Ticket updates, per minute.
    ZendeskUpdates,
    /// The share of the ticket updates that the bridge's own notes may take, per minute.
    ZendeskNotes,
    /// User upserts, per second.
    ZendeskUserSaves,
    /// Braze's single sends, per hour.
    BrazeSends,
    /// Braze's profile exports, per minute.
    BrazeExports,
    /// Other reads at Braze, per hour.
    BrazeReads,
}

impl Pool {
    /// The calls that it counts, as a plural.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ZendeskAccount => "all calls",
            Self::ZendeskLists => "ticket lists",
            Self::ZendeskCreates => "new tickets",
            Self::ZendeskUpdates => "ticket updates",
            Self::ZendeskNotes => "notes",
            Self::ZendeskUserSaves => "user saves",
            Self::BrazeSends => "texts",
            Self::BrazeExports => "profile exports",
            Self::BrazeReads => "other reads",
        }
    }
}

/// A vendor's pools that operators see, the widest first.
pub(super) fn pools_of(end: End) -> &'static [Pool] {
    match end {
        End::Desk => &[
            Pool::ZendeskAccount,
            Pool::ZendeskLists,
            Pool::ZendeskCreates,
            Pool::ZendeskUpdates,
            Pool::ZendeskUserSaves,
        ],
        End::Carrier => &[Pool::BrazeSends, Pool::BrazeReads, Pool::BrazeExports],
    }
}

/// The pools that a call draws on.
pub(super) fn pools(call: Call) -> &'static [Pool] {
    match call {
        Call::ZendeskRead | Call::ZendeskSearch | Call::ZendeskSearchUsers => &[Pool::ZendeskAccount],
        Call::ZendeskListTickets => &[Pool::ZendeskAccount, Pool::ZendeskLists],
        Call::ZendeskCreateTicket => &[Pool::ZendeskAccount, Pool::ZendeskCreates],
        Call::ZendeskUpdateTicket(_) => &[Pool::ZendeskAccount, Pool::ZendeskUpdates],
        Call::ZendeskNote(_) => &[Pool::ZendeskAccount, Pool::ZendeskUpdates, Pool::ZendeskNotes],
        Call::ZendeskSaveUser(_) => &[Pool::ZendeskAccount, Pool::ZendeskUserSaves],
        Call::BrazeSend => &[Pool::BrazeSends],
        Call::BrazeExport => &[Pool::BrazeExports],
        Call::BrazeRead => &[Pool::BrazeReads],
    }
}

fn hashed(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
