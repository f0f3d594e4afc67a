//! The manifest for Kubernetes starts a command that exists, keeps the store on the volume and the operator inside, and
//! passes Kubernetes' own schemas.

use std::path::Path;
use std::process::Command;

use tandem::config::reference::KEYS;

use crate::process::{run, shipped, tandem};

const MANIFEST: &str = "deploy/kubernetes.yaml";

/// Every value of a key in the manifest, without quotation marks. The manifest keeps to one form: a line a key.
fn values(name: &str) -> Vec<String> {
    let manifest = shipped(MANIFEST);
    let lines = manifest.lines().map(|line| line.trim().trim_start_matches("- "));
    let values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    values.map(|value| value.trim_matches('"').to_owned()).collect()
}

/// The only value under a name.
fn value(name: &str) -> String {
    let [value] = &values(name)[..] else { panic!("{name}: {:?}", values(name)) };
    value.clone()
}

/// The variables that it sets in the clear.
fn variables() -> Vec<(String, String)> {
    let manifest = shipped(MANIFEST);
    let names = manifest.lines().map(str::trim).filter(|line| line.starts_with("TANDEM_"));
    let mut set: Vec<(String, String)> = names
        .map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
        .collect();
    for pair in manifest.lines().map(str::trim).collect::<Vec<_>>().windows(2) {
        if let (Some(name), Some(value)) = (pair[0].strip_prefix("- name: TANDEM_"), pair[1].strip_prefix("value: ")) {
            set.push((format!("TANDEM_{name}"), value.trim_matches('"').to_owned()));
        }
    }
    set
}

#[tokio::test]
async fn it_is_a_good_configuration_once_the_secrets_are_given() {
    let set = variables();
    assert!(set.len() >= 6, "{set:?}");
    for (name, _) in &set {
        let key = KEYS.iter().find(|key| key.variable() == *name).unwrap_or_else(|| panic!("there is no {name}"));
        assert!(!key.kind.is_secret(), "{name} is a secret in the clear");
        assert!(!name.contains("OPERATOR"), "the operator is inside");
    }
    let secrets = ["ZENDESK__CLIENT_SECRET", "ZENDESK__WEBHOOK_SECRETS", "BRAZE__API_KEY", "BRAZE__WEBHOOK_TOKENS"];
    let mut command = tandem(&["check"]);
    command.current_dir(std::env::temp_dir()).envs(set);
    command.envs(secrets.map(|name| (format!("TANDEM_{name}"), "fake-but-long-enough")));
    // The manifest's `change-me` is no campaign id.
    command.env("TANDEM_BRAZE__CAMPAIGNS__AGENT_REPLY", "6c1d8a4e-0000-4000-8000-000000000001");
    let said = run(command).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
}

#[test]
fn one_pod_has_the_store_to_itself_and_may_write_nothing_else() {
    assert_eq!((value("replicas"), value("args")), ("1".to_owned(), "[serve]".to_owned()));
    assert!(
        values("kind").contains(&"StatefulSet".to_owned()),
        "a Deployment starts the next pod beside the one before"
    );
    let (store, volume) =
        (variables().into_iter().find(|(name, _)| name == "TANDEM_STORE__URL").unwrap().1, value("mountPath"));
    let directory = store.strip_prefix("sled:").unwrap();
    assert!(Path::new(directory).starts_with(&volume) && directory != volume, "{store} is not below {volume}");

    for (name, right) in [
        ("readOnlyRootFilesystem", "true"),
        ("allowPrivilegeEscalation", "false"),
        ("automountServiceAccountToken", "false"),
        ("runAsNonRoot", "true"),
        ("drop", "[ALL]"),
        ("containerPort", "8080"),
        ("publishNotReadyAddresses", "true"),
    ] {
        assert_eq!(value(name), right, "{name}");
    }
    let dockerfile = shipped("Dockerfile");
    let user = dockerfile.split_once("--uid ").unwrap().1.split_whitespace().next().unwrap();
    assert!(
        ["runAsUser", "runAsGroup", "fsGroup"].iter().all(|name| value(name) == user),
        "not the image's user, {user}"
    );

    let deadline = shipped("src/serve.rs");
    let deadline = deadline.split_once("STOP_DEADLINE: Duration = Duration::from_secs(").unwrap().1;
    let deadline: u64 = deadline.split_once(')').unwrap().0.parse().unwrap();
    let patience: u64 = value("terminationGracePeriodSeconds").parse().unwrap();
    assert!(patience >= deadline + 10, "{patience} s to stop, and serve may take {deadline} s");

    let probes = values("httpGet");
    assert_eq!(probes.len(), 3, "{probes:?}");
    assert!(
        probes.iter().all(|probe| probe.contains("path: /healthz,") || probe.contains("path: /readyz,")),
        "{probes:?}"
    );
}

#[test]
#[ignore = "needs kubernetes-validate: run tests/install-kubernetes-validate"]
fn kubernetes_schemas_take_it_and_refuse_what_is_misspelt() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let judged = |manifest: &Path| {
        let mut command = Command::new(root.join("target/kubernetes-validate/bin/kubernetes-validate"));
        let output =
            command.arg("--strict").arg(manifest).output().expect("tests/install-kubernetes-validate installs it");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (is_taken, said) = judged(&root.join(MANIFEST));
    assert!(is_taken, "{said}");
    assert_eq!(said.matches(" passed for resource ").count(), shipped(MANIFEST).matches("\nkind: ").count(), "{said}");

    let directory = tempfile::tempdir().unwrap();
    let misspelt = directory.path().join("misspelt.yaml");
    std::fs::write(&misspelt, shipped(MANIFEST).replace("readinessProbe", "readynessProbe")).unwrap();
    let (is_taken, said) = judged(&misspelt);
    assert!(!is_taken && said.contains("readynessProbe"), "{said}");
}
