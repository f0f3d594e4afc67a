//! Events: accepted webhooks in normalised form.
//!
//! An event is immutable once stored. It never holds a credential and never tells its progress, which its delivery
//! ([`crate::domain::delivery`]) records.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::account::End;
use crate::domain::conversation::{Keyword, TicketStatus};
use crate::domain::kind::KindName;
use crate::domain::line::filled_in;
use crate::domain::note::Note;

pub use crate::domain::ids::{CommentId, EventId, NotAnEventId, TicketId, TicketRef, UserId};

/// The customer a message is from or for, as far as known. Every blank is `None`, never an empty string.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Customer {
    /// The brand's own id of this customer, as the carrier knows it.
    pub external_id: Option<String>,
    /// The carrier's own id; the only one that an anonymous profile has.
    #[serde(rename = "braze_id")]
    pub carrier_id: Option<String>,
    /// The carrier's own name of the talk with them, where it keeps talks ([`crate::domain::line::By::Thread`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// As the carrier gave it, normalised to E.164 where that is possible.
    pub phone: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// The name that the customer goes by on a chat channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

impl Customer {
    /// First and last name with one space between, or else the name on a chat channel.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let words: Vec<&str> =
            [&self.first_name, &self.last_name].into_iter().filter_map(|name| name.as_deref()).collect();
        if words.is_empty() { self.display_name.clone() } else { Some(words.join(" ")) }
    }

    /// Takes over every field of `newer` that is not blank.
    pub fn update(&mut self, newer: &Self) {
        let pairs = [
            (&mut self.external_id, &newer.external_id),
            (&mut self.carrier_id, &newer.carrier_id),
            (&mut self.thread, &newer.thread),
            (&mut self.phone, &newer.phone),
            (&mut self.email, &newer.email),
            (&mut self.first_name, &newer.first_name),
            (&mut self.last_name, &newer.last_name),
            (&mut self.display_name, &newer.display_name),
        ];
        for (old, new) in pairs {
            if new.is_some() {
                old.clone_from(new);
            }
        }
    }
}

/// Personal data stays out of logs and panics, so only the shape is shown.
impl fmt::Debug for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Customer(…)")
    }
}

/// Ticket fields that a published-recipe webhook sets itself; `None` leaves the mapping's own value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TicketFields {
    /// Subject line.
    pub subject: Option<String>,
    /// `low`, `normal`, `high` or `urgent`.
    pub priority: Option<String>,
    /// `problem`, `incident`, `question` or `task`; called `type` by desks.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// A text (or a keyword) from a customer's phone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerText {
    /// The sender.
    pub customer: Customer,
    /// The carrier's name of the line that the customer wrote to.
    pub line: Option<String>,
    /// The text as written; may be empty when there is media.
    pub text: String,
    /// Links to pictures and other media, as the carrier gave them.
    pub media: Vec<String>,
    /// `sms` unless the campaign says otherwise.
    pub channel: String,
    /// The carrier's keyword category: `other`, or a custom keyword's name.
    pub category: String,
    /// Set when the word was one of the subscription keywords.
    pub keyword: Option<Keyword>,
    /// The ticket that the sender named (published recipe, append); used when the bridge knows none.
    pub ticket_id: Option<TicketId>,
    /// Fields that the sender set (published recipe, new ticket).
    pub fields: TicketFields,
    /// The texts to the customer's number that it may answer, sent before a talk with them was known: the name in the place of
    /// the talk, and the carrier's names of the texts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
}

/// How many pictures of one comment are copied to the ticket; the rest are links.
pub const PICTURES_MAX: usize = 5;

impl CustomerText {
    /// The carrier's name of the line, where the campaign tells it. [`Self::line`] is as the campaign says it.
    #[must_use]
    pub fn told_line(&self) -> Option<&str> {
        filled_in(self.line.as_deref())
    }
}

/// "An agent replied": a doorbell that names the ticket to read and carries no text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentReply {
    /// The ticket.
    pub ticket_id: TicketId,
    /// The comment that rang, if named.
    pub comment_id: Option<CommentId>,
    /// The customer, if the trigger named them.
    pub external_user_id: Option<String>,
    /// The ticket's requester when the trigger fired or the catch-up saw the ticket, if it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_id: Option<UserId>,
    /// The ticket as the catch-up saw it; set when the bridge rang itself, because it may have missed a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caught_up: Option<Sighting>,
}

