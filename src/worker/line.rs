//! For the line of a conversation, and the customer as each account knows them. It never picks another line in place of one
//! that is no longer configured.

use std::sync::Arc;

use crate::domain::account::AccountId;
use crate::domain::conversation::Conversation;
use crate::domain::delivery::Delivery;
use crate::domain::kind::KindName;
use crate::domain::line::{Channel, Line, Lines, Place};
use crate::domain::parts::Cut;
use crate::mapping::Mappings;
use crate::store::{Claim, CutNow};

use super::Worker;

impl Worker {
    /// The line of a conversation: the one of its address and of the channel that the customer wrote on last, or else
    /// the carrier's default line.
    pub(super) fn line_for(&self, conversation: Option<&Conversation>) -> Option<&Line> {
        line_of(&self.lines, self.ends.carrier, conversation)
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

    /// The place of a customer's text on the line of this address and channel; `None` on a line that is not configured,
    /// where the carrier has no default line.
    pub(super) fn place_on(&self, address: Option<&str>, channel: Channel) -> Option<Place> {
        self.lines.place(self.ends.carrier, address, channel)
    }

    /// How a text of this conversation is cut in parts.
    pub(super) fn cut_of(&self, delivery: &Delivery, conversation: Option<&Conversation>) -> Cut {
        delivery.cut.unwrap_or_else(|| cut_for(&self.lines, self.ends.carrier, self.options.gsm7, conversation))
    }

    /// The cut of a text that is not cut yet.
    pub(super) fn cut_now(&self) -> CutNow {
        let (lines, carrier, gsm7) = (Arc::clone(&self.lines), self.ends.carrier, self.options.gsm7);
        Arc::new(move |conversation| cut_for(&lines, carrier, gsm7, conversation))
    }
}

fn line_of<'a>(lines: &'a Lines, carrier: AccountId, conversation: Option<&Conversation>) -> Option<&'a Line> {
    let address = conversation.and_then(|known| known.line.as_deref());
    let channel = conversation.map(|known| known.channel).unwrap_or_default();
    lines.for_texts(carrier, address, channel)
}

/// Without a line nothing is sent, and the shortest parts are counted.
fn cut_for(lines: &Lines, carrier: AccountId, gsm7: bool, conversation: Option<&Conversation>) -> Cut {
    line_of(lines, carrier, conversation).map_or(Cut::Segments { gsm7 }, |line| Cut::of(line, gsm7))
}
