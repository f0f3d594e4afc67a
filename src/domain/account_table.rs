//! The words by which an operator finds an account: its table, its keys and variables, the path of its webhooks, and the
//! command that sets it up. It never reads a configuration, and knows no vendor's keys.

use crate::domain::account::AccountId;

/// The name of the table above the accounts that have no table of their own.
pub const ACCOUNTS: &str = "accounts";

/// The beginning of every variable of the configuration.
pub const VARIABLE_PREFIX: &str = "TANDEM_";

/// The table of an account in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountTable(pub AccountId);

impl AccountTable {
    /// Its name, such as `accounts.support-eu`.
    #[must_use]
    pub fn name(self) -> String {
        let account = self.0.name();
        if self.0.is_first() { account.to_owned() } else { format!("{ACCOUNTS}.{account}") }
    }

    /// The full name of one of its keys.
    #[must_use]
    pub fn key(self, key: &str) -> String {
        format!("{}.{key}", self.name())
    }

    /// The variable of one of its keys.
    #[must_use]
    pub fn variable(self, key: &str) -> String {
        let key = self.key(key).replace('-', "_").replace('.', "__");
        format!("{VARIABLE_PREFIX}{key}").to_ascii_uppercase()
    }

    /// The path of the account's webhooks on `listen`.
    #[must_use]
    pub fn webhooks(self) -> String {
        format!("/webhooks/{}", self.0)
    }

    /// The command that sets the account up.
    #[must_use]
    pub fn setup(self) -> String {
        format!("tandem setup {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;

    #[test]
    fn an_account_is_found_by_its_own_names() {
        let further: AccountId = "support-eu".parse().unwrap();
        for (account, names) in [
            (
                Ends::FIRST.desk,
                [
                    "zendesk",
                    "zendesk.user_field",
                    "TANDEM_ZENDESK__USER_FIELD",
                    "/webhooks/zendesk",
                    "tandem setup zendesk",
                ],
            ),
            (
                further,
                [
                    "accounts.support-eu",
                    "accounts.support-eu.user_field",
                    "TANDEM_ACCOUNTS__SUPPORT_EU__USER_FIELD",
                    "/webhooks/support-eu",
                    "tandem setup support-eu",
                ],
            ),
        ] {
            let table = AccountTable(account);
            let found =
                [table.name(), table.key("user_field"), table.variable("user_field"), table.webhooks(), table.setup()];
            assert_eq!(found, names);
        }
    }
}
