//! How fast texts go all the way: from the phone's webhook to the recorded delivery on the ticket, against the sandbox.
//!
//! Run: `cargo bench --bench end_to_end`. The bridge, both embedded vendors and the load share this machine, so this is
//! what one small machine does with everything on it. Bounded: `CUSTOMERS` times `TEXTS` texts, to 127.0.0.1 only.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot go on")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tandem::clock::Clock;
use tandem::config;
use tandem::sandbox::braze::Profile;
use tandem::sandbox::{Sandbox, SandboxOptions};
use tandem::serve::{Listeners, serve};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const CUSTOMERS: usize = 100;
const TEXTS: usize = 20;
/// More than it takes by far: the end of a run that hangs.
const DEADLINE: Duration = Duration::from_secs(120);

fn main() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("end-to-end-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(run(&directory));
    std::fs::remove_dir_all(&directory).unwrap();
}

async fn run(directory: &Path) {
    let clock = Clock::system();
    let options = SandboxOptions::default();
    let sandbox = Sandbox::start(options.clone(), clock.clone()).await.unwrap();
    let settings = format!(
        "listen = \"127.0.0.1:0\"\noperator_listen = \"127.0.0.1:1\"\n[store]\nurl = \"sled:store\"\n[zendesk]\n\
         url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\nwebhook_secrets = [\"{}\"]\n[braze]\nurl = \"{}\"\n\
         api_key = \"{}\"\nwebhook_tokens = [\"{}\"]\n[braze.campaigns]\nagent_reply = \"{}\"\n",
        sandbox.zendesk.url(),
        options.zendesk_client_id,
        options.zendesk_client_secret,
        options.zendesk_webhook_secret,
        sandbox.braze.url(),
        options.braze_api_key,
        options.braze_webhook_token,
        options.campaign_agent_reply,
    );
    let (config, _) = config::parse(Some(&settings), [], directory).unwrap();
    let listeners = Listeners {
        public: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        operator: TcpListener::bind("127.0.0.1:0").await.unwrap(),
    };
    sandbox.connect(&format!("http://{}", listeners.public.local_addr().unwrap()));
    let stop = CancellationToken::new();
    let bridge = tokio::spawn(serve(config, listeners, clock, stop.clone().cancelled_owned()));
    let customers: Vec<String> = (0..CUSTOMERS).map(|n| add_customer(&sandbox, n)).collect();

    // The first text of each customer makes the ticket and, at one a second, the Zendesk user: that is Zendesk's own
    // limit and not ours, so the users are there before.
    let started = Instant::now();
    for text in 0..TEXTS {
        for customer in &customers {
            sandbox.phone.text(customer, &format!("text {text}"));
        }
    }
    let written = || sandbox.zendesk.tickets().iter().map(|ticket| ticket.comments.len()).sum::<usize>();
    assert!(sandbox.wait_until(DEADLINE, || written() == CUSTOMERS * TEXTS).await, "only {} arrived", written());
    let took = started.elapsed();
    let calls = sandbox.zendesk.calls().len();
    println!(
        "end to end: {} texts of {CUSTOMERS} customers in {:.2} s: {:.0} texts/s, {calls} calls to Zendesk",
        CUSTOMERS * TEXTS,
        took.as_secs_f64(),
        (CUSTOMERS * TEXTS) as f64 / took.as_secs_f64()
    );
    stop.cancel();
    bridge.await.unwrap().unwrap();
}

fn add_customer(sandbox: &Sandbox, n: usize) -> String {
    let external_id = format!("customer-{n}");
    let _user = sandbox.zendesk.add_user(tandem::sandbox::zendesk::User {
        name: format!("Customer {n}"),
        external_id: Some(external_id.clone()),
        ..Default::default()
    });
    sandbox.braze.add_profile(Profile { external_id: Some(external_id), ..Profile::default() })
}
