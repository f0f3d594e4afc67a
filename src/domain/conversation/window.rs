//! The window of a conversation: when its customer last wrote, and the request to write again since then. It never decides
//! the course of a text; the policy does.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::TicketId;
use crate::domain::line::Line;

/// Whether free text may go, as far as a conversation knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Window {
    /// When the customer last wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard_at: Option<Timestamp>,
    /// The request to write again, since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
}

/// A request to the customer to write again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// When it was decided, or its template given up.
    pub at: Timestamp,
    /// Its stand.
    pub stand: Stand,
    /// The ticket that was solved since, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solved: Option<(TicketId, Timestamp)>,
}

/// How a request to write again stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stand {
    /// Its template is on the way, or in doubt.
    Owed,
    /// Its template is out.
    Sent,
    /// Its template was given up.
    Failed,
}

impl Window {
    /// Whether nothing is known, as on a channel without a window.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// Whether free text may go on this line.
    #[must_use]
    pub fn is_open(&self, line: &Line, now: Timestamp) -> bool {
        !line.channel.has_window()
            || self.heard_at.is_some_and(|heard_at| heard_at.saturating_add(line.window).is_ok_and(|end| now < end))
    }

    /// The customer wrote at this time. A message that was told late answers no request that was made after it.
    pub fn heard(&mut self, at: Timestamp) {
        self.heard_at = self.heard_at.max(Some(at));
        self.asked = self.asked.take().filter(|asked| at < asked.at);
    }

    /// No time is later than `now`, because a clock that was ahead told it.
    pub(super) fn hold_no_later_than(&mut self, now: Timestamp) {
        self.heard_at = self.heard_at.map(|at| at.min(now));
        if let Some(asked) = &mut self.asked {
            asked.at = asked.at.min(now);
        }
    }

    /// The window was shut at this time, and is still, unless the customer has written since.
    pub fn shut(&mut self, at: Timestamp) {
        self.heard_at = self.heard_at.filter(|heard_at| *heard_at > at);
    }

    /// The customer is to be asked to write again.
    pub fn ask(&mut self, now: Timestamp) {
        self.asked = Some(Asked { at: now, stand: Stand::Owed, solved: None });
    }

    /// The template came to this end. Without a request there is nothing to know: the customer has written since.
    pub fn asked(&mut self, stand: Stand, now: Timestamp) {
        if let Some(asked) = &mut self.asked {
            asked.stand = stand;
            if stand == Stand::Failed {
                asked.at = now;
            }
        }
    }

    /// The ticket was solved.
    pub fn solved(&mut self, ticket: TicketId, now: Timestamp) {
        if let Some(asked) = &mut self.asked {
            asked.solved = Some((ticket, now));
        }
    }
}
