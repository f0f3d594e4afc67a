//! The commands as an operator types them: their output, their exit code, and the secrets that they never show.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::process::{Bridge, Said, assert_discreet, run, run_with, shipped, tandem};
use crate::support::answer;

/// Secrets that a configuration needs and that open nothing.
const FAKE_SECRETS: [(&str, &str); 4] = [
    ("TANDEM_ZENDESK__CLIENT_SECRET", "fake-client-secret"),
    ("TANDEM_ZENDESK__WEBHOOK_SECRETS", "fake-webhook-secret-1,fake-webhook-secret-2"),
    ("TANDEM_BRAZE__API_KEY", "fake-api-key"),
    ("TANDEM_BRAZE__WEBHOOK_TOKENS", "fake-webhook-token"),
];

/// `tandem` on the shipped example, which these secrets complete.
fn on_the_example(arguments: &[&str]) -> Command {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/tandem.example.toml");
    let mut command = tandem(&[arguments, &["--config", example]].concat());
    command.envs(FAKE_SECRETS);
    command
}

#[tokio::test]
async fn every_command_says_what_it_does() {
    let mut to_visit: Vec<Vec<String>> = vec![Vec::new()];
    let mut visited = Vec::new();
    while let Some(path) = to_visit.pop() {
        let words: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let said = run(tandem(&words)).await;
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{path:?}");
        let about = said.out.lines().next().unwrap();
        assert!(about.len() > 20 && about.contains(' '), "{path:?} says only {about:?}");
        assert!(said.out.contains(&format!("Usage: {}", [&["tandem".to_owned()], &path[..]].concat().join(" "))));
        to_visit.extend(subcommands(&said.out).into_iter().map(|name| [&path[..], &[name]].concat()));
        visited.push(path.join(" "));
    }
    for command in [
        "serve",
        "demo",
        "init",
        "setup zendesk",
        "setup braze",
        "drill",
        "check",
        "render",
        "mappings list",
        "mappings show",
        "mappings copy",
        "sign zendesk",
        "healthcheck",
        "find",
        "deliveries list",
        "deliveries tail",
        "deliveries show",
        "deliveries redrive",
        "deliveries discard",
        "deliveries settle",
        "conversations list",
        "conversations show",
        "conversations forget",
        "destinations list",
        "destinations pause",
        "destinations resume",
        "audit",
        "completions",
        "man",
    ] {
        assert!(visited.iter().any(|path| path == command), "{command} is not among {visited:?}");
    }
}

/// The names in the section `Commands:` of a help text.
fn subcommands(help: &str) -> Vec<String> {
    let section = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let section = section.take_while(|line| !line.is_empty());
    // A name stands two spaces in; the rest of a long sentence further.
    let entries = section.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names = entries.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[tokio::test]
async fn wrong_usage_ends_with_2_and_says_what_is_wrong() {
    for (arguments, complaint) in [
        (&[][..], "Usage"),
        (&["nonsense"], "nonsense"),
        (&["serve", "--nonsense"], "--nonsense"),
        (&["render"], "<MAPPING>"),
        (&["render", "nonsense"], "agent_reply"),
        (&["mappings", "copy"], "--all"),
        (&["mappings", "copy", "agent_reply", "--all"], "--all"),
        (&["mappings", "show", "nonsense"], "agent_reply"),
        (&["sign", "zendesk"], "--secret"),
        (&["sign", "zendesk", "--secret", "s", "--timestamp", "yesterday"], "such as 2026-11-21T12:00:00Z"),
        (&["deliveries"], "Usage"),
        (&["deliveries", "list", "--state", "odd"], "unconfirmed"),
        (&["deliveries", "discard", "evt_5f3a09c100000000002a0000"], "--reason"),
        (&["deliveries", "discard", "--state", "sending", "--reason", "x"], "quarantined"),
        (&["deliveries", "redrive"], "--dead"),
        (&["deliveries", "redrive", "--dead", "evt_5f3a09c100000000002a0000"], "--dead"),
        (&["deliveries", "redrive", "--dead", "--by", "Ada Lovelace"], "handle"),
        (&["destinations", "pause", "Twilio!", "--reason", "x"], "a-z and 0-9"),
        (&["conversations", "forget"], "<KEY>"),
        (&["deliveries", "list", "--url", "ftp://127.0.0.1"], "http://"),
        (&["conversations", "show"], "<KEY>"),
        (&["find"], "<WORDS>"),
        (&["conversations", "list", "--phone", "33", "--ticket", "7"], "--ticket"),
    ] {
        let said = run(tandem(arguments)).await;
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}");
        assert!(said.err.contains(complaint), "{arguments:?}: {}", said.err);
    }
}

