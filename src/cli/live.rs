//! `tandem check --live`: checks the installation at every account, and shows the findings on one screen.
//!
//! It asks the running bridge for its account of webhooks. It changes nothing: its only posts are a search, and a
//! test of the webhook in which the bridge finds nothing to do. [`crate::vendors::checkup`] decides the meaning of the
//! findings.

use std::io::Write;
use std::sync::Arc;

use serde::Serialize;

use super::failure::Failure;
use super::inbound::arrivals;
use super::table::printable;
use super::way::Way;
use crate::clock::Clock;
use crate::config::{Config, VendorAccount};
use crate::domain::account::AccountId;
use crate::domain::account_table::AccountTable;
use crate::intake::public_address;
#[cfg(feature = "oidc")]
use crate::serve;
use crate::vendors::checkup::{self, Line, State};
use crate::vendors::folder::Installation;
use crate::vendors::http::{HttpTransport, Reach, Transport};

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
        let endpoint = config.public_url.as_ref().map(|url| public_address(url, &table.webhooks()));
        let reach = Reach::unpaused(Arc::clone(&transport), clock.clone());
        let found = keys.look(reach, &Installation { table, endpoint, lines: &lines }).await;
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
        let sender = keys.vendor().sender();
        let addresses =
            lines.of_carrier(*account).filter_map(|line| Some((line.name.as_str(), line.address.as_deref()?)));
        let told = checkup::arrivals(&sender, *account, &addresses.collect::<Vec<_>>(), &found, now);
        findings.extend(told.into_iter().map(|line| Finding::of(*account, line)));
    }
    Ok(findings)
}

/// Prints the findings, those of one account after those of the other.
pub(super) fn print(output: &mut impl Write, findings: &[Finding], config: &Config) -> Result<(), Failure> {
    let width = findings.iter().map(|finding| finding.line.what.chars().count()).max().unwrap_or(0);
    for VendorAccount { account, keys } in &config.accounts {
        let url = keys.url().as_str();
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
