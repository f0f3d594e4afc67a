//! The few keys that setting up needs. The rest cannot be known yet: setting up tells the signing secret, for example.
//!
//! Like [`super::Glimpse`], it minds no fault elsewhere; `tandem check` tells those.

use std::path::Path;

use secrecy::SecretString;
use url::Url;

use super::check::Checker;
use super::fault::Faults;
use super::sources::Sources;
use super::{Credentials, read};

/// The keys for setting up Zendesk.
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

/// The keys for setting up Braze.
#[derive(Clone, Debug)]
pub struct BrazeInstallation {
    /// Where Braze reaches the bridge.
    pub public_url: Url,
    /// As [`super::Campaigns::agent_reply`], and none as long as the campaign is not made.
    pub agent_reply: Option<String>,
    /// As [`super::Campaigns::ticket_solved`].
    pub ticket_solved: Option<String>,
    /// As [`super::Braze::subscription_group`].
    pub subscription_group: Option<String>,
    /// As [`super::Braze::webhook_tokens`].
    pub webhook_tokens: Vec<SecretString>,
}

/// Reads the keys for setting up Zendesk.
///
/// # Errors
/// The faults of those keys, or a file that cannot be read or is not TOML.
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

/// Reads the keys for setting up Braze.
///
/// # Errors
/// The faults of those keys, or a file that cannot be read or is not TOML.
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
        let agent_reply = checker.campaign("braze.campaigns.agent_reply");
        let ticket_solved = checker.campaign("braze.campaigns.ticket_solved");
        let subscription_group = checker.identifier("braze.subscription_group");
        Some(BrazeInstallation {
            public_url: public_url?,
            agent_reply,
            ticket_solved,
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
    let sources = Sources::required(path)?;
    let mut checker = Checker::new(read::gather(sources.text(), sources.variables.clone()), &sources.base);
    let found = read(&mut checker);
    let mut faults = checker.into_faults();
    faults.retain(|fault| mine.contains(&fault.key.as_str()) || fault.key == read::WHOLE_FILE);
    match found {
        Some(found) if faults.is_empty() && sources.faults.is_empty() => Ok(found),
        _ => Err(sources.refuse(faults)),
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
