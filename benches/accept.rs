//! How fast webhooks are accepted, against a bare axum handler that does the same HMAC check and stores nothing, and
//! against the same handler when it asks another thread, which says yes at once. The difference between these two is the
//! price of waiting for another thread; the difference between the second and tandem is the price of tandem's work.
//!
//! Then how fast the webhooks of each carrier are accepted, against Braze's: one text in a body of the same length, and of
//! Sunshine Conversations also a hundred texts in one body, which are one commit.
//!
//! Run: `cargo bench --bench accept [-- SECONDS [CONNECTIONS]]`. The servers are measured in turn in the same run, at
//! 1, 16, 64 and 256 connections, and so are the carriers, each on a store of its own. The load comes from a process of its own on the same machine, as a sender's would come
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
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;
use tandem::clock::Clock;
use tandem::domain::account::{AccountId, End, Ends};
use tandem::domain::inbound::Arrivals;
use tandem::domain::line::{By, Forms, Line, Lines};
use tandem::http::{Inbound, PublicState, public_router};
use tandem::intake::{Sender, Senders, Source};
use tandem::store::embedded::sled::SledStore;
use tandem::store::{Archive, Control, Store, StoreLimits};
use tandem::telemetry::{Metrics, Readiness};
use tandem::vendors::sources::FirstAccounts;
use tandem::vendors::zendesk::signature::zendesk_signature;
use tandem::vendors::{bird, sunshine};
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

/// The texts of a long body.
const MANY: usize = 100;

/// The customers who write.
const CUSTOMERS: usize = 500;

/// What they write.
const WORDS: &str = "Hello, my order has not arrived yet and the tracking page shows nothing. Can you help?";

const BRAZE_TOKEN: &str = "bench-token-0123456789";
const BIRD_KEY: &[u8] = b"bench-signing-key-0123456789abcdef";
const BIRD_NUMBER: &str = "+12025550990";
const SUNSHINE_SECRET: &str = "bench-webhook-secret-0123456789";
const INTEGRATION: &str = "5ebee0975ac5304b664a12fc";

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
            plain.add(load(bare, Webhook::Zendesk, connections, round, &mut sequence).await);
            asked.add(load(asking, Webhook::Zendesk, connections, round, &mut sequence).await);
            durable.add(load(tandem, Webhook::Zendesk, connections, round, &mut sequence).await);
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
    compare_carriers(round, connections, &clock, &mut sequence).await;
}

/// The same for the carriers, the ratios against the first.
async fn compare_carriers(round: Duration, connections: &[usize], clock: &Clock, sequence: &mut usize) {
    println!(
        "carriers: texts a second, and each against Braze's; of {MANY} texts in one body, how many bodies a commit takes"
    );
    println!("connections |                   |  texts/s  p50 ms  p99 ms  cpu us a body | ratio | bodies a commit");
    for &connections in connections {
        let mut tallies = Webhook::OF_CARRIERS.map(|webhook| (webhook, Tally::default(), 0.0));
        for n in 0..ROUNDS {
            // There and back, so that none always has the warmer machine.
            let mut order: Vec<_> = tallies.iter_mut().collect();
            if n % 2 == 1 {
                order.reverse();
            }
            for (webhook, tally, commits) in order {
                let (measured, made) = alone(*webhook, connections, round, clock, sequence).await;
                tally.add(measured);
                *commits += made;
            }
        }
        let first = tallies[0].1.rate();
        for (webhook, tally, commits) in tallies {
            let texts = tally.rate() * webhook.texts() as f64;
            let (ratio, bodies) = (texts / first, tally.requests as f64 / commits);
            println!(
                "{connections:>11} | {:<17} | {} | {ratio:>5.2} | {bodies:>5.1}",
                webhook.name(),
                tally.row_of(texts)
            );
        }
    }
}

/// The load of one kind of webhook on a store of its own, and how many commits it took.
async fn alone(
    webhook: Webhook,
    connections: usize,
    round: Duration,
    clock: &Clock,
    sequence: &mut usize,
) -> (Tally, f64) {
    let directory = bench_directory();
    let store = SledStore::open(&directory, StoreLimits::default(), clock.draw_u32(), clock.now()).await.unwrap();
    let store = Arc::new(store);
    let tandem = serve(public_router(public_state(Arc::clone(&store) as Arc<dyn Store>, clock))).await;
    let tally = load(tandem, webhook, connections, round, sequence).await;
    let commits = store.counts().commits.commits() as f64;
    store.close().await;
    std::fs::remove_dir_all(&directory).unwrap();
    (tally, commits)
}

/// On the same file system as the build, which is a real disk; `/tmp` may be memory.
fn bench_directory() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("accept-{}", std::process::id()))
}

