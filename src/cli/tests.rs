//! The commands, from their arguments to exit code and output; those that ask a bridge ask a real listener.

use std::io::Cursor;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::clock::Clock;
use crate::domain::access::{Account, Roster};
use crate::domain::account::{End, Ends};
use crate::domain::delivery::{State, StateName};
use crate::http::testing::{ScriptedStore, conversation, delivery, id, noon};
use crate::http::{OperatorState, operator_router};
use crate::store::{Forgotten, IllegalMove, StoreError};
use crate::telemetry::{Metrics, Readiness};

/// The exit code, the message and the output.
fn tandem(arguments: &[&str], input: &str) -> (u8, String, String) {
    let command = match Cli::try_parse_from(["tandem"].iter().chain(arguments)) {
        Ok(cli) => cli.command,
        Err(error) => return (u8::try_from(error.exit_code()).unwrap(), error.to_string(), String::new()),
    };
    let mut output = Vec::new();
    let (code, message) = match dispatch(command, &mut Cursor::new(input), &mut output) {
        Ok(_) => (0, String::new()),
        Err(Failure::Failed(message)) => (1, message),
        Err(Failure::Usage(message)) => (2, message),
        Err(Failure::Configuration(message)) => (78, message),
    };
    (code, message, String::from_utf8(output).unwrap())
}

/// A bridge's operator listener, on a thread and a port of its own, for as long as the value lives.
struct Running {
    url: String,
    store: Arc<ScriptedStore>,
    _runtime: tokio::runtime::Runtime,
}

fn running(store: ScriptedStore, token: Option<&str>) -> Running {
    let store = Arc::new(store);
    let state = OperatorState {
        store: Arc::<ScriptedStore>::clone(&store),
        intake: crate::http::testing::unchanging(crate::intake::Senders::from(
            crate::vendors::sources::FirstAccounts {
                zendesk_secrets: Vec::new(),
                zendesk_tolerance: std::time::Duration::from_secs(600),
                braze_tokens: Vec::new(),
                user_field: "braze_external_id".into(),
                currents: Default::default(),
            },
        )),
        clock: Clock::manual(noon(), 1),
        metrics: Arc::new(Metrics::default()),
        inbound: crate::http::testing::untouched(),
        readiness: Arc::new(Readiness::default()),
        roster: crate::http::testing::unchanging(Roster::new(token.map(Account::shared).into_iter().collect())),
        console: Default::default(),
        accounts: Arc::new([(Ends::FIRST.desk, End::Desk), (Ends::FIRST.carrier, End::Carrier)].into()),
        lines: Arc::default(),
        gsm7: Arc::default(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    runtime.spawn(async move { axum::serve(listener, operator_router(state)).await });
    Running { url: format!("http://{address}"), store, _runtime: runtime }
}

fn filled() -> ScriptedStore {
    ScriptedStore {
        deliveries: vec![delivery(1, State::Dead { cause: "422\u{1b}[2J".into() }), delivery(2, State::Pending)],
        conversations: vec![conversation("cust/1 ?"), conversation("cust-2")],
        ..ScriptedStore::default()
    }
}

fn config_file(directory: &Path, text: &str) -> String {
    let path = directory.join("tandem.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_arguments_are_consistent() {
    use clap::CommandFactory;
    Cli::command().debug_assert();
}

#[test]
fn wrong_usage_ends_with_2_and_help_with_0() {
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["deliveries", "list", "--help"], 0),
        (&["--version"], 0),
        (&[], 2),
        (&["fly"], 2),
        (&["render"], 2),
        (&["render", "no_such_mapping"], 2),
        (&["sign", "zendesk"], 2),
        (&["sign", "zendesk", "--secret", "s", "--timestamp", "a\nb"], 2),
        (&["sign", "zendesk", "--secret", "s", "--timestamp", "yesterday"], 2),
        (&["sign", "zendesk", "--secret", "s", "--timestamp", "2026-11-21"], 2),
        (&["deliveries", "list", "--state", "lost"], 2),
        (&["deliveries", "list", "--limit", "501"], 2),
        (&["deliveries", "redrive"], 2),
        (&["deliveries", "discard", "evt_1"], 2),
        (&["deliveries", "list", "--url", "ftp://x"], 2),
    ] {
        assert_eq!(tandem(arguments, "").0, code, "{arguments:?}");
    }
}

#[test]
fn sign_prints_exactly_two_headers() {
    // The vector is constructed, and checked by two independent implementations of
    // <https://developer.zendesk.com/documentation/webhooks/verifying/>.
    let arguments = [
        "sign",
        "zendesk",
        "--secret",
        "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==",
        "--timestamp",
        "2021-03-25T05:09:27Z",
    ];
    let body = r#"{"event":"ticket.updated","id":123}"#;
    let expected = "X-Zendesk-Webhook-Signature: S/RDdU2ERmj7LHDDoWJ2onPYH+t7/f2+LTM4dL7UiLM=\n\
                    X-Zendesk-Webhook-Signature-Timestamp: 2021-03-25T05:09:27Z\n";
    assert_eq!(tandem(&arguments, body), (0, String::new(), expected.to_owned()));
    let (_, _, json) = tandem(&[&arguments[..], &["--json"]].concat(), body);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["X-Zendesk-Webhook-Signature"], "S/RDdU2ERmj7LHDDoWJ2onPYH+t7/f2+LTM4dL7UiLM=");
    assert_eq!(json["X-Zendesk-Webhook-Signature-Timestamp"], "2021-03-25T05:09:27Z");
}

