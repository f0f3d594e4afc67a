//! Takes over the parts of a configuration that can change while the bridge runs: secrets, mappings, and the receiver
//! of alarms.
//!
//! A faulty configuration changes nothing. A key of a good one that cannot change now is named in the log and keeps
//! its value until a restart. Webhooks and calls under way keep the values that they began with, and no webhook is
//! turned away meanwhile.

use std::sync::Arc;

use secrecy::ExposeSecret;
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use super::options::{alarm_options, intake_options, zendesk_auth};
use super::{mappings, settings};
use crate::config::{Braze, Campaigns, Config, Faults, Oidc, Operator, Zendesk};
use crate::domain::access::Roster;
use crate::http::{SettingsGroup, ShownMappings};
use crate::intake::IntakeOptions;
use crate::mapping::{self, Mappings};
use crate::telemetry::Metrics;
use crate::worker::{AlarmOptions, Worker};

/// The parts of a running bridge that follow the configuration.
pub(super) struct Live {
    /// The configuration at the start, for the keys that cannot change.
    pub(super) started_with: Config,
    pub(super) intake: watch::Sender<Arc<IntakeOptions>>,
    pub(super) roster: watch::Sender<Arc<Roster>>,
    pub(super) alarm: watch::Sender<Option<AlarmOptions>>,
    pub(super) worker: Arc<Worker>,
    pub(super) metrics: Arc<Metrics>,
    /// The settings that the console shows.
    pub(super) shown: watch::Sender<Vec<SettingsGroup>>,
    pub(super) shown_mappings: watch::Sender<ShownMappings>,
}

impl Live {
    /// Takes over every configuration that is read, for ever.
    pub(super) async fn follow(&self, mut read: mpsc::Receiver<Result<Config, Faults>>) {
        while let Some(read) = read.recv().await {
            self.reload(read);
        }
        std::future::pending::<()>().await;
    }

    /// Takes over a configuration, or logs the faults that prevent it.
    fn reload(&self, read: Result<Config, Faults>) {
        let loaded = read.map_err(|Faults(faults)| faults.iter().map(ToString::to_string).collect());
        let loaded = loaded.and_then(|config| match mappings::load(&config) {
            Ok(mappings) => Ok((config, mappings)),
            Err(mapping::Faults(faults)) => Err(faults.iter().map(ToString::to_string).collect::<Vec<_>>()),
        });
        let is_good = loaded.is_ok();
        match loaded {
            Ok((config, mappings)) => {
                self.put_in_force(&config, mappings);
                self.apply(&config);
            }
            Err(faults) => {
                for fault in &faults {
                    error!("config.fault: {fault}");
                }
                error!("config.refused: the new configuration is faulty; the one before stays in force");
            }
        }
        self.metrics.reloaded(is_good);
    }

    /// Puts the mappings in force, and logs the files that differ from those before.
    fn put_in_force(&self, new: &Config, mappings: Mappings) {
        let shown = mappings::shown(new, &mappings);
        let changed = mappings::changed(&self.shown_mappings.borrow().files, &shown.files).join(", ");
        self.worker.mappings.replace(mappings);
        self.shown_mappings.send_replace(shown);
        if !changed.is_empty() {
            info!(
                files = changed,
                "mappings.reloaded: in force from now on: {changed}; a ticket whose opening was begun is opened as it was \
                 begun"
            );
        }
    }

    fn apply(&self, new: &Config) {
        // The requester is looked for by this field as well: both follow it together, at a restart.
        let user_field = self.started_with.zendesk.user_field.clone();
        self.intake.send_replace(Arc::new(IntakeOptions { user_field, ..intake_options(new) }));
        self.alarm.send_replace(alarm_options(new));
        self.worker.zendesk.set_auth(zendesk_auth(&new.zendesk.credentials));
        self.worker.braze.set_api_key(new.braze.api_key.clone());
        let mut waiting = waiting(&self.started_with, new);
        let mut in_force = in_force(&self.started_with, new);
        // The address decides whether a token is needed, and it stays.
        let roster = in_force.operator.roster();
        if roster.asks_for_token() || self.started_with.operator.listen.ip().is_loopback() {
            self.roster.send_replace(Arc::new(roster));
        } else {
            in_force.operator = self.started_with.operator.clone();
            waiting.push("operator_token");
        }
        self.shown.send_replace(settings::shown(&in_force));
        let language = &new.notes_language;
        info!(
            language,
            "config.reloaded: secrets, tokens, operators, credentials, mappings and the alarm receiver are the new ones; \
             notes to agents are written in {language}"
        );
        if !waiting.is_empty() {
            let keys = waiting.join(", ");
            warn!(keys, "config.waits: {keys} changed, and stay as they were until a restart");
        }
    }
}