fn public_state(store: Arc<dyn Store>, clock: &Clock) -> PublicState {
    let first = FirstAccounts {
        zendesk_secrets: vec![SecretString::from(SECRET)],
        zendesk_tolerance: Duration::from_secs(600),
        braze_tokens: vec![SecretString::from(BRAZE_TOKEN)],
        user_field: "braze_external_id".to_owned(),
        currents: Default::default(),
    };
    PublicState {
        store,
        intake: tokio::sync::watch::channel(Arc::new(with_further_carriers(first.into()))).1,
        clock: clock.clone(),
        metrics: Arc::new(Metrics::default()),
        inbound: Arc::new(Inbound::new(Arrivals::new(clock.now()))),
        readiness: Arc::new(Readiness::default()),
        memory: Arc::default(),
    }
}

/// The same with an account of Bird and one of Sunshine Conversations.
fn with_further_carriers(mut senders: Senders) -> Senders {
    let [of_bird, of_sunshine] = ["bird", "sunshine"].map(|name| name.parse::<AccountId>().unwrap());
    let line = |carrier: AccountId, address: Option<&str>| Line {
        address: address.map(str::to_owned),
        ..Line::default_of(Ends { carrier, ..Ends::FIRST }, Forms::default())
    };
    let own = [line(of_bird, None), line(of_sunshine, Some(INTEGRATION))];
    let lines = Lines::new([line(Ends::FIRST.carrier, None)].into_iter().chain(own).collect());
    let lines = lines.known_by([(of_bird, By::Phone), (of_sunshine, By::Thread)]);
    let terms = bird::signature::Terms {
        secrets: vec![SecretString::from(format!("whsec_{}", STANDARD.encode(BIRD_KEY)))],
        tolerance: Duration::from_secs(600),
        second: None,
    };
    let numbers = bird::source::Numbers { carrier: of_bird, sender: BIRD_NUMBER.to_owned(), lines: lines.clone() };
    let reader = sunshine::source::Reader { account: of_sunshine, lines: lines.clone() };
    let secrets = vec![SecretString::from(SUNSHINE_SECRET)];
    let sources: [(AccountId, Arc<dyn Source>); 2] = [
        (of_bird, Arc::new(bird::source::Webhooks { numbers, terms: Arc::new(terms) })),
        (of_sunshine, Arc::new(sunshine::source::Webhooks { reader, secrets })),
    ];
    let remedies = senders.accounts[&Ends::FIRST.carrier].remedies;
    let further = sources.map(|(account, source)| (account, Sender { end: End::Carrier, source, remedies }));
    senders.accounts.extend(further);
    Senders { lines: Arc::new(lines), ..senders }
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

    fn row(self) -> String {
        let rate = self.rate();
        self.row_of(rate)
    }

    fn row_of(mut self, rate: f64) -> String {
        self.latencies.sort_unstable();
        let percentile = |share: usize| self.latencies[(self.latencies.len() - 1) * share / 100].as_secs_f64() * 1e3;
        let cpu = self.cpu.as_secs_f64() * 1e6 / self.requests as f64;
        format!("{rate:>12.0} {:>7.2} {:>7.2} {cpu:>7.1}", percentile(50), percentile(99))
    }
}

/// Lets another process make the load, and adds the processor time that this one, the server, has used meanwhile.
async fn load(
    server: SocketAddr,
    webhook: Webhook,
    connections: usize,
    round: Duration,
    sequence: &mut usize,
) -> Tally {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([LOAD, &server.to_string(), webhook.name()])
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
    let [server, webhook, connections, millis, sequence] = arguments else { panic!("called by the benchmark only") };
    let webhook = Webhook::ALL.into_iter().find(|known| known.name() == webhook).unwrap();
    let server: SocketAddr = server.parse().unwrap();
    let (connections, sequence): (usize, usize) = (connections.parse().unwrap(), sequence.parse().unwrap());
    let round = Duration::from_millis(millis.parse().unwrap());
    let clock = Clock::system();
    let many = REQUESTS / webhook.texts();
    let requests: Arc<Vec<Vec<u8>>> = Arc::new((0..many).map(|n| webhook.request(sequence + n, &clock)).collect());
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

/// A kind of webhook.
#[derive(Clone, Copy)]
enum Webhook {
    Zendesk,
    Braze,
    Bird,
    Sunshine,
    ManyOfSunshine,
}

impl Webhook {
    const ALL: [Self; 5] = [Self::Zendesk, Self::Braze, Self::Bird, Self::Sunshine, Self::ManyOfSunshine];
    const OF_CARRIERS: [Self; 4] = [Self::Braze, Self::Bird, Self::Sunshine, Self::ManyOfSunshine];

    fn name(self) -> &'static str {
        match self {
            Self::Zendesk => "Zendesk",
            Self::Braze => "Braze",
            Self::Bird => "Bird",
            Self::Sunshine => "Sunshine",
            Self::ManyOfSunshine => "Sunshine, many",
        }
    }

    /// The texts in one body.
    fn texts(self) -> usize {
        match self {
            Self::Zendesk | Self::Braze | Self::Bird | Self::Sunshine => 1,
            Self::ManyOfSunshine => MANY,
        }
    }

    fn request(self, n: usize, clock: &Clock) -> Vec<u8> {
        match self {
            Self::Zendesk => of_zendesk(n, clock),
            Self::Braze => of_braze(n),
            Self::Bird => of_bird(n, clock),
            Self::Sunshine => of_sunshine(n, 1, clock),
            Self::ManyOfSunshine => of_sunshine(n, MANY, clock),
        }
    }
}

