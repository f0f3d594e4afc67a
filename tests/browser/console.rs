//! The console in a real browser: signing in, filtering, news without a reload, and acts. No page complains, makes a
//! request to another origin, is inaccessible or is too wide for a phone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use tandem::sandbox::braze::Profile;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::zendesk::TicketStatus;

use crate::browser::{Browser, Scheme, key};
use crate::support::TestBridge;

pub(crate) const TOKEN: &str = "an-operator-token-not-real";

/// Each page has these two widths, in both schemes.
const SIZES: [(&str, u32, u32); 2] = [("desktop", 1280, 800), ("phone", 390, 844)];

/// A bridge after a day's work: conversations that went well, one that did not, and an unreadable webhook.
struct Stage {
    bridge: TestBridge,
    /// A customer.
    ada: String,
    /// The text that was given up.
    dead: String,
}

impl Stage {
    async fn set() -> Self {
        let mut bridge = TestBridge::start().await;
        let ada = customer(&bridge, "cust-20417", "Ada", "Lovelace", "+15555550142");
        let grace = customer(&bridge, "cust-18833", "Grace", "Hopper", "+15555550177");
        let alan = customer(&bridge, "cust-31207", "Alan", "Turing", "+15555550119");
        talk(&bridge, &ada).await;
        bridge.sandbox.phone.text(&grace, "Do you deliver to Guernsey?");
        bridge.settled().await;
        let ticket = ticket_of(&bridge, "cust-18833");
        bridge.sandbox.zendesk.agent_reply(ticket, "<p>We do, in three to five working days.</p>");
        bridge.settled().await;
        bridge.sandbox.phone.text(&grace, "STOP");
        bridge.settled().await;
        bridge.sandbox.zendesk.agent_reply(ticket, "<p>Shall I reserve one for you?</p>");
        bridge.settled().await;

        bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/tickets", FaultKind::status(503)));
        bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/tickets", FaultKind::status(422)));
        bridge.sandbox.phone.text(&alan, "The parcel came open, and one cup is missing. <b>What now?</b>");
        bridge.settled().await;
        let dead = bridge.deliveries("state=dead&conversation=cust-31207").await;
        let dead = dead[0]["id"].as_str().unwrap().to_owned();
        for body in ["external_id=cust-7&text=%", "<html>proxy error</html>"] {
            bridge.as_braze(reqwest::Method::POST, "/webhooks/braze", body).send().await.unwrap();
        }
        busy_hour(&bridge).await;
        ask_for_the_token(&mut bridge).await;
        Self { bridge, ada, dead }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.bridge.operator)
    }

    async fn sign_in(&self, browser: &Browser) {
        sign_in_at(&self.bridge, browser).await;
    }

    /// Every page, by the name of its picture.
    fn pages(&self) -> Vec<(&'static str, String)> {
        [
            ("overview", "/console"),
            ("conversations", "/console/conversations"),
            ("conversation", "/console/conversation?key=cust-20417"),
            ("opted-out", "/console/conversation?key=cust-18833"),
            ("forget", "/console/conversation/forget?key=cust-20417"),
            ("deliveries", "/console/deliveries"),
            ("doorbells", "/console/deliveries?doorbells=yes&since=2026-01-01T00:00Z"),
            ("needs-you", "/console/deliveries?show=needs-you"),
            ("find", "/console/find?words=01"),
            ("find-nothing", "/console/find?words=nobody"),
            ("audit-of-one", "/console/audit?customer=cust-20417"),
            ("delivery", &format!("/console/deliveries/{}", self.dead)),
            ("move", "/console/deliveries/move?state=dead&action=discard"),
            ("quarantine", "/console/quarantine"),
            ("audit", "/console/audit"),
            ("pause", "/console/destinations/braze/pause"),
            ("resume", "/console/destinations/zendesk/resume"),
            ("settings", "/console/settings"),
            ("mapping", "/console/settings/mapping?name=agent_reply"),
            ("not-here", "/console/nothing"),
        ]
        .map(|(name, path)| (name, self.at(path)))
        .into()
    }
}

/// Lets the bridge ask for its token from now on.
pub(crate) async fn ask_for_the_token(bridge: &mut TestBridge) {
    bridge.reload_with(|settings| format!("operator_token = \"{TOKEN}\"\n{settings}")).await;
    let asks = async || {
        let answer = bridge.http.get(format!("{}/console", bridge.operator)).send().await.unwrap();
        answer.status() == reqwest::StatusCode::SEE_OTHER
    };
    while !asks().await {
        bridge.sandbox.wait_until(Duration::from_millis(20), || false).await;
    }
}

