//! The configuration as the console shows it: every key with its value in words. It never shows a secret, only that
//! it is set.

use crate::config::{Config, Shown, Vendor, reference};
use crate::http::{Setting, SettingsGroup};

/// The tables with a title of their own, beside vendors, accounts and lines; all other keys are the bridge's.
const TITLES: [(&str, &str); 2] = [("alarm.", "Alarm"), ("oidc.", "Identity provider")];

/// All settings, in the order of the reference.
pub(super) fn shown(config: &Config) -> Vec<SettingsGroup> {
    let mut groups: Vec<SettingsGroup> = Vec::new();
    for Shown { key, value } in config.shown() {
        let title = title(&key);
        let setting = Setting { key, value };
        match groups.last_mut() {
            Some(group) if group.title == title => group.settings.push(setting),
            Some(_) | None => groups.push(SettingsGroup { title, settings: vec![setting] }),
        }
    }
    groups
}

/// The common subject of the settings beside this key.
fn title(key: &str) -> String {
    let account = key.strip_prefix("accounts.").and_then(|rest| rest.split('.').next());
    let line = key.strip_prefix("lines.").and_then(|rest| rest.rsplit_once('.'));
    match (account, line) {
        (Some(account), _) => format!("Account {account}"),
        (None, Some((line, _))) => format!("Line {line}"),
        (None, None) => {
            let named = TITLES.iter().find(|(above, _)| key.starts_with(above)).map(|(_, title)| *title);
            named.or_else(|| reference::vendor_of(key).map(Vendor::title)).unwrap_or("Bridge").to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

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
        [accounts.bird]
        vendor = "bird"
        api_key = "bk_eu1_hidden"
        sender = "+15550100100"
        signing_secrets = ["whsec_aGlkZGVuLXdlYmhvb2stc2VjcmV0"]
        [accounts.pack]
        vendor = "pack"
        pack = "twilio"
        account_id = "AC00000000000000000000000000000000"
        webhook_url = "https://tandem.acme.example/webhooks/pack"
        secret = "hidden-token"
        signing_secrets = ["hidden-signing-secret"]
        sender = "+15550100300"
        [accounts.sunshine]
        vendor = "sunshine"
        url = "https://acme.zendesk.com/sc"
        app_id = "5ebee0975ac5304b664a12fa"
        key_id = "app_5ebee0975ac5304b664a12fb"
        secret = "hidden-app-secret"
        webhook_secrets = ["hidden-webhook-key"]
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
        for key in reference::KEYS.iter() {
            let value =
                value(&reference::name_in_file(&key.name)).unwrap_or_else(|| panic!("{} is not shown", key.name));
            assert!(!value.contains("hidden") && !value.contains("whsec"), "{}: {value}", key.name);
        }
        assert!(settings.iter().all(|setting| !setting.value.contains("hidden")), "{settings:?}");
        assert_eq!(
            settings.len(),
            reference::KEYS.len() + 1,
            "nothing is shown that is neither a key nor the operators"
        );
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

    #[test]
    fn each_account_and_each_line_is_a_group_of_its_own() {
        let more = r#"
            [accounts.support-eu]
            vendor = "zendesk"
            url = "https://acme-eu.zendesk.com"
            client_id = "the-client"
            client_secret = "hidden-client-secret-eu"
            webhook_secrets = ["hidden-webhook-secret-eu"]
            [[lines]]
            name = "uk 2.0"
            carrier = "braze"
            address = "group-2"
            desk = "support-eu"
        "#;
        let (config, _) = config::parse(Some(&format!("{CONFIG}{more}")), [], Path::new("")).unwrap();
        let groups = shown(&config);
        let titles: Vec<&str> = groups.iter().map(|group| group.title.as_str()).collect();
        let expected = [
            "Bridge",
            "Zendesk",
            "Braze",
            "Account bird",
            "Account pack",
            "Account sunshine",
            "Account support-eu",
            "Line uk 2.0",
            "Alarm",
            "Identity provider",
        ];
        assert_eq!(titles, expected);
        let settings: Vec<(&str, &str)> = groups
            .iter()
            .flat_map(|group| &group.settings)
            .map(|setting| (setting.key.as_str(), setting.value.as_str()))
            .collect();
        for shown in [
            ("accounts.support-eu.client_secret", "set"),
            ("accounts.support-eu.user_field", "braze_external_id"),
            ("lines.uk 2.0.desk", "support-eu"),
            ("lines.uk 2.0.window_minutes", "1430"),
            ("lines.uk 2.0.template", ""),
        ] {
            assert!(settings.contains(&shown), "{shown:?}: {settings:?}");
        }
        assert!(settings.iter().all(|(_, value)| !value.contains("hidden")), "{settings:?}");
    }
}
