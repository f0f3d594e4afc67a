//! Calls over HTTP: to the vendors, to the host of a picture, and to the identity provider of the console.
//!
//! A client makes a call at most once, except that it repeats a call that Zendesk refused only because its token had
//! expired. A failed call ends as a [`crate::ports::Failure`], which names the caller's next step. Never decides whether or when to
//! try again, which ticket is right, or the words of a text. Never writes a log line, and never puts an address with a
//! secret, a body, a name, a phone number or an e-mail address into a cause.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use tls::TlsFault;

use crate::clock::Clock;

pub use attempt::{Attempt, Counted};
pub use personal::Personal;

mod attempt;
pub(crate) mod bearer_key;
pub(crate) mod error_phrases;
pub(crate) mod exchange;
pub(crate) mod headers;
mod large;
pub mod media;
#[cfg(feature = "oidc")]
pub mod oidc;
mod personal;
#[cfg(test)]
pub(crate) mod scripted;
pub mod tls;

/// The time to connect. Both vendors answer a handshake in well under a second.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The time for a call from beginning to end. Both vendors give up on their own side after about 20 s, so waiting a
/// little longer turns most lost answers into answers.
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(25);

/// The longest answer that is read, to bound memory. A longer list is asked for again in smaller pages.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Idle connections kept for each host. More calls are rarely in flight at once.
const POOL_IDLE_MAX: usize = 8;

/// The time a connection may idle. Shorter than the minute after which servers usually close one, because a request
/// on a connection that is being closed is in doubt.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Carries one request to a vendor and returns the whole answer of any status. Tests and the simulation lose requests
/// and answers here.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request` once. An implementation never repeats it and never follows a redirect.
    ///
    /// # Errors
    /// [`TransportError`], which says whether the request can have arrived. An answer of any status is no error.
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError>;
}

/// Returns whether the operator has paused a vendor now.
pub type Held = Box<dyn Fn() -> bool + Send + Sync>;

/// The ways in which a client reaches its vendor.
pub struct Reach {
    /// Carries its calls.
    pub transport: Arc<dyn Transport>,
    /// The time.
    pub clock: Clock,
    /// Says whether the operator has paused the account, which then makes no call; `None` where a pause is not possible.
    pub held: Option<Held>,
}

impl Reach {
    /// The ways of a client that cannot be paused.
    #[must_use]
    pub fn unpaused(transport: Arc<dyn Transport>, clock: Clock) -> Self {
        Self { transport, clock, held: None }
    }
}

/// No whole answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection, no name, no TLS: nothing can have happened.
    #[error("{cause}")]
    NotSent {
        /// Why, without any address.
        cause: String,
    },
    /// The answer is longer than [`ANSWER_BYTES_MAX`].
    #[error("the answer is longer than 4 MiB")]
    TooLong,
    /// The request may have arrived: time-out, reset, an answer that broke off or never ended.
    #[error("{cause}")]
    Lost {
        /// Why, without any address.
        cause: String,
    },
}

/// The transport of a running bridge: HTTP/1.1 over a pool of connections.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    client: reqwest::Client,
    places: large::Places,
}

impl HttpTransport {
    /// A transport with the time-outs of this module.
    ///
    /// # Errors
    /// TLS cannot be set up, usually because the machine has no root certificates.
    pub fn new() -> Result<Self, reqwest::Error> {
        Ok(Self::of(http_client(CONNECT_TIMEOUT, TOTAL_TIMEOUT)?))
    }

    fn of(client: reqwest::Client) -> Self {
        Self { client, places: large::Places::default() }
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let request = reqwest::Request::try_from(request)
            .map_err(|_| TransportError::NotSent { cause: "the request could not be built".into() })?;
        let mut answer = self.client.execute(request).await.map_err(|error| transport_error(&error))?;
        let mut body = large::Body::new(&self.places);
        // From here on the vendor has the request, so a lost answer leaves its effect in doubt.
        while let Some(chunk) =
            answer.chunk().await.map_err(|error| TransportError::Lost { cause: plain_cause(&error).into() })?
        {
            if body.len().saturating_add(chunk.len()) > ANSWER_BYTES_MAX {
                return Err(TransportError::TooLong);
            }
            body.take(&chunk).await;
        }
        let mut response = http::Response::new(body.whole());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

/// An HTTP client with every time-out set, also for parts that are no vendor's client. With [`client_builder`] the only
/// way to get one.
///
/// # Errors
/// TLS cannot be set up, usually because the machine has no root certificates.
pub fn http_client(connect_timeout: Duration, total_timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    client_builder(connect_timeout, total_timeout).build()
}

/// A builder with the settings that every client needs: time-outs; no redirects, which would carry credentials to other
/// hosts; no proxy from the environment, which would bypass the checks of [`media`]; no hidden repetition of a request.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub(crate) fn client_builder(connect_timeout: Duration, total_timeout: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("tandem/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect_timeout)
        .timeout(total_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .http1_only()
        .pool_max_idle_per_host(POOL_IDLE_MAX)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
}

fn transport_error(error: &reqwest::Error) -> TransportError {
    let cause = plain_cause(error).to_owned();
    if error.is_connect() || error.is_builder() {
        TransportError::NotSent { cause }
    } else {
        TransportError::Lost { cause }
    }
}

/// The fault in fixed words, because an error's own text may hold the address.
fn plain_cause(error: &reqwest::Error) -> &'static str {
    if error.is_dns() {
        return "its name was not found";
    }
    if let Some(fault) = std::error::Error::source(error).filter(|_| error.is_connect()).and_then(TlsFault::behind) {
        return fault.cause();
    }
    if error.is_timeout() {
        return if error.is_connect() { "connecting took too long" } else { "no answer in time" };
    }
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            if io.kind() == ErrorKind::ConnectionRefused {
                return "the connection was refused";
            }
            if matches!(io.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) {
                return "the connection was reset";
            }
        }
        source = inner.source();
    }
    if error.is_connect() {
        "no connection could be made"
    } else if error.is_builder() {
        "the request could not be built"
    } else {
        "the connection broke off"
    }
}

