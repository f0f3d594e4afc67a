//! `tandem check --live`: checks the installation at every account, and shows the findings on one screen.
//!
//! It asks the running bridge for its account of webhooks. It changes nothing: its only posts are a search, and a
//! test of the webhook in which the bridge finds nothing to do. [`crate::vendors::checkup`] decides the meaning of the
//! findings.

use std::io::Write;
use std::sync::Arc;

use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;

use super::failure::Failure;
use super::inbound::arrivals;
use super::table::printable;
use super::way::Way;
use crate::clock::Clock;
use crate::config::{self, Config, Credentials, Vendor, VendorAccount, VendorKeys};
use crate::domain::account::AccountId;
use crate::domain::account_table::AccountTable;
use crate::domain::line::{Line as TextLine, Lines};
use crate::domain::outgoing::Recipient;
use crate::intake::public_address;
use crate::ports::Carrier as _;
use crate::serve;
use crate::vendors::braze::checkup::Use;
use crate::vendors::braze::{self, Braze};
use crate::vendors::checkup::{self, Line, State};
use crate::vendors::http::{HttpTransport, Transport};
use crate::vendors::zendesk::admin::{CHECK_SCOPE, TicketRecord};
use crate::vendors::zendesk::source::CHECK_EVENT;
use crate::vendors::zendesk::{self, Zendesk};

/// A customer id that no customer has.
const NOBODY: &str = "tandem-check-nobody";

/// A finding, with its account.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    /// The account; `None` for a finding about none.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountId>,
    #[serde(flatten)]
    line: Line,
}

impl Finding {
    pub(super) fn is_wrong(&self) -> bool {
        self.line.state == State::Wrong
    }

    fn of(account: AccountId, line: Line) -> Self {
        Self { account: Some(account), line }
    }
}

/// Checks one account after the other.
pub(super) async fn look(config: &Config) -> Result<Vec<Finding>, Failure> {
    let transport = HttpTransport::new().map_err(|error| Failure::Failed(format!("no HTTP client: {error}")))?;
    let transport: Arc<dyn Transport> = Arc::new(transport);
    let (clock, lines) = (Clock::system(), config.lines());
    let mut findings = Vec::new();
    for VendorAccount { account, keys } in &config.accounts {
        let table = AccountTable(*account);
        let found = match keys {
            VendorKeys::Zendesk(keys) => {
                let client = serve::zendesk(&keys.url, &keys.credentials, Arc::clone(&transport), &clock);
                let endpoint = config.public_url.as_ref().map(|url| public_address(url, &table.webhooks()));
                let desk = Desk { table, client: client.with_scope(CHECK_SCOPE), keys, endpoint, clock: &clock };
                desk.look(lines.iter().filter(|line| line.ends.desk == *account)).await
            }
            VendorKeys::Braze(keys) => {
                let client = serve::braze(keys, Arc::clone(&transport), &clock);
                Carrier { table, client, keys, clock: &clock }.look(&lines).await
            }
        };
        findings.extend(found.into_iter().map(|line| Finding::of(*account, line)));
    }
    #[cfg(feature = "oidc")]
    if let Some(provider) = &config.provider() {
        let provider = serve::identity_provider(provider, &clock);
        let provider = provider.map_err(|error| Failure::Failed(format!("no HTTP client: {error}")))?;
        let found = provider.check().await.map_err(|error| error.to_string());
        findings.push(Finding { account: None, line: checkup::provider(&found) });
    }
    Ok(findings)
}

/// Checks the running bridge's account of webhooks. A bridge that does not run is no fault.
///
/// # Errors
/// The given way leads to no bridge.
pub(super) fn look_at_bridge(config: &Config, way: &Way) -> Result<Vec<Finding>, Failure> {
    let bridge = way.lead(&config.operator())?;
    let found = bridge.run(arrivals(&bridge)).map_err(|failure| match failure {
        Failure::Failed(why) | Failure::Usage(why) | Failure::Configuration(why) => why,
    });
    let (now, lines) = (Clock::system().now(), config.lines());
    let mut findings = Vec::new();
    for VendorAccount { account, keys } in &config.accounts {
        let sender = match keys.vendor() {
            Vendor::Zendesk => zendesk::checkup::SENDER,
            Vendor::Braze => braze::checkup::SENDER,
        };
        let addresses =
            lines.of_carrier(*account).filter_map(|line| Some((line.name.as_str(), line.address.as_deref()?)));
        let told = checkup::arrivals(&sender, *account, &addresses.collect::<Vec<_>>(), &found, now);
        findings.extend(told.into_iter().map(|line| Finding::of(*account, line)));
    }
    Ok(findings)
}

