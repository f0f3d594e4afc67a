//! For a carrier's reports of texts: the report, and the receipt that it adds to a delivery.
//!
//! Pure. Reports come late, in any order and more than once, so a report never moves a delivery by itself: it adds to the
//! [`Receipt`]s of the delivery, and the same reports in another order leave the same receipts. Which delivery a report is
//! about is never guessed: a mark or the name of the send tells, or exactly one delivery fits ([`only`]).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::account::{AccountId, Ends};
use crate::domain::conversation::{Change, ConversationKey};
use crate::domain::event::{Customer, CustomerText, Event, EventId, EventKind, TicketId};
use crate::domain::line::Place;
use crate::domain::note::{Meaning, Note, Saying, Undelivered};

/// How many receipts one delivery keeps: more than a text has parts.
pub const RECEIPTS_MAX: usize = 64;

/// How long after a send its report may come, to be taken for its own; and how far apart the two tellings of one text of a
/// customer's may be.
pub const WINDOW: Duration = Duration::from_secs(600);

/// How long the webhook of an opt-out word has to come before the report of the same counts.
const KEYWORD_WAIT: Duration = Duration::from_secs(120);

/// How soon a report is weighed again that cannot be weighed now, and how soon where it has waited for as long as the second.
const AGAIN: [SignedDuration; 2] = [SignedDuration::from_secs(5), SignedDuration::from_mins(1)];

/// Whether two times are so close that they may be of one text.
#[must_use]
pub fn is_near(one: Timestamp, other: Timestamp) -> bool {
    one.duration_since(other).unsigned_abs() <= WINDOW
}

/// The one that fits; `None` where there is none, or more than one.
#[must_use]
pub fn only<T>(candidates: impl IntoIterator<Item = T>) -> Option<T> {
    let mut candidates = candidates.into_iter();
    let first = candidates.next()?;
    candidates.next().is_none().then_some(first)
}

/// One report of a carrier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The carrier's name for it; the same when the report comes again.
    pub id: String,
    /// When it happened, by the carrier's clock, to the second.
    pub at: Timestamp,
    /// The person, as far as the carrier told.
    pub customer: Customer,
    /// The campaign that the text went out with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// The carrier's name for the send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatch: Option<String>,
    /// The line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// The carrier that told. Records before there were several tell none.
    #[serde(default = "first_carrier", skip_serializing_if = "is_first")]
    pub carrier: AccountId,
    /// The event itself.
    pub what: Reported,
}

const fn first_carrier() -> AccountId {
    Ends::FIRST.carrier
}

fn is_first(carrier: &AccountId) -> bool {
    *carrier == first_carrier()
}

impl Report {
    /// Whether it is about a text of this bridge, as far as the report tells: by its mark, or by the campaign.
    #[must_use]
    pub fn is_of(&self, campaigns: &[String]) -> bool {
        let is_marked = matches!(self.what, Reported::Sent { mark: Some(_) });
        is_marked || self.campaign.as_ref().is_some_and(|campaign| campaigns.contains(campaign))
    }

    /// Whether a customer did it, on a line; otherwise it is about a text to a customer.
    #[must_use]
    pub fn is_inbound(&self) -> bool {
        matches!(self.what, Reported::Wrote(_) | Reported::Unsubscribed)
    }

    /// When it is first weighed, if it came now: a webhook may tell the same and has some minutes to come.
    #[must_use]
    pub fn weighed_from(&self, now: Timestamp) -> Timestamp {
        let wait = match &self.what {
            Reported::Wrote(_) => WINDOW,
            Reported::Unsubscribed | Reported::Resubscribed => KEYWORD_WAIT,
            Reported::Sent { .. }
            | Reported::Delivered
            | Reported::Read
            | Reported::Failed(_)
            | Reported::HeldBack(_)
            | Reported::TalkMoved { .. }
            | Reported::TalkOver => Duration::ZERO,
        };
        now.saturating_add(wait).unwrap_or(Timestamp::MAX)
    }
}

/// The events that a carrier reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Reported {
    /// A text went out.
    Sent {
        /// The mark that the bridge put on it, where the campaign passes it on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mark: Option<Mark>,
    },
    /// It is on the phone.
    Delivered,
    /// The customer has read it.
    Read,
    /// It did not reach the phone.
    Failed(Failure),
    /// It was held back and never sent.
    HeldBack(Failure),
    /// A customer wrote.
    Wrote(Box<Wrote>),
    /// The customer was unsubscribed.
    Unsubscribed,
    /// The customer takes texts again, after they were unsubscribed.
    Resubscribed,
    /// The talk goes on in another one, of this name.
    TalkMoved {
        /// The other talk.
        into: String,
        /// The carrier's id of the customer there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        customer: Option<String>,
    },
    /// The talk is over, or every talk of the customer where the report names none.
    TalkOver,
}

