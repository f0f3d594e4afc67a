//! Roles and rights of operators, and the account of a token.
//!
//! Decides only. It never sees a request, and it keeps digests in place of tokens.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The name of the admin who presents `operator_token`, which no other operator may have.
pub const SHARED_NAME: &str = "operator";

/// An operator's role; each includes the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sees lists, pages, metrics and the audit, with personal data hidden.
    Read,
    /// Reads customers' words, moves single deliveries, pauses destinations.
    Act,
    /// Does everything.
    Admin,
}

impl Role {
    /// Every role, from the least to the greatest.
    pub const ALL: [Self; 3] = [Self::Read, Self::Act, Self::Admin];

    /// Their names, in that order.
    pub const NAMES: &'static [&'static str] = &["read", "act", "admin"];

    /// Its name, in the configuration and in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Act => "act",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == word)
    }
}

/// A capability that only [`Role::Admin`] includes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Starts, pauses and cancels campaigns.
    Campaigns,
    /// Sends single texts by API.
    Texts,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 2] = [Self::Campaigns, Self::Texts];

    /// Their names, in that order.
    pub const NAMES: &'static [&'static str] = &["campaigns", "texts"];

    /// Its name, in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Campaigns => "campaigns",
            Self::Texts => "texts",
        }
    }

    /// The right of this name.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.name() == word)
    }
}

/// An operator's role and rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// The rights beside it.
    pub rights: BTreeSet<Right>,
}

impl Grant {
    /// A role without any right of its own.
    #[must_use]
    pub fn of(role: Role) -> Self {
        Self { role, rights: BTreeSet::new() }
    }

    /// Whether the role is this one, or includes it.
    #[must_use]
    pub fn may(&self, needed: Role) -> bool {
        self.role >= needed
    }

    /// Whether the right is granted; an admin has every right.
    #[must_use]
    pub fn has(&self, right: Right) -> bool {
        self.role == Role::Admin || self.rights.contains(&right)
    }
}

/// The SHA-256 of a token, the only trace that is kept of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of this token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// The digest that 64 hexadecimal digits write.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// Whether the two are equal, compared in constant time.
    fn is(&self, other: &Self) -> bool {
        bool::from(self.0.ct_eq(&other.0))
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

/// An operator whom the configuration names, or the holders of `operator_token`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// A handle ([`crate::domain::operator::handle`]).
    pub name: String,
    /// The operator's role and rights.
    pub grant: Grant,
    /// The digest of the operator's token.
    pub token: TokenDigest,
    /// Whether the token is one person's, so that it proves the name.
    pub is_personal: bool,
}

impl Account {
    /// The admin account of `operator_token`, which several people may know.
    #[must_use]
    pub fn shared(token: &str) -> Self {
        Self {
            name: SHARED_NAME.to_owned(),
            grant: Grant::of(Role::Admin),
            token: TokenDigest::of(token),
            is_personal: false,
        }
    }
}

/// The groups of an identity provider that have each role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupRoles(pub BTreeMap<Role, Vec<String>>);

impl GroupRoles {
    /// The greatest role of these groups.
    #[must_use]
    pub fn role_of(&self, groups: &[String]) -> Option<Role> {
        let has_one = |named: &Vec<String>| groups.iter().any(|group| named.contains(group));
        self.0.iter().rev().find(|(_, named)| has_one(named)).map(|(role, _)| *role)
    }
}

/// An identity provider's error code, where it is a plain word as the specifications have them. Any other text is
/// replaced, because it might hold a person's input.
#[must_use]
pub fn provider_error(word: &str) -> &str {
    let is_plain = (1..=40).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_plain { word } else { "an error that is no plain word" }
}

/// The accounts with a token, and the groups that may sign in. Without an account, no token is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    accounts: Vec<Account>,
    groups: Option<GroupRoles>,
}

impl Roster {
    /// These accounts, whose tokens differ.
    #[must_use]
    pub fn new(accounts: Vec<Account>) -> Self {
        Self { accounts, groups: None }
    }

    /// This roster, with groups of an identity provider.
    #[must_use]
    pub fn with_groups(self, groups: Option<GroupRoles>) -> Self {
        Self { groups, ..self }
    }

    /// Whether a token must be presented.
    #[must_use]
    pub fn asks_for_token(&self) -> bool {
        !self.accounts.is_empty()
    }

