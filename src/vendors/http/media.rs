//! Fetches the pictures and other media of an MMS for the ticket. The address came with a webhook and may name any
//! host, so the client calls public hosts only, follows no redirects, bounds size and time, and takes only kinds of
//! files that an agent can look at.
//!
//! Never sends a credential, but for the header that a carrier gives for a link of its own; redirects are not followed.

use std::error::Error as StdError;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

pub use crate::vendors::http::large::Place;
use crate::vendors::http::large::{Body, Places};
use crate::vendors::http::{CONNECT_TIMEOUT, client_builder};

mod address;
mod kind;

/// The largest file, which is also the most that US carriers allow. Most carriers cut MMS at well under this.
pub const MEDIA_BYTES_MAX: usize = 5 * 1024 * 1024;

/// The time for a whole fetch. The text waits for it, and gets a link where it fails.
const MEDIA_TIMEOUT: Duration = Duration::from_secs(10);

/// A file, ready to be uploaded.
#[derive(Clone, PartialEq, Eq)]
pub struct Media {
    /// A safe name: letters, digits, `.`, `-` and `_`, with an ending that fits the type.
    pub file_name: String,
    /// The type, without parameters.
    pub content_type: String,
    /// The file.
    pub bytes: Bytes,
}

/// The file was not fetched. The text goes on without it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct MediaRefused {
    /// Why, in plain words and without the address.
    pub why: String,
    /// Whether the host may serve the file later.
    pub may_pass: bool,
}

/// Fetches media.
#[derive(Clone, Debug)]
pub struct MediaClient {
    client: reqwest::Client,
    rules: Rules,
    places: Places,
}

/// The rules for addresses. Tests loosen them, because their hosts are on this machine.
#[derive(Clone, Copy, Debug)]
struct Rules {
    is_allowed: fn(IpAddr) -> bool,
    https_only: bool,
}

const PUBLIC: Rules = Rules { is_allowed: address::is_public, https_only: true };

const THIS_MACHINE: Rules = Rules { is_allowed: |address| address.is_loopback(), https_only: false };

impl MediaClient {
    /// A client for public hosts.
    ///
    /// # Errors
    /// TLS cannot be set up, usually because the machine has no root certificates.
    pub fn new() -> Result<Self, reqwest::Error> {
        Self::with_rules(PUBLIC, MEDIA_TIMEOUT)
    }

    /// A client for hosts on this machine and no others, by plain HTTP: where the embedded vendors are.
    ///
    /// # Errors
    /// As [`MediaClient::new`].
    pub fn of_this_machine() -> Result<Self, reqwest::Error> {
        Self::with_rules(THIS_MACHINE, MEDIA_TIMEOUT)
    }

    fn with_rules(rules: Rules, timeout: Duration) -> Result<Self, reqwest::Error> {
        let resolver = Arc::new(PublicNames(rules.is_allowed));
        let builder = client_builder(CONNECT_TIMEOUT, timeout).https_only(rules.https_only);
        // No connection is kept, so that each fetch checks the address when it connects.
        Ok(Self {
            client: builder.pool_max_idle_per_host(0).dns_resolver(resolver).build()?,
            rules,
            places: Places::default(),
        })
    }

    /// Waits for a place in memory for a file that was fetched before, beside the files that are being fetched.
    pub async fn place(&self, bytes: u64) -> Place {
        self.places.for_bytes(bytes).await
    }

    /// Fetches one file, with the header that opens it, where its carrier has one for it.
    ///
    /// # Errors
    /// [`MediaRefused`], where the file does not arrive whole or is of no allowed kind.
    pub async fn fetch(&self, url: &str, opens: Option<HeaderValue>) -> Result<Media, MediaRefused> {
        let url = self.rules.check(url)?;
        let mut request = self.client.get(url.clone());
        if let Some(opens) = opens {
            request = request.header(AUTHORIZATION, opens);
        }
        let mut answer = request.send().await.map_err(|error| cut_off(&error))?;
        if answer.status() != http::StatusCode::OK {
            let status = answer.status().as_u16();
            let may_pass = matches!(status, 408 | 429 | 500..);
            return Err(MediaRefused { may_pass, ..refused(&format!("its host answered {status}")) });
        }
        let content_type = answer.headers().get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind::Kind::of(content_type.unwrap_or_default()).ok_or_else(|| refused("it is of another kind"))?;
        let too_long = || refused("it is larger than 5 MiB");
        if answer.content_length().is_some_and(|length| length > MEDIA_BYTES_MAX as u64) {
            return Err(too_long());
        }
        let mut bytes = Body::new(&self.places);
        while let Some(chunk) = answer.chunk().await.map_err(|error| cut_off(&error))? {
            if bytes.len().saturating_add(chunk.len()) > MEDIA_BYTES_MAX {
                return Err(too_long());
            }
            bytes.take(&chunk).await;
        }
        if bytes.is_empty() {
            return Err(refused("it is empty"));
        }
        Ok(Media { file_name: kind.file_name(&url), content_type: kind.content_type, bytes: bytes.whole() })
    }
}

impl Rules {
    /// Checks the address alone. A name is checked when it is resolved ([`PublicNames`]); an IP address is never
    /// resolved, so it is checked here.
    fn check(self, url: &str) -> Result<Url, MediaRefused> {
        let url = Url::parse(url).map_err(|_| refused("its address cannot be read"))?;
        if self.https_only && url.scheme() != "https" {
            return Err(refused("its address is not https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("its address holds a credential"));
        }
        if self.https_only && url.port().is_some() {
            return Err(refused("its address has an unusual port"));
        }
        let is_allowed = match url.host() {
            Some(Host::Domain(name)) => !name.is_empty(),
            Some(Host::Ipv4(address)) => (self.is_allowed)(address.into()),
            Some(Host::Ipv6(address)) => (self.is_allowed)(address.into()),
            None => false,
        };
        if is_allowed { Ok(url) } else { Err(refused(NotPublic::WHY)) }
    }
}

/// Resolves names and leaves out every address that is not public. The connection goes to one of the checked addresses,
/// so a name that changes between check and use gains nothing.
struct PublicNames(fn(IpAddr) -> bool);

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        let is_allowed = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_allowed(address.ip())).collect();
            if public.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{}", Self::WHY)]
struct NotPublic;

impl NotPublic {
    const WHY: &'static str = "its host is not on the public internet";
}

fn refused(why: &str) -> MediaRefused {
    MediaRefused { why: why.to_owned(), may_pass: false }
}

fn cut_off(error: &reqwest::Error) -> MediaRefused {
    let why = why(error);
    MediaRefused { may_pass: why != NotPublic::WHY, ..refused(why) }
}

/// The fault in fixed words, because an error's own text may hold the address.
fn why(error: &reqwest::Error) -> &'static str {
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(inner) = source {
        if inner.is::<NotPublic>() {
            return NotPublic::WHY;
        }
        source = inner.source();
    }
    if error.is_timeout() {
        "its host took too long"
    } else if error.is_connect() {
        "its host could not be reached"
    } else {
        "its host did not send it whole"
    }
}

#[cfg(test)]
mod tests;
