//! `tandem setup zendesk`: reads the present installation, has [`crate::vendors::zendesk::setup`] find the difference, and makes the
//! missing calls.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::cli::client::{Bridge, Token};
use crate::cli::failure::{Failure, runtime};
use crate::cli::options::{ConfigFile, Form};
use crate::cli::streams::print_json;
use crate::cli::table::printable;
use crate::cli::way::reachable;
use crate::clock::Clock;
use crate::config::{self, Vendor};
use crate::domain::account::AccountId;
use crate::domain::account_table::AccountTable;
use crate::intake::public_address;
use crate::ports::Failure as CallFailure;
use crate::vendors::http::{HttpTransport, Reach};
use crate::vendors::zendesk::admin::SETUP_SCOPE;
use crate::vendors::zendesk::setup::{self as decide, Does, Step, TAG, Wanted};
use crate::vendors::zendesk::{Installation, Zendesk, ZendeskOptions};

/// Stands for the id of an object that does not exist yet, in a dry run.
const ID_TO_COME: &str = "(the id that it will get)";

/// The arguments of `tandem setup zendesk`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Print every call that would be made, with its body, and make none that changes anything.
    #[arg(long)]
    dry_run: bool,
    /// Take everything away that tandem installed, recognised by its name or by the address that it posts to, and
    /// nothing else. The user field goes only if tandem made it, and then with its value on every user.
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    form: Form,
}

/// The steps that were taken, or would be.
#[derive(Default)]
struct Report {
    steps: Vec<Step>,
    /// The webhook's signing secret, unless it is configured already.
    secret: Option<SecretString>,
    /// Facts that could not be looked up.
    notes: Vec<String>,
    /// The reason for an early end.
    failed: Option<String>,
}

/// Whether a bridge runs with this configuration, and at which address.
enum Running {
    At(String),
    Nowhere(String),
    /// The configuration does not say where.
    Unknown,
}

pub(super) fn run(arguments: &Arguments, account: AccountId, output: &mut impl Write) -> Result<(), Failure> {
    let path = arguments.file.config.as_deref();
    let config = config::installation(path, (account, Vendor::Zendesk), Installation::read)?;
    let table = AccountTable(account);
    let wanted = Wanted {
        endpoint: public_address(&config.public_url, &table.webhooks()),
        user_field: config.keys.user_field.clone(),
    };
    let config = config.keys;
    let transport = HttpTransport::new().map_err(|error| Failure::Failed(format!("no HTTP client: {error}")))?;
    let options = ZendeskOptions { url: config.url.clone(), auth: (&config.credentials).into() };
    let zendesk = Zendesk::new(options, Reach::unpaused(Arc::new(transport), Clock::system()));
    let zendesk = zendesk.with_scope(SETUP_SCOPE);
    let installer = Installer { table, zendesk, wanted, dry_run: arguments.dry_run };
    let mut report = Report::default();
    let ended = runtime()?.block_on(async {
        match arguments.remove {
            true => installer.remove(&mut report).await,
            false => installer.install(&config, &mut report).await,
        }
    });
    report.failed = ended.err();
    if arguments.form.json {
        print_json(output, &report.json(arguments.dry_run))?;
    } else {
        report.print(output, &config, &installer.wanted, arguments.dry_run)?;
        report.print_secret(output, table)?;
        if report.failed.is_none() && !arguments.dry_run && !arguments.remove {
            print_next(output, report.secret.as_ref(), &running(arguments.file.config.as_deref()))?;
        }
    }
    let refused = report.steps.iter().any(|step| matches!(step.does, Does::Refuses(_)));
    match report.failed {
        // With --json, the JSON has said everything.
        Some(_) if arguments.form.json => Err(Failure::Failed(String::new())),
        Some(why) => Err(Failure::Failed(why)),
        None if refused => Err(Failure::Failed(String::new())),
        None => Ok(()),
    }
}

/// Reads the installation, and writes the missing parts.
struct Installer {
    table: AccountTable,
    zendesk: Zendesk,
    wanted: Wanted,
    dry_run: bool,
}

