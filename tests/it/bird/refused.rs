//! Bird refuses: a text ends with its reason and the remedy on its ticket, and a refused account holds its texts until it is
//! mended.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tandem::sandbox::bird::BirdOptions;
use tandem::sandbox::server::{Fault, FaultKind};

use super::{NUMBER, SEND, Site};
use crate::alarm::Receiver;
use crate::support::{answer, json as read};

impl Site {
    /// Why Bird refuses the bridge, as the operator sees it.
    async fn refused(&self) -> String {
        let (_, listed) = answer(self.bridge.http.get(format!("{}/api/destinations", self.bridge.operator))).await;
        let all = listed["items"].as_array().expect("a list").clone();
        let bird = all.into_iter().find(|one| one["destination"] == "bird").expect("Bird is among them");
        bird["refused"].as_str().unwrap_or_default().to_owned()
    }

    /// The page of the console with all that wants the operator.
    async fn page(&self) -> String {
        let shown = self.bridge.http.get(format!("{}/console", self.bridge.operator)).send().await.expect("a page");
        read(shown).await.as_str().expect("a page").to_owned()
    }

    async fn until_refused(&self, status: &str) {
        self.bridge.until_deliveries("the reply waits", |all| all.iter().any(|one| one["state"] == "waiting")).await;
        let refused = self.refused().await;
        assert!(refused.contains(&format!("answered {status}")), "{refused}");
    }
}

fn refusal(status: u16, kind: &str, name: &str) -> FaultKind {
    let error = json!({"error": {"type": kind, "code": "E02001", "name": name, "message": "to +15550123456"}});
    FaultKind::Status { code: status, headers: Vec::new(), body: error.to_string() }
}

/// Bird's list shows no text for so many looks.
fn unseen() -> Fault {
    let body = json!({"data": [], "next_cursor": null}).to_string();
    Fault::on("GET", SEND, FaultKind::Status { code: 200, headers: Vec::new(), body }).times(20)
}

#[tokio::test]
async fn a_refused_text_ends_with_its_meaning_and_the_remedy_on_its_ticket() {
    for (name, remedy) in [
        ("SMSNoEligibleSender", "a number that the workspace owns"),
        ("SMSUnsupportedFeature", "send plain words"),
        ("SMSInvalidRecipient", "cannot be texted"),
    ] {
        let site = Site::start().await;
        let ticket = site.talking().await;
        site.bird.fail(Fault::on("POST", SEND, refusal(422, "validation_error", name)));
        site.bridge.sandbox.zendesk.agent_reply(ticket, "one");
        site.settled().await;
        let notes = site.bridge.notes(ticket);
        assert!(notes.len() == 1 && notes[0].contains(name) && notes[0].contains(remedy), "{notes:?}");
        assert_eq!((site.sends(), site.words().len()), (1, 0), "it is not sent again");
        site.finish(1).await;
    }
}

#[tokio::test]
async fn a_spent_balance_holds_texts_until_it_is_topped_up() {
    let receiver = Receiver::default();
    let alarm = format!("[alarm]\nurl = \"{}\"\n", receiver.start().await);
    let site = Site::start_on("", "", &alarm).await;
    let ticket = site.talking().await;
    site.bird.set_spent(true);
    site.bridge.sandbox.zendesk.agent_reply(ticket, "one");
    site.until_refused("402").await;
    let page = site.page().await;
    assert!(page.contains("Top up the balance of the Bird workspace"), "{page}");
    let told = |receiver: &Receiver| {
        receiver.posts().iter().any(|post| {
            post["text"].as_str().is_some_and(|text| text.contains("bird refuses the bridge: Bird answered 402"))
        })
    };
    site.bridge.until("the operator is told", |_| told(&receiver)).await;
    site.bridge.until("it is tried again", |_| site.sends() > 2).await;
    assert_eq!(site.words(), [""; 0]);
    // Bird replays its refusal to the keys under which the text came until then.
    site.bird.set_spent(false);
    let topped_up = site.bridge.clock.now();
    site.settled().await;
    assert_eq!((site.words(), site.bridge.notes(ticket)), (vec!["one".to_owned()], Vec::new()), "the same text, once");
    let waited = site.bridge.clock.now().duration_since(topped_up);
    assert!(waited < SignedDuration::from_mins(2), "it waited for {waited:#} more");
    assert_eq!(site.refused().await, "");
    site.finish(0).await;
}

#[tokio::test]
async fn a_text_that_lost_its_answer_after_a_refusal_is_one_text() {
    let site = Site::start().await;
    let ticket = site.talking().await;
    site.bird.pause_webhooks();
    site.bird.set_spent(true);
    site.bridge.sandbox.zendesk.agent_reply(ticket, "one");
    site.until_refused("402").await;
    site.bird.set_spent(false);
    // It is out, its answer is lost, and the list does not show it.
    site.bird.fail(Fault::on("POST", SEND, FaultKind::LoseAnswer));
    site.bird.fail(unseen());
    site.bridge.settled().await;
    assert_eq!(site.words(), ["one"]);
    let calls = site.bird.calls();
    let keys: Vec<&String> = calls.iter().filter_map(|call| call.headers.get("idempotency-key")).collect();
    let (last, before) = keys.split_last().unwrap();
    assert!(before.last() == Some(last) && before.first() != Some(last), "{keys:?}");
    site.bridge.finish(0).await;
}

