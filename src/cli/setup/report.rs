//! The report of a setup that makes calls: the steps that were taken, or would be, the secret that the bridge needs, and the
//! next step at the bridge. It never knows a vendor, and makes no call but through its caller.

use std::io::{self, Write};
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::cli::client::{Bridge, Token};
use crate::cli::failure::Failure;
use crate::cli::streams::print_json;
use crate::cli::table::printable;
use crate::cli::way::reachable;
use crate::config;
use crate::domain::account_table::AccountTable;
use crate::vendors::setup::{Does, Step, Write as Change};

/// Stands for the id of an object that does not exist yet, in a dry run.
pub(super) const ID_TO_COME: &str = "(the id that it will get)";

/// The steps that were taken, or would be.
#[derive(Default)]
pub(super) struct Report {
    pub(super) steps: Vec<Step>,
    /// The webhooks' secrets where one is not configured yet, which comes first.
    pub(super) secrets: Vec<SecretString>,
    /// Facts that could not be looked up.
    pub(super) notes: Vec<String>,
    /// The reason for an early end.
    pub(super) failed: Option<String>,
}

/// How a report is told.
pub(super) struct Told<'a> {
    /// The account.
    pub(super) table: AccountTable,
    /// The first line.
    pub(super) heading: String,
    /// Whether nothing was changed.
    pub(super) dry_run: bool,
    /// Whether it is told as JSON.
    pub(super) as_json: bool,
    /// The secret's field in JSON, and its use in words.
    pub(super) secret: (&'static str, &'static str),
    /// The remedy for a refused step, as a clause.
    pub(super) refused: &'static str,
    /// The configuration of the bridge that is told of next; `None` where the bridge has nothing to do.
    pub(super) then: Option<Option<&'a Path>>,
}

/// Whether a bridge runs with this configuration, and at which address.
enum Running {
    At(String),
    Nowhere(String),
    /// The configuration does not say where.
    Unknown,
}

impl Report {
    /// Takes a step by this call, unless it is a dry run, and returns the id of its object.
    pub(super) async fn act(
        &mut self,
        step: Step,
        dry_run: bool,
        write: impl AsyncFnOnce(&Change) -> Result<Option<String>, String>,
    ) -> Result<String, String> {
        let mut id = step.id.clone();
        if let (Some(change), false) = (&step.write, dry_run) {
            let made = write(change).await?;
            id = id.or(made);
        }
        self.steps.push(step);
        Ok(id.unwrap_or_else(|| ID_TO_COME.to_owned()))
    }

    /// Prints the report, and gives the end of the command.
    pub(super) fn tell(self, told: &Told<'_>, output: &mut impl Write) -> Result<(), Failure> {
        if told.as_json {
            print_json(output, &self.json(told))?;
        } else {
            self.print(output, told)?;
            self.print_secret(output, told)?;
            if let (None, false, Some(config)) = (&self.failed, told.dry_run, told.then) {
                print_next(output, !self.secrets.is_empty(), &running(config))?;
            }
        }
        let refused = self.is_refused();
        match self.failed {
            // With --json, the JSON has said everything.
            Some(_) if told.as_json => Err(Failure::Failed(String::new())),
            Some(why) => Err(Failure::Failed(why)),
            None if refused => Err(Failure::Failed(String::new())),
            None => Ok(()),
        }
    }

    fn json(&self, told: &Told<'_>) -> Value {
        let step = |step: &Step| {
            let call = step
                .write
                .as_ref()
                .map(|write| json!({"method": write.method.as_str(), "path": write.path, "body": write.body}));
            json!({"what": step.what, "does": step.does, "id": step.id, "call": call})
        };
        json!({
            "dry_run": told.dry_run,
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
            "changes": self.changes(),
            "notes": self.notes,
            told.secret.0: self.exposed().first(),
            format!("{}s", told.secret.0): self.exposed(),
            "failed": self.failed,
        })
    }

