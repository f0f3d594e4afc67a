//! `tandem setup ACCOUNT` at Sunshine Conversations: reads the present installation, has
//! [`crate::vendors::sunshine::setup`] find the difference, and makes the missing calls.

use std::io::Write;
use std::sync::Arc;

use clap::Args;
use secrecy::SecretString;

use super::report::{ID_TO_COME, Report, Told};
use crate::cli::failure::{Failure, runtime};
use crate::cli::options::{ConfigFile, Form};
use crate::clock::Clock;
use crate::config::{self, LineKeys, Vendor};
use crate::domain::account::AccountId;
use crate::domain::account_table::AccountTable;
use crate::domain::line::{Line, is_one_line};
use crate::intake::public_address;
use crate::ports::Failure as CallFailure;
use crate::vendors::http::{HttpTransport, Reach};
use crate::vendors::setup::{Step, Write as Change, is_among};
use crate::vendors::sunshine::keys::FirstContactBy;
use crate::vendors::sunshine::setup as decide;
use crate::vendors::sunshine::{Installation, Sunshine, SunshineOptions, remedies};

/// The arguments of `tandem setup ACCOUNT`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print every call that would be made, with its body, and make none that changes anything.
    #[arg(long)]
    dry_run: bool,
    /// Make tandem the first responder of each channel that Zendesk's own AI agent or Agent Workspace answers now, which
    /// no longer opens tickets of that channel's new conversations.
    #[arg(long)]
    take_over: bool,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    form: Form,
}

pub(super) fn run(arguments: &Arguments, account: AccountId, output: &mut impl Write) -> Result<(), Failure> {
    let path = arguments.file.config.as_deref();
    let config = config::installation(path, (account, Vendor::Sunshine), Installation::read)?;
    let table = AccountTable(account);
    let endpoint = public_address(&config.public_url, &table.webhooks());
    let Installation { url, app_id, key, first_contact, .. } = config.keys.clone();
    let transport = HttpTransport::new().map_err(|error| Failure::Failed(format!("no HTTP client: {error}")))?;
    // No text goes out here.
    let options = SunshineOptions { url: url.clone(), app_id, key, messages_per_second: 1, first_contact };
    let client = Sunshine::new(options, Reach::unpaused(Arc::new(transport), Clock::system()));
    let installer = Installer { table, client, endpoint, dry_run: arguments.dry_run, takes_over: arguments.take_over };
    let mut report = Report::default();
    let ended = runtime()?.block_on(installer.install(&config.keys, &config.lines, &mut report));
    report.failed = ended.err();
    let told = Told {
        table,
        heading: format!("Sunshine Conversations at {url}; webhooks go to {}", installer.endpoint),
        dry_run: arguments.dry_run,
        as_json: arguments.form.json,
        secret: (
            "webhook_secret",
            "Each webhook presents a secret of its own, of which the bridge does not know the first yet",
        ),
        refused: "see to it, and run this again",
        then: Some(path),
    };
    report.tell(&told, output)
}

/// Reads the installation, and writes the missing parts.
struct Installer {
    table: AccountTable,
    client: Sunshine,
    endpoint: String,
    dry_run: bool,
    takes_over: bool,
}

