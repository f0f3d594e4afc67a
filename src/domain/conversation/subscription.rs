//! The subscription of a customer to texts, and the keywords that change it. It never decides whether a text goes out.

use serde::{Deserialize, Serialize};

/// Whether the customer wants to be texted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subscription {
    /// No keyword has come yet.
    #[default]
    Unknown,
    /// Opted in.
    In,
    /// Opted out: no text may be sent.
    Out,
}

/// The carrier's keyword categories that change or concern the subscription. Any other word is an ordinary text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keyword {
    /// START, YES, UNSTOP.
    OptIn,
    /// STOP, END, CANCEL, QUIT, …
    OptOut,
    /// HELP, INFO.
    Help,
}
