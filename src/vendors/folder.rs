//! The contents of a vendor's folder, as the rest of the bridge asks for them. Each folder implements [`Folder`] and one of
//! [`DeskFolder`] and [`CarrierFolder`], and [`super::registry`] lists it. Never names a vendor.

use std::future::Future;
use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::checkup::{Line as Finding, Sender};
use super::http::{Held, Transport};
use crate::clock::Clock;
use crate::domain::account::AccountId;
use crate::domain::account_table::AccountTable;
use crate::domain::budget::{Level, Reached};
use crate::domain::line::{Forms, Lines};
use crate::intake::Source;
use crate::keys::table::Table;
use crate::ports::{Account, Carrier, CarrierTerms, Desk, DeskTerms};

/// The client of an account and all that is true of its vendor.
pub trait Folder: Account + Sized + 'static {
    /// The vendor's name for people.
    const TITLE: &'static str;

    /// The words about its webhooks in a check, and the remedies for its accounts.
    const SENDER: Sender;

    /// The remedy where two accounts take one proof of a sender.
    const ONE_PROOF: &'static str;

    /// The domains of its hosts.
    const DOMAINS: &'static [&'static str];

    /// The remedy for an address that is another vendor's.
    const OWN_ADDRESS: &'static str;

    /// The configuration keys of an account.
    #[expect(private_bounds, reason = "the machine of keys is of the crate's own use")]
    type Keys: Table;

    /// The address of its API.
    fn url(keys: &Self::Keys) -> &Url;

    /// The proofs that senders of its webhooks present, by their keys.
    fn proofs(keys: &Self::Keys) -> Vec<(&'static str, &SecretString)>;

    /// The key that opens an API with several accounts at one address.
    fn api_key(keys: &Self::Keys) -> Option<&SecretString>;

    /// The reader of its webhooks.
    fn source(keys: &Self::Keys, account: AccountId, around: &Around<'_>) -> Arc<dyn Source>;

    /// A client with budgets of its own; nothing is called yet.
    fn open(keys: &Self::Keys, way: Way) -> Self;

    /// Uses the credential of these keys from the next call on.
    fn renew(&self, keys: &Self::Keys);

    /// The calls left under each of the vendor's limits.
    fn levels(&self) -> Vec<Level>;

    /// The limits that hold calls back now.
    fn reached(&self) -> Vec<Reached>;

    /// Looks at the installation, and changes nothing.
    fn look(keys: &Self::Keys, way: Way, place: &Installation<'_>) -> impl Future<Output = Vec<Finding>> + Send;
}

/// The folder of a vendor whose accounts are desks.
pub trait DeskFolder: Folder + Desk {
    /// The settings that the worker goes by.
    fn terms(keys: &Self::Keys) -> DeskTerms;

    /// The recipe's custom user field, which holds the customer's external id.
    fn customer_field(keys: &Self::Keys) -> &str;
}

/// The folder of a vendor whose accounts are carriers.
pub trait CarrierFolder: Folder + Carrier {
    /// The settings that the worker goes by.
    fn terms(keys: &Self::Keys) -> CarrierTerms;

    /// The carrier's forms of the default line.
    fn forms(keys: &Self::Keys) -> Forms;
}

/// The ways in which a client reaches its vendor.
pub struct Way {
    /// Carries its calls.
    pub transport: Arc<dyn Transport>,
    /// The time.
    pub clock: Clock,
    /// Says whether the operator has paused the account.
    pub held: Option<Held>,
}

/// The parts of other accounts that a source of webhooks needs.
pub struct Around<'a> {
    /// The lines.
    pub lines: &'a Lines,
    /// The custom user field of the desk that answers the carrier's default line.
    pub customer_field: String,
}

/// The place of an account in the installation that is looked at.
pub struct Installation<'a> {
    /// The account's table in the configuration.
    pub table: AccountTable,
    /// The address of its webhook, where `public_url` is configured.
    pub endpoint: Option<String>,
    /// The lines.
    pub lines: &'a Lines,
}
