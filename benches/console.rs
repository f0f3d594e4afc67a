//! How long the console's pages, the API's lists and the searches take as the store grows.
//!
//! Run: `cargo bench --bench console [-- --deliveries N --conversations N --check]` (default: 20,000 and 4,000; the
//! promised size is 1,000,000 and 200,000). Fills a store of that size, and one of 10,000 and 2,000, on a real directory,
//! starts the release binary on each, and asks for every page over HTTP. Prints the median and the 95th percentile of each
//! and by how much it grew; with `--check`, ends with 1 when a median is above 25 ms.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot go on")]

#[path = "shared/process.rs"]
mod process;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tandem::clock::Clock;
use tandem::domain::account::Ends;
use tandem::domain::conversation::{Change, TicketStatus};
use tandem::domain::delivery::{Transition, receipt_of};
use tandem::domain::event::{
    Customer, CustomerText, DedupeKey, Event, EventId, EventKind, PhoneText, TicketFields, TicketId,
};
use tandem::store::embedded::sled::SledStore;
use tandem::store::{Accepted, Control, Inbox, Queue, StoreLimits, Terms, Verdict};

use process::{Bridge, exchange, free_port};

/// The longest time that a page may take at the promised size.
const MEDIAN_MAX: Duration = Duration::from_millis(25);
const REFERENCE: Size = Size { deliveries: 10_000, conversations: 2_000 };
const DEFAULT: Size = Size { deliveries: 20_000, conversations: 4_000 };
/// Accepted at once, so that they share commits.
const GROUP: u64 = 1_000;
const WORKERS: usize = 64;
/// How often each page is timed, and asked for before that.
const ROUNDS: usize = 21;
const WARM_UP: usize = 2;
/// The time over which the deliveries are spread; settled ones are kept for 14 days.
const SPREAD: SignedDuration = SignedDuration::from_hours(13 * 24);
const FIRST: [&str; 16] = [
    "Ada",
    "Blaise",
    "Cleo",
    "Drew",
    "Emmy",
    "Frances",
    "Grace",
    "Hedy",
    "Ida",
    "Joan",
    "Katherine",
    "Lise",
    "Mary",
    "Noether",
    "Olga",
    "Zoë",
];
const LAST: [&str; 8] = ["Lovelace", "Pascal", "O’Brien", "Hopper", "Lamarr", "Łukasik", "Goeppert-Mayer", "Ng"];

#[derive(Clone, Copy)]
struct Size {
    deliveries: u64,
    conversations: u64,
}

/// A store of this size, and samples to look for in it.
struct Filled {
    directory: PathBuf,
    /// A delivered text to a phone.
    id: EventId,
    dispatch: String,
    customer: u64,
}

struct Measured {
    median: Duration,
    p95: Duration,
    bytes: usize,
}

fn main() -> ExitCode {
    let size = Size {
        deliveries: argument("--deliveries").unwrap_or(DEFAULT.deliveries),
        conversations: argument("--conversations").unwrap_or(DEFAULT.conversations),
    };
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("console-{}", std::process::id()));
    std::fs::create_dir_all(&root).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let reference = measure(&runtime.block_on(fill(&root.join("reference"), REFERENCE)));
    let full = measure(&runtime.block_on(fill(&root.join("full"), size)));
    std::fs::remove_dir_all(&root).unwrap();

    println!("\n{:34} | median ms |  p95 ms |  KiB | at {:>6}, ms | grew", "page", REFERENCE.deliveries);
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    for ((name, full), (_, before)) in full.iter().zip(&reference) {
        let (median, p95, kib) = (ms(full.median), ms(full.p95), full.bytes / 1024);
        let grew = median / ms(before.median);
        println!("{name:34} | {median:9.1} | {p95:7.1} | {kib:4} | {:12.1} | {grew:.1}", ms(before.median));
    }
    let slow: Vec<&str> = full.iter().filter(|(_, page)| page.median > MEDIAN_MAX).map(|(name, _)| *name).collect();
    println!("\nabove {MEDIAN_MAX:?}: {slow:?}");
    let asked = std::env::args().any(|argument| argument == "--check");
    if asked && !slow.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn argument(name: &str) -> Option<u64> {
    std::env::args().skip_while(|argument| argument != name).nth(1)?.parse().ok()
}

