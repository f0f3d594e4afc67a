//! The keys that setting up Sunshine Conversations needs. The webhook's secret cannot be known yet: setting up tells it. Never
//! changes anything.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::keys::{FirstContactBy, Sunshine};
use crate::domain::account::AccountId;
use crate::keys::book::{At, Book};
use crate::keys::key::Field;

/// The keys for setting up Sunshine Conversations.
#[derive(Clone, Debug)]
pub struct Installation {
    /// As [`Sunshine::url`].
    pub url: Url,
    /// As [`Sunshine::app_id`].
    pub app_id: String,
    /// The key's id and its secret, with a colon between them.
    pub key: SecretString,
    /// As [`Sunshine::webhook_secrets`], and empty as long as there are none.
    pub webhook_secrets: Vec<SecretString>,
    /// As [`Sunshine::first_contact`].
    pub first_contact: FirstContactBy,
}

impl Installation {
    /// Reads the keys of the account of this table. Accounts do not meet, because each has a webhook at an address of its own.
    pub(crate) fn read(at: &At, _others: &[(AccountId, At)], book: &mut Book<'_>) -> Option<Self> {
        let (url, app_id) = (Sunshine::url().read(at, book), Sunshine::app_id().read(at, book));
        let (key_id, secret) = (Sunshine::key_id().read(at, book), Sunshine::secret().read(at, book));
        let webhook_secrets = book.quietly(|book| Sunshine::webhook_secrets().read(at, book)).unwrap_or_default();
        let first_contact = Sunshine::first_contact().read(at, book);
        let key = SecretString::from(format!("{}:{}", key_id?, secret?.expose_secret()));
        Some(Self { url: url?, app_id: app_id?, key, webhook_secrets, first_contact: first_contact? })
    }
}
