//! The real binary as a child process, between the embedded vendors of this process.
//!
//! For tests that need a process: `kill -9`, signals, exit codes, output and log. The clock is the system's. The child
//! takes any free port and names it in its log, so that no test guesses a port or a time.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tandem::clock::Clock;
use tandem::sandbox::bird::Bird;
use tandem::sandbox::braze::Profile;
use tandem::sandbox::pack::Api;
use tandem::sandbox::sender::{Attempt, AttemptResult};
use tandem::sandbox::sunshine::Sunshine;
use tandem::sandbox::zendesk::Ticket;
use tandem::sandbox::{Sandbox, SandboxOptions};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::support::{DEADLINE, answer, http_client, json, list, settings};

/// How long the vendors are left to themselves before the bridge is asked again.
const QUIET: Duration = Duration::from_millis(25);

/// `tandem` with these arguments, without this process's environment.
pub(crate) fn tandem(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.args(arguments).env_clear();
    command
}

/// The same command, from a shell that has run this line before.
pub(crate) fn after(line: &str, command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("{line} && exec \"$0\" \"$@\"")]);
    shell.arg(command.get_program()).args(command.get_args());
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

/// The exit code and output of a command that ended by itself.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs a command to its end.
pub(crate) async fn run(command: Command) -> Said {
    run_with(command, "").await
}

/// Runs a command to its end, with this on its standard input.
pub(crate) async fn run_with(command: Command, input: &str) -> Said {
    let mut process = Process::spawn(command, input);
    let code = process.exit().await;
    Said { code, out: process.output().join("\n"), err: process.log().join("\n") }
}

/// A running child. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    output: watch::Receiver<Vec<String>>,
    log: watch::Receiver<Vec<String>>,
}

impl Process {
    pub(crate) fn spawn(mut command: Command, input: &str) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that does not read its input may end before it is written.
        drop(stdin.write_all(input.as_bytes()));
        let output = lines_of(child.stdout.take().unwrap());
        let log = lines_of(child.stderr.take().unwrap());
        Self { child, output, log }
    }

    /// The first line of the log with these words; `None` when the process ended without it.
    pub(crate) async fn logs(&mut self, words: &str) -> Option<String> {
        line_with(&mut self.log, words).await
    }

    /// Waits until this many lines of the log have these words.
    pub(crate) async fn logs_times(&mut self, words: &str, times: usize) {
        let count = |lines: &Vec<String>| lines.iter().filter(|line| line.contains(words)).count();
        let said = tokio::time::timeout(DEADLINE, self.log.wait_for(|lines| count(lines) >= times)).await;
        assert!(said.is_ok_and(|said| said.is_ok()), "nobody says {words:?} {times} times: {:#?}", self.log());
    }

    /// The first printed line with these words; `None` when the process ended without it.
    pub(crate) async fn prints(&mut self, words: &str) -> Option<String> {
        line_with(&mut self.output, words).await
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends `TERM`, `INT` or `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success(), "{line}");
    }

    /// Waits for the end, and returns the exit code.
    pub(crate) async fn exit(&mut self) -> i32 {
        self.ended(DEADLINE).await.expect("the process ends").code().expect("an exit code, not a signal")
    }

    /// Waits for the end, but no longer than this, and returns its status.
    pub(crate) async fn ended(&mut self, patience: Duration) -> Option<ExitStatus> {
        for stream in [&mut self.output, &mut self.log] {
            // The channel closes at the end of the stream, which is the end of the process.
            drop(tokio::time::timeout(patience, stream.wait_for(|_| false)).await.ok()?);
        }
        Some(self.child.wait().unwrap())
    }

    pub(crate) fn lines_logged(&self) -> usize {
        self.log.borrow().len()
    }

    /// Waits until it has logged `count` lines in all, or has ended; false when neither happens in time.
    pub(crate) async fn logs_lines(&mut self, count: usize, patience: Duration) -> bool {
        tokio::time::timeout(patience, self.log.wait_for(|lines| lines.len() >= count)).await.is_ok()
    }

    pub(crate) fn output(&self) -> Vec<String> {
        self.output.borrow().clone()
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended long ago.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn lines_of(stream: impl Read + Send + 'static) -> watch::Receiver<Vec<String>> {
    let (lines, read) = watch::channel(Vec::new());
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            lines.send_modify(|lines: &mut Vec<String>| lines.push(line));
        }
    });
    read
}

async fn line_with(stream: &mut watch::Receiver<Vec<String>>, words: &str) -> Option<String> {
    let is_it = |line: &&String| line.contains(words);
    let said = stream.wait_for(|lines| lines.iter().any(|line| is_it(&line)));
    // It also ends when the stream does, perhaps with these words.
    let in_time = tokio::time::timeout(DEADLINE, said).await.is_ok();
    assert!(in_time, "nobody says {words:?}: {:#?}", *stream.borrow());
    stream.borrow().iter().find(is_it).cloned()
}

/// One directory, and the processes that run on it one after the other.
pub(crate) struct Host {
    pub(crate) directory: TempDir,
    pub(crate) process: Option<Process>,
    /// Where webhooks go, `http://127.0.0.1:…`.
    pub(crate) public: String,
    /// Where operators go.
    pub(crate) operator: String,
    /// The variables of the process, besides the configuration file.
    pub(crate) environment: BTreeMap<&'static str, String>,
    /// The time that each start took, to the line that reports it.
    pub(crate) starts: Vec<Duration>,
    /// The vendors of further accounts, which are told where each process is.
    pub(crate) others: Vec<Arc<Sandbox>>,
    /// The same of further carriers.
    pub(crate) bird: Option<Bird>,
    pub(crate) sunshine: Option<Sunshine>,
    pub(crate) packed: Option<Api>,
    /// The logs of earlier processes.
    logged: Vec<String>,
}

