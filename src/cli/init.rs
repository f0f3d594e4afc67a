//! `tandem init`: writes a commented configuration after a few questions, or after none when the flags answer them all.
//!
//! The text is the shipped example with the answers in their places, so that there is one source. No secret is asked
//! for, and none is written: secrets belong into the environment. A file that is there is never overwritten.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use crate::config::{self, DEFAULT_FILE, Faults, keys};

/// What the answers are put into.
const EXAMPLE: &str = include_str!("../../tandem.example.toml");

/// The first line of what is written, in the place of the example's.
const HEADING: &str = "# The configuration of tandem, as tandem init wrote it. Ask tandem check after every change.";

/// The longest answer, in bytes; several times the longest that makes sense.
const ANSWER_MAX_BYTES: u64 = 4096;

/// Secrets that stand in while the answers are checked.
const STAND_INS: [&str; 4] =
    ["zendesk.client_secret", "zendesk.webhook_secrets", "braze.api_key", "braze.webhook_tokens"];

/// The arguments. What is not given is asked for.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The file to write.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
    /// Address of the Zendesk account, such as `https://acme.zendesk.com`.
    #[arg(long, value_name = "URL")]
    zendesk_url: Option<String>,
    /// Identifier of the OAuth client in Zendesk.
    #[arg(long, value_name = "ID")]
    zendesk_client_id: Option<String>,
    /// REST endpoint of the Braze workspace, such as `https://rest.iad-01.braze.com`.
    #[arg(long, value_name = "URL")]
    braze_url: Option<String>,
    /// Id of the API-triggered campaign that texts an agent's reply.
    #[arg(long, value_name = "ID")]
    agent_reply: Option<String>,
    /// Id of the API-triggered campaign for the closing text.
    #[arg(long, value_name = "ID", conflicts_with = "no_ticket_solved")]
    ticket_solved: Option<String>,
    /// Send no closing text, and do not ask for its campaign.
    #[arg(long)]
    no_ticket_solved: bool,
    /// How Zendesk and Braze will reach the bridge, such as `https://tandem.acme.example`.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

impl Init {
    pub(super) fn run(self, input: &mut impl Read, output: &mut impl Write) -> Result<(), Failure> {
        if self.config.exists() {
            return Err(exists(&self.config));
        }
        let answers = self.answers(input, output)?;
        let text = answers.iter().fold(EXAMPLE.to_owned(), |text, (key, answer)| set(&text, key, answer));
        let text = text.split_once('\n').map_or(String::new(), |(_, rest)| format!("{HEADING}\n{rest}"));
        check(&text)?;
        write_new(&self.config, &text)?;
        let shown = self.config.display();
        writeln!(output, "Written: {shown}. Next:\n")?;
        for (number, step) in NEXT.iter().enumerate() {
            writeln!(output, "  {}. {step}", number + 1)?;
        }
        Ok(())
    }

    /// Key and answer, as far as there is one.
    fn answers(&self, input: &mut impl Read, output: &mut impl Write) -> Result<Vec<(&'static str, String)>, Failure> {
        let mut input = BufReader::new(input);
        let mut answers = Vec::new();
        let questions = [
            (
                "zendesk.url",
                &self.zendesk_url,
                "--zendesk-url",
                "Address of the Zendesk account (https://….zendesk.com)",
            ),
            (
                "zendesk.client_id",
                &self.zendesk_client_id,
                "--zendesk-client-id",
                "Identifier of the OAuth client in Zendesk",
            ),
            (
                "braze.url",
                &self.braze_url,
                "--braze-url",
                "REST endpoint of the Braze workspace (https://rest.….braze.com)",
            ),
            (
                "braze.campaigns.agent_reply",
                &self.agent_reply,
                "--agent-reply",
                "Id of the API-triggered SMS campaign that texts replies",
            ),
            ("public_url", &self.public_url, "--public-url", "How Zendesk and Braze will reach the bridge (https://…)"),
        ];
        for (key, given, flag, question) in questions {
            let answer = match given {
                Some(answer) => answer.clone(),
                None => ask(&mut input, output, question, flag)?,
            };
            if answer.is_empty() {
                return Err(Failure::Usage(format!("{key} is needed: answer, or give {flag}")));
            }
            answers.push((key, answer));
        }
        let question = "Id of the campaign for the closing text (empty for none)";
        let closing = match &self.ticket_solved {
            Some(id) => id.clone(),
            None if self.no_ticket_solved => String::new(),
            None => ask(&mut input, output, question, "--no-ticket-solved")?,
        };
        if !closing.is_empty() {
            answers.push(("braze.campaigns.ticket_solved", closing));
        }
        Ok(answers)
    }
}

