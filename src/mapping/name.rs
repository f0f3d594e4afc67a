//! The names of the mappings, with the events that go through each and the call that each makes. It never knows the
//! content of a mapping.

use std::fmt;
use std::str::FromStr;

use super::words::{language_of, shipped_words};
use crate::domain::kind::KindName;

/// The name of a mapping, which tells its purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// A customer's text opens a ticket.
    OpenTicket,
    /// A customer's text becomes a comment.
    AppendComment,
    /// A customer's text opens a follow-up of a closed ticket.
    FollowUp,
    /// An agent's reply becomes a text.
    AgentReply,
    /// The customer is told of a solved ticket.
    TicketSolved,
    /// The customer is asked to write again, where the channel takes no free text.
    Template,
    /// The agent is told of a failure.
    FailureNote,
    /// An opt-in, opt-out or help keyword is noted for the agent.
    KeywordNote,
}

impl Name {
    /// Every name.
    pub const ALL: [Self; 8] = [
        Self::OpenTicket,
        Self::AppendComment,
        Self::FollowUp,
        Self::AgentReply,
        Self::TicketSolved,
        Self::Template,
        Self::FailureNote,
        Self::KeywordNote,
    ];

    /// The name as files and commands write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenTicket => "open_ticket",
            Self::AppendComment => "append_comment",
            Self::FollowUp => "follow_up",
            Self::AgentReply => "agent_reply",
            Self::TicketSolved => "ticket_solved",
            Self::Template => "template",
            Self::FailureNote => "failure_note",
            Self::KeywordNote => "keyword_note",
        }
    }

    /// The kind of event that goes through this mapping ([`crate::domain::event::EventKind::name`]).
    #[must_use]
    pub fn takes(self) -> KindName {
        match self {
            Self::OpenTicket | Self::AppendComment | Self::FollowUp | Self::KeywordNote => KindName::CustomerText,
            Self::AgentReply => KindName::PhoneText,
            Self::TicketSolved => KindName::TicketSolved,
            Self::Template => KindName::Template,
            Self::FailureNote => KindName::Note,
        }
    }

    /// The call that this mapping makes.
    #[must_use]
    pub fn call(self) -> Call {
        match self {
            Self::OpenTicket | Self::FollowUp => Call::TicketsCreate,
            Self::AppendComment | Self::FailureNote | Self::KeywordNote => Call::TicketsUpdate,
            Self::AgentReply | Self::TicketSolved | Self::Template => Call::CampaignsTriggerSend,
        }
    }

    /// The shipped mapping, and its sample.
    pub(super) fn shipped(self) -> (&'static str, &'static str) {
        macro_rules! files {
            ($name:literal) => {
                (
                    include_str!(concat!("../../mappings/", $name, ".toml")),
                    include_str!(concat!("../../mappings/", $name, ".json")),
                )
            };
        }
        match self {
            Self::OpenTicket => files!("open_ticket"),
            Self::AppendComment => files!("append_comment"),
            Self::FollowUp => files!("follow_up"),
            Self::AgentReply => files!("agent_reply"),
            Self::TicketSolved => files!("ticket_solved"),
            Self::Template => files!("template"),
            Self::FailureNote => files!("failure_note"),
            Self::KeywordNote => files!("keyword_note"),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// There is no mapping of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no mapping of that name; there are: {}", Self::known())]
pub struct NoSuchMapping;

impl NoSuchMapping {
    fn known() -> String {
        Name::ALL.map(Name::as_str).join(", ")
    }
}

impl FromStr for Name {
    type Err = NoSuchMapping;

    fn from_str(text: &str) -> Result<Self, NoSuchMapping> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or(NoSuchMapping)
    }
}

/// A file of the directory of mappings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum File {
    /// A mapping.
    Mapping(Name),
    /// The words of notes in this language.
    Words(String),
}

impl File {
    /// Its name in the directory.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{self}.toml")
    }

    /// The shipped text in place of a missing file; `None` for words in a language that is not shipped.
    #[must_use]
    pub fn shipped(&self) -> Option<&'static str> {
        match self {
            Self::Mapping(name) => Some(name.shipped().0),
            Self::Words(language) => shipped_words(language),
        }
    }
}

/// The file's name without its ending: `agent_reply`, `notes.fr`.
impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mapping(name) => f.write_str(name.as_str()),
            Self::Words(language) => write!(f, "notes.{language}"),
        }
    }
}

impl FromStr for File {
    type Err = NoSuchMapping;

    fn from_str(text: &str) -> Result<Self, NoSuchMapping> {
        match language_of(&format!("{text}.toml")) {
            Some(language) => Ok(Self::Words(language.to_owned())),
            None => text.parse().map(Self::Mapping),
        }
    }
}

/// A vendor call that a mapping can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Opens a ticket at Zendesk.
    TicketsCreate,
    /// Changes a ticket at Zendesk.
    TicketsUpdate,
    /// Triggers a campaign at Braze for one customer.
    CampaignsTriggerSend,
}

impl Call {
    /// The call as mapping files write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TicketsCreate => "zendesk.tickets.create",
            Self::TicketsUpdate => "zendesk.tickets.update",
            Self::CampaignsTriggerSend => "braze.campaigns.trigger_send",
        }
    }

    /// The HTTP method.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::TicketsCreate | Self::CampaignsTriggerSend => "POST",
            Self::TicketsUpdate => "PUT",
        }
    }

    /// The path; `{id}` stands for the ticket's number.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::TicketsCreate => "/api/v2/tickets",
            Self::TicketsUpdate => "/api/v2/tickets/{id}",
            Self::CampaignsTriggerSend => "/campaigns/trigger/send",
        }
    }
}

/// The first line of a request, for people to read: `PUT /api/v2/tickets/1234` and the call's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLine {
    /// The call.
    pub call: Call,
    /// HTTP method.
    pub method: &'static str,
    /// Path, with `{id}` for the ticket's number.
    pub path: &'static str,
}

impl fmt::Display for RequestLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}
