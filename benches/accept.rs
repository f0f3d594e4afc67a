//! How fast webhooks are accepted, against a bare axum handler that does the same HMAC check and stores nothing, and
//! against the same handler when it asks another thread, which says yes at once. The difference between these two is the
//! price of waiting for another thread; the difference between the second and tandem is the price of tandem's work.
//!
//! Run: `cargo bench --bench accept [-- SECONDS [CONNECTIONS]]`. The servers are measured in turn in the same run, at
//! 1, 16, 64 and 256 connections. The load comes from a process of its own on the same machine, as a sender's would come
//! from outside: read the ratios, not the absolute numbers. Where other programs keep the machine busy, read the CPU
//! time for each request (load generator, server and store together): it decides the ratio once the servers keep all
//! processors busy. Every request is a different one (ids, invocation, signature), so nothing is a duplicate,
//! and each 202 means that the event is on disk, synced. Bounded: at most `REQUESTS` requests a round, to 127.0.0.1 only.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot go on")]

use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tandem::clock::Clock;
use tandem::domain::inbound::Arrivals;
use tandem::http::{Inbound, PublicState, public_router};
use tandem::store::embedded::sled::SledStore;
use tandem::store::{Archive, Control, Store, StoreLimits};
use tandem::telemetry::{Metrics, Readiness};
use tandem::vendors::sources::FirstAccounts;
use tandem::vendors::zendesk::signature::zendesk_signature;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

const SECRET: &str = "bench-signing-secret-0123456789abcdef";
const CONNECTIONS: [usize; 4] = [1, 16, 64, 256];
/// Signed beforehand for each round; more than any server answers in it.
const REQUESTS: usize = 150_000;
/// The servers are measured this often; the ratios of the sums are printed.
const ROUNDS: usize = 2;
const BODY_BYTES: usize = 1024;

/// The first argument of the process that makes the load.
const LOAD: &str = "--load";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = arguments.as_slice()
        && first == LOAD
    {
        return make_load(rest);
    }
    let mut numbers = arguments.iter().filter_map(|argument| argument.parse::<u32>().ok());
    let seconds = numbers.next().unwrap_or(3);
    let connections = numbers.next().map_or(CONNECTIONS.to_vec(), |number| vec![number as usize]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(compare(Duration::from_secs(seconds.into()), &connections));
}

async fn compare(round: Duration, connections: &[usize]) {
    let directory = bench_directory();
    let clock = Clock::system();
    let bare = serve(bare_handler()).await;
    let asking = serve(asking_handler()).await;
    println!("accept: {BODY_BYTES} B bodies, {round:?} a round, {ROUNDS} rounds, store in {}", directory.display());
    println!(
        "connections |   bare req/s  p50 ms  p99 ms  cpu us | asking req/s  p50 ms  p99 ms  cpu us | ratio \
         | tandem req/s  p50 ms  p99 ms  cpu us | ratio | requests and us a commit"
    );
    let mut sequence = 0;
    for &connections in connections {
        // Nothing is delivered here, so the webhooks of one round would be in the way of the next.
        let store = SledStore::open(&directory, StoreLimits::default(), clock.draw_u32(), clock.now()).await.unwrap();
        let store = Arc::new(store);
        let tandem = serve(public_router(public_state(Arc::clone(&store) as Arc<dyn Store>, &clock))).await;
        let (mut plain, mut asked, mut durable) = (Tally::default(), Tally::default(), Tally::default());
        for _ in 0..ROUNDS {
            plain.add(load(bare, connections, round, &mut sequence).await);
            asked.add(load(asking, connections, round, &mut sequence).await);
            durable.add(load(tandem, connections, round, &mut sequence).await);
        }
        let [first, second] = [&asked, &durable].map(|tally| tally.rate() / plain.rate());
        let [plain, asked, durable] = [plain, asked, durable].map(Tally::row);
        let commits = store.counts().commits;
        let each = |total: f64| total / commits.commits() as f64;
        let (requests, micros) = (each(commits.requests as f64), each(commits.busy.as_secs_f64() * 1e6));
        println!(
            "{connections:>11} | {plain} | {asked} |  {first:.2} | {durable} |  {second:.2} | {requests:>4.0} {micros:>7.0}"
        );
        store.close().await;
        std::fs::remove_dir_all(&directory).unwrap();
    }
}

