//! The files shipped beside the code are true: the README's commands, the container, the configuration of Fly.io.

use std::path::Path;

use toml::{Table, Value};

use crate::process::{run, shipped, tandem};

#[test]
fn the_two_commands_of_the_readme_are_what_continuous_integration_runs() {
    let (readme, ci) = (shipped("README.md"), shipped(".ci/run"));
    // The demo page ends with Ctrl-C only, so its script is tried here. tests/browser tries the page.
    for (heading, command, suffix) in
        [("## Try it: one command", "cargo run -- demo", " --script"), ("## Test it: one command", "cargo test", "")]
    {
        let section = readme.split_once(heading).unwrap_or_else(|| panic!("no {heading:?}")).1;
        let section = section.split("\n## ").next().unwrap();
        let block = section.split("```").nth(1).unwrap();
        assert_eq!(block.trim_start_matches("console").trim(), command);
        // It may ask for the locked dependencies, less noise and a quicker build, and for nothing else.
        let bare = |line: &str| -> Vec<String> {
            let words = line.split_whitespace().skip_while(|word| *word != "cargo");
            let words = words.filter(|word| !["--locked", "--quiet", "--release"].contains(word));
            words.map(str::to_owned).collect()
        };
        let run = format!("{command}{suffix}");
        assert!(ci.lines().any(|line| bare(line) == bare(&run)), ".ci/run does not run {run}");
    }
}

#[tokio::test]
async fn fly_keeps_the_store_on_the_volume_and_the_operator_inside() {
    let text = shipped("fly.toml");
    let fly: Table = text.parse().unwrap();
    let env = fly["env"].as_table().unwrap();
    let store = env["TANDEM_STORE__URL"].as_str().unwrap().strip_prefix("sled:").unwrap();
    let mounts = fly["mounts"].as_array().unwrap();
    assert_eq!(mounts.len(), 1);
    let volume = mounts[0]["destination"].as_str().unwrap();
    assert!(Path::new(store).starts_with(volume) && store != volume, "{store} is not below {volume}");

    let listen = env["TANDEM_LISTEN"].as_str().unwrap().rsplit_once(':').unwrap().1.parse::<i64>().unwrap();
    let mut ports = Vec::new();
    collect_ports(&Value::Table(fly.clone()), &mut ports);
    assert!(!ports.is_empty() && ports.iter().all(|port| *port == listen), "{ports:?} beside {listen}");
    assert!(!fly.contains_key("services") && !env.contains_key("TANDEM_OPERATOR_LISTEN"), "the operator is inside");
    assert_eq!(fly["http_service"]["auto_stop_machines"].as_str(), Some("off"));
    assert_eq!(fly["kill_signal"].as_str(), Some("SIGTERM"));

    // With the secrets that its head tells to set, it is a good configuration, and holds no secret itself.
    let mut command = tandem(&["check"]);
    command.current_dir(std::env::temp_dir());
    command.envs(env.iter().map(|(name, value)| (name, value.as_str().unwrap())));
    let secrets = text.lines().filter_map(|line| line.strip_prefix("#     TANDEM_")?.split_once('='));
    let secrets: Vec<String> = secrets.map(|(name, _)| format!("TANDEM_{name}")).collect();
    assert!(secrets.iter().all(|name| !env.contains_key(name)), "{secrets:?}");
    command.envs(secrets.iter().map(|name| (name, "fake-but-long-enough")));
    let (id, placeholder) = ("TANDEM_BRAZE__CAMPAIGNS__AGENT_REPLY", "change-me");
    assert_eq!(env[id].as_str(), Some(placeholder));
    command.env(id, "6c1d8a4e-0000-4000-8000-000000000001");
    let said = run(command).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
}

/// Every port that the configuration names.
fn collect_ports(value: &Value, ports: &mut Vec<i64>) {
    match value {
        Value::Table(table) => {
            ports.extend(["internal_port", "port"].iter().filter_map(|name| table.get(*name)?.as_integer()));
            table.values().for_each(|value| collect_ports(value, ports));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_ports(value, ports)),
        Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

#[test]
fn the_image_runs_as_nobody_special_and_shows_one_port() {
    let dockerfile = shipped("Dockerfile");
    let all = |word: &str| -> Vec<&str> {
        let lines = dockerfile.lines().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
        lines.map(str::trim).collect()
    };
    assert_eq!(all("EXPOSE"), ["8080"]);
    assert_eq!(all("USER"), ["tandem"]);
    assert_eq!(all("VOLUME"), ["/data"]);
    assert!(dockerfile.contains("TANDEM_STORE__URL=sled:/data/"), "the store is below the volume");
    assert!(!dockerfile.contains("TANDEM_OPERATOR_LISTEN"), "the operator is inside");
    assert_eq!(all("ENTRYPOINT"), ["[\"tandem\"]"]);
    assert_eq!(all("CMD"), ["[\"serve\"]"]);
    assert!(all("HEALTHCHECK")[0].ends_with("CMD [\"tandem\", \"healthcheck\"]"));
    assert!(all("COPY").iter().all(|copy| !copy.contains("secret") && !copy.contains("tandem.toml")));
}
