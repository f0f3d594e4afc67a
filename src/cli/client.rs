//! A small HTTP client for the commands that ask a running bridge.
//!
//! It talks only to the address that it is given and follows no redirect by itself, so a token goes nowhere else. It
//! never waits without a limit.

use std::time::Duration;

use http::{HeaderValue, Method, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::runtime::Runtime;
use url::Url;

use super::failure::{Failure, runtime};
use super::options::By;
use crate::config;
use crate::vendors::http::http_client;

/// The bridge is near, or does not run.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Longer than the bridge waits for its own store.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(15);

/// A full page of the largest items is a few MiB.
const ANSWER_MAX_BYTES: usize = 16 * 1024 * 1024;

/// The operator token to present, and its origin, because the remedy for a refused one depends on that.
pub(super) enum Token {
    /// No token.
    None,
    /// The token of `--token`.
    Option(SecretString),
    /// The operator's own token, of the variable [`config::OWN_TOKEN`].
    Variable(SecretString),
    /// `operator_token` of the configuration.
    Configured(SecretString),
}

impl Token {
    /// The token that the operator gave for this command, or holds in their shell; `None` without one.
    pub(super) fn own(option: Option<SecretString>) -> Option<Self> {
        option.map(Self::Option).or_else(|| config::own_token().map(Self::Variable))
    }

    fn secret(&self) -> Option<&SecretString> {
        match self {
            Self::None => None,
            Self::Option(token) | Self::Variable(token) | Self::Configured(token) => Some(token),
        }
    }

    /// The remedy when the bridge answers 401.
    fn remedy(&self) -> &'static str {
        match self {
            Self::None => {
                "it wants a token: give yours with --token or in TANDEM_TOKEN, or name its configuration with --config FILE"
            }
            Self::Option(_) => {
                "the token of --token is not its operator_token (TANDEM_OPERATOR_TOKEN where it is a variable), nor any operator's"
            }
            Self::Variable(_) => "the token in TANDEM_TOKEN is no operator's there: an admin draws you a new one",
            Self::Configured(_) => {
                "operator_token (TANDEM_OPERATOR_TOKEN where it is a variable) is not the one that it runs with: reload \
                 the bridge, or give a token with --token or in TANDEM_TOKEN"
            }
        }
    }
}

/// A bridge, and the credentials for it.
pub(super) struct Bridge {
    pub(super) url: Url,
    token: Token,
    /// The acting operator's handle.
    by: Option<HeaderValue>,
    client: reqwest::Client,
    runtime: Runtime,
}

/// An answer of the bridge.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// `Null` when the body was not JSON.
    pub(super) body: Value,
    /// The remedy where the status is 401.
    remedy: &'static str,
}

impl Answer {
    /// The body of a good answer.
    pub(super) fn good(self) -> Result<Value, Failure> {
        if self.status == StatusCode::OK {
            return Ok(self.body);
        }
        let said = self.body.get("error").and_then(Value::as_str).unwrap_or("it did not say why");
        let hint = match self.status {
            StatusCode::UNAUTHORIZED => format!("; {}", self.remedy),
            _ => String::new(),
        };
        Err(Failure::Failed(format!("the bridge answered {}: {said}{hint}", self.status.as_u16())))
    }
}

impl Bridge {
    /// The bridge at this address.
    pub(super) fn at(url: &str, token: Token) -> Result<Self, Failure> {
        let usage = || Failure::Usage("the address of the bridge must look like http://127.0.0.1:8081".to_owned());
        let url = Url::parse(url).map_err(|_| usage())?;
        if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
            return Err(usage());
        }
        let client = http_client(CONNECT_TIMEOUT, TOTAL_TIMEOUT).map_err(|error| unreachable_at(&url, error))?;
        Ok(Self { url, token, by: None, client, runtime: runtime()? })
    }

    /// The same bridge, with the operator's handle for the audit.
    pub(super) fn named(self, by: By) -> Result<Self, Failure> {
        let header =
            |name: String| HeaderValue::from_str(&name).map_err(|_| Failure::Usage("--by is no handle".into()));
        Ok(Self { by: by.name().map(header).transpose()?, ..self })
    }

    /// Asks, with path segments and parameters in plain words, and insists on a good answer.
    pub(super) fn ask(
        &self,
        method: Method,
        segments: &[&str],
        parameters: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        self.run(self.asked(method, segments, parameters, body))
    }

    /// Runs a future that asks more than once.
    pub(super) fn run<T>(&self, asking: impl Future<Output = T>) -> T {
        self.runtime.block_on(asking)
    }

    /// [`Bridge::ask`] as a future, for [`Bridge::run`].
    pub(super) async fn asked(
        &self,
        method: Method,
        segments: &[&str],
        parameters: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        self.answer(method, segments, parameters, body).await?.good()
    }

    /// Asks likewise, and takes any answer.
    pub(super) async fn answer(
        &self,
        method: Method,
        segments: &[&str],
        parameters: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let mut url = self.url.clone();
        match url.path_segments_mut() {
            Ok(mut path) => path.pop_if_empty().push("api").extend(segments),
            Err(()) => return Err(Failure::Usage("the address of the bridge takes no path".to_owned())),
        };
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        self.send(method, url, body).await
    }

    /// Asks this very address, and takes any answer.
    pub(super) fn get(&self) -> Result<Answer, Failure> {
        self.run(self.send(Method::GET, self.url.clone(), None))
    }

    async fn send(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Answer, Failure> {
        let failed = |error| unreachable_at(&self.url, error);
        let mut request = self.client.request(method, url);
        if let Some(by) = &self.by {
            request = request.header("x-tandem-by", by);
        }
        if let Some(token) = self.token.secret() {
            request = request.bearer_auth(token.expose_secret());
        }
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER_MAX_BYTES {
                return Err(Failure::Failed("the answer is too long to be the bridge's".to_owned()));
            }
        }
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Answer { status, body, remedy: self.token.remedy() })
    }
}

/// The failure to reach a bridge. It shows the address without its parameters, which may hold secrets.
fn unreachable_at(url: &Url, error: reqwest::Error) -> Failure {
    let at = origin(url);
    Failure::Failed(match (error.is_timeout(), error.is_connect()) {
        (true, _) => format!("no answer came from {at} in time: is that `tandem serve`, and is its machine very busy?"),
        (false, true) => format!(
            "no bridge answers at {at}: is `tandem serve` running? If it is elsewhere, name its configuration with \
             --config FILE, or its address with --url URL ({})",
            root_cause(&error)
        ),
        (false, false) => format!("{at} does not answer as a bridge does: {}", root_cause(&error)),
    })
}

pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The root cause, such as "Connection refused"; the errors around it only say that the call failed.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut root = error;
    while let Some(cause) = root.source() {
        root = cause;
    }
    root.to_string()
}
