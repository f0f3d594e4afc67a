//! Builds the options of the console from those of this bridge.

use std::sync::Arc;

use tokio::sync::watch;

use super::accounts::Clients;
use super::provider;
use super::signals::Read;
use crate::clock::Clock;
use crate::config::{Config, Faults, Warning};
use crate::domain::account::End;
use crate::http::{Check, Checked, ConsoleOptions, PreviewCampaigns, ShownMappings};

/// The console's options, whose changing parts are receivers and closures.
pub(super) fn shown(
    config: &Config,
    mappings: watch::Receiver<ShownMappings>,
    clients: Clients,
    check: Option<Read>,
    clock: &Clock,
) -> ConsoleOptions {
    // Previews show the campaigns of the first line, which is the default line of the first carrier in most configurations.
    let lines = config.lines();
    let forms = lines.iter().next().map(|line| &line.forms);
    let allowances = move |account| clients.allowance(account);
    let desks = config.accounts_at(End::Desk);
    let checked = |read: Read| -> Check { Arc::new(move || checked(read())) };
    ConsoleOptions {
        mappings: Some(mappings),
        campaigns: PreviewCampaigns {
            agent_reply: forms.map(|forms| forms.agent_reply.clone()),
            ticket_solved: forms.and_then(|forms| forms.ticket_solved.clone()),
        },
        check: check.map(checked),
        allowances: Some(Arc::new(allowances)),
        desk_urls: desks.map(|known| (known.account, known.keys.url().clone())).collect(),
        provider: config.provider().and_then(|provider| provider::of(&provider, clock)),
        ..ConsoleOptions::default()
    }
}

fn checked(read: Result<(Config, Vec<Warning>), Faults>) -> Checked {
    match read {
        Ok((_, warnings)) => {
            Checked { faults: Vec::new(), warnings: warnings.iter().map(ToString::to_string).collect() }
        }
        Err(Faults(faults)) => {
            Checked { faults: faults.iter().map(ToString::to_string).collect(), warnings: Vec::new() }
        }
    }
}
