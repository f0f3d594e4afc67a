//! A browser as a test uses it: pages are opened, clicked and typed into, conditions are awaited, and every complaint and
//! every request of the page is kept.
//!
//! Elements are named by CSS selectors, and awaited where they are not there yet. An act that fails stops the test and
//! shows the text of the page.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::axe;
use crate::driver::Driver;

/// How long a condition may take to come true. Most take milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// The flags that make Chromium quiet, and able to run in a container.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    // No request of a page leaves the machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.*",
];

/// How WebDriver names an element in its answers.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The keys that stand for something else than a letter, as WebDriver writes them.
pub(crate) mod key {
    pub(crate) const TAB: &str = "\u{e004}";
    pub(crate) const ENTER: &str = "\u{e007}";
}

/// A colour scheme that a visitor prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

/// Headless Chromium with an empty profile of its own. It ends when this is dropped.
pub(crate) struct Browser {
    driver: Driver,
    seen: Mutex<Seen>,
    _profile: TempDir,
}

#[derive(Default)]
struct Seen {
    complaints: Vec<String>,
    requests: Vec<String>,
}

impl Browser {
    /// Starts one with a window of 1280 by 800.
    pub(crate) async fn open() -> Self {
        Self::with_preferences(&json!({})).await
    }

    /// Starts one that runs no script of any page.
    pub(crate) async fn without_scripts() -> Self {
        Self::with_preferences(&json!({"profile.managed_default_content_settings.javascript": 2})).await
    }

