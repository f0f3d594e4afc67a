//! The port of a carrier: an account that reaches phones. It never chooses a text, its recipient or its form.

use std::collections::BTreeMap;

use async_trait::async_trait;
use http::HeaderValue;
use jiff::Timestamp;
use serde_json::Value;

use crate::domain::account::AccountId;
use crate::domain::event::{Customer, CustomerText, DedupeKey, EventId, TicketId};
use crate::domain::line::{Channel, Lines};
use crate::domain::outgoing::{Part, Recipient};

use super::{Account, Failure, FirstContact, Responders, Talk};

/// The receipt that a send leaves at the carrier beside the text, under this name, so that a later look can tell whether it
/// went out. On a further line of the customer's the name goes on with an underscore and digits.
pub const RECEIPT: &str = "tandem_receipt";

/// One text to one recipient.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    /// The recipient.
    pub to: &'a Recipient,
    /// The kind of the line's messages.
    pub channel: Channel,
    /// The address of the line, where it has one; at a carrier that keeps talks, else the one that the customer wrote on last.
    pub line: Option<&'a str>,
    /// The words.
    pub words: &'a str,
    /// The carrier's name of the template that goes in the place of words.
    pub template: Option<&'a str>,
    /// The part of the message that it is. Its receipt is the mark of the text.
    pub part: Part,
    /// The whole request, as the line's mapping made it, for a carrier that takes mappings.
    pub body: Option<&'a Value>,
    /// The ticket that it belongs to.
    pub ticket: Option<TicketId>,
    /// The recipient's number, where it is known.
    pub number: Option<&'a str>,
    /// When it was last refused with no attempt in doubt: a key that the carrier had for it before then is spent.
    pub refused_at: Option<Timestamp>,
    /// Since when an earlier attempt may be in doubt.
    pub doubted_since: Option<Timestamp>,
}

/// The message that a look at the carrier is for.
#[derive(Clone, Copy, Debug)]
pub struct Sought {
    /// The delivery.
    pub id: EventId,
    /// Of how many parts it is.
    pub parts: u32,
    /// When it was accepted: none of it went out before.
    pub since: Timestamp,
    /// The kind of its line's messages.
    pub channel: Channel,
}

/// A text that the carrier accepted. It may still never reach a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The carrier's name for the send; absent where it only queued the request.
    pub dispatch: Option<String>,
}

/// A look for customers' texts, whether or not a webhook told of them.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The account.
    pub account: AccountId,
    /// The lines, on those of which that are the account's the texts came.
    pub lines: &'a Lines,
    /// The texts came after this time.
    pub since: Timestamp,
    /// The talk that they stand in, at a carrier that keeps talks: such a carrier lists each talk by itself.
    pub talk: Option<&'a str>,
}

/// The customers' texts in a list of the carrier's.
#[derive(Default)]
pub struct CameIn {
    /// The texts in the order in which they came.
    pub texts: Vec<Incoming>,
    /// Where later ones are left: the time up to which the list was read.
    pub until: Option<Timestamp>,
    /// How many entries could not be read and are in no form that a webhook has.
    pub unreadable: usize,
    /// The entries that could not be read, each as its webhook would have told it.
    pub unread: Vec<Illegible>,
}

/// An entry of a carrier's list that cannot be read.
pub struct Illegible {
    /// Why.
    pub cause: String,
    /// The body of a webhook that tells of it alone.
    pub body: Vec<u8>,
    /// When it came, by the carrier's clock.
    pub at: Timestamp,
    /// The keys by which its webhook is told.
    pub dedupe: Vec<DedupeKey>,
}

/// A customer's text in a list of the carrier's.
pub struct Incoming {
    /// The text.
    pub text: CustomerText,
    /// When the customer sent it, or else when it came, by the carrier's clock.
    pub at: Timestamp,
    /// The keys by which its webhook is told.
    pub dedupe: Vec<DedupeKey>,
}

/// The meaning of an agent's text to a carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// The words themselves.
    Words,
    /// A form of the carrier's with its parameters, which goes whole and at any time.
    Form,
}

/// An account that reaches phones.
///
/// Every call is made once. A call with a lasting effect whose answer was lost ends as [`Failure::Lose`], and
/// [`Carrier::receipts`] finds out.
#[async_trait]
pub trait Carrier: Account {
    /// Whether a mapping makes the requests of sends. Otherwise the words, the line and the recipient are enough.
    fn takes_mappings(&self) -> bool;

