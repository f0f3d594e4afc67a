//! Accounts beside the first of each vendor, on the command line: `setup ACCOUNT`, `check` and `check --live` over two
//! Zendesks and two Braze workspaces, over real HTTP.

use std::path::Path;

use serde_json::Value;
use tandem::clock::Clock;
use tandem::config;
use tandem::sandbox::braze::CampaignState;
use tandem::sandbox::triggers::TriggerBodies;
use tandem::sandbox::{Sandbox, SandboxOptions};
use tempfile::TempDir;

use crate::process::{Said, run, shipped, tandem};
use crate::support::settings;

const CANADA_REPLY: &str = "00000000-0000-4000-8000-0000000ca9e7";

/// Two Zendesks, two Braze workspaces, and a configuration of all four with a line for each way.
struct Site {
    first: Sandbox,
    second: Sandbox,
    directory: TempDir,
}

fn options_of_the_second() -> SandboxOptions {
    SandboxOptions {
        zendesk_client_secret: "second-client-secret-not-real".into(),
        zendesk_webhook_secret: "second-signing-secret-not-real".into(),
        braze_api_key: "second-braze-key-not-real".into(),
        braze_webhook_token: "second-braze-webhook-token-not-real".into(),
        campaign_agent_reply: CANADA_REPLY.into(),
        ..SandboxOptions::default()
    }
}

impl Site {
    async fn start() -> Self {
        let (options, more) = (SandboxOptions::default(), options_of_the_second());
        let first = Sandbox::start(options.clone(), Clock::system()).await.unwrap();
        let second = Sandbox::start(more.clone(), Clock::system()).await.unwrap();
        for sandbox in [&first, &second] {
            sandbox.zendesk.install_triggers(TriggerBodies::Installed);
        }
        let accounts = format!(
            r#"
[accounts.support-eu]
vendor = "zendesk"
url = "{}"
client_id = "{}"
client_secret = "{}"
webhook_secrets = ["another-secret-not-real"]
[accounts.canada]
vendor = "braze"
url = "{}"
api_key = "{}"
webhook_tokens = ["{}"]
campaigns = {{ agent_reply = "{CANADA_REPLY}" }}
[[lines]]
name = "canada"
carrier = "canada"
desk = "support-eu"
brand_id = 10031
group_id = 10041
ticket_form_id = 10051
"#,
            second.zendesk.url(),
            more.zendesk_client_id,
            more.zendesk_client_secret,
            second.braze.url(),
            more.braze_api_key,
            more.braze_webhook_token,
        );
        let directory = tempfile::tempdir().unwrap();
        let text = settings(&first, &options, "public_url = \"http://127.0.0.1:9\"", "", "");
        std::fs::write(directory.path().join("tandem.toml"), format!("{text}{accounts}")).unwrap();
        Self { first, second, directory }
    }

    /// Puts one text of the configuration in the place of another.
    fn change(&self, old: &str, new: &str) {
        let path = self.directory.path().join("tandem.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{old}");
        std::fs::write(path, text.replacen(old, new, 1)).unwrap();
    }

    async fn says(&self, arguments: &[&str]) -> Said {
        let config = self.directory.path().join("tandem.toml");
        run(tandem(&[arguments, &["--config", config.to_str().unwrap()]].concat())).await
    }

    /// The calls that changed something at the Zendesk of a sandbox.
    fn writes(sandbox: &Sandbox) -> usize {
        let calls = sandbox.zendesk.calls();
        calls.iter().filter(|call| call.method != "GET" && call.path != "/oauth/tokens").count()
    }

