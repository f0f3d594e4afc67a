//! One `chromedriver` process, and the few commands of the WebDriver protocol that the tests use. It knows no page.
//!
//! Ours, because the well-kept libraries cost too much here: one has licences that `deny.toml` does not allow, and the
//! other turns on `serde_json/preserve_order` for the whole build, so that every test would test another program than
//! the one that is shipped.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// How long one command may take: a start of the browser on a machine that is busy with something else.
const COMMAND_DEADLINE: Duration = Duration::from_secs(60);

/// How many drivers are started until one finds a port. A driver takes a port that is free for IPv6, asks for the same one
/// for IPv4, and ends where a connection of another test has that one.
const STARTS: usize = 10;

/// A running driver with its one session. Both end when this is dropped, and the browser with them.
pub(crate) struct Driver {
    process: Child,
    port: u16,
    session: String,
    http: reqwest::Client,
}

/// A refusal of the driver, in its own words.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: String,
    pub(crate) message: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Below the first line it lists its own stack.
        write!(out, "{}: {}", self.error, self.message.lines().next().unwrap_or_default())
    }
}

impl Driver {
    /// Starts a driver on a free port, and a browser with these capabilities.
    pub(crate) async fn start(capabilities: &Value) -> Self {
        let (process, port) = (0..STARTS).find_map(|_| spawned()).expect("one of the drivers finds a port");
        let http = tandem::vendors::http::http_client(Duration::from_secs(5), COMMAND_DEADLINE).unwrap();
        let mut driver = Self { process, port, session: String::new(), http };
        let wanted = json!({"capabilities": {"alwaysMatch": capabilities}});
        let made = driver.call(reqwest::Method::POST, "/session", Some(&wanted)).await;
        let made = made.unwrap_or_else(|refused| panic!("the browser does not start: {refused}"));
        driver.session = made["sessionId"].as_str().unwrap().to_owned();
        driver
    }

    /// Gives a command of the session, such as `/url`.
    pub(crate) async fn post(&self, command: &str, parameters: &Value) -> Result<Value, Refused> {
        self.call(reqwest::Method::POST, &format!("/session/{}{command}", self.session), Some(parameters)).await
    }

    /// Asks something of the session.
    pub(crate) async fn get(&self, command: &str) -> Result<Value, Refused> {
        self.call(reqwest::Method::GET, &format!("/session/{}{command}", self.session), None).await
    }

    /// Gives a command of Chromium's own debugging protocol.
    pub(crate) async fn chromium(&self, command: &str, parameters: &Value) -> Value {
        let asked = self.post("/goog/cdp/execute", &json!({"cmd": command, "params": parameters})).await;
        asked.unwrap_or_else(|refused| panic!("{command} {parameters}: {refused}"))
    }

    async fn call(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Result<Value, Refused> {
        let mut request = self.http.request(method, format!("http://127.0.0.1:{}{path}", self.port));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let text = request.send().await.expect("the driver answers").text().await.expect("it answers whole");
        let mut answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let value = answer["value"].take();
        match (value["error"].as_str(), value["message"].as_str()) {
            (Some(error), Some(message)) => Err(Refused { error: error.to_owned(), message: message.to_owned() }),
            _ => Ok(value),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Only the driver can end the browser, which is not a child of ours; it ends itself afterwards.
        let asked = TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            stream.write_all(b"GET /shutdown HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
            stream.read_to_end(&mut Vec::new())
        });
        if asked.is_err() {
            drop(self.process.kill());
        }
        drop(self.process.wait());
    }
}

/// A driver and the port that it says it has got; none where it ended before that.
fn spawned() -> Option<(Child, u16)> {
    let mut process = Command::new("chromedriver")
        .arg("--port=0")
        .env("FONTCONFIG_FILE", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/fonts.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("chromedriver does not start ({error}): run tests/install-browser"));
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    let port = lines.find_map(|line| line.strip_suffix('.')?.split("on port ").nth(1)?.parse().ok());
    let Some(port) = port else {
        process.wait().unwrap();
        return None;
    };
    // Its later output must be read, or it would wait for ever to write it.
    std::thread::spawn(move || lines.for_each(drop));
    Some((process, port))
}