#[test]
fn sign_without_a_timestamp_signs_for_now_in_whole_seconds() {
    let (code, _, printed) = tandem(&["sign", "zendesk", "--secret", "s"], "{}");
    let timestamp = printed.lines().nth(1).unwrap().split_once(": ").unwrap().1;
    assert_eq!((code, timestamp.len()), (0, "2021-03-25T05:09:27Z".len()), "{timestamp}");
    let age = Clock::system().now().duration_since(timestamp.parse().unwrap());
    assert!(age.as_secs().abs() < 60, "{age}");
}

#[test]
fn render_prints_the_request_of_a_shipped_mapping() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/mappings/agent_reply.json");
    let (code, message, printed) = tandem(&["render", "agent_reply", "--event", sample], "");
    assert_eq!((code, message.as_str()), (0, ""));
    let body = printed.strip_prefix("POST /campaigns/trigger/send\n\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert!(body["recipients"][0]["trigger_properties"]["msg_body"].is_string(), "{body}");
    let input = std::fs::read_to_string(sample).unwrap();
    let (code, _, printed) = tandem(&["render", "agent_reply", "--event", "-", "--json"], &input);
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((code, &printed["method"], &printed["body"]), (0, &Value::from("POST"), &body));
    let (code, message, _) = tandem(&["render", "agent_reply", "--event", "-"], "{");
    assert_eq!(code, 1);
    assert!(message.contains("is not an event"), "{message}");
}

