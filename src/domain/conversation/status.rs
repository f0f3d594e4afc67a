//! The status of a ticket: Zendesk's words for it, and what they mean for the next text. It never says how a ticket got it.

use serde::{Deserialize, Serialize};

/// A ticket's status, as Zendesk names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketStatus {
    /// Nobody has looked at it.
    New,
    /// Somebody is on it.
    Open,
    /// Waits for the customer.
    Pending,
    /// Waits for somebody else.
    Hold,
    /// Done; may be reopened.
    Solved,
    /// Done for good; takes no more comments.
    Closed,
}

impl TicketStatus {
    /// Reads Zendesk's word, in either case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "new" => Self::New,
            "open" => Self::Open,
            "pending" => Self::Pending,
            "hold" => Self::Hold,
            "solved" => Self::Solved,
            "closed" => Self::Closed,
            _ => return None,
        })
    }

    /// Zendesk's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Open => "open",
            Self::Pending => "pending",
            Self::Hold => "hold",
            Self::Solved => "solved",
            Self::Closed => "closed",
        }
    }

    /// Whether work on it is still going on.
    #[must_use]
    pub fn is_unsolved(self) -> bool {
        !matches!(self, Self::Solved | Self::Closed)
    }
}