/// Fills a store: each customer's texts come in turn, every third delivery is a reply, some are dead, some wait.
async fn fill(directory: &Path, size: Size) -> Filled {
    let (now, started) = (Clock::system().now(), Instant::now());
    let begin = now.checked_sub(SPREAD).unwrap();
    let limits = StoreLimits { backlog_max: u64::MAX, ..StoreLimits::default() };
    let store = Arc::new(SledStore::open(directory, limits, 7, begin).await.unwrap());
    let (customer, mut named) = (size.conversations / 2, None);
    for group in 0..size.deliveries.div_ceil(GROUP) {
        let numbers = group * GROUP..((group + 1) * GROUP).min(size.deliveries);
        let share = SPREAD.as_secs() * group.cast_signed() / size.deliveries.div_ceil(GROUP).cast_signed();
        let at = begin.saturating_add(SignedDuration::from_secs(share)).unwrap();
        let accepted = numbers.map(|n| {
            let (event, key) = event(n, size, at);
            store.accept(event, Ends::FIRST.into(), vec![key], at)
        });
        for accepted in join_all(accepted).await {
            let Accepted::New(id) = accepted.unwrap() else { panic!("each is new") };
            named = named.or_else(|| (id.sequence > size.deliveries / 2).then_some(id));
        }
        let is_last = (group + 1) * GROUP >= size.deliveries;
        if !is_last {
            join_all((0..WORKERS).map(|worker| deliver(&store, at, worker))).await;
        }
    }
    store.close().await;
    let took = started.elapsed().as_secs_f64();
    println!("{} deliveries of {} customers stored after {took:.0} s", size.deliveries, size.conversations);
    Filled {
        directory: directory.to_owned(),
        id: named.unwrap(),
        dispatch: format!("in-{}", size.deliveries / 2),
        customer,
    }
}

/// Works until no delivery is due.
async fn deliver(store: &Arc<SledStore>, now: Timestamp, worker: usize) {
    let destination = if worker.is_multiple_of(2) { Ends::FIRST.routes()[0] } else { Ends::FIRST.routes()[2] };
    while let Some(claim) = store.claim(destination, now, Terms::merging(1), 1).await.unwrap().pop() {
        let id = claim.work[0].delivery.id;
        let transition = match id.sequence % 1000 {
            0 | 1 => Transition::GiveUp { cause: "Braze answered 400".to_owned() },
            2 => Transition::Skip { reason: "opted out".to_owned() },
            _ if destination == Ends::FIRST.routes()[2] => {
                Transition::Deliver { receipt: receipt_of(&[Some(format!("out-{:08}", id.sequence))]) }
            }
            _ => Transition::Deliver { receipt: "ticket 1, comment 2".to_owned() },
        };
        let number = claim.key.0.strip_prefix("customer-").and_then(|number| number.parse().ok());
        let is_known = claim.conversation.as_ref().is_some_and(|known| known.ticket.is_some());
        let ticket = |number: u64| Change::Ticket(TicketId(number + 1), TicketStatus::Open, now);
        let changes = number.filter(|_| !is_known).map(ticket).into_iter().collect();
        let verdict = Verdict { moves: vec![(id, transition)], changes, ..Verdict::default() };
        store.record(&claim, verdict, now).await.unwrap();
    }
}

fn event(n: u64, size: Size, at: Timestamp) -> (Event, DedupeKey) {
    let customer = n % size.conversations;
    let pick = |names: &[&str], n: u64| names[usize::try_from(n).unwrap() % names.len()].to_owned();
    let known = n >= size.conversations;
    let kind = if known && n.is_multiple_of(3) {
        EventKind::PhoneText(PhoneText {
            ticket_id: Some(TicketId(customer + 1)),
            comment_id: None,
            external_user_id: None,
            requester_id: None,
            text: format!("Your parcel number {n} left our house today."),
            agent_name: None,
            attachments: Vec::new(),
            recipe: None,
            caught_up: false,
            written_at: None,
        })
    } else {
        EventKind::CustomerText(CustomerText {
            customer: Customer {
                external_id: Some(format!("customer-{customer}")),
                carrier_id: Some(format!("{customer:024x}")),
                thread: None,
                phone: Some(format!("+1555{customer:07}")),
                email: None,
                first_name: Some(pick(&FIRST, customer)),
                last_name: Some(pick(&LAST, customer / 16)),
                display_name: None,
            },
            line: None,
            text: format!("Where is my parcel number {n}? It was promised for yesterday."),
            media: Vec::new(),
            channel: "sms".to_owned(),
            category: "other".to_owned(),
            keyword: None,
            ticket_id: None,
            fields: TicketFields::default(),
            answers: Vec::new(),
        })
    };
    let key = DedupeKey::Dispatch { campaign: "c".into(), dispatch: format!("in-{n}"), customer: customer.to_string() };
    (Event { received_at: at, kind }, key)
}

