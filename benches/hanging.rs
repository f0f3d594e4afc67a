//! What calls that hang cost everybody else: how long a text takes from its webhook to the phone while 200 others hang at
//! the vendor, against none hanging in the same run.
//!
//! Run: `cargo bench --bench hanging`. Bounded: some hundred texts, to 127.0.0.1 only.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot go on")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tandem::clients::http_client;
use tandem::clock::Clock;
use tandem::config;
use tandem::intake::signature::zendesk_signature;
use tandem::sandbox::braze::Profile;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::{Sandbox, SandboxOptions};
use tandem::serve::{Listeners, serve};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const HANGING: usize = 200;
const TEXTS: usize = 100;
const SEND: &str = "/campaigns/trigger/send";
/// More than it takes by far: the end of a run that hangs.
const DEADLINE: Duration = Duration::from_secs(20);

fn main() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("hanging-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(run(&directory));
    runtime.shutdown_background();
    std::fs::remove_dir_all(&directory).unwrap();
}

/// A running bridge and what posts webhooks to it.
struct Bench {
    sandbox: Sandbox,
    client: reqwest::Client,
    url: String,
    options: SandboxOptions,
    posted: usize,
}

impl Bench {
    async fn text(&mut self, customer: usize) {
        self.posted += 1;
        let body = format!(
            r#"{{"campaign_id": "{}", "recipients": [{{"external_user_id": "customer-{customer}", "trigger_properties":
            {{"msg_body": "text {}"}}, "attributes": {{"zendesk_ticket": "{}"}}}}]}}"#,
            self.options.campaign_agent_reply,
            self.posted,
            customer + 1,
        );
        let secret = SecretString::from(self.options.zendesk_webhook_secret.clone());
        let timestamp = format!("{:.0}", Clock::system().now());
        let request = self
            .client
            .post(format!("{}{SEND}", self.url))
            .header("X-Zendesk-Webhook-Signature", zendesk_signature(&secret, &timestamp, body.as_bytes()))
            .header("X-Zendesk-Webhook-Signature-Timestamp", timestamp)
            .header("X-Zendesk-Webhook-Invocation-Id", format!("01BENCH{:019}", self.posted))
            .body(body);
        assert_eq!(request.send().await.unwrap().status(), 202);
    }

    /// How long each of some texts of one customer takes to the phone: the median and the worst.
    async fn measured(&mut self) -> (Duration, Duration) {
        let mut took = Vec::new();
        for _ in 0..TEXTS {
            let before = self.sandbox.braze.texts().len();
            let started = Instant::now();
            self.text(HANGING).await;
            let sandbox = &self.sandbox;
            assert!(sandbox.wait_until(DEADLINE, || sandbox.braze.texts().len() > before).await, "a text is missing");
            took.push(started.elapsed());
        }
        took.sort_unstable();
        (took[TEXTS / 2], took[TEXTS - 1])
    }
}

async fn run(directory: &Path) {
    let options = SandboxOptions::default();
    let sandbox = Sandbox::start(options.clone(), Clock::system()).await.unwrap();
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
    let url = format!("http://{}", listeners.public.local_addr().unwrap());
    let stop = CancellationToken::new();
    let bridge = tokio::spawn(serve(config, listeners, Clock::system(), stop.clone().cancelled_owned()));
    for n in 0..=HANGING {
        let (external_id, phone) = (Some(format!("customer-{n}")), Some(format!("+1555555{n:04}")));
        let _braze_id = sandbox.braze.add_profile(Profile { external_id, phone, ..Profile::default() });
    }
    let client = http_client(Duration::from_secs(5), DEADLINE).unwrap();
    let mut bench = Bench { sandbox, client, url, options, posted: 0 };
    bench.measured().await;
    let alone = bench.measured().await;
    let hangs = FaultKind::Delay(Duration::from_secs(3600));
    bench.sandbox.braze.fail(Fault::on("POST", SEND, hangs).times(u32::try_from(HANGING).unwrap()));
    let before = bench.sandbox.braze.texts().len();
    for customer in 0..HANGING {
        bench.text(customer).await;
    }
    let hanging = || bench.sandbox.braze.texts().len() - before;
    assert!(bench.sandbox.wait_until(DEADLINE, || hanging() == HANGING).await, "only {} hang", hanging());
    let beside = bench.measured().await;
    println!(
        "a text to the phone: median {:.1?}, worst {:.1?} with none hanging; median {:.1?}, worst {:.1?} with {HANGING} hanging",
        alone.0, alone.1, beside.0, beside.1,
    );
    stop.cancel();
    bridge.abort();
}
