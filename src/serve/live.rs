//! Takes over the parts of a configuration that can change while the bridge runs: secrets, mappings, and the receiver
//! of alarms.
//!
//! A faulty configuration changes nothing. A key of a good one that cannot change now is named in the log and keeps
//! its value until a restart. Webhooks and calls under way keep the values that they began with, and no webhook is
//! turned away meanwhile.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use super::accounts::Shared;
use super::options::{alarm_options, senders};
use super::{mappings, settings};
use crate::config::{Config, Faults, Roles};
use crate::domain::access::Roster;
use crate::http::{SettingsGroup, ShownMappings};
use crate::intake::Senders;
use crate::mapping::{self, Mappings};
use crate::telemetry::Metrics;
use crate::worker::AlarmOptions;

/// The parts of a running bridge that follow the configuration.
pub(super) struct Live {
    /// The configuration at the start, for the keys that cannot change.
    pub(super) started_with: Config,
    pub(super) intake: watch::Sender<Arc<Senders>>,
    pub(super) roster: watch::Sender<Arc<Roster>>,
    pub(super) alarm: watch::Sender<Option<AlarmOptions>>,
    pub(super) shared: Shared,
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
        self.shared.mappings.replace(mappings);
        self.shown_mappings.send_replace(shown);
        if !changed.is_empty() {
            info!(
                files = changed,
                "mappings.reloaded: in force from now on: {changed}; a ticket whose opening was begun is opened as it was \
                 begun"
            );
        }
    }

    /// Hands each part its options out of the settings that are in force now.
    fn apply(&self, new: &Config) {
        let (mut in_force, mut waiting) = in_force(&self.started_with, new);
        self.intake.send_replace(Arc::new(senders(&in_force, &self.shared.lines)));
        self.alarm.send_replace(alarm_options(&in_force));
        self.shared.clients.renew(&in_force);
        // The address decides whether a token is needed, and it stays.
        let roster = in_force.roster();
        if roster.asks_for_token() || self.started_with.operator_listen.ip().is_loopback() {
            self.roster.send_replace(Arc::new(roster));
        } else {
            in_force.operator_token.clone_from(&self.started_with.operator_token);
            in_force.operators.clone_from(&self.started_with.operators);
            in_force.oidc.clone_from(&self.started_with.oidc);
            waiting.push("operator_token".to_owned());
        }
        self.shown.send_replace(settings::shown(&in_force));
        let language = &in_force.notes.language;
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

/// The settings after a reload, and the keys that differ and wait for a restart. Where the new configuration names another
/// identity provider than the running one, or none, no group has a role until the restart.
fn in_force(old: &Config, new: &Config) -> (Config, Vec<String>) {
    let (mut in_force, mut waiting) = old.reloaded(new);
    let redirect = |config: &Config| config.provider().map(|provider| provider.redirect);
    let is_moved = redirect(old).is_some() && redirect(old) != redirect(new);
    if is_moved || waiting.iter().any(|key| key.starts_with("oidc.")) {
        in_force.oidc.roles = Roles::none();
    }
    if is_moved && new.provider().is_some() {
        waiting.push("console_url".to_owned());
    }
    (in_force, waiting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Oidc};
    use crate::domain::access::Role;

    const TEXT: &str = r#"
        console_url = "https://tandem.example"
        [zendesk]
        url = "https://acme.zendesk.com"
        client_id = "tandem"
        client_secret = "a-client-secret"
        webhook_secrets = ["a-webhook-secret"]
        [braze]
        url = "https://rest.iad-01.braze.com"
        api_key = "an-api-key"
        webhook_tokens = ["a-long-webhook-token"]
        [braze.campaigns]
        agent_reply = "00000000-0000-4000-8000-000000000001"
    "#;

    fn read(text: &str) -> Config {
        config::parse(Some(text), [], std::path::Path::new("")).unwrap().0
    }

    /// A configuration with one change.
    fn with(change: impl FnOnce(&mut Config)) -> Config {
        let mut config = read(TEXT);
        change(&mut config);
        config
    }

    fn oidc(issuer: &str, group: &str) -> Oidc {
        Oidc {
            issuer: Some(issuer.to_owned()),
            client_id: Some("tandem".to_owned()),
            client_secret: Some("a secret".into()),
            name_claim: "email".to_owned(),
            roles_claim: "groups".to_owned(),
            roles: Roles { admin: Some(vec![group.to_owned()]), ..Roles::none() },
        }
    }

    #[test]
    fn roles_for_another_provider_are_given_to_no_group_before_the_restart() {
        let old = with(|config| config.oidc = oidc("https://one.example", "sre"));
        let role = |config: &Config, group: &str| config.roster().role_of(&[group.to_owned()]);
        for (new, has_role, waiting) in [
            (with(|config| config.oidc = oidc("https://one.example", "leads")), true, &[][..]),
            (with(|config| config.oidc = oidc("https://two.example", "leads")), false, &["oidc.issuer"]),
            (
                with(|config| {
                    config.oidc = oidc("https://one.example", "leads");
                    config.console_url = "https://elsewhere.example".parse().ok();
                }),
                false,
                &["console_url"],
            ),
        ] {
            let (in_force, waits) = in_force(&old, &new);
            assert_eq!(waits, waiting);
            assert_eq!(["leads", "sre"].map(|group| role(&in_force, group)), [has_role.then_some(Role::Admin), None]);
            assert_eq!(in_force.oidc.issuer, old.oidc.issuer);
        }
        let (in_force, _) = in_force(&old, &with(|_| {}));
        assert_eq!((role(&in_force, "sre"), in_force.provider().is_some()), (None, true), "no provider any longer");
    }

    #[test]
    fn a_reload_takes_the_keys_that_say_so_and_names_the_others() {
        let old = read(TEXT);
        let variables = [
            ("TANDEM_LISTEN", "0.0.0.0:1"),
            ("TANDEM_PUBLIC_URL", "https://elsewhere.example"),
            ("TANDEM_NOTES__LANGUAGE", "fr"),
            ("TANDEM_BRAZE__API_KEY", "another-api-key"),
            ("TANDEM_BRAZE__CAMPAIGNS__TICKET_SOLVED", "00000000-0000-4000-8000-000000000002"),
            ("TANDEM_ZENDESK__WEBHOOK_SECRETS", "one, two"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (new, _) = config::parse(Some(TEXT), variables, std::path::Path::new("")).unwrap();
        let (in_force, waiting) = in_force(&old, &new);
        assert_eq!(waiting, ["listen", "public_url", "braze.campaigns.ticket_solved"]);
        let (config::VendorKeys::Zendesk(zendesk), config::VendorKeys::Braze(braze)) =
            (&in_force.accounts[0].keys, &in_force.accounts[1].keys)
        else {
            panic!("the first accounts")
        };
        assert_eq!((in_force.listen, &braze.campaigns.ticket_solved), (old.listen, &None));
        assert_eq!((in_force.notes.language.as_str(), zendesk.webhook_secrets.len()), ("fr", 2));
        assert_eq!(secrecy::ExposeSecret::expose_secret(&braze.api_key), "another-api-key");
    }
}