/// A ticket as the catch-up on missed webhooks saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// Its status, where the catch-up could tell.
    pub status: Option<TicketStatus>,
    /// When the ticket had last changed then, by the desk's clock.
    pub updated_at: Timestamp,
    /// The time that this state is known for: when the ticket was read, or its own last change where a search index
    /// told.
    pub as_of: Timestamp,
    /// The time, by the desk's clock, up to which a later read of the ticket shows every comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_there_to: Option<Timestamp>,
    /// Whether it was merged into another ticket.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub merged: bool,
    /// Whether another ticket was merged into it, so that it may lack the tag by which the catch-up finds tickets.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub heir: bool,
}

/// A file that an agent attached to a comment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its name, as the agent gave it.
    pub file_name: String,
    /// Where the customer can fetch it.
    pub url: String,
}

/// One text to the phone: an agent's comment, or the text that a published-recipe trigger carries itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneText {
    /// The ticket it belongs to; a recipe body may leave it out.
    pub ticket_id: Option<TicketId>,
    /// Its comment, when it was read from the ticket.
    pub comment_id: Option<CommentId>,
    /// The customer, if the sender named them.
    pub external_user_id: Option<String>,
    /// The ticket's requester when the trigger fired, if the sender told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_id: Option<UserId>,
    /// Plain text, whole, lines kept.
    pub text: String,
    /// The agent's name, where it is known.
    pub agent_name: Option<String>,
    /// Files to link after the text.
    pub attachments: Vec<Attachment>,
    /// The requests of a published-recipe body beside the text.
    pub recipe: Option<RecipeSend>,
    /// Whether the catch-up found it, not a webhook, so that it goes out late.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub caught_up: bool,
    /// When the comment was written, by the desk's clock, where it was read from the ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_at: Option<Timestamp>,
}

/// A request to the customer to write again, in the form that the channel allows at any time.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The ticket whose reply waits.
    pub ticket_id: Option<TicketId>,
    /// The customer, if the sender of that reply named them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_user_id: Option<String>,
}

/// The parts of a published-recipe trigger body that are passed on unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipeSend {
    /// The campaign that the body names.
    pub campaign_id: String,
    /// Whether `msg_body` came without the dashes that the desk puts before a comment, so that it is sent unchanged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
    /// Profile attributes, written as sent.
    pub attributes: serde_json::Map<String, serde_json::Value>,
}

/// A change of a ticket's status that a trigger told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketChange {
    /// The ticket.
    pub ticket_id: TicketId,
    /// The customer, if the trigger named them.
    pub external_user_id: Option<String>,
    /// The ticket's requester when the trigger fired, if it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_id: Option<UserId>,
}

/// A body of a verified sender that the bridge cannot read. It is kept whole for the operator.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// The path that it was posted to, as received.
    pub path: String,
    /// The HTTP method.
    pub method: String,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The body, base64.
    pub body: String,
}

/// The kinds of events, each with its content.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum EventKind {
    /// A customer wrote.
    CustomerText(CustomerText),
    /// An agent replied; the text is read from the ticket.
    AgentReply(AgentReply),
    /// A text is owed to the phone.
    PhoneText(PhoneText),
    /// The customer is to be asked to write again.
    Template(Template),
    /// The ticket was solved.
    TicketSolved(TicketChange),
    /// The ticket was reopened.
    TicketReopened(TicketChange),
    /// The bridge has a note for the agent.
    Note(Note),
    /// An unreadable body, kept for the operator and never delivered.
    Unreadable(Unreadable),
}

impl EventKind {
    /// The name of this kind, with the table of its traits.
    #[must_use]
    pub fn name(&self) -> KindName {
        match self {
            Self::CustomerText(_) => KindName::CustomerText,
            Self::AgentReply(_) => KindName::AgentReply,
            Self::PhoneText(_) => KindName::PhoneText,
            Self::Template(_) => KindName::Template,
            Self::TicketSolved(_) => KindName::TicketSolved,
            Self::TicketReopened(_) => KindName::TicketReopened,
            Self::Note(_) => KindName::Note,
            Self::Unreadable(_) => KindName::Unreadable,
        }
    }

