//! `tandem init`, as a newcomer, a script and a terminal meet it: its questions, its files, and that the commands read
//! those files in place.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use tempfile::TempDir;

use crate::process::{Said, after, run, run_with, shipped, tandem};
use crate::support::DEADLINE;

const SECRETS: [&str; 4] = [
    "TANDEM_ZENDESK__CLIENT_SECRET",
    "TANDEM_ZENDESK__WEBHOOK_SECRETS",
    "TANDEM_BRAZE__API_KEY",
    "TANDEM_BRAZE__WEBHOOK_TOKENS",
];

const FLAGS: [&str; 10] = [
    "--zendesk-url",
    "https://other.zendesk.com",
    "--zendesk-client-id",
    "q\"uote",
    "--braze-url",
    "https://rest.fra-01.braze.eu",
    "--public-url",
    "https://tandem.other.example",
    "--agent-reply",
    "6c1d8a4e-0000-4000-8000-000000000001",
];

/// A folder that a newcomer has made.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn tandem(&self, arguments: &[&str]) -> Command {
        let mut command = tandem(arguments);
        command.current_dir(self.0.path());
        command
    }

    async fn init(&self, arguments: &[&str], input: &str) -> Said {
        run_with(self.tandem(&[&["init"], arguments].concat()), input).await
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.path().join(file)).unwrap()
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.0.path().join(file), text).unwrap();
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Fills in the secrets that were left for later, as the newcomer does.
    fn fill_in(&self, file: &str) {
        let filled: Vec<String> = self
            .read(file)
            .lines()
            .map(|line| match line.strip_prefix("# TANDEM_") {
                Some(rest) => format!("TANDEM_{}='filled-in-by-hand'", rest.split_once('=').unwrap().0),
                None => line.to_owned(),
            })
            .collect();
        self.write(file, &filled.join("\n"));
    }
}

/// The drawn token of a secrets file.
fn token(secrets: &str) -> &str {
    let value = secrets.lines().find_map(|line| line.strip_prefix("TANDEM_BRAZE__WEBHOOK_TOKENS=")).unwrap();
    value.trim_matches('\'')
}

