//! The accounts: `[zendesk]`, `[braze]` and every `[accounts.NAME]`, each with the keys of its vendor, and the rules between
//! them. Never knows which lines run between accounts.

use secrecy::{ExposeSecret, SecretString};

use crate::domain::account::{AccountId, Ends};
use crate::domain::account_table::AccountTable;
use crate::keys::book::{At, Book, joined};
use crate::keys::fault::Flaw;
use crate::keys::key::{About, Field, Shown};
use crate::keys::shapes::{Word, word};
use crate::keys::table::{Table, table};
use crate::vendors::braze::keys::Braze;
use crate::vendors::zendesk::keys::Zendesk;

pub use crate::domain::account_table::ACCOUNTS;

/// The vendors of accounts. Each has a table of its own for its first account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// Its accounts are desks.
    Zendesk,
    /// Its accounts are carriers.
    Braze,
}

impl Word for Vendor {
    const ALL: &'static [Self] = &[Self::Zendesk, Self::Braze];
    const WORDS: &'static [&'static str] = &[Self::Zendesk.name(), Self::Braze.name()];
}

impl Vendor {
    /// The word in the file, which is also the name of the vendor's own table and of the account in it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zendesk => "zendesk",
            Self::Braze => "braze",
        }
    }

    /// The name for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Zendesk => "Zendesk",
            Self::Braze => "Braze",
        }
    }

    /// The account of the vendor's own table.
    const fn first_account(self) -> AccountId {
        match self {
            Self::Zendesk => Ends::FIRST.desk,
            Self::Braze => Ends::FIRST.carrier,
        }
    }
}