impl Host {
    /// A fresh directory with this configuration, in which nothing runs yet.
    pub(crate) fn new(settings: &str, log_filter: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("tandem.toml"), settings).unwrap();
        Self {
            directory,
            process: None,
            public: String::new(),
            operator: String::new(),
            environment: BTreeMap::from([("RUST_LOG", log_filter.to_owned())]),
            starts: Vec::new(),
            others: Vec::new(),
            bird: None,
            sunshine: None,
            packed: None,
            logged: Vec::new(),
        }
    }

    /// `tandem serve` on this directory.
    pub(crate) fn serve(&self) -> Command {
        let mut command = tandem(&["serve", "--config", self.config().to_str().unwrap()]);
        command.env("TANDEM_OPERATOR_LISTEN", "127.0.0.1:0").envs(&self.environment);
        command
    }

    pub(crate) fn config(&self) -> std::path::PathBuf {
        self.directory.path().join("tandem.toml")
    }

    /// Adds tables to the configuration.
    pub(crate) fn configure(&self, tables: &str) {
        let settings = std::fs::read_to_string(self.config()).unwrap();
        std::fs::write(self.config(), settings + tables).unwrap();
    }

    pub(crate) fn store(&self) -> std::path::PathBuf {
        self.directory.path().join("store")
    }

    /// Starts a process, and tells the vendors where it is.
    pub(crate) async fn start(&mut self, sandbox: &Sandbox) {
        let ready = self.try_start(sandbox).await;
        assert!(ready, "it does not start: {:#?}", self.process.as_ref().map(Process::log));
    }

    /// The same; false when the process ended before it was ready.
    pub(crate) async fn try_start(&mut self, sandbox: &Sandbox) -> bool {
        let begun = Instant::now();
        let process = self.process.insert(Process::spawn(self.serve(), ""));
        let Some(started) = process.logs("tandem.started").await else { return false };
        self.starts.push(begun.elapsed());
        let started: Value = serde_json::from_str(&started).unwrap();
        let url = |listener: &str| format!("http://{}", started[listener].as_str().unwrap());
        (self.public, self.operator) = (url("public"), url("operator"));
        sandbox.connect(&self.public);
        self.others.iter().for_each(|other| other.connect(&self.public));
        self.bird.iter().for_each(|bird| bird.connect(&self.public));
        self.sunshine.iter().for_each(|sunshine| sunshine.connect(&self.public));
        self.packed.iter().for_each(|packed| packed.connect(&self.public));
        true
    }

    /// Waits until the process has killed itself, but no longer than this; false when it has not.
    pub(crate) async fn died(&mut self, patience: Duration) -> bool {
        let Some(status) = self.process.as_mut().unwrap().ended(patience).await else { return false };
        let process = self.process.take().unwrap();
        assert_eq!(status.signal(), Some(9), "it did not die at the point: {:#?}", process.log());
        self.logged.extend(process.log());
        true
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill();
        self.logged.extend(process.log());
    }

    /// Stops it with SIGTERM, and returns the exit code.
    pub(crate) async fn stop(&mut self) -> i32 {
        let mut process = self.process.take().unwrap();
        process.signal("TERM");
        let code = process.exit().await;
        self.logged.extend(process.log());
        code
    }

    /// `tandem …` with the address of this bridge's operator listener.
    pub(crate) async fn ask(&self, arguments: &[&str]) -> Said {
        run(tandem(&[arguments, &["--url", &self.operator]].concat())).await
    }

    /// Everything that every process on this directory has logged.
    pub(crate) fn logged(&self) -> Vec<String> {
        let running = self.process.as_ref().map(Process::log).unwrap_or_default();
        self.logged.iter().cloned().chain(running).collect()
    }
}