pub(crate) async fn sign_in_at(bridge: &TestBridge, browser: &Browser) {
    let overview = format!("{}/console", bridge.operator);
    browser.goto(&overview).await;
    browser.type_into("#token", TOKEN).await;
    browser.type_into("#by", "ada").await;
    browser.press(&[key::ENTER]).await;
    browser.until_at(&overview).await;
}

pub(crate) fn customer(bridge: &TestBridge, id: &str, first: &str, last: &str, phone: &str) -> String {
    bridge.sandbox.braze.add_profile(Profile {
        external_id: Some(id.to_owned()),
        phone: Some(phone.to_owned()),
        first_name: Some(first.to_owned()),
        last_name: Some(last.to_owned()),
        ..Profile::default()
    })
}

pub(crate) fn ticket_of(bridge: &TestBridge, id: &str) -> u64 {
    let tickets = bridge.sandbox.zendesk.tickets();
    tickets.into_iter().find(|ticket| ticket.external_id.as_deref() == Some(id)).unwrap().id
}

/// Texts of others, so that there is something to draw.
async fn busy_hour(bridge: &TestBridge) {
    for quarter_minute in 0..200_u32 {
        for _ in 0..quarter_minute * 7 % 13 / 9 {
            let someone = format!("external_id=cust-{}&text=Hello&phone=%2B15555550100", 40_000 + quarter_minute % 5);
            bridge.as_braze(reqwest::Method::POST, "/webhooks/braze", &someone).send().await.unwrap();
        }
        bridge.clock.advance(SignedDuration::from_secs(15));
        bridge.sandbox.wait_until(Duration::from_millis(2), || false).await;
    }
    bridge.settled().await;
}

