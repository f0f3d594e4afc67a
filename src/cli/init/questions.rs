//! The questions of `tandem init`. The rules of the configuration check each answer at once. After a wrong one, the
//! question comes again with the fault and an example. An answer that is nearly an address is understood and offered
//! whole.

use std::io::{BufReader, Read, Write};
use std::path::Path;

use super::terminal;
use crate::cli::failure::Failure;
use crate::config::{self, Faults, reference};

/// The longest answer, in bytes; several times the longest that makes sense.
const ANSWER_MAX_BYTES: u64 = 4096;

/// A setting to ask for.
pub(super) struct Question {
    /// The key.
    pub(super) key: &'static str,
    /// The option that answers it.
    pub(super) flag: &'static str,
    words: &'static str,
    /// An answer of the right form.
    pub(super) example: &'static str,
    /// The answer that Enter alone gives.
    default: Option<&'static str>,
    /// Whether Enter alone leaves it out.
    pub(super) may_wait: bool,
    /// The full form that a short answer means.
    meant: fn(&str) -> Option<String>,
}

/// The campaign for replies, which is made after the configuration.
pub(super) const AGENT_REPLY: Question = Question {
    key: "braze.campaigns.agent_reply",
    flag: "--agent-reply",
    words: "Id of the API-triggered SMS campaign that texts replies (Enter for later)",
    example: "6c1d8a4e-0000-4000-8000-000000000001",
    default: None,
    may_wait: true,
    meant: |_| None,
};

/// The campaign for the closing text.
pub(super) static TICKET_SOLVED: Question = Question {
    key: "braze.campaigns.ticket_solved",
    flag: "--ticket-solved",
    words: "Id of the campaign for the closing text (Enter for none)",
    example: "6c1d8a4e-0000-4000-8000-000000000002",
    default: None,
    may_wait: true,
    meant: |_| None,
};

/// The questions but the last, in their order.
pub(super) static SETTINGS: [Question; 5] = [
    Question {
        key: "zendesk.url",
        flag: "--zendesk-url",
        words: "Zendesk account, such as acme or https://acme.zendesk.com",
        example: "https://acme.zendesk.com",
        default: None,
        may_wait: false,
        meant: |answer| address(answer, |host| format!("{host}.zendesk.com")),
    },
    Question {
        key: "zendesk.client_id",
        flag: "--zendesk-client-id",
        words: "Identifier of the OAuth client in Zendesk",
        example: "tandem",
        default: Some("tandem"),
        may_wait: false,
        meant: |_| None,
    },
    Question {
        key: "braze.url",
        flag: "--braze-url",
        words: "REST endpoint of the Braze workspace, such as iad-01 or https://rest.iad-01.braze.com",
        example: "https://rest.iad-01.braze.com",
        default: None,
        may_wait: false,
        meant: |answer| address(answer, rest_host),
    },
    Question {
        key: "public_url",
        flag: "--public-url",
        words: "How Zendesk and Braze will reach the bridge, such as https://tandem.acme.example",
        example: "https://tandem.acme.example",
        default: None,
        may_wait: false,
        meant: |answer| if answer.contains('.') { address(answer, str::to_owned) } else { None },
    },
    AGENT_REPLY,
];

/// The REST host of a Braze instance. Hosts in Europe end otherwise
/// (<https://www.braze.com/docs/api/basics/#endpoints>).
fn rest_host(instance: &str) -> String {
    format!("rest.{instance}.braze.{}", if instance.starts_with("fra") { "eu" } else { "com" })
}

/// The https address of the host that an answer begins with; `whole` completes one without a dot.
fn address(answer: &str, whole: impl Fn(&str) -> String) -> Option<String> {
    let answer = answer.to_ascii_lowercase();
    let rest = answer.split_once("://").map_or(answer.as_str(), |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_host = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b));
    is_host.then(|| format!("https://{}", if host.contains('.') { host.to_owned() } else { whole(host) }))
}

impl Question {
    /// The fault of an answer; `None` for a good one.
    pub(super) fn wrong(&self, answer: &str) -> Option<String> {
        wrong(self.key, answer)
    }

    /// The address that the answer means, where it is not one by itself.
    pub(super) fn meant(&self, answer: &str) -> Option<String> {
        (self.meant)(answer).filter(|meant| meant != answer && self.wrong(meant).is_none())
    }
}

/// The fault that the configuration finds in this value of this key.
fn wrong(key: &'static str, value: &str) -> Option<String> {
    let variable = reference::find(key)?.variable();
    let Err(Faults(faults)) = config::parse(None, [(variable, value.to_owned())], Path::new("")) else { return None };
    let fault = faults.into_iter().find(|fault| fault.key == key)?;
    Some(format!("{}. {}", fault.problem, fault.remedy))
}

/// The questions' output and the answers' input.
pub(super) struct Dialogue<'a, I: Read, O: Write> {
    pub(super) input: BufReader<&'a mut I>,
    pub(super) output: &'a mut O,
}

/// The reason for a missing secret.
pub(super) enum NoSecret {
    /// Ctrl-C at the question.
    Interrupted,
    Failed(Failure),
}

