//! The snippets of docs/running.md for nginx, HAProxy and Caddy, run by these very programs on loopback: a webhook passes
//! with its bytes as they were signed, a 413 is read, and while tandem is away the answer is one that Zendesk repeats.
//!
//! Ignored unless asked for, so that the plain test command needs nothing installed:
//!
//! ```console
//! tests/install-proxies
//! cargo test --test it -- proxies:: --include-ignored
//! ```

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode};
use tandem::sandbox::SandboxOptions;
use tandem::sandbox::zendesk::TicketStatus;

use crate::process::{Bridge, Process, shipped};
use crate::support::DEADLINE;

/// A proxy: the language of its snippet, the snippet's own addresses, and how it is made to run from a file.
struct Proxy {
    language: &'static str,
    listens: &'static str,
    /// Its replacement: the test finds the proxy at `ADDRESS`.
    listens_here: &'static str,
    /// The file around the snippet, with `SNIPPET` and `DIRECTORY` to fill in.
    file: &'static str,
    /// The command, with `FILE` and `DIRECTORY` to fill in.
    command: &'static [&'static str],
}

const NGINX: Proxy = Proxy {
    language: "nginx",
    listens: "listen 443 ssl;",
    listens_here: "listen ADDRESS;",
    file: "daemon off; master_process off; pid DIRECTORY/pid; error_log stderr; events {} http { access_log off; \
           client_body_temp_path DIRECTORY/1; proxy_temp_path DIRECTORY/2; fastcgi_temp_path DIRECTORY/3; \
           uwsgi_temp_path DIRECTORY/4; scgi_temp_path DIRECTORY/5;\nSNIPPET\n}\n",
    command: &["nginx", "-e", "stderr", "-p", "DIRECTORY", "-c", "FILE"],
};

const HAPROXY: Proxy = Proxy {
    language: "haproxy",
    listens: "bind :443 ssl crt /etc/haproxy/tandem.pem",
    listens_here: "bind ADDRESS",
    file: "SNIPPET\n",
    command: &["haproxy", "-db", "-f", "FILE"],
};

const CADDY: Proxy = Proxy {
    language: "caddyfile",
    listens: "tandem.acme.example {",
    listens_here: "http://ADDRESS {",
    file: "{\n admin off\n auto_https off\n}\nSNIPPET\n",
    command: &["caddy", "run", "--config", "FILE", "--adapter", "caddyfile"],
};

/// The only block of this language on the page.
fn snippet(language: &str) -> String {
    let page = shipped("docs/running.md");
    let mut blocks = page.split("```").filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'));
    let block = blocks.next().unwrap_or_else(|| panic!("the page has no snippet for {language}")).to_owned();
    assert_eq!(blocks.next(), None, "{language}");
    block
}

fn replaced(text: &str, what: &str, by: &str) -> String {
    assert_eq!(text.matches(what).count(), 1, "{what} in {text}");
    text.replace(what, by)
}

impl Proxy {
    /// Starts it before the bridge at `upstream`.
    fn start(&self, directory: &Path, upstream: &str) -> (Process, SocketAddr) {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listens = self.listens_here.replace("ADDRESS", &address.to_string());
        let snippet = replaced(&replaced(&snippet(self.language), self.listens, &listens), "127.0.0.1:8080", upstream);
        // The test has no certificate.
        let snippet: String = snippet
            .lines()
            .filter(|line| !line.trim_start().starts_with("ssl_"))
            .fold(String::new(), |text, line| text + line + "\n");
        let place = directory.to_str().unwrap();
        let file = directory.join("proxy.conf");
        std::fs::write(&file, self.file.replace("SNIPPET", &snippet).replace("DIRECTORY", place)).unwrap();
        let arguments = self.command[1..].iter().map(|word| word.replace("FILE", file.to_str().unwrap()));
        let mut command = Command::new(self.command[0]);
        command.args(arguments.map(|word| word.replace("DIRECTORY", place))).env_clear();
        // Debian has two of the three outside of a user's PATH; and Caddy needs a home.
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", place);
        (Process::spawn(command, ""), address)
    }
}

/// The status, and the seconds of `Retry-After`.
async fn told(request: RequestBuilder) -> (StatusCode, Option<u64>) {
    let answer = request.send().await.unwrap();
    let seconds = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().parse().unwrap());
    (answer.status(), seconds)
}

