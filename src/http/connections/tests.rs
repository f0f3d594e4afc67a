//! Over real sockets, and over pipes where time is virtual.

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// Somebody who serves four, and whose answers under `/slow` wait to be let go.
struct Host {
    address: std::net::SocketAddr,
    asked: Arc<Notify>,
    go: Arc<Notify>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Host {
    async fn start() -> Self {
        let (asked, go, stop) = (Arc::new(Notify::new()), Arc::new(Notify::new()), CancellationToken::new());
        let (said, waited) = (Arc::clone(&asked), Arc::clone(&go));
        let slow = move || async move {
            said.notify_one();
            waited.notified().await;
            "slow"
        };
        let router = Router::new().route("/", get(async || "here")).route("/slow", get(slow));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, router, 4, stop.clone()));
        Self { address, asked, go, stop, serving }
    }

    async fn says(&self, words: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(words).await.unwrap();
        stream
    }
}

/// All that comes until the connection is closed.
async fn read(mut stream: TcpStream) -> String {
    let mut told = Vec::new();
    stream.read_to_end(&mut told).await.ok();
    String::from_utf8(told).unwrap()
}

/// The next answer on a connection that stays open.
async fn answered(stream: &mut TcpStream, body: &str) {
    let mut told = String::new();
    while !told.ends_with(body) {
        let mut bytes = [0; 512];
        let count = stream.read(&mut bytes).await.unwrap();
        assert_ne!(count, 0, "the connection was closed after {told:?}");
        told.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
}

#[tokio::test]
async fn whoever_says_nothing_makes_room_for_whoever_does() {
    let host = Host::start().await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(host.says(b"").await);
    }
    // One of them has been answered, and now says nothing more.
    let mut kept = host.says(REQUEST).await;
    answered(&mut kept, "here").await;
    for _ in 0..10 {
        silent.push(host.says(b"").await);
    }
    let mut last = host.says(REQUEST).await;
    answered(&mut last, "here").await;
    assert_eq!(read(kept).await, "");
    assert_eq!(read(silent.swap_remove(0)).await, "");
    host.stop.cancel();
    host.serving.await.unwrap();
}

#[tokio::test]
async fn whoever_is_being_served_is_served_to_the_end() {
    let host = Host::start().await;
    let slow = host.says(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    host.asked.notified().await;
    let crowd = [host.says(b"").await, host.says(b"").await, host.says(b"").await];
    let mut last = host.says(REQUEST).await;
    answered(&mut last, "here").await;
    host.go.notify_one();
    let told = read(slow).await;
    assert!(told.starts_with("HTTP/1.1 200 OK") && told.ends_with("slow"), "{told}");
    drop(crowd);
    host.stop.cancel();
    host.serving.await.unwrap();
}

/// How long a connection lasts on which this is said, and that is asked to leave at the start or never.
async fn lasts(words: &[u8], is_asked: bool) -> Duration {
    let (near, mut far) = tokio::io::duplex(4096);
    far.write_all(words).await.unwrap();
    let (begun, leave) = (Instant::now(), CancellationToken::new());
    let router = Router::new().route("/", get(async || "here"));
    let serving = tokio::spawn(connection(near, router, leave.clone()));
    // So that it has read what there is.
    tokio::time::sleep(Duration::from_millis(1)).await;
    if is_asked {
        leave.cancel();
    }
    serving.await.unwrap();
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn nobody_is_silent_for_ever() {
    let moment = Duration::from_millis(10);
    let half: &[u8] = b"GET / HT";
    for words in [b"", half, REQUEST] {
        let lasted = lasts(words, false).await;
        assert!((SILENCE_MAX..SILENCE_MAX + moment).contains(&lasted), "{words:?}: {lasted:?}");
    }
    assert!(lasts(b"", true).await < moment);
    assert!(lasts(REQUEST, true).await < moment);
    let lasted = lasts(half, true).await;
    assert!((LEAVE_DEADLINE..LEAVE_DEADLINE + moment).contains(&lasted), "{lasted:?}");
}