impl Installer {
    /// The first responders come last: the place in the switchboard, which they name, has to be there.
    async fn install(&self, keys: &Installation, lines: &[LineKeys], report: &mut Report) -> Result<(), String> {
        let client = &self.client;
        let app = format!("/v2/apps/{}", keys.app_id);
        // Everything is read before anything is written, so that a key of too little power leaves nothing half-done.
        let listed = self.said(client.integrations().await)?;
        let webhooks = self.said(client.webhooks(&listed).await)?;
        let notifying = match keys.first_contact {
            FirstContactBy::Client => None,
            FirstContactBy::Notification => Some(self.said(client.notifying().await)?),
        };
        let board = self.said(client.switchboard().await)?;
        let addresses: Vec<&str> = lines.iter().filter_map(|line| line.address.as_deref()).collect();
        let mut channels = Vec::new();
        for channel in decide::bridged(&listed, &addresses) {
            channels.push(self.said(client.integration(&channel.id).await)?);
        }
        let mut integration = String::new();
        for (index, step) in decide::webhook(&app, &webhooks, &self.endpoint).into_iter().enumerate() {
            let id = self.act(step, report).await?;
            if index == 0 {
                integration = id;
            }
        }
        if let Some((board, members)) = &board {
            let member = self.act(decide::member(&app, board, members, &integration), report).await?;
            for channel in &channels {
                let line = name_of(&channel.id, lines, self.table.0);
                self.act(decide::responder(&app, line, channel, &member, self.takes_over), report).await?;
            }
        }
        let mut notifies = ID_TO_COME.to_owned();
        if let Some(found) = notifying {
            let path = format!("/v1.1/apps/{}/webhooks", keys.app_id);
            for (index, step) in decide::notifications(&path, &found, &self.endpoint).into_iter().enumerate() {
                let id = self.act(step, report).await?;
                if index == 0 {
                    notifies = id;
                }
            }
        }
        let mut presented = Vec::new();
        if integration != ID_TO_COME {
            presented.push(self.secret(&integration).await?);
        }
        if notifies != ID_TO_COME {
            let webhooks = self.said(client.notifying().await)?;
            presented
                .push(made(webhooks.into_iter().find(|webhook| webhook.id == notifies).map(|webhook| webhook.secret))?);
        }
        let is_known = |secret: &SecretString| is_among(secret, &keys.webhook_secrets);
        // The list that is shown takes the place of the configured one, so it holds the known secret of the other webhook too.
        if !presented.iter().all(is_known) {
            presented.sort_by_key(is_known);
            report.secrets = presented;
        }
        Ok(())
    }

    /// The secret of our webhook.
    async fn secret(&self, integration: &str) -> Result<SecretString, String> {
        let ours = [self.said(self.client.integration(integration).await)?];
        let webhooks = self.said(self.client.webhooks(&ours).await)?;
        let ours = webhooks.into_iter().find(|webhook| webhook.target == self.endpoint);
        made(ours.map(|webhook| webhook.secret))
    }

    fn said<T>(&self, answer: Result<T, CallFailure>) -> Result<T, String> {
        answer.map_err(|failure| {
            let remedy = match &failure {
                CallFailure::Lose { .. } => "it may have been done; run this again, nothing is done twice".to_owned(),
                CallFailure::Pause { .. } | CallFailure::Forbid { .. } | CallFailure::GiveUp { .. } => {
                    (remedies::REMEDIES.of_refusal)(self.table, failure.cause())
                }
                CallFailure::Retry { .. }
                | CallFailure::Broke { .. }
                | CallFailure::Postpone { .. }
                | CallFailure::Closed { .. }
                | CallFailure::Changed { .. }
                | CallFailure::TooLong { .. }
                | CallFailure::NotFound { .. }
                | CallFailure::IdempotencyMismatch { .. } => (remedies::REMEDIES.of_silence)(self.table),
            };
            format!("{}: {remedy}", failure.cause())
        })
    }

    async fn act(&self, step: Step, report: &mut Report) -> Result<String, String> {
        let write = async |change: &Change| self.said(self.client.write(change).await);
        report.act(step, self.dry_run, write).await
    }
}

fn made(secret: Option<SecretString>) -> Result<SecretString, String> {
    secret.ok_or_else(|| "the webhook that was made is not listed; run this again".to_owned())
}

/// The name of the line that takes the texts of a channel.
fn name_of<'a>(channel: &str, lines: &'a [LineKeys], account: AccountId) -> &'a str {
    let is_at = |line: &&LineKeys| line.address.as_deref().is_some_and(|address| is_one_line(address, channel));
    let default = || lines.iter().find(|line| line.address.is_none());
    lines.iter().find(is_at).or_else(default).map_or(Line::default_name(account), |line| line.name.as_str())
}