/// The pages, the lists and the searches.
fn pages(filled: &Filled) -> Vec<(&'static str, String)> {
    let (id, dispatch) = (filled.id, &filled.dispatch);
    let (customer, ticket) = (format!("customer-{}", filled.customer), filled.customer + 1);
    let phone = format!("+1555{:07}", filled.customer);
    let whole = phone.replace('+', "%2B");
    let mut pages = vec![
        ("overview", "/console".to_owned()),
        ("deliveries", "/console/deliveries".to_owned()),
        ("quarantine", "/console/quarantine".to_owned()),
        ("conversations", "/console/conversations".to_owned()),
        ("one conversation", format!("/console/conversation?key={customer}")),
        ("one delivery", format!("/console/deliveries/{id}")),
        ("audit", "/console/audit".to_owned()),
        ("settings", "/console/settings".to_owned()),
    ];
    for (name, state) in [
        ("deliveries, pending", "pending"),
        ("deliveries, waiting", "waiting"),
        ("deliveries, unconfirmed", "unconfirmed"),
        ("deliveries, delivered", "delivered"),
        ("deliveries, skipped", "skipped"),
        ("deliveries, dead", "dead"),
    ] {
        pages.push((name, format!("/console/deliveries?state={state}")));
    }
    for (name, query) in [
        ("API: newest deliveries", "deliveries?newest=true".to_owned()),
        ("API: without doorbells", "deliveries?newest=true&doorbells=false".to_owned()),
        ("API: of the last hour", "deliveries?since=1h".to_owned()),
        ("API: a day a week ago", "deliveries?since=8d&until=7d".to_owned()),
        ("API: to Braze, delivered", "deliveries?destination=braze&state=delivered&newest=true".to_owned()),
        ("API: of a ticket", format!("deliveries?ticket={ticket}")),
        ("API: of numbers ending in 33", "deliveries?phone=33&newest=true".to_owned()),
        ("API: of one number", format!("deliveries?phone={whole}")),
        ("API: 500 newest deliveries", "deliveries?newest=true&limit=500".to_owned()),
        ("API: conversations by key", "conversations".to_owned()),
        ("API: newest conversations", "conversations?newest=true".to_owned()),
        ("API: conversations ending in 33", "conversations?phone=33".to_owned()),
        ("find 33", "find?words=33".to_owned()),
        ("find a whole number", format!("find?words={whole}")),
        ("find a first name", "find?words=grace".to_owned()),
        ("find two letters", "find?words=zo".to_owned()),
        ("find first and last name", "find?words=ada+lovelace".to_owned()),
        ("find a key", format!("find?words={customer}")),
        ("find the beginning of all keys", "find?words=customer".to_owned()),
        ("find a Braze id", format!("find?words={:024x}", filled.customer)),
        ("find a ticket", format!("find?words=%23{ticket}")),
        ("find an event", format!("find?words={id}")),
        ("find a dispatch", format!("find?words={dispatch}")),
        ("find nothing", "find?words=nobody-is-called-so".to_owned()),
    ] {
        pages.push((name, format!("/api/{query}")));
    }
    pages
}

fn measure(filled: &Filled) -> Vec<(&'static str, Measured)> {
    let operator = free_port();
    let binary = Path::new(env!("CARGO_BIN_EXE_tandem"));
    let bridge = Bridge::start(binary, &filled.directory, operator, "error", Stdio::null());
    let disk = Command::new("du").arg("-sm").arg(&filled.directory).output().unwrap();
    let disk = String::from_utf8(disk.stdout).unwrap();
    println!(
        "ready after {:.1} s, {} MiB resident, {} MiB at most, {} MiB of disk",
        bridge.ready_after.as_secs_f64(),
        bridge.memory("VmRSS") / 1024,
        bridge.memory("VmHWM") / 1024,
        disk.split_whitespace().next().unwrap(),
    );
    let alone = ("nothing but the way", ask(bridge.public, "readiness", "/readyz"));
    let pages = pages(filled).into_iter().map(|(name, path)| (name, ask(operator, name, &path)));
    std::iter::once(alone).chain(pages).collect()
}

fn ask(operator: SocketAddr, name: &str, path: &str) -> Measured {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {operator}\r\nConnection: close\r\n\r\n");
    let mut times = Vec::new();
    let mut bytes = 0;
    for _ in 0..WARM_UP + ROUNDS {
        let asked = Instant::now();
        let answer = exchange(operator, &request).unwrap();
        times.push(asked.elapsed());
        assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
        bytes = answer.len();
    }
    let mut times = times.split_off(WARM_UP);
    times.sort_unstable();
    Measured { median: times[ROUNDS / 2], p95: times[ROUNDS * 95 / 100], bytes }
}
