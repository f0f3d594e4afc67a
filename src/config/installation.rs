//! The few keys that setting up needs. The rest cannot be known yet: setting up tells the signing secret, for example.
//!
//! Like [`super::Glimpse`], it minds no fault elsewhere; `tandem check` tells those.

use std::path::Path;

use secrecy::SecretString;
use url::Url;

use super::book::{At, Book};
use super::braze::{Braze, Campaigns};
use super::bridge::Config;
use super::fault::{Faults, Flaw};
use super::key::Field;
use super::keys::in_order;
use super::sources::Sources;
use super::zendesk::{Credentials, Zendesk};

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
    /// As [`super::Braze::currents_tokens`].
    pub currents_tokens: Vec<SecretString>,
}

/// Reads the keys for setting up Zendesk.
///
/// # Errors
/// The faults of those keys, or a file that cannot be read or is not TOML.
pub fn zendesk_installation(path: Option<&Path>) -> Result<ZendeskInstallation, Faults> {
    let at = At::top().below("zendesk");
    installation(path, |book| {
        let public_url = public_url(book);
        let (url, credentials) = (Zendesk::url().read(&at, book), Zendesk::credentials().read(&at, book));
        let user_field = Zendesk::user_field().read(&at, book);
        let webhook_secrets = book.quietly(|book| Zendesk::webhook_secrets().read(&at, book)).unwrap_or_default();
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
    let at = At::top().below("braze");
    let campaigns = at.below("campaigns");
    installation(path, |book| {
        let public_url = public_url(book);
        let webhook_tokens = Braze::webhook_tokens().read(&at, book);
        let currents_tokens = Braze::currents_tokens().read(&at, book);
        let agent_reply = match book.is_given(&campaigns, "agent_reply") {
            true => Campaigns::agent_reply().read(&campaigns, book).map(Some),
            false => Some(None),
        };
        let ticket_solved = Campaigns::ticket_solved().read(&campaigns, book);
        let subscription_group = Braze::subscription_group().read(&at, book);
        Some(BrazeInstallation {
            public_url: public_url?,
            agent_reply: agent_reply?,
            ticket_solved: ticket_solved?,
            subscription_group: subscription_group?,
            currents_tokens: currents_tokens.unwrap_or_default(),
            webhook_tokens: webhook_tokens?,
        })
    })
}

/// Reads with `read`, and minds the faults of those keys only.
fn installation<T>(path: Option<&Path>, read: impl FnOnce(&mut Book<'_>) -> Option<T>) -> Result<T, Faults> {
    let sources = Sources::required(path)?;
    let mut book = sources.book_of_a_few();
    let found = read(&mut book);
    let faults = book.faults;
    match found {
        Some(found) if faults.is_empty() && sources.faults.is_empty() => Ok(found),
        _ => Err(sources.refuse(in_order(faults))),
    }
}

fn public_url(book: &mut Book<'_>) -> Option<Url> {
    let (top, name) = (At::top(), "public_url");
    if !book.is_given(&top, name) {
        let remedy = "Set it to the address at which Zendesk and Braze reach `listen`, such as https://…";
        return book.fault(&top, name, Flaw::new("is missing", remedy));
    }
    Config::public_url().read(&top, book)?
}