    /// Whether an account has this name.
    #[must_use]
    pub fn has_account(&self, name: &str) -> bool {
        self.accounts.iter().any(|account| account.name == name)
    }

    /// The role of an operator of these groups.
    #[must_use]
    pub fn role_of(&self, groups: &[String]) -> Option<Role> {
        self.groups.as_ref()?.role_of(groups)
    }

    /// The account of this token. Every account is compared, so that the time does not tell which one came near.
    #[must_use]
    pub fn of_token(&self, presented: &str) -> Option<&Account> {
        self.of_digest(&TokenDigest::of(presented))
    }

    /// The account of the token with this digest.
    #[must_use]
    pub fn of_digest(&self, digest: &TokenDigest) -> Option<&Account> {
        self.accounts.iter().fold(None, |found, account| if account.token.is(digest) { Some(account) } else { found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_includes_those_before_it() {
        for (role, may) in
            [(Role::Read, [true, false, false]), (Role::Act, [true, true, false]), (Role::Admin, [true, true, true])]
        {
            assert_eq!(Role::ALL.map(|needed| Grant::of(role).may(needed)), may, "{role:?}");
            assert_eq!(Role::of(role.name()), Some(role));
        }
        assert_eq!(Role::ALL.map(Role::name), *Role::NAMES);
        assert_eq!(Role::of("root"), None);
    }

    #[test]
    fn a_right_is_granted_by_name_and_an_admin_has_all() {
        for (role, rights, texts) in [
            (Role::Act, &[][..], false),
            (Role::Act, &[Right::Campaigns], false),
            (Role::Read, &[Right::Texts], true),
            (Role::Admin, &[], true),
        ] {
            let grant = Grant { role, rights: rights.iter().copied().collect() };
            assert_eq!(grant.has(Right::Texts), texts, "{grant:?}");
        }
        assert_eq!(Right::ALL.map(Right::name), *Right::NAMES);
        assert_eq!((Right::of("texts"), Right::of("text")), (Some(Right::Texts), None));
    }

    #[test]
    fn a_token_leads_to_its_account_and_to_no_other() {
        let ada = Account {
            name: "ada".into(),
            grant: Grant::of(Role::Act),
            token: TokenDigest::of("adas-long-random-token"),
            is_personal: true,
        };
        let roster = Roster::new(vec![Account::shared("the-shared-operator-token"), ada]);
        for (presented, name) in [
            ("adas-long-random-token", Some("ada")),
            ("the-shared-operator-token", Some(SHARED_NAME)),
            ("adas-long-random-toke", None),
            ("adas-long-random-token ", None),
            ("", None),
        ] {
            assert_eq!(roster.of_token(presented).map(|found| found.name.as_str()), name, "{presented:?}");
        }
        assert!(roster.asks_for_token() && !Roster::default().asks_for_token());
        assert!(Roster::default().of_token("").is_none());
    }

    #[test]
    fn the_greatest_role_of_the_groups_counts() {
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let roles = GroupRoles([(Role::Read, named(&["staff"])), (Role::Admin, named(&["sre", "leads"]))].into());
        let roster = Roster::default().with_groups(Some(roles));
        for (groups, role) in [
            (&["staff"][..], Some(Role::Read)),
            (&["staff", "leads"], Some(Role::Admin)),
            (&["sta"], None),
            (&[], None),
        ] {
            assert_eq!(roster.role_of(&named(groups)), role, "{groups:?}");
        }
        assert!(Roster::default().role_of(&named(&["staff"])).is_none());
    }

    #[test]
    fn an_error_of_the_provider_is_told_only_where_it_is_a_word() {
        for (word, told) in [("access_denied", "access_denied"), ("ada@acme.example", "an error that is no plain word")]
        {
            assert_eq!(provider_error(word), told);
        }
    }

    #[test]
    fn a_digest_is_read_from_hexadecimal_digits_and_never_shown() {
        // printf %s abc | sha256sum
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(TokenDigest::from_hex(hex), Some(TokenDigest::of("abc")));
        assert_eq!(TokenDigest::from_hex(&hex.to_uppercase()), Some(TokenDigest::of("abc")));
        for wrong in ["", &hex[1..], &format!("{hex}0"), &hex.replace('b', "g"), &"é".repeat(32)] {
            assert_eq!(TokenDigest::from_hex(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{:?}", TokenDigest::of("abc")), "TokenDigest(…)");
    }
}
