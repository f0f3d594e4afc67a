//! The configuration as the console shows it: every key with its value in words. It never shows a secret, only that
//! it is set.

use std::time::Duration;

use secrecy::SecretString;

use crate::config::{Config, Credentials, StoreUrl};
use crate::domain::access::{Account, Grant, Role};
use crate::domain::plan::UserMatch;
use crate::domain::retry::OnUnconfirmed;
use crate::domain::text::RecipeMessage;
use crate::http::{Setting, SettingsGroup};

/// All settings, in the order of the reference.
pub(super) fn shown(config: &Config) -> Vec<SettingsGroup> {
    vec![bridge(config), zendesk(config), braze(config), alarm(config), provider(config)]
}

fn bridge(config: &Config) -> SettingsGroup {
    let StoreUrl::Sled { directory } = &config.store;
    let catch_up = config.catch_up.map_or(0, |every| every.as_secs() / 60);
    let trusted_proxies: Vec<String> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    SettingsGroup {
        title: "Bridge",
        settings: vec![
            plain("listen", config.listen),
            plain("operator_listen", config.operator.listen),
            secret("operator_token", config.operator.token.as_slice()),
            plain("operators", operators(&config.operator.operators)),
            optional("public_url", config.public_url.as_ref()),
            optional("console_url", config.console_url.as_ref()),
            optional("mappings", config.mappings.as_ref().map(|directory| directory.display())),
            plain("catch_up_minutes", catch_up),
            plain("reopen_days", config.reopen_days),
            plain("trusted_proxies", trusted_proxies.join(", ")),
            plain("notes.language", &config.notes_language),
            plain("store.url", format_args!("sled:{}", directory.display())),
        ],
    }
}

/// The operators' names, with their roles and rights.
fn operators(accounts: &[Account]) -> String {
    let of = |account: &Account| {
        let Grant { role, rights } = &account.grant;
        let words = std::iter::once(role.name()).chain(rights.iter().map(|right| right.name()));
        format!("{} ({})", account.name, words.collect::<Vec<_>>().join(", "))
    };
    accounts.iter().map(of).collect::<Vec<_>>().join(", ")
}

fn zendesk(config: &Config) -> SettingsGroup {
    let zendesk = &config.zendesk;
    let (id, own, email, token) = match &zendesk.credentials {
        Credentials::OAuth { client_id, client_secret } => (Some(client_id), Some(client_secret), None, None),
        Credentials::ApiToken { email, api_token } => (None, None, Some(email), Some(api_token)),
    };
    let matches: Vec<&str> = zendesk.requester_match.iter().map(|by| match_word(*by)).collect();
    SettingsGroup {
        title: "Zendesk",
        settings: vec![
            plain("zendesk.url", &zendesk.url),
            optional("zendesk.client_id", id),
            secret("zendesk.client_secret", own),
            optional("zendesk.email", email),
            secret("zendesk.api_token", token),
            secret("zendesk.webhook_secrets", &zendesk.webhook_secrets),
            plain("zendesk.signature_tolerance_seconds", zendesk.signature_tolerance.as_secs()),
            plain("zendesk.requester_match", matches.join(", ")),
            plain("zendesk.user_field", &zendesk.user_field),
        ],
    }
}

fn braze(config: &Config) -> SettingsGroup {
    let braze = &config.braze;
    let seconds: Vec<String> = braze.confirm_after.iter().map(Duration::as_secs).map(|s| s.to_string()).collect();
    let on_unconfirmed = match braze.on_unconfirmed {
        OnUnconfirmed::Resend => "resend",
        OnUnconfirmed::Hold => "hold",
    };
    let recipe_message = match braze.recipe_message {
        RecipeMessage::ThirdLine => "third_line",
        RecipeMessage::Whole => "whole",
    };
    SettingsGroup {
        title: "Braze",
        settings: vec![
            plain("braze.url", &braze.url),
            secret("braze.api_key", [&braze.api_key]),
            secret("braze.webhook_tokens", &braze.webhook_tokens),
            plain("braze.on_unconfirmed", on_unconfirmed),
            plain("braze.confirm_after_seconds", seconds.join(", ")),
            plain("braze.recipe_message", recipe_message),
            plain("braze.gsm7", braze.gsm7),
            optional("braze.subscription_group", braze.subscription_group.as_ref()),
            plain("braze.campaigns.agent_reply", &braze.campaigns.agent_reply),
            optional("braze.campaigns.ticket_solved", braze.campaigns.ticket_solved.as_ref()),
        ],
    }
}

