//! The source of Braze's webhooks: proves their senders by a token, and hands each body to its reader. Never reads one itself.

use http::HeaderMap;
use secrecy::SecretString;

use super::currents::{self, Currents};
use super::{campaigns, recipe};
use crate::domain::account::AccountId;
use crate::domain::inbound::Door;
use crate::intake::{Credential, EVENT_MAX_BYTES, Posted, Reading, Refusal, Source, signature};

/// The webhooks of one account: those of the bridge's own campaigns and of the published recipe's, and the batches of Currents.
pub struct Webhooks {
    /// The account.
    pub carrier: AccountId,
    /// The tokens that webhook campaigns may present. An empty one matches nothing.
    pub tokens: Vec<SecretString>,
    /// The recipe's custom user field, which holds the customer's external id.
    pub user_field: String,
    /// For the batches of Currents.
    pub currents: Currents,
}

impl Source for Webhooks {
    fn body_max(&self, door: Door) -> usize {
        if door == Door::Reports { currents::BODY_MAX_BYTES } else { EVENT_MAX_BYTES }
    }

    fn admit(&self, door: Door, headers: &HeaderMap) -> Result<Credential, Refusal> {
        let tokens = if door == Door::Reports { &self.currents.tokens } else { &self.tokens };
        signature::by_token(headers, tokens).map(Credential::Token)
    }

    fn read(&self, posted: &Posted<'_>) -> Reading {
        let verified = posted.verified;
        match posted.door {
            Door::Carrier => campaigns::read(verified),
            Door::RecipeNewTicket => recipe::read_new_ticket(verified, &self.user_field),
            // The ticket is the text that the recipe's template made of the customer's attribute, often an empty one.
            Door::RecipeAppend => recipe::read_append(verified, posted.door.open_part(posted.path).unwrap_or_default()),
            Door::Reports => self.currents.read(verified, self.carrier, posted.at),
            Door::Desk | Door::RecipeSend => Reading::unreadable("a carrier posts nothing there"),
        }
    }
}