/// Windows programs save UTF-8 with a byte order mark, and some save UTF-16.
#[test]
fn every_file_of_an_operator_is_read_with_and_without_a_byte_order_mark() {
    let directory = tempfile::tempdir().unwrap();
    let shipped =
        |file: &str| std::fs::read_to_string(format!("{}/mappings/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let write = |file: &str, text: &str| {
        let path = directory.path().join(file);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let plain = write("plain.json", &shipped("agent_reply.json"));
    let marked = write("marked.json", &format!("\u{feff}{}", shipped("agent_reply.json")));
    std::fs::create_dir(directory.path().join("own")).unwrap();
    let mapping = shipped("agent_reply.toml").replace("{{ message.text }}", "{{ message.text }}!");
    write("own/agent_reply.toml", &format!("\u{feff}{mapping}"));
    let config = write("tandem.toml", "\u{feff}mappings = \"own\"\n");
    let render =
        |event: &str, input: &str| tandem(&["render", "agent_reply", "--event", event, "--config", &config], input);
    let (code, message, printed) = render(&plain, "");
    assert_eq!((code, message.as_str()), (0, ""));
    assert!(printed.contains("neighbour.!"), "the mapping that starts with a mark is the one that is used: {printed}");
    assert_eq!(render(&marked, ""), (0, String::new(), printed.clone()));
    assert_eq!(render("-", &format!("\u{feff}{}", shipped("agent_reply.json"))), (0, String::new(), printed));
    let utf16: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(&marked, &utf16).unwrap();
    let (code, message, _) = render(&marked, "");
    assert_eq!(code, 1);
    assert!(message.ends_with("marked.json cannot be read: it is saved as UTF-16; save it as UTF-8"), "{message}");
    std::fs::write(&config, &utf16).unwrap();
    let (code, message, _) = render(&plain, "");
    assert_eq!(code, 78);
    assert!(message.contains("tandem.toml") && message.contains("save it as UTF-8"), "{message}");
}

#[test]
fn check_lists_what_is_wrong_with_mappings() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("agent_reply.toml"), "body = {{").unwrap();
    let file = config_file(directory.path(), "mappings = \".\"\n");
    let (code, _, printed) = tandem(&["check", "--config", &file], "");
    assert_eq!(code, 78);
    assert!(printed.contains("fault: agent_reply.toml") && printed.contains("braze.url is missing"), "{printed}");
}

#[test]
fn check_lists_every_fault_and_ends_with_78() {
    let directory = tempfile::tempdir().unwrap();
    let file = config_file(directory.path(), "nonsense = 1\nlisten = 2\n");
    let (code, message, printed) = tandem(&["check", "--config", &file], "");
    assert_eq!(code, 78, "{printed}");
    assert!(printed.contains("fault: nonsense (line 1)") && printed.contains("fault: listen (line 2)"), "{printed}");
    assert!(message.contains("faults"), "{message}");
    let (code, message, printed) = tandem(&["check", "--json", "--config", &file], "");
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((code, message.as_str(), &printed["ok"]), (78, "", &Value::Bool(false)));
    let faults = printed["faults"].as_array().unwrap();
    let listen = faults.iter().find(|fault| fault["key"] == "listen").unwrap();
    assert_eq!(listen["place"]["line"], 2);
    assert!(!listen["problem"].as_str().unwrap().is_empty() && !listen["remedy"].as_str().unwrap().is_empty());
}

#[test]
fn check_is_content_with_a_good_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let good = include_str!("../../tandem.example.toml")
        .replacen("# client_secret = \"…\"", "client_secret = \"s\"", 1)
        .replacen("# webhook_secrets = [\"…\"]", "webhook_secrets = [\"w\"]", 1)
        .replacen("# api_key = \"…\"", "api_key = \"k\"", 1)
        .replace("# webhook_tokens = [\"…\"]", "webhook_tokens = [\"short\"]");
    let file = config_file(directory.path(), &good);
    let (code, message, printed) = tandem(&["check", "--config", &file], "");
    assert_eq!((code, message.as_str()), (0, ""), "{printed}");
    assert!(printed.contains("warning: braze.webhook_tokens") && printed.contains("are good"), "{printed}");
}

#[test]
fn serve_does_not_start_on_a_faulty_configuration() {
    let (code, message, _) = tandem(&["serve", "--config", "/nonexistent/tandem.toml"], "");
    assert_eq!(code, 78);
    assert!(message.contains("/nonexistent/tandem.toml cannot be read"), "{message}");
}