fn alarm(config: &Config) -> SettingsGroup {
    let alarm = config.alarm.as_ref();
    SettingsGroup {
        title: "Alarm",
        settings: vec![
            // Receivers put credentials into their address.
            secret("alarm.url", alarm.map(|alarm| &alarm.url)),
            secret("alarm.token", alarm.and_then(|alarm| alarm.token.as_ref())),
        ],
    }
}

fn provider(config: &Config) -> SettingsGroup {
    let oidc = config.operator.oidc.as_ref();
    let roles = |role: Role| optional_list(oidc.and_then(|oidc| oidc.roles.0.get(&role)));
    SettingsGroup {
        title: "Identity provider",
        settings: vec![
            optional("oidc.issuer", oidc.map(|oidc| &oidc.issuer)),
            optional("oidc.client_id", oidc.map(|oidc| &oidc.client_id)),
            secret("oidc.client_secret", oidc.map(|oidc| &oidc.client_secret)),
            optional("oidc.name_claim", oidc.map(|oidc| &oidc.name_claim)),
            optional("oidc.roles_claim", oidc.map(|oidc| &oidc.roles_claim)),
            Setting { key: "oidc.roles.read", value: roles(Role::Read) },
            Setting { key: "oidc.roles.act", value: roles(Role::Act) },
            Setting { key: "oidc.roles.admin", value: roles(Role::Admin) },
        ],
    }
}

fn optional_list(texts: Option<&Vec<String>>) -> String {
    texts.map(|texts| texts.join(", ")).unwrap_or_default()
}

fn match_word(by: UserMatch) -> &'static str {
    match by {
        UserMatch::ExternalId => "external_id",
        UserMatch::UserField => "user_field",
        UserMatch::Email => "email",
        UserMatch::Phone => "phone",
    }
}

fn plain(key: &'static str, value: impl std::fmt::Display) -> Setting {
    Setting { key, value: value.to_string() }
}

fn optional(key: &'static str, value: Option<impl std::fmt::Display>) -> Setting {
    Setting { key, value: value.map(|value| value.to_string()).unwrap_or_default() }
}

/// A setting that holds secrets. It shows only their number.
fn secret<'a>(key: &'static str, secrets: impl IntoIterator<Item = &'a SecretString>) -> Setting {
    let value = match secrets.into_iter().count() {
        0 => String::new(),
        1 => "set".to_owned(),
        many => format!("set, {many} of them"),
    };
    Setting { key, value }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{self, keys};

    const CONFIG: &str = r#"
        operator_token = "hidden-operator-token"
        [zendesk]
        url = "https://acme.zendesk.com"
        client_id = "the-client"
        client_secret = "hidden-client-secret"
        webhook_secrets = ["hidden-webhook-secret", "hidden-older-secret"]
        [braze]
        url = "https://rest.iad-01.braze.com"
        api_key = "hidden-api-key"
        webhook_tokens = ["hidden-webhook-token"]
        [braze.campaigns]
        agent_reply = "00000000-0000-4000-8000-000000000001"
        [alarm]
        url = "https://alarm.example/hidden-in-the-path"
        token = "hidden-alarm-token"
        [[operators]]
        name = "ada"
        role = "act"
        rights = ["campaigns"]
        token = "hidden-token-of-ada"
        [[operators]]
        name = "bob"
        role = "read"
        token = "hidden-token-of-bob"
    "#;

    #[test]
    fn every_key_is_shown_and_no_secret() {
        let (config, _) = config::parse(Some(CONFIG), [], Path::new("")).unwrap();
        let settings: Vec<Setting> = shown(&config).into_iter().flat_map(|group| group.settings).collect();
        let value = |key: &str| settings.iter().find(|setting| setting.key == key).map(|found| found.value.as_str());
        for key in keys::KEYS {
            let value = value(key.name).unwrap_or_else(|| panic!("{} is not shown", key.name));
            assert!(!value.contains("hidden"), "{}: {value}", key.name);
        }
        assert!(settings.iter().all(|setting| !setting.value.contains("hidden")), "{settings:?}");
        assert_eq!(settings.len(), keys::KEYS.len() + 1, "nothing is shown that is neither a key nor the operators");
        for (key, shown) in [
            ("zendesk.url", "https://acme.zendesk.com/"),
            ("zendesk.client_id", "the-client"),
            ("zendesk.webhook_secrets", "set, 2 of them"),
            ("operator_token", "set"),
            ("operators", "ada (act, campaigns), bob (read)"),
            ("zendesk.api_token", ""),
            ("catch_up_minutes", "5"),
            ("braze.confirm_after_seconds", "5, 15"),
        ] {
            assert_eq!(value(key), Some(shown), "{key}");
        }
    }
}
