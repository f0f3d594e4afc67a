//! Remedies for a Braze that refuses the bridge or does not answer: one sentence each, without its full stop. Pure.

use crate::domain::account_table::AccountTable;
use crate::domain::inbound::{Door, Otherwise, remedy};
use crate::domain::remedy::Remedies;

/// All of them.
pub const REMEDIES: Remedies = Remedies { of_refusal, of_silence, of_webhooks };

/// Braze does not know the key.
#[must_use]
pub fn key(of: AccountTable) -> String {
    format!(
        "Compare {} with the workspace's REST keys, and {} with the REST endpoint that Braze shows under APIs and \
         Identifiers: a key is known in its own cluster only",
        of.key("api_key"),
        of.key("url")
    )
}

/// Braze cannot be reached.
#[must_use]
pub fn of_silence(of: AccountTable) -> String {
    let url = of.key("url");
    format!(
        "Compare {url} with the REST endpoint that Braze shows under APIs and Identifiers, and see whether it is up"
    )
}

/// Braze knows the key, but it lacks a permission.
fn permissions(of: AccountTable) -> String {
    format!("Make a key with the permissions that {} lists", of.setup())
}

/// Braze does not send the campaign.
fn campaign(of: AccountTable) -> String {
    let campaigns = of.key("campaigns");
    format!("Launch the campaign in Braze, or unarchive it, or copy another's API identifier into {campaigns}")
}

fn of_refusal(of: AccountTable, cause: &str) -> String {
    if cause.contains("campaign") {
        campaign(of)
    } else if cause.contains("answered 403") {
        permissions(of)
    } else {
        key(of)
    }
}

/// The remedy for webhooks of Braze that were answered so, as a clause; `None` where none is needed.
#[must_use]
pub fn of_webhooks(of: AccountTable, door: Door, outcome: Otherwise, reason: &str) -> Option<String> {
    match (outcome, reason) {
        (Otherwise::Refused, "wrong_token" | "missing_token") if door == Door::Reports => Some(format!(
            "compare the token of the Currents connector with {}; Braze holds the reports back until then, for five days \
             at most",
            of.key("currents_tokens")
        )),
        (Otherwise::Refused, "wrong_token") => Some(format!(
            "compare the token of the webhook campaign with {}; Braze does not repeat what was refused",
            of.key("webhook_tokens")
        )),
        (Otherwise::Refused, "missing_token") => Some(format!(
            "see that the webhook campaign sends the header Authorization: Bearer with one of {}; a stranger's request \
             looks the same",
            of.key("webhook_tokens")
        )),
        (Otherwise::Quarantined, _) if door == Door::Carrier => Some(format!(
            "compare the campaign's body with {}, then tandem deliveries redrive --state quarantined",
            of.setup()
        )),
        _ => remedy(outcome, reason).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;

    const BRAZE: AccountTable = AccountTable(Ends::FIRST.carrier);

    #[test]
    fn everything_that_loses_texts_has_a_remedy() {
        for door in [Door::Carrier, Door::RecipeNewTicket, Door::RecipeAppend, Door::Reports] {
            for reason in ["missing_token", "wrong_token", "cut"] {
                assert!(of_webhooks(BRAZE, door, Otherwise::Refused, reason).is_some(), "{reason}");
            }
            assert!(of_webhooks(BRAZE, door, Otherwise::Quarantined, "").is_some());
            assert_eq!(of_webhooks(BRAZE, door, Otherwise::Ignored, "test"), None);
        }
    }

    #[test]
    fn a_refusal_has_the_remedy_of_its_cause() {
        for (cause, remedy) in [
            ("Braze answered 401 Invalid API key", key(BRAZE)),
            ("Braze answered 403 Access Denied for this customer", permissions(BRAZE)),
            ("Braze answered 400 campaign is archived (campaign 3c)", campaign(BRAZE)),
        ] {
            assert_eq!((REMEDIES.of_refusal)(BRAZE, cause), remedy, "{cause}");
        }
    }

    #[test]
    fn every_remedy_names_the_keys_of_its_account_and_no_other() {
        let of = AccountTable("canada".parse().unwrap());
        let webhooks = [
            (Door::Reports, Otherwise::Refused, "wrong_token"),
            (Door::Carrier, Otherwise::Refused, "wrong_token"),
            (Door::Carrier, Otherwise::Refused, "missing_token"),
            (Door::Carrier, Otherwise::Quarantined, ""),
        ];
        let webhooks = webhooks.map(|(door, outcome, reason)| of_webhooks(of, door, outcome, reason).unwrap());
        for remedy in [key(of), of_silence(of), permissions(of), campaign(of)].into_iter().chain(webhooks) {
            let is_its = remedy.contains("accounts.canada.") || remedy.contains("tandem setup canada");
            assert!(is_its && !remedy.contains("braze."), "{remedy}");
        }
    }
}
