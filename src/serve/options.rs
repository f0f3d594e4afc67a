//! The options of each module, taken from the configuration. It builds none of the modules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Config, VendorAccount};
use crate::domain::account::{AccountId, End};
use crate::domain::alarm;
use crate::domain::inbound::Poster;
use crate::domain::line::Lines;
use crate::domain::retry::RetryPolicy;
use crate::intake::{Sender, Senders};
use crate::ports::{CarrierTerms, DeskTerms};
use crate::vendors::folder::Around;
use crate::worker::{AlarmOptions, WorkerOptions};

/// The accounts that post webhooks, between these lines.
pub(super) fn senders(config: &Config, lines: &Arc<Lines>) -> Senders {
    let sender = |VendorAccount { account, keys }: &VendorAccount| {
        let around = Around { lines, customer_field: customer_field(config, lines, *account) };
        let (vendor, source) = (keys.vendor(), keys.source(*account, &around));
        (*account, Sender { end: vendor.end(), source, remedies: vendor.sender().remedies })
    };
    Senders { accounts: config.accounts.iter().map(sender).collect(), lines: Arc::clone(lines) }
}

/// The user field of the desk that answers the carrier's default line: the recipe's campaigns name it.
fn customer_field(config: &Config, lines: &Lines, carrier: AccountId) -> String {
    let desk = lines.default_of(carrier).map(|line| line.ends.desk);
    let keys = config.accounts.iter().find(|known| Some(known.account) == desk);
    keys.and_then(|known| known.keys.customer_field()).unwrap_or_default().to_owned()
}

pub(super) fn alarm_options(config: &Config) -> Option<AlarmOptions> {
    let url = config.alarm.url.clone()?;
    let console = config.console_url.as_ref().map(|url| alarm::Console::at(url.as_str()));
    Some(AlarmOptions { url, token: config.alarm.token.clone(), console })
}

/// The accounts, each with its end.
pub(super) fn accounts(config: &Config) -> Arc<BTreeMap<AccountId, End>> {
    Arc::new(config.accounts.iter().map(|known| (known.account, known.keys.vendor().end())).collect())
}

/// The accounts as senders of webhooks.
pub(super) fn posters(config: &Config) -> BTreeMap<AccountId, Poster> {
    let poster = |known: &VendorAccount| {
        let vendor = known.keys.vendor();
        (known.account, Poster { end: vendor.end(), expected: vendor.sender().expected })
    };
    config.accounts.iter().map(poster).collect()
}

/// The carriers for which typographic characters are replaced.
pub(super) fn gsm7(config: &Config) -> Arc<BTreeSet<AccountId>> {
    let replaces = |known: &&VendorAccount| known.keys.carrier_terms().is_some_and(|terms| terms.gsm7);
    Arc::new(config.accounts.iter().filter(replaces).map(|known| known.account).collect())
}

/// The options of the worker between a desk and a carrier.
pub(super) fn worker_options(config: &Config, desk: DeskTerms, carrier: CarrierTerms) -> WorkerOptions {
    WorkerOptions {
        requester_match: desk.requester_match,
        reopen: Duration::from_secs(u64::from(config.reopen_days) * 86_400),
        on_unconfirmed: carrier.on_unconfirmed,
        recipe_message: carrier.recipe_message,
        gsm7: carrier.gsm7,
        subscription_group: carrier.asks_on,
        retry: RetryPolicy { confirm_after: carrier.confirm_after, ..RetryPolicy::default() },
        catch_up: config.catch_up_minutes,
        public_url: config.public_url.clone(),
        currents_backfill: carrier.backfill,
    }
}
