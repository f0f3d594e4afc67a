//! The server of the demo page: who may use it, the effect of each act, and that its bridge comes back and goes with it.
//! tests/browser tests the page itself.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use crate::process::{Process, run, tandem};
use crate::support::DEADLINE;

/// A running demo.
struct Demo {
    process: Process,
    temporary: TempDir,
    origin: String,
    http: reqwest::Client,
}

impl Demo {
    async fn start(arguments: &[&str]) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut command = tandem(&[&["demo"], arguments].concat());
        command.env("TMPDIR", temporary.path());
        let mut process = Process::spawn(command, "");
        let line = process.prints("tandem demo: ").await.expect("the address");
        let origin = line.split_once(": ").unwrap().1.to_owned();
        // A view goes on for as long as it is looked at.
        let http = tandem::vendors::http::http_client(DEADLINE, DEADLINE * 2).unwrap();
        Self { process, temporary, origin, http }
    }

    /// One whose bridge runs.
    async fn ready() -> (Self, u64) {
        Self::ready_over("braze").await
    }

    /// The same over this carrier.
    async fn ready_over(carrier: &str) -> (Self, u64) {
        let demo = Self::start(&["--port", "0", "--carrier", carrier]).await;
        let pid = demo.pid().await;
        (demo, pid)
    }

    /// The bridge's process, once it runs.
    async fn pid(&self) -> u64 {
        self.view("a running bridge", |view| view["bridge"]["is"] == "up").await["bridge"]["pid"].as_u64().unwrap()
    }

    /// The bridge's configuration, as it stands in its directory.
    fn configuration(&self) -> String {
        let directory = std::fs::read_dir(&self.temporary).unwrap().next().unwrap().unwrap().path();
        std::fs::read_to_string(directory.join("tandem.toml")).unwrap()
    }

    /// The bridge's operator listener.
    fn operator(&self) -> String {
        let configuration = self.configuration();
        let line = configuration.lines().find_map(|line| line.strip_prefix("operator_listen = \"")).unwrap();
        line.trim_end_matches('"').to_owned()
    }

    async fn post(&self, path: &str, wish: Value) -> (u16, String) {
        let request = self.http.post(format!("{}{path}", self.origin)).header("content-type", "application/json");
        let answer = request.body(wish.to_string()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Makes a request that must succeed.
    async fn act(&self, path: &str, wish: Value) {
        assert_eq!(self.post(path, wish).await, (204, String::new()), "{path}");
    }

    /// Waits for a view that fits, and returns it.
    async fn view(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut views = self.http.get(format!("{}/view", self.origin)).send().await.unwrap();
        let (mut bytes, mut last) = (Vec::new(), Value::Null);
        let found = tokio::time::timeout(DEADLINE, async {
            while last.is_null() || !is_so(&last) {
                bytes.extend_from_slice(&views.chunk().await.unwrap().expect("views go on"));
                while let Some(end) = bytes.windows(2).position(|pair| pair == b"\n\n") {
                    let event: Vec<u8> = bytes.drain(..end + 2).collect();
                    if let Some(data) = event.strip_prefix(b"data: ").filter(|data| data.starts_with(b"{")) {
                        last = serde_json::from_slice(data).unwrap();
                    }
                    if !last.is_null() && is_so(&last) {
                        return;
                    }
                }
            }
        });
        assert!(found.await.is_ok(), "never: {what}: {last:#}");
        last
    }

    /// Waits until `arrived` messages have arrived, and none is on the way, doubled or lost.
    async fn arrived(&self, texted: u64, arrived: u64) -> Value {
        let account = json!({
            "texted": texted, "arrived": arrived, "on_the_way": 0, "refused": texted - arrived, "doubled": 0, "lost": 0,
        });
        self.view(&format!("{arrived} arrived"), |view| view["account"] == account).await
    }
}

fn words(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["words"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_page_has_all_its_parts_and_may_load_no_others() {
    let (demo, _) = Demo::ready().await;
    let page = demo.http.get(&demo.origin).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    for directive in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.split("; ").any(|part| part == directive), "{directive}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    assert_eq!(
        (&page.headers()["x-frame-options"], &page.headers()["x-content-type-options"]),
        (&"DENY".parse().unwrap(), &"nosniff".parse().unwrap())
    );
    let page = page.text().await.unwrap();
    for kind in ["href=\"/", "src=\"/"] {
        for part in page.split(kind).skip(1) {
            let path = part.split('"').next().unwrap();
            let answer = demo.http.get(format!("{}/{path}", demo.origin)).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            assert!(answer.content_length().unwrap() > 100, "{path}");
        }
    }
    assert!(!page.contains("<style") && !page.contains("style=") && !page.contains(" onclick"), "nothing inline");
}

#[tokio::test]
async fn other_web_sites_are_kept_out() {
    let (demo, _) = Demo::ready().await;
    let origin = demo.origin.clone();
    let port = origin.rsplit_once(':').unwrap().1;
    let wish = json!({"words": "from elsewhere"}).to_string();
    let post = |headers: &[(&'static str, String)]| {
        let mut request = demo.http.post(format!("{origin}/text")).body(wish.clone());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.send()
    };
    let json_type = ("content-type", "application/json".to_owned());
    for (headers, status) in [
        (vec![json_type.clone(), ("origin", "http://evil.example".to_owned())], 403),
        (vec![json_type.clone(), ("origin", "null".to_owned())], 403),
        (vec![json_type.clone(), ("sec-fetch-site", "cross-site".to_owned())], 403),
        (vec![json_type.clone(), ("sec-fetch-site", "same-site".to_owned())], 403),
        (vec![json_type.clone(), ("host", format!("evil.example:{port}"))], 403),
        (vec![("content-type", "text/plain".to_owned())], 415),
        (vec![], 415),
    ] {
        assert_eq!(post(&headers).await.unwrap().status(), status, "{headers:?}");
    }
    // A request under a foreign host name may not even read.
    for path in ["/", "/view", "/demo.js"] {
        let request = demo.http.get(format!("{origin}{path}")).header("host", format!("evil.example:{port}"));
        assert_eq!(request.send().await.unwrap().status(), 403, "{path}");
    }
    let own = [json_type, ("origin", origin.clone()), ("sec-fetch-site", "same-origin".to_owned())];
    assert_eq!(post(&own).await.unwrap().status(), 204);
    let view = demo.arrived(1, 1).await;
    assert_eq!(words(&view["phone"]), ["from elsewhere"], "once, for the one that was let in");
}

#[tokio::test]
async fn each_act_does_what_it_says() {
    let (demo, _) = Demo::ready().await;
    let refused = demo.post("/reply", json!({"words": "Too early", "public": true})).await;
    assert_eq!(refused.0, 409, "{refused:?}");
    assert_eq!(demo.post("/text", json!({"words": " \n"})).await.0, 409);
    assert_eq!(demo.post("/text", json!({"words": "é".repeat(601)})).await.0, 409);
    assert_eq!(demo.post("/text", json!({"word": "x"})).await.0, 400);
    assert_eq!(demo.post("/kill?x", json!([1])).await.0, 400);

    let text = "Hi! \"It\" broke.\n<b>Order</b> {{5}} 🚚";
    demo.act("/text", json!({"words": text})).await;
    demo.arrived(1, 1).await;
    demo.act("/reply", json!({"words": "Hello,\n\"sorry\" <i>!", "public": true})).await;
    demo.act("/reply", json!({"words": "for colleagues", "public": false})).await;
    let view = demo.arrived(2, 2).await;
    assert_eq!(words(&view["phone"]), [text, "Hello,\n\"sorry\" <i>!"]);
    assert_eq!(words(&view["tickets"][0]["comments"]), [text, "Hello,\n\"sorry\" <i>!", "for colleagues"]);

    demo.act("/status", json!({"status": "solved"})).await;
    demo.view("the closing text", |view| view["phone"].as_array().unwrap().len() == 3).await;
    demo.act("/text", json!({"words": "Wait!"})).await;
    let view = demo.arrived(3, 3).await;
    assert_eq!(view["tickets"][0]["status"], "open", "a text reopens it");
    demo.act("/status", json!({"status": "closed"})).await;
    assert_eq!(demo.post("/status", json!({"status": "open"})).await.0, 409);
    assert_eq!(demo.post("/reply", json!({"words": "x", "public": true})).await.0, 409);
    demo.act("/text", json!({"words": "Still there?"})).await;
    let view = demo.arrived(4, 4).await;
    assert_eq!(words(&view["tickets"][1]["comments"]), ["Still there?"], "the next ticket");

    demo.act("/text", json!({"words": "stop"})).await;
    demo.view("opted out", |view| view["opted_out"] == true && view["messages"][4]["passed"] == 4).await;
    demo.act("/reply", json!({"words": "Are you gone?", "public": true})).await;
    let view = demo.arrived(5, 4).await;
    assert_eq!(view["messages"][5]["fate"], "refused");
    demo.act("/text", json!({"words": "START"})).await;
    demo.view("opted in", |view| view["opted_out"] == false && view["messages"][6]["passed"] == 4).await;
    demo.act("/reply", json!({"words": "Welcome back", "public": true})).await;
    demo.arrived(6, 5).await;
}

#[tokio::test]
async fn pictures_come_through_and_nothing_else_does() {
    let (demo, _) = Demo::ready().await;
    let add = async |media_type: &str, bytes: Vec<u8>| {
        let request = demo.http.post(format!("{}/picture", demo.origin)).header("content-type", media_type);
        let answer = request.body(bytes).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let gif = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;".to_vec();
    let (status, answer) = add("image/gif", gif.clone()).await;
    assert_eq!((status, answer.as_str()), (200, "{\"picture\":1}"), "0 is the sample");
    assert_eq!(add("image/svg+xml", gif.clone()).await.0, 409);
    assert_eq!(add("text/html", gif.clone()).await.0, 409);
    assert_eq!(add("image/png", vec![0; 5 * 1024 * 1024 + 1]).await.0, 413);
    assert_eq!(demo.post("/text", json!({"words": "x", "picture": 2})).await.0, 409);

    demo.act("/text", json!({"words": "look", "picture": 1})).await;
    let view = demo.arrived(1, 1).await;
    let (sent, seen) = (&view["phone"][0]["picture"], &view["tickets"][0]["comments"][0]["pictures"][0]);
    for path in [sent, seen] {
        let path = path.as_str().unwrap_or_else(|| panic!("no picture: {view:#}"));
        let answer = demo.http.get(format!("{}{path}", demo.origin)).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["content-type"]), (200, &"image/gif".parse().unwrap()));
        assert_eq!(answer.bytes().await.unwrap(), gif, "{path}");
    }
    for path in ["/files/api/v2/tickets/1", "/files/media/none.png", "/files/media/../../etc/passwd"] {
        assert_eq!(demo.http.get(format!("{}{path}", demo.origin)).send().await.unwrap().status(), 404, "{path}");
    }
}

#[tokio::test]
async fn each_switch_breaks_what_it_says_and_nothing_is_lost() {
    let (demo, _) = Demo::ready().await;
    let switch = async |trouble: &str, on: bool| demo.act("/trouble", json!({"trouble": trouble, "on": on})).await;
    let both_write = async |words: &str| {
        demo.act("/text", json!({"words": format!("{words}, I ask")})).await;
        demo.act("/reply", json!({"words": format!("{words}, you say"), "public": true})).await;
    };
    demo.act("/text", json!({"words": "Hello"})).await;
    demo.arrived(1, 1).await;

    switch("zendesk_down", true).await;
    both_write("Down").await;
    let waiting = |message: &Value| message["state"] == "waiting" && message["attempts"].as_u64() >= Some(3);
    let view = demo.view("it waits for Zendesk", |view| waiting(&view["messages"][1])).await;
    assert_eq!(view["messages"][1]["cause"], "Zendesk answered 503");
    switch("zendesk_down", false).await;
    let arrived = demo.arrived(3, 3).await;
    let traced = |view: &Value| {
        let trace = view["messages"][1]["traces"][0].as_str();
        trace.is_some_and(|trace| trace.starts_with("went through after "))
    };
    demo.view("the attempts stay to be seen", traced).await;
    let comments = arrived["tickets"][0]["comments"].as_array().unwrap();
    let text = comments.iter().find(|comment| comment["words"] == "Down, I ask").unwrap();
    let time = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(time(&text["at"]) < time(&view["messages"][1]["due_at"]), "the visitor need not wait for the next look");

    switch("answers_lost", true).await;
    both_write("Lost").await;
    let looking = |view: &Value| [3, 4].iter().all(|place| view["messages"][place]["state"] == "unconfirmed");
    demo.view("it does not know of either", looking).await;
    demo.arrived(5, 5).await;
    let found = |view: &Value| [3, 4].iter().all(|place| view["messages"][place]["passed"] == 4);
    let view = demo.view("it has found both, while the switch is on", found).await;
    let traces = [3, 4].map(|place| view["messages"][place]["traces"].clone());
    assert_eq!(traces, [json!(["found by its mark, not sent again"]), json!(["found by its receipt, not sent again"])]);
    switch("answers_lost", false).await;

    switch("twice", true).await;
    both_write("Twice").await;
    demo.arrived(7, 7).await;
    let ignored =
        |view: &Value| [5, 6].iter().all(|place| view["messages"][place]["traces"] == json!(["2nd ring ignored"]));
    demo.view("the second rings stay to be seen", ignored).await;
    let metrics = async || {
        let asked = demo.http.get(format!("http://{}/metrics", demo.operator())).send().await;
        asked.unwrap().text().await.unwrap()
    };
    let counted = metrics().await;
    for endpoint in ["zendesk", "braze"] {
        let count = format!("tandem_duplicates_total{{endpoint=\"{endpoint}\"}} 1");
        assert!(counted.lines().any(|line| line == count), "{count}: {counted}");
    }
    demo.act("/status", json!({"status": "solved"})).await;
    let closed = |view: &Value| words(&view["phone"]).contains(&"Your ticket has been closed");
    demo.view("the closing text, which is counted as doubled when it comes twice", closed).await;
    switch("twice", false).await;

    switch("storm", true).await;
    both_write("Storm").await;
    let view = demo.arrived(9, 9).await;
    let counted = metrics().await;
    let refused = |line: &str| line.starts_with("tandem_call_seconds_count") && line.contains("answer=\"429\"");
    assert!(counted.lines().any(|line| refused(line) && !line.ends_with(" 0")), "the storm struck: {counted}");
    let mut on = view["troubles"].as_object().unwrap().clone();
    on.retain(|_, is_on| *is_on == true);
    assert_eq!(Value::from(on), json!({"storm": true}));
    assert_eq!(demo.post("/trouble", json!({"trouble": "rain", "on": true})).await.0, 400);
}

#[tokio::test]
async fn a_refused_text_and_one_without_a_receipt_are_left_to_the_operator() {
    let (demo, first) = Demo::ready().await;
    let switch = async |trouble: &str, on: bool| demo.act("/trouble", json!({"trouble": trouble, "on": on})).await;
    let listed = async |state: &str| {
        let asked = demo.http.get(format!("http://{}/api/deliveries?state={state}", demo.operator())).send().await;
        let page: Value = serde_json::from_str(&asked.unwrap().text().await.unwrap()).unwrap();
        page["total"].as_u64().unwrap()
    };
    demo.act("/text", json!({"words": "Hello"})).await;
    demo.arrived(1, 1).await;

    switch("texts_refused", true).await;
    demo.act("/reply", json!({"words": "To a landline", "public": true})).await;
    let view = demo.arrived(2, 1).await;
    assert_eq!(
        (&view["messages"][1]["state"], &view["messages"][1]["traces"][0]),
        (&"dead".into(), &"given up: a note for the agent, a dead letter in the console".into())
    );
    assert_eq!(listed("dead").await, 1);
    let told = |view: &Value| view["tickets"][0]["comments"].as_array().unwrap().iter().any(|it| it["public"] == false);
    demo.view("a note for the agent", told).await;
    switch("texts_refused", false).await;

    switch("receipts_late", true).await;
    let other = |view: &Value| view["bridge"]["is"] == "up" && view["bridge"]["pid"] != first;
    demo.view("a bridge with the other setting", other).await;
    demo.act("/reply", json!({"words": "Did it arrive?", "public": true})).await;
    let aside = |view: &Value| {
        let message = &view["messages"][2];
        message["state"] == "unconfirmed" && message["due_at"].is_null()
    };
    let view = demo.view("it is set aside", aside).await;
    assert_eq!(view["messages"][2]["traces"], json!(["no receipt tells whether it arrived: the console asks you"]));
    assert_eq!((&view["messages"][2]["fate"], view["phone"].as_array().unwrap().len()), (&"arrived".into(), 2));
    assert_eq!(listed("unconfirmed").await, 1);
    switch("receipts_late", false).await;
    demo.act("/reply", json!({"words": "All is well", "public": true})).await;
    let well = |view: &Value| view["messages"][3]["passed"] == 4;
    demo.view("the next one is proven again", well).await;
}

#[tokio::test]
async fn the_page_is_the_same_over_bird() {
    over("bird", "Bird").await;
}

#[tokio::test]
async fn the_page_is_the_same_over_sunshine_conversations() {
    over("sunshine", "Sunshine Conversations").await;
}

/// A conversation with troubles over a further carrier.
async fn over(carrier: &str, title: &str) {
    let (demo, first) = Demo::ready_over(carrier).await;
    let switch = async |trouble: &str, on: bool| demo.act("/trouble", json!({"trouble": trouble, "on": on})).await;
    let reply = async |words: &str| demo.act("/reply", json!({"words": words, "public": true})).await;
    let page = demo.http.get(&demo.origin).send().await.unwrap().text().await.unwrap();
    assert!(page.contains(&format!("<strong>{title} refuses texts</strong>")), "{page}");
    assert!(
        page.contains("<label class=\"trouble\" hidden><input type=\"checkbox\" role=\"switch\" id=\"receipts_late\"")
    );

    demo.act("/text", json!({"words": "Hello"})).await;
    demo.arrived(1, 1).await;
    reply("Hi").await;
    let view = demo.arrived(2, 2).await;
    assert_eq!(
        (words(&view["phone"]), words(&view["tickets"][0]["comments"])),
        (vec!["Hello", "Hi"], vec!["Hello", "Hi"])
    );
    demo.view("the reply is proven", |view| view["messages"][1]["passed"] == 4).await;

    switch("twice", true).await;
    demo.act("/text", json!({"words": "Twice"})).await;
    let ignored = |view: &Value| view["messages"][2]["traces"] == json!(["2nd ring ignored"]);
    demo.view("the second ring stays to be seen", ignored).await;
    demo.arrived(3, 3).await;
    switch("twice", false).await;

    switch("answers_lost", true).await;
    demo.act("/text", json!({"words": "Lost, I ask"})).await;
    reply("Lost, you say").await;
    demo.arrived(5, 5).await;
    demo.view("both are proven", |view| [3, 4].iter().all(|place| view["messages"][place]["passed"] == 4)).await;
    switch("answers_lost", false).await;

    switch("texts_refused", true).await;
    reply("To a landline").await;
    let view = demo.arrived(6, 5).await;
    assert_eq!(view["messages"][5]["state"], "dead", "{view:#}");
    switch("texts_refused", false).await;

    demo.act("/kill", json!({})).await;
    demo.view("it is dead", |view| view["bridge"]["is"] == "killed").await;
    demo.act("/text", json!({"words": "Meanwhile"})).await;
    let unheard = |view: &Value| view["messages"][6]["cause"].as_str().is_some_and(|cause| cause.contains(title));
    demo.view("the carrier repeats it", unheard).await;
    demo.arrived(7, 6).await;
    assert_ne!(demo.pid().await, first);

    demo.act("/text", json!({"words": "stop"})).await;
    demo.view("opted out", |view| view["opted_out"] == true && view["messages"][7]["fate"] == "arrived").await;
    reply("Are you gone?").await;
    let view = demo.arrived(8, 6).await;
    assert_eq!(view["messages"][8]["fate"], "refused");
    let told = |view: &Value| {
        let comments = view["tickets"][0]["comments"].as_array().unwrap();
        comments.iter().any(|it| it["public"] == false && it["words"].as_str().unwrap().contains("opted out"))
    };
    demo.view("the agent is told", told).await;
    demo.act("/text", json!({"words": "START"})).await;
    demo.view("opted in", |view| view["opted_out"] == false && view["messages"][9]["fate"] == "arrived").await;
    reply("Welcome back").await;
    demo.arrived(9, 7).await;
}

#[tokio::test]
async fn pictures_come_where_the_carrier_passes_them_on() {
    let (demo, _) = Demo::ready_over("bird").await;
    let refused = demo.post("/text", json!({"words": "look", "picture": 0})).await;
    assert_eq!(refused, (409, "This carrier passes no pictures on.".to_owned()));
    let (demo, _) = Demo::ready_over("sunshine").await;
    demo.act("/text", json!({"words": "look", "picture": 0})).await;
    let view = demo.arrived(1, 1).await;
    let sample = demo.http.get(format!("{}/parcel.png", demo.origin)).send().await.unwrap().bytes().await.unwrap();
    let (sent, seen) = (&view["phone"][0]["picture"], &view["tickets"][0]["comments"][0]["pictures"][0]);
    for path in [sent, seen] {
        let path = path.as_str().unwrap_or_else(|| panic!("no picture: {view:#}"));
        let answer = demo.http.get(format!("{}{path}", demo.origin)).send().await.unwrap();
        assert_eq!(answer.bytes().await.unwrap(), sample, "{path}");
    }
}

#[tokio::test]
async fn the_page_leads_to_the_console_of_its_bridge() {
    let (demo, _) = Demo::ready().await;
    let page = demo.http.get(&demo.origin).send().await.unwrap().text().await.unwrap();
    let address = format!("http://{}/console", demo.operator());
    assert!(page.contains(&format!("href=\"{address}\"")) && !page.contains("{{console}}"), "{address}");
    assert!(address.starts_with("http://127.0.0.1:"), "{address}");
    let console = demo.http.get(&address).header("sec-fetch-site", "same-site").header("sec-fetch-mode", "navigate");
    assert_eq!(console.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_killed_bridge_is_another_process_soon_and_finds_what_it_missed() {
    let (demo, first) = Demo::ready().await;
    demo.act("/text", json!({"words": "Before"})).await;
    demo.arrived(1, 1).await;
    demo.act("/kill", json!({})).await;
    demo.view("it is dead", |view| view["bridge"]["is"] == "killed").await;
    assert_eq!(demo.post("/kill", json!({})).await.0, 409, "nobody is killed twice");
    demo.act("/text", json!({"words": "Meanwhile"})).await;
    demo.act("/reply", json!({"words": "Nobody rang", "public": true})).await;
    let unheard = |view: &Value| [1, 2].iter().all(|place| view["messages"][place]["state"] == "unheard");
    demo.view("nobody hears", unheard).await;
    let view = demo.arrived(3, 3).await;
    assert_eq!(view["messages"][2]["caught_up"], true, "Zendesk does not repeat what found nobody");
    let traced = json!("found by looking, no webhook told of it");
    let told = |view: &Value| view["messages"][2]["traces"].as_array().unwrap().contains(&traced);
    demo.view("that stays to be seen", told).await;
    assert_ne!(demo.pid().await, first);
}

#[tokio::test]
async fn ctrl_c_ends_it_all_and_leaves_nothing() {
    let (mut demo, pid) = Demo::ready().await;
    demo.process.signal("INT");
    assert_eq!(demo.process.exit().await, 0);
    assert_eq!(std::fs::read_dir(&demo.temporary).unwrap().count(), 0, "nothing is left");
    assert!(!PathBuf::from(format!("/proc/{pid}")).exists(), "the bridge is gone");
    assert_eq!(demo.process.log(), Vec::<String>::new());
}

#[tokio::test]
async fn the_bridge_does_not_outlive_a_demo_that_was_killed() {
    let (mut demo, _) = Demo::ready().await;
    assert!(!demo.configuration().contains("not-real"), "the secrets are in no file");
    // Once it is at rest, nothing else makes it end: no line of log that it cannot write, no call that fails.
    demo.act("/text", json!({"words": "Hello"})).await;
    demo.arrived(1, 1).await;
    demo.view("at rest", |view| view["messages"][0]["passed"] == 4).await;
    let mut bridge = TcpStream::connect(demo.operator()).await.unwrap();
    demo.process.kill();
    // The connection lives as long as the process. Its catch-up after a minute finds no vendor.
    let ended = tokio::time::timeout(DEADLINE / 4, bridge.read(&mut [0])).await.expect("the bridge ends");
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_or_another_is_found() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = run(tandem(&["demo", "--port", &port])).await;
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert!(said.err.contains(&format!("cannot listen on port {port}")) && said.err.contains("--port"), "{said:?}");
    // Where this fails, another process has the port, which is as good.
    let _default = TcpListener::bind("127.0.0.1:8484").await;
    let demo = Demo::start(&[]).await;
    assert!(demo.origin.starts_with("http://127.0.0.1:") && !demo.origin.ends_with(":8484"), "{}", demo.origin);
}
