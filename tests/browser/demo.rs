//! The demo page, as a visitor uses it: both sides of a conversation, every switch, and secrets that must never be seen.

use serde_json::json;

use crate::browser::{Browser, key};
use crate::tandem::Demo;

/// A visitor of the page.
pub(crate) struct Visitor {
    pub(crate) browser: Browser,
    demo: Demo,
}

impl Visitor {
    /// Opens the page of a fresh demo, and waits until the bridge runs.
    pub(crate) async fn arrive() -> Self {
        let demo = Demo::start();
        let browser = Browser::open().await;
        browser.goto(&demo.origin).await;
        let visitor = Self { browser, demo };
        visitor.browser.until_reads("#standing", "running").await;
        visitor
    }

    /// A conversation that has a bit of everything, at rest.
    pub(crate) async fn show_everything(&self) {
        self.click("My engine").await;
        self.arrived(1).await;
        self.click("It left today").await;
        self.arrived(2).await;
        self.click("A picture of the box").await;
        self.arrived(3).await;
        self.click("A note for colleagues").await;
        self.browser.until_reads("#comments", "Stock is low").await;
        self.browser.click("#zendesk_down").await;
        self.click("Is Tuesday").await;
        self.browser.until_reads("#messages .message:first-child .state", "waiting").await;
    }

    /// Clicks the suggestion with these words.
    pub(crate) async fn click(&self, words: &str) {
        let named = json!(words);
        let script = "const wanted = arguments[0];
             const all = [...document.querySelectorAll('.suggestions button')];
             all.forEach(button => button.removeAttribute('id'));
             all.find(button => button.innerText.includes(wanted)).id = 'wanted';";
        self.browser.run(script, &json!([named])).await;
        self.browser.click("#wanted").await;
    }

    /// Waits until `count` messages have arrived, and none is lost or doubled.
    pub(crate) async fn arrived(&self, count: usize) {
        let what = format!("{count} messages have arrived");
        let expression = format!(
            "['arrived', 'on_the_way', 'doubled', 'lost'].map(id => document.getElementById(id).innerText).join() === '{count},0,0,0'"
        );
        self.browser.until(&what, &expression).await;
    }
}

/// The texts of the elements that the selector names.
async fn read(browser: &Browser, selector: &str) -> Vec<String> {
    let script = "return [...document.querySelectorAll(arguments[0])].map(element => element.innerText)";
    serde_json::from_value(browser.run(script, &json!([selector])).await).unwrap()
}

impl Visitor {
    /// Types into one side's field and sends it with Enter.
    async fn write(&self, field: &str, lines: &[&str]) {
        // WebDriver's own name for Shift held down.
        let text = lines.join("\u{e008}\u{e007}\u{e008}");
        self.browser.type_into(field, &text).await;
        self.browser.press(&[key::ENTER]).await;
    }

