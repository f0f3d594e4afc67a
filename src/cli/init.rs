//! `tandem init`: writes a commented configuration and a secrets file after a few questions, or after none when the
//! flags answer them all.
//!
//! The configuration is the shipped example with the answers in their places, so that there is one source; it holds
//! no secret. The secrets file beside it has the typed secrets, and a random token for Braze's webhooks. An existing
//! file is never overwritten.

use std::fs::OpenOptions;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::failure::Failure;
use crate::clock::Clock;
use crate::config::secrets_file::{Syntax, beside, line};
use crate::config::{self, DEFAULT_FILE, Faults, reference};

mod questions;
mod terminal;

use questions::{AGENT_REPLY, Dialogue, Question, SETTINGS, TICKET_SOLVED};

/// The example that the answers are put into.
const EXAMPLE: &str = include_str!("../../tandem.example.toml");

/// The first line of the configuration, in place of the example's.
const HEADING: &str = "# The configuration of tandem, as tandem init wrote it. Ask tandem check after every change.";

/// The secrets file is for its owner alone.
const SECRETS_MODE: u32 = 0o600;

const CLIENT_SECRET: &str = "zendesk.client_secret";
const API_KEY: &str = "braze.api_key";
const WEBHOOK_TOKENS: &str = "braze.webhook_tokens";
const WEBHOOK_SECRETS: &str = "zendesk.webhook_secrets";

/// Stand-ins for values that are still unknown while the answers are checked.
const STAND_INS: [(&str, &str); 5] = [
    (CLIENT_SECRET, "stands-in-for-a-secret"),
    (WEBHOOK_SECRETS, "stands-in-for-a-secret"),
    (API_KEY, "stands-in-for-a-secret"),
    (WEBHOOK_TOKENS, "stands-in-for-a-secret"),
    (AGENT_REPLY.key, "00000000-0000-4000-8000-000000000001"),
];

/// The arguments. `init` asks for the missing ones.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The file to write. The secrets file stands beside it and ends in .env.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
    /// The syntax of the secrets file: systemd's EnvironmentFile, which a shell reads as well, or docker's
    /// --env-file.
    #[arg(long, value_enum, default_value_t = Secrets::Systemd)]
    secrets: Secrets,
    /// Address of the Zendesk account, such as `https://acme.zendesk.com`.
    #[arg(long, value_name = "URL")]
    zendesk_url: Option<String>,
    /// Identifier of the OAuth client in Zendesk.
    #[arg(long, value_name = "ID")]
    zendesk_client_id: Option<String>,
    /// REST endpoint of the Braze workspace, such as `https://rest.iad-01.braze.com`.
    #[arg(long, value_name = "URL")]
    braze_url: Option<String>,
    /// The address at which Zendesk and Braze reach the bridge, such as `https://tandem.acme.example`.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Id of the API-triggered campaign that texts an agent's reply; blank for later.
    #[arg(long, value_name = "ID")]
    agent_reply: Option<String>,
    /// Id of the API-triggered campaign for the closing text.
    #[arg(long, value_name = "ID", conflicts_with = "no_ticket_solved")]
    ticket_solved: Option<String>,
    /// Send no closing text, and do not ask for its campaign.
    #[arg(long)]
    no_ticket_solved: bool,
}

/// The syntaxes of a secrets file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Secrets {
    /// Values in quotation marks.
    Systemd,
    /// Values as they are.
    Docker,
}

impl Init {
    pub(super) fn run(self, input: &mut impl Read, output: &mut impl Write) -> Result<(), Failure> {
        let secrets_file = beside(&self.config);
        let goes_on = self.config.exists() && !secrets_file.exists() && self.is_without_answers();
        if self.config.exists() && !goes_on {
            return Err(match secrets_file.exists() {
                true => exists(&self.config),
                false => self.takes_no_answers(&secrets_file),
            });
        }
        let mut dialogue = Dialogue { input: BufReader::new(input), output };
        let shown = self.config.display();
        let is_replied = match goes_on {
            true => {
                writeln!(dialogue.output, "{shown} is there and stays as it is; its secrets file is not there yet.")?;
                true
            }
            false => {
                let answers = self.answers(&mut dialogue)?;
                write_new(&self.config, &configuration(&answers)?, None)?;
                writeln!(dialogue.output, "\nWritten: {shown}, without any secret in it.")?;
                answers.iter().any(|(key, _)| *key == AGENT_REPLY.key)
            }
        };
        let left = match secrets_file.exists() {
            true => {
                writeln!(dialogue.output, "{} is there and stays as it is.", secrets_file.display())?;
                Vec::new()
            }
            false => self.write_secrets(&secrets_file, &mut dialogue)?,
        };
        self.say_what_is_next(&left, is_replied, dialogue.output)
    }

