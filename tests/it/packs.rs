//! Carrier packs: each shipped one beside Braze, texts both ways, once each, over real HTTP to an embedded vendor.

use jiff::SignedDuration;
use serde_json::Value;
use tandem::sandbox::pack::{Api, ApiOptions, Dialect, End};
use tandem::sandbox::server::{Fault, FaultKind};

use crate::support::{DEADLINE, QUIET, TestBridge};

mod refused;
mod sinch_client;
mod third;
mod webhooks;

const ADA: &str = "+15550123456";
const NUMBER: &str = "+15550100100";

/// A bridge between a Zendesk, a Braze and the vendor of a pack.
struct Site {
    bridge: TestBridge,
    api: Api,
    options: ApiOptions,
}

/// The account of a pack, its only line, and Braze's beside it.
fn account(options: &ApiOptions, url: &str) -> String {
    let ApiOptions { account, account_id, secret, signing_secret, webhook_url, .. } = options;
    format!(
        "\n[accounts.{account}]\nvendor = \"pack\"\npack = \"{account}\"\nurl = \"{url}\"\naccount_id = \"{account_id}\"\n\
         secret = \"{secret}\"\nsigning_secrets = [\"{signing_secret}\"]\nwebhook_url = \"{webhook_url}\"\n\
         sender = \"{NUMBER}\"\n[[lines]]\nname = \"main\"\ncarrier = \"braze\"\n\
         [[lines]]\nname = \"packed\"\ncarrier = \"{account}\"\naddress = \"{NUMBER}\"\n"
    )
}

impl Site {
    async fn start(dialect: Dialect) -> Self {
        let mut bridge = TestBridge::start_with("", "").await;
        let options = ApiOptions::of(dialect);
        let api = Api::start(options.clone(), bridge.clock.clone()).await.unwrap();
        let account = account(&options, api.url());
        bridge.restart_with(|settings| format!("{settings}{account}")).await;
        api.connect(&bridge.public);
        Self { bridge, api, options }
    }

    /// Moves time on until nothing is under way.
    async fn settled(&self) -> Vec<Value> {
        loop {
            self.bridge.until("the vendor's webhooks are answered", |_| self.api.is_idle()).await;
            let before = self.api.webhooks_delivered().len();
            let deliveries = self.bridge.settled().await;
            if self.api.is_idle() && self.api.webhooks_delivered().len() == before {
                return deliveries;
            }
        }
    }

    /// Ada's first text has opened a ticket.
    async fn talking(&self) -> u64 {
        self.api.text(ADA, NUMBER, "Hello", &[]);
        self.settled().await;
        self.bridge.sandbox.zendesk.tickets().last().expect("a ticket is open").id
    }

    fn words(&self) -> Vec<String> {
        self.api.texts().into_iter().map(|text| text.text).collect()
    }

    fn sends(&self) -> usize {
        self.api.calls().iter().filter(|call| call.method == "POST").count()
    }

    /// Moves time on until this holds: a report that overtook the answer to its send is weighed again some minutes later.
    async fn in_time(&self, what: &str, holds: impl AsyncFn(&Self) -> bool) {
        let started = tokio::time::Instant::now();
        while !holds(self).await {
            assert!(started.elapsed() < DEADLINE, "this never happened: {what}");
            self.bridge.sandbox.wait_until(QUIET, || false).await;
            self.bridge.clock.advance(SignedDuration::from_secs(60));
        }
        self.settled().await;
    }

    /// Moves time on until a text waits for the operator.
    async fn until_aside(&self) {
        let is_aside = |one: &Value| one["state"] == "unconfirmed" && one["due_at"].is_null();
        self.bridge.until_deliveries("the text is set aside", |all| all.iter().any(is_aside)).await;
    }

    async fn until_arrived(&self) {
        let has_arrived = async |site: &Self| !site.text().await["receipts"][0]["delivered_at"].is_null();
        self.in_time("the arrival is told", has_arrived).await;
    }

    /// The delivery of the only text.
    async fn text(&self) -> Value {
        let mut texts = self.bridge.deliveries("").await;
        texts.retain(|delivery| delivery["kind"] == "phone_text");
        assert_eq!(texts.len(), 1, "{texts:?}");
        texts.remove(0)
    }

    /// Posts a body with these headers, as the vendor would.
    async fn post(&self, headers: &[(String, String)], body: &str) -> (u16, Value) {
        let address = format!("{}/webhooks/{}", self.bridge.public, self.options.account);
        let mut request = self.bridge.http.post(address).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        crate::support::answer(request).await
    }

    async fn finish(self, dead: usize) {
        self.settled().await;
        self.bridge.finish(dead).await;
    }
}

/// The shipped packs whose vendors the sandbox plays. Sinch's has a fake of its own.
const DIALECTS: [Dialect; 2] = [Dialect::Twilio, Dialect::Vonage];

