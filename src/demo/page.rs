//! `tandem demo`: serves one page on this machine until Ctrl-C, and plays both vendors and the network for it.
//!
//! The page gets its whole content as one value each time that it changes ([`super::view`]), and sends back its
//! visitor's actions. All windows show the same conversation.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::middleware::from_fn;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::carriers::Carrier;
use super::child::Keeper;
use super::conversation::{Conversation, Refused};
use super::deliveries::Deliveries;
use super::handset::{About, Picture};
use super::troubles::Trouble;
use super::view::View;
use super::{DemoError, auth, say, scratch};
use crate::clock::Clock;
use crate::sandbox::zendesk::TicketStatus;
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::serve::stop_signal;

/// The page's port, unless it is taken.
const PORT: u16 = 8484;

/// The pause before the carrier repeats a webhook. Its own are minutes, which is too long for a visitor.
const REPEAT_AFTER: Duration = Duration::from_secs(2);

/// The largest picture: the bridge's own limit.
const PICTURE_BYTES_MAX: usize = 5 * 1024 * 1024;

/// The least time between two values for the page: quicker than an eye, slower than a machine.
const PACE: Duration = Duration::from_millis(40);

/// How soon the bridge is asked again while it has work, and while it has none.
const SOON: Duration = Duration::from_millis(200);
const LATER: Duration = Duration::from_secs(5);

const PAGE: &str = include_str!("../../assets/demo.html");
/// Stands in the page for the address of the bridge's console.
const CONSOLE: &str = "{{console}}";
/// Stands for the carrier's name.
const CARRIER: &str = "{{carrier}}";
/// Stands for the status with which it refuses a text.
const REFUSAL: &str = "{{refusal}}";
/// Stand for `hidden` in the parts that need pictures from customers, or receipts that can be hidden.
const PICTURES: &str = "{{pictures}}";
const RECEIPTS: &str = "{{receipts}}";
const SCRIPT: &str = include_str!("../../assets/demo.js");
const BASE_STYLE: &str = include_str!("../../assets/base.css");
const STYLE: &str = include_str!("../../assets/demo.css");
const ICON: &str = include_str!("../../assets/icon.svg");
/// The picture for a visitor without one at hand.
const PARCEL: &[u8] = include_bytes!("../../assets/demo-parcel.png");

/// The state of the page's handlers.
#[derive(Clone)]
struct Desk {
    conversation: Arc<Conversation>,
    keeper: Arc<Keeper>,
    /// The latest view, as JSON.
    view: watch::Receiver<Arc<str>>,
}

/// Prints the page's address and serves it until SIGTERM or Ctrl-C.
///
/// # Errors
/// When the port is taken, or the bridge cannot run.
pub async fn run(port: Option<u16>, carrier: Carrier) -> Result<(), DemoError> {
    let stop = stop_signal()?;
    let listener = listen(port).await?;
    scratch("demo", async |directory| {
        let clock = Clock::system();
        let options = SandboxOptions { retry_spacing: REPEAT_AFTER, ..SandboxOptions::default() };
        let sandbox = Sandbox::start(options, clock.clone()).await?;
        let handset = carrier.start(&sandbox, REPEAT_AFTER, clock.clone()).await?;
        let keeper = Arc::new(Keeper::new(&sandbox, &*handset, directory, clock.clone())?);
        let public = format!("http://{}", keeper.public);
        sandbox.connect(&public);
        handset.connect(&public);
        let conversation = Arc::new(Conversation::new(sandbox, handset, clock.clone()));
        // The sample is the first picture.
        conversation.add_picture("image/png", PARCEL).map_err(|Refused(why)| io::Error::other(why))?;

        let deliveries = Deliveries::of(keeper.operator)?;
        let (sender, view) = watch::channel(Arc::from(""));
        let watching = watch_over(Arc::clone(&conversation), Arc::clone(&keeper), deliveries, sender, clock);
        let router = router(Desk { conversation, keeper: Arc::clone(&keeper), view });
        say(&format!("tandem demo: http://{}", listener.local_addr()?))?;
        say("A customer's phone, the agent's ticket, and the real bridge between them. Ctrl-C ends it.")?;

        let ended = CancellationToken::new();
        let keeping = keeper.run(&ended);
        tokio::pin!(keeping);
        tokio::select! {
            kept = &mut keeping => return kept,
            served = axum::serve(listener, router) => served?,
            () = watching => {}
            () = stop => {}
        }
        ended.cancel();
        keeping.await
    })
    .await
}

