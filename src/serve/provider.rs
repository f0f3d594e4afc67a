//! The identity provider of the console: its client, and the part that the console gets. A build without the feature
//! `oidc` has none, and refuses a configuration that names one.

#[cfg(feature = "oidc")]
mod client {
    use std::sync::Arc;
    use std::time::Duration;

    use futures_util::future::BoxFuture;

    use crate::clock::Clock;
    use crate::config::IdentityProvider;
    use crate::http::{self, Begun, SignedOn};
    use crate::vendors::http::oidc::{OidcOptions, Provider};
    use crate::vendors::http::{CONNECT_TIMEOUT, http_client};

    /// How long one answer may take: a person waits in front of the browser.
    const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);

    /// A client of this provider.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn client(provider: &IdentityProvider, clock: &Clock) -> Result<Provider, reqwest::Error> {
        let options = OidcOptions {
            issuer: provider.issuer.clone(),
            client_id: provider.client_id.clone(),
            client_secret: provider.client_secret.clone(),
            redirect: provider.redirect.to_string(),
            name_claim: provider.name_claim.clone(),
            roles_claim: provider.roles_claim.clone(),
        };
        Ok(Provider::new(options, http_client(CONNECT_TIMEOUT, TOTAL_TIMEOUT)?, clock.clone()))
    }

    /// The provider as the console uses it. `None` without an HTTP client, which the bridge then lacks as well.
    pub(in crate::serve) fn of(provider: &IdentityProvider, clock: &Clock) -> Option<http::Provider> {
        let client = client(provider, clock).ok()?;
        let claims = [provider.name_claim.clone(), provider.roles_claim.clone()];
        let begin =
            move || -> BoxFuture<'static, Result<Begun, String>> { Box::pin(begin(client.clone(), claims.clone())) };
        Some(http::Provider { begin: Arc::new(begin), is_reached_by_https: provider.redirect.scheme() == "https" })
    }

    async fn begin(client: Provider, claims: [String; 2]) -> Result<Begun, String> {
        let begun = client.begin().await.map_err(|error| error.to_string())?;
        let secrets = begun.secrets;
        let end = move |code: String| -> BoxFuture<'static, Result<SignedOn, String>> {
            Box::pin(async move {
                let found = client.finish(&code, &secrets).await.map_err(|error| error.to_string())?;
                Ok(SignedOn { name: found.name, groups: found.groups, expires_at: found.expires_at, claims })
            })
        };
        Ok(Begun { url: begun.url, state: begun.state, end: Box::new(end) })
    }
}

#[cfg(feature = "oidc")]
pub use client::client;
#[cfg(feature = "oidc")]
pub(super) use client::of;

#[cfg(not(feature = "oidc"))]
pub(super) fn of(_: &crate::config::IdentityProvider, _: &crate::clock::Clock) -> Option<crate::http::Provider> {
    None
}