impl Reported {
    /// The word for it, in metrics and in the operator API.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sent { .. } => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed(_) => "failed",
            Self::HeldBack(_) => "held_back",
            Self::Wrote(_) => "wrote",
            Self::Unsubscribed => "unsubscribed",
            Self::Resubscribed => "resubscribed",
            Self::TalkMoved { .. } => "talk_moved",
            Self::TalkOver => "talk_over",
        }
    }

    /// Every word of [`Reported::name`].
    pub const NAMES: [&str; 10] = [
        "sent",
        "delivered",
        "read",
        "failed",
        "held_back",
        "wrote",
        "unsubscribed",
        "resubscribed",
        "talk_moved",
        "talk_over",
    ];
}

/// A customer's text, as the carrier reports it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrote(pub CustomerText);

/// Texts are personal data, so nothing of one is shown.
impl fmt::Debug for Wrote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wrote(…)")
    }
}

/// Why a text did not reach the phone, as the carrier tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Failure {
    /// The carrier's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The carrier's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// Whether the text goes another way now, so that this is not the end of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub falls_back: bool,
}

/// The mark on a text: the delivery's id, with the part's number behind it where a text has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The delivery.
    pub id: EventId,
    /// 1 for the first, and for the only one.
    pub part: u32,
}

/// The text was no mark of this bridge's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a mark: expected an event id, perhaps with the number of a part behind it")]
pub struct NotAMark;

impl FromStr for Mark {
    type Err = NotAMark;

    fn from_str(text: &str) -> Result<Self, NotAMark> {
        let (id, part) = text.split_once('.').unwrap_or((text, "1"));
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let part = part.parse().ok().filter(|part| is_number && *part > 0).ok_or(NotAMark)?;
        Ok(Self { id: id.parse().map_err(|_| NotAMark)?, part })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.id, self.part)
    }
}

impl Serialize for Mark {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The carrier's reports about one part of a text; or its word that it knows a customer's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// 1 for the first part.
    pub part: u32,
    /// The carrier's name for the send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatch: Option<String>,
    /// When it went out; of a customer's text, when it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// When it was on the phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    /// When the customer had read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Timestamp>,
    /// When it was refused on its first way and went another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fell_back_at: Option<Timestamp>,
    /// When and why it did not reach the phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Ended>,
    /// When and why it was held back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_back: Option<Ended>,
}

/// An end that was no arrival.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// Why.
    #[serde(flatten)]
    pub why: Failure,
}

impl Receipt {
    /// A receipt without any report.
    #[must_use]
    pub fn new(part: u32, dispatch: Option<&String>) -> Self {
        Self {
            part,
            dispatch: dispatch.cloned(),
            sent_at: None,
            delivered_at: None,
            read_at: None,
            fell_back_at: None,
            failed: None,
            held_back: None,
        }
    }

    /// Takes a report in. Of several times the first counts, so that no order and no repetition makes a difference.
    pub fn take(&mut self, report: &Report) {
        let ended = |why: &Failure| Ended { at: report.at, why: why.clone() };
        match &report.what {
            Reported::Sent { .. } | Reported::Wrote(_) => first(&mut self.sent_at, report.at),
            Reported::Delivered => first(&mut self.delivered_at, report.at),
            Reported::Read => first(&mut self.read_at, report.at),
            Reported::Failed(why) if why.falls_back => first(&mut self.fell_back_at, report.at),
            Reported::Failed(why) => first(&mut self.failed, ended(why)),
            Reported::HeldBack(why) => first(&mut self.held_back, ended(why)),
            Reported::Unsubscribed | Reported::Resubscribed | Reported::TalkMoved { .. } | Reported::TalkOver => {}
        }
    }

    /// Whether the text is on the phone, by all that is known.
    #[must_use]
    pub fn has_arrived(&self) -> bool {
        self.delivered_at.is_some() || self.read_at.is_some()
    }

    /// Whether it is known not to have reached the phone.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        !self.has_arrived() && (self.failed.is_some() || self.held_back.is_some())
    }
}

fn first<T: Ord>(known: &mut Option<T>, reported: T) {
    *known = Some(match known.take() {
        Some(known) => known.min(reported),
        None => reported,
    });
}

