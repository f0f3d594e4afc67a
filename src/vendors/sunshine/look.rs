//! The look at an installation: the reads, one after the other. Never judges what it sees, and changes nothing; the checkup
//! judges.

use super::checkup as judge;
use super::client::Sunshine;
use super::integrations::{Integration, Notifying};
use super::keys::{FirstContactBy, Sunshine as Keys, wanted};
use super::setup;
use crate::domain::account::AccountId;
use crate::domain::account_table::AccountTable;
use crate::domain::line::{Channel, Line, Lines};
use crate::ports::Failure;
use crate::vendors::checkup::Line as Finding;
use crate::vendors::folder::Installation;

/// Looks at the lines of an account whose key is good, at its webhook and at the switchboard.
pub(super) async fn at_installation(client: &Sunshine, keys: &Keys, place: &Installation<'_>) -> Vec<Finding> {
    let listed = match client.integrations().await {
        Ok(listed) => listed,
        Err(failure) => return vec![judge::unread(place.table, "integrations", &failure)],
    };
    let mut found = at_lines(client, &listed, place).await;
    let Some(endpoint) = &place.endpoint else {
        found.push(judge::no_public_url());
        return found;
    };
    let webhooks = match client.webhooks(&listed).await {
        Ok(webhooks) => webhooks,
        Err(failure) => {
            found.push(judge::unread(place.table, "webhook", &failure));
            return found;
        }
    };
    if keys.first_contact == FirstContactBy::Notification {
        found.extend(at_notifications(client, keys, (place.table, endpoint.as_str())).await);
    }
    let (finding, webhook) = judge::webhook(place.table, &webhooks, endpoint);
    found.push(finding);
    let Some(webhook) = webhook else { return found };
    found.push(judge::secret(place.table, "webhook secret", &webhook.secret, &keys.webhook_secrets));
    found.push(match client.switchboard().await {
        Ok(board) => judge::switchboard(place.table, board.as_ref(), webhook),
        Err(failure) => judge::unread(place.table, "switchboard", &failure),
    });
    found
}

async fn at_notifications(client: &Sunshine, keys: &Keys, (table, endpoint): (AccountTable, &str)) -> Vec<Finding> {
    let webhooks = match client.notifying().await {
        Ok(webhooks) => webhooks,
        Err(failure) => return vec![judge::unread(table, "notifications", &failure)],
    };
    let (finding, webhook) = judge::notifications(table, &webhooks, endpoint);
    let secret = |webhook: &Notifying| {
        judge::secret(table, "notification webhook secret", &webhook.secret, &keys.webhook_secrets)
    };
    std::iter::once(finding).chain(webhook.map(secret)).collect()
}

async fn at_lines(client: &Sunshine, listed: &[Integration], place: &Installation<'_>) -> Vec<Finding> {
    let account = place.table.0;
    let mut found = Vec::new();
    let at_address = place.lines.of_carrier(account).filter_map(|line| Some((line, line.address.as_deref()?)));
    let lines: Vec<(&Line, &str)> = at_address.collect();
    found.extend(lines.iter().map(|(line, address)| judge::channel(line, address, listed)));
    match client.answered(listed, account, place.lines).await {
        Ok(channels) => {
            found.extend(channels.iter().map(|(line, channel)| judge::responder(place.table, line, channel)));
        }
        Err(failure) => found.push(judge::unread(place.table, "responders", &failure)),
    }
    for (line, address) in lines {
        let is_there = listed.iter().any(|other| line.is_at(&other.id));
        let Some(form) = line.forms.template.as_deref().filter(|_| is_there) else { continue };
        found.push(match client.template_fault(address, &wanted(form)).await {
            Ok(fault) => judge::template(line, form, fault),
            Err(failure) => judge::unread(place.table, &format!("template of line {}", line.name), &failure),
        });
    }
    found
}

impl Sunshine {
    /// The channels whose texts reach the bridge, each with its first responder and the name of the line that takes its texts.
    pub(super) async fn answered(
        &self,
        listed: &[Integration],
        account: AccountId,
        lines: &Lines,
    ) -> Result<Vec<(String, Integration)>, Failure> {
        let addresses: Vec<&str> = lines.of_carrier(account).filter_map(|line| line.address.as_deref()).collect();
        let mut found = Vec::new();
        for channel in setup::bridged(listed, &addresses) {
            let line = lines.of(account, Some(&channel.id), Channel::Sms);
            let name = line.map_or_else(|| Line::default_name(account).to_owned(), |line| line.name.clone());
            found.push((name, self.integration(&channel.id).await?));
        }
        Ok(found)
    }
}