/// What is left to do.
const NEXT: [&str; 4] = [
    "Put the secrets into the environment: TANDEM_ZENDESK__CLIENT_SECRET, TANDEM_BRAZE__API_KEY and, drawn at random,\n     \
     TANDEM_BRAZE__WEBHOOK_TOKENS.",
    "tandem setup zendesk installs webhook and triggers, and shows TANDEM_ZENDESK__WEBHOOK_SECRETS.",
    "tandem setup braze prints what to type into Braze.",
    "tandem check, tandem serve, and beside it tandem check --live.",
];

fn ask(input: &mut impl BufRead, output: &mut impl Write, question: &str, flag: &str) -> Result<String, Failure> {
    write!(output, "{question}: ")?;
    output.flush()?;
    let mut line = String::new();
    let read = input.take(ANSWER_MAX_BYTES).read_line(&mut line)?;
    if read == 0 {
        return Err(Failure::Usage(format!("nobody answers; give {flag}")));
    }
    Ok(line.trim().to_owned())
}

/// The text with this key set. Its line is there, perhaps commented out: the example has every key.
fn set(text: &str, key: &str, value: &str) -> String {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut current = String::new();
    let mut out = String::new();
    for line in text.lines() {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            header.clone_into(&mut current);
        }
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let is_it = current == table && bare.strip_prefix(name).is_some_and(|rest| rest.starts_with(" = "));
        match is_it {
            true => out.push_str(&format!("{name} = {}", toml::Value::from(value))),
            false => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// Whether the text is a good configuration once the secrets are given.
fn check(text: &str) -> Result<(), Failure> {
    let secrets = STAND_INS.iter().filter_map(|name| keys::find(name));
    let secrets = secrets.map(|key| (key.variable(), "stands-in-for-a-secret".to_owned()));
    match config::parse(Some(text), secrets, Path::new("")) {
        Ok(_) => Ok(()),
        Err(Faults(faults)) => {
            let faults: Vec<String> =
                faults.iter().map(|fault| format!("  - {} {}. {}.", fault.key, fault.problem, fault.remedy)).collect();
            Err(Failure::Usage(format!("nothing was written, because of an answer:\n{}", faults.join("\n"))))
        }
    }
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() == ErrorKind::AlreadyExists {
        true => exists(path),
        false => Failure::Failed(format!("{} cannot be written: {error}", path.display())),
    })
}

fn exists(path: &Path) -> Failure {
    Failure::Failed(format!("{} exists, and is never overwritten; name another with --config", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_takes_the_place_of_its_line_and_of_no_other() {
        let text = "# url = \"top\"\nurl_too = 1\n[a]\n# url = \"…\"\n[a.b]\nurl = \"x\"\n";
        assert_eq!(set(text, "a.url", "q\"\\"), text.replace("# url = \"…\"", r#"url = 'q"\'"#));
        assert_eq!(set(text, "a.b.url", "y"), text.replace("\"x\"", "\"y\""));
        assert_eq!(set(text, "url", "t"), text.replace("# url = \"top\"", "url = \"t\""));
    }
}
