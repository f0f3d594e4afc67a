//! `tandem setup zendesk`: reads the present installation, has [`crate::vendors::zendesk::setup`] find the difference, and makes the
//! missing calls.

use std::io::Write;
use std::sync::Arc;

use clap::Args;
use http::Method;

use super::report::{ID_TO_COME, Report, Told};
use crate::cli::failure::{Failure, runtime};
use crate::cli::options::{ConfigFile, Form};
use crate::clock::Clock;
use crate::config::{self, Vendor};
use crate::domain::account::AccountId;
use crate::domain::account_table::AccountTable;
use crate::intake::public_address;
use crate::ports::Failure as CallFailure;
use crate::vendors::http::{HttpTransport, Reach};
use crate::vendors::setup::{Step, Write as Change, is_among};
use crate::vendors::zendesk::admin::SETUP_SCOPE;
use crate::vendors::zendesk::setup::{self as decide, TAG, Wanted};
use crate::vendors::zendesk::{Installation, Zendesk, ZendeskOptions};

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
    let told = Told {
        table,
        heading: format!("Zendesk at {}; webhooks go to {}", config.url, installer.wanted.endpoint),
        dry_run: arguments.dry_run,
        as_json: arguments.form.json,
        secret: ("signing_secret", "The webhook signs with this secret, which the bridge does not know yet"),
        refused: "see to it in Zendesk, or name another",
        then: (!arguments.remove).then_some(path),
    };
    report.tell(&told, output)
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
            report.secrets.extend(Some(secret).filter(|secret| !is_among(secret, &config.webhook_secrets)));
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

    async fn act(&self, step: Step, report: &mut Report) -> Result<String, String> {
        let write = async |write: &Change| {
            let made = self.zendesk.write(write).await;
            made.map_err(|failure| explain(self.table, &failure, &write.method, &write.path))
        };
        report.act(step, self.dry_run, write).await
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