/// A Zendesk account to look at.
struct Desk<'a> {
    table: AccountTable,
    client: Zendesk,
    keys: &'a config::Zendesk,
    /// The address of its webhook, where `public_url` is configured.
    endpoint: Option<String>,
    clock: &'a Clock,
}

impl Desk<'_> {
    /// Checks the account, and the records that these lines name.
    async fn look(&self, lines: impl Iterator<Item = &TextLine>) -> Vec<Line> {
        let by = match &self.keys.credentials {
            Credentials::OAuth { client_id, .. } => format!("the OAuth client {client_id:?}"),
            Credentials::ApiToken { .. } => "the API token".to_owned(),
        };
        let me = self.client.me().await;
        let now = self.clock.now();
        let mut found = vec![zendesk::checkup::credentials(self.table, &me, &by)];
        let (Ok(me), [Line { state: State::Good, .. }]) = (me, found.as_slice()) else {
            let rest = ["scopes", "clock", "user field", "webhook", "signing secret", "triggers", "reachability"];
            found.extend(rest.map(|what| Line::not_looked_at("Zendesk", what, "the credentials are not good")));
            return found;
        };
        found.push(zendesk::checkup::scopes(&self.client.scopes_missing().await));
        found.push(checkup::clock("Zendesk", now, me.answered_at, self.keys.signature_tolerance_seconds));
        found.push(zendesk::checkup::user_field(self.table, &self.client.user_fields().await, &self.keys.user_field));
        match &self.endpoint {
            Some(endpoint) => self.look_at_installation(endpoint, &mut found).await,
            None => found.push(zendesk::checkup::no_public_url()),
        }
        for line in lines {
            let records = [
                (TicketRecord::Brand, line.tickets.brand_id),
                (TicketRecord::Group, line.tickets.group_id),
                (TicketRecord::Form, line.tickets.ticket_form_id),
            ];
            for (record, id) in records {
                let Some(id) = id else { continue };
                let answer = self.client.ticket_record(record, id).await;
                found.push(zendesk::checkup::ticket_record(&line.name, record, id, &answer));
            }
        }
        found
    }

    /// Checks the webhook, the triggers, and whether the webhook reaches the bridge.
    async fn look_at_installation(&self, endpoint: &str, lines: &mut Vec<Line>) {
        let zendesk = &self.client;
        let webhooks = zendesk.webhooks().await;
        let (line, webhook) = zendesk::checkup::webhook(self.table, &webhooks, endpoint);
        lines.push(line);
        let mut secret_is_known = false;
        if let Some(webhook) = webhook {
            let known = &self.keys.webhook_secrets;
            let found = zendesk.signing_secret(&webhook.id).await;
            let found = found.map(|secret| known.iter().any(|known| known.expose_secret() == secret.expose_secret()));
            secret_is_known = found == Ok(true);
            lines.push(zendesk::checkup::signing_secret(self.table, &found));
        } else {
            lines.push(Line::not_looked_at("Zendesk", "signing secret", "there is no webhook"));
        }
        let triggers = match (zendesk.triggers().await, zendesk.trigger_categories().await) {
            (Ok(triggers), Ok(categories)) => Ok((triggers, categories)),
            (Err(failure), _) | (_, Err(failure)) => Err(failure),
        };
        lines.extend(zendesk::checkup::triggers(self.table, &triggers, webhook));
        lines.push(match webhook {
            Some(webhook) if webhook.endpoint == endpoint => {
                let test = zendesk.test_webhook(webhook, &json!({ "event": CHECK_EVENT })).await;
                zendesk::checkup::reach(&test, endpoint, secret_is_known)
            }
            _ => Line::not_looked_at("Zendesk", "reachability", "no webhook posts there"),
        });
    }
}

/// A Braze account to look at.
struct Carrier<'a> {
    table: AccountTable,
    client: Braze,
    keys: &'a config::Braze,
    clock: &'a Clock,
}

