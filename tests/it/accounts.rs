//! Several accounts and lines on one bridge: nothing of one crosses to another, over real HTTP to two of each vendor.

use serde_json::{Value, json};
use tandem::sandbox::braze::{PhoneText, Profile};
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::zendesk::{NewTicket, Placement, Ticket};
use tandem::sandbox::{Sandbox, SandboxOptions};

use crate::process::shipped;
use crate::support::{TestBridge, account_tables, answer};

/// The group of the second brand's line, and the campaign of its replies.
pub(crate) const UK: &str = "00000000-0000-4000-8000-0000000000a1";
const UK_REPLY: &str = "00000000-0000-4000-8000-0000000000a2";

/// The accounts of a second desk and a second carrier, which share no secret with the first.
pub(crate) fn eu() -> SandboxOptions {
    SandboxOptions {
        zendesk_account: "support-eu".into(),
        braze_account: "braze-eu".into(),
        zendesk_client_id: "eu_client".into(),
        zendesk_client_secret: "eu-client-secret-not-real".into(),
        zendesk_webhook_secret: "ZXUtc2lnbmluZy1zZWNyZXQtbm90LXJlYWw=".into(),
        braze_api_key: "eu-braze-key-not-real".into(),
        braze_webhook_token: "eu-braze-webhook-token-not-real".into(),
        ..SandboxOptions::default()
    }
}

/// The tables of the second accounts, and the line between them.
fn of_eu(sandbox: &Sandbox) -> String {
    let lines = r#"
[[lines]]
name = "us"
carrier = "braze"
desk = "zendesk"
[[lines]]
name = "eu"
carrier = "braze-eu"
desk = "support-eu"
"#;
    account_tables(sandbox, &eu(), "", "") + lines
}

/// A bridge between two of each vendor.
pub(crate) struct Two {
    pub(crate) bridge: TestBridge,
    pub(crate) eu: Sandbox,
}

impl Two {
    pub(crate) async fn start() -> Self {
        let mut bridge = TestBridge::start().await;
        let eu = Sandbox::start(eu(), bridge.clock.clone()).await.unwrap();
        let accounts = of_eu(&eu);
        bridge.restart_with(|settings| format!("{settings}{accounts}")).await;
        let two = Self { bridge, eu };
        two.eu.connect(&two.bridge.public);
        two
    }

    /// Moves time on until nothing is under way anywhere.
    pub(crate) async fn settled(&self) {
        loop {
            self.bridge.settled().await;
            if self.eu.zendesk.is_idle() && self.eu.braze.is_idle() {
                break;
            }
            self.eu.wait_until(crate::support::QUIET, || false).await;
        }
        self.bridge.settled().await;
    }

    async fn restart(&mut self) {
        self.bridge.restart_with(str::to_owned).await;
        self.eu.connect(&self.bridge.public);
    }

    fn sandboxes(&self) -> [&Sandbox; 2] {
        [&self.bridge.sandbox, &self.eu]
    }
}

/// A customer of this name; returns Braze's id.
pub(crate) fn customer(sandbox: &Sandbox, name: &str) -> String {
    let profile = Profile { external_id: Some(name.to_owned()), ..Profile::default() };
    sandbox.braze.add_profile(Profile { phone: Some("+15555550100".into()), ..profile })
}

pub(crate) fn ticket(sandbox: &Sandbox, key: &str) -> Ticket {
    let tickets = sandbox.zendesk.tickets().into_iter();
    let mut found = tickets.filter(|ticket| ticket.external_id.as_deref() == Some(key));
    let one = found.next().unwrap_or_else(|| panic!("no ticket of {key}"));
    assert!(found.next().is_none(), "two tickets of {key}");
    one
}

pub(crate) fn texts(sandbox: &Sandbox) -> Vec<String> {
    sandbox.braze.texts().into_iter().map(|text| text.body).collect()
}

pub(crate) fn words(ticket: &Ticket) -> Vec<&str> {
    ticket.comments.iter().map(|comment| comment.plain_body.as_str()).collect()
}

