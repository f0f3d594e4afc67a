//! The operators of `[[operators]]`: the keys that each must have, and those that must be unique.

use super::check::{Checker, TOKEN_MIN_CHARS};
use super::fault::Fault;
use super::keys::OPERATORS;
use super::read::{Entry, Given, Value, in_variables};
use crate::domain::access::{Account, Grant, Right, Role, SHARED_NAME, TokenDigest};
use crate::domain::operator::handle;

impl Checker<'_> {
    /// Every sound operator; the faults of the others are in the book.
    pub(super) fn operators(&mut self) -> Vec<Account> {
        let entries = std::mem::take(&mut self.gathered.operators);
        let mut accounts: Vec<Account> =
            self.text("operator_token").map(|token| Account::shared(&token)).into_iter().collect();
        let of_nobody = accounts.len();
        let mut names: Vec<(String, String)> = Vec::new();
        for entry in &entries {
            if let Some(name) = entry.text("name") {
                let spelt = in_variables(name);
                if let Some((_, first)) = names.iter().find(|(known, _)| *known == spelt) {
                    let problem = format!("is spelt in variables as {first:?} is");
                    self.complain::<()>(entry, "name", &problem, "Give each operator a name of their own");
                }
                names.push((spelt, name.to_owned()));
            }
            let Some(account) = self.account(entry) else { continue };
            if let Some(other) = accounts.iter().find(|other| other.token == account.token) {
                let whose = if other.is_personal { other.name.as_str() } else { "operator_token" };
                let problem = format!("has the same token as {whose}");
                let is_variable = !other.is_personal
                    && self.gathered.values.get("operator_token").is_some_and(|given| given.place.is_variable());
                let remedy = match is_variable {
                    true => "Give your own token in TANDEM_TOKEN: TANDEM_OPERATOR_TOKEN sets the key operator_token",
                    false => "Draw a long random token for each operator",
                };
                self.complain::<()>(entry, "token", &problem, remedy);
                continue;
            }
            accounts.push(account);
        }
        self.gathered.operators = entries;
        accounts.split_off(of_nobody)
    }

    fn account(&mut self, entry: &Entry) -> Option<Account> {
        let name = self.operator_name(entry);
        let role = match entry.text("role").and_then(Role::of) {
            Some(role) => Some(role),
            None if entry.is_given("role") => None,
            None => self.complain(entry, "role", "is missing", "Set it to read, act or admin"),
        };
        let token = self.operator_token(entry);
        let rights = match entry.values.get("rights") {
            Some(Given { value: Value::Texts(words), .. }) => words.iter().filter_map(|word| Right::of(word)).collect(),
            _ => Default::default(),
        };
        Some(Account { name: name?, grant: Grant { role: role?, rights }, token: token?, is_personal: true })
    }

    fn operator_name(&mut self, entry: &Entry) -> Option<String> {
        let Some(name) = entry.text("name") else {
            if entry.is_given("name") {
                return None;
            }
            return self.complain(entry, "name", "is missing", "Set it to a handle such as ada");
        };
        if name == SHARED_NAME {
            let remedy = "Choose another: the audit knows the holders of operator_token by it";
            return self.complain(entry, "name", "is taken", remedy);
        }
        match handle(name) {
            Some(name) => Some(name),
            None => {
                let remedy = "Use up to 64 letters, digits, dots, hyphens and underscores, one of them a letter";
                self.complain(entry, "name", "is no handle", remedy)
            }
        }
    }

    fn operator_token(&mut self, entry: &Entry) -> Option<TokenDigest> {
        match (entry.text("token"), entry.text("token_sha256")) {
            (Some(_), Some(_)) => self.complain(entry, "token_sha256", "stands beside token", "Remove one of the two"),
            (Some(token), None) if token.chars().count() < TOKEN_MIN_CHARS => {
                let problem = format!("has fewer than {TOKEN_MIN_CHARS} characters, so it can be guessed");
                self.complain(entry, "token", &problem, "Draw a long random one: openssl rand -base64 32")
            }
            (Some(token), None) => Some(TokenDigest::of(token)),
            (None, Some(hex)) => TokenDigest::from_hex(hex).or_else(|| {
                let remedy = "Write the 64 hexadecimal digits that `printf %s TOKEN | sha256sum` prints";
                self.complain(entry, "token_sha256", "is no SHA-256", remedy)
            }),
            (None, None) if entry.is_given("token") || entry.is_given("token_sha256") => None,
            (None, None) => {
                let variable = entry.text("name").map(in_variables).unwrap_or_else(|| "NAME".to_owned());
                let remedy = format!("Set it, or token_sha256, or the variable TANDEM_OPERATORS__{variable}__TOKEN");
                self.complain(entry, "token", "is missing", &remedy)
            }
        }
    }

    /// Books a fault of one operator, and gives the `None` that stands for it.
    fn complain<T>(&mut self, entry: &Entry, key: &str, problem: &str, remedy: &str) -> Option<T> {
        let place = entry.values.get(key).map_or_else(|| entry.place.clone(), |given| given.place.clone());
        let fault = Fault::new(format!("{}.{key}", entry.shown), problem, remedy);
        self.gathered.faults.push(fault.at(place));
        None
    }
}

/// Whether a fault is about an operator.
pub(super) fn concerns_operators(key: &str) -> bool {
    key.strip_prefix(OPERATORS).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests;