impl NoSecret {
    /// The failure to report, which says that the configuration is written already.
    pub(super) fn with_written(self, config: &str) -> Failure {
        match self {
            Self::Interrupted => Failure::Failed(format!(
                "interrupted: {config} is written, its secrets file is not; tandem init goes on from there"
            )),
            Self::Failed(failure) => failure,
        }
    }
}

impl From<Failure> for NoSecret {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<std::io::Error> for NoSecret {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl<I: Read, O: Write> Dialogue<'_, I, O> {
    /// Asks until the answer is good; `None` where the answer may wait.
    pub(super) fn ask(&mut self, question: &Question, config: &Path) -> Result<Option<String>, Failure> {
        let mut offered = question.default.map(str::to_owned);
        loop {
            match &offered {
                Some(offered) => write!(self.output, "{} [{offered}]: ", question.words)?,
                None => write!(self.output, "{}: ", question.words)?,
            }
            self.output.flush()?;
            let Some(answer) = self.line()? else {
                let (config, flag) = (config.display(), question.flag);
                return Err(Failure::Usage(format!(
                    "the answers ended before {}, so {config} is not written; give {flag}",
                    question.key
                )));
            };
            let answer = match (answer.is_empty(), &offered) {
                (true, Some(offered)) => offered.clone(),
                (true, None) if question.may_wait => return Ok(None),
                (true, None) => {
                    writeln!(self.output, "  It cannot wait. For example: {}", question.example)?;
                    continue;
                }
                (false, _) => answer,
            };
            match (question.wrong(&answer), question.meant(&answer)) {
                (None, _) => return Ok(Some(answer)),
                (Some(_), Some(meant)) => {
                    writeln!(self.output, "  That is {meant}? Enter takes it.")?;
                    offered = Some(meant);
                }
                (Some(wrong), None) => {
                    writeln!(self.output, "  That {wrong}. For example: {}", question.example)?;
                }
            }
        }
    }

    /// A secret, which is not shown while it is typed; `None` for later, and where the answers have ended.
    pub(super) fn ask_secret(&mut self, key: &'static str, words: &str) -> Result<Option<String>, NoSecret> {
        loop {
            // Before the question, so that no letter of the answer is ever shown.
            let silence = terminal::Silence::begin();
            write!(self.output, "{words}: ")?;
            self.output.flush()?;
            let line = self.line()?;
            if silence.is_some() {
                // The Enter that ended the answer is not shown either.
                writeln!(self.output)?;
            }
            drop(silence);
            match line {
                None => return Ok(None),
                Some(secret) if secret.ends_with(char::from(terminal::INTERRUPT)) => return Err(NoSecret::Interrupted),
                Some(secret) if secret.is_empty() => return Ok(None),
                Some(secret) => match wrong(key, &secret) {
                    None => return Ok(Some(secret)),
                    Some(wrong) => writeln!(self.output, "  That {wrong}.")?,
                },
            }
        }
    }

    /// The next line, trimmed; `None` at the end. In a silent terminal, where Ctrl-C is a letter, it ends a line as
    /// well.
    fn line(&mut self) -> Result<Option<String>, Failure> {
        let mut line = Vec::new();
        for byte in (&mut self.input).take(ANSWER_MAX_BYTES).bytes() {
            let byte = byte?;
            line.push(byte);
            if [b'\n', terminal::INTERRUPT].contains(&byte) {
                break;
            }
        }
        let is_over = line.is_empty();
        let line = String::from_utf8(line).map_err(|_| Failure::Failed("an answer is not valid UTF-8".to_owned()))?;
        Ok((!is_over).then(|| line.trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_answer_is_understood_and_a_wrong_one_explained() {
        let [zendesk, client, braze, public, reply] = &SETTINGS;
        for (question, answer, meant) in [
            (zendesk, "acme", Some("https://acme.zendesk.com")),
            (zendesk, "Acme.zendesk.com", Some("https://acme.zendesk.com")),
            (zendesk, "http://acme.zendesk.com", Some("https://acme.zendesk.com")),
            (zendesk, "https://acme.zendesk.com/agent/dashboard", Some("https://acme.zendesk.com")),
            (zendesk, "acme inc", None),
            (zendesk, "", None),
            (braze, "iad-03", Some("https://rest.iad-03.braze.com")),
            (braze, "fra-01", Some("https://rest.fra-01.braze.eu")),
            (braze, "rest.us-10.braze.com", Some("https://rest.us-10.braze.com")),
            (braze, "https://dashboard-03.braze.com", None),
            (public, "tandem.acme.example", Some("https://tandem.acme.example")),
            (public, "tandem", None),
            (reply, "foo", None),
        ] {
            assert!(question.wrong(answer).is_some(), "{answer} is taken as it is");
            assert_eq!(question.meant(answer).as_deref(), meant, "{answer}");
        }
        for (question, answer) in [
            (zendesk, "https://acme.zendesk.com"),
            (zendesk, "http://127.0.0.1:9000"),
            (client, "tandem"),
            (braze, "https://rest.fra-02.braze.eu"),
            (public, "https://tandem.acme.example/texts"),
            (reply, "6c1d8a4e-0000-4000-8000-000000000001"),
        ] {
            assert_eq!(question.wrong(answer), None, "{answer}");
        }
        for question in SETTINGS.iter().chain([&TICKET_SOLVED]) {
            assert_eq!(question.wrong(question.example), None, "the example of {} is good", question.key);
        }
    }
}
