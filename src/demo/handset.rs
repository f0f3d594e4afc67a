//! The customer's handset, with the embedded carrier behind it: the acts of the customer, and the sights on the screen.
//!
//! The demo is the same over each carrier, so all differences between carriers lie behind this trait. A handset never acts
//! as the bridge or as the agent.

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::sandbox::sender::Attempt;
use crate::sandbox::server::Fault;

/// The customer's number.
pub(super) const NUMBER: &str = "+15555550123";

/// The carrier's part of the bridge's configuration.
pub(crate) struct Settings {
    /// Its tables.
    pub(crate) tables: String,
    /// Its secrets, by the names of the variables that give them to a bridge. They open nothing anywhere else.
    pub(crate) secrets: Vec<(&'static str, String)>,
}

/// The facts of a carrier that the demo tells or has to know.
pub(super) struct About {
    /// Its name.
    pub(super) carrier: &'static str,
    /// The most attempts that it makes to hand over a webhook.
    pub(super) attempts_max: u32,
    /// Whether it takes pictures from customers.
    pub(super) takes_pictures: bool,
    /// Whether the bridge texts the customer over it when the ticket is solved.
    pub(super) has_closing: bool,
    /// Whether the proof of a text can be kept from the bridge. It cannot where the carrier's own webhooks bring it.
    pub(super) can_hide_receipts: bool,
    /// The call that sends a text: its method and a part of its path.
    pub(super) send: (&'static str, &'static str),
    /// The status of its answer to a text that no phone can get, and the body.
    pub(super) refusal: (u16, &'static str),
}

/// A text on the phone.
pub(super) struct Shown {
    pub(super) words: String,
    pub(super) at: Timestamp,
}

/// A picture on the phone.
#[derive(Clone)]
pub(super) struct Picture {
    pub(super) name: String,
    pub(super) media_type: &'static str,
    pub(super) bytes: Bytes,
}

/// A customer's phone on an embedded carrier.
pub(super) trait Handset: Send + Sync {
    /// The facts of the carrier.
    fn about(&self) -> &'static About;

    /// The carrier's part of the bridge's configuration: a text of unknown fate is held for the operator, or sent again.
    fn settings(&self, holds: bool) -> Settings;

    /// Sets the address of the bridge, to which the carrier's webhooks go.
    fn connect(&self, bridge: &str);

    /// The customer texts, with a picture where there is one. Returns the carrier's id of the text; `None` where the
    /// carrier keeps it to itself.
    fn text(&self, words: &str, picture: Option<&Picture>) -> Option<String>;

    /// The beginning of the addresses of the customers' pictures.
    fn media(&self) -> String;

    /// Whether a text is a word such as STOP, which becomes a note for the agent.
    fn is_keyword(&self, words: &str) -> bool;

    /// Whether the carrier stops texts to the customer.
    fn is_opted_out(&self) -> bool;

    /// The carrier sends the webhook of a text once more, as after a lost answer.
    fn repeat(&self, id: &str);

    /// The attempts to hand over the webhook of a text.
    fn attempts(&self, id: &str) -> Vec<Attempt>;

    /// The texts that reached the phone, in order.
    fn texts(&self) -> Vec<Shown>;

    /// Whether no webhook of the carrier is under way or waiting to be tried again.
    fn is_idle(&self) -> bool;

    /// Reports every change at the carrier from now on.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Lets something go wrong at the carrier.
    fn fail(&self, fault: Fault);

    /// Forgets all faults.
    fn clear_faults(&self);

    /// Keeps the proofs of texts from the bridge from now on, or no longer, where [`About::can_hide_receipts`].
    fn hide_receipts(&self, _hidden: bool) {}
}

/// Whether a text is one of the words that both Bird and Sunshine Conversations know.
pub(super) fn is_stop_or_start(words: &str) -> bool {
    matches!(words.trim().to_ascii_uppercase().as_str(), "STOP" | "START" | "UNSTOP")
}
