//! The console over real HTTP, as a browser without scripts sees it: who gets in, the rights of pages, the words that are
//! shown and hidden, and that every act is the operator API's own and is in the audit.

use jiff::SignedDuration;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tandem::sandbox::server::{Fault, FaultKind};

use crate::support::{TestBridge, answer};
use crate::webhooks::{assert_accepted, braze_post, form, quiet_bridge};

pub(crate) const TOKEN: &str = "an-operator-token-not-real";

/// Every page of the navigation.
const PAGES: [&str; 8] = [
    "/console",
    "/console/conversations",
    "/console/deliveries",
    "/console/quarantine",
    "/console/audit",
    "/console/settings",
    "/console/settings/mapping?name=agent_reply",
    "/console/sign-in",
];

/// An answer, read.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The token in the forms of this page.
    fn csrf(&self) -> String {
        let (_, rest) = self.text.split_once("name=\"csrf\" value=\"").expect("the page has a form");
        rest.split('"').next().unwrap().to_owned()
    }
}

/// A browser: it keeps its cookie and sends the headers that browsers send.
pub(crate) struct Browser<'a> {
    bridge: &'a TestBridge,
    pub(crate) cookie: Option<String>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(bridge: &'a TestBridge) -> Self {
        Self { bridge, cookie: None }
    }

    pub(crate) async fn signed_in(bridge: &'a TestBridge) -> Self {
        let mut browser = Self::new(bridge);
        let page = browser.sign_in(TOKEN).await;
        assert_eq!((page.status, page.header("location")), (StatusCode::SEE_OTHER, "/console"), "{}", page.text);
        browser
    }

    async fn sign_in(&mut self, token: &str) -> Page {
        let page = self.send(Method::POST, "/console/sign-in", &[("token", token), ("by", "ada")], &[]).await;
        if let Some((cookie, _)) = page.header("set-cookie").split_once(';') {
            self.cookie = Some(cookie.to_owned());
        }
        page
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        self.send(Method::GET, path, &[], &[]).await
    }

    /// Sends a form as the page at `from` carries it.
    pub(crate) async fn post(&self, from: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = self.get(from).await.csrf();
        self.send(Method::POST, path, &[&[("csrf", csrf.as_str())], fields].concat(), &[]).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&'static str, &str)],
    ) -> Page {
        let mut request = self.bridge.http.request(method.clone(), format!("{}{path}", self.bridge.operator));
        if method == Method::POST {
            request = request.header("content-type", "application/x-www-form-urlencoded").body(form(fields));
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        Page { status: response.status(), headers: response.headers().clone(), text: response.text().await.unwrap() }
    }

    /// The audit, newest first: operator, access, act.
    pub(crate) async fn audit(&self) -> Vec<(String, String, String)> {
        let request = self.bridge.http.get(format!("{}/api/audit", self.bridge.operator)).bearer_auth(TOKEN);
        let (_, page) = answer(request).await;
        let word = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let items = page["items"].as_array().unwrap().iter();
        items.map(|entry| (word(entry, "by"), word(entry, "access"), word(entry, "action"))).collect()
    }
}

/// A bridge that asks for the token, in which these texts were delivered and one webhook could not be read.
async fn with_texts(texts: &[(&str, &str)]) -> TestBridge {
    let mut bridge = quiet_bridge().await;
    for (customer, text) in texts {
        let fields = [("external_id", *customer), ("text", *text), ("phone", "+15555550101"), ("first_name", "Ada")];
        assert_accepted(&answer(braze_post(&bridge, &form(&fields))).await);
        bridge.settled().await;
    }
    answer(braze_post(&bridge, "nonsense of +15555550101")).await;
    ask_for_the_token(&mut bridge).await;
    bridge
}

pub(crate) async fn ask_for_the_token(bridge: &mut TestBridge) {
    bridge.restart_with(|settings| format!("operator_token = \"{TOKEN}\"\n{settings}")).await;
}

/// A bridge that asks for the token, with a text that was given up, and that delivery's id.
pub(crate) async fn with_a_dead_letter() -> (TestBridge, String) {
    let mut bridge = quiet_bridge().await;
    bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/tickets", FaultKind::status(422)));
    let body = form(&[("external_id", "ada"), ("text", "Where is my parcel?"), ("phone", "+15555550101")]);
    let id = assert_accepted(&answer(braze_post(&bridge, &body)).await);
    bridge.settled().await;
    ask_for_the_token(&mut bridge).await;
    (bridge, id)
}

// ------------------------------------------------------------------------------------------------------ who gets in

