//! Tests over real sockets, where the test moves the ticks, and over pipes, where time is virtual.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

use axum::body::Bytes;
use axum::routing::{get, post};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::seats::{GRACE_TICKS, HEAD_TICKS, LEAVE_TICKS, REST_TICKS};
use super::*;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const HALF: &[u8] = b"GET / HTTP/1.1\r\nHos";

/// A server with four places. Its answers under `/slow` wait for a signal. A request to `/authentic` proves its
/// connection.
struct Host {
    address: std::net::SocketAddr,
    seats: Arc<Seats>,
    asked: Arc<Notify>,
    go: Arc<Notify>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Host {
    /// No address is exempt from the limit, which is two.
    async fn start() -> Self {
        Self::start_with(Memory::default(), |address| Some(Source::of_all(address))).await
    }

    async fn start_with(memory: Memory, source_of: impl Fn(IpAddr) -> Option<Source> + Send + Sync + 'static) -> Self {
        let (asked, go, stop) = (Arc::new(Notify::new()), Arc::new(Notify::new()), CancellationToken::new());
        let (said, waited) = (Arc::clone(&asked), Arc::clone(&go));
        let slow = move || async move {
            said.notify_one();
            waited.notified().await;
            "slow"
        };
        let authentic = async || {
            prove();
            "authentic"
        };
        let router = Router::new()
            .route("/", get(async || "here"))
            .route("/slow", get(slow))
            .route("/authentic", get(authentic))
            .route("/too-large", post(async || StatusCode::PAYLOAD_TOO_LARGE))
            .route("/read", post(async |body: Bytes| body.len().to_string()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, seats) = (listener.local_addr().unwrap(), Seats::new(2));
        let door = Door {
            places: Arc::new(Semaphore::new(4)),
            source_of,
            room: 1,
            seats: Arc::clone(&seats),
            stop: stop.clone(),
            crowd: Crowd::default(),
        };
        let serving = tokio::spawn(serve_at(door, listener, router, Arc::new(memory)));
        Self { address, seats, asked, go, stop, serving }
    }

    /// A host for which every address is exempt.
    async fn start_among_friends() -> Self {
        Self::start_with(Memory::default(), |_| None).await
    }

    async fn says(&self, words: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(words).await.unwrap();
        stream
    }

    /// Connects, sends this, and waits until the connection has this phase.
    async fn says_and_is(&self, words: &[u8], phase: Phase) -> TcpStream {
        let before = self.seats.phases();
        let stream = self.says(words).await;
        let mut expected = before;
        expected.push(phase);
        self.until(&expected).await;
        stream
    }

    /// Waits until the connections, oldest first, have these phases.
    async fn until(&self, phases: &[Phase]) {
        let reached = async {
            while self.seats.phases() != phases {
                tokio::task::yield_now().await;
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(60), reached).await;
        assert!(reached.is_ok(), "{:?} instead of {phases:?}", self.seats.phases());
    }

    async fn finish(self) {
        self.stop.cancel();
        self.serving.await.unwrap();
    }
}

/// Awaits with a bound, so that a connection that never ends fails its test and does not hang it.
async fn in_time<T>(awaited: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), awaited).await.unwrap()
}

/// All that comes until the connection is closed.
async fn read(mut stream: TcpStream) -> String {
    let mut told = Vec::new();
    in_time(stream.read_to_end(&mut told)).await.ok();
    String::from_utf8(told).unwrap()
}

/// The next answer on a connection that stays open.
async fn answered(stream: &mut (impl AsyncRead + Unpin), body: &str) {
    let mut told = String::new();
    while !told.ends_with(body) {
        let mut bytes = [0; 512];
        let count = in_time(stream.read(&mut bytes)).await.unwrap();
        assert_ne!(count, 0, "the connection was closed after {told:?}");
        told.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
}

#[tokio::test]
async fn in_a_crowd_half_heads_go_before_connections_at_rest_and_the_longest_first() {
    use Phase::{Head, Resting};
    let host = Host::start_among_friends().await;
    let mut kept = host.says(b"GET /authentic HTTP/1.1\r\nHost: x\r\n\r\n").await;
    answered(&mut kept, "authentic").await;
    host.until(&[Resting]).await;
    host.seats.advance_to(1);
    let silent = host.says_and_is(b"", Resting).await;
    host.seats.advance_to(2);
    let older_half = host.says_and_is(HALF, Head).await;
    host.seats.advance_to(3);
    let half = host.says_and_is(HALF, Head).await;
    host.seats.advance_to(3 + GRACE_TICKS + 1);
    // Each newcomer is fresh, so the next to go is an older connection.
    for goes in [older_half, half, silent, kept] {
        let mut last = host.says(REQUEST).await;
        answered(&mut last, "here").await;
        assert_eq!(read(goes).await, "");
        // It holds its place until the host is gone.
        std::mem::forget(last.into_std().unwrap());
    }
    host.until(&[Resting; 4]).await;
    host.finish().await;
}

#[tokio::test]
async fn nobody_is_cut_off_before_the_grace_is_over() {
    let host = Host::start_among_friends().await;
    let mut held = Vec::new();
    for words in [b"", HALF, REQUEST, b""] {
        held.push(host.says(words).await);
    }
    host.until(&[Phase::Resting, Phase::Head, Phase::Resting, Phase::Resting]).await;
    answered(&mut held[2], "here").await;
    let mut last = host.says(REQUEST).await;
    for tick in 1..=GRACE_TICKS {
        host.seats.advance_to(tick);
        // Everything that a tick sets going is over when four more requests have been answered.
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        assert_eq!(host.seats.phases().len(), 4, "{tick}");
    }
    held[1].write_all(b"t: x\r\n\r\n").await.unwrap();
    answered(&mut held[1], "here").await;
    host.seats.advance_to(GRACE_TICKS + 1);
    answered(&mut last, "here").await;
    assert_eq!(read(held.swap_remove(0)).await, "", "the one that said nothing");
    host.finish().await;
}

#[tokio::test]
async fn whoever_is_being_served_is_served_to_the_end() {
    let host = Host::start_among_friends().await;
    let mut slow = host.says(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    host.asked.notified().await;
    let crowd = [host.says(b"").await, host.says(b"").await, host.says(b"").await];
    host.until(&[Phase::Busy, Phase::Resting, Phase::Resting, Phase::Resting]).await;
    let mut last = host.says(REQUEST).await;
    host.seats.advance_to(GRACE_TICKS + 1);
    answered(&mut last, "here").await;
    host.seats.advance_to(REST_TICKS + HEAD_TICKS + LEAVE_TICKS);
    host.go.notify_one();
    answered(&mut slow, "slow").await;
    // The connection stays open for the next request.
    slow.write_all(REQUEST).await.unwrap();
    answered(&mut slow, "here").await;
    drop(crowd);
    host.finish().await;
}

#[tokio::test]
async fn an_address_over_its_limit_is_turned_away_when_all_places_are_taken_and_no_earlier() {
    let host = Host::start().await;
    let mut held = Vec::new();
    for taken in 1..=4 {
        held.push(host.says(b"GET /authentic HTTP/1.1\r\nHost: x\r\n\r\n").await);
        answered(&mut held[taken - 1], "authentic").await;
    }
    // A connection that has sent an authentic request does not count.
    let mut fifth = host.says(REQUEST).await;
    host.seats.advance_to(GRACE_TICKS + 1);
    answered(&mut fifth, "here").await;
    host.finish().await;

    let host = Host::start().await;
    let held = [host.says(b"").await, host.says(HALF).await, host.says(b"").await, host.says(b"").await];
    host.until(&[Phase::Resting, Phase::Head, Phase::Resting, Phase::Resting]).await;
    assert_eq!(read(host.says(REQUEST).await).await, "", "the fifth");
    assert_eq!(host.seats.phases().len(), 4, "for which nobody had to go");
    drop(held);
    host.finish().await;
}

#[tokio::test]
async fn a_head_is_bounded_in_bytes_and_lines_and_its_memory_is_counted() {
    let head =
        |bytes: usize| format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "y".repeat(bytes)).into_bytes();
    let lines = |count: usize| {
        let lines: String = (1..count).map(|n| format!("X-{n}: y\r\n")).collect();
        format!("GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n").into_bytes()
    };
    let closing = |mut request: Vec<u8>| {
        let end = request.len() - 2;
        request.splice(end..end, *b"Connection: close\r\n");
        request
    };
    for (request, memory, status) in [
        (closing(head(15_000)), Memory::default(), "200"),
        (head(17_000), Memory::default(), "431"),
        (closing(lines(99)), Memory::default(), "200"),
        (lines(101), Memory::default(), "431"),
        (closing(head(7_000)), Memory::of(0), "200"),
        (closing(head(9_000)), Memory::of(0), ""),
        // Bytes that cannot be a head are answered without waiting for its end.
        (b"GET /\r\n".to_vec(), Memory::default(), "400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01".to_vec(), Memory::default(), "400"),
    ] {
        let host = Host::start_with(memory, |_| None).await;
        let mut stream = host.says(b"").await;
        // The end of a long head may find the connection closed.
        stream.write_all(&request).await.ok();
        let told = read(stream).await;
        assert_eq!(told.split(' ').nth(1).unwrap_or_default(), status, "{} bytes: {told}", request.len());
        host.finish().await;
    }
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_is_there_is_readable() {
    let host = Host::start_among_friends().await;
    let body = vec![b'x'; 5_000_000];
    for (path, head) in [("/too-large", "413"), ("/nowhere", "404"), ("/slow", "405"), ("/read", "413")] {
        let mut stream = host.says(format!("POST {path} HTTP/1.1\r\nHost: x\r\n").as_bytes()).await;
        stream.write_all(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes()).await.unwrap();
        // Many clients send the whole body before they read the answer.
        in_time(stream.write_all(&body)).await.unwrap();
        let mut told = [0; 12];
        in_time(stream.read_exact(&mut told)).await.unwrap();
        assert_eq!(std::str::from_utf8(&told).unwrap(), format!("HTTP/1.1 {head}"), "{path}");
    }
    host.finish().await;
}

/// A pipe's end that can claim to have unread bytes.
struct Pipe(DuplexStream, Arc<AtomicBool>);

impl Unread for Pipe {
    fn has_unread(&self) -> bool {
        self.1.load(Ordering::SeqCst)
    }
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// A connection of its own, and the other end of it.
struct Line {
    far: DuplexStream,
    unread: Arc<AtomicBool>,
    seats: Arc<Seats>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Line {
    fn open() -> Self {
        let (near, far) = tokio::io::duplex(4096);
        let (unread, seats, stop) = (Arc::new(AtomicBool::new(false)), Seats::new(1), CancellationToken::new());
        let router = Router::new().route("/", get(async || "here"));
        let pipe = Pipe(near, Arc::clone(&unread));
        let inside = Inside { seated: seats.seat(None), _place: None };
        let serving = connection(pipe, router, inside, Arc::default(), stop.clone());
        Self { far, unread, seats, stop, serving: tokio::spawn(serving) }
    }

    /// How long the connection lasts from now on.
    async fn lasts(self) -> Duration {
        let begun = Instant::now();
        let _watch = AbortOnDropHandle::new(tokio::spawn(watch(self.seats)));
        self.serving.await.unwrap();
        begun.elapsed()
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_silent_for_ever() {
    let ticks = |count: u64| TICK * u32::try_from(count).unwrap();
    for (words, most) in [(&b""[..], REST_TICKS), (HALF, HEAD_TICKS), (REQUEST, REST_TICKS)] {
        let mut line = Line::open();
        line.far.write_all(words).await.unwrap();
        // Lets the server read the bytes that were sent.
        tokio::task::yield_now().await;
        let lasted = line.lasts().await;
        assert!((ticks(most)..=ticks(most + 2)).contains(&lasted), "{words:?}: {lasted:?}");
    }
    // A head that grows slowly has no more time than another.
    let mut line = Line::open();
    let (mut far, idle) = (line.far, tokio::io::duplex(1).0);
    line.far = idle;
    let dripping = tokio::spawn(async move {
        far.write_all(HALF).await.unwrap();
        while far.write_all(b"t").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    line.unread.store(true, Ordering::SeqCst);
    let lasted = line.lasts().await;
    assert!((ticks(HEAD_TICKS)..=ticks(HEAD_TICKS + 2)).contains(&lasted), "{lasted:?}");
    dripping.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_connections_at_rest_at_once_and_gives_half_heads_a_while() {
    for (words, most) in [(&b""[..], Duration::ZERO), (REQUEST, Duration::ZERO), (HALF, LEAVE_DEADLINE)] {
        let mut line = Line::open();
        line.far.write_all(words).await.unwrap();
        tokio::task::yield_now().await;
        let begun = Instant::now();
        line.stop.cancel();
        line.serving.await.unwrap();
        let lasted = begun.elapsed();
        assert!((most..most + Duration::from_millis(10)).contains(&lasted), "{words:?}: {lasted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_asked_to_make_room_is_served_when_a_request_lies_unread_or_has_begun() {
    let mut line = Line::open();
    line.seats.advance_to(GRACE_TICKS + 1);
    line.unread.store(true, Ordering::SeqCst);
    assert_eq!(line.seats.make_room(1), 1);
    tokio::task::yield_now().await;
    line.unread.store(false, Ordering::SeqCst);
    line.far.write_all(REQUEST).await.unwrap();
    answered(&mut line.far, "here").await;
    // A connection that is asked at rest still serves a request that has arrived.
    line.seats.advance_to(2 * GRACE_TICKS + 2);
    line.far.write_all(REQUEST).await.unwrap();
    assert_eq!(line.seats.make_room(1), 1);
    answered(&mut line.far, "here").await;
    line.far.write_all(REQUEST).await.unwrap();
    answered(&mut line.far, "here").await;
    // A connection that is long at rest and has nothing unread ends.
    line.seats.advance_to(4 * GRACE_TICKS);
    assert_eq!(line.seats.make_room(1), 1);
    let mut rest = Vec::new();
    line.far.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"");
    line.serving.await.unwrap();
}
