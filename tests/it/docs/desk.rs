//! Where the commands of a page are run: a directory with a configuration, the shipped mappings, a running bridge, and
//! some things that have happened to it.
//!
//! Customer `customer-42` has texted and been answered; a later reply was given up, and one body could not be read.

use std::path::Path;
use std::process::Command;

use tandem::sandbox::SandboxOptions;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::triggers::TriggerBodies;
use tempfile::TempDir;

use super::page::Fence;
use super::shell;
use crate::process::{Bridge, Said, run};
use crate::support::answer;

/// Beside the program itself, which comes first.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The sign for any output.
const ANYTHING: char = '…';

pub(super) struct Desk {
    bridge: Bridge,
    directory: TempDir,
}

impl Desk {
    /// With everything installed at Zendesk, unless the page is about that.
    pub(super) async fn set_up(installed: bool) -> Self {
        let bridge = Bridge::start().await;
        let directory = tempfile::tempdir().unwrap();
        let desk = Self { bridge, directory };
        desk.copy_mappings();
        let settings = std::fs::read_to_string(desk.bridge.host.config()).unwrap();
        let (public, operator) = (&desk.bridge.host.public, &desk.bridge.host.operator);
        let settings = settings
            .replace("listen = \"127.0.0.1:0\"", &format!("listen = \"{}\"", public.trim_start_matches("http://")))
            .replace("listen = \"127.0.0.1:1\"", &format!("listen = \"{}\"", operator.trim_start_matches("http://")));
        let settings = format!("public_url = \"{public}\"\nmappings = \"mappings\"\n{settings}");
        std::fs::write(desk.path("tandem.toml"), settings).unwrap();
        desk.let_things_happen().await;
        if installed {
            let said = desk.says("tandem setup zendesk").await;
            assert_eq!(said.code, 0, "{said:?}");
        }
        desk
    }

    fn copy_mappings(&self) {
        std::fs::create_dir(self.path("mappings")).unwrap();
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings")).unwrap() {
            let file = entry.unwrap().path();
            std::fs::copy(&file, self.path("mappings").join(file.file_name().unwrap())).unwrap();
        }
    }

    async fn let_things_happen(&self) {
        let Bridge { sandbox, host, http } = &self.bridge;
        let customer = self.bridge.customer("customer-42");
        self.bridge.text(&customer, "My parcel says \"delivered\", but nobody rang.").await;
        let ticket = self.bridge.ticket_of("customer-42").await;
        sandbox.zendesk.agent_reply(ticket, "The driver left it with your neighbour.");
        self.bridge.settled().await;
        let refusal = r#"{"message":"The campaign takes no such text"}"#;
        let kind = FaultKind::Status { code: 400, headers: Vec::new(), body: refusal.to_owned() };
        sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", kind));
        sandbox.zendesk.agent_reply(ticket, "Did you find it?");
        self.bridge.settled().await;
        let token = SandboxOptions::default().braze_webhook_token;
        let unreadable = http.post(format!("{}/webhooks/braze", host.public)).bearer_auth(token).body("unreadable");
        assert_eq!(answer(unreadable).await.0, 202);
        sandbox.zendesk.install_triggers(TriggerBodies::Installed);
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file that a page shows. A mapping must be one that the bridge would start with.
    pub(super) async fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let file = self.path(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        let is_mapping = name.starts_with("mappings/") && name.ends_with(".toml");
        let said = if is_mapping { self.says("tandem check").await } else { return Ok(()) };
        if said.code == 0 { Ok(()) } else { Err(format!("tandem check refuses {name}:\n{}{}", said.out, said.err)) }
    }

    /// Runs the commands of a block, and compares.
    pub(super) async fn run(&self, fence: &Fence) -> Result<(), String> {
        let last = shell::commands(&fence.text).count() - 1;
        for (index, (command, shown)) in shown(&fence.text).into_iter().enumerate() {
            let said = self.says(command).await;
            let code = fence.value("exit").filter(|_| index == last).map_or(0, |code| code.parse().unwrap());
            if said.code != code {
                return Err(format!("{command} ends with {}:\n{}\n{}", said.code, said.out, said.err));
            }
            if shown.is_some_and(|shown| !is_like(&shown, &said.out)) {
                return Err(format!("{command} prints:\n{}", said.out));
            }
        }
        Ok(())
    }

    async fn says(&self, line: &str) -> Said {
        let here = Path::new(env!("CARGO_BIN_EXE_tandem")).parent().unwrap();
        // A configuration is written where there is none yet.
        let place = if line.starts_with("tandem init") { self.path("fresh") } else { self.path("") };
        std::fs::create_dir_all(&place).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(place).env_clear();
        command.env("PATH", format!("{}:{PATH}", here.display()));
        let said = run(command).await;
        if line.contains("setup zendesk") {
            // The operator would take over the secret that was shown, and reload.
            self.bridge.sandbox.zendesk.sign_with(&SandboxOptions::default().zendesk_webhook_secret);
        }
        said
    }

    /// Ends the bridge without asking how it is: the pages leave it in any state.
    pub(super) fn clear_away(mut self) {
        self.bridge.host.kill();
    }
}

/// Each command, and the lines that are shown below it; `None` where the block shows no output at all.
fn shown(block: &str) -> Vec<(&str, Option<Vec<&str>>)> {
    if !block.lines().any(|line| line.starts_with("$ ")) {
        return shell::commands(block).map(|command| (command, None)).collect();
    }
    let mut all: Vec<(&str, Option<Vec<&str>>)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), all.last_mut()) {
            (Some(command), _) => all.push((command, Some(Vec::new()))),
            (None, Some((_, Some(shown)))) => shown.push(line),
            (None, _) => {}
        }
    }
    all
}

/// Whether these lines were printed, where [`ANYTHING`] stands for anything.
fn is_like(shown: &[&str], printed: &str) -> bool {
    let printed: Vec<&str> = printed.trim_end().lines().collect();
    lines_are_like(shown, &printed)
}

fn lines_are_like(shown: &[&str], printed: &[&str]) -> bool {
    match (shown, printed) {
        ([], []) => true,
        ([line, rest @ ..], _) if line.trim() == ANYTHING.to_string() => {
            (0..=printed.len()).any(|skipped| lines_are_like(rest, &printed[skipped..]))
        }
        ([line, rest @ ..], [first, more @ ..]) => {
            line_is_like(line.trim_end(), first.trim_end()) && lines_are_like(rest, more)
        }
        _ => false,
    }
}

fn line_is_like(shown: &str, printed: &str) -> bool {
    let mut parts = shown.split(ANYTHING);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn what_is_left_out_may_be_anything() {
    for (shown, printed, alike) in [
        (&["a", "b"][..], "a\nb\n", true),
        (&["a"], "a\nb\n", false),
        (&["a", "…"], "a\nb\nc\n", true),
        (&["…", "c"], "a\nb\nc", true),
        (&["…"], "", true),
        (&["evt_…  dead  …"], "evt_1  dead  400", true),
        (&["evt_…  dead  …"], "evt_1  waiting  400", false),
        (&["x…y"], "xy", true),
        (&["x"], "", false),
        (&[], "x", false),
    ] {
        assert_eq!(is_like(shown, printed), alike, "{shown:?} {printed:?}");
    }
}