#[tokio::test]
async fn a_text_in_doubt_that_is_then_refused_before_its_key_is_looked_at_is_one_text() {
    let site = Site::start().await;
    let ticket = site.talking().await;
    site.bird.pause_webhooks();
    site.bird.fail(Fault::on("POST", SEND, FaultKind::LoseAnswer));
    site.bird.fail(unseen());
    site.bird.fail(Fault::on("POST", SEND, refusal(401, "auth_error", "InvalidApiKey")));
    site.bridge.sandbox.zendesk.agent_reply(ticket, "one");
    site.bridge.settled().await;
    assert_eq!((site.words(), site.sends()), (vec!["one".to_owned()], 3), "lost, refused, and the same text again");
    site.bridge.finish(0).await;
}

#[tokio::test]
async fn a_restart_brings_no_old_refusals_back_once_the_balance_is_topped_up() {
    let mut site = Site::start().await;
    let ticket = site.talking().await;
    site.bird.set_spent(true);
    site.bridge.sandbox.zendesk.agent_reply(ticket, "one");
    site.until_refused("402").await;
    site.bridge.until("it is tried again", |_| site.sends() > 2).await;
    site.bird.set_spent(false);
    let topped_up = site.bridge.clock.now();
    site.restart_with(str::to_owned).await;
    site.settled().await;
    let waited = site.bridge.clock.now().duration_since(topped_up);
    assert_eq!(site.words(), ["one"]);
    assert!(waited < SignedDuration::from_mins(2), "it waited for {waited:#} more");
    site.finish(0).await;
}

#[tokio::test]
async fn a_text_in_doubt_after_an_outage_that_its_first_key_did_not_outlive_is_one_text() {
    let mut site = Site::start().await;
    let ticket = site.talking().await;
    site.bird.pause_webhooks();
    site.bird.set_spent(true);
    site.bridge.sandbox.zendesk.agent_reply(ticket, "one");
    site.until_refused("402").await;
    site.bridge.clock.advance(SignedDuration::from_hours(4));
    let sends = site.sends();
    site.bridge.until("it is refused once more", |_| site.sends() > sends).await;
    site.bird.set_spent(false);
    site.bird.fail(Fault::on("POST", SEND, FaultKind::LoseAnswer));
    site.bird.fail(unseen());
    site.bridge.until("it is out", |_| site.words() == ["one"]).await;
    site.restart_with(str::to_owned).await;
    site.bridge.settled().await;
    assert_eq!(site.words(), ["one"]);
    site.bridge.finish(0).await;
}

#[tokio::test]
async fn a_text_refused_for_its_sender_goes_once_that_is_mended_and_the_text_put_back() {
    let (own, wrong) = (format!("sender = \"{NUMBER}\""), "sender = \"+15550100999\"");
    let mut site = Site::start().await;
    site.restart_with(|settings| settings.replace(&format!("address = \"{NUMBER}\"\n"), "")).await;
    let ticket = site.talking().await;
    site.restart_with(|settings| settings.replace(&own, wrong)).await;
    site.bridge.sandbox.zendesk.agent_reply(ticket, "one");
    site.settled().await;
    assert_eq!((site.words(), site.bridge.deliveries("state=dead").await.len()), (Vec::new(), 1));
    site.restart_with(|settings| settings.replace(wrong, &own)).await;
    let put_back = site.bridge.clock.now();
    let redrive = format!("{}/api/deliveries/redrive?state=dead", site.bridge.operator);
    let (status, told) = answer(site.bridge.http.post(redrive)).await;
    assert_eq!(status, 200, "{told}");
    site.settled().await;
    let waited = site.bridge.clock.now().duration_since(put_back);
    assert_eq!(site.words(), ["one"]);
    assert!(waited < SignedDuration::from_mins(2), "it waited for {waited:#} more");
    site.finish(0).await;
}

#[tokio::test]
async fn a_key_of_another_region_holds_texts_until_the_key_is_right() {
    let own = BirdOptions::default().api_key;
    let other = own.replace("_eu1_", "_us1_");
    let mut site = Site::start().await;
    site.restart_with(|settings| settings.replace(&own, &other)).await;
    let ticket = site.talking().await;
    site.bridge.sandbox.zendesk.agent_reply(ticket, "one");
    site.until_refused("421").await;
    assert!(site.words().is_empty());
    site.restart_with(|settings| settings.replace(&other, &own)).await;
    site.settled().await;
    assert_eq!(site.words(), ["one"]);
    let held: Vec<Value> = site.bridge.deliveries("state=dead").await;
    assert!(held.is_empty(), "{held:?}");
    site.finish(0).await;
}

#[test]
fn a_line_that_bird_cannot_serve_is_a_fault_of_the_configuration() {
    for (keys, fault) in [
        ("channel = \"rcs\"", "which Bird does not carry"),
        ("channel = \"whatsapp\"\ntemplate = \"write again\"", "is no slug"),
        ("channel = \"sms\"\ntemplate = \"please_write_again\"", "has no meaning on sms"),
    ] {
        let text = format!(
            "[accounts.bird]\nvendor = \"bird\"\napi_key = \"bk_eu1_not-real\"\nsigning_secrets = [\"whsec_c2VjcmV0\"]\nsender = \"+15550100900\"\n\
             [[lines]]\nname = \"line\"\ncarrier = \"bird\"\naddress = \"+15550100200\"\n{keys}\n"
        );
        let faults = tandem::config::parse(Some(&text), [], std::path::Path::new(".")).unwrap_err().to_string();
        assert!(faults.contains(fault), "{keys}: {faults}");
    }
}
