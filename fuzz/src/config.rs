//! Configuration. The bytes are a file; lines of the form `#env NAME=VALUE` at its start are environment variables too.

use std::path::Path;

use tandem::config;
use tandem::config::reference::{self, Item, Kind};

/// Stands for a credential. Seeds hold it wherever one belongs, and mutations move it about.
const SECRET: &str = "s3cr3t-S3NT1N3L-0417";

/// A configuration is good, or every fault of it is told with its key and a remedy on one line; and neither the faults
/// nor the configuration's own debug form ever show a credential.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let env: Vec<(String, String)> = text
        .lines()
        .map_while(|line| line.strip_prefix("#env ")?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    match config::parse(Some(&text), env.clone(), Path::new("/etc/tandem")) {
        Ok((config, warnings)) => {
            assert!(warnings.iter().all(|warning| !warning.to_string().contains(SECRET)));
            assert!(!only_in_secrets(&text, &env) || !format!("{config:?}").contains(SECRET));
        }
        Err(faults) => {
            assert!(!faults.0.is_empty());
            let strict = only_in_secrets(&text, &env);
            for fault in &faults.0 {
                let shown = fault.to_string();
                assert!(!fault.key.is_empty() && !fault.problem.is_empty() && !fault.remedy.is_empty(), "{shown}");
                assert!(!shown.contains('\n'), "{shown}");
                // A word that is not one of a key's words is quoted, and so is a key that there is not.
                let is_word = reference::find(&fault.key).is_some_and(|key| is_word(key.kind));
                assert!(is_word || !fault.problem.contains(SECRET) && !fault.remedy.contains(SECRET), "{shown}");
                assert!(!strict || !shown.contains(SECRET), "{shown}");
            }
        }
    }
}

fn is_word(kind: Kind) -> bool {
    match kind {
        Kind::Flag => false,
        Kind::One(item) | Kind::List { of: item, .. } => matches!(item, Item::Word(_)),
    }
}

/// Whether the file is TOML and holds the secret only where secrets belong.
fn only_in_secrets(text: &str, env: &[(String, String)]) -> bool {
    let is_secret = |name: &str| reference::find(name).is_some_and(|key| key.kind.is_secret());
    let variable = |name: &str| reference::find_variable(name).is_some_and(|key| key.kind.is_secret());
    let in_env = env.iter().all(|(name, value)| !name.contains(SECRET) && (!value.contains(SECRET) || variable(name)));
    let in_file = toml::from_str::<toml::Table>(text)
        .is_ok_and(|table| table.iter().all(|(name, value)| below(name, value, &is_secret)));
    in_env && in_file
}

fn below(name: &str, value: &toml::Value, is_secret: &impl Fn(&str) -> bool) -> bool {
    if name.contains(SECRET) {
        return false;
    }
    match value.as_table() {
        Some(table) => table.iter().all(|(inner, value)| below(&format!("{name}.{inner}"), value, is_secret)),
        None => is_secret(name) || !value.to_string().contains(SECRET),
    }
}
