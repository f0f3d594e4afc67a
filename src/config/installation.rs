//! The few keys that setting up needs, before the rest can be known: the signing secret, say, is what setting up tells.
//!
//! Like [`super::Glimpse`], it minds no fault elsewhere; `tandem check` tells those.

use std::path::Path;

use secrecy::SecretString;
use url::Url;

use super::check::Checker;
use super::fault::{Fault, Faults};
use super::{Campaigns, Credentials, File, environment, read};

/// What setting up Zendesk needs.
#[derive(Clone, Debug)]
pub struct ZendeskInstallation {
    /// Where Zendesk reaches the bridge.
    pub public_url: Url,
    /// As [`super::Zendesk::url`].
    pub url: Url,
    /// As [`super::Zendesk::credentials`].
    pub credentials: Credentials,
    /// As [`super::Zendesk::user_field`].
    pub user_field: String,
    /// As [`super::Zendesk::webhook_secrets`], and empty as long as there are none.
    pub webhook_secrets: Vec<SecretString>,
}

/// What setting up Braze needs.
#[derive(Clone, Debug)]
pub struct BrazeInstallation {
    /// Where Braze reaches the bridge.
    pub public_url: Url,
    /// The campaigns.
    pub campaigns: Campaigns,
    /// As [`super::Braze::subscription_group`].
    pub subscription_group: Option<String>,
    /// As [`super::Braze::webhook_tokens`].
    pub webhook_tokens: Vec<SecretString>,
}

/// Reads what setting up Zendesk needs.
///
/// # Errors
/// What is wrong with those keys, or a file that cannot be read or is not TOML.
pub fn zendesk_installation(path: Option<&Path>) -> Result<ZendeskInstallation, Faults> {
    let mine = [
        "public_url",
        "zendesk.url",
        "zendesk.client_id",
        "zendesk.client_secret",
        "zendesk.email",
        "zendesk.api_token",
        "zendesk.user_field",
    ];
    installation(path, &mine, |checker| {
        let public_url = public_url(checker);
        let (url, credentials) = (checker.vendor_url("zendesk.url"), checker.credentials());
        let user_field = checker.user_field();
        let webhook_secrets = secrets(checker, "zendesk.webhook_secrets");
        Some(ZendeskInstallation {
            public_url: public_url?,
            url: url?,
            credentials: credentials?,
            user_field: user_field?,
            webhook_secrets,
        })
    })
}

/// Reads what setting up Braze needs.
///
/// # Errors
/// What is wrong with those keys, or a file that cannot be read or is not TOML.
pub fn braze_installation(path: Option<&Path>) -> Result<BrazeInstallation, Faults> {
    let mine = [
        "public_url",
        "braze.webhook_tokens",
        "braze.subscription_group",
        "braze.campaigns.agent_reply",
        "braze.campaigns.ticket_solved",
    ];
    installation(path, &mine, |checker| {
        let public_url = public_url(checker);
        let name = "braze.webhook_tokens";
        let tokens = checker.required_list(name, "Set it to a long random token, and give Braze the same");
        let campaigns = checker.campaigns();
        let subscription_group = checker.identifier("braze.subscription_group");
        Some(BrazeInstallation {
            public_url: public_url?,
            campaigns: campaigns?,
            subscription_group,
            webhook_tokens: tokens?.into_iter().map(SecretString::from).collect(),
        })
    })
}

/// Reads with `read`, and keeps the faults of these keys only.
fn installation<T>(
    path: Option<&Path>,
    mine: &[&str],
    read: impl FnOnce(&mut Checker<'_>) -> Option<T>,
) -> Result<T, Faults> {
    let file = File::read(path)?;
    let (env, mut faults) = environment();
    let mut checker = Checker::new(read::gather(file.text(), env), &file.base);
    let found = read(&mut checker);
    let is_mine = |fault: &Fault| mine.contains(&fault.key.as_str()) || fault.key == read::WHOLE_FILE;
    faults.extend(checker.into_faults().into_iter().filter(is_mine));
    match found {
        Some(found) if faults.is_empty() => Ok(found),
        _ => Err(Faults(faults)),
    }
}

fn public_url(checker: &mut Checker<'_>) -> Option<Url> {
    checker
        .required("public_url", "Set it to the address at which Zendesk and Braze reach `listen`, such as https://…")?;
    checker.optional_url("public_url")?
}

fn secrets(checker: &Checker<'_>, name: &str) -> Vec<SecretString> {
    checker.texts(name).into_iter().flatten().map(SecretString::from).collect()
}
