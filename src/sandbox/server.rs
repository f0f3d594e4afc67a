//! One HTTP server of the sandbox: it records every call, injects the faults that a test asked for, and leaves the
//! answer to its [`Vendor`]. It never knows Zendesk or Braze.
//!
//! A request or an answer is lost by closing the TCP connection, as in a broken network: the connection's writing end
//! is made to fail, and hyper drops it.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, State};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::changes::Changes;
use super::lock::lock;
use crate::clock::Clock;

/// The largest request taken: far more than any call of ours, small enough for a test machine.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// The request headers that a [`Call`] keeps. Credentials are not among them.
const KEPT_HEADERS: [&str; 5] = ["accept", "content-type", "idempotency-key", "user-agent", "x-request-id"];

/// The answering side of a server.
#[async_trait]
pub(super) trait Vendor: Send + Sync + 'static {
    /// Processes a request, with all its effects, and answers it.
    async fn answer(&self, request: &Request) -> Answer;
}

/// A request that was received whole.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Request {
    /// The first value of a query parameter.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a query parameter.
    pub(super) fn params<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header, when it is there and is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON; null when it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl From<http::Request<Bytes>> for Request {
    fn from(request: http::Request<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        let query = form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes()).into_owned().collect();
        Self { method: parts.method, path: parts.uri.path().to_owned(), query, headers: parts.headers, body }
    }
}

/// An answer to a request.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Answer {
    /// A JSON answer.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), "application/json; charset=utf-8".into())],
            body: body.to_string().into(),
        }
    }

    /// The same with one more header.
    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }
}

impl From<Answer> for http::Response<Bytes> {
    fn from(answer: Answer) -> Self {
        let mut response = Self::new(answer.body);
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in answer.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

/// A request as the vendor saw it.
#[derive(Clone, Debug)]
pub struct Call {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, as sent.
    pub path: String,
    /// The query parameters, decoded, in the order sent.
    pub query: Vec<(String, String)>,
    /// The headers worth asserting on, lower-case names; of `authorization` only the scheme.
    pub headers: BTreeMap<String, String>,
    /// The body; null when it was not JSON.
    pub body: Value,
    /// The status that the caller was sent; `None` when the connection was closed instead.
    pub status: Option<u16>,
    /// Whether the vendor carried out the request (before a lost answer it did, after a lost request it did not).
    pub processed: bool,
    /// When, by the sandbox's clock.
    pub at: Timestamp,
}

/// A fault to inject.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The method it strikes; empty for any.
    pub method: String,
    /// A part of the path that it strikes; empty for any.
    pub path_contains: String,
    /// How many requests it strikes.
    pub times: u32,
    /// The fault's effect on them.
    pub what: FaultKind,
}

impl Fault {
    /// A fault that strikes one request.
    #[must_use]
    pub fn on(method: &str, path_contains: &str, what: FaultKind) -> Self {
        Self { method: method.to_owned(), path_contains: path_contains.to_owned(), times: 1, what }
    }

    /// The same, for `times` requests.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }
}

/// The ways in which a call goes wrong.
#[derive(Clone, Debug)]
pub enum FaultKind {
    /// This is the answer, and the vendor does nothing.
    Status {
        /// The status.
        code: u16,
        /// Headers beside the body.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// The connection is closed, and nothing is done.
    LoseRequest,
    /// It is done, and the connection is closed without an answer.
    LoseAnswer,
    /// It is done, and this status is answered all the same, as by a server that fails behind its commit.
    StatusAfter(u16),
    /// It is done at once, and the answer comes this much later.
    Delay(Duration),
}

impl FaultKind {
    /// A bare status.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::Status { code, headers: Vec::new(), body: String::new() }
    }

    /// A status with `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(code: u16, seconds: u64) -> Self {
        Self::Status { code, headers: vec![("retry-after".into(), seconds.to_string())], body: String::new() }
    }
}

/// The recorded calls, and the faults to inject.
#[derive(Debug)]
pub(super) struct Traffic {
    calls: Mutex<Vec<Call>>,
    faults: Mutex<Vec<Fault>>,
    /// How far the server's clock is ahead of the sandbox's.
    ahead: Mutex<SignedDuration>,
    changes: Changes,
    clock: Clock,
    stop: CancellationToken,
}

impl Traffic {
    pub(super) fn new(changes: Changes, clock: Clock, stop: CancellationToken) -> Self {
        let (calls, faults, ahead) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { calls, faults, ahead, changes, clock, stop }
    }

    /// Every call so far, in the order received.
    pub(super) fn calls(&self) -> Vec<Call> {
        lock(&self.calls).clone()
    }

    /// Adds a fault. Of several that match a request, the oldest strikes.
    pub(super) fn fail(&self, fault: Fault) {
        lock(&self.faults).push(fault);
    }

    /// Forgets all faults.
    pub(super) fn clear_faults(&self) {
        lock(&self.faults).clear();
    }

    /// Sets the server's clock this far ahead of the sandbox's.
    pub(super) fn set_ahead(&self, ahead: SignedDuration) {
        *lock(&self.ahead) = ahead;
    }