#[test]
fn lists_are_tables_or_json() {
    let bridge = running(filled(), None);
    let (code, message, printed) = tandem(&["deliveries", "list", "--url", &bridge.url], "");
    assert_eq!((code, message.as_str()), (0, ""));
    assert!(printed.starts_with("ID ") && printed.contains("2 of 2 shown"), "{printed}");
    assert!(!printed.contains('\u{1b}'), "an escape sequence reached the terminal: {printed}");
    let arguments = ["deliveries", "list", "--url", &bridge.url, "--json", "--state", "dead", "--limit", "1"];
    let (_, _, printed) = tandem(&arguments, "");
    let page: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&page["total"], &page["next"]), (&Value::from(2), &Value::from(id(1).to_string())));
    assert_eq!(bridge.store.filter.lock().unwrap().as_ref().unwrap().state, Some(StateName::Dead));
    let (_, _, printed) = tandem(&["conversations", "list", "--url", &bridge.url, "--limit", "1"], "");
    assert!(printed.contains("more: --after 'cust/1 ?'"), "{printed}");
}

#[test]
fn a_conversation_is_shown_whatever_its_name() {
    let bridge = running(filled(), None);
    let (code, message, printed) = tandem(&["conversations", "show", "cust/1 ?", "--url", &bridge.url], "");
    assert_eq!((code, message.as_str()), (0, ""));
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap()["key"], "cust/1 ?");
    let (code, message, _) = tandem(&["conversations", "show", "nobody", "--url", &bridge.url], "");
    assert_eq!(code, 1);
    assert!(message.contains("404") && message.contains("nobody"), "{message}");
}

#[test]
fn moves_reach_the_bridge() {
    let bridge = running(filled(), None);
    let (one, two) = (id(1).to_string(), id(2).to_string());
    let (code, _, printed) = tandem(&["deliveries", "redrive", &one, &two, "--url", &bridge.url], "");
    assert_eq!((code, printed), (0, format!("{one} is dead\n{two} is pending\n")));
    let arguments = ["deliveries", "discard", &one, "--reason", "by phone", "--url", &bridge.url, "--json"];
    assert_eq!(tandem(&arguments, "").0, 0);
    let expected =
        [format!("{one} Redrive"), format!("{two} Redrive"), format!("{one} Discard {{ reason: \"by phone\" }}")];
    assert_eq!(bridge.store.asked(), expected);
}

#[test]
fn one_refusal_does_not_keep_back_the_rest() {
    let illegal = StoreError::Illegal(IllegalMove { id: id(1), reason: "a delivery that is dead cannot".into() });
    let bridge = running(ScriptedStore { operate: Some(illegal), ..filled() }, None);
    let (one, two) = (id(1).to_string(), id(2).to_string());
    let (code, message, _) = tandem(&["deliveries", "redrive", &one, &two, "--url", &bridge.url], "");
    assert_eq!((code, bridge.store.asked().len()), (1, 2));
    assert!(message.contains("409") && message.contains(&two), "{message}");
}

fn with_dead(count: u64) -> ScriptedStore {
    let deliveries = (1..=count).map(|n| delivery(n, State::Dead { cause: "422".into() })).collect();
    ScriptedStore { deliveries, ..ScriptedStore::default() }
}

#[test]
fn many_are_moved_step_by_step_to_the_end() {
    let bridge = running(with_dead(3), None);
    let (code, message, printed) = tandem(&["deliveries", "redrive", "--dead", "--url", &bridge.url], "");
    assert_eq!((code, printed.as_str()), (0, "3 put back of 3\n"), "{message}");
    let expected: Vec<String> = (1..=3).map(|n| format!("{} Redrive", id(n))).collect();
    assert_eq!(bridge.store.asked(), expected);
    let arguments = ["deliveries", "discard", "--state", "dead", "--reason", "x", "--url", &bridge.url, "--json"];
    let (code, _, printed) = tandem(&arguments, "");
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((code, &printed["moved"], &printed["refused"]), (0, &3.into(), &0.into()), "{printed}");
}

