//! Accounts in the file and in variables: those that are read, and every fault.

use secrecy::ExposeSecret;

use crate::config::Config;
use crate::config::testing::{BRAZE, CANADA, EU, GOOD, ZENDESK, carriers, desks, faults, read, warnings};
use crate::domain::account::{End, Ends};

fn names(config: &Config) -> Vec<&'static str> {
    config.accounts.iter().map(|known| known.account.name()).collect()
}

fn all() -> String {
    format!("{ZENDESK}{BRAZE}{EU}{CANADA}")
}

#[test]
fn a_configuration_of_one_account_each_is_read_as_ever() {
    let (config, warnings) = read(&format!("{ZENDESK}{BRAZE}"), &[]).unwrap();
    assert_eq!((names(&config), warnings), (vec!["zendesk", "braze"], vec![]));
    let lines = config.lines();
    let [line] = lines.iter().collect::<Vec<_>>()[..] else { panic!("{lines:?}") };
    assert_eq!((line.name.as_str(), line.ends, &line.address), ("default", Ends::FIRST, &None));
    assert_eq!(line.forms.agent_reply, "00000000-0000-4000-8000-000000000001");
}

#[test]
fn every_account_has_the_keys_of_its_vendor() {
    let config = read(&all(), &[]).unwrap().0;
    assert_eq!(names(&config), ["zendesk", "braze", "canada", "support-eu"]);
    let at = |end| config.accounts_at(end).map(|known| known.account.name()).collect::<Vec<_>>();
    assert_eq!((at(End::Desk), at(End::Carrier)), (vec!["zendesk", "support-eu"], vec!["braze", "canada"]));
    let (desks, carriers) = (desks(&config), carriers(&config));
    let desks = desks.iter().map(|keys| (keys.url.as_str(), keys.signature_tolerance_seconds.as_secs()));
    let expected = [("https://acme.zendesk.com/", 600), ("https://acme-eu.zendesk.com/", 300)];
    assert_eq!(desks.collect::<Vec<_>>(), expected);
    let carriers = carriers.iter().map(|keys| (keys.api_key.expose_secret(), keys.campaigns.agent_reply.as_str()));
    let expected = [
        ("braze-api-key-secret", "00000000-0000-4000-8000-000000000001"),
        ("canada-api-key-secret", "00000000-0000-4000-8000-000000000009"),
    ];
    assert_eq!(carriers.collect::<Vec<_>>(), expected);
}

#[test]
fn a_vendors_own_table_is_needed_only_where_no_other_account_of_the_vendor_is() {
    let (config, _) = read(&format!("{EU}{CANADA}"), &[]).unwrap();
    assert_eq!(names(&config), ["canada", "support-eu"]);
    let told = faults(EU, &[]);
    assert!(told.iter().all(|fault| fault.starts_with("braze.")), "{told:#?}");
    assert!(told.iter().any(|fault| fault.starts_with("braze.url is missing")), "{told:#?}");
    // A table that is begun is an account.
    let told = faults(&format!("{EU}{CANADA}[braze]\ngsm7 = true\n"), &[]);
    assert!(told.iter().any(|fault| fault.starts_with("braze.api_key is missing")), "{told:#?}");
    // The first account may stand among the others.
    let named = format!("{}{BRAZE}", EU.replace("support-eu", "zendesk"));
    assert_eq!(names(&read(&named, &[]).unwrap().0), ["braze", "zendesk"]);
}

