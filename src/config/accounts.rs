//! The accounts: the own table of each vendor and every `[accounts.NAME]`, each with the keys of its vendor, and the rules
//! between them. Never knows which lines run between accounts.

use secrecy::ExposeSecret;
use url::Url;

use crate::domain::account::{AccountId, End};
use crate::domain::account_table::AccountTable;
use crate::keys::book::{At, Book, joined};
use crate::keys::fault::Flaw;
use crate::keys::key::{About, Field, Shown};
use crate::keys::shapes::{Word, word};
use crate::keys::table::table;
use crate::keys::value::Value;
use crate::vendors::registry::{NAME_A_VENDOR, Vendor, VendorKeys};

pub use crate::domain::account_table::ACCOUNTS;

table! {
    /// The key that every `[accounts.NAME]` has beside those of its vendor.
    pub(super) struct VendorKey {
        /// The account's vendor. All other keys are those of the vendor's own table.
        vendor: Vendor = word().needed(NAME_A_VENDOR).set_to(r#""zendesk""#),
    }
}

/// One account of the configuration.
#[derive(Clone, Debug)]
pub struct VendorAccount {
    /// Its name.
    pub account: AccountId,
    /// The keys of its vendor.
    pub keys: VendorKeys,
}

/// One account of the configuration, be its keys good or not.
#[derive(Clone)]
pub(super) struct Standing {
    pub(super) account: AccountId,
    pub(super) vendor: Vendor,
    pub(super) at: At,
}

/// Every account that has a good name and a known vendor: the vendors' own tables, then the others by name. Books the faults
/// of the rest.
pub(super) fn standing(book: &mut Book<'_>) -> Vec<Standing> {
    let named = book.accounts.clone();
    let vendors: Vec<_> = named.iter().map(|(_, at)| VendorKey::vendor().read(at, book)).collect();
    let mut accounts = Vec::new();
    without_own_table(book);
    let own = |vendor: Vendor| At::top().below(vendor.word());
    let own_begun: Vec<Vendor> = Vendor::ALL.iter().copied().filter(|vendor| book.is_begun(&own(*vendor))).collect();
    let firsts = Vendor::ALL.iter().filter_map(|vendor| Some((*vendor, first_account(*vendor)?)));
    for (vendor, account) in firsts.filter(|(_, account)| account.is_first()) {
        // An account of an unknown vendor may be the one that makes the table of the first desk or carrier needless.
        let has_end = |other: &Option<Vendor>| other.is_none_or(|other| other.end() == vendor.end());
        let is_needed = !vendors.iter().any(has_end) && !own_begun.iter().any(|other| other.end() == vendor.end());
        if is_needed || own_begun.contains(&vendor) {
            accounts.push(Standing { account, vendor, at: own(vendor) });
        }
    }
    for ((name, at), vendor) in named.iter().zip(vendors) {
        let Some(account) = account(name, at, book) else { continue };
        let Some(vendor) = vendor else { continue };
        // The name of a vendor that came later may be that of an account of before, which never changes.
        let owner = Vendor::ALL.iter().find(|owner| first_account(**owner) == Some(account) && !is_spare(**owner));
        if let Some(owner) = owner.filter(|owner| **owner != vendor) {
            let problem = format!("is {}, but the name {name} belongs to {}", vendor.word(), owner.title());
            book.fault::<()>(at, "vendor", Flaw::new(problem, "Give the account another name"));
        } else if accounts.iter().any(|other| other.account == account) {
            let problem = format!("stands beside [{name}], which is the account of that name");
            let remedy = "Keep one of the two tables, or give this account another name";
            book.fault_of_table::<()>(at, Flaw::new(problem, remedy));
        } else {
            accounts.push(Standing { account, vendor, at: at.clone() });
        }
    }
    accounts
}

/// Books the table that a vendor has no use for, because all of its accounts have names.
fn without_own_table(book: &mut Book<'_>) {
    for vendor in Vendor::ALL.iter().filter(|vendor| is_spare(**vendor)) {
        let (word, at) = (vendor.word(), At::top().below(vendor.word()));
        if let Some(table) = table_of(*vendor).filter(|_| book.is_begun(&at)) {
            let (name, variables) = (table.name(), table.variable(""));
            let remedy = format!(
                "Write [{name}] with vendor = {word:?} in place of [{word}]; its variables begin with {variables}"
            );
            book.fault_of_table::<()>(&at, Flaw::new("is no table of the configuration", remedy));
        }
    }
}

/// Whether the vendor has no table of its own, because a bridge of one account each has others: all of its accounts have
/// names.
pub(super) fn is_spare(vendor: Vendor) -> bool {
    !first_account(vendor).is_some_and(AccountId::is_first)
}

/// The table of the account that has the name of a vendor: where it is one of the first, the vendor's own.
pub(super) fn table_of(vendor: Vendor) -> Option<AccountTable> {
    first_account(vendor).map(AccountTable)
}

/// The account that has the name of a vendor.
fn first_account(vendor: Vendor) -> Option<AccountId> {
    vendor.name().parse().ok()
}

/// The name of an account that is most like this text.
pub(super) fn likely_name(text: &str) -> String {
    let small = text.to_ascii_lowercase();
    let words: Vec<&str> = small.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "support-eu".to_owned() } else { words.join("-") }
}

