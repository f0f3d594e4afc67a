//! Accounts, and the ways a message can take between them.
//!
//! An account is one access to one vendor: a desk, where agents answer, or a carrier, which reaches phones. Names of
//! accounts are data: no rule here depends on which vendor stands behind a name.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// The name of an account: the characters a-z and 0-9 and single hyphens between them. Names are part of stored keys and
/// never change.
///
/// The value is an index into a table of all names that this process has met, so it is copied for nothing. The table
/// only grows; names come from the configuration and from records that an earlier configuration named. Ids are ordered
/// as their names were first met.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(u16);

/// The accounts of a configuration that names none. Records before format 4 know no others.
const FIRST: [&str; 2] = ["zendesk", "braze"];

/// Every other name met so far: the first of them has the id behind those of [`FIRST`]. Nearly every record and every webhook
/// reads it, so that no thread waits for another one there.
static NAMES: OnceLock<Box<Met>> = OnceLock::new();

/// A name, and the one that was met next.
struct Met {
    name: &'static str,
    next: OnceLock<Box<Met>>,
}

fn names() -> impl Iterator<Item = &'static str> {
    let others = std::iter::successors(NAMES.get(), |met| met.next.get());
    FIRST.into_iter().chain(others.map(|met| met.name))
}

/// Why a text cannot name an account.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAccount {
    /// A character outside of the set, or a hyphen out of place.
    #[error("not the name of an account: expected a-z and 0-9, with single `-` between them")]
    Malformed,
    /// The table of names is full.
    #[error("more than 65535 names of accounts")]
    TooMany,
}

impl AccountId {
    /// The account's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        names().nth(usize::from(self.0)).unwrap_or_default()
    }

    /// The account of this name, if this process has met it. Unlike a parsed name, an unknown one takes no room.
    #[must_use]
    pub fn known(name: &str) -> Option<Self> {
        let at = names().position(|known| known == name)?;
        u16::try_from(at).ok().map(Self)
    }

    /// Every account that this process has met.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..u16::try_from(names().count()).unwrap_or(u16::MAX)).map(Self)
    }

    /// Whether it is one of the accounts of a configuration that names none. Stored keys of all other accounts carry
    /// the account's name.
    #[must_use]
    pub const fn is_first(self) -> bool {
        (self.0 as usize) < FIRST.len()
    }

    /// The text as it stands in stored keys of this account.
    #[must_use]
    pub fn scoped(self, text: &str) -> String {
        if self.is_first() { text.to_owned() } else { [self.name(), ":", text].concat() }
    }

    /// The account and the rest of a text of [`Self::scoped`]; no account for a text of the first ones. A name that no
    /// configuration and no record has named is no account's, so a text that happens to look like one stays whole.
    #[must_use]
    pub fn split(text: &str) -> (Option<Self>, &str) {
        let named = text.split_once(':').and_then(|(name, rest)| Some((Self::known(name)?, rest)));
        match named {
            Some((account, rest)) if !account.is_first() => (Some(account), rest),
            Some(_) | None => (None, text),
        }
    }
}

impl FromStr for AccountId {
    type Err = NotAnAccount;

    fn from_str(name: &str) -> Result<Self, NotAnAccount> {
        if let Some(known) = Self::known(name) {
            return Ok(known);
        }
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if !name.split('-').all(is_word) {
            return Err(NotAnAccount::Malformed);
        }
        let (mut at, mut end) = (FIRST.len(), &NAMES);
        loop {
            let id = u16::try_from(at).map_err(|_| NotAnAccount::TooMany)?;
            // Another thread may have met this name or another one meanwhile.
            let met = end.get_or_init(|| Box::new(Met { name: String::leak(name.to_owned()), next: OnceLock::new() }));
            if met.name == name {
                return Ok(Self(id));
            }
            (at, end) = (at + 1, &met.next);
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for AccountId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for AccountId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Name)
    }
}

/// Reads a name where it stands, because each record of a further carrier's conversation holds two.
struct Name;

impl serde::de::Visitor<'_> for Name {
    type Value = AccountId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an account")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<AccountId, E> {
        name.parse().map_err(E::custom)
    }
}

/// Which way a message goes. A conversation has one lane of texts for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From the customer to the agent.
    ToDesk,
    /// From the agent to the customer.
    ToCustomer,
}

