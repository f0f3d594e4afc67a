//! The contents of a vendor's folder, as the rest of the bridge asks for them. Each folder implements [`Folder`] and one of
//! [`DeskFolder`] and [`CarrierFolder`], and [`super::registry`] lists it. Never names a vendor.

use std::future::Future;
use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::checkup::{Line as Finding, Sender};
use super::http::exchange::Exchanging;
use crate::domain::account::AccountId;
use crate::domain::account_table::AccountTable;
use crate::domain::budget::{Level, Reached};
use crate::domain::line::{By, Channel, Forms, Lines};
use crate::intake::Source;
use crate::keys::book::{At, Book};
use crate::keys::key::Shape;
use crate::keys::table::Table;
use crate::ports::{Carrier, CarrierTerms, Desk, DeskTerms};

pub use super::http::Reach;

/// The client of an account and all that is true of its vendor.
#[expect(private_bounds, reason = "the exchange is of the crate's own use")]
pub trait Folder: Exchanging + Sized + 'static {
    /// The vendor's name for people.
    const TITLE: &'static str;

    /// The words about its webhooks in a check, and the remedies for its accounts.
    const SENDER: Sender;

    /// The remedy where two accounts take one proof of a sender.
    const ONE_PROOF: &'static str;

    /// The domains of its hosts, each with the beginning of its paths where another vendor has the same hosts.
    const DOMAINS: &'static [&'static str];

    /// The remedy for an address that is another vendor's.
    const OWN_ADDRESS: &'static str;

    /// How an account is set up at the vendor.
    const SETTING_UP: SettingUp;

    /// The configuration keys of an account.
    #[expect(private_bounds, reason = "the machine of keys is of the crate's own use")]
    type Keys: Table;

    /// The address of its API.
    fn url(keys: &Self::Keys) -> &Url;

    /// The key and the name of the account's part of an installation that has several at one address. All webhooks of a part
    /// are the same, so that no two accounts share one.
    fn part(_keys: &Self::Keys) -> Option<(&'static str, &str)> {
        None
    }

    /// The proofs that senders of its webhooks present, by their keys.
    fn proofs(keys: &Self::Keys) -> Vec<(&'static str, &SecretString)>;

    /// The key that opens an API with several accounts at one address, and the consequence where two accounts have it at
    /// different addresses.
    fn api_key(keys: &Self::Keys) -> Option<(&SecretString, &'static str)>;

    /// The reader of its webhooks.
    fn source(keys: &Self::Keys, account: AccountId, around: &Around<'_>) -> Arc<dyn Source>;

    /// A client with budgets of its own; nothing is called yet.
    fn open(keys: &Self::Keys, reach: Reach) -> Self;

    /// Uses the credential of these keys from the next call on.
    fn renew(&self, keys: &Self::Keys);

    /// The calls left under each of the vendor's limits.
    fn levels(&self) -> Vec<Level> {
        self.exchange().levels()
    }

    /// The limits that hold calls back now.
    fn reached(&self) -> Vec<Reached> {
        self.exchange().reached()
    }

    /// Looks at the installation, and changes nothing.
    fn look(keys: &Self::Keys, reach: Reach, place: &Installation<'_>) -> impl Future<Output = Vec<Finding>> + Send;
}

/// How an account is set up at its vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingUp {
    /// `tandem setup` makes a webhook and the triggers that notify it.
    Triggers,
    /// `tandem setup` makes an integration with a webhook of its own.
    Integration,
    /// `tandem setup` prints a sheet to type in.
    Sheet,
    /// A person does, as this page of the documents tells.
    ByHand(&'static str),
}

/// The folder of a vendor whose accounts are desks.
pub(crate) trait DeskFolder: Folder + Desk {
    /// The settings that the worker goes by.
    fn terms(keys: &Self::Keys) -> DeskTerms;

    /// The recipe's custom user field, which holds the customer's external id.
    fn customer_field(keys: &Self::Keys) -> &str;
}

/// The folder of a vendor whose accounts are carriers.
pub(crate) trait CarrierFolder: Folder + Carrier {
    /// The names that its lines have in the configuration.
    const LINES: LineTerms;

    /// How it knows customers.
    const KNOWS_BY: By;

    /// The settings that the worker goes by.
    fn terms(keys: &Self::Keys) -> CarrierTerms;

    /// The carrier's forms of the default line.
    fn forms(keys: &Self::Keys) -> Forms;

    /// Books the lines that do not fit its accounts or each other, beyond the rules of all carriers. It compares names only.
    fn check_lines(_lines: &Carried, _book: &mut Book<'_>) {}
}

/// The names that a carrier's lines have in the configuration.
pub(crate) struct LineTerms {
    /// The shape of an address.
    pub(crate) address: Shape<String>,
    /// The remedy for a line of this channel that lacks an address.
    pub(crate) name_it: fn(Channel) -> &'static str,
    /// The reason why two accounts share no address, as the end of a sentence.
    pub(crate) of_one_account: &'static str,
    /// The shape of a form's id; `None` where texts go out in no form.
    pub(crate) form: Option<Shape<String>>,
    /// The shape of a template's name; `None` where there are no templates.
    pub(crate) template: Option<Shape<String>>,
}

/// The accounts of one carrying vendor and their lines, as the file gives them.
pub(crate) struct Carried {
    /// Each account with its table.
    pub(crate) accounts: Vec<(AccountId, At)>,
    /// Its lines, in the order of the file.
    pub(crate) lines: Vec<CarriedLine>,
}

/// One line of the file.
pub(crate) struct CarriedLine {
    /// Its table.
    pub(crate) at: At,
    /// Its carrier.
    pub(crate) carrier: AccountId,
    /// Its channel.
    pub(crate) channel: Channel,
    /// Its address; `None` for the default line.
    pub(crate) address: Option<String>,
    /// The ids of its forms, by their keys.
    pub(crate) forms: Vec<(&'static str, String)>,
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
