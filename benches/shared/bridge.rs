//! A bridge between both embedded vendors, all in the benchmark's own process: shared by the benchmarks that time a text
//! on its way. It opens connections to 127.0.0.1 only.

use std::path::Path;
use std::time::Duration;

use reqwest::RequestBuilder;
use secrecy::SecretString;
use tandem::clock::Clock;
use tandem::config;
use tandem::sandbox::braze::Profile;
use tandem::sandbox::{Sandbox, SandboxOptions};
use tandem::serve::{Listeners, ServeError, serve};
use tandem::vendors::http::http_client;
use tandem::vendors::zendesk::signature::zendesk_signature;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The end of a run that hangs: far more than any step takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A running bridge, its vendors, and a client that posts webhooks to it.
pub(crate) struct Bridge {
    /// Both vendors; their webhooks go to this bridge.
    pub(crate) sandbox: Sandbox,
    /// The bridge stops in order when this is cancelled.
    pub(crate) stop: CancellationToken,
    /// The bridge itself.
    pub(crate) running: JoinHandle<Result<(), ServeError>>,
    options: SandboxOptions,
    client: reqwest::Client,
    url: String,
}

impl Bridge {
    /// Starts the vendors and the bridge, with a fresh store in this directory.
    pub(crate) async fn start(directory: &Path) -> Self {
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
        sandbox.connect(&url);
        let stop = CancellationToken::new();
        let running = tokio::spawn(serve(config, listeners, Clock::system(), stop.clone().cancelled_owned()));
        let client = http_client(Duration::from_secs(5), DEADLINE).unwrap();
        Self { sandbox, stop, running, options, client, url }
    }

    /// Adds a customer to Braze; returns the Braze id.
    pub(crate) fn customer(&self, number: usize) -> String {
        let (external_id, phone) = (Some(format!("customer-{number}")), Some(format!("+1555555{number:04}")));
        self.sandbox.braze.add_profile(Profile { external_id, phone, ..Profile::default() })
    }

    /// The webhook of an agent's reply to this customer, in the form of the published recipe, which needs no call to
    /// Zendesk. No two with different numbers are the same.
    pub(crate) fn reply(&self, number: usize, customer: usize) -> RequestBuilder {
        let body = format!(
            r#"{{"campaign_id": "{}", "recipients": [{{"external_user_id": "customer-{customer}", "trigger_properties":
            {{"msg_body": "text {number}"}}, "attributes": {{"zendesk_ticket": "{}"}}}}]}}"#,
            self.options.campaign_agent_reply,
            customer + 1,
        );
        self.signed("/campaigns/trigger/send", number, body)
    }

    /// A webhook that Zendesk has signed just now.
    pub(crate) fn signed(&self, path: &str, number: usize, body: String) -> RequestBuilder {
        let secret = SecretString::from(self.options.zendesk_webhook_secret.clone());
        let timestamp = format!("{:.0}", Clock::system().now());
        self.client
            .post(format!("{}{path}", self.url))
            .header("X-Zendesk-Webhook-Signature", zendesk_signature(&secret, &timestamp, body.as_bytes()))
            .header("X-Zendesk-Webhook-Signature-Timestamp", timestamp)
            .header("X-Zendesk-Webhook-Invocation-Id", format!("01BENCH{number:019}"))
            .body(body)
    }
}
