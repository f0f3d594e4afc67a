//! The settings of an account that the worker goes by, in words that name no vendor. Never read from a file here.

use std::time::Duration;

use crate::domain::retry::OnUnconfirmed;
use crate::domain::text::RecipeMessage;
use crate::domain::user_match::UserMatch;

/// The settings of a desk.
#[derive(Clone, Debug)]
pub struct DeskTerms {
    /// The attributes by which a customer is looked for among the desk's users, in this order.
    pub requester_match: Vec<UserMatch>,
}

/// The settings of a carrier.
#[derive(Clone, Debug)]
pub struct CarrierTerms {
    /// For a text whose answer was lost and which is not found at the carrier.
    pub on_unconfirmed: OnUnconfirmed,
    /// When to look for a text whose answer was lost.
    pub confirm_after: Vec<Duration>,
    /// The form of the words that a drop-in campaign gets.
    pub recipe_message: RecipeMessage,
    /// Whether typographic characters become plain ones.
    pub gsm7: bool,
    /// The line of which the carrier is asked before each text whether the customer takes texts; `None` to ask of none.
    pub asks_on: Option<String>,
    /// Whether a customer's text is taken in that only a report told of.
    pub backfill: bool,
}