async fn keys(bridge: &TestBridge) -> Vec<String> {
    let known = bridge.conversations().await;
    let mut keys: Vec<String> = known.iter().map(|known| known["key"].as_str().unwrap().to_owned()).collect();
    keys.sort();
    keys
}

#[tokio::test]
async fn one_customer_of_two_accounts_has_two_conversations_and_no_reply_takes_the_other_way() {
    let mut two = Two::start().await;
    for (sandbox, hello) in two.sandboxes().into_iter().zip(["Hello there", "Hello over there"]) {
        let ada = customer(sandbox, "ada");
        sandbox.phone.text(&ada, hello).unwrap();
    }
    two.settled().await;
    assert_eq!(keys(&two.bridge).await, ["ada", "braze-eu:ada"]);
    let numbers = [ticket(&two.bridge.sandbox, "ada").id, ticket(&two.eu, "braze-eu:ada").id];
    assert_eq!(numbers[0], numbers[1], "tickets of two accounts have the same number");
    // In the middle of it all the bridge starts again.
    two.restart().await;
    for (sandbox, reply) in two.sandboxes().into_iter().zip(["Here it is", "There it is"]) {
        sandbox.zendesk.agent_reply(numbers[0], &format!("<p>{reply}</p>"));
    }
    two.settled().await;
    assert_eq!(two.sandboxes().map(texts), [["Here it is"], ["There it is"]]);
    for (sandbox, more) in two.sandboxes().into_iter().zip(["Thanks", "Thanks over there"]) {
        let ada = sandbox.braze.profiles().remove(0).braze_id;
        sandbox.phone.text(&ada, more).unwrap();
    }
    two.settled().await;
    let (here, there) = (ticket(&two.bridge.sandbox, "ada"), ticket(&two.eu, "braze-eu:ada"));
    assert_eq!(words(&here), ["Hello there", "Here it is", "Thanks"]);
    assert_eq!(words(&there), ["Hello over there", "There it is", "Thanks over there"]);
    two.bridge.finish(0).await;
}