/// The body with a field that nothing reads, so that it is [`BODY_BYTES`] long.
fn padded(mut body: Value) -> String {
    body["padding"] = json!("");
    let short = BODY_BYTES.saturating_sub(body.to_string().len());
    body["padding"] = json!("x".repeat(short));
    body.to_string()
}

fn post_of(path: &str, headers: &[(&str, String)], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json; charset=utf-8\r\n{headers}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn of_zendesk(n: usize, clock: &Clock) -> Vec<u8> {
    let (ticket, comment) = ((n % CUSTOMERS + 1).to_string(), (n + 1).to_string());
    let body = padded(json!({"event": "agent_reply", "ticket_id": ticket, "comment_id": comment}));
    let timestamp = format!("{:.0}", clock.now());
    let signature = zendesk_signature(&SecretString::from(SECRET), &timestamp, body.as_bytes());
    let headers = [
        ("User-Agent", "Zendesk Webhook".to_owned()),
        ("X-Zendesk-Webhook-Invocation-Id", format!("01BENCH{n:019}")),
        ("X-Zendesk-Webhook-Signature", signature),
        ("X-Zendesk-Webhook-Signature-Timestamp", timestamp),
    ];
    post_of("/webhooks/zendesk", &headers, &body)
}

/// A customer's number: one that the tables of numbers know, because any other takes them much longer.
fn number(n: usize) -> String {
    format!("+1202555{:04}", n % CUSTOMERS)
}

fn of_braze(n: usize) -> Vec<u8> {
    let body =
        padded(json!({"channel": "sms", "category": "other", "group": "bench-group", "campaign": "bench-campaign",
        "dispatch": format!("{n:024x}"), "external_id": format!("customer-{}", n % CUSTOMERS), "phone": number(n),
        "first_name": "Ada", "last_name": "Lovelace", "text": WORDS}));
    post_of("/webhooks/braze", &[("Authorization", format!("Bearer {BRAZE_TOKEN}"))], &body)
}

fn of_bird(n: usize, clock: &Clock) -> Vec<u8> {
    let (now, id) = (clock.now(), format!("{n:026x}"));
    let data = json!({"sms_id": format!("sms_{id}"), "workspace_id": "ws_1", "to": BIRD_NUMBER, "from": number(n), "text": WORDS,
        "segments": {"count": 1, "encoding": "gsm7", "characters": WORDS.len()}, "tags": null, "metadata": null});
    let body = padded(json!({"type": "sms.received", "timestamp": now.to_string(), "data": data}));
    let (webhook, timestamp) = (format!("evt_{id}"), now.as_second());
    let mut mac = Hmac::<Sha256>::new_from_slice(BIRD_KEY).unwrap();
    mac.update(format!("{webhook}.{timestamp}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let headers =
        [("webhook-id", webhook), ("webhook-timestamp", timestamp.to_string()), ("webhook-signature", signature)];
    post_of("/webhooks/bird", &headers, &body)
}

fn of_sunshine(n: usize, texts: usize, clock: &Clock) -> Vec<u8> {
    let now = clock.now().to_string();
    let event = |n: usize| {
        let (id, user) = (format!("{n:024x}"), format!("{:024x}", n % CUSTOMERS));
        let source = json!({"type": "twilio", "integrationId": INTEGRATION, "originalMessageTimestamp": now,
            "client": {"id": user, "type": "twilio", "externalId": number(n), "integrationId": INTEGRATION, "status": "active"}});
        let message = json!({"id": id, "received": now, "source": source, "content": {"type": "text", "text": WORDS},
            "author": {"type": "user", "userId": user, "displayName": "Ada", "user": {"id": user, "authenticated": false}}});
        json!({"id": format!("e{id}"), "createdAt": now, "type": "conversation:message",
            "payload": {"conversation": {"id": user, "type": "personal"}, "message": message}})
    };
    let events: Vec<Value> = (n * texts..(n + 1) * texts).map(event).collect();
    let body =
        padded(json!({"app": {"id": "bench-app"}, "webhook": {"id": "bench-hook", "version": "v2"}, "events": events}));
    post_of("/webhooks/sunshine", &[("X-API-Key", SUNSHINE_SECRET.to_owned())], &body)
}
