//! The configuration as the console shows it: every key with its value in words. It never shows a secret, only that
//! it is set.

use crate::config::{Config, Shown};
use crate::http::{Setting, SettingsGroup};

/// The tables with a title of their own; all other keys are the bridge's.
const TITLES: [(&str, &str); 4] =
    [("zendesk.", "Zendesk"), ("braze.", "Braze"), ("alarm.", "Alarm"), ("oidc.", "Identity provider")];

/// All settings, in the order of the reference.
pub(super) fn shown(config: &Config) -> Vec<SettingsGroup> {
    let mut groups: Vec<SettingsGroup> = Vec::new();
    for Shown { key, value } in config.shown() {
        let title = TITLES.iter().find(|(above, _)| key.starts_with(above)).map_or("Bridge", |(_, title)| title);
        let setting = Setting { key, value };
        match groups.last_mut() {
            Some(group) if group.title == title => group.settings.push(setting),
            Some(_) | None => groups.push(SettingsGroup { title, settings: vec![setting] }),
        }
    }
    groups
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
        for key in keys::KEYS.iter() {
            let value = value(&key.name).unwrap_or_else(|| panic!("{} is not shown", key.name));
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
