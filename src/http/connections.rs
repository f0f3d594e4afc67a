//! Serves a router on a listener, with so many connections at most, none of which is silent for ever.
//!
//! `axum::serve` bounds neither, so that whoever opens connections and says nothing could use up the descriptors with
//! which webhooks are stored and vendors are called. Nobody is refused here: Zendesk does not repeat what was refused a
//! connection. Whoever comes when it is full waits, until those on whose connections nothing is going on have been let
//! go, which takes a moment.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

/// How long a connection may be without a whole request: before the first, and from one to the next. Longer than the
/// minute for which proxies keep theirs, so that it is they who close them and no request meets a closing door.
const SILENCE_MAX: Duration = Duration::from_secs(75);

/// How long a connection that is to end may take for what it is about: longer than a webhook may take to be read and
/// stored.
const LEAVE_DEADLINE: Duration = Duration::from_secs(20);

/// Serves `router` until `stop`, on `connections_max` connections at most; then finishes the requests under way.
pub async fn serve(mut listener: TcpListener, router: Router, connections_max: usize, stop: CancellationToken) {
    let mut door = Door { places: Arc::new(Semaphore::new(connections_max)), leave: stop.child_token(), stop };
    let tasks = TaskTracker::new();
    while let Some((stream, place)) = door.next(&mut listener).await {
        let (router, leave) = (router.clone(), door.leave.clone());
        tasks.spawn(async move {
            connection(stream, router, leave).await;
            drop(place);
        });
    }
    // Whoever connects from now on is refused, rather than left waiting for nobody.
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// Where connections come in.
struct Door {
    places: Arc<Semaphore>,
    /// Asks those who are inside to leave.
    leave: CancellationToken,
    stop: CancellationToken,
}

impl Door {
    /// The next connection, and its place; `None` when it is time to stop. A place is waited for first, so that
    /// whoever finds none stays in the system's queue.
    async fn next(&mut self, listener: &mut TcpListener) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        let stop = self.stop.clone();
        let next = async {
            let place = self.place().await?;
            let (stream, _) = Listener::accept(listener).await;
            Some((stream, place))
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            next = next => next,
        }
    }

    /// Waits for a place, and makes some when there is none. `None` never comes: nobody closes the semaphore.
    async fn place(&mut self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        warn!("http.crowded: all connections are taken, and those at rest are closed");
        self.leave.cancel();
        self.leave = self.stop.child_token();
        Arc::clone(&self.places).acquire_owned().await.ok()
    }
}

/// Serves one connection until it ends. Once it is asked to leave, it does so after the request under way, and at once
/// where there is none.
async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router, leave: CancellationToken) {
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut serving = pin!(serving);
    // How a connection ended is no news: its requests have been answered and logged, or were none.
    tokio::select! {
        _ended = serving.as_mut() => return,
        () = leave.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    tokio::time::timeout(LEAVE_DEADLINE, serving).await.ok();
}

#[cfg(test)]
mod tests;