/// A conversation with an answer that was lost on the way.
async fn talk(bridge: &TestBridge, customer: &str) {
    let texts = &bridge.sandbox.phone;
    texts.text(customer, "Hi! Where is my order 4711?\nIt should have been here on Monday.");
    bridge.settled().await;
    let ticket = ticket_of(bridge, "cust-20417");
    bridge.sandbox.zendesk.agent_reply(
        ticket,
        "<p>Hello Ada, I am sorry about that.</p><p>It left our house on Friday and is with the carrier now. \
         I have asked them, and will tell you by noon.</p>",
    );
    bridge.settled().await;
    bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", FaultKind::status(503)));
    texts.text(customer, "Thank you 🙏");
    bridge.settled().await;
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>They found it: it comes tomorrow before ten.</p>");
    bridge.settled().await;
    texts.text(customer, "Great, that works!");
    bridge.settled().await;
    bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
    bridge.settled().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn an_operator_signs_in_finds_a_dead_letter_and_puts_it_back() {
    let mut stage = Stage::set().await;
    let browser = Browser::open().await;
    stage.sign_in(&browser).await;
    browser.click(".need.bad a").await;
    browser.until_at(&stage.at("/console/deliveries?state=dead")).await;
    browser.click("tbody a").await;
    browser.until_at(&stage.at(&format!("/console/deliveries/{}", stage.dead))).await;
    assert!(!browser.text("main").await.contains("cup is missing"), "personal data is hidden");
    browser.click("form[action$=reveal] button").await;
    browser.until_reads("main", "one cup is missing. <b>What now?</b>").await;
    browser.click("form[action$=redrive] button").await;
    browser.until_reads("[role=status]", "It was put back").await;
    // Its outcome appears by itself.
    let arrived = stage.bridge.until("it has arrived", |bridge| {
        bridge.sandbox.zendesk.tickets().iter().any(|ticket| ticket.external_id.as_deref() == Some("cust-31207"))
    });
    arrived.await;
    browser.until_reads("#delivery .state", "delivered").await;
    browser.goto(&stage.at("/console/audit")).await;
    assert_eq!(browser.text("tbody tr:first-child strong").await, "redrive");
    browser.click(".who button").await;
    browser.until_at(&stage.at("/console/sign-in")).await;
    browser.assert_quiet(&stage.bridge.operator).await;
    stage.bridge.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn a_filter_and_the_field_that_finds_show_what_is_meant() {
    let mut stage = Stage::set().await;
    let browser = Browser::open().await;
    stage.sign_in(&browser).await;
    browser.click("nav a[href='/console/deliveries']").await;
    browser.until_at(&stage.at("/console/deliveries")).await;
    browser.click(".filters summary").await;
    browser.type_into("#state", "dead").await;
    browser.type_into("#conversation", "cust-18833").await;
    browser.press(&[key::ENTER]).await;
    browser.until_reads(".pager", "1 delivery").await;
    // Outside of a field the slash leads to the search field, and a single hit to its page.
    browser.run("document.activeElement.blur()", &json!([])).await;
    browser.press(&["/", "7", "7", key::ENTER]).await;
    browser.until_reads("h1", "Grace Hopper").await;
    browser.until_reads(".thread", "opted out").await;
    browser.assert_quiet(&stage.bridge.operator).await;
    stage.bridge.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn an_open_conversation_shows_a_text_when_it_comes_and_keeps_the_focus() {
    let mut stage = Stage::set().await;
    let browser = Browser::open().await;
    stage.sign_in(&browser).await;
    browser.goto(&stage.at("/console/conversation?key=cust-20417")).await;
    browser.until("the page listens", "document.documentElement.dataset.live === 'yes'").await;
    browser.run("window.stillHere = true; document.querySelector('.thread summary').focus()", &json!([])).await;
    browser.press(&[key::ENTER]).await;
    stage.bridge.sandbox.phone.text(&stage.ada, "It is here!");
    let ticket = ticket_of(&stage.bridge, "cust-20417");
    let said = |bridge: &TestBridge| bridge.comments(ticket).iter().any(|comment| comment == "It is here!");
    stage.bridge.until("the text is on the ticket", said).await;
    browser.until_reads(".thread", "It is here!").await;
    browser
        .until("nothing was loaded anew, what was open is open, and the focus is where it was", "window.stillHere && document.querySelector('.thread details').open && document.activeElement === document.querySelector('.thread summary')")
        .await;
    browser.assert_quiet(&stage.bridge.operator).await;
    stage.bridge.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn a_mapping_is_tried_out_while_somebody_types() {
    let mut stage = Stage::set().await;
    let browser = Browser::open().await;
    stage.sign_in(&browser).await;
    browser.goto(&stage.at("/console/settings/mapping?name=ticket_solved")).await;
    browser.type_into("#text", "\n[wrong").await;
    browser.until_reads("#preview", "cannot be used").await;
    browser.assert_quiet(&stage.bridge.operator).await;
    stage.bridge.stop().await;
}

/// The times in a page as the visitor sees them, with their titles.
const TIMES: &str = "return [...document.querySelectorAll('tbody time')].map(time => [time.innerText, time.title])";

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn times_are_told_by_the_visitors_clock_with_utc_beside_and_a_range_is_typed_so_too() {
    let mut stage = Stage::set().await;
    let browser = Browser::open().await;
    browser.zone("Asia/Kolkata").await;
    stage.sign_in(&browser).await;
    browser.until_reads("#zone", "Times are those of Asia/").await;
    // Half past five hours ahead, all year.
    browser.goto(&stage.at("/console/deliveries?since=2026-11-21T00:00Z")).await;
    assert_eq!(browser.run("return document.getElementById('since').value", &json!([])).await, "2026-11-21T05:30");
    let times = browser.run(TIMES, &json!([])).await;
    let times = times.as_array().unwrap();
    assert!(!times.is_empty());
    for time in times {
        let (shown, utc) = (time[0].as_str().unwrap(), time[1].as_str().unwrap());
        let at: jiff::Timestamp = utc.replace(" UTC", "Z").replacen(' ', "T", 1).parse().unwrap();
        let local = at.in_tz("Asia/Kolkata").unwrap();
        // The day stands there where it is not the visitor's today, which is far from the bridge's.
        assert_eq!(shown, local.strftime("%F %H:%M").to_string(), "{utc}");
    }
    browser.run("document.getElementById('until').value = '2026-11-21T06:30'", &json!([])).await;
    browser.click(".filters button").await;
    browser.until("the range is sent in UTC", "location.search.includes('until=2026-11-21T01%3A00')").await;
    browser.assert_quiet(&stage.bridge.operator).await;
    stage.bridge.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn a_list_is_dense_on_a_desktop_and_two_or_three_lines_a_row_on_a_phone() {
    let mut stage = Stage::set().await;
    let browser = Browser::open().await;
    stage.sign_in(&browser).await;
    browser.goto(&stage.at("/console/deliveries")).await;
    assert_eq!(browser.run("return document.querySelectorAll('tbody tr').length", &json!([])).await, 50);
    let tallest = "return Math.max(...[...document.querySelectorAll('tbody tr')].map(row => row.offsetHeight))";
    for (width, height, most) in [(1280, 800, 44), (390, 844, 100)] {
        browser.size(width, height).await;
        let found = browser.run(tallest, &json!([])).await.as_u64().unwrap();
        assert!(found <= most, "a row of {found} px where the window is {width} px wide");
    }
    let whole = browser.run("return document.documentElement.scrollHeight", &json!([])).await.as_u64().unwrap();
    assert!(whole <= 6000, "a page of {whole} px on a phone");
    // In every state, the time begins the second line.
    browser.goto(&stage.at("/console/deliveries?doorbells=yes")).await;
    let ends = "const end = (row, name, side) => row.querySelector(name).getBoundingClientRect()[side];
        return [...document.querySelectorAll('tbody tr')].filter(row =>
            end(row, '.when', 'top') < end(row, '.state-cell', 'bottom') - 4 || end(row, '.when', 'left') > 60).length";
    assert_eq!(browser.run(ends, &json!([])).await, 0, "rows whose time stands in the first line");
    let lines = "const button = document.querySelector('.who button'); const text = document.createRange();
        text.selectNodeContents(button); return text.getClientRects().length";
    assert_eq!(browser.run(lines, &json!([])).await, 1, "lines of Sign out");
    browser.goto(&stage.at("/console/find?words=cust")).await;
    let broken = "const top = (at, name) => at.querySelector(name).getBoundingClientRect().top;
        const times = [...document.querySelectorAll('.latest .at')];
        return [times.length > 2, times.filter(at => Math.abs(top(at, 'time') - top(at, '.ago')) > 8).length]";
    assert_eq!(browser.run(broken, &json!([])).await, json!([true, 0]), "times that break in two");
    stage.bridge.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn a_plot_tells_its_numbers_and_leads_to_the_deliveries_of_that_time() {
    let mut stage = Stage::set().await;
    let browser = Browser::open().await;
    stage.sign_in(&browser).await;
    browser.until_reads(".plot-heights", "0").await;
    let told = browser.run("return document.querySelector('.plot title').textContent", &json!([])).await;
    let told = told.as_str().unwrap();
    assert!(told.contains(" to ") && told.contains("at most"), "{told}");
    browser.click(".plot svg a").await;
    browser.until_reads("h1", "Deliveries").await;
    browser
        .until("the list is of that time", "location.search.includes('since=') && location.search.includes('until=')")
        .await;
    browser.assert_quiet(&stage.bridge.operator).await;
    stage.bridge.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn everything_works_without_scripts() {
    let mut stage = Stage::set().await;
    let browser = Browser::without_scripts().await;
    stage.sign_in(&browser).await;
    assert!(browser.text("#zone").await.contains("UTC") && browser.text("main time").await.ends_with("UTC"));
    browser.type_into("#find", "77").await;
    browser.click(".find button").await;
    browser.until_at(&stage.at("/console/conversation?key=cust-18833")).await;
    browser.goto(&stage.at(&format!("/console/deliveries/{}", stage.dead))).await;
    browser.type_into("#reason", "settled by telephone").await;
    browser.click("form[action$=discard] button").await;
    browser.until_at(&stage.at(&format!("/console/deliveries/{}?done=discarded", stage.dead))).await;
    assert!(browser.text("#delivery").await.contains("settled by telephone"));
    browser.goto(&stage.at("/console")).await;
    browser.click("a[href$='braze/pause']").await;
    browser.until_at(&stage.at("/console/destinations/braze/pause")).await;
    browser.type_into("#reason", "the campaign is being changed").await;
    browser.click("form[action$='braze/pause'] button").await;
    browser.until_at(&stage.at("/console?done=paused")).await;
    browser.click("a[href$='braze/resume']").await;
    browser.until_at(&stage.at("/console/destinations/braze/resume")).await;
    browser.click("form[action$='braze/resume'] button").await;
    browser.until_at(&stage.at("/console?done=resumed")).await;
    browser.goto(&stage.at("/console/settings/mapping?name=agent_reply")).await;
    browser.click("form.try button").await;
    browser.until_at(&stage.at("/console/settings/mapping")).await;
    assert!(browser.text("#preview").await.contains("/campaigns/trigger/send"));
    stage.bridge.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn every_page_is_for_everybody_and_fits_on_a_phone() {
    let mut stage = Stage::set().await;
    let browser = Browser::open().await;
    browser.goto(&stage.at("/console/sign-in")).await;
    check(&browser).await;
    stage.sign_in(&browser).await;
    for (_, page) in stage.pages() {
        browser.goto(&page).await;
        check(&browser).await;
    }
    // The browser's console rightly tells of a page that is not there.
    let faults = browser.faults(&stage.bridge.operator).await;
    let faults: Vec<_> = faults.iter().filter(|fault| !fault.contains("/console/nothing")).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    stage.bridge.stop().await;
}

/// Without a token only the visitor's own word gives their name.
#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn a_visitor_of_this_machine_says_who_they_are() {
    let bridge = TestBridge::start().await;
    let browser = Browser::open().await;
    browser.goto(&format!("{}/console", bridge.operator)).await;
    browser.click("a[href='/console/name']").await;
    browser.until_at(&format!("{}/console/name", bridge.operator)).await;
    check(&browser).await;
    browser.type_into("#by", "grace").await;
    browser.click("form[action$=name] button").await;
    browser.until_at(&format!("{}/console?done=named", bridge.operator)).await;
    check(&browser).await;
    assert!(browser.text(".who").await.contains("Signed in as grace"));
    assert_eq!(browser.faults(&bridge.operator).await, Vec::<String>::new());
    bridge.finish(0).await;
}

pub(crate) async fn check(browser: &Browser) {
    for (width, height) in [(1280, 800), (360, 740)] {
        browser.size(width, height).await;
        browser.assert_accessible().await;
        browser.assert_no_sideways_scrolling().await;
    }
}

/// The pictures that the documentation shows. Not a test: it runs only when it is asked for by name and given a folder.
#[tokio::test]
#[ignore = "needs Chromium, and a directory: run docs/screenshots"]
async fn screenshots_of_the_console() {
    let Some(directory) = std::env::var_os("SCREENSHOTS").map(PathBuf::from) else { return };
    std::fs::create_dir_all(&directory).unwrap();
    let mut stage = Stage::set().await;
    let browser = Browser::open().await;
    browser.goto(&stage.at("/console/sign-in")).await;
    take(&browser, &directory, "sign-in").await;
    stage.sign_in(&browser).await;
    for (name, page) in stage.pages() {
        browser.goto(&page).await;
        take(&browser, &directory, name).await;
    }
    stage.bridge.stop().await;
}

/// The pages of a bridge to which nothing has come, and of one with as many texts as `LOTS` says.
#[tokio::test]
#[ignore = "needs Chromium, and a directory: SCREENSHOTS=target/screenshots"]
async fn screenshots_of_an_empty_and_of_a_full_bridge() {
    let Some(directory) = std::env::var_os("SCREENSHOTS").map(PathBuf::from) else { return };
    std::fs::create_dir_all(&directory).unwrap();
    let lots = std::env::var_os("LOTS").and_then(|lots| lots.to_str()?.parse().ok()).unwrap_or(1000);
    let mut bridge = TestBridge::start().await;
    let browser = Browser::open().await;
    for (name, texts) in [("empty", 0_u32), ("full", lots)] {
        for number in 0..texts {
            let someone = format!("external_id=cust-{number}&text=Hello&phone=%2B1555{:07}", 5_000_000 + number);
            bridge.as_braze(reqwest::Method::POST, "/webhooks/braze", &someone).send().await.unwrap();
        }
        for page in ["", "/deliveries", "/conversations", "/quarantine", "/audit", "/find?words=33"] {
            browser.goto(&format!("{}/console{page}", bridge.operator)).await;
            let page = page.trim_start_matches('/').split('?').next().unwrap();
            take(&browser, &directory, &format!("{name}-{}", if page.is_empty() { "overview" } else { page })).await;
        }
    }
    bridge.stop().await;
}

/// Takes a whole page in every size and scheme, as `console-PAGE-SIZE-SCHEME.png`.
pub(crate) async fn take(browser: &Browser, directory: &Path, page: &str) {
    for (size, width, height) in SIZES {
        browser.size(width, height).await;
        let script = "document.activeElement.blur(); return document.documentElement.scrollHeight";
        let whole = browser.run(script, &json!([])).await.as_u64().unwrap();
        browser.size(width, u32::try_from(whole).unwrap().clamp(height, 2 * height)).await;
        for (name, scheme) in [("light", Scheme::Light), ("dark", Scheme::Dark)] {
            browser.scheme(scheme).await;
            browser.screenshot(&directory.join(format!("console-{page}-{size}-{name}.png"))).await;
        }
    }
}
