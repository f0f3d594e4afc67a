//! The files in `deploy/` and around the image name things that exist: metrics, alerts with a runbook, commands, files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tandem::config::reference::KEYS;
use tandem::config::secrets_file::{Syntax, line};
use tandem::sandbox::SandboxOptions;
use tandem::vendors::zendesk::signature::zendesk_signature;

use crate::docs::page::anchors;
use crate::process::{Bridge, Process, after, run, shipped, tandem};
use crate::support::{TestBridge, answer};
use crate::webhooks::{braze_post, form, quiet_bridge};

// ---------------------------------------------------------------------------------------------------------- metrics

/// A name on the metrics page, and the values that each of its labels has there.
type Exported = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The metrics of a real bridge after every event that adds a line to the page.
async fn exported(bridge: &TestBridge) -> Exported {
    bridge.talking("ada").await;
    let text = form(&[("external_id", "ada"), ("text", "Again"), ("campaign", "c"), ("dispatch", "d")]);
    for body in [&text, &text, &form(&[("dispatch", "dispatch_id_for_unsent_campaign")]), "unreadable"] {
        assert_eq!(answer(braze_post(bridge, body)).await.0, 202, "{body}");
    }
    let signed_at = |timestamp: &str, secret: &str| {
        let signature = zendesk_signature(&secret.to_owned().into(), timestamp, b"{}");
        let request = bridge.http.post(format!("{}/webhooks/zendesk", bridge.public)).body("{}");
        request
            .header("X-Zendesk-Webhook-Signature", signature)
            .header("X-Zendesk-Webhook-Signature-Timestamp", timestamp)
    };
    let secret = SandboxOptions::default().zendesk_webhook_secret;
    let stale = signed_at("2020-01-01T00:00:00Z", &secret);
    let wrong_signature = signed_at("2020-01-01T00:00:00Z", "wrong");
    let wrong_token = bridge.http.post(format!("{}/webhooks/braze", bridge.public)).bearer_auth("wrong");
    for request in [stale, wrong_signature, wrong_token] {
        assert_eq!(answer(request).await.0, 401);
    }
    bridge.settled().await;
    let page = bridge.http.get(format!("{}/metrics", bridge.operator)).send().await.unwrap().text().await.unwrap();
    let mut exported = Exported::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let labels = exported.entry(name.to_owned()).or_default();
        let inside = line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}'));
        for pair in inside.map(|(inside, _)| inside).unwrap_or_default().split("\",") {
            let Some((label, value)) = pair.split_once("=\"") else { continue };
            labels.entry(label.to_owned()).or_default().insert(value.trim_end_matches('"').to_owned());
        }
    }
    exported
}

/// The faults of an expression: names that the bridge does not export, labels that a name does not have, values that never
/// come.
fn faults(expression: &str, exported: &Exported) -> Vec<String> {
    let mut faults = Vec::new();
    let mut named = BTreeSet::new();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = expression;
    while let Some(start) = ["tandem_", "process_"].iter().filter_map(|prefix| rest.find(prefix)).min() {
        let end = rest[start..].find(|c| !is_word(c)).map_or(rest.len(), |length| start + length);
        let name = &rest[start..end];
        rest = &rest[end..];
        let Some(labels) = exported.get(name) else {
            faults.push(format!("{name} is not exported"));
            continue;
        };
        named.extend(labels.keys().cloned());
        let matchers = rest.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        for matcher in matchers.map(|(inside, _)| inside).unwrap_or_default().split(',').filter(|text| !text.is_empty())
        {
            let (label, value) = matcher.split_once(['=', '!']).unwrap();
            let values = value.trim_start_matches(['=', '~']).trim_matches('"');
            match labels.get(label) {
                // Prometheus adds it.
                _ if label == "job" => {}
                None => faults.push(format!("{name} has no label {label}")),
                // Which classes of answers there are is seen only when a vendor gives them.
                Some(_) if label == "answer" => {}
                Some(known) => faults.extend(
                    values
                        .split('|')
                        .filter(|value| !known.contains(*value))
                        .map(|value| format!("{name} never has {label}={value:?}")),
                ),
            }
        }
    }
    for list in expression.split("by (").skip(1).filter_map(|rest| rest.split_once(')')).map(|(list, _)| list) {
        let unknown = list.split(',').map(str::trim).filter(|label| !named.contains(*label));
        faults.extend(unknown.map(|label| format!("nothing in it has the label {label}")));
    }
    faults
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dashboard_and_the_alerts_name_what_is_exported() {
    let bridge = quiet_bridge().await;
    let exported = exported(&bridge).await;
    let mut asked = Vec::new();
    let dashboard: Value = serde_json::from_str(&shipped("deploy/grafana.json")).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            asked.push((panel["title"].as_str().unwrap().to_owned(), target["expr"].as_str().unwrap().to_owned()));
        }
    }
    let panels = asked.len();
    asked.extend(alerts().into_iter().map(|alert| (alert.name, alert.expression)));
    assert!(panels > 15 && asked.len() > panels + 10, "the files were not understood: {asked:#?}");
    for (place, expression) in &asked {
        assert_eq!(faults(expression, &exported), Vec::<String>::new(), "{place}: {expression}");
    }
    // The dashboard shows every metric.
    let shown: String = asked[..panels].iter().map(|(_, expression)| format!("{expression} ")).collect();
    for name in exported.keys() {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(shown.contains(family), "no panel shows {family}");
    }
    bridge.finish(0).await;
}

