//! The bridge of the demo page, in a process of its own so that it can be killed: SIGKILL, and a start on the same
//! directory.
//!
//! The process does not outlive the demo: its standard input is a pipe that the demo holds open, and the process ends
//! when that closes, however the demo ended. The demo never opens the store, and gives the process only a
//! configuration.

use std::fs::File;
use std::future::pending;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::handset::Handset;
use super::{DemoError, configuration, secrets};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::retry::later;
use crate::sandbox::Sandbox;
use crate::serve::{Listeners, ServeError, serve_with_media};
use crate::vendors::http::media::MediaClient;

/// How long a killed bridge stays down: long enough to text into the silence, shorter than the carrier's repeats last.
const DOWN: Duration = Duration::from_secs(3);

/// The state of the bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(super) enum Standing {
    /// A process was started and is not ready.
    Starting,
    /// It takes webhooks.
    Up {
        /// Its process.
        pid: u32,
    },
    /// There is no process.
    Killed {
        /// The start of the next one.
        until: Timestamp,
    },
}

/// The end of a bridge's process.
enum End {
    /// It was killed, or died.
    Died,
    /// It starts again with another configuration.
    Reconfigured,
}

/// Starts the bridge, and starts it again each time that it was killed.
pub(super) struct Keeper {
    file: PathBuf,
    /// The configuration, and the same with `on_unconfirmed = "hold"`.
    texts: [String; 2],
    /// The secrets, which are in no file.
    secrets: Vec<(String, String)>,
    /// The address for webhooks.
    pub(super) public: SocketAddr,
    /// The address for operators.
    pub(super) operator: SocketAddr,
    standing: watch::Sender<Standing>,
    killing: Notify,
    reconfiguring: Notify,
    clock: Clock,
}

impl Keeper {
    /// Writes the configuration of a bridge between these vendors, which keeps its store in this directory.
    ///
    /// Its addresses stay the same over every start, so that a webhook finds either the bridge or no listener. The
    /// bridge catches up with those that found none.
    pub(super) fn new(sandbox: &Sandbox, handset: &dyn Handset, directory: &Path, clock: Clock) -> io::Result<Self> {
        // Both are bound at once, so that they differ; a moment later they are free again.
        let free = [StdListener::bind("127.0.0.1:0")?, StdListener::bind("127.0.0.1:0")?];
        let (public, operator) = (free[0].local_addr()?, free[1].local_addr()?);
        let texts = [false, true].map(|holds| {
            let carrier = handset.settings(holds);
            configuration(sandbox, directory, public, operator, "catch_up_minutes = 1", &carrier)
        });
        let secrets = secrets(&handset.settings(false));
        let file = directory.join("tandem.toml");
        let standing = watch::Sender::new(Standing::Starting);
        let (killing, reconfiguring) = Default::default();
        let keeper = Self { file, texts, secrets, public, operator, standing, killing, reconfiguring, clock };
        keeper.write(false)?;
        Ok(keeper)
    }

    fn write(&self, hold: bool) -> io::Result<()> {
        let [resend, held] = &self.texts;
        std::fs::write(&self.file, if hold { held } else { resend })
    }

    /// Starts the bridge anew with `on_unconfirmed` set to `hold`, or to its default, because a running bridge does
    /// not take over that key.
    pub(super) fn hold_unconfirmed(&self, hold: bool) -> io::Result<()> {
        self.write(hold)?;
        self.reconfiguring.notify_one();
        Ok(())
    }

    /// Its state, and every later one.
    pub(super) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// `kill -9`; false when there is nothing to kill.
    pub(super) fn kill(&self) -> bool {
        let is_up = matches!(*self.standing.borrow(), Standing::Up { .. });
        if is_up {
            self.killing.notify_one();
        }
        is_up
    }

    /// Keeps a bridge running until `stop`; then none is left.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) async fn run(&self, stop: &CancellationToken) -> Result<(), DemoError> {
        loop {
            self.standing.send_replace(Standing::Starting);
            let mut child = self.spawn()?;
            let lived = stop.run_until_cancelled(self.live(&mut child)).await;
            // It may have ended by itself; after this it has ended.
            drop(child.kill().await);
            match lived.transpose()? {
                None => return Ok(()),
                Some(End::Reconfigured) => continue,
                Some(End::Died) => {}
            }
            self.standing.send_replace(Standing::Killed { until: later(self.clock.now(), DOWN) });
            if stop.run_until_cancelled(tokio::time::sleep(DOWN)).await.is_none() {
                return Ok(());
            }
        }
    }

    fn spawn(&self) -> io::Result<Child> {
        // Nothing of our own environment: it may hold the settings of a real bridge.
        Command::new(std::env::current_exe()?)
            .arg("demo-bridge")
            .arg("--config")
            .arg(&self.file)
            .env_clear()
            .envs(self.secrets.iter().cloned())
            .env("RUST_LOG", "info")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }

    /// Watches a process from its start until it is to end, or ends by itself.
    async fn live(&self, child: &mut Child) -> Result<End, DemoError> {
        let Some(log) = child.stderr.take() else { return Ok(End::Died) };
        let mut log = BufReader::new(log).lines();
        let mut last = String::new();
        loop {
            match log.next_line().await? {
                Some(line) if line.contains("tandem.started") => break,
                Some(line) => last = line,
                None => return Err(DemoError::NotStarted(last)),
            }
        }
        self.standing.send_replace(Standing::Up { pid: child.id().unwrap_or_default() });
        loop {
            tokio::select! {
                () = self.killing.notified() => return Ok(End::Died),
                () = self.reconfiguring.notified() => return Ok(End::Reconfigured),
                line = log.next_line() => match line? {
                    Some(line) if line.contains("\"ERROR\"") => tracing::error!("the bridge says: {line}"),
                    Some(_) => {}
                    None => return Ok(End::Died),
                },
            }
        }
    }
}

/// The child's side: runs the bridge until standard input ends, and takes pictures from this machine, where the demo's
/// carrier is.
///
/// # Errors
/// When it cannot start.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    // A handle of its own, because the command line holds the lock of the usual one.
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    std::thread::spawn(move || {
        // The pipe is closed, so the demo is gone, and with it the vendors and the visitor.
        drop(io::copy(&mut input, &mut io::sink()));
        std::process::exit(0);
    });
    let listeners = Listeners {
        public: TcpListener::bind(config.listen).await?,
        operator: TcpListener::bind(config.operator_listen).await?,
    };
    serve_with_media(config, listeners, Clock::system(), MediaClient::of_this_machine()?, pending()).await
}