#[test]
fn variables_find_an_account_by_name_and_can_make_one() {
    let file = all().replace("client_secret = \"eu-client-secret\"\n", "");
    let (config, _) = read(
        &file,
        &[
            ("TANDEM_ACCOUNTS__SUPPORT_EU__CLIENT_SECRET", "from-a-variable"),
            ("TANDEM_ACCOUNTS__SUPPORT_EU__USER_FIELD", "eu_id"),
            ("TANDEM_ACCOUNTS__CANADA__CAMPAIGNS__TICKET_SOLVED", "00000000-0000-4000-8000-000000000008"),
            ("TANDEM_ACCOUNTS__CANADA__WEBHOOK_TOKENS", "one-long-random-token, another-long-random-token"),
        ],
    )
    .unwrap();
    let eu = desks(&config).remove(1);
    assert_eq!(eu.user_field, "eu_id");
    assert!(!format!("{config:?}").contains("from-a-variable"));
    let canada = carriers(&config).remove(1);
    assert_eq!(canada.campaigns.ticket_solved.as_deref(), Some("00000000-0000-4000-8000-000000000008"));
    assert_eq!(canada.webhook_tokens.len(), 2);
    // Without a table in the file, the variable with the vendor makes the account.
    let variables = [
        ("TANDEM_ACCOUNTS__DESK_2_B__URL", "https://desk2.zendesk.com"),
        ("TANDEM_ACCOUNTS__DESK_2_B__CLIENT_ID", "tandem"),
        ("TANDEM_ACCOUNTS__DESK_2_B__CLIENT_SECRET", "a-secret"),
        ("TANDEM_ACCOUNTS__DESK_2_B__WEBHOOK_SECRETS", "a-webhook-secret"),
        ("TANDEM_ACCOUNTS__DESK_2_B__VENDOR", "zendesk"),
    ];
    let (config, _) = read(BRAZE, &variables).unwrap();
    assert_eq!(names(&config), ["braze", "desk-2-b"]);
    // A variable overrides the vendor, like every other key; the table's keys are then those of that vendor.
    let told = faults(&all(), &[("TANDEM_ACCOUNTS__CANADA__VENDOR", "zendesk")]);
    assert!(told.iter().any(|fault| fault.starts_with("accounts.canada.api_key (line 25) is not a key")), "{told:#?}");
}

/// A file, variables, and the whole of its only fault.
type Case<'a> = (String, &'a [(&'a str, &'a str)], &'a str);

