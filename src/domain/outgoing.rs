//! Messages to the phone: from whom they are, in which form they go, and to whom. Pure; never decides whether or when one
//! goes.
//!
//! Three kinds of events are such messages. This view of them is read in place of their kinds, so that a new origin is
//! one more row here.

use std::fmt;

use crate::domain::account::AccountId;
use crate::domain::address::own_id;
use crate::domain::event::{Customer, EventId, EventKind, PhoneText, TicketId, UserId};
use crate::domain::line::{By, Line};
use crate::domain::parts::{self, Cut};

/// A customer's name at their carrier.
#[derive(Clone, PartialEq, Eq)]
pub enum Recipient {
    /// The brand's own id of them.
    External(String),
    /// The carrier's own id; the only one that an anonymous profile has.
    OfCarrier(String),
}

/// Ids of people stay out of logs and panics.
impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::External(_) => "External(…)",
            Self::OfCarrier(_) => "OfCarrier(…)",
        })
    }
}

/// From whom a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An agent wrote it, or it makes way for a text that an agent wrote.
    Agent,
    /// The bridge closes the talk, because the ticket was solved.
    Closing,
}

/// The form in which a message goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// Free text: an agent's words.
    Text(&'a PhoneText),
    /// Free text whose words are fixed: the form's own.
    Fixed,
    /// The request to write again, which the channel takes at any time.
    Template,
}

/// A message to the phone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// From whom it is.
    pub origin: Origin,
    /// The form in which it goes.
    pub content: Content<'a>,
    /// The ticket that it belongs to.
    pub ticket: Option<TicketId>,
    /// The customer, if the sender named them.
    pub named: Option<&'a str>,
    /// The ticket's requester when the webhook was sent, if it told.
    pub requester: Option<UserId>,
}

impl<'a> Outgoing<'a> {
    /// The message that an event is; `None` of an event that goes nowhere near a phone.
    #[must_use]
    pub fn of(kind: &'a EventKind) -> Option<Self> {
        let (origin, content, ticket, named, requester) = match kind {
            EventKind::PhoneText(text) => {
                (Origin::Agent, Content::Text(text), text.ticket_id, &text.external_user_id, text.requester_id)
            }
            EventKind::Template(template) => {
                (Origin::Agent, Content::Template, template.ticket_id, &template.external_user_id, None)
            }
            EventKind::TicketSolved(change) => {
                (Origin::Closing, Content::Fixed, Some(change.ticket_id), &change.external_user_id, change.requester_id)
            }
            EventKind::CustomerText(_)
            | EventKind::AgentReply(_)
            | EventKind::TicketReopened(_)
            | EventKind::Note(_)
            | EventKind::Unreadable(_) => return None,
        };
        Some(Self { origin, content, ticket, named: named.as_deref(), requester })
    }

    /// The words and requests of an agent's text.
    #[must_use]
    pub fn text(&self) -> Option<&'a PhoneText> {
        match self.content {
            Content::Text(text) => Some(text),
            Content::Fixed | Content::Template => None,
        }
    }

    /// The recipient at this carrier: the customer that the message names, or else the conversation's. A desk names them by
    /// the id that they have there, which is no name of theirs at a carrier that knows numbers or talks.
    #[must_use]
    pub fn recipient(&self, carrier: AccountId, by: By, customer: Option<&Customer>) -> Option<Recipient> {
        match by {
            By::Id => {}
            By::Phone => {
                let customer = customer?;
                return customer.carrier_id.clone().or_else(|| customer.phone.clone()).map(Recipient::OfCarrier);
            }
            By::Thread => return customer?.thread.clone().map(Recipient::OfCarrier),
        }
        let named = self.named.map(own_id).filter(|(whose, _)| whose.is_none_or(|whose| whose == carrier));
        let external = named.map(|(_, id)| id.to_owned()).or_else(|| customer?.external_id.clone());
        let external = external.map(Recipient::External);
        external.or_else(|| customer?.carrier_id.clone().map(Recipient::OfCarrier))
    }

    /// The carrier's form in which it goes on this line: the one that a drop-in body names, or else the line's. `None`
    /// where the line has none for it.
    #[must_use]
    pub fn form<'l>(&self, line: Option<&'l Line>) -> Option<&'l str>
    where
        'a: 'l,
    {
        match self.content {
            Content::Text(PhoneText { recipe: Some(recipe), .. }) => Some(&recipe.campaign_id),
            Content::Text(_) => Some(&line?.forms.agent_reply),
            Content::Fixed => line?.forms.ticket_solved.as_deref(),
            Content::Template => line?.forms.template.as_deref(),
        }
    }

    /// The parts in which it goes, in order; none of an empty text. Where the words are the form's own, one blank part.
    #[must_use]
    pub fn parts(&self, cut: Cut) -> Vec<String> {
        match self.content {
            Content::Text(text) => parts::of(text, cut),
            Content::Fixed | Content::Template => vec![String::new()],
        }
    }
}

/// One part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The delivery.
    pub id: EventId,
    /// 1 for the first.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

impl Part {
    /// The receipt at the carrier while this part is the newest that went out.
    #[must_use]
    pub fn receipt(&self) -> String {
        if self.of == 1 { self.id.to_string() } else { format!("{}.{}", self.id, self.number) }
    }
}
