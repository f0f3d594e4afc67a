//! `tandem check --live`: with one fault planted at a time, that fault is named with its remedy, and nothing else is red.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tandem::clock::Clock;
use tandem::sandbox::braze::CampaignState;
use tandem::sandbox::triggers::TriggerBodies;
use tandem::sandbox::{Sandbox, SandboxOptions};

use crate::process::{Bridge, Said, assert_discreet, run, tandem};
use crate::setup::as_administrator;
use crate::support::answer;

/// A bridge in a process of its own, set up at both vendors.
struct Connected {
    bridge: Bridge,
}

impl Connected {
    async fn start() -> Self {
        let bridge = Bridge::start().await;
        bridge.sandbox.zendesk.install_triggers(TriggerBodies::Installed);
        let connected = Self { bridge };
        let said = connected.tandem(&["setup", "zendesk", "--json"], &[]).await;
        assert_eq!(said.code, 0, "{said:?}");
        // The operator would take over the secret that is shown, and restart the bridge.
        connected.bridge.sandbox.zendesk.sign_with(&SandboxOptions::default().zendesk_webhook_secret);
        connected
    }

    /// `tandem …` with the bridge's configuration and address, and these variables beside it.
    async fn tandem(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
        let mut command = tandem(&[arguments, &["--config", self.bridge.host.config().to_str().unwrap()]].concat());
        command.env("TANDEM_PUBLIC_URL", &self.bridge.host.public).envs(variables.iter().copied());
        run(command).await
    }

    /// The red lines of a check with these variables.
    async fn red(&self, variables: &[(&str, &str)]) -> Vec<Value> {
        let before = self.writes();
        let said = self.tandem(&["check", "--live", "--json"], variables).await;
        assert_eq!(self.writes(), before, "it writes nothing");
        let report = said.json();
        let lines = report["live"].as_array().unwrap_or_else(|| panic!("{said:?}")).iter();
        let red: Vec<Value> = lines.filter(|line| line["state"] == "wrong").cloned().collect();
        assert_eq!((said.code, &report["ok"]), (i32::from(!red.is_empty()), &json!(red.is_empty())), "{said:?}");
        assert_discreet(&said.out, &self.bridge.sandbox);
        red
    }

    /// Fails unless this is red with these words and a remedy, and nothing else is.
    async fn only(&self, variables: &[(&str, &str)], what: &str, says: &str, remedy: &str) {
        let red = self.red(variables).await;
        let [line] = red.as_slice() else { panic!("{what} should be red, and nothing else: {red:#?}") };
        assert_eq!(line["what"], what, "{line}");
        assert!(line["said"].as_str().unwrap().contains(says), "{line}");
        assert!(line["remedy"].as_str().unwrap().contains(remedy), "{line}");
    }

    /// Everything that changes something at a vendor: the test of a webhook and the search for a profile do not.
    fn writes(&self) -> usize {
        let calls = self.bridge.sandbox.zendesk.calls().into_iter().chain(self.bridge.sandbox.braze.calls());
        let harmless = ["/oauth/tokens", "/api/v2/webhooks/test", "/users/export/ids"];
        calls.filter(|call| call.method != "GET" && !harmless.contains(&call.path.as_str())).count()
    }

    async fn zendesk(&self, method: &str, path: &str, body: Value) -> Value {
        as_administrator(&self.bridge.sandbox, method, path, body).await
    }

    /// Changes the trigger of this title, and returns it as it was.
    async fn change_trigger(&self, title: &str, change: Value) -> Value {
        let all = self.zendesk("GET", "/api/v2/triggers", Value::Null).await;
        let trigger = all["triggers"].as_array().unwrap().iter().find(|trigger| trigger["title"] == title).unwrap();
        let path = format!("/api/v2/triggers/{}", trigger["id"]);
        self.zendesk("PUT", &path, json!({ "trigger": change })).await;
        trigger.clone()
    }