    /// Whether it is a customer's text with links to pictures.
    #[must_use]
    pub fn has_pictures(&self) -> bool {
        match self {
            Self::CustomerText(text) => !text.media.is_empty(),
            Self::AgentReply(_)
            | Self::PhoneText(_)
            | Self::Template(_)
            | Self::TicketSolved(_)
            | Self::TicketReopened(_)
            | Self::Note(_)
            | Self::Unreadable(_) => false,
        }
    }

    /// Whether the catch-up on missed webhooks found this.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        match self {
            Self::AgentReply(reply) => reply.caught_up.is_some(),
            Self::PhoneText(text) => text.caught_up,
            Self::CustomerText(_)
            | Self::Template(_)
            | Self::TicketSolved(_)
            | Self::TicketReopened(_)
            | Self::Note(_)
            | Self::Unreadable(_) => false,
        }
    }

    /// The ticket that the event itself names.
    #[must_use]
    pub fn ticket_id(&self) -> Option<TicketId> {
        match self {
            Self::CustomerText(text) => text.ticket_id,
            Self::AgentReply(reply) => Some(reply.ticket_id),
            Self::PhoneText(text) => text.ticket_id,
            Self::Template(template) => template.ticket_id,
            Self::TicketSolved(change) | Self::TicketReopened(change) => Some(change.ticket_id),
            Self::Note(note) => Some(note.ticket_id),
            Self::Unreadable(_) => None,
        }
    }
}

/// Texts are personal data, so only the kind is shown.
impl fmt::Debug for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().word())
    }
}

/// A verified, normalised webhook, or a duty that the bridge gave itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it reached the bridge.
    pub received_at: Timestamp,
    /// Its kind and content.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// A fact that identifies two webhooks as one. Each is remembered longer than any vendor retries.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DedupeKey {
    /// The desk's invocation id: the same for every attempt of one webhook call.
    #[serde(rename = "ZendeskInvocation")]
    Invocation(String),
    /// One comment, however many triggers told of it.
    #[serde(rename = "ZendeskComment")]
    Comment(TicketId, CommentId),
    /// The digest of the signed parts, timestamp and body: the same for every copy of one request, although its other
    /// headers may differ.
    #[serde(rename = "ZendeskRequest")]
    SignedRequest(String),
    /// The carrier's dispatch and the customer, because several customers may share a dispatch.
    #[serde(rename = "BrazeDispatch")]
    Dispatch {
        /// Campaign id; may be blank.
        campaign: String,
        /// Dispatch id.
        dispatch: String,
        /// The carrier's id, or else the brand's.
        customer: String,
    },
    /// The carrier's name for one of its reports.
    CarrierReport(String),
}

impl DedupeKey {
    /// The end whose account sent the fact; accounts do not share their facts.
    #[must_use]
    pub const fn end(&self) -> End {
        match self {
            Self::Invocation(_) | Self::Comment(..) | Self::SignedRequest(_) => End::Desk,
            Self::Dispatch { .. } | Self::CarrierReport(_) => End::Carrier,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::note::{Says, Tells};

    #[test]
    fn personal_data_has_no_debug_form() {
        let customer = Customer { phone: Some("+15550001111".into()), ..Customer::default() };
        let kind = EventKind::Note(Note {
            ticket_id: TicketId(1),
            says: Says::Words { text: "secret".into() },
            tells: Tells::Fact,
        });
        let shown = format!("{customer:?} {kind:?}");
        assert!(!shown.contains("5550001111") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn stored_words_stay() {
        let dispatch =
            DedupeKey::Dispatch { campaign: "c".to_owned(), dispatch: "d".to_owned(), customer: "ada".to_owned() };
        for (key, stored) in [
            (DedupeKey::Invocation("i".to_owned()), r#"{"ZendeskInvocation":"i"}"#),
            (DedupeKey::Comment(TicketId(7), CommentId(9)), r#"{"ZendeskComment":[7,9]}"#),
            (DedupeKey::SignedRequest("ab".to_owned()), r#"{"ZendeskRequest":"ab"}"#),
            (dispatch, r#"{"BrazeDispatch":{"campaign":"c","dispatch":"d","customer":"ada"}}"#),
            (DedupeKey::CarrierReport("r".to_owned()), r#"{"CarrierReport":"r"}"#),
        ] {
            assert_eq!(serde_json::to_string(&key).unwrap(), stored, "another word is another digest");
        }
        let customer = Customer { carrier_id: Some("b-7".to_owned()), ..Customer::default() };
        assert_eq!(serde_json::to_value(&customer).unwrap()["braze_id"], "b-7");
    }
}