impl Installer {
    /// The user field comes last: which scope covers it is not documented, and the rest works without it.
    async fn install(&self, config: &Installation, report: &mut Report) -> Result<(), String> {
        self.is_somebody().await?;
        let zendesk = &self.zendesk;
        self.look_at_conditions(report).await?;
        // Everything is read before anything is written, so that a missing scope leaves nothing half-done.
        let webhooks = self.said(zendesk.webhooks().await, "/api/v2/webhooks")?;
        let categories = self.said(zendesk.trigger_categories().await, "/api/v2/trigger_categories")?;
        let triggers = self.said(zendesk.triggers().await, "/api/v2/triggers")?;
        let webhook = self.act(decide::webhook(&webhooks, &self.wanted), report).await?;
        let category = self.act(decide::category(&categories), report).await?;
        for step in decide::triggers(&triggers, &webhook, &category) {
            self.act(step, report).await?;
        }
        if webhook != ID_TO_COME {
            let secret = self.said(zendesk.signing_secret(&webhook).await, "/api/v2/webhooks/{id}/signing_secret")?;
            let is_known = config.webhook_secrets.iter().any(|known| known.expose_secret() == secret.expose_secret());
            report.secret = Some(secret).filter(|_| !is_known);
        }
        let fields = self.said(zendesk.user_fields().await, "/api/v2/user_fields")?;
        self.act(decide::user_field(&fields, &self.wanted.user_field), report).await.map(drop)
    }

    /// Fails where the account lists conditions and lacks one of ours. An account that lists none does not stop the
    /// setup: Zendesk refuses a trigger that it does not understand.
    async fn look_at_conditions(&self, report: &mut Report) -> Result<(), String> {
        let path = "/api/v2/triggers/definitions";
        let why = match self.zendesk.trigger_definitions().await {
            Ok(definitions) => match decide::conditions_not_offered(&definitions) {
                Some(missing) if missing.is_empty() => return Ok(()),
                Some(missing) => {
                    let missing = missing.join(", ");
                    return Err(format!(
                        "this account does not offer the conditions that the triggers need: {missing}"
                    ));
                }
                None => "lists none".to_owned(),
            },
            Err(failure) if is_hidden(&failure) => format!("answers {}", failure.cause()),
            Err(failure) => return Err(explain(self.table, &failure, &Method::GET, path)),
        };
        report.notes.push(format!(
            "cannot tell which conditions this account knows: {path} {why}. Going on; a public reply on a ticket tagged \
             {TAG} shows whether the triggers fire"
        ));
        Ok(())
    }

    async fn remove(&self, report: &mut Report) -> Result<(), String> {
        self.is_somebody().await?;
        let zendesk = &self.zendesk;
        let webhooks = self.said(zendesk.webhooks().await, "/api/v2/webhooks")?;
        let categories = self.said(zendesk.trigger_categories().await, "/api/v2/trigger_categories")?;
        let triggers = self.said(zendesk.triggers().await, "/api/v2/triggers")?;
        let fields = self.said(zendesk.user_fields().await, "/api/v2/user_fields")?;
        for step in decide::removal(&webhooks, &categories, &triggers, &fields, &self.wanted) {
            self.act(step, report).await?;
        }
        Ok(())
    }

    /// Fails for wrong credentials. Zendesk may answer them as an anonymous user, to whom every list looks empty.
    async fn is_somebody(&self) -> Result<(), String> {
        match self.said(self.zendesk.me().await, "/api/v2/users/me")?.id {
            Some(_) => Ok(()),
            None => {
                let [email, token] = ["email", "api_token"].map(|key| self.table.key(key));
                Err(format!("Zendesk greets these credentials as \"Anonymous user\": {email} or {token} is wrong"))
            }
        }
    }

    fn said<T>(&self, read: Result<T, CallFailure>, path: &str) -> Result<T, String> {
        read.map_err(|failure| explain(self.table, &failure, &Method::GET, path))
    }

    /// Takes a step, unless it is a dry run, and returns the id of its object.
    async fn act(&self, step: Step, report: &mut Report) -> Result<String, String> {
        let mut id = step.id.clone();
        if let (Some(write), false) = (&step.write, self.dry_run) {
            let made = self.zendesk.write(write).await;
            let made = made.map_err(|failure| explain(self.table, &failure, &write.method, &write.path))?;
            id = id.or(made);
        }
        report.steps.push(step);
        Ok(id.unwrap_or_else(|| ID_TO_COME.to_owned()))
    }
}

/// Whether a list is hidden from us, or does not exist.
fn is_hidden(failure: &CallFailure) -> bool {
    match failure {
        CallFailure::Forbid { status: 403 | 404, .. } | CallFailure::NotFound { .. } => true,
        CallFailure::Pause { .. }
        | CallFailure::Forbid { .. }
        | CallFailure::Retry { .. }
        | CallFailure::Broke { .. }
        | CallFailure::Lose { .. }
        | CallFailure::GiveUp { .. }
        | CallFailure::Postpone { .. }
        | CallFailure::Closed { .. }
        | CallFailure::Changed { .. }
        | CallFailure::TooLong { .. }
        | CallFailure::IdempotencyMismatch { .. } => false,
    }
}