table! {
    /// The key that every `[accounts.NAME]` has beside those of its vendor.
    pub(super) struct VendorKey {
        /// The account's vendor. All other keys are those of the vendor's own table.
        vendor: Vendor = word().needed("Set it to zendesk or braze").set_to(r#""zendesk""#),
    }
}

/// The keys of one account.
#[derive(Clone, Debug)]
pub enum VendorKeys {
    /// A desk.
    Zendesk(Zendesk),
    /// A carrier.
    Braze(Braze),
}

impl VendorKeys {
    fn read(vendor: Vendor, at: &At, book: &mut Book<'_>) -> Option<Self> {
        match vendor {
            Vendor::Zendesk => Zendesk::read(at, book).map(Self::Zendesk),
            Vendor::Braze => Braze::read(at, book).map(Self::Braze),
        }
    }

    /// The account's vendor.
    #[must_use]
    pub const fn vendor(&self) -> Vendor {
        match self {
            Self::Zendesk(_) => Vendor::Zendesk,
            Self::Braze(_) => Vendor::Braze,
        }
    }

    /// The proofs that senders of its webhooks present, by their keys.
    fn proofs(&self) -> Vec<(&'static str, &SecretString)> {
        let under = |key: &'static str| move |secret| (key, secret);
        match self {
            Self::Zendesk(keys) => keys.webhook_secrets.iter().map(under("webhook_secrets")).collect(),
            Self::Braze(keys) => {
                let tokens = keys.webhook_tokens.iter().map(under("webhook_tokens"));
                tokens.chain(keys.currents_tokens.iter().map(under("currents_tokens"))).collect()
            }
        }
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
    for vendor in Vendor::ALL.iter().copied() {
        let at = At::top().below(vendor.word());
        // An account of an unknown vendor may be the one that makes the vendor's own table needless.
        let is_needed = !vendors.iter().any(|other| other.is_none_or(|other| other == vendor));
        if is_needed || book.is_begun(&at) {
            accounts.push(Standing { account: vendor.first_account(), vendor, at });
        }
    }
    for ((name, at), vendor) in named.iter().zip(vendors) {
        let Some(account) = account(name, at, book) else { continue };
        let Some(vendor) = vendor else { continue };
        let owner = Vendor::ALL.iter().find(|owner| owner.first_account() == account);
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

fn account(name: &str, at: &At, book: &mut Book<'_>) -> Option<AccountId> {
    match name.parse() {
        Ok(account) => Some(account),
        Err(problem) => {
            let remedy = "Choose one such as support-eu; it never changes, because it is part of stored keys";
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

    /// The keys of both vendors stand in the reference once, under the vendor's own table.
    fn keys(&self, above: &str, keys: &mut Vec<About>) {
        Zendesk::keys(&joined(above, Vendor::Zendesk.word()), keys);
        Braze::keys(&joined(above, Vendor::Braze.word()), keys);
    }

    fn read(&self, _at: &At, book: &mut Book<'_>) -> Option<Vec<VendorAccount>> {
        let mut read = Vec::new();
        for Standing { account, vendor, at } in standing(book) {
            if let Some(keys) = VendorKeys::read(vendor, &at, book) {
                read.push((at, VendorAccount { account, keys }));
            }
        }
        proofs_differ(&read, book);
        addresses_differ(&read, book);
        workspaces_differ(&read, book);
        Some(read.into_iter().map(|(_, account)| account).collect())
    }

    fn show(&self, value: &Vec<VendorAccount>, _above: &str, shown: &mut Vec<Shown>) {
        for VendorAccount { account, keys } in value {
            let table = AccountTable(*account).name();
            match keys {
                VendorKeys::Zendesk(keys) => keys.show(&table, shown),
                VendorKeys::Braze(keys) => keys.show(&table, shown),
            }
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
            let keys = match (keys, find(new, account)) {
                (VendorKeys::Zendesk(old), Some(VendorKeys::Zendesk(new))) => {
                    VendorKeys::Zendesk(old.reload(&new, &table, waiting))
                }
                (VendorKeys::Braze(old), Some(VendorKeys::Braze(new))) => {
                    VendorKeys::Braze(old.reload(&new, &table, waiting))
                }
                (VendorKeys::Zendesk(_) | VendorKeys::Braze(_), _) => {
                    waiting.push(table);
                    keys.clone()
                }
            };
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
                let remedy = match keys.vendor() {
                    Vendor::Zendesk => "Give each account the signing secret of its own webhook",
                    Vendor::Braze => "Draw a long random token for each account: openssl rand -base64 32",
                };
                book.fault::<()>(at, key, Flaw::new(problem, remedy));
            }
        }
    }
}

/// Warns of two carriers that are one workspace.
fn workspaces_differ(accounts: &[(At, VendorAccount)], book: &mut Book<'_>) {
    let carriers: Vec<_> = accounts
        .iter()
        .filter_map(|(at, VendorAccount { account, keys })| match keys {
            VendorKeys::Braze(keys) => Some((at, account, (&keys.url, keys.api_key.expose_secret()))),
            VendorKeys::Zendesk(_) => None,
        })
        .collect();
    for (index, (at, _, workspace)) in carriers.iter().enumerate() {
        if let Some((_, other, _)) = carriers.iter().take(index).find(|(_, _, other)| other == workspace) {
            let problem = format!(
                "is that of {other} as well, at the same url: one account with several lines serves a workspace"
            );
            book.warn(at, "api_key", problem);
        }
    }
}

/// Books the second of two desks at one address, where each reply would ring at both.
fn addresses_differ(accounts: &[(At, VendorAccount)], book: &mut Book<'_>) {
    let desks: Vec<_> = accounts
        .iter()
        .filter_map(|(at, VendorAccount { account, keys })| match keys {
            VendorKeys::Zendesk(keys) => Some((at, account, &keys.url)),
            VendorKeys::Braze(_) => None,
        })
        .collect();
    for (index, (at, _, url)) in desks.iter().enumerate() {
        if let Some((_, other, _)) = desks.iter().take(index).find(|(_, _, other)| other == url) {
            let problem = format!("is that of {other} as well, so that a reply would be texted once for each account");
            let remedy = "Keep one of the two accounts, and describe its brands by lines with a brand_id";
            book.fault::<()>(at, "url", Flaw::new(problem, remedy));
        }
    }
}

#[cfg(test)]
mod tests;
