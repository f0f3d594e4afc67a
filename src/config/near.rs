//! The key that a mistyped name was meant to be. It only guesses names; it never sees a value.

use super::accounts::is_spare;
use super::reference::{self, About, VARIABLE_PREFIX};
use crate::domain::account::End;
use crate::keys::shapes::Word;
use crate::keys::spelling::{letters_wrong, nearest};
use crate::vendors::registry::Vendor;

/// The remedy for a name that is no key of the file's table `title`, which the reference calls `above`.
pub(super) fn remedy_in_file(above: &str, title: &str, name: &str) -> String {
    if !above.is_empty() && reference::is_of_the_top(name) {
        return ABOVE_TABLES.to_owned();
    }
    if Vendor::of_word(above).is_ok()
        && reference::LINE_KEYS.iter().any(|key| key.name == name)
        && elsewhere(name).is_none()
    {
        return "It is a key of a line: move it into its [[lines]] table".to_owned();
    }
    if above != title && Vendor::of_word(above).is_ok() && nearest(name, [reference::VENDOR].into_iter()).is_some() {
        return format!("Did you mean {}? Mend the name, or remove it", reference::VENDOR);
    }
    match in_file(above, name).map(|meant| in_account(&meant, above, title)) {
        Some(meant) => format!("Did you mean {meant}? Mend the name, or remove it"),
        None => format!("Remove it, or use one of: {}", reference::known_in(above).join(", ")),
    }
}

/// The remedy for a key of the top of the file that stands in a table. In TOML, a key belongs to the table above it.
const ABOVE_TABLES: &str = "Move it above the first table of the file";

/// Names that are used for a line's keys elsewhere, each with the key that it was meant for.
const IN_LINES: [(&str, &str); 7] = [
    ("subscription_group", "address"),
    ("group", "address, for the subscription group, or group_id, for the group of agents"),
    ("number", "address"),
    ("sender", "address"),
    ("account", "carrier"),
    ("campaign", "agent_reply"),
    ("type", "channel"),
];

/// The remedy for a name that is no key of the tables of this list, which have the `known` ones.
pub(super) fn remedy_in_list(list: &str, name: &str, known: &[&str]) -> String {
    let small = name.to_ascii_lowercase();
    let in_lines = || IN_LINES.iter().find(|(other, _)| *other == small).map(|(_, meant)| *meant);
    let elsewhere = || in_lines().or_else(|| key_of_end(&small)).filter(|_| list == reference::LINES);
    let meant = nearest(&small, known.iter().copied()).or_else(elsewhere).or_else(|| the_only_one_with(&small, known));
    match meant {
        Some(meant) => format!("Did you mean {meant}? Mend the name, or remove it"),
        None if reference::is_of_the_top(&small) => ABOVE_TABLES.to_owned(),
        None => match vendor_with(&small) {
            Some(vendor) => {
                let table = reference::name_in_file(vendor);
                format!("Move it into the table of its account, such as [{table}] or [accounts.NAME]")
            }
            None => format!("Remove it, or use one of: {}", known.join(", ")),
        },
    }
}

/// The key of a line that names an account of the vendor of this name.
fn key_of_end(name: &str) -> Option<&'static str> {
    Vendor::of_word(name).ok().map(|vendor| match vendor.end() {
        End::Desk => "desk",
        End::Carrier => "carrier",
    })
}

/// The one of these names that has this one among its words, or is among the words of this one.
fn the_only_one_with<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let has = |one: &str, other: &str| format!("_{one}_").contains(&format!("_{other}_"));
    let mut found = known.iter().filter(|known| has(known, name) || has(name, known));
    found.next().filter(|_| found.next().is_none()).copied()
}

/// The first vendor whose accounts have a key of this name.
pub(super) fn vendor_with(name: &str) -> Option<&'static str> {
    Vendor::WORDS.iter().copied().find(|vendor| reference::known_in(vendor).contains(&name))
}

/// A correction as it is written in the table of an account, which has the keys of its vendor's table.
fn in_account(meant: &str, above: &str, title: &str) -> String {
    let (vendor, below) = above.split_once('.').map_or((above, ""), |(vendor, _)| (vendor, &above[vendor.len()..]));
    let account = title.strip_suffix(below).unwrap_or(title);
    let in_vendor = meant.trim_start_matches('[').strip_prefix(vendor).is_some_and(|rest| rest.starts_with('.'));
    if in_vendor { meant.replacen(vendor, account, 1) } else { reference::name_in_file(meant) }
}

/// The remedy for a variable of an account that there is not; `word` is the end of the variable.
pub(super) fn remedy_of_account<'a>(name: &str, known: impl Iterator<Item = &'a str>, word: &str) -> String {
    match nearest(name, known) {
        Some(meant) if meant != name && meant.replace('_', "-").eq_ignore_ascii_case(name) => {
            format!("Name its table [accounts.{name}], with small letters and hyphens")
        }
        Some(meant) => {
            let account = meant.replace('-', "_").to_ascii_uppercase();
            format!("Did you mean {VARIABLE_PREFIX}ACCOUNTS__{account}__{word}? Mend the name, or unset the variable")
        }
        None => {
            "Give the account an [accounts.NAME] table with its vendor in the file, or unset the variable".to_owned()
        }
    }
}

/// The remedy for a variable that is no key of an account; `name` is the key in it.
pub(super) fn remedy_of_account_variable(vendor: &str, account: &str, name: &str) -> String {
    match flattened(&format!("{vendor}.{name}")).filter(|key| key.name.starts_with(vendor)) {
        Some(key) => {
            let own = key.name.split_once('.').map_or("", |(_, own)| own).replace('.', "__").to_ascii_uppercase();
            format!("Did you mean {VARIABLE_PREFIX}ACCOUNTS__{account}__{own}? Mend the name, or unset the variable")
        }
        None => format!("Unset the variable, or use one of: {}", reference::known_in(vendor).join(", ")),
    }
}