/// The acts of an operator on texts that were set aside.
#[derive(Default)]
pub(crate) struct Attended {
    /// How many texts: each may have left two notes.
    pub(crate) count: usize,
    /// The words that were sent again, behind texts that had not waited for them.
    pub(crate) sent_again: Vec<String>,
}

/// A real bridge in a process of its own, and its vendors here.
pub(crate) struct Bridge {
    pub(crate) sandbox: Sandbox,
    pub(crate) host: Host,
    pub(crate) http: reqwest::Client,
}

impl Bridge {
    /// How long the vendors wait before they repeat a webhook: longer than those of other tests, so that a restart fits in.
    pub(crate) const SPACING: Duration = Duration::from_millis(200);

    pub(crate) async fn start() -> Self {
        Self::start_with("catch_up_minutes = 0", "info").await
    }

    /// With more lines for the top of the configuration, and another `RUST_LOG`.
    pub(crate) async fn start_with(top: &str, log_filter: &str) -> Self {
        let mut bridge = Self::at_rest(top, "confirm_after_seconds = [1, 2]", log_filter, Self::SPACING).await;
        bridge.host.start(&bridge.sandbox).await;
        bridge
    }

    /// Everything but the process, with more lines for `[braze]` besides.
    pub(crate) async fn at_rest(top: &str, braze: &str, log_filter: &str, retry_spacing: Duration) -> Self {
        let options = SandboxOptions { retry_spacing, ..SandboxOptions::default() };
        let sandbox = Sandbox::start(options.clone(), Clock::system()).await.unwrap();
        let settings = settings(&sandbox, &options, top, braze, "");
        Self { sandbox, host: Host::new(&settings, log_filter), http: http_client() }
    }

    /// Kills the process and starts another on the same directory.
    pub(crate) async fn kill_and_start(&mut self) {
        self.host.kill();
        self.sandbox.zendesk.clear_faults();
        self.sandbox.braze.clear_faults();
        self.host.start(&self.sandbox).await;
    }

    /// A customer with this external id; returns the Braze id.
    pub(crate) fn customer(&self, external_id: &str) -> String {
        let number = external_id.bytes().fold(0_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 10_000);
        self.sandbox.braze.add_profile(Profile {
            external_id: Some(external_id.to_owned()),
            phone: Some(format!("+1555555{number:04}")),
            first_name: Some("Ada".to_owned()),
            last_name: Some("Lovelace".to_owned()),
            ..Profile::default()
        })
    }

