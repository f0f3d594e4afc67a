//! A text that went out and did not reach the phone, as its carrier tells: the code, and its meaning as far as it makes a
//! difference to agents.
//!
//! A code that is not known here means nothing in particular. It is never guessed.

use serde::{Deserialize, Serialize};

use super::Why;
use crate::domain::event::{CommentId, EventId};

/// A text that the carrier did not bring to the phone, or that was held back before the carrier had it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undelivered {
    /// The delivery's id, under which operators find the whole story.
    pub event: EventId,
    /// The comment that the reply is, where it has a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<CommentId>,
    /// The carrier's code; of a text that was held back, the kind of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier_code: Option<String>,
    /// The code's meaning.
    pub meaning: Meaning,
    /// The carrier's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

/// The meaning of a carrier's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// The phone could not be reached then: it was off, or without a network.
    Unreachable,
    /// The number is not in use.
    UnknownNumber,
    /// The number is that of a landline.
    Landline,
    /// The carrier took the text for spam, or for forbidden.
    Filtered,
    /// The customer has opted out.
    OptedOut,
    /// The customer wrote too long ago for a free text.
    WindowClosed,
    /// The channel cannot deliver to this customer.
    Undeliverable,
    /// Too many texts went out at once.
    TooMany,
    /// The template is not approved, or not in this form or language.
    Template,
    /// The carrier's account may not send now.
    Account,
    /// A code that is not known here, or none.
    Other,
}

/// The codes that are known: Twilio's numbers, which SMS reports carry, Meta's, and the words of carriers that have words.
const CODES: [(&str, Meaning); 42] = [
    ("30003", Meaning::Unreachable),
    ("30005", Meaning::UnknownNumber),
    ("30006", Meaning::Landline),
    ("30007", Meaning::Filtered),
    ("30034", Meaning::Account),
    ("21211", Meaning::UnknownNumber),
    ("21610", Meaning::OptedOut),
    ("21614", Meaning::Landline),
    ("21635", Meaning::Landline),
    ("63016", Meaning::WindowClosed),
    ("470", Meaning::WindowClosed),
    ("131031", Meaning::Account),
    ("131042", Meaning::Account),
    ("131048", Meaning::TooMany),
    ("131050", Meaning::OptedOut),
    ("132000", Meaning::Template),
    ("132001", Meaning::Template),
    ("132005", Meaning::Template),
    ("132007", Meaning::Template),
    ("132012", Meaning::Template),
    ("132015", Meaning::Template),
    ("132016", Meaning::Template),
    ("133010", Meaning::Account),
    ("131047", Meaning::WindowClosed),
    ("131026", Meaning::Undeliverable),
    ("130429", Meaning::TooMany),
    ("131056", Meaning::TooMany),
    ("unreachable", Meaning::Unreachable),
    ("expired", Meaning::Unreachable),
    ("invalid_destination", Meaning::UnknownNumber),
    ("landline_unreachable", Meaning::Landline),
    ("blocked_by_carrier", Meaning::Filtered),
    ("content_rejected", Meaning::Filtered),
    ("blocked", Meaning::OptedOut),
    ("blocked_by_recipient", Meaning::OptedOut),
    ("recipient_opted_out", Meaning::OptedOut),
    ("recipient_suppressed", Meaning::OptedOut),
    ("service_window_expired", Meaning::WindowClosed),
    ("undeliverable", Meaning::Undeliverable),
    ("rate_limited", Meaning::TooMany),
    ("insufficient_balance", Meaning::Account),
    ("price_not_found", Meaning::Account),
];

impl Meaning {
    /// Every meaning.
    pub const ALL: [Self; 11] = [
        Self::Unreachable,
        Self::UnknownNumber,
        Self::Landline,
        Self::Filtered,
        Self::OptedOut,
        Self::WindowClosed,
        Self::Undeliverable,
        Self::TooMany,
        Self::Template,
        Self::Account,
        Self::Other,
    ];

    /// The meaning of this code.
    #[must_use]
    pub fn of(code: &str) -> Self {
        CODES.iter().find(|(known, _)| *known == code).map_or(Self::Other, |(_, meaning)| *meaning)
    }

    /// The kind of the advice that helps.
    #[must_use]
    pub fn remedy(self) -> Why {
        match self {
            Self::Unreachable | Self::TooMany => Why::Late,
            Self::UnknownNumber | Self::Landline | Self::Undeliverable => Why::Unreachable,
            Self::Filtered => Why::Refused,
            Self::OptedOut => Why::OptedOut,
            Self::WindowClosed => Why::Window,
            Self::Template | Self::Account => Why::Account,
            Self::Other => Why::Other,
        }
    }
}