#[tokio::test]
async fn in_an_empty_folder_each_command_says_what_to_do_first() {
    let directory = tempfile::tempdir().unwrap();
    let here = |arguments: &[&str]| {
        let mut command = tandem(arguments);
        command.current_dir(directory.path());
        command
    };
    let nothing_here = "tandem: there is no tandem.toml here: run `tandem init`, or name one with --config FILE";
    let needy = [&["serve"][..], &["check"], &["check", "--live"], &["setup", "zendesk"], &["setup", "braze"]];
    for arguments in needy {
        let said = run(here(arguments)).await;
        assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (78, "", nothing_here), "{arguments:?}");
        // A shell that holds the secrets stands in the wrong folder.
        let mut with_secrets = here(arguments);
        with_secrets.envs(FAKE_SECRETS);
        assert_eq!(run(with_secrets).await.err, nothing_here, "{arguments:?}");
    }
    let told = run(here(&["check", "--json"])).await;
    assert_eq!((told.code, told.json()["faults"][0]["key"].as_str()), (78, Some("tandem.toml")), "{told:?}");
    // A container has variables only.
    let mut in_a_container = here(&["check"]);
    in_a_container.envs(FAKE_SECRETS).env("TANDEM_ZENDESK__URL", "https://acme.zendesk.com");
    let said = run(in_a_container).await;
    assert!(said.out.contains("braze.url is missing") && !said.out.contains("tandem init"), "{said:?}");
}

#[tokio::test]
async fn where_no_bridge_runs_each_command_says_so() {
    let directory = tempfile::tempdir().unwrap();
    // A port that was free a moment ago.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let id = "evt_5f3a09c100000000002a0000";
    for arguments in [
        &["deliveries", "list"][..],
        &["deliveries", "show", id],
        &["deliveries", "redrive", "--dead"],
        &["conversations", "list"],
        &["conversations", "forget", "ada"],
        &["destinations", "list"],
        &["audit"],
    ] {
        let mut command = tandem(arguments);
        command.current_dir(directory.path()).env("TANDEM_OPERATOR_LISTEN", gone.to_string());
        let said = run(command).await;
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{arguments:?}: {said:?}");
        let words = format!("tandem: no bridge answers at http://{gone}: is `tandem serve` running? ");
        assert!(said.err.starts_with(&words) && said.err.contains("--config FILE"), "{arguments:?}: {said:?}");
    }
}

#[tokio::test]
async fn every_fault_of_a_configuration_is_told_at_once_with_78_and_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tandem.toml");
    let text = r#"
