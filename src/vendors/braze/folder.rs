//! Braze's folder, as the registry knows it, and the look at an installation. Never judges what it sees; the checkup does.

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::Braze;
use super::checkup::{self as judge, Use};
use super::client::BrazeOptions;
use super::currents::Currents;
use super::keys::{Braze as Keys, Campaigns};
use super::lines;
use super::source::Webhooks;
use crate::clock::Clock;
use crate::domain::account::AccountId;
use crate::domain::account_table::AccountTable;
use crate::domain::line::{By, Channel, Forms, Lines};
use crate::domain::outgoing::Recipient;
use crate::intake::Source;
use crate::keys::book::Book;
use crate::ports::{Carrier as _, CarrierTerms};
use crate::vendors::checkup::{self, Line as Finding, Sender, State};
use crate::vendors::folder::{Around, Carried, CarrierFolder, Folder, Installation, LineTerms, SettingUp};
use crate::vendors::http::Reach;

/// A customer id that no customer has.
const NOBODY: &str = "tandem-check-nobody";

impl Folder for Braze {
    const TITLE: &'static str = "Braze";
    const SENDER: Sender = judge::SENDER;
    const ONE_PROOF: &'static str = "Draw a long random token for each account: openssl rand -base64 32";
    const DOMAINS: &'static [&'static str] = &["braze.com", "braze.eu"];
    const OWN_ADDRESS: &'static str = "Set it to the REST endpoint that Braze shows under APIs and Identifiers";
    const SETTING_UP: SettingUp = SettingUp::Sheet;
    type Keys = Keys;

    fn url(keys: &Keys) -> &Url {
        &keys.url
    }

    fn proofs(keys: &Keys) -> Vec<(&'static str, &SecretString)> {
        let tokens = keys.webhook_tokens.iter().map(|token| ("webhook_tokens", token));
        tokens.chain(keys.currents_tokens.iter().map(|token| ("currents_tokens", token))).collect()
    }

    fn api_key(keys: &Keys) -> Option<(&SecretString, &'static str)> {
        Some((&keys.api_key, "a key is known in its own cluster only, so that Braze refuses one of the two"))
    }

    fn source(keys: &Keys, carrier: AccountId, around: &Around<'_>) -> Arc<dyn Source> {
        Arc::new(Webhooks {
            carrier,
            tokens: keys.webhook_tokens.clone(),
            user_field: around.customer_field.clone(),
            currents: currents(keys, carrier, around.lines),
        })
    }

    fn open(keys: &Keys, reach: Reach) -> Self {
        let options = BrazeOptions { url: keys.url.clone(), api_key: keys.api_key.clone() };
        Self::new(options, reach)
    }

    fn renew(&self, keys: &Keys) {
        self.api_key.renew(keys.api_key.clone());
    }

    async fn look(keys: &Keys, reach: Reach, place: &Installation<'_>) -> Vec<Finding> {
        let clock = reach.clock.clone();
        Look { table: place.table, client: Self::open(keys, reach), keys, clock }.look(place.lines).await
    }
}

impl CarrierFolder for Braze {
    const LINES: LineTerms = lines::TERMS;
    const KNOWS_BY: By = By::Id;

    fn terms(keys: &Keys) -> CarrierTerms {
        CarrierTerms {
            on_unconfirmed: keys.on_unconfirmed,
            confirm_after: keys.confirm_after_seconds.clone(),
            recipe_message: keys.recipe_message,
            gsm7: keys.gsm7,
            asks_on: keys.subscription_group.clone(),
            backfill: keys.currents_backfill,
        }
    }

    fn forms(keys: &Keys) -> Forms {
        let Campaigns { agent_reply, ticket_solved } = keys.campaigns.clone();
        Forms { agent_reply, ticket_solved, template: None }
    }

    fn check_lines(carried: &Carried, book: &mut Book<'_>) {
        lines::check(carried, book);
    }
}

/// The account's connector of Currents.
fn currents(keys: &Keys, carrier: AccountId, lines: &Lines) -> Currents {
    let forms = lines.of_carrier(carrier).map(|line| &line.forms);
    let campaigns = forms.flat_map(|forms| {
        std::iter::once(&forms.agent_reply).chain(&forms.ticket_solved).chain(&forms.template).cloned()
    });
    let addresses = lines.of_carrier(carrier).filter_map(|line| line.address.clone());
    Currents {
        tokens: keys.currents_tokens.clone(),
        campaigns: campaigns.collect(),
        lines: addresses.chain(keys.subscription_group.clone()).collect(),
        names_all: keys.subscription_group.is_some(),
    }
}

/// An account to look at.
struct Look<'a> {
    table: AccountTable,
    client: Braze,
    keys: &'a Keys,
    clock: Clock,
}

impl Look<'_> {
    /// Checks the account, and every campaign of its lines.
    async fn look(&self, lines: &Lines) -> Vec<Finding> {
        let Keys { url, campaigns, subscription_group, .. } = self.keys;
        let first = self.client.campaign(&campaigns.agent_reply).await;
        let now = self.clock.now();
        let mut found = vec![judge::key(self.table, &first, url.host_str().unwrap_or_default())];
        if found.iter().any(|line| line.state == State::Wrong) {
            let rest = ["clock", "campaign agent_reply", "campaign ticket_solved", "receipts"];
            found.extend(rest.map(|what| Finding::not_looked_at("Braze", what, "the key is not good here")));
            return found;
        }
        if let Ok(campaign) = &first {
            found.push(checkup::clock("Braze", now, campaign.answered_at, self.keys.signature_tolerance_seconds));
        }
        for (purpose, id) in campaigns_of(self.table, campaigns, lines) {
            let campaign = self.client.campaign(&id).await;
            found.push(judge::campaign(self.table, &purpose, &id, &campaign));
            let marked = campaign.as_ref().ok().filter(|_| !self.keys.currents_tokens.is_empty());
            found.extend(marked.map(|view| judge::mark(&purpose.name, view)));
        }
        found.push(judge::export(self.table, &self.client.may_export().await));
        if let Some(group) = subscription_group {
            let answer = self.client.takes_texts(group, Channel::Sms, &Recipient::External(NOBODY.to_owned())).await;
            found.push(judge::group(self.table, &answer));
        }
        found
    }
}

/// The campaigns of an account, and those of its lines that are not the account's, each once with its use.
fn campaigns_of(of: AccountTable, campaigns: &Campaigns, lines: &Lines) -> Vec<(Use, String)> {
    let of_account =
        [("agent_reply", Some(&campaigns.agent_reply)), ("ticket_solved", campaigns.ticket_solved.as_ref())];
    let mut found: Vec<(Use, String)> =
        of_account.into_iter().filter_map(|(name, id)| Some((Use::of_account(of, name), id?.clone()))).collect();
    for line in lines.of_carrier(of.0) {
        let forms = [
            ("agent_reply", Some(&line.forms.agent_reply)),
            ("ticket_solved", line.forms.ticket_solved.as_ref()),
            ("template", line.forms.template.as_ref()),
        ];
        for (name, id) in forms {
            let Some(id) = id.filter(|id| !found.iter().any(|(_, known)| known == *id)) else { continue };
            found.push((Use::of_line(name, &line.name, line.channel), id.clone()));
        }
    }
    found
}
