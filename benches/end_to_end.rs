//! How fast texts go all the way: from a signed webhook to the recorded delivery on the phone, against the sandbox.
//!
//! Run: `cargo bench --bench end_to_end`. The bridge, both embedded vendors and the load share this machine, so this is
//! what one small machine does with everything on it. The published recipe's trigger bodies are used, because they need
//! no call to Zendesk: towards Zendesk it is the vendor's own limit (100 updates a minute) that decides, and not ours.
//! Bounded: `CUSTOMERS` times `TEXTS` texts, to 127.0.0.1 only.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot go on")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use secrecy::SecretString;
use tandem::clients::http_client;
use tandem::clock::Clock;
use tandem::config;
use tandem::intake::signature::zendesk_signature;
use tandem::sandbox::braze::Profile;
use tandem::sandbox::{Sandbox, SandboxOptions};
use tandem::serve::{Listeners, serve};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const CUSTOMERS: usize = 100;
const TEXTS: usize = 20;
const CONNECTIONS: usize = 64;
/// More than it takes by far: the end of a run that hangs.
const DEADLINE: Duration = Duration::from_secs(60);

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
    let bridge_url = format!("http://{}", listeners.public.local_addr().unwrap());
    let stop = CancellationToken::new();
    let bridge = tokio::spawn(serve(config, listeners, clock, stop.clone().cancelled_owned()));
    for n in 0..CUSTOMERS {
        let (external_id, phone) = (Some(format!("customer-{n}")), Some(format!("+1555555{n:04}")));
        let _braze_id = sandbox.braze.add_profile(Profile { external_id, phone, ..Profile::default() });
    }
    let client = http_client(Duration::from_secs(5), DEADLINE).unwrap();
    let secret = SecretString::from(options.zendesk_webhook_secret.clone());
    let started = Instant::now();
    let sent = (0..CUSTOMERS * TEXTS).map(|n| {
        let body = format!(
            r#"{{"campaign_id": "{}", "recipients": [{{"external_user_id": "customer-{}", "trigger_properties":
            {{"msg_body": "text {n}"}}, "attributes": {{"zendesk_ticket": "{}"}}}}]}}"#,
            options.campaign_agent_reply,
            n % CUSTOMERS,
            n % CUSTOMERS + 1
        );
        let timestamp = format!("{:.0}", Clock::system().now());
        client
            .post(format!("{bridge_url}/campaigns/trigger/send"))
            .header("X-Zendesk-Webhook-Signature", zendesk_signature(&secret, &timestamp, body.as_bytes()))
            .header("X-Zendesk-Webhook-Signature-Timestamp", timestamp)
            .header("X-Zendesk-Webhook-Invocation-Id", format!("01BENCH{n:019}"))
            .body(body)
            .send()
    });
    let answers = futures_util::stream::iter(sent).buffer_unordered(CONNECTIONS);
    answers.for_each(async |answer| assert_eq!(answer.unwrap().status(), 202)).await;
    let accepted = started.elapsed();
    let arrived = || sandbox.braze.texts().len();
    assert!(sandbox.wait_until(DEADLINE, || arrived() == CUSTOMERS * TEXTS).await, "only {} arrived", arrived());
    let took = started.elapsed();
    let rate = (CUSTOMERS * TEXTS) as f64 / took.as_secs_f64();
    println!(
        "end to end: {} texts to {CUSTOMERS} customers: accepted in {:.2} s, all on the phones after {:.2} s: {rate:.0} texts/s",
        CUSTOMERS * TEXTS,
        accepted.as_secs_f64(),
        took.as_secs_f64(),
    );
    stop.cancel();
    bridge.await.unwrap().unwrap();
}