listne = "0.0.0.0:8080"
listen = "nowhere"
catch_up_minutes = 5000
mappings = "missing"
[zendesk]
url = "http://acme.zendesk.com"
client_id = "tandem"
webhook_secrets = []
[braze]
url = "https://user:PLANTED-1@rest.iad-01.braze.com"
api_key = " PLANTED-2 "
on_unconfirmed = "PLANTED-3"
"#;
    std::fs::write(&file, text).unwrap();
    let faults = [
        ("listne", Some(2)),
        ("listen", Some(3)),
        ("catch_up_minutes", Some(4)),
        ("mappings", None),
        ("zendesk.url", Some(7)),
        ("zendesk.client_secret", None),
        ("zendesk.webhook_secrets", Some(9)),
        ("braze.url", Some(11)),
        ("braze.api_key", Some(12)),
        ("braze.webhook_tokens", None),
        ("braze.on_unconfirmed", Some(13)),
        ("braze.campaigns.agent_reply", None),
        ("nonsense", None),
    ];
    let on_it = |arguments: &[&str]| {
        let mut command = tandem(&[arguments, &["--config", file.to_str().unwrap()]].concat());
        command.env("TANDEM_NONSENSE", "PLANTED-4");
        command
    };
    for arguments in [&["check"][..], &["serve"], &["check", "--json"]] {
        let said = run(on_it(arguments)).await;
        assert_eq!(said.code, 78, "{arguments:?}: {said:?}");
        let told = format!("{}\n{}", said.out, said.err);
        for (key, _) in faults {
            assert!(told.contains(key), "{arguments:?} does not tell of {key}: {told}");
        }
        for secret in ["PLANTED-1", "PLANTED-2", "PLANTED-4"] {
            assert!(!told.contains(secret), "{arguments:?} tells {secret}: {told}");
        }
    }
    let told = run(on_it(&["check", "--json"])).await.json();
    let told = told["faults"].as_array().unwrap();
    let keys: Vec<&str> = told.iter().map(|fault| fault["key"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), faults.len(), "each once, and no other: {keys:?}");
    for (key, line) in faults {
        let fault = told.iter().find(|fault| fault["key"] == key).unwrap();
        if let Some(line) = line {
            assert_eq!(fault["place"]["line"], line, "{fault}");
        }
        assert!(fault["remedy"].as_str().unwrap().len() > 5, "{fault}");
    }
}

#[tokio::test]
async fn the_shipped_example_is_good_once_the_secrets_are_given() {
    let said = run(on_the_example(&["check"])).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert!(said.out.ends_with("The configuration and all mappings are good."), "{said:?}");
    for (name, secret) in FAKE_SECRETS {
        assert!(!said.out.contains(secret), "{name} is printed: {said:?}");
        let said = run({
            let mut command = on_the_example(&["check"]);
            command.env_remove(name);
            command
        })
        .await;
        let key = name.trim_start_matches("TANDEM_").replace("__", ".").to_lowercase();
        assert_eq!(said.code, 78, "without {name}: {said:?}");
        assert!(said.out.contains(&key), "without {name}: {said:?}");
    }
}

#[tokio::test]
async fn plain_http_is_for_this_machine_only() {
    for (address, is_good) in [
        ("https://support.acme.com", true),
        ("http://127.0.0.1:9", true),
        ("http://localhost:9", true),
        ("http://[::1]:9", true),
        ("http://support.acme.com", false),
        ("http://10.0.0.1", false),
        ("http://0.0.0.0:9", false),
        ("http://localhost.acme.com", false),
        ("http://127.0.0.1.acme.com", false),
        ("ftp://127.0.0.1", false),
    ] {
        for (name, key) in [("TANDEM_ZENDESK__URL", "zendesk.url"), ("TANDEM_BRAZE__URL", "braze.url")] {
            let mut command = on_the_example(&["check", "--json"]);
            command.env(name, address);
            let said = run(command).await;
            let faults = &said.json()["faults"];
            let keys: Vec<&Value> = faults.as_array().unwrap().iter().map(|fault| &fault["key"]).collect();
            let (code, expected) = if is_good { (0, vec![]) } else { (78, vec![key]) };
            assert_eq!(
                (said.code, keys),
                (code, expected.iter().map(|key| Value::from(*key)).collect::<Vec<_>>().iter().collect()),
                "{address}"
            );
        }
    }
}

