//! Remedies for a vendor of a pack that refuses the bridge or does not answer: one sentence each, without its full stop. Pure.

use super::source::UNKNOWN_STATE;
use crate::domain::account_table::AccountTable;
use crate::domain::inbound::{Door, Otherwise, remedy};
use crate::domain::remedy::Remedies;

/// All of them.
pub const REMEDIES: Remedies = Remedies { of_refusal, of_silence, of_webhooks };

/// The vendor cannot be reached.
#[must_use]
pub fn of_silence(of: AccountTable) -> String {
    format!("See whether the vendor is up, and compare {} with its address, where it is set", of.key("url"))
}

fn of_refusal(of: AccountTable, cause: &str) -> String {
    if cause.contains("answered 402") {
        return "Top up the balance of the account at the vendor; texts wait until then".to_owned();
    }
    format!(
        "Compare {} and {} with the account at the vendor, and give the key the right to send texts",
        of.key("account_id"),
        of.key("secret")
    )
}

/// The remedy for webhooks that were answered so, as a clause; `None` where none is needed.
#[must_use]
pub fn of_webhooks(of: AccountTable, _door: Door, outcome: Otherwise, reason: &str) -> Option<String> {
    match (outcome, reason) {
        (Otherwise::Refused, "wrong_signature" | "wrong_token") => Some(format!(
            "compare {} with the secret by which the vendor signs, and {} with the address that it posts to, letter by letter",
            of.key("signing_secrets"),
            of.key("webhook_url")
        )),
        (Otherwise::Refused, "missing_signature" | "missing_token") => {
            Some("switch signed webhooks on at the vendor; a stranger's request looks the same".to_owned())
        }
        (Otherwise::Ignored, UNKNOWN_STATE) => Some(
            "add the state to the pack: report.unknown_state in the log names it, and docs/packs.md the lists"
                .to_owned(),
        ),
        _ => remedy(outcome, reason).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_loses_texts_has_a_remedy() {
        let of = AccountTable("canada".parse().unwrap());
        for reason in ["missing_signature", "wrong_signature", "missing_token", "wrong_token", "stale", "bad_timestamp"]
        {
            assert!(of_webhooks(of, Door::Carrier, Otherwise::Refused, reason).is_some(), "{reason}");
        }
        assert!(of_webhooks(of, Door::Carrier, Otherwise::Ignored, UNKNOWN_STATE).is_some());
        for cause in ["Acme answered 401", "Acme answered 402", "Acme answered 404"] {
            assert!(!(REMEDIES.of_refusal)(of, cause).is_empty());
        }
        assert!(of_silence(of).contains("accounts.canada.url"));
    }
}
