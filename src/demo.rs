//! `tandem demo`: the real bridge against the embedded vendors, over HTTP, for a visitor who wants to see it work.
//!
//! * [`page`] — one page in the browser: a phone, the agent's ticket, the bridge between them, and trouble switches.
//! * [`script`] — the same conversation on the terminal, which ends by itself.
//!
//! Both run over each carrier of [`Carrier`]. Neither looks inside the bridge: they act as customers and agents, and look
//! at the vendors' records afterwards.
//! The bridge's store lies in a directory for temporary files, which is removed at the end.

mod account;
mod auth;
mod carriers;
mod child;
mod conversation;
mod deliveries;
mod handset;
pub mod page;
pub mod script;
mod troubles;
mod view;

pub use carriers::Carrier;
pub(crate) use carriers::of_braze;
pub use child::serve as serve_as_child;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config;
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::serve::{Listeners, ServeError, serve};
use handset::Settings;

/// How long one step may take. It takes milliseconds; the deadline allows for a busy machine.
pub(crate) const STEP_DEADLINE: Duration = Duration::from_secs(20);

/// Why the demo, or a drill, did not play to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Something that should have happened did not.
    #[error("this did not happen within {STEP_DEADLINE:?}: {0}")]
    NotSeen(&'static str),
    /// Its own configuration is wrong.
    #[error(transparent)]
    Config(#[from] config::Faults),
    /// The bridge did not run.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The bridge ended by itself before it was ready.
    #[error("the bridge did not start; the last it said was: {0}")]
    NotStarted(String),
    /// The port that was asked for is taken.
    #[error("cannot listen on port {port}: {source}; give --port another one, or leave it out")]
    Port {
        /// The port.
        port: u16,
        /// The system's error.
        source: io::Error,
    },
    /// No HTTP client can be built.
    #[error("cannot build the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The system refused something.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A bridge that runs in this process, between the embedded vendors.
pub(crate) struct Bridge {
    /// The address for webhooks.
    public: String,
    stop: CancellationToken,
    running: JoinHandle<Result<(), ServeError>>,
}

impl Bridge {
    /// Starts the bridge on free ports, with its store in this directory and this carrier, and tells the sandbox its
    /// address. It does not catch up: no webhook is lost here, so the conversation shows that it works without.
    pub(crate) async fn start(sandbox: &Sandbox, carrier: &Settings, directory: &Path) -> Result<Self, DemoError> {
        // The addresses stand for the listeners that are bound below, and only have to differ.
        let [listen, operator] = [0, 1].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let text = configuration(sandbox, directory, listen, operator, "catch_up_minutes = 0", carrier);
        let (config, _) = config::parse(Some(&text), secrets(carrier), directory)?;
        let listeners = Listeners {
            public: TcpListener::bind("127.0.0.1:0").await?,
            operator: TcpListener::bind("127.0.0.1:0").await?,
        };
        let public = format!("http://{}", listeners.public.local_addr()?);
        sandbox.connect(&public);
        let stop = CancellationToken::new();
        let running = tokio::spawn(serve(config, listeners, Clock::system(), stop.clone().cancelled_owned()));
        Ok(Self { public, stop, running })
    }

    /// Stops it in order.
    pub(crate) async fn stop(self) -> Result<(), DemoError> {
        self.stop.cancel();
        Ok(self.running.await.map_err(io::Error::other)??)
    }
}

/// The bridge's configuration but for its [`secrets`], with more lines for the top.
fn configuration(
    sandbox: &Sandbox,
    directory: &Path,
    listen: SocketAddr,
    operator: SocketAddr,
    top: &str,
    carrier: &Settings,
) -> String {
    let options = SandboxOptions::default();
    let mut text = String::new();
    let store = directory.join("store");
    // Writing to a string cannot fail.
    write!(
        text,
        r#"
listen = "{listen}"
operator_listen = "{operator}"
{top}
[store]
url = "sled:{store}"
[zendesk]
url = "{zendesk_url}"
client_id = "{client_id}"
{tables}
"#,
        store = store.display(),
        zendesk_url = sandbox.zendesk.url(),
        client_id = options.zendesk_client_id,
        tables = carrier.tables,
    )
    .ok();
    text
}

/// The sandbox's secrets, as the environment gives them to a bridge. They open nothing anywhere else.
fn secrets(carrier: &Settings) -> Vec<(String, String)> {
    let options = SandboxOptions::default();
    let of_desk = [
        ("TANDEM_ZENDESK__CLIENT_SECRET", options.zendesk_client_secret),
        ("TANDEM_ZENDESK__WEBHOOK_SECRETS", options.zendesk_webhook_secret),
    ];
    let all = of_desk.into_iter().chain(carrier.secrets.iter().cloned());
    all.map(|(name, secret)| (name.to_owned(), secret)).collect()
}

/// Plays in a directory of its own for temporary files, which is removed afterwards, also after a failure.
pub(crate) async fn scratch<T>(
    name: &str,
    play: impl AsyncFnOnce(&Path) -> Result<T, DemoError>,
) -> Result<T, DemoError> {
    let directory = std::env::temp_dir().join(format!("tandem-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let played = play(&directory).await;
    std::fs::remove_dir_all(&directory)?;
    played
}

pub(crate) fn say(line: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}