impl Direction {
    /// Both, in the order of a conversation.
    pub const ALL: [Self; 2] = [Self::ToDesk, Self::ToCustomer];

    /// The word in logs and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ToDesk => "to_desk",
            Self::ToCustomer => "to_customer",
        }
    }
}

/// The end of a conversation at which an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// Agents answer there, on tickets.
    Desk,
    /// It takes texts to phones and brings the customers' texts.
    Carrier,
}

/// The two accounts between which a conversation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ends {
    /// The account on whose tickets agents answer.
    pub desk: AccountId,
    /// The account that reaches the phone.
    pub carrier: AccountId,
}

/// Records that tell no accounts were written for the first two.
impl Default for Ends {
    fn default() -> Self {
        Self::FIRST
    }
}

impl Ends {
    /// The accounts of a configuration that names none.
    pub const FIRST: Self = Self { desk: AccountId(0), carrier: AccountId(1) };

    /// Whether these are the accounts of a configuration that names none. Records leave them out.
    #[must_use]
    pub fn are_first(&self) -> bool {
        *self == Self::FIRST
    }

    /// The account at this end.
    #[must_use]
    pub const fn at(self, end: End) -> AccountId {
        match end {
            End::Desk => self.desk,
            End::Carrier => self.carrier,
        }
    }

    /// The end at which this account stands; `None` for an account of another conversation.
    #[must_use]
    pub fn end(self, account: AccountId) -> Option<End> {
        [End::Desk, End::Carrier].into_iter().find(|end| self.at(*end) == account)
    }

    /// Both accounts, the desk first.
    #[must_use]
    pub const fn accounts(self) -> [AccountId; 2] {
        [self.desk, self.carrier]
    }

    /// Every route that a delivery between these accounts can take.
    #[must_use]
    pub const fn routes(self) -> [Route; 3] {
        [
            Route { direction: Direction::ToDesk, account: self.desk },
            Route { direction: Direction::ToCustomer, account: self.desk },
            Route { direction: Direction::ToCustomer, account: self.carrier },
        ]
    }
}

/// The way of a delivery: its direction, which makes its lane, and the account that is called for it. A doorbell goes to
/// the customer and calls the desk, because the reply is read from the ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route {
    /// Which way.
    pub direction: Direction,
    /// The account that is called.
    pub account: AccountId,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.direction.word(), self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_one_id_and_ids_keep_their_names() {
        let names = ["zendesk", "braze", "support-eu", "a", "9", "a-1-b"];
        let ids = names.map(|name| name.parse::<AccountId>().unwrap());
        assert_eq!(ids.map(AccountId::name), names);
        assert_eq!(names.map(|name| name.parse::<AccountId>().unwrap()), ids);
        assert_eq!(Ends::FIRST.accounts().map(AccountId::name), ["zendesk", "braze"]);
        for id in ids {
            let stored = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<AccountId>(&stored).unwrap(), id);
        }
    }

    #[test]
    fn threads_that_meet_names_at_once_agree_on_their_ids() {
        let name = |n: usize| format!("met-at-once-{n}");
        let meet = |first: usize| {
            let ids = (0..40).map(|n| (first * 5 + n) % 40).map(|n| (n, name(n).parse::<AccountId>().unwrap()));
            ids.collect::<std::collections::BTreeMap<_, _>>()
        };
        let met: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|first| scope.spawn(move || meet(first))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(met.iter().all(|ids| *ids == met[0]));
        assert!(met[0].iter().all(|(n, id)| id.name() == name(*n) && AccountId::known(&name(*n)) == Some(*id)));
        assert!(AccountId::all().filter(|id| id.name().starts_with("met-at-once-")).count() == 40);
    }

    #[test]
    fn a_text_that_is_no_name_is_refused() {
        for text in ["", "-", "a-", "-a", "a--b", "A", "ä", "a b", "a_b", "a.b", "a@b"] {
            assert_eq!(text.parse::<AccountId>(), Err(NotAnAccount::Malformed), "{text}");
        }
    }

    #[test]
    fn an_account_is_found_at_its_end() {
        let other: AccountId = "other".parse().unwrap();
        for end in [End::Desk, End::Carrier] {
            assert_eq!(Ends::FIRST.end(Ends::FIRST.at(end)), Some(end));
        }
        assert_eq!(Ends::FIRST.end(other), None);
    }
}