/// The settings after a reload: reloadable keys from the new configuration, all others from the running one.
fn in_force(old: &Config, new: &Config) -> Config {
    Config {
        operator: Operator {
            listen: old.operator.listen,
            oidc: oidc_in_force(old.operator.oidc.as_ref(), new.operator.oidc.as_ref()),
            ..new.operator.clone()
        },
        zendesk: Zendesk {
            credentials: new.zendesk.credentials.clone(),
            webhook_secrets: new.zendesk.webhook_secrets.clone(),
            signature_tolerance: new.zendesk.signature_tolerance,
            ..old.zendesk.clone()
        },
        braze: Braze {
            api_key: new.braze.api_key.clone(),
            webhook_tokens: new.braze.webhook_tokens.clone(),
            ..old.braze.clone()
        },
        console_url: new.console_url.clone(),
        alarm: new.alarm.clone(),
        mappings: new.mappings.clone(),
        mapping_files: new.mapping_files.clone(),
        notes_language: new.notes_language.clone(),
        ..old.clone()
    }
}

/// The running provider with the new roles. Where the new configuration names another provider, or none, no group has
/// a role until the restart.
fn oidc_in_force(old: Option<&Oidc>, new: Option<&Oidc>) -> Option<Oidc> {
    let roles = new.filter(|_| !is_another(old, new)).map(|new| new.roles.clone()).unwrap_or_default();
    old.map(|old| Oidc { roles, ..old.clone() })
}

/// Whether another key than the roles differs.
fn is_another(old: Option<&Oidc>, new: Option<&Oidc>) -> bool {
    let (Some(old), Some(new)) = (old, new) else { return old.is_some() != new.is_some() };
    let Oidc { issuer, client_id, client_secret, redirect, name_claim, roles_claim, roles: _ } = old;
    *issuer != new.issuer
        || *client_id != new.client_id
        || client_secret.expose_secret() != new.client_secret.expose_secret()
        || *redirect != new.redirect
        || *name_claim != new.name_claim
        || *roles_claim != new.roles_claim
}

/// The keys that differ and cannot change now. Every key is named here, so that a new one does not compile unhandled.
fn waiting(old: &Config, new: &Config) -> Vec<&'static str> {
    let Config {
        listen,
        operator: Operator { listen: operator_listen, token: _, operators: _, oidc },
        public_url: _,
        console_url: _,
        mappings: _,
        mapping_files: _,
        notes_language: _,
        catch_up,
        reopen_days,
        trusted_proxies,
        store,
        zendesk,
        braze,
        alarm: _,
    } = old;
    let Zendesk {
        url: zendesk_url,
        credentials: _,
        webhook_secrets: _,
        signature_tolerance: _,
        requester_match,
        user_field,
    } = zendesk;
    let Braze {
        url: braze_url,
        api_key: _,
        webhook_tokens: _,
        on_unconfirmed,
        confirm_after,
        recipe_message,
        gsm7,
        subscription_group,
        campaigns: Campaigns { agent_reply, ticket_solved },
    } = braze;
    let campaigns = &new.braze.campaigns;
    let differs = [
        ("listen", *listen != new.listen),
        ("oidc", is_another(oidc.as_ref(), new.operator.oidc.as_ref())),
        ("operator_listen", *operator_listen != new.operator.listen),
        ("catch_up_minutes", *catch_up != new.catch_up),
        ("reopen_days", *reopen_days != new.reopen_days),
        ("trusted_proxies", *trusted_proxies != new.trusted_proxies),
        ("store.url", *store != new.store),
        ("zendesk.url", *zendesk_url != new.zendesk.url),
        ("zendesk.requester_match", *requester_match != new.zendesk.requester_match),
        ("zendesk.user_field", *user_field != new.zendesk.user_field),
        ("braze.url", *braze_url != new.braze.url),
        ("braze.on_unconfirmed", *on_unconfirmed != new.braze.on_unconfirmed),
        ("braze.confirm_after_seconds", *confirm_after != new.braze.confirm_after),
        ("braze.recipe_message", *recipe_message != new.braze.recipe_message),
        ("braze.gsm7", *gsm7 != new.braze.gsm7),
        ("braze.subscription_group", *subscription_group != new.braze.subscription_group),
        ("braze.campaigns.agent_reply", *agent_reply != campaigns.agent_reply),
        ("braze.campaigns.ticket_solved", *ticket_solved != campaigns.ticket_solved),
    ];
    differs.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::{GroupRoles, Role};

    #[test]
    fn roles_for_another_provider_are_given_to_nobody_before_the_restart() {
        let oidc = |issuer: &str, group: &str| Oidc {
            issuer: issuer.to_owned(),
            client_id: "tandem".to_owned(),
            client_secret: "a secret".into(),
            redirect: "https://tandem.example/console/sign-in/callback".parse().unwrap(),
            name_claim: "email".to_owned(),
            roles_claim: "groups".to_owned(),
            roles: GroupRoles([(Role::Admin, vec![group.to_owned()])].into()),
        };
        let old = oidc("https://one.example", "sre");
        for (new, has_role) in [
            (Some(oidc("https://one.example", "leads")), true),
            (Some(oidc("https://two.example", "leads")), false),
            (None, false),
        ] {
            let in_force = oidc_in_force(Some(&old), new.as_ref()).unwrap();
            let roles = ["leads", "sre"].map(|group| in_force.roles.role_of(&[group.to_owned()]));
            assert_eq!(roles, [has_role.then_some(Role::Admin), None]);
            assert_eq!(in_force.issuer, old.issuer);
        }
    }
}