#[tokio::test]
async fn without_a_session_there_is_a_sign_in_form_and_nothing_else() {
    let mut bridge = with_texts(&[("ada-42", "Hello")]).await;
    let stranger = Browser::new(&bridge);
    for path in PAGES.iter().filter(|path| **path != "/console/sign-in") {
        let page = stranger.get(path).await;
        let expected = format!("/console/sign-in?{}", form(&[("next", path)]));
        assert_eq!((page.status, page.header("location")), (StatusCode::SEE_OTHER, expected.as_str()), "{path}");
        assert!(page.text.is_empty(), "{path}: {}", page.text);
    }
    for cookie in ["tandem_session=guessed", "tandem_session="] {
        let stranger = Browser { bridge: &bridge, cookie: Some(cookie.to_owned()) };
        assert_eq!(stranger.get("/console").await.status, StatusCode::SEE_OTHER, "{cookie}");
    }
    for path in ["/console/destinations/braze/pause", "/console/deliveries/move", "/console/sign-out"] {
        let page = stranger.send(Method::POST, path, &[("csrf", "x")], &[]).await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    // The token opens the API; it is no way around the console's sign-in, nor a session a way into the API.
    let page = stranger.send(Method::GET, "/console", &[], &[("authorization", &format!("Bearer {TOKEN}"))]).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    let ada = Browser::signed_in(&bridge).await;
    assert_eq!(ada.get("/api/deliveries").await.status, StatusCode::UNAUTHORIZED);
    assert!(ada.audit().await.is_empty(), "nothing was done");
    bridge.stop().await;
}

#[tokio::test]
async fn the_cookie_is_random_short_lived_and_for_us_alone() {
    let mut bridge = with_texts(&[]).await;
    let mut browser = Browser::new(&bridge);
    let wrong = browser.sign_in("wrong").await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (StatusCode::UNAUTHORIZED, ""));
    assert!(wrong.text.contains("not the operator token") && !wrong.text.contains("wrong\""), "{}", wrong.text);
    let page = browser.sign_in(TOKEN).await;
    let set = page.header("set-cookie").to_owned();
    let (value, flags) = set.split_once("; ").unwrap();
    assert_eq!(flags, "Path=/; HttpOnly; SameSite=Strict", "no Max-Age, and not Secure: the page came over http");
    let value = value.strip_prefix("tandem_session=").unwrap();
    assert!(value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()), "256 bits: {value}");
    let again = Browser::new(&bridge).sign_in(TOKEN).await;
    assert_ne!(again.header("set-cookie"), set, "every session has its own");

    let host = bridge.operator.trim_start_matches("http://").to_owned();
    let fields = [("token", TOKEN)];
    for (origin, secure) in [(format!("https://{host}"), true), (format!("http://{host}"), false)] {
        let page = browser.send(Method::POST, "/console/sign-in", &fields, &[("origin", &origin)]).await;
        assert_eq!(page.header("set-cookie").ends_with("; Secure"), secure, "{origin}");
    }
    let forwarded = [("x-forwarded-proto", "https"), ("forwarded", "proto=https")];
    let page = browser.send(Method::POST, "/console/sign-in", &fields, &forwarded).await;
    assert!(!page.header("set-cookie").contains("Secure"), "anybody can say that");
    bridge.stop().await;
}