async fn listen(port: Option<u16>) -> Result<TcpListener, DemoError> {
    let wanted = TcpListener::bind(("127.0.0.1", port.unwrap_or(PORT))).await;
    match (wanted, port) {
        (Ok(listener), _) => Ok(listener),
        (Err(source), Some(port)) => Err(DemoError::Port { port, source }),
        (Err(_), None) => Ok(TcpListener::bind("127.0.0.1:0").await?),
    }
}

/// Keeps the view up to date, until it has no receiver any more.
async fn watch_over(
    conversation: Arc<Conversation>,
    keeper: Arc<Keeper>,
    mut deliveries: Deliveries,
    sender: watch::Sender<Arc<str>>,
    clock: Clock,
) {
    let (mut at_desk, mut at_carrier) = (conversation.sandbox.changes(), conversation.handset.changes());
    let mut standing = keeper.standing();
    let mut mended = false;
    while !sender.is_closed() {
        // Otherwise the bridge would wait on for up to five minutes after a long trouble.
        mended |= conversation.take_mended();
        mended = mended && !deliveries.redrive().await;
        deliveries.refresh().await;
        let view = View::of(&conversation, &deliveries, standing.borrow().clone(), clock.now());
        let text: Arc<str> = serde_json::to_string(&view).unwrap_or_default().into();
        sender.send_if_modified(|old| {
            let is_new = *old != text;
            *old = text;
            is_new
        });
        tokio::time::sleep(PACE).await;
        let patience = if view.is_restless() { SOON } else { LATER };
        tokio::select! {
            // The senders live as long as their owners, which this task holds.
            _ = at_desk.changed() => {}
            _ = at_carrier.changed() => {}
            _ = standing.changed() => {}
            () = tokio::time::sleep(patience) => {}
        }
    }
}

fn router(desk: Desk) -> Router {
    let text = |media_type: &'static str, body: &'static str| {
        get(move || async move { ([(header::CONTENT_TYPE, media_type)], body) })
    };
    let page: Bytes = page(desk.conversation.handset.about(), desk.keeper.operator).into();
    let page = get(move || async move { ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page) });
    let parcel = get(|| async { ([(header::CONTENT_TYPE, "image/png")], PARCEL) });
    Router::new()
        .route("/", page)
        .route("/demo.js", text("text/javascript; charset=utf-8", SCRIPT))
        .route("/base.css", text("text/css; charset=utf-8", BASE_STYLE))
        .route("/demo.css", text("text/css; charset=utf-8", STYLE))
        .route("/icon.svg", text("image/svg+xml", ICON))
        .route("/parcel.png", parcel)
        .route("/view", get(views))
        .route("/files/{*path}", get(file))
        .route("/text", post(write_text))
        .route("/picture", post(add_picture).layer(DefaultBodyLimit::max(PICTURE_BYTES_MAX)))
        .route("/reply", post(reply))
        .route("/status", post(set_status))
        .route("/trouble", post(switch))
        .route("/kill", post(kill))
        .layer(from_fn(auth::let_in))
        .with_state(desk)
}

/// The page, without the parts that this carrier does not have.
fn page(about: &About, operator: SocketAddr) -> String {
    let hidden_unless = |has: bool| if has { "" } else { "hidden" };
    [
        (CONSOLE, format!("http://{operator}/console").as_str()),
        (CARRIER, about.carrier),
        (REFUSAL, &about.refusal.0.to_string()),
        (PICTURES, hidden_unless(about.takes_pictures)),
        (RECEIPTS, hidden_unless(about.can_hide_receipts)),
    ]
    .into_iter()
    .fold(PAGE.to_owned(), |page, (place, words)| page.replace(place, words))
}