    async fn with_preferences(preferences: &Value) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut flags: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let driver = Driver::start(&json!({
            "browserName": "chrome",
            "goog:chromeOptions": {"args": flags, "prefs": preferences},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "timeouts": {"script": PATIENCE.as_millis(), "pageLoad": PATIENCE.as_millis(), "implicit": PATIENCE.as_millis()},
        }))
        .await;
        let browser = Self { driver, seen: Mutex::default(), _profile: profile };
        browser.size(1280, 800).await;
        browser
    }

    /// Opens an address, and waits until it is loaded.
    pub(crate) async fn goto(&self, url: &str) {
        self.must("/url", &json!({"url": url})).await;
    }

    /// Waits until the page is the one with this address: a click may return before the page that it leads to is there.
    pub(crate) async fn until_at(&self, address: &str) {
        let begun = Instant::now();
        loop {
            let now = self.driver.get("/url").await.unwrap();
            if now == address {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "still at {now}, not at {address}");
        }
    }

    /// Clicks where a visitor would: a hidden or covered element cannot be clicked.
    pub(crate) async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        let clicked = self.driver.post(&format!("/element/{element}/click"), &json!({})).await;
        clicked.unwrap_or_else(|refused| panic!("{selector} cannot be clicked: {refused}"));
    }

    /// Types into an element, behind its text. Into a file input: the path of the file.
    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        let typed = self.driver.post(&format!("/element/{element}/value"), &json!({"text": text})).await;
        typed.unwrap_or_else(|refused| panic!("{selector} cannot be typed into: {refused}"));
    }

    /// Empties a field.
    pub(crate) async fn clear(&self, selector: &str) {
        let element = self.element(selector).await;
        self.must(&format!("/element/{element}/clear"), &json!({})).await;
    }

    /// Presses keys, one after the other, at the focus.
    pub(crate) async fn press(&self, keys: &[&str]) {
        let strokes: Vec<Value> = keys
            .iter()
            .flat_map(|key| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})])
            .collect();
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]});
        self.must("/actions", &actions).await;
    }

    /// Pastes the copied text at the focus.
    pub(crate) async fn paste(&self) {
        let stroke = json!({"type": "keyDown", "key": "v", "modifiers": 2, "commands": ["paste"]});
        self.driver.chromium("Input.dispatchKeyEvent", &stroke).await;
    }

    /// The visible text of the first element that the selector names.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let element = self.element(selector).await;
        self.driver.get(&format!("/element/{element}/text")).await.unwrap().as_str().unwrap().to_owned()
    }

    /// Runs a script in the page, with these arguments, and returns its value.
    pub(crate) async fn run(&self, script: &str, arguments: &Value) -> Value {
        self.must("/execute/sync", &json!({"script": script, "args": arguments})).await
    }

    /// Runs a script that calls its one argument when it is done, and returns the value of that call.
    pub(crate) async fn run_until_done(&self, script: &str) -> Value {
        self.must("/execute/async", &json!({"script": script, "args": []})).await
    }

    /// Waits until an expression is true in the page, asking again and again.
    ///
    /// Another page may come meanwhile and end a script that waits in this one. So no script waits in the page: each looks
    /// once. Needs scripts; without them, see [`Browser::until_at`].
    pub(crate) async fn until(&self, what: &str, expression: &str) {
        let script = format!("try {{ return Boolean({expression}) }} catch {{ return false }}");
        let begun = Instant::now();
        loop {
            let problem = match self.driver.post("/execute/sync", &json!({"script": script, "args": []})).await {
                Ok(Value::Bool(true)) => return,
                Ok(_) => String::from("it is false"),
                // The page went while the script was on its way.
                Err(refused) if refused.error == "javascript error" => refused.to_string(),
                Err(refused) => panic!("{what} cannot be seen: {expression}\n{refused}\n{}", self.told().await),
            };
            if begun.elapsed() > PATIENCE {
                panic!("{what} does not come true: {expression}\n{problem}\n{}", self.told().await);
            }
        }
    }

    /// Waits until the first element that the selector names reads so, or with these words in it.
    pub(crate) async fn until_reads(&self, selector: &str, words: &str) {
        let (named, words) = (json!(selector), json!(words));
        let expression = format!("document.querySelector({named}).innerText.includes({words})");
        self.until(&format!("{selector} reads {words}"), &expression).await;
    }

    /// Gives the page this much room, in CSS pixels.
    pub(crate) async fn size(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.driver.chromium("Emulation.setDeviceMetricsOverride", &metrics).await;
    }

    /// Puts the visitor into a time zone.
    pub(crate) async fn zone(&self, name: &str) {
        self.driver.chromium("Emulation.setTimezoneOverride", &json!({"timezoneId": name})).await;
    }

    /// Makes the visitor prefer a scheme, and little motion.
    pub(crate) async fn scheme(&self, scheme: Scheme) {
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let features = json!([
            {"name": "prefers-color-scheme", "value": value},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.driver.chromium("Emulation.setEmulatedMedia", &json!({"features": features})).await;
    }

    /// Waits until the page is drawn, pictures included.
    pub(crate) async fn drawn(&self) {
        self.until("all pictures are there", "[...document.images].every(picture => picture.complete)").await;
        self.run_until_done("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))").await;
    }

    /// Writes the window into a PNG.
    pub(crate) async fn screenshot(&self, path: &Path) {
        let picture = self.driver.get("/screenshot").await.unwrap();
        let picture = base64::engine::general_purpose::STANDARD.decode(picture.as_str().unwrap()).unwrap();
        std::fs::write(path, picture).unwrap();
    }

    /// The console's complaints about the pages so far: errors, warnings, violations of their policies.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let entries = self.must("/se/log", &json!({"type": "browser"})).await;
        let grave = |entry: &&Value| entry["level"] == "SEVERE" || entry["level"] == "WARNING";
        let new = entries.as_array().unwrap().iter().filter(grave).map(|entry| entry["message"].as_str().unwrap());
        let mut seen = self.seen.lock().unwrap();
        seen.complaints.extend(new.map(str::to_owned));
        seen.complaints.clone()
    }

    /// Every address that the pages have asked for so far, also of blocked requests.
    pub(crate) async fn requests(&self) -> Vec<String> {
        let entries = self.must("/se/log", &json!({"type": "performance"})).await;
        let asked = |entry: &Value| {
            let event: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let event = &event["message"];
            (event["method"] == "Network.requestWillBeSent")
                .then(|| event["params"]["request"]["url"].as_str().map(str::to_owned))?
        };
        // The empty page that a browser opens with is made of its own parts.
        let of_a_page = |url: &String| !url.starts_with("chrome:");
        let new: Vec<String> = entries.as_array().unwrap().iter().filter_map(asked).filter(of_a_page).collect();
        let mut seen = self.seen.lock().unwrap();
        seen.requests.extend(new);
        seen.requests.clone()
    }

    /// The faults so far: complaints in the console, and requests that left the page's origin, which is written like
    /// `http://127.0.0.1:8080`.
    pub(crate) async fn faults(&self, origin: &str) -> Vec<String> {
        let complaints = self.complaints().await;
        let at_home = |url: &String| {
            let ours = url.strip_prefix(origin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            ours || ["data:", "blob:"].iter().any(|scheme| url.starts_with(scheme))
        };
        let away: BTreeSet<String> = self.requests().await.into_iter().filter(|url| !at_home(url)).collect();
        let complaints = complaints.into_iter().map(|line| format!("the console says: {line}"));
        complaints.chain(away.into_iter().map(|url| format!("asked for {url}"))).collect()
    }

    /// Fails when the page complained, or made a request to another origin than its own.
    pub(crate) async fn assert_quiet(&self, origin: &str) {
        let faults = self.faults(origin).await;
        assert!(faults.is_empty(), "the page is not quiet:\n{}", faults.join("\n"));
    }

    /// Fails unless axe-core finds nothing, in either scheme. Leaves the light one.
    pub(crate) async fn assert_accessible(&self) {
        for scheme in [Scheme::Dark, Scheme::Light] {
            self.scheme(scheme).await;
            let faults = axe::faults(self).await;
            assert!(faults.is_empty(), "not everybody can use the page ({scheme:?}):\n{}", faults.join("\n"));
        }
    }

    /// Fails when the page is wider than the window.
    pub(crate) async fn assert_no_sideways_scrolling(&self) {
        assert_eq!(self.too_wide().await, json!([]), "wider than the window");
    }

    /// The elements that make the page wider than the window.
    pub(crate) async fn too_wide(&self) -> Value {
        let script = "const room = document.documentElement.clientWidth;
             return [...document.querySelectorAll('body *')]
                 .filter(element => element.getBoundingClientRect().right > room + 0.5)
                 .map(element => element.outerHTML.slice(0, 120))
                 .filter(() => document.documentElement.scrollWidth > room);";
        self.run(script, &json!([])).await
    }

    async fn element(&self, selector: &str) -> String {
        let found = self.driver.post("/element", &json!({"using": "css selector", "value": selector})).await;
        match found {
            Ok(element) => element[ELEMENT].as_str().unwrap().to_owned(),
            Err(refused) => panic!("no {selector}: {refused}\n{}", self.told().await),
        }
    }

    async fn must(&self, command: &str, parameters: &Value) -> Value {
        let done = self.driver.post(command, parameters).await;
        done.unwrap_or_else(|refused| panic!("{command}: {refused}"))
    }

    /// The words for a failed test: the text of the page, and the complaints in the console.
    async fn told(&self) -> String {
        let script = "return document.body ? document.body.innerText : ''";
        let read = self.driver.post("/execute/sync", &json!({"script": script, "args": []})).await;
        let read = read.map_or_else(|refused| format!("{refused}"), |text| text.as_str().unwrap_or("").to_owned());
        format!("the page reads:\n{read}\nthe console says: {:#?}", self.complaints().await)
    }
}