    /// Sends one text to one recipient.
    ///
    /// # Errors
    /// [`Failure::Forbid`] names the form where the carrier refuses that, and the recipient for any other refusal that may
    /// be of this text alone. [`Failure::GiveUp`] also where the carrier took the request and reported problems: the text
    /// may have gone out, so that a repetition could reach the customer twice. [`Failure::Broke`] where the carrier failed
    /// with the request in hand.
    async fn send(&self, text: &Text<'_>) -> Result<Sent, Failure>;

    /// The receipts of sends to this customer, by name: those of the message that is sought, or where the carrier keeps the
    /// last one only, that of each line of ours. They may show a moment late, so look twice.
    ///
    /// # Errors
    /// As for every read. [`Failure::Forbid`] where the credential may not look.
    async fn receipts(&self, recipient: &Recipient, sought: &Sought) -> Result<BTreeMap<String, String>, Failure>;

    /// The meaning of an agent's whole text on this channel. A carrier may know a shorthand for other messages.
    ///
    /// # Errors
    /// Why the text cannot go there, in words for the agent that quote none of it.
    fn meaning(&self, _words: &str, _channel: Channel) -> Result<Meant, String> {
        Ok(Meant::Words)
    }

    /// The header that opens a link to a customer's picture, where the link is the carrier's own and needs one. Never for a
    /// link to another host.
    fn opens(&self, _link: &str) -> Option<HeaderValue> {
        None
    }

    /// The responders of its own platform that may answer customers beside the bridge; `None` where there are none.
    fn responders(&self) -> Option<&dyn Responders> {
        None
    }

    /// Whether the customer takes texts on the line of this address and channel; `None` where the carrier does not know.
    ///
    /// # Errors
    /// As for every read. [`Failure::GiveUp`] for a line that does not exist.
    async fn takes_texts(&self, line: &str, channel: Channel, recipient: &Recipient) -> Result<Option<bool>, Failure>;

    /// The customers' texts that a look is for. `None` where the carrier cannot tell, which takes no call.
    ///
    /// # Errors
    /// As for every read. [`Failure::GiveUp`] says nothing of other talks.
    async fn texts_since(&self, look: &Look<'_>) -> Result<Option<CameIn>, Failure>;

    /// The talks in which a person has written on a line that this account has among these, by their ids at the carrier: the
    /// one that they wrote in last first. None of a person who is not known there, or at a carrier that keeps no talks.
    ///
    /// # Errors
    /// As for every read.
    async fn talks_with(&self, _person: &Customer, _account: AccountId, _lines: &Lines) -> Result<Vec<Talk>, Failure> {
        Ok(Vec::new())
    }

    /// The talk of this name, where its person has written in it on such a line.
    ///
    /// # Errors
    /// As for every read.
    async fn talk_named(&self, _thread: &str, _account: AccountId, _lines: &Lines) -> Result<Option<Talk>, Failure> {
        Ok(None)
    }

    /// Opens a talk with a person who has not written, and has their phone linked to it. It may be called again after every
    /// failure, also where an answer was lost: one person gets one talk.
    ///
    /// # Errors
    /// [`Failure::Retry`] also while the channel has not confirmed the phone, and [`Failure::GiveUp`] where it does not. A
    /// lost answer is a [`Failure::Retry`].
    async fn begin(&self, _with: &FirstContact<'_>) -> Result<Talk, Failure> {
        Err(Failure::GiveUp { cause: "this carrier opens no talks".to_owned() })
    }

    /// Whether the texts to the talk of this name leave nothing at the carrier by which a look could find them, so that one in
    /// doubt is never sent again by itself.
    fn leaves_nothing(&self, _thread: &str) -> bool {
        false
    }

    /// Keeps at the carrier which ticket a talk goes to, so that a lost store finds the ticket by the next text.
    ///
    /// # Errors
    /// As for every read: a repetition changes nothing more.
    async fn pair(&self, _thread: &str, _ticket: TicketId) -> Result<(), Failure> {
        Ok(())
    }

    /// Asks for something small, such as this form, to see whether the account answers. The answer itself does not matter.
    ///
    /// # Errors
    /// As for every read.
    async fn probe(&self, form: &str) -> Result<(), Failure>;
}