/// The view now, and again whenever it has changed.
async fn views(State(desk): State<Desk>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut view = desk.view;
    view.mark_changed();
    let stream = futures_util::stream::unfold(view, async |mut view| {
        view.changed().await.ok()?;
        let text = Arc::clone(&view.borrow_and_update());
        Some((Ok(Event::default().data(text)), view))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

/// A picture on the phone or on the ticket.
async fn file(State(desk): State<Desk>, Path(path): Path<String>) -> Response {
    if let Some(number) = path.strip_prefix("pictures/") {
        let picture = number.parse().ok().and_then(|number| desk.conversation.picture(number));
        return match picture {
            Some(Picture { media_type, bytes, .. }) => ([(header::CONTENT_TYPE, media_type)], bytes).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    let request = http::Request::get(format!("/{path}")).body(Bytes::new());
    let answer = match request {
        Ok(request) if path.starts_with("attachments/") => desk.conversation.sandbox.zendesk.answer(request).await,
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let media_type = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match media_type {
        Some(media_type @ ("image/png" | "image/jpeg" | "image/gif" | "image/webp")) => {
            ([(header::CONTENT_TYPE, media_type.to_owned())], answer.into_body()).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

#[derive(Deserialize)]
struct Text {
    words: String,
    picture: Option<usize>,
}

async fn write_text(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    act(&headers, &body, |Text { words, picture }| desk.conversation.text(&words, picture))
}

async fn add_picture(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match desk.conversation.add_picture(media_type, &body) {
        Ok(number) => (StatusCode::OK, json!({ "picture": number }).to_string()).into_response(),
        Err(refused) => refuse(&refused),
    }
}

#[derive(Deserialize)]
struct Reply {
    words: String,
    public: bool,
}

async fn reply(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    act(&headers, &body, |Reply { words, public }| desk.conversation.write(&words, public))
}

#[derive(Deserialize)]
struct Status {
    status: Wanted,
}

/// The statuses that the agent can set.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    Open,
    Solved,
    Closed,
}

async fn set_status(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    act(&headers, &body, |Status { status }| {
        desk.conversation.set_status(match status {
            Wanted::Open => TicketStatus::Open,
            Wanted::Solved => TicketStatus::Solved,
            Wanted::Closed => TicketStatus::Closed,
        })
    })
}

#[derive(Deserialize)]
struct Switch {
    trouble: Trouble,
    on: bool,
}

async fn switch(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    act(&headers, &body, |Switch { trouble, on }| {
        desk.conversation.switch(trouble, on);
        if trouble != Trouble::ReceiptsLate {
            return Ok(());
        }
        let held = desk.keeper.hold_unconfirmed(on);
        held.map_err(|_| Refused("The demo's own directory is gone. Start the demo again."))
    })
}

#[derive(Deserialize)]
struct Kill {}

async fn kill(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    act(&headers, &body, |Kill {}| {
        // A carrier gives up after some repeats, so repeated kills would lose a text that no bridge could save.
        if !desk.conversation.handset.is_idle() {
            return Err(Refused("The carrier still repeats what nobody heard. Let it come through, then kill again."));
        }
        if desk.keeper.kill() { Ok(()) } else { Err(Refused("It is dead already, and starts again in a moment.")) }
    })
}

/// Reads the visitor's action and carries it out, or answers why not. A form of another site cannot send JSON.
fn act<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8], deed: impl FnOnce(T) -> Result<(), Refused>) -> Response {
    if headers.get(header::CONTENT_TYPE).is_none_or(|value| value != "application/json") {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be JSON").into_response();
    }
    match serde_json::from_slice(body).map(deed) {
        Ok(Ok(())) => StatusCode::NO_CONTENT.into_response(),
        Ok(Err(refused)) => refuse(&refused),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

fn refuse(Refused(why): &Refused) -> Response {
    (StatusCode::CONFLICT, *why).into_response()
}
