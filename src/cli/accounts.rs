//! The words about one account. The vendors' modules speak of the account that bears the vendor's name; a command about
//! another account puts the names of that account in their place. Never reads a configuration.

use crate::config::Vendor;
use crate::config::keys::{ACCOUNTS, KEYS, VARIABLE_PREFIX};
use crate::domain::account::AccountId;

/// Words about the account that bears its vendor's name as words about this account: its keys, its variables, its table,
/// the path of its webhooks, and the command that sets it up.
pub(super) fn worded(words: &str, vendor: Vendor, account: AccountId) -> String {
    let (own, name) = (vendor.name(), account.name());
    if own == name {
        return words.to_owned();
    }
    let mut worded = words
        .replace(&format!("tandem setup {own}"), &format!("tandem setup {name}"))
        .replace(&format!("/webhooks/{own}"), &format!("/webhooks/{name}"))
        .replace(&format!("[{own}]"), &format!("[{ACCOUNTS}.{name}]"));
    for key in KEYS.iter() {
        if let Some(rest) = key.name.strip_prefix(own).and_then(|rest| rest.strip_prefix('.')) {
            worded = worded
                .replace(&key.variable(), &variable(name, rest))
                .replace(&key.name, &format!("{ACCOUNTS}.{name}.{rest}"));
        }
    }
    worded
}

fn variable(account: &str, key: &str) -> String {
    let (account, key) = (account.replace('-', "_"), key.replace('.', "__"));
    format!("{VARIABLE_PREFIX}{ACCOUNTS}__{account}__{key}").to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_names_the_keys_the_variables_and_the_command_of_its_account() {
        let account: AccountId = "support-eu".parse().unwrap();
        for (vendor, words, expected) in [
            (
                Vendor::Zendesk,
                "Run tandem setup zendesk, and add it to TANDEM_ZENDESK__WEBHOOK_SECRETS or zendesk.webhook_secrets",
                "Run tandem setup support-eu, and add it to TANDEM_ACCOUNTS__SUPPORT_EU__WEBHOOK_SECRETS or \
                 accounts.support-eu.webhook_secrets",
            ),
            (
                Vendor::Zendesk,
                "[zendesk] at https://acme.zendesk.com gets none at https://tandem.example/webhooks/zendesk",
                "[accounts.support-eu] at https://acme.zendesk.com gets none at \
                 https://tandem.example/webhooks/support-eu",
            ),
            (
                Vendor::Braze,
                "braze.campaigns.agent_reply = \"x\"; TANDEM_BRAZE__API_KEY; /webhooks/braze/currents",
                "accounts.support-eu.campaigns.agent_reply = \"x\"; TANDEM_ACCOUNTS__SUPPORT_EU__API_KEY; \
                 /webhooks/support-eu/currents",
            ),
        ] {
            assert_eq!(worded(words, vendor, account), expected);
            let own = vendor.name().parse().unwrap();
            assert_eq!(worded(words, vendor, own), words, "the vendor's own account is told as ever");
        }
    }
}