#[test]
fn what_could_not_be_moved_is_counted_by_its_reason() {
    let illegal = StoreError::Illegal(IllegalMove { id: id(1), reason: "a worker is on it".into() });
    let bridge = running(ScriptedStore { operate: Some(illegal), ..with_dead(3) }, None);
    let (code, message, printed) = tandem(&["deliveries", "redrive", "--dead", "--url", &bridge.url], "");
    assert_eq!((code, message.as_str()), (1, "3 could not be moved"));
    assert_eq!(printed, format!("0 put back of 3\n3 not: a worker is on it (the first: {})\n", id(1)));
    let (_, _, json) = tandem(&["deliveries", "redrive", "--dead", "--json", "--url", &bridge.url], "");
    let json: Value = serde_json::from_str(&json).unwrap();
    let reason = serde_json::json!([{ "reason": "a worker is on it", "count": 3, "first": id(1) }]);
    assert_eq!((&json["total"], &json["refused"], &json["reasons"]), (&3.into(), &3.into(), &reason));
}

#[test]
fn who_is_being_called_is_not_forgotten_and_that_is_said() {
    let forgotten = Forgotten { settled: 4, in_hand: 1, ..Forgotten::default() };
    let bridge = running(ScriptedStore { forgotten, ..filled() }, None);
    let (code, message, printed) = tandem(&["conversations", "forget", "cust-2", "--url", &bridge.url], "");
    assert_eq!((code, message.contains("ask again")), (1, true), "{message}");
    assert!(printed.contains("      4  deliveries that were over erased"), "{printed}");
    let (code, _, printed) = tandem(&["conversations", "forget", "cust-2", "--json", "--url", &bridge.url], "");
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((code, &printed["complete"], &printed["in_hand"]), (1, &false.into(), &1.into()));
}

#[test]
fn the_token_comes_from_the_option_or_the_configuration() {
    let bridge = running(filled(), Some("a-long-enough-token"));
    let directory = tempfile::tempdir().unwrap();
    let address = bridge.url.strip_prefix("http://").unwrap();
    let text = format!("operator_listen = \"{address}\"\noperator_token = \"a-long-enough-token\"\n");
    let file = config_file(directory.path(), &text);
    let elsewhere = tempfile::tempdir().unwrap();
    let other = config_file(elsewhere.path(), &text.replace("a-long-enough-token", "the-token-of-yesterday"));
    let (none, option) =
        ("give yours with --token or in TANDEM_TOKEN", "the token of --token is not its operator_token");
    for (arguments, remedy) in [
        (&["--url", &bridge.url][..], none),
        (&["--url", &bridge.url, "--token", "wrong"], option),
        (&["--url", &bridge.url, "--token", "a-long-enough-token"], ""),
        (&["--config", &file], ""),
        (&["--config", &file, "--token", "wrong"], option),
        (&["--config", &other], "operator_token (TANDEM_OPERATOR_TOKEN where it is a variable) is not the one"),
    ] {
        let (found, message, _) = tandem(&[&["deliveries", "list"], arguments].concat(), "");
        assert_eq!(found, u8::from(!remedy.is_empty()), "{arguments:?}: {message}");
        assert!(message.contains(remedy) && !message.contains("a-long-enough-token"), "{arguments:?}: {message}");
    }
}

#[test]
fn healthcheck_tells_ready_from_not_ready_and_from_not_there() {
    let ready = running(filled(), None);
    for url in [ready.url.clone(), format!("{}/readyz", ready.url)] {
        assert_eq!(tandem(&["healthcheck", "--url", &url], "").0, 0, "{url}");
    }
    assert_eq!(tandem(&["healthcheck", "--url", &format!("{}/nowhere", ready.url)], "").0, 1);
    let full = running(ScriptedStore { health: Some(StoreError::BacklogFull(3)), ..filled() }, None);
    let (code, message, _) = tandem(&["healthcheck", "--url", &full.url], "");
    assert_eq!(code, 1);
    assert!(message.contains("backlog is full"), "{message}");
    // A port that was free a moment ago, without a listener.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, message, _) = tandem(&["healthcheck", "--url", &format!("http://{gone}")], "");
    assert_eq!(code, 1);
    assert!(message.contains(&format!("no bridge answers at http://{gone}: is `tandem serve` running?")), "{message}");
}
