//! The status of a ticket in the desk's words, and its meaning for the next text. It never tells how a ticket got it.

use serde::{Deserialize, Serialize};

/// A ticket's status, as the desk names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketStatus {
    /// No agent has looked at it.
    New,
    /// An agent is on it.
    Open,
    /// It waits for the customer.
    Pending,
    /// It waits for a third party.
    Hold,
    /// Done; may be reopened.
    Solved,
    /// Done for good; takes no more comments.
    Closed,
}

impl TicketStatus {
    /// Reads the desk's word, in either case.
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

    /// The desk's word.
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

    /// Whether agents still work on it.
    #[must_use]
    pub fn is_unsolved(self) -> bool {
        !matches!(self, Self::Solved | Self::Closed)
    }
}
