//! The responders of the app's channels, as the running bridge asks for them. Never changes one.

use async_trait::async_trait;

use crate::domain::account::AccountId;
use crate::domain::account_table::AccountTable;
use crate::domain::line::Lines;
use crate::ports::{Failure, Responders};
use crate::vendors::sunshine::client::Sunshine;
use crate::vendors::sunshine::setup;

/// Zendesk's own messaging opens a ticket for each talk that it answers.
#[async_trait]
impl Responders for Sunshine {
    async fn second_ticket(&self, account: AccountId, lines: &Lines) -> Result<Option<String>, Failure> {
        let listed = self.integrations().await?;
        let channels = self.answered(&listed, account, lines).await?;
        Ok(channels.iter().find_map(|(line, channel)| {
            let fault = setup::second_ticket(channel)?;
            let remedy = setup::remedy(AccountTable(account));
            Some(format!("the channel of line {line} {fault}. {remedy}"))
        }))
    }
}