/// The note that is owed for a text which did not reach the phone; `None` where no ticket is known to write it on.
#[must_use]
pub fn note(id: EventId, event: &Event, report: &Report, ticket: Option<TicketId>, now: Timestamp) -> Option<Event> {
    let (why, is_held) = match &report.what {
        Reported::Failed(why) if !why.falls_back => (why, false),
        Reported::HeldBack(why) => (why, true),
        Reported::Failed(_)
        | Reported::Sent { .. }
        | Reported::Delivered
        | Reported::Read
        | Reported::Wrote(_)
        | Reported::Unsubscribed
        | Reported::Resubscribed
        | Reported::TalkMoved { .. }
        | Reported::TalkOver => return None,
    };
    let lost = |comment| Undelivered {
        event: id,
        comment,
        carrier_code: why.code.clone(),
        meaning: why.code.as_deref().map_or(Meaning::Other, Meaning::of),
        said: why.said.clone(),
    };
    let saying = match (&event.kind, is_held) {
        (EventKind::PhoneText(text), false) => Saying::ReplyNotDelivered(lost(text.comment_id)),
        (EventKind::PhoneText(text), true) => Saying::ReplyHeldBack(lost(text.comment_id)),
        (EventKind::Template(_), false) => Saying::TemplateNotDelivered(lost(None)),
        (EventKind::Template(_), true) => Saying::TemplateHeldBack(lost(None)),
        (EventKind::TicketSolved(_), false) => Saying::ClosingNotDelivered(lost(None)),
        (EventKind::TicketSolved(_), true) => Saying::ClosingHeldBack(lost(None)),
        (
            EventKind::CustomerText(_)
            | EventKind::AgentReply(_)
            | EventKind::TicketReopened(_)
            | EventKind::Note(_)
            | EventKind::Unreadable(_),
            _,
        ) => return None,
    };
    Some(Event { received_at: now, kind: EventKind::Note(Note::fact(ticket?, saying)) })
}

/// The change that a report of this part teaches about the conversation of its text, which was tried first at `tried_at`.
/// Where no report tells when the part went out, that time counts, because the customer may have written since.
#[must_use]
pub fn taught(report: &Report, part: u32, receipts: &[Receipt], tried_at: Option<Timestamp>) -> Option<Change> {
    let Reported::Failed(Failure { code: Some(code), .. }) = &report.what else { return None };
    let receipt = receipts.iter().rfind(|receipt| receipt.part == part);
    let sent_at = receipt.and_then(|receipt| receipt.sent_at).or(tried_at).unwrap_or(report.at);
    (Meaning::of(code) == Meaning::WindowClosed).then_some(Change::Shut(sent_at))
}

/// A report as a store keeps it until its fate is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its number in the store.
    pub number: u64,
    /// When it was taken in.
    pub taken_at: Timestamp,
    /// When it is weighed next; `None` for one that nothing fits, which is shown to the operator.
    pub due_at: Option<Timestamp>,
    /// The text that was taken in from it, while the text's webhook may still come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_in: Option<TakenIn>,
    /// The report.
    pub report: Report,
}

impl Kept {
    /// When it is weighed again, where it cannot be weighed now: soon at first, and more rarely where it waits for long, as for a
    /// desk that is paused or for the answer to another program's text.
    #[must_use]
    pub fn weighed_again(&self, now: Timestamp) -> Timestamp {
        let [soon, late] = AGAIN;
        let has_waited = now.duration_since(self.taken_at) >= late;
        now.saturating_add(if has_waited { late } else { soon }).unwrap_or(Timestamp::MAX)
    }
}

/// A customer's text that was taken in without a webhook.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenIn {
    /// Its event.
    pub event: EventId,
    /// Whose it is.
    pub conversation: ConversationKey,
    /// The text.
    pub words: String,
}

/// Texts are personal data, so only the event is shown.
impl fmt::Debug for TakenIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TakenIn({}, …)", self.event)
    }
}

/// The fate of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is about this part of this delivery. The note is owed where the report is the first that says so.
    Bound {
        /// The delivery.
        delivery: EventId,
        /// 1 for the first part.
        part: u32,
        /// Of how many parts.
        of: u32,
        /// The note to the agent, owed then.
        note: Option<Box<Event>>,
    },
    /// To be weighed again at this time.
    Later(Timestamp),
    /// Nothing fits. It is kept and shown, and weighed again when a report names its send.
    Unbound,
    /// There is nothing more to do.
    Over,
    /// A customer's text of which no webhook came: it is taken in as if one had.
    TakenIn {
        /// The text.
        event: Box<Event>,
        /// Its place.
        place: Place,
    },
    /// It is about these conversations.
    Learnt(Vec<Learnt>),
    /// It tells of two talks that were merged, whose conversations the store joins.
    Joined,
}

/// The facts in a report about a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learnt {
    /// Its name.
    pub conversation: ConversationKey,
    /// The facts.
    pub changes: Vec<Change>,
    /// The note to the agent.
    pub note: Option<Box<Event>>,
}

#[cfg(test)]
mod tests;