#[test]
fn a_wrong_name_label_or_value_is_found() {
    let labels = BTreeMap::from([("state".to_owned(), BTreeSet::from(["dead".to_owned()]))]);
    let exported = Exported::from([("tandem_deliveries".to_owned(), labels)]);
    for (expression, found) in [
        (r#"sum by (state) (tandem_deliveries{job="$job",state="dead"})"#, &[][..]),
        ("tandem_delivery > 0", &["tandem_delivery is not exported"]),
        (r#"tandem_deliveries{sate="dead"}"#, &["tandem_deliveries has no label sate"]),
        (r#"tandem_deliveries{state=~"dead|lost"}"#, &[r#"tandem_deliveries never has state="lost""#]),
        ("sum by (lane) (tandem_deliveries)", &["nothing in it has the label lane"]),
    ] {
        assert_eq!(faults(expression, &exported), found, "{expression}");
    }
}

// ----------------------------------------------------------------------------------------------------------- alerts

struct Alert {
    name: String,
    expression: String,
    /// The lines below it, by their keys.
    lines: BTreeMap<String, String>,
}

/// The alerts of the rules file, which keeps to one form: a line a key.
fn alerts() -> Vec<Alert> {
    let rules = shipped("deploy/prometheus-rules.yml");
    let blocks = rules.split("- alert: ").skip(1);
    let alert = |block: &str| {
        let (name, rest) = block.split_once('\n').unwrap();
        let lines = rest.lines().filter_map(|line| line.trim().split_once(": "));
        let lines: BTreeMap<_, _> = lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Alert { name: name.trim().to_owned(), expression: lines["expr"].clone(), lines }
    };
    blocks.map(alert).collect()
}

#[test]
fn every_alert_says_what_is_wrong_and_leads_to_its_section_of_the_runbook() {
    let sections = anchors(&shipped("docs/runbook.md"));
    for alert in alerts() {
        for key in ["severity", "summary", "description"] {
            assert!(alert.lines.get(key).is_some_and(|text| text.len() > 3), "{}: no {key}", alert.name);
        }
        let (page, anchor) = alert.lines["runbook_url"].rsplit_once('#').unwrap();
        assert_eq!(page, "docs/runbook.md", "{}: a page that is there", alert.name);
        assert_eq!(anchor, alert.name.to_lowercase());
        assert!(sections.iter().any(|section| section == anchor), "the runbook has no section {}", alert.name);
    }
}

/// Prometheus' own checker, where it is installed.
#[test]
fn prometheus_understands_the_alerts() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus-rules.yml");
    match Command::new("promtool").args(["check", "rules"]).arg(rules).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => println!("promtool is not installed: the expressions were read by the tests above only"),
    }
}

#[test]
fn every_kind_of_alarm_has_its_section_of_the_runbook() {
    let sections = anchors(&shipped("docs/runbook.md"));
    let source = shipped("src/domain/alarm.rs");
    let code = source.split("#[cfg(test)]").next().unwrap();
    let literals = ["\"kind\": \"", ".json(\""].into_iter().flat_map(|before| code.split(before).skip(1));
    let kinds: BTreeSet<&str> = literals.map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(kinds.len(), 8, "the kinds were not found: {kinds:?}");
    for kind in kinds {
        assert!(sections.iter().any(|section| section == kind), "the runbook has no section {kind}");
    }
}

// ---------------------------------------------------------------------------------------------------------- systemd

/// Every value of a name in the unit.
fn unit(name: &str) -> Vec<String> {
    let unit = shipped("deploy/tandem.service");
    let values = unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    values.map(str::to_owned).collect()
}

#[tokio::test]
async fn the_unit_starts_a_command_that_exists_and_respects_its_exit_code() {
    let start = unit("ExecStart");
    let words: Vec<&str> = start[0].split_whitespace().collect();
    assert_eq!(Path::new(words[0]).file_name().unwrap(), "tandem");
    tandem::cli::command().try_get_matches_from(&words).unwrap();
    assert!(unit("ExecReload")[0].ends_with("-HUP $MAINPID"));

    let said = run(tandem(&["serve", "--config", "/nowhere/tandem.toml"])).await;
    assert_eq!(unit("RestartPreventExitStatus"), [said.code.to_string()], "{said:?}");

    let patience: u64 = unit("TimeoutStopSec")[0].parse().unwrap();
    let deadline = shipped("src/serve.rs");
    let deadline = deadline.split_once("STOP_DEADLINE: Duration = Duration::from_secs(").unwrap().1;
    let deadline: u64 = deadline.split_once(')').unwrap().0.parse().unwrap();
    assert!(patience >= deadline + 10, "{patience} s to stop, and serve may take {deadline} s");

    for variable in unit("Environment") {
        let (name, _) = variable.split_once('=').unwrap();
        assert!(KEYS.iter().any(|key| key.variable() == name), "there is no {name}");
    }
    let store = unit("Environment").into_iter().find(|variable| variable.starts_with("TANDEM_STORE__URL=")).unwrap();
    let directory = format!("TANDEM_STORE__URL=sled:/var/lib/{}/", unit("StateDirectory")[0]);
    assert!(store.starts_with(&directory), "{store} is not below the only directory that it may write");
}

/// systemd reads a file of secrets by its own rules, and the operator's shell by others: single quotes mean the same to both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_in_single_quotes_reaches_the_command_through_a_shell_as_it_stands() {
    let (page, told) = (shipped("docs/running.md"), unit("EnvironmentFile")[0].trim_start_matches('-').to_owned());
    let line = format!("set -a; . {told}");
    assert!(page.contains(&format!("`{line}`")) && page.contains("\nTANDEM_BRAZE__API_KEY='…'\n"), "{line}");

    let token = "a-$HOME-`id`-&b;c#d e\\f\"g";
    let bridge = Bridge::at_rest("", "", "info", Duration::ZERO).await;
    let file = bridge.host.directory.path().join("secrets.env");
    std::fs::write(&file, format!("TANDEM_BRAZE__WEBHOOK_TOKENS='{token}'\n")).unwrap();
    let line = line.replace(&told, file.to_str().unwrap());
    let mut process = Process::spawn(after(&line, &bridge.host.serve()), "");
    let started = process.logs("tandem.started").await.unwrap_or_else(|| panic!("{:#?}", process.log()));
    let started: Value = serde_json::from_str(&started).unwrap();
    let url = format!("http://{}/webhooks/braze", started["public"].as_str().unwrap());
    for (presented, status) in [(token, 202), ("a-", 401)] {
        let body = form(&[("external_id", "ada"), ("text", "Hello")]);
        let request = bridge.http.post(&url).header("Content-Type", "application/x-www-form-urlencoded");
        assert_eq!(answer(request.header("X-Tandem-Token", presented).body(body)).await.0, status, "{presented}");
    }
    process.signal("TERM");
    assert_eq!(process.exit().await, 0);
}

