//! For the line of a conversation, and the customer as each account knows them. It never picks another line in place of one
//! that is no longer configured.

use crate::domain::account::{AccountId, Ends};
use crate::domain::conversation::{Conversation, ConversationKey};
use crate::domain::event::Customer;
use crate::domain::find::Search;
use crate::domain::kind::KindName;
use crate::domain::line::{Channel, Line, Place};
use crate::domain::parts::Cut;
use crate::mapping::Mappings;
use crate::ports::desk::UserView;
use crate::store::{Claim, StoreError};

use super::Worker;
use super::users::{self, is_customer};

/// As many conversations of one customer are looked at: far more than a brand has lines.
const LINES_MAX: usize = 100;

impl Worker {
    /// The line of a conversation: the one of its address and of the channel that the customer wrote on last, or else
    /// the carrier's default line.
    pub(super) fn line_for(&self, conversation: Option<&Conversation>) -> Option<&Line> {
        let address = conversation.and_then(|known| known.line.as_deref());
        let channel = conversation.map(|known| known.channel).unwrap_or_default();
        self.lines.for_texts(self.ends.carrier, address, channel)
    }

    /// Counts the delivered texts of a claim under the name of their line.
    pub(super) fn count_texts(&self, claim: &Claim) {
        let is_text = |kind: KindName| match kind {
            KindName::CustomerText | KindName::PhoneText | KindName::Template | KindName::TicketSolved => true,
            KindName::AgentReply | KindName::TicketReopened | KindName::Note | KindName::Unreadable => false,
        };
        let many = claim.work.iter().filter(|work| is_text(work.event.kind.name())).count() as u64;
        if let Some(line) = self.line_for(claim.conversation.as_ref()).filter(|_| many > 0) {
            self.metrics.texts_delivered(&line.name, claim.route.direction, many);
        }
    }

    /// The mappings in force, which write notes in the language of the claim's line.
    pub(super) fn mappings_for(&self, claim: &Claim) -> Mappings {
        let current = self.mappings.current();
        let language = self.line_for(claim.conversation.as_ref()).and_then(|line| line.agent_language.as_deref());
        match language {
            // The configuration knows the languages of the shipped mappings, and others may lack one.
            Some(language) => current.clone().in_language(language).unwrap_or(current),
            None => current,
        }
    }

    /// This customer of a carrier's as the desk knows them.
    pub(super) fn at_desk(&self, customer: &Customer, carrier: AccountId) -> Customer {
        let is_first = self.users.home.is_none_or(|home| home == carrier);
        users::at_desk(customer, (!is_first).then_some(carrier))
    }

    /// The carrier of a customer whom the desk knows by an id without an account in front, or else this worker's.
    pub(super) fn home_carrier(&self) -> AccountId {
        let home = self.users.home.filter(|home| self.lines.of_carrier(*home).next().is_some());
        home.unwrap_or(self.ends.carrier)
    }

    /// Whether a user of the desk's is this customer of a carrier's; `None` where the user has no data to tell by.
    pub(super) fn is_customer(&self, user: &UserView, customer: &Customer, carrier: AccountId) -> Option<bool> {
        is_customer(user, &self.at_desk(customer, carrier))
    }

    /// The place of a customer's text on the line of this address and channel; `None` on a line that is not configured,
    /// where the carrier has no default line.
    pub(super) fn place_on(&self, address: Option<&str>, channel: Channel) -> Option<Place> {
        self.lines.place(self.ends.carrier, address, channel)
    }

    /// The keys of a customer's conversations over a carrier: the base key, those on the lines that are configured, and
    /// those on lines that the carrier told of before.
    pub(super) async fn keys_of(
        &self,
        customer: &Customer,
        carrier: AccountId,
    ) -> Result<Vec<ConversationKey>, StoreError> {
        let anywhere = Ends { carrier, ..self.ends }.into();
        let base = self.store.key_of(customer, &anywhere, None).await?;
        let mut keys = vec![base.clone()];
        for line in self.lines.of_carrier(carrier) {
            if let Some(place) = self.lines.place(carrier, line.address.as_deref(), line.channel) {
                keys.push(self.store.key_of(customer, &place, line.address.as_deref()).await?);
            }
        }
        let on_lines = Search::Key(base.on_line("").0);
        for known in self.store.find_conversations(Some(on_lines), None, LINES_MAX).await?.items {
            // An id with an `@` looks like the key of another customer's line.
            let is_theirs =
                known.ends.carrier == carrier && self.store.key_of(&known.customer, &anywhere, None).await? == base;
            keys.extend(is_theirs.then_some(known.key));
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// How a text of this conversation is cut in parts.
    pub(super) fn cut_for(&self, conversation: Option<&Conversation>) -> Cut {
        self.line_for(conversation)
            .map_or(Cut::Segments { gsm7: self.options.gsm7 }, |line| Cut::of(line, self.options.gsm7))
    }
}