fn account(name: &str, at: &At, book: &mut Book<'_>) -> Option<AccountId> {
    match name.parse() {
        Ok(account) => Some(account),
        Err(problem) => {
            let remedy = format!(
                "Choose one such as {}; it never changes, because it is part of stored keys",
                likely_name(name)
            );
            book.fault_of_table(at, Flaw::new(format!("is {problem}"), remedy))
        }
    }
}

/// The field of all accounts.
pub(super) struct Accounts;

impl Field<Vec<VendorAccount>> for Accounts {
    fn named(self, _name: &'static str, _doc: &'static str) -> Self {
        self
    }

    /// The keys of each vendor stand in the reference once, under the vendor's own table.
    fn keys(&self, above: &str, keys: &mut Vec<About>) {
        for vendor in Vendor::ALL {
            vendor.keys(&joined(above, vendor.word()), keys);
        }
    }

    fn read(&self, _at: &At, book: &mut Book<'_>) -> Option<Vec<VendorAccount>> {
        let mut read = Vec::new();
        for Standing { account, vendor, at } in standing(book) {
            is_at_its_vendor(vendor, &at, book);
            if let Some(keys) = vendor.read(&at, book) {
                read.push((at, VendorAccount { account, keys }));
            }
        }
        proofs_differ(&read, book);
        addresses_differ(&read, book);
        parts_differ(&read, book);
        workspaces_differ(&read, book);
        Some(read.into_iter().map(|(_, account)| account).collect())
    }

    fn show(&self, value: &Vec<VendorAccount>, _above: &str, shown: &mut Vec<Shown>) {
        for VendorAccount { account, keys } in value {
            keys.show(&AccountTable(*account).name(), shown);
        }
    }

    /// An account that comes, goes or changes its vendor waits for a restart as a whole.
    fn reload(
        &self,
        old: &Vec<VendorAccount>,
        new: &Vec<VendorAccount>,
        _above: &str,
        waiting: &mut Vec<String>,
    ) -> Vec<VendorAccount> {
        let find = |accounts: &[VendorAccount], wanted: AccountId| {
            accounts.iter().find(|known| known.account == wanted).map(|known| known.keys.clone())
        };
        let mut in_force = Vec::new();
        for VendorAccount { account, keys } in old {
            let (account, table) = (*account, AccountTable(*account).name());
            let reloaded = find(new, account).and_then(|new| keys.reload(&new, &table, waiting));
            let keys = reloaded.unwrap_or_else(|| {
                waiting.push(table);
                keys.clone()
            });
            in_force.push(VendorAccount { account, keys });
        }
        let is_new = |known: &&VendorAccount| find(old, known.account).is_none();
        waiting.extend(new.iter().filter(is_new).map(|known| AccountTable(known.account).name()));
        in_force
    }
}