#[tokio::test]
async fn a_webhook_is_verified_by_its_own_accounts_secrets_alone() {
    let two = Two::start().await;
    let bell = r#"{"event": "agent_reply", "ticket_id": 1, "comment_id": 2}"#;
    let (status, _) = answer(two.bridge.signed("/webhooks/zendesk", bell)).await;
    assert_eq!(status, 202, "signed with the first desk's secret");
    let text = json!({"channel": "sms", "category": "other", "external_id": "eve", "text": "Hi"}).to_string();
    let as_braze = |path: &str| {
        let request = two.bridge.as_braze(reqwest::Method::POST, path, &text);
        request.header("Content-Type", "application/json")
    };
    assert_eq!(answer(as_braze("/webhooks/braze")).await.0, 202);
    for request in [
        two.bridge.signed("/webhooks/support-eu", bell),
        two.bridge.signed("/webhooks/braze-eu", bell),
        as_braze("/webhooks/braze-eu"),
        as_braze("/webhooks/support-eu"),
        as_braze("/webhooks/zendesk"),
        as_braze("/webhooks/braze-eu/currents"),
    ] {
        let (status, body) = answer(request).await;
        assert_eq!(status, 401, "{body}");
    }
    let unknown = answer(as_braze("/elsewhere")).await;
    assert_eq!(unknown.0, 404);
    for path in ["/webhooks/other", "/webhooks/other/currents", "/webhooks/zendesk/currents", "/webhooks/%FF"] {
        assert_eq!(answer(as_braze(path)).await, unknown, "{path}");
        let other_method = answer(two.bridge.http.get(format!("{}{path}", two.bridge.public))).await;
        assert_eq!(other_method, unknown, "{path}");
    }
    let metrics = two.bridge.http.get(format!("{}/metrics", two.bridge.operator)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    for (endpoint, cause) in
        [("support-eu", "wrong_signature"), ("braze-eu", "wrong_token"), ("braze-eu", "missing_token")]
    {
        let line = format!("tandem_refused_total{{endpoint=\"{endpoint}\",cause=\"{cause}\"}} 1\n");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    two.settled().await;
    assert_eq!(keys(&two.bridge).await, ["eve"]);
    two.bridge.finish(0).await;
}

#[tokio::test]
async fn a_pause_of_one_account_holds_no_other() {
    let two = Two::start().await;
    let pause = async |how: &str| {
        let url = format!("{}/api/destinations/support-eu/{how}", two.bridge.operator);
        let (status, body) = answer(two.bridge.http.post(url).body("")).await;
        assert_eq!(status, 200, "{body}");
    };
    pause("pause").await;
    for sandbox in two.sandboxes() {
        sandbox.phone.text(&customer(sandbox, "ada"), "Hello").unwrap();
    }
    let waiting = two.bridge.until_deliveries("the first desk goes on", |deliveries| {
        deliveries.len() == 2 && deliveries.iter().any(|delivery| delivery["state"] == "delivered")
    });
    let waiting: Vec<Value> = waiting.await.into_iter().filter(|delivery| delivery["state"] == "pending").collect();
    assert_eq!(waiting.len(), 1);
    assert_eq!(
        (&waiting[0]["conversation"], &waiting[0]["destination"]),
        (&"braze-eu:ada".into(), &"support-eu".into())
    );
    assert!(two.eu.zendesk.tickets().is_empty() && two.eu.zendesk.calls().is_empty());
    let (_, listed) = answer(two.bridge.http.get(format!("{}/api/destinations", two.bridge.operator))).await;
    let standing = |listed: &Value| {
        let items = listed["items"].as_array().unwrap().iter();
        items.map(|one| (one["destination"].as_str().unwrap().to_owned(), one["paused"] == true)).collect::<Vec<_>>()
    };
    let expected = [("zendesk", false), ("braze", false), ("support-eu", true), ("braze-eu", false)];
    let mut standing = standing(&listed);
    standing.sort();
    let mut expected = expected.map(|(name, paused)| (name.to_owned(), paused));
    expected.sort();
    assert_eq!(standing, expected);
    pause("resume").await;
    two.settled().await;
    assert_eq!(words(&ticket(&two.eu, "braze-eu:ada")), ["Hello"]);
    two.bridge.finish(0).await;
}

#[tokio::test]
async fn a_delivery_for_an_account_that_is_gone_waits_and_the_operator_is_told() {
    let mut two = Two::start().await;
    for sandbox in two.sandboxes() {
        sandbox.phone.text(&customer(sandbox, "ada"), "Hello").unwrap();
    }
    two.settled().await;
    let number = ticket(&two.eu, "braze-eu:ada").id;
    // The text goes to the desk that is gone, and the pause keeps it until then.
    let url = format!("{}/api/destinations/support-eu/pause", two.bridge.operator);
    assert_eq!(answer(two.bridge.http.post(url).body("")).await.0, 200);
    let ada = two.eu.braze.profiles().remove(0).braze_id;
    two.eu.phone.text(&ada, "Still there?").unwrap();
    two.eu.zendesk.agent_reply(number, "<p>Soon</p>");
    two.bridge
        .until_deliveries("both wait", |all| all.iter().filter(|one| one["state"] == "pending").count() == 2)
        .await;
    let with_both = std::fs::read_to_string(two.bridge.directory.path().join(crate::support::CONFIG_FILE)).unwrap();
    two.bridge.restart_with(|settings| settings.split("[accounts.support-eu]").next().unwrap().to_owned()).await;
    let note = async || {
        let (status, ready) = answer(two.bridge.http.get(format!("{}/readyz", two.bridge.operator))).await;
        (status, ready.to_string())
    };
    let mut told = note().await;
    while !told.1.contains("support-eu") {
        two.bridge.clock.advance(jiff::SignedDuration::from_secs(1));
        told = note().await;
    }
    assert!(told.0 == 200 && told.1.contains("which the configuration does not name"), "{told:?}");
    let (_, ready) = answer(two.bridge.http.get(format!("{}/readyz", two.bridge.operator))).await;
    let ours = ready["notes"].as_array().unwrap().iter().filter_map(Value::as_str);
    let ours = ours.filter(|note| note.starts_with("accounts: ")).map(|note| note.replace("support-eu", "…"));
    let ours: Vec<String> = ours.collect();
    assert_eq!(ours.len(), 1, "{ready}");
    assert!(shipped("docs/runbook.md").contains(&format!("`{}`", ours[0])), "the runbook lacks {ours:?}");
    // Two days later they still wait.
    two.bridge.clock.advance(jiff::SignedDuration::from_hours(48));
    let ours = two.bridge.sandbox.braze.profiles().remove(0).braze_id;
    two.bridge.sandbox.phone.text(&ours, "I am here").unwrap();
    two.bridge.until("the other goes on", |bridge| words(&ticket(&bridge.sandbox, "ada")).len() == 2).await;
    let waiting = two.bridge.deliveries("").await;
    assert_eq!(waiting.iter().filter(|one| one["state"] == "pending" || one["state"] == "waiting").count(), 2);
    assert_eq!((texts(&two.bridge.sandbox), texts(&two.eu)), (Vec::new(), Vec::new()));
    let again = with_both.split_once("[accounts.support-eu]").unwrap().1;
    two.bridge.restart_with(|settings| format!("{settings}[accounts.support-eu]{again}")).await;
    two.eu.connect(&two.bridge.public);
    let url = format!("{}/api/destinations/support-eu/resume", two.bridge.operator);
    assert_eq!(answer(two.bridge.http.post(url).body("")).await.0, 200);
    two.settled().await;
    assert_eq!(words(&ticket(&two.eu, "braze-eu:ada")), ["Hello", "Soon", "Still there?"]);
    assert_eq!((texts(&two.bridge.sandbox), texts(&two.eu)), (Vec::new(), vec!["Soon".to_owned()]));
    let (_, ready) = answer(two.bridge.http.get(format!("{}/readyz", two.bridge.operator))).await;
    assert!(!ready.to_string().contains("support-eu"), "{ready}");
    two.bridge.finish(0).await;
}

#[tokio::test]
async fn a_text_whose_carrier_is_gone_waits_at_its_desk_and_is_not_given_up() {
    let mut two = Two::start().await;
    let order = async |two: &Two, how: &str| {
        let url = format!("{}/api/destinations/support-eu/{how}", two.bridge.operator);
        assert_eq!(answer(two.bridge.http.post(url).body("")).await.0, 200);
    };
    order(&two, "pause").await;
    two.eu.phone.text(&customer(&two.eu, "ada"), "Hello").unwrap();
    two.bridge.until_deliveries("it waits", |all| all.len() == 1).await;
    let with_both = of_eu(&two.eu);
    let without = with_both.split_once("[accounts.braze-eu]").unwrap().0.to_owned();
    let us = "[[lines]]\nname = \"us\"\ncarrier = \"braze\"\ndesk = \"zendesk\"\n";
    two.bridge.restart_with(|settings| settings.replace(&with_both, &format!("{without}{us}"))).await;
    order(&two, "resume").await;
    let is_put_off = |all: &[Value]| all[0]["cause"].as_str().unwrap_or_default() == "braze-eu is not configured";
    two.bridge.until_deliveries("it is put off", is_put_off).await;
    let (_, ready) = answer(two.bridge.http.get(format!("{}/readyz", two.bridge.operator))).await;
    assert!(ready.to_string().contains("deliveries wait for braze-eu"), "{ready}");
    two.bridge.clock.advance(jiff::SignedDuration::from_hours(48));
    two.bridge.until_deliveries("it is put off again", |all| all[0]["state"] == "waiting" && is_put_off(all)).await;
    two.bridge.restart_with(|settings| settings.replace(&format!("{without}{us}"), &with_both)).await;
    two.eu.connect(&two.bridge.public);
    two.settled().await;
    assert_eq!(words(&ticket(&two.eu, "braze-eu:ada")), ["Hello"]);
    two.bridge.finish(0).await;
}

#[tokio::test]
async fn a_text_to_an_id_that_begins_with_a_desks_name_waits_and_readiness_says_for_whom() {
    let mut two = Two::start().await;
    let body = r#"{"event": "agent_reply", "ticket_id": "7", "external_user_id": "support-eu:ada", "text": "Hello"}"#;
    assert_eq!(two.bridge.zendesk_webhook(body).await.0, 202);
    two.bridge.restart_with(str::to_owned).await;
    let ready = || async { answer(two.bridge.http.get(format!("{}/readyz", two.bridge.operator))).await.1 };
    let told = ready().await.to_string();
    assert!(told.contains("deliveries wait for support-eu as a carrier"), "{told}");
    two.bridge.stop().await;
}

/// A bridge with two brands on one desk and one carrier.
pub(crate) async fn two_brands() -> TestBridge {
    let options = SandboxOptions { more_campaigns: vec![UK_REPLY.into()], ..SandboxOptions::default() };
    TestBridge::start_from(options, |sandbox, options| {
        let settings = crate::support::settings(sandbox, options, "", "", "");
        format!(
            r#"{settings}
[[lines]]
name = "uk"
carrier = "braze"
address = "{UK}"
agent_reply = "{UK_REPLY}"
brand_id = 71
group_id = 72
ticket_form_id = 73
tags = ["uk"]
agent_language = "fr"
"#
        )
    })
    .await
}

/// The texts on the phones, each with its campaign.
fn by_campaign(bridge: &TestBridge) -> Vec<(String, String)> {
    let named = |text: PhoneText| {
        let is_uk = text.campaign_id == UK_REPLY;
        (if is_uk { "uk" } else { "default" }.to_owned(), text.body)
    };
    bridge.sandbox.braze.texts().into_iter().map(named).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(line, text)| ((*line).to_owned(), (*text).to_owned())).collect()
}

/// A customer who has written on both lines: Braze's id, the default line's ticket and the other's.
pub(crate) async fn on_both_lines(bridge: &TestBridge) -> (String, u64, u64) {
    let ada = bridge.customer("ada");
    bridge.sandbox.phone.text_to(UK, &ada, "Hello, brand").unwrap();
    bridge.settled().await;
    bridge.sandbox.phone.text(&ada, "Hello").unwrap();
    bridge.settled().await;
    let uk = format!("ada@{UK}");
    assert_eq!(keys(bridge).await, ["ada".to_owned(), uk.clone()]);
    (ada, ticket(&bridge.sandbox, "ada").id, ticket(&bridge.sandbox, &uk).id)
}

fn placement(bridge: &TestBridge, number: u64) -> (Placement, Vec<String>) {
    let ticket = bridge.sandbox.zendesk.ticket(number).unwrap();
    (ticket.placement, ticket.tags)
}

#[tokio::test]
async fn two_brands_on_one_desk_and_one_carrier_have_their_own_tickets_settings_and_campaigns() {
    let mut bridge = two_brands().await;
    let (ada, default, uk) = on_both_lines(&bridge).await;
    let brand = Placement { brand_id: Some(71), group_id: Some(72), ticket_form_id: Some(73) };
    assert_eq!(placement(&bridge, default), (Placement::default(), vec!["sms".to_owned()]));
    assert_eq!(placement(&bridge, uk), (brand, vec!["sms".to_owned(), "uk".to_owned()]));
    bridge.restart_with(str::to_owned).await;
    bridge.sandbox.zendesk.agent_reply(uk, "<p>From the brand</p>");
    bridge.sandbox.zendesk.agent_reply(default, "<p>From us</p>");
    bridge.settled().await;
    let mut sent = by_campaign(&bridge);
    sent.sort();
    assert_eq!(sent, pairs(&[("default", "From us"), ("uk", "From the brand")]));
    // The closed ticket of a line is followed up on that line.
    bridge.sandbox.zendesk.set_status(uk, tandem::sandbox::zendesk::TicketStatus::Closed);
    bridge.settled().await;
    bridge.sandbox.phone.text_to(UK, &ada, "Once more").unwrap();
    bridge.settled().await;
    let follow_up = bridge.sandbox.zendesk.tickets().into_iter().find(|found| found.followup_source_id == Some(uk));
    let follow_up = follow_up.expect("a follow-up");
    assert_eq!((follow_up.placement, follow_up.tags.contains(&"uk".to_owned())), (brand, true));
    assert_eq!(bridge.comments(default), ["Hello", "From us"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_lost_answer_on_one_line_is_cleared_up_behind_a_text_on_another() {
    let bridge = two_brands().await;
    let (_, default, uk) = on_both_lines(&bridge).await;
    bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", FaultKind::LoseAnswer));
    bridge.sandbox.zendesk.agent_reply(default, "<p>To the first line</p>");
    bridge.until("it is out", |bridge| bridge.sandbox.braze.texts().len() == 1).await;
    bridge.sandbox.zendesk.agent_reply(uk, "<p>To the brand's line</p>");
    bridge.settled().await;
    assert_eq!(by_campaign(&bridge), pairs(&[("default", "To the first line"), ("uk", "To the brand's line")]));
    bridge.finish(0).await;
}

#[tokio::test]
async fn notes_to_agents_are_in_the_language_of_their_line() {
    let bridge = two_brands().await;
    let (ada, default, uk) = on_both_lines(&bridge).await;
    bridge.sandbox.phone.text_to(UK, &ada, "STOP").unwrap();
    bridge.sandbox.phone.text(&ada, "STOP").unwrap();
    bridge.settled().await;
    let (default, uk) = (bridge.notes(default).join("\n"), bridge.notes(uk).join("\n"));
    assert!(default.contains("opted out"), "{default}");
    assert!(!uk.is_empty() && !uk.contains("opted out"), "{uk}");
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_ticket_that_moves_to_another_brand_group_or_form_keeps_its_line() {
    let bridge = two_brands().await;
    let (ada, default, uk) = on_both_lines(&bridge).await;
    let elsewhere = Placement { brand_id: Some(1), group_id: Some(2), ticket_form_id: Some(3) };
    let brand = placement(&bridge, uk).0;
    bridge.sandbox.zendesk.move_to(uk, elsewhere);
    bridge.sandbox.zendesk.move_to(default, brand);
    bridge.sandbox.zendesk.agent_reply(uk, "<p>Still the brand</p>");
    bridge.settled().await;
    bridge.sandbox.zendesk.agent_reply(default, "<p>Still us</p>");
    bridge.settled().await;
    bridge.sandbox.phone.text_to(UK, &ada, "Thanks").unwrap();
    bridge.settled().await;
    assert_eq!(by_campaign(&bridge), pairs(&[("uk", "Still the brand"), ("default", "Still us")]));
    assert_eq!(bridge.comments(uk), ["Hello, brand", "Still the brand", "Thanks"]);
    assert_eq!(placement(&bridge, uk).0, elsewhere, "the bridge does not move it back");
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_ticket_merged_into_the_same_customers_ticket_on_another_line_is_answered_on_that_line_once() {
    let bridge = two_brands().await;
    let (ada, default, uk) = on_both_lines(&bridge).await;
    bridge.sandbox.zendesk.merge(default, uk);
    bridge.settled().await;
    bridge.sandbox.zendesk.agent_reply(uk, "<p>After the merge</p>");
    bridge.settled().await;
    bridge.sandbox.phone.text(&ada, "On the first line").unwrap();
    bridge.settled().await;
    assert_eq!(bridge.comments(uk).last().unwrap(), "On the first line", "the text follows the merge");
    bridge.sandbox.zendesk.agent_reply(uk, "<p>To both lines</p>");
    bridge.settled().await;
    bridge.sandbox.phone.text_to(UK, &ada, "On the brand's line").unwrap();
    bridge.settled().await;
    bridge.sandbox.zendesk.agent_reply(uk, "<p>To the brand's line</p>");
    bridge.settled().await;
    bridge.sandbox.phone.text(&ada, "And on the first line again").unwrap();
    bridge.settled().await;
    assert_eq!(bridge.comments(uk).last().unwrap(), "And on the first line again");
    let expected = [("uk", "After the merge"), ("uk", "To both lines"), ("uk", "To the brand's line")];
    assert_eq!(by_campaign(&bridge), pairs(&expected));
    bridge.finish(0).await;
}

/// A ticket of the default line merged into the brand's, whose conversation then goes on to a new ticket: Braze's id of the
/// customer, and the ticket that both were on.
async fn left_to_the_other_line(bridge: &TestBridge) -> (String, u64) {
    let (ada, default, uk) = on_both_lines(bridge).await;
    bridge.sandbox.zendesk.merge(default, uk);
    bridge.settled().await;
    bridge.sandbox.phone.text(&ada, "On the first line").unwrap();
    bridge.settled().await;
    assert_eq!(bridge.comments(uk).last().unwrap(), "On the first line");
    (ada, uk)
}

/// A new ticket of the brand's, on which an agent begins to write to the customer.
fn begin(bridge: &TestBridge, uk: u64, words: &str) {
    let requester_id = bridge.sandbox.zendesk.ticket(uk).unwrap().requester_id;
    let new = NewTicket { requester_id, tags: vec!["sms".into()], ..NewTicket::default() };
    let number = bridge.sandbox.zendesk.add_ticket(new);
    bridge.sandbox.zendesk.move_to(number, Placement { brand_id: Some(71), ..Placement::default() });
    bridge.sandbox.zendesk.agent_reply(number, &format!("<p>{words}</p>"));
}

#[tokio::test]
async fn a_reply_goes_out_once_also_when_its_ticket_is_left_to_the_other_line() {
    let bridge = two_brands().await;
    let (ada, uk) = left_to_the_other_line(&bridge).await;
    bridge.sandbox.zendesk.agent_reply(uk, "<p>To both lines</p>");
    bridge.settled().await;
    begin(&bridge, uk, "On a new ticket");
    bridge.settled().await;
    bridge.sandbox.phone.text(&ada, "Still on the first line").unwrap();
    bridge.settled().await;
    assert_eq!(bridge.comments(uk).last().unwrap(), "Still on the first line");
    bridge.sandbox.zendesk.agent_reply(uk, "<p>To the first line</p>");
    bridge.settled().await;
    let expected = [("uk", "To both lines"), ("uk", "On a new ticket"), ("default", "To the first line")];
    assert_eq!(by_campaign(&bridge), pairs(&expected));
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_doorbell_that_waits_on_one_line_doubles_nothing_when_its_ticket_is_left_to_the_other() {
    let bridge = two_brands().await;
    let (ada, uk) = left_to_the_other_line(&bridge).await;
    // The first reply is tried for so long that the next one's doorbell stands behind it.
    let busy = Fault::on("POST", "/campaigns/trigger/send", FaultKind::status(503)).times(4);
    bridge.sandbox.braze.fail(busy);
    bridge.sandbox.zendesk.agent_reply(uk, "<p>First</p>");
    let is_tried = |all: &[Value]| all.iter().any(|one| one["kind"] == "phone_text" && one["state"] == "waiting");
    bridge.until_deliveries("the first reply waits", is_tried).await;
    bridge.sandbox.zendesk.agent_reply(uk, "<p>Second</p>");
    begin(&bridge, uk, "On a new ticket");
    let bells =
        |all: &[Value]| all.iter().filter(|one| one["kind"] == "agent_reply" && one["state"] != "skipped").count() >= 2;
    bridge.until_deliveries("the doorbells wait", bells).await;
    bridge.sandbox.phone.text(&ada, "Still on the first line").unwrap();
    bridge
        .until("the text is on the ticket", |bridge| {
            bridge.comments(uk).last().is_some_and(|last| last == "Still on the first line")
        })
        .await;
    bridge.sandbox.zendesk.agent_reply(uk, "<p>Third</p>");
    bridge.settled().await;
    let mut sent: Vec<String> = texts(&bridge.sandbox);
    sent.sort();
    assert_eq!(sent, ["First", "On a new ticket", "Second", "Third"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_ticket_given_to_another_customer_sends_nothing_over_either_line() {
    let bridge = two_brands().await;
    let (ada, default, uk) = on_both_lines(&bridge).await;
    let bob = bridge.customer("bob");
    bridge.sandbox.phone.text(&bob, "I am Bob").unwrap();
    bridge.settled().await;
    let bob_user = ticket(&bridge.sandbox, "bob").requester_id;
    bridge.sandbox.zendesk.set_requester(uk, bob_user);
    bridge.sandbox.zendesk.agent_reply(uk, "<p>Not for Ada</p>");
    bridge.settled().await;
    let to_ada = |bridge: &TestBridge| {
        let to = bridge.sandbox.braze.texts().into_iter().filter(|text| text.braze_id == ada);
        to.map(|text| text.body).collect::<Vec<_>>()
    };
    assert_eq!(to_ada(&bridge), [] as [String; 0]);
    bridge.sandbox.zendesk.agent_reply(default, "<p>For Ada</p>");
    bridge.settled().await;
    assert_eq!(to_ada(&bridge), ["For Ada"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn an_agent_who_starts_a_conversation_in_a_brand_reaches_the_customer_over_the_brands_line() {
    let bridge = two_brands().await;
    let (_, default, _) = on_both_lines(&bridge).await;
    let requester_id = bridge.sandbox.zendesk.ticket(default).unwrap().requester_id;
    for (brand_id, words) in [(Some(71), "From the brand"), (Some(9), "From no line's brand"), (None, "From no brand")]
    {
        let new = NewTicket { requester_id, tags: vec!["sms".into()], ..NewTicket::default() };
        let number = bridge.sandbox.zendesk.add_ticket(new);
        bridge.sandbox.zendesk.move_to(number, Placement { brand_id, ..Placement::default() });
        bridge.sandbox.zendesk.agent_reply(number, &format!("<p>{words}</p>"));
        bridge.settled().await;
    }
    let expected = [("uk", "From the brand"), ("default", "From no line's brand"), ("default", "From no brand")];
    assert_eq!(by_campaign(&bridge), pairs(&expected));
    bridge.finish(0).await;
}

#[tokio::test]
async fn lines_that_come_later_keep_the_conversations_of_before() {
    let options = SandboxOptions { more_campaigns: vec![UK_REPLY.into()], ..SandboxOptions::default() };
    let mut bridge = TestBridge::start_in(options, "", "", "").await;
    let ada = bridge.customer("ada");
    bridge.sandbox.phone.text_to(UK, &ada, "Hello, brand").unwrap();
    bridge.settled().await;
    assert_eq!(keys(&bridge).await, ["ada"], "the first line of a customer has the base key");
    let number = ticket(&bridge.sandbox, "ada").id;
    let line =
        format!("[[lines]]\nname = \"uk\"\ncarrier = \"braze\"\naddress = \"{UK}\"\nagent_reply = \"{UK_REPLY}\"\n");
    bridge.restart_with(|settings| format!("{settings}\n{line}")).await;
    bridge.sandbox.phone.text_to(UK, &ada, "Still the brand").unwrap();
    bridge.sandbox.phone.text(&ada, "Another number").unwrap();
    bridge.settled().await;
    assert_eq!(keys(&bridge).await, ["ada", "ada@"]);
    let other = ticket(&bridge.sandbox, "ada@").id;
    bridge.sandbox.zendesk.agent_reply(number, "<p>From the brand</p>");
    bridge.settled().await;
    bridge.sandbox.zendesk.agent_reply(other, "<p>From us</p>");
    bridge.settled().await;
    assert_eq!(by_campaign(&bridge), pairs(&[("uk", "From the brand"), ("default", "From us")]));
    assert_eq!(bridge.comments(number), ["Hello, brand", "Still the brand", "From the brand"]);
    bridge.finish(0).await;
}
