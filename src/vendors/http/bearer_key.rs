//! An API key that every call presents as a bearer token. Never shows it.

use std::sync::{PoisonError, RwLock};

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::ports::Failure;
use crate::vendors::http::exchange::secret_header;

/// The key of one account, which a reload may change.
pub(crate) struct BearerKey(RwLock<SecretString>);

impl BearerKey {
    pub(crate) fn new(key: SecretString) -> Self {
        Self(RwLock::new(key))
    }

    /// Uses another key from the next call on.
    pub(crate) fn renew(&self, key: SecretString) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = key;
    }

    /// The header that presents the key.
    ///
    /// # Errors
    /// [`Failure::Pause`] where the key holds a character that no header may.
    pub(crate) fn header(&self) -> Result<HeaderValue, Failure> {
        let key = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        let unusable = || Failure::Pause { cause: "the API key cannot be sent".into(), status: 401 };
        secret_header(&format!("Bearer {}", key.expose_secret())).ok_or_else(unusable)
    }
}