/// systemd's own reader of such files, where it is installed: its one program that prints the variables. It also fills in
/// `$`, which `EnvironmentFile=` does not.
#[test]
fn systemd_reads_a_secrets_file_as_it_was_written() {
    let secrets = [
        "plain-0123456789",
        "base64+/==",
        "a b # c ; d",
        "it's",
        "\"",
        "back\\slash\\",
        "x&y|z>(w)*?[!]",
        "don't \"do\" \\n",
    ];
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join(".config/environment.d");
    std::fs::create_dir_all(&place).unwrap();
    let lines: Vec<String> =
        (0..).zip(secrets).map(|(number, secret)| line(Syntax::Systemd, &format!("V{number}"), secret)).collect();
    std::fs::write(place.join("secrets.conf"), lines.join("\n")).unwrap();
    let mut command = Command::new("/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator");
    match command.env_clear().env("HOME", home.path()).output() {
        Ok(output) => {
            // It prints the variables for a shell.
            let said = String::from_utf8(output.stdout).unwrap();
            for (number, secret) in (0..).zip(secrets) {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("{said}\nprintf %s \"$V{number}\"")]).env_clear();
                assert_eq!(String::from_utf8(shell.output().unwrap().stdout).unwrap(), secret, "{said}");
            }
        }
        Err(_) => println!("systemd is not installed: the syntax was read by a shell only"),
    }
}

