//! The sources of the first desk and the first carrier, out of their proofs alone: for people who try a body out, and for
//! tests, benchmarks and fuzzing. A running bridge builds its sources from the configuration ([`super::registry`]). Pure.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;

use crate::domain::account::{End, Ends};
use crate::domain::line::{Forms, Line, Lines};
use crate::intake::{Sender, Senders, fields};
use crate::vendors::{braze, zendesk};

pub use crate::vendors::braze::currents::Currents;

/// The proofs and settings of the first two accounts.
#[derive(Clone, Debug, Default)]
pub struct FirstAccounts {
    /// Zendesk's signing secrets; several during a rotation. An empty secret matches nothing.
    pub zendesk_secrets: Vec<SecretString>,
    /// How far the signature's timestamp may be from now, either way.
    pub zendesk_tolerance: Duration,
    /// The tokens that Braze's webhook campaigns may present. An empty token matches nothing.
    pub braze_tokens: Vec<SecretString>,
    /// The recipe's custom user field, which holds the customer's external id.
    pub user_field: String,
    /// For Braze's reports.
    pub currents: Currents,
}

impl From<FirstAccounts> for Senders {
    fn from(first: FirstAccounts) -> Self {
        let FirstAccounts { zendesk_secrets, zendesk_tolerance, braze_tokens, user_field, currents } = first;
        let Ends { desk, carrier } = Ends::FIRST;
        let of_desk = zendesk::source::Webhooks::new(zendesk_secrets, zendesk_tolerance);
        let of_carrier = braze::source::Webhooks { carrier, tokens: braze_tokens, user_field, currents };
        let accounts = [
            (desk, Sender { end: End::Desk, source: Arc::new(of_desk), remedies: zendesk::remedies::REMEDIES }),
            (carrier, Sender { end: End::Carrier, source: Arc::new(of_carrier), remedies: braze::remedies::REMEDIES }),
        ];
        let line = Line::default_of(Ends::FIRST, Forms::default());
        Self { accounts: accounts.into(), lines: Arc::new(Lines::new(vec![line])) }
    }
}

/// The path that a body is most likely meant for, by its keys alone. It serves people who try a body out; a real
/// webhook has a path.
#[must_use]
pub fn likely_path(body: &[u8]) -> &'static str {
    let Ok(object) = fields::object(body) else { return "/webhooks/braze" };
    let has = |key: &str, is: fn(&Value) -> bool| object.get(key).is_some_and(is);
    if has("event", Value::is_string) {
        "/webhooks/zendesk"
    } else if has("recipients", Value::is_array) {
        "/campaigns/trigger/send"
    } else if has("ticket", Value::is_object) {
        "/api/v2/tickets"
    } else {
        "/webhooks/braze"
    }
}

#[cfg(test)]
mod tests;