    /// The failure for answers that would go nowhere.
    fn takes_no_answers(&self, secrets_file: &Path) -> Failure {
        let (config, secrets, named) = (self.config.display(), secrets_file.display(), self.named());
        Failure::Failed(format!(
            "{config} exists, and is never overwritten: change it there, or name another with --config. For {secrets}, which is \
             missing, give no answers: tandem init{named}"
        ))
    }

    /// The option that names the configuration in the next commands.
    fn named(&self) -> String {
        match self.config == Path::new(DEFAULT_FILE) {
            true => String::new(),
            false => format!(" --config {}", self.config.display()),
        }
    }

    fn is_without_answers(&self) -> bool {
        let given = [&self.zendesk_url, &self.zendesk_client_id, &self.braze_url, &self.public_url];
        let campaigns = [&self.agent_reply, &self.ticket_solved];
        given.iter().chain(&campaigns).all(|answer| answer.is_none()) && !self.no_ticket_solved
    }

    /// The answers with their keys.
    fn answers(&self, dialogue: &mut Dialogue<impl Read, impl Write>) -> Result<Vec<(&'static str, String)>, Failure> {
        let given = [&self.zendesk_url, &self.zendesk_client_id, &self.braze_url, &self.public_url, &self.agent_reply];
        let questions: Vec<(&Question, Option<&String>)> = SETTINGS
            .iter()
            .zip(given.map(Option::as_ref))
            .chain([(&TICKET_SOLVED, self.ticket_solved.as_ref())])
            .collect();
        refuse_wrong_flags(&questions)?;
        let mut answers = Vec::new();
        for (question, given) in questions {
            let answer = match given {
                Some(answer) => Some(answer.clone()).filter(|answer| !answer.is_empty()),
                None if question.key == TICKET_SOLVED.key && self.no_ticket_solved => None,
                None => dialogue.ask(question, &self.config)?,
            };
            answers.extend(answer.map(|answer| (question.key, answer)));
        }
        Ok(answers)
    }

    /// Asks for the secrets and writes them down. Returns the variables that are left for later.
    fn write_secrets(
        &self,
        path: &Path,
        dialogue: &mut Dialogue<impl Read, impl Write>,
    ) -> Result<Vec<&'static str>, Failure> {
        let shown = self.config.display();
        writeln!(dialogue.output, "\nNow the secrets, for {}: Enter leaves one for later.", path.display())?;
        let mut secrets = Vec::new();
        for (key, words) in
            [(CLIENT_SECRET, "Secret of the OAuth client in Zendesk"), (API_KEY, "REST API key of Braze")]
        {
            let secret = dialogue.ask_secret(key, words).map_err(|error| error.with_written(&shown.to_string()))?;
            secrets.push((key, secret));
        }
        secrets.push((WEBHOOK_TOKENS, Some(Clock::system().draw_secret())));
        secrets.push((WEBHOOK_SECRETS, None));
        write_new(path, &secrets_text(self.syntax(), &self.config, &secrets), Some(SECRETS_MODE))?;
        writeln!(
            dialogue.output,
            "\nWritten: {}, for you alone (mode 0600), with a token for Braze's webhooks drawn at random.",
            path.display()
        )?;
        Ok(secrets.into_iter().filter(|(_, secret)| secret.is_none()).map(|(key, _)| key).collect())
    }

    fn syntax(&self) -> Syntax {
        match self.secrets {
            Secrets::Systemd => Syntax::Systemd,
            Secrets::Docker => Syntax::Docker,
        }
    }

    /// Prints the next commands to type.
    fn say_what_is_next(&self, left: &[&str], is_replied: bool, output: &mut impl Write) -> Result<(), Failure> {
        let named = self.named();
        let (config, secrets) = (self.config.display(), beside(&self.config));
        let secrets = secrets.display();
        let mut steps = Vec::new();
        if left.contains(&CLIENT_SECRET) {
            steps.push(format!("Make the OAuth client in Zendesk, and put its secret into {secrets}."));
        }
        steps.push(format!(
            "tandem setup zendesk{named}\n     installs webhook and triggers, and shows the signing secret: put it into \
             {secrets}."
        ));
        let mut braze = format!("tandem setup braze{named}\n     prints what to type into Braze.");
        if left.contains(&API_KEY) {
            braze.push_str(&format!(" The REST key goes into {secrets}."));
        }
        if !is_replied {
            braze.push_str(&format!(" The id of the campaign for replies goes into {config}."));
        }
        steps.push(braze);
        steps.push(format!("tandem check{named}"));
        steps.push(format!("tandem serve{named}"));
        steps.push(format!("tandem check --live{named}\n     while it runs, in another terminal."));
        writeln!(output, "Every command reads both files. Next:\n")?;
        for (number, step) in steps.iter().enumerate() {
            writeln!(output, "  {}. {step}", number + 1)?;
        }
        Ok(())
    }
}

