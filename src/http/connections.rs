//! Serves a router on a listener, with a bound on the number of connections and on the silence of each.
//!
//! `axum::serve` bounds neither, so silent connections of strangers could use up the descriptors that storing webhooks
//! and calling vendors need. Zendesk does not repeat a webhook that was refused a connection, so a newcomer waits until
//! a connection at rest has been let go ([`seats`]). An address is turned away only while all places are taken and many
//! of its connections have sent no authentic request. Never reads a request: the router does.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tracing::warn;

use crate::failpoint;

use super::memory::Memory;
use super::network::Network;

mod seats;
mod stream;

pub(super) use seats::Source;
use seats::{Ask, Phase, Seat, Seated, Seats, TICK};
use stream::{Answered, Asked, HEAD_MAX_BYTES, Rest, Unread, Watched};

/// The time for the request at hand when the bridge stops: longer than a webhook may take to be read and stored.
const LEAVE_DEADLINE: Duration = Duration::from_secs(20);

/// In a crowd, one address may have this part of the places with connections that sent no authentic request.
const SOURCE_PART: usize = 8;

/// This part of the places is made free at once, so that in a rush not each newcomer searches all connections.
const ROOM_PART: usize = 64;

/// The shortest time between two log lines about a crowd.
const CROWDED_EVERY: Duration = Duration::from_secs(10);

tokio::task_local! {
    /// The seat of the connection whose request is being served.
    static SEAT: Arc<Seat>;
    /// The origin of that connection.
    static ORIGIN: Source;
}

/// The origin of the request at hand; `None` where a router is called without a connection.
pub(super) fn origin() -> Option<Source> {
    ORIGIN.try_with(|origin| *origin).ok()
}

/// Marks the connection of the request at hand as proven, because the request is complete and authentic.
pub(super) fn prove() {
    // A router that is called without a connection has no seat to mark.
    SEAT.try_with(|seat| seat.prove()).ok();
}

/// The limits of a listener's connections.
pub struct Admission {
    /// Connections at most.
    pub connections_max: usize,
    /// Addresses whose connections never count against the limit for one address.
    pub trusted_proxies: Vec<Network>,
    /// The memory that long heads share.
    pub memory: Arc<Memory>,
}

/// Serves `router` until `stop`; then finishes the requests under way.
pub async fn serve(listener: TcpListener, router: Router, admission: Admission, stop: CancellationToken) {
    failpoint::reach("listener");
    let seats = Seats::new((admission.connections_max / SOURCE_PART).max(1));
    let _watch = AbortOnDropHandle::new(tokio::spawn(watch(Arc::clone(&seats))));
    let Admission { connections_max, trusted_proxies, memory } = admission;
    let door = Door {
        places: Arc::new(Semaphore::new(connections_max)),
        source_of: move |address| Source::of(address, &trusted_proxies),
        room: (connections_max / ROOM_PART).max(1),
        seats,
        stop,
        crowd: Crowd::default(),
    };
    serve_at(door, listener, router, memory).await;
}

/// Moves the time of the seats on.
async fn watch(seats: Arc<Seats>) {
    let started = Instant::now();
    loop {
        tokio::time::sleep(TICK).await;
        let ticks = started.elapsed().as_millis() / TICK.as_millis();
        seats.advance_to(u64::try_from(ticks).unwrap_or(u64::MAX));
    }
}

async fn serve_at<S>(mut door: Door<S>, mut listener: TcpListener, router: Router, memory: Arc<Memory>)
where
    S: Fn(IpAddr) -> Option<Source>,
{
    let tasks = TaskTracker::new();
    while let Some((stream, address, seated, place)) = door.next(&mut listener).await {
        let (seat, origin) = (Arc::clone(&seated.0), Source::of_all(address));
        let inside = Inside { seated, _place: place };
        let connection = connection(stream, router.clone(), inside, Arc::clone(&memory), door.stop.clone());
        tasks.spawn(ORIGIN.scope(origin, SEAT.scope(seat, connection)));
    }
    // Later connections are refused, rather than left waiting for an answer that never comes.
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// Admits connections to the listener.
struct Door<S> {
    places: Arc<Semaphore>,
    /// The origin under which the connections of an address are counted.
    source_of: S,
    /// How many places are made free at once.
    room: usize,
    seats: Arc<Seats>,
    stop: CancellationToken,
    crowd: Crowd,
}

impl<S: Fn(IpAddr) -> Option<Source>> Door<S> {
    /// The next connection, with its address, its seat and its place; `None` when the bridge stops. A connection that
    /// came before the stop is served even without a place.
    async fn next(
        &mut self,
        listener: &mut TcpListener,
    ) -> Option<(TcpStream, IpAddr, Seated, Option<OwnedSemaphorePermit>)> {
        loop {
            let (stream, address) = self.accept(listener).await?;
            let source = (self.source_of)(address.ip());
            let place = match Arc::clone(&self.places).try_acquire_owned() {
                Ok(place) => Some(place),
                Err(_) if self.seats.is_full_for(source) => {
                    self.crowd.turned_away += 1;
                    self.crowd.tell();
                    continue;
                }
                Err(_) => self.place().await,
            };
            return Some((stream, address.ip(), self.seats.seat(source), place));
        }
    }

    async fn accept(&self, listener: &mut TcpListener) -> Option<(TcpStream, SocketAddr)> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            accepted = Listener::accept(listener) => Some(accepted),
        }
    }

    /// Makes room and waits for a place. `None` when the bridge stops.
    async fn place(&mut self) -> Option<OwnedSemaphorePermit> {
        loop {
            let mut ticked = pin!(self.seats.ticked());
            // From here on no tick is missed.
            ticked.as_mut().enable();
            self.crowd.asked += self.seats.make_room(self.room);
            self.crowd.tell();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                place = Arc::clone(&self.places).acquire_owned() => return place.ok(),
                () = ticked => {}
            }
        }
    }
}