/// The cause of a failed call, and the remedy.
fn explain(table: AccountTable, failure: &CallFailure, method: &Method, path: &str) -> String {
    let cause = failure.cause();
    match failure {
        CallFailure::Forbid { status: 403, .. } => format!(
            "{cause} to {method} {path}: the scope {} is missing, or the client's user is no administrator; give it to \
             the OAuth client and run this again",
            decide::scope_of(method, path)
        ),
        CallFailure::Pause { status: 400 | 401, .. } => {
            let [id, secret] = ["client_id", "client_secret"].map(|key| table.key(key));
            format!("{cause}: compare {id} and {secret} with the OAuth client in Zendesk")
        }
        CallFailure::Lose { .. } => {
            format!("{cause} to {method} {path}: it may have been done; run this again, nothing is done twice")
        }
        CallFailure::Pause { .. }
        | CallFailure::Forbid { .. }
        | CallFailure::Retry { .. }
        | CallFailure::Broke { .. }
        | CallFailure::GiveUp { .. }
        | CallFailure::Postpone { .. }
        | CallFailure::Closed { .. }
        | CallFailure::Changed { .. }
        | CallFailure::TooLong { .. }
        | CallFailure::NotFound { .. }
        | CallFailure::IdempotencyMismatch { .. } => format!("{cause} to {method} {path}"),
    }
}

impl Report {
    fn json(&self, dry_run: bool) -> Value {
        let step = |step: &Step| {
            let call = step
                .write
                .as_ref()
                .map(|write| json!({"method": write.method.as_str(), "path": write.path, "body": write.body}));
            json!({"what": step.what, "does": step.does, "id": step.id, "call": call})
        };
        json!({
            "dry_run": dry_run,
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
            "changes": self.changes(),
            "notes": self.notes,
            "signing_secret": self.secret.as_ref().map(ExposeSecret::expose_secret),
            "failed": self.failed,
        })
    }

    fn changes(&self) -> usize {
        self.steps.iter().filter(|step| step.write.is_some()).count()
    }

    fn print(
        &self,
        output: &mut impl Write,
        config: &Installation,
        wanted: &Wanted,
        dry_run: bool,
    ) -> Result<(), Failure> {
        writeln!(output, "Zendesk at {}; webhooks go to {}", config.url, wanted.endpoint)?;
        for note in &self.notes {
            writeln!(output, "  ? {}", printable(note))?;
        }
        for step in &self.steps {
            writeln!(output, "  {}", printable(&sentence(step, dry_run)))?;
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
            (0, _) if self.failed.is_none() => writeln!(output, "Nothing has to be changed.")?,
            (_, true) if self.failed.is_some() => {
                writeln!(output, "Nothing was changed; what would be is not all known.")?
            }
            (changes, true) => writeln!(output, "{changes} of these would be changed; nothing was.")?,
            (changes, false) => writeln!(output, "Changed: {changes}.")?,
        }
        Ok(())
    }

    fn print_secret(&self, output: &mut impl Write, table: AccountTable) -> io::Result<()> {
        let Some(secret) = self.secret.as_ref().map(ExposeSecret::expose_secret) else { return Ok(()) };
        writeln!(output, "\nThe webhook signs with this secret, which the bridge does not know yet:\n")?;
        writeln!(output, "  {}={secret}", table.variable("webhook_secrets"))?;
        writeln!(output, "\nin the secrets file or the environment, or in the configuration file:\n")?;
        writeln!(output, "  [{}]\n  webhook_secrets = [\"{secret}\"]", table.name())?;
        writeln!(output, "\nBeside others, if there are some.")
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
fn print_next(output: &mut impl Write, secret: Option<&SecretString>, running: &Running) -> io::Result<()> {
    let in_force = "reload the bridge where the secret is in a file (SIGHUP: systemctl reload tandem), and restart it \
                    where the secret is in its environment, which a process keeps as it was started with";
    match (secret, running) {
        (_, Running::Nowhere(url)) => writeln!(output, "No bridge answers at {url}: start it with tandem serve."),
        (Some(_), Running::At(url)) => writeln!(output, "A bridge runs at {url}: {in_force}."),
        (Some(_), Running::Unknown) => {
            writeln!(output, "Then start the bridge with tandem serve; where it runs, {in_force}.")
        }
        (None, Running::At(_) | Running::Unknown) => Ok(()),
    }
}

/// The sentence about one step.
fn sentence(step: &Step, dry_run: bool) -> String {
    let Step { what, does, .. } = step;
    let verb = if dry_run { "would be" } else { "was" };
    match does {
        Does::Keeps => format!("= {what} is as it should be"),
        Does::Creates => format!("+ {what} {verb} made"),
        Does::Mends(faults) => format!("~ {what} {verb} put right: found that it {}", faults.join(", ")),
        Does::Removes => format!("- {what} {verb} removed"),
        Does::Leaves(why) => format!("= {what} stays: {why}"),
        Does::Refuses(why) => format!("! {what} {why}: see to it in Zendesk, or name another"),
    }
}