/// Refuses wrong flags, all at once: a script cannot be asked again.
fn refuse_wrong_flags(questions: &[(&Question, Option<&String>)]) -> Result<(), Failure> {
    let faults: Vec<String> = questions
        .iter()
        .filter_map(|(question, given)| {
            let answer = given.filter(|answer| !(answer.is_empty() && question.may_wait))?;
            let wrong = question.wrong(answer)?;
            let remedy = match question.meant(answer) {
                Some(meant) => format!("Perhaps {meant} is meant"),
                None => format!("For example: {}", question.example),
            };
            Some(format!("  - {}: {wrong}. {remedy}", question.flag))
        })
        .collect();
    match faults.is_empty() {
        true => Ok(()),
        false => Err(Failure::Usage(format!("nothing was written, because of an answer:\n{}", faults.join("\n")))),
    }
}

/// The example with these answers, checked as a whole.
fn configuration(answers: &[(&'static str, String)]) -> Result<String, Failure> {
    let mut text = answers.iter().fold(EXAMPLE.to_owned(), |text, (key, answer)| set(&text, key, Some(answer)));
    if !answers.iter().any(|(key, _)| *key == AGENT_REPLY.key) {
        text = set(&text, AGENT_REPLY.key, None);
    }
    let text = text.split_once('\n').map_or(String::new(), |(_, rest)| format!("{HEADING}\n{rest}"));
    let is_open = |key: &str| !answers.iter().any(|(answered, _)| *answered == key);
    let stand_ins = STAND_INS.iter().filter(|(key, _)| is_open(key));
    let stand_ins =
        stand_ins.filter_map(|(key, value)| reference::find(key).map(|key| (key.variable(), (*value).to_owned())));
    match config::parse(Some(&text), stand_ins, Path::new("")) {
        Ok(_) => Ok(text),
        Err(Faults(faults)) => {
            let faults: Vec<String> = faults.iter().map(|fault| format!("  - {fault}")).collect();
            Err(Failure::Usage(format!("nothing was written, because of an answer:\n{}", faults.join("\n"))))
        }
    }
}

/// The text with this key set, or commented out. The example has every key, perhaps commented out, so its line
/// exists.
fn set(text: &str, key: &str, value: Option<&str>) -> String {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut current = String::new();
    let mut out = String::new();
    for line in text.lines() {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            header.clone_into(&mut current);
        }
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let is_it = current == table && bare.strip_prefix(name).is_some_and(|rest| rest.starts_with(" = "));
        match (is_it, value) {
            (true, Some(value)) => out.push_str(&format!("{name} = {}", toml::Value::from(value))),
            (true, None) => out.push_str(&format!("# {bare}")),
            (false, _) => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

fn secrets_text(syntax: Syntax, config: &Path, secrets: &[(&str, Option<String>)]) -> String {
    let reader = match syntax {
        Syntax::Systemd => "systemd's EnvironmentFile and a shell read it as well",
        Syntax::Docker => "docker's --env-file reads it as well, so no value has quotation marks",
    };
    let mut text = format!(
        "# The secrets of {}: tandem reads them from here, and {reader}.\n# Keep this file to yourself.\n",
        config.display()
    );
    for (key, secret) in secrets {
        let Some(variable) = reference::find(key).map(reference::About::variable) else { continue };
        match secret {
            Some(secret) => text.push_str(&line(syntax, &variable, secret)),
            None => text.push_str(&format!("# {}", line(syntax, &variable, ""))),
        }
        text.push('\n');
    }
    text
}

fn write_new(path: &Path, text: &str, mode: Option<u32>) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    if let Some(mode) = mode {
        options.mode(mode);
    }
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
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
        assert_eq!(set(text, "a.url", Some("q\"\\")), text.replace("# url = \"…\"", r#"url = 'q"\'"#));
        assert_eq!(set(text, "a.b.url", Some("y")), text.replace("\"x\"", "\"y\""));
        assert_eq!(set(text, "url", Some("t")), text.replace("# url = \"top\"", "url = \"t\""));
        assert_eq!(set(text, "a.b.url", None), text.replace("url = \"x\"", "# url = \"x\""));
        assert_eq!(set(text, "a.url", None), text);
    }
}
