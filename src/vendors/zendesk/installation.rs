//! The keys that setting up Zendesk needs. The rest cannot be known yet: setting up tells the signing secret, for example.
//! Never changes anything.

use secrecy::SecretString;
use url::Url;

use super::keys::{Credentials, Zendesk};
use crate::domain::account::AccountId;
use crate::keys::book::{At, Book};
use crate::keys::fault::Flaw;
use crate::keys::key::Field;

/// The keys for setting up Zendesk.
#[derive(Clone, Debug)]
pub struct Installation {
    /// As [`Zendesk::url`].
    pub url: Url,
    /// As [`Zendesk::credentials`].
    pub credentials: Credentials,
    /// As [`Zendesk::user_field`].
    pub user_field: String,
    /// As [`Zendesk::webhook_secrets`], and empty as long as there are none.
    pub webhook_secrets: Vec<SecretString>,
}

impl Installation {
    /// Reads the keys of the account of this table, beside the other accounts at Zendesk.
    pub(crate) fn read(at: &At, others: &[(AccountId, At)], book: &mut Book<'_>) -> Option<Self> {
        let (url, credentials) = (Zendesk::url().read(at, book), Zendesk::credentials().read(at, book));
        stands_alone(others, at, url.as_ref(), book);
        let user_field = Zendesk::user_field().read(at, book);
        let webhook_secrets = book.quietly(|book| Zendesk::webhook_secrets().read(at, book)).unwrap_or_default();
        Some(Self { url: url?, credentials: credentials?, user_field: user_field?, webhook_secrets })
    }
}

/// Books a fault where another account has the same Zendesk. Both would look for the webhook and the triggers of the same
/// names there, and the later one would take them from the earlier.
fn stands_alone(others: &[(AccountId, At)], at: &At, url: Option<&Url>, book: &mut Book<'_>) {
    for (account, other) in others {
        let theirs = book.quietly(|book| Zendesk::url().read(other, book));
        if url.is_some() && theirs.as_ref() == url {
            let problem = format!("is that of {account} as well, and one Zendesk rings at one account only");
            let remedy = "Keep one of the two accounts, and describe its brands by lines";
            book.fault::<()>(at, "url", Flaw::new(problem, remedy));
        }
    }
}
