//! The steps of a message to the phone, and its end. Never decides which comes next.

use std::fmt;

use crate::domain::conversation::Change;
use crate::domain::delivery::Outcome;
use crate::domain::event::{Event, TicketId, UserId};
use crate::domain::line::Channel;
use crate::domain::outgoing::{Part, Recipient};

/// The next step of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Learn the changes that the message itself tells of.
    Learn(Vec<Change>),
    /// Read the ticket, unless the conversation knows it, and find whose it is.
    Identify(TicketId),
    /// Tell whether the ticket is still its customer's.
    AskWhose {
        /// The ticket.
        ticket: TicketId,
        /// Its requester when the webhook was sent, where known.
        told: Option<UserId>,
    },
    /// Ask the carrier whether the customer takes texts.
    AskConsent {
        /// The address of the line.
        line: String,
        /// The kind of its messages.
        channel: Channel,
        /// The customer.
        to: Recipient,
    },
    /// Find the replies that are owed before the closing text.
    FindReplies {
        /// The ticket's requester when the webhook was sent, where known.
        told: Option<UserId>,
    },
    /// Ask which comment came with the ticket's solution.
    AskSolution(TicketId),
    /// Send this part.
    Send(Sending),
    /// Take no further step.
    End(Ending),
}

/// One part, ready to be rendered.
#[derive(Clone, PartialEq, Eq)]
pub struct Sending {
    /// To whom.
    pub to: Recipient,
    /// The carrier's form.
    pub form: String,
    /// The words.
    pub words: String,
    /// The number of the part.
    pub part: Part,
}

/// The words are a person's, so only the number shows.
impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sending({} of {})", self.part.number, self.part.of)
    }
}

/// The end of a claim on a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Its outcome.
    pub outcome: Outcome,
    /// The changes that come with it.
    pub changes: Vec<Change>,
    /// The notes and messages that are owed because of it.
    pub besides: Vec<Event>,
}

impl From<Outcome> for Ending {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, changes: Vec::new(), besides: Vec::new() }
    }
}

impl From<Ending> for Step {
    fn from(ending: Ending) -> Self {
        Self::End(ending)
    }
}

impl From<Outcome> for Step {
    fn from(outcome: Outcome) -> Self {
        Ending::from(outcome).into()
    }
}