#[test]
#[expect(clippy::too_many_lines, reason = "one table, one row for each promise")]
fn every_fault_of_an_account_is_told_with_its_key_and_a_remedy() {
    let eu = |old: &str, new: &str| {
        assert!(EU.contains(old), "{old}");
        format!("{ZENDESK}{BRAZE}{}", EU.replacen(old, new, 1))
    };
    let canada = |old: &str, new: &str| {
        assert!(CANADA.contains(old), "{old}");
        format!("{ZENDESK}{BRAZE}{}", CANADA.replacen(old, new, 1))
    };
    let cases: &[Case<'_>] = &[
        (
            eu("vendor = \"zendesk\"\n", ""),
            &[],
            "accounts.support-eu.vendor (line 14) is missing. Set it to one of: zendesk braze bird pack sunshine.",
        ),
        (
            eu("vendor = \"zendesk\"", "vendor = \"zendsk\""),
            &[],
            "accounts.support-eu.vendor (line 15) is \"zendsk\", which is not one of its words. Did you mean zendesk? \
             Give one of zendesk, braze, bird, pack, sunshine.",
        ),
        (
            eu("vendor = \"zendesk\"", "vendor = 1"),
            &[],
            "accounts.support-eu.vendor (line 15) is an integer, which is the wrong kind of value. Give one of zendesk, \
             braze, bird, pack, sunshine.",
        ),
        (
            format!("{}[bird]\napi_key = \"bk_eu1_x\"\n", all()),
            &[],
            "bird is no table of the configuration. Write [accounts.bird] with vendor = \"bird\" in place of [bird]; its \
             variables begin with TANDEM_ACCOUNTS__BIRD__.",
        ),
        (
            all(),
            &[("TANDEM_BIRD__API_KEY", "bk_eu1_x")],
            "bird is no table of the configuration. Write [accounts.bird] with vendor = \"bird\" in place of [bird]; its \
             variables begin with TANDEM_ACCOUNTS__BIRD__.",
        ),
        (
            eu("support-eu", "Support_EU"),
            &[],
            "accounts.Support_EU (line 14) is not the name of an account: expected a-z and 0-9, with single `-` between \
             them. Choose one such as support-eu; it never changes, because it is part of stored keys.",
        ),
        (
            eu("support-eu", "\"a b\""),
            &[],
            "accounts.\"a b\" (line 14) is not the name of an account: expected a-z and 0-9, with single `-` between \
             them. Choose one such as a-b; it never changes, because it is part of stored keys.",
        ),
        (
            eu("support-eu", "zendesk"),
            &[],
            "accounts.zendesk (line 14) stands beside [zendesk], which is the account of that name. Keep one of the two \
             tables, or give this account another name.",
        ),
        (
            format!("{ZENDESK}{BRAZE}{}", CANADA.replace("canada]", "zendesk]")),
            &[],
            "accounts.zendesk.vendor (line 15) is braze, but the name zendesk belongs to Zendesk. Give the account another \
             name.",
        ),
        (
            eu("url = \"https://acme-eu.zendesk.com\"\n", ""),
            &[],
            "accounts.support-eu.url (line 14) is missing. Set it to the address of the account, such as https://….",
        ),
        (
            eu("https://acme-eu.zendesk.com", "https://rest.fra-01.braze.eu"),
            &[],
            "accounts.support-eu.url (line 16) is an address of Braze, but the account is one of Zendesk. Set it to the \
             address of the Zendesk account, such as https://acme.zendesk.com.",
        ),
        (
            canada("https://rest.iad-02.braze.com", "https://acme-eu.Zendesk.com"),
            &[],
            "accounts.canada.url (line 16) is an address of Zendesk, but the account is one of Braze. Set it to the REST \
             endpoint that Braze shows under APIs and Identifiers.",
        ),
        (
            eu("vendor = \"zendesk\"", "vendor = \"braze\"\nvender = \"zendesk\""),
            &[("TANDEM_ACCOUNTS__SUPPORT_EU__VENDOR", "zendesk")],
            "accounts.support-eu.vender (line 16) is not a key of the configuration. Did you mean vendor? Mend the name, or \
             remove it.",
        ),
        (
            canada("[accounts.canada]", "[accounts.canada]\nchannel = \"rcs\""),
            &[],
            "accounts.canada.channel (line 15) is not a key of the configuration. It is a key of a line: move it into its \
             [[lines]] table.",
        ),
        (
            canada("[accounts.canada]", "[accounts.canada]\nreopen_days = 7"),
            &[],
            "accounts.canada.reopen_days (line 15) is not a key of the configuration. Move it above the first table of the \
             file.",
        ),
        (
            eu("client_secret = \"eu-client-secret\"\n", ""),
            &[],
            "accounts.support-eu.client_secret (line 14) is missing. Set it to the secret of the OAuth client.",
        ),
        (
            eu("webhook_secrets = [\"eu-webhook-secret\"]", "webhook_secrets = [\"zendesk-webhook-secret\"]"),
            &[],
            "accounts.support-eu.webhook_secrets (line 19) shares an entry with zendesk.webhook_secrets, so that one sender \
             could speak for both. Give each account the signing secret of its own webhook.",
        ),
        (
            canada("\"canada-webhook-token-secret\"", "\"a-long-random-token\", \"braze-webhook-token-secret\""),
            &[],
            "accounts.canada.webhook_tokens (line 18) shares an entry with braze.webhook_tokens, so that one sender could \
             speak for both. Draw a long random token for each account: openssl rand -base64 32.",
        ),
        (
            canada("[accounts.canada]", "[accounts.canada]\ncurrents_tokens = [\"braze-webhook-token-secret\"]"),
            &[],
            "accounts.canada.currents_tokens (line 15) shares an entry with braze.webhook_tokens, so that one sender could \
             speak for both. Draw a long random token for each account: openssl rand -base64 32.",
        ),
        (
            eu("client_id", "client_idd"),
            &[("TANDEM_ACCOUNTS__SUPPORT_EU__CLIENT_ID", "tandem")],
            "accounts.support-eu.client_idd (line 17) is not a key of the configuration. Did you mean client_id? Mend the \
             name, or remove it.",
        ),
        (
            canada("campaigns = {", "campaign = {"),
            &[("TANDEM_ACCOUNTS__CANADA__CAMPAIGNS__AGENT_REPLY", "00000000-0000-4000-8000-000000000009")],
            "accounts.canada.campaign (line 20) is not a key of the configuration. Did you mean [accounts.canada.campaigns]? \
             Mend the name, or remove it.",
        ),
        (
            canada("gent_reply =", "gent_reply = \"00000000-0000-4000-8000-000000000009\", agent_repl ="),
            &[],
            "accounts.canada.campaigns.agent_repl (line 20) is not a key of the configuration. Did you mean agent_reply? \
             Mend the name, or remove it.",
        ),
        (
            canada("campaigns = { agent_reply = \"00000000-0000-4000-8000-000000000009\" }", "campaigns = 1"),
            &[("TANDEM_ACCOUNTS__CANADA__CAMPAIGNS__AGENT_REPLY", "00000000-0000-4000-8000-000000000009")],
            "accounts.canada.campaigns (line 20) is a table, not a value. Write [accounts.canada.campaigns] on a line of \
             its own and its keys below.",
        ),
        (
            format!("accounts = 1\n{ZENDESK}{BRAZE}"),
            &[],
            "accounts (line 1) is a table, not a value. Write [accounts.NAME] on a line of its own for each account, and \
             its keys below.",
        ),
        (
            format!("accounts.eu = \"zendesk\"\n{ZENDESK}{BRAZE}"),
            &[],
            "accounts.eu (line 1) is a table, not a value. Write [accounts.NAME] on a line of its own for each account, and \
             its keys below.",
        ),
        (
            format!("{ZENDESK}{BRAZE}[[accounts]]\nname = \"eu\"\nvendor = \"zendesk\"\n"),
            &[],
            "accounts (line 13) is a list, but each account has a table of its name. Write [accounts.NAME], with the name of \
             the account, in place of [[accounts]].",
        ),
        (
            canada("[accounts.canada]", "[[accounts.canada]]"),
            &[],
            "accounts.canada (line 14) is a list, but each account has a table of its name. Write [accounts.canada] in place of \
             [[accounts.canada]].",
        ),
        (
            canada("[accounts.canada]", "[braze.canada]"),
            &[],
            "braze.canada (line 14) is not a key of the configuration. Write [accounts.canada] in place of [braze.canada], and \
             the vendor below.",
        ),
        (
            canada("[accounts.canada]", "[Canada]"),
            &[],
            "Canada (line 14) is not a key of the configuration. Write [accounts.canada] in place of [Canada], and the vendor \
             below.",
        ),
        (
            format!("{ZENDESK}{BRAZE}[accounts]\nvendor = \"zendesk\"\nurl = \"https://acme-eu.zendesk.com\"\n"),
            &[],
            "accounts (line 15) has keys of an account, which has a name. Write [accounts.NAME], with the name of the \
             account, in place of [accounts].",
        ),
        (
            all(),
            &[("TANDEM_ACCOUNTS__SUPPORT-EU__CLIENT_SECRET", "s")],
            "accounts.support-eu (TANDEM_ACCOUNTS__SUPPORT-EU__CLIENT_SECRET) is spelt with a hyphen, where a variable has \
             an underscore. Write TANDEM_ACCOUNTS__SUPPORT_EU__CLIENT_SECRET.",
        ),
        (
            format!("account = 1\n{ZENDESK}{BRAZE}"),
            &[],
            "account (line 1) is not a key of the configuration. Did you mean [accounts.NAME]? Mend the name, or remove it.",
        ),
        (
            all(),
            &[("TANDEM_ACCOUNTS__SUPORT_EU__CLIENT_SECRET", "s")],
            "accounts.suport-eu (TANDEM_ACCOUNTS__SUPORT_EU__CLIENT_SECRET) is no account of the configuration. Did you \
             mean TANDEM_ACCOUNTS__SUPPORT_EU__CLIENT_SECRET? Mend the name, or unset the variable.",
        ),
        (
            all(),
            &[("TANDEM_ACCOUNTS__JAPAN__CLIENT_SECRET", "s")],
            "accounts.japan (TANDEM_ACCOUNTS__JAPAN__CLIENT_SECRET) is no account of the configuration. Give the account an \
             [accounts.NAME] table with its vendor in the file, or unset the variable.",
        ),
        (
            all(),
            &[("TANDEM_ACCOUNTS__SUPPORT_EU__WEBHOOK_SECRET", "s")],
            "accounts.support-eu.webhook_secret (TANDEM_ACCOUNTS__SUPPORT_EU__WEBHOOK_SECRET) is not a key of a Zendesk \
             account. Did you mean TANDEM_ACCOUNTS__SUPPORT_EU__WEBHOOK_SECRETS? Mend the name, or unset the variable.",
        ),
        (
            all(),
            &[("TANDEM_ACCOUNTS__CANADA__CLIENT_SECRET", "s")],
            "accounts.canada.client_secret (TANDEM_ACCOUNTS__CANADA__CLIENT_SECRET) is not a key of a Braze account. Unset \
             the variable, or use one of: url, api_key, webhook_tokens, signature_tolerance_seconds, currents_tokens, \
             currents_backfill, on_unconfirmed, confirm_after_seconds, recipe_message, gsm7, subscription_group, campaigns.",
        ),
        (
            all(),
            &[("TANDEM_ACCOUNTS__CANADA__API_KEY", "'quoted'")],
            "accounts.canada.api_key (TANDEM_ACCOUNTS__CANADA__API_KEY) stands between quotation marks, which would be part \
             of it. Write the value without quotation marks: systemd and a shell take them away, docker's --env-file keeps \
             them.",
        ),
    ];
    let wrong: Vec<_> = cases
        .iter()
        .map(|(file, env, expected)| (faults(file, env), *expected))
        .filter(|(told, expected)| told != &[*expected])
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_misspelt_vendor_key_is_named_beside_the_one_that_is_missing() {
    for written in ["vender", "Vendor", "vendors"] {
        let told = faults(&format!("{ZENDESK}{BRAZE}{}", CANADA.replace("vendor =", &format!("{written} ="))), &[]);
        let expected = [
            format!(
                "accounts.canada.{written} (line 15) is not a key of an account. Did you mean vendor? Mend the name, or \
                 remove it."
            ),
            "accounts.canada.vendor (line 14) is missing. Set it to one of: zendesk braze bird pack sunshine."
                .to_owned(),
        ];
        assert_eq!(told, expected);
    }
}

#[test]
fn the_first_accounts_of_swapped_vendors_are_told_both() {
    let file = format!("{ZENDESK}{BRAZE}").replace("acme.zendesk.com", "rest.iad-02.braze.com");
    let told = faults(&file.replace("rest.iad-01.braze.com", "acme.zendesk.com"), &[]);
    let keys: Vec<&str> = told.iter().map(|fault| fault.split(" is ").next().unwrap()).collect();
    assert_eq!(keys, ["zendesk.url (line 3)", "braze.url (line 8)"], "{told:#?}");
    // Hosts that only look alike are none of theirs, and neither is a proxy.
    for host in ["notbraze.com", "braze.com.acme.example", "tandem.internal"] {
        assert_eq!(warnings(&file.replace("rest.iad-02.braze.com", host)), [""; 0], "{host}");
    }
}

#[test]
fn faults_of_several_accounts_are_told_together_and_no_secret_is_shown() {
    let file =
        format!("nope = 1\n{}", all().replace("-webhook-secret\"", "-webhook-secret \"").replace("/a", "/u:p@a"));
    let told = faults(&file, &[("TANDEM_ACCOUNTS__CANADA__API_KEY", " canada-api-key-secret")]);
    let keys: Vec<&str> = told.iter().map(|fault| fault.split(' ').next().unwrap()).collect();
    let expected = [
        "nope",
        "zendesk.url",
        "zendesk.webhook_secrets",
        "accounts.canada.api_key",
        "accounts.support-eu.url",
        "accounts.support-eu.webhook_secrets",
    ];
    assert_eq!(keys, expected, "{told:#?}");
    assert!(!told.concat().contains("-secret "), "{told:#?}");
}

#[test]
fn two_desks_at_one_address_are_a_fault() {
    let faults = read(&all().replace("acme-eu", "acme"), &[]).unwrap_err();
    let told: Vec<&str> = faults.0.iter().map(|fault| fault.problem.as_str()).collect();
    assert_eq!(told, ["is that of zendesk as well, so that a reply would be texted once for each account"]);
}

#[test]
fn two_carriers_with_one_key_are_warned_about() {
    let [url, key] = [("iad-02", "iad-01"), ("canada-api-key-secret", "braze-api-key-secret")];
    let file = format!("{GOOD}{CANADA}");
    let same = file.replace(url.0, url.1).replace(key.0, key.1);
    let expected = "accounts.canada.api_key is that of braze as well, at the same url: one account with several lines serves a \
                    workspace.";
    assert_eq!(warnings(&same), [expected]);
    let expected = "accounts.canada.api_key is that of braze as well, at another url: a key is known in its own cluster only, \
                    so that Braze refuses one of the two.";
    assert_eq!(warnings(&file.replace(key.0, key.1)), [expected]);
    for other in [file.clone(), file.replace(url.0, url.1)] {
        assert_eq!(warnings(&other), [""; 0]);
    }
}

#[test]
fn a_reload_takes_the_secrets_of_every_account_and_names_those_that_come_and_go() {
    let (old, _) = read(&all(), &[]).unwrap();
    let japan = EU.replace("support-eu", "japan").replace("eu-", "japan-");
    let file = format!("{ZENDESK}{BRAZE}{CANADA}{japan}").replace("signature_tolerance_seconds = 60", "gsm7 = true");
    let (new, _) = read(&file, &[("TANDEM_ACCOUNTS__CANADA__API_KEY", "another-key")]).unwrap();
    let (in_force, waiting) = old.reloaded(&new);
    assert_eq!(waiting, ["accounts.canada.gsm7", "accounts.support-eu", "accounts.japan"]);
    assert_eq!(names(&in_force), names(&old));
    let canada = carriers(&in_force).remove(1);
    assert_eq!((canada.api_key.expose_secret(), canada.gsm7), ("another-key", false));
    // An account that changes its vendor is another account.
    let other = all().replace(EU, &CANADA.replace("accounts.canada", "accounts.support-eu").replace("canada-", "eu-"));
    let (in_force, waiting) = old.reloaded(&read(&other, &[]).unwrap().0);
    assert_eq!(waiting, ["accounts.support-eu"]);
    assert_eq!(desks(&in_force).len(), 2);
}

/// An account of Sunshine Conversations with this name, address and app.
fn sunshine(name: &str, url: &str, app: &str) -> String {
    format!(
        "[accounts.{name}]\nvendor = \"sunshine\"\nurl = \"{url}\"\napp_id = \"{app}\"\nkey_id = \"app_{name}\"\n\
         secret = \"{name}-secret-of-the-key\"\nwebhook_secrets = [\"{name}-secret-of-the-webhook\"]\n"
    )
}

/// A line of the account `sun`.
fn line_of_sun(name: &str, more: &str) -> String {
    format!("[[lines]]\nname = \"{name}\"\ncarrier = \"sun\"\n{more}")
}

#[test]
fn two_accounts_of_one_app_are_a_fault_because_each_would_take_every_text() {
    let sun = sunshine("sun", "https://acme.zendesk.com/sc", "app1");
    let with = |url: &str, app: &str| {
        let file = format!("{ZENDESK}{BRAZE}{sun}{}", sunshine("moon", url, app));
        match read(&file, &[]) {
            Ok(_) => Vec::new(),
            Err(_) => faults(&file, &[]),
        }
    };
    for url in ["https://acme.zendesk.com/sc", "https://other.zendesk.com/sc"] {
        assert_eq!(with(url, "app2"), [""; 0], "{url}");
    }
    // An app is at two addresses.
    for url in ["https://acme.zendesk.com/sc", "https://acme.zendesk.com/sc/", "https://api.smooch.io"] {
        let told = with(url, "app1");
        let [fault] = &told[..] else { panic!("{told:#?}") };
        assert!(fault.starts_with("accounts.") && fault.contains(".app_id (line "), "{fault}");
        assert!(fault.contains("as well, so that each text would open a ticket for both"), "{fault}");
    }
}

#[test]
fn a_line_without_an_address_beside_one_with_an_address_takes_no_texts_of_an_app_and_is_a_fault() {
    let sun = sunshine("sun", "https://acme.zendesk.com/sc", "app1");
    let file = |lines: &[String]| format!("{ZENDESK}{BRAZE}{sun}{}", lines.concat());
    let (bare, at) = (line_of_sun("all", ""), line_of_sun("sms", "address = \"5f0c01\"\n"));
    for good in [vec![bare.clone()], vec![at.clone()]] {
        assert!(read(&file(&good), &[]).is_ok(), "{good:?}");
    }
    let told = faults(&file(&[bare, at]), &[]);
    let [fault] = &told[..] else { panic!("{told:#?}") };
    assert!(fault.contains("address") && fault.contains("takes no texts of other integrations"), "{fault}");
}
