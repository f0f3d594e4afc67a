//! The registry of vendors: one line each in `vendors!`, from which the configuration, the bridge and the checks know them.
//! Never decides anything: each call goes to the folder of the account's vendor ([`super::folder`]).

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::checkup::{Line as Finding, Sender};
use super::folder::{Around, Carried, CarrierFolder, DeskFolder, Folder, Installation, LineTerms, Reach, SettingUp};
use crate::domain::account::{AccountId, End};
use crate::domain::budget::{Level, Reached};
use crate::domain::line::{By, Forms};
use crate::intake::Source;
use crate::keys::book::{At, Book};
use crate::keys::key::{About, Shown};
use crate::keys::shapes::Word;
use crate::keys::table::Table;
use crate::ports::{Carrier, CarrierTerms, Desk, DeskTerms};

/// Lists the vendors: the word in the configuration, the end at which the accounts stand, and the folder's client.
macro_rules! vendors {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal, $end:ident, $folder:ty;)+) => {
        /// The vendors of accounts. Each has a table of its own for its first account.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Vendor {
            $($(#[doc = $doc])+ $name,)+
        }

        /// The remedy for an account whose vendor is not told.
        pub(crate) const NAME_A_VENDOR: &str = concat!("Set it to one of:" $(, " ", $word)+);

        impl Word for Vendor {
            const ALL: &'static [Self] = &[$(Self::$name,)+];
            const WORDS: &'static [&'static str] = &[$($word,)+];
        }

        impl Vendor {
            /// The word in the file, which is also the name of the vendor's own table and of the account in it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// The name for people.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => <$folder>::TITLE,)+
                }
            }

            /// The end at which its accounts stand.
            #[must_use]
            pub const fn end(self) -> End {
                match self {
                    $(Self::$name => End::$end,)+
                }
            }

            /// The words about its webhooks in a check, and the remedies for its accounts.
            #[must_use]
            pub const fn sender(self) -> Sender {
                match self {
                    $(Self::$name => <$folder>::SENDER,)+
                }
            }

            /// The remedy where two accounts take one proof of a sender.
            #[must_use]
            pub const fn one_proof(self) -> &'static str {
                match self {
                    $(Self::$name => <$folder>::ONE_PROOF,)+
                }
            }

            /// The vendor at one of whose hosts this address is.
            #[must_use]
            pub fn at(url: &Url) -> Option<Self> {
                let host = url.host_str()?;
                let is_within = |place: &&&str| {
                    let (domain, path) = place.split_once('/').unwrap_or((place, ""));
                    let is_of_domain = host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
                    is_of_domain && url.path().trim_start_matches('/').starts_with(path)
                };
                let places = Self::ALL.iter().flat_map(|vendor| vendor.domains().iter().map(move |place| (*vendor, place)));
                let found = places.filter(|(_, place)| is_within(place));
                found.max_by_key(|(_, place)| place.len()).map(|(vendor, _)| vendor)
            }

            const fn domains(self) -> &'static [&'static str] {
                match self {
                    $(Self::$name => <$folder>::DOMAINS,)+
                }
            }

            /// The remedy for an address that is another vendor's.
            #[must_use]
            pub const fn own_address(self) -> &'static str {
                match self {
                    $(Self::$name => <$folder>::OWN_ADDRESS,)+
                }
            }

            /// How an account is set up at the vendor.
            #[must_use]
            pub const fn setting_up(self) -> SettingUp {
                match self {
                    $(Self::$name => <$folder>::SETTING_UP,)+
                }
            }

            /// Lists the keys of an account, in the order of the reference.
            pub(crate) fn keys(self, above: &str, keys: &mut Vec<About>) {
                match self {
                    $(Self::$name => <$folder as Folder>::Keys::keys(above, keys),)+
                }
            }

            /// The names that a carrier's lines have; `None` of a desk.
            pub(crate) fn line_terms(self) -> Option<LineTerms> {
                match self {
                    $(Self::$name => of_carrier!($end, self, <$folder as CarrierFolder>::LINES),)+
                }
            }

            /// How a carrier knows customers; `None` of a desk.
            #[must_use]
            pub const fn knows_by(self) -> Option<By> {
                match self {
                    $(Self::$name => of_carrier!($end, self, <$folder as CarrierFolder>::KNOWS_BY),)+
                }
            }

            /// Books the lines that break a rule of their carrier's own.
            pub(crate) fn check_lines(self, lines: &Carried, book: &mut Book<'_>) {
                let _: Option<()> = match self {
                    $(Self::$name => of_carrier!($end, lines, <$folder as CarrierFolder>::check_lines(lines, book)),)+
                };
            }

            /// Reads the keys of an account.
            pub(crate) fn read(self, at: &At, book: &mut Book<'_>) -> Option<VendorKeys> {
                match self {
                    $(Self::$name => <$folder as Folder>::Keys::read(at, book).map(VendorKeys::$name),)+
                }
            }
        }

        /// The keys of one account.
        #[derive(Clone, Debug)]
        pub enum VendorKeys {
            $($(#[doc = $doc])+ $name(<$folder as Folder>::Keys),)+
        }

        impl VendorKeys {
            /// The account's vendor.
            #[must_use]
            pub const fn vendor(&self) -> Vendor {
                match self {
                    $(Self::$name(_) => Vendor::$name,)+
                }
            }

            /// The address of the account's API.
            #[must_use]
            pub fn url(&self) -> &Url {
                match self {
                    $(Self::$name(keys) => <$folder>::url(keys),)+
                }
            }

            /// The key and the name of the account's part of an installation that has several at one address.
            #[must_use]
            pub fn part(&self) -> Option<(&'static str, &str)> {
                match self {
                    $(Self::$name(keys) => <$folder>::part(keys),)+
                }
            }

            /// The proofs that senders of its webhooks present, by their keys.
            #[must_use]
            pub fn proofs(&self) -> Vec<(&'static str, &SecretString)> {
                match self {
                    $(Self::$name(keys) => <$folder>::proofs(keys),)+
                }
            }

            /// The key that opens an API with several accounts at one address, and the consequence where two accounts have it
            /// at different addresses.
            #[must_use]
            pub fn api_key(&self) -> Option<(&SecretString, &'static str)> {
                match self {
                    $(Self::$name(keys) => <$folder>::api_key(keys),)+
                }
            }

            pub(crate) fn show(&self, above: &str, shown: &mut Vec<Shown>) {
                match self {
                    $(Self::$name(keys) => keys.show(above, shown),)+
                }
            }

            /// The keys in force after a reload; `None` where the vendor has changed.
            pub(crate) fn reload(&self, new: &Self, above: &str, waiting: &mut Vec<String>) -> Option<Self> {
                match (self, new) {
                    $((Self::$name(old), Self::$name(new)) => Some(Self::$name(old.reload(new, above, waiting))),)+
                    $((Self::$name(_), _) => None,)+
                }
            }

            /// The reader of the account's webhooks.
            #[must_use]
            pub fn source(&self, account: AccountId, around: &Around<'_>) -> Arc<dyn Source> {
                match self {
                    $(Self::$name(keys) => <$folder>::source(keys, account, around),)+
                }
            }

            /// A client of the account; nothing is called yet.
            #[must_use]
            pub fn open(&self, reach: Reach) -> Client {
                match self {
                    $(Self::$name(keys) => Client::$name(Arc::new(<$folder>::open(keys, reach))),)+
                }
            }

            /// Looks at the installation, and changes nothing.
            pub async fn look(&self, reach: Reach, place: &Installation<'_>) -> Vec<Finding> {
                match self {
                    $(Self::$name(keys) => <$folder>::look(keys, reach, place).await,)+
                }
            }

            /// The settings of a desk; `None` of a carrier.
            #[must_use]
            pub fn desk_terms(&self) -> Option<DeskTerms> {
                match self {
                    $(Self::$name(keys) => of_desk!($end, keys, <$folder as DeskFolder>::terms(keys)),)+
                }
            }

            /// The custom user field of a desk, which holds the customer's external id; `None` of a carrier.
            #[must_use]
            pub fn customer_field(&self) -> Option<&str> {
                match self {
                    $(Self::$name(keys) => of_desk!($end, keys, <$folder as DeskFolder>::customer_field(keys)),)+
                }
            }

            /// The settings of a carrier; `None` of a desk.
            #[must_use]
            pub fn carrier_terms(&self) -> Option<CarrierTerms> {
                match self {
                    $(Self::$name(keys) => of_carrier!($end, keys, <$folder as CarrierFolder>::terms(keys)),)+
                }
            }

            /// The carrier's forms of its default line; `None` of a desk.
            #[must_use]
            pub fn forms(&self) -> Option<Forms> {
                match self {
                    $(Self::$name(keys) => of_carrier!($end, keys, <$folder as CarrierFolder>::forms(keys)),)+
                }
            }
        }

        /// The client of one account. A copy is the same client.
        #[derive(Clone)]
        pub enum Client {
            $($(#[doc = $doc])+ $name(Arc<$folder>),)+
        }

        impl Client {
            /// The client as a desk; `None` of a carrier.
            #[must_use]
            pub fn desk(&self) -> Option<Arc<dyn Desk>> {
                match self {
                    $(Self::$name(client) => of_desk!($end, client, Arc::<$folder>::clone(client)),)+
                }
            }

            /// The client as a carrier; `None` of a desk.
            #[must_use]
            pub fn carrier(&self) -> Option<Arc<dyn Carrier>> {
                match self {
                    $(Self::$name(client) => of_carrier!($end, client, Arc::<$folder>::clone(client)),)+
                }
            }

            /// Uses the credential of these keys from the next call on. Keys of another vendor wait for a restart.
            pub fn renew(&self, keys: &VendorKeys) {
                match (self, keys) {
                    $((Self::$name(client), VendorKeys::$name(keys)) => client.renew(keys),)+
                    $((Self::$name(_), _) => {})+
                }
            }

            /// The calls left under each of the vendor's limits.
            #[must_use]
            pub fn levels(&self) -> Vec<Level> {
                match self {
                    $(Self::$name(client) => Folder::levels(client.as_ref()),)+
                }
            }

            /// The limits that hold calls back now.
            #[must_use]
            pub fn reached(&self) -> Vec<Reached> {
                match self {
                    $(Self::$name(client) => Folder::reached(client.as_ref()),)+
                }
            }
        }
    };
}

/// The value of a desk's folder, and none of a carrier's.
macro_rules! of_desk {
    (Desk, $of:ident, $value:expr) => {
        Some($value)
    };
    (Carrier, $of:ident, $value:expr) => {{
        let _ = $of;
        None
    }};
}

/// The value of a carrier's folder, and none of a desk's.
macro_rules! of_carrier {
    (Carrier, $of:ident, $value:expr) => {
        Some($value)
    };
    (Desk, $of:ident, $value:expr) => {{
        let _ = $of;
        None
    }};
}

vendors! {
    /// Zendesk.
    Zendesk = "zendesk", Desk, super::zendesk::Zendesk;
    /// Braze.
    Braze = "braze", Carrier, super::braze::Braze;
    /// Bird.
    Bird = "bird", Carrier, super::bird::Bird;
    /// A carrier pack: any plain HTTP API out of one file.
    Pack = "pack", Carrier, super::pack::Packed;
    /// Sunshine Conversations.
    Sunshine = "sunshine", Carrier, super::sunshine::Sunshine;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cause::Answered;
    use crate::vendors::http::error_phrases::cause;

    /// A desk beside those of the list in `domain::cause` is added there.
    #[test]
    fn the_causes_of_every_vendor_are_read_back_with_its_end() {
        for vendor in Vendor::ALL {
            let cause = cause(vendor.title(), 422, "Some Code");
            let read = Answered::read(&cause).map(|answered| (answered.vendor, answered.status, answered.said));
            assert_eq!(read, Some((vendor.end(), 422, "Some Code")), "{cause}");
        }
    }
}