/// A webhook whose body any rewriting would change, signed now.
fn webhook(bridge: &Bridge, proxy: SocketAddr) -> RequestBuilder {
    let body = "\r\n{ \"event\" : \"tandem_check\",\t\"é\": \"\\u00e9 %20+\" }\n\n";
    let timestamp = tandem::clock::Clock::system().now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let secret = SandboxOptions::default().zendesk_webhook_secret.into();
    let signature = tandem::vendors::zendesk::signature::zendesk_signature(&secret, &timestamp, body.as_bytes());
    let request = bridge.http.post(format!("http://{proxy}/webhooks/zendesk")).body(body);
    request
        .header("X-Zendesk-Webhook-Signature", signature)
        .header("X-Zendesk-Webhook-Signature-Timestamp", timestamp)
        .timeout(DEADLINE)
}

async fn keeps_the_promises(proxy: Proxy) {
    let mut bridge = Bridge::start().await;
    let upstream = bridge.host.public.strip_prefix("http://").unwrap().to_owned();
    // The next process is where the first one was.
    bridge.host.environment.insert("TANDEM_LISTEN", upstream.clone());
    let directory = tempfile::tempdir().unwrap();
    let (running, address) = proxy.start(directory.path(), &upstream);
    let is_up = async {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, is_up).await.is_ok(), "it does not start: {:#?}", running.log());

    assert_eq!(told(webhook(&bridge, address)).await, (StatusCode::ACCEPTED, None), "{:#?}", running.log());
    // A whole conversation goes through it.
    bridge.sandbox.connect(&format!("http://{address}"));
    let ada = bridge.customer("ada");
    bridge.text(&ada, "Hello").await;
    bridge.settled().await;
    let ticket = bridge.ticket_of("ada").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>Hello to you</p>");
    bridge.until("the reply", || bridge.texts_to(&ada) == ["Hello to you"]).await;
    bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Pending);

    let url = format!("http://{address}/webhooks/braze");
    for bytes in [256 * 1024 + 1, 300_000, 900_000] {
        for _ in 0..3 {
            let request =
                bridge.http.post(&url).header("X-Tandem-Token", SandboxOptions::default().braze_webhook_token);
            let told = told(request.body(vec![b'x'; bytes])).await;
            assert_eq!(told.0, StatusCode::PAYLOAD_TOO_LARGE, "{bytes} bytes");
            // With a wrong token too, whose body the bridge does not read.
            let request = bridge.http.post(&url).header("X-Tandem-Token", "wrong").body(vec![b'x'; bytes.min(200_000)]);
            assert_eq!(self::told(request).await.0, StatusCode::UNAUTHORIZED, "{bytes} bytes");
        }
    }

    bridge.settled().await;
    assert_eq!(bridge.host.stop().await, 0);
    for _ in 0..3 {
        let (status, seconds) = told(webhook(&bridge, address)).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(seconds.is_some_and(|seconds| (1..60).contains(&seconds)), "Zendesk does not repeat it: {seconds:?}");
    }
    bridge.host.start(&bridge.sandbox).await;
    let mut answers = Vec::new();
    // The first may still meet a connection of before.
    while answers.last() != Some(&(StatusCode::ACCEPTED, None)) && answers.len() < 3 {
        answers.push(told(webhook(&bridge, address)).await);
    }
    assert_eq!(answers.pop(), Some((StatusCode::ACCEPTED, None)));
    assert!(answers.iter().all(|(status, after)| *status == 503 && after.is_some()), "{answers:?}");
    drop(running);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs tests/install-proxies"]
async fn nginx_keeps_the_promises_of_the_page() {
    keeps_the_promises(NGINX).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs tests/install-proxies"]
async fn haproxy_keeps_the_promises_of_the_page() {
    keeps_the_promises(HAPROXY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs tests/install-proxies"]
async fn caddy_keeps_the_promises_of_the_page() {
    keeps_the_promises(CADDY).await;
}

/// Without the programs: each snippet is there, with the words that the tests replace in it.
#[test]
fn each_snippet_stands_on_the_page() {
    for proxy in [NGINX, HAPROXY, CADDY] {
        let snippet = snippet(proxy.language);
        assert_eq!(snippet.matches(proxy.listens).count(), 1, "{}", proxy.language);
        assert_eq!(snippet.matches("127.0.0.1:8080").count(), 1, "{}", proxy.language);
    }
}
