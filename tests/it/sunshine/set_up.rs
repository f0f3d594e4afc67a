//! `tandem setup sunshine` and `tandem check --live` against an embedded app: the objects that are made, once; the faults that
//! are named, each with its remedy; and Zendesk's own responder, which is changed only where that is asked for.

use reqwest::Method;
use serde_json::{Value, json};
use tandem::clock::Clock;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::sunshine::{SMS, Sunshine, SunshineOptions, WHATSAPP};
use tandem::sandbox::{Sandbox, SandboxOptions};
use tempfile::TempDir;

use crate::process::{Said, run, tandem};
use crate::support::{answer, http_client, settings};

const PUBLIC: &str = "http://127.0.0.1:9";
const ENDPOINT: &str = "http://127.0.0.1:9/webhooks/sunshine";

/// An app, and a configuration to set it up with.
struct Site {
    _sandbox: Sandbox,
    sunshine: Sunshine,
    options: SunshineOptions,
    directory: TempDir,
}

impl Site {
    /// An app whose texts Zendesk's own messaging answers, as on a new account.
    async fn start() -> Self {
        let (options, clock) = (SandboxOptions::default(), Clock::system());
        let sandbox = Sandbox::start(options.clone(), clock.clone()).await.unwrap();
        let of_app = SunshineOptions { is_set_up: false, ..SunshineOptions::default() };
        let sunshine = Sunshine::start(of_app.clone(), clock).await.unwrap();
        let SunshineOptions { app_id, key_id, secret, .. } = &of_app;
        let tables = format!(
            r#"
[accounts.sunshine]
vendor = "sunshine"
url = "{}"
app_id = "{app_id}"
key_id = "{key_id}"
secret = "{secret}"
webhook_secrets = ["not-yet-known-secret"]
[[lines]]
name = "texts"
carrier = "sunshine"
address = "{SMS}"
[[lines]]
name = "chats"
carrier = "sunshine"
channel = "whatsapp"
address = "{WHATSAPP}"
template = "please_write_again"
"#,
            sunshine.url(),
        );
        let directory = tempfile::tempdir().unwrap();
        let text = settings(&sandbox, &options, &format!("public_url = \"{PUBLIC}\""), "", "");
        std::fs::write(directory.path().join("tandem.toml"), format!("{text}{tables}")).unwrap();
        Self { _sandbox: sandbox, sunshine, options: of_app, directory }
    }

