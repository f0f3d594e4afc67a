//! The options of each module, taken from the configuration. It builds none of the modules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Config, Credentials};
use crate::domain::account::{AccountId, End};
use crate::domain::alarm;
use crate::domain::retry::RetryPolicy;
use crate::intake::CurrentsOptions;
use crate::intake::IntakeOptions;
use crate::vendors::zendesk::Auth;
use crate::worker::{AlarmOptions, WorkerOptions};

pub(super) fn intake_options(config: &Config) -> IntakeOptions {
    let campaigns = &config.braze.campaigns;
    IntakeOptions {
        zendesk_secrets: config.zendesk.webhook_secrets.clone(),
        zendesk_tolerance: config.zendesk.signature_tolerance_seconds,
        braze_tokens: config.braze.webhook_tokens.clone(),
        user_field: config.zendesk.user_field.clone(),
        currents: CurrentsOptions {
            tokens: config.braze.currents_tokens.clone(),
            campaigns: std::iter::once(&campaigns.agent_reply).chain(&campaigns.ticket_solved).cloned().collect(),
            line: config.braze.subscription_group.clone(),
        },
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
        user_field: desk.user_field.clone(),
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