    fn is_refused(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.does, Does::Refuses(_)))
    }

    fn changes(&self) -> usize {
        self.steps.iter().filter(|step| step.write.is_some()).count()
    }

    fn print(&self, output: &mut impl Write, told: &Told<'_>) -> Result<(), Failure> {
        let dry_run = told.dry_run;
        writeln!(output, "{}", printable(&told.heading))?;
        for note in &self.notes {
            writeln!(output, "  ? {}", printable(note))?;
        }
        for step in &self.steps {
            writeln!(output, "  {}", printable(&sentence(step, told)))?;
            if let (Some(write), true) = (&step.write, dry_run) {
                writeln!(output, "\n{} {}", write.method, write.path)?;
                match &write.body {
                    Some(body) => print_json(output, body)?,
                    None => writeln!(output, "(no body)")?,
                }
                writeln!(output)?;
            }
        }
        match (self.changes(), dry_run) {
            (0, _) if self.failed.is_none() && !self.is_refused() => writeln!(output, "Nothing has to be changed.")?,
            (_, true) if self.failed.is_some() => {
                writeln!(output, "Nothing was changed; what would be is not all known.")?
            }
            (changes, true) => writeln!(output, "{changes} of these would be changed; nothing was.")?,
            (changes, false) => writeln!(output, "Changed: {changes}.")?,
        }
        Ok(())
    }

    fn print_secret(&self, output: &mut impl Write, told: &Told<'_>) -> io::Result<()> {
        let secrets = self.exposed();
        if secrets.is_empty() {
            return Ok(());
        }
        let (use_of_it, table) = (told.secret.1, told.table);
        writeln!(output, "\n{use_of_it}:\n")?;
        writeln!(output, "  {}={}", table.variable("webhook_secrets"), secrets.join(","))?;
        writeln!(output, "\nin the secrets file or the environment, or in the configuration file:\n")?;
        writeln!(output, "  [{}]\n  webhook_secrets = [\"{}\"]", table.name(), secrets.join("\", \""))?;
        writeln!(output, "\nBeside others, if there are some.")
    }

    fn exposed(&self) -> Vec<&str> {
        self.secrets.iter().map(ExposeSecret::expose_secret).collect()
    }
}

/// Asks the operator listener of this configuration whether it is up.
fn running(config: Option<&Path>) -> Running {
    let Ok(glimpse) = config::glimpse(config) else { return Running::Unknown };
    let url = format!("http://{}", reachable(glimpse.operator.listen));
    let answers = Bridge::at(&format!("{url}/healthz"), Token::None).is_ok_and(|bridge| bridge.get().is_ok());
    if answers { Running::At(url) } else { Running::Nowhere(url) }
}

/// The next step at the bridge.
fn print_next(output: &mut impl Write, has_secret: bool, running: &Running) -> io::Result<()> {
    let in_force = "reload the bridge where the secret is in a file (SIGHUP: systemctl reload tandem), and restart it \
                    where the secret is in its environment, which a process keeps as it was started with";
    match (has_secret, running) {
        (_, Running::Nowhere(url)) => writeln!(output, "No bridge answers at {url}: start it with tandem serve."),
        (true, Running::At(url)) => writeln!(output, "A bridge runs at {url}: {in_force}."),
        (true, Running::Unknown) => {
            writeln!(output, "Then start the bridge with tandem serve; where it runs, {in_force}.")
        }
        (false, Running::At(_) | Running::Unknown) => Ok(()),
    }
}

/// The sentence about one step.
fn sentence(step: &Step, told: &Told<'_>) -> String {
    let Step { what, does, .. } = step;
    let verb = if told.dry_run { "would be" } else { "was" };
    match does {
        Does::Keeps => format!("= {what} is as it should be"),
        Does::Creates => format!("+ {what} {verb} made"),
        Does::Mends(faults) => format!("~ {what} {verb} put right: found that it {}", faults.join(", ")),
        Does::Removes => format!("- {what} {verb} removed"),
        Does::Leaves(why) => format!("= {what} stays: {why}"),
        Does::Refuses(why) => format!("! {what} {why}: {}", told.refused),
    }
}