    async fn change_webhook(&self, change: Value) {
        let all = self.zendesk("GET", "/api/v2/webhooks", Value::Null).await;
        let path = format!("/api/v2/webhooks/{}", all["webhooks"][0]["id"].as_str().unwrap());
        self.zendesk("PATCH", &path, json!({ "webhook": change })).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_good_after_setting_up_and_one_screen_says_so() {
    let connected = Connected::start().await;
    assert_eq!(connected.red(&[]).await, [Value::Null; 0]);
    let said = connected.tandem(&["check", "--live"], &[]).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert!(said.out.lines().count() < 24, "one screen: {}", said.out);
    assert!(!said.out.contains("WRONG") && said.out.contains("the bridge took Zendesk's test"), "{}", said.out);
    // The test of the webhook leaves nothing behind.
    connected.bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_are_named() {
    let connected = Connected::start().await;
    let secret = [("TANDEM_ZENDESK__CLIENT_SECRET", "wrong")];
    connected.only(&secret, "credentials", "401", "zendesk.client_secret").await;
    let client = [("TANDEM_ZENDESK__CLIENT_ID", "nobody")];
    connected.only(&client, "credentials", "401", "zendesk.client_id").await;
    let signing = [("TANDEM_ZENDESK__WEBHOOK_SECRETS", "another-signing-secret")];
    connected.only(&signing, "signing secret", "is refused", "TANDEM_ZENDESK__WEBHOOK_SECRETS").await;
    let key = [("TANDEM_BRAZE__API_KEY", "wrong-key")];
    connected.only(&key, "key", "does not know the key", "braze.api_key").await;

    // An API token that is wrong is greeted with a success.
    let config = connected.bridge.host.config();
    let text = std::fs::read_to_string(&config).unwrap();
    let legacy = text.replace("client_id = \"sandbox_client\"", "email = \"bridge@sandbox.invalid\"");
    let legacy = legacy.replace("client_secret = \"sandbox-client-secret-not-real\"", "api_token = \"wrong\"");
    std::fs::write(&config, legacy).unwrap();
    connected.only(&[], "credentials", "Anonymous user", "zendesk.api_token").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_clusters_of_braze_do_not_know_the_key() {
    let connected = Connected::start().await;
    let options = SandboxOptions { braze_api_key: "a-key-of-the-other-cluster".into(), ..SandboxOptions::default() };
    let other = Sandbox::start(options, Clock::system()).await.unwrap();
    let elsewhere = [("TANDEM_BRAZE__URL", other.braze.url())];
    connected.only(&elsewhere, "key", "does not know the key", "in its own cluster only").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scope_that_is_missing_is_named() {
    for (scope, what) in [("triggers:read", "triggers"), ("webhooks:read", "webhook"), ("users:read", "credentials")] {
        let connected = Connected::start().await;
        connected.bridge.sandbox.zendesk.withhold_scope(scope);
        connected.only(&[], what, scope, "OAuth client").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_does_not_do_its_work_is_named() {
    let connected = Connected::start().await;
    let (replied, solved) = ("tandem: agent replied", "tandem: ticket solved");
    connected.change_trigger(replied, json!({"active": false})).await;
    connected.only(&[], "trigger \"tandem: agent replied\"", "is inactive", "tandem setup zendesk").await;
    let good = connected.change_trigger(replied, json!({"active": true, "position": 9})).await;
    connected.only(&[], "order of triggers", "reply, solved, reopened", "tandem setup zendesk").await;
    connected.change_trigger(replied, json!({"position": good["position"]})).await;

    let late = json!({"trigger": {"title": "Tag texts", "category_id": good["category_id"], "position": 20,
        "conditions": good["conditions"], "actions": [{"field": "current_tags", "value": "sms"}]}});
    let late = connected.zendesk("POST", "/api/v2/triggers", late).await;
    connected.only(&[], "order of triggers", "\"Tag texts\" adds the tag sms", "above the category").await;
    connected.zendesk("DELETE", &format!("/api/v2/triggers/{}", late["trigger"]["id"]), Value::Null).await;

    let trigger = connected.change_trigger(solved, json!({})).await;
    connected.zendesk("DELETE", &format!("/api/v2/triggers/{}", trigger["id"]), Value::Null).await;
    connected.only(&[], "trigger \"tandem: ticket solved\"", "does not exist", "tandem setup zendesk").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_does_not_lead_here_is_named() {
    let connected = Connected::start().await;
    connected.change_webhook(json!({"endpoint": "https://old.example/webhooks/zendesk"})).await;
    connected.only(&[], "webhook", "posts to https://old.example", "tandem setup zendesk").await;

    // An address without a server, and one with another server.
    let nowhere = "http://127.0.0.1:9";
    connected.change_webhook(json!({"endpoint": format!("{nowhere}/webhooks/zendesk")})).await;
    connected.only(&[("TANDEM_PUBLIC_URL", nowhere)], "reachability", "no answer", "Start tandem serve").await;
    let elsewhere = format!("{}/not/here", connected.bridge.host.public);
    connected.change_webhook(json!({"endpoint": format!("{elsewhere}/webhooks/zendesk")})).await;
    connected.only(&[("TANDEM_PUBLIC_URL", &elsewhere)], "reachability", "answers 404", "what stands between").await;
    connected.change_webhook(json!({"endpoint": format!("{}/webhooks/zendesk", connected.bridge.host.public)})).await;
    assert_eq!(connected.red(&[]).await, [Value::Null; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_that_sends_nothing_is_named() {
    let connected = Connected::start().await;
    let options = SandboxOptions::default();
    connected.bridge.sandbox.braze.set_campaign_state(&options.campaign_agent_reply, CampaignState::Archived);
    connected.only(&[], "campaign agent_reply", "is archived", "Unarchive it").await;
    connected.bridge.sandbox.braze.set_campaign_state(&options.campaign_agent_reply, CampaignState::Active);
    let wrong_kind = [("TANDEM_BRAZE__CAMPAIGNS__TICKET_SOLVED", options.campaign_inbound.as_str())];
    connected.only(&wrong_kind, "campaign ticket_solved", "sends by webhook", "braze.campaigns.ticket_solved").await;
    let unknown = [("TANDEM_BRAZE__CAMPAIGNS__AGENT_REPLY", "no-campaign-of-ours")];
    connected
        .only(&unknown, "campaign agent_reply", "no campaign no-campaign-of-ours", "braze.campaigns.agent_reply")
        .await;
    let group = [("TANDEM_BRAZE__SUBSCRIPTION_GROUP", "nonsense")];
    connected.only(&group, "subscription group", "Invalid subscription group", "braze.subscription_group").await;
    connected.bridge.sandbox.braze.deny("users.export.ids");
    assert_eq!(connected.red(&[]).await, [Value::Null; 0], "the bridge can do without");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_does_not_speak_tls_is_named_with_its_remedy() {
    let connected = Connected::start().await;
    let sandbox = &connected.bridge.sandbox;
    for (variable, url, what, key) in [
        ("TANDEM_ZENDESK__URL", sandbox.zendesk.url(), "credentials", "zendesk.url"),
        ("TANDEM_BRAZE__URL", sandbox.braze.url(), "key", "braze.url"),
    ] {
        let red = connected.red(&[(variable, &url.replacen("http:", "https:", 1))]).await;
        let line = red.iter().find(|line| line["what"] == what).unwrap_or_else(|| panic!("{what}: {red:#?}"));
        assert!(line["said"].as_str().unwrap().ends_with("it does not speak TLS"), "{line}");
        assert!(line["remedy"].as_str().unwrap().contains(&format!("Compare the port in {key}")), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_wrong_is_named() {
    let connected = Connected::start().await;
    connected.bridge.sandbox.zendesk.set_clock_ahead(SignedDuration::from_mins(7));
    connected.only(&[], "clock", "s behind Zendesk's", "NTP").await;
}

/// The two lines of a side about received webhooks: their colours and words.
fn inbound(report: &Value, side: &str, what: &str) -> Vec<(Value, String, Value)> {
    let lines = report["live"].as_array().unwrap().iter().filter(|line| line["side"] == side && line["what"] == what);
    lines
        .map(|line| (line["state"].clone(), line["said"].as_str().unwrap().to_owned(), line["remedy"].clone()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_in_is_told_where_the_bridge_runs_and_missed_where_it_does_not() {
    let connected = Connected::start().await;
    let report =
        async |variables: &[(&str, &str)]| connected.tandem(&["check", "--live", "--json"], variables).await.json();
    let nowhere = report(&[]).await;
    assert_eq!(nowhere["ok"], true, "{nowhere}");
    for side in ["Zendesk", "Braze"] {
        let [(state, said, _)] = &inbound(&nowhere, side, "inbound")[..] else { panic!("{nowhere}") };
        assert!(state == "unknown" && said.contains("http://127.0.0.1:1"), "{said}");
    }

    let listen = connected.bridge.host.operator.strip_prefix("http://").unwrap();
    let here = [("TANDEM_OPERATOR_LISTEN", listen)];
    let quiet = report(&here).await;
    let [(state, said, remedy)] = &inbound(&quiet, "Braze", "inbound texts")[..] else { panic!("{quiet}") };
    assert!(state == "note" && said.starts_with("never, since "), "{said}");
    assert!(remedy.as_str().unwrap().contains("setup braze --wait"), "{remedy}");

    let webhook = async |token: &str, dispatch: &str| {
        let url = format!("{}/webhooks/braze", connected.bridge.host.public);
        let body = format!("external_id=ada&text=Hello&dispatch={dispatch}");
        answer(connected.bridge.http.post(url).bearer_auth(token).body(body)).await.0
    };
    for _ in 0..3 {
        assert_eq!(webhook("wrong", "d").await, 401);
    }
    let red = connected.red(&here).await;
    let [line] = red.as_slice() else { panic!("{red:#?}") };
    assert_eq!((&line["side"], &line["what"]), (&json!("Braze"), &json!("refused")));
    assert!(line["said"].as_str().unwrap().starts_with("wrong token, 3 times, last "), "{line}");
    assert!(line["remedy"].as_str().unwrap().contains("braze.webhook_tokens"), "{line}");

    // A text that is taken shows that the campaign is right by now.
    assert_eq!(webhook(&SandboxOptions::default().braze_webhook_token, "d1").await, 202);
    let heard = report(&here).await;
    assert_eq!(heard["ok"], true, "{heard}");
    let [(state, said, _)] = &inbound(&heard, "Braze", "inbound texts")[..] else { panic!("{heard}") };
    assert!(state == "good" && said.starts_with("last seen ") && said.contains("(other "), "{said}");
    let [(state, said, _)] = &inbound(&heard, "Braze", "opt_in, opt_out, help")[..] else { panic!("{heard}") };
    assert!(state == "note" && said.contains("may never have been launched"), "{said}");
    let [(state, ..)] = &inbound(&heard, "Braze", "refused")[..] else { panic!("{heard}") };
    assert_eq!(state, "note");
    connected.bridge.finish(0).await;
}

/// The only tokens are those of persons, so the configuration has none to present.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_with_a_token_of_their_own_sees_what_came_in() {
    const OWN: &str = "adas-own-long-random-token";
    let mut bridge = Bridge::start_with("catch_up_minutes = 0\noperators = [{ name = \"ada\", role = \"read\", token = \"adas-own-long-random-token\" }]", "info").await;
    let config = bridge.host.config();
    let config = config.to_str().unwrap();
    let listen = bridge.host.operator.strip_prefix("http://").unwrap();
    let says = async |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = tandem(&[arguments, &["--config", config]].concat());
        command.env("TANDEM_PUBLIC_URL", &bridge.host.public).env("TANDEM_OPERATOR_LISTEN", listen);
        command.envs(variables.iter().copied());
        run(command).await
    };
    let live = ["check", "--live", "--json"];
    let with_option = [&live[..], &["--token", OWN, "--url", &bridge.host.operator]].concat();
    for (arguments, variable, told) in [
        (&live[..], None, "give yours with --token or in TANDEM_TOKEN"),
        (&live, Some("not-adas-token-at-all"), "the token in TANDEM_TOKEN is no operator's"),
        (&live, Some(OWN), "never, since "),
        (&with_option, None, "never, since "),
        (&with_option, Some("not-adas-token-at-all"), "never, since "),
    ] {
        let variable = variable.map(|token| ("TANDEM_TOKEN", token));
        let report = says(arguments, variable.as_slice()).await.json();
        let lines = report["live"].as_array().unwrap_or_else(|| panic!("{report}"));
        let texts =
            lines.iter().find(|line| line["side"] == "Braze" && line["what"].as_str().unwrap().starts_with("inbound"));
        let said = texts.unwrap_or_else(|| panic!("{report}"))["said"].as_str().unwrap();
        assert!(said.contains(told), "{arguments:?} {variable:?}: {said}");
    }

    // The variable of the key is the bridge's own, which the fault explains.
    let said = says(&["check"], &[("TANDEM_OPERATOR_TOKEN", OWN)]).await;
    assert!(said.code == 78 && said.out.contains("Give your own token in TANDEM_TOKEN"), "{said:?}");
    let said = says(&["check"], &[("TANDEM_TOKEN", OWN)]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let said = says(&["check", "--token", OWN], &[]).await;
    assert!(said.code == 2 && said.err.contains("--live"), "{said:?}");

    // An operator without the right is told so, without any progress.
    let all = ["deliveries", "discard", "--state", "dead", "--reason", "x"];
    let said = says(&all, &[("TANDEM_TOKEN", OWN)]).await;
    assert!(said.code == 1 && said.err.contains("403") && !said.err.contains("stopped"), "{said:?}");

    // Without a valid token the command would wait for ever, so it ends at once.
    let said = says(&["setup", "braze", "--wait"], &[]).await;
    assert!(said.code == 1 && said.err.contains("TANDEM_TOKEN"), "{said:?}");
    assert!(!said.out.contains("waiting for it"), "{said:?}");
    assert_eq!(bridge.host.stop().await, 0);
}

#[tokio::test]
async fn a_faulty_configuration_is_told_and_nobody_is_asked() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/tandem.example.toml");
    let said = run(tandem(&["check", "--live", "--json", "--config", example])).await;
    assert_eq!(said.code, 78, "{said:?}");
    assert!(said.json().get("live").is_none(), "{said:?}");
}
