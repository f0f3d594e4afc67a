//! Remedies for a Zendesk that refuses the bridge or does not answer: one sentence each, without its full stop. Pure.

use crate::domain::account_table::AccountTable;
use crate::domain::inbound::{Door, Otherwise, remedy};
use crate::domain::remedy::Remedies;

/// Zendesk knows the credentials, but they lack a permission.
const ROLE: &str = "Give the scopes read and write to the OAuth client, and let the client act as an administrator";

/// All of them.
pub const REMEDIES: Remedies = Remedies { of_refusal, of_silence, of_webhooks };

/// Zendesk does not know the credentials.
#[must_use]
pub fn credentials(of: AccountTable) -> String {
    format!(
        "Compare {} and {} with the OAuth client in Zendesk (Admin Center, Apps and integrations); the secret is shown \
         only once, so make a new one when in doubt",
        of.key("client_id"),
        of.key("client_secret")
    )
}

/// Zendesk cannot be reached.
#[must_use]
pub fn of_silence(of: AccountTable) -> String {
    let url = of.key("url");
    format!("Compare {url} with the address in the browser when you work in Zendesk, and see whether it is up")
}

fn of_refusal(of: AccountTable, cause: &str) -> String {
    if cause.contains("answered 403") { ROLE.to_owned() } else { credentials(of) }
}

/// The remedy for webhooks of Zendesk that were answered so, as a clause; `None` where none is needed.
#[must_use]
pub fn of_webhooks(of: AccountTable, _door: Door, outcome: Otherwise, reason: &str) -> Option<String> {
    match (outcome, reason) {
        (Otherwise::Refused, "wrong_signature") => Some(format!(
            "run {}, which shows the webhook's signing secret, and add it to {}",
            of.setup(),
            of.key("webhook_secrets")
        )),
        (Otherwise::Refused, "missing_signature") => Some(
            "see that a Zendesk webhook posts here, which signs by itself; a stranger's request looks the same"
                .to_owned(),
        ),
        (Otherwise::Ignored, "unknown event") => Some(format!(
            "run {}: a trigger posts an event other than agent_reply, ticket_solved and ticket_reopened",
            of.setup()
        )),
        _ => remedy(outcome, reason).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;

    const ZENDESK: AccountTable = AccountTable(Ends::FIRST.desk);

    #[test]
    fn everything_that_loses_replies_has_a_remedy() {
        for reason in ["missing_signature", "wrong_signature", "stale", "bad_timestamp", "cut"] {
            assert!(of_webhooks(ZENDESK, Door::Desk, Otherwise::Refused, reason).is_some(), "{reason}");
        }
        assert!(of_webhooks(ZENDESK, Door::Desk, Otherwise::Ignored, "unknown event").is_some());
        assert!(of_webhooks(ZENDESK, Door::Desk, Otherwise::Quarantined, "").is_some());
        assert_eq!(of_webhooks(ZENDESK, Door::Desk, Otherwise::Ignored, "test"), None);
    }

    #[test]
    fn a_refusal_has_the_remedy_of_its_cause() {
        for (cause, remedy) in [
            ("Zendesk answered 401 invalid_client (Client authentication failed)", credentials(ZENDESK)),
            ("Zendesk answered 403 for ticket 7", ROLE.to_owned()),
        ] {
            assert_eq!((REMEDIES.of_refusal)(ZENDESK, cause), remedy, "{cause}");
        }
    }

    #[test]
    fn every_remedy_names_the_keys_of_its_account_and_no_other() {
        let of = AccountTable("support-eu".parse().unwrap());
        let webhooks = [(Otherwise::Refused, "wrong_signature"), (Otherwise::Ignored, "unknown event")];
        let webhooks = webhooks.map(|(outcome, reason)| of_webhooks(of, Door::Desk, outcome, reason).unwrap());
        for remedy in [credentials(of), of_silence(of)].into_iter().chain(webhooks) {
            let is_its = remedy.contains("accounts.support-eu.") || remedy.contains("tandem setup support-eu");
            assert!(is_its && !remedy.contains("zendesk."), "{remedy}");
        }
    }
}