#[tokio::test]
async fn flags_alone_write_a_configuration_and_a_secrets_file_that_every_command_reads() {
    let folder = Folder::new();
    let all = [&FLAGS[..], &["--no-ticket-solved"]].concat();
    let said = folder.init(&all, "").await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert_eq!(folder.files(), ["tandem.env", "tandem.toml"]);
    let (config, secrets) = (folder.read("tandem.toml"), folder.read("tandem.env"));
    // It equals the example except for the heading and the answers.
    let example = shipped("tandem.example.toml");
    let changed = example.lines().zip(config.lines()).filter(|(before, after)| before != after).count();
    assert_eq!((changed, config.lines().count()), (6, example.lines().count()));
    for answer in ["'q\"uote'", "https://rest.fra-01.braze.eu", "6c1d8a4e-0000-4000-8000-000000000001"] {
        assert!(config.contains(answer), "{answer}: {config}");
    }
    let mode = std::fs::metadata(folder.0.path().join("tandem.env")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    assert!(token(&secrets).len() == 64 && token(&secrets).bytes().all(|b| b.is_ascii_hexdigit()), "{secrets}");
    assert!(!said.out.contains(token(&secrets)) && !config.contains(token(&secrets)), "{said:?}");
    // The next commands are printed as they are typed.
    for command in ["tandem setup zendesk\n", "tandem setup braze\n", "tandem check\n", "tandem serve\n"] {
        assert!(said.out.contains(&format!(". {command}")), "{command}: {}", said.out);
    }

    let missing = run(folder.tandem(&["check"])).await;
    assert_eq!(missing.code, 78, "{missing:?}");
    assert!(missing.out.contains("zendesk.client_secret is missing") && !missing.out.contains("webhook_tokens"));
    folder.fill_in("tandem.env");
    let good = run(folder.tandem(&["check"])).await;
    assert_eq!((good.code, good.err.as_str()), (0, ""), "{good:?}");
    // The process's own variable counts over the file's.
    let mut overridden = folder.tandem(&["check"]);
    overridden.env("TANDEM_BRAZE__API_KEY", " ");
    let told = run(overridden).await;
    assert!(told.out.contains("braze.api_key (TANDEM_BRAZE__API_KEY) is blank"), "{told:?}");

    let again = folder.init(&all, "").await;
    assert_eq!((again.code, again.out.as_str()), (1, ""), "it never overwrites: {again:?}");
    assert!(again.err.contains("tandem.toml exists, and is never overwritten"), "{again:?}");
    assert_eq!(folder.read("tandem.toml"), config);
}

/// The input of an unsure person: short forms, wrong ones, and secrets.
const ANSWERS: [&str; 16] = [
    "",         // an account cannot wait
    "acme inc", // none
    "acme",
    "", // Enter takes https://acme.zendesk.com
    "", // and tandem
    "https://dashboard-03.braze.com",
    "iad-03",
    "",
    "tandem",
    "https://tandem.acme.example",
    "foo", // no campaign
    "",    // later
    "6c1d8a4e-0000-4000-8000-000000000002",
    "Bearer typed-client-secret",
    "typed-client-secret",
    "typed-api-key $HOME it's",
];

#[tokio::test]
async fn short_answers_are_understood_wrong_ones_asked_again_and_secrets_never_printed() {
    let input = ANSWERS.join("\n") + "\n";
    for syntax in ["systemd", "docker"] {
        let folder = Folder::new();
        let said = folder.init(&["--secrets", syntax], &input).await;
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
        for words in [
            "It cannot wait. For example: https://acme.zendesk.com",
            "That is not a web address. Write it like https://host. For example: https://acme.zendesk.com",
            "That is https://acme.zendesk.com? Enter takes it.",
            "[https://acme.zendesk.com]: ",
            "[tandem]: ",
            "That is the address of Braze's dashboard",
            "[https://rest.iad-03.braze.com]: ",
            "That is too short to be the API identifier of a campaign",
            "That begins with `bearer `, which belongs to a header and not to the secret",
            "The id of the campaign for replies goes into tandem.toml.",
        ] {
            assert!(said.out.contains(words), "{words}: {}", said.out);
        }
        assert!(!said.out.contains("typed-") && !said.out.contains("Make the OAuth client"), "{}", said.out);
        let config = folder.read("tandem.toml");
        for line in [
            "url = \"https://acme.zendesk.com\"",
            "client_id = \"tandem\"",
            "url = \"https://rest.iad-03.braze.com\"",
            "public_url = \"https://tandem.acme.example\"",
            "# agent_reply = \"00000000-0000-4000-8000-000000000001\"",
            "ticket_solved = \"6c1d8a4e-0000-4000-8000-000000000002\"",
        ] {
            assert!(config.lines().any(|other| other == line), "{line}: {config}");
        }
        assert!(!config.contains("typed-"), "{config}");
        let secrets = folder.read("tandem.env");
        let in_it = |line: &str| secrets.lines().any(|other| other == line);
        if syntax == "docker" {
            assert!(in_it("TANDEM_ZENDESK__CLIENT_SECRET=typed-client-secret"), "{secrets}");
            assert!(in_it("TANDEM_BRAZE__API_KEY=typed-api-key $HOME it's"), "{secrets}");
            assert!(in_it(&format!("TANDEM_BRAZE__WEBHOOK_TOKENS={}", token(&secrets))), "{secrets}");
        } else {
            assert!(in_it("TANDEM_ZENDESK__CLIENT_SECRET='typed-client-secret'"), "{secrets}");
            let mut print = Command::new("sh");
            print.args(["-c", "printf %s \"$TANDEM_BRAZE__API_KEY\""]).env_clear();
            let file = folder.0.path().join("tandem.env");
            let read = run(after(&format!("set -a; . {}", file.display()), &print)).await;
            assert_eq!((read.out.as_str(), read.err.as_str()), ("typed-api-key $HOME it's", ""));
        }
        // The command for making the campaign does not need the campaign's id.
        let printed = run(folder.tandem(&["setup", "braze"])).await;
        assert_eq!((printed.code, printed.err.as_str()), (0, ""), "{printed:?}");
        assert!(printed.out.contains("put its id into braze.campaigns.agent_reply"), "{printed:?}");
        // In either syntax a campaign and the secret that setting up tells are still missing.
        let told = run(folder.tandem(&["check"])).await;
        assert_eq!(told.err, "tandem: there are 2 faults", "{told:?}");
        for key in ["zendesk.webhook_secrets", "braze.campaigns.agent_reply"] {
            assert!(told.out.contains(&format!("{key} is missing")), "{told:?}");
        }
    }
}

#[tokio::test]
async fn wrong_flags_are_told_together_and_write_nothing() {
    let folder = Folder::new();
    let flags = ["--zendesk-url", "http://acme.zendesk.com", "--agent-reply", "foo", "--public-url", "tandem"];
    let said = folder.init(&flags, "tandem\n").await;
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    for flag in ["--zendesk-url: does not start with https://", "--agent-reply: is too short", "--public-url: is not"] {
        assert!(said.err.contains(flag), "{flag}: {said:?}");
    }
    assert!(
        said.err.contains("--zendesk-url: does not start with https://")
            && said.err.contains("Perhaps https://acme.zendesk.com is meant"),
        "{said:?}"
    );
    let said = folder.init(&["--ticket-solved", "a", "--no-ticket-solved"], "").await;
    assert_eq!(said.code, 2, "{said:?}");
    assert_eq!(folder.files(), [""; 0]);
}

#[tokio::test]
async fn answers_that_end_early_say_what_was_written() {
    let answers = ["https://acme.zendesk.com", "tandem", "https://rest.iad-01.braze.com", "https://t.example", "", ""];
    let flags =
        ["--zendesk-url", "--zendesk-client-id", "--braze-url", "--public-url", "--agent-reply", "--ticket-solved"];
    for (count, flag) in flags.into_iter().enumerate() {
        let folder = Folder::new();
        let input: String = answers[..count].iter().map(|answer| format!("{answer}\n")).collect();
        let said = folder.init(&[], &input).await;
        assert_eq!(said.code, 2, "{count}: {said:?}");
        assert!(said.err.contains("so tandem.toml is not written; give ") && said.err.contains(flag), "{said:?}");
        assert_eq!(folder.files(), [""; 0]);
    }
    let folder = Folder::new();
    let said = folder.init(&[], &(answers.join("\n") + "\n")).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "the secrets are for later: {said:?}");
    for words in ["Written: tandem.toml", "Written: tandem.env", "Make the OAuth client in Zendesk, and put its secret"]
    {
        assert!(said.out.contains(words), "{words}: {said:?}");
    }
    let secrets = folder.read("tandem.env");
    for name in SECRETS {
        let expected = usize::from(name == "TANDEM_BRAZE__WEBHOOK_TOKENS");
        assert_eq!(secrets.lines().filter(|line| line.starts_with(name)).count(), expected, "{name}: {secrets}");
        assert!(secrets.contains(name), "{name}: {secrets}");
    }
}

