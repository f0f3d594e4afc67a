//! Zendesk's folder, as the registry knows it, and the look at an installation. Never judges what it sees; the checkup does.

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::json;
use url::Url;

use super::Zendesk;
use super::admin::{CHECK_SCOPE, TicketRecord};
use super::checkup as judge;
use super::client::ZendeskOptions;
use super::keys::{Credentials, Zendesk as Keys};
use super::source::{CHECK_EVENT, Webhooks};
use crate::clock::Clock;
use crate::domain::account::AccountId;
use crate::domain::account_table::AccountTable;
use crate::domain::line::Line;
use crate::intake::Source;
use crate::ports::DeskTerms;
use crate::vendors::checkup::{self, Line as Finding, Sender, State};
use crate::vendors::folder::{Around, DeskFolder, Folder, Installation, SettingUp};
use crate::vendors::http::Reach;
use crate::vendors::setup::is_among;

impl Folder for Zendesk {
    const TITLE: &'static str = "Zendesk";
    const SENDER: Sender = judge::SENDER;
    const ONE_PROOF: &'static str = "Give each account the signing secret of its own webhook";
    const DOMAINS: &'static [&'static str] = &["zendesk.com"];
    const OWN_ADDRESS: &'static str = "Set it to the address of the Zendesk account, such as https://acme.zendesk.com";
    const SETTING_UP: SettingUp = SettingUp::Triggers;
    type Keys = Keys;

    fn url(keys: &Keys) -> &Url {
        &keys.url
    }

    fn proofs(keys: &Keys) -> Vec<(&'static str, &SecretString)> {
        keys.webhook_secrets.iter().map(|secret| ("webhook_secrets", secret)).collect()
    }

    /// One account has one address.
    fn api_key(_keys: &Keys) -> Option<(&SecretString, &'static str)> {
        None
    }

    fn source(keys: &Keys, _account: AccountId, _around: &Around<'_>) -> Arc<dyn Source> {
        Arc::new(Webhooks::new(keys.webhook_secrets.clone(), keys.signature_tolerance_seconds))
    }

    fn open(keys: &Keys, reach: Reach) -> Self {
        let options = ZendeskOptions { url: keys.url.clone(), auth: (&keys.credentials).into() };
        Self::new(options, reach).with_customer_field(&keys.user_field)
    }

    fn renew(&self, keys: &Keys) {
        self.set_auth((&keys.credentials).into());
    }

    async fn look(keys: &Keys, reach: Reach, place: &Installation<'_>) -> Vec<Finding> {
        let (table, clock) = (place.table, reach.clock.clone());
        let client = Self::open(keys, reach).with_scope(CHECK_SCOPE);
        let look = Look { table, client, keys, endpoint: place.endpoint.as_deref(), clock };
        look.look(place.lines.iter().filter(|line| line.ends.desk == table.0)).await
    }
}

impl DeskFolder for Zendesk {
    fn terms(keys: &Keys) -> DeskTerms {
        DeskTerms { requester_match: keys.requester_match.clone() }
    }

    fn customer_field(keys: &Keys) -> &str {
        &keys.user_field
    }
}

/// An account to look at.
struct Look<'a> {
    table: AccountTable,
    client: Zendesk,
    keys: &'a Keys,
    /// The address of its webhook, where `public_url` is configured.
    endpoint: Option<&'a str>,
    clock: Clock,
}

impl Look<'_> {
    /// Checks the account, and the records that these lines name.
    async fn look(&self, lines: impl Iterator<Item = &Line>) -> Vec<Finding> {
        let by = match &self.keys.credentials {
            Credentials::OAuth { client_id, .. } => format!("the OAuth client {client_id:?}"),
            Credentials::ApiToken { .. } => "the API token".to_owned(),
        };
        let me = self.client.me().await;
        let now = self.clock.now();
        let mut found = vec![judge::credentials(self.table, &me, &by)];
        let (Ok(me), [Finding { state: State::Good, .. }]) = (me, found.as_slice()) else {
            let rest = ["scopes", "clock", "user field", "webhook", "signing secret", "triggers", "reachability"];
            found.extend(rest.map(|what| Finding::not_looked_at("Zendesk", what, "the credentials are not good")));
            return found;
        };
        found.push(judge::scopes(&self.client.scopes_missing().await));
        found.push(checkup::clock("Zendesk", now, me.answered_at, self.keys.signature_tolerance_seconds));
        found.push(judge::user_field(self.table, &self.client.user_fields().await, &self.keys.user_field));
        match self.endpoint {
            Some(endpoint) => self.look_at_installation(endpoint, &mut found).await,
            None => found.push(judge::no_public_url()),
        }
        for line in lines {
            let records = [
                (TicketRecord::Brand, line.tickets.brand_id),
                (TicketRecord::Group, line.tickets.group_id),
                (TicketRecord::Form, line.tickets.ticket_form_id),
            ];
            for (record, id) in records {
                let Some(id) = id else { continue };
                let answer = self.client.ticket_record(record, id).await;
                found.push(judge::ticket_record(&line.name, record, id, &answer));
            }
        }
        found
    }

    /// Checks the webhook, the triggers, and whether the webhook reaches the bridge.
    async fn look_at_installation(&self, endpoint: &str, found: &mut Vec<Finding>) {
        let client = &self.client;
        let webhooks = client.webhooks().await;
        let (line, webhook) = judge::webhook(self.table, &webhooks, endpoint);
        found.push(line);
        let mut secret_is_known = false;
        if let Some(webhook) = webhook {
            let known = &self.keys.webhook_secrets;
            let secret = client.signing_secret(&webhook.id).await;
            let secret = secret.map(|secret| is_among(&secret, known));
            secret_is_known = secret == Ok(true);
            found.push(judge::signing_secret(self.table, &secret));
        } else {
            found.push(Finding::not_looked_at("Zendesk", "signing secret", "there is no webhook"));
        }
        let triggers = match (client.triggers().await, client.trigger_categories().await) {
            (Ok(triggers), Ok(categories)) => Ok((triggers, categories)),
            (Err(failure), _) | (_, Err(failure)) => Err(failure),
        };
        found.extend(judge::triggers(self.table, &triggers, webhook));
        found.push(match webhook {
            Some(webhook) if webhook.endpoint == endpoint => {
                let test = client.test_webhook(webhook, &json!({ "event": CHECK_EVENT })).await;
                judge::reach(&test, endpoint, secret_is_known)
            }
            _ => Finding::not_looked_at("Zendesk", "reachability", "no webhook posts there"),
        });
    }
}