#[tokio::test]
async fn a_session_ends_when_idle_with_the_day_and_at_sign_out() {
    let mut bridge = with_texts(&[]).await;
    let ada = Browser::signed_in(&bridge).await;
    let minutes = |count| bridge.clock.advance(SignedDuration::from_mins(count));
    for _ in 0..3 {
        minutes(29);
        assert_eq!(ada.get("/console").await.status, StatusCode::OK, "used every 29 minutes");
    }
    minutes(29);
    let live = ada.send(Method::GET, "/console", &[], &[("x-tandem-live", "1")]).await;
    assert_eq!(live.status, StatusCode::OK);
    minutes(1);
    assert_eq!(ada.get("/console").await.status, StatusCode::SEE_OTHER, "a page that refreshes itself is no use");

    let ada = Browser::signed_in(&bridge).await;
    for _ in 0..35 {
        minutes(20);
        assert_eq!(ada.get("/console").await.status, StatusCode::OK);
    }
    minutes(20);
    assert_eq!(ada.get("/console").await.status, StatusCode::SEE_OTHER, "twelve hours");

    let ada = Browser::signed_in(&bridge).await;
    let page = ada.post("/console", "/console/sign-out", &[]).await;
    assert_eq!((page.status, page.header("location")), (StatusCode::SEE_OTHER, "/console/sign-in"));
    assert!(page.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(ada.get("/console").await.status, StatusCode::SEE_OTHER, "the cookie that was kept opens nothing");
    bridge.stop().await;
}

#[tokio::test]
async fn a_session_ends_with_the_token_it_was_opened_with() {
    let mut bridge = with_texts(&[]).await;
    let cookie = Browser::signed_in(&bridge).await.cookie;
    bridge.reload_with(|settings| settings.replace(TOKEN, "another-operator-token")).await;
    let ada = Browser { bridge: &bridge, cookie };
    let mut status = StatusCode::OK;
    for _ in 0..100 {
        status = ada.get("/console").await.status;
        if status != StatusCode::OK {
            break;
        }
        bridge.sandbox.wait_until(std::time::Duration::from_millis(20), || false).await;
    }
    assert_eq!(status, StatusCode::SEE_OTHER);
    bridge.stop().await;
}

/// Three operators with tokens of their own.
const OPERATORS: &str = "
[[operators]]
name = \"rita\"
role = \"read\"
token = \"the-token-of-rita-not-real\"
[[operators]]
name = \"axel\"
role = \"act\"
rights = [\"campaigns\"]
token = \"the-token-of-axel-not-real\"
[[operators]]
name = \"anna\"
role = \"admin\"
token = \"the-token-of-anna-not-real\"
";

fn token_of(name: &str) -> String {
    format!("the-token-of-{name}-not-real")
}

impl<'a> Browser<'a> {
    /// Signed in with one's own token, and no name beside it.
    async fn of(bridge: &'a TestBridge, name: &str) -> Self {
        let mut browser = Self::new(bridge);
        let page = browser.send(Method::POST, "/console/sign-in", &[("token", &token_of(name))], &[]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
        browser.cookie = Some(page.header("set-cookie").split(';').next().unwrap().to_owned());
        browser
    }
}

#[tokio::test]
async fn each_operator_sees_and_does_what_the_role_allows_under_the_proven_name() {
    let (mut bridge, id) = with_a_dead_letter().await;
    bridge.restart_with(|settings| format!("{settings}{OPERATORS}")).await;
    let delivery = format!("/console/deliveries/{id}");
    let (rita, axel, anna) =
        (Browser::of(&bridge, "rita").await, Browser::of(&bridge, "axel").await, Browser::of(&bridge, "anna").await);

    let page = rita.get("/console").await;
    assert!(page.text.contains("<strong>rita</strong>, whose role is <strong>read</strong>"), "{}", page.text);
    assert!(!page.text.contains("Pause Zendesk"), "{}", page.text);
    let page = rita.get(&delivery).await;
    for hidden in ["Put back", "Show it", "name=\"reason\"", "my parcel"] {
        assert!(!page.text.contains(hidden), "{hidden}: {}", page.text);
    }
    let thread = rita.get("/console/conversation?key=ada").await;
    assert!(thread.text.contains("hidden, 19 characters") && !thread.text.contains("my parcel"), "{}", thread.text);
    assert!(!rita.get("/console/deliveries?state=dead").await.text.contains("Put all back"));
    assert!(anna.get("/console/deliveries?state=dead").await.text.contains("Put all back"));
    assert!(!axel.get("/console/deliveries?state=dead").await.text.contains("Put all back"));
    let forged = rita.post(&delivery, &format!("{delivery}/redrive"), &[]).await;
    let why = "This needs the role act, and rita has the role read.";
    assert!(forged.status == StatusCode::FORBIDDEN && forged.text.contains(why), "{}", forged.text);
    assert!(rita.audit().await.is_empty(), "nothing was done, and nothing was shown");

    assert!(axel.get("/console/conversation?key=ada").await.text.contains("my parcel"));
    let moved = axel.post(&delivery, &format!("{delivery}/redrive"), &[]).await;
    assert_eq!(moved.status, StatusCode::SEE_OTHER, "{}", moved.text);
    assert_eq!(axel.get("/console/conversation/forget?key=ada").await.status, StatusCode::FORBIDDEN);
    assert!(!axel.get("/console/conversation?key=ada").await.text.contains("Forget"));
    let request = bridge.http.get(format!("{}/api/audit", bridge.operator)).bearer_auth(token_of("rita"));
    let (_, audit) = answer(request).await;
    for (entry, action) in [(0, "redrive"), (1, "read")] {
        let entry = &audit["items"][entry];
        assert_eq!((&entry["action"], &entry["by"], &entry["proven"]), (&json!(action), &json!("axel"), &json!(true)));
    }
    assert!(rita.get("/console/audit").await.text.contains("proven"));

    // A name beside one's own token is one's own, or none.
    for (by, status) in [("axel", StatusCode::SEE_OTHER), ("anna", StatusCode::FORBIDDEN)] {
        let fields = [("token", token_of("axel")), ("by", by.to_owned())];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        let page = Browser::new(&bridge).send(Method::POST, "/console/sign-in", &fields, &[]).await;
        assert_eq!(page.status, status, "{by}: {}", page.text);
    }
    bridge.stop().await;
}

#[tokio::test]
async fn a_reload_ends_the_sessions_of_who_is_gone_and_changes_roles_at_once() {
    let mut bridge = with_texts(&[]).await;
    bridge.restart_with(|settings| format!("{settings}{OPERATORS}")).await;
    let cookies = [Browser::of(&bridge, "rita").await.cookie, Browser::of(&bridge, "axel").await.cookie];
    bridge
        .reload_with(|settings| {
            let without_axel = settings.replace(&token_of("axel"), "another-token-for-axel-1").replace("axel", "xaver");
            without_axel.replace("role = \"read\"", "role = \"admin\"")
        })
        .await;
    let [rita, axel] = cookies.map(|cookie| Browser { bridge: &bridge, cookie });
    let mut tries = 0;
    while axel.get("/console").await.status == StatusCode::OK {
        tries += 1;
        assert!(tries < 1000, "the session goes on");
    }
    let page = rita.get("/console").await;
    assert!(page.status == StatusCode::OK && page.text.contains("Pause Zendesk"), "{}", page.text);
    let settings = rita.get("/console/settings").await;
    assert!(settings.text.contains("rita (admin), xaver (act, campaigns), anna (admin)"), "{}", settings.text);
    assert!(!settings.text.contains("not-real"), "{}", settings.text);
    bridge.stop().await;
}

#[tokio::test]
async fn guessing_is_limited_at_the_sign_in_and_at_the_api_and_locks_nobody_out() {
    let mut bridge = with_texts(&[]).await;
    let mut guesser = Browser::new(&bridge);
    let api = async |token: &str| {
        let request = bridge.http.get(format!("{}/api/deliveries", bridge.operator)).bearer_auth(token);
        let answer = request.send().await.unwrap();
        let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().parse().unwrap());
        (answer.status(), retry_after)
    };
    // A request without a token is no guess.
    for _ in 0..20 {
        let status = bridge.http.get(format!("{}/metrics", bridge.operator)).send().await.unwrap().status();
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    for guess in 0..5 {
        assert_eq!(guesser.sign_in(&guess.to_string()).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(api(&guess.to_string()).await, (StatusCode::UNAUTHORIZED, None));
    }
    for _ in 0..3 {
        let page = guesser.sign_in("one more").await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        let wait: u64 = page.header("retry-after").parse().unwrap();
        assert!((1..=61).contains(&wait), "{wait}");
        let (status, wait) = api("one more").await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        assert!(wait.is_some_and(|wait: u64| (1..=61).contains(&wait)), "{wait:?}");
        // The right one is let in all the same.
        assert_eq!(Browser::new(&bridge).sign_in(TOKEN).await.status, StatusCode::SEE_OTHER);
        assert_eq!(api(TOKEN).await, (StatusCode::OK, None));
    }
    bridge.clock.advance(SignedDuration::from_secs(61));
    assert_eq!(guesser.sign_in("wrong").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(api("wrong").await, (StatusCode::UNAUTHORIZED, None));
    bridge.stop().await;
}

#[tokio::test]
async fn a_form_of_another_site_or_of_another_session_does_nothing() {
    let mut bridge = with_texts(&[]).await;
    let (ada, eve) = (Browser::signed_in(&bridge).await, Browser::signed_in(&bridge).await);
    let (csrf, another) = (ada.get("/console").await.csrf(), eve.get("/console").await.csrf());
    assert_ne!(csrf, another);
    let path = "/console/destinations/braze/pause";
    for fields in [&[][..], &[("csrf", "")], &[("csrf", another.as_str())], &[("csrf", TOKEN)]] {
        assert_eq!(ada.send(Method::POST, path, fields, &[]).await.status, StatusCode::FORBIDDEN, "{fields:?}");
    }
    let good = [("csrf", csrf.as_str()), ("reason", "a test")];
    for headers in [
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("origin", "http://127.0.0.1:1")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
    ] {
        assert_eq!(ada.send(Method::POST, path, &good, &headers).await.status, StatusCode::FORBIDDEN, "{headers:?}");
        let page = ada.send(Method::POST, "/console/sign-in", &[("token", TOKEN)], &headers).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    assert!(ada.audit().await.is_empty(), "nothing was done");
    let ours = [("origin", bridge.operator.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(ada.send(Method::POST, path, &good, &ours).await.status, StatusCode::SEE_OTHER);
    assert_eq!(ada.audit().await.len(), 1);
    // No act is one link away.
    assert_eq!(ada.get("/console/sign-out").await.status, StatusCode::METHOD_NOT_ALLOWED);
    for path in [path, "/console/destinations/braze/resume"] {
        assert_eq!(ada.get(path).await.status, StatusCode::OK, "{path} only asks");
    }
    assert_eq!(ada.audit().await.len(), 1);
    bridge.stop().await;
}

#[tokio::test]
async fn without_a_token_this_machine_is_let_in_and_nobody_else() {
    let bridge = quiet_bridge().await;
    let local = Browser::new(&bridge);
    let page = local.get("/console").await;
    assert!(page.status == StatusCode::OK && page.text.contains("this machine"), "{}", page.text);
    let rebound = local.send(Method::GET, "/console", &[], &[("host", "evil.example")]).await;
    assert_eq!(rebound.status, StatusCode::FORBIDDEN, "a name that was made to point here");
    let path = "/console/destinations/braze/pause";
    assert_eq!(local.send(Method::POST, path, &[], &[]).await.status, StatusCode::FORBIDDEN, "no word of ours");
    let page = local.post(path, path, &[("reason", "a test")]).await;
    assert_eq!(page.header("location"), "/console?done=paused");
    let (_, audit) = answer(bridge.http.get(format!("{}/api/audit", bridge.operator))).await;
    assert_eq!((&audit["items"][0]["access"], &audit["items"][0]["by"]), (&json!("loopback"), &Value::Null));
    // A visitor who gives a name has a session of their own; the rest of this machine stays unnamed.
    let wrong = local.post("/console/name", "/console/name", &[("by", "Ada Lovelace")]).await;
    assert!(wrong.status == StatusCode::BAD_REQUEST && wrong.text.contains("handle"), "{}", wrong.text);
    let named = local.post("/console/name", "/console/name", &[("by", "ada")]).await;
    assert_eq!(named.header("location"), "/console?done=named");
    let cookie = named.header("set-cookie").split(';').next().unwrap().to_owned();
    let ada = Browser { bridge: &bridge, cookie: Some(cookie) };
    assert!(ada.get("/console").await.text.contains("<strong>ada</strong>"));
    assert!(local.get("/console").await.text.contains("<strong>this machine</strong>"));
    let resume = "/console/destinations/braze/resume";
    assert_eq!(ada.post(resume, resume, &[]).await.header("location"), "/console?done=resumed");
    let (_, audit) = answer(bridge.http.get(format!("{}/api/audit", bridge.operator))).await;
    let newest = &audit["items"][0];
    assert_eq!((&newest["by"], &newest["proven"]), (&json!("ada"), &json!(false)), "{audit}");
    bridge.finish(0).await;
}

// -------------------------------------------------------------------------------------------------- rights of pages

#[tokio::test]
async fn every_answer_keeps_to_itself() {
    let mut bridge = with_texts(&[("ada-42", "Hello")]).await;
    let (ada, stranger) = (Browser::signed_in(&bridge).await, Browser::new(&bridge));
    let mut paths: Vec<String> = PAGES.iter().map(|path| (*path).to_owned()).collect();
    paths.extend(["/", "/console/nothing", "/console/conversation?key=ada-42"].map(str::to_owned));
    paths.extend(["base.css", "console.css", "console.js", "icon.svg"].map(|file| format!("/console/assets/{file}")));
    for path in &paths {
        for page in [ada.get(path).await, stranger.get(path).await] {
            for (name, value) in [
                (
                    "content-security-policy",
                    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                     form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
                ),
                ("x-frame-options", "DENY"),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "same-origin"),
                ("cache-control", "no-store"),
            ] {
                assert_eq!(page.header(name), value, "{path}: {name}");
            }
            for word in
                ["<script>", "<style", " style=", " onclick", " onload", "javascript:", "=\"http", "=\"//", "url("]
            {
                // A link to a ticket leads elsewhere, and loads nothing.
                let ticket = format!("<a href=\"{}/agent/tickets/", bridge.sandbox.zendesk.url().trim_end_matches('/'));
                let text = page.text.replace("xmlns=\"http://www.w3.org/2000/svg\"", "").replace(&ticket, "");
                assert!(!text.contains(word), "{path} has {word}: {}", page.text);
            }
        }
    }
    bridge.stop().await;
}

#[tokio::test]
async fn only_the_files_of_the_pages_are_served() {
    let mut bridge = with_texts(&[]).await;
    let stranger = Browser::new(&bridge);
    for (file, kind) in [
        ("base.css", "text/css; charset=utf-8"),
        ("console.css", "text/css; charset=utf-8"),
        ("console.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let page = stranger.get(&format!("/console/assets/{file}")).await;
        assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, kind), "{file}");
    }
    let host = bridge.operator.trim_start_matches("http://").to_owned();
    for path in [
        "/console/assets/../../Cargo.toml",
        "/console/assets/..%2f..%2fCargo.toml",
        "/console/assets/%2e%2e/%2e%2e/etc/passwd",
        "/console/assets//etc/passwd",
        "/console/assets/",
        "/console/assets/base.css/..",
        "/console/assets/..\\..\\Cargo.toml",
    ] {
        let raw = raw_get(&host, path).await;
        let status = raw.split(' ').nth(1).unwrap_or_default();
        assert!(["303", "400", "404"].contains(&status), "{path}: {raw}");
        assert!(!raw.contains("[package]") && !raw.contains("root:"), "{path}: {raw}");
    }
    bridge.stop().await;
}

/// Asks for a path as it stands: clients tidy paths up.
async fn raw_get(host: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[test]
fn what_pages_are_made_of_goes_into_the_container() {
    let ignore = include_str!("../../.dockerignore");
    for directory in ["!assets", "!templates"] {
        assert!(ignore.lines().any(|line| line == directory), "{directory}");
    }
}

#[tokio::test]
async fn what_a_customer_types_is_text() {
    let markup = "<script>alert(1)</script><img src=x onerror=alert(2)> {{ csrf }} & \"quoted\"";
    let mut bridge = with_texts(&[("<b>ada</b>", markup)]).await;
    let ada = Browser::signed_in(&bridge).await;
    let key = form(&[("key", "<b>ada</b>")]);
    let thread = ada.get(&format!("/console/conversation?{key}")).await;
    assert_eq!(thread.status, StatusCode::OK);
    assert!(thread.text.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "{}", thread.text);
    let search = ada.get(&format!("/console/find?{}", form(&[("words", markup)]))).await;
    let filter = ada.get(&format!("/console/deliveries?{}", form(&[("conversation", markup)]))).await;
    let unknown = ada.get(&format!("/console/deliveries?{}", form(&[("state", markup)]))).await;
    let sign_in = Browser::new(&bridge).get(&format!("/console/sign-in?{}", form(&[("next", markup)]))).await;
    let list = ada.get("/console/deliveries").await;
    for page in [thread, search, filter, unknown, sign_in, list] {
        for word in ["<script>alert", "<img src=x", "<b>ada", "\"quoted\""] {
            assert!(!page.text.contains(word), "{word}: {}", page.text);
        }
    }
    bridge.stop().await;
}

#[tokio::test]
async fn no_page_shows_a_secret() {
    let mut bridge = with_texts(&[("ada-42", "Hello")]).await;
    let ada = Browser::signed_in(&bridge).await;
    let options = tandem::sandbox::SandboxOptions::default();
    let secrets = [
        TOKEN.to_owned(),
        options.zendesk_client_secret,
        options.zendesk_webhook_secret,
        options.braze_api_key,
        options.braze_webhook_token,
        ada.cookie.clone().unwrap().replace("tandem_session=", ""),
    ];
    for path in PAGES.into_iter().chain(["/console/conversation?key=ada-42", "/console/nothing"]) {
        let page = ada.get(path).await;
        for secret in &secrets {
            assert!(!page.text.contains(secret.as_str()), "{path} shows {secret}");
        }
    }
    bridge.stop().await;
}

// ---------------------------------------------------------------------------------------------- shown and hidden

#[tokio::test]
async fn a_conversation_is_found_and_shown_as_both_sides_saw_it() {
    let mut bridge = quiet_bridge().await;
    let (ticket, customer) = bridge.talking("ada-42").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "It left our house today.");
    bridge.settled().await;
    bridge.sandbox.phone.text(&customer, "Thank you!");
    bridge.settled().await;
    ask_for_the_token(&mut bridge).await;
    let ada = Browser::signed_in(&bridge).await;
    let phone = bridge.sandbox.braze.profile(&customer).unwrap().phone.unwrap();
    let ticket = format!("#{ticket}");
    for (words, found) in [
        ("ADA-4", true),
        ("bob", false),
        (&phone[phone.len() - 2..], true),
        (&phone, true),
        ("0000000", false),
        (&ticket, true),
        ("#999999", false),
    ] {
        let page = ada.get(&format!("/console/find?{}", form(&[("words", words)]))).await;
        let expected = if found { (303, "/console/conversation?key=ada-42") } else { (200, "") };
        assert_eq!((page.status.as_u16(), page.header("location")), expected, "{words}: {}", page.text);
        assert!(!page.text.contains("ada-42"), "{words}: {}", page.text);
    }
    let list = ada.get("/console/conversations").await;
    assert!(list.text.contains("/console/conversation?key=ada-42") && !list.text.contains(&phone), "{}", list.text);

    let thread = ada.get("/console/conversation?key=ada-42").await;
    let places = ["Hello", "It left our house today.", "Thank you!"].map(|words| thread.text.find(words));
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{places:?} {}", thread.text);
    assert!(thread.text.contains("item from") && thread.text.contains("item to"), "{}", thread.text);
    assert_eq!(ada.audit().await, [("ada".to_owned(), "console".to_owned(), "read".to_owned())]);
    ada.get("/console/conversation?key=ada-42").await;
    assert_eq!(ada.audit().await.len(), 1, "once in a session");
    Browser::signed_in(&bridge).await.get("/console/conversation?key=ada-42").await;
    assert_eq!(ada.audit().await.len(), 2);
    assert_eq!(ada.get("/console/conversation?key=nobody").await.status, StatusCode::NOT_FOUND);
    bridge.stop().await;
}

#[tokio::test]
async fn personal_data_is_hidden_until_somebody_asks_and_that_is_written_down() {
    let (mut bridge, id) = with_a_dead_letter().await;
    let ada = Browser::signed_in(&bridge).await;
    let path = format!("/console/deliveries/{id}");
    let page = ada.get(&path).await;
    for word in ["Where is my parcel?", "+15555550101", "5550101"] {
        assert!(!page.text.contains(word), "{word}: {}", page.text);
    }
    assert!(page.text.contains("hidden, 19 characters") && page.text.contains("422"), "{}", page.text);
    let shown = ada.post(&path, &format!("{path}/reveal"), &[]).await;
    assert_eq!((shown.status, shown.header("location")), (StatusCode::SEE_OTHER, path.as_str()));
    let page = ada.get(&path).await;
    for word in ["Where is my parcel?", "+15555550101"] {
        assert!(page.text.contains(word), "{word}: {}", page.text);
    }
    assert_eq!(ada.audit().await, [("ada".to_owned(), "console".to_owned(), "reveal".to_owned())]);
    let another = Browser::signed_in(&bridge).await.get(&path).await;
    assert!(!another.text.contains("Where is my parcel?"), "each session asks for itself");
    let nobody = format!("/console/deliveries/evt_{}", "0".repeat(24));
    assert_eq!(ada.post(&path, &format!("{nobody}/reveal"), &[]).await.status, StatusCode::NOT_FOUND);
    bridge.stop().await;
}

#[tokio::test]
async fn pages_follow_each_other_newest_first_with_the_true_total() {
    let mut bridge = quiet_bridge().await;
    for number in 0..120 {
        let body = form(&[("external_id", &format!("customer-{number}")), ("text", "Hello")]);
        assert_accepted(&answer(braze_post(&bridge, &body)).await);
    }
    bridge.settled().await;
    ask_for_the_token(&mut bridge).await;
    let ada = Browser::signed_in(&bridge).await;
    let (mut path, mut found) = ("/console/deliveries?state=delivered&to=zendesk".to_owned(), Vec::new());
    let sizes = loop {
        let page = ada.get(&path).await;
        assert!(page.text.contains("120 deliveries in all"), "{}", page.text);
        let keys = page.text.split("<a class=\"key\" href=\"").skip(1);
        let before = found.len();
        found.extend(keys.map(|rest| rest.split(['>', '<']).nth(1).unwrap().to_owned()));
        let Some((_, next)) =
            page.text.split_once("rel=\"next\"").map(|_| page.text.rsplit_once("<a class=\"button\" href=\"").unwrap())
        else {
            break found.len() - before;
        };
        path = next.split('"').next().unwrap().replace("&#38;", "&");
    };
    let expected: Vec<String> = (0..120).rev().map(|number| format!("customer-{number}")).collect();
    assert_eq!((&found, sizes), (&expected, 20));
    for (query, total) in
        [("to=braze", "0 deliveries"), ("state=dead", "0 deliveries"), ("conversation=customer-7", "1 delivery")]
    {
        let page = ada.get(&format!("/console/deliveries?{query}")).await;
        assert!(page.text.contains(&format!("{total} in all")), "{query}: {}", page.text);
    }
    for query in ["state=ded", "to=sendesk", "states=dead", "after=yesterday"] {
        let page = ada.get(&format!("/console/deliveries?{query}")).await;
        assert!(page.status.is_client_error(), "{query}: {}", page.status);
    }
    bridge.stop().await;
}

// --------------------------------------------------------------------------------------------------------- acts

#[tokio::test]
async fn a_dead_letter_is_put_back_and_arrives_once() {
    let (mut bridge, id) = with_a_dead_letter().await;
    let ada = Browser::signed_in(&bridge).await;
    let path = format!("/console/deliveries/{id}");
    let moved = ada.post(&path, &format!("{path}/redrive"), &[]).await;
    assert_eq!(moved.header("location"), format!("{path}?done=redriven"), "{}", moved.text);
    bridge.until("the text has arrived", |bridge| bridge.sandbox.zendesk.ticket(1).is_some()).await;
    let page = ada.get(&path).await;
    for word in ["Given up", "Put back by an operator"] {
        assert!(page.text.contains(word), "{word}: {}", page.text);
    }
    assert_eq!(bridge.comments(1), ["Where is my parcel?"]);
    assert_eq!(ada.audit().await, [("ada".to_owned(), "console".to_owned(), "redrive".to_owned())]);
    bridge.restart_with(|settings| settings.replacen(&format!("operator_token = \"{TOKEN}\""), "", 1)).await;
    bridge.finish(0).await;
}

#[tokio::test]
async fn what_is_dropped_needs_a_reason() {
    let (mut bridge, id) = with_a_dead_letter().await;
    let ada = Browser::signed_in(&bridge).await;
    let path = format!("/console/deliveries/{id}");
    let long = "x".repeat(501);
    for reason in ["", "  ", &long] {
        let page = ada.post(&path, &format!("{path}/discard"), &[("reason", reason)]).await;
        assert!(page.status == StatusCode::BAD_REQUEST && page.text.contains("role=\"alert\""), "{}", page.text);
    }
    assert!(ada.audit().await.is_empty());
    let done = ada.post(&path, &format!("{path}/discard"), &[("reason", "wrong number")]).await;
    assert_eq!(done.header("location"), format!("{path}?done=discarded"));
    assert!(ada.get(&path).await.text.contains("wrong number"));
    let again = ada.post("/console", &format!("{path}/discard"), &[("reason", "again")]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(ada.audit().await, [("ada".to_owned(), "console".to_owned(), "discard".to_owned())]);
    bridge.stop().await;
}

#[tokio::test]
async fn all_that_a_filter_finds_is_moved_after_a_question() {
    let mut bridge = quiet_bridge().await;
    for number in 0..5 {
        let body = format!(r#"{{"ticket":{{"comment":{{"body":"{number}"}}}}}}"#);
        let path = format!("/api/v2/tickets/{}.json", 400 + number);
        assert_accepted(&answer(bridge.as_braze(Method::PUT, &path, &body)).await);
    }
    answer(braze_post(&bridge, "nonsense")).await;
    bridge.settled().await;
    let dead = bridge.deliveries("state=dead").await.len().to_string();
    ask_for_the_token(&mut bridge).await;
    let ada = Browser::signed_in(&bridge).await;
    let list = ada.get("/console/deliveries?state=dead").await;
    assert!(list.text.contains("/console/deliveries/move?state=dead&#38;action=discard"), "{}", list.text);
    let question = ada.get("/console/deliveries/move?state=dead&action=discard").await;
    assert!(question.text.contains(&format!("<strong>{dead}</strong>")), "{}", question.text);
    let (_, rest) = question.text.split_once("name=\"accepted_by\" value=\"").unwrap();
    let accepted_by = rest.split('"').next().unwrap();
    let fields = |reason| [("action", "discard"), ("state", "dead"), ("accepted_by", accepted_by), ("reason", reason)];
    let unsaid = ada.post("/console", "/console/deliveries/move", &fields("")).await;
    assert_eq!(unsaid.status, StatusCode::BAD_REQUEST);
    let done = ada.post("/console", "/console/deliveries/move", &fields("a test")).await;
    assert!(done.text.contains(&format!("{dead} dropped")) && done.text.contains("That was all"), "{}", done.text);
    assert!(ada.get("/console/deliveries?state=dead").await.text.contains("Nothing is like that"));
    assert_eq!(ada.audit().await, [("ada".to_owned(), "console".to_owned(), "discard".to_owned())]);
    for query in ["state=delivered&action=discard", "action=discard", "state=dead&action=erase"] {
        let page = ada.get(&format!("/console/deliveries/move?{query}")).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{query}");
    }

    let unreadable = ada.get("/console/quarantine").await;
    assert!(unreadable.text.contains("Read again") && !unreadable.text.contains("nonsense"), "{}", unreadable.text);
    let fields = [("action", "redrive"), ("state", "quarantined"), ("accepted_by", accepted_by)];
    let kept = ada.post("/console", "/console/deliveries/move", &fields).await;
    assert!(kept.text.contains("1 could not be") && kept.text.contains("still cannot be read"), "{}", kept.text);
    bridge.stop().await;
}

#[tokio::test]
async fn a_destination_is_paused_and_resumed() {
    let mut bridge = with_texts(&[]).await;
    let ada = Browser::signed_in(&bridge).await;
    let path = "/console/destinations/zendesk/pause";
    let long = "x".repeat(201);
    for fields in [
        [("reason", ""), ("until", "")],
        [("reason", &long), ("until", "")],
        [("reason", "x"), ("until", "2020-01-01T00:00")],
    ] {
        let page = ada.post(path, path, &fields).await;
        assert!(page.status == StatusCode::BAD_REQUEST && page.text.contains("role=\"alert\""), "{}", page.text);
    }
    assert!(ada.audit().await.is_empty());
    ada.post(path, path, &[("reason", "maintenance <b>"), ("until", "2099-01-01T00:00")]).await;
    let page = ada.get("/console?done=paused").await;
    for word in ["Resume Zendesk", "Zendesk is paused by ada", "maintenance &#60;b&#62;", "2099-01-01T00:00:00Z"] {
        assert!(page.text.contains(word), "{word}: {}", page.text);
    }
    let change = ada.get(path).await;
    assert!(
        change.text.contains("value=\"2099-01-01T00:00\"") && change.text.contains("Change the pause"),
        "{}",
        change.text
    );
    ada.post("/console", "/console/destinations/zendesk/resume", &[]).await;
    assert!(ada.get("/console").await.text.contains("Pause Zendesk"));
    assert!(ada.get("/console/destinations/zendesk/resume").await.text.contains("Zendesk is not paused"));
    assert_eq!(ada.post("/console", "/console/destinations/aol/pause", &[]).await.status, StatusCode::NOT_FOUND);
    let did: Vec<String> = ada.audit().await.into_iter().map(|(_, _, action)| action).collect();
    assert_eq!(did, ["resume", "pause"]);
    let page = ada.get("/console/audit").await;
    assert!(page.text.contains("<strong>resume</strong>") && page.text.contains("console"), "{}", page.text);
    bridge.stop().await;
}

#[tokio::test]
async fn a_customer_is_forgotten_after_a_question() {
    let mut bridge = with_texts(&[("ada-42", "My secret"), ("bob-42", "Hello")]).await;
    let ada = Browser::signed_in(&bridge).await;
    let path = "/console/conversation/forget?key=ada-42";
    let question = ada.get(path).await;
    assert!(question.text.contains("cannot be undone"), "{}", question.text);
    assert_eq!(ada.get("/console/conversation?key=ada-42").await.status, StatusCode::OK, "nothing was done yet");
    let done = ada.post(path, path, &[]).await;
    assert!(done.status == StatusCode::OK && done.text.contains("erased"), "{}", done.text);
    for path in [path, "/console/conversation?key=ada-42"] {
        assert_eq!(ada.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(ada.get("/console/conversations").await.text.contains("bob-42"), "nobody else is touched");
    let audit = ada.audit().await;
    assert_eq!(audit[0].2, "forget");
    let page = ada.get("/console/audit").await;
    assert!(!page.text.contains("ada-42"), "who was forgotten is not written down: {}", page.text);
    bridge.stop().await;
}

// ------------------------------------------------------------------------------------------- settings and news

#[tokio::test]
async fn settings_are_shown_as_they_are_in_force_with_what_a_check_finds() {
    let mut bridge = with_texts(&[]).await;
    let ada = Browser::signed_in(&bridge).await;
    let page = ada.get("/console/settings").await;
    assert!(page.text.contains("The configuration and all mappings are good"), "{}", page.text);
    for (key, value) in
        [("zendesk.user_field", "braze_external_id"), ("braze.api_key", "set"), ("alarm.url", "not set")]
    {
        let (_, rest) = page.text.split_once(&format!(">{key}</dt>")).unwrap();
        let shown = rest.split_once("</dd>").unwrap().0.rsplit_once('>').unwrap().1;
        assert_eq!(shown, value, "{key}");
    }
    // The file is edited and not yet read again.
    let file = bridge.directory.path().join(crate::support::CONFIG_FILE);
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("[zendesk]", "[zendesk]\nuser_feild = 7")).unwrap();
    let page = ada.get("/console/settings").await;
    assert!(page.text.contains("could not be used again") && page.text.contains("user_feild"), "{}", page.text);
    bridge.stop().await;
}

#[tokio::test]
async fn a_mapping_is_tried_out_on_its_sample_and_on_an_event_and_nothing_is_kept() {
    let mut bridge = quiet_bridge().await;
    let (ticket, _) = bridge.talking("ada-42").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "It left our house today.");
    let deliveries = bridge.settled().await;
    let text = deliveries.iter().find(|delivery| delivery["kind"] == "phone_text").unwrap();
    let id = text["id"].as_str().unwrap().to_owned();
    ask_for_the_token(&mut bridge).await;
    let ada = Browser::signed_in(&bridge).await;
    let path = "/console/settings/mapping";
    let sample = ada.get(&format!("{path}?name=agent_reply")).await;
    assert!(sample.text.contains("POST /campaigns/trigger/send") && !sample.text.contains("not in force"));
    let masked = ada.get(&format!("{path}?name=agent_reply&event={id}")).await;
    assert!(masked.text.contains("Personal data is hidden"), "{}", masked.text);
    assert!(!masked.text.contains("It left our house"), "{}", masked.text);
    let delivery = format!("/console/deliveries/{id}");
    ada.post(&delivery, &format!("{delivery}/reveal"), &[]).await;
    let shown = ada.get(&format!("{path}?name=agent_reply&event={id}")).await;
    assert!(shown.text.contains("It left our house today.") && shown.text.contains(&id), "{}", shown.text);

    let in_force = include_str!("../../mappings/agent_reply.toml");
    let changed = in_force.replace("{{ message.text }}", "Dear customer: {{ message.text }}");
    let fields = |text| [("name", "agent_reply"), ("event", id.as_str()), ("text", text)];
    let tried = ada.post("/console", path, &fields(&changed)).await;
    assert!(tried.text.contains("Dear customer: It left our house"), "{}", tried.text);
    assert!(tried.text.contains("not in force"), "{}", tried.text);
    let broken =
        ada.post("/console", path, &fields(&in_force.replace("{{ message.text }}", "{{ message.txt }}"))).await;
    assert!(broken.status == StatusCode::OK && broken.text.contains("It cannot be used"), "{}", broken.text);
    let mapping = ada.get(&format!("{path}?name=agent_reply")).await;
    assert!(!mapping.text.contains("Dear customer"), "nothing is kept");
    for query in ["name=agent_replies", "", "name=agent_reply&event=yesterday"] {
        assert_eq!(ada.get(&format!("{path}?{query}")).await.status, StatusCode::BAD_REQUEST, "{query}");
    }
    bridge.stop().await;
}

#[tokio::test]
async fn an_open_page_hears_of_news_until_its_session_ends_or_the_bridge_stops() {
    let mut bridge = with_texts(&[]).await;
    let ada = Browser::signed_in(&bridge).await;
    let stranger = Browser::new(&bridge);
    assert_eq!(stranger.get("/console/live").await.status, StatusCode::UNAUTHORIZED);
    let listen = async |browser: &Browser<'_>| {
        let request = bridge.http.get(format!("{}/console/live", bridge.operator));
        request.header("cookie", browser.cookie.clone().unwrap()).send().await.unwrap()
    };
    let mut news = listen(&ada).await;
    assert_eq!(news.headers()["content-type"], "text/event-stream");
    let mut heard = String::new();
    hear(&mut news, &mut heard, "event: ready").await;
    assert!(!heard.contains("event: change"), "{heard}");
    // A change between a page and its stream is told at once.
    let page = ada.get("/console").await;
    let (_, rest) = page.text.split_once("data-standing=\"").unwrap();
    let standing = rest.split('"').next().unwrap().to_owned();
    assert_accepted(&answer(braze_post(&bridge, &form(&[("external_id", "ada"), ("text", "Hello")]))).await);
    hear(&mut news, &mut heard, "event: change").await;
    let request = bridge.http.get(format!("{}/console/live?standing={standing}", bridge.operator));
    let mut late = request.header("cookie", ada.cookie.clone().unwrap()).send().await.unwrap();
    hear(&mut late, &mut String::new(), "event: change").await;
    assert!(!heard.contains("Hello") && !heard.contains("ada"), "that there is news, not what: {heard}");

    // The stream is no sign of life, and ends with the session.
    let mut stale = listen(&Browser::signed_in(&bridge).await).await;
    bridge.clock.advance(SignedDuration::from_mins(31));
    while stale.chunk().await.unwrap().is_some() {}
    let mut last = listen(&Browser::signed_in(&bridge).await).await;
    bridge.stop().await;
    while last.chunk().await.expect("an open page is let go, not torn off").is_some() {}
}

async fn hear(news: &mut reqwest::Response, heard: &mut String, what: &str) {
    while !heard.contains(what) {
        let chunk = news.chunk().await.unwrap().expect("the stream goes on");
        heard.push_str(&String::from_utf8_lossy(&chunk));
    }
}

#[tokio::test]
async fn the_api_stays_as_it_was() {
    let mut bridge = with_texts(&[("ada-42", "Hello")]).await;
    let ask = |path: &str| bridge.http.get(format!("{}{path}", bridge.operator)).bearer_auth(TOKEN);
    let (status, page) = answer(ask("/api/deliveries?state=delivered")).await;
    assert_eq!((status, &page["total"]), (200, &json!(1)));
    assert_eq!(answer(ask("/api/nothing")).await, (404, json!({"error": "there is nothing at this path"})));
    assert_eq!(answer(ask("/readyz")).await.0, 200);
    bridge.stop().await;
}