#[tokio::test]
async fn a_file_that_is_there_stays_and_the_other_is_still_written() {
    let folder = Folder::new();
    folder.write("own.env", "TANDEM_BRAZE__API_KEY='mine'\n");
    let all = [&FLAGS[..], &["--no-ticket-solved", "--config", "own.toml"]].concat();
    let said = folder.init(&all, "").await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert!(said.out.contains("own.env is there and stays as it is"), "{said:?}");
    assert!(said.out.contains("tandem serve --config own.toml\n"), "{said:?}");
    assert_eq!(folder.read("own.env"), "TANDEM_BRAZE__API_KEY='mine'\n");
    std::fs::remove_file(folder.0.path().join("own.env")).unwrap();
    let config = folder.read("own.toml");
    let said = folder.init(&all, "typed-client-secret\n").await;
    assert_eq!((said.code, said.out.as_str()), (1, ""), "the answers would go nowhere: {said:?}");
    assert!(
        said.err.contains("For own.env, which is missing, give no answers: tandem init --config own.toml"),
        "{said:?}"
    );
    let said = folder.init(&["--config", "own.toml"], "typed-client-secret\n").await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert!(said.out.contains("own.toml is there and stays as it is"), "{said:?}");
    assert_eq!(folder.read("own.toml"), config);
    assert!(folder.read("own.env").contains("TANDEM_ZENDESK__CLIENT_SECRET='typed-client-secret'\n"));
    let said = folder.init(&["--config", "own.toml"], "").await;
    assert_eq!(said.code, 1, "both are there: {said:?}");
}

