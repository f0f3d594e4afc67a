//! The few keys that setting up needs. The rest cannot be known yet: setting up tells the signing secret, for example.
//!
//! Like [`super::Glimpse`], it minds no fault elsewhere; `tandem check` tells those.

use std::path::Path;

use secrecy::SecretString;
use url::Url;

use super::accounts::{ACCOUNTS, VendorKey, standing};
use super::bridge::Config;
use super::faults::Faults;
use super::lines::LineKeys;
use super::reference::in_order;
use super::sources::Sources;
use crate::domain::account::AccountId;
use crate::keys::book::{At, Book};
use crate::keys::fault::Flaw;
use crate::keys::key::Field;
use crate::vendors::braze::keys::{Braze, Campaigns};
use crate::vendors::registry::Vendor;
use crate::vendors::zendesk::keys::{Credentials, Zendesk};

/// Every account of the configuration with its vendor.
///
/// # Errors
/// A file that cannot be read or is not TOML, or a fault of the vendor of the account that is `wanted`.
pub fn accounts(path: Option<&Path>, wanted: &str) -> Result<Vec<(AccountId, Vendor)>, Faults> {
    installation(path, |book| {
        let at = book.accounts.iter().find(|(name, _)| name == wanted).map(|(_, at)| at.clone());
        at.map_or(Some(()), |at| VendorKey::vendor().read(&at, book).map(|_| ()))?;
        let standing = book.quietly(|book| Some(standing(book))).unwrap_or_default();
        Some(standing.iter().map(|known| (known.account, known.vendor)).collect())
    })
}

/// The keys for setting up Zendesk.
#[derive(Clone, Debug)]
pub struct ZendeskInstallation {
    /// Where Zendesk reaches the bridge.
    pub public_url: Url,
    /// As [`Zendesk::url`].
    pub url: Url,
    /// As [`Zendesk::credentials`].
    pub credentials: Credentials,
    /// As [`Zendesk::user_field`].
    pub user_field: String,
    /// As [`Zendesk::webhook_secrets`], and empty as long as there are none.
    pub webhook_secrets: Vec<SecretString>,
}

/// The keys for setting up Braze.
#[derive(Clone, Debug)]
pub struct BrazeInstallation {
    /// Where Braze reaches the bridge.
    pub public_url: Url,
    /// As [`Campaigns::agent_reply`], and none as long as the campaign is not made.
    pub agent_reply: Option<String>,
    /// As [`Campaigns::ticket_solved`].
    pub ticket_solved: Option<String>,
    /// As [`Braze::subscription_group`].
    pub subscription_group: Option<String>,
    /// The described lines of the account, as far as they are good.
    pub lines: Vec<LineKeys>,
    /// As [`Braze::webhook_tokens`].
    pub webhook_tokens: Vec<SecretString>,
    /// As [`Braze::currents_tokens`].
    pub currents_tokens: Vec<SecretString>,
}

/// Reads the keys for setting up a Zendesk account.
///
/// # Errors
/// The faults of those keys, or a file that cannot be read or is not TOML.
pub fn zendesk_installation(path: Option<&Path>, account: AccountId) -> Result<ZendeskInstallation, Faults> {
    installation(path, |book| {
        let at = table(book, account, Vendor::Zendesk)?;
        let public_url = public_url(book);
        let (url, credentials) = (Zendesk::url().read(&at, book), Zendesk::credentials().read(&at, book));
        stands_alone(book, account, &at, url.as_ref());
        let user_field = Zendesk::user_field().read(&at, book);
        let webhook_secrets = book.quietly(|book| Zendesk::webhook_secrets().read(&at, book)).unwrap_or_default();
        Some(ZendeskInstallation {
            public_url: public_url?,
            url: url?,
            credentials: credentials?,
            user_field: user_field?,
            webhook_secrets,
        })
    })
}

/// Reads the keys for setting up a Braze account.
///
/// # Errors
/// The faults of those keys, or a file that cannot be read or is not TOML.
pub fn braze_installation(path: Option<&Path>, account: AccountId) -> Result<BrazeInstallation, Faults> {
    installation(path, |book| {
        let at = table(book, account, Vendor::Braze)?;
        let campaigns = at.below("campaigns");
        let public_url = public_url(book);
        let webhook_tokens = Braze::webhook_tokens().read(&at, book);
        let currents_tokens = Braze::currents_tokens().read(&at, book);
        let agent_reply = match book.is_given(&campaigns, "agent_reply") {
            true => Campaigns::agent_reply().read(&campaigns, book).map(Some),
            false => Some(None),
        };
        let ticket_solved = Campaigns::ticket_solved().read(&campaigns, book);
        let subscription_group = Braze::subscription_group().read(&at, book);
        let lines = book.quietly(|book| Config::described_lines().read(&At::top(), book)).unwrap_or_default();
        Some(BrazeInstallation {
            lines: lines.into_iter().filter(|line| line.carrier == account.name()).collect(),
            public_url: public_url?,
            agent_reply: agent_reply?,
            ticket_solved: ticket_solved?,
            subscription_group: subscription_group?,
            currents_tokens: currents_tokens.unwrap_or_default(),
            webhook_tokens: webhook_tokens?,
        })
    })
}

/// Reads with `read`, and minds the faults of those keys only.
fn installation<T>(path: Option<&Path>, read: impl FnOnce(&mut Book<'_>) -> Option<T>) -> Result<T, Faults> {
    let sources = Sources::required(path)?;
    let mut book = sources.book_of_a_few();
    let found = read(&mut book);
    let faults = book.faults;
    match found {
        Some(found) if faults.is_empty() && sources.faults.is_empty() => Ok(found),
        _ => Err(sources.refuse(in_order(faults))),
    }
}

/// The table of an account; a fault where there is none of that vendor.
fn table(book: &mut Book<'_>, account: AccountId, vendor: Vendor) -> Option<At> {
    let standing = book.quietly(|book| Some(standing(book))).unwrap_or_default();
    match standing.into_iter().find(|known| known.account == account && known.vendor == vendor) {
        Some(known) => Some(known.at),
        None => {
            let problem = format!("is no {} account of the configuration", vendor.title());
            let remedy = "Give it a table of its own, or name another account";
            book.fault(&At::top().below(ACCOUNTS), account.name(), Flaw::new(problem, remedy))
        }
    }
}

/// Books a fault where another account has the same Zendesk. Both would look for the webhook and the triggers of the same
/// names there, and the later one would take them from the earlier.
fn stands_alone(book: &mut Book<'_>, account: AccountId, at: &At, url: Option<&Url>) {
    let standing = book.quietly(|book| Some(standing(book))).unwrap_or_default();
    for other in standing.iter().filter(|other| other.vendor == Vendor::Zendesk && other.account != account) {
        let theirs = book.quietly(|book| Zendesk::url().read(&other.at, book));
        if url.is_some() && theirs.as_ref() == url {
            let problem = format!("is that of {} as well, and one Zendesk rings at one account only", other.account);
            let remedy = "Keep one of the two accounts, and describe its brands by lines";
            book.fault::<()>(at, "url", Flaw::new(problem, remedy));
        }
    }
}

fn public_url(book: &mut Book<'_>) -> Option<Url> {
    let (top, name) = (At::top(), "public_url");
    if !book.is_given(&top, name) {
        let remedy = "Set it to the address at which Zendesk and Braze reach `listen`, such as https://…";
        return book.fault(&top, name, Flaw::new("is missing", remedy));
    }
    Config::public_url().read(&top, book)?
}