#[tokio::test]
async fn a_broken_mapping_is_told_with_its_file_line_and_key() {
    let directory = tempfile::tempdir().unwrap();
    for (broken, line, key) in [
        // Liquid that is none, a name that is none, a key that is none, TOML that is none.
        ("text = \"{{ message.text \"", 19, "body.recipients[0].trigger_properties.text"),
        ("text = \"{{ message.txt }}\"", 19, "body.recipients[0].trigger_properties.text"),
        ("text = 1\n[odd]", 20, "odd"),
        ("text = ", 19, ""),
    ] {
        let good = shipped("mappings/agent_reply.toml");
        for name in MAPPINGS {
            std::fs::write(directory.path().join(format!("{name}.toml")), shipped(&format!("mappings/{name}.toml")))
                .unwrap();
        }
        let text = good.replace("text = \"{{ message.text }}\"", broken);
        assert_ne!(text, good);
        std::fs::write(directory.path().join("agent_reply.toml"), text).unwrap();
        let mut command = on_the_example(&["check", "--json"]);
        command.env("TANDEM_MAPPINGS", directory.path());
        let said = run(command).await;
        assert_eq!(said.code, 78, "{broken}: {said:?}");
        let report = said.json();
        let faults = report["faults"].as_array().unwrap();
        let fault = &faults[0];
        let place = fault["key"].as_str().unwrap();
        assert!(place.starts_with("agent_reply.toml") && place.contains(key), "{broken}: {fault}");
        assert_eq!(fault["place"]["line"], line, "{broken}: {fault}");
    }
}

const MAPPINGS: [&str; 8] = [
    "agent_reply",
    "append_comment",
    "failure_note",
    "follow_up",
    "keyword_note",
    "open_ticket",
    "ticket_solved",
    "template",
];

