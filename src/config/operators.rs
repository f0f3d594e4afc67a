//! The operators of `[[operators]]`: the keys that each must have, and those that must be unique.

use secrecy::{ExposeSecret, SecretString};

use crate::domain::access::{Account, Grant, Right, Role, SHARED_NAME, TokenDigest};
use crate::domain::operator::handle;
use crate::keys::book::{At, Book};
use crate::keys::fault::Flaw;
use crate::keys::key::{About, Field, Shape, Shown};
use crate::keys::kind::{Item, Kind};
use crate::keys::shapes::{TOKEN_MIN_CHARS, Word, listed, secret, text, word, words};
use crate::keys::table::{Table, table};

/// The name of the tables.
pub const OPERATORS: &str = "operators";

table! {
    /// One of `[[operators]]`. A variable finds an operator by name: `TANDEM_OPERATORS__ADA__TOKEN`, with capital letters, and
    /// `_` for `-` and `.`.
    pub(super) struct OperatorKeys {
        /// The operator's handle in the audit and the log: letters, digits, `.`, `_`, `-`.
        name: String = HANDLE.needed("Set it to a handle such as ada").set_to(r#""ada""#).reloads(),

        /// The operator's role; each includes the one before it.
        role: Role = word().needed("Set it to read, act or admin").set_to(r#""act""#).reloads(),

        /// Capabilities beside the role, which an admin has anyway; nothing asks for them yet.
        rights: Vec<Right> = RIGHTS.or_empty().such_as(r#"["texts"]"#).reloads(),

        /// The operator's token: 16 characters or more, and unlike every other's.
        token: Option<SecretString> = OWN_TOKEN.optional().reloads(),

        /// Instead of `token`, its SHA-256 as 64 hexadecimal digits (`printf %s TOKEN | sha256sum`).
        token_sha256: Option<SecretString> = DIGEST.optional().reloads(),
    }
}

const HANDLE: Shape<String> = text(|name| match handle(name) {
    Some(name) if name == SHARED_NAME => {
        Err(Flaw::new("is taken", "Choose another: the audit knows the holders of operator_token by it"))
    }
    Some(name) => Ok(name),
    None => {
        let remedy = "Use up to 64 letters, digits, dots, hyphens and underscores, one of them a letter";
        Err(Flaw::new("is no handle", remedy))
    }
});

const RIGHTS: Shape<Vec<Right>> = words(Kind::List { of: Item::Word(Right::WORDS), may_be_empty: true }, |words| {
    words.iter().map(|word| Right::of_word(word)).collect()
});

const OWN_TOKEN: Shape<SecretString> = secret(|token| match token.chars().count() {
    0..TOKEN_MIN_CHARS => {
        let problem = format!("has fewer than {TOKEN_MIN_CHARS} characters, so it can be guessed");
        Err(Flaw::new(problem, "Draw a long random one: openssl rand -base64 32"))
    }
    _ => Ok(token.into()),
});

const DIGEST: Shape<SecretString> = secret(|hex| match TokenDigest::from_hex(hex) {
    Some(_) => Ok(hex.into()),
    None => {
        let remedy = "Write the 64 hexadecimal digits that `printf %s TOKEN | sha256sum` prints";
        Err(Flaw::new("is no SHA-256", remedy))
    }
});

impl Word for Role {
    const ALL: &'static [Self] = &Self::ALL;
    const WORDS: &'static [&'static str] = Self::NAMES;
}

impl Word for Right {
    const ALL: &'static [Self] = &Self::ALL;
    const WORDS: &'static [&'static str] = Self::NAMES;
}

/// The field that makes an account of each `[[operators]]`.
pub(super) struct Operators;

impl Field<Vec<Account>> for Operators {
    fn named(self, _name: &'static str, _doc: &'static str) -> Self {
        self
    }

    /// None of them is a key of the file's tables: they stand in a list.
    fn keys(&self, _above: &str, _keys: &mut Vec<About>) {}

    fn read(&self, _at: &At, book: &mut Book<'_>) -> Option<Vec<Account>> {
        Some(book.list(OPERATORS).iter().filter_map(|at| account(at, book)).collect())
    }

    fn show(&self, value: &Vec<Account>, _above: &str, shown: &mut Vec<Shown>) {
        let of = |account: &Account| {
            let Grant { role, rights } = &account.grant;
            let words: Vec<_> = std::iter::once(role.name()).chain(rights.iter().map(|right| right.name())).collect();
            format!("{} ({})", account.name, words.join(", "))
        };
        shown.push(Shown { key: OPERATORS.to_owned(), value: listed(value, of) });
    }

    fn reload(&self, _: &Vec<Account>, new: &Vec<Account>, _above: &str, _waiting: &mut Vec<String>) -> Vec<Account> {
        new.clone()
    }
}

/// The account of one table.
fn account(at: &At, book: &mut Book<'_>) -> Option<Account> {
    let keys = OperatorKeys::read(at, book);
    let has = |name: &str| book.is_given(at, name);
    match (has("token"), has("token_sha256")) {
        (true, false) | (false, true) => {}
        (true, true) => {
            return book.fault(at, "token_sha256", Flaw::new("stands beside token", "Remove one of the two"));
        }
        (false, false) => {
            let variable = OperatorKeys::name().read(at, book).as_deref().map(in_variables);
            let variable = variable.unwrap_or_else(|| "NAME".to_owned());
            let remedy = format!("Set it, or token_sha256, or the variable TANDEM_OPERATORS__{variable}__TOKEN");
            return book.fault(at, "token", Flaw::new("is missing", remedy));
        }
    }
    let OperatorKeys { name, role, rights, token, token_sha256 } = keys?;
    let token = match (token, token_sha256) {
        (Some(token), _) => TokenDigest::of(token.expose_secret()),
        (None, hex) => TokenDigest::from_hex(hex?.expose_secret())?,
    };
    Some(Account { name, grant: Grant { role, rights: rights.into_iter().collect() }, token, is_personal: true })
}

/// Books each operator whose token is another's, or whose name is another's in variables. `shared` is `operator_token`.
pub(super) fn check(book: &mut Book<'_>, shared: Option<&SecretString>) {
    let mut names: Vec<(String, String)> = Vec::new();
    let mut accounts: Vec<Account> = shared.map(|token| Account::shared(token.expose_secret())).into_iter().collect();
    for at in book.list(OPERATORS) {
        if let Some(name) = OperatorKeys::name().read(&at, book) {
            let spelt = in_variables(&name);
            if let Some((_, first)) = names.iter().find(|(known, _)| *known == spelt) {
                let problem = format!("is spelt in variables as {first:?} is");
                book.fault::<()>(&at, "name", Flaw::new(problem, "Give each operator a name of their own"));
            }
            names.push((spelt, name));
        }
        let Some(account) = account(&at, book) else { continue };
        match accounts.iter().find(|other| other.token == account.token) {
            Some(other) => {
                let flaw = same_token(other, book);
                book.fault::<()>(&at, "token", flaw);
            }
            None => accounts.push(account),
        }
    }
}

fn same_token(other: &Account, book: &Book<'_>) -> Flaw {
    let whose = if other.is_personal { other.name.as_str() } else { "operator_token" };
    let remedy = match !other.is_personal && book.is_variable(&At::top(), "operator_token") {
        true => "Give your own token in TANDEM_TOKEN: TANDEM_OPERATOR_TOKEN sets the key operator_token",
        false => "Draw a long random token for each operator",
    };
    Flaw::new(format!("has the same token as {whose}"), remedy)
}

/// An operator's name as variables spell it.
pub(super) fn in_variables(name: &str) -> String {
    name.replace(['-', '.'], "_").to_ascii_uppercase()
}

#[cfg(test)]
mod tests;
