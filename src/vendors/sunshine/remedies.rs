//! Remedies for a Sunshine Conversations that refuses the bridge or does not answer: one sentence each, without its full stop.
//! Pure.

use crate::domain::account_table::AccountTable;
use crate::domain::inbound::{Door, Otherwise, remedy};
use crate::domain::remedy::Remedies;

/// All of them.
pub const REMEDIES: Remedies = Remedies { of_refusal, of_silence, of_webhooks };

/// The key is not known.
fn key(of: AccountTable) -> String {
    format!(
        "Compare {} and {} with the keys in Admin Center, Apps and integrations, APIs, Conversations API, and make a new key \
         when in doubt",
        of.key("key_id"),
        of.key("secret")
    )
}

/// The app is not there.
fn app(of: AccountTable) -> String {
    format!(
        "Compare {} with the App ID beside the key, and {} with the account's address",
        of.key("app_id"),
        of.key("url")
    )
}

/// The plan is exhausted.
const PLAN: &str = "Buy usage for the Conversations API, or wait for the next period; texts wait until then";

/// The API cannot be reached.
#[must_use]
pub fn of_silence(of: AccountTable) -> String {
    format!("See whether Zendesk is up, and compare {} with the account's address with /sc behind it", of.key("url"))
}

fn of_refusal(of: AccountTable, cause: &str) -> String {
    if cause.contains("answered 402") {
        PLAN.to_owned()
    } else if cause.contains("answered 404") {
        app(of)
    } else if cause.contains("answered 403") {
        format!("Give {} a key of the app: a key of an integration may not do this", of.key("key_id"))
    } else {
        key(of)
    }
}

/// The remedy for webhooks that were answered so, as a clause; `None` where none is needed.
#[must_use]
pub fn of_webhooks(of: AccountTable, _door: Door, outcome: Otherwise, reason: &str) -> Option<String> {
    match (outcome, reason) {
        (Otherwise::Refused, "wrong_token" | "missing_token") => Some(format!(
            "add the secret of the webhook that posts here to {}; texts that were refused so are not posted again, so find \
             them in Zendesk; a stranger's request looks the same",
            of.key("webhook_secrets")
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
        for reason in ["missing_token", "wrong_token", "cut"] {
            assert!(of_webhooks(canada(), Door::Carrier, Otherwise::Refused, reason).is_some(), "{reason}");
        }
        assert!(of_webhooks(canada(), Door::Carrier, Otherwise::Quarantined, "").is_some());
        assert_eq!(of_webhooks(canada(), Door::Carrier, Otherwise::Ignored, "not used"), None);
    }

    #[test]
    fn a_refusal_has_the_remedy_of_its_cause_in_the_words_of_its_account() {
        for (cause, names) in [
            ("Sunshine Conversations answered 401 unauthorized", "accounts.canada.secret"),
            ("Sunshine Conversations answered 402 payment_required", "Buy usage"),
            ("Sunshine Conversations answered 403 forbidden", "accounts.canada.key_id"),
            ("Sunshine Conversations answered 404 app_not_found", "accounts.canada.app_id"),
        ] {
            let remedy = (REMEDIES.of_refusal)(canada(), cause);
            assert!(remedy.contains(names), "{remedy}");
        }
    }
}
