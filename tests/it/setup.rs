//! Setting up: the objects installed at Zendesk, the pages printed for Braze, and a conversation that works through them.

use std::process::Command;

use serde_json::{Value, json};
use tandem::clock::Clock;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::triggers::TriggerBodies;
use tandem::sandbox::{Sandbox, SandboxOptions};
use tempfile::TempDir;

use crate::openapi;
use crate::process::{Said, run, shipped, tandem};
use crate::support::{TestBridge, answer, http_client, settings};

/// Vendors, and a configuration to set them up with.
struct Site {
    sandbox: Sandbox,
    directory: TempDir,
}

impl Site {
    /// With a public URL without a server.
    async fn start() -> Self {
        let options = SandboxOptions::default();
        let sandbox = Sandbox::start(options.clone(), Clock::system()).await.unwrap();
        sandbox.zendesk.install_triggers(TriggerBodies::Installed);
        let top = "public_url = \"http://127.0.0.1:9\"";
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("tandem.toml"), settings(&sandbox, &options, top, "", "")).unwrap();
        Self { sandbox, directory }
    }

    /// `tandem …` on this configuration.
    fn tandem(&self, arguments: &[&str]) -> Command {
        let config = self.directory.path().join("tandem.toml");
        tandem(&[arguments, &["--config", config.to_str().unwrap()]].concat())
    }

    async fn says(&self, arguments: &[&str]) -> Said {
        run(self.tandem(arguments)).await
    }

    /// Runs `tandem setup zendesk --json …`, which must end well.
    async fn set_up(&self, arguments: &[&str]) -> Value {
        let said = self.says(&[&["setup", "zendesk", "--json"], arguments].concat()).await;
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
        said.json()
    }

    /// The calls so far that wrote to Zendesk: method and path.
    fn writes(&self) -> Vec<String> {
        let calls = self.sandbox.zendesk.calls().into_iter();
        let writes = calls.filter(|call| call.method != "GET" && call.path != "/oauth/tokens");
        writes.map(|call| format!("{} {}", call.method, call.path)).collect()
    }

    async fn zendesk(&self, method: &str, path: &str, body: Value) -> Value {
        as_administrator(&self.sandbox, method, path, body).await
    }

    async fn list(&self, name: &str) -> Vec<Value> {
        let body = self.zendesk("GET", &format!("/api/v2/{name}"), Value::Null).await;
        body[name].as_array().unwrap().clone()
    }

    /// Every setting that an administrator can see, without values that change by the minute.
    async fn settings(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for name in ["user_fields", "trigger_categories", "triggers", "webhooks"] {
            all.extend(self.list(name).await);
        }
        all
    }

    /// The trigger with this title.
    async fn trigger(&self, title: &str) -> Value {
        let found = self.list("triggers").await.into_iter().find(|trigger| trigger["title"] == title);
        found.unwrap_or_else(|| panic!("there is no trigger {title}"))
    }

    async fn change_trigger(&self, title: &str, change: Value) {
        let id = self.trigger(title).await["id"].clone();
        self.zendesk("PUT", &format!("/api/v2/triggers/{id}"), json!({ "trigger": change })).await;
    }
}

/// Calls Zendesk's API as an administrator; it must end well.
pub(crate) async fn as_administrator(sandbox: &Sandbox, method: &str, path: &str, body: Value) -> Value {
    let options = SandboxOptions::default();
    let request = http_client()
        .request(method.parse().unwrap(), format!("{}{path}", sandbox.zendesk.url()))
        .basic_auth(format!("{}/token", options.zendesk_email), Some(options.zendesk_api_token))
        .body(body.to_string());
    let (status, body) = answer(request).await;
    assert!(status < 300, "{method} {path}: {status} {body}");
    body
}

/// The step for each object, without those that were kept.
fn done(report: &Value) -> Vec<(String, Value)> {
    let steps = report["steps"].as_array().unwrap().iter().filter(|step| step["does"] != "keeps");
    steps.map(|step| (step["what"].as_str().unwrap().to_owned(), step["does"].clone())).collect()
}