#[cfg(test)]
mod tests {
    use super::scripted::{self, Reply, Scripted};
    use super::*;

    fn post(url: &str) -> http::Request<Bytes> {
        http::Request::post(url).body(Bytes::from_static(b"hello")).unwrap()
    }

    fn lost(result: Result<http::Response<Bytes>, TransportError>) -> String {
        match result {
            Err(TransportError::Lost { cause }) => cause,
            Err(TransportError::NotSent { cause }) => panic!("counted as not sent: {cause}"),
            Err(error @ TransportError::TooLong) => error.to_string(),
            Ok(answer) => panic!("answered {}", answer.status()),
        }
    }

    #[tokio::test]
    async fn an_answer_is_brought_whole_whatever_its_status() {
        let server = Scripted::answers(vec![Reply::text(503, "busy").header("retry-after", "7")]).await;
        let answer = HttpTransport::new().unwrap().send(post(server.url.as_str())).await.unwrap();
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "7");
        assert_eq!(answer.body(), "busy");
        let seen = server.seen();
        assert_eq!(seen[0].body, "hello");
        assert_eq!(seen[0].headers["user-agent"], concat!("tandem/", env!("CARGO_PKG_VERSION")));
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let server = Scripted::answers(vec![Reply::text(302, "").header("location", "/elsewhere")]).await;
        let answer = HttpTransport::new().unwrap().send(post(server.url.as_str())).await.unwrap();
        assert_eq!(answer.status(), 302);
        assert_eq!(server.seen().len(), 1);
    }

    #[tokio::test]
    async fn nothing_was_sent_to_whom_nobody_could_connect() {
        let url = scripted::nobody_listens().await;
        let error = HttpTransport::new().unwrap().send(post(url.as_str())).await.unwrap_err();
        assert_eq!(error, TransportError::NotSent { cause: "the connection was refused".into() });
    }

    #[tokio::test]
    async fn nothing_was_sent_to_whom_nobody_could_speak_tls_with() {
        let mut url = scripted::raw(b"nonsense\r\n\r\n".to_vec()).await;
        url.set_scheme("https").unwrap();
        let error = HttpTransport::new().unwrap().send(post(url.as_str())).await.unwrap_err();
        assert!(matches!(error, TransportError::NotSent { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_whole_is_lost() {
        let long = vec![b'x'; ANSWER_BYTES_MAX + 1];
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", long.len());
        let oversized = [head.as_bytes(), &long].concat();
        let cases: [(&[u8], &str); 4] = [
            (b"", "the connection broke off"),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", "the connection broke off"),
            (b"nonsense\r\n\r\n", "the connection broke off"),
            (&oversized, "the answer is longer than 4 MiB"),
        ];
        for (bytes, cause) in cases {
            let url = scripted::raw(bytes.to_vec()).await;
            assert_eq!(lost(HttpTransport::new().unwrap().send(post(url.as_str())).await), cause);
        }
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_is_lost_when_the_time_is_over() {
        let url = scripted::silent().await;
        let client = http_client(Duration::from_secs(5), Duration::from_millis(50)).unwrap();
        assert_eq!(lost(HttpTransport::of(client).send(post(url.as_str())).await), "no answer in time");
    }

    #[tokio::test]
    async fn a_cause_never_holds_the_address() {
        let url = format!("{}oauth?secret=hunter2", scripted::nobody_listens().await);
        let error = HttpTransport::new().unwrap().send(post(&url)).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("127.0.0.1"), "{shown}");
    }
}
