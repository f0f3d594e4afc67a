//! The keys that the sheet for Braze needs. The rest cannot be known yet: its campaigns are still to be made. Never changes
//! anything.

use secrecy::SecretString;

use super::keys::{Braze, Campaigns};
use crate::domain::account::AccountId;
use crate::keys::book::{At, Book};
use crate::keys::key::Field;

/// The keys for setting up Braze.
#[derive(Clone, Debug)]
pub struct Installation {
    /// As [`Campaigns::agent_reply`], and none as long as the campaign is not made.
    pub agent_reply: Option<String>,
    /// As [`Campaigns::ticket_solved`].
    pub ticket_solved: Option<String>,
    /// As [`Braze::subscription_group`].
    pub subscription_group: Option<String>,
    /// As [`Braze::webhook_tokens`].
    pub webhook_tokens: Vec<SecretString>,
    /// As [`Braze::currents_tokens`].
    pub currents_tokens: Vec<SecretString>,
}

impl Installation {
    /// Reads the keys of the account of this table. Accounts at Braze do not meet.
    pub(crate) fn read(at: &At, _others: &[(AccountId, At)], book: &mut Book<'_>) -> Option<Self> {
        let campaigns = at.below("campaigns");
        let webhook_tokens = Braze::webhook_tokens().read(at, book);
        let currents_tokens = Braze::currents_tokens().read(at, book);
        let agent_reply = match book.is_given(&campaigns, "agent_reply") {
            true => Campaigns::agent_reply().read(&campaigns, book).map(Some),
            false => Some(None),
        };
        let ticket_solved = Campaigns::ticket_solved().read(&campaigns, book);
        let subscription_group = Braze::subscription_group().read(at, book);
        Some(Self {
            agent_reply: agent_reply?,
            ticket_solved: ticket_solved?,
            subscription_group: subscription_group?,
            webhook_tokens: webhook_tokens?,
            currents_tokens: currents_tokens.unwrap_or_default(),
        })
    }
}
