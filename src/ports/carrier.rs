//! The port of a carrier: an account that reaches phones. It never chooses a text, its recipient or its form.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::Value;

use crate::domain::outgoing::Recipient;

use super::{Account, Failure};

/// The receipt that a send leaves at the carrier beside the text, under this name, so that a later look can tell whether it
/// went out. On a further line of the customer's the name goes on with an underscore and digits.
pub const RECEIPT: &str = "tandem_receipt";

/// A text that the carrier accepted. It may still never reach a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The carrier's name for the send; absent where it only queued the request.
    pub dispatch: Option<String>,
}

/// An account that reaches phones.
///
/// Every call is made once. A call with a lasting effect whose answer was lost ends as [`Failure::Lose`], and
/// [`Carrier::receipts`] finds out.
#[async_trait]
pub trait Carrier: Account {
    /// Sends one text to one recipient. `body` is the whole request, as the line's mapping made it.
    ///
    /// # Errors
    /// [`Failure::Forbid`] names the form where the carrier refuses that, and the recipient for any other refusal that may
    /// be of this text alone. [`Failure::GiveUp`] also where the carrier took the request and reported problems: the text
    /// may have gone out, so that a repetition could reach the customer twice. [`Failure::Broke`] where the carrier failed
    /// with the request in hand.
    async fn send(&self, body: &Value) -> Result<Sent, Failure>;

    /// The receipts that the last sends to this customer left, by name: one for each line of ours. They may show a moment
    /// late, so look twice.
    ///
    /// # Errors
    /// As for every read. [`Failure::Forbid`] where the credential may not look.
    async fn receipts(&self, recipient: &Recipient) -> Result<BTreeMap<String, String>, Failure>;

    /// Whether the customer takes texts on the line of this address; `None` where the carrier does not know.
    ///
    /// # Errors
    /// As for every read. [`Failure::GiveUp`] for a line that does not exist.
    async fn takes_texts(&self, line: &str, recipient: &Recipient) -> Result<Option<bool>, Failure>;

    /// Asks for something small, such as this form, to see whether the account answers. The answer itself does not matter.
    ///
    /// # Errors
    /// As for every read.
    async fn probe(&self, form: &str) -> Result<(), Failure>;
}
