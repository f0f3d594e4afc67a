//! For the line of a delivery: its forms, and the group in which the customer has opted in. It never picks another line
//! in place of one that is no longer configured.

use crate::domain::cause;
use crate::domain::conversation::Conversation;
use crate::domain::delivery::Outcome;
use crate::domain::line::Line;
use crate::domain::parts::Cut;
use crate::store::Claim;

use super::Worker;

impl Worker {
    /// The line of the claim's conversation.
    pub(super) fn line_of(&self, claim: &Claim) -> Result<&Line, Outcome> {
        let conversation = claim.conversation.as_ref();
        self.line_for(conversation).ok_or_else(|| {
            let address = conversation.and_then(|known| known.line.as_deref()).unwrap_or("without an address");
            Outcome::GiveUp { cause: format!("{} {address} of {}", cause::OF_LINE, self.ends.carrier) }
        })
    }

    /// The line of a conversation: the one of its address and of the channel that the customer wrote on last, or else
    /// the carrier's default line.
    pub(super) fn line_for(&self, conversation: Option<&Conversation>) -> Option<&Line> {
        let address = conversation.and_then(|known| known.line.as_deref());
        let channel = conversation.map(|known| known.channel).unwrap_or_default();
        self.lines.of(self.ends.carrier, address, channel)
    }

    /// How a text of this conversation is cut in parts.
    pub(super) fn cut_for(&self, conversation: Option<&Conversation>) -> Cut {
        self.line_for(conversation)
            .map_or(Cut::Segments { gsm7: self.options.gsm7 }, |line| Cut::of(line, self.options.gsm7))
    }

    /// The subscription group in which the carrier is asked for the customer's state before a text; `None` asks for
    /// none.
    pub(super) fn group_of(&self, claim: &Claim) -> Result<Option<&str>, Outcome> {
        let Some(default) = self.options.subscription_group.as_deref() else { return Ok(None) };
        Ok(Some(self.line_of(claim)?.address.as_deref().unwrap_or(default)))
    }
}