/// The calls with which the build before accounts (store format 3) set Zendesk up; the ids of the webhook and of the
/// category were other ones then.
const CALLS_BEFORE_ACCOUNTS: &str = include_str!("../fixtures/setup-format-3.json");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_version_has_set_up_is_kept_as_it_is() {
    let site = Site::start().await;
    let mut calls = CALLS_BEFORE_ACCOUNTS.to_owned();
    let count = serde_json::from_str::<Vec<Value>>(&calls).unwrap().len();
    for at in 0..count {
        let call = &serde_json::from_str::<Vec<Value>>(&calls).unwrap()[at];
        let made = site.zendesk(call["method"].as_str().unwrap(), call["path"].as_str().unwrap(), call["body"].clone());
        let made = made.await;
        for (object, placeholder) in [("webhook", "${WEBHOOK}"), ("trigger_category", "${CATEGORY}")] {
            if let Some(id) = made[object]["id"].as_str() {
                calls = calls.replace(placeholder, id);
            }
        }
    }
    assert!(!calls.contains("${"), "{calls}");
    let (settings, writes) = (site.settings().await, site.writes());
    let report = site.set_up(&[]).await;
    assert_eq!((&report["changes"], done(&report)), (&json!(0), vec![]), "{report}");
    assert_eq!((site.settings().await, site.writes()), (settings, writes));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn setting_up_twice_changes_nothing_the_second_time_and_says_so() {
    let site = Site::start().await;
    let first = site.set_up(&[]).await;
    assert_eq!(first["changes"], 6, "{first}");
    assert!(done(&first).iter().all(|(_, does)| does == "creates"), "{first}");
    let (settings, writes) = (site.settings().await, site.writes());
    assert_eq!(writes.len(), 6, "{writes:?}");

    let second = site.set_up(&[]).await;
    assert_eq!((&second["changes"], done(&second)), (&json!(0), vec![]), "{second}");
    assert_eq!((site.settings().await, site.writes()), (settings, writes));
    let said = site.says(&["setup", "zendesk"]).await;
    assert!(said.out.contains("Nothing has to be changed."), "{said:?}");
    assert_eq!(said.out.matches("is as it should be").count(), 6, "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_prints_every_call_and_makes_none_that_writes() {
    let site = Site::start().await;
    let before = site.settings().await;
    let planned = site.set_up(&["--dry-run"]).await;
    assert_eq!((site.writes(), site.settings().await), (vec![], before));
    let said = site.says(&["setup", "zendesk", "--dry-run"]).await;
    site.set_up(&[]).await;
    let calls =
        site.sandbox.zendesk.calls().into_iter().filter(|call| call.method == "POST" && call.path != "/oauth/tokens");
    let calls: Vec<_> = calls.collect();
    let steps: Vec<&Value> = planned["steps"].as_array().unwrap().iter().collect();
    assert_eq!(steps.len(), calls.len());
    for (step, made) in steps.into_iter().zip(calls) {
        let call = &step["call"];
        assert_eq!((&call["method"], &call["path"]), (&json!(made.method), &json!(made.path)));
        let kind = made.body.as_object().unwrap().keys().next().unwrap().clone();
        for (name, value) in made.body[&kind].as_object().unwrap() {
            // An object that did not exist yet has no id to show.
            if !["category_id", "actions"].contains(&name.as_str()) {
                assert_eq!(&call["body"][&kind][name], value, "{step}");
            }
        }
        assert!(said.out.contains(&format!("{} {}\n{{", made.method, made.path)), "{}", said.out);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_we_send_fits_zendesks_own_description() {
    let site = Site::start().await;
    site.set_up(&[]).await;
    let mut checked = 0;
    for call in site.sandbox.zendesk.calls().iter().filter(|call| call.method == "POST") {
        let schema = match call.path.as_str() {
            "/api/v2/triggers" => "TriggerRequest",
            "/api/v2/trigger_categories" => "TriggerCategoryRequest",
            "/api/v2/user_fields" => "UserFieldRequest",
            // The description leaves webhooks out.
            _ => continue,
        };
        assert_eq!(openapi::check(schema, &call.body), Ok(()), "{}", call.body);
        checked += 1;
    }
    assert_eq!(checked, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_drifted_is_put_right_and_told() {
    let site = Site::start().await;
    site.set_up(&[]).await;
    let good = site.settings().await;
    let without_times = |settings: Vec<Value>| -> Vec<Value> {
        let strip = |mut record: Value| {
            record.as_object_mut().unwrap().remove("updated_at");
            record
        };
        settings.into_iter().map(strip).collect()
    };
    site.change_trigger("tandem: agent replied", json!({"active": false})).await;
    site.change_trigger("tandem: ticket solved", json!({"conditions": {"all": [], "any": []}})).await;
    let webhook = site.list("webhooks").await[0]["id"].as_str().unwrap().to_owned();
    let change = json!({"webhook": {"endpoint": "https://elsewhere.example/webhooks/zendesk", "status": "inactive"}});
    let hook = format!("/api/v2/webhooks/{webhook}");
    site.zendesk("PATCH", &hook, change).await;
    let report = site.set_up(&[]).await;
    let mended = |what: &str, faults: &[&str]| (what.to_owned(), json!({ "mends": faults }));
    assert_eq!(
        done(&report),
        [
            mended(
                "webhook \"tandem\"",
                &[
                    "posts to https://elsewhere.example/webhooks/zendesk instead of http://127.0.0.1:9/webhooks/zendesk",
                    "is inactive"
                ]
            ),
            mended("trigger \"tandem: agent replied\"", &["is inactive"]),
            mended("trigger \"tandem: ticket solved\"", &["has other conditions"]),
        ]
    );
    assert_eq!(without_times(site.settings().await), without_times(good));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removing_leaves_nothing_of_ours_and_everything_of_others() {
    let site = Site::start().await;
    let hook = json!({"webhook": {"name": "crm", "endpoint": "https://crm.example", "http_method": "POST",
        "request_format": "json", "status": "active", "subscriptions": ["conditional_ticket_events"]}});
    site.zendesk("POST", "/api/v2/webhooks", hook).await;
    let field = json!({"user_field": {"key": "shoe_size", "type": "integer", "title": "Shoe size"}});
    site.zendesk("POST", "/api/v2/user_fields", field).await;
    let before = site.settings().await;
    site.set_up(&[]).await;
    assert_eq!(site.settings().await.len(), before.len() + 6);

    let writes = site.writes();
    let planned = site.set_up(&["--remove", "--dry-run"]).await;
    assert_eq!((&planned["changes"], site.writes()), (&json!(6), writes));
    let said = site.says(&["setup", "zendesk", "--remove"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.out.matches("was removed").count(), 6, "{said:?}");
    assert_eq!(site.settings().await, before);
    assert_eq!(site.set_up(&["--remove"]).await["steps"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_was_there_before_is_used_and_never_removed() {
    let site = Site::start().await;
    let field = json!({"user_field": {"key": "braze_external_id", "type": "text", "title": "Braze"}});
    site.zendesk("POST", "/api/v2/user_fields", field).await;
    assert_eq!(site.set_up(&[]).await["changes"], 5);
    let said = site.says(&["setup", "zendesk", "--remove"]).await;
    assert!(said.out.contains("user field \"braze_external_id\" stays"), "{said:?}");
    assert_eq!(site.list("user_fields").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_names_the_scope_that_is_missing() {
    for (withheld, named, installed) in [
        ("webhooks:read", "webhooks:read", 0),
        ("webhooks:write", "webhooks:write", 0),
        ("triggers:write", "triggers:write", 1),
        // Which scope covers the field is not documented; the rest does not wait for it.
        ("users:write", "users:write", 5),
    ] {
        let site = Site::start().await;
        let before = site.settings().await.len();
        site.sandbox.zendesk.withhold_scope(withheld);
        let said = site.says(&["setup", "zendesk"]).await;
        assert_eq!(said.code, 1, "{withheld}: {said:?}");
        assert!(said.err.contains(&format!("the scope {named} is missing")), "{withheld}: {said:?}");
        assert_eq!(site.settings().await.len(), before + installed, "{withheld}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_and_a_missing_address_are_told_before_anything_is_read() {
    let site = Site::start().await;
    let with = async |name: &str, value: &str| {
        let mut command = site.tandem(&["setup", "zendesk"]);
        command.env(name, value);
        run(command).await
    };
    let said = with("TANDEM_ZENDESK__CLIENT_SECRET", "wrong").await;
    assert!(said.code == 1 && said.err.contains("zendesk.client_secret"), "{said:?}");
    let planned = async |name: &str, value: &str| {
        let mut command = site.tandem(&["setup", "zendesk", "--dry-run"]);
        command.env(name, value);
        run(command).await
    };
    let said = planned("TANDEM_ZENDESK__CLIENT_SECRET", "wrong").await;
    let end = "Nothing was changed; what would be is not all known.";
    assert!(said.code == 1 && said.out.ends_with(end) && !said.out.contains("of these would be"), "{said:?}");
    let said = with("TANDEM_PUBLIC_URL", "ftp://x").await;
    assert!(said.code == 78 && said.err.contains("public_url"), "{said:?}");
    let config = site.directory.path().join("tandem.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let legacy = text.replace("client_id = \"sandbox_client\"", "email = \"bridge@sandbox.invalid\"");
    let legacy = legacy.replace("client_secret = \"sandbox-client-secret-not-real\"", "api_token = \"wrong\"");
    std::fs::write(&config, legacy).unwrap();
    let said = site.says(&["setup", "zendesk"]).await;
    assert!(said.code == 1 && said.err.contains("Anonymous user"), "{said:?}");
    assert_eq!(site.writes(), [""; 0]);
}

/// The operator's way: set up, take over the secret that is shown, serve. Then only the installed objects carry the agent's
/// side of the conversation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_works_through_what_was_installed() {
    let mut bridge = TestBridge::start().await;
    bridge.sandbox.zendesk.install_triggers(TriggerBodies::Installed);
    let options = SandboxOptions::default();
    let file = bridge.directory.path().join("setup.toml");
    let text = settings(&bridge.sandbox, &options, "", "", "").replace("webhook_secrets", "# webhook_secrets");
    std::fs::write(&file, text).unwrap();
    // The bridge gets another port at every start; a proxy in front of it would not.
    let set_up = async |public: &str| {
        let mut command = tandem(&["setup", "zendesk", "--json", "--config", file.to_str().unwrap()]);
        command.env("TANDEM_PUBLIC_URL", public);
        let said = run(command).await;
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
        said.json()
    };
    let secret = set_up("http://127.0.0.1:9").await["signing_secret"].as_str().unwrap().to_owned();
    bridge.restart_with(|settings| settings.replace(&options.zendesk_webhook_secret, &secret)).await;
    set_up(&bridge.public).await;

    let (ticket, customer) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>It left \"today\".<br>Track it.</p>");
    bridge.sandbox.zendesk.agent_note(ticket, "internal");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["It left \"today\".\nTrack it."]);
    bridge.sandbox.zendesk.set_status(ticket, tandem::sandbox::zendesk::TicketStatus::Solved);
    bridge.settled().await;
    assert_eq!(bridge.texts().len(), 2, "the closing text");
    bridge.sandbox.phone.text(&customer, "It arrived broken.");
    bridge.settled().await;
    assert_eq!(bridge.comments(ticket), ["Hello", "It left \"today\".\nTrack it.", "internal", "It arrived broken."]);
    let told = bridge.sandbox.zendesk.webhooks_delivered();
    assert!(told.iter().all(|attempt| attempt.path == format!("{}/webhooks/zendesk", bridge.public)), "{told:?}");
    for event in ["agent_reply", "ticket_solved", "ticket_reopened"] {
        assert!(told.iter().any(|attempt| attempt.body.contains(event)), "{event} among {told:?}");
    }
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_printed_for_braze_is_what_the_bridge_takes() {
    let bridge = TestBridge::start().await;
    let options = SandboxOptions::default();
    let file = bridge.directory.path().join("setup.toml");
    std::fs::write(&file, settings(&bridge.sandbox, &options, "", "", "")).unwrap();
    let setup = |arguments: &[&str]| {
        let words = ["setup", "braze", "--group", "sub&group", "--category", "ORDERS & more", "--config"];
        let mut command = tandem(&[&words[..], &[file.to_str().unwrap()], arguments].concat());
        command.env("TANDEM_PUBLIC_URL", &bridge.public);
        command
    };
    let said = run(setup(&["--json"])).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert!(!said.out.contains(&options.braze_webhook_token), "{said:?}");
    let report = said.json();
    let (blocks, campaigns) = (report["blocks"].as_array().unwrap(), report["webhook_campaigns"].as_array().unwrap());
    let common = blocks.last().unwrap();
    let field = |block: &Value, name: &str| {
        let pairs = block["fields"].as_array().unwrap().iter();
        let found: Vec<_> =
            pairs.filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap().to_owned()).collect();
        found
    };
    let customer = json!({"campaign.${api_id}": "camp", "${braze_id}": "b-1", "${user_id}": "ada &=", "${phone_number}":
        "+15555550100", "${email_address}": "ada@example.com", "${first_name}": "Ada", "${last_name}": "L & L",
        "sms.${inbound_message_body}": "He said \"50% & more\"\nbye {{x}}", "sms.${inbound_media_urls}": ""});
    let mut texts = 0;
    for (number, campaign) in campaigns.iter().enumerate() {
        // The printed text: the body that is common to all, with the campaign's own word.
        let body = field(common, "Raw text").remove(0).replace("CATEGORY", campaign["word"].as_str().unwrap());
        assert_eq!(campaign["body"], body);
        let mut body = body.replace("{{campaign.${dispatch_id}}}", &format!("d-{number}"));
        for (name, value) in customer.as_object().unwrap() {
            let value: String = form_urlencoded::byte_serialize(value.as_str().unwrap().as_bytes()).collect();
            body = body
                .replace(&format!("{{{{{name} | url_encode}}}}"), &value)
                .replace(&format!("{{{{{name}}}}}"), &value);
        }
        let headers = field(common, "Header");
        assert!(headers[0].starts_with("Authorization: Bearer <the entry of braze.webhook_tokens"), "{headers:?}");
        let content_type = headers[1].split_once(": ").unwrap();
        let request = bridge.http.post(field(common, "URL").remove(0)).bearer_auth(&options.braze_webhook_token);
        let (status, said) = answer(request.header(content_type.0, content_type.1).body(body)).await;
        assert_eq!((status, &said["status"]), (202, &json!("accepted")), "{campaign}: {said}");
        texts += 1;
    }
    assert_eq!(texts, 5, "one for each category");
    bridge.settled().await;
    let tickets = bridge.sandbox.zendesk.tickets();
    assert_eq!(tickets.len(), 1, "{tickets:?}");
    let written = bridge.comments(tickets[0].id);
    assert!(written.iter().any(|text| text.contains("He said \"50% & more\"\nbye {")), "{written:?}");

    let said = run(setup(&[])).await;
    for block in blocks {
        assert!(said.out.contains(block["title"].as_str().unwrap()), "{said:?}");
    }
    for campaign in campaigns {
        let (name, word) = (campaign["name"].as_str().unwrap(), campaign["word"].as_str().unwrap());
        let row =
            said.out.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_else(|| panic!("{said:?}"));
        assert!(row.ends_with(word), "{row}");
    }
    assert_eq!(said.out.matches("channel=sms").count(), 1, "what is common is printed once: {said:?}");
    bridge.finish(0).await;
}

#[tokio::test]
async fn the_page_for_braze_holds_everything_and_no_secret_unless_asked() {
    let site = Site::start().await;
    let token = SandboxOptions::default().braze_webhook_token;
    let (file, secret) = (site.directory.path().join("braze.html"), site.directory.path().join("with-token.html"));
    let words = ["setup", "braze", "--group", "sub&group", "--category", "<b>ORDERS</b>", "--html"];
    let said = site.says(&[&words[..], &[file.to_str().unwrap()]].concat()).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(!page.contains(&token) && page.contains("of braze.webhook_tokens"), "the token is named by its key");
    assert!(!page.contains("<b>ORDERS</b>"), "what is typed is no markup");
    assert!(!page.contains("src=") && !page.contains("href=\"http"), "it loads nothing");
    let encoded = tandem::vendors::braze::setup::body(tandem::domain::line::Channel::Sms, "opt_out", "sub&group")
        .replace('&', "&#38;");
    assert!(page.contains(&encoded), "{encoded} is not on the page");
    let again = site.says(&[&words[..], &[file.to_str().unwrap()]].concat()).await;
    assert!(again.code == 1 && again.err.contains("exists"), "{again:?}");
    assert_eq!(site.says(&[&words[..], &["-"]].concat()).await.out, page.trim_end());

    let said = site.says(&[&words[..], &[secret.to_str().unwrap(), "--with-token"]].concat()).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(std::fs::read_to_string(&secret).unwrap().contains(&format!("Bearer {token}")));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&secret).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "only its owner reads a page with a token");
    let said = site.says(&["setup", "braze", "--with-token"]).await;
    assert!(said.code == 2 && said.err.contains("--html"), "{said:?}");
}

/// Zendesk's own list of conditions is a help; a list that is empty, hidden or gone does not speak against ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_lists_no_conditions_is_set_up_with_a_note() {
    let empty = json!({"definitions": {"actions": [], "conditions_all": [], "conditions_any": []}}).to_string();
    for (what, why) in [
        (FaultKind::Status { code: 200, headers: Vec::new(), body: empty }, "lists none"),
        (FaultKind::status(403), "403"),
        (FaultKind::status(404), "404"),
    ] {
        let site = Site::start().await;
        site.sandbox.zendesk.fail(Fault::on("GET", "/triggers/definitions", what));
        let report = site.set_up(&[]).await;
        assert_eq!(report["changes"], 6, "{why}: {report}");
        let [note] = report["notes"].as_array().unwrap().as_slice() else { panic!("{why}: {report}") };
        let note = note.as_str().unwrap();
        assert!(note.contains("cannot tell which conditions this account knows") && note.contains(why), "{note}");
        assert_eq!(site.set_up(&[]).await["notes"], json!([]));
    }
    // An account that does list them, and lacks one, is refused as before.
    let site = Site::start().await;
    let lacking = json!({"definitions": {"conditions_all": [{"subject": "status", "operators": [], "values": []}]}});
    let what = FaultKind::Status { code: 200, headers: Vec::new(), body: lacking.to_string() };
    site.sandbox.zendesk.fail(Fault::on("GET", "/triggers/definitions", what));
    let said = site.says(&["setup", "zendesk"]).await;
    assert!(said.code == 1 && said.err.contains("role is_not end_user"), "{said:?}");
    assert_eq!(site.writes(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn setting_up_ends_with_what_the_bridge_needs_then() {
    let site = Site::start().await;
    let said = site.says(&["setup", "zendesk"]).await;
    assert!(said.out.ends_with("No bridge answers at http://127.0.0.1:1: start it with tandem serve."), "{said:?}");
    let bridge = TestBridge::start().await;
    let operator = bridge.operator.strip_prefix("http://").unwrap();
    let mut command = site.tandem(&["setup", "zendesk"]);
    command.env("TANDEM_OPERATOR_LISTEN", operator);
    let said = run(command).await;
    let last = said.out.lines().last().unwrap();
    assert!(last.starts_with(&format!("A bridge runs at http://{operator}: reload the bridge")), "{said:?}");
    let mut command = site.tandem(&["setup", "zendesk"]);
    let secret = SandboxOptions::default().zendesk_webhook_secret;
    site.sandbox.zendesk.sign_with(&secret);
    command.env("TANDEM_OPERATOR_LISTEN", operator);
    let said = run(command).await;
    assert!(said.out.ends_with("Nothing has to be changed."), "nothing is left to do: {said:?}");
}

#[tokio::test]
async fn the_manual_says_what_setting_up_does() {
    let (zendesk, braze) = (shipped("docs/zendesk.md"), shipped("docs/braze.md"));
    assert!(
        braze.contains(&tandem::vendors::braze::setup::body(tandem::domain::line::Channel::Sms, "other", "GROUP_ID")),
        "the body of Braze's webhook campaigns"
    );
    let drawn = |name: &str| shipped(&format!("docs/images/{name}.svg"));
    let (triggers, campaigns) = (drawn("zendesk-triggers"), drawn("braze-campaigns"));
    for trigger in &tandem::vendors::zendesk::setup::TRIGGERS {
        assert!(zendesk.contains(trigger.title) && zendesk.contains(trigger.body), "{}", trigger.title);
        assert!(triggers.contains(trigger.title), "the drawing of the triggers lacks {}", trigger.title);
    }
    let (text, webhook) = (drawn("braze-sms-campaign"), drawn("braze-webhook-campaign"));
    assert!(
        text.contains(tandem::vendors::braze::setup::TEXT_TEMPLATE)
            && braze.contains(tandem::vendors::braze::setup::TEXT_TEMPLATE)
    );
    for word in ["/webhooks/braze", "Authorization: Bearer", "application/x-www-form-urlencoded", "channel=sms"] {
        assert!(webhook.contains(word), "the drawing of a webhook campaign lacks {word}");
    }
    for category in ["other", "opt_in", "opt_out", "help"] {
        assert!(braze.contains(&format!("`{category}`")), "the table of categories lacks {category}");
        assert!(campaigns.contains(&format!("category={category}<")), "the drawing of campaigns lacks {category}");
    }
}