    /// Waits until it holds.
    pub(crate) async fn until(&self, what: &str, holds: impl FnMut() -> bool) {
        until(&self.sandbox, what, holds).await;
    }

    /// Texts, and waits until the bridge has acknowledged it.
    pub(crate) async fn text(&self, customer: &str, words: &str) {
        text(&self.sandbox, customer, words).await;
    }

    /// Waits for the one ticket of a customer with this external id.
    pub(crate) async fn ticket_of(&self, external_id: &str) -> u64 {
        self.until("the ticket", || !tickets_of(&self.sandbox, external_id).is_empty()).await;
        tickets_of(&self.sandbox, external_id)[0].id
    }

    /// The comments on a ticket, internal notes included.
    pub(crate) fn comments(&self, ticket: u64) -> Vec<String> {
        let ticket = self.sandbox.zendesk.ticket(ticket).unwrap();
        ticket.comments.into_iter().map(|comment| comment.plain_body).collect()
    }

    /// The texts that reached this phone.
    pub(crate) fn texts_to(&self, customer: &str) -> Vec<String> {
        let texts = self.sandbox.braze.texts().into_iter();
        texts.filter(|text| text.braze_id == customer).map(|text| text.body).collect()
    }

    pub(crate) async fn deliveries(&self) -> Vec<Value> {
        list(&self.http, &self.host.operator, "/api/deliveries", "").await
    }

    /// Waits until every webhook is answered and no delivery holds a lane.
    pub(crate) async fn settled(&self) -> Vec<Value> {
        let deliveries = self.at_rest_within(DEADLINE).await;
        let aside: Vec<&Value> = deliveries.iter().filter(|delivery| is_set_aside(delivery)).collect();
        assert!(aside.is_empty(), "these were set aside: {aside:#?}");
        deliveries
    }

    /// The same, beside an operator who looks at the phone for each text that was set aside: one that is there is settled,
    /// one that is not is sent again.
    pub(crate) async fn attended_within(&self, deadline: Duration) -> (Vec<Value>, Attended) {
        let mut attended = Attended::default();
        loop {
            let deliveries = self.at_rest_within(deadline).await;
            let aside: Vec<&Value> = deliveries.iter().filter(|delivery| is_set_aside(delivery)).collect();
            if aside.is_empty() {
                return (deliveries, attended);
            }
            for delivery in aside {
                let address = format!("{}/api/deliveries/{}", self.host.operator, delivery["id"].as_str().unwrap());
                let shown = json(self.http.get(&address).send().await.unwrap()).await;
                let words = shown["event"]["text"].as_str().unwrap_or_else(|| panic!("a text: {shown:#}"));
                let others = self.host.others.iter().map(AsRef::as_ref);
                let texts = others.chain([&self.sandbox]).flat_map(|vendors| vendors.braze.texts());
                let over_bird = self.host.bird.iter().flat_map(Bird::texts).map(|text| text.text);
                let over_sunshine = self.host.sunshine.iter().flat_map(Sunshine::texts).map(|text| text.words);
                let over_pack = self.host.packed.iter().flat_map(Api::texts).map(|text| text.text);
                let further = over_bird.chain(over_sunshine).chain(over_pack);
                let arrived = texts.map(|text| text.body).chain(further).any(|text| text == words);
                let act = if arrived { "settle" } else { "redrive" };
                attended.sent_again.extend((!arrived).then(|| words.to_owned()));
                assert_eq!(answer(self.http.post(format!("{address}/{act}"))).await.0, 200, "{act} {shown:#}");
                attended.count += 1;
            }
        }
    }