    /// An app that is set up, whose secret the configuration has.
    async fn set_up() -> Self {
        let site = Self::start().await;
        let said = site.says(&["setup", "sunshine", "--take-over", "--json"]).await;
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
        site.change("not-yet-known-secret", said.json()["webhook_secret"].as_str().unwrap());
        site
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

    /// The steps of a setup that changed something, or stood in the way.
    async fn done(&self, arguments: &[&str], code: i32) -> Vec<(String, Value)> {
        let said = self.says(&[&["setup", "sunshine", "--json"], arguments].concat()).await;
        assert_eq!(said.code, code, "{said:?}");
        let report = said.json();
        let steps = report["steps"].as_array().unwrap().iter().filter(|step| step["does"] != "keeps");
        steps.map(|step| (step["what"].as_str().unwrap().to_owned(), step["does"].clone())).collect()
    }

    /// A call to the API with the app's key; it must end well. The path follows the app's.
    async fn call(&self, generation: &str, method: Method, path: &str, body: Value) -> Value {
        let SunshineOptions { app_id, key_id, secret, .. } = &self.options;
        let request = http_client()
            .request(method, format!("{}/{generation}/apps/{app_id}{path}", self.sunshine.url()))
            .basic_auth(key_id, Some(secret))
            .header("Content-Type", "application/json")
            .body(body.to_string());
        let (status, body) = answer(request).await;
        assert!(status < 300, "{path}: {status} {body}");
        body
    }

    async fn api(&self, method: Method, path: &str, body: Value) -> Value {
        self.call("v2", method, path, body).await
    }

    async fn integrations(&self) -> Vec<Value> {
        let listed = self.api(Method::GET, "/integrations", Value::Null).await;
        listed["integrations"].as_array().unwrap().clone()
    }

    /// The custom integrations.
    async fn custom(&self) -> Vec<Value> {
        let mut listed = self.integrations().await;
        listed.retain(|integration| integration["type"] == "custom");
        listed
    }

    /// Changes the only webhook.
    async fn change_webhook(&self, change: Value) {
        let custom = self.custom().await;
        let (integration, webhook) =
            (custom[0]["id"].as_str().unwrap(), custom[0]["webhooks"][0]["id"].as_str().unwrap());
        self.api(Method::PATCH, &format!("/integrations/{integration}/webhooks/{webhook}"), change).await;
    }

    fn writes(&self) -> usize {
        self.sunshine.calls().iter().filter(|call| call.method != "GET").count()
    }

    /// The findings about the account that are wrong: thing, words and remedy.
    async fn wrong(&self) -> Vec<[String; 3]> {
        let before = self.writes();
        let said = self.says(&["check", "--live", "--json"]).await;
        assert_eq!(self.writes(), before, "a look writes nothing");
        let report = said.json();
        let lines = report["live"].as_array().unwrap_or_else(|| panic!("{said:?}")).iter();
        let of_app = lines.filter(|line| line["account"] == "sunshine" && line["state"] == "wrong");
        of_app
            .map(|line| ["what", "said", "remedy"].map(|name| line[name].as_str().unwrap_or_default().to_owned()))
            .collect()
    }

    /// Fails unless this is wrong with these words and a remedy, and nothing else is.
    async fn only(&self, what: &str, says: &str, remedy: &str) {
        let wrong = self.wrong().await;
        let [[of, said, told]] = &wrong[..] else { panic!("{what} should be wrong, and nothing else: {wrong:#?}") };
        assert!(of == what && said.contains(says) && told.contains(remedy), "{wrong:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setup_makes_one_integration_and_a_second_run_changes_nothing() {
    let site = Site::start().await;
    let plan = site.says(&["setup", "sunshine", "--take-over", "--dry-run"]).await;
    assert_eq!((plan.code, plan.err.as_str(), site.writes()), (0, "", 0), "{plan:?}");
    assert!(plan.out.contains("POST /v2/apps/") && plan.out.contains("nothing was."), "{}", plan.out);

    let said = site.says(&["setup", "sunshine", "--take-over"]).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    let custom = site.custom().await;
    let [ours] = &custom[..] else { panic!("{custom:?}") };
    let webhook = &ours["webhooks"][0];
    assert_eq!((&ours["displayName"], &webhook["target"]), (&json!("tandem"), &json!(ENDPOINT)));
    assert_eq!((&webhook["includeFullUser"], &webhook["includeFullSource"]), (&json!(true), &json!(true)));
    let secret = webhook["secret"].as_str().unwrap();
    assert!(said.out.contains(&format!("TANDEM_ACCOUNTS__SUNSHINE__WEBHOOK_SECRETS={secret}")), "{}", said.out);
    for channel in site.integrations().await.iter().filter(|channel| channel["type"] != "custom") {
        assert_eq!(channel["defaultResponder"]["integrationId"], ours["id"], "{channel}");
    }

    let before = site.writes();
    for options in [&["--take-over"][..], &[]] {
        let done = site.done(options, 0).await;
        assert!(done.is_empty(), "{done:?}");
    }
    assert_eq!((site.writes(), site.custom().await), (before, custom.clone()));
    site.change("not-yet-known-secret", secret);
    let again = site.says(&["setup", "sunshine"]).await;
    assert!(again.out.contains("Nothing has to be changed.") && !again.out.contains(secret), "{}", again.out);
    assert_eq!(site.wrong().await, [[""; 3]; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zendesks_own_responder_is_refused_with_the_way_to_change_it_and_stays() {
    let site = Site::start().await;
    let done = site.done(&[], 1).await;
    let refused: Vec<_> = done.iter().filter(|(_, does)| does["refuses"].is_string()).collect();
    assert_eq!(refused.len(), 2, "one for each line: {done:#?}");
    for (what, does) in refused {
        let why = does["refuses"].as_str().unwrap();
        assert!(what.contains("first responder of line"), "{what}");
        assert!(why.contains("zd:agentWorkspace") && why.contains("second ticket"), "{why}");
        assert!(
            why.contains("--take-over changes it, by PATCH /v2/apps/") && why.contains("defaultResponderId"),
            "{why}"
        );
    }
    assert!(site.integrations().await.iter().all(|channel| {
        channel["type"] == "custom" || channel["defaultResponder"]["integrationType"] == "zd:agentWorkspace"
    }));
    // The rest is made, and the look names the responders alone, and the secret.
    let wrong = site.wrong().await;
    let of = |name: &str| wrong.iter().filter(|[what, ..]| what.starts_with(name)).count();
    assert_eq!((of("responder of line "), of("webhook secret"), wrong.len()), (2, 1, 3), "{wrong:#?}");
    let [_, said, remedy] = wrong.iter().find(|[what, ..]| what.starts_with("responder")).unwrap();
    assert!(said.contains("zd:agentWorkspace") && remedy.contains("tandem setup sunshine --take-over"), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_has_drifted_is_named_and_put_right() {
    let site = Site::set_up().await;
    for (change, says) in [
        (json!({"triggers": ["conversation:message", "conversation:read"]}), "does not bring conversation:postback"),
        (json!({"includeFullSource": false}), "is without includeFullSource"),
        (json!({"includeFullUser": false}), "is without includeFullUser"),
    ] {
        site.change_webhook(change).await;
        site.only("webhook", says, "tandem setup sunshine").await;
        let done = site.done(&[], 0).await;
        let [(_, does)] = &done[..] else { panic!("{done:?}") };
        assert!(does["mends"][0].as_str().unwrap().contains(says), "{does}");
        assert_eq!(site.wrong().await, [[""; 3]; 0]);
    }
    let triggers = site.custom().await[0]["webhooks"][0]["triggers"].clone();
    assert!(
        triggers.as_array().unwrap().contains(&json!("conversation:read")),
        "a trigger that is not ours stays: {triggers}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_webhook_at_our_address_and_one_elsewhere_are_told_apart() {
    let site = Site::set_up().await;
    let other = |target: &str| {
        json!({"type": "custom", "displayName": "tandem",
        "webhooks": [{"target": target, "triggers": ["conversation:message"]}]})
    };
    site.api(Method::POST, "/integrations", other("https://staging.example/webhooks/sunshine")).await;
    let done = site.done(&[], 0).await;
    assert!(done.is_empty(), "{done:?}");
    assert_eq!(site.wrong().await, [[""; 3]; 0]);
    site.api(Method::POST, "/integrations", other(ENDPOINT)).await;
    site.only("webhook", "each text comes as often", "Delete all of these custom integrations but one").await;
    let done = site.done(&[], 1).await;
    assert!(done[0].1["refuses"].as_str().unwrap().contains("twice"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_other_fault_is_named_with_its_remedy() {
    let site = Site::set_up().await;
    let secret = site.custom().await[0]["webhooks"][0]["secret"].as_str().unwrap().to_owned();
    site.change(&secret, "another-secret");
    site.only(
        "webhook secret",
        "is not among accounts.sunshine.webhook_secrets",
        "TANDEM_ACCOUNTS__SUNSHINE__WEBHOOK_SECRETS",
    )
    .await;
    let check = site.says(&["check", "--live"]).await;
    assert!(!check.out.contains(&secret), "{}", check.out);
    site.change("another-secret", &secret);

    let board = site.api(Method::GET, "/switchboards", Value::Null).await["switchboards"][0]["id"].clone();
    let members = format!("/switchboards/{}/switchboardIntegrations", board.as_str().unwrap());
    let listed = site.api(Method::GET, &members, Value::Null).await["switchboardIntegrations"].clone();
    let ours = listed.as_array().unwrap().iter().find(|member| member["name"] == "tandem").unwrap()["id"].clone();
    site.api(Method::DELETE, &format!("{members}/{}", ours.as_str().unwrap()), Value::Null).await;
    site.only("switchboard", "is no member", "tandem setup sunshine").await;
    let done = site.done(&[], 0).await;
    assert_eq!(done, [("member \"tandem\" of the switchboard".to_owned(), json!("creates"))]);

    site.change("template = \"please_write_again\"", "template = \"order_shipped\"");
    site.only("template of line chats", "needs parameters", "without parameters").await;
    site.change("template = \"order_shipped\"", "template = \"please_write_again\"");
    site.sunshine.set_template_status("please_write_again", "PAUSED");
    site.only("template of line chats", "is not approved", "without parameters").await;
    site.sunshine.set_template_status("please_write_again", "APPROVED");

    site.change(&format!("address = \"{SMS}\""), "address = \"5f0c00000000000000000099\"");
    site.only("line texts", "no integration 5f0c00000000000000000099", &format!("{SMS} (twilio)")).await;
    let idle = json!({"type": "twilio", "status": "inactive"});
    let idle = site.api(Method::POST, "/integrations", idle).await["integration"]["id"].as_str().unwrap().to_owned();
    site.change("5f0c00000000000000000099", &idle);
    let wrong = site.wrong().await;
    let [_, said, remedy] =
        wrong.iter().find(|[what, ..]| what == "line texts").unwrap_or_else(|| panic!("{wrong:#?}"));
    assert!(said.contains("inactive") && remedy.contains("Connect the channel again"), "{wrong:#?}");

    site.sunshine.fail(Fault::on("GET", "/apps/", FaultKind::status(401)).times(100));
    site.only("key", "401", "accounts.sunshine.secret").await;
}

impl Site {
    /// An app without the webhook of notifications, whose account writes to numbers.
    async fn notifying() -> Self {
        let site = Self::set_up().await;
        site.change("vendor = \"sunshine\"", "vendor = \"sunshine\"\nfirst_contact = \"notification\"");
        site
    }

    /// A call to the webhooks of the first generation.
    async fn first_webhooks(&self, method: Method, path: &str, body: Value) -> Value {
        self.call("v1.1", method, &format!("/webhooks{path}"), body).await
    }

    async fn notifying_webhooks(&self) -> Vec<Value> {
        self.first_webhooks(Method::GET, "", Value::Null).await["webhooks"].as_array().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_webhook_of_notifications_is_made_once_where_first_texts_are_notifications() {
    let site = Site::set_up().await;
    assert_eq!(site.notifying_webhooks().await, [Value::Null; 0], "none is needed for a client");
    let site = Site::notifying().await;
    site.only("notifications", "no webhook brings their events", "tandem setup sunshine").await;
    let plan = site.says(&["setup", "sunshine", "--dry-run"]).await;
    assert!(plan.out.contains("POST /v1.1/apps/") && plan.out.contains("notification:match:failure"), "{}", plan.out);
    assert_eq!(site.notifying_webhooks().await, [Value::Null; 0]);

    let said = site.says(&["setup", "sunshine"]).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    let made = site.notifying_webhooks().await;
    let [ours] = &made[..] else { panic!("{made:?}") };
    assert_eq!((&ours["target"], ours["triggers"].as_array().map(Vec::len)), (&json!(ENDPOINT), Some(4)));
    let secret = ours["secret"].as_str().unwrap();
    // The shown list takes the place of the configured one, which the texts' webhook needs.
    let known = site.custom().await[0]["webhooks"][0]["secret"].as_str().unwrap().to_owned();
    let list = format!("TANDEM_ACCOUNTS__SUNSHINE__WEBHOOK_SECRETS={secret},{known}\n");
    assert!(said.out.contains(&list), "{}", said.out);
    site.only("notification webhook secret", "is not among accounts.sunshine.webhook_secrets", "tandem setup").await;

    let before = site.writes();
    assert_eq!((site.done(&[], 0).await, site.writes()), (Vec::new(), before), "a second run writes nothing");
    site.change(&format!("[\"{known}\"]"), &format!("[\"{known}\", \"{secret}\"]"));
    let again = site.says(&["setup", "sunshine"]).await;
    assert!(again.out.contains("Nothing has to be changed.") && !again.out.contains(secret), "{}", again.out);
    assert_eq!(site.wrong().await, [[""; 3]; 0]);
    // Without any secret, both are shown as the secrets file takes them.
    site.change(&format!("[\"{known}\", \"{secret}\"]"), "[\"not-yet-known-secret\"]");
    let both = site.says(&["setup", "sunshine"]).await;
    assert!(both.out.contains(&format!("WEBHOOK_SECRETS={known},{secret}\n")), "{}", both.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_of_notifications_that_has_drifted_is_named_and_put_right() {
    let site = Site::notifying().await;
    let one = json!({"target": ENDPOINT, "triggers": ["notification:delivery:failure"]});
    let made = site.first_webhooks(Method::POST, "", one.clone()).await["webhook"].clone();
    let elsewhere =
        json!({"target": "https://staging.example/webhooks/sunshine", "triggers": ["notification:match:failure"]});
    site.first_webhooks(Method::POST, "", elsewhere).await;
    let known = site.custom().await[0]["webhooks"][0]["secret"].as_str().unwrap().to_owned();
    let secret = made["secret"].as_str().unwrap();
    site.change(&format!("[\"{known}\"]"), &format!("[\"{known}\", \"{secret}\"]"));
    site.only("notifications", "does not bring notification:delivery:channel", "tandem setup sunshine").await;
    let done = site.done(&[], 0).await;
    let [(what, does)] = &done[..] else { panic!("{done:?}") };
    assert!(what == "webhook of notifications" && does["mends"].is_array(), "{done:?}");
    let webhooks = site.notifying_webhooks().await;
    assert_eq!((webhooks.len(), webhooks[0]["triggers"].as_array().map(Vec::len)), (2, Some(4)));
    assert_eq!(site.wrong().await, [[""; 3]; 0]);
    site.first_webhooks(Method::POST, "", one).await;
    site.only("notifications", "2 webhooks bring their events", "Delete all of these webhooks but one").await;
    let done = site.done(&[], 1).await;
    assert!(done[0].1["refuses"].as_str().unwrap().contains("twice"), "{done:?}");
}
