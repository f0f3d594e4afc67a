//! SIGHUP: secrets are rotated while the bridge runs, and a broken configuration changes nothing.

use std::fs;
use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tandem::sandbox::SandboxOptions;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::process::{Bridge, Process};
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
    // What each of four senders had taken, with the old token and with the new one.
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
    // Every sender has so many more with this token.
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
    // How many texts that were is the machine's affair; delivering them all may take longer than Zendesk's minute.
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