    /// Waits until every webhook is answered and every delivery is over or set aside.
    async fn at_rest_within(&self, deadline: Duration) -> Vec<Value> {
        for vendors in self.host.others.iter().map(AsRef::as_ref).chain([&self.sandbox]) {
            let is_idle = || vendors.zendesk.is_idle() && vendors.braze.is_idle();
            until(vendors, "every webhook answered", is_idle).await;
        }
        if let Some(bird) = &self.host.bird {
            assert!(
                bird.wait_until(DEADLINE, || bird.is_idle()).await,
                "this never happened: Bird's webhooks answered"
            );
        }
        if let Some(sunshine) = &self.host.sunshine {
            assert!(
                sunshine.wait_until(DEADLINE, || sunshine.is_idle()).await,
                "this never happened: the webhooks of Sunshine Conversations answered"
            );
        }
        if let Some(packed) = &self.host.packed {
            assert!(
                packed.wait_until(DEADLINE, || packed.is_idle()).await,
                "this never happened: the webhooks of the pack's vendor answered"
            );
        }
        let started = tokio::time::Instant::now();
        loop {
            let deliveries = self.deliveries().await;
            let is_open = |delivery: &&Value| {
                let open = ["pending", "sending", "waiting", "unconfirmed"];
                open.contains(&delivery["state"].as_str().unwrap()) && !is_set_aside(delivery)
            };
            let open: Vec<&Value> = deliveries.iter().filter(is_open).collect();
            if open.is_empty() {
                return deliveries;
            }
            assert!(started.elapsed() < deadline, "these never settle: {open:#?}");
            self.sandbox.wait_until(QUIET, || false).await;
        }
    }

    /// The status of a `GET` on the public listener.
    pub(crate) async fn status(&self, path: &str) -> u16 {
        answer(self.http.get(format!("{}{path}", self.host.public))).await.0
    }

    /// Ends the test: every delivery is settled and this many are dead, the process stops in order, and its log is JSON
    /// without secrets.
    pub(crate) async fn finish(mut self, dead: usize) {
        let deliveries = self.settled().await;
        let found = deliveries.iter().filter(|delivery| delivery["state"] == "dead").count();
        assert_eq!(found, dead, "dead letters in {:#}", Value::from(deliveries));
        assert_eq!(self.host.stop().await, 0, "exit code after SIGTERM");
        let logged = self.host.logged();
        assert!(!logged.is_empty());
        for line in &logged {
            let entry: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            assert!(entry["level"].is_string() && entry["timestamp"].is_string(), "{line}");
        }
        assert_discreet(&logged.join("\n"), &self.sandbox);
    }
}

/// Waits until it holds, in a world where real time passes.
pub(crate) async fn until(sandbox: &Sandbox, what: &str, holds: impl FnMut() -> bool) {
    assert!(sandbox.wait_until(DEADLINE, holds).await, "this never happened: {what}");
}

/// Texts by SMS, as [`text_on`] does.
pub(crate) async fn text(sandbox: &Sandbox, customer: &str, words: &str) {
    text_on(sandbox, false, customer, words).await;
}

/// Texts by SMS or WhatsApp, and waits until the bridge has acknowledged it.
pub(crate) async fn text_on(sandbox: &Sandbox, is_chat: bool, customer: &str, words: &str) {
    let phone = &sandbox.phone;
    let dispatch = if is_chat { phone.whatsapp(customer, words) } else { phone.text(customer, words) }.unwrap();
    let (tries, again) = (|| sandbox.braze.attempts_of(&dispatch), || phone.repeat(&dispatch));
    until_acknowledged(6, tries, again, async |answered| sandbox.wait_until(DEADLINE, answered).await).await;
}

/// Texts over Bird, and waits until the bridge has acknowledged it.
pub(crate) async fn text_over_bird(bird: &Bird, (from, to): (&str, &str), words: &str) {
    let webhook = bird.text(from, to, words);
    let tries = || bird.webhooks_delivered().into_iter().filter(|tried| tried.id == webhook).collect();
    let again = || bird.repeat_webhook(&webhook);
    until_acknowledged(6, tries, again, async |answered| bird.wait_until(DEADLINE, answered).await).await;
}