/// Books each account that has a secret or a token of another one of its vendor.
fn proofs_differ(accounts: &[(At, VendorAccount)], book: &mut Book<'_>) {
    for (index, (at, VendorAccount { keys, .. })) in accounts.iter().enumerate() {
        for (key, proof) in keys.proofs() {
            let others = accounts.iter().take(index).filter(|(_, other)| other.keys.vendor() == keys.vendor());
            let holds = |(other, account): &(At, VendorAccount)| {
                let mut proofs = account.keys.proofs().into_iter();
                let (key, _) = proofs.find(|(_, known)| known.expose_secret() == proof.expose_secret())?;
                Some(other.shown(key))
            };
            if let Some(other) = others.filter_map(holds).next() {
                let problem = format!("shares an entry with {other}, so that one sender could speak for both");
                let remedy = keys.vendor().one_proof();
                book.fault::<()>(at, key, Flaw::new(problem, remedy));
            }
        }
    }
}

/// Books an address that is another vendor's.
fn is_at_its_vendor(vendor: Vendor, at: &At, book: &mut Book<'_>) {
    let url = match book.given(at, "url").map(|given| &given.value) {
        Some(Ok(Value::Text(text))) => Url::parse(text).ok(),
        Some(_) | None => None,
    };
    if let Some(owner) = url.as_ref().and_then(Vendor::at).filter(|owner| *owner != vendor) {
        let problem = format!("is an address of {}, but the account is one of {}", owner.title(), vendor.title());
        book.fault::<()>(at, "url", Flaw::new(problem, vendor.own_address()));
    }
}

/// Warns of two accounts of one vendor that are one workspace, and of those that cannot both be at their address.
fn workspaces_differ(accounts: &[(At, VendorAccount)], book: &mut Book<'_>) {
    for (index, (at, VendorAccount { keys, .. })) in accounts.iter().enumerate() {
        let Some((key, elsewhere)) = keys.api_key() else { continue };
        let has_key = |other: &&VendorAccount| {
            let theirs = other.keys.api_key().filter(|_| other.keys.vendor() == keys.vendor());
            theirs.is_some_and(|(theirs, _)| theirs.expose_secret() == key.expose_secret())
        };
        let others: Vec<_> = accounts.iter().take(index).map(|(_, other)| other).filter(has_key).collect();
        if let Some(other) = others.iter().find(|other| other.keys.url() == keys.url()) {
            let problem = "at the same url: one account with several lines serves a workspace";
            book.warn(at, "api_key", format!("is that of {} as well, {problem}", other.account));
        } else if let Some(other) = others.first() {
            book.warn(at, "api_key", format!("is that of {} as well, at another url: {elsewhere}", other.account));
        }
    }
}

/// Books the second of two desks at one address, where each reply would ring at both.
fn addresses_differ(accounts: &[(At, VendorAccount)], book: &mut Book<'_>) {
    let desks = accounts.iter().filter(|(_, known)| known.keys.vendor().end() == End::Desk);
    let desks: Vec<_> = desks.map(|(at, known)| (at, known.account, known.keys.url())).collect();
    for (index, (at, _, url)) in desks.iter().enumerate() {
        if let Some((_, other, _)) = desks.iter().take(index).find(|(_, _, other)| other == url) {
            let problem = format!("is that of {other} as well, so that a reply would be texted once for each account");
            let remedy = "Keep one of the two accounts, and describe its brands by lines with a brand_id";
            book.fault::<()>(at, "url", Flaw::new(problem, remedy));
        }
    }
}

/// Books the second of two accounts that are one part of an installation.
fn parts_differ(accounts: &[(At, VendorAccount)], book: &mut Book<'_>) {
    for (index, (at, VendorAccount { keys, .. })) in accounts.iter().enumerate() {
        let Some((key, part)) = keys.part() else { continue };
        // An installation may have several addresses.
        let is_same = |other: &&VendorAccount| {
            other.keys.vendor() == keys.vendor() && other.keys.part().is_some_and(|(_, other)| other == part)
        };
        if let Some(other) = accounts.iter().take(index).map(|(_, other)| other).find(is_same) {
            let other = other.account;
            let problem = format!("is that of {other} as well, so that each text would open a ticket for both");
            let remedy = "Keep one of the two accounts, and describe its channels by lines with an address";
            book.fault::<()>(at, key, Flaw::new(problem, remedy));
        }
    }
}

#[cfg(test)]
mod tests;