/// On the same file system as the build, which is a real disk; `/tmp` may be memory.
fn bench_directory() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("accept-{}", std::process::id()))
}

fn public_state(store: Arc<dyn Store>, clock: &Clock) -> PublicState {
    let intake = FirstAccounts {
        zendesk_secrets: vec![SecretString::from(SECRET)],
        zendesk_tolerance: Duration::from_secs(600),
        braze_tokens: vec![SecretString::from("bench-token-0123456789")],
        user_field: "braze_external_id".to_owned(),
        currents: Default::default(),
    };
    PublicState {
        store,
        intake: tokio::sync::watch::channel(Arc::new(intake.into())).1,
        clock: clock.clone(),
        metrics: Arc::new(Metrics::default()),
        inbound: Arc::new(Inbound::new(Arrivals::new(clock.now()))),
        readiness: Arc::new(Readiness::default()),
        memory: Arc::default(),
    }
}

fn bare_handler() -> Router {
    async fn handle(headers: HeaderMap, body: Bytes) -> StatusCode {
        if is_signed(&headers, &body) { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
    }
    Router::new().route("/webhooks/zendesk", post(handle))
}

/// The bare handler, which also asks a thread that says yes to every question since it last looked.
fn asking_handler() -> Router {
    type Questions = mpsc::Sender<oneshot::Sender<()>>;
    async fn handle(State(questions): State<Questions>, headers: HeaderMap, body: Bytes) -> StatusCode {
        let (question, answer) = oneshot::channel();
        questions.send(question).await.unwrap();
        answer.await.unwrap();
        if is_signed(&headers, &body) { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
    }
    let (questions, mut asked) = mpsc::channel::<oneshot::Sender<()>>(REQUESTS);
    std::thread::spawn(move || {
        let mut batch = Vec::new();
        while asked.blocking_recv_many(&mut batch, REQUESTS) > 0 {
            batch.drain(..).for_each(|question| question.send(()).unwrap());
        }
    });
    Router::new().route("/webhooks/zendesk", post(handle)).with_state(questions)
}

fn is_signed(headers: &HeaderMap, body: &Bytes) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let timestamp = text("x-zendesk-webhook-signature-timestamp");
    let expected = zendesk_signature(&SecretString::from(SECRET), timestamp, body);
    expected == text("x-zendesk-webhook-signature")
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The results of one or more rounds. Latencies are quantiles of each round, so many of each that they weigh alike.
#[derive(Default, Serialize, Deserialize)]
struct Tally {
    requests: usize,
    elapsed: Duration,
    cpu: Duration,
    latencies: Vec<Duration>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.requests += other.requests;
        self.elapsed += other.elapsed;
        self.cpu += other.cpu;
        self.latencies.extend(other.latencies);
    }

    fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    fn row(mut self) -> String {
        self.latencies.sort_unstable();
        let percentile = |share: usize| self.latencies[(self.latencies.len() - 1) * share / 100].as_secs_f64() * 1e3;
        let cpu = self.cpu.as_secs_f64() * 1e6 / self.requests as f64;
        format!("{:>12.0} {:>7.2} {:>7.2} {cpu:>7.1}", self.rate(), percentile(50), percentile(99))
    }
}

/// Lets another process make the load, and adds the processor time that this one, the server, has used meanwhile.
async fn load(server: SocketAddr, connections: usize, round: Duration, sequence: &mut usize) -> Tally {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([LOAD, &server.to_string()])
        .args([connections.to_string(), round.as_millis().to_string(), sequence.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    *sequence += REQUESTS;
    let cpu = cpu_time();
    let mut printed = String::new();
    let mut output = child.stdout.take().unwrap();
    tokio::task::spawn_blocking(move || {
        output.read_to_string(&mut printed).unwrap();
        assert!(child.wait().unwrap().success(), "the load generator failed");
        let mut tally: Tally = serde_json::from_str(&printed).unwrap();
        tally.cpu += cpu_time() - cpu;
        tally
    })
    .await
    .unwrap()
}

/// The process that makes the load: signs its requests, sends them over so many connections for so long, prints a
/// [`Tally`].
fn make_load(arguments: &[String]) {
    let [server, connections, millis, sequence] = arguments else { panic!("called by the benchmark only") };
    let server: SocketAddr = server.parse().unwrap();
    let (connections, sequence): (usize, usize) = (connections.parse().unwrap(), sequence.parse().unwrap());
    let round = Duration::from_millis(millis.parse().unwrap());
    let clock = Clock::system();
    let requests: Arc<Vec<Vec<u8>>> = Arc::new((0..REQUESTS).map(|n| request(sequence + n, &clock)).collect());
    let next = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (start, cpu) = (Instant::now(), cpu_time());
        let clients = (0..connections)
            .map(|_| tokio::spawn(client(server, Arc::clone(&requests), Arc::clone(&next), start, round)));
        let mut latencies: Vec<Duration> = Vec::new();
        for client in clients.collect::<Vec<_>>() {
            latencies.extend(client.await.unwrap());
        }
        let (elapsed, cpu, requests) = (start.elapsed(), cpu_time() - cpu, latencies.len());
        latencies.sort_unstable();
        let quantile = |share: usize| latencies[(requests - 1) * share / 1000];
        let tally = Tally { requests, elapsed, cpu, latencies: (0..=1000).map(quantile).collect() };
        println!("{}", serde_json::to_string(&tally).unwrap());
    });
}

/// One connection: the next request as soon as the last is answered.
async fn client(
    server: SocketAddr,
    requests: Arc<Vec<Vec<u8>>>,
    next: Arc<AtomicUsize>,
    start: Instant,
    round: Duration,
) -> Vec<Duration> {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut latencies = Vec::new();
    let mut buffer = vec![0; 4096];
    while start.elapsed() < round {
        let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
        let sent = Instant::now();
        stream.write_all(request).await.unwrap();
        answer(&mut stream, &mut buffer).await;
        latencies.push(sent.elapsed());
    }
    latencies
}

/// The processor time that this process has used; zero where there is no `/proc`.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold blanks: user and system time are the 14th and 15th field, in hundredths.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks: u64 = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Reads one answer whole and checks that it is the one we want: 200 of the bare handler, 202 `accepted` of tandem.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.unwrap();
        assert!(read > 0, "the server closed the connection");
        filled += read;
        let text = std::str::from_utf8(&buffer[..filled]).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned))
            .map_or(0, |length| length.parse().unwrap());
        if body.len() < length {
            continue;
        }
        let good =
            head.starts_with("HTTP/1.1 200") || (head.starts_with("HTTP/1.1 202") && body.contains("\"accepted\""));
        assert!(good, "unexpected answer: {text}");
        return;
    }
}

fn request(n: usize, clock: &Clock) -> Vec<u8> {
    let (ticket, comment) = (n % 500 + 1, n + 1);
    let mut body = format!(r#"{{"event":"agent_reply","ticket_id":"{ticket}","comment_id":"{comment}","padding":""#);
    let padding = BODY_BYTES.saturating_sub(body.len() + 2);
    body.extend(std::iter::repeat_n('x', padding));
    body.push_str("\"}");
    let timestamp = format!("{:.0}", clock.now());
    let signature = zendesk_signature(&SecretString::from(SECRET), &timestamp, body.as_bytes());
    format!(
        "POST /webhooks/zendesk HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json; charset=utf-8\r\n\
         User-Agent: Zendesk Webhook\r\nX-Zendesk-Webhook-Invocation-Id: 01BENCH{n:019}\r\n\
         X-Zendesk-Webhook-Signature: {signature}\r\nX-Zendesk-Webhook-Signature-Timestamp: {timestamp}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
