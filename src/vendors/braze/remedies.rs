//! Remedies for a Braze that refuses the bridge or does not answer: one sentence each, without its full stop. Pure.

use crate::domain::inbound::{Door, Otherwise, remedy};
use crate::domain::remedy::Remedies;

/// Braze does not know the key.
pub const KEY: &str = "Compare braze.api_key with the workspace's REST keys, and braze.url with the REST endpoint \
                             that Braze shows under APIs and Identifiers: a key is known in its own cluster only";

/// Braze cannot be reached.
pub const ADDRESS: &str =
    "Compare braze.url with the REST endpoint that Braze shows under APIs and Identifiers, and see whether it is up";

/// Braze knows the key, but it lacks a permission.
const PERMISSIONS: &str = "Make a key with the permissions that tandem setup braze lists";

/// Braze does not send the campaign.
const CAMPAIGN: &str = "Launch the campaign in Braze, or unarchive it, or copy another's API identifier into \
                                  braze.campaigns";

/// All of them.
pub const REMEDIES: Remedies = Remedies { of_refusal, of_silence: ADDRESS };

fn of_refusal(cause: &str) -> &'static str {
    if cause.contains("campaign") {
        CAMPAIGN
    } else if cause.contains("answered 403") {
        PERMISSIONS
    } else {
        KEY
    }
}

/// The remedy for webhooks of Braze that were answered so, as a clause; `None` where none is needed.
#[must_use]
pub fn of_webhooks(door: Door, outcome: Otherwise, reason: &str) -> Option<&'static str> {
    match (outcome, reason) {
        (Otherwise::Refused, "wrong_token" | "missing_token") if door == Door::Reports => Some(
            "compare the token of the Currents connector with braze.currents_tokens; Braze holds the reports back until \
             then, for five days at most",
        ),
        (Otherwise::Refused, "wrong_token") => Some(
            "compare the token of the webhook campaign with braze.webhook_tokens; Braze does not repeat what was refused",
        ),
        (Otherwise::Refused, "missing_token") => Some(
            "see that the webhook campaign sends the header Authorization: Bearer with one of braze.webhook_tokens; a \
             stranger's request looks the same",
        ),
        (Otherwise::Quarantined, _) if door == Door::Carrier => Some(
            "compare the campaign's body with tandem setup braze, then tandem deliveries redrive --state quarantined",
        ),
        _ => remedy(outcome, reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_loses_texts_has_a_remedy() {
        for door in [Door::Carrier, Door::RecipeNewTicket, Door::RecipeAppend, Door::Reports] {
            for reason in ["missing_token", "wrong_token", "cut"] {
                assert!(of_webhooks(door, Otherwise::Refused, reason).is_some(), "{reason}");
            }
            assert!(of_webhooks(door, Otherwise::Quarantined, "").is_some());
            assert_eq!(of_webhooks(door, Otherwise::Ignored, "test"), None);
        }
    }

    #[test]
    fn a_refusal_has_the_remedy_of_its_cause() {
        for (cause, remedy) in [
            ("Braze answered 401 Invalid API key", KEY),
            ("Braze answered 403 Access Denied for this customer", PERMISSIONS),
            ("Braze answered 400 campaign is archived (campaign 3c)", CAMPAIGN),
        ] {
            assert_eq!((REMEDIES.of_refusal)(cause), remedy, "{cause}");
        }
    }
}
