//! A vendor for tests: a local server that gives scripted answers and remembers its requests.

use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use crate::clock::Clock;
use crate::vendors::http::{HttpTransport, Reach};

/// The way of a client to this machine, by this clock.
pub(crate) fn reach(clock: &Clock) -> Reach {
    Reach::unpaused(Arc::new(HttpTransport::new().unwrap()), clock.clone())
}

/// A request that came.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    /// Path and query, as sent.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The decoded value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

/// An answer to give.
#[derive(Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, &body.to_string()).header("content-type", "application/json")
    }

    pub(crate) fn bytes(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self { status, headers: Vec::new(), body }.header("content-type", content_type)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(axum::body::Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap();
        for (name, value) in self.headers {
            let name: http::HeaderName = name.parse().unwrap();
            response.headers_mut().append(name, value.parse().unwrap());
        }
        response
    }
}

/// A running vendor.
pub(crate) struct Scripted {
    pub(crate) url: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Scripted {
    /// Gives these answers, one a request; afterwards 418, which no test expects.
    pub(crate) async fn answers(answers: Vec<Reply>) -> Self {
        let answers = Mutex::new(answers.into_iter());
        Self::by(move |_| answers.lock().unwrap().next().unwrap_or_else(|| Reply::text(418, "no more answers"))).await
    }

    /// Answers each request by this function.
    pub(crate) async fn by(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        let kept = Arc::clone(&seen);
        let app = axum::Router::new().fallback(move |request: Request| {
            let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let target = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
                let seen = Seen { method: head.method, target, headers: head.headers, body };
                kept.lock().unwrap().push(seen.clone());
                answer(&seen)
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = at(&listener);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, seen }
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// Reads the head of a request, writes these bytes and closes: a lost or broken answer.
pub(crate) async fn raw(bytes: Vec<u8>) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = at(&listener);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 16 * 1024];
            if stream.read(&mut request).await.is_ok() && stream.write_all(&bytes).await.is_ok() {
                drop(stream.shutdown().await);
            }
        }
    });
    url
}

/// Accepts and never answers.
pub(crate) async fn silent() -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = at(&listener);
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok(connection) = listener.accept().await {
            kept.push(connection);
        }
    });
    url
}

/// An address without a listener.
pub(crate) async fn nobody_listens() -> Url {
    at(&TcpListener::bind("127.0.0.1:0").await.unwrap())
}

fn at(listener: &TcpListener) -> Url {
    Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap()
}
