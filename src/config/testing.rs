//! The configurations that the tests of this module share, and their reading.

use std::path::Path;

use super::{Config, Faults, VendorKeys, Warning, parse};
use crate::vendors::braze::keys::Braze;
use crate::vendors::zendesk::keys::Zendesk;

/// A table of the first desk, as a literal.
macro_rules! zendesk {
    () => {
        r#"
[zendesk]
url = "https://acme.zendesk.com"
client_id = "tandem"
client_secret = "zendesk-client-secret"
webhook_secrets = ["zendesk-webhook-secret"]
"#
    };
}

/// A table of the first carrier, as a literal.
macro_rules! braze {
    () => {
        r#"[braze]
url = "https://rest.iad-01.braze.com"
api_key = "braze-api-key-secret"
webhook_tokens = ["braze-webhook-token-secret"]
[braze.campaigns]
agent_reply = "00000000-0000-4000-8000-000000000001"
"#
    };
}

/// The table of the first desk.
pub(super) const ZENDESK: &str = zendesk!();

/// The table of the first carrier.
pub(super) const BRAZE: &str = braze!();

/// The least that a configuration can be.
pub(super) const GOOD: &str = concat!(zendesk!(), braze!());

/// The same, with both campaigns.
pub(super) const ONE_OF_EACH: &str =
    concat!(zendesk!(), braze!(), "ticket_solved = \"00000000-0000-4000-8000-000000000002\"\n");

/// A second desk.
pub(super) const EU: &str = r#"
[accounts.support-eu]
vendor = "zendesk"
url = "https://acme-eu.zendesk.com"
client_id = "tandem"
client_secret = "eu-client-secret"
webhook_secrets = ["eu-webhook-secret"]
signature_tolerance_seconds = 300
"#;

/// A second carrier.
pub(super) const CANADA: &str = r#"
[accounts.canada]
vendor = "braze"
url = "https://rest.iad-02.braze.com"
api_key = "canada-api-key-secret"
webhook_tokens = ["canada-webhook-token-secret"]
signature_tolerance_seconds = 60
campaigns = { agent_reply = "00000000-0000-4000-8000-000000000009" }
"#;

/// Reads a file in `/etc/tandem`, and these variables.
pub(super) fn read(file: &str, env: &[(&str, &str)]) -> Result<(Config, Vec<Warning>), Faults> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    parse(Some(file), env, Path::new("/etc/tandem"))
}

/// The faults, one line each.
pub(super) fn faults(file: &str, env: &[(&str, &str)]) -> Vec<String> {
    read(file, env).unwrap_err().0.iter().map(ToString::to_string).collect()
}

/// The warnings of a good configuration, one line each.
pub(super) fn warnings(file: &str) -> Vec<String> {
    read(file, &[]).unwrap().1.iter().map(ToString::to_string).collect()
}

/// The keys of every Zendesk account.
pub(crate) fn desks(config: &Config) -> Vec<Zendesk> {
    let of = |keys: &VendorKeys| if let VendorKeys::Zendesk(keys) = keys { Some(keys.clone()) } else { None };
    config.accounts.iter().filter_map(|known| of(&known.keys)).collect()
}

/// The keys of every Braze account.
pub(crate) fn carriers(config: &Config) -> Vec<Braze> {
    let of = |keys: &VendorKeys| if let VendorKeys::Braze(keys) = keys { Some(keys.clone()) } else { None };
    config.accounts.iter().filter_map(|known| of(&known.keys)).collect()
}