/// The remedy for a variable that is none of ours; `rest` is its name without our prefix.
pub(super) fn remedy_of_variable(rest: &str) -> String {
    match variable(rest) {
        Some(meant) => format!("Did you mean {meant}? Mend the name, or unset the variable"),
        None => "Unset the variable, or mend its name: capital letters, and two underscores between levels".to_owned(),
    }
}

/// The correction of `name` in the file's table `above` ("" for the top): a key, a table in brackets, or a key of another
/// table with its whole name.
fn in_file(above: &str, name: &str) -> Option<String> {
    let full = if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
    let named = [reference::OPERATORS, reference::LINES, reference::ACCOUNTS].into_iter().filter(|_| above.is_empty());
    let siblings = reference::known_in(above).into_iter().chain(named);
    if let Some(known) = nearest(name, siblings) {
        if known == reference::ACCOUNTS {
            return Some("[accounts.NAME]".to_owned());
        }
        if [reference::OPERATORS, reference::LINES].contains(&known) {
            return Some(format!("[[{known}]]"));
        }
        let full = if above.is_empty() { known.to_owned() } else { format!("{above}.{known}") };
        return Some(if reference::is_table(&full) { format!("[{full}]") } else { known.to_owned() });
    }
    elsewhere(name).or_else(|| flattened(&full)).map(|key| key.name.clone())
}

/// The variable that was meant by this one, both without their prefix.
fn variable(rest: &str) -> Option<String> {
    let meant = rest.to_ascii_lowercase().replace("__", ".");
    let found = flattened(&meant).or_else(|| elsewhere(&meant));
    found.map(reference::variable_in_file)
}

/// The key whose whole name is nearest, with `.` or `_` between its levels.
fn flattened(full: &str) -> Option<&'static About> {
    let flat = full.replace('.', "_");
    // A long name is mostly its table's, which is no evidence for its key.
    let limit = letters_wrong(full.rsplit(['.', '_']).next().unwrap_or(full));
    let distance = |key: &&'static About| strsim::osa_distance(&flat, &key.name.replace('.', "_"));
    reference::KEYS.iter().min_by_key(distance).filter(|key| distance(key) <= limit)
}

/// The one key of any table that is called so; `None` where several are. A key of a table that every bridge has counts before
/// one of the identity provider, and of a vendor that is seldom there.
fn elsewhere(name: &str) -> Option<&'static About> {
    let called_so = reference::KEYS.iter().filter(|key| key.name.rsplit('.').next() == Some(name));
    let is_seldom =
        |key: &&About| key.name.starts_with("oidc.") || reference::vendor_of(&key.name).is_some_and(is_spare);
    let (seldom, others): (Vec<_>, Vec<_>) = called_so.partition(is_seldom);
    match (others.as_slice(), seldom.as_slice()) {
        ([one], _) | ([], [one]) => Some(*one),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_of_an_account_whose_table_is_misspelt_names_the_table() {
        let remedy = |known: &str| remedy_of_account("support-eu", [known].into_iter(), "API_KEY");
        for known in ["support_eu", "Support-EU"] {
            assert_eq!(remedy(known), "Name its table [accounts.support-eu], with small letters and hyphens");
        }
        assert!(remedy("suport-eu").starts_with("Did you mean TANDEM_ACCOUNTS__SUPORT_EU__API_KEY?"));
    }

    #[test]
    fn a_mistyped_key_or_table_of_the_file_is_recognised() {
        for (above, name, meant) in [
            ("", "zendesks", Some("[zendesk]")),
            ("", "Braze", Some("[braze]")),
            ("braze", "campaign", Some("[braze.campaigns]")),
            ("", "listne", Some("listen")),
            ("", "operator", Some("[[operators]]")),
            ("zendesk", "webhok_secrets", Some("webhook_secrets")),
            ("braze", "apikey", Some("api_key")),
            ("braze", "webhook_token", Some("webhook_tokens")),
            // In the wrong table, or as one word.
            ("braze", "agent_reply", Some("braze.campaigns.agent_reply")),
            ("", "zendesk_url", Some("zendesk.url")),
            ("", "client_secret", Some("zendesk.client_secret")),
            ("", "issuer", Some("oidc.issuer")),
            ("store", "token", Some("alarm.token")),
            // Several keys are called so.
            ("braze.campaigns", "url", None),
            ("", "nonsense", None),
            ("", "", None),
            ("", "port", None),
        ] {
            assert_eq!(in_file(above, name).as_deref(), meant, "[{above}] {name}");
        }
    }

    #[test]
    fn a_mistyped_variable_is_recognised() {
        for (rest, meant) in [
            ("ZENDESK_CLIENT_SECRET", Some("TANDEM_ZENDESK__CLIENT_SECRET")),
            ("zendesk__client_secret", Some("TANDEM_ZENDESK__CLIENT_SECRET")),
            ("ZENDESK__WEBHOK_SECRETS", Some("TANDEM_ZENDESK__WEBHOOK_SECRETS")),
            ("BRAZE__WEBHOOK_TOKEN", Some("TANDEM_BRAZE__WEBHOOK_TOKENS")),
            ("API_KEY", Some("TANDEM_BRAZE__API_KEY")),
            ("LISTNE", Some("TANDEM_LISTEN")),
            ("NONSENSE", None),
            ("PORT", None),
            ("", None),
        ] {
            assert_eq!(variable(rest).as_deref(), meant, "{rest}");
        }
    }
}