impl Carrier<'_> {
    /// Checks the account, and every campaign of its lines.
    async fn look(&self, lines: &Lines) -> Vec<Line> {
        let config::Braze { url, campaigns, subscription_group, .. } = self.keys;
        let first = self.client.campaign(&campaigns.agent_reply).await;
        let now = self.clock.now();
        let mut found = vec![braze::checkup::key(self.table, &first, url.host_str().unwrap_or_default())];
        if found.iter().any(|line| line.state == State::Wrong) {
            let rest = ["clock", "campaign agent_reply", "campaign ticket_solved", "receipts"];
            found.extend(rest.map(|what| Line::not_looked_at("Braze", what, "the key is not good here")));
            return found;
        }
        if let Ok(campaign) = &first {
            found.push(checkup::clock("Braze", now, campaign.answered_at, self.keys.signature_tolerance_seconds));
        }
        for (purpose, id) in campaigns_of(self.table, campaigns, lines) {
            let campaign = self.client.campaign(&id).await;
            found.push(braze::checkup::campaign(self.table, &purpose, &id, &campaign));
            let marked = campaign.as_ref().ok().filter(|_| !self.keys.currents_tokens.is_empty());
            found.extend(marked.map(|view| braze::checkup::mark(&purpose.name, view)));
        }
        found.push(braze::checkup::export(self.table, &self.client.may_export().await));
        if let Some(group) = subscription_group {
            let answer = self.client.takes_texts(group, &Recipient::External(NOBODY.to_owned())).await;
            found.push(braze::checkup::group(self.table, &answer));
        }
        found
    }
}

/// The campaigns of an account, and those of its lines that are not the account's, each once with its use.
fn campaigns_of(of: AccountTable, campaigns: &config::Campaigns, lines: &Lines) -> Vec<(Use, String)> {
    let of_account =
        [("agent_reply", Some(&campaigns.agent_reply)), ("ticket_solved", campaigns.ticket_solved.as_ref())];
    let mut found: Vec<(Use, String)> =
        of_account.into_iter().filter_map(|(name, id)| Some((Use::of_account(of, name), id?.clone()))).collect();
    for line in lines.of_carrier(of.0) {
        let forms = [
            ("agent_reply", Some(&line.forms.agent_reply)),
            ("ticket_solved", line.forms.ticket_solved.as_ref()),
            ("template", line.forms.template.as_ref()),
        ];
        for (name, id) in forms {
            let Some(id) = id.filter(|id| !found.iter().any(|(_, known)| known == *id)) else { continue };
            found.push((Use::of_line(name, &line.name, line.channel), id.clone()));
        }
    }
    found
}

/// Prints the findings, those of one account after those of the other.
pub(super) fn print(output: &mut impl Write, findings: &[Finding], config: &Config) -> Result<(), Failure> {
    let width = findings.iter().map(|finding| finding.line.what.chars().count()).max().unwrap_or(0);
    for VendorAccount { account, keys } in &config.accounts {
        let url = match keys {
            VendorKeys::Zendesk(keys) => keys.url.as_str(),
            VendorKeys::Braze(keys) => keys.url.as_str(),
        };
        let side = keys.vendor().title();
        let name = if account.is_first() { String::new() } else { format!(" account {account}") };
        writeln!(output, "\n{side}{name}, {}", url.trim_end_matches('/'))?;
        print_lines(output, findings.iter().filter(|finding| finding.account == Some(*account)), width)?;
    }
    if let Some(issuer) = &config.oidc.issuer {
        let side = "Identity provider";
        writeln!(output, "\n{side}, {}", issuer.trim_end_matches('/'))?;
        print_lines(output, findings.iter().filter(|finding| finding.line.side == side), width)?;
    }
    Ok(())
}

fn print_lines<'a>(
    output: &mut impl Write,
    findings: impl Iterator<Item = &'a Finding>,
    width: usize,
) -> Result<(), Failure> {
    for Finding { line, .. } in findings {
        let mark = match line.state {
            State::Good => "ok",
            State::Note => "note",
            State::Wrong => "WRONG",
            State::Unknown => "?",
        };
        writeln!(output, "  {mark:<5}  {:<width$}  {}", line.what, printable(&line.said))?;
        if let Some(remedy) = &line.remedy {
            writeln!(output, "         {:<width$}  → {remedy}.", "")?;
        }
    }
    Ok(())
}
