//! The bridge as a process of its own, whose vendors refuse connections: shared by the benchmarks that read its figures
//! from the operating system. It listens on 127.0.0.1 only.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Braze's token.
pub(crate) const TOKEN: &str = "bench-webhook-token-0123456789";

/// A start that takes longer than this is a fault, not a figure.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A process that is killed when this is dropped, as `kill -9` would.
pub(crate) struct Bridge {
    /// The process.
    pub(crate) child: Child,
    /// Where webhooks go.
    pub(crate) public: SocketAddr,
    /// The time from the start until `/readyz` said 200.
    pub(crate) ready_after: Duration,
}

impl Bridge {
    /// Starts the binary on the store and waits until it is ready. Its log, from `level` on, goes to `log`.
    pub(crate) fn start(binary: &Path, store: &Path, operator: SocketAddr, level: &str, log: Stdio) -> Self {
        let (public, nowhere) = (free_port(), free_port());
        let started = Instant::now();
        let child = Command::new(binary)
            .args(["serve"])
            .current_dir(store.parent().unwrap())
            .stdout(Stdio::null())
            .stderr(log)
            .env("TANDEM_LISTEN", public.to_string())
            .env("TANDEM_OPERATOR_LISTEN", operator.to_string())
            .env("TANDEM_STORE__URL", format!("sled:{}", store.display()))
            .env("TANDEM_ZENDESK__URL", format!("http://{nowhere}"))
            .env("TANDEM_ZENDESK__CLIENT_ID", "bench")
            .env("TANDEM_ZENDESK__CLIENT_SECRET", "bench-client-secret")
            .env("TANDEM_ZENDESK__WEBHOOK_SECRETS", "bench-signing-secret-0123456789")
            .env("TANDEM_BRAZE__URL", format!("http://{nowhere}"))
            .env("TANDEM_BRAZE__API_KEY", "bench-api-key")
            .env("TANDEM_BRAZE__WEBHOOK_TOKENS", TOKEN)
            .env("TANDEM_BRAZE__CAMPAIGNS__AGENT_REPLY", "00000000-0000-4000-8000-000000000001")
            .env("RUST_LOG", level)
            .spawn()
            .unwrap();
        let mut bridge = Self { child, public, ready_after: Duration::ZERO };
        let ready = "GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
        while !exchange(public, ready).is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            let ended = bridge.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended before it was ready: {ended:?}");
            assert!(started.elapsed() < READY_WITHIN, "not ready within {READY_WITHIN:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        bridge.ready_after = started.elapsed();
        bridge
    }

    /// A figure of the process's memory in KiB, by its name in `/proc/…/status`.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let figure = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
        figure.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// One request whose connection the server closes; the whole answer.
pub(crate) fn exchange(address: SocketAddr, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).ok()?;
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// An address at which nothing listens.
pub(crate) fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
