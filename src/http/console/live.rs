//! News for open pages: a signal that the bridge's state has changed. A page that gets it reloads itself.
//!
//! Never sends the change itself, and never holds up a stop: a stream ends with its session and with the bridge, and
//! their number is bounded.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::{HeaderMap, StatusCode, Uri};
use tokio::sync::OwnedSemaphorePermit;

use super::auth;
use super::page::Trouble;
use super::standing::standing;
use crate::http::OperatorState;
use crate::http::operator::Query;

/// The time between two looks for news: long enough that a busy bridge does not keep pages busy.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The time that a browser waits after a stream has ended before it opens another.
const COME_AGAIN: Duration = Duration::from_secs(5);

/// The data of an event, because browsers ignore an event without data.
const SOMETHING: &str = "1";

/// One open page.
struct Listener {
    state: OperatorState,
    headers: HeaderMap,
    /// The fingerprint of the state that the page knows.
    told: String,
    greeted: bool,
    _room: OwnedSemaphorePermit,
}

/// `GET /console/live`. The page gives the fingerprint of the state that it shows, so that a change between page and
/// stream is not missed.
pub(super) async fn listen(
    State(state): State<OperatorState>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Trouble> {
    let told = Query::read(&uri, &["standing"])?.take("standing").unwrap_or_else(|| standing(&state));
    let full = |_| Trouble::new(StatusCode::SERVICE_UNAVAILABLE, "Too many pages are open.");
    let room = Arc::clone(&state.console.streams).try_acquire_owned().map_err(full)?;
    let listener = Listener { state, headers, told, greeted: false, _room: room };
    let news = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    Ok(Sse::new(news).keep_alive(KeepAlive::default()).into_response())
}

impl Listener {
    /// The next piece of news. The first one only says that the stream is open.
    async fn next(&mut self) -> Option<Event> {
        let stopping = self.state.console.options.stopping.clone();
        loop {
            auth::visitor(&self.state, &self.headers, false)?;
            if !std::mem::replace(&mut self.greeted, true) {
                return Some(Event::default().event("ready").data(SOMETHING).retry(COME_AGAIN));
            }
            let now = standing(&self.state);
            if std::mem::replace(&mut self.told, now.clone()) != now {
                return Some(Event::default().event("change").data(SOMETHING));
            }
            tokio::select! {
                () = stopping.cancelled() => return None,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }
}
