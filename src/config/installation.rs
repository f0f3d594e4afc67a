//! The few keys that setting up an account needs, with those that its vendor's folder reads.
//!
//! Like [`super::Glimpse`], it minds no fault elsewhere; `tandem check` tells those.

use std::path::Path;

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
use crate::vendors::registry::Vendor;

/// Every account of the configuration with its vendor.
///
/// # Errors
/// A file that cannot be read or is not TOML, or a fault of the vendor of the account that is `wanted`.
pub fn accounts(path: Option<&Path>, wanted: &str) -> Result<Vec<(AccountId, Vendor)>, Faults> {
    of_a_few(path, |book| {
        let at = book.accounts.iter().find(|(name, _)| name == wanted).map(|(_, at)| at.clone());
        at.map_or(Some(()), |at| VendorKey::vendor().read(&at, book).map(|_| ()))?;
        let standing = book.quietly(|book| Some(standing(book))).unwrap_or_default();
        Some(standing.iter().map(|known| (known.account, known.vendor)).collect())
    })
}

/// The keys for setting up an account.
#[derive(Clone, Debug)]
pub struct Installation<T> {
    /// Where the vendor reaches the bridge.
    pub public_url: Url,
    /// The keys of the account, as its vendor's folder reads them.
    pub keys: T,
    /// The described lines that the account carries, as far as they are good.
    pub lines: Vec<LineKeys>,
}

/// Reads the keys for setting up an account. `read` takes the account's table, and the other accounts of the vendor with
/// theirs.
///
/// # Errors
/// The faults of those keys, or a file that cannot be read or is not TOML.
pub(crate) fn installation<T>(
    path: Option<&Path>,
    (account, vendor): (AccountId, Vendor),
    read: impl FnOnce(&At, &[(AccountId, At)], &mut Book<'_>) -> Option<T>,
) -> Result<Installation<T>, Faults> {
    of_a_few(path, |book| {
        let of_vendor = of_vendor(book, vendor);
        let (own, others): (Vec<_>, Vec<_>) = of_vendor.into_iter().partition(|(known, _)| *known == account);
        let Some((_, at)) = own.first() else {
            let problem = format!("is no {} account of the configuration", vendor.title());
            let remedy = "Give it a table of its own, or name another account";
            return book.fault(&At::top().below(ACCOUNTS), account.name(), Flaw::new(problem, remedy));
        };
        let public_url = public_url(vendor, book);
        let keys = read(at, &others, book);
        let lines = book.quietly(|book| Config::described_lines().read(&At::top(), book)).unwrap_or_default();
        let lines = lines.into_iter().filter(|line| line.carrier == account.name()).collect();
        Some(Installation { public_url: public_url?, keys: keys?, lines })
    })
}

/// Reads with `read`, and minds the faults of those keys only.
fn of_a_few<T>(path: Option<&Path>, read: impl FnOnce(&mut Book<'_>) -> Option<T>) -> Result<T, Faults> {
    let sources = Sources::required(path)?;
    let mut book = sources.book_of_a_few();
    let found = read(&mut book);
    let faults = book.faults;
    match found {
        Some(found) if faults.is_empty() && sources.faults.is_empty() => Ok(found),
        _ => Err(sources.refuse(in_order(faults))),
    }
}

/// The accounts of a vendor, with their tables.
fn of_vendor(book: &mut Book<'_>, vendor: Vendor) -> Vec<(AccountId, At)> {
    let standing = book.quietly(|book| Some(standing(book))).unwrap_or_default();
    standing.into_iter().filter(|known| known.vendor == vendor).map(|known| (known.account, known.at)).collect()
}

fn public_url(vendor: Vendor, book: &mut Book<'_>) -> Option<Url> {
    let (top, name) = (At::top(), "public_url");
    if !book.is_given(&top, name) {
        let remedy = format!("Set it to the address at which {} reaches `listen`, such as https://…", vendor.title());
        return book.fault(&top, name, Flaw::new("is missing", remedy));
    }
    Config::public_url().read(&top, book)?
}