    /// The findings of a live check that are wrong: account, thing, words and remedy. The bridge does not run, so none
    /// of them is about reaching it.
    async fn wrong(&self) -> Vec<[String; 4]> {
        let report = self.says(&["check", "--live", "--json"]).await.json();
        let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let wrong = |line: &&Value| line["state"] == "wrong" && line["what"] != "reachability";
        let lines = report["live"].as_array().unwrap_or_else(|| panic!("{report}")).iter().filter(wrong);
        lines.map(|line| ["account", "what", "said", "remedy"].map(|name| text(line, name))).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_further_zendesk_is_set_up_by_its_name_and_the_first_is_left_alone() {
    let site = Site::start().await;
    let dry = site.says(&["setup", "support-eu", "--dry-run"]).await;
    assert_eq!((dry.code, dry.err.as_str()), (0, ""), "{dry:?}");
    assert!(dry.out.contains("webhooks go to http://127.0.0.1:9/webhooks/support-eu"), "{}", dry.out);
    assert_eq!((Site::writes(&site.first), Site::writes(&site.second)), (0, 0));

    let said = site.says(&["setup", "support-eu"]).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert!(said.out.contains("TANDEM_ACCOUNTS__SUPPORT_EU__WEBHOOK_SECRETS="), "{}", said.out);
    assert!(said.out.contains("[accounts.support-eu]\n  webhook_secrets = ["), "{}", said.out);
    assert_eq!((Site::writes(&site.first), Site::writes(&site.second)), (0, 6));

    let again = site.says(&["setup", "support-eu", "--json"]).await.json();
    assert_eq!(again["changes"], 0, "{again}");
    let first = site.says(&["setup", "zendesk", "--json"]).await.json();
    assert_eq!(first["changes"], 6, "{first}");
    assert_eq!(Site::writes(&site.second), 6);
    let removed = site.says(&["setup", "support-eu", "--remove", "--json"]).await.json();
    assert_eq!((removed["failed"].is_null(), removed["changes"].as_u64()), (true, Some(6)), "{removed}");
    assert_eq!(Site::writes(&site.first), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sheet_of_a_further_workspace_names_its_own_keys_and_its_own_address() {
    let site = Site::start().await;
    for arguments in [&["setup", "canada"][..], &["setup", "canada", "--json"], &["setup", "canada", "--html", "-"]] {
        let said = site.says(arguments).await;
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
        for word in [
            "http://127.0.0.1:9/webhooks/canada/currents",
            "accounts.canada.campaigns.agent_reply",
            "TANDEM_ACCOUNTS__CANADA__API_KEY",
            "accounts.canada.webhook_tokens",
        ] {
            assert!(said.out.contains(word), "{word}: {}", said.out);
        }
        for word in ["/webhooks/braze", " braze.", "TANDEM_BRAZE__", "not-real"] {
            assert!(!said.out.contains(word), "{word}: {}", said.out);
        }
    }
    let first = site.says(&["setup", "braze"]).await;
    assert!(first.out.contains("http://127.0.0.1:9/webhooks/braze") && !first.out.contains("canada"), "{}", first.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sheet_of_a_line_has_its_channel_its_group_and_its_campaigns() {
    let site = Site::start().await;
    let whatsapp = "[[lines]]
name = \"qc\"
carrier = \"canada\"
desk = \"support-eu\"
channel = \"whatsapp\"
address = \"whatsapp-group-1\"
agent_reply = \"00000000-0000-4000-8000-0000000000f1\"
[[lines]]
name = \"sms-2\"
carrier = \"canada\"
desk = \"support-eu\"
address = \"sms-group-2\"
[[lines]]";
    site.change("[[lines]]", whatsapp);
    let said = site.says(&["setup", "canada", "--line", "qc"]).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    for words in [
        "channel=whatsapp&category=other&group=whatsapp-group-1&",
        "subscription group whatsapp-group-1",
        "Variables",
        "WhatsApp campaign: request to write again",
        "lines.qc.agent_reply = \"00000000-0000-4000-8000-0000000000f1\" is its id now",
        "put its id into lines.qc.template",
        "/webhooks/canada",
    ] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
    assert!(!said.out.contains(CANADA_REPLY) && !said.out.contains("opt_out"), "{}", said.out);
    // A line that shares the account's campaign says where that one stands.
    let said = site.says(&["setup", "canada", "--line", "sms-2"]).await;
    let own = format!("accounts.canada.campaigns.agent_reply = \"{CANADA_REPLY}\" is its id now");
    assert!(said.out.contains(&own) && said.out.contains("group=sms-group-2&"), "{}", said.out);
    let from = "not sms-group-2: line sms-2 has no campaign of its own, so its texts leave from there";
    assert!(said.out.contains(from) && !said.out.contains("shares"), "{}", said.out);
    // In one workspace a marketer sees the campaigns of all lines.
    let names = async |line: &str| {
        let sheet = site.says(&["setup", "canada", "--line", line, "--json"]).await.json();
        let names = sheet["webhook_campaigns"].as_array().unwrap().iter();
        names.map(|campaign| campaign["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("qc").await, ["tandem qc: every message"]);
    assert_eq!(
        (names("sms-2").await[0].as_str(), names("canada").await[0].as_str()),
        ("tandem sms-2: Other", "tandem: Other")
    );
    let said = site.says(&["setup", "canada", "--group", "GROUP_ID"]).await;
    assert!(said.code == 2 && said.err.contains("give the id itself"), "{said:?}");
    let said = site.says(&["setup", "braze", "--line", "qc"]).await;
    assert!(said.code == 2 && said.err.contains("no line of braze is called qc; it has default"), "{said:?}");
    let said = site.says(&["setup", "braze", "--line", "default"]).await;
    assert!(said.code == 0 && said.out.contains("setup braze --line default --wait"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_there_is_not_is_told_with_those_that_there_are() {
    let site = Site::start().await;
    let said = site.says(&["setup", "support-us"]).await;
    assert_eq!(said.code, 2, "{said:?}");
    let known = "there is no account support-us; the configuration has zendesk, braze, canada, support-eu";
    assert!(said.err.contains(known), "{}", said.err);
    let said = site.says(&["setup", "canada", "--dry-run"]).await;
    assert!(said.code == 2 && said.err.contains("--dry-run"), "an option of the other vendor: {said:?}");
    let said = site.says(&["setup", "support-eu", "--help"]).await;
    assert!(said.code == 0 && said.out.contains("--dry-run"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_whose_vendor_is_misspelt_is_told_so_and_not_as_missing() {
    let site = Site::start().await;
    site.change("vendor = \"braze\"", "vendor = \"brze\"");
    let said = site.says(&["setup", "canada"]).await;
    let meant = "is \"brze\", which is not one of its words. Did you mean braze? Give one of zendesk, braze, bird, pack, sunshine.";
    assert!(said.code == 78 && said.err.contains("accounts.canada.vendor") && said.err.contains(meant), "{said:?}");
    let said = site.says(&["setup", "support-eu", "--dry-run"]).await;
    assert_eq!(said.code, 0, "the fault of another account is for check: {said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_accounts_of_one_zendesk_are_not_both_set_up() {
    let site = Site::start().await;
    site.change(site.second.zendesk.url(), site.first.zendesk.url());
    for account in ["zendesk", "support-eu"] {
        let said = site.says(&["setup", account]).await;
        assert!(said.code == 78 && said.err.contains("one Zendesk rings at one account only"), "{said:?}");
    }
    assert_eq!(Site::writes(&site.first), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_check_goes_over_every_account_and_every_line() {
    let site = Site::start().await;
    let wrong = site.wrong().await;
    // Neither Zendesk is set up yet, and each says so by its own name.
    for (account, command) in [("zendesk", "Run tandem setup zendesk"), ("support-eu", "Run tandem setup support-eu")] {
        let remedies = wrong.iter().filter(|[of, ..]| of == account).map(|[.., remedy]| remedy.as_str());
        assert_eq!(remedies.collect::<Vec<_>>(), [command; 2], "{wrong:#?}");
    }
    assert!(wrong.iter().all(|[account, ..]| account == "zendesk" || account == "support-eu"), "{wrong:#?}");
    for account in ["zendesk", "support-eu"] {
        assert_eq!(site.says(&["setup", account, "--json"]).await.code, 0);
    }
    site.first.zendesk.sign_with(&SandboxOptions::default().zendesk_webhook_secret);
    let wrong = site.wrong().await;
    let [[account, what, said, remedy]] = wrong.as_slice() else { panic!("{wrong:#?}") };
    assert_eq!((account.as_str(), what.as_str()), ("support-eu", "signing secret"));
    assert!(said.contains("accounts.support-eu.webhook_secrets"), "{said}");
    assert!(remedy.contains("TANDEM_ACCOUNTS__SUPPORT_EU__WEBHOOK_SECRETS"), "{remedy}");
    site.second.zendesk.sign_with("another-secret-not-real");
    assert_eq!(site.wrong().await, [[""; 4]; 0]);

    let said = site.says(&["check", "--live"]).await;
    for title in
        ["\nZendesk, http", "\nBraze, http", "\nZendesk account support-eu, http", "\nBraze account canada, http"]
    {
        assert!(said.out.contains(title), "{title}: {}", said.out);
    }
    assert!(said.out.contains("10031 is \"Acme\""), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_or_a_campaign_of_a_line_that_the_vendor_does_not_know_is_named() {
    let site = Site::start().await;
    for account in ["zendesk", "support-eu"] {
        assert_eq!(site.says(&["setup", account, "--json"]).await.code, 0);
    }
    site.first.zendesk.sign_with(&SandboxOptions::default().zendesk_webhook_secret);
    site.second.zendesk.sign_with("another-secret-not-real");
    for (old, new, account, what, says) in [
        ("brand_id = 10031", "brand_id = 7", "support-eu", "brand of line canada", "there is no brand 7"),
        ("brand_id = 7", "brand_id = 10032", "support-eu", "brand of line canada", "inactive or deleted"),
        ("brand_id = 10032\ngroup_id = 10041", "group_id = 8", "support-eu", "group of line canada", "no group 8"),
        (
            "group_id = 8\nticket_form_id = 10051",
            "ticket_form_id = 9",
            "support-eu",
            "form of line canada",
            "no form 9",
        ),
        (
            "ticket_form_id = 9",
            "agent_reply = \"00000000-0000-4000-8000-0000000000ff\"",
            "canada",
            "campaign agent_reply of line canada",
            "the workspace has no campaign",
        ),
    ] {
        site.change(old, new);
        let wrong = site.wrong().await;
        let [[of, thing, said, remedy]] = wrong.as_slice() else { panic!("{new}: {wrong:#?}") };
        assert_eq!((of.as_str(), thing.as_str()), (account, what), "{new}");
        assert!(said.contains(says), "{new}: {said}");
        assert!(remedy.contains("canada"), "{new}: {remedy}");
    }
    site.change("agent_reply = \"00000000-0000-4000-8000-0000000000ff\"", "");
    site.second.braze.set_campaign_state(CANADA_REPLY, CampaignState::Archived);
    let wrong = site.wrong().await;
    let [[account, what, ..]] = wrong.as_slice() else { panic!("{wrong:#?}") };
    assert_eq!((account.as_str(), what.as_str()), ("canada", "campaign agent_reply"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_tells_the_faults_of_accounts_lines_and_languages_together() {
    let site = Site::start().await;
    assert_eq!(site.says(&["check"]).await.code, 0);
    site.change("desk = \"support-eu\"", "desk = \"support-eu\"\nagent_language = \"xx\"");
    let report = site.says(&["check", "--json"]).await.json();
    assert_eq!(report["faults"][0]["key"], "lines.canada.agent_language", "{report}");
    site.change("vendor = \"braze\"", "vendor = \"twilio\"");
    site.change("carrier = \"canada\"", "carrier = \"canda\"");
    let report = site.says(&["check", "--json"]).await.json();
    let keys: Vec<&str> =
        report["faults"].as_array().unwrap().iter().filter_map(|fault| fault["key"].as_str()).collect();
    assert_eq!(keys, ["accounts.canada.vendor", "lines.canada.carrier", "lines.canada.agent_language"], "{report}");
}

#[test]
fn the_documented_example_is_good_and_has_the_lines_that_the_page_says() {
    let page = shipped("docs/accounts.md");
    let block = |fence: &str| {
        let (_, rest) = page.split_once(fence).unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    };
    let variables = block("```sh\n");
    let secrets = variables.lines().enumerate().map(|(number, line)| {
        let (name, _) = line.split_once('=').unwrap();
        (name.to_owned(), format!("a-long-random-secret-{number}"))
    });
    let (config, warnings) = config::parse(Some(&block("```toml\n")), secrets, Path::new("")).unwrap();
    assert_eq!(warnings, []);
    let (_, table) = page.split_once("| line | carrier | desk | takes |\n|---|---|---|---|\n").unwrap();
    let rows = table.lines().take_while(|row| row.starts_with('|'));
    let documented: Vec<Vec<&str>> =
        rows.map(|row| row.split('|').skip(1).take(3).map(|cell| cell.trim().trim_matches('`')).collect()).collect();
    let lines = config.lines();
    let found: Vec<Vec<&str>> =
        lines.iter().map(|line| vec![line.name.as_str(), line.ends.carrier.name(), line.ends.desk.name()]).collect();
    assert_eq!(found, documented);
}
