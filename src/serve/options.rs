//! The options of each module, taken from the configuration. It builds none of the modules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Config, Credentials};
use crate::domain::account::{AccountId, End};
use crate::domain::alarm;
use crate::domain::line::Lines;
use crate::domain::retry::RetryPolicy;
use crate::intake::{CurrentsOptions, IntakeOptions, Senders};
use crate::vendors::zendesk::Auth;
use crate::worker::{AlarmOptions, WorkerOptions};

/// The accounts that post webhooks, between these lines.
pub(super) fn senders(config: &Config, lines: &Arc<Lines>) -> Senders {
    let desk = |(account, keys): (AccountId, &config::Zendesk)| {
        let options = IntakeOptions {
            zendesk_secrets: keys.webhook_secrets.clone(),
            zendesk_tolerance: keys.signature_tolerance_seconds,
            user_field: keys.user_field.clone(),
            ..IntakeOptions::default()
        };
        (account, (End::Desk, options))
    };
    let carrier = |(account, keys): (AccountId, &config::Braze)| {
        let options = IntakeOptions {
            braze_tokens: keys.webhook_tokens.clone(),
            user_field: user_field(config, lines, account),
            currents: currents_options(account, keys, lines),
            ..IntakeOptions::default()
        };
        (account, (End::Carrier, options))
    };
    let accounts = config.zendesk_accounts().map(desk).chain(config.braze_accounts().map(carrier));
    Senders { accounts: accounts.collect(), lines: Arc::clone(lines) }
}

/// The user field of the desk that answers the carrier's default line: the recipe's campaigns name it.
fn user_field(config: &Config, lines: &Lines, carrier: AccountId) -> String {
    let desk = lines.default_of(carrier).map(|line| line.ends.desk);
    let keys = config.zendesk_accounts().find(|(account, _)| Some(*account) == desk);
    keys.map(|(_, keys)| keys.user_field.clone()).unwrap_or_default()
}

fn currents_options(carrier: AccountId, keys: &config::Braze, lines: &Lines) -> CurrentsOptions {
    let forms = lines.of_carrier(carrier).map(|line| &line.forms);
    let campaigns = forms.flat_map(|forms| {
        std::iter::once(&forms.agent_reply).chain(&forms.ticket_solved).chain(&forms.template).cloned()
    });
    let addresses = lines.of_carrier(carrier).filter_map(|line| line.address.clone());
    CurrentsOptions {
        tokens: keys.currents_tokens.clone(),
        campaigns: campaigns.collect(),
        lines: addresses.chain(keys.subscription_group.clone()).collect(),
        names_all: keys.subscription_group.is_some(),
    }
}

pub(super) fn zendesk_auth(credentials: &Credentials) -> Auth {
    match credentials {
        Credentials::OAuth { client_id, client_secret } => {
            Auth::OAuth { client_id: client_id.clone(), client_secret: client_secret.clone() }
        }
        Credentials::ApiToken { email, api_token } => Auth::ApiToken { email: email.clone(), token: api_token.clone() },
    }
}

pub(super) fn alarm_options(config: &Config) -> Option<AlarmOptions> {
    let url = config.alarm.url.clone()?;
    let console = config.console_url.as_ref().map(|url| alarm::Console::at(url.as_str()));
    Some(AlarmOptions { url, token: config.alarm.token.clone(), console })
}

/// The accounts, each with its end.
pub(super) fn accounts(config: &Config) -> Arc<BTreeMap<AccountId, End>> {
    let desks = config.zendesk_accounts().map(|(account, _)| (account, End::Desk));
    let carriers = config.braze_accounts().map(|(account, _)| (account, End::Carrier));
    Arc::new(desks.chain(carriers).collect())
}

/// The carriers for which typographic characters are replaced.
pub(super) fn gsm7(config: &Config) -> Arc<BTreeSet<AccountId>> {
    let carriers = config.braze_accounts().filter(|(_, keys)| keys.gsm7);
    Arc::new(carriers.map(|(account, _)| account).collect())
}

/// The options of the worker between a desk and a carrier.
pub(super) fn worker_options(config: &Config, desk: &config::Zendesk, carrier: &config::Braze) -> WorkerOptions {
    WorkerOptions {
        requester_match: desk.requester_match.clone(),
        reopen: Duration::from_secs(u64::from(config.reopen_days) * 86_400),
        on_unconfirmed: carrier.on_unconfirmed,
        recipe_message: carrier.recipe_message,
        gsm7: carrier.gsm7,
        subscription_group: carrier.subscription_group.clone(),
        retry: RetryPolicy { confirm_after: carrier.confirm_after_seconds.clone(), ..RetryPolicy::default() },
        catch_up: config.catch_up_minutes,
        public_url: config.public_url.clone(),
        currents_backfill: carrier.currents_backfill,
    }
}
