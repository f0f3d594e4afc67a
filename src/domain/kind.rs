//! The kinds of events, and one table of their traits.
//!
//! Rules ask this table and never compare words, so that a new kind is one row here. No vendor's word stands in it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::account::{Direction, End, Ends, Route};

/// The name of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KindName {
    /// A customer wrote.
    CustomerText,
    /// A doorbell: an agent replied, and the reply is read from the ticket.
    AgentReply,
    /// A text is owed to the phone.
    PhoneText,
    /// The customer is to be asked to write again.
    Template,
    /// The ticket was solved.
    TicketSolved,
    /// The ticket was reopened.
    TicketReopened,
    /// The bridge has something to tell the agent.
    Note,
    /// A body that could not be read.
    Unreadable,
}

/// The class of a lane. The classes are served in this order ([`crate::domain::lanes::Lanes::next`]); texts in bulk would
/// be a third one, served last and with a bound of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Track {
    /// Texts, and everything else whose order a customer or an agent would notice.
    Texts,
    /// The bridge's own notes to the agent.
    Notes,
}

/// How a delivery of unknown fate is cleared up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// The ticket's history is searched for its mark.
    OnTheTicket,
    /// The carrier is asked whether the text went out.
    AtTheCarrier,
    /// The delivery reads and records only, so nothing of it can have arrived: it is done again.
    ByDoingItAgain,
    /// It is never delivered as it stands.
    Never,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// The word in records, lists, logs and metrics.
    pub word: &'static str,
    /// The direction, which makes the lane.
    pub direction: Direction,
    /// The end that is called, or that would be.
    pub calls: End,
    /// Whether a delivery of it calls at all, so that its success says that the account takes calls.
    pub asks: bool,
    /// The track of the lane.
    pub track: Track,
    /// How a delivery of unknown fate is cleared up.
    pub confirmed: Confirmed,
}

impl KindName {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::CustomerText,
        Self::AgentReply,
        Self::PhoneText,
        Self::Template,
        Self::TicketSolved,
        Self::TicketReopened,
        Self::Note,
        Self::Unreadable,
    ];

    /// The row of this kind.
    #[must_use]
    pub const fn traits(self) -> Traits {
        use Confirmed::{AtTheCarrier, ByDoingItAgain, Never, OnTheTicket};
        use Direction::{ToCustomer, ToDesk};
        use End::{Carrier, Desk};
        use Track::{Notes, Texts};
        let (word, direction, calls, asks, track, confirmed) = match self {
            Self::CustomerText => ("customer_text", ToDesk, Desk, true, Texts, OnTheTicket),
            Self::AgentReply => ("agent_reply", ToCustomer, Desk, true, Texts, ByDoingItAgain),
            Self::PhoneText => ("phone_text", ToCustomer, Carrier, true, Texts, AtTheCarrier),
            Self::Template => ("template", ToCustomer, Carrier, true, Texts, AtTheCarrier),
            Self::TicketSolved => ("ticket_solved", ToCustomer, Carrier, true, Texts, AtTheCarrier),
            Self::TicketReopened => ("ticket_reopened", ToCustomer, Desk, false, Texts, ByDoingItAgain),
            Self::Note => ("note", ToDesk, Desk, true, Notes, OnTheTicket),
            Self::Unreadable => ("unreadable", ToDesk, Desk, false, Texts, Never),
        };
        Traits { word, direction, calls, asks, track, confirmed }
    }

    /// The word in records, lists, logs and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.traits().word
    }

    /// The way of a delivery of this kind between these accounts.
    #[must_use]
    pub const fn route(self, ends: Ends) -> Route {
        let traits = self.traits();
        Route { direction: traits.direction, account: ends.at(traits.calls) }
    }

    /// Whether it goes before everything else in its lane, because the rest waits for it.
    #[must_use]
    pub const fn goes_first(self) -> bool {
        matches!(self, Self::Template)
    }

    /// Whether the delivery reads and records only. It is done again without a look, and never set aside or settled.
    #[must_use]
    pub const fn only_reads(self) -> bool {
        matches!(self.traits().confirmed, Confirmed::ByDoingItAgain)
    }
}

impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_stored_under_the_word_of_its_row() {
        for kind in KindName::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
    }

    fn those(have: impl Fn(KindName) -> bool) -> Vec<KindName> {
        KindName::ALL.into_iter().filter(|kind| have(*kind)).collect()
    }

    #[test]
    fn the_kinds_that_have_a_trait_in_common() {
        use KindName::{AgentReply, CustomerText, Note, PhoneText, Template, TicketReopened, TicketSolved, Unreadable};
        assert_eq!(those(|kind| kind.traits().direction == Direction::ToDesk), [CustomerText, Note, Unreadable]);
        assert_eq!(those(|kind| kind.traits().calls == End::Carrier), [PhoneText, Template, TicketSolved]);
        assert_eq!(those(|kind| !kind.traits().asks), [TicketReopened, Unreadable], "no call is made for them");
        assert_eq!(those(|kind| kind.traits().track == Track::Notes), [Note]);
        assert_eq!(those(KindName::goes_first), [Template]);
        assert_eq!(those(KindName::only_reads), [AgentReply, TicketReopened]);
        let confirmed = |by| those(|kind| kind.traits().confirmed == by);
        assert_eq!(confirmed(Confirmed::OnTheTicket), [CustomerText, Note]);
        assert_eq!(confirmed(Confirmed::AtTheCarrier), [PhoneText, Template, TicketSolved]);
        assert_eq!(confirmed(Confirmed::Never), [Unreadable]);
        for kind in KindName::ALL {
            let account = if kind.traits().calls == End::Carrier { Ends::FIRST.carrier } else { Ends::FIRST.desk };
            assert_eq!(kind.route(Ends::FIRST), Route { direction: kind.traits().direction, account }, "{kind}");
        }
    }
}