#[tokio::test]
async fn a_text_opens_a_ticket_and_an_agents_reply_reaches_the_phone() {
    for dialect in DIALECTS {
        let site = Site::start(dialect).await;
        let ticket = site.talking().await;
        assert_eq!(site.bridge.comments(ticket), ["Hello"]);
        site.bridge.sandbox.zendesk.agent_reply(ticket, "Hi Ada & co: 50 % 👋");
        site.settled().await;
        let sent = site.api.texts();
        assert_eq!(sent.len(), 1, "{sent:?}");
        let told = (sent[0].to.as_str(), sent[0].from.as_str(), sent[0].text.as_str());
        assert_eq!(told, (ADA, NUMBER, "Hi Ada & co: 50 % 👋"));
        assert_eq!(site.text().await["state"], "delivered");
        site.until_arrived().await;
        // The customer writes on, on the same ticket.
        site.api.text(ADA, NUMBER, "Thanks", &[]);
        site.settled().await;
        assert_eq!(site.bridge.comments(ticket), ["Hello", "Hi Ada & co: 50 % 👋", "Thanks"]);
        assert_eq!(site.bridge.texts(), [""; 0], "nothing goes over Braze");
        site.finish(0).await;
    }
}

#[tokio::test]
async fn a_text_whose_answer_was_lost_is_never_sent_again_and_waits_for_the_operator() {
    for fault in [FaultKind::LoseAnswer, FaultKind::StatusAfter(500), FaultKind::StatusAfter(503)] {
        let site = Site::start(Dialect::Twilio).await;
        let ticket = site.talking().await;
        site.api.set_end(End::Silent);
        site.api.fail(Fault::on("POST", "Messages", fault.clone()));
        site.bridge.sandbox.zendesk.agent_reply(ticket, "once");
        site.until_aside().await;
        assert_eq!((site.words(), site.sends()), (vec!["once".to_owned()], 1), "{fault:?}");
        site.bridge.until("the agent is told", |bridge| !bridge.notes(ticket).is_empty()).await;
        // A later reply does not wait for it.
        site.bridge.sandbox.zendesk.agent_reply(ticket, "next");
        site.bridge.until("the next reply goes", |_| site.words().len() > 1).await;
        assert_eq!(site.words(), ["once", "next"], "{fault:?}");
    }
}

#[tokio::test]
async fn a_report_with_the_mark_ends_the_doubt_of_a_lost_answer() {
    let site = Site::start(Dialect::Vonage).await;
    let ticket = site.talking().await;
    site.api.fail(Fault::on("POST", "/v1/messages", FaultKind::LoseAnswer));
    site.bridge.sandbox.zendesk.agent_reply(ticket, "once");
    site.settled().await;
    assert_eq!((site.words(), site.sends()), (vec!["once".to_owned()], 1));
    assert_eq!(site.text().await["state"], "delivered");
    assert_eq!(site.bridge.notes(ticket), [""; 0]);
    site.finish(0).await;
}

#[tokio::test]
async fn an_operator_puts_an_unconfirmed_text_back_and_it_goes_once_more() {
    let site = Site::start(Dialect::Twilio).await;
    let ticket = site.talking().await;
    site.api.fail(Fault::on("POST", "Messages", FaultKind::StatusAfter(500)));
    site.api.set_end(End::Silent);
    site.bridge.sandbox.zendesk.agent_reply(ticket, "once");
    site.until_aside().await;
    let id = site.text().await["id"].as_str().unwrap().to_owned();
    let address = format!("{}/api/deliveries/{id}/redrive", site.bridge.operator);
    let (status, told) = crate::support::answer(site.bridge.http.post(address)).await;
    assert!(status < 300, "{told}");
    site.settled().await;
    assert_eq!((site.words().len(), site.sends()), (2, 2), "the operator decides, and no machine");
    assert_eq!(site.text().await["state"], "delivered");
    site.finish(0).await;
}

#[tokio::test]
async fn a_request_that_never_arrived_is_made_again() {
    let site = Site::start(Dialect::Twilio).await;
    let ticket = site.talking().await;
    site.api.fail(Fault::on("POST", "Messages", FaultKind::retry_after(429, 30)));
    let before = site.bridge.clock.now();
    site.bridge.sandbox.zendesk.agent_reply(ticket, "once");
    site.settled().await;
    assert_eq!((site.words(), site.sends()), (vec!["once".to_owned()], 2));
    let calls = site.api.calls();
    let sends: Vec<_> = calls.iter().filter(|call| call.method == "POST").map(|call| call.at).collect();
    assert!(sends[1].duration_since(sends[0]) >= SignedDuration::from_secs(30), "{before} {sends:?}");
    site.finish(0).await;
}

#[tokio::test]
async fn a_late_failure_is_told_with_its_code_and_an_arrival_wins() {
    let site = Site::start(Dialect::Twilio).await;
    let ticket = site.talking().await;
    site.api.set_end(End::Fails(30003));
    site.bridge.sandbox.zendesk.agent_reply(ticket, "one");
    site.in_time("the ticket tells", async |site: &Site| !site.bridge.notes(ticket).is_empty()).await;
    let notes = site.bridge.notes(ticket);
    assert!(notes.len() == 1 && notes[0].contains("30003"), "{notes:?}");
    let sent = site.api.texts().remove(0);
    site.api.report(&sent, "delivered", None);
    site.until_arrived().await;
    assert_eq!(site.bridge.notes(ticket).len(), 1);
    site.finish(0).await;
}