#[tokio::test]
async fn render_prints_the_request_of_every_shipped_mapping() {
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mappings = names.filter(|name| name.ends_with(".toml") && !name.starts_with("notes."));
    assert_eq!(mappings.count(), MAPPINGS.len(), "all are tried");
    for mapping in MAPPINGS {
        let event = format!("{}/mappings/{mapping}.json", env!("CARGO_MANIFEST_DIR"));
        let said = run(tandem(&["render", mapping, "--event", &event])).await;
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{mapping}");
        let (line, body) = said.out.split_once("\n\n").unwrap();
        let request = match mapping {
            "agent_reply" | "ticket_solved" | "template" => "POST /campaigns/trigger/send",
            "open_ticket" | "follow_up" => "POST /api/v2/tickets",
            _ => "PUT /api/v2/tickets/",
        };
        assert!(line.starts_with(request), "{mapping}: {line}");
        let body: Value = serde_json::from_str(body).unwrap();
        let sample: Value = serde_json::from_str(&shipped(&format!("mappings/{mapping}.json"))).unwrap();
        let words = ["message", "note"].map(|part| sample[part]["text"].as_str().unwrap_or(""));
        let words = words.iter().find(|words| !words.is_empty()).and_then(|words| words.split_whitespace().next());
        if let (Some(word), true) = (words, !["ticket_solved", "template"].contains(&mapping)) {
            assert!(body.to_string().contains(word), "{mapping} carries the words: {body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sign_prints_is_what_serve_accepts() {
    let bridge = Bridge::start().await;
    let secret = tandem::sandbox::SandboxOptions::default().zendesk_webhook_secret;
    let body = "{\"event\":\"something_else\",\n \"ticket_id\":\"1\"}";
    for (arguments, sent, status) in [
        (&[][..], body, 202),
        (&[], "{\"event\":\"something_else\"}", 401),
        (&["--timestamp", "2026-11-21T12:00:00Z"], body, 401),
        (&["--secret", "another"], body, 401),
    ] {
        let mut words = vec!["sign", "zendesk"];
        words.extend(arguments);
        if !words.contains(&"--secret") {
            words.extend(["--secret", &secret]);
        }
        let said = run_with(tandem(&words), body).await;
        assert_eq!((said.code, said.err.as_str()), (0, ""));
        assert!(!said.out.contains(&secret));
        let mut request = bridge.http.post(format!("{}/webhooks/zendesk", bridge.host.public)).body(sent);
        for line in said.out.lines() {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let (answered, said) = answer(request).await;
        assert_eq!(answered, status, "{arguments:?}: {said}");
    }
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn healthcheck_tells_a_ready_bridge_from_none() {
    let mut bridge = Bridge::start().await;
    let (url, listen) = (bridge.host.public.clone(), bridge.host.public.replace("http://", ""));
    let with_config = || {
        let mut command = tandem(&["healthcheck", "--config", bridge.host.config().to_str().unwrap()]);
        command.env("TANDEM_LISTEN", &listen);
        command
    };
    let commands = || [tandem(&["healthcheck", "--url", &url]), with_config()];
    for command in commands() {
        let said = run(command).await;
        assert_eq!((said.code, said.out.as_str()), (0, "ready"), "{said:?}");
    }
    let commands = commands();
    bridge.host.kill();
    for command in commands {
        let said = run(command).await;
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains("no bridge answers at") && said.err.contains("--url"), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_to_somebody_who_opted_out_is_seen_redriven_and_discarded_by_the_operator() {
    let bridge = Bridge::start().await;
    let ada = bridge.customer("ada");
    bridge.text(&ada, "Where is my engine?").await;
    let ticket = bridge.ticket_of("ada").await;
    bridge.text(&ada, "STOP").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    bridge.settled().await;
    bridge.sandbox.zendesk.agent_reply(ticket, "Are you there?");
    bridge.settled().await;

    let dead = list(&bridge, &["deliveries", "list", "--state", "dead"]).await;
    assert_eq!(dead.len(), 2, "{dead:#?}");
    for delivery in &dead {
        assert_eq!((&delivery["kind"], &delivery["conversation"]), (&"phone_text".into(), &"ada".into()));
        assert!(delivery["cause"].as_str().unwrap().contains("opted out"), "{delivery}");
        assert!(delivery["attempts"].is_u64() && delivery["accepted_at"].is_string(), "{delivery}");
    }
    let ids: Vec<&str> = dead.iter().map(|delivery| delivery["id"].as_str().unwrap()).collect();
    let table = ok(bridge.host.ask(&["deliveries", "list", "--state", "dead"]).await).out;
    assert!(ids.iter().all(|id| table.contains(id)) && table.contains("2 of 2 shown"), "{table}");
    assert_discreet(&table, &bridge.sandbox);
    let shown = ok(bridge.host.ask(&["deliveries", "show", ids[0]]).await).json();
    assert!(shown["event"].to_string().contains("It left today."), "{shown}");

    bridge.text(&ada, "START").await;
    bridge.settled().await;
    let moved = ok(bridge.host.ask(&["deliveries", "redrive", ids[0]]).await).out;
    assert!(moved.starts_with(ids[0]), "{moved}");
    ok(bridge.host.ask(&["deliveries", "discard", ids[1], "--reason", "answered by phone"]).await);
    bridge.settled().await;
    assert_eq!(bridge.texts_to(&ada), ["It left today."]);
    for (id, state) in ids.iter().zip(["delivered", "skipped"]) {
        let shown = ok(bridge.host.ask(&["deliveries", "show", id]).await).json();
        assert_eq!(shown["state"], state, "{shown}");
    }
    let skipped = ok(bridge.host.ask(&["deliveries", "show", ids[1]]).await).json();
    assert!(skipped["cause"].as_str().unwrap().contains("answered by phone"), "{skipped}");

    for arguments in [&["deliveries", "redrive", ids[0]][..], &["deliveries", "show", "evt_5f3a09c100000000002a0000"]] {
        let refused = bridge.host.ask(arguments).await;
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{refused:?}");
        assert!(refused.err.contains("the bridge answered"), "{refused:?}");
    }
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_are_listed_without_particulars_and_shown_with_them() {
    let bridge = Bridge::start().await;
    let (ada, bob) = (bridge.customer("ada"), bridge.customer("bob/../?&é"));
    for customer in [&ada, &bob] {
        bridge.text(customer, "Where is my engine?").await;
    }
    bridge.settled().await;
    let ticket = bridge.ticket_of("ada").await;
    let known = list(&bridge, &["conversations", "list"]).await;
    assert_eq!(known.len(), 2, "{known:#?}");
    let of_ada = known.iter().find(|conversation| conversation["key"] == "ada").unwrap();
    assert_eq!((&of_ada["ticket_id"], of_ada["ticket_state"].is_string()), (&ticket.into(), true), "{of_ada}");
    assert_discreet(&Value::from(known).to_string(), &bridge.sandbox);
    for key in ["ada", "bob/../?&é"] {
        let shown = ok(bridge.host.ask(&["conversations", "show", key]).await).json();
        assert_eq!((&shown["key"], &shown["customer"]["external_id"]), (&key.into(), &key.into()), "{shown}");
    }
    let nobody = bridge.host.ask(&["conversations", "show", "nobody"]).await;
    assert_eq!(nobody.code, 1, "{nobody:?}");

    // Without --url the bridge is found through the configuration.
    let mut found = tandem(&["conversations", "list", "--json", "--config", bridge.host.config().to_str().unwrap()]);
    found.env("TANDEM_OPERATOR_LISTEN", bridge.host.operator.replace("http://", ""));
    assert_eq!(ok(run(found).await).json()["total"], 2);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_most_talkative_log_tells_no_secret_and_no_words() {
    let bridge = Bridge::start_with("", "trace").await;
    let ada = bridge.customer("ada");
    bridge.text(&ada, "Where is my \"engine\"?\nOrder 1843 of mine").await;
    let ticket = bridge.ticket_of("ada").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>It left today 🚚</p><p>Track it with care</p>");
    bridge.until("the reply", || !bridge.texts_to(&ada).is_empty()).await;
    bridge.text(&ada, "STOP").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "Are you still there?");
    bridge.settled().await;
    assert!(bridge.host.logged().iter().any(|line| line.contains("\"TRACE\"")), "the filter is obeyed");
    bridge.finish(1).await;
}

#[tokio::test]
async fn the_scripted_demo_plays_over_each_carrier_to_its_end_and_leaves_nothing_behind() {
    // Sunshine Conversations keeps STOP to itself, so that only the refused reply tells of it.
    for (carrier, title, closings, comments) in
        [(None, "Braze", 1, 9), (Some("bird"), "Bird", 0, 10), (Some("sunshine"), "Sunshine Conversations", 0, 9)]
    {
        let (here, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let chosen = carrier.map(|carrier| ["--carrier", carrier]);
        let mut command = tandem(&[&["demo", "--script"][..], chosen.as_ref().map_or(&[], |chosen| chosen)].concat());
        command.current_dir(here.path()).env("TMPDIR", temporary.path());
        let said = run(command).await;
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{title}: {said:?}");
        let lines_with = |words: &str| said.out.lines().filter(|line| line.contains(words)).count();
        for (words, times) in [
            (format!("an embedded {title} and an embedded Zendesk, over HTTP").as_str(), 1),
            ("Great, thanks {{agent}}!", 2),
            (&format!("{title} repeats the webhook"), 1),
            ("Is Tuesday \\o/ right?", 2),
            ("Tuesday it is.", 2),
            ("◀ Track it here (https://example.com/t/1843)", 1),
            ("◀ Your ticket has been closed", closings),
            ("is solved]", 1),
            ("is open]", 1),
            ("STOP ▶", 1),
            ("◀ We will send a new one.", 0),
            ("◀ Glad to help. Good bye!", 1 - closings),
            ("opted out", if carrier == Some("sunshine") { 1 } else { 2 }),
            (&format!("Done: 1 ticket, {comments} comments, 3 texts"), 1),
        ] {
            assert_eq!(lines_with(words), times, "{title}: {words:?} in {}", said.out);
        }
        for directory in [&here, &temporary] {
            assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0, "{title}: nothing is left in {directory:?}");
        }
    }
    let said = run(tandem(&["demo", "--script", "--carrier", "pigeon"])).await;
    assert!(said.code == 2 && said.err.contains("[possible values: braze, bird, sunshine]"), "{said:?}");
}

/// The items of a list, whole.
async fn list(bridge: &Bridge, arguments: &[&str]) -> Vec<Value> {
    let page = ok(bridge.host.ask(&[arguments, &["--json"]].concat()).await).json();
    let items = page["items"].as_array().unwrap().clone();
    assert_eq!((&page["total"], &page["next"]), (&items.len().into(), &Value::Null), "{page}");
    items
}

fn ok(said: Said) -> Said {
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    said
}
