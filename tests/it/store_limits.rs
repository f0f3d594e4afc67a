//! Directories that are no store, or no longer one: each is refused with the remedy, and nothing is lost by it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::process::{Bridge, Process, Said, after, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_directory_is_refused_and_the_first_goes_on() {
    let bridge = Bridge::start().await;
    let ada = bridge.customer("ada");
    assert_refused(&run(bridge.host.serve()).await, &["in use by another process", "/store"]);
    bridge.text(&ada, "Where is my engine?").await;
    let ticket = bridge.ticket_of("ada").await;
    assert_eq!(bridge.comments(ticket), ["Where is my engine?"]);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_may_wait_than_the_memory_of_the_process_allows() {
    let bridge = Bridge::at_rest("", "", "info", Duration::ZERO).await;
    let mut process = Process::spawn(after("ulimit -v 1048576", &bridge.host.serve()), "");
    let said = process.logs("store.limits").await;
    let said: Value = serde_json::from_str(&said.unwrap_or_else(|| panic!("{:#?}", process.log()))).unwrap();
    let (memory, waiting) = (said["memory_mib"].as_u64(), said["backlog_max"].as_u64());
    // A machine or a container may have less.
    assert!(memory.is_some_and(|mib| mib <= 1024) && waiting.is_some_and(|most| most < 840_000), "{said}");
    process.signal("TERM");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_store_is_set_aside_until_somebody_decides_and_conversations_are_found_again() {
    for damage in [&b"\xaa".repeat(600_000)[..], b"", b"short"] {
        let mut bridge = Bridge::start().await;
        let ada = bridge.customer("ada");
        bridge.text(&ada, "Where is my engine?").await;
        bridge.settled().await;
        bridge.host.kill();
        let store = bridge.host.store();
        let current = fs::read_to_string(store.join("current")).unwrap();
        let file = format!("{}/db", current.trim());
        fs::write(store.join(&file), damage).unwrap();

        assert_refused(&run(bridge.host.serve()).await, &["is broken", "moved to", ".broken-", "backup"]);
        let aside = set_aside(bridge.host.directory.path());
        assert!(aside.join(&file).is_file(), "what is left of it is kept");
        // Not taken for a new store: that would silently lose acknowledged messages.
        assert_refused(&run(bridge.host.serve()).await, &["nobody has decided", "MOVED-ASIDE.txt"]);
        let notice = fs::read_to_string(store.join("MOVED-ASIDE.txt")).unwrap();
        assert!(notice.contains(aside.to_str().unwrap()), "{notice}");

        fs::remove_dir_all(&store).unwrap();
        bridge.host.start(&bridge.sandbox).await;
        bridge.text(&ada, "Are you there?").await;
        bridge.settled().await;
        let ticket = bridge.ticket_of("ada").await;
        assert_eq!(bridge.comments(ticket), ["Where is my engine?", "Are you there?"]);
        assert_eq!(bridge.sandbox.zendesk.tickets().len(), 1, "the conversation was found by its key");
        bridge.host.kill();
        bridge.host.start(&bridge.sandbox).await;
        bridge.settled().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_a_store_is_refused_and_left_as_it_is() {
    let bridge = Bridge::start().await;
    let directory = bridge.host.directory.path();
    let file = directory.join("a-file");
    fs::write(&file, "precious").unwrap();
    let locked = directory.join("read-only");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).unwrap();
    let mut cases = vec![
        (file.clone(), "is not a directory"),
        (file.join("store"), "cannot be used"),
        // No user can make a directory there, not even root.
        ("/proc/tandem-store".into(), "cannot be used"),
    ];
    // To root, nothing is read-only by its mode.
    if fs::write(locked.join("probe"), "").is_err() {
        cases.push((locked.clone(), "cannot be used"));
    }
    for (path, words) in cases {
        let mut command = bridge.host.serve();
        command.env("TANDEM_STORE__URL", format!("sled:{}", path.display()));
        assert_refused(&run(command).await, &[words, path.to_str().unwrap()]);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).unwrap();
    bridge.finish(0).await;
}

/// Exit code 1, and a log whose last line, an error, has these words.
fn assert_refused(said: &Said, words: &[&str]) {
    assert_eq!(said.code, 1, "{said:?}");
    for line in said.err.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "not JSON: {line}");
    }
    let last: Value = serde_json::from_str(said.err.lines().last().unwrap()).unwrap();
    assert_eq!(last["level"], "ERROR");
    let message = last["message"].as_str().unwrap();
    for words in words {
        assert!(message.contains(words), "{words:?} is not in: {message}");
    }
}

fn set_aside(directory: &Path) -> std::path::PathBuf {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut aside = entries.filter(|path| path.to_str().unwrap().contains("store.broken-"));
    let found = aside.next().expect("a directory that was set aside");
    assert!(aside.next().is_none(), "only one");
    found
}
