//! SIGHUP: secrets are rotated while the bridge runs, and a broken configuration changes nothing.

use std::fs;
use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;
use tandem::sandbox::SandboxOptions;
use tandem::sandbox::server::{Fault, FaultKind};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::process::{Bridge, Process, shipped};
use crate::support::{DEADLINE, TestBridge, answer, json};

const OLD: &str = "the-old-webhook-token-of-braze";
const NEW: &str = "the-new-webhook-token-of-braze";

impl Bridge {
    /// Changes the file, sends SIGHUP, and waits until the log has one more line with these words.
    async fn rotate(&mut self, change: impl FnOnce(String) -> String, words: &str) {
        let path = self.host.config();
        let changed = change(fs::read_to_string(&path).unwrap());
        fs::write(&path, changed).unwrap();
        let process = self.host.process.as_mut().unwrap();
        let before = process.log().iter().filter(|line| line.contains(words)).count();
        process.signal("HUP");
        process.logs_times(words, before + 1).await;
    }

    async fn present(&self, token: &str, dispatch: &str) -> u16 {
        let body = format!("external_id=ada&text=Hello+there&dispatch={dispatch}");
        answer(self.http.post(format!("{}/webhooks/braze", self.host.public)).bearer_auth(token).body(body)).await.0
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_rotated_under_load_and_no_webhook_is_refused() {
    let mut bridge = Bridge::start().await;
    let theirs = SandboxOptions::default().braze_webhook_token;
    let listed = |tokens: &[&str]| {
        let tokens: Vec<String> = tokens.iter().map(|token| format!("\"{token}\"")).collect();
        format!("webhook_tokens = [{}]", tokens.join(", "))
    };
    // The sandbox keeps its own, so that the rest of the test's world goes on.
    bridge.rotate(|file| file.replace(&listed(&[&theirs]), &listed(&[&theirs, OLD])), "config.reloaded").await;
    let presents = Arc::new(AtomicBool::new(false));
    let stop = Arc::new(AtomicBool::new(false));
    // The accepted webhooks of each of four senders, with the old token and with the new one.
    let (taken, mut seen) = watch::channel([[0_usize; 2]; 4]);
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            let (presents, stop, taken) = (Arc::clone(&presents), Arc::clone(&stop), taken.clone());
            let (http, url) = (bridge.http.clone(), format!("{}/webhooks/braze", bridge.host.public));
            tokio::spawn(async move {
                let mut number = 0;
                while !stop.load(Ordering::Acquire) {
                    let is_new = presents.load(Ordering::Acquire);
                    let token = if is_new { NEW } else { OLD };
                    let body = format!("external_id=c{sender}&text=Hello&dispatch=d{sender}-{number}");
                    let (status, told) = answer(http.post(&url).bearer_auth(token).body(body)).await;
                    assert_eq!(status, 202, "{token}: {told}");
                    taken.send_modify(|taken| taken[sender][usize::from(is_new)] += 1);
                    number += 1;
                }
            })
        })
        .collect();
    // Waits until every sender has `by` more accepted webhooks with this token.
    let mut more = async |token: usize, by: usize| {
        let from = *seen.borrow_and_update();
        let enough = seen.wait_for(|now| (0..4).all(|sender| now[sender][token] >= from[sender][token] + by));
        drop(tokio::time::timeout(DEADLINE, enough).await.expect("webhooks are taken").unwrap());
    };
    more(0, 5).await;
    let both = listed(&[&theirs, OLD, NEW]);
    bridge.rotate(|file| file.replace(&listed(&[&theirs, OLD]), &both), "config.reloaded").await;
    more(0, 5).await;
    presents.store(true, Ordering::Release);
    more(1, 5).await;
    bridge.rotate(|file| file.replace(&both, &listed(&[&theirs, NEW])), "config.reloaded").await;
    more(1, 5).await;
    stop.store(true, Ordering::Release);
    for sender in senders {
        sender.await.unwrap();
    }
    assert_eq!(bridge.present(OLD, "late").await, 401, "the old one is over");
    // The number of texts depends on the machine; delivering them all may take longer than Zendesk's minute.
    assert_eq!(bridge.host.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secrets_file_is_read_again_as_well() {
    let mut bridge = Bridge::start().await;
    let theirs = SandboxOptions::default().braze_webhook_token;
    let secrets = tandem::config::secrets_file::beside(&bridge.host.config());
    assert_eq!(bridge.present(NEW, "d1").await, 401);
    fs::write(&secrets, format!("TANDEM_BRAZE__WEBHOOK_TOKENS='{theirs},{NEW}'\n")).unwrap();
    bridge.rotate(|file| file, "config.reloaded").await;
    assert_eq!((bridge.present(&theirs, "d2").await, bridge.present(NEW, "d3").await), (202, 202));
    fs::write(&secrets, format!("TANDEM_BRAZE__WEBHOOK_TOKENS='{theirs}'\nTANDEM_NONSENSE=1\n")).unwrap();
    bridge.rotate(|file| file, "config.refused").await;
    assert_eq!(bridge.present(NEW, "d4").await, 202, "a faulty one is refused as a whole");
    assert_eq!(bridge.host.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_configuration_is_refused_as_a_whole_and_what_cannot_change_is_kept() {
    let mut bridge = Bridge::start().await;
    let theirs = SandboxOptions::default().braze_webhook_token;
    let good = fs::read_to_string(bridge.host.config()).unwrap();
    let broken = |file: String| file.replace(&theirs, NEW) + "\n[zendezk]\nurl = \"x\"\n";
    bridge.rotate(broken, "config.refused").await;
    let log = bridge.host.logged().join("\n");
    assert!(log.contains("config.fault: zendezk"), "{log}");
    assert_eq!((bridge.present(&theirs, "d1").await, bridge.present(NEW, "d2").await), (202, 401));

    let moved = |file: String| {
        let listen = file.replace("listen = \"127.0.0.1:0\"\noperator", "listen = \"127.0.0.1:9\"\noperator");
        assert_ne!(listen, file);
        listen
    };
    bridge.rotate(|_| moved(good.clone()), "config.waits").await;
    let waits = bridge.host.logged().into_iter().rfind(|line| line.contains("config.waits")).unwrap();
    assert!(waits.contains("\"keys\":\"listen\""), "{waits}");
    assert_eq!((bridge.present(&theirs, "d3").await, bridge.status("/readyz").await), (202, 200));
    let page = json(bridge.http.get(format!("{}/metrics", bridge.host.operator)).send().await.unwrap()).await;
    for line in ["tandem_config_reloads_total{result=\"taken\"} 1", "tandem_config_reloads_total{result=\"refused\"} 1"]
    {
        assert!(page.as_str().unwrap().lines().any(|found| found == line), "{line} is not on the page: {page}");
    }
    fs::write(bridge.host.config(), good).unwrap();
    bridge.finish(0).await;
}

#[tokio::test]
async fn credentials_are_mended_without_a_restart() {
    let mut bridge = TestBridge::start().await;
    let (ticket, customer) = bridge.talking("ada").await;
    let options = SandboxOptions::default();
    let (key, secret) = (options.braze_api_key.as_str(), options.zendesk_client_secret.as_str());
    bridge.reload_with(|file| file.replace(key, "not-the-key").replace(secret, "not-the-secret")).await;
    let taken = "tandem_config_reloads_total{result=\"taken\"} 1";
    let mut page = Value::Null;
    for _ in 0..1000 {
        page = json(bridge.http.get(format!("{}/metrics", bridge.operator)).send().await.unwrap()).await;
        if page.as_str().unwrap().contains(taken) {
            break;
        }
    }
    assert!(page.as_str().unwrap().contains(taken), "it is never taken over: {page}");
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>Hello</p>");
    bridge.sandbox.phone.text(&customer, "Are you there?");
    let held = |all: &[Value]| all.iter().any(|one| one["kind"] == "customer_text" && one["state"] == "waiting");
    bridge.until_deliveries("a text that is refused", held).await;
    bridge.reload_with(|file| file.replace("not-the-key", key).replace("not-the-secret", secret)).await;
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Hello"]);
    assert!(bridge.comments(ticket).contains(&"Are you there?".to_owned()));
    bridge.finish(0).await;
}

#[tokio::test]
async fn the_operators_token_is_rotated_too() {
    let old = "operator_token = \"the-old-operator-token\"";
    let mut bridge = TestBridge::start_with(old, "").await;
    let ask = async |bridge: &TestBridge, token: &str| {
        answer(bridge.http.get(format!("{}/api/deliveries", bridge.operator)).bearer_auth(token)).await.0
    };
    assert_eq!(ask(&bridge, "the-old-operator-token").await, 200);
    bridge.reload_with(|file| file.replace("the-old-operator-token", "the-new-operator-token")).await;
    let mut tries = 0;
    while ask(&bridge, "the-new-operator-token").await != 200 {
        tries += 1;
        assert!(tries < 1000, "the new token is never taken");
    }
    assert_eq!(ask(&bridge, "the-old-operator-token").await, 401);
    bridge.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_and_lines_that_come_wait_for_a_restart_and_the_console_shows_those_in_force() {
    let mut bridge = Bridge::start().await;
    let more = "
[accounts.canada]
vendor = \"braze\"
url = \"https://rest.iad-05.braze.com\"
api_key = \"another-braze-key-not-real\"
webhook_tokens = [\"another-webhook-token-not-real\"]
campaigns = { agent_reply = \"00000000-0000-4000-8000-000000000009\" }
[[lines]]
name = \"uk\"
carrier = \"braze\"
address = \"uk-group\"
";
    bridge.rotate(|file| file + more, "config.waits").await;
    let waits = bridge.host.logged().into_iter().rfind(|line| line.contains("config.waits")).unwrap();
    assert!(waits.contains("\"keys\":\"accounts.canada, lines.uk\""), "{waits}");
    let settings = async |bridge: &Bridge| {
        let page = bridge.http.get(format!("{}/console/settings", bridge.host.operator)).send().await.unwrap();
        page.text().await.unwrap()
    };
    assert!(!settings(&bridge).await.contains("canada"));
    assert_eq!(bridge.host.stop().await, 0);
    bridge.host.start(&bridge.sandbox).await;
    let page = settings(&bridge).await;
    for words in [">Account canada</h2>", ">Line uk</h2>", ">accounts.canada.api_key<", ">uk-group<"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("not-real"), "{page}");
    // A reload takes the secrets of a further account, and a fault in one refuses the whole.
    bridge
        .rotate(|file| file.replace("another-braze-key-not-real", "a-new-braze-key-not-real"), "config.reloaded")
        .await;
    let waiting = bridge.host.logged().into_iter().filter(|line| line.contains("config.waits")).count();
    assert_eq!(waiting, 1, "the new key waits for nothing");
    bridge.rotate(|file| file.replace("vendor = \"braze\"", "vendor = \"twilio\""), "config.refused").await;
    let log = bridge.host.logged().join("\n");
    assert!(log.contains("config.fault: accounts.canada.vendor"), "{log}");
    assert_eq!(bridge.host.stop().await, 0);
}

/// The configuration comes through a pipe, so the process has begun and has not got it when the signal comes.
#[tokio::test]
async fn a_signal_before_the_configuration_is_read_ends_nothing() {
    let bridge = Bridge::at_rest("", "", "info", Duration::ZERO).await;
    let (path, settings) = (bridge.host.config(), fs::read(bridge.host.config()).unwrap());
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let mut process = Process::spawn(bridge.host.serve(), "");
    let open = || {
        let path = path.clone();
        async { spawn_blocking(|| fs::OpenOptions::new().write(true).open(path)).await.unwrap().unwrap() }
    };
    let mut pipe = open().await;
    process.signal("HUP");
    pipe.write_all(&settings).unwrap();
    drop(pipe);
    assert!(process.logs("tandem.started").await.is_some(), "{:#?}", process.log());
    // The signal is heeded once there is a bridge.
    open().await.write_all(&settings).unwrap();
    assert!(process.logs("config.reloaded").await.is_some(), "{:#?}", process.log());
    process.signal("TERM");
    assert_eq!(process.exit().await, 0);
}

/// Puts a mapping of the operator's own into the directory that the configuration names.
fn write_mapping(bridge: &Bridge, name: &str, change: impl FnOnce(String) -> String) {
    let directory = bridge.host.directory.path().join("own");
    fs::create_dir_all(&directory).unwrap();
    let shipped = shipped(&format!("mappings/{name}.toml"));
    let changed = change(shipped.clone());
    assert_ne!(changed, shipped);
    fs::write(directory.join(format!("{name}.toml")), changed).unwrap();
}

fn with_mappings(file: String) -> String {
    format!("mappings = \"own\"\n{file}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_is_put_in_force_when_it_checks_and_not_when_it_does_not() {
    let mut bridge = Bridge::start().await;
    let ada = bridge.customer("ada");
    bridge.text(&ada, "Hello").await;
    let ticket = bridge.ticket_of("ada").await;
    let signed = |by: &str| {
        let by = by.to_owned();
        move |text: String| {
            text.replace("{{ message.text }}", &format!("{{{{ message.text }}}} - {by}"))
                .replace("{{ message.msg_body }}", &format!("{{{{ message.msg_body }}}} - {by}"))
        }
    };
    write_mapping(&bridge, "agent_reply", signed("Acme"));
    bridge.rotate(with_mappings, "config.reloaded").await;
    let log = bridge.host.logged().join("\n");
    assert!(
        log.contains("mappings.reloaded: in force from now on: agent_reply.toml;") && !log.contains("config.waits"),
        "{log}"
    );
    bridge.sandbox.zendesk.agent_reply(ticket, "one");
    bridge.settled().await;

    write_mapping(&bridge, "agent_reply", |text| format!("{text}\nnonsense = \"{{{{ nonsense }}}}\"\n"));
    bridge.rotate(|file| file, "config.refused").await;
    let log = bridge.host.logged().join("\n");
    let fault =
        log.lines().find(|line| line.contains("config.fault: agent_reply.toml")).unwrap_or_else(|| panic!("{log}"));
    let line = shipped("mappings/agent_reply.toml").lines().count() + 2;
    assert!(fault.contains(&format!("(line {line})")) && fault.contains("there is no `nonsense`"), "{fault}");
    bridge.sandbox.zendesk.agent_reply(ticket, "two");
    bridge.settled().await;

    write_mapping(&bridge, "agent_reply", signed("Acme Ltd"));
    write_mapping(&bridge, "ticket_solved", |text| text.replace("has been closed", "is closed"));
    bridge.rotate(|file| file, "config.reloaded").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "three");
    bridge.settled().await;
    assert_eq!(bridge.texts_to(&ada), ["one - Acme", "two - Acme", "three - Acme Ltd"]);
    // The console shows the text that is in force, not the shipped one.
    let page = bridge.http.get(format!("{}/console/settings/mapping?name=agent_reply", bridge.host.operator));
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Acme Ltd"), "{page}");
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_shows_ones_own_words_of_notes_by_name_and_in_the_sample_of_a_note() {
    let mut bridge = Bridge::start().await;
    let own = bridge.host.directory.path().join("own");
    fs::create_dir_all(&own).unwrap();
    let words = "language = \"de\"\n[says]\nreply_not_texted = \"Ging nicht hinaus ({{ comment }}): {{ why }}\"\n";
    fs::write(own.join("notes.de.toml"), words).unwrap();
    let german = |file: String| with_mappings(format!("{file}\n[notes]\nlanguage = \"de\"\n"));
    bridge.rotate(german, "config.reloaded").await;
    let get = async |path: &str| {
        let page = bridge.http.get(format!("{}/console/settings{path}", bridge.host.operator));
        page.send().await.unwrap().text().await.unwrap()
    };
    let settings = get("").await;
    for (name, means) in
        [("failure_note", "As shipped"), ("notes.de", "Your own file"), ("notes.fr", "As shipped; not in use")]
    {
        let (_, tile) = settings.split_once(&format!("mapping?name={name}\"")).unwrap_or_else(|| panic!("{name}"));
        let tile = tile.split_once("</a>").unwrap().0;
        assert!(tile.ends_with(&format!("<span class=\"tile-means\">{means}</span>")), "{name}: {tile}");
    }
    let note = get("/mapping?name=failure_note").await;
    assert!(note.contains("Ging nicht hinaus (4711): "), "{note}");
    let shown = get("/mapping?name=notes.de").await;
    assert!(shown.contains(">Ging nicht hinaus (4711): ") && !shown.contains("What it is tried on"), "{shown}");
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_whose_opening_is_in_doubt_is_opened_by_the_mapping_that_it_was_begun_with() {
    let mut bridge = Bridge::start().await;
    let zendesk = bridge.sandbox.zendesk.clone();
    // The list shows the ticket late, so only the idempotency key keeps the text from a second one.
    zendesk.set_lag(SignedDuration::from_mins(5), SignedDuration::from_mins(5));
    zendesk.fail(Fault::on("POST", "/api/v2/tickets", FaultKind::LoseAnswer));
    zendesk.fail(Fault::on("GET", "/api/v2/tickets", FaultKind::status(503)).times(u32::MAX));
    let (ada, bob) = (bridge.customer("ada"), bridge.customer("bob"));
    bridge.text(&ada, "Hello").await;
    let created = |zendesk: &tandem::sandbox::zendesk::Zendesk| -> Vec<Value> {
        let calls = zendesk.calls().into_iter();
        calls.filter(|call| call.method == "POST" && call.path == "/api/v2/tickets").map(|call| call.body).collect()
    };
    bridge.until("the ticket", || created(&zendesk).len() == 1).await;
    write_mapping(&bridge, "open_ticket", |text| text.replace("Text message from", "SMS from"));
    bridge.rotate(with_mappings, "config.reloaded").await;
    zendesk.clear_faults();
    bridge.until("the second try", || created(&zendesk).len() == 2).await;
    bridge.settled().await;
    let bodies = created(&zendesk);
    assert_eq!(bodies[0], bodies[1], "the key comes with the body that it came with");
    assert_eq!(zendesk.tickets().len(), 1, "and makes no second ticket");
    bridge.text(&bob, "Hello").await;
    bridge.settled().await;
    let bodies = created(&zendesk);
    assert!(bodies[2]["ticket"]["subject"].as_str().unwrap().starts_with("SMS from"), "{bodies:#?}");
    assert_eq!(bodies.len(), 3);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notes_are_written_in_the_language_that_is_in_force_when_they_are_written() {
    let mut bridge = Bridge::start().await;
    let zendesk = bridge.sandbox.zendesk.clone();
    let ada = bridge.customer("ada");
    bridge.text(&ada, "Hello").await;
    let ticket = bridge.ticket_of("ada").await;
    bridge.text(&ada, "STOP").await;
    bridge.settled().await;
    // The note waits in the store, as a code.
    zendesk.fail(Fault::on("PUT", "/tickets", FaultKind::status(503)).times(u32::MAX));
    zendesk.agent_reply(ticket, "Are you there?");
    let refused = |zendesk: &tandem::sandbox::zendesk::Zendesk| {
        zendesk.calls().iter().any(|call| call.method == "PUT" && call.status == Some(503))
    };
    bridge.until("a note that waits", || refused(&zendesk)).await;
    let coded = "{{ note.html }} [{{ note.code }}: {{ note.fields.kind }}]";
    write_mapping(&bridge, "failure_note", |text| text.replace("{{ note.html }}", coded));
    let in_french = |file| format!("{}\n[notes]\nlanguage = \"fr\"\n", with_mappings(file));
    bridge.rotate(in_french, "config.reloaded").await;
    let log = bridge.host.logged().join("\n");
    assert!(log.contains("notes to agents are written in fr\""), "{log}");
    zendesk.clear_faults();
    bridge.settled().await;
    let said = bridge.comments(ticket).pop().unwrap();
    assert!(
        said.contains("n’a pas été envoyée par SMS au client\u{a0}: le client ne souhaite plus recevoir de SMS."),
        "{said}"
    );
    assert!(said.ends_with("[reply_not_texted: opted_out]"), "a mapping is given the code and the fields: {said}");
    assert!(said.contains("en envoyant START\u{202f};"), "{said}");
    bridge.finish(1).await;
}
