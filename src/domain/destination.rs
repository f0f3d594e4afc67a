//! The destination of a delivery: the vendor that it calls. It never says how.

use serde::{Deserialize, Serialize};

/// The vendor that a delivery calls. Every conversation has one lane for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// From the phone to the ticket ("inbound").
    Zendesk,
    /// From the ticket to the phone ("outbound").
    Braze,
}

impl Destination {
    /// The vendor's name in metrics, in the API and in the console.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Zendesk => "zendesk",
            Self::Braze => "braze",
        }
    }
}