    async fn leave(self) {
        self.browser.assert_quiet(&self.demo.origin).await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn the_conversation_goes_both_ways() {
    let visitor = Visitor::arrive().await;
    visitor.click("My engine").await;
    visitor.arrived(1).await;
    visitor.write("#text-words", &["Second \"text\",", "with two lines"]).await;
    visitor.arrived(2).await;
    visitor.click("It left today").await;
    visitor.arrived(3).await;
    visitor.write("#reply-words", &["And \"more\":", "Tuesday"]).await;
    visitor.arrived(4).await;
    visitor.browser.click("input[value=note]").await;
    visitor.write("#reply-words", &["Between us"]).await;
    visitor.browser.until_reads("#comments", "Between us").await;
    let said = [
        "Hi! My engine hasn't arrived.\nOrder #1843, \"express\" 🚚",
        "Second \"text\",\nwith two lines",
        "Hello Ada,\nI am sorry! Your \"express\" parcel left today 🚚\nTrack it here: https://example.com/t/1843",
        "And \"more\":\nTuesday",
    ];
    assert_eq!(read(&visitor.browser, "#phone .words").await, said);
    assert_eq!(read(&visitor.browser, "#comments .words").await, [&said[..], &["Between us"]].concat());
    assert_eq!(read(&visitor.browser, "#comments .internal .words").await, ["Between us"]);
    visitor
        .browser
        .until("all four are lit to the end", "document.querySelectorAll('.message .lit').length === 16")
        .await;
    visitor.leave().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn a_ticket_is_solved_reopened_and_closed_and_a_customer_opts_out_and_in() {
    let visitor = Visitor::arrive().await;
    let browser = &visitor.browser;
    visitor.click("My engine").await;
    visitor.arrived(1).await;
    browser.click("[data-status=solved]").await;
    browser.until_reads("#phone", "Your ticket has been closed").await;
    browser.until_reads("#ticket-status", "solved").await;
    visitor.click("Is Tuesday").await;
    visitor.arrived(2).await;
    browser.until_reads("#ticket-status", "open").await;
    browser.click("[data-status=closed]").await;
    browser.until_reads("#ticket-status", "closed").await;
    visitor.click("My engine").await;
    visitor.arrived(3).await;
    browser.until_reads("#ticket-title", "Ticket #2").await;

    browser.click("#opt").await;
    browser.until_reads("#opt", "Opt in").await;
    visitor.click("Tuesday it is").await;
    browser.until_reads("#refused", "1").await;
    browser.until_reads("#comments", "the customer has opted out of texts").await;
    browser.click("#opt").await;
    browser.until_reads("#opt", "Opt out").await;
    visitor.click("It left today").await;
    visitor.arrived(4).await;
    visitor.leave().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn under_each_trouble_every_message_arrives_once() {
    let visitor = Visitor::arrive().await;
    let browser = &visitor.browser;
    visitor.click("My engine").await;
    visitor.arrived(1).await;

    browser.click("#zendesk_down").await;
    visitor.click("Is Tuesday").await;
    browser.until_reads("#messages", "Zendesk answered 503").await;
    browser.click("#zendesk_down").await;
    visitor.arrived(2).await;

    for (place, trouble) in (0..).zip(["answers_lost", "twice", "storm"]) {
        browser.click(&format!("#{trouble}")).await;
        browser.until("the switch is on", &format!("document.getElementById('{trouble}').checked")).await;
        visitor.click("A picture of the box").await;
        visitor.click("It left today").await;
        visitor.arrived(4 + 2 * place).await;
        browser.click(&format!("#{trouble}")).await;
    }
    for trace in ["found by its mark, not sent again", "found by its receipt, not sent again", "2nd ring ignored"] {
        browser.until_reads("#messages", trace).await;
    }
    browser
        .until(
            "all know of it",
            "[...document.querySelectorAll('.message .state')].every(state => state.innerText === 'delivered')",
        )
        .await;
    visitor.leave().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn a_killed_bridge_loses_nothing_that_was_written_before_and_meanwhile() {
    let visitor = Visitor::arrive().await;
    visitor.click("My engine").await;
    visitor.arrived(1).await;
    visitor.click("It left today").await;
    visitor.browser.click("#kill").await;
    visitor.browser.until_reads("#standing", "killed").await;
    visitor.click("Is Tuesday").await;
    visitor.click("Tuesday it is").await;
    visitor.browser.until_reads("#messages", "nobody home").await;
    visitor.arrived(4).await;
    visitor.browser.until_reads("#messages .traces", "found by looking").await;
    visitor.leave().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn a_dead_and_an_unconfirmed_letter_are_made_and_found_in_the_console() {
    let visitor = Visitor::arrive().await;
    let browser = &visitor.browser;
    visitor.click("My engine").await;
    visitor.arrived(1).await;
    browser.click("#texts_refused").await;
    visitor.click("It left today").await;
    browser.until_reads("#messages .message:first-child", "a dead letter in the console").await;
    browser.until_reads("#comments .internal", "was not texted").await;
    browser.click("#texts_refused").await;
    let before = json!(browser.text("#standing").await);
    browser.click("#receipts_late").await;
    let other = format!(
        "(now => now.startsWith('running') && now !== {before})(document.querySelector('#standing').innerText)"
    );
    browser.until("another process runs", &other).await;
    visitor.click("Tuesday it is").await;
    browser.until_reads("#messages .message:first-child .due", "Looks again in").await;
    browser.until_reads("#messages .message:first-child", "the console asks you").await;
    browser.assert_accessible().await;
    let address = browser.run("return document.getElementById('console').href", &json!([])).await;
    browser.assert_quiet(&visitor.demo.origin).await;
    browser.goto(&format!("{}/deliveries?state=dead", address.as_str().unwrap())).await;
    browser
        .until("the dead letter is there", "document.querySelector('main a[href*=\"/console/deliveries/evt_\"]')")
        .await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn on_a_phone_cause_and_effect_are_one_tap_apart() {
    let visitor = Visitor::arrive().await;
    let browser = &visitor.browser;
    browser.size(390, 844).await;
    let tab = |side: &str| format!("#tabs a[href='#{side}']");
    let shown = |side: &str| {
        format!(
            "[...document.querySelectorAll('main > section')].filter(it => it.offsetParent).map(it => it.id).join() === \
             '{side}'"
        )
    };
    browser.until("the phone alone", &shown("customer")).await;
    visitor.click("My engine").await;
    visitor.arrived(1).await;
    for side in ["between", "agent"] {
        let news = format!("!document.querySelector(\"{} .news\").hidden", tab(side));
        browser.until("its tab tells of it", &news).await;
    }
    browser.click(&tab("agent")).await;
    browser.until("the ticket alone", &shown("agent")).await;
    assert!(browser.text("#comments").await.contains("My engine hasn't arrived"), "the text is there");
    let seen = format!("document.querySelector(\"{} .news\").hidden", tab("agent"));
    browser.until("it is no news any more", &seen).await;
    visitor.click("It left today").await;
    let told = format!("!document.querySelector(\"{} .news\").hidden", tab("customer"));
    browser.until("the phone has news", &told).await;
    browser.assert_accessible().await;
    browser.assert_no_sideways_scrolling().await;
    browser.click(&tab("between")).await;
    browser.until("the bridge alone", &shown("between")).await;
    browser.assert_accessible().await;
    browser.size(1280, 800).await;
    browser.until("all three, where there is room", &shown("customer,between,agent")).await;
    visitor.leave().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn a_picture_of_the_visitors_own_reaches_the_ticket() {
    let visitor = Visitor::arrive().await;
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo-parcel.png");
    visitor.browser.type_into("#text-picture", picture).await;
    visitor.write("#text-words", &["Look"]).await;
    visitor.arrived(1).await;
    let shown = "['#phone img', '#comments img'].every(named => document.querySelector(named).naturalWidth === 360)";
    visitor.browser.until("it is seen on both sides", shown).await;
    visitor.leave().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn hostile_words_are_words() {
    let visitor = Visitor::arrive().await;
    let hostile = "<img src=/x onerror=alert(1)><script>alert(2)</script>{{ticket.id}}";
    visitor.write("#text-words", &[hostile]).await;
    visitor.arrived(1).await;
    visitor.write("#reply-words", &[hostile]).await;
    visitor.arrived(2).await;
    for shown in [".message .words", "#phone .words", "#comments .words"] {
        assert_eq!(read(&visitor.browser, shown).await, [hostile, hostile], "{shown}");
    }
    assert_eq!(
        visitor.browser.run("return document.querySelectorAll('main img, main script').length", &json!([])).await,
        0
    );
    visitor.leave().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn everybody_can_use_it_on_every_screen() {
    let visitor = Visitor::arrive().await;
    visitor.browser.assert_accessible().await;
    visitor.show_everything().await;
    visitor.browser.click("#opt").await;
    for (width, height) in [(1280, 800), (390, 844), (320, 640)] {
        visitor.browser.size(width, height).await;
        visitor.browser.assert_no_sideways_scrolling().await;
        visitor.browser.assert_accessible().await;
    }
    visitor.leave().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn without_scripts_it_says_what_to_do_instead_and_later_that_it_has_ended() {
    let demo = Demo::start();
    let browser = Browser::without_scripts().await;
    browser.goto(&demo.origin).await;
    assert!(browser.text("body").await.contains("tandem demo --script"));
    browser.assert_quiet(&demo.origin).await;
    drop((browser, demo));

    let Visitor { browser, demo } = Visitor::arrive().await;
    drop(demo);
    browser.until_reads("#problem", "The demo has ended").await;
}