    /// An answer with its `Date`.
    pub(super) fn dated(&self, answer: Answer) -> http::Response<Bytes> {
        let now = self.clock.now();
        let date = now.saturating_add(*lock(&self.ahead)).unwrap_or(now).strftime("%a, %d %b %Y %H:%M:%S GMT");
        let mut response = http::Response::from(answer);
        if let Ok(date) = HeaderValue::try_from(date.to_string()) {
            response.headers_mut().insert(http::header::DATE, date);
        }
        response
    }

    /// Takes the fault that strikes this request, if one does.
    fn strike(&self, method: &Method, path: &str) -> Option<FaultKind> {
        let mut faults = lock(&self.faults);
        let fault = faults.iter_mut().find(|fault| {
            fault.times > 0
                && (fault.method.is_empty() || fault.method.eq_ignore_ascii_case(method.as_str()))
                && path.contains(&fault.path_contains)
        })?;
        fault.times = fault.times.saturating_sub(1);
        Some(fault.what.clone())
    }

    fn record(&self, request: &Request, status: Option<u16>, processed: bool) {
        let mut headers: BTreeMap<String, String> = KEPT_HEADERS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), request.header(name)?.to_owned())))
            .collect();
        if let Some(scheme) = request.header("authorization").and_then(|value| value.split(' ').next()) {
            headers.insert("authorization".into(), scheme.to_owned());
        }
        lock(&self.calls).push(Call {
            method: request.method.to_string(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers,
            body: request.json(),
            status,
            processed,
            at: self.clock.now(),
        });
        self.changes.touch();
    }
}

/// Starts a server on a free port of 127.0.0.1 and returns its base URL. It runs until the token is cancelled.
pub(super) async fn start(
    bind: impl FnOnce(&str) -> (Arc<dyn Vendor>, Arc<Traffic>),
    stop: CancellationToken,
) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let (vendor, traffic) = bind(&url);
    let service = Router::new()
        .fallback(serve)
        .with_state(Desk { vendor, traffic })
        .into_make_service_with_connect_info::<Connection>();
    tokio::spawn(async move {
        let serving = axum::serve(Breakable(listener), service).with_graceful_shutdown(stop.cancelled_owned());
        // `serve` ends only when it is told to, so its result has no reader.
        drop(serving.await);
    });
    Ok(url)
}

#[derive(Clone)]
struct Desk {
    vendor: Arc<dyn Vendor>,
    traffic: Arc<Traffic>,
}

impl Desk {
    fn respond(&self, answer: Answer) -> Response {
        self.traffic.dated(answer).map(Body::from)
    }
}

async fn serve(
    State(desk): State<Desk>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: axum::extract::Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return desk.respond(Answer { status: 413, headers: Vec::new(), body: Bytes::new() });
    };
    let request = Request::from(http::Request::from_parts(parts, body));
    match desk.traffic.strike(&request.method, &request.path) {
        None => {
            let answer = desk.vendor.answer(&request).await;
            desk.traffic.record(&request, Some(answer.status), true);
            desk.respond(answer)
        }
        Some(FaultKind::Status { code, headers, body }) => {
            desk.traffic.record(&request, Some(code), false);
            desk.respond(Answer { status: code, headers, body: body.into() })
        }
        Some(FaultKind::LoseRequest) => {
            desk.traffic.record(&request, None, false);
            connection.cut()
        }
        Some(FaultKind::LoseAnswer) => {
            drop(desk.vendor.answer(&request).await);
            desk.traffic.record(&request, None, true);
            connection.cut()
        }
        Some(FaultKind::StatusAfter(status)) => {
            drop(desk.vendor.answer(&request).await);
            desk.traffic.record(&request, Some(status), true);
            desk.respond(Answer { status, headers: Vec::new(), body: Bytes::new() })
        }
        Some(FaultKind::Delay(delay)) => {
            let answer = desk.vendor.answer(&request).await;
            desk.traffic.record(&request, Some(answer.status), true);
            tokio::select! {
                () = tokio::time::sleep(delay) => desk.respond(answer),
                () = desk.traffic.stop.cancelled() => connection.cut(),
            }
        }
    }
}

/// One client connection, which can be cut.
#[derive(Clone, Debug)]
struct Connection(Arc<AtomicBool>);

impl Connection {
    /// Makes all later writes fail, so the answer returned here never leaves.
    fn cut(&self) -> Response {
        self.0.store(true, Ordering::SeqCst);
        Response::new(Body::empty())
    }
}

impl Connected<IncomingStream<'_, Breakable>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Breakable>) -> Self {
        stream.io().connection.clone()
    }
}

/// A listener whose connections can be cut.
struct Breakable(TcpListener);

impl Listener for Breakable {
    type Io = BreakableStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        (BreakableStream { stream, connection: Connection(Arc::default()) }, peer)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

struct BreakableStream {
    stream: TcpStream,
    connection: Connection,
}

impl BreakableStream {
    fn check(&self) -> io::Result<()> {
        match self.connection.0.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        }
    }
}

impl AsyncRead for BreakableStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for BreakableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.check() {
            Ok(()) => Pin::new(&mut self.stream).poll_write(cx, buf),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
