//! Remedies for a Bird that refuses the bridge or does not answer: one sentence each, without its full stop. Pure.

use crate::domain::account_table::AccountTable;
use crate::domain::inbound::{Door, Otherwise, remedy};
use crate::domain::remedy::Remedies;

/// All of them.
pub const REMEDIES: Remedies = Remedies { of_refusal, of_silence, of_webhooks };

/// Bird does not know the key.
fn key(of: AccountTable) -> String {
    format!("Compare {} with the workspace's API keys in Bird, and make a new one when in doubt", of.key("api_key"))
}

/// Bird knows the key, but in another region.
fn region(of: AccountTable) -> String {
    format!(
        "Remove {}, because the region in {} chooses the host, or set it to the host of that region",
        of.key("url"),
        of.key("api_key")
    )
}

/// Bird knows the key, but it lacks a permission.
fn permissions(of: AccountTable) -> String {
    format!(
        "Give the key in {} the right to send and to read messages of each of its lines' channels, and \
         whatsapp_management:read for the templates of agents",
        of.key("api_key")
    )
}

/// The workspace has no money left.
const BALANCE: &str = "Top up the balance of the Bird workspace; texts wait until then";

/// Bird cannot be reached.
#[must_use]
pub fn of_silence(of: AccountTable) -> String {
    format!("See whether Bird is up, and compare {} with its address, where it is set", of.key("url"))
}

fn of_refusal(of: AccountTable, cause: &str) -> String {
    if cause.contains("answered 402") {
        BALANCE.to_owned()
    } else if cause.contains("answered 421") {
        region(of)
    } else if cause.contains("answered 403") {
        permissions(of)
    } else {
        key(of)
    }
}

/// The remedy for webhooks of Bird that were answered so, as a clause; `None` where none is needed.
#[must_use]
pub fn of_webhooks(of: AccountTable, _door: Door, outcome: Otherwise, reason: &str) -> Option<String> {
    match (outcome, reason) {
        (Otherwise::Refused, "wrong_signature") => Some(format!(
            "add the signing secret of Bird's webhook to {}; Bird shows it once, so rotate it when it is lost, and then \
             have Bird replay the last day",
            of.key("signing_secrets")
        )),
        (Otherwise::Refused, "missing_signature") => Some(format!(
            "see that a webhook of Bird's third generation posts here; for one of the second, add 2 to {}; a stranger's \
             request looks the same",
            of.key("accept_generations")
        )),
        _ => remedy(outcome, reason).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canada() -> AccountTable {
        AccountTable("canada".parse().unwrap())
    }

    #[test]
    fn everything_that_loses_texts_has_a_remedy() {
        for reason in ["missing_signature", "wrong_signature", "stale", "bad_timestamp", "cut"] {
            assert!(of_webhooks(canada(), Door::Carrier, Otherwise::Refused, reason).is_some(), "{reason}");
        }
        assert!(of_webhooks(canada(), Door::Carrier, Otherwise::Quarantined, "").is_some());
        assert_eq!(of_webhooks(canada(), Door::Carrier, Otherwise::Ignored, "not used"), None);
    }

    #[test]
    fn a_refusal_has_the_remedy_of_its_cause_in_the_words_of_its_account() {
        for (cause, remedy) in [
            ("Bird answered 401 InvalidApiKey", key(canada())),
            ("Bird answered 402 InsufficientBalance", BALANCE.to_owned()),
            ("Bird answered 403 for this customer", permissions(canada())),
            ("Bird answered 421", region(canada())),
        ] {
            assert_eq!((REMEDIES.of_refusal)(canada(), cause), remedy, "{cause}");
        }
        for remedy in [key(canada()), region(canada()), permissions(canada()), of_silence(canada())] {
            assert!(remedy.contains("accounts.canada."), "{remedy}");
        }
    }
}