/// Texts over Sunshine Conversations, and waits until the bridge has acknowledged it.
pub(crate) async fn text_over_sunshine(sunshine: &Sunshine, integration: &str, from: &str, words: &str) {
    let message = sunshine.text(integration, from, words);
    let tries = || sunshine.attempts_about(&message);
    let again = || sunshine.repeat_webhooks(&message) > 0;
    until_acknowledged(5, tries, again, async |answered| sunshine.wait_until(DEADLINE, answered).await).await;
}

/// Texts over the vendor of a pack, and waits until the bridge has acknowledged it.
pub(crate) async fn text_over_pack(packed: &Api, (from, to): (&str, &str), words: &str) {
    let webhook = packed.text(from, to, words, &[]);
    let (tries, again) = (|| packed.attempts_of(&webhook), || packed.repeat_webhook(&webhook));
    until_acknowledged(6, tries, again, async |answered| packed.wait_until(DEADLINE, answered).await).await;
}

/// Waits until a success was read. A carrier repeats an unanswered webhook; when it has given up after so many tries, the
/// customer's text is sent again.
async fn until_acknowledged(
    most: u32,
    tries: impl Fn() -> Vec<Attempt>,
    again: impl Fn() -> bool,
    wait_until: impl AsyncFn(&mut dyn FnMut() -> bool) -> bool,
) {
    let mut given_up_after = 0;
    loop {
        let mut acknowledged = false;
        let mut is_answered = || {
            let tries = tries();
            acknowledged = tries.iter().any(|attempt| is_accepted(&attempt.result));
            acknowledged || tries.len() > given_up_after && tries.last().is_some_and(|last| last.attempt >= most)
        };
        assert!(wait_until(&mut is_answered).await, "this never happened: an answer to the text");
        if acknowledged {
            return;
        }
        given_up_after = tries().len();
        assert!(again());
    }
}

/// Whether it is unconfirmed and nothing looks for it any more.
fn is_set_aside(delivery: &Value) -> bool {
    delivery["state"] == "unconfirmed" && delivery["due_at"].is_null()
}

/// Whether the vendor read a success.
pub(crate) fn is_accepted(result: &AttemptResult) -> bool {
    matches!(result, AttemptResult::Answered { status: 200 | 202, .. })
}

pub(crate) fn tickets_of(sandbox: &Sandbox, external_id: &str) -> Vec<Ticket> {
    let tickets = sandbox.zendesk.tickets().into_iter();
    tickets.filter(|ticket| ticket.external_id.as_deref() == Some(external_id)).collect()
}

/// Fails when output or log holds a secret, a signature, a phone number, a name, or a customer's or agent's words.
pub(crate) fn assert_discreet(printed: &str, sandbox: &Sandbox) {
    let options = SandboxOptions::default();
    let mut never = vec![
        options.zendesk_client_secret,
        options.zendesk_api_token,
        options.zendesk_webhook_secret,
        options.braze_api_key,
        options.braze_webhook_token,
        "Bearer ".to_owned(),
        "Lovelace".to_owned(),
    ];
    for profile in sandbox.braze.profiles() {
        never.extend(profile.phone.map(|phone| phone.trim_start_matches('+').to_owned()));
    }
    let public = sandbox.zendesk.tickets().into_iter().flat_map(|ticket| ticket.comments);
    let public = public.filter(|comment| comment.public).map(|comment| comment.plain_body);
    let texts = sandbox.braze.texts().into_iter().map(|text| text.body);
    for words in public.chain(texts) {
        // As JSON writes them, and without lines too short to be unique.
        let lines = words.lines().map(|line| Value::from(line).to_string().trim_matches('"').to_owned());
        never.extend(lines.filter(|line| line.len() > 8));
    }
    for attempt in sandbox.zendesk.webhooks_delivered() {
        let headers = attempt.headers.into_iter();
        never.extend(headers.filter(|(name, _)| name == "x-zendesk-webhook-signature").map(|(_, value)| value));
    }
    for words in never {
        assert!(!printed.contains(&words), "{words:?} was printed or logged: {printed}");
    }
}

/// A file of this repository.
pub(crate) fn shipped(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}