/// systemd's own checker, where it is installed.
#[tokio::test]
async fn systemd_understands_the_unit() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tandem.service");
    let here = env!("CARGO_BIN_EXE_tandem");
    let unit = shipped("deploy/tandem.service").replace("/usr/local/bin/tandem", here);
    std::fs::write(&file, unit.replace("EnvironmentFile=-/", "EnvironmentFile=-/nowhere/")).unwrap();
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no"]).arg(&file);
    match command.output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            // It also looks at the units of the machine that this one names.
            let about_ours: Vec<&str> = said.lines().filter(|line| line.contains("tandem.service")).collect();
            assert_eq!(about_ours, Vec::<&str>::new());
        }
        Err(_) => println!("systemd is not installed: the unit was read by the test above only"),
    }
}

// ------------------------------------------------------------------------------------------- the image, the packages

#[test]
fn what_the_build_reads_goes_to_the_builder() {
    let ignore = shipped(".dockerignore");
    let sent: BTreeSet<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    for name in ["Cargo.toml", "Cargo.lock", "src"] {
        assert!(sent.contains(name), "{name}");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("src")];
    let mut seen = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for included in ["include_str!(", "include_bytes!("].iter().flat_map(|macro_| text.split(macro_).skip(1)) {
            let Some((literal, _)) = included.split_once('"').and_then(|(_, rest)| rest.split_once('"')) else {
                continue;
            };
            let target = lexical(&path.parent().unwrap().join(literal));
            let Ok(inside) = target.strip_prefix(root) else { panic!("{} leaves the repository", path.display()) };
            let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
            assert!(
                sent.contains(first),
                "{} includes {}, which .dockerignore keeps back",
                path.display(),
                inside.display()
            );
            seen += 1;
        }
    }
    assert!(seen >= 2, "no included file was found");
    // Read by a macro that names files below it only.
    assert!(!root.join("templates").exists() || sent.contains("templates"), "the pages' templates are kept back");
    assert!(sent.contains("LICENSE") && shipped("Dockerfile").contains("LICENSE"), "the licence goes with the image");
}

/// The path without `..`; nothing has to exist.
fn lexical(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        if component.as_os_str() == ".." {
            clean.pop();
        } else {
            clean.push(component);
        }
    }
    clean
}

/// The names of all commands, `deliveries-redrive` and so on.
fn commands(command: &clap::Command, name: &str, names: &mut Vec<String>) {
    names.push(name.to_owned());
    for below in command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set()) {
        commands(below, &format!("{name}-{}", below.get_name()), names);
    }
}

#[tokio::test]
async fn there_is_a_man_page_for_every_command() {
    let mut names = Vec::new();
    commands(&tandem::cli::command(), "tandem", &mut names);
    assert!(names.contains(&"tandem-deliveries-redrive".to_owned()), "{names:?}");
    let directory = tempfile::tempdir().unwrap();
    let said = run(tandem(&["man", "--dir", directory.path().to_str().unwrap()])).await;
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "", ""));
    for name in &names {
        let page = std::fs::read_to_string(directory.path().join(format!("{name}.1"))).unwrap();
        assert!(page.contains(".TH ") && page.contains(".SH DESCRIPTION"), "{name}: {page}");
    }
    let first = run(tandem(&["man"])).await;
    assert_eq!(first.code, 0);
    assert!(first.out.contains(".TH tandem 1"), "{}", first.out);
    let nowhere = run(tandem(&["man", "--dir", "/nowhere/man1"])).await;
    assert_eq!((nowhere.code, nowhere.err.contains("/nowhere/man1")), (1, true), "{nowhere:?}");
}

#[tokio::test]
async fn every_shell_completes_every_command() {
    let mut names = Vec::new();
    commands(&tandem::cli::command(), "tandem", &mut names);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let said = run(tandem(&["completions", shell])).await;
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{shell}");
        for name in &names {
            let word = name.rsplit('-').next().unwrap();
            assert!(said.out.contains(word), "{shell}: no {word}");
        }
    }
    assert_eq!(run(tandem(&["completions", "cmd"])).await.code, 2);
}