/// The events of a crowd since the last line of the log about it.
#[derive(Default)]
struct Crowd {
    asked: usize,
    turned_away: usize,
    told: Option<Instant>,
}

impl Crowd {
    fn tell(&mut self) {
        if self.told.is_some_and(|told| told.elapsed() < CROWDED_EVERY) {
            return;
        }
        let (asked, turned_away) = (self.asked, self.turned_away);
        warn!(
            asked,
            turned_away,
            "http.crowded: all connections are taken; {asked} at rest were asked to make room, {turned_away} of addresses \
             with too many of them turned away"
        );
        *self = Self { told: Some(Instant::now()), ..Self::default() };
    }
}

/// The seat and the place of a connection, until it ends.
struct Inside {
    seated: Seated,
    _place: Option<OwnedSemaphorePermit>,
}

/// Serves one connection until it ends.
async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unread + Unpin,
    router: Router,
    inside: Inside,
    memory: Arc<Memory>,
    stop: CancellationToken,
) {
    let seat = Arc::clone(&inside.seated.0);
    let mut serving = pin!(requests(Watched::new(stream, Arc::clone(&seat), memory), router, Arc::clone(&seat), stop));
    poll_fn(|cx| {
        seat.wake_with(cx.waker());
        if seat.asked() == Ask::Now { Poll::Ready(()) } else { serving.as_mut().poll(cx) }
    })
    .await;
}

/// Serves the requests of a connection. When the bridge stops, it ends after the request under way, and at once where
/// there is none.
async fn requests(
    mut stream: Watched<impl AsyncRead + AsyncWrite + Unread + Unpin>,
    router: Router,
    seat: Arc<Seat>,
    stop: CancellationToken,
) {
    if !first_head(&mut stream, &seat, &stop).await {
        return;
    }
    let (router, rest) = (TowerToHyperService::new(router), Arc::new(Rest::default()));
    let service = service_fn(|request: Request<Incoming>| {
        seat.enter(Phase::Busy);
        let answering = router.call(request.map(|body| Asked::new(body, Arc::clone(&rest))));
        let (seat, rest) = (Arc::clone(&seat), Arc::clone(&rest));
        async move {
            let answer: Result<Response<_>, Infallible> = answering.await;
            if rest.is_left() {
                // In a box, because its size would else be part of every request's future.
                Box::pin(rest.read_on(&seat)).await;
            }
            answer.map(|answer| answer.map(|body| Answered { body, seat }))
        }
    });
    // The watch bounds the time of a head, and hyper the number of its lines (100).
    let serving = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(HEAD_MAX_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = pin!(serving);
    // The connection's end is not logged, because each of its requests was.
    tokio::select! {
        _ended = serving.as_mut() => return,
        () = stop.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    tokio::time::timeout(LEAVE_DEADLINE, serving).await.ok();
}

/// Whether a first head came.
async fn first_head(
    stream: &mut Watched<impl AsyncRead + Unread + Unpin>,
    seat: &Seat,
    stop: &CancellationToken,
) -> bool {
    let mut head = pin!(stream.first_head());
    tokio::select! {
        came = head.as_mut() => return came,
        () = stop.cancelled() => {}
    }
    seat.phase() != Phase::Resting && tokio::time::timeout(LEAVE_DEADLINE, head).await.unwrap_or(false)
}

#[cfg(test)]
mod tests;