// ------------------------------------------------------------------------------------------------------- a terminal

/// A command on a terminal of its own, which `script` makes.
struct Terminal {
    script: Child,
    shown: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    fn open(place: &Path, line: &str) -> Self {
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", line, "/dev/null"]).current_dir(place);
        let mut script = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = script.stdout.take().unwrap();
        let (sender, shown) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { script, shown, seen: String::new() }
    }

    fn types(&mut self, text: &str) {
        let input = self.script.stdin.as_mut().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// Waits until it shows this, behind everything that was waited for before.
    fn until(&mut self, words: &str) -> String {
        loop {
            if let Some(at) = self.seen.find(words) {
                let rest = self.seen.split_off(at + words.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            let shown = self.shown.recv_timeout(DEADLINE);
            let shown = shown.unwrap_or_else(|_| panic!("never {words:?}: {}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&shown));
        }
    }

    fn ends_with(mut self) -> i32 {
        self.script.wait().unwrap().code().unwrap()
    }
}

/// `tandem init` up to its first secret, and then a word that shows whether the terminal echoes again.
fn at_the_first_secret(folder: &Folder) -> Terminal {
    let program = env!("CARGO_BIN_EXE_tandem");
    let flags: Vec<String> = FLAGS.iter().map(|flag| format!("'{flag}'")).collect();
    let line = format!("{program} init {} --no-ticket-solved; echo ended with $?; read word", flags.join(" "));
    let mut terminal = Terminal::open(folder.0.path(), &line);
    terminal.until("Secret of the OAuth client in Zendesk: ");
    terminal
}

#[test]
fn a_secret_is_not_shown_on_a_terminal_and_what_follows_is() {
    let folder = Folder::new();
    let mut terminal = at_the_first_secret(&folder);
    terminal.types("typed-client-secret\n");
    let shown = terminal.until("REST API key of Braze: ");
    assert!(!shown.contains("typed"), "{shown:?}");
    terminal.types("\n");
    terminal.until("ended with 0");
    terminal.types("visible\n");
    terminal.until("visible");
    assert_eq!(terminal.ends_with(), 0);
    assert!(folder.read("tandem.env").contains("TANDEM_ZENDESK__CLIENT_SECRET='typed-client-secret'\n"));
}

#[test]
fn an_interrupted_secret_says_what_is_written_and_leaves_the_terminal_as_it_was() {
    let folder = Folder::new();
    let mut terminal = at_the_first_secret(&folder);
    terminal.types("typed-cl\u{3}");
    let shown = terminal.until("ended with 1");
    assert!(shown.contains("interrupted: tandem.toml is written, its secrets file is not"), "{shown:?}");
    assert!(!shown.contains("typed"), "{shown:?}");
    terminal.types("visible\n");
    terminal.until("visible");
    assert_eq!(terminal.ends_with(), 0);
    assert_eq!(folder.files(), ["tandem.toml"]);
}
